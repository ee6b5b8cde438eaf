// SPDX-License-Identifier: Apache-2.0
//
// Line tables made by hand, in each version, offset size and byte order.
#include "dwarf_line.h"
#include "dwarf_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct form {
  unsigned version, off_size;
  bool swap;
};
static const struct form forms[] = {
    {2, 4, false}, {3, 4, false}, {3, 8, false}, {4, 4, true}, {4, 8, false},
    {5, 4, false}, {5, 8, true},  {5, 4, true},  {2, 4, true},
};
enum { N_FORMS = sizeof forms / sizeof forms[0] };

enum { OPCODE_BASE = 13, LINE_RANGE = 14 };
#define LINE_BASE (-5)

// The text is [0x1000, 0x10000).
struct subject {
  struct dw_buf line, line_str;
  struct pcln_dw dw;
  struct pcln_dw_unit unit;
  struct pcln_dw_lines t;
  struct pcln_dw_notes notes;
  struct pcln_dw_fault fault;
  size_t table, header; // what dw_end() needs
  struct form form;
};

// Names: "inc" and "/abs" are directories, a.c and b.h files, b.h in inc.
static void write_names(struct subject *s) {
  struct dw_buf *b = &s->line;
  if (s->form.version < 5) {
    dw_str(b, "inc");
    dw_str(b, "/abs");
    dw_u8(b, 0);
    for (unsigned i = 0; i < 2; i++) {
      dw_str(b, i ? "b.h" : "a.c");
      dw_uleb(b, i);
      dw_uleb(b, 300);
      dw_uleb(b, 4000);
    }
    dw_u8(b, 0);
    return;
  }
  dw_u8(b, 1); // directories: line_strp
  dw_uleb(b, DW_LNCT_path);
  dw_uleb(b, DW_FORM_line_strp);
  dw_uleb(b, 3);
  const char *const dirs[] = {"/comp", "inc", "/abs"};
  for (unsigned i = 0; i < 3; i++) {
    dw_off(b, s->line_str.len);
    dw_str(&s->line_str, dirs[i]);
  }
  dw_u8(b, 4); // files: string, MD5, a vendor's block, directory
  dw_uleb(b, DW_LNCT_path);
  dw_uleb(b, DW_FORM_string);
  dw_uleb(b, 5);
  dw_uleb(b, DW_FORM_data16);
  dw_uleb(b, 0x2001);
  dw_uleb(b, DW_FORM_block);
  dw_uleb(b, DW_LNCT_directory_index);
  dw_uleb(b, DW_FORM_udata);
  dw_uleb(b, 3);
  const char *const files[] = {"a.c", "a.c", "b.h"};
  for (unsigned i = 0; i < 3; i++) {
    dw_str(b, files[i]);
    dw_u64(b, 7);
    dw_u64(b, 7);
    dw_uleb(b, 2);
    dw_u16(b, 0);
    dw_uleb(b, i / 2);
  }
}

static void begin(struct subject *s, struct form form) {
  memset(s, 0, sizeof *s);
  s->form = form;
  struct dw_buf *b = &s->line;
  b->swap = s->line_str.swap = form.swap;
  b->off_size = s->line_str.off_size = (uint8_t)form.off_size;
  s->table = dw_begin(b);
  dw_u16(b, form.version);
  if (form.version >= 5) {
    dw_u8(b, 8);
    dw_u8(b, 0);
  }
  dw_off(b, 0);
  s->header = b->len;
  dw_u8(b, 1); // minimum_instruction_length
  if (form.version >= 4)
    dw_u8(b, 1);
  dw_u8(b, 1);
  dw_u8(b, (uint8_t)LINE_BASE);
  dw_u8(b, LINE_RANGE);
  dw_u8(b, OPCODE_BASE);
  const uint8_t lengths[] = {0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1};
  for (unsigned i = 0; i < sizeof lengths; i++)
    dw_u8(b, lengths[i]);
  write_names(s);
  dw_end(b, s->header);
}

static enum pcln_status run(struct subject *s) {
  dw_end(&s->line, s->table);
  s->dw = (struct pcln_dw){.sec = {.line = dw_span(&s->line),
                                   .line_str = dw_span(&s->line_str),
                                   .swap = s->form.swap},
                           .text_lo = 0x1000,
                           .text_hi = 0x10000};
  s->unit.params =
      (struct pcln_dw_params){.version = 4, .addr_size = 8, .off_size = 4};
  enum pcln_status st =
      pcln_dw_lines_header(&s->dw, &s->unit, &s->t, &s->fault);
  return st == PCLN_OK ? pcln_dw_lines_run(&s->t, &s->notes, &s->fault) : st;
}

