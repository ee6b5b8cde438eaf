// SPDX-License-Identifier: Apache-2.0
//
// Holds the decoders against llvm-objdump: reads what `llvm-objdump -d` prints,
// decodes the bytes of each line and compares length, flow and target, and
// whether SP, FP or LR is written, with what the text says.
//
// A register that the text writes and the decoder calls unchanged is wrong, and
// so is a value given for one that is not written. PCDIS_OTHER for one that is
// not written is a doubt, which decoders may have; the caller bounds them.
//   insn_objdump x86-64|aarch64 [MOST-WRONG] < text
#include "disasm.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { X86_64 = 62, AARCH64 = 183, MAX_SHOWN = 20 };

// One line of llvm-objdump, taken apart.
struct line {
  uint64_t va;
  uint8_t bytes[16];
  size_t len;
  char mnemonic[32];
  char operands[400];
};

struct counts {
  unsigned long lines, unknown, refused, doubts, wrong, unnamed;
};

// --- Reading ----------------------------------------------------------------

static bool begins(const char *s, const char *with) {
  return strncmp(s, with, strlen(with)) == 0;
}

static bool in_list(const char *word, const char *list) {
  const size_t len = strlen(word);
  for (const char *p = list; len && (p = strstr(p, word)); p++)
    if ((p == list || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
      return true;
  return false;
}

static bool hex_byte(const char *p, uint8_t *out) {
  if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1]) ||
      !isspace((unsigned char)p[2]))
    return false;
  *out = (uint8_t)strtoul((char[]){p[0], p[1], 0}, NULL, 16);
  return true;
}

static char *read_bytes(char *p, bool words, struct line *out) {
  while (*p == ' ')
    p++;
  if (words) {
    const uint32_t word = (uint32_t)strtoul(p, &p, 16);
    memcpy(out->bytes, &word, 4);
    out->len = 4;
  }
  for (uint8_t b; !words && out->len < 16 && hex_byte(p, &b); p += 3)
    out->bytes[out->len++] = b;
  while (*p == ' ')
    p++;
  return p;
}

// "  401000: 48 83 ec 08 \tsubq\t$8, %rsp", or of AArch64 "d503201f \tnop".
// False: a heading, data, or a prefix by itself.
static bool parse(char *text, bool words, struct line *out) {
  static const char prefixes[] =
      "lock rep repne repe notrack data16 bnd addr32 cs ds es fs gs ss rex64 "
      "xacquire xrelease {nf} {evex}";
  memset(out, 0, sizeof *out);
  char *p;
  if (*text != ' ' && !isxdigit((unsigned char)*text))
    return false;
  out->va = strtoull(text, &p, 16);
  if (*p != ':' || p == text)
    return false;
  p = read_bytes(p + 1, words, out);
  int n;
  if (!out->len || *p != '\t' || sscanf(p, " %31s%n", out->mnemonic, &n) != 1)
    return false;
  for (p += n; in_list(out->mnemonic, prefixes); p += n)
    if (sscanf(p, " %31s%n", out->mnemonic, &n) != 1)
      return false;
  sscanf(p, " %399[^\n]", out->operands);
  return true;
}

// --- Flow -------------------------------------------------------------------

static enum pcdis_flow x86_flow(const char *m) {
  if (begins(m, "call") || begins(m, "lcall"))
    return PCDIS_CALL;
  if (begins(m, "jmp") || begins(m, "ljmp"))
    return PCDIS_JUMP;
  if (*m == 'j' || begins(m, "loop") || begins(m, "xbegin"))
    return PCDIS_BRANCH;
  if (begins(m, "ret") || begins(m, "lret") || begins(m, "iret") ||
      begins(m, "sysret") || begins(m, "sysexit"))
    return PCDIS_RETURN;
  return in_list(m, "ud2 ud1l ud1q ud1w ud0l ud0q ud0w hlt int3") ? PCDIS_STOP
                                                                  : PCDIS_NEXT;
}

static enum pcdis_flow aarch64_flow(const char *m) {
  if (in_list(m, "bl blr blraa blraaz blrab blrabz"))
    return PCDIS_CALL;
  if (in_list(m, "b br braa braaz brab brabz"))
    return PCDIS_JUMP;
  if (begins(m, "b.") || begins(m, "bc.") || in_list(m, "cbz cbnz tbz tbnz"))
    return PCDIS_BRANCH;
  if (in_list(m, "ret retaa retab retaasppc retabsppc eret eretaa eretab drps"))
    return PCDIS_RETURN;
  return in_list(m, "udf brk hlt") ? PCDIS_STOP : PCDIS_NEXT;
}

