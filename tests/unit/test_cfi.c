// SPDX-License-Identifier: Apache-2.0
//
// The CFI interpreter on sections made by hand: what compilers and assemblers
// seldom write, and what is malformed. Real sections are compared with another
// reader in tests/compare/cfi.sh.
#include "bytes.h"
#include "cfi.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// --- Making sections --------------------------------------------------------

struct maker {
  uint8_t bytes[1024];
  size_t len;
};

static void put(struct maker *m, uint64_t v, size_t size) {
  assert_true(m->len + size <= sizeof m->bytes);
  for (size_t i = 0; i < size; i++)
    m->bytes[m->len++] = (uint8_t)(v >> (8 * i));
}

static void put_bytes(struct maker *m, const void *p, size_t len) {
  assert_true(m->len + len <= sizeof m->bytes);
  memcpy(m->bytes + m->len, p, len);
  m->len += len;
}

// Starts an entry; the length is filled in by end_entry().
static size_t begin_entry(struct maker *m) {
  put(m, 0, 4);
  return m->len;
}

static void end_entry(struct maker *m, size_t start) {
  const uint32_t len = (uint32_t)(m->len - start);
  memcpy(m->bytes + start - 4, &len, 4);
}

enum { LO = 0x1000, SIZE = 64, EH_VA = 0x8000 };

// A CIE of x86-64 (CFA rsp+8, rip at CFA-8) and one FDE for [LO, LO+SIZE) with
// the program `insns`.
static void make_x86(struct maker *m, const void *insns, size_t len) {
  m->len = 0;
  size_t e = begin_entry(m);
  put(m, 0, 4);
  put(m, 1, 1);
  put_bytes(m, "zR", 3);
  put(m, 1, 1);    // code alignment
  put(m, 0x78, 1); // data alignment -8
  put(m, 16, 1);   // return address column
  put(m, 1, 1);
  put(m, 0x04, 1); // absolute 8-byte pointers
  put_bytes(m, "\x0c\x07\x08\x90\x01", 5);
  end_entry(m, e);
  e = begin_entry(m);
  put(m, m->len, 4);
  put(m, LO, 8);
  put(m, SIZE, 8);
  put(m, 0, 1);
  put_bytes(m, insns, len);
  end_entry(m, e);
}

static struct pcln_cfi_section section_of(const struct maker *m) {
  return (struct pcln_cfi_section){.bytes = {.ptr = m->bytes, .len = m->len},
                                   .va = EH_VA,
                                   .machine = EM_X86_64,
                                   .ptr_size = 8,
                                   .eh = true};
}

// --- Reading rows as text ---------------------------------------------------

struct rows {
  char text[2048];
  size_t len;
  uint64_t pos;
};

