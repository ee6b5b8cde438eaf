// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds per frame of whole walks, against the unwinders people use:
// libunwind (its own cached trace, and unw_step), _Unwind_Backtrace, glibc's
// backtrace(3), and a bare walk over frame pointers. Each walks the same stack:
// 64 functions with frames of different sizes that call each other in turn,
// under main and libc.
//
// Warm: the same stack again and again; the fastest of many batches, since the
// machine may do other things meanwhile. Cold: our cache from pc to rule is
// emptied before each walk, so that each frame is looked up in the module.
//
// backtrace and _Unwind_Backtrace are taken from libc and libgcc themselves:
// libunwind exports functions of the same names.
//
// Prints one line per unwinder: NAME NS_PER_FRAME FRAMES. Build with
// -fno-omit-frame-pointer, or the last walk has nothing to follow.
#define UNW_LOCAL_ONLY // before its header
#include <libunwind.h>

#include "pclnrt.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unwind.h>

enum { MAX_FRAMES = 512, BATCHES = 400, WALKS = 20 };

// The hook of internal.h, which a program outside of the runtime cannot
// include.
void pclnrt_test_empty_cache(void);

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

// --- The unwinders: each returns the number of frames ------------------------

static uint64_t pcs[MAX_FRAMES];

static size_t walk_pclnrt(void) { return pclnrt_backtrace(pcs, MAX_FRAMES); }

static size_t walk_pclnrt_step(void) {
  struct pclnrt_cursor c;
  struct pclnrt_frame f;
  size_t n = 0;
  pclnrt_cursor_here(&c);
  while (pclnrt_step(&c, &f))
    pcs[n++] = f.pc;
  return n;
}

static size_t walk_unw_backtrace(void) {
  return (size_t)unw_backtrace((void **)pcs, MAX_FRAMES);
}

static size_t walk_unw_step(void) {
  unw_context_t context;
  unw_cursor_t c;
  size_t n = 0;
  unw_getcontext(&context);
  unw_init_local(&c, &context);
  do {
    unw_word_t pc;
    unw_get_reg(&c, UNW_REG_IP, &pc);
    pcs[n++] = pc;
  } while (n < MAX_FRAMES && unw_step(&c) > 0);
  return n;
}

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *c, void *arg) {
  size_t *n = (size_t *)arg;
  pcs[(*n)++] = _Unwind_GetIP(c);
  return *n < MAX_FRAMES ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static _Unwind_Reason_Code (*gcc_backtrace)(_Unwind_Trace_Fn, void *);

static size_t walk_gcc(void) {
  size_t n = 0;
  gcc_backtrace(on_frame, &n);
  return n;
}

static int (*glibc_backtrace)(void **, int);

static size_t walk_glibc(void) {
  return (size_t)glibc_backtrace((void **)pcs, MAX_FRAMES);
}

static size_t walk_frame_pointers(void) {
  const uint64_t *fp = (const uint64_t *)__builtin_frame_address(0);
  const uint64_t *last = fp;
  size_t n = 0;
  // Ours end at main, whose caller keeps no frame pointer.
  while (n < MAX_FRAMES && fp >= last && fp < last + 4096) {
    pcs[n++] = fp[1];
    last = fp;
    fp = (const uint64_t *)fp[0];
  }
  return n;
}

static const struct walker {
  const char *name;
  size_t (*walk)(void);
  bool cold;
} walkers[] = {
    {"pclnrt-backtrace-warm", walk_pclnrt, false},
    {"pclnrt-step-warm", walk_pclnrt_step, false},
    {"pclnrt-backtrace-cold", walk_pclnrt, true},
    {"pclnrt-step-cold", walk_pclnrt_step, true},
    {"libunwind-cached", walk_unw_backtrace, false},
    {"libunwind-step", walk_unw_step, false},
    {"gcc-unwind-backtrace", walk_gcc, false},
    {"glibc-backtrace", walk_glibc, false},
    {"frame-pointers", walk_frame_pointers, false},
};

// ns per frame of `walks` walks.
static double batch(const struct walker *w, int walks, size_t *n) {
  const double start = now();
  for (int i = 0; i < walks; i++)
    *n = w->walk();
  return (now() - start) / walks / (double)*n;
}

static void measure(void) {
  for (size_t w = 0; w < sizeof walkers / sizeof *walkers; w++) {
    double best = 1e18;
    size_t n;
    for (int i = 0; i < BATCHES; i++) {
      if (walkers[w].cold)
        pclnrt_test_empty_cache();
      const double ns = batch(&walkers[w], walkers[w].cold ? 1 : WALKS, &n);
      best = ns < best ? ns : best;
    }
    printf("%-24s %8.2f %4zu\n", walkers[w].name, best, n);
  }
}

// --- The stack ---------------------------------------------------------------

typedef void (*link_fn)(void);
static link_fn volatile chain[65];

// clang-format off
// Octal numbers 0100 to 0177, so that a digit may be pasted to "tens".
#define EIGHT(X, tens)                                                         \
  X(tens##0) X(tens##1) X(tens##2) X(tens##3)                                  \
  X(tens##4) X(tens##5) X(tens##6) X(tens##7)
#define ALL(X)                                                                 \
  EIGHT(X, 010) EIGHT(X, 011) EIGHT(X, 012) EIGHT(X, 013)                      \
  EIGHT(X, 014) EIGHT(X, 015) EIGHT(X, 016) EIGHT(X, 017)
// A frame of 8 to 512 bytes that calls the next one.
#define LINK_OCTAL(number)                                                     \
  __attribute__((noinline)) static void link_##number(void) {                  \
    volatile char room[8 + (number - 64) * 40 % 512];                          \
    room[0] = 1;                                                               \
    chain[number - 64 + 1]();                                                  \
    room[sizeof room - 1] = 1;                                                 \
  }
// clang-format on
ALL(LINK_OCTAL)

#define ENTRY(number) link_##number,
static const link_fn links[] = {ALL(ENTRY)};

static bool bind_peers(void) {
  void *libc = dlopen("libc.so.6", RTLD_NOW);
  void *libgcc = dlopen("libgcc_s.so.1", RTLD_NOW);
  if (!libc || !libgcc)
    return false;
  *(void **)&glibc_backtrace = dlsym(libc, "backtrace");
  *(void **)&gcc_backtrace = dlsym(libgcc, "_Unwind_Backtrace");
  return glibc_backtrace && gcc_backtrace;
}

int main(void) {
  if (!bind_peers()) {
    fprintf(stderr, "bench_unwind: no libc.so.6 or libgcc_s.so.1\n");
    return 2;
  }
  for (size_t i = 0; i < sizeof links / sizeof *links; i++)
    chain[i] = links[i];
  chain[64] = measure;
  chain[0]();
  return 0;
}
