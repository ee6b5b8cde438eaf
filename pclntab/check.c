// SPDX-License-Identifier: Apache-2.0
//
// The checks of check.h in order, and what they share. Every check runs that
// can, whatever those before it found: each looks at something else, and a
// function that the table cannot say anything sound about is passed over by
// all, because the first has reported it.
//
// The comparisons reuse the sources of the linker side: these fill a model
// from the file, for the very functions that the table has; so whatever
// differs is the table's saying against the file's, in one and the same form.
#include "check_parts.h"

#include "verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1024 }; // of a finding; file names are cut off

// --- Findings ---------------------------------------------------------------

// Completes a finding by its text, and hands it on.
static void say(struct pcln_check_run *run, struct pcln_report r,
                const char *text, va_list args) {
  char buf[TEXT_MAX];
  vsnprintf(buf, sizeof buf, text, args);
  r.severity = PCLN_ERROR;
  r.text = buf;
  run->step->n_findings++;
  pcln_say(run->sink, &r);
}

void pcln_check_say(struct pcln_check_run *run, const char *name,
                    const struct pcln_func *f, uint64_t off, const char *region,
                    uint64_t region_off, const char *text, ...) {
  const struct pcln_report r = {.fault = name,
                                .func = f ? f->name : NULL,
                                .func_off = off,
                                .pc = f ? f->entry + off : 0,
                                .region = region,
                                .region_off = region_off};
  va_list args;
  va_start(args, text);
  say(run, r, text, args);
  va_end(args);
}

void pcln_check_say_at(struct pcln_check_run *run, const char *name,
                       uint64_t pc, const char *func, const char *text, ...) {
  const struct pcln_report r = {.fault = name, .func = func, .pc = pc};
  va_list args;
  va_start(args, text);
  say(run, r, text, args);
  va_end(args);
}

enum pcln_status pcln_check_skip(struct pcln_check_run *run, const char *why) {
  run->step->skipped = why;
  return PCLN_OK;
}

// --- What the comparisons share ---------------------------------------------

// Functions that overlap or are empty, as Go's may be, have no pc of their own
// to compare.
enum pcln_status pcln_check_functions(struct pcln_check_run *run,
                                      struct pcln_module *m, uint32_t **idx) {
  const struct pcln_table *t = run->t;
  m->ptr_size = t->ptr_size;
  m->quantum = t->quantum;
  m->machine = run->elf->machine;
  m->big_endian = run->elf->big_endian;
  *idx = malloc(((size_t)t->n_funcs + 1) * sizeof **idx);
  if (!*idx)
    return PCLN_NO_MEMORY;
  uint64_t done = 0;
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    struct pcln_func f;
    if (pcln_func_at(t, i, &f) != PCLN_OK || f.hole || f.end <= f.entry ||
        f.entry < done || f.end - f.entry > UINT32_MAX)
      continue;
    done = f.end;
    (*idx)[m->n_funcs] = i;
    const struct pcln_func_def def = {.va = f.entry,
                                      .size = (uint32_t)(f.end - f.entry),
                                      .cu = PCLN_NO_CU,
                                      .name = f.name};
    const enum pcln_status status = pcln_module_add_func(m, &def);
    if (status != PCLN_OK)
      return status;
  }
  return PCLN_OK;
}

struct pcln_span pcln_check_stream(const struct pcln_table *t, uint32_t off) {
  if (off == 0 || off >= t->pctab.len)
    return (struct pcln_span){0};
  return (struct pcln_span){t->pctab.ptr + off, t->pctab.len - off};
}

// --- Structure --------------------------------------------------------------

static void count_fault(void *ctx, const struct pcln_report *report) {
  struct pcln_check_run *run = ctx;
  run->step->n_findings++;
  pcln_say(run->sink, report);
}

static enum pcln_status check_structure(struct pcln_check_run *run) {
  const struct pcln_sink sink = {count_fault, run};
  struct pcln_verified seen;
  pcln_verify_all(run->t, &sink, &seen);
  run->exhausted = seen.exhausted;
  run->step->n_functions = seen.functions;
  run->step->n_items = seen.streams;
  run->step->n_calls = seen.inlined_calls;
  return PCLN_OK;
}

// --- The run ----------------------------------------------------------------

static const struct {
  const char *name;
  enum pcln_status (*run)(struct pcln_check_run *run);
  bool needs_file;
} checks[PCLN_N_STEPS] = {
    [PCLN_STEP_STRUCTURE] = {"structure", check_structure, false},
    [PCLN_STEP_BYTES] = {"bytes", pcln_check_bytes, false},
    [PCLN_STEP_SYMBOLS] = {"symbols", pcln_check_symbols, true},
    [PCLN_STEP_DWARF] = {"dwarf", pcln_check_dwarf, true},
    [PCLN_STEP_CFI] = {"cfi", pcln_check_cfi, true},
    [PCLN_STEP_ANNOT] = {"annotations", pcln_check_annot, true},
};

const char *pcln_step_name(enum pcln_step step) { return checks[step].name; }

#define EXCUSE_ROW(name, step, word, text) {step, word, text},
static const struct {
  enum pcln_step step;
  const char *word, *text;
} excuses[] = {PCLN_EXCUSE_LIST(EXCUSE_ROW)};
#undef EXCUSE_ROW

enum pcln_step pcln_excuse_step(enum pcln_excuse excuse) {
  return excuses[excuse].step;
}
const char *pcln_excuse_word(enum pcln_excuse excuse) {
  return excuses[excuse].word;
}
const char *pcln_excuse_text(enum pcln_excuse excuse) {
  return excuses[excuse].text;
}

enum pcln_status pcln_check_elf(const struct pcln_table *t,
                                struct pcln_elf *elf,
                                const struct pcln_check_options *options,
                                const struct pcln_sink *sink,
                                struct pcln_check_result *result) {
  static const struct pcln_check_options none;
  struct pcln_check_run run = {
      .t = t, .elf = elf, .o = options ? *options : none, .sink = sink};
  enum pcln_status status = PCLN_OK;
  uint64_t n_findings = 0;
  if (!run.o.threads)
    run.o.threads = 1;
  *result = (struct pcln_check_result){0};
  for (int i = 0; i < PCLN_N_STEPS && status == PCLN_OK; i++) {
    run.step = &result->steps[i];
    run.excused = result->excused;
    if (run.o.progress)
      run.o.progress(run.o.ctx, (enum pcln_step)i);
    if (run.exhausted) // and so would this check be
      status = pcln_check_skip(&run, "the table leads to the same bytes too "
                                     "often");
    else if (checks[i].needs_file && !elf)
      status = pcln_check_skip(&run, "there is no ELF file to compare with");
    else
      status = checks[i].run(&run);
    n_findings += run.step->n_findings;
  }
  if (status != PCLN_OK)
    return status;
  return n_findings ? PCLN_CORRUPT : PCLN_OK;
}

enum pcln_status pcln_check_file(const struct pcln_table *t, const char *path,
                                 const struct pcln_check_options *options,
                                 const struct pcln_sink *sink,
                                 struct pcln_check_result *result) {
  struct pcln_elf *elf = NULL;
  *result = (struct pcln_check_result){0};
  if (path) {
    const enum pcln_status status = pcln_elf_open(path, sink, &elf);
    if (status != PCLN_OK)
      return status == PCLN_CORRUPT ? PCLN_IO : status;
  }
  const enum pcln_status status = pcln_check_elf(t, elf, options, sink, result);
  pcln_elf_close(elf);
  return status;
}
