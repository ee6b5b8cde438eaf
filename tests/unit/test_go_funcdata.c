// SPDX-License-Identifier: Apache-2.0
#include "frame_table.h"
#include "table_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct pcln_table of_release(enum pcln_layout layout, unsigned minor) {
  return (struct pcln_table){
      .layout = layout, .go_minor = minor, .ptr_size = 8, .quantum = 1};
}

static enum pcln_layout layout_of(unsigned minor) {
  return minor < 16   ? PCLN_GO_12
         : minor < 18 ? PCLN_GO_116
         : minor < 20 ? PCLN_GO_118
                      : PCLN_GO_120;
}

// --- Numbers and names ------------------------------------------------------

// As Go's own headers and packages have them, release by release.
static const struct {
  unsigned minor;
  const char *pcdata[6], *funcdata[9];
} releases[] = {
    {2, {"ArgSize"}, {"ArgsPointerMaps", "LocalsPointerMaps"}},
    {3,
     {"ArgSize", "StackMapIndex"},
     {"unknown", "unknown", "ArgsPointerMaps", "LocalsPointerMaps",
      "DeadValueMaps"}},
    {5, {"StackMapIndex"}, {"ArgsPointerMaps", "LocalsPointerMaps"}},
    {9,
     {"StackMapIndex", "InlTreeIndex"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "InlTree"}},
    {11,
     {"StackMapIndex", "InlTreeIndex", "RegMapIndex"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "InlTree", "RegPointerMaps"}},
    {12,
     {"StackMapIndex", "InlTreeIndex", "RegMapIndex"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "InlTree", "RegPointerMaps",
      "StackObjects"}},
    {13,
     {"RegMapIndex", "StackMapIndex", "InlTreeIndex"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "RegPointerMaps", "StackObjects",
      "InlTree"}},
    {15,
     {"UnsafePoint", "StackMapIndex", "InlTreeIndex"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "RegPointerMaps", "StackObjects",
      "InlTree", "OpenCodedDeferInfo"}},
    {16,
     {"UnsafePoint", "StackMapIndex", "InlTreeIndex"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "StackObjects", "InlTree",
      "OpenCodedDeferInfo"}},
    {17,
     {"UnsafePoint", "StackMapIndex", "InlTreeIndex"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "StackObjects", "InlTree",
      "OpenCodedDeferInfo", "ArgInfo"}},
    {23,
     {"UnsafePoint", "StackMapIndex", "InlTreeIndex", "ArgLiveIndex"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "StackObjects", "InlTree",
      "OpenCodedDeferInfo", "ArgInfo", "ArgLiveInfo", "WrapInfo"}},
    {26,
     {"UnsafePoint", "StackMapIndex", "InlTreeIndex", "ArgLiveIndex",
      "PanicBounds"},
     {"ArgsPointerMaps", "LocalsPointerMaps", "StackObjects", "InlTree",
      "OpenCodedDeferInfo", "ArgInfo", "ArgLiveInfo", "WrapInfo"}},
};

static void indices_have_the_names_of_their_release(void **state) {
  (void)state;
  char buf[PCLN_NAME_MAX];
  for (size_t i = 0; i < sizeof releases / sizeof *releases; i++) {
    const unsigned minor = releases[i].minor;
    const struct pcln_table t = of_release(layout_of(minor), minor);
    for (uint32_t k = 0; k < 6; k++)
      assert_string_equal(pcln_pcdata_name(&t, k, buf, sizeof buf),
                          releases[i].pcdata[k] ? releases[i].pcdata[k]
                                                : "unknown");
    for (uint32_t k = 0; k < 9; k++)
      assert_string_equal(pcln_funcdata_name(&t, k, buf, sizeof buf),
                          releases[i].funcdata[k] ? releases[i].funcdata[k]
                                                  : "unknown");
  }
}

