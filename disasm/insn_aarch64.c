// SPDX-License-Identifier: Apache-2.0
//
// AArch64 instructions into the neutral form.
//
// Every instruction is one little-endian word, so nothing can get out of step,
// and the encoding is regular: a word's class is told by a few bits, and the
// registers that a class writes always stand in the same fields. So this file
// is a list of classes. Number 31 means SP in some fields and the zero register
// in others; each class says which. As on x86-64, what may write SP, FP (x29)
// or LR (x30) and is not understood makes it PCDIS_OTHER.
//
// A word of a class that no architecture version has allocated yet is taken as
// an instruction that goes on: with 4 bytes each, nothing hangs on it.
#include "insn.h"

#include "bytes.h"

#include <string.h>

enum { TMP0 = 20, TMP1 = 27, FP = 29, LR = 30, SP = 31 };
enum { BIG_ENDIAN_HOST = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ };

// Bits lo to lo + n - 1.
static uint32_t bits(uint32_t word, unsigned lo, unsigned n) {
  return word >> lo & ((1u << n) - 1);
}

static int64_t signed_bits(uint32_t word, unsigned lo, unsigned n) {
  const int64_t v = bits(word, lo, n);
  return v & (INT64_C(1) << (n - 1)) ? v - (INT64_C(1) << n) : v;
}

static unsigned rd_of(uint32_t word) { return bits(word, 0, 5); }
static unsigned rn_of(uint32_t word) { return bits(word, 5, 5); }

// --- Registers written ------------------------------------------------------

// Where the new value of general register `reg` goes; null: no one asks. 31 is
// the zero register here.
static struct pcdis_place *place_of(struct pcdis_insn *out, unsigned reg) {
  switch (reg) {
  case TMP0:
    return &out->tmp[0];
  case TMP1:
    return &out->tmp[1];
  case FP:
    return &out->fp;
  case LR:
    return &out->ra;
  }
  return NULL;
}

static void wrote(struct pcdis_insn *out, unsigned reg) {
  struct pcdis_place *place = place_of(out, reg);
  if (place)
    *place = pcdis_at(PCDIS_OTHER, 0);
}

// The same where 31 is SP.
static void set_or_sp(struct pcdis_insn *out, unsigned reg,
                      struct pcdis_place value) {
  struct pcdis_place *place = reg == SP ? &out->sp : place_of(out, reg);
  if (place)
    *place = value;
}

// `reg`'s value plus `off`, where 31 is SP.
static struct pcdis_place sum(unsigned reg, int64_t off) {
  if (reg == SP)
    return pcdis_at(PCDIS_SP, off);
  if (reg == FP)
    return pcdis_at(PCDIS_FP, off);
  if (reg == TMP0)
    return pcdis_at(PCDIS_TMP0, off);
  if (reg == TMP1)
    return pcdis_at(PCDIS_TMP1, off);
  return pcdis_at(PCDIS_OTHER, 0);
}

// --- Arithmetic on immediates -----------------------------------------------

static void add_immediate(uint32_t word, struct pcdis_insn *out) {
  const bool wide = word >> 31, subtract = bits(word, 30, 1);
  const bool flags = bits(word, 29, 1);
  const int64_t imm = (int64_t)bits(word, 10, 12) << 12 * bits(word, 22, 1);
  struct pcdis_place value = pcdis_at(PCDIS_OTHER, 0);
  if (wide)
    value = sum(rn_of(word), subtract ? -imm : imm);
  if (!flags || rd_of(word) != SP) // cmp: the zero register
    set_or_sp(out, rd_of(word), value);
}

// adr, adrp: relative to the instruction, or to its page.
static void address(uint32_t word, struct pcdis_insn *out) {
  const int64_t imm =
      (int64_t)((uint64_t)signed_bits(word, 5, 19) << 2) | bits(word, 29, 2);
  wrote(out, rd_of(word));
  out->refers = word >> 31
                    ? (out->va & ~UINT64_C(0xfff)) + ((uint64_t)imm << 12)
                    : out->va + (uint64_t)imm;
}

