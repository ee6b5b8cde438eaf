// SPDX-License-Identifier: Apache-2.0
//
// Guards of free memory: gcpoison=1 fills it with 0x6b, and a cell in which
// somebody wrote meanwhile is found when it is reused; under AddressSanitizer
// free cells are unaddressable, so that the write itself, or a read, is found
// where it happens.
//
// With guards every free cell of a block that is not `fresh` is filled, all of
// it; of a fresh block only those that the first sweep sees. Tails of blocks
// behind the last cell are filled when the block is freed.
#include "heap_internal.h"

#include <string.h>

enum { FILL = 0x6b };
#define FILL_WORD UINT64_C(0x6b6b6b6b6b6b6b6b)

static void guard(uintptr_t start, size_t len, bool filled) {
  if (pclnrt_heap_options.poison && !filled) {
    if (__asan_unpoison_memory_region)
      __asan_unpoison_memory_region((void *)start, len);
    memset((void *)start, FILL, len);
  }
  if (__asan_poison_memory_region)
    __asan_poison_memory_region((void *)start, len);
}

void pclnrt_poison_freed(struct pclnrt_block *b) {
  for (struct pclnrt_cell c = {b, 0}; c.idx < b->n_cells; c.idx++)
    if (!pclnrt_cell_marked(c))
      guard(pclnrt_cell_start(c), b->cell_size,
            !b->fresh && !pclnrt_cell_allocated(c));
}

void pclnrt_poison_blocks(struct pclnrt_block *b, uint32_t n) {
  if (!pclnrt_poison_on())
    return;
  const uintptr_t start = pclnrt_block_start(b);
  size_t done = 0;
  if (b->state == PCLNRT_BLOCK_SMALL) // the cells were when it was swept
    done = (size_t)b->n_cells * b->cell_size;
  guard(start + done, ((size_t)n << PCLNRT_BLOCK_SHIFT) - done, false);
}

void pclnrt_poison_fresh(struct pclnrt_block *b, uint32_t n) {
  if (__asan_poison_memory_region)
    __asan_poison_memory_region((void *)pclnrt_block_start(b),
                                (size_t)n << PCLNRT_BLOCK_SHIFT);
}

void pclnrt_poison_reuse(uintptr_t start, size_t len, bool fresh) {
  if (__asan_unpoison_memory_region)
    __asan_unpoison_memory_region((void *)start, len);
  if (!pclnrt_heap_options.poison || fresh)
    return;
  for (const uint64_t *p = (uint64_t *)start; (uintptr_t)p < start + len; p++)
    if (*p != FILL_WORD)
      pclnrt_gc_fatal("heap-freed-write",
                      "somebody wrote to a freed object, at", (uintptr_t)p,
                      len);
}
