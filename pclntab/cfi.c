// SPDX-License-Identifier: Apache-2.0
//
// Call frame information to unwind rules: the interpreter of the programs.
//
// CFI is a small program per function. It may keep a rule for every register
// of the machine; an unwinder that wants frames only needs three of them, so
// this interpreter tracks the CFA, the frame pointer, the return address and,
// to notice when it is not simply the CFA, the stack pointer. Everything else
// is decoded and skipped, and rows that differ in nothing else are one row.
//
// A row is made when the state is about to change, not when the place advances:
// most instructions are about registers that are not tracked. A row that
// depends on pc (PLT entries: the CFA is one word further once pc & 15 has
// passed the push) is evaluated for each pc, so that plain SP rules come out.
//
// Runs in the linker on untrusted files and in signal handlers on the running
// process: no allocation, no locks, about 4 KiB of stack. Each byte of the
// section is read through the bounded cursor; work is linear in the bytes of
// the entry, and bounded by PC_EXPAND_MAX evaluations where pc matters.
#include "cfi_internal.h"

enum {
  STATE_DEPTH = 16,        // DW_CFA_remember_state; compilers use one
  PC_EXPAND_MAX = 1 << 20, // bytes of code of an FDE with pc-dependent rows
};

enum { // the upper two bits are an opcode of their own, if not 0
  CFA_ADVANCE_LOC = 0x40,
  CFA_OFFSET = 0x80,
  CFA_RESTORE = 0xc0,
  CFA_NOP = 0x00,
  CFA_SET_LOC = 0x01,
  CFA_ADVANCE_LOC1 = 0x02,
  CFA_ADVANCE_LOC2 = 0x03,
  CFA_ADVANCE_LOC4 = 0x04,
  CFA_OFFSET_EXTENDED = 0x05,
  CFA_RESTORE_EXTENDED = 0x06,
  CFA_UNDEFINED = 0x07,
  CFA_SAME_VALUE = 0x08,
  CFA_REGISTER = 0x09,
  CFA_REMEMBER_STATE = 0x0a,
  CFA_RESTORE_STATE = 0x0b,
  CFA_DEF_CFA = 0x0c,
  CFA_DEF_CFA_REGISTER = 0x0d,
  CFA_DEF_CFA_OFFSET = 0x0e,
  CFA_DEF_CFA_EXPRESSION = 0x0f,
  CFA_EXPRESSION = 0x10,
  CFA_OFFSET_EXTENDED_SF = 0x11,
  CFA_DEF_CFA_SF = 0x12,
  CFA_DEF_CFA_OFFSET_SF = 0x13,
  CFA_VAL_OFFSET = 0x14,
  CFA_VAL_OFFSET_SF = 0x15,
  CFA_VAL_EXPRESSION = 0x16,
  CFA_MIPS_ADVANCE_LOC8 = 0x1d,
  CFA_AARCH64_NEGATE_RA_STATE_WITH_PC = 0x2c,
  CFA_AARCH64_NEGATE_RA_STATE = 0x2d, // elsewhere GNU_window_save
  CFA_GNU_ARGS_SIZE = 0x2e,
  CFA_GNU_NEGATIVE_OFFSET_EXTENDED = 0x2f,
};

struct interp {
  struct cfi_frame f;
  const struct pcln_cfi_fde *fde;
  struct cfi_problem *p;

  struct cfi_state initial;
  struct cfi_state saved[STATE_DEPTH];
  unsigned n_saved;
  bool preparing; // running the CIE's initial instructions
  uint64_t loc;   // pc from which what comes next holds

  uint64_t row_lo; // rows are done up to here; f.now holds from it to loc
  pcln_cfi_row_fn fn;
  void *ctx;
  bool stopped;
  bool pending; // [pend_lo, pend_hi) waits for an equal neighbour
  uint64_t pend_lo, pend_hi;
  struct pcln_rule pend;
};

// --- Rows -------------------------------------------------------------------

bool pcln_rule_equal(const struct pcln_rule *a, const struct pcln_rule *b) {
  return a->cfa == b->cfa && a->fp == b->fp && a->ra == b->ra &&
         a->reg == b->reg && a->cfa_off == b->cfa_off &&
         a->fp_off == b->fp_off && a->ra_off == b->ra_off;
}

static void flush(struct interp *in) {
  if (in->pending && !in->stopped)
    in->stopped = !in->fn(in->ctx, in->pend_lo, in->pend_hi, &in->pend);
  in->pending = false;
}

