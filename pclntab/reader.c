// SPDX-License-Identifier: Apache-2.0
//
// Brings one function of a table over into a buffer, as a table of its own.
//
// The buffer is filled from its start. Everything in it is found by offsets
// from there: names, files, streams and funcdata of the small table are all one
// region, the buffer, and the function's record and the inline tree are
// rewritten to have offsets into it. The first byte is 0: the empty name, and
// what makes offset 0 mean "absent" for streams.
//
//   0    NUL
//        name
//        functab: one entry and its end marker, then the record
//        streams
//        cutab and the names of files that a stream has
//        inline tree, callees, their names
//        unwind rules
//        NUL
//
// What the function's streams say decides what else is needed: they are decoded
// by pcln_runs_next() from the buffer, for the file numbers and the largest
// inline index and rule in them. So no decoder exists twice.
//
// Hostile bytes: nothing is taken on trust. A string or stream that does not
// end is copied until the buffer is full, counts are held against the part they
// count in, and what the pieces of a function lead to is copied once for each
// run of its streams at most.
//
// Called from anywhere that the source's callback may be.
#include "reader.h"

#include "pcvalue_step.h"

#include <string.h>

// --- Opening ----------------------------------------------------------------

struct window { // a table in a source
  const struct pcln_source *source;
  uint64_t off;
};

static size_t read_window(void *ctx, uint64_t off, void *buf, size_t len) {
  const struct window *w = ctx;
  return pcln_source_read(w->source, w->off + off, buf, len);
}

static struct pcln_reader_part part_at(uint64_t base, struct pcln_extent e) {
  return (struct pcln_reader_part){e.len ? base + e.off : 0, e.len};
}

// Bytes that there can be from `off` on.
static uint64_t source_left(const struct pcln_source *s, uint64_t off) {
  return off < s->len ? s->len - off : 0;
}

enum pcln_status pcln_reader_open(struct pcln_reader *r,
                                  const struct pcln_source *source,
                                  uint64_t off, uint64_t len,
                                  const struct pcln_reader_options *options,
                                  const struct pcln_sink *sink) {
  static const struct pcln_reader_options none;
  const struct pcln_reader_options *o = options ? options : &none;
  struct window w = {source, off};
  const uint64_t left = source_left(source, off);
  const struct pcln_peek in = {read_window, &w, len < left ? len : left};
  struct pcln_headers h;
  const enum pcln_status status = pcln_read_headers(&in, &o->open, sink, &h);
  if (status != PCLN_OK)
    return status;
  *r = (struct pcln_reader){.source = *source, .table = h.t};
  r->names = part_at(off, h.names);
  r->cutab = part_at(off, h.cutab);
  r->files = part_at(off, h.files);
  r->pctab = part_at(off, h.pctab);
  r->functab = part_at(off, h.functab);
  r->funcdata = part_at(off, h.funcdata);
  r->rules = part_at(off, h.rules);
  r->callees = part_at(off, h.callees);
  r->first_pc = r->table.layout < PCLN_GO_118 ? r->table.text_start : 0;
  if (!r->table.ours) {
    r->funcdata = o->funcdata;
    r->table.funcdata_va = o->open.funcdata_va;
    if (r->table.layout >= PCLN_GO_118 && o->open.text_start)
      r->table.text_start = o->open.text_start;
  }
  return PCLN_OK;
}

// --- functab ----------------------------------------------------------------

// A table whose functab are the entries in `bytes`; pcs and records of it are
// as they are stored.
static struct pcln_table entries_table(const struct pcln_reader *r,
                                       const uint8_t *bytes, size_t len) {
  struct pcln_table t = r->table;
  t.functab = t.pclntab = (struct pcln_span){bytes, len};
  return t;
}

// Reads `n` entries from `idx` on and the pc behind them.
static enum pcln_status read_entries(const struct pcln_reader *r, uint32_t idx,
                                     uint32_t n, uint8_t *buf) {
  const size_t entry = pcln_functab_entry_size(&r->table);
  const size_t len = n * entry + entry / 2;
  const uint64_t off = r->functab.off + (uint64_t)idx * entry;
  return pcln_source_read(&r->source, off, buf, len) == len ? PCLN_OK : PCLN_IO;
}

static uint64_t stored_pc(const struct pcln_table *t, const uint8_t *entries,
                          size_t i) {
  const uint8_t *p = entries + i * pcln_functab_entry_size(t);
  return t->layout >= PCLN_GO_118 ? pcln_load32(p, t->swap)
                                  : pcln_load_ptr(t, p);
}

