// SPDX-License-Identifier: Apache-2.0
//
// Pointer maps of the model, which are in Go's form, into the compact form: the
// stream of row numbers, and behind its terminator the rows (format.h,
// PCLN_MODF_COMPACT_MAPS). Measured on eight programs of 1157 safepoints in 113
// functions, bytes a safepoint:
//
//                              Go's form    compact
//   entries in func records       0.78        0.39    one, that of the stream
//   headers and padding           0.62        0.20    varints of one byte
//   rows                          3.26        0.71    up to the last word that
//                                                     some row says something
//                                                     of
//   streams                       1.29        1.19    without a last run of -2
//
// Tried and left out: storing what is the same in all rows once saves 0.19 of
// these, and the collector would have to put rows together before it reads
// them.
#include "encode.h"

#include "pairs.h"
#include "stackmap.h"

// A map of the model. One that the function does not have has no rows.
struct go_map {
  bool there;
  uint32_t n_rows, n_words;
  const uint8_t *rows; // of pcln_codes_len(n_words) bytes each
};

static enum pcln_status bad_map(const struct pcln_encoder *e,
                                const struct pcln_func_def *f) {
  return pcln_encode_fault(e, PCLN_CORRUPT, "map-malformed", f,
                           "a pointer map of the model is not {rows, bits, two "
                           "for each word, rows of whole bytes}");
}

static enum pcln_status get_map(const struct pcln_encoder *e,
                                const struct pcln_func_def *f, uint32_t index,
                                struct go_map *out) {
  *out = (struct go_map){0};
  if (index >= f->n_funcdata || !f->funcdata[index].ptr)
    return PCLN_OK;
  struct pcln_cursor c =
      pcln_cursor_at(f->funcdata[index].ptr, f->funcdata[index].len, e->swap);
  const uint32_t n = pcln_u32(&c), n_bits = pcln_u32(&c);
  const uint64_t len = (uint64_t)n * pcln_codes_len(n_bits / 2);
  if (c.failed || n > INT32_MAX || n_bits % 2 || n_bits > INT32_MAX ||
      len > pcln_left(&c))
    return bad_map(e, f);
  if (n_bits / 2 > PCLN_MAPS_MAX_WORDS)
    return pcln_encode_fault(e, PCLN_LIMIT, "limit-map", f,
                             "a pointer map of the function has rows of more "
                             "than 4194304 words");
  *out = (struct go_map){
      .there = true, .n_rows = n, .n_words = n_bits / 2, .rows = c.pos};
  return PCLN_OK;
}

// Words up to the end of the last item that some row says anything of. Items of
// several words stay whole, and so do rows that make no sense: the verifier
// shall see them as they are.
static uint32_t words_said(const struct go_map *map) {
  uint32_t said = 0;
  for (uint32_t i = 0; i < map->n_rows; i++) {
    const uint8_t *codes = map->rows + i * pcln_codes_len(map->n_words);
    const struct pcln_map_row row = pcln_two_bit_row(codes, map->n_words);
    struct pcln_word w;
    if (!pcln_codes_sound(codes, map->n_words))
      return map->n_words;
    for (uint32_t next = 0; pcln_words_next(&row, &next, &w);)
      if (w.kind != PCLN_WORD_SCALAR && next > said)
        said = next;
  }
  return map->n_rows ? said : map->n_words;
}

// Appends the first `n_words` entries of each of the first `n` rows.
static uint8_t *put_rows(uint8_t *out, const struct go_map *map, uint32_t n,
                         uint32_t n_words) {
  const size_t len = pcln_codes_len(n_words);
  for (uint32_t i = 0; i < n && len; i++) {
    memcpy(out, map->rows + i * pcln_codes_len(map->n_words), len);
    out += len;
    if (n_words % 4)
      out[-1] &= (uint8_t)((1u << n_words % 4 * 2) - 1);
  }
  return out;
}

// --- The stream -------------------------------------------------------------

