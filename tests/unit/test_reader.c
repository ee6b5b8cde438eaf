// SPDX-License-Identifier: Apache-2.0
#include "piece_check.h"
#include "sample_table.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

// --- A source behind a callback ---------------------------------------------

struct remote {
  const uint8_t *bytes;
  uint64_t base, len; // where the bytes are in the source
  int fail_after;     // reads; -1: never
  int n_reads;
};

static size_t read_remote(void *ctx, uint64_t off, void *buf, size_t len) {
  struct remote *r = ctx;
  if (r->fail_after >= 0 && r->n_reads >= r->fail_after)
    return 0;
  r->n_reads++;
  if (off < r->base || off - r->base >= r->len)
    return 0;
  if (len > r->len - (off - r->base))
    len = (size_t)(r->len - (off - r->base));
  memcpy(buf, r->bytes + (off - r->base), len);
  return len;
}

enum { BASE = 0x7000 };

static struct remote remote_of(const struct made *m) {
  return (struct remote){m->bytes, BASE, m->len, -1, 0};
}

static struct pcln_source source_of(struct remote *r) {
  return (struct pcln_source){
      .read = read_remote, .ctx = r, .len = r->base + r->len};
}

// What pcln_open() is told of a bare table, by place and not by pointer.
static struct pcln_reader_options options_of(const struct made *m) {
  struct pcln_reader_options o = {.open = m->options};
  if (m->options.funcdata.ptr)
    o.funcdata = (struct pcln_reader_part){
        BASE + (uint64_t)(m->options.funcdata.ptr - m->bytes),
        m->options.funcdata.len};
  return o;
}

static enum pcln_status open_remote(struct pcln_reader *r, const struct made *m,
                                    struct remote *remote) {
  const struct pcln_source source = source_of(remote);
  const struct pcln_reader_options o = options_of(m);
  return pcln_reader_open(r, &source, BASE, m->ours ? m->len : m->funcdata, &o,
                          NULL);
}

// --- Sound tables -----------------------------------------------------------

static void check_pieces(const struct make_spec *s, struct made *m,
                         const struct pcln_table *t) {
  struct remote remote = remote_of(m);
  struct pcln_reader r;
  struct pcln_piece piece;
  (void)s;
  assert_int_equal(open_remote(&r, m, &remote), PCLN_OK);
  assert_int_equal(r.table.n_funcs, t->n_funcs);
  assert_int_equal(r.table.text_start, t->text_start);
  assert_int_equal(r.table.text_len, t->text_len);
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    uint8_t *buf;
    assert_int_equal(fetch_piece(&r, i, &buf, &piece), PCLN_OK);
    assert_int_equal(piece.idx, i);
    const char *what = piece_differs(t, &piece, i);
    if (what)
      fail_msg("function %u: %s", i, what);
    free(buf);
  }
  assert_int_equal(pcln_reader_at(&r, t->n_funcs, 0, NULL, 0, &piece),
                   PCLN_NOT_FOUND);
}

static void pieces_answer_as_their_table(void **state) {
  (void)state;
  sample_for_each(check_pieces);
}

static void check_find(const struct make_spec *s, struct made *m,
                       const struct pcln_table *t) {
  static uint8_t buf[1 << 16];
  struct remote remote = remote_of(m);
  struct pcln_reader r;
  struct pcln_piece piece;
  struct pcln_func f;
  (void)s;
  assert_int_equal(open_remote(&r, m, &remote), PCLN_OK);
  // As a process is loaded.
  struct pcln_table moved = *t;
  r.table.text_start += 0x5000;
  moved.text_start += 0x5000;
  for (uint64_t off = 0; off <= t->text_len + 0x100; off += 0x34) {
    const uint64_t pc = moved.text_start + off;
    const enum pcln_status want = pcln_find_func(&moved, pc, &f);
    assert_int_equal(
        pcln_reader_find(&r, pc, PCLN_READ_ALL, buf, sizeof buf, &piece), want);
    if (want != PCLN_OK)
      continue;
    assert_int_equal(piece.idx, f.idx);
    assert_null(frames_differ(&moved, &piece.table, pc));
  }
  assert_int_equal(
      pcln_reader_find(&r, moved.text_start - 1, 0, buf, sizeof buf, &piece),
      PCLN_NOT_FOUND);
}

static void functions_are_found_by_pc(void **state) {
  (void)state;
  sample_for_each(check_find);
}

static void pieces_have_what_is_asked_for(void **state) {
  (void)state;
  static struct made made;
  static uint8_t buf[1 << 16];
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  struct pcln_reader r;
  struct pcln_piece piece;
  struct pcln_func f;
  make_table(&s, &made);
  struct remote remote = remote_of(&made);
  assert_int_equal(open_remote(&r, &made, &remote), PCLN_OK);
  assert_int_equal(pcln_reader_at(&r, SAMPLE_ALPHA, 0, buf, sizeof buf, &piece),
                   PCLN_OK);
  assert_int_equal(pcln_func_at(&piece.table, 0, &f), PCLN_OK);
  assert_string_equal(f.name, "alpha");
  assert_int_equal(f.pcsp | f.pcfile | f.pcln, 0);
  const size_t bare = piece.size;
  assert_int_equal(pcln_reader_at(&r, SAMPLE_ALPHA, PCLN_READ_LINES, buf,
                                  sizeof buf, &piece),
                   PCLN_OK);
  assert_int_equal(pcln_func_at(&piece.table, 0, &f), PCLN_OK);
  assert_true(f.pcln && f.pcfile && !f.pcsp);
  assert_int_equal(pcln_pcdata_stream(&piece.table, &f, PCLN_PCDATA_INLTREE),
                   0);
  assert_true(piece.size > bare);
}

