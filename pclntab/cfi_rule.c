// SPDX-License-Identifier: Apache-2.0
//
// From the state of a CFI program to the rule that says the same.
//
// A frame pointer whose saved place no rule can name is reported as lost
// (PCLN_SAVE_UNDEFINED): the frame itself can still be left, and the unwinder
// stops when a later rule needs the lost value. A return address that cannot be
// named makes the row NONE, and so does a caller's SP that is not the CFA.
//
// Signatures of return addresses (AArch64 pointer authentication) are not part
// of a rule: an unwinder strips them from every return address it loads.
#include "cfi_internal.h"

static struct cfi_val eval(const struct cfi_frame *f,
                           const struct cfi_reg_rule *r, uint64_t pc,
                           const struct cfi_val *cfa, bool *pc_used) {
  const struct cfi_expr x = {.s = f->s,
                             .arch = &f->arch,
                             .bytes = r->expr,
                             .len = r->expr_len,
                             .pc = pc};
  return pcln_cfi_eval(&x, cfa, pc_used);
}

static struct cfi_val eval_cfa(const struct cfi_frame *f, uint64_t pc,
                               bool *pc_used) {
  const struct cfi_reg_rule *r = &f->now.cfa;
  if (r->how == CFI_HOW_REGISTER)
    return (struct cfi_val){.base = CFI_VAL_REG,
                            .reg = r->reg,
                            .off = cfi_wrap(f->s->ptr_size, (uint64_t)r->off)};
  if (r->how == CFI_HOW_EXPR)
    return eval(f, r, pc, NULL, pc_used);
  return (struct cfi_val){.base = CFI_VAL_UNKNOWN};
}

// Where the caller's value of a register is: in memory at `v`, or `v` itself.
struct saved {
  bool in_memory;
  struct cfi_val v;
};

static struct saved find_saved(const struct cfi_frame *f,
                               const struct cfi_reg_rule *r, uint32_t self,
                               const struct cfi_val *cfa, uint64_t pc,
                               bool *pc_used) {
  struct saved out = {.v = *cfa};
  switch (r->how) {
  case CFI_HOW_OFFSET:
  case CFI_HOW_VAL_OFFSET:
    out.in_memory = r->how == CFI_HOW_OFFSET;
    out.v.off = cfi_wrap(f->s->ptr_size, (uint64_t)cfa->off + (uint64_t)r->off);
    break;
  case CFI_HOW_EXPR:
  case CFI_HOW_VAL_EXPR:
    out.in_memory = r->how == CFI_HOW_EXPR;
    out.v = eval(f, r, pc, cfa, pc_used);
    break;
  case CFI_HOW_REGISTER:
    out.v = (struct cfi_val){.base = CFI_VAL_REG, .reg = r->reg};
    break;
  case CFI_HOW_UNSPECIFIED:
  case CFI_HOW_SAME:
    out.v = (struct cfi_val){.base = CFI_VAL_REG, .reg = self};
    break;
  case CFI_HOW_UNDEFINED:
    out.v = (struct cfi_val){.base = CFI_VAL_UNKNOWN};
    break;
  }
  if (!out.in_memory && out.v.base == CFI_VAL_DEREF && out.v.off == 0)
    out = (struct saved){
        .in_memory = true,
        .v = {.base = CFI_VAL_REG, .reg = out.v.reg, .off = out.v.inner}};
  return out;
}

static bool fits(int64_t v) { return v == (int32_t)v; }

// Names the memory at `v` as a rule does, from the CFA if that can be.
static bool name_place(const struct cfi_frame *f, const struct cfi_val *v,
                       const struct cfi_val *cfa, uint8_t *kind, int32_t *off) {
  int64_t o = v->off;
  if (pcln_cfi_same_base(v, cfa)) {
    o = cfi_wrap(f->s->ptr_size, (uint64_t)v->off - (uint64_t)cfa->off);
    *kind = PCLN_SAVE_CFA;
  } else if (v->base == CFI_VAL_REG && v->reg == f->arch.sp) {
    *kind = PCLN_SAVE_SP;
  } else if (v->base == CFI_VAL_REG && v->reg == f->arch.fp) {
    *kind = PCLN_SAVE_FP;
  } else {
    return false;
  }
  *off = (int32_t)o;
  return fits(o);
}

