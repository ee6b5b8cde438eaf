// SPDX-License-Identifier: Apache-2.0
//
// Walks in this very process: from here, from signal handlers, across libc, and
// over stacks that were overwritten. Needs no table: without one the program is
// unwound by its .eh_frame.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "internal.h"

enum { MAX = 600 };

static size_t walk(struct pclnrt_cursor *c, struct pclnrt_frame *frames) {
  size_t n = 0;
  while (n < MAX && pclnrt_step(c, &frames[n]))
    n++;
  return n;
}

// A function in a section of its own, whose bounds the linker then names.
#define BOUNDED(name) __attribute__((noinline, noclone, section(#name "_text")))
#define BOUNDS(name)                                                           \
  extern const char __start_##name##_text[], __stop_##name##_text[]
// Whether `pc`, a return address, lies in it.
#define IS_IN(pc, name)                                                        \
  (pc - 1 >= (uint64_t)(uintptr_t)__start_##name##_text &&                     \
   pc - 1 < (uint64_t)(uintptr_t)__stop_##name##_text)
BOUNDS(recurse);
BOUNDS(raise_at);
BOUNDS(call_bad);

// --- From here ---------------------------------------------------------------

static struct pclnrt_frame frames[MAX];
static uint64_t pcs[MAX];
static size_t n_frames, n_pcs;

BOUNDED(recurse) static int recurse(int depth) {
  if (depth == 0) {
    struct pclnrt_cursor c;
    pclnrt_cursor_here(&c);
    n_frames = walk(&c, frames);
    n_pcs = pclnrt_backtrace(pcs, MAX);
    return c.stop;
  }
  volatile int result = recurse(depth - 1);
  return result;
}

static void recursion_is_walked_to_the_outermost_frame(void **state) {
  (void)state;
  size_t n[3];
  const int depths[3] = {0, 10, 200};
  for (int i = 0; i < 3; i++) {
    assert_int_equal(recurse(depths[i]), PCLNRT_OUTERMOST);
    n[i] = n_frames;
    for (int k = 0; k <= depths[i]; k++)
      assert_true(IS_IN(frames[k].pc, recurse));
    assert_false(IS_IN(frames[depths[i] + 1].pc, recurse));
    for (size_t k = 0; k + 1 < n_frames; k++) {
      assert_true(frames[k].cfa > frames[k].sp);
      assert_int_equal(frames[k].cfa, frames[k + 1].sp);
      assert_false(frames[k].exact);
    }
    assert_int_equal(frames[n_frames - 1].cfa, 0);
  }
  assert_int_equal(n[1] - n[0], 10);
  assert_int_equal(n[2] - n[1], 190);
}

static void backtrace_gives_the_pcs_of_the_cursor(void **state) {
  (void)state;
  for (int round = 0; round < 3; round++) {
    pclnrt_test_empty_cache();
    recurse(30);
    assert_int_equal(n_pcs, n_frames);
    // The first differs: two calls in one function.
    for (size_t i = 1; i < n_frames; i++)
      assert_int_equal(pcs[i], frames[i].pc);
  }
  uint64_t few[3];
  assert_int_equal(pclnrt_backtrace(few, 3), 3);
  assert_int_equal(pclnrt_backtrace(few, 0), 0);
}

static int compare_and_walk(const void *a, const void *b) {
  struct pclnrt_cursor c;
  pclnrt_cursor_here(&c);
  n_frames = walk(&c, frames);
  assert_int_equal(c.stop, PCLNRT_OUTERMOST);
  return *(const int *)a - *(const int *)b;
}

static bool symbol_is(uint64_t pc, bool exact, const char *name) {
  struct pclnrt_symbols symbols;
  struct pclnrt_symbol s;
  pclnrt_symbolize(&symbols, pc, exact);
  while (pclnrt_symbols_next(&symbols, &s))
    if (s.func && strcmp(s.func, name) == 0)
      return true;
  return false;
}

static bool walk_has(const char *name) {
  for (size_t i = 0; i < n_frames; i++)
    if (symbol_is(frames[i].pc, frames[i].exact, name))
      return true;
  return false;
}

static void callbacks_are_walked_through_libc(void **state) {
  (void)state;
  int v[] = {3, 1, 2};
  qsort(v, 3, sizeof *v, compare_and_walk);
  assert_true(walk_has("qsort") || walk_has("qsort_r"));
  assert_true(walk_has("__libc_start_main"));
}

static void *walk_in_thread(void *arg) {
  (void)arg;
  recurse(5);
  return (void *)(uintptr_t)n_frames;
}

static void threads_are_walked_to_their_start(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    pthread_t t;
    void *n;
    assert_int_equal(pthread_create(&t, NULL, walk_in_thread, NULL), 0);
    pthread_join(t, &n);
    assert_true((uintptr_t)n >= 8); // 6 of recurse, the start, libc's two
    assert_int_equal(n_pcs, (uintptr_t)n);
  }
}

