// SPDX-License-Identifier: Apache-2.0
//
// New content for a file, all or nothing: a copy beside it, which then takes
// its name. In two steps, so that several files change together or not at all.
#ifndef PCLNTAB_ELF_REPLACE_H
#define PCLNTAB_ELF_REPLACE_H

#include "status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pcln_replacement {
  char *path; // what is replaced: symbolic links are followed
  char *tmp;  // the copy; null: there is none, or it has taken the name
};

// Writes all bytes at `off`; false: errno tells.
bool pcln_write_all(int fd, const void *bytes, size_t len, uint64_t off);

// Makes the copy. A file that is there gives it its mode and, where that is
// allowed, its owner. PCLN_IO, PCLN_NO_MEMORY: reported; nothing is left.
PCLN_MUST_CHECK enum pcln_status
pcln_replace_begin(struct pcln_replacement *r, const char *path,
                   const void *bytes, size_t len, const struct pcln_sink *sink);
// Gives the copy the file's name. PCLN_IO: reported.
PCLN_MUST_CHECK enum pcln_status
pcln_replace_commit(struct pcln_replacement *r, const struct pcln_sink *sink);
// Removes a copy that was not committed; to be called in any case.
void pcln_replace_end(struct pcln_replacement *r);

#endif
