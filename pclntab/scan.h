// SPDX-License-Identifier: Apache-2.0
//
// Finding tables by their structure, in any bytes: in a file without sections,
// symbols or the right magic, in a memory dump, in a file that is damaged or
// cut off. What a table is made of gives it away: pcs that ascend, records that
// repeat the pc by which functab leads to them, names that end, streams that
// end with their function.
//
// A scan yields candidates and never decides for the caller: each says which
// checks held and which failed, and how sure that makes it. pcln_recover() is
// the same for one place: it opens a table that pcln_open() refuses, with what
// is inside.
//
// Nothing here allocates, locks, prints or keeps state outside its arguments.
// Time grows with the number of bytes: looking for a word that is damaged is
// paid from a budget, which bytes made to keep the scan busy exhaust.
#ifndef PCLNTAB_SCAN_H
#define PCLNTAB_SCAN_H

#include "pclntab.h"

#ifdef __cplusplus
extern "C" {
#endif

// Name, how much it says (in hundredths of certainty), and what it says.
#define PCLN_CHECK_LIST(X)                                                     \
  X(PCLN_CHECK_MAGIC, 12, "magic", "the magic is one of Go's")                 \
  X(PCLN_CHECK_PADDING, 3, "padding", "the two bytes behind it are 0")         \
  X(PCLN_CHECK_QUANTUM, 3, "quantum", "the quantum is 1, 2 or 4")              \
  X(PCLN_CHECK_PTR_SIZE, 3, "ptrsize", "the pointer size is 4 or 8")           \
  X(PCLN_CHECK_COUNT, 9, "count",                                              \
    "functab has as many entries as are counted")                              \
  X(PCLN_CHECK_OFFSETS, 10, "offsets", "the regions are in order and inside")  \
  X(PCLN_CHECK_FUNCTAB, 15, "functab", "its pcs ascend")                       \
  X(PCLN_CHECK_RECORDS, 15, "records", "records repeat the pc of functab")     \
  X(PCLN_CHECK_NAMES, 10, "names", "names of functions end and are printable") \
  X(PCLN_CHECK_FILES, 6, "files", "names of files end and are printable")      \
  X(PCLN_CHECK_PCTAB, 4, "pctab", "the first byte of pctab is 0")              \
  X(PCLN_CHECK_STREAMS, 10, "streams", "streams end with their function")

#define PCLN_CHECK_ENUM(name, weight, id, text) name,
enum pcln_check { PCLN_CHECK_LIST(PCLN_CHECK_ENUM) PCLN_N_CHECKS };
#undef PCLN_CHECK_ENUM

// "magic", "functab" ...; constant strings.
PCLN_API const char *pcln_check_name(enum pcln_check check);
// What it means that the check held; a sentence without a capital.
PCLN_API const char *pcln_check_text(enum pcln_check check);

// A place that looks like a table.
struct pcln_candidate {
  uint64_t off; // bytes from the first that was scanned to the header
  // The table, opened, with what could be found: a region of length 0 could
  // not. Funcdata and findfunctab are absent, as they lie outside of it.
  struct pcln_table table;
  uint32_t held, failed; // sets of 1 << enum pcln_check; not in either: unknown
  unsigned confidence;   // 0 to 100: the weight of the checks that held
  bool repaired;         // a word or byte of the header is not believed
};

struct pcln_scan {
  const uint8_t *bytes;
  size_t len;
  size_t at;       // where the scan goes on
  uint64_t budget; // bytes that may still be searched for damaged words
};

// Begins a scan over `bytes`, which must outlive the candidates. Tables are
// looked for at multiples of 4 from `bytes` on.
PCLN_API void pcln_scan_begin(struct pcln_scan *s, const void *bytes,
                              size_t len);
// True: *out is the next candidate, in the order of their pclntab headers.
// False: there is none.
PCLN_API bool pcln_scan_next(struct pcln_scan *s, struct pcln_candidate *out);

// Opens the table in `bytes` as pcln_open() does, but with whatever can be
// found where its header is damaged or its end cut off: words of the header
// that cannot be right are found again by what they lead to, or their region is
// left empty. Each such thing is reported as a warning, by the fault that
// pcln_open() has for it. PCLN_OK: *t is filled; lookups in it may say
// PCLN_CORRUPT here and there. PCLN_NOT_FOUND: nothing there is like a table.
// `why`, if not null, is filled as well; `options` and `sink` may be null.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_recover(struct pcln_table *t, const void *bytes, size_t len,
             const struct pcln_open_options *options,
             const struct pcln_sink *sink, struct pcln_candidate *why);

#ifdef __cplusplus
}
#endif
#endif
