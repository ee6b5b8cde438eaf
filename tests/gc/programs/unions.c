// SPDX-License-Identifier: Apache-2.0
//
// References where the compiler's types do not show them: in unions whose
// largest member is a number, by value, in registers, returned, and in arrays;
// a stack machine of values that are a number or a reference. Argument: rounds.
#include "alloc.h"
#include <stdarg.h>

struct cell;
struct value {
  enum { NUMBER, CELL } kind;
  union {
    double number; // first: the union's type is double for the compiler
    struct cell gcref *cell;
  } is;
};
struct cell {
  struct value first, rest;
};

static struct value number(double n) {
  return (struct value){NUMBER, {.number = n}};
}

static struct value cell(struct value first, struct value rest) {
  struct value v = {.kind = CELL};
  v.is.cell = have(gc_new(struct cell));
  v.is.cell->first = first;
  v.is.cell->rest = rest;
  return v;
}

// The values that follow, as a list; they pass through the variable arguments.
static struct value list(int n, ...) {
  struct value items[8];
  va_list args;
  va_start(args, n);
  for (int i = 0; i < n; i++)
    items[i] = va_arg(args, struct value);
  va_end(args);
  struct value result = number(0);
  while (n > 0)
    result = cell(items[--n], result);
  return result;
}

gc_leaf static double sum(struct value v) {
  double s = 0;
  for (; v.kind == CELL; v = v.is.cell->rest)
    s += sum(v.is.cell->first);
  return s + v.is.number;
}

// A machine: values on the C stack, in a global and in a thread-local variable.
enum { ROOM = 32 };
struct machine {
  struct value stack[ROOM];
  int n;
};
static struct value latest;
static __thread struct value saved[2];

typedef void operation(struct machine *, struct alloc_random *);

static struct value pop(struct machine *m) {
  return m->n ? m->stack[--m->n] : latest;
}
static void push(struct machine *m, struct value v) {
  if (m->n == ROOM)
    m->n = ROOM / 2;
  m->stack[m->n++] = v;
}

static void push_number(struct machine *m, struct alloc_random *r) {
  push(m, number(alloc_random(r) % 100));
}
static void pair_up(struct machine *m, struct alloc_random *r) {
  struct value a = pop(m), b = pop(m);
  push(m, alloc_random(r) & 1 ? cell(a, b) : cell(b, a));
}
static void take_apart(struct machine *m, struct alloc_random *r) {
  struct value v = pop(m);
  if (v.kind == CELL)
    v = alloc_random(r) & 1 ? v.is.cell->first : v.is.cell->rest;
  push(m, v);
}
static void keep(struct machine *m, struct alloc_random *r) {
  int i = alloc_random(r) & 1;
  latest = saved[i];
  saved[i] = pop(m);
}
static void make_list(struct machine *m, struct alloc_random *r) {
  struct value a = pop(m), b = pop(m), c = number(alloc_random(r) % 7);
  push(m, list(5, a, c, cell(c, c), list(2, c, c), b));
}
// Cuts what has grown large back to a number.
static void cut(struct machine *m, struct alloc_random *r) {
  (void)r;
  struct value v = pop(m);
  double s = sum(v);
  push(m, s > 1e6 ? number(1) : v);
}

int main(int argc, char **argv) {
  alloc_start();
  static operation *const operations[] = {
      push_number, pair_up, take_apart, push_number, make_list, keep, cut, cut};
  long rounds = alloc_size(argc, argv, 1, 2000);
  struct alloc_random r = {17};
  struct machine m = {.n = 0};
  double check = 0;
  for (long i = 0; i < rounds; i++) {
    operations[alloc_random(&r) % 8](&m, &r);
    if (m.n && i % 16 == 0)
      check = check / 2 + sum(m.stack[m.n - 1]);
    if (i % 64 == 0)
      latest = number(1);
  }
  printf("%ld rounds: %.6f\n", rounds, check);
  alloc_end();
  return 0;
}
