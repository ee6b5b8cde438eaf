// SPDX-License-Identifier: Apache-2.0
//
// Private to the check: a function's bytes as steps.
#ifndef PCLNTAB_DISASM_CHECK_CODE_H
#define PCLNTAB_DISASM_CHECK_CODE_H

#include "check_flow.h"

// Reads the function of `size` bytes that `code`, at address `va`, begins with
// into *body, which starts zeroed and keeps its memory from function to
// function. Bytes that are no instruction become steps of their own, a quantum
// each. Claims have
// room but are not set. PCLN_NO_MEMORY.
PCLN_MUST_CHECK enum pcln_status pcdis_read_body(struct pcdis *decoder,
                                                 struct pcdis_body *body,
                                                 struct pcln_span code,
                                                 uint32_t size, uint64_t va);
void pcdis_body_free(struct pcdis_body *b);

// The step that covers the byte at `off`, which is below body->size; null: none
// begins at most as many bytes before as an instruction can have.
const struct pcdis_step *pcdis_step_at(const struct pcdis_body *b,
                                       uint32_t off);

#endif
