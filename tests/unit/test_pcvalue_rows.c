// SPDX-License-Identifier: Apache-2.0
#include "sample_table.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int32_t value_at(const struct pcln_table *t, const struct pcln_func *f,
                        uint32_t stream, uint64_t pc) {
  struct pcln_run run;
  const enum pcln_status status = pcln_stream_find(t, f, stream, pc, &run);
  return status == PCLN_OK ? run.value : -1;
}

// Every pc of the function, looked up by itself, against the row that has it.
static void check_function(const struct pcln_table *t,
                           const struct pcln_func *f, size_t batch) {
  const uint32_t inl = pcln_pcdata_stream(t, f, pcln_pcdata_inltree(t));
  struct pcln_row rows[64];
  struct pcln_rows it;
  uint32_t at = 0;
  pcln_rows_begin(t, f, &it);
  for (size_t n; (n = pcln_rows_next(&it, rows, batch)) > 0;)
    for (size_t i = 0; i < n; i++) {
      assert_int_equal(rows[i].lo, at);
      assert_true(rows[i].lo < rows[i].hi);
      for (; at < rows[i].hi; at += t->quantum) {
        const uint64_t pc = f->entry + at;
        assert_int_equal(rows[i].file, value_at(t, f, f->pcfile, pc));
        assert_int_equal(rows[i].line, value_at(t, f, f->pcln, pc));
        assert_int_equal(rows[i].inl, value_at(t, f, inl, pc));
      }
    }
  assert_int_equal(it.status, PCLN_OK);
  assert_int_equal(at, f->end - f->entry);
}

static void check_table(const struct make_spec *s, struct made *m,
                        const struct pcln_table *t) {
  (void)s, (void)m;
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    struct pcln_func f;
    assert_int_equal(pcln_func_at(t, i, &f), PCLN_OK);
    check_function(t, &f, 1);
    check_function(t, &f, 3);
    check_function(t, &f, 64);
  }
}

static void rows_say_what_lookups_say(void **state) {
  (void)state;
  sample_for_each(check_table);
}

// A value changes in every row, so that no two rows could be one.
static void rows_are_maximal(void **state) {
  (void)state;
  static struct made made;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, false);
  struct pcln_table t;
  struct pcln_func f;
  struct pcln_rows it;
  struct pcln_row row, last = {.lo = 1};
  make_table(&s, &made);
  assert_int_equal(
      pcln_open(&t, made.bytes, made.funcdata, &made.options, NULL), PCLN_OK);
  assert_int_equal(pcln_func_at(&t, SAMPLE_ALPHA, &f), PCLN_OK);
  pcln_rows_begin(&t, &f, &it);
  while (pcln_rows_next(&it, &row, 1)) {
    assert_true(row.lo == 0 || row.file != last.file || row.line != last.line ||
                row.inl != last.inl);
    last = row;
  }
  assert_int_equal(pcln_rows_next(&it, &row, 1), 0);
}

// What was read before the damage stays, and rows come to the end.
static void malformed_stream_says_nothing_from_there_on(void **state) {
  (void)state;
  static struct made made;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  struct pcln_table t;
  struct pcln_func f;
  make_table(&s, &made);
  make_patch(&made, made.pcln[SAMPLE_DELTA] + 21, 1, 0); // a pc delta of 0
  assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_func_at(&t, SAMPLE_DELTA, &f), PCLN_OK);
  struct pcln_rows it;
  struct pcln_row row, last = {.hi = 0};
  uint32_t lines = 0;
  pcln_rows_begin(&t, &f, &it);
  while (pcln_rows_next(&it, &row, 1)) {
    assert_int_equal(row.lo, last.hi);
    assert_true(row.file >= 0);
    if (row.line >= 0)
      assert_int_equal(row.line, sample_delta_line(row.lo));
    lines += row.line >= 0;
    last = row;
  }
  assert_int_equal(it.status, PCLN_CORRUPT);
  assert_int_equal(last.hi, f.end - f.entry);
  assert_int_equal(last.line, -1);
  assert_in_range(lines, 5, 10);
}

// Go's assembler for s390x writes runs without a pc. Here delta's sixth run
// becomes one: its value is part of the seventh's.
static void runs_without_a_pc_are_stepped_over(void **state) {
  (void)state;
  static struct made made;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, false);
  struct pcln_table t;
  struct pcln_func f;
  make_table(&s, &made);
  const size_t pair = made.pcln[SAMPLE_DELTA] + 20;
  const uint8_t at = made.bytes[pair - 1];
  make_patch(&made, pair + 1, 1, 0);
  assert_int_equal(
      pcln_open(&t, made.bytes, made.funcdata, &made.options, NULL), PCLN_OK);
  assert_int_equal(pcln_func_at(&t, SAMPLE_DELTA, &f), PCLN_OK);
  check_function(&t, &f, 64);
  struct pcln_rows it;
  struct pcln_row rows[64];
  pcln_rows_begin(&t, &f, &it);
  assert_int_equal(pcln_rows_next(&it, rows, 64), 64);
  uint32_t i = 0;
  while (rows[i].line == sample_delta_line(rows[i].lo))
    i++;
  assert_in_range(i, 4, 10);
  assert_int_equal(rows[i].line, sample_delta_line(rows[i].lo + at));
}

static void stream_outside_of_pctab_is_refused(void **state) {
  (void)state;
  static struct made made;
  const struct make_spec s = sample_spec(PCLN_GO_118, 4, 4, true, false);
  struct pcln_table t;
  struct pcln_func f;
  make_table(&s, &made);
  assert_int_equal(
      pcln_open(&t, made.bytes, made.funcdata, &made.options, NULL), PCLN_OK);
  assert_int_equal(pcln_func_at(&t, SAMPLE_BETA, &f), PCLN_OK);
  f.pcln = (uint32_t)t.pctab.len;
  struct pcln_rows it;
  struct pcln_row row;
  pcln_rows_begin(&t, &f, &it);
  assert_int_equal(it.status, PCLN_CORRUPT);
  assert_int_equal(pcln_rows_next(&it, &row, 1), 1);
  assert_int_equal(row.line, -1);
  assert_true(row.file >= 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_say_what_lookups_say),
      cmocka_unit_test(rows_are_maximal),
      cmocka_unit_test(malformed_stream_says_nothing_from_there_on),
      cmocka_unit_test(runs_without_a_pc_are_stepped_over),
      cmocka_unit_test(stream_outside_of_pctab_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
