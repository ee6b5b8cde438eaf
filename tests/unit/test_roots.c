// SPDX-License-Identifier: Apache-2.0
//
// The words of one frame: every entry of two-bit maps, and the record of 2013,
// in a frame that is an array here. The numbers A1 to B11 are those of the
// behaviours that Go had, each of which is kept.
#include "roots_internal.h"

#include "roots_cache.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PCLNRT_BUILDING
#include "gc.h"

enum { N = 40, SPARE = 4, DEAD = 0, SCALAR = 1, POINTER = 2, MULTI = 3 };
enum { STRING = 0, SLICE = 1, IFACE = 2, EFACE = 3 };
static const uintptr_t poison = (uintptr_t)0x6969696969696969;

// --- A frame, a map, and what was seen
// ----------------------------------------

// The frame's words, and its caller's. The CFA is the address of args[0].
static struct {
  uintptr_t words[N];
  uintptr_t ra;
  uintptr_t args[N];
} stack;
static uint8_t codes[N / 4];
static uint8_t argument_codes[N / 4];

static struct seen {
  size_t n, n_words;
  uintptr_t *slot[N], *base[N];
  enum pcln_word_kind kind[N];
  uintptr_t *lo[N], *hi[N];
} seen;

static void on_root(void *ctx, const struct pclnrt_root *root) {
  (void)ctx;
  assert_true(seen.n < N);
  seen.slot[seen.n] = root->slot;
  seen.base[seen.n] = root->base;
  seen.kind[seen.n++] = root->kind;
}

static void on_words(void *ctx, uintptr_t *lo, uintptr_t *hi,
                     const struct pclnrt_root_frame *frame) {
  (void)ctx, (void)frame;
  assert_true(seen.n_words < N);
  seen.lo[seen.n_words] = lo;
  seen.hi[seen.n_words++] = hi;
}

static void set(uint8_t *row, size_t i, unsigned code) {
  row[i / 4] = (uint8_t)((row[i / 4] & ~(3u << i % 4 * 2)) | code << i % 4 * 2);
}

// The item at word `i`: its entries, and garbage or null in its words.
static void put(size_t i, unsigned kind, uintptr_t a, uintptr_t b,
                uintptr_t c) {
  set(codes, i, MULTI);
  set(codes, i + 1, kind);
  stack.words[i] = a;
  stack.words[i + 1] = b;
  if (kind == SLICE) {
    set(codes, i + 2, SCALAR);
    stack.words[i + 2] = c;
  }
}

static int set_up(void **state) {
  (void)state;
  memset(&stack, 0, sizeof stack);
  memset(codes, 0x55, sizeof codes); // scalars
  memset(argument_codes, 0x55, sizeof argument_codes);
  return 0;
}

static struct pclnrt_root_stats stats;
static struct pclnrt_scan scan;

static struct pclnrt_scan *begin(const struct pclnrt_root_visitor *v) {
  memset(&seen, 0, sizeof seen);
  stats = (struct pclnrt_root_stats){0};
  scan = (struct pclnrt_scan){
      .v = v,
      .stats = &stats,
      .poison = v->poison_dead,
      .frame = {.sp = (uint64_t)stack.words, .cfa = (uint64_t)stack.args}};
  return &scan;
}

static const struct pclnrt_root_visitor visitor = {.root = on_root,
                                                   .words = on_words};
static const struct pclnrt_root_visitor poisoning = {
    .root = on_root, .words = on_words, .poison_dead = true};

static struct pclnrt_site maps(bool plain) {
  return (struct pclnrt_site){.kind = PCLNRT_SITE_MAPS,
                              .plain = plain,
                              .locals = codes,
                              .n_locals = N,
                              .locals_off = -8 * (N + 1)};
}

static enum pcln_status visit(const struct pclnrt_root_visitor *v, bool plain) {
  const struct pclnrt_site site = maps(plain);
  return pclnrt_frame_maps(begin(v), &site);
}

