// SPDX-License-Identifier: Apache-2.0
//
// Blocks from the system and back. One range of addresses is reserved at the
// start, so that "is this word in the heap" is a subtraction and the number of
// a block a shift, and nothing has to be searched for a pointer. Memory is
// committed from its low end up, a few MiB at a time.
//
// Which blocks are free is one bit each, and the lowest that fits is taken:
// what lives long gathers at the low end, and what is free at the high end can
// be given back. A second bit says that a free block has memory behind it
// ("dirty"); one without is zero when it is used again.
//
// But for the first 12 MiB, so that a small heap stays small, huge pages are
// asked for: a program that follows references from anywhere to anywhere spends
// a good part of its time, and the marker's, on finding pages (a fifth less for
// the benchmarks "allocation" and "pointer-chasing").
//
// Under a limit of addresses (RLIMIT_AS) half of what is left is reserved: the
// program needs the rest for its stacks and malloc.
#include "heap_internal.h"

enum { WORD = 64 };
#define RANGE_MAX (UINT64_C(256) << 30)
#define RANGE_MIN (UINT64_C(4) << 20)
#define ALIGNMENT (UINT64_C(2) << 20) // a huge page
#define STEP 64                       // blocks to commit at once
#define SMALL_PAGES 192               // blocks from which on pages are huge

struct pclnrt_heap pclnrt_heap;
_Atomic uint64_t pclnrt_pages_used;
uint64_t pclnrt_pages_peak, pclnrt_pages_returned;
uint32_t pclnrt_pages_dirty;

static struct {
  uint32_t n;         // blocks in the range
  uint32_t committed; // of them
  uint32_t end;       // those ever used are below
  uint32_t hint;      // none is free below
  uint64_t *in_use, *dirty;
  uintptr_t table, table_end; // what is left of memory for tables
} pages;

// --- Bit maps ----------------------------------------------------------------

static bool bit(const uint64_t *map, uint32_t i) {
  return map[i / WORD] >> (i % WORD) & 1;
}

// The first i of lo .. hi whose bit is `want`, or hi.
static uint32_t bit_next(const uint64_t *map, uint32_t lo, uint32_t hi,
                         bool want) {
  while (lo < hi) {
    const uint64_t word =
        (want ? map[lo / WORD] : ~map[lo / WORD]) >> (lo % WORD);
    if (word) {
      lo += (uint32_t)__builtin_ctzll(word);
      return lo < hi ? lo : hi;
    }
    lo = (lo | (WORD - 1)) + 1;
  }
  return hi;
}

static void bits_set(uint64_t *map, uint32_t lo, uint32_t n, bool to) {
  for (uint32_t i = lo; i < lo + n; i++)
    if (to)
      map[i / WORD] |= UINT64_C(1) << (i % WORD);
    else
      map[i / WORD] &= ~(UINT64_C(1) << (i % WORD));
}

static uint32_t bits_count(const uint64_t *map, uint32_t lo, uint32_t n) {
  uint32_t count = 0;
  for (uint32_t i = lo; i < lo + n; i++)
    count += bit(map, i);
  return count;
}

// --- The range ---------------------------------------------------------------

static uint64_t tables_size(uint64_t n_blocks) {
  return n_blocks * (sizeof *pclnrt_heap.blocks + sizeof *pclnrt_heap.bits);
}

