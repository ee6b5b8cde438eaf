// SPDX-License-Identifier: Apache-2.0
//
// Threads that visit stacks at once, while what is remembered of return
// addresses is forgotten over and over: what each sees is right every time. For
// the thread sanitizer too.
#define _GNU_SOURCE
#include "seen.h"

#include <pthread.h>
#include <stdatomic.h>

void pclnrt_test_empty_cache(void); // internal.h
void pclnrt_test_empty_sites(void);

typedef void call(void *arg);
typedef void holder(uintptr_t *words, call *fn, void *arg);
holder hold, hold_fp, hold_aligned, hold_pair;

#define REF(n) ((uintptr_t)0x7e57000000000000 + (n)*0x1000)
enum { THREADS = 3, ROUNDS = 2000 };

static atomic_int running = THREADS;
static atomic_int wrong;

struct sum {
  size_t n;
  uintptr_t of;
};

static void add_root(void *ctx, const struct pclnrt_root *r) {
  struct sum *sum = ctx;
  sum->n++;
  sum->of += *r->slot;
}

static void no_words(void *ctx, uintptr_t *lo, uintptr_t *hi,
                     const struct pclnrt_root_frame *frame) {
  (void)ctx, (void)lo, (void)hi, (void)frame;
}

void pclnrt_testing_add(void *arg);
void pclnrt_testing_add(void *arg) {
  const struct pclnrt_root_visitor v = {
      .ctx = arg, .root = add_root, .words = no_words};
  struct pclnrt_root_stats stats = {0};
  struct pclnrt_cursor c;
  __builtin_unwind_init();
  pclnrt_cursor_here(&c);
  if (pclnrt_roots_stack(&c, &v, &stats, NULL) != PCLN_OK)
    wrong++;
}

static const struct shape {
  holder *h;
  uintptr_t words[4];
  size_t n;
  uintptr_t of;
} shapes[] = {
    {hold, {REF(1), REF(2), 0, REF(4)}, 2, REF(1) + REF(4)},
    {hold_fp, {REF(5), REF(6), 0, REF(7)}, 2, REF(5) + REF(7)},
    {hold_aligned, {0, REF(6), 0, REF(8)}, 1, REF(8)},
    {hold_pair, {REF(9), REF(9) + 8, REF(1)}, 3, 2 * REF(9) + 8 + REF(1)},
};

// The shapes one in another.
struct nest {
  size_t depth;
  struct sum *sum;
};
static void deeper(void *arg) {
  const struct nest *at = arg;
  if (at->depth == 4) {
    pclnrt_testing_add(at->sum);
    return;
  }
  struct nest next = {at->depth + 1, at->sum};
  uintptr_t words[4];
  memcpy(words, shapes[at->depth].words, sizeof words);
  shapes[at->depth].h(words, deeper, &next);
}

static void *visit(void *arg) {
  size_t n = 0;
  uintptr_t of = 0;
  for (int i = 0; i < 4; i++) {
    n += shapes[i].n;
    of += shapes[i].of;
  }
  for (int i = 0; i < ROUNDS; i++) {
    struct sum sum = {0};
    struct nest first = {0, &sum};
    deeper(&first);
    if (sum.n != n || sum.of != of)
      wrong++;
  }
  running--;
  return arg;
}

int main(void) {
  pthread_t t[THREADS];
  for (int i = 0; i < THREADS; i++)
    CHECK(pthread_create(&t[i], NULL, visit, NULL) == 0);
  while (running > 0) {
    pclnrt_test_empty_sites();
    pclnrt_test_empty_cache();
  }
  for (int i = 0; i < THREADS; i++)
    pthread_join(t[i], NULL);
  CHECK(wrong == 0);
  return failures != 0;
}