static bool saw(const uintptr_t *slot, enum pcln_word_kind kind) {
  for (size_t i = 0; i < seen.n; i++)
    if (seen.slot[i] == slot)
      return seen.kind[i] == kind && !seen.base[i];
  return false;
}

// --- Two-bit entries
// ----------------------------------------------------------

static void pointers_at_every_place(void **state) {
  (void)state;
  // Both ways of reading a row: they must agree.
  for (int plain = 0; plain < 2; plain++)
    for (size_t i = 0; i < N; i++) {
      set_up(NULL);
      set(codes, i, POINTER);
      stack.words[i] = 0x1000 + i;
      assert_int_equal(visit(&visitor, plain), PCLN_OK);
      assert_int_equal(seen.n, 1);
      assert_true(saw(&stack.words[i], PCLN_WORD_POINTER));
      stack.words[i] = 0; // null is no root
      assert_int_equal(visit(&visitor, plain), PCLN_OK);
      assert_int_equal(seen.n, 0);
    }
}

static void scalars_and_dead_words_are_no_roots(void **state) {
  (void)state;
  for (size_t i = 0; i < N; i++) {
    set(codes, i, i % 2 ? SCALAR : DEAD);
    stack.words[i] = 0x1000;
  }
  assert_int_equal(visit(&visitor, true), PCLN_OK);
  assert_int_equal(visit(&visitor, false), PCLN_OK);
  assert_int_equal(seen.n + seen.n_words, 0);
}

// B3: length and capacity decide.
static void strings_and_slices(void **state) {
  static const struct {
    unsigned kind;
    uintptr_t data, len, cap;
    bool root;
  } cases[] = {
      {STRING, 0x1000, 0, 0, false}, {STRING, 0x1000, 1, 0, true},
      {STRING, 0, 5, 0, false},      {SLICE, 0x1000, 0, 0, false},
      {SLICE, 0x1000, 0, 1, true},   {SLICE, 0x1000, 2, 2, true},
      {SLICE, 0, 2, 2, false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    set_up(NULL);
    put(3, cases[i].kind, cases[i].data, cases[i].len, cases[i].cap);
    assert_int_equal(visit(&visitor, false), PCLN_OK);
    assert_int_equal(seen.n, cases[i].root);
    if (cases[i].root)
      assert_true(saw(&stack.words[3], cases[i].kind == STRING
                                           ? PCLN_WORD_STRING
                                           : PCLN_WORD_SLICE));
  }
}

// B4
static void slice_with_capacity_below_length_is_fatal(void **state) {
  (void)state;
  put(3, SLICE, 0x1000, 3, 2);
  assert_int_equal(visit(&visitor, false), PCLN_CORRUPT);
  assert_string_equal(scan.fault, "roots-slice");
}

// B5: by the type's descriptor.
static void data_words_of_interfaces(void **state) {
  static const uint8_t pointer[] = {POINTER};
  static const struct pclnrt_gc_type small = {.size = 8}, large = {.size = 16},
                                     one = {.size = 8,
                                            .pointers = 1,
                                            .n_words = 1,
                                            .codes = pointer};
  const struct {
    const struct pclnrt_gc_type *type;
    bool root;
  } cases[] = {{&small, false}, {&large, true}, {&one, true}};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    const struct gc_itab itab = {cases[i].type};
    set_up(NULL);
    put(0, EFACE, (uintptr_t)cases[i].type, 0x1000, 0);
    put(2, IFACE, (uintptr_t)&itab, 0x2000, 0);
    assert_int_equal(visit(&visitor, false), PCLN_OK);
    assert_int_equal(seen.n, cases[i].root ? 2 : 0);
    if (cases[i].root) {
      assert_true(saw(&stack.words[1], PCLN_WORD_EFACE));
      assert_true(saw(&stack.words[3], PCLN_WORD_IFACE));
    }
    // Null data is no root.
    stack.words[1] = stack.words[3] = 0;
    assert_int_equal(visit(&visitor, false), PCLN_OK);
    assert_int_equal(seen.n, 0);
  }
}

