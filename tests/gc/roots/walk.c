// SPDX-License-Identifier: Apache-2.0
//
// Roots of stacks, of every shape of frame that frames.S makes, seen from every
// side: frames of the runtime, of foreign code, of other threads and stacks.
// This file is compiled without maps, so its own functions are foreign. Prints
// what is wrong; the status says whether all is well.
#define _GNU_SOURCE
#include "seen.h"

#define PCLNRT_BUILDING // for its types alone
#include "gc.h"

#include <pthread.h>
#include <signal.h>

typedef void call(void *arg);
typedef void holder(uintptr_t *words, call *fn, void *arg);
holder hold, hold_kinds, hold_fp, hold_aligned, hold_args, pass, hold_pair,
    hold_leaf, hold_in_turn, hold_pairs_in_turn, save_registers;
typedef uintptr_t keeper(uintptr_t word, call *fn, void *arg);
keeper keep_in_rbx, keep_in_rbp, keep_in_r12, keep_in_r13, keep_in_r14,
    keep_in_r15;
void on_stack(uintptr_t *words, call *fn, void *arg, void *top);
void no_cfi(call *fn, void *arg);
void trap(void);

// What references look like: never the value of anything else here.
#define REF(n) ((uintptr_t)0x7e57000000000000 + (n)*0x1000)

static const uintptr_t poison = (uintptr_t)0x6969696969696969;
static struct seen seen;

// --- Collectors
// ----------------------------------------------------------------

// The runtime's, by its name.
void pclnrt_testing_collect(void *arg);
void pclnrt_testing_collect(void *arg) {
  (void)arg;
  __builtin_unwind_init();
  struct pclnrt_cursor c;
  memset(&seen, 0, sizeof seen);
  pclnrt_cursor_here(&c);
  look(&seen, &c, false);
}

// One that stores no register, but knows their values. What it has saved itself
// is in its frame all the same.
void pclnrt_testing_registers(void *arg);
void pclnrt_testing_registers(void *arg) {
  uintptr_t registers[6] = {0};
  struct pclnrt_cursor c;
  (void)arg;
  pclnrt_cursor_here(&c);
  __asm__("movq %%rbx, %0" : "=m"(registers[1]));
  memset(&seen, 0, sizeof seen);
  look_with(&seen, &c, false, registers);
}

static void collect_poisoning(void *arg) {
  (void)arg;
  struct pclnrt_cursor c;
  memset(&seen, 0, sizeof seen);
  pclnrt_cursor_here(&c);
  look(&seen, &c, true);
}

// A user's own, whose frame is as foreign as any other.
static void collect_here(void *arg) {
  const volatile uintptr_t mine = REF(77);
  pclnrt_testing_collect(arg);
  (void)mine;
}

// --- Frames with maps
// ------------------------------------------------------------

// Four words as most holders have them: pointer, dead, scalar, pointer.
static void four_words(holder *h, const char *name, uintptr_t scalar) {
  uintptr_t w[4] = {REF(1), REF(2), scalar, REF(4)};
  h(w, pclnrt_testing_collect, NULL);
  CHECK(seen.status == PCLN_OK);
  CHECK(seen.n_roots == 2);
  CHECK(has_root(&seen, REF(1), PCLN_WORD_POINTER, name));
  CHECK(has_root(&seen, REF(4), PCLN_WORD_POINTER, name));
  CHECK(seen.stats.dead == 0);
  CHECK(w[1] == REF(2));
  // Of foreign frames there are this function, its callers, and no others.
  CHECK(has_frame(&seen, "main"));
  CHECK(has_frame(&seen, "four_words"));
  CHECK(!has_frame(&seen, "libc"));
  CHECK(!has_frame(&seen, "_start"));
  CHECK(!has_frame(&seen, "pclnrt_testing_collect"));
  h(w, collect_poisoning, NULL);
  CHECK(seen.status == PCLN_OK);
  CHECK(seen.stats.dead == 1);
  CHECK(w[0] == REF(1) && w[1] == poison && w[2] == scalar && w[3] == REF(4));
}

