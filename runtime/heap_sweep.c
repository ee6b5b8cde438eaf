// SPDX-License-Identifier: Apache-2.0
//
// Sweeping: what the marker did not reach is free. For a block that means: the
// mark bits become the allocated bits, 64 cells a step; no cell is touched, and
// none is linked into a list. So a block costs some nanoseconds, and it is done
// when the block is next allocated from, by threads as they need memory.
//
// Blocks that nobody allocates from are swept by the way (each refill looks at
// a few more), by the collector after a cycle, and at the latest before the
// next marking: a mark must never survive into it.
#include "heap_internal.h"

uint8_t pclnrt_sweep_cycle;
static uint32_t sweep_at; // blocks below are swept

// --- Blocks ------------------------------------------------------------------

bool pclnrt_sweep_block(struct pclnrt_block *b) {
  struct pclnrt_bits *bits = pclnrt_heap.bits[b - pclnrt_heap.blocks];
  const uint32_t n_words = (b->n_cells + 63) / 64;
  uint32_t first_free = b->n_cells;
  uint64_t any = 0;
  if (pclnrt_poison_on())
    pclnrt_poison_freed(b);
  for (uint32_t i = n_words; i-- > 0;) {
    const uint64_t mark = pclnrt_bits_marked(&bits[i]);
    pclnrt_bits_clear(&bits[i]);
    bits[i].allocated = mark;
    any |= mark;
    if (~mark) {
      const uint32_t idx = i * 64 + (uint32_t)__builtin_ctzll(~mark);
      if (idx < b->n_cells)
        first_free = idx;
    }
  }
  b->n_used = first_free;
  b->fresh = false;
  b->swept = pclnrt_sweep_cycle;
  return !any;
}

static void sweep_large(struct pclnrt_block *b) {
  struct pclnrt_bits *bits = pclnrt_heap.bits[b - pclnrt_heap.blocks];
  b->swept = pclnrt_sweep_cycle;
  const bool live = pclnrt_bits_marked(bits) != 0;
  pclnrt_bits_clear(bits);
  if (!live)
    pclnrt_pages_give(b, b->n_blocks);
}

static void sweep_any(struct pclnrt_block *b) {
  if (b->swept == pclnrt_sweep_cycle)
    return;
  if (b->state == PCLNRT_BLOCK_LARGE) {
    sweep_large(b);
  } else if (b->state == PCLNRT_BLOCK_SMALL && pclnrt_sweep_block(b)) {
    pclnrt_bin_unlink(b);
    pclnrt_pages_give(b, 1);
  }
}

bool pclnrt_sweep_next(uint32_t n) {
  const uint32_t end = pclnrt_pages_end();
  for (; n && sweep_at < end; n--) {
    struct pclnrt_block *b = &pclnrt_heap.blocks[sweep_at];
    sweep_at += b->state == PCLNRT_BLOCK_LARGE ? b->n_blocks : 1;
    sweep_any(b);
  }
  return sweep_at < end;
}

size_t pclnrt_heap_sweep_some(size_t n_blocks) {
  enum { AT_ONCE = 32 }; // so that nobody waits long for the lock
  size_t done = 0;
  bool more = true;
  while (more && done < n_blocks) {
    const size_t n = n_blocks - done < AT_ONCE ? n_blocks - done : AT_ONCE;
    pclnrt_lock_take(&pclnrt_heap_lock);
    const uint32_t from = sweep_at;
    more = pclnrt_sweep_next((uint32_t)n);
    done += sweep_at - from;
    pclnrt_lock_give(&pclnrt_heap_lock);
  }
  return done;
}

// --- The cycle ---------------------------------------------------------------

void pclnrt_heap_begin_mark(void) {
  pclnrt_lock_take(&pclnrt_heap_lock);
  while (pclnrt_sweep_next(UINT32_MAX))
    ;
  for (struct pclnrt_cache *c = pclnrt_caches; c; c = c->next)
    pclnrt_cache_flush(c);
  pclnrt_lock_give(&pclnrt_heap_lock);
}

static void rewind_bin(struct pclnrt_bin *bin, void *ctx) {
  (void)ctx;
  bin->cursor = bin->first;
}

void pclnrt_heap_marked(uint64_t *bytes, uint64_t *objects) {
  const uint32_t end = pclnrt_pages_end();
  *bytes = *objects = 0;
  for (uint32_t i = 0; i < end; i++) {
    const struct pclnrt_block *b = &pclnrt_heap.blocks[i];
    if (b->state != PCLNRT_BLOCK_SMALL && b->state != PCLNRT_BLOCK_LARGE)
      continue;
    uint64_t n = 0;
    for (uint32_t word = 0; word < (b->n_cells + 63) / 64; word++)
      n += (uint64_t)__builtin_popcountll(
          pclnrt_bits_marked(&pclnrt_heap.bits[i][word]));
    *objects += n;
    *bytes += n * pclnrt_cell_size(b);
  }
}

void pclnrt_heap_begin_sweep(void) {
  pclnrt_lock_take(&pclnrt_heap_lock);
  pclnrt_sweep_cycle++;
  sweep_at = 0;
  pclnrt_bins_each(rewind_bin, NULL);
  atomic_store_explicit(&pclnrt_since_mark, 0, memory_order_relaxed);
  pclnrt_lock_give(&pclnrt_heap_lock);
}

void pclnrt_heap_each(void (*fn)(void *ctx, struct pclnrt_cell c), void *ctx,
                      bool marked) {
  const uint32_t end = pclnrt_pages_end();
  for (uint32_t i = 0; i < end; i++) {
    struct pclnrt_cell c = {&pclnrt_heap.blocks[i], 0};
    if (c.block->state != PCLNRT_BLOCK_SMALL &&
        c.block->state != PCLNRT_BLOCK_LARGE)
      continue;
    for (; c.idx < c.block->n_cells; c.idx++)
      if (marked ? pclnrt_cell_marked(c) : pclnrt_cell_allocated(c))
        fn(ctx, c);
  }
}
