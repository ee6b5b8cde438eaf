// SPDX-License-Identifier: Apache-2.0
//
// Safepoints of hand-made functions, through the model and a table, read back
// as words at distances from the CFA. The distances that are expected are
// worked out by hand from the frames that the comments draw.
#include "bytes.h"
#include "safepoints.h"
#include "stackmap_pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { X86_64 = 62, AARCH64 = 183, S390 = 22 };
enum { RBX = 3, RBP = 6, RSP = 7, X29 = 29, SP31 = 31 };
enum { FUNC_VA = 0x1000, FUNC_SIZE = 0x100 };

struct fixture {
  struct pcln_module m;
  struct pcln_func_def *f;
  char fault[40];
  char func[40];
  uint64_t func_off;
  unsigned n_reports;
};

static void note(void *ctx, const struct pcln_report *r) {
  struct fixture *x = ctx;
  snprintf(x->fault, sizeof x->fault, "%s", r->fault);
  snprintf(x->func, sizeof x->func, "%s", r->func ? r->func : "");
  x->func_off = r->func_off;
  x->n_reports++;
}

struct run {
  uint32_t end;
  int32_t value;
};

static struct pcln_span stream(struct fixture *x, const struct run *runs) {
  struct pcln_stream s;
  struct pcln_span out;
  pcln_stream_init(&s, x->m.quantum);
  for (; runs->end; runs++)
    pcln_stream_add(&s, runs->end, runs->value);
  assert_int_equal(pcln_stream_end(&s, &x->m.arena, &out), PCLN_OK);
  pcln_stream_free(&s);
  return out;
}

static void setup(struct fixture *x, uint16_t machine) {
  memset(x, 0, sizeof *x);
  pcln_module_init(&x->m);
  x->m.machine = machine;
  x->m.quantum = machine == AARCH64 ? 4 : 1;
  const struct pcln_func_def f = {.va = FUNC_VA,
                                  .size = FUNC_SIZE,
                                  .cu = PCLN_NO_CU,
                                  .name = "parse",
                                  .args = PCLN_ARGS_UNKNOWN};
  assert_int_equal(pcln_module_add_func(&x->m, &f), PCLN_OK);
  x->f = x->m.funcs;
}

// The whole function has this stack depth or, if `cfa` is not NONE, rule.
static void frame(struct fixture *x, int32_t depth, uint8_t cfa, uint8_t reg,
                  int32_t cfa_off) {
  uint32_t idx;
  x->f->pcsp = stream(x, (struct run[]){{FUNC_SIZE, depth}, {0}});
  if (cfa == PCLN_CFA_NONE)
    return;
  const struct pcln_rule rule = {.cfa = cfa,
                                 .reg = reg,
                                 .cfa_off = cfa_off,
                                 .fp = PCLN_SAVE_CFA,
                                 .fp_off = -16,
                                 .ra = PCLN_SAVE_CFA,
                                 .ra_off = -8};
  assert_int_equal(pcln_module_rule(&x->m, &rule, &idx), PCLN_OK);
  const struct pcln_span s =
      stream(x, (struct run[]){{FUNC_SIZE, (int32_t)idx}, {0}});
  assert_int_equal(
      pcln_func_set_pcdata(x->f, PCLN_PCDATA_UNWIND, s, &x->m.arena), PCLN_OK);
}

static void teardown(struct fixture *x) { pcln_module_free(&x->m); }

static enum pcln_status place(struct fixture *x,
                              const struct pcln_safepoint *points, size_t n) {
  const struct pcln_sink sink = {.fn = note, .ctx = x};
  return pcln_safepoints_place(&x->m, x->f, points, n, &x->m.arena, &sink);
}

static void encode(struct fixture *x, struct pcln_table *t, uint8_t **bytes) {
  const struct pcln_encode_options o = {.layout = PCLN_GO_120, .threads = 1};
  const struct pcln_sink sink = {.fn = note, .ctx = x};
  size_t len;
  assert_int_equal(pcln_encode(&x->m, &o, &sink, bytes, &len, NULL), PCLN_OK);
  assert_int_equal(pcln_open(t, *bytes, len, NULL, &sink), PCLN_OK);
  assert_int_equal(pcln_verify(t, &sink), PCLN_OK);
  assert_int_equal(t->stackmap_bits, 2);
}

