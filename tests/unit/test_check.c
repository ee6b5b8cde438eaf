// SPDX-License-Identifier: Apache-2.0
//
// The comparison of a table with its file. The file is this program: its own
// symbols, DWARF and CFI make a model, a test plants one fault in the model or
// in the encoded table, and the checks shall name that fault, in that function,
// and no other.
#include "bytes.h"
#include "check_parts.h"
#include "crc32c.h"
#include "pairs.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// --- The subjects -----------------------------------------------------------

#define KEEP __attribute__((noinline, used))
volatile int subject_value;

static inline __attribute__((always_inline)) void subject_inlined(int n) {
  subject_value += n;
  subject_value *= n;
}

// Has an inlined call.
KEEP static int subject_outer(int n) {
  subject_value = n;
  subject_inlined(n + 1);
  return subject_value - 1;
}

// Has none, and several lines and depths.
KEEP static int subject_plain(int n) {
  char buf[64];
  for (int i = 0; i < 64; i++)
    buf[i] = (char)(n + subject_value + i);
  subject_value = buf[n & 63];
  return buf[(n + 1) & 63] + subject_outer(n);
}

// --- The file's own table ---------------------------------------------------

struct subject {
  struct pcln_elf *elf;
  struct pcln_module m;
  uint8_t *bytes;
  size_t len;
  struct pcln_table t;
};

static void encode(struct subject *s) {
  const struct pcln_encode_options o = {.layout = PCLN_GO_120, .threads = 1};
  free(s->bytes);
  s->bytes = NULL;
  assert_int_equal(pcln_encode(&s->m, &o, NULL, &s->bytes, &s->len, NULL),
                   PCLN_OK);
  assert_int_equal(pcln_open(&s->t, s->bytes, s->len, NULL, NULL), PCLN_OK);
}

static int make_subject(void **state) {
  struct subject *s = calloc(1, sizeof *s);
  struct pcln_source_stats stats = {0};
  const struct pcln_source_options o = {.threads = 1};
  assert_non_null(s);
  *state = s;
  assert_int_equal(pcln_elf_open("/proc/self/exe", NULL, &s->elf), PCLN_OK);
  pcln_module_init(&s->m);
  assert_int_equal(pcln_src_functions(s->elf, &s->m, &o, &stats), PCLN_OK);
  assert_int_equal(pcln_src_cfi(s->elf, &s->m, &o, &stats), PCLN_OK);
  assert_int_equal(pcln_src_dwarf(s->elf, &s->m, &o, &stats), PCLN_OK);
  return 0;
}

static int free_subject(void **state) {
  struct subject *s = *state;
  pcln_module_free(&s->m);
  pcln_elf_close(s->elf);
  free(s->bytes);
  free(s);
  return 0;
}

static struct pcln_func_def *func(struct subject *s, const char *name) {
  for (size_t i = 0; i < s->m.n_funcs; i++)
    if (strcmp(s->m.funcs[i].name, name) == 0)
      return &s->m.funcs[i];
  fail_msg("no function %s", name);
  return NULL;
}

// --- Findings ---------------------------------------------------------------

struct findings {
  const char *name, *func; // wanted
  unsigned n;
  bool has_pc;
};

static void take_finding(void *ctx, const struct pcln_report *r) {
  struct findings *f = ctx;
  if (strcmp(r->fault, f->name) != 0)
    fail_msg("%s, not %s: %s", r->fault, f->name, r->text);
  if (f->func) {
    assert_string_equal(r->func, f->func);
    assert_int_not_equal(r->pc, 0);
  }
  f->n++;
}

// Encodes the model and has it checked.
static void assert_found(struct subject *s, const char *name,
                         const char *function) {
  struct findings f = {.name = name, .func = function};
  const struct pcln_sink sink = {take_finding, &f};
  struct pcln_check_result r;
  encode(s);
  assert_int_equal(pcln_check_elf(&s->t, s->elf, NULL, &sink, &r),
                   PCLN_CORRUPT);
  assert_true(f.n > 0);
}

