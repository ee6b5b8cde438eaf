// SPDX-License-Identifier: Apache-2.0
//
// Several mutators: stops race with allocation, polls, foreign code, threads
// that come and go, and fork. Small numbers, so that sanitizers can run it too.
#include "collect_support.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static _Atomic bool stop, begun;

static void in_threads(void *(*fn)(void *), int n) {
  pthread_t threads[16];
  for (int i = 0; i < n; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, fn, (void *)(intptr_t)i),
                     0);
  pclnrt_gc_foreign_begin();
  for (int i = 0; i < n; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
  pclnrt_gc_foreign_end();
}

// Nothing of cmocka in threads: it is not made for them.
static void must(bool ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "failed: %s\n", what);
    abort();
  }
}

// A list of `n` nodes with known values in roots[slot].
static void build(size_t slot, size_t n) {
  roots[slot] = NULL;
  for (size_t i = 0; i < n; i++) {
    struct node *node = pclnrt_gc_new(&node_type);
    must(node, "allocation");
    node->value = slot << 32 | i;
    node->left = roots[slot];
    roots[slot] = node;
  }
}
static bool sound(size_t slot, size_t n) {
  const struct node *node = roots[slot];
  for (size_t i = n; i-- > 0; node = node->left)
    if (!node || node->value != (slot << 32 | i))
      return false;
  return node == NULL;
}

// --- Allocation --------------------------------------------------------------

static void *allocate(void *arg) {
  const size_t slot = (size_t)(intptr_t)arg;
  for (int round = 0; round < 30; round++) {
    build(slot, 3000);
    must(sound(slot, 3000), "a list of a thread's own");
  }
  return NULL;
}

static void threads_allocate_and_collect(void **state) {
  (void)state;
  pclnrt_gc_set_goal(0);
  in_threads(allocate, 6);
  pclnrt_gc_set_goal(100);
  assert_int_equal(live_now(), 6 * 3000);
}

static void *collect_all_the_time(void *arg) {
  for (int i = 0; i < 60; i++) {
    build(8 + (size_t)(intptr_t)arg, 50);
    pclnrt_gc_collect();
    must(sound(8 + (size_t)(intptr_t)arg, 50), "a list of a collecting thread");
  }
  return NULL;
}

static void threads_collect_at_once(void **state) {
  (void)state;
  const uint64_t before = stats_now().n_collections;
  in_threads(collect_all_the_time, 4);
  assert_true(stats_now().n_collections >= before + 240);
}

// --- Threads that stop in other ways -----------------------------------------

static void *poll_all_the_time(void *arg) {
  build((size_t)(intptr_t)arg, 10);
  while (!atomic_load(&stop))
    if (__atomic_load_n(&pclnrt_gc_stop, __ATOMIC_RELAXED))
      pclnrt_gc_poll();
  must(sound((size_t)(intptr_t)arg, 10), "a list of a polling thread");
  return NULL;
}
static void *go_out_and_in(void *arg) {
  build((size_t)(intptr_t)arg, 10);
  for (unsigned i = 0; !atomic_load(&stop); i++) {
    pclnrt_gc_foreign_begin();
    pclnrt_gc_foreign_begin(); // they nest
    if (i % 64 == 0)
      usleep(100);
    pclnrt_gc_foreign_end();
    pclnrt_gc_foreign_end();
    must(sound((size_t)(intptr_t)arg, 10), "a list of a thread in and out");
  }
  return NULL;
}
static void *come_and_go(void *arg) {
  while (!atomic_load(&stop)) {
    build((size_t)(intptr_t)arg, 100);
    must(sound((size_t)(intptr_t)arg, 100), "a list of a new thread");
    pclnrt_gc_thread_end();
    must(pclnrt_gc_thread_begin() == PCLN_OK, "another begin");
  }
  return NULL;
}
static void *short_lived(void *arg) {
  build((size_t)(intptr_t)arg, 100);
  return NULL;
}
static void *make_threads(void *arg) {
  while (!atomic_load(&stop)) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, short_lived, arg) == 0, "a thread");
    pclnrt_gc_foreign_begin();
    pthread_join(thread, NULL);
    pclnrt_gc_foreign_end();
    must(sound((size_t)(intptr_t)arg, 100), "a list of a thread that ended");
  }
  return NULL;
}
static void *blocked(void *arg) {
  (void)arg;
  must(pclnrt_gc_thread_begin() == PCLN_OK, "a begin");
  pclnrt_gc_foreign_begin();
  while (!atomic_load(&stop))
    usleep(1000);
  pclnrt_gc_foreign_end();
  return NULL;
}

// A thousand stops against all of them.
static void *torture(void *arg) {
  void *(*const others[])(void *) = {poll_all_the_time, go_out_and_in,
                                     come_and_go, make_threads, blocked};
  pthread_t threads[5];
  (void)arg;
  atomic_store(&stop, false);
  for (intptr_t i = 0; i < 5; i++)
    must(pthread_create(&threads[i], NULL, others[i], (void *)(16 + i)) == 0,
         "a thread");
  for (int i = 0; i < 1000; i++) {
    build(24, 20);
    pclnrt_gc_collect();
    must(sound(24, 20), "a list of the collecting thread");
  }
  atomic_store(&stop, true);
  pclnrt_gc_foreign_begin();
  for (int i = 0; i < 5; i++)
    pthread_join(threads[i], NULL);
  pclnrt_gc_foreign_end();
  return NULL;
}

