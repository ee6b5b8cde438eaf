// SPDX-License-Identifier: Apache-2.0
//
// The FDEs of a file, from .eh_frame and .debug_frame, as one ascending list of
// disjoint ranges.
//
// .eh_frame wins where both cover: it is what the program itself unwinds by,
// while .debug_frame is kept by linkers for discarded functions too. FDEs of
// those carry a tombstone (0, or a small number) in place of the address and
// are recognised by pointing into no executable section.
#include "src_fdes.h"

#include "src_sort.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

const struct pcln_elf_section *pcln_text_section(const struct pcln_elf *elf,
                                                 uint64_t va) {
  const uint64_t want = SHF_ALLOC | SHF_EXECINSTR;
  for (size_t i = 1; i < elf->n_sections; i++) {
    const struct pcln_elf_section *sec = &elf->sections[i];
    if ((sec->flags & want) == want && va >= sec->va &&
        va - sec->va < sec->size)
      return sec;
  }
  return NULL;
}

// --- Collecting -------------------------------------------------------------

static enum pcln_status add_range(struct pcln_fde_list *list,
                                  const struct pcln_fde_range *r) {
  if (list->n == list->cap) {
    const size_t cap = list->cap ? list->cap * 2 : 1024;
    struct pcln_fde_range *v = realloc(list->ranges, cap * sizeof *v);
    if (!v)
      return PCLN_NO_MEMORY;
    list->ranges = v;
    list->cap = cap;
  }
  list->ranges[list->n++] = *r;
  return PCLN_OK;
}

static enum pcln_status read_section(struct pcln_elf *elf,
                                     struct pcln_fde_list *list,
                                     uint32_t section,
                                     const struct pcln_sink *sink) {
  const struct pcln_cfi_section *s = &list->sections[section];
  const struct pcln_elf_section *text = NULL; // of the FDE before
  struct pcln_cfi_fde fde;
  size_t off = 0;
  for (;;) {
    enum pcln_status status = pcln_cfi_next(s, &off, &fde, sink);
    if (status == PCLN_NOT_FOUND)
      return PCLN_OK;
    if (status != PCLN_OK)
      continue; // reported; the walk goes on behind it
    list->n_fdes++;
    if (fde.lo == 0 || fde.lo == fde.hi)
      continue;
    if (!text || fde.lo < text->va || fde.lo - text->va >= text->size)
      text = pcln_text_section(elf, fde.lo);
    if (!text)
      continue;
    status = add_range(
        list, &(struct pcln_fde_range){.lo = fde.lo,
                                       .hi = fde.hi,
                                       .fde_lo = fde.lo,
                                       .fde_hi = fde.hi,
                                       .off = fde.off,
                                       .section = section,
                                       .signal_frame = fde.signal_frame});
    if (status != PCLN_OK)
      return status;
  }
}

// --- Making disjoint --------------------------------------------------------

// Sorts ranges[first..] by address; FDEs of one address keep their order.
static enum pcln_status sort_ranges(struct pcln_fde_list *list, size_t first) {
  const size_t n = list->n - first;
  if (n < 2)
    return PCLN_OK;
  struct pcln_fde_range *v = list->ranges + first;
  bool sorted = true;
  for (size_t i = 1; i < n && sorted; i++)
    sorted = v[i - 1].lo <= v[i].lo;
  if (sorted)
    return PCLN_OK;
  struct pcln_va_key *keys = malloc(n * sizeof *keys);
  struct pcln_fde_range *old = malloc(n * sizeof *old);
  enum pcln_status status = PCLN_NO_MEMORY;
  for (size_t i = 0; i < n && keys; i++)
    keys[i] = (struct pcln_va_key){.va = v[i].lo, .idx = (uint32_t)i};
  if (keys && old)
    status = pcln_sort_keys(keys, n);
  if (status == PCLN_OK) {
    memcpy(old, v, n * sizeof *old);
    for (size_t i = 0; i < n; i++)
      v[i] = old[keys[i].idx];
  }
  free(keys);
  free(old);
  return status;
}

