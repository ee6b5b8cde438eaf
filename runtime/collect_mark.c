// SPDX-License-Identifier: Apache-2.0
//
// Marking: from the roots to everything they lead to.
//
// An object is marked when the first reference to it is seen, before it goes to
// the list of what is to be scanned: so it goes there once, and one without
// references never does. The list is a stack (depth first keeps it short) of
// addresses of cells, in chunks (collect_queue.c).
//
// What it costs is misses of the cache: the object to scan is seldom there. So
// between the stack and the scan there is a ring: what is popped is prefetched,
// and scanned RING pops later. Marks and descriptions of blocks are dense side
// tables that mostly are in the cache.
//
// A thread that marks alone, and each of two, uses plain stores for marks (see
// heap.h); more need atomic ones. Alone and not are one code, compiled twice
// (`alone` is a constant).
//
// Large objects are scanned piece by piece, so that several threads can share
// one and the ring is not held up: an entry with bit 0 set is the address of a
// piece, PIECE bytes from the cell's start or a multiple of it.
//
// Strings keep their bytes without a look into them. But if the bytes belong to
// an object with references, which another reference may still lead to, marking
// it now would let that reference stop at a marked object that nobody scans. So
// such objects wait, and are marked when everything else is.
//
// A reference that leads to a free cell or block is the proof that a root was
// missed before, or that the program went on using what it let go. That ends
// the process. The exception: the first byte behind a cell in use may be the
// end of what is in it, as C's pointers go; it is let pass, unless stress or
// poison looks for faults.
//
// No memory for the list: the object stays marked, the list forgets it, and at
// the end the heap is walked and all that is marked scanned again, until none
// was forgotten.
#include "collect.h"

#include <string.h>

// Compiled twice, for one and for several threads.
#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum {
  RING = 32, // a power of two; 8 cost a tenth more on objects in random order
  PIECE = 64 << 10,
  PIECE_BIT = 1,
  MAX_MARKERS = 64,
  LOOK_EVERY = 64, // scans between looks at who waits
  // Bytes live before, for more than one thread. A mark that others may set
  // costs four times as much: for less, several threads take more time than
  // one.
  WORTH_THREADS = 32 << 20,
  LEAST_TO_SHARE = 32, // entries
};

struct marker {
  struct pclnrt_mark_chunk *work;
  struct pclnrt_mark_chunk *strings; // full ones linked behind it
  bool forgot;                       // something to scan, for want of memory
  size_t faults;
  unsigned lane; // of pclnrt_cell_mark
  uint64_t ns;
  // Where the reference being looked at is; for reports.
  const struct pclnrt_root *root;
  uintptr_t slot;
} __attribute__((aligned(128)));

static struct marker markers[MAX_MARKERS];
static struct pclnrt_mark_chunk first_chunks[MAX_MARKERS]; // always there
static unsigned n_markers;
static _Atomic uint64_t live_before;
const struct pcln_sink *pclnrt_mark_sink;

// --- References that lead to no object ---------------------------------------

// Whether the first byte of a free cell is the end of one in use.
static bool may_be_an_end(struct pclnrt_cell c, uintptr_t word) {
  if (pclnrt_gc_options.stress || pclnrt_gc_options.poison ||
      c.block->state != PCLNRT_BLOCK_SMALL || word != pclnrt_cell_start(c))
    return false;
  const struct pclnrt_cell before = {c.block, c.idx - 1};
  return c.idx == 0 || pclnrt_cell_allocated(before);
}

static void out_place(struct pclnrt_out *o, const struct marker *m) {
  if (m->root && m->root->frame->cfa) {
    pclnrt_out_str(o, "of the frame at ");
    pclnrt_out_hex(o, m->root->frame->cfa);
    pclnrt_out_str(o, ", pc ");
    pclnrt_out_hex(o, m->root->frame->pc);
    pclnrt_out_str(o, ", word ");
    pclnrt_out_hex(o, (uintptr_t)m->root->slot);
  } else if (m->root && m->root->slot) {
    pclnrt_out_str(o, "of the variable at ");
    pclnrt_out_hex(o, (uintptr_t)m->root->slot);
  } else {
    pclnrt_out_str(o, "of the object at ");
    pclnrt_out_hex(o, m->slot);
  }
}

