// SPDX-License-Identifier: Apache-2.0
//
// Images of every format made by hand: what they hold is found, by sections,
// symbols, moduledata and a scan, from memory and through a callback; and with
// any byte changed or the end cut off nothing is read that is not there.
#include "image_maker.h"
#include "locate.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct made_image made;
static char last_fault[64];

static void remember(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  snprintf(last_fault, sizeof last_fault, "%s", r->fault);
}
static const struct pcln_sink sink = {.fn = remember};

// A source that is not in memory. The buffer has exactly the file's size, so
// that a sanitizer sees what reads behind it.
struct held {
  uint8_t *bytes;
  size_t len;
};

static size_t read_held(void *ctx, uint64_t off, void *buf, size_t len) {
  const struct held *h = ctx;
  assert_true(off <= h->len && len <= h->len - off);
  memcpy(buf, h->bytes + off, len);
  return len;
}

static struct held hold(const uint8_t *bytes, size_t len) {
  struct held h = {malloc(len ? len : 1), len};
  assert_non_null(h.bytes);
  memcpy(h.bytes, bytes, len);
  return h;
}

static struct pcln_source source_of(struct held *h, bool callback) {
  if (callback)
    return (struct pcln_source){.read = read_held, .ctx = h, .len = h->len};
  return pcln_source_memory(h->bytes, h->len);
}

// --- What is found -----------------------------------------------------------
static enum pcln_status locate(const struct image_spec *spec, bool callback,
                               const struct pcln_locate_options *options,
                               struct pcln_location *out) {
  struct pcln_image img;
  make_image(spec, &made);
  struct held h = hold(made.bytes, made.len);
  const struct pcln_source source = source_of(&h, callback);
  const struct pcln_image_options of = {.machine = spec->universal ? 183 : 0};
  last_fault[0] = 0;
  enum pcln_status status = pcln_image_open(&img, &source, &of, &sink);
  assert_int_equal(status, PCLN_OK);
  assert_int_equal(img.format, spec->format);
  assert_int_equal(img.ptr_size, spec->ptr_size);
  assert_int_equal(img.big_endian, spec->big_endian);
  assert_int_equal(img.base, made.base);
  status = pcln_locate(&img, options, &sink, out);
  free(h.bytes);
  return status;
}

static void expect_all(const struct image_spec *spec,
                       const struct pcln_location *l) {
  const bool areas = spec->layout >= PCLN_GO_118 && !spec->no_module;
  assert_true(l->sound);
  assert_int_equal(l->va, made.table_va);
  assert_int_equal(l->file_off, made.base + IMAGE_TABLE_OFF);
  assert_int_equal(l->moduledata, spec->no_module ? 0 : made.module_va);
  assert_int_equal(l->gofunc, areas ? made.gofunc_va : 0);
  assert_int_equal(l->rodata, areas ? made.rodata_va : 0);
  assert_int_equal(l->findfunctab,
                   spec->no_module ? 0 : l->va + made.table.findfunctab);
  assert_int_equal(l->findfunctab_len,
                   spec->no_module ? 0 : made.table.findfunctab_len);
  assert_string_equal(l->build.version, IMAGE_GO_VERSION);
  assert_int_equal(l->go_minor, 21);
  if (l->text_from != PCLN_TEXT_TABLE)
    assert_int_equal(l->text_start, IMAGE_TEXT_VA);
}

static void tables_are_found_in_every_format(void **state) {
  (void)state;
  for (size_t i = 0; i < IMAGE_N_SPECS; i++)
    for (int callback = 0; callback < 2; callback++) {
      struct pcln_location l;
      const bool named = image_specs[i].format != PCLN_FORMAT_PE &&
                         image_specs[i].format != PCLN_FORMAT_XCOFF;
      assert_int_equal(locate(&image_specs[i], callback, NULL, &l), PCLN_OK);
      expect_all(&image_specs[i], &l);
      assert_int_equal(l.found_in,
                       named ? PCLN_FOUND_SECTION : PCLN_FOUND_SYMBOL);
      assert_int_equal(l.text_from, image_specs[i].layout < PCLN_GO_118
                                        ? PCLN_TEXT_TABLE
                                        : PCLN_TEXT_SYMBOL);
      assert_string_equal(last_fault, "");
    }
}

