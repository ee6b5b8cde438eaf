// SPDX-License-Identifier: Apache-2.0
//
// What the numbers in a function's record mean. A record says "PCDATA 1" and
// "FUNCDATA 3"; which is which has changed with Go's releases, the header's
// magic does not tell the releases of one layout apart, and some numbers are
// this project's own. So everything here goes by kind, and a kind becomes a
// number by the table's layout and `go_minor`. Where the release is not known
// and the candidates disagree, the answer is "unknown", never a guess: names
// then list the candidates, and numbers are PCLN_NO_INDEX.
//
// Nothing here allocates, locks or prints; any thread, any signal handler.
#ifndef PCLNTAB_GO_FUNCDATA_H
#define PCLNTAB_GO_FUNCDATA_H

#include "pclntab.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- Kinds and numbers ------------------------------------------------------

// What a PCDATA stream says of a pc.
enum pcln_pcdata_kind {
  PCLN_PD_ARG_SIZE,     // bytes of outgoing arguments (to go1.3)
  PCLN_PD_STACKMAP,     // row of the pointer maps
  PCLN_PD_INLTREE,      // innermost inlined call
  PCLN_PD_REGMAP,       // row of the register maps (go1.11 to 1.14)
  PCLN_PD_UNSAFE_POINT, // whether a goroutine may be preempted here
  PCLN_PD_ARG_LIVE,     // byte offset of a bitmap in ArgLiveInfo
  PCLN_PD_PANIC_BOUNDS, // where index and length of a bounds check are
  PCLN_PD_UNWIND,       // ours: unwind rule
  PCLN_PD_N,
};

// What a FUNCDATA payload holds.
enum pcln_funcdata_kind {
  PCLN_FD_ARGS_MAPS,
  PCLN_FD_LOCALS_MAPS,
  PCLN_FD_DEAD_MAPS, // to go1.4
  PCLN_FD_INLTREE,
  PCLN_FD_REG_MAPS, // go1.11 to 1.14
  PCLN_FD_STACK_OBJECTS,
  PCLN_FD_OPEN_DEFERS,
  PCLN_FD_ARG_INFO,
  PCLN_FD_ARG_LIVE,
  PCLN_FD_WRAP_INFO,
  PCLN_FD_CHECKPOINTS, // ours
  PCLN_FD_N,
};

#define PCLN_NO_INDEX UINT32_MAX

// The number of `kind` in this table. PCLN_NO_INDEX: its release has no such
// kind, or the release is unknown and the candidates disagree.
PCLN_API uint32_t pcln_pcdata_index(const struct pcln_table *t,
                                    enum pcln_pcdata_kind kind);
PCLN_API uint32_t pcln_funcdata_index(const struct pcln_table *t,
                                      enum pcln_funcdata_kind kind);

// The function's FUNCDATA of this kind, up to the end of the funcdata area.
// PCLN_NOT_FOUND: it has none. PCLN_UNSUPPORTED: its number depends on the
// release, which is not known.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_funcdata_of(const struct pcln_table *t, const struct pcln_func *f,
                 enum pcln_funcdata_kind kind, struct pcln_span *out);

// The releases go1.`lo` to go1.`hi` that may have written the table: one if
// go_minor is known, else those of the layout.
struct pcln_go_range {
  unsigned lo, hi;
};
PCLN_API struct pcln_go_range pcln_go_range(const struct pcln_table *t);

// Narrows the releases of a table whose go_minor is not known, by what is in
// it: functions of Go's runtime carry funcIDs, which moved between releases.
// Sets t->go_lo and t->go_hi, or leaves them where the table contradicts every
// release. Reads the name of each function, once. Call it after pcln_open().
PCLN_API void pcln_infer_release(struct pcln_table *t);

// Names, as Go's runtime spells them without the prefix: "StackMapIndex",
// "ArgsPointerMaps", "wrapper". Written into `buf`, which is returned, cut off
// to fit; PCLN_NAME_MAX bytes are enough. Where the release is not known, names
// that may be meant are joined by '|'; a number without a name is "unknown".
enum { PCLN_NAME_MAX = 160 };
PCLN_API const char *pcln_pcdata_name(const struct pcln_table *t,
                                      uint32_t index, char *buf, size_t len);