static void end(struct subject *s) { pcln_dw_lines_free(&s->t); }

static void set_address(struct subject *s, uint64_t va) {
  dw_u8(&s->line, 0);
  dw_uleb(&s->line, 9);
  dw_u8(&s->line, DW_LNE_set_address);
  dw_u64(&s->line, va);
}
static void end_sequence(struct subject *s) {
  dw_u8(&s->line, 0);
  dw_uleb(&s->line, 1);
  dw_u8(&s->line, DW_LNE_end_sequence);
}
static void special(struct subject *s, unsigned pc, int line) {
  dw_u8(&s->line, (unsigned)(line - LINE_BASE) + LINE_RANGE * pc + OPCODE_BASE);
}
static void op(struct subject *s, unsigned opcode) { dw_u8(&s->line, opcode); }
static void op_u(struct subject *s, unsigned opcode, uint64_t v) {
  dw_u8(&s->line, opcode);
  dw_uleb(&s->line, v);
}

static void check_rows(const struct pcln_dw_lines *t,
                       const struct pcln_dw_row *want, size_t n) {
  assert_int_equal(t->n_rows, n);
  for (size_t i = 0; i < n; i++) {
    assert_int_equal(t->rows[i].off, want[i].off);
    assert_int_equal(t->rows[i].file, want[i].file);
    assert_int_equal(t->rows[i].line, want[i].line);
  }
}

static void every_opcode_moves_the_machine(void **state) {
  (void)state;
  for (size_t i = 0; i < N_FORMS; i++) {
    struct subject s;
    begin(&s, forms[i]);
    set_address(&s, 0x2000);
    special(&s, 0, 4);                 // line 5 at 0
    op_u(&s, DW_LNS_advance_pc, 0x90); // 0x90
    op(&s, DW_LNS_advance_line);
    dw_sleb(&s.line, -3); // 2
    op_u(&s, DW_LNS_set_file, 2);
    op_u(&s, DW_LNS_set_column, 300);
    op(&s, DW_LNS_copy);
    op(&s, DW_LNS_const_add_pc); // 17 more
    op(&s, DW_LNS_fixed_advance_pc);
    dw_u16(&s.line, 0x100);
    op(&s, DW_LNS_negate_stmt);
    op(&s, DW_LNS_set_basic_block);
    op(&s, DW_LNS_set_prologue_end);
    op(&s, DW_LNS_set_epilogue_begin);
    op_u(&s, DW_LNS_set_isa, 3);
    special(&s, 1, 8);
    op_u(&s, DW_LNS_advance_pc, 6);
    end_sequence(&s);
    assert_int_equal(run(&s), PCLN_OK);
    const struct pcln_dw_row want[] = {
        {0, 1, 5}, {0x90, 2, 2}, {0x90 + 17 + 0x101, 2, 10}};
    check_rows(&s.t, want, 3);
    assert_int_equal(s.t.n_seqs, 1);
    assert_int_equal(s.t.seqs[0].lo, 0x2000);
    assert_int_equal(s.t.seqs[0].hi, 0x2000 + 0x90 + 17 + 0x101 + 6);
    end(&s);
  }
}

static void last_row_at_an_address_wins_and_repeats_vanish(void **state) {
  (void)state;
  struct subject s;
  begin(&s, forms[0]);
  set_address(&s, 0x2000);
  special(&s, 0, 0);
  special(&s, 0, 1);
  special(&s, 4, 0); // the same line
  special(&s, 4, 3);
  special(&s, 0, 1); // replaces it
  op_u(&s, DW_LNS_advance_pc, 1);
  end_sequence(&s);
  assert_int_equal(run(&s), PCLN_OK);
  const struct pcln_dw_row want[] = {{0, 1, 2}, {8, 1, 6}};
  check_rows(&s.t, want, 2);
  assert_int_equal(s.t.n_program_rows, 5);
  end(&s);
}

static void discarded_code_is_left_out_and_counted(void **state) {
  (void)state;
  const uint64_t starts[] = {0,       1,     0x40, UINT64_MAX, UINT64_MAX - 1,
                             0x10000, 0x2000};
  struct subject s;
  begin(&s, forms[3]);
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
    set_address(&s, starts[i]);
    special(&s, 0, 1);
    special(&s, 4, 1);
    op_u(&s, DW_LNS_advance_pc, 4);
    end_sequence(&s);
  }
  assert_int_equal(run(&s), PCLN_OK);
  assert_int_equal(s.t.n_seqs, 1);
  assert_int_equal(s.t.seqs[0].lo, 0x2000);
  assert_int_equal(s.t.n_rows, 2);
  assert_int_equal(s.t.dead_sequences, 6);
  end(&s);
}

