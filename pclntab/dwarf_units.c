// SPDX-License-Identifier: Apache-2.0
//
// All units: which describes which function, and their work in parallel.
//
// Several units may describe one function: linkers redirect what a discarded
// COMDAT copy said to the copy they kept. The unit that comes first in
// .debug_info wins, as in llvm-symbolizer. That is settled before any function
// is built, by an atomic minimum of claims, so only winners do the work and the
// outcome does not depend on threads. A claim is by the unit's own ranges; only
// a unit that has none, or can have but one, is asked for its line program. A
// function's first byte counts more than bytes in its midst (an unsized symbol
// may reach over the padding into the next unit's code).
//
// Order: headers (serial, they are few) | abbreviations | claims | units, the
// largest first so that the last one to finish is a small one.
#include "dwarf_build.h"
#include "parallel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

// A claim is a unit's index; these bits make it a weaker one.
#define CLAIM_BY_LINES UINT32_C(0x80000000)
#define CLAIM_MIDST UINT32_C(0x40000000)
#define CLAIM_UNIT UINT32_C(0x3fffffff)

struct run {
  struct pcln_dw dw;
  struct pcln_dw_build build;
  unsigned threads;
  struct pcln_dw_builder *builders; // one for each worker
  struct pcln_arena *arenas;
  _Atomic uint32_t *claims; // by function
  uint32_t *owner, *slot;   // by function
  uint32_t *order;          // functions grouped by unit
  uint32_t *first;          // of each unit, in `order`
  uint32_t *cu_of;          // unit -> model's unit
  uint32_t *queue;          // units to build, largest first
  size_t n_queue;
  struct pcln_cu_def *cus;
  atomic_uint_fast64_t work;
  pthread_mutex_t lock; // of the next two
  struct pcln_dw_fault fault;
  size_t fault_unit; // the lowest
};

static void fail(struct run *r, size_t unit, const struct pcln_dw_fault *f) {
  pthread_mutex_lock(&r->lock);
  if (r->fault.status == PCLN_OK || unit < r->fault_unit) {
    r->fault = *f;
    r->fault_unit = unit;
  }
  pthread_mutex_unlock(&r->lock);
}

// Charges work; false: more than the input explains. The sum over all units
// does not depend on threads, so neither does whether it is too much.
static bool charge(struct run *r, uint64_t work) {
  return atomic_fetch_add(&r->work, work) + work <= r->dw.budget;
}

// --- Abbreviations ----------------------------------------------------------

static void read_abbrevs(void *ctx, size_t item, unsigned worker) {
  struct run *r = ctx;
  (void)worker;
  struct pcln_dw_abbrevs *t = &r->dw.tables[item];
  if (charge(r, 0))
    pcln_dw_abbrevs_read(&r->dw.sec, t);
  charge(r, 8 * t->len); // a table takes more room than its bytes
}

// --- Claims -----------------------------------------------------------------

static void claim(_Atomic uint32_t *at, uint32_t key) {
  uint32_t old = atomic_load_explicit(at, memory_order_relaxed);
  while (key < old &&
         !atomic_compare_exchange_weak_explicit(
             at, &old, key, memory_order_relaxed, memory_order_relaxed)) {
  }
}

static uint64_t claim_range(struct run *r, uint64_t lo, uint64_t hi,
                            uint32_t key, size_t *hint) {
  const struct pcln_module *m = r->build.module;
  uint64_t work = 0;
  for (size_t i = pcln_dw_func_at(m, lo, hint);
       i < m->n_funcs && m->funcs[i].va < hi; i++, work++)
    claim(&r->claims[i], lo <= m->funcs[i].va ? key : key | CLAIM_MIDST);
  return work;
}

// A unit whose DIE does not say what code is its own.
static enum pcln_status claim_by_lines(struct run *r, struct pcln_dw_unit *u,
                                       struct pcln_dw_builder *b, uint32_t key,
                                       struct pcln_dw_fault *fault) {
  struct pcln_dw_notes unused = {0}; // said when the unit is built
  enum pcln_status st = pcln_dw_lines_header(&r->dw, u, &b->lines, fault);
  if (st == PCLN_OK)
    st = pcln_dw_lines_run(&b->lines, &unused, fault);
  uint64_t work = b->lines.work;
  for (size_t i = 0; i < b->lines.n_seqs && st == PCLN_OK; i++)
    work += claim_range(r, b->lines.seqs[i].lo, b->lines.seqs[i].hi,
                        key | CLAIM_BY_LINES, &b->tree.hint);
  charge(r, work);
  return st;
}

