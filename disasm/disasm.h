// SPDX-License-Identifier: Apache-2.0
//
// Machine code held against a table: decoding, listing, checking.
//
// An instruction is decoded into a neutral form: what it does to control flow,
// to the stack pointer, to the frame pointer and to the return address. That is
// all that frames are made of, so checker and listing know no architecture;
// each architecture has one file, insn_*.c, from capstone to this form.
//
// Bytes come from the caller, who knows the file. Addresses are link-time
// addresses, as after pcln_open().
#ifndef PCLNTAB_DISASM_H
#define PCLNTAB_DISASM_H

#include "pclntab.h"
#include "stackmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- One instruction --------------------------------------------------------

enum pcdis_flow {
  PCDIS_NEXT,   // goes on behind itself
  PCDIS_CALL,   // comes back behind itself
  PCDIS_JUMP,   // goes to the target alone
  PCDIS_BRANCH, // to the target or behind itself
  PCDIS_RETURN,
  PCDIS_STOP, // no way on: ud2, hlt, brk
};

// What a register holds after the instruction, or where one is stored.
enum pcdis_place_kind {
  PCDIS_SAME,    // register: unchanged. Store: none
  PCDIS_SP,      // the old stack pointer + off
  PCDIS_FP,      // the old frame pointer + off
  PCDIS_TMP0,    // the old first temporary register + off
  PCDIS_TMP1,    // the old second one + off
  PCDIS_SP_LESS, // the old stack pointer - the old second temporary register
  PCDIS_SP_MORE, // their sum
  PCDIS_CONST,   // off itself
  PCDIS_SP_WORD, // the word in memory at the old stack pointer + off
  PCDIS_FP_WORD, // the word in memory at the old frame pointer + off
  PCDIS_ALIGNED, // the old stack pointer, rounded down to a multiple of off
  PCDIS_WORD,    // the word in memory at another address
  PCDIS_OTHER,   // anything else
};
struct pcdis_place {
  uint8_t kind; // enum pcdis_place_kind
  int32_t off;  // bytes
};

enum { PCDIS_TEXT_MAX = 160, PCDIS_N_TMP = 2 };
struct pcdis_insn {
  uint64_t va;
  uint32_t len;    // bytes
  uint8_t flow;    // enum pcdis_flow
  bool indirect;   // call, jump: the target is not in the instruction
  bool padding;    // does nothing, or traps: what stands between functions
  uint64_t target; // of a direct call, jump or branch
  uint64_t refers; // the address that an operand names by its distance; 0: none
  // New values; of a call, those it comes back with. SP and FP are those of
  // unwind rules (format.h); `ra` is the link register, PCDIS_SAME where the
  // machine pushes return addresses. PCDIS_OTHER is also said in doubt.
  // `tmp` are the other registers in which compilers for the machine keep
  // addresses of the stack, if there are any: Go's prologues on AArch64 store
  // into a large frame before they move SP, through x20, until go1.17 x27;
  // x27 also holds the size of a frame that is too large for an immediate.
  struct pcdis_place sp, fp, ra, tmp[PCDIS_N_TMP];
  // Where the old frame pointer and link register are stored: PCDIS_SAME, SP,
  // FP or a TMP (memory at the old register's value + off). A push is a store.
  struct pcdis_place fp_store, ra_store;
  char text[PCDIS_TEXT_MAX]; // in the assembler's syntax; "" unless asked for
};

// --- Decoders ---------------------------------------------------------------

struct pcdis; // one decoder, for one architecture

// A decoder for the ELF machine `machine` (EM_X86_64, EM_AARCH64) and byte
// order. PCLN_UNSUPPORTED: no decoder for it. PCLN_NO_MEMORY. Close it with
// pcdis_close(). One thread at a time.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcdis_open(uint16_t machine, bool big_endian, struct pcdis **out);
PCLN_API void pcdis_close(struct pcdis *d);
// The machine's name, e.g. "s390x"; "unknown" for one without. And the names of
// those that pcdis_open() has decoders for. Constant strings.
PCLN_API const char *pcdis_machine_name(uint16_t machine);
PCLN_API const char *pcdis_machines(void);

// Decodes the instruction at `bytes`, which stands at address `va`. PCLN_OK:
// *out is filled. PCLN_CORRUPT: these bytes are no instruction (not reported).
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcdis_decode(struct pcdis *d, const uint8_t *bytes, size_t len, uint64_t va,
             bool want_text, struct pcdis_insn *out);

// --- A program's code -------------------------------------------------------

// The bytes at link-time address `va`, up to the end of what is stored without
// a gap; absent where the file has none.
struct pcdis_code {
  struct pcln_span (*at)(void *ctx, uint64_t va);
  void *ctx;
  uint16_t machine; // ELF e_machine, whatever the file's format
  bool big_endian;
};

// --- The listing ------------------------------------------------------------

