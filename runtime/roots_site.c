// SPDX-License-Identifier: Apache-2.0
//
// What a frame is, by its pc: one with pointer maps, a foreign one, the
// runtime's own, and, where there are maps, which rows hold.
//
// A lookup decodes a func record, a stream and two map headers, some 200 ns.
// But a program has few return addresses at which collections meet it, so the
// result is kept (roots_cache.h).
//
// Entries point into tables of modules that may be unloaded. They name the
// module by its number, which is never given again, and registry.c is asked
// whether it is still there, as for cached unwind rules.
#include "roots_internal.h"

#include "bytes.h"
#include "roots_cache.h"

#include <string.h>

// --- The cache ---------------------------------------------------------------

enum { PLAIN = 1, PAIRS = 2, AT_SP = 4 };

// Words: key; the two rows; both sizes; both places; the row's number; the
// rest: func_idx in the low half, then 16 bits module, 8 bits kind and 8 bits
// flags.
enum { KEY, LOCALS, ARGS, SIZES, PLACES, ROW, IDENTITY };
static pclnrt_kept_table sites;

static uint64_t join(uint32_t lo, uint32_t hi) {
  return (uint64_t)hi << 32 | lo;
}

static bool cached(uint64_t key, struct pclnrt_site *out) {
  uint64_t w[PCLNRT_KEPT_WORDS];
  if (!pclnrt_kept_get(sites, key, w))
    return false;
  const struct pclnrt_module *m =
      pclnrt_module_get((uint32_t)(w[IDENTITY] >> 32 & 0xffff));
  if (!m || !pclnrt_module_alive(m, key))
    return false;
  *out = (struct pclnrt_site){
      .table = m->has_table ? &m->table : NULL,
      .func_idx = (uint32_t)w[IDENTITY],
      .kind = (uint8_t)(w[IDENTITY] >> 48),
      .plain = w[IDENTITY] >> 56 & PLAIN,
      .pairs = w[IDENTITY] >> 56 & PAIRS,
      .at_sp = w[IDENTITY] >> 56 & AT_SP,
      .locals = (const uint8_t *)w[LOCALS],
      .args = (const uint8_t *)w[ARGS],
      .n_locals = (uint32_t)w[SIZES],
      .n_args = (uint32_t)(w[SIZES] >> 32),
      .row = (uint32_t)w[ROW],
      .locals_off = (int32_t)(uint32_t)w[PLACES],
      .args_off = (int32_t)(uint32_t)(w[PLACES] >> 32),
  };
  return true;
}

static void remember(uint64_t key, uint32_t module,
                     const struct pclnrt_site *s) {
  const uint64_t flags = (s->plain ? PLAIN : 0u) | (s->pairs ? PAIRS : 0u) |
                         (s->at_sp ? AT_SP : 0u);
  const uint64_t w[PCLNRT_KEPT_WORDS] = {
      [KEY] = key,
      [LOCALS] = (uint64_t)s->locals,
      [ARGS] = (uint64_t)s->args,
      [SIZES] = join(s->n_locals, s->n_args),
      [PLACES] = join((uint32_t)s->locals_off, (uint32_t)s->args_off),
      [ROW] = s->row,
      [IDENTITY] =
          join(s->func_idx, module) | (uint64_t)s->kind << 48 | flags << 56,
  };
  pclnrt_kept_put(sites, w);
}

// --- Functions without maps --------------------------------------------------

static bool has_prefix(const char *s, const char *prefix) {
  return strncmp(s, prefix, strlen(prefix)) == 0;
}

// The functions of a static libc that start a thread or the program.
static bool starts_threads(const char *name) {
  static const char *const names[] = {"_start",  "start_thread", "clone",
                                      "__clone", "clone3",       "__clone3"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(name, names[i]) == 0)
      return true;
  return has_prefix(name, "__libc_start_");
}

static enum pclnrt_site_kind kind_of_name(const char *name) {
  if (strcmp(name, "pclnrt_gc_call_out") == 0)
    return PCLNRT_SITE_CALL_OUT;
  if (has_prefix(name, "pclnrt_"))
    return PCLNRT_SITE_RUNTIME;
  return starts_threads(name) ? PCLNRT_SITE_START : PCLNRT_SITE_FOREIGN;
}