static void frames_of_all_shapes(void) {
  four_words(hold, "hold", REF(3));
  // Sizes that only run time knows.
  for (uintptr_t i = 0; i < 64; i += 8)
    four_words(hold_fp, "hold_fp", i);
  four_words(hold_aligned, "hold_aligned", REF(3));
}

static void every_kind(void) {
  static const struct pclnrt_gc_type small = {.size = 8}, large = {.size = 16};
  static const struct gc_itab small_tab = {&small}, large_tab = {&large};
  const uintptr_t roots[18] = {REF(0),  REF(1),
                               REF(2),  REF(3),
                               5,       (uintptr_t)&large_tab,
                               REF(6),  (uintptr_t)&large,
                               REF(8),  REF(9),
                               REF(10), REF(11),
                               REF(12), REF(13),
                               REF(14), 3,
                               4,       REF(17)};
  uintptr_t w[18];
  memcpy(w, roots, sizeof w);
  hold_kinds(w, collect_poisoning, NULL);
  CHECK(seen.status == PCLN_OK);
  CHECK(seen.n_roots == 7);
  CHECK(has_root(&seen, REF(2), PCLN_WORD_POINTER, "hold_kinds"));
  CHECK(has_root(&seen, REF(3), PCLN_WORD_STRING, "hold_kinds"));
  CHECK(has_root(&seen, REF(6), PCLN_WORD_IFACE, "hold_kinds"));
  CHECK(has_root(&seen, REF(8), PCLN_WORD_EFACE, "hold_kinds"));
  CHECK(has_root(&seen, REF(9), PCLN_WORD_POINTER, "hold_kinds"));
  CHECK(has_root(&seen, REF(14), PCLN_WORD_SLICE, "hold_kinds"));
  CHECK(has_root(&seen, REF(17), PCLN_WORD_POINTER, "hold_kinds"));
  for (int i = 0; i < 18; i++)
    CHECK(w[i] == (i == 0 || i == 11 || i == 12 ? poison : roots[i]));
  // None of them holds anything alive: an empty string, two interfaces with
  // values that are no references, a slice without capacity, nulls.
  const uintptr_t none[18] = {REF(0),  REF(1),
                              0,       REF(3),
                              0,       (uintptr_t)&small_tab,
                              REF(6),  (uintptr_t)&small,
                              REF(8),  0,
                              REF(10), REF(11),
                              REF(12), REF(13),
                              REF(14), 0,
                              0,       0};
  memcpy(w, none, sizeof w);
  hold_kinds(w, pclnrt_testing_collect, NULL);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 0);
  // A slice that contradicts itself.
  w[15] = 4;
  w[16] = 3;
  hold_kinds(w, pclnrt_testing_collect, NULL);
  CHECK(seen.status == PCLN_CORRUPT);
  CHECK(!strcmp(seen.fault, "roots-slice") && !strcmp(seen.func, "hold_kinds"));
  CHECK(strstr(seen.text, "frames.S:"));
}

static void rows_by_call(void) {
  uintptr_t w[2] = {REF(1), REF(2)};
  hold_in_turn(w, pclnrt_testing_collect, NULL); // the second call's is kept
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  CHECK(has_root(&seen, REF(2), PCLN_WORD_POINTER, "hold_in_turn"));
}

static void arguments_on_the_stack(void) {
  uintptr_t w[2] = {REF(1), REF(2)};
  hold_args(w, pclnrt_testing_collect, NULL);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  // The entries say: the second word is the pointer, the first a scalar.
  CHECK(has_root(&seen, REF(1), PCLN_WORD_POINTER, "take_args") ||
        has_root(&seen, REF(2), PCLN_WORD_POINTER, "take_args"));
}

static void take_seven(void *arg) { collect_here(arg); }

static void what_foreign_code_is_passed(void) {
  uintptr_t w[2] = {~REF(88), REF(2)};
  pass(w, take_seven, NULL);
  CHECK(seen.status == PCLN_OK);
  CHECK(has_word(&seen, REF(88), "take_seven"));
  CHECK(!has_word(&seen, REF(2), "take_seven"));
  CHECK(has_root(&seen, REF(2), PCLN_WORD_POINTER, "pass"));
  CHECK(seen.n_roots == 1);
}

