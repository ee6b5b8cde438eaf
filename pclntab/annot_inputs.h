// SPDX-License-Identifier: Apache-2.0
//
// What the objects of a link say in their annotations, as the linker's plugin
// sees them: the one place where a fault can still be blamed on an object, and
// what the linked file's records are counted against.
#ifndef PCLNTAB_ANNOT_INPUTS_H
#define PCLNTAB_ANNOT_INPUTS_H

#include "annot.h"
#include "elf_image.h"

// One record of an object.
struct pcln_annot_input {
  uint64_t hash;   // of its kind and of what follows its address
  uint64_t addend; // of the relocation of its address
  uint8_t kind;
  uint32_t index;     // of FUNCDATA and PCDATA
  uint64_t place;     // of the function in its object, to tell two apart
  uint32_t size;      // bytes of the function; 0: not known
  const char *name;   // of the function or variable; null: not known
  const char *group;  // signature of its section's COMDAT group; null: none
  const char *object; // file that it is in
};

// References in an exported variable of a shared library.
struct pcln_annot_shared {
  const char *name; // of the symbol
  uint64_t off;     // bytes from its value
  uint32_t n_words, repeat;
  const uint8_t *codes;
};

// Those of all objects, in the linker's order. Starts zeroed.
struct pcln_annot_inputs {
  struct pcln_annot_input *list;
  size_t n, cap;
  struct pcln_annot_shared *shared; // of the libraries
  size_t n_shared, cap_shared;
  struct pcln_arena arena;
};
void pcln_annot_inputs_free(struct pcln_annot_inputs *inputs);

// The hash of a record, in an object or in the linked file.
uint64_t pcln_annot_hash(const struct pcln_annot *a);
// Whether the record is a directive, which knows no name.
static inline bool pcln_annot_is_label(uint8_t kind) {
  return kind == PCLN_ANNOT_FUNCDATA || kind == PCLN_ANNOT_PCDATA;
}

// How many units of an object, or of a linked file, have the note that says
// that they use references.
size_t pcln_annot_notes(const struct pcln_elf *elf);

// Checks the annotations of a relocatable object, called `name` in reports, and
// adds them. PCLN_CORRUPT, reported with function and offset: a record that is
// malformed, whose address is not relocated, or that says a thing twice; a unit
// that uses references and was compiled without the plug-in; or one whose
// records are gone.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_inputs_add(struct pcln_annot_inputs *inputs, struct pcln_elf *object,
                      const char *name, const struct pcln_sink *sink);

// --- annot_shared.c ---------------------------------------------------------

// Adds the exported variables with references of a shared library.
PCLN_MUST_CHECK enum pcln_status
pcln_annot_inputs_add_shared(struct pcln_annot_inputs *inputs,
                             struct pcln_elf *library);
// Calls `fn` for each of them that the linked file has a copy of, with the
// copy's address.
typedef enum pcln_status (*pcln_annot_copy_fn)(
    void *ctx, const struct pcln_annot_shared *root, uint64_t va);
PCLN_MUST_CHECK enum pcln_status
pcln_annot_copies(struct pcln_elf *elf, const struct pcln_annot_inputs *inputs,
                  const struct pcln_sink *sink, pcln_annot_copy_fn fn,
                  void *ctx);

#endif
