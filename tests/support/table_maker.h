// SPDX-License-Identifier: Apache-2.0
//
// Small tables made by hand, of every layout, pointer size and byte order. It
// shares nothing with the encoder but the constants of format.h, so that the
// reader's tests do not agree with the encoder's mistakes. What it writes is
// plain: no sharing, records in functab's order, one stream behind the other.
// The result tells where each thing landed, so that a test can damage it.
#ifndef TABLE_MAKER_H
#define TABLE_MAKER_H

#include "pclntab.h"

enum { MAKE_MAX = 1 << 21, MAKE_FUNCS = 700, MAKE_PCDATA = 6 };

// A run of a stream up to `end` bytes from the entry; `end` 0 ends the array.
struct make_run {
  uint32_t end;
  int32_t value;
};

struct make_inline {
  const char *name;
  uint32_t parent_pc;
  int32_t start_line;
  uint8_t func_id;
};

struct make_func {
  uint32_t off;     // from text start
  const char *name; // null: a hole
  const struct make_run *pcsp, *pcfile, *pcln, *pcdata[MAKE_PCDATA];
  const struct make_inline *inlines; // up to one without a name
  uint32_t n_pcdata;                 // at least; 0: up to the last stream
  uint32_t cu_offset;
  int32_t start_line, args;
  uint32_t deferreturn;
  uint8_t func_id, flags;
  uint32_t checkpoint_every; // pairs; 0: none. For pcln alone
};

struct make_spec {
  enum pcln_layout layout;
  uint8_t ptr_size, quantum;
  bool big_endian;
  bool ours; // with a module header, findfunctab and rules
  uint16_t machine;
  uint64_t text_va;
  uint32_t text_len;
  const struct make_func *funcs;
  size_t n_funcs;
  const char *const *files; // cutab: one entry each, up to a null; "" no file
  const struct pcln_rule *rules;
  size_t n_rules;
};

// Where things are, in bytes from the first; 0: there is none.
struct made {
  uint8_t bytes[MAKE_MAX];
  size_t len;
  size_t pclntab, names, cutab, files, pctab, functab, records;
  size_t funcdata, findfunctab, rules; // also in a bare Go table, behind it
  size_t funcdata_len, findfunctab_len;
  size_t rec[MAKE_FUNCS], tree[MAKE_FUNCS], checkpoints[MAKE_FUNCS];
  size_t pcsp[MAKE_FUNCS], pcfile[MAKE_FUNCS], pcln[MAKE_FUNCS];
  size_t pcdata[MAKE_FUNCS][MAKE_PCDATA];
  bool big_endian, ours;
  uint8_t ptr_size;
  struct pcln_open_options options; // for a bare Go table
};

// Where funcdata of tables before go1.18 is said to be linked.
#define MAKE_FUNCDATA_VA UINT64_C(0x500000)

// Makes the table. Aborts where the spec does not fit: that is the test's bug.
void make_table(const struct make_spec *spec, struct made *out);

// Writes `size` bytes of `value` at `at`, in the table's byte order.
void make_patch(struct made *m, size_t at, unsigned size, uint64_t value);

// Gives a table of ours the checksum of its bytes as they are now.
void make_seal(struct made *m);

#endif
