// SPDX-License-Identifier: Apache-2.0
//
// DWARF's .debug_line, versions 2 to 5: file names and the rows of a line
// program. Private to the DWARF source.
#ifndef PCLNTAB_DWARF_LINE_H
#define PCLNTAB_DWARF_LINE_H

#include "dwarf_info.h"

struct pcln_dw_file {
  const char *name; // null: not readable
  uint64_t dir;     // number of its directory
};

// Holds from its address up to the next row's, or the sequence's end. Rows that
// repeat the position of the row before are left out.
struct pcln_dw_row {
  uint32_t off; // bytes from the sequence's start
  uint32_t file, line;
};

// A run of rows whose addresses ascend.
struct pcln_dw_seq {
  uint64_t lo, hi;
  uint32_t row, n_rows; // in the table's rows
};

// One line table. Zeroed at first; reused from unit to unit.
struct pcln_dw_lines {
  const struct pcln_dw *dw;
  uint64_t off; // of the header, in .debug_line
  struct pcln_dw_params params;
  uint8_t min_inst, max_ops, line_range, opcode_base;
  int8_t line_base;
  uint8_t op_len[256];        // standard opcodes' operands
  struct pcln_cursor program; // start: of .debug_line
  const char **dirs;
  struct pcln_dw_file *files; // version 5: from number 0; before: from 1
  struct pcln_dw_row *rows;
  struct pcln_dw_seq *seqs; // in the program's order
  size_t n_dirs, cap_dirs, n_files, cap_files, n_rows, cap_rows, n_seqs,
      cap_seqs;
  size_t n_program_rows; // all rows of kept sequences
  size_t dead_sequences; // left out: their code was discarded
  uint64_t work;         // for the table, from its length
};
void pcln_dw_lines_free(struct pcln_dw_lines *t);

// Reads the header at unit->stmt_list, which must not be PCLN_DW_NONE.
PCLN_MUST_CHECK enum pcln_status
pcln_dw_lines_header(const struct pcln_dw *dw, const struct pcln_dw_unit *unit,
                     struct pcln_dw_lines *t, struct pcln_dw_fault *fault);
// Runs the program that follows it: fills rows and seqs.
PCLN_MUST_CHECK enum pcln_status pcln_dw_lines_run(struct pcln_dw_lines *t,
                                                   struct pcln_dw_notes *notes,
                                                   struct pcln_dw_fault *fault);

// The file with number `number`; null: none.
static inline const struct pcln_dw_file *
pcln_dw_line_file(const struct pcln_dw_lines *t, uint64_t number) {
  const uint64_t i = t->params.version >= 5 ? number : number - 1;
  return i < t->n_files && t->files[i].name ? &t->files[i] : NULL;
}
// The path of file `f` of a unit compiled in `comp_dir` (may be null), made
// absolute where that says how; copied into `arena` unless it is a string of
// the file already. *len is its length. Null: out of memory.
const char *pcln_dw_line_path(const struct pcln_dw_lines *t,
                              const struct pcln_dw_file *f,
                              const char *comp_dir, struct pcln_arena *arena,
                              size_t *len);

#endif
