// SPDX-License-Identifier: Apache-2.0
//
// Content-addressed storage for the encoder.
//
// Open addressing with linear probing over slots that keep the whole hash: a
// probe that hits another string is turned away without touching its bytes, and
// growing needs no rehash of the contents. The hash folds eight bytes at a time
// with one 64x64 to 128 bit multiplication; it is not proof against somebody
// who makes collisions on purpose, who would slow down the link of his own
// program and nothing else. Equality is always decided by the bytes.
//
// What an addition costs is the cache miss on its slot; a caller with several
// strings at hand therefore hashes them all first.
#include "pool.h"

#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t a, uint64_t b) {
  __extension__ typedef unsigned __int128 u128;
  const u128 p = (u128)a * b;
  return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t hash_bytes(const uint8_t *p, size_t len) {
  const uint64_t k0 = UINT64_C(0x9e3779b97f4a7c15);
  const uint64_t k1 = UINT64_C(0xd1b54a32d192ed03);
  uint64_t h = len * k1;
  uint64_t v;
  for (; len >= 8; p += 8, len -= 8) {
    memcpy(&v, p, 8);
    h = mix(h ^ v, k0);
  }
  v = 0;
  memcpy(&v, p, len);
  return mix(h ^ v, k1);
}

static size_t pow2_at_least(size_t n) {
  size_t p = 64;
  while (p < n)
    p *= 2;
  return p;
}

enum pcln_status pcln_pool_init(struct pcln_pool *p, uint64_t limit,
                                size_t n_items, size_t n_bytes) {
  *p = (struct pcln_pool){.limit = limit};
  p->n_slots = pow2_at_least(n_items + n_items / 2);
  p->slots = calloc(p->n_slots, sizeof *p->slots);
  p->cap = n_bytes > 64 ? n_bytes : 64;
  p->bytes = malloc(p->cap);
  if (!p->slots || !p->bytes)
    p->status = PCLN_NO_MEMORY;
  return p->status;
}

void pcln_pool_free(struct pcln_pool *p) {
  free(p->slots);
  free(p->bytes);
  *p = (struct pcln_pool){0};
}

// Doubles the number of slots.
static bool grow_slots(struct pcln_pool *p) {
  const size_t n = p->n_slots * 2;
  struct pcln_pool_slot *slots = calloc(n, sizeof *slots);
  if (!slots)
    return false;
  for (size_t i = 0; i < p->n_slots; i++) {
    if (!p->slots[i].len)
      continue;
    size_t at = p->slots[i].hash & (n - 1);
    while (slots[at].len)
      at = (at + 1) & (n - 1);
    slots[at] = p->slots[i];
  }
  free(p->slots);
  p->slots = slots;
  p->n_slots = n;
  return true;
}

static bool grow_bytes(struct pcln_pool *p, size_t need) {
  size_t cap = p->cap * 2;
  if (cap < need)
    cap = need;
  uint8_t *bytes = realloc(p->bytes, cap);
  if (!bytes)
    return false;
  p->bytes = bytes;
  p->cap = cap;
  return true;
}

// Appends the bytes and fills the free slot `at`.
static uint32_t append(struct pcln_pool *p, size_t at, uint64_t hash,
                       const void *bytes, size_t len, unsigned align) {
  const size_t off = (p->len + align - 1) & ~((size_t)align - 1);
  if (off >= p->limit || len > p->limit - off) {
    p->status = PCLN_LIMIT;
    return 0;
  }
  if (off + len > p->cap && !grow_bytes(p, off + len)) {
    p->status = PCLN_NO_MEMORY;
    return 0;
  }
  memset(p->bytes + p->len, 0, off - p->len);
  memcpy(p->bytes + off, bytes, len);
  p->len = off + len;
  p->slots[at] = (struct pcln_pool_slot){
      .hash = hash, .off = (uint32_t)off, .len = (uint32_t)len};
  p->n_used++;
  return (uint32_t)off;
}

uint64_t pcln_pool_hash(const struct pcln_pool *p, const void *bytes,
                        size_t len) {
  const uint64_t hash = hash_bytes(bytes, len);
  __builtin_prefetch(&p->slots[hash & (p->n_slots - 1)]);
  return hash;
}

uint32_t pcln_pool_add_hashed(struct pcln_pool *p, uint64_t hash,
                              const void *bytes, size_t len, unsigned align) {
  if (p->status != PCLN_OK)
    return 0;
  if (p->n_used >= p->n_slots - p->n_slots / 4 && !grow_slots(p)) {
    p->status = PCLN_NO_MEMORY;
    return 0;
  }
  size_t at = hash & (p->n_slots - 1);
  for (; p->slots[at].len; at = (at + 1) & (p->n_slots - 1)) {
    const struct pcln_pool_slot *s = &p->slots[at];
    // Equal bytes at an offset that is not aligned enough are stored again.
    if (s->hash == hash && s->len == len && (s->off & (align - 1)) == 0 &&
        memcmp(p->bytes + s->off, bytes, len) == 0)
      return s->off;
  }
  return append(p, at, hash, bytes, len, align);
}

uint32_t pcln_pool_add(struct pcln_pool *p, const void *bytes, size_t len,
                       unsigned align) {
  return pcln_pool_add_hashed(p, hash_bytes(bytes, len), bytes, len, align);
}
