// SPDX-License-Identifier: Apache-2.0
//
// How far a long run is, for who waits at a terminal: nothing for the first two
// seconds, which is more than most runs take, then a line that is written over
// and goes away at the end. Reports go over it as well. Nothing at all if the
// output itself goes to a terminal, where it can be seen to move.
#include "dump.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
  EVERY = 64,      // calls between looks at the clock
  FIRST_MS = 2000, // before anything is shown
  REPEAT_MS = 200,
};

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void dump_progress(struct dump_out *o, uint64_t done, uint64_t total) {
  struct dump_progress *p = &o->progress;
  if (p->calls++ % EVERY != 0 || p->off || total == 0)
    return;
  const uint64_t now = now_ms();
  if (p->next_ms == 0) { // the first call
    p->off = !isatty(STDERR_FILENO) || isatty(o->fd);
    p->next_ms = now + FIRST_MS;
  }
  if (p->off || now < p->next_ms)
    return;
  p->next_ms = now + REPEAT_MS;
  p->shown = true;
  fprintf(stderr, "pclntab-dump: %3u %%\r", (unsigned)(done * 100 / total));
}

void dump_progress_end(struct dump_out *o) {
  if (o->progress.shown)
    fputs("\033[K", stderr);
  o->progress.shown = false;
}
