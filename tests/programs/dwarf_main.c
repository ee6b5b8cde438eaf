// SPDX-License-Identifier: Apache-2.0
// See dwarf_subject.h.
#include "dwarf_subject.h"

#include <stdio.h>

struct node {
  struct node *next;
  int v;
  union {
    int a;
    float f;
  } u;
  enum { X, Y } e;
};

static inline __attribute__((always_inline)) int add(int a, int b) {
  if (a > b)
    return a + b;
  return mul(a, b) + 1;
}

__attribute__((noinline)) int other(int x) { return add(x, 3) + add(3, x); }

__attribute__((noinline, cold)) int rare(int x) {
  puts("cold");
  return x;
}

int never_called(int x) { return add(x, 9) * 2; }

int sum(struct node *n) {
  int s = 0;
  for (; n; n = n->next) {
    s += add(n->v, s);
    if (__builtin_expect(s > 1000, 0))
      s = rare(s);
  }
  return s;
}

int main(int argc, char **argv) {
  struct node n = {0, argc, {(int)(argv == 0)}, X};
  printf("%d %d\n", other(argc), sum(&n));
  return types_entry(argc) + shared_entry(argc);
}
