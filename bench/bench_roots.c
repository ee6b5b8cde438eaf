// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds per frame of finding the roots of a stack, against the way that a
// user of LLVM's stack maps has without us: libunwind's steps, and a search of
// each return address in a sorted table of slots.
//
// The stack is that of bench_roots.S. Warm: the same stack again and again, the
// fastest of many batches, since the machine may do other things meanwhile.
// Cold: what is known of return addresses is forgotten before each walk, as in
// a program's first collection.
//
// Prints one line per walk: NAME NS_PER_FRAME FRAMES ROOTS.
#define UNW_LOCAL_ONLY // before its header
#include <libunwind.h>

#include "funcdata.h"
#include "roots.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FUNCTIONS = 64, BATCHES = 200, WALKS = 20 };

// The hooks of internal.h, which a program outside of the runtime cannot
// include.
void pclnrt_test_empty_cache(void);
void pclnrt_test_empty_sites(void);

// --- The stack: bench_roots.S
// --------------------------------------------------

void bench_f0(long depth);
void pclnrt_bench_walk(void);
extern const uint64_t bench_returns[FUNCTIONS];

// --- Our walk
// ------------------------------------------------------------------

static size_t n_frames, n_roots;
static bool under_foreign_code;
static uintptr_t sum; // so that the roots are read

static void on_root(void *ctx, const struct pclnrt_root *root) {
  (void)ctx;
  n_roots++;
  sum += *root->slot;
}

static void on_words(void *ctx, uintptr_t *lo, uintptr_t *hi,
                     const struct pclnrt_root_frame *frame) {
  (void)ctx, (void)lo, (void)hi, (void)frame;
}

static void walk_roots(void) {
  static const struct pclnrt_root_visitor v = {.root = on_root,
                                               .words = on_words};
  struct pclnrt_root_stats stats = {0};
  struct pclnrt_cursor c;
  pclnrt_cursor_here(&c);
  if (pclnrt_roots_stack(&c, &v, &stats, NULL) != PCLN_OK)
    exit(2);
  n_frames += stats.frames;
}

// --- libunwind and a table
// -------------------------------------------------------

// Slots of a return address, sorted by it, as a reader of stack maps has them.
static struct row {
  uint64_t pc;
  uint32_t n;
  int32_t off[4]; // bytes from SP
} rows[FUNCTIONS];

static int by_pc(const void *a, const void *b) {
  const struct row *x = a, *y = b;
  return (x->pc > y->pc) - (x->pc < y->pc);
}

static void make_rows(void) {
  for (int i = 0; i < FUNCTIONS; i++)
    rows[i] = (struct row){bench_returns[i], 4, {0, 16, 40, 56}};
  qsort(rows, FUNCTIONS, sizeof *rows, by_pc);
}

static void walk_unw(void) {
  unw_context_t context;
  unw_cursor_t c;
  unw_getcontext(&context);
  unw_init_local(&c, &context);
  do {
    unw_word_t pc, sp;
    unw_get_reg(&c, UNW_REG_IP, &pc);
    n_frames++;
    const struct row key = {.pc = pc};
    const struct row *row = bsearch(&key, rows, FUNCTIONS, sizeof *rows, by_pc);
    if (!row)
      continue;
    unw_get_reg(&c, UNW_REG_SP, &sp);
    for (uint32_t i = 0; i < row->n; i++) {
      uintptr_t *slot = (uintptr_t *)(sp + (uint64_t)row->off[i]);
      const struct pclnrt_root root = {.slot = slot};
      if (*slot)
        on_root(NULL, &root);
    }
  } while (unw_step(&c) > 0);
}

// --- Timing
// ------------------------------------------------------------------------

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void time_walk(const char *name, void (*walk)(void), bool cold) {
  double best = 1e30;
  n_frames = n_roots = 0;
  walk();
  const size_t frames = n_frames, roots = n_roots;
  for (int i = 0; i < BATCHES; i++) {
    double spent = 0;
    for (int k = 0; k < WALKS; k++) {
      if (cold) {
        pclnrt_test_empty_cache();
        pclnrt_test_empty_sites();
      }
      const double start = now();
      walk();
      spent += now() - start;
    }
    if (spent < best)
      best = spent;
  }
  printf("%-22s %8.1f ns per frame, %zu frames, %zu roots\n", name,
         best / WALKS / (double)frames, frames, roots);
}

// By its name the runtime's, so that no frame further in counts as foreign.
void pclnrt_bench_walk(void) {
  if (under_foreign_code) {
    time_walk("pclnrt-under-foreign", walk_roots, false);
    return;
  }
  time_walk("pclnrt-roots-warm", walk_roots, false);
  time_walk("pclnrt-roots-cold", walk_roots, true);
  time_walk("libunwind-and-table", walk_unw, false);
}

// Nobody described it: what it holds in registers is looked for in all frames.
__attribute__((noinline)) static void foreign(long depth) {
  under_foreign_code = true;
  bench_f0(depth);
  __asm__ volatile("");
}

int main(int argc, char **argv) {
  FUNCDATA(1, long, 1, 0); // maps of no words
  const long depth = argc > 1 ? atol(argv[1]) : 1000;
  make_rows();
  bench_f0(depth);
  foreign(depth);
  return sum == 0;
}