// --- From a signal -----------------------------------------------------------

static bool from_ucontext;
static uint8_t stop;

static void on_signal(int sig, siginfo_t *info, void *ucontext) {
  (void)sig, (void)info;
  struct pclnrt_cursor c;
  if (from_ucontext)
    pclnrt_cursor_ucontext(&c, ucontext);
  else
    pclnrt_cursor_here(&c);
  n_frames = walk(&c, frames);
  n_pcs = from_ucontext ? pclnrt_backtrace_ucontext(pcs, MAX, ucontext)
                        : pclnrt_backtrace(pcs, MAX);
  stop = c.stop;
}

static void handle(int sig, int flags) {
  struct sigaction act = {.sa_flags = SA_SIGINFO | flags};
  act.sa_sigaction = on_signal;
  sigaction(sig, &act, NULL);
}

BOUNDED(raise_at) static void raise_at(int depth) {
  if (depth == 0)
    raise(SIGUSR1);
  else
    raise_at(depth - 1);
  __asm__ volatile("");
}

static void check_signal_walk(void) {
  assert_int_equal(stop, PCLNRT_OUTERMOST);
  size_t n_raise = 0, n_exact = 0;
  for (size_t i = 0; i < n_frames; i++) {
    n_raise += IS_IN(frames[i].pc, raise_at);
    n_exact += frames[i].exact;
    if (i > 0 && frames[i].exact)
      assert_true(frames[i - 1].signal);
    // A backtrace has all pcs as return addresses.
    if (i > 0)
      assert_int_equal(pcs[i], frames[i].pc + frames[i].exact);
  }
  assert_int_equal(n_raise, 4);
  assert_int_equal(n_exact, 1);
  assert_int_equal(n_frames, n_pcs);
}

static void signal_frames_are_crossed(void **state) {
  (void)state;
  handle(SIGUSR1, 0);
  for (int i = 0; i < 2; i++) {
    from_ucontext = i;
    raise_at(3);
    check_signal_walk();
    assert_int_equal(frames[0].exact, from_ucontext);
  }
}

static void walks_leave_an_alternate_stack(void **state) {
  (void)state;
  const stack_t alt = {.ss_sp = malloc(64 << 10), .ss_size = 64 << 10};
  const stack_t none = {.ss_flags = SS_DISABLE};
  sigaltstack(&alt, NULL);
  handle(SIGUSR1, SA_ONSTACK);
  from_ucontext = false;
  raise_at(3);
  check_signal_walk();
  assert_true(frames[0].sp - (uint64_t)(uintptr_t)alt.ss_sp < alt.ss_size);
  sigaltstack(&none, NULL);
  free(alt.ss_sp);
}

static sigjmp_buf back;

static void on_fault(int sig, siginfo_t *info, void *ucontext) {
  on_signal(sig, info, ucontext);
  siglongjmp(back, 1);
}

static void (*volatile bad_pointer)(void);
BOUNDED(call_bad) static void call_bad_pointer(void) {
  bad_pointer();
  __asm__ volatile("");
}

