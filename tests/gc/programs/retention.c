// SPDX-License-Identifier: Apache-2.0
//
// Garbage that a conservative collector keeps, each case a pattern of real
// programs: words left behind on the stack, integers that look like addresses,
// the head of a lazy list that its caller does not need any more, and a queue
// whose old links still lead to what came later. Prints for each how many of
// the objects that nothing leads to any more were kept. Compiled with -O2, as
// is what is compared.
#include "alloc.h"

enum { N = 2000 };
#define NOINLINE __attribute__((noinline))

struct thing {
  struct thing gcref *next;
  long number;
};

// Of every object of the case that runs.
static struct gc_weak gcref *watched[N];

static struct thing gcref *new_thing(long i) {
  struct thing gcref *t = have(gc_new(struct thing));
  t->number = i;
  if (i < N)
    watched[i] = have(pclnrt_gc_weak_new(t));
  return t;
}

static void report(const char *name, long most) {
  long kept = 0;
  for (long i = 0; i < most; i++)
    kept += pclnrt_gc_weak_get(watched[i]) != NULL;
  printf("%s %ld of %ld\n", name, kept, most);
}

// The frames of small functions, below which their callers' stale words would
// be overwritten by chance.
NOINLINE static void wipe(void) {
  volatile char area[8192];
  for (size_t i = 0; i < sizeof area; i++)
    area[i] = 0;
}

// --- Words left behind -------------------------------------------------------

NOINLINE static long fill_stack(void) {
  struct thing gcref *volatile here[N];
  long sum = 0;
  for (long i = 0; i < N; i++)
    here[i] = new_thing(i);
  for (long i = 0; i < N; i++)
    sum += here[i]->number;
  return sum;
}

// A buffer of the worst length, as a parser or a formatter has one, of which
// little is used.
NOINLINE static void collect_below(void) {
  volatile char buffer[N * sizeof(void *) + 512];
  buffer[0] = 1;
  pclnrt_gc_collect();
  buffer[1] = buffer[0];
}

static void stale_stack(void) {
  fill_stack();
  collect_below();
  report("stale-stack", N);
}

// --- Integers ----------------------------------------------------------------

// Numbers beside a reference, so that a conservative collector looks at both.
struct samples {
  struct samples gcref *next;
  uint64_t numbers[1 << 16];
};

NOINLINE static void make_things(void) {
  for (long i = 0; i < N; i++)
    new_thing(i);
}

// Random, from a seed that is an address, as many programs take one.
static void random_integers(void) {
  struct alloc_random r = {23};
  uint64_t seed = (uintptr_t)new_thing(0);
  struct samples gcref *all = NULL;
  for (int k = 0; k < 16; k++) {
    struct samples gcref *s = have(gc_new(struct samples));
    for (size_t i = 0; i < sizeof s->numbers / sizeof s->numbers[0]; i++)
      s->numbers[i] = seed + (alloc_random(&r) & 0xffffff);
    s->next = all;
    all = s;
  }
  make_things();
  wipe();
  pclnrt_gc_collect();
  report("random-integers", N);
  if (!all->next)
    puts("lost");
}

// Addresses that are kept as numbers, for printing or as an identity.
struct identities {
  struct identities gcref *next;
  uintptr_t of[N];
};

NOINLINE static void number_things(struct identities gcref *ids) {
  for (long i = 0; i < N; i++)
    ids->of[i] = (uintptr_t)new_thing(i);
}

static void identities(void) {
  struct identities gcref *ids = have(gc_new(struct identities));
  number_things(ids);
  wipe();
  pclnrt_gc_collect();
  report("identities", N);
  if (!ids->of[0])
    puts("lost");
}

// --- A lazy list -------------------------------------------------------------

NOINLINE static struct thing gcref *force(struct thing gcref *t) {
  if (!t->next)
    t->next = new_thing(t->number + 1);
  return t->next;
}

NOINLINE static void walk(struct thing gcref *t, long n) {
  while (t->number < n)
    t = force(t);
  wipe();
  pclnrt_gc_collect();
  report("lazy-list", n);
}

NOINLINE static long first_number(const struct thing gcref *t) {
  return t->number;
}

// `head` is used before, so it lies in a register that calls preserve, but not
// after the walk.
static void lazy_list(void) {
  struct thing gcref *head = new_thing(0);
  long n = first_number(head) + N - 1;
  walk(head, n);
  wipe();
}

// --- A queue -----------------------------------------------------------------

struct queue {
  struct thing gcref *first, *last;
};

NOINLINE static void put(struct queue *q, long i) {
  struct thing gcref *t = new_thing(i);
  if (q->last)
    q->last->next = t;
  else
    q->first = t;
  q->last = t;
}

// Leaves the link of what it takes out as it is.
NOINLINE static struct thing gcref *take(struct queue *q) {
  struct thing gcref *t = q->first;
  q->first = t->next;
  return t;
}

// One stale word leads to all that came later.
NOINLINE static void pass_through(struct queue *q) {
  struct thing gcref *volatile early[64];
  for (int i = 0; i < 64; i++)
    early[i] = NULL;
  put(q, 0);
  put(q, 1);
  early[32] = take(q);
  if (early[32]->number)
    puts("lost");
}

NOINLINE static void work_below(struct queue *q) {
  volatile char buffer[64 * sizeof(void *) + 512];
  buffer[0] = 1;
  for (long i = 2; i < N; i++) {
    put(q, i);
    take(q);
  }
  pclnrt_gc_collect();
  buffer[1] = buffer[0];
}

static void queue(void) {
  struct queue q = {NULL, NULL};
  pass_through(&q);
  work_below(&q);
  report("queue", N - 1);
  if (q.first->number != N - 1)
    puts("lost");
}

// --- Finalizers count the same -----------------------------------------------

static long finalized;
static void on_gone(void gcref *t, void *arg) {
  (void)t;
  ++*(long *)arg;
}

NOINLINE static void make_finalized(struct identities gcref *ids) {
  for (long i = 0; i < N; i++) {
    struct thing gcref *t = new_thing(i);
    ids->of[i] = (uintptr_t)t;
    if (pclnrt_gc_set_finalizer(t, on_gone, &finalized))
      puts("no finalizer");
  }
}

static void finalizers(void) {
  struct identities gcref *ids = have(gc_new(struct identities));
  make_finalized(ids);
  wipe();
  pclnrt_gc_collect();
  pclnrt_gc_finalize();
  printf("finalizers %ld of %d\n", N - finalized, N);
  if (!ids->of[0])
    puts("lost");
}

int main(void) {
  alloc_start();
  stale_stack();
  wipe();
  random_integers();
  wipe();
  identities();
  wipe();
  lazy_list();
  wipe();
  queue();
  wipe();
  finalizers();
  alloc_end();
  return 0;
}
