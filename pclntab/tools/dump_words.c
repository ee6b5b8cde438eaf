// SPDX-License-Identifier: Apache-2.0
//
// Words that hold live pointers, as text: of a frame's maps and of variables.
#include "dump_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- Text that grows --------------------------------------------------------

void dump_text_put(struct dump_text *t, const char *s) {
  const size_t n = strlen(s);
  if (t->cap - t->len <= n && !t->failed) {
    const size_t cap = 2 * t->cap + n + 1;
    char *grown = realloc(t->s, cap);
    t->failed = !grown;
    t->s = grown ? grown : t->s;
    t->cap = grown ? cap : t->cap;
  }
  if (t->failed)
    return;
  memcpy(t->s + t->len, s, n + 1);
  t->len += n;
}

void dump_text_clear(struct dump_text *t) {
  t->len = 0;
  dump_text_put(t, "");
}

// Numbers as "1,3-5"; a run of equal kinds ends where `next` is another word.
void dump_text_range(struct dump_text *t, uint32_t from, uint32_t to,
                     const char *kind) {
  char number[48];
  if (from == to)
    snprintf(number, sizeof number, "%s%u", t->len ? "," : "", from);
  else
    snprintf(number, sizeof number, "%s%u-%u", t->len ? "," : "", from, to);
  dump_text_put(t, number);
  dump_text_put(t, kind);
}

// --- Live words -------------------------------------------------------------

static const char *kind_suffix(uint8_t kind) {
  static const char *const names[] = {[PCLN_WORD_STRING] = ":string",
                                      [PCLN_WORD_SLICE] = ":slice",
                                      [PCLN_WORD_IFACE] = ":iface",
                                      [PCLN_WORD_EFACE] = ":eface"};
  return kind > PCLN_WORD_POINTER ? names[kind] : "";
}

// The words whose kind is from `lo` to `hi`.
static void list_words(struct dump_text *t, const struct pcln_map_row *row,
                       uint8_t lo, uint8_t hi) {
  struct pcln_word w, first = {0};
  bool open = false;
  dump_text_clear(t);
  for (uint32_t next = 0; pcln_words_next(row, &next, &w);) {
    const bool wanted = w.kind >= lo && w.kind <= hi;
    if (open && (!wanted || w.kind != first.kind || w.n > 1)) {
      dump_text_range(t, first.index, w.index - 1, kind_suffix(first.kind));
      open = false;
    }
    if (!wanted)
      continue;
    if (w.n > 1)
      dump_text_range(t, w.index, w.index + w.n - 1, kind_suffix(w.kind));
    else if (!open)
      first = w;
    open = w.n == 1;
  }
  if (open)
    dump_text_range(t, first.index, row->n_words - 1, kind_suffix(first.kind));
}

void dump_words_fields(struct dump_out *o, struct dump_text *t,
                       const struct pcln_map_row *row, const char *live,
                       const char *scalars) {
  if (!row->bits)
    return;
  list_words(t, row, PCLN_WORD_POINTER, PCLN_WORD_EFACE);
  if (t->len)
    dump_named_str(o, live, t->s);
  list_words(t, row, PCLN_WORD_SCALAR, PCLN_WORD_SCALAR);
  if (t->len)
    dump_named_str(o, scalars, t->s);
}

uint64_t dump_map_words_limit(const struct dump *d) {
  enum { SHARING = 512 }; // for each byte
  const struct pcln_table *t = &d->file->table;
  // Compact maps stand in the table itself, others in its funcdata.
  return SHARING * ((uint64_t)t->blob.len + t->funcdata.len + t->roots.len);
}
