// SPDX-License-Identifier: Apache-2.0
//
// x86-64 instructions into the neutral form.
//
// Decoded by hand rather than from capstone's details, for three reasons.
// Length is what a checker stands or falls with, and no released disassembler
// knows every extension: one unknown instruction would throw the rest of its
// function out of step. The length of an instruction hangs on a few tables that
// new extensions hardly change, since they come inside VEX and EVEX, whose
// shape is fixed. What a frame is made of is a dozen instructions, and here
// each can be read beside its effect. And a whole program is checked in a
// fraction of the time that text would take.
//
// One byte of the tables below stands for one opcode: its form (what follows
// it) and which of its operands is a register that it writes. That matters for
// SP and FP alone: whatever may write them, and is not understood, makes them
// PCDIS_OTHER. Implied operands need no entry: none is SP or FP but those of
// the stack instructions.
#include "insn.h"

#include "bytes.h"

#include <string.h>

enum { RSP = 4, RBP = 5, NO_REG = -1 };

// --- Tables -----------------------------------------------------------------

// What stands behind an opcode.
enum form {
  FORM_INVALID = 'x',
  FORM_NONE = '.',
  FORM_MODRM = 'M',
  FORM_MODRM_8 = 'B',  // ModRM, then an immediate of 1 byte
  FORM_MODRM_Z = 'Z',  // ModRM, then 2 or 4 bytes
  FORM_GROUP3_8 = 'g', // ModRM; an immediate if it is a test
  FORM_GROUP3_Z = 'G',
  FORM_8 = 'b',
  FORM_16 = 'w',
  FORM_Z = 'z',      // 2 or 4 bytes
  FORM_V = 'v',      // 2, 4 or 8 bytes
  FORM_ENTER = 'e',  // 2 and 1 bytes
  FORM_MOFFS = 'a',  // an address
  FORM_REL_8 = 'j',  // a distance
  FORM_REL_32 = 'J', // of 4 bytes, whatever the operand size: as Intel's do
};

// Which operand is written, if it is a general register.
enum write {
  WRITE_NONE = '.',
  WRITE_RM = 'E',
  WRITE_REG = 'R',
  WRITE_BOTH = '2',
  WRITE_OPCODE = 'O', // the register in the opcode's low bits
  WRITE_THIRD = '3',  // that of VEX.vvvv
  WRITE_REG_THIRD = 'm',
  WRITE_ALL = 'A', // any of the three
  // The same with a register of one byte.
  WRITE_RM_8 = 'e',
  WRITE_REG_8 = 'r',
  WRITE_BOTH_8 = 't',
  WRITE_OPCODE_8 = 'o',
};

struct row {
  char form[17], write[17];
};

// Prefixes and escapes are '.' here; they are read before.
static const struct row one_byte[16] = {
    {"MMMMbzxxMMMMbzx.", "eErR....eErR...."}, // 00
    {"MMMMbzxxMMMMbzxx", "eErR....eErR...."}, // 10
    {"MMMMbz.xMMMMbz.x", "eErR....eErR...."}, // 20
    {"MMMMbz.xMMMMbz.x", "eErR............"}, // 30
    {"................", "................"}, // 40
    {"................", "................"}, // 50
    {"xx.M....zZbB....", "...R.....R.R...."}, // 60
    {"jjjjjjjjjjjjjjjj", "................"}, // 70
    {"BZxBMMMMMMMMMMMM", "eE.E..t2eErRER.E"}, // 80
    {"..........x.....", "OOOOOOOO........"}, // 90
    {"aaaa....bz......", "................"}, // a0
    {"bbbbbbbbvvvvvvvv", "ooooooooOOOOOOOO"}, // b0
    {"BBw...BZe.w..bx.", "eE....eE........"}, // c0
    {"MMMMx.x.MMMMMMMM", "eEeE............"}, // d0
    {"jjjjbbbbJJxj....", "................"}, // e0
    {"......gG......MM", "......eE......eE"}, // f0
};

