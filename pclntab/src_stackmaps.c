// SPDX-License-Identifier: Apache-2.0
//
// LLVM's stack maps, version 3, into safepoints.
//
// The section is the linker's concatenation of one table for each module; each
// is parsed to its end, since only its counts tell where the next begins. A
// record names no function: the tables' lists of functions say how many of the
// records that follow are whose. Linkers give the address 0 to functions that
// they left out; and where COMDAT copies or identical code were folded into
// one, several lists lead to one address. Such copies must say the same. If
// they do not, which of them describes the code that was kept is not known, and
// guessing would lose references: that is an error.
//
// Statepoints become safepoints: both words of a pair are live pointers, and a
// pair whose words differ tells of a derived pointer. Every other record is
// kept as it is (FUNCDATA_LlvmRecords), and so are the statepoints that have
// deoptimisation values, which no pointer map can say.
//
// A patchpoint's record names the place before its call, whose length only the
// code tells. No row may hold at a return address that no record names, so
// behind such a record the next statepoint's row holds for its return address
// alone.
//
// A front end's allocated section is read from files whose addresses are final
// (ET_EXEC). In a PIE it holds what the dynamic linker will relocate, if it was
// not dropped at all: pclntab-obj makes objects that link well.
#include "src_stackmaps.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

enum {
  VERSION = 3,
  HEADER_SIZE = 16,
  FUNCTION_SIZE = 24,
  MIN_RECORD = 24,
};

enum pcln_status pcln_stackmaps_say(const struct pcln_stackmaps_job *j,
                                    uint64_t func_off, uint64_t at,
                                    const char *fault, const char *text) {
  pcln_say(j->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = fault,
                                          .file = j->elf->path,
                                          .func = j->f ? j->f->name : NULL,
                                          .func_off = func_off,
                                          .region = j->section,
                                          .region_off = at,
                                          .text = text});
  return PCLN_CORRUPT;
}

// --- Tables -----------------------------------------------------------------

static enum pcln_status add_entry(struct pcln_stackmaps_job *j,
                                  const struct pcln_stackmaps_entry *e) {
  if (j->n == j->cap) {
    const size_t cap = j->cap ? j->cap * 2 : 256;
    struct pcln_stackmaps_entry *entries =
        realloc(j->entries, cap * sizeof *entries);
    if (!entries)
      return PCLN_NO_MEMORY;
    j->entries = entries;
    j->cap = cap;
  }
  j->entries[j->n++] = *e;
  return PCLN_OK;
}

// The counts of a table's header, and room for what they promise.
struct counts {
  uint32_t functions, constants, records;
};

static bool read_header(struct pcln_cursor *c, struct counts *out) {
  const uint8_t version = pcln_u8(c), zero = pcln_u8(c);
  if (version != VERSION || zero != 0 || pcln_u16(c) != 0)
    pcln_fail(c);
  out->functions = pcln_u32(c);
  out->constants = pcln_u32(c);
  out->records = pcln_u32(c);
  const uint64_t need = (uint64_t)out->functions * FUNCTION_SIZE +
                        (uint64_t)out->constants * 8 +
                        (uint64_t)out->records * MIN_RECORD;
  if (need > pcln_left(c))
    pcln_fail(c);
  return !c->failed;
}

// Steps over the records of one function.
static bool skip_records(struct pcln_cursor *c, uint64_t n) {
  struct pcln_llvm_record r;
  for (; n; n--)
    if (!pcln_llvm_record_read(c, &r))
      return false;
  return !c->failed;
}

