// SPDX-License-Identifier: Apache-2.0
//
// Random but sound models from a seed: functions with and without lines,
// holes, inlined calls with virtual call sites, streams long enough for
// checkpoints, unwind rules, funcdata. Header-only, for tests.
#ifndef PCLNTAB_TESTS_RANDOM_MODEL_H
#define PCLNTAB_TESTS_RANDOM_MODEL_H

#include "bytes.h"
#include "module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct random_shape {
  uint8_t ptr_size, quantum;
  bool big_endian;
  bool start_lines; // go1.18 tables have none
  uint32_t max_funcs;
};

struct random_model {
  struct pcln_module m;
  uint64_t state;
  struct pcln_stream s;
  bool large_indices;
};

static inline uint32_t rnd(struct random_model *r, uint32_t below) {
  r->state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = r->state;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)((z ^ (z >> 31)) % below);
}

// Tests have nothing to say about memory that runs out in here.
static inline void *rnd_need(void *p) {
  if (!p)
    abort();
  return p;
}
static inline void rnd_ok(enum pcln_status st) {
  if (st != PCLN_OK)
    abort();
}

static inline const char *rnd_name(struct random_model *r, const char *prefix,
                                   uint32_t below) {
  char s[40];
  const int n = snprintf(s, sizeof s, "%s%u", prefix, rnd(r, below));
  return rnd_need(pcln_arena_strdup(&r->m.arena, s, (size_t)n));
}

static inline void rnd_units(struct random_model *r) {
  struct pcln_module *m = &r->m;
  m->n_cus = 1 + rnd(r, 6);
  m->cus = rnd_need(pcln_arena_alloc(&m->arena, m->n_cus * sizeof *m->cus));
  for (size_t i = 0; i < m->n_cus; i++) {
    const uint32_t n = 1 + rnd(r, 90);
    const char **files =
        rnd_need(pcln_arena_alloc(&m->arena, n * sizeof *files));
    for (uint32_t k = 0; k < n; k++)
      files[k] = rnd(r, 20) ? rnd_name(r, "/src/file", 100) : NULL;
    m->cus[i] = (struct pcln_cu_def){.files = files, .n_files = n};
  }
}

static inline void rnd_rules(struct random_model *r) {
  const uint32_t n = rnd(r, 12);
  for (uint32_t i = 0; i < n; i++) {
    const struct pcln_rule rule = {.cfa = PCLN_CFA_SP,
                                   .fp = PCLN_SAVE_CFA,
                                   .ra = PCLN_SAVE_CFA,
                                   .cfa_off = (int32_t)(8 * rnd(r, 100)),
                                   .fp_off = -16,
                                   .ra_off = -8};
    uint32_t idx;
    rnd_ok(pcln_module_rule(&r->m, &rule, &idx));
  }
}

// Variables with references, some of them thread-local; the program's begin
// below the code as well as behind it.
static inline void rnd_roots(struct random_model *r) {
  static const uint8_t one[] = {2}, string[] = {3}, slice[] = {0x17};
  const uint32_t n = rnd(r, 3) ? rnd(r, 30) : 0;
  uint64_t va = 0x800, tls = 0;
  for (uint32_t i = 0; i < n; i++) {
    const bool is_tls = rnd(r, 4) == 0;
    uint64_t *at = is_tls ? &tls : &va;
    const uint32_t words = 1 + rnd(r, 3);
    const struct pcln_root_def root = {.off = *at,
                                       .n_words = words,
                                       .repeat = 1 + rnd(r, 5),
                                       .flags = is_tls ? PCLN_ROOT_TLS : 0,
                                       .codes = words == 1   ? one
                                                : words == 2 ? string
                                                             : slice};
    rnd_ok(pcln_module_add_root(&r->m, &root));
    *at += words * root.repeat * r->m.ptr_size + 8 * rnd(r, 1000);
  }
}

// A stream over [0, size) of about `n` runs with values in [lo, lo + range),
// then one virtual run of a quantum for each value in `tail`.
static inline struct pcln_span rnd_stream(struct random_model *r, uint32_t size,
                                          uint32_t n, int32_t lo,
                                          uint32_t range, const int32_t *tail,
                                          uint32_t n_tail) {
  const uint32_t q = r->m.quantum;
  struct pcln_span out;
  pcln_stream_reset(&r->s);
  uint32_t end = 0;
  while (end < size) {
    uint32_t step = q * (1 + rnd(r, size / q / n * 2 + 1));
    end = size - end < step ? size : end + step;
    pcln_stream_add(&r->s, end, lo + (int32_t)rnd(r, range));
  }
  for (uint32_t i = 0; i < n_tail; i++)
    pcln_stream_add(&r->s, size + (i + 1) * q, tail[i]);
  rnd_ok(pcln_stream_end(&r->s, &r->m.arena, &out));
  return out;
}

