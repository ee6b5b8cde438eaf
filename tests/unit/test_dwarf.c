// SPDX-License-Identifier: Apache-2.0
//
// From DWARF sections to the model: which unit describes a function, lines,
// inlined calls and where their positions are found. Sections made by hand, and
// for damage of every kind the seeds of the fuzzer.
//
// The module has four functions of 0x100 bytes from 0x1000 on.
#include "dwarf_input.h"
#include "dwarf_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// --- Failing allocations (the linker's --wrap) ------------------------------

static long allocations_left = -1; // -1: no limit
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool allowed(void) {
  if (allocations_left == 0)
    return false;
  if (allocations_left > 0)
    allocations_left--;
  return true;
}
void *__wrap_malloc(size_t n) { return allowed() ? __real_malloc(n) : NULL; }
void *__wrap_calloc(size_t n, size_t size) {
  return allowed() ? __real_calloc(n, size) : NULL;
}
void *__wrap_realloc(void *p, size_t n) {
  return allowed() ? __real_realloc(p, n) : NULL;
}

// --- Sections by hand -------------------------------------------------------

struct subject {
  struct dw_buf info, abbrev, line, ranges;
  struct pcln_module m;
  struct pcln_source_options options;
  struct pcln_source_stats stats;
  size_t unit, table;
  // The last report, and how many there were.
  char fault[40], region[40];
  uint64_t region_off;
  unsigned reports;
};

static void on_report(void *ctx, const struct pcln_report *r) {
  struct subject *s = ctx;
  snprintf(s->fault, sizeof s->fault, "%s", r->fault);
  snprintf(s->region, sizeof s->region, "%s", r->region ? r->region : "");
  s->region_off = r->region_off;
  s->reports++;
}
static struct pcln_sink sink_of(struct subject *s) {
  return (struct pcln_sink){.fn = on_report, .ctx = s};
}

enum { UNIT = 1, UNIT_NO_PC, FUNC, INLINED, ABSTRACT };

static void begin(struct subject *s) {
  memset(s, 0, sizeof *s);
  s->info.off_size = s->abbrev.off_size = s->line.off_size = 4;
  s->options.threads = 1;
  struct dw_buf *b = &s->abbrev;
  dw_abbrev(b, UNIT, DW_TAG_compile_unit, 1, DW_AT_low_pc, DW_FORM_addr,
            DW_AT_high_pc, DW_FORM_data4, DW_AT_stmt_list, DW_FORM_sec_offset,
            DW_AT_comp_dir, DW_FORM_string, 0);
  dw_abbrev(b, UNIT_NO_PC, DW_TAG_compile_unit, 1, DW_AT_stmt_list,
            DW_FORM_sec_offset, DW_AT_comp_dir, DW_FORM_string, 0);
  dw_abbrev(b, FUNC, DW_TAG_subprogram, 1, DW_AT_name, DW_FORM_string,
            DW_AT_decl_line, DW_FORM_data1, DW_AT_low_pc, DW_FORM_addr,
            DW_AT_high_pc, DW_FORM_data4, 0);
  dw_abbrev(b, INLINED, DW_TAG_inlined_subroutine, 1, DW_AT_abstract_origin,
            DW_FORM_ref_addr, DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc,
            DW_FORM_data1, DW_AT_call_file, DW_FORM_data1, DW_AT_call_line,
            DW_FORM_data1, 0);
  dw_abbrev(b, ABSTRACT, DW_TAG_subprogram, 0, DW_AT_name, DW_FORM_string,
            DW_AT_decl_line, DW_FORM_data1, 0);
}

// Begins a unit over [va, va + len); len 0: one that does not say.
static void begin_unit(struct subject *s, uint64_t va, uint32_t len) {
  s->unit = dw_unit(&s->info, 4, 0);
  dw_uleb(&s->info, len ? UNIT : UNIT_NO_PC);
  if (len) {
    dw_u64(&s->info, va);
    dw_u32(&s->info, len);
  }
  dw_u32(&s->info, s->line.len);
  dw_str(&s->info, "/comp");
  // Its line table: files a.c and b.c.
  struct dw_buf *b = &s->line;
  s->table = dw_begin(b);
  dw_u16(b, 4);
  const size_t header = dw_begin(b);
  const uint8_t fixed[] = {1, 1, 1, 0, 1, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1};
  for (size_t i = 0; i < sizeof fixed; i++)
    dw_u8(b, fixed[i]);
  dw_u8(b, 0);
  for (unsigned i = 0; i < 2; i++) {
    dw_str(b, i ? "b.c" : "a.c");
    for (unsigned k = 0; k < 3; k++)
      dw_u8(b, 0);
  }
  dw_u8(b, 0);
  dw_end(b, header);
}