static void tables_are_found_without_names(void **state) {
  (void)state;
  for (size_t i = 0; i < IMAGE_N_SPECS; i++)
    for (int callback = 0; callback < 2; callback++) {
      struct image_spec spec = image_specs[i];
      struct pcln_location l;
      spec.no_sections = spec.no_symbols = true;
      assert_int_equal(locate(&spec, callback, NULL, &l), PCLN_OK);
      expect_all(&spec, &l);
      assert_int_equal(l.found_in, PCLN_FOUND_SCAN);
      assert_int_equal(l.text_from, spec.layout < PCLN_GO_118
                                        ? PCLN_TEXT_TABLE
                                        : PCLN_TEXT_HEADER);
    }
}

static void text_start_comes_from_the_first_that_says_it(void **state) {
  (void)state;
  static const struct pcln_locate_options given = {.has_text_start = true,
                                                   .text_start = 0x1234};
  for (size_t i = 0; i < IMAGE_N_SPECS; i++) {
    struct image_spec spec = image_specs[i];
    struct pcln_location l;
    if (spec.layout < PCLN_GO_118)
      continue;
    spec.no_symbols = spec.no_header_text = true;
    assert_int_equal(locate(&spec, false, NULL, &l), PCLN_OK);
    assert_int_equal(l.text_from, PCLN_TEXT_MODULEDATA);
    expect_all(&spec, &l);
    // The caller knows better, and is told.
    assert_int_equal(locate(&spec, false, &given, &l), PCLN_OK);
    assert_int_equal(l.text_from, PCLN_TEXT_OPTION);
    assert_int_equal(l.text_start, 0x1234);
    assert_string_equal(last_fault, "text-start-differs");
    // Nobody says it.
    spec.no_module = true;
    assert_int_equal(locate(&spec, false, NULL, &l), PCLN_NOT_FOUND);
    assert_string_equal(last_fault, "no-text-start");
    assert_int_equal(l.text_from, PCLN_TEXT_UNKNOWN);
    assert_int_equal(l.va, made.table_va);
    assert_int_equal(locate(&spec, false, &given, &l), PCLN_OK);
    assert_int_equal(l.text_start, 0x1234);
    assert_string_equal(last_fault, "");
  }
}

static void gofunc_may_be_inside_the_table(void **state) {
  (void)state;
  struct image_spec spec = image_specs[0];
  struct pcln_location l;
  spec.inside = true;
  assert_int_equal(locate(&spec, false, NULL, &l), PCLN_OK);
  expect_all(&spec, &l);
  assert_int_equal(l.va + l.len, made.table_va + made.table.len);
}

// A word that is the table's address, and no moduledata behind it.
static void moduledata_is_known_by_what_it_repeats(void **state) {
  (void)state;
  struct image_spec spec = image_specs[0];
  struct pcln_location l;
  spec.no_module = true;
  assert_int_equal(locate(&spec, false, NULL, &l), PCLN_OK);
  assert_int_equal(l.moduledata, 0);
  spec.no_module = false;
  spec.no_text = true;
  assert_int_equal(locate(&spec, false, NULL, &l), PCLN_OK);
  assert_int_equal(l.moduledata, 0);
}

static void located_tables_can_be_opened(void **state) {
  (void)state;
  for (size_t i = 0; i < IMAGE_N_SPECS; i++) {
    struct pcln_image img;
    struct pcln_location l;
    struct pcln_open_options options;
    struct pcln_table t;
    struct pcln_func f;
    make_image(&image_specs[i], &made);
    const struct pcln_source source = pcln_source_memory(made.bytes, made.len);
    const struct pcln_image_options of = {
        .machine = image_specs[i].universal ? 183 : 0};
    assert_int_equal(pcln_image_open(&img, &source, &of, NULL), PCLN_OK);
    assert_int_equal(pcln_locate(&img, NULL, NULL, &l), PCLN_OK);
    pcln_location_options(&img, &l, &options);
    assert_int_equal(
        pcln_open(&t, made.bytes + l.file_off, (size_t)l.len, &options, NULL),
        PCLN_OK);
    assert_int_equal(pcln_find_func(&t, SAMPLE_TEXT + 0x2000, &f), PCLN_OK);
    assert_string_equal(f.name, "gamma");
    assert_int_equal(t.go_minor, 21);
    assert_int_equal(t.machine, img.machine);
    assert_int_equal(t.findfunctab.len, made.table.findfunctab_len);
    if (t.layout >= PCLN_GO_118)
      continue;
    // Funcdata is named by its address, which is in another range; under what
    // number is for a release that the image does not name.
    t.go_minor = t.layout == PCLN_GO_12 ? 13 : 17;
    struct pcln_span span;
    assert_int_equal(pcln_func_at(&t, SAMPLE_ALPHA, &f), PCLN_OK);
    assert_int_equal(pcln_funcdata(&t, &f, pcln_funcdata_inltree(&t), &span),
                     PCLN_OK);
    assert_ptr_equal(span.ptr,
                     made.bytes + made.base + made.rw_off +
                         (made.table.tree[SAMPLE_ALPHA] - made.table.funcdata));
  }
}

