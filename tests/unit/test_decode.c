// SPDX-License-Identifier: Apache-2.0
//
// decode(encode(m)) is m, for random models in every layout, pointer size and
// byte order; and the decoder holds out against bytes that lie.
#include "bytes.h"
#include "failing_alloc.h"
#include "random_model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct {
  enum pcln_layout layout;
  struct random_shape shape;
} k_targets[] = {
    {PCLN_GO_120, {8, 1, false, true, 40}},
    {PCLN_GO_120, {8, 4, true, true, 40}},
    {PCLN_GO_120, {4, 1, false, true, 40}},
    {PCLN_GO_120, {4, 2, true, true, 40}},
    {PCLN_GO_118, {8, 1, false, false, 40}},
    {PCLN_GO_118, {8, 2, true, false, 40}},
    {PCLN_GO_118, {4, 4, false, false, 40}},
    {PCLN_GO_118, {4, 1, true, false, 40}},
};
enum { N_TARGETS = sizeof k_targets / sizeof *k_targets, N_SEEDS = 40 };

static void encode_model(const struct pcln_module *m, enum pcln_layout layout,
                         bool go_compat, uint8_t **bytes, size_t *len) {
  const struct pcln_encode_options o = {
      .layout = layout, .go_compat = go_compat, .threads = 1};
  assert_int_equal(pcln_encode(m, &o, NULL, bytes, len, NULL), PCLN_OK);
}

// Opens a copy of its own, so that a read past the end is seen.
static enum pcln_status decode_bytes(const uint8_t *bytes, size_t len,
                                     struct pcln_module *m,
                                     const struct pcln_sink *sink) {
  struct pcln_table t;
  pcln_module_init(m);
  const enum pcln_status st = pcln_open(&t, bytes, len, NULL, NULL);
  return st == PCLN_OK ? pcln_decode(&t, m, sink) : st;
}

static void print_report(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  print_message("%s: %s [%s]\n", r->func ? r->func : "", r->text, r->fault);
}
static const struct pcln_sink k_print = {.fn = print_report};

static void random_models_survive_encoding(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < N_TARGETS * N_SEEDS; seed++) {
    const size_t k = seed % N_TARGETS;
    struct random_model r;
    random_model_init(&r, seed, &k_targets[k].shape);
    uint8_t *bytes;
    size_t len;
    encode_model(&r.m, k_targets[k].layout, seed % 3 == 0, &bytes, &len);
    struct pcln_table t;
    assert_int_equal(pcln_open(&t, bytes, len, NULL, &k_print), PCLN_OK);
    assert_int_equal(pcln_verify(&t, &k_print), PCLN_OK);
    struct pcln_module back;
    assert_int_equal(decode_bytes(bytes, len, &back, &k_print), PCLN_OK);
    assert_true(pcln_module_equal(&r.m, &back));
    free(bytes);
    pcln_module_free(&back);
    random_model_free(&r);
  }
}

// A table of a fixed random model with all kinds of content.
static void sample(struct random_model *r, uint8_t **bytes, size_t *len) {
  const struct random_shape shape = {8, 1, false, true, 6};
  random_model_init(r, 14, &shape);
  assert_true(r->m.n_funcs > 3);
  encode_model(&r->m, PCLN_GO_120, false, bytes, len);
}

static void every_prefix_is_refused_or_decodes(void **state) {
  (void)state;
  struct random_model r;
  uint8_t *bytes;
  size_t len;
  sample(&r, &bytes, &len);
  for (size_t n = 0; n < len; n++) {
    uint8_t *copy = malloc(n ? n : 1); // of its own, so that overruns are seen
    memcpy(copy, bytes, n);
    struct pcln_module m;
    assert_int_not_equal(decode_bytes(copy, n, &m, NULL), PCLN_OK);
    pcln_module_free(&m);
    free(copy);
  }
  free(bytes);
  random_model_free(&r);
}

// A changed byte may mean another sound table, so nothing is said about the
// result; the sanitizers watch.
static void every_changed_byte_is_survived(void **state) {
  (void)state;
  struct random_model r;
  uint8_t *bytes;
  size_t len;
  sample(&r, &bytes, &len);
  size_t refused = 0;
  for (size_t i = 0; i < len; i++) {
    const uint8_t old = bytes[i];
    const uint8_t values[] = {0, 0xff, 0x7f, (uint8_t)(old + 1),
                              (uint8_t)(old ^ 0x80)};
    for (size_t k = 0; k < sizeof values; k++) {
      struct pcln_module m;
      bytes[i] = values[k];
      refused += decode_bytes(bytes, len, &m, NULL) != PCLN_OK;
      pcln_module_free(&m);
    }
    bytes[i] = old;
  }
  assert_true(refused > len / 10);
  free(bytes);
  random_model_free(&r);
}