// The index of the last entry with a pc at or before `pc`, as stored. Halves
// functab until a block remains, and searches that with one read.
static enum pcln_status search(const struct pcln_reader *r, uint64_t pc,
                               uint32_t *idx) {
  enum { BLOCK = 32 };
  uint8_t buf[BLOCK * 16 + 8];
  uint32_t lo = 0, hi = r->table.n_funcs; // lo's pc is at or before
  while (hi - lo > BLOCK) {
    const uint32_t mid = lo + (hi - lo) / 2;
    const enum pcln_status status = read_entries(r, mid, 0, buf);
    if (status != PCLN_OK)
      return status;
    if (stored_pc(&r->table, buf, 0) <= pc)
      lo = mid;
    else
      hi = mid;
  }
  const enum pcln_status status = read_entries(r, lo, hi - lo, buf);
  if (status != PCLN_OK)
    return status;
  *idx = lo;
  for (uint32_t i = 1; i < hi - lo; i++)
    if (stored_pc(&r->table, buf, i) <= pc)
      *idx = lo + i;
  return PCLN_OK;
}

// --- The buffer -------------------------------------------------------------

struct pull {
  const struct pcln_reader *r;
  struct pcln_table *t; // the piece's
  struct pcln_func f;
  uint8_t *buf;
  size_t cap, used;
  size_t need;         // after PCLN_LIMIT
  unsigned what;       // PCLN_READ_*
  uint64_t record_off; // in the source
  uint32_t n_calls;    // records of the inline tree
};

static enum pcln_status take_room(struct pull *p, size_t n) {
  if (n <= p->cap - p->used)
    return PCLN_OK;
  // What else is to come is not known; so that few tries do, ask for much.
  p->need = n < SIZE_MAX - p->used ? p->used + n : SIZE_MAX;
  if (p->need < 2 * p->cap)
    p->need = 2 * p->cap;
  return PCLN_LIMIT;
}

// The small table's regions reach as far as the buffer is filled.
static void show(struct pull *p) {
  p->t->names = p->t->files = p->t->pctab = (struct pcln_span){p->buf, p->used};
}

// Copies up to `len` bytes at `off` of a part; *got of them are there.
static enum pcln_status copy_some(struct pull *p,
                                  const struct pcln_reader_part *part,
                                  uint64_t off, size_t len, size_t *got) {
  const uint64_t left = off < part->len ? part->len - off : 0;
  if (len > left)
    len = (size_t)left;
  const enum pcln_status status = take_room(p, len);
  if (status != PCLN_OK)
    return status;
  *got =
      pcln_source_read(&p->r->source, part->off + off, p->buf + p->used, len);
  p->used += *got;
  return *got == len ? PCLN_OK : PCLN_IO;
}

// As much as there is room for, but `want` bytes at most and one at least.
static size_t chunk(const struct pull *p, size_t want) {
  const size_t left = p->cap - p->used;
  return want < left ? want : left > 0 ? left : 1;
}

// --- Strings ----------------------------------------------------------------

// Copies the string at `off`; *at is where it is. PCLN_CORRUPT: it is outside
// or does not end.
static enum pcln_status copy_string(struct pull *p,
                                    const struct pcln_reader_part *part,
                                    uint32_t off, uint32_t *at) {
  const size_t begin = p->used;
  for (size_t want = 64;; want *= 2) {
    const size_t from = p->used;
    size_t got;
    const enum pcln_status status = copy_some(
        p, part, off + (uint64_t)(from - begin), chunk(p, want), &got);
    if (status != PCLN_OK)
      return status;
    const uint8_t *nul = memchr(p->buf + from, 0, got);
    if (nul) {
      p->used = (size_t)(nul - p->buf) + 1;
      *at = (uint32_t)begin;
      return PCLN_OK;
    }
    if (got == 0) {
      p->used = begin;
      return PCLN_CORRUPT;
    }
  }
}

// --- The record -------------------------------------------------------------

static uint8_t *record(const struct pull *p) {
  return (uint8_t *)(uintptr_t)p->t->functab.ptr + p->f.rec_off;
}

static void put32(struct pull *p, uint8_t *at, uint32_t v) {
  pcln_store32(at, v, p->t->swap);
}

