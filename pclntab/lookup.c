// SPDX-License-Identifier: Apache-2.0
//
// Opening a table, and from a pc to its function, its names and its files.
//
// Opening reads the headers and checks that every part lies inside the bytes,
// in the order that the format fixes, and that functab has room for what the
// header counts. After that functab is read without further checks; whatever
// it points to (records, names, funcdata) is checked at each use, because a
// table may be used without pcln_verify() having seen it.
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

#include <string.h>

// --- Opening ----------------------------------------------------------------

static enum pcln_status corrupt(const struct pcln_sink *sink, const char *fault,
                                const char *region, uint64_t off,
                                const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = fault,
                                       .region = region,
                                       .region_off = off,
                                       .text = text});
  return PCLN_CORRUPT;
}

static struct pcln_span sub_span(struct pcln_span s, uint64_t lo, uint64_t hi) {
  return (struct pcln_span){.ptr = s.ptr + lo, .len = (size_t)(hi - lo)};
}

// The region up to and with its last NUL.
static struct pcln_span strings_of(struct pcln_span s) {
  while (s.len && s.ptr[s.len - 1] != 0)
    s.len--;
  return s;
}

// {u32 offset; u32 length} at `at` in the module header.
static bool module_part(const struct pcln_table *t, size_t at,
                        struct pcln_span *out) {
  const uint32_t off = pcln_load32(t->blob.ptr + at, t->swap);
  const uint32_t len = pcln_load32(t->blob.ptr + at + 4, t->swap);
  if (len == 0)
    return true; // absent
  if (off < PCLN_MOD_SIZE || off > t->blob.len || len > t->blob.len - off)
    return false;
  *out = (struct pcln_span){.ptr = t->blob.ptr + off, .len = len};
  return true;
}

// The callees reach up to the end of the table.
static bool module_callees(struct pcln_table *t) {
  const uint32_t off = pcln_load32(t->blob.ptr + PCLN_MOD_CALLEES, t->swap);
  if (off == 0)
    return true; // absent
  if (off < PCLN_MOD_SIZE || off > t->blob.len ||
      (t->blob.len - off) % PCLN_CALLEE_SIZE != 0)
    return false;
  t->callees =
      (struct pcln_span){.ptr = t->blob.ptr + off, .len = t->blob.len - off};
  return true;
}

// Reads our header at t->blob, which begins with the magic.
static enum pcln_status open_module(struct pcln_table *t,
                                    const struct pcln_sink *sink) {
  const uint8_t *h = t->blob.ptr;
  if (t->blob.len < PCLN_MOD_SIZE)
    return corrupt(sink, "module-short", "module header", 0,
                   "the module header is cut off");
  const uint16_t version = pcln_load16(h + PCLN_MOD_VERSION, false);
  t->swap = (version & 0xff) == 0; // versions stay below 256
  if (pcln_load16(h + PCLN_MOD_VERSION, t->swap) != PCLN_MODULE_VERSION)
    return PCLN_UNSUPPORTED;
  const uint64_t len = pcln_load64(h + PCLN_MOD_BLOB_LEN, t->swap);
  if (len < PCLN_MOD_SIZE || len > t->blob.len)
    return corrupt(sink, "module-short", "module header", PCLN_MOD_BLOB_LEN,
                   "the table is longer than the bytes that hold it");
  t->blob.len = (size_t)len;
  t->ours = true;
  t->flags = pcln_load32(h + PCLN_MOD_FLAGS, t->swap);
  t->stackmap_bits = h[PCLN_MOD_STACKMAP_BITS];
  t->header_va = pcln_load64(h + PCLN_MOD_HEADER_VA, t->swap);
  t->text_start = pcln_load64(h + PCLN_MOD_TEXT_VA, t->swap);
  t->machine = pcln_load16(h + PCLN_MOD_MACHINE, t->swap);
  if (!module_part(t, PCLN_MOD_PCLNTAB, &t->pclntab) ||
      !module_part(t, PCLN_MOD_FUNCDATA, &t->funcdata) ||
      !module_part(t, PCLN_MOD_FINDFUNCTAB, &t->findfunctab) ||
      !module_part(t, PCLN_MOD_RULES, &t->rules) || !module_callees(t))
    return corrupt(sink, "module-part", "module header", PCLN_MOD_PCLNTAB,
                   "a part of the table lies outside of it");
  const uint32_t id_len = pcln_load32(h + PCLN_MOD_BUILD_ID_LEN, t->swap);
  if (id_len > PCLN_BUILD_ID_MAX)
    return corrupt(sink, "module-build-id", "module header",
                   PCLN_MOD_BUILD_ID_LEN, "the build-id is too long");
  if (id_len)
    t->build_id =
        (struct pcln_span){.ptr = h + PCLN_MOD_BUILD_ID, .len = id_len};
  return PCLN_OK;
}