__attribute__((noinline, cold)) static void dangling(struct marker *m,
                                                     uintptr_t word) {
  if (pclnrt_gc_options.ignore_dangling)
    return;
  m->faults++;
  if (pclnrt_mark_sink) {
    const struct pcln_report report = {.severity = PCLN_ERROR,
                                       .fault = "gc-dangling",
                                       .pc = word,
                                       .region = "heap",
                                       .region_off = word - pclnrt_heap.base,
                                       .text = "a reference leads to no object "
                                               "of the heap"};
    pcln_say(pclnrt_mark_sink, &report);
    return;
  }
  struct pclnrt_report r;
  pclnrt_report_begin(&r, NULL);
  pclnrt_out_str(&r.out, "a reference ");
  out_place(&r.out, m);
  pclnrt_out_str(&r.out, " leads to ");
  pclnrt_out_hex(&r.out, word);
  pclnrt_out_str(&r.out, ", where no object is: it was freed while in use, or "
                         "never was one");
  pclnrt_report_end(&r, "gc-dangling");
  pclnrt_gc_die(NULL);
}

// `word` is in the heap's range, but in no cell.
__attribute__((noinline, cold)) static void between(struct marker *m,
                                                    uintptr_t word) {
  const uintptr_t off = word - pclnrt_heap.base;
  const struct pclnrt_block *b = &pclnrt_heap.blocks[off >> PCLNRT_BLOCK_SHIFT];
  uintptr_t end = pclnrt_block_start(b); // of what is before it
  if (b->state == PCLNRT_BLOCK_LARGE_MORE)
    b -= b->n_blocks;
  if (b->state != PCLNRT_BLOCK_FREE)
    end = pclnrt_block_start(b) + b->n_cells * pclnrt_cell_size(b);
  if (word != end)
    dangling(m, word);
}

__attribute__((noinline, cold)) _Noreturn static void
short_slice(uintptr_t slice) {
  pclnrt_gc_fatal("gc-slice",
                  "a slice in an object has a capacity below its length", slice,
                  sizeof(struct gc_slice));
}

// --- The list of what is to be scanned ---------------------------------------

// A marker keeps its chunk, so that there always is one, and gives away a copy.
__attribute__((noinline)) static bool make_room(struct marker *m) {
  struct pclnrt_mark_chunk *chunk = pclnrt_queue_new();
  if (!chunk) {
    m->forgot = true;
    return false;
  }
  memcpy(chunk->entries, m->work->entries, sizeof chunk->entries);
  chunk->n = m->work->n;
  m->work->n = 0;
  pclnrt_queue_put(chunk);
  return true;
}

ALWAYS_INLINE void push(struct marker *m, uintptr_t entry) {
  struct pclnrt_mark_chunk *work = m->work;
  if (__builtin_expect(work->n == PCLNRT_MARK_CHUNK, 0) && !make_room(m))
    return;
  work->entries[work->n++] = entry;
}

static bool push_string(struct marker *m, uintptr_t word) {
  struct pclnrt_mark_chunk *chunk = m->strings;
  if (!chunk || chunk->n == PCLNRT_MARK_CHUNK) {
    chunk = pclnrt_queue_new();
    if (!chunk)
      return false;
    chunk->next = m->strings;
    m->strings = chunk;
  }
  chunk->entries[chunk->n++] = word;
  return true;
}

// --- One reference -----------------------------------------------------------

// An object was found: marked if it was not. `sure`: `word` is a reference.
ALWAYS_INLINE void mark_cell(struct marker *m, struct pclnrt_cell c,
                             uintptr_t word, bool alone, bool sure) {
  if (pclnrt_cell_marked(c))
    return;
  if (__builtin_expect(!pclnrt_cell_allocated(c), 0)) {
    if (sure && !may_be_an_end(c, word))
      dangling(m, word);
    return;
  }
  if (!pclnrt_cell_mark(c, alone ? 0 : m->lane))
    return;
  if (c.block->kind != PCLNRT_CELL_BYTES)
    push(m, pclnrt_cell_start(c));
}

__attribute__((noinline)) static void mark_any(struct marker *m, uintptr_t word,
                                               bool alone) {
  struct pclnrt_cell c;
  if (pclnrt_heap_find(word, &c))
    mark_cell(m, c, word, alone, true);
  else if (pclnrt_heap_has(word))
    between(m, word);
}

