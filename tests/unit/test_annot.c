// SPDX-License-Identifier: Apache-2.0
//
// Annotations taken apart: each kind in both byte orders and pointer sizes, cut
// off at each byte and with each byte changed. The first record is the worked
// example of docs/annotations.md, which is read from there.
#include "annot.h"
#include "bytes.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// --- Making records ---------------------------------------------------------

struct section {
  uint8_t bytes[1024];
  size_t len;
  bool swap;
  uint8_t ptr_size;
};

static void put16(struct section *s, uint16_t v) {
  pcln_store16(s->bytes + s->len, v, s->swap);
  s->len += 2;
}
static void put32(struct section *s, uint32_t v) {
  pcln_store32(s->bytes + s->len, v, s->swap);
  s->len += 4;
}
static void put_padded(struct section *s, const void *bytes, size_t len) {
  memcpy(s->bytes + s->len, bytes, len);
  memset(s->bytes + s->len + len, 0, -len % 4);
  s->len += len + -len % 4;
}

static size_t begin(struct section *s, uint8_t kind, uint64_t address) {
  const size_t at = s->len;
  put16(s, PCLN_ANNOT_MARK);
  s->bytes[s->len++] = PCLN_ANNOT_VERSION;
  s->bytes[s->len++] = kind;
  put32(s, 0);
  memset(s->bytes + s->len, 0, 8);
  if (s->ptr_size == 8)
    pcln_store64(s->bytes + s->len, address, s->swap);
  else
    pcln_store32(s->bytes + s->len, (uint32_t)address, s->swap);
  s->len += 8;
  return at;
}
static void end(struct section *s, size_t at) {
  pcln_store32(s->bytes + at + PCLN_ANNOT_LEN, (uint32_t)(s->len - at),
               s->swap);
}

// Two points: one with an area and a pair, one without.
static void add_safepoints(struct section *s) {
  const size_t at = begin(s, PCLN_ANNOT_SAFEPOINTS, 0x401000);
  put32(s, 64);
  put32(s, 2);
  put32(s, 5);
  put32(s, 24);
  put_padded(s, "work", 5);
  put32(s, 12);
  put16(s, 0), put16(s, 1), put16(s, 1), put16(s, 0);
  put16(s, 7), put16(s, 0), put32(s, 8), put32(s, 3), put32(s, 2);
  put_padded(s, "\x17", 1);
  put16(s, 7), put16(s, 6), put32(s, 8), put32(s, (uint32_t)-16);
  put32(s, 64);
  put16(s, PCLN_POINT_NO_COLLECT), put16(s, 0), put16(s, 0), put16(s, 0);
  end(s, at);
}

static void add_root(struct section *s) {
  const size_t at = begin(s, PCLN_ANNOT_ROOT, 0x404000);
  put32(s, 1), put32(s, 5), put32(s, 7), put32(s, 6);
  put_padded(s, "\xaa\x02", 2);
  put_padded(s, "table", 6);
  end(s, at);
}

static void add_user(struct section *s) {
  size_t at = begin(s, PCLN_ANNOT_FUNCDATA, 0x401010);
  put32(s, 13), put32(s, 3);
  put_padded(s, "abc", 3);
  end(s, at);
  at = begin(s, PCLN_ANNOT_PCDATA, 0x401014);
  put32(s, 31), put32(s, (uint32_t)-9);
  end(s, at);
}

static void add_unit(struct section *s, uint8_t kind) {
  const size_t at = begin(s, kind, 0);
  put_padded(s, "dir/tree.c", 11);
  end(s, at);
}

static void make(struct section *s, int variant) {
  *s = (struct section){.swap = variant & 1, .ptr_size = variant & 2 ? 4 : 8};
  add_safepoints(s);
  add_root(s);
  put32(s, 0); // alignment of the next object's
  add_user(s);
  add_unit(s, PCLN_ANNOT_GC_UNIT);
  add_unit(s, PCLN_ANNOT_GC_SOURCE);
}

static struct pcln_annot_walk walk(const uint8_t *bytes, size_t len,
                                   const struct section *s) {
  return pcln_annot_begin((struct pcln_span){bytes, len}, s->ptr_size, s->swap);
}

