// SPDX-License-Identifier: Apache-2.0
//
// Reading compact pointer maps: where they begin, which only the end of a
// stream tells, and what their few header bytes say.
//
// Their rows are two-bit entries as in other maps of two bits a word, so they
// are used where they stand. What is left out is the end of the locals' rows:
// the words between the highest one that any row says something of and the end
// of the locals, such as saved registers and buffers, which in most functions
// are more than all others together.
//
// Called from signal handlers and from a collector with the world stopped: no
// allocation, no locks, no stdio.
#include "stackmap_compact.h"

static struct pcln_span take_rows(struct pcln_cursor *c, uint32_t n_rows,
                                  uint32_t n_words) {
  const uint64_t len = (uint64_t)n_rows * pcln_codes_len(n_words);
  return (struct pcln_span){.ptr = pcln_take(c, len), .len = (size_t)len};
}

static bool read_maps(struct pcln_cursor *c, struct pcln_compact_maps *m) {
  const uint32_t head = pcln_varint32(c);
  uint32_t left_out = 0; // words
  *m = (struct pcln_compact_maps){.has_locals = head & PCLN_MAPS_LOCALS,
                                  .has_args = head & PCLN_MAPS_ARGS,
                                  .n_stored = head >> PCLN_MAPS_WORDS_SHIFT};
  if (head) {
    const uint32_t rest = pcln_varint32(c);
    m->n_rows = rest & PCLN_MAPS_ROWS_MASK;
    left_out = rest >> PCLN_MAPS_SKIP_SHIFT;
    if (m->n_rows == PCLN_MAPS_ROWS_MASK)
      m->n_rows += pcln_varint32(c) & INT32_MAX;
  }
  if (m->has_args)
    m->n_args = pcln_varint32(c);
  if (c->failed || left_out > PCLN_MAPS_MAX_WORDS ||
      m->n_stored > PCLN_MAPS_MAX_WORDS - left_out ||
      m->n_args > PCLN_MAPS_MAX_WORDS ||
      (!m->has_locals && (m->n_stored || left_out)))
    return false;
  m->n_locals = m->n_stored + left_out;
  m->locals = take_rows(c, m->n_rows, m->n_stored);
  m->args = take_rows(c, m->n_rows, m->n_args);
  return !c->failed;
}

enum pcln_status pcln_compact_maps(const struct pcln_table *t,
                                   const struct pcln_func *f,
                                   struct pcln_compact_maps *out) {
  const uint32_t stream = pcln_pcdata_stream(t, f, PCLN_PCDATA_STACKMAP);
  uint32_t at;
  if (stream == 0)
    return PCLN_NOT_FOUND;
  if (pcln_behind_stream(t, f, stream, &at) != PCLN_OK)
    return PCLN_CORRUPT;
  struct pcln_cursor c =
      pcln_cursor_at(t->pctab.ptr + at, t->pctab.len - at, t->swap);
  if (!read_maps(&c, out))
    return PCLN_CORRUPT;
  out->bytes = (struct pcln_span){.ptr = c.start, .len = pcln_tell(&c)};
  return PCLN_OK;
}
