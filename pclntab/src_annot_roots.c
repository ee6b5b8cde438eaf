// SPDX-License-Identifier: Apache-2.0
//
// Records of variables: which of them are in the file, that their words are in
// memory that holds variables, and that no two of them disagree.
#include "src_annot.h"

#include "stackmap.h"

#include <stdlib.h>
#include <string.h>

struct pcln_annot_found {
  struct pcln_root_def def;
  const char *name;
  size_t off; // of the record, in bytes from the section's start
};

// The record's bytes lie in memory that the program can write, or in the
// module's thread-local storage.
static bool in_storage(const struct pcln_elf *elf,
                       const struct pcln_root_def *r) {
  const uint64_t words = (uint64_t)r->n_words * r->repeat;
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    const bool tls = r->flags & PCLN_ROOT_TLS;
    const uint64_t lo = tls ? 0 : p->va;
    if (p->type != (tls ? PT_TLS : PT_LOAD) || (!tls && !(p->flags & PF_W)) ||
        r->off < lo || r->off - lo > p->memsz)
      continue;
    if (words <= (p->memsz - (r->off - lo)) / elf->ptr_size)
      return true;
  }
  return false;
}

// Whether the record's address is a tombstone. Where that cannot be told, for
// the symbol that would tell was dropped, it is an error: a root too few frees
// what is in use, and one too many reads another variable's words.
static enum pcln_status is_gone(struct pcln_annot_job *j,
                                const struct pcln_annot *a, const char *name,
                                const struct pcln_root_def *r, bool *gone) {
  const bool tls = r->flags & PCLN_ROOT_TLS;
  *gone = r->off == 0 && !tls;
  if (*gone || (!pcln_annot_by_gold(j->elf) && !(r->off == 0 && tls)))
    return PCLN_OK;
  enum pcln_annot_place place = PCLN_PLACE_UNKNOWN;
  const enum pcln_status st =
      pcln_annot_symbol_at(j, r->off, name, tls, &place);
  if (st != PCLN_OK)
    return st;
  *gone = place == PCLN_PLACE_OTHER || !in_storage(j->elf, r);
  if (place != PCLN_PLACE_UNKNOWN || *gone)
    return PCLN_OK;
  return pcln_annot_say_of(
      j, name, "annot-symbol", a->off,
      "whether the linker kept the variable is not known without its "
      "symbol; link without -x, --discard-all and -s");
}

static enum pcln_status append_root(struct pcln_annot_job *j,
                                    const struct pcln_annot_found *found) {
  if (j->n_roots == j->cap_roots) {
    const size_t cap = j->cap_roots ? j->cap_roots * 2 : 64;
    struct pcln_annot_found *grown = realloc(j->roots, cap * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    j->roots = grown;
    j->cap_roots = cap;
  }
  j->roots[j->n_roots++] = *found;
  return PCLN_OK;
}

enum pcln_status pcln_annot_add_copy(void *job,
                                     const struct pcln_annot_shared *root,
                                     uint64_t va) {
  const struct pcln_annot_found found = {.def = {.off = va,
                                                 .n_words = root->n_words,
                                                 .repeat = root->repeat,
                                                 .codes = root->codes},
                                         .name = root->name};
  return append_root(job, &found);
}

enum pcln_status pcln_annot_add_root(struct pcln_annot_job *j,
                                     const struct pcln_annot *a) {
  struct pcln_annot_root r;
  struct pcln_annot_fault fault;
  bool gone = false;
  if (!pcln_annot_root(a, &r, &fault))
    return pcln_annot_malformed(j, 0, &fault);
  const struct pcln_annot_found found = {.def = {.off = a->address,
                                                 .n_words = r.n_words,
                                                 .repeat = r.repeat,
                                                 .flags = r.flags,
                                                 .codes = r.codes},
                                         .name = r.name,
                                         .off = a->off};
  const enum pcln_status st = is_gone(j, a, r.name, &found.def, &gone);
  if (st != PCLN_OK)
    return st;
  if (gone) {
    j->stats->annot_discarded++;
    return PCLN_OK;
  }
  if (!in_storage(j->elf, &found.def))
    return pcln_annot_say_of(
        j, r.name, "annot-variable", a->off,
        "the variable is not in memory that the program can write");
  return append_root(j, &found);
}

static int root_by_place(const void *x, const void *y) {
  const struct pcln_annot_found *a = x, *b = y;
  if (a->def.flags != b->def.flags)
    return a->def.flags < b->def.flags ? -1 : 1;
  if (a->def.off != b->def.off)
    return a->def.off < b->def.off ? -1 : 1;
  return (a->off > b->off) - (a->off < b->off);
}

static bool same_root(const struct pcln_root_def *a,
                      const struct pcln_root_def *b) {
  return a->off == b->off && a->flags == b->flags && a->n_words == b->n_words &&
         a->repeat == b->repeat &&
         memcmp(a->codes, b->codes, pcln_codes_len(a->n_words)) == 0;
}

// Sorted, equal ones are dropped and the rest go to the model.
enum pcln_status pcln_annot_finish_roots(struct pcln_annot_job *j) {
  const struct pcln_annot_found *last = NULL;
  if (j->n_roots)
    qsort(j->roots, j->n_roots, sizeof *j->roots, root_by_place);
  for (size_t i = 0; i < j->n_roots; i++) {
    const struct pcln_annot_found *r = &j->roots[i];
    if (last && same_root(&last->def, &r->def)) {
      j->stats->annot_duplicates++;
      continue;
    }
    if (last && last->def.flags == r->def.flags &&
        r->def.off - last->def.off <
            (uint64_t)last->def.n_words * last->def.repeat * j->elf->ptr_size)
      return pcln_annot_say_of(j, r->name, "annot-conflict", r->off,
                               "two records describe the variable differently");
    const enum pcln_status st = pcln_module_add_root(j->m, &r->def);
    if (st != PCLN_OK)
      return st;
    last = r;
    j->stats->roots++;
  }
  return PCLN_OK;
}

bool pcln_annot_root_at(const struct pcln_annot_job *j, uint64_t va) {
  for (size_t i = 0; i < j->n_roots; i++)
    if (j->roots[i].def.off == va)
      return true;
  return false;
}
