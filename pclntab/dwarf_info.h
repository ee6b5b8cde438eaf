// SPDX-License-Identifier: Apache-2.0
//
// DWARF's .debug_info, read for one purpose: which functions have code where,
// which calls were inlined into them, and what they are called. Private to the
// DWARF source; works on plain spans, so that tests and fuzzers need no ELF.
//
// Files: dwarf_abbrev.c (abbreviations, compiled into skip and read plans),
// dwarf_form.c (attribute values, strings, addresses, range lists),
// dwarf_info.c (units), dwarf_walk.c (functions and inlined calls),
// dwarf_names.c (names through origin chains).
//
// All functions are bounded by the size of the sections: what an input can ask
// for again and again (shared range lists, name chains) is charged against a
// work budget, and running out of it is PCLN_LIMIT.
#ifndef PCLNTAB_DWARF_INFO_H
#define PCLNTAB_DWARF_INFO_H

#include "bytes.h"
#include "module.h"

// --- Input ------------------------------------------------------------------

// Absent sections are absent spans. Contents are decompressed and relocated.
struct pcln_dw_sections {
  struct pcln_span info, abbrev, line, str, line_str, str_offsets, addr, ranges,
      rnglists;
  bool swap; // the file's byte order is not this machine's
};

// --- Faults and notes -------------------------------------------------------

// The first fault of a unit; status PCLN_OK: none. Strings are constants.
struct pcln_dw_fault {
  enum pcln_status status;
  const char *fault, *region, *text;
  uint64_t off; // bytes from the region's start
};
// Fills *f and returns PCLN_CORRUPT.
enum pcln_status pcln_dw_corrupt(struct pcln_dw_fault *f, const char *fault,
                                 const char *region, uint64_t off,
                                 const char *text);
enum pcln_status pcln_dw_no_memory(struct pcln_dw_fault *f);

// What is worth a word but harms nothing else: counted, said once per call.
#define PCLN_DW_NOTE_LIST(X)                                                   \
  X(SPLIT, PCLN_WARNING, "dwarf-split", ".debug_info",                         \
    "units whose DWARF is in .dwo files: their lines are used, inlined calls " \
    "are not")                                                                 \
  X(ALT, PCLN_WARNING, "dwarf-alt-file", ".debug_info",                        \
    "names that are in a supplementary (dwz) file are unknown")                \
  X(NO_NAME, PCLN_WARNING, "dwarf-no-name", ".debug_info",                     \
    "inlined functions whose name could not be found")                         \
  X(DEEP, PCLN_WARNING, "dwarf-inline-depth", ".debug_info",                   \
    "calls that are inlined deeper than a table can say belong to their "      \
    "caller")                                                                  \
  X(ORDER, PCLN_WARNING, "dwarf-row-order", ".debug_line",                     \
    "line sequences whose addresses go back are split there")                  \
  X(NO_FILE, PCLN_WARNING, "dwarf-file-number", ".debug_line",                 \
    "positions whose file number the line table does not have")
#define PCLN_DW_NOTE_ENUM(id, severity, fault, region, text) PCLN_DW_NOTE_##id,
enum pcln_dw_note { PCLN_DW_NOTE_LIST(PCLN_DW_NOTE_ENUM) PCLN_DW_N_NOTES };
#undef PCLN_DW_NOTE_ENUM

struct pcln_dw_notes {
  size_t count[PCLN_DW_N_NOTES];
  uint64_t first[PCLN_DW_N_NOTES]; // lowest offset in the note's region
};
void pcln_dw_note(struct pcln_dw_notes *n, enum pcln_dw_note id, uint64_t off);

// --- Abbreviations ----------------------------------------------------------

