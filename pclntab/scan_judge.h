// SPDX-License-Identifier: Apache-2.0
//
// Private to scan*.c: judging one place.
#ifndef PCLNTAB_SCAN_JUDGE_H
#define PCLNTAB_SCAN_JUDGE_H

#include "scan.h"

// Judges the bytes from a header's first on, as a table of the layout that its
// magic says or, if that does not convince, of any; of `forced` if not null.
// False: nothing like a table. `budget` is what may be spent on searching.
bool pcln_judge(const uint8_t *bytes, size_t len,
                const enum pcln_layout *forced, uint64_t *budget,
                struct pcln_candidate *out);

// The same, where a module header before the table has told of `known`: flags
// and byte order.
bool pcln_judge_inner(const uint8_t *bytes, size_t len,
                      const struct pcln_table *known,
                      const enum pcln_layout *forced, uint64_t *budget,
                      struct pcln_candidate *out);

#endif
