// SPDX-License-Identifier: Apache-2.0
//
// Caches: what a thread allocates from without asking anybody.
//
// A cache has slots: one per size of cells without references, one per size of
// cells with headers, and 256 for types, found by a hash of the type. A slot
// holds a run of free cells that are next to one another and already zero; an
// allocation moves its pointer. When the run ends the slot looks for the next
// one in its block, which nobody else may touch meanwhile; when the block ends
// it gets another block of the bin, under the lock. So the lock is taken once
// per block, and the allocated bits are read once per run.
//
// Two types whose hashes are equal take the slot from one another, which costs
// a lock each time; that they alternate in a loop is rare, and stays correct.
#include "heap_internal.h"

#include <string.h>

struct pclnrt_lock pclnrt_heap_lock;
struct pclnrt_heap_options pclnrt_heap_options;
struct pclnrt_cache *pclnrt_caches;
_Atomic uint64_t pclnrt_since_mark;

// Of threads that have none: every slot is empty. Never written to.
static struct pclnrt_cache no_cache;
__thread struct pclnrt_cache *pclnrt_my_cache
    __attribute__((tls_model("initial-exec"))) = &no_cache;

static uint64_t gone_bytes, gone_objects; // of caches that ended

enum pcln_status pclnrt_heap_init(void) {
  enum pcln_status status = PCLN_OK;
  pclnrt_lock_take(&pclnrt_heap_lock);
  if (!pclnrt_heap.base && (status = pclnrt_pages_init()) == PCLN_OK) {
    pclnrt_classes_init();
    pclnrt_bins_init();
  }
  pclnrt_lock_give(&pclnrt_heap_lock);
  return status;
}

// --- Slots -------------------------------------------------------------------

static void add(_Atomic uint64_t *counter, uint64_t n) {
  atomic_store_explicit(counter,
                        atomic_load_explicit(counter, memory_order_relaxed) + n,
                        memory_order_relaxed);
}

static void tell_all(struct pclnrt_cache *c) {
  atomic_fetch_add_explicit(&pclnrt_since_mark, c->untold,
                            memory_order_relaxed);
  c->untold = 0;
}

void pclnrt_cache_count(struct pclnrt_cache *c, uint64_t bytes,
                        uint64_t objects) {
  add(&c->allocated_bytes, bytes);
  add(&c->allocated_objects, objects);
  c->untold += bytes;
  if ((int64_t)c->untold >= PCLNRT_TOLD_BYTES)
    tell_all(c);
}

// The first cell of lo .. n whose allocated bit is `want`, or n.
static uint32_t cell_next(const struct pclnrt_bits *bits, uint32_t lo,
                          uint32_t n, bool want) {
  while (lo < n) {
    const uint64_t allocated = bits[lo / 64].allocated;
    const uint64_t word = (want ? allocated : ~allocated) >> (lo % 64);
    if (word) {
      lo += (uint32_t)__builtin_ctzll(word);
      return lo < n ? lo : n;
    }
    lo = (lo | 63) + 1;
  }
  return n;
}

// How many cells a slot may take before the collector is asked again.
static uint32_t run_cells(uint32_t cell_size) {
  if (pclnrt_heap_options.stress || pclnrt_poison_on() ||
      cell_size > PCLNRT_RUN_BYTES)
    return 1;
  return PCLNRT_RUN_BYTES / cell_size;
}

// Zeroes `n` pairs of words from each end on, which may overlap: one branch for
// a range of lengths, where a loop would end at another place each time.
static inline void zero_ends(uintptr_t start, size_t len, int n) {
  for (int i = 0; i < n; i++) {
    memset((void *)(start + 16 * (size_t)i), 0, 16);
    memset((void *)(start + len - 16 * (size_t)(i + 1)), 0, 16);
  }
}

