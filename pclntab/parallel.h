// SPDX-License-Identifier: Apache-2.0
//
// Work items over a few threads.
#ifndef PCLNTAB_PARALLEL_H
#define PCLNTAB_PARALLEL_H

#include <stddef.h>

// Calls fn(ctx, item, worker) once for each item in [0, n_items), on at most
// `threads` threads, the caller's among them; `worker` < threads. Items start
// in ascending order. Returns when all are done. A thread that cannot be
// created is done without.
void pcln_parallel(unsigned threads, size_t n_items,
                   void (*fn)(void *ctx, size_t item, unsigned worker),
                   void *ctx);

#endif
