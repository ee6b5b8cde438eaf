// SPDX-License-Identifier: Apache-2.0
#include "sample_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct made made; // too large for the stack

static struct pcln_table open_made(void) {
  struct pcln_table t;
  assert_int_equal(pcln_open(&t, made.bytes,
                             made.ours ? made.len : made.funcdata,
                             &made.options, NULL),
                   PCLN_OK);
  return t;
}

// --- Opening ----------------------------------------------------------------

static void check_open(const struct make_spec *s, struct made *m,
                       const struct pcln_table *t) {
  assert_int_equal(t->layout, s->layout);
  assert_int_equal(t->ptr_size, s->ptr_size);
  assert_int_equal(t->quantum, s->quantum);
  assert_int_equal(t->swap, s->big_endian);
  assert_int_equal(t->ours, s->ours);
  assert_int_equal(t->n_funcs, SAMPLE_N);
  assert_int_equal(t->text_start, SAMPLE_TEXT);
  assert_int_equal(t->text_len, SAMPLE_TEXT_LEN);
  if (!s->ours)
    return;
  assert_int_equal(t->machine, SAMPLE_MACHINE);
  assert_int_equal(t->header_va, SAMPLE_TEXT + 0x100000);
  assert_int_equal(t->blob.len, m->len);
  assert_int_equal(t->build_id.len, 3);
  assert_memory_equal(t->build_id.ptr, "\1\2\3", 3);
  assert_int_equal(t->rules.len, 3 * PCLN_RULE_SIZE);
}

static void open_reads_every_layout(void **state) {
  (void)state;
  sample_for_each(check_open);
}

static void open_takes_text_start_from_caller(void **state) {
  (void)state;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, false);
  struct pcln_table t;
  make_table(&s, &made);
  made.options.text_start = 0x7f0000;
  t = open_made();
  assert_int_equal(t.text_start, 0x7f0000);
  assert_int_equal(pcln_open(&t, made.bytes, made.funcdata, NULL, NULL),
                   PCLN_OK);
  assert_int_equal(t.text_start, SAMPLE_TEXT);
}

// The magic is overwritten; everything else says the same as before.
static void check_forced(const struct make_spec *s, struct made *m,
                         const struct pcln_table *t) {
  struct pcln_open_options o = m->options;
  struct pcln_table forced;
  const size_t len = s->ours ? m->len : m->funcdata;
  make_patch(m, m->pclntab, 4, 0x12345678);
  o.force_layout = true;
  o.layout = s->layout;
  assert_int_equal(pcln_open(&forced, m->bytes, len, &o, NULL), PCLN_OK);
  assert_int_equal(forced.layout, t->layout);
  assert_int_equal(forced.swap, t->swap);
  assert_int_equal(forced.n_funcs, t->n_funcs);
  assert_int_equal(forced.text_start, t->text_start);
  assert_int_equal(forced.text_len, t->text_len);
  assert_ptr_equal(forced.functab.ptr, t->functab.ptr);
}

static void open_takes_layout_from_caller(void **state) {
  (void)state;
  sample_for_each(check_forced);
}

static void open_believes_the_caller_more_than_the_magic(void **state) {
  (void)state;
  const struct make_spec s = sample_spec(PCLN_GO_120, 4, 1, true, false);
  struct pcln_open_options o = {.force_layout = true, .layout = PCLN_GO_120};
  struct pcln_table t;
  make_table(&s, &made);
  make_patch(&made, 0, 4, PCLN_GO_MAGIC_118);
  assert_int_equal(pcln_open(&t, made.bytes, made.funcdata, &o, NULL), PCLN_OK);
  assert_int_equal(t.layout, PCLN_GO_120);
  assert_true(t.swap);
}

