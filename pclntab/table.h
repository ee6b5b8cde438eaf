// SPDX-License-Identifier: Apache-2.0
//
// Private to the lookup half: where the fields of a table's records are, for
// every layout and pointer size, and reading them without a bounds check where
// pcln_open() has already made one.
//
// A func record is the same sequence of 4-byte fields in every version; what
// differs is the width of the entry before it (a pointer until go1.17, 4 bytes
// since) and two fields that came in later (cuOffset in 1.16, startLine in
// 1.20). So three small numbers describe all six variants. Go 1.2 to 1.11 count
// funcdata in 4 bytes, where funcID, padding and a count of one byte are later;
// the magic does not tell them apart, only a known release does. Where it is
// not known, a record is read as that of go1.12, and one of an older release
// then seems to have no funcdata (little endian) and a funcID of that count.
#ifndef PCLNTAB_TABLE_H
#define PCLNTAB_TABLE_H

#include "bytes.h"
#include "go_funcdata.h"
#include "pclntab.h"

// Offsets from the record's start, in bytes; 0: the layout has no such field.
struct pcln_rec_layout {
  uint8_t entry_size; // width of entry; the fields below follow it directly
  uint8_t cu_offset;
  uint8_t start_line;
  uint8_t func_id; // flag, pad and nfuncdata are the next three bytes
  uint8_t size;    // of the fixed part
};

// Offsets of the fields that every layout has, from the end of `entry`.
enum {
  PCLN_REC_NAME = 0,
  PCLN_REC_ARGS = 4,
  PCLN_REC_DEFERRETURN = 8,
  PCLN_REC_PCSP = 12,
  PCLN_REC_PCFILE = 16,
  PCLN_REC_PCLN = 20,
  PCLN_REC_NPCDATA = 24,
};

static inline const struct pcln_rec_layout *
pcln_rec_layout(const struct pcln_table *t) {
  static const struct pcln_rec_layout layouts[][2] = {
      // 32-bit, 64-bit
      [PCLN_GO_12] = {{4, 0, 0, 32, 36}, {8, 0, 0, 36, 40}},
      [PCLN_GO_116] = {{4, 32, 0, 36, 40}, {8, 36, 0, 40, 44}},
      [PCLN_GO_118] = {{4, 32, 0, 36, 40}, {4, 32, 0, 36, 40}},
      [PCLN_GO_120] = {{4, 32, 36, 40, 44}, {4, 32, 36, 40, 44}},
  };
  return &layouts[t->layout][t->ptr_size == 8];
}

// Bytes of a functab entry: two offsets since go1.18, two pointers before.
static inline size_t pcln_functab_entry_size(const struct pcln_table *t) {
  return t->layout >= PCLN_GO_118 ? (size_t)PCLN_GO_FUNCTAB_ENTRY
                                  : 2 * (size_t)t->ptr_size;
}

static inline uint64_t pcln_load_ptr(const struct pcln_table *t,
                                     const uint8_t *p) {
  return t->ptr_size == 8 ? pcln_load64(p, t->swap) : pcln_load32(p, t->swap);
}

// The pc of functab entry `i` as an offset from text_start; i <= n_funcs, where
// n_funcs is the end marker. Before go1.18 the table holds addresses; there
// text_start is the first of them, so that a load bias moves all alike.
static inline uint64_t pcln_functab_pc(const struct pcln_table *t, size_t i) {
  if (t->layout >= PCLN_GO_118)
    return pcln_load32(t->functab.ptr + i * PCLN_GO_FUNCTAB_ENTRY, t->swap);
  return pcln_load_ptr(t, t->functab.ptr + i * 2 * (size_t)t->ptr_size) -
         pcln_load_ptr(t, t->functab.ptr);
}

// Bytes from the start of functab to the record of entry `i`; i < n_funcs.
static inline uint64_t pcln_functab_rec(const struct pcln_table *t, size_t i) {
  if (t->layout >= PCLN_GO_118)
    return pcln_load32(t->functab.ptr + i * PCLN_GO_FUNCTAB_ENTRY + 4, t->swap);
  const uint64_t off =
      pcln_load_ptr(t, t->functab.ptr + (i * 2 + 1) * (size_t)t->ptr_size);
  if (t->layout == PCLN_GO_116)
    return off;
  // Before go1.16 offsets count from the table's byte 0. What would be negative
  // wraps, and fails the caller's bounds check.
  return off - (uint64_t)(t->functab.ptr - t->pclntab.ptr);
}