// One module's table; its functions go to j->entries. `base` is where it begins
// in the section.
static enum pcln_status read_table(struct pcln_stackmaps_job *j,
                                   struct pcln_cursor *c, uint64_t base) {
  struct counts n;
  if (!read_header(c, &n))
    return pcln_stackmaps_say(
        j, 0, base, "stackmaps-header",
        "no stack map of version 3 with room for what it counts begins "
        "here");
  struct pcln_cursor funcs =
      pcln_cursor_at(c->pos, (size_t)n.functions * FUNCTION_SIZE, c->swap);
  pcln_skip(c, (uint64_t)n.functions * FUNCTION_SIZE);
  const struct pcln_span constants = {c->pos, (size_t)n.constants * 8};
  pcln_skip(c, constants.len);
  uint64_t records = 0;
  for (uint32_t i = 0; i < n.functions; i++) {
    struct pcln_stackmaps_entry e = {.at = base + HEADER_SIZE +
                                           (uint64_t)i * FUNCTION_SIZE,
                                     .constants = constants};
    e.va = pcln_u64(&funcs);
    e.stack_size = pcln_u64(&funcs);
    e.n_records = pcln_u64(&funcs);
    e.records.ptr = c->pos;
    if (e.n_records > n.records - records)
      return pcln_stackmaps_say(
          j, 0, e.at, "stackmaps-records",
          "the functions of this stack map have more records than it "
          "has");
    records += e.n_records;
    const uint64_t from = base + pcln_tell(c);
    if (!skip_records(c, e.n_records))
      return pcln_stackmaps_say(
          j, 0, from, "stackmaps-records",
          "a record of the function is cut off or malformed");
    e.records.len = (size_t)(c->pos - e.records.ptr);
    const enum pcln_status st = add_entry(j, &e);
    if (st != PCLN_OK)
      return st;
  }
  if (records != n.records)
    return pcln_stackmaps_say(j, 0, base, "stackmaps-records",
                              "this stack map has records of no function");
  j->stats->stackmap_tables++;
  j->stats->stackmap_records += records;
  return PCLN_OK;
}

// Linkers fill up with zeros between modules.
static size_t zeros(const uint8_t *p, size_t len) {
  size_t n = 0;
  while (n < len && p[n] == 0)
    n++;
  return n;
}

enum pcln_status pcln_stackmaps_read(struct pcln_stackmaps_job *j,
                                     struct pcln_span bytes) {
  size_t at = 0;
  enum pcln_status st = PCLN_OK;
  while (st == PCLN_OK && at < bytes.len) {
    const size_t padding = zeros(bytes.ptr + at, bytes.len - at);
    if (padding == bytes.len - at)
      break;
    at += padding & ~(size_t)7;
    struct pcln_cursor c =
        pcln_cursor_at(bytes.ptr + at, bytes.len - at, j->elf->swap);
    st = read_table(j, &c, at);
    at += pcln_tell(&c);
  }
  return st;
}

// --- Copies of one function -------------------------------------------------

static int entry_order(const void *a, const void *b) {
  const struct pcln_stackmaps_entry *x = a, *y = b;
  if (x->va != y->va)
    return x->va < y->va ? -1 : 1;
  return (x->at > y->at) - (x->at < y->at);
}

bool pcln_stackmaps_constant(const struct pcln_stackmaps_job *j,
                             const struct pcln_stackmaps_entry *e,
                             const struct pcln_llvm_location *l,
                             uint64_t *out) {
  if (l->off < 0 || (uint64_t)l->off >= e->constants.len / 8)
    return false;
  *out = pcln_load64(e->constants.ptr + (size_t)l->off * 8, j->elf->swap);
  return true;
}

static bool same_location(const struct pcln_stackmaps_job *j,
                          const struct pcln_stackmaps_entry *a,
                          struct pcln_llvm_location x,
                          const struct pcln_stackmaps_entry *b,
                          struct pcln_llvm_location y) {
  uint64_t u, v;
  if (x.kind != y.kind || x.size != y.size || x.reg != y.reg)
    return false;
  if (x.kind == PCLN_LLVM_CONSTANT_INDEX)
    return pcln_stackmaps_constant(j, a, &x, &u) &&
           pcln_stackmaps_constant(j, b, &y, &v) && u == v;
  return x.off == y.off;
}

static bool same_record(const struct pcln_stackmaps_job *j,
                        const struct pcln_stackmaps_entry *a,
                        const struct pcln_llvm_record *x,
                        const struct pcln_stackmaps_entry *b,
                        const struct pcln_llvm_record *y) {
  if (x->id != y->id || x->pc_off != y->pc_off ||
      x->n_locations != y->n_locations || x->n_live_outs != y->n_live_outs)
    return false;
  for (unsigned i = 0; i < x->n_locations; i++)
    if (!same_location(j, a, pcln_llvm_location(x, i), b,
                       pcln_llvm_location(y, i)))
      return false;
  for (unsigned i = 0; i < x->n_live_outs; i++)
    if (pcln_llvm_live_out(x, i).reg != pcln_llvm_live_out(y, i).reg ||
        pcln_llvm_live_out(x, i).size != pcln_llvm_live_out(y, i).size)
      return false;
  return true;
}

