// SPDX-License-Identifier: Apache-2.0
//
// The listing: what is said of each line, with a table made by hand and code of
// known instructions.
#include "disasm.h"

#include "sample_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct made made; // too large for the stack

// --- A table, its code, a decoder -------------------------------------------

// Text that holds nops, but for what a test puts at some offset; a file that
// ends after `len` bytes of it.
static struct {
  uint8_t bytes[SAMPLE_TEXT_LEN];
  size_t len;
} text;

static struct pcln_span code_at(void *ctx, uint64_t va) {
  (void)ctx;
  const uint64_t off = va - SAMPLE_TEXT;
  if (off >= text.len)
    return (struct pcln_span){0};
  return (struct pcln_span){text.bytes + off, text.len - (size_t)off};
}

static const struct pcdis_code code = {code_at, NULL, SAMPLE_MACHINE, false};

static struct pcln_table sample(void) {
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  struct pcln_table t;
  make_table(&s, &made);
  assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, NULL), PCLN_OK);
  memset(text.bytes, 0x90, sizeof text.bytes);
  text.len = sizeof text.bytes;
  return t;
}

struct listed {
  struct pcdis_line lines[0x3000];
  size_t n;
  enum pcln_status status;
};

// All lines of function `idx`, which must follow each other without a gap.
static const struct listed *list(const struct pcln_table *t, uint32_t idx) {
  static struct listed out;
  struct pcdis *d;
  struct pcln_func f;
  struct pcdis_listing l;
  assert_int_equal(pcdis_open(SAMPLE_MACHINE, false, &d), PCLN_OK);
  assert_int_equal(pcln_func_at(t, idx, &f), PCLN_OK);
  pcdis_listing_begin(&l, t, &code, d, &f, true);
  uint64_t va = f.entry;
  for (out.n = 0; pcdis_listing_next(&l, &out.lines[out.n]); out.n++) {
    const struct pcdis_line *line = &out.lines[out.n];
    assert_true(va < f.end);
    assert_int_equal(line->va, va);
    va = line->bytes.ptr ? va + line->bytes.len : f.end;
  }
  assert_int_equal(va, f.end);
  pcdis_close(d);
  out.status = l.status;
  return &out;
}

static const struct pcdis_line *line_at(const struct listed *l, uint64_t va) {
  for (size_t i = 0; i < l->n; i++)
    if (l->lines[i].va == va)
      return &l->lines[i];
  fail_msg("no line at 0x%llx", (unsigned long long)va);
  return NULL;
}

// --- Tests ------------------------------------------------------------------

static void positions_are_new_where_they_change(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  const struct listed *l = list(&t, SAMPLE_ALPHA);
  int32_t line = -2, inl = -2, file = -2;
  assert_int_equal(l->n, 0x30);
  for (size_t i = 0; i < l->n; i++) {
    const struct pcln_row *row = &l->lines[i].row;
    const bool new_position =
        row->line != line || row->inl != inl || row->file != file;
    assert_int_equal(l->lines[i].new_position, new_position);
    line = row->line, inl = row->inl, file = row->file;
  }
  // As in sample_table.h.
  assert_int_equal(line_at(l, SAMPLE_TEXT)->row.line, 10);
  assert_int_equal(line_at(l, SAMPLE_TEXT)->row.inl, -1);
  assert_int_equal(line_at(l, SAMPLE_TEXT + 0x10)->row.line, 201);
  assert_int_equal(line_at(l, SAMPLE_TEXT + 0x20)->row.line, 14);
  assert_int_equal(l->status, PCLN_OK);
}

static void rules_are_those_of_a_lookup_at_each_pc(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  static const uint32_t functions[] = {SAMPLE_ALPHA, SAMPLE_BETA, SAMPLE_DELTA};
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    const struct listed *l = list(&t, functions[i]);
    struct pcln_func f;
    assert_int_equal(pcln_func_at(&t, functions[i], &f), PCLN_OK);
    for (size_t k = 0; k < l->n; k++) {
      const struct pcdis_line *line = &l->lines[k];
      struct pcln_rule want;
      const bool has = pcln_rule_at(&t, &f, line->va, &want, NULL) == PCLN_OK;
      assert_int_equal(line->has_rule, has);
      if (!has)
        continue;
      assert_int_equal(line->rule.cfa, want.cfa);
      assert_int_equal(line->rule.cfa_off, want.cfa_off);
      assert_int_equal(line->rule.fp, want.fp);
      if (k > 0 && line[-1].has_rule)
        assert_int_equal(line->new_rule,
                         line[-1].rule.cfa != want.cfa ||
                             line[-1].rule.cfa_off != want.cfa_off ||
                             line[-1].rule.fp != want.fp ||
                             line[-1].rule.fp_off != want.fp_off ||
                             line[-1].rule.ra != want.ra ||
                             line[-1].rule.ra_off != want.ra_off);
    }
  }
}