// --- Sound records ----------------------------------------------------------

static void check_safepoints(const struct pcln_annot *a) {
  struct pcln_arena arena = {0};
  struct pcln_annot_safepoints s;
  struct pcln_annot_fault f;
  bool no_memory;
  assert_true(pcln_annot_safepoints(a, &arena, &s, &f, &no_memory));
  assert_string_equal(s.name, "work");
  assert_int_equal(s.size, 64);
  assert_int_equal(s.n_points, 2);
  const struct pcln_safepoint *p = s.points;
  assert_int_equal(p[0].ret_off, 12);
  assert_int_equal(p[0].frame, 24);
  assert_int_equal(p[0].n_areas, 1);
  assert_int_equal(p[0].areas->reg, 7);
  assert_int_equal(p[0].areas->off, 8);
  assert_int_equal(p[0].areas->n_words, 3);
  assert_int_equal(p[0].areas->repeat, 2);
  assert_int_equal(*p[0].areas->codes, 0x17);
  assert_int_equal(p[0].pairs->base_reg, 7);
  assert_int_equal(p[0].pairs->reg, 6);
  assert_int_equal(p[0].pairs->off, -16);
  assert_int_equal(p[1].ret_off, 64);
  assert_int_equal(p[1].flags, PCLN_POINT_NO_COLLECT);
  assert_int_equal(p[1].n_areas + p[1].n_pairs, 0);
  pcln_arena_free(&arena);
}

static void records_are_read_in_every_order_and_size(void **state) {
  (void)state;
  for (int variant = 0; variant < 4; variant++) {
    struct section s;
    struct pcln_annot a;
    struct pcln_annot_fault f;
    struct pcln_annot_root r;
    struct pcln_annot_funcdata fd;
    struct pcln_annot_pcdata pd;
    const char *name;
    make(&s, variant);
    struct pcln_annot_walk w = walk(s.bytes, s.len, &s);
    assert_true(pcln_annot_next(&w, &a));
    assert_int_equal(a.address, 0x401000);
    check_safepoints(&a);
    assert_true(pcln_annot_next(&w, &a));
    assert_true(pcln_annot_root(&a, &r, &f));
    assert_int_equal(a.address, 0x404000);
    assert_int_equal(r.flags, PCLN_ROOT_TLS);
    assert_int_equal(r.n_words, 5);
    assert_int_equal(r.repeat, 7);
    assert_string_equal(r.name, "table");
    assert_true(pcln_annot_next(&w, &a));
    assert_true(pcln_annot_funcdata(&a, &fd, &f));
    assert_int_equal(fd.index, 13);
    assert_int_equal(fd.payload.len, 3);
    assert_memory_equal(fd.payload.ptr, "abc", 3);
    assert_true(pcln_annot_next(&w, &a));
    assert_true(pcln_annot_pcdata(&a, &pd, &f));
    assert_int_equal(pd.index, 31);
    assert_int_equal(pd.value, -9);
    assert_int_equal(a.address, 0x401014);
    for (int kind = PCLN_ANNOT_GC_UNIT; kind >= PCLN_ANNOT_GC_SOURCE; kind--) {
      assert_true(pcln_annot_next(&w, &a));
      assert_int_equal(a.kind, kind);
      assert_true(pcln_annot_unit(&a, &name, &f));
      assert_string_equal(name, "dir/tree.c");
    }
    assert_false(pcln_annot_next(&w, &a));
    assert_null(w.fault.fault);
  }
}

// --- Malformed records ------------------------------------------------------

