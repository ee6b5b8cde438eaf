// SPDX-License-Identifier: Apache-2.0
//
// The distinct rows of one function's pointer maps. A row's key in the pool is
// its final bytes: the bits of the locals, those of the arguments, and its
// pairs with their number in front, as they will stand in the funcdata. So
// equal rows are equal bytes, and emitting them is copying. Rows are numbered
// in the order of first use, which keeps the differences in the stream of row
// numbers small.
#include "safepoints_rows.h"

#include "bytes.h"

#include <stdlib.h>
#include <string.h>

enum {
  MAX_KEYS = 1 << 28, // bytes of a function's rows
  MAP_HEADER = 8,     // number of rows, bits of each
  MAX_VARINT = 5,
};

static size_t bits_len(uint32_t n_words) {
  return ((size_t)n_words * 2 + 7) / 8;
}

enum pcln_status pcln_row_set_init(struct pcln_row_set *s, uint32_t n_locals,
                                   uint32_t n_args) {
  enum { FIRST_ROWS = 16 };
  *s = (struct pcln_row_set){.n_locals = n_locals, .n_args = n_args};
  const size_t len = bits_len(n_locals) + bits_len(n_args) + 1;
  if (len > MAX_KEYS)
    return PCLN_LIMIT;
  return pcln_pool_init(&s->keys, MAX_KEYS, FIRST_ROWS, len);
}

void pcln_row_set_free(struct pcln_row_set *s) {
  pcln_pool_free(&s->keys);
  free(s->offs);
  free(s->key);
}

// --- Adding -----------------------------------------------------------------

// Words of which nothing was said are scalars: they hold no references, and
// nobody may overwrite them.
static size_t pack(uint8_t *out, const uint8_t *cells, uint32_t n) {
  const size_t len = bits_len(n);
  memset(out, 0, len);
  for (uint32_t i = 0; i < n; i++) {
    const unsigned code =
        cells[i] ? cells[i] & PCLN_CELL_CODE : PCLN_CODE_SCALAR;
    out[i / 4] = (uint8_t)(out[i / 4] | code << i % 4 * 2);
  }
  return len;
}

static bool make_key(struct pcln_row_set *s, const uint8_t *cells,
                     const struct pcln_row_pair *pairs, uint32_t n_pairs,
                     size_t *len) {
  const size_t need = bits_len(s->n_locals) + bits_len(s->n_args) +
                      MAX_VARINT * (1 + 2 * (size_t)n_pairs);
  if (need > s->key_cap) {
    uint8_t *key = realloc(s->key, need);
    if (!key)
      return false;
    s->key = key;
    s->key_cap = need;
  }
  uint8_t *p = s->key;
  p += pack(p, cells, s->n_locals);
  p += pack(p, cells + s->n_locals, s->n_args);
  p += pcln_put_varint32(p, n_pairs);
  for (uint32_t i = 0; i < n_pairs; i++) {
    p += pcln_put_varint32(p, pairs[i].base);
    p += pcln_put_varint32(p, pairs[i].derived);
  }
  *len = (size_t)(p - s->key);
  return true;
}

// The number of the row whose key is at `off`, which is in the list.
static int32_t row_number(const struct pcln_row_set *s, uint32_t off) {
  size_t lo = 0, hi = s->n;
  while (hi - lo > 1) {
    const size_t mid = lo + (hi - lo) / 2;
    if (s->offs[mid] <= off)
      lo = mid;
    else
      hi = mid;
  }
  return (int32_t)lo;
}

