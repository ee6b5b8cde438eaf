// SPDX-License-Identifier: Apache-2.0
//
// One function of the model into its func record and into the shared areas:
// streams, file numbers, inline tree, checkpoints, funcdata.
//
// File numbers. The model numbers the files of a unit as its source did, which
// for DWARF includes every header that the unit saw. The encoder numbers anew:
// per unit, in the order of first use, so unused files cost nothing and most
// differences in a pcfile stream stay one byte. On top of that a function's
// cuOffset points at the lowest number that the function itself uses, and its
// stream counts from there: the stream of a function with one file is then
// "0 up to the end", which all functions of that length share.
//
// Checkpoints. A lookup decodes at most CHECKPOINT_EVERY pairs behind a binary
// search. Measured on ffmpeg (17,000 C functions) and gdb (19,000 C++), bytes
// per function and relative time of a random lookup with all its frames:
//
//   every   32       64       128      256      none
//   ffmpeg  333 0.9  318 1.0  311 1.2  308 1.5  307 3.0
//   gdb     446 0.9  434 1.0  430 1.2  428 1.4  427 2.4
//
// The rest of a lookup is cache misses, which no spacing helps.
#include "encode.h"

#include "pairs.h"

#include <stdlib.h>

enum {
  CHECKPOINT_MIN = 96,   // pairs; a shorter stream has no checkpoints
  CHECKPOINT_EVERY = 64, // pairs between two entries
  MAX_FUNCDATA = 255,    // nfuncdata is one byte
  MAX_LONG_STREAMS = 16, // of one function with checkpoints
  MIN_PAIR = 2,          // bytes
  MAX_PAIR = 10,
};

// What a function becomes before its record is written.
struct encoded {
  uint32_t name, pcsp, pcfile, pcln;
  uint32_t cu_off; // from the unit's first file; PCLN_NO_NUMBER: no file
  uint8_t *pcdata; // in the record itself
  uint32_t n_pcdata, n_funcdata;   // without trailing absent ones
  uint32_t funcdata[MAX_FUNCDATA]; // the first n_funcdata are set
};

// --- Streams and file numbers -----------------------------------------------

enum pcln_status pcln_encode_bad_stream(const struct pcln_encoder *e,
                                        const struct pcln_func_def *f) {
  return pcln_encode_fault(e, PCLN_CORRUPT, "stream-malformed", f,
                           "a pc-value stream of the model has no terminator, "
                           "an empty run or more than 4 GiB of code");
}

static enum pcln_status bad_file(const struct pcln_encoder *e,
                                 const struct pcln_func_def *f) {
  return pcln_encode_fault(e, PCLN_CORRUPT, "file-number", f,
                           "the function uses a file number that its unit "
                           "does not have");
}

// PCDATA streams that the function has or will have: maps in compact form stand
// behind one.
static uint32_t n_pcdata(const struct pcln_encoder *e,
                         const struct pcln_func_def *f) {
  const uint32_t maps = PCLN_PCDATA_STACKMAP + 1;
  return e->maps && f->n_pcdata < maps ? maps : f->n_pcdata;
}

static struct pcln_span pcdata_of(const struct pcln_func_def *f, uint32_t i) {
  return i < f->n_pcdata ? f->pcdata[i] : (struct pcln_span){0};
}

static uint64_t hash_stream(const struct pcln_encoder *e, struct pcln_span s) {
  return s.ptr ? pcln_pool_hash(&e->pctab, s.ptr, s.len) : 0;
}

// The pctab offset of a stream, whose hash is known; 0 when it is absent.
static enum pcln_status add_stream(struct pcln_encoder *e,
                                   const struct pcln_func_def *f,
                                   struct pcln_span s, uint64_t hash,
                                   uint32_t *off) {
  *off = 0;
  if (!s.ptr)
    return PCLN_OK;
  if (s.len <= MIN_PAIR || s.ptr[s.len - 1] != 0)
    return pcln_encode_bad_stream(e, f);
  e->n_streams++;
  *off = pcln_pool_add_hashed(&e->pctab, hash, s.ptr, s.len, 1);
  return e->pctab.status;
}

