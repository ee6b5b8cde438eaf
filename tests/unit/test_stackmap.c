// SPDX-License-Identifier: Apache-2.0
#include "frame_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EM_386 = 3, EM_PPC64 = 21, EM_ARM = 40, EM_X86_64 = 62, EM_A64 = 183 };

static const struct pcln_run pcsp[] = {
    {0, 4, 0}, {0, 0xfc, 88}, {0, 0x100, 0}, {0, 0, 0}};
static const struct pcln_run rows[] = {
    {0, 0x20, -1}, {0, 0x40, 1}, {0, 0x80, 0}, {0, 0x100, 1}, {0, 0, 0}};

// The words of a row as letters, one a word; `.` goes on with the item before.
static const char *letters(const struct pcln_map_row *row, char *buf) {
  static const char kinds[] = {
      [PCLN_WORD_NONE] = '-',   [PCLN_WORD_DEAD] = 'd',
      [PCLN_WORD_SCALAR] = 's', [PCLN_WORD_POINTER] = 'P',
      [PCLN_WORD_STRING] = 'S', [PCLN_WORD_SLICE] = 'L',
      [PCLN_WORD_IFACE] = 'I',  [PCLN_WORD_EFACE] = 'E'};
  struct pcln_word w;
  uint32_t next = 0, n = 0;
  while (pcln_words_next(row, &next, &w)) {
    assert_int_equal(w.index, n);
    assert_true(w.n >= 1 && w.index + w.n <= row->n_words);
    for (uint32_t i = 0; i < w.n; i++) {
      buf[n] = i ? '.' : kinds[w.kind];
      assert_int_equal(pcln_word_live(row, n), w.kind >= PCLN_WORD_POINTER);
      n++;
    }
  }
  assert_int_equal(n, row->n_words);
  assert_false(pcln_word_live(row, n));
  buf[n] = '\0';
  return buf;
}

// --- Every form of a map ----------------------------------------------------

// Each map has these bytes behind its counts, and the rows that they mean.
static const struct {
  const char *what;
  unsigned go_minor;
  enum pcln_layout layout;
  bool ours, big_endian, only_bits;
  uint8_t bits;
  int32_t n, n_bits;
  uint8_t rows[24];
  size_t len;
  const char *want[3];
} forms[] = {
    {"go1.20, 3 rows of 10 words",
     20,
     PCLN_GO_120,
     false,
     false,
     false,
     0,
     3,
     10,
     {0x05, 0x02, 0x00, 0x00, 0xff, 0x03},
     6,
     {"P-P------P", "----------", "PPPPPPPPPP"}},
    {"go1.20, big endian: bytes stay in order",
     20,
     PCLN_GO_120,
     false,
     true,
     false,
     0,
     2,
     9,
     {0x01, 0x01, 0x80, 0x00},
     4,
     {"P-------P", "-------P-"}},
    {"go1.7",
     7,
     PCLN_GO_12,
     false,
     false,
     false,
     0,
     2,
     3,
     {0x04, 0x03},
     2,
     {"--P", "PP-"}},
    {"go1.6: rows of whole u32s",
     6,
     PCLN_GO_12,
     false,
     false,
     false,
     0,
     2,
     3,
     {0x04, 0, 0, 0, 0x03, 0, 0, 0},
     8,
     {"--P", "PP-"}},
    {"go1.4: two bits a word, bytes in order",
     4,
     PCLN_GO_12,
     false,
     true,
     false,
     0,
     2,
     10,
     {0x24, 0x02, 0, 0, 0x90, 0x00, 0, 0},
     8,
     {"dsPdP", "ddsPd"}},
    {"go1.3: u32s of the target",
     3,
     PCLN_GO_12,
     false,
     true,
     false,
     0,
     1,
     10,
     {0, 0, 0x02, 0x24},
     4,
     {"dsPdP"}},
    {"go1.3, little endian",
     3,
     PCLN_GO_12,
     false,
     false,
     false,
     0,
     1,
     10,
     {0x24, 0x02, 0, 0},
     4,
     {"dsPdP"}},
    {"go1.2: one row, no count",
     2,
     PCLN_GO_12,
     false,
     false,
     true,
     0,
     1,
     14,
     {0xb4, 0x07, 0, 0},
     4,
     {"-PE.E.-"}},
    {"go1.2, interfaces with methods",
     2,
     PCLN_GO_12,
     false,
     true,
     true,
     0,
     1,
     8,
     {0, 0, 0, 0x92},
     4,
     {"I.PI"}},
    {"ours, one bit",
     0,
     PCLN_GO_120,
     true,
     false,
     false,
     1,
     1,
     2,
     {0x02},
     1,
     {"-P"}},
    {"no words", 20, PCLN_GO_120, false, false, false, 0, 4, 0, {0}, 0, {""}},
};

