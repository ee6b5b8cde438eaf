// SPDX-License-Identifier: Apache-2.0
//
// Private: the parts of the CFI interpreter. cfi_entry.c reads CIEs and FDEs,
// cfi_expr.c evaluates expressions, cfi_rule.c makes a rule of a state, cfi.c
// runs the programs. All of it runs in signal handlers: no allocation, no
// locks.
#ifndef PCLNTAB_CFI_INTERNAL_H
#define PCLNTAB_CFI_INTERNAL_H

#include "bytes.h"
#include "cfi.h"

// --- cfi_entry.c ------------------------------------------------------------

enum { // DW_EH_PE, pointer encodings; the low half byte is the format
  CFI_PE_ABSPTR = 0x00,
  CFI_PE_ULEB128 = 0x01,
  CFI_PE_UDATA2 = 0x02,
  CFI_PE_UDATA4 = 0x03,
  CFI_PE_UDATA8 = 0x04,
  CFI_PE_SIGNED = 0x08,
  CFI_PE_SLEB128 = 0x09,
  CFI_PE_SDATA2 = 0x0a,
  CFI_PE_SDATA4 = 0x0b,
  CFI_PE_SDATA8 = 0x0c,
  CFI_PE_PCREL = 0x10,
  CFI_PE_TEXTREL = 0x20,
  CFI_PE_DATAREL = 0x30,
  CFI_PE_ALIGNED = 0x50,
  CFI_PE_INDIRECT = 0x80,
  CFI_PE_OMIT = 0xff,
};

// The first thing that was wrong, kept until someone with a sink reports it.
struct cfi_problem {
  enum pcln_status status;
  const char *fault, *text;
  size_t off; // bytes from the section's start
};
enum pcln_status pcln_cfi_problem(struct cfi_problem *p,
                                  enum pcln_status status, size_t off,
                                  const char *fault, const char *text);
enum pcln_status pcln_cfi_report(const struct pcln_cfi_section *s,
                                 const struct cfi_problem *p,
                                 const struct pcln_sink *sink);

// A CIE or FDE. The cursor starts at the section's first byte, so that its
// position is a section offset, stands behind the id field, and ends with the
// entry.
struct cfi_entry {
  struct pcln_cursor body;
  size_t off, next;
  size_t cie_off; // of an FDE
  bool is_cie;
};

struct cfi_cie {
  uint64_t code_align;
  int64_t data_align;
  uint64_t ra;       // column of the return address
  uint8_t fde_enc;   // encoding of an FDE's addresses
  uint8_t addr_size; // bytes of an absolute address
  uint8_t seg_size;  // bytes of a segment selector before an FDE's address
  bool augmented;    // 'z': an FDE has augmentation data with a length
  bool signal_frame; // 'S'
  struct pcln_cursor insns; // the initial instructions
};

enum pcln_status pcln_cfi_read_entry(const struct pcln_cfi_section *s,
                                     size_t off, struct cfi_entry *e,
                                     struct cfi_problem *p);
// Fills *out from the FDE in `e`, and moves e->body to its instructions.
enum pcln_status pcln_cfi_read_fde(const struct pcln_cfi_section *s,
                                   struct cfi_entry *e, struct cfi_cie *cie,
                                   struct pcln_cfi_fde *out,
                                   struct cfi_problem *p);
// A pointer in encoding `enc`. False: an encoding that cannot be followed here.
bool pcln_cfi_read_encoded(const struct pcln_cfi_section *s, uint8_t enc,
                           uint8_t addr_size, struct pcln_cursor *c,
                           uint64_t *out);

static inline uint64_t cfi_address_mask(uint8_t size) {
  return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

// --- cfi_expr.c -------------------------------------------------------------

enum cfi_val_base {
  CFI_VAL_UNKNOWN,
  CFI_VAL_CONST, // off
  CFI_VAL_REG,   // reg + off
  CFI_VAL_DEREF, // *(reg + inner) + off
};

struct cfi_val {
  enum cfi_val_base base;
  uint32_t reg; // DWARF register
  int64_t inner, off;
};

// `off` is wrapped to the size of an address, because a CFA of a 32-bit
// program is computed modulo 2^32.
static inline int64_t cfi_wrap(uint8_t ptr_size, uint64_t v) {
  return ptr_size == 4 ? (int64_t)(int32_t)(uint32_t)v : (int64_t)v;
}

// Whether both are counted from the same thing.
bool pcln_cfi_same_base(const struct cfi_val *a, const struct cfi_val *b);
// The word at `v`.
struct cfi_val pcln_cfi_deref(struct cfi_val v);

// The place of an expression in the section, and what it is evaluated for.
struct cfi_expr {
  const struct pcln_cfi_section *s;
  const struct pcln_cfi_arch *arch;
  const uint8_t *bytes;
  uint32_t len;
  uint64_t pc;
};
// Evaluates, with *initial (if not null) on the stack. Sets *pc_used when the
// result holds for this pc only. CFI_VAL_UNKNOWN: malformed, or not of the
// forms that rules can use.
struct cfi_val pcln_cfi_eval(const struct cfi_expr *x,
                             const struct cfi_val *initial, bool *pc_used);

// --- cfi_rule.c -------------------------------------------------------------

enum cfi_how {
  CFI_HOW_UNSPECIFIED,
  CFI_HOW_UNDEFINED,
  CFI_HOW_SAME,
  CFI_HOW_OFFSET,     // at CFA + off
  CFI_HOW_VAL_OFFSET, // is CFA + off
  CFI_HOW_REGISTER,   // in `reg`; of the CFA: is reg + off
  CFI_HOW_EXPR,       // at the result; of the CFA: is the result
  CFI_HOW_VAL_EXPR,   // is the result
};

struct cfi_reg_rule {
  enum cfi_how how;
  uint32_t reg;
  int64_t off;
  const uint8_t *expr; // in the section
  uint32_t expr_len;
};

struct cfi_state {
  struct cfi_reg_rule cfa, sp, fp, ra;
};

// All that a rule depends on.
struct cfi_frame {
  const struct pcln_cfi_section *s;
  struct pcln_cfi_arch arch;
  struct cfi_cie cie;
  struct cfi_state now;
};
// The rule for `f->now` at `pc`; true if it depends on pc.
bool pcln_cfi_make_rule(const struct cfi_frame *f, uint64_t pc,
                        struct pcln_rule *out);

#endif