// The magic in either byte order; the swapped values are not magics.
static bool go_magic(uint32_t magic, enum pcln_layout *layout) {
  switch (magic) {
  case PCLN_GO_MAGIC_12:
    *layout = PCLN_GO_12;
    return true;
  case PCLN_GO_MAGIC_116:
    *layout = PCLN_GO_116;
    return true;
  case PCLN_GO_MAGIC_118:
    *layout = PCLN_GO_118;
    return true;
  case PCLN_GO_MAGIC_120:
    *layout = PCLN_GO_120;
    return true;
  default:
    return false;
  }
}

// Reads the fixed 8 bytes of Go's header.
static enum pcln_status open_fixed(struct pcln_table *t,
                                   const struct pcln_sink *sink) {
  const struct pcln_span s = t->pclntab;
  if (s.len < PCLN_GO_HDR_WORDS)
    return t->ours ? corrupt(sink, "header-short", "pclntab", 0,
                             "the header is cut off")
                   : PCLN_NOT_FOUND;
  bool swap = false;
  if (!go_magic(pcln_load32(s.ptr, false), &t->layout)) {
    swap = true;
    if (!go_magic(pcln_load32(s.ptr, true), &t->layout))
      return t->ours ? corrupt(sink, "header-magic", "pclntab", 0,
                               "no known magic number")
                     : PCLN_NOT_FOUND;
  }
  if (t->ours && swap != t->swap)
    return corrupt(sink, "header-magic", "pclntab", 0,
                   "the byte order is not the module header's");
  if (t->ours && t->layout < PCLN_GO_118)
    return corrupt(sink, "module-layout", "pclntab", 0,
                   "a module header stands before a table older than go1.18");
  t->swap = swap;
  t->quantum = s.ptr[PCLN_GO_HDR_QUANTUM];
  t->ptr_size = s.ptr[PCLN_GO_HDR_PTRSIZE];
  if (s.ptr[4] || s.ptr[5] ||
      (t->quantum != 1 && t->quantum != 2 && t->quantum != 4) ||
      (t->ptr_size != 4 && t->ptr_size != 8))
    return corrupt(sink, "header-fields", "pclntab", 4,
                   "padding, quantum or pointer size cannot be right");
  if (t->ours && t->blob.ptr[PCLN_MOD_PTRSIZE] != t->ptr_size)
    return corrupt(sink, "header-fields", "module header", PCLN_MOD_PTRSIZE,
                   "the pointer size is not that of the pclntab header");
  return PCLN_OK;
}

// Regions of go1.16 and later: the offsets are header words and increase
// strictly; the first may be the header's end.
static enum pcln_status open_regions(struct pcln_table *t, const uint64_t *w,
                                     uint64_t header_len,
                                     const struct pcln_sink *sink) {
  const struct pcln_span s = t->pclntab;
  uint64_t prev = header_len;
  for (int i = 0; i < 5; i++) {
    if (w[i] < prev || w[i] > s.len)
      return corrupt(sink, "header-order", "pclntab", header_len,
                     "the regions are not in order inside the table");
    prev = w[i] + 1;
  }
  t->names = strings_of(sub_span(s, w[0], w[1]));
  t->cutab = sub_span(s, w[1], w[2]);
  t->files = strings_of(sub_span(s, w[2], w[3]));
  t->pctab = sub_span(s, w[3], w[4]);
  t->functab = sub_span(s, w[4], s.len);
  return PCLN_OK;
}

// Regions before go1.16: everything counts from byte 0, and the file table's
// offset stands behind functab.
static enum pcln_status open_regions_12(struct pcln_table *t, uint64_t n_funcs,
                                        const struct pcln_sink *sink) {
  const struct pcln_span s = t->pclntab;
  const unsigned p = t->ptr_size;
  struct pcln_cursor c = pcln_cursor_at(s.ptr, s.len, t->swap);
  pcln_seek(&c, PCLN_GO_HDR_WORDS + (uint64_t)p);
  t->functab = sub_span(s, pcln_tell(&c), s.len);
  if (n_funcs < s.len / p)
    pcln_skip(&c, n_funcs * 2 * p + p);
  const uint32_t files = pcln_u32(&c);
  pcln_seek(&c, files);
  const uint32_t slots = pcln_u32(&c);
  if (c.failed || slots > s.len / 4 || files + 4 * (uint64_t)slots > s.len)
    return corrupt(sink, "header-order", "pclntab", PCLN_GO_HDR_WORDS,
                   "the file table is not inside the table");
  t->cutab = sub_span(s, files, files + (slots ? 4 * (uint64_t)slots : 4));
  t->names = t->files = strings_of(s);
  t->pctab = s;
  return PCLN_OK;
}

