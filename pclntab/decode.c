// SPDX-License-Identifier: Apache-2.0
//
// Any table, ours or Go's, into the model.
//
// Nothing is copied but what the model keeps as arrays: names, streams and
// funcdata are spans into the table's bytes. What the encoder derives is
// dropped again: holes, checkpoints, findfunctab.
//
// Compact pointer maps become Go's, which the model has (decode_maps.c).
//
// Two things a table does not store and a reader has to find out:
//
//   Units. A record has an index into cutab and its stream counts from there,
//   but no unit has a size. Every distinct index becomes a unit here, as long
//   as the largest file number that its functions use; they all share one array
//   with the files of cutab, so overlapping units cost nothing.
//
//   Lengths of funcdata. A payload is taken to reach up to the next offset that
//   any record of the table names, so padding may stand at its end. An inline
//   tree has as many records as the largest index in the function's stream
//   says.
//
// The table need not be sound, and may be somebody's attack: func records that
// overlap could claim memory that is the square of the file's size, so records
// must be disjoint in sum, and the bytes walked have a budget of a multiple of
// the table's own size. Sharing of content stays far below it.
#include "decode.h"

#include "pairs.h"
#include "roots_table.h"
#include "table.h"

#include <stdlib.h>

enum { SHARING = 256 }; // how often a byte of a sound table is used, at most

struct table_decoder {
  const struct pcln_table *t;
  struct pcln_module *m;
  const struct pcln_sink *sink;
  const char **files; // of every entry of cutab
  uint32_t *cu_of;    // unit by index into cutab, or PCLN_NO_CU
  size_t n_files;     // entries in both
  uint32_t *starts;   // known offsets in the funcdata area, ascending
  size_t n_starts;
  uint64_t budget;  // bytes of streams and trees that may still be walked
  uint64_t records; // bytes of func records that may still be claimed
};

static enum pcln_status fault(const struct table_decoder *d,
                              enum pcln_status status, const char *name,
                              const struct pcln_func *f, const char *text) {
  pcln_say(d->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = name,
                                          .func = f ? f->name : NULL,
                                          .region = "functab",
                                          .region_off = f ? f->rec_off : 0,
                                          .text = text});
  return status;
}

static enum pcln_status spend(struct table_decoder *d, uint64_t n,
                              const struct pcln_func *f) {
  if (n > d->budget)
    return fault(d, PCLN_LIMIT, "decode-budget", f,
                 "the functions share their streams and inline trees more "
                 "often than any sound table does");
  d->budget -= n;
  return PCLN_OK;
}

// --- Streams ----------------------------------------------------------------

// The stream at pctab offset `off` up to its terminator; absent for 0. *max is
// its largest value.
static enum pcln_status get_stream(struct table_decoder *d,
                                   const struct pcln_func *f, uint32_t off,
                                   struct pcln_span *out, int32_t *max) {
  const struct pcln_span pctab = d->t->pctab;
  *out = (struct pcln_span){0};
  *max = -1;
  if (off == 0)
    return PCLN_OK;
  if (off < pctab.len) {
    struct pcln_pairs p = pcln_pairs_at(
        (struct pcln_span){.ptr = pctab.ptr + off, .len = pctab.len - off},
        d->t->quantum);
    while (pcln_pairs_next(&p))
      if (p.value > *max)
        *max = p.value;
    if (!p.c.failed) {
      *out = (struct pcln_span){.ptr = p.c.start, .len = pcln_tell(&p.c)};
      return spend(d, out->len, f);
    }
  }
  return fault(d, PCLN_CORRUPT, "stream-malformed", f,
               "a stream of the function leaves pctab, has no end or an empty "
               "run");
}

