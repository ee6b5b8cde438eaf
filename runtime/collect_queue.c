// SPDX-License-Identifier: Apache-2.0
//
// Marking by several threads: chunks of work, and the threads.
//
// A marker scans from a chunk of its own, without locks or atomics. A chunk
// that is full goes to a shared list; a marker whose chunk is empty takes one
// from there. Deques that are stolen from entry by entry balance more finely,
// but pay a fence for each entry; a chunk costs one lock per thousand. Where
// that is too coarse (a few long lists) a marker that sees others waiting gives
// away half of what it has.
//
// The end: all markers wait for work and the list is empty. Both are seen under
// the lock, and only a marker that does not wait can add work.
//
// Threads are made once, when a heap is first large enough to be worth it, and
// wait for the next cycle. They are no mutators and have all signals blocked.
#include "collect.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

enum {
  MAX_MARKERS = 64,
  SLAB = 32, // chunks that are mapped at a time
  STACK = 256 << 10,
  SPINS = 500, // before waiting in the kernel
};

static struct {
  struct pclnrt_lock lock;
  struct pclnrt_mark_chunk *full, *free; // under the lock
  unsigned n_chunks;                     // made so far
  unsigned n_idle;                       // markers that wait
  bool done;                             // the same
  _Atomic uint32_t signal;               // changes when one need look again
  _Atomic bool wanted;                   // somebody waits
} queue;

unsigned pclnrt_test_chunks;

// --- Chunks ------------------------------------------------------------------

// With the lock.
static void make_slab(void) {
  struct pclnrt_mark_chunk *slab = pclnrt_sys_map(SLAB * sizeof *slab);
  for (unsigned i = 0; slab && i < SLAB; i++) {
    slab[i].next = queue.free;
    queue.free = &slab[i];
  }
}

struct pclnrt_mark_chunk *pclnrt_queue_new(void) {
  pclnrt_lock_take(&queue.lock);
  struct pclnrt_mark_chunk *chunk = NULL;
  if (!pclnrt_test_chunks || queue.n_chunks < pclnrt_test_chunks) {
    if (!queue.free)
      make_slab();
    chunk = queue.free;
  }
  if (chunk) {
    queue.free = chunk->next;
    queue.n_chunks++;
    chunk->n = 0;
  }
  pclnrt_lock_give(&queue.lock);
  return chunk;
}

void pclnrt_queue_free(struct pclnrt_mark_chunk *chunk) {
  pclnrt_lock_take(&queue.lock);
  chunk->next = queue.free;
  queue.free = chunk;
  queue.n_chunks--;
  pclnrt_lock_give(&queue.lock);
}

static void look_again(int n) {
  atomic_fetch_add(&queue.signal, 1);
  pclnrt_sys_wake(&queue.signal, n);
}

void pclnrt_queue_put(struct pclnrt_mark_chunk *chunk) {
  pclnrt_lock_take(&queue.lock);
  chunk->next = queue.full;
  queue.full = chunk;
  const bool wake = queue.n_idle != 0;
  pclnrt_lock_give(&queue.lock);
  if (wake)
    look_again(1);
}

bool pclnrt_queue_wanted(void) {
  return atomic_load_explicit(&queue.wanted, memory_order_relaxed);
}

// With the lock: whether the caller is done waiting, *out being what it got.
static bool take(struct pclnrt_mark_chunk **out, unsigned n_markers,
                 bool waited) {
  *out = queue.full;
  if (*out) {
    queue.full = (*out)->next;
    queue.n_idle -= waited;
  } else if (!queue.done) {
    queue.n_idle += !waited;
    queue.done = queue.n_idle == n_markers;
  }
  atomic_store_explicit(&queue.wanted, queue.n_idle && !queue.full,
                        memory_order_relaxed);
  return *out || queue.done;
}

struct pclnrt_mark_chunk *pclnrt_queue_take(unsigned n_markers) {
  struct pclnrt_mark_chunk *chunk;
  for (bool waited = false;; waited = true) {
    const uint32_t seen = atomic_load(&queue.signal);
    pclnrt_lock_take(&queue.lock);
    const bool over = take(&chunk, n_markers, waited);
    pclnrt_lock_give(&queue.lock);
    if (over) {
      if (!chunk && n_markers > 1)
        look_again(MAX_MARKERS);
      return chunk;
    }
    for (unsigned i = 0; i < SPINS && atomic_load(&queue.signal) == seen; i++)
      __builtin_ia32_pause();
    if (atomic_load(&queue.signal) == seen)
      pclnrt_sys_wait(&queue.signal, seen, 0);
  }
}

// --- Threads -----------------------------------------------------------------

// A round is a number and how many run in it, in one word: a thread that is
// not needed in a round, and slow to see it, must not take it for the next.
enum { ROUND_SHIFT = 8 };
_Static_assert(MAX_MARKERS < 1 << ROUND_SHIFT, "a count in the low bits");

static struct {
  _Atomic unsigned n; // made so far; they have the numbers 1 to n
  void (*fn)(unsigned marker);
  _Atomic uint32_t round;   // changes: run fn
  _Atomic uint32_t pending; // that have not returned
} crew;

struct first {
  uint32_t number, seen; // of the thread; the round when it was made
};

static void *crew_main(void *arg) {
  struct first me;
  _Static_assert(sizeof me == sizeof arg, "passed by value");
  memcpy(&me, &arg, sizeof me);
  for (;;) {
    const uint32_t round = atomic_load(&crew.round);
    if (round == me.seen) {
      pclnrt_sys_wait(&crew.round, round, 0);
      continue;
    }
    me.seen = round;
    if (me.number >= (round & ((1 << ROUND_SHIFT) - 1)))
      continue;
    crew.fn(me.number);
    if (atomic_fetch_sub(&crew.pending, 1) == 1)
      pclnrt_sys_wake(&crew.pending, 1);
  }
  return NULL;
}

static bool make_thread(unsigned number) {
  pthread_attr_t attr;
  if (pthread_attr_init(&attr) != 0)
    return false;
  pthread_t thread;
  // No round is on: the caller is a mutator that runs.
  const struct first first = {number, atomic_load(&crew.round)};
  void *arg;
  memcpy(&arg, &first, sizeof arg);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attr, STACK);
  const bool made = pthread_create(&thread, &attr, crew_main, arg) == 0;
  pthread_attr_destroy(&attr);
  return made;
}

void pclnrt_queue_threads(unsigned n) {
  static struct pclnrt_lock making;
  pclnrt_lock_take(&making);
  unsigned have = atomic_load(&crew.n);
  if (have + 1 < n) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (have + 1 < n && have + 1 < MAX_MARKERS && make_thread(have + 1))
      atomic_store(&crew.n, ++have);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pclnrt_lock_give(&making);
}

unsigned pclnrt_queue_have(void) { return atomic_load(&crew.n) + 1; }

void pclnrt_queue_run(void (*fn)(unsigned marker), unsigned n) {
  queue.n_idle = 0;
  queue.done = false;
  if (n > 1) {
    crew.fn = fn;
    atomic_store(&crew.pending, n - 1);
    const uint32_t number = atomic_load(&crew.round) >> ROUND_SHIFT;
    atomic_store(&crew.round, (number + 1) << ROUND_SHIFT | n);
    pclnrt_sys_wake(&crew.round, MAX_MARKERS);
  }
  fn(0);
  uint32_t left;
  while (n > 1 && (left = atomic_load(&crew.pending)) != 0)
    pclnrt_sys_wait(&crew.pending, left, 0);
}

void pclnrt_queue_in_child(void) { atomic_store(&crew.n, 0); }
