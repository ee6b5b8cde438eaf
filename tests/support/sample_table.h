// SPDX-License-Identifier: Apache-2.0
//
// One small program's table that the reader's tests share:
//
//   0x0000  alpha   0x30 bytes; beta_inl is inlined at [0x08,0x20), and leaf
//                   into that at [0x10,0x18). The call of leaf has a pc of its
//                   own (0x08, line 102); that of beta_inl is the virtual pc
//                   0x30, line 12.
//   0x0030  a hole
//   0x0040  beta    no inlining, two files; unwound by rules in [0x44,0x60)
//   0x2000  gamma   two buckets long, no line information
//   0x4800  a hole
//   0x4810  delta   one run per 4 bytes, checkpoints in our tables
//   0x5000  the end
#ifndef SAMPLE_TABLE_H
#define SAMPLE_TABLE_H

#include "table_maker.h"

#define SAMPLE_TEXT UINT64_C(0x401000)
enum {
  SAMPLE_ALPHA = 0,
  SAMPLE_HOLE = 1,
  SAMPLE_BETA = 2,
  SAMPLE_GAMMA = 3,
  SAMPLE_HOLE2 = 4,
  SAMPLE_DELTA = 5,
  SAMPLE_N = 6,
  SAMPLE_TEXT_LEN = 0x5000,
  SAMPLE_DELTA_OFF = 0x4810,
  SAMPLE_DELTA_RUN = 4, // bytes; the line there is sample_delta_line(off)
  SAMPLE_MACHINE = 62,  // x86-64
};

int32_t sample_delta_line(uint32_t off);

// The sample in the given shape. Tables before go1.16 count files from 1, have
// no holes and neither unwind streams nor checkpoints; bare ones have no
// unwind rules.
struct make_spec sample_spec(enum pcln_layout layout, unsigned ptr_size,
                             unsigned quantum, bool big_endian, bool ours);

// All shapes: calls `fn` with each spec and its table, opened.
void sample_for_each(void (*fn)(const struct make_spec *spec, struct made *made,
                                const struct pcln_table *t));

#endif
