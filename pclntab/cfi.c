// SPDX-License-Identifier: Apache-2.0
//
// Call frame information to unwind rules.
//
// CFI is a small program per function. It may keep a rule for every register
// of the machine; an unwinder that wants frames only needs three of them, so
// this interpreter tracks the CFA, the frame pointer, the return address and,
// to notice when it is not simply the CFA, the stack pointer. Everything else
// is decoded and skipped.
//
// Expressions are evaluated symbolically over a handful of forms
//
//     number      register + number      *(register + number) + number
//
// because those are what a rule of format.h can say. Whatever leaves these
// forms makes the row PCLN_CFA_NONE; nothing is guessed. Three users of
// expressions matter and fit: stacks that GCC realigns (CFA = *(FP - 8)),
// signal trampolines (all of it relative to SP), and PLT entries, whose CFA
// depends on pc & 15. The last are evaluated once for each pc, so that their
// rows come out as plain SP rules.
//
// A frame pointer whose saved place no rule can name is reported as lost
// (PCLN_SAVE_UNDEFINED): the frame itself can still be left, and the unwinder
// stops when a later rule needs the lost value. A return address that cannot be
// named makes the row NONE.
//
// Signatures of return addresses (AArch64 pointer authentication) are not part
// of a rule: an unwinder strips them from every return address it loads.
//
// Runs in the linker on untrusted files and in signal handlers on the running
// process: no allocation, no locks, about 4 KiB of stack. Each byte of the
// section is read through the bounded cursor; work is linear in the bytes of
// the entry, and bounded by PC_EXPAND_MAX evaluations where pc matters.
#include "cfi.h"

#include "bytes.h"

#include <elf.h>

enum {
  STATE_DEPTH = 16,        // DW_CFA_remember_state; compilers use one
  EXPR_DEPTH = 16,         // values on the expression stack
  EXPR_MAX = 128,          // bytes of one expression
  PC_EXPAND_MAX = 1 << 20, // bytes of code of an FDE with pc-dependent rows
};

// --- Numbers of the DWARF standard and of the LSB ---------------------------

