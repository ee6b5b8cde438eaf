// SPDX-License-Identifier: Apache-2.0
//
// From a pc to its function, its names and its files.
//
// functab is read without checks, since pcln_open() made them; whatever it
// points to (records, names, funcdata) is checked at each use, because a table
// may be used without pcln_verify() having seen it.
//
// A pc is found through findfunctab where the table has one: 20 bytes for each
// 4096 of text that lead to a function at or before the pc, from which the
// lookup walks on. It is a hint and never trusted: if it points behind the pc,
// or too far before it, a binary search answers instead.
//
// Names and files: pcln_open() shortens both regions to their last NUL, so an
// offset inside a region is a string that ends inside.
//
// Called from signal handlers: no allocation, no locks, no stdio.
#include "table.h"

// --- Functions --------------------------------------------------------------

static uint32_t highest_plus_1(uint32_t mask) {
  return mask ? 32 - (uint32_t)__builtin_clz(mask) : 0;
}

// A packed record has masks in the place of counts.
static void unpack_masks(struct pcln_func *f, uint8_t pad) {
  f->pcdata_mask = f->n_pcdata;
  f->funcdata_mask = f->n_funcdata | (uint32_t)pad << 8;
  f->n_pcdata = highest_plus_1(f->pcdata_mask);
  f->n_funcdata = highest_plus_1(f->funcdata_mask);
}

// Records of go1.2 to go1.11 have a count of FUNCDATA in four bytes where later
// ones have funcID, flags and a count; and go1.11 a funcID where later ones
// have deferreturn, which until then was a size that nobody read.
static void read_old_fields(const struct pcln_table *t, const uint8_t *r,
                            const struct pcln_rec_layout *l,
                            struct pcln_func *f) {
  enum { FIRST_FUNC_ID = 11 }; // release
  f->n_funcdata = pcln_load32(r + l->func_id, t->swap);
  f->flags = 0;
  f->func_id = t->go_minor == FIRST_FUNC_ID ? (uint8_t)f->deferreturn : 0;
  f->deferreturn = 0;
}

// Fills *out from functab entry `idx`, which exists.
static enum pcln_status load_func(const struct pcln_table *t, uint32_t idx,
                                  struct pcln_func *out) {
  const uint64_t rec = pcln_functab_rec(t, idx);
  const struct pcln_rec_layout *l = pcln_rec_layout(t);
  const uint64_t entry = pcln_functab_pc(t, idx);
  const uint64_t end = pcln_functab_pc(t, (size_t)idx + 1);
  if (rec > UINT32_MAX || t->functab.len < l->size ||
      rec > t->functab.len - l->size || end < entry)
    return PCLN_CORRUPT;
  const uint8_t *r = t->functab.ptr + rec, *f = r + l->entry_size;
  const bool swap = t->swap;
  struct pcln_func n = {
      .entry = t->text_start + entry,
      .end = t->text_start + end,
      .idx = idx,
      .args = (int32_t)pcln_load32(f + PCLN_REC_ARGS, swap),
      .deferreturn = pcln_load32(f + PCLN_REC_DEFERRETURN, swap),
      .func_id = r[l->func_id],
      .flags = r[l->func_id + 1],
      .pcsp = pcln_load32(f + PCLN_REC_PCSP, swap),
      .pcfile = pcln_load32(f + PCLN_REC_PCFILE, swap),
      .pcln = pcln_load32(f + PCLN_REC_PCLN, swap),
      .n_pcdata = pcln_load32(f + PCLN_REC_NPCDATA, swap),
      .n_funcdata = r[l->func_id + 3],
      .rec_off = (uint32_t)rec,
  };
  if (l->cu_offset) {
    n.cu_offset = pcln_load32(r + l->cu_offset, swap);
    n.hole = pcln_is_hole(t, r);
  }
  if (l->start_line)
    n.start_line = (int32_t)pcln_load32(r + l->start_line, swap);
  if (t->flags & PCLN_MODF_PACKED)
    unpack_masks(&n, r[l->func_id + 2]);
  else if (pcln_has_old_records(t))
    read_old_fields(t, r, l, &n);
  n.name = n.hole ? "" : pcln_name_at(t, pcln_load32(f + PCLN_REC_NAME, swap));
  if (!n.name || pcln_record_end(t, &n) > t->functab.len)
    return PCLN_CORRUPT;
  *out = n;
  return PCLN_OK;
}

// The last entry with a pc <= off, in [lo, n_funcs); lo's pc is <= off.
static uint32_t search(const struct pcln_table *t, uint32_t lo, uint64_t off) {
  uint32_t hi = t->n_funcs; // exclusive
  while (hi - lo > 1) {
    const uint32_t mid = lo + (hi - lo) / 2;
    if (pcln_functab_pc(t, mid) <= off)
      lo = mid;
    else
      hi = mid;
  }
  return lo;
}

// What findfunctab says of the byte `x` from the first function, or n_funcs.
static uint32_t hint(const struct pcln_table *t, uint64_t x) {
  const uint64_t bucket = x / PCLN_FINDFUNC_BUCKET * PCLN_FINDFUNC_RECORD;
  const uint64_t sub =
      bucket + 4 + x % PCLN_FINDFUNC_BUCKET / PCLN_FINDFUNC_SUBBUCKET;
  if (sub >= t->findfunctab.len)
    return t->n_funcs;
  const uint8_t *p = t->findfunctab.ptr;
  const uint64_t i = (uint64_t)pcln_load32(p + bucket, t->swap) + p[sub];
  return i < t->n_funcs ? (uint32_t)i : t->n_funcs;
}

