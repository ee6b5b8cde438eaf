// SPDX-License-Identifier: Apache-2.0
//
// The collector's heap: where objects are, which of them are live, and how
// memory is handed out. What decides when to collect, finds the roots and runs
// the marker is collect.h's.
//
// Memory. One range of addresses is reserved at the start and split into blocks
// of 64 KiB. A block holds cells of one size ("small"), or is part of one large
// object, or is free. What is known of a block stands in side tables, found by
// the block's number alone, so an object has no header that marking would have
// to load or that a stray write could hit:
//
//   reserved range   | block 0 | block 1 | block 2 | ...      64 KiB each
//   pclnrt_heap.blocks  [0]       [1]       [2]               64 bytes each
//   pclnrt_heap.bits    [0][64]   [1][64]   [2][64]           1.5 KiB each
//
// Each 64 cells of a block have one `struct pclnrt_bits`: the mark bits next to
// the allocated bits, so that marking an object and asking whether it is one
// touch one cache line.
//
// Kinds. Cells of a TYPED block are all of one type, which the block names: a
// struct of two references takes 16 bytes. BYTES holds no references. Cells of
// a HEADED block begin with a word that says what they are: arrays, objects
// with a flexible array, large ones. Where a program makes many small ones of
// them alike, they get TYPED blocks too (heap_shapes.c).
//
// Which cells are objects. Those whose allocated bit is set, which are the ones
// that the last marking reached, and those below `n_used`: free cells are
// handed out from the lowest up. Both hold only when the caches of all threads
// are flushed; see pclnrt_heap_begin_mark.
//
// A cycle, by the collector:
//   world stopped; pclnrt_heap_begin_mark()       all swept, no block in a
//   cache find, mark, layout, for all that is reachable (any number of threads)
//   pclnrt_heap_begin_sweep(live bytes, objects)  from here on unmarked = free
//   world started; blocks are swept when they are next allocated from, or by
//   pclnrt_heap_sweep_some(), or by the next pclnrt_heap_begin_mark()
//
// Threads. A thread allocates from its own cache, without locks or atomic
// read-modify-writes; a cache is refilled under the heap's lock. Functions here
// are for any thread that takes part, unless they say "world stopped". A thread
// is never stopped inside of them, so nobody waits for a lock that a stopped
// thread holds. None is for signal handlers.
#ifndef PCLNRT_HEAP_H
#define PCLNRT_HEAP_H

#define PCLNRT_BUILDING
#include "gc.h"
#include "internal.h"

#pragma GCC visibility push(hidden)

enum {
  PCLNRT_BLOCK_SHIFT = 16,
  PCLNRT_BLOCK = 1 << PCLNRT_BLOCK_SHIFT,
  PCLNRT_CELL_MIN = 16,
  PCLNRT_CELLS_MAX = PCLNRT_BLOCK / PCLNRT_CELL_MIN,
  PCLNRT_BITS_PER_BLOCK = PCLNRT_CELLS_MAX / 64,
};

enum pclnrt_block_state {
  PCLNRT_BLOCK_FREE, // also: never used
  PCLNRT_BLOCK_SMALL,
  PCLNRT_BLOCK_LARGE,      // the first block of a large object: one cell
  PCLNRT_BLOCK_LARGE_MORE, // the others
};
enum pclnrt_cell_kind {
  PCLNRT_CELL_BYTES,
  PCLNRT_CELL_TYPED, // never large
  PCLNRT_CELL_HEADED,
};

struct pclnrt_bin;
struct pclnrt_slot;

struct pclnrt_block {
  uint8_t state; // enum pclnrt_block_state
  uint8_t kind;  // enum pclnrt_cell_kind
  uint8_t fresh; // memory above n_used is zero
  uint8_t swept; // low bits of the cycle in which its bits were last swept
  uint32_t reciprocal; // 2^32 / cell_size, rounded up; 0: a large object
  uint32_t cell_size;  // bytes, of a small block
  uint32_t n_cells;    // of a small block; 1 for a large object
  // TYPED: the type of all cells, and its `pointers`.
  const struct pclnrt_gc_type *type;
  union {
    uint64_t pointers;
    uint64_t large_size; // bytes of a large object, a multiple of 16
  };
  uint32_t n_blocks;      // LARGE: that it takes; LARGE_MORE: distance back to
                          // the first
  uint32_t n_used;        // cells below this one are allocated
  uint32_t prev, next;    // in the bin's list; PCLNRT_NO_BLOCK: none
  struct pclnrt_bin *bin; // of a small block
  struct pclnrt_slot *slot; // the cache that allocates from it, or null
};
_Static_assert(sizeof(struct pclnrt_block) == 64, "one line of the cache");
#define PCLNRT_NO_BLOCK UINT32_MAX