// --- Moving
// -----------------------------------------------------------------------

enum { MOVED = 0x500 };
static size_t n_moved;
static void move_root(void *ctx, const struct pclnrt_root *r) {
  (void)ctx;
  n_moved++;
  if (r->base)
    *r->slot = *r->base + MOVED + (*r->slot - *r->base);
  else
    *r->slot += MOVED;
}
static void ignore_words(void *ctx, uintptr_t *lo, uintptr_t *hi,
                         const struct pclnrt_root_frame *f) {
  (void)ctx, (void)lo, (void)hi, (void)f;
}

void pclnrt_testing_move(void *arg);
void pclnrt_testing_move(void *arg) {
  static const struct pclnrt_root_visitor v = {.root = move_root,
                                               .words = ignore_words};
  struct pclnrt_root_stats stats = {0};
  struct pclnrt_cursor c;
  pclnrt_cursor_here(&c);
  CHECK(pclnrt_roots_stack(&c, &v, &stats, arg) == PCLN_OK);
}

static void pairs(void) {
  uintptr_t w[3] = {REF(1), REF(1) + 24, REF(3)};
  hold_pair(w, pclnrt_testing_collect, NULL);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 3);
  CHECK(seen.roots[0].value == REF(1) + 24);
  CHECK(seen.roots[0].base && *seen.roots[0].base == REF(1));
  CHECK(!seen.roots[1].base && !seen.roots[2].base);
  n_moved = 0;
  hold_pair(w, pclnrt_testing_move, NULL);
  CHECK(n_moved == 3);
  CHECK(w[0] == REF(1) + MOVED && w[1] == REF(1) + MOVED + 24 &&
        w[2] == REF(3) + MOVED);
}

// The second time the row of pairs is remembered.
static void pairs_in_turn(void) {
  for (int i = 0; i < 3; i++) {
    uintptr_t w[3] = {REF(1), REF(2), REF(3)};
    hold_pairs_in_turn(w, pclnrt_testing_collect, NULL);
    CHECK(seen.status == PCLN_OK && seen.n_roots == 3);
    CHECK(seen.roots[0].value == REF(2));
    CHECK(seen.roots[0].base && *seen.roots[0].base == REF(3));
  }
}

// --- Foreign frames, and the runtime's
// ------------------------------------------

static void a_users_own_collector(void) {
  uintptr_t w[4] = {REF(1)};
  hold(w, collect_here, NULL);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  CHECK(has_word(&seen, REF(77), "collect_here"));
}

static int compare(const void *a, const void *b) {
  (void)a, (void)b;
  pclnrt_testing_collect(NULL);
  return 0;
}
static void sort(void *arg) {
  int two[2] = {1, 2};
  (void)arg;
  qsort(two, 2, sizeof *two, compare);
  two[0]++;
}

static void libc_between_two_of_ours(void) {
  uintptr_t w[4] = {REF(1)};
  hold(w, sort, NULL);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  CHECK(has_frame(&seen, "compare") && has_frame(&seen, "sort"));
  CHECK(has_frame(&seen, "libc") || has_frame(&seen, "qsort") ||
        has_frame(&seen, "__GI___qsort_r") || has_frame(&seen, "qsort_r"));
}

// Helpers of the runtime need no name, and may call libc.
static void helper(void *arg) { collect_here(arg); }
void pclnrt_testing_outer(void *arg);
void pclnrt_testing_outer(void *arg) {
  sort(arg);
  helper(arg);
}

static void what_the_runtime_calls(void) {
  uintptr_t w[4] = {REF(1)};
  hold(w, pclnrt_testing_outer, NULL);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  CHECK(!has_frame(&seen, "helper") && !has_frame(&seen, "collect_here"));
  CHECK(has_frame(&seen, "main"));
}

