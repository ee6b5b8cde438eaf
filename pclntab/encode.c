// SPDX-License-Identifier: Apache-2.0
//
// The model into the bytes of format.h, in one pass over the functions.
//
// Each function adds its names, files, streams and funcdata to pools that keep
// equal content once (pool.h), and its func record to the records. Then file
// numbers are final, so the units' runs of cutab can be laid out and the
// records' cuOffset completed; then every size is known, and the blob is
// allocated once and put together. Nothing is sized twice and nothing allocates
// per item: this runs inside a link, and a program of 20,000 functions should
// cost tens of milliseconds.
//
// Holes. A gap between two functions gets a functab entry, so that no reader
// blames padding or unknown code on the function before it. A hole has nothing
// to say, so all holes of a table share one record: 8 bytes for each hole, not
// 52. The shared record cannot have the pc of all of them; its entryOff is
// 0xffffffff, behind all text. debug/gosym, delve and GoReSym read that as a
// function without a name or a line. The OpenTelemetry profiler refuses a table
// in which a record's entry is not the functab's, so in a go-compatible table
// each hole has a record of its own.
//
// Threads. The pools are what takes the time, and a pool's offsets depend on
// the order of additions, so `threads` is not used: the bytes cannot depend on
// it.
#include "encode.h"

#include "crc32c.h"
#include "stackmap.h"

#include <stdlib.h>

// Byte 0 of pctab says nothing, so that offset 0 can mean "absent". Readers of
// Go tables that do not know that (debug/gosym) decode from byte 0; what stands
// there therefore is a stream that says -1 for the next 4 GiB.
static const uint8_t k_absent_stream[] = {0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0};

enum {
  EMPTY_NAME = 0,    // funcnametab begins with the empty string
  NO_FILE_ENTRY = 0, // cutab begins with an entry without a file
  BLOB_ALIGN = 8,    // of each part of the blob
};

enum pcln_status pcln_encode_fault(const struct pcln_encoder *e,
                                   enum pcln_status status, const char *fault,
                                   const struct pcln_func_def *f,
                                   const char *text) {
  pcln_say(e->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = fault,
                                          .func = f ? f->name : NULL,
                                          .text = text});
  return status;
}

void *pcln_scratch_get(struct pcln_scratch *s, size_t len) {
  if (len > s->cap) {
    const size_t cap = len + len / 2 + 256;
    free(s->ptr);
    s->cap = 0;
    s->ptr = malloc(cap);
    if (!s->ptr)
      return NULL;
    s->cap = cap;
  }
  return s->ptr;
}

uint32_t pcln_encode_name(struct pcln_encoder *e, const char *name) {
  if (!name)
    return EMPTY_NAME;
  return pcln_pool_add(&e->names, name, strlen(name) + 1, 1);
}

// --- Extents ----------------------------------------------------------------

// Whether a hole follows function `i`.
static bool hole_after(const struct pcln_module *m, size_t i) {
  const struct pcln_func_def *f = &m->funcs[i];
  return i + 1 < m->n_funcs && f[1].va - f->va > f->size;
}

// Whether each hole has a record (see the top) or all share the first.
static bool own_hole_records(const struct pcln_encoder *e) {
  return e->o->go_compat;
}

// Text range and number of functab entries. Offsets of 32 bits, of which the
// largest is the hole record's, bound the text.
static enum pcln_status measure_text(struct pcln_encoder *e) {
  const struct pcln_module *m = e->m;
  if (!m->n_funcs)
    return PCLN_OK;
  const struct pcln_func_def *last = &m->funcs[m->n_funcs - 1];
  e->text_va = m->funcs[0].va;
  const uint64_t len = last->va - e->text_va + last->size;
  if (len >= PCLN_NO_RECORD_ENTRY || last->va - e->text_va > len)
    return pcln_encode_fault(e, PCLN_LIMIT, "limit-text", last,
                             "the function ends 4 GiB or more behind the "
                             "first one");
  e->text_len = (uint32_t)len;
  for (size_t i = 0; i < m->n_funcs; i++)
    e->n_holes += hole_after(m, i);
  // Every entry covers at least one byte of the 4 GiB.
  e->n_entries = (uint32_t)m->n_funcs + e->n_holes;
  return PCLN_OK;
}

// --- Memory -----------------------------------------------------------------