static void append(struct rows *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void append(struct rows *r, const char *format, ...) {
  va_list args;
  va_start(args, format);
  const int n =
      vsnprintf(r->text + r->len, sizeof r->text - r->len, format, args);
  va_end(args);
  assert_true(n >= 0 && (size_t)n < sizeof r->text - r->len);
  r->len += (size_t)n;
}

static void append_save(struct rows *r, uint8_t kind, int32_t off) {
  static const char *const names[] = {"same", "c", "s", "f", "lost"};
  if (kind == PCLN_SAVE_SAME || kind == PCLN_SAVE_UNDEFINED)
    append(r, ",%s", names[kind]);
  else
    append(r, ",%s%d", names[kind], off);
}

// "0:sp8,c-8,same " is a row: offset in the FDE, CFA, return address, FP.
static bool read_row(void *ctx, uint64_t lo, uint64_t hi,
                     const struct pcln_rule *rule) {
  static const char *const cfa[] = {"none", "?", "sp", "fp", "r", "*sp", "*fp"};
  struct rows *r = ctx;
  assert_true(lo == r->pos && hi > lo);
  r->pos = hi;
  append(r, "%d:%s", (int)(lo - LO), cfa[rule->cfa]);
  if (rule->cfa != PCLN_CFA_NONE) {
    if (rule->reg & PCLN_RULE_REG_MASK)
      append(r, "(%d)", rule->reg & PCLN_RULE_REG_MASK);
    append(r, "%d", rule->cfa_off);
    append_save(r, rule->ra, rule->ra_off);
    append_save(r, rule->fp, rule->fp_off);
    if (rule->reg & PCLN_RULE_SIGNAL)
      append(r, ",signal");
  }
  append(r, " ");
  return true;
}

static void keep_fault(void *ctx, const struct pcln_report *r) {
  *(const char **)ctx = r->fault;
}

// --- Programs ---------------------------------------------------------------

struct program {
  const char *name;
  const char *insns;
  size_t len;
  const char *rows;
  const char *fault; // null: none
};
#define INSNS(s) s, sizeof(s) - 1

static const struct program programs[] = {
    {"nothing", INSNS(""), "0:sp8,c-8,same ", NULL},
    {"every way to advance",
     INSNS("\x41\x0e\x10\x02\x02\x0e\x18\x03\x04\x00\x0e\x20\x04\x08\x00\x00"
           "\x00\x0e\x28\x01\x20\x10\x00\x00\x00\x00\x00\x00\x0e\x30"),
     "0:sp8,c-8,same 1:sp16,c-8,same 3:sp24,c-8,same 7:sp32,c-8,same "
     "15:sp40,c-8,same 32:sp48,c-8,same ",
     NULL},
    {"frame pointer",
     INSNS("\x41\x0e\x10\x86\x02\x43\x0d\x06\x7f\x0c\x07\x08\xc6"),
     "0:sp8,c-8,same 1:sp16,c-8,c-16 4:fp16,c-8,c-16 ", NULL},
    {"restore without advance", INSNS("\x41\x86\x02\x44\xc6\x44\x86\x03"),
     "0:sp8,c-8,same 1:sp8,c-8,c-16 5:sp8,c-8,same 9:sp8,c-8,c-24 ", NULL},
    {"remembered states",
     INSNS("\x41\x0a\x0e\x10\x41\x0a\x0e\x20\x41\x0b\x41\x0b"),
     "0:sp8,c-8,same 1:sp16,c-8,same 2:sp32,c-8,same 3:sp16,c-8,same "
     "4:sp8,c-8,same ",
     NULL},
    {"signed and extended forms",
     INSNS("\x41\x12\x07\x7e\x41\x13\x7d\x41\x11\x06\x02\x41\x05\x06\x04\x41"
           "\x2f\x06\x02"),
     "0:sp8,c-8,same 1:sp16,c-8,same 2:sp24,c-8,same 3:sp24,c-8,c-16 "
     "4:sp24,c-8,c-32 5:sp24,c-8,c16 ",
     NULL},
    {"registers that do not matter",
     INSNS("\x41\x83\x02\x41\x8c\x03\x41\x09\x03\x04\x41\x07\x0c\x41\x2e\x10"),
     "0:sp8,c-8,same ", NULL},
    {"return address undefined", INSNS("\x07\x10"), "0:sp8,lost,same ", NULL},
    {"return address in a register", INSNS("\x41\x09\x10\x0b\x41\xd0"),
     "0:sp8,c-8,same 1:none 2:sp8,c-8,same ", NULL},
    {"return address is computed", INSNS("\x16\x10\x02\x77\x00"), "0:none ",
     NULL},
    {"return address loaded by a value", INSNS("\x16\x10\x03\x77\x10\x06"),
     "0:sp8,c8,same ", NULL},
    {"frame pointer in a register", INSNS("\x09\x06\x0c"), "0:sp8,c-8,lost ",
     NULL},
    {"frame pointer is the CFA", INSNS("\x14\x06\x00"), "0:sp8,c-8,lost ",
     NULL},
    {"stack pointer is not the CFA", INSNS("\x41\x14\x07\x02\x41\x14\x07\x00"),
     "0:sp8,c-8,same 1:none 2:sp8,c-8,same ", NULL},
    {"CFA from another register", INSNS("\x0c\x0a\x00"), "0:r(10)0,c-8,same ",
     NULL},
    {"CFA from a register beyond the rule's", INSNS("\x0c\x80\x01\x00"),
     "0:none ", NULL},
    {"CFA too far", INSNS("\x0e\x80\x80\x80\x80\x08"), "0:none ", NULL},
    {"realigned stack", INSNS("\x10\x06\x02\x76\x00\x0f\x03\x76\x78\x06"),
     "0:*fp-8,c-8,f0 ", NULL},
    {"saved stack pointer", INSNS("\x0f\x05\x77\x28\x06\x23\x10"),
     "0:*sp(2)40,c-8,same ", NULL},
    {"saved stack pointer, negative addend",
     INSNS("\x0f\x05\x77\x28\x06\x38\x1c"), "0:none ", NULL},
    {"saved stack pointer, too many words",
     INSNS("\x0f\x06\x77\x28\x06\x23\x80\x08"), "0:none ", NULL},
    {"saved stack pointer, odd addend", INSNS("\x0f\x05\x77\x28\x06\x23\x0c"),
     "0:none ", NULL},
    {"plt", INSNS("\x0f\x0b\x77\x08\x80\x00\x3f\x1a\x3b\x2a\x33\x24\x22\x70"),
     "0:sp8,c-8,same 11:sp16,c-8,same 16:sp8,c-8,same 27:sp16,c-8,same "
     "32:sp8,c-8,same 43:sp16,c-8,same 48:sp8,c-8,same 59:sp16,c-8,same ",
     NULL},
    {"stack operators",
     INSNS("\x0f\x0c\x77\x08\x31\x16\x12\x13\x14\x13\x33\x17\x16\x22"),
     "0:sp9,c-8,same ", NULL},
    {"arithmetic", // ((7*3-1)/4 ^ 1) | 8, negated twice, <<1 >>1
     INSNS("\x0f\x16\x77\x00\x37\x33\x1e\x31\x1c\x34\x1b\x31\x27\x38\x21\x1f"
           "\x1f\x31\x24\x31\x25\x20\x20\x22"),
     "0:sp12,c-8,same ", NULL},
    {"a branch in an expression", INSNS("\x0f\x05\x77\x08\x2f\x00\x00"),
     "0:none ", NULL},
    {"an expression on an empty stack", INSNS("\x0f\x01\x22"), "0:none ", NULL},
    {"an empty expression", INSNS("\x0f\x00"), "0:none ", NULL},
    {"division by zero", INSNS("\x0f\x05\x77\x00\x31\x30\x1b"), "0:none ",
     NULL},
    {"advance past the end", INSNS("\x7f\x0e\x10\x7f\x0e\x18"),
     "0:sp8,c-8,same 63:sp16,c-8,same ", NULL},
    {"restore_state without a state", INSNS("\x41\x0e\x10\x41\x0b\x41"),
     "0:sp8,c-8,same 1:sp16,c-8,same 2:none ", "cfi-program"},
    {"set_loc backwards", INSNS("\x44\x01\x00\x10\x00\x00\x00\x00\x00\x00"),
     "0:sp8,c-8,same 4:none ", "cfi-program"},
    {"unknown instruction", INSNS("\x44\x3f\x01"), "0:sp8,c-8,same 4:none ",
     "cfi-opcode"},
    {"operand missing", INSNS("\x44\x0e"), "0:sp8,c-8,same 4:none ",
     "cfi-program"},
    {"expression longer than the program", INSNS("\x44\x0f\x20\x77"),
     "0:sp8,c-8,same 4:none ", "cfi-program"},
    {"too many states",
     INSNS("\x41\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a\x0a"
           "\x0a\x0a"),
     "0:sp8,c-8,same 1:none ", "cfi-depth"},
};

static void cfi_rows_follow_the_program(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
    const struct program *p = &programs[i];
    struct maker m;
    struct rows rows = {.pos = LO};
    struct pcln_cfi_fde fde;
    const char *fault = NULL;
    const struct pcln_sink sink = {.fn = keep_fault, .ctx = &fault};
    size_t off = 0;
    make_x86(&m, p->insns, p->len);
    const struct pcln_cfi_section s = section_of(&m);
    print_message("  %s\n", p->name);
    assert_int_equal(pcln_cfi_next(&s, &off, &fde, &sink), PCLN_OK);
    assert_int_equal(fde.lo, LO);
    assert_int_equal(fde.hi, LO + SIZE);
    const enum pcln_status status =
        pcln_cfi_rows(&s, &fde, read_row, &rows, &sink);
    assert_int_equal(status != PCLN_OK, p->fault != NULL);
    assert_string_equal(rows.text, p->rows);
    assert_true(rows.pos == fde.hi);
    assert_int_equal(fault != NULL, p->fault != NULL);
    if (fault)
      assert_string_equal(fault, p->fault);
    assert_int_equal(pcln_cfi_next(&s, &off, &fde, &sink), PCLN_NOT_FOUND);
  }
}