// Behind 0f.
static const struct row two_byte[16] = {
    {"MMMMx.....x.xM.B", "E.RR............"}, // 00
    {"MMMMMMMMMMMMMMMM", "................"}, // 10
    {"MMMMxxxxMMMMMMMM", "EE..........RR.."}, // 20
    {"......x..x.xxxxx", "................"}, // 30
    {"MMMMMMMMMMMMMMMM", "RRRRRRRRRRRRRRRR"}, // 40
    {"MMMMMMMMMMMMMMMM", "R..............."}, // 50
    {"MMMMMMMMMMMMMMMM", "................"}, // 60
    {"BBBBMMM.MMxxMMMM", "........E.....E."}, // 70
    {"JJJJJJJJJJJJJJJJ", "................"}, // 80
    {"MMMMMMMMMMMMMMMM", "eeeeeeeeeeeeeeee"}, // 90
    {"...MBMMM...MBMMM", "....EE.....EEE.R"}, // a0
    {"MMMMMMMMMMBMMMMM", "eERERRRRR.EERRRR"}, // b0
    {"MMBMBBBM........", "t2...R.EOOOOOOOO"}, // c0
    {"MMMMMMMMMMMMMMMM", ".......R........"}, // d0
    {"MMMMMMMMMMMMMMMM", "................"}, // e0
    {"MMMMMMMMMMMMMMMM", "................"}, // f0
};

// --- One instruction, read --------------------------------------------------

// The opcode's table. The numbers are those of VEX and EVEX.
enum map {
  MAP_ONE_BYTE = 0,
  MAP_0F = 1,
  MAP_0F38 = 2,
  MAP_0F3A = 3,
  MAP_LEGACY = 4, // EVEX: instructions of the first two tables, extended
  MAP_5 = 5,
  MAP_6 = 6,
  MAP_7 = 7, // VEX: with an immediate of 4 bytes
  MAP_XOP_8 = 8,
  MAP_XOP_9 = 9,
  MAP_XOP_A = 10,
};

struct state {
  struct pcln_cursor c;
  // Prefixes.
  bool opsize, addrsize, segment;          // 66, 67; fs or gs
  uint8_t rep;                             // f2, f3 or 0
  bool rex, rex2, wide;                    // any of REX; APX's; their W
  uint8_t reg_high, index_high, base_high; // what they add to a number
  bool vector;                             // VEX, EVEX or XOP
  uint8_t map, opcode;
  uint8_t third; // the register in VEX.vvvv
  // ModRM. A register is extended; `digit` and `low` are as they stand there.
  bool has_modrm, memory;
  uint8_t digit, low;
  int reg, rm;       // rm: NO_REG if it is memory
  int base, index;   // of memory; NO_REG: none
  bool rip;          // of memory: relative to the next instruction
  int32_t disp;      // of memory
  int64_t immediate; // the first, with its sign
};

static int64_t read_signed(struct pcln_cursor *c, unsigned size) {
  switch (size) {
  case 1:
    return (int8_t)pcln_u8(c);
  case 2:
    return (int16_t)pcln_u16(c);
  case 4:
    return (int32_t)pcln_u32(c);
  default:
    return (int64_t)pcln_u64(c);
  }
}

// --- Prefixes and opcode ----------------------------------------------------

static void set_rex(struct state *s, unsigned bits) {
  s->rex = true;
  s->wide = bits & 8;
  s->reg_high = bits & 4 ? 8 : 0;
  s->index_high = bits & 2 ? 8 : 0;
  s->base_high = bits & 1 ? 8 : 0;
}

static void clear_rex(struct state *s) {
  set_rex(s, 0);
  s->rex = false;
}

// The byte behind the prefixes, which are noted.
static uint8_t read_prefixes(struct state *s) {
  for (;;) {
    const uint8_t b = pcln_u8(&s->c);
    switch (b) {
    case 0x26:
    case 0x2e:
    case 0x36:
    case 0x3e:
    case 0xf0:
      break;
    case 0x64:
    case 0x65:
      s->segment = true;
      break;
    case 0x66:
      s->opsize = true;
      break;
    case 0x67:
      s->addrsize = true;
      break;
    case 0xf2:
    case 0xf3:
      s->rep = b;
      break;
    default:
      if (b >> 4 == 4) {
        set_rex(s, b & 15);
        continue;
      }
      return b;
    }
    clear_rex(s); // counts only directly before the opcode
  }
}

