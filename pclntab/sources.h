// SPDX-License-Identifier: Apache-2.0
//
// The sources: each reads one kind of metadata from a linked ELF file and adds
// it to the model. They run in the order below.
#ifndef PCLNTAB_SOURCES_H
#define PCLNTAB_SOURCES_H

#include "annot_inputs.h"
#include "elf_image.h"
#include "module.h"

struct pcln_source_options {
  unsigned threads;                   // >= 1
  const struct pcln_prefix_map *maps; // the last match wins, as in GCC
  size_t n_maps;
  // What the objects' annotations were; null: not known. An output without them
  // is then an error, or with `allow_stripped` a warning.
  const struct pcln_annot_inputs *annotations;
  bool allow_stripped;
  const struct pcln_sink *sink;
};

struct pcln_source_stats {
  size_t symbols, from_symbols, from_fdes, plt_stubs, ifuncs, aliases;
  size_t fdes, rules, not_unwindable_rows;
  size_t cus, line_rows, dead_sequences, inlined_calls, virtual_pcs;
  size_t dwarf_warnings;
  // Records; those of things that the linker dropped; equal ones; units that
  // the compiler's plug-in saw.
  size_t annotations, annot_discarded, annot_duplicates, gc_units;
  size_t safepoints, roots;
  // LLVM's stack maps: modules; functions, those the linker dropped, and equal
  // copies; records, and those of them that are kept as they are.
  size_t stackmap_tables, stackmap_functions, stackmap_dropped, stackmap_copies;
  size_t stackmap_records, stackmap_kept;
};

// Function ranges and names, from symbols, PLT sections and, where symbols are
// missing, FDEs. Fills va, size, name, flags; sorts the module.
PCLN_MUST_CHECK enum pcln_status
pcln_src_functions(struct pcln_elf *elf, struct pcln_module *m,
                   const struct pcln_source_options *o,
                   struct pcln_source_stats *stats);

// pcsp and PCDATA_Unwind of every function, from .eh_frame and .debug_frame.
PCLN_MUST_CHECK enum pcln_status
pcln_src_cfi(struct pcln_elf *elf, struct pcln_module *m,
             const struct pcln_source_options *o,
             struct pcln_source_stats *stats);

// Pointer maps, funcdata, pcdata and roots, from .debug_pclntab; after the
// unwind rules, which place the words of a frame. A record that is malformed,
// or that nothing in the file fits, is reported: PCLN_CORRUPT. No such section
// is PCLN_OK with nothing added. What is added borrows the section's bytes.
PCLN_MUST_CHECK enum pcln_status
pcln_src_annot(struct pcln_elf *elf, struct pcln_module *m,
               const struct pcln_source_options *o,
               struct pcln_source_stats *stats);

// Pointer maps, pairs and kept records, from LLVM's stack maps: the sections
// .debug_llvm_stackmaps, and .llvm_stackmaps where addresses are final; after
// the unwind rules. What is malformed, or cannot be told in a pointer map, is
// reported: PCLN_CORRUPT. No such section is PCLN_OK with nothing added.
PCLN_MUST_CHECK enum pcln_status
pcln_src_stackmaps(struct pcln_elf *elf, struct pcln_module *m,
                   const struct pcln_source_options *o,
                   struct pcln_source_stats *stats);

// pcfile, pcln, inline trees, start lines and units, from DWARF 2 to 5.
// No DWARF in the file is PCLN_OK with nothing added.
PCLN_MUST_CHECK enum pcln_status
pcln_src_dwarf(struct pcln_elf *elf, struct pcln_module *m,
               const struct pcln_source_options *o,
               struct pcln_source_stats *stats);

#endif
