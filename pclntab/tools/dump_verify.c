// SPDX-License-Identifier: Apache-2.0
//
// --verify: every finding as a record, then the verdict.
#include "dump.h"

// The faults that --verify finds are its result: records, in both formats.
static void record_fault(void *ctx, const struct pcln_report *r) {
  dump_report(ctx, "fault", r);
}

enum pcln_status dump_verify(struct dump *d) {
  const struct pcln_sink sink = {record_fault, d->out};
  const enum pcln_status status = pcln_verify(&d->file->table, &sink);
  dump_begin(d->out, "verdict");
  dump_str(d->out, "verdict", status == PCLN_OK ? "sound" : "faults");
  dump_end(d->out);
  return status;
}
