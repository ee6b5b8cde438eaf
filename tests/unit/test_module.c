// SPDX-License-Identifier: Apache-2.0
#include "bytes.h"
#include "module.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// formats.md gives this sample, checked there on a real Go binary:
// (0..14 -> 0) (14..130 -> 48) (130..131 -> 0).
static void stream_encodes_runs(void **state) {
  (void)state;
  struct pcln_arena arena = {0};
  struct pcln_stream s;
  struct pcln_span span;
  pcln_stream_init(&s, 1);
  pcln_stream_add(&s, 14, 0);
  pcln_stream_add(&s, 100, 48);
  pcln_stream_add(&s, 130, 48); // joins the run before
  pcln_stream_add(&s, 130, 7);  // no new bytes: ignored
  pcln_stream_add(&s, 131, 0);
  assert_int_equal(pcln_stream_end(&s, &arena, &span), PCLN_OK);
  const uint8_t want[] = {2, 14, 96, 116, 95, 1, 0};
  assert_int_equal(span.len, sizeof want);
  assert_memory_equal(span.ptr, want, sizeof want);
  pcln_stream_reset(&s);
  pcln_stream_add(&s, 50, -1); // says nothing
  assert_int_equal(pcln_stream_end(&s, &arena, &span), PCLN_OK);
  assert_null(span.ptr);
  pcln_stream_free(&s);
  pcln_arena_free(&arena);
}

static void module_rejects_overlap(void **state) {
  (void)state;
  struct pcln_module m;
  pcln_module_init(&m);
  struct pcln_func_def f = {.va = 0x2000, .size = 16, .name = "b"};
  assert_int_equal(pcln_module_add_func(&m, &f), PCLN_OK);
  f = (struct pcln_func_def){.va = 0x1000, .size = 0x1000, .name = "a"};
  assert_int_equal(pcln_module_add_func(&m, &f), PCLN_OK);
  assert_int_equal(pcln_module_sort(&m, NULL), PCLN_OK);
  assert_string_equal(pcln_module_find(&m, 0x1fff)->name, "a");
  assert_string_equal(pcln_module_find(&m, 0x2000)->name, "b");
  assert_null(pcln_module_find(&m, 0x2010));
  assert_null(pcln_module_find(&m, 0xfff));
  m.funcs[0].size++;
  assert_int_equal(pcln_module_sort(&m, NULL), PCLN_CORRUPT);
  pcln_module_free(&m);
}

// --- Equality ---------------------------------------------------------------

// A function with something in every field, its unit and its rule.
struct sample {
  struct pcln_module m;
  struct pcln_func_def f;
  struct pcln_cu_def cu;
  const char *files[2];
  struct pcln_rule rule;
  struct pcln_span pcdata[PCLN_PCDATA_UNWIND + 1], funcdata[2];
  struct pcln_inline_def inl;
};

static struct pcln_span bytes_of(const char *s, size_t len) {
  return (struct pcln_span){.ptr = (const uint8_t *)s, .len = len};
}
#define BYTES(s) bytes_of(s, sizeof(s)) // with the NUL, which ends a stream

static void make_sample(struct sample *s) {
  *s = (struct sample){.files = {"a.c", "b.h"},
                       .rule = {.cfa = PCLN_CFA_SP, .cfa_off = 16},
                       .inl = {"callee", 3, 7, 1}};
  s->cu = (struct pcln_cu_def){s->files, 2};
  s->pcdata[PCLN_PCDATA_INLTREE] = BYTES("\x02\x10");
  s->pcdata[PCLN_PCDATA_UNWIND] = BYTES("\x02\x10");
  s->funcdata[1] = bytes_of("map", 3);
  s->f = (struct pcln_func_def){.va = 0x1000,
                                .size = 16,
                                .name = "f",
                                .start_line = 3,
                                .args = 8,
                                .deferreturn = 2,
                                .func_id = 1,
                                .flags = 4,
                                .pcsp = BYTES("\x02\x10"),
                                .pcfile = BYTES("\x02\x08\x02\x08"),
                                .pcln = BYTES("\x14\x10"),
                                .pcdata = s->pcdata,
                                .n_pcdata = PCLN_PCDATA_UNWIND + 1,
                                .funcdata = s->funcdata,
                                .n_funcdata = 2,
                                .inlines = &s->inl,
                                .n_inlines = 1};
  s->m = (struct pcln_module){.ptr_size = 8,
                              .quantum = 1,
                              .funcs = &s->f,
                              .n_funcs = 1,
                              .cus = &s->cu,
                              .n_cus = 1,
                              .rules = &s->rule,
                              .n_rules = 1,
                              .build_id = {1},
                              .build_id_len = 1};
}

