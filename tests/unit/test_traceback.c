// SPDX-License-Identifier: Apache-2.0
//
// The text of tracebacks, and what a pc is called without a table.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

enum { LEN = 64 << 10 };
static char text[LEN];

// Both kinds of output must agree, so each text is made twice from one place.
__attribute__((noinline)) static size_t trace(int depth) {
  if (depth > 0) {
    volatile size_t n = trace(depth - 1);
    return n;
  }
  struct pclnrt_cursor c, again;
  pclnrt_cursor_here(&c);
  again = c;
  const size_t n = pclnrt_traceback_buf(text, sizeof text, &c);
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  pclnrt_traceback_fd(ends[1], &again);
  close(ends[1]);
  static char from_fd[LEN];
  size_t got = 0;
  ssize_t part;
  while ((part = read(ends[0], from_fd + got, LEN - got)) > 0)
    got += (size_t)part;
  close(ends[0]);
  assert_int_equal(got, n);
  assert_memory_equal(text, from_fd, n);
  return n;
}

static bool matches(const char *line, size_t len, const char *pattern) {
  char copy[4096];
  regex_t re;
  assert_true(len < sizeof copy);
  memcpy(copy, line, len);
  copy[len] = 0;
  assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
  const bool yes = regexec(&re, copy, 0, NULL, 0) == 0;
  regfree(&re);
  return yes;
}

static unsigned count_lines(const char *pattern) {
  unsigned n = 0;
  for (const char *p = text; *p;) {
    const char *end = strchr(p, '\n');
    assert_non_null(end); // each line ends
    n += matches(p, (size_t)(end - p), pattern);
    p = end + 1;
  }
  return n;
}

static void text_has_go_s_lines(void **state) {
  (void)state;
  const size_t n = trace(3);
  assert_int_equal(n, strlen(text));
  const unsigned heads = count_lines("^goroutine 1 \\[running\\]:$");
  const unsigned names = count_lines("^[^\t].*\\(\\.\\.\\.\\)$");
  const unsigned places = count_lines("^\t[^:]+:[0-9]+( \\+0x[0-9a-f]+)?$");
  assert_int_equal(heads, 1);
  assert_true(names >= 6);
  assert_int_equal(names, places);
  assert_int_equal(heads + names + places, count_lines(""));
  assert_int_equal(strncmp(text, "goroutine 1", 11), 0);
  assert_non_null(strstr(text, "__libc_start_main"));
  assert_null(strstr(text, "traceback ends"));
}

static void deep_stacks_are_elided(void **state) {
  (void)state;
  trace(90);
  assert_null(strstr(text, "elided"));
  trace(300);
  assert_int_equal(count_lines("^[^\t].*\\(\\.\\.\\.\\)$"), 100);
  assert_int_equal(count_lines("^\\.\\.\\.additional frames elided\\.\\.\\.$"),
                   1);
}

static void a_short_buffer_gets_the_beginning(void **state) {
  (void)state;
  struct pclnrt_cursor start;
  pclnrt_cursor_here(&start);
  struct pclnrt_cursor c = start;
  const size_t n = pclnrt_traceback_buf(text, sizeof text, &c);
  for (size_t len = 0; len <= n + 2; len++) {
    char *part = (char *)malloc(len ? len : 1); // so that ASan sees its end
    c = start;
    assert_int_equal(pclnrt_traceback_buf(part, len, &c), n);
    const size_t want = len > n ? n : len ? len - 1 : 0;
    assert_memory_equal(part, text, want);
    if (len)
      assert_int_equal(part[want], 0);
    free(part);
  }
}

static void the_reason_of_a_broken_walk_is_printed(void **state) {
  (void)state;
  struct pclnrt_cursor c;
  pclnrt_cursor_regs(&c, 0x10, 0x20, 0x30);
  pclnrt_traceback_buf(text, sizeof text, &c);
  assert_string_equal(text, "goroutine 1 [running]:\n"
                            "?\?(...)\n"
                            "\t?:0 +0x10\n"
                            "[traceback ends: no table and no CFI cover the "
                            "pc]\n");
}

static void *trace_in_thread(void *arg) {
  (void)arg;
  trace(0);
  return NULL;
}

static void threads_have_numbers(void **state) {
  (void)state;
  pthread_t t;
  assert_int_equal(pthread_create(&t, NULL, trace_in_thread, NULL), 0);
  pthread_join(t, NULL);
  assert_int_equal(count_lines("^goroutine [0-9]+ \\[running\\]:$"), 1);
  assert_int_equal(count_lines("^goroutine 1 \\[running\\]:$"), 0);
}

// --- Names -------------------------------------------------------------------

static struct pclnrt_symbol first_symbol(uint64_t pc, bool exact) {
  struct pclnrt_symbols symbols;
  struct pclnrt_symbol s, more;
  pclnrt_symbolize(&symbols, pc, exact);
  assert_true(pclnrt_symbols_next(&symbols, &s));
  assert_false(pclnrt_symbols_next(&symbols, &more));
  return s;
}

static void libc_functions_are_named_by_their_dynamic_symbol(void **state) {
  (void)state;
  const uint64_t pc = (uint64_t)(uintptr_t)&drand48;
  struct pclnrt_symbol s = first_symbol(pc, true);
  assert_non_null(s.func);
  assert_non_null(strstr(s.func, "drand48"));
  assert_int_equal(s.entry, pc);
  assert_non_null(strstr(s.module, "libc"));
  assert_null(s.file);
  // As a return address it belongs to what stands before.
  s = first_symbol(pc, false);
  assert_true(!s.func || s.entry != pc);
}

static void unknown_addresses_have_no_names(void **state) {
  (void)state;
  const uint64_t pcs[] = {0, 1, (uint64_t)(uintptr_t)text, UINT64_MAX};
  for (size_t i = 0; i < 4; i++) {
    const struct pclnrt_symbol s = first_symbol(pcs[i], true);
    assert_null(s.func);
    assert_null(s.file);
    assert_int_equal(s.entry, 0);
    assert_null(pclnrt_find_table(pcs[i]));
  }
}

static void numbers_are_printed_whole(void **state) {
  (void)state;
  char buf[256];
  struct pclnrt_out o = {.fd = -1, .buf = buf, .cap = sizeof buf};
  const int64_t decimals[] = {0, 7, -1, INT64_MAX, INT64_MIN};
  for (size_t i = 0; i < 5; i++) {
    pclnrt_out_dec(&o, decimals[i]);
    pclnrt_out_str(&o, " ");
  }
  pclnrt_out_hex(&o, 0);
  pclnrt_out_str(&o, " ");
  pclnrt_out_hex(&o, UINT64_MAX);
  buf[o.len] = 0;
  assert_string_equal(buf, "0 7 -1 9223372036854775807 -9223372036854775808 "
                           "0x0 0xffffffffffffffff");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_has_go_s_lines),
      cmocka_unit_test(deep_stacks_are_elided),
      cmocka_unit_test(a_short_buffer_gets_the_beginning),
      cmocka_unit_test(the_reason_of_a_broken_walk_is_printed),
      cmocka_unit_test(threads_have_numbers),
      cmocka_unit_test(libc_functions_are_named_by_their_dynamic_symbol),
      cmocka_unit_test(unknown_addresses_have_no_names),
      cmocka_unit_test(numbers_are_printed_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
