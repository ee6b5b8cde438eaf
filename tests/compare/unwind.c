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
#include "unwind_peer.h"

#include <math.h>
#include <regex.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: unwind timer|step N\n");
    return 2;
  }
  const unsigned long n = strtoul(argv[2], NULL, 10);
  if (strcmp(argv[1], "step") == 0)
    peer_start_steps(n);
  else
    peer_start_timer(n);
  for (size_t i = 0; !peer_done; i++)
    work(i);
  return peer_report(stdout);
}
