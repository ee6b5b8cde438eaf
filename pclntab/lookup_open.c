// SPDX-License-Identifier: Apache-2.0
//
// Opening a table: reads the headers and checks that every part lies inside
// the bytes, in the order that the format fixes, and that functab has room for
// what the header counts.
//
// The headers are read through a function that copies a few bytes, because the
// table may be in this process or behind a caller's callback (reader.c); there
// is one set of checks for both. What they say is kept as offsets. For a table
// in memory pcln_open() makes spans of them, and shortens names and files to
// their last NUL, so that an offset inside a region is a string that ends
// inside.
//
// The layout may be forced, for tables whose magic was overwritten. The magic
// also tells the byte order; without it, both are tried, and the order in which
// the header's words make sense is the right one: offsets inside the table in
// one order are far outside of it in the other.
//
// Called from signal handlers: no allocation, no locks, no stdio.
#include "table.h"

#include <string.h>

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

// --- Versions ---------------------------------------------------------------

bool pcln_layout_of_version(const char *version, enum pcln_layout *layout,
                            unsigned *minor) {
  const char *p = strncmp(version, "go", 2) == 0 ? version + 2 : version;
  unsigned n = 0;
  if (p[0] != '1' || p[1] != '.' || p[2] < '0' || p[2] > '9')
    return false;
  for (p += 2; *p >= '0' && *p <= '9' && n < 10000; p++)
    n = n * 10 + (unsigned)(*p - '0');
  if (n < 2)
    return false;
  *layout = n < 16   ? PCLN_GO_12
            : n < 18 ? PCLN_GO_116
            : n < 20 ? PCLN_GO_118
                     : PCLN_GO_120;
  if (minor)
    *minor = n;
  return true;
}

const char *pcln_layout_name(enum pcln_layout layout) {
  static const char *const names[] = {[PCLN_GO_12] = "go1.2",
                                      [PCLN_GO_116] = "go1.16",
                                      [PCLN_GO_118] = "go1.18",
                                      [PCLN_GO_120] = "go1.20"};
  return names[layout];
}

// --- Reading ----------------------------------------------------------------

// Copies all `len` bytes at `off`. The length is checked first: a callback need
// not know where the table ends.
static bool peek(const struct pcln_peek *in, uint64_t off, void *buf,
                 size_t len) {
  return off <= in->len && len <= in->len - off &&
         in->read(in->ctx, off, buf, len) == len;
}

static bool peek_uint(const struct pcln_peek *in, uint64_t off, unsigned size,
                      bool swap, uint64_t *out) {
  uint8_t buf[8];
  if (!peek(in, off, buf, size))
    return false;
  struct pcln_cursor c = pcln_cursor_at(buf, size, swap);
  *out = pcln_uint(&c, size);
  return true;
}

// --- Our header -------------------------------------------------------------

// {u32 offset; u32 length} at `at` in the module header.
static bool module_part(const struct pcln_headers *h, const uint8_t *header,
                        size_t at, struct pcln_extent *out) {
  const uint32_t off = pcln_load32(header + at, h->t.swap);
  const uint32_t len = pcln_load32(header + at + 4, h->t.swap);
  if (len == 0)
    return true; // absent
  if (off < PCLN_MOD_SIZE || off > h->blob.len || len > h->blob.len - off)
    return false;
  *out = (struct pcln_extent){off, len};
  return true;
}

// The callees reach up to the end of the table.
static bool module_callees(struct pcln_headers *h, const uint8_t *header) {
  const uint32_t off = pcln_load32(header + PCLN_MOD_CALLEES, h->t.swap);
  if (off == 0)
    return true; // absent
  if (off < PCLN_MOD_SIZE || off > h->blob.len ||
      (h->blob.len - off) % PCLN_CALLEE_SIZE != 0)
    return false;
  h->callees = (struct pcln_extent){off, h->blob.len - off};
  return true;
}

// A header whose flags say so has one more part behind it.
static bool module_roots(const struct pcln_peek *in, struct pcln_headers *h) {
  uint8_t b[PCLN_MOD_SIZE_ROOTS] = {0};
  const size_t len = PCLN_MOD_SIZE_ROOTS - PCLN_MOD_ROOTS;
  if (!(h->t.flags & PCLN_MODF_ROOTS))
    return true; // absent
  return h->blob.len >= PCLN_MOD_SIZE_ROOTS &&
         peek(in, PCLN_MOD_ROOTS, b + PCLN_MOD_ROOTS, len) &&
         module_part(h, b, PCLN_MOD_ROOTS, &h->roots);
}