static enum pcln_status claim_by_ranges(struct run *r, struct pcln_dw_unit *u,
                                        const struct pcln_dw_attrs *attrs,
                                        struct pcln_dw_builder *b, uint32_t key,
                                        struct pcln_dw_fault *fault) {
  struct pcln_dw_ranges it;
  uint64_t lo, hi, work = 0;
  pcln_dw_ranges_begin(&it, &r->dw, u, attrs);
  while (pcln_dw_ranges_next(&it, &lo, &hi)) {
    work += claim_range(r, lo, hi, key, &b->tree.hint);
    if (work + it.work > r->dw.budget)
      break;
  }
  charge(r, work + it.work);
  if (it.c.failed)
    return pcln_dw_corrupt(fault, "dwarf-ranges", ".debug_info", u->die,
                           "the unit's range list is malformed or outside its "
                           "section");
  return PCLN_OK;
}

static void claim_unit(void *ctx, size_t item, unsigned worker) {
  struct run *r = ctx;
  struct pcln_dw_unit *u = &r->dw.units[item];
  struct pcln_dw_builder *b = &r->builders[worker];
  struct pcln_dw_fault fault = {0};
  struct pcln_dw_attrs attrs;
  if (u->skip || !charge(r, 0))
    return;
  enum pcln_status st = pcln_dw_unit_die(&r->dw, u, &attrs, &b->notes, &fault);
  if (st == PCLN_OK && !u->skip) {
    if (u->has_pcs)
      st = claim_by_ranges(r, u, &attrs, b, (uint32_t)item, &fault);
    // Version 2 has no lists of ranges: its one range may be .text alone.
    if ((!u->has_pcs || u->params.version == 2) && st == PCLN_OK &&
        u->stmt_list != PCLN_DW_NONE && !u->partial)
      st = claim_by_lines(r, u, b, (uint32_t)item, &fault);
  }
  if (st != PCLN_OK)
    fail(r, item, &fault);
}

// --- Units ------------------------------------------------------------------

struct sized_unit {
  uint64_t size; // bytes
  uint32_t unit;
};

static int by_size(const void *a, const void *b) {
  const struct sized_unit *x = a, *y = b;
  if (x->size != y->size)
    return x->size > y->size ? -1 : 1;
  return (x->unit > y->unit) - (x->unit < y->unit);
}

// Puts the units that own functions into the queue.
static bool fill_queue(struct run *r) {
  struct sized_unit *entry = calloc(r->dw.n_units + 1, sizeof *entry);
  if (!entry)
    return false;
  for (size_t i = 0; i < r->dw.n_units; i++) {
    if (r->first[i] == r->first[i + 1])
      continue;
    r->cu_of[i] = (uint32_t)r->n_queue;
    entry[r->n_queue].unit = (uint32_t)i;
    entry[r->n_queue++].size = r->dw.units[i].end - r->dw.units[i].off;
  }
  qsort(entry, r->n_queue, sizeof *entry, by_size);
  for (size_t i = 0; i < r->n_queue; i++)
    r->queue[i] = entry[i].unit;
  free(entry);
  return true;
}

// From claims to each unit's functions, ascending.
static bool settle_claims(struct run *r) {
  const size_t n = r->build.module->n_funcs;
  for (size_t i = 0; i < n; i++) {
    const uint32_t key = atomic_load(&r->claims[i]);
    r->owner[i] = key == UINT32_MAX ? PCLN_DW_UNOWNED : key & CLAIM_UNIT;
    if (key != UINT32_MAX)
      r->first[r->owner[i] + 1]++;
  }
  for (size_t i = 0; i < r->dw.n_units; i++)
    r->first[i + 1] += r->first[i];
  if (!fill_queue(r))
    return false;
  uint32_t *next = calloc(r->dw.n_units + 1, sizeof *next);
  if (!next)
    return false;
  for (size_t i = 0; i < n; i++) {
    if (r->owner[i] == PCLN_DW_UNOWNED)
      continue;
    r->slot[i] = next[r->owner[i]]++;
    r->order[r->first[r->owner[i]] + r->slot[i]] = (uint32_t)i;
  }
  free(next);
  return true;
}

