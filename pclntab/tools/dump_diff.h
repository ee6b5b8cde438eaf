// SPDX-License-Identifier: Apache-2.0
//
// Private to pclntab-dump: what two functions are compared by. For --diff.
#ifndef PCLNTAB_TOOLS_DUMP_DIFF_H
#define PCLNTAB_TOOLS_DUMP_DIFF_H

#include "dump_sizes.h"

// Something that holds along a function, as two hashes: what it is, one value
// after the other, and that together with the pcs where it changes. The former
// survives an instruction more or less, the latter only a move of the function.
struct dump_trait {
  uint64_t what, where;
};

// A function as --diff sees it. Addresses are no part of it, nor are line
// numbers as such: code that another edit pushed down the file is the same.
struct dump_subject {
  const char *name;
  uint64_t name_hash;
  uint64_t file_hash; // of its own file's name
  uint64_t content;   // of everything below
  uint64_t key;       // scratch of the match
  uint64_t lo, size;
  struct dump_trait frame, lines, calls, maps;
  uint32_t frame_bytes; // the most that SP is below its value at entry
  uint32_t n_calls;
  int32_t args;
  int32_t start_line;
  uint32_t idx;
  bool matched;
};

// One of the two tables.
struct dump_side {
  struct dump *d;
  unsigned side; // 0 or 1: which sums it adds to
  struct dump_subject *list;
  size_t n;
  uint64_t text; // bytes of the functions in `list`
};

// dump_subjects.c: lists the functions that the filters let pass, and adds
// their code to the sums by file and by Go package. PCLN_CORRUPT: one cannot be
// read, and was reported.
PCLN_MUST_CHECK enum pcln_status dump_subjects(struct dump_side *side,
                                               struct dump_tally *files,
                                               struct dump_tally *packages);

#endif
