// SPDX-License-Identifier: Apache-2.0
//
// Shapes: what arrays are, and objects with a flexible array. A program has few
// of them, so each stands once and its address tells which it is: a header of
// one word.
//
// Most such objects are small, and for them a word is much. So when a shape has
// filled a block's worth of cells of one class, all words of such a cell become
// a type, which has a bin of its own: its objects have no header, and marking
// them is as quick as marking structs. Not from the first object on, since each
// bin may keep a block that is mostly empty. Objects that were made before keep
// their headers.
#include "heap_internal.h"

enum { SHAPES = 1024 }; // entries of the table; a list hangs on each

struct entry {
  struct pclnrt_shape shape;
  struct entry *next;
};
static struct entry *shapes[SHAPES];

struct pclnrt_shape *pclnrt_shape_of(const struct pclnrt_shape_key *key) {
  struct entry **list = &shapes[pclnrt_shape_hash(key) % SHAPES];
  pclnrt_lock_take(&pclnrt_heap_lock);
  struct entry *e = *list;
  while (e && !pclnrt_shape_is(&e->shape, key))
    e = e->next;
  if (!e && (e = pclnrt_pages_table(sizeof *e))) {
    e->shape.key = *key;
    e->next = *list;
    *list = e;
  }
  pclnrt_lock_give(&pclnrt_heap_lock);
  return e ? &e->shape : NULL;
}

// --- Cells as types ----------------------------------------------------------

// Whether a bit for each word says all about these objects.
static bool plain(const struct pclnrt_shape_key *key) {
  const size_t word = sizeof(uintptr_t);
  if (key->type && key->type->codes_only)
    return false;
  return !key->elem->n_words ||
         (!key->elem->codes_only && key->elem->size &&
          key->elem_off % word == 0 && key->elem->size % word == 0);
}

static uint64_t pointers_of_cell(const struct pclnrt_shape_key *key,
                                 size_t size) {
  uint64_t pointers = key->type ? key->type->pointers : 0;
  if (key->elem->n_words)
    for (size_t at = key->elem_off; at + key->elem->size <= size;
         at += key->elem->size)
      pointers |= key->elem->pointers << at / sizeof(uintptr_t);
  return pointers;
}

static void own_cells(struct pclnrt_shape *s, uint32_t class) {
  const uint32_t size = pclnrt_class_sizes[class];
  const uint64_t pointers = pointers_of_cell(&s->key, size);
  struct pclnrt_gc_type *cell = NULL;
  pclnrt_lock_take(&pclnrt_heap_lock);
  if (pointers && !atomic_load(&s->cells[class]))
    cell = pclnrt_pages_table(sizeof *cell);
  if (cell) {
    *cell = (struct pclnrt_gc_type){
        .size = size,
        .pointers = pointers,
        .n_words = 64 - (uint32_t)__builtin_clzll(pointers),
        .name = s->key.type ? s->key.type->name : s->key.elem->name};
    if (pclnrt_bin_of_type(cell))
      atomic_store_explicit(&s->cells[class], cell, memory_order_release);
  }
  pclnrt_lock_give(&pclnrt_heap_lock);
}

void pclnrt_shape_count(struct pclnrt_shape *s, uint32_t class) {
  // Threads may forget one another's counts, which does no harm.
  const uint32_t before =
      atomic_load_explicit(&s->headed[class], memory_order_relaxed);
  if (before >= PCLNRT_BLOCK)
    return;
  const uint32_t now = before + pclnrt_class_sizes[class];
  atomic_store_explicit(&s->headed[class], now, memory_order_relaxed);
  if (now >= PCLNRT_BLOCK && plain(&s->key))
    own_cells(s, class);
}