static void versions_have_layouts(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool known;
    enum pcln_layout layout;
    unsigned minor;
  } cases[] = {
      {"1.2", true, PCLN_GO_12, 2},        {"1.15", true, PCLN_GO_12, 15},
      {"go1.16.3", true, PCLN_GO_116, 16}, {"1.17rc1", true, PCLN_GO_116, 17},
      {"1.18", true, PCLN_GO_118, 18},     {"1.19", true, PCLN_GO_118, 19},
      {"1.20", true, PCLN_GO_120, 20},     {"go1.26.0", true, PCLN_GO_120, 26},
      {"1.1", false, PCLN_GO_12, 0},       {"1.", false, PCLN_GO_12, 0},
      {"2.3", false, PCLN_GO_12, 0},       {"", false, PCLN_GO_12, 0},
      {"go", false, PCLN_GO_12, 0},        {"latest", false, PCLN_GO_12, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    enum pcln_layout layout = PCLN_GO_12;
    unsigned minor = 0;
    assert_int_equal(pcln_layout_of_version(cases[i].text, &layout, &minor),
                     cases[i].known);
    assert_int_equal(layout, cases[i].layout);
    assert_int_equal(minor, cases[i].minor);
  }
}

struct last_fault {
  char name[32];
  int n;
};
static void keep_fault(void *ctx, const struct pcln_report *r) {
  struct last_fault *l = ctx;
  strncpy(l->name, r->fault, sizeof l->name - 1);
  l->n++;
}

// Each case damages one field of a sound table.
static void open_rejects_damaged_headers(void **state) {
  (void)state;
  enum { P = PCLN_MOD_SIZE, W = P + PCLN_GO_HDR_WORDS };
  static const struct {
    size_t at;
    unsigned size;
    uint64_t value;
    enum pcln_status want;
    const char *fault;
  } cases[] = {
      {0, 1, 'X', PCLN_NOT_FOUND, ""},
      {PCLN_MOD_VERSION, 2, 2, PCLN_UNSUPPORTED, ""},
      {PCLN_MOD_BLOB_LEN, 8, MAKE_MAX, PCLN_CORRUPT, "module-short"},
      {PCLN_MOD_BLOB_LEN, 8, 127, PCLN_CORRUPT, "module-short"},
      {PCLN_MOD_PCLNTAB, 4, 64, PCLN_CORRUPT, "module-part"},
      {PCLN_MOD_PCLNTAB + 4, 4, 0xfffffff0, PCLN_CORRUPT, "module-part"},
      {PCLN_MOD_FUNCDATA, 4, MAKE_MAX, PCLN_CORRUPT, "module-part"},
      {PCLN_MOD_RULES + 4, 4, 0x10000, PCLN_CORRUPT, "module-part"},
      {PCLN_MOD_BUILD_ID_LEN, 4, 33, PCLN_CORRUPT, "module-build-id"},
      {PCLN_MOD_PTRSIZE, 1, 4, PCLN_CORRUPT, "header-fields"},
      {P, 4, 0xfffffff2, PCLN_CORRUPT, "header-magic"},
      {P, 4, 0xf1ffffff, PCLN_CORRUPT, "header-magic"},
      {P, 4, 0xfffffffb, PCLN_CORRUPT, "module-layout"},
      {P, 4, 0xfffffffa, PCLN_CORRUPT, "module-layout"},
      {P + 4, 1, 1, PCLN_CORRUPT, "header-fields"},
      {P + 5, 1, 1, PCLN_CORRUPT, "header-fields"},
      {P + 6, 1, 3, PCLN_CORRUPT, "header-fields"},
      {P + 7, 1, 2, PCLN_CORRUPT, "header-fields"},
      {PCLN_MOD_PCLNTAB + 4, 4, 7, PCLN_CORRUPT, "header-short"},
      {PCLN_MOD_PCLNTAB + 4, 4, 71, PCLN_CORRUPT, "header-short"},
      {W + 3 * 8, 8, 71, PCLN_CORRUPT, "header-order"},
      {W + 4 * 8, 8, 72, PCLN_CORRUPT, "header-order"},
      {W + 7 * 8, 8, MAKE_MAX, PCLN_CORRUPT, "header-order"},
      {W, 8, 4000, PCLN_CORRUPT, "functab-bounds"},
      {W, 8, UINT64_MAX, PCLN_CORRUPT, "functab-bounds"},
  };
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make_table(&s, &made);
    make_patch(&made, cases[i].at, cases[i].size, cases[i].value);
    struct last_fault last = {.n = 0};
    struct pcln_table t;
    const struct pcln_sink sink = {keep_fault, &last};
    assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, &sink),
                     cases[i].want);
    assert_string_equal(last.name, cases[i].fault);
    assert_int_equal(last.n, *cases[i].fault != 0);
  }
}