// The address among the operands, which is the last that begins one; null: the
// target is in a register or in memory.
static const char *target_of(const char *operands) {
  const char *last = NULL;
  for (const char *p = operands; (p = strstr(p, "0x")); p++)
    if (p == operands || p[-1] == ' ')
      last = p;
  return *operands == '*' ? NULL : last;
}

// --- Registers that the text writes: x86 ------------------------------------

// The register called `name` stands in `operands` as one of them, not inside of
// parentheses.
static bool names_register(const char *operands, const char *name) {
  const size_t len = strlen(name);
  int depth = 0;
  for (const char *p = operands; *p && *p != '#'; p++) {
    depth += (*p == '(') - (*p == ')');
    if (depth == 0 && strncmp(p, name, len) == 0 &&
        !isalnum((unsigned char)p[len]) && (p == operands || p[-1] == ' '))
      return true;
  }
  return false;
}

// The last operand but `n`.
static const char *operand_from_end(const char *operands, int n) {
  const char *starts[8] = {operands};
  int count = 1, depth = 0;
  for (const char *p = operands; *p && *p != '#'; p++) {
    depth += (*p == '(') - (*p == ')');
    if (depth == 0 && *p == ',' && count < 8)
      starts[count++] = p + 2;
  }
  return starts[count > n ? count - 1 - n : 0];
}

// AT&T's syntax writes the last operand, of most.
static bool x86_writes(const struct line *l, const char *const *names) {
  static const char reads[] =
      "cmpb cmpw cmpl cmpq testb testw testl testq pushq pushw callq jmpq mulb "
      "mulw mull mulq divb divw divl divq idivb idivw idivl idivq nopl nopw "
      "nopq btw btl btq wrfsbaseq wrgsbaseq wrfsbasel wrgsbasel ptwritel "
      "ptwriteq incsspd incsspq umwait tpause umonitor senduipi lldt ltr verr "
      "verw lmsw vmwriteq movdir64b enqcmd invpcid invept invvpid insertq";
  const char *m = l->mnemonic;
  const bool one = !strchr(l->operands, ',');
  if (in_list(m, reads) || (one && begins(m, "imul")))
    return false;
  const char *from = operand_from_end(l->operands, 0);
  if (begins(m, "xchg") || begins(m, "xadd") ||
      (begins(m, "cmp") && strstr(m, "xadd")))
    from = l->operands;
  else if (begins(m, "mulx"))
    from = operand_from_end(l->operands, 1);
  for (; *names; names++)
    if (names_register(from, *names))
      return true;
  return false;
}

// --- Registers that the text writes: AArch64 --------------------------------

static bool is_register(const char *operand, const char *x, const char *w) {
  const size_t n = begins(operand, x)   ? strlen(x)
                   : begins(operand, w) ? strlen(w)
                                        : 0;
  return n && !isalnum((unsigned char)operand[n]);
}

// The operand that is written, the first of most, and the one after it if both
// are; null: none.
static const char *aarch64_results(const struct line *l, bool *both) {
  static const char reads[] =
      "cmp cmn tst ccmp ccmn cbz cbnz tbz tbnz msr sys br blr ret prfm prfum "
      "braa brab blraa blrab braaz brabz blraaz blrabz rmif setf8 setf16 tlbi "
      "dc ic at";
  static const char *const atomics[] = {"ldadd", "ldclr", "ldeor", "ldset",
                                        "ldsm",  "ldum",  "swp"};
  const char *m = l->mnemonic, *second = strchr(l->operands, ',');
  *both = begins(m, "ldp") || begins(m, "ldnp") || begins(m, "ldxp") ||
          begins(m, "ldaxp");
  for (size_t i = 0; i < sizeof atomics / sizeof *atomics; i++)
    if (begins(m, atomics[i]))
      return second ? second + 2 : NULL;
  const bool status = begins(m, "stxr") || begins(m, "stlxr") ||
                      begins(m, "stxp") || begins(m, "stlxp") ||
                      begins(m, "st64bv");
  if (in_list(m, reads) || (begins(m, "st") && !status) || begins(m, "pac") ||
      begins(m, "aut") || begins(m, "xpac"))
    return NULL;
  return l->operands;
}

static bool aarch64_writes(const struct line *l, const char *x, const char *w) {
  const char *base = strstr(l->operands, "[x");
  if (!base)
    base = strstr(l->operands, "[sp");
  if (base && (strstr(base, "]!") || strstr(base, "],")) &&
      is_register(base + 1, x, x))
    return true;
  bool both;
  const char *first = aarch64_results(l, &both);
  const char *second = first ? strchr(first, ',') : NULL;
  return first && (is_register(first, x, w) ||
                   (both && second && is_register(second + 2, x, w)));
}