// One instruction, or bytes that are none, with what the table says of it.
struct pcdis_line {
  uint64_t va;
  struct pcln_span bytes; // absent: the file has none, up to the function's end
  bool is_insn;           // else data, or no instruction that this file knows
  struct pcdis_insn insn; // if is_insn; its text, too, otherwise
  // The position, and whether it differs from that of the line before. The
  // inlined calls there are what pcln_frames_begin() at `va` walks.
  bool new_position;
  struct pcln_row row;
  // The unwind rule, and whether it differs from that of the line before.
  // has_rule is false where the table has none.
  bool new_rule, has_rule;
  struct pcln_rule rule;
  // Behind a call of a function with pointer maps: what is live while the
  // callee runs.
  bool safepoint;
  struct pcln_stackmap live;
  // The function that the target, or what the operand refers to, lies in; null:
  // none. Bytes from its entry.
  const char *name;
  uint64_t name_off;
};

// Walks the code of one function or hole of `t`. The struct is the caller's;
// what it refers to must outlive it. `text` asks for the assembler's text.
struct pcdis_listing {
  const struct pcln_table *table;
  struct pcdis *decoder;
  struct pcln_func func;
  bool text;
  bool has_maps;          // the function has pointer maps
  uint64_t va;            // of the next line
  struct pcln_span bytes; // of the function from `va` on
  struct pcln_rows rows;
  struct pcln_row row;
  struct pcln_row shown; // the position that the last line had
  struct pcln_rule rule;
  struct pcln_run rule_range;
  bool has_rule;
  struct pcln_stackmap live; // of the last call
  bool has_live;             // and it may hold for the next
  enum pcln_status status;
};
PCLN_API void pcdis_listing_begin(struct pcdis_listing *l,
                                  const struct pcln_table *t,
                                  const struct pcdis_code *code,
                                  struct pcdis *d, const struct pcln_func *f,
                                  bool text);
// True: *out is the next line; lines follow each other without a gap. False:
// the function's end. What the table says of a line is left out where the table
// is wrong; l->status then says so. Neither allocates.
PCLN_API bool pcdis_listing_next(struct pcdis_listing *l,
                                 struct pcdis_line *out);

// --- The check --------------------------------------------------------------

// What keeps an instruction or a call from being proven, without being a fault;
// each is counted, so that a verdict shows what it stands on.
#define PCDIS_EXCUSE_LIST(X)                                                   \
  X(PCDIS_EXCUSE_NO_RULE, "no_rule", "the table gives no rule")                \
  X(PCDIS_EXCUSE_DEREF, "deref", "the rule reads the frame's end from memory") \
  X(PCDIS_EXCUSE_SEEDED, "seeded", "reached by no path that can be followed")  \
  X(PCDIS_EXCUSE_JUMP, "jump", "reached by a jump to places not known")        \
  X(PCDIS_EXCUSE_LOST, "lost", "the code's own effect cannot be followed")     \
  X(PCDIS_EXCUSE_DATA, "data", "bytes in the text that are no instruction")    \
  X(PCDIS_EXCUSE_PART, "part", "a part of a function, entered with a frame")   \
  X(PCDIS_EXCUSE_NORETURN, "noreturn", "a call that may never come back")      \
  X(PCDIS_EXCUSE_MERGE, "merge", "a path that another path contradicts")       \
  X(PCDIS_EXCUSE_SP_WRITE, "sp_write", "assembly that moves its own stack")    \
  X(PCDIS_EXCUSE_SPLIT, "split", "between the halves of one move of SP")       \
  X(PCDIS_EXCUSE_PIECES, "pieces", "an instruction written in pieces")         \
  X(PCDIS_EXCUSE_SIGNAL, "signal", "a signal trampoline")                      \
  X(PCDIS_EXCUSE_LEAF_CALL, "leaf_call", "a call that cannot collect")

#define PCDIS_EXCUSE_ENUM(name, word, text) name,
enum pcdis_excuse { PCDIS_EXCUSE_LIST(PCDIS_EXCUSE_ENUM) PCDIS_N_EXCUSES };
#undef PCDIS_EXCUSE_ENUM
// The stable word for an excuse, and a sentence on it; constant strings.
PCLN_API const char *pcdis_excuse_word(enum pcdis_excuse e);
PCLN_API const char *pcdis_excuse_text(enum pcdis_excuse e);

// How much was really proven. An instruction is proven if the rule at it
// follows from the code between it and the function's entry; it is held if it
// only follows from the rule of an instruction before it.
struct pcdis_check_stats {
  uint64_t funcs, funcs_full, funcs_part, funcs_none; // all, some, no proven
  uint64_t insns, insns_proven, insns_held;
  uint64_t rows;  // rows of all streams that begin on an instruction
  uint64_t calls; // in functions with pointer maps
  uint64_t calls_mapped;
  uint64_t findings;
  uint64_t excused[PCDIS_N_EXCUSES]; // instructions, calls or functions
};

// Holds every function of `t` against the code: see docs/messages.md, names
// that begin with "code-". `t` is one that pcln_verify() found sound, or else
// findings may be missing. `stats` may be null, and is filled whatever is
// returned. PCLN_OK: nothing found. PCLN_CORRUPT: findings were reported to the
// sink. PCLN_UNSUPPORTED: no decoder for the machine, reported. PCLN_NO_MEMORY.
// Allocates in proportion to the longest function. Any thread.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcdis_check(const struct pcln_table *t, const struct pcdis_code *code,
            struct pcdis_check_stats *stats, const struct pcln_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
