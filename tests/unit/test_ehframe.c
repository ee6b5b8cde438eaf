// SPDX-License-Identifier: Apache-2.0
//
// Rules of the runtime: interning, packing into cache words, and the rows that
// an .eh_frame becomes. The section is made by hand: a CIE and FDEs that are
// out of order, have gaps, or overlap.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

// --- Rules -------------------------------------------------------------------

static struct pcln_rule sp_rule(int32_t off) {
  return (struct pcln_rule){
      .cfa = PCLN_CFA_SP, .cfa_off = off, .ra = PCLN_SAVE_CFA, .ra_off = -8};
}

static void equal_rules_have_one_number(void **state) {
  (void)state;
  const struct pcln_rule a = sp_rule(4096), b = sp_rule(4096),
                         c = sp_rule(4104);
  assert_int_not_equal(pclnrt_rule_number(&a), 0);
  assert_int_equal(pclnrt_rule_number(&a), pclnrt_rule_number(&b));
  assert_int_not_equal(pclnrt_rule_number(&a), pclnrt_rule_number(&c));
  assert_memory_equal(&pclnrt_rules[pclnrt_rule_number(&c)], &c, sizeof c);
}

enum { N_THREAD_RULES = 2000 };

static void *intern_many(void *arg) {
  uint32_t *numbers = (uint32_t *)arg;
  for (int i = 0; i < N_THREAD_RULES; i++) {
    const struct pcln_rule r = sp_rule(100000 + i * 8);
    numbers[i] = pclnrt_rule_number(&r);
  }
  return NULL;
}

static void threads_agree_on_numbers(void **state) {
  (void)state;
  static uint32_t numbers[4][N_THREAD_RULES];
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, intern_many, numbers[i]),
                     0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  for (int i = 1; i < 4; i++)
    assert_memory_equal(numbers[0], numbers[i], sizeof numbers[0]);
}

static void packed_rules_come_back_equal(void **state) {
  (void)state;
  static const uint8_t kinds[] = {PCLN_CFA_NONE, PCLN_CFA_SP, PCLN_CFA_FP,
                                  PCLN_CFA_REG, PCLN_CFA_SP_DEREF};
  static const int32_t offs[] = {-16, -8,   0,     4,     8,    16,
                                 80,  2048, 16376, 16384, 16380};
  static const int32_t fp_offs[] = {8, 0, -8, -12, -16, -64, -120, -128};
  unsigned n_packed = 0;
  for (unsigned k = 0; k < sizeof kinds; k++)
    for (unsigned i = 0; i < sizeof offs / sizeof *offs; i++)
      for (unsigned j = 0; j < sizeof fp_offs / sizeof *fp_offs; j++)
        for (uint8_t fp = 0; fp <= PCLN_SAVE_UNDEFINED; fp++)
          for (uint8_t reg = 0; reg < 2; reg++) {
            const struct pcln_rule r = {
                .cfa = kinds[k],
                .cfa_off = offs[i],
                .fp = fp,
                .fp_off = fp == PCLN_SAVE_SAME ? 0 : fp_offs[j],
                .ra = PCLN_SAVE_CFA,
                .ra_off = -8,
                .reg = reg ? PCLN_RULE_SIGNAL : 0};
            struct pcln_rule tmp;
            const uint32_t number = pclnrt_rule_number(&r);
            const uint64_t word = pclnrt_rule_word(&r, number);
            n_packed += !(word & PCLNRT_WORD_NUMBERED);
            assert_memory_equal(pclnrt_word_rule(word, &tmp), &r, sizeof r);
            assert_int_equal(word & ~(PCLNRT_WORD_NUMBERED | 0xffffull << 32),
                             0);
          }
  // SP and FP; 8, 16, 80, 2048, 16376; fp not saved (8 times the same), or at
  // -16, -64, -120.
  assert_int_equal(n_packed, 2 * 5 * (8 + 3));
}

// --- .eh_frame ---------------------------------------------------------------

enum { VA = 0x10000, TEXT = 0x1000, TEXT_END = 0x2000 };

struct section {
  uint8_t bytes[1024];
  size_t len;
};

static void put(struct section *s, const void *bytes, size_t len) {
  memcpy(s->bytes + s->len, bytes, len);
  s->len += len;
}

static void put32(struct section *s, uint32_t v) { put(s, &v, 4); }

static void put_cie(struct section *s) {
  static const uint8_t rest[] = {
      1,    'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, // version to pointer encoding
      0x0c, 7,   8,                            // def_cfa rsp+8
      0x90, 1,                                 // offset ra, cfa-8
      0,    0,   0,   0, 0,                    // nops
  };
  put32(s, 4 + sizeof rest);
  put32(s, 0);
  put(s, rest, sizeof rest);
}

// An FDE of [TEXT + lo, TEXT + lo + len) in which a push at its second byte
// raises the CFA to rsp+16.
static void put_fde(struct section *s, uint32_t lo, uint32_t len) {
  static const uint8_t program[] = {0, 0x41, 0x0e, 16, 0, 0, 0};
  put32(s, 4 + 8 + sizeof program);
  put32(s, (uint32_t)s->len); // distance to the CIE at 0
  put32(s, TEXT + lo - (VA + (uint32_t)s->len));
  put32(s, len);
  put(s, program, sizeof program);
}

static int32_t cfa_at(const struct pclnrt_rows *rows, uint32_t off) {
  return pclnrt_rules[pclnrt_rows_find(rows, off)].cfa_off;
}