static void put_map(struct frame_spec *s, struct frame_bytes *b, bool only_bits,
                    int32_t n, int32_t n_bits, const uint8_t *bytes,
                    size_t len) {
  if (!only_bits)
    frame_put(s, b, 4, (uint32_t)n);
  frame_put(s, b, 4, (uint32_t)n_bits);
  memcpy(b->b + b->len, bytes, len);
  b->len += len;
}

static uint32_t locals_index(unsigned go_minor) {
  return go_minor == 3 ? 3 : 1;
}

static void every_form_of_a_map_is_read(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    struct frame_spec s = {.layout = forms[i].layout,
                           .go_minor = forms[i].go_minor,
                           .big_endian = forms[i].big_endian,
                           .ours = forms[i].ours,
                           .stackmap_bits = forms[i].bits,
                           .machine = EM_X86_64};
    struct frame_table m;
    struct pcln_ptrmap map;
    struct pcln_map_row row;
    char buf[64];
    put_map(&s, &s.funcdata[locals_index(forms[i].go_minor)],
            forms[i].only_bits, forms[i].n, forms[i].n_bits, forms[i].rows,
            forms[i].len);
    frame_table_make(&s, &m);
    assert_int_equal(pcln_ptrmap(&m.t, &m.f, PCLN_MAP_LOCALS, &map), PCLN_OK);
    assert_int_equal(map.n_rows, forms[i].n);
    for (int32_t r = 0; r < 3 && forms[i].want[r]; r++) {
      assert_int_equal(pcln_ptrmap_row(&map, (uint32_t)r, &row), PCLN_OK);
      if (strcmp(letters(&row, buf), forms[i].want[r]) != 0)
        fail_msg("%s: row %d is %s, not %s", forms[i].what, r, buf,
                 forms[i].want[r]);
    }
    assert_int_equal(pcln_ptrmap_row(&map, map.n_rows, &row), PCLN_NOT_FOUND);
    frame_table_free(&m);
  }
}

// Two bits a word, written as digits in the order of words.
static void put_codes(struct frame_bytes *b, const char *codes) {
  for (size_t i = 0; codes[i]; i++) {
    if (i % 4 == 0)
      b->b[b->len++] = 0;
    b->b[b->len - 1] |= (uint8_t)((codes[i] - '0') << (i % 4 * 2));
  }
}