static void build_unit(void *ctx, size_t item, unsigned worker) {
  struct run *r = ctx;
  const uint32_t idx = r->queue[item];
  struct pcln_dw_builder *b = &r->builders[worker];
  struct pcln_dw_fault fault = {0};
  if (!charge(r, 0))
    return;
  if (pcln_dw_build_unit(&r->build, idx, &r->order[r->first[idx]],
                         r->first[idx + 1] - r->first[idx], r->cu_of[idx],
                         &r->cus[r->cu_of[idx]], b, &fault) != PCLN_OK)
    fail(r, idx, &fault);
  charge(r, b->work);
  b->work = 0;
}

// --- The whole --------------------------------------------------------------

static bool begin(struct run *r) {
  const size_t n = r->build.module->n_funcs, units = r->dw.n_units;
  r->claims = malloc((n + 1) * sizeof *r->claims);
  r->owner = malloc((n + 1) * sizeof *r->owner);
  r->slot = malloc((n + 1) * sizeof *r->slot);
  r->order = malloc((n + 1) * sizeof *r->order);
  r->first = calloc(units + 1, sizeof *r->first);
  r->cu_of = calloc(units + 1, sizeof *r->cu_of);
  r->queue = calloc(units + 1, sizeof *r->queue);
  r->builders = calloc(r->threads, sizeof *r->builders);
  if (!r->claims || !r->owner || !r->slot || !r->order || !r->first ||
      !r->cu_of || !r->queue || !r->builders)
    return false;
  for (size_t i = 0; i < n; i++)
    atomic_init(&r->claims[i], UINT32_MAX);
  for (unsigned i = 0; i < r->threads; i++) {
    struct pcln_dw_builder *b = &r->builders[i];
    b->arena = &r->arenas[i];
    b->names = calloc(1, sizeof *b->names);
    if (!b->names)
      return false;
    pcln_stream_init(&b->pcln, r->build.module->quantum);
    pcln_stream_init(&b->pcfile, r->build.module->quantum);
    pcln_stream_init(&b->inltree, r->build.module->quantum);
  }
  r->build.funcs = (struct pcln_dw_funcs){
      .module = r->build.module, .owner = r->owner, .slot = r->slot};
  return true;
}

static void end(struct run *r) {
  if (r->builders)
    for (unsigned i = 0; i < r->threads; i++)
      pcln_dw_builder_free(&r->builders[i]);
  free(r->builders);
  free(r->claims);
  free(r->owner);
  free(r->slot);
  free(r->order);
  free(r->first);
  free(r->cu_of);
  free(r->queue);
  pcln_dw_free(&r->dw);
}

static enum pcln_status limit(struct run *r, const char *text) {
  r->fault = (struct pcln_dw_fault){.status = PCLN_LIMIT,
                                    .fault = "dwarf-limit",
                                    .region = ".debug_info",
                                    .text = text};
  return PCLN_LIMIT;
}

// After each phase: whether it went well.
static enum pcln_status check(struct run *r) {
  if (atomic_load(&r->work) > r->dw.budget)
    return limit(r, "the DWARF asks for more work than its size explains");
  return r->fault.status;
}

static enum pcln_status run_phases(struct run *r) {
  struct pcln_module *m = r->build.module;
  if (pcln_dw_index(&r->dw, &r->fault) != PCLN_OK)
    return r->fault.status;
  if (r->dw.n_units >= CLAIM_UNIT)
    return limit(r, "there are more units than can be numbered");
  if (pcln_dw_plan_abbrevs(&r->dw) != PCLN_OK || !begin(r))
    return pcln_dw_no_memory(&r->fault);
  pcln_parallel(r->threads, r->dw.n_tables, read_abbrevs, r);
  enum pcln_status st = check(r);
  if (st != PCLN_OK)
    return st;
  pcln_parallel(r->threads, r->dw.n_units, claim_unit, r);
  st = check(r);
  if (st != PCLN_OK)
    return st;
  if (!settle_claims(r))
    return pcln_dw_no_memory(&r->fault);
  r->cus = pcln_arena_alloc(&m->arena, (r->n_queue + 1) * sizeof *r->cus);
  if (!r->cus)
    return pcln_dw_no_memory(&r->fault);
  memset(r->cus, 0, r->n_queue * sizeof *r->cus);
  pcln_parallel(r->threads, r->n_queue, build_unit, r);
  m->cus = r->cus;
  m->n_cus = r->n_queue;
  return check(r);
}

