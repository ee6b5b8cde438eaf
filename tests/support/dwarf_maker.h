// SPDX-License-Identifier: Apache-2.0
//
// Writes DWARF byte by byte for tests: a buffer with the encodings, in either
// byte order and offset size, and lengths that are filled in afterwards.
#ifndef PCLNTAB_TESTS_DWARF_MAKER_H
#define PCLNTAB_TESTS_DWARF_MAKER_H

#include "dwarf_const.h"
#include "dwarf_info.h"

#include <assert.h>
#include <stdarg.h>

struct dw_buf {
  uint8_t bytes[64 * 1024];
  size_t len;
  bool swap;        // write the byte order that this machine has not
  uint8_t off_size; // 4 or 8: DWARF's 32- or 64-bit format
};

static inline void dw_uint(struct dw_buf *b, uint64_t v, unsigned size) {
  assert(b->len + size <= sizeof b->bytes);
  for (unsigned i = 0; i < size; i++)
    b->bytes[b->len + (b->swap ? size - 1 - i : i)] = (uint8_t)(v >> (8 * i));
  b->len += size;
}
static inline void dw_u8(struct dw_buf *b, uint64_t v) { dw_uint(b, v, 1); }
static inline void dw_u16(struct dw_buf *b, uint64_t v) { dw_uint(b, v, 2); }
static inline void dw_u32(struct dw_buf *b, uint64_t v) { dw_uint(b, v, 4); }
static inline void dw_u64(struct dw_buf *b, uint64_t v) { dw_uint(b, v, 8); }
static inline void dw_off(struct dw_buf *b, uint64_t v) {
  dw_uint(b, v, b->off_size);
}
static inline void dw_uleb(struct dw_buf *b, uint64_t v) {
  for (; v >= 0x80; v >>= 7)
    dw_u8(b, (v & 0x7f) | 0x80);
  dw_u8(b, v);
}
static inline void dw_sleb(struct dw_buf *b, int64_t v) {
  for (; v < -64 || v > 63; v >>= 7)
    dw_u8(b, ((uint64_t)v & 0x7f) | 0x80);
  dw_u8(b, (uint64_t)v & 0x7f);
}
static inline void dw_str(struct dw_buf *b, const char *s) {
  do
    dw_u8(b, (uint8_t)*s);
  while (*s++);
}

// A length field, and its filling in when all it counts has been written.
static inline size_t dw_begin(struct dw_buf *b) {
  if (b->off_size == 8)
    dw_u32(b, 0xffffffff);
  dw_off(b, 0);
  return b->len;
}
static inline void dw_end(struct dw_buf *b, size_t begin) {
  const size_t end = b->len;
  b->len = begin - b->off_size;
  dw_off(b, end - begin);
  b->len = end;
}

// An abbreviation: {attribute, form} pairs up to a 0. DW_FORM_implicit_const
// takes a third number, its value.
static inline void dw_abbrev(struct dw_buf *b, unsigned code, unsigned tag,
                             int children, ...) {
  va_list ap;
  va_start(ap, children);
  dw_uleb(b, code);
  dw_uleb(b, tag);
  dw_u8(b, children != 0);
  for (unsigned attr; (attr = va_arg(ap, unsigned)) != 0;) {
    const unsigned form = va_arg(ap, unsigned);
    dw_uleb(b, attr);
    dw_uleb(b, form);
    if (form == DW_FORM_implicit_const)
      dw_sleb(b, va_arg(ap, int));
  }
  dw_u16(b, 0);
  va_end(ap);
}

// A unit header up to the first DIE; returns what dw_end() needs.
static inline size_t dw_unit(struct dw_buf *b, unsigned version,
                             uint64_t abbrev_off) {
  const size_t begin = dw_begin(b);
  dw_u16(b, version);
  if (version >= 5) {
    dw_u8(b, DW_UT_compile);
    dw_u8(b, 8);
    dw_off(b, abbrev_off);
  } else {
    dw_off(b, abbrev_off);
    dw_u8(b, 8);
  }
  return begin;
}

static inline struct pcln_span dw_span(const struct dw_buf *b) {
  return (struct pcln_span){.ptr = b->bytes, .len = b->len};
}

#endif
