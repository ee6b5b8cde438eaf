// SPDX-License-Identifier: Apache-2.0
//
// ELF images: with and without section headers, for every class and byte order.
//
// What is loaded comes from the program headers alone, since those are what a
// loader reads: section headers may be stripped, and then only names are lost.
// For the same reason relocations are found through PT_DYNAMIC.
//
// Of relocations only those that make whole words matter here: RELATIVE, and
// the ones that add a symbol's address. With REL and RELR the word that a
// RELATIVE one makes is stored already; with RELA it need not be.
#include "elf_header.h"
#include "image_formats.h"

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

// Types of relocations: the base plus an addend; a symbol plus an addend.
struct reloc_types {
  uint16_t machine;
  uint32_t relative, absolute;
};
static const struct reloc_types reloc_types[] = {
    {EM_386, R_386_RELATIVE, R_386_32},
    {EM_X86_64, R_X86_64_RELATIVE, R_X86_64_64},
    {EM_ARM, R_ARM_RELATIVE, R_ARM_ABS32},
    {EM_AARCH64, R_AARCH64_RELATIVE, R_AARCH64_ABS64},
    {EM_PPC64, R_PPC64_RELATIVE, R_PPC64_ADDR64},
    {EM_RISCV, R_RISCV_RELATIVE, R_RISCV_64},
    {EM_S390, R_390_RELATIVE, R_390_64},
    {EM_LOONGARCH, 3, 2},
};

static uint64_t word(const struct pcln_image *img, struct pcln_cursor *c) {
  return pcln_uint(c, img->ptr_size);
}

// --- Sections ---------------------------------------------------------------

static bool section_header(const struct pcln_image *img, uint64_t idx,
                           struct pcln_elf_shdr *out) {
  const size_t size = pcln_elf_shdr_size(img->ptr_size);
  uint8_t buf[sizeof(Elf64_Shdr)];
  const struct pcln_image_table *t = &img->tables.sections;
  if (idx >= t->n)
    return false;
  struct pcln_cursor c = pcln_image_cursor(img, t->off + idx * size, buf, size);
  *out = pcln_elf_read_shdr(&c, img->ptr_size);
  return !c.failed;
}

static bool next_section(const struct pcln_image *img,
                         struct pcln_section_iter *it,
                         struct pcln_section *out) {
  struct pcln_elf_shdr s;
  do
    if (!section_header(img, ++it->next, &s))
      return false;
  while (s.type == SHT_NULL);
  const struct pcln_image_table *names = &img->tables.section_names;
  pcln_image_string(img, names->off + (s.name < names->n ? s.name : names->n),
                    names->off + names->n, out->name, sizeof out->name);
  out->va = s.flags & SHF_ALLOC ? s.va : 0;
  out->file_off = s.off;
  out->size = s.size;
  out->file_len = s.type == SHT_NOBITS ? 0 : s.size;
  return true;
}

// The part of the file that a section header names, if it is all there.
static struct pcln_image_table content(const struct pcln_image *img,
                                       const struct pcln_elf_shdr *s) {
  if (s->type == SHT_NOBITS || !pcln_image_has(img, s->off, s->size))
    return (struct pcln_image_table){0};
  return (struct pcln_image_table){s->off, s->size};
}

static void find_symbol_tables(struct pcln_image *img) {
  struct pcln_elf_shdr s, strings;
  for (uint64_t i = 1; section_header(img, i, &s); i++) {
    const unsigned k = s.type == SHT_DYNSYM;
    if ((s.type != SHT_SYMTAB && s.type != SHT_DYNSYM) ||
        img->tables.symbols[k].n || !section_header(img, s.link, &strings))
      continue;
    img->tables.strings[k] = content(img, &strings);
    img->tables.symbols[k] = content(img, &s);
    img->tables.symbols[k].n /= pcln_elf_sym_size(img->ptr_size);
  }
}

// Finds the section headers, and resolves numbers too large for *h. They are
// no part of what is loaded, so that damage is a warning.
static void find_sections(struct pcln_image *img, struct pcln_elf_header *h,
                          const struct pcln_sink *sink) {
  const size_t size = pcln_elf_shdr_size(img->ptr_size);
  struct pcln_elf_shdr null, names;
  img->tables.sections = (struct pcln_image_table){h->shoff, 1};
  bool sound = h->shentsize == size && section_header(img, 0, &null);
  const uint64_t n = sound ? pcln_elf_wide_numbers(h, &null) : 0;
  img->tables.sections.n = n;
  sound = sound && n <= (img->source.len - h->shoff) / size;
  if (!sound) {
    img->tables.sections.n = 0;
    (void)pcln_image_fault(sink, PCLN_OK, "elf-section-table", h->shoff,
                           "the section header table has a wrong entry size or "
                           "lies outside the file; read without it");
    return;
  }
  if (section_header(img, h->shstrndx, &names))
    img->tables.section_names = content(img, &names);
  find_symbol_tables(img);
}

