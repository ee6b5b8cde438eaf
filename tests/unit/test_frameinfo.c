// SPDX-License-Identifier: Apache-2.0
#include "frame_table.h"
#include "sample_table.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct made made; // too large for the stack

static struct pcln_table sample(void) {
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  struct pcln_table t;
  make_table(&s, &made);
  assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, NULL), PCLN_OK);
  return t;
}

// --- Frames -----------------------------------------------------------------

struct want_frame {
  const char *func, *file;
  int32_t line, start_line;
  uint8_t func_id;
  bool inlined;
};

static const struct {
  uint32_t off;
  struct want_frame frames[4]; // up to one without a name
} chains[] = {
    {0x00, {{"alpha", "/src/a.c", 10, 9, 5, false}}},
    {0x0f,
     {{"beta_inl", "/src/a.c", 102, 100, 3, true},
      {"alpha", "/src/a.c", 12, 9, 5, false}}},
    {0x10,
     {{"leaf", "/src/a.c", 201, 200, 0, true},
      {"beta_inl", "/src/a.c", 102, 100, 3, true},
      {"alpha", "/src/a.c", 12, 9, 5, false}}},
    {0x1f,
     {{"beta_inl", "/src/a.c", 103, 100, 3, true},
      {"alpha", "/src/a.c", 12, 9, 5, false}}},
    {0x20, {{"alpha", "/src/a.c", 14, 9, 5, false}}},
    {0x40, {{"beta", "/src/b.h", 50, 0, 0, false}}},
    {0x60, {{"beta", "/src/a.c", 50, 0, 0, false}}},
    {0x2000, {{"gamma", NULL, 0, 0, 0, false}}},
    {0x4811, {{"delta", NULL, 61200, 0, 0, false}}},
};

static void check_frames(const struct make_spec *s, struct made *m,
                         const struct pcln_table *t) {
  (void)m;
  for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
    struct pcln_frame_iter it;
    struct pcln_frame f;
    assert_int_equal(pcln_frames_begin(t, t->text_start + chains[i].off, &it),
                     PCLN_OK);
    for (const struct want_frame *w = chains[i].frames; w->func; w++) {
      assert_true(pcln_frames_next(&it, &f));
      assert_string_equal(f.func, w->func);
      if (w->file)
        assert_string_equal(f.file, w->file);
      else
        assert_null(f.file);
      assert_int_equal(f.line, w->line);
      assert_int_equal(f.start_line,
                       s->layout == PCLN_GO_120 ? w->start_line : 0);
      assert_int_equal(f.func_id, w->func_id);
      assert_int_equal(f.inlined, w->inlined);
    }
    assert_false(pcln_frames_next(&it, &f));
    assert_int_equal(it.status, PCLN_OK);
    assert_false(pcln_frames_next(&it, &f));
  }
}

static void frames_name_inlined_calls_in_every_layout(void **state) {
  (void)state;
  sample_for_each(check_frames);
}

static void frames_find_nothing_in_holes_and_outside(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  static const uint32_t offs[] = {0x30, 0x3f, 0x4800, SAMPLE_TEXT_LEN};
  for (size_t i = 0; i < 4; i++) {
    struct pcln_frame_iter it;
    struct pcln_frame f;
    assert_int_equal(pcln_frames_begin(&t, t.text_start + offs[i], &it),
                     PCLN_NOT_FOUND);
    assert_false(pcln_frames_next(&it, &f));
  }
}

static void frames_without_funcdata_show_the_function(void **state) {
  (void)state;
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, false);
  struct pcln_table t;
  struct pcln_frame_iter it;
  struct pcln_frame f;
  make_table(&s, &made);
  assert_int_equal(pcln_open(&t, made.bytes, made.funcdata, NULL, NULL),
                   PCLN_OK);
  assert_int_equal(pcln_frames_begin(&t, t.text_start + 0x10, &it), PCLN_OK);
  assert_true(pcln_frames_next(&it, &f));
  assert_string_equal(f.func, "alpha");
  assert_int_equal(f.line, 201);
  assert_false(pcln_frames_next(&it, &f));
}

static void frames_end_in_a_circular_tree(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  // The call of beta_inl is said to be inside of leaf.
  make_patch(&made, made.tree[SAMPLE_ALPHA] + 8, 4, 0x10);
  struct pcln_frame_iter it;
  struct pcln_frame f;
  assert_int_equal(pcln_frames_begin(&t, t.text_start + 0x10, &it), PCLN_OK);
  int n = 0;
  while (pcln_frames_next(&it, &f))
    n++;
  assert_int_equal(n, PCLN_MAX_INLINE_DEPTH - 1); // calls
  assert_int_equal(it.status, PCLN_CORRUPT);
}