// The attributes that anyone here reads; each has a slot.
enum pcln_dw_slot {
  PCLN_DW_LOW_PC,
  PCLN_DW_HIGH_PC,
  PCLN_DW_RANGES,
  PCLN_DW_CALL_FILE,
  PCLN_DW_CALL_LINE,
  PCLN_DW_ORIGIN,
  PCLN_DW_SPEC,
  PCLN_DW_NAME,
  PCLN_DW_LINKAGE,
  PCLN_DW_DECL_LINE,
  PCLN_DW_STMT_LIST,
  PCLN_DW_COMP_DIR,
  PCLN_DW_LANGUAGE,
  PCLN_DW_STR_OFFSETS_BASE,
  PCLN_DW_ADDR_BASE,
  PCLN_DW_RNGLISTS_BASE,
  PCLN_DW_DWO_NAME,
  PCLN_DW_N_SLOTS,
};

enum pcln_dw_kind {
  PCLN_DW_PLAIN,  // skip the attributes, walk the children
  PCLN_DW_OPAQUE, // no code below
  PCLN_DW_CLASS,  // none below either, in C and C++ and outside functions
  PCLN_DW_SUBPROGRAM,
  PCLN_DW_INLINED,
  PCLN_DW_UNIT,
};

// One step through a DIE's attributes. Attributes that nobody reads are merged
// into skips, so a DIE costs no more steps than it has variable-size values
// and slots.
struct pcln_dw_op {
  uint16_t slot; // + 1; 0: skip
  uint16_t form; // 0 with slot 0: skip `arg` bytes
  int32_t arg;   // with slot: DW_FORM_implicit_const: the value, clamped;
                 // else bytes of a plain integer, or 0
};

struct pcln_dw_abbrev {
  uint64_t code;
  uint32_t op, n_ops; // in the table's ops
  uint16_t tag;
  uint8_t kind; // enum pcln_dw_kind
  bool children;
  uint8_t sibling_form; // 0: no DW_AT_sibling at a fixed place
  uint32_t sibling_at;  // bytes from the first attribute
  int32_t fixed;        // bytes of all attributes; -1: varies
};

// What the size of a form depends on.
struct pcln_dw_params {
  uint8_t version, addr_size, off_size;
};

struct pcln_dw_abbrevs {
  uint64_t off; // in .debug_abbrev
  struct pcln_dw_params params;
  bool dense;                    // abbrev[i].code is i + 1
  struct pcln_dw_abbrev *abbrev; // sorted by code
  size_t n;
  struct pcln_dw_op *ops;
  struct pcln_dw_fault fault;
  uint64_t len; // bytes read
};
// Decodes the table at t->off. Fails into t->fault.
void pcln_dw_abbrevs_read(const struct pcln_dw_sections *s,
                          struct pcln_dw_abbrevs *t);
void pcln_dw_abbrevs_free(struct pcln_dw_abbrevs *t);
// Null: no such code.
const struct pcln_dw_abbrev *
pcln_dw_abbrev_sparse(const struct pcln_dw_abbrevs *t, uint64_t code);
static inline const struct pcln_dw_abbrev *
pcln_dw_abbrev(const struct pcln_dw_abbrevs *t, uint64_t code) {
  if (t->dense)
    return code - 1 < t->n ? &t->abbrev[code - 1] : NULL;
  return pcln_dw_abbrev_sparse(t, code);
}

// --- Units ------------------------------------------------------------------

#define PCLN_DW_NONE UINT64_MAX

struct pcln_dw_unit {
  uint64_t off;      // of the header, in .debug_info
  uint64_t die, end; // first DIE, one past the last byte
  uint64_t abbrev_off;
  const struct pcln_dw_abbrevs *abbrevs;
  struct pcln_dw_params params;
  bool skip;            // a type unit: it describes no code
  bool c_family;        // classes outside functions hold no code
  bool has_pcs;         // the unit DIE says which code is its own
  bool partial;         // only what other units import
  const char *comp_dir; // null: unknown
  uint64_t stmt_list;   // in .debug_line; PCLN_DW_NONE
  uint64_t base;        // of range lists
  uint64_t str_offsets_base, addr_base, rnglists_base;
};

struct pcln_dw {
  struct pcln_dw_sections sec;
  struct pcln_dw_unit *units; // by offset
  size_t n_units;
  struct pcln_dw_abbrevs *tables;
  size_t n_tables;
  uint64_t text_lo, text_hi; // no code outside: what lies there was discarded
  uint64_t budget;           // of work in all
  bool long_names;           // .debug_str holds strings of 16 KiB and more
};

