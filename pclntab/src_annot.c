// SPDX-License-Identifier: Apache-2.0
//
// The annotations of a linked file into the model: safepoints of functions,
// variables that hold references, units that were compiled without the plug-in.
//
// What a linker leaves. Sections .debug_pclntab of all objects stand one behind
// the other, and each record's address is relocated. Of a function or variable
// that the linker dropped (--gc-sections, a COMDAT copy, code that was folded)
// the record stays, with a tombstone for an address: 0 by GNU ld, lld and mold,
// in gold what the object had there, which is an offset in a section. GNU ld
// and gold may also let the record of a dropped COMDAT copy point at the copy
// that was kept. So
//   - a record with the address 0 describes something that is not there;
//   - equal records are one record, and records of one thing that differ are an
//     error, because only one of them can be true;
//   - the address alone proves nothing: a function must begin there, with the
//     name and the length that the record has, and a variable must lie in
//     memory that can be written.
// Offset 0 of thread-local storage is a place like any other; there the name
// decides, which the symbol table has.
#include "src_annot.h"

#include <stdio.h>
#include <stdlib.h>

// --- Reports ----------------------------------------------------------------

enum pcln_status pcln_annot_say(const struct pcln_sink *sink, const char *func,
                                uint64_t func_off, const char *fault,
                                size_t off, const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = fault,
                                       .func = func,
                                       .func_off = func_off,
                                       .region = PCLN_ANNOT_SECTION,
                                       .region_off = off,
                                       .text = text});
  return PCLN_CORRUPT;
}

enum pcln_status pcln_annot_say_of(const struct pcln_annot_job *j,
                                   const char *func, const char *fault,
                                   size_t off, const char *text) {
  return pcln_annot_say(j->sink, func, 0, fault, off, text);
}

// The function that an annotation's address leads to, for reports.
static const char *name_at(const struct pcln_annot_job *j, uint64_t va) {
  const struct pcln_func_def *f = pcln_module_find(j->m, va);
  return f ? f->name : NULL;
}

enum pcln_status pcln_annot_malformed(const struct pcln_annot_job *j,
                                      uint64_t va,
                                      const struct pcln_annot_fault *f) {
  return pcln_annot_say_of(j, name_at(j, va), f->fault, f->off, f->text);
}

bool pcln_annot_by_gold(const struct pcln_elf *elf) {
  return pcln_elf_find(elf, ".note.gnu.gold-version") != NULL;
}

// --- Units ------------------------------------------------------------------

static enum pcln_status add_unit(struct pcln_annot_job *j,
                                 const struct pcln_annot *a) {
  const char *name;
  struct pcln_annot_fault fault;
  char text[700];
  if (!pcln_annot_unit(a, &name, &fault))
    return pcln_annot_malformed(j, 0, &fault);
  if (a->kind == PCLN_ANNOT_GC_UNIT) {
    // Also of a file without any map: that is how the runtime tells it from one
    // whose annotations were dropped.
    j->m->stackmap_bits = 2;
    j->stats->gc_units++;
    return PCLN_OK;
  }
  snprintf(text, sizeof text,
           "%.500s uses gcref but was compiled without "
           "-fpass-plugin=pclntab-gc.so",
           name);
  return pcln_annot_say_of(j, NULL, "annot-gc-source", a->off, text);
}

// --- Directives -------------------------------------------------------------

static enum pcln_status add_label(struct pcln_annot_job *j,
                                  const struct pcln_annot *a) {
  bool gone = a->address == 0;
  if (pcln_annot_by_gold(j->elf)) {
    if (!j->count.labels)
      return pcln_annot_say_of(
          j, name_at(j, a->address), "annot-gold", a->off,
          "gold does not say which code it dropped, so that a FUNCDATA "
          "or PCDATA may be of code that is gone; link with the plugin "
          "and no directives in code that is optimised at link time, or "
          "with another linker");
    gone = a->address == j->count.labels[j->n_labels++]->addend;
  }
  if (gone) {
    j->stats->annot_discarded++;
    return PCLN_OK;
  }
  return pcln_annot_add_label(&j->labels, j->m, a, j->sink);
}

