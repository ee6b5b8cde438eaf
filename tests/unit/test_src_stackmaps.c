// SPDX-License-Identifier: Apache-2.0
//
// LLVM's stack maps from bytes that are made here, field by field, as LLVM's
// documentation of the format has them; so each field can be wrong. What real
// compilers write is in tests/link/stackmaps.sh.
#include "src_stackmaps.h"
#include "stackmap_pairs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { X86_64 = 62, RBX = 3, RSP = 7 };
enum { REGISTER = 1, DIRECT, INDIRECT, CONSTANT, CONSTANT_INDEX };

// --- Making sections --------------------------------------------------------

struct section {
  uint8_t bytes[4096];
  size_t len, table; // where the last table begins
  bool swap;
};

static void put(struct section *s, uint64_t v, unsigned size) {
  uint8_t *p = s->bytes + s->len;
  s->len += size;
  assert_true(s->len <= sizeof s->bytes);
  switch (size) {
  case 1:
    *p = (uint8_t)v;
    break;
  case 2:
    pcln_store16(p, (uint16_t)v, s->swap);
    break;
  case 4:
    pcln_store32(p, (uint32_t)v, s->swap);
    break;
  default:
    pcln_store64(p, v, s->swap);
  }
}

static void align_8(struct section *s) {
  while ((s->len - s->table) % 8)
    put(s, 0, 1);
}

static void header(struct section *s, uint32_t functions, uint32_t constants,
                   uint32_t records) {
  s->table = s->len;
  put(s, 3, 1);
  put(s, 0, 1);
  put(s, 0, 2);
  put(s, functions, 4);
  put(s, constants, 4);
  put(s, records, 4);
}

static void function(struct section *s, uint64_t va, uint64_t stack_size,
                     uint64_t records) {
  put(s, va, 8);
  put(s, stack_size, 8);
  put(s, records, 8);
}

struct location {
  uint8_t kind;
  uint16_t size, reg;
  int32_t off;
};

static void record(struct section *s, uint32_t at, uint16_t live_outs,
                   const struct location *locations, uint16_t n) {
  put(s, 0xabcdef00, 8);
  put(s, at, 4);
  put(s, 0, 2);
  put(s, n, 2);
  for (unsigned i = 0; i < n; i++) {
    put(s, locations[i].kind, 1);
    put(s, 0, 1);
    put(s, locations[i].size, 2);
    put(s, locations[i].reg, 2);
    put(s, 0, 2);
    put(s, (uint32_t)locations[i].off, 4);
  }
  align_8(s);
  put(s, 0, 2);
  put(s, live_outs, 2);
  for (unsigned i = 0; i < live_outs; i++) {
    put(s, 5, 2);
    put(s, 0, 1);
    put(s, 8, 1);
  }
  align_8(s);
}

#define CONST(v)                                                               \
  { CONSTANT, 8, 0, v }
#define HEAD(n) CONST(0), CONST(0), CONST(n)
#define SLOT(off)                                                              \
  { INDIRECT, 8, RSP, off }
#define RECORD(s, at, ...)                                                     \
  record(s, at, 0, (const struct location[]){__VA_ARGS__},                     \
         sizeof((const struct location[]){__VA_ARGS__}) /                      \
             sizeof(struct location))

// --- Reading them -----------------------------------------------------------

struct fixture {
  struct pcln_module m;
  struct pcln_source_stats stats;
  char fault[40], func[40];
  unsigned n_reports;
};

static void note(void *ctx, const struct pcln_report *r) {
  struct fixture *x = ctx;
  snprintf(x->fault, sizeof x->fault, "%s", r->fault);
  snprintf(x->func, sizeof x->func, "%s", r->func ? r->func : "");
  assert_string_equal(r->file, "prog");
  x->n_reports++;
}

