// SPDX-License-Identifier: Apache-2.0
//
// The heap when the system has no more: under a limit of addresses and one of
// memory allocation ends with null, after the collector was asked, and goes on
// when objects were freed. Each in a process of its own, for the limits and the
// reservation are the process's.
#include "small_collector.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct pclnrt_gc_type node = {
    .size = 64, .pointers = 1, .n_words = 1, .name = "node"};

static void *small_object(size_t n) {
  (void)n;
  return pclnrt_gc_new(&node);
}
static void *array(size_t n) { return pclnrt_gc_new_array(&node, n); }

// Runs `fn` in a child; true: it returned 0.
static bool in_child(int (*fn)(void)) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0)
    _exit(fn());
  int status = -1;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  if (status)
    print_message("the child ended with status %#x\n", (unsigned)status);
  return status == 0;
}

static void limit(int resource, uint64_t bytes) {
  const struct rlimit r = {bytes, bytes};
  if (setrlimit((__rlimit_resource_t)resource, &r))
    _exit(100);
}

// Allocates a list until there is no memory; returns how many objects.
static size_t exhaust(void *(*make)(size_t n), size_t n, uintptr_t *root) {
  size_t count = 0;
  small_collector.roots = root;
  small_collector.n_roots = 1;
  for (uintptr_t *p; (p = make(n)); count++) {
    *p = *root;
    *root = (uintptr_t)p;
  }
  return count;
}

// Returns 0, or the number of the step that failed.
static int exhausted_and_back(size_t expected) {
  uintptr_t root = 0;
  for (int round = 0; round < 3; round++) {
    const size_t n_small = exhaust(small_object, 0, &root);
    if (n_small < expected / 64)
      return 1;
    if (small_collector.n_exhausted == 0)
      return 2;
    if (pclnrt_gc_new_bytes(1 << 20))
      return 3;
    root = 0;
    small_collect();
    while (pclnrt_heap_sweep_some(1000))
      ;
    const size_t n_large = exhaust(array, 10000, &root);
    if (n_large < expected / 800000)
      return 4;
    root = 0;
    small_collect();
    pclnrt_heap_begin_mark();
    if (pclnrt_heap_check(NULL) != 0)
      return 5;
  }
  return 0;
}

static int limited_addresses(void) {
  limit(RLIMIT_AS, 100 << 20);
  const int failed = exhausted_and_back(24 << 20);
  // The program has its share, although the heap took all of its own.
  return failed ? failed : !malloc(40 << 20);
}

static int limited_memory(void) {
  limit(RLIMIT_DATA, 40 << 20);
  return exhausted_and_back(24 << 20);
}

static int hardly_any_addresses(void) {
  limit(RLIMIT_AS, 8 << 20);
  return pclnrt_gc_new(&node) || pclnrt_gc_new_bytes(5);
}

static void allocation_ends_at_the_limit_of_addresses(void **state) {
  (void)state;
  assert_true(in_child(limited_addresses));
}

static void allocation_ends_at_the_limit_of_memory(void **state) {
  (void)state;
  assert_true(in_child(limited_memory));
}

static void without_a_range_there_are_no_objects(void **state) {
  (void)state;
  assert_true(in_child(hardly_any_addresses));
}

int main(void) {
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
  print_message("skipped: a sanitizer needs more addresses than the limits\n");
  return 0;
#endif
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(allocation_ends_at_the_limit_of_addresses),
      cmocka_unit_test(allocation_ends_at_the_limit_of_memory),
      cmocka_unit_test(without_a_range_there_are_no_objects),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
