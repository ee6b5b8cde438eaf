// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a table: Go's container and what this project puts around and
// into it. Constants and layouts only, so that the encoder, the reader, the
// runtime and the tools share one home for every number. The prose, with a
// worked example, is docs/format.md.
//
// A table that this project writes is one contiguous blob:
//
//   byte 0   +----------------------+
//            | module header, 128 B |  ours; found from the program headers
//            +----------------------+
//            | pclntab              |  Go's container, go1.18 or go1.20 header
//            |  header              |
//            |  funcnametab         |
//            |  cutab               |
//            |  filetab             |
//            |  pctab               |
//            |  functab + records   |
//            +----------------------+
//            | funcdata area        |  Go's "gofunc" base
//            +----------------------+
//            | findfunctab          |
//            +----------------------+
//            | unwind rules, 16 B   |  ours; PCDATA_Unwind indexes it
//            +----------------------+
//            | roots                |  ours; variables that hold references
//            +----------------------+
//            | callees, 8 B         |  ours; compact inline trees index it
//            +----------------------+
//
// All integers have the byte order of the target. Offsets in the module header
// count from byte 0 of the blob.
#ifndef PCLNTAB_FORMAT_H
#define PCLNTAB_FORMAT_H

#include <stdint.h>

// --- Go's container ---------------------------------------------------------

enum {
  PCLN_GO_MAGIC_12 = 0xfffffffb,  // go1.2 to go1.15
  PCLN_GO_MAGIC_116 = 0xfffffffa, // go1.16, go1.17
  PCLN_GO_MAGIC_118 = 0xfffffff0, // go1.18, go1.19
  PCLN_GO_MAGIC_120 = 0xfffffff1, // go1.20 and later
};

// Fixed part of the header: magic u32, two zero bytes, quantum u8, pointer
// size u8. The header words (each of pointer size) begin behind it.
enum {
  PCLN_GO_HDR_QUANTUM = 6,
  PCLN_GO_HDR_PTRSIZE = 7,
  PCLN_GO_HDR_WORDS = 8,
  // Word numbers from go1.18 on.
  PCLN_GO_WORD_NFUNC = 0,
  PCLN_GO_WORD_NFILES = 1,
  PCLN_GO_WORD_TEXT_START = 2,
  PCLN_GO_WORD_FUNCNAMETAB = 3,
  PCLN_GO_WORD_CUTAB = 4,
  PCLN_GO_WORD_FILETAB = 5,
  PCLN_GO_WORD_PCTAB = 6,
  PCLN_GO_WORD_FUNCTAB = 7,
  PCLN_GO_N_WORDS = 8,
};

// functab entry, go1.18 on: {u32 pc offset from text start; u32 offset of the
// func record from the start of functab}; after the last entry a u32 end
// offset.
enum { PCLN_GO_FUNCTAB_ENTRY = 8 };

// Func record: offsets in bytes from its start, go1.18 on. u32 pcdata[] and
// then u32 funcdata[] follow the fixed part directly.
enum {
  PCLN_GO_FUNC_ENTRY_OFF = 0,
  PCLN_GO_FUNC_NAME_OFF = 4,
  PCLN_GO_FUNC_ARGS = 8,
  PCLN_GO_FUNC_DEFERRETURN = 12,
  PCLN_GO_FUNC_PCSP = 16,
  PCLN_GO_FUNC_PCFILE = 20,
  PCLN_GO_FUNC_PCLN = 24,
  PCLN_GO_FUNC_NPCDATA = 28,
  PCLN_GO_FUNC_CU_OFFSET = 32,
  // go1.18: funcID, flag, pad, nfuncdata are the bytes 36 to 39.
  PCLN_GO118_FUNC_ID = 36,
  PCLN_GO118_FUNC_SIZE = 40,
  // go1.20: startLine i32 at 36, then funcID, flag, pad, nfuncdata.
  PCLN_GO120_FUNC_START_LINE = 36,
  PCLN_GO120_FUNC_ID = 40,
  PCLN_GO120_FUNC_SIZE = 44,
};

// Inline tree record: 16 bytes from go1.20 on
// {u8 funcID; u8 pad[3]; i32 nameOff; i32 parentPc; i32 startLine};
// 20 bytes in go1.12 {i16 parent; u8 funcID; u8 pad; i32 file; i32 line;
// i32 nameOff; i32 parentPc}; 16 in go1.9 {i32 parent; i32 file; i32 line;
// i32 nameOff}.
enum {
  PCLN_GO19_INLINE_SIZE = 16,
  PCLN_GO118_INLINE_SIZE = 20,
  PCLN_GO120_INLINE_SIZE = 16,
};

