// SPDX-License-Identifier: Apache-2.0
//
// pcln_module: the one model in the middle. Sources (symbols, CFI, DWARF,
// annotations) only add to it; the encoder only reads it; the reader of any
// table version produces it. decode(encode(m)) equals m.
//
// Streams are kept in their table encoding (Go's pc-value pairs) from the
// start: that is their smallest form, it makes equal streams equal bytes, and
// it lets each worker thread finish a function on its own.
//
// Strings are borrowed: they point into the mapped input or an arena, and must
// outlive the module. Everything else the model owns through its arenas.
//
// Threads: a module is used by one thread at a time, but for functions that
// differ and arenas that differ: workers may fill different pcln_func_def at
// once, each allocating from its own arena.
#ifndef PCLNTAB_MODULE_H
#define PCLNTAB_MODULE_H

#include "pclntab.h"

// --- Arena: bump allocation, freed as a whole -------------------------------

struct pcln_arena {
  struct pcln_arena_block *head;
  uint8_t *pos, *end;
};
// Null when memory is out. Aligned to 8. `arena` starts zeroed.
void *pcln_arena_alloc(struct pcln_arena *arena, size_t len);
// A copy of `len` bytes plus a NUL.
char *pcln_arena_strdup(struct pcln_arena *arena, const char *s, size_t len);
void pcln_arena_free(struct pcln_arena *arena);

// --- Streams ----------------------------------------------------------------

// Builds one pc-value stream. Equal neighbouring runs are joined.
struct pcln_stream {
  uint8_t *buf; // grows by realloc; kept from stream to stream
  size_t len, cap;
  uint32_t quantum;
  uint32_t pc;          // bytes from entry where the pending run begins
  uint32_t pending_end; // and ends; == pc: none pending
  int32_t pending, last;
  bool no_memory;
};
void pcln_stream_init(struct pcln_stream *s, unsigned quantum);
void pcln_stream_free(struct pcln_stream *s);
// Forgets what was added; keeps the memory.
void pcln_stream_reset(struct pcln_stream *s);
// `value` holds from the end of the run before (at first: 0) up to `end_off`
// bytes from the function's entry. Calls with no new bytes are ignored.
void pcln_stream_add(struct pcln_stream *s, uint32_t end_off, int32_t value);
// Ends the stream and copies it, terminator included, into `arena`. An empty
// stream, or one that only ever says -1, gives an absent span. PCLN_NO_MEMORY.
PCLN_MUST_CHECK enum pcln_status pcln_stream_end(struct pcln_stream *s,
                                                 struct pcln_arena *arena,
                                                 struct pcln_span *out);

// --- The model --------------------------------------------------------------

// One inlined call. In pcln_func_def.inlines a call stands behind the call that
// encloses it.
struct pcln_inline_def {
  const char *name;
  uint32_t parent_pc; // bytes from entry; see docs/format.md, virtual pcs
  int32_t start_line;
  uint8_t func_id;
};

// A function: [va, va + size). Padding and unknown code between functions is
// not in the model; the encoder makes holes of the gaps.
struct pcln_func_def {
  uint64_t va;
  uint32_t size; // bytes, > 0
  uint32_t cu;   // index into pcln_module.cus, or PCLN_NO_CU: no lines
  const char *name;
  int32_t start_line, args;
  uint32_t deferreturn;
  uint8_t func_id, flags;
  struct pcln_span pcsp, pcfile, pcln; // with terminator; absent: none
  struct pcln_span *pcdata;            // n_pcdata of them
  struct pcln_span *funcdata; // n_funcdata; without inline tree, checkpoints
  struct pcln_inline_def *inlines;
  uint32_t n_pcdata, n_funcdata, n_inlines;
};

// A compilation unit's file numbers: pcfile values index `files`.
struct pcln_cu_def {
  const char **files; // null entry: no file
  uint32_t n_files;
};

// A variable in static storage that holds references; see format.h.
struct pcln_root_def {
  uint64_t off; // link-time address, or offset in thread-local storage
  uint32_t n_words, repeat;
  uint32_t flags;       // PCLN_ROOT_*
  const uint8_t *codes; // two-bit entries of n_words words
};