// Whether the module is our own shared library, of which only the public
// functions can be named.
static bool is_runtime(const struct pclnrt_module *m) {
  const uint64_t self = (uint64_t)&pclnrt_roots_stack;
  const char *slash = strrchr(m->id.path, '/');
  return !m->has_table && self >= m->image.text_lo && self < m->image.text_hi &&
         has_prefix(slash ? slash + 1 : m->id.path, "libpclnrt.so");
}

static enum pclnrt_site_kind unmapped_kind(const struct pclnrt_module *m,
                                           uint64_t key, const char *name) {
  uint64_t entry;
  if (!name)
    name = pclnrt_image_symbol(&m->image, key, &entry);
  const enum pclnrt_site_kind kind =
      name ? kind_of_name(name) : PCLNRT_SITE_FOREIGN;
  if (kind != PCLNRT_SITE_FOREIGN)
    return kind;
  if (is_runtime(m))
    return PCLNRT_SITE_RUNTIME;
  return pclnrt_module_is_libc(m) ? PCLNRT_SITE_START : PCLNRT_SITE_FOREIGN;
}

// --- Functions with maps -----------------------------------------------------

bool pclnrt_row_has_items(const struct pcln_map_row *row) {
  struct pcln_word w;
  for (uint32_t next = 0; pcln_words_next(row, &next, &w);)
    if (w.kind >= PCLN_WORD_STRING)
      return true;
  return false;
}

// Takes the locals' row. What it does not store are scalars. A row of nothing
// else is none, of a map that ends where it does: that a frame holds no
// references is the most frequent row of all.
static void take_locals(const struct pcln_stackmap *map,
                        struct pclnrt_site *s) {
  struct pcln_map_row row = map->locals;
  struct pcln_word w = {.kind = PCLN_WORD_SCALAR};
  s->at_sp = map->locals_at_sp;
  s->locals_off = map->locals_off;
  s->n_locals = map->conservative;
  row.n_words = row.n_stored;
  s->plain = !pclnrt_row_has_items(&row);
  for (uint32_t next = 0;
       w.kind == PCLN_WORD_SCALAR && pcln_words_next(&row, &next, &w);)
    ;
  if (w.kind == PCLN_WORD_SCALAR) {
    s->locals_off += (int32_t)(map->locals.n_words * sizeof(uintptr_t));
    return;
  }
  s->locals = row.bits;
  s->n_locals = row.n_stored;
}

// PCLN_OK: the function has a map. PCLN_NOT_FOUND: neither.
static enum pcln_status has_maps(const struct pcln_table *t,
                                 const struct pcln_func *f) {
  struct pcln_ptrmap map;
  const enum pcln_status a = pcln_ptrmap(t, f, PCLN_MAP_ARGS, &map);
  return a == PCLN_NOT_FOUND ? pcln_ptrmap(t, f, PCLN_MAP_LOCALS, &map) : a;
}

static void take_args(const struct pcln_table *t, const struct pcln_func *f,
                      const struct pcln_stackmap *map, struct pclnrt_site *s) {
  struct pcln_ptrmap args;
  s->plain &= !pclnrt_row_has_items(&map->args);
  s->args = map->args.bits;
  s->n_args = map->args.n_words;
  s->args_off = map->args_off;
  // Arguments that no map tells of, but the record their size.
  if (!s->args && f->args > 0 &&
      pcln_ptrmap(t, f, PCLN_MAP_ARGS, &args) == PCLN_NOT_FOUND)
    s->n_args = (uint32_t)f->args / t->ptr_size;
}

