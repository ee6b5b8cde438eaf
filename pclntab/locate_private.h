// SPDX-License-Identifier: Apache-2.0
//
// Private to locate*.c: what a Go program says outside of its table: the
// runtime's moduledata, the linker's record of where the parts of the program
// are, and which release of Go it is of.
#ifndef PCLNTAB_LOCATE_PRIVATE_H
#define PCLNTAB_LOCATE_PRIVATE_H

#include "image.h"
#include "table.h"

struct pcln_moduledata {
  uint64_t va;             // of the struct
  uint64_t text;           // go1.16 on; else 0, as are the following
  uint64_t table_end;      // one past the table's last byte
  uint64_t gofunc, rodata; // go1.18 on
  uint64_t findfunctab, findfunctab_len;
};

// Where moduledata may be, by section and symbol: at most this many addresses.
enum { PCLN_MODULEDATA_PLACES = 3 };
size_t pcln_moduledata_places(const struct pcln_image *img, uint64_t *vas);

// Finds the moduledata of the table at `table`, whose headers are `h`: at those
// places, else by a search for the table's address in data.
bool pcln_moduledata_find(const struct pcln_image *img, uint64_t table,
                          const struct pcln_headers *h,
                          struct pcln_moduledata *out);

// The runtime's own name of its release, for programs without build
// information: "" if none is found, or several are.
void pcln_build_version(const struct pcln_image *img, char *out, size_t cap);

#endif
