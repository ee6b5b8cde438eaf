// SPDX-License-Identifier: Apache-2.0
//
// The encoder against the reader: what a table of known functions answers, what
// its bytes are, and what the encoder refuses.
#include "bytes.h"
#include "random_model.h"
#include "stackmap.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const struct pcln_encode_options k_plain = {.layout = PCLN_GO_120,
                                                   .threads = 1};

// A model under construction and the builder of its streams.
struct fixture {
  struct pcln_module m;
  struct pcln_stream s;
};

static void setup(struct fixture *x) {
  pcln_module_init(&x->m);
  x->m.machine = 62;
  pcln_stream_init(&x->s, 1);
}

static void teardown(struct fixture *x) {
  pcln_stream_free(&x->s);
  pcln_module_free(&x->m);
}

struct run {
  uint32_t end;
  int32_t value;
};

static struct pcln_span stream(struct fixture *x, const struct run *runs,
                               size_t n) {
  struct pcln_span out;
  pcln_stream_reset(&x->s);
  for (size_t i = 0; i < n; i++)
    pcln_stream_add(&x->s, runs[i].end, runs[i].value);
  assert_int_equal(pcln_stream_end(&x->s, &x->m.arena, &out), PCLN_OK);
  return out;
}
#define STREAM(x, ...)                                                         \
  stream(x, (const struct run[]){__VA_ARGS__},                                 \
         sizeof((const struct run[]){__VA_ARGS__}) / sizeof(struct run))

static struct pcln_func_def *add(struct fixture *x, uint64_t va, uint32_t size,
                                 const char *name) {
  const struct pcln_func_def f = {.va = va,
                                  .size = size,
                                  .cu = PCLN_NO_CU,
                                  .name = name,
                                  .args = PCLN_ARGS_UNKNOWN};
  assert_int_equal(pcln_module_add_func(&x->m, &f), PCLN_OK);
  return &x->m.funcs[x->m.n_funcs - 1];
}

// Encodes and opens; the caller frees *bytes.
static void encode(const struct pcln_module *m, struct pcln_table *t,
                   uint8_t **bytes) {
  size_t len;
  assert_int_equal(pcln_encode(m, &k_plain, NULL, bytes, &len, NULL), PCLN_OK);
  assert_int_equal(pcln_open(t, *bytes, len, NULL, NULL), PCLN_OK);
}

static void holes_are_found_between_functions(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  add(&x, 0x1000, 0x10, "a");
  add(&x, 0x1010, 0x0f, "b");
  add(&x, 0x1020, 0x01, "c");
  add(&x, 0x9000, 0x10, "d");
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x.m, &t, &bytes);
  const struct {
    uint64_t pc;
    const char *name; // null: a hole
  } cases[] = {{0x1000, "a"},  {0x100f, "a"},  {0x1010, "b"},
               {0x101e, "b"},  {0x101f, NULL}, {0x1020, "c"},
               {0x1021, NULL}, {0x8fff, NULL}, {0x900f, "d"}};
  struct pcln_func f;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(pcln_find_func(&t, cases[i].pc, &f), PCLN_OK);
    assert_int_equal(f.hole, cases[i].name == NULL);
    if (cases[i].name)
      assert_string_equal(f.name, cases[i].name);
  }
  assert_int_equal(pcln_find_func(&t, 0xfff, &f), PCLN_NOT_FOUND);
  assert_int_equal(pcln_find_func(&t, 0x9010, &f), PCLN_NOT_FOUND);
  free(bytes);
  teardown(&x);
}