// Compact inline tree: ours, in tables with callees (PCLN_MOD_CALLEES).
//   u8 width; then records {callee index; parentPc}, each 2 bytes wide, or 4
// if the bit of `width` below is set; no padding.
// A callee: {u32 nameOff; u32 startLine in the low 24 bits, funcID above}.
enum {
  PCLN_INLINE_WIDE_CALLEE = 1,
  PCLN_INLINE_WIDE_PC = 2,
  PCLN_CALLEE_SIZE = 8,
  PCLN_CALLEE_LINE_BITS = 24,
};

// findfunctab: a 20-byte record {u32 idx; u8 sub[16]} for each 4096 bytes of
// text; the last one ends after its last used byte.
enum {
  PCLN_FINDFUNC_BUCKET = 4096,
  PCLN_FINDFUNC_SUBBUCKET = 256,
  PCLN_FINDFUNC_NSUB = 16,
  PCLN_FINDFUNC_RECORD = 20,
};

#define PCLN_ARGS_UNKNOWN INT32_MIN               // `args` of a C function
#define PCLN_NO_CU UINT32_C(0xffffffff)           // `cuOffset` of a hole
#define PCLN_NO_FILE UINT32_C(0xffffffff)         // cutab entry without a file
#define PCLN_NO_FUNCDATA UINT32_C(0xffffffff)     // absent funcdata
#define PCLN_NO_RECORD_ENTRY UINT32_C(0xffffffff) // entryOff of the hole record

// Function flags (go1.17 on).
enum {
  PCLN_FLAG_TOPFRAME = 1, // outermost function of a stack
  PCLN_FLAG_SPWRITE = 2,
  PCLN_FLAG_ASM = 4,
};

// PCDATA indices: Go's as of 1.26, then ours.
enum {
  PCLN_PCDATA_UNSAFE_POINT = 0,
  PCLN_PCDATA_STACKMAP = 1,
  PCLN_PCDATA_INLTREE = 2,
  PCLN_PCDATA_ARGLIVE = 3,
  PCLN_PCDATA_PANICBOUNDS = 4,
  PCLN_PCDATA_UNWIND = 5, // ours: index of the unwind rule; -1: see pcsp
  // Ours, in frames whose size only their SP tells (realigned ones): bytes from
  // SP to the first word of the locals' map; -1: it ends below the CFA.
  PCLN_PCDATA_LOCALS_SP = 6,
  // The first and the last number that users may give a meaning.
  PCLN_PCDATA_USER = 16,
  PCLN_PCDATA_USER_LAST = 31,
};

// PCDATA_StackMapIndex in our tables, beside row numbers and Go's -1: a call
// from which no collection may start ("gc-leaf"), or no call at all. A
// collector that meets a frame there must treat it as fatal.
enum { PCLN_STACKMAP_NO_SAFEPOINT = -2 };

// In packed records (PCLN_MODF_PACKED) indices stay below these.
enum { PCLN_PACKED_PCDATA = 32, PCLN_PACKED_FUNCDATA = 16 };

// FUNCDATA indices: Go's, then ours.
enum {
  PCLN_FUNCDATA_ARGS_MAPS = 0,
  PCLN_FUNCDATA_LOCALS_MAPS = 1,
  PCLN_FUNCDATA_STACK_OBJECTS = 2,
  PCLN_FUNCDATA_INLTREE = 3,
  PCLN_FUNCDATA_OPEN_DEFERS = 4,
  PCLN_FUNCDATA_ARG_INFO = 5,
  PCLN_FUNCDATA_ARG_LIVE = 6,
  PCLN_FUNCDATA_WRAP_INFO = 7,
  PCLN_FUNCDATA_CHECKPOINTS = 8,   // ours: entry points into long streams
  PCLN_FUNCDATA_POINTER_PAIRS = 9, // ours: bases of derived pointers
  PCLN_FUNCDATA_GC = 10,           // ours: Go's single record of July 2013
  PCLN_FUNCDATA_LLVM_RECORDS = 11, // ours: deopt values, patchpoints
  // The first and the last number that users may give a meaning.
  PCLN_FUNCDATA_USER = 12,
  PCLN_FUNCDATA_USER_LAST = 15,
};

