// SPDX-License-Identifier: Apache-2.0
//
// Private to pclntab-dump: what the bytes of a table are spent on, and sums by
// name. For --stats and --diff.
#ifndef PCLNTAB_TOOLS_DUMP_SIZES_H
#define PCLNTAB_TOOLS_DUMP_SIZES_H

#include "dump.h"

#include "go_funcdata.h"

// --- dump_sizes.c -----------------------------------------------------------

// One component: "pctab.pcln", "funcdata.ArgInfo".
enum { DUMP_PART_NAME = PCLN_NAME_MAX + 16 };
struct dump_part {
  char name[DUMP_PART_NAME];
  uint64_t bytes;
};
enum { DUMP_MAX_PARTS = 64 };

struct dump_sizes {
  // Of the table itself, in the order of its regions; they add up to `total`,
  // the table's length, because each byte is counted once.
  struct dump_part parts[DUMP_MAX_PARTS];
  size_t n_parts;
  uint64_t total;
  // Of a Go program, what lies elsewhere in the file: no part of `total`.
  struct dump_part outside[DUMP_MAX_PARTS];
  size_t n_outside;
  // What the table would be longer by if nothing was shared.
  uint64_t shared;
  // By functab index, bytes of the table that this function is the first to
  // use: its entry and record, its name, its streams.
  uint32_t *func_bytes;
  // Of each byte of the table, the component that it is counted for.
  uint8_t *map;
};
// PCLN_NO_MEMORY; records that cannot be read are counted as unused bytes.
PCLN_MUST_CHECK enum pcln_status dump_sizes_measure(const struct pcln_table *t,
                                                    struct dump_sizes *out);
void dump_sizes_free(struct dump_sizes *sizes);
// The name of a component in `map`, written into `buf`; "" past the last.
const char *dump_sizes_name(const struct pcln_table *t, char *buf, size_t len,
                            unsigned component);

// --- dump_tally.c -----------------------------------------------------------

// Sums by name: of packages, of files.
struct dump_tally_entry {
  const char *name; // not terminated; lives in the table
  size_t len;
  uint64_t bytes[2], functions[2]; // of up to two tables
};
struct dump_tally {
  struct dump_tally_entry *entries;
  uint32_t *slots; // index of an entry, plus one
  size_t n, n_slots;
};
// The entry of a name, which is a new one at first; null: no memory.
struct dump_tally_entry *dump_tally_at(struct dump_tally *tally,
                                       const char *name, size_t len);
void dump_tally_free(struct dump_tally *tally);
// Sorts by what changed most, in either direction (with one table: the most
// bytes), then by name. No entry may be added any more.
void dump_tally_sort(struct dump_tally *tally);
// Adds to the sum of the function's Go package. False: no memory.
bool dump_tally_package(struct dump_tally *tally, const struct pcln_func *f,
                        unsigned side, uint64_t bytes);
// The file of the function's own first row, or null.
const char *dump_func_file(const struct pcln_table *t,
                           const struct pcln_func *f);

#endif