// mark_any, for the marker's inner loop: nothing is computed twice, and what is
// seldom is left to the other. `h` is a copy of pclnrt_heap, which the compiler
// may keep in registers whatever is stored.
ALWAYS_INLINE void mark_word(struct marker *m, const struct pclnrt_heap *h,
                             uintptr_t word, bool alone) {
  const uintptr_t off = word - h->base;
  if (off >= h->used)
    return;
  const uintptr_t no = off >> PCLNRT_BLOCK_SHIFT;
  struct pclnrt_block *b = &h->blocks[no];
  const uint32_t idx =
      (uint32_t)(((off & (PCLNRT_BLOCK - 1)) * b->reciprocal) >> 32);
  struct pclnrt_bits *bits = &h->bits[no][idx / 64];
  const uint64_t bit = UINT64_C(1) << (idx % 64);
  if (__builtin_expect(b->state != PCLNRT_BLOCK_SMALL || idx >= b->n_cells, 0))
    mark_any(m, word, alone);
  else if (pclnrt_bits_marked(bits) & bit)
    return;
  else if (__builtin_expect(idx >= b->n_used && !(bits->allocated & bit), 0))
    mark_any(m, word, alone);
  else if (pclnrt_bits_mark(bits, bit, alone ? 0 : m->lane) &&
           b->kind != PCLNRT_CELL_BYTES)
    push(m,
         h->base + (no << PCLNRT_BLOCK_SHIFT) + (uintptr_t)idx * b->cell_size);
}

static void mark_string(struct marker *m, uintptr_t word, bool alone) {
  struct pclnrt_cell c;
  if (!pclnrt_heap_find(word, &c))
    return;
  // Without memory to wait in, it is scanned too: more than was asked for, but
  // always safe.
  if (c.block->kind == PCLNRT_CELL_BYTES ||
      (!pclnrt_cell_marked(c) && !push_string(m, word)))
    mark_cell(m, c, word, alone, true);
}

// --- Scanning an object ------------------------------------------------------

static bool boxed(const struct pclnrt_gc_type *type) {
  return type && (type->size > sizeof(uintptr_t) || type->n_words);
}

static unsigned code_at(const struct pclnrt_gc_type *type, uint32_t word) {
  return type->codes[word / 4] >> (word % 4 * 2) & 3;
}

// The item of several words at w: returns how many it takes.
static uint32_t scan_multiword(struct marker *m, unsigned what,
                               const uintptr_t *w, bool alone) {
  switch (what) {
  case PCLN_MULTI_STRING:
    if (w[0] && w[1])
      mark_string(m, w[0], alone);
    return 2;
  case PCLN_MULTI_SLICE:
    if (w[0] && w[2] < w[1])
      short_slice((uintptr_t)w);
    if (w[0] && w[2])
      mark_word(m, &pclnrt_heap, w[0], alone);
    return 3;
  case PCLN_MULTI_IFACE:
    if (w[0] && boxed(((const struct gc_itab *)w[0])->type))
      mark_word(m, &pclnrt_heap, w[1], alone);
    return 2;
  default:
    if (w[0] && boxed((const struct pclnrt_gc_type *)w[0]))
      mark_word(m, &pclnrt_heap, w[1], alone);
    return 2;
  }
}

static void scan_codes(struct marker *m, const struct pclnrt_gc_type *type,
                       const uintptr_t *w, bool alone) {
  for (uint32_t i = 0; i < type->n_words;) {
    const unsigned code = code_at(type, i);
    if (code == PCLN_CODE_POINTER) {
      mark_word(m, &pclnrt_heap, w[i], alone);
    } else if (code == PCLN_CODE_MULTIWORD && i + 1 < type->n_words) {
      i += scan_multiword(m, code_at(type, i + 1), w + i, alone);
      continue;
    } else if (code == PCLN_CODE_MULTIWORD) {
      pclnrt_gc_fatal("gc-type", "a type's codes end inside of an item",
                      (uintptr_t)type, type->size);
    }
    i++;
  }
}

ALWAYS_INLINE void scan_mask(struct marker *m, const struct pclnrt_heap *h,
                             uint64_t pointers, const uintptr_t *w,
                             bool alone) {
  for (; pointers; pointers &= pointers - 1)
    mark_word(m, h, w[__builtin_ctzll(pointers)], alone);
}

ALWAYS_INLINE void scan_type(struct marker *m, const struct pclnrt_heap *h,
                             const struct pclnrt_gc_type *type,
                             const uintptr_t *w, bool alone) {
  if (type->codes_only)
    scan_codes(m, type, w, alone);
  else
    scan_mask(m, h, type->pointers, w, alone);
}