static void two_bit_items_are_told_apart(void **state) {
  (void)state;
  static const struct {
    const char *codes, *want;
  } cases[] = {
      {"0123000", "dsPS.dd"},
      {"30", "S."},
      {"311", "L.."},
      {"32", "I."},
      {"33", "E."},
      {"3333", "E.E."},
      {"31", "L."}, // cut off: ends with the row
      {"3", "s"},   // what it is stands outside of the row
      {"0003300", "dddE.dd"},
      {"2223112", "PPPL..P"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct frame_spec s = {
        .layout = PCLN_GO_120, .ours = true, .stackmap_bits = 2};
    struct frame_bytes *b = &s.funcdata[PCLN_FUNCDATA_LOCALS_MAPS];
    struct frame_table m;
    struct pcln_ptrmap map;
    struct pcln_map_row row;
    char buf[64];
    frame_put(&s, b, 4, 1);
    frame_put(&s, b, 4, 2 * strlen(cases[i].codes));
    put_codes(b, cases[i].codes);
    frame_table_make(&s, &m);
    assert_int_equal(pcln_ptrmap(&m.t, &m.f, PCLN_MAP_LOCALS, &map), PCLN_OK);
    assert_int_equal(pcln_ptrmap_row(&map, 0, &row), PCLN_OK);
    assert_string_equal(letters(&row, buf), cases[i].want);
    frame_table_free(&m);
  }
}

static void a_size_stands_for_rows_until_go13(void **state) {
  (void)state;
  for (unsigned go = 2; go <= 3; go++) {
    struct frame_spec s = {.layout = PCLN_GO_12, .go_minor = go};
    struct frame_table m;
    struct pcln_ptrmap map;
    frame_put(&s, &s.funcdata[locals_index(go)], 4, (uint32_t)-40);
    frame_table_make(&s, &m);
    assert_int_equal(pcln_ptrmap(&m.t, &m.f, PCLN_MAP_LOCALS, &map), PCLN_OK);
    assert_int_equal(map.conservative, 40);
    assert_int_equal(map.n_rows, 0);
    frame_table_free(&m);
  }
}

static void maps_that_cannot_be_are_refused(void **state) {
  (void)state;
  static const struct {
    unsigned go_minor;
    enum pcln_layout layout;
    uint8_t bits;
    int32_t n, n_bits;
    size_t len;
    enum pcln_status want;
  } cases[] = {
      {20, PCLN_GO_120, 0, 2, 9, 4, PCLN_OK},
      {20, PCLN_GO_120, 0, 2, 9, 3, PCLN_CORRUPT},
      {20, PCLN_GO_120, 0, -1, 9, 4, PCLN_CORRUPT},
      {20, PCLN_GO_120, 0, 1, -1, 4, PCLN_CORRUPT},
      {20, PCLN_GO_120, 0, INT32_MAX, INT32_MAX, 4, PCLN_CORRUPT},
      {6, PCLN_GO_12, 0, 2, 9, 7, PCLN_CORRUPT},
      {4, PCLN_GO_12, 0, 1, 3, 8, PCLN_CORRUPT}, // half a word
      {0, PCLN_GO_12, 0, 1, 9, 8, PCLN_UNSUPPORTED},
      {14, PCLN_GO_12, 0, 1, 9, 8, PCLN_OK},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct frame_spec s = {.layout = cases[i].layout,
                           .go_minor = cases[i].go_minor};
    static const uint8_t zeros[16];
    struct frame_table m;
    struct pcln_ptrmap map;
    put_map(&s, &s.funcdata[PCLN_FUNCDATA_LOCALS_MAPS], false, cases[i].n,
            cases[i].n_bits, zeros, cases[i].len);
    frame_table_make(&s, &m);
    assert_int_equal(pcln_ptrmap(&m.t, &m.f, PCLN_MAP_LOCALS, &map),
                     cases[i].want);
    assert_int_equal(pcln_ptrmap(&m.t, &m.f, PCLN_MAP_ARGS, &map),
                     cases[i].want == PCLN_UNSUPPORTED ? PCLN_UNSUPPORTED
                                                       : PCLN_NOT_FOUND);
    frame_table_free(&m);
  }
}

// --- Compact maps -----------------------------------------------------------

// Rows 0 and 1 up to 0x40, and nothing behind that.
static const struct pcln_run short_rows[] = {
    {0, 0x20, 0}, {0, 0x40, 1}, {0, 0, 0}};

static struct frame_spec compact_spec(const uint8_t *maps, size_t len) {
  struct frame_spec s = {.layout = PCLN_GO_120,
                         .machine = EM_X86_64,
                         .ours = true,
                         .stackmap_bits = 2,
                         .flags = PCLN_MODF_COMPACT_MAPS,
                         .pcdata = {[PCLN_PCDATA_STACKMAP] = short_rows}};
  memcpy(s.maps.b, maps, len);
  s.maps.len = len;
  return s;
}

// Bytes as docs/format.md has them, and the rows that they mean; null: there is
// no such map.
static const struct {
  uint8_t bytes[24];
  size_t len;
  uint32_t n_rows;
  const char *locals[2], *args[2];
} compact[] = {
    {{0}, 1, 0, {NULL}, {NULL}},
    {{1, 1}, 2, 1, {""}, {NULL}},
    // five words, all stored; the last row ends in a string
    {{5 << 2 | 1, 2, 0x12, 0x00, 0xd6, 0x00}, 6, 2, {"Pdsdd", "PssS."}, {NULL}},
    // one of four is stored
    {{1 << 2 | 1, 3 << 3 | 2, 0x02, 0x00}, 4, 2, {"Psss", "dsss"}, {NULL}},
    // none of four is
    {{1, 4 << 3 | 2}, 2, 2, {"ssss", "ssss"}, {NULL}},
    // arguments only; both
    {{2, 2, 3, 0x2a, 0x15}, 5, 2, {NULL}, {"PPP", "sss"}},
    {{1 << 2 | 3, 1 << 3 | 2, 2, 0x02, 0x00, 0x08, 0x02},
     7,
     2,
     {"Ps", "ds"},
     {"dP", "Pd"}},
    // nine rows, more than fit beside the words left out
    {{1 << 2 | 1, 7, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2}, 12, 9, {"P", "P"}, {NULL}},
};

static void assert_rows(const struct frame_table *m, enum pcln_map_part part,
                        const char *const want[2], uint32_t n_rows) {
  struct pcln_ptrmap map;
  struct pcln_map_row row;
  char buf[64];
  if (!want[0]) {
    assert_int_equal(pcln_ptrmap(&m->t, &m->f, part, &map), PCLN_NOT_FOUND);
    return;
  }
  assert_int_equal(pcln_ptrmap(&m->t, &m->f, part, &map), PCLN_OK);
  assert_int_equal(map.n_rows, n_rows);
  for (uint32_t i = 0; i < 2 && want[i]; i++) {
    assert_int_equal(pcln_ptrmap_row(&map, i, &row), PCLN_OK);
    assert_string_equal(letters(&row, buf), want[i]);
  }
  assert_int_equal(pcln_ptrmap_row(&map, n_rows, &row), PCLN_NOT_FOUND);
}

static void compact_maps_are_read(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof compact / sizeof *compact; i++) {
    const struct frame_spec s = compact_spec(compact[i].bytes, compact[i].len);
    struct frame_table m;
    frame_table_make(&s, &m);
    assert_rows(&m, PCLN_MAP_LOCALS, compact[i].locals, compact[i].n_rows);
    assert_rows(&m, PCLN_MAP_ARGS, compact[i].args, compact[i].n_rows);
    frame_table_free(&m);
  }
}