static const void *asked;
static bool never_boxed(void *ctx, const void *type) {
  (void)ctx;
  asked = type;
  return false;
}

static void types_of_another_runtime(void **state) {
  static const struct pclnrt_root_visitor other = {
      .root = on_root, .words = on_words, .boxed = never_boxed};
  int type;
  const void *const itab = &type;
  (void)state;
  put(0, EFACE, (uintptr_t)&type, 0x1000, 0);
  assert_int_equal(visit(&other, false), PCLN_OK);
  assert_ptr_equal(asked, &type);
  set_up(NULL);
  asked = NULL;
  put(0, IFACE, (uintptr_t)&itab, 0x1000, 0);
  assert_int_equal(visit(&other, false), PCLN_OK);
  assert_ptr_equal(asked, &type);
  assert_int_equal(seen.n, 0);
}

// B6, B8: the entry of an item's second word is no entry of its own, whatever
// the first word holds.
static void null_items_keep_their_words(void **state) {
  (void)state;
  for (unsigned kind = STRING; kind <= EFACE; kind++) {
    set_up(NULL);
    put(5, kind, 0, 0x7777, 0x8888);
    assert_int_equal(visit(&poisoning, false), PCLN_OK);
    assert_int_equal(seen.n, 0);
    assert_int_equal(stack.words[5], 0);
    assert_int_equal(stack.words[6], 0x7777);
    if (kind == SLICE)
      assert_int_equal(stack.words[7], 0x8888);
  }
}

// B9
static void items_across_units_of_entries(void **state) {
  (void)state;
  for (unsigned kind = STRING; kind <= SLICE; kind++)
    for (size_t at = 0; at + 3 <= N; at++) {
      set_up(NULL);
      put(at, kind, 0x1000, 1, 1);
      assert_int_equal(visit(&visitor, false), PCLN_OK);
      assert_int_equal(seen.n, 1);
      assert_true(saw(&stack.words[at],
                      kind == STRING ? PCLN_WORD_STRING : PCLN_WORD_SLICE));
    }
}

// B7
static void dead_words_are_poisoned_on_request(void **state) {
  (void)state;
  set(codes, 0, DEAD);
  set(codes, 2, POINTER);
  set(codes, 39, DEAD);
  for (size_t i = 0; i < N; i++)
    stack.words[i] = 0x1000 + i;
  stack.ra = 0xabc;
  assert_int_equal(visit(&visitor, true), PCLN_OK);
  assert_int_equal(stack.words[0], 0x1000);
  assert_int_equal(visit(&poisoning, true), PCLN_OK);
  assert_int_equal(stats.dead, 2);
  for (size_t i = 0; i < N; i++)
    assert_int_equal(stack.words[i], i == 0 || i == 39 ? poison : 0x1000 + i);
  assert_int_equal(stack.ra, 0xabc);
  assert_true(saw(&stack.words[2], PCLN_WORD_POINTER));
}

static void words_below_the_stack_pointer(void **state) {
  const struct pclnrt_site site = maps(true);
  (void)state;
  // The row is as long as the function's largest frame; here it is smaller.
  set(codes, 0, DEAD);
  set(codes, SPARE, POINTER);
  stack.words[0] = stack.words[SPARE] = 0x1000;
  begin(&poisoning)->frame.sp = (uint64_t)&stack.words[SPARE];
  assert_int_equal(pclnrt_frame_maps(&scan, &site), PCLN_OK);
  assert_int_equal(stack.words[0], 0x1000);
  assert_true(saw(&stack.words[SPARE], PCLN_WORD_POINTER));
  set(codes, SPARE - 1, POINTER);
  begin(&visitor)->frame.sp = (uint64_t)&stack.words[SPARE];
  assert_int_equal(pclnrt_frame_maps(&scan, &site), PCLN_CORRUPT);
  assert_string_equal(scan.fault, "roots-frame");
}

