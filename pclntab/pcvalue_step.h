// SPDX-License-Identifier: Apache-2.0
//
// Private to pcvalue*.c: decoding one pair of a pc-value stream. step() takes
// any pair and is the one place that tells sound from malformed; step_wide()
// takes most, without a branch that depends on the lengths of varints, because
// those cannot be predicted.
#ifndef PCLNTAB_PCVALUE_STEP_H
#define PCLNTAB_PCVALUE_STEP_H

#include "table.h"

// The decoder between two pairs.
struct decoder {
  const uint8_t *pos, *end;
  uint32_t pc; // in quanta from the function's entry: where the next run begins
  int32_t value; // of the run before
  bool first;    // the next pair is the first, or at the pc of the first
  bool strict;   // a run has one quantum at least: in our tables
};

static inline int32_t add_wrapping(int32_t a, uint32_t b) {
  return (int32_t)((uint32_t)a + b);
}

// A varint of 32 bits; false when it is cut off or has more than 5 bytes.
static inline bool varint(const uint8_t **pos, const uint8_t *end,
                          uint32_t *out) {
  const uint8_t *p = *pos;
  if (p < end && *p < 0x80) {
    *out = *p;
    *pos = p + 1;
    return true;
  }
  struct pcln_cursor c = {.start = p, .pos = p, .end = end};
  *out = pcln_varint32(&c);
  *pos = c.pos;
  return !c.failed;
}

enum step { STEP_RUN, STEP_END, STEP_BAD };

// Go's assembler writes a few runs without a pc in a row; more are malformed.
// So a step looks at a bounded number of bytes.
enum { MAX_EMPTY_RUNS = 16, MAX_STEP = (MAX_EMPTY_RUNS + 1) * 10 };

// Decodes one pair: *next_pc is where its run ends; d->value its value. d->pc
// is left for the caller to move.
static __attribute__((noinline)) enum step step(struct decoder *d,
                                                uint32_t *next_pc) {
  for (unsigned n = 0; n <= MAX_EMPTY_RUNS; n++) {
    uint32_t value, delta;
    if (!varint(&d->pos, d->end, &value))
      return STEP_BAD;
    if (value == 0 && !d->first)
      return STEP_END;
    if (!varint(&d->pos, d->end, &delta) || (delta == 0 && d->strict) ||
        delta > UINT32_MAX - d->pc)
      return STEP_BAD;
    d->value = add_wrapping(d->value, (uint32_t)pcln_unzigzag(value));
    if (delta == 0)
      continue;
    d->first = false;
    *next_pc = d->pc + delta;
    return STEP_RUN;
  }
  return STEP_BAD;
}

// The number in the up to three bytes of a varint; the rest of `w` is zero.
static inline uint32_t gather(uint64_t w) {
  return (uint32_t)((w & 0x7f) | (w & 0x7f00) >> 1 | (w & 0x7f0000) >> 2);
}

// As step(), without branches on lengths, where the pair is not the first and
// its varints have up to three bytes each; false if that is not so.
static inline bool step_wide(struct decoder *d, uint32_t *next_pc) {
  if (d->end - d->pos < 8)
    return false;
  const uint64_t w =
      pcln_load64(d->pos, __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__);
  // The top bits of last bytes; the lowest two are those of the pair.
  const uint64_t lasts = ~w & UINT64_C(0x0000808080808080);
  const uint64_t rest = lasts & (lasts - 1);
  if (rest == 0)
    return false;
  const unsigned n = (unsigned)__builtin_ctzll(lasts) + 1; // bits
  const unsigned m = (unsigned)__builtin_ctzll(rest) + 1;
  const uint32_t value = gather(w & (((uint64_t)1 << n) - 1));
  const uint32_t delta = gather((w & (((uint64_t)1 << m) - 1)) >> n);
  if (n > 24 || m - n > 24 || value == 0 || delta == 0 ||
      delta > UINT32_MAX - d->pc)
    return false;
  d->value = add_wrapping(d->value, (uint32_t)pcln_unzigzag(value));
  *next_pc = d->pc + delta;
  d->pos += m / 8;
  return true;
}

#endif
