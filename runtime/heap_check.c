// SPDX-License-Identifier: Apache-2.0
//
// The heap held against its own rules: blocks against the map of free ones,
// their headers against their bins, lists against blocks, bits against cells,
// headers of objects against what may stand there, and free memory against what
// it has to be. That references lead to objects is the collector's half.
#include "heap_internal.h"

struct check {
  const struct pcln_sink *sink;
  size_t n_faults;
  uint32_t n_small, n_listed; // blocks
};

static void fault(struct check *k, const char *name, uintptr_t address,
                  const char *text) {
  k->n_faults++;
  pcln_say(k->sink,
           &(struct pcln_report){.severity = PCLN_ERROR,
                                 .fault = name,
                                 .region = "heap",
                                 .region_off = address - pclnrt_heap.base,
                                 .pc = address,
                                 .text = text});
}

// --- Cells -------------------------------------------------------------------

static bool filled(uintptr_t start, size_t len, uint64_t with) {
  for (const uint64_t *p = (uint64_t *)start; (uintptr_t)p < start + len; p++)
    if (*p != with)
      return false;
  return true;
}

static void check_free_cell(struct check *k, struct pclnrt_cell c) {
  const uintptr_t start = pclnrt_cell_start(c);
  if (pclnrt_poison_hidden())
    return;
  uint64_t with = 0;
  if (!c.block->fresh) {
    if (!pclnrt_heap_options.poison)
      return;
    with = UINT64_C(0x6b6b6b6b6b6b6b6b);
  }
  if (!filled(start, c.block->cell_size, with))
    fault(k, "heap-free-cell", start, "somebody wrote to free memory");
}

static void check_header(struct check *k, struct pclnrt_cell c) {
  const uintptr_t start = pclnrt_cell_start(c);
  if ((*(const uintptr_t *)start & PCLNRT_TAG_MASK) == 0) {
    fault(k, "heap-header", start,
          "the header of an array or object was overwritten");
    return;
  }
  struct pclnrt_layout l;
  pclnrt_heap_layout(c, &l);
  const bool beyond =
      (l.type && l.type->size > l.len) || (l.elem && l.elem_off > l.len);
  if (beyond)
    fault(k, "heap-header", start,
          "the header of an object tells of more than its cell has");
}

static void check_cells(struct check *k, struct pclnrt_block *b) {
  for (struct pclnrt_cell c = {b, 0}; c.idx < b->n_cells; c.idx++) {
    if (pclnrt_cell_marked(c))
      fault(k, "heap-mark", pclnrt_cell_start(c),
            "a mark is set while nothing marks");
    if (!pclnrt_cell_allocated(c))
      check_free_cell(k, c);
    else if (b->kind == PCLNRT_CELL_HEADED)
      check_header(k, c);
  }
  const struct pclnrt_bits *bits = pclnrt_heap.bits[b - pclnrt_heap.blocks];
  const struct pclnrt_bits *last = &bits[(b->n_cells - 1) / 64];
  if (b->n_cells % 64 &&
      (pclnrt_bits_marked(last) | last->allocated) >> (b->n_cells % 64))
    fault(k, "heap-mark", pclnrt_block_start(b),
          "a bit is set behind a block's last cell");
}

// --- Blocks ------------------------------------------------------------------

static void check_small(struct check *k, struct pclnrt_block *b) {
  const struct pclnrt_bin *bin = b->bin;
  const uintptr_t start = pclnrt_block_start(b);
  k->n_small++;
  if (!bin || b->kind != bin->kind || b->cell_size != bin->cell_size ||
      b->n_cells != bin->n_cells || b->reciprocal != bin->reciprocal ||
      b->type != bin->type || b->n_used > b->n_cells) {
    fault(k, "heap-block", start, "a block is not like its bin");
    return;
  }
  if (b->type && b->type->pointers != b->pointers)
    fault(k, "heap-block", start, "a type has changed since its first use");
  if (b->slot)
    fault(k, "heap-cache", start, "a cache holds a block that it gave back");
  check_cells(k, b);
}

