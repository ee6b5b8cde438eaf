// SPDX-License-Identifier: Apache-2.0
//
// Private to the reader of annotations. src_annot.c has the whole; what
// compilers describe is in src_annot_points.c (safepoints) and
// src_annot_roots.c (variables), what people attach by directives in
// src_annot_user.c, and src_annot_count.c finds what was lost on the way.
#ifndef PCLNTAB_SRC_ANNOT_H
#define PCLNTAB_SRC_ANNOT_H

#include "annot.h"
#include "sources.h"

struct pcln_annot_label; // one directive

// Directives in the order of the section.
struct pcln_annot_labels {
  struct pcln_annot_label *list;
  size_t n, cap;
};

// Reports an error about a record at `off` bytes into the section, and about
// `func` (may be null) at `func_off`. PCLN_CORRUPT.
enum pcln_status pcln_annot_say(const struct pcln_sink *sink, const char *func,
                                uint64_t func_off, const char *fault,
                                size_t off, const char *text);

// Whether the function has a directive of this kind and number; after
// pcln_annot_place_labels().
bool pcln_annot_has_label(const struct pcln_annot_labels *labels, size_t func,
                          uint8_t kind, uint32_t index);

// Takes a FUNCDATA or PCDATA whose address is one of the file.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_add_label(struct pcln_annot_labels *labels,
                     const struct pcln_module *m, const struct pcln_annot *a,
                     const struct pcln_sink *sink);
// Gives the functions what was taken. Equal directives at one place, which
// copies of COMDAT functions leave, count once.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_place_labels(struct pcln_annot_labels *labels, struct pcln_module *m,
                        struct pcln_source_stats *stats,
                        const struct pcln_sink *sink);

// --- src_annot_count.c ------------------------------------------------------

// The annotations of a linked file, in order, before anything is made of them:
// for counting them against those of the objects.
struct pcln_annot_count {
  const struct pcln_annot_inputs *inputs; // null: nothing is known of objects
  uint64_t *hashes; // of the file's records, sorted once it is needed
  size_t n;
  const struct pcln_annot_input **labels; // the objects' directives, in order,
  size_t n_labels, n_met;                 // if the file's are the same; or null
};
PCLN_MUST_CHECK enum pcln_status
pcln_annot_count(struct pcln_annot_count *count, struct pcln_elf *elf,
                 const struct pcln_annot_inputs *inputs,
                 const struct pcln_sink *sink);
void pcln_annot_count_free(struct pcln_annot_count *count);

// Tells whether a thing that is in the linked file has its description.
struct pcln_annot_described {
  bool (*is)(void *ctx, const struct pcln_annot_input *in,
             const struct pcln_elf_symbol *symbol);
  void *ctx;
};
// Holds the objects' records against the file's: one that is not there must be
// of something that is not there either. PCLN_CORRUPT, reported: one was lost.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_check_lost(struct pcln_annot_count *count,
                      const struct pcln_elf *elf,
                      const struct pcln_annot_described *described,
                      const struct pcln_source_options *o);

// --- The annotations of a linked file, on their way into the model
// ------------

struct pcln_annot_job {
  struct pcln_elf *elf;
  struct pcln_module *m;
  struct pcln_source_stats *stats;
  const struct pcln_sink *sink;
  const struct pcln_elf_symbol **by_va; // made when first needed
  struct pcln_annot *safepoints;        // by function: the record that it has
  struct pcln_annot_found *roots;       // variables
  size_t n_roots, cap_roots;
  struct pcln_annot_labels labels;
  struct pcln_annot_count count;
  size_t n_labels;         // met so far
  struct pcln_annot *gone; // records of functions that are not there
  size_t n_gone, cap_gone;
};

// Reports an error about a record at `off` bytes into the section, and about
// `func` (may be null). PCLN_CORRUPT.
enum pcln_status pcln_annot_say_of(const struct pcln_annot_job *j,
                                   const char *func, const char *fault,
                                   size_t off, const char *text);
// The same of a record at `va` that cannot be read.
enum pcln_status pcln_annot_malformed(const struct pcln_annot_job *j,
                                      uint64_t va,
                                      const struct pcln_annot_fault *f);
// Whether gold linked the file.
bool pcln_annot_by_gold(const struct pcln_elf *elf);

// --- src_annot_symbols.c ----------------------------------------------------

// Whether `symbol` is `name`, or a version of it (name@VERSION).
bool pcln_annot_is_called(const char *symbol, const char *name);

// What the symbol table says of a place: of thread-local storage, or of all
// else.
enum pcln_annot_place {
  PCLN_PLACE_NAMED,   // something of that name is there
  PCLN_PLACE_OTHER,   // something else is
  PCLN_PLACE_UNKNOWN, // no symbol begins there; local ones may have been
                      // dropped
};

// PCLN_NO_MEMORY.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_symbol_at(struct pcln_annot_job *j, uint64_t va, const char *name,
                     bool tls, enum pcln_annot_place *place);

// --- src_annot_points.c -----------------------------------------------------

PCLN_MUST_CHECK enum pcln_status
pcln_annot_add_safepoints(struct pcln_annot_job *j, const struct pcln_annot *a);
// Whether functions that are gone were folded into others that keep other
// references: an error. Once all records are read.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_check_gone(const struct pcln_annot_job *j);

// --- src_annot_roots.c ------------------------------------------------------

PCLN_MUST_CHECK enum pcln_status
pcln_annot_add_root(struct pcln_annot_job *j, const struct pcln_annot *a);
// The copy of a shared library's variable; `job` is a struct pcln_annot_job.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_add_copy(void *job, const struct pcln_annot_shared *root,
                    uint64_t va);
// Gives the model all variables. Equal records count once.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_finish_roots(struct pcln_annot_job *j);
// Whether a variable at `va` was met.
bool pcln_annot_root_at(const struct pcln_annot_job *j, uint64_t va);

#endif
