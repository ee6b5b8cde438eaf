// SPDX-License-Identifier: Apache-2.0
//
// Compact pointer maps, as they are stored (format.h, PCLN_MODF_COMPACT_MAPS).
// Private to stackmap*.c, to the decoder, which gives the model Go's form of
// them, and to what counts a table's bytes. Everybody else asks stackmap.h.
#ifndef PCLNTAB_STACKMAP_COMPACT_H
#define PCLNTAB_STACKMAP_COMPACT_H

#include "stackmap.h"
#include "table.h"

struct pcln_compact_maps {
  struct pcln_span bytes; // all of them
  bool has_locals, has_args;
  uint32_t n_rows;               // of each map whose rows have words
  uint32_t n_stored;             // words of a locals row that are stored
  uint32_t n_locals;             // and all of its words
  uint32_t n_args;               // words of an arguments row
  struct pcln_span locals, args; // rows
};

static inline bool pcln_has_compact_maps(const struct pcln_table *t) {
  return t->ours && t->flags & PCLN_MODF_COMPACT_MAPS;
}

// The maps of the function. PCLN_NOT_FOUND: it has none, nor a stream of row
// numbers. PCLN_CORRUPT: they are malformed, or leave pctab.
PCLN_MUST_CHECK enum pcln_status
pcln_compact_maps(const struct pcln_table *t, const struct pcln_func *f,
                  struct pcln_compact_maps *out);

#endif