// Bytes that findfunctab has for the table's text; n_funcs > 0.
static inline uint64_t pcln_findfunc_size(const struct pcln_table *t) {
  const uint64_t len = t->text_len - pcln_functab_pc(t, 0);
  return 4 * ((len + PCLN_FINDFUNC_BUCKET - 1) / PCLN_FINDFUNC_BUCKET) +
         (len + PCLN_FINDFUNC_SUBBUCKET - 1) / PCLN_FINDFUNC_SUBBUCKET;
}

// Entries of a record's PCDATA or FUNCDATA array; in a packed record only those
// in `mask` are there, else `n`.
static inline uint32_t pcln_n_slots(const struct pcln_table *t, uint32_t mask,
                                    uint32_t n) {
  return t->flags & PCLN_MODF_PACKED ? (uint32_t)__builtin_popcount(mask) : n;
}

// The array's entry for `index`, which is below `n`; false: it is absent.
static inline bool pcln_slot(const struct pcln_table *t, uint32_t mask,
                             uint32_t index, uint32_t *slot) {
  *slot = index;
  if (!(t->flags & PCLN_MODF_PACKED))
    return true;
  *slot = (uint32_t)__builtin_popcount(mask & ((1u << index) - 1));
  return mask >> index & 1;
}

// Where the funcdata array of the record begins, from the start of functab.
// Until go1.17 it holds pointers, and is aligned for them if there are any.
static inline uint64_t pcln_funcdata_array(const struct pcln_table *t,
                                           const struct pcln_func *f) {
  const uint64_t off =
      (uint64_t)f->rec_off + pcln_rec_layout(t)->size +
      4 * (uint64_t)pcln_n_slots(t, f->pcdata_mask, f->n_pcdata);
  if (t->layout >= PCLN_GO_118 || f->n_funcdata == 0)
    return off;
  return (off + t->ptr_size - 1) & ~(uint64_t)(t->ptr_size - 1u);
}

static inline unsigned pcln_funcdata_size(const struct pcln_table *t) {
  return t->layout >= PCLN_GO_118 ? 4u : t->ptr_size;
}

// Bytes from the start of the funcdata area to FUNCDATA number `slot` of the
// record; `word` is the record's entry. PCLN_NOT_FOUND: absent. PCLN_CORRUPT:
// it is outside of the area, which has `len` bytes.
static inline enum pcln_status pcln_funcdata_off(const struct pcln_table *t,
                                                 const uint8_t *word,
                                                 uint64_t len, uint64_t *off) {
  if (t->layout >= PCLN_GO_118) {
    *off = pcln_load32(word, t->swap);
    if (*off == PCLN_NO_FUNCDATA)
      return PCLN_NOT_FOUND;
  } else { // an address; what is below the area wraps and is out of bounds
    *off = pcln_load_ptr(t, word);
    if (*off == 0)
      return PCLN_NOT_FOUND;
    *off -= t->funcdata_va;
  }
  return *off > len ? PCLN_CORRUPT : PCLN_OK;
}

// The record's end, from the start of functab.
static inline uint64_t pcln_record_end(const struct pcln_table *t,
                                       const struct pcln_func *f) {
  return pcln_funcdata_array(t, f) +
         (uint64_t)pcln_n_slots(t, f->funcdata_mask, f->n_funcdata) *
             pcln_funcdata_size(t);
}

// Whether the table is of go1.2 to go1.11, for sure.
static inline bool pcln_has_old_records(const struct pcln_table *t) {
  return t->layout == PCLN_GO_12 && t->go_minor >= 2 && t->go_minor <= 11;
}

// Bytes of an inline record.
static inline unsigned pcln_inline_size(const struct pcln_table *t) {
  if (pcln_has_old_records(t))
    return PCLN_GO19_INLINE_SIZE;
  return t->layout >= PCLN_GO_120 ? PCLN_GO120_INLINE_SIZE
                                  : PCLN_GO118_INLINE_SIZE;
}