static void arguments(void **state) {
  struct pclnrt_site site = {
      .kind = PCLNRT_SITE_MAPS, .plain = true, .locals_off = -8};
  (void)state;
  set(argument_codes, 1, POINTER);
  stack.args[0] = stack.args[1] = 0x1000;
  site.args = argument_codes;
  site.n_args = 3;
  assert_int_equal(pclnrt_frame_maps(begin(&visitor), &site), PCLN_OK);
  assert_int_equal(seen.n, 1);
  assert_true(saw(&stack.args[1], PCLN_WORD_POINTER));
  // Without a map all of them may be references.
  site.args = NULL;
  assert_int_equal(pclnrt_frame_maps(begin(&visitor), &site), PCLN_OK);
  assert_int_equal(seen.n, 0);
  assert_int_equal(seen.n_words, 1);
  assert_ptr_equal(seen.lo[0], &stack.args[0]);
  assert_ptr_equal(seen.hi[0], &stack.args[3]);
}

// --- The record of 2013
// -------------------------------------------------------

static struct pclnrt_site record(uint32_t locals) {
  return (struct pclnrt_site){
      .kind = PCLNRT_SITE_RECORD, .n_locals = locals, .locals_off = -8};
}

// A1
static void record_scans_the_upper_locals(void **state) {
  const struct pclnrt_site site = record(24);
  (void)state;
  pclnrt_frame_record(begin(&visitor), &site);
  assert_int_equal(seen.n_words, 1);
  assert_ptr_equal(seen.lo[0], &stack.words[N - 3]);
  assert_ptr_equal(seen.hi[0], &stack.words[N]);
}

// A3, A4
static void record_scans_arguments(void **state) {
  static const uint32_t second[] = {2};
  struct pclnrt_site site = record(0);
  (void)state;
  stack.args[0] = stack.args[1] = 0x1000;
  site.args = (const uint8_t *)second;
  site.n_args = 2;
  pclnrt_frame_record(begin(&visitor), &site);
  assert_int_equal(seen.n, 1);
  assert_int_equal(seen.n_words, 0);
  assert_true(saw(&stack.args[1], PCLN_WORD_POINTER));
  site.args = NULL;
  pclnrt_frame_record(begin(&visitor), &site);
  assert_int_equal(seen.n_words, 1);
  assert_ptr_equal(seen.lo[0], &stack.args[0]);
  assert_ptr_equal(seen.hi[0], &stack.args[2]);
}

// A6; at a call, all of the frame that there is.
static void record_of_a_frame_that_is_not_there(void **state) {
  struct pclnrt_site site = record(8 * N);
  (void)state;
  site.n_args = 1;
  begin(&visitor)->exact = true;
  scan.frame.sp = (uint64_t)&stack.ra;
  pclnrt_frame_record(&scan, &site);
  assert_int_equal(seen.n_words, 1);
  assert_ptr_equal(seen.lo[0], &stack.args[0]);
  begin(&visitor)->frame.sp = (uint64_t)&stack.words[N - 1];
  pclnrt_frame_record(&scan, &site);
  assert_int_equal(seen.n_words, 2);
  assert_ptr_equal(seen.lo[0], &stack.words[N - 1]);
}

static void record_arguments_end_with_the_caller(void **state) {
  static const uint32_t all[] = {~0u, ~0u};
  struct pclnrt_site site = record(0);
  (void)state;
  for (size_t i = 0; i < N; i++)
    stack.args[i] = 0x1000;
  site.args = (const uint8_t *)all;
  site.n_args = 64;
  begin(&visitor)->limit = (uint64_t)&stack.args[3];
  pclnrt_frame_record(&scan, &site);
  assert_int_equal(seen.n, 3);
}

// --- Outgoing arguments
// --------------------------------------------------------