static void end_unit(struct subject *s) {
  dw_u8(&s->info, 0);
  dw_end(&s->info, s->unit);
  dw_end(&s->line, s->table);
}

// Rows {offset, line} of one sequence from `va` on; the last is its end.
static void sequence(struct subject *s, uint64_t va, unsigned file,
                     const unsigned (*rows)[2], size_t n) {
  struct dw_buf *b = &s->line;
  dw_u8(b, 0);
  dw_u8(b, 9);
  dw_u8(b, DW_LNE_set_address);
  dw_u64(b, va);
  dw_u8(b, DW_LNS_set_file);
  dw_uleb(b, file);
  for (size_t i = 0; i < n; i++) {
    dw_u8(b, DW_LNS_advance_pc);
    dw_uleb(b, rows[i][0] - (i ? rows[i - 1][0] : 0));
    if (i + 1 == n)
      break;
    dw_u8(b, DW_LNS_advance_line);
    dw_sleb(b, (int)rows[i][1] - (i ? (int)rows[i - 1][1] : 1));
    dw_u8(b, DW_LNS_copy);
  }
  dw_u8(b, 0);
  dw_u8(b, 1);
  dw_u8(b, DW_LNE_end_sequence);
}
static void one_line(struct subject *s, uint64_t va, unsigned len,
                     unsigned line) {
  sequence(s, va, 1, (const unsigned[][2]){{0, line}, {len, 0}}, 2);
}

static void func(struct subject *s, const char *name, uint64_t va,
                 uint32_t len) {
  dw_uleb(&s->info, FUNC);
  dw_str(&s->info, name);
  dw_u8(&s->info, 9);
  dw_u64(&s->info, va);
  dw_u32(&s->info, len);
}
static uint64_t abstract(struct subject *s, const char *name) {
  const uint64_t off = s->info.len;
  dw_uleb(&s->info, ABSTRACT);
  dw_str(&s->info, name);
  dw_u8(&s->info, 44);
  return off;
}
static void inlined(struct subject *s, uint64_t origin, uint64_t va,
                    unsigned len, unsigned file, unsigned line) {
  dw_uleb(&s->info, INLINED);
  dw_u32(&s->info, origin);
  dw_u64(&s->info, va);
  dw_u8(&s->info, len);
  dw_u8(&s->info, file);
  dw_u8(&s->info, line);
}
static void close_die(struct subject *s) { dw_u8(&s->info, 0); }

static enum pcln_status add(struct subject *s) {
  const struct pcln_dw_sections sections = {.info = dw_span(&s->info),
                                            .abbrev = dw_span(&s->abbrev),
                                            .line = dw_span(&s->line),
                                            .ranges = dw_span(&s->ranges)};
  const struct pcln_sink sink = sink_of(s);
  s->options.sink = &sink;
  assert_int_equal(dwarf_input_module(&s->m, 0x1000, 0x100, 4), PCLN_OK);
  return pcln_dwarf_add(&sections, "prog", &s->m, &s->options, &s->stats);
}

// --- Looking at the result --------------------------------------------------

// The value of a stream at `pc`; -1 behind its end.
static int value_at(struct pcln_span stream, uint32_t pc) {
  struct pcln_cursor c = pcln_cursor_at(stream.ptr, stream.len, false);
  int value = -1;
  uint32_t at = 0;
  while (pcln_left(&c) > 1) {
    value += pcln_unzigzag(pcln_varint32(&c));
    at += pcln_varint32(&c);
    if (pc < at)
      return value;
  }
  return -1;
}
static int line_at(const struct subject *s, unsigned f, uint32_t pc) {
  return value_at(s->m.funcs[f].pcln, pc);
}
static const char *file_at(const struct subject *s, unsigned f, uint32_t pc) {
  const struct pcln_func_def *def = &s->m.funcs[f];
  const int no = value_at(def->pcfile, pc);
  return no < 0 ? NULL : s->m.cus[def->cu].files[no];
}
static int inl_at(const struct subject *s, unsigned f, uint32_t pc) {
  const struct pcln_func_def *def = &s->m.funcs[f];
  return def->n_pcdata > PCLN_PCDATA_INLTREE
             ? value_at(def->pcdata[PCLN_PCDATA_INLTREE], pc)
             : -1;
}