// Each kind's index leads back to a name that no other kind has.
static void kinds_and_names_agree_in_every_release(void **state) {
  (void)state;
  for (unsigned minor = 2; minor <= 27; minor++) {
    const struct pcln_table t = of_release(layout_of(minor), minor);
    char seen[PCLN_PD_N + PCLN_FD_N][PCLN_NAME_MAX];
    size_t n = 0;
    for (int k = 0; k < PCLN_PD_N + PCLN_FD_N; k++) {
      const bool pcdata = k < PCLN_PD_N;
      const uint32_t index =
          pcdata ? pcln_pcdata_index(&t, (enum pcln_pcdata_kind)k)
                 : pcln_funcdata_index(
                       &t, (enum pcln_funcdata_kind)(k - PCLN_PD_N));
      if (index == PCLN_NO_INDEX)
        continue;
      (pcdata ? pcln_pcdata_name : pcln_funcdata_name)(&t, index, seen[n],
                                                       PCLN_NAME_MAX);
      // From go1.16 on numbers are reserved before a release writes them.
      if (strcmp(seen[n], "unknown") == 0) {
        assert_true(minor >= 16);
        continue;
      }
      assert_null(strchr(seen[n], '|'));
      for (size_t i = 0; i < n; i++)
        assert_string_not_equal(seen[i], seen[n]);
      n++;
    }
    assert_true(n >= 3);
  }
}

static void an_unknown_release_is_not_guessed(void **state) {
  (void)state;
  char buf[PCLN_NAME_MAX];
  const struct pcln_table old = of_release(PCLN_GO_12, 0);
  assert_string_equal(pcln_pcdata_name(&old, 0, buf, sizeof buf),
                      "ArgSize|StackMapIndex|RegMapIndex|UnsafePoint");
  assert_string_equal(pcln_funcdata_name(&old, 2, buf, sizeof buf),
                      "ArgsPointerMaps|DeadValueMaps|InlTree|RegPointerMaps");
  assert_int_equal(pcln_pcdata_index(&old, PCLN_PD_STACKMAP), PCLN_NO_INDEX);
  assert_int_equal(pcln_pcdata_index(&old, PCLN_PD_INLTREE), PCLN_NO_INDEX);
  assert_int_equal(pcln_funcdata_index(&old, PCLN_FD_INLTREE), PCLN_NO_INDEX);
  // What is so in all candidates is known all the same.
  assert_int_equal(pcln_funcdata_index(&old, PCLN_FD_OPEN_DEFERS), 5);
  const struct pcln_table t = of_release(PCLN_GO_120, 0);
  assert_int_equal(pcln_pcdata_index(&t, PCLN_PD_STACKMAP), 1);
  assert_int_equal(pcln_funcdata_index(&t, PCLN_FD_WRAP_INFO), 7);
  assert_string_equal(pcln_func_id_name(&t, 22, buf, sizeof buf),
                      "wrapper|systemstack_switch");
  assert_false(pcln_is_wrapper(&t, 22));
  // A release that never wrote this layout says nothing.
  const struct pcln_table lying = of_release(PCLN_GO_120, 14);
  assert_int_equal(pcln_go_range(&lying).lo, 20);
}

static void our_numbers_come_after_those_of_go(void **state) {
  (void)state;
  char buf[PCLN_NAME_MAX];
  struct pcln_table t = of_release(PCLN_GO_118, 0);
  t.ours = true;
  assert_string_equal(pcln_pcdata_name(&t, 4, buf, sizeof buf), "PanicBounds");
  assert_string_equal(pcln_pcdata_name(&t, 5, buf, sizeof buf), "Unwind");
  assert_string_equal(pcln_pcdata_name(&t, 7, buf, sizeof buf), "unknown");
  assert_string_equal(pcln_pcdata_name(&t, 16, buf, sizeof buf), "User16");
  assert_string_equal(pcln_pcdata_name(&t, 31, buf, sizeof buf), "User31");
  assert_string_equal(pcln_pcdata_name(&t, 32, buf, sizeof buf), "unknown");
  assert_string_equal(pcln_funcdata_name(&t, 9, buf, sizeof buf),
                      "PointerPairs");
  assert_string_equal(pcln_funcdata_name(&t, 12, buf, sizeof buf), "User12");
  assert_string_equal(pcln_funcdata_name(&t, 16, buf, sizeof buf), "unknown");
  assert_string_equal(pcln_funcdata_name(&t, 8, buf, sizeof buf),
                      "Checkpoints");
  assert_int_equal(pcln_pcdata_index(&t, PCLN_PD_UNWIND), PCLN_PCDATA_UNWIND);
  assert_int_equal(pcln_funcdata_index(&t, PCLN_FD_CHECKPOINTS),
                   PCLN_FUNCDATA_CHECKPOINTS);
  t.ours = false;
  assert_int_equal(pcln_pcdata_index(&t, PCLN_PD_UNWIND), PCLN_NO_INDEX);
  assert_int_equal(pcln_funcdata_index(&t, PCLN_FD_CHECKPOINTS), PCLN_NO_INDEX);
}

