// SPDX-License-Identifier: Apache-2.0
//
// Which words of a frame hold live pointers: what a collector scans, and what a
// listing shows beside a call.
//
// A function has two pointer maps, one for its arguments and results, one for
// its locals. Each is an array of rows, a row has an entry for each word, and
// the stream PCDATA_StackMapIndex names the row, the same for both, that holds
// at a pc. The locals end at "varp" and are counted up to it; the arguments
// begin at "argp". Both are given here as distances from the CFA, the value of
// SP before the call (pcln_rule_at() finds it). In a realigned frame of this
// project's tables only SP tells where the locals are: PCDATA_LocalsSP.
//
// Entries. Go has stored one bit a word since go1.5: a live pointer or not.
// Before, and in this project's own tables if their header says so, two bits
// tell dead from scalar, and strings, slices and interfaces from plain
// pointers. Both come out as the same kinds of items.
//
// Safepoints. A row is valid only where the program can be stopped for a
// collection: at the return address of a call (looked up minus one, as always),
// and in Go at points of asynchronous preemption, where the frame is scanned
// conservatively.
//
// Address-taken locals are not in the maps since go1.12; they are "stack
// objects", scanned if some live pointer leads to them.
//
// Nothing here allocates, locks or prints; any thread, any signal handler.
// Untrusted bytes: each call checks what it reads.
#ifndef PCLNTAB_STACKMAP_H
#define PCLNTAB_STACKMAP_H

#include "go_funcdata.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- Maps, rows, words ------------------------------------------------------

enum pcln_map_part { PCLN_MAP_ARGS, PCLN_MAP_LOCALS };

// A pointer map. Fill it with pcln_ptrmap() only.
struct pcln_ptrmap {
  struct pcln_span rows;
  uint32_t n_rows;
  uint32_t n_words;      // of each row
  uint32_t n_stored;     // of these the first so many; the others are scalars
  uint32_t row_len;      // bytes
  uint32_t conservative; // go1.2, go1.3: there are no rows, but so many bytes
                         // at the locals' end to scan word by word
  uint8_t codes;         // private: what the bits mean
  bool flip;             // private: bytes of each four are in reverse
};

// One row; of rows of ours pcln_two_bit_row() makes one too.
struct pcln_map_row {
  const uint8_t *bits; // null: there is no row
  uint32_t n_words;
  uint32_t n_stored; // as in pcln_ptrmap: `bits` has no more than these
  uint8_t codes;     // private
  bool flip;         // private
};

// What stands in a word, or begins there.
enum pcln_word_kind {
  PCLN_WORD_NONE,    // one-bit maps: dead, or no pointer
  PCLN_WORD_DEAD,    // from here on two-bit maps, but for POINTER
  PCLN_WORD_SCALAR,  // live, no pointer
  PCLN_WORD_POINTER, // live pointer, or null
  PCLN_WORD_STRING,  // data, length
  PCLN_WORD_SLICE,   // data, length, capacity
  PCLN_WORD_IFACE,   // method table, data
  PCLN_WORD_EFACE,   // type, data
};
struct pcln_word {
  uint32_t index; // of the first word in the row
  uint8_t n;      // words: 1, or of the multi-word kinds 2 or 3
  uint8_t kind;   // enum pcln_word_kind
};

// The function's map. PCLN_NOT_FOUND: it has none, or the table comes without
// its funcdata. PCLN_UNSUPPORTED: its form depends on the release, which is not
// known. PCLN_CORRUPT: it does not fit into the funcdata.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_ptrmap(const struct pcln_table *t, const struct pcln_func *f,
            enum pcln_map_part part, struct pcln_ptrmap *out);

// Row `idx`. PCLN_NOT_FOUND past the last one.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_ptrmap_row(const struct pcln_ptrmap *map, uint32_t idx,
                struct pcln_map_row *out);

// Walks the row's items in order; start with *next = 0. False: the end. An item
// that would leave the row ends with it.
PCLN_API bool pcln_words_next(const struct pcln_map_row *row, uint32_t *next,
                              struct pcln_word *out);
// `n_words` two-bit entries as a row, and the bytes that they fill.
PCLN_API struct pcln_map_row pcln_two_bit_row(const uint8_t *codes,
                                              uint32_t n_words);
static inline size_t pcln_codes_len(uint32_t n_words) {
  return ((size_t)n_words + 3) / 4;
}
// Whether `n_words` two-bit entries make sense: an item of several words has a
// kind and ends within them, and a slice's capacity is no pointer.
PCLN_API bool pcln_codes_sound(const uint8_t *codes, uint32_t n_words);
// Whether a live pointer is in word `i`, or in the item that covers it. O(1) in
// one-bit maps, O(i) in others.
PCLN_API bool pcln_word_live(const struct pcln_map_row *row, uint32_t i);

// --- Live words at a pc -----------------------------------------------------

struct pcln_stackmap {
  int32_t index;                // as stored; -1: nothing is said there
  uint32_t idx;                 // the row that holds: `index`, 0 for -1
  struct pcln_run range;        // the pcs for which it holds, from entry
  struct pcln_map_row args;     // bits are null where there is no such map
  struct pcln_map_row locals;   // or where it has no words
  uint32_t conservative;        // pcln_ptrmap.conservative of the locals
  bool placed;                  // the next three are known
  bool locals_at_sp;            // locals_off counts from SP at the call
  int32_t args_off, locals_off; // CFA to the first word, in bytes
};

// What is live at `pc` (of a caller: its return address minus one).
// PCLN_NOT_FOUND: the function has no map, so nothing is known of its frame; or
// (to go1.14) the pc is marked as one where no map holds.
// PCLN_UNSUPPORTED: as pcln_ptrmap(). PCLN_CORRUPT: a map or stream cannot be
// read, or the row is not in the map, which a collector must treat as fatal.
// *out changes on OK only.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_stackmap_at(const struct pcln_table *t, const struct pcln_func *f,
                 uint64_t pc, struct pcln_stackmap *out);

// --- Stack objects ----------------------------------------------------------

struct pcln_object {
  int32_t off;      // of its first byte: negative, from varp; else from argp
  uint32_t size;    // bytes; 0: stored in the type (to go1.16) and unread
  uint32_t ptr_len; // bytes from its start that can hold pointers
  bool program;     // the mask is a GC program, which is not read
  uint64_t type_va; // to go1.16: of the type's descriptor; else 0
  struct pcln_span mask; // a bit for each of the ptr_len bytes' words, lowest
                         // bit first; absent: not at hand
};
struct pcln_objects {
  struct pcln_span records;
  uint32_t n;
  uint8_t form; // private
};

// The function's stack objects. Status as pcln_ptrmap().
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_objects(const struct pcln_table *t, const struct pcln_func *f,
             struct pcln_objects *out);
// PCLN_NOT_FOUND past the last. PCLN_CORRUPT: its mask leaves the bytes.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_object_at(const struct pcln_table *t, const struct pcln_objects *objects,
               uint32_t idx, struct pcln_object *out);

// --- Frame geometry ---------------------------------------------------------

// Where the locals end and the arguments begin, as distances from the CFA in
// bytes. False: the table does not name its machine and the candidates differ.
PCLN_API bool pcln_frame_layout(const struct pcln_table *t,
                                const struct pcln_func *f, uint64_t pc,
                                int32_t *varp_off, int32_t *argp_off);

#ifdef __cplusplus
}
#endif
#endif