// --- Tests ------------------------------------------------------------------

static void rows_become_lines_and_gaps_none(void **state) {
  (void)state;
  struct subject s;
  begin(&s);
  begin_unit(&s, 0x1000, 0x200);
  sequence(&s, 0x1010, 1,
           (const unsigned[][2]){{0, 5}, {0x10, 0}, {0x20, 7}, {0x30, 0}}, 4);
  sequence(&s, 0x1080, 2, (const unsigned[][2]){{0, 70}, {0x100, 0}}, 2);
  sequence(&s, 0x1060, 9, (const unsigned[][2]){{0, 3}, {8, 0}}, 2);
  func(&s, "f", 0x1000, 0x100);
  close_die(&s);
  end_unit(&s);
  assert_int_equal(add(&s), PCLN_OK);
  const struct {
    uint32_t pc;
    int line;
    const char *file;
  } cases[] = {{0, -1, NULL},           {0x0f, -1, NULL},
               {0x10, 5, "/comp/a.c"},  {0x20, 0, "/comp/a.c"},
               {0x30, 7, "/comp/a.c"},  {0x3f, 7, "/comp/a.c"},
               {0x40, -1, NULL},        {0x60, 3, NULL},
               {0x80, 70, "/comp/b.c"}, {0xff, 70, "/comp/b.c"}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(line_at(&s, 0, cases[i].pc), cases[i].line);
    if (cases[i].file)
      assert_string_equal(file_at(&s, 0, cases[i].pc), cases[i].file);
    else
      assert_null(file_at(&s, 0, cases[i].pc));
  }
  assert_int_equal(line_at(&s, 1, 0x7f), 70);
  assert_int_equal(line_at(&s, 1, 0x80), -1);
  assert_int_equal(s.m.funcs[0].start_line, 9);
  assert_int_equal(s.m.funcs[1].start_line, 0);
  assert_int_equal(s.m.funcs[2].cu, PCLN_NO_CU);
  assert_int_equal(s.m.n_cus, 1);
  assert_int_equal(s.stats.cus, 1);
  assert_string_equal(s.fault, "dwarf-file-number");
  pcln_module_free(&s.m);
}

static void first_unit_wins_and_a_start_outranks_the_midst(void **state) {
  (void)state;
  for (unsigned threads = 1; threads <= 4; threads++) {
    struct subject s;
    begin(&s);
    s.options.threads = threads;
    begin_unit(&s, 0, 0); // by lines: the weakest claim
    one_line(&s, 0x1000, 0x400, 50);
    end_unit(&s);
    begin_unit(&s, 0x1080, 0x100); // the midst of 0 and all that 1 is known by
    one_line(&s, 0x1080, 0x100, 60);
    end_unit(&s);
    begin_unit(&s, 0x1000, 0x180);
    one_line(&s, 0x1000, 0x180, 70);
    end_unit(&s);
    begin_unit(&s, 0x1000, 0x300);
    one_line(&s, 0x1000, 0x300, 80);
    end_unit(&s);
    assert_int_equal(add(&s), PCLN_OK);
    assert_int_equal(line_at(&s, 0, 0x90), 70);
    assert_int_equal(line_at(&s, 1, 0x10), 60);
    assert_int_equal(line_at(&s, 1, 0x90), -1);
    assert_int_equal(line_at(&s, 2, 0x10), 80);
    assert_int_equal(line_at(&s, 3, 0x10), 50);
    assert_int_equal(s.m.n_cus, 4);
    pcln_module_free(&s.m);
  }
}

