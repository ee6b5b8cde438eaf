// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C in two ways: the machine's instruction where there is one, else eight
// bytes at a time through tables. The table of a large program has tens of
// megabytes and is checked when its module is first seen, so both matter.
//
// A CRC is linear: what the next eight bytes, with the state before added to
// the first four, make of it is the sum of what each of their 16 nibbles would
// make of it alone. So 16 tables of 16 numbers do, and those are sums again, of
// four numbers each. They are constants and not filled at the first use,
// because this runs in signal handlers and must not have a first use.
#include "crc32c.h"

#include "bytes.h"
#include "format.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

// The remainders of all nibbles in one place of the eight bytes, from those of
// its four bits.
#define ROW(a, b, c, d)                                                        \
  {                                                                            \
    0, (a), (b), (a) ^ (b), (c), (a) ^ (c), (b) ^ (c), (a) ^ (b) ^ (c), (d),   \
        (a) ^ (d), (b) ^ (d), (a) ^ (b) ^ (d), (c) ^ (d), (a) ^ (c) ^ (d),     \
        (b) ^ (c) ^ (d), (a) ^ (b) ^ (c) ^ (d)                                 \
  }

// Row i is nibble i, counted from the lowest bits of the first byte. A bit's
// number is the remainder of that bit followed by the rest of the eight bytes,
// for the polynomial 0x82f63b78 (reflected).
static const uint32_t nibbles[16][16] = {
    ROW(0x493c7d27u, 0x9278fa4eu, 0x211d826du, 0x423b04dau),
    ROW(0x847609b4u, 0x0d006599u, 0x1a00cb32u, 0x34019664u),
    ROW(0x68032cc8u, 0xd0065990u, 0xa5e0c5d1u, 0x4e2dfd53u),
    ROW(0x9c5bfaa6u, 0x3d5b83bdu, 0x7ab7077au, 0xf56e0ef4u),
    ROW(0xef306b19u, 0xdb8ca0c3u, 0xb2f53777u, 0x6006181fu),
    ROW(0xc00c303eu, 0x85f4168du, 0x0e045bebu, 0x1c08b7d6u),
    ROW(0x38116facu, 0x7022df58u, 0xe045beb0u, 0xc5670b91u),
    ROW(0x8f2261d3u, 0x1ba8b557u, 0x37516aaeu, 0x6ea2d55cu),
    ROW(0xdd45aab8u, 0xbf672381u, 0x7b2231f3u, 0xf64463e6u),
    ROW(0xe964b13du, 0xd725148bu, 0xaba65fe7u, 0x52a0c93fu),
    ROW(0xa541927eu, 0x4f6f520du, 0x9edea41au, 0x38513ec5u),
    ROW(0x70a27d8au, 0xe144fb14u, 0xc76580d9u, 0x8b277743u),
    ROW(0x13a29877u, 0x274530eeu, 0x4e8a61dcu, 0x9d14c3b8u),
    ROW(0x3fc5f181u, 0x7f8be302u, 0xff17c604u, 0xfbc3faf9u),
    ROW(0xf26b8303u, 0xe13b70f7u, 0xc79a971fu, 0x8ad958cfu),
    ROW(0x105ec76fu, 0x20bd8edeu, 0x417b1dbcu, 0x82f63b78u),
};

static uint32_t crc_tables(uint32_t crc, const uint8_t *p, size_t len) {
  const bool swap = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
  for (; len >= 8; p += 8, len -= 8) {
    uint64_t x = pcln_load64(p, swap) ^ crc;
    crc = 0;
    for (unsigned i = 0; i < 16; i++, x >>= 4)
      crc ^= nibbles[i][x & 15];
  }
  // A single byte is the last of eight: what stands before it is zero.
  for (; len; p++, len--) {
    crc ^= *p;
    crc = (crc >> 8) ^ nibbles[14][crc & 15] ^ nibbles[15][(crc >> 4) & 15];
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc_instruction(uint32_t crc, const uint8_t *p, size_t len) {
  uint64_t wide = crc;
  for (; len >= 8; p += 8, len -= 8)
    wide = __builtin_ia32_crc32di(wide, pcln_load64(p, false));
  crc = (uint32_t)wide;
  for (; len; p++, len--)
    crc = __builtin_ia32_crc32qi(crc, *p);
  return crc;
}

// Asked once: CPUID costs microseconds in a virtual machine. Not
// __builtin_cpu_supports(), whose data stands in libgcc.a, which linkers of
// other languages (rustc) do not name.
static bool has_instruction(void) {
  enum { UNKNOWN, ABSENT, PRESENT };
  static _Atomic uint8_t known;
  if (known == UNKNOWN) {
    uint32_t a, b, c = 0, d;
    known = __get_cpuid(1, &a, &b, &c, &d) && c & bit_SSE4_2 ? PRESENT : ABSENT;
  }
  return known == PRESENT;
}
#endif

uint32_t pcln_crc32c(uint32_t crc, const void *bytes, size_t len) {
#if defined(__x86_64__)
  if (has_instruction())
    return ~crc_instruction(~crc, bytes, len);
#endif
  return ~crc_tables(~crc, bytes, len);
}

uint32_t pcln_crc32c_portable(uint32_t crc, const void *bytes, size_t len) {
  return ~crc_tables(~crc, bytes, len);
}

uint32_t pcln_blob_checksum(const uint8_t *blob, size_t len) {
  static const uint8_t zero[4];
  uint32_t crc = pcln_crc32c(0, blob, PCLN_MOD_CHECKSUM);
  crc = pcln_crc32c(crc, zero, sizeof zero);
  return pcln_crc32c(crc, blob + PCLN_MOD_CHECKSUM + 4,
                     len - PCLN_MOD_CHECKSUM - 4);
}
