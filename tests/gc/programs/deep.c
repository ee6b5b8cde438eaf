// SPDX-License-Identifier: Apache-2.0
//
// A deep stack: every frame of a recursion holds a reference of its own while
// the innermost one allocates garbage, so that a collection is little else than
// looking at frames. Arguments: depth, objects that the innermost one makes,
// descents.
#include "alloc.h"

struct node {
  struct node gcref *up;
  long number;
};

static struct node gcref *new_node(struct node gcref *up, long number) {
  struct node gcref *n = have(gc_new(struct node));
  n->up = up;
  n->number = number;
  return n;
}

static uint64_t make_garbage(long n) {
  uint64_t check = 0;
  for (long i = 0; i < n; i++) {
    struct node gcref *a = new_node(NULL, i);
    struct node gcref *b = new_node(a, i + 1);
    check = check * 31 + (uint64_t)(b->number * b->up->number);
    gc_free(a);
    gc_free(b);
  }
  return check;
}

// Two kinds of frames, in turn.
static uint64_t even(long depth, long n, struct node gcref *up);

static uint64_t odd(long depth, long n, struct node gcref *up) {
  struct node gcref *mine = new_node(up, depth);
  struct node gcref *also[2] = {mine, new_node(mine, -depth)};
  uint64_t check = depth > 0 ? even(depth - 1, n, also[1]) : make_garbage(n);
  check = check * 31 + (uint64_t)(mine->number - also[1]->number);
  gc_free(also[1]);
  gc_free(also[0]);
  return check;
}

static uint64_t even(long depth, long n, struct node gcref *up) {
  struct node gcref *mine = new_node(up, depth);
  uint64_t check = depth > 0 ? odd(depth - 1, n, mine) : make_garbage(n);
  check = check * 31 + (uint64_t)(mine->number + mine->up->number);
  gc_free(mine);
  return check;
}

int main(int argc, char **argv) {
  alloc_start();
  long depth = alloc_size(argc, argv, 1, 100);
  long n = alloc_size(argc, argv, 2, 1000);
  long times = alloc_size(argc, argv, 3, 2);
  uint64_t check = 0;
  for (long i = 0; i < times; i++) {
    struct node gcref *top = new_node(NULL, i);
    check = check * 31 + even(depth, n, top);
    gc_free(top);
  }
  printf("%ld frames: %016llx\n", depth + 1, (unsigned long long)check);
  alloc_end();
  return 0;
}
