// SPDX-License-Identifier: Apache-2.0
//
// Holds docs/format.md true: the worked example's bytes are what the encoder
// makes of the program described there, and the offsets in its tables are those
// of format.h.
//
// With an argument, prints the bytes of the example, or with "references" those
// of the second one, for editing the document.
#include "random_model.h"
#include "safepoints.h"
#include "stackmap.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// --- The program of the worked example --------------------------------------

struct run {
  uint32_t end;
  int32_t value;
};

static struct pcln_span stream(struct random_model *r, const struct run *runs,
                               size_t n) {
  struct pcln_span out;
  pcln_stream_reset(&r->s);
  for (size_t i = 0; i < n; i++)
    pcln_stream_add(&r->s, runs[i].end, runs[i].value);
  rnd_ok(pcln_stream_end(&r->s, &r->m.arena, &out));
  return out;
}
#define STREAM(r, ...)                                                         \
  stream(r, (const struct run[]){__VA_ARGS__},                                 \
         sizeof((const struct run[]){__VA_ARGS__}) / sizeof(struct run))

static const char *k_files[] = {"stdlib.h", "main.c", "swap.h"};
static struct pcln_cu_def k_unit = {.files = k_files, .n_files = 3};
static struct pcln_inline_def k_inline = {
    .name = "swap", .parent_pc = 0x20, .start_line = 3};

static void example_model(struct random_model *r) {
  *r = (struct random_model){0};
  struct pcln_module *m = &r->m;
  pcln_module_init(m);
  pcln_stream_init(&r->s, 1);
  m->machine = 62;
  m->build_id_len = 4;
  memcpy(m->build_id, "\xc0\xff\xee\x01", 4);
  m->cus = &k_unit;
  m->n_cus = 1;
  const struct pcln_rule rule = {.cfa = PCLN_CFA_SP_DELTA,
                                 .fp = PCLN_SAVE_CFA,
                                 .ra = PCLN_SAVE_CFA,
                                 .fp_off = -16,
                                 .ra_off = -8};
  uint32_t idx;
  rnd_ok(pcln_module_rule(m, &rule, &idx));

  struct pcln_func_def f = {.va = 0x1000,
                            .size = 0x20,
                            .name = "main",
                            .start_line = 10,
                            .args = PCLN_ARGS_UNKNOWN,
                            .inlines = &k_inline,
                            .n_inlines = 1};
  f.pcsp = STREAM(r, {0x01, 0}, {0x1f, 8}, {0x20, 0});
  f.pcfile = STREAM(r, {0x08, 1}, {0x14, 2}, {0x21, 1});
  f.pcln = STREAM(r, {0x08, 11}, {0x14, 4}, {0x20, 13}, {0x21, 12});
  rnd_ok(pcln_func_set_pcdata(&f, PCLN_PCDATA_INLTREE,
                              STREAM(r, {0x08, -1}, {0x14, 0}, {0x21, -1}),
                              &m->arena));
  rnd_ok(pcln_func_set_pcdata(&f, PCLN_PCDATA_UNWIND,
                              STREAM(r, {0x01, -1}, {0x1f, 0}, {0x20, -1}),
                              &m->arena));
  rnd_ok(pcln_module_add_func(m, &f));

  f = (struct pcln_func_def){.va = 0x1030,
                             .size = 5,
                             .cu = PCLN_NO_CU,
                             .name = "leaf",
                             .args = PCLN_ARGS_UNKNOWN,
                             .flags = PCLN_FLAG_ASM};
  f.pcsp = STREAM(r, {5, 0});
  rnd_ok(pcln_module_add_func(m, &f));
}

// The second example: calls at which references are live, and variables.
static void references_model(struct random_model *r) {
  static const uint8_t pointer[] = {2}, list[] = {0x26};
  static const struct pcln_area areas[] = {{7, 8, 1, 1, pointer},
                                           {7, 16, 1, 1, pointer}};
  static const struct pcln_pair pair = {7, 7, 8, 16};
  static const struct pcln_safepoint points[] = {
      {0x17, 40, 0, areas, &pair, 2, 1}, {0x1c, 40, 0, areas, NULL, 1, 0}};
  static const struct pcln_root_def roots[] = {
      {0, 1, 1, PCLN_ROOT_TLS, pointer}, {0x4018, 3, 2, 0, list}};
  *r = (struct random_model){0};
  struct pcln_module *m = &r->m;
  pcln_module_init(m);
  pcln_stream_init(&r->s, 1);
  m->machine = 62;
  struct pcln_func_def f = {.va = 0x1000,
                            .size = 0x26,
                            .cu = PCLN_NO_CU,
                            .name = "work",
                            .args = PCLN_ARGS_UNKNOWN};
  f.pcsp = STREAM(r, {0x04, 0}, {0x25, 40}, {0x26, 0});
  rnd_ok(pcln_module_add_func(m, &f));
  rnd_ok(pcln_safepoints_place(m, &m->funcs[0], points, 2, &m->arena, NULL));
  for (size_t i = 0; i < 2; i++)
    rnd_ok(pcln_module_add_root(m, &roots[i]));
}