static void compact_maps_that_are_cut_off_are_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof compact / sizeof *compact; i++)
    for (size_t len = 0; len < compact[i].len; len++) {
      const struct frame_spec s = compact_spec(compact[i].bytes, len);
      struct frame_table m;
      struct pcln_ptrmap map;
      frame_table_make(&s, &m);
      assert_int_equal(pcln_ptrmap(&m.t, &m.f, PCLN_MAP_LOCALS, &map),
                       PCLN_CORRUPT);
      frame_table_free(&m);
    }
}

static void compact_maps_that_cannot_be_are_refused(void **state) {
  (void)state;
  static const struct {
    uint8_t bytes[16];
    size_t len;
  } cases[] = {
      {{1 << 2 | 2, 1, 1, 2, 2}, 5},             // words of a map that is not
      {{2, 1 << 3 | 1, 1, 2}, 4},                // the same, left out
      {{1, 0x89, 0x80, 0x80, 0x10}, 5},          // 2^22 words and some
      {{0x81, 0x80, 0x80, 0x10, 0}, 5},          // the same, stored
      {{2, 0, 0x81, 0x80, 0x80, 0x02}, 6},       // of arguments
      {{0x80, 0x80, 0x80, 0x80, 0x80, 0}, 6},    // no number of 32 bits
      {{1, 7, 0x80, 0x80, 0x80, 0x80, 0x80}, 7}, // of rows
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct frame_spec s = compact_spec(cases[i].bytes, cases[i].len);
    struct frame_table m;
    struct pcln_ptrmap map;
    frame_table_make(&s, &m);
    if (pcln_ptrmap(&m.t, &m.f, PCLN_MAP_LOCALS, &map) != PCLN_CORRUPT ||
        pcln_ptrmap(&m.t, &m.f, PCLN_MAP_ARGS, &map) != PCLN_CORRUPT)
      fail_msg("case %zu was read", i);
    frame_table_free(&m);
  }
}

// Locals end where the return address is, and words left out count.
static void compact_rows_are_placed_by_all_their_words(void **state) {
  (void)state;
  static const uint8_t maps[] = {1 << 2 | 1, 3 << 3 | 2, 0x02, 0x00};
  const struct frame_spec s = compact_spec(maps, sizeof maps);
  struct frame_table m;
  struct pcln_stackmap at;
  char buf[64];
  frame_table_make(&s, &m);
  assert_int_equal(pcln_stackmap_at(&m.t, &m.f, FRAME_ENTRY + 0x30, &at),
                   PCLN_OK);
  assert_string_equal(letters(&at.locals, buf), "dsss");
  assert_int_equal(at.locals.n_stored, 1);
  assert_int_equal(at.locals_off, -8 - 4 * 8);
  frame_table_free(&m);
}

