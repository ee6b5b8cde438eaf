// SPDX-License-Identifier: Apache-2.0
//
// DWARF expressions, evaluated symbolically.
//
// Call frame information may compute an address from anything. What a rule of
// format.h can use are a handful of forms,
//
//     number      register + number      *(register + number) + number
//
// and those are all the values here. Sums and differences with numbers stay in
// these forms, a load leads from the second to the third, everything else works
// on numbers only. Whatever leaves the forms is unknown; nothing is guessed.
//
// On x86 the column of the return address, read as a register, is the pc of the
// frame, a number; its use is reported, because PLT entries depend on it.
#include "cfi_internal.h"

enum {
  EXPR_DEPTH = 16, // values on the stack
  EXPR_MAX = 128,  // bytes of one expression
};

enum {
  OP_ADDR = 0x03,
  OP_DEREF = 0x06,
  OP_CONST1U = 0x08,
  OP_CONST1S = 0x09,
  OP_CONST2U = 0x0a,
  OP_CONST2S = 0x0b,
  OP_CONST4U = 0x0c,
  OP_CONST4S = 0x0d,
  OP_CONST8U = 0x0e,
  OP_CONST8S = 0x0f,
  OP_CONSTU = 0x10,
  OP_CONSTS = 0x11,
  OP_DUP = 0x12,
  OP_DROP = 0x13,
  OP_OVER = 0x14,
  OP_PICK = 0x15,
  OP_SWAP = 0x16,
  OP_ROT = 0x17,
  OP_ABS = 0x19,
  OP_AND = 0x1a,
  OP_DIV = 0x1b,
  OP_MINUS = 0x1c,
  OP_MOD = 0x1d,
  OP_MUL = 0x1e,
  OP_NEG = 0x1f,
  OP_NOT = 0x20,
  OP_OR = 0x21,
  OP_PLUS = 0x22,
  OP_PLUS_UCONST = 0x23,
  OP_SHL = 0x24,
  OP_SHR = 0x25,
  OP_SHRA = 0x26,
  OP_XOR = 0x27,
  OP_EQ = 0x29,
  OP_GE = 0x2a,
  OP_GT = 0x2b,
  OP_LE = 0x2c,
  OP_LT = 0x2d,
  OP_NE = 0x2e,
  OP_LIT0 = 0x30,
  OP_BREG0 = 0x70,
  OP_BREGX = 0x92,
  OP_DEREF_SIZE = 0x94,
  OP_NOP = 0x96,
};

// --- Symbolic values --------------------------------------------------------

bool pcln_cfi_same_base(const struct cfi_val *a, const struct cfi_val *b) {
  return a->base == b->base && a->base >= CFI_VAL_REG && a->reg == b->reg &&
         (a->base != CFI_VAL_DEREF || a->inner == b->inner);
}

struct cfi_val pcln_cfi_deref(struct cfi_val v) {
  if (v.base != CFI_VAL_REG)
    return (struct cfi_val){.base = CFI_VAL_UNKNOWN};
  return (struct cfi_val){.base = CFI_VAL_DEREF, .reg = v.reg, .inner = v.off};
}

// --- Expressions ------------------------------------------------------------

struct eval {
  struct pcln_cursor c;
  const struct cfi_expr *x;
  uint8_t ptr_size;
  bool pc_used; // the result holds for this pc only
  bool failed;  // malformed, or outside of what is evaluated
  unsigned depth;
  struct cfi_val stack[EXPR_DEPTH];
};

static void push(struct eval *e, struct cfi_val v) {
  if (e->depth == EXPR_DEPTH)
    e->failed = true;
  else
    e->stack[e->depth++] = v;
}

static void push_const(struct eval *e, uint64_t v) {
  push(e, (struct cfi_val){.base = CFI_VAL_CONST,
                           .off = cfi_wrap(e->ptr_size, v)});
}