// FUNCDATA_GC: {u32 locals: bytes below varp that are variables; u32 nptrs;
// u32 ptrs[nptrs]: a bit for each word of the arguments, from argp}. In Go's
// own tables of July 2013 it has the number 0.

// FUNCDATA_LlvmRecords: u32 number of records; u32 number of constants;
// constants, 8 bytes each; records as LLVM's stack maps of version 3 have them
// (stackmap_llvm.h).

// Two-bit entries of pointer maps, of types and of variables; four a byte,
// lowest first. After MULTIWORD the next word's entry says what it is.
enum pcln_word_code {
  PCLN_CODE_DEAD = 0,
  PCLN_CODE_SCALAR = 1,
  PCLN_CODE_POINTER = 2,
  PCLN_CODE_MULTIWORD = 3,
};
enum pcln_multiword_code {
  PCLN_MULTI_STRING = 0, // data, length
  PCLN_MULTI_SLICE = 1,  // data, length, capacity (which has its own entry)
  PCLN_MULTI_IFACE = 2,  // method table, data
  PCLN_MULTI_EFACE = 3,  // type, data
};

// Compact pointer maps: ours, in tables with PCLN_MODF_COMPACT_MAPS. They stand
// in pctab, directly behind the terminator of the function's stream of row
// numbers (PCDATA_StackMapIndex), so that they need no entry in the record, no
// alignment, and no bytes for what the stream says. Varints:
//   head: bit 0 there is a map of the locals, bit 1 one of the arguments; from
//     bit 2 on: words that a row of the locals stores
//   unless head is 0: rows in the low 3 bits; from bit 3 on: words between the
//     last stored and the locals' end, which are scalars in all rows
//   if those low 3 bits are all set: rows above 7
//   if there is a map of the arguments: words of its rows
// and then the locals' rows and the arguments' rows, two-bit entries, each row
// in whole bytes.
//
// The stream may end before its function does: no row holds from there on, as
// if it said PCLN_STACKMAP_NO_SAFEPOINT.
enum {
  PCLN_MAPS_LOCALS = 1,
  PCLN_MAPS_ARGS = 2,
  PCLN_MAPS_WORDS_SHIFT = 2,
  PCLN_MAPS_ROWS_MASK = 7,
  PCLN_MAPS_SKIP_SHIFT = 3,
  PCLN_MAPS_MAX_WORDS = 1 << 22, // of a row
};

// FUNCDATA_Checkpoints. Only functions with a long stream have it.
//   u32 n; n x {u32 stream: pctab offset; u32 first; u32 count};
//   then entries {u32 pc_off; u32 byte_off; i32 value}.
// An entry is the decoder's state before the pair at `byte_off` bytes into the
// stream: the run it begins starts at `pc_off` bytes from the function's entry
// and `value` is the value of the run before. Entries of one stream ascend.
enum { PCLN_CHECKPOINT_STREAM = 12, PCLN_CHECKPOINT_ENTRY = 12 };

// --- Our module header ------------------------------------------------------

#define PCLN_MODULE_MAGIC "PCLNTAB" // 8 bytes with its NUL
enum { PCLN_MODULE_VERSION = 1 };

enum {
  PCLN_MOD_MAGIC = 0,          // 8 bytes
  PCLN_MOD_VERSION = 8,        // u16, also tells the byte order
  PCLN_MOD_PTRSIZE = 10,       // u8, 4 or 8
  PCLN_MOD_STACKMAP_BITS = 11, // u8, bits per word in pointer maps: 0, 1, 2
  PCLN_MOD_FLAGS = 12,         // u32, PCLN_MODF_*
  PCLN_MOD_BLOB_LEN = 16,      // u64, bytes from byte 0 to the blob's end
  PCLN_MOD_HEADER_VA = 24, // u64, link-time address of byte 0; 0 in a sidecar
  PCLN_MOD_TEXT_VA = 32,   // u64, link-time address of text start
  PCLN_MOD_TEXT_LEN = 40,  // u64, bytes from text start to the end marker
  PCLN_MOD_PCLNTAB = 48,   // {u32 offset; u32 length}, as are the next four
  PCLN_MOD_FUNCDATA = 56,
  PCLN_MOD_FINDFUNCTAB = 64,
  PCLN_MOD_RULES = 72,
  PCLN_MOD_CHECKSUM = 80,     // u32, CRC-32C of the blob with this field as 0
  PCLN_MOD_BUILD_ID_LEN = 84, // u32, 0 to 32
  PCLN_MOD_MACHINE = 88,      // u16, ELF e_machine
  PCLN_MOD_RESERVED = 90,     // 2 bytes, 0
  PCLN_MOD_CALLEES = 92,  // u32, offset of the callees, which end the blob; 0:
                          // inline trees are Go's
  PCLN_MOD_BUILD_ID = 96, // 32 bytes, GNU build-id, zero padded
  PCLN_MOD_SIZE = 128,
  PCLN_BUILD_ID_MAX = 32,
};

