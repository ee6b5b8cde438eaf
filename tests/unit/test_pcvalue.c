// SPDX-License-Identifier: Apache-2.0
#include "bytes.h"
#include "sample_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// A table of nothing but pctab bytes, and a function at 0x1000.
static struct pcln_table stream_table(const uint8_t *pctab, size_t len) {
  return (struct pcln_table){
      .layout = PCLN_GO_120, .quantum = 1, .pctab = {pctab, len}};
}
static const struct pcln_func at_1000 = {.entry = 0x1000};

// formats.md gives this sample, checked there on a real Go binary.
static void pcvalue_decodes_the_documented_stream(void **state) {
  (void)state;
  static const uint8_t bytes[] = {0, 2, 14, 96, 116, 95, 1, 0};
  static const struct pcln_run want[] = {
      {0, 14, 0}, {14, 130, 48}, {130, 131, 0}};
  const struct pcln_table t = stream_table(bytes, sizeof bytes);
  struct pcln_run_iter it;
  struct pcln_run run;
  pcln_runs_begin(&t, 1, &it);
  for (size_t i = 0; i < 3; i++) {
    assert_true(pcln_runs_next(&it, &run));
    assert_memory_equal(&run, &want[i], sizeof run);
    for (uint64_t pc = run.lo; pc < run.hi; pc++) {
      struct pcln_run found;
      assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1000 + pc, &found),
                       PCLN_OK);
      assert_memory_equal(&found, &want[i], sizeof found);
    }
  }
  assert_false(pcln_runs_next(&it, &run));
  assert_int_equal(it.status, PCLN_OK);
  assert_false(pcln_runs_next(&it, &run));
  assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1000 + 131, &run),
                   PCLN_NOT_FOUND);
  assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0xfff, &run),
                   PCLN_NOT_FOUND);
  assert_int_equal(pcln_stream_find(&t, &at_1000, 1, UINT64_MAX, &run),
                   PCLN_NOT_FOUND);
  assert_int_equal(pcln_stream_find(&t, &at_1000, 0, 0x1000, &run),
                   PCLN_NOT_FOUND);
  assert_int_equal(pcln_stream_find(&t, &at_1000, sizeof bytes, 0x1000, &run),
                   PCLN_CORRUPT);
}

static void pcvalue_takes_a_first_value_of_minus_one(void **state) {
  (void)state;
  static const uint8_t bytes[] = {0, 0, 4, 2, 4, 0};
  const struct pcln_table t = stream_table(bytes, sizeof bytes);
  struct pcln_run run;
  assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1003, &run), PCLN_OK);
  assert_int_equal(run.value, -1);
  assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1004, &run), PCLN_OK);
  assert_int_equal(run.value, 0);
  assert_int_equal(run.lo, 4);
  assert_int_equal(run.hi, 8);
}

// What is looked up lies behind the fault.
static void pcvalue_rejects_malformed_streams(void **state) {
  (void)state;
  static const struct {
    const char *what;
    uint8_t bytes[16];
    size_t len;
  } cases[] = {
      {"no terminator", {0, 2, 4}, 3},
      {"cut before the pc", {0, 2, 4, 2}, 4},
      {"cut in a value", {0, 2, 4, 0x82}, 4},
      {"cut in a pc", {0, 2, 4, 2, 0x82}, 5},
      {"pc delta 0 at first", {0, 2, 0, 2, 9, 0}, 6},
      {"pc delta 0 later", {0, 2, 4, 2, 0, 2, 9, 0}, 8},
      {"varint of six bytes", {0, 2, 0x84, 0x80, 0x80, 0x80, 0x80, 0, 0}, 9},
      {"pc beyond 32 bits",
       {0, 2, 4, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 2, 9, 0},
       12},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pcln_table t = stream_table(cases[i].bytes, cases[i].len);
    struct pcln_run run;
    struct pcln_run_iter it;
    t.ours = true; // Go's tables have runs without a pc
    if (pcln_stream_find(&t, &at_1000, 1, 0x1000 + 5, &run) != PCLN_CORRUPT)
      fail_msg("find accepts: %s", cases[i].what);
    pcln_runs_begin(&t, 1, &it);
    while (pcln_runs_next(&it, &run))
      ;
    if (it.status != PCLN_CORRUPT)
      fail_msg("walk accepts: %s", cases[i].what);
  }
}

