// SPDX-License-Identifier: Apache-2.0
//
// What the files of the heap share. Everything else uses heap.h.
//
// Bins. Blocks of one cell size and kind (and type) belong to one bin, which
// keeps them in a list. Blocks before the cursor need not be looked at until
// the next sweep: they are full, or a cache allocates from them. Blocks from
// the cursor on are unswept, or have free cells:
//
//   first -> [full] -> [in a cache] -> [new, in a cache] -> cursor -> ... last
//
// So a sweep begins by moving each cursor to the front, which costs nothing per
// block, and an allocation that needs a block takes what the cursor passes.
//
// Locking. All of it is guarded by pclnrt_heap_lock, but for a block in a cache
// (`slot` is set): its bits and `n_used` belong to the cache's thread.
#ifndef PCLNRT_HEAP_INTERNAL_H
#define PCLNRT_HEAP_INTERNAL_H

#include "heap.h"
#include "lock.h"

// AddressSanitizer's, if the program is built with it, whatever the runtime was
// built with.
void __asan_poison_memory_region(void const volatile *mem, size_t len)
    __attribute__((weak));
void __asan_unpoison_memory_region(void const volatile *mem, size_t len)
    __attribute__((weak));

#pragma GCC visibility push(hidden)

extern struct pclnrt_lock pclnrt_heap_lock;

// --- heap_classes.c ----------------------------------------------------------

enum {
  PCLNRT_CLASSES = 64,
  PCLNRT_SMALL_MAX = PCLNRT_BLOCK / 2, // bytes; larger ones have own blocks
  PCLNRT_FINE_MAX = 1024,
  PCLNRT_TYPED_MAX = 1024, // larger types have headers instead of own blocks
};
extern const uint16_t pclnrt_class_sizes[PCLNRT_CLASSES];
extern uint8_t pclnrt_class_fine[PCLNRT_FINE_MAX / 8 + 1];
extern uint8_t pclnrt_class_coarse[PCLNRT_SMALL_MAX / 16 + 1];
// Fills the two tables.
void pclnrt_classes_init(void);

// The smallest class of at least `size` bytes, which is at most
// PCLNRT_SMALL_MAX. Of a multiple of 16 the class is one, too.
static inline uint32_t pclnrt_class_of(size_t size) {
  return size <= PCLNRT_FINE_MAX ? pclnrt_class_fine[(size + 7) / 8]
                                 : pclnrt_class_coarse[(size + 15) / 16];
}

// --- heap_pages.c: blocks from the system ------------------------------------

// Reserves the range and its tables.
PCLN_MUST_CHECK enum pcln_status pclnrt_pages_init(void);
// The first of n adjacent blocks, or null. `grow`: may take memory that was
// never used; else free blocks alone. Sets `fresh`; the caller sets the rest.
struct pclnrt_block *pclnrt_pages_take(uint32_t n, bool grow);
void pclnrt_pages_give(struct pclnrt_block *b, uint32_t n);
// Bytes in blocks that are in use, now (also read without the lock) and at
// most; given to the system so far.
extern _Atomic uint64_t pclnrt_pages_used;
extern uint64_t pclnrt_pages_peak, pclnrt_pages_returned;
// Blocks free with memory behind them.
extern uint32_t pclnrt_pages_dirty;
// Blocks that were ever in use are those below this number.
uint32_t pclnrt_pages_end(void);
bool pclnrt_pages_is_free(uint32_t idx);
// Memory for tables that is never given back, zeroed; or null.
void *pclnrt_pages_table(size_t len);

// --- heap_bins.c -------------------------------------------------------------