// movz, movn, movk.
static void move_wide(uint32_t word, struct pcdis_insn *out) {
  const uint64_t value = (uint64_t)bits(word, 5, 16) << bits(word, 21, 2) * 16;
  wrote(out, rd_of(word));
  struct pcdis_place *place = place_of(out, rd_of(word));
  if (place && bits(word, 29, 2) == 2 && value <= INT32_MAX)
    *place = pcdis_at(PCDIS_CONST, (int64_t)value);
}

static void data_immediate(uint32_t word, struct pcdis_insn *out) {
  const bool flags = bits(word, 29, 2) == 3;
  switch (bits(word, 23, 3)) {
  case 0:
  case 1:
    address(word, out);
    break;
  case 2:
    add_immediate(word, out);
    break;
  case 3: // tags: addg, subg; else smax and its like
    if (bits(word, 22, 1))
      wrote(out, rd_of(word));
    else
      set_or_sp(out, rd_of(word), pcdis_at(PCDIS_OTHER, 0));
    break;
  case 4: // and, orr, eor; ands
    if (flags)
      wrote(out, rd_of(word));
    else
      set_or_sp(out, rd_of(word), pcdis_at(PCDIS_OTHER, 0));
    break;
  case 5:
    move_wide(word, out);
    break;
  default:
    wrote(out, rd_of(word));
  }
}

// --- Arithmetic on registers ------------------------------------------------

static bool is_move(uint32_t word) { // mov xd, xm: orr xd, xzr, xm
  return (word & 0xffe0ffe0) == 0xaa0003e0;
}

// pacia, autia, xpaci and their like: whoever unwinds strips the signature of a
// return address, so signing leaves it the same.
static bool signs(uint32_t word) { return (word & 0xffff8000) == 0xdac10000; }

// add and sub of an extended register, which is how SP can be an operand. Go
// moves SP by the second temporary where no immediate is large enough.
static void add_extended(uint32_t word, struct pcdis_insn *out) {
  const uint32_t plain = word & 0xbfffffe0; // all 8 bytes, not shifted
  struct pcdis_place value = pcdis_at(PCDIS_OTHER, 0);
  if (plain == (0x8b2063e0 | TMP1 << 16))
    value = pcdis_at(word >> 30 & 1 ? PCDIS_SP_LESS : PCDIS_SP_MORE, 0);
  set_or_sp(out, rd_of(word), value);
}

static void data_register(uint32_t word, struct pcdis_insn *out) {
  const unsigned rd = rd_of(word);
  const bool extended = (word & 0x3fe00000) == 0x0b200000; // add, sub
  const bool tag = (word & 0xffe0fc00) == 0x9ac01000;      // irg
  const bool checked = (word & 0xbfe0e000) == 0x9a002000;  // addpt, subpt
  if (extended)
    add_extended(word, out);
  else if (tag || checked)
    set_or_sp(out, rd, pcdis_at(PCDIS_OTHER, 0));
  else if (is_move(word) && bits(word, 16, 5) == FP && rd != FP)
    set_or_sp(out, rd == SP ? 0 : rd, pcdis_at(PCDIS_FP, 0));
  else if (!signs(word) && !(is_move(word) && bits(word, 16, 5) == rd))
    wrote(out, rd);
}

// --- Branches, exceptions, system -------------------------------------------

// A callee leaves SP and FP as they were. In Go's convention it saves no other.
static void came_back(struct pcdis_insn *out) {
  wrote(out, LR);
  wrote(out, TMP0);
  wrote(out, TMP1);
}

static void jump(struct pcdis_insn *out, enum pcdis_flow flow, int64_t words) {
  out->flow = (uint8_t)flow;
  out->target = out->va + (uint64_t)words * 4;
  if (flow == PCDIS_CALL)
    came_back(out);
}

static void indirect(struct pcdis_insn *out, enum pcdis_flow flow) {
  out->flow = (uint8_t)flow;
  out->indirect = flow != PCDIS_RETURN;
  if (flow == PCDIS_CALL)
    came_back(out);
}

// br, blr, ret and their forms with pointer authentication.
static void branch_register(uint32_t word, struct pcdis_insn *out) {
  switch (bits(word, 21, 4) & 7) { // the highest bit: with a modifier
  case 0:
    indirect(out, PCDIS_JUMP);
    break;
  case 1:
    indirect(out, PCDIS_CALL);
    break;
  case 2:
  case 4:
  case 5:
    indirect(out, PCDIS_RETURN);
    break;
  }
}

