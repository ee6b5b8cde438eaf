// SPDX-License-Identifier: Apache-2.0
//
// Our walk against libunwind's at arbitrary instructions of a running program.
//
// unwind timer N: a timer interrupts the workload N times, wherever it stands.
// unwind step N: the processor's trap flag stops it after each instruction, N
// times, so that no prologue, epilogue, PLT entry or resolver is left out.
//
// The handler walks the interrupted stack with both and compares every pc. The
// workload is ordinary code with what is hard to unwind: recursion, callbacks
// from libc, alloca, a realigned stack, varargs, lazily bound calls, leaf
// functions, string functions in assembler, setjmp.
//
// Prints the number of stops, of equal walks and, by the pc and the way they
// differ, of others. Exit status 1 if a difference is not of a known class.
#define UNW_LOCAL_ONLY // before its header
#include <libunwind.h>

#include "pclnrt.h"

#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum { MAX_FRAMES = 128, MAX_CLASSES = 64, TRAP_FLAG = 0x100 };

// --- Comparing ---------------------------------------------------------------

enum way {
  EQUAL,
  WE_STOP_EARLY, // a prefix of theirs
  THEY_STOP_EARLY,
  DIFFERENT,
  N_WAYS
};
static const char *const way_text[N_WAYS] = {"equal", "we stop early",
                                             "they stop early", "different"};

static struct class {
  uint64_t pc; // of the frame that was stepped from
  enum way way;
  uint8_t stop;
  unsigned count;
} classes[MAX_CLASSES];
static size_t n_classes;
static unsigned long n_stops, n_frames, limit, n_equal;
static volatile sig_atomic_t done;

static void record(enum way way, uint64_t pc, uint8_t stop) {
  for (size_t i = 0; i < n_classes; i++)
    if (classes[i].pc == pc && classes[i].way == way) {
      classes[i].count++;
      return;
    }
  if (n_classes < MAX_CLASSES)
    classes[n_classes++] =
        (struct class){.pc = pc, .way = way, .stop = stop, .count = 1};
}

static size_t walk_theirs(uint64_t *pcs, void *ucontext) {
  unw_cursor_t c;
  size_t n = 0;
  if (unw_init_local2(&c, (unw_context_t *)ucontext, UNW_INIT_SIGNAL_FRAME))
    return 0;
  do {
    unw_word_t pc;
    unw_get_reg(&c, UNW_REG_IP, &pc);
    if (pc == 0)
      break; // how it shows the end of a stack
    pcs[n++] = pc;
  } while (n < MAX_FRAMES && unw_step(&c) > 0);
  return n;
}

static void compare(void *ucontext) {
  uint64_t ours[MAX_FRAMES], theirs[MAX_FRAMES];
  struct pclnrt_cursor c;
  struct pclnrt_frame f;
  size_t n_ours = 0, i = 0;
  pclnrt_cursor_ucontext(&c, ucontext);
  while (n_ours < MAX_FRAMES && pclnrt_step(&c, &f))
    ours[n_ours++] = f.pc;
  const size_t n_theirs = walk_theirs(theirs, ucontext);
  n_stops++;
  n_frames += n_ours;
  while (i < n_ours && i < n_theirs && ours[i] == theirs[i])
    i++;
  if (i == n_ours && i == n_theirs)
    n_equal++;
  else
    record(i == n_ours     ? WE_STOP_EARLY
           : i == n_theirs ? THEY_STOP_EARLY
                           : DIFFERENT,
           i ? ours[i - 1] : 0, c.stop);
}

static timer_t timer;

// One stop at a time: a period shorter than the handler would interrupt the
// same instruction for ever. The interval varies so as not to follow the loop.
static void arm_timer(void) {
  static long ns;
  ns = (ns * 1103515245 + 12345) & 0x7fff;
  const struct itimerspec once = {.it_value = {0, 20000 + ns}};
  timer_settime(timer, 0, &once, NULL);
}

static void on_stop(int signal, siginfo_t *info, void *ucontext) {
  (void)info;
  ucontext_t *uc = (ucontext_t *)ucontext;
  if (done)
    return;
  compare(uc);
  done = n_stops >= limit;
  if (signal == SIGPROF && !done)
    arm_timer();
  if (signal == SIGTRAP && done)
    uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

// --- The workload ------------------------------------------------------------

static volatile double sink;

static int by_value(const void *a, const void *b) {
  const int x = *(const int *)a, y = *(const int *)b;
  return x < y ? -1 : x > y;
}

__attribute__((noinline)) static unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0)
    return n + 1;
  return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

__attribute__((noinline)) static void with_alloca(size_t n) {
  char *p = (char *)__builtin_alloca(n + 1);
  memset(p, 'x', n);
  p[n] = 0;
  sink = (double)strlen(p);
}