static void func_ids_have_the_names_of_their_release(void **state) {
  (void)state;
  static const struct {
    unsigned minor;
    uint8_t id;
    const char *name;
  } ids[] = {
      {9, 0, "normal"},        {9, 1, "unknown"},
      {11, 1, "goexit"},       {11, 18, "externalthreadhandler"},
      {12, 1, "runtime_main"}, {12, 20, "wrapper"},
      {14, 22, "wrapper"},     {15, 14, "cgocallback_gofunc"},
      {16, 14, "cgocallback"}, {17, 1, "abort"},
      {17, 11, "jmpdefer"},    {17, 22, "wrapper"},
      {18, 11, "mcall"},       {21, 21, "wrapper"},
      {22, 5, "corostart"},    {24, 17, "runfinq"},
      {24, 22, "wrapper"},     {25, 18, "runFinalizers"},
      {25, 19, "runCleanups"}, {26, 23, "wrapper"},
      {26, 24, "unknown"},
  };
  char buf[PCLN_NAME_MAX];
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    const struct pcln_table t =
        of_release(layout_of(ids[i].minor), ids[i].minor);
    assert_string_equal(pcln_func_id_name(&t, ids[i].id, buf, sizeof buf),
                        ids[i].name);
    assert_int_equal(pcln_is_wrapper(&t, ids[i].id),
                     strcmp(ids[i].name, "wrapper") == 0);
  }
}

// --- Releases by what is in the table ---------------------------------------

static struct made made; // too large for the stack

// A table of the runtime's functions with these funcIDs.
static struct pcln_go_range inferred(enum pcln_layout layout, uint8_t main_id,
                                     uint8_t sigpanic, uint8_t deferreturn) {
  static const char *const files[] = {"/a.go", NULL};
  const struct make_func funcs[] = {
      {.off = 0, .name = "main.main"},
      {.off = 0x10, .name = "runtime.main", .func_id = main_id},
      {.off = 0x20, .name = "runtime.sigpanic", .func_id = sigpanic},
      {.off = 0x30, .name = "runtime.goexit"}, // assembly without its number
      {.off = 0x40, .name = "runtime.sigpanic", .func_id = deferreturn},
      {.off = 0x50, .name = "runtime.deferreturn", .func_id = deferreturn},
  };
  const struct make_spec s = {.layout = layout,
                              .ptr_size = 8,
                              .quantum = 1,
                              .text_va = 0x401000,
                              .text_len = 0x60,
                              .funcs = funcs,
                              .n_funcs = sizeof funcs / sizeof *funcs,
                              .files = files};
  struct pcln_table t;
  make_table(&s, &made);
  assert_int_equal(pcln_open(&t, made.bytes, made.len, NULL, NULL), PCLN_OK);
  pcln_infer_release(&t);
  const struct pcln_go_range r = pcln_go_range(&t);
  pcln_infer_release(&t); // again: the same
  assert_int_equal(pcln_go_range(&t).lo, r.lo);
  return r;
}