// Returns how many blocks the large object at `i` takes.
static uint32_t check_large(struct check *k, uint32_t i, uint32_t end) {
  struct pclnrt_block *b = &pclnrt_heap.blocks[i];
  const uintptr_t start = pclnrt_block_start(b);
  if (!b->n_blocks || b->n_blocks > end - i || b->n_cells != 1 ||
      b->n_used != 1 || b->kind == PCLNRT_CELL_TYPED ||
      (b->large_size + PCLNRT_BLOCK - 1) >> PCLNRT_BLOCK_SHIFT != b->n_blocks) {
    fault(k, "heap-block", start, "the size of a large object is wrong");
    return 1;
  }
  for (uint32_t n = 1; n < b->n_blocks; n++)
    if (b[n].state != PCLNRT_BLOCK_LARGE_MORE || b[n].n_blocks != n ||
        pclnrt_pages_is_free(i + n))
      fault(k, "heap-block", pclnrt_block_start(b + n),
            "a block of a large object is not one");
  const struct pclnrt_cell c = {b, 0};
  if (pclnrt_cell_marked(c))
    fault(k, "heap-mark", start, "a mark is set while nothing marks");
  if (b->kind == PCLNRT_CELL_HEADED)
    check_header(k, c);
  return b->n_blocks;
}

static void check_blocks(struct check *k) {
  const uint32_t end = pclnrt_pages_end();
  for (uint32_t i = 0; i < end;) {
    struct pclnrt_block *b = &pclnrt_heap.blocks[i];
    uint32_t n = 1;
    if (pclnrt_pages_is_free(i) != (b->state == PCLNRT_BLOCK_FREE))
      fault(k, "heap-block", pclnrt_block_start(b),
            "a block is free in one place and in use in another");
    else if (b->state == PCLNRT_BLOCK_SMALL)
      check_small(k, b);
    else if (b->state == PCLNRT_BLOCK_LARGE)
      n = check_large(k, i, end);
    else if (b->state != PCLNRT_BLOCK_FREE)
      fault(k, "heap-block", pclnrt_block_start(b),
            "a block belongs to no large object");
    i += n;
  }
}

// --- Lists -------------------------------------------------------------------

static void check_bin(struct pclnrt_bin *bin, void *ctx) {
  struct check *k = ctx;
  const uint32_t end = pclnrt_pages_end();
  uint32_t prev = PCLNRT_NO_BLOCK;
  bool at_cursor = false;
  for (uint32_t i = bin->first; i != PCLNRT_NO_BLOCK;) {
    const struct pclnrt_block *b = &pclnrt_heap.blocks[i];
    if (i >= end || b->state != PCLNRT_BLOCK_SMALL || b->bin != bin ||
        b->prev != prev || ++k->n_listed > end) {
      fault(k, "heap-list", i >= end ? 0 : pclnrt_block_start(b),
            "a list of blocks is broken");
      return;
    }
    at_cursor |= i == bin->cursor;
    // Before the cursor nothing has a free cell: it would never be used.
    if (!at_cursor && b->n_used < b->n_cells)
      fault(k, "heap-list", pclnrt_block_start(b),
            "a block with free cells was passed");
    prev = i;
    i = b->next;
  }
  if (bin->last != prev || (!at_cursor && bin->cursor != PCLNRT_NO_BLOCK))
    fault(k, "heap-list", pclnrt_heap.base, "a list of blocks is broken");
}

size_t pclnrt_heap_check(const struct pcln_sink *sink) {
  struct check k = {.sink = sink};
  pclnrt_lock_take(&pclnrt_heap_lock);
  check_blocks(&k);
  pclnrt_bins_each(check_bin, &k);
  if (!k.n_faults && k.n_small != k.n_listed)
    fault(&k, "heap-list", pclnrt_heap.base, "a block is in no list");
  pclnrt_lock_give(&pclnrt_heap_lock);
  return k.n_faults;
}