// Hints that sign LR leave it the same, as above.
static void system_instruction(uint32_t word, struct pcdis_insn *out) {
  out->padding = word == 0xd503201f;
  if (bits(word, 21, 1)) // mrs, sysl
    wrote(out, rd_of(word));
}

static void exception(uint32_t word, struct pcdis_insn *out) {
  const unsigned kind = bits(word, 21, 3);
  if (kind == 1 || kind == 2) { // brk, hlt
    out->flow = PCDIS_STOP;
    out->padding = true;
  }
}

static void branch_or_system(uint32_t word, struct pcdis_insn *out) {
  if ((word & 0x7c000000) == 0x14000000)
    jump(out, word >> 31 ? PCDIS_CALL : PCDIS_JUMP, signed_bits(word, 0, 26));
  else if ((word & 0x7e000000) == 0x34000000 || // cbz
           (word & 0xff000000) == 0x54000000)   // b.cond, bc.cond
    jump(out, PCDIS_BRANCH, signed_bits(word, 5, 19));
  else if ((word & 0x7e000000) == 0x36000000) // tbz
    jump(out, PCDIS_BRANCH, signed_bits(word, 5, 14));
  else if ((word & 0xfe000000) == 0xd6000000)
    branch_register(word, out);
  else if ((word & 0xff00001f) == 0x5500001f) // retaasppc, retabsppc
    indirect(out, PCDIS_RETURN);
  else if ((word & 0xff000000) == 0xd4000000)
    exception(word, out);
  else if ((word & 0xff000000) == 0xd5000000)
    system_instruction(word, out);
}

// --- Loads and stores -------------------------------------------------------

struct access {
  unsigned base; // 31: SP
  int64_t off;   // of the first word, from the old base
  bool load, vector;
  unsigned size; // bytes of one register
};

static void one_register(const struct access *a, unsigned reg, unsigned index,
                         struct pcdis_insn *out) {
  const struct pcdis_place at = sum(a->base, a->off + (int64_t)index * a->size);
  if (a->vector || !place_of(out, reg))
    return;
  if (!a->load) {
    if (a->size == 8 && (reg == FP || reg == LR) && at.kind != PCDIS_OTHER)
      *(reg == FP ? &out->fp_store : &out->ra_store) = at;
    return;
  }
  struct pcdis_place *place = place_of(out, reg);
  *place = pcdis_at(a->size == 8 ? PCDIS_WORD : PCDIS_OTHER, 0);
  if (a->size == 8 && at.kind == PCDIS_SP)
    *place = pcdis_at(PCDIS_SP_WORD, at.off);
  else if (a->size == 8 && at.kind == PCDIS_FP)
    *place = pcdis_at(PCDIS_FP_WORD, at.off);
}

// The base becomes itself plus `by`; a register that is loaded at the same time
// does not count, since the architecture leaves that open.
static void write_back(uint32_t word, int64_t by, struct pcdis_insn *out) {
  set_or_sp(out, rn_of(word), sum(rn_of(word), by));
}

// ldp, stp, ldnp, ldpsw, stgp: two registers, a scaled offset.
static void pair(uint32_t word, struct pcdis_insn *out) {
  enum { NO_ALLOCATE, POST, OFFSET, PRE };
  const unsigned opc = bits(word, 30, 2), mode = bits(word, 23, 2);
  const bool vector = bits(word, 26, 1), load = bits(word, 22, 1);
  const bool sign = !vector && opc == 1; // ldpsw; the store is stgp
  unsigned size = vector ? 4u << opc : opc >= 2 ? 8 : 4;
  unsigned scale = size;
  if (sign && !load)
    size = 8, scale = 16;
  const int64_t imm = signed_bits(word, 15, 7) * scale;
  const struct access a = {rn_of(word), mode == POST ? 0 : imm, load, vector,
                           size};
  one_register(&a, rd_of(word), 0, out);
  one_register(&a, bits(word, 10, 5), 1, out);
  if (mode == POST || mode == PRE)
    write_back(word, imm, out);
}