// Fills dw->units with headers. Serial, touches headers only.
PCLN_MUST_CHECK enum pcln_status pcln_dw_index(struct pcln_dw *dw,
                                               struct pcln_dw_fault *fault);
// Fills dw->tables with the tables to read, one for each distinct need, and
// points the units to them.
PCLN_MUST_CHECK enum pcln_status pcln_dw_plan_abbrevs(struct pcln_dw *dw);
void pcln_dw_free(struct pcln_dw *dw);
// The unit that the offset in .debug_info belongs to, or null.
const struct pcln_dw_unit *pcln_dw_unit_at(const struct pcln_dw *dw,
                                           uint64_t off);

// --- Values -----------------------------------------------------------------

struct pcln_dw_value {
  uint64_t u; // the number; DW_FORM_string: offset in .debug_info
  uint16_t form;
};
struct pcln_dw_attrs {
  uint32_t have; // bit by slot
  struct pcln_dw_value v[PCLN_DW_N_SLOTS];
};
static inline bool pcln_dw_has(const struct pcln_dw_attrs *a,
                               enum pcln_dw_slot slot) {
  return (a->have >> slot & 1) != 0;
}

// The number in a slot, if it is there.
static inline uint64_t pcln_dw_number(const struct pcln_dw_attrs *a,
                                      enum pcln_dw_slot slot,
                                      uint64_t otherwise) {
  return pcln_dw_has(a, slot) ? a->v[slot].u : otherwise;
}

// A cursor over one unit whose positions are section offsets.
static inline struct pcln_cursor
pcln_dw_unit_cursor(const struct pcln_dw *dw, const struct pcln_dw_unit *u,
                    uint64_t off) {
  struct pcln_cursor c =
      pcln_cursor_at(dw->sec.info.ptr, dw->sec.info.len, dw->sec.swap);
  c.end = c.start + u->end;
  c.pos = c.start + off;
  return c;
}

// Bytes of a form, or -1: varies, or -2: unknown.
int pcln_dw_form_size(unsigned form, struct pcln_dw_params p);
// Moves over a value; fails the cursor.
void pcln_dw_skip_form(struct pcln_cursor *c, unsigned form,
                       struct pcln_dw_params p);
// Reads the attributes that have slots and moves behind all of them.
void pcln_dw_read_attrs(struct pcln_cursor *c, const struct pcln_dw_unit *u,
                        const struct pcln_dw_abbrev *ab,
                        struct pcln_dw_attrs *out);
// A value of a form outside .debug_info (line table headers).
struct pcln_dw_value pcln_dw_read_value(struct pcln_cursor *c, unsigned form,
                                        struct pcln_dw_params p);
// Null: no string there, or in a file that we do not read.
const char *pcln_dw_string(const struct pcln_dw *dw,
                           const struct pcln_dw_unit *u,
                           const struct pcln_dw_value *v);
bool pcln_dw_address(const struct pcln_dw *dw, const struct pcln_dw_unit *u,
                     const struct pcln_dw_value *v, uint64_t *out);
// The section offset a reference leads to; false: not within .debug_info.
bool pcln_dw_reference(const struct pcln_dw_unit *u,
                       const struct pcln_dw_value *v, uint64_t *out);
// The linker discarded what this address belonged to.
static inline bool pcln_dw_dead(const struct pcln_dw *dw, uint64_t va) {
  return va < dw->text_lo || va >= dw->text_hi;
}

// The code of a DIE, range by range.
struct pcln_dw_ranges {
  const struct pcln_dw *dw;
  const struct pcln_dw_unit *unit;
  struct pcln_cursor c;
  uint64_t base, lo, hi;
  bool listed;    // ranges come from a list
  bool single;    // one range is pending in lo, hi
  bool base_dead; // offset pairs are relative to discarded code
  uint64_t work;  // entries read
  const char *region;
};
void pcln_dw_ranges_begin(struct pcln_dw_ranges *it, const struct pcln_dw *dw,
                          const struct pcln_dw_unit *u,
                          const struct pcln_dw_attrs *a);
