// SPDX-License-Identifier: Apache-2.0
//
// From DWARF to the model: dwarf_build.c makes the functions of one unit with
// the help of dwarf_pieces.c,
// dwarf_units.c decides which unit describes which function and runs the units
// in parallel. Private to the DWARF source.
#ifndef PCLNTAB_DWARF_BUILD_H
#define PCLNTAB_DWARF_BUILD_H

#include "dwarf_info.h"
#include "dwarf_line.h"
#include "sources.h"

#include <stdlib.h>

// A position of a function: holds up to `end` bytes from its entry.
struct pcln_dw_pos {
  uint32_t end;
  int32_t file, line; // -1: none
};

// The innermost node up to `end` bytes from the function's entry.
struct pcln_dw_inner {
  uint32_t end;
  uint32_t node; // PCLN_DW_ROOT: none
  int32_t inl;   // number of the inlined call, or -1
};

// Where an inlined call stands. Calls at one position share it.
struct pcln_dw_call {
  int32_t file, line, inl; // inl: the enclosing inlined call, or -1
  uint32_t pc;             // where the table says so; PCLN_DW_ROOT: nowhere yet
};

// An inlined call of the function at hand: its node, its entry in `calls`.
struct pcln_dw_inl {
  uint32_t node, call;
};

// One worker's memory, kept from unit to unit. Zeroed at first.
struct pcln_dw_builder {
  struct pcln_arena *arena;
  struct pcln_dw_tree tree;
  struct pcln_dw_lines lines;
  struct pcln_dw_names *names;
  struct pcln_dw_notes notes;
  struct pcln_stream pcln, pcfile, inltree;
  // The unit's files: by number in the line table, in the model, and by path.
  uint32_t *file_no; // number in the model + 1; 0: not asked for yet
  const char **files;
  uint32_t *file_hash; // index into files + 1
  size_t cap_file_no, cap_files, n_files, cap_file_hash, file_mask;
  // The unit's pieces by function, and its nodes' numbers in the function at
  // hand: valid if the stamp is the function's.
  struct pcln_dw_piece *sorted, *scratch;
  uint32_t *first_piece; // of each function
  struct {
    uint32_t stamp;
    int32_t inl;
  } * node_no;
  size_t cap_sorted, cap_scratch, cap_first_piece, cap_node_no;
  uint32_t stamp;
  // The function at hand.
  struct pcln_dw_pos *pos;
  struct pcln_dw_inner *inner;
  struct pcln_dw_piece *heap; // pieces open at the sweep's place
  struct pcln_dw_inl *inl;    // the function's inlined calls
  struct pcln_dw_call *calls;
  uint32_t *call_hash; // index into calls + 1
  struct pcln_dw_call **unplaced;
  size_t n_pos, cap_pos, n_inner, cap_inner, n_heap, cap_heap, n_inl, cap_inl,
      n_calls, cap_calls, cap_call_hash, cap_unplaced, call_mask;
  size_t seq; // first sequence that may cover the function
  // Totals.
  size_t line_rows, dead_sequences, inlined_calls, virtual_pcs;
  uint64_t work;
};
void pcln_dw_builder_free(struct pcln_dw_builder *b);

// Room for `n` elements of an array whose old content does not matter.
static inline bool pcln_dw_reserve(void *array, size_t *cap, size_t n,
                                   size_t elem) {
  if (n <= *cap)
    return true;
  size_t grown = *cap ? *cap : 64;
  while (grown < n)
    grown *= 2;
  if (grown > SIZE_MAX / 2 / elem)
    return false;
  void *old, *p = malloc(grown * elem);
  if (!p)
    return false;
  memcpy(&old, array, sizeof old); // its type is the caller's
  memcpy(array, &p, sizeof p);
  free(old);
  *cap = grown;
  return true;
}
#define PCLN_DW_RESERVE(b, array, n)                                           \
  pcln_dw_reserve(&(b)->array, &(b)->cap_##array, (n), sizeof *(b)->array)
#define PCLN_DW_GROW(b, array)                                                 \
  pcln_dw_grow(&(b)->array, &(b)->cap_##array, (b)->n_##array,                 \
               sizeof *(b)->array)

// Sorts the unit's pieces by function into b->sorted and b->first_piece.
// False: out of memory, here and below.
bool pcln_dw_group_pieces(struct pcln_dw_builder *b, size_t n_funcs);
// Fills b->inner with the innermost node at each pc of a function of `size`
// bytes, whose `n` pieces are at `p`.
bool pcln_dw_find_inner(struct pcln_dw_builder *b, struct pcln_dw_piece *p,
                        size_t n, uint32_t size);

struct pcln_dw_build {
  const struct pcln_dw *dw;
  struct pcln_module *module;
  const struct pcln_source_options *options;
  struct pcln_dw_funcs funcs;
};

// Fills the functions `func[0..n)` (module indices, ascending), which belong
// to unit `idx`, and the unit's file list *cu.
PCLN_MUST_CHECK enum pcln_status
pcln_dw_build_unit(const struct pcln_dw_build *job, uint32_t idx,
                   const uint32_t *func, size_t n, uint32_t cu_idx,
                   struct pcln_cu_def *cu, struct pcln_dw_builder *b,
                   struct pcln_dw_fault *fault);

// Adds what the sections say to the module, whose functions are there. `file`
// is for reports. Statuses and reports as pcln_src_dwarf().
PCLN_MUST_CHECK enum pcln_status
pcln_dwarf_add(const struct pcln_dw_sections *sections, const char *file,
               struct pcln_module *m, const struct pcln_source_options *o,
               struct pcln_source_stats *stats);

#endif