static void frames_reject_damaged_trees(void **state) {
  (void)state;
  struct pcln_table t = sample();
  struct pcln_frame_iter it;
  struct pcln_frame f;
  make_patch(&made, made.tree[SAMPLE_ALPHA] + 16 + 4, 4, 0xffffff); // name
  assert_int_equal(pcln_frames_begin(&t, t.text_start + 0x10, &it), PCLN_OK);
  assert_false(pcln_frames_next(&it, &f));
  assert_int_equal(it.status, PCLN_CORRUPT);
  t = sample();
  t.funcdata.len = made.tree[SAMPLE_ALPHA] - made.funcdata + 31; // cut record 1
  assert_int_equal(pcln_frames_begin(&t, t.text_start + 0x10, &it), PCLN_OK);
  assert_false(pcln_frames_next(&it, &f));
  assert_int_equal(it.status, PCLN_CORRUPT);
}

// --- go1.9 to go1.11 ---------------------------------------------------------

// f, into which g was inlined in line 12, and h into that in line 102.
static struct frame_spec old_spec(unsigned go_minor) {
  static const struct pcln_run calls[] = {
      {0, 0x10, -1}, {0, 0x20, 0}, {0, 0x30, 1}, {0, 0x100, -1}, {0, 0, 0}};
  static const struct {
    int32_t parent, file, line;
    uint32_t name_off;
  } records[] = {{-1, 1, 12, 2}, {0, 2, 102, 4}};
  struct frame_spec s = {
      .layout = PCLN_GO_12, .go_minor = go_minor, .pcdata = {[1] = calls}};
  for (size_t i = 0; i < 2; i++) {
    struct frame_bytes *b = &s.funcdata[2];
    frame_put(&s, b, 4, (uint32_t)records[i].parent);
    frame_put(&s, b, 4, (uint32_t)records[i].file);
    frame_put(&s, b, 4, (uint32_t)records[i].line);
    frame_put(&s, b, 4, records[i].name_off);
  }
  return s;
}

// Names and files of that table.
static void name_old(struct frame_table *m) {
  static const uint8_t names[] = "f\0g\0h\0/a.go\0/b.go";
  static uint8_t files[12];
  pcln_store32(files, 3, m->t.swap);
  pcln_store32(files + 4, 6, m->t.swap);
  pcln_store32(files + 8, 12, m->t.swap);
  m->t.names = m->t.files = (struct pcln_span){names, sizeof names};
  m->t.cutab = (struct pcln_span){files, sizeof files};
}

static void frames_before_go112_name_their_calls_place(void **state) {
  (void)state;
  static const struct want_frame want[] = {
      {"h", "/b.go", 201, 0, 0, true},
      {"g", "/b.go", 102, 0, 0, true},
      {"f", "/a.go", 12, 0, 0, false},
  };
  for (unsigned go = 9; go <= 11; go++) {
    const struct frame_spec s = old_spec(go);
    struct frame_table m;
    struct pcln_frame f;
    int32_t inl;
    frame_table_make(&s, &m);
    name_old(&m);
    m.f.name = "f";
    assert_int_equal(pcln_pcdata_at(&m.t, &m.f, pcln_pcdata_inltree(&m.t),
                                    FRAME_ENTRY + 0x28, &inl),
                     PCLN_OK);
    struct pcln_frame_iter it = {.table = &m.t,
                                 .func = m.f,
                                 .pc = FRAME_ENTRY + 0x28,
                                 .file = 2,
                                 .line = 201,
                                 .inl = inl};
    for (size_t i = 0; i < 3; i++) {
      assert_true(pcln_frames_next(&it, &f));
      assert_string_equal(f.func, want[i].func);
      assert_string_equal(f.file, want[i].file);
      assert_int_equal(f.line, want[i].line);
      assert_int_equal(f.inlined, want[i].inlined);
    }
    assert_false(pcln_frames_next(&it, &f));
    assert_int_equal(it.status, PCLN_OK);
    frame_table_free(&m);
  }
}

