// SPDX-License-Identifier: Apache-2.0
//
// Decoders: the neutral form of instructions from their bytes.
#include "disasm.h"

#include "insn_cases.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { X86_64 = 62, AARCH64 = 183, S390X = 22, LONGEST = 15 };
enum { VA = 0x10000 };

// --- The neutral form in words ----------------------------------------------

// Appends to `buf`, which is large enough.
__attribute__((format(printf, 2, 3))) static void add(char *buf,
                                                      const char *format, ...) {
  va_list args;
  va_start(args, format);
  vsprintf(buf + strlen(buf), format, args);
  va_end(args);
}

static void add_place(char *buf, const char *name, struct pcdis_place p) {
  static const char *const formats[] = {
      [PCDIS_SP] = "%ssp%+d ",        [PCDIS_FP] = "%sfp%+d ",
      [PCDIS_TMP0] = "%stmp0%+d ",    [PCDIS_TMP1] = "%stmp1%+d ",
      [PCDIS_SP_WORD] = "%s[sp%+d] ", [PCDIS_FP_WORD] = "%s[fp%+d] ",
      [PCDIS_SP_LESS] = "%ssp-tmp1 ", [PCDIS_SP_MORE] = "%ssp+tmp1 ",
      [PCDIS_CONST] = "%s#%d ",       [PCDIS_WORD] = "%sword ",
      [PCDIS_ALIGNED] = "%salign%d ", [PCDIS_OTHER] = "%sother "};
  if (p.kind == PCDIS_SAME)
    return;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  char part[64];
  snprintf(part, sizeof part, formats[p.kind], name, p.off);
#pragma GCC diagnostic pop
  add(buf, "%s", part);
}

static void neutral(const struct pcdis_insn *i, char *buf) {
  static const char *const flows[] = {
      [PCDIS_NEXT] = "",         [PCDIS_CALL] = "call",
      [PCDIS_JUMP] = "jump",     [PCDIS_BRANCH] = "branch",
      [PCDIS_RETURN] = "return", [PCDIS_STOP] = "stop"};
  *buf = 0;
  add(buf, "%s", flows[i->flow]);
  if (i->indirect)
    add(buf, "*");
  else if (i->target == 0x1122) // an address, not a distance
    add(buf, "=0x1122");
  else if (i->target)
    add(buf, "%+lld", (long long)(i->target - VA));
  if (*buf)
    add(buf, " ");
  if (i->padding)
    add(buf, "pad ");
  add_place(buf, "sp=", i->sp);
  add_place(buf, "fp=", i->fp);
  add_place(buf, "ra=", i->ra);
  if (i->flow != PCDIS_CALL) { // which leaves nothing in them
    add_place(buf, "tmp0=", i->tmp[0]);
    add_place(buf, "tmp1=", i->tmp[1]);
  }
  add_place(buf, "fp@", i->fp_store);
  add_place(buf, "ra@", i->ra_store);
  if (i->refers)
    add(buf, "refers=%+lld ", (long long)(i->refers - VA));
  const size_t len = strlen(buf);
  if (len)
    buf[len - 1] = 0;
}

static size_t unhex(const char *hex, uint8_t *out) {
  size_t n = 0;
  for (; hex[0]; hex += 2)
    out[n++] = (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
  return n;
}

static struct pcdis *open_decoder(uint16_t machine) {
  struct pcdis *d = NULL;
  assert_int_equal(pcdis_open(machine, false, &d), PCLN_OK);
  return d;
}

// --- Tests ------------------------------------------------------------------

static void check_cases(uint16_t machine, const struct insn_case *cases,
                        size_t n) {
  struct pcdis *d = open_decoder(machine);
  unsigned bad = 0;
  for (size_t i = 0; i < n; i++) {
    uint8_t bytes[16] = {0};
    struct pcdis_insn insn;
    char words[200] = "refused";
    const size_t len = unhex(cases[i].bytes, bytes);
    // What stands behind an instruction must not matter.
    memset(bytes + len, 0xff, sizeof bytes - len);
    if (pcdis_decode(d, bytes, sizeof bytes, VA, false, &insn) == PCLN_OK)
      neutral(&insn, words);
    if (strcmp(words, cases[i].neutral) == 0 && insn.len == len &&
        insn.va == VA && insn.text[0] == 0)
      continue;
    print_error("%s: \"%s\" instead of \"%s\", %u bytes\n", cases[i].text,
                words, cases[i].neutral, insn.len);
    bad++;
  }
  pcdis_close(d);
  assert_int_equal(bad, 0);
}

static void x86_64_instructions_have_their_neutral_form(void **state) {
  (void)state;
  check_cases(X86_64, x86_64_cases, sizeof x86_64_cases / sizeof *x86_64_cases);
}

static void aarch64_instructions_have_their_neutral_form(void **state) {
  (void)state;
  check_cases(AARCH64, aarch64_cases,
              sizeof aarch64_cases / sizeof *aarch64_cases);
}

// Prefixes alone and instructions that end too early; in a buffer of the very
// size, so that a sanitizer sees a read past it.
static void check_prefixes(uint16_t machine, const struct insn_case *cases,
                           size_t n) {
  struct pcdis *d = open_decoder(machine);
  for (size_t i = 0; i < n; i++) {
    uint8_t bytes[16];
    struct pcdis_insn insn;
    const size_t len = unhex(cases[i].bytes, bytes);
    for (size_t part = 0; part < len; part++) {
      uint8_t *copy = malloc(part ? part : 1);
      assert_non_null(copy);
      memcpy(copy, bytes, part);
      if (pcdis_decode(d, copy, part, VA, true, &insn) == PCLN_OK)
        fail_msg("%zu bytes of %s are taken for a whole", part, cases[i].text);
      free(copy);
    }
  }
  pcdis_close(d);
}

static void no_prefix_of_an_instruction_is_one(void **state) {
  (void)state;
  check_prefixes(AARCH64, aarch64_cases,
                 sizeof aarch64_cases / sizeof *aarch64_cases);
  check_prefixes(X86_64, x86_64_cases,
                 sizeof x86_64_cases / sizeof *x86_64_cases);
}

static void x86_64_refuses_what_is_no_instruction(void **state) {
  (void)state;
  static const char *const cases[] = {
      "06", "27", "60", "82c000", "9a00000000000000", "ea00000000", "d4", "ce",
      "0f04", "0f0a", "0f24c0", "0f36", "48c5f8", "66c5f8", "c4e0", "d5000f",
      "62f07c4858c0",
      // sixteen bytes, one too many
      "66666666666666666666666666660f1f00"};
  struct pcdis *d = open_decoder(X86_64);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t bytes[32] = {0};
    struct pcdis_insn insn;
    unhex(cases[i], bytes);
    if (pcdis_decode(d, bytes, sizeof bytes, VA, false, &insn) == PCLN_OK)
      fail_msg("%s is decoded", cases[i]);
  }
  pcdis_close(d);
}

