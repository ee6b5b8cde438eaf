// SPDX-License-Identifier: Apache-2.0
//
// Reports of the crash handler: what they say, and that the process still ends
// by the signal. Usage: test_crash PROGRAM, built from tests/programs/crash.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *program;
static char report[256 << 10];

// Runs the program; returns its wait status, with its stderr in `report`.
static int run(const char *how) {
  int ends[2], status = 0;
  assert_int_equal(pipe(ends), 0);
  fflush(NULL);
  const pid_t pid = fork();
  assert_true(pid >= 0);
  if (pid == 0) {
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(ends[1], 2);
    close(ends[0]);
    close(ends[1]);
    execl(program, program, how, (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  size_t got = 0;
  ssize_t n;
  while ((n = read(ends[0], report + got, sizeof report - 1 - got)) > 0)
    got += (size_t)n;
  report[got] = 0;
  close(ends[0]);
  assert_int_equal(waitpid(pid, &status, 0), pid);
  return status;
}

// Whether the traceback has these functions (or, where the program has no
// table, as many frames) one behind the other.
static bool has_in_order(const char *const *names) {
  const char *at = report;
  for (; *names; names++) {
    char call[128];
    snprintf(call, sizeof call, "\n%s(...)\n", *names);
    at = strstr(at, call);
    if (!at)
      return false;
    at++;
  }
  return true;
}

static const struct crash_case {
  const char *how;
  int signal;
  const char *head;      // how the report begins
  const char *second;    // part of its second line
  const char *frames[6]; // in this order, innermost first
} cases[] = {
    {"null",
     SIGSEGV,
     "SIGSEGV: segmentation violation\nPC=0x",
     " sigcode=1 addr=0x8\n",
     {"crash_null", "crash", "main"}},
    {"call",
     SIGSEGV,
     "SIGSEGV: segmentation violation\nPC=0x0 ",
     "PC=0x0 sigcode=1 addr=0x0\n",
     {"?\?", "crash_call", "crash", "main"}},
    {"divide",
     SIGFPE,
     "SIGFPE: floating-point exception\nPC=0x",
     " sigcode=1 addr=0x",
     {"crash_divide", "crash", "main"}},
    {"illegal",
     SIGILL,
     "SIGILL: illegal instruction\nPC=0x",
     " sigcode=2 ",
     {"crash_illegal", "crash", "main"}},
    {"bus",
     SIGBUS,
     "SIGBUS: bus error\nPC=0x",
     " sigcode=2 addr=0x",
     {"crash_bus", "crash", "main"}},
    {"overflow",
     SIGSEGV,
     "SIGSEGV: segmentation violation\nPC=0x",
     " sigcode=",
     {"crash_overflow", "crash_overflow", "crash_overflow"}},
    {"thread",
     SIGSEGV,
     "SIGSEGV: segmentation violation\nPC=0x",
     " sigcode=",
     {"crash_overflow", "crash_overflow", "crash_overflow"}},
    {"free",
     SIGSEGV,
     "SIGSEGV: segmentation violation\nPC=0x",
     " sigcode=",
     {"crash_in_free", "crash", "main"}},
    {"handler",
     SIGSEGV,
     "SIGSEGV: segmentation violation\nPC=0x",
     " addr=0x8\n",
     {"crash_null", "on_usr1", "crash_handler", "main"}},
    {"quit", SIGQUIT, "SIGQUIT: quit\nPC=0x", " sigcode=", {"crash", "main"}},
    {"abort",
     SIGABRT,
     "SIGABRT: abort\nPC=0x",
     " sigcode=-6\n",
     {"abort", "crash", "main"}},
};

static void crashes_are_reported_and_stay_crashes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct crash_case *c = &cases[i];
    const int status = run(c->how);
    if (!WIFSIGNALED(status) || WTERMSIG(status) != c->signal ||
        strncmp(report, c->head, strlen(c->head)) != 0 ||
        !strstr(report, c->second) || !has_in_order(c->frames) ||
        !strstr(report, "\n\ngoroutine ") || !strstr(report, "\nrip    0x"))
      fail_msg("%s: wait status 0x%x, report:\n%s", c->how, (unsigned)status,
               report);
  }
}

static void overflows_are_cut_after_a_hundred_frames(void **state) {
  (void)state;
  run("overflow");
  assert_non_null(strstr(report, "...additional frames elided...\n"));
  size_t n = 0;
  for (const char *p = report; (p = strstr(p, "(...)\n")); p++)
    n++;
  assert_int_equal(n, 100);
}

static void ignored_signals_stay_ignored(void **state) {
  (void)state;
  assert_int_equal(run("ignored"), 0);
  assert_string_equal(report, "");
}

static void earlier_handlers_get_the_signal_next(void **state) {
  (void)state;
  const int status = run("chained");
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 5);
  assert_non_null(strstr(report, "\ncrash_null(...)\n"));
  assert_non_null(strstr(report, "earlier handler\n"));
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  program = argv[1];
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crashes_are_reported_and_stay_crashes),
      cmocka_unit_test(overflows_are_cut_after_a_hundred_frames),
      cmocka_unit_test(ignored_signals_stay_ignored),
      cmocka_unit_test(earlier_handlers_get_the_signal_next),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