// What the rows at `ret` say, as "place:letter" for every word that is no
// scalar: bytes from the CFA (or, as "sp+N", from SP).
static void say_row(const struct pcln_map_row *row, int32_t off, bool at_sp,
                    char *buf, size_t size) {
  static const char letters[] = "-dsPSLIE";
  struct pcln_word w;
  for (uint32_t next = 0; pcln_words_next(row, &next, &w);) {
    const size_t len = strlen(buf);
    if (w.kind == PCLN_WORD_SCALAR)
      continue;
    snprintf(buf + len, size - len, "%s%s%+d:%c", len ? " " : "",
             at_sp ? "sp" : "", off + (int32_t)w.index * 8, letters[w.kind]);
  }
}

static void expect_words(const struct pcln_table *t, uint64_t ret,
                         const char *want) {
  struct pcln_func f;
  struct pcln_stackmap m;
  char buf[300] = "";
  assert_int_equal(pcln_find_func(t, ret - 1, &f), PCLN_OK);
  const enum pcln_status st = pcln_stackmap_at(t, &f, ret - 1, &m);
  if (!want) {
    int32_t value;
    assert_int_equal(st, PCLN_NOT_FOUND);
    assert_int_equal(
        pcln_pcdata_at(t, &f, PCLN_PCDATA_STACKMAP, ret - 1, &value), PCLN_OK);
    assert_int_equal(value, PCLN_STACKMAP_NO_SAFEPOINT);
    return;
  }
  assert_int_equal(st, PCLN_OK);
  assert_true(m.placed);
  say_row(&m.locals, m.locals_off, m.locals_at_sp, buf, sizeof buf);
  say_row(&m.args, m.args_off, false, buf, sizeof buf);
  assert_string_equal(buf, want);
}

static const uint8_t k_pointer[] = {PCLN_CODE_POINTER};
// A word that is a pointer, at register + offset.
#define POINTER(r, o)                                                          \
  { .reg = (r), .off = (o), .n_words = 1, .repeat = 1, .codes = k_pointer }
#define AREAS(...)                                                             \
  .areas = (const struct pcln_area[]){__VA_ARGS__},                            \
  .n_areas = sizeof((const struct pcln_area[]){__VA_ARGS__}) /                 \
             sizeof(struct pcln_area)

// --- What is placed ---------------------------------------------------------

static void words_are_placed_from_the_cfa(void **state) {
  (void)state;
  // x86-64, SP 40 below the return address: CFA = SP + 48.
  struct fixture x;
  setup(&x, X86_64);
  frame(&x, 40, PCLN_CFA_NONE, 0, 0);
  const struct pcln_safepoint points[] = {
      {.ret_off = 0x10, .frame = 40, AREAS(POINTER(RSP, 8))},
      {.ret_off = 0x20, .frame = 40, AREAS(POINTER(RSP, 8), POINTER(RSP, 32))},
      {.ret_off = 0x28, .frame = 40, .flags = PCLN_POINT_NO_COLLECT},
      {.ret_off = 0x30, .frame = 40, AREAS(POINTER(RSP, 8))},
      {.ret_off = 0x40, .frame = 40}, // nothing lives
      {.ret_off = 0x50, .frame = PCLN_FRAME_VARIES, AREAS(POINTER(RSP, 56))},
  };
  assert_int_equal(place(&x, points, 6), PCLN_OK);
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x, &t, &bytes);
  expect_words(&t, 0x1010, "-40:P");
  expect_words(&t, 0x1011, "-40:P -16:P"); // holds from the call before
  expect_words(&t, 0x1020, "-40:P -16:P");
  expect_words(&t, 0x1028, NULL);
  expect_words(&t, 0x1030, "-40:P");
  expect_words(&t, 0x1040, "");
  expect_words(&t, 0x1050, "+8:P");
  expect_words(&t, 0x1051, NULL);
  expect_words(&t, 0x1100, NULL);
  struct pcln_func f;
  struct pcln_ptrmap map;
  assert_int_equal(pcln_find_func(&t, 0x1000, &f), PCLN_OK);
  assert_int_equal(pcln_ptrmap(&t, &f, PCLN_MAP_LOCALS, &map), PCLN_OK);
  assert_int_equal(map.n_rows, 4); // rows are stored once
  assert_int_equal(map.n_words, 4);
  assert_int_equal(pcln_ptrmap(&t, &f, PCLN_MAP_ARGS, &map), PCLN_OK);
  assert_int_equal(map.n_words, 2);
  free(bytes);
  teardown(&x);
}

