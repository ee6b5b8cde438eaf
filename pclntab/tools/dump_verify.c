// SPDX-License-Identifier: Apache-2.0
//
// --verify: every finding as a record, then what was checked and how much of
// it, then the verdict.
#include "dump.h"

#include "check_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

// Splits OLD=NEW; `room` holds the parts.
static struct pcln_prefix_map split_map(const char *map, char *room) {
  const size_t from = strcspn(map, "=");
  strcpy(room, map);
  room[from] = 0;
  return (struct pcln_prefix_map){room, room + from + 1};
}

// --- The action -------------------------------------------------------------

static void show_progress(void *ctx, enum pcln_step step) {
  (void)ctx;
  fprintf(stderr, "\r\033[Kpclntab-dump: checking %s ...",
          pcln_step_name(step));
}

// On a terminal that does not show the records as well, says what is going on.
static bool wants_progress(const struct dump *d) {
  return isatty(STDERR_FILENO) && !isatty(d->out->fd);
}

static enum pcln_status check(struct dump *d, struct verify *v,
                              struct pcln_check_result *result) {
  const struct dump_options *o = d->options;
  const struct pcln_sink sink = {record_finding, v};
  struct pcln_prefix_map maps[DUMP_MAX_MAPS];
  char *rooms[DUMP_MAX_MAPS] = {NULL};
  struct pcln_check_options options = {.maps = maps};
  enum pcln_status status = PCLN_OK;
  for (size_t i = 0; i < o->n_maps && status == PCLN_OK; i++) {
    rooms[i] = malloc(strlen(o->maps[i]) + 1);
    if (rooms[i])
      maps[options.n_maps++] = split_map(o->maps[i], rooms[i]);
    else
      status = PCLN_NO_MEMORY;
  }
  if (wants_progress(d))
    options.progress = show_progress;
  if (status == PCLN_OK)
    status =
        pcln_check_elf(&d->file->table, d->file->elf, &options, &sink, result);
  if (wants_progress(d))
    fputs("\r\033[K", stderr);
  for (size_t i = 0; i < o->n_maps; i++)
    free(rooms[i]);
  return status;
}

enum pcln_status dump_verify(struct dump *d) {
  struct verify v = {.out = d->out};
  struct pcln_check_result result = {0};
  const enum pcln_status status = check(d, &v, &result);
  if (status != PCLN_OK && status != PCLN_CORRUPT)
    return status; // no verdict
  record_counts(&v);
  for (int i = 0; i < PCLN_N_STEPS; i++)
    record_step(d->out, (enum pcln_step)i, &result.steps[i]);
  record_excuses(d->out, &result);
  dump_begin(d->out, "verdict");
  const bool sound = status == PCLN_OK && !d->file->damaged;
  dump_str(d->out, "verdict", sound ? "sound" : "faults");
  dump_end(d->out);
  return status;
}