// Bits of inverted extensions, as VEX and EVEX store them.
static void set_inverted(struct state *s, unsigned b) {
  s->reg_high = b & 0x80 ? 0 : 8;
  s->index_high = b & 0x40 ? 0 : 8;
  s->base_high = b & 0x20 ? 0 : 8;
}

// The last byte that all three have: W vvvv L pp.
static void set_vector(struct state *s, unsigned b) {
  static const uint8_t reps[4] = {0, 0, 0xf3, 0xf2};
  s->vector = true;
  s->wide = b & 0x80;
  s->third = (uint8_t)(~b >> 3 & 15);
  s->opsize = (b & 3) == 1;
  s->rep = reps[b & 3];
}

static void read_vex(struct state *s, uint8_t escape) {
  unsigned b = pcln_u8(&s->c);
  if (escape == 0xc5) {
    s->reg_high = b & 0x80 ? 0 : 8;
    s->map = MAP_0F;
    set_vector(s, b & 0x7f);
  } else {
    set_inverted(s, b);
    s->map = b & 31;
    set_vector(s, pcln_u8(&s->c));
  }
  s->opcode = pcln_u8(&s->c);
}

static void read_evex(struct state *s) {
  const unsigned b = pcln_u8(&s->c);
  set_inverted(s, b);
  if (!(b & 0x10))
    s->reg_high += 16;
  if (b & 8)
    s->base_high += 16;
  s->map = b & 7;
  set_vector(s, pcln_u8(&s->c));
  if (!(pcln_u8(&s->c) & 8)) // V'
    s->third += 16;
  s->opcode = pcln_u8(&s->c);
}

// REX2 of APX: one byte of extensions, and the map.
static void read_rex2(struct state *s) {
  const unsigned b = pcln_u8(&s->c);
  s->rex2 = true;
  set_rex(s, b & 15);
  s->reg_high += b & 0x40 ? 16 : 0;
  s->index_high += b & 0x20 ? 16 : 0;
  s->base_high += b & 0x10 ? 16 : 0;
  s->map = b & 0x80 ? MAP_0F : MAP_ONE_BYTE;
  s->opcode = pcln_u8(&s->c);
}

static void read_escape(struct state *s) {
  s->map = MAP_0F;
  s->opcode = pcln_u8(&s->c);
  if (s->opcode == 0x38 || s->opcode == 0x3a) {
    s->map = s->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
    s->opcode = pcln_u8(&s->c);
  }
}

// False: what follows the prefixes is no opcode.
static bool read_opcode(struct state *s) {
  const uint8_t b = read_prefixes(s);
  const bool bare = !s->rex;
  const bool plain = bare && !s->opsize && !s->rep;
  switch (b) {
  case 0x0f:
    read_escape(s);
    return true;
  case 0xc4:
  case 0xc5:
    read_vex(s, b);
    return plain && s->map != MAP_ONE_BYTE && s->map != MAP_LEGACY &&
           s->map <= MAP_7;
  case 0x62:
    read_evex(s);
    return plain && s->map != MAP_ONE_BYTE;
  case 0xd5:
    read_rex2(s);
    return bare && s->opcode != 0x0f;
  case 0x8f: // XOP, unless what follows is the ModRM byte of a pop
    if (pcln_left(&s->c) > 0 && (*s->c.pos & 31) >= MAP_XOP_8) {
      read_vex(s, 0xc4);
      return s->map <= MAP_XOP_A;
    }
    break;
  }
  s->opcode = b;
  return true;
}

// --- Operands ---------------------------------------------------------------

static void read_sib(struct state *s, unsigned mod) {
  const unsigned sib = pcln_u8(&s->c);
  const int index = (int)(sib >> 3 & 7) + s->index_high;
  s->index = index == RSP ? NO_REG : index;
  s->base = (int)(sib & 7) + s->base_high;
  if ((sib & 7) == RBP && mod == 0) {
    s->base = NO_REG;
    s->disp = (int32_t)pcln_u32(&s->c);
  }
}