static enum pcln_status get_streams(struct table_decoder *d,
                                    const struct pcln_func *f,
                                    struct pcln_func_def *out,
                                    int32_t *max_file, int32_t *max_inline) {
  int32_t max;
  enum pcln_status st = get_stream(d, f, f->pcsp, &out->pcsp, &max);
  if (st == PCLN_OK)
    st = get_stream(d, f, f->pcfile, &out->pcfile, max_file);
  if (st == PCLN_OK)
    st = get_stream(d, f, f->pcln, &out->pcln, &max);
  if (st != PCLN_OK || f->n_pcdata == 0)
    return st;
  out->pcdata =
      pcln_arena_alloc(&d->m->arena, f->n_pcdata * sizeof *out->pcdata);
  if (!out->pcdata)
    return PCLN_NO_MEMORY;
  for (uint32_t i = 0; i < f->n_pcdata && st == PCLN_OK; i++) {
    st =
        get_stream(d, f, pcln_pcdata_stream(d->t, f, i), &out->pcdata[i], &max);
    if (i == pcln_pcdata_inltree(d->t))
      *max_inline = max;
    if (out->pcdata[i].ptr)
      out->n_pcdata = i + 1;
  }
  return st;
}

// --- Units and files --------------------------------------------------------

static enum pcln_status read_files(struct table_decoder *d) {
  const struct pcln_func whole = {0};
  d->n_files = d->t->cutab.len / 4;
  d->files =
      pcln_arena_alloc(&d->m->arena, (d->n_files + 1) * sizeof *d->files);
  d->cu_of = malloc((d->n_files + 1) * sizeof *d->cu_of);
  if (!d->files || !d->cu_of)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < d->n_files; i++) {
    d->files[i] =
        i <= INT32_MAX ? pcln_file_name(d->t, &whole, (int32_t)i) : NULL;
    d->cu_of[i] = PCLN_NO_CU;
  }
  return PCLN_OK;
}

// The unit of a function whose largest file number is `max_file`.
static enum pcln_status get_unit(struct table_decoder *d,
                                 const struct pcln_func *f, int32_t max_file,
                                 uint32_t *cu) {
  *cu = PCLN_NO_CU;
  if (max_file < 0)
    return PCLN_OK;
  if (f->cu_offset >= d->n_files ||
      (uint32_t)max_file >= d->n_files - f->cu_offset)
    return fault(d, PCLN_CORRUPT, "file-number", f,
                 "the function uses a file number that is not in cutab");
  if (d->cu_of[f->cu_offset] == PCLN_NO_CU) {
    d->cu_of[f->cu_offset] = (uint32_t)d->m->n_cus;
    d->m->cus[d->m->n_cus++] =
        (struct pcln_cu_def){.files = d->files + f->cu_offset};
  }
  *cu = d->cu_of[f->cu_offset];
  struct pcln_cu_def *unit = &d->m->cus[*cu];
  if (unit->n_files <= (uint32_t)max_file)
    unit->n_files = (uint32_t)max_file + 1;
  return PCLN_OK;
}

// --- Funcdata ---------------------------------------------------------------

// The offset of FUNCDATA `index`, or PCLN_NO_FUNCDATA.
static enum pcln_status funcdata_off(const struct table_decoder *d,
                                     const struct pcln_func *f, uint32_t index,
                                     uint32_t *off) {
  struct pcln_span s;
  *off = PCLN_NO_FUNCDATA;
  const enum pcln_status st = pcln_funcdata(d->t, f, index, &s);
  if (st == PCLN_NOT_FOUND)
    return PCLN_OK;
  if (st != PCLN_OK)
    return fault(d, st, "funcdata-offset", f,
                 "a FUNCDATA of the function lies outside the funcdata area");
  // Where one begins is where the one before ends; of what lies outside of the
  // area nobody says where it ends.
  const uint8_t *area = d->t->funcdata.ptr;
  if (s.ptr >= area && s.ptr <= area + d->t->funcdata.len)
    *off = (uint32_t)(s.ptr - area);
  return PCLN_OK;
}