static void what_a_frame_passes_on(void **state) {
  const struct pclnrt_site site = maps(true);
  (void)state;
  set(codes, 3, DEAD);
  pclnrt_frame_outgoing(begin(&visitor), &site, (uint64_t)stack.words,
                        (uint64_t)stack.args);
  assert_int_equal(seen.n_words, 1);
  assert_ptr_equal(seen.lo[0], &stack.words[0]);
  assert_ptr_equal(seen.hi[0], &stack.words[3]);
  // Nothing is said of any word.
  set(codes, 3, SCALAR);
  pclnrt_frame_outgoing(begin(&visitor), &site, (uint64_t)stack.words,
                        (uint64_t)stack.args);
  assert_ptr_equal(seen.hi[0], &stack.words[N]);
}

// --- What is remembered of a pc
// -------------------------------------------------

static pclnrt_kept_table kept;
static atomic_bool done;
static atomic_int mixed;

// Two pcs with the same entry; their words follow from them.
static uint64_t pcs[2] = {0x401000};

static uint64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void *put_both(void *arg) {
  for (; !done; sched_yield())
    for (int k = 0; k < 2; k++) {
      const uint64_t pc = pcs[k];
      const uint64_t w[PCLNRT_KEPT_WORDS] = {pc,     pc + 1, pc + 2, pc + 3,
                                             pc + 4, pc + 5, pc + 6};
      pclnrt_kept_put(kept, w);
    }
  return arg;
}

static void entries_are_read_whole(void **state) {
  enum { MS = 300 }; // long enough for the threads to run at once
  pthread_t t[2];
  uint64_t w[PCLNRT_KEPT_WORDS];
  (void)state;
  for (pcs[1] = pcs[0] + 1;
       pclnrt_kept_entry(kept, pcs[1]) != pclnrt_kept_entry(kept, pcs[0]);)
    pcs[1]++;
  for (int i = 0; i < 2; i++)
    assert_int_equal(pthread_create(&t[i], NULL, put_both, NULL), 0);
  const uint64_t end = now_ms() + MS;
  for (int i = 0; now_ms() < end; i++) {
    const uint64_t pc = pcs[i % 2];
    if (!pclnrt_kept_get(kept, pc, w))
      continue;
    for (int k = 0; k < PCLNRT_KEPT_WORDS; k++)
      mixed += w[k] != pc + (unsigned)k;
  }
  done = true;
  for (int i = 0; i < 2; i++)
    pthread_join(t[i], NULL);
  assert_int_equal(mixed, 0);
  assert_true(pclnrt_kept_get(kept, pcs[0], w) ||
              pclnrt_kept_get(kept, pcs[1], w));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(pointers_at_every_place, set_up),
      cmocka_unit_test_setup(scalars_and_dead_words_are_no_roots, set_up),
      cmocka_unit_test_setup(strings_and_slices, set_up),
      cmocka_unit_test_setup(slice_with_capacity_below_length_is_fatal, set_up),
      cmocka_unit_test_setup(data_words_of_interfaces, set_up),
      cmocka_unit_test_setup(types_of_another_runtime, set_up),
      cmocka_unit_test_setup(null_items_keep_their_words, set_up),
      cmocka_unit_test_setup(items_across_units_of_entries, set_up),
      cmocka_unit_test_setup(dead_words_are_poisoned_on_request, set_up),
      cmocka_unit_test_setup(words_below_the_stack_pointer, set_up),
      cmocka_unit_test_setup(arguments, set_up),
      cmocka_unit_test_setup(record_scans_the_upper_locals, set_up),
      cmocka_unit_test_setup(record_scans_arguments, set_up),
      cmocka_unit_test_setup(record_of_a_frame_that_is_not_there, set_up),
      cmocka_unit_test_setup(record_arguments_end_with_the_caller, set_up),
      cmocka_unit_test_setup(what_a_frame_passes_on, set_up),
      cmocka_unit_test(entries_are_read_whole),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