// --- Entries ----------------------------------------------------------------

// A CIE with augmentation `aug`, its data, and an FDE whose address is `ptr`.
struct entries {
  const char *name, *aug, *data;
  size_t data_len;
  const char *ptr;
  size_t ptr_len;
  enum pcln_status status;
  uint64_t lo, hi;
};

static const struct entries entries[] = {
    {"absolute", "", INSNS(""),
     INSNS("\x00\x10\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00"),
     PCLN_OK, 0x1000, 0x1010},
    {"relative to the place, 4 bytes", "zR", INSNS("\x1b"),
     INSNS("\xe7\x8f\xff\xff\x10\x00\x00\x00\x00"), PCLN_OK, 0x1000, 0x1010},
    {"relative, 2 bytes", "zR", INSNS("\x1a"), INSNS("\xe2\xff\x10\x00\x00"),
     PCLN_OK, 0x7ffb, 0x800b},
    {"personality, landing pads, key, tag", "zPLRBGS",
     INSNS("\x9b\x01\x02\x03\x04\x1b\x03"),
     INSNS("\x00\x10\x00\x00\x10\x00"
           "\x00\x00\x00"),
     PCLN_OK, 0x1000, 0x1010},
    {"an unknown letter behind the encoding", "zR?", INSNS("\x03\x77"),
     INSNS("\x00\x10\x00\x00\x10\x00\x00\x00\x00"), PCLN_OK, 0x1000, 0x1010},
    {"an unknown letter before it", "z?R", INSNS("\x77\x03"),
     INSNS("\x00\x10\x00\x00\x10\x00\x00\x00\x00"), PCLN_UNSUPPORTED, 0, 0},
    {"unknown augmentation", "armcc+", INSNS(""),
     INSNS("\x00\x10\x00\x00\x10\x00\x00\x00"), PCLN_UNSUPPORTED, 0, 0},
    {"indirect", "zR", INSNS("\x9b"),
     INSNS("\x00\x10\x00\x00\x10\x00\x00\x00\x00"), PCLN_UNSUPPORTED, 0, 0},
    {"relative to data without a base", "zR", INSNS("\x3b"),
     INSNS("\x00\x10\x00\x00\x10\x00\x00\x00\x00"), PCLN_UNSUPPORTED, 0, 0},
    {"augmentation data too short", "zPR", INSNS("\x1b\x01"),
     INSNS("\x00\x10\x00\x00\x10\x00\x00\x00\x00"), PCLN_UNSUPPORTED, 0, 0},
    {"past the end of the address space", "", INSNS(""),
     INSNS("\xff\xff\xff\xff\xff\xff\xff\xff\x10\x00\x00\x00\x00\x00\x00\x00"),
     PCLN_CORRUPT, 0, 0},
    {"FDE too short", "", INSNS(""), INSNS("\x00\x10\x00\x00"), PCLN_CORRUPT, 0,
     0},
};

