// SPDX-License-Identifier: Apache-2.0
//
// One function's records of LLVM's stack maps into safepoints and kept records;
// src_stackmaps.c says how.
#include "src_stackmaps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- One record -------------------------------------------------------------

// Appends room for one element; null: no memory.
static void *grow(void **array, size_t *n, size_t *cap, size_t size) {
  if (*n == *cap) {
    const size_t more = *cap ? *cap * 2 : 64;
    void *grown = realloc(*array, more * size);
    if (!grown)
      return NULL;
    *array = grown;
    *cap = more;
  }
  return (char *)*array + (*n)++ * size;
}

static enum pcln_status add_point(struct pcln_stackmaps_job *j,
                                  const struct pcln_safepoint *p) {
  void *points = j->points;
  struct pcln_safepoint *slot =
      grow(&points, &j->n_points, &j->cap_points, sizeof *slot);
  j->points = points;
  if (!slot)
    return PCLN_NO_MEMORY;
  *slot = *p;
  return PCLN_OK;
}

// A live pointer, or several side by side, in memory.
static enum pcln_status add_area(struct pcln_stackmaps_job *j,
                                 const struct pcln_llvm_location *l) {
  static const uint8_t pointer[] = {PCLN_CODE_POINTER};
  void *areas = j->areas;
  struct pcln_area *a = grow(&areas, &j->n_areas, &j->cap_areas, sizeof *a);
  j->areas = areas;
  if (!a)
    return PCLN_NO_MEMORY;
  *a = (struct pcln_area){.reg = l->reg,
                          .off = l->off,
                          .n_words = 1,
                          .repeat = (uint32_t)(l->size / j->m->ptr_size),
                          .codes = pointer};
  return PCLN_OK;
}

static enum pcln_status add_pair(struct pcln_stackmaps_job *j,
                                 const struct pcln_pair *p) {
  void *pairs = j->pairs;
  struct pcln_pair *slot =
      grow(&pairs, &j->n_pairs, &j->cap_pairs, sizeof *slot);
  j->pairs = pairs;
  if (!slot)
    return PCLN_NO_MEMORY;
  *slot = *p;
  return PCLN_OK;
}

static enum pcln_status say_location(const struct pcln_stackmaps_job *j,
                                     const struct pcln_stackmaps_entry *e,
                                     const struct pcln_llvm_record *r,
                                     const struct pcln_llvm_location *l,
                                     const char *fault, const char *what) {
  char text[240];
  snprintf(text, sizeof text,
           "a live reference of this call is %s (DWARF register %u): compile "
           "it so that references live across calls are on the stack",
           what, l->reg);
  return pcln_stackmaps_say(j, r->pc_off, e->at, fault, text);
}

// A location of a pair. *in_memory: it is a word of the frame; else it is a
// constant, which is null or no address of an object.
static enum pcln_status gc_location(struct pcln_stackmaps_job *j,
                                    const struct pcln_stackmaps_entry *e,
                                    const struct pcln_llvm_record *r,
                                    const struct pcln_llvm_location *l,
                                    bool *in_memory) {
  *in_memory = false;
  switch (l->kind) {
  case PCLN_LLVM_CONSTANT:
  case PCLN_LLVM_CONSTANT_INDEX:
    return PCLN_OK;
  case PCLN_LLVM_REGISTER:
    return say_location(j, e, r, l, "stackmaps-register",
                        "in a register while the call runs");
  case PCLN_LLVM_DIRECT:
    return say_location(j, e, r, l, "stackmaps-direct",
                        "the address of a variable on the stack");
  default:
    if (l->size == 0 || l->size % j->m->ptr_size != 0)
      return say_location(j, e, r, l, "stackmaps-size",
                          "of a size that no pointers have");
    *in_memory = true;
    return add_area(j, l);
  }
}

// Base and derived pointer number `i` of a statepoint; vectors have several.
static enum pcln_status gc_pair(struct pcln_stackmaps_job *j,
                                const struct pcln_stackmaps_entry *e,
                                const struct pcln_llvm_record *r, uint32_t at) {
  const struct pcln_llvm_location base = pcln_llvm_location(r, at);
  const struct pcln_llvm_location derived = pcln_llvm_location(r, at + 1);
  bool base_in_memory, derived_in_memory;
  enum pcln_status st = gc_location(j, e, r, &base, &base_in_memory);
  if (st == PCLN_OK)
    st = gc_location(j, e, r, &derived, &derived_in_memory);
  if (st != PCLN_OK || !base_in_memory || !derived_in_memory)
    return st;
  if (base.size != derived.size)
    return say_location(j, e, r, &derived, "stackmaps-size",
                        "of another size than its base");
  for (int32_t off = 0; off < base.size && st == PCLN_OK;
       off += j->m->ptr_size) {
    const struct pcln_pair pair = {.base_reg = base.reg,
                                   .reg = derived.reg,
                                   .base_off = base.off + off,
                                   .off = derived.off + off};
    if (pair.base_reg != pair.reg || pair.base_off != pair.off)
      st = add_pair(j, &pair);
  }
  return st;
}