static bool symbol(const struct pcln_image *img, unsigned table, uint64_t idx,
                   struct pcln_image_symbol *out) {
  const size_t size = pcln_elf_sym_size(img->ptr_size);
  const struct pcln_image_table *t = &img->tables.symbols[table];
  const struct pcln_image_table *names = &img->tables.strings[table];
  uint8_t buf[sizeof(Elf64_Sym)];
  if (idx >= t->n)
    return false;
  struct pcln_cursor c = pcln_image_cursor(img, t->off + idx * size, buf, size);
  const struct pcln_elf_sym s = pcln_elf_read_sym(&c, img->ptr_size);
  const unsigned type = s.info & 0xf;
  *out = (struct pcln_image_symbol){
      .va = s.va,
      .name_off = names->off + s.name,
      .name_limit = names->off + names->n,
      .defined = s.shndx != SHN_UNDEF && type != STT_SECTION &&
                 type != STT_FILE && type != STT_TLS};
  return !c.failed;
}

// --- What is loaded ---------------------------------------------------------

static uint8_t range_flags(uint32_t p_flags) {
  return (uint8_t)((p_flags & PF_R ? PCLN_RANGE_READ : 0) |
                   (p_flags & PF_W ? PCLN_RANGE_WRITE : 0) |
                   (p_flags & PF_X ? PCLN_RANGE_EXEC : 0));
}

// The place in the file of what is loaded at `va`.
static bool file_place(const struct pcln_image *img, uint64_t va, uint64_t len,
                       struct pcln_image_table *out) {
  const struct pcln_range *r = pcln_image_range(img, va);
  if (!r)
    return false;
  const uint64_t skip = va - r->va, left = r->file_len - skip;
  *out = (struct pcln_image_table){r->file_off + skip, len < left ? len : left};
  return true;
}

// Reads where relocations are; all ranges are known.
static void read_dynamic(struct pcln_image *img,
                         const struct pcln_elf_segment *dynamic) {
  uint64_t values[DT_RELENT + 1] = {0};
  uint8_t buf[sizeof(Elf64_Dyn)];
  const size_t size = 2 * (size_t)img->ptr_size;
  for (uint64_t off = 0; off + size <= dynamic->filesz; off += size) {
    struct pcln_cursor c =
        pcln_image_cursor(img, dynamic->off + off, buf, size);
    const uint64_t tag = word(img, &c), value = word(img, &c);
    if (c.failed || tag == DT_NULL)
      break;
    if (tag <= DT_RELENT)
      values[tag] = value;
  }
  struct pcln_image_table *t = &img->tables.relas;
  if (values[DT_RELASZ] &&
      file_place(img, values[DT_RELA], values[DT_RELASZ], t))
    t->n /= 3 * (uint64_t)img->ptr_size;
  t = &img->tables.rels;
  if (values[DT_RELSZ] && file_place(img, values[DT_REL], values[DT_RELSZ], t))
    t->n /= 2 * (uint64_t)img->ptr_size;
  // No tag says how many dynamic symbols there are.
  t = &img->tables.dynsyms;
  if (values[DT_SYMTAB] && file_place(img, values[DT_SYMTAB], UINT64_MAX, t))
    t->n /= pcln_elf_sym_size(img->ptr_size);
}

static enum pcln_status read_segments(struct pcln_image *img,
                                      const struct pcln_elf_header *h,
                                      const struct pcln_sink *sink) {
  const size_t size = pcln_elf_phdr_size(img->ptr_size);
  uint8_t buf[sizeof(Elf64_Phdr)];
  struct pcln_elf_segment dynamic = {0};
  if (h->phnum == 0 || h->phnum == PN_XNUM)
    return PCLN_OK;
  if (h->phentsize != size ||
      !pcln_image_has(img, h->phoff, (uint64_t)h->phnum * size))
    return pcln_image_fault(
        sink, PCLN_CORRUPT, "elf-segment-table", h->phoff,
        "the program header table has a wrong entry size or lies outside the "
        "file");
  enum pcln_status status = PCLN_OK;
  for (uint32_t i = 0; i < h->phnum && status == PCLN_OK; i++) {
    struct pcln_cursor c =
        pcln_image_cursor(img, h->phoff + i * size, buf, size);
    const struct pcln_elf_segment p = pcln_elf_read_phdr(&c, img->ptr_size);
    if (p.type == PT_DYNAMIC)
      dynamic = p;
    if (p.type == PT_LOAD)
      status = pcln_image_add_range(img,
                                    &(struct pcln_range){p.va, p.off, p.filesz,
                                                         p.memsz,
                                                         range_flags(p.flags)},
                                    sink);
  }
  if (status == PCLN_OK)
    read_dynamic(img, &dynamic);
  return status;
}

