// SPDX-License-Identifier: Apache-2.0
//
// The x86-64 decoder against the processor: runs a program one instruction at
// a time and compares what each did to RIP, RSP and RBP, and what it stored of
// RBP, with what the decoder said it would do. From the dynamic linker's first
// instruction on, so assembly is among them.
//   insn_step STEPS PROGRAM [ARGUMENT...]
#include "disasm.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { X86_64 = 62, MAX_SHOWN = 20, PAGE = 4096, N_PAGES = 4096 };

struct counts {
  unsigned long steps, moved, unsaid, wrong;
};

// --- The child --------------------------------------------------------------

// `len` bytes of the child's memory; the number that could be read.
static size_t peek(pid_t pid, uint64_t va, void *out, size_t len) {
  struct iovec here = {out, len};
  struct iovec there = {(void *)(uintptr_t)va, len};
  const ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);
  return n < 0 ? 0 : (size_t)n;
}

// Code, by page: reading it at every step would be most of the time.
struct code_page {
  uint64_t va;
  uint8_t bytes[PAGE + 16];
  size_t len;
};

static const uint8_t *code_at(pid_t pid, uint64_t va, size_t *len) {
  static struct code_page pages[N_PAGES];
  struct code_page *p = &pages[va / PAGE % N_PAGES];
  const uint64_t start = va & ~(uint64_t)(PAGE - 1);
  if (p->va != start) {
    p->va = start;
    p->len = peek(pid, start, p->bytes, sizeof p->bytes);
    if (!p->len)
      p->len = peek(pid, start, p->bytes, PAGE);
  }
  *len = va - start < p->len ? p->len - (va - start) : 0;
  return p->bytes + (va - start);
}

// --- Comparing --------------------------------------------------------------

struct step {
  pid_t pid;
  struct pcdis_insn insn;
  struct user_regs_struct before, after;
  uint64_t sp_word, fp_word; // words that SP or FP are to be loaded from
};

static void show(struct counts *c, const struct step *s, const char *what) {
  if (c->wrong++ >= MAX_SHOWN)
    return;
  printf("%llx %s: %s: rsp %llx to %llx, rbp %llx to %llx\n",
         (unsigned long long)s->insn.va, s->insn.text, what, s->before.rsp,
         s->after.rsp, s->before.rbp, s->after.rbp);
}

static uint64_t at(uint64_t base, int32_t off) {
  return base + (uint64_t)(int64_t)off;
}

// Where the word that becomes the register's value stands; 0: none does.
static uint64_t word_address(const struct step *s, struct pcdis_place p) {
  if (p.kind == PCDIS_SP_WORD)
    return at(s->before.rsp, p.off);
  return p.kind == PCDIS_FP_WORD ? at(s->before.rbp, p.off) : 0;
}

static void compare_register(struct counts *c, const struct step *s,
                             struct pcdis_place p, uint64_t before,
                             uint64_t after, uint64_t word, const char *what) {
  uint64_t said = before;
  switch (p.kind) {
  case PCDIS_SAME:
    break;
  case PCDIS_SP:
    said = at(s->before.rsp, p.off);
    break;
  case PCDIS_FP:
    said = at(s->before.rbp, p.off);
    break;
  case PCDIS_ALIGNED:
    said = s->before.rsp & (uint64_t) - (int64_t)p.off;
    break;
  case PCDIS_WORD:
  case PCDIS_OTHER:
    c->unsaid++;
    return;
  default:
    said = word;
  }
  c->moved += p.kind != PCDIS_SAME;
  if (said != after)
    show(c, s, what);
}