enum {
  PCLN_MODF_GO_COMPAT = 1, // section .gopclntab; header textStart is set
  // Func records have only the PCDATA and FUNCDATA entries that are present:
  // npcdata is a mask of PCDATA indices, nfuncdata (low) and pad (high) one of
  // FUNCDATA indices.
  PCLN_MODF_PACKED = 2,
  // {u32 offset; u32 length} of the roots stand behind the module header, and
  // 8 bytes 0 behind them: PCLN_MOD_ROOTS.
  PCLN_MODF_ROOTS = 4,
  // Pointer maps are compact: they stand behind the streams of their row
  // numbers, and no function has FUNCDATA 0 or 1.
  PCLN_MODF_COMPACT_MAPS = 8,
};
enum { PCLN_MOD_ROOTS = PCLN_MOD_SIZE, PCLN_MOD_SIZE_ROOTS = 144 };

// --- Roots ------------------------------------------------------------------
//
// Variables in static storage that hold references. u32 n, 4 bytes 0, then n
// records of 24 bytes, sorted by flags and then `off`:
//   {i64 off; u32 n_words; u32 repeat; u32 codes; u32 flags}
// `off`: bytes from text start, or (PCLN_ROOT_TLS) from the start of the
// module's block of thread-local storage. The variable is `repeat` times
// `n_words` words; `codes` is where the two-bit entries of one repetition
// begin, in bytes from the start of the roots.
enum { PCLN_ROOTS_HEADER = 8, PCLN_ROOT_SIZE = 24, PCLN_ROOT_TLS = 1 };

// --- Annotations ------------------------------------------------------------
//
// Section .debug_pclntab of object files and linked files: records back to
// back, in the byte order of the target. Any section of that name begins with
// a record and ends with one. docs/annotations.md is the manual.
//
//   0   u16  mark, PCLN_ANNOT_MARK; swapped, it tells the other byte order
//   2   u8   version, PCLN_ANNOT_VERSION
//   3   u8   kind, enum pcln_annot_kind
//   4   u32  length of the record in bytes, this header included; a multiple
//            of 4
//   8   8    address: a relocated word of the target's pointer size, and 4
//            bytes 0 behind it where that is 4
//   16       what the kind says
enum {
  PCLN_ANNOT_MARK = 0x4350,
  PCLN_ANNOT_VERSION = 1,
  PCLN_ANNOT_KIND = 3,
  PCLN_ANNOT_LEN = 4,
  PCLN_ANNOT_ADDRESS = 8,
  PCLN_ANNOT_HEADER = 16,
};
enum pcln_annot_kind {
  // The function that holds the address has this funcdata.
  //   u32 index; u32 length of the payload; payload, padded with 0 to 4
  PCLN_ANNOT_FUNCDATA = 1,
  // From the address on, up to the next such record of the function, pcdata
  // `index` has this value.
  //   u32 index; i32 value
  PCLN_ANNOT_PCDATA = 2,
  // The safepoints of one function, by a compiler. Address: its first byte.
  //   u32 bytes of the function; u32 n_points; u32 length of its linkage name
  //   with NUL; u32 bytes from SP at the calls up to a pushed return address,
  //   or to the CFA where none is pushed (LLVM's stack size), or
  //   PCLN_FRAME_VARIES; the name, padded with 0 to 4; then points, ascending:
  //     u32 return address, in bytes from the function's first; u16 flags,
  //     PCLN_POINT_*; u16 n_areas; u16 n_pairs; u16 0; then areas:
  //       u16 DWARF register; u16 0; i32 offset: words begin at register +
  //       offset; u32 n_words; u32 repeat; two-bit entries of one repetition,
  //       padded with 0 to 4 bytes
  //     and then pairs:
  //       u16 base's register; u16 derived pointer's register; i32 base's
  //       offset; i32 derived pointer's offset: where they are in memory
  PCLN_ANNOT_SAFEPOINTS = 3,
  // A variable that holds references. Address: its first byte, or its offset
  // in the block of thread-local storage.
  //   u32 flags, PCLN_ROOT_*; u32 n_words; u32 repeat; u32 length of its name
  //   with NUL; two-bit entries of one repetition, padded to 4; the name,
  //   padded to 4
  PCLN_ANNOT_ROOT = 4,
  // A translation unit that uses references, which the compiler's plug-in has
  // (GC_UNIT) or has not (GC_SOURCE) seen: the header gc.h emits the latter,
  // the plug-in makes the former of it. Address: 0.
  //   file name with NUL, padded with 0 to 4
  PCLN_ANNOT_GC_SOURCE = 5,
  PCLN_ANNOT_GC_UNIT = 6,
};
enum {
  PCLN_POINT_NO_COLLECT = 1, // the call was declared not to collect
};
#define PCLN_FRAME_VARIES UINT32_C(0xffffffff) // no constant frame size

