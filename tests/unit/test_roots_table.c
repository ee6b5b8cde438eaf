// SPDX-License-Identifier: Apache-2.0
//
// The roots of a table: what the model says is what a collector reads, in order
// and at the address where the program was loaded; and every way in which the
// part can be wrong has a name.
#include "bytes.h"
#include "crc32c.h"
#include "module.h"
#include "roots_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT = 0x401000, N_ROOTS = 4 };
static const uint8_t k_pointer[] = {0x02}, k_slice[] = {0x17};

static const struct pcln_root_def k_defs[N_ROOTS] = {
    {.off = 0x500000, .n_words = 1, .repeat = 100, .codes = k_pointer},
    {.off = 24, .n_words = 1, .repeat = 1, .flags = 1, .codes = k_pointer},
    {.off = 0x400100, .n_words = 3, .repeat = 2, .codes = k_slice},
    {.off = 0, .n_words = 3, .repeat = 1, .flags = 1, .codes = k_slice},
};
// Their order in the table.
static const uint8_t k_order[N_ROOTS] = {2, 0, 3, 1};

struct made {
  uint8_t *bytes;
  size_t len;
  struct pcln_table t;
};

static enum pcln_status encode(const struct pcln_root_def *defs, size_t n,
                               bool big, struct made *out) {
  static const struct pcln_encode_options o = {.layout = PCLN_GO_120,
                                               .threads = 1};
  const struct pcln_func_def f = {
      .va = TEXT, .size = 16, .cu = PCLN_NO_CU, .name = "f"};
  struct pcln_module m;
  pcln_module_init(&m);
  m.big_endian = big;
  assert_int_equal(pcln_module_add_func(&m, &f), PCLN_OK);
  for (size_t i = 0; i < n; i++)
    assert_int_equal(pcln_module_add_root(&m, &defs[i]), PCLN_OK);
  *out = (struct made){0};
  const enum pcln_status st =
      pcln_encode(&m, &o, NULL, &out->bytes, &out->len, NULL);
  pcln_module_free(&m);
  return st;
}

static void make(bool big, struct made *out) {
  assert_int_equal(encode(k_defs, N_ROOTS, big, out), PCLN_OK);
  assert_int_equal(pcln_open(&out->t, out->bytes, out->len, NULL, NULL),
                   PCLN_OK);
}

static void roots_are_read_in_order_where_the_program_is(void **state) {
  (void)state;
  for (int big = 0; big < 2; big++) {
    struct made x;
    struct pcln_root_iter it;
    struct pcln_root r;
    make(big, &x);
    assert_int_equal(pcln_verify(&x.t, NULL), PCLN_OK);
    const uint64_t bias = 0x7f0000000000;
    x.t.text_start += bias;
    assert_int_equal(pcln_verify(&x.t, NULL), PCLN_OK);
    pcln_roots_begin(&x.t, &it);
    for (size_t i = 0; i < N_ROOTS; i++) {
      const struct pcln_root_def *d = &k_defs[k_order[i]];
      assert_true(pcln_roots_next(&it, &r));
      assert_int_equal(r.tls, d->flags);
      assert_int_equal(r.va, d->off + (r.tls ? 0 : bias));
      assert_int_equal(r.n_words, d->n_words);
      assert_int_equal(r.repeat, d->repeat);
      assert_int_equal(r.codes.len, 1);
      assert_int_equal(*r.codes.ptr, *d->codes);
      const struct pcln_map_row row = pcln_root_row(&r);
      struct pcln_word w;
      uint32_t next = 0;
      assert_true(pcln_words_next(&row, &next, &w));
      assert_int_equal(w.kind,
                       d->n_words == 3 ? PCLN_WORD_SLICE : PCLN_WORD_POINTER);
      assert_int_equal(next, d->n_words);
    }
    assert_false(pcln_roots_next(&it, &r));
    assert_int_equal(it.status, PCLN_OK);
    free(x.bytes);
  }
}

static void tables_without_roots_have_the_short_header(void **state) {
  (void)state;
  struct made x;
  struct pcln_root_iter it;
  struct pcln_root r;
  assert_int_equal(encode(NULL, 0, false, &x), PCLN_OK);
  assert_int_equal(pcln_open(&x.t, x.bytes, x.len, NULL, NULL), PCLN_OK);
  assert_int_equal(x.t.pclntab.ptr - x.bytes, PCLN_MOD_SIZE);
  assert_null(x.t.roots.ptr);
  pcln_roots_begin(&x.t, &it);
  assert_false(pcln_roots_next(&it, &r));
  assert_int_equal(it.status, PCLN_OK);
  free(x.bytes);
}

