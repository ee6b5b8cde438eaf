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

// Whether the function has a directive of this kind and number; after
// pcln_annot_place_labels().
bool pcln_annot_has_label(const struct pcln_annot_labels *labels, size_t func,
                          uint8_t kind, uint32_t index);

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

// --- src_annot_count.c ------------------------------------------------------

// The annotations of a linked file, in order, before anything is made of them:
// for counting them against those of the objects.
struct pcln_annot_count {
  const struct pcln_annot_inputs *inputs; // null: nothing is known of objects
  uint64_t *hashes; // of the file's records, sorted once it is needed
  size_t n;
  const struct pcln_annot_input **labels; // the objects' directives, in order,
  size_t n_labels, n_met;                 // if the file's are the same; or null
};
PCLN_MUST_CHECK enum pcln_status
pcln_annot_count(struct pcln_annot_count *count, struct pcln_elf *elf,
                 const struct pcln_annot_inputs *inputs,
                 const struct pcln_sink *sink);
void pcln_annot_count_free(struct pcln_annot_count *count);

// Tells whether a thing that is in the linked file has its description.
struct pcln_annot_described {
  bool (*is)(void *ctx, const struct pcln_annot_input *in,
             const struct pcln_elf_symbol *symbol);
  void *ctx;
};
// Holds the objects' records against the file's: one that is not there must be
// of something that is not there either. PCLN_CORRUPT, reported: one was lost.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_check_lost(struct pcln_annot_count *count,
                      const struct pcln_elf *elf,
                      const struct pcln_annot_described *described,
                      const struct pcln_source_options *o);

#endif
