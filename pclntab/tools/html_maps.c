// SPDX-License-Identifier: Apache-2.0
//
// What a collector and a traceback know of a function's frame, for the report:
// pointer maps, stack objects, arguments, deferred calls, derived pointers,
// LLVM's records. Functions share maps,
// so each is written once, into a section of its own, and referred to by
// number.
//
// A damaged table may name ever other places as maps. What is
// walked is therefore counted; a real table needs a small part of the limit.
#include "dump_words.h"
#include "html.h"

#include "stackmap_llvm.h"
#include "stackmap_pairs.h"

#include <stdio.h>
#include <stdlib.h>

// --- Maps -------------------------------------------------------------------

// The items of a row: how many in a row are alike, and what they are: kind * 4
// plus the number of words; up to a 0.
static void put_row(struct html_buf *out, const struct pcln_map_row *row) {
  struct pcln_word w;
  unsigned last = 0;
  uint32_t n = 0;
  for (uint32_t next = 0; row->bits && pcln_words_next(row, &next, &w);) {
    const unsigned tag = w.kind * 4u + w.n;
    if (n && tag != last) {
      html_num(out, n);
      html_num(out, last);
      n = 0;
    }
    last = tag;
    n++;
  }
  if (n) {
    html_num(out, n);
    html_num(out, last);
  }
  html_num(out, 0);
}

// A map: words, bytes that are scanned conservatively, rows; then the rows.
static void put_map(struct html *h, const struct pcln_func *f,
                    const struct pcln_ptrmap *map) {
  const uint64_t limit = dump_map_words_limit(h->d);
  uint32_t n = map->n_words ? map->n_rows : 0;
  h->map_words += (uint64_t)n * map->n_words;
  if (h->map_words > limit) {
    html_unreadable(h, f, "funcdata");
    n = 0;
  }
  html_num(&h->maps, map->n_words);
  html_num(&h->maps, map->conservative);
  html_num(&h->maps, n);
  for (uint32_t i = 0; i < n; i++) {
    struct pcln_map_row row = {0};
    if (pcln_ptrmap_row(map, i, &row) != PCLN_OK)
      row.bits = NULL;
    put_row(&h->maps, &row);
  }
}

// The number of the function's map, from 1; 0: it has none.
static uint32_t map_id(struct html *h, const struct pcln_func *f,
                       enum pcln_map_part part) {
  struct pcln_ptrmap map;
  const enum pcln_status status =
      pcln_ptrmap(&h->d->file->table, f, part, &map);
  if (status == PCLN_CORRUPT)
    html_unreadable(h, f, "funcdata");
  if (status != PCLN_OK)
    return 0;
  uint32_t *id = html_id(&h->map_ids, (uintptr_t)map.rows.ptr);
  if (!id) {
    h->maps.status = PCLN_NO_MEMORY;
    return 0;
  }
  if (*id == 0) {
    *id = ++h->n_maps;
    put_map(h, f, &map);
  }
  return *id;
}

// --- Stack objects ----------------------------------------------------------

// An object: offset, bytes, bytes that may hold pointers, 1 for a GC program,
// the type's address, the mask's length and bytes. Each behind a 1, up to a 0.
static void put_objects(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  struct pcln_objects objects;
  const enum pcln_status status = pcln_objects(t, f, &objects);
  for (uint32_t i = 0; status == PCLN_OK && i < objects.n; i++) {
    struct pcln_object o;
    if (pcln_object_at(t, &objects, i, &o) != PCLN_OK) {
      html_unreadable(h, f, "funcdata");
      break;
    }
    html_num(&h->details, 1);
    html_signed(&h->details, o.off);
    html_num(&h->details, o.size);
    html_num(&h->details, o.ptr_len);
    html_num(&h->details, o.program);
    html_num(&h->details, o.type_va);
    html_num(&h->details, o.mask.len);
    html_put(&h->details, o.mask.ptr, o.mask.len);
  }
  if (status == PCLN_CORRUPT)
    html_unreadable(h, f, "funcdata");
  html_num(&h->details, 0);
}

