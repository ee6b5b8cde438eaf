// SPDX-License-Identifier: Apache-2.0
#include "sample_table.h"

#include <stdlib.h>

enum { DELTA_RUNS = (SAMPLE_TEXT_LEN - SAMPLE_DELTA_OFF) / SAMPLE_DELTA_RUN };

// Jumps of all sizes, so that deltas take one, two and three bytes.
int32_t sample_delta_line(uint32_t off) {
  const uint32_t i = off / SAMPLE_DELTA_RUN;
  return (int32_t)(1000 + i * 3 % 50 + i % 2 + (i % 17 == 0 ? 200 : 0) +
                   (i % 61 == 0 ? 60000 : 0));
}

static const struct make_run *delta_lines(void) {
  static struct make_run runs[DELTA_RUNS + 1];
  for (uint32_t i = 0; i < DELTA_RUNS; i++)
    runs[i] =
        (struct make_run){.end = (i + 1) * SAMPLE_DELTA_RUN,
                          .value = sample_delta_line(i * SAMPLE_DELTA_RUN)};
  return runs;
}

static const struct make_run alpha_pcsp[] = {
    {0x04, 0}, {0x2c, 24}, {0x30, 0}, {0, 0}};
static const struct make_run alpha_lines[] = {
    {0x08, 10}, {0x10, 102}, {0x18, 201}, {0x20, 103},
    {0x30, 14}, {0x34, 12},  {0, 0}};
static const struct make_run alpha_inltree[] = {
    {0x08, -1}, {0x10, 0}, {0x18, 1}, {0x20, 0}, {0x34, -1}, {0, 0}};
static const struct make_run beta_pcsp[] = {{0x1fc0, 8}, {0, 0}};
static const struct make_run beta_lines[] = {{0x1fc0, 50}, {0, 0}};
static const struct make_run beta_unwind[] = {
    {0x04, -1}, {0x10, 0}, {0x18, 1}, {0x20, 2}, {0x1fc0, -1}, {0, 0}};
static const struct make_run delta_pcsp[] = {{0x7f0, 0}, {0, 0}};

static const struct make_inline alpha_inlines[] = {
    {.name = "beta_inl", .parent_pc = 0x30, .start_line = 100, .func_id = 3},
    {.name = "leaf", .parent_pc = 0x08, .start_line = 200},
    {.name = NULL},
};

static const struct pcln_rule rules[] = {
    {.cfa = PCLN_CFA_FP,
     .fp = PCLN_SAVE_CFA,
     .ra = PCLN_SAVE_CFA,
     .cfa_off = 16,
     .fp_off = -16,
     .ra_off = -8},
    {.cfa = PCLN_CFA_SP_DELTA,
     .fp = PCLN_SAVE_CFA,
     .ra = PCLN_SAVE_CFA,
     .fp_off = -16,
     .ra_off = -8},
    {.cfa = PCLN_CFA_NONE},
};

// Fills the functions; `base` is the number of the first file.
static void fill(struct make_func *f, int32_t base, bool ours) {
  static struct make_run alpha_files[2], beta_files[3], delta_files[2];
  alpha_files[0] = (struct make_run){0x34, base};
  beta_files[0] = (struct make_run){0x20, base + 1};
  beta_files[1] = (struct make_run){0x1fc0, base};
  delta_files[0] = (struct make_run){0x5000 - SAMPLE_DELTA_OFF, base + 2};
  f[SAMPLE_ALPHA] = (struct make_func){
      .off = 0,
      .name = "alpha",
      .pcsp = alpha_pcsp,
      .pcfile = alpha_files,
      .pcln = alpha_lines,
      .pcdata = {[PCLN_PCDATA_INLTREE] = alpha_inltree},
      .inlines = alpha_inlines,
      .start_line = 9,
      .args = 16,
      .deferreturn = 0x20,
      .func_id = 5,
      .flags = PCLN_FLAG_TOPFRAME,
  };
  f[SAMPLE_BETA] = (struct make_func){
      .off = 0x40,
      .name = "beta",
      .pcsp = beta_pcsp,
      .pcfile = beta_files,
      .pcln = beta_lines,
      .pcdata = {[PCLN_PCDATA_UNWIND] = ours ? beta_unwind : NULL},
      .args = PCLN_ARGS_UNKNOWN,
  };
  f[SAMPLE_GAMMA] = (struct make_func){.off = 0x2000, .name = "gamma"};
  f[SAMPLE_DELTA] = (struct make_func){.off = SAMPLE_DELTA_OFF,
                                       .name = "delta",
                                       .pcsp = delta_pcsp,
                                       .pcfile = delta_files,
                                       .pcln = delta_lines(),
                                       .checkpoint_every = ours ? 16 : 0};
  f[SAMPLE_HOLE] = (struct make_func){.off = 0x30};
  f[SAMPLE_HOLE2] = (struct make_func){.off = 0x4800};
}

struct make_spec sample_spec(enum pcln_layout layout, unsigned ptr_size,
                             unsigned quantum, bool big_endian, bool ours) {
  static struct make_func shapes[3][SAMPLE_N];
  static const char *const files[] = {"/src/a.c", "/src/b.h", "", NULL};
  struct make_func *f = shapes[layout == PCLN_GO_12 ? 0 : ours ? 1 : 2];
  fill(f, layout == PCLN_GO_12, ours);
  if (layout == PCLN_GO_12) {
    f[SAMPLE_HOLE].name = "hole";
    f[SAMPLE_HOLE2].name = "hole2";
  }
  return (struct make_spec){.layout = layout,
                            .ptr_size = (uint8_t)ptr_size,
                            .quantum = (uint8_t)quantum,
                            .big_endian = big_endian,
                            .ours = ours,
                            .machine = SAMPLE_MACHINE,
                            .text_va = SAMPLE_TEXT,
                            .text_len = SAMPLE_TEXT_LEN,
                            .funcs = f,
                            .n_funcs = SAMPLE_N,
                            .files = files,
                            .rules = rules,
                            .n_rules = ours ? 3 : 0};
}

void sample_for_each(void (*fn)(const struct make_spec *spec, struct made *made,
                                const struct pcln_table *t)) {
  struct made *m = malloc(sizeof *m);
  if (!m)
    abort();
  for (unsigned shape = 0; shape < 4 * 2 * 3 * 2 * 2; shape++) {
    const unsigned layout = shape % 4, rest = shape / 4;
    const bool ours = rest / 12 % 2;
    if (ours && layout < PCLN_GO_118)
      continue;
    const struct make_spec spec =
        sample_spec((enum pcln_layout)layout, rest % 2 ? 8 : 4,
                    1u << (rest / 2 % 3), rest / 6 % 2, ours);
    struct pcln_table t;
    make_table(&spec, m);
    if (pcln_open(&t, m->bytes, ours ? m->len : m->funcdata, &m->options,
                  NULL) != PCLN_OK)
      abort();
    fn(&spec, m, &t);
  }
  free(m);
}