static void calls_through_bad_pointers_show_the_caller(void **state) {
  (void)state;
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_NODEFER};
  struct sigaction segv, bus;
  act.sa_sigaction = on_fault;
  sigaction(SIGSEGV, &act, &segv);
  sigaction(SIGBUS, &act, &bus);
  static int data;
  void *const targets[] = {NULL, (void *)8, &data};
  from_ucontext = true;
  for (volatile size_t i = 0; i < 3; i++) {
    *(void **)&bad_pointer = targets[i];
    if (sigsetjmp(back, 1) == 0)
      call_bad_pointer();
    assert_int_equal(stop, PCLNRT_OUTERMOST);
    assert_int_equal(frames[0].pc, (uintptr_t)targets[i]);
    assert_true(frames[0].exact);
    assert_true(IS_IN(frames[1].pc, call_bad));
    assert_false(frames[1].exact);
  }
  sigaction(SIGSEGV, &segv, NULL);
  sigaction(SIGBUS, &bus, NULL);
}

// --- Stacks that lie ---------------------------------------------------------

// Overwrites its own return address and saved frame pointer, walks, and puts
// them back.
__attribute__((noinline, optimize("no-omit-frame-pointer"))) static uint8_t
walk_overwritten(uint64_t ra, uint64_t fp) {
  volatile uint64_t *frame = (volatile uint64_t *)__builtin_frame_address(0);
  const uint64_t old_fp = frame[0], old_ra = frame[1];
  frame[0] = fp;
  frame[1] = ra;
  struct pclnrt_cursor c;
  pclnrt_cursor_here(&c);
  n_frames = walk(&c, frames);
  n_pcs = pclnrt_backtrace(pcs, MAX);
  frame[0] = old_fp;
  frame[1] = old_ra;
  return c.stop;
}

static void overwritten_return_addresses_end_the_walk(void **state) {
  (void)state;
  static int data;
  const uint64_t bad[] = {1, 0x4141414141414141, UINT64_MAX,
                          (uint64_t)(uintptr_t)&data, UINT64_C(1) << 63};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_int_equal(walk_overwritten(bad[i], bad[i]), PCLNRT_NO_INFO);
    assert_int_equal(n_frames, 2);
    assert_int_equal(n_pcs, 2);
    assert_int_equal(frames[1].pc, bad[i]);
  }
  assert_int_equal(walk_overwritten(0, 0), PCLNRT_OUTERMOST);
  assert_int_equal(n_frames, 1);
}

// A function with a frame pointer, to be walked with made-up registers.
__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void
with_frame_pointer(volatile uint64_t *at) {
  *at = (uint64_t)(uintptr_t)__builtin_return_address(0);
  recurse(0);
  *at = pcs[0];
  recurse(0);
  __asm__ volatile("" ::: "memory");
}

// A return address inside with_frame_pointer, behind its prologue.
static uint64_t pc_with_fp(void) {
  uint64_t unused;
  with_frame_pointer(&unused);
  return pcs[1];
}

static uint8_t walk_regs(uint64_t pc, uint64_t sp, uint64_t fp) {
  struct pclnrt_cursor c;
  pclnrt_cursor_regs(&c, pc, sp, fp);
  n_frames = walk(&c, frames);
  return c.stop;
}

static void reasons_tell_what_is_wrong(void **state) {
  (void)state;
  const uint64_t pc = pc_with_fp();
  uint64_t stack[64] = {0};
  const uint64_t sp = (uint64_t)(uintptr_t)stack;
  assert_int_equal(walk_regs(pc, sp, 0x1000), PCLNRT_CFA_ORDER);
  assert_int_equal(walk_regs(pc, sp, sp - 64), PCLNRT_CFA_ORDER);
  assert_int_equal(walk_regs(pc, sp, sp + (UINT64_C(1) << 30)),
                   PCLNRT_STACK_UNREADABLE);
  assert_int_equal(walk_regs(pc, sp, UINT64_MAX - 16), PCLNRT_STACK_UNREADABLE);
  assert_int_equal(walk_regs(1, sp, sp), PCLNRT_NO_INFO);
  assert_int_equal(walk_regs(pc, sp, sp + 64), PCLNRT_OUTERMOST);
  // A frame pointer that leads round in a circle: up, then down again.
  stack[8] = sp; // saved FP of the frame at stack + 8
  stack[9] = pc;
  assert_int_equal(walk_regs(pc, sp, sp + 64), PCLNRT_CFA_ORDER);
  assert_int_equal(n_frames, 2);
}