__attribute__((noinline, target("avx"))) static void realigned(size_t n) {
  _Alignas(64) double v[16];
  for (size_t i = 0; i < 16; i++)
    v[i] = sqrt((double)(i + n));
  qsort(v, 16, sizeof *v, by_value);
  with_alloca(n % 97);
  sink = v[n % 16];
}

__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void
with_frame_pointer(size_t n) {
  char text[64];
  snprintf(text, sizeof text, "%zu %g %s", n, sin((double)n), "some text");
  sink = (double)strlen(text);
}

static jmp_buf env;
__attribute__((noinline)) static void jumps(int n) {
  if (n == 0)
    longjmp(env, 1);
  if (sink != -1) // always, which the compiler does not know
    jumps(n - 1);
}

__attribute__((noinline)) static void strings(size_t n) {
  static char a[4096], b[4096];
  memset(a, 'a', sizeof a - 1);
  memcpy(b, a, n % sizeof b);
  sink = memcmp(a, b, sizeof a) + (double)(strchr(a, 'b') != NULL) +
         (strstr(a, "aab") != NULL);
  regex_t re;
  if (regcomp(&re, "(a|b)*c[0-9]+", REG_EXTENDED) == 0) {
    sink = regexec(&re, "ababc123", 0, NULL, 0);
    regfree(&re);
  }
}

static void work(size_t i) {
  int v[64];
  for (size_t k = 0; k < 64; k++)
    v[k] = (int)((k * 7919 + i) % 101);
  qsort(v, 64, sizeof *v, by_value);
  sink = ackermann(2, 3);
  free(realloc(malloc(i % 1000 + 1), i % 3000 + 1));
  realigned(i);
  with_frame_pointer(i);
  if (setjmp(env) == 0)
    jumps(5);
  strings(i);
  sink = (double)getpid() + strtod("3.25e10", NULL);
}

// --- Starting ----------------------------------------------------------------

static void start_timer(void) {
  struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
  if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0) {
    perror("timer_create");
    exit(2);
  }
  arm_timer();
}

static void start_steps(void) {
  __asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" ::"i"(TRAP_FLAG)
                   : "cc", "memory");
}

static void print_place(uint64_t pc) {
  struct pclnrt_symbols symbols;
  struct pclnrt_symbol s;
  pclnrt_symbolize(&symbols, pc, true);
  if (pclnrt_symbols_next(&symbols, &s))
    printf("%s %s+0x%llx", s.module ? s.module : "?", s.func ? s.func : "?",
           (unsigned long long)(s.entry ? pc - s.entry : s.module_off));
}

// Whether `pc` is in a module or function whose name has `part`.
static bool is_in(uint64_t pc, const char *part) {
  struct pclnrt_symbols symbols;
  struct pclnrt_symbol s;
  pclnrt_symbolize(&symbols, pc, true);
  return pclnrt_symbols_next(&symbols, &s) &&
         ((s.module && strstr(s.module, part)) ||
          (s.func && strstr(s.func, part)));
}

// Differences that are understood. In each we stop and say so.
// - _dl_runtime_resolve finds its frame by rbx, which only the rules of its
//   callees could restore; lazy binding only.
// - longjmp, behind the load of the registers it restores, has its caller's pc
//   and sp in registers. In libc.so its name is not exported.
// - PLT entries of static programs (for IFUNCs) have no CFI; libunwind knows
//   their bytes.
static bool known(const struct class *k) {
  if (k->way != WE_STOP_EARLY)
    return false;
  if (k->stop == PCLNRT_NEEDS_REGISTER)
    return is_in(k->pc, "/ld-linux");
  return k->stop == PCLNRT_NOT_UNWINDABLE &&
         (is_in(k->pc, "/libc.so") || is_in(k->pc, "__longjmp") ||
          is_in(k->pc, "@plt"));
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: unwind timer|step N\n");
    return 2;
  }
  limit = strtoul(argv[2], NULL, 10);
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_RESTART};
  act.sa_sigaction = on_stop;
  sigaction(SIGPROF, &act, NULL);
  sigaction(SIGTRAP, &act, NULL);
  if (strcmp(argv[1], "step") == 0)
    start_steps();
  else
    start_timer();
  for (size_t i = 0; !done; i++)
    work(i);
  printf("%lu stops, %lu frames, %lu equal walks: %.4f %%\n", n_stops, n_frames,
         n_equal, 100.0 * (double)n_equal / (double)n_stops);
  // Known or not, there must not be many.
  int status = n_equal < n_stops - n_stops / 50;
  for (size_t i = 0; i < n_classes; i++) {
    const bool ok = known(&classes[i]);
    printf("%6u %s: %s, we say \"%s\", after ", classes[i].count,
           ok ? "known" : "unknown", way_text[classes[i].way],
           pclnrt_stop_text((enum pclnrt_stop)classes[i].stop));
    print_place(classes[i].pc);
    printf("\n");
    status |= !ok;
  }
  return status;
}
