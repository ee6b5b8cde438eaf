// SPDX-License-Identifier: Apache-2.0
//
// FUNCDATA and PCDATA directives into the model.
//
// A directive knows an address and nothing else: it belongs to the function
// that covers it. Directives of a function stand in the section in the order
// in which the assembler met them, which need not be that of their addresses
// (subsections, inline assembly that the compiler moved), so they are sorted
// first. A PCDATA holds from its address up to the next one of its number, or
// to the function's end; before the first there is none (-1), as in Go.
//
// Two FUNCDATA of one number, or two values of one PCDATA at one address, are
// an error: the second would silently win. Copies of a COMDAT function, which
// GNU ld lets point at the one that it kept, say the same, and count once.
#include "src_annot.h"

#include "bytes.h"
#include "stackmap.h"

#include <stdlib.h>
#include <string.h>

struct pcln_annot_label {
  size_t func;              // index
  uint32_t at;              // bytes from its entry
  uint8_t kind;             // PCLN_ANNOT_FUNCDATA or PCLN_ANNOT_PCDATA
  bool swap;                // byte order of the payload
  uint32_t index;           // its number
  int32_t value;            // of PCDATA
  size_t off;               // of the record, in bytes from the section's start
  struct pcln_span payload; // of FUNCDATA
};

static enum pcln_status say(const struct pcln_module *m,
                            const struct pcln_annot_label *l,
                            const struct pcln_sink *sink, const char *fault,
                            const char *text) {
  return pcln_annot_say(sink, m->funcs[l->func].name, l->at, fault, l->off,
                        text);
}

// --- Taking -----------------------------------------------------------------