static void targets_have_the_names_of_functions(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  // call beta+4; jmp alpha+2; lea of the hole at 0x30; call of nowhere
  static const uint8_t bytes[] = {0xe8, 0x3f, 0,    0,    0,   0xeb, 0xfb,
                                  0x48, 0x8d, 0x05, 0x22, 0,   0,    0,
                                  0xe8, 0,    0,    0,    0x70};
  memcpy(text.bytes, bytes, sizeof bytes);
  const struct listed *l = list(&t, SAMPLE_ALPHA);
  assert_string_equal(l->lines[0].name, "beta");
  assert_int_equal(l->lines[0].name_off, 4);
  assert_string_equal(l->lines[1].name, "alpha");
  assert_int_equal(l->lines[1].name_off, 2);
  assert_int_equal(l->lines[2].insn.refers, SAMPLE_TEXT + 0x30);
  assert_null(l->lines[2].name);
  assert_null(l->lines[3].name);
}

static void bytes_that_are_no_instruction_are_data(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  text.bytes[0x11] = 0x06;
  text.bytes[0x2f] = 0xe8; // its operand is beyond the function's end
  const struct listed *l = list(&t, SAMPLE_ALPHA);
  const struct pcdis_line *line = line_at(l, SAMPLE_TEXT + 0x11);
  assert_false(line->is_insn);
  assert_int_equal(line->bytes.len, 1);
  assert_string_equal(line->insn.text, ".byte 0x06");
  assert_true(line_at(l, SAMPLE_TEXT + 0x12)->is_insn);
  assert_false(line_at(l, SAMPLE_TEXT + 0x2f)->is_insn);
}

static void code_that_is_not_stored_is_one_line(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  text.len = 0x12;
  const struct listed *l = list(&t, SAMPLE_ALPHA);
  assert_int_equal(l->n, 0x13);
  assert_null(l->lines[0x12].bytes.ptr);
  assert_int_equal(l->lines[0x12].row.line, 201);
  text.len = 0;
  l = list(&t, SAMPLE_BETA);
  assert_int_equal(l->n, 1);
  assert_false(l->lines[0].is_insn);
  assert_true(l->lines[0].new_position);
}

static void holes_have_code_and_nothing_else(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  const struct listed *l = list(&t, SAMPLE_HOLE);
  assert_int_equal(l->n, 0x10);
  for (size_t i = 0; i < l->n; i++) {
    assert_true(l->lines[i].insn.padding);
    assert_false(l->lines[i].has_rule);
    assert_false(l->lines[i].new_rule);
    assert_false(l->lines[i].safepoint);
    assert_int_equal(l->lines[i].row.line, -1);
  }
}

// Whatever is wrong in the table, the code is listed whole.
static void damage_in_the_table_stays_in_its_columns(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  static uint8_t sound[MAKE_MAX];
  memcpy(sound, made.bytes, made.len);
  unsigned noted = 0;
  for (size_t at = made.pctab; at < made.functab; at++) {
    for (unsigned value = 0; value < 256; value += 51) {
      made.bytes[at] = (uint8_t)value;
      noted += list(&t, SAMPLE_ALPHA)->status != PCLN_OK;
    }
    made.bytes[at] = sound[at];
  }
  assert_true(noted > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(positions_are_new_where_they_change),
      cmocka_unit_test(rules_are_those_of_a_lookup_at_each_pc),
      cmocka_unit_test(targets_have_the_names_of_functions),
      cmocka_unit_test(bytes_that_are_no_instruction_are_data),
      cmocka_unit_test(code_that_is_not_stored_is_one_line),
      cmocka_unit_test(holes_have_code_and_nothing_else),
      cmocka_unit_test(damage_in_the_table_stays_in_its_columns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