static void put_word(struct pull *p, uint8_t *at, uint64_t v) {
  if (p->t->ptr_size == 8)
    pcln_store64(at, v, p->t->swap);
  else
    pcln_store32(at, (uint32_t)v, p->t->swap);
}

// Writes functab's one entry at the end of the buffer; the record is to follow
// at `rec` bytes from there.
static void put_functab(struct pull *p, const uint8_t *entry, uint32_t rec) {
  const size_t size = pcln_functab_entry_size(p->t);
  uint8_t *at = p->buf + p->used;
  memset(at, 0, rec);
  memcpy(at, entry, size + size / 2);
  if (p->t->layout >= PCLN_GO_118)
    put32(p, at + 4, rec);
  else
    put_word(p, at + p->t->ptr_size, rec);
  p->t->functab = p->t->pclntab = (struct pcln_span){at, SIZE_MAX};
  p->used += rec;
}

// Brings over functab's entry, the record and the name.
static enum pcln_status copy_record(struct pull *p, uint32_t idx) {
  const struct pcln_reader *r = p->r;
  struct pcln_table *t = p->t;
  const struct pcln_rec_layout *l = pcln_rec_layout(t);
  const size_t entry = pcln_functab_entry_size(t);
  uint8_t e[24], fixed[64];
  enum pcln_status status = read_entries(r, idx, 1, e);
  if (status != PCLN_OK)
    return status;
  const struct pcln_table one = entries_table(r, e, sizeof e);
  uint64_t at = pcln_functab_rec(&one, 0); // from functab's start
  if (t->layout == PCLN_GO_12)
    at -= PCLN_GO_HDR_WORDS + (uint64_t)t->ptr_size; // it was from byte 0
  if (r->functab.len < l->size || at > r->functab.len - l->size)
    return PCLN_CORRUPT;
  if (pcln_source_read(&r->source, r->functab.off + at, fixed, l->size) !=
      l->size)
    return PCLN_IO;
  // The empty name first, then the function's.
  if ((status = take_room(p, 1)) != PCLN_OK)
    return status;
  p->buf[p->used++] = 0;
  uint8_t *name = fixed + l->entry_size + PCLN_REC_NAME;
  uint32_t name_at = 0;
  status = copy_string(p, &r->names, pcln_load32(name, t->swap), &name_at);
  const bool no_unit =
      l->cu_offset && pcln_load32(fixed + l->cu_offset, t->swap) == PCLN_NO_CU;
  if (status != PCLN_OK && !(status == PCLN_CORRUPT && no_unit))
    return status; // of a hole the name does not count
  put32(p, name, name_at);
  // Alignment inside a record counts from functab's start.
  const uint32_t rec =
      (uint32_t)((entry + entry / 2 + 7) / 8 * 8 + at % t->ptr_size);
  if ((status = take_room(p, rec + l->size)) != PCLN_OK)
    return status;
  put_functab(p, e, rec);
  memcpy(p->buf + p->used, fixed, l->size);
  p->used += l->size;
  // As functab has no end yet, this reads the fixed part and tells the rest.
  t->n_funcs = 1;
  show(p);
  status = pcln_func_at(t, 0, &p->f);
  if (status != PCLN_OK)
    return status;
  size_t got = 0;
  const uint64_t rest = pcln_record_end(t, &p->f) - rec - l->size;
  if (rest > r->functab.len - l->size - at)
    return PCLN_CORRUPT;
  status = copy_some(p, &r->functab, at + l->size, (size_t)rest, &got);
  t->functab.len = rec + l->size + got;
  p->record_off = r->functab.off + at;
  // Addresses count from functab's first entry, which now is the function's.
  if (t->layout < PCLN_GO_118)
    t->text_start += stored_pc(t, e, 0) - r->first_pc;
  return status;
}

// --- Streams ----------------------------------------------------------------

// Ends a stream that is cut off by pctab's end, so that no decoder goes on into
// what stands behind it in the buffer.
static enum pcln_status put_bad_varint(struct pull *p) {
  enum { TOO_LONG = 6 };
  const enum pcln_status status = take_room(p, TOO_LONG);
  if (status != PCLN_OK)
    return status;
  memset(p->buf + p->used, 0x80, TOO_LONG);
  p->used += TOO_LONG;
  return PCLN_OK;
}

