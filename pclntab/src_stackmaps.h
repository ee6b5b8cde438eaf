// SPDX-License-Identifier: Apache-2.0
//
// LLVM's stack maps on their way into the model. Private to src_stackmaps.c,
// which reads sections and settles what is whose, and src_stackmaps_func.c,
// which makes safepoints of one function's records.
#ifndef PCLNTAB_SRC_STACKMAPS_H
#define PCLNTAB_SRC_STACKMAPS_H

#include "bytes.h"
#include "safepoints.h"
#include "sources.h"
#include "stackmap_llvm.h"

// One function of one module's table.
struct pcln_stackmaps_entry {
  uint64_t va, stack_size;
  struct pcln_span records; // 8-aligned from the table's start
  uint64_t n_records;
  struct pcln_span constants; // of the module's table
  uint64_t at;                // where it stands in the section
};

struct pcln_stackmaps_job {
  struct pcln_elf *elf;
  struct pcln_module *m;
  struct pcln_source_stats *stats;
  const struct pcln_sink *sink;
  const char *section;
  struct pcln_stackmaps_entry *entries;
  size_t n, cap;

  // Of the function at hand; grown, never shrunk.
  struct pcln_func_def *f;
  struct pcln_safepoint *points;
  struct pcln_area *areas;
  struct pcln_pair *pairs;
  size_t n_points, n_areas, n_pairs;
  size_t cap_points, cap_areas, cap_pairs;
};

// Reports an error about j->f, at a place in the section. PCLN_CORRUPT.
PCLN_MUST_CHECK enum pcln_status
pcln_stackmaps_say(const struct pcln_stackmaps_job *j, uint64_t func_off,
                   uint64_t at, const char *fault, const char *text);
// The value of a location of kind CONSTANT_INDEX; false: there is none.
bool pcln_stackmaps_constant(const struct pcln_stackmaps_job *j,
                             const struct pcln_stackmaps_entry *e,
                             const struct pcln_llvm_location *l, uint64_t *out);
// Reads the tables of one section, and makes of all that were read what the
// model takes; the second frees what *j holds, whatever the first returned. Of
// j->elf only path and byte order are used, so that tests need no file.
PCLN_MUST_CHECK enum pcln_status
pcln_stackmaps_read(struct pcln_stackmaps_job *j, struct pcln_span section);
PCLN_MUST_CHECK enum pcln_status
pcln_stackmaps_finish(struct pcln_stackmaps_job *j, enum pcln_status status);

// Gives j->f what the entry's records, which have been read once, say.
PCLN_MUST_CHECK enum pcln_status
pcln_stackmaps_function(struct pcln_stackmaps_job *j,
                        const struct pcln_stackmaps_entry *e);

#endif
