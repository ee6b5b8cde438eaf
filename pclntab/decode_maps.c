// SPDX-License-Identifier: Apache-2.0
//
// Compact pointer maps into Go's form: the mirror of encode_maps.c. What that
// leaves out comes back: the words at the end of the locals' rows, and the last
// run of the stream.
#include "decode.h"

#include "pairs.h"

enum { HEADER = 8 }; // rows, bits of each

// `n` rows of `n_words` words, of which the first `n_stored` stand at `rows`.
static enum pcln_status set_map(struct pcln_module *m,
                                struct pcln_func_def *out, uint32_t index,
                                const uint8_t *rows, uint32_t n,
                                uint32_t n_stored, uint32_t n_words) {
  const bool host_is_big = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
  const bool swap = m->big_endian != host_is_big;
  const size_t from = pcln_codes_len(n_stored), to = pcln_codes_len(n_words);
  const size_t len = HEADER + n * to;
  uint8_t *map = pcln_arena_alloc(&m->arena, len);
  if (!map)
    return PCLN_NO_MEMORY;
  memset(map, 0, len);
  pcln_store32(map, n, swap);
  pcln_store32(map + 4, n_words * 2, swap);
  uint8_t *row = map + HEADER;
  for (uint32_t i = 0; i < n && to; i++, row += to) {
    if (from)
      memcpy(row, rows + i * from, from);
    for (uint32_t w = n_stored; w < n_words; w++)
      row[w / 4] |= (uint8_t)(PCLN_CODE_SCALAR << w % 4 * 2);
  }
  return pcln_func_set_funcdata(out, index, (struct pcln_span){map, len},
                                &m->arena);
}

// The stream up to the function's end.
static enum pcln_status set_stream(struct pcln_module *m,
                                   struct pcln_func_def *out) {
  struct pcln_pairs p =
      pcln_pairs_at(out->pcdata[PCLN_PCDATA_STACKMAP], m->quantum);
  struct pcln_stream s;
  struct pcln_span span;
  pcln_stream_init(&s, m->quantum);
  while (pcln_pairs_next(&p))
    pcln_stream_add(&s, p.hi, p.value);
  if (p.hi < out->size)
    pcln_stream_add(&s, out->size, PCLN_STACKMAP_NO_SAFEPOINT);
  enum pcln_status st = pcln_stream_end(&s, &m->arena, &span);
  if (st == PCLN_OK)
    out->pcdata[PCLN_PCDATA_STACKMAP] = span;
  pcln_stream_free(&s);
  return st;
}

enum pcln_status pcln_decode_maps(const struct pcln_compact_maps *maps,
                                  struct pcln_module *m,
                                  struct pcln_func_def *out) {
  enum pcln_status st = set_stream(m, out);
  if (st == PCLN_OK && maps->has_locals)
    st = set_map(m, out, PCLN_FUNCDATA_LOCALS_MAPS, maps->locals.ptr,
                 maps->n_rows, maps->n_stored, maps->n_locals);
  if (st == PCLN_OK && maps->has_args)
    st = set_map(m, out, PCLN_FUNCDATA_ARGS_MAPS, maps->args.ptr, maps->n_rows,
                 maps->n_args, maps->n_args);
  return st;
}