// Lines, files and inlined calls. The call of inline i stands at the virtual pc
// size + i quanta, inside an earlier inline or the function itself; as many pcs
// behind those each has one of its own.
static inline void rnd_lines(struct random_model *r, struct pcln_func_def *f,
                             uint32_t n_runs, bool start_lines) {
  enum { MAX_INLINES = 40 };
  int32_t lines[2 * MAX_INLINES], files[2 * MAX_INLINES];
  int32_t parents[MAX_INLINES];
  struct pcln_module *m = &r->m;
  f->cu = rnd(r, (uint32_t)m->n_cus);
  const uint32_t n_files = m->cus[f->cu].n_files;
  const uint32_t n = rnd(r, 2) ? rnd(r, MAX_INLINES) : 0;
  if (n) {
    f->inlines = rnd_need(pcln_arena_alloc(&m->arena, n * sizeof *f->inlines));
    f->n_inlines = n;
  }
  for (uint32_t i = 0; i < n; i++) {
    lines[i] = lines[n + i] = (int32_t)rnd(r, 5000);
    files[i] = files[n + i] = (int32_t)rnd(r, n_files);
    parents[i] = (int32_t)rnd(r, i + 1) - 1;
    f->inlines[i] = (struct pcln_inline_def){
        .name = rnd_name(r, "inlined", 50),
        .parent_pc = f->size + i * m->quantum,
        .start_line = start_lines ? (int32_t)rnd(r, 5000) : 0,
        .func_id = (uint8_t)rnd(r, 3)};
  }
  f->pcln = rnd_stream(r, f->size, n_runs, 0, 5000, lines, 2 * n);
  f->pcfile =
      rnd_stream(r, f->size, n_runs / 4 + 1, -1, n_files + 1, files, 2 * n);
  if (!n)
    return;
  // Every inline has a pc, so that a reader can count them.
  int32_t all[2 * MAX_INLINES];
  for (uint32_t i = 0; i < n; i++) {
    all[i] = parents[i];
    all[n + i] = (int32_t)i;
  }
  rnd_ok(pcln_func_set_pcdata(
      f, PCLN_PCDATA_INLTREE,
      rnd_stream(r, f->size, n_runs / 2 + 1, -1, n + 1, all, 2 * n),
      &m->arena));
}

static inline void rnd_funcdata(struct random_model *r,
                                struct pcln_func_def *f) {
  static const uint8_t kinds[] = {
      PCLN_FUNCDATA_OPEN_DEFERS, PCLN_FUNCDATA_ARG_LIVE, 12, 15, 17, 254};
  // The last two are too large for packed records.
  const size_t n_kinds = r->large_indices ? 6 : 4;
  for (size_t i = 0; i < n_kinds; i++) {
    if (rnd(r, 4))
      continue;
    const uint32_t len = 1 + rnd(r, 20);
    uint8_t *bytes = rnd_need(pcln_arena_alloc(&r->m.arena, len));
    for (uint32_t k = 0; k < len; k++)
      bytes[k] = (uint8_t)rnd(r, 2);
    rnd_ok(pcln_func_set_funcdata(f, kinds[i],
                                  (struct pcln_span){.ptr = bytes, .len = len},
                                  &r->m.arena));
  }
}

// A pointer map: of some words at the end no row says anything.
static inline void rnd_map(struct random_model *r, struct pcln_func_def *f,
                           uint32_t index, uint32_t n_rows) {
  static const char *const items[] = {"0",   "1",   "2",  "30",
                                      "311", "310", "32", "33"};
  const uint32_t n_words = rnd(r, 3) ? rnd(r, 12) : rnd(r, 70);
  const uint32_t n_said = rnd(r, n_words + 1);
  const size_t row_len = (n_words + 3) / 4;
  const bool host_big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
  const size_t len = 8 + n_rows * row_len;
  uint8_t *map = rnd_need(pcln_arena_alloc(&r->m.arena, len));
  memset(map, 0, len);
  pcln_store32(map, n_rows, r->m.big_endian != host_big);
  pcln_store32(map + 4, 2 * n_words, r->m.big_endian != host_big);
  for (uint32_t i = 0; i < n_rows; i++) {
    uint8_t *row = map + 8 + i * row_len;
    for (uint32_t w = 0; w < n_words;) {
      const char *item = items[w < n_said ? rnd(r, 8) : 1];
      for (item = strlen(item) > n_words - w ? "1" : item; *item; item++, w++)
        row[w / 4] |= (uint8_t)((*item - '0') << w % 4 * 2);
    }
  }
  rnd_ok(pcln_func_set_funcdata(
      f, index, (struct pcln_span){.ptr = map, .len = len}, &r->m.arena));
}

