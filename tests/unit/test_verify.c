// SPDX-License-Identifier: Apache-2.0
//
// Each fault of the verifier is provoked by one change of a sound table, and
// by nothing else: the tests assert that it is the only fault reported.
#include "sample_table.h"
#include "verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct made made; // too large for the stack

// --- Reports ----------------------------------------------------------------

struct faults {
  char first[32], func[32], other[32];
  unsigned n;
};

static void keep_fault(void *ctx, const struct pcln_report *r) {
  struct faults *f = ctx;
  assert_non_null(r->fault);
  assert_non_null(r->text);
  assert_non_null(r->region);
  if (f->n++ == 0) {
    strncpy(f->first, r->fault, sizeof f->first - 1);
    strncpy(f->func, r->func ? r->func : "", sizeof f->func - 1);
  }
  if (strcmp(f->first, r->fault) != 0)
    strncpy(f->other, r->fault, sizeof f->other - 1);
}

static struct faults verify(const struct pcln_table *t) {
  struct faults f = {.n = 0};
  const struct pcln_sink sink = {keep_fault, &f};
  const enum pcln_status status = pcln_verify(t, &sink);
  assert_int_equal(status, f.n ? PCLN_CORRUPT : PCLN_OK);
  assert_int_equal(pcln_verify(t, NULL), status);
  // In parts it finds the same.
  enum pcln_status parts = PCLN_OK;
  for (unsigned part = 0; part < 3; part++)
    if (pcln_verify_part(t, part, 3, NULL) != PCLN_OK)
      parts = PCLN_CORRUPT;
  assert_int_equal(parts, status);
  return f;
}

static struct pcln_table open_made(void) {
  struct pcln_table t;
  assert_int_equal(pcln_open(&t, made.bytes,
                             made.ours ? made.len : made.funcdata,
                             &made.options, NULL),
                   PCLN_OK);
  return t;
}

// The table as it is now has this fault and no other.
static void assert_fault(const char *fault, const char *func) {
  if (made.ours)
    make_seal(&made);
  const struct pcln_table t = open_made();
  const struct faults f = verify(&t);
  if (strcmp(f.first, fault) != 0 || strcmp(f.func, func) != 0 || *f.other)
    fail_msg("want %s in %s, got %s in %s and '%s'", fault, func, f.first,
             f.func, f.other);
}

static void make_sample(void) {
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  make_table(&s, &made);
}

// --- Sound tables -----------------------------------------------------------

static void check_sound(const struct make_spec *s, struct made *m,
                        const struct pcln_table *t) {
  (void)s;
  (void)m;
  const struct faults f = verify(t);
  assert_string_equal(f.first, "");
  struct pcln_table moved = *t; // as loaded
  moved.text_start += 0x7f0000000000;
  assert_int_equal(verify(&moved).n, 0);
}

static void verify_accepts_every_layout(void **state) {
  (void)state;
  sample_for_each(check_sound);
}

// --- One changed field ------------------------------------------------------

enum place {
  BLOB, // from byte 0
  CUTAB,
  FUNCTAB,
  FUNCDATA,
  FINDFUNC,
  RULES,
  RECORD, // of the function, as are the next
  PCSP,
  PCFILE,
  LINES,
  INLTREE_STREAM,
  UNWIND_STREAM,
  TREE,
  CHECKPOINTS,
};

static size_t place_of(enum place place, size_t func) {
  switch (place) {
  case BLOB:
    return 0;
  case CUTAB:
    return made.cutab;
  case FUNCTAB:
    return made.functab;
  case FUNCDATA:
    return made.funcdata;
  case FINDFUNC:
    return made.findfunctab;
  case RULES:
    return made.rules;
  case RECORD:
    return made.rec[func];
  case PCSP:
    return made.pcsp[func];
  case PCFILE:
    return made.pcfile[func];
  case LINES:
    return made.pcln[func];
  case INLTREE_STREAM:
    return made.pcdata[func][PCLN_PCDATA_INLTREE];
  case UNWIND_STREAM:
    return made.pcdata[func][PCLN_PCDATA_UNWIND];
  case TREE:
    return made.tree[func];
  case CHECKPOINTS:
    return made.checkpoints[func];
  }
  return 0;
}