static void releases_are_found_without_build_information(void **state) {
  (void)state;
  static const struct {
    const char *releases[2], *want;
    unsigned minor;
  } cases[] = {
      {{"go1.12.6", NULL}, "go1.12.6", 12},
      {{"go1.9", NULL}, "go1.9", 9},
      {{"go1.14rc1", NULL}, "go1.14rc1", 14},
      {{"go1.5beta3", "go1.5beta3"}, "go1.5beta3", 5},
      {{"go1.12.6", "go1.13"}, "", 0}, // which?
      {{"go1.", NULL}, "", 0},
      {{"go1.1x", NULL}, "", 0},
      {{"go1.12.", NULL}, "", 0},
      {{"go1.12rc", NULL}, "", 0},
      {{"go2.1.1", NULL}, "", 0},
  };
  for (size_t i = 0; i < IMAGE_N_SPECS; i++)
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
      struct image_spec spec = image_specs[i];
      struct pcln_location l;
      // Relocations of ELF are not gone through for it.
      if (spec.format == PCLN_FORMAT_ELF && spec.relocated)
        continue;
      memcpy(spec.releases, cases[k].releases, sizeof spec.releases);
      assert_int_equal(locate(&spec, k & 1, NULL, &l), PCLN_OK);
      assert_string_equal(l.build.version, cases[k].want);
      assert_int_equal(l.go_minor, cases[k].minor);
      assert_int_equal(l.build.va, 0);
    }
}

// --- Build information -------------------------------------------------------
static void build_lines_are_split(void **state) {
  (void)state;
  static const struct {
    enum pcln_build_kind kind;
    const char *fields[3];
  } want[] = {
      {PCLN_BUILD_PATH, {"example.com/cmd", "", ""}},
      {PCLN_BUILD_MODULE, {"example.com", "v1.2.3", "h1:sum="}},
      {PCLN_BUILD_DEP, {"example.org/a", "v0.1.0", ""}},
      {PCLN_BUILD_REPLACE, {"../a", "(devel)", ""}},
      {PCLN_BUILD_SETTING, {"-ldflags", "\"-X=a=b\"", ""}},
      {PCLN_BUILD_SETTING, {"\"odd=key\"", "value", ""}},
      {PCLN_BUILD_OTHER, {"unknown line", "", ""}},
  };
  for (size_t i = 0; i < IMAGE_N_SPECS; i++) {
    struct pcln_image img;
    struct pcln_buildinfo info;
    struct pcln_build_line line;
    char buf[64];
    uint64_t off = 0;
    make_image(&image_specs[i], &made);
    const struct pcln_source source = pcln_source_memory(made.bytes, made.len);
    const struct pcln_image_options of = {
        .machine = image_specs[i].universal ? 183 : 0};
    assert_int_equal(pcln_image_open(&img, &source, &of, NULL), PCLN_OK);
    assert_int_equal(pcln_buildinfo_find(&img, &info, &sink), PCLN_OK);
    for (size_t k = 0; k < sizeof want / sizeof *want; k++) {
      assert_true(
          pcln_buildinfo_next(&img, &info, &off, buf, sizeof buf, &line));
      assert_int_equal(line.kind, want[k].kind);
      for (size_t n = 0; n < 3; n++)
        assert_string_equal(line.fields[n], want[k].fields[n]);
      assert_false(line.cut);
    }
    assert_false(
        pcln_buildinfo_next(&img, &info, &off, buf, sizeof buf, &line));
  }
}