// Cuts each range where the one before it ends; returns how many are left.
static size_t cut_overlaps(struct pcln_fde_range *v, size_t n) {
  uint64_t end = 0;
  size_t kept = 0;
  for (size_t i = 0; i < n; i++) {
    struct pcln_fde_range r = v[i];
    if (r.lo < end)
      r.lo = end;
    if (r.lo >= r.hi)
      continue;
    end = r.hi;
    v[kept++] = r;
  }
  return kept;
}

// Replaces the .debug_frame ranges, which begin at `first`, by those parts that
// no .eh_frame range covers.
static enum pcln_status cut_debug_frame(struct pcln_fde_list *list,
                                        size_t first) {
  const size_t n = list->n - first;
  struct pcln_fde_range *debug = malloc((n + 1) * sizeof *debug);
  enum pcln_status status = debug ? PCLN_OK : PCLN_NO_MEMORY;
  size_t eh = 0; // the first .eh_frame range that ends behind `lo`
  for (size_t i = 0; i < n && debug; i++)
    debug[i] = list->ranges[first + i];
  list->n = first;
  for (size_t i = 0; i < n && status == PCLN_OK; i++) {
    struct pcln_fde_range r = debug[i];
    while (r.lo < r.hi && status == PCLN_OK) {
      while (eh < first && list->ranges[eh].hi <= r.lo)
        eh++;
      struct pcln_fde_range part = r;
      r.lo = r.hi;
      if (eh < first && list->ranges[eh].lo < part.hi) {
        part.hi = list->ranges[eh].lo;
        r.lo = list->ranges[eh].hi;
      }
      if (part.lo < part.hi)
        status = add_range(list, &part);
    }
  }
  free(debug);
  return status == PCLN_OK ? sort_ranges(list, 0) : status;
}

// --- Interface --------------------------------------------------------------

enum pcln_status pcln_fde_list_read(struct pcln_elf *elf,
                                    const struct pcln_sink *sink,
                                    struct pcln_fde_list *out) {
  static const char *const names[] = {".eh_frame", ".debug_frame"};
  *out = (struct pcln_fde_list){0};
  for (unsigned k = 0; k < 2; k++) {
    const struct pcln_elf_section *sec = pcln_elf_find(elf, names[k]);
    struct pcln_cfi_section s = {.va = sec ? sec->va : 0,
                                 .machine = elf->machine,
                                 .ptr_size = elf->ptr_size,
                                 .swap = elf->swap,
                                 .eh = k == 0};
    enum pcln_status status = pcln_elf_debug(elf, names[k], sink, &s.bytes);
    if (status == PCLN_NOT_FOUND || (status == PCLN_OK && !s.bytes.ptr))
      continue;
    const size_t first = out->n;
    if (status == PCLN_OK) {
      out->sections[out->n_sections] = s;
      status = read_section(elf, out, (uint32_t)out->n_sections++, sink);
    }
    if (status == PCLN_OK)
      status = sort_ranges(out, first);
    if (status != PCLN_OK)
      return status;
    if (out->n == first)
      continue;
    out->n = first + cut_overlaps(out->ranges + first, out->n - first);
    if (first)
      status = cut_debug_frame(out, first);
    if (status != PCLN_OK)
      return status;
  }
  return PCLN_OK;
}

void pcln_fde_list_free(struct pcln_fde_list *list) {
  free(list->ranges);
  *list = (struct pcln_fde_list){0};
}

const struct pcln_fde_range *
pcln_fde_list_next(const struct pcln_fde_list *list, uint64_t va) {
  size_t lo = 0, hi = list->n;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (list->ranges[mid].hi <= va)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < list->n ? &list->ranges[lo] : NULL;
}

const struct pcln_fde_range *
pcln_fde_list_find(const struct pcln_fde_list *list, uint64_t va) {
  const struct pcln_fde_range *r = pcln_fde_list_next(list, va);
  return r && r->lo <= va ? r : NULL;
}