#define NOTE_ROW(id, sev, name, in, sentence) {sev, name, in, sentence},
static const struct {
  enum pcln_severity severity;
  const char *fault, *region, *text;
} note_rows[] = {PCLN_DW_NOTE_LIST(NOTE_ROW)};

// Adds up the workers, and says each kind of note once.
static void finish(struct run *r, const char *file,
                   struct pcln_source_stats *stats) {
  struct pcln_dw_notes sum = {0};
  for (unsigned i = 0; i < r->threads; i++) {
    const struct pcln_dw_builder *b = &r->builders[i];
    stats->line_rows += b->line_rows;
    stats->dead_sequences += b->dead_sequences;
    stats->inlined_calls += b->inlined_calls;
    stats->virtual_pcs += b->virtual_pcs;
    for (unsigned k = 0; k < PCLN_DW_N_NOTES; k++) {
      if (b->notes.count[k] == 0)
        continue;
      if (sum.count[k] == 0 || b->notes.first[k] < sum.first[k])
        sum.first[k] = b->notes.first[k];
      sum.count[k] += b->notes.count[k];
    }
  }
  stats->cus += r->n_queue;
  for (unsigned k = 0; k < PCLN_DW_N_NOTES; k++) {
    if (sum.count[k] == 0)
      continue;
    stats->dwarf_warnings += sum.count[k];
    pcln_say(r->build.options->sink,
             &(struct pcln_report){.severity = note_rows[k].severity,
                                   .fault = note_rows[k].fault,
                                   .file = file,
                                   .region = note_rows[k].region,
                                   .region_off = sum.first[k],
                                   .text = note_rows[k].text});
  }
}

// The functions' text: no code outside.
static void set_text(struct pcln_dw *dw, const struct pcln_module *m) {
  const struct pcln_func_def *last = &m->funcs[m->n_funcs - 1];
  dw->text_lo = m->funcs[0].va;
  dw->text_hi = last->va + last->size;
}

// Each worker needs an arena that lives as long as the module.
static bool set_arenas(struct run *r) {
  struct pcln_module *m = r->build.module;
  if (m->n_workers == 0 && pcln_module_workers(m, r->threads) != PCLN_OK)
    return false;
  if (r->threads > m->n_workers)
    r->threads = (unsigned)m->n_workers;
  r->arenas = m->workers;
  return true;
}

enum pcln_status pcln_dwarf_add(const struct pcln_dw_sections *sections,
                                const char *file, struct pcln_module *m,
                                const struct pcln_source_options *o,
                                struct pcln_source_stats *stats) {
  if (sections->info.len == 0 || m->n_funcs == 0)
    return PCLN_OK;
  // Sound input spends far less than one unit of work on a byte.
  const uint64_t budget =
      (UINT64_C(4) << 20) +
      4 * (uint64_t)(sections->info.len + sections->line.len +
                     sections->ranges.len + sections->rnglists.len +
                     4 * sections->abbrev.len);
  struct run r = {.dw = {.sec = *sections, .budget = budget},
                  .build = {.module = m, .options = o},
                  .threads = o->threads ? o->threads : 1};
  r.build.dw = &r.dw;
  set_text(&r.dw, m);
  pthread_mutex_init(&r.lock, NULL);
  enum pcln_status st =
      set_arenas(&r) ? run_phases(&r) : pcln_dw_no_memory(&r.fault);
  if (st == PCLN_OK)
    finish(&r, file, stats);
  else
    pcln_say(o->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                            .fault = r.fault.fault,
                                            .file = file,
                                            .region = r.fault.region,
                                            .region_off = r.fault.off,
                                            .text = r.fault.text});
  end(&r);
  pthread_mutex_destroy(&r.lock);
  return st;
}