// The number of file `file` of the function's unit, given out if new. Number
// n_files of the model stands for "no file".
static int32_t file_number(struct pcln_encoder *e,
                           const struct pcln_func_def *f, uint32_t file) {
  const struct pcln_cu_def *cu = &e->m->cus[f->cu];
  uint32_t *number = &e->file_number[e->cu_base[f->cu] + file];
  if (*number == PCLN_NO_NUMBER) {
    const char *name = file < cu->n_files ? cu->files[file] : NULL;
    *number = e->cu_used[f->cu]++;
    e->file_order[e->cu_base[f->cu] + *number] =
        name ? pcln_pool_add(&e->files, name, strlen(name) + 1, 1)
             : PCLN_NO_FILE;
  }
  return (int32_t)*number;
}

// Reads pcfile into e->runs with new numbers; *lowest becomes the
// smallest of them, if that is smaller.
//
// Go's readers index cutab with the value -1 when they search a line's pc
// (debug/gosym's LineToPC gives up at the first such function), so a
// go-compatible table says "no file" by an entry of cutab that has none.
static enum pcln_status number_files(struct pcln_encoder *e,
                                     const struct pcln_func_def *f,
                                     size_t *n_runs, int32_t *lowest) {
  struct pcln_file_run *runs =
      pcln_scratch_get(&e->runs, (f->pcfile.len / MIN_PAIR + 1) * sizeof *runs);
  if (!runs)
    return PCLN_NO_MEMORY;
  const uint32_t n_files = e->m->cus[f->cu].n_files;
  struct pcln_pairs p = pcln_pairs_at(f->pcfile, e->m->quantum);
  size_t n = 0;
  while (pcln_pairs_next(&p)) {
    if (p.value >= 0 && (uint32_t)p.value >= n_files)
      return bad_file(e, f);
    int32_t file = -1;
    if (p.value >= 0 || e->o->go_compat)
      file = file_number(e, f, p.value >= 0 ? (uint32_t)p.value : n_files);
    if (file >= 0 && file < *lowest)
      *lowest = file;
    runs[n++] = (struct pcln_file_run){.hi = p.hi, .file = file};
  }
  *n_runs = n;
  return p.c.failed ? pcln_encode_bad_stream(e, f) : e->files.status;
}

// Writes `n` runs as a stream whose numbers count from `base`.
static size_t put_file_runs(const struct pcln_encoder *e, uint8_t *out,
                            size_t n, int32_t base) {
  const struct pcln_file_run *runs = e->runs.ptr;
  uint32_t pc = 0;
  int32_t last = -1;
  size_t len = 0;
  for (size_t i = 0; i < n; i++) {
    const int32_t value = runs[i].file < 0 ? -1 : runs[i].file - base;
    if (i + 1 < n && runs[i + 1].file == runs[i].file)
      continue; // a run of a source that did not join its neighbour
    len += pcln_put_varint32(out + len, pcln_zigzag(value - last));
    len += pcln_put_varint32(out + len, (runs[i].hi - pc) / e->m->quantum);
    pc = runs[i].hi;
    last = value;
  }
  out[len++] = 0;
  return len;
}

// A function without files: nothing, or, for Go's readers (see above), the
// entry of cutab without a file, which is its first, up to the function's end.
static enum pcln_status add_no_file(struct pcln_encoder *e,
                                    const struct pcln_func_def *f,
                                    struct encoded *x) {
  x->cu_off = PCLN_NO_NUMBER;
  if (!e->o->go_compat || f->size % e->m->quantum != 0)
    return PCLN_OK;
  uint8_t stream[1 + MAX_PAIR];
  size_t len = pcln_put_varint32(stream, pcln_zigzag(0 - -1));
  len += pcln_put_varint32(stream + len, f->size / e->m->quantum);
  stream[len++] = 0;
  const struct pcln_span s = {.ptr = stream, .len = len};
  return add_stream(e, f, s, hash_stream(e, s), &x->pcfile);
}