static void encode_example(void (*make)(struct random_model *), uint8_t **bytes,
                           size_t *len) {
  struct random_model r;
  make(&r);
  const struct pcln_encode_options o = {
      .layout = PCLN_GO_120, .header_va = 0x5000, .threads = 1};
  rnd_ok(pcln_encode(&r.m, &o, NULL, bytes, len, NULL));
  random_model_free(&r);
}

// --- The document -----------------------------------------------------------

static char *read_document(void) {
  FILE *f = fopen(PCLN_FORMAT_DOC, "rb");
  assert_non_null(f);
  char *text = calloc(1, 1 << 20);
  assert_non_null(text);
  assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
  fclose(f);
  return text;
}

// Reads the lines "OFFSET  HEX HEX ...  ; comment" of the block number `block`,
// from 0, of those that begin with ```hex. Checks the offsets; returns the
// number of bytes.
static size_t read_dump(const char *text, int block, uint8_t *out,
                        size_t room) {
  const char *p = strstr(text, "```hex\n");
  for (; p && block > 0; block--)
    p = strstr(p + 1, "```hex\n");
  assert_non_null(p);
  p = strchr(p, '\n') + 1;
  size_t n = 0;
  while (strncmp(p, "```", 3) != 0) {
    char *next;
    const unsigned long off = strtoul(p, &next, 16);
    assert_int_equal(off, n);
    for (p = next; *p != ';' && *p != '\n'; p = next) {
      if (*p == ' ') {
        next = (char *)p + 1;
        continue;
      }
      assert_true(isxdigit((unsigned char)p[0]) && n < room);
      out[n++] = (uint8_t)strtoul(p, &next, 16);
      assert_ptr_equal(next, p + 2);
    }
    p = strchr(p, '\n') + 1;
  }
  return n;
}

static void worked_example_is_what_the_encoder_writes(void **state) {
  (void)state;
  char *text = read_document();
  uint8_t want[4096];
  const size_t n = read_dump(text, 0, want, sizeof want);
  uint8_t *bytes;
  size_t len;
  encode_example(example_model, &bytes, &len);
  assert_int_equal(len, n);
  assert_memory_equal(bytes, want, n);
  struct pcln_table t;
  assert_int_equal(pcln_open(&t, want, n, NULL, NULL), PCLN_OK);
  struct pcln_frame_iter it;
  struct pcln_frame fr;
  assert_int_equal(pcln_frames_begin(&t, 0x100a, &it), PCLN_OK);
  assert_true(pcln_frames_next(&it, &fr));
  assert_string_equal(fr.func, "swap");
  assert_string_equal(fr.file, "swap.h");
  assert_int_equal(fr.line, 4);
  assert_true(pcln_frames_next(&it, &fr));
  assert_string_equal(fr.func, "main");
  assert_string_equal(fr.file, "main.c");
  assert_int_equal(fr.line, 12);
  assert_false(pcln_frames_next(&it, &fr));
  free(bytes);
  free(text);
}

static void example_of_references_is_what_the_encoder_writes(void **state) {
  (void)state;
  char *text = read_document();
  uint8_t want[4096];
  const size_t n = read_dump(text, 1, want, sizeof want);
  uint8_t *bytes;
  size_t len;
  encode_example(references_model, &bytes, &len);
  assert_int_equal(len, n);
  assert_memory_equal(bytes, want, n);
  struct pcln_table t;
  struct pcln_func f;
  struct pcln_stackmap map;
  assert_int_equal(pcln_open(&t, want, n, NULL, NULL), PCLN_OK);
  assert_int_equal(pcln_verify(&t, NULL), PCLN_OK);
  assert_int_equal(pcln_find_func(&t, 0x1016, &f), PCLN_OK);
  assert_int_equal(pcln_stackmap_at(&t, &f, 0x1016, &map), PCLN_OK);
  assert_int_equal(map.locals.n_words, 4);
  assert_int_equal(map.locals_off, -40);
  assert_true(pcln_word_live(&map.locals, 0) && pcln_word_live(&map.locals, 1));
  assert_int_equal(pcln_stackmap_at(&t, &f, 0x101b, &map), PCLN_OK);
  assert_true(pcln_word_live(&map.locals, 0) &&
              !pcln_word_live(&map.locals, 1));
  assert_int_equal(pcln_stackmap_at(&t, &f, 0x1020, &map), PCLN_NOT_FOUND);
  free(bytes);
  free(text);
}

