// SPDX-License-Identifier: Apache-2.0
//
// Rules for objects without a table: their .eh_frame, converted once.
//
// Interpreting .eh_frame at each step, as other unwinders do, costs hundreds of
// nanoseconds a frame and reads bytes scattered over the object. Here all its
// programs run once, when the object is registered, and what remains is one
// sorted array of {offset, rule number}: 6 bytes a row, searched by halving.
// Neighbouring rows that say the same are one; gaps between functions are rows
// of rule 0.
//
// FDEs are mostly in order of address, but nothing says so, and rows of one
// function may overlap another's where a linker folded code. So the FDEs are
// sorted first, and a row begins no earlier than the row before ended.
//
// May run in a signal handler (a pc in a module that was just loaded): memory
// comes from the system directly, the sort is in place and does not recurse.
#include "internal.h"

#include "cfi.h"

#include "context_x86_64.h"

struct array { // of u64, grown by remapping
  uint64_t *at;
  size_t n, cap;
  bool no_memory;
};

static bool array_grow(struct array *a) {
  size_t cap = a->cap ? a->cap * 2 : 4096;
  void *mem = a->at ? pclnrt_sys_remap(a->at, a->cap * 8, cap * 8)
                    : pclnrt_sys_map(cap * 8);
  if (!mem) {
    a->no_memory = true;
    return false;
  }
  a->at = (uint64_t *)mem;
  a->cap = cap;
  return true;
}

static bool array_push(struct array *a, uint64_t v) {
  if (a->n == a->cap && !array_grow(a))
    return false;
  a->at[a->n++] = v;
  return true;
}

static void array_free(struct array *a) {
  if (a->at)
    pclnrt_sys_unmap(a->at, a->cap * 8);
  *a = (struct array){0};
}

// Restores the heap below `i`, whose children are heaps.
static void sift(uint64_t *v, size_t i, size_t n) {
  uint64_t top = v[i];
  for (size_t child; (child = 2 * i + 1) < n; i = child) {
    if (child + 1 < n && v[child + 1] > v[child])
      child++;
    if (v[child] <= top)
      break;
    v[i] = v[child];
  }
  v[i] = top;
}

static void sort(uint64_t *v, size_t n) {
  size_t i = 1;
  while (i < n && v[i - 1] <= v[i])
    i++;
  if (i >= n)
    return; // the usual case
  for (i = n / 2; i-- > 0;)
    sift(v, i, n);
  for (i = n; i-- > 1;) {
    uint64_t last = v[i];
    v[i] = v[0];
    v[0] = last;
    sift(v, 0, i);
  }
}

struct builder {
  struct pcln_cfi_section section;
  uint64_t lo, hi;   // addresses of the code
  struct array fdes; // offset of the code in the high half, of the FDE below
  struct array rows; // offset of the code in the high half, rule number below
  uint64_t end;      // where the last row ends
};

// Every FDE of code inside [lo, hi), sorted. Malformed entries are left out:
// their code has no rule.
static void collect_fdes(struct builder *b) {
  size_t off = 0;
  for (;;) {
    struct pcln_cfi_fde fde;
    const enum pcln_status status =
        pcln_cfi_next(&b->section, &off, &fde, NULL);
    if (status == PCLN_NOT_FOUND)
      break;
    if (status != PCLN_OK || fde.lo < b->lo || fde.hi > b->hi ||
        fde.lo >= fde.hi || fde.off > UINT32_MAX)
      continue;
    if (!array_push(&b->fdes, (fde.lo - b->lo) << 32 | fde.off))
      return;
  }
  sort(b->fdes.at, b->fdes.n);
}

// Begins a row at `off`, unless the row before says the same.
static bool add_row(struct builder *b, uint64_t off, uint32_t rule) {
  struct array *rows = &b->rows;
  if (rows->n && (uint32_t)rows->at[rows->n - 1] == rule)
    return true;
  return array_push(rows, off << 32 | rule);
}

static bool on_row(void *ctx, uint64_t lo, uint64_t hi,
                   const struct pcln_rule *rule) {
  struct builder *b = (struct builder *)ctx;
  if (hi > b->hi)
    hi = b->hi;
  if (lo < b->end)
    lo = b->end;
  if (lo >= hi)
    return true;
  if (lo > b->end && !add_row(b, b->end - b->lo, 0))
    return false;
  b->end = hi;
  return add_row(b, lo - b->lo, pclnrt_rule_number(rule));
}

// The rows into two arrays of their final size.
static enum pcln_status pack(const struct array *rows,
                             struct pclnrt_rows *out) {
  size_t n = rows->n;
  if (n == 0)
    return PCLN_NOT_FOUND;
  if (n > UINT32_MAX)
    return PCLN_LIMIT;
  uint8_t *mem = (uint8_t *)pclnrt_sys_map(n * 6);
  if (!mem)
    return PCLN_NO_MEMORY;
  uint32_t *off = (uint32_t *)(void *)mem;
  uint16_t *rule = (uint16_t *)(void *)(mem + n * 4);
  for (size_t i = 0; i < n; i++) {
    off[i] = (uint32_t)(rows->at[i] >> 32);
    rule[i] = (uint16_t)rows->at[i];
  }
  *out = (struct pclnrt_rows){off, rule, (uint32_t)n};
  return PCLN_OK;
}

enum pcln_status pclnrt_rows_build(struct pcln_span bytes, uint64_t va,
                                   uint64_t lo, uint64_t hi,
                                   struct pclnrt_rows *out) {
  struct builder b = {.section = {.bytes = bytes,
                                  .va = va,
                                  .machine = PCLNRT_MACHINE,
                                  .ptr_size = sizeof(void *),
                                  .eh = true,
                                  .live = true},
                      .lo = lo,
                      .hi = hi,
                      .end = lo};
  if (hi - lo > UINT32_MAX)
    return PCLN_LIMIT;
  collect_fdes(&b);
  for (size_t i = 0; i < b.fdes.n && !b.rows.no_memory; i++) {
    struct pcln_cfi_fde fde;
    if (pcln_cfi_at(&b.section, (uint32_t)b.fdes.at[i], &fde) != PCLN_OK)
      continue;
    // A malformed program has given its sound rows and one "not unwindable".
    if (pcln_cfi_rows(&b.section, &fde, on_row, &b, NULL) != PCLN_OK)
      continue;
  }
  if (b.end < hi)
    add_row(&b, b.end - lo, 0);
  const bool no_memory = b.fdes.no_memory || b.rows.no_memory;
  const enum pcln_status status =
      no_memory ? PCLN_NO_MEMORY : pack(&b.rows, out);
  array_free(&b.fdes);
  array_free(&b.rows);
  return status;
}

uint32_t pclnrt_rows_find(const struct pclnrt_rows *rows, uint32_t off) {
  const uint32_t *at = rows->off;
  uint32_t n = rows->n;
  if (n == 0 || off < at[0])
    return 0;
  while (n > 1) { // at[0] <= off; no branch depends on the comparison
    const uint32_t half = n / 2;
    at += at[half] <= off ? half : 0;
    n -= half;
  }
  return rows->rule[at - rows->off];
}
