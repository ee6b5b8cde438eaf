// SPDX-License-Identifier: Apache-2.0
//
// One ELF file, read: sections (decompressed on demand), symbols, segments,
// build-id. The only reader of ELF in the project: every other file has the
// structs below.
#ifndef PCLNTAB_ELF_IMAGE_H
#define PCLNTAB_ELF_IMAGE_H

#include "elf_header.h"
#include "pclntab.h"

struct pcln_elf_section {
  const char *name;
  uint32_t idx, type;
  uint64_t flags, va, file_off;
  uint64_t size; // bytes in the file, compressed or not
  uint32_t link, info;
  uint64_t align, entsize;
};

struct pcln_elf_symbol {
  const char *name; // in the mapped file
  uint64_t va, size;
  uint32_t shndx;                 // real section index; SHN_UNDEF for undefined
  uint8_t type, bind, visibility; // STT_*, STB_*, STV_*
  bool dynamic;                   // from .dynsym
};

// All fields are read-only to users.
struct pcln_elf {
  char *path;
  const uint8_t *bytes; // the file, mapped privately
  size_t len;
  uint16_t machine, type; // e_machine, e_type
  uint32_t flags;         // e_flags
  uint8_t ptr_size;       // 4 or 8
  bool swap, big_endian;
  struct pcln_elf_section *sections; // [0] is the null section; may be none
  size_t n_sections;
  struct pcln_elf_segment *segments;
  size_t n_segments;
  // .symtab, else .dynsym; both if both exist. Without null symbols. Empty for
  // relocatable objects.
  struct pcln_elf_symbol *symbols;
  size_t n_symbols;
  struct pcln_span build_id;
  struct pcln_elf_private *priv;
};

// Opens and checks `path`. A malformed header, table or offset is reported and
// PCLN_CORRUPT; not an ELF file is PCLN_UNSUPPORTED. Close with
// pcln_elf_close(), which all spans and strings die with.
PCLN_MUST_CHECK enum pcln_status pcln_elf_open(const char *path,
                                               const struct pcln_sink *sink,
                                               struct pcln_elf **out);
void pcln_elf_close(struct pcln_elf *elf);
// As pcln_elf_open(), for `len` bytes at `off` of descriptor `fd`, which stays
// the caller's: an archive member or a linker's input. `name` is for reports.
PCLN_MUST_CHECK enum pcln_status
pcln_elf_open_range(const char *name, int fd, uint64_t off, uint64_t len,
                    const struct pcln_sink *sink, struct pcln_elf **out);

// The first section called `name`, or null.
const struct pcln_elf_section *pcln_elf_find(const struct pcln_elf *elf,
                                             const char *name);
// A section's content, decompressed (SHF_COMPRESSED zlib and zstd, .zdebug);
// SHT_NOBITS gives an absent span. Kept until close. Not thread-safe: fetch
// contents before workers start.
PCLN_MUST_CHECK enum pcln_status
pcln_elf_content(struct pcln_elf *elf, const struct pcln_elf_section *sec,
                 const struct pcln_sink *sink, struct pcln_span *out);
// pcln_elf_find + pcln_elf_content for a debug section; also finds it as
// .zdebug_*. PCLN_NOT_FOUND: no such section.
PCLN_MUST_CHECK enum pcln_status pcln_elf_debug(struct pcln_elf *elf,
                                                const char *name,
                                                const struct pcln_sink *sink,
                                                struct pcln_span *out);
// File bytes at link-time address `va` in a PT_LOAD, up to its file size;
// absent if not mapped.
struct pcln_span pcln_elf_at(const struct pcln_elf *elf, uint64_t va);

#endif