static void lines_and_inlined_calls_are_read_back(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  const char *files[] = {"unused.h", "main.c", "inline.h"};
  struct pcln_cu_def cu = {.files = files, .n_files = 3};
  x.m.cus = &cu;
  x.m.n_cus = 1;
  struct pcln_func_def *f = add(&x, 0x1000, 0x20, "main");
  f->cu = 0;
  f->start_line = 10;
  // Byte 0x20 is virtual: the call site of the inlined body at 4..8.
  f->pcfile = STREAM(&x, {4, 1}, {8, 2}, {0x21, 1});
  f->pcln = STREAM(&x, {4, 11}, {8, 100}, {0x20, 12}, {0x21, 13});
  struct pcln_span inl = STREAM(&x, {4, -1}, {8, 0});
  assert_int_equal(
      pcln_func_set_pcdata(f, PCLN_PCDATA_INLTREE, inl, &x.m.arena), PCLN_OK);
  struct pcln_inline_def in = {
      .name = "helper", .parent_pc = 0x20, .start_line = 99};
  f->inlines = &in;
  f->n_inlines = 1;
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x.m, &t, &bytes);
  struct pcln_frame_iter it;
  struct pcln_frame fr;
  assert_int_equal(pcln_frames_begin(&t, 0x1005, &it), PCLN_OK);
  assert_true(pcln_frames_next(&it, &fr));
  assert_string_equal(fr.func, "helper");
  assert_string_equal(fr.file, "inline.h");
  assert_int_equal(fr.line, 100);
  assert_int_equal(fr.start_line, 99);
  assert_true(fr.inlined);
  assert_true(pcln_frames_next(&it, &fr));
  assert_string_equal(fr.func, "main");
  assert_string_equal(fr.file, "main.c");
  assert_int_equal(fr.line, 13);
  assert_false(fr.inlined);
  assert_false(pcln_frames_next(&it, &fr));
  assert_int_equal(it.status, PCLN_OK);
  free(bytes);
  teardown(&x);
}

static void encode_with(const struct pcln_module *m, enum pcln_layout layout,
                        bool go_compat, uint8_t **bytes, size_t *len) {
  const struct pcln_encode_options o = {
      .layout = layout, .go_compat = go_compat, .threads = 1};
  assert_int_equal(pcln_encode(m, &o, NULL, bytes, len, NULL), PCLN_OK);
}

// Reverses the functions as they were added, and the units.
static void reorder(struct pcln_module *m) {
  for (size_t i = 0; i < m->n_funcs / 2; i++) {
    const struct pcln_func_def f = m->funcs[i];
    m->funcs[i] = m->funcs[m->n_funcs - 1 - i];
    m->funcs[m->n_funcs - 1 - i] = f;
  }
  for (size_t i = 0; i < m->n_cus / 2; i++) {
    const struct pcln_cu_def cu = m->cus[i];
    m->cus[i] = m->cus[m->n_cus - 1 - i];
    m->cus[m->n_cus - 1 - i] = cu;
  }
  for (size_t i = 0; i < m->n_funcs; i++)
    if (m->funcs[i].cu != PCLN_NO_CU)
      m->funcs[i].cu = (uint32_t)m->n_cus - 1 - m->funcs[i].cu;
}

static void bytes_do_not_depend_on_order_or_threads(void **state) {
  (void)state;
  const struct random_shape shape = {8, 1, false, true, 40};
  for (uint64_t seed = 0; seed < 20; seed++) {
    struct random_model r;
    uint8_t *a, *b, *c;
    size_t a_len, b_len, c_len;
    random_model_init(&r, seed, &shape);
    encode_with(&r.m, PCLN_GO_120, false, &a, &a_len);
    const struct pcln_encode_options o = {.layout = PCLN_GO_120, .threads = 4};
    assert_int_equal(pcln_encode(&r.m, &o, NULL, &b, &b_len, NULL), PCLN_OK);
    reorder(&r.m);
    assert_int_equal(pcln_module_sort(&r.m, NULL), PCLN_OK);
    encode_with(&r.m, PCLN_GO_120, false, &c, &c_len);
    assert_int_equal(a_len, b_len);
    assert_int_equal(a_len, c_len);
    assert_memory_equal(a, b, a_len);
    assert_memory_equal(a, c, a_len);
    free(a);
    free(b);
    free(c);
    random_model_free(&r);
  }
}