// math.expAsm for s390x has them. Before a run without a pc at the entry, a 0
// does not end the stream, since Go takes every pair there for the first.
static void pcvalue_steps_over_runs_without_a_pc(void **state) {
  (void)state;
  static const uint8_t bytes[] = {0, 4, 0, 0, 4, 2, 0, 2, 9, 0};
  const struct pcln_table t = stream_table(bytes, sizeof bytes);
  struct pcln_run run;
  struct pcln_run_iter it;
  pcln_runs_begin(&t, 1, &it);
  assert_true(pcln_runs_next(&it, &run));
  assert_int_equal(run.hi, 4);
  assert_int_equal(run.value, 1);
  assert_true(pcln_runs_next(&it, &run));
  assert_int_equal(run.lo, 4);
  assert_int_equal(run.hi, 13);
  assert_int_equal(run.value, 3);
  assert_false(pcln_runs_next(&it, &run));
  assert_int_equal(it.status, PCLN_OK);
  assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1004, &run), PCLN_OK);
  assert_int_equal(run.value, 3);
}

// Found by fuzzing: where a run of several quanta ended behind all pcs, lookups
// and rows went by its value and the walk said that there was none.
static void pcvalue_ends_a_run_at_the_last_pc(void **state) {
  (void)state;
  // 5 from the entry, 7 from 0x10 on, for 0x7fffffff quanta
  static const uint8_t bytes[] = {0,    12,   4,    4, 0xff, 0xff,
                                  0xff, 0xff, 0x07, 2, 1,    0};
  struct pcln_table t = stream_table(bytes, sizeof bytes);
  t.quantum = 4;
  struct pcln_run run;
  struct pcln_run_iter it;
  pcln_runs_begin(&t, 1, &it);
  assert_true(pcln_runs_next(&it, &run));
  assert_int_equal(run.hi, 0x10);
  assert_true(pcln_runs_next(&it, &run));
  assert_int_equal(run.lo, 0x10);
  assert_int_equal(run.hi, UINT32_MAX);
  assert_int_equal(run.value, 7);
  assert_false(pcln_runs_next(&it, &run));
  assert_int_equal(it.status, PCLN_CORRUPT);
  struct pcln_run found;
  assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1000 + 0x20, &found),
                   PCLN_OK);
  assert_memory_equal(&found, &run, sizeof run);
}

// A zero that is written with more bytes than it needs ends a stream as well,
// for those who walk it and for those who look something up in it.
static void pcvalue_ends_at_a_long_zero(void **state) {
  (void)state;
  static const uint8_t bytes[] = {0, 2, 4, 0x80, 0, 2, 2, 2, 2, 2, 2, 0};
  const struct pcln_table t = stream_table(bytes, sizeof bytes);
  struct pcln_run run;
  struct pcln_run_iter it;
  pcln_runs_begin(&t, 1, &it);
  assert_true(pcln_runs_next(&it, &run));
  assert_false(pcln_runs_next(&it, &run));
  assert_int_equal(it.status, PCLN_OK);
  assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1005, &run),
                   PCLN_NOT_FOUND);
}

// A plain decoder for the fast one to agree with: random runs of all sizes.
static void pcvalue_finds_every_pc_of_random_streams(void **state) {
  (void)state;
  static uint8_t bytes[1 << 12];
  srand(20);
  for (int round = 0; round < 400; round++) {
    struct pcln_run want[64];
    const uint32_t q = 1u << (rand() % 3);
    const size_t n = (size_t)rand() % 60 + 1;
    const int wide = rand() % 3;
    size_t len = 1;
    uint32_t pc = 0;
    int32_t value = -1;
    for (size_t i = 0; i < n; i++) {
      int32_t delta = wide ? rand() % 300 - 150 : rand() % 128 - 64;
      if (delta == 0)
        delta = i ? 1 : 0;
      if (rand() % 40 == 0)
        delta = (int32_t)((uint32_t)rand() << 1 | 1);
      const uint32_t span = 1 + (uint32_t)rand() % (rand() % 5 ? 40 : 300);
      len += pcln_put_varint32(bytes + len, pcln_zigzag(delta));
      len += pcln_put_varint32(bytes + len, span);
      value = (int32_t)((uint32_t)value + (uint32_t)delta);
      want[i] = (struct pcln_run){pc * q, (pc + span) * q, value};
      pc += span;
    }
    bytes[len++] = 0;
    uint8_t *copy = malloc(len); // the bound is exact, for sanitizers
    memcpy(copy, bytes, len);
    struct pcln_table t = stream_table(copy, len);
    t.quantum = (uint8_t)q;
    size_t k = 0;
    struct pcln_run run;
    for (uint32_t x = 0; x < pc * q; x++) {
      while (want[k].hi <= x)
        k++;
      assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1000 + x, &run),
                       PCLN_OK);
      assert_memory_equal(&run, &want[k], sizeof run);
    }
    assert_int_equal(pcln_stream_find(&t, &at_1000, 1, 0x1000 + pc * q, &run),
                     PCLN_NOT_FOUND);
    free(copy);
  }
}