static void a_named_stack_is_not_left(void **state) {
  (void)state;
  const uint64_t pc = pc_with_fp();
  uint64_t stack[64] = {0};
  const uint64_t sp = (uint64_t)(uintptr_t)stack;
  stack[8] = sp + 256;
  stack[9] = pc;
  struct pclnrt_cursor c;
  pclnrt_cursor_regs(&c, pc, sp, sp + 64);
  pclnrt_cursor_stack(&c, sp, sp + 128);
  assert_int_equal(walk(&c, frames), 2);
  assert_int_equal(c.stop, PCLNRT_STACK_UNREADABLE);
}

static uint64_t random_state = 1;
static uint64_t next_random(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state;
}

// A word as a broken stack may hold: code, stack, other memory, rubbish.
static uint64_t random_word(const uint8_t *stack, size_t len) {
  const struct pclnrt_module *libc =
      pclnrt_module_find((uint64_t)(uintptr_t)&qsort);
  switch (next_random() % 12) {
  case 0:
    return next_random();
  case 1:
    return 0;
  case 2:
  case 3:
    return (uint64_t)(uintptr_t)stack + next_random() % (len + 64);
  case 4:
    return (uint64_t)(uintptr_t)recurse + next_random() % 4096;
  case 5:
    return (uint64_t)(uintptr_t)&frames + next_random() % sizeof frames;
  default:
    return libc->image.text_lo +
           next_random() % (libc->image.text_hi - libc->image.text_lo);
  }
}

static void random_stacks_never_fault(void **state) {
  (void)state;
  enum { LEN = 3 * 4096 }; // with an unreadable page before and behind
  uint8_t *map = (uint8_t *)mmap(NULL, LEN + 2 * 4096, PROT_NONE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_ptr_not_equal(map, MAP_FAILED);
  uint8_t *stack = map + 4096;
  mprotect(stack, LEN, PROT_READ | PROT_WRITE);
  unsigned stops[16] = {0};
  size_t most = 0;
  for (int round = 0; round < 40000; round++) {
    if (round % 16 == 0)
      for (size_t i = 0; i < LEN; i += 8) {
        const uint64_t w = random_word(stack, LEN);
        memcpy(stack + i, &w, 8);
      }
    uint64_t sp = (uint64_t)(uintptr_t)stack + next_random() % (LEN + 16);
    if (round % 4)
      sp &= ~(uint64_t)7;
    stops[walk_regs(random_word(stack, LEN), sp, random_word(stack, LEN))]++;
    most = n_frames > most ? n_frames : most;
  }
  assert_true(most > 6); // else the test does not test
  assert_true(stops[PCLNRT_NO_INFO] && stops[PCLNRT_CFA_ORDER] &&
              stops[PCLNRT_STACK_UNREADABLE] && stops[PCLNRT_OUTERMOST]);
  assert_int_equal(stops[PCLNRT_RUNNING], 0);
  munmap(map, LEN + 2 * 4096);
}

static void stops_have_texts(void **state) {
  (void)state;
  for (int i = PCLNRT_RUNNING; i <= PCLNRT_SIGNAL_LIMIT; i++)
    assert_string_not_equal(pclnrt_stop_text((enum pclnrt_stop)i),
                            "unknown reason");
  assert_string_equal(pclnrt_stop_text((enum pclnrt_stop)99), "unknown reason");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recursion_is_walked_to_the_outermost_frame),
      cmocka_unit_test(backtrace_gives_the_pcs_of_the_cursor),
      cmocka_unit_test(callbacks_are_walked_through_libc),
      cmocka_unit_test(threads_are_walked_to_their_start),
      cmocka_unit_test(signal_frames_are_crossed),
      cmocka_unit_test(walks_leave_an_alternate_stack),
      cmocka_unit_test(calls_through_bad_pointers_show_the_caller),
      cmocka_unit_test(overwritten_return_addresses_end_the_walk),
      cmocka_unit_test(reasons_tell_what_is_wrong),
      cmocka_unit_test(a_named_stack_is_not_left),
      cmocka_unit_test(random_stacks_never_fault),
      cmocka_unit_test(stops_have_texts),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