static struct cfi_val pop(struct eval *e) {
  if (e->depth == 0) {
    e->failed = true;
    return (struct cfi_val){.base = CFI_VAL_UNKNOWN};
  }
  return e->stack[--e->depth];
}

// The `n`th value from the top, again.
static void pick(struct eval *e, unsigned n) {
  if (n >= e->depth)
    e->failed = true;
  else
    push(e, e->stack[e->depth - 1 - n]);
}

// On x86 the column of the return address, read in a frame, is its pc.
static void push_reg(struct eval *e, uint64_t reg, int64_t off) {
  if (e->x->arch->pushed_ra && reg == e->x->arch->ra) {
    e->pc_used = true;
    push_const(e, e->x->pc + (uint64_t)off);
    return;
  }
  if (reg > UINT32_MAX)
    e->failed = true;
  push(e, (struct cfi_val){.base = CFI_VAL_REG,
                           .reg = (uint32_t)reg,
                           .off = cfi_wrap(e->ptr_size, (uint64_t)off)});
}

// Arithmetic on two numbers; false where the result is not defined.
static bool fold(uint8_t op, int64_t a, int64_t b, uint64_t mask,
                 uint64_t *out) {
  const uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
  const bool big = ub >= 64;
  switch (op) {
  case OP_AND:
    *out = ua & ub;
    return true;
  case OP_OR:
    *out = ua | ub;
    return true;
  case OP_XOR:
    *out = ua ^ ub;
    return true;
  case OP_MUL:
    *out = ua * ub;
    return true;
  case OP_DIV:
    if (b == 0 || b == -1)
      return false;
    *out = (uint64_t)(a / b);
    return true;
  case OP_MOD:
    if (b == 0)
      return false;
    *out = (ua & mask) % (ub & mask);
    return true;
  case OP_SHL:
    *out = big ? 0 : ua << ub;
    return true;
  case OP_SHR:
    *out = big ? 0 : (ua & mask) >> ub;
    return true;
  case OP_SHRA:
    *out = (uint64_t)(a >> (big ? 63 : ub));
    return true;
  case OP_EQ:
    *out = a == b;
    return true;
  case OP_NE:
    *out = a != b;
    return true;
  case OP_GE:
    *out = a >= b;
    return true;
  case OP_GT:
    *out = a > b;
    return true;
  case OP_LE:
    *out = a <= b;
    return true;
  case OP_LT:
    *out = a < b;
    return true;
  default:
    return false;
  }
}

static void binary(struct eval *e, uint8_t op) {
  struct cfi_val b = pop(e), a = pop(e);
  if (op == OP_MINUS && b.base == CFI_VAL_CONST) {
    b.off = cfi_wrap(e->ptr_size, -(uint64_t)b.off);
    op = OP_PLUS;
  }
  if (op == OP_PLUS) {
    if (a.base == CFI_VAL_CONST) {
      const struct cfi_val t = a;
      a = b;
      b = t;
    }
    if (b.base != CFI_VAL_CONST || a.base == CFI_VAL_UNKNOWN)
      e->failed = true;
    a.off = cfi_wrap(e->ptr_size, (uint64_t)a.off + (uint64_t)b.off);
    push(e, a);
    return;
  }
  uint64_t v = 0;
  if (a.base != CFI_VAL_CONST || b.base != CFI_VAL_CONST ||
      !fold(op, a.off, b.off, cfi_address_mask(e->ptr_size), &v))
    e->failed = true;
  push_const(e, v);
}

static void unary(struct eval *e, uint8_t op) {
  const struct cfi_val a = pop(e);
  const uint64_t v = (uint64_t)a.off;
  if (a.base != CFI_VAL_CONST)
    e->failed = true;
  push_const(e, op == OP_NOT ? ~v : op == OP_NEG || a.off < 0 ? -v : v);
}