static enum pcln_status append(struct pcln_annot_labels *labels,
                               const struct pcln_annot_label *l) {
  if (labels->n == labels->cap) {
    const size_t cap = labels->cap ? labels->cap * 2 : 64;
    struct pcln_annot_label *grown = realloc(labels->list, cap * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    labels->list = grown;
    labels->cap = cap;
  }
  labels->list[labels->n++] = *l;
  return PCLN_OK;
}

static bool read_label(const struct pcln_annot *a, struct pcln_annot_label *l,
                       struct pcln_annot_fault *fault) {
  struct pcln_annot_funcdata fd;
  struct pcln_annot_pcdata pd;
  if (a->kind == PCLN_ANNOT_FUNCDATA) {
    if (!pcln_annot_funcdata(a, &fd, fault))
      return false;
    l->index = fd.index;
    l->payload = fd.payload;
    return true;
  }
  if (!pcln_annot_pcdata(a, &pd, fault))
    return false;
  l->index = pd.index;
  l->value = pd.value;
  return true;
}

enum pcln_status pcln_annot_add_label(struct pcln_annot_labels *labels,
                                      const struct pcln_module *m,
                                      const struct pcln_annot *a,
                                      const struct pcln_sink *sink) {
  struct pcln_annot_label l = {.kind = a->kind, .off = a->off, .swap = a->swap};
  struct pcln_annot_fault fault;
  const struct pcln_func_def *f = pcln_module_find(m, a->address);
  if (!read_label(a, &l, &fault))
    return pcln_annot_say(sink, f ? f->name : NULL, f ? a->address - f->va : 0,
                          fault.fault, fault.off, fault.text);
  if (!f)
    return pcln_annot_say(sink, NULL, 0, "annot-address", a->off,
                          "a FUNCDATA or PCDATA stands in no function; put it "
                          "before an instruction of one");
  l.func = (size_t)(f - m->funcs);
  l.at = (uint32_t)(a->address - f->va);
  if (l.at % m->quantum)
    return say(m, &l, sink, "annot-address",
               "a FUNCDATA or PCDATA stands inside of an instruction");
  return append(labels, &l);
}

// --- Sorting ----------------------------------------------------------------

static int by_number(const void *x, const void *y) {
  const struct pcln_annot_label *a = x, *b = y;
  if (a->func != b->func)
    return a->func < b->func ? -1 : 1;
  if (a->kind != b->kind)
    return a->kind < b->kind ? -1 : 1;
  return (a->index > b->index) - (a->index < b->index);
}

static int by_place(const void *x, const void *y) {
  const struct pcln_annot_label *a = x, *b = y;
  const int order = by_number(x, y);
  if (order)
    return order;
  if (a->at != b->at)
    return a->at < b->at ? -1 : 1;
  return (a->off > b->off) - (a->off < b->off);
}

// Directives from `l` on, before `end`, with the same function, kind and
// number.
static size_t group_len(const struct pcln_annot_label *l,
                        const struct pcln_annot_label *end) {
  const struct pcln_annot_label *p = l;
  while (p < end && p->func == l->func && p->kind == l->kind &&
         p->index == l->index)
    p++;
  return (size_t)(p - l);
}

static bool same_payload(struct pcln_span a, struct pcln_span b) {
  return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

bool pcln_annot_has_label(const struct pcln_annot_labels *labels, size_t func,
                          uint8_t kind, uint32_t index) {
  const struct pcln_annot_label key = {
      .func = func, .kind = kind, .index = index};
  return labels->n &&
         bsearch(&key, labels->list, labels->n, sizeof key, by_number) != NULL;
}

// --- Placing ----------------------------------------------------------------

// The record of 2013 with the number of words in its second field, which some
// producers filled with a number of bits; a table stores no length, so readers
// need the former.
static struct pcln_span with_words(const struct pcln_annot_label *l,
                                   struct pcln_arena *arena) {
  uint8_t *copy = pcln_arena_alloc(arena, l->payload.len);
  if (!copy)
    return (struct pcln_span){0};
  memcpy(copy, l->payload.ptr, l->payload.len);
  pcln_store32(copy + 4, (uint32_t)(l->payload.len / 4 - 2), l->swap);
  return (struct pcln_span){copy, l->payload.len};
}

static enum pcln_status place_funcdata(struct pcln_module *m,
                                       const struct pcln_annot_label *l,
                                       size_t n,
                                       struct pcln_source_stats *stats,
                                       const struct pcln_sink *sink) {
  struct pcln_func_def *f = &m->funcs[l->func];
  for (size_t i = 1; i < n; i++) {
    if (l[i].at != l->at || !same_payload(l[i].payload, l->payload))
      return say(m, &l[i], sink, "annot-twice",
                 "the function has this FUNCDATA already");
    stats->annot_duplicates++;
  }
  if (l->index < f->n_funcdata && f->funcdata[l->index].ptr)
    return say(m, l, sink, "annot-twice",
               "the function has this FUNCDATA already, by its compiler");
  if (l->index == PCLN_FUNCDATA_ARGS_MAPS ||
      l->index == PCLN_FUNCDATA_LOCALS_MAPS)
    m->stackmap_bits = 2;
  struct pcln_span payload = l->payload;
  if (l->index == PCLN_FUNCDATA_GC)
    payload = with_words(l, &m->arena);
  return payload.ptr ? pcln_func_set_funcdata(f, l->index, payload, &m->arena)
                     : PCLN_NO_MEMORY;
}

static enum pcln_status place_pcdata(struct pcln_module *m,
                                     const struct pcln_annot_label *l, size_t n,
                                     struct pcln_stream *s,
                                     struct pcln_source_stats *stats,
                                     const struct pcln_sink *sink) {
  struct pcln_func_def *f = &m->funcs[l->func];
  struct pcln_span span;
  if (l->index < f->n_pcdata && f->pcdata[l->index].ptr)
    return say(m, l, sink, "annot-twice",
               "the function has this PCDATA already, by its compiler");
  pcln_stream_reset(s);
  int32_t value = -1;
  for (size_t i = 0; i < n; i++) {
    if (i && l[i].at == l[i - 1].at) {
      if (l[i].value != l[i - 1].value)
        return say(m, &l[i], sink, "annot-twice",
                   "two values for one PCDATA, and no instruction between "
                   "them");
      stats->annot_duplicates++;
    }
    pcln_stream_add(s, l[i].at, value);
    value = l[i].value;
  }
  pcln_stream_add(s, f->size, value);
  const enum pcln_status st = pcln_stream_end(s, &m->arena, &span);
  return st == PCLN_OK ? pcln_func_set_pcdata(f, l->index, span, &m->arena)
                       : st;
}

// A row that is asked for exists in each map that the function has.
static enum pcln_status check_rows(const struct pcln_module *m,
                                   const struct pcln_annot_label *l, size_t n,
                                   const struct pcln_sink *sink) {
  const struct pcln_func_def *f = &m->funcs[l->func];
  bool any = false;
  for (uint32_t part = PCLN_FUNCDATA_ARGS_MAPS;
       part <= PCLN_FUNCDATA_LOCALS_MAPS && part < f->n_funcdata; part++) {
    if (!f->funcdata[part].ptr)
      continue;
    const int64_t rows = pcln_load32(f->funcdata[part].ptr, l->swap);
    any = true;
    for (size_t i = 0; i < n; i++)
      if (l[i].value >= rows)
        return say(m, &l[i], sink, "annot-row",
                   "a PCDATA names a row that a pointer map of the function "
                   "does not have");
  }
  if (!any)
    return say(m, l, sink, "annot-row",
               "a PCDATA names rows of pointer maps, and the function has "
               "none");
  return PCLN_OK;
}

enum pcln_status pcln_annot_place_labels(struct pcln_annot_labels *labels,
                                         struct pcln_module *m,
                                         struct pcln_source_stats *stats,
                                         const struct pcln_sink *sink) {
  struct pcln_stream s;
  enum pcln_status st = PCLN_OK;
  if (!labels->n)
    return st;
  struct pcln_annot_label *l = labels->list, *const end = l + labels->n;
  pcln_stream_init(&s, m->quantum);
  qsort(l, labels->n, sizeof *l, by_place);
  while (l < end && st == PCLN_OK) { // FUNCDATA of a function come first
    const size_t n = group_len(l, end);
    if (l->kind == PCLN_ANNOT_FUNCDATA)
      st = place_funcdata(m, l, n, stats, sink);
    else
      st = place_pcdata(m, l, n, &s, stats, sink);
    if (st == PCLN_OK && l->kind == PCLN_ANNOT_PCDATA &&
        l->index == PCLN_PCDATA_STACKMAP)
      st = check_rows(m, l, n, sink);
    l += n;
  }
  pcln_stream_free(&s);
  return st;
}
