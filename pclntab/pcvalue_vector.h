// SPDX-License-Identifier: Apache-2.0
//
// Private to pcvalue.c: passing many pairs of a stream at once where the
// machine has vectors (x86's SSE2; elsewhere nothing is passed).
//
// Which varints are longer than one byte cannot be predicted, so in a long
// stream a loop over pairs spends most of its time on mispredicted branches.
// skip_block() sums all pairs in 16 bytes without any, if their varints have
// one or two bytes, and so brings a lookup near its pc. Whatever is unusual it
// leaves to the loop: varints of three bytes and more, the ends of streams,
// everything malformed.
#ifndef PCLNTAB_PCVALUE_VECTOR_H
#define PCLNTAB_PCVALUE_VECTOR_H

#include "pcvalue_step.h"

enum skip {
  SKIPPED,
  SKIP_NOT_HERE, // something unusual comes first
  SKIP_TOO_FAR,  // the pc looked for is in the block
};

#if defined(__SSE2__)
#include <emmintrin.h>

// Passes the whole pairs in the next 16 bytes, up to the first that has
// anything unusual: a zero byte (the terminator, a fault) or a varint of more
// than two bytes. Nothing is passed unless all end at or before `target`
// (quanta).
//
// A byte's place in its varint follows from the byte before it; whether it
// belongs to a value or to a pc, from the parity of the number of varints that
// end before it. Then both sums are sums of bytes, times 1 or 128. Zig-zag: an
// even number stands for its half, an odd one for minus half of the next.
static inline enum skip skip_block(struct decoder *d, uint32_t target) {
  static const uint8_t keep_mask[32] = {255, 255, 255, 255, 255, 255,
                                        255, 255, 255, 255, 255, 255,
                                        255, 255, 255, 255}; // then 16 zeros
  if (d->end - d->pos < 16)
    return SKIP_NOT_HERE;
  const __m128i zero = _mm_setzero_si128();
  const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)d->pos);
  const unsigned more = (unsigned)_mm_movemask_epi8(x); // continuation bits
  const unsigned ends = ~more & 0xffff;
  unsigned odd = ends << 1; // bytes of odd varints: those of pcs
  odd ^= odd << 1;
  odd ^= odd << 2;
  odd ^= odd << 4;
  odd ^= odd << 8;
  const unsigned unusual =
      (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, zero)) |
      (more & more << 1) | 1u << 16;
  const unsigned pair_ends = ends & odd & ((unusual & -unusual) - 1);
  if (pair_ends == 0)
    return SKIP_NOT_HERE;
  const unsigned len = 32 - (unsigned)__builtin_clz(pair_ends);

  const __m128i keep =
      _mm_loadu_si128((const __m128i *)(const void *)(keep_mask + 16 - len));
  const __m128i end = _mm_cmpgt_epi8(x, _mm_set1_epi8(-1));
  const __m128i second = // the byte before does not end a varint
      _mm_slli_si128(_mm_andnot_si128(end, _mm_set1_epi8(-1)), 1);
  __m128i pc = _mm_slli_si128(end, 1); // the parity again, byte by byte
  pc = _mm_xor_si128(pc, _mm_slli_si128(pc, 1));
  pc = _mm_xor_si128(pc, _mm_slli_si128(pc, 2));
  pc = _mm_xor_si128(pc, _mm_slli_si128(pc, 4));
  pc = _mm_xor_si128(pc, _mm_slli_si128(pc, 8));
  const __m128i y = _mm_and_si128(x, _mm_and_si128(keep, _mm_set1_epi8(0x7f)));

  const __m128i yp = _mm_and_si128(y, pc), yv = _mm_andnot_si128(pc, y);
  const __m128i pcs = _mm_add_epi64(
      _mm_sad_epu8(_mm_andnot_si128(second, yp), zero),
      _mm_slli_epi64(_mm_sad_epu8(_mm_and_si128(second, yp), zero), 7));
  // Values: odd first bytes, and what follows them, count as negative.
  const __m128i v0 = _mm_andnot_si128(second, yv);
  const __m128i v1 = _mm_and_si128(second, yv);
  const __m128i one = _mm_set1_epi8(1);
  const __m128i neg0 = _mm_cmpeq_epi8(_mm_and_si128(v0, one), one);
  const __m128i neg1 = _mm_slli_si128(neg0, 1);
  const __m128i plus = _mm_add_epi64(
      _mm_sad_epu8(_mm_andnot_si128(neg0, v0), zero),
      _mm_slli_epi64(_mm_sad_epu8(_mm_andnot_si128(neg1, v1), zero), 7));
  const __m128i minus = _mm_add_epi64(
      _mm_sad_epu8(_mm_and_si128(neg0, _mm_add_epi8(v0, one)), zero),
      _mm_slli_epi64(_mm_sad_epu8(_mm_and_si128(neg1, v1), zero), 7));
  // Twice the value in the upper half of each lane, the pc in the lower.
  __m128i sum =
      _mm_add_epi64(pcs, _mm_slli_epi64(_mm_sub_epi64(plus, minus), 32));
  sum = _mm_add_epi64(sum, _mm_srli_si128(sum, 8));
  const uint64_t both = (uint64_t)_mm_cvtsi128_si64(sum);
  if ((uint32_t)both > target - d->pc)
    return SKIP_TOO_FAR;
  d->pc += (uint32_t)both;
  d->value =
      add_wrapping(d->value, (uint32_t)((int32_t)(uint32_t)(both >> 32) / 2));
  d->pos += len;
  return SKIPPED;
}
#else
static inline enum skip skip_block(struct decoder *d, uint32_t target) {
  (void)d, (void)target;
  return SKIP_TOO_FAR;
}
#endif

#endif
