// SPDX-License-Identifier: Apache-2.0
//
// Reading a pclntab: which function, file and line a program counter belongs
// to, through inlined calls, and how its frame is unwound.
//
// The table is any byte range that holds a blob of this project (module header
// first, see format.h) or a bare Go table of go1.2 and later. Nothing here
// allocates, locks, prints or keeps state outside its arguments, so every
// function may be called from any thread and from any signal handler. Every
// read is bounds-checked: bytes that lie make a lookup return PCLN_CORRUPT or a
// wrong answer, never a fault. pcln_verify() proves a table sound beforehand.
//
// Addresses. `pc` and `entry` are in the address space of the table's
// `text_start`: link-time addresses after pcln_open(), those of the running
// process after the caller added its load bias to `text_start`.
//
// Return addresses. A return address is the address behind a call, which may
// already belong to the next line, inlined call or function. Whoever looks up
// a caller's frame passes the return address minus one; the pc of a frame that
// a signal interrupted is passed as it is.
#ifndef PCLNTAB_PCLNTAB_H
#define PCLNTAB_PCLNTAB_H

#include "format.h"
#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pcln_span {
  const uint8_t *ptr; // null: absent
  size_t len;         // bytes
};

// Layout of a table's records, by the header's magic.
enum pcln_layout { PCLN_GO_12, PCLN_GO_116, PCLN_GO_118, PCLN_GO_120 };

// An opened table. The caller owns the struct and the bytes; both must outlive
// every result. Fill it with pcln_open() only; all fields may be read, and
// `text_start` may be moved by the load bias.
struct pcln_table {
  enum pcln_layout layout;
  uint8_t ptr_size; // 4 or 8
  uint8_t quantum;  // bytes per unit of a pc delta: 1, 2 or 4
  bool swap;        // the table's byte order is not this machine's
  bool ours;        // a module header came first
  uint32_t n_funcs; // functab entries, holes included
  uint64_t text_start;
  uint64_t text_len;  // bytes from text_start to the functab's end marker
  uint64_t header_va; // ours: link-time address of the blob; 0 in a sidecar
  uint32_t flags;     // ours: PCLN_MODF_*
  uint8_t stackmap_bits;
  uint16_t machine; // ELF e_machine; 0: unknown
  struct pcln_span blob, pclntab;
  struct pcln_span names, cutab, files, pctab, functab; // functab with records
  struct pcln_span funcdata, findfunctab, rules;        // may be absent
  struct pcln_span callees; // ours: inline trees are compact; else absent
  struct pcln_span roots;   // ours: variables with references; or absent
  struct pcln_span rodata;  // as given to pcln_open()
  uint64_t funcdata_va; // before go1.18: link-time address of funcdata.ptr[0]
  struct pcln_span (*at)(void *ctx, uint64_t va); // as given to pcln_open()
  void *at_ctx;
  unsigned go_minor;    // as given to pcln_open()
  uint8_t go_lo, go_hi; // else the releases in question: pcln_infer_release()
  struct pcln_span build_id;
};

// What a bare Go table cannot say of itself, or says wrong. All fields may be
// 0.
struct pcln_open_options {
  uint64_t text_start; // 0: from the header (may be 0 there in a PIE, or 1.26)
  struct pcln_span funcdata; // "gofunc" area; absent: nothing is inlined
  uint64_t funcdata_va; // its link-time address; tables before go1.18 need it
  // The program's bytes at a link-time address, absent if it has none there.
  // May be null. Tables before go1.18 hold addresses of funcdata, which need
  // not all be in `funcdata`.
  struct pcln_span (*at)(void *ctx, uint64_t va);
  void *at_ctx;
  struct pcln_span findfunctab; // absent: functab is searched binarily
  unsigned go_minor; // n of go1.n, where known: what the numbers of PCDATA,
                     // FUNCDATA and funcID mean, and inlined calls to go1.15
  uint16_t machine;  // ELF e_machine, where known: where maps lie in frames
  // The bytes at moduledata's "rodata" (go1.18 on): masks of stack objects.
  struct pcln_span rodata;
  // The header's magic is not believed: the layout is `layout`. Where the magic
  // is none at all, the byte order is the one in which the header makes sense.
  bool force_layout;
  enum pcln_layout layout;
};

// The layout of a Go release's tables, by its version: "1.21", "go1.16.3",
// "1.2rc1". False: no version of Go from 1.2 on. *minor, if not null, is the
// number behind the first dot.
PCLN_API bool pcln_layout_of_version(const char *version,
                                     enum pcln_layout *layout, unsigned *minor);