static void frames_before_go112_end_in_a_circular_tree(void **state) {
  (void)state;
  struct frame_spec s = old_spec(10);
  struct frame_table m;
  struct pcln_frame f;
  int n = 0;
  s.funcdata[2].b[0] = 1; // g is inside of h
  memset(s.funcdata[2].b + 1, 0, 3);
  frame_table_make(&s, &m);
  name_old(&m);
  struct pcln_frame_iter it = {
      .table = &m.t, .func = m.f, .pc = FRAME_ENTRY + 0x28, .inl = 1};
  while (pcln_frames_next(&it, &f))
    n++;
  assert_int_equal(n, PCLN_MAX_INLINE_DEPTH - 1);
  assert_int_equal(it.status, PCLN_CORRUPT);
  frame_table_free(&m);
}

// Where later records have funcID, padding and a count of one byte.
static void records_before_go112_count_in_four_bytes(void **state) {
  (void)state;
  for (int big = 0; big < 2; big++)
    for (unsigned go = 10; go <= 12; go++) {
      const struct make_spec s = sample_spec(PCLN_GO_12, 8, 1, big, false);
      struct pcln_table t;
      struct pcln_func f;
      make_table(&s, &made);
      const size_t rec = made.rec[SAMPLE_BETA];
      make_patch(&made, rec + 16, 4, 7); // frame size, funcID or deferreturn
      make_patch(&made, rec + 36, 4, 1);
      struct pcln_open_options o = made.options;
      o.go_minor = go;
      assert_int_equal(pcln_open(&t, made.bytes, made.funcdata, &o, NULL),
                       PCLN_OK);
      assert_int_equal(pcln_func_at(&t, SAMPLE_BETA, &f), PCLN_OK);
      if (go < 12) {
        assert_int_equal(f.n_funcdata, 1);
        assert_int_equal(f.func_id, go == 11 ? 7 : 0);
        assert_int_equal(f.deferreturn, 0);
      } else {
        assert_int_equal(f.n_funcdata, big ? 1 : 0);
        assert_int_equal(f.func_id, big ? 0 : 1);
        assert_int_equal(f.deferreturn, 7);
      }
      make_patch(&made, rec + 36, 4, 0xffffffff);
      assert_int_equal(pcln_func_at(&t, SAMPLE_BETA, &f), PCLN_CORRUPT);
    }
}

// --- Rules ------------------------------------------------------------------

static void rule_at_combines_streams(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  static const struct {
    uint32_t off, lo, hi; // lo and hi from the function's entry
    uint8_t cfa, fp, ra;
    int32_t cfa_off, fp_off, ra_off;
  } cases[] = {
      // alpha: pcsp alone
      {0x00, 0x00, 0x04, PCLN_CFA_SP_DELTA, PCLN_SAVE_SAME, PCLN_SAVE_CFA, 8, 0,
       -8},
      {0x04, 0x04, 0x2c, PCLN_CFA_SP_DELTA, PCLN_SAVE_SAME, PCLN_SAVE_CFA, 32,
       0, -8},
      // the hole has neither
      {0x30, 0x00, 0x10, PCLN_CFA_NONE, 0, 0, 0, 0, 0},
      // beta: unwind stream first, pcsp where a rule says so
      {0x41, 0x00, 0x04, PCLN_CFA_SP_DELTA, PCLN_SAVE_SAME, PCLN_SAVE_CFA, 16,
       0, -8},
      {0x44, 0x04, 0x10, PCLN_CFA_FP, PCLN_SAVE_CFA, PCLN_SAVE_CFA, 16, -16,
       -8},
      {0x50, 0x10, 0x18, PCLN_CFA_SP_DELTA, PCLN_SAVE_CFA, PCLN_SAVE_CFA, 16,
       -16, -8},
      {0x58, 0x18, 0x20, PCLN_CFA_NONE, 0, 0, 0, 0, 0},
      {0x60, 0x20, 0x1fc0, PCLN_CFA_SP_DELTA, PCLN_SAVE_SAME, PCLN_SAVE_CFA, 16,
       0, -8},
      // gamma: no pcsp
      {0x2000, 0x00, 0x2800, PCLN_CFA_NONE, 0, 0, 0, 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pcln_func f;
    struct pcln_rule r;
    struct pcln_run run;
    const uint64_t pc = t.text_start + cases[i].off;
    assert_int_equal(pcln_find_func(&t, pc, &f), PCLN_OK);
    assert_int_equal(pcln_rule_at(&t, &f, pc, &r, &run), PCLN_OK);
    assert_int_equal(r.cfa, cases[i].cfa);
    assert_int_equal(r.fp, cases[i].fp);
    assert_int_equal(r.ra, cases[i].ra);
    assert_int_equal(r.cfa_off, cases[i].cfa_off);
    assert_int_equal(r.fp_off, cases[i].fp_off);
    assert_int_equal(r.ra_off, cases[i].ra_off);
    assert_int_equal(run.lo, cases[i].lo);
    assert_int_equal(run.hi, cases[i].hi);
  }
}

static void rule_at_knows_link_registers(void **state) {
  (void)state;
  struct make_spec s = sample_spec(PCLN_GO_120, 8, 4, false, true);
  s.machine = 183; // AArch64
  struct pcln_table t;
  struct pcln_func f;
  struct pcln_rule r;
  make_table(&s, &made);
  assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_find_func(&t, t.text_start + 4, &f), PCLN_OK);
  assert_int_equal(pcln_rule_at(&t, &f, t.text_start + 4, &r, NULL), PCLN_OK);
  assert_int_equal(r.cfa, PCLN_CFA_SP_DELTA);
  assert_int_equal(r.ra, PCLN_SAVE_SAME);
  assert_int_equal(r.cfa_off, 24);
}