static void check_funcdata(const struct make_spec *s, struct made *m,
                           const struct pcln_table *t) {
  static uint8_t buf[1 << 16];
  struct remote remote = remote_of(m);
  struct pcln_reader r;
  struct pcln_piece piece;
  (void)s;
  assert_int_equal(open_remote(&r, m, &remote), PCLN_OK);
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    struct pcln_func f;
    assert_int_equal(pcln_func_at(t, i, &f), PCLN_OK);
    assert_int_equal(pcln_reader_at(&r, i, 0, buf, sizeof buf, &piece),
                     PCLN_OK);
    for (uint32_t k = 0; k < 10; k++) {
      struct pcln_span span;
      struct pcln_reader_part part;
      const enum pcln_status want = pcln_funcdata(t, &f, k, &span);
      assert_int_equal(pcln_reader_funcdata(&r, &piece, k, &part), want);
      if (want != PCLN_OK)
        continue;
      assert_int_equal(part.off - BASE, span.ptr - m->bytes);
      assert_int_equal(part.len, span.len);
    }
  }
}

static void funcdata_is_told_by_place(void **state) {
  (void)state;
  sample_for_each(check_funcdata);
}

// --- Failing sources, damaged tables ----------------------------------------

static void failing_reads_are_told(void **state) {
  (void)state;
  static struct made made;
  static uint8_t buf[1 << 16];
  const struct make_spec s = sample_spec(PCLN_GO_120, 8, 1, false, true);
  struct pcln_reader r;
  struct pcln_piece piece;
  make_table(&s, &made);
  struct remote remote = remote_of(&made);
  assert_int_equal(open_remote(&r, &made, &remote), PCLN_OK);
  remote.n_reads = 0;
  assert_int_equal(
      pcln_reader_at(&r, SAMPLE_ALPHA, PCLN_READ_ALL, buf, sizeof buf, &piece),
      PCLN_OK);
  const int all = remote.n_reads;
  for (int n = 0; n < all; n++) {
    remote.n_reads = 0;
    remote.fail_after = n;
    assert_int_equal(pcln_reader_at(&r, SAMPLE_ALPHA, PCLN_READ_ALL, buf,
                                    sizeof buf, &piece),
                     PCLN_IO);
  }
}

// Each byte changed: the piece says what the table says, or is refused where
// strings do not end.
static void check_changed(const struct make_spec *s, struct made *m,
                          const struct pcln_table *sound) {
  if (s->quantum != 1)
    return;
  const size_t len = m->len;
  (void)sound;
  for (size_t at = 0; at < len; at++) {
    struct pcln_table t;
    struct pcln_reader r;
    struct remote remote = remote_of(m);
    m->bytes[at] ^= (uint8_t)(1 + at % 255);
    const enum pcln_status opened = pcln_open(
        &t, m->bytes, m->ours ? m->len : m->funcdata, &m->options, NULL);
    assert_int_equal(open_remote(&r, m, &remote), opened);
    for (uint32_t i = 0; opened == PCLN_OK && i < t.n_funcs && i < 6; i++) {
      if (i == SAMPLE_DELTA && t.ours)
        continue; // lookups there begin at checkpoints, behind the damage
      struct pcln_piece piece;
      uint8_t *buf;
      const char *what = NULL;
      if (fetch_piece(&r, i, &buf, &piece) == PCLN_OK)
        what = piece_differs(&t, &piece, i);
      if (what)
        fail_msg("byte %zu, function %u: %s", at, i, what);
      free(buf);
    }
    m->bytes[at] ^= (uint8_t)(1 + at % 255);
  }
}

static void damaged_pieces_answer_as_their_table(void **state) {
  (void)state;
  sample_for_each(check_changed);
}

// An inline stream that names call 0x7ffffffe: what is brought over, and the
// time that it takes, is bounded by what the tree has.
static void check_far_call(const struct make_spec *s, struct made *m,
                           const struct pcln_table *t) {
  static const uint8_t far_call[] = {0xfe, 0xff, 0xff, 0xff, 0x0f, 0x10, 0};
  static uint8_t buf[1 << 16];
  struct remote remote = remote_of(m);
  struct pcln_reader r;
  struct pcln_piece piece;
  struct pcln_func f;
  (void)s;
  assert_int_equal(pcln_func_at(t, SAMPLE_ALPHA, &f), PCLN_OK);
  const uint32_t stream = pcln_pcdata_stream(t, &f, pcln_pcdata_inltree(t));
  if (stream == 0 || sizeof far_call > t->pctab.len - stream)
    return;
  uint8_t *at = m->bytes + (t->pctab.ptr + stream - m->bytes), saved[16];
  memcpy(saved, at, sizeof saved);
  memcpy(at, far_call, sizeof far_call);
  assert_int_equal(open_remote(&r, m, &remote), PCLN_OK);
  assert_int_equal(pcln_reader_at(&r, SAMPLE_ALPHA, PCLN_READ_CALLS, buf,
                                  sizeof buf, &piece),
                   PCLN_OK);
  memcpy(at, saved, sizeof saved);
}

static void calls_beyond_the_tree_cost_nothing(void **state) {
  (void)state;
  sample_for_each(check_far_call);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pieces_answer_as_their_table),
      cmocka_unit_test(functions_are_found_by_pc),
      cmocka_unit_test(pieces_have_what_is_asked_for),
      cmocka_unit_test(funcdata_is_told_by_place),
      cmocka_unit_test(failing_reads_are_told),
      cmocka_unit_test(damaged_pieces_answer_as_their_table),
      cmocka_unit_test(calls_beyond_the_tree_cost_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
