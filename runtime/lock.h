// SPDX-License-Identifier: Apache-2.0
//
// A lock for the collector's short critical sections: a word, taken by one
// compare and exchange, waiting in the kernel when it is held. Not libc's:
// what the static library needs of libc is to stay small, and a zeroed word is
// ready to use. Never for signal handlers.
#ifndef PCLNRT_LOCK_H
#define PCLNRT_LOCK_H

#include "internal.h"

struct pclnrt_lock {
  _Atomic uint32_t word; // 0 free, 1 held, 2 held and somebody waits
};

static inline void pclnrt_lock_take(struct pclnrt_lock *l) {
  uint32_t seen = 0;
  if (atomic_compare_exchange_strong_explicit(
          &l->word, &seen, 1, memory_order_acquire, memory_order_relaxed))
    return;
  while (atomic_exchange_explicit(&l->word, 2, memory_order_acquire) != 0)
    pclnrt_sys_wait(&l->word, 2, 0);
}

static inline void pclnrt_lock_give(struct pclnrt_lock *l) {
  if (atomic_exchange_explicit(&l->word, 0, memory_order_release) == 2)
    pclnrt_sys_wake(&l->word, 1);
}

#endif
