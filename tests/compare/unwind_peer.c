// SPDX-License-Identifier: Apache-2.0
//
// Our walk against libunwind's, from a handler; see unwind_peer.h.
#define UNW_LOCAL_ONLY // before its header
#include <libunwind.h>

#include "unwind_peer.h"

#include "pclnrt.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

enum { MAX_FRAMES = 128, MAX_CLASSES = 1024, TRAP_FLAG = 0x100 };

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
volatile sig_atomic_t peer_done;

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
  if (peer_done)
    return;
  compare(uc);
  peer_done = n_stops >= limit;
  if (signal == SIGPROF && !peer_done)
    arm_timer();
  if (signal == SIGTRAP && peer_done)
    uc->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

// --- Starting ----------------------------------------------------------------

static void handle(int sig) {
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_RESTART};
  act.sa_sigaction = on_stop;
  sigaction(sig, &act, NULL);
}

void peer_start_timer(unsigned long n) {
  limit = n;
  handle(SIGPROF);
  struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
  if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0) {
    perror("timer_create");
    exit(2);
  }
  arm_timer();
}

void peer_start_steps(unsigned long n) {
  limit = n;
  handle(SIGTRAP);
  __asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" ::"i"(TRAP_FLAG)
                   : "cc", "memory");
}

static void print_place(FILE *out, uint64_t pc) {
  struct pclnrt_symbols symbols;
  struct pclnrt_symbol s;
  pclnrt_symbolize(&symbols, pc, true);
  if (pclnrt_symbols_next(&symbols, &s))
    fprintf(out, "%s %s+0x%llx", s.module ? s.module : "?",
            s.func ? s.func : "?",
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
// - Code of the C start-up files has no CFI.
// The last is one where we go on and libunwind guesses, mostly wrong: PLT
// entries of lld, and of IFUNCs in static programs, have no CFI; our tables
// have rules for them.
static bool known(const struct class *k) {
  if (k->way != EQUAL && k->stop == PCLNRT_OUTERMOST && is_in(k->pc, "@plt"))
    return true;
  if (k->way != WE_STOP_EARLY)
    return false;
  if (k->stop == PCLNRT_NEEDS_REGISTER)
    return is_in(k->pc, "/ld-linux");
  if (k->stop != PCLNRT_NOT_UNWINDABLE && k->stop != PCLNRT_NO_INFO)
    return false;
  static const char *const places[] = {"/libc.so",  "__longjmp",
                                       "@plt",      "_init",
                                       "_fini",     "__do_global_dtors_aux",
                                       "tm_clones", "frame_dummy"};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (is_in(k->pc, places[i]))
      return true;
  return false;
}

int peer_report(FILE *out) {
  if (n_stops == 0) {
    fprintf(out, "no stops\n");
    return 1;
  }
  fprintf(out, "%lu stops, %lu frames, %lu equal walks: %.4f %%\n", n_stops,
          n_frames, n_equal, 100.0 * (double)n_equal / (double)n_stops);
  int status = n_classes == MAX_CLASSES; // some may not have been recorded
  unsigned long early = 0;
  for (size_t i = 0; i < n_classes; i++) {
    const bool ok = known(&classes[i]);
    fprintf(out, "%6u %s: %s, we say \"%s\", after ", classes[i].count,
            ok ? "known" : "unknown", way_text[classes[i].way],
            pclnrt_stop_text((enum pclnrt_stop)classes[i].stop));
    print_place(out, classes[i].pc);
    fprintf(out, "\n");
    status |= !ok;
    early += classes[i].way == WE_STOP_EARLY ? classes[i].count : 0;
  }
  // Known or not, we must not often end early.
  return status || early > n_stops / 50;
}