struct pclnrt_bin {
  const struct pclnrt_gc_type *type; // of TYPED
  uint8_t kind;                      // enum pclnrt_cell_kind
  uint32_t cell_size, n_cells, reciprocal;
  uint32_t first, last, cursor; // blocks; PCLNRT_NO_BLOCK: none
};
enum { PCLNRT_TYPED_BINS = 1024, PCLNRT_TYPED_BINS_FULL = 768 };
extern struct pclnrt_bin pclnrt_bins_bytes[PCLNRT_CLASSES];
extern struct pclnrt_bin pclnrt_bins_headed[PCLNRT_CLASSES];
extern struct pclnrt_bin *pclnrt_bins_typed[PCLNRT_TYPED_BINS]; // a hash table
void pclnrt_bins_init(void);
// The bin of a type of at most PCLNRT_TYPED_MAX bytes; null: too many types.
struct pclnrt_bin *pclnrt_bin_of_type(const struct pclnrt_gc_type *type);
// A block with a free cell, or null: the system has no memory.
struct pclnrt_block *pclnrt_bin_take(struct pclnrt_bin *bin);
// A block comes back from a cache.
void pclnrt_bin_give(struct pclnrt_block *b);
void pclnrt_bin_unlink(struct pclnrt_block *b);
// Calls `fn` for each bin.
void pclnrt_bins_each(void (*fn)(struct pclnrt_bin *bin, void *ctx), void *ctx);

// --- heap_sweep.c ------------------------------------------------------------

// Sets all bits of 64 cells to 0.
static inline void pclnrt_bits_clear(struct pclnrt_bits *bits) {
  for (int lane = 0; lane < PCLNRT_MARK_LANES; lane++)
    atomic_store_explicit(&bits->mark[lane], 0, memory_order_relaxed);
  bits->allocated = 0;
}

extern uint8_t pclnrt_sweep_cycle; // `swept` of blocks that need no sweep
// Settles which cells of a block are free. True: all are.
bool pclnrt_sweep_block(struct pclnrt_block *b);
// The same for any block, large ones as well; what is empty goes back to the
// page heap. Looks at up to n blocks; false: all were swept.
bool pclnrt_sweep_next(uint32_t n);

// --- heap.c: caches ----------------------------------------------------------

// Where a thread allocates: free cells from `next` to `end`, zeroed.
struct pclnrt_slot {
  const struct pclnrt_gc_type *type; // TYPED
  _Atomic uintptr_t next;
  uintptr_t end;
  uint32_t cell_size;
  uint32_t left; // cells it may take before the collector is asked again
  struct pclnrt_bin *bin;
  struct pclnrt_block *block; // null: none; then `left` is 0
};

enum {
  PCLNRT_TYPED_SLOTS = 256,
  PCLNRT_SHAPE_SLOTS = 32,
  PCLNRT_RUN_BYTES = 8192,   // at most, that a slot gets at once: they are
                             // zeroed ahead, which is to stay in the caches
  PCLNRT_TOLD_BYTES = 32768, // pclnrt_since_mark is told of so many at a time:
                             // its atomic addition waits for that zeroing
};
struct pclnrt_cache {
  struct pclnrt_slot typed[PCLNRT_TYPED_SLOTS]; // by a hash of the type
  struct pclnrt_slot bytes[PCLNRT_CLASSES];
  struct pclnrt_slot headed[PCLNRT_CLASSES];
  struct pclnrt_shape *shapes[PCLNRT_SHAPE_SLOTS]; // by a hash
  _Atomic uint64_t allocated_bytes, allocated_objects;
  uint64_t untold;                  // of allocated_bytes, to pclnrt_since_mark
  struct pclnrt_cache *prev, *next; // all caches
};
extern struct pclnrt_cache *pclnrt_caches;

// Descriptors stand next to one another, at distances of 40 bytes or so.
static inline struct pclnrt_slot *
pclnrt_slot_of(struct pclnrt_cache *c, const struct pclnrt_gc_type *type) {
  const uintptr_t a = (uintptr_t)type;
  return &c->typed[(a >> 3 ^ a >> 11) % PCLNRT_TYPED_SLOTS];
}

// The next free cell, or 0 when the slot has none left.
static inline uintptr_t pclnrt_slot_take(struct pclnrt_slot *s) {
  const uintptr_t p = atomic_load_explicit(&s->next, memory_order_relaxed);
  if (__builtin_expect(p == s->end, 0))
    return 0;
  atomic_store_explicit(&s->next, p + s->cell_size, memory_order_relaxed);
  return p;
}