// --- Arguments, deferred calls
// ------------------------------------------------

// What a traceback prints: operations plus one, values with offset and size; up
// to a 0.
static void put_arguments(struct html *h, const struct pcln_func *f) {
  struct pcln_arg_iter it;
  struct pcln_arg a;
  const enum pcln_status status =
      pcln_args_begin(&h->d->file->table, f, f->entry, &it);
  while (status == PCLN_OK && pcln_args_next(&it, &a)) {
    html_num(&h->details, a.op + 1u);
    if (a.op != PCLN_ARG_VALUE)
      continue;
    html_num(&h->details, a.off);
    html_num(&h->details, a.size);
  }
  if (status == PCLN_CORRUPT || (status == PCLN_OK && it.status != PCLN_OK))
    html_unreadable(h, f, "funcdata");
  html_num(&h->details, 0);
}

// 0: none. Else 1 plus the closures whose places are known, then the place of
// the bits and those of the closures, in bytes below the locals' end.
static void put_defers(struct html *h, const struct pcln_func *f) {
  struct pcln_open_defers defers;
  const enum pcln_status status =
      pcln_open_defers(&h->d->file->table, f, &defers);
  if (status == PCLN_CORRUPT)
    html_unreadable(h, f, "funcdata");
  if (status != PCLN_OK) {
    html_num(&h->details, 0);
    return;
  }
  const uint32_t n = defers.counted ? defers.n : 1;
  html_num(&h->details, 1 + n);
  html_num(&h->details, defers.bits_off);
  for (uint32_t i = 0; i < n; i++)
    html_num(&h->details, defers.closure_off[i]);
}

// Bytes from text start to the function that this one wraps, plus one; 0: none.
static void put_wrapped(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  uint64_t entry;
  const enum pcln_status status = pcln_wrapped(t, f, &entry);
  if (status == PCLN_CORRUPT)
    html_unreadable(h, f, "funcdata");
  html_num(&h->details, status == PCLN_OK && entry >= t->text_start
                            ? entry - t->text_start + 1
                            : 0);
}

// --- Derived pointers -------------------------------------------------------

static uint32_t number_of(const struct pcln_map_word *w) {
  return 2 * w->index + (w->part == PCLN_MAP_ARGS);
}

// The pairs of one row, if it has any: its number plus one; base and derived
// pointer of each, behind a 1: twice the word, plus one if it is an argument's;
// a 0.
static enum pcln_status put_row_pairs(struct html *h, const struct pcln_func *f,
                                      uint32_t row) {
  const struct pcln_stackmap map = {.idx = row};
  struct pcln_derived_iter it;
  struct pcln_derived pair;
  const enum pcln_status status =
      pcln_derived_begin(&h->d->file->table, f, &map, &it);
  if (status != PCLN_OK)
    return status == PCLN_NOT_FOUND ? PCLN_OK : status;
  html_num(&h->details, row + 1);
  while (pcln_derived_next(&it, &pair)) {
    html_num(&h->details, 1);
    html_num(&h->details, number_of(&pair.base));
    html_num(&h->details, number_of(&pair.derived));
  }
  html_num(&h->details, 0);
  return it.status;
}

// The rows that have pairs, up to a 0. Each row is looked for from the first
// on, which is what is counted.
static void put_pairs(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  const uint64_t limit = dump_map_words_limit(h->d);
  struct pcln_span bytes;
  struct pcln_ptrmap map;
  enum pcln_status status = PCLN_OK;
  uint32_t n = 0;
  if (t->ours &&
      pcln_funcdata(t, f, PCLN_FUNCDATA_POINTER_PAIRS, &bytes) == PCLN_OK &&
      pcln_ptrmap(t, f, PCLN_MAP_LOCALS, &map) == PCLN_OK)
    n = map.n_rows;
  for (uint32_t i = 0; i < n && status == PCLN_OK; i++) {
    h->map_words += i;
    status = h->map_words > limit ? PCLN_CORRUPT : put_row_pairs(h, f, i);
  }
  if (status == PCLN_CORRUPT)
    html_unreadable(h, f, "funcdata");
  html_num(&h->details, 0);
}