// --- Functions --------------------------------------------------------------

static void check_functions(const struct make_spec *s, struct made *m,
                            const struct pcln_table *t) {
  (void)m;
  struct pcln_table moved = *t;
  moved.text_start += 0x10000; // a load bias
  for (uint32_t i = 0; i < SAMPLE_N; i++) {
    const struct make_func *want = &s->funcs[i];
    const uint64_t lo = want->off;
    const uint64_t hi = i + 1 < SAMPLE_N ? want[1].off : SAMPLE_TEXT_LEN;
    struct pcln_func f;
    for (uint64_t off = lo; off < hi; off++) {
      assert_int_equal(pcln_find_func(&moved, moved.text_start + off, &f),
                       PCLN_OK);
      assert_int_equal(f.idx, i);
      assert_int_equal(f.entry, moved.text_start + lo);
      assert_int_equal(f.end, moved.text_start + hi);
    }
    assert_int_equal(pcln_func_at(t, i, &f), PCLN_OK);
    assert_int_equal(f.entry, t->text_start + lo);
    assert_int_equal(f.hole, !want->name);
    assert_string_equal(f.name, want->name ? want->name : "");
    assert_int_equal(f.args, want->args);
    assert_int_equal(f.deferreturn, want->deferreturn);
    assert_int_equal(f.func_id, want->func_id);
    assert_int_equal(f.flags, want->flags);
    assert_int_equal(f.start_line,
                     t->layout == PCLN_GO_120 ? want->start_line : 0);
  }
  struct pcln_func f;
  assert_int_equal(pcln_func_at(t, SAMPLE_N, &f), PCLN_NOT_FOUND);
  assert_int_equal(pcln_find_func(t, t->text_start - 1, &f), PCLN_NOT_FOUND);
  assert_int_equal(pcln_find_func(t, t->text_start + SAMPLE_TEXT_LEN, &f),
                   PCLN_NOT_FOUND);
}

static void find_func_is_right_for_every_pc(void **state) {
  (void)state;
  sample_for_each(check_functions);
}

static void check_without_findfunctab(const struct make_spec *s, struct made *m,
                                      const struct pcln_table *t) {
  struct pcln_table bare = *t;
  bare.findfunctab = (struct pcln_span){0};
  check_functions(s, m, &bare);
}

static void find_func_needs_no_findfunctab(void **state) {
  (void)state;
  sample_for_each(check_without_findfunctab);
}

// Makes every record of findfunctab {idx; sub, sub, ...}.
static void fill_findfunctab(uint32_t idx, uint8_t sub) {
  for (size_t i = 0; i < made.findfunctab_len; i++)
    if (i % PCLN_FINDFUNC_RECORD == 0)
      make_patch(&made, made.findfunctab + i, 4, idx);
    else if (i % PCLN_FINDFUNC_RECORD >= 4)
      made.bytes[made.findfunctab + i] = sub;
}

// Whatever findfunctab says, functab decides: hints that are too early, too
// late, behind the last function, and tables that end too soon.
static void find_func_survives_lying_findfunctab(void **state) {
  (void)state;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  make_table(&s, &made);
  const struct pcln_table t = open_made();
  static const uint32_t idx[] = {0, 1, 2, 3, 5, 6, 0xffffffff};
  static const uint8_t sub[] = {0, 1, 3, 5, 255};
  for (size_t i = 0; i < sizeof idx / sizeof *idx; i++)
    for (size_t k = 0; k < sizeof sub; k++) {
      fill_findfunctab(idx[i], sub[k]);
      check_functions(&s, &made, &t);
      struct pcln_table cut = t;
      cut.findfunctab.len = (i * 7 + k) % made.findfunctab_len;
      check_functions(&s, &made, &cut);
    }
}