// Reads everything; the number of records, or -1 for a fault.
static int read_all(struct pcln_annot_walk w) {
  struct pcln_arena arena = {0};
  struct pcln_annot a;
  int n = 0;
  while (n >= 0 && pcln_annot_next(&w, &a)) {
    struct pcln_annot_fault f = {0};
    struct pcln_annot_safepoints s;
    struct pcln_annot_root r;
    struct pcln_annot_funcdata fd;
    struct pcln_annot_pcdata pd;
    const char *name;
    bool no_memory = false, ok;
    if (a.kind == PCLN_ANNOT_SAFEPOINTS)
      ok = pcln_annot_safepoints(&a, &arena, &s, &f, &no_memory);
    else if (a.kind == PCLN_ANNOT_ROOT)
      ok = pcln_annot_root(&a, &r, &f);
    else if (a.kind == PCLN_ANNOT_FUNCDATA)
      ok = pcln_annot_funcdata(&a, &fd, &f);
    else if (a.kind == PCLN_ANNOT_PCDATA)
      ok = pcln_annot_pcdata(&a, &pd, &f);
    else
      ok = pcln_annot_unit(&a, &name, &f);
    assert_true(ok || (f.fault && f.text && f.off <= w.bytes.len));
    n = ok ? n + 1 : -1;
  }
  pcln_arena_free(&arena);
  return w.fault.fault ? -1 : n;
}

// In a block of its own, so that a read beyond it is seen.
static int read_copy(const uint8_t *bytes, size_t len,
                     const struct section *s) {
  uint8_t *copy = malloc(len ? len : 1);
  assert_non_null(copy);
  memcpy(copy, bytes, len);
  const int n = read_all(walk(copy, len, s));
  free(copy);
  return n;
}

static void every_prefix_is_refused(void **state) {
  (void)state;
  for (int variant = 0; variant < 4; variant++) {
    struct section s;
    make(&s, variant);
    int whole = 0;
    for (size_t len = 0; len <= s.len; len++)
      whole += read_copy(s.bytes, len, &s) >= 0;
    assert_int_equal(read_all(walk(s.bytes, s.len, &s)), 6);
    assert_int_equal(whole, 7 + 1); // behind each record, and the padding
  }
}

static void every_changed_byte_is_survived(void **state) {
  (void)state;
  struct section s;
  make(&s, 0);
  for (size_t i = 0; i < s.len; i++)
    for (unsigned bit = 0; bit < 8; bit++) {
      s.bytes[i] ^= (uint8_t)(1u << bit);
      (void)read_copy(s.bytes, s.len, &s);
      s.bytes[i] ^= (uint8_t)(1u << bit);
    }
}

// --- Forms ------------------------------------------------------------------

static void payloads_are_held_to_their_form(void **state) {
  (void)state;
  static const struct {
    uint32_t index;
    const char *fault; // null: sound
    uint8_t n;
    uint8_t bytes[24];
  } cases[] = {
      {0, NULL, 8, {1}},                             // a row without words
      {0, NULL, 8, {0, 0, 0, 0, 8}},                 // no rows
      {1, NULL, 10, {2, 0, 0, 0, 8, 0, 0, 0, 2, 0}}, // two rows of four words
      {1, "annot-content", 9, {2, 0, 0, 0, 8, 0, 0, 0, 2}},
      {1, "annot-content", 9, {1, 0, 0, 0, 7, 0, 0, 0, 2}}, // odd bits
      {1, "annot-content", 8, {0xff, 0xff, 0xff, 0xff}},    // rows below 0
      {1, "annot-content", 4, {0}},
      {1, "annot-content", 9, {1, 0, 0, 0, 2, 0, 0, 0, 3}},    // item cut off
      {1, "annot-content", 9, {1, 0, 0, 0, 4, 0, 0, 0, 7}},    // slice cut off
      {1, "annot-content", 9, {1, 0, 0, 0, 6, 0, 0, 0, 0x27}}, // its capacity
      {2, "annot-index", 8, {0}},
      {3, "annot-index", 8, {0}},
      {5, NULL, 3, {0, 8, 0xff}},
      {5, NULL, 5, {0xfe, 0, 8, 0xfd, 0xff}},
      {5, "annot-content", 2, {0, 8}},
      {5, "annot-content", 4, {0, 8, 0xff, 0}},
      {8, "annot-index", 8, {0}},
      {9, NULL, 5, {1, 1, 0, 1, 0}},
      {9, "annot-content", 4, {1, 1, 0, 1}},
      {10, NULL, 8, {16}},
      {10, NULL, 12, {16, 0, 0, 0, 1}},  // words
      {10, NULL, 12, {16, 0, 0, 0, 32}}, // bits
      {10, NULL, 16, {16, 0, 0, 0, 33}},
      {10, "annot-content", 12, {16, 0, 0, 0, 33}},
      {10, "annot-content", 12, {16}},
      {10, "annot-content", 4, {16}},
      {11, "annot-index", 8, {0}},
      {12, NULL, 1, {0}},
      {15, NULL, 1, {0}},
      {12, "annot-content", 0, {0}},
      {16, "annot-index", 1, {0}},
      {0xffffffff, "annot-index", 1, {0}},
  };
  const bool swap = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *fault = NULL;
    const struct pcln_span span = {cases[i].bytes, cases[i].n};
    const char *text =
        pcln_annot_bad_funcdata(cases[i].index, span, swap, &fault);
    if (!text != !cases[i].fault ||
        (text && strcmp(fault, cases[i].fault) != 0))
      fail_msg("case %zu: %s", i, text ? text : "accepted");
  }
}

