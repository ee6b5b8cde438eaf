// SPDX-License-Identifier: Apache-2.0
//
// The collector's tests that need no compiler plug-in: types by hand, and roots
// in one array that the collector is told of. The frames of the test itself
// have no maps, so stacks are left out.
#ifndef COLLECT_SUPPORT_H
#define COLLECT_SUPPORT_H

#include "collect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct node {
  struct node *left, *right;
  size_t value;
};
static const struct pclnrt_gc_type node_type = {
    .size = sizeof(struct node), .pointers = 3, .n_words = 2, .name = "node"};
static const struct pclnrt_gc_type ref_type = {
    .size = sizeof(void *), .pointers = 1, .n_words = 1, .name = "ref"};

enum { N_ROOTS = 1024 };
static void *roots[N_ROOTS];

static inline struct node *new_node(size_t value) {
  struct node *n = pclnrt_gc_new(&node_type);
  assert_non_null(n);
  n->value = value;
  return n;
}

static inline int collect_setup(void **state) {
  (void)state;
  pclnrt_test_no_stacks = true;
  return pclnrt_gc_add_root(roots, sizeof roots) != PCLN_OK;
}

static inline struct pclnrt_gc_stats stats_now(void) {
  struct pclnrt_gc_stats s;
  pclnrt_gc_get_stats(&s);
  return s;
}

// Objects that a collection now finds.
static inline uint64_t live_now(void) {
  pclnrt_gc_collect();
  return stats_now().live_objects;
}

// A test begins and ends without any.
static inline int nothing_left(void **state) {
  (void)state;
  memset(roots, 0, sizeof roots);
  pclnrt_gc_finalize();
  while (live_now() && pclnrt_gc_finalize())
    ;
  return 0;
}

#endif
