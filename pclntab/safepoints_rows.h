// SPDX-License-Identifier: Apache-2.0
//
// The distinct rows of one function's pointer maps. Private to safepoints.c.
#ifndef PCLNTAB_SAFEPOINTS_ROWS_H
#define PCLNTAB_SAFEPOINTS_ROWS_H

#include "module.h"
#include "pool.h"

// What a row says of a word: the entry's code in the low two bits, and above it
// which word of an item of several words it is, so that equal values mean equal
// things. 0: nothing was said.
enum {
  PCLN_CELL_CODE = 3,
  PCLN_CELL_ITEM = 4, // 1 + kind * 3 + word of the item, times this
  PCLN_CELL_SAID = 0x80,
};

// Words of a row: those of the locals, then those of the arguments.
struct pcln_row_pair {
  uint32_t base, derived;
};

struct pcln_row_set {
  uint32_t n_locals, n_args; // words
  struct pcln_pool keys;     // locals' bits, arguments' bits, pairs
  uint32_t *offs;            // of each row's key
  size_t n, cap;
  uint8_t *key; // the row being added
  size_t key_cap;
};

PCLN_MUST_CHECK enum pcln_status
pcln_row_set_init(struct pcln_row_set *s, uint32_t n_locals, uint32_t n_args);
void pcln_row_set_free(struct pcln_row_set *s);

// The number of the row that says `cells` (n_locals + n_args of them) and has
// `pairs`, added if new. PCLN_LIMIT: more rows than a map can hold.
PCLN_MUST_CHECK enum pcln_status
pcln_row_set_add(struct pcln_row_set *s, const uint8_t *cells,
                 const struct pcln_row_pair *pairs, uint32_t n_pairs,
                 int32_t *row);

// The rows as FUNCDATA, allocated from `arena`: locals' map (always), that of
// the arguments and the pairs (absent where there are none). `swap`: the target
// has the other byte order.
PCLN_MUST_CHECK enum pcln_status
pcln_row_set_emit(const struct pcln_row_set *s, bool swap,
                  struct pcln_arena *arena, struct pcln_span *locals,
                  struct pcln_span *args, struct pcln_span *pairs);

#endif