// Reserves blocks and tables as one range; false: not so many.
static bool reserve(uint64_t range) {
  const uint64_t n = range >> PCLNRT_BLOCK_SHIFT;
  const size_t maps = (size_t)(n / 8);
  uint8_t *mem = pclnrt_sys_reserve(range + tables_size(n) + 2 * ALIGNMENT);
  if (!mem)
    return false;
  uint8_t *map = pclnrt_sys_map(2 * maps);
  if (!map) {
    pclnrt_sys_unmap(mem, range + tables_size(n) + 2 * ALIGNMENT);
    return false;
  }
  pages.in_use = (uint64_t *)map;
  pages.dirty = (uint64_t *)(map + maps);
  pages.n = (uint32_t)n;
  pclnrt_heap.base = ((uintptr_t)mem + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
  pclnrt_heap.bits = (void *)(pclnrt_heap.base + range);
  pclnrt_heap.blocks = (void *)(pclnrt_heap.bits + n);
  return true;
}

enum pcln_status pclnrt_pages_init(void) {
  uint64_t left = pclnrt_sys_addresses_left();
  uint64_t range = RANGE_MAX;
  while (range > left / 2)
    range /= 2;
  for (; range >= RANGE_MIN; range /= 2)
    if (reserve(range))
      return PCLN_OK;
  return PCLN_NO_MEMORY;
}

static uintptr_t page_down(uintptr_t a) {
  return a & ~(uintptr_t)(PCLNRT_PAGE - 1);
}

// Memory for the objects of a table from number lo up to hi.
static bool commit(void *table, size_t size, uint32_t lo, uint32_t hi) {
  const uintptr_t start = page_down((uintptr_t)table + lo * size);
  const uintptr_t end =
      page_down((uintptr_t)table + hi * size + PCLNRT_PAGE - 1);
  return pclnrt_sys_commit((void *)start, end - start);
}

// A heap that is not small: for a program that goes from object to object,
// misses of the translation buffer are a tenth of its time. What there was
// before becomes huge once, in some milliseconds.
static void huge_pages(uint32_t lo, uint32_t end) {
  static bool low_done;
  if (!low_done)
    pclnrt_sys_make_huge((void *)pclnrt_heap.base,
                         (size_t)lo << PCLNRT_BLOCK_SHIFT);
  low_done = true;
  pclnrt_sys_prefer_huge((void *)pclnrt_block_start(&pclnrt_heap.blocks[lo]),
                         (size_t)(end - lo) << PCLNRT_BLOCK_SHIFT);
}

static bool commit_to(uint32_t end) {
  const uint32_t lo = pages.committed;
  if (!commit((void *)pclnrt_heap.base, PCLNRT_BLOCK, lo, end) ||
      !commit(pclnrt_heap.blocks, sizeof *pclnrt_heap.blocks, lo, end) ||
      !commit(pclnrt_heap.bits, sizeof *pclnrt_heap.bits, lo, end))
    return false;
  if (lo >= SMALL_PAGES)
    huge_pages(lo, end);
  pages.committed = end;
  return true;
}

// Makes the blocks below `end` usable: ahead if possible, else exactly.
static bool extend(uint32_t end) {
  if (end > pages.n)
    return false;
  if (end > pages.committed) {
    uint32_t ahead = end + (end / 8 > STEP ? end / 8 : STEP);
    ahead -= ahead % (uint32_t)(ALIGNMENT >> PCLNRT_BLOCK_SHIFT);
    if (ahead > pages.n)
      ahead = pages.n;
    if (!commit_to(ahead) && !commit_to(end))
      return false;
  }
  pages.end = end;
  pclnrt_heap.used = (uintptr_t)end << PCLNRT_BLOCK_SHIFT;
  return true;
}

// --- Blocks ------------------------------------------------------------------

// The lowest n adjacent free blocks below `end`; or where they would begin if
// there were more at the end.
static uint32_t find(uint32_t n) {
  uint32_t lo = bit_next(pages.in_use, pages.hint, pages.end, false);
  pages.hint = lo;
  while (lo < pages.end) {
    const uint32_t most = pages.end - lo > n ? lo + n : pages.end;
    const uint32_t hi = bit_next(pages.in_use, lo, most, true);
    if (hi - lo == n || hi == pages.end)
      return lo;
    lo = bit_next(pages.in_use, hi, pages.end, false);
  }
  return pages.end;
}

struct pclnrt_block *pclnrt_pages_take(uint32_t n, bool grow) {
  const uint32_t lo = find(n);
  if (n > pages.n - lo || (lo + n > pages.end && !(grow && extend(lo + n))))
    return NULL;
  struct pclnrt_block *b = &pclnrt_heap.blocks[lo];
  const uint32_t n_dirty = bits_count(pages.dirty, lo, n);
  b->fresh = n_dirty == 0;
  if (b->fresh)
    pclnrt_poison_fresh(b, n);
  else if (n_dirty < n) // what the system gave back to us is not filled
    for (uint32_t i = 0; i < n; i++)
      if (!bit(pages.dirty, lo + i))
        pclnrt_poison_blocks(b + i, 1);
  bits_set(pages.in_use, lo, n, true);
  bits_set(pages.dirty, lo, n, false);
  pclnrt_pages_dirty -= n_dirty;
  const uint64_t used = pclnrt_pages_used + ((uint64_t)n << PCLNRT_BLOCK_SHIFT);
  atomic_store_explicit(&pclnrt_pages_used, used, memory_order_relaxed);
  if (used > pclnrt_pages_peak)
    pclnrt_pages_peak = used;
  return b;
}

void pclnrt_pages_give(struct pclnrt_block *b, uint32_t n) {
  const uint32_t lo = (uint32_t)(b - pclnrt_heap.blocks);
  pclnrt_poison_blocks(b, n);
  for (uint32_t i = 0; i < n; i++)
    b[i] = (struct pclnrt_block){.state = PCLNRT_BLOCK_FREE};
  bits_set(pages.in_use, lo, n, false);
  bits_set(pages.dirty, lo, n, true);
  pclnrt_pages_dirty += n;
  atomic_store_explicit(&pclnrt_pages_used,
                        pclnrt_pages_used - ((uint64_t)n << PCLNRT_BLOCK_SHIFT),
                        memory_order_relaxed);
  if (lo < pages.hint)
    pages.hint = lo;
}

uint32_t pclnrt_pages_end(void) { return pages.end; }

bool pclnrt_pages_is_free(uint32_t idx) { return !bit(pages.in_use, idx); }

// --- Back to the system ------------------------------------------------------

// The highest free dirty blocks below `end`, up to n of them: their number, and
// the first in *lo.
static uint32_t dirty_run(uint32_t end, uint32_t n, uint32_t *lo) {
  while (end && !pages.dirty[(end - 1) / WORD])
    end = (end - 1) / WORD * WORD; // a word without any
  while (end && !bit(pages.dirty, end - 1))
    end--;
  uint32_t first = end;
  while (first && end - first < n && bit(pages.dirty, first - 1))
    first--;
  *lo = first;
  return end - first;
}

// The blocks are in use meanwhile, so that nobody waits for the system's work.
static bool give_back(uint32_t lo, uint32_t n) {
  bits_set(pages.in_use, lo, n, true);
  bits_set(pages.dirty, lo, n, false);
  pclnrt_pages_dirty -= n;
  pclnrt_lock_give(&pclnrt_heap_lock);
  const bool done =
      pclnrt_sys_forget((void *)pclnrt_block_start(&pclnrt_heap.blocks[lo]),
                        (size_t)n << PCLNRT_BLOCK_SHIFT);
  pclnrt_lock_take(&pclnrt_heap_lock);
  bits_set(pages.in_use, lo, n, false);
  if (lo < pages.hint)
    pages.hint = lo;
  if (!done) {
    bits_set(pages.dirty, lo, n, true);
    pclnrt_pages_dirty += n;
    return false;
  }
  pclnrt_pages_returned += (uint64_t)n << PCLNRT_BLOCK_SHIFT;
  return true;
}

size_t pclnrt_heap_release(size_t keep) {
  const uint32_t n_keep = keep >> PCLNRT_BLOCK_SHIFT < UINT32_MAX
                              ? (uint32_t)(keep >> PCLNRT_BLOCK_SHIFT)
                              : UINT32_MAX;
  size_t released = 0;
  pclnrt_lock_take(&pclnrt_heap_lock);
  for (uint32_t end = pages.end; pclnrt_pages_dirty > n_keep;) {
    const uint32_t most = pclnrt_pages_dirty - n_keep;
    uint32_t lo;
    const uint32_t n = dirty_run(end, most < STEP ? most : STEP, &lo);
    if (!n || !give_back(lo, n))
      break;
    released += (size_t)n << PCLNRT_BLOCK_SHIFT;
    end = lo;
  }
  pclnrt_lock_give(&pclnrt_heap_lock);
  return released;
}

// --- Memory for tables -------------------------------------------------------

void *pclnrt_pages_table(size_t len) {
  enum { CHUNK = 64 * 1024 };
  len = (len + 15) & ~(size_t)15;
  if (len > CHUNK)
    return pclnrt_sys_map(len);
  if (pages.table_end - pages.table < len) {
    void *chunk = pclnrt_sys_map(CHUNK);
    if (!chunk)
      return NULL;
    pages.table = (uintptr_t)chunk;
    pages.table_end = pages.table + CHUNK;
  }
  void *mem = (void *)pages.table;
  pages.table += len;
  return mem;
}