// True: a live, non-empty range. False: the end, or it->c.failed.
bool pcln_dw_ranges_next(struct pcln_dw_ranges *it, uint64_t *lo, uint64_t *hi);

// --- The walk ---------------------------------------------------------------

// Which unit describes each of the module's functions.
struct pcln_dw_funcs {
  const struct pcln_module *module;
  const uint32_t *owner; // unit index, or PCLN_DW_UNOWNED
  const uint32_t *slot;  // place among its unit's functions
};
#define PCLN_DW_UNOWNED UINT32_MAX

// A function or an inlined call.
struct pcln_dw_node {
  uint64_t decl;   // the DIE that leads to its name, in .debug_info
  uint32_t parent; // node; PCLN_DW_ROOT in a function
  uint32_t depth;  // 0: a function
  uint32_t call_file, call_line;
};
#define PCLN_DW_ROOT UINT32_MAX

// Code of a node inside one of the unit's functions.
struct pcln_dw_piece {
  uint32_t slot;   // the function
  uint32_t lo, hi; // bytes from its entry
  uint32_t node;
};

enum { PCLN_DW_MAX_INLINE = 250 }; // below what a reader of tables follows

// What the walk over a unit finds, nodes and pieces in the order of the DIEs.
// Zeroed at first; reused from unit to unit.
struct pcln_dw_tree {
  struct pcln_dw_node *nodes;
  struct pcln_dw_piece *pieces;
  uint32_t *stack; // node by depth
  size_t n_nodes, cap_nodes, n_pieces, cap_pieces, cap_stack;
  size_t hint; // function found last
  uint64_t work;
};
void pcln_dw_tree_free(struct pcln_dw_tree *t);

// Reads the unit DIE: fills the unit's bases, comp_dir and so on. *attrs is
// left for the caller to begin the unit's ranges with.
PCLN_MUST_CHECK enum pcln_status pcln_dw_unit_die(const struct pcln_dw *dw,
                                                  struct pcln_dw_unit *u,
                                                  struct pcln_dw_attrs *attrs,
                                                  struct pcln_dw_notes *notes,
                                                  struct pcln_dw_fault *fault);
// Walks unit `idx` into *t.
PCLN_MUST_CHECK enum pcln_status
pcln_dw_walk(const struct pcln_dw *dw, uint32_t idx,
             const struct pcln_dw_funcs *funcs, struct pcln_dw_tree *t,
             struct pcln_dw_notes *notes, struct pcln_dw_fault *fault);
// The function at or after `va`, with a guess from the call before.
size_t pcln_dw_func_at(const struct pcln_module *m, uint64_t va, size_t *hint);

// --- Names ------------------------------------------------------------------

struct pcln_dw_name {
  const char *name; // linkage name, else plain name; null: unknown
  int32_t line;     // of the declaration; 0: unknown
  bool alt;         // a name is in a supplementary file
};
// What was found before, by DIE offset; direct-mapped, so bounded. `work` is
// charged for each question, found before or not: it must not depend on which
// worker was asked what.
enum { PCLN_DW_NAME_CACHE = 4096 };
struct pcln_dw_names {
  struct {
    uint64_t key; // offset + 1; 0: free
    uint64_t work;
    struct pcln_dw_name value;
  } entry[PCLN_DW_NAME_CACHE];
  uint64_t work;
};
// Follows the chain of origins from the DIE at `off`, which unit `u` refers
// to. What cannot be found stays unknown; notes say so.
struct pcln_dw_name pcln_dw_find_name(const struct pcln_dw *dw,
                                      const struct pcln_dw_unit *u,
                                      uint64_t off, struct pcln_dw_names *names,
                                      struct pcln_dw_notes *notes);

// Grows an array of `n` elements, whose pointer is at `array`, for one more;
// false: out of memory.
bool pcln_dw_grow(void *array, size_t *cap, size_t n, size_t elem);

#endif