// Copies a stream; *at is where it is, or 0 if the function has none. What is
// malformed stays so: whoever decodes it is told.
static enum pcln_status copy_stream(struct pull *p, uint32_t off,
                                    uint32_t *at) {
  struct decoder d = {.value = -1, .first = true, .strict = p->t->ours};
  size_t pos = p->used; // of the next pair
  *at = off ? (uint32_t)p->used : 0;
  if (off == 0)
    return PCLN_OK;
  if (off >= p->r->pctab.len) { // outside there, outside here
    *at = UINT32_MAX;
    return PCLN_OK;
  }
  for (size_t want = 64;; want *= 2) {
    size_t got;
    const size_t from = p->used - *at;
    const enum pcln_status status =
        copy_some(p, &p->r->pctab, off + (uint64_t)from, chunk(p, want), &got);
    if (status != PCLN_OK)
      return status;
    for (;;) {
      uint32_t next;
      d.pos = p->buf + pos;
      d.end = p->buf + p->used;
      const struct decoder before = d;
      const enum step s = step(&d, &next);
      if (s == STEP_END)
        p->used = (size_t)(d.pos - p->buf);
      if (s == STEP_END || (s == STEP_BAD && p->used - pos >= MAX_STEP))
        return PCLN_OK;
      if (s == STEP_BAD && got == 0)
        return put_bad_varint(p);
      if (s == STEP_BAD) { // the pair goes on behind what was read
        d = before;
        break;
      }
      d.pc = next;
      pos = (size_t)(d.pos - p->buf);
    }
  }
}

// Whether the function's PCDATA stream `index` is asked for.
static bool wants_pcdata(const struct pull *p, uint32_t index) {
  if (index == pcln_pcdata_inltree(p->t))
    return p->what & PCLN_READ_CALLS;
  if (p->t->ours && index == PCLN_PCDATA_UNWIND)
    return p->what & PCLN_READ_UNWIND;
  return p->what & PCLN_READ_PCDATA;
}

// Brings over the streams whose offset is the record's word at `at`.
static enum pcln_status move_stream(struct pull *p, size_t at, bool wanted) {
  uint8_t *word = record(p) + at;
  uint32_t to = 0;
  enum pcln_status status = PCLN_OK;
  if (wanted)
    status = copy_stream(p, pcln_load32(word, p->t->swap), &to);
  put32(p, word, to);
  return status;
}

static enum pcln_status copy_streams(struct pull *p) {
  const struct pcln_rec_layout *l = pcln_rec_layout(p->t);
  const bool lines = p->what & PCLN_READ_LINES;
  enum pcln_status status =
      move_stream(p, l->entry_size + PCLN_REC_PCSP, p->what & PCLN_READ_UNWIND);
  if (status == PCLN_OK)
    status = move_stream(p, l->entry_size + PCLN_REC_PCFILE, lines);
  if (status == PCLN_OK)
    status = move_stream(p, l->entry_size + PCLN_REC_PCLN, lines);
  for (uint32_t i = 0; status == PCLN_OK && i < p->f.n_pcdata; i++) {
    uint32_t slot;
    if (pcln_slot(p->t, p->f.pcdata_mask, i, &slot))
      status = move_stream(p, l->size + 4 * (size_t)slot, wants_pcdata(p, i));
  }
  show(p);
  return status == PCLN_OK ? pcln_func_at(p->t, 0, &p->f) : status;
}

// The largest value of a stream, or -1.
static int32_t largest(const struct pull *p, uint32_t stream) {
  struct pcln_run_iter it;
  int32_t max = -1;
  pcln_runs_begin(p->t, stream, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);)
    max = run.value > max ? run.value : max;
  return max;
}

// --- Files ------------------------------------------------------------------

// Where the piece's cutab has the number of `file`, if it is one.
static uint8_t *file_slot(const struct pull *p, int32_t file) {
  const size_t n = p->t->cutab.len / 4;
  if (file < 0 || (size_t)file >= n)
    return NULL;
  return (uint8_t *)(uintptr_t)p->t->cutab.ptr + (size_t)file * 4;
}