static void frames_of_every_kind_are_understood(void **state) {
  (void)state;
  static const struct {
    uint16_t machine;
    int32_t depth;
    uint8_t cfa;
    int32_t cfa_off;
    uint32_t frame;
    uint16_t reg;
    int32_t off;
    const char *want;
  } cases[] = {
      // rbp = CFA - 16, SP = CFA - 56: both registers name the frame.
      {X86_64, -1, PCLN_CFA_FP, 16, 48, RSP, 16, "-40:P"},
      {X86_64, -1, PCLN_CFA_FP, 16, 48, RBP, -24, "-40:P"},
      {X86_64, -1, PCLN_CFA_FP, 16, PCLN_FRAME_VARIES, RBP, -24, "-40:P"},
      {X86_64, -1, PCLN_CFA_FP, 16, 48, RBP, 16, "+0:P"},
      // Realigned: SP is at no constant distance from the CFA.
      {X86_64, -1, PCLN_CFA_FP, 16, PCLN_FRAME_VARIES, RSP, 16, "sp+16:P"},
      // Arguments pushed for the call: SP is lower than the frame says.
      {X86_64, 56, PCLN_CFA_NONE, 0, 40, RSP, 24, "-40:P"},
      {X86_64, -1, PCLN_CFA_SP, 48, 40, RSP, 8, "-40:P"},
      // AArch64: nothing is pushed by the call.
      {AARCH64, 32, PCLN_CFA_NONE, 0, 32, SP31, 24, "-8:P"},
      {AARCH64, -1, PCLN_CFA_FP, 16, 48, SP31, 8, "-40:P"},
      {AARCH64, -1, PCLN_CFA_FP, 16, 48, X29, -24, "-40:P"},
      {AARCH64, -1, PCLN_CFA_FP, 16, PCLN_FRAME_VARIES, SP31, 0, "sp+0:P"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture x;
    setup(&x, cases[i].machine);
    frame(&x, cases[i].depth, cases[i].cfa, 0, cases[i].cfa_off);
    const struct pcln_safepoint point = {
        .ret_off = 0x20,
        .frame = cases[i].frame,
        AREAS(POINTER(cases[i].reg, cases[i].off))};
    assert_int_equal(place(&x, &point, 1), PCLN_OK);
    struct pcln_table t;
    uint8_t *bytes;
    encode(&x, &t, &bytes);
    expect_words(&t, 0x1020, cases[i].want);
    free(bytes);
    teardown(&x);
  }
}

static void items_and_repetitions_keep_their_words(void **state) {
  (void)state;
  struct fixture x;
  setup(&x, X86_64);
  frame(&x, 152, PCLN_CFA_NONE, 0, 0); // CFA = SP + 160
  // string, pointer; then slice with its capacity; iface; eface; dead.
  static const uint8_t mixed[] = {
      PCLN_CODE_MULTIWORD | PCLN_MULTI_STRING << 2 | PCLN_CODE_POINTER << 4 |
          PCLN_CODE_MULTIWORD << 6,
      PCLN_MULTI_SLICE | PCLN_CODE_SCALAR << 2 | PCLN_CODE_MULTIWORD << 4 |
          PCLN_MULTI_IFACE << 6,
      PCLN_CODE_MULTIWORD | PCLN_MULTI_EFACE << 2 | PCLN_CODE_DEAD << 4};
  // Three times {scalar, pointer}.
  static const uint8_t pairs[] = {PCLN_CODE_SCALAR | PCLN_CODE_POINTER << 2};
  const struct pcln_safepoint point = {
      .ret_off = 0x20,
      .frame = 152,
      AREAS({.reg = RSP, .off = 0, .n_words = 11, .repeat = 1, .codes = mixed},
            {.reg = RSP, .off = 96, .n_words = 2, .repeat = 3, .codes = pairs},
            POINTER(RSP, 104))}; // said twice, the same
  assert_int_equal(place(&x, &point, 1), PCLN_OK);
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x, &t, &bytes);
  expect_words(&t, 0x1020,
               "-160:S -144:P -136:L -112:I -96:E -80:d -56:P -40:P -24:P");
  free(bytes);
  teardown(&x);
}