// Memory of cells; mostly of one or two, where free cells are few and apart.
static inline void zero(uintptr_t start, size_t len) {
  _Static_assert(PCLNRT_CELL_MIN == 16, "the least that zero_ends can do");
  if (len <= 32)
    zero_ends(start, len, 1);
  else if (len <= 64)
    zero_ends(start, len, 2);
  else if (len <= 128)
    zero_ends(start, len, 4);
  else
    memset((void *)start, 0, len);
}

// The next free cells of the slot's block, as many as it may take; false: there
// are none.
static inline bool next_run(struct pclnrt_slot *s) {
  struct pclnrt_block *b = s->block;
  const struct pclnrt_bits *bits = pclnrt_heap.bits[b - pclnrt_heap.blocks];
  const uint32_t lo = cell_next(bits, b->n_used, b->n_cells, false);
  if (lo == b->n_cells)
    return false;
  const uint32_t most = b->n_cells - lo < s->left ? b->n_cells : lo + s->left;
  const uint32_t hi = cell_next(bits, lo, most, true);
  const uintptr_t start = pclnrt_block_start(b) + (uintptr_t)lo * b->cell_size;
  const size_t len = (size_t)(hi - lo) * b->cell_size;
  if (__builtin_expect(pclnrt_poison_on(), 0))
    pclnrt_poison_reuse(start, len, b->fresh);
  if (!b->fresh)
    zero(start, len);
  // The next run is likely to be in one of the next two lines.
  __builtin_prefetch((void *)(start + len + 64), 1);
  __builtin_prefetch((void *)(start + len + 128), 1);
  b->n_used = hi;
  s->left -= hi - lo;
  s->end = start + len;
  atomic_store_explicit(&s->next, start, memory_order_relaxed);
  return true;
}

uintptr_t pclnrt_slot_more(struct pclnrt_slot *s) {
  return s->left && next_run(s) ? pclnrt_slot_take(s) : 0;
}

// Gives the slot another block; false: no memory.
static bool next_block(struct pclnrt_slot *s, struct pclnrt_bin *bin) {
  enum {
    BY_THE_WAY = 4
  }; // blocks to sweep: all are, well before the next
     // marking, which would have to wait for it
  pclnrt_lock_take(&pclnrt_heap_lock);
  if (s->block) {
    s->block->n_used = s->block->n_cells;
    s->block->slot = NULL;
  }
  struct pclnrt_block *b = pclnrt_bin_take(bin);
  uintptr_t start = 0;
  if (b) {
    b->slot = s;
    start = pclnrt_block_start(b) + (uintptr_t)b->n_used * b->cell_size;
  }
  s->bin = bin;
  s->block = b;
  s->cell_size = bin->cell_size;
  s->end = start;
  atomic_store_explicit(&s->next, start, memory_order_relaxed);
  pclnrt_sweep_next(BY_THE_WAY);
  pclnrt_lock_give(&pclnrt_heap_lock);
  return b != NULL;
}

bool pclnrt_slot_refill(struct pclnrt_slot *s, struct pclnrt_bin *bin) {
  const uint32_t n = run_cells(bin->cell_size);
  const uint64_t more = n - (uint64_t)s->left;
  pclnrt_cache_count(pclnrt_my_cache, more * bin->cell_size, more);
  s->left = n;
  while (!s->block || !next_run(s))
    if (!next_block(s, bin)) {
      pclnrt_cache_count(pclnrt_my_cache, -(uint64_t)n * bin->cell_size,
                         -(uint64_t)n);
      s->left = 0;
      return false;
    }
  return true;
}

void pclnrt_slot_flush(struct pclnrt_slot *s, struct pclnrt_cache *c) {
  struct pclnrt_block *b = s->block;
  if (!b)
    return;
  const uintptr_t next = atomic_load_explicit(&s->next, memory_order_relaxed);
  const uint64_t unused = (s->end - next) / b->cell_size + s->left;
  pclnrt_cache_count(c, -unused * b->cell_size, -unused);
  b->n_used = (uint32_t)((next - pclnrt_block_start(b)) / b->cell_size);
  pclnrt_bin_give(b);
  s->block = NULL;
  s->left = 0;
  s->end = 0;
  atomic_store_explicit(&s->next, 0, memory_order_relaxed);
}