// The areas and pairs of a statepoint, which come to lie behind those of the
// points before it; the point's pointers are set when all are there.
static enum pcln_status take_statepoint(struct pcln_stackmaps_job *j,
                                        const struct pcln_stackmaps_entry *e,
                                        const struct pcln_llvm_record *r,
                                        const struct pcln_llvm_statepoint *s) {
  const size_t areas = j->n_areas, pairs = j->n_pairs;
  enum pcln_status st = PCLN_OK;
  if (s->allocas < r->n_locations)
    return pcln_stackmaps_say(
        j, r->pc_off, e->at, "stackmaps-alloca",
        "a variable on the stack is named as live at this call, and "
        "nothing says which of its words are references; pass it as a "
        "deoptimisation value, or keep the references in variables of "
        "their own");
  for (uint32_t i = 0; i < s->n_pairs && st == PCLN_OK; i++)
    st = gc_pair(j, e, r, s->pairs + 2 * i);
  if (st != PCLN_OK)
    return st;
  const uint32_t frame = e->stack_size < PCLN_FRAME_VARIES
                             ? (uint32_t)e->stack_size
                             : PCLN_FRAME_VARIES;
  return add_point(
      j, &(struct pcln_safepoint){.ret_off = r->pc_off,
                                  .frame = frame,
                                  .n_areas = (uint32_t)(j->n_areas - areas),
                                  .n_pairs = (uint32_t)(j->n_pairs - pairs)});
}

// --- Records that are kept --------------------------------------------------

static bool is_kept(const struct pcln_llvm_record *r) {
  struct pcln_llvm_statepoint s;
  return !pcln_llvm_statepoint(r, &s) || s.n_deopt != 0;
}

// The constants that the location names get the function's own numbers.
static bool keep_constants(const struct pcln_stackmaps_job *j,
                           const struct pcln_stackmaps_entry *e,
                           const struct pcln_llvm_record *r, uint8_t *record,
                           uint8_t *constants, uint32_t *n) {
  enum { LOCATIONS = 16, LOCATION_SIZE = 12, OFFSET = 8 };
  for (unsigned i = 0; i < r->n_locations; i++) {
    const struct pcln_llvm_location l = pcln_llvm_location(r, i);
    uint64_t value;
    if (l.kind != PCLN_LLVM_CONSTANT_INDEX)
      continue;
    if (!pcln_stackmaps_constant(j, e, &l, &value))
      return false;
    pcln_store64(constants + (size_t)*n * 8, value, j->elf->swap);
    pcln_store32(record + LOCATIONS + (size_t)i * LOCATION_SIZE + OFFSET, *n,
                 j->elf->swap);
    ++*n;
  }
  return true;
}

// What the kept records of a function need.
struct kept {
  uint32_t records, constants;
  size_t bytes;
};

static struct kept count_kept(const struct pcln_stackmaps_job *j,
                              const struct pcln_stackmaps_entry *e) {
  struct pcln_cursor c =
      pcln_cursor_at(e->records.ptr, e->records.len, j->elf->swap);
  struct pcln_llvm_record r;
  struct kept k = {0};
  for (uint64_t i = 0; i < e->n_records && pcln_llvm_record_read(&c, &r); i++) {
    if (!is_kept(&r))
      continue;
    k.records++;
    k.bytes += r.bytes.len;
    for (unsigned l = 0; l < r.n_locations; l++)
      k.constants += pcln_llvm_location(&r, l).kind == PCLN_LLVM_CONSTANT_INDEX;
  }
  return k;
}

static enum pcln_status keep_records(struct pcln_stackmaps_job *j,
                                     const struct pcln_stackmaps_entry *e) {
  enum { HEADER = 8 };
  const struct kept k = count_kept(j, e);
  if (k.records == 0)
    return PCLN_OK;
  const size_t head = HEADER + (size_t)k.constants * 8;
  uint8_t *bytes = pcln_arena_alloc(&j->m->arena, head + k.bytes);
  if (!bytes)
    return PCLN_NO_MEMORY;
  pcln_store32(bytes, k.records, j->elf->swap);
  pcln_store32(bytes + 4, k.constants, j->elf->swap);
  struct pcln_cursor c =
      pcln_cursor_at(e->records.ptr, e->records.len, j->elf->swap);
  struct pcln_llvm_record r;
  uint8_t *record = bytes + head;
  uint32_t n_constants = 0;
  for (uint64_t i = 0; i < e->n_records && pcln_llvm_record_read(&c, &r); i++) {
    if (!is_kept(&r))
      continue;
    memcpy(record, r.bytes.ptr, r.bytes.len);
    if (!keep_constants(j, e, &r, record, bytes + HEADER, &n_constants))
      return pcln_stackmaps_say(
          j, r.pc_off, e->at, "stackmaps-constant",
          "a record names a constant that its stack map does not have");
    record += r.bytes.len;
  }
  j->stats->stackmap_kept += k.records;
  return pcln_func_set_funcdata(j->f, PCLN_FUNCDATA_LLVM_RECORDS,
                                (struct pcln_span){bytes, head + k.bytes},
                                &j->m->arena);
}