// Two markers each have marks of their own, so that neither needs an atomic
// read-modify-write, which would be a quarter of the time of marking. An object
// that both see at once may then be marked, and scanned, by both.
enum { PCLNRT_MARK_LANES = 2, PCLNRT_MARK_SHARED = PCLNRT_MARK_LANES };
struct pclnrt_bits {
  _Atomic uint64_t mark[PCLNRT_MARK_LANES];
  uint64_t allocated;
};

struct pclnrt_heap {
  uintptr_t base; // of the reserved range; a multiple of 2 MiB
  uintptr_t used; // bytes from base up to the highest block in use so far
  struct pclnrt_block *blocks;
  struct pclnrt_bits (*bits)[PCLNRT_BITS_PER_BLOCK];
};
extern struct pclnrt_heap pclnrt_heap;

// --- Looking up and marking (inline, for the marker's inner loop) ------------

// A cell: an object, or room for one.
struct pclnrt_cell {
  struct pclnrt_block *block; // of a large object: the first
  uint32_t idx;               // number of the cell in the block
};

static inline uintptr_t pclnrt_block_start(const struct pclnrt_block *b) {
  return pclnrt_heap.base +
         ((uintptr_t)(b - pclnrt_heap.blocks) << PCLNRT_BLOCK_SHIFT);
}
static inline size_t pclnrt_cell_size(const struct pclnrt_block *b) {
  return b->reciprocal ? b->cell_size : b->large_size;
}
static inline uintptr_t pclnrt_cell_start(struct pclnrt_cell c) {
  return pclnrt_block_start(c.block) + (uintptr_t)c.idx * c.block->cell_size;
}

// Whether `word` lies in the heap's range at all: the cheap first question.
static inline bool pclnrt_heap_has(uintptr_t word) {
  return word - pclnrt_heap.base < pclnrt_heap.used;
}

// Finds the cell that `word`, which may be anything, points into. False: none,
// or the tail of a block. Whether the cell holds an object is another question:
// pclnrt_cell_allocated.
static inline bool pclnrt_heap_find(uintptr_t word, struct pclnrt_cell *out) {
  const uintptr_t off = word - pclnrt_heap.base;
  if (off >= pclnrt_heap.used)
    return false;
  struct pclnrt_block *b = &pclnrt_heap.blocks[off >> PCLNRT_BLOCK_SHIFT];
  if (__builtin_expect(b->state != PCLNRT_BLOCK_SMALL, 0)) {
    if (b->state == PCLNRT_BLOCK_FREE)
      return false;
    if (b->state == PCLNRT_BLOCK_LARGE_MORE)
      b -= b->n_blocks;
    *out = (struct pclnrt_cell){b, 0};
    return word - pclnrt_block_start(b) < b->large_size;
  }
  // Exact for all offsets in a block: the error of the reciprocal is below
  // cell_size, and 2^16 * cell_size < 2^32.
  const uint32_t idx =
      (uint32_t)(((off & (PCLNRT_BLOCK - 1)) * b->reciprocal) >> 32);
  *out = (struct pclnrt_cell){b, idx};
  return idx < b->n_cells;
}

static inline struct pclnrt_bits *pclnrt_cell_bits(struct pclnrt_cell c) {
  return &pclnrt_heap.bits[c.block - pclnrt_heap.blocks][c.idx / 64];
}

// World stopped. False: the cell is free. A precise root or field that leads to
// such a cell is a fault of the maps or of the program.
static inline bool pclnrt_cell_allocated(struct pclnrt_cell c) {
  return c.idx < c.block->n_used ||
         pclnrt_cell_bits(c)->allocated >> (c.idx % 64) & 1;
}

static inline uint64_t pclnrt_bits_marked(const struct pclnrt_bits *bits) {
  return atomic_load_explicit(&bits->mark[0], memory_order_relaxed) |
         atomic_load_explicit(&bits->mark[1], memory_order_relaxed);
}
static inline bool pclnrt_cell_marked(struct pclnrt_cell c) {
  return pclnrt_bits_marked(pclnrt_cell_bits(c)) >> (c.idx % 64) & 1;
}

// World stopped. True: this call marked it. `lane`: below PCLNRT_MARK_LANES,
// and no other thread that marks has the same; or PCLNRT_MARK_SHARED for all.
static inline bool pclnrt_bits_mark(struct pclnrt_bits *bits, uint64_t bit,
                                    unsigned lane) {
  if (pclnrt_bits_marked(bits) & bit)
    return false;
  if (__builtin_expect(lane < PCLNRT_MARK_LANES, 1)) {
    const uint64_t old =
        atomic_load_explicit(&bits->mark[lane], memory_order_relaxed);
    atomic_store_explicit(&bits->mark[lane], old | bit, memory_order_relaxed);
    return true;
  }
  return !(atomic_fetch_or_explicit(&bits->mark[0], bit, memory_order_relaxed) &
           bit);
}
static inline bool pclnrt_cell_mark(struct pclnrt_cell c, unsigned lane) {
  return pclnrt_bits_mark(pclnrt_cell_bits(c), UINT64_C(1) << (c.idx % 64),
                          lane);
}