static void foreign_finalizer(void *a, void *b) {
  const volatile uintptr_t mine = REF(5);
  (void)a;
  pclnrt_testing_collect(b);
  (void)mine;
}
static void mapped_finalizer(void *a, void *b) {
  uintptr_t w[4] = {REF(6)};
  (void)a, (void)b;
  hold(w, pclnrt_testing_collect, NULL);
}
void pclnrt_testing_finalize(void *arg);
void pclnrt_testing_finalize(void *arg) {
  const volatile uintptr_t stale = REF(9);
  pclnrt_gc_call_out((void (*)(void *, void *))arg, NULL, NULL);
  (void)stale;
}

static void what_the_runtime_calls_out(void) {
  uintptr_t w[4] = {REF(1)};
  hold(w, pclnrt_testing_finalize, (void *)foreign_finalizer);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  CHECK(has_word(&seen, REF(5), "foreign_finalizer"));
  CHECK(!has_frame(&seen, "pclnrt_testing_finalize"));
  CHECK(!has_word(&seen, REF(9), NULL));
  hold(w, pclnrt_testing_finalize, (void *)mapped_finalizer);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 2);
  CHECK(has_frame(&seen, "mapped_finalizer"));
  CHECK(!has_word(&seen, REF(9), NULL));
}

static const struct {
  keeper *keep;
  const char *name;
} keepers[] = {
    {keep_in_rbx, "keep_in_rbx"}, {keep_in_rbp, "keep_in_rbp"},
    {keep_in_r12, "keep_in_r12"}, {keep_in_r13, "keep_in_r13"},
    {keep_in_r14, "keep_in_r14"}, {keep_in_r15, "keep_in_r15"},
};
enum { N_KEEPERS = sizeof keepers / sizeof *keepers };

static void call_save_registers(void *arg) {
  uintptr_t w[1] = {0};
  save_registers(w, pclnrt_testing_collect, arg);
}

// In memory, and inverted: else the compiler would keep the word at hand, in a
// register of ours that the keeper saves.
static volatile uintptr_t inverted = ~REF(8);

static bool keeps(keeper *keep, call *fn, const char *by) {
  const uintptr_t back = keep(inverted, fn, NULL);
  return back == ~inverted && seen.status == PCLN_OK &&
         has_word(&seen, ~inverted, by);
}

// What foreign code has in a register is in a callee's frame, which may be one
// of ours, foreign or the runtime's.
static void registers_of_foreign_code(void) {
  for (int i = 0; i < N_KEEPERS; i++) {
    // Whose it is, is not known.
    CHECK(keeps(keepers[i].keep, call_save_registers, NULL));
    CHECK(keeps(keepers[i].keep, pclnrt_testing_collect, keepers[i].name));
  }
}

static void registers_that_nobody_saved(void) {
  CHECK(keeps(keep_in_rbx, pclnrt_testing_registers, "keep_in_rbx"));
}

// --- Other stacks and threads
// ------------------------------------------------------

static void another_stack(void) {
  static _Alignas(64) char stack[1 << 16];
  uintptr_t w[4] = {REF(1), 0, 0, REF(4)};
  on_stack(w, pclnrt_testing_collect, NULL, stack + sizeof stack);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 2);
  CHECK(has_root(&seen, REF(1), PCLN_WORD_POINTER, "coroutine"));
  CHECK(has_root(&seen, REF(4), PCLN_WORD_POINTER, "coroutine"));
  CHECK(!has_frame(&seen, "main"));
}

static void *in_thread(void *arg) {
  uintptr_t w[4] = {REF(1)};
  hold(w, pclnrt_testing_collect, NULL);
  return arg;
}

static void a_thread(void) {
  pthread_t t;
  CHECK(pthread_create(&t, NULL, in_thread, NULL) == 0);
  pthread_join(t, NULL);
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  CHECK(has_frame(&seen, "in_thread"));
  CHECK(!has_frame(&seen, "libc") && !has_frame(&seen, "start_thread"));
}

static struct {
  pthread_barrier_t stopped, go;
  struct pclnrt_cursor at;
} parked;

