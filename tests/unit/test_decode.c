// SPDX-License-Identifier: Apache-2.0
//
// decode(encode(m)) is m, for random models in every layout, pointer size and
// byte order; and the decoder holds out against bytes that lie.
#include "bytes.h"
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
    struct pcln_module back;
    assert_int_equal(decode_bytes(bytes, len, &back, &k_print), PCLN_OK);
    assert_true(pcln_module_equal(&r.m, &back));
    free(bytes);
    pcln_module_free(&back);
    random_model_free(&r);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(random_models_survive_encoding),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