static void nothing_live_is_not_nothing_known(void **state) {
  (void)state;
  for (size_t n = 0; n < 2; n++) {
    struct fixture x;
    setup(&x, X86_64);
    frame(&x, 8, PCLN_CFA_NONE, 0, 0);
    const struct pcln_safepoint point = {.ret_off = 0x20, .frame = 8};
    assert_int_equal(place(&x, &point, n), PCLN_OK);
    struct pcln_table t;
    uint8_t *bytes;
    encode(&x, &t, &bytes);
    struct pcln_func f;
    struct pcln_ptrmap map;
    assert_int_equal(pcln_find_func(&t, 0x1000, &f), PCLN_OK);
    assert_int_equal(pcln_ptrmap(&t, &f, PCLN_MAP_LOCALS, &map), PCLN_OK);
    assert_int_equal(map.n_words, 0);
    expect_words(&t, 0x1020, n ? "" : NULL);
    free(bytes);
    teardown(&x);
  }
}

// A symbol inside the function cut off a further entry of the same name.
static void points_behind_a_symbol_go_to_its_entry(void **state) {
  (void)state;
  struct fixture x;
  setup(&x, X86_64);
  frame(&x, 40, PCLN_CFA_NONE, 0, 0);
  struct pcln_func_def rest = *x.f;
  rest.va += FUNC_SIZE;
  assert_int_equal(pcln_module_add_func(&x.m, &rest), PCLN_OK);
  x.f = x.m.funcs;
  const struct pcln_safepoint points[] = {
      {.ret_off = 0x100, .frame = 40, AREAS(POINTER(RSP, 8))},
      {.ret_off = 0x101, .frame = 40, AREAS(POINTER(RSP, 16))},
      {.ret_off = 0x180, .frame = 40, AREAS(POINTER(RSP, 24))}};
  assert_int_equal(place(&x, points, 3), PCLN_OK);
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x, &t, &bytes);
  expect_words(&t, 0x1100, "-40:P");
  expect_words(&t, 0x1101, "-32:P");
  expect_words(&t, 0x1180, "-24:P");
  free(bytes);
  teardown(&x);
}

// --- What is refused --------------------------------------------------------

static const uint8_t k_scalar[] = {PCLN_CODE_SCALAR};
static const uint8_t k_string_cut[] = {PCLN_CODE_MULTIWORD};
static const uint8_t k_slice_cut[] = {PCLN_CODE_MULTIWORD | PCLN_MULTI_SLICE
                                                                << 2};
#define AREA(r, o, n, times, c)                                                \
  { .reg = (r), .off = (o), .n_words = (n), .repeat = (times), .codes = (c) }

