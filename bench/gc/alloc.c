// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds for one allocation, with all that follows from it: freeing, or
// marking and sweeping. Beside malloc and free, and Boehm's collector, in one
// process, the peers in turn; the best of several turns counts.
//
//   dropped   nothing keeps the object; malloc frees it at once
//   queue     the last 10,000 objects are kept, the oldest is let go
//   shuffled  100,000 objects are kept, one at random is replaced: free memory
//             is in small pieces everywhere
//
// What is kept stands in an array of the program's own (pclnrt_gc_add_root; for
// Boehm's, static memory). This file is compiled without the plug-in, so frames
// are scanned word by word, which is the one thing here that costs both
// collectors the same.
//
//   cc -O2 -I pclntab -I runtime bench/gc/alloc.c -lgc libpclnrt.a -o alloc
//   PCLNTAB_DEBUG=gcforeign=scan ./alloc [turns]
#define PCLNRT_BUILDING
#include "gc.h"

#include <gc/gc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { N_KEPT_MAX = 100000, N_ALLOCATIONS = 2000000 };

// Words, as a program's data is; the peers' in arrays of their own.
static void *ours[N_KEPT_MAX], *theirs[N_KEPT_MAX], *plain[N_KEPT_MAX];

struct load {
  const char *name;
  size_t n_kept; // 0: dropped
  bool shuffled;
};
static const struct load loads[] = {
    {"dropped", 0, false}, {"queue", 10000, false}, {"shuffled", 100000, true}};

struct shape {
  const char *name;
  size_t size;
  struct pclnrt_gc_type type; // n_words is 0: bytes
};
static const struct shape shapes[] = {
    {"16 bytes, references", 16, {16, 3, 2, 0, NULL, "pair"}},
    {"48 bytes, references", 48, {48, 3, 2, 0, NULL, "node"}},
    {"24 bytes, none", 24, {.size = 0}},
    {"200 bytes, none", 200, {.size = 0}},
    {"4000 bytes, none", 4000, {.size = 0}},
};
enum {
  N_LOADS = sizeof loads / sizeof *loads,
  N_SHAPES = sizeof shapes / sizeof *shapes,
};

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// The same loop for each peer: NEW makes an object, OLD takes the previous one.
#define LOOP(kept, NEW, OLD)                                                   \
  do {                                                                         \
    uint64_t random = 1;                                                       \
    for (size_t i = 0, at = 0; i < n; i++) {                                   \
      void *p = NEW;                                                           \
      if (!p)                                                                  \
        abort();                                                               \
      *(volatile char *)p = 0;                                                 \
      if (!load->n_kept) {                                                     \
        OLD(p);                                                                \
        continue;                                                              \
      }                                                                        \
      random = random * 6364136223846793005u + 1442695040888963407u;           \
      at = load->shuffled ? (random >> 33) % load->n_kept                      \
                          : (at + 1) % load->n_kept;                           \
      OLD(kept[at]);                                                           \
      kept[at] = p;                                                            \
    }                                                                          \
    for (size_t i = 0; i < N_KEPT_MAX; i++) {                                  \
      OLD(kept[i]);                                                            \
      kept[i] = NULL;                                                          \
    }                                                                          \
  } while (0)
#define KEEP(p) ((void)(p))

typedef void peer(const struct load *load, const struct shape *s, size_t n);

static void run_ours(const struct load *load, const struct shape *s, size_t n) {
  if (s->type.n_words)
    LOOP(ours, pclnrt_gc_new(&s->type), KEEP);
  else
    LOOP(ours, pclnrt_gc_new_bytes(s->size), KEEP);
}

static void run_boehm(const struct load *load, const struct shape *s,
                      size_t n) {
  if (s->type.n_words)
    LOOP(theirs, GC_MALLOC(s->size), KEEP);
  else
    LOOP(theirs, GC_MALLOC_ATOMIC(s->size), KEEP);
}

static void run_malloc(const struct load *load, const struct shape *s,
                       size_t n) {
  LOOP(plain, malloc(s->size), free);
}

static const struct {
  const char *name;
  peer *run;
} peers[] = {
    {"pclntab", run_ours}, {"malloc", run_malloc}, {"boehm", run_boehm}};
enum { N_PEERS = sizeof peers / sizeof *peers };

int main(int argc, char **argv) {
  const int turns = argc > 1 ? atoi(argv[1]) : 3;
  GC_INIT();
  if (pclnrt_gc_thread_begin() != PCLN_OK ||
      pclnrt_gc_add_root(ours, sizeof ours) != PCLN_OK)
    return 2;
  printf("%-22s %-9s", "ns per allocation", "");
  for (int p = 0; p < N_PEERS; p++)
    printf(" %9s", peers[p].name);
  printf("\n");
  for (int s = 0; s < N_SHAPES; s++)
    for (int l = 0; l < N_LOADS; l++) {
      const size_t n = N_ALLOCATIONS / (shapes[s].size > 1000 ? 8 : 1);
      double best[N_PEERS] = {0};
      for (int turn = 0; turn < turns; turn++)
        for (int p = 0; p < N_PEERS; p++) {
          const double start = now_ns();
          peers[p].run(&loads[l], &shapes[s], n);
          const double ns = (now_ns() - start) / (double)n;
          if (turn == 0 || ns < best[p])
            best[p] = ns;
        }
      printf("%-22s %-9s", shapes[s].name, loads[l].name);
      for (int p = 0; p < N_PEERS; p++)
        printf(" %9.1f", best[p]);
      printf("\n");
      fflush(stdout);
    }
  return 0;
}
