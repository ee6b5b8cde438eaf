// SPDX-License-Identifier: Apache-2.0
//
// LLVM emits its stack maps as an allocated, read-only section with absolute
// relocations. Linkers drop it with --gc-sections, for nothing refers to it,
// and in a PIE relocate it at run time, wrongly or not at all. As a section
// called .debug_* that is not allocated, all of them relocate it at link time
// and keep it, and strip takes it away once the table has been made.
//
// The bytes stay where they are. What changes: the section headers' names and
// flags, in place; the names themselves, in a copy of the name table behind the
// file's end; and relocations that name a section and an offset into it, as
// LLVM writes them for functions of internal linkage. They name the function's
// own symbol afterwards, since gold writes the bare addend for what it left
// out, and an offset is not to be told from an address.
#include "elf_demote.h"

#include <stdlib.h>
#include <string.h>

static const char k_relocated_by[] = ".rela.debug_llvm_stackmaps";

struct job {
  struct pcln_elf *elf;
  const struct pcln_sink *sink;
  struct pcln_elf_header header;
  uint8_t *bytes; // the copy; its names begin at names_off
  size_t len, names_off;
  uint32_t name, rela_name; // offsets of the new names
};

static enum pcln_status damaged(const struct job *j) {
  pcln_say(j->sink, &(struct pcln_report){
                        .severity = PCLN_ERROR,
                        .fault = "obj-damaged",
                        .file = j->elf->path,
                        .text = "the relocations of the stack maps, or the "
                                "symbols that they name, lie outside of the "
                                "object"});
  return PCLN_CORRUPT;
}

// Stores an address, offset or size as wide as the file's class.
static void put_word(const struct job *j, uint8_t *p, uint64_t v) {
  if (j->elf->ptr_size == 8)
    pcln_store64(p, v, j->elf->swap);
  else
    pcln_store32(p, (uint32_t)v, j->elf->swap);
}

// --- Names ------------------------------------------------------------------

static bool is_relocations(const struct pcln_elf_section *s) {
  return s->type == SHT_RELA || s->type == SHT_REL;
}

static bool is_stackmaps(const struct pcln_elf_section *s) {
  return s->type == SHT_PROGBITS &&
         strcmp(s->name, PCLN_STACKMAPS_SECTION) == 0;
}

// The copy, with a table of names at its end that has the new ones.
static enum pcln_status copy(struct job *j) {
  const struct pcln_elf_section *names = &j->elf->sections[j->header.shstrndx];
  const size_t old_len = (size_t)names->size;
  const size_t len =
      old_len + sizeof PCLN_STACKMAPS_DEMOTED + sizeof k_relocated_by;
  j->names_off = j->elf->len;
  j->len = j->elf->len + len;
  j->bytes = malloc(j->len);
  if (!j->bytes)
    return PCLN_NO_MEMORY;
  j->name = (uint32_t)old_len;
  j->rela_name = (uint32_t)(old_len + sizeof PCLN_STACKMAPS_DEMOTED);
  memcpy(j->bytes, j->elf->bytes, j->elf->len);
  uint8_t *p = j->bytes + j->names_off;
  memcpy(p, j->elf->bytes + names->file_off, old_len);
  memcpy(p + j->name, PCLN_STACKMAPS_DEMOTED, sizeof PCLN_STACKMAPS_DEMOTED);
  memcpy(p + j->rela_name, k_relocated_by, sizeof k_relocated_by);
  return PCLN_OK;
}

// --- Section headers --------------------------------------------------------

static uint8_t *section_header(const struct job *j, size_t idx) {
  return j->bytes + j->header.shoff +
         idx * pcln_elf_shdr_size(j->elf->ptr_size);
}

static void patch_names(const struct job *j) {
  const bool wide = j->elf->ptr_size == 8;
  uint8_t *h = section_header(j, j->header.shstrndx);
  put_word(j,
           h + (wide ? offsetof(Elf64_Shdr, sh_offset)
                     : offsetof(Elf32_Shdr, sh_offset)),
           j->names_off);
  put_word(j,
           h + (wide ? offsetof(Elf64_Shdr, sh_size)
                     : offsetof(Elf32_Shdr, sh_size)),
           j->len - j->names_off);
}

static void patch_section(const struct job *j, size_t idx, uint32_t name) {
  const uint64_t kept = SHF_COMPRESSED | SHF_GROUP | SHF_INFO_LINK;
  uint8_t *h = section_header(j, idx);
  pcln_store32(h, name, j->elf->swap);
  put_word(j, h + offsetof(Elf64_Shdr, sh_flags),
           j->elf->sections[idx].flags & kept);
}
_Static_assert(offsetof(Elf64_Shdr, sh_flags) == offsetof(Elf32_Shdr, sh_flags),
               "of both classes");

// --- Relocations ------------------------------------------------------------

// The symbols of an object, of the 64-bit class.
struct symbols {
  const uint8_t *bytes;
  size_t n;
  bool swap;
};