// Rows "| offset | size | `name` |" of the document's tables.
static void offsets_in_the_tables_are_those_of_format_h(void **state) {
  (void)state;
  const struct {
    int off, size;
    const char *name;
  } rows[] = {
      {PCLN_MOD_MAGIC, 8, "magic"},
      {PCLN_MOD_VERSION, 2, "version"},
      {PCLN_MOD_PTRSIZE, 1, "ptr_size"},
      {PCLN_MOD_STACKMAP_BITS, 1, "stackmap_bits"},
      {PCLN_MOD_FLAGS, 4, "flags"},
      {PCLN_MOD_BLOB_LEN, 8, "blob_len"},
      {PCLN_MOD_HEADER_VA, 8, "header_va"},
      {PCLN_MOD_TEXT_VA, 8, "text_va"},
      {PCLN_MOD_TEXT_LEN, 8, "text_len"},
      {PCLN_MOD_PCLNTAB, 8, "pclntab"},
      {PCLN_MOD_FUNCDATA, 8, "funcdata"},
      {PCLN_MOD_FINDFUNCTAB, 8, "findfunctab"},
      {PCLN_MOD_RULES, 8, "rules"},
      {PCLN_MOD_CHECKSUM, 4, "checksum"},
      {PCLN_MOD_BUILD_ID_LEN, 4, "build_id_len"},
      {PCLN_MOD_MACHINE, 2, "machine"},
      {PCLN_MOD_RESERVED, 2, "reserved"},
      {PCLN_MOD_CALLEES, 4, "callees"},
      {PCLN_MOD_BUILD_ID, 32, "build_id"},
      {PCLN_MOD_ROOTS, 8, "roots"},
      {PCLN_GO_HDR_QUANTUM, 1, "quantum"},
      {PCLN_GO_FUNC_ENTRY_OFF, 4, "entryOff"},
      {PCLN_GO_FUNC_NAME_OFF, 4, "nameOff"},
      {PCLN_GO_FUNC_ARGS, 4, "args"},
      {PCLN_GO_FUNC_DEFERRETURN, 4, "deferreturn"},
      {PCLN_GO_FUNC_PCSP, 4, "pcsp"},
      {PCLN_GO_FUNC_PCFILE, 4, "pcfile"},
      {PCLN_GO_FUNC_PCLN, 4, "pcln"},
      {PCLN_GO_FUNC_NPCDATA, 4, "npcdata"},
      {PCLN_GO_FUNC_CU_OFFSET, 4, "cuOffset"},
      {PCLN_GO120_FUNC_START_LINE, 4, "startLine"},
      {PCLN_GO120_FUNC_ID, 1, "funcID"},
      {PCLN_GO120_FUNC_SIZE - 3, 1, "flag"},
      {PCLN_GO120_FUNC_SIZE - 2, 1, "pad"},
      {PCLN_GO120_FUNC_SIZE - 1, 1, "nfuncdata"},
  };
  char *text = read_document();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char row[80];
    snprintf(row, sizeof row, "| %d | %d | `%s` |", rows[i].off, rows[i].size,
             rows[i].name);
    if (!strstr(text, row))
      fail_msg("docs/format.md has no row '%s'", row);
  }
  free(text);
}

int main(int argc, char **argv) {
  if (argc > 1) {
    uint8_t *bytes;
    size_t len;
    encode_example(strcmp(argv[1], "references") == 0 ? references_model
                                                      : example_model,
                   &bytes, &len);
    for (size_t i = 0; i < len; i++)
      printf("%02x%s", bytes[i], i % 16 == 15 ? "\n" : " ");
    free(bytes);
    return 0;
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(worked_example_is_what_the_encoder_writes),
      cmocka_unit_test(example_of_references_is_what_the_encoder_writes),
      cmocka_unit_test(offsets_in_the_tables_are_those_of_format_h),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