static enum pcln_status add_pcfile(struct pcln_encoder *e,
                                   const struct pcln_func_def *f,
                                   struct encoded *x) {
  if (!f->pcfile.ptr)
    return add_no_file(e, f, x);
  if (f->cu >= e->m->n_cus)
    return bad_file(e, f);
  size_t n = 0;
  int32_t lowest = INT32_MAX;
  enum pcln_status st = number_files(e, f, &n, &lowest);
  if (st != PCLN_OK)
    return st;
  if (lowest == INT32_MAX)
    return add_no_file(e, f, x);
  x->cu_off = (uint32_t)lowest;
  uint8_t *bytes = pcln_scratch_get(&e->bytes, n * MAX_PAIR + 1);
  if (!bytes)
    return PCLN_NO_MEMORY;
  const struct pcln_span s = {.ptr = bytes,
                              .len = put_file_runs(e, bytes, n, lowest)};
  return add_stream(e, f, s, hash_stream(e, s), &x->pcfile);
}

// --- Funcdata ---------------------------------------------------------------

// What the readers of a kind load at once decides its alignment.
static unsigned funcdata_align(const struct pcln_encoder *e, uint32_t index) {
  switch (index) {
  case PCLN_FUNCDATA_STACK_OBJECTS:
    return e->m->ptr_size;
  case PCLN_FUNCDATA_OPEN_DEFERS:
  case PCLN_FUNCDATA_ARG_INFO:
  case PCLN_FUNCDATA_ARG_LIVE:
  case PCLN_FUNCDATA_POINTER_PAIRS:
    return 1;
  case PCLN_FUNCDATA_INLTREE:
    return e->compact ? 1 : 4;
  default:
    return 4;
  }
}

static enum pcln_status put_funcdata(struct pcln_encoder *e, struct encoded *x,
                                     uint32_t index, const void *bytes,
                                     size_t len) {
  for (; x->n_funcdata <= index; x->n_funcdata++)
    x->funcdata[x->n_funcdata] = PCLN_NO_FUNCDATA;
  x->funcdata[index] =
      pcln_pool_add(&e->funcdata, bytes, len, funcdata_align(e, index));
  return e->funcdata.status;
}

static enum pcln_status add_funcdata(struct pcln_encoder *e,
                                     const struct pcln_func_def *f,
                                     struct encoded *x) {
  for (uint32_t i = 0; i < f->n_funcdata; i++) {
    const struct pcln_span *s = &f->funcdata[i];
    const bool map =
        i == PCLN_FUNCDATA_ARGS_MAPS || i == PCLN_FUNCDATA_LOCALS_MAPS;
    if (!s->ptr || (map && e->maps))
      continue;
    if (i >= MAX_FUNCDATA)
      return pcln_encode_fault(e, PCLN_LIMIT, "limit-funcdata-index", f,
                               "the function has a FUNCDATA index above 254");
    if (s->len == 0)
      return pcln_encode_fault(e, PCLN_CORRUPT, "funcdata-empty", f,
                               "a FUNCDATA of the function has no bytes");
    if (i == PCLN_FUNCDATA_INLTREE || i == PCLN_FUNCDATA_CHECKPOINTS)
      return pcln_encode_fault(e, PCLN_CORRUPT, "funcdata-reserved", f,
                               "the function sets a FUNCDATA that the encoder "
                               "makes: 3 (inline tree) or 8 (checkpoints)");
    const enum pcln_status st = put_funcdata(e, x, i, s->ptr, s->len);
    if (st != PCLN_OK)
      return st;
  }
  return PCLN_OK;
}

// --- Inline trees -----------------------------------------------------------

// An inlined call by the pc of its call site, to visit them along the streams.
struct site {
  uint32_t pc, idx;
};

static int site_by_pc(const void *a, const void *b) {
  const struct site *x = a, *y = b;
  return (x->pc > y->pc) - (x->pc < y->pc);
}

// Writes a field at `at` of each go1.18 record: the stream's value where the
// call stands.
static void put_values(const struct pcln_encoder *e,
                       const struct pcln_func_def *f, const struct site *sites,
                       struct pcln_span stream, uint8_t *tree, unsigned at) {
  struct pcln_pairs p = pcln_pairs_at(stream, e->m->quantum);
  bool more = stream.ptr && pcln_pairs_next(&p);
  for (uint32_t i = 0; i < f->n_inlines; i++) {
    const int32_t v = pcln_pairs_seek(&p, &more, sites[i].pc);
    uint8_t *field = tree + (size_t)sites[i].idx * PCLN_GO118_INLINE_SIZE + at;
    if (at == 0)
      pcln_store16(field, (uint16_t)v, e->swap);
    else
      pcln_store32(field, (uint32_t)v, e->swap);
  }
}