// Has the bytes checked alone, after a change to them.
static void assert_found_in_bytes(struct subject *s, const char *name,
                                  const char *function) {
  struct findings f = {.name = name, .func = function};
  const struct pcln_sink sink = {take_finding, &f};
  struct pcln_check_result r;
  pcln_store32(s->bytes + PCLN_MOD_CHECKSUM,
               pcln_blob_checksum(s->bytes, s->len), s->t.swap);
  assert_int_equal(pcln_open(&s->t, s->bytes, s->len, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_check_elf(&s->t, NULL, NULL, &sink, &r), PCLN_CORRUPT);
  assert_int_equal(f.n, 1);
}

// The stream with `change` added to the value of run number `run`.
static struct pcln_span changed(struct subject *s, struct pcln_span stream,
                                unsigned run, int32_t change) {
  struct pcln_pairs p = pcln_pairs_at(stream, s->m.quantum);
  struct pcln_stream out;
  pcln_stream_init(&out, s->m.quantum);
  for (unsigned i = 0; pcln_pairs_next(&p); i++)
    pcln_stream_add(&out, p.hi, p.value + (i == run ? change : 0));
  struct pcln_span made;
  assert_int_equal(pcln_stream_end(&out, &s->m.arena, &made), PCLN_OK);
  pcln_stream_free(&out);
  return made;
}

// The number of the first run with a value.
static unsigned valued_run(struct subject *s, struct pcln_span stream) {
  struct pcln_pairs p = pcln_pairs_at(stream, s->m.quantum);
  unsigned i = 0;
  while (pcln_pairs_next(&p) && p.value < 0)
    i++;
  return i;
}

// --- Sound ------------------------------------------------------------------

static void check_finds_nothing_in_a_sound_table(void **state) {
  struct subject *s = *state;
  struct pcln_check_result r;
  subject_plain(3);
  encode(s);
  assert_int_equal(pcln_check_elf(&s->t, s->elf, NULL, NULL, &r), PCLN_OK);
  assert_non_null(r.steps[PCLN_STEP_ANNOT].skipped); // C without references
  for (int i = 0; i < PCLN_STEP_ANNOT; i++) {
    assert_null(r.steps[i].skipped);
    assert_int_equal(r.steps[i].n_findings, 0);
    assert_true(r.steps[i].n_functions > 20);
    assert_true(r.steps[i].n_items >= r.steps[i].n_functions);
  }
  assert_int_equal(r.steps[PCLN_STEP_BYTES].n_items, s->len);
  assert_int_equal(r.steps[PCLN_STEP_SYMBOLS].n_functions, s->m.n_funcs);
  assert_true(r.steps[PCLN_STEP_DWARF].n_calls > 0);
  for (int i = 0; i < PCLN_N_EXCUSES; i++)
    assert_int_equal(r.excused[i], 0);
}

static void check_says_what_it_could_not_do(void **state) {
  struct subject *s = *state;
  struct pcln_check_result r;
  encode(s);
  assert_int_equal(pcln_check_file(&s->t, NULL, NULL, NULL, &r), PCLN_OK);
  assert_null(r.steps[PCLN_STEP_BYTES].skipped);
  assert_non_null(r.steps[PCLN_STEP_SYMBOLS].skipped);
  assert_non_null(r.steps[PCLN_STEP_DWARF].skipped);
  assert_non_null(r.steps[PCLN_STEP_CFI].skipped);
  assert_int_equal(pcln_check_file(&s->t, "/no/such/file", NULL, NULL, &r),
                   PCLN_IO);
  assert_int_equal(pcln_check_file(&s->t, "/proc/self/exe", NULL, NULL, &r),
                   PCLN_OK);
}

// --- DWARF ------------------------------------------------------------------

static void check_finds_another_line(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_plain");
  f->pcln = changed(s, f->pcln, 1, 1);
  assert_found(s, "dwarf-line", "subject_plain");
}

static void check_finds_a_line_too_few(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_plain");
  struct pcln_pairs p = pcln_pairs_at(f->pcln, s->m.quantum);
  assert_true(pcln_pairs_next(&p));
  const int32_t first = p.value;
  assert_true(pcln_pairs_next(&p));
  f->pcln = changed(s, f->pcln, 1, first - p.value); // one run of two
  assert_found(s, "dwarf-line", "subject_plain");
}

static void check_finds_another_file(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_plain");
  struct pcln_cu_def *cu = &s->m.cus[f->cu];
  const char **files =
      pcln_arena_alloc(&s->m.arena, (cu->n_files + 1) * sizeof *files);
  memcpy(files, cu->files, cu->n_files * sizeof *files);
  files[cu->n_files] = "elsewhere.c";
  cu->files = files;
  struct pcln_pairs p = pcln_pairs_at(f->pcfile, s->m.quantum);
  assert_true(pcln_pairs_next(&p));
  f->pcfile = changed(s, f->pcfile, 0, (int32_t)cu->n_files++ - p.value);
  assert_found(s, "dwarf-file", "subject_plain");
}

// As -ffile-prefix-map=/=/mapped/ would have made it.
static void check_maps_files_as_the_link_did(void **state) {
  struct subject *s = *state;
  const struct pcln_prefix_map map = {"/", "/mapped/"};
  const struct pcln_check_options o = {.maps = &map, .n_maps = 1};
  struct pcln_check_result r;
  for (size_t i = 0; i < s->m.n_cus; i++)
    for (uint32_t k = 0; k < s->m.cus[i].n_files; k++) {
      const char **file = &s->m.cus[i].files[k];
      if (!*file || **file != '/')
        continue;
      char *name =
          pcln_arena_alloc(&s->m.arena, strlen(*file) + sizeof "/mapped");
      memcpy(name, "/mapped", 7);
      strcpy(name + 7, *file);
      *file = name;
    }
  encode(s);
  assert_int_equal(pcln_check_elf(&s->t, s->elf, &o, NULL, &r), PCLN_OK);
  assert_int_equal(pcln_check_elf(&s->t, s->elf, NULL, NULL, &r), PCLN_CORRUPT);
  assert_int_equal(r.steps[PCLN_STEP_SYMBOLS].n_findings, 0);
  assert_true(r.steps[PCLN_STEP_DWARF].n_findings > 20);
}

static void check_finds_another_inlined_function(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_outer");
  assert_true(f->n_inlines > 0);
  f->inlines[0].name = "subject_other";
  assert_found(s, "dwarf-inlined", "subject_outer");
}

static void check_finds_an_inlined_function_of_another_kind(void **state) {
  struct subject *s = *state;
  func(s, "subject_outer")->inlines[0].func_id = 3;
  assert_found(s, "dwarf-inlined", "subject_outer");
}

static void check_finds_a_lost_inlined_call(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_outer");
  f->pcdata[PCLN_PCDATA_INLTREE] = (struct pcln_span){0};
  f->n_inlines = 0;
  assert_found(s, "dwarf-inlined", "subject_outer");
}

static void check_finds_another_call_site(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_outer");
  f->inlines[0].parent_pc = 0; // the line of the function's brace
  assert_found(s, "dwarf-call", "subject_outer");
}

static void check_finds_another_start_line(void **state) {
  struct subject *s = *state;
  func(s, "subject_outer")->inlines[0].start_line++;
  assert_found(s, "dwarf-start-line", "subject_outer");
  func(s, "subject_outer")->inlines[0].start_line--;
  func(s, "subject_plain")->start_line++;
  assert_found(s, "dwarf-start-line", "subject_plain");
}

// --- CFI --------------------------------------------------------------------

static void check_finds_another_depth(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_plain");
  f->pcsp = changed(s, f->pcsp, valued_run(s, f->pcsp), 8);
  assert_found(s, "cfi-rule-cfa", "subject_plain");
}

// Gives the function one rule for all its pcs where there is a depth.
static void set_rule(struct subject *s, struct pcln_func_def *f,
                     const struct pcln_rule *rule) {
  struct pcln_stream out;
  struct pcln_span made;
  uint32_t idx;
  assert_int_equal(pcln_module_rule(&s->m, rule, &idx), PCLN_OK);
  pcln_stream_init(&out, s->m.quantum);
  pcln_stream_add(&out, f->size, (int32_t)idx);
  assert_int_equal(pcln_stream_end(&out, &s->m.arena, &made), PCLN_OK);
  pcln_stream_free(&out);
  assert_int_equal(
      pcln_func_set_pcdata(f, PCLN_PCDATA_UNWIND, made, &s->m.arena), PCLN_OK);
}

// A function whose frame is all in pcsp: the compiler keeps no frame pointer.
static struct pcln_func_def *simple_func(struct subject *s) {
  for (size_t i = 0; i < s->m.n_funcs; i++) {
    struct pcln_func_def *f = &s->m.funcs[i];
    struct pcln_pairs p = pcln_pairs_at(f->pcsp, s->m.quantum);
    if (f->n_pcdata <= PCLN_PCDATA_UNWIND && f->pcsp.ptr &&
        pcln_pairs_next(&p) && p.value == 0)
      return f;
  }
  fail_msg("every function needs rules");
  return NULL;
}

static const struct pcln_rule plain_rule = {
    .cfa = PCLN_CFA_SP_DELTA, .ra = PCLN_SAVE_CFA, .ra_off = -8};

static void check_finds_another_frame_pointer(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = simple_func(s);
  struct pcln_rule r = plain_rule;
  r.fp = PCLN_SAVE_CFA;
  r.fp_off = -16;
  set_rule(s, f, &r);
  assert_found(s, "cfi-rule-fp", f->name);
}

static void check_finds_another_return_address(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = simple_func(s);
  struct pcln_rule r = plain_rule;
  r.ra_off = -16;
  set_rule(s, f, &r);
  assert_found(s, "cfi-rule-ra", f->name);
}

static void check_finds_another_kind_of_frame(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = simple_func(s);
  struct pcln_rule r = plain_rule;
  r.reg = PCLN_RULE_SIGNAL;
  set_rule(s, f, &r);
  assert_found(s, "cfi-rule-signal", f->name);
}

static void check_finds_other_flags(void **state) {
  struct subject *s = *state;
  func(s, "subject_plain")->flags ^= PCLN_FLAG_TOPFRAME;
  assert_found(s, "cfi-flags", "subject_plain");
}

// --- Symbols ----------------------------------------------------------------

static void check_finds_another_name(void **state) {
  struct subject *s = *state;
  func(s, "subject_plain")->name = "subject_other";
  assert_found(s, "symbol-name", "subject_other");
}

// The stream up to `size` bytes.
static struct pcln_span cut(struct subject *s, struct pcln_span stream,
                            uint32_t size) {
  struct pcln_pairs p = pcln_pairs_at(stream, s->m.quantum);
  struct pcln_stream out;
  struct pcln_span made = stream;
  pcln_stream_init(&out, s->m.quantum);
  while (stream.ptr && pcln_pairs_next(&p))
    pcln_stream_add(&out, p.hi < size ? p.hi : size, p.value);
  if (stream.ptr)
    assert_int_equal(pcln_stream_end(&out, &s->m.arena, &made), PCLN_OK);
  pcln_stream_free(&out);
  return made;
}

static void check_finds_another_end(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_plain");
  f->size -= s->m.quantum;
  f->pcsp = cut(s, f->pcsp, f->size);
  for (uint32_t i = 0; i < f->n_pcdata; i++)
    if (i != PCLN_PCDATA_INLTREE)
      f->pcdata[i] = cut(s, f->pcdata[i], f->size);
  assert_found(s, "symbol-end", "subject_plain");
}

static void check_finds_fields_of_no_c_function(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_plain");
  f->args = 16;
  assert_found(s, "symbol-fields", "subject_plain");
  f->args = PCLN_ARGS_UNKNOWN;
  f->func_id = 2;
  assert_found(s, "symbol-fields", "subject_plain");
}

static void check_finds_a_missing_function(void **state) {
  struct subject *s = *state;
  struct pcln_func_def *f = func(s, "subject_plain");
  const size_t behind =
      s->m.n_funcs - (size_t)(f - s->m.funcs) - 1; // not the last
  assert_true(behind > 0);
  memmove(f, f + 1, behind * sizeof *f);
  s->m.n_funcs--;
  assert_found(s, "symbol-missing", "subject_plain");
}

static void check_finds_an_extra_function(void **state) {
  struct subject *s = *state;
  for (size_t i = 0; i + 1 < s->m.n_funcs; i++) {
    const struct pcln_func_def *f = &s->m.funcs[i];
    if (f->va + f->size + 8 > f[1].va)
      continue;
    const struct pcln_func_def extra = {.va = f->va + f->size + 4,
                                        .size = 4,
                                        .cu = PCLN_NO_CU,
                                        .name = "extra"};
    assert_int_equal(pcln_module_add_func(&s->m, &extra), PCLN_OK);
    assert_int_equal(pcln_module_sort(&s->m, NULL), PCLN_OK);
    assert_found(s, "symbol-extra", "extra");
    return;
  }
  fail_msg("no gap between two functions");
}

// --- Bytes ------------------------------------------------------------------

static void check_finds_bytes_that_nothing_leads_to(void **state) {
  struct subject *s = *state;
  const struct pcln_rule unused = {.cfa = PCLN_CFA_SP, .cfa_off = 0x12340};
  uint32_t idx;
  assert_int_equal(pcln_module_rule(&s->m, &unused, &idx), PCLN_OK);
  assert_found(s, "bytes-unreached", NULL);
}

// The first byte that only aligns a part, or null: which parts need it depends
// on this program.
static uint8_t *padding_of(struct subject *s) {
  const struct pcln_span parts[] = {s->t.funcdata, s->t.findfunctab, s->t.rules,
                                    s->t.callees};
  for (size_t i = 0; i + 1 < sizeof parts / sizeof *parts; i++) {
    const size_t end = (size_t)(parts[i].ptr - s->bytes) + parts[i].len;
    if (s->bytes + end != parts[i + 1].ptr)
      return s->bytes + end;
  }
  return NULL;
}

static void check_finds_padding_that_is_not_zero(void **state) {
  struct subject *s = *state;
  uint8_t *byte;
  encode(s);
  // Without its last functions findfunctab is shorter, and ends elsewhere.
  while (!(byte = padding_of(s)) && s->m.n_funcs > 1) {
    s->m.n_funcs--;
    encode(s);
  }
  assert_non_null(byte);
  // Rules of the functions that were left out may be left over.
  struct pcln_check_result r;
  const enum pcln_status status = pcln_check_elf(&s->t, NULL, NULL, NULL, &r);
  const uint64_t before = r.steps[PCLN_STEP_BYTES].n_findings;
  assert_int_equal(status, before ? PCLN_CORRUPT : PCLN_OK);
  struct findings f = {.name = "bytes-unreached"};
  const struct pcln_sink sink = {take_finding, &f};
  *byte ^= 1;
  pcln_store32(s->bytes + PCLN_MOD_CHECKSUM,
               pcln_blob_checksum(s->bytes, s->len), s->t.swap);
  assert_int_equal(pcln_check_elf(&s->t, NULL, NULL, &sink, &r), PCLN_CORRUPT);
  assert_int_equal(r.steps[PCLN_STEP_BYTES].n_findings, before + 1);
}

static void check_finds_things_that_overlap(void **state) {
  struct subject *s = *state;
  struct pcln_func f;
  func(s, "subject_outer")->name = "subject_plain";
  encode(s);
  // The second of the two that share a name begins in the middle of it.
  uint32_t i = s->t.n_funcs - 1;
  while (pcln_func_at(&s->t, i, &f) != PCLN_OK ||
         strcmp(f.name, "subject_plain") != 0)
    i--;
  uint8_t *at = s->bytes + (s->t.functab.ptr - s->bytes) + f.rec_off +
                PCLN_GO_FUNC_NAME_OFF;
  pcln_store32(at, pcln_load32(at, s->t.swap) + 1, s->t.swap);
  assert_found_in_bytes(s, "bytes-overlap", "ubject_plain");
}

// Whatever the bytes: no check reads outside, and each comes to its end. The
// comparisons with the file, which take long, meet a few of the changes.
static void checks_survive_any_change(void **state) {
  struct subject *s = *state;
  uint64_t random = 1;
  encode(s);
  for (unsigned i = 0; i < 400; i++) {
    random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    const size_t off = (size_t)(random >> 20) % s->len;
    const uint8_t bit = (uint8_t)(1u << (random >> 60) % 8);
    struct pcln_check_result r;
    struct pcln_table t;
    s->bytes[off] ^= bit;
    if (pcln_open(&t, s->bytes, s->len, NULL, NULL) == PCLN_OK) {
      const enum pcln_status status =
          pcln_check_elf(&t, i % 8 ? NULL : s->elf, NULL, NULL, &r);
      assert_true(status == PCLN_OK || status == PCLN_CORRUPT);
    }
    s->bytes[off] ^= bit;
  }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_subject, free_subject)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(check_finds_nothing_in_a_sound_table),
      TEST(check_says_what_it_could_not_do),
      TEST(check_finds_another_line),
      TEST(check_finds_a_line_too_few),
      TEST(check_finds_another_file),
      TEST(check_maps_files_as_the_link_did),
      TEST(check_finds_another_inlined_function),
      TEST(check_finds_an_inlined_function_of_another_kind),
      TEST(check_finds_a_lost_inlined_call),
      TEST(check_finds_another_call_site),
      TEST(check_finds_another_start_line),
      TEST(check_finds_another_depth),
      TEST(check_finds_another_frame_pointer),
      TEST(check_finds_another_return_address),
      TEST(check_finds_another_kind_of_frame),
      TEST(check_finds_other_flags),
      TEST(check_finds_another_name),
      TEST(check_finds_fields_of_no_c_function),
      TEST(check_finds_another_end),
      TEST(check_finds_a_missing_function),
      TEST(check_finds_an_extra_function),
      TEST(check_finds_bytes_that_nothing_leads_to),
      TEST(check_finds_padding_that_is_not_zero),
      TEST(check_finds_things_that_overlap),
      TEST(checks_survive_any_change),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