// More than 255 functions in a bucket of findfunctab.
static void tiny_functions_are_found(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  for (uint64_t va = 0x1000; va < 0x3000; va++)
    add(&x, va, 1, va % 2 ? "odd" : "even");
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x.m, &t, &bytes);
  assert_int_equal(t.findfunctab.ptr[4 + 1], 255);
  for (uint64_t va = 0x1000; va < 0x3000; va++) {
    struct pcln_func f;
    assert_int_equal(pcln_find_func(&t, va, &f), PCLN_OK);
    assert_int_equal(f.entry, va);
    assert_string_equal(f.name, va % 2 ? "odd" : "even");
  }
  assert_int_equal(pcln_verify(&t, NULL), PCLN_OK);
  free(bytes);
  teardown(&x);
}

static void long_streams_get_checkpoints(void **state) {
  (void)state;
  enum { N = 1000 };
  struct fixture x;
  setup(&x);
  struct pcln_func_def *f = add(&x, 0x1000, N * 3, "long");
  static struct run runs[N];
  for (uint32_t i = 0; i < N; i++)
    runs[i] = (struct run){(i + 1) * 3, (int32_t)(i * 7919 % 5000)};
  f->pcln = stream(&x, runs, N);
  add(&x, 0x9000, 30, "short")->pcln = stream(&x, runs, 10);
  struct pcln_table t;
  uint8_t *bytes;
  encode(&x.m, &t, &bytes);
  struct pcln_func g;
  struct pcln_span points;
  assert_int_equal(pcln_find_func(&t, 0x9000, &g), PCLN_OK);
  assert_int_equal(pcln_funcdata(&t, &g, PCLN_FUNCDATA_CHECKPOINTS, &points),
                   PCLN_NOT_FOUND);
  assert_int_equal(pcln_find_func(&t, 0x1000, &g), PCLN_OK);
  assert_int_equal(pcln_funcdata(&t, &g, PCLN_FUNCDATA_CHECKPOINTS, &points),
                   PCLN_OK);
  const uint32_t want[] = {1, g.pcln, 0, (N - 1) / 64};
  assert_memory_equal(points.ptr, want, sizeof want);
  for (uint32_t i = 0; i < N * 3; i++) {
    struct pcln_run run;
    assert_int_equal(pcln_stream_find(&t, &g, g.pcln, g.entry + i, &run),
                     PCLN_OK);
    assert_int_equal(run.lo, i / 3 * 3);
    assert_int_equal(run.value, runs[i / 3].value);
  }
  free(bytes);
  teardown(&x);
}

static void equal_content_is_stored_once(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  const char *files[] = {"a.c", "b.h"};
  struct pcln_cu_def cus[] = {{files, 2}, {files, 2}};
  x.m.cus = cus;
  x.m.n_cus = 2;
  struct pcln_inline_def in = {.name = "callee", .start_line = 3};
  struct pcln_encode_stats one, many;
  uint8_t *bytes;
  size_t len;
  for (uint32_t i = 0; i < 50; i++) {
    struct pcln_func_def *f = add(&x, 0x1000 + i * 16, 16, "same");
    f->cu = i % 2;
    f->pcsp = STREAM(&x, {1, 0}, {16, 8});
    f->pcfile = STREAM(&x, {4, 0}, {16, 1});
    f->pcln = STREAM(&x, {4, 10}, {16, 20});
    f->inlines = &in;
    f->n_inlines = 1;
    struct pcln_span inl = STREAM(&x, {4, -1}, {16, 0});
    assert_int_equal(
        pcln_func_set_pcdata(f, PCLN_PCDATA_INLTREE, inl, &x.m.arena), PCLN_OK);
    if (i == 0)
      assert_int_equal(pcln_encode(&x.m, &k_plain, NULL, &bytes, &len, &one),
                       PCLN_OK);
    if (i == 0)
      free(bytes);
  }
  assert_int_equal(pcln_encode(&x.m, &k_plain, NULL, &bytes, &len, &many),
                   PCLN_OK);
  assert_int_equal(many.names, one.names);
  assert_int_equal(many.cutab, one.cutab);
  assert_int_equal(many.files, one.files);
  assert_int_equal(many.pctab, one.pctab);
  assert_int_equal(many.funcdata, one.funcdata);
  assert_int_equal(many.callees, one.callees);
  assert_int_equal(many.n_streams, 50 * one.n_streams);
  assert_int_equal(many.n_distinct_streams, one.n_distinct_streams);
  free(bytes);
  teardown(&x);
}

