// SPDX-License-Identifier: Apache-2.0
//
// What cannot be followed, each by its line, at all levels of optimisation or
// at those named. One case at a time: -DCASE=n. From CASE 12 on in C++.
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
  *p = n; // WANT: memory that the collector does not look at
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
#elif CASE == 8
void f(struct node gcref *n, int size) {
  struct node gcref **p = __builtin_alloca(size);
  p[1] = n; // WANT: stack memory of variable size
  use(p);
}
#elif CASE == 9
struct two {
  struct node gcref *a, *b;
};
void fill(struct two *t);
void f(void) {
  struct two t, *p = malloc(sizeof *p);
  fill(&t);
  *p = t; // WANT: memory that the collector does not look at
  use(p);
}
#elif CASE == 10
__attribute__((returns_twice)) int fork_here(void);
long f(struct node gcref *n) {
  if (fork_here() == 0) // WANT: returns twice
    return 0;
  return n->next == 0;
}
#elif CASE == 11
// A variable's own position is its function's, for want of another.
long f(struct node gcref *n, int size) { // WANT: a frame of variable size
  char bytes[size];
  long numbers[4] __attribute__((aligned(64)));
  use(bytes);
  use(numbers);
  return n->next == 0;
}
#elif CASE == 12
struct Thrown {
  node gcref *n;
  Thrown(node gcref *n_);
  Thrown(const Thrown &other);
};
void f(node gcref *n) {
  throw Thrown(n); // WANT: an object with references is thrown
}
#elif CASE == 13
void f(node gcref *n) {
  throw n; // WANT: memory that the collector does not look at
}
#elif CASE == 14
#include <coroutine>
struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_always initial_suspend() { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
};
Task f() { // WANT: a coroutine has references
  node gcref *n = gc_new(node);
  co_await std::suspend_always();
  use(n->next != nullptr ? malloc(1) : nullptr);
}
#endif
