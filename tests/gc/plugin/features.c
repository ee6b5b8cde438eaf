// SPDX-License-Identifier: Apache-2.0
//
// One function for each way in which C holds a reference across a call that
// collects. Run with a collection at every allocation and freed memory filled,
// a root that was missed is a wrong number in what is printed. With USE_MALLOC
// the same source says what the right ones are.
#include "node.h"

#include <setjmp.h>

static ref global;
static ref global_array[3];
static struct {
  int tag;
  ref one;
} global_struct;
static __thread ref local_to_thread;
union word {
  double number;
  ref one;
};
static union word global_union;

static long arguments(ref a, ref b, ref c, ref d, ref e, ref f, ref g, ref h) {
  churn_indirectly();
  return a->key + b->key + c->key + d->key + e->key + f->key + g->key + h->key;
}

struct pair {
  ref a, b;
};
static struct pair two(long k) {
  struct pair p;
  p.a = make_indirectly(k);
  p.b = make_indirectly(k + 1);
  return p;
}

struct big {
  ref a;
  long x[3];
  ref b;
};
static struct big three(long k) {
  struct big b = {make_indirectly(k), {1, 2, 3}, 0};
  b.b = make_indirectly(k + 1);
  return b;
}

static long by_value(struct big b) {
  churn_indirectly();
  long s = b.a->key;
  b.a = make_indirectly(7);
  churn_indirectly();
  return s + b.b->key + b.a->key;
}

static long unions(union word w, int is_ref) {
  churn_indirectly();
  return is_ref ? w.one->key : (long)w.number;
}

// A union that is passed on as an integer and never looked at.
static void pass_on(union word *to, union word w) {
  churn_indirectly();
  *to = w;
}
static union word make_union(long key) {
  union word w = {.one = make_indirectly(key)};
  return w;
}
static long passed_on(void) {
  void (*volatile pass)(union word *, union word) = pass_on;
  union word (*volatile get)(long) = make_union;
  union word to;
  pass(&to, get(13));
  churn_indirectly();
  return to.one->key;
}

static void fill(ref *to, long key) { *to = make_indirectly(key); }

static long arrays(int n) {
  ref a[5] = {0};
  struct pair p[2] = {{0}};
  for (int i = 0; i < n; i++)
    fill(&a[i % 5], i);
  p[n % 2].a = a[0];
  memset(&a[0], 0, sizeof a[0]);
  fill(&p[(n + 1) % 2].b, 9);
  churn_indirectly();
  return a[1]->key + a[4]->key + p[n % 2].a->key + p[(n + 1) % 2].b->key;
}

static long sum_of(int n, ...) {
  va_list ap;
  va_start(ap, n);
  churn_indirectly();
  long s = 0;
  for (int i = 0; i < n; i++) {
    s += va_arg(ap, ref)->key;
    churn_indirectly();
  }
  va_end(ap);
  return s;
}

static jmp_buf back;
static void jump(int with) {
  churn_indirectly();
  longjmp(back, with);
}
static long jumps(void) {
  ref kept = make_indirectly(5);
  volatile int turn = 0;
  struct pair p = {make_indirectly(6), 0};
  if (setjmp(back) < 3) {
    turn++;
    churn_indirectly();
    jump(turn);
  }
  churn_indirectly();
  return kept->key + p.a->key + turn;
}

static long even(ref n, long s);
static long odd(ref n, long s) {
  ref fresh = make_indirectly(1);
  return n ? even(n->next, s + fresh->key) : s;
}
static long even(ref n, long s) {
  ref fresh = make_indirectly(2);
  return n ? odd(n->next, s + fresh->key) : s;
}

static ref list(int n) {
  ref head = 0;
  for (int i = 0; i < n; i++) {
    ref one = make_indirectly(i);
    one->next = head;
    head = one;
  }
  return head;
}

static long walk(ref n) {
  long s = 0;
  for (; n; n = n->next) {
    s += n->key;
    churn_indirectly();
  }
  return s;
}

// An interior pointer, and one past the last element.
static long inside(void) {
  long gcref *a = gc_new_array(long, 64);
  long gcref *end = a + 64;
  for (long gcref *p = a; p < end; p++) {
    *p = p - a;
    if (*p % 16 == 0)
      churn_indirectly();
  }
  long gcref *middle = a + 32;
  a = 0;
  churn_indirectly();
  return middle[-1] + end[-1];
}

// The object is held by an ordinary pointer only.
static long casts(void) {
  char gcref *text = gc_new_bytes(32);
  char *plain = (char *)text;
  strcpy(plain, "one two three");
  text = 0;
  char *word = strchr(plain, 't');
  churn_indirectly();
  return (long)strlen(word) + (word - plain);
}

static long globals(void) {
  global = make_indirectly(1);
  global_array[2] = make_indirectly(2);
  global_struct.one = make_indirectly(3);
  local_to_thread = make_indirectly(4);
  global_union.one = make_indirectly(5);
  static ref in_function;
  in_function = make_indirectly(6);
  churn_indirectly();
  return global->key + global_array[2]->key + global_struct.one->key +
         local_to_thread->key + global_union.one->key + in_function->key;
}

static long chosen(int which) {
  ref a = make_indirectly(10), b = make_indirectly(20);
  ref *p = which ? &a : &b;
  ref c = which > 5 ? a : b;
  churn_indirectly();
  return (*p)->key + c->key;
}

static long copied(void) {
  struct big a = three(1), b;
  memcpy(&b, &a, sizeof b);
  memset(&a, 0, sizeof a);
  churn_indirectly();
  struct big gcref *heap = gc_new(struct big);
  *heap = b;
  memset(&b, 0, sizeof b);
  churn_indirectly();
  a = *heap;
  heap = 0;
  churn_indirectly();
  return a.a->key + a.b->key + a.x[2];
}

int main(int argc, char **argv) {
  (void)argv;
  printf("arguments %ld\n", arguments(make(1), make(2), make(3), make(4),
                                      make(5), make(6), make(7), make(8)));
  struct pair p = two(1);
  churn();
  printf("returned %ld\n", p.a->key + p.b->key);
  struct big b = three(4);
  churn();
  printf("by value %ld\n", by_value(b) + b.a->key + b.b->key);
  union word w = {.one = make(12)}, d = {.number = 3.0};
  printf("unions %ld %ld\n", unions(w, argc), unions(d, argc - 1));
  printf("passed on %ld\n", passed_on());
  printf("arrays %ld\n", arrays(9 + argc));
  printf("varargs %ld\n", sum_of(3, make(1), make(2), make(3)));
  printf("setjmp %ld\n", jumps());
  printf("tail calls %ld\n", even(list(20), 0));
  printf("loops %ld\n", walk(list(30)));
  printf("inside %ld\n", inside());
  printf("casts %ld\n", casts());
  printf("globals %ld\n", globals());
  printf("chosen %ld\n", chosen(argc));
  printf("copied %ld\n", copied());
  return 0;
}