static uint8_t *put_run(uint8_t *out, int32_t from, int32_t to, uint32_t n) {
  const uint32_t delta = (uint32_t)to - (uint32_t)from;
  out += pcln_put_varint32(out, pcln_zigzag((int32_t)delta));
  return out + pcln_put_varint32(out, n);
}

// Appends the row numbers, without a last run of -2 unless it is the only one;
// of a function that has maps and no stream, -1. Returns null if the model's is
// malformed.
static uint8_t *put_stream(const struct pcln_encoder *e,
                           const struct pcln_func_def *f,
                           struct pcln_span stream, uint8_t *out) {
  if (!stream.ptr) {
    out = put_run(out, -1, -1, (f->size + e->m->quantum - 1) / e->m->quantum);
    *out++ = 0;
    return out;
  }
  struct pcln_pairs p = pcln_pairs_at(stream, e->m->quantum);
  int32_t last = -1;
  bool any = false;
  uint8_t *end = out; // behind the last run that counts
  while (pcln_pairs_next(&p)) {
    out = put_run(out, last, p.value, (p.hi - p.lo) / e->m->quantum);
    if (p.value != PCLN_STACKMAP_NO_SAFEPOINT || !any)
      end = out;
    any = true;
    last = p.value;
  }
  if (p.c.failed || !any)
    return NULL;
  *end++ = 0;
  return end;
}

enum pcln_status pcln_encode_maps(struct pcln_encoder *e,
                                  const struct pcln_func_def *f,
                                  uint32_t *off) {
  enum { HEADERS = 32 }; // bytes: four varints, a run and its end
  struct go_map locals, args;
  struct pcln_span stream = {0};
  *off = 0;
  if (f->n_pcdata > PCLN_PCDATA_STACKMAP)
    stream = f->pcdata[PCLN_PCDATA_STACKMAP];
  enum pcln_status st = get_map(e, f, PCLN_FUNCDATA_LOCALS_MAPS, &locals);
  if (st == PCLN_OK)
    st = get_map(e, f, PCLN_FUNCDATA_ARGS_MAPS, &args);
  if (st != PCLN_OK || (!stream.ptr && !locals.there && !args.there))
    return st;
  // No run names a row that one of them lacks.
  const uint32_t n_rows =
      !locals.there || (args.there && args.n_rows < locals.n_rows)
          ? args.n_rows
          : locals.n_rows;
  const uint32_t stored = words_said(&locals);
  uint8_t *bytes =
      pcln_scratch_get(&e->bytes, HEADERS + stream.len +
                                      n_rows * (pcln_codes_len(stored) +
                                                pcln_codes_len(args.n_words)));
  if (!bytes)
    return PCLN_NO_MEMORY;
  uint8_t *p = put_stream(e, f, stream, bytes);
  if (!p)
    return pcln_encode_bad_stream(e, f);
  const uint32_t head = (locals.there ? PCLN_MAPS_LOCALS : 0u) |
                        (args.there ? PCLN_MAPS_ARGS : 0u) |
                        stored << PCLN_MAPS_WORDS_SHIFT;
  p += pcln_put_varint32(p, head);
  if (head) {
    const uint32_t few =
        n_rows < PCLN_MAPS_ROWS_MASK ? n_rows : PCLN_MAPS_ROWS_MASK;
    p += pcln_put_varint32(p, few | (locals.n_words - stored)
                                        << PCLN_MAPS_SKIP_SHIFT);
    if (few == PCLN_MAPS_ROWS_MASK)
      p += pcln_put_varint32(p, n_rows - few);
  }
  if (args.there)
    p += pcln_put_varint32(p, args.n_words);
  p = put_rows(p, &locals, n_rows, stored);
  p = put_rows(p, &args, n_rows, args.n_words);
  e->n_streams++;
  *off = pcln_pool_add(&e->pctab, bytes, (size_t)(p - bytes), 1);
  return e->pctab.status;
}