// A call behind the last safepoint must find no map, not that of row 0.
static void no_row_holds_behind_a_stream_that_ends_early(void **state) {
  (void)state;
  static const uint8_t maps[] = {1 << 2 | 1, 2, 0x02, 0x00};
  const struct frame_spec s = compact_spec(maps, sizeof maps);
  struct frame_table m;
  struct pcln_stackmap at;
  int32_t index;
  frame_table_make(&s, &m);
  for (uint32_t off = 0; off < FRAME_SIZE; off += 0x10) {
    const bool held = off < 0x40;
    assert_int_equal(pcln_stackmap_at(&m.t, &m.f, FRAME_ENTRY + off, &at),
                     held ? PCLN_OK : PCLN_NOT_FOUND);
    assert_int_equal(pcln_pcdata_at(&m.t, &m.f, PCLN_PCDATA_STACKMAP,
                                    FRAME_ENTRY + off, &index),
                     PCLN_OK);
    assert_int_equal(index,
                     held ? (int32_t)off / 0x20 : PCLN_STACKMAP_NO_SAFEPOINT);
  }
  m.t.flags = 0; // of another table such a stream says nothing there
  assert_int_equal(pcln_pcdata_at(&m.t, &m.f, PCLN_PCDATA_STACKMAP,
                                  FRAME_ENTRY + 0x80, &index),
                   PCLN_OK);
  assert_int_equal(index, -1);
  frame_table_free(&m);
}

// --- Live words at a pc -----------------------------------------------------

// Locals of 10 words and arguments of 3, two rows each.
static struct frame_spec live_spec(void) {
  struct frame_spec s = {.layout = PCLN_GO_120,
                         .go_minor = 23,
                         .machine = EM_X86_64,
                         .pcsp = pcsp,
                         .pcdata = {[PCLN_PCDATA_STACKMAP] = rows}};
  static const uint8_t locals[] = {0x01, 0x00, 0x80, 0x03};
  static const uint8_t args[] = {0x04, 0x02};
  put_map(&s, &s.funcdata[PCLN_FUNCDATA_LOCALS_MAPS], false, 2, 10, locals, 4);
  put_map(&s, &s.funcdata[PCLN_FUNCDATA_ARGS_MAPS], false, 2, 3, args, 2);
  return s;
}

static void live_words_follow_the_stream(void **state) {
  (void)state;
  static const struct {
    uint32_t off;
    int32_t index;
    uint32_t lo, hi;
    const char *locals, *args;
  } cases[] = {
      {0x00, -1, 0, 0x20, "P---------", "--P"},
      {0x1f, -1, 0, 0x20, "P---------", "--P"},
      {0x20, 1, 0x20, 0x40, "-------PPP", "-P-"},
      {0x40, 0, 0x40, 0x80, "P---------", "--P"},
      {0xff, 1, 0x80, 0x100, "-------PPP", "-P-"},
  };
  const struct frame_spec s = live_spec();
  struct frame_table m;
  frame_table_make(&s, &m);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pcln_stackmap at;
    char buf[64];
    assert_int_equal(
        pcln_stackmap_at(&m.t, &m.f, FRAME_ENTRY + cases[i].off, &at), PCLN_OK);
    assert_int_equal(at.index, cases[i].index);
    assert_int_equal(at.idx, cases[i].index < 0 ? 0 : cases[i].index);
    assert_int_equal(at.range.lo, cases[i].lo);
    assert_int_equal(at.range.hi, cases[i].hi);
    assert_string_equal(letters(&at.locals, buf), cases[i].locals);
    assert_string_equal(letters(&at.args, buf), cases[i].args);
    // At both ends of the function the frame is not there, and so no saved
    // frame pointer.
    const bool framed = cases[i].off >= 4 && cases[i].off < 0xfc;
    assert_true(at.placed);
    assert_int_equal(at.locals_off, (framed ? -16 : -8) - 10 * 8);
    assert_int_equal(at.args_off, 0);
  }
  struct pcln_stackmap at;
  assert_int_equal(pcln_stackmap_at(&m.t, &m.f, FRAME_ENTRY - 1, &at),
                   PCLN_NOT_FOUND);
  assert_int_equal(pcln_stackmap_at(&m.t, &m.f, m.f.end, &at), PCLN_NOT_FOUND);
  frame_table_free(&m);
}

static void the_entry_has_its_own_map(void **state) {
  (void)state;
  static const struct pcln_run early[] = {{0, 0x100, 1}, {0, 0, 0}};
  struct frame_spec s = live_spec();
  struct frame_table m;
  struct pcln_stackmap at;
  s.pcdata[PCLN_PCDATA_STACKMAP] = early;
  frame_table_make(&s, &m);
  assert_int_equal(pcln_stackmap_at(&m.t, &m.f, FRAME_ENTRY, &at), PCLN_OK);
  assert_int_equal(at.index, -1);
  assert_int_equal(at.range.hi, 1);
  assert_int_equal(pcln_stackmap_at(&m.t, &m.f, FRAME_ENTRY + 1, &at), PCLN_OK);
  assert_int_equal(at.index, 1);
  frame_table_free(&m);
}