static void make_entries(struct maker *m, const struct entries *c) {
  m->len = 0;
  size_t e = begin_entry(m);
  put(m, 0, 4);
  put(m, 3, 1);
  put_bytes(m, c->aug, strlen(c->aug) + 1);
  put_bytes(m, "\x01\x78\x10", 3);
  if (c->aug[0] == 'z')
    put(m, c->data_len, 1);
  put_bytes(m, c->data, c->data_len);
  end_entry(m, e);
  e = begin_entry(m);
  put(m, m->len, 4);
  put_bytes(m, c->ptr, c->ptr_len);
  end_entry(m, e);
}

static void cfi_entries_are_read_or_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
    const struct entries *c = &entries[i];
    struct maker m;
    struct pcln_cfi_fde fde;
    size_t off = 0;
    make_entries(&m, c);
    const struct pcln_cfi_section s = section_of(&m);
    print_message("  %s\n", c->name);
    assert_int_equal(pcln_cfi_next(&s, &off, &fde, NULL), c->status);
    assert_int_equal(off, m.len); // the walk can go on
    if (c->status != PCLN_OK)
      continue;
    assert_true(fde.lo == c->lo && fde.hi == c->hi);
    assert_int_equal(fde.signal_frame, strchr(c->aug, 'S') != NULL);
  }
}

static void cfi_at_reads_one_entry(void **state) {
  (void)state;
  struct maker m;
  struct pcln_cfi_fde fde, at;
  size_t off = 0;
  make_x86(&m, "", 0);
  const struct pcln_cfi_section s = section_of(&m);
  assert_int_equal(pcln_cfi_next(&s, &off, &fde, NULL), PCLN_OK);
  assert_int_equal(pcln_cfi_at(&s, fde.off, &at), PCLN_OK);
  assert_true(at.lo == fde.lo && at.hi == fde.hi && at.off == fde.off &&
              at.cie_off == fde.cie_off);
  assert_int_equal(pcln_cfi_at(&s, fde.cie_off, &at), PCLN_NOT_FOUND);
  assert_int_equal(pcln_cfi_at(&s, m.len, &at), PCLN_CORRUPT);
}