enum pcln_status pcln_row_set_add(struct pcln_row_set *s, const uint8_t *cells,
                                  const struct pcln_row_pair *pairs,
                                  uint32_t n_pairs, int32_t *row) {
  size_t len;
  if (!make_key(s, cells, pairs, n_pairs, &len))
    return PCLN_NO_MEMORY;
  const size_t before = s->keys.len;
  const uint32_t off = pcln_pool_add(&s->keys, s->key, len, 1);
  if (s->keys.status != PCLN_OK)
    return s->keys.status;
  if (s->keys.len == before) {
    *row = row_number(s, off);
    return PCLN_OK;
  }
  if (s->n == s->cap) {
    const size_t cap = s->cap ? s->cap * 2 : 16;
    uint32_t *offs = realloc(s->offs, cap * sizeof *offs);
    if (!offs)
      return PCLN_NO_MEMORY;
    s->offs = offs;
    s->cap = cap;
  }
  s->offs[s->n] = off;
  *row = (int32_t)s->n++;
  return PCLN_OK;
}

// --- Emitting ---------------------------------------------------------------

// A map of the bits that stand `skip` bytes into each key.
static enum pcln_status emit_map(const struct pcln_row_set *s, uint32_t n_words,
                                 size_t skip, bool swap,
                                 struct pcln_arena *arena,
                                 struct pcln_span *out) {
  const size_t row_len = bits_len(n_words);
  const size_t len = MAP_HEADER + s->n * row_len;
  uint8_t *map = pcln_arena_alloc(arena, len);
  if (!map)
    return PCLN_NO_MEMORY;
  pcln_store32(map, (uint32_t)s->n, swap);
  pcln_store32(map + 4, n_words * 2, swap);
  for (size_t i = 0; i < s->n && row_len; i++)
    memcpy(map + MAP_HEADER + i * row_len, s->keys.bytes + s->offs[i] + skip,
           row_len);
  *out = (struct pcln_span){map, len};
  return PCLN_OK;
}

// Where the pairs of row `i` begin, and how long they are; their number, which
// stands first, is 0 in one byte if there are none.
static struct pcln_span pairs_of(const struct pcln_row_set *s, size_t i) {
  const size_t end = i + 1 < s->n ? s->offs[i + 1] : s->keys.len;
  const size_t at = s->offs[i] + bits_len(s->n_locals) + bits_len(s->n_args);
  return (struct pcln_span){s->keys.bytes + at, end - at};
}

static enum pcln_status emit_pairs(const struct pcln_row_set *s,
                                   struct pcln_arena *arena,
                                   struct pcln_span *out) {
  size_t room = 0;
  for (size_t i = 0; i < s->n; i++) {
    const struct pcln_span pairs = pairs_of(s, i);
    room += pairs.ptr[0] ? pairs.len + MAX_VARINT : 0;
  }
  *out = (struct pcln_span){0};
  if (!room)
    return PCLN_OK;
  uint8_t *bytes = pcln_arena_alloc(arena, room + 1);
  if (!bytes)
    return PCLN_NO_MEMORY;
  uint8_t *p = bytes;
  int64_t last = -1;
  for (size_t i = 0; i < s->n; i++) {
    const struct pcln_span pairs = pairs_of(s, i);
    if (!pairs.ptr[0])
      continue;
    p += pcln_put_varint32(p, (uint32_t)((int64_t)i - last));
    memcpy(p, pairs.ptr, pairs.len);
    p += pairs.len;
    last = (int64_t)i;
  }
  *p++ = 0;
  *out = (struct pcln_span){bytes, (size_t)(p - bytes)};
  return PCLN_OK;
}

enum pcln_status pcln_row_set_emit(const struct pcln_row_set *s, bool swap,
                                   struct pcln_arena *arena,
                                   struct pcln_span *locals,
                                   struct pcln_span *args,
                                   struct pcln_span *pairs) {
  *args = (struct pcln_span){0};
  enum pcln_status st = emit_map(s, s->n_locals, 0, swap, arena, locals);
  if (st == PCLN_OK && s->n_args)
    st = emit_map(s, s->n_args, bits_len(s->n_locals), swap, arena, args);
  return st == PCLN_OK ? emit_pairs(s, arena, pairs) : st;
}