static enum pcln_status alloc_units(struct pcln_encoder *e) {
  const struct pcln_module *m = e->m;
  e->cu_base = malloc((m->n_cus + 1) * sizeof *e->cu_base);
  e->cu_used = calloc(m->n_cus + 1, sizeof *e->cu_used);
  e->cu_first = malloc((m->n_cus + 1) * sizeof *e->cu_first);
  if (!e->cu_base || !e->cu_used || !e->cu_first)
    return PCLN_NO_MEMORY;
  size_t n = 0;
  for (size_t i = 0; i < m->n_cus; i++) {
    e->cu_base[i] = n;
    n += (size_t)m->cus[i].n_files + 1; // one more for "no file"
  }
  e->cu_base[m->n_cus] = n;
  e->file_number = malloc((n + 1) * sizeof *e->file_number);
  e->file_order = malloc((n + 1) * sizeof *e->file_order);
  if (!e->file_number || !e->file_order)
    return PCLN_NO_MEMORY;
  memset(e->file_number, 0xff, n * sizeof *e->file_number);
  return PCLN_OK;
}

// functab's entries and end marker, and room for every record.
static enum pcln_status alloc_functab(struct pcln_encoder *e) {
  size_t room = (size_t)e->n_entries * PCLN_GO_FUNCTAB_ENTRY + 4;
  e->functab_len = room;
  if (e->n_holes)
    room += (own_hole_records(e) ? e->n_holes : 1) * (size_t)e->func_size;
  for (size_t i = 0; i < e->m->n_funcs; i++)
    room += pcln_encode_func_room(e, &e->m->funcs[i]);
  e->functab = malloc(room);
  return e->functab ? PCLN_OK : PCLN_NO_MEMORY;
}

static enum pcln_status init_encoder(struct pcln_encoder *e) {
  const size_t n = e->m->n_funcs;
  const struct {
    struct pcln_pool *pool;
    uint64_t limit;
    size_t items, bytes; // about what a C program has for each function
  } pools[] = {
      {&e->names, INT32_MAX, 2 * n, 32 * n},
      {&e->files, PCLN_NO_FILE, n / 8, 4 * n},
      {&e->cutab, PCLN_NO_CU, e->m->n_cus, 16 * e->m->n_cus},
      {&e->pctab, UINT32_MAX, 4 * n, 96 * n},
      {&e->funcdata, PCLN_NO_FUNCDATA, n / 2, 64 * n},
      {&e->callees, UINT32_MAX, n / 2, 4 * n},
      {&e->codes, UINT32_MAX, e->m->n_roots, e->m->n_roots},
  };
  enum pcln_status st = PCLN_OK;
  for (size_t i = 0; i < sizeof pools / sizeof *pools && st == PCLN_OK; i++)
    st = pcln_pool_init(pools[i].pool, pools[i].limit, pools[i].items,
                        pools[i].bytes);
  if (st == PCLN_OK)
    st = alloc_units(e);
  if (st == PCLN_OK)
    st = alloc_functab(e);
  if (st == PCLN_OK) {
    e->callee_cache = calloc(PCLN_CALLEE_CACHE, sizeof *e->callee_cache);
    st = e->callee_cache ? PCLN_OK : PCLN_NO_MEMORY;
  }
  if (st != PCLN_OK)
    return st;
  // What lies at offset 0, and keeps every region from being empty.
  uint8_t no_file[4];
  pcln_store32(no_file, PCLN_NO_FILE, e->swap);
  pcln_pool_add(&e->names, "", 1, 1);
  pcln_pool_add(&e->files, "", 1, 1);
  pcln_pool_add(&e->cutab, no_file, sizeof no_file, 4);
  pcln_pool_add(&e->pctab, k_absent_stream, sizeof k_absent_stream, 1);
  return PCLN_OK;
}

static void free_encoder(struct pcln_encoder *e) {
  struct pcln_pool *pools[] = {&e->names,    &e->files,   &e->cutab, &e->pctab,
                               &e->funcdata, &e->callees, &e->codes};
  for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
    pcln_pool_free(pools[i]);
  free(e->functab);
  free(e->cu_base);
  free(e->file_number);
  free(e->file_order);
  free(e->cu_used);
  free(e->cu_first);
  free(e->callee_cache);
  free(e->roots);
  free(e->root_codes);
  free(e->runs.ptr);
  free(e->bytes.ptr);
  free(e->tree.ptr);
  free(e->order.ptr);
}

// --- Functions --------------------------------------------------------------