// Finds every offset that a record names: a bit for each byte of the area,
// because an attacker's records could name one offset any number of times.
static enum pcln_status mark_starts(struct table_decoder *d, uint64_t *bits,
                                    size_t *n) {
  for (uint32_t i = 0; i < d->t->n_funcs; i++) {
    struct pcln_func f;
    if (pcln_func_at(d->t, i, &f) != PCLN_OK)
      return fault(d, PCLN_CORRUPT, "record-bounds", NULL,
                   "a func record lies outside functab");
    for (uint32_t k = 0; k < f.n_funcdata && !f.hole; k++) {
      uint32_t off;
      const enum pcln_status st = funcdata_off(d, &f, k, &off);
      if (st != PCLN_OK)
        return st;
      if (off == PCLN_NO_FUNCDATA)
        continue;
      const uint64_t bit = UINT64_C(1) << (off % 64);
      *n += (bits[off / 64] & bit) == 0;
      bits[off / 64] |= bit;
    }
  }
  return PCLN_OK;
}

static enum pcln_status find_starts(struct table_decoder *d) {
  const size_t n_words = d->t->funcdata.len / 64 + 1;
  if (d->t->funcdata.len >= PCLN_NO_FUNCDATA)
    return fault(d, PCLN_LIMIT, "limit-funcdata", NULL,
                 "the funcdata area is larger than 4 GiB");
  uint64_t *bits = calloc(n_words, sizeof *bits);
  if (!bits)
    return PCLN_NO_MEMORY;
  size_t n = 0;
  enum pcln_status st = mark_starts(d, bits, &n);
  if (st == PCLN_OK) {
    d->starts = malloc((n + 1) * sizeof *d->starts);
    st = d->starts ? PCLN_OK : PCLN_NO_MEMORY;
  }
  for (size_t w = 0; w < n_words && st == PCLN_OK; w++)
    for (uint64_t b = bits[w]; b; b &= b - 1)
      d->starts[d->n_starts++] =
          (uint32_t)(w * 64 + (size_t)__builtin_ctzll(b));
  free(bits);
  return st;
}

// The payload at a known offset.
static struct pcln_span payload_at(const struct table_decoder *d,
                                   uint32_t off) {
  size_t lo = 0, hi = d->n_starts; // starts before lo are <= off
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (d->starts[mid] <= off)
      lo = mid + 1;
    else
      hi = mid;
  }
  const size_t end = lo < d->n_starts ? d->starts[lo] : d->t->funcdata.len;
  return (struct pcln_span){.ptr = d->t->funcdata.ptr + off, .len = end - off};
}

static enum pcln_status get_funcdata(struct table_decoder *d,
                                     const struct pcln_func *f,
                                     struct pcln_func_def *out) {
  if (!f->n_funcdata)
    return PCLN_OK;
  out->funcdata =
      pcln_arena_alloc(&d->m->arena, f->n_funcdata * sizeof *out->funcdata);
  if (!out->funcdata)
    return PCLN_NO_MEMORY;
  for (uint32_t i = 0; i < f->n_funcdata; i++) {
    uint32_t off;
    out->funcdata[i] = (struct pcln_span){0};
    if (i == pcln_funcdata_inltree(d->t) ||
        (d->t->ours && i == PCLN_FUNCDATA_CHECKPOINTS))
      continue;
    const enum pcln_status st = funcdata_off(d, f, i, &off);
    if (st != PCLN_OK)
      return st;
    if (off == PCLN_NO_FUNCDATA || off == d->t->funcdata.len)
      continue;
    out->funcdata[i] = payload_at(d, off);
    out->n_funcdata = i + 1;
  }
  return PCLN_OK;
}