static void emit(struct interp *in, uint64_t lo, uint64_t hi,
                 const struct pcln_rule *rule) {
  if (in->pending && pcln_rule_equal(&in->pend, rule)) {
    in->pend_hi = hi;
    return;
  }
  flush(in);
  in->pending = true;
  in->pend_lo = lo;
  in->pend_hi = hi;
  in->pend = *rule;
}

static void emit_none(struct interp *in, uint64_t lo, uint64_t hi) {
  const struct pcln_rule none = {.cfa = PCLN_CFA_NONE};
  if (lo < hi)
    emit(in, lo, hi, &none);
}

// f.now held from row_lo up to `to`.
static void end_row(struct interp *in, uint64_t to) {
  const uint64_t lo = in->row_lo;
  struct pcln_rule rule;
  if (to <= lo || in->stopped)
    return;
  in->row_lo = to;
  if (!pcln_cfi_make_rule(&in->f, lo, &rule)) {
    emit(in, lo, to, &rule);
    return;
  }
  if (in->fde->hi - in->fde->lo > PC_EXPAND_MAX) {
    emit_none(in, lo, to);
    return;
  }
  const unsigned step = in->f.arch.quantum;
  for (uint64_t pc = lo; pc < to && !in->stopped;) {
    const uint64_t next = to - pc > step ? pc + step : to;
    pcln_cfi_make_rule(&in->f, pc, &rule);
    emit(in, pc, next, &rule);
    pc = next;
  }
}

// --- Instructions -----------------------------------------------------------

static bool refuse(struct interp *in, const struct pcln_cursor *c,
                   enum pcln_status status, const char *fault,
                   const char *text) {
  pcln_cfi_problem(in->p, status,
                   c->failed ? in->fde->off
                             : (size_t)(c->pos - in->f.s->bytes.ptr),
                   fault, text);
  return false;
}

static bool malformed(struct interp *in, const struct pcln_cursor *c) {
  return refuse(in, c, PCLN_CORRUPT, "cfi-program",
                "an instruction of a CFI program is malformed");
}

// Moves on to `pc`. Past the end of the FDE nothing is said any more.
static bool advance_to(struct interp *in, const struct pcln_cursor *c,
                       uint64_t pc) {
  if (in->preparing || pc < in->loc)
    return malformed(in, c);
  in->loc = pc < in->fde->hi ? pc : in->fde->hi;
  return true;
}

static bool advance(struct interp *in, const struct pcln_cursor *c,
                    uint64_t delta) {
  uint64_t bytes;
  if (__builtin_mul_overflow(delta, in->f.cie.code_align, &bytes) ||
      bytes > UINT64_MAX - in->loc)
    return malformed(in, c);
  return advance_to(in, c, in->loc + bytes);
}

// The rule of `reg` in `st`; null if it is not tracked.
static struct cfi_reg_rule *tracked(const struct interp *in,
                                    struct cfi_state *st, uint64_t reg) {
  if (reg == in->f.cie.ra)
    return &st->ra;
  if (reg == in->f.arch.fp)
    return &st->fp;
  return reg == in->f.arch.sp ? &st->sp : NULL;
}

static bool set_rule(struct interp *in, uint64_t reg,
                     struct cfi_reg_rule rule) {
  struct cfi_reg_rule *slot = tracked(in, &in->f.now, reg);
  if (slot) {
    end_row(in, in->loc);
    *slot = rule;
  }
  return true;
}

static bool restore_rule(struct interp *in, const struct pcln_cursor *c,
                         uint64_t reg) {
  if (in->preparing)
    return malformed(in, c);
  const struct cfi_reg_rule *old = tracked(in, &in->initial, reg);
  return !old || set_rule(in, reg, *old);
}

// `factored` is in units of the CIE's data alignment.
static bool set_offset(struct interp *in, const struct pcln_cursor *c,
                       enum cfi_how how, uint64_t reg, int64_t factored) {
  int64_t off;
  if (__builtin_mul_overflow(factored, in->f.cie.data_align, &off))
    return malformed(in, c);
  return set_rule(in, reg, (struct cfi_reg_rule){.how = how, .off = off});
}

static bool set_expr(struct interp *in, struct pcln_cursor *c, enum cfi_how how,
                     uint64_t reg) {
  const uint64_t len = pcln_uleb(c);
  const uint8_t *expr = pcln_take(c, len);
  if (!expr || len > UINT32_MAX)
    return malformed(in, c);
  return set_rule(in, reg,
                  (struct cfi_reg_rule){
                      .how = how, .expr = expr, .expr_len = (uint32_t)len});
}