static void read_modrm(struct state *s) {
  const unsigned b = pcln_u8(&s->c), mod = b >> 6;
  s->has_modrm = true;
  s->digit = b >> 3 & 7;
  s->low = b & 7;
  s->reg = s->digit + s->reg_high;
  s->memory = mod != 3;
  if (!s->memory) {
    s->rm = s->low + s->base_high;
    return;
  }
  s->base = s->low + s->base_high;
  if (s->low == RSP)
    read_sib(s, mod);
  else if (mod == 0 && s->low == RBP) {
    s->rip = true;
    s->base = NO_REG;
    s->disp = (int32_t)pcln_u32(&s->c);
  }
  if (mod == 1)
    s->disp = (int8_t)pcln_u8(&s->c);
  else if (mod == 2)
    s->disp = (int32_t)pcln_u32(&s->c);
}

static unsigned size_z(const struct state *s) {
  return s->opsize && !s->wide ? 2 : 4;
}

// Bytes of the immediate that makes the form.
static unsigned immediate_size(const struct state *s, enum form form) {
  switch (form) {
  case FORM_MODRM_8:
  case FORM_8:
  case FORM_REL_8:
    return 1;
  case FORM_MODRM_Z:
  case FORM_Z:
    return size_z(s);
  case FORM_GROUP3_8:
    return s->digit < 2 ? 1 : 0;
  case FORM_GROUP3_Z:
    return s->digit < 2 ? size_z(s) : 0;
  case FORM_16:
  case FORM_ENTER:
    return 2;
  case FORM_V:
    return s->wide ? 8 : size_z(s);
  case FORM_MOFFS:
    return s->addrsize ? 4 : 8;
  case FORM_REL_32:
    return 4;
  default:
    return 0;
  }
}

// EVEX's map of extended legacy instructions: most have ModRM alone.
static enum form legacy_form(uint8_t opcode) {
  switch (opcode) {
  case 0x24:
  case 0x2c:
  case 0x6b:
  case 0x80:
  case 0x83:
  case 0xc0:
  case 0xc1:
    return FORM_MODRM_8;
  case 0x69:
  case 0x81:
    return FORM_MODRM_Z;
  case 0xf6:
    return FORM_GROUP3_8;
  case 0xf7:
    return FORM_GROUP3_Z;
  default:
    return FORM_MODRM;
  }
}

// VEX and EVEX have ModRM always, but for vzeroupper and vzeroall.
static enum form vector_form(const struct state *s, enum form legacy) {
  if (s->opcode == 0x77)
    return FORM_NONE;
  return legacy == FORM_MODRM_8 ? legacy : FORM_MODRM;
}

static enum form form_of(const struct state *s) {
  const unsigned row = s->opcode >> 4, column = s->opcode & 15;
  switch (s->map) {
  case MAP_ONE_BYTE:
    return (enum form)one_byte[row].form[column];
  case MAP_0F: {
    const enum form form = (enum form)two_byte[row].form[column];
    return s->vector ? vector_form(s, form) : form;
  }
  case MAP_LEGACY:
    return legacy_form(s->opcode);
  case MAP_0F3A:
  case MAP_XOP_8:
    return FORM_MODRM_8;
  case MAP_7:
  case MAP_XOP_A:
    return FORM_MODRM_Z;
  default:
    return FORM_MODRM;
  }
}

static bool has_modrm(enum form form) {
  return form == FORM_MODRM || form == FORM_MODRM_8 || form == FORM_MODRM_Z ||
         form == FORM_GROUP3_8 || form == FORM_GROUP3_Z;
}

// The few whose operands the tables do not tell.
static void read_odd_operands(struct state *s) {
  if (s->map == MAP_0F && s->opcode == 0x78 && !s->vector && !s->memory &&
      (s->opsize || s->rep == 0xf2))
    pcln_skip(&s->c, 2); // extrq, insertq
  else if (s->map == MAP_ONE_BYTE && s->opcode == 0xc8)
    pcln_skip(&s->c, 1); // enter: the nesting
}

static bool read_operands(struct state *s) {
  const enum form form = form_of(s);
  if (form == FORM_INVALID)
    return false;
  s->base = s->index = s->rm = s->reg = NO_REG;
  if (has_modrm(form))
    read_modrm(s);
  const unsigned size = immediate_size(s, form);
  if (size)
    s->immediate = read_signed(&s->c, size);
  read_odd_operands(s);
  return !s->c.failed;
}

// --- Registers written ------------------------------------------------------