// --- Sections ---------------------------------------------------------------

static enum pcln_status add_record(void *job, const struct pcln_annot *a) {
  struct pcln_annot_job *j = job;
  j->stats->annotations++;
  switch (a->kind) {
  case PCLN_ANNOT_SAFEPOINTS:
    return pcln_annot_add_safepoints(j, a);
  case PCLN_ANNOT_ROOT:
    return pcln_annot_add_root(j, a);
  case PCLN_ANNOT_GC_SOURCE:
  case PCLN_ANNOT_GC_UNIT:
    return add_unit(j, a);
  default:
    return add_label(j, a);
  }
}

static enum pcln_status add_section(struct pcln_annot_job *j,
                                    const struct pcln_elf_section *sec) {
  struct pcln_annot_taker taker = {.take = add_record, .ctx = j};
  const enum pcln_status st = pcln_annot_each(j->elf, sec, j->sink, &taker);
  return st == PCLN_OK && taker.fault.fault
             ? pcln_annot_malformed(j, 0, &taker.fault)
             : st;
}

// --- What was lost ----------------------------------------------------------

static bool is_described(void *ctx, const struct pcln_annot_input *in,
                         const struct pcln_elf_symbol *symbol) {
  const struct pcln_annot_job *j = ctx;
  if (in->kind == PCLN_ANNOT_ROOT)
    return pcln_annot_root_at(j, symbol->va);
  const struct pcln_func_def *f = pcln_module_find(j->m, symbol->va);
  if (!f || f->va != symbol->va)
    return true; // of another kind, or not code at all
  const size_t idx = (size_t)(f - j->m->funcs);
  return pcln_annot_is_label(in->kind)
             ? pcln_annot_has_label(&j->labels, idx, in->kind, in->index)
             : j->safepoints[idx].body.ptr != NULL;
}

// --- The whole --------------------------------------------------------------

enum pcln_status pcln_src_annot(struct pcln_elf *elf, struct pcln_module *m,
                                const struct pcln_source_options *o,
                                struct pcln_source_stats *stats) {
  struct pcln_annot_job j = {
      .elf = elf, .m = m, .stats = stats, .sink = o->sink};
  enum pcln_status st = PCLN_OK;
  j.safepoints = calloc(m->n_funcs + 1, sizeof *j.safepoints);
  if (!j.safepoints)
    return PCLN_NO_MEMORY;
  st = pcln_annot_count(&j.count, elf, o->annotations, o->sink);
  for (size_t i = 1; i < elf->n_sections && st == PCLN_OK; i++)
    if (pcln_annot_is_section(elf->sections[i].name))
      st = add_section(&j, &elf->sections[i]);
  if (st == PCLN_OK && o->annotations)
    st = pcln_annot_copies(elf, o->annotations, o->sink, pcln_annot_add_copy,
                           &j);
  if (st == PCLN_OK)
    st = pcln_annot_finish_roots(&j);
  if (st == PCLN_OK)
    st = pcln_annot_place_labels(&j.labels, m, stats, o->sink);
  if (st == PCLN_OK)
    st = pcln_annot_check_gone(&j);
  const struct pcln_annot_described described = {.is = is_described, .ctx = &j};
  if (st == PCLN_OK)
    st = pcln_annot_check_lost(&j.count, elf, &described, o);
  // Where there are no annotations at all, the link stripped them, which is
  // allowed on request; a program that then collects ends with an error.
  if (st == PCLN_OK && pcln_annot_notes(elf) > stats->gc_units &&
      (stats->annotations || !o->allow_stripped))
    st = pcln_annot_say_of(
        &j, NULL, "annot-removed", 0,
        "some of its objects use references and have no annotations that "
        "say where they are; link the objects as they were compiled");
  pcln_annot_count_free(&j.count);
  free(j.by_va);
  free(j.safepoints);
  free(j.roots);
  free(j.labels.list);
  free(j.gone);
  return st;
}