static void releases_are_narrowed_by_the_runtimes_func_ids(void **state) {
  (void)state;
  static const struct {
    enum pcln_layout layout;
    uint8_t main, sigpanic, deferreturn;
    unsigned lo, hi;
  } cases[] = {
      {PCLN_GO_12, 1, 9, 0, 12, 13},
      {PCLN_GO_12, 1, 9, 22, 14, 15},
      {PCLN_GO_116, 1, 9, 22, 16, 16},
      {PCLN_GO_116, 18, 19, 22, 17, 17},
      {PCLN_GO_120, 17, 18, 21, 20, 21},
      {PCLN_GO_120, 18, 19, 22, 22, 24},
      {PCLN_GO_120, 17, 20, 23, 25, 255},
      {PCLN_GO_120, 99, 20, 23, 20, 255}, // contradicts all: as before
      {PCLN_GO_12, 0, 0, 0, 2, 13},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct pcln_go_range r =
        inferred(cases[i].layout, cases[i].main, cases[i].sigpanic,
                 cases[i].deferreturn);
    assert_int_equal(r.lo, cases[i].lo);
    assert_int_equal(r.hi, cases[i].hi);
  }
}

static void flags_are_named(void **state) {
  (void)state;
  char buf[PCLN_NAME_MAX];
  assert_string_equal(pcln_flags_name(0, buf, sizeof buf), "");
  assert_string_equal(pcln_flags_name(5, buf, sizeof buf), "TOPFRAME|ASM");
  assert_string_equal(pcln_flags_name(2, buf, sizeof buf), "SPWRITE");
  assert_string_equal(pcln_flags_name(0x81, buf, sizeof buf), "TOPFRAME|0x80");
}

static void names_are_cut_off_to_fit(void **state) {
  (void)state;
  const struct pcln_table t = of_release(PCLN_GO_120, 23);
  char buf[8] = "xxxxxxx";
  assert_string_equal(pcln_pcdata_name(&t, 1, buf, 6), "Stack");
  assert_int_equal(buf[6], 'x');
  assert_string_equal(pcln_flags_name(7, buf, 1), "");
}

// --- Arguments --------------------------------------------------------------

// The items as a traceback shows them, with offset and size for a value.
static enum pcln_status args_text(const struct pcln_table *t,
                                  const struct pcln_func *f, uint64_t pc,
                                  char *out) {
  static const char *const marks[] = {[PCLN_ARG_BEGIN] = "{",
                                      [PCLN_ARG_END] = "}",
                                      [PCLN_ARG_MORE] = "...",
                                      [PCLN_ARG_TOO_FAR] = "_"};
  struct pcln_arg_iter it;
  struct pcln_arg a;
  size_t n = 0;
  out[0] = '\0';
  if (pcln_args_begin(t, f, pc, &it) != PCLN_OK)
    return it.status;
  while (pcln_args_next(&it, &a) && n < 400)
    n += (size_t)(a.op == PCLN_ARG_VALUE
                      ? snprintf(out + n, 40, "%u:%u%s ", a.off, a.size,
                                 a.live ? "" : "?")
                      : snprintf(out + n, 40, "%s ", marks[a.op]));
  assert_false(pcln_args_next(&it, &a));
  return it.status;
}

static void set_bytes(struct frame_bytes *b, const uint8_t *bytes, size_t len) {
  memcpy(b->b, bytes, len);
  b->len = len;
}