static void a_thousand_stops(void **state) {
  (void)state;
  const uint64_t before = stats_now().n_collections;
  torture(NULL);
  assert_true(stats_now().n_collections >= before + 1000);
  assert_int_equal(pclnrt_gc_check(NULL), 0);
}

// --- Turns -------------------------------------------------------------------

static void *take_turns(void *arg) {
  atomic_store(&begun, true);
  for (int i = 0; i < 100; i++) {
    build((size_t)(intptr_t)arg, 5); // stopped at allocations
    pclnrt_gc_foreign_begin();
    pclnrt_gc_foreign_end(); // and on the way back
    pclnrt_gc_thread_end();  // and at the lock
    must(pclnrt_gc_thread_begin() == PCLN_OK, "another begin");
    pclnrt_gc_poll();
  }
  atomic_store(&stop, true);
  return NULL;
}

// A thread that collects all the time lets others get on after each stop.
static void nobody_starves(void **state) {
  (void)state;
  pthread_t thread;
  atomic_store(&stop, false);
  assert_int_equal(pthread_create(&thread, NULL, take_turns, NULL), 0);
  while (!atomic_load(&begun))
    pclnrt_gc_collect();
  unsigned n = 0;
  while (!atomic_load(&stop) && n < 50000) {
    pclnrt_gc_collect();
    n++;
  }
  assert_true(n < 50000);
  pclnrt_gc_foreign_begin();
  pthread_join(thread, NULL);
  pclnrt_gc_foreign_end();
}

// --- Marking by several threads ----------------------------------------------

static void large_heaps_are_marked_by_several(void **state) {
  (void)state;
  pclnrt_gc_options.threads = 4;
  enum { SLOTS = 60, LEN = 15000, WIDE = 400000 }; // 34 MB
  const size_t all = SLOTS * LEN + WIDE + 1;
  for (size_t slot = 0; slot < SLOTS; slot++)
    build(slot, LEN);
  void **wide = pclnrt_gc_new_array(&ref_type, WIDE);
  roots[99] = wide;
  for (size_t i = 0; i < WIDE; i++)
    wide[i] = new_node(i);
  for (int i = 0; i < 4; i++)
    assert_int_equal(live_now(), all);
  for (size_t slot = 0; slot < SLOTS; slot++)
    assert_true(sound(slot, LEN));
  pclnrt_test_chunks = 8; // and without memory for the lists
  assert_int_equal(live_now(), all);
  pclnrt_test_chunks = 0;
}

// --- Fork --------------------------------------------------------------------

static int child(void) {
  if (!sound(1, 500))
    return 1;
  for (int i = 0; i < 20; i++) {
    build(2, 1000);
    pclnrt_gc_collect();
    if (!sound(1, 500) || !sound(2, 1000))
      return 2;
  }
  return pclnrt_gc_check(NULL) ? 3 : 0;
}

static void a_child_goes_on_alone(void **state) {
  (void)state;
#ifdef __SANITIZE_THREAD__
  skip(); // it has no threads in children
#endif
  pthread_t threads[2];
  atomic_store(&stop, false);
  pthread_create(&threads[0], NULL, come_and_go, (void *)40);
  pthread_create(&threads[1], NULL, poll_all_the_time, (void *)41);
  build(1, 500);
  for (int i = 0; i < 10; i++) {
    const pid_t pid = fork();
    if (pid == 0)
      _exit(child());
    int status;
    pclnrt_gc_foreign_begin();
    waitpid(pid, &status, 0);
    pclnrt_gc_foreign_end();
    assert_int_equal(status, 0);
  }
  atomic_store(&stop, true);
  pclnrt_gc_foreign_begin();
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  pclnrt_gc_foreign_end();
}

// Whoever comes back from foreign code waits for the collection that runs: none
// ends while it is at work and passes no safepoint.
static void *come_back(void *arg) {
  (void)arg;
  for (int i = 0; i < 2000; i++) {
    pclnrt_gc_foreign_begin();
    sched_yield();
    pclnrt_gc_foreign_end();
    const uint64_t n = stats_now().n_collections;
    for (volatile int k = 0; k < 5000; k++)
      ;
    must(stats_now().n_collections == n, "nobody collects meanwhile");
  }
  atomic_store(&stop, true);
  return NULL;
}

static void nobody_comes_back_too_soon(void **state) {
  (void)state;
  pthread_t thread;
  atomic_store(&stop, false);
  build(0, 2000);
  assert_int_equal(pthread_create(&thread, NULL, come_back, NULL), 0);
  while (!atomic_load(&stop))
    pclnrt_gc_collect();
  pclnrt_gc_foreign_begin();
  pthread_join(thread, NULL);
  pclnrt_gc_foreign_end();
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, nothing_left)
  const struct CMUnitTest tests[] = {
      TEST(threads_allocate_and_collect),
      TEST(threads_collect_at_once),
      TEST(a_thousand_stops),
      TEST(nobody_starves),
      TEST(nobody_comes_back_too_soon),
      TEST(large_heaps_are_marked_by_several),
      TEST(a_child_goes_on_alone),
  };
  return cmocka_run_group_tests(tests, collect_setup, NULL);
}
