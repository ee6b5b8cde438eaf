// SPDX-License-Identifier: Apache-2.0
//
// Private: the FDEs of a file as one sorted list. src_cfi.c turns them into
// unwind rules; src_functions.c takes from them where functions begin and end
// when no symbol says so.
#ifndef PCLNTAB_SRC_FDES_H
#define PCLNTAB_SRC_FDES_H

#include "cfi.h"
#include "elf_image.h"

struct pcln_fde_range {
  uint64_t lo, hi; // the part of the FDE that nothing before it covers
  uint64_t fde_lo, fde_hi;
  size_t off;       // of the FDE, from the section's start
  uint32_t section; // index into pcln_fde_list.sections
  bool signal_frame;
};

struct pcln_fde_list {
  struct pcln_cfi_section sections[2]; // .eh_frame first
  size_t n_sections;
  struct pcln_fde_range *ranges; // ascending, disjoint, in executable sections
  size_t n, cap;
  size_t n_fdes; // FDEs read
};

// Reads both kinds of CFI. Malformed entries are reported and left out. The
// list is to be freed with pcln_fde_list_free(), also after a failure.
PCLN_MUST_CHECK enum pcln_status
pcln_fde_list_read(struct pcln_elf *elf, const struct pcln_sink *sink,
                   struct pcln_fde_list *out);
void pcln_fde_list_free(struct pcln_fde_list *list);
// The first range that ends behind `va`, or null.
const struct pcln_fde_range *
pcln_fde_list_next(const struct pcln_fde_list *list, uint64_t va);
// The range that covers `va`, or null.
const struct pcln_fde_range *
pcln_fde_list_find(const struct pcln_fde_list *list, uint64_t va);

// The allocated, executable section that holds `va`, or null.
const struct pcln_elf_section *pcln_text_section(const struct pcln_elf *elf,
                                                 uint64_t va);

#endif