static void inlined_calls_have_real_or_virtual_positions(void **state) {
  (void)state;
  struct subject s;
  begin(&s);
  begin_unit(&s, 0x1000, 0x400);
  sequence(&s, 0x1000, 1,
           (const unsigned[][2]){
               {0, 10}, {0x10, 44}, {0x20, 45}, {0x30, 12}, {0x100, 0}},
           5);
  const uint64_t a = abstract(&s, "a"), b = abstract(&s, "b");
  func(&s, "f", 0x1000, 0x100);
  inlined(&s, a, 0x1010, 0x20, 1, 10); // called where pc 0 is
  inlined(&s, b, 0x1020, 8, 1, 99);    // nowhere, inside a
  close_die(&s);
  inlined(&s, b, 0x1028, 4, 1, 99); // shares that place
  close_die(&s);
  close_die(&s);
  inlined(&s, a, 0x1040, 4, 2, 10); // nowhere: another file
  close_die(&s);
  close_die(&s);
  end_unit(&s);
  assert_int_equal(add(&s), PCLN_OK);
  const struct pcln_func_def *f = &s.m.funcs[0];
  assert_int_equal(f->n_inlines, 4);
  const struct {
    uint32_t pc;
    int inl;
  } at[] = {{0, -1},   {0x10, 0},  {0x20, 1}, {0x28, 2},
            {0x2c, 0}, {0x30, -1}, {0x40, 3}, {0x44, -1}};
  for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
    assert_int_equal(inl_at(&s, 0, at[i].pc), at[i].inl);
  const uint32_t parent[] = {0, 0x100, 0x100, 0x101};
  for (unsigned i = 0; i < 4; i++) {
    assert_string_equal(f->inlines[i].name, i == 1 || i == 2 ? "b" : "a");
    assert_int_equal(f->inlines[i].start_line, 44);
    assert_int_equal(f->inlines[i].parent_pc, parent[i]);
  }
  assert_int_equal(line_at(&s, 0, 0x100), 99);
  assert_int_equal(inl_at(&s, 0, 0x100), 0);
  assert_string_equal(file_at(&s, 0, 0x100), "/comp/a.c");
  assert_int_equal(line_at(&s, 0, 0x101), 10);
  assert_int_equal(inl_at(&s, 0, 0x101), -1);
  assert_string_equal(file_at(&s, 0, 0x101), "/comp/b.c");
  assert_int_equal(s.stats.inlined_calls, 4);
  assert_int_equal(s.stats.virtual_pcs, 2);
  pcln_module_free(&s.m);
}

// A call whose code lies in two of the module's functions, as the hot and the
// cold part of one.
static void parts_of_a_function_get_their_part_of_the_calls(void **state) {
  (void)state;
  struct subject s;
  begin(&s);
  begin_unit(&s, 0x1000, 0x400);
  one_line(&s, 0x1000, 0x200, 10);
  const uint64_t a = abstract(&s, "a"), b = abstract(&s, "b");
  func(&s, "f", 0x1000, 0x200);
  inlined(&s, a, 0x10c0, 0x80, 1, 20);
  inlined(&s, b, 0x1110, 8, 1, 30);
  close_die(&s);
  close_die(&s);
  close_die(&s);
  end_unit(&s);
  assert_int_equal(add(&s), PCLN_OK);
  assert_int_equal(s.m.funcs[0].n_inlines, 1);
  assert_int_equal(inl_at(&s, 0, 0xbf), -1);
  assert_int_equal(inl_at(&s, 0, 0xff), 0);
  assert_int_equal(s.m.funcs[1].n_inlines, 2);
  assert_int_equal(inl_at(&s, 1, 0), 0);
  assert_int_equal(inl_at(&s, 1, 0x10), 1);
  assert_int_equal(inl_at(&s, 1, 0x3f), 0);
  assert_int_equal(inl_at(&s, 1, 0x40), -1);
  assert_string_equal(s.m.funcs[1].inlines[1].name, "b");
  assert_int_equal(s.m.funcs[1].start_line, 9);
  pcln_module_free(&s.m);
}

// Ranges that do not nest, and overlap: the later DIE is the inner one.
static void overlapping_ranges_end_in_a_tree(void **state) {
  (void)state;
  struct subject s;
  begin(&s);
  begin_unit(&s, 0x1000, 0x400);
  one_line(&s, 0x1000, 0x100, 10);
  const uint64_t a = abstract(&s, "a");
  func(&s, "f", 0x1000, 0x100);
  inlined(&s, a, 0x1020, 0x20, 1, 20);
  close_die(&s);
  inlined(&s, a, 0x1030, 0x20, 1, 21);
  close_die(&s);
  inlined(&s, a, 0x1018, 0x10, 1, 22);
  close_die(&s);
  close_die(&s);
  end_unit(&s);
  assert_int_equal(add(&s), PCLN_OK);
  // Numbers go by first use.
  const int want[] = {-1, 0, 0, 1, 2, 2};
  const uint32_t pc[] = {0x17, 0x18, 0x27, 0x28, 0x30, 0x4f};
  for (unsigned i = 0; i < 6; i++)
    assert_int_equal(inl_at(&s, 0, pc[i]), want[i]);
  assert_int_equal(inl_at(&s, 0, 0x50), -1);
  pcln_module_free(&s.m);
}

