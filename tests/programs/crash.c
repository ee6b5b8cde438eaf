// SPDX-License-Identifier: Apache-2.0
//
// Crashes in the way its argument names, with the crash handler installed. The
// test (tests/unit/test_crash.c) reads the report and the exit status.
#include "pclnrt.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static volatile int zero;

__attribute__((noinline)) static void crash_null(void) {
  *(volatile int *)8 = 1;
}

__attribute__((noinline)) static void crash_call(void) {
  void (*volatile f)(void) = NULL;
  f();
  zero++;
}

__attribute__((noinline)) static void crash_divide(void) {
  volatile int number = 7;
  zero = number / zero;
}

__attribute__((noinline)) static void crash_illegal(void) { __builtin_trap(); }

__attribute__((noinline)) static void crash_bus(void) {
  char path[] = "/tmp/pclnrt-bus-XXXXXX";
  const int fd = mkstemp(path); // empty: no page of a mapping exists
  unlink(path);
  volatile char *p =
      (volatile char *)mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
  zero = *p;
}

__attribute__((noinline)) static int crash_overflow(volatile char *outer) {
  volatile char room[4096];
  room[0] = *outer;
  if (zero == 1) // never, which the compiler does not know
    return 0;
  return crash_overflow(room) + room[0];
}

static void *overflow_in_thread(void *arg) {
  (void)arg;
  char c = 0;
  if (pclnrt_crash_thread_begin() != PCLN_OK)
    _exit(3);
  return (void *)(intptr_t)crash_overflow(&c);
}

__attribute__((noinline)) static void crash_thread(void) {
  pthread_t t;
  pthread_create(&t, NULL, overflow_in_thread, NULL);
  pthread_join(t, NULL);
}

// Leaves the heap's lock taken when the fault comes: free() reads the chunk's
// header while it holds it, or before.
__attribute__((noinline)) static void crash_in_free(void) {
  void *volatile no_chunk = (void *)(uintptr_t)0x123450;
  free(no_chunk);
  zero++;
}

static void on_usr1(int sig) {
  (void)sig;
  crash_null(); // a fault inside a handler: two signal frames
}

__attribute__((noinline)) static void crash_handler(void) {
  signal(SIGUSR1, on_usr1);
  raise(SIGUSR1);
  zero++;
}

static void quiet_handler(int sig) {
  (void)sig;
  static const char said[] = "earlier handler\n";
  if (write(2, said, sizeof said - 1) < 0)
    _exit(4);
  _exit(5);
}

__attribute__((noinline)) static int crash(const char *how) {
  char c = 0;
  if (strcmp(how, "null") == 0 || strcmp(how, "chained") == 0)
    crash_null();
  else if (strcmp(how, "call") == 0)
    crash_call();
  else if (strcmp(how, "divide") == 0)
    crash_divide();
  else if (strcmp(how, "illegal") == 0)
    crash_illegal();
  else if (strcmp(how, "bus") == 0)
    crash_bus();
  else if (strcmp(how, "overflow") == 0)
    return crash_overflow(&c);
  else if (strcmp(how, "thread") == 0)
    crash_thread();
  else if (strcmp(how, "free") == 0)
    crash_in_free();
  else if (strcmp(how, "handler") == 0)
    crash_handler();
  else if (strcmp(how, "quit") == 0 || strcmp(how, "ignored") == 0)
    raise(SIGQUIT);
  else
    abort();
  return zero;
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  if (strcmp(argv[1], "ignored") == 0)
    signal(SIGQUIT, SIG_IGN);
  if (strcmp(argv[1], "chained") == 0)
    signal(SIGSEGV, quiet_handler);
  if (pclnrt_crash_install(2) != PCLN_OK || pclnrt_crash_install(2) != PCLN_OK)
    return 3;
  crash(argv[1]);
  return 0;
}
