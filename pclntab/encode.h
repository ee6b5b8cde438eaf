// SPDX-License-Identifier: Apache-2.0
//
// Private to the encoder: its state, shared by encode.c (the blob as a whole)
// and encode_func.c (one function).
#ifndef PCLNTAB_ENCODE_H
#define PCLNTAB_ENCODE_H

#include "bytes.h"
#include "module.h"
#include "pool.h"

#define PCLN_NO_NUMBER UINT32_MAX

enum { PCLN_CALLEE_CACHE = 8192 };

// A run of a function's pcfile stream, with the file number it gets.
struct pcln_file_run {
  uint32_t hi; // bytes from entry
  int32_t file;
};

// Memory that is used again from function to function.
struct pcln_scratch {
  void *ptr;
  size_t cap; // bytes
};

struct pcln_encoder {
  const struct pcln_module *m;
  const struct pcln_encode_options *o;
  const struct pcln_sink *sink;
  bool swap; // the target's byte order is not this machine's
  uint32_t inline_size, func_size; // bytes of the layout's fixed records
  uint64_t text_va;
  uint32_t text_len;

  bool compact; // inline trees: ours, else Go's
  bool packed;  // func records: only the entries present
  bool maps;    // pointer maps: ours, else Go's
  struct pcln_pool names, files, cutab, pctab, funcdata, callees;
  struct pcln_pool codes;      // entries of roots
  struct pcln_root_def *roots; // sorted
  uint32_t *root_codes;        // offset in `codes` of each
  uint8_t *functab;            // entries, end marker, records
  size_t functab_len;
  uint32_t n_entries, n_holes;

  // Files of a unit get numbers in the order in which its functions, by
  // address, use them. Both arrays hold the units one after the other, unit u
  // from cu_base[u] on.
  size_t *cu_base;
  uint32_t *file_number; // of each file of the model, or PCLN_NO_NUMBER
  uint32_t *file_order;  // pool offsets in the order of the numbers
  uint32_t *cu_used;     // how many numbers the unit has given out
  uint32_t *cu_first;    // its first index in cutab, once all are numbered

  // Inlined functions met last, by the address of their name: a program names
  // each of them many times, and mostly near to one another.
  struct pcln_callee_cache {
    const char *name;
    int32_t start_line;
    uint32_t callee; // index
    uint8_t func_id;
  } * callee_cache; // PCLN_CALLEE_CACHE of them

  struct pcln_scratch runs, bytes, tree, order;
  size_t n_inlines, n_streams;
};

// Reports an error about `f` (may be null) and returns `status`.
enum pcln_status pcln_encode_fault(const struct pcln_encoder *e,
                                   enum pcln_status status, const char *fault,
                                   const struct pcln_func_def *f,
                                   const char *text);

// `len` bytes of scratch memory, or null. What it held may be lost.
void *pcln_scratch_get(struct pcln_scratch *s, size_t len);

// Offset of a name in funcnametab; a null name is the empty one.
uint32_t pcln_encode_name(struct pcln_encoder *e, const char *name);

// Adds everything the function refers to to the pools and writes its func
// record to `rec`, which has room. *len is the record's size. The cuOffset
// field is left counting from the unit's first file; PCLN_NO_NUMBER: no file.
PCLN_MUST_CHECK enum pcln_status pcln_encode_func(struct pcln_encoder *e,
                                                  const struct pcln_func_def *f,
                                                  uint8_t *rec, size_t *len);

// Reports a stream of the function that is malformed.
enum pcln_status pcln_encode_bad_stream(const struct pcln_encoder *e,
                                        const struct pcln_func_def *f);

// Adds the function's pointer maps in compact form to pctab, if it has any or a
// stream of row numbers. *off is where that stream begins; 0: none.
PCLN_MUST_CHECK enum pcln_status pcln_encode_maps(struct pcln_encoder *e,
                                                  const struct pcln_func_def *f,
                                                  uint32_t *off);

// Upper bound of the function's record, in bytes.
size_t pcln_encode_func_room(const struct pcln_encoder *e,
                             const struct pcln_func_def *f);

#endif
