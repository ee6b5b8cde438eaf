// SPDX-License-Identifier: Apache-2.0
#include "scan.h"
#include "table_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// --- A table that is large enough to prove itself ---------------------------

enum { N = 60, JUNK = 4096 };

static struct made made; // too large for the stack
static uint8_t file[JUNK + MAKE_MAX];
static char names[N][24];
static struct make_run runs[N][3][4];
static struct make_func funcs[N];

// No two sizes alike, so that no function's streams fit another.
static uint32_t func_off(size_t i) {
  return (uint32_t)(i * 0x200 + 4 * ((i * i * 7 + i * 3) % 90));
}

static struct make_spec large_spec(enum pcln_layout layout, unsigned ptr_size,
                                   unsigned quantum, bool big_endian) {
  static const char *const files[] = {"/src/a.go", "/src/pkg/b.go",
                                      "/src/pkg/long/c.go", NULL};
  const int32_t base = layout == PCLN_GO_12; // where file numbers begin
  for (size_t i = 0; i < N; i++) {
    const uint32_t size = func_off(i + 1) - func_off(i) - (i % 3 ? 0 : 8);
    snprintf(names[i], sizeof names[i], "main.function%zu", i);
    memcpy(runs[i][0], (struct make_run[]){{8, 0}, {size - 4, 48}, {size, 0}},
           3 * sizeof(struct make_run));
    runs[i][1][0] = (struct make_run){size, base + (int32_t)(i % 3)};
    memcpy(runs[i][2], (struct make_run[]){{12, 10}, {40, 200}, {size, 11}},
           3 * sizeof(struct make_run));
    funcs[i] = (struct make_func){.off = func_off(i),
                                  .name = names[i],
                                  .pcsp = runs[i][0],
                                  .pcfile = runs[i][1],
                                  .pcln = runs[i][2],
                                  .n_pcdata = (uint32_t)(i % 4),
                                  .args = 8,
                                  .start_line = 9};
  }
  return (struct make_spec){.layout = layout,
                            .ptr_size = (uint8_t)ptr_size,
                            .quantum = (uint8_t)quantum,
                            .big_endian = big_endian,
                            .text_va = 0x401000,
                            .text_len = func_off(N),
                            .funcs = funcs,
                            .n_funcs = N,
                            .files = files};
}

static void each_shape(void (*fn)(const struct make_spec *)) {
  for (unsigned i = 0; i < 4 * 2 * 3 * 2; i++) {
    const struct make_spec s =
        large_spec((enum pcln_layout)(i % 4), i / 4 % 2 ? 8 : 4,
                   1u << (i / 8 % 3), i / 24);
    make_table(&s, &made);
    fn(&s);
  }
}

// The table behind bytes that are none, as it stands in a file.
static size_t put_in_file(void) {
  for (size_t i = 0; i < JUNK; i++)
    file[i] = (uint8_t)(i * 2654435761u >> 13);
  memcpy(file + JUNK, made.bytes, made.funcdata);
  return JUNK + made.funcdata;
}

static void check_same(const struct make_spec *s, const struct pcln_table *t,
                       const uint8_t *at) {
  struct pcln_table want;
  struct pcln_func f, g;
  assert_int_equal(pcln_open(&want, made.bytes, made.funcdata, NULL, NULL),
                   PCLN_OK);
  assert_int_equal(t->layout, s->layout);
  assert_int_equal(t->ptr_size, s->ptr_size);
  assert_int_equal(t->quantum, s->quantum);
  assert_int_equal(t->swap, s->big_endian);
  assert_int_equal(t->n_funcs, N);
  assert_int_equal(t->names.ptr - at, want.names.ptr - made.bytes);
  assert_int_equal(t->cutab.ptr - at, want.cutab.ptr - made.bytes);
  assert_int_equal(t->files.ptr - at, want.files.ptr - made.bytes);
  assert_int_equal(t->pctab.ptr - at, want.pctab.ptr - made.bytes);
  assert_int_equal(t->functab.ptr - at, want.functab.ptr - made.bytes);
  for (uint32_t i = 0; i < N; i++) {
    assert_int_equal(pcln_func_at(t, i, &f), PCLN_OK);
    assert_int_equal(pcln_func_at(&want, i, &g), PCLN_OK);
    assert_string_equal(f.name, names[i]);
    assert_int_equal(f.pcln, g.pcln);
    assert_string_equal(pcln_file_name(t, &f, runs[i][1][0].value),
                        pcln_file_name(&want, &g, runs[i][1][0].value));
  }
}