// go1.18: a record repeats the call's position and its enclosing call, which
// later readers find through parentPc alone.
static enum pcln_status put_tree_118(struct pcln_encoder *e,
                                     const struct pcln_func_def *f,
                                     const struct encoded *x, uint8_t *tree) {
  if (f->n_inlines > INT16_MAX)
    return pcln_encode_fault(e, PCLN_LIMIT, "limit-inlines", f,
                             "more than 32767 inlined calls: the go1.18 layout "
                             "counts them in 16 bits");
  struct site *sites =
      pcln_scratch_get(&e->order, f->n_inlines * sizeof *sites);
  if (!sites)
    return PCLN_NO_MEMORY;
  for (uint32_t i = 0; i < f->n_inlines; i++) {
    const struct pcln_inline_def *in = &f->inlines[i];
    uint8_t *r = tree + (size_t)i * PCLN_GO118_INLINE_SIZE;
    sites[i] = (struct site){.pc = in->parent_pc, .idx = i};
    r[2] = in->func_id;
    r[3] = 0;
    pcln_store32(r + 12, pcln_encode_name(e, in->name), e->swap);
    pcln_store32(r + 16, in->parent_pc, e->swap);
  }
  qsort(sites, f->n_inlines, sizeof *sites, site_by_pc);
  // The file is numbered as in the encoded stream, not as in the model.
  struct pcln_span files = {0}, parents = {0};
  if (x->pcfile)
    files = (struct pcln_span){.ptr = e->pctab.bytes + x->pcfile,
                               .len = e->pctab.len - x->pcfile};
  if (f->n_pcdata > PCLN_PCDATA_INLTREE)
    parents = f->pcdata[PCLN_PCDATA_INLTREE];
  put_values(e, f, sites, parents, tree, 0);
  put_values(e, f, sites, files, tree, 4);
  put_values(e, f, sites, f->pcln, tree, 8);
  return PCLN_OK;
}

static void put_tree_120(struct pcln_encoder *e, const struct pcln_func_def *f,
                         uint8_t *tree) {
  for (uint32_t i = 0; i < f->n_inlines; i++) {
    const struct pcln_inline_def *in = &f->inlines[i];
    uint8_t *r = tree + (size_t)i * PCLN_GO120_INLINE_SIZE;
    pcln_store32(r, 0, false);
    r[0] = in->func_id;
    pcln_store32(r + 4, pcln_encode_name(e, in->name), e->swap);
    pcln_store32(r + 8, in->parent_pc, e->swap);
    pcln_store32(r + 12, (uint32_t)in->start_line, e->swap);
  }
}

// Writes 4 bytes if `wide`, else 2; returns the place behind them.
static uint8_t *put_narrow(uint8_t *p, uint32_t v, bool wide, bool swap) {
  if (wide)
    pcln_store32(p, v, swap);
  else
    pcln_store16(p, (uint16_t)v, swap);
  return p + (wide ? 4 : 2);
}

// The index of an inlined function among the callees, added if new.
static enum pcln_status add_callee(struct pcln_encoder *e,
                                   const struct pcln_func_def *f,
                                   const struct pcln_inline_def *in,
                                   uint32_t *callee) {
  const uint64_t hash = (uintptr_t)in->name * UINT64_C(0x9e3779b97f4a7c15);
  struct pcln_callee_cache *c =
      &e->callee_cache[(hash >> 32) % PCLN_CALLEE_CACHE];
  if (c->name != in->name || !in->name || c->start_line != in->start_line ||
      c->func_id != in->func_id) {
    if (in->start_line < 0 || in->start_line >> PCLN_CALLEE_LINE_BITS)
      return pcln_encode_fault(e, PCLN_LIMIT, "limit-start-line", f,
                               "a function inlined here begins in a line above "
                               "16777215");
    uint8_t r[PCLN_CALLEE_SIZE];
    pcln_store32(r, pcln_encode_name(e, in->name), e->swap);
    pcln_store32(r + 4,
                 (uint32_t)in->start_line | (uint32_t)in->func_id
                                                << PCLN_CALLEE_LINE_BITS,
                 e->swap);
    *c = (struct pcln_callee_cache){
        .name = in->name,
        .start_line = in->start_line,
        .func_id = in->func_id,
        .callee =
            pcln_pool_add(&e->callees, r, sizeof r, 1) / PCLN_CALLEE_SIZE};
  }
  *callee = c->callee;
  return e->callees.status;
}