struct seen {
  char fault[40];
};
static void note_fault(void *ctx, const struct pcln_report *r) {
  struct seen *seen = ctx;
  snprintf(seen->fault, sizeof seen->fault, "%s", r->fault);
}

// Two functions with a file and an inlined call each.
static void small_table(struct random_model *r, bool go_compat, uint8_t **bytes,
                        size_t *len) {
  static const char *files[] = {"a.c"};
  static struct pcln_cu_def cu = {files, 1};
  static struct pcln_inline_def in = {.name = "in"};
  *r = (struct random_model){0};
  pcln_module_init(&r->m);
  pcln_stream_init(&r->s, 1);
  r->m.cus = &cu;
  r->m.n_cus = 1;
  for (uint64_t va = 0x1000; va < 0x1020; va += 0x10) {
    struct pcln_func_def f = {.va = va, .size = 0x10, .name = "f"};
    f.pcfile = rnd_stream(r, 0x10, 1, 0, 1, NULL, 0);
    f.inlines = &in;
    f.n_inlines = 1;
    rnd_ok(pcln_func_set_pcdata(&f, PCLN_PCDATA_INLTREE,
                                rnd_stream(r, 0x10, 1, 0, 1, NULL, 0),
                                &r->m.arena));
    rnd_ok(pcln_module_add_func(&r->m, &f));
  }
  encode_model(&r->m, PCLN_GO_120, go_compat, bytes, len);
}