static bool same_entry(const struct pcln_stackmaps_job *j,
                       const struct pcln_stackmaps_entry *a,
                       const struct pcln_stackmaps_entry *b) {
  if (a->stack_size != b->stack_size || a->n_records != b->n_records)
    return false;
  struct pcln_cursor c =
      pcln_cursor_at(a->records.ptr, a->records.len, j->elf->swap);
  struct pcln_cursor d =
      pcln_cursor_at(b->records.ptr, b->records.len, j->elf->swap);
  struct pcln_llvm_record x, y;
  for (uint64_t i = 0; i < a->n_records; i++)
    if (!pcln_llvm_record_read(&c, &x) || !pcln_llvm_record_read(&d, &y) ||
        !same_record(j, a, &x, b, &y))
      return false;
  return true;
}

// --- Functions ---------------------------------------------------------------

static enum pcln_status take_function(struct pcln_stackmaps_job *j,
                                      const struct pcln_stackmaps_entry *e) {
  j->f = pcln_module_find(j->m, e->va);
  if (!j->f || j->f->va != e->va) {
    j->f = NULL;
    return pcln_stackmaps_say(
        j, 0, e->at, "stackmaps-function",
        "a stack map is of a function that does not begin at a "
        "function's first byte; was the section relocated?");
  }
  j->stats->stackmap_functions++;
  return pcln_stackmaps_function(j, e);
}

static bool is_dropped(const struct pcln_stackmaps_entry *e) {
  return e->va == 0 || e->va == UINT64_MAX;
}

static enum pcln_status take_functions(struct pcln_stackmaps_job *j) {
  enum pcln_status st = PCLN_OK;
  if (j->n)
    qsort(j->entries, j->n, sizeof *j->entries, entry_order);
  for (size_t i = 0; i < j->n && st == PCLN_OK; i++) {
    const struct pcln_stackmaps_entry *e = &j->entries[i];
    if (is_dropped(e)) {
      j->stats->stackmap_dropped++;
    } else if (i == 0 || e[-1].va != e->va) {
      st = take_function(j, e);
    } else if (!same_entry(j, &e[-1], e)) {
      j->f = pcln_module_find(j->m, e->va);
      st = pcln_stackmaps_say(
          j, 0, e->at, "stackmaps-copies",
          "copies of the function that were folded into one have other "
          "stack maps, and which of them was kept is not known");
    } else {
      j->stats->stackmap_copies++;
    }
  }
  return st;
}

enum pcln_status pcln_stackmaps_finish(struct pcln_stackmaps_job *j,
                                       enum pcln_status status) {
  if (status == PCLN_OK)
    status = take_functions(j);
  free(j->entries);
  free(j->points);
  free(j->areas);
  free(j->pairs);
  return status;
}

// --- Interface --------------------------------------------------------------

static bool is_stackmaps(const struct pcln_elf *elf,
                         const struct pcln_elf_section *s) {
  if (strcmp(s->name, PCLN_STACKMAPS_DEMOTED) == 0 ||
      strcmp(s->name, ".zdebug_llvm_stackmaps") == 0)
    return true;
  return strcmp(s->name, PCLN_STACKMAPS_SECTION) == 0 &&
         (!(s->flags & SHF_ALLOC) || elf->type == ET_EXEC);
}

enum pcln_status pcln_src_stackmaps(struct pcln_elf *elf, struct pcln_module *m,
                                    const struct pcln_source_options *o,
                                    struct pcln_source_stats *stats) {
  struct pcln_stackmaps_job j = {
      .elf = elf, .m = m, .stats = stats, .sink = o->sink};
  enum pcln_status st = PCLN_OK;
  for (size_t i = 0; i < elf->n_sections && st == PCLN_OK; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    struct pcln_span bytes;
    if (!is_stackmaps(elf, s))
      continue;
    j.section = s->name;
    st = pcln_elf_content(elf, s, o->sink, &bytes);
    if (st == PCLN_OK && bytes.ptr)
      st = pcln_stackmaps_read(&j, bytes);
  }
  return pcln_stackmaps_finish(&j, st);
}