static enum pcln_status status_with(const struct frame_spec *s,
                                    struct pcln_stackmap *at) {
  struct frame_table m;
  frame_table_make(s, &m);
  const enum pcln_status status =
      pcln_stackmap_at(&m.t, &m.f, FRAME_ENTRY + 0x90, at);
  frame_table_free(&m);
  return status;
}

static void what_no_map_says_is_told_apart(void **state) {
  (void)state;
  static const struct pcln_run too_far[] = {{0, 0x100, 2}, {0, 0, 0}};
  static const struct pcln_run none[] = {{0, 0x100, -2}, {0, 0, 0}};
  static const struct pcln_run below[] = {{0, 0x100, -3}, {0, 0, 0}};
  struct pcln_stackmap at;
  struct frame_spec s = live_spec();
  s.pcdata[PCLN_PCDATA_STACKMAP] = too_far;
  assert_int_equal(status_with(&s, &at), PCLN_CORRUPT);
  s.pcdata[PCLN_PCDATA_STACKMAP] = none;
  assert_int_equal(status_with(&s, &at), PCLN_NOT_FOUND);
  s.pcdata[PCLN_PCDATA_STACKMAP] = below;
  assert_int_equal(status_with(&s, &at), PCLN_CORRUPT);
  s = live_spec();
  s.funcdata[PCLN_FUNCDATA_ARGS_MAPS].len = 0;
  assert_int_equal(status_with(&s, &at), PCLN_OK);
  assert_null(at.args.bits);
  assert_int_equal(at.locals.n_words, 10);
  s.funcdata[PCLN_FUNCDATA_LOCALS_MAPS].len = 0;
  assert_int_equal(status_with(&s, &at), PCLN_NOT_FOUND);
  s = live_spec();
  s.funcdata[PCLN_FUNCDATA_LOCALS_MAPS].b[0] = 1; // one row of two
  assert_int_equal(status_with(&s, &at), PCLN_CORRUPT);
}

// --- Frame geometry ---------------------------------------------------------

static void frames_are_laid_out_as_their_machine_does(void **state) {
  (void)state;
  static const struct {
    uint16_t machine;
    uint8_t ptr_size, quantum;
    unsigned go_minor;
    bool ours, known;
    int32_t varp, argp;
  } cases[] = {
      {EM_X86_64, 8, 1, 23, false, true, -16, 0},
      {EM_X86_64, 8, 1, 20, true, true, -8, 0}, // ours: all up to the return
      {EM_386, 4, 1, 23, false, true, -4, 0},
      {EM_A64, 8, 4, 23, false, true, -8, 8},
      {EM_ARM, 4, 4, 23, false, true, 0, 4},
      {EM_PPC64, 8, 4, 23, false, true, 0, 32},
      {0, 8, 1, 23, false, true, -16, 0},
      {0, 4, 1, 23, false, true, -4, 0},
      {0, 8, 2, 23, false, true, 0, 8},
      {0, 4, 4, 23, false, true, 0, 4},
      {0, 8, 4, 23, false, false, 0, 0}, // arm64, ppc64, mips64 ...
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct frame_spec s = {.layout = PCLN_GO_120,
                                 .machine = cases[i].machine,
                                 .ptr_size = cases[i].ptr_size,
                                 .quantum = cases[i].quantum,
                                 .go_minor = cases[i].go_minor,
                                 .ours = cases[i].ours,
                                 .pcsp = pcsp};
    struct frame_table m;
    int32_t varp, argp;
    frame_table_make(&s, &m);
    assert_int_equal(
        pcln_frame_layout(&m.t, &m.f, FRAME_ENTRY + 0x10, &varp, &argp),
        cases[i].known);
    if (cases[i].known) {
      assert_int_equal(varp, cases[i].varp);
      assert_int_equal(argp, cases[i].argp);
    }
    frame_table_free(&m);
  }
}

static void go16_saves_no_frame_pointer(void **state) {
  (void)state;
  for (unsigned go = 6; go <= 7; go++) {
    const struct frame_spec s = {.layout = PCLN_GO_12,
                                 .machine = EM_X86_64,
                                 .go_minor = go,
                                 .pcsp = pcsp};
    struct frame_table m;
    int32_t varp, argp;
    frame_table_make(&s, &m);
    assert_true(pcln_frame_layout(&m.t, &m.f, FRAME_ENTRY + 8, &varp, &argp));
    assert_int_equal(varp, go == 6 ? -8 : -16);
    frame_table_free(&m);
  }
}

// --- Stack objects ----------------------------------------------------------