// Writes the tree; *len is its size, at most 1 + 8 bytes a record.
static enum pcln_status put_tree_compact(struct pcln_encoder *e,
                                         const struct pcln_func_def *f,
                                         uint8_t *tree, size_t *len) {
  uint32_t *callees =
      pcln_scratch_get(&e->order, f->n_inlines * sizeof *callees);
  if (!callees)
    return PCLN_NO_MEMORY;
  uint32_t max_callee = 0, max_pc = 0;
  for (uint32_t i = 0; i < f->n_inlines; i++) {
    const enum pcln_status st = add_callee(e, f, &f->inlines[i], &callees[i]);
    if (st != PCLN_OK)
      return st;
    max_callee |= callees[i];
    max_pc |= f->inlines[i].parent_pc;
  }
  const bool wide_callee = max_callee > UINT16_MAX;
  const bool wide_pc = max_pc > UINT16_MAX;
  uint8_t *p = tree;
  *p++ = (uint8_t)((wide_callee ? PCLN_INLINE_WIDE_CALLEE : 0) |
                   (wide_pc ? PCLN_INLINE_WIDE_PC : 0));
  for (uint32_t i = 0; i < f->n_inlines; i++) {
    p = put_narrow(p, callees[i], wide_callee, e->swap);
    p = put_narrow(p, f->inlines[i].parent_pc, wide_pc, e->swap);
  }
  *len = (size_t)(p - tree);
  return PCLN_OK;
}

static enum pcln_status add_inline_tree(struct pcln_encoder *e,
                                        const struct pcln_func_def *f,
                                        struct encoded *x) {
  if (!f->n_inlines)
    return PCLN_OK;
  size_t len = (size_t)f->n_inlines * e->inline_size;
  uint8_t *tree = pcln_scratch_get(&e->tree, len);
  if (!tree)
    return PCLN_NO_MEMORY;
  e->n_inlines += f->n_inlines;
  enum pcln_status st = PCLN_OK;
  if (e->compact)
    st = put_tree_compact(e, f, tree, &len);
  else if (e->o->layout == PCLN_GO_118)
    st = put_tree_118(e, f, x, tree);
  else
    put_tree_120(e, f, tree);
  if (st != PCLN_OK)
    return st;
  return put_funcdata(e, x, PCLN_FUNCDATA_INLTREE, tree, len);
}

// --- Checkpoints ------------------------------------------------------------

// Appends the entries of one stream at `out`; their number, 0 for a stream
// that is short. The stream lies in pctab, so its end is its terminator.
static uint32_t put_checkpoints(const struct pcln_encoder *e, uint32_t stream,
                                uint8_t *out, bool *bad) {
  const struct pcln_span s = {.ptr = e->pctab.bytes + stream,
                              .len = e->pctab.len - stream};
  struct pcln_pairs p = pcln_pairs_at(s, e->m->quantum);
  uint32_t n_pairs = 0, n = 0;
  uint32_t byte_off = 0;
  int32_t before = -1; // value of the run before the pair at byte_off
  while (pcln_pairs_next(&p)) {
    if (n_pairs && n_pairs % CHECKPOINT_EVERY == 0) {
      uint8_t *r = out + (size_t)n++ * PCLN_CHECKPOINT_ENTRY;
      pcln_store32(r, p.lo, e->swap);
      pcln_store32(r + 4, byte_off, e->swap);
      pcln_store32(r + 8, (uint32_t)before, e->swap);
    }
    n_pairs++;
    byte_off = (uint32_t)pcln_tell(&p.c);
    before = p.value;
  }
  *bad = p.c.failed;
  return n_pairs > CHECKPOINT_MIN ? n : 0;
}

// A stream that is long enough in bytes to have enough pairs.
struct long_stream {
  uint32_t off;     // in pctab
  size_t max_pairs; // a pair is at least two bytes
};