// Brings over the name of a file that is not there yet. `unit` is the number of
// the unit's first entry in cutab.
static enum pcln_status copy_file(struct pull *p, int32_t file, uint32_t unit) {
  uint8_t *slot = file_slot(p, file), bytes[4];
  const struct pcln_reader *r = p->r;
  if (!slot || pcln_load32(slot, p->t->swap) != 0)
    return PCLN_OK;
  const uint64_t at = ((uint64_t)unit + (uint32_t)file) * 4;
  if (pcln_source_read(&r->source, r->cutab.off + at, bytes, 4) != 4)
    return PCLN_IO;
  const uint32_t off = pcln_load32(bytes, p->t->swap);
  uint32_t to = PCLN_NO_FILE;
  enum pcln_status status = PCLN_CORRUPT; // no name
  if (off < r->files.len)
    status = copy_string(p, &r->files, off, &to);
  put32(p, slot, to);
  return status == PCLN_CORRUPT ? PCLN_OK : status;
}

// A cutab of the function's own, with the files of its streams. Numbers that no
// stream has stand for no file.
static enum pcln_status copy_files(struct pull *p, int32_t last) {
  const struct pcln_rec_layout *l = pcln_rec_layout(p->t);
  const uint32_t unit = l->cu_offset ? p->f.cu_offset : 0;
  const uint64_t all = p->r->cutab.len / 4;
  uint64_t n = (uint64_t)((int64_t)last + 1);
  if (unit >= all || p->f.cu_offset == PCLN_NO_CU)
    return PCLN_OK;
  if (l->cu_offset)
    put32(p, record(p) + l->cu_offset, 0);
  if (n > all - unit)
    n = all - unit;
  enum pcln_status status = take_room(p, (size_t)n * 4);
  if (status != PCLN_OK)
    return status;
  p->t->cutab = (struct pcln_span){p->buf + p->used, (size_t)n * 4};
  memset(p->buf + p->used, 0, (size_t)n * 4);
  p->used += (size_t)n * 4;
  struct pcln_run_iter it;
  pcln_runs_begin(p->t, p->f.pcfile, &it);
  for (struct pcln_run run; status == PCLN_OK && pcln_runs_next(&it, &run);)
    status = copy_file(p, run.value, unit);
  struct pcln_inline call;
  for (uint32_t i = 0; status == PCLN_OK && i < p->n_calls; i++)
    if (pcln_inline_at(p->t, &p->f, i, &call) == PCLN_OK && !call.by_pc)
      status = copy_file(p, call.file, unit);
  return status;
}

// --- Inlined calls ----------------------------------------------------------

// Brings over the name at the word `at` of the buffer.
static enum pcln_status move_name(struct pull *p, size_t at) {
  uint32_t to = 0;
  const enum pcln_status status =
      copy_string(p, &p->r->names, pcln_load32(p->buf + at, p->t->swap), &to);
  if (status == PCLN_OK || status == PCLN_CORRUPT) // then: a name of nowhere
    put32(p, p->buf + at, status == PCLN_OK ? to : UINT32_MAX);
  return status == PCLN_CORRUPT ? PCLN_OK : status;
}

// The callees of a compact tree of `n` records at `tree`: the piece has one of
// its own for each record, in order.
static enum pcln_status copy_callees(struct pull *p, size_t tree, uint32_t n) {
  const size_t callees = p->used;
  enum pcln_status status = take_room(p, (size_t)n * PCLN_CALLEE_SIZE);
  if (status != PCLN_OK)
    return status;
  memset(p->buf + callees, 0xff, (size_t)n * PCLN_CALLEE_SIZE);
  p->used += (size_t)n * PCLN_CALLEE_SIZE;
  for (uint32_t i = 0; status == PCLN_OK && i < n; i++) {
    struct pcln_compact c;
    const struct pcln_span span = {p->buf + tree, callees - tree};
    uint8_t *to = p->buf + callees + (size_t)i * PCLN_CALLEE_SIZE;
    if (!pcln_compact_at(span, i, p->t->swap, &c))
      break;
    if (!c.wide_callee && i > UINT16_MAX) {
      p->need = SIZE_MAX;
      return PCLN_LIMIT; // numbers of two bytes name no more
    }
    const uint64_t from = (uint64_t)c.callee * PCLN_CALLEE_SIZE;
    uint8_t *number = p->buf + tree + c.off;
    if (c.wide_callee)
      put32(p, number, i);
    else
      pcln_store16(number, (uint16_t)i, p->t->swap);
    if (from + PCLN_CALLEE_SIZE > p->r->callees.len)
      continue; // its name is nowhere
    if (pcln_source_read(&p->r->source, p->r->callees.off + from, to,
                         PCLN_CALLEE_SIZE) != PCLN_CALLEE_SIZE)
      return PCLN_IO;
    status = move_name(p, (size_t)(to - p->buf));
  }
  p->t->callees =
      (struct pcln_span){p->buf + callees, (size_t)n * PCLN_CALLEE_SIZE};
  return status;
}