// The short way says what the long one does, in every layout, holes included.
static void unwind_at_equals_rule_at(void **state) {
  (void)state;
  for (int layout = PCLN_GO_118; layout <= PCLN_GO_120; layout++)
    for (int swap = 0; swap < 2; swap++) {
      struct make_spec s =
          sample_spec((enum pcln_layout)layout, 8, 1, swap, true);
      struct pcln_table t;
      make_table(&s, &made);
      assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, NULL),
                       PCLN_OK);
      unsigned n_ok = 0;
      for (uint64_t off = 0; off < t.text_len + 16; off++) {
        const uint64_t pc = t.text_start + off - 8;
        struct pcln_func f;
        struct pcln_rule want, got;
        enum pcln_status status = pcln_find_func(&t, pc, &f);
        if (status == PCLN_OK)
          status =
              f.hole ? PCLN_NOT_FOUND : pcln_rule_at(&t, &f, pc, &want, NULL);
        assert_int_equal(pcln_unwind_at(&t, pc, &got), status);
        if (status != PCLN_OK)
          continue;
        assert_memory_equal(&got, &want, sizeof got);
        n_ok++;
      }
      assert_true(n_ok > 100);
    }
}

static void rule_at_rejects_unknown_numbers(void **state) {
  (void)state;
  const struct pcln_table t = sample();
  struct pcln_func f;
  struct pcln_rule r;
  struct pcln_table fewer = t;
  fewer.rules.len = 2 * PCLN_RULE_SIZE;
  const uint64_t pc = t.text_start + 0x58;
  assert_int_equal(pcln_find_func(&t, pc, &f), PCLN_OK);
  assert_int_equal(pcln_rule_at(&fewer, &f, pc, &r, NULL), PCLN_CORRUPT);
  assert_int_equal(pcln_rule_at(&t, &f, f.end, &r, NULL), PCLN_NOT_FOUND);
  assert_int_equal(pcln_rule_at(&t, &f, f.entry - 1, &r, NULL), PCLN_NOT_FOUND);
  assert_int_equal(pcln_rule_get(&t, 0, &r), PCLN_OK);
  assert_int_equal(r.cfa, PCLN_CFA_FP);
  assert_int_equal(r.fp_off, -16);
  assert_int_equal(pcln_rule_get(&t, 3, &r), PCLN_NOT_FOUND);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frames_name_inlined_calls_in_every_layout),
      cmocka_unit_test(frames_find_nothing_in_holes_and_outside),
      cmocka_unit_test(frames_without_funcdata_show_the_function),
      cmocka_unit_test(frames_end_in_a_circular_tree),
      cmocka_unit_test(frames_reject_damaged_trees),
      cmocka_unit_test(frames_before_go112_name_their_calls_place),
      cmocka_unit_test(frames_before_go112_end_in_a_circular_tree),
      cmocka_unit_test(records_before_go112_count_in_four_bytes),
      cmocka_unit_test(rule_at_combines_streams),
      cmocka_unit_test(rule_at_knows_link_registers),
      cmocka_unit_test(unwind_at_equals_rule_at),
      cmocka_unit_test(rule_at_rejects_unknown_numbers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
