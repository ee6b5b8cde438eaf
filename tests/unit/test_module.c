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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stream_encodes_runs),
      cmocka_unit_test(module_rejects_overlap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
