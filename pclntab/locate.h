// SPDX-License-Identifier: Apache-2.0
//
// Where the table is in an image, and what it means: a Go program keeps part of
// that outside of the table, and the linker's record of it is the runtime's
// "moduledata".
//
// The table is looked for, in this order: at the start of a loaded range, where
// ours are; by the names of sections; by symbols; through moduledata; and last
// by a scan of what is loaded for a sound header. So neither symbols nor
// section headers are needed.
//
// Text start, to which offsets in tables of go1.18 and later are relative,
// comes from the symbol runtime.text, the header, moduledata, or the caller, in
// this order, and the result says from which. It is never guessed: the start of
// the section .text is wrong wherever C code is linked in front.
//
// Nothing here allocates. A search reads the file once or twice.
#ifndef PCLNTAB_LOCATE_H
#define PCLNTAB_LOCATE_H

#include "buildinfo.h"
#include "image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum pcln_found_in {
  PCLN_FOUND_SEGMENT, // at the start of a loaded range: ours
  PCLN_FOUND_SECTION,
  PCLN_FOUND_SYMBOL,     // runtime.pclntab
  PCLN_FOUND_MODULEDATA, // its own section, or runtime.firstmoduledata
  PCLN_FOUND_SCAN,
};

enum pcln_text_from {
  PCLN_TEXT_UNKNOWN,
  PCLN_TEXT_TABLE,  // the table holds addresses: ours, and before go1.18
  PCLN_TEXT_SYMBOL, // runtime.text
  PCLN_TEXT_HEADER,
  PCLN_TEXT_MODULEDATA,
  PCLN_TEXT_OPTION, // the caller
};
// "runtime.text", "header", ...: a word for people.
PCLN_API const char *pcln_text_from_name(enum pcln_text_from from);

struct pcln_locate_options {
  bool has_text_start; // `text_start` is the caller's
  uint64_t text_start;
  // As in pcln_open_options: the magic is not believed.
  bool force_layout;
  enum pcln_layout layout;
  // A table that is known otherwise, as from scan.h, and its address: nothing
  // is looked for but what belongs to it. Null: none.
  const struct pcln_table *found;
  uint64_t found_va;
};

// Addresses are 0 where nothing is known.
struct pcln_location {
  enum pcln_found_in found_in;
  char name[PCLN_SECTION_NAME_MAX]; // the section's or symbol's; else ""
  uint64_t va;  // of the table's first byte; 0 if it is not loaded
  uint64_t len; // to the end of the table, or of what is stored there
  uint64_t file_off;
  bool sound;     // the headers were read and make sense
  bool relocated; // its words are made by the loader: see pcln_image_load()
  uint64_t text_start;
  enum pcln_text_from text_from;
  uint64_t moduledata;
  uint64_t gofunc; // what offsets of funcdata count from, go1.18 on
  uint64_t rodata; // what stack objects' masks count from, go1.18 on
  uint64_t findfunctab;
  uint64_t findfunctab_len;
  struct pcln_buildinfo build; // version "": unknown
  unsigned go_minor;           // n of go1.n; 0: unknown
};

// Finds the table. PCLN_OK: *out is filled. If nothing sound was found but a
// section has the table's name, that is the location, so that opening it says
// what is wrong. PCLN_NOT_FOUND: there is no table (not reported), or nothing
// says where text starts (reported; then *out is filled all the same, with
// PCLN_TEXT_UNKNOWN). `options` and `sink` may be null.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_locate(const struct pcln_image *img,
            const struct pcln_locate_options *options,
            const struct pcln_sink *sink, struct pcln_location *out);

// What pcln_open() is to be told of a table found there, for an image in
// memory.
PCLN_API void pcln_location_options(const struct pcln_image *img,
                                    const struct pcln_location *location,
                                    struct pcln_open_options *out);

#ifdef __cplusplus
}
#endif
#endif