// PCLN_NOT_FOUND: the function has no maps.
static enum pcln_status read_maps(const struct pcln_table *t,
                                  const struct pcln_func *f, uint64_t key,
                                  struct pclnrt_site *s) {
  struct pcln_stackmap map;
  int32_t index;
  enum pcln_status status =
      pcln_pcdata_at(t, f, PCLN_PCDATA_STACKMAP, key, &index);
  if (status != PCLN_OK)
    return PCLN_CORRUPT;
  if (index == PCLN_STACKMAP_NO_SAFEPOINT) {
    s->kind = PCLNRT_SITE_NO_SAFEPOINT;
    return has_maps(t, f);
  }
  status = pcln_stackmap_at(t, f, key, &map);
  if (status != PCLN_OK)
    return status;
  if (t->stackmap_bits != 2 || !map.placed)
    return PCLN_UNSUPPORTED;
  s->kind = PCLNRT_SITE_MAPS;
  take_locals(&map, s);
  take_args(t, f, &map, s);
  struct pcln_derived_iter pairs;
  status = pcln_derived_begin(t, f, &map, &pairs);
  s->row = map.idx;
  s->pairs = status == PCLN_OK;
  return status == PCLN_CORRUPT ? status : PCLN_OK;
}

// The record of July 2013. Its compilers counted `nptrs` in bits or in words of
// 32 bits, so it is trusted only as far as the arguments go.
static enum pcln_status read_record(struct pcln_span bytes, int32_t args,
                                    struct pclnrt_site *s) {
  struct pcln_cursor c = pcln_cursor_at(bytes.ptr, bytes.len, false);
  s->n_locals = pcln_u32(&c);
  uint32_t n_bitmap = pcln_u32(&c);
  if (c.failed)
    return PCLN_CORRUPT;
  s->kind = PCLNRT_SITE_RECORD;
  s->n_args = PCLNRT_ARGS_UNKNOWN;
  if (n_bitmap > pcln_left(&c) / 4)
    n_bitmap = (uint32_t)(pcln_left(&c) / 4);
  if (args >= 0) {
    s->n_args = (uint32_t)args / sizeof(void *);
    if (n_bitmap > (s->n_args + 31) / 32)
      n_bitmap = (s->n_args + 31) / 32;
  }
  if (n_bitmap == 0)
    return PCLN_OK;
  s->args = c.pos;
  if (n_bitmap < (s->n_args + 31) / 32)
    s->n_args = n_bitmap * 32;
  return PCLN_OK;
}

// Fills *s for a function of a table. PCLN_NOT_FOUND: nobody described it.
static enum pcln_status described(const struct pcln_table *t,
                                  const struct pcln_func *f, uint64_t key,
                                  struct pclnrt_site *s) {
  struct pcln_span record;
  s->func_idx = f->idx;
  enum pcln_status status = read_maps(t, f, key, s);
  if (status != PCLN_NOT_FOUND)
    return status;
  status = pcln_funcdata(t, f, PCLN_FUNCDATA_GC, &record);
  if (status != PCLN_OK)
    return status;
  // Where there is no map of locals, they end where they would begin.
  if (!pcln_frame_layout(t, f, key, &s->locals_off, &s->args_off))
    return PCLN_UNSUPPORTED;
  return read_record(record, f->args, s);
}

static enum pcln_status find_cold(uint64_t key, struct pclnrt_site *s,
                                  uint32_t *module) {
  const struct pclnrt_module *m = pclnrt_module_find(key);
  if (!m)
    return PCLN_NOT_FOUND;
  *module = m->number;
  *s = (struct pclnrt_site){.table = m->has_table ? &m->table : NULL};
  const char *name = NULL;
  if (m->has_table) {
    struct pcln_func f;
    enum pcln_status status = pcln_find_func(&m->table, key, &f);
    if (status == PCLN_OK && !f.hole) {
      status = described(&m->table, &f, key, s);
      if (status == PCLN_OK)
        return PCLN_OK;
      name = f.name;
    }
    if (status != PCLN_OK && status != PCLN_NOT_FOUND)
      return PCLN_CORRUPT;
  }
  s->kind = (uint8_t)unmapped_kind(m, key, name);
  return PCLN_OK;
}

enum pcln_status pclnrt_site_find(uint64_t key, struct pclnrt_site *out) {
  if (__builtin_expect(cached(key, out), 1))
    return PCLN_OK;
  uint32_t module;
  const enum pcln_status status = find_cold(key, out, &module);
  if (status == PCLN_OK)
    remember(key, module, out);
  return status;
}

void pclnrt_test_empty_sites(void) {
  for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
    atomic_store(&sites[i].words[KEY], 0);
}