// --- Comparing --------------------------------------------------------------

static void show(struct counts *c, const struct line *l, const char *what) {
  if (c->wrong++ >= MAX_SHOWN)
    return;
  printf("%llx: ", (unsigned long long)l->va);
  for (size_t i = 0; i < l->len; i++)
    printf("%02x", l->bytes[i]);
  printf(" %s %s: %s\n", l->mnemonic, l->operands, what);
}

static void compare_register(struct counts *c, const struct line *l,
                             struct pcdis_place place, bool written,
                             const char *what) {
  if (!written && place.kind == PCDIS_OTHER)
    c->doubts++;
  else if (written != (place.kind != PCDIS_SAME))
    show(c, l, what);
}

static void compare_x86(struct counts *c, const struct line *l,
                        const struct pcdis_insn *insn) {
  static const char *const sp[] = {"%rsp", "%esp", "%sp", "%spl", NULL};
  static const char *const fp[] = {"%rbp", "%ebp", "%bp", "%bpl", NULL};
  const char *m = l->mnemonic;
  // APX's push and pop of two, and all that may or may not have a result.
  if (insn->flow != PCDIS_NEXT || insn->padding || l->bytes[0] == 0x62)
    return;
  const bool stack = begins(m, "push") || (begins(m, "pop") && m[3] != 'c') ||
                     in_list(m, "enter leave");
  if (stack != (insn->sp.kind == PCDIS_SP || insn->sp.kind == PCDIS_FP ||
                insn->sp.kind == PCDIS_SP_WORD) &&
      stack)
    show(c, l, "sp of a push or pop");
  if (!stack)
    compare_register(c, l, insn->sp, x86_writes(l, sp), "sp");
  if (!in_list(m, "leave enter"))
    compare_register(c, l, insn->fp, x86_writes(l, fp), "fp");
}

static void compare_aarch64(struct counts *c, const struct line *l,
                            const struct pcdis_insn *insn) {
  compare_register(c, l, insn->sp, aarch64_writes(l, "sp", "wsp"), "sp");
  compare_register(c, l, insn->fp, aarch64_writes(l, "x29", "w29"), "fp");
  compare_register(c, l, insn->ra,
                   insn->flow == PCDIS_CALL || aarch64_writes(l, "x30", "w30"),
                   "lr");
}

static void compare_flow(struct counts *c, bool x86, const struct line *l,
                         const struct pcdis_insn *insn) {
  const enum pcdis_flow flow =
      x86 ? x86_flow(l->mnemonic) : aarch64_flow(l->mnemonic);
  const char *target = target_of(l->operands);
  if (insn->flow != flow) {
    show(c, l, "flow");
    return;
  }
  if (flow != PCDIS_CALL && flow != PCDIS_JUMP && flow != PCDIS_BRANCH)
    return;
  if (insn->indirect != !target)
    show(c, l, "indirect");
  else if (target && strtoull(target, NULL, 16) != insn->target)
    show(c, l, "target");
}

static void compare(struct counts *c, struct pcdis *d, bool x86,
                    const struct line *l) {
  struct pcdis_insn insn;
  c->lines++;
  if (l->mnemonic[0] == '<') { // "<unknown>"
    c->unknown++;
    return;
  }
  if (pcdis_decode(d, l->bytes, l->len, l->va, true, &insn) != PCLN_OK) {
    c->refused++;
    show(c, l, "refused");
    return;
  }
  c->unnamed += insn.text[0] == '.';
  if (insn.len != l->len) {
    show(c, l, "length");
    return;
  }
  compare_flow(c, x86, l, &insn);
  if (x86)
    compare_x86(c, l, &insn);
  else
    compare_aarch64(c, l, &insn);
}

int main(int argc, char **argv) {
  static char text[4096];
  struct counts c = {0};
  struct pcdis *d;
  const bool x86 = argc > 1 && strcmp(argv[1], "x86-64") == 0;
  const unsigned long most = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
  if (argc < 2 || pcdis_open(x86 ? X86_64 : AARCH64, false, &d) != PCLN_OK)
    return 2;
  for (struct line l; fgets(text, sizeof text, stdin);)
    if (parse(text, !x86, &l))
      compare(&c, d, x86, &l);
  pcdis_close(d);
  printf("%lu instructions: %lu unknown to llvm-objdump, %lu refused, %lu "
         "doubts, %lu without text, %lu wrong\n",
         c.lines, c.unknown, c.refused, c.doubts, c.unnamed, c.wrong);
  return c.lines == 0 ? 2 : c.wrong > most || c.doubts > c.lines / 100;
}