static void prefix_maps_apply_the_last_that_matches(void **state) {
  (void)state;
  const struct pcln_prefix_map maps[] = {
      {"/comp", "/one"}, {"/comp/a", "."}, {"/none", "/two"}};
  struct subject s;
  begin(&s);
  s.options.maps = maps;
  s.options.n_maps = 3;
  begin_unit(&s, 0x1000, 0x200);
  one_line(&s, 0x1000, 0x100, 1);
  sequence(&s, 0x1100, 2, (const unsigned[][2]){{0, 70}, {0x100, 0}}, 2);
  end_unit(&s);
  assert_int_equal(add(&s), PCLN_OK);
  assert_string_equal(file_at(&s, 0, 0), "..c");
  assert_string_equal(file_at(&s, 1, 0), "/one/b.c");
  pcln_module_free(&s.m);
}

static void no_dwarf_is_no_fault(void **state) {
  (void)state;
  struct subject s;
  begin(&s);
  assert_int_equal(add(&s), PCLN_OK);
  assert_int_equal(s.m.n_cus, 0);
  assert_int_equal(s.reports, 0);
  pcln_module_free(&s.m);
}

static void lowest_of_several_faults_is_reported(void **state) {
  (void)state;
  for (unsigned threads = 1; threads <= 4; threads++) {
    struct subject s;
    begin(&s);
    s.options.threads = threads;
    uint64_t second = 0;
    for (unsigned i = 0; i < 4; i++) {
      begin_unit(&s, 0x1000 + i * 0x100, 0x100);
      one_line(&s, 0x1000 + i * 0x100, 0x100, 1);
      if (i == 1)
        second = s.info.len;
      dw_uleb(&s.info, i ? 99 : ABSTRACT);
      dw_u16(&s.info, 0x0041); // the name "A", or garbage
      dw_u8(&s.info, 1);
      end_unit(&s);
    }
    assert_int_equal(add(&s), PCLN_CORRUPT);
    assert_int_equal(s.reports, 1);
    assert_string_equal(s.fault, "dwarf-abbrev");
    assert_string_equal(s.region, ".debug_info");
    assert_int_equal(s.region_off, second);
    pcln_module_free(&s.m);
  }
}

// --- What small input may ask for again and again ---------------------------

static void units_sharing_a_range_list(struct subject *s) {
  dw_abbrev(&s->abbrev, 10, DW_TAG_compile_unit, 0, DW_AT_ranges, DW_FORM_data4,
            0);
  for (unsigned i = 0; i < 4000; i++) {
    dw_u64(&s->ranges, 0x1000);
    dw_u64(&s->ranges, 0x1001);
  }
  for (unsigned i = 0; i < 3000; i++) {
    s->unit = dw_unit(&s->info, 4, 0);
    dw_u8(&s->info, 10);
    dw_u32(&s->info, 0);
    dw_end(&s->info, s->unit);
  }
}

static void units_sharing_abbreviations(struct subject *s) {
  s->abbrev.len = 0; // one table that never ends: each unit starts inside
  for (unsigned i = 0; i < 10000; i++)
    dw_abbrev(&s->abbrev, 1, DW_TAG_compile_unit, 0, 0);
  for (unsigned i = 0; i < 4000; i++) {
    s->unit = dw_unit(&s->info, 4, i * 5);
    dw_u8(&s->info, 1);
    dw_end(&s->info, s->unit);
  }
}

static void units_sharing_a_line_table(struct subject *s) {
  begin_unit(s, 0, 0);
  for (unsigned i = 0; i < 2000; i++)
    one_line(s, 0x1000, 1, 5);
  end_unit(s);
  for (unsigned i = 0; i < 2500; i++) {
    s->unit = dw_unit(&s->info, 4, 0);
    dw_uleb(&s->info, UNIT_NO_PC);
    dw_u32(&s->info, 0);
    dw_str(&s->info, "");
    dw_end(&s->info, s->unit);
  }
}