// Maps with a stream of row numbers, which may end with no safepoint; maps of
// one row need none.
static inline void rnd_maps(struct random_model *r, struct pcln_func_def *f,
                            uint32_t n_runs) {
  const uint32_t n_rows = 1 + rnd(r, 9), parts = 1 + rnd(r, 3);
  if (parts & 1)
    rnd_map(r, f, PCLN_FUNCDATA_LOCALS_MAPS, n_rows);
  if (parts & 2)
    rnd_map(r, f, PCLN_FUNCDATA_ARGS_MAPS, n_rows);
  if (rnd(r, 8))
    rnd_ok(pcln_func_set_pcdata(
        f, PCLN_PCDATA_STACKMAP,
        rnd_stream(r, f->size, n_runs, -2, n_rows + 2, NULL, 0), &r->m.arena));
}

static inline void rnd_func(struct random_model *r, uint64_t va,
                            const struct random_shape *shape) {
  struct pcln_module *m = &r->m;
  const uint32_t n_runs = rnd(r, 8) ? 1 + rnd(r, 20) : 1 + rnd(r, 900);
  struct pcln_func_def f = {
      .va = va,
      .size = m->quantum * (1 + rnd(r, rnd(r, 3) ? 200 : 5000)),
      .cu = PCLN_NO_CU,
      .name = rnd_name(r, "function", 1000),
      .start_line = shape->start_lines ? (int32_t)rnd(r, 5000) : 0,
      .args = PCLN_ARGS_UNKNOWN,
      .deferreturn = rnd(r, 2),
      .func_id = (uint8_t)rnd(r, 3),
      .flags = (uint8_t)rnd(r, 8)};
  if (rnd(r, 8))
    f.pcsp = rnd_stream(r, f.size, n_runs / 3 + 1, 0, 40, NULL, 0);
  if (rnd(r, 8))
    rnd_lines(r, &f, n_runs, shape->start_lines);
  if (m->n_rules && rnd(r, 2))
    rnd_ok(pcln_func_set_pcdata(&f, PCLN_PCDATA_UNWIND,
                                rnd_stream(r, f.size, n_runs / 3 + 1, -1,
                                           (uint32_t)m->n_rules + 1, NULL, 0),
                                &m->arena));
  rnd_funcdata(r, &f);
  if (m->stackmap_bits == 2 && rnd(r, 2))
    rnd_maps(r, &f, n_runs);
  rnd_ok(pcln_module_add_func(m, &f));
}

static inline void random_model_init(struct random_model *r, uint64_t seed,
                                     const struct random_shape *shape) {
  *r = (struct random_model){.state = seed};
  struct pcln_module *m = &r->m;
  pcln_module_init(m);
  m->ptr_size = shape->ptr_size;
  m->quantum = shape->quantum;
  m->big_endian = shape->big_endian;
  m->machine = 62;
  m->stackmap_bits = seed & 8 ? 2 : 0;
  m->build_id_len = rnd(r, PCLN_BUILD_ID_MAX + 1);
  for (uint32_t i = 0; i < m->build_id_len; i++)
    m->build_id[i] = (uint8_t)rnd(r, 256);
  pcln_stream_init(&r->s, m->quantum);
  r->large_indices = rnd(r, 2);
  rnd_units(r);
  rnd_rules(r);
  rnd_roots(r);
  const uint32_t n = rnd(r, shape->max_funcs + 1);
  uint64_t va = 0x1000 + 16 * (uint64_t)rnd(r, 1000);
  for (uint32_t i = 0; i < n; i++) {
    rnd_func(r, va, shape);
    va += m->funcs[i].size;
    if (rnd(r, 2))
      va += m->quantum * (1 + rnd(r, rnd(r, 10) ? 16 : 20000));
  }
}

static inline void random_model_free(struct random_model *r) {
  pcln_stream_free(&r->s);
  pcln_module_free(&r->m);
}

#endif
