// SPDX-License-Identifier: Apache-2.0
//
// Call frame information (.eh_frame, .debug_frame) to unwind rules. One
// interpreter for the linker side (src_cfi.c) and for the runtime, which
// converts the modules that carry no table. Reads bytes, calls back; allocates
// nothing, takes no lock, so it may run in a signal handler.
//
// What a rule (format.h) cannot express becomes a row with PCLN_CFA_NONE:
// marked as not unwindable, never guessed.
#ifndef PCLNTAB_CFI_H
#define PCLNTAB_CFI_H

#include "pclntab.h"

// One section of CFI, in its own address space (link time or running).
struct pcln_cfi_section {
  struct pcln_span bytes;
  uint64_t va; // address of bytes.ptr[0], for pc-relative pointers
  uint64_t text_va, data_va; // bases of DW_EH_PE_textrel and datarel; 0: none
  uint16_t machine;          // ELF e_machine: see pcln_cfi_arch()
  uint8_t ptr_size;
  bool swap;
  bool eh;       // .eh_frame, else .debug_frame
  bool live;     // in the running process, its length perhaps unknown: a zero
                 // length ends the walk (in a file it is skipped)
  uint8_t track; // DWARF register whose saved place rules give in the place of
                 // FP's (such rules are not for unwinding); 0: FP
};

// What CFI of a machine is about. The one place that knows DWARF register
// numbers.
struct pcln_cfi_arch {
  uint8_t sp, fp, ra; // DWARF registers; ra: where a call leaves its return
                      // address, or, if it is pushed, the column of the pc
  uint8_t pushed_ra;  // bytes that a call pushes; 0: there is a link register
  uint8_t quantum;    // every instruction is a multiple of so many bytes
};
// False: CFI of this machine is not interpreted.
bool pcln_cfi_arch(uint16_t machine, struct pcln_cfi_arch *out);

bool pcln_rule_equal(const struct pcln_rule *a, const struct pcln_rule *b);

struct pcln_cfi_fde {
  uint64_t lo, hi; // pcs covered: lo <= pc < hi
  size_t off;      // of the FDE, from the section's start
  size_t cie_off;
  bool signal_frame; // augmentation 'S'
};

// Walks all FDEs. *off starts at 0 and moves to the next entry; PCLN_OK: *out
// is an FDE. PCLN_NOT_FOUND: the end. PCLN_CORRUPT: the entry at *off is
// malformed, reported; *off is behind it where its length could be read (the
// walk may go on), else at the section's end. PCLN_UNSUPPORTED: likewise, for
// an entry of an unknown version, augmentation or address encoding.
PCLN_MUST_CHECK enum pcln_status pcln_cfi_next(const struct pcln_cfi_section *s,
                                               size_t *off,
                                               struct pcln_cfi_fde *out,
                                               const struct pcln_sink *sink);

// The FDE at `off` (as .eh_frame_hdr's search table gives it). PCLN_NOT_FOUND:
// a CIE is there. Otherwise as pcln_cfi_next(), without report.
PCLN_MUST_CHECK enum pcln_status pcln_cfi_at(const struct pcln_cfi_section *s,
                                             size_t off,
                                             struct pcln_cfi_fde *out);

// One row: `rule` holds for lo <= pc < hi. cfa == PCLN_CFA_SP rows carry the
// offset in cfa_off; turning them into pcsp plus PCLN_CFA_SP_DELTA is the
// caller's choice. Return false to stop.
typedef bool (*pcln_cfi_row_fn)(void *ctx, uint64_t lo, uint64_t hi,
                                const struct pcln_rule *rule);

// Interprets an FDE's program. Rows ascend, do not overlap and cover
// [fde->lo, fde->hi) whole; a row may span several source rows whose rule is
// the same. pc-dependent expressions (PLT entries) are expanded pc by pc. A
// malformed program gives PCLN_CORRUPT (unknown instruction or machine:
// PCLN_UNSUPPORTED; too many remembered states: PCLN_LIMIT), a report, and a
// row PCLN_CFA_NONE for what it did not reach.
PCLN_MUST_CHECK enum pcln_status pcln_cfi_rows(const struct pcln_cfi_section *s,
                                               const struct pcln_cfi_fde *fde,
                                               pcln_cfi_row_fn fn, void *ctx,
                                               const struct pcln_sink *sink);

#endif