static enum pcln_status open_elf(struct pcln_image *img,
                                 const struct pcln_image_options *options,
                                 const struct pcln_sink *sink) {
  (void)options;
  uint8_t start[PCLN_ELF_HEADER_MAX];
  const size_t len = pcln_source_read(&img->source, 0, start, sizeof start);
  struct pcln_elf_header h = {0};
  if (!pcln_elf_read_ident(start, &h))
    return pcln_image_fault(
        sink, PCLN_CORRUPT, "elf-ident", EI_CLASS,
        "class, byte order or version of the ELF file is unknown");
  struct pcln_cursor c = pcln_cursor_at(start, len, h.swap);
  if (!pcln_elf_read_header(&c, &h))
    return pcln_image_fault(sink, PCLN_CORRUPT, "elf-header", len,
                            "the file ends inside its ELF header");
  img->machine = h.machine;
  img->ptr_size = h.ptr_size;
  img->swap = h.swap;
  img->big_endian = h.big_endian;
  img->relocatable = h.type == ET_DYN;
  if (h.shoff)
    find_sections(img, &h, sink);
  return read_segments(img, &h, sink);
}

// --- Relocations ------------------------------------------------------------

struct reloc {
  uint64_t va;
  bool relative, absolute, has_addend;
  uint64_t sym, addend;
};

static bool read_reloc(const struct pcln_image *img, bool rela, uint64_t idx,
                       const struct reloc_types *types, struct reloc *out) {
  const struct pcln_image_table *t =
      rela ? &img->tables.relas : &img->tables.rels;
  const size_t size = (rela ? 3u : 2u) * (size_t)img->ptr_size;
  uint8_t buf[sizeof(Elf64_Rela)];
  struct pcln_cursor c = pcln_image_cursor(img, t->off + idx * size, buf, size);
  out->va = word(img, &c);
  const uint64_t info = word(img, &c);
  const uint64_t type = img->ptr_size == 8 ? info & 0xffffffff : info & 0xff;
  out->sym = img->ptr_size == 8 ? info >> 32 : info >> 8;
  out->addend = rela ? word(img, &c) : 0;
  out->has_addend = rela;
  out->relative = type == types->relative;
  out->absolute = type == types->absolute;
  return !c.failed;
}

static const struct reloc_types *types_of(const struct pcln_image *img) {
  for (size_t i = 0; i < sizeof reloc_types / sizeof *reloc_types; i++)
    if (reloc_types[i].machine == img->machine)
      return &reloc_types[i];
  return NULL;
}

static uint64_t dynamic_symbol(const struct pcln_image *img, uint64_t idx) {
  const size_t size = pcln_elf_sym_size(img->ptr_size);
  uint8_t buf[sizeof(Elf64_Sym)];
  if (idx >= img->tables.dynsyms.n)
    return 0;
  struct pcln_cursor c =
      pcln_image_cursor(img, img->tables.dynsyms.off + idx * size, buf, size);
  return pcln_elf_read_sym(&c, img->ptr_size).va;
}

// Writes the word that the relocation makes into `bytes`.
static void apply(const struct pcln_image *img, const struct reloc *r,
                  uint8_t *bytes) {
  const bool wide = img->ptr_size == 8;
  uint64_t value = r->addend;
  if (!r->has_addend)
    value =
        wide ? pcln_load64(bytes, img->swap) : pcln_load32(bytes, img->swap);
  if (r->absolute)
    value += dynamic_symbol(img, r->sym);
  if (wide)
    pcln_store64(bytes, value, img->swap);
  else
    pcln_store32(bytes, (uint32_t)value, img->swap);
}

static void relocate(const struct pcln_image *img, uint64_t va, uint8_t *bytes,
                     size_t len) {
  const struct reloc_types *types = types_of(img);
  const struct pcln_image_table *tables[] = {&img->tables.rels,
                                             &img->tables.relas};
  const struct pcln_range *range = pcln_image_range(img, va);
  if (!types || len < img->ptr_size || !range ||
      !(range->flags & PCLN_RANGE_WRITE))
    return;
  for (unsigned rela = 0; rela < 2; rela++)
    for (uint64_t i = 0; i < tables[rela]->n; i++) {
      struct reloc r;
      if (!read_reloc(img, rela, i, types, &r))
        break;
      if (r.va >= va && r.va - va <= len - img->ptr_size &&
          (r.relative || r.absolute))
        apply(img, &r, bytes + (r.va - va));
    }
}

bool pcln_image_next_addend(const struct pcln_image *img, uint64_t value,
                            struct pcln_word_iter *it, uint64_t *va) {
  const struct reloc_types *types = types_of(img);
  struct reloc r;
  while (types && it->rela < img->tables.relas.n &&
         read_reloc(img, true, it->rela++, types, &r))
    if (r.relative && r.addend == value) {
      *va = r.va;
      return true;
    }
  return false;
}

const struct pcln_image_ops pcln_image_elf = {
    .open = open_elf,
    .next_section = next_section,
    .symbol = symbol,
    .relocate = relocate,
};
