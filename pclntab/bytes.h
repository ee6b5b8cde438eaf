// SPDX-License-Identifier: Apache-2.0
//
// A bounded cursor over untrusted bytes: the only place where bytes become
// integers. A read past the end yields zero and sets a failure that stays set,
// so a caller reads a whole record and checks once. Header-only, because the
// decoders' speed is these few lines being inlined. No allocation, no locks:
// usable in a signal handler.
#ifndef PCLNTAB_BYTES_H
#define PCLNTAB_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct pcln_cursor {
  const uint8_t *start; // first byte of the region
  const uint8_t *pos;   // next byte to read; start <= pos <= end
  const uint8_t *end;   // one past the last byte
  bool swap;            // the target's byte order is not this machine's
  bool failed;          // a read went past the end, or a value had no meaning
};

// Null stands for no bytes, whatever `len` is: pointer arithmetic needs an
// object, so it becomes an empty one.
static inline struct pcln_cursor pcln_cursor_at(const void *bytes, size_t len,
                                                bool swap) {
  const uint8_t *p = (const uint8_t *)(bytes ? bytes : "");
  return (struct pcln_cursor){
      .start = p, .pos = p, .end = bytes ? p + len : p, .swap = swap};
}

static inline size_t pcln_left(const struct pcln_cursor *c) {
  return (size_t)(c->end - c->pos);
}

static inline size_t pcln_tell(const struct pcln_cursor *c) {
  return (size_t)(c->pos - c->start);
}

// Fails the cursor and moves it to its end, so that loops over it stop.
static inline void pcln_fail(struct pcln_cursor *c) {
  c->failed = true;
  c->pos = c->end;
}

// Moves to `off` bytes from the region's start.
static inline void pcln_seek(struct pcln_cursor *c, uint64_t off) {
  if (off > (uint64_t)(c->end - c->start))
    pcln_fail(c);
  else
    c->pos = c->start + off;
}

static inline void pcln_skip(struct pcln_cursor *c, uint64_t n) {
  if (n > pcln_left(c))
    pcln_fail(c);
  else
    c->pos += n;
}

// The next `n` bytes as they are, or null.
static inline const uint8_t *pcln_take(struct pcln_cursor *c, uint64_t n) {
  if (n > pcln_left(c)) {
    pcln_fail(c);
    return NULL;
  }
  const uint8_t *p = c->pos;
  c->pos += n;
  return p;
}

static inline uint16_t pcln_load16(const uint8_t *p, bool swap) {
  uint16_t v;
  memcpy(&v, p, sizeof v);
  return swap ? __builtin_bswap16(v) : v;
}
static inline uint32_t pcln_load32(const uint8_t *p, bool swap) {
  uint32_t v;
  memcpy(&v, p, sizeof v);
  return swap ? __builtin_bswap32(v) : v;
}
static inline uint64_t pcln_load64(const uint8_t *p, bool swap) {
  uint64_t v;
  memcpy(&v, p, sizeof v);
  return swap ? __builtin_bswap64(v) : v;
}

static inline void pcln_store16(uint8_t *p, uint16_t v, bool swap) {
  v = swap ? __builtin_bswap16(v) : v;
  memcpy(p, &v, sizeof v);
}
static inline void pcln_store32(uint8_t *p, uint32_t v, bool swap) {
  v = swap ? __builtin_bswap32(v) : v;
  memcpy(p, &v, sizeof v);
}
static inline void pcln_store64(uint8_t *p, uint64_t v, bool swap) {
  v = swap ? __builtin_bswap64(v) : v;
  memcpy(p, &v, sizeof v);
}

static inline uint8_t pcln_u8(struct pcln_cursor *c) {
  const uint8_t *p = pcln_take(c, 1);
  return p ? *p : 0;
}
static inline uint16_t pcln_u16(struct pcln_cursor *c) {
  const uint8_t *p = pcln_take(c, 2);
  return p ? pcln_load16(p, c->swap) : 0;
}
static inline uint32_t pcln_u32(struct pcln_cursor *c) {
  const uint8_t *p = pcln_take(c, 4);
  return p ? pcln_load32(p, c->swap) : 0;
}
static inline uint64_t pcln_u64(struct pcln_cursor *c) {
  const uint8_t *p = pcln_take(c, 8);
  return p ? pcln_load64(p, c->swap) : 0;
}

// An unsigned integer of `size` bytes: 1, 2, 4 or 8.
static inline uint64_t pcln_uint(struct pcln_cursor *c, unsigned size) {
  switch (size) {
  case 1:
    return pcln_u8(c);
  case 2:
    return pcln_u16(c);
  case 4:
    return pcln_u32(c);
  case 8:
    return pcln_u64(c);
  default:
    pcln_fail(c);
    return 0;
  }
}

// ULEB128. Bits beyond the 64th must be zero, else the cursor fails.
static inline uint64_t pcln_uleb(struct pcln_cursor *c) {
  uint64_t v = 0;
  for (unsigned shift = 0; c->pos < c->end; shift += 7) {
    uint8_t b = *c->pos++;
    if (shift < 63)
      v |= (uint64_t)(b & 0x7f) << shift;
    else if (shift == 63 && (b & 0x7f) <= 1)
      v |= (uint64_t)b << 63;
    else if (b & 0x7f)
      break;
    if (!(b & 0x80))
      return v;
  }
  pcln_fail(c);
  return 0;
}

// SLEB128, 64 bits.
static inline int64_t pcln_sleb(struct pcln_cursor *c) {
  uint64_t v = 0;
  for (unsigned shift = 0; c->pos < c->end; shift += 7) {
    uint8_t b = *c->pos++;
    if (shift < 64)
      v |= (uint64_t)(b & 0x7f) << shift;
    if (!(b & 0x80)) {
      if (shift + 7 < 64 && (b & 0x40))
        v |= ~UINT64_C(0) << (shift + 7);
      return (int64_t)v;
    }
    if (shift > 70)
      break;
  }
  pcln_fail(c);
  return 0;
}

// A NUL-terminated string, or null; *len is its length without the NUL.
static inline const char *pcln_cstr(struct pcln_cursor *c, size_t *len) {
  const uint8_t *p = c->pos;
  const uint8_t *nul = (const uint8_t *)memchr(p, 0, pcln_left(c));
  if (!nul) {
    pcln_fail(c);
    return NULL;
  }
  c->pos = nul + 1;
  if (len)
    *len = (size_t)(nul - p);
  return (const char *)p;
}

// --- Go's pc-value varint ---------------------------------------------------
// Seven bits a byte, low group first, at most five bytes for 32 bits.

static inline uint32_t pcln_varint32(struct pcln_cursor *c) {
  uint32_t v = 0;
  for (unsigned shift = 0; shift < 35 && c->pos < c->end; shift += 7) {
    uint8_t b = *c->pos++;
    v |= (uint32_t)(b & 0x7f) << shift;
    if (!(b & 0x80))
      return v;
  }
  pcln_fail(c);
  return 0;
}

static inline uint32_t pcln_zigzag(int32_t v) {
  return ((uint32_t)v << 1) ^ (uint32_t)(v >> 31);
}
static inline int32_t pcln_unzigzag(uint32_t u) {
  return (int32_t)((u >> 1) ^ (0u - (u & 1)));
}

// Writes `v` at `out`, which has room for 5 bytes; returns the bytes used.
static inline size_t pcln_put_varint32(uint8_t *out, uint32_t v) {
  size_t n = 0;
  for (; v >= 0x80; v >>= 7)
    out[n++] = (uint8_t)(v | 0x80);
  out[n++] = (uint8_t)v;
  return n;
}

#endif