// The functab index that covers `off`; functab is not empty and its first pc
// is <= off < text_len.
static uint32_t find_index(const struct pcln_table *t, uint64_t off) {
  enum { MAX_WALK = 24 }; // functions; a bucket of tiny ones is searched
  const uint64_t first = pcln_functab_pc(t, 0);
  uint32_t i = hint(t, off - first);
  if (i == t->n_funcs || pcln_functab_pc(t, i) > off)
    return search(t, 0, off);
  for (int step = 0; step < MAX_WALK; step++, i++)
    if (i + 1 == t->n_funcs || pcln_functab_pc(t, (size_t)i + 1) > off)
      return i;
  return search(t, i, off);
}

enum pcln_status pcln_find_func(const struct pcln_table *t, uint64_t pc,
                                struct pcln_func *out) {
  const uint64_t off = pc - t->text_start;
  if (pc < t->text_start || off >= t->text_len || t->n_funcs == 0 ||
      pcln_functab_pc(t, 0) > off)
    return PCLN_NOT_FOUND;
  return load_func(t, find_index(t, off), out);
}

// Stores into *out field by field: a copy of the whole struct waits for each
// store before it, which costs as much again as all the loads.
enum pcln_status pcln_find_frame(const struct pcln_table *t, uint64_t pc,
                                 struct pcln_func *out) {
  const uint64_t off = pc - t->text_start;
  if (pc < t->text_start || off >= t->text_len || t->n_funcs == 0 ||
      pcln_functab_pc(t, 0) > off)
    return PCLN_NOT_FOUND;
  const uint32_t idx = find_index(t, off);
  const uint64_t rec = pcln_functab_rec(t, idx);
  const struct pcln_rec_layout *l = pcln_rec_layout(t);
  if (rec > UINT32_MAX || t->functab.len < l->size ||
      rec > t->functab.len - l->size)
    return PCLN_CORRUPT;
  const uint8_t *r = t->functab.ptr + rec, *f = r + l->entry_size;
  out->entry = t->text_start + pcln_functab_pc(t, idx);
  out->end = t->text_start + pcln_functab_pc(t, (size_t)idx + 1);
  out->pcsp = pcln_load32(f + PCLN_REC_PCSP, t->swap);
  out->n_pcdata = pcln_load32(f + PCLN_REC_NPCDATA, t->swap);
  out->n_funcdata = r[l->func_id + 3];
  if (t->flags & PCLN_MODF_PACKED)
    unpack_masks(out, r[l->func_id + 2]);
  out->rec_off = (uint32_t)rec;
  out->hole = pcln_is_hole(t, r);
  return PCLN_OK;
}

enum pcln_status pcln_func_at(const struct pcln_table *t, uint32_t idx,
                              struct pcln_func *out) {
  return idx < t->n_funcs ? load_func(t, idx, out) : PCLN_NOT_FOUND;
}

// --- What a function's record leads to --------------------------------------

enum pcln_status pcln_funcdata(const struct pcln_table *t,
                               const struct pcln_func *f, uint32_t index,
                               struct pcln_span *out) {
  uint32_t slot;
  if (index >= f->n_funcdata || !t->funcdata.ptr ||
      !pcln_slot(t, f->funcdata_mask, index, &slot))
    return PCLN_NOT_FOUND;
  const uint64_t at =
      pcln_funcdata_array(t, f) + (uint64_t)slot * pcln_funcdata_size(t);
  if (at + pcln_funcdata_size(t) > t->functab.len)
    return PCLN_CORRUPT;
  uint64_t off;
  const enum pcln_status status =
      pcln_funcdata_off(t, t->functab.ptr + at, t->funcdata.len, &off);
  if (status == PCLN_CORRUPT && t->layout < PCLN_GO_118 && t->at) {
    // Not in the area, but perhaps elsewhere in the program.
    *out = t->at(t->at_ctx, pcln_load_ptr(t, t->functab.ptr + at));
    return out->ptr ? PCLN_OK : PCLN_CORRUPT;
  }
  if (status != PCLN_OK)
    return status;
  *out = (struct pcln_span){.ptr = t->funcdata.ptr + off,
                            .len = t->funcdata.len - (size_t)off};
  return PCLN_OK;
}

const char *pcln_file_name(const struct pcln_table *t,
                           const struct pcln_func *f, int32_t file) {
  const size_t n = t->cutab.len / 4;
  uint64_t slot;
  if (t->layout == PCLN_GO_12) { // slot 0 holds the count
    if (file < 1)
      return NULL;
    slot = (uint64_t)file;
  } else {
    if (file < 0 || f->cu_offset == PCLN_NO_CU)
      return NULL;
    slot = (uint64_t)f->cu_offset + (uint64_t)file;
  }
  if (slot >= n)
    return NULL;
  const uint32_t off = pcln_load32(t->cutab.ptr + slot * 4, t->swap);
  return off < t->files.len ? (const char *)t->files.ptr + off : NULL;
}