// Elements that begin in [lo, hi).
static void scan_elements(struct marker *m, const struct pclnrt_layout *l,
                          uintptr_t lo, uintptr_t hi, bool alone) {
  const struct pclnrt_heap h = pclnrt_heap;
  const size_t size = l->elem->size;
  const uintptr_t first = l->start + l->elem_off;
  size_t i = lo <= first ? 0 : (lo - first + size - 1) / size;
  size_t n = hi <= first ? 0 : (hi - first + size - 1) / size;
  if (n > l->n_elem)
    n = l->n_elem;
  for (; i < n; i++)
    scan_type(m, &h, l->elem, (const uintptr_t *)(first + i * size), alone);
}

// A HEADED cell, or the piece of one that `entry` says.
__attribute__((noinline)) static void scan_headed(struct marker *m,
                                                  uintptr_t entry, bool alone) {
  struct pclnrt_cell c;
  struct pclnrt_layout l;
  if (!pclnrt_heap_find(entry, &c))
    return;
  pclnrt_heap_layout(c, &l);
  const uintptr_t lo = entry & ~(uintptr_t)PIECE_BIT;
  const uintptr_t cell = pclnrt_cell_start(c);
  const uintptr_t end = l.start + l.len;
  const bool piece = entry & PIECE_BIT;
  if (!piece && l.type)
    scan_type(m, &pclnrt_heap, l.type, (const uintptr_t *)l.start, alone);
  if (!l.elem || !l.elem->n_words || !l.elem->size)
    return;
  if (!piece)
    for (uintptr_t p = cell + PIECE; p < end; p += PIECE)
      push(m, p | PIECE_BIT);
  scan_elements(m, &l, lo, end - lo > PIECE ? lo + PIECE : end, alone);
}

ALWAYS_INLINE void scan(struct marker *m, const struct pclnrt_heap *h,
                        uintptr_t entry, bool alone) {
  const struct pclnrt_block *b =
      &h->blocks[(entry - h->base) >> PCLNRT_BLOCK_SHIFT];
  m->slot = entry;
  if (b->kind != PCLNRT_CELL_TYPED || b->state != PCLNRT_BLOCK_SMALL)
    scan_headed(m, entry, alone);
  else if (__builtin_expect(b->pointers != 0, 1))
    scan_mask(m, h, b->pointers, (const uintptr_t *)entry, alone);
  else
    scan_type(m, h, b->type, (const uintptr_t *)entry, alone);
}

// --- A marker ----------------------------------------------------------------

// Gives half of its work away.
static void share(struct marker *m) {
  const size_t n = m->work->n / 2;
  struct pclnrt_mark_chunk *chunk =
      n * 2 < LEAST_TO_SHARE ? NULL : pclnrt_queue_new();
  if (!chunk)
    return;
  // The older half, which leads to more.
  memcpy(chunk->entries, m->work->entries, n * sizeof *chunk->entries);
  memmove(m->work->entries, m->work->entries + n,
          (m->work->n - n) * sizeof *chunk->entries);
  chunk->n = n;
  m->work->n -= n;
  pclnrt_queue_put(chunk);
}

// Until its own chunk and its ring are empty.
ALWAYS_INLINE void work_off(struct marker *m, bool alone) {
  const struct pclnrt_heap h = pclnrt_heap;
  uintptr_t ring[RING] = {0}; // 0: none
  for (unsigned i = 0, empty = 0; empty < RING; i++) {
    uintptr_t entry = 0;
    if (m->work->n) {
      entry = m->work->entries[--m->work->n];
      __builtin_prefetch((const void *)entry);
      empty = 0;
    } else {
      empty++;
    }
    const uintptr_t old = ring[i % RING];
    ring[i % RING] = entry;
    if (old) {
      scan(m, &h, old, alone);
      empty = m->work->n ? 0 : empty;
    }
    if (!alone && i % LOOK_EVERY == 0 && pclnrt_queue_wanted())
      share(m);
  }
}

ALWAYS_INLINE void run(struct marker *m, bool alone) {
  for (;;) {
    work_off(m, alone);
    struct pclnrt_mark_chunk *chunk = pclnrt_queue_take(alone ? 1 : n_markers);
    if (!chunk)
      return;
    // The own first chunk stays: there is always one.
    memcpy(m->work->entries, chunk->entries, chunk->n * sizeof *chunk->entries);
    m->work->n = chunk->n;
    pclnrt_queue_free(chunk);
  }
}