// --- Scanning ---------------------------------------------------------------

static void find_one(const struct make_spec *s) {
  struct pcln_scan scan;
  struct pcln_candidate c;
  pcln_scan_begin(&scan, file, put_in_file());
  assert_true(pcln_scan_next(&scan, &c));
  assert_int_equal(c.off, JUNK);
  assert_int_equal(c.failed, 0);
  assert_int_equal(c.confidence, 100);
  assert_false(c.repaired);
  check_same(s, &c.table, file + JUNK);
  assert_false(pcln_scan_next(&scan, &c));
}

static void scan_finds_every_shape(void **state) {
  (void)state;
  each_shape(find_one);
}

// Obfuscators overwrite the magic; the structure says what it was.
static void find_without_magic(const struct make_spec *s) {
  struct pcln_scan scan;
  struct pcln_candidate c;
  const size_t len = put_in_file();
  memcpy(file + JUNK, "\x12\x34\x56\x78", 4);
  pcln_scan_begin(&scan, file, len);
  assert_true(pcln_scan_next(&scan, &c));
  assert_int_equal(c.off, JUNK);
  assert_int_equal(c.failed, 1u << PCLN_CHECK_MAGIC);
  assert_in_range(c.confidence, 85, 99);
  assert_true(c.repaired);
  check_same(s, &c.table, file + JUNK);
}

static void scan_finds_tables_without_magic(void **state) {
  (void)state;
  each_shape(find_without_magic);
}

