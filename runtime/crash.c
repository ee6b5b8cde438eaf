// SPDX-License-Identifier: Apache-2.0
//
// The crash handler: signal, traceback and registers of the thread that got a
// fatal signal, in Go's layout; then the signal takes its course.
//
// The handler runs on an alternate stack, so that a stack overflow can be
// reported. After the report it puts back the action that was there before
// installation and queues the same siginfo again for its own thread. The signal
// is blocked while the handler runs, so it is delivered when the handler
// returns, at the instruction that was interrupted: the core dump shows the
// program as it crashed, and the exit status is that of the signal. A fault
// inside the handler finds its signal blocked and ends the process at once.
//
// The first thread to crash reports; others that crash meanwhile wait for the
// process to end, for a bounded time.
#include "internal.h"

#include "context_x86_64.h"

#include <signal.h>
#include <stdatomic.h>

enum {
  ALT_STACK = 64 << 10, // bytes; a report needs 9 KiB of it, the rest is for
                        // handlers of the program that share the stack
  WAIT_MS = 5000,
};

static const struct crash_signal {
  int number;
  bool has_addr;
  const char *text; // as Go prints it
} signals[] = {
    {SIGSEGV, true, "SIGSEGV: segmentation violation"},
    {SIGABRT, false, "SIGABRT: abort"},
    {SIGBUS, true, "SIGBUS: bus error"},
    {SIGFPE, true, "SIGFPE: floating-point exception"},
    {SIGILL, true, "SIGILL: illegal instruction"},
    {SIGQUIT, false, "SIGQUIT: quit"},
};
enum { N_SIGNALS = sizeof signals / sizeof *signals };

static struct sigaction before[N_SIGNALS];
static _Atomic int report_fd = -1;
static _Atomic int reporter;  // thread id of the first to crash
static atomic_bool installed; // only the installing thread writes
static _Thread_local void *alt_stack __attribute__((tls_model("initial-exec")));

// --- The report --------------------------------------------------------------

static void out_head(struct pclnrt_out *o, const struct crash_signal *s,
                     const siginfo_t *info, const void *ucontext) {
  pclnrt_out_str(o, s->text);
  pclnrt_out_str(o, "\nPC=");
  pclnrt_out_hex(o, pclnrt_uc_pc(ucontext));
  pclnrt_out_str(o, " sigcode=");
  pclnrt_out_dec(o, info->si_code);
  if (s->has_addr && info->si_code > 0) {
    pclnrt_out_str(o, " addr=");
    pclnrt_out_hex(o, (uint64_t)info->si_addr);
  }
  pclnrt_out_str(o, "\n\n");
}

static void out_registers(struct pclnrt_out *o, const void *ucontext) {
  static const struct pclnrt_reg_name names[] = PCLNRT_REG_NAMES;
  pclnrt_out_str(o, "\n");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    pclnrt_out_str(o, names[i].name);
    pclnrt_out_hex(o, pclnrt_uc_reg(ucontext, names[i].greg));
    pclnrt_out_str(o, "\n");
  }
}

static void report(const struct crash_signal *s, const siginfo_t *info,
                   const void *ucontext) {
  char buf[512];
  struct pclnrt_out o = {
      .fd = atomic_load(&report_fd), .buf = buf, .cap = sizeof buf};
  out_head(&o, s, info, ucontext);
  pclnrt_out_flush(&o); // in case the rest cannot be found out
  struct pclnrt_cursor c;
  pclnrt_cursor_ucontext(&c, ucontext);
  pclnrt_traceback_out(&o, &c);
  out_registers(&o, ucontext);
  pclnrt_out_flush(&o);
}

static void on_signal(int number, siginfo_t *info, void *ucontext) {
  const int me = pclnrt_sys_thread_id();
  int first = 0;
  size_t i = 0;
  while (i < N_SIGNALS && signals[i].number != number)
    i++;
  if (i == N_SIGNALS)
    return;
  if (atomic_compare_exchange_strong(&reporter, &first, me))
    report(&signals[i], info, ucontext);
  else if (first != me)
    for (unsigned ms = 0; ms < WAIT_MS; ms += 10)
      pclnrt_sys_sleep_ms(10);
  sigaction(number, &before[i], NULL);
  pclnrt_sys_requeue(number, info);
}

// --- Installation ------------------------------------------------------------

enum pcln_status pclnrt_crash_thread_begin(void) {
  stack_t now;
  if (sigaltstack(NULL, &now) != 0)
    return PCLN_IO;
  if (!(now.ss_flags & SS_DISABLE))
    return PCLN_OK;
  void *mem = pclnrt_sys_map(ALT_STACK + PCLNRT_PAGE);
  if (!mem)
    return PCLN_NO_MEMORY;
  const stack_t alt = {.ss_sp = (char *)mem + PCLNRT_PAGE,
                       .ss_size = ALT_STACK};
  if (!pclnrt_sys_guard(mem) || sigaltstack(&alt, NULL) != 0) {
    pclnrt_sys_unmap(mem, ALT_STACK + PCLNRT_PAGE);
    return PCLN_IO;
  }
  alt_stack = mem;
  return PCLN_OK;
}

void pclnrt_crash_thread_end(void) {
  const stack_t none = {.ss_flags = SS_DISABLE};
  if (!alt_stack || sigaltstack(&none, NULL) != 0)
    return;
  pclnrt_sys_unmap(alt_stack, ALT_STACK + PCLNRT_PAGE);
  alt_stack = NULL;
}

static bool install_one(size_t i) {
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
  act.sa_sigaction = on_signal;
  sigfillset(&act.sa_mask);
  if (sigaction(signals[i].number, NULL, &before[i]) != 0)
    return false;
  if (!(before[i].sa_flags & SA_SIGINFO) && before[i].sa_handler == SIG_IGN)
    return true;
  return sigaction(signals[i].number, &act, NULL) == 0;
}

enum pcln_status pclnrt_crash_install(int fd) {
  atomic_store(&report_fd, fd);
  if (atomic_exchange(&installed, true))
    return PCLN_OK;
  enum pcln_status status = pclnrt_crash_thread_begin();
  size_t i = 0;
  while (status == PCLN_OK && i < N_SIGNALS)
    status = install_one(i) ? (i++, PCLN_OK) : PCLN_IO;
  if (status == PCLN_OK)
    return PCLN_OK;
  while (i-- > 0)
    sigaction(signals[i].number, &before[i], NULL);
  atomic_store(&installed, false);
  return status;
}