// "go1.2", "go1.16", "go1.18" or "go1.20": the first release with it.
PCLN_API const char *pcln_layout_name(enum pcln_layout layout);

// Opens the table in `bytes`: reads the headers, checks that every part lies
// inside and that functab has room. O(1) but for the checks of a sound header.
// `options` and `sink` may be null. PCLN_OK: *t is filled. PCLN_NOT_FOUND: no
// known magic. PCLN_UNSUPPORTED: a newer version. PCLN_CORRUPT: reported; then
// pcln_recover() in scan.h may still make something of the bytes.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_open(struct pcln_table *t, const void *bytes, size_t len,
          const struct pcln_open_options *options,
          const struct pcln_sink *sink);

// Code that neither a symbol nor DWARF names is called by its section and
// offset, as ".text+0x40": what stands between the two, in no other name.
#define PCLN_UNNAMED "+0x"

// One function, or the hole between two.
struct pcln_func {
  uint64_t entry;     // first pc
  uint64_t end;       // one past the last: the next functab entry's pc
  uint32_t idx;       // functab index
  bool hole;          // no function: padding or code that nobody described
  const char *name;   // linkage name, in the table; "" for a hole
  int32_t start_line; // line of the declaration; 0 unknown
  int32_t args;       // bytes of stack arguments; PCLN_ARGS_UNKNOWN
  uint32_t deferreturn;
  uint8_t func_id, flags;              // Go's funcID; PCLN_FLAG_*
  uint32_t pcsp, pcfile, pcln;         // pctab offsets; 0: absent
  uint32_t cu_offset;                  // index of the unit's first cutab entry
  uint32_t n_pcdata, n_funcdata;       // indices from here on are absent
  uint32_t pcdata_mask, funcdata_mask; // of packed records: those present
  uint32_t rec_off; // bytes from the start of functab to the record
};

// Finds the function or hole that covers `pc`.
// PCLN_NOT_FOUND: pc is outside the table's text. *out changes on OK only.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_find_func(const struct pcln_table *t, uint64_t pc, struct pcln_func *out);

// The function or hole with functab index `idx`; PCLN_NOT_FOUND past the last.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_func_at(const struct pcln_table *t, uint32_t idx, struct pcln_func *out);

// The pctab offset of the function's PCDATA stream `index`; 0: absent.
PCLN_API uint32_t pcln_pcdata_stream(const struct pcln_table *t,
                                     const struct pcln_func *f, uint32_t index);

// A run of a stream: `value` holds for lo <= pc - entry < hi.
struct pcln_run {
  uint32_t lo, hi; // bytes from the function's entry
  int32_t value;
};

// The run of `stream` (a pctab offset) that covers `pc`. Uses the function's
// checkpoints, so the cost does not grow with the function. PCLN_NOT_FOUND: the
// stream is absent or ends before pc; then the value is -1 by definition.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_stream_find(const struct pcln_table *t, const struct pcln_func *f,
                 uint32_t stream, uint64_t pc, struct pcln_run *out);

// Walks a stream from the function's entry, also past the function's last byte
// (virtual pcs of inlined call sites). `it` is the caller's.
struct pcln_run_iter {
  const uint8_t *pos, *end;
  uint32_t pc_off;
  int32_t value;
  uint8_t quantum;
  bool first, strict;
  enum pcln_status status;
};
PCLN_API void pcln_runs_begin(const struct pcln_table *t, uint32_t stream,
                              struct pcln_run_iter *it);
// True: *out is the next run. False: the end, or it->status says what is wrong.
// A run that ends behind all pcs of 32 bits is the last, with the end
// UINT32_MAX, and the status then is PCLN_CORRUPT already.
PCLN_API bool pcln_runs_next(struct pcln_run_iter *it, struct pcln_run *out);

// Value of PCDATA `index` at `pc`; -1 where nothing is said. In tables with
// compact maps PCDATA_StackMapIndex is -2 behind the end of its stream.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_pcdata_at(const struct pcln_table *t, const struct pcln_func *f,
               uint32_t index, uint64_t pc, int32_t *value);

// The bytes from the function's FUNCDATA `index` to the end of the funcdata
// area (Go stores no length). PCLN_NOT_FOUND: absent.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_funcdata(const struct pcln_table *t, const struct pcln_func *f,
              uint32_t index, struct pcln_span *out);

// File name for a file number of the function's unit; null: none.
PCLN_API const char *pcln_file_name(const struct pcln_table *t,
                                    const struct pcln_func *f, int32_t file);

