// SPDX-License-Identifier: Apache-2.0
//
// Records of .debug_pclntab, taken apart and checked: what the linked file's
// reader (src_annot.c) and the plugin's look at each object share. format.h
// has the layout, docs/annotations.md the manual.
//
// Everything here works on untrusted bytes and allocates only where it is
// given an arena.
#ifndef PCLNTAB_ANNOT_H
#define PCLNTAB_ANNOT_H

#include "safepoints.h"

// What is wrong with a record.
struct pcln_annot_fault {
  const char *fault, *text; // null: nothing
  size_t off;               // bytes from the section's start
};

// A record whose header is sound.
struct pcln_annot {
  uint8_t kind;     // enum pcln_annot_kind
  size_t off;       // bytes from the section's start
  uint64_t address; // as it stands there
  struct pcln_span body;
  bool swap;
};

// A walk over the records of a section.
struct pcln_annot_walk {
  struct pcln_span bytes;
  size_t pos; // bytes from the section's start
  uint8_t ptr_size;
  bool swap;
  struct pcln_annot_fault fault;
};
struct pcln_annot_walk pcln_annot_begin(struct pcln_span section,
                                        uint8_t ptr_size, bool swap);
// True: *out is the next record. False: the end, or walk->fault is set.
bool pcln_annot_next(struct pcln_annot_walk *w, struct pcln_annot *out);

// Whether a section holds annotations, by its name.
bool pcln_annot_is_section(const char *name);

// Hands each record of a file's section to `take`, up to the first for which it
// does not give PCLN_OK; that is then the result.
struct pcln_annot_taker {
  enum pcln_status (*take)(void *ctx, const struct pcln_annot *a);
  void *ctx;
  struct pcln_annot_fault fault; // why the walk ended early, with PCLN_OK
};
struct pcln_elf;
struct pcln_elf_section;
PCLN_MUST_CHECK enum pcln_status
pcln_annot_each(struct pcln_elf *elf, const struct pcln_elf_section *section,
                const struct pcln_sink *sink, struct pcln_annot_taker *taker);

// --- Kinds ------------------------------------------------------------------
// Each gives false, with *fault, for a record of its kind that is malformed.
// Strings and spans point into the section.

struct pcln_annot_root {
  uint32_t flags, n_words, repeat;
  const uint8_t *codes;
  const char *name;
};
bool pcln_annot_root(const struct pcln_annot *a, struct pcln_annot_root *out,
                     struct pcln_annot_fault *fault);

struct pcln_annot_safepoints {
  uint32_t size;  // bytes of the function
  uint32_t frame; // bytes, or PCLN_FRAME_VARIES; goes into each point
  const char *name;
  size_t n_points, n_areas, n_pairs; // of all points together
  struct pcln_safepoint *points;     // null: no arena was given
};
// *no_memory is set, and the result false, when the arena is exhausted.
bool pcln_annot_safepoints(const struct pcln_annot *a, struct pcln_arena *arena,
                           struct pcln_annot_safepoints *out,
                           struct pcln_annot_fault *fault, bool *no_memory);

// FUNCDATA. The payload is checked as far as its number gives it a form; one
// without a meaning for users is a fault.
struct pcln_annot_funcdata {
  uint32_t index;
  struct pcln_span payload; // not empty
};
bool pcln_annot_funcdata(const struct pcln_annot *a,
                         struct pcln_annot_funcdata *out,
                         struct pcln_annot_fault *fault);

// PCDATA, likewise.
struct pcln_annot_pcdata {
  uint32_t index;
  int32_t value;
};
bool pcln_annot_pcdata(const struct pcln_annot *a,
                       struct pcln_annot_pcdata *out,
                       struct pcln_annot_fault *fault);

// The file name of a GC_SOURCE or GC_UNIT.
bool pcln_annot_unit(const struct pcln_annot *a, const char **name,
                     struct pcln_annot_fault *fault);

// --- annot_forms.c ----------------------------------------------------------

// What is wrong with a payload or value that a user gives to this number; null:
// nothing. *fault is the fault's name.
const char *pcln_annot_bad_funcdata(uint32_t index, struct pcln_span payload,
                                    bool swap, const char **fault);
const char *pcln_annot_bad_pcdata(uint32_t index, int32_t value,
                                  const char **fault);

#endif