static void objects_name_their_mask_by_offset_since_go118(void **state) {
  (void)state;
  for (int big = 0; big < 2; big++) {
    struct frame_spec s = {
        .layout = PCLN_GO_120, .go_minor = 21, .big_endian = big};
    struct frame_bytes *b = &s.funcdata[PCLN_FUNCDATA_STACK_OBJECTS];
    struct frame_table m;
    struct pcln_objects objects;
    struct pcln_object o;
    frame_put(&s, b, 8, 2);
    frame_put(&s, b, 4, (uint32_t)-40);
    frame_put(&s, b, 4, 24);
    frame_put(&s, b, 4, 16);
    frame_put(&s, b, 4, 3);
    frame_put(&s, b, 4, 8);
    frame_put(&s, b, 4, 80);
    frame_put(&s, b, 4, (uint32_t)-72); // a GC program
    frame_put(&s, b, 4, 1);
    s.rodata = (struct frame_bytes){{9, 9, 9, 0x02}, 4};
    frame_table_make(&s, &m);
    assert_int_equal(pcln_objects(&m.t, &m.f, &objects), PCLN_OK);
    assert_int_equal(objects.n, 2);
    assert_int_equal(pcln_object_at(&m.t, &objects, 0, &o), PCLN_OK);
    assert_int_equal(o.off, -40);
    assert_int_equal(o.size, 24);
    assert_int_equal(o.ptr_len, 16);
    assert_int_equal(o.mask.len, 1);
    assert_int_equal(o.mask.ptr[0], 2);
    assert_int_equal(pcln_object_at(&m.t, &objects, 1, &o), PCLN_OK);
    assert_int_equal(o.off, 8);
    assert_true(o.program);
    assert_int_equal(o.ptr_len, 72);
    assert_null(o.mask.ptr);
    assert_int_equal(pcln_object_at(&m.t, &objects, 2, &o), PCLN_NOT_FOUND);
    m.t.rodata.len = 3; // the mask lies behind the end
    assert_int_equal(pcln_object_at(&m.t, &objects, 0, &o), PCLN_CORRUPT);
    m.t.rodata.len = 2;
    assert_int_equal(pcln_object_at(&m.t, &objects, 0, &o), PCLN_CORRUPT);
    frame_table_free(&m);
  }
}

static void objects_name_their_mask_by_address_in_go117(void **state) {
  (void)state;
  for (uint8_t p = 4; p <= 8; p = (uint8_t)(p + 4)) {
    struct frame_spec s = {
        .layout = PCLN_GO_116, .go_minor = 17, .ptr_size = p};
    struct frame_bytes *b = &s.funcdata[PCLN_FUNCDATA_STACK_OBJECTS];
    struct frame_table m;
    struct pcln_objects objects;
    struct pcln_object o;
    frame_put(&s, b, p, 1);
    frame_put(&s, b, 4, (uint32_t)-16);
    frame_put(&s, b, 4, 2u * p);
    frame_put(&s, b, 4, 2u * p);
    if (p == 8)
      frame_put(&s, b, 4, 0);
    frame_put(&s, b, p, FRAME_FUNCDATA_VA + b->len + p);
    frame_put(&s, b, 1, 3);
    frame_table_make(&s, &m);
    assert_int_equal(pcln_objects(&m.t, &m.f, &objects), PCLN_OK);
    assert_int_equal(pcln_object_at(&m.t, &objects, 0, &o), PCLN_OK);
    assert_int_equal(o.off, -16);
    assert_int_equal(o.size, 2 * p);
    assert_int_equal(o.mask.len, 1);
    assert_int_equal(o.mask.ptr[0], 3);
    frame_table_free(&m);
  }
}

static void objects_name_a_type_until_go116(void **state) {
  (void)state;
  for (uint8_t p = 4; p <= 8; p = (uint8_t)(p + 4)) {
    struct frame_spec s = {.layout = PCLN_GO_12, .go_minor = 13, .ptr_size = p};
    struct frame_bytes *b = &s.funcdata[3];
    struct frame_table m;
    struct pcln_objects objects;
    struct pcln_object o;
    frame_put(&s, b, p, 1);
    frame_put(&s, b, p, (uint64_t)-24);
    const uint64_t type = FRAME_FUNCDATA_VA + b->len + p;
    frame_put(&s, b, p, type);
    frame_put(&s, b, p, 3u * p); // size
    frame_put(&s, b, p, 2u * p); // of that with pointers
    frame_put(&s, b, 4, 0x1234); // hash
    frame_put(&s, b, 4, 0);      // flags, alignments, kind
    frame_put(&s, b, p, 0);
    frame_put(&s, b, p, FRAME_FUNCDATA_VA + b->len + p);
    frame_put(&s, b, 1, 1);
    frame_table_make(&s, &m);
    assert_int_equal(pcln_objects(&m.t, &m.f, &objects), PCLN_OK);
    assert_int_equal(pcln_object_at(&m.t, &objects, 0, &o), PCLN_OK);
    assert_int_equal(o.off, -24);
    assert_int_equal(o.type_va, type);
    assert_int_equal(o.size, 3 * p);
    assert_int_equal(o.ptr_len, 2 * p);
    assert_int_equal(o.mask.len, 1);
    assert_int_equal(o.mask.ptr[0], 1);
    m.t.go_minor = 0; // 1.12 has other numbers
    assert_int_equal(pcln_objects(&m.t, &m.f, &objects), PCLN_UNSUPPORTED);
    frame_table_free(&m);
  }
}