static void note_long_stream(struct long_stream *list, uint32_t *n,
                             uint32_t off, size_t len) {
  if (!off || len / MIN_PAIR <= CHECKPOINT_MIN || *n == MAX_LONG_STREAMS)
    return;
  for (uint32_t i = 0; i < *n; i++)
    if (list[i].off == off)
      return;
  list[(*n)++] = (struct long_stream){.off = off, .max_pairs = len / MIN_PAIR};
}

static uint32_t long_streams(const struct pcln_encoder *e,
                             const struct pcln_func_def *f,
                             const struct encoded *x,
                             struct long_stream *list) {
  uint32_t n = 0;
  note_long_stream(list, &n, x->pcsp, f->pcsp.len);
  note_long_stream(list, &n, x->pcfile, f->pcfile.len);
  note_long_stream(list, &n, x->pcln, f->pcln.len);
  for (uint32_t i = 0; i < x->n_pcdata; i++)
    note_long_stream(list, &n, pcln_load32(x->pcdata + 4 * (size_t)i, e->swap),
                     pcdata_of(f, i).len);
  return n;
}

static enum pcln_status add_checkpoints(struct pcln_encoder *e,
                                        const struct pcln_func_def *f,
                                        struct encoded *x) {
  struct long_stream list[MAX_LONG_STREAMS];
  const uint32_t n_list = long_streams(e, f, x, list);
  if (!n_list)
    return PCLN_OK;
  const size_t heads = 4 + (size_t)n_list * PCLN_CHECKPOINT_STREAM;
  size_t room = heads;
  for (uint32_t i = 0; i < n_list; i++)
    room += (list[i].max_pairs / CHECKPOINT_EVERY + 1) * PCLN_CHECKPOINT_ENTRY;
  uint8_t *bytes = pcln_scratch_get(&e->bytes, room);
  if (!bytes)
    return PCLN_NO_MEMORY;
  uint32_t n_streams = 0, first = 0;
  for (uint32_t i = 0; i < n_list; i++) {
    uint8_t *entries = bytes + heads + (size_t)first * PCLN_CHECKPOINT_ENTRY;
    bool bad;
    const uint32_t n = put_checkpoints(e, list[i].off, entries, &bad);
    if (bad)
      return pcln_encode_bad_stream(e, f);
    if (!n)
      continue;
    uint8_t *head = bytes + 4 + (size_t)n_streams++ * PCLN_CHECKPOINT_STREAM;
    pcln_store32(head, list[i].off, e->swap);
    pcln_store32(head + 4, first, e->swap);
    pcln_store32(head + 8, n, e->swap);
    first += n;
  }
  if (!n_streams)
    return PCLN_OK;
  pcln_store32(bytes, n_streams, e->swap);
  const size_t used = 4 + (size_t)n_streams * PCLN_CHECKPOINT_STREAM;
  const size_t len = (size_t)first * PCLN_CHECKPOINT_ENTRY;
  memmove(bytes + used, bytes + heads, len);
  return put_funcdata(e, x, PCLN_FUNCDATA_CHECKPOINTS, bytes, used + len);
}

// --- The func record --------------------------------------------------------

size_t pcln_encode_func_room(const struct pcln_encoder *e,
                             const struct pcln_func_def *f) {
  const size_t ours = PCLN_FUNCDATA_CHECKPOINTS + 1;
  const size_t n_funcdata = f->n_funcdata > ours ? f->n_funcdata : ours;
  return e->func_size + 4 * ((size_t)n_pcdata(e, f) + n_funcdata);
}

static enum pcln_status add_streams(struct pcln_encoder *e,
                                    const struct pcln_func_def *f,
                                    struct encoded *x) {
  enum { HASHED_AHEAD = PCLN_PCDATA_UNWIND + 1 };
  uint64_t pcdata[HASHED_AHEAD];
  const uint64_t pcsp = hash_stream(e, f->pcsp);
  const uint64_t pcln = hash_stream(e, f->pcln);
  for (uint32_t i = 0; i < HASHED_AHEAD && i < f->n_pcdata; i++)
    pcdata[i] = hash_stream(e, f->pcdata[i]);
  // The slots are on their way while the files get their numbers.
  enum pcln_status st = add_pcfile(e, f, x);
  if (st == PCLN_OK)
    st = add_stream(e, f, f->pcsp, pcsp, &x->pcsp);
  if (st == PCLN_OK)
    st = add_stream(e, f, f->pcln, pcln, &x->pcln);
  for (uint32_t i = 0; i < n_pcdata(e, f) && st == PCLN_OK; i++) {
    const struct pcln_span s = pcdata_of(f, i);
    uint32_t off;
    if (i == PCLN_PCDATA_STACKMAP && e->maps)
      st = pcln_encode_maps(e, f, &off);
    else
      st = add_stream(e, f, s, i < HASHED_AHEAD ? pcdata[i] : hash_stream(e, s),
                      &off);
    pcln_store32(x->pcdata + 4 * (size_t)i, off, e->swap);
    if (off)
      x->n_pcdata = i + 1;
  }
  return st;
}