static void make(struct section *s) {
  *s = (struct section){.len = 0};
  put_cie(s);
  put_fde(s, 0x200, 0x40); // out of order
  put_fde(s, 0x100, 0x40);
  put_fde(s, 0x140, 0x20); // directly behind: no gap
  put_fde(s, 0x120, 0x10); // inside of another
  put32(s, 0);
}

static void build(const struct section *s, struct pclnrt_rows *rows) {
  const struct pcln_span bytes = {s->bytes, s->len};
  assert_int_equal(pclnrt_rows_build(bytes, VA, TEXT, TEXT_END, rows), PCLN_OK);
}

static void rows_give_the_rule_of_each_pc(void **state) {
  (void)state;
  static const struct {
    uint32_t off;
    int32_t cfa; // 0: no rule
  } cases[] = {{0, 0},     {0xff, 0},   {0x100, 8},  {0x101, 16}, {0x13f, 16},
               {0x140, 8}, {0x141, 16}, {0x15f, 16}, {0x160, 0},  {0x1ff, 0},
               {0x200, 8}, {0x23f, 16}, {0x240, 0},  {0xfff, 0},  {0x1000, 0}};
  struct section s;
  struct pclnrt_rows rows;
  make(&s);
  build(&s, &rows);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(cfa_at(&rows, cases[i].off), cases[i].cfa);
  for (uint32_t i = 1; i < rows.n; i++) {
    assert_true(rows.off[i - 1] < rows.off[i]);
    assert_int_not_equal(rows.rule[i - 1], rows.rule[i]);
  }
}

static void code_outside_of_the_object_is_left_out(void **state) {
  (void)state;
  struct section s = {.len = 0};
  struct pclnrt_rows rows;
  put_cie(&s);
  put_fde(&s, 0x100, 0x40);
  put_fde(&s, 0xff0, 0x40); // reaches beyond the end
  put32(&s, 0);
  build(&s, &rows);
  assert_int_equal(cfa_at(&rows, 0x110), 16);
  assert_int_equal(cfa_at(&rows, 0xff0), 0);
}

static void many_functions_are_sorted(void **state) {
  (void)state;
  enum { N = 5000, STEP = 64 };
  static uint8_t bytes[64 + N * 23];
  struct section s = {.len = 0};
  struct pclnrt_rows rows;
  put_cie(&s);
  memcpy(bytes, s.bytes, s.len);
  size_t len = s.len;
  for (uint32_t i = 0; i < N; i++) {
    const uint32_t at = i * 1237 % N; // no common factor: a shuffle
    s.len = 0;
    put_fde(&s, 0, 32);
    const uint32_t cie = (uint32_t)len + 4;
    const uint32_t lo = TEXT + at * STEP - (VA + (uint32_t)len + 8);
    memcpy(s.bytes + 4, &cie, 4);
    memcpy(s.bytes + 8, &lo, 4);
    memcpy(bytes + len, s.bytes, s.len);
    len += s.len;
  }
  const struct pcln_span span = {bytes, len};
  assert_int_equal(pclnrt_rows_build(span, VA, TEXT, TEXT + N * STEP, &rows),
                   PCLN_OK);
  uint32_t found = 0;
  for (uint32_t i = 0; i < N; i++)
    found +=
        cfa_at(&rows, i * STEP + 1) == 16 && cfa_at(&rows, i * STEP + 33) == 0;
  assert_int_equal(found, N);
}

static void free_rows(struct pclnrt_rows *rows) {
  if (rows->n)
    pclnrt_sys_unmap((void *)(uintptr_t)rows->off, (size_t)rows->n * 6);
}

static void malformed_sections_do_no_harm(void **state) {
  (void)state;
  struct section sound;
  make(&sound);
  for (size_t len = 0; len < sound.len; len++) { // each prefix
    uint8_t *copy = (uint8_t *)malloc(len ? len : 1);
    memcpy(copy, sound.bytes, len);
    struct pclnrt_rows rows = {0};
    const struct pcln_span span = {copy, len};
    const enum pcln_status status =
        pclnrt_rows_build(span, VA, TEXT, TEXT_END, &rows);
    assert_true(status == PCLN_OK || status == PCLN_NOT_FOUND);
    free_rows(&rows);
    free(copy);
  }
  for (size_t i = 0; i < sound.len; i++) // each byte
    for (unsigned v = 0; v < 256; v += 15) {
      struct section s = sound;
      s.bytes[i] = (uint8_t)(s.bytes[i] + 1 + v);
      struct pclnrt_rows rows = {0};
      const struct pcln_span span = {s.bytes, s.len};
      if (pclnrt_rows_build(span, VA, TEXT, TEXT_END, &rows) == PCLN_OK)
        for (uint32_t k = 1; k < rows.n; k++)
          assert_true(rows.off[k - 1] < rows.off[k] &&
                      rows.off[k] <= TEXT_END - TEXT);
      free_rows(&rows);
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(equal_rules_have_one_number),
      cmocka_unit_test(threads_agree_on_numbers),
      cmocka_unit_test(packed_rules_come_back_equal),
      cmocka_unit_test(rows_give_the_rule_of_each_pc),
      cmocka_unit_test(code_outside_of_the_object_is_left_out),
      cmocka_unit_test(many_functions_are_sorted),
      cmocka_unit_test(malformed_sections_do_no_harm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