static void compare_flow(struct counts *c, const struct step *s) {
  const uint64_t to = s->after.rip, next = s->insn.va + s->insn.len;
  const uint64_t target = s->insn.target;
  bool right = true;
  switch (s->insn.flow) {
  case PCDIS_NEXT: // a repeated string instruction stops at itself
    right = to == next || to == s->insn.va;
    break;
  case PCDIS_CALL:
  case PCDIS_JUMP:
    right = s->insn.indirect || to == target;
    break;
  case PCDIS_BRANCH:
    right = to == next || to == target;
    break;
  case PCDIS_STOP:
    right = false;
    break;
  }
  if (!right)
    show(c, s, "flow");
}

static void compare(struct counts *c, const struct step *s) {
  const struct pcdis_insn *insn = &s->insn;
  // A call comes back with SP as it was; here it has just gone.
  const uint64_t pushed = insn->flow == PCDIS_CALL ? 8 : 0;
  compare_flow(c, s);
  compare_register(c, s, insn->sp, s->before.rsp, s->after.rsp + pushed,
                   s->sp_word, "sp");
  compare_register(c, s, insn->fp, s->before.rbp, s->after.rbp, s->fp_word,
                   "fp");
  if (insn->fp_store.kind == PCDIS_SAME)
    return;
  const uint64_t base =
      insn->fp_store.kind == PCDIS_SP ? s->before.rsp : s->before.rbp;
  uint64_t stored = 0;
  c->moved++;
  peek(s->pid, at(base, insn->fp_store.off), &stored, 8);
  if (stored != s->before.rbp)
    show(c, s, "store of fp");
}

// --- Stepping ---------------------------------------------------------------

// A system call that comes back somewhere else: rt_sigreturn, execve.
static bool leaves(const struct step *s, const uint8_t *code, size_t len) {
  return len > 1 && code[0] == 0x0f && code[1] == 0x05 &&
         (s->before.rax == 15 || s->before.rax == 59);
}

// False: the program has ended. A signal is delivered, and its step left out.
static bool step(pid_t pid, bool *signalled) {
  static int pass;
  int status;
  if (ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(uintptr_t)pass) != 0 ||
      waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
    return false;
  pass = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
  *signalled = pass != 0;
  return true;
}

static void run(struct counts *c, struct pcdis *d, pid_t pid,
                unsigned long most) {
  struct step s = {.pid = pid};
  bool signalled = false, skip = true;
  ptrace(PTRACE_GETREGS, pid, NULL, &s.before);
  for (; c->steps < most; c->steps++) {
    size_t len;
    const uint8_t *code = code_at(pid, s.before.rip, &len);
    // A signal's handler is entered by the next step.
    skip = signalled || leaves(&s, code, len);
    if (pcdis_decode(d, code, len, s.before.rip, false, &s.insn) != PCLN_OK) {
      s.insn = (struct pcdis_insn){.va = s.before.rip};
      show(c, &s, "refused");
      skip = true;
    }
    const uint64_t sp_at = word_address(&s, s.insn.sp);
    const uint64_t fp_at = word_address(&s, s.insn.fp);
    if (sp_at)
      peek(pid, sp_at, &s.sp_word, 8);
    if (fp_at)
      peek(pid, fp_at, &s.fp_word, 8);
    if (!step(pid, &signalled))
      return;
    ptrace(PTRACE_GETREGS, pid, NULL, &s.after);
    if (!skip && !signalled)
      compare(c, &s);
    s.before = s.after;
  }
  kill(pid, SIGKILL);
}

int main(int argc, char **argv) {
  struct counts c = {0};
  struct pcdis *d;
  int status;
  if (argc < 3 || pcdis_open(X86_64, false, &d) != PCLN_OK)
    return 2;
  const pid_t pid = fork();
  if (pid == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
    perror(argv[2]);
    return 2;
  }
  run(&c, d, pid, strtoul(argv[1], NULL, 10));
  waitpid(pid, &status, 0);
  pcdis_close(d);
  printf("%lu steps: %lu new values foretold, %lu not, %lu wrong\n", c.steps,
         c.moved, c.unsaid, c.wrong);
  return c.steps == 0 ? 2 : c.wrong != 0;
}