static bool set_cfa(struct interp *in, const struct pcln_cursor *c,
                    uint64_t reg, int64_t off) {
  if (reg > UINT32_MAX)
    return malformed(in, c);
  end_row(in, in->loc);
  in->f.now.cfa = (struct cfi_reg_rule){
      .how = CFI_HOW_REGISTER, .reg = (uint32_t)reg, .off = off};
  return true;
}

static bool set_cfa_factored(struct interp *in, const struct pcln_cursor *c,
                             uint64_t reg, int64_t factored) {
  int64_t off;
  if (__builtin_mul_overflow(factored, in->f.cie.data_align, &off))
    return malformed(in, c);
  return set_cfa(in, c, reg, off);
}

static bool set_cfa_expr(struct interp *in, struct pcln_cursor *c) {
  const uint64_t len = pcln_uleb(c);
  const uint8_t *expr = pcln_take(c, len);
  if (!expr || len > UINT32_MAX)
    return malformed(in, c);
  end_row(in, in->loc);
  in->f.now.cfa = (struct cfi_reg_rule){
      .how = CFI_HOW_EXPR, .expr = expr, .expr_len = (uint32_t)len};
  return true;
}

static bool remember(struct interp *in, const struct pcln_cursor *c) {
  if (in->n_saved == STATE_DEPTH)
    return refuse(in, c, PCLN_LIMIT, "cfi-depth",
                  "a CFI program remembers more states than are kept");
  in->saved[in->n_saved++] = in->f.now;
  return true;
}

static bool restore_state(struct interp *in, const struct pcln_cursor *c) {
  if (in->n_saved == 0)
    return malformed(in, c);
  end_row(in, in->loc);
  in->f.now = in->saved[--in->n_saved];
  return true;
}

static bool set_loc(struct interp *in, struct pcln_cursor *c) {
  // The cursor of a program starts at the section's first byte, as a
  // pc-relative pointer needs.
  uint64_t pc = 0;
  const uint8_t enc = in->f.s->eh ? in->f.cie.fde_enc : CFI_PE_ABSPTR;
  if ((enc & CFI_PE_INDIRECT) ||
      !pcln_cfi_read_encoded(in->f.s, enc, in->f.cie.addr_size, c, &pc))
    return malformed(in, c);
  return advance_to(in, c, pc);
}

// Instructions that set the rule of one register, whose number comes first.
static bool register_insn(struct interp *in, struct pcln_cursor *c,
                          uint8_t op) {
  const uint64_t reg = pcln_uleb(c);
  switch (op) {
  case CFA_OFFSET_EXTENDED:
    return set_offset(in, c, CFI_HOW_OFFSET, reg, (int64_t)pcln_uleb(c));
  case CFA_OFFSET_EXTENDED_SF:
    return set_offset(in, c, CFI_HOW_OFFSET, reg, pcln_sleb(c));
  case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
    return set_offset(in, c, CFI_HOW_OFFSET, reg, (int64_t)(-pcln_uleb(c)));
  case CFA_VAL_OFFSET:
    return set_offset(in, c, CFI_HOW_VAL_OFFSET, reg, (int64_t)pcln_uleb(c));
  case CFA_VAL_OFFSET_SF:
    return set_offset(in, c, CFI_HOW_VAL_OFFSET, reg, pcln_sleb(c));
  case CFA_RESTORE_EXTENDED:
    return restore_rule(in, c, reg);
  case CFA_UNDEFINED:
    return set_rule(in, reg, (struct cfi_reg_rule){.how = CFI_HOW_UNDEFINED});
  case CFA_SAME_VALUE:
    return set_rule(in, reg, (struct cfi_reg_rule){.how = CFI_HOW_SAME});
  case CFA_REGISTER: {
    const uint64_t other = pcln_uleb(c);
    if (other > UINT32_MAX)
      return malformed(in, c);
    return set_rule(
        in, reg,
        (struct cfi_reg_rule){.how = CFI_HOW_REGISTER, .reg = (uint32_t)other});
  }
  case CFA_EXPRESSION:
    return set_expr(in, c, CFI_HOW_EXPR, reg);
  case CFA_VAL_EXPRESSION:
    return set_expr(in, c, CFI_HOW_VAL_EXPR, reg);
  default:
    return refuse(in, c, PCLN_UNSUPPORTED, "cfi-opcode",
                  "a CFI program has an unknown instruction");
  }
}