// Reads our header, which begins with the magic.
static enum pcln_status open_module(const struct pcln_peek *in,
                                    const struct pcln_sink *sink,
                                    struct pcln_headers *h) {
  struct pcln_table *t = &h->t;
  uint8_t b[PCLN_MOD_SIZE];
  if (!peek(in, 0, b, sizeof b))
    return corrupt(sink, "module-short", "module header", 0,
                   "the module header is cut off");
  const uint16_t version = pcln_load16(b + PCLN_MOD_VERSION, false);
  t->swap = (version & 0xff) == 0; // versions stay below 256
  if (pcln_load16(b + PCLN_MOD_VERSION, t->swap) != PCLN_MODULE_VERSION)
    return PCLN_UNSUPPORTED;
  h->blob.len = pcln_load64(b + PCLN_MOD_BLOB_LEN, t->swap);
  if (h->blob.len < PCLN_MOD_SIZE || h->blob.len > in->len)
    return corrupt(sink, "module-short", "module header", PCLN_MOD_BLOB_LEN,
                   "the table is longer than the bytes that hold it");
  t->ours = true;
  t->flags = pcln_load32(b + PCLN_MOD_FLAGS, t->swap);
  t->stackmap_bits = b[PCLN_MOD_STACKMAP_BITS];
  t->ptr_size = b[PCLN_MOD_PTRSIZE];
  t->header_va = pcln_load64(b + PCLN_MOD_HEADER_VA, t->swap);
  t->text_start = pcln_load64(b + PCLN_MOD_TEXT_VA, t->swap);
  t->machine = pcln_load16(b + PCLN_MOD_MACHINE, t->swap);
  if (!module_part(h, b, PCLN_MOD_PCLNTAB, &h->pclntab) ||
      !module_part(h, b, PCLN_MOD_FUNCDATA, &h->funcdata) ||
      !module_part(h, b, PCLN_MOD_FINDFUNCTAB, &h->findfunctab) ||
      !module_part(h, b, PCLN_MOD_RULES, &h->rules) || !module_callees(h, b) ||
      !module_roots(in, h))
    return corrupt(sink, "module-part", "module header", PCLN_MOD_PCLNTAB,
                   "a part of the table lies outside of it");
  const uint32_t id_len = pcln_load32(b + PCLN_MOD_BUILD_ID_LEN, t->swap);
  if (id_len > PCLN_BUILD_ID_MAX)
    return corrupt(sink, "module-build-id", "module header",
                   PCLN_MOD_BUILD_ID_LEN, "the build-id is too long");
  h->build_id = (struct pcln_extent){PCLN_MOD_BUILD_ID, id_len};
  return PCLN_OK;
}

// --- Go's header ------------------------------------------------------------

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

// The magic in either byte order; the swapped values are not magics.
static bool either_magic(const uint8_t *p, enum pcln_layout *layout,
                         bool *swap) {
  for (int i = 0; i < 2; i++)
    if (go_magic(pcln_load32(p, i), layout)) {
      *swap = i;
      return true;
    }
  return false;
}

// Takes quantum and pointer size.
static enum pcln_status open_fields(struct pcln_headers *h, const uint8_t *b,
                                    const struct pcln_sink *sink) {
  struct pcln_table *t = &h->t;
  const uint8_t module_ptr_size = t->ptr_size;
  t->quantum = b[PCLN_GO_HDR_QUANTUM];
  t->ptr_size = b[PCLN_GO_HDR_PTRSIZE];
  if (b[4] || b[5] || (t->quantum != 1 && t->quantum != 2 && t->quantum != 4) ||
      (t->ptr_size != 4 && t->ptr_size != 8))
    return corrupt(sink, "header-fields", "pclntab", 4,
                   "padding, quantum or pointer size cannot be right");
  if (t->ours && module_ptr_size != t->ptr_size)
    return corrupt(sink, "header-fields", "module header", PCLN_MOD_PTRSIZE,
                   "the pointer size is not that of the pclntab header");
  return PCLN_OK;
}

// Reads the fixed 8 bytes. *has_order: the byte order is known.
static enum pcln_status open_fixed(const struct pcln_peek *in,
                                   const struct pcln_open_options *o,
                                   const struct pcln_sink *sink,
                                   struct pcln_headers *h, bool *has_order) {
  struct pcln_table *t = &h->t;
  uint8_t b[PCLN_GO_HDR_WORDS];
  if (h->pclntab.len < sizeof b || !peek(in, h->pclntab.off, b, sizeof b))
    return t->ours ? corrupt(sink, "header-short", "pclntab", 0,
                             "the header is cut off")
                   : PCLN_NOT_FOUND;
  bool swap = false;
  *has_order = either_magic(b, &t->layout, &swap) || t->ours;
  if (o->force_layout)
    t->layout = o->layout;
  else if (!either_magic(b, &t->layout, &swap))
    return t->ours ? corrupt(sink, "header-magic", "pclntab", 0,
                             "no known magic number")
                   : PCLN_NOT_FOUND;
  if (t->ours && !o->force_layout && swap != t->swap)
    return corrupt(sink, "header-magic", "pclntab", 0,
                   "the byte order is not the module header's");
  if (t->ours && t->layout < PCLN_GO_118)
    return corrupt(sink, "module-layout", "pclntab", 0,
                   "a module header stands before a table older than go1.18");
  if (!t->ours)
    t->swap = swap;
  return open_fields(h, b, sink);
}

