// SPDX-License-Identifier: Apache-2.0
//
// Where the output goes: standard output, or the file of -o.
//
// A reader of that file must never find half of it, also when the disk is full
// or the user gives up. So what is written goes into a temporary file beside
// it, which takes its name when all is there. What is no regular file, as
// /dev/null or a pipe, has no such place, and is written as it is.
#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// For the handler, which has no argument: the one temporary file of the
// process, or null.
static char *volatile unfinished;

static void remove_and_die(int sig) {
  const char *path = unfinished;
  if (path)
    unlink(path);
  signal(sig, SIG_DFL);
  raise(sig);
}

static void guard(char *path) {
  static const int signals[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE};
  unfinished = path;
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
    struct sigaction old;
    const struct sigaction ours = {.sa_handler = remove_and_die,
                                   .sa_flags = (int)SA_RESETHAND};
    if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
      sigaction(signals[i], &ours, NULL);
  }
}

bool dump_same_file(const char *a, const char *b) {
  struct stat x, y;
  return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 &&
         x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

// Opens a new file beside t->real, with the permissions that it has or that a
// new file gets.
static int open_beside(struct dump_target *t) {
  struct stat st;
  const mode_t mask = umask(0);
  umask(mask);
  const mode_t mode =
      stat(t->real, &st) == 0 ? st.st_mode & 07777 : 0666 & ~mask;
  const size_t len = strlen(t->real) + sizeof ".XXXXXX";
  t->temp = malloc(len);
  if (!t->temp)
    return errno;
  snprintf(t->temp, len, "%s.XXXXXX", t->real);
  t->fd = mkstemp(t->temp);
  if (t->fd < 0)
    return errno;
  guard(t->temp);
  return fchmod(t->fd, mode) < 0 ? errno : 0;
}

int dump_target_open(struct dump_target *t, const char *path) {
  struct stat st;
  *t = (struct dump_target){.fd = STDOUT_FILENO};
  if (!path)
    return 0;
  const bool exists = stat(path, &st) == 0;
  if (exists && !S_ISREG(st.st_mode)) {
    t->fd = open(path, O_WRONLY | O_CLOEXEC);
    return t->fd < 0 ? errno : 0;
  }
  // A link stays one: the file that it leads to is replaced.
  t->real = exists ? realpath(path, NULL) : strdup(path);
  return t->real ? open_beside(t) : errno;
}

int dump_target_close(struct dump_target *t, bool keep) {
  int error = 0;
  if (t->fd >= 0 && t->fd != STDOUT_FILENO && close(t->fd) < 0)
    error = errno;
  if (t->temp && t->fd >= 0) {
    if (keep && error == 0 && rename(t->temp, t->real) < 0)
      error = errno;
    if (!keep || error != 0)
      unlink(t->temp);
  }
  unfinished = NULL;
  free(t->temp);
  free(t->real);
  *t = (struct dump_target){.fd = -1};
  return error;
}