static enum write vector_write(const struct state *s) {
  const bool scalar = s->rep != 0; // f2, f3: a scalar conversion
  switch (s->map << 8 | s->opcode) {
  case MAP_0F << 8 | 0x2c:
  case MAP_0F << 8 | 0x2d:
  case MAP_0F << 8 | 0x78:
  case MAP_0F << 8 | 0x79:
  case MAP_5 << 8 | 0x2c:
  case MAP_5 << 8 | 0x2d:
  case MAP_5 << 8 | 0x6c:
  case MAP_5 << 8 | 0x6d:
  case MAP_5 << 8 | 0x78:
  case MAP_5 << 8 | 0x79:
    return scalar ? WRITE_REG : WRITE_NONE;
  case MAP_0F << 8 | 0x50:
  case MAP_0F << 8 | 0x93:
  case MAP_0F << 8 | 0xc5:
  case MAP_0F << 8 | 0xd7:
  case MAP_0F38 << 8 | 0xf2:
  case MAP_0F38 << 8 | 0xf5:
  case MAP_0F38 << 8 | 0xf7:
  case MAP_0F3A << 8 | 0xf0:
  case MAP_XOP_A << 8 | 0x10: // bextr
    return WRITE_REG;
  case MAP_0F38 << 8 | 0xf3: // blsr and its like
  case MAP_XOP_9 << 8 | 0x01:
  case MAP_XOP_9 << 8 | 0x02:
    return WRITE_THIRD;
  case MAP_0F38 << 8 | 0xf6: // mulx
    return WRITE_REG_THIRD;
  case MAP_0F << 8 | 0x7e:
  case MAP_5 << 8 | 0x7e:
    return s->opsize ? WRITE_RM : WRITE_NONE;
  case MAP_0F3A << 8 | 0x14:
  case MAP_0F3A << 8 | 0x15:
  case MAP_0F3A << 8 | 0x16:
  case MAP_0F3A << 8 | 0x17:
    return WRITE_RM;
  }
  if (s->map == MAP_0F38 && s->opcode >> 4 == 0xe) // cmpccxadd
    return WRITE_REG;
  // EVEX's legacy instructions: no frame is made with them.
  return s->map == MAP_LEGACY || s->map == MAP_7 ? WRITE_ALL : WRITE_NONE;
}

// Instructions of 0f that share an opcode, told apart by ModRM's digit or a
// prefix.
static enum write shared_0f_write(const struct state *s) {
  switch (s->opcode) {
  case 0x01: // smsw
    return s->digit == 4 ? WRITE_RM : WRITE_NONE;
  case 0x1e: // rdssp
    return s->rep == 0xf3 && s->digit == 1 ? WRITE_RM : WRITE_NONE;
  case 0x2c:
  case 0x2d:
    return s->rep ? WRITE_REG : WRITE_NONE;
  case 0x7e:
    return s->rep == 0xf3 ? WRITE_NONE : WRITE_RM;
  case 0xae: // rdfsbase, rdgsbase
    return s->rep == 0xf3 && s->digit < 2 ? WRITE_RM : WRITE_NONE;
  case 0xba: // bt
    return s->digit == 4 ? WRITE_NONE : WRITE_RM;
  }
  return (enum write)two_byte[s->opcode >> 4].write[s->opcode & 15];
}

// The same of one byte.
static enum write shared_write(const struct state *s) {
  bool writes = true;
  switch (s->opcode) {
  case 0x80:
  case 0x81:
  case 0x83: // all but cmp
    writes = s->digit != 7;
    break;
  case 0xf6:
  case 0xf7: // not, neg
    writes = s->digit == 2 || s->digit == 3;
    break;
  case 0xfe:
  case 0xff: // inc, dec
    writes = s->digit < 2;
    break;
  }
  return writes ? (enum write)one_byte[s->opcode >> 4].write[s->opcode & 15]
                : WRITE_NONE;
}

static enum write write_of(const struct state *s) {
  if (s->vector)
    return vector_write(s);
  switch (s->map) {
  case MAP_ONE_BYTE:
    return shared_write(s);
  case MAP_0F:
    return shared_0f_write(s);
  case MAP_0F38: // crc32, movbe, adcx, adox
    return s->opcode == 0xf0 || (s->opcode == 0xf1 && s->rep == 0xf2) ||
                   (s->opcode == 0xf6 && (s->opsize || s->rep))
               ? WRITE_REG
               : WRITE_NONE;
  default: // pextr
    return s->opcode >= 0x14 && s->opcode <= 0x17 ? WRITE_RM : WRITE_NONE;
  }
}