// Says which area is full, if that is what `st` is about, and returns `st`.
static enum pcln_status pool_fault(const struct pcln_encoder *e,
                                   const struct pcln_func_def *f,
                                   enum pcln_status st) {
  const struct {
    const struct pcln_pool *pool;
    const char *fault, *text;
  } pools[] = {
      {&e->names, "limit-names", "the function names exceed 2 GiB"},
      {&e->files, "limit-files", "the file names exceed 4 GiB"},
      {&e->cutab, "limit-files", "the units' file lists exceed 4 GiB"},
      {&e->pctab, "limit-pctab", "the pc-value streams exceed 4 GiB"},
      {&e->funcdata, "limit-funcdata", "the FUNCDATA area exceeds 4 GiB"},
      {&e->callees, "limit-callees", "the inlined functions exceed 4 GiB"},
  };
  for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
    if (pools[i].pool->status == PCLN_LIMIT)
      return pcln_encode_fault(e, st, pools[i].fault, f, pools[i].text);
  return st;
}

static void put_entry(struct pcln_encoder *e, size_t idx, uint32_t pc_off,
                      size_t rec_off) {
  uint8_t *entry = e->functab + idx * PCLN_GO_FUNCTAB_ENTRY;
  pcln_store32(entry, pc_off, e->swap);
  pcln_store32(entry + 4, (uint32_t)rec_off, e->swap);
}

static void put_hole_record(struct pcln_encoder *e, uint32_t entry_off) {
  uint8_t *rec = e->functab + e->functab_len;
  memset(rec, 0, e->func_size);
  pcln_store32(rec + PCLN_GO_FUNC_ENTRY_OFF, entry_off, e->swap);
  pcln_store32(rec + PCLN_GO_FUNC_NAME_OFF, EMPTY_NAME, e->swap);
  pcln_store32(rec + PCLN_GO_FUNC_CU_OFFSET, PCLN_NO_CU, e->swap);
  e->functab_len += e->func_size;
}

// Adds the hole at `off`; *shared is the common record's offset, 0 if there is
// none yet.
static void put_hole(struct pcln_encoder *e, size_t idx, uint32_t off,
                     size_t *shared) {
  if (own_hole_records(e)) {
    put_entry(e, idx, off, e->functab_len);
    put_hole_record(e, off);
    return;
  }
  if (!*shared) {
    *shared = e->functab_len;
    put_hole_record(e, PCLN_NO_RECORD_ENTRY);
  }
  put_entry(e, idx, off, *shared);
}

static enum pcln_status put_functions(struct pcln_encoder *e) {
  const struct pcln_module *m = e->m;
  size_t idx = 0, hole_rec = 0;
  for (size_t i = 0; i < m->n_funcs; i++) {
    const struct pcln_func_def *f = &m->funcs[i];
    const uint32_t off = (uint32_t)(f->va - e->text_va);
    size_t len = 0;
    enum pcln_status st =
        pcln_encode_func(e, f, e->functab + e->functab_len, &len);
    if (st != PCLN_OK)
      return pool_fault(e, f, st);
    put_entry(e, idx++, off, e->functab_len);
    e->functab_len += len;
    if (e->functab_len > UINT32_MAX)
      return pcln_encode_fault(e, PCLN_LIMIT, "limit-functab", f,
                               "the func records exceed 4 GiB");
    if (hole_after(m, i))
      put_hole(e, idx++, off + f->size, &hole_rec);
  }
  pcln_store32(e->functab + idx * PCLN_GO_FUNCTAB_ENTRY, e->text_len, e->swap);
  return PCLN_OK;
}

// --- Units ------------------------------------------------------------------

// Lays out the unit's run of cutab when its first function asks for it.
static uint32_t first_of_unit(struct pcln_encoder *e, uint32_t cu) {
  if (e->cu_first[cu] == PCLN_NO_NUMBER) {
    uint32_t *run = e->file_order + e->cu_base[cu];
    for (uint32_t i = 0; i < e->cu_used[cu]; i++)
      pcln_store32((uint8_t *)&run[i], run[i], e->swap);
    e->cu_first[cu] =
        pcln_pool_add(&e->cutab, run, 4 * (size_t)e->cu_used[cu], 4) / 4;
  }
  return e->cu_first[cu];
}