// The names of a tree of Go's, and before go1.12 its files.
static enum pcln_status move_names(struct pull *p, size_t tree, size_t len) {
  const size_t size = pcln_inline_size(p->t);
  const size_t name = p->t->layout >= PCLN_GO_120 ? 4 : 12;
  enum pcln_status status = PCLN_OK;
  for (size_t at = tree; status == PCLN_OK && tree + len - at >= size;
       at += size)
    status = move_name(p, at + name);
  return status;
}

// Gives the record's entry of FUNCDATA number `slot` another value.
static void put_funcdata(struct pull *p, uint32_t slot, size_t off) {
  const unsigned size = pcln_funcdata_size(p->t);
  uint8_t *at = (uint8_t *)(uintptr_t)p->t->functab.ptr +
                pcln_funcdata_array(p->t, &p->f) + (uint64_t)slot * size;
  if (p->t->layout >= PCLN_GO_118)
    put32(p, at, off ? (uint32_t)off : PCLN_NO_FUNCDATA);
  else
    put_word(p, at, off);
}

// The record's entry of FUNCDATA `index`, as an offset from the record's start.
static bool funcdata_word(const struct pcln_table *t, const struct pcln_func *f,
                          uint32_t index, uint64_t *at) {
  uint32_t slot;
  if (index >= f->n_funcdata || !pcln_slot(t, f->funcdata_mask, index, &slot))
    return false;
  *at = pcln_funcdata_array(t, f) - f->rec_off +
        (uint64_t)slot * pcln_funcdata_size(t);
  return true;
}

// Where the inline tree is in the funcdata area, before the record is
// rewritten.
static bool tree_off(const struct pull *p, uint64_t *off) {
  uint64_t at;
  return p->r->funcdata.len &&
         funcdata_word(p->t, &p->f, pcln_funcdata_inltree(p->t), &at) &&
         pcln_funcdata_off(p->t, record(p) + at, p->r->funcdata.len, off) ==
             PCLN_OK;
}

// Brings over the inline tree, and makes all other funcdata absent.
static enum pcln_status copy_calls(struct pull *p) {
  uint64_t off = 0;
  const int32_t last =
      largest(p, pcln_pcdata_stream(p->t, &p->f, pcln_pcdata_inltree(p->t)));
  const bool has_tree = last >= 0 && tree_off(p, &off);
  uint32_t slot;
  p->t->funcdata_va = 0;
  if (p->r->funcdata.len)
    p->t->funcdata = (struct pcln_span){p->buf, 0};
  for (uint32_t i = 0; i < p->f.n_funcdata; i++)
    if (pcln_slot(p->t, p->f.funcdata_mask, i, &slot))
      put_funcdata(p, slot, 0);
  if (!has_tree)
    return PCLN_OK;
  enum { COMPACT_MIN = 4, COMPACT_MAX = 8 }; // bytes of a record
  const bool compact = p->r->callees.len > 0;
  const size_t tree = p->used;
  const uint64_t n = (uint64_t)last + 1;
  size_t got;
  const size_t size = compact ? COMPACT_MAX : pcln_inline_size(p->t);
  const uint64_t most = p->r->funcdata.len - off;
  const uint64_t want = n * size + (compact ? 1 : 0);
  enum pcln_status status = copy_some(
      p, &p->r->funcdata, off, (size_t)(want < most ? want : most), &got);
  if (status != PCLN_OK)
    return status;
  if (pcln_slot(p->t, p->f.funcdata_mask, pcln_funcdata_inltree(p->t), &slot))
    put_funcdata(p, slot, tree);
  // A damaged stream's numbers go far beyond the tree; what is not there need
  // not be walked.
  const uint64_t most_calls = got / (compact ? COMPACT_MIN : size);
  p->n_calls = (uint32_t)(n < most_calls ? n : most_calls);
  p->t->funcdata.len = p->used; // the tree is the last, so its end is known
  show(p);
  return compact ? copy_callees(p, tree, p->n_calls) : move_names(p, tree, got);
}

// --- Unwind rules -----------------------------------------------------------

