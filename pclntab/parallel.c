// SPDX-License-Identifier: Apache-2.0
//
// A counter that workers draw items from: no queue, no lock, and a slow item
// holds up nobody. Threads live for one call; a link has only a few calls.
#include "parallel.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MAX_THREADS = 64 };

struct job {
  atomic_size_t next; // item to draw
  size_t n_items;
  void (*fn)(void *ctx, size_t item, unsigned worker);
  void *ctx;
};

struct worker {
  struct job *job;
  unsigned number;
};

static void *run(void *arg) {
  const struct worker *w = arg;
  struct job *job = w->job;
  for (;;) {
    size_t item =
        atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
    if (item >= job->n_items)
      return NULL;
    job->fn(job->ctx, item, w->number);
  }
}

void pcln_parallel(unsigned threads, size_t n_items,
                   void (*fn)(void *ctx, size_t item, unsigned worker),
                   void *ctx) {
  struct job job = {.n_items = n_items, .fn = fn, .ctx = ctx};
  struct worker workers[MAX_THREADS];
  pthread_t ids[MAX_THREADS];
  if (threads > MAX_THREADS)
    threads = MAX_THREADS;
  if (threads > n_items)
    threads = n_items ? (unsigned)n_items : 1;
  unsigned started = 0; // besides the caller
  for (unsigned i = 1; i < threads; i++) {
    workers[i] = (struct worker){.job = &job, .number = i};
    if (pthread_create(&ids[i], NULL, run, &workers[i]))
      break;
    started++;
  }
  workers[0] = (struct worker){.job = &job, .number = 0};
  run(&workers[0]);
  for (unsigned i = 1; i <= started; i++)
    pthread_join(ids[i], NULL);
}