// Ends a step of an iterator over `*left` items from `*pos` on: `ok` if one was
// read up to where `c` is.
static inline bool pcln_step_end(bool ok, const struct pcln_cursor *c,
                                 const uint8_t **pos, uint32_t *left,
                                 enum pcln_status *status) {
  *pos = c->pos;
  *left = ok ? *left - 1 : 0;
  if (!ok)
    *status = PCLN_CORRUPT;
  return ok;
}

// --- Opening ----------------------------------------------------------------

// Bytes of a table, wherever they are: a copy of `len` bytes at `off`, or of
// fewer at the end. Opening looks at few of them, so it can ask for each.
struct pcln_peek {
  size_t (*read)(void *ctx, uint64_t off, void *buf, size_t len);
  void *ctx;
  uint64_t len; // of all
};

// A part of the table, in bytes from byte 0 of what is read.
struct pcln_extent {
  uint64_t off, len; // len 0: absent, where a part may be
};

// What the headers say: a table without its bytes. Of strings it is not known
// here that they end.
struct pcln_headers {
  struct pcln_table t; // all but the spans
  struct pcln_extent blob, pclntab, names, cutab, files, pctab, functab;
  // Ours.
  struct pcln_extent funcdata, findfunctab, rules, roots, callees, build_id;
};

// Reads and checks the headers; statuses are those of pcln_open().
PCLN_MUST_CHECK enum pcln_status
pcln_read_headers(const struct pcln_peek *in,
                  const struct pcln_open_options *options,
                  const struct pcln_sink *sink, struct pcln_headers *out);

// --- Streams and inline trees -----------------------------------------------

// As pcln_stream_find(), but tells of PCLN_NOT_FOUND where it holds: *out is
// then filled with the value -1 and the pcs behind the stream's end, or all
// pcs.
PCLN_MUST_CHECK enum pcln_status pcln_run_at(const struct pcln_table *t,
                                             const struct pcln_func *f,
                                             uint32_t stream, uint64_t pc,
                                             struct pcln_run *out);

// Where the bytes behind a stream's terminator begin, from pctab's start.
// PCLN_CORRUPT: the stream is absent, malformed or leaves pctab.
PCLN_MUST_CHECK enum pcln_status pcln_behind_stream(const struct pcln_table *t,
                                                    const struct pcln_func *f,
                                                    uint32_t stream,
                                                    uint32_t *off);

// What PCDATA `index` says behind the end of its stream.
static inline int32_t pcln_pcdata_behind(const struct pcln_table *t,
                                         const struct pcln_func *f,
                                         uint32_t index) {
  return index == PCLN_PCDATA_STACKMAP && t->flags & PCLN_MODF_COMPACT_MAPS &&
                 pcln_pcdata_stream(t, f, index)
             ? PCLN_STACKMAP_NO_SAFEPOINT
             : -1;
}

// The values of several streams at one pc, -1 where nothing is said; streams
// may be absent. The bytes of all are fetched before the first is decoded: they
// stand far apart, and waiting for memory is most of a cold lookup.
enum { PCLN_N_VALUES = 3 };
PCLN_MUST_CHECK enum pcln_status
pcln_values_at(const struct pcln_table *t, const struct pcln_func *f,
               const uint32_t streams[PCLN_N_VALUES], uint64_t pc,
               int32_t values[PCLN_N_VALUES]);

// One record of an inline tree. Since go1.12 parentPc names a pc at which the
// streams describe the place of the call; `parent`, `file` and `line` say the
// same and are not read. Older records have only those.
struct pcln_inline {
  uint32_t name_off;
  uint32_t parent_pc; // bytes from the physical function's entry
  int32_t start_line; // 0 before go1.20
  uint8_t func_id;
  bool by_pc;         // parent_pc counts; else:
  int32_t parent;     // the enclosing inlined call, or -1
  int32_t file, line; // of the call
};

// A record of a compact inline tree (format.h).
struct pcln_compact {
  size_t off; // bytes from the tree's start to the callee's number
  uint32_t callee, parent_pc;
  bool wide_callee; // the number has 4 bytes, else 2
};

