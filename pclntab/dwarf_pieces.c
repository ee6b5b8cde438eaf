// SPDX-License-Identifier: Apache-2.0
//
// From pieces to runs: which inlined call is the innermost at each pc.
//
// The walk left pieces: code ranges of functions and inlined calls, in the
// order of the DIEs, so an outer one comes before an inner one. At each pc the
// last of the pieces that cover it is the innermost; that is also what
// llvm-symbolizer makes of ranges that do not nest. A sweep with a heap finds
// them in n log n whatever the ranges.
#include "dwarf_build.h"

#include <string.h>

// Sorts the unit's pieces by function, keeping the order of the DIEs.
bool pcln_dw_group_pieces(struct pcln_dw_builder *b, size_t n_funcs) {
  const struct pcln_dw_tree *t = &b->tree;
  if (!PCLN_DW_RESERVE(b, sorted, t->n_pieces + 1) ||
      !PCLN_DW_RESERVE(b, first_piece, n_funcs + 1))
    return false;
  uint32_t *first = b->first_piece;
  memset(first, 0, (n_funcs + 1) * sizeof *first);
  for (size_t i = 0; i < t->n_pieces; i++)
    first[t->pieces[i].slot + 1]++;
  for (size_t i = 1; i <= n_funcs; i++)
    first[i] += first[i - 1];
  for (size_t i = 0; i < t->n_pieces; i++)
    b->sorted[first[t->pieces[i].slot]++] = t->pieces[i];
  // Each entry has moved on to where its successor began.
  memmove(first + 1, first, n_funcs * sizeof *first);
  first[0] = 0;
  return true;
}

// Stable merge sort by `lo`; compilers write most pieces in order.
static bool sort_pieces(struct pcln_dw_builder *b, struct pcln_dw_piece *p,
                        size_t n) {
  bool sorted = true;
  for (size_t i = 1; i < n && sorted; i++)
    sorted = p[i - 1].lo <= p[i].lo;
  if (sorted)
    return true;
  if (!PCLN_DW_RESERVE(b, scratch, n))
    return false;
  struct pcln_dw_piece *from = p, *to = b->scratch;
  for (size_t width = 1; width < n; width *= 2) {
    for (size_t lo = 0; lo < n; lo += 2 * width) {
      const size_t mid = lo + width < n ? lo + width : n;
      const size_t hi = mid + width < n ? mid + width : n;
      size_t i = lo, j = mid;
      for (size_t k = lo; k < hi; k++)
        to[k] = j == hi || (i < mid && from[i].lo <= from[j].lo) ? from[i++]
                                                                 : from[j++];
    }
    struct pcln_dw_piece *swap = from;
    from = to;
    to = swap;
  }
  if (from != p)
    memcpy(p, from, n * sizeof *p);
  return true;
}

// The heap has the piece with the highest node on top.
static bool heap_push(struct pcln_dw_builder *b,
                      const struct pcln_dw_piece *p) {
  if (!PCLN_DW_GROW(b, heap))
    return false;
  size_t i = b->n_heap++;
  for (; i && b->heap[(i - 1) / 2].node < p->node; i = (i - 1) / 2)
    b->heap[i] = b->heap[(i - 1) / 2];
  b->heap[i] = *p;
  return true;
}

static void heap_pop(struct pcln_dw_builder *b) {
  const struct pcln_dw_piece last = b->heap[--b->n_heap];
  size_t i = 0;
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= b->n_heap)
      break;
    if (child + 1 < b->n_heap && b->heap[child].node < b->heap[child + 1].node)
      child++;
    if (b->heap[child].node <= last.node)
      break;
    b->heap[i] = b->heap[child];
    i = child;
  }
  b->heap[i] = last;
}

static bool add_inner(struct pcln_dw_builder *b, uint32_t end, uint32_t node) {
  if (b->n_inner && b->inner[b->n_inner - 1].node == node) {
    b->inner[b->n_inner - 1].end = end;
    return true;
  }
  if (!PCLN_DW_GROW(b, inner))
    return false;
  b->inner[b->n_inner++] =
      (struct pcln_dw_inner){.end = end, .node = node, .inl = -1};
  return true;
}

// Fills b->inner from the pieces of one function, sorted by `lo`.
static bool sweep(struct pcln_dw_builder *b, const struct pcln_dw_piece *p,
                  size_t n, uint32_t size) {
  uint32_t at = 0;
  b->n_inner = b->n_heap = 0;
  for (size_t i = 0; i < n || b->n_heap;) {
    while (i < n && p[i].lo <= at)
      if (!heap_push(b, &p[i++]))
        return false;
    while (b->n_heap && b->heap[0].hi <= at)
      heap_pop(b);
    uint32_t end = i < n ? p[i].lo : size;
    if (b->n_heap && b->heap[0].hi < end)
      end = b->heap[0].hi;
    if (end > at &&
        !add_inner(b, end, b->n_heap ? b->heap[0].node : PCLN_DW_ROOT))
      return false;
    at = end;
    if (at == size)
      break;
  }
  return at == size || add_inner(b, size, PCLN_DW_ROOT);
}

bool pcln_dw_find_inner(struct pcln_dw_builder *b, struct pcln_dw_piece *p,
                        size_t n, uint32_t size) {
  return sort_pieces(b, p, n) && sweep(b, p, n, size);
}
