// SPDX-License-Identifier: Apache-2.0
//
// ELF's headers and records, decoded for every class and byte order: the one
// place where they are taken apart, for image_elf.c (which neither allocates
// nor maps) and elf_image.c (which does both). Nothing here checks where a
// table lies: that depends on what the reader holds.
#ifndef PCLNTAB_ELF_HEADER_H
#define PCLNTAB_ELF_HEADER_H

#include "bytes.h"

#include <elf.h>

struct pcln_elf_header {
  uint8_t ptr_size; // 4 or 8
  bool swap, big_endian;
  uint16_t machine, type; // e_machine, e_type
  uint32_t flags;         // e_flags
  uint64_t phoff, shoff;  // bytes from the start of the file; 0: no table
  uint32_t phentsize, phnum, shentsize, shnum, shstrndx;
};

struct pcln_elf_shdr {
  uint32_t name; // offset in the table of section names
  uint32_t type;
  uint64_t flags, va, off, size;
  uint32_t link, info;
  uint64_t align, entsize;
};

struct pcln_elf_segment {
  uint32_t type, flags;
  uint64_t off, va, filesz, memsz, align;
};

struct pcln_elf_sym {
  uint32_t name; // offset in the string table
  uint8_t info, other;
  uint16_t shndx;
  uint64_t va, size;
};

// The bytes that a file header may take: read that many, or all there are.
enum { PCLN_ELF_HEADER_MAX = sizeof(Elf64_Ehdr) };

static inline size_t pcln_elf_shdr_size(unsigned ptr_size) {
  return ptr_size == 8 ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr);
}
static inline size_t pcln_elf_phdr_size(unsigned ptr_size) {
  return ptr_size == 8 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
}
static inline size_t pcln_elf_sym_size(unsigned ptr_size) {
  return ptr_size == 8 ? sizeof(Elf64_Sym) : sizeof(Elf32_Sym);
}

static inline bool pcln_is_elf(const uint8_t *bytes, size_t len) {
  return len >= EI_NIDENT && memcmp(bytes, ELFMAG, SELFMAG) == 0;
}

// Reads the identification; false: class, byte order or version is unknown.
// `bytes` are at least EI_NIDENT.
static inline bool pcln_elf_read_ident(const uint8_t *bytes,
                                       struct pcln_elf_header *h) {
  const uint8_t class = bytes[EI_CLASS], data = bytes[EI_DATA];
  if ((class != ELFCLASS32 && class != ELFCLASS64) ||
      (data != ELFDATA2LSB && data != ELFDATA2MSB) ||
      bytes[EI_VERSION] != EV_CURRENT)
    return false;
  h->ptr_size = class == ELFCLASS64 ? 8 : 4;
  h->big_endian = data == ELFDATA2MSB;
  h->swap = h->big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
  return true;
}

// Reads what follows the identification, which *h already holds, from a cursor
// at the file's first byte. False: the bytes end before the header does.
static inline bool pcln_elf_read_header(struct pcln_cursor *c,
                                        struct pcln_elf_header *h) {
  pcln_skip(c, EI_NIDENT);
  h->type = pcln_u16(c);
  h->machine = pcln_u16(c);
  pcln_skip(c, 4);                 // e_version
  (void)pcln_uint(c, h->ptr_size); // e_entry
  h->phoff = pcln_uint(c, h->ptr_size);
  h->shoff = pcln_uint(c, h->ptr_size);
  h->flags = pcln_u32(c);
  pcln_skip(c, 2); // e_ehsize
  h->phentsize = pcln_u16(c);
  h->phnum = pcln_u16(c);
  h->shentsize = pcln_u16(c);
  h->shnum = pcln_u16(c);
  h->shstrndx = pcln_u16(c);
  return !c->failed;
}

static inline struct pcln_elf_shdr pcln_elf_read_shdr(struct pcln_cursor *c,
                                                      unsigned ptr_size) {
  struct pcln_elf_shdr s;
  s.name = pcln_u32(c);
  s.type = pcln_u32(c);
  s.flags = pcln_uint(c, ptr_size);
  s.va = pcln_uint(c, ptr_size);
  s.off = pcln_uint(c, ptr_size);
  s.size = pcln_uint(c, ptr_size);
  s.link = pcln_u32(c);
  s.info = pcln_u32(c);
  s.align = pcln_uint(c, ptr_size);
  s.entsize = pcln_uint(c, ptr_size);
  return s;
}

// Numbers too large for the file header are in the first section header.
// Returns how many sections there are, which is not checked.
static inline uint64_t pcln_elf_wide_numbers(struct pcln_elf_header *h,
                                             const struct pcln_elf_shdr *null) {
  if (h->shstrndx == SHN_XINDEX)
    h->shstrndx = null->link;
  if (h->phnum == PN_XNUM)
    h->phnum = null->info;
  return h->shnum ? h->shnum : null->size;
}

static inline struct pcln_elf_segment pcln_elf_read_phdr(struct pcln_cursor *c,
                                                         unsigned ptr_size) {
  struct pcln_elf_segment p = {.type = pcln_u32(c)};
  if (ptr_size == 8)
    p.flags = pcln_u32(c);
  p.off = pcln_uint(c, ptr_size);
  p.va = pcln_uint(c, ptr_size);
  (void)pcln_uint(c, ptr_size); // p_paddr
  p.filesz = pcln_uint(c, ptr_size);
  p.memsz = pcln_uint(c, ptr_size);
  if (ptr_size == 4)
    p.flags = pcln_u32(c);
  p.align = pcln_uint(c, ptr_size);
  return p;
}

static inline struct pcln_elf_sym pcln_elf_read_sym(struct pcln_cursor *c,
                                                    unsigned ptr_size) {
  struct pcln_elf_sym s = {.name = pcln_u32(c)};
  if (ptr_size == 8) {
    s.info = pcln_u8(c);
    s.other = pcln_u8(c);
    s.shndx = pcln_u16(c);
  }
  s.va = pcln_uint(c, ptr_size);
  s.size = pcln_uint(c, ptr_size);
  if (ptr_size == 4) {
    s.info = pcln_u8(c);
    s.other = pcln_u8(c);
    s.shndx = pcln_u16(c);
  }
  return s;
}

#endif
