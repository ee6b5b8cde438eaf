// SPDX-License-Identifier: Apache-2.0
//
// What a collector and a traceback know of a function's frame, for the report:
// pointer maps, stack objects, arguments, deferred calls. Functions share maps,
// so each is written once, into a section of its own, and referred to by
// number.
//
// A damaged table may name ever other places in its funcdata as maps. What is
// walked is therefore counted; a real table needs a small part of the limit.
#include "html.h"

#include "stackmap.h"

enum { SHARING = 512 }; // words walked for each byte of funcdata

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
  const uint64_t limit = SHARING * (uint64_t)h->d->file->table.funcdata.len;
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
}