static void run_alone(unsigned marker) { run(&markers[marker], true); }
static void run_shared(unsigned marker) {
  const uint64_t start = pclnrt_sys_now_ns();
  run(&markers[marker], false);
  if (marker)
    markers[marker].ns += pclnrt_sys_now_ns() - start;
}

// --- What the memory for the list had no room for ----------------------------

static void scan_again(void *ctx, struct pclnrt_cell c) {
  struct marker *m = ctx;
  if (c.block->kind != PCLNRT_CELL_BYTES)
    push(m, pclnrt_cell_start(c));
  work_off(m, true);
}

static bool forgot(void) {
  bool any = false;
  for (unsigned i = 0; i < n_markers; i++) {
    any |= markers[i].forgot;
    markers[i].forgot = false;
  }
  return any;
}

// --- The interface -----------------------------------------------------------

void pclnrt_mark_prepare(void) {
  if (atomic_load(&live_before) >= WORTH_THREADS)
    pclnrt_queue_threads(pclnrt_gc_options.threads);
}

void pclnrt_mark_begin(void) {
  n_markers =
      atomic_load(&live_before) < WORTH_THREADS ? 1 : pclnrt_queue_have();
  for (unsigned i = 0; i < MAX_MARKERS; i++)
    markers[i] = (struct marker){
        .work = &first_chunks[i],
        .lane = n_markers <= PCLNRT_MARK_LANES ? i : PCLNRT_MARK_SHARED};
  markers[0].ns = 0 - pclnrt_sys_now_ns();
}

void pclnrt_mark_precise(uintptr_t word, const struct pclnrt_root *root) {
  markers[0].root = root;
  mark_any(&markers[0], word, true);
  markers[0].root = NULL;
}

void pclnrt_mark_string(uintptr_t word, const struct pclnrt_root *root) {
  markers[0].root = root;
  mark_string(&markers[0], word, true);
  markers[0].root = NULL;
}

void pclnrt_mark_maybe(uintptr_t word) {
  struct pclnrt_cell c;
  if (pclnrt_heap_find(word, &c))
    mark_cell(&markers[0], c, word, true, false);
}

void pclnrt_mark_children(uintptr_t object) {
  struct pclnrt_cell c;
  if (pclnrt_heap_find(object, &c) && c.block->kind != PCLNRT_CELL_BYTES)
    push(&markers[0], pclnrt_cell_start(c));
}

bool pclnrt_mark_misses(uintptr_t word, struct pclnrt_cell *out) {
  return pclnrt_heap_find(word, out) && !pclnrt_cell_marked(*out) &&
         pclnrt_cell_allocated(*out);
}

void pclnrt_mark_drain(void) {
  if (n_markers > 1)
    pclnrt_queue_run(run_shared, n_markers);
  else
    pclnrt_queue_run(run_alone, 1);
  while (forgot()) {
    pclnrt_heap_each(scan_again, &markers[0], true);
    pclnrt_queue_run(run_alone, 1);
  }
}

// All else is marked: objects that only strings lead to.
static void mark_strings(struct marker *m) {
  while (m->strings) {
    struct pclnrt_mark_chunk *chunk = m->strings;
    m->strings = chunk->next;
    for (size_t i = 0; i < chunk->n; i++) {
      struct pclnrt_cell c;
      if (!pclnrt_heap_find(chunk->entries[i], &c))
        continue;
      if (!pclnrt_cell_allocated(c))
        dangling(m, chunk->entries[i]);
      else
        pclnrt_cell_mark(c, 0);
    }
    pclnrt_queue_free(chunk);
  }
}

void pclnrt_mark_end(struct pclnrt_mark_result *out) {
  *out = (struct pclnrt_mark_result){.n_threads = n_markers};
  for (unsigned i = 0; i < n_markers; i++)
    mark_strings(&markers[i]);
  markers[0].ns += pclnrt_sys_now_ns();
  for (unsigned i = 0; i < n_markers; i++) {
    out->ns += markers[i].ns;
    out->faults += markers[i].faults;
  }
  pclnrt_heap_marked(&out->live_bytes, &out->live_objects);
  atomic_store(&live_before, out->live_bytes);
}