// FUNCDATA_PointerPairs: varints. For each row of the pointer maps that has
// derived pointers, ascending: rows since the one listed before, at first since
// row -1; number of pairs; pairs {word of the base; word of the derived
// pointer}. A 0 ends it. Words are counted through the row of the locals and on
// through that of the arguments.

// --- Unwind rules -----------------------------------------------------------
//
// 16 bytes: {u8 cfa; u8 fp; u8 ra; u8 reg; i32 cfa_off; i32 fp_off; i32
// ra_off}. `reg`: bits 0 to 6 the DWARF register of PCLN_CFA_REG, or, for the
// two _DEREF kinds, the words (of pointer size) added to the loaded value, or
// 0; bit 7 set: a signal frame, so the caller's pc is exact. Assembler code
// that saves the caller's SP before its pushes needs the words: CFA = *(SP +
// 40) + 8. SP, FP and other registers are the values in the frame itself; a
// pointer that a rule loads is read from memory at the named address.
enum {
  PCLN_RULE_SIZE = 16,
  PCLN_RULE_SIGNAL = 0x80,
  PCLN_RULE_REG_MASK = 0x7f,
};
enum pcln_cfa_kind {     // the canonical frame address is
  PCLN_CFA_NONE = 0,     //  unknown: not unwindable here
  PCLN_CFA_SP_DELTA = 1, //  SP + pcsp(pc) + size of a pushed return address
  PCLN_CFA_SP = 2,       //  SP + cfa_off
  PCLN_CFA_FP = 3,       //  FP + cfa_off
  PCLN_CFA_REG = 4,      //  reg + cfa_off; only in a frame with all registers
  PCLN_CFA_SP_DEREF = 5, //  *(SP + cfa_off) + words * pointer size
  PCLN_CFA_FP_DEREF = 6, //  *(FP + cfa_off) + words * pointer size
};
enum pcln_save_kind {      // the caller's FP or the return address is
  PCLN_SAVE_SAME = 0,      //  unchanged (FP), in the link register (RA)
  PCLN_SAVE_CFA = 1,       //  *(CFA + off)
  PCLN_SAVE_SP = 2,        //  *(SP + off)
  PCLN_SAVE_FP = 3,        //  *(FP + off)
  PCLN_SAVE_UNDEFINED = 4, // lost (FP); there is no caller (RA)
};

// --- Names in ELF files -----------------------------------------------------

#define PCLN_SECTION ".pclntab"
#define PCLN_ANNOT_SECTION ".debug_pclntab"
#define PCLN_STACKMAPS_SECTION ".llvm_stackmaps"
#define PCLN_STACKMAPS_DEMOTED ".debug_llvm_stackmaps"
#define PCLN_SECTION_GO ".gopclntab"
#define PCLN_SLOT_SECTION ".note.pclntab" // reserves the program header
#define PCLN_SLOT_NOTE_NAME "pclntab"     // owner of the reserving note
enum { PCLN_SLOT_NOTE_TYPE = 1 };
// A note in each object that uses references, and so in the linked file: strip
// takes the annotations of an object away and leaves this, so that nobody can
// take it for one without references. Its owner is that of the note above, it
// has no description.
#define PCLN_GC_NOTE_SECTION ".note.pclntab.gc"
enum { PCLN_GC_NOTE_TYPE = 2, PCLN_GC_NOTE_SIZE = 20 };

#endif
