// SPDX-License-Identifier: Apache-2.0
//
// The variables in static storage that hold references, as a table of ours
// lists them: what a collector visits beside the frames, and what a dump
// prints. format.h, "Roots", has the layout.
//
// Nothing here allocates, locks or prints; any thread, any signal handler.
// Untrusted bytes: each step checks what it reads.
#ifndef PCLNTAB_ROOTS_TABLE_H
#define PCLNTAB_ROOTS_TABLE_H

#include "stackmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// A variable: `repeat` times `n_words` words of pointer size, one behind the
// other, each repetition with the same entries.
struct pcln_root {
  uint64_t va;  // of its first byte, in the address space of the table's
                // text_start; with `tls` bytes from the start of the module's
                // block of thread-local storage
  bool tls;     // every thread has one
  uint32_t idx; // number in the table
  uint32_t n_words, repeat;
  struct pcln_span codes; // two-bit entries of n_words words, lowest first
};

// A walk over them. The caller owns it; only `status` is for reading.
struct pcln_root_iter {
  const struct pcln_table *t;
  uint32_t next, n;
  enum pcln_status status; // PCLN_CORRUPT: the walk ended early
};

// Starts a walk; a table without roots has no steps.
PCLN_API void pcln_roots_begin(const struct pcln_table *t,
                               struct pcln_root_iter *it);
// True: *out is the next variable; those of thread-local storage come last, and
// addresses ascend. False: the end, or it->status is PCLN_CORRUPT: the table
// cannot be read there, which a collector must treat as fatal.
PCLN_API bool pcln_roots_next(struct pcln_root_iter *it, struct pcln_root *out);
// The entries of one repetition as a row, for pcln_words_next().
PCLN_API struct pcln_map_row pcln_root_row(const struct pcln_root *root);

#ifdef __cplusplus
}
#endif
#endif