// Writes the counts, or in a packed record the masks, and the arrays, of which
// that of PCDATA is in place but for the packing; returns the record's end.
static uint8_t *put_arrays(const struct pcln_encoder *e,
                           const struct encoded *x, uint8_t *rec,
                           uint8_t *tail) {
  uint32_t pcdata = x->n_pcdata, funcdata = x->n_funcdata;
  uint8_t *out = x->pcdata + 4 * (size_t)x->n_pcdata;
  if (e->packed) {
    pcdata = funcdata = 0;
    out = x->pcdata;
    for (uint32_t i = 0; i < x->n_pcdata; i++) {
      const uint8_t *entry = x->pcdata + 4 * (size_t)i;
      if (pcln_load32(entry, false) == 0)
        continue;
      pcdata |= 1u << i;
      memmove(out, entry, 4);
      out += 4;
    }
  }
  for (uint32_t i = 0; i < x->n_funcdata; i++) {
    if (e->packed && x->funcdata[i] == PCLN_NO_FUNCDATA)
      continue;
    if (e->packed)
      funcdata |= 1u << i;
    pcln_store32(out, x->funcdata[i], e->swap);
    out += 4;
  }
  pcln_store32(rec + PCLN_GO_FUNC_NPCDATA, pcdata, e->swap);
  tail[2] = (uint8_t)(funcdata >> 8);
  tail[3] = (uint8_t)funcdata;
  return out;
}

enum pcln_status pcln_encode_func(struct pcln_encoder *e,
                                  const struct pcln_func_def *f, uint8_t *rec,
                                  size_t *len) {
  struct encoded x;
  memset(&x, 0, offsetof(struct encoded, funcdata));
  x.pcdata = rec + e->func_size;
  x.name = pcln_encode_name(e, f->name);
  enum pcln_status st = add_streams(e, f, &x);
  if (st == PCLN_OK)
    st = add_inline_tree(e, f, &x);
  if (st == PCLN_OK)
    st = add_funcdata(e, f, &x);
  if (st == PCLN_OK)
    st = add_checkpoints(e, f, &x);
  if (st != PCLN_OK)
    return st;
  const bool swap = e->swap;
  pcln_store32(rec + PCLN_GO_FUNC_ENTRY_OFF, (uint32_t)(f->va - e->text_va),
               swap);
  pcln_store32(rec + PCLN_GO_FUNC_NAME_OFF, x.name, swap);
  pcln_store32(rec + PCLN_GO_FUNC_ARGS, (uint32_t)f->args, swap);
  pcln_store32(rec + PCLN_GO_FUNC_DEFERRETURN, f->deferreturn, swap);
  pcln_store32(rec + PCLN_GO_FUNC_PCSP, x.pcsp, swap);
  pcln_store32(rec + PCLN_GO_FUNC_PCFILE, x.pcfile, swap);
  pcln_store32(rec + PCLN_GO_FUNC_PCLN, x.pcln, swap);
  pcln_store32(rec + PCLN_GO_FUNC_CU_OFFSET, x.cu_off, swap);
  if (e->o->layout == PCLN_GO_120)
    pcln_store32(rec + PCLN_GO120_FUNC_START_LINE, (uint32_t)f->start_line,
                 swap);
  uint8_t *tail = rec + e->func_size - 4;
  tail[0] = f->func_id;
  tail[1] = f->flags;
  *len = (size_t)(put_arrays(e, &x, rec, tail) - rec);
  return e->names.status;
}
