// SPDX-License-Identifier: Apache-2.0
//
// What the files of the roots share: roots.c walks, roots_site.c says what is
// known of a pc, roots_frame.c reads the words of one frame.
#ifndef PCLNRT_ROOTS_INTERNAL_H
#define PCLNRT_ROOTS_INTERNAL_H

#include "internal.h"

#include "context_x86_64.h"
#include "roots.h"
#include "stackmap_pairs.h"

// Words of other functions' frames and of other threads' variables: to a
// sanitizer these look like accesses out of scope, or races.
#define PCLNRT_NO_SANITIZE                                                     \
  __attribute__((no_sanitize("address", "undefined", "thread")))

#pragma GCC visibility push(hidden)

// --- roots_site.c: what a frame is, by its pc --------------------------------

enum pclnrt_site_kind {
  PCLNRT_SITE_MAPS,         // pointer maps say what its words are
  PCLNRT_SITE_RECORD,       // FUNCDATA_GC, or a map that is only a size
  PCLNRT_SITE_NO_SAFEPOINT, // it has maps, but none for this pc
  PCLNRT_SITE_FOREIGN,      // nobody described the function
  PCLNRT_SITE_START,        // libc: starts threads, if it is outermost
  PCLNRT_SITE_RUNTIME,      // the runtime's own function
  PCLNRT_SITE_CALL_OUT,     // and the one by which it calls others
};
static inline bool pclnrt_site_described(enum pclnrt_site_kind kind) {
  return kind <= PCLNRT_SITE_NO_SAFEPOINT;
}

struct pclnrt_site {
  const struct pcln_table *table; // null: the module has none
  uint32_t func_idx;              // of the function in the table
  uint32_t row;                   // of both maps
  uint8_t kind;                   // enum pclnrt_site_kind
  bool plain;                     // both rows hold entries of single words only
  bool at_sp;                     // locals_off counts from SP
  bool pairs; // some of the row's words are derived from others
  // PCLNRT_SITE_MAPS: rows of two-bit entries. PCLNRT_SITE_RECORD: `args` has a
  // bit for each word. Null: there are no entries, but all `n_args` words, or
  // `n_locals` bytes below the return address, may hold references.
  const uint8_t *locals, *args;
  uint32_t n_locals, n_args;    // words
  int32_t locals_off, args_off; // CFA to the first word, in bytes; where
                                // `locals` is null, to the end of the locals
};
static inline uint64_t pclnrt_site_locals(const struct pclnrt_site *s,
                                          uint64_t sp, uint64_t cfa) {
  return (s->at_sp ? sp : cfa) + (uint64_t)(int64_t)s->locals_off;
}
enum { PCLNRT_ARGS_UNKNOWN = 1 << 28 }; // n_args, words: more than any has
// `key`: a return address minus one, or the pc of an interrupted frame.
// PCLN_NOT_FOUND: no module there. PCLN_CORRUPT: its map cannot be read.
// The result of each pc is kept, so that a frame seen before costs some 5 ns.
PCLN_MUST_CHECK enum pcln_status pclnrt_site_find(uint64_t key,
                                                  struct pclnrt_site *out);

// Whether there are items of several words in the row.
bool pclnrt_row_has_items(const struct pcln_map_row *row);

// --- roots_frame.c: the words of one frame -----------------------------------

// The pairs of a frame, and where both of its rows begin.
struct pclnrt_pairs {
  struct pcln_derived_iter first;
  uint64_t locals, args;
};

struct pclnrt_scan {
  const struct pclnrt_root_visitor *v;
  struct pclnrt_root_stats *stats;
  struct pclnrt_root_frame frame;
  bool exact;                       // interrupted, not at a call
  bool poison;                      // dead words
  const struct pclnrt_pairs *pairs; // or null
  uint64_t limit;    // where the caller's frame ends; 0: not known
  const char *fault; // why it failed, with a sentence
  const char *text;
};
// Visits the frame by its maps. PCLN_CORRUPT with `fault` and `text`.
PCLN_MUST_CHECK enum pcln_status
pclnrt_frame_maps(struct pclnrt_scan *s, const struct pclnrt_site *site);
// Visits the frame by its record of 2013.
void pclnrt_frame_record(struct pclnrt_scan *s, const struct pclnrt_site *site);
// Words of a described frame up to the first that its map says something of:
// what it passes to a callee on the stack.
void pclnrt_frame_outgoing(struct pclnrt_scan *callee,
                           const struct pclnrt_site *caller, uint64_t sp,
                           uint64_t cfa);
void pclnrt_frame_words(struct pclnrt_scan *s, uint64_t lo, uint64_t hi);
// Visits `repeat` times the words of a row of two-bit entries, from `addr` on.
PCLN_MUST_CHECK enum pcln_status
pclnrt_frame_variable(struct pclnrt_scan *s, const struct pcln_map_row *row,
                      uint64_t addr, uint32_t repeat);

// --- roots_saved.c: registers of foreign frames
// -------------------------------

struct pclnrt_saved {
  struct pclnrt_cursor c;
  struct pclnrt_frame f; // the frame reached
  bool inside;           // there is one
  uint64_t at[PCLNRT_N_SAVED_REGISTERS], visited[PCLNRT_N_SAVED_REGISTERS];
};
// From where the walk starts, with the visitor's `registers`.
void pclnrt_saved_begin(struct pclnrt_saved *r,
                        const struct pclnrt_cursor *start,
                        const uintptr_t *values);
// Goes on to the frame of `s`, a foreign one further out, and visits what its
// callees have saved for it. What is found for one is not found again.
void pclnrt_saved_visit(struct pclnrt_saved *r, struct pclnrt_scan *s);

#pragma GCC visibility pop
#endif
