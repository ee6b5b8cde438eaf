// SPDX-License-Identifier: Apache-2.0
//
// Small executable files made by hand, of every format that image.h reads, with
// the sample table and what a Go program says of it: sections, symbols,
// moduledata and build information, each of which can be left out. It shares
// with the readers nothing but the table's constants.
#ifndef IMAGE_MAKER_H
#define IMAGE_MAKER_H

#include "image.h"
#include "sample_table.h"

enum { IMAGE_MAX = 1 << 16 };

enum {
  IMAGE_TEXT_VA = 0x401000, // SAMPLE_TEXT
  IMAGE_RO_VA = 0x300000,   // the file's first byte
  IMAGE_TABLE_OFF = 0x1000, // of the file
  IMAGE_RW_VA = 0x500000,   // of what is at `rw_off`: MAKE_FUNCDATA_VA
  IMAGE_MODULE_OFF = 0x40,  // from rw_off on
  IMAGE_BUILD_OFF = 0x400,
  IMAGE_WORD_OFF = 0x800, // a word that is the table's address, and no more
};

struct image_spec {
  enum pcln_format format;
  uint8_t ptr_size;
  bool big_endian;
  enum pcln_layout layout;
  bool no_sections, no_symbols, no_module, no_header_text;
  bool relocated;   // words of data are made by the loader alone
  bool universal;   // Mach-O: the second slice of two
  bool old_strings; // the build information's strings are pointed to
  bool inside;      // gofunc is in the table, as since go1.26
  bool no_text;     // moduledata's text has no bytes
  // No build information, but strings in data that name these releases.
  const char *releases[2];
};
// Every format, pointer size and byte order, and most layouts.
enum { IMAGE_N_SPECS = 18 };
extern const struct image_spec image_specs[IMAGE_N_SPECS];

struct made_image {
  uint8_t bytes[IMAGE_MAX];
  size_t len;
  struct made table;
  size_t base;   // of the slice in a universal file
  size_t rw_off; // from `base` on
  uint64_t table_va, module_va;
  uint64_t gofunc_va, rodata_va; // as moduledata has them
};

void make_image(const struct image_spec *spec, struct made_image *out);

// What every image says of its build.
#define IMAGE_GO_VERSION "go1.21.3"
#define IMAGE_BUILD_LINES                                                      \
  "path\texample.com/cmd\n"                                                    \
  "mod\texample.com\tv1.2.3\th1:sum=\n"                                        \
  "dep\texample.org/a\tv0.1.0\n"                                               \
  "=>\t../a\t(devel)\t\n"                                                      \
  "build\t-ldflags=\"-X=a=b\"\n"                                               \
  "build\t\"odd=key\"=value\n"                                                 \
  "unknown line\n"

#endif
