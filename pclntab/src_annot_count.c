// SPDX-License-Identifier: Apache-2.0
//
// Annotations counted from the objects to the linked file.
//
// What may be missing there. A linker drops sections of debug information with
// the COMDAT group or the object that they belong to, and some look at members
// of archives that they do not link. So a record that is not in the file proves
// nothing; but then what it describes must not be there either. That is looked
// up by name, since addresses are no longer known.
//
// gold leaves in the record of a dropped function what the object had as the
// relocation's addend, which may be the address of something else. Where the
// directives of the file are those of the objects, one by one, each can be held
// against its own addend: the address of what is there is never that number,
// for no section begins at 0. Records of safepoints and variables need none of
// this, for they have names.
#include "src_annot.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- Counting ---------------------------------------------------------------

typedef enum pcln_status (*each_fn)(void *count, const struct pcln_annot *a);

// What is malformed is reported when it is read in earnest.
static enum pcln_status for_each(struct pcln_annot_count *count,
                                 struct pcln_elf *elf,
                                 const struct pcln_sink *sink, each_fn each) {
  struct pcln_annot_taker taker = {.take = each, .ctx = count};
  enum pcln_status st = PCLN_OK;
  for (size_t i = 1; i < elf->n_sections && st == PCLN_OK; i++)
    if (pcln_annot_is_section(elf->sections[i].name))
      st = pcln_annot_each(elf, &elf->sections[i], sink, &taker);
  return st;
}

static void forget_labels(struct pcln_annot_count *count) {
  free(count->labels);
  count->labels = NULL;
}

static enum pcln_status count_one(void *ctx, const struct pcln_annot *a) {
  struct pcln_annot_count *count = ctx;
  (void)a;
  count->n++;
  return PCLN_OK;
}

static int by_group(const void *x, const void *y) {
  const struct pcln_annot_input *const *p = x, *const *q = y;
  const struct pcln_annot_input *a = *p, *b = *q;
  const int order = strcmp(a->group, b->group);
  return order ? order : (a > b) - (a < b);
}

// The objects' directives that the linker keeps, in order: of COMDAT groups
// with one signature that of the first object.
static enum pcln_status expect_labels(struct pcln_annot_count *count) {
  const struct pcln_annot_inputs *in = count->inputs;
  const size_t room = (in->n + 1) * sizeof *count->labels;
  const struct pcln_annot_input **grouped = malloc(room);
  bool *dropped = calloc(in->n + 1, sizeof *dropped);
  size_t n = 0;
  count->labels = malloc(room);
  if (!grouped || !dropped || !count->labels) {
    free(grouped);
    free(dropped);
    return PCLN_NO_MEMORY;
  }
  for (size_t i = 0; i < in->n; i++)
    if (pcln_annot_is_label(in->list[i].kind) && in->list[i].group)
      grouped[n++] = &in->list[i];
  qsort(grouped, n, sizeof *grouped, by_group);
  for (size_t i = 0, first = 0; i < n; i++) {
    if (strcmp(grouped[i]->group, grouped[first]->group) != 0)
      first = i;
    dropped[grouped[i] - in->list] =
        grouped[i]->object != grouped[first]->object;
  }
  for (size_t i = 0; i < in->n; i++)
    if (pcln_annot_is_label(in->list[i].kind) && !dropped[i])
      count->labels[count->n_labels++] = &in->list[i];
  free(grouped);
  free(dropped);
  return PCLN_OK;
}

// Adds the record, and follows the objects' directives as long as they agree.
static enum pcln_status take_one(void *ctx, const struct pcln_annot *a) {
  struct pcln_annot_count *count = ctx;
  const uint64_t hash = pcln_annot_hash(a);
  count->hashes[count->n++] = hash;
  if (!count->labels || !pcln_annot_is_label(a->kind))
    return PCLN_OK;
  if (count->n_met < count->n_labels &&
      count->labels[count->n_met]->hash == hash)
    count->n_met++;
  else
    forget_labels(count);
  return PCLN_OK;
}

enum pcln_status pcln_annot_count(struct pcln_annot_count *count,
                                  struct pcln_elf *elf,
                                  const struct pcln_annot_inputs *inputs,
                                  const struct pcln_sink *sink) {
  *count = (struct pcln_annot_count){.inputs = inputs};
  if (!inputs)
    return PCLN_OK;
  enum pcln_status st = for_each(count, elf, sink, count_one);
  if (st != PCLN_OK)
    return st;
  count->hashes = malloc((count->n + 1) * sizeof *count->hashes);
  st = count->hashes ? expect_labels(count) : PCLN_NO_MEMORY;
  if (st != PCLN_OK)
    return st;
  count->n = 0;
  st = for_each(count, elf, sink, take_one);
  if (count->n_met != count->n_labels) // the file has fewer
    forget_labels(count);
  return st;
}

void pcln_annot_count_free(struct pcln_annot_count *count) {
  free(count->hashes);
  free(count->labels);
}

// --- What is missing --------------------------------------------------------