static void text_is_the_assemblers(void **state) {
  (void)state;
  static const struct {
    uint16_t machine;
    const char *bytes, *text;
  } cases[] = {
      {X86_64, "55", "pushq %rbp"},
      {X86_64, "4883ec18", "subq $0x18, %rsp"},
      {X86_64, "e800010000", "callq 0x10105"},
      {X86_64, "f30f1efa", "endbr64"},
      // Too new for capstone 4: its bytes.
      {X86_64, "62f2fd4875c8", ".byte 0x62,0xf2,0xfd,0x48,0x75,0xc8"},
      {AARCH64, "fd7bbea9", "stp x29, x30, [sp, #-0x20]!"},
      {AARCH64, "40000094", "bl 0x10100"},
      {AARCH64, "6400e2f8", "ldaddal x2, x4, [x3]"},
      {AARCH64, "c7fcfb88", "casal w27, w7, [x6]"},
      {AARCH64, "3f2303d5", "paciasp"},
      {AARCH64, "5f2403d5", "bti c"},
      {AARCH64, "ff0b5fd6", "retaa"},
      {AARCH64, "00000000", "udf #0"},
      {AARCH64, "ffffffff", ".inst 0xffffffff"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pcdis *d = open_decoder(cases[i].machine);
    uint8_t bytes[16];
    struct pcdis_insn insn;
    const size_t len = unhex(cases[i].bytes, bytes);
    assert_int_equal(pcdis_decode(d, bytes, len, VA, true, &insn), PCLN_OK);
    assert_string_equal(insn.text, cases[i].text);
    pcdis_close(d);
  }
}

// Random bytes: a length within bounds, the same answer with and without text.
static void any_bytes_are_decoded_within_bounds(void **state) {
  (void)state;
  static const uint16_t machines[] = {X86_64, AARCH64};
  uint64_t seed = 88172645463325252u;
  for (size_t m = 0; m < 2; m++) {
    struct pcdis *d = open_decoder(machines[m]);
    for (unsigned i = 0; i < 200000; i++) {
      uint8_t bytes[16];
      for (size_t k = 0; k < sizeof bytes; k++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        bytes[k] = (uint8_t)seed;
      }
      struct pcdis_insn a, b;
      const bool ok =
          pcdis_decode(d, bytes, sizeof bytes, VA, false, &a) == PCLN_OK;
      assert_int_equal(ok, pcdis_decode(d, bytes, sizeof bytes, VA, true, &b) ==
                               PCLN_OK);
      if (!ok)
        continue;
      assert_in_range(a.len, 1, LONGEST);
      assert_int_equal(a.len, b.len);
      assert_true(b.text[0] != 0);
    }
    pcdis_close(d);
  }
}

static void other_machines_are_refused_by_name(void **state) {
  (void)state;
  struct pcdis *d = NULL;
  assert_int_equal(pcdis_open(S390X, true, &d), PCLN_UNSUPPORTED);
  assert_int_equal(pcdis_open(X86_64, true, &d), PCLN_UNSUPPORTED);
  assert_null(d);
  assert_string_equal(pcdis_machine_name(S390X), "s390x");
  assert_string_equal(pcdis_machine_name(0xffff), "unknown");
  assert_non_null(strstr(pcdis_machines(), "AArch64"));
  pcdis_close(NULL);
}

// Data of AArch64 may be big endian; its instructions never are.
static void aarch64_code_is_little_endian(void **state) {
  (void)state;
  static const uint8_t ret[] = {0xc0, 0x03, 0x5f, 0xd6};
  struct pcdis *d = NULL;
  struct pcdis_insn insn;
  assert_int_equal(pcdis_open(AARCH64, true, &d), PCLN_OK);
  assert_int_equal(pcdis_decode(d, ret, 4, VA, false, &insn), PCLN_OK);
  assert_int_equal(insn.flow, PCDIS_RETURN);
  assert_int_equal(pcdis_decode(d, ret, 4, VA + 2, false, &insn), PCLN_CORRUPT);
  pcdis_close(d);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(x86_64_instructions_have_their_neutral_form),
      cmocka_unit_test(aarch64_instructions_have_their_neutral_form),
      cmocka_unit_test(no_prefix_of_an_instruction_is_one),
      cmocka_unit_test(x86_64_refuses_what_is_no_instruction),
      cmocka_unit_test(text_is_the_assemblers),
      cmocka_unit_test(any_bytes_are_decoded_within_bounds),
      cmocka_unit_test(other_machines_are_refused_by_name),
      cmocka_unit_test(aarch64_code_is_little_endian),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