static void wrote(struct pcdis_insn *out, int reg) {
  if (reg == RSP)
    out->sp = pcdis_at(PCDIS_OTHER, 0);
  else if (reg == RBP)
    out->fp = pcdis_at(PCDIS_OTHER, 0);
}

// A register of one byte: without REX, 4 and 5 are ah and ch.
static void wrote_byte(const struct state *s, struct pcdis_insn *out, int reg) {
  if (s->rex)
    wrote(out, reg);
}

static void note_writes(const struct state *s, struct pcdis_insn *out) {
  const int in_opcode = (s->opcode & 7) + s->base_high;
  const enum write write = write_of(s);
  switch (write) {
  case WRITE_RM:
    wrote(out, s->rm);
    break;
  case WRITE_REG:
    wrote(out, s->reg);
    break;
  case WRITE_BOTH:
    wrote(out, s->rm);
    wrote(out, s->reg);
    break;
  case WRITE_OPCODE:
    wrote(out, in_opcode);
    break;
  case WRITE_ALL:
    wrote(out, s->rm);
    wrote(out, s->reg);
    wrote(out, s->third);
    break;
  case WRITE_REG_THIRD:
    wrote(out, s->reg);
    wrote(out, s->third);
    break;
  case WRITE_THIRD:
    wrote(out, s->third);
    break;
  case WRITE_RM_8:
    wrote_byte(s, out, s->rm);
    break;
  case WRITE_REG_8:
    wrote_byte(s, out, s->reg);
    break;
  case WRITE_BOTH_8:
    wrote_byte(s, out, s->rm);
    wrote_byte(s, out, s->reg);
    break;
  case WRITE_OPCODE_8:
    wrote_byte(s, out, in_opcode);
    break;
  case WRITE_NONE:
    break;
  }
}

// --- Effects on the frame ---------------------------------------------------

static struct pcdis_place *place_of(struct pcdis_insn *out, int reg) {
  return reg == RSP ? &out->sp : reg == RBP ? &out->fp : NULL;
}

// The memory operand's address as a place; PCDIS_OTHER if it is none.
static struct pcdis_place address_of(const struct state *s) {
  if (!s->memory || s->segment || s->addrsize || s->index != NO_REG)
    return pcdis_at(PCDIS_OTHER, 0);
  if (s->base == RSP)
    return pcdis_at(PCDIS_SP, s->disp);
  if (s->base == RBP)
    return pcdis_at(PCDIS_FP, s->disp);
  return pcdis_at(PCDIS_OTHER, 0);
}

static struct pcdis_place word_at(struct pcdis_place address) {
  switch (address.kind) {
  case PCDIS_SP:
    return pcdis_at(PCDIS_SP_WORD, address.off);
  case PCDIS_FP:
    return pcdis_at(PCDIS_FP_WORD, address.off);
  default:
    return pcdis_at(PCDIS_WORD, 0);
  }
}

// Bytes that a push or pop moves SP by.
static int word_size(const struct state *s) {
  return s->opsize && !s->wide ? 2 : 8;
}

static void push(const struct state *s, struct pcdis_insn *out, int reg) {
  out->sp = pcdis_at(PCDIS_SP, -word_size(s));
  if (reg == RBP && word_size(s) == 8)
    out->fp_store = out->sp;
}

static void pop(const struct state *s, struct pcdis_insn *out, int reg) {
  const struct pcdis_place word =
      pcdis_at(word_size(s) == 8 ? PCDIS_SP_WORD : PCDIS_OTHER, 0);
  out->sp = pcdis_at(PCDIS_SP, word_size(s));
  struct pcdis_place *place = place_of(out, reg);
  if (place)
    *place = word;
}

// lea, and mov between registers or from memory: `reg` gets `value`.
static void set(const struct state *s, struct pcdis_insn *out, int reg,
                struct pcdis_place value) {
  struct pcdis_place *place = place_of(out, reg);
  if (place)
    *place = s->wide ? value : pcdis_at(PCDIS_OTHER, 0);
}

