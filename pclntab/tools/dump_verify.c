// SPDX-License-Identifier: Apache-2.0
//
// --verify: every finding as a record, then what was checked and how much of
// it, then the verdict.
#include "dump.h"

#include "check_parts.h"

#include <string.h>

// One bad table tends to have one fault many times over: of each name so many
// findings are shown, and all are counted.
enum { MAX_SHOWN = 20, MAX_NAMES = 64 };

struct verify {
  struct dump_out *out;
  struct {
    const char *name;
    uint64_t n;
  } names[MAX_NAMES];
  size_t n_names;
};

// Counts the finding; whether it is to be shown.
static bool count(struct verify *v, const char *name) {
  size_t i = 0;
  while (i < v->n_names && strcmp(v->names[i].name, name) != 0)
    i++;
  if (i == MAX_NAMES)
    return true;
  if (i == v->n_names)
    v->names[v->n_names++].name = name; // names are constants
  return v->names[i].n++ < MAX_SHOWN;
}

static void record_finding(void *ctx, const struct pcln_report *r) {
  struct verify *v = ctx;
  if (count(v, r->fault))
    dump_report(v->out, "fault", r);
}

static void record_counts(const struct verify *v) {
  for (size_t i = 0; i < v->n_names; i++) {
    dump_begin(v->out, "found");
    dump_str(v->out, "name", v->names[i].name);
    dump_named_num(v->out, "count", (int64_t)v->names[i].n);
    dump_end(v->out);
  }
}

// What each check counts, in the words of the output.
static const struct {
  const char *items, *calls;
} words[PCLN_N_STEPS] = {
    [PCLN_STEP_STRUCTURE] = {"streams", "inlined_calls"},
    [PCLN_STEP_BYTES] = {"bytes", NULL},
    [PCLN_STEP_SYMBOLS] = {"symbols", NULL},
    [PCLN_STEP_DWARF] = {"rows", "inlined_calls"},
    [PCLN_STEP_CFI] = {"rules", NULL},
};

static void record_step(struct dump_out *o, enum pcln_step step,
                        const struct pcln_check_step *s) {
  dump_begin(o, s->skipped ? "skipped" : "checked");
  dump_str(o, "check", pcln_step_name(step));
  if (s->skipped) {
    dump_named_str(o, "why", s->skipped);
  } else {
    dump_named_num(o, "functions", (int64_t)s->n_functions);
    dump_named_num(o, words[step].items, (int64_t)s->n_items);
    if (words[step].calls)
      dump_named_num(o, words[step].calls, (int64_t)s->n_calls);
    dump_named_num(o, "findings", (int64_t)s->n_findings);
  }
  dump_end(o);
}

static void record_excuses(struct dump_out *o,
                           const struct pcln_check_result *r) {
  for (int i = 0; i < PCLN_N_EXCUSES; i++) {
    if (!r->excused[i])
      continue;
    dump_begin(o, "excused");
    dump_str(o, "excuse", pcln_excuse_word((enum pcln_excuse)i));
    dump_named_num(o, "count", (int64_t)r->excused[i]);
    dump_named_str(o, "text", pcln_excuse_text((enum pcln_excuse)i));
    dump_end(o);
  }
}

enum pcln_status dump_verify(struct dump *d) {
  struct verify v = {.out = d->out};
  const struct pcln_sink sink = {record_finding, &v};
  struct pcln_check_result result;
  const enum pcln_status status =
      pcln_check_elf(&d->file->table, d->file->elf, NULL, &sink, &result);
  record_counts(&v);
  for (int i = 0; i < PCLN_N_STEPS; i++)
    record_step(d->out, (enum pcln_step)i, &result.steps[i]);
  record_excuses(d->out, &result);
  dump_begin(d->out, "verdict");
  dump_str(d->out, "verdict", status == PCLN_OK ? "sound" : "faults");
  dump_end(d->out);
  return status;
}