// Loads are told from stores by opc: 0 is a store, and 2 one of 16 bytes if the
// register is a vector.
static bool single_loads(uint32_t word, unsigned opc) {
  return bits(word, 26, 1) ? opc & 1 : opc != 0;
}

// Forms of one register: size 00 to 11 in bits 30 and 31, opc in 22 and 23.
static void single(uint32_t word, int64_t off, struct pcdis_insn *out) {
  const unsigned size = bits(word, 30, 2), opc = bits(word, 22, 2);
  const bool vector = bits(word, 26, 1);
  const bool prefetch = !vector && size == 3 && opc == 2;
  // Only opc 0 and 1 move 8 bytes as they are.
  const unsigned bytes = size == 3 && opc < 2 ? 8 : 0;
  const struct access a = {rn_of(word), off, single_loads(word, opc), vector,
                           bytes};
  if (!prefetch)
    one_register(&a, rd_of(word), 0, out);
}

// Atomics: the old value goes to Rt, and the status to Rs in some.
static void atomic(uint32_t word, struct pcdis_insn *out) {
  if (bits(word, 26, 1))
    return;
  wrote(out, rd_of(word));
  if (bits(word, 15, 1))
    wrote(out, bits(word, 16, 5));
}

// ldraa, ldrab: a signed base.
static void authenticated(uint32_t word, struct pcdis_insn *out) {
  const int64_t imm =
      ((int64_t)signed_bits(word, 22, 1) * 512 + bits(word, 12, 9)) * 8;
  wrote(out, rd_of(word));
  if (bits(word, 11, 1))
    write_back(word, imm, out);
}

static void single_register(uint32_t word, struct pcdis_insn *out) {
  const int64_t imm9 = signed_bits(word, 12, 9);
  if (bits(word, 24, 1)) { // unsigned, scaled
    unsigned shift = bits(word, 30, 2);
    if (bits(word, 26, 1) && bits(word, 23, 1))
      shift += 4;
    single(word, (int64_t)bits(word, 10, 12) << shift, out);
    return;
  }
  if (bits(word, 21, 1)) {
    switch (bits(word, 10, 2)) {
    case 0:
      atomic(word, out);
      break;
    case 2: { // a register as the offset: nobody knows where
      single(word | 0x3e0, 0, out);
      if (out->fp.kind != PCDIS_SAME)
        out->fp = pcdis_at(PCDIS_OTHER, 0);
      if (out->ra.kind != PCDIS_SAME)
        out->ra = pcdis_at(PCDIS_OTHER, 0);
      out->fp_store = out->ra_store = pcdis_at(PCDIS_SAME, 0);
      break;
    }
    default:
      authenticated(word, out);
    }
    return;
  }
  switch (bits(word, 10, 2)) {
  case 1: // post-indexed
    single(word, 0, out);
    write_back(word, imm9, out);
    break;
  case 3: // pre-indexed
    single(word, imm9, out);
    write_back(word, imm9, out);
    break;
  default: // unscaled, unprivileged
    single(word, imm9, out);
  }
}

// Structures of vectors; the post-indexed forms move the base.
static void structures(uint32_t word, struct pcdis_insn *out) {
  if (bits(word, 23, 1))
    set_or_sp(out, rn_of(word), pcdis_at(PCDIS_OTHER, 0));
}

// Exclusive and ordered, compare and swap. Stores that may fail write a status.
static void exclusive(uint32_t word, struct pcdis_insn *out) {
  const bool ordered = bits(word, 23, 1), load = bits(word, 22, 1);
  const bool two = bits(word, 21, 1);
  const unsigned rs = bits(word, 16, 5);
  if (two && (ordered || !(word >> 31))) { // cas, casp
    wrote(out, rs);
    if (!ordered)
      wrote(out, rs + 1);
  } else if (load) {
    wrote(out, rd_of(word));
    if (two)
      wrote(out, bits(word, 10, 5));
  } else if (!ordered) {
    wrote(out, rs);
  }
}

static void memory_tags(uint32_t word, struct pcdis_insn *out) {
  if (bits(word, 10, 1)) // written back
    set_or_sp(out, rn_of(word), pcdis_at(PCDIS_OTHER, 0));
  else if (!bits(word, 11, 1)) // ldg
    wrote(out, rd_of(word));
}