// --- Damage -----------------------------------------------------------------

static void read_everything(const struct pcln_table *t,
                            const struct pcln_func *f) {
  struct pcln_objects objects;
  struct pcln_object o;
  struct pcln_stackmap at;
  struct pcln_word w;
  for (uint64_t pc = f->entry; pc < f->end; pc += 8) {
    if (pcln_stackmap_at(t, f, pc, &at) != PCLN_OK)
      continue;
    for (uint32_t next = 0; pcln_words_next(&at.locals, &next, &w);)
      assert_true(next <= at.locals.n_words);
    for (uint32_t next = 0; pcln_words_next(&at.args, &next, &w);)
      assert_true(next <= at.args.n_words);
  }
  if (pcln_objects(t, f, &objects) == PCLN_OK)
    for (uint32_t i = 0; i < objects.n; i++)
      if (pcln_object_at(t, &objects, i, &o) == PCLN_OK && o.mask.ptr)
        assert_true(o.mask.len <= t->rodata.len + t->funcdata.len);
}

// A spec with every payload that this file reads.
static struct frame_spec full_spec(void) {
  struct frame_spec s = live_spec();
  struct frame_bytes *b = &s.funcdata[PCLN_FUNCDATA_STACK_OBJECTS];
  frame_put(&s, b, 8, 1);
  frame_put(&s, b, 4, (uint32_t)-40);
  frame_put(&s, b, 4, 24);
  frame_put(&s, b, 4, 16);
  frame_put(&s, b, 4, 0);
  s.rodata = (struct frame_bytes){{3}, 1};
  return s;
}

static void prefixes_and_changed_bytes_stay_inside(void **state) {
  (void)state;
  static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
  const struct frame_spec s = full_spec();
  struct frame_table whole;
  frame_table_make(&s, &whole);
  for (size_t n = 0; n <= whole.t.funcdata.len; n++) {
    struct pcln_table t = whole.t;
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, whole.t.funcdata.ptr, n);
    t.funcdata = (struct pcln_span){copy, n};
    read_everything(&t, &whole.f);
    free(copy);
  }
  uint8_t *bytes = (uint8_t *)(uintptr_t)whole.t.funcdata.ptr;
  for (size_t i = 0; i < whole.t.funcdata.len; i++) {
    const uint8_t was = bytes[i];
    for (size_t v = 0; v < sizeof values; v++) {
      bytes[i] = values[v];
      read_everything(&whole.t, &whole.f);
    }
    bytes[i] = was;
  }
  frame_table_free(&whole);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_form_of_a_map_is_read),
      cmocka_unit_test(two_bit_items_are_told_apart),
      cmocka_unit_test(a_size_stands_for_rows_until_go13),
      cmocka_unit_test(maps_that_cannot_be_are_refused),
      cmocka_unit_test(compact_maps_are_read),
      cmocka_unit_test(compact_maps_that_are_cut_off_are_refused),
      cmocka_unit_test(compact_maps_that_cannot_be_are_refused),
      cmocka_unit_test(compact_rows_are_placed_by_all_their_words),
      cmocka_unit_test(no_row_holds_behind_a_stream_that_ends_early),
      cmocka_unit_test(live_words_follow_the_stream),
      cmocka_unit_test(the_entry_has_its_own_map),
      cmocka_unit_test(what_no_map_says_is_told_apart),
      cmocka_unit_test(frames_are_laid_out_as_their_machine_does),
      cmocka_unit_test(go16_saves_no_frame_pointer),
      cmocka_unit_test(objects_name_their_mask_by_offset_since_go118),
      cmocka_unit_test(objects_name_their_mask_by_address_in_go117),
      cmocka_unit_test(objects_name_a_type_until_go116),
      cmocka_unit_test(prefixes_and_changed_bytes_stay_inside),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
