// SPDX-License-Identifier: Apache-2.0
//
// Private to elf_plan.c and elf_write.c: what becomes of a linked file when
// the table goes into it, decided before a byte is written.
//
// In place (the usual case; nothing that exists moves):
//
//   | all bytes of the file | blob | (program headers) | names | sections |
//   0                       ^file_off                        ^new e_shoff
//
// Rewritten (a table is replaced or debug sections go): the same, but for a
// copy of the file, and what stands before the blob is
//
//   | prefix: all that is loaded | kept sections, closed up |
#ifndef PCLNTAB_ELF_PLAN_H
#define PCLNTAB_ELF_PLAN_H

#include "link.h"

// Where fields stand in the records of each class; bytes from their start.
struct pcln_elf_fields {
  uint8_t ehdr_size, phdr_size, shdr_size, sym_size;
  uint8_t e_phoff, e_shoff, e_phnum, e_shnum, e_shstrndx;
  uint8_t p_flags, p_off, p_va, p_pa, p_filesz, p_memsz, p_align;
  uint8_t sh_flags, sh_va, sh_off, sh_size, sh_link, sh_info, sh_align;
  uint8_t st_shndx;
};

struct pcln_elf_plan {
  const struct pcln_elf_fields *fields;
  uint64_t phoff, shoff; // bytes from file start; shoff 0: no sections
  uint32_t shstrndx;     // 0: no section header is written

  size_t slot; // index of the program header that becomes the table's
  bool has_slot;
  bool move_phdrs; // the table of program headers goes behind the blob
  bool replaces;   // the slot holds an earlier table of ours

  // The reserving note, which stays: bytes from file start, and how many bytes
  // of padding in front of it are to become part of it.
  uint64_t note_off, note_pad;

  uint64_t va, file_off; // of the blob
  uint64_t align;        // of its segment

  bool rewrite;    // through a copy of the file
  uint64_t prefix; // rewrite: bytes kept as they are
  // Per section: dropped; number in the new table; offset in the new file.
  bool *drop;
  uint32_t *new_idx;
  uint64_t *new_off;
  size_t n_kept; // sections in the new table, before new ones
};

// Fills *plan for `elf`; pcln_elf_plan_free() in every case. A file that
// cannot take a table is reported.
PCLN_MUST_CHECK enum pcln_status
pcln_elf_plan_make(const struct pcln_elf *elf,
                   const struct pcln_link_options *o,
                   const struct pcln_sink *sink, struct pcln_elf_plan *plan);
void pcln_elf_plan_free(struct pcln_elf_plan *plan);

// Whether a section is one that `strip-debug` drops.
bool pcln_elf_is_debug(const struct pcln_elf_section *s);

#endif
