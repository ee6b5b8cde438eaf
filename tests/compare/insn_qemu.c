// SPDX-License-Identifier: Apache-2.0
//
// The AArch64 decoder against QEMU, which writes all registers before each
// instruction (-singlestep -d cpu,nochain): what each did to PC, SP, FP, LR and
// the two temporaries, against what the decoder said it would do. Words that
// are loaded are known if they were stored as FP or LR before.
//
// Threads write into one log. Go keeps the goroutine in X28; a step is compared
// only if that stays the same.
//   insn_qemu FILE STEPS < log
#include "disasm.h"
#include "elf_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AARCH64 = 183, MAX_SHOWN = 20, N_SHADOW = 1 << 16 };
enum { TMP0 = 20, TMP1 = 27, G = 28, FP = 29, LR = 30, SP = 31, PC = 32, N };

struct regs {
  uint64_t r[N];
};

struct counts {
  unsigned long steps, foretold, unsaid, wrong;
};

// --- Reading the log --------------------------------------------------------

static int register_number(const char *name) {
  if (memcmp(name, " PC", 3) == 0)
    return PC;
  if (memcmp(name, " SP", 3) == 0)
    return SP;
  return name[0] == 'X' ? atoi(name + 1) : -1;
}

// The registers before one instruction; a line with PSTATE ends them.
static bool read_regs(struct regs *out) {
  char line[512];
  bool begun = false;
  while (fgets(line, sizeof line, stdin)) {
    if (strncmp(line, "PSTATE", 6) == 0 && begun)
      return true;
    for (char *p = line; (p = strchr(p, '=')); p++) {
      const int n = p - line >= 3 ? register_number(p - 3) : -1;
      begun |= n == PC;
      if (n >= 0 && n < N)
        out->r[n] = strtoull(p + 1, NULL, 16);
    }
  }
  return false;
}

// --- Words in memory that are known -----------------------------------------

static struct { uint64_t va, value; } shadow[N_SHADOW];

static void store(uint64_t va, uint64_t value) {
  shadow[va / 8 % N_SHADOW].va = va;
  shadow[va / 8 % N_SHADOW].value = value;
}

// --- Comparing --------------------------------------------------------------

static uint64_t at(uint64_t base, int32_t off) {
  return base + (uint64_t)(int64_t)off;
}

static uint64_t base_of(const struct regs *r, enum pcdis_place_kind kind) {
  switch (kind) {
  case PCDIS_SP:
  case PCDIS_SP_WORD:
  case PCDIS_ALIGNED:
    return r->r[SP];
  case PCDIS_TMP0:
    return r->r[TMP0];
  case PCDIS_TMP1:
    return r->r[TMP1];
  default:
    return r->r[FP];
  }
}

static void show(struct counts *c, const struct pcdis_insn *insn,
                 const char *what, uint64_t said, uint64_t is) {
  if (c->wrong++ < MAX_SHOWN)
    printf("%llx %s: %s is %llx and not %llx\n", (unsigned long long)insn->va,
           insn->text, what, (unsigned long long)is, (unsigned long long)said);
}

static void compare_register(struct counts *c, const struct pcdis_insn *insn,
                             struct pcdis_place p, const struct regs *before,
                             const struct regs *after, int n) {
  static const char *const names[N] = {
      [TMP0] = "x20", [TMP1] = "x27", [FP] = "fp", [LR] = "lr", [SP] = "sp"};
  uint64_t said = at(base_of(before, (enum pcdis_place_kind)p.kind), p.off);
  if (p.kind == PCDIS_SP_LESS || p.kind == PCDIS_SP_MORE) {
    said = p.kind == PCDIS_SP_LESS ? before->r[SP] - before->r[TMP1]
                                   : before->r[SP] + before->r[TMP1];
  } else if (p.kind == PCDIS_CONST) {
    said = (uint64_t)p.off;
  } else if (p.kind == PCDIS_SAME) {
    said = before->r[n];
  } else if (p.kind == PCDIS_SP_WORD || p.kind == PCDIS_FP_WORD) {
    if ((n != FP && n != LR) || shadow[said / 8 % N_SHADOW].va != said)
      return; // nobody knows
    said = shadow[said / 8 % N_SHADOW].value;
  } else if (p.kind == PCDIS_WORD || p.kind == PCDIS_OTHER) {
    c->unsaid++;
    return;
  }
  c->foretold += p.kind != PCDIS_SAME;
  // A signed return address counts as the same; QEMU signs with bits 48 to 54.
  const uint64_t mask = n == LR ? (UINT64_C(1) << 48) - 1 : ~UINT64_C(0);
  if ((after->r[n] & mask) != (said & mask))
    show(c, insn, names[n], said, after->r[n]);
}

static void compare_flow(struct counts *c, const struct pcdis_insn *insn,
                         uint64_t to) {
  const bool jumps = insn->flow == PCDIS_CALL || insn->flow == PCDIS_JUMP;
  if (insn->flow == PCDIS_RETURN || insn->indirect)
    return;
  if (jumps ? to != insn->target
            : to != insn->va + 4 &&
                  (insn->flow != PCDIS_BRANCH || to != insn->target))
    show(c, insn, "pc", insn->target, to);
}

static void compare(struct counts *c, const struct pcdis_insn *insn,
                    const struct regs *before, const struct regs *after) {
  compare_flow(c, insn, after->r[PC]);
  compare_register(c, insn, insn->sp, before, after, SP);
  compare_register(c, insn, insn->fp, before, after, FP);
  // A call goes before it comes back.
  if (insn->flow == PCDIS_CALL) {
    if (after->r[LR] != insn->va + 4)
      show(c, insn, "lr", insn->va + 4, after->r[LR]);
  } else {
    compare_register(c, insn, insn->ra, before, after, LR);
    compare_register(c, insn, insn->tmp[0], before, after, TMP0);
    compare_register(c, insn, insn->tmp[1], before, after, TMP1);
  }
}

static void note_store(struct pcdis_place p, const struct regs *r, int n) {
  if (p.kind != PCDIS_SAME)
    store(at(base_of(r, (enum pcdis_place_kind)p.kind), p.off), r->r[n]);
}

static void run(struct counts *c, struct pcdis *d, const struct pcln_elf *elf,
                unsigned long most) {
  struct regs before = {0}, after = {0};
  if (!read_regs(&before))
    return;
  for (; c->steps < most && read_regs(&after); before = after) {
    struct pcdis_insn insn;
    const struct pcln_span code = pcln_elf_at(elf, before.r[PC]);
    if (!code.ptr || pcdis_decode(d, code.ptr, code.len, before.r[PC], true,
                                  &insn) != PCLN_OK)
      continue;
    c->steps++;
    if (before.r[G] == after.r[G])
      compare(c, &insn, &before, &after);
    note_store(insn.fp_store, &before, FP);
    note_store(insn.ra_store, &before, LR);
  }
}

int main(int argc, char **argv) {
  struct counts c = {0};
  struct pcdis *d;
  struct pcln_elf *elf;
  if (argc != 3 || pcdis_open(AARCH64, false, &d) != PCLN_OK ||
      pcln_elf_open(argv[1], NULL, &elf) != PCLN_OK)
    return 2;
  run(&c, d, elf, strtoul(argv[2], NULL, 10));
  pcln_elf_close(elf);
  pcdis_close(d);
  printf("%lu steps: %lu new values foretold, %lu not, %lu wrong\n", c.steps,
         c.foretold, c.unsaid, c.wrong);
  return c.steps == 0 ? 2 : c.wrong != 0;
}