static void roots_with_common_words_are_not_written(void **state) {
  (void)state;
  struct pcln_root_def two[2] = {k_defs[0], k_defs[2]};
  struct made x;
  two[1].off = two[0].off + 99 * 8;
  assert_int_equal(encode(two, 2, false, &x), PCLN_CORRUPT);
  two[1].off += 8;
  assert_int_equal(encode(two, 2, false, &x), PCLN_OK);
  free(x.bytes);
  two[1].repeat = 0;
  assert_int_equal(encode(two, 2, false, &x), PCLN_CORRUPT);
  two[1] = k_defs[2];
  two[1].off = UINT64_MAX - 8;
  assert_int_equal(encode(two, 2, false, &x), PCLN_CORRUPT);
}

// --- Faults -----------------------------------------------------------------

static void first_fault(void *ctx, const struct pcln_report *r) {
  const char **first = ctx;
  if (!*first)
    *first = r->fault;
}

static void each_fault_has_its_name(void **state) {
  (void)state;
  enum { FIRST = PCLN_ROOTS_HEADER, SIZE = PCLN_ROOT_SIZE };
  static const struct {
    const char *fault;
    size_t off; // from the start of the roots
    uint64_t value;
    unsigned size;
  } cases[] = {
      {"roots-bounds", 0, 0, 4},
      {"roots-bounds", 0, 5, 4},
      {"roots-bounds", 0, 0xffffffff, 4},
      {"roots-bounds", FIRST + 16, 0x1000, 4},     // entries
      {"roots-bounds", FIRST + 8, 0xffffffff, 4},  // words
      {"root-size", FIRST + 12, 0, 4},             // repeat
      {"root-size", FIRST, 0x7fffffffffffffe0, 8}, // off
      {"root-overlap", FIRST, 0xff000, 8},         // off: the next one's
      {"root-overlap", FIRST + 20, 1, 4},          // thread-local, too early
      {"root-codes", FIRST + 8, 2, 4},             // cuts the slice
      {"root-flags", FIRST + 2 * SIZE + 20, 3, 4}, // flags
      {"module-fields", SIZE_MAX, 1, 1},           // behind the part
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct made x;
    make(false, &x);
    const char *fault = NULL;
    const struct pcln_sink sink = {.fn = first_fault, .ctx = &fault};
    uint8_t *at = x.bytes + PCLN_MOD_ROOTS + 8;
    if (cases[i].off != SIZE_MAX)
      at = x.bytes + (x.t.roots.ptr - x.bytes) + cases[i].off;
    uint8_t value[8];
    pcln_store64(value, cases[i].value, false);
    memcpy(at, value, cases[i].size);
    pcln_store32(x.bytes + PCLN_MOD_CHECKSUM,
                 pcln_blob_checksum(x.bytes, x.len), false);
    assert_int_equal(pcln_open(&x.t, x.bytes, x.len, NULL, NULL), PCLN_OK);
    assert_int_equal(pcln_verify(&x.t, &sink), PCLN_CORRUPT);
    if (!fault || strcmp(fault, cases[i].fault) != 0)
      fail_msg("case %zu: want %s, got %s", i, cases[i].fault, fault);
    free(x.bytes);
  }
}

static void every_changed_byte_is_survived(void **state) {
  (void)state;
  struct made x;
  make(false, &x);
  const size_t roots = (size_t)(x.t.roots.ptr - x.bytes);
  for (size_t i = 0; i < x.t.roots.len; i++) {
    uint8_t *p = &x.bytes[roots + i];
    const uint8_t old = *p;
    for (unsigned bit = 0; bit < 8; bit++) {
      struct pcln_root_iter it;
      struct pcln_root r;
      *p = (uint8_t)(old ^ 1u << bit);
      pcln_roots_begin(&x.t, &it);
      while (pcln_roots_next(&it, &r))
        assert_true(r.codes.ptr >= x.t.roots.ptr &&
                    r.codes.ptr + r.codes.len <= x.t.roots.ptr + x.t.roots.len);
    }
    *p = old;
  }
  free(x.bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(roots_are_read_in_order_where_the_program_is),
      cmocka_unit_test(tables_without_roots_have_the_short_header),
      cmocka_unit_test(roots_with_common_words_are_not_written),
      cmocka_unit_test(each_fault_has_its_name),
      cmocka_unit_test(every_changed_byte_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
