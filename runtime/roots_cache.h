// SPDX-License-Identifier: Apache-2.0
//
// Facts about a pc that take long to find, kept in a table of fixed size with
// one entry for each hash of a pc.
//
// An entry is several words and is read while others may write it, so it has a
// sequence number: odd while a writer is inside, and different afterwards. The
// words are stored with release and loaded with acquire order: a reader that
// saw a word of a writer also sees that the number changed. A writer that finds
// another one inside goes without. An entry fills a line of the cache.
#ifndef PCLNRT_ROOTS_CACHE_H
#define PCLNRT_ROOTS_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { PCLNRT_KEPT_WORDS = 7, PCLNRT_KEPT_BITS = 13 };
struct pclnrt_kept {
  _Alignas(64) _Atomic uint64_t sequence;
  _Atomic uint64_t words[PCLNRT_KEPT_WORDS]; // the first is the pc
};
typedef struct pclnrt_kept pclnrt_kept_table[1 << PCLNRT_KEPT_BITS];

static inline struct pclnrt_kept *pclnrt_kept_entry(struct pclnrt_kept *table,
                                                    uint64_t pc) {
  return &table[(pc ^ pc >> PCLNRT_KEPT_BITS) & ((1 << PCLNRT_KEPT_BITS) - 1)];
}

// The words kept for w[0]; false: none are.
static inline bool pclnrt_kept_get(struct pclnrt_kept *table, uint64_t pc,
                                   uint64_t w[PCLNRT_KEPT_WORDS]) {
  struct pclnrt_kept *e = pclnrt_kept_entry(table, pc);
  const uint64_t before =
      atomic_load_explicit(&e->sequence, memory_order_acquire);
  for (int i = 0; i < PCLNRT_KEPT_WORDS; i++)
    w[i] = atomic_load_explicit(&e->words[i], memory_order_acquire);
  return w[0] == pc && !(before & 1) &&
         atomic_load_explicit(&e->sequence, memory_order_relaxed) == before;
}

static inline void pclnrt_kept_put(struct pclnrt_kept *table,
                                   const uint64_t w[PCLNRT_KEPT_WORDS]) {
  struct pclnrt_kept *e = pclnrt_kept_entry(table, w[0]);
  uint64_t sequence = atomic_load_explicit(&e->sequence, memory_order_relaxed);
  if (sequence & 1 || !atomic_compare_exchange_strong_explicit(
                          &e->sequence, &sequence, sequence + 1,
                          memory_order_acquire, memory_order_relaxed))
    return;
  for (int i = 0; i < PCLNRT_KEPT_WORDS; i++)
    atomic_store_explicit(&e->words[i], w[i], memory_order_release);
  atomic_store_explicit(&e->sequence, sequence + 2, memory_order_release);
}

#endif