// Makes each record's cuOffset count from the start of cutab.
static enum pcln_status place_units(struct pcln_encoder *e) {
  const struct pcln_module *m = e->m;
  memset(e->cu_first, 0xff, (m->n_cus + 1) * sizeof *e->cu_first);
  size_t idx = 0;
  for (size_t i = 0; i < m->n_funcs; i++, idx++) {
    const struct pcln_func_def *f = &m->funcs[i];
    const uint8_t *entry = e->functab + idx * PCLN_GO_FUNCTAB_ENTRY;
    uint8_t *rec = e->functab + pcln_load32(entry + 4, e->swap);
    idx += hole_after(m, i);
    uint8_t *cu_off = rec + PCLN_GO_FUNC_CU_OFFSET;
    const uint32_t from_unit = pcln_load32(cu_off, e->swap);
    pcln_store32(cu_off,
                 from_unit == PCLN_NO_NUMBER
                     ? NO_FILE_ENTRY
                     : first_of_unit(e, f->cu) + from_unit,
                 e->swap);
    if (e->cutab.status != PCLN_OK)
      return pool_fault(e, f, e->cutab.status);
  }
  return PCLN_OK;
}

// --- Roots ------------------------------------------------------------------

static enum pcln_status root_fault(const struct pcln_encoder *e,
                                   enum pcln_status st, const char *fault,
                                   const char *text) {
  return pcln_encode_fault(e, st, fault, NULL, text);
}

// Bytes of the variable. The two counts are of 32 bits: no overflow but by the
// pointer size.
static uint64_t root_size(const struct pcln_encoder *e,
                          const struct pcln_root_def *r) {
  const uint64_t words = (uint64_t)r->n_words * r->repeat;
  return words > UINT64_MAX / 8 ? UINT64_MAX : words * e->m->ptr_size;
}

// Sorts the roots and collects their entries.
static enum pcln_status put_root_codes(struct pcln_encoder *e) {
  const size_t n = e->m->n_roots;
  e->roots = pcln_module_roots_sorted(e->m);
  e->root_codes = malloc((n + 1) * sizeof *e->root_codes);
  if (!e->roots || !e->root_codes)
    return PCLN_NO_MEMORY;
  uint64_t end = 0;
  for (size_t i = 0; i < n; i++) {
    const struct pcln_root_def *r = &e->roots[i];
    const uint64_t size = root_size(e, r);
    if (i && r->flags != r[-1].flags)
      end = 0;
    if (!size || r->off > UINT64_MAX - size)
      return root_fault(e, PCLN_CORRUPT, "root-size",
                        "a root has no words, or leaves the address space");
    if (r->off < end)
      return root_fault(e, PCLN_CORRUPT, "root-overlap",
                        "two roots have words in common");
    end = r->off + size;
    e->root_codes[i] =
        pcln_pool_add(&e->codes, r->codes, pcln_codes_len(r->n_words), 1);
  }
  if (n > UINT32_MAX / PCLN_ROOT_SIZE || e->codes.status == PCLN_LIMIT)
    return root_fault(e, PCLN_LIMIT, "limit-roots", "the roots exceed 4 GiB");
  return e->codes.status;
}

static size_t roots_len(const struct pcln_encoder *e) {
  return e->m->n_roots
             ? PCLN_ROOTS_HEADER + e->m->n_roots * PCLN_ROOT_SIZE + e->codes.len
             : 0;
}

static void put_roots(const struct pcln_encoder *e, uint8_t *out) {
  const size_t n = e->m->n_roots;
  const uint32_t codes = (uint32_t)(PCLN_ROOTS_HEADER + n * PCLN_ROOT_SIZE);
  if (!n)
    return;
  pcln_store32(out, (uint32_t)n, e->swap);
  memcpy(out + codes, e->codes.bytes, e->codes.len);
  out += PCLN_ROOTS_HEADER;
  for (size_t i = 0; i < n; i++, out += PCLN_ROOT_SIZE) {
    const struct pcln_root_def *r = &e->roots[i];
    const uint64_t base = r->flags & PCLN_ROOT_TLS ? 0 : e->text_va;
    pcln_store64(out, r->off - base, e->swap);
    pcln_store32(out + 8, r->n_words, e->swap);
    pcln_store32(out + 12, r->repeat, e->swap);
    pcln_store32(out + 16, codes + e->root_codes[i], e->swap);
    pcln_store32(out + 20, r->flags, e->swap);
  }
}

// --- findfunctab ------------------------------------------------------------

