// SPDX-License-Identifier: Apache-2.0
//
// Whether a function brought over by a reader answers as it does in the table
// that it is from: for the unit test on sound and damaged tables, and for the
// fuzzer.
#ifndef PIECE_CHECK_H
#define PIECE_CHECK_H

#include "reader.h"

#include <stdlib.h>
#include <string.h>

static inline bool same_text(const char *a, const char *b) {
  return a && b ? strcmp(a, b) == 0 : a == b;
}

static inline const char *frames_differ(const struct pcln_table *a,
                                        const struct pcln_table *b,
                                        uint64_t pc) {
  struct pcln_frame_iter ia, ib;
  struct pcln_frame fa, fb;
  if (pcln_frames_begin(a, pc, &ia) != pcln_frames_begin(b, pc, &ib))
    return "frames_begin";
  if (ia.status != PCLN_OK)
    return NULL;
  for (;;) {
    const bool ma = pcln_frames_next(&ia, &fa), mb = pcln_frames_next(&ib, &fb);
    if (ma != mb || ia.status != ib.status)
      return "frames_next";
    if (!ma)
      return NULL;
    if (!same_text(fa.func, fb.func) || !same_text(fa.file, fb.file) ||
        fa.line != fb.line || fa.start_line != fb.start_line ||
        fa.func_id != fb.func_id || fa.inlined != fb.inlined)
      return "a frame";
  }
}

static inline const char *rows_differ(const struct pcln_table *a,
                                      const struct pcln_func *fa,
                                      const struct pcln_table *b,
                                      const struct pcln_func *fb) {
  struct pcln_rows ia, ib;
  struct pcln_row ra, rb;
  pcln_rows_begin(a, fa, &ia);
  pcln_rows_begin(b, fb, &ib);
  for (int n = 0; n < 2000; n++) {
    const bool ma = pcln_rows_next(&ia, &ra, 1),
               mb = pcln_rows_next(&ib, &rb, 1);
    if (ma != mb || ia.status != ib.status)
      return "rows_next";
    if (!ma)
      break;
    if (ra.lo != rb.lo || ra.hi != rb.hi || ra.line != rb.line ||
        ra.file != rb.file || ra.inl != rb.inl)
      return "a row";
    if (!same_text(pcln_file_name(a, fa, ra.file),
                   pcln_file_name(b, fb, rb.file)))
      return "a file";
  }
  return NULL;
}

static inline const char *rules_differ(const struct pcln_table *a,
                                       const struct pcln_func *fa,
                                       const struct pcln_table *b,
                                       const struct pcln_func *fb,
                                       uint64_t pc) {
  struct pcln_rule ra, rb;
  struct pcln_run na, nb;
  const enum pcln_status sa = pcln_rule_at(a, fa, pc, &ra, &na);
  if (sa != pcln_rule_at(b, fb, pc, &rb, &nb))
    return "rule_at";
  if (sa == PCLN_OK && (memcmp(&ra, &rb, sizeof ra) != 0 || na.lo != nb.lo ||
                        na.hi != nb.hi || na.value != nb.value))
    return "a rule";
  for (uint32_t i = 0; i < 6; i++) {
    int32_t va = 0, vb = 0;
    if (pcln_pcdata_at(a, fa, i, pc, &va) !=
            pcln_pcdata_at(b, fb, i, pc, &vb) ||
        va != vb)
      return "pcdata";
  }
  return NULL;
}

static inline const char *func_differs(const struct pcln_func *a,
                                       const struct pcln_func *b) {
  if (a->entry != b->entry || a->end != b->end)
    return "entry or end";
  if (a->hole != b->hole || !same_text(a->name, b->name))
    return "name";
  if (a->args != b->args || a->deferreturn != b->deferreturn ||
      a->start_line != b->start_line || a->func_id != b->func_id ||
      a->flags != b->flags || a->n_pcdata != b->n_pcdata ||
      a->n_funcdata != b->n_funcdata)
    return "a field";
  return NULL;
}

// Brings function `idx` over, into a buffer that grows as PCLN_LIMIT asks; up
// to 4 MB. The caller frees *buf.
static inline enum pcln_status fetch_piece(const struct pcln_reader *r,
                                           uint32_t idx, uint8_t **buf,
                                           struct pcln_piece *piece) {
  enum pcln_status status = PCLN_LIMIT;
  *buf = NULL;
  for (size_t cap = 16; status == PCLN_LIMIT && cap < 1 << 22;
       cap = piece->size) {
    free(*buf);
    *buf = (uint8_t *)malloc(cap);
    if (!*buf)
      return PCLN_NO_MEMORY;
    status = pcln_reader_at(r, idx, PCLN_READ_ALL, *buf, cap, piece);
  }
  return status;
}

// What of function `idx` the piece in `p` says otherwise than the table; null:
// nothing.
static inline const char *piece_differs(const struct pcln_table *t,
                                        const struct pcln_piece *piece,
                                        uint32_t idx) {
  struct pcln_func a, b;
  const char *what = NULL;
  const struct pcln_table *p = &piece->table;
  if (pcln_func_at(t, idx, &a) != PCLN_OK)
    return NULL; // functab is not in order, which a piece cannot know
  if (pcln_func_at(p, 0, &b) != PCLN_OK)
    return "func_at";
  what = func_differs(&a, &b);
  if (!what)
    what = rows_differ(t, &a, p, &b);
  const uint64_t len = a.end - a.entry, step = len / 20 + 1;
  for (uint64_t n = 0; !what && n < 20 && n * step < len; n++) {
    const uint64_t pc = a.entry + n * step;
    struct pcln_func found;
    what = rules_differ(t, &a, p, &b, pc);
    // In a table that is not in order, another function may be found there.
    if (!what && pcln_find_func(t, pc, &found) == PCLN_OK && found.idx == idx)
      what = frames_differ(t, p, pc);
  }
  return what;
}

#endif
