// SPDX-License-Identifier: Apache-2.0
//
// What an object is, by its block or its header, and the shapes that headers of
// objects with a flexible array lead to: a program has few of them, so each
// stands once, and such an object needs a header of one word like an array's.
#include "heap_internal.h"

// --- Shapes ------------------------------------------------------------------

enum { SHAPES = 1024 }; // entries of the table; a list hangs on each

struct entry {
  struct pclnrt_shape shape;
  struct entry *next;
};
static struct entry *shapes[SHAPES];

const struct pclnrt_shape *pclnrt_shape_like(const struct pclnrt_shape *s) {
  struct entry **list = &shapes[pclnrt_shape_hash(s) % SHAPES];
  pclnrt_lock_take(&pclnrt_heap_lock);
  struct entry *e = *list;
  while (e && !pclnrt_shape_same(&e->shape, s))
    e = e->next;
  if (!e && (e = pclnrt_pages_table(sizeof *e))) {
    e->shape = *s;
    e->next = *list;
    *list = e;
  }
  pclnrt_lock_give(&pclnrt_heap_lock);
  return e ? &e->shape : NULL;
}

// --- Layouts -----------------------------------------------------------------

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
  if ((word & PCLNRT_TAG_MASK) == PCLNRT_TAG_ARRAY) {
    begin_at(out, sizeof word);
    repeat(out, to, 0);
  } else if ((word & PCLNRT_TAG_MASK) == PCLNRT_TAG_SHAPE) {
    const struct pclnrt_shape *shape = to;
    begin_at(out, shape->header);
    if (shape->type && shape->type->n_words)
      out->type = shape->type;
    repeat(out, shape->elem, shape->elem_off);
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