static void what_cannot_be_placed_is_an_error(void **state) {
  (void)state;
  static const struct {
    const char *fault;
    int32_t depth;
    uint8_t cfa;
    int32_t cfa_off;
    uint32_t frame;
    struct pcln_area areas[2];
  } cases[] = {
      {"safepoint-cfa", -1, PCLN_CFA_NONE, 0, 40, {POINTER(RSP, 8)}},
      {"safepoint-cfa", -1, PCLN_CFA_REG, 0, 40, {POINTER(RSP, 8)}},
      {"safepoint-cfa", -1, PCLN_CFA_SP_DEREF, 8, 40, {POINTER(RSP, 8)}},
      {"safepoint-frame", 32, PCLN_CFA_NONE, 0, 40, {POINTER(RSP, 8)}},
      {"safepoint-register", 40, PCLN_CFA_NONE, 0, 40, {POINTER(RBX, 8)}},
      {"safepoint-place", 40, PCLN_CFA_NONE, 0, 40, {POINTER(RBP, -24)}},
      {"safepoint-place", 40, PCLN_CFA_NONE, 0, 40, {POINTER(RSP, -8)}},
      {"safepoint-place", 40, PCLN_CFA_NONE, 0, 40, {POINTER(RSP, 40)}},
      {"safepoint-place",
       40,
       PCLN_CFA_NONE,
       0,
       40,
       {AREA(RSP, 8, 0x10000, 0x10000, k_pointer)}},
      {"safepoint-align", 40, PCLN_CFA_NONE, 0, 40, {POINTER(RSP, 12)}},
      {"safepoint-mixed",
       -1,
       PCLN_CFA_FP,
       16,
       PCLN_FRAME_VARIES,
       {POINTER(RSP, 8), POINTER(RBP, -24)}},
      {"safepoint-overlap",
       40,
       PCLN_CFA_NONE,
       0,
       40,
       {POINTER(RSP, 8), AREA(RSP, 8, 1, 1, k_scalar)}},
      {"safepoint-item",
       40,
       PCLN_CFA_NONE,
       0,
       40,
       {AREA(RSP, 8, 1, 1, k_string_cut)}},
      {"safepoint-item",
       40,
       PCLN_CFA_NONE,
       0,
       40,
       {AREA(RSP, 8, 2, 1, k_slice_cut)}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture x;
    setup(&x, X86_64);
    frame(&x, cases[i].depth, cases[i].cfa, 0, cases[i].cfa_off);
    const struct pcln_safepoint points[] = {
        {.ret_off = 0x10, .flags = PCLN_POINT_NO_COLLECT},
        {.ret_off = 0x20,
         .frame = cases[i].frame,
         .areas = cases[i].areas,
         .n_areas = cases[i].areas[1].codes ? 2 : 1}};
    assert_int_equal(place(&x, points, 2), PCLN_CORRUPT);
    assert_string_equal(x.fault, cases[i].fault);
    assert_string_equal(x.func, "parse");
    assert_int_equal(x.func_off, 0x20);
    assert_int_equal(x.n_reports, 1);
    teardown(&x);
  }
}

static void points_that_make_no_sense_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *fault;
    uint16_t machine;
    uint32_t first, second;
  } cases[] = {
      {"safepoint-outside", X86_64, 0, 0x20},
      {"safepoint-outside", X86_64, 0x20, 0x101},
      {"safepoint-order", X86_64, 0x20, 0x20},
      {"safepoint-order", X86_64, 0x20, 0x10},
      {"safepoint-outside", AARCH64, 0x20, 0x26},
      {"safepoint-machine", S390, 0x20, 0x30},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture x;
    setup(&x, cases[i].machine);
    frame(&x, 40, PCLN_CFA_NONE, 0, 0);
    const struct pcln_safepoint points[] = {{.ret_off = cases[i].first},
                                            {.ret_off = cases[i].second}};
    assert_int_not_equal(place(&x, points, 2), PCLN_OK);
    assert_string_equal(x.fault, cases[i].fault);
    assert_int_equal(x.n_reports, 1);
    teardown(&x);
  }
}

static void maps_are_given_once(void **state) {
  (void)state;
  struct fixture x;
  setup(&x, X86_64);
  frame(&x, 40, PCLN_CFA_NONE, 0, 0);
  const struct pcln_safepoint point = {.ret_off = 0x20, .frame = 40};
  assert_int_equal(place(&x, &point, 1), PCLN_OK);
  assert_int_equal(place(&x, &point, 1), PCLN_CORRUPT);
  assert_string_equal(x.fault, "safepoint-twice");
  teardown(&x);
}

static void pairs_need_pointers(void **state) {
  (void)state;
  static const struct pcln_pair good = {RSP, RSP, 8, 16};
  static const struct pcln_pair no_base = {RSP, RSP, 24, 16};
  static const struct pcln_pair no_word = {RSP, RSP, 8, 0};
  static const struct {
    const struct pcln_pair *pair;
    enum pcln_status want;
  } cases[] = {
      {&good, PCLN_OK}, {&no_base, PCLN_CORRUPT}, {&no_word, PCLN_CORRUPT}};
  for (size_t i = 0; i < 3; i++) {
    struct fixture x;
    setup(&x, X86_64);
    frame(&x, 40, PCLN_CFA_NONE, 0, 0);
    const struct pcln_safepoint point = {
        .ret_off = 0x20,
        .frame = 40,
        AREAS(POINTER(RSP, 8), POINTER(RSP, 16)),
        .pairs = cases[i].pair,
        .n_pairs = 1};
    assert_int_equal(place(&x, &point, 1), cases[i].want);
    if (cases[i].want != PCLN_OK)
      assert_string_equal(x.fault, "safepoint-pair");
    teardown(&x);
  }
}