static const struct {
  const char *fault, *func;
  enum place place;
  size_t of, off;
  unsigned size;
  uint64_t value;
} changes[] = {
    {"module-fields", "", BLOB, 0, PCLN_MOD_FLAGS, 4, 10},
    {"module-fields", "", BLOB, 0, PCLN_MOD_STACKMAP_BITS, 1, 3},
    {"module-fields", "", BLOB, 0, PCLN_MOD_RESERVED, 1, 1},
    {"module-fields", "", BLOB, 0, PCLN_MOD_BUILD_ID + 3, 1, 1},
    {"module-text", "", BLOB, 0, PCLN_MOD_TEXT_LEN, 8, SAMPLE_TEXT_LEN - 1},
    {"module-text", "", BLOB, 0, PCLN_MOD_FLAGS, 4, PCLN_MODF_GO_COMPAT},
    {"module-text", "", BLOB, 0, PCLN_MOD_SIZE + 24, 8, 1},
    {"file-offset", "", CUTAB, 0, 8, 4, 0x1000},
    {"rule-kind", "", RULES, 0, 0, 1, 7},
    {"rule-kind", "", RULES, 0, 1, 1, 5},
    {"rule-kind", "", RULES, 0, 2, 1, 5},
    {"rule-fields", "", RULES, 0, 3, 1, 6},
    {"rule-fields", "", RULES, 0, PCLN_RULE_SIZE + 4, 4, 8},
    {"func-order", "", FUNCTAB, 0, 0, 4, 4},
    {"func-order", "", FUNCTAB, 0, 8 * SAMPLE_HOLE, 4, 0x40},
    {"func-order", "", FUNCTAB, 0, 8 * SAMPLE_GAMMA, 4, 0x5000},
    {"findfunc-index", "", FINDFUNC, 0, 4, 1, 2},
    {"findfunc-index", "", FINDFUNC, 0, 20, 4, 3},
    {"findfunc-index", "", FINDFUNC, 0, 20, 4, 0xffffffff},
    {"findfunc-index", "", FINDFUNC, 0, 20, 4, 0},
    {"findfunc-index", "", FINDFUNC, 0, 5, 1, 0},
    {"record-bounds", "", FUNCTAB, 0, 8 * SAMPLE_BETA + 4, 4, 0x100000},
    {"record-bounds", "", FUNCTAB, 0, 8 * SAMPLE_BETA + 4, 4, 0},
    {"record-bounds", "", RECORD, SAMPLE_BETA, PCLN_GO_FUNC_NPCDATA, 4, 999},
    {"name-offset", "", RECORD, SAMPLE_BETA, PCLN_GO_FUNC_NAME_OFF, 4, 0x800},
    {"record-entry", "beta", RECORD, SAMPLE_BETA, 0, 4, 0x44},
    {"record-entry", "", RECORD, SAMPLE_HOLE, 0, 4, 0x34},
    {"record-fields", "beta", RECORD, SAMPLE_BETA, PCLN_GO120_FUNC_ID + 1, 1,
     0x10},
    {"record-fields", "beta", RECORD, SAMPLE_BETA, PCLN_GO120_FUNC_START_LINE,
     4, 0x80000001},
    {"record-fields", "beta", RECORD, SAMPLE_BETA, PCLN_GO_FUNC_ARGS, 4,
     0x80000008},
    {"record-fields", "beta", RECORD, SAMPLE_BETA, PCLN_GO_FUNC_DEFERRETURN, 4,
     0x10000},
    {"hole-record", "", RECORD, SAMPLE_HOLE, PCLN_GO_FUNC_PCSP, 4, 1},
    {"pcvalue-offset", "beta", RECORD, SAMPLE_BETA, PCLN_GO_FUNC_PCSP, 4,
     0x4000},
    {"pcvalue-pc-delta", "alpha", PCSP, SAMPLE_ALPHA, 1, 1, 0},
    {"pcvalue-end", "alpha", PCSP, SAMPLE_ALPHA, 0, 5, 0xffffffffff},
    {"pcvalue-short", "alpha", PCSP, SAMPLE_ALPHA, 4, 1, 0},
    {"pcvalue-short", "alpha", PCFILE, SAMPLE_ALPHA, 1, 1, 0x2f},
    {"pcvalue-short", "delta", PCSP, SAMPLE_DELTA, 1, 1, 0x80},
    {"pcvalue-length", "alpha", PCSP, SAMPLE_ALPHA, 1, 1, 0x05},
    {"pcvalue-length", "alpha", PCFILE, SAMPLE_ALPHA, 1, 1, 0x35},
    {"pcvalue-length", "beta", UNWIND_STREAM, SAMPLE_BETA, 1, 1, 0x05},
    {"pcsp-range", "alpha", PCSP, SAMPLE_ALPHA, 0, 1, 3},
    {"line-range", "alpha", LINES, SAMPLE_ALPHA, 0, 1, 3},
    {"file-number", "alpha", PCFILE, SAMPLE_ALPHA, 0, 1, 8},
    {"file-number", "alpha", RECORD, SAMPLE_ALPHA, PCLN_GO_FUNC_CU_OFFSET, 4,
     3},
    {"rule-number", "beta", UNWIND_STREAM, SAMPLE_BETA, 6, 1, 4},
    {"rule-number", "beta", UNWIND_STREAM, SAMPLE_BETA, 0, 1, 1},
    {"inline-number", "alpha", INLTREE_STREAM, SAMPLE_ALPHA, 0, 1, 1},
    {"inline-name", "alpha", TREE, SAMPLE_ALPHA, 16 + 4, 4, 0x800},
    {"inline-parent-pc", "alpha", TREE, SAMPLE_ALPHA, 8, 4, 0x34},
    {"inline-parent", "alpha", TREE, SAMPLE_ALPHA, 8, 4, 0x08},
    {"inline-parent", "alpha", TREE, SAMPLE_ALPHA, 16 + 8, 4, 0x10},
    {"checkpoint-bounds", "delta", CHECKPOINTS, SAMPLE_DELTA, 0, 4, 0x10000},
    {"checkpoint-bounds", "delta", CHECKPOINTS, SAMPLE_DELTA, 8, 4, 0x10000},
    {"checkpoint-bounds", "delta", CHECKPOINTS, SAMPLE_DELTA, 12, 4, 0x10000},
    {"checkpoint-stream", "delta", CHECKPOINTS, SAMPLE_DELTA, 4, 4, 1},
    {"checkpoint-order", "delta", CHECKPOINTS, SAMPLE_DELTA, 16 + 4, 4, 0},
    {"checkpoint-state", "delta", CHECKPOINTS, SAMPLE_DELTA, 16, 4, 1},
    {"checkpoint-state", "delta", CHECKPOINTS, SAMPLE_DELTA, 16 + 4, 4, 7},
    {"checkpoint-state", "delta", CHECKPOINTS, SAMPLE_DELTA, 16 + 8, 4, 7},
};