static struct pcdis_place value_of(int reg) {
  return reg == RSP   ? pcdis_at(PCDIS_SP, 0)
         : reg == RBP ? pcdis_at(PCDIS_FP, 0)
                      : pcdis_at(PCDIS_OTHER, 0);
}

// add, sub and and of an immediate.
static void arithmetic(const struct state *s, struct pcdis_insn *out) {
  struct pcdis_place *place = place_of(out, s->rm);
  if (!place || !s->wide)
    return; // what note_writes() said
  const enum pcdis_place_kind same = s->rm == RSP ? PCDIS_SP : PCDIS_FP;
  const int64_t n = s->immediate;
  if (s->digit == 0)
    *place = pcdis_at(same, n);
  else if (s->digit == 5)
    *place = pcdis_at(same, -n);
  else if (s->digit == 4 && s->rm == RSP && n < 0 && (n & -n) == -n)
    *place = pcdis_at(PCDIS_ALIGNED, -n);
}

static void enter(const struct state *s, struct pcdis_insn *out) {
  const int nesting = s->c.pos[-1] & 31;
  const int size = (uint16_t)s->immediate;
  if (s->opsize) {
    wrote(out, RSP);
    wrote(out, RBP);
    return;
  }
  out->fp = out->fp_store = pcdis_at(PCDIS_SP, -8);
  out->sp = pcdis_at(PCDIS_SP, -8 - 8 * nesting - size);
}

static void leave(const struct state *s, struct pcdis_insn *out) {
  out->sp = pcdis_at(PCDIS_FP, word_size(s));
  out->fp = pcdis_at(word_size(s) == 8 ? PCDIS_FP_WORD : PCDIS_OTHER, 0);
}

// lea of a register to itself, as old assemblers fill gaps.
static bool lea_nothing(const struct state *s) {
  return s->wide && !s->addrsize && s->index == NO_REG && s->disp == 0 &&
         s->base == s->reg;
}

static void jump(struct pcdis_insn *out, enum pcdis_flow flow, int64_t by) {
  out->flow = (uint8_t)flow;
  out->target = out->va + out->len + (uint64_t)by;
}

static void indirect(struct pcdis_insn *out, enum pcdis_flow flow) {
  out->flow = (uint8_t)flow;
  out->indirect = true;
}

// 0xff: inc, dec, call, jmp, push.
static void group5(const struct state *s, struct pcdis_insn *out) {
  if (s->digit == 2 || s->digit == 3)
    indirect(out, PCDIS_CALL);
  else if (s->digit == 4 || s->digit == 5)
    indirect(out, PCDIS_JUMP);
  else if (s->digit == 6)
    push(s, out, s->rm);
}

static void one_byte_moves(const struct state *s, struct pcdis_insn *out) {
  switch (s->opcode) {
  case 0x81:
  case 0x83:
    arithmetic(s, out);
    break;
  case 0x89: // mov reg to r/m
    if (!s->memory)
      set(s, out, s->rm, value_of(s->reg));
    else if (s->reg == RBP && s->wide && address_of(s).kind != PCDIS_OTHER)
      out->fp_store = address_of(s);
    break;
  case 0x8b: // mov r/m to reg
    set(s, out, s->reg, s->memory ? word_at(address_of(s)) : value_of(s->rm));
    break;
  case 0x8d:
    set(s, out, s->reg, address_of(s));
    out->padding = lea_nothing(s);
    if (out->padding) // also of SP and FP
      out->sp = out->fp = pcdis_at(PCDIS_SAME, 0);
    break;
  }
}

static void one_byte_stack(const struct state *s, struct pcdis_insn *out) {
  const int in_opcode = (s->opcode & 7) + s->base_high;
  switch (s->opcode) {
  case 0x68:
  case 0x6a:
  case 0x9c:
    push(s, out, NO_REG);
    break;
  case 0x8f:
    pop(s, out, s->rm);
    break;
  case 0x9d:
    pop(s, out, NO_REG);
    break;
  case 0xc8:
    enter(s, out);
    break;
  case 0xc9:
    leave(s, out);
    break;
  case 0xff:
    group5(s, out);
    break;
  default:
    if (s->opcode >> 3 == 0x50 >> 3)
      push(s, out, in_opcode);
    else if (s->opcode >> 3 == 0x58 >> 3)
      pop(s, out, in_opcode);
  }
}

