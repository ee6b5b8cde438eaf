// SPDX-License-Identifier: Apache-2.0
//
// Ways to hold a reference that were lost once, each in a function of its own
// that the optimiser sees alone: parts of structs that it made up, unions of
// which it sees integers, memory without a type, calls that are none. As in
// features.c, a root that was missed is a wrong number. CASE: that one alone,
// so that no other gives the unit what this one lacks.
#include "node.h"

#include <alloca.h>
#include <stdatomic.h>

// Nothing is known of them where they are called.
#define churn churn_indirectly
#define make make_indirectly
#define ALONE __attribute__((noinline))

#if CASE == 1
// Slices of a struct that are copied only are arrays of bytes to the optimiser.
struct wide {
  ref first[4], second[8];
};
ALONE static void copy(struct wide gcref *from, struct wide gcref *to) {
  struct wide s = *from;
  *from = (struct wide){0};
  ref a = s.first[0], b = s.first[1];
  churn();
  *to = s;
  to->first[0] = b;
  to->first[1] = a;
}
int main(void) {
  struct wide gcref *a = gc_new(struct wide);
  struct wide gcref *b = gc_new(struct wide);
  for (int i = 0; i < 8; i++)
    a->second[i] = make(i), a->first[i / 2] = make(10 + i);
  copy(a, b);
  churn();
  for (int i = 0; i < 8; i++)
    printf("%ld %ld\n", b->first[i / 2]->key, b->second[i]->key);
}

#elif CASE == 2
// A struct behind "...": the caller's own is changed before it is read.
struct big {
  ref a;
  long x[3];
  ref b;
};
ALONE static long sum(struct big *p, int n, ...) {
  va_list l;
  va_start(l, n);
  *p = (struct big){0};
  churn();
  struct big b = va_arg(l, struct big);
  va_end(l);
  churn();
  return b.a->key + b.b->key;
}
static long (*volatile sum_of)(struct big *, int, ...) = sum;
int main(void) {
  struct big s = {.a = make(1), .b = make(2)};
  printf("%ld\n", sum_of(&s, 1, s));
}

#elif CASE == 3
// A union that is a register all the time.
union word {
  long number;
  ref one;
};
ALONE static union word made(long k) { return (union word){.one = make(k)}; }
ALONE static union word passed(union word w) {
  churn();
  return w;
}
static union word (*volatile get)(long) = made;
static union word (*volatile pass)(union word) = passed;
ALONE static union word both(long k) {
  union word w = get(k);
  churn();
  return pass(w);
}
int main(void) {
  union word w = both(8);
  churn();
  printf("%ld\n", w.one->key);
}

#elif CASE == 4
// A union whose bits are looked at before it is passed on; and tagged.
union word {
  long number;
  ref one;
};
ALONE static void put(union word *to, union word *from) {
  union word w = *from;
  from->number = 0;
  if (w.number & 1) {
    to->number = 0;
    return;
  }
  churn();
  *to = w;
}
ALONE static void tag(union word *to, union word *from) {
  union word w = *from;
  from->number = 0;
  w.number |= 1;
  churn();
  *to = w;
}
ALONE static void untag(union word *to, union word *from) {
  union word w = *from;
  from->number = 0;
  w.number &= ~3L;
  churn();
  *to = w;
}
int main(void) {
  void (*volatile change[])(union word *, union word *) = {put, tag, untag};
  union word w, v = {.one = make(7)};
  change[0](&w, &v);
  churn();
  printf("%ld\n", w.one->key);
  change[1](&v, &w);
  churn();
  change[2](&w, &v);
  churn();
  printf("%ld\n", w.one->key);
}

#elif CASE == 5
// A tagged value, of which one function knows the numbers only.
struct value {
  int tag;
  union {
    ref r;
    double d;
    int i;
    char c[8];
  } u;
};
static double total;
ALONE static void integer(struct value *to, struct value *from) {
  struct value v = *from;
  *from = (struct value){0};
  if (v.tag == 1)
    total += v.u.i;
  churn();
  *to = v;
}
ALONE static void character(struct value *to, struct value v) {
  if (v.u.c[3] == 'a' && v.tag == 5)
    total += 1;
  churn();
  *to = v;
}
ALONE static void number(struct value *to, struct value *from) {
  struct value v = *from;
  *from = (struct value){0};
  if (v.tag == 2)
    total += v.u.d;
  churn();
  *to = v;
}
int main(void) {
  struct value a = {.tag = 3}, b;
  a.u.r = make(4);
  integer(&b, &a);
  churn();
  character(&a, b);
  b = (struct value){0};
  churn();
  number(&b, &a);
  churn();
  printf("%ld %g\n", b.u.r->key, total);
}

#elif CASE == 6
// A union that is a double for all that this function shows.
union word {
  double number;
  ref one;
};
ALONE static void move(union word *from, union word *to) {
  union word w = *from;
  from->number = 1;
  churn();
  *to = w;
}
ALONE static long either(union word w, int is_ref) {
  churn();
  double d = w.number;
  churn();
  return is_ref ? w.one->key : (long)d;
}
int main(void) {
  void (*volatile m)(union word *, union word *) = move;
  long (*volatile e)(union word, int) = either;
  union word a = {.one = make(3)}, b;
  m(&a, &b);
  churn();
  printf("%ld %ld %ld\n", b.one->key, e(b, 1), e(a, 0));
}