static void verify_names_the_fault_of_each_change(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    make_sample();
    const size_t at = place_of(changes[i].place, changes[i].of);
    make_patch(&made, at + changes[i].off, changes[i].size, changes[i].value);
    assert_fault(changes[i].fault, changes[i].func);
  }
}

// --- Faults that need more than one field -----------------------------------

static void verify_notices_a_changed_byte(void **state) {
  (void)state;
  make_sample();
  made.bytes[made.names + 1] ^= 0x20; // "Alpha"
  const struct pcln_table t = open_made();
  const struct faults f = verify(&t);
  assert_string_equal(f.first, "checksum");
  assert_int_equal(f.n, 1);
}

static void verify_wants_parts_in_order(void **state) {
  (void)state;
  make_sample();
  // A copy of the funcdata area behind everything else.
  made.len = (made.len + 7) & ~(size_t)7;
  memmove(made.bytes + made.len, made.bytes + made.funcdata, made.funcdata_len);
  make_patch(&made, PCLN_MOD_FUNCDATA, 4, made.len);
  made.len += made.funcdata_len;
  make_patch(&made, PCLN_MOD_BLOB_LEN, 8, made.len);
  assert_fault("module-order", "");
}

static void verify_wants_names_to_end(void **state) {
  (void)state;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  make_table(&s, &made);
  for (size_t at = made.cutab - 1; !made.bytes[at]; at--)
    made.bytes[at] = 'x'; // the last name runs up to cutab
  made.bytes[made.cutab - 1] = 'x';
  const size_t tree = made.tree[SAMPLE_ALPHA]; // does not need that name
  make_patch(&made, tree + 16 + 4, 4, 1);
  assert_fault("names-end", "");
  make_table(&s, &made);
  made.bytes[made.pctab - 1] = 'x';
  make_patch(&made, made.cutab + 4, 4, PCLN_NO_FILE);
  assert_fault("files-end", "");
}

