// SPDX-License-Identifier: Apache-2.0
//
// The heap's checker: each fault is planted and must be found by its name, and
// nothing else may be.
#include "small_collector.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct pclnrt_gc_type node = {
    .size = 48, .pointers = 3, .n_words = 2, .name = "node"};

static uintptr_t roots[6];
static const char *found;
static size_t n_others;

static void on_report(void *ctx, const struct pcln_report *r) {
  const char *expected = ctx;
  assert_int_equal(r->severity, PCLN_ERROR);
  assert_non_null(r->text);
  assert_string_equal(r->region, "heap");
  if (strcmp(r->fault, expected) == 0)
    found = r->fault;
  else
    n_others++;
}

// A heap with a bit of everything.
static int set_up(void **state) {
  (void)state;
  small_collect_all();
  for (int i = 0; i < 2000; i++) {
    roots[0] = (uintptr_t)pclnrt_gc_new(&node);
    roots[1] = (uintptr_t)pclnrt_gc_new_array(&node, 40);
    roots[2] = (uintptr_t)pclnrt_gc_new_bytes(30);
  }
  roots[3] = (uintptr_t)pclnrt_gc_new_array(&node, 5000);
  roots[4] = (uintptr_t)pclnrt_gc_new_bytes(200000);
  roots[5] = (uintptr_t)pclnrt_gc_new_flex(&node, &node, 48, 3);
  small_collector.roots = roots;
  small_collector.n_roots = 6;
  small_collect();
  pclnrt_heap_begin_mark();
  assert_int_equal(pclnrt_heap_check(NULL), 0);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  assert_int_equal(pclnrt_heap_check(NULL), 0);
  small_collect_all();
  pclnrt_heap_release(0);
  return 0;
}

static void expect(const char *fault) {
  const struct pcln_sink sink = {on_report, (void *)(uintptr_t)fault};
  found = NULL;
  n_others = 0;
  assert_int_not_equal(pclnrt_heap_check(&sink), 0);
  assert_non_null(found);
  assert_int_equal(n_others, 0);
}

static struct pclnrt_cell cell(int root) {
  struct pclnrt_cell c;
  assert_true(pclnrt_heap_find(roots[root], &c));
  return c;
}

// Plants one value for another, checks, and puts it back.
#define PLANT(fault, place, value)                                             \
  do {                                                                         \
    const __typeof__(place) was = (place);                                     \
    (place) = (value);                                                         \
    expect(fault);                                                             \
    (place) = was;                                                             \
    assert_int_equal(pclnrt_heap_check(NULL), 0);                              \
  } while (0)

static void check_finds_changed_blocks(void **state) {
  (void)state;
  struct pclnrt_block *small = cell(0).block, *large = cell(3).block;
  PLANT("heap-block", small->cell_size, 32);
  PLANT("heap-block", small->n_cells, 7);
  PLANT("heap-block", small->reciprocal, 1);
  PLANT("heap-block", small->kind, PCLNRT_CELL_BYTES);
  PLANT("heap-block", small->pointers, 1);
  PLANT("heap-block", small->n_used, small->n_cells + 1);
  PLANT("heap-block", large->large_size, 5);
  PLANT("heap-block", large->n_used, 0);
  PLANT("heap-block", large[1].n_blocks, 2);
  PLANT("heap-block", large[1].state, PCLNRT_BLOCK_LARGE);
}

static void check_finds_blocks_free_and_in_use(void **state) {
  (void)state;
  struct pclnrt_block *large = cell(4).block;
  // Its other blocks then belong to none, which is the same fault.
  PLANT("heap-block", large->state, PCLNRT_BLOCK_FREE);
}

static void check_finds_broken_lists(void **state) {
  (void)state;
  struct pclnrt_block *b = cell(0).block;
  struct pclnrt_bin *bin = b->bin;
  PLANT("heap-list", bin->first, PCLNRT_NO_BLOCK);
  PLANT("heap-list", bin->last, PCLNRT_NO_BLOCK);
  PLANT("heap-list", bin->last, 0);
  PLANT("heap-list", bin->cursor, PCLNRT_NO_BLOCK);
  PLANT("heap-list", b->next, (uint32_t)(b - pclnrt_heap.blocks));
  PLANT("heap-list", b->prev, 3);
  PLANT("heap-list", b->next, 1 << 20);
}

static void check_finds_stray_marks(void **state) {
  (void)state;
  struct pclnrt_cell c = cell(0);
  PLANT("heap-mark", pclnrt_cell_bits(c)->mark[0], UINT64_C(1) << (c.idx % 64));
  PLANT("heap-mark", pclnrt_cell_bits(cell(4))->mark[1], 1);
  c.idx = c.block->n_cells - 1; // 1365 cells: 21 words and 21 bits
  PLANT("heap-mark", pclnrt_cell_bits(c)->allocated, UINT64_C(1) << 63);
  PLANT("heap-mark", pclnrt_cell_bits(c)->mark[1], UINT64_C(1) << 22);
}

static void check_finds_a_block_in_a_cache(void **state) {
  (void)state;
  struct pclnrt_slot slot = {0};
  PLANT("heap-cache", cell(2).block->slot, &slot);
}

static void check_finds_overwritten_headers(void **state) {
  (void)state;
  static const struct pclnrt_gc_type huge = {
      .size = 1 << 20, .pointers = 1, .n_words = 1, .name = "huge"};
  uintptr_t *small = (uintptr_t *)pclnrt_cell_start(cell(1));
  uintptr_t *large = (uintptr_t *)pclnrt_cell_start(cell(3));
  PLANT("heap-header", *small, 0);
  PLANT("heap-header", *large, 0x100);
  PLANT("heap-header", *small, (uintptr_t)&huge | PCLNRT_TAG_ONE);
}

static void check_finds_writes_to_free_cells(void **state) {
  (void)state;
  SMALL_SKIP_WHERE_ASAN_FINDS_IT();
  small_collect_all();
  pclnrt_heap_release(0);
  pclnrt_heap_options.poison = true;
  set_up(NULL);
  const struct pclnrt_cell c = cell(0);
  const uintptr_t other =
      roots[0] + (c.idx ? -(uintptr_t)c.block->cell_size : c.block->cell_size);
  PLANT("heap-free-cell", *(uint64_t *)other, 0);
  small_collect_all();
  pclnrt_heap_release(0);
  pclnrt_heap_options.poison = false;
}

static void check_finds_writes_to_fresh_cells(void **state) {
  (void)state;
  SMALL_SKIP_WHERE_ASAN_FINDS_IT();
  static const struct pclnrt_gc_type other = {
      .size = 56, .pointers = 1, .n_words = 1, .name = "other"};
  small_collect_all();
  pclnrt_heap_release(0);
  uintptr_t *p = pclnrt_gc_new(&other);
  pclnrt_heap_begin_mark();
  PLANT("heap-free-cell", p[7 * 3], 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(check_finds_changed_blocks, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(check_finds_blocks_free_and_in_use,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(check_finds_broken_lists, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(check_finds_stray_marks, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(check_finds_a_block_in_a_cache, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(check_finds_overwritten_headers, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(check_finds_writes_to_free_cells, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(check_finds_writes_to_fresh_cells, set_up,
                                      tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