void pclnrt_testing_park(void *arg);
void pclnrt_testing_park(void *arg) {
  (void)arg;
  __builtin_unwind_init();
  pclnrt_cursor_here(&parked.at);
  pthread_barrier_wait(&parked.stopped);
  pthread_barrier_wait(&parked.go);
}

static void *park(void *arg) {
  uintptr_t w[4] = {REF(1), 0, 0, REF(4)};
  hold(w, pclnrt_testing_park, arg);
  return (void *)w[0];
}

static void another_thread(void) {
  pthread_t t;
  void *result;
  memset(&seen, 0, sizeof seen);
  pthread_barrier_init(&parked.stopped, NULL, 2);
  pthread_barrier_init(&parked.go, NULL, 2);
  CHECK(pthread_create(&t, NULL, park, NULL) == 0);
  pthread_barrier_wait(&parked.stopped);
  struct pclnrt_cursor c = parked.at;
  look(&seen, &c, false);
  pthread_barrier_wait(&parked.go);
  pthread_join(t, &result);
  CHECK(result == (void *)REF(1));
  CHECK(seen.status == PCLN_OK && seen.n_roots == 2);
  CHECK(has_frame(&seen, "park"));
  CHECK(!has_frame(&seen, "libc") && !has_frame(&seen, "start_thread"));
}

// --- What is refused
// ----------------------------------------------------------------

static void a_call_that_must_not_collect(void) {
  uintptr_t w[1] = {0};
  hold_leaf(w, pclnrt_testing_collect, NULL);
  CHECK(seen.status == PCLN_NOT_FOUND);
  CHECK(!strcmp(seen.fault, "roots-no-safepoint"));
  CHECK(!strcmp(seen.func, "hold_leaf"));
  CHECK(strstr(seen.text, "frames.S:"));
}

static void a_stack_that_cannot_be_walked(void) {
  no_cfi(pclnrt_testing_collect, NULL);
  CHECK(seen.status == PCLN_NOT_FOUND);
  CHECK(!strcmp(seen.fault, "roots-walk"));
}

// --- Signals
// ------------------------------------------------------------------------

static void on_signal(int sig, siginfo_t *info, void *context) {
  (void)info;
  memset(&seen, 0, sizeof seen);
  struct pclnrt_cursor c;
  pclnrt_cursor_here(&c);
  look(&seen, &c, false);
  ucontext_t *uc = context;
  if (sig == SIGILL)
    uc->uc_mcontext.gregs[REG_RIP] += 2; // behind ud2
}

static void handle(int sig) {
  struct sigaction sa = {.sa_flags = SA_SIGINFO};
  sa.sa_sigaction = on_signal;
  CHECK(sigaction(sig, &sa, NULL) == 0);
}

__attribute__((noinline)) static void raise_it(void *arg) {
  // In a register that no callee would save, and nowhere else.
  uintptr_t kept = (uintptr_t)arg;
  __asm__ volatile("movq %0, %%r10\n notq %%r10\n ud2" : : "r"(kept) : "r10");
}

static void interrupted_frames(void) {
  uintptr_t w[4] = {REF(1)};
  handle(SIGILL);
  hold(w, raise_it, (void *)~REF(13));
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  CHECK(has_word(&seen, REF(13), "raise_it"));
  trap();
  CHECK(seen.status == PCLN_NOT_FOUND);
  CHECK(!strcmp(seen.fault, "roots-interrupted"));
  CHECK(!strcmp(seen.func, "trap"));
}

int main(void) {
  frames_of_all_shapes();
  every_kind();
  rows_by_call();
  arguments_on_the_stack();
  what_foreign_code_is_passed();
  pairs();
  pairs_in_turn();
  a_users_own_collector();
  libc_between_two_of_ours();
  what_the_runtime_calls();
  what_the_runtime_calls_out();
  registers_of_foreign_code();
  registers_that_nobody_saved();
  another_stack();
  a_thread();
  another_thread();
  a_call_that_must_not_collect();
  a_stack_that_cannot_be_walked();
  interrupted_frames();
  return failures != 0;
}