// --- LLVM's records ---------------------------------------------------------

static void put_text(struct html *h, const struct dump_text *t) {
  html_num(&h->details, t->len);
  html_put(&h->details, t->s, t->len);
}

// A record: pc from the function's entry, id, locations, deoptimisation values
// and live-outs, as texts.
static bool put_llvm_record(struct html *h, const struct pcln_llvm_records *it,
                            const struct pcln_llvm_record *r,
                            struct dump_text *t) {
  struct pcln_llvm_statepoint s = {.pairs = PCLN_LLVM_DEOPT};
  char id[24];
  html_num(&h->details, r->pc_off);
  snprintf(id, sizeof id, "%#llx", (unsigned long long)r->id);
  dump_text_clear(t);
  dump_text_put(t, id);
  put_text(h, t);
  bool ok = dump_llvm_locations(t, it, r, 0, r->n_locations);
  put_text(h, t);
  if (!pcln_llvm_statepoint(r, &s))
    s.pairs = PCLN_LLVM_DEOPT;
  ok = dump_llvm_locations(t, it, r, PCLN_LLVM_DEOPT, s.pairs) && ok;
  put_text(h, t);
  dump_llvm_live_outs(t, r);
  put_text(h, t);
  return ok;
}

// Each behind a 1, up to a 0.
static void put_llvm(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  struct pcln_llvm_records it = {0};
  struct pcln_llvm_record r;
  struct dump_text text = {0};
  enum pcln_status status = pcln_llvm_records(t, f, &it);
  while (status == PCLN_OK && pcln_llvm_records_next(&it, &r)) {
    h->map_words += (uint64_t)r.n_locations + r.n_live_outs + 1;
    if (h->map_words > dump_map_words_limit(h->d)) {
      status = PCLN_CORRUPT;
      break;
    }
    html_num(&h->details, 1);
    if (!put_llvm_record(h, &it, &r, &text))
      status = PCLN_CORRUPT;
  }
  if (status == PCLN_CORRUPT || it.status == PCLN_CORRUPT)
    html_unreadable(h, f, "funcdata");
  if (text.failed)
    h->details.status = PCLN_NO_MEMORY;
  free(text.s);
  html_num(&h->details, 0);
}

// --- The frame --------------------------------------------------------------

// The first pc at which the frame is there.
static uint64_t framed_pc(const struct pcln_table *t,
                          const struct pcln_func *f) {
  struct pcln_run_iter it;
  pcln_runs_begin(t, f->pcsp, &it);
  for (struct pcln_run run; f->pcsp && pcln_runs_next(&it, &run);)
    if (run.value > 0)
      return f->entry + run.lo;
  return f->entry;
}

// The numbers of the maps of locals and arguments; 1 and the places of the
// locals' end and the arguments' begin from the CFA, or 0; then the rest.
void html_frame(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  int32_t varp, argp;
  html_num(&h->details, map_id(h, f, PCLN_MAP_LOCALS));
  html_num(&h->details, map_id(h, f, PCLN_MAP_ARGS));
  const bool placed = pcln_frame_layout(t, f, framed_pc(t, f), &varp, &argp);
  html_num(&h->details, placed);
  if (placed) {
    html_signed(&h->details, varp);
    html_signed(&h->details, argp);
  }
  put_objects(h, f);
  put_arguments(h, f);
  put_defers(h, f);
  put_wrapped(h, f);
  put_pairs(h, f);
  put_llvm(h, f);
}