// Constants; true if `op` is one.
static bool constant(struct eval *e, uint8_t op) {
  struct pcln_cursor *c = &e->c;
  switch (op) {
  case OP_ADDR:
    push_const(e, pcln_uint(c, e->ptr_size));
    return true;
  case OP_CONST1U:
    push_const(e, pcln_u8(c));
    return true;
  case OP_CONST1S:
    push_const(e, (uint64_t)(int64_t)(int8_t)pcln_u8(c));
    return true;
  case OP_CONST2U:
    push_const(e, pcln_u16(c));
    return true;
  case OP_CONST2S:
    push_const(e, (uint64_t)(int64_t)(int16_t)pcln_u16(c));
    return true;
  case OP_CONST4U:
    push_const(e, pcln_u32(c));
    return true;
  case OP_CONST4S:
    push_const(e, (uint64_t)(int64_t)(int32_t)pcln_u32(c));
    return true;
  case OP_CONST8U:
  case OP_CONST8S:
    push_const(e, pcln_u64(c));
    return true;
  case OP_CONSTU:
    push_const(e, pcln_uleb(c));
    return true;
  case OP_CONSTS:
    push_const(e, (uint64_t)pcln_sleb(c));
    return true;
  default:
    if (op < OP_LIT0 || op >= OP_LIT0 + 32)
      return false;
    push_const(e, (uint64_t)(op - OP_LIT0));
    return true;
  }
}

// Registers, memory and the order of the stack; true if `op` is one of these.
static bool move(struct eval *e, uint8_t op) {
  struct pcln_cursor *c = &e->c;
  struct cfi_val a, b, d;
  if (op >= OP_BREG0 && op < OP_BREG0 + 32) {
    push_reg(e, (uint64_t)(op - OP_BREG0), pcln_sleb(c));
    return true;
  }
  switch (op) {
  case OP_BREGX: {
    const uint64_t reg = pcln_uleb(c);
    push_reg(e, reg, pcln_sleb(c));
    return true;
  }
  case OP_DEREF_SIZE:
    if (pcln_u8(c) != e->ptr_size)
      return false;
    push(e, pcln_cfi_deref(pop(e)));
    return true;
  case OP_DEREF:
    push(e, pcln_cfi_deref(pop(e)));
    return true;
  case OP_DUP:
    pick(e, 0);
    return true;
  case OP_OVER:
    pick(e, 1);
    return true;
  case OP_PICK:
    pick(e, pcln_u8(c));
    return true;
  case OP_DROP:
    pop(e);
    return true;
  case OP_SWAP:
    b = pop(e), a = pop(e);
    push(e, b), push(e, a);
    return true;
  case OP_ROT: // the top goes below the two under it
    d = pop(e), b = pop(e), a = pop(e);
    push(e, d), push(e, a), push(e, b);
    return true;
  case OP_NOP:
    return true;
  default:
    return false;
  }
}

static void operation(struct eval *e, uint8_t op) {
  if (constant(e, op) || move(e, op))
    return;
  switch (op) {
  case OP_PLUS_UCONST:
    push_const(e, pcln_uleb(&e->c));
    binary(e, OP_PLUS);
    return;
  case OP_ABS:
  case OP_NEG:
  case OP_NOT:
    unary(e, op);
    return;
  default: // branches and everything unknown end in fold()'s refusal
    binary(e, op);
    return;
  }
}

struct cfi_val pcln_cfi_eval(const struct cfi_expr *x,
                             const struct cfi_val *initial, bool *pc_used) {
  struct eval e;
  // Not an initialiser: the stack is read only where written.
  e.c = pcln_cursor_at(x->bytes, x->len, x->s->swap);
  e.x = x;
  e.ptr_size = x->s->ptr_size;
  e.pc_used = false;
  e.failed = x->len > EXPR_MAX;
  e.depth = 0;
  if (initial)
    push(&e, *initial);
  while (!e.failed && pcln_left(&e.c))
    operation(&e, pcln_u8(&e.c));
  *pc_used |= e.pc_used;
  const struct cfi_val v = pop(&e);
  if (e.failed || e.c.failed)
    return (struct cfi_val){.base = CFI_VAL_UNKNOWN};
  return v;
}