struct pcln_module {
  uint8_t ptr_size, quantum;
  bool big_endian;
  uint16_t machine;            // ELF e_machine
  uint8_t stackmap_bits;       // 0: no pointer maps
  struct pcln_func_def *funcs; // sorted by va, not overlapping
  size_t n_funcs, cap_funcs;
  struct pcln_cu_def *cus;
  size_t n_cus;
  struct pcln_rule *rules; // distinct; cfa_off is 0 with PCLN_CFA_SP_DELTA
  size_t n_rules, cap_rules;
  struct pcln_root_def *roots; // in any order; the encoder sorts
  size_t n_roots, cap_roots;
  uint8_t build_id[PCLN_BUILD_ID_MAX];
  uint32_t build_id_len;
  struct pcln_arena arena;    // for the thread that owns the module
  struct pcln_arena *workers; // for worker threads, n_workers of them
  size_t n_workers;
};

void pcln_module_init(struct pcln_module *m);
void pcln_module_free(struct pcln_module *m);

// Appends a function, in any order; pcln_module_sort() before anyone looks up.
PCLN_MUST_CHECK enum pcln_status
pcln_module_add_func(struct pcln_module *m, const struct pcln_func_def *f);
// Sorts by va. Overlaps are the source's to resolve first: PCLN_CORRUPT.
PCLN_MUST_CHECK enum pcln_status pcln_module_sort(struct pcln_module *m,
                                                  const struct pcln_sink *sink);
// The function that covers `va`, or null; and the first with va >= `va`.
struct pcln_func_def *pcln_module_find(const struct pcln_module *m,
                                       uint64_t va);
size_t pcln_module_lower_bound(const struct pcln_module *m, uint64_t va);
// Sets stream `index`; grows f->pcdata in `arena`.
PCLN_MUST_CHECK enum pcln_status pcln_func_set_pcdata(struct pcln_func_def *f,
                                                      uint32_t index,
                                                      struct pcln_span stream,
                                                      struct pcln_arena *arena);
PCLN_MUST_CHECK enum pcln_status
pcln_func_set_funcdata(struct pcln_func_def *f, uint32_t index,
                       struct pcln_span bytes, struct pcln_arena *arena);
// The number of a rule, added if new.
PCLN_MUST_CHECK enum pcln_status pcln_module_rule(struct pcln_module *m,
                                                  const struct pcln_rule *rule,
                                                  uint32_t *idx);
// Appends a root. Its codes are borrowed.
PCLN_MUST_CHECK enum pcln_status
pcln_module_add_root(struct pcln_module *m, const struct pcln_root_def *root);
// A copy of the roots, sorted by flags and then `off`, allocated with malloc;
// null: memory is out.
struct pcln_root_def *pcln_module_roots_sorted(const struct pcln_module *m);
// Gives the module `n` worker arenas (n >= 1), zeroed.
PCLN_MUST_CHECK enum pcln_status pcln_module_workers(struct pcln_module *m,
                                                     size_t n);
// Whether two models say the same. Files and unwind rules are compared by what
// they are, pc by pc, whatever the numbers of files, units and rules; all other
// streams, and inline trees, byte for byte and in order. Absent and empty are
// the same, and so is funcdata with up to 7 zero bytes more at its end, which
// is what a table's padding leaves (tables store no lengths).
bool pcln_module_equal(const struct pcln_module *a,
                       const struct pcln_module *b);

struct pcln_prefix_map { // as -ffile-prefix-map=OLD=NEW
  const char *from, *to;
};

// --- Encoder and decoder ----------------------------------------------------

struct pcln_encode_options {
  enum pcln_layout layout; // PCLN_GO_120 or PCLN_GO_118
  bool go_compat;          // set header textStart; PCLN_MODF_GO_COMPAT
  uint64_t header_va;      // where byte 0 will be; 0: a sidecar
  unsigned threads;        // >= 1; the bytes do not depend on it
};
struct pcln_encode_stats { // bytes
  size_t header, names, cutab, files, pctab, functab, records, funcdata,
      findfunctab, rules, roots, callees, total;
  size_t n_funcs, n_holes, n_inlines, n_streams, n_distinct_streams;
};
// The blob, allocated with malloc; the caller frees it. `stats` may be null.
PCLN_MUST_CHECK enum pcln_status
pcln_encode(const struct pcln_module *m, const struct pcln_encode_options *o,
            const struct pcln_sink *sink, uint8_t **bytes, size_t *len,
            struct pcln_encode_stats *stats);
// Reads a whole table into an initialised, empty module, which then borrows
// the table's bytes.
PCLN_MUST_CHECK enum pcln_status pcln_decode(const struct pcln_table *t,
                                             struct pcln_module *m,
                                             const struct pcln_sink *sink);

#endif
