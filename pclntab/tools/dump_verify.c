// SPDX-License-Identifier: Apache-2.0
//
// --verify: every finding as a record, then what was checked and how much of
// it, then the verdict. The checks themselves are those of check.h, and of
// disasm.h for the machine code.
#include "dump.h"

#include "check_parts.h"
#include "disasm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- Findings ---------------------------------------------------------------

// One bad table tends to have one fault many times over: of each name so many
// findings are shown, and all are counted.
enum { MAX_SHOWN = 20, MAX_NAMES = 128 };

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

// --- What was checked -------------------------------------------------------

// What the check of the machine code came to.
struct code_result {
  const char *skipped; // null: it ran
  struct pcdis_check_stats stats;
};

// What each check counts, in the words of the output.
static const struct {
  const char *items, *calls;
} words[PCLN_N_STEPS] = {
    [PCLN_STEP_STRUCTURE] = {"streams", "inlined_calls"},
    [PCLN_STEP_BYTES] = {"bytes", NULL},
    [PCLN_STEP_SYMBOLS] = {"symbols", NULL},
    [PCLN_STEP_DWARF] = {"rows", "inlined_calls"},
    [PCLN_STEP_CFI] = {"rules", NULL},
    [PCLN_STEP_ANNOT] = {"roots", "calls"},
};

// Begins the record of a check; false: it was skipped, and all is said.
static bool begin_step(struct dump_out *o, const char *name,
                       const char *skipped) {
  dump_begin(o, skipped ? "skipped" : "checked");
  dump_str(o, "check", name);
  if (!skipped)
    return true;
  dump_named_str(o, "why", skipped);
  dump_end(o);
  return false;
}

static void record_step(struct dump_out *o, enum pcln_step step,
                        const struct pcln_check_step *s) {
  if (!begin_step(o, pcln_step_name(step), s->skipped))
    return;
  dump_named_num(o, "functions", (int64_t)s->n_functions);
  dump_named_num(o, words[step].items, (int64_t)s->n_items);
  if (words[step].calls)
    dump_named_num(o, words[step].calls, (int64_t)s->n_calls);
  dump_named_num(o, "findings", (int64_t)s->n_findings);
  dump_end(o);
}

static void record_code(struct dump_out *o, const struct code_result *r) {
  const struct pcdis_check_stats *s = &r->stats;
  if (!begin_step(o, "code", r->skipped))
    return;
  dump_named_num(o, "functions", (int64_t)s->funcs);
  dump_named_num(o, "functions_full", (int64_t)s->funcs_full);
  dump_named_num(o, "functions_part", (int64_t)s->funcs_part);
  dump_named_num(o, "functions_none", (int64_t)s->funcs_none);
  dump_named_num(o, "instructions", (int64_t)s->insns);
  dump_named_num(o, "proven", (int64_t)s->insns_proven);
  dump_named_num(o, "held", (int64_t)s->insns_held);
  dump_named_num(o, "rows", (int64_t)s->rows);
  dump_named_num(o, "calls", (int64_t)s->calls);
  dump_named_num(o, "calls_mapped", (int64_t)s->calls_mapped);
  dump_named_num(o, "findings", (int64_t)s->findings);
  dump_end(o);
}

static void record_excuse(struct dump_out *o, const char *check,
                          const char *word, uint64_t n, const char *text) {
  if (!n)
    return;
  dump_begin(o, "excused");
  dump_str(o, "check", check);
  dump_str(o, "excuse", word);
  dump_named_num(o, "count", (int64_t)n);
  dump_named_str(o, "text", text);
  dump_end(o);
}

static void record_excuses(struct dump_out *o,
                           const struct pcln_check_result *r,
                           const struct code_result *code) {
  for (int i = 0; i < PCLN_N_EXCUSES; i++)
    record_excuse(o, pcln_step_name(pcln_excuse_step((enum pcln_excuse)i)),
                  pcln_excuse_word((enum pcln_excuse)i), r->excused[i],
                  pcln_excuse_text((enum pcln_excuse)i));
  for (int i = 0; i < PCDIS_N_EXCUSES; i++)
    record_excuse(o, "code", pcdis_excuse_word((enum pcdis_excuse)i),
                  code->stats.excused[i],
                  pcdis_excuse_text((enum pcdis_excuse)i));
}