static void sequence_that_goes_back_is_split(void **state) {
  (void)state;
  struct subject s;
  begin(&s, forms[1]);
  set_address(&s, 0x3000);
  special(&s, 0, 1);
  special(&s, 8, 1);
  set_address(&s, 0x2000);
  special(&s, 0, 1);
  op_u(&s, DW_LNS_advance_pc, 4);
  end_sequence(&s);
  assert_int_equal(run(&s), PCLN_OK);
  assert_int_equal(s.t.n_seqs, 2);
  assert_int_equal(s.t.seqs[0].lo, 0x3000);
  assert_int_equal(s.t.seqs[0].hi, 0x3008);
  assert_int_equal(s.t.seqs[1].lo, 0x2000);
  assert_int_equal(s.t.seqs[1].hi, 0x2004);
  assert_int_equal(s.notes.count[PCLN_DW_NOTE_ORDER], 1);
  end(&s);
}

static void unknown_opcodes_are_skipped(void **state) {
  (void)state;
  struct subject s;
  begin(&s, forms[4]);
  set_address(&s, 0x2000);
  dw_u8(&s.line, 0); // a vendor's extended opcode
  dw_uleb(&s.line, 4);
  dw_u8(&s.line, 0x80);
  dw_u16(&s.line, 1);
  dw_u8(&s.line, 2);
  dw_u8(&s.line, 0); // a file that the program defines
  dw_uleb(&s.line, 8);
  dw_u8(&s.line, DW_LNE_define_file);
  dw_str(&s.line, "d.h");
  dw_uleb(&s.line, 2);
  dw_uleb(&s.line, 0);
  dw_uleb(&s.line, 0);
  op_u(&s, DW_LNS_set_file, 3);
  special(&s, 0, 1);
  op_u(&s, DW_LNS_advance_pc, 4);
  end_sequence(&s);
  assert_int_equal(run(&s), PCLN_OK);
  const struct pcln_dw_row want[] = {{0, 3, 2}};
  check_rows(&s.t, want, 1);
  struct pcln_arena arena = {0};
  size_t len;
  assert_string_equal(pcln_dw_line_path(&s.t, pcln_dw_line_file(&s.t, 3),
                                        "/comp", &arena, &len),
                      "/abs/d.h");
  pcln_arena_free(&arena);
  end(&s);
}

static void paths_are_joined_as_llvm_symbolizer_joins_them(void **state) {
  (void)state;
  static const struct {
    unsigned version;
    uint64_t number;
    const char *comp_dir, *path;
  } cases[] = {
      {4, 1, "/comp", "/comp/a.c"},
      {4, 1, "/comp/", "/comp/a.c"},
      {4, 1, NULL, "a.c"},
      {4, 1, "", "a.c"},
      {4, 2, "/comp", "/comp/inc/b.h"},
      {4, 2, NULL, "inc/b.h"},
      {4, 0, "/comp", NULL},
      {4, 3, "/comp", NULL},
      {5, 0, "/else", "/comp/a.c"},
      {5, 1, "/else", "/comp/a.c"},
      {5, 2, "/comp", "/comp/inc/b.h"},
      {5, 3, "/comp", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct subject s;
    begin(&s, (struct form){cases[i].version, 4, false});
    assert_int_equal(run(&s), PCLN_OK);
    const struct pcln_dw_file *f = pcln_dw_line_file(&s.t, cases[i].number);
    struct pcln_arena arena = {0};
    size_t len;
    if (cases[i].path) {
      const char *path =
          pcln_dw_line_path(&s.t, f, cases[i].comp_dir, &arena, &len);
      assert_string_equal(path, cases[i].path);
      assert_int_equal(len, strlen(path));
    } else {
      assert_null(f);
    }
    pcln_arena_free(&arena);
    end(&s);
  }
}

static void make_small(struct subject *s, struct form form) {
  begin(s, form);
  set_address(s, 0x2000);
  special(s, 0, 4);
  op_u(s, DW_LNS_advance_pc, 0x90);
  op(s, DW_LNS_copy);
  end_sequence(s);
}

static void malformed_tables_have_named_faults(void **state) {
  (void)state;
  // A byte of the table as version 4 writes it, and what it is changed to.
  static const struct {
    size_t at;
    uint8_t value;
    const char *fault;
  } cases[] = {
      {0, 0xff, "dwarf-line-header"}, // longer than the section
      {4, 6, "dwarf-version"},         {4, 1, "dwarf-version"},
      {6, 0xff, "dwarf-line-header"},  // header_length
      {14, 0, "dwarf-line-header"},    // line_range
      {15, 0, "dwarf-line-header"},    // opcode_base
      {15, 0xff, "dwarf-line-header"}, // runs into the names
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct subject s;
    make_small(&s, (struct form){4, 4, false});
    assert_int_equal(run(&s), PCLN_OK);
    s.line.bytes[cases[i].at] = cases[i].value;
    enum pcln_status st = pcln_dw_lines_header(&s.dw, &s.unit, &s.t, &s.fault);
    assert_int_not_equal(st, PCLN_OK);
    assert_int_equal(st, s.fault.status);
    assert_string_equal(s.fault.fault, cases[i].fault);
    end(&s);
  }
}

static void program_that_ends_in_an_opcode_is_corrupt(void **state) {
  (void)state;
  const uint8_t tails[][3] = {{DW_LNS_advance_pc, 0x80, 0x80},
                              {DW_LNS_copy, DW_LNS_fixed_advance_pc, 1},
                              {0, 9, DW_LNE_set_address},
                              {DW_LNS_copy, 0, 0}};
  for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
    struct subject s;
    begin(&s, forms[i]);
    set_address(&s, 0x2000);
    for (unsigned k = 0; k < 3; k++)
      dw_u8(&s.line, tails[i][k]);
    assert_int_equal(run(&s), PCLN_CORRUPT);
    assert_string_equal(s.fault.fault, "dwarf-line-program");
    assert_string_equal(s.fault.region, ".debug_line");
    end(&s);
  }
}