// The same of an empty slot, from the next free cells of its block; 0: there
// are none, or the collector is to be asked.
uintptr_t pclnrt_slot_more(struct pclnrt_slot *s);
// Fills an empty slot with cells of `bin`. False: no memory.
bool pclnrt_slot_refill(struct pclnrt_slot *s, struct pclnrt_bin *bin);
// Takes the slot's block away. Holds the lock.
void pclnrt_slot_flush(struct pclnrt_slot *s, struct pclnrt_cache *c);
// Counts what a thread was given; what it gives back is subtracted.
void pclnrt_cache_count(struct pclnrt_cache *c, uint64_t bytes,
                        uint64_t objects);
// Calls pclnrt_slot_flush for all of a cache's slots.
void pclnrt_cache_flush(struct pclnrt_cache *c);
extern _Atomic uint64_t pclnrt_since_mark;

// --- heap_shapes.c: arrays, objects with a flexible array -------------------

// What such an object is: one `type`, which an array has not (null), and `elem`
// again and again from `elem_off` on to the object's end.
struct pclnrt_shape_key {
  const struct pclnrt_gc_type *type, *elem;
  size_t elem_off;
  size_t header; // bytes before the object in a HEADED cell: 8, or 16 to align
                 // it so
};
enum {
  PCLNRT_SHAPED_CLASSES = 31,
  PCLNRT_SHAPED_MAX = 512, // bytes, of the last of these: 64 words
};
struct pclnrt_shape {
  struct pclnrt_shape_key key;
  // A cell of each class as a type of its own; null: objects have headers.
  const struct pclnrt_gc_type *_Atomic cells[PCLNRT_SHAPED_CLASSES];
  _Atomic uint32_t headed[PCLNRT_SHAPED_CLASSES]; // bytes of such objects made
};

// The one shape of this key; null: no memory.
struct pclnrt_shape *pclnrt_shape_of(const struct pclnrt_shape_key *key);
// Counts an object with a header; after some of a class, the next ones will
// have none, if they can.
void pclnrt_shape_count(struct pclnrt_shape *s, uint32_t class);

static inline bool pclnrt_shape_is(const struct pclnrt_shape *s,
                                   const struct pclnrt_shape_key *key) {
  return s->key.type == key->type && s->key.elem == key->elem &&
         s->key.elem_off == key->elem_off && s->key.header == key->header;
}
static inline uint32_t pclnrt_shape_hash(const struct pclnrt_shape_key *key) {
  const uintptr_t a = (uintptr_t)key->type ^ (uintptr_t)key->elem << 1;
  return (uint32_t)(a >> 3 ^ a >> 9);
}

// --- heap_layout.c: headers --------------------------------------------------

// The first word of a HEADED cell: a pointer and what it leads to.
enum {
  PCLNRT_TAG_ONE = 1,   // one object of this struct pclnrt_gc_type
  PCLNRT_TAG_SHAPE = 2, // struct pclnrt_shape
  PCLNRT_TAG_MASK = 3,
};
// Bytes before an object with PCLNRT_TAG_ONE: 8, or 16 if it may need 16-byte
// alignment, which its size tells.
static inline size_t pclnrt_one_header(const struct pclnrt_gc_type *type) {
  return type->size % 16 == 0 ? 16 : 8;
}

// --- heap_poison.c -----------------------------------------------------------

// Whether free cells are guarded, by the option or for AddressSanitizer. If so,
// a slot gets one cell at a time.
static inline bool pclnrt_poison_on(void) {
  return pclnrt_heap_options.poison || __asan_poison_memory_region;
}
// Whether even we may not look at free cells: under AddressSanitizer, where the
// write itself is the fault.
static inline bool pclnrt_poison_hidden(void) {
  return __asan_poison_memory_region;
}
// Of a block whose bits are about to be swept: cells that become free.
void pclnrt_poison_freed(struct pclnrt_block *b);
// A whole run of blocks is free.
void pclnrt_poison_blocks(struct pclnrt_block *b, uint32_t n);
// Blocks from the system, all zero.
void pclnrt_poison_fresh(struct pclnrt_block *b, uint32_t n);
// Free memory is about to be used: fatal if somebody wrote there since.
void pclnrt_poison_reuse(uintptr_t start, size_t len, bool fresh);

#pragma GCC visibility pop
#endif
