// SPDX-License-Identifier: Apache-2.0
//
// Runs a command and writes what it took to standard error, last: wall-clock
// and processor nanoseconds, and its peak memory in KB. A program of its own,
// since a process inherits the peak of the one that started it.
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long ns(long long s, long long n) { return s * 1000000000 + n; }

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return ns(t.tv_sec, t.tv_nsec);
}

int main(int argc, char **argv) {
  long long begun = now();
  pid_t child = argc > 1 ? fork() : -1;
  if (child == 0) {
    execv(argv[1], argv + 1);
    _exit(127);
  }
  int status = 1;
  struct rusage used;
  if (child < 0 || wait4(child, &status, 0, &used) < 0)
    return 2;
  long long wall = now() - begun;
  fprintf(stderr, "measure %lld %lld %ld\n", wall,
          ns(used.ru_utime.tv_sec + used.ru_stime.tv_sec,
             (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1000LL),
          used.ru_maxrss);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