// Calls with equal words and other pairs have rows of their own.
static void pairs_are_read_back(void **state) {
  (void)state;
  // SP + 8, 16, 24 are the locals 0, 1, 2; SP + 48 and 56 arguments 0 and 1.
  static const struct pcln_pair one[] = {{RSP, RSP, 8, 16}, {RSP, RSP, 8, 8}};
  static const struct pcln_pair two[] = {{RSP, RSP, 8, 24}, {RSP, RSP, 56, 16}};
  struct fixture x;
  setup(&x, X86_64);
  frame(&x, 40, PCLN_CFA_NONE, 0, 0);
#define ALL                                                                    \
  .frame = 40, AREAS(POINTER(RSP, 8), POINTER(RSP, 16), POINTER(RSP, 24),      \
                     POINTER(RSP, 48), POINTER(RSP, 56))
  const struct pcln_safepoint points[] = {
      {.ret_off = 0x10, ALL},
      {.ret_off = 0x20, ALL, .pairs = one, .n_pairs = 2},
      {.ret_off = 0x30, ALL},
      {.ret_off = 0x40, ALL, .pairs = two, .n_pairs = 2}};
  static const char *const want[] = {"", "L0>L1 ", "", "A1>L1 L0>L2 "};
  assert_int_equal(place(&x, points, 4), PCLN_OK);
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x, &t, &bytes);
  for (size_t i = 0; i < 4; i++) {
    const uint64_t pc = FUNC_VA + points[i].ret_off - 1;
    struct pcln_func f;
    struct pcln_stackmap m;
    struct pcln_derived_iter it;
    struct pcln_derived d;
    char buf[80] = "";
    assert_int_equal(pcln_find_func(&t, pc, &f), PCLN_OK);
    assert_int_equal(pcln_stackmap_at(&t, &f, pc, &m), PCLN_OK);
    const enum pcln_status st = pcln_derived_begin(&t, &f, &m, &it);
    assert_int_equal(st, *want[i] ? PCLN_OK : PCLN_NOT_FOUND);
    while (st == PCLN_OK && pcln_derived_next(&it, &d))
      sprintf(buf + strlen(buf), "%c%u>%c%u ",
              d.base.part == PCLN_MAP_ARGS ? 'A' : 'L', d.base.index,
              d.derived.part == PCLN_MAP_ARGS ? 'A' : 'L', d.derived.index);
    assert_string_equal(buf, want[i]);
    assert_true(st != PCLN_OK || it.status == PCLN_OK);
  }
  free(bytes);
  teardown(&x);
}

