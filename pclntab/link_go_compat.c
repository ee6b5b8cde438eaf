// SPDX-License-Identifier: Apache-2.0
//
// What a go-compatible table asks of the program. Readers that take a section
// .gopclntab for the mark of a Go program unwind by frame pointer, as all Go
// code allows: the OpenTelemetry profiler for one drops a program's CFI. For
// code that keeps no frame pointer that skips callers without a word, so it is
// said here, at the link.
//
// A function keeps a frame pointer if somewhere its CFA is found from it. One
// that moves SP (a frame, a push) and never does so loses its caller; one that
// moves nothing has no frame that could be lost. Code without lines is left
// out: start files and assembler routines, which Go programs have too.
#include "link.h"

#include "pairs.h"

#include <stdio.h>

static bool uses_fp(const struct pcln_module *m,
                    const struct pcln_func_def *f) {
  if (f->n_pcdata <= PCLN_PCDATA_UNWIND)
    return false;
  struct pcln_pairs p =
      pcln_pairs_at(f->pcdata[PCLN_PCDATA_UNWIND], m->quantum);
  while (pcln_pairs_next(&p))
    if (p.value >= 0 && (size_t)p.value < m->n_rules &&
        m->rules[p.value].cfa == PCLN_CFA_FP)
      return true;
  return false;
}

static bool moves_sp(const struct pcln_module *m,
                     const struct pcln_func_def *f) {
  struct pcln_pairs p = pcln_pairs_at(f->pcsp, m->quantum);
  while (pcln_pairs_next(&p))
    if (p.value > 0)
      return true;
  return false;
}

void pcln_check_frame_pointers(const struct pcln_module *m,
                               const struct pcln_sink *sink) {
  size_t n_frames = 0, n_lost = 0;
  const struct pcln_func_def *first = NULL;
  for (size_t i = 0; i < m->n_funcs; i++) {
    const struct pcln_func_def *f = &m->funcs[i];
    if (f->cu == PCLN_NO_CU || !moves_sp(m, f))
      continue;
    n_frames++;
    if (uses_fp(m, f))
      continue;
    if (n_lost++ == 0)
      first = f;
  }
  if (!first)
    return;
  char text[200];
  snprintf(text, sizeof text,
           "%zu of %zu functions with a frame keep no frame pointer, this one "
           "first; readers of Go programs unwind by it and skip their callers: "
           "compile with -fno-omit-frame-pointer",
           n_lost, n_frames);
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_WARNING,
                                       .fault = "go-compat-frame-pointer",
                                       .func = first->name,
                                       .text = text});
}