static int by_hash(const void *x, const void *y) {
  const uint64_t *a = x, *b = y;
  return (*a > *b) - (*a < *b);
}

static int input_by_hash(const void *x, const void *y) {
  const struct pcln_annot_input *const *a = x, *const *b = y;
  return ((*a)->hash > (*b)->hash) - ((*a)->hash < (*b)->hash);
}

static int input_by_name(const void *x, const void *y) {
  const struct pcln_annot_input *const *a = x, *const *b = y;
  return strcmp((*a)->name, (*b)->name);
}

// Keeps of `list`, sorted by hash, the records of which the file has fewer; the
// new length.
static size_t keep_missing(const struct pcln_annot_count *count,
                           const struct pcln_annot_input **list, size_t n) {
  size_t kept = 0, at = 0;
  for (size_t i = 0; i < n;) {
    size_t end = i, there = 0;
    while (end < n && list[end]->hash == list[i]->hash)
      end++;
    while (at < count->n && count->hashes[at] < list[i]->hash)
      at++;
    while (at < count->n && count->hashes[at] == list[i]->hash) {
      at++;
      there++;
    }
    for (; there < end - i && i < end; i++)
      if (list[i]->name)
        list[kept++] = list[i];
    i = end;
  }
  return kept;
}

static bool has_symtab(const struct pcln_elf *elf) {
  for (size_t i = 1; i < elf->n_sections; i++)
    if (elf->sections[i].type == SHT_SYMTAB)
      return true;
  return false;
}

static bool has_annotations(const struct pcln_elf *elf) {
  for (size_t i = 1; i < elf->n_sections; i++)
    if (pcln_annot_is_section(elf->sections[i].name))
      return true;
  return false;
}

static enum pcln_status say_lost(const struct pcln_annot_input *in,
                                 bool stripped,
                                 const struct pcln_source_options *o) {
  const bool warn = stripped && o->allow_stripped;
  char text[700];
  if (stripped)
    snprintf(text, sizeof text,
             "the annotations of the inputs, such as those of %.200s in "
             "%.200s, are not in the output; drop -s or -S and use the option "
             "strip-debug, or say allow-stripped",
             in->name ? in->name : "a function", in->object);
  else
    snprintf(text, sizeof text,
             "an annotation of %.500s is not in the output, and what it "
             "describes is",
             in->object);
  pcln_say(o->sink, &(struct pcln_report){
                        .severity = warn ? PCLN_WARNING : PCLN_ERROR,
                        .fault = stripped ? "annot-stripped" : "annot-lost",
                        .func = stripped ? NULL : in->name,
                        .text = text});
  return warn ? PCLN_OK : PCLN_CORRUPT;
}

// Whether the symbol can be what the record describes.
static bool can_be(const struct pcln_annot_input *in,
                   const struct pcln_elf_symbol *s) {
  if (s->shndx == SHN_UNDEF)
    return false;
  if (in->kind == PCLN_ANNOT_ROOT)
    return s->type != STT_FUNC;
  return s->type == STT_FUNC && (!in->size || s->size == in->size);
}

// Looks for things in the file that miss their record; `list` is sorted by
// name.
static enum pcln_status find_lost(const struct pcln_annot_input **list,
                                  size_t n, const struct pcln_elf *elf,
                                  const struct pcln_annot_described *described,
                                  bool stripped,
                                  const struct pcln_source_options *o) {
  for (size_t i = 0; i < elf->n_symbols; i++) {
    const struct pcln_elf_symbol *s = &elf->symbols[i];
    size_t lo = 0, hi = n;
    while (lo < hi) {
      const size_t mid = lo + (hi - lo) / 2;
      if (strcmp(list[mid]->name, s->name) < 0)
        lo = mid + 1;
      else
        hi = mid;
    }
    for (; lo < n && strcmp(list[lo]->name, s->name) == 0; lo++)
      if (can_be(list[lo], s) && !described->is(described->ctx, list[lo], s))
        return say_lost(list[lo], stripped, o);
  }
  return PCLN_OK;
}

enum pcln_status
pcln_annot_check_lost(struct pcln_annot_count *count,
                      const struct pcln_elf *elf,
                      const struct pcln_annot_described *described,
                      const struct pcln_source_options *o) {
  const struct pcln_annot_inputs *in = count->inputs;
  if (!in || !in->n)
    return PCLN_OK;
  const bool stripped = !has_annotations(elf);
  if (stripped && !has_symtab(elf))
    return say_lost(&in->list[0], true, o);
  const struct pcln_annot_input **list = malloc(in->n * sizeof *list);
  if (!list)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < in->n; i++)
    list[i] = &in->list[i];
  qsort(list, in->n, sizeof *list, input_by_hash);
  qsort(count->hashes, count->n, sizeof *count->hashes, by_hash);
  const size_t n = keep_missing(count, list, in->n);
  qsort(list, n, sizeof *list, input_by_name);
  const enum pcln_status st = find_lost(list, n, elf, described, stripped, o);
  free(list);
  return st;
}