// --- Caches ------------------------------------------------------------------

void pclnrt_cache_flush(struct pclnrt_cache *c) {
  for (uint32_t i = 0; i < PCLNRT_TYPED_SLOTS; i++)
    pclnrt_slot_flush(&c->typed[i], c);
  for (uint32_t i = 0; i < PCLNRT_CLASSES; i++) {
    pclnrt_slot_flush(&c->bytes[i], c);
    pclnrt_slot_flush(&c->headed[i], c);
  }
  tell_all(c);
}

bool pclnrt_cache_begin(void) {
  struct pclnrt_cache *c = pclnrt_sys_map(sizeof *c);
  if (!c)
    return false;
  pclnrt_lock_take(&pclnrt_heap_lock);
  c->next = pclnrt_caches;
  if (c->next)
    c->next->prev = c;
  pclnrt_caches = c;
  pclnrt_lock_give(&pclnrt_heap_lock);
  pclnrt_my_cache = c;
  return true;
}

void pclnrt_cache_end(void) {
  struct pclnrt_cache *c = pclnrt_my_cache;
  if (c == &no_cache)
    return;
  pclnrt_my_cache = &no_cache;
  pclnrt_lock_take(&pclnrt_heap_lock);
  pclnrt_cache_flush(c);
  gone_bytes += atomic_load_explicit(&c->allocated_bytes, memory_order_relaxed);
  gone_objects +=
      atomic_load_explicit(&c->allocated_objects, memory_order_relaxed);
  if (c->next)
    c->next->prev = c->prev;
  *(c->prev ? &c->prev->next : &pclnrt_caches) = c->next;
  pclnrt_lock_give(&pclnrt_heap_lock);
  pclnrt_sys_unmap(c, sizeof *c);
}

bool pclnrt_cache_present(void) { return pclnrt_my_cache != &no_cache; }

// --- State -------------------------------------------------------------------

bool pclnrt_heap_object(uintptr_t p, struct pclnrt_cell *out) {
  pclnrt_lock_take(&pclnrt_heap_lock);
  bool found = pclnrt_heap_find(p, out);
  if (found && out->block->slot) {
    const uintptr_t next =
        atomic_load_explicit(&out->block->slot->next, memory_order_relaxed);
    found = pclnrt_cell_start(*out) < next ||
            pclnrt_cell_bits(*out)->allocated >> (out->idx % 64) & 1;
  } else if (found && out->block->swept != pclnrt_sweep_cycle) {
    found = pclnrt_cell_marked(*out);
  } else if (found) {
    found = pclnrt_cell_allocated(*out);
  }
  pclnrt_lock_give(&pclnrt_heap_lock);
  return found;
}

void pclnrt_heap_get_stats(struct pclnrt_heap_stats *out) {
  pclnrt_lock_take(&pclnrt_heap_lock);
  *out = (struct pclnrt_heap_stats){.allocated_bytes = gone_bytes,
                                    .allocated_objects = gone_objects,
                                    .heap_bytes = pclnrt_pages_used,
                                    .peak_heap_bytes = pclnrt_pages_peak,
                                    .returned_bytes = pclnrt_pages_returned};
  for (struct pclnrt_cache *c = pclnrt_caches; c; c = c->next) {
    out->allocated_bytes +=
        atomic_load_explicit(&c->allocated_bytes, memory_order_relaxed);
    out->allocated_objects +=
        atomic_load_explicit(&c->allocated_objects, memory_order_relaxed);
  }
  pclnrt_lock_give(&pclnrt_heap_lock);
}

uint64_t pclnrt_heap_since_mark(void) {
  return atomic_load_explicit(&pclnrt_since_mark, memory_order_relaxed);
}

uint64_t pclnrt_heap_in_blocks(void) {
  return atomic_load_explicit(&pclnrt_pages_used, memory_order_relaxed);
}