// Functions f at 0x1000 and g at 0x1100, whose SP is 40 below the return
// address at each call.
static void setup(struct fixture *x, bool big_endian) {
  memset(x, 0, sizeof *x);
  pcln_module_init(&x->m);
  x->m.machine = X86_64;
  x->m.big_endian = big_endian;
  for (unsigned i = 0; i < 2; i++) {
    struct pcln_stream s;
    struct pcln_func_def f = {.va = 0x1000 + 0x100 * i,
                              .size = 0x100,
                              .cu = PCLN_NO_CU,
                              .name = i ? "g" : "f",
                              .args = PCLN_ARGS_UNKNOWN};
    pcln_stream_init(&s, 1);
    pcln_stream_add(&s, f.size, 40);
    assert_int_equal(pcln_stream_end(&s, &x->m.arena, &f.pcsp), PCLN_OK);
    pcln_stream_free(&s);
    assert_int_equal(pcln_module_add_func(&x->m, &f), PCLN_OK);
  }
}

static enum pcln_status take(struct fixture *x, const uint8_t *bytes,
                             size_t len, bool swap) {
  const struct pcln_sink sink = {.fn = note, .ctx = x};
  static char path[] = "prog";
  struct pcln_elf elf = {.path = path, .swap = swap, .ptr_size = 8};
  struct pcln_stackmaps_job j = {.elf = &elf,
                                 .m = &x->m,
                                 .stats = &x->stats,
                                 .sink = &sink,
                                 .section = PCLN_STACKMAPS_DEMOTED};
  // A copy of its own, so that a read past the end is seen.
  uint8_t *copy = malloc(len ? len : 1);
  assert_non_null(copy);
  memcpy(copy, bytes, len);
  const enum pcln_status st = pcln_stackmaps_finish(
      &j, pcln_stackmaps_read(&j, (struct pcln_span){copy, len}));
  free(copy);
  return st;
}

