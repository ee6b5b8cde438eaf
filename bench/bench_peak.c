// SPDX-License-Identifier: Apache-2.0
//
// Runs a program and says what it took: its processor time in seconds, the most
// memory it had, and the most of its own, without files that it maps, in bytes.
// From a process as small as this one, because the kernel counts for a program
// also what its parent had at the fork. Memory of its own is looked at a
// thousand times a second, since the kernel keeps no record of it.
//
//   bench_peak RESULT-FILE PROGRAM [ARGUMENT...]
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds(struct timeval t) {
  return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

// "RssAnon: N kB" of a process; 0: it has ended.
static long own_bytes(pid_t pid) {
  char path[64], line[128];
  long kb = 0;
  snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
  FILE *f = fopen(path, "r");
  while (f && fgets(line, sizeof line, f) &&
         sscanf(line, "RssAnon: %ld", &kb) != 1)
    ;
  if (f)
    fclose(f);
  return 1024 * kb;
}

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  const pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status;
  struct rusage use;
  FILE *result = fopen(argv[1], "w");
  if (pid < 0 || !result)
    return 2;
  long own = 0;
  for (pid_t done; (done = wait4(pid, &status, WNOHANG, &use)) != pid;) {
    if (done < 0)
      return 2;
    const long now = own_bytes(pid);
    own = now > own ? now : own;
    usleep(1000);
  }
  fprintf(result, "%.6f %ld %ld\n",
          seconds(use.ru_utime) + seconds(use.ru_stime), 1024 * use.ru_maxrss,
          own);
  if (fclose(result) != 0)
    return 2;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}
