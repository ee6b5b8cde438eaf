// SPDX-License-Identifier: Apache-2.0
#include "crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

// RFC 3720, appendix B.4, and the customary check value.
static void crc32c_matches_published_values(void **state) {
  (void)state;
  uint8_t zeros[32] = {0}, ones[32], rising[32];
  memset(ones, 0xff, sizeof ones);
  for (uint8_t i = 0; i < 32; i++)
    rising[i] = i;
  const struct {
    const void *bytes;
    size_t len;
    uint32_t want;
  } cases[] = {
      {"", 0, 0},
      {"123456789", 9, 0xe3069283},
      {zeros, 32, 0x8a9136aa},
      {ones, 32, 0x62a8ab43},
      {rising, 32, 0x46dd794e},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(pcln_crc32c(0, cases[i].bytes, cases[i].len),
                     cases[i].want);
    assert_int_equal(pcln_crc32c_portable(0, cases[i].bytes, cases[i].len),
                     cases[i].want);
  }
}

static void crc32c_continues_at_any_split(void **state) {
  (void)state;
  uint8_t bytes[67];
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * 37 + 11);
  const uint32_t whole = pcln_crc32c(0, bytes, sizeof bytes);
  for (size_t i = 0; i <= sizeof bytes; i++) {
    const uint32_t head = pcln_crc32c_portable(0, bytes, i);
    assert_int_equal(pcln_crc32c(head, bytes + i, sizeof bytes - i), whole);
    assert_int_equal(pcln_crc32c_portable(head, bytes + i, sizeof bytes - i),
                     whole);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(crc32c_matches_published_values),
      cmocka_unit_test(crc32c_continues_at_any_split),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
