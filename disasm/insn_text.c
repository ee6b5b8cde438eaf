// SPDX-License-Identifier: Apache-2.0
//
// Decoders by machine, and the text of an instruction, which is capstone's: the
// only file that knows capstone.
//
// Capstone 4 neither knows every extension nor has every length right. So its
// text counts only where its length is the decoder's; all else is shown as the
// directive by which an assembler would make the same bytes.
#include "insn.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MACHINE_X86_64 = 62, MACHINE_AARCH64 = 183 };

struct pcdis {
  pcdis_decoder *decode;
  uint16_t machine;
  csh capstone;
  cs_insn *insn;
};

struct architecture {
  uint16_t machine;
  pcdis_decoder *decode;
  cs_arch arch;
  cs_mode mode;
};
static const struct architecture architectures[] = {
    {MACHINE_X86_64, pcdis_x86_64, CS_ARCH_X86, CS_MODE_64},
    {MACHINE_AARCH64, pcdis_aarch64, CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN},
};

// AArch64's instructions are little endian whatever its data are, so the byte
// order says nothing here but which machines are refused.
static const struct architecture *find(uint16_t machine, bool big_endian) {
  const size_t n = sizeof architectures / sizeof *architectures;
  for (size_t i = 0; i < n; i++)
    if (architectures[i].machine == machine &&
        (!big_endian || machine == MACHINE_AARCH64))
      return &architectures[i];
  return NULL;
}

enum pcln_status pcdis_open(uint16_t machine, bool big_endian,
                            struct pcdis **out) {
  const struct architecture *a = find(machine, big_endian);
  if (!a)
    return PCLN_UNSUPPORTED;
  struct pcdis *d = calloc(1, sizeof *d);
  if (!d)
    return PCLN_NO_MEMORY;
  d->decode = a->decode;
  d->machine = machine;
  if (cs_open(a->arch, a->mode, &d->capstone) != CS_ERR_OK) {
    free(d);
    return PCLN_NO_MEMORY;
  }
  if (machine == MACHINE_X86_64)
    cs_option(d->capstone, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
  d->insn = cs_malloc(d->capstone);
  if (!d->insn) {
    pcdis_close(d);
    return PCLN_NO_MEMORY;
  }
  *out = d;
  return PCLN_OK;
}

void pcdis_close(struct pcdis *d) {
  if (!d)
    return;
  if (d->insn)
    cs_free(d->insn, 1);
  cs_close(&d->capstone);
  free(d);
}

static void bytes_text(const uint8_t *bytes, struct pcdis_insn *out) {
  size_t used = (size_t)snprintf(out->text, sizeof out->text, ".byte ");
  for (uint32_t i = 0; i < out->len && used < sizeof out->text; i++)
    used += (size_t)snprintf(out->text + used, sizeof out->text - used,
                             i ? ",0x%02x" : "0x%02x", bytes[i]);
}

static void add_text(struct pcdis *d, const uint8_t *bytes,
                     struct pcdis_insn *out) {
  const uint8_t *p = bytes;
  size_t left = out->len;
  uint64_t va = out->va;
  if (!cs_disasm_iter(d->capstone, &p, &left, &va, d->insn) || left != 0)
    bytes_text(bytes, out);
  else
    snprintf(out->text, sizeof out->text, d->insn->op_str[0] ? "%s %s" : "%s",
             d->insn->mnemonic, d->insn->op_str);
}

enum pcln_status pcdis_decode(struct pcdis *d, const uint8_t *bytes, size_t len,
                              uint64_t va, bool want_text,
                              struct pcdis_insn *out) {
  if (!d->decode(bytes, len, va, out))
    return PCLN_CORRUPT;
  if (want_text)
    add_text(d, bytes, out);
  return PCLN_OK;
}
