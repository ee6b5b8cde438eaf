// SPDX-License-Identifier: Apache-2.0
//
// Decoders by machine, and the text of an instruction, which is capstone's: the
// only file that knows capstone.
//
// Capstone 4 neither knows every extension nor has every length right. So its
// text counts only where its length is the decoder's; all else is shown as the
// directive by which an assembler would make the same bytes.
#include "insn.h"

#include "bytes.h"

#include <capstone/capstone.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MACHINE_X86_64 = 62, MACHINE_AARCH64 = 183 };
enum { BIG_ENDIAN_HOST = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ };

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

const char *pcdis_machines(void) { return "x86-64 and AArch64"; }

const char *pcdis_machine_name(uint16_t machine) {
  // e_machine, as ELF numbers them.
  static const struct {
    uint16_t machine;
    const char *name;
  } names[] = {{2, "SPARC"},     {3, "i386"},       {8, "MIPS"},
               {20, "PowerPC"},  {21, "PowerPC64"}, {22, "s390x"},
               {40, "ARM"},      {43, "SPARC64"},   {62, "x86-64"},
               {183, "AArch64"}, {243, "RISC-V"},   {258, "LoongArch"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].machine == machine)
      return names[i].name;
  return "unknown";
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

// --- Text -------------------------------------------------------------------

static void bytes_text(const uint8_t *bytes, struct pcdis_insn *out) {
  size_t used = (size_t)snprintf(out->text, sizeof out->text, ".byte ");
  for (uint32_t i = 0; i < out->len && used < sizeof out->text; i++)
    used += (size_t)snprintf(out->text + used, sizeof out->text - used,
                             i ? ",0x%02x" : "0x%02x", bytes[i]);
}

// Appends `s` to the text, of which `used` bytes are taken.
static size_t append(struct pcdis_insn *out, size_t used, const char *s) {
  const size_t room = sizeof out->text - 1 - used, n = strlen(s);
  const size_t len = n < room ? n : room;
  memcpy(out->text + used, s, len);
  out->text[used + len] = 0;
  return used + len;
}

// AArch64's addresses have the sign of an immediate, which x86's do not.
static void drop_hash(struct pcdis_insn *out) {
  char *hash = strrchr(out->text, '#');
  if ((out->target || out->refers) && hash)
    memmove(hash, hash + 1, strlen(hash));
}

static bool capstone_text(struct pcdis *d, const uint8_t *bytes,
                          struct pcdis_insn *out) {
  const uint8_t *p = bytes;
  size_t left = out->len;
  uint64_t va = out->va;
  if (!cs_disasm_iter(d->capstone, &p, &left, &va, d->insn) || left != 0)
    return false;
  size_t used = append(out, 0, d->insn->mnemonic);
  if (d->insn->op_str[0]) {
    used = append(out, used, " ");
    append(out, used, d->insn->op_str);
  }
  return true;
}

static void add_text(struct pcdis *d, const uint8_t *bytes,
                     struct pcdis_insn *out) {
  if (d->machine == MACHINE_X86_64) {
    if (!capstone_text(d, bytes, out))
      bytes_text(bytes, out);
    return;
  }
  const uint32_t word = pcln_load32(bytes, BIG_ENDIAN_HOST);
  if (!pcdis_aarch64_text(word, out) && !capstone_text(d, bytes, out))
    snprintf(out->text, sizeof out->text, ".inst 0x%08x", word);
  drop_hash(out);
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
