// SPDX-License-Identifier: Apache-2.0
//
// Private to pclntab-dump: lists of words, as text of any length.
#ifndef PCLNTAB_TOOLS_DUMP_WORDS_H
#define PCLNTAB_TOOLS_DUMP_WORDS_H

#include "dump.h"
#include "stackmap.h"
#include "stackmap_llvm.h"

// Starts zeroed; the owner frees `s`.
struct dump_text {
  char *s;
  size_t len, cap;
  bool failed; // no memory
};
void dump_text_put(struct dump_text *t, const char *s);
void dump_text_clear(struct dump_text *t);
// Numbers as "1,3-5"; `kind` stands behind the last one.
void dump_text_range(struct dump_text *t, uint32_t from, uint32_t to,
                     const char *kind);

// The row's live words as the field `live`, its scalars as `scalars`; neither
// where there are none. `t` is room for the text.
void dump_words_fields(struct dump_out *o, struct dump_text *t,
                       const struct pcln_map_row *row, const char *live,
                       const char *scalars);

// dump_llvm.c: LLVM's records of a function; and, as text, the locations from
// `lo` to before `hi` of one (false: up to one that names a constant that is
// not there) and its live-outs.
enum pcln_status dump_func_llvm(struct dump *d, const struct pcln_func *f,
                                struct dump_text *t);
bool dump_llvm_locations(struct dump_text *t,
                         const struct pcln_llvm_records *it,
                         const struct pcln_llvm_record *r, uint32_t lo,
                         uint32_t hi);
void dump_llvm_live_outs(struct dump_text *t, const struct pcln_llvm_record *r);

// What may be walked of maps and variables, in words, before a table counts as
// damaged (dump_maps.c).
uint64_t dump_map_words_limit(const struct dump *d);

#endif