static struct pcln_elf_sym symbol(const struct symbols *s, size_t i) {
  struct pcln_cursor c = pcln_cursor_at(s->bytes + i * sizeof(Elf64_Sym),
                                        sizeof(Elf64_Sym), s->swap);
  return pcln_elf_read_sym(&c, 8);
}

// The symbol of the function at `off` in the section; 0: it has none.
static size_t function_at(const struct symbols *s, uint16_t shndx,
                          uint64_t off) {
  for (size_t i = 1; i < s->n; i++) {
    const struct pcln_elf_sym sym = symbol(s, i);
    if (ELF64_ST_TYPE(sym.info) == STT_FUNC && sym.shndx == shndx &&
        sym.va == off)
      return i;
  }
  return 0;
}

// Relocations against sections become such against functions.
static enum pcln_status name_functions(const struct job *j, size_t idx) {
  const struct pcln_elf *elf = j->elf;
  const struct pcln_elf_section *rela = &elf->sections[idx];
  if (elf->ptr_size != 8 || rela->type != SHT_RELA)
    return PCLN_OK;
  if (rela->link >= elf->n_sections || rela->entsize != sizeof(Elf64_Rela))
    return damaged(j);
  const struct pcln_elf_section *symtab = &elf->sections[rela->link];
  if (symtab->type != SHT_SYMTAB || symtab->entsize != sizeof(Elf64_Sym))
    return damaged(j);
  const struct symbols s = {.bytes = elf->bytes + symtab->file_off,
                            .n = (size_t)symtab->size / sizeof(Elf64_Sym),
                            .swap = elf->swap};
  for (uint64_t i = 0; i < rela->size / sizeof(Elf64_Rela); i++) {
    uint8_t *r = j->bytes + rela->file_off + i * sizeof(Elf64_Rela);
    const uint64_t info =
        pcln_load64(r + offsetof(Elf64_Rela, r_info), elf->swap);
    const uint64_t addend =
        pcln_load64(r + offsetof(Elf64_Rela, r_addend), elf->swap);
    if (ELF64_R_SYM(info) >= s.n)
      return damaged(j);
    const struct pcln_elf_sym target = symbol(&s, ELF64_R_SYM(info));
    if (ELF64_ST_TYPE(target.info) != STT_SECTION ||
        target.shndx >= SHN_LORESERVE)
      continue;
    const size_t func = function_at(&s, target.shndx, addend);
    if (func == 0)
      continue;
    pcln_store64(r + offsetof(Elf64_Rela, r_info),
                 ELF64_R_INFO((uint64_t)func, ELF64_R_TYPE(info)), elf->swap);
    pcln_store64(r + offsetof(Elf64_Rela, r_addend), 0, elf->swap);
  }
  return PCLN_OK;
}

// --- Interface --------------------------------------------------------------

static enum pcln_status demote(struct job *j) {
  const struct pcln_elf *elf = j->elf;
  enum pcln_status st = copy(j);
  if (st != PCLN_OK)
    return st;
  patch_names(j);
  for (size_t i = 1; i < elf->n_sections && st == PCLN_OK; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (is_stackmaps(s)) {
      patch_section(j, i, j->name);
    } else if (is_relocations(s) && s->info < elf->n_sections &&
               is_stackmaps(&elf->sections[s->info])) {
      patch_section(j, i, j->rela_name);
      st = name_functions(j, i);
    }
  }
  return st;
}

enum pcln_status pcln_elf_demote(struct pcln_elf *elf,
                                 const struct pcln_sink *sink, uint8_t **out,
                                 size_t *len) {
  struct job j = {.elf = elf, .sink = sink};
  size_t found = 0;
  *out = NULL;
  *len = 0;
  if (elf->type != ET_REL) {
    pcln_say(sink,
             &(struct pcln_report){.severity = PCLN_ERROR,
                                   .fault = "obj-type",
                                   .file = elf->path,
                                   .text = "this is not an object file: the "
                                           "sections of linked files are as "
                                           "their linker left them"});
    return PCLN_UNSUPPORTED;
  }
  for (size_t i = 1; i < elf->n_sections; i++)
    found += is_stackmaps(&elf->sections[i]);
  if (found == 0)
    return PCLN_OK;
  struct pcln_cursor c = pcln_cursor_at(elf->bytes, elf->len, elf->swap);
  // Both have been read before, when the file was opened.
  if (!pcln_elf_read_ident(elf->bytes, &j.header) ||
      !pcln_elf_read_header(&c, &j.header))
    return damaged(&j);
  pcln_seek(&c, j.header.shoff);
  const struct pcln_elf_shdr null = pcln_elf_read_shdr(&c, elf->ptr_size);
  (void)pcln_elf_wide_numbers(&j.header, &null);
  if (c.failed || j.header.shstrndx >= elf->n_sections)
    return damaged(&j);
  const enum pcln_status st = demote(&j);
  if (st != PCLN_OK) {
    free(j.bytes);
    return st;
  }
  *out = j.bytes;
  *len = j.len;
  return PCLN_OK;
}