static void verify_wants_whole_rules(void **state) {
  (void)state;
  make_sample();
  make_patch(&made, PCLN_MOD_RULES + 4, 4, 3 * PCLN_RULE_SIZE + 4);
  made.len += 4;
  make_patch(&made, PCLN_MOD_BLOB_LEN, 8, made.len);
  assert_fault("rules-length", "");
}

static void verify_wants_findfunctab_to_fit(void **state) {
  (void)state;
  make_sample();
  make_patch(&made, PCLN_MOD_FINDFUNCTAB + 4, 4, made.findfunctab_len - 1);
  assert_fault("findfunc-length", "");
}

static void verify_wants_pcs_of_32_bits(void **state) {
  (void)state;
  static const struct make_run far[] = {{0x30, 1}, {0xfffffff0, 2}, {0, 0}};
  struct make_spec s = sample_spec(PCLN_GO_120, 8, 4, false, true);
  static struct make_func f[1];
  f[0] = (struct make_func){.name = "f", .pcln = far};
  s.funcs = f;
  s.n_funcs = 1;
  s.text_len = 0x30;
  make_table(&s, &made);
  assert_fault("", "");
  const size_t last = made.pcln[0] + 3; // its pc delta: c0 ff ff ff 03
  assert_int_equal(made.bytes[last + 4], 3);
  made.bytes[last + 4] = 4;
  assert_fault("pcvalue-range", "f");
}

// Possible only where functab has addresses of 64 bits.
static void verify_bounds_the_size_of_functions(void **state) {
  (void)state;
  const struct make_spec s = sample_spec(PCLN_GO_116, 8, 1, false, false);
  make_table(&s, &made);
  make_patch(&made, made.functab + 16 * SAMPLE_N, 8,
             SAMPLE_TEXT + (UINT64_C(1) << 33));
  made.options.findfunctab = (struct pcln_span){0}; // is too short for that
  assert_fault("func-size", "");
}

static void verify_wants_funcdata_inside_its_area(void **state) {
  (void)state;
  make_sample();
  // The third of four: a kind that nothing else looks at.
  const size_t list = made.rec[SAMPLE_ALPHA] + PCLN_GO120_FUNC_SIZE + 3 * 4;
  make_patch(&made, list + 2 * 4, 4, 0x100000);
  assert_fault("funcdata-offset", "alpha");
}

// The tree is the last of the area: its length is not stored.
static void verify_wants_inline_records_inside_the_area(void **state) {
  (void)state;
  struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  s.n_funcs = 1;
  s.text_len = 0x30;
  make_table(&s, &made);
  assert_fault("", "");
  make_patch(&made, made.pcdata[0][PCLN_PCDATA_INLTREE] + 4, 1, 6);
  make_patch(&made, made.pcdata[0][PCLN_PCDATA_INLTREE] + 6, 1, 5); // and back
  assert_fault("inline-bounds", "alpha");
}

