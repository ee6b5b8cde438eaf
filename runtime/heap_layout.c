// SPDX-License-Identifier: Apache-2.0
//
// What an object is, by its block or its header.
#include "heap_internal.h"

static void repeat(struct pclnrt_layout *out, const struct pclnrt_gc_type *elem,
                   size_t off) {
  if (!elem->n_words || !elem->size)
    return;
  out->elem = elem;
  out->elem_off = off;
  out->n_elem = (out->len - off) / elem->size;
}

static void begin_at(struct pclnrt_layout *out, size_t header) {
  out->start += header;
  out->len -= header;
}

static void headed(uintptr_t word, struct pclnrt_layout *out) {
  const void *to = (const void *)(word & ~(uintptr_t)PCLNRT_TAG_MASK);
  if ((word & PCLNRT_TAG_MASK) == PCLNRT_TAG_SHAPE) {
    const struct pclnrt_shape_key *key =
        &((const struct pclnrt_shape *)to)->key;
    begin_at(out, key->header);
    if (key->type && key->type->n_words)
      out->type = key->type;
    repeat(out, key->elem, key->elem_off);
  } else {
    out->type = to;
    begin_at(out, pclnrt_one_header(out->type));
  }
}

void pclnrt_heap_layout(struct pclnrt_cell c, struct pclnrt_layout *out) {
  *out = (struct pclnrt_layout){.start = pclnrt_cell_start(c),
                                .len = pclnrt_cell_size(c.block)};
  if (c.block->kind == PCLNRT_CELL_TYPED)
    out->type = c.block->type;
  else if (c.block->kind == PCLNRT_CELL_HEADED)
    headed(*(const uintptr_t *)out->start, out);
}
