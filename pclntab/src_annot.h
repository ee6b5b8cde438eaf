// SPDX-License-Identifier: Apache-2.0
//
// Private to the two halves of the reader of annotations: src_annot.c has what
// compilers describe (safepoints, variables, units) and the whole, and
// src_annot_user.c what people attach by directives.
#ifndef PCLNTAB_SRC_ANNOT_H
#define PCLNTAB_SRC_ANNOT_H

#include "annot.h"
#include "sources.h"

struct pcln_annot_label; // one directive

// Directives in the order of the section.
struct pcln_annot_labels {
  struct pcln_annot_label *list;
  size_t n, cap;
};

// Reports an error about a record at `off` bytes into the section, and about
// `func` (may be null) at `func_off`. PCLN_CORRUPT.
enum pcln_status pcln_annot_say(const struct pcln_sink *sink, const char *func,
                                uint64_t func_off, const char *fault,
                                size_t off, const char *text);

// Takes a FUNCDATA or PCDATA whose address is one of the file.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_add_label(struct pcln_annot_labels *labels,
                     const struct pcln_module *m, const struct pcln_annot *a,
                     const struct pcln_sink *sink);
// Gives the functions what was taken. Equal directives at one place, which
// copies of COMDAT functions leave, count once.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_place_labels(struct pcln_annot_labels *labels, struct pcln_module *m,
                        struct pcln_source_stats *stats,
                        const struct pcln_sink *sink);

#endif