// 300 calls, each inside the one before.
static void verify_bounds_the_depth_of_inlining(void **state) {
  (void)state;
  enum { N = 300 };
  static struct make_inline inlines[N + 1];
  static struct make_run depth[N + 2], lines[2] = {{N + 1, 1}, {0, 0}};
  static struct make_func f[1];
  struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  for (uint32_t i = 0; i < N; i++) {
    inlines[i] = (struct make_inline){.name = "i", .parent_pc = i};
    depth[i] = (struct make_run){i + 1, (int32_t)i - 1};
  }
  depth[N] = (struct make_run){N + 1, N - 1};
  f[0] = (struct make_func){.name = "f",
                            .pcln = lines,
                            .pcdata = {[PCLN_PCDATA_INLTREE] = depth},
                            .inlines = inlines};
  s.funcs = f;
  s.n_funcs = 1;
  s.text_len = N + 1;
  make_table(&s, &made);
  assert_fault("inline-depth", "f");
  // As deep as the frame walk goes, the function itself included.
  depth[PCLN_MAX_INLINE_DEPTH] = (struct make_run){N + 1, -1};
  depth[PCLN_MAX_INLINE_DEPTH + 1] = (struct make_run){0, 0};
  make_table(&s, &made);
  assert_fault("", "");
  const struct pcln_table t = open_made();
  struct pcln_frame_iter it;
  struct pcln_frame frame;
  assert_int_equal(
      pcln_frames_begin(&t, t.text_start + PCLN_MAX_INLINE_DEPTH - 1, &it),
      PCLN_OK);
  unsigned n = 0;
  while (pcln_frames_next(&it, &frame))
    n++;
  assert_int_equal(it.status, PCLN_OK);
  assert_int_equal(n, PCLN_MAX_INLINE_DEPTH);
}

// 1200 calls side by side and one chain of three at the end: records beyond
// those whose depth is remembered.
static void verify_handles_large_inline_trees(void **state) {
  (void)state;
  enum { N = 1200 };
  static struct make_inline inlines[N + 1];
  static struct make_run depth[N + 2], lines[2] = {{N + 1, 1}, {0, 0}};
  static struct make_func f[1];
  struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  depth[0] = (struct make_run){1, -1};
  for (uint32_t i = 0; i < N; i++) {
    inlines[i] =
        (struct make_inline){.name = "i", .parent_pc = i < N - 2 ? 0 : i};
    depth[i + 1] = (struct make_run){i + 2, (int32_t)i};
  }
  f[0] = (struct make_func){.name = "f",
                            .pcln = lines,
                            .pcdata = {[PCLN_PCDATA_INLTREE] = depth},
                            .inlines = inlines};
  s.funcs = f;
  s.n_funcs = 1;
  s.text_len = N + 1;
  make_table(&s, &made);
  assert_fault("", "");
  inlines[N - 1].parent_pc = N;
  make_table(&s, &made);
  assert_fault("inline-parent", "f");
}

// Thousands of references to one long stream.
static void verify_bounds_its_work(void **state) {
  (void)state;
  enum { N = 100000, REFS = 6000 };
  static struct make_func f[1];
  struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  struct make_run *lines = calloc(N + 1, sizeof *lines);
  assert_non_null(lines);
  for (uint32_t i = 0; i < N; i++)
    lines[i] = (struct make_run){i + 1, (int32_t)(i % 2)};
  f[0] = (struct make_func){.name = "f", .pcln = lines, .n_pcdata = REFS};
  s.funcs = f;
  s.n_funcs = 1;
  s.text_len = N;
  f[0].n_pcdata = 6; // the maker's own limit; the rest is written below
  make_table(&s, &made);
  free(lines);
  const uint64_t stream = made.pcln[0] - made.pctab;
  // The list of streams may lie anywhere in functab's region, so it runs on
  // into what stands behind: the region is made to reach the blob's end.
  const size_t list = made.rec[0] + PCLN_GO120_FUNC_SIZE;
  for (size_t i = 0; i < REFS; i++)
    if (i != PCLN_PCDATA_INLTREE && i != PCLN_PCDATA_UNWIND)
      make_patch(&made, list + 4 * i, 4, stream);
  make_patch(&made, made.rec[0] + PCLN_GO_FUNC_NPCDATA, 4, REFS);
  made.len = list + 4 * (size_t)REFS;
  make_patch(&made, PCLN_MOD_PCLNTAB + 4, 4, made.len - PCLN_MOD_SIZE);
  memset(made.bytes + PCLN_MOD_FUNCDATA, 0, 24);
  make_patch(&made, PCLN_MOD_BLOB_LEN, 8, made.len);
  assert_fault("verify-work", "");
}

