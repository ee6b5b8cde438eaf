// SPDX-License-Identifier: Apache-2.0
//
// Private to check*.c: one run of pcln_check_file() and its checks, a file
// each.
#ifndef PCLNTAB_CHECK_PARTS_H
#define PCLNTAB_CHECK_PARTS_H

#include "check.h"
#include "sources.h"

struct pcln_check_run {
  const struct pcln_table *t;
  struct pcln_elf *elf; // null: there is no file
  struct pcln_check_options o;
  const struct pcln_sink *sink;
  struct pcln_check_step *step; // of the check that is running
  uint64_t *excused;            // counts, by enum pcln_excuse
  bool exhausted;               // the structure took more work than is allowed
};

// Reports a finding of the check that is running. `off` is from the entry of
// `f`, which may be null; `text` is made as by printf.
__attribute__((format(printf, 7, 8))) void
pcln_check_say(struct pcln_check_run *run, const char *name,
               const struct pcln_func *f, uint64_t off, const char *region,
               uint64_t region_off, const char *text, ...);
// As pcln_check_say(), but about an address alone: for what the table lacks.
__attribute__((format(printf, 5, 6))) void
pcln_check_say_at(struct pcln_check_run *run, const char *name, uint64_t pc,
                  const char *func, const char *text, ...);
// Ends the check: it cannot run, for the reason `why`, a constant.
enum pcln_status pcln_check_skip(struct pcln_check_run *run, const char *why);

// The functions of the table that can be read, as a model with ranges and names
// alone, for the sources to fill. *idx: their functab indices, to be freed.
PCLN_MUST_CHECK enum pcln_status
pcln_check_functions(struct pcln_check_run *run, struct pcln_module *m,
                     uint32_t **idx);

// A function's stream from the table: the bytes from its beginning on; absent
// for 0 and where it lies outside.
struct pcln_span pcln_check_stream(const struct pcln_table *t, uint32_t off);

// pcln_check_file() for a file that is open already; null: none.
PCLN_MUST_CHECK enum pcln_status
pcln_check_elf(const struct pcln_table *t, struct pcln_elf *elf,
               const struct pcln_check_options *options,
               const struct pcln_sink *sink, struct pcln_check_result *result);

// The checks. Each returns PCLN_OK also when it has findings; else it could not
// run to its end.
PCLN_MUST_CHECK enum pcln_status pcln_check_bytes(struct pcln_check_run *run);
PCLN_MUST_CHECK enum pcln_status pcln_check_symbols(struct pcln_check_run *run);
PCLN_MUST_CHECK enum pcln_status pcln_check_dwarf(struct pcln_check_run *run);
PCLN_MUST_CHECK enum pcln_status pcln_check_cfi(struct pcln_check_run *run);
PCLN_MUST_CHECK enum pcln_status pcln_check_annot(struct pcln_check_run *run);

#endif