// --- One function -----------------------------------------------------------

static int record_order(const void *a, const void *b) {
  const struct pcln_llvm_record *x = a, *y = b;
  struct pcln_llvm_statepoint s;
  if (x->pc_off != y->pc_off)
    return x->pc_off < y->pc_off ? -1 : 1;
  // What stands behind a call comes after what the call returns to.
  const bool first = pcln_llvm_statepoint(x, &s);
  return pcln_llvm_statepoint(y, &s) - first;
}

// The function's records by place.
static struct pcln_llvm_record *
sorted_records(const struct pcln_stackmaps_job *j,
               const struct pcln_stackmaps_entry *e) {
  struct pcln_llvm_record *records =
      malloc(((size_t)e->n_records + 1) * sizeof *records);
  struct pcln_cursor c =
      pcln_cursor_at(e->records.ptr, e->records.len, j->elf->swap);
  if (!records)
    return NULL;
  for (uint64_t i = 0; i < e->n_records; i++)
    if (!pcln_llvm_record_read(&c, &records[i]))
      break; // not so: they were read before
  qsort(records, (size_t)e->n_records, sizeof *records, record_order);
  return records;
}

// No row holds for (last point, ret_off].
static enum pcln_status add_gap(struct pcln_stackmaps_job *j,
                                uint32_t ret_off) {
  if (ret_off == 0 ||
      (j->n_points && j->points[j->n_points - 1].ret_off >= ret_off))
    return PCLN_OK;
  return add_point(j, &(struct pcln_safepoint){.ret_off = ret_off,
                                               .flags = PCLN_POINT_NO_COLLECT});
}

static enum pcln_status take_records(struct pcln_stackmaps_job *j,
                                     const struct pcln_stackmaps_entry *e,
                                     const struct pcln_llvm_record *records) {
  bool after_other = false; // a record before was no statepoint's
  enum pcln_status st = PCLN_OK;
  j->n_points = j->n_areas = j->n_pairs = 0;
  for (uint64_t i = 0; i < e->n_records && st == PCLN_OK; i++) {
    const struct pcln_llvm_record *r = &records[i];
    struct pcln_llvm_statepoint s;
    if (!pcln_llvm_statepoint(r, &s)) {
      st = add_gap(j, r->pc_off / j->m->quantum * j->m->quantum);
      after_other = true;
      continue;
    }
    if (after_other && r->pc_off >= j->m->quantum)
      st = add_gap(j, r->pc_off - j->m->quantum);
    after_other = false;
    if (st == PCLN_OK)
      st = take_statepoint(j, e, r, &s);
  }
  // The arrays have stopped moving.
  size_t areas = 0, pairs = 0;
  for (size_t i = 0; i < j->n_points; i++) {
    struct pcln_safepoint *p = &j->points[i];
    p->areas = p->n_areas ? j->areas + areas : NULL;
    p->pairs = p->n_pairs ? j->pairs + pairs : NULL;
    areas += p->n_areas;
    pairs += p->n_pairs;
  }
  return st;
}

static void name_file(void *ctx, const struct pcln_report *report) {
  const struct pcln_stackmaps_job *j = ctx;
  struct pcln_report named = *report;
  named.file = j->elf->path;
  pcln_say(j->sink, &named);
}

enum pcln_status pcln_stackmaps_function(struct pcln_stackmaps_job *j,
                                         const struct pcln_stackmaps_entry *e) {
  const struct pcln_sink sink = {.fn = name_file, .ctx = j};
  struct pcln_llvm_record *records = sorted_records(j, e);
  if (!records)
    return PCLN_NO_MEMORY;
  enum pcln_status st = take_records(j, e, records);
  free(records);
  if (st == PCLN_OK)
    st = keep_records(j, e);
  if (st == PCLN_OK)
    st = pcln_safepoints_place(j->m, j->f, j->points, j->n_points, &j->m->arena,
                               &sink);
  return st;
}
