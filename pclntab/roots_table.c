// SPDX-License-Identifier: Apache-2.0
//
// Reading the roots part of a table: records of fixed size behind a count, and
// behind them the two-bit entries, which variables of one shape share.
//
// Called by a collector with the world stopped: no allocation, no locks.
#include "roots_table.h"

#include "table.h"

void pcln_roots_begin(const struct pcln_table *t, struct pcln_root_iter *it) {
  *it = (struct pcln_root_iter){.t = t};
  if (!t->roots.ptr)
    return;
  struct pcln_cursor c = pcln_cursor_at(t->roots.ptr, t->roots.len, t->swap);
  const uint32_t n = pcln_u32(&c);
  if (t->roots.len < PCLN_ROOTS_HEADER ||
      n > (t->roots.len - PCLN_ROOTS_HEADER) / PCLN_ROOT_SIZE)
    it->status = PCLN_CORRUPT;
  else
    it->n = n;
}

bool pcln_roots_next(struct pcln_root_iter *it, struct pcln_root *out) {
  if (it->next >= it->n)
    return false;
  const struct pcln_table *t = it->t;
  struct pcln_cursor c = pcln_cursor_at(t->roots.ptr, t->roots.len, t->swap);
  pcln_seek(&c, PCLN_ROOTS_HEADER + (uint64_t)it->next * PCLN_ROOT_SIZE);
  struct pcln_root r = {.va = pcln_u64(&c), .idx = it->next};
  r.n_words = pcln_u32(&c);
  r.repeat = pcln_u32(&c);
  const uint32_t codes = pcln_u32(&c);
  r.tls = (pcln_u32(&c) & PCLN_ROOT_TLS) != 0;
  if (!r.tls) // stored from text start; wraps for what lies below it
    r.va += t->text_start;
  pcln_seek(&c, codes);
  r.codes.len = pcln_codes_len(r.n_words);
  r.codes.ptr = pcln_take(&c, r.codes.len);
  if (c.failed) {
    it->status = PCLN_CORRUPT;
    it->n = 0;
    return false;
  }
  it->next++;
  *out = r;
  return true;
}

struct pcln_map_row pcln_root_row(const struct pcln_root *root) {
  return pcln_two_bit_row(root->codes.ptr, root->n_words);
}
