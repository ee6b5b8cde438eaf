// SPDX-License-Identifier: Apache-2.0
//
// The least that the heap needs of a collector, for tests of the heap alone:
// roots in an array, one thread that marks, no pacing.
#ifndef SMALL_COLLECTOR_H
#define SMALL_COLLECTOR_H

#include "heap_internal.h"

#include <setjmp.h>

struct small_collector {
  uintptr_t *roots; // words, which may be anything
  size_t n_roots;
  size_t every; // collect at each so manieth pclnrt_collect_enter; 0: never
  uint64_t n_entered; // calls of pclnrt_collect_enter
  uint64_t n_collected, n_exhausted;
  uint64_t marked_bytes, marked_objects; // by the last collection
  bool refuse;                           // pclnrt_collect_enter says no
  // Where pclnrt_gc_fatal goes; null: abort.
  jmp_buf *fatal;
  const char *fault;
  uintptr_t fault_address;
};
extern struct small_collector small_collector;

// Marks from the roots and begins to sweep.
void small_collect(void);
// Forgets every object and finishes the sweep.
void small_collect_all(void);

// Skips a test of writes to freed memory where AddressSanitizer ends it first.
#define SMALL_SKIP_WHERE_ASAN_FINDS_IT()                                       \
  do {                                                                         \
    if (pclnrt_poison_hidden()) {                                              \
      print_message("skipped: AddressSanitizer finds the write itself\n");     \
      skip();                                                                  \
    }                                                                          \
  } while (0)

#endif
