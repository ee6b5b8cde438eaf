// SPDX-License-Identifier: Apache-2.0
//
// Reading a table that is not in this process's memory: through a function that
// copies bytes from a file (pread), another process (process_vm_readv), a core
// file or a debugger, into memory of the caller's whose size does not grow with
// the table.
//
// How. One function at a time is brought over: its record, and what that leads
// to, are copied into the caller's buffer and form a small table of one
// function. Everything in pclntab.h reads that table as it reads any other:
// frames with their inlined calls, rows, streams, unwind rules. There is one
// decoder for both.
//
//   struct pcln_reader r;
//   struct pcln_piece piece;
//   uint8_t buf[1 << 15];
//   if (pcln_reader_open(&r, &source, table_off, table_len, NULL, NULL) ||
//       pcln_reader_find(&r, pc, PCLN_READ_ALL, buf, sizeof buf, &piece))
//     return;
//   pcln_frames_begin(&piece.table, pc, &it); // and so on, as ever
//
// A function's piece has some kilobytes; large ones have more, and PCLN_LIMIT
// says how much. Nothing is cached: a callback that keeps a page or two saves
// most of its calls.
//
// Nothing here allocates, locks or prints; a reader is not changed once it is
// open. So any thread and any signal handler may use it, if its callback may.
#ifndef PCLNTAB_READER_H
#define PCLNTAB_READER_H

#include "image.h"
#include "locate.h"

#ifdef __cplusplus
extern "C" {
#endif

// A part of the table, in the source.
struct pcln_reader_part {
  uint64_t off, len; // bytes from the start of the source; len 0: absent
};

// An opened table. The caller owns it and what the source reads from.
struct pcln_reader {
  struct pcln_source source;
  // What the headers say: layout, n_funcs, text_start, text_len ... It has no
  // bytes, so only its numbers may be read. `text_start` may be moved by the
  // load bias.
  struct pcln_table table;
  struct pcln_reader_part names, cutab, files, pctab, functab;
  struct pcln_reader_part funcdata, rules, callees;
  uint64_t first_pc; // as functab has it, so before any load bias
};

struct pcln_reader_options {
  // As for pcln_open(), but for the spans, which are not used.
  struct pcln_open_options open;
  // What a bare Go table has outside of it: the "gofunc" area, or, before
  // go1.18, the read-only data that begins at `open.funcdata_va`.
  struct pcln_reader_part funcdata;
};

// Opens the table whose byte 0 is `off` bytes into the source; at most `len`
// bytes belong to it. `options` and `sink` may be null. Statuses are those of
// pcln_open(); PCLN_IO: bytes that must be there could not be read.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_reader_open(struct pcln_reader *r, const struct pcln_source *source,
                 uint64_t off, uint64_t len,
                 const struct pcln_reader_options *options,
                 const struct pcln_sink *sink);

// The options for a table that pcln_locate() found in an image, whose source
// the reader is to have; the table's place there is location->file_off and
// location->len.
PCLN_API void pcln_reader_located(const struct pcln_image *img,
                                  const struct pcln_location *location,
                                  struct pcln_reader_options *out);

// What to bring over besides the function's record and name. What is left out
// is absent in the piece, as if the function had none.
enum {
  PCLN_READ_LINES = 1,  // files and lines
  PCLN_READ_CALLS = 2,  // inlined calls; to name their places, lines too
  PCLN_READ_UNWIND = 4, // pcsp, and our unwind rules
  PCLN_READ_PCDATA = 8, // all other PCDATA streams
  PCLN_READ_ALL = 15,
};

// A table of one function, in the caller's buffer.
struct pcln_piece {
  struct pcln_table table; // its functab index is 0
  uint32_t idx;            // the function's index in the table it is from
  uint64_t record_off;     // of its record, from the start of the source
  // Bytes of the buffer that it takes. After PCLN_LIMIT: a size of the buffer
  // with which one gets further; try again with it or more.
  size_t size;
};

// Brings over the function or hole that covers `pc`, or has index `idx`, as
// pcln_find_func() and pcln_func_at() do, into `buf`. PCLN_OK: *out is filled
// and lives as long as the buffer. PCLN_NOT_FOUND: as there. PCLN_CORRUPT: its
// record leads out of the table. PCLN_LIMIT: `cap` is too small, see `size`.
// PCLN_IO: the source did not give bytes that are in the table.
// Of funcdata only the inline tree is in the piece; see pcln_reader_funcdata().
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_reader_find(const struct pcln_reader *r, uint64_t pc, unsigned what,
                 uint8_t *buf, size_t cap, struct pcln_piece *out);
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_reader_at(const struct pcln_reader *r, uint32_t idx, unsigned what,
               uint8_t *buf, size_t cap, struct pcln_piece *out);

// Where FUNCDATA `index` of the piece's function begins in the source: from
// there to the end of the area, as Go stores no length. PCLN_NOT_FOUND: absent.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_reader_funcdata(const struct pcln_reader *r,
                     const struct pcln_piece *piece, uint32_t index,
                     struct pcln_reader_part *out);

#ifdef __cplusplus
}
#endif
#endif
