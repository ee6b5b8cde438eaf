// SPDX-License-Identifier: Apache-2.0
//
// The encoder against the reader: what a table of known functions answers, what
// its bytes are, and what the encoder refuses.
#include "bytes.h"
#include "module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct pcln_encode_options k_plain = {.layout = PCLN_GO_120,
                                                   .threads = 1};

// A model under construction and the builder of its streams.
struct fixture {
  struct pcln_module m;
  struct pcln_stream s;
};

static void setup(struct fixture *x) {
  pcln_module_init(&x->m);
  x->m.machine = 62;
  pcln_stream_init(&x->s, 1);
}

static void teardown(struct fixture *x) {
  pcln_stream_free(&x->s);
  pcln_module_free(&x->m);
}

struct run {
  uint32_t end;
  int32_t value;
};

static struct pcln_span stream(struct fixture *x, const struct run *runs,
                               size_t n) {
  struct pcln_span out;
  pcln_stream_reset(&x->s);
  for (size_t i = 0; i < n; i++)
    pcln_stream_add(&x->s, runs[i].end, runs[i].value);
  assert_int_equal(pcln_stream_end(&x->s, &x->m.arena, &out), PCLN_OK);
  return out;
}
#define STREAM(x, ...)                                                         \
  stream(x, (const struct run[]){__VA_ARGS__},                                 \
         sizeof((const struct run[]){__VA_ARGS__}) / sizeof(struct run))

static struct pcln_func_def *add(struct fixture *x, uint64_t va, uint32_t size,
                                 const char *name) {
  const struct pcln_func_def f = {.va = va,
                                  .size = size,
                                  .cu = PCLN_NO_CU,
                                  .name = name,
                                  .args = PCLN_ARGS_UNKNOWN};
  assert_int_equal(pcln_module_add_func(&x->m, &f), PCLN_OK);
  return &x->m.funcs[x->m.n_funcs - 1];
}

// Encodes and opens; the caller frees *bytes.
static void encode(const struct pcln_module *m, struct pcln_table *t,
                   uint8_t **bytes) {
  size_t len;
  assert_int_equal(pcln_encode(m, &k_plain, NULL, bytes, &len, NULL), PCLN_OK);
  assert_int_equal(pcln_open(t, *bytes, len, NULL, NULL), PCLN_OK);
}

static void holes_are_found_between_functions(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  add(&x, 0x1000, 0x10, "a");
  add(&x, 0x1010, 0x0f, "b");
  add(&x, 0x1020, 0x01, "c");
  add(&x, 0x9000, 0x10, "d");
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x.m, &t, &bytes);
  const struct {
    uint64_t pc;
    const char *name; // null: a hole
  } cases[] = {{0x1000, "a"},  {0x100f, "a"},  {0x1010, "b"},
               {0x101e, "b"},  {0x101f, NULL}, {0x1020, "c"},
               {0x1021, NULL}, {0x8fff, NULL}, {0x900f, "d"}};
  struct pcln_func f;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(pcln_find_func(&t, cases[i].pc, &f), PCLN_OK);
    assert_int_equal(f.hole, cases[i].name == NULL);
    if (cases[i].name)
      assert_string_equal(f.name, cases[i].name);
  }
  assert_int_equal(pcln_find_func(&t, 0xfff, &f), PCLN_NOT_FOUND);
  assert_int_equal(pcln_find_func(&t, 0x9010, &f), PCLN_NOT_FOUND);
  free(bytes);
  teardown(&x);
}

static void lines_and_inlined_calls_are_read_back(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  const char *files[] = {"unused.h", "main.c", "inline.h"};
  struct pcln_cu_def cu = {.files = files, .n_files = 3};
  x.m.cus = &cu;
  x.m.n_cus = 1;
  struct pcln_func_def *f = add(&x, 0x1000, 0x20, "main");
  f->cu = 0;
  f->start_line = 10;
  // Byte 0x20 is virtual: the call site of the inlined body at 4..8.
  f->pcfile = STREAM(&x, {4, 1}, {8, 2}, {0x21, 1});
  f->pcln = STREAM(&x, {4, 11}, {8, 100}, {0x20, 12}, {0x21, 13});
  struct pcln_span inl = STREAM(&x, {4, -1}, {8, 0});
  assert_int_equal(
      pcln_func_set_pcdata(f, PCLN_PCDATA_INLTREE, inl, &x.m.arena), PCLN_OK);
  struct pcln_inline_def in = {
      .name = "helper", .parent_pc = 0x20, .start_line = 99};
  f->inlines = &in;
  f->n_inlines = 1;
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x.m, &t, &bytes);
  struct pcln_frame_iter it;
  struct pcln_frame fr;
  assert_int_equal(pcln_frames_begin(&t, 0x1005, &it), PCLN_OK);
  assert_true(pcln_frames_next(&it, &fr));
  assert_string_equal(fr.func, "helper");
  assert_string_equal(fr.file, "inline.h");
  assert_int_equal(fr.line, 100);
  assert_int_equal(fr.start_line, 99);
  assert_true(fr.inlined);
  assert_true(pcln_frames_next(&it, &fr));
  assert_string_equal(fr.func, "main");
  assert_string_equal(fr.file, "main.c");
  assert_int_equal(fr.line, 13);
  assert_false(fr.inlined);
  assert_false(pcln_frames_next(&it, &fr));
  assert_int_equal(it.status, PCLN_OK);
  free(bytes);
  teardown(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(holes_are_found_between_functions),
      cmocka_unit_test(lines_and_inlined_calls_are_read_back),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
