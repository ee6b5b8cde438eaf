// SPDX-License-Identifier: Apache-2.0
//
// The safepoints of a function, however a compiler described them, on their way
// into the model: records of the LLVM plug-in (src_annot.c) and LLVM stack maps
// (src_stackmaps.c) become the same pointer maps.
//
// A location is a DWARF register plus an offset, as the compiler knows it at
// the call. The model counts words from the frame's edges, so the unwind rules
// that CFI gave the function are what places them: locals below varp, arguments
// above the CFA.
#ifndef PCLNTAB_SAFEPOINTS_H
#define PCLNTAB_SAFEPOINTS_H

#include "module.h"

// Consecutive words in the frame, from register + off up.
struct pcln_area {
  uint16_t reg; // DWARF number
  int32_t off;  // bytes
  uint32_t n_words, repeat;
  const uint8_t *codes; // two-bit entries of n_words words, lowest first
};

// A derived pointer and the base it was made from, both in memory.
struct pcln_pair {
  uint16_t base_reg, reg;
  int32_t base_off, off;
};

struct pcln_safepoint {
  uint32_t ret_off; // return address, in bytes from the function's first
  uint32_t frame;   // bytes from SP at the call up to a pushed return address,
                    // or to the CFA where none is; PCLN_FRAME_VARIES
  uint16_t flags;   // PCLN_POINT_*
  const struct pcln_area *areas;
  const struct pcln_pair *pairs;
  uint32_t n_areas, n_pairs;
};

// Gives `f` the pointer maps, pairs and PCDATA_StackMapIndex that say what
// `points` say; they ascend by ret_off. Words of the frame that no area covers
// hold no references. A function without a live word at any point still gets
// maps: that is what tells it from one about which nothing is known. Points
// behind f's last byte go to the entries of the same name that follow it.
//
// PCLN_CORRUPT, reported with the function's name and the offset: a place that
// the rules cannot express (no CFA at that pc, a register that is neither SP
// nor FP), two areas that overlap and differ, a word that is not aligned or in
// no part of the frame that holds variables, a frame that CFI says is smaller
// than the compiler does, a point outside of the function, a pair whose words
// are no live pointers, or maps that `f` already has. PCLN_LIMIT: maps beyond
// 256 MiB. PCLN_UNSUPPORTED: a machine whose registers are not known.
// Sets m->stackmap_bits to 2. Allocates from `arena`. PCLN_NO_MEMORY.
PCLN_MUST_CHECK enum pcln_status
pcln_safepoints_place(struct pcln_module *m, struct pcln_func_def *f,
                      const struct pcln_safepoint *points, size_t n,
                      struct pcln_arena *arena, const struct pcln_sink *sink);

#endif
