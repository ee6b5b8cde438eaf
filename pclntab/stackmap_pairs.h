// SPDX-License-Identifier: Apache-2.0
//
// Derived pointers: which live words point into an object that another word is
// the base of. A collector that moves objects keeps the difference: it notes
// derived - base before it changes any word of the frame, and afterwards sets
// derived = base + difference. One that does not move them has no need of this.
//
// Nothing here allocates, locks or prints; any thread, any signal handler.
// Untrusted bytes: each call checks what it reads.
#ifndef PCLNTAB_STACKMAP_PAIRS_H
#define PCLNTAB_STACKMAP_PAIRS_H

#include "stackmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// A word of the rows at a safepoint.
struct pcln_map_word {
  enum pcln_map_part part;
  uint32_t index; // of pcln_stackmap's row of that part
};
struct pcln_derived {
  struct pcln_map_word base, derived;
};

struct pcln_derived_iter {
  const uint8_t *pos, *end; // private, all but `status`
  uint32_t n_locals, n_args;
  uint32_t left; // pairs
  enum pcln_status status;
};

// The pairs of the safepoint whose maps are `map`, from pcln_stackmap_at().
// PCLN_NOT_FOUND: it has none, so each pointer stands alone. PCLN_CORRUPT: they
// cannot be read.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_derived_begin(const struct pcln_table *t, const struct pcln_func *f,
                   const struct pcln_stackmap *map,
                   struct pcln_derived_iter *it);
// True: *out is the next pair. False: the end, or it->status says what is
// wrong.
PCLN_API bool pcln_derived_next(struct pcln_derived_iter *it,
                                struct pcln_derived *out);

// Checks all pairs of a function: each word is a live pointer of its row. *len
// is the work that this was, for pcln_verify()'s budget. PCLN_NOT_FOUND: it has
// none.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_derived_check(const struct pcln_table *t, const struct pcln_func *f,
                   size_t *len);

#ifdef __cplusplus
}
#endif
#endif