static void encode(struct fixture *x, struct pcln_table *t, uint8_t **bytes) {
  const struct pcln_encode_options o = {.layout = PCLN_GO_120, .threads = 1};
  size_t len;
  assert_int_equal(pcln_encode(&x->m, &o, NULL, bytes, &len, NULL), PCLN_OK);
  assert_int_equal(pcln_open(t, *bytes, len, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_verify(t, NULL), PCLN_OK);
}

// The live pointers at a return address, as distances from the CFA; "-" where
// no row holds.
static const char *live(const struct pcln_table *t, uint64_t ret) {
  static char buf[200];
  struct pcln_func f;
  struct pcln_stackmap m;
  struct pcln_word w;
  buf[0] = 0;
  assert_int_equal(pcln_find_func(t, ret - 1, &f), PCLN_OK);
  if (pcln_stackmap_at(t, &f, ret - 1, &m) != PCLN_OK)
    return "-";
  for (uint32_t next = 0; pcln_words_next(&m.locals, &next, &w);)
    if (w.kind == PCLN_WORD_POINTER)
      sprintf(buf + strlen(buf), "%d ", m.locals_off + (int)w.index * 8);
  return buf;
}

static void statepoints_become_rows(void **state) {
  (void)state;
  for (unsigned big = 0; big < 2; big++) {
    struct section s = {.swap = big};
    header(&s, 2, 1, 4);
    function(&s, 0x1000, 40, 3);
    function(&s, 0x1100, 40, 1);
    put(&s, 0, 8);
    RECORD(&s, 0x20, HEAD(0), SLOT(8), SLOT(8)); // not in order
    RECORD(&s, 0x10, HEAD(0));
    // A derived pointer, a null pointer, a vector of two.
    RECORD(&s, 0x30, HEAD(0), SLOT(0), SLOT(8), CONST(0), CONST(0),
           {INDIRECT, 16, RSP, 16}, {INDIRECT, 16, RSP, 16});
    RECORD(&s, 0x10, HEAD(0), SLOT(32), SLOT(32));
    struct fixture x;
    struct pcln_table t;
    uint8_t *bytes;
    setup(&x, big);
    assert_int_equal(take(&x, s.bytes, s.len, big), PCLN_OK);
    encode(&x, &t, &bytes);
    assert_string_equal(live(&t, 0x1010), "");
    assert_string_equal(live(&t, 0x1020), "-40 ");
    assert_string_equal(live(&t, 0x1030), "-48 -40 -32 -24 ");
    assert_string_equal(live(&t, 0x1031), "-");
    assert_string_equal(live(&t, 0x1110), "-16 ");
    struct pcln_func f;
    struct pcln_stackmap m;
    struct pcln_derived_iter it;
    struct pcln_derived d;
    assert_int_equal(pcln_find_func(&t, 0x1000, &f), PCLN_OK);
    assert_int_equal(pcln_stackmap_at(&t, &f, 0x102f, &m), PCLN_OK);
    assert_int_equal(pcln_derived_begin(&t, &f, &m, &it), PCLN_OK);
    assert_true(pcln_derived_next(&it, &d));
    assert_int_equal(d.base.index, 0);
    assert_int_equal(d.derived.index, 1);
    assert_false(pcln_derived_next(&it, &d));
    free(bytes);
    pcln_module_free(&x.m);
  }
}

static void tables_follow_each_other(void **state) {
  (void)state;
  struct section s = {0};
  header(&s, 2, 0, 2);
  function(&s, 0x1000, 40, 1);
  function(&s, 0, 40, 1); // the linker left it out
  RECORD(&s, 0x10, HEAD(0), SLOT(8), SLOT(8));
  RECORD(&s, 0x10, HEAD(0), {REGISTER, 8, RBX, 0}, {REGISTER, 8, RBX, 0});
  for (unsigned i = 0; i < 24; i++)
    put(&s, 0, 1); // a linker's padding
  header(&s, 0, 0, 0);
  header(&s, 2, 0, 2);
  function(&s, 0x1000, 40, 1); // a copy that says the same
  function(&s, 0x1100, 40, 1);
  RECORD(&s, 0x10, HEAD(0), SLOT(8), SLOT(8));
  RECORD(&s, 0x10, HEAD(0), SLOT(16), SLOT(16));
  for (unsigned i = 0; i < 8; i++)
    put(&s, 0, 1);
  struct fixture x;
  struct pcln_table t;
  uint8_t *bytes;
  setup(&x, false);
  assert_int_equal(take(&x, s.bytes, s.len, false), PCLN_OK);
  assert_int_equal(x.stats.stackmap_tables, 3);
  assert_int_equal(x.stats.stackmap_functions, 2);
  assert_int_equal(x.stats.stackmap_dropped, 1);
  assert_int_equal(x.stats.stackmap_copies, 1);
  assert_int_equal(x.stats.stackmap_records, 4);
  encode(&x, &t, &bytes);
  assert_string_equal(live(&t, 0x1010), "-40 ");
  assert_string_equal(live(&t, 0x1110), "-32 ");
  free(bytes);
  pcln_module_free(&x.m);
}

static void what_no_map_says_is_kept(void **state) {
  (void)state;
  struct section s = {0};
  header(&s, 1, 3, 3);
  function(&s, 0x1000, 40, 3);
  put(&s, 11, 8);
  put(&s, 22, 8);
  put(&s, 33, 8);
  // Deoptimisation values: a large constant, a register, a variable.
  RECORD(&s, 0x10, HEAD(3), {CONSTANT_INDEX, 8, 0, 2}, {REGISTER, 8, RBX, 0},
         {DIRECT, 8, RSP, 24}, SLOT(8), SLOT(8));
  // A patchpoint: no rows behind it up to the next return address.
  const struct location live_in = {REGISTER, 8, RBX, 0};
  record(&s, 0x20, 2, &live_in, 1);
  RECORD(&s, 0x40, HEAD(0), SLOT(16), SLOT(16));
  struct fixture x;
  struct pcln_table t;
  uint8_t *bytes;
  setup(&x, false);
  assert_int_equal(take(&x, s.bytes, s.len, false), PCLN_OK);
  assert_int_equal(x.stats.stackmap_kept, 2);
  encode(&x, &t, &bytes);
  assert_string_equal(live(&t, 0x1010), "-40 ");
  assert_string_equal(live(&t, 0x1018), "-");
  assert_string_equal(live(&t, 0x1030), "-");
  assert_string_equal(live(&t, 0x103f), "-");
  assert_string_equal(live(&t, 0x1040), "-32 ");
  struct pcln_func f;
  struct pcln_llvm_records it;
  struct pcln_llvm_record r;
  struct pcln_llvm_location l;
  uint64_t value;
  assert_int_equal(pcln_find_func(&t, 0x1000, &f), PCLN_OK);
  assert_int_equal(pcln_llvm_records(&t, &f, &it), PCLN_OK);
  assert_true(pcln_llvm_records_next(&it, &r));
  assert_int_equal(r.pc_off, 0x10);
  assert_int_equal(r.id, 0xabcdef00);
  l = pcln_llvm_location(&r, PCLN_LLVM_DEOPT);
  assert_int_equal(l.kind, PCLN_LLVM_CONSTANT_INDEX);
  assert_int_equal(l.off, 0); // the function's own numbers
  assert_int_equal(pcln_llvm_constant(&it, &l, &value), PCLN_OK);
  assert_int_equal(value, 33);
  l = pcln_llvm_location(&r, PCLN_LLVM_DEOPT + 2);
  assert_int_equal(l.kind, PCLN_LLVM_DIRECT);
  assert_int_equal(l.off, 24);
  l.off = 1;
  assert_int_equal(pcln_llvm_constant(&it, &l, &value), PCLN_CORRUPT);
  assert_true(pcln_llvm_records_next(&it, &r));
  assert_int_equal(r.pc_off, 0x20);
  assert_int_equal(r.n_live_outs, 2);
  assert_int_equal(pcln_llvm_live_out(&r, 1).reg, 5);
  assert_int_equal(pcln_llvm_live_out(&r, 1).size, 8);
  assert_false(pcln_llvm_records_next(&it, &r));
  assert_int_equal(it.status, PCLN_OK);
  assert_int_equal(pcln_find_func(&t, 0x1100, &f), PCLN_OK);
  assert_int_equal(pcln_llvm_records(&t, &f, &it), PCLN_NOT_FOUND);
  free(bytes);
  pcln_module_free(&x.m);
}

static void references_out_of_reach_are_errors(void **state) {
  (void)state;
  static const struct {
    const char *fault;
    struct location base, derived;
  } cases[] = {
      {"stackmaps-register", {REGISTER, 8, RBX, 0}, {REGISTER, 8, RBX, 0}},
      {"stackmaps-register", SLOT(8), {REGISTER, 8, RBX, 0}},
      {"stackmaps-direct", {DIRECT, 8, RSP, 8}, SLOT(8)},
      {"stackmaps-alloca", {DIRECT, 8, RSP, 8}, {DIRECT, 8, RSP, 16}},
      {"stackmaps-size", {INDIRECT, 4, RSP, 8}, {INDIRECT, 4, RSP, 8}},
      {"stackmaps-size", {INDIRECT, 16, RSP, 8}, SLOT(8)},
      {"safepoint-register", {INDIRECT, 8, RBX, 8}, {INDIRECT, 8, RBX, 8}},
      {"safepoint-align", SLOT(9), SLOT(9)},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct section s = {0};
    struct fixture x;
    header(&s, 1, 0, 1);
    function(&s, 0x1000, 40, 1);
    RECORD(&s, 0x10, HEAD(0), cases[i].base, cases[i].derived);
    setup(&x, false);
    assert_int_equal(take(&x, s.bytes, s.len, false), PCLN_CORRUPT);
    assert_string_equal(x.fault, cases[i].fault);
    assert_string_equal(x.func, "f");
    assert_int_equal(x.n_reports, 1);
    pcln_module_free(&x.m);
  }
}

// A sound section; `what` is wrong in it.
enum wrong {
  NOTHING,
  VERSION_2,
  MORE_FUNCTIONS,
  FEWER_RECORDS,
  MORE_RECORDS,
  FUNCTION_RECORDS,
  KIND_0,
  KIND_6,
  NO_CONSTANT,
  NO_FUNCTION,
  INSIDE_FUNCTION,
  BEHIND_FUNCTION,
  LARGE_FRAME,
  OTHER_COPY,
  N_WRONG,
};
static void make(struct section *s, enum wrong what) {
  header(s, what == MORE_FUNCTIONS ? 3 : 2, 1,
         what == FEWER_RECORDS  ? 1
         : what == MORE_RECORDS ? 3
                                : 2);
  if (what == VERSION_2)
    s->bytes[0] = 2;
  function(s,
           what == NO_FUNCTION       ? 0x5000
           : what == INSIDE_FUNCTION ? 0x1001
                                     : 0x1000,
           what == LARGE_FRAME ? 48 : 40, what == FUNCTION_RECORDS ? 3 : 1);
  function(s, what == OTHER_COPY ? 0x1000 : 0x1100, 40, 1);
  put(s, 7, 8);
  const struct location deopt = {what == KIND_0   ? 0
                                 : what == KIND_6 ? 6
                                                  : CONSTANT_INDEX,
                                 8, 0, what == NO_CONSTANT ? 1 : 0};
  RECORD(s, what == BEHIND_FUNCTION ? 0x101 : 0x10, HEAD(1), deopt, SLOT(8),
         SLOT(8));
  RECORD(s, 0x10, HEAD(0), SLOT(8), SLOT(8));
}

static void damaged_sections_are_refused(void **state) {
  (void)state;
  static const char *const faults[] = {
      [NOTHING] = "",
      [VERSION_2] = "stackmaps-header",
      [MORE_FUNCTIONS] = "stackmaps-records",
      [FEWER_RECORDS] = "stackmaps-records",
      [MORE_RECORDS] = "stackmaps-records",
      [FUNCTION_RECORDS] = "stackmaps-records",
      [KIND_0] = "stackmaps-records",
      [KIND_6] = "stackmaps-records",
      [NO_CONSTANT] = "stackmaps-constant",
      [NO_FUNCTION] = "stackmaps-function",
      [INSIDE_FUNCTION] = "stackmaps-function",
      [BEHIND_FUNCTION] = "safepoint-outside",
      [LARGE_FRAME] = "safepoint-frame",
      [OTHER_COPY] = "stackmaps-copies",
  };
  for (unsigned what = 0; what < N_WRONG; what++) {
    struct section s = {0};
    struct fixture x;
    make(&s, (enum wrong)what);
    setup(&x, false);
    assert_int_equal(take(&x, s.bytes, s.len, false),
                     what == NOTHING ? PCLN_OK : PCLN_CORRUPT);
    if (strcmp(x.fault, faults[what]) != 0)
      print_message("case %u: %s\n", what, x.fault);
    assert_string_equal(x.fault, faults[what]);
    pcln_module_free(&x.m);
  }
}

static void no_prefix_is_a_section(void **state) {
  (void)state;
  struct section s = {0};
  make(&s, NOTHING);
  for (size_t len = 1; len < s.len; len++) {
    struct fixture x;
    setup(&x, false);
    assert_int_equal(take(&x, s.bytes, len, false), PCLN_CORRUPT);
    assert_int_equal(x.n_reports, 1);
    pcln_module_free(&x.m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statepoints_become_rows),
      cmocka_unit_test(tables_follow_each_other),
      cmocka_unit_test(what_no_map_says_is_kept),
      cmocka_unit_test(references_out_of_reach_are_errors),
      cmocka_unit_test(damaged_sections_are_refused),
      cmocka_unit_test(no_prefix_is_a_section),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