enum { // pointer encodings; the low half byte is the format
  PE_ABSPTR = 0x00,
  PE_ULEB128 = 0x01,
  PE_UDATA2 = 0x02,
  PE_UDATA4 = 0x03,
  PE_UDATA8 = 0x04,
  PE_SIGNED = 0x08,
  PE_SLEB128 = 0x09,
  PE_SDATA2 = 0x0a,
  PE_SDATA4 = 0x0b,
  PE_SDATA8 = 0x0c,
  PE_PCREL = 0x10,
  PE_TEXTREL = 0x20,
  PE_DATAREL = 0x30,
  PE_ALIGNED = 0x50,
  PE_INDIRECT = 0x80,
  PE_OMIT = 0xff,
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

// --- Architectures ----------------------------------------------------------

bool pcln_cfi_arch(uint16_t machine, struct pcln_cfi_arch *out) {
  switch (machine) {
  case EM_X86_64:
    *out = (struct pcln_cfi_arch){
        .sp = 7, .fp = 6, .ra = 16, .pushed_ra = 8, .quantum = 1};
    return true;
  case EM_386:
    *out = (struct pcln_cfi_arch){
        .sp = 4, .fp = 5, .ra = 8, .pushed_ra = 4, .quantum = 1};
    return true;
  case EM_AARCH64:
    *out = (struct pcln_cfi_arch){.sp = 31, .fp = 29, .ra = 30, .quantum = 4};
    return true;
  default:
    return false;
  }
}

// --- Entries ----------------------------------------------------------------

// The first thing that was wrong, kept until someone with a sink reports it.
struct problem {
  enum pcln_status status;
  const char *fault, *text;
  size_t off; // bytes from the section's start
};

static enum pcln_status problem(struct problem *p, enum pcln_status status,
                                size_t off, const char *fault,
                                const char *text) {
  *p = (struct problem){
      .status = status, .fault = fault, .text = text, .off = off};
  return status;
}

static enum pcln_status report(const struct pcln_cfi_section *s,
                               const struct problem *p,
                               const struct pcln_sink *sink) {
  pcln_say(sink,
           &(struct pcln_report){.severity = PCLN_WARNING,
                                 .fault = p->fault,
                                 .region = s->eh ? ".eh_frame" : ".debug_frame",
                                 .region_off = p->off,
                                 .text = p->text});
  return p->status;
}

// A CIE or FDE. The cursor starts at the section's first byte, so that its
// position is a section offset, stands behind the id field, and ends with the
// entry.
struct entry {
  struct pcln_cursor body;
  size_t off, next;
  size_t cie_off; // of an FDE
  bool is_cie;
};

// Zero words between entries are what crtend.o leaves where other objects were
// linked behind it; in a running process, where the section's length may be a
// guess, they end it.
static bool skip_terminators(const struct pcln_cfi_section *s, size_t *off) {
  while (s->bytes.len - *off >= 4) {
    if (pcln_load32(s->bytes.ptr + *off, s->swap) != 0)
      return true;
    if (s->live)
      return false;
    *off += 4;
  }
  return *off < s->bytes.len;
}

static enum pcln_status read_entry(const struct pcln_cfi_section *s, size_t off,
                                   struct entry *e, struct problem *p) {
  *e = (struct entry){.off = off, .next = s->bytes.len};
  struct pcln_cursor c = pcln_cursor_at(s->bytes.ptr, s->bytes.len, s->swap);
  pcln_seek(&c, off);
  uint64_t len = pcln_u32(&c);
  const bool wide = len == 0xffffffff;
  if (wide)
    len = pcln_u64(&c);
  if (c.failed || len > pcln_left(&c))
    return problem(p, PCLN_CORRUPT, off, "cfi-length",
                   "an entry is longer than what is left of its section");
  e->next = pcln_tell(&c) + (size_t)len;
  c.end = c.pos + len;
  const size_t id_off = pcln_tell(&c);
  const unsigned id_size = wide && !s->eh ? 8 : 4;
  const uint64_t id = pcln_uint(&c, id_size);
  if (c.failed)
    return problem(p, PCLN_CORRUPT, off, "cfi-length",
                   "an entry is too short for its id");
  if (s->eh) {
    e->is_cie = id == 0;
    e->cie_off = id_off - (size_t)id;
  } else {
    e->is_cie = id == (wide ? UINT64_MAX : UINT32_MAX);
    e->cie_off = (size_t)id;
  }
  if (!e->is_cie && (s->eh ? id > id_off : id >= s->bytes.len))
    return problem(p, PCLN_CORRUPT, off, "cfi-cie-pointer",
                   "an FDE names a CIE outside the section");
  e->body = c;
  return PCLN_OK;
}

struct cie {
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

static uint64_t address_mask(uint8_t size) {
  return size >= 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
}

// A pointer in encoding `enc`. False: an encoding that cannot be followed here.
static bool read_encoded(const struct pcln_cfi_section *s, uint8_t enc,
                         uint8_t addr_size, struct pcln_cursor *c,
                         uint64_t *out) {
  uint64_t v;
  const uint64_t place = s->va + pcln_tell(c);
  uint8_t format = enc & 0x0f, base = enc & 0x70;
  if (base == PE_ALIGNED) {
    pcln_skip(c, -place & (addr_size - 1u));
    format = PE_ABSPTR;
    base = 0;
  }
  switch (format) {
  case PE_ABSPTR:
  case PE_SIGNED:
    v = pcln_uint(c, addr_size);
    break;
  case PE_ULEB128:
    v = pcln_uleb(c);
    break;
  case PE_SLEB128:
    v = (uint64_t)pcln_sleb(c);
    break;
  case PE_UDATA2:
    v = pcln_u16(c);
    break;
  case PE_SDATA2:
    v = (uint64_t)(int64_t)(int16_t)pcln_u16(c);
    break;
  case PE_UDATA4:
    v = pcln_u32(c);
    break;
  case PE_SDATA4:
    v = (uint64_t)(int64_t)(int32_t)pcln_u32(c);
    break;
  case PE_UDATA8:
  case PE_SDATA8:
    v = pcln_u64(c);
    break;
  default:
    return false;
  }
  if (v && base == PE_PCREL) // 0 is a null pointer, whatever its base
    v += place;
  else if (v && base == PE_TEXTREL && s->text_va)
    v += s->text_va;
  else if (v && base == PE_DATAREL && s->data_va)
    v += s->data_va;
  else if (v && base)
    return false;
  *out = v & address_mask(addr_size);
  return true;
}

// Augmentation letters behind 'z'; data in `c`. False: the encoding of the
// FDE's addresses cannot be known.
static bool read_augmentation(const struct pcln_cfi_section *s,
                              const char *letters, struct pcln_cursor *c,
                              struct cie *cie) {
  for (; *letters; letters++) {
    uint64_t ignored;
    uint8_t enc;
    switch (*letters) {
    case 'L':
      pcln_u8(c);
      break;
    case 'P': // skipped: only its length matters
      enc = pcln_u8(c);
      enc = (enc & 0x70) == PE_ALIGNED || enc == PE_OMIT ? enc : enc & 0x0f;
      if (enc != PE_OMIT && !read_encoded(s, enc, cie->addr_size, c, &ignored))
        return false;
      break;
    case 'R':
      cie->fde_enc = pcln_u8(c);
      break;
    case 'S':
      cie->signal_frame = true;
      break;
    case 'B': // AArch64: return addresses are signed with the B key
    case 'G': // AArch64: the stack frame is tagged
      break;
    default: // unknown data: harmless unless the address encoding follows
      return !strchr(letters, 'R');
    }
  }
  return !c->failed;
}

static enum pcln_status read_cie(const struct pcln_cfi_section *s, size_t off,
                                 struct cie *cie, struct problem *p) {
  struct entry e;
  enum pcln_status status = read_entry(s, off, &e, p);
  if (status != PCLN_OK)
    return status;
  if (!e.is_cie)
    return problem(p, PCLN_CORRUPT, off, "cfi-cie-pointer",
                   "an FDE names an entry that is no CIE");
  struct pcln_cursor *c = &e.body;
  *cie = (struct cie){.addr_size = s->ptr_size};
  const uint8_t version = pcln_u8(c);
  if (version != 1 && version != 3 && version != 4)
    return problem(p, PCLN_UNSUPPORTED, off, "cfi-version",
                   "a CIE has an unknown version");
  const char *aug = pcln_cstr(c, NULL);
  if (aug && aug[0] == 'e' && aug[1] == 'h') { // GCC 2: a pointer, unused
    pcln_skip(c, s->ptr_size);
    aug += 2;
  }
  if (version == 4) {
    cie->addr_size = pcln_u8(c);
    cie->seg_size = pcln_u8(c);
  }
  cie->code_align = pcln_uleb(c);
  cie->data_align = pcln_sleb(c);
  cie->ra = version == 1 ? pcln_u8(c) : pcln_uleb(c);
  if (c->failed || (cie->addr_size != 4 && cie->addr_size != 8) ||
      cie->seg_size > 8)
    return problem(p, PCLN_CORRUPT, off, "cfi-cie", "a CIE is malformed");
  if (aug[0] == 'z') {
    const uint64_t len = pcln_uleb(c);
    struct pcln_cursor data = *c;
    pcln_skip(c, len);
    data.end = c->pos;
    if (c->failed || !read_augmentation(s, aug + 1, &data, cie))
      return problem(p, c->failed ? PCLN_CORRUPT : PCLN_UNSUPPORTED, off,
                     "cfi-augmentation",
                     "the augmentation data of a CIE cannot be read");
    cie->augmented = true;
  } else if (aug[0]) {
    return problem(p, PCLN_UNSUPPORTED, off, "cfi-augmentation",
                   "a CIE has an unknown augmentation");
  }
  cie->insns = *c;
  return PCLN_OK;
}

// Fills *out from the FDE in `e`, and moves e->body to its instructions.
static enum pcln_status read_fde(const struct pcln_cfi_section *s,
                                 struct entry *e, struct cie *cie,
                                 struct pcln_cfi_fde *out, struct problem *p) {
  enum pcln_status status = read_cie(s, e->cie_off, cie, p);
  if (status != PCLN_OK)
    return status;
  struct pcln_cursor *c = &e->body;
  uint64_t lo = 0, size = 0;
  const uint8_t enc = s->eh ? cie->fde_enc : PE_ABSPTR;
  pcln_skip(c, cie->seg_size);
  if ((enc & PE_INDIRECT) || !read_encoded(s, enc, cie->addr_size, c, &lo) ||
      !read_encoded(s, enc & 0x0f, cie->addr_size, c, &size))
    return problem(p, PCLN_UNSUPPORTED, e->off, "cfi-encoding",
                   "the address encoding of an FDE cannot be followed");
  if (cie->augmented)
    pcln_skip(c, pcln_uleb(c));
  if (c->failed)
    return problem(p, PCLN_CORRUPT, e->off, "cfi-fde", "an FDE is malformed");
  if (size > address_mask(cie->addr_size) - lo)
    return problem(p, PCLN_CORRUPT, e->off, "cfi-range",
                   "an FDE runs past the end of the address space");
  *out = (struct pcln_cfi_fde){.lo = lo,
                               .hi = lo + size,
                               .off = e->off,
                               .cie_off = e->cie_off,
                               .signal_frame = cie->signal_frame};
  return PCLN_OK;
}

// --- Symbolic values --------------------------------------------------------

enum val_base {
  VAL_UNKNOWN,
  VAL_CONST, // off
  VAL_REG,   // reg + off
  VAL_DEREF, // *(reg + inner) + off
};

struct val {
  enum val_base base;
  uint32_t reg; // DWARF register
  int64_t inner, off;
};

// `off` is wrapped to the size of an address, because a CFA of a 32-bit
// program is computed modulo 2^32.
static int64_t wrap(uint8_t ptr_size, uint64_t v) {
  return ptr_size == 4 ? (int64_t)(int32_t)(uint32_t)v : (int64_t)v;
}

static bool same_base(const struct val *a, const struct val *b) {
  return a->base == b->base && a->base >= VAL_REG && a->reg == b->reg &&
         (a->base != VAL_DEREF || a->inner == b->inner);
}

static struct val val_deref(struct val v) {
  if (v.base != VAL_REG)
    return (struct val){.base = VAL_UNKNOWN};
  return (struct val){.base = VAL_DEREF, .reg = v.reg, .inner = v.off};
}

// --- Expressions ------------------------------------------------------------

struct eval {
  struct pcln_cursor c;
  const struct pcln_cfi_arch *arch;
  uint8_t ptr_size;
  uint64_t pc;
  bool pc_used; // the result holds for this pc only
  bool failed;  // malformed, or outside of what is evaluated
  unsigned depth;
  struct val stack[EXPR_DEPTH];
};

static void push(struct eval *e, struct val v) {
  if (e->depth == EXPR_DEPTH)
    e->failed = true;
  else
    e->stack[e->depth++] = v;
}

static void push_const(struct eval *e, uint64_t v) {
  push(e, (struct val){.base = VAL_CONST, .off = wrap(e->ptr_size, v)});
}

static struct val pop(struct eval *e) {
  if (e->depth == 0) {
    e->failed = true;
    return (struct val){.base = VAL_UNKNOWN};
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
  if (e->arch->pushed_ra && reg == e->arch->ra) {
    e->pc_used = true;
    push_const(e, e->pc + (uint64_t)off);
    return;
  }
  if (reg > UINT32_MAX)
    e->failed = true;
  push(e, (struct val){.base = VAL_REG,
                       .reg = (uint32_t)reg,
                       .off = wrap(e->ptr_size, (uint64_t)off)});
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
  struct val b = pop(e), a = pop(e);
  if (op == OP_MINUS && b.base == VAL_CONST) {
    b.off = wrap(e->ptr_size, -(uint64_t)b.off);
    op = OP_PLUS;
  }
  if (op == OP_PLUS) {
    if (a.base == VAL_CONST) {
      const struct val t = a;
      a = b;
      b = t;
    }
    if (b.base != VAL_CONST || a.base == VAL_UNKNOWN)
      e->failed = true;
    a.off = wrap(e->ptr_size, (uint64_t)a.off + (uint64_t)b.off);
    push(e, a);
    return;
  }
  uint64_t v = 0;
  if (a.base != VAL_CONST || b.base != VAL_CONST ||
      !fold(op, a.off, b.off, address_mask(e->ptr_size), &v))
    e->failed = true;
  push_const(e, v);
}

static void unary(struct eval *e, uint8_t op) {
  const struct val a = pop(e);
  const uint64_t v = (uint64_t)a.off;
  if (a.base != VAL_CONST)
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
  struct val a, b, d;
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
    push(e, val_deref(pop(e)));
    return true;
  case OP_DEREF:
    push(e, val_deref(pop(e)));
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

// --- The state of a program -------------------------------------------------

enum how {
  HOW_UNSPECIFIED,
  HOW_UNDEFINED,
  HOW_SAME,
  HOW_OFFSET,     // at CFA + off
  HOW_VAL_OFFSET, // is CFA + off
  HOW_REGISTER,   // in `reg`; of the CFA: is reg + off
  HOW_EXPR,       // at the result; of the CFA: is the result
  HOW_VAL_EXPR,   // is the result
};

struct reg_rule {
  enum how how;
  uint32_t reg;
  int64_t off;
  const uint8_t *expr; // in the section
  uint32_t expr_len;
};

struct state {
  struct reg_rule cfa, sp, fp, ra;
};

struct interp {
  const struct pcln_cfi_section *s;
  const struct pcln_cfi_fde *fde;
  struct pcln_cfi_arch arch;
  struct cie cie;
  struct problem *p;

  struct state now, initial;
  struct state saved[STATE_DEPTH];
  unsigned n_saved;
  bool preparing; // running the CIE's initial instructions
  uint64_t loc;   // pc from which what comes next holds

  uint64_t row_lo; // rows are done up to here; `now` holds from it to loc
  pcln_cfi_row_fn fn;
  void *ctx;
  bool stopped;
  bool pending; // [pend_lo, pend_hi) waits for an equal neighbour
  uint64_t pend_lo, pend_hi;
  struct pcln_rule pend;
};

// --- From state to rule -----------------------------------------------------

static struct val eval_expr(const struct interp *in, const struct reg_rule *r,
                            uint64_t pc, const struct val *cfa, bool *pc_used) {
  struct eval e = {.c = pcln_cursor_at(r->expr, r->expr_len, in->s->swap),
                   .arch = &in->arch,
                   .ptr_size = in->s->ptr_size,
                   .pc = pc};
  if (r->expr_len > EXPR_MAX)
    e.failed = true;
  if (cfa)
    push(&e, *cfa);
  while (!e.failed && pcln_left(&e.c))
    operation(&e, pcln_u8(&e.c));
  *pc_used |= e.pc_used;
  const struct val v = pop(&e);
  if (e.failed || e.c.failed)
    return (struct val){.base = VAL_UNKNOWN};
  return v;
}

static struct val eval_cfa(const struct interp *in, uint64_t pc,
                           bool *pc_used) {
  const struct reg_rule *r = &in->now.cfa;
  if (r->how == HOW_REGISTER)
    return (struct val){.base = VAL_REG,
                        .reg = r->reg,
                        .off = wrap(in->s->ptr_size, (uint64_t)r->off)};
  if (r->how == HOW_EXPR)
    return eval_expr(in, r, pc, NULL, pc_used);
  return (struct val){.base = VAL_UNKNOWN};
}

// Where the caller's value of a register is: in memory at `v`, or `v` itself.
struct saved {
  bool in_memory;
  struct val v;
};

static struct saved find_saved(const struct interp *in,
                               const struct reg_rule *r, uint32_t self,
                               const struct val *cfa, uint64_t pc,
                               bool *pc_used) {
  struct saved out = {.v = *cfa};
  switch (r->how) {
  case HOW_OFFSET:
  case HOW_VAL_OFFSET:
    out.in_memory = r->how == HOW_OFFSET;
    out.v.off = wrap(in->s->ptr_size, (uint64_t)cfa->off + (uint64_t)r->off);
    break;
  case HOW_EXPR:
  case HOW_VAL_EXPR:
    out.in_memory = r->how == HOW_EXPR;
    out.v = eval_expr(in, r, pc, cfa, pc_used);
    break;
  case HOW_REGISTER:
    out.v = (struct val){.base = VAL_REG, .reg = r->reg};
    break;
  case HOW_UNSPECIFIED:
  case HOW_SAME:
    out.v = (struct val){.base = VAL_REG, .reg = self};
    break;
  case HOW_UNDEFINED:
    out.v = (struct val){.base = VAL_UNKNOWN};
    break;
  }
  if (!out.in_memory && out.v.base == VAL_DEREF && out.v.off == 0)
    out = (struct saved){
        .in_memory = true,
        .v = {.base = VAL_REG, .reg = out.v.reg, .off = out.v.inner}};
  return out;
}

static bool fits(int64_t v) { return v == (int32_t)v; }

// Names the memory at `v` as a rule does, from the CFA if that can be.
static bool name_place(const struct interp *in, const struct val *v,
                       const struct val *cfa, uint8_t *kind, int32_t *off) {
  int64_t o = v->off;
  if (same_base(v, cfa)) {
    o = wrap(in->s->ptr_size, (uint64_t)v->off - (uint64_t)cfa->off);
    *kind = PCLN_SAVE_CFA;
  } else if (v->base == VAL_REG && v->reg == in->arch.sp) {
    *kind = PCLN_SAVE_SP;
  } else if (v->base == VAL_REG && v->reg == in->arch.fp) {
    *kind = PCLN_SAVE_FP;
  } else {
    return false;
  }
  *off = (int32_t)o;
  return fits(o);
}

static bool rule_cfa(const struct interp *in, const struct val *cfa,
                     struct pcln_rule *r) {
  const bool sp = cfa->reg == in->arch.sp, fp = cfa->reg == in->arch.fp;
  if (cfa->base == VAL_REG) {
    if (!sp && !fp && cfa->reg >= PCLN_RULE_SIGNAL)
      return false;
    r->cfa = sp ? PCLN_CFA_SP : fp ? PCLN_CFA_FP : PCLN_CFA_REG;
    r->reg = (uint8_t)(sp || fp ? 0 : cfa->reg);
    r->cfa_off = (int32_t)cfa->off;
    return fits(cfa->off);
  }
  if (cfa->base == VAL_DEREF && (sp || fp)) {
    const int64_t words = cfa->off / in->s->ptr_size;
    r->cfa = sp ? PCLN_CFA_SP_DEREF : PCLN_CFA_FP_DEREF;
    r->cfa_off = (int32_t)cfa->inner;
    r->reg = (uint8_t)(words & PCLN_RULE_REG_MASK);
    return fits(cfa->inner) && cfa->off % in->s->ptr_size == 0 && words >= 0 &&
           words <= PCLN_RULE_REG_MASK;
  }
  return false;
}

static bool rule_ra(const struct interp *in, const struct val *cfa, uint64_t pc,
                    struct pcln_rule *r, bool *pc_used) {
  if (in->now.ra.how == HOW_UNDEFINED) {
    r->ra = PCLN_SAVE_UNDEFINED;
    return true;
  }
  const struct saved ra =
      find_saved(in, &in->now.ra, (uint32_t)in->cie.ra, cfa, pc, pc_used);
  if (ra.in_memory)
    return name_place(in, &ra.v, cfa, &r->ra, &r->ra_off);
  r->ra = PCLN_SAVE_SAME;
  return !in->arch.pushed_ra && ra.v.base == VAL_REG &&
         ra.v.reg == in->arch.ra && ra.v.off == 0;
}

static void rule_fp(const struct interp *in, const struct val *cfa, uint64_t pc,
                    struct pcln_rule *r, bool *pc_used) {
  const struct saved fp =
      find_saved(in, &in->now.fp, in->arch.fp, cfa, pc, pc_used);
  if (fp.in_memory && name_place(in, &fp.v, cfa, &r->fp, &r->fp_off))
    return;
  const bool same = !fp.in_memory && fp.v.base == VAL_REG &&
                    fp.v.reg == in->arch.fp && fp.v.off == 0;
  r->fp = same ? PCLN_SAVE_SAME : PCLN_SAVE_UNDEFINED;
  r->fp_off = 0;
}

// A rule takes the CFA for the caller's SP. CFI may say otherwise.
static bool sp_is_cfa(const struct interp *in, const struct val *cfa,
                      uint64_t pc, bool *pc_used) {
  if (in->now.sp.how == HOW_UNSPECIFIED)
    return true;
  const struct saved sp =
      find_saved(in, &in->now.sp, in->arch.sp, cfa, pc, pc_used);
  const struct val v = sp.in_memory ? val_deref(sp.v) : sp.v;
  return same_base(&v, cfa) && v.off == cfa->off;
}

// The rule for `now` at `pc`; true if it depends on pc.
static bool make_rule(const struct interp *in, uint64_t pc,
                      struct pcln_rule *out) {
  bool pc_used = false;
  struct pcln_rule r = {0};
  const struct val cfa = eval_cfa(in, pc, &pc_used);
  *out = (struct pcln_rule){.cfa = PCLN_CFA_NONE};
  if (!rule_cfa(in, &cfa, &r) || !sp_is_cfa(in, &cfa, pc, &pc_used) ||
      !rule_ra(in, &cfa, pc, &r, &pc_used))
    return pc_used;
  rule_fp(in, &cfa, pc, &r, &pc_used);
  if (in->cie.signal_frame)
    r.reg |= PCLN_RULE_SIGNAL;
  *out = r;
  return pc_used;
}

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

// `now` held from row_lo up to `to`.
static void end_row(struct interp *in, uint64_t to) {
  const uint64_t lo = in->row_lo;
  struct pcln_rule rule;
  if (to <= lo || in->stopped)
    return;
  in->row_lo = to;
  if (!make_rule(in, lo, &rule)) {
    emit(in, lo, to, &rule);
    return;
  }
  if (in->fde->hi - in->fde->lo > PC_EXPAND_MAX) {
    emit_none(in, lo, to);
    return;
  }
  const unsigned step = in->arch.quantum;
  for (uint64_t pc = lo; pc < to && !in->stopped;) {
    const uint64_t next = to - pc > step ? pc + step : to;
    make_rule(in, pc, &rule);
    emit(in, pc, next, &rule);
    pc = next;
  }
}

// --- Instructions -----------------------------------------------------------

static bool refuse(struct interp *in, const struct pcln_cursor *c,
                   enum pcln_status status, const char *fault,
                   const char *text) {
  problem(in->p, status,
          c->failed ? in->fde->off : (size_t)(c->pos - in->s->bytes.ptr), fault,
          text);
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
  if (__builtin_mul_overflow(delta, in->cie.code_align, &bytes) ||
      bytes > UINT64_MAX - in->loc)
    return malformed(in, c);
  return advance_to(in, c, in->loc + bytes);
}

// The rule of `reg` in `st`; null if it is not tracked.
static struct reg_rule *tracked(const struct interp *in, struct state *st,
                                uint64_t reg) {
  if (reg == in->cie.ra)
    return &st->ra;
  if (reg == in->arch.fp)
    return &st->fp;
  return reg == in->arch.sp ? &st->sp : NULL;
}

static bool set_rule(struct interp *in, uint64_t reg, struct reg_rule rule) {
  struct reg_rule *slot = tracked(in, &in->now, reg);
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
  const struct reg_rule *old = tracked(in, &in->initial, reg);
  return !old || set_rule(in, reg, *old);
}

// `factored` is in units of the CIE's data alignment.
static bool set_offset(struct interp *in, const struct pcln_cursor *c,
                       enum how how, uint64_t reg, int64_t factored) {
  int64_t off;
  if (__builtin_mul_overflow(factored, in->cie.data_align, &off))
    return malformed(in, c);
  return set_rule(in, reg, (struct reg_rule){.how = how, .off = off});
}

static bool set_expr(struct interp *in, struct pcln_cursor *c, enum how how,
                     uint64_t reg) {
  const uint64_t len = pcln_uleb(c);
  const uint8_t *expr = pcln_take(c, len);
  if (!expr || len > UINT32_MAX)
    return malformed(in, c);
  return set_rule(
      in, reg,
      (struct reg_rule){.how = how, .expr = expr, .expr_len = (uint32_t)len});
}

static bool set_cfa(struct interp *in, const struct pcln_cursor *c,
                    uint64_t reg, int64_t off) {
  if (reg > UINT32_MAX)
    return malformed(in, c);
  end_row(in, in->loc);
  in->now.cfa =
      (struct reg_rule){.how = HOW_REGISTER, .reg = (uint32_t)reg, .off = off};
  return true;
}

static bool set_cfa_factored(struct interp *in, const struct pcln_cursor *c,
                             uint64_t reg, int64_t factored) {
  int64_t off;
  if (__builtin_mul_overflow(factored, in->cie.data_align, &off))
    return malformed(in, c);
  return set_cfa(in, c, reg, off);
}

static bool set_cfa_expr(struct interp *in, struct pcln_cursor *c) {
  const uint64_t len = pcln_uleb(c);
  const uint8_t *expr = pcln_take(c, len);
  if (!expr || len > UINT32_MAX)
    return malformed(in, c);
  end_row(in, in->loc);
  in->now.cfa = (struct reg_rule){
      .how = HOW_EXPR, .expr = expr, .expr_len = (uint32_t)len};
  return true;
}

static bool remember(struct interp *in, const struct pcln_cursor *c) {
  if (in->n_saved == STATE_DEPTH)
    return refuse(in, c, PCLN_LIMIT, "cfi-depth",
                  "a CFI program remembers more states than are kept");
  in->saved[in->n_saved++] = in->now;
  return true;
}

static bool restore_state(struct interp *in, const struct pcln_cursor *c) {
  if (in->n_saved == 0)
    return malformed(in, c);
  end_row(in, in->loc);
  in->now = in->saved[--in->n_saved];
  return true;
}

static bool set_loc(struct interp *in, struct pcln_cursor *c) {
  // The cursor of a program starts at the section's first byte, as a
  // pc-relative pointer needs.
  uint64_t pc = 0;
  const uint8_t enc = in->s->eh ? in->cie.fde_enc : PE_ABSPTR;
  if ((enc & PE_INDIRECT) ||
      !read_encoded(in->s, enc, in->cie.addr_size, c, &pc))
    return malformed(in, c);
  return advance_to(in, c, pc);
}

// Instructions that set the rule of one register, whose number comes first.
static bool register_insn(struct interp *in, struct pcln_cursor *c,
                          uint8_t op) {
  const uint64_t reg = pcln_uleb(c);
  switch (op) {
  case CFA_OFFSET_EXTENDED:
    return set_offset(in, c, HOW_OFFSET, reg, (int64_t)pcln_uleb(c));
  case CFA_OFFSET_EXTENDED_SF:
    return set_offset(in, c, HOW_OFFSET, reg, pcln_sleb(c));
  case CFA_GNU_NEGATIVE_OFFSET_EXTENDED:
    return set_offset(in, c, HOW_OFFSET, reg, (int64_t)(-pcln_uleb(c)));
  case CFA_VAL_OFFSET:
    return set_offset(in, c, HOW_VAL_OFFSET, reg, (int64_t)pcln_uleb(c));
  case CFA_VAL_OFFSET_SF:
    return set_offset(in, c, HOW_VAL_OFFSET, reg, pcln_sleb(c));
  case CFA_RESTORE_EXTENDED:
    return restore_rule(in, c, reg);
  case CFA_UNDEFINED:
    return set_rule(in, reg, (struct reg_rule){.how = HOW_UNDEFINED});
  case CFA_SAME_VALUE:
    return set_rule(in, reg, (struct reg_rule){.how = HOW_SAME});
  case CFA_REGISTER: {
    const uint64_t other = pcln_uleb(c);
    if (other > UINT32_MAX)
      return malformed(in, c);
    return set_rule(
        in, reg,
        (struct reg_rule){.how = HOW_REGISTER, .reg = (uint32_t)other});
  }
  case CFA_EXPRESSION:
    return set_expr(in, c, HOW_EXPR, reg);
  case CFA_VAL_EXPRESSION:
    return set_expr(in, c, HOW_VAL_EXPR, reg);
  default:
    return refuse(in, c, PCLN_UNSUPPORTED, "cfi-opcode",
                  "a CFI program has an unknown instruction");
  }
}

// Instructions that change the CFA, the place or the whole state.
static bool plain_insn(struct interp *in, struct pcln_cursor *c, uint8_t op) {
  const struct reg_rule *cfa = &in->now.cfa;
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
      ok = set_offset(in, &c, HOW_OFFSET, low, (int64_t)pcln_uleb(&c));
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

enum pcln_status pcln_cfi_next(const struct pcln_cfi_section *s, size_t *off,
                               struct pcln_cfi_fde *out,
                               const struct pcln_sink *sink) {
  struct problem p;
  struct entry e;
  struct cie cie;
  while (*off < s->bytes.len) {
    if (!skip_terminators(s, off))
      break;
    enum pcln_status status = read_entry(s, *off, &e, &p);
    *off = e.next;
    if (status == PCLN_OK && e.is_cie)
      continue;
    if (status == PCLN_OK)
      status = read_fde(s, &e, &cie, out, &p);
    return status == PCLN_OK ? status : report(s, &p, sink);
  }
  *off = s->bytes.len;
  return PCLN_NOT_FOUND;
}

enum pcln_status pcln_cfi_at(const struct pcln_cfi_section *s, size_t off,
                             struct pcln_cfi_fde *out) {
  struct problem p;
  struct entry e;
  struct cie cie;
  enum pcln_status status = read_entry(s, off, &e, &p);
  if (status != PCLN_OK)
    return status;
  return e.is_cie ? PCLN_NOT_FOUND : read_fde(s, &e, &cie, out, &p);
}

enum pcln_status pcln_cfi_rows(const struct pcln_cfi_section *s,
                               const struct pcln_cfi_fde *fde,
                               pcln_cfi_row_fn fn, void *ctx,
                               const struct pcln_sink *sink) {
  struct problem p = {.status = PCLN_OK};
  struct interp in;
  struct entry e;
  struct pcln_cfi_fde again;
  // Not an initialiser: `saved` is large, and read only where written.
  in.s = s;
  in.fde = fde;
  in.p = &p;
  in.now = in.initial = (struct state){0};
  in.n_saved = 0;
  in.loc = in.row_lo = fde->lo;
  in.fn = fn;
  in.ctx = ctx;
  in.stopped = in.pending = false;
  in.preparing = true;
  bool ok = false;
  if (!pcln_cfi_arch(s->machine, &in.arch))
    problem(&p, PCLN_UNSUPPORTED, fde->off, "cfi-machine",
            "no unwind rules are known for this machine");
  else if (read_entry(s, fde->off, &e, &p) == PCLN_OK && !e.is_cie &&
           read_fde(s, &e, &in.cie, &again, &p) == PCLN_OK)
    ok = run(&in, in.cie.insns);
  if (ok) {
    in.initial = in.now;
    in.preparing = false;
    ok = run(&in, e.body);
  }
  end_row(&in, ok ? fde->hi : in.loc);
  emit_none(&in, in.row_lo, fde->hi);
  flush(&in);
  return ok ? PCLN_OK : report(s, &p, sink);
}
