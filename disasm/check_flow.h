// SPDX-License-Identifier: Apache-2.0
//
// Private to the files of the check: a function as they see it, and what they
// say of it. check.c walks the table's functions, check_code.c turns one into
// instructions, check_flow.c follows the frame through them, check_rows.c looks
// at where rows begin, check_calls.c at calls and pointer maps.
#ifndef PCLNTAB_DISASM_CHECK_FLOW_H
#define PCLNTAB_DISASM_CHECK_FLOW_H

#include "disasm.h"

// --- A function's code ------------------------------------------------------

// An instruction: struct pcdis_insn without its text, and with its target
// found.
struct pcdis_step {
  uint32_t off;    // from the function's entry
  uint32_t jumps;  // number of the step at the target; PCDIS_NO_STEP: outside
  uint64_t target; // of a direct call, jump or branch
  struct pcdis_place sp, fp, ra, tmp[PCDIS_N_TMP], fp_store, ra_store;
  uint16_t len; // bytes
  uint8_t flow; // enum pcdis_flow
  bool indirect, padding;
  bool data;  // bytes that are no instruction
  bool loose; // behind data, and reached by no flow: perhaps data as well
};
#define PCDIS_NO_STEP UINT32_MAX

// What the table says of the frame at a step, and in which of its rows.
struct pcdis_claim {
  struct pcln_rule rule;
  // Numbers of the first steps of the rows that this comes from: for the CFA
  // one of pcsp or of the unwind stream, for the rest one of the latter.
  uint32_t cfa_row, saved_row;
};

struct pcdis_body {
  struct pcdis_step *steps;
  struct pcdis_claim *claims;
  size_t n, cap;
  uint32_t *at; // number + 1 of the step that begins at each byte; 0: none
  uint32_t size, cap_size; // bytes
  uint8_t quantum;         // bytes, set by the caller
  bool cut; // the last step is data: an instruction that runs past the end
};

// --- The frame, followed through the code (check_flow.c) --------------------

enum pcdis_fault {
  PCDIS_FAULT_CFA,    // the CFA is elsewhere
  PCDIS_FAULT_FP,     // the caller's FP is elsewhere
  PCDIS_FAULT_RA,     // the return address is elsewhere
  PCDIS_FAULT_RETURN, // returns while the frame is still there
  PCDIS_FAULT_DATA,   // runs into bytes that are no instruction
  PCDIS_FAULT_END,    // goes on behind the function's last byte
};

// What a register holds.
enum pcdis_held {
  PCDIS_UNKNOWN,
  PCDIS_CALLERS, // what it held at the function's entry
  PCDIS_FRAME,   // CFA + off
  PCDIS_CHANGED, // neither of the two, as far as can be seen
  PCDIS_NUMBER,  // off itself
};
struct pcdis_value {
  uint8_t held; // enum pcdis_held
  int32_t off;
};

// The frame before a step. Offsets are from the CFA.
struct pcdis_frame {
  struct pcdis_value sp, tmp[PCDIS_N_TMP]; // FRAME or UNKNOWN, tmp or NUMBER
  struct pcdis_value fp, ra;
  struct pcdis_value fp_slot; // where the caller's FP is stored: FRAME;
  struct pcdis_value ra_slot; // CHANGED: nowhere
  uint8_t excuse; // why this rests on the table's own word at an earlier step;
                  // PCDIS_N_EXCUSES: it does not, but on the code alone
  bool disputed;  // since a fault, said, of a row that rests on such a word
  uint32_t call;  // the step whose call must come back for all this to be; or
                  // PCDIS_NO_STEP
};

struct pcdis_walk_input {
  const struct pcdis_step *steps;
  const struct pcdis_claim *claims;
  uint32_t n;
  int32_t ra_size;  // bytes of a return address that a call pushes; 0: none
  bool cfa_only;    // the rules say nothing of FP and RA: a bare Go table
  bool moves_stack; // may move SP in ways that its table leaves out on purpose
  bool part;        // may be entered with a frame
  // Whether the call at step `i` is seen to come back: its callee is known,
  // and returns.
  bool (*returns)(void *ctx, uint32_t i);
  // One finding at step `i`; `f` is the frame that the code makes there.
  void (*fault)(void *ctx, enum pcdis_fault fault, uint32_t i,
                const struct pcdis_frame *f);
  void *ctx;
};

// Work space of the flow, kept from function to function; starts zeroed.
struct pcdis_walk {
  struct pcdis_node *nodes;
  uint32_t *work, *refused;
  uint32_t cap;
};

// Follows the frame from the entry through every step, says each fault once,
// and adds to *stats. PCLN_NO_MEMORY.
PCLN_MUST_CHECK enum pcln_status pcdis_follow(struct pcdis_walk *walk,
                                              const struct pcdis_walk_input *in,
                                              struct pcdis_check_stats *stats);
void pcdis_walk_free(struct pcdis_walk *walk);

#endif
