// SPDX-License-Identifier: Apache-2.0
//
// x86-64: where a ucontext keeps registers, and two habits of the machine that
// the unwinder uses. With context_x86_64.S the only place of the runtime that
// knows a register's name; another architecture brings the same two files.
#ifndef PCLNRT_CONTEXT_X86_64_H
#define PCLNRT_CONTEXT_X86_64_H

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

enum {
  // A call pushes the return address, so after a jump to a bad address the
  // caller's pc is the word at sp.
  PCLNRT_PUSHED_RA = 8,
  // The handler's return leaves sp at the ucontext of the signal frame.
  PCLNRT_SIGFRAME_UCONTEXT = 0,
  PCLNRT_MACHINE = 62, // ELF e_machine
};

static inline uint64_t pclnrt_uc_reg(const void *ucontext, int greg) {
  return (uint64_t)((const ucontext_t *)ucontext)->uc_mcontext.gregs[greg];
}
static inline uint64_t pclnrt_uc_pc(const void *ucontext) {
  return pclnrt_uc_reg(ucontext, REG_RIP);
}
static inline uint64_t pclnrt_uc_sp(const void *ucontext) {
  return pclnrt_uc_reg(ucontext, REG_RSP);
}
static inline uint64_t pclnrt_uc_fp(const void *ucontext) {
  return pclnrt_uc_reg(ucontext, REG_RBP);
}

// Where the register with DWARF number `dwarf` is; null: the context has none
// such.
static inline const void *pclnrt_uc_place(const void *ucontext,
                                          unsigned dwarf) {
  static const uint8_t gregs[16] = {
      REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP,
      REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return dwarf < 16
             ? &((const ucontext_t *)ucontext)->uc_mcontext.gregs[gregs[dwarf]]
             : 0;
}
static inline bool pclnrt_uc_dwarf(const void *ucontext, unsigned dwarf,
                                   uint64_t *value) {
  const void *place = pclnrt_uc_place(ucontext, dwarf);
  if (place)
    *value = *(const uint64_t *)place;
  return place;
}

// DWARF numbers of the registers that a callee gives back as they were: FP
// first, then rbx and r12 to r15.
#define PCLNRT_SAVED_REGISTERS                                                 \
  { 6, 3, 12, 13, 14, 15 }
enum { PCLNRT_N_SAVED_REGISTERS = 6 };

// For the register dump of a crash, in Go's order.
struct pclnrt_reg_name {
  const char name[8]; // padded with blanks to Go's column
  int greg;
};
#define PCLNRT_REG_NAMES                                                       \
  {                                                                            \
    {"rax    ", REG_RAX}, {"rbx    ", REG_RBX}, {"rcx    ", REG_RCX},          \
        {"rdx    ", REG_RDX}, {"rdi    ", REG_RDI}, {"rsi    ", REG_RSI},      \
        {"rbp    ", REG_RBP}, {"rsp    ", REG_RSP}, {"r8     ", REG_R8},       \
        {"r9     ", REG_R9}, {"r10    ", REG_R10}, {"r11    ", REG_R11},       \
        {"r12    ", REG_R12}, {"r13    ", REG_R13}, {"r14    ", REG_R14},      \
        {"r15    ", REG_R15}, {"rip    ", REG_RIP}, {                          \
      "rflags ", REG_EFL                                                       \
    }                                                                          \
  }

#endif