// --- Regions ----------------------------------------------------------------

// Regions of go1.16 and later: the offsets are header words and increase
// strictly; the first may be the header's end.
static enum pcln_status open_regions(struct pcln_headers *h, const uint64_t *w,
                                     uint64_t header_len,
                                     const struct pcln_sink *sink) {
  const uint64_t base = h->pclntab.off, len = h->pclntab.len;
  struct pcln_extent *const parts[] = {&h->names, &h->cutab, &h->files,
                                       &h->pctab, &h->functab};
  uint64_t prev = header_len;
  for (int i = 0; i < 5; i++) {
    if (w[i] < prev || w[i] > len)
      return corrupt(sink, "header-order", "pclntab", header_len,
                     "the regions are not in order inside the table");
    prev = w[i] + 1;
  }
  for (int i = 0; i < 5; i++)
    *parts[i] =
        (struct pcln_extent){base + w[i], (i < 4 ? w[i + 1] : len) - w[i]};
  return PCLN_OK;
}

// Regions before go1.16: everything counts from byte 0, and the file table's
// offset stands behind functab.
static enum pcln_status open_regions_12(const struct pcln_peek *in,
                                        uint64_t n_funcs,
                                        const struct pcln_sink *sink,
                                        struct pcln_headers *h) {
  const uint64_t len = h->pclntab.len;
  const unsigned p = h->t.ptr_size;
  const uint64_t functab = PCLN_GO_HDR_WORDS + (uint64_t)p;
  uint64_t files = UINT64_MAX, slots = 0;
  const bool fits =
      n_funcs < len / p &&
      peek_uint(in, functab + n_funcs * 2 * p + p, 4, h->t.swap, &files) &&
      peek_uint(in, files, 4, h->t.swap, &slots);
  if (!fits || slots > len / 4 || files + 4 * slots > len)
    return corrupt(sink, "header-order", "pclntab", PCLN_GO_HDR_WORDS,
                   "the file table is not inside the table");
  h->functab = (struct pcln_extent){functab, len - functab};
  h->cutab = (struct pcln_extent){files, slots ? 4 * slots : 4};
  h->names = h->files = h->pctab = h->pclntab;
  return PCLN_OK;
}

static enum pcln_status open_words(const struct pcln_peek *in,
                                   const struct pcln_sink *sink,
                                   struct pcln_headers *h) {
  static const uint8_t n_words[] = {1, 7, 8, 8}; // by layout
  struct pcln_table *t = &h->t;
  const unsigned n = n_words[t->layout], p = t->ptr_size;
  const uint64_t header_len = PCLN_GO_HDR_WORDS + (uint64_t)n * p;
  uint64_t w[PCLN_GO_N_WORDS];
  for (size_t i = 0; i < n; i++)
    if (header_len > h->pclntab.len ||
        !peek_uint(in, h->pclntab.off + PCLN_GO_HDR_WORDS + i * p, p, t->swap,
                   &w[i]))
      return corrupt(sink, "header-short", "pclntab", 0,
                     "the header is cut off");
  const uint64_t n_funcs = w[PCLN_GO_WORD_NFUNC];
  enum pcln_status status;
  if (t->layout == PCLN_GO_12) {
    status = open_regions_12(in, n_funcs, sink, h);
  } else if (t->layout == PCLN_GO_116) {
    status = open_regions(h, w + 2, header_len, sink);
  } else {
    if (!t->ours)
      t->text_start = w[PCLN_GO_WORD_TEXT_START];
    status = open_regions(h, w + PCLN_GO_WORD_FUNCNAMETAB, header_len, sink);
  }
  if (status != PCLN_OK)
    return status;
  // The end marker is an entry without its second half.
  const size_t entry = pcln_functab_entry_size(t);
  if (h->functab.len < entry / 2 ||
      n_funcs > (h->functab.len - entry / 2) / entry || n_funcs > UINT32_MAX)
    return corrupt(sink, "functab-bounds", "functab", 0,
                   "functab has no room for the functions counted");
  t->n_funcs = (uint32_t)n_funcs;
  return PCLN_OK;
}

