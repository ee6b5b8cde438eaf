// SPDX-License-Identifier: Apache-2.0
//
// The data of the HTML report: numbers and strings, whom bytes are counted for,
// and whole reports of sound and damaged tables. What the page makes of it is
// tested in a browser (tests/html).
#define _GNU_SOURCE // memfd_create
#include "tools/dump_sizes.h"
#include "tools/html.h"

#include "bytes.h"
#include "sample_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

// --- Bytes and strings ------------------------------------------------------

static void numbers_are_read_back(void **state) {
  (void)state;
  static const uint64_t values[] = {0, 1, 127, 128, 1u << 31, UINT64_MAX};
  struct html_buf b = {0};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    html_num(&b, values[i]);
  html_signed(&b, 0);
  html_signed(&b, -1);
  html_signed(&b, 1);
  html_signed(&b, INT64_MIN);
  struct pcln_cursor c = pcln_cursor_at(b.bytes, b.len, false);
  for (size_t i = 0; i < sizeof values / sizeof *values; i++)
    assert_int_equal(pcln_uleb(&c), values[i]);
  assert_int_equal(pcln_uleb(&c), 0);
  assert_int_equal(pcln_uleb(&c), 1);
  assert_int_equal(pcln_uleb(&c), 2);
  assert_int_equal(pcln_uleb(&c), UINT64_MAX);
  assert_false(c.failed);
  assert_int_equal(pcln_left(&c), 0);
  html_free(&b);
}

static void buffers_have_a_limit_that_sticks(void **state) {
  (void)state;
  struct html_buf b = {.len = HTML_MAX_BYTES, .cap = HTML_MAX_BYTES};
  html_put(&b, "x", 1);
  assert_int_equal(b.status, PCLN_LIMIT);
  assert_int_equal(b.len, HTML_MAX_BYTES);
}

static void equal_strings_have_one_number(void **state) {
  (void)state;
  struct html_strings s = {0};
  char copy[] = "main";
  char text[16];
  const uint32_t id = html_string(&s, "main");
  assert_int_equal(html_string(&s, NULL), 0);
  assert_int_equal(html_string(&s, ""), 0);
  assert_int_equal(html_string(&s, copy), id);
  assert_int_equal(html_text(&s, copy), id);
  for (int i = 0; i < 5000; i++) {
    snprintf(text, sizeof text, "f%d", i);
    assert_int_equal(html_text(&s, text), id + 1 + (uint32_t)i);
  }
  assert_int_equal(html_text(&s, "f4999"), id + 5000);
  assert_memory_equal(s.bytes.bytes, "\0main\0f0\0f1", 12);
  assert_int_equal(html_strings_status(&s), PCLN_OK);
  html_strings_free(&s);
}

// --- Whom bytes are for -----------------------------------------------------

static void shared_places_belong_to_nobody_alone(void **state) {
  (void)state;
  static const uint8_t blob[100];
  const struct pcln_table t = {.blob = {blob, sizeof blob}};
  const struct html_claim f = {HTML_OWNER_FUNC, 1, 7, false},
                          same_group = {HTML_OWNER_FUNC, 2, 7, false},
                          other = {HTML_OWNER_FUNC, 3, 8, false},
                          name = {HTML_OWNER_NAME, 4, 0, false};
  struct html_bytes b = {0};
  assert_true(html_claim_new(&b, &t, blob + 10, &f));
  html_claim(&b, &t, blob + 10, 20, &f);
  assert_false(html_claim_new(&b, &t, blob + 10, &f));
  assert_int_equal(b.claims[0].owner, HTML_OWNER_FUNC);
  assert_false(html_claim_new(&b, &t, blob + 10, &same_group));
  assert_int_equal(b.claims[0].owner, HTML_OWNER_GROUP);
  // The tail of what is claimed already.
  assert_true(html_claim_new(&b, &t, blob + 5, &other));
  html_claim(&b, &t, blob + 5, 10, &other);
  assert_int_equal(b.claims[0].owner, HTML_OWNER_SEVERAL);
  assert_int_equal(b.map[9], 2);
  assert_int_equal(b.map[10], 1);
  // A name that is inlined somewhere, and a function's.
  assert_true(html_claim_new(&b, &t, blob + 50, &name));
  html_claim(&b, &t, blob + 50, 5, &name);
  assert_false(html_claim_new(&b, &t, blob + 50, &f));
  assert_false(html_claim_new(&b, &t, blob + 50, &name));
  assert_int_equal(b.claims[2].owner, HTML_OWNER_FUNC);
  // Outside, and beyond the end.
  assert_false(html_claim_new(&b, &t, blob + 100, &f));
  html_claim(&b, &t, blob + 98, 100, &f);
  assert_int_equal(b.map[99], 4);
  html_bytes_free(&b);
}