// Hundreds of one-byte functions in a bucket: more than one byte of findfunctab
// can count, and more than the walk takes.
static void find_func_finds_tiny_functions(void **state) {
  (void)state;
  enum { N = 600 };
  static struct make_func funcs[N];
  for (uint32_t i = 0; i < N; i++)
    funcs[i] = (struct make_func){.off = i, .name = "f"};
  struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  s.funcs = funcs;
  s.n_funcs = N;
  s.text_len = N;
  make_table(&s, &made);
  const struct pcln_table t = open_made();
  for (uint32_t i = 0; i < N; i++) {
    struct pcln_func f;
    assert_int_equal(pcln_find_func(&t, t.text_start + i, &f), PCLN_OK);
    assert_int_equal(f.idx, i);
  }
}

static void find_func_rejects_damaged_records(void **state) {
  (void)state;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  static const struct {
    size_t functab_at, rec_at;
    uint64_t value;
  } cases[] = {
      {8 * SAMPLE_BETA + 4, 0, 0xfffffff0},  // record outside
      {8 * SAMPLE_BETA + 4, 0, 0x10000},     // the same, near
      {8 * (SAMPLE_BETA + 1), 0, 0x3c},      // ends before its entry
      {0, PCLN_GO_FUNC_NAME_OFF, 0xffffff},  // name outside
      {0, PCLN_GO_FUNC_NPCDATA, 0x3fffffff}, // streams outside
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    make_table(&s, &made);
    make_patch(&made,
               cases[i].rec_at ? made.rec[SAMPLE_BETA] + cases[i].rec_at
                               : made.functab + cases[i].functab_at,
               4, cases[i].value);
    const struct pcln_table t = open_made();
    struct pcln_func f;
    assert_int_equal(pcln_func_at(&t, SAMPLE_BETA, &f), PCLN_CORRUPT);
  }
}

// --- Files and funcdata -----------------------------------------------------

static void check_files(const struct make_spec *s, struct made *m,
                        const struct pcln_table *t) {
  (void)m;
  struct pcln_func f;
  const int32_t base = s->layout == PCLN_GO_12;
  assert_int_equal(pcln_func_at(t, SAMPLE_ALPHA, &f), PCLN_OK);
  assert_string_equal(pcln_file_name(t, &f, base), "/src/a.c");
  assert_string_equal(pcln_file_name(t, &f, base + 1), "/src/b.h");
  assert_null(pcln_file_name(t, &f, base + 2)); // dropped file
  assert_null(pcln_file_name(t, &f, base - 1));
  assert_null(pcln_file_name(t, &f, 1 << 20));
  assert_null(pcln_file_name(t, &f, INT32_MAX));
  assert_null(pcln_file_name(t, &f, INT32_MIN));
}

static void file_name_knows_every_layout(void **state) {
  (void)state;
  sample_for_each(check_files);
}

static void check_funcdata(const struct make_spec *s, struct made *m,
                           const struct pcln_table *t) {
  struct pcln_func f;
  struct pcln_span span;
  const uint32_t tree = s->layout == PCLN_GO_12 ? 4 : PCLN_FUNCDATA_INLTREE;
  assert_int_equal(pcln_func_at(t, SAMPLE_ALPHA, &f), PCLN_OK);
  assert_int_equal(pcln_funcdata(t, &f, tree, &span), PCLN_OK);
  assert_ptr_equal(span.ptr, m->bytes + m->tree[SAMPLE_ALPHA]);
  assert_ptr_equal(span.ptr + span.len,
                   m->bytes + m->funcdata + m->funcdata_len);
  assert_int_equal(pcln_funcdata(t, &f, tree - 1, &span), PCLN_NOT_FOUND);
  assert_int_equal(pcln_funcdata(t, &f, 100, &span), PCLN_NOT_FOUND);
  struct pcln_table without = *t;
  without.funcdata = (struct pcln_span){0};
  assert_int_equal(pcln_funcdata(&without, &f, tree, &span), PCLN_NOT_FOUND);
}

static void funcdata_knows_every_layout(void **state) {
  (void)state;
  sample_for_each(check_funcdata);
}

// --- Hostile bytes ----------------------------------------------------------

