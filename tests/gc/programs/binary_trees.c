// SPDX-License-Identifier: Apache-2.0
//
// binary-trees by the rules of the Benchmarks Game: many short-lived trees
// beside one that lives long. Argument: the depth.
#include "alloc.h"

struct tree {
  struct tree gcref *left, *right;
};

static struct tree gcref *bottom_up(unsigned depth) {
  struct tree gcref *t = have(gc_new(struct tree));
  if (depth > 0) {
    t->left = bottom_up(depth - 1);
    t->right = bottom_up(depth - 1);
  }
  return t;
}

gc_leaf static long count(const struct tree gcref *t) {
  return t->left ? 1 + count(t->left) + count(t->right) : 1;
}

#ifdef USE_MALLOC
static void drop(struct tree *t) {
  if (t->left) {
    drop(t->left);
    drop(t->right);
  }
  gc_free(t);
}
#else
#define drop(t) ((void)(t))
#endif

static long trees_of(unsigned depth, long n) {
  long check = 0;
  for (long i = 0; i < n; i++) {
    struct tree gcref *t = bottom_up(depth);
    check += count(t);
    drop(t);
  }
  return check;
}

int main(int argc, char **argv) {
  alloc_start();
  unsigned min = 4, max = (unsigned)alloc_size(argc, argv, 1, 10);
  if (max < min + 2)
    max = min + 2;
  struct tree gcref *stretch = bottom_up(max + 1);
  printf("stretch tree of depth %u\t check: %ld\n", max + 1, count(stretch));
  drop(stretch);
  struct tree gcref *lasting = bottom_up(max);
  for (unsigned depth = min; depth <= max; depth += 2) {
    long n = 1L << (max - depth + min);
    printf("%ld\t trees of depth %u\t check: %ld\n", n, depth,
           trees_of(depth, n));
  }
  printf("long lived tree of depth %u\t check: %ld\n", max, count(lasting));
  drop(lasting);
  alloc_end();
  return 0;
}