static void equality_sees_each_difference(void **state) {
  (void)state;
  static struct sample a, b;
#define CASES(X)                                                               \
  X(b.m.ptr_size = 4)                                                          \
  X(b.m.quantum = 2)                                                           \
  X(b.m.big_endian = true)                                                     \
  X(b.m.machine = 3)                                                           \
  X(b.m.stackmap_bits = 2)                                                     \
  X(b.m.build_id[0] = 2)                                                       \
  X(b.m.build_id_len = 0)                                                      \
  X(b.m.n_funcs = 0)                                                           \
  X(b.f.va++)                                                                  \
  X(b.f.size++)                                                                \
  X(b.f.name = "g")                                                            \
  X(b.f.start_line++)                                                          \
  X(b.f.args++)                                                                \
  X(b.f.deferreturn++)                                                         \
  X(b.f.func_id++)                                                             \
  X(b.f.flags++)                                                               \
  X(b.f.pcsp = BYTES("\x04\x10"))                                              \
  X(b.f.pcsp.ptr = NULL; b.f.pcsp.len = 0)                                     \
  X(b.f.pcfile = BYTES("\x02\x09\x02\x07"))                                    \
  X(b.f.pcfile = BYTES("\x02\x08"))                                            \
  X(b.f.pcln = BYTES("\x16\x10"))                                              \
  X(b.files[1] = "c.h")                                                        \
  X(b.files[0] = NULL)                                                         \
  X(b.pcdata[PCLN_PCDATA_INLTREE] = BYTES("\x00\x01\x02\x0f"))                 \
  X(b.f.n_pcdata = 1)                                                          \
  X(b.rule.cfa_off = 24)                                                       \
  X(b.rule.ra = PCLN_SAVE_CFA)                                                 \
  X(b.funcdata[1].len = 2)                                                     \
  X(b.funcdata[1] = bytes_of("map\0\0\0\0\0\0\0\0", 11))                       \
  X(b.f.n_funcdata = 1)                                                        \
  X(b.inl.name = "other")                                                      \
  X(b.inl.parent_pc++)                                                         \
  X(b.inl.start_line++)                                                        \
  X(b.inl.func_id++)                                                           \
  X(b.f.n_inlines = 0)
#define EQUAL_CASE(change)                                                     \
  make_sample(&a);                                                             \
  make_sample(&b);                                                             \
  assert_true(pcln_module_equal(&a.m, &b.m));                                  \
  change;                                                                      \
  if (pcln_module_equal(&a.m, &b.m) || pcln_module_equal(&b.m, &a.m))          \
    fail_msg("not seen: %s", #change);
  CASES(EQUAL_CASE)
}

static void equality_looks_past_numbers_and_padding(void **state) {
  (void)state;
  static struct sample a, b;
  make_sample(&a);
  make_sample(&b);
  // The files in another order.
  b.files[0] = "b.h";
  b.files[1] = "a.c";
  b.f.pcfile = BYTES("\x04\x08\x01\x08");
  // The rule as number 1.
  struct pcln_rule rules[2] = {{.cfa = PCLN_CFA_FP}, b.rule};
  b.m.rules = rules;
  b.m.n_rules = 2;
  b.pcdata[PCLN_PCDATA_UNWIND] = BYTES("\x04\x10");
  b.funcdata[1] = bytes_of("map\0\0\0\0\0\0\0", 10);
  assert_true(pcln_module_equal(&a.m, &b.m));
  assert_true(pcln_module_equal(&b.m, &a.m));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stream_encodes_runs),
      cmocka_unit_test(module_rejects_overlap),
      cmocka_unit_test(equality_sees_each_difference),
      cmocka_unit_test(equality_looks_past_numbers_and_padding),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