// The bytes of the pairs of a function with two rows of three words, all of
// them pointers but the middle one of the second.
static void damaged_pairs_are_refused(void **state) {
  (void)state;
  static const struct {
    enum pcln_status check, row_0, row_1;
    uint8_t bytes[10];
  } cases[] = {
      {PCLN_OK, PCLN_OK, PCLN_NOT_FOUND, {1, 1, 0, 2, 0}},
      {PCLN_OK, PCLN_NOT_FOUND, PCLN_OK, {2, 1, 0, 2, 0}},
      {PCLN_OK, PCLN_OK, PCLN_OK, {1, 1, 0, 1, 1, 1, 2, 0}},
      {PCLN_CORRUPT, PCLN_NOT_FOUND, PCLN_OK, {2, 1, 0, 1}},
      {PCLN_OK, PCLN_NOT_FOUND, PCLN_NOT_FOUND, {0}},
      // No such row, no such word, no pairs, a word that is its own base.
      {PCLN_CORRUPT, PCLN_NOT_FOUND, PCLN_NOT_FOUND, {3, 1, 0, 2, 0}},
      {PCLN_CORRUPT, PCLN_CORRUPT, PCLN_NOT_FOUND, {1, 1, 0, 3, 0}},
      {PCLN_CORRUPT, PCLN_CORRUPT, PCLN_NOT_FOUND, {1, 1, 3, 0, 0}},
      {PCLN_CORRUPT, PCLN_CORRUPT, PCLN_CORRUPT, {1, 0, 0, 1, 0}},
      {PCLN_CORRUPT, PCLN_CORRUPT, PCLN_NOT_FOUND, {1, 1, 2, 2, 0}},
      // More than 32 bits.
      {PCLN_CORRUPT,
       PCLN_CORRUPT,
       PCLN_CORRUPT,
       {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 0}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture x;
    setup(&x, X86_64);
    frame(&x, 40, PCLN_CFA_NONE, 0, 0);
    const struct pcln_safepoint points[] = {
        {.ret_off = 0x10,
         .frame = 40,
         AREAS(POINTER(RSP, 16), POINTER(RSP, 24), POINTER(RSP, 32))},
        {.ret_off = 0x20,
         .frame = 40,
         AREAS(POINTER(RSP, 16), POINTER(RSP, 32))}};
    assert_int_equal(place(&x, points, 2), PCLN_OK);
    const struct pcln_span pairs = {cases[i].bytes, sizeof cases[i].bytes};
    assert_int_equal(pcln_func_set_funcdata(x.f, PCLN_FUNCDATA_POINTER_PAIRS,
                                            pairs, &x.m.arena),
                     PCLN_OK);
    const struct pcln_encode_options o = {.layout = PCLN_GO_120, .threads = 1};
    const struct pcln_sink sink = {.fn = note, .ctx = &x};
    struct pcln_table t;
    struct pcln_func f;
    uint8_t *bytes;
    size_t len;
    assert_int_equal(pcln_encode(&x.m, &o, NULL, &bytes, &len, NULL), PCLN_OK);
    assert_int_equal(pcln_open(&t, bytes, len, NULL, NULL), PCLN_OK);
    assert_int_equal(pcln_verify(&t, &sink), cases[i].check);
    if (cases[i].check != PCLN_OK)
      assert_string_equal(x.fault, "funcdata-pairs");
    assert_int_equal(pcln_find_func(&t, FUNC_VA, &f), PCLN_OK);
    assert_int_equal(pcln_derived_check(&t, &f, &len), cases[i].check);
    for (uint32_t row = 0; row < 2; row++) {
      const struct pcln_stackmap m = {.idx = row};
      struct pcln_derived_iter it;
      struct pcln_derived d;
      enum pcln_status st = pcln_derived_begin(&t, &f, &m, &it);
      while (st == PCLN_OK && pcln_derived_next(&it, &d))
        ;
      st = st == PCLN_OK ? it.status : st;
      assert_int_equal(st, row ? cases[i].row_1 : cases[i].row_0);
    }
    free(bytes);
    teardown(&x);
  }
}

// A row of each call, more than one varint byte and several hash tables of
// them; a lookup of each must find its own.
static void many_rows_keep_their_numbers(void **state) {
  (void)state;
  enum { N = 2000, WORDS = 12 };
  struct fixture x;
  setup(&x, X86_64);
  x.f->size = 8 * N;
  x.f->pcsp = stream(&x, (struct run[]){{8 * N, 8 * WORDS}, {0}});
  static struct pcln_area areas[N][WORDS];
  static struct pcln_safepoint points[N];
  for (uint32_t i = 0; i < N; i++) {
    points[i] = (struct pcln_safepoint){
        .ret_off = 8 * (i + 1), .frame = 8 * WORDS, .areas = areas[i]};
    for (int w = 0; w < WORDS; w++)
      if (i >> w & 1)
        areas[i][points[i].n_areas++] = (struct pcln_area)POINTER(RSP, 8 * w);
  }
  assert_int_equal(place(&x, points, N), PCLN_OK);
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x, &t, &bytes);
  for (uint32_t i = 0; i < N; i++) {
    char want[300] = "";
    for (int w = 0; w < WORDS; w++)
      if (i >> w & 1)
        sprintf(want + strlen(want), "%s%+d:P", *want ? " " : "",
                8 * w - 8 * WORDS - 8);
    expect_words(&t, FUNC_VA + 8 * (i + 1), want);
  }
  free(bytes);
  teardown(&x);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_are_placed_from_the_cfa),
      cmocka_unit_test(frames_of_every_kind_are_understood),
      cmocka_unit_test(items_and_repetitions_keep_their_words),
      cmocka_unit_test(nothing_live_is_not_nothing_known),
      cmocka_unit_test(points_behind_a_symbol_go_to_its_entry),
      cmocka_unit_test(what_cannot_be_placed_is_an_error),
      cmocka_unit_test(points_that_make_no_sense_are_refused),
      cmocka_unit_test(maps_are_given_once),
      cmocka_unit_test(pairs_need_pointers),
      cmocka_unit_test(pairs_are_read_back),
      cmocka_unit_test(damaged_pairs_are_refused),
      cmocka_unit_test(many_rows_keep_their_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
