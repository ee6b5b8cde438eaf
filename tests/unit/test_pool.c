// SPDX-License-Identifier: Apache-2.0
#include "pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void equal_bytes_share_an_offset_through_growth(void **state) {
  (void)state;
  enum { N = 5000 };
  struct pcln_pool p;
  static uint32_t offs[N];
  assert_int_equal(pcln_pool_init(&p, UINT32_MAX, 0, 0), PCLN_OK);
  for (int round = 0; round < 2; round++)
    for (int i = 0; i < N; i++) {
      char s[24];
      const int n = snprintf(s, sizeof s, "string %d", i);
      const uint32_t off = pcln_pool_add(&p, s, (size_t)n + 1, 1);
      assert_string_equal(p.bytes + off, s);
      if (round == 0)
        offs[i] = off;
      assert_int_equal(off, offs[i]);
    }
  assert_int_equal(p.n_used, N);
  pcln_pool_free(&p);
}

// The same bytes at an unaligned place do not do for who needs alignment.
static void alignment_is_kept(void **state) {
  (void)state;
  struct pcln_pool p;
  assert_int_equal(pcln_pool_init(&p, UINT32_MAX, 0, 0), PCLN_OK);
  assert_int_equal(pcln_pool_add(&p, "x", 1, 1), 0);
  assert_int_equal(pcln_pool_add(&p, "word", 4, 1), 1);
  assert_int_equal(pcln_pool_add(&p, "word", 4, 4), 8);
  assert_memory_equal(p.bytes, "xword\0\0\0word", 12);
  pcln_pool_free(&p);
}

static void a_full_pool_stays_failed(void **state) {
  (void)state;
  struct pcln_pool p;
  assert_int_equal(pcln_pool_init(&p, 8, 0, 0), PCLN_OK);
  assert_int_equal(pcln_pool_add(&p, "12345678", 8, 1), 0);
  assert_int_equal(p.status, PCLN_OK);
  pcln_pool_add(&p, "9", 1, 1);
  assert_int_equal(p.status, PCLN_LIMIT);
  pcln_pool_add(&p, "12345678", 8, 1);
  assert_int_equal(p.status, PCLN_LIMIT);
  assert_int_equal(p.len, 8);
  pcln_pool_free(&p);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_bytes_share_an_offset_through_growth),
      cmocka_unit_test(alignment_is_kept),
      cmocka_unit_test(a_full_pool_stays_failed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