// Where text begins, if the table itself says so, and how long it is.
static enum pcln_status open_text(const struct pcln_peek *in,
                                  const struct pcln_sink *sink,
                                  struct pcln_headers *h) {
  struct pcln_table *t = &h->t;
  const size_t entry = pcln_functab_entry_size(t);
  const bool old = t->layout < PCLN_GO_118;
  uint64_t first = 0, end;
  if ((old && !peek_uint(in, h->functab.off, t->ptr_size, t->swap, &first)) ||
      !peek_uint(in, h->functab.off + t->n_funcs * (uint64_t)entry,
                 (unsigned)entry / 2, t->swap, &end))
    return corrupt(sink, "functab-bounds", "functab", 0,
                   "functab cannot be read");
  if (old)
    t->text_start = first;
  t->text_len = end - first;
  return PCLN_OK;
}

enum pcln_status pcln_read_headers(const struct pcln_peek *in,
                                   const struct pcln_open_options *o,
                                   const struct pcln_sink *sink,
                                   struct pcln_headers *out) {
  struct pcln_headers h = {.blob = {0, in->len}};
  char magic[8];
  enum pcln_status status = PCLN_OK;
  bool has_order = true;
  if (peek(in, 0, magic, 8) && memcmp(magic, PCLN_MODULE_MAGIC, 8) == 0) {
    status = open_module(in, sink, &h);
  } else {
    h.pclntab = h.blob;
    h.t.go_minor = o->go_minor;
    h.t.machine = o->machine;
  }
  if (status == PCLN_OK)
    status = open_fixed(in, o, sink, &h, &has_order);
  if (status != PCLN_OK)
    return status;
  struct pcln_headers other = h;
  status = open_words(in, has_order ? sink : NULL, &h);
  if (status != PCLN_OK && !has_order) {
    other.t.swap = !other.t.swap;
    h = other;
    status = open_words(in, sink, &h);
  }
  if (status == PCLN_OK)
    status = open_text(in, sink, &h);
  if (status == PCLN_OK)
    *out = h;
  return status;
}

// --- A table in memory ------------------------------------------------------

static size_t read_memory(void *ctx, uint64_t off, void *buf, size_t len) {
  memcpy(buf, (const uint8_t *)ctx + off, len); // peek() checked the bounds
  return len;
}

static struct pcln_span span_of(const uint8_t *bytes, struct pcln_extent e) {
  return (struct pcln_span){.ptr = bytes + e.off, .len = (size_t)e.len};
}

static struct pcln_span span_if(const uint8_t *bytes, struct pcln_extent e) {
  return e.len ? span_of(bytes, e) : (struct pcln_span){0};
}

// The region up to and with its last NUL.
static struct pcln_span strings_of(struct pcln_span s) {
  while (s.len && s.ptr[s.len - 1] != 0)
    s.len--;
  return s;
}

enum pcln_status pcln_open(struct pcln_table *t, const void *bytes, size_t len,
                           const struct pcln_open_options *options,
                           const struct pcln_sink *sink) {
  static const struct pcln_open_options none;
  const struct pcln_open_options *o = options ? options : &none;
  const uint8_t *b = bytes;
  const struct pcln_peek in = {
      .read = read_memory, .ctx = (void *)(uintptr_t)bytes, .len = len};
  struct pcln_headers h;
  if (!bytes)
    return PCLN_NOT_FOUND;
  const enum pcln_status status = pcln_read_headers(&in, o, sink, &h);
  if (status != PCLN_OK)
    return status;
  *t = h.t;
  t->blob = span_of(b, h.blob);
  t->pclntab = span_of(b, h.pclntab);
  t->names = strings_of(span_of(b, h.names));
  t->cutab = span_of(b, h.cutab);
  t->files = strings_of(span_of(b, h.files));
  t->pctab = span_of(b, h.pctab);
  t->functab = span_of(b, h.functab);
  if (!t->ours) {
    t->funcdata = o->funcdata;
    t->funcdata_va = o->funcdata_va;
    t->at = o->at;
    t->at_ctx = o->at_ctx;
    t->findfunctab = o->findfunctab;
    t->rodata = o->rodata;
    if (t->layout >= PCLN_GO_118 && o->text_start)
      t->text_start = o->text_start;
    return PCLN_OK;
  }
  t->funcdata = span_if(b, h.funcdata);
  t->findfunctab = span_if(b, h.findfunctab);
  t->rules = span_if(b, h.rules);
  t->roots = span_if(b, h.roots);
  t->callees = h.callees.off ? span_of(b, h.callees) : (struct pcln_span){0};
  t->build_id = span_if(b, h.build_id);
  return PCLN_OK;
}