static size_t findfunctab_len(uint32_t text_len) {
  const size_t n_buckets =
      text_len / PCLN_FINDFUNC_BUCKET + (text_len % PCLN_FINDFUNC_BUCKET != 0);
  const size_t n_subs = text_len / PCLN_FINDFUNC_SUBBUCKET +
                        (text_len % PCLN_FINDFUNC_SUBBUCKET != 0);
  return 4 * n_buckets + n_subs;
}

// A step that does not fit in a byte, where small functions are packed, becomes
// 255: it still leads to a function at or before the pc.
static void put_findfunctab(const struct pcln_encoder *e, uint8_t *out) {
  uint32_t idx = 0, base = 0;
  size_t sub = 0;
  for (uint64_t off = 0; off < e->text_len; off += PCLN_FINDFUNC_SUBBUCKET) {
    // The end marker stops this at the last entry.
    while (pcln_load32(e->functab + (size_t)(idx + 1) * PCLN_GO_FUNCTAB_ENTRY,
                       e->swap) <= off)
      idx++;
    if (sub % PCLN_FINDFUNC_NSUB == 0) {
      base = idx;
      pcln_store32(out, base, e->swap);
      out += 4;
    }
    *out++ = (uint8_t)(idx - base > UINT8_MAX ? UINT8_MAX : idx - base);
    sub++;
  }
}

// --- The blob ---------------------------------------------------------------

struct part {
  size_t off, len; // bytes from the blob's start
};

struct layout {
  struct part names, cutab, files, pctab, functab; // of pclntab
  struct part pclntab, funcdata, findfunctab, rules, roots, callees;
  size_t len;
};

static size_t align_up(size_t n, size_t align) {
  return (n + align - 1) & ~(align - 1);
}

static struct part place(size_t *at, size_t align, size_t len) {
  const struct part p = {.off = align_up(*at, align), .len = len};
  *at = p.off + len;
  return p;
}

static size_t go_header_len(const struct pcln_encoder *e) {
  return PCLN_GO_HDR_WORDS + PCLN_GO_N_WORDS * (size_t)e->m->ptr_size;
}

static size_t module_header_len(const struct pcln_encoder *e) {
  return e->m->n_roots ? PCLN_MOD_SIZE_ROOTS : PCLN_MOD_SIZE;
}

static struct layout lay_out(const struct pcln_encoder *e) {
  struct layout l = {0};
  size_t at = module_header_len(e) + go_header_len(e);
  l.names = place(&at, 1, e->names.len);
  l.cutab = place(&at, 4, e->cutab.len);
  l.files = place(&at, 1, e->files.len);
  l.pctab = place(&at, 1, e->pctab.len);
  l.functab = place(&at, 4, e->functab_len);
  l.pclntab.off = module_header_len(e);
  l.pclntab.len = at - l.pclntab.off;
  l.funcdata = place(&at, BLOB_ALIGN, e->funcdata.len);
  l.findfunctab = place(&at, 4, findfunctab_len(e->text_len));
  l.rules = place(&at, 4, e->m->n_rules * PCLN_RULE_SIZE);
  l.roots = place(&at, BLOB_ALIGN, roots_len(e));
  // The callees end the table, so that its length says how many there are.
  l.callees = place(&at, BLOB_ALIGN, e->callees.len);
  l.len = at;
  return l;
}

static void put_word(const struct pcln_encoder *e, uint8_t *header, size_t word,
                     uint64_t v) {
  uint8_t *p = header + PCLN_GO_HDR_WORDS + word * e->m->ptr_size;
  if (e->m->ptr_size == 8)
    pcln_store64(p, v, e->swap);
  else
    pcln_store32(p, (uint32_t)v, e->swap);
}

static void put_go_header(const struct pcln_encoder *e, const struct layout *l,
                          uint8_t *blob) {
  uint8_t *h = blob + l->pclntab.off;
  pcln_store32(
      h, e->o->layout == PCLN_GO_118 ? PCLN_GO_MAGIC_118 : PCLN_GO_MAGIC_120,
      e->swap);
  h[PCLN_GO_HDR_QUANTUM] = e->m->quantum;
  h[PCLN_GO_HDR_PTRSIZE] = e->m->ptr_size;
  put_word(e, h, PCLN_GO_WORD_NFUNC, e->n_entries);
  // debug/gosym reads that many strings from filetab.
  put_word(e, h, PCLN_GO_WORD_NFILES, e->files.n_used);
  put_word(e, h, PCLN_GO_WORD_TEXT_START, e->o->go_compat ? e->text_va : 0);
  put_word(e, h, PCLN_GO_WORD_FUNCNAMETAB, l->names.off - l->pclntab.off);
  put_word(e, h, PCLN_GO_WORD_CUTAB, l->cutab.off - l->pclntab.off);
  put_word(e, h, PCLN_GO_WORD_FILETAB, l->files.off - l->pclntab.off);
  put_word(e, h, PCLN_GO_WORD_PCTAB, l->pctab.off - l->pclntab.off);
  put_word(e, h, PCLN_GO_WORD_FUNCTAB, l->functab.off - l->pclntab.off);
}