static void arguments_are_walked(void **state) {
  (void)state;
  static const struct {
    uint8_t bytes[20];
    size_t len;
    enum pcln_status status;
    const char *text;
  } cases[] = {
      {{0xff}, 1, PCLN_OK, ""},
      {{0, 8, 8, 1, 0xff}, 5, PCLN_OK, "0:8 8:1 "},
      {{0xfe, 0, 8, 8, 8, 0xfd, 16, 4, 0xff}, 9, PCLN_OK, "{ 0:8 8:8 } 16:4 "},
      {{0xfe, 0xfe, 0xfc, 0xfd, 0xfd, 0xfb, 0xff},
       7,
       PCLN_OK,
       "{ { ... } } _ "},
      {{0, 8}, 2, PCLN_CORRUPT, "0:8 "},     // no end
      {{0}, 1, PCLN_CORRUPT, ""},            // no size
      {{0, 3, 0xff}, 3, PCLN_CORRUPT, ""},   // no such size
      {{0xfd, 0xff}, 2, PCLN_CORRUPT, ""},   // nothing to end
      {{0xfe, 0xff}, 2, PCLN_CORRUPT, "{ "}, // nothing ends it
  };
  char text[512];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct frame_spec s = {.layout = PCLN_GO_120};
    struct frame_table m;
    set_bytes(&s.funcdata[PCLN_FUNCDATA_ARG_INFO], cases[i].bytes,
              cases[i].len);
    frame_table_make(&s, &m);
    assert_int_equal(args_text(&m.t, &m.f, FRAME_ENTRY, text), cases[i].status);
    assert_string_equal(text, cases[i].text);
    frame_table_free(&m);
  }
}

static void arguments_that_may_be_gone_are_marked(void **state) {
  (void)state;
  static const struct pcln_run live[] = {
      {0, 0x10, -1}, {0, 0x20, 1}, {0, 0x100, 3}, {0, 0, 0}};
  // Offsets from 8 on have a bit; the two bitmaps are at 1 and 3.
  static const uint8_t info[] = {8, 0x01, 0xee, 0x02};
  static const uint8_t args[] = {0, 8, 8, 8, 16, 8, 0xff};
  static const struct {
    uint32_t off;
    const char *text;
  } cases[] = {
      {0, "0:8 8:8 16:8 "}, {0x18, "0:8 8:8 16:8? "}, {0x40, "0:8 8:8? 16:8 "}};
  struct frame_spec s = {.layout = PCLN_GO_120,
                         .pcdata = {[PCLN_PCDATA_ARGLIVE] = live}};
  struct frame_table m;
  char text[512];
  set_bytes(&s.funcdata[PCLN_FUNCDATA_ARG_INFO], args, sizeof args);
  set_bytes(&s.funcdata[PCLN_FUNCDATA_ARG_LIVE], info, sizeof info);
  frame_table_make(&s, &m);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(args_text(&m.t, &m.f, FRAME_ENTRY + cases[i].off, text),
                     PCLN_OK);
    assert_string_equal(text, cases[i].text);
  }
  m.t.funcdata.len = m.at[PCLN_FUNCDATA_ARG_LIVE] + 3; // the second is gone
  assert_int_equal(args_text(&m.t, &m.f, FRAME_ENTRY + 0x40, text),
                   PCLN_CORRUPT);
  m.t.funcdata.len--;
  assert_int_equal(args_text(&m.t, &m.f, FRAME_ENTRY + 0x40, text),
                   PCLN_CORRUPT);
  m.f.n_funcdata = 0;
  assert_int_equal(args_text(&m.t, &m.f, FRAME_ENTRY, text), PCLN_NOT_FOUND);
  frame_table_free(&m);
}

static void endless_arguments_end(void **state) {
  (void)state;
  struct frame_spec s = {.layout = PCLN_GO_120};
  struct frame_table m;
  struct pcln_arg_iter it;
  struct pcln_arg a;
  unsigned n = 0;
  for (int i = 0; i < 8; i++)
    memset(s.funcdata[i].b, 8, s.funcdata[i].len = FRAME_MAX);
  frame_table_make(&s, &m);
  m.f.n_pcdata = 0;
  assert_int_equal(pcln_args_begin_live(&m.t, &m.f, -1, &it), PCLN_OK);
  while (pcln_args_next(&it, &a))
    n++;
  assert_int_equal(n, 128); // values of two bytes in 256
  assert_int_equal(it.status, PCLN_CORRUPT);
  frame_table_free(&m);
}

// --- Open-coded defers ------------------------------------------------------

