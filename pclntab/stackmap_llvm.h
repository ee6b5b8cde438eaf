// SPDX-License-Identifier: Apache-2.0
//
// Records of LLVM's stack maps, version 3: where the values that a compiler
// chose to tell about are at one place of a function. src_stackmaps.c reads
// them from LLVM's section; FUNCDATA_LlvmRecords keeps those of which a pointer
// map cannot say all: deoptimisation values of statepoints, and what
// `llvm.experimental.stackmap` and `patchpoint` recorded.
//
//   0   u64  id
//   8   u32  bytes from the function's first to the place
//   12  u16  0; u16 number of locations
//   16  locations, 12 bytes each: u8 kind; u8 0; u16 size of the value; u16
//       DWARF register; u16 0; i32 offset, constant, or index of a constant
//       padding to 8; u16 0; u16 number of live-outs
//       live-outs, 4 bytes each: u16 DWARF register; u8 0; u8 size
//       padding to 8
//
// Nothing here allocates, locks or prints; any thread, any signal handler.
// Untrusted bytes: each call checks what it reads.
#ifndef PCLNTAB_STACKMAP_LLVM_H
#define PCLNTAB_STACKMAP_LLVM_H

#include "pclntab.h"

#ifdef __cplusplus
extern "C" {
#endif

enum pcln_llvm_kind {
  PCLN_LLVM_REGISTER = 1,       // the register holds the value
  PCLN_LLVM_DIRECT = 2,         // register + offset is the value, an address
  PCLN_LLVM_INDIRECT = 3,       // the value is in memory at register + offset
  PCLN_LLVM_CONSTANT = 4,       // the offset is the value
  PCLN_LLVM_CONSTANT_INDEX = 5, // the offset is the number of a constant
};
struct pcln_llvm_location {
  uint8_t kind;  // enum pcln_llvm_kind
  uint16_t size; // of the value, in bytes
  uint16_t reg;  // DWARF number
  int32_t off;
};
struct pcln_llvm_live_out {
  uint16_t reg; // DWARF number
  uint8_t size; // bytes
};
struct pcln_llvm_record {
  uint64_t id;
  uint32_t pc_off; // from the function's first byte
  uint16_t n_locations, n_live_outs;
  const uint8_t *locations, *live_outs; // private
  struct pcln_span bytes;               // the whole record
  bool swap;                            // private
};

struct pcln_cursor; // bytes.h

// The next record; offsets of `c` count from where records are 8-aligned.
// False: c->failed, it is cut off, or has a field that no record has.
PCLN_API bool pcln_llvm_record_read(struct pcln_cursor *c,
                                    struct pcln_llvm_record *out);
// Location `i`, below n_locations.
PCLN_API struct pcln_llvm_location
pcln_llvm_location(const struct pcln_llvm_record *r, unsigned i);
// Live-out `i`, below n_live_outs.
PCLN_API struct pcln_llvm_live_out
pcln_llvm_live_out(const struct pcln_llvm_record *r, unsigned i);

// A statepoint's locations: three constants (calling convention, flags, number
// of deoptimisation values), these values, pairs of base and derived pointers,
// and the variables on the stack that were named as live.
struct pcln_llvm_statepoint {
  uint32_t n_deopt; // from location PCLN_LLVM_DEOPT on
  uint32_t pairs;   // the first pair's first location
  uint32_t n_pairs;
  uint32_t allocas; // the first, up to n_locations
};
enum { PCLN_LLVM_DEOPT = 3 };
// False: the record has another shape, so it is no statepoint's.
PCLN_API bool pcln_llvm_statepoint(const struct pcln_llvm_record *r,
                                   struct pcln_llvm_statepoint *out);

// The records that a function keeps.
struct pcln_llvm_records { // private, all but `left` and `status`
  const uint8_t *start, *pos, *end;
  bool swap;
  uint32_t left; // records not yet given
  struct pcln_span constants;
  enum pcln_status status;
};
// PCLN_NOT_FOUND: the function has none. PCLN_CORRUPT: they cannot be read.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_llvm_records(const struct pcln_table *t, const struct pcln_func *f,
                  struct pcln_llvm_records *it);
// True: *out is the next record. False: the end, or it->status says what is
// wrong.
PCLN_API bool pcln_llvm_records_next(struct pcln_llvm_records *it,
                                     struct pcln_llvm_record *out);
// The constant that a location of kind CONSTANT_INDEX names. PCLN_CORRUPT:
// there is none.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_llvm_constant(const struct pcln_llvm_records *it,
                   const struct pcln_llvm_location *l, uint64_t *out);

#ifdef __cplusplus
}
#endif
#endif