// Changing one word provokes each fault and no other, in tables with Go's
// inline trees and with compact ones.
static void faults_are_named(void **state) {
  (void)state;
  for (int compact = 0; compact < 2; compact++) {
    struct random_model r;
    uint8_t *bytes;
    size_t len;
    small_table(&r, !compact, &bytes, &len);
    struct pcln_table t;
    struct pcln_func f;
    assert_int_equal(pcln_open(&t, bytes, len, NULL, NULL), PCLN_OK);
    assert_int_equal(pcln_func_at(&t, 0, &f), PCLN_OK);
    assert_int_equal(t.callees.ptr != NULL, compact);
    const size_t functab = (size_t)(t.functab.ptr - bytes);
    const size_t rec = functab + f.rec_off;
    // Of three PCDATA and four FUNCDATA a packed record has the last ones.
    const size_t tree =
        rec + PCLN_GO120_FUNC_SIZE + (compact ? 4 : 3 * 4 + 3 * 4);
    const size_t funcdata = (size_t)(t.funcdata.ptr - bytes);
    const struct {
      size_t at;
      size_t value;
      const char *fault;
    } cases[] = {
        {functab + 4, t.functab.len, "record-bounds"},
        {functab + 8, 0, "func-order"},
        {rec + PCLN_GO_FUNC_PCFILE, t.pctab.len, "stream-malformed"},
        {rec + PCLN_GO_FUNC_PCFILE, t.pctab.len - 1, "stream-malformed"},
        {rec + PCLN_GO_FUNC_CU_OFFSET, 2, "file-number"},
        {tree, t.funcdata.len + 1, "funcdata-offset"},
        {tree, t.funcdata.len, "inline-bounds"},
        {compact ? (size_t)(t.callees.ptr - bytes) : funcdata + 4, t.names.len,
         "inline-name"},
        {compact ? funcdata : tree, 4, "inline-bounds"}, // the width's
        {compact ? funcdata + 1 : tree, compact ? 1 : 4, "inline-bounds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
      uint32_t old;
      const uint32_t value = (uint32_t)cases[i].value;
      struct seen seen = {{0}};
      const struct pcln_sink sink = {.fn = note_fault, .ctx = &seen};
      memcpy(&old, bytes + cases[i].at, 4);
      memcpy(bytes + cases[i].at, &value, 4);
      struct pcln_module m;
      assert_int_not_equal(decode_bytes(bytes, len, &m, &sink), PCLN_OK);
      assert_string_equal(seen.fault, cases[i].fault);
      memcpy(bytes + cases[i].at, &old, 4);
      pcln_module_free(&m);
    }
    free(bytes);
    random_model_free(&r);
  }
}

// Many entries that name one large record would claim memory that is the square
// of the table's size.
static void records_used_many_times_are_refused(void **state) {
  (void)state;
  enum { N = 20 };
  struct random_model r = {0};
  pcln_module_init(&r.m);
  pcln_stream_init(&r.s, 1);
  for (uint64_t i = 0; i < N; i++) {
    struct pcln_func_def f = {.va = 0x1000 + i, .size = 1, .name = "f"};
    if (i == 0)
      rnd_ok(pcln_func_set_pcdata(&f, 60, rnd_stream(&r, 1, 1, 0, 1, NULL, 0),
                                  &r.m.arena));
    rnd_ok(pcln_module_add_func(&r.m, &f));
  }
  uint8_t *bytes;
  size_t len;
  encode_model(&r.m, PCLN_GO_120, false, &bytes, &len);
  struct pcln_table t;
  assert_int_equal(pcln_open(&t, bytes, len, NULL, NULL), PCLN_OK);
  uint8_t *functab = bytes + (t.functab.ptr - bytes);
  for (size_t i = 1; i < N; i++)
    memcpy(functab + i * PCLN_GO_FUNCTAB_ENTRY + 4, functab + 4, 4);
  struct seen seen = {{0}};
  const struct pcln_sink sink = {.fn = note_fault, .ctx = &seen};
  struct pcln_module m;
  assert_int_equal(decode_bytes(bytes, len, &m, &sink), PCLN_CORRUPT);
  assert_string_equal(seen.fault, "record-overlap");
  pcln_module_free(&m);
  free(bytes);
  random_model_free(&r);
}

// A thousand functions with one long stream between them would keep a reader
// busy for the square of the table's size.
static void streams_used_too_often_are_refused(void **state) {
  (void)state;
  struct random_model r = {0};
  pcln_module_init(&r.m);
  pcln_stream_init(&r.s, 1);
  const struct pcln_span s = rnd_stream(&r, 100000, 50000, 0, 50, NULL, 0);
  for (uint64_t i = 0; i < 1000; i++) {
    const struct pcln_func_def f = {
        .va = 0x1000 + i, .size = 1, .name = "f", .pcln = s};
    rnd_ok(pcln_module_add_func(&r.m, &f));
  }
  uint8_t *bytes;
  size_t len;
  encode_model(&r.m, PCLN_GO_120, false, &bytes, &len);
  struct seen seen = {{0}};
  const struct pcln_sink sink = {.fn = note_fault, .ctx = &seen};
  struct pcln_module m;
  assert_int_equal(decode_bytes(bytes, len, &m, &sink), PCLN_LIMIT);
  assert_string_equal(seen.fault, "decode-budget");
  pcln_module_free(&m);
  free(bytes);
  random_model_free(&r);
}

static void every_failing_allocation_is_reported(void **state) {
  (void)state;
  struct random_model r;
  uint8_t *bytes;
  size_t len;
  sample(&r, &bytes, &len);
  const struct pcln_encode_options o = {.layout = PCLN_GO_118, .threads = 1};
  bool failed = true;
  for (long n = 0; failed; n++) {
    uint8_t *out = NULL;
    size_t out_len;
    failing_alloc_countdown = n;
    const enum pcln_status st =
        pcln_encode(&r.m, &o, NULL, &out, &out_len, NULL);
    failed = failing_alloc_countdown < 0;
    failing_alloc_countdown = -1;
    assert_int_equal(st, failed ? PCLN_NO_MEMORY : PCLN_OK);
    assert_true(!failed || !out);
    free(out);
  }
  failed = true;
  for (long n = 0; failed; n++) {
    struct pcln_module m;
    failing_alloc_countdown = n;
    const enum pcln_status st = decode_bytes(bytes, len, &m, NULL);
    failed = failing_alloc_countdown < 0;
    failing_alloc_countdown = -1;
    assert_int_equal(st, failed ? PCLN_NO_MEMORY : PCLN_OK);
    pcln_module_free(&m);
  }
  free(bytes);
  random_model_free(&r);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_models_survive_encoding),
      cmocka_unit_test(every_prefix_is_refused_or_decodes),
      cmocka_unit_test(every_changed_byte_is_survived),
      cmocka_unit_test(faults_are_named),
      cmocka_unit_test(records_used_many_times_are_refused),
      cmocka_unit_test(streams_used_too_often_are_refused),
      cmocka_unit_test(every_failing_allocation_is_reported),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