// Every byte once, by component as --stats has it.
static void bytes_add_up(const struct make_spec *spec, struct made *made,
                         const struct pcln_table *t) {
  (void)spec;
  (void)made;
  struct html_bytes b = {0};
  struct html_buf out = {0};
  struct dump_sizes sizes;
  uint64_t sums[256] = {0};
  char name[64];
  assert_int_equal(html_bytes_write(&b, t, &out), PCLN_OK);
  assert_int_equal(dump_sizes_measure(t, &sizes), PCLN_OK);
  struct pcln_cursor c = pcln_cursor_at(out.bytes, out.len, false);
  size_t len = 1;
  while (pcln_cstr(&c, &len) && len > 0)
    ;
  while (pcln_left(&c) > 0) {
    const uint64_t n = pcln_uleb(&c), component = pcln_uleb(&c);
    (void)pcln_uleb(&c);
    (void)pcln_uleb(&c);
    sums[component & 255] += n;
  }
  assert_false(c.failed);
  uint64_t total = 0;
  for (size_t i = 0; i < sizes.n_parts; i++)
    for (unsigned k = 0; k < 255; k++)
      if (strcmp(dump_sizes_name(t, name, sizeof name, k + 1),
                 sizes.parts[i].name) == 0) {
        assert_int_equal(sums[k], sizes.parts[i].bytes);
        total += sums[k];
      }
  assert_int_equal(total, t->blob.len);
  dump_sizes_free(&sizes);
  html_free(&out);
  html_bytes_free(&b);
}

static void bytes_of_every_table_add_up(void **state) {
  (void)state;
  sample_for_each(bytes_add_up);
}

// --- Whole reports ----------------------------------------------------------

static void drop(void *ctx, const struct pcln_report *r) {
  (void)r;
  ++*(unsigned *)ctx;
}

// Makes the report of a table, written to `fd`.
static enum pcln_status report(const struct pcln_table *t, int fd,
                               unsigned *n_reports) {
  static struct dump_out out;
  static struct dump_errors errors;
  const struct dump_options options = {.action = DUMP_HTML,
                                       .path = "</script>"};
  struct dump_file file = {.path = options.path, .where = "file", .table = *t};
  struct dump_names names;
  const struct pcln_sink sink = {drop, n_reports};
  assert_int_equal(dump_names_init(&names, false), PCLN_OK);
  struct dump d = {.options = &options,
                   .file = &file,
                   .names = &names,
                   .out = &out,
                   .sink = &sink,
                   .errors = &errors};
  *n_reports = 0;
  dump_out_init(&out, fd, false);
  const enum pcln_status status = dump_html(&d);
  dump_out_flush(&out);
  assert_int_equal(out.error, 0);
  dump_names_free(&names);
  return status;
}

static void sound_report(const struct make_spec *spec, struct made *made,
                         const struct pcln_table *t) {
  (void)spec;
  (void)made;
  static char page[1 << 20];
  unsigned n_reports;
  const int fd = memfd_create("page", MFD_CLOEXEC);
  assert_true(fd >= 0);
  (void)report(t, fd, &n_reports);
  const ssize_t n = pread(fd, page, sizeof page - 1, 0);
  assert_in_range(n, 1, sizeof page - 2);
  page[n] = 0;
  assert_memory_equal(page, "<!doctype html>", 15);
  assert_string_equal(page + n - 8, "</html>\n");
  // The data's element and the script's, and no more.
  const char *end = strstr(page, "</script>");
  assert_non_null(end);
  end = strstr(end + 1, "</script>");
  assert_non_null(end);
  assert_null(strstr(end + 1, "</script>"));
  close(fd);
}

static void a_report_is_one_whole_page(void **state) {
  (void)state;
  sample_for_each(sound_report);
}

// Each byte changed, of our table and of a bare one: what matters is that no
// byte is read outside, which the sanitizers watch.
static void damage(bool ours) {
  static struct made made;
  static uint8_t bytes[MAKE_MAX];
  const struct make_spec spec =
      sample_spec(ours ? PCLN_GO_120 : PCLN_GO_116, 8, 1, false, ours);
  make_table(&spec, &made);
  const int fd = memfd_create("page", MFD_CLOEXEC);
  assert_true(fd >= 0);
  for (size_t at = 0; at < made.len; at += 7) {
    struct pcln_table t;
    unsigned n_reports;
    memcpy(bytes, made.bytes, made.len);
    bytes[at] ^= (uint8_t)(1u << at % 8 | 0x80u);
    struct pcln_open_options options = made.options;
    if (!ours)
      options.funcdata.ptr = bytes + (made.options.funcdata.ptr - made.bytes);
    if (pcln_open(&t, bytes, made.len, &options, NULL) != PCLN_OK)
      continue;
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    const enum pcln_status status = report(&t, fd, &n_reports);
    assert_true(status == PCLN_OK || status == PCLN_CORRUPT);
  }
  close(fd);
}

static void damaged_tables_have_reports(void **state) {
  (void)state;
  damage(true);
  damage(false);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_read_back),
      cmocka_unit_test(buffers_have_a_limit_that_sticks),
      cmocka_unit_test(equal_strings_have_one_number),
      cmocka_unit_test(shared_places_belong_to_nobody_alone),
      cmocka_unit_test(bytes_of_every_table_add_up),
      cmocka_unit_test(a_report_is_one_whole_page),
      cmocka_unit_test(damaged_tables_have_reports),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
