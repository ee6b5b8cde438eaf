// SPDX-License-Identifier: Apache-2.0
//
// Bins: the blocks of one kind of cell, and where the next one with a free cell
// comes from. See heap_internal.h for the order in a bin's list.
//
// A bin for each type is what lets objects do without headers. It costs a block
// per type and thread that is only partly used, of which the untouched pages
// take no memory; and after PCLNRT_TYPED_BINS_FULL types the rest shares blocks
// and has headers.
#include "heap_internal.h"

struct pclnrt_bin pclnrt_bins_bytes[PCLNRT_CLASSES];
struct pclnrt_bin pclnrt_bins_headed[PCLNRT_CLASSES];
struct pclnrt_bin *pclnrt_bins_typed[PCLNRT_TYPED_BINS];
static uint32_t n_typed;

static void bin_init(struct pclnrt_bin *bin, enum pclnrt_cell_kind kind,
                     uint32_t cell_size) {
  *bin = (struct pclnrt_bin){
      .kind = (uint8_t)kind,
      .cell_size = cell_size,
      .n_cells = PCLNRT_BLOCK / cell_size,
      .reciprocal =
          (uint32_t)(((UINT64_C(1) << 32) + cell_size - 1) / cell_size),
      .first = PCLNRT_NO_BLOCK,
      .last = PCLNRT_NO_BLOCK,
      .cursor = PCLNRT_NO_BLOCK};
}

void pclnrt_bins_init(void) {
  for (uint32_t i = 0; i < PCLNRT_CLASSES; i++) {
    bin_init(&pclnrt_bins_bytes[i], PCLNRT_CELL_BYTES, pclnrt_class_sizes[i]);
    bin_init(&pclnrt_bins_headed[i], PCLNRT_CELL_HEADED, pclnrt_class_sizes[i]);
  }
}

struct pclnrt_bin *pclnrt_bin_of_type(const struct pclnrt_gc_type *type) {
  const uint64_t hash = (uintptr_t)type * UINT64_C(0x9e3779b97f4a7c15);
  uint32_t i = (uint32_t)(hash >> 32) % PCLNRT_TYPED_BINS;
  for (; pclnrt_bins_typed[i]; i = (i + 1) % PCLNRT_TYPED_BINS)
    if (pclnrt_bins_typed[i]->type == type)
      return pclnrt_bins_typed[i];
  if (n_typed == PCLNRT_TYPED_BINS_FULL)
    return NULL;
  struct pclnrt_bin *bin = pclnrt_pages_table(sizeof *bin);
  if (!bin)
    return NULL;
  bin_init(bin, PCLNRT_CELL_TYPED,
           pclnrt_class_sizes[pclnrt_class_of(type->size)]);
  bin->type = type;
  pclnrt_bins_typed[i] = bin;
  n_typed++;
  return bin;
}

void pclnrt_bins_each(void (*fn)(struct pclnrt_bin *bin, void *ctx),
                      void *ctx) {
  for (uint32_t i = 0; i < PCLNRT_CLASSES; i++) {
    fn(&pclnrt_bins_bytes[i], ctx);
    fn(&pclnrt_bins_headed[i], ctx);
  }
  for (uint32_t i = 0; i < PCLNRT_TYPED_BINS; i++)
    if (pclnrt_bins_typed[i])
      fn(pclnrt_bins_typed[i], ctx);
}

// --- The list ----------------------------------------------------------------

static uint32_t number(const struct pclnrt_block *b) {
  return (uint32_t)(b - pclnrt_heap.blocks);
}

// Where the list's link to the block after `prev`, or to the first, stands.
static uint32_t *link_after(struct pclnrt_bin *bin, uint32_t prev) {
  return prev == PCLNRT_NO_BLOCK ? &bin->first : &pclnrt_heap.blocks[prev].next;
}
static uint32_t *link_before(struct pclnrt_bin *bin, uint32_t next) {
  return next == PCLNRT_NO_BLOCK ? &bin->last : &pclnrt_heap.blocks[next].prev;
}

void pclnrt_bin_unlink(struct pclnrt_block *b) {
  struct pclnrt_bin *bin = b->bin;
  if (bin->cursor == number(b))
    bin->cursor = b->next;
  *link_after(bin, b->prev) = b->next;
  *link_before(bin, b->next) = b->prev;
}

static void insert(struct pclnrt_block *b, uint32_t before) {
  struct pclnrt_bin *bin = b->bin;
  b->next = before;
  b->prev = *link_before(bin, before);
  *link_after(bin, b->prev) = number(b);
  *link_before(bin, before) = number(b);
}

// --- Taking and giving -------------------------------------------------------

// A free block: such as there are, such as sweeping may find, then new ones.
static struct pclnrt_block *free_block(void) {
  struct pclnrt_block *b = pclnrt_pages_take(1, false);
  while (!b && pclnrt_sweep_next(16))
    b = pclnrt_pages_take(1, false);
  return b ? b : pclnrt_pages_take(1, true);
}

static struct pclnrt_block *new_block(struct pclnrt_bin *bin) {
  struct pclnrt_block *b = free_block();
  if (!b)
    return NULL;
  *b = (struct pclnrt_block){.state = PCLNRT_BLOCK_SMALL,
                             .kind = bin->kind,
                             .fresh = b->fresh,
                             .swept = pclnrt_sweep_cycle,
                             .reciprocal = bin->reciprocal,
                             .cell_size = bin->cell_size,
                             .n_cells = bin->n_cells,
                             .type = bin->type,
                             .pointers = bin->type ? bin->type->pointers : 0,
                             .n_blocks = 1,
                             .bin = bin};
  struct pclnrt_bits *bits = pclnrt_heap.bits[number(b)];
  for (uint32_t i = 0; i < (bin->n_cells + 63) / 64; i++)
    pclnrt_bits_clear(&bits[i]);
  insert(b, bin->first);
  return b;
}

struct pclnrt_block *pclnrt_bin_take(struct pclnrt_bin *bin) {
  while (bin->cursor != PCLNRT_NO_BLOCK) {
    struct pclnrt_block *b = &pclnrt_heap.blocks[bin->cursor];
    bin->cursor = b->next;
    if (b->swept != pclnrt_sweep_cycle)
      pclnrt_sweep_block(b);
    if (b->n_used < b->n_cells)
      return b;
  }
  return new_block(bin);
}

void pclnrt_bin_give(struct pclnrt_block *b) {
  b->slot = NULL;
  if (b->n_used == b->n_cells)
    return;
  struct pclnrt_bin *bin = b->bin;
  pclnrt_bin_unlink(b);
  insert(b, bin->cursor);
  bin->cursor = number(b);
}
