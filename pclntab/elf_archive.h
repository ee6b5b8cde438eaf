// SPDX-License-Identifier: Apache-2.0
//
// Archives of objects, as ar makes them: walking the members, and making an
// archive with some of them changed.
#ifndef PCLNTAB_ELF_ARCHIVE_H
#define PCLNTAB_ELF_ARCHIVE_H

#include "pclntab.h"

// Whether the bytes begin as an archive's do, thin ones included.
bool pcln_is_archive(const uint8_t *bytes, size_t len);

// Called for each member that is a file; its content is `len` bytes at `off` of
// the archive. *out is new content, made with malloc, or null: it stays.
typedef enum pcln_status (*pcln_member_fn)(void *ctx, const char *name,
                                           uint64_t off, uint64_t len,
                                           uint8_t **out, size_t *out_len);

// PCLN_OK: *out is the new archive, which the caller frees, or null: no member
// changed. A status of `fn` ends the walk. PCLN_CORRUPT: a malformed archive;
// PCLN_UNSUPPORTED: a thin one, or an index of a form that is not known; both
// reported.
PCLN_MUST_CHECK enum pcln_status
pcln_archive_rewrite(const char *path, const uint8_t *bytes, size_t len,
                     pcln_member_fn fn, void *ctx, const struct pcln_sink *sink,
                     uint8_t **out, size_t *out_len);

#endif
