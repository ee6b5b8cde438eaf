// SPDX-License-Identifier: Apache-2.0
//
// What the symbol table of a linked file says of the places that annotations
// name: whether what a record describes is what is there.
#include "src_annot.h"

#include <stdlib.h>
#include <string.h>

static int symbol_by_va(const void *a, const void *b) {
  const struct pcln_elf_symbol *const *x = a, *const *y = b;
  return ((*x)->va > (*y)->va) - ((*x)->va < (*y)->va);
}

static enum pcln_status sort_symbols(struct pcln_annot_job *j) {
  const size_t n = j->elf->n_symbols;
  if (j->by_va)
    return PCLN_OK;
  j->by_va = malloc((n + 1) * sizeof *j->by_va);
  if (!j->by_va)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < n; i++)
    j->by_va[i] = &j->elf->symbols[i];
  qsort(j->by_va, n, sizeof *j->by_va, symbol_by_va);
  return PCLN_OK;
}

bool pcln_annot_is_called(const char *symbol, const char *name) {
  const size_t len = strlen(name);
  return symbol && strncmp(symbol, name, len) == 0 &&
         (symbol[len] == 0 || symbol[len] == '@');
}

enum pcln_status pcln_annot_symbol_at(struct pcln_annot_job *j, uint64_t va,
                                      const char *name, bool tls,
                                      enum pcln_annot_place *place) {
  const enum pcln_status st = sort_symbols(j);
  if (st != PCLN_OK)
    return st;
  *place = PCLN_PLACE_UNKNOWN;
  size_t lo = 0, hi = j->elf->n_symbols;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (j->by_va[mid]->va < va)
      lo = mid + 1;
    else
      hi = mid;
  }
  for (; lo < j->elf->n_symbols && j->by_va[lo]->va == va; lo++) {
    const struct pcln_elf_symbol *s = j->by_va[lo];
    if (s->shndx == SHN_UNDEF || (s->type == STT_TLS) != tls)
      continue;
    if (pcln_annot_is_called(s->name, name)) {
      *place = PCLN_PLACE_NAMED;
      return PCLN_OK;
    }
    if (s->size) // and not the mark of a section's or the program's end
      *place = PCLN_PLACE_OTHER;
  }
  return PCLN_OK;
}