static void one_byte_flow(const struct state *s, struct pcdis_insn *out) {
  switch (s->opcode) {
  case 0x90: // with rep it is pause, with REX.B xchg
    out->padding = s->rep != 0xf3 && s->base_high == 0;
    out->sp = pcdis_at(PCDIS_SAME, 0);
    break;
  case 0xa1:
    if (s->rex2)
      *out = (struct pcdis_insn){.va = out->va,
                                 .len = out->len,
                                 .flow = PCDIS_JUMP,
                                 .target = (uint64_t)s->immediate};
    break;
  case 0xc2:
    out->flow = PCDIS_RETURN;
    out->sp = pcdis_at(PCDIS_SP, 8 + (uint16_t)s->immediate);
    break;
  case 0xc3:
    out->flow = PCDIS_RETURN;
    out->sp = pcdis_at(PCDIS_SP, 8);
    break;
  case 0xc7:
    if (s->digit == 7) // xbegin
      jump(out, PCDIS_BRANCH, s->immediate);
    break;
  case 0xca:
  case 0xcb:
  case 0xcf: // far, and from an interrupt
    out->flow = PCDIS_RETURN;
    wrote(out, RSP);
    break;
  case 0xcc:
  case 0xf4:
    out->flow = PCDIS_STOP;
    out->padding = true;
    break;
  case 0xe8:
    jump(out, PCDIS_CALL, s->immediate);
    break;
  case 0xe9:
  case 0xeb:
    jump(out, PCDIS_JUMP, s->immediate);
    break;
  default:
    if (s->opcode >> 4 == 7 || s->opcode >> 2 == 0xe0 >> 2)
      jump(out, PCDIS_BRANCH, s->immediate);
  }
}

static void two_byte_effects(const struct state *s, struct pcdis_insn *out) {
  switch (s->opcode) {
  case 0x07:
  case 0x35:
    out->flow = PCDIS_RETURN; // from the kernel
    break;
  case 0x0b:
    out->flow = PCDIS_STOP;
    out->padding = true;
    break;
  case 0xb9:
  case 0xff:
    out->flow = PCDIS_STOP;
    break;
  case 0x1f:
    out->padding = true;
    break;
  case 0xa0:
  case 0xa8:
    push(s, out, NO_REG);
    break;
  case 0xa1:
  case 0xa9:
    pop(s, out, NO_REG);
    break;
  default:
    if (s->opcode >> 4 == 8)
      jump(out, PCDIS_BRANCH, s->immediate);
  }
}

// push2 and pop2 of APX.
static void legacy_map_effects(const struct state *s, struct pcdis_insn *out) {
  if (s->opcode == 0xff && s->digit == 6)
    out->sp = pcdis_at(PCDIS_SP, -16);
  else if (s->opcode == 0x8f && s->digit == 0)
    out->sp = pcdis_at(PCDIS_SP, 16);
}

static void note_effects(const struct state *s, struct pcdis_insn *out) {
  note_writes(s, out);
  if (s->vector) {
    if (s->map == MAP_LEGACY)
      legacy_map_effects(s, out);
  } else if (s->map == MAP_0F) {
    two_byte_effects(s, out);
  } else if (s->map == MAP_ONE_BYTE) {
    one_byte_moves(s, out);
    one_byte_stack(s, out);
    one_byte_flow(s, out);
  }
}

// --- Entry ------------------------------------------------------------------

bool pcdis_x86_64(const uint8_t *bytes, size_t len, uint64_t va,
                  struct pcdis_insn *out) {
  enum { LONGEST = 15 };
  struct state s;
  memset(&s, 0, sizeof s);
  s.c = pcln_cursor_at(bytes, len < LONGEST ? len : LONGEST, false);
  if (!read_opcode(&s) || !read_operands(&s))
    return false;
  memset(out, 0, offsetof(struct pcdis_insn, text) + 1);
  out->va = va;
  out->len = (uint32_t)pcln_tell(&s.c);
  note_effects(&s, out);
  if (s.rip)
    out->refers = va + out->len + (uint64_t)(int64_t)s.disp;
  return true;
}
