// SPDX-License-Identifier: Apache-2.0
//
// The allocation functions of gc.h. Each has a fast path, which takes the next
// cell of the right slot of the thread's cache, and goes the slow way through
// the collector when the slot is empty: so a thread learns that the world is to
// stop after at most PCLNRT_RUN_BYTES of allocation. In stress mode slots are
// empty after each allocation.
//
// Nothing here holds a new object while the collector may run: the collector
// is asked first, the cell is taken last.
//
// Arrays, objects with a flexible array and bytes get at least one byte more
// than asked for, so that a pointer one past their end stays inside.
#include "heap_internal.h"

#include <string.h>

enum { SLACK = 1 };

// --- Cells -------------------------------------------------------------------

// What to allocate.
struct want {
  enum pclnrt_cell_kind kind;
  const struct pclnrt_gc_type *type; // TYPED
  size_t size;                       // bytes, with header and slack
};

// Whether cells of `type` alone have a bin; else the objects get headers.
static bool has_bin(const struct pclnrt_gc_type *type) {
  if (type->size > PCLNRT_TYPED_MAX)
    return false;
  if (pclnrt_slot_of(pclnrt_my_cache, type)->type == type)
    return true;
  pclnrt_lock_take(&pclnrt_heap_lock);
  const bool has = pclnrt_bin_of_type(type) != NULL;
  pclnrt_lock_give(&pclnrt_heap_lock);
  return has;
}

// Takes the slot for `type`, which has a bin, from whatever type has it.
static struct pclnrt_slot *typed_slot(const struct pclnrt_gc_type *type) {
  struct pclnrt_cache *c = pclnrt_my_cache;
  struct pclnrt_slot *s = pclnrt_slot_of(c, type);
  if (s->type == type)
    return s;
  pclnrt_lock_take(&pclnrt_heap_lock);
  pclnrt_slot_flush(s, c);
  s->type = type;
  s->bin = pclnrt_bin_of_type(type);
  pclnrt_lock_give(&pclnrt_heap_lock);
  return s;
}

static uintptr_t small_once(const struct want *w) {
  const uint32_t class = pclnrt_class_of(w->size);
  struct pclnrt_slot *s;
  struct pclnrt_bin *bin;
  if (w->kind == PCLNRT_CELL_TYPED) {
    s = typed_slot(w->type);
    bin = s->bin;
  } else {
    const bool bytes = w->kind == PCLNRT_CELL_BYTES;
    s = &(bytes ? pclnrt_my_cache->bytes : pclnrt_my_cache->headed)[class];
    bin = &(bytes ? pclnrt_bins_bytes : pclnrt_bins_headed)[class];
  }
  const uintptr_t cell = pclnrt_slot_take(s);
  if (cell)
    return cell;
  return pclnrt_slot_refill(s, bin) ? pclnrt_slot_take(s) : 0;
}

// Blocks for a large object: such as there are, such as sweeping finds, then
// new ones.
static struct pclnrt_block *large_blocks(uint32_t n) {
  struct pclnrt_block *b = pclnrt_pages_take(n, false);
  while (!b && pclnrt_sweep_next(64))
    b = pclnrt_pages_take(n, false);
  return b ? b : pclnrt_pages_take(n, true);
}

static uintptr_t large_once(const struct want *w) {
  const size_t size = (w->size + 15) & ~(size_t)15;
  if (size > (uintptr_t)pclnrt_heap.bits - pclnrt_heap.base)
    return 0;
  const uint32_t n =
      (uint32_t)((size + PCLNRT_BLOCK - 1) >> PCLNRT_BLOCK_SHIFT);
  pclnrt_lock_take(&pclnrt_heap_lock);
  struct pclnrt_block *b = large_blocks(n);
  if (b) {
    for (uint32_t i = 1; i < n; i++)
      b[i] = (struct pclnrt_block){.state = PCLNRT_BLOCK_LARGE_MORE,
                                   .n_blocks = i};
    *b = (struct pclnrt_block){.state = PCLNRT_BLOCK_LARGE,
                               .kind = (uint8_t)w->kind,
                               .fresh = b->fresh,
                               .swept = pclnrt_sweep_cycle,
                               .n_cells = 1,
                               .large_size = size,
                               .n_blocks = n,
                               .n_used = 1};
    pclnrt_bits_clear(pclnrt_heap.bits[b - pclnrt_heap.blocks]);
  }
  pclnrt_lock_give(&pclnrt_heap_lock);
  if (!b)
    return 0;
  const uintptr_t start = pclnrt_block_start(b);
  if (pclnrt_poison_on())
    pclnrt_poison_reuse(start, size, b->fresh);
  if (!b->fresh)
    memset((void *)start, 0, size);
  pclnrt_cache_count(pclnrt_my_cache, size, 1);
  return start;
}

// A zeroed cell, or 0. May collect.
static uintptr_t cell_slowly(const struct want *w) {
  uintptr_t (*const once)(const struct want *) =
      w->size > PCLNRT_SMALL_MAX ? large_once : small_once;
  if (!pclnrt_collect_enter(w->size))
    return 0;
  uintptr_t cell = once(w);
  if (!cell && pclnrt_collect_exhausted(w->size))
    cell = once(w);
  return cell;
}

static inline uintptr_t cell_of(struct pclnrt_slot *slots,
                                const struct want *w) {
  if (__builtin_expect(w->size <= PCLNRT_SMALL_MAX, 1)) {
    struct pclnrt_slot *s = &slots[pclnrt_class_of(w->size)];
    uintptr_t cell = pclnrt_slot_take(s);
    if (__builtin_expect(cell != 0, 1) || (cell = pclnrt_slot_more(s)))
      return cell;
  }
  return cell_slowly(w);
}