static void long_build_lines_are_cut_and_passed_by(void **state) {
  (void)state;
  struct pcln_image img;
  struct pcln_buildinfo info;
  struct pcln_build_line line;
  char buf[12];
  uint64_t off = 0;
  make_image(&image_specs[0], &made);
  const struct pcln_source source = pcln_source_memory(made.bytes, made.len);
  assert_int_equal(pcln_image_open(&img, &source, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_buildinfo_find(&img, &info, &sink), PCLN_OK);
  unsigned n = 0;
  for (; pcln_buildinfo_next(&img, &info, &off, buf, sizeof buf, &line); n++)
    if (n == 0) {
      assert_true(line.cut);
      assert_string_equal(line.fields[0], "exampl");
    }
  assert_int_equal(n, 7);
}

static void build_strings_outside_of_the_image_are_refused(void **state) {
  (void)state;
  static const size_t lengths[] = {32, 32 + 2 + 8}; // of both strings
  for (size_t i = 0; i < 2; i++) {
    struct pcln_image img;
    struct pcln_buildinfo info;
    make_image(&image_specs[0], &made);
    const struct pcln_source source = pcln_source_memory(made.bytes, made.len);
    uint8_t *at = made.bytes + made.rw_off + IMAGE_BUILD_OFF + lengths[i];
    at[0] |= 0x80;
    at[1] = 0x7f;
    assert_int_equal(pcln_image_open(&img, &source, NULL, NULL), PCLN_OK);
    assert_int_equal(pcln_buildinfo_find(&img, &info, &sink), PCLN_CORRUPT);
    assert_string_equal(last_fault, "buildinfo");
  }
}

// --- Reading -----------------------------------------------------------------
static void words_are_what_the_loader_makes(void **state) {
  (void)state;
  for (size_t i = 0; i < IMAGE_N_SPECS; i++) {
    struct pcln_image img;
    uint64_t word = 0, va, found = 0;
    make_image(&image_specs[i], &made);
    const struct pcln_source source = pcln_source_memory(made.bytes, made.len);
    const struct pcln_image_options of = {
        .machine = image_specs[i].universal ? 183 : 0};
    assert_int_equal(pcln_image_open(&img, &source, &of, NULL), PCLN_OK);
    assert_true(pcln_image_word(&img, IMAGE_RW_VA + IMAGE_WORD_OFF, &word));
    assert_int_equal(word, made.table_va);
    struct pcln_word_iter it = {0};
    while (pcln_image_next_word(&img, made.table_va, &it, &va))
      found |= (va == IMAGE_RW_VA + IMAGE_WORD_OFF) | (va == made.module_va)
                                                          << 1;
    assert_int_equal(found, 3);
    assert_false(pcln_image_word(&img, 0x10, &word));
    assert_null(pcln_image_at(&img, IMAGE_RW_VA - 1).ptr);
  }
}

static void a_slice_that_is_not_there_is_named(void **state) {
  (void)state;
  struct pcln_image img;
  struct image_spec spec = image_specs[13];
  assert_true(spec.universal);
  make_image(&spec, &made);
  const struct pcln_source source = pcln_source_memory(made.bytes, made.len);
  const struct pcln_image_options of = {.machine = 62};
  assert_int_equal(pcln_image_open(&img, &source, &of, &sink), PCLN_NOT_FOUND);
  assert_string_equal(last_fault, "macho-no-slice");
}

static void other_files_are_no_images(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t len;
    enum pcln_status want;
    const char *fault;
  } cases[] = {
      {"", 0, PCLN_UNSUPPORTED, ""},
      {"\177EL", 3, PCLN_UNSUPPORTED, ""},
      {"\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16, PCLN_CORRUPT, "elf-header"},
      {"\177ELF\3\1\1\0\0\0\0\0\0\0\0\0", 16, PCLN_CORRUPT, "elf-ident"},
      {"MZ, and no program for Windows", 30, PCLN_UNSUPPORTED, ""},
      {"\xca\xfe\xba\xbe\0\0\0\x41 a Java class", 22, PCLN_UNSUPPORTED, ""},
      {"\xcf\xfa\xed\xfe", 4, PCLN_CORRUPT, "macho-header"},
      {"\x01\xf7", 2, PCLN_CORRUPT, "xcoff-header"},
      {"#!/bin/sh\n", 10, PCLN_UNSUPPORTED, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pcln_image img;
    struct held h = hold((const uint8_t *)cases[i].bytes, cases[i].len);
    const struct pcln_source source = source_of(&h, false);
    last_fault[0] = 0;
    assert_int_equal(pcln_image_open(&img, &source, NULL, &sink),
                     cases[i].want);
    assert_string_equal(last_fault, cases[i].fault);
    free(h.bytes);
  }
}

// --- Damage ------------------------------------------------------------------
// Does all that a user could with `len` bytes; the answers are worth nothing.
static void visit(const uint8_t *bytes, size_t len, bool callback) {
  struct pcln_image img;
  struct pcln_location l;
  struct pcln_open_options options;
  struct held h = hold(bytes, len);
  const struct pcln_source source = source_of(&h, callback);
  if (pcln_image_open(&img, &source, NULL, NULL) == PCLN_OK) {
    struct pcln_section_iter it = {0};
    struct pcln_section s;
    volatile size_t sum = 0;
    while (pcln_image_next_section(&img, &it, &s))
      sum += strlen(s.name);
    for (uint32_t i = 0; i < img.n_ranges; i++) {
      const struct pcln_span span = pcln_image_at(&img, img.ranges[i].va);
      if (span.len)
        sum += span.ptr[0] + span.ptr[span.len - 1];
    }
    if (pcln_locate(&img, NULL, NULL, &l) == PCLN_OK) {
      struct pcln_table t;
      pcln_location_options(&img, &l, &options);
      assert_true(l.file_off <= len && l.len <= len - l.file_off);
      if (!callback)
        sum +=
            pcln_open(&t, h.bytes + l.file_off, (size_t)l.len, &options, NULL);
    }
  }
  free(h.bytes);
}

static void damaged_images_are_read_within_their_bytes(void **state) {
  (void)state;
  for (size_t i = 0; i < IMAGE_N_SPECS; i++) {
    make_image(&image_specs[i], &made);
    const size_t rw = made.base + made.rw_off, end = made.len;
    // The headers, what is at 0x800, data and what follows: the table itself
    // is the business of other tests.
    for (size_t at = 0; at < end; at++) {
      if (at == made.base + 0xa00)
        at = rw;
      if (at == rw + 0xa00)
        at = rw + 0x1100;
      if (at >= end)
        break;
      const uint8_t was = made.bytes[at];
      static const uint8_t flips[] = {0xff, 0x80, 0x01};
      made.bytes[at] ^= flips[at % 3];
      visit(made.bytes, made.len, at & 1);
      made.bytes[at] = was;
    }
  }
}

static void cut_off_images_are_read_within_their_bytes(void **state) {
  (void)state;
  for (size_t i = 0; i < IMAGE_N_SPECS; i++) {
    make_image(&image_specs[i], &made);
    for (size_t len = 0; len < made.len;
         len +=
         len < made.base + 0xa00 || len > made.base + made.rw_off ? 7 : 509)
      visit(made.bytes, len, len & 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tables_are_found_in_every_format),
      cmocka_unit_test(tables_are_found_without_names),
      cmocka_unit_test(text_start_comes_from_the_first_that_says_it),
      cmocka_unit_test(gofunc_may_be_inside_the_table),
      cmocka_unit_test(moduledata_is_known_by_what_it_repeats),
      cmocka_unit_test(located_tables_can_be_opened),
      cmocka_unit_test(releases_are_found_without_build_information),
      cmocka_unit_test(build_lines_are_split),
      cmocka_unit_test(long_build_lines_are_cut_and_passed_by),
      cmocka_unit_test(build_strings_outside_of_the_image_are_refused),
      cmocka_unit_test(words_are_what_the_loader_makes),
      cmocka_unit_test(a_slice_that_is_not_there_is_named),
      cmocka_unit_test(other_files_are_no_images),
      cmocka_unit_test(damaged_images_are_read_within_their_bytes),
      cmocka_unit_test(cut_off_images_are_read_within_their_bytes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