// What came late: ordered loads and stores with an offset, atomics of 16 bytes,
// memory copy.
static void late(uint32_t word, struct pcdis_insn *out) {
  const unsigned form = bits(word, 10, 2);
  const bool vector = bits(word, 26, 1), store = bits(word, 22, 2) == 0;
  const bool large = bits(word, 21, 1); // an atomic
  if (form == 1 ? false : vector || (form == 0 && !large && store))
    return;
  wrote(out, rd_of(word));
  if (form == 0 && !large)
    return;
  wrote(out, bits(word, 16, 5));
  if (form == 1) // memory copy: no SP among them
    wrote(out, rn_of(word));
  else if (form == 2)
    set_or_sp(out, rn_of(word), pcdis_at(PCDIS_OTHER, 0));
}

static void ordered(uint32_t word, struct pcdis_insn *out) {
  if (!bits(word, 24, 1))
    exclusive(word, out);
  else if ((word & 0xff200000) == 0xd9200000)
    memory_tags(word, out);
  else
    late(word, out);
}

static void load_or_store(uint32_t word, struct pcdis_insn *out) {
  if ((word & 0xbe000000) == 0x0c000000)
    structures(word, out);
  else if ((word & 0x3a000000) == 0x28000000)
    pair(word, out);
  else if ((word & 0x3b000000) == 0x18000000) { // literals; prfm has none
    if (!bits(word, 26, 1) && bits(word, 30, 2) != 3)
      wrote(out, rd_of(word));
    out->refers = out->va + (uint64_t)(signed_bits(word, 5, 19) * 4);
  } else if ((word & 0x3a000000) == 0x38000000)
    single_register(word, out);
  else
    ordered(word, out);
}

// --- Vectors ----------------------------------------------------------------

// The groups whose result may be a general register: conversions, where the
// opcode tells the direction, and moves from an element.
static void vector(uint32_t word, struct pcdis_insn *out) {
  const unsigned opcode = bits(word, 16, 3);
  const bool conversion =
      (word & 0x7f20fc00) == 0x1e200000 || (word & 0x7f200000) == 0x1e000000;
  const bool to_vector = opcode == 2 || opcode == 3 || opcode == 7;
  const bool element = (word & 0xbfe0fc00) == 0x0e003c00 || // umov
                       (word & 0xbfe0fc00) == 0x0e002c00;   // smov
  if ((conversion && !to_vector) || element)
    wrote(out, rd_of(word));
}

// SVE and SME: counting and adding of lengths is in three of its groups.
static void scalable(uint32_t word, struct pcdis_insn *out) {
  const unsigned group = word >> 24;
  if ((word & 0xffa0f000) == 0x04205000) // addvl, addpl, addsvl, addspl
    set_or_sp(out, rd_of(word), pcdis_at(PCDIS_OTHER, 0));
  else if (group == 0x04 || group == 0x05 || group == 0x25)
    wrote(out, rd_of(word));
}

// --- Entry ------------------------------------------------------------------

bool pcdis_aarch64(const uint8_t *bytes, size_t len, uint64_t va,
                   struct pcdis_insn *out) {
  if (len < 4 || va & 3)
    return false;
  memset(out, 0, offsetof(struct pcdis_insn, text) + 1);
  out->va = va;
  out->len = 4;
  const uint32_t word = pcln_load32(bytes, BIG_ENDIAN_HOST);
  // The top-level classes, by bits 25 to 28.
  switch (bits(word, 25, 4)) {
  case 0:
    if (word >> 16 == 0) { // udf
      out->flow = PCDIS_STOP;
      out->padding = true;
    }
    break;
  case 2:
    scalable(word, out);
    break;
  case 8:
  case 9:
    data_immediate(word, out);
    break;
  case 10:
  case 11:
    branch_or_system(word, out);
    break;
  case 5:
  case 13:
    data_register(word, out);
    break;
  case 7:
  case 15:
    vector(word, out);
    break;
  case 4:
  case 6:
  case 12:
  case 14:
    load_or_store(word, out);
    break;
  }
  return true;
}