static bool rule_cfa(const struct cfi_frame *f, const struct cfi_val *cfa,
                     struct pcln_rule *r) {
  const bool sp = cfa->reg == f->arch.sp, fp = cfa->reg == f->arch.fp;
  if (cfa->base == CFI_VAL_REG) {
    if (!sp && !fp && cfa->reg >= PCLN_RULE_SIGNAL)
      return false;
    r->cfa = sp ? PCLN_CFA_SP : fp ? PCLN_CFA_FP : PCLN_CFA_REG;
    r->reg = (uint8_t)(sp || fp ? 0 : cfa->reg);
    r->cfa_off = (int32_t)cfa->off;
    return fits(cfa->off);
  }
  if (cfa->base == CFI_VAL_DEREF && (sp || fp)) {
    const int64_t words = cfa->off / f->s->ptr_size;
    r->cfa = sp ? PCLN_CFA_SP_DEREF : PCLN_CFA_FP_DEREF;
    r->cfa_off = (int32_t)cfa->inner;
    r->reg = (uint8_t)(words & PCLN_RULE_REG_MASK);
    return fits(cfa->inner) && cfa->off % f->s->ptr_size == 0 && words >= 0 &&
           words <= PCLN_RULE_REG_MASK;
  }
  return false;
}

static bool rule_ra(const struct cfi_frame *f, const struct cfi_val *cfa,
                    uint64_t pc, struct pcln_rule *r, bool *pc_used) {
  if (f->now.ra.how == CFI_HOW_OFFSET && fits(f->now.ra.off)) { // nearly all
    r->ra = PCLN_SAVE_CFA;
    r->ra_off = (int32_t)f->now.ra.off;
    return true;
  }
  if (f->now.ra.how == CFI_HOW_UNDEFINED) {
    r->ra = PCLN_SAVE_UNDEFINED;
    return true;
  }
  const struct saved ra =
      find_saved(f, &f->now.ra, (uint32_t)f->cie.ra, cfa, pc, pc_used);
  if (ra.in_memory)
    return name_place(f, &ra.v, cfa, &r->ra, &r->ra_off);
  r->ra = PCLN_SAVE_SAME;
  return !f->arch.pushed_ra && ra.v.base == CFI_VAL_REG &&
         ra.v.reg == f->arch.ra && ra.v.off == 0;
}

static void rule_fp(const struct cfi_frame *f, const struct cfi_val *cfa,
                    uint64_t pc, struct pcln_rule *r, bool *pc_used) {
  if (f->now.fp.how == CFI_HOW_UNSPECIFIED)
    return;
  if (f->now.fp.how == CFI_HOW_OFFSET && fits(f->now.fp.off)) {
    r->fp = PCLN_SAVE_CFA;
    r->fp_off = (int32_t)f->now.fp.off;
    return;
  }
  const struct saved fp =
      find_saved(f, &f->now.fp, f->arch.fp, cfa, pc, pc_used);
  if (fp.in_memory && name_place(f, &fp.v, cfa, &r->fp, &r->fp_off))
    return;
  const bool same = !fp.in_memory && fp.v.base == CFI_VAL_REG &&
                    fp.v.reg == f->arch.fp && fp.v.off == 0;
  r->fp = same ? PCLN_SAVE_SAME : PCLN_SAVE_UNDEFINED;
  r->fp_off = 0;
}

// A rule takes the CFA for the caller's SP. CFI may say otherwise.
static bool sp_is_cfa(const struct cfi_frame *f, const struct cfi_val *cfa,
                      uint64_t pc, bool *pc_used) {
  if (f->now.sp.how == CFI_HOW_UNSPECIFIED)
    return true;
  const struct saved sp =
      find_saved(f, &f->now.sp, f->arch.sp, cfa, pc, pc_used);
  const struct cfi_val v = sp.in_memory ? pcln_cfi_deref(sp.v) : sp.v;
  return pcln_cfi_same_base(&v, cfa) && v.off == cfa->off;
}

bool pcln_cfi_make_rule(const struct cfi_frame *f, uint64_t pc,
                        struct pcln_rule *out) {
  bool pc_used = false;
  struct pcln_rule r = {0};
  const struct cfi_val cfa = eval_cfa(f, pc, &pc_used);
  *out = (struct pcln_rule){.cfa = PCLN_CFA_NONE};
  if (!rule_cfa(f, &cfa, &r) || !sp_is_cfa(f, &cfa, pc, &pc_used) ||
      !rule_ra(f, &cfa, pc, &r, &pc_used))
    return pc_used;
  rule_fp(f, &cfa, pc, &r, &pc_used);
  if (f->cie.signal_frame)
    r.reg |= PCLN_RULE_SIGNAL;
  *out = r;
  return pc_used;
}
