// SPDX-License-Identifier: Apache-2.0
//
// Roots that are in no frame: variables in static storage, of the process and
// of each thread, as the tables of the loaded modules list them.
//
// Where a thread's own variables are, only the thread can ask (the dynamic
// linker answers for the calling thread), and the answer changes with dlopen
// and with a thread's first use of a module's variables. So each thread asks
// before it stops, and again only if objects came or went since, or a block was
// missing. A module that is unloaded while its blocks are remembered takes its
// references with it: tables are used only while the registry vouches for them.
//
// Modules that dlopen loaded become known to the registry when a pc in them is
// looked up. A collection may come before that, so the thread that asks for its
// blocks also has new modules registered. That takes the dynamic linker's lock,
// which a stopped thread might hold; hence it is not done while the world is
// stopped.
#include "roots_internal.h"

#include "roots_table.h"

// --- Variables ---------------------------------------------------------------

static enum pcln_status fail(const struct pclnrt_module *m,
                             const struct pcln_sink *sink, const char *fault,
                             const char *text) {
  const struct pcln_report r = {.severity = PCLN_ERROR,
                                .fault = fault,
                                .file = m->id.path,
                                .region = "roots",
                                .text = text};
  pcln_say(sink, &r);
  return PCLN_CORRUPT;
}

// Visits the module's variables, either those of the process or, with `block`,
// those of a thread.
static enum pcln_status visit_module(const struct pclnrt_module *m,
                                     uint64_t block, bool tls,
                                     struct pclnrt_scan *s,
                                     const struct pcln_sink *sink) {
  struct pcln_root_iter it;
  struct pcln_root root;
  s->frame = (struct pclnrt_root_frame){.table = &m->table};
  pcln_roots_begin(&m->table, &it);
  while (pcln_roots_next(&it, &root)) {
    if (root.tls != tls)
      continue;
    const struct pcln_map_row row = pcln_root_row(&root);
    const uint64_t addr = tls ? block + root.va : root.va;
    if (pclnrt_frame_variable(s, &row, addr, root.repeat) != PCLN_OK)
      return fail(m, sink, s->fault, s->text);
  }
  return it.status == PCLN_OK
             ? PCLN_OK
             : fail(m, sink, "roots-bounds",
                    "the list of variables with references cannot be read");
}

// Two threads that met a new module at once have registered it twice.
static bool seen_before(const struct pclnrt_module *m) {
  for (uint32_t i = 1; i < m->number; i++) {
    const struct pclnrt_module *o = pclnrt_module_get(i);
    if (o && o->has_table && o->table.blob.ptr == m->table.blob.ptr &&
        pclnrt_module_alive(o, o->image.text_lo))
      return true;
  }
  return false;
}

enum pcln_status pclnrt_roots_globals(const struct pclnrt_root_visitor *v,
                                      struct pclnrt_root_stats *stats,
                                      const struct pcln_sink *sink) {
  struct pclnrt_scan s = {.v = v, .stats = stats};
  for (uint32_t i = 1; i < pclnrt_module_count(); i++) {
    const struct pclnrt_module *m = pclnrt_module_get(i);
    if (!m || !(m->has_table || m->image.uses_gc) ||
        !pclnrt_module_alive(m, m->image.text_lo))
      continue;
    if (m->image.uses_gc && !(m->has_table && m->table.stackmap_bits))
      return fail(m, sink, "gc-no-table",
                  "its code uses references and it has no table that says "
                  "where they are: link it with the plugin pclntab-ld.so, and "
                  "without -s");
    if (seen_before(m))
      continue;
    const enum pcln_status status = visit_module(m, 0, false, &s, sink);
    if (status != PCLN_OK)
      return status;
  }
  return PCLN_OK;
}

// --- Thread-local variables --------------------------------------------------

// The newest generation of loaded objects that the registry was told of.
static _Atomic uint64_t registered;

static bool has_tls(const struct pcln_table *t) {
  struct pcln_root_iter it;
  struct pcln_root root = {0};
  pcln_roots_begin(t, &it);
  while (pcln_roots_next(&it, &root) && !root.tls)
    ;
  // Roots that cannot be read are an error for whoever visits them.
  return root.tls || it.status != PCLN_OK;
}

static void on_object(void *ctx, const struct pclnrt_object *o) {
  struct pclnrt_tls_blocks *blocks = (struct pclnrt_tls_blocks *)ctx;
  const struct pclnrt_module *m = pclnrt_module_of_object(o);
  if (!m || !m->has_table || !has_tls(&m->table))
    return;
  if (blocks->n < PCLNRT_TLS_MODULES) {
    blocks->of[blocks->n].table = &m->table;
    blocks->of[blocks->n].block = (uintptr_t)o->tls_block;
  }
  blocks->n++;
}

enum pcln_status pclnrt_roots_tls_here(struct pclnrt_tls_blocks *blocks) {
  // Plus one, so that zeroed blocks are of no generation.
  const uint64_t generation = pclnrt_sys_load_generation() + 1;
  bool known = blocks->generation == generation;
  for (uint32_t i = 0; i < blocks->n && known; i++)
    known = blocks->of[i].block != 0;
  if (known)
    return PCLN_OK;
  if (atomic_load_explicit(&registered, memory_order_acquire) != generation) {
    pclnrt_refresh();
    atomic_store_explicit(&registered, generation, memory_order_release);
  }
  blocks->n = 0;
  pclnrt_sys_each_object(on_object, blocks);
  if (blocks->n > PCLNRT_TLS_MODULES) {
    *blocks = (struct pclnrt_tls_blocks){0};
    return PCLN_LIMIT;
  }
  blocks->generation = generation;
  return PCLN_OK;
}

// The module that has the table, if it is still loaded.
static const struct pclnrt_module *module_with(const struct pcln_table *t) {
  for (uint32_t i = 1; i < pclnrt_module_count(); i++) {
    const struct pclnrt_module *m = pclnrt_module_get(i);
    if (m && &m->table == t)
      return pclnrt_module_alive(m, m->image.text_lo) ? m : NULL;
  }
  return NULL;
}

enum pcln_status pclnrt_roots_tls(const struct pclnrt_tls_blocks *blocks,
                                  const struct pclnrt_root_visitor *v,
                                  struct pclnrt_root_stats *stats,
                                  const struct pcln_sink *sink) {
  struct pclnrt_scan s = {.v = v, .stats = stats};
  for (uint32_t i = 0; i < blocks->n; i++) {
    const struct pcln_table *t = blocks->of[i].table;
    const struct pclnrt_module *m = blocks->of[i].block ? module_with(t) : NULL;
    if (!m)
      continue;
    const enum pcln_status status =
        visit_module(m, blocks->of[i].block, true, &s, sink);
    if (status != PCLN_OK)
      return status;
  }
  return PCLN_OK;
}