static enum pcln_status get_maps(struct table_decoder *d,
                                 const struct pcln_func *f,
                                 struct pcln_func_def *out) {
  struct pcln_compact_maps maps;
  if (!pcln_has_compact_maps(d->t))
    return PCLN_OK;
  enum pcln_status st = pcln_compact_maps(d->t, f, &maps);
  if (st == PCLN_NOT_FOUND)
    return PCLN_OK;
  if (st != PCLN_OK)
    return fault(d, st, "funcdata-map", f,
                 "the pointer maps behind the stream of row numbers are "
                 "damaged");
  // Go's form stores what is left out here.
  st = spend(d,
             maps.bytes.len +
                 maps.n_rows * ((uint64_t)maps.n_locals + maps.n_args + 1),
             f);
  return st == PCLN_OK ? pcln_decode_maps(&maps, d->m, out) : st;
}

// --- Inline trees -----------------------------------------------------------

static enum pcln_status get_inlines(struct table_decoder *d,
                                    const struct pcln_func *f,
                                    struct pcln_func_def *out, int32_t max) {
  // None; or a table that came without its funcdata, or is older than go1.12:
  // its calls name no pc, as those of the model do.
  if (max < 0 || !d->t->funcdata.ptr || pcln_has_old_records(d->t))
    return PCLN_OK;
  const uint64_t n = (uint64_t)max + 1;
  enum pcln_status st = spend(d, n * pcln_inline_size(d->t), f);
  struct pcln_inline last;
  if (st == PCLN_OK && pcln_inline_at(d->t, f, (uint32_t)max, &last) != PCLN_OK)
    st = fault(d, PCLN_CORRUPT, "inline-bounds", f,
               "an inline index is not in the function's inline tree");
  if (st != PCLN_OK)
    return st;
  out->inlines = pcln_arena_alloc(&d->m->arena, n * sizeof *out->inlines);
  if (!out->inlines)
    return PCLN_NO_MEMORY;
  out->n_inlines = (uint32_t)n;
  for (uint32_t i = 0; i < n; i++) {
    struct pcln_inline in = {0};
    st = pcln_inline_at(d->t, f, i, &in);
    const char *name = st == PCLN_OK ? pcln_name_at(d->t, in.name_off) : NULL;
    if (!name)
      return fault(d, PCLN_CORRUPT, "inline-name", f,
                   "an inlined function's name is outside funcnametab");
    out->inlines[i] = (struct pcln_inline_def){.name = name,
                                               .parent_pc = in.parent_pc,
                                               .start_line = in.start_line,
                                               .func_id = in.func_id};
  }
  return PCLN_OK;
}

// --- Functions and the table ------------------------------------------------

// Functions must have a size that the model can hold and records of their own.
static enum pcln_status check_func(struct table_decoder *d,
                                   const struct pcln_func *f) {
  if (f->end <= f->entry || f->end - f->entry > UINT32_MAX)
    return fault(d, PCLN_CORRUPT, "func-order", f,
                 "the function does not end behind its entry");
  const uint64_t size = pcln_record_end(d->t, f) - f->rec_off;
  if (size > d->records)
    return fault(d, PCLN_CORRUPT, "record-overlap", f, "func records overlap");
  d->records -= size;
  return PCLN_OK;
}

static enum pcln_status decode_func(struct table_decoder *d,
                                    const struct pcln_func *f) {
  struct pcln_func_def out = {
      .va = f->entry,
      .size = (uint32_t)(f->end - f->entry),
      .name = f->name,
      .start_line = f->start_line,
      .args = f->args,
      .deferreturn = f->deferreturn,
      .func_id = f->func_id,
      .flags = f->flags,
  };
  int32_t max_file = -1, max_inline = -1;
  enum pcln_status st = check_func(d, f);
  if (st == PCLN_OK)
    st = get_streams(d, f, &out, &max_file, &max_inline);
  if (st == PCLN_OK)
    st = get_unit(d, f, max_file, &out.cu);
  if (st == PCLN_OK)
    st = get_funcdata(d, f, &out);
  if (st == PCLN_OK)
    st = get_maps(d, f, &out);
  if (st == PCLN_OK)
    st = get_inlines(d, f, &out, max_inline);
  if (st == PCLN_OK)
    d->m->funcs[d->m->n_funcs++] = out;
  return st;
}

