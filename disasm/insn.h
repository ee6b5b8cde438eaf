// SPDX-License-Identifier: Apache-2.0
//
// Private to disasm/: the decoders of each architecture.
#ifndef PCLNTAB_INSN_H
#define PCLNTAB_INSN_H

#include "disasm.h"

// Fills everything in *out but the text, which becomes "". False: `bytes`,
// of which `len` are there, begin with no instruction, or not with a whole one.
typedef bool pcdis_decoder(const uint8_t *bytes, size_t len, uint64_t va,
                           struct pcdis_insn *out);
pcdis_decoder pcdis_x86_64, pcdis_aarch64;

// The text of an AArch64 instruction that capstone does not know, or does not
// name; false for all others.
bool pcdis_aarch64_text(uint32_t word, struct pcdis_insn *out);

static inline struct pcdis_place pcdis_at(enum pcdis_place_kind kind,
                                          int64_t off) {
  if (off != (int32_t)off)
    return (struct pcdis_place){PCDIS_OTHER, 0};
  return (struct pcdis_place){(uint8_t)kind, (int32_t)off};
}

#endif