static void values_are_held_to_their_form(void **state) {
  (void)state;
  static const struct {
    uint32_t index;
    int32_t lo, hi; // sound
  } cases[] = {
      {0, -5, -1},       {1, -2, INT32_MAX},         {3, -1, INT32_MAX},
      {4, INT32_MIN, 0}, {16, INT32_MIN, INT32_MAX}, {31, INT32_MIN, INT32_MAX},
  };
  const char *fault;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const uint32_t n = cases[i].index;
    assert_null(pcln_annot_bad_pcdata(n, cases[i].lo, &fault));
    assert_null(pcln_annot_bad_pcdata(n, cases[i].hi, &fault));
    if (cases[i].lo > INT32_MIN)
      assert_non_null(pcln_annot_bad_pcdata(n, cases[i].lo - 1, &fault));
  }
  assert_non_null(pcln_annot_bad_pcdata(0, 0, &fault));
  static const uint32_t not_yours[] = {2, 5, 6, 7, 15, 32, 0xffffffff};
  for (size_t i = 0; i < sizeof not_yours / sizeof *not_yours; i++) {
    assert_non_null(pcln_annot_bad_pcdata(not_yours[i], -1, &fault));
    assert_string_equal(fault, "annot-index");
  }
}

// --- The manual -------------------------------------------------------------

// The bytes of the document's example: pairs of hexadecimal digits behind the
// offsets of the lines that follow its heading.
static size_t read_example(uint8_t *out, size_t cap) {
  char line[300];
  size_t n = 0;
  bool on = false;
  FILE *f = fopen(PCLN_ANNOTATIONS_DOC, "r");
  assert_non_null(f);
  while (fgets(line, sizeof line, f)) {
    if (!strncmp(line, "## Worked example", 17))
      on = true;
    unsigned long at;
    char *p;
    if (!on || strncmp(line, "0x", 2) != 0)
      continue;
    at = strtoul(line, &p, 16);
    assert_int_equal(at, n);
    for (p += strspn(p, " ");
         isxdigit((unsigned char)p[0]) && isxdigit((unsigned char)p[1]) &&
         isspace((unsigned char)p[2]);
         p += 3) {
      const char pair[3] = {p[0], p[1], 0};
      assert_true(n < cap);
      out[n++] = (uint8_t)strtoul(pair, NULL, 16);
    }
  }
  fclose(f);
  return n;
}

static void worked_example_is_what_the_reader_reads(void **state) {
  (void)state;
  struct section s = {.swap = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__,
                      .ptr_size = 8};
  uint8_t example[512];
  add_safepoints(&s);
  const size_t n = read_example(example, sizeof example);
  assert_int_equal(n, s.len);
  assert_memory_equal(example, s.bytes, n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(records_are_read_in_every_order_and_size),
      cmocka_unit_test(every_prefix_is_refused),
      cmocka_unit_test(every_changed_byte_is_survived),
      cmocka_unit_test(payloads_are_held_to_their_form),
      cmocka_unit_test(values_are_held_to_their_form),
      cmocka_unit_test(worked_example_is_what_the_reader_reads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
