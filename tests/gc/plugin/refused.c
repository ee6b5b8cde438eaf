// SPDX-License-Identifier: Apache-2.0
//
// What cannot be followed, each by its line, at all levels of optimisation or
// at those named. One case at a time: -DCASE=n.
#include <pclntab/gc.h>

#include <stdlib.h>

struct node {
  struct node gcref *next;
};
void use(void *p);

#if CASE == 1
void f(int n) {
  struct node gcref *a[n]; // WANT: no constant size
  use(a);
}
#elif CASE == 2
struct node gcref *f(unsigned long x) {
  return (struct node gcref *)x; // WANT: made of an integer
}
#elif CASE == 3
void f(struct node gcref *n) {
  struct node gcref **p = malloc(sizeof *p);
  *p = n; // WANT -O2: memory that the collector does not look at
  use(p);
}
#elif CASE == 4
void f(struct node gcref *n, struct node **to) {
  *to = (struct node *)n; // WANT: cast to an ordinary pointer is stored
}
#elif CASE == 5
struct __attribute__((packed)) odd {
  char c;
  struct node gcref *n;
};
void f(void) { // WANT: not aligned
  struct odd o = {0};
  use(&o);
}
#elif CASE == 6
struct __attribute__((packed)) odd {
  char c;
  struct node gcref *n;
} variable; // WANT: 'variable' has a reference that is not aligned
void f(void) { use(&variable); }
#elif CASE == 7
gc_leaf void f(void) {
  use(gc_new(struct node) != 0 ? malloc(1) : 0); // WANT: declared gc_leaf
}
#endif
