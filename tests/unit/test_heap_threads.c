// SPDX-License-Identifier: Apache-2.0
//
// Several threads allocate at once, while one more sweeps, gives memory back
// and looks objects up. What each thread keeps must stay as it wrote it,
// through collections between the rounds; no two objects may share a byte.
#include "small_collector.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_THREADS = 4, N_KEPT = 1500, N_ROUNDS = 12, N_STEPS = 6000 };

static const struct pclnrt_gc_type node = {
    .size = 24, .pointers = 1, .n_words = 1, .name = "node"};
static const struct pclnrt_gc_type pair = {
    .size = 16, .pointers = 3, .n_words = 2, .name = "pair"};

static uintptr_t kept[N_THREADS][N_KEPT]; // the roots
static pthread_barrier_t barrier;
static atomic_bool done;

struct worker {
  pthread_t thread;
  int number;
  uint64_t random;
  size_t n_faults; // counted here: cmocka's checks are for one thread
};

static uint32_t random_below(struct worker *w, uint32_t n) {
  w->random = w->random * UINT64_C(6364136223846793005) + 1442695040888963407;
  return (uint32_t)((w->random >> 33) % n);
}

// What stands in the last word of an object: who keeps it where.
static uintptr_t stamp(const struct worker *w, uint32_t slot) {
  return ((uintptr_t)w->number + 1) << 32 | slot;
}

static uintptr_t *make(struct worker *w, size_t *n_words) {
  switch (random_below(w, 5)) {
  case 0:
    *n_words = 3 + random_below(w, 40);
    return pclnrt_gc_new_bytes(*n_words * sizeof(uintptr_t));
  case 1:
    *n_words = 4;
    return pclnrt_gc_new_array(&pair, 2);
  case 2:
    *n_words = random_below(w, 50) ? 40 : 9000;
    return pclnrt_gc_new_bytes(*n_words * sizeof(uintptr_t));
  default:
    *n_words = 3;
    return pclnrt_gc_new(&node);
  }
}

static void step(struct worker *w) {
  const uint32_t slot = random_below(w, N_KEPT);
  size_t n_words;
  uintptr_t *p = make(w, &n_words);
  for (size_t i = 0; i < n_words; i++)
    w->n_faults += p[i] != 0;
  if (n_words == 4) // an array of references
    p[3] = (uintptr_t)p;
  else
    p[n_words - 1] = stamp(w, slot);
  p[0] = n_words == 4 ? 0 : n_words == 3 ? (uintptr_t)p : n_words;
  kept[w->number][slot] = (uintptr_t)p;
}

static void verify(struct worker *w) {
  for (uint32_t slot = 0; slot < N_KEPT; slot++) {
    const uintptr_t *p = (const uintptr_t *)kept[w->number][slot];
    if (!p)
      continue;
    const size_t n = p[0] == (uintptr_t)p ? 3 : p[0] ? p[0] : 4;
    w->n_faults += n == 4 ? p[3] != (uintptr_t)p : p[n - 1] != stamp(w, slot);
  }
}

static void *work(void *arg) {
  struct worker *w = arg;
  for (int round = 0; round < N_ROUNDS; round++) {
    for (int i = 0; i < N_STEPS; i++)
      step(w);
    verify(w);
    for (uint32_t i = 0; i < N_KEPT / 2; i++)
      kept[w->number][random_below(w, N_KEPT)] = 0;
    if (round % 5 == 4)
      pclnrt_cache_end(); // as if another thread went on
    pthread_barrier_wait(&barrier);
    // The main thread collects: the world is stopped.
    pthread_barrier_wait(&barrier);
  }
  pclnrt_cache_end();
  return NULL;
}

static void *meddle(void *arg) {
  uint64_t *n_found = arg;
  while (!atomic_load(&done)) {
    struct pclnrt_cell c;
    pclnrt_heap_sweep_some(3);
    pclnrt_heap_release(4 * PCLNRT_BLOCK);
    for (uintptr_t off = 0; off < 64 * PCLNRT_BLOCK;
         off += 3 * PCLNRT_BLOCK / 2)
      *n_found += pclnrt_heap_object(pclnrt_heap.base + off, &c);
    struct pclnrt_heap_stats stats;
    pclnrt_heap_get_stats(&stats);
  }
  return NULL;
}

// The meddler is kept out while the world is stopped.
static void collect(void) {
  small_collector.roots = &kept[0][0];
  small_collector.n_roots = (size_t)N_THREADS * N_KEPT;
  small_collect();
}

static void run(bool meddles) {
  static struct worker workers[N_THREADS];
  pthread_t meddler;
  uint64_t n_found = 0;
  memset(kept, 0, sizeof kept);
  small_collect_all();
  atomic_store(&done, false);
  assert_int_equal(pthread_barrier_init(&barrier, NULL, N_THREADS + 1), 0);
  for (int i = 0; i < N_THREADS; i++) {
    workers[i] = (struct worker){.number = i, .random = (uint64_t)i * 77 + 1};
    assert_int_equal(
        pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
  }
  for (int round = 0; round < N_ROUNDS; round++) {
    if (meddles) {
      atomic_store(&done, false);
      assert_int_equal(pthread_create(&meddler, NULL, meddle, &n_found), 0);
    }
    pthread_barrier_wait(&barrier);
    if (meddles) {
      atomic_store(&done, true);
      pthread_join(meddler, NULL);
    }
    collect();
    pclnrt_heap_begin_mark();
    assert_int_equal(pclnrt_heap_check(NULL), 0);
    collect();
    pthread_barrier_wait(&barrier);
  }
  for (int i = 0; i < N_THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    assert_int_equal(workers[i].n_faults, 0);
  }
  pthread_barrier_destroy(&barrier);
  if (meddles)
    assert_true(n_found > 0);
  pclnrt_heap_begin_mark();
  struct pclnrt_heap_stats stats;
  pclnrt_heap_get_stats(&stats);
  assert_true(stats.allocated_objects >=
              (uint64_t)N_THREADS * N_ROUNDS * N_STEPS);
  small_collect_all();
}

static void threads_never_share_a_cell(void **state) {
  (void)state;
  run(false);
}

static void threads_allocate_while_others_sweep_and_look(void **state) {
  (void)state;
  run(true);
}

static void threads_share_nothing_with_poison(void **state) {
  (void)state;
  small_collect_all();
  pclnrt_heap_release(0);
  pclnrt_heap_options.poison = true;
  run(true);
  pclnrt_heap_release(0);
  pclnrt_heap_options.poison = false;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_never_share_a_cell),
      cmocka_unit_test(threads_allocate_while_others_sweep_and_look),
      cmocka_unit_test(threads_share_nothing_with_poison),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