static void put_part(const struct pcln_encoder *e, uint8_t *field,
                     struct part part) {
  pcln_store32(field, part.len ? (uint32_t)part.off : 0, e->swap);
  pcln_store32(field + 4, (uint32_t)part.len, e->swap);
}

static uint32_t module_flags(const struct pcln_encoder *e) {
  return (e->o->go_compat ? PCLN_MODF_GO_COMPAT : 0u) |
         (e->packed ? PCLN_MODF_PACKED : 0u) |
         (e->m->n_roots ? PCLN_MODF_ROOTS : 0u) |
         (e->maps ? PCLN_MODF_COMPACT_MAPS : 0u);
}

static void put_module_header(const struct pcln_encoder *e,
                              const struct layout *l, uint8_t *h) {
  const struct pcln_module *m = e->m;
  memcpy(h + PCLN_MOD_MAGIC, PCLN_MODULE_MAGIC, 8);
  pcln_store16(h + PCLN_MOD_VERSION, PCLN_MODULE_VERSION, e->swap);
  h[PCLN_MOD_PTRSIZE] = m->ptr_size;
  h[PCLN_MOD_STACKMAP_BITS] = m->stackmap_bits;
  pcln_store32(h + PCLN_MOD_FLAGS, module_flags(e), e->swap);
  pcln_store64(h + PCLN_MOD_BLOB_LEN, l->len, e->swap);
  pcln_store64(h + PCLN_MOD_HEADER_VA, e->o->header_va, e->swap);
  pcln_store64(h + PCLN_MOD_TEXT_VA, e->text_va, e->swap);
  pcln_store64(h + PCLN_MOD_TEXT_LEN, e->text_len, e->swap);
  put_part(e, h + PCLN_MOD_PCLNTAB, l->pclntab);
  put_part(e, h + PCLN_MOD_FUNCDATA, l->funcdata);
  put_part(e, h + PCLN_MOD_FINDFUNCTAB, l->findfunctab);
  put_part(e, h + PCLN_MOD_RULES, l->rules);
  pcln_store32(h + PCLN_MOD_BUILD_ID_LEN, m->build_id_len, e->swap);
  pcln_store16(h + PCLN_MOD_MACHINE, m->machine, e->swap);
  pcln_store32(h + PCLN_MOD_CALLEES,
               l->callees.len ? (uint32_t)l->callees.off : 0, e->swap);
  memcpy(h + PCLN_MOD_BUILD_ID, m->build_id, m->build_id_len);
  if (m->n_roots)
    put_part(e, h + PCLN_MOD_ROOTS, l->roots);
}

static void put_rules(const struct pcln_encoder *e, uint8_t *out) {
  for (size_t i = 0; i < e->m->n_rules; i++, out += PCLN_RULE_SIZE) {
    const struct pcln_rule *r = &e->m->rules[i];
    out[0] = r->cfa;
    out[1] = r->fp;
    out[2] = r->ra;
    out[3] = r->reg;
    pcln_store32(out + 4, (uint32_t)r->cfa_off, e->swap);
    pcln_store32(out + 8, (uint32_t)r->fp_off, e->swap);
    pcln_store32(out + 12, (uint32_t)r->ra_off, e->swap);
  }
}