// --- Objects -----------------------------------------------------------------

static inline void *bytes(size_t size) {
  const struct want w = {PCLNRT_CELL_BYTES, NULL, size};
  return (void *)cell_of(pclnrt_my_cache->bytes, &w);
}

void *pclnrt_gc_new_bytes(size_t n) {
  if (n > PTRDIFF_MAX)
    return NULL;
  return bytes((n + SLACK + 15) & ~(size_t)15);
}

// An object behind a header of 8 or 16 bytes, whose first word says what it is;
// `len` bytes, with slack.
static inline void *headed(size_t header, uintptr_t word, size_t len) {
  size_t size = header + len;
  if (header == 16)
    size = (size + 15) & ~(size_t)15; // the cell is to be aligned
  const struct want w = {PCLNRT_CELL_HEADED, NULL, size};
  const uintptr_t cell = cell_of(pclnrt_my_cache->headed, &w);
  if (!cell)
    return NULL;
  *(uintptr_t *)cell = word;
  return (void *)(cell + header);
}

static __attribute__((noinline)) void *
new_slowly(const struct pclnrt_gc_type *type) {
  if (!type->n_words)
    return bytes(type->size);
  // The first allocation of a thread: the heap has no bins before.
  if (!pclnrt_cache_present() && !pclnrt_collect_enter(type->size))
    return NULL;
  if (!has_bin(type))
    return headed(pclnrt_one_header(type), (uintptr_t)type | PCLNRT_TAG_ONE,
                  type->size);
  const struct want w = {PCLNRT_CELL_TYPED, type, type->size};
  return (void *)cell_slowly(&w);
}

static inline void *one(const struct pclnrt_gc_type *type) {
  struct pclnrt_slot *s = pclnrt_slot_of(pclnrt_my_cache, type);
  if (__builtin_expect(s->type == type, 1)) {
    uintptr_t cell = pclnrt_slot_take(s);
    if (__builtin_expect(cell != 0, 1) || (cell = pclnrt_slot_more(s)))
      return (void *)cell;
  }
  return new_slowly(type);
}

void *pclnrt_gc_new(const struct pclnrt_gc_type *type) { return one(type); }

// Bytes for an array; false: more than there can be.
static inline bool array_len(const struct pclnrt_gc_type *elem, size_t off,
                             size_t n, size_t *len) {
  return !__builtin_mul_overflow(n, elem->size, len) &&
         !__builtin_add_overflow(*len, off, len) && *len <= PTRDIFF_MAX;
}

static inline struct pclnrt_shape *
shape_of(const struct pclnrt_shape_key *key) {
  const uint32_t slot = pclnrt_shape_hash(key) % PCLNRT_SHAPE_SLOTS;
  struct pclnrt_shape *s = pclnrt_my_cache->shapes[slot];
  if (__builtin_expect(!s || !pclnrt_shape_is(s, key), 0)) {
    s = pclnrt_shape_of(key);
    if (pclnrt_cache_present())
      pclnrt_my_cache->shapes[slot] = s;
  }
  return s;
}

static inline void *shaped(const struct pclnrt_shape_key *key, size_t len) {
  struct pclnrt_shape *s = shape_of(key);
  if (!s)
    return NULL;
  len += SLACK;
  const size_t size = key->header == 16 ? (len + 15) & ~(size_t)15 : len;
  if (size <= PCLNRT_SHAPED_MAX) {
    const uint32_t class = pclnrt_class_of(size);
    const struct pclnrt_gc_type *cell =
        atomic_load_explicit(&s->cells[class], memory_order_acquire);
    if (__builtin_expect(cell != NULL, 1))
      return one(cell);
    pclnrt_shape_count(s, class);
  }
  return headed(key->header, (uintptr_t)s | PCLNRT_TAG_SHAPE, len);
}

static inline void *array(const struct pclnrt_gc_type *type, size_t n,
                          size_t header) {
  const struct pclnrt_shape_key key = {NULL, type, 0, header};
  size_t len;
  if (!array_len(type, 0, n, &len))
    return NULL;
  return type->n_words ? shaped(&key, len) : pclnrt_gc_new_bytes(len);
}

void *pclnrt_gc_new_array(const struct pclnrt_gc_type *type, size_t n) {
  return array(type, n, 8);
}

void *pclnrt_gc_new_array16(const struct pclnrt_gc_type *type, size_t n) {
  return array(type, n, 16);
}

static inline void *flex(const struct pclnrt_shape_key *key, size_t n) {
  size_t len;
  if (!array_len(key->elem, key->elem_off, n, &len))
    return NULL;
  if (len < key->type->size)
    len = key->type->size; // padding behind the flexible member's offset
  return key->type->n_words || key->elem->n_words ? shaped(key, len)
                                                  : pclnrt_gc_new_bytes(len);
}

void *pclnrt_gc_new_flex(const struct pclnrt_gc_type *type,
                         const struct pclnrt_gc_type *elem, size_t off,
                         size_t n) {
  const struct pclnrt_shape_key key = {type, elem, off, 8};
  return flex(&key, n);
}

void *pclnrt_gc_new_flex16(const struct pclnrt_gc_type *type,
                           const struct pclnrt_gc_type *elem, size_t off,
                           size_t n) {
  const struct pclnrt_shape_key key = {type, elem, off, 16};
  return flex(&key, n);
}

size_t pclnrt_gc_object(const void *p, void **first) {
  struct pclnrt_cell c;
  struct pclnrt_layout layout;
  *first = NULL;
  if (!pclnrt_heap_object((uintptr_t)p, &c))
    return 0;
  pclnrt_heap_layout(c, &layout);
  *first = (void *)layout.start;
  return layout.len;
}