// --- heap_layout.c: where references are -------------------------------------

// What an object holds. References are:
//   as `type` says, once, from `start` on (null: none there);
//   as `elem` says, `n_elem` times, from `start + elem_off` on (null: none).
// The rest holds none. A TYPED block needs no call of this: type, pointers.
struct pclnrt_layout {
  uintptr_t start; // the object's first byte, as the program knows it
  size_t len;      // bytes from there to the cell's end
  const struct pclnrt_gc_type *type, *elem;
  size_t elem_off, n_elem;
};
// Of an allocated cell. Elements past those that the program asked for, up to
// the cell's end, are counted; they are zero.
void pclnrt_heap_layout(struct pclnrt_cell c, struct pclnrt_layout *out);

// --- heap.c: start, caches, state --------------------------------------------

// Reserves the address range. Idempotent, any thread. PCLN_NO_MEMORY.
PCLN_MUST_CHECK enum pcln_status pclnrt_heap_init(void);

// The debug options, by the collector before it takes the first thread in.
struct pclnrt_heap_options {
  bool poison; // gcpoison: 0x6b in free cells, checked at reuse
  bool stress; // each allocation enters pclnrt_collect_enter
};
extern struct pclnrt_heap_options pclnrt_heap_options;

// The calling thread's cache: what the fast path of allocation looks at. One
// that has nothing until the collector takes the thread in, so that the first
// allocation goes the slow way.
struct pclnrt_cache;
extern __thread struct pclnrt_cache *pclnrt_my_cache
    __attribute__((tls_model("initial-exec")));

// Makes the calling thread's cache and sets pclnrt_my_cache. False: no memory.
bool pclnrt_cache_begin(void);
// Gives the calling thread's cache back.
void pclnrt_cache_end(void);
// Whether the calling thread has one.
bool pclnrt_cache_present(void);

// Any time, for addresses that the program hands us: the object that `p` leads
// into. Takes the heap's lock. False: none, or a free cell.
bool pclnrt_heap_object(uintptr_t p, struct pclnrt_cell *out);

struct pclnrt_heap_stats {
  uint64_t allocated_bytes, allocated_objects; // since the start
  uint64_t heap_bytes, peak_heap_bytes;        // blocks in use
  uint64_t returned_bytes;
};
// Exact when the world is stopped after pclnrt_heap_begin_mark; else of the
// last flush or refill of each cache.
void pclnrt_heap_get_stats(struct pclnrt_heap_stats *out);

// Bytes handed to caches since the last pclnrt_heap_begin_sweep; the pacing's
// input. Counted in steps of up to 40 KiB a thread.
uint64_t pclnrt_heap_since_mark(void);
// Bytes in blocks that are in use, whatever of them objects take.
uint64_t pclnrt_heap_in_blocks(void);

// --- heap_sweep.c ------------------------------------------------------------

// World stopped. Finishes sweeping, flushes all caches: from here on no mark is
// set, and pclnrt_cell_allocated is exact.
void pclnrt_heap_begin_mark(void);
// World stopped, after marking. Cells without a mark are free from here on.
void pclnrt_heap_begin_sweep(void);
// Sweeps up to `n_blocks`; returns how many there were: 0 when all is swept.
size_t pclnrt_heap_sweep_some(size_t n_blocks);
// World stopped, after marking: the marked objects, and the bytes of their
// cells.
void pclnrt_heap_marked(uint64_t *bytes, uint64_t *objects);
// Calls `fn` for every allocated cell in address order. World stopped, after
// pclnrt_heap_begin_mark; may be called after marking as well, with `marked`
// for the marked ones alone.
void pclnrt_heap_each(void (*fn)(void *ctx, struct pclnrt_cell c), void *ctx,
                      bool marked);

// --- heap_pages.c ------------------------------------------------------------

// Gives free blocks back to the system until at most `keep` bytes of them are
// still backed by memory. Returns the bytes given back. Highest blocks first.
size_t pclnrt_heap_release(size_t keep);

// --- heap_check.c ------------------------------------------------------------

// World stopped, after pclnrt_heap_begin_mark. Every invariant of blocks, bits,
// lists and free cells; returns the number of faults, each reported.
size_t pclnrt_heap_check(const struct pcln_sink *sink);

// --- What the collector defines (collect*.c) ---------------------------------

// Called by the slow path of each allocation of `size` bytes, before it takes
// memory: takes the thread in (pclnrt_cache_begin), polls, collects if it is
// time to. False: the limit is reached also after collecting; or no memory for
// the thread's own things.
bool pclnrt_collect_enter(size_t size);
// Called when no block can be had from the system. Collects and sweeps. True:
// it is worth another try.
bool pclnrt_collect_exhausted(size_t size);
// Prints "pclnrt: TEXT (ADDRESS, SIZE bytes) [FAULT]" and aborts.
_Noreturn void pclnrt_gc_fatal(const char *fault, const char *text,
                               uintptr_t address, size_t size);

#pragma GCC visibility pop
#endif