#elif CASE == 7
// setjmp of the compiler's own.
static void *back[5];
ALONE __attribute__((noreturn)) static void jump(void) {
  churn();
  __builtin_longjmp(back, 1);
}
ALONE static long jumps(long k) {
  ref kept = make(k);
  volatile long sum = 0;
  if (__builtin_setjmp(back) == 0) {
    ref a = make(k + 1), b = make(k + 2);
    churn();
    sum += a->key + b->key;
    jump();
  }
  churn();
  return kept->key + sum;
}
int main(void) { printf("%ld\n", jumps(5)); }

#elif CASE == 8
// A function that collects in its last call, which takes its frame's place.
#ifndef USE_MALLOC
#define LAST __attribute__((musttail))
#else
#define LAST
#endif
ALONE static long last(long n) {
  churn();
  return n;
}
ALONE static long first(long n) { LAST return last(n + 1); }
int main(void) {
  ref a = make(3);
  long s = first(1);
  ref b = make(s);
  s += first(s);
  printf("%ld %ld %ld\n", a->key, b->key, s);
}

#elif CASE == 9
// Memory of alloca() has no type but what is stored there; nor do bytes that a
// reference is copied to.
static char bytes[24];
ALONE static void fill(ref *to, long key) { *to = make(key); }
ALONE static void store(long key) {
  ref r = make(key);
  memcpy(bytes + 8, &r, sizeof r);
}
int main(void) {
  ref *p = alloca(3 * sizeof *p), *q = alloca(2 * sizeof *q);
  char local[16];
  for (int i = 0; i < 3; i++)
    fill(&p[i], i);
  q[0] = make(5);
  q[1] = make(6);
  ref r = make(7);
  memcpy(local + 8, &r, sizeof r);
  store(8);
  r = 0;
  churn();
  memcpy(&r, local + 8, sizeof r);
  printf("%ld %ld %ld %ld\n", p[1]->key, p[2]->key, q[1]->key, r->key);
  memcpy(&r, bytes + 8, sizeof r);
  printf("%ld\n", r->key);
}

#elif CASE == 10
// Atomic references.
static _Atomic(ref) shared;
static ref plain;
int main(void) {
  atomic_store(&shared, make(1));
  churn();
  ref old = atomic_exchange(&shared, make(2));
  churn();
  ref seen = make(3);
  printf("%d\n", atomic_compare_exchange_strong(&shared, &seen, make(4)));
  churn();
  printf("%ld %ld\n", old->key, seen->key);
  printf("%d\n", atomic_compare_exchange_strong(&shared, &seen, make(5)));
  churn();
  printf("%ld %ld\n", seen->key, atomic_load(&shared)->key);
  __atomic_store(&plain, &seen, __ATOMIC_SEQ_CST);
  __atomic_exchange(&plain, &old, &seen, __ATOMIC_SEQ_CST);
  churn();
  printf("%ld %ld\n", seen->key, plain->key);
}

#elif CASE == 11
// A loop's pointer that starts at one of two interior pointers: its base is the
// merge of their bases, as it was for what it starts at.
typedef long gcref *words;
ALONE static words numbers(long from) {
  words w = (words)gc_new(struct { long n[64]; });
  for (int i = 0; i < 64; i++)
    w[i] = from + i;
  return w;
}
static words (*volatile get)(long) = numbers;
ALONE static long merged(int which, int n) {
  words a = get(100), b = get(200);
  words start = which ? a + 60 : b;
  a = b = 0;
  long sum = *start;
  ref one = make(1), two = make(2);
  churn();
  sum += one->key + two->key;
  one = make(3);
  churn();
  sum += one->key;
  for (words p = start; n-- > 0; p++) {
    churn();
    sum += *p;
  }
  return sum;
}
int main(void) {
  long (*volatile m)(int, int) = merged;
  printf("%ld %ld\n", m(0, 3), m(1, 4));
}

#elif CASE == 12
// An ordinary pointer that only the callee has, and does not know for what it
// is.
ALONE static long read_it(const char *text) {
  churn();
  return text[0] + text[8];
}
static long (*volatile reader)(const char *) = read_it;
ALONE static long pass(void) {
  ref r = make(0x4142);
  return reader((const char *)r);
}
int main(void) { printf("%ld\n", pass()); }

#elif CASE == 13
// Defined on the way to both branches, needed in one: its slot is not free for
// what the other branch needs.
ALONE static long branches(ref list, int which) {
  ref one = make(1);
  ref two = list->next;
  long sum = 0;
  list->next = 0;
  if (which) {
    for (int i = 0; i < 4; i++) {
      churn();
      sum += two->key;
    }
    make(3);
    return sum + two->key;
  }
  for (int i = 0; i < 4; i++) {
    churn();
    sum += one->key;
  }
  make(4);
  return sum + one->key;
}
int main(void) {
  long (*volatile f)(ref, int) = branches;
  for (int i = 0; i < 2; i++) {
    ref list = make(7);
    list->next = make(8);
    printf("%ld\n", f(list, i));
  }
}
#endif