PCLN_API const char *pcln_funcdata_name(const struct pcln_table *t,
                                        uint32_t index, char *buf, size_t len);
PCLN_API const char *pcln_func_id_name(const struct pcln_table *t, uint8_t id,
                                       char *buf, size_t len);
// "TOPFRAME|SPWRITE|ASM"; "" for no flag; bits without a name in hexadecimal.
PCLN_API const char *pcln_flags_name(uint8_t flags, char *buf, size_t len);
// True if `id` is that of a compiler-made wrapper, which tracebacks leave out;
// false where the release is not known and candidates disagree.
PCLN_API bool pcln_is_wrapper(const struct pcln_table *t, uint8_t id);

// --- Arguments --------------------------------------------------------------

// How a traceback prints a function's arguments (go1.17 on): a program of
// items, walked in order.
enum pcln_arg_op {
  PCLN_ARG_VALUE,   // `size` bytes at `off` bytes from the first argument
  PCLN_ARG_BEGIN,   // of an aggregate: {
  PCLN_ARG_END,     // }
  PCLN_ARG_MORE,    // further ones are left out: ...
  PCLN_ARG_TOO_FAR, // a value that the encoding cannot place: _
};
struct pcln_arg {
  uint8_t op;   // enum pcln_arg_op
  uint8_t off;  // PCLN_ARG_VALUE: bytes from argp
  uint8_t size; // PCLN_ARG_VALUE: 1, 2, 4 or 8
  bool live;    // PCLN_ARG_VALUE: holds the argument at this pc, for sure
};
struct pcln_arg_iter {
  const uint8_t *pos, *end;
  struct pcln_span live; // ArgLiveInfo from the bitmap in force; may be absent
  uint8_t first_slot;    // offsets below it are always live
  uint8_t slot;          // of the next value that is not
  uint8_t depth;
  bool done;
  enum pcln_status status;
};
// Begins at the function's ArgInfo, with the liveness that holds at `pc`.
// PCLN_NOT_FOUND: the function has none, or the table comes without funcdata.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_args_begin(const struct pcln_table *t, const struct pcln_func *f,
                uint64_t pc, struct pcln_arg_iter *it);
// As pcln_args_begin(), where the value of the stream ArgLiveIndex at the pc is
// known; -1 where there is none.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_args_begin_live(const struct pcln_table *t, const struct pcln_func *f,
                     int32_t live_index, struct pcln_arg_iter *it);
// True: *out is the next item. False: the end, or it->status says what is
// wrong.
PCLN_API bool pcln_args_next(struct pcln_arg_iter *it, struct pcln_arg *out);

// --- Open-coded defers ------------------------------------------------------

// Deferred calls that the compiler put at the function's end (go1.14 on); a
// byte on the stack has a bit for each that was reached.
enum { PCLN_MAX_OPEN_DEFERS = 8 };
struct pcln_open_defers {
  uint32_t bits_off; // the byte, in bytes below the locals' end (varp)
  bool counted;      // `n` is known; go1.22 stores no count
  uint32_t n;
  uint32_t closure_off[PCLN_MAX_OPEN_DEFERS]; // of defer 0, 1...; below varp.
                                              // not counted: the first one's
};
// PCLN_NOT_FOUND: none. PCLN_UNSUPPORTED: the form depends on the release,
// which is not known.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_open_defers(const struct pcln_table *t, const struct pcln_func *f,
                 struct pcln_open_defers *out);

// --- Wrappers ---------------------------------------------------------------

// The entry of the function that this one wraps (go1.18 on). PCLN_NOT_FOUND:
// it wraps none, or does not say.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_wrapped(const struct pcln_table *t, const struct pcln_func *f,
             uint64_t *entry);

// --- Frame ------------------------------------------------------------------

// The most bytes that SP is below its value at entry: the frame's size.
// PCLN_NOT_FOUND: the function has no such stream.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_frame_size(const struct pcln_table *t, const struct pcln_func *f,
                uint32_t *out);

#ifdef __cplusplus
}
#endif
#endif