static enum pcln_status put_blob(const struct pcln_encoder *e,
                                 const struct layout *l, uint8_t **bytes) {
  if (l->len > UINT32_MAX)
    return pcln_encode_fault(e, PCLN_LIMIT, "limit-table", NULL,
                             "the table exceeds 4 GiB");
  uint8_t *b = calloc(1, l->len);
  if (!b)
    return PCLN_NO_MEMORY;
  put_module_header(e, l, b);
  put_go_header(e, l, b);
  memcpy(b + l->names.off, e->names.bytes, l->names.len);
  memcpy(b + l->cutab.off, e->cutab.bytes, l->cutab.len);
  memcpy(b + l->files.off, e->files.bytes, l->files.len);
  memcpy(b + l->pctab.off, e->pctab.bytes, l->pctab.len);
  memcpy(b + l->functab.off, e->functab, l->functab.len);
  memcpy(b + l->funcdata.off, e->funcdata.bytes, l->funcdata.len);
  memcpy(b + l->callees.off, e->callees.bytes, l->callees.len);
  put_findfunctab(e, b + l->findfunctab.off);
  put_rules(e, b + l->rules.off);
  put_roots(e, b + l->roots.off);
  pcln_store32(b + PCLN_MOD_CHECKSUM, pcln_blob_checksum(b, l->len), e->swap);
  *bytes = b;
  return PCLN_OK;
}

static void fill_stats(const struct pcln_encoder *e, const struct layout *l,
                       struct pcln_encode_stats *s) {
  const size_t functab = (size_t)e->n_entries * PCLN_GO_FUNCTAB_ENTRY + 4;
  *s = (struct pcln_encode_stats){
      .header = module_header_len(e) + go_header_len(e),
      .names = l->names.len,
      .cutab = l->cutab.len,
      .files = l->files.len,
      .pctab = l->pctab.len,
      .functab = functab,
      .records = e->functab_len - functab,
      .funcdata = l->funcdata.len,
      .findfunctab = l->findfunctab.len,
      .rules = l->rules.len,
      .roots = l->roots.len,
      .callees = l->callees.len,
      .total = l->len,
      .n_funcs = e->m->n_funcs,
      .n_holes = e->n_holes,
      .n_inlines = e->n_inlines,
      .n_streams = e->n_streams,
      .n_distinct_streams = e->pctab.n_used - 1,
  };
}

// Whether no index of the model is too large for packed records.
static bool can_pack(const struct pcln_module *m) {
  for (size_t i = 0; i < m->n_funcs; i++)
    if (m->funcs[i].n_pcdata > PCLN_PACKED_PCDATA ||
        m->funcs[i].n_funcdata > PCLN_PACKED_FUNCDATA)
      return false;
  return true;
}

// What the header's fields can hold.
static enum pcln_status check_module(const struct pcln_encoder *e) {
  const struct pcln_module *m = e->m;
  if ((m->ptr_size != 4 && m->ptr_size != 8) ||
      (m->quantum != 1 && m->quantum != 2 && m->quantum != 4) ||
      m->build_id_len > PCLN_BUILD_ID_MAX ||
      (e->o->layout != PCLN_GO_118 && e->o->layout != PCLN_GO_120))
    return pcln_encode_fault(e, PCLN_UNSUPPORTED, "module-target", NULL,
                             "pointer size, quantum, build-id length or layout "
                             "is none that the format has");
  return PCLN_OK;
}

enum pcln_status pcln_encode(const struct pcln_module *m,
                             const struct pcln_encode_options *o,
                             const struct pcln_sink *sink, uint8_t **bytes,
                             size_t *len, struct pcln_encode_stats *stats) {
  struct pcln_encoder e = {
      .m = m,
      .o = o,
      .sink = sink,
      .swap = m->big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__),
      .compact = o->layout == PCLN_GO_120 && !o->go_compat,
      .inline_size = o->layout == PCLN_GO_118 ? PCLN_GO118_INLINE_SIZE
                                              : PCLN_GO120_INLINE_SIZE,
      .func_size = o->layout == PCLN_GO_118 ? PCLN_GO118_FUNC_SIZE
                                            : PCLN_GO120_FUNC_SIZE,
  };
  e.packed = e.compact && can_pack(m);
  e.maps = e.packed && m->stackmap_bits == 2;
  enum pcln_status st = check_module(&e);
  if (st == PCLN_OK)
    st = measure_text(&e);
  if (st == PCLN_OK)
    st = init_encoder(&e);
  if (st == PCLN_OK)
    st = put_functions(&e);
  if (st == PCLN_OK)
    st = place_units(&e);
  if (st == PCLN_OK)
    st = put_root_codes(&e);
  if (st == PCLN_OK) {
    const struct layout l = lay_out(&e);
    st = put_blob(&e, &l, bytes);
    if (st == PCLN_OK) {
      *len = l.len;
      if (stats)
        fill_stats(&e, &l, stats);
    }
  }
  free_encoder(&e);
  return st;
}
