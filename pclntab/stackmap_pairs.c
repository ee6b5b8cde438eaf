// SPDX-License-Identifier: Apache-2.0
//
// FUNCDATA_PointerPairs (docs/format.md, "Pointer pairs"). The pairs belong to
// rows, not to calls: calls with equal rows share them as they share the row.
// Few functions have any, and those that do have few, so finding a row's is a
// walk over the bytes from their start.
//
// Called with the world stopped: no allocation, no locks, no stdio.
#include "stackmap_pairs.h"

#include "table.h"

// Words of a row that are walked in the time in which a stream's byte is read.
enum { WORDS_PER_STEP = 64 };

// The maps of a function; one that it does not have has no words.
struct maps {
  struct pcln_ptrmap locals, args;
};

static enum pcln_status read_map(const struct pcln_table *t,
                                 const struct pcln_func *f,
                                 enum pcln_map_part part,
                                 struct pcln_ptrmap *out) {
  const enum pcln_status status = pcln_ptrmap(t, f, part, out);
  if (status != PCLN_NOT_FOUND)
    return status;
  *out = (struct pcln_ptrmap){0};
  return PCLN_OK;
}

static enum pcln_status read_maps(const struct pcln_table *t,
                                  const struct pcln_func *f, struct maps *out) {
  const enum pcln_status status = read_map(t, f, PCLN_MAP_LOCALS, &out->locals);
  return status == PCLN_OK ? read_map(t, f, PCLN_MAP_ARGS, &out->args) : status;
}

static bool is_pointer(const struct maps *m, uint32_t row_idx,
                       struct pcln_map_word word) {
  struct pcln_map_row row;
  return pcln_ptrmap_row(word.part == PCLN_MAP_LOCALS ? &m->locals : &m->args,
                         row_idx, &row) == PCLN_OK &&
         pcln_word_live(&row, word.index);
}

// The bytes of the pairs. PCLN_NOT_FOUND: none.
static enum pcln_status open_pairs(const struct pcln_table *t,
                                   const struct pcln_func *f,
                                   struct pcln_cursor *c) {
  struct pcln_span bytes;
  if (!t->ours)
    return PCLN_NOT_FOUND;
  const enum pcln_status status =
      pcln_funcdata(t, f, PCLN_FUNCDATA_POINTER_PAIRS, &bytes);
  if (status == PCLN_OK)
    *c = pcln_cursor_at(bytes.ptr, bytes.len, t->swap);
  return status;
}

// Moves to the next row that is listed: its number and how many pairs follow.
// False: the end, or c->failed.
static bool next_row(struct pcln_cursor *c, int64_t *row, uint32_t *n) {
  const uint32_t delta = pcln_varint32(c);
  if (c->failed || delta == 0)
    return false;
  *row += delta;
  *n = pcln_varint32(c);
  if (*n == 0 || *row > INT32_MAX)
    pcln_fail(c);
  return !c->failed;
}

static struct pcln_map_word word_at(uint32_t word, uint32_t n_locals) {
  if (word < n_locals)
    return (struct pcln_map_word){PCLN_MAP_LOCALS, word};
  return (struct pcln_map_word){PCLN_MAP_ARGS, word - n_locals};
}

static bool read_pair(struct pcln_cursor *c, uint32_t n_locals, uint32_t n_args,
                      struct pcln_derived *out) {
  const uint32_t base = pcln_varint32(c), derived = pcln_varint32(c);
  const uint64_t n_words = (uint64_t)n_locals + n_args;
  if (base >= n_words || derived >= n_words || base == derived)
    pcln_fail(c);
  *out = (struct pcln_derived){word_at(base, n_locals),
                               word_at(derived, n_locals)};
  return !c->failed;
}

// --- Interface --------------------------------------------------------------

enum pcln_status pcln_derived_begin(const struct pcln_table *t,
                                    const struct pcln_func *f,
                                    const struct pcln_stackmap *map,
                                    struct pcln_derived_iter *it) {
  struct pcln_cursor c;
  struct maps maps;
  const enum pcln_status status = open_pairs(t, f, &c);
  if (status != PCLN_OK)
    return status;
  if (read_maps(t, f, &maps) != PCLN_OK)
    return PCLN_CORRUPT;
  int64_t row = -1;
  uint32_t n;
  while (next_row(&c, &row, &n) && row <= (int64_t)map->idx) {
    if (row == (int64_t)map->idx) {
      *it = (struct pcln_derived_iter){.pos = c.pos,
                                       .end = c.end,
                                       .n_locals = maps.locals.n_words,
                                       .n_args = maps.args.n_words,
                                       .left = n};
      return PCLN_OK;
    }
    for (; n && !c.failed; n--) {
      pcln_varint32(&c);
      pcln_varint32(&c);
    }
  }
  return c.failed ? PCLN_CORRUPT : PCLN_NOT_FOUND;
}

bool pcln_derived_next(struct pcln_derived_iter *it, struct pcln_derived *out) {
  struct pcln_cursor c =
      pcln_cursor_at(it->pos, (size_t)(it->end - it->pos), false);
  return it->left && pcln_step_end(read_pair(&c, it->n_locals, it->n_args, out),
                                   &c, &it->pos, &it->left, &it->status);
}

enum pcln_status pcln_derived_check(const struct pcln_table *t,
                                    const struct pcln_func *f, size_t *len) {
  struct pcln_cursor c;
  struct maps maps;
  struct pcln_derived pair;
  const enum pcln_status status = open_pairs(t, f, &c);
  *len = 0;
  if (status != PCLN_OK)
    return status;
  if (read_maps(t, f, &maps) != PCLN_OK)
    return PCLN_CORRUPT;
  int64_t row = -1;
  uint32_t n;
  size_t walked = 0; // words
  while (next_row(&c, &row, &n)) {
    for (; n && read_pair(&c, maps.locals.n_words, maps.args.n_words, &pair);
         n--) {
      walked += (size_t)pair.base.index + pair.derived.index;
      if (!is_pointer(&maps, (uint32_t)row, pair.base) ||
          !is_pointer(&maps, (uint32_t)row, pair.derived))
        return PCLN_CORRUPT;
    }
  }
  *len = pcln_tell(&c) + walked / WORDS_PER_STEP;
  return c.failed ? PCLN_CORRUPT : PCLN_OK;
}
