// SPDX-License-Identifier: Apache-2.0
//
// A growing area in which equal byte strings are stored once. Private to the
// encoder: names, files, streams and funcdata each have one.
//
// Offsets follow the order of first addition alone, never the hash, so the same
// additions give the same bytes on every machine.
#ifndef PCLNTAB_POOL_H
#define PCLNTAB_POOL_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcln_pool_slot {
  uint64_t hash;
  uint32_t off; // bytes from the area's start
  uint32_t len; // bytes; 0: the slot is free
};

struct pcln_pool {
  uint8_t *bytes;
  size_t len, cap; // bytes
  uint64_t limit;  // the first offset that may not be given out
  struct pcln_pool_slot *slots;
  size_t n_slots, n_used;  // n_slots is a power of two
  enum pcln_status status; // stays what the first failure made it
};

// An empty pool with room for about `n_items` strings and `n_bytes` bytes.
// PCLN_NO_MEMORY leaves a pool that pcln_pool_free() may be called on.
PCLN_MUST_CHECK enum pcln_status pcln_pool_init(struct pcln_pool *p,
                                                uint64_t limit, size_t n_items,
                                                size_t n_bytes);
void pcln_pool_free(struct pcln_pool *p);

// The offset of `len` > 0 equal bytes at a multiple of `align` (a power of
// two), added, after zero padding, if there are none. On failure 0, and
// p->status tells: PCLN_LIMIT when the offset or length would be too large,
// PCLN_NO_MEMORY. A caller may add many and look once.
uint32_t pcln_pool_add(struct pcln_pool *p, const void *bytes, size_t len,
                       unsigned align);

// The same in two steps: the hash, which also asks the processor for the memory
// that the addition will look at, and, after some other work, the addition.
uint64_t pcln_pool_hash(const struct pcln_pool *p, const void *bytes,
                        size_t len);
uint32_t pcln_pool_add_hashed(struct pcln_pool *p, uint64_t hash,
                              const void *bytes, size_t len, unsigned align);

#endif
