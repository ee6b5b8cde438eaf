// SPDX-License-Identifier: Apache-2.0
//
// Private to the two halves of the verifier: verify.c has what concerns the
// table as a whole, verify_func.c what concerns one function, but for what
// a collector needs, which verify_funcdata.c and verify_roots.c have.
#ifndef PCLNTAB_VERIFY_H
#define PCLNTAB_VERIFY_H

#include "table.h"

// What was looked at.
struct pcln_verified {
  uint64_t functions, streams, inlined_calls;
  bool exhausted; // the budget was used up
};

struct pcln_verifier {
  const struct pcln_table *t;
  const struct pcln_sink *sink;
  unsigned n_faults, max_faults;
  struct pcln_verified seen;
  // Bytes that may still be decoded. Records, checkpoints and inline trees may
  // lead to the same stream any number of times, so a table that lies could ask
  // for the square of its size.
  uint64_t budget;
};

enum { PCLN_MAX_FAULTS = 100 }; // that pcln_verify() reports

static inline bool pcln_verify_enough(const struct pcln_verifier *v) {
  return v->n_faults >= v->max_faults;
}

// Reports one fault. `f` may be null.
void pcln_fault(struct pcln_verifier *v, const char *fault,
                const struct pcln_func *f, const char *region,
                uint64_t region_off, const char *text);

// Takes `bytes` of work from the budget. False: it is used up, which has been
// reported, and nothing more is to be done.
bool pcln_verify_spend(struct pcln_verifier *v, uint64_t bytes);

// Checks everything that the function's record leads to.
void pcln_verify_func(struct pcln_verifier *v, const struct pcln_func *f);

// Checks the fields of the function's record, and what its FUNCDATA hold but
// the inline tree. `max_row` is the largest value in its stream of pointer map
// rows.
void pcln_verify_funcdata(struct pcln_verifier *v, const struct pcln_func *f,
                          int32_t max_row);

// Checks the variables that hold references.
void pcln_verify_roots(struct pcln_verifier *v);

// One of `n_parts` parts of pcln_verify(), so that threads can share the work:
// the table is sound if each part says so. Part 0 has what concerns the table
// as a whole.
PCLN_MUST_CHECK enum pcln_status pcln_verify_part(const struct pcln_table *t,
                                                  unsigned part,
                                                  unsigned n_parts,
                                                  const struct pcln_sink *sink);

// As pcln_verify(), but reports every fault, and says what was looked at.
void pcln_verify_all(const struct pcln_table *t, const struct pcln_sink *sink,
                     struct pcln_verified *seen);

#endif