static void defers_are_read_in_each_form(void **state) {
  (void)state;
  static const struct {
    unsigned minor;
    uint8_t bytes[20];
    size_t len;
    enum pcln_status status;
    uint32_t bits, n, closures[2];
    bool counted;
  } cases[] = {
      // Most arguments; bits; 2; then {size, closure, 1 argument of 3 numbers}
      // for the last and {size, closure, none} for the first.
      {14,
       {16, 33, 2, 8, 56, 1, 80, 8, 0, 0, 0x80, 1, 0},
       13,
       PCLN_OK,
       33,
       2,
       {128, 56},
       true},
      {17, {0, 33, 1, 0, 56, 0}, 6, PCLN_OK, 33, 1, {56}, true},
      {18, {33, 2, 56, 64}, 4, PCLN_OK, 33, 2, {64, 56}, true},
      {21, {33, 0}, 2, PCLN_OK, 33, 0, {0}, true},
      {22, {33, 0x80, 1}, 3, PCLN_OK, 33, 0, {128}, false},
      {21, {33, 9}, 2, PCLN_CORRUPT, 0, 0, {0}, false}, // a byte has 8 bits
      {21, {33, 2, 56}, 3, PCLN_CORRUPT, 0, 0, {0}, false},
      {14,
       {16, 33, 1, 8, 56, 0xff, 0xff, 0xff, 0x7f},
       9,
       PCLN_CORRUPT,
       0,
       0,
       {0},
       false},
      {0, {33, 2, 56, 64}, 4, PCLN_UNSUPPORTED, 0, 0, {0}, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const unsigned minor = cases[i].minor;
    struct frame_spec s = {.layout = minor ? layout_of(minor) : PCLN_GO_120,
                           .go_minor = minor};
    struct frame_table m;
    struct pcln_open_defers d;
    set_bytes(&s.funcdata[minor == 14 ? 5 : 4], cases[i].bytes, cases[i].len);
    frame_table_make(&s, &m);
    assert_int_equal(pcln_open_defers(&m.t, &m.f, &d), cases[i].status);
    if (cases[i].status == PCLN_OK) {
      assert_int_equal(d.bits_off, cases[i].bits);
      assert_int_equal(d.counted, cases[i].counted);
      assert_int_equal(d.n, cases[i].n);
      for (uint32_t k = 0; k < (d.counted ? d.n : 1); k++)
        assert_int_equal(d.closure_off[k], cases[i].closures[k]);
    }
    frame_table_free(&m);
  }
}

// --- Wrappers, frames, records ----------------------------------------------

static void wrapped_functions_are_named_by_their_offset(void **state) {
  (void)state;
  for (int big = 0; big < 2; big++) {
    struct frame_spec s = {.layout = PCLN_GO_118, .big_endian = big};
    struct frame_table m;
    uint64_t entry;
    frame_put(&s, &s.funcdata[PCLN_FUNCDATA_WRAP_INFO], 4, 0x123456);
    frame_table_make(&s, &m);
    assert_int_equal(pcln_wrapped(&m.t, &m.f, &entry), PCLN_OK);
    assert_int_equal(entry, FRAME_ENTRY + 0x123456);
    m.t.funcdata.len = 3;
    assert_int_equal(pcln_wrapped(&m.t, &m.f, &entry), PCLN_CORRUPT);
    m.f.n_funcdata = 7;
    assert_int_equal(pcln_wrapped(&m.t, &m.f, &entry), PCLN_NOT_FOUND);
    frame_table_free(&m);
  }
}

static void the_frame_is_as_large_as_its_deepest_point(void **state) {
  (void)state;
  static const struct pcln_run pcsp[] = {
      {0, 4, 0}, {0, 0x20, 24}, {0, 0x30, 88}, {0, 0x100, -8}, {0, 0, 0}};
  const struct frame_spec s = {.layout = PCLN_GO_120, .pcsp = pcsp};
  struct frame_table m;
  uint32_t size;
  frame_table_make(&s, &m);
  assert_int_equal(pcln_frame_size(&m.t, &m.f, &size), PCLN_OK);
  assert_int_equal(size, 88);
  m.t.pctab.len--;
  assert_int_equal(pcln_frame_size(&m.t, &m.f, &size), PCLN_CORRUPT);
  m.f.pcsp = 0;
  assert_int_equal(pcln_frame_size(&m.t, &m.f, &size), PCLN_NOT_FOUND);
  frame_table_free(&m);
}

// --- Damage -----------------------------------------------------------------

static void read_everything(const struct pcln_table *t,
                            const struct pcln_func *f) {
  struct pcln_open_defers d;
  uint64_t entry;
  char text[1024];
  for (uint64_t pc = f->entry; pc < f->end; pc += 16)
    (void)args_text(t, f, pc, text);
  if (pcln_open_defers(t, f, &d) == PCLN_OK)
    assert_true(d.n <= PCLN_MAX_OPEN_DEFERS);
  (void)!pcln_wrapped(t, f, &entry);
}

static void prefixes_and_changed_bytes_stay_inside(void **state) {
  (void)state;
  static const uint8_t values[] = {0, 1, 8, 0x7f, 0x80, 0xfe, 0xff};
  static const struct pcln_run live[] = {
      {0, 0x80, 1}, {0, 0x100, 2}, {0, 0, 0}};
  static const uint8_t defers[] = {16, 33, 2, 8, 56, 1, 80, 8, 0, 0, 48, 0};
  static const uint8_t args[] = {0xfe, 0, 8, 8, 8, 0xfd, 16, 4, 0xff};
  static const uint8_t info[] = {0, 5, 3};
  static const uint8_t wrap[] = {1, 2, 3, 4};
  static const unsigned minors[] = {17, 19, 23};
  for (size_t k = 0; k < 3; k++) {
    struct frame_spec s = {.layout = layout_of(minors[k]),
                           .go_minor = minors[k],
                           .pcdata = {[PCLN_PCDATA_ARGLIVE] = live}};
    set_bytes(&s.funcdata[4], defers + (minors[k] != 17), 8);
    set_bytes(&s.funcdata[5], args, sizeof args);
    set_bytes(&s.funcdata[6], info, sizeof info);
    set_bytes(&s.funcdata[7], wrap, sizeof wrap);
    struct frame_table m;
    frame_table_make(&s, &m);
    for (size_t n = 0; n <= m.t.funcdata.len; n++) {
      struct pcln_table t = m.t;
      uint8_t *copy = malloc(n ? n : 1);
      memcpy(copy, m.t.funcdata.ptr, n);
      t.funcdata = (struct pcln_span){copy, n};
      read_everything(&t, &m.f);
      free(copy);
    }
    uint8_t *bytes = (uint8_t *)(uintptr_t)m.t.funcdata.ptr;
    for (size_t i = 0; i < m.t.funcdata.len; i++) {
      const uint8_t was = bytes[i];
      for (size_t v = 0; v < sizeof values; v++) {
        bytes[i] = values[v];
        read_everything(&m.t, &m.f);
      }
      bytes[i] = was;
    }
    frame_table_free(&m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(indices_have_the_names_of_their_release),
      cmocka_unit_test(kinds_and_names_agree_in_every_release),
      cmocka_unit_test(an_unknown_release_is_not_guessed),
      cmocka_unit_test(our_numbers_come_after_those_of_go),
      cmocka_unit_test(func_ids_have_the_names_of_their_release),
      cmocka_unit_test(releases_are_narrowed_by_the_runtimes_func_ids),
      cmocka_unit_test(flags_are_named),
      cmocka_unit_test(names_are_cut_off_to_fit),
      cmocka_unit_test(arguments_are_walked),
      cmocka_unit_test(arguments_that_may_be_gone_are_marked),
      cmocka_unit_test(endless_arguments_end),
      cmocka_unit_test(defers_are_read_in_each_form),
      cmocka_unit_test(wrapped_functions_are_named_by_their_offset),
      cmocka_unit_test(the_frame_is_as_large_as_its_deepest_point),
      cmocka_unit_test(prefixes_and_changed_bytes_stay_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
