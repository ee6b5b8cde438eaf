// SPDX-License-Identifier: Apache-2.0
//
// Where reports go: to standard error, and into the output as a record in the
// place of what could not be read, so that who reads the output alone knows
// that something is missing and where.
//
// Reports that are made before the output begins, while the table is looked for
// and opened, are kept and become its first records. Their strings live for the
// call only, so they are copied; what is longer than there is room for is cut.
#include "dump.h"

#include <stdio.h>
#include <string.h>

static const char *const severities[] = {"note", "warning", "error"};

// "pclntab-dump: FILE: error: FUNC+0xOFF: TEXT (REGION+0xOFF) [fault]"
static void print_report(const char *path, const struct pcln_report *r) {
  fprintf(stderr, "pclntab-dump: %s: %s: ", r->file ? r->file : path,
          severities[r->severity]);
  if (r->func)
    fprintf(stderr, "%s+0x%llx: ", r->func, (unsigned long long)r->func_off);
  fprintf(stderr, "%s", r->text);
  if (r->region)
    fprintf(stderr, " (%s+0x%llx)", r->region,
            (unsigned long long)r->region_off);
  fprintf(stderr, " [%s]\n", r->fault);
}

// A copy of `s` in the report's own memory; null stays null.
static const char *keep_string(struct dump_kept *k, size_t *used,
                               const char *s) {
  if (!s)
    return NULL;
  char *at = k->strings + *used;
  const size_t room = sizeof k->strings - *used;
  const size_t len = strnlen(s, room - 1);
  memcpy(at, s, len);
  at[len] = 0;
  *used += len + (len + 1 < room);
  return at;
}

static void keep(struct dump_errors *e, const struct pcln_report *r) {
  struct dump_kept *k = &e->kept[e->n_kept++];
  size_t used = 0;
  k->report = *r;
  k->report.fault = keep_string(k, &used, r->fault);
  k->report.region = keep_string(k, &used, r->region);
  k->report.func = keep_string(k, &used, r->func);
  k->report.text = keep_string(k, &used, r->text);
  k->report.file = NULL;
}

void dump_errors_take(void *ctx, const struct pcln_report *r) {
  struct dump_errors *e = ctx;
  print_report(e->path, r);
  if (r->severity == PCLN_NOTE)
    return;
  e->any = true;
  if (e->out)
    dump_report(e->out, "error", r);
  else if (e->n_kept < DUMP_MAX_KEPT)
    keep(e, r);
}

void dump_errors_begin(struct dump_errors *e, struct dump_out *out) {
  e->out = out;
  for (unsigned i = 0; i < e->n_kept; i++)
    dump_report(out, "error", &e->kept[i].report);
}
