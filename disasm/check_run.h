// SPDX-License-Identifier: Apache-2.0
//
// Private to the check: one run over a table, and its reports.
#ifndef PCLNTAB_DISASM_CHECK_RUN_H
#define PCLNTAB_DISASM_CHECK_RUN_H

#include "check_code.h"
#include "stackmap_compact.h"
#include "table.h"

struct pcdis_checker {
  const struct pcln_table *t;
  const struct pcdis_code *code;
  struct pcdis_check_stats *stats;
  const struct pcln_sink *sink;
  struct pcdis *decoder;
  uint8_t *returns; // of each functab entry: what is known of its returning
  // The function at hand.
  struct pcln_func func;
  uint32_t unwind; // its stream of unwind rules; 0: none
  bool assembly;   // as far as the table tells: its flags since go1.18, before
                   // that its file's name

  struct pcdis_body body;
  struct pcdis_walk walk;
  uint64_t checked;    // end of the function before
  uint64_t torn;       // where something ended inside an instruction
  uint64_t falls_into; // where the code of a function before went on to
};

// Report a finding in the function at hand, `off` bytes from its entry, and
// where it comes from: the pair of `stream` that holds at `off`; the function's
// record; a place in what holds the pointer maps.
__attribute__((format(printf, 5, 6))) void
pcdis_say_row(struct pcdis_checker *c, const char *fault, uint32_t off,
              uint32_t stream, const char *format, ...);
__attribute__((format(printf, 4, 5))) void
pcdis_say_record(struct pcdis_checker *c, const char *fault, uint32_t off,
                 const char *format, ...);
__attribute__((format(printf, 5, 6))) void
pcdis_say_map(struct pcdis_checker *c, const char *fault, uint32_t off,
              const uint8_t *at, const char *format, ...);

// A stream's value, for offsets that ascend.
struct pcdis_values {
  struct pcln_run_iter it;
  struct pcln_run run;
  bool any;
};

static inline void pcdis_values_begin(struct pcdis_values *v,
                                      const struct pcln_table *t,
                                      uint32_t stream) {
  *v = (struct pcdis_values){.any = stream != 0};
  if (v->any) {
    pcln_runs_begin(t, stream, &v->it);
    v->any = pcln_runs_next(&v->it, &v->run);
  }
}

// True in *fresh: not in the run of the offset before.
static inline int32_t pcdis_values_at(struct pcdis_values *v, uint32_t off,
                                      bool *fresh) {
  while (v->any && v->run.hi <= off) {
    v->any = pcln_runs_next(&v->it, &v->run);
    *fresh = true;
  }
  return v->any ? v->run.value : -1;
}

// Rows of all streams, against where instructions begin.
void pcdis_check_rows(struct pcdis_checker *c);

// Calls against pointer maps; deferreturn; the places of inlined calls.
void pcdis_check_calls(struct pcdis_checker *c);

#endif