// Walks the positions of a function: the streams of files, lines and inlined
// calls side by side, each decoded once. This is the way to read all of a
// table, at some ten nanoseconds a row, where a lookup for each pc would decode
// each stream from its start again.
struct pcln_row {
  uint32_t lo, hi; // holds for lo <= pc - entry < hi; hi is the next row's lo
  int32_t file;    // for pcln_file_name(); -1: none
  int32_t line;    // -1: none
  int32_t inl;     // the innermost inlined call; -1: none
};
struct pcln_rows { // the caller's; nothing in it is for the caller but `status`
  struct pcln_row_stream {
    const uint8_t *pos, *end; // null: nothing more to decode
    uint32_t next;            // in quanta: where the run decoded last ends
    int32_t value;            // of that run
  } file, line, inl;
  uint32_t at,
      end; // in quanta from the entry: the next row, the function's end
  uint32_t end_off; // in bytes
  uint32_t held;    // in quanta: up to here `file` and `inl` stay as they are
  uint8_t quantum;
  bool strict;
  enum pcln_status status;
};
// The function's rows from its entry to its end. A hole and a function without
// positions have one row, of -1s, and an empty function none.
PCLN_API void pcln_rows_begin(const struct pcln_table *t,
                              const struct pcln_func *f, struct pcln_rows *it);
// The next up to `n` rows, without a gap between them; their number. 0: the
// end, or it->status says what is wrong. A stream that turns out malformed says
// -1 from there on, so rows come up to the function's end all the same.
// Several at once save the cost of a call for each; n = 64 is plenty.
PCLN_API size_t pcln_rows_next(struct pcln_rows *it, struct pcln_row *rows,
                               size_t n);

// One logical frame: a function, or a call that was inlined into it.
struct pcln_frame {
  const char *func;   // linkage name
  const char *file;   // null: unknown
  int32_t line;       // 0: unknown, or compiler-made code
  int32_t start_line; // of func; 0 unknown
  uint8_t func_id;
  bool inlined; // func's body stands inside the next frame's function
};

// Walks the logical frames at `pc`, innermost first; the physical function is
// the last. At most PCLN_MAX_INLINE_DEPTH, whatever the bytes say.
enum { PCLN_MAX_INLINE_DEPTH = 256 };
struct pcln_frame_iter {
  const struct pcln_table *table;
  struct pcln_func func;
  uint64_t pc;        // where the next frame's position was looked up
  int32_t file, line; // there, as stored; -1: none
  int32_t inl;        // the innermost inlined call there, or -1
  unsigned depth;
  bool done;
  enum pcln_status status;
};
// pcln_frames_begin: PCLN_NOT_FOUND outside the text and in a hole. A bare Go
// table that was opened without its funcdata cannot name inlined calls; there
// the one frame is the physical function, at the innermost position.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_frames_begin(const struct pcln_table *t, uint64_t pc,
                  struct pcln_frame_iter *it);
// True: *out is the next frame. False: the end, or it->status says what is
// wrong.
PCLN_API bool pcln_frames_next(struct pcln_frame_iter *it,
                               struct pcln_frame *out);

// How a frame is unwound at one pc; the enums and their meaning are in
// format.h. With cfa == PCLN_CFA_SP_DELTA, cfa_off holds pcsp(pc) plus the size
// of a pushed return address, so that no further lookup is needed.
struct pcln_rule {
  uint8_t cfa;                     // enum pcln_cfa_kind
  uint8_t fp, ra;                  // enum pcln_save_kind
  uint8_t reg;                     // register or words, PCLN_RULE_SIGNAL
  int32_t cfa_off, fp_off, ra_off; // bytes
};

// PCLN_OK: *out is filled (cfa may be PCLN_CFA_NONE: known not to be
// unwindable). `lo`/`hi` of *range, if not null, bound the pcs, as offsets from
// entry, for which the same rule holds.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_rule_at(const struct pcln_table *t, const struct pcln_func *f, uint64_t pc,
             struct pcln_rule *out, struct pcln_run *range);

// The rule at `pc` by itself, for unwinders: pcln_find_func() and
// pcln_rule_at() without what else a function's record says, in half the time.
// PCLN_NOT_FOUND: pc is outside the table's text, or in a hole.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_unwind_at(const struct pcln_table *t, uint64_t pc, struct pcln_rule *out);

// Rule number `idx` of the module, as stored. PCLN_NOT_FOUND past the last.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_rule_get(const struct pcln_table *t, uint32_t idx, struct pcln_rule *out);

// Checks every invariant of the table (docs/format.md, "must reject"): order,
// bounds, every offset, every stream, inline tree and checkpoint. Reports each
// fault; stops after 100. PCLN_OK: sound, and lookups cannot fail.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_verify(const struct pcln_table *t, const struct pcln_sink *sink);

#ifdef __cplusplus
}
#endif
#endif
