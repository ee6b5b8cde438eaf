// SPDX-License-Identifier: Apache-2.0
//
// Walking one pc-value stream outside a table: what the model holds. Shared by
// the encoder, the decoder and the comparison of models; lookups in a table
// have their own walk (pcvalue.c), which starts at checkpoints.
#ifndef PCLNTAB_PAIRS_H
#define PCLNTAB_PAIRS_H

#include "bytes.h"
#include "pclntab.h"

struct pcln_pairs {
  struct pcln_cursor c; // behind the pair read last
  uint32_t quantum;     // bytes
  uint32_t lo, hi;      // bytes from entry: the run read last
  int32_t value;        // of that run; -1 before the first
  bool first;
  bool empty_runs; // are stepped over, as Go's readers do; else they are wrong
};

static inline struct pcln_pairs pcln_pairs_at(struct pcln_span stream,
                                              uint32_t quantum) {
  return (struct pcln_pairs){.c = pcln_cursor_at(stream.ptr, stream.len, false),
                             .quantum = quantum,
                             .value = -1,
                             .first = true};
}

// True: `value` holds for lo <= x < hi. False: the end, or p->c.failed, when
// the stream has no terminator, an empty run, or goes beyond 32 bits.
static inline bool pcln_pairs_next(struct pcln_pairs *p) {
  uint32_t step;
  uint64_t hi;
  do {
    const uint32_t delta = pcln_varint32(&p->c);
    if (delta == 0 && !p->first)
      return false;
    step = pcln_varint32(&p->c);
    hi = p->hi + (uint64_t)step * p->quantum;
    if ((step == 0 && (p->first || !p->empty_runs)) || hi > UINT32_MAX)
      pcln_fail(&p->c);
    if (p->c.failed)
      return false;
    p->value = (int32_t)((uint32_t)p->value + (uint32_t)pcln_unzigzag(delta));
  } while (step == 0);
  p->lo = p->hi;
  p->hi = (uint32_t)hi;
  p->first = false;
  return true;
}

// The value of a stream at `pc`, -1 where it says nothing; for pcs that ascend.
// `more`: whether a run has been read, at first the result of
// pcln_pairs_next().
static inline int32_t pcln_pairs_seek(struct pcln_pairs *p, bool *more,
                                      uint32_t pc) {
  while (*more && p->hi <= pc)
    *more = pcln_pairs_next(p);
  return *more ? p->value : -1;
}

#endif
