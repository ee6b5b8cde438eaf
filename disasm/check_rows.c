// SPDX-License-Identifier: Apache-2.0
//
// Where rows begin: what a stream says holds from one instruction to another,
// so a row that begins inside an instruction says two things of it. Lookups
// there give a wrong line, depth or map, for an interrupted instruction or for
// a return address.
//
// Assembly is excused: a prefix such as LOCK, or single bytes of an instruction
// that the assembler does not know, may stand on lines of their own.
//
// Rows are read linearly and need no frame; only bytes that may be data, in
// functions that have some, cannot be judged. Behind the function's last byte
// rows belong to virtual pcs (docs/format.md), where there are no instructions.
#include "check_run.h"

#include <stdio.h>

static void check_stream(struct pcdis_checker *c, uint32_t stream,
                         const char *what) {
  struct pcln_run_iter it;
  struct pcln_run run;
  bool said = false;
  if (!stream)
    return;
  pcln_runs_begin(c->t, stream, &it);
  while (pcln_runs_next(&it, &run) && run.lo < c->body.size) {
    const struct pcdis_step *s = pcdis_step_at(&c->body, run.lo);
    if (s && s->off == run.lo) {
      c->stats->rows++;
    } else if (c->assembly) {
      c->stats->excused[PCDIS_EXCUSE_PIECES]++;
    } else if (s && !s->data && !s->loose && !said) {
      said = true;
      pcdis_say_row(c, "code-row", run.lo, stream,
                    "a row of %s begins inside an instruction", what);
    }
  }
}

void pcdis_check_rows(struct pcdis_checker *c) {
  const struct pcln_func *f = &c->func;
  check_stream(c, f->pcsp, "SP deltas");
  check_stream(c, f->pcfile, "files");
  check_stream(c, f->pcln, "lines");
  for (uint32_t i = 0; i < f->n_pcdata; i++) {
    char what[24];
    snprintf(what, sizeof what, "PCDATA %u", i);
    check_stream(c, pcln_pcdata_stream(c->t, f, i), what);
  }
}