// --- The checks -------------------------------------------------------------

// On a terminal that does not show the records as well, says what is going on;
// "" wipes it away.
static void show_progress(const struct dump *d, const char *name) {
  if (!isatty(STDERR_FILENO) || isatty(d->out->fd))
    return;
  fputs("\r\033[K", stderr);
  if (*name)
    fprintf(stderr, "pclntab-dump: checking %s ...", name);
}

static void show_step(void *ctx, enum pcln_step step) {
  show_progress(ctx, pcln_step_name(step));
}

static enum pcln_status check_code(struct dump *d, struct verify *v,
                                   struct code_result *result) {
  const struct pcdis_code code = dump_code(d->file);
  const struct pcln_sink sink = {record_finding, v};
  struct pcdis *decoder;
  if (d->file->image.format == PCLN_FORMAT_NONE) {
    result->skipped = "there is no machine code beside the table";
    return PCLN_OK;
  }
  const enum pcln_status status =
      pcdis_open(code.machine, code.big_endian, &decoder);
  if (status == PCLN_UNSUPPORTED) {
    result->skipped = "there is no decoder for this machine";
    return PCLN_OK;
  }
  if (status != PCLN_OK)
    return status;
  pcdis_close(decoder);
  show_progress(d, "code");
  return pcdis_check(&d->file->table, &code, &result->stats, &sink);
}

// Splits OLD=NEW; `room` holds the parts.
static struct pcln_prefix_map split_map(const char *map, char *room) {
  const size_t from = strcspn(map, "=");
  strcpy(room, map);
  room[from] = 0;
  return (struct pcln_prefix_map){room, room + from + 1};
}

static enum pcln_status check_table(struct dump *d, struct verify *v,
                                    struct pcln_check_result *result) {
  const struct dump_options *o = d->options;
  const struct pcln_sink sink = {record_finding, v};
  struct pcln_prefix_map maps[DUMP_MAX_MAPS];
  char *rooms[DUMP_MAX_MAPS] = {NULL};
  struct pcln_check_options options = {
      .maps = maps, .progress = show_step, .ctx = d};
  enum pcln_status status = PCLN_OK;
  for (size_t i = 0; i < o->n_maps && status == PCLN_OK; i++) {
    rooms[i] = malloc(strlen(o->maps[i]) + 1);
    if (rooms[i])
      maps[options.n_maps++] = split_map(o->maps[i], rooms[i]);
    else
      status = PCLN_NO_MEMORY;
  }
  if (status == PCLN_OK)
    status =
        pcln_check_elf(&d->file->table, d->file->elf, &options, &sink, result);
  for (size_t i = 0; i < o->n_maps; i++)
    free(rooms[i]);
  return status;
}

static bool ran(enum pcln_status status) {
  return status == PCLN_OK || status == PCLN_CORRUPT;
}

enum pcln_status dump_verify(struct dump *d) {
  struct verify v = {.out = d->out};
  struct pcln_check_result result = {0};
  struct code_result code = {0};
  const enum pcln_status table = check_table(d, &v, &result);
  const enum pcln_status text = ran(table) ? check_code(d, &v, &code) : PCLN_OK;
  show_progress(d, "");
  if (!ran(table) || !ran(text))
    return ran(table) ? text : table; // no verdict
  record_counts(&v);
  for (int i = 0; i < PCLN_N_STEPS; i++)
    record_step(d->out, (enum pcln_step)i, &result.steps[i]);
  record_code(d->out, &code);
  record_excuses(d->out, &result, &code);
  const bool sound = table == PCLN_OK && text == PCLN_OK && !d->file->damaged;
  dump_begin(d->out, "verdict");
  dump_str(d->out, "verdict", sound ? "sound" : "faults");
  dump_end(d->out);
  return sound ? PCLN_OK : PCLN_CORRUPT;
}