static enum pcln_status copy_rules(struct pull *p) {
  const uint32_t stream = pcln_pcdata_stream(p->t, &p->f, PCLN_PCDATA_UNWIND);
  const int32_t last = p->t->ours ? largest(p, stream) : -1;
  const size_t at = p->used;
  size_t got;
  if (last < 0)
    return PCLN_OK;
  const uint64_t want = ((uint64_t)last + 1) * PCLN_RULE_SIZE;
  const enum pcln_status status = copy_some(
      p, &p->r->rules, 0,
      (size_t)(want < p->r->rules.len ? want : p->r->rules.len), &got);
  if (status == PCLN_OK)
    p->t->rules = (struct pcln_span){p->buf + at, got};
  return status;
}

// --- One function -----------------------------------------------------------

// The last file number that the function's streams and tree have.
static int32_t last_file(const struct pull *p) {
  int32_t last = largest(p, p->f.pcfile);
  struct pcln_inline call;
  for (uint32_t i = 0; i < p->n_calls; i++)
    if (pcln_inline_at(p->t, &p->f, i, &call) == PCLN_OK && !call.by_pc &&
        call.file > last)
      last = call.file;
  return last;
}

static enum pcln_status pull_function(struct pull *p, uint32_t idx) {
  enum pcln_status status = copy_record(p, idx);
  if (status == PCLN_OK)
    status = copy_streams(p);
  if (status == PCLN_OK)
    status = copy_calls(p);
  if (status == PCLN_OK)
    status = copy_files(p, last_file(p));
  if (status == PCLN_OK)
    status = copy_rules(p);
  if (status == PCLN_OK)
    status = take_room(p, 1);
  if (status != PCLN_OK)
    return status;
  p->buf[p->used++] = 0;
  show(p);
  p->t->text_len = pcln_functab_pc(p->t, 1);
  return PCLN_OK;
}

enum pcln_status pcln_reader_at(const struct pcln_reader *r, uint32_t idx,
                                unsigned what, uint8_t *buf, size_t cap,
                                struct pcln_piece *out) {
  if (idx >= r->table.n_funcs)
    return PCLN_NOT_FOUND;
  struct pcln_table t = r->table;
  struct pull p = {.r = r,
                   .t = &t,
                   .buf = buf,
                   .cap = cap < UINT32_MAX ? cap : UINT32_MAX,
                   .what = what};
  const enum pcln_status status = pull_function(&p, idx);
  if (status == PCLN_OK)
    *out = (struct pcln_piece){
        .table = t, .idx = idx, .record_off = p.record_off, .size = p.used};
  else if (status == PCLN_LIMIT)
    out->size = p.need;
  return status;
}

enum pcln_status pcln_reader_find(const struct pcln_reader *r, uint64_t pc,
                                  unsigned what, uint8_t *buf, size_t cap,
                                  struct pcln_piece *out) {
  const uint64_t off = pc - r->table.text_start;
  uint8_t first[24];
  uint32_t idx;
  if (pc < r->table.text_start || off >= r->table.text_len ||
      r->table.n_funcs == 0)
    return PCLN_NOT_FOUND;
  enum pcln_status status = read_entries(r, 0, 0, first);
  if (status != PCLN_OK)
    return status;
  if (stored_pc(&r->table, first, 0) > off + r->first_pc)
    return PCLN_NOT_FOUND;
  status = search(r, off + r->first_pc, &idx);
  return status == PCLN_OK ? pcln_reader_at(r, idx, what, buf, cap, out)
                           : status;
}

enum pcln_status pcln_reader_funcdata(const struct pcln_reader *r,
                                      const struct pcln_piece *piece,
                                      uint32_t index,
                                      struct pcln_reader_part *out) {
  struct pcln_func f;
  uint8_t word[8];
  uint64_t at, off;
  enum pcln_status status = pcln_func_at(&piece->table, 0, &f);
  if (status != PCLN_OK)
    return status;
  if (r->funcdata.len == 0 || !funcdata_word(&piece->table, &f, index, &at))
    return PCLN_NOT_FOUND;
  const unsigned size = pcln_funcdata_size(&r->table);
  if (pcln_source_read(&r->source, piece->record_off + at, word, size) != size)
    return PCLN_IO;
  status = pcln_funcdata_off(&r->table, word, r->funcdata.len, &off);
  if (status == PCLN_OK)
    *out =
        (struct pcln_reader_part){r->funcdata.off + off, r->funcdata.len - off};
  return status;
}