static void scan_of_noise_finds_nothing(void **state) {
  (void)state;
  struct pcln_scan scan;
  struct pcln_candidate c;
  uint32_t x = 1;
  for (size_t i = 0; i < sizeof file; i++)
    file[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
  for (size_t i = 0; i + 64 < sizeof file; i += 256) // hits everywhere
    memcpy(file + i, "\xf1\xff\xff\xff\0\0\1\10", 8);
  pcln_scan_begin(&scan, file, sizeof file);
  assert_false(pcln_scan_next(&scan, &c));
  memset(file, 0, sizeof file);
  pcln_scan_begin(&scan, file, sizeof file);
  assert_false(pcln_scan_next(&scan, &c));
  pcln_scan_begin(&scan, NULL, 0);
  assert_false(pcln_scan_next(&scan, &c));
}

static void checks_have_names(void **state) {
  (void)state;
  for (unsigned i = 0; i < PCLN_N_CHECKS; i++) {
    assert_true(strlen(pcln_check_name((enum pcln_check)i)) > 0);
    assert_true(strlen(pcln_check_text((enum pcln_check)i)) > 0);
  }
}

// --- Recovering -------------------------------------------------------------

struct faults {
  char names[256];
  int n;
};
static void keep_fault(void *ctx, const struct pcln_report *r) {
  struct faults *f = ctx;
  assert_int_equal(r->severity, PCLN_WARNING);
  strncat(f->names, r->fault, sizeof f->names - strlen(f->names) - 1);
  f->n++;
}

// Each word of the header and each of its fixed bytes is overwritten in turn.
static void recover_word(const struct make_spec *s) {
  static const uint8_t fills[] = {0, 0xff, 0x3b};
  const size_t words = s->layout == PCLN_GO_12    ? 1
                       : s->layout == PCLN_GO_116 ? 7
                                                  : 8;
  for (size_t i = 0; i < 3 * (3 + words); i++) {
    const size_t which = i / 3, p = s->ptr_size;
    const size_t at =
        which < 3 ? (size_t[]){0, 6, 7}[which] : 8 + (which - 3) * p;
    const size_t len = which == 0 ? 4 : which < 3 ? 1 : p;
    const bool told = !(s->layout >= PCLN_GO_118 && which == 3 + 2) &&
                      !(s->layout >= PCLN_GO_116 && which == 3 + 1);
    struct pcln_table t;
    struct faults faults = {.n = 0};
    const struct pcln_sink sink = {keep_fault, &faults};
    put_in_file();
    memset(file + JUNK + at, fills[i % 3], len);
    assert_int_equal(
        pcln_recover(&t, file + JUNK, made.funcdata, NULL, &sink, NULL),
        PCLN_OK);
    check_same(s, &t, file + JUNK);
    assert_int_equal(faults.n > 0, told);
  }
}

static void recover_finds_damaged_words_again(void **state) {
  (void)state;
  each_shape(recover_word);
}

// Whatever the length, what is inside is found, and nothing outside is read
// (under the sanitizers).
static void recover_prefix(const struct make_spec *s) {
  uint32_t last = 0;
  if (s->quantum != 1)
    return;
  for (size_t len = 0; len <= made.funcdata; len += 7) {
    struct pcln_table t;
    struct pcln_func f;
    uint8_t *exact = malloc(len ? len : 1);
    assert_non_null(exact);
    memcpy(exact, made.bytes, len);
    if (pcln_recover(&t, exact, len, NULL, NULL, NULL) == PCLN_OK) {
      uint32_t n = 0;
      for (uint32_t i = 0; i < t.n_funcs; i++)
        if (pcln_func_at(&t, i, &f) == PCLN_OK && strcmp(f.name, names[i]) == 0)
          n++;
      assert_true(n >= last);
      last = n;
    }
    free(exact);
  }
  assert_in_range(last, N - 2, N);
}

static void recover_takes_what_is_inside(void **state) {
  (void)state;
  each_shape(recover_prefix);
}

static void recover_survives_changed_bytes(void **state) {
  (void)state;
  const struct make_spec s = large_spec(PCLN_GO_120, 8, 1, false);
  make_table(&s, &made);
  for (size_t at = 0; at < made.funcdata; at++)
    for (unsigned bit = 0; bit < 8; bit += 7) {
      struct pcln_table t;
      struct pcln_func f;
      made.bytes[at] ^= (uint8_t)(1u << bit);
      assert_int_equal(
          pcln_recover(&t, made.bytes, made.funcdata, NULL, NULL, NULL),
          PCLN_OK);
      assert_in_range(t.n_funcs, 1, N + 8);
      for (uint32_t i = 0; i < t.n_funcs; i++)
        if (pcln_func_at(&t, i, &f) == PCLN_OK)
          assert_true(strlen(f.name) < sizeof made);
      made.bytes[at] ^= (uint8_t)(1u << bit);
    }
}

static void recover_believes_a_forced_layout(void **state) {
  (void)state;
  const struct make_spec s = large_spec(PCLN_GO_118, 8, 4, true);
  struct pcln_open_options o = {.force_layout = true, .layout = PCLN_GO_118};
  struct pcln_table t;
  make_table(&s, &made);
  memset(made.bytes, 0, PCLN_GO_HDR_WORDS);
  assert_int_equal(pcln_recover(&t, made.bytes, made.funcdata, &o, NULL, NULL),
                   PCLN_OK);
  put_in_file();
  assert_int_equal(t.quantum, 4);
  assert_true(t.swap);
  assert_int_equal(t.n_funcs, N);
  assert_int_equal(pcln_recover(&t, "no table here, only text in its place", 37,
                                &o, NULL, NULL),
                   PCLN_NOT_FOUND);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(scan_finds_every_shape),
      cmocka_unit_test(scan_finds_tables_without_magic),
      cmocka_unit_test(scan_of_noise_finds_nothing),
      cmocka_unit_test(checks_have_names),
      cmocka_unit_test(recover_finds_damaged_words_again),
      cmocka_unit_test(recover_takes_what_is_inside),
      cmocka_unit_test(recover_survives_changed_bytes),
      cmocka_unit_test(recover_believes_a_forced_layout),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
