// SPDX-License-Identifier: Apache-2.0
//
// A table of one function, for tests of what its PCDATA and FUNCDATA mean. Only
// the parts that are read for that exist, each in a heap block of its own exact
// size, so that a sanitizer sees the first byte read outside.
#ifndef FRAME_TABLE_H
#define FRAME_TABLE_H

#include "stackmap.h"

enum { FRAME_MAX = 256, FRAME_INDICES = 9 };

// Bytes in the target's order.
struct frame_bytes {
  uint8_t b[FRAME_MAX];
  size_t len; // 0: absent
};

struct frame_spec {
  enum pcln_layout layout;
  uint8_t ptr_size, quantum; // 0: 8 and 1
  bool big_endian, ours;
  uint8_t stackmap_bits;
  uint32_t flags; // PCLN_MODF_COMPACT_MAPS alone means something here
  unsigned go_minor;
  uint16_t machine;
  const struct pcln_run *pcsp; // up to a run with hi 0; `lo` is not read
  const struct pcln_run *pcdata[FRAME_INDICES];
  struct frame_bytes funcdata[FRAME_INDICES];
  struct frame_bytes maps; // behind the stream of row numbers, in pctab
  struct frame_bytes rodata;
};

struct frame_table {
  struct pcln_table t;
  struct pcln_func f;
  size_t at[FRAME_INDICES]; // of each payload in the funcdata
};

// Where funcdata is linked in tables before go1.18.
#define FRAME_FUNCDATA_VA UINT64_C(0x700000)
#define FRAME_ENTRY UINT64_C(0x401000)
enum { FRAME_SIZE = 0x100 }; // bytes of the function

void frame_table_make(const struct frame_spec *spec, struct frame_table *out);
void frame_table_free(struct frame_table *m);

// Appends an integer of `size` bytes in the spec's byte order.
void frame_put(const struct frame_spec *spec, struct frame_bytes *b,
               unsigned size, uint64_t v);

#endif