// Everything that can be asked of a table, whatever it answers.
static void ask_everything(const uint8_t *bytes, size_t len) {
  struct pcln_table t;
  if (pcln_open(&t, bytes, len, NULL, NULL) != PCLN_OK)
    return;
  for (uint32_t i = 0; i < t.n_funcs && i < 8; i++) {
    struct pcln_func f;
    if (pcln_func_at(&t, i, &f) != PCLN_OK)
      continue;
    for (uint32_t k = 0; k < 9; k++) {
      struct pcln_span span;
      if (pcln_funcdata(&t, &f, k, &span) == PCLN_OK && span.len)
        assert_true(span.ptr[span.len - 1] <= 255);
    }
  }
  for (uint64_t off = 0; off < SAMPLE_TEXT_LEN; off += off < 0x60 ? 4 : 0x1c4) {
    struct pcln_frame_iter it;
    struct pcln_frame frame;
    struct pcln_rule rule;
    size_t chars = 0;
    if (pcln_frames_begin(&t, t.text_start + off, &it) != PCLN_OK)
      continue;
    const struct pcln_func f = it.func;
    while (pcln_frames_next(&it, &frame))
      chars += strlen(frame.func) + (frame.file ? strlen(frame.file) : 0);
    assert_true(chars < (1 << 24));
    if (pcln_rule_at(&t, &f, t.text_start + off, &rule, NULL) != PCLN_OK)
      continue;
  }
  const enum pcln_status status = pcln_verify(&t, NULL);
  assert_true(status == PCLN_OK || status == PCLN_CORRUPT);
}

// The copy ends at the end of its allocation, so that a sanitizer sees the
// first byte read behind it.
static void ask_copy(const uint8_t *bytes, size_t len) {
  uint8_t *copy = malloc(len ? len : 1);
  memcpy(copy, bytes, len);
  ask_everything(copy, len);
  free(copy);
}

static void every_prefix_is_survived(void **state) {
  (void)state;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  make_table(&s, &made);
  for (size_t len = 0; len < made.len; len++) {
    ask_copy(made.bytes, len);
    const uint64_t whole = made.len;
    make_patch(&made, PCLN_MOD_BLOB_LEN, 8, len); // past the first check
    ask_copy(made.bytes, len);
    make_patch(&made, PCLN_MOD_BLOB_LEN, 8, whole);
  }
  const struct make_spec bare = sample_spec(PCLN_GO_12, 4, 4, true, false);
  make_table(&bare, &made);
  for (size_t len = 0; len < made.len; len++)
    ask_copy(made.bytes, len);
}

static void every_changed_byte_is_survived(void **state) {
  (void)state;
  static const uint8_t flips[] = {0x01, 0x80, 0xff};
  static const enum pcln_layout layouts[] = {PCLN_GO_120, PCLN_GO_118,
                                             PCLN_GO_116, PCLN_GO_12};
  for (size_t l = 0; l < 4; l++) {
    const struct make_spec s =
        sample_spec(layouts[l], 8, 1, false, layouts[l] >= PCLN_GO_118);
    make_table(&s, &made);
    for (size_t i = 0; i < made.len; i++)
      for (size_t k = 0; k < sizeof flips; k++) {
        made.bytes[i] ^= flips[k];
        ask_copy(made.bytes, made.len);
        made.bytes[i] ^= flips[k];
      }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(open_reads_every_layout),
      cmocka_unit_test(open_takes_text_start_from_caller),
      cmocka_unit_test(open_takes_layout_from_caller),
      cmocka_unit_test(open_believes_the_caller_more_than_the_magic),
      cmocka_unit_test(versions_have_layouts),
      cmocka_unit_test(open_rejects_damaged_headers),
      cmocka_unit_test(find_func_is_right_for_every_pc),
      cmocka_unit_test(find_func_needs_no_findfunctab),
      cmocka_unit_test(find_func_survives_lying_findfunctab),
      cmocka_unit_test(find_func_finds_tiny_functions),
      cmocka_unit_test(find_func_rejects_damaged_records),
      cmocka_unit_test(file_name_knows_every_layout),
      cmocka_unit_test(funcdata_knows_every_layout),
      cmocka_unit_test(every_prefix_is_survived),
      cmocka_unit_test(every_changed_byte_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
