// SPDX-License-Identifier: Apache-2.0
//
// An object file's LLVM stack maps as a debug section, which every linker
// relocates and none drops.
#ifndef PCLNTAB_ELF_DEMOTE_H
#define PCLNTAB_ELF_DEMOTE_H

#include "elf_image.h"

// The object with its section .llvm_stackmaps, and the relocations of that,
// renamed and no longer allocated. PCLN_OK: *out is its bytes, *len of them,
// which the caller frees; null: there is nothing to change. PCLN_UNSUPPORTED,
// PCLN_CORRUPT: reported. PCLN_NO_MEMORY.
PCLN_MUST_CHECK enum pcln_status pcln_elf_demote(struct pcln_elf *elf,
                                                 const struct pcln_sink *sink,
                                                 uint8_t **out, size_t *len);

#endif