// Instructions that change the CFA, the place or the whole state.
static bool plain_insn(struct interp *in, struct pcln_cursor *c, uint8_t op) {
  const struct cfi_reg_rule *cfa = &in->f.now.cfa;
  uint64_t reg;
  switch (op) {
  case CFA_NOP:
  case CFA_AARCH64_NEGATE_RA_STATE:
  case CFA_AARCH64_NEGATE_RA_STATE_WITH_PC:
    return true;
  case CFA_GNU_ARGS_SIZE: // for landing pads only
    pcln_uleb(c);
    return true;
  case CFA_SET_LOC:
    return set_loc(in, c);
  case CFA_ADVANCE_LOC1:
    return advance(in, c, pcln_u8(c));
  case CFA_ADVANCE_LOC2:
    return advance(in, c, pcln_u16(c));
  case CFA_ADVANCE_LOC4:
    return advance(in, c, pcln_u32(c));
  case CFA_MIPS_ADVANCE_LOC8:
    return advance(in, c, pcln_u64(c));
  case CFA_REMEMBER_STATE:
    return remember(in, c);
  case CFA_RESTORE_STATE:
    return restore_state(in, c);
  case CFA_DEF_CFA:
    reg = pcln_uleb(c);
    return set_cfa(in, c, reg, (int64_t)pcln_uleb(c));
  case CFA_DEF_CFA_SF:
    reg = pcln_uleb(c);
    return set_cfa_factored(in, c, reg, pcln_sleb(c));
  // The next three build on the rule before. After an expression its offset
  // is 0 and its register 0; that is what such a program asks for.
  case CFA_DEF_CFA_REGISTER:
    return set_cfa(in, c, pcln_uleb(c), cfa->off);
  case CFA_DEF_CFA_OFFSET:
    return set_cfa(in, c, cfa->reg, (int64_t)pcln_uleb(c));
  case CFA_DEF_CFA_OFFSET_SF:
    return set_cfa_factored(in, c, cfa->reg, pcln_sleb(c));
  case CFA_DEF_CFA_EXPRESSION:
    return set_cfa_expr(in, c);
  default:
    return register_insn(in, c, op);
  }
}

// Runs the program in `c`. False: in->p says what is wrong with it.
static bool run(struct interp *in, struct pcln_cursor c) {
  while (pcln_left(&c) && !in->stopped) {
    const uint8_t op = pcln_u8(&c), low = op & 0x3f;
    bool ok;
    switch (op & 0xc0) {
    case CFA_ADVANCE_LOC:
      ok = advance(in, &c, low);
      break;
    case CFA_OFFSET:
      ok = set_offset(in, &c, CFI_HOW_OFFSET, low, (int64_t)pcln_uleb(&c));
      break;
    case CFA_RESTORE:
      ok = restore_rule(in, &c, low);
      break;
    default:
      ok = plain_insn(in, &c, op);
      break;
    }
    if (!ok)
      return false;
    if (c.failed)
      return malformed(in, &c);
  }
  return true;
}

// --- Interface --------------------------------------------------------------

enum pcln_status pcln_cfi_rows(const struct pcln_cfi_section *s,
                               const struct pcln_cfi_fde *fde,
                               pcln_cfi_row_fn fn, void *ctx,
                               const struct pcln_sink *sink) {
  struct cfi_problem p = {.status = PCLN_OK};
  struct interp in;
  struct cfi_entry e;
  struct pcln_cfi_fde again;
  // Not an initialiser: `saved` is large, and read only where written.
  in.f.s = s;
  in.fde = fde;
  in.p = &p;
  in.f.now = in.initial = (struct cfi_state){0};
  in.n_saved = 0;
  in.loc = in.row_lo = fde->lo;
  in.fn = fn;
  in.ctx = ctx;
  in.stopped = in.pending = false;
  in.preparing = true;
  bool ok = false;
  if (!pcln_cfi_arch(s->machine, &in.f.arch))
    pcln_cfi_problem(&p, PCLN_UNSUPPORTED, fde->off, "cfi-machine",
                     "no unwind rules are known for this machine");
  else if (pcln_cfi_read_entry(s, fde->off, &e, &p) == PCLN_OK &&
           pcln_cfi_read_fde(s, &e, &in.f.cie, &again, &p) == PCLN_OK)
    ok = true;
  if (ok && s->track)
    in.f.arch.fp = s->track;
  ok = ok && run(&in, in.f.cie.insns);
  if (ok) {
    in.initial = in.f.now;
    in.preparing = false;
    ok = run(&in, e.body);
  }
  end_row(&in, ok ? fde->hi : in.loc);
  emit_none(&in, in.row_lo, fde->hi);
  flush(&in);
  return ok ? PCLN_OK : pcln_cfi_report(s, &p, sink);
}
