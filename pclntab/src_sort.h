// SPDX-License-Identifier: Apache-2.0
//
// Private: sorting things by address. Records here are large and mostly sorted
// already, so they are sorted through small keys.
#ifndef PCLNTAB_SRC_SORT_H
#define PCLNTAB_SRC_SORT_H

#include "pclntab.h"

struct pcln_va_key {
  uint64_t va;
  uint32_t idx; // of the record
};

// Sorts by `va`; keys of equal va keep their order. Linear in `n`.
PCLN_MUST_CHECK enum pcln_status pcln_sort_keys(struct pcln_va_key *keys,
                                                size_t n);

#endif