static void cfi_zero_length_ends_a_live_section_only(void **state) {
  (void)state;
  struct maker m, two;
  struct pcln_cfi_fde fde;
  size_t off = 0;
  make_x86(&m, "", 0);
  two = m;
  put(&two, 0, 4);
  // The same again behind a terminator; CIE pointers are relative.
  put_bytes(&two, m.bytes, m.len);
  struct pcln_cfi_section s = section_of(&two);
  assert_int_equal(pcln_cfi_next(&s, &off, &fde, NULL), PCLN_OK);
  assert_int_equal(pcln_cfi_next(&s, &off, &fde, NULL), PCLN_OK);
  assert_int_equal(pcln_cfi_next(&s, &off, &fde, NULL), PCLN_NOT_FOUND);
  s.live = true;
  off = 0;
  assert_int_equal(pcln_cfi_next(&s, &off, &fde, NULL), PCLN_OK);
  assert_int_equal(pcln_cfi_next(&s, &off, &fde, NULL), PCLN_NOT_FOUND);
}

static void cfi_unknown_machine_has_no_rules(void **state) {
  (void)state;
  struct maker m;
  struct pcln_cfi_fde fde;
  struct rows rows = {.pos = LO};
  size_t off = 0;
  make_x86(&m, "", 0);
  struct pcln_cfi_section s = section_of(&m);
  s.machine = EM_PPC64;
  assert_int_equal(pcln_cfi_next(&s, &off, &fde, NULL), PCLN_OK);
  assert_int_equal(pcln_cfi_rows(&s, &fde, read_row, &rows, NULL),
                   PCLN_UNSUPPORTED);
  assert_string_equal(rows.text, "0:none ");
}

// --- Damage -----------------------------------------------------------------

static bool count_row(void *ctx, uint64_t lo, uint64_t hi,
                      const struct pcln_rule *r) {
  uint64_t *pos = ctx;
  (void)r;
  assert_true(lo == *pos && hi > lo);
  *pos = hi;
  return true;
}

// Whatever the bytes are: the walk ends, rows cover their FDE.
static void walk(const struct pcln_cfi_section *s) {
  struct pcln_cfi_fde fde;
  size_t off = 0;
  for (int n = 0;; n++) {
    const size_t before = off;
    const enum pcln_status status = pcln_cfi_next(s, &off, &fde, NULL);
    if (status == PCLN_NOT_FOUND)
      return;
    assert_true(off > before && n < 64);
    uint64_t pos = fde.lo;
    // Damage may stretch an FDE; each of its pcs would cost an evaluation.
    if (status != PCLN_OK || fde.hi - fde.lo > 1 << 16)
      continue;
    if (pcln_cfi_rows(s, &fde, count_row, &pos, NULL) != PCLN_OK)
      assert_true(pos == fde.hi);
    assert_true(pos == fde.hi);
  }
}

static void cfi_survives_prefixes_and_changed_bytes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
    struct maker m;
    make_x86(&m, programs[i].insns, programs[i].len);
    for (size_t len = 0; len <= m.len; len++) {
      uint8_t *exact = malloc(len ? len : 1); // for the address sanitizer
      assert_non_null(exact);
      memcpy(exact, m.bytes, len);
      struct pcln_cfi_section s = section_of(&m);
      s.bytes = (struct pcln_span){.ptr = exact, .len = len};
      walk(&s);
      free(exact);
    }
    static const uint8_t flips[] = {0x01, 0x80, 0xff};
    for (size_t k = 0; k < m.len * 3; k++) {
      m.bytes[k / 3] ^= flips[k % 3];
      const struct pcln_cfi_section s = section_of(&m);
      walk(&s);
      m.bytes[k / 3] ^= flips[k % 3];
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cfi_rows_follow_the_program),
      cmocka_unit_test(cfi_entries_are_read_or_refused),
      cmocka_unit_test(cfi_at_reads_one_entry),
      cmocka_unit_test(cfi_zero_length_ends_a_live_section_only),
      cmocka_unit_test(cfi_unknown_machine_has_no_rules),
      cmocka_unit_test(cfi_survives_prefixes_and_changed_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
