// SPDX-License-Identifier: Apache-2.0
//
// Text of the AArch64 instructions that compilers emit every day and that
// capstone 4 does not know: atomics (ARMv8.1), pointer authentication and
// branch targets (ARMv8.3, 8.5).
#include "insn.h"

#include <stdio.h>

static unsigned bits(uint32_t word, unsigned lo, unsigned n) {
  return word >> lo & ((1u << n) - 1);
}

// A register's name; 31 is the zero register, or SP as a base.
static const char *reg_name(char buf[8], bool wide, unsigned n, bool base) {
  if (n == 31)
    return base ? "sp" : wide ? "xzr" : "wzr";
  snprintf(buf, 8, "%c%u", wide ? 'x' : 'w', n);
  return buf;
}

// "ldaddal w1, w2, [x3]": operation, order, size, then the registers.
static void memory_text(uint32_t word, const char *operation, const char *order,
                        struct pcdis_insn *out) {
  static const char *const sizes[] = {"b", "h", "", ""};
  const bool wide = bits(word, 30, 2) == 3;
  char rs[8], rt[8], rn[8];
  snprintf(out->text, sizeof out->text, "%s%s%s %s, %s, [%s]", operation, order,
           sizes[bits(word, 30, 2)],
           reg_name(rs, wide, bits(word, 16, 5), false),
           reg_name(rt, wide, bits(word, 0, 5), false),
           reg_name(rn, true, bits(word, 5, 5), true));
}

static bool atomic_text(uint32_t word, struct pcdis_insn *out) {
  static const char *const operations[] = {"ldadd",  "ldclr",  "ldeor",
                                           "ldset",  "ldsmax", "ldsmin",
                                           "ldumax", "ldumin", "swp"};
  static const char *const orders[] = {"", "l", "a", "al"};
  if ((word & 0x3f200c00) == 0x38200000 && bits(word, 12, 4) <= 8) {
    memory_text(word, operations[bits(word, 12, 4)], orders[bits(word, 22, 2)],
                out);
    return true;
  }
  if ((word & 0x3fa07c00) == 0x08a07c00) {
    memory_text(word, "cas", orders[bits(word, 22, 1) * 2 + bits(word, 15, 1)],
                out);
    return true;
  }
  return false;
}

// Hints, which are instructions that older processors pass over.
static const char *hint_text(uint32_t word) {
  static const char *const names[128] = {
      [7] = "xpaclri",    [8] = "pacia1716",  [10] = "pacib1716",
      [12] = "autia1716", [14] = "autib1716", [24] = "paciaz",
      [25] = "paciasp",   [26] = "pacibz",    [27] = "pacibsp",
      [28] = "autiaz",    [29] = "autiasp",   [30] = "autibz",
      [31] = "autibsp",   [32] = "bti",       [34] = "bti c",
      [36] = "bti j",     [38] = "bti jc"};
  return (word & 0xfffff01f) == 0xd503201f ? names[bits(word, 5, 7)] : NULL;
}

static const char *fixed_text(uint32_t word) {
  switch (word) {
  case 0xd65f0bff:
    return "retaa";
  case 0xd65f0fff:
    return "retab";
  default:
    return hint_text(word);
  }
}

bool pcdis_aarch64_text(uint32_t word, struct pcdis_insn *out) {
  const char *fixed = fixed_text(word);
  if (fixed)
    snprintf(out->text, sizeof out->text, "%s", fixed);
  else if (word >> 16 == 0)
    snprintf(out->text, sizeof out->text, "udf #%u", word);
  else
    return atomic_text(word, out);
  return true;
}
