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

const struct pclnrt_shape *pclnrt_shape_of(const struct pclnrt_gc_type *type,
                                           const struct pclnrt_gc_type *elem,
                                           size_t off) {
  const uint64_t hash =
      ((uintptr_t)type ^ (uintptr_t)elem << 1) * UINT64_C(0x9e3779b97f4a7c15);
  struct entry **list = &shapes[(hash >> 32) % SHAPES];
  pclnrt_lock_take(&pclnrt_heap_lock);
  struct entry *e = *list;
  while (e && (e->shape.type != type || e->shape.elem != elem ||
               e->shape.elem_off != off))
    e = e->next;
  if (!e && (e = pclnrt_pages_table(sizeof *e))) {
    e->shape = (struct pclnrt_shape){type, elem, off};
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

static void headed(uintptr_t word, struct pclnrt_layout *out) {
  const void *to = (const void *)(word & ~(uintptr_t)PCLNRT_TAG_MASK);
  const struct pclnrt_shape *shape = to;
  const bool has_shape = (word & PCLNRT_TAG_MASK) == PCLNRT_TAG_SHAPE;
  const struct pclnrt_gc_type *type = has_shape ? shape->type : to;
  const size_t header = pclnrt_header_size(type);
  out->start += header;
  out->len -= header;
  if ((word & PCLNRT_TAG_MASK) == PCLNRT_TAG_ARRAY) {
    repeat(out, type, 0);
    return;
  }
  if (type->n_words)
    out->type = type;
  if (has_shape)
    repeat(out, shape->elem, shape->elem_off);
}

void pclnrt_heap_layout(struct pclnrt_cell c, struct pclnrt_layout *out) {
  *out = (struct pclnrt_layout){.start = pclnrt_cell_start(c),
                                .len = pclnrt_cell_size(c.block)};
  if (c.block->kind == PCLNRT_CELL_TYPED)
    out->type = c.block->type;
  else if (c.block->kind == PCLNRT_CELL_HEADED)
    headed(*(const uintptr_t *)out->start, out);
}