static void verify_stops_after_a_hundred_faults(void **state) {
  (void)state;
  static struct make_func f[200];
  struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  for (uint32_t i = 0; i < 200; i++)
    f[i] = (struct make_func){.off = i, .name = "f"};
  s.funcs = f;
  s.n_funcs = 200;
  s.text_len = 200;
  make_table(&s, &made);
  for (uint32_t i = 0; i < 200; i++)
    make_patch(&made, made.rec[i], 4, 1000);
  make_seal(&made);
  const struct pcln_table t = open_made();
  assert_int_equal(verify(&t).n, 100);
}

// --- What verify promises ---------------------------------------------------

// Whatever byte is changed: if verify calls the table sound, every lookup
// answers.
static void verified_tables_never_answer_corrupt(void **state) {
  (void)state;
  make_sample();
  unsigned n_sound = 0;
  for (size_t at = made.pclntab; at < made.len; at++) {
    const uint8_t old = made.bytes[at];
    made.bytes[at] ^= (uint8_t)(1u << at % 8);
    make_seal(&made);
    struct pcln_table t;
    if (pcln_open(&t, made.bytes, made.len, NULL, NULL) == PCLN_OK &&
        pcln_verify(&t, NULL) == PCLN_OK) {
      n_sound++;
      for (uint64_t off = 0; off < t.text_len; off += off < 0x60 ? 1 : 0x91) {
        struct pcln_frame_iter it;
        struct pcln_frame frame;
        struct pcln_func f;
        struct pcln_rule rule;
        const uint64_t pc = t.text_start + off;
        assert_int_equal(pcln_find_func(&t, pc, &f), PCLN_OK);
        assert_true(pc >= f.entry && pc < f.end);
        assert_int_equal(pcln_rule_at(&t, &f, pc, &rule, NULL), PCLN_OK);
        assert_int_equal(pcln_frames_begin(&t, pc, &it),
                         f.hole ? PCLN_NOT_FOUND : PCLN_OK);
        if (f.hole)
          continue;
        while (pcln_frames_next(&it, &frame))
          ;
        assert_int_equal(it.status, PCLN_OK);
      }
    }
    made.bytes[at] = old;
  }
  assert_true(n_sound > 100); // characters of names, line numbers ...
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(verify_accepts_every_layout),
      cmocka_unit_test(verify_names_the_fault_of_each_change),
      cmocka_unit_test(verify_notices_a_changed_byte),
      cmocka_unit_test(verify_wants_parts_in_order),
      cmocka_unit_test(verify_wants_names_to_end),
      cmocka_unit_test(verify_wants_whole_rules),
      cmocka_unit_test(verify_wants_findfunctab_to_fit),
      cmocka_unit_test(verify_wants_pcs_of_32_bits),
      cmocka_unit_test(verify_bounds_the_size_of_functions),
      cmocka_unit_test(verify_wants_funcdata_inside_its_area),
      cmocka_unit_test(verify_wants_inline_records_inside_the_area),
      cmocka_unit_test(verify_bounds_the_depth_of_inlining),
      cmocka_unit_test(verify_handles_large_inline_trees),
      cmocka_unit_test(verify_bounds_its_work),
      cmocka_unit_test(verify_stops_after_a_hundred_faults),
      cmocka_unit_test(verified_tables_never_answer_corrupt),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
