// SPDX-License-Identifier: Apache-2.0
//
// Records of safepoints: the function that each is about, or that it is about
// none that is there.
//
// Folded code (lld --icf). Two functions with equal code may differ in what
// they keep alive. The record of the one that is gone is then compared to that
// of the function which has its name too.
#include "src_annot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- Safepoints -------------------------------------------------------------

// Appends to what is known of functions that are not in the file.
static enum pcln_status note_gone(struct pcln_annot_job *j,
                                  const struct pcln_annot *a) {
  if (j->n_gone == j->cap_gone) {
    const size_t cap = j->cap_gone ? j->cap_gone * 2 : 256;
    struct pcln_annot *grown = realloc(j->gone, cap * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    j->gone = grown;
    j->cap_gone = cap;
  }
  j->gone[j->n_gone++] = *a;
  j->stats->annot_discarded++;
  return PCLN_OK;
}

// The bytes of a record of safepoints behind the function's name: the points.
static struct pcln_span points_of(const struct pcln_annot *a,
                                  const struct pcln_annot_safepoints *s) {
  const size_t at = (size_t)((const uint8_t *)s->name - a->body.ptr) +
                    (strlen(s->name) + sizeof(uint32_t)) / sizeof(uint32_t) *
                        sizeof(uint32_t);
  return (struct pcln_span){a->body.ptr + at, a->body.len - at};
}

// Whether two functions, which have the same length, keep the same references
// at the same calls, whatever their names.
static bool same_points(const struct pcln_annot *a,
                        const struct pcln_annot_safepoints *as,
                        const struct pcln_annot *b,
                        const struct pcln_annot_safepoints *bs) {
  const struct pcln_span x = points_of(a, as), y = points_of(b, bs);
  return as->frame == bs->frame && x.len == y.len &&
         memcmp(x.ptr, y.ptr, x.len) == 0;
}

static enum pcln_status say_folded(const struct pcln_annot_job *j,
                                   const char *name, size_t off) {
  return pcln_annot_say_of(
      j, name, "annot-folded", off,
      "the linker folded the function into another whose code is the "
      "same and whose references are not; link with --icf=none");
}

// A function that is described already: a COMDAT copy, or one that gold folded
// into another.
static enum pcln_status add_again(struct pcln_annot_job *j,
                                  const struct pcln_annot *known,
                                  const struct pcln_annot *a,
                                  const struct pcln_annot_safepoints *s) {
  struct pcln_annot_safepoints first;
  struct pcln_annot_fault fault;
  bool no_memory;
  if (!pcln_annot_safepoints(known, NULL, &first, &fault, &no_memory))
    return PCLN_CORRUPT; // cannot be: it was read before
  if (same_points(known, &first, a, s)) {
    j->stats->annot_duplicates++;
    return PCLN_OK;
  }
  if (strcmp(first.name, s->name) != 0)
    return say_folded(j, s->name, a->off);
  return pcln_annot_say_of(
      j, s->name, "annot-conflict", a->off,
      "two objects describe the function's safepoints differently; "
      "compile both with the same options");
}

// Whether the record and the function found at its address are about the same
// thing. The name may be any that the function has.
static enum pcln_status is_about(struct pcln_annot_job *j, const char *name,
                                 uint32_t size, const struct pcln_func_def *f,
                                 bool *yes) {
  // Functions that have others inside of them are several entries.
  const struct pcln_func_def *last =
      size ? pcln_module_find(j->m, f->va + size - 1) : NULL;
  *yes = false;
  if (!last || last->va + last->size != f->va + size ||
      (last != f &&
       (!last->name || !pcln_annot_is_called(last->name, f->name))))
    return PCLN_OK;
  // Where local symbols were dropped (-x), the length has to do.
  *yes = pcln_annot_is_called(f->name, name) ||
         (f->name && strstr(f->name, PCLN_UNNAMED));
  if (*yes)
    return PCLN_OK;
  enum pcln_annot_place place = PCLN_PLACE_UNKNOWN;
  const enum pcln_status st =
      pcln_annot_symbol_at(j, f->va, name, false, &place);
  *yes = place == PCLN_PLACE_NAMED;
  return st;
}

// A text with the record's own name for the function, which the report's
// function need not have.
static enum pcln_status not_about(const struct pcln_annot_job *j,
                                  const struct pcln_annot *a,
                                  const struct pcln_annot_safepoints *s,
                                  const struct pcln_func_def *f) {
  char text[700];
  if (!f)
    snprintf(text, sizeof text,
             "safepoints of %.500s, of %u bytes, but no function begins at "
             "their address 0x%llx",
             s->name, s->size, (unsigned long long)a->address);
  else
    snprintf(text, sizeof text,
             "safepoints of %.500s, of %u bytes, but the function at their "
             "address 0x%llx has another name or length (%u bytes)",
             s->name, s->size, (unsigned long long)a->address, f->size);
  return pcln_annot_say_of(j, s->name, "annot-function", a->off, text);
}

enum pcln_status pcln_annot_add_safepoints(struct pcln_annot_job *j,
                                           const struct pcln_annot *a) {
  struct pcln_annot_safepoints s;
  struct pcln_annot_fault fault;
  bool no_memory = false, about = false;
  if (!pcln_annot_safepoints(a, &j->m->arena, &s, &fault, &no_memory))
    return no_memory ? PCLN_NO_MEMORY
                     : pcln_annot_malformed(j, a->address, &fault);
  if (a->address == 0)
    return note_gone(j, a);
  struct pcln_func_def *f = pcln_module_find(j->m, a->address);
  if (f && f->va != a->address)
    f = NULL;
  enum pcln_status st = f ? is_about(j, s.name, s.size, f, &about) : PCLN_OK;
  if (st != PCLN_OK)
    return st;
  if (!about)
    return pcln_annot_by_gold(j->elf) ? note_gone(j, a)
                                      : not_about(j, a, &s, f);
  struct pcln_annot *known = &j->safepoints[f - j->m->funcs];
  if (known->body.ptr)
    return add_again(j, known, a, &s);
  *known = *a;
  j->stats->safepoints += s.n_points;
  return pcln_safepoints_place(j->m, f, s.points, s.n_points, &j->m->arena,
                               j->sink);
}

// --- Folded code ------------------------------------------------------------

struct named_record {
  struct pcln_annot_safepoints s;
  const struct pcln_annot *a;
};

static int record_by_name(const void *x, const void *y) {
  const struct named_record *a = x, *b = y;
  return strcmp(a->s.name, b->s.name);
}

// A symbol of the name of a function that is gone stands at function `f`. Its
// safepoints are then those of `f`, or `f` is not the function that is gone
// but one of the same name with a record of its own.
static enum pcln_status check_folded(const struct pcln_annot_job *j,
                                     const struct named_record *gone,
                                     const struct pcln_func_def *f) {
  const struct pcln_annot *known = &j->safepoints[f - j->m->funcs];
  struct pcln_annot_safepoints s;
  struct pcln_annot_fault fault;
  bool no_memory;
  if (f->size != gone->s.size)
    return PCLN_OK;
  if (known->body.ptr) {
    if (!pcln_annot_safepoints(known, NULL, &s, &fault, &no_memory) ||
        strcmp(s.name, gone->s.name) == 0)
      return PCLN_OK;
    if (same_points(known, &s, gone->a, &gone->s))
      return PCLN_OK;
  }
  return say_folded(j, gone->s.name, gone->a->off);
}

enum pcln_status pcln_annot_check_gone(const struct pcln_annot_job *j) {
  enum pcln_status st = PCLN_OK;
  if (!j->n_gone)
    return PCLN_OK;
  struct named_record *sorted = malloc(j->n_gone * sizeof *sorted);
  if (!sorted)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < j->n_gone; i++) {
    struct pcln_annot_fault fault;
    bool no_memory;
    sorted[i].a = &j->gone[i];
    if (!pcln_annot_safepoints(&j->gone[i], NULL, &sorted[i].s, &fault,
                               &no_memory))
      st = PCLN_CORRUPT; // cannot be: it was read before
  }
  qsort(sorted, j->n_gone, sizeof *sorted, record_by_name);
  for (size_t i = 0; i < j->elf->n_symbols && st == PCLN_OK; i++) {
    const struct pcln_elf_symbol *sym = &j->elf->symbols[i];
    if (sym->type != STT_FUNC || sym->shndx == SHN_UNDEF)
      continue;
    const struct named_record key = {.s = {.name = sym->name}};
    const struct named_record *hit =
        bsearch(&key, sorted, j->n_gone, sizeof *sorted, record_by_name);
    const struct pcln_func_def *f =
        hit ? pcln_module_find(j->m, sym->va) : NULL;
    if (f && f->va == sym->va)
      st = check_folded(j, hit, f);
  }
  free(sorted);
  return st;
}
