// SPDX-License-Identifier: Apache-2.0
//
// --verify: every finding as a record, then the verdict.
#include "dump.h"

// The faults that --verify finds are its result: records, in both formats.
static const char *const severities[] = {"note", "warning", "error"};

static void record_fault(void *ctx, const struct pcln_report *r) {
  struct dump_out *o = ctx;
  dump_begin(o, "fault");
  dump_str(o, "name", r->fault);
  dump_str(o, "severity", severities[r->severity]);
  if (r->func) {
    dump_named_str(o, "func", r->func);
    dump_named_hex(o, "func_offset", r->func_off);
  }
  if (r->region) {
    dump_named_str(o, "region", r->region);
    dump_named_hex(o, "region_offset", r->region_off);
  }
  dump_named_str(o, "text", r->text);
  dump_end(o);
}

enum pcln_status dump_verify(struct dump *d) {
  const struct pcln_sink sink = {record_fault, d->out};
  const enum pcln_status status = pcln_verify(&d->file->table, &sink);
  dump_begin(d->out, "verdict");
  dump_str(d->out, "verdict", status == PCLN_OK ? "sound" : "faults");
  dump_end(d->out);
  return status;
}