// The go1.18 record repeats what the streams say at parentPc.
static void go118_inline_records_repeat_the_call_site(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  const char *files[] = {"x.h", "main.c", "y.h"};
  struct pcln_cu_def cu = {files, 3};
  x.m.cus = &cu;
  x.m.n_cus = 1;
  struct pcln_func_def *f = add(&x, 0x1000, 0x20, "main");
  f->cu = 0;
  f->pcfile = STREAM(&x, {8, 1}, {0x10, 2}, {0x20, 1}, {0x21, 2}, {0x22, 1});
  f->pcln = STREAM(&x, {8, 11}, {0x10, 4}, {0x20, 13}, {0x21, 77}, {0x22, 12});
  struct pcln_span inl =
      STREAM(&x, {8, -1}, {0x10, 1}, {0x20, -1}, {0x21, 0}, {0x22, -1});
  assert_int_equal(
      pcln_func_set_pcdata(f, PCLN_PCDATA_INLTREE, inl, &x.m.arena), PCLN_OK);
  // Listed against the order of their call sites.
  struct pcln_inline_def in[] = {{.name = "outer", .parent_pc = 0x21},
                                 {.name = "inner", .parent_pc = 0x20}};
  f->inlines = in;
  f->n_inlines = 2;
  uint8_t *bytes;
  size_t len;
  encode_with(&x.m, PCLN_GO_118, false, &bytes, &len);
  struct pcln_table t;
  struct pcln_func g;
  struct pcln_span tree;
  assert_int_equal(pcln_open(&t, bytes, len, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_func_at(&t, 0, &g), PCLN_OK);
  assert_int_equal(pcln_funcdata(&t, &g, PCLN_FUNCDATA_INLTREE, &tree),
                   PCLN_OK);
  const struct {
    int16_t parent;
    int32_t line;
    const char *file;
  } want[] = {{-1, 12, "main.c"}, {0, 77, "y.h"}};
  for (size_t i = 0; i < 2; i++) {
    const uint8_t *r = tree.ptr + i * PCLN_GO118_INLINE_SIZE;
    assert_int_equal((int16_t)pcln_load16(r, false), want[i].parent);
    assert_string_equal(
        pcln_file_name(&t, &g, (int32_t)pcln_load32(r + 4, false)),
        want[i].file);
    assert_int_equal(pcln_load32(r + 8, false), want[i].line);
  }
  free(bytes);
  teardown(&x);
}

// Fields of a compact tree are 2 bytes wide as long as all values fit.
static void compact_trees_widen(void **state) {
  (void)state;
  const struct {
    uint32_t parent_pc, n_callees;
    uint8_t width;
  } cases[] = {{0xffff, 1, 0},
               {0x10000, 1, PCLN_INLINE_WIDE_PC},
               {0xffff, 0x10000, 0},
               {0xffff, 0x10001, PCLN_INLINE_WIDE_CALLEE}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture x;
    setup(&x);
    // One inlined function for each line that it could begin in.
    const uint32_t n = cases[i].n_callees;
    struct pcln_func_def *f = add(&x, 0x1000, 0x20000, "f");
    f->n_inlines = n;
    f->inlines = calloc(n, sizeof *f->inlines);
    for (uint32_t k = 0; k < n; k++)
      f->inlines[k] =
          (struct pcln_inline_def){.name = "in", .start_line = (int32_t)k};
    f->inlines[n - 1].parent_pc = cases[i].parent_pc;
    struct pcln_span inl = STREAM(&x, {0x18000, (int32_t)n - 1}, {0x20000, -1});
    assert_int_equal(
        pcln_func_set_pcdata(f, PCLN_PCDATA_INLTREE, inl, &x.m.arena), PCLN_OK);
    struct pcln_table t;
    struct pcln_module back;
    struct pcln_func g;
    struct pcln_span tree;
    uint8_t *bytes;
    encode(&x.m, &t, &bytes);
    assert_int_equal(pcln_func_at(&t, 0, &g), PCLN_OK);
    assert_int_equal(pcln_funcdata(&t, &g, PCLN_FUNCDATA_INLTREE, &tree),
                     PCLN_OK);
    assert_int_equal(tree.ptr[0], cases[i].width);
    pcln_module_init(&back);
    assert_int_equal(pcln_decode(&t, &back, NULL), PCLN_OK);
    assert_true(pcln_module_equal(&x.m, &back));
    pcln_module_free(&back);
    free(bytes);
    free(f->inlines);
    teardown(&x);
  }
}

// What Go's readers need (docs/format.md, "Go-compatible tables").
static void go_compatible_tables_suit_gos_readers(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  add(&x, 0x1000, 16, "a");
  add(&x, 0x1020, 16, "b");
  add(&x, 0x1040, 16, "c");
  uint8_t *bytes;
  size_t len;
  encode_with(&x.m, PCLN_GO_120, true, &bytes, &len);
  struct pcln_table t;
  assert_int_equal(pcln_open(&t, bytes, len, NULL, NULL), PCLN_OK);
  assert_int_equal(t.flags, PCLN_MODF_GO_COMPAT);
  assert_int_equal(pcln_load64(t.pclntab.ptr + PCLN_GO_HDR_WORDS +
                                   8 * PCLN_GO_WORD_TEXT_START,
                               false),
                   0x1000);
  uint64_t prev = PCLN_GO_HDR_WORDS + 8 * PCLN_GO_N_WORDS - 1;
  for (size_t w = PCLN_GO_WORD_FUNCNAMETAB; w < PCLN_GO_N_WORDS; w++) {
    const uint64_t off =
        pcln_load64(t.pclntab.ptr + PCLN_GO_HDR_WORDS + 8 * w, false);
    assert_true(off > prev);
    prev = off;
  }
  assert_int_equal(t.n_funcs, 5);
  for (uint32_t i = 0; i < t.n_funcs; i++) {
    struct pcln_func f;
    struct pcln_run run;
    assert_int_equal(pcln_func_at(&t, i, &f), PCLN_OK);
    assert_int_equal(f.hole, i % 2);
    assert_int_equal(pcln_load32(t.functab.ptr + f.rec_off, false),
                     f.entry - 0x1000);
    if (f.hole)
      continue;
    // A file number, whose entry in cutab has no file.
    assert_int_equal(pcln_stream_find(&t, &f, f.pcfile, f.entry, &run),
                     PCLN_OK);
    assert_int_equal(run.value, 0);
    assert_null(pcln_file_name(&t, &f, run.value));
  }
  assert_int_equal(pcln_verify(&t, NULL), PCLN_OK);
  free(bytes);
  teardown(&x);
}

static void empty_models_encode(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  struct pcln_table t;
  struct pcln_func f;
  uint8_t *bytes;
  encode(&x.m, &t, &bytes);
  assert_int_equal(t.n_funcs, 0);
  assert_int_equal(pcln_find_func(&t, 0, &f), PCLN_NOT_FOUND);
  assert_int_equal(pcln_verify(&t, NULL), PCLN_OK);
  free(bytes);
  teardown(&x);
}

// --- What is refused --------------------------------------------------------

static void text_of_4_gib(struct fixture *x) {
  add(x, 0x1000, 1, "first");
  add(x, 0x1000 + UINT64_C(0xfffffffe), 1, "last");
}
static void funcdata_index(struct fixture *x) {
  const struct pcln_span s = {.ptr = (const uint8_t *)"x", .len = 1};
  assert_int_equal(
      pcln_func_set_funcdata(add(x, 0x1000, 1, "f"), 255, s, &x->m.arena),
      PCLN_OK);
}
static void funcdata_checkpoints(struct fixture *x) {
  const struct pcln_span s = {.ptr = (const uint8_t *)"x", .len = 1};
  assert_int_equal(pcln_func_set_funcdata(add(x, 0x1000, 1, "f"),
                                          PCLN_FUNCDATA_CHECKPOINTS, s,
                                          &x->m.arena),
                   PCLN_OK);
}
static void funcdata_without_bytes(struct fixture *x) {
  const struct pcln_span s = {.ptr = (const uint8_t *)"x"};
  assert_int_equal(
      pcln_func_set_funcdata(add(x, 0x1000, 1, "f"), 5, s, &x->m.arena),
      PCLN_OK);
}
static void stream_without_end(struct fixture *x) {
  struct pcln_func_def *f = add(x, 0x1000, 16, "f");
  f->pcsp = STREAM(x, {16, 0});
  f->pcsp.len--;
}
static void stream_with_empty_run(struct fixture *x) {
  static struct pcln_cu_def cu = {.n_files = 0};
  x->m.cus = &cu;
  x->m.n_cus = 1;
  struct pcln_func_def *f = add(x, 0x1000, 16, "f");
  f->cu = 0;
  f->pcfile = (struct pcln_span){.ptr = (const uint8_t *)"\1\0\0", .len = 3};
}
static void file_without_unit(struct fixture *x) {
  add(x, 0x1000, 16, "f")->pcfile = STREAM(x, {16, 0});
}
static void inlined_line(struct fixture *x) {
  static struct pcln_inline_def in = {.name = "in", .start_line = 1 << 24};
  struct pcln_func_def *f = add(x, 0x1000, 16, "f");
  f->inlines = &in;
  f->n_inlines = 1;
}
static void inlined_calls(struct fixture *x) {
  static struct pcln_inline_def in[1 << 15];
  struct pcln_func_def *f = add(x, 0x1000, 16, "f");
  f->inlines = in;
  f->n_inlines = 1 << 15;
}
static void set_maps(struct fixture *x, uint32_t index, uint32_t n,
                     uint32_t n_bits, struct pcln_func_def *f) {
  uint8_t *map = pcln_arena_alloc(&x->m.arena, 12);
  assert_non_null(map);
  memset(map, 0, 12);
  pcln_store32(map, n, x->m.big_endian);
  pcln_store32(map + 4, n_bits, x->m.big_endian);
  x->m.stackmap_bits = 2;
  assert_int_equal(pcln_func_set_funcdata(f, index, (struct pcln_span){map, 12},
                                          &x->m.arena),
                   PCLN_OK);
}
static void map_of_odd_bits(struct fixture *x) {
  set_maps(x, PCLN_FUNCDATA_LOCALS_MAPS, 1, 3, add(x, 0x1000, 16, "f"));
}
static void map_cut_off(struct fixture *x) {
  set_maps(x, PCLN_FUNCDATA_ARGS_MAPS, 5, 8, add(x, 0x1000, 16, "f"));
}
static void map_of_many_words(struct fixture *x) {
  set_maps(x, PCLN_FUNCDATA_LOCALS_MAPS, 0, 1 << 24, add(x, 0x1000, 16, "f"));
}
static void map_with_empty_stream(struct fixture *x) {
  struct pcln_func_def *f = add(x, 0x1000, 16, "f");
  const struct pcln_span none = {.ptr = (const uint8_t *)"\1", .len = 1};
  set_maps(x, PCLN_FUNCDATA_LOCALS_MAPS, 1, 8, f);
  assert_int_equal(
      pcln_func_set_pcdata(f, PCLN_PCDATA_STACKMAP, none, &x->m.arena),
      PCLN_OK);
}
static void nothing(struct fixture *x) { (void)x; }
static void pointer_size(struct fixture *x) { x->m.ptr_size = 3; }

// What Go's readers know, and nothing behind the stream.
static void go_compatible_tables_keep_gos_maps(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  struct pcln_func_def *f = add(&x, 0x1000, 16, "f");
  set_maps(&x, PCLN_FUNCDATA_LOCALS_MAPS, 2, 8, f);
  assert_int_equal(pcln_func_set_pcdata(f, PCLN_PCDATA_STACKMAP,
                                        STREAM(&x, {8, 1}, {16, -2}),
                                        &x.m.arena),
                   PCLN_OK);
  for (int compat = 0; compat < 2; compat++) {
    const struct pcln_encode_options o = {
        .layout = PCLN_GO_120, .go_compat = compat, .threads = 1};
    uint8_t *bytes;
    size_t len;
    struct pcln_table t;
    struct pcln_func g;
    struct pcln_span map;
    struct pcln_ptrmap rows;
    assert_int_equal(pcln_encode(&x.m, &o, NULL, &bytes, &len, NULL), PCLN_OK);
    assert_int_equal(pcln_open(&t, bytes, len, NULL, NULL), PCLN_OK);
    assert_int_equal(pcln_verify(&t, NULL), PCLN_OK);
    assert_int_equal(!(t.flags & PCLN_MODF_COMPACT_MAPS), compat);
    assert_int_equal(pcln_func_at(&t, 0, &g), PCLN_OK);
    assert_int_equal(pcln_funcdata(&t, &g, PCLN_FUNCDATA_LOCALS_MAPS, &map),
                     compat ? PCLN_OK : PCLN_NOT_FOUND);
    assert_int_equal(pcln_ptrmap(&t, &g, PCLN_MAP_LOCALS, &rows), PCLN_OK);
    assert_int_equal(rows.n_rows, 2);
    assert_int_equal(rows.n_words, 4);
    free(bytes);
  }
  teardown(&x);
}

static void note_fault(void *ctx, const struct pcln_report *r) {
  snprintf(ctx, 40, "%s", r->fault);
}

static void what_does_not_fit_is_named(void **state) {
  (void)state;
  const struct {
    void (*make)(struct fixture *x);
    enum pcln_layout layout;
    enum pcln_status status;
    const char *fault;
  } cases[] = {
      {text_of_4_gib, PCLN_GO_120, PCLN_LIMIT, "limit-text"},
      {funcdata_index, PCLN_GO_120, PCLN_LIMIT, "limit-funcdata-index"},
      {inlined_calls, PCLN_GO_118, PCLN_LIMIT, "limit-inlines"},
      {inlined_line, PCLN_GO_120, PCLN_LIMIT, "limit-start-line"},
      {funcdata_checkpoints, PCLN_GO_120, PCLN_CORRUPT, "funcdata-reserved"},
      {funcdata_without_bytes, PCLN_GO_120, PCLN_CORRUPT, "funcdata-empty"},
      {stream_without_end, PCLN_GO_120, PCLN_CORRUPT, "stream-malformed"},
      {stream_with_empty_run, PCLN_GO_120, PCLN_CORRUPT, "stream-malformed"},
      {file_without_unit, PCLN_GO_120, PCLN_CORRUPT, "file-number"},
      {map_of_odd_bits, PCLN_GO_120, PCLN_CORRUPT, "map-malformed"},
      {map_cut_off, PCLN_GO_120, PCLN_CORRUPT, "map-malformed"},
      {map_of_many_words, PCLN_GO_120, PCLN_LIMIT, "limit-map"},
      {map_with_empty_stream, PCLN_GO_120, PCLN_CORRUPT, "stream-malformed"},
      {pointer_size, PCLN_GO_120, PCLN_UNSUPPORTED, "module-target"},
      {nothing, PCLN_GO_12, PCLN_UNSUPPORTED, "module-target"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture x;
    char fault[40] = "";
    const struct pcln_sink sink = {.fn = note_fault, .ctx = fault};
    const struct pcln_encode_options o = {.layout = cases[i].layout,
                                          .threads = 1};
    uint8_t *bytes = NULL;
    size_t len;
    setup(&x);
    cases[i].make(&x);
    assert_int_equal(pcln_encode(&x.m, &o, &sink, &bytes, &len, NULL),
                     cases[i].status);
    assert_string_equal(fault, cases[i].fault);
    assert_null(bytes);
    teardown(&x);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(holes_are_found_between_functions),
      cmocka_unit_test(lines_and_inlined_calls_are_read_back),
      cmocka_unit_test(bytes_do_not_depend_on_order_or_threads),
      cmocka_unit_test(tiny_functions_are_found),
      cmocka_unit_test(long_streams_get_checkpoints),
      cmocka_unit_test(equal_content_is_stored_once),
      cmocka_unit_test(go118_inline_records_repeat_the_call_site),
      cmocka_unit_test(compact_trees_widen),
      cmocka_unit_test(go_compatible_tables_suit_gos_readers),
      cmocka_unit_test(empty_models_encode),
      cmocka_unit_test(go_compatible_tables_keep_gos_maps),
      cmocka_unit_test(what_does_not_fit_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
