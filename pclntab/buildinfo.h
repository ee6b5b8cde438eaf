// SPDX-License-Identifier: Apache-2.0
//
// What a Go program says of its own build: the release of Go, its modules with
// their versions, and the settings of the build. The linker has written it
// into every program since go1.13; settings since go1.18.
//
// A blob of 16 bytes begins it: a magic, the pointer size and flags. Until
// go1.17 two pointers to Go strings follow; since go1.18 the strings themselves
// do. The second string is lines of fields, the same in both.
//
// Nothing here allocates; a line is copied into the caller's buffer.
#ifndef PCLNTAB_BUILDINFO_H
#define PCLNTAB_BUILDINFO_H

#include "image.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { PCLN_VERSION_MAX = 96 };
struct pcln_buildinfo {
  uint64_t va;                    // of the blob
  char version[PCLN_VERSION_MAX]; // of Go, e.g. "go1.21.3"; cut off if longer
  // The lines, in bytes from the start of the source; length 0: none.
  uint64_t lines_off, lines_len;
};

// Finds and reads the build information. PCLN_NOT_FOUND: the program has none.
// PCLN_CORRUPT: reported.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_buildinfo_find(const struct pcln_image *img, struct pcln_buildinfo *out,
                    const struct pcln_sink *sink);

enum pcln_build_kind {
  PCLN_BUILD_PATH,    // of the main package
  PCLN_BUILD_MODULE,  // the main module: path, version, sum
  PCLN_BUILD_DEP,     // a module it depends on: path, version, sum
  PCLN_BUILD_REPLACE, // what stands for the module before: path, version, sum
  PCLN_BUILD_SETTING, // key, value
  PCLN_BUILD_OTHER,   // the line
};
struct pcln_build_line {
  enum pcln_build_kind kind;
  const char *fields[3]; // in the caller's buffer; "" where there is none
  bool cut;              // the line was longer than the buffer
};
// Walks the lines, *off starting at 0. `buf` takes a line at a time; 4 KB are
// more than any but a line of long compiler flags needs. False: no more.
PCLN_API bool pcln_buildinfo_next(const struct pcln_image *img,
                                  const struct pcln_buildinfo *info,
                                  uint64_t *off, char *buf, size_t cap,
                                  struct pcln_build_line *out);

#ifdef __cplusplus
}
#endif
#endif