// Reads record `idx`; false: the tree is malformed or has no such record.
static inline bool pcln_compact_at(struct pcln_span tree, uint32_t idx,
                                   bool swap, struct pcln_compact *out) {
  if (!tree.len ||
      tree.ptr[0] > (PCLN_INLINE_WIDE_CALLEE | PCLN_INLINE_WIDE_PC))
    return false;
  const bool wide_callee = tree.ptr[0] & PCLN_INLINE_WIDE_CALLEE;
  const bool wide_pc = tree.ptr[0] & PCLN_INLINE_WIDE_PC;
  const size_t size = (wide_callee ? 4u : 2u) + (wide_pc ? 4u : 2u);
  if (idx >= (tree.len - 1) / size)
    return false;
  const size_t off = 1 + idx * size;
  const uint8_t *r = tree.ptr + off, *pc = r + (wide_callee ? 4 : 2);
  *out = (struct pcln_compact){
      .off = off,
      .callee = wide_callee ? pcln_load32(r, swap) : pcln_load16(r, swap),
      .parent_pc = wide_pc ? pcln_load32(pc, swap) : pcln_load16(pc, swap),
      .wide_callee = wide_callee};
  return true;
}

// Reads record `idx` of the function's inline tree. PCLN_NOT_FOUND: the table
// comes without its funcdata. PCLN_CORRUPT: the record is outside of it.
PCLN_MUST_CHECK enum pcln_status pcln_inline_at(const struct pcln_table *t,
                                                const struct pcln_func *f,
                                                uint32_t idx,
                                                struct pcln_inline *out);

// The name at `off` in funcnametab; null if it is outside. pcln_open() made
// sure that every name in the region ends.
static inline const char *pcln_name_at(const struct pcln_table *t,
                                       uint32_t off) {
  return off < t->names.len ? (const char *)t->names.ptr + off : NULL;
}

// Whether the record at `r` is that of a hole. Go's linker gives functions of C
// code that it links itself no unit either, but they have names.
static inline bool pcln_is_hole(const struct pcln_table *t, const uint8_t *r) {
  const struct pcln_rec_layout *l = pcln_rec_layout(t);
  if (!l->cu_offset || pcln_load32(r + l->cu_offset, t->swap) != PCLN_NO_CU)
    return false;
  const char *name =
      pcln_name_at(t, pcln_load32(r + l->entry_size + PCLN_REC_NAME, t->swap));
  return t->ours || !name || !*name;
}

// The inline tree's numbers; UINT32_MAX where the release is not known and they
// depend on it. That is asked at each lookup, so the common case is inline.
static inline uint32_t pcln_pcdata_inltree(const struct pcln_table *t) {
  return t->layout > PCLN_GO_12 ? PCLN_PCDATA_INLTREE
                                : pcln_pcdata_index(t, PCLN_PD_INLTREE);
}
static inline uint32_t pcln_funcdata_inltree(const struct pcln_table *t) {
  return t->layout > PCLN_GO_12 ? PCLN_FUNCDATA_INLTREE
                                : pcln_funcdata_index(t, PCLN_FD_INLTREE);
}

// The size of a return address that a call pushes. A bare Go table does not
// name its machine; there, unless the caller did, a quantum of 1 means 386 or
// amd64 (wasm has no pcs).
static inline int32_t pcln_pushed_ra(const struct pcln_table *t) {
  enum { MACHINE_386 = 3, MACHINE_X86_64 = 62 };
  const bool x86 = t->ours || t->machine ? t->machine == MACHINE_386 ||
                                               t->machine == MACHINE_X86_64
                                         : t->quantum == 1;
  return x86 ? t->ptr_size : 0;
}

// pcln_rule_at() in two steps, for those who walk the streams themselves. First
// the rule for the value of PCDATA_Unwind, -1 where it says nothing:
// PCLN_CORRUPT: there is no such rule. Then, if that is PCLN_CFA_SP_DELTA, the
// rule for the value of pcsp.
PCLN_MUST_CHECK enum pcln_status pcln_rule_base(const struct pcln_table *t,
                                                int32_t unwind,
                                                struct pcln_rule *out);
void pcln_rule_depth(const struct pcln_table *t, int32_t pcsp,
                     struct pcln_rule *rule);

// As pcln_find_func(), but only what unwinding needs is set in *out: entry,
// end, pcsp, n_pcdata, n_funcdata, rec_off and hole.
PCLN_MUST_CHECK enum pcln_status
pcln_find_frame(const struct pcln_table *t, uint64_t pc, struct pcln_func *out);

#endif