static enum pcln_status open_words(struct pcln_table *t, uint64_t *text_start,
                                   const struct pcln_sink *sink) {
  static const uint8_t n_words[] = {1, 7, 8, 8}; // by layout
  const uint64_t header_len =
      PCLN_GO_HDR_WORDS + (uint64_t)n_words[t->layout] * t->ptr_size;
  if (header_len > t->pclntab.len)
    return corrupt(sink, "header-short", "pclntab", 0, "the header is cut off");
  uint64_t w[PCLN_GO_N_WORDS];
  for (size_t i = 0; i < n_words[t->layout]; i++)
    w[i] =
        pcln_load_ptr(t, t->pclntab.ptr + PCLN_GO_HDR_WORDS + i * t->ptr_size);
  const uint64_t n_funcs = w[PCLN_GO_WORD_NFUNC];
  enum pcln_status status;
  if (t->layout == PCLN_GO_12) {
    status = open_regions_12(t, n_funcs, sink);
  } else if (t->layout == PCLN_GO_116) {
    status = open_regions(t, w + 2, header_len, sink);
  } else {
    *text_start = w[PCLN_GO_WORD_TEXT_START];
    status = open_regions(t, w + PCLN_GO_WORD_FUNCNAMETAB, header_len, sink);
  }
  if (status != PCLN_OK)
    return status;
  // The end marker is an entry without its second half.
  const size_t entry = pcln_functab_entry_size(t);
  if (t->functab.len < entry / 2 ||
      n_funcs > (t->functab.len - entry / 2) / entry || n_funcs > UINT32_MAX)
    return corrupt(sink, "functab-bounds", "functab", 0,
                   "functab has no room for the functions counted");
  t->n_funcs = (uint32_t)n_funcs;
  return PCLN_OK;
}

enum pcln_status pcln_open(struct pcln_table *t, const void *bytes, size_t len,
                           const struct pcln_open_options *options,
                           const struct pcln_sink *sink) {
  static const struct pcln_open_options none;
  const struct pcln_open_options *o = options ? options : &none;
  struct pcln_table n = {.blob = {.ptr = bytes, .len = len}};
  if (!bytes)
    return PCLN_NOT_FOUND;
  enum pcln_status status;
  if (len >= 8 && memcmp(bytes, PCLN_MODULE_MAGIC, 8) == 0) {
    status = open_module(&n, sink);
    if (status != PCLN_OK)
      return status;
  } else {
    n.pclntab = n.blob;
    n.funcdata = o->funcdata;
    n.funcdata_va = o->funcdata_va;
    n.go_minor = o->go_minor;
    n.machine = o->machine;
    n.rodata = o->rodata;
    n.findfunctab = o->findfunctab;
  }
  status = open_fixed(&n, sink);
  if (status != PCLN_OK)
    return status;
  uint64_t header_text = 0;
  status = open_words(&n, &header_text, sink);
  if (status != PCLN_OK)
    return status;
  if (n.layout < PCLN_GO_118)
    n.text_start = pcln_load_ptr(&n, n.functab.ptr);
  else if (!n.ours)
    n.text_start = o->text_start ? o->text_start : header_text;
  n.text_len = pcln_functab_pc(&n, n.n_funcs);
  *t = n;
  return PCLN_OK;
}

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
    n.hole = n.cu_offset == PCLN_NO_CU;
  }
  if (l->start_line)
    n.start_line = (int32_t)pcln_load32(r + l->start_line, swap);
  if (t->flags & PCLN_MODF_PACKED)
    unpack_masks(&n, r[l->func_id + 2]);
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
  out->hole =
      l->cu_offset && pcln_load32(r + l->cu_offset, t->swap) == PCLN_NO_CU;
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
  const uint8_t *p = t->functab.ptr + at;
  uint64_t off;
  if (t->layout >= PCLN_GO_118) {
    off = pcln_load32(p, t->swap);
    if (off == PCLN_NO_FUNCDATA)
      return PCLN_NOT_FOUND;
  } else { // an address; what is below the area wraps and is out of bounds
    off = pcln_load_ptr(t, p);
    if (off == 0)
      return PCLN_NOT_FOUND;
    off -= t->funcdata_va;
  }
  if (off > t->funcdata.len)
    return PCLN_CORRUPT;
  *out = sub_span(t->funcdata, off, t->funcdata.len);
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
