// SPDX-License-Identifier: Apache-2.0
//
// Whether a table is right: not only sound in itself, as pcln_verify() proves,
// but without a byte that nothing leads to, and in agreement with what else
// the file says of the same code: its symbols, its DWARF, its call frame
// information. What `pclntab-dump --verify` prints; for test suites and tools.
//
// Needs memory and time in proportion to the file, so this is no call for
// signal handlers; pcln_verify() is. The machine code itself is held against
// the table by pcdis_check() (disasm.h).
//
// Each finding is one report to the sink, with a stable name, the function,
// the pc and the place in the table; docs/messages.md has cause and cure of
// each. The number of reports is not limited here.
#ifndef PCLNTAB_CHECK_H
#define PCLNTAB_CHECK_H

#include "module.h"

#ifdef __cplusplus
extern "C" {
#endif

// The checks, in the order in which they run.
enum pcln_step {
  PCLN_STEP_STRUCTURE, // what pcln_verify() checks
  PCLN_STEP_BYTES,     // something leads to every byte, and to each but once
  PCLN_STEP_SYMBOLS,   // functions against the symbol table
  PCLN_STEP_DWARF,     // positions and inlined calls against DWARF, pc by pc
  PCLN_STEP_CFI,       // unwind rules against .eh_frame and .debug_frame
  PCLN_STEP_ANNOT,     // live words, pairs and roots against .debug_pclntab
  PCLN_N_STEPS,
};
// "structure", "bytes", "symbols", "dwarf", "cfi", "annotations".
PCLN_API const char *pcln_step_name(enum pcln_step step);

// What a check looked at. Zero where it did not run.
struct pcln_check_step {
  // Null: it ran. Else why not: a constant sentence, as "the file has no
  // DWARF".
  const char *skipped;
  uint64_t n_findings;
  uint64_t n_functions; // that were compared
  uint64_t n_items;     // structure: streams; bytes: bytes of the table;
                        // symbols: functions of the file; dwarf: rows; cfi:
                        // rules at a run of pcs; annotations: roots
  uint64_t n_calls;     // structure, dwarf: inlined calls; annotations: calls
                        // that may collect
};

// Known differences between a Go table and what else the file says, where
// neither is damaged. They are no findings but counted, so that a verdict shows
// what it stands on. Name, a stable word, what it is.
#define PCLN_EXCUSE_LIST(X)                                                    \
  X(PCLN_EXCUSE_NAMES, PCLN_STEP_BYTES, "names",                               \
    "bytes of names of inlined functions, which cannot be read without the "   \
    "table's funcdata and release")                                            \
  X(PCLN_EXCUSE_START, PCLN_STEP_DWARF, "start",                               \
    "functions of which Go's DWARF does not say where they begin")             \
  X(PCLN_EXCUSE_GENERATED, PCLN_STEP_DWARF, "generated",                       \
    "rows of code that the compiler made, which Go's DWARF leaves out")        \
  X(PCLN_EXCUSE_NO_POSITION, PCLN_STEP_DWARF, "no_position",                   \
    "rows of instructions without a position, which the table takes from the " \
    "mark before and DWARF from the instruction before")                       \
  X(PCLN_EXCUSE_EMPTY_RUNS, PCLN_STEP_DWARF, "empty_runs",                     \
    "rows of functions of which the assembler for s390x counted "              \
    "instructions of no bytes")                                                \
  X(PCLN_EXCUSE_LAST_ROW, PCLN_STEP_DWARF, "last_row",                         \
    "rows in whose place DWARF of go1.14 and older has one of line 1")         \
  X(PCLN_EXCUSE_NO_SIZE, PCLN_STEP_SYMBOLS, "no_size",                         \
    "symbols in the text that have no bytes, and no function in the table")    \
  X(PCLN_EXCUSE_GONE, PCLN_STEP_ANNOT, "gone",                                 \
    "records of functions and variables that the linker left out")

#define PCLN_EXCUSE_ENUM(name, step, word, text) name,
enum pcln_excuse { PCLN_EXCUSE_LIST(PCLN_EXCUSE_ENUM) PCLN_N_EXCUSES };
#undef PCLN_EXCUSE_ENUM
// The check that makes an excuse; the word for it, and the text, which are
// constant strings.
PCLN_API enum pcln_step pcln_excuse_step(enum pcln_excuse excuse);
PCLN_API const char *pcln_excuse_word(enum pcln_excuse excuse);
PCLN_API const char *pcln_excuse_text(enum pcln_excuse excuse);

struct pcln_check_result {
  struct pcln_check_step steps[PCLN_N_STEPS];
  uint64_t excused[PCLN_N_EXCUSES];
};

struct pcln_check_options {
  unsigned threads; // 0: one
  // As at the link: how file names in the table differ from those in DWARF.
  const struct pcln_prefix_map *maps;
  size_t n_maps;
  // Called before each check, with its name, if not null.
  void (*progress)(void *ctx, enum pcln_step step);
  void *ctx;
};

// Runs every check that `path`, the ELF file that `t` belongs to, has the
// means for; null: only those that need no file. What is wrong with the other
// metadata itself (damaged DWARF, say) is no finding; that check is skipped.
// `t` is as pcln_open() gives it, without a load bias. `options` and `sink` may
// be null; *result is always filled. PCLN_OK: nothing was found.
// PCLN_CORRUPT: there are findings, and they were reported. PCLN_IO,
// PCLN_NO_MEMORY: could not run to the end.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_check_file(const struct pcln_table *t, const char *path,
                const struct pcln_check_options *options,
                const struct pcln_sink *sink, struct pcln_check_result *result);

#ifdef __cplusplus
}
#endif
#endif