static void demands_beyond_reason_end_in_a_limit(void **state) {
  (void)state;
  void (*const demands[])(struct subject *) = {units_sharing_a_range_list,
                                               units_sharing_abbreviations,
                                               units_sharing_a_line_table};
  static struct subject s;
  for (size_t i = 0; i < sizeof demands / sizeof demands[0]; i++)
    for (unsigned threads = 1; threads <= 3; threads += 2) {
      begin(&s);
      s.options.threads = threads;
      demands[i](&s);
      assert_int_equal(add(&s), PCLN_LIMIT);
      assert_int_equal(s.reports, 1);
      assert_string_equal(s.fault, "dwarf-limit");
      pcln_module_free(&s.m);
    }
}

// --- Seeds: real DWARF, damaged ---------------------------------------------

static const char *const seeds[] = {"gcc-2",         "gcc-4",       "gcc-5",
                                    "gcc-5-64",      "clang-3",     "clang-5",
                                    "clang-5-split", "clang-4-gmlt"};
enum { N_SEEDS = sizeof seeds / sizeof seeds[0] };

static size_t read_seed(size_t i, uint8_t *bytes, size_t cap) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", PCLN_DWARF_SEEDS, seeds[i]);
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  const size_t n = fread(bytes, 1, cap, f);
  fclose(f);
  assert_true(n > 100 && n < cap);
  return n;
}

static enum pcln_status add_bytes(const uint8_t *bytes, size_t len,
                                  struct pcln_module *m,
                                  struct pcln_source_stats *stats) {
  const struct pcln_source_options o = {.threads = 1};
  uint8_t *copy = __real_malloc(len ? len : 1); // so that ASan sees its end
  memcpy(copy, bytes, len);
  const struct pcln_dw_sections s = dwarf_input_read(copy, len);
  enum pcln_status st = pcln_dwarf_add(&s, "seed", m, &o, stats);
  free(copy);
  return st;
}

static void damaged_input_never_does_harm(void **state) {
  (void)state;
  static uint8_t bytes[4096];
  for (size_t i = 0; i < N_SEEDS; i++) {
    const size_t n = read_seed(i, bytes, sizeof bytes);
    for (size_t k = 0; k <= 9 * n; k++) {
      // First each prefix, then each bit of each byte.
      const size_t at = k <= n ? 0 : (k - n - 1) / 8;
      const unsigned bit = k <= n ? 0 : 1u << (k - n - 1) % 8;
      struct pcln_module m;
      struct pcln_source_stats stats = {0};
      assert_int_equal(dwarf_input_module(&m, 0x1000, 0x40, 8), PCLN_OK);
      bytes[at] = (uint8_t)(bytes[at] ^ bit);
      const enum pcln_status st = add_bytes(bytes, k <= n ? k : n, &m, &stats);
      bytes[at] = (uint8_t)(bytes[at] ^ bit);
      assert_true(st != PCLN_NO_MEMORY && st != PCLN_IO &&
                  st != PCLN_NOT_FOUND);
      if (k == n) {
        assert_int_equal(st, PCLN_OK);
        assert_true(stats.line_rows > 5);
        assert_true(stats.inlined_calls >= 1);
      }
      pcln_module_free(&m);
    }
  }
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  static uint8_t bytes[4096];
  const size_t n = read_seed(5, bytes, sizeof bytes);
  enum pcln_status st = PCLN_NO_MEMORY;
  for (long left = 0; st == PCLN_NO_MEMORY; left++) {
    struct pcln_module m;
    struct pcln_source_stats stats = {0};
    assert_int_equal(dwarf_input_module(&m, 0x1000, 0x40, 8), PCLN_OK);
    allocations_left = left;
    st = add_bytes(bytes, n, &m, &stats);
    allocations_left = -1;
    assert_true(st == PCLN_NO_MEMORY || (st == PCLN_OK && left > 20));
    pcln_module_free(&m);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_become_lines_and_gaps_none),
      cmocka_unit_test(first_unit_wins_and_a_start_outranks_the_midst),
      cmocka_unit_test(inlined_calls_have_real_or_virtual_positions),
      cmocka_unit_test(parts_of_a_function_get_their_part_of_the_calls),
      cmocka_unit_test(overlapping_ranges_end_in_a_tree),
      cmocka_unit_test(prefix_maps_apply_the_last_that_matches),
      cmocka_unit_test(no_dwarf_is_no_fault),
      cmocka_unit_test(lowest_of_several_faults_is_reported),
      cmocka_unit_test(demands_beyond_reason_end_in_a_limit),
      cmocka_unit_test(damaged_input_never_does_harm),
      cmocka_unit_test(every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