// Any status is right, any fault but a crash; sound results stay sound.
static void try_bytes(struct subject *s, const uint8_t *bytes, size_t len) {
  uint8_t *copy = malloc(len ? len : 1); // so that ASan sees its end
  memcpy(copy, bytes, len);
  s->dw.sec.line = (struct pcln_span){.ptr = copy, .len = len};
  enum pcln_status st =
      pcln_dw_lines_header(&s->dw, &s->unit, &s->t, &s->fault);
  if (st == PCLN_OK)
    st = pcln_dw_lines_run(&s->t, &s->notes, &s->fault);
  assert_true(st == PCLN_OK || st == PCLN_CORRUPT || st == PCLN_UNSUPPORTED);
  for (size_t i = 0; st == PCLN_OK && i < s->t.n_seqs; i++) {
    const struct pcln_dw_seq *q = &s->t.seqs[i];
    assert_true(q->lo < q->hi && q->n_rows);
    for (uint32_t k = 1; k < q->n_rows; k++)
      assert_true(s->t.rows[q->row + k - 1].off < s->t.rows[q->row + k].off);
  }
  free(copy);
}

static void every_prefix_and_every_changed_byte_is_survived(void **state) {
  (void)state;
  for (size_t i = 0; i < N_FORMS; i++) {
    struct subject s;
    make_small(&s, forms[i]);
    assert_int_equal(run(&s), PCLN_OK);
    const struct dw_buf whole = s.line;
    for (size_t n = 0; n < whole.len; n++)
      try_bytes(&s, whole.bytes, n);
    for (size_t at = 0; at < whole.len; at++)
      for (unsigned bit = 0; bit < 8; bit++) {
        struct dw_buf changed = whole;
        changed.bytes[at] ^= (uint8_t)(1u << bit);
        try_bytes(&s, changed.bytes, changed.len);
      }
    end(&s);
  }
}

static void file_entries_without_bytes_are_refused(void **state) {
  (void)state;
  struct subject s;
  begin(&s, (struct form){5, 4, false});
  // Format of no columns, a million entries.
  s.line.len = s.header + 6 + 12;
  dw_u8(&s.line, 0);
  dw_uleb(&s.line, 1000000);
  dw_u8(&s.line, 0);
  dw_uleb(&s.line, 0);
  dw_end(&s.line, s.header);
  assert_int_equal(run(&s), PCLN_CORRUPT);
  assert_string_equal(s.fault.fault, "dwarf-line-header");
  end(&s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_opcode_moves_the_machine),
      cmocka_unit_test(last_row_at_an_address_wins_and_repeats_vanish),
      cmocka_unit_test(discarded_code_is_left_out_and_counted),
      cmocka_unit_test(sequence_that_goes_back_is_split),
      cmocka_unit_test(unknown_opcodes_are_skipped),
      cmocka_unit_test(paths_are_joined_as_llvm_symbolizer_joins_them),
      cmocka_unit_test(malformed_tables_have_named_faults),
      cmocka_unit_test(program_that_ends_in_an_opcode_is_corrupt),
      cmocka_unit_test(every_prefix_and_every_changed_byte_is_survived),
      cmocka_unit_test(file_entries_without_bytes_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