static void check_delta(const struct make_spec *s, struct made *m,
                        const struct pcln_table *t) {
  (void)s;
  (void)m;
  struct pcln_func f;
  assert_int_equal(pcln_func_at(t, SAMPLE_DELTA, &f), PCLN_OK);
  for (uint32_t off = 0; off < f.end - f.entry; off++) {
    struct pcln_run run;
    assert_int_equal(pcln_stream_find(t, &f, f.pcln, f.entry + off, &run),
                     PCLN_OK);
    assert_int_equal(run.value, sample_delta_line(off));
    assert_int_equal(run.lo, off / SAMPLE_DELTA_RUN * SAMPLE_DELTA_RUN);
    assert_int_equal(run.hi, run.lo + SAMPLE_DELTA_RUN);
  }
}

static void stream_find_is_right_in_long_streams(void **state) {
  (void)state;
  sample_for_each(check_delta);
}

// A checkpoint with a value of its own shows that it is used.
static void stream_find_starts_at_checkpoints(void **state) {
  (void)state;
  static struct made made;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  struct pcln_table t;
  struct pcln_func f;
  struct pcln_run run;
  make_table(&s, &made);
  assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_func_at(&t, SAMPLE_DELTA, &f), PCLN_OK);
  const size_t entries =
      made.checkpoints[SAMPLE_DELTA] + 4 + PCLN_CHECKPOINT_STREAM;
  const size_t third = entries + 2 * PCLN_CHECKPOINT_ENTRY;
  const uint32_t at = pcln_load32(made.bytes + third, false);
  make_patch(&made, third + 8, 4,
             pcln_load32(made.bytes + third + 8, false) + 7);
  assert_int_equal(pcln_stream_find(&t, &f, f.pcln, f.entry + at, &run),
                   PCLN_OK);
  assert_int_equal(run.value, sample_delta_line(at) + 7);
  assert_int_equal(run.lo, at);
  assert_int_equal(pcln_stream_find(&t, &f, f.pcln, f.entry + at - 1, &run),
                   PCLN_OK);
  assert_int_equal(run.value, sample_delta_line(at - 1));
}

static void pcdata_at_gives_minus_one_where_nothing_is_said(void **state) {
  (void)state;
  static struct made made;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  struct pcln_table t;
  struct pcln_func f;
  make_table(&s, &made);
  assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_func_at(&t, SAMPLE_ALPHA, &f), PCLN_OK);
  static const struct {
    uint32_t index, off;
    int32_t want;
  } cases[] = {
      {PCLN_PCDATA_INLTREE, 0x07, -1},
      {PCLN_PCDATA_INLTREE, 0x08, 0},
      {PCLN_PCDATA_INLTREE, 0x10, 1},
      {PCLN_PCDATA_INLTREE, 0x20, -1},
      {PCLN_PCDATA_STACKMAP, 0x10, -1},
      {PCLN_PCDATA_UNWIND, 0x10, -1},
      {1000, 0x10, -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int32_t value = 99;
    assert_int_equal(
        pcln_pcdata_at(&t, &f, cases[i].index, f.entry + cases[i].off, &value),
        PCLN_OK);
    assert_int_equal(value, cases[i].want);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pcvalue_decodes_the_documented_stream),
      cmocka_unit_test(pcvalue_takes_a_first_value_of_minus_one),
      cmocka_unit_test(pcvalue_rejects_malformed_streams),
      cmocka_unit_test(pcvalue_steps_over_runs_without_a_pc),
      cmocka_unit_test(pcvalue_ends_at_a_long_zero),
      cmocka_unit_test(pcvalue_ends_a_run_at_the_last_pc),
      cmocka_unit_test(pcvalue_finds_every_pc_of_random_streams),
      cmocka_unit_test(stream_find_is_right_in_long_streams),
      cmocka_unit_test(stream_find_starts_at_checkpoints),
      cmocka_unit_test(pcdata_at_gives_minus_one_where_nothing_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