static enum pcln_status decode_funcs(struct table_decoder *d) {
  const uint32_t n = d->t->n_funcs;
  struct pcln_module *m = d->m;
  m->funcs = malloc(((size_t)n + 1) * sizeof *m->funcs);
  m->cus = pcln_arena_alloc(&m->arena, ((size_t)n + 1) * sizeof *m->cus);
  if (!m->funcs || !m->cus)
    return PCLN_NO_MEMORY;
  m->cap_funcs = n + 1;
  uint64_t last_end = 0;
  for (uint32_t i = 0; i < n; i++) {
    struct pcln_func f;
    if (pcln_func_at(d->t, i, &f) != PCLN_OK)
      return fault(d, PCLN_CORRUPT, "record-bounds", NULL,
                   "a func record lies outside functab");
    if (f.entry < last_end)
      return fault(d, PCLN_CORRUPT, "func-order", &f,
                   "the function begins before the one before it ends");
    last_end = f.end;
    const enum pcln_status st = f.hole ? PCLN_OK : decode_func(d, &f);
    if (st != PCLN_OK)
      return st;
  }
  return PCLN_OK;
}

static enum pcln_status decode_rules(struct table_decoder *d) {
  const size_t n = d->t->rules.len / PCLN_RULE_SIZE;
  struct pcln_module *m = d->m;
  if (!n)
    return PCLN_OK;
  m->rules = malloc(n * sizeof *m->rules);
  if (!m->rules)
    return PCLN_NO_MEMORY;
  m->cap_rules = n;
  while (m->n_rules < n && pcln_rule_get(d->t, (uint32_t)m->n_rules,
                                         &m->rules[m->n_rules]) == PCLN_OK)
    m->n_rules++;
  return PCLN_OK;
}

static enum pcln_status decode_roots(struct table_decoder *d) {
  struct pcln_root_iter it;
  struct pcln_root r;
  pcln_roots_begin(d->t, &it);
  while (pcln_roots_next(&it, &r)) {
    const struct pcln_root_def root = {.off = r.va,
                                       .n_words = r.n_words,
                                       .repeat = r.repeat,
                                       .flags = r.tls ? PCLN_ROOT_TLS : 0,
                                       .codes = r.codes.ptr};
    const enum pcln_status st = pcln_module_add_root(d->m, &root);
    if (st != PCLN_OK)
      return st;
  }
  if (it.status != PCLN_OK)
    return fault(d, it.status, "roots-bounds", NULL,
                 "a root or its entries lie outside of the roots");
  return PCLN_OK;
}

static void decode_header(const struct pcln_table *t, struct pcln_module *m) {
  const bool host_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
  m->ptr_size = t->ptr_size;
  m->quantum = t->quantum;
  m->big_endian = t->swap != host_big;
  m->machine = t->machine;
  m->stackmap_bits = t->stackmap_bits;
  m->build_id_len = (uint32_t)t->build_id.len; // pcln_open() bounded it
  if (m->build_id_len)
    memcpy(m->build_id, t->build_id.ptr, m->build_id_len);
}

enum pcln_status pcln_decode(const struct pcln_table *t, struct pcln_module *m,
                             const struct pcln_sink *sink) {
  struct table_decoder d = {
      .t = t,
      .m = m,
      .sink = sink,
      .records = t->functab.len,
      .budget =
          SHARING * ((uint64_t)t->pctab.len + t->funcdata.len + t->functab.len),
  };
  decode_header(t, m);
  enum pcln_status st = read_files(&d);
  if (st == PCLN_OK)
    st = find_starts(&d);
  if (st == PCLN_OK)
    st = decode_funcs(&d);
  if (st == PCLN_OK)
    st = decode_rules(&d);
  if (st == PCLN_OK)
    st = decode_roots(&d);
  free(d.cu_of);
  free(d.starts);
  return st;
}
