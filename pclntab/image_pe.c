// SPDX-License-Identifier: Apache-2.0
//
// PE images (PE32 and PE32+), and what XCOFF shares with them: COFF's symbol
// table, whose records of 18 bytes hold a short name or point to a long one.
//
// Addresses are those at the preferred image base, which is what the words of
// the file hold: base relocations add the difference to where the image came to
// be, so at a bias of 0 there is none to apply.
//
// Symbols are relative to their section. A file has as many sections as
// ranges; so the ranges double as the table of where sections are.
#include "image_formats.h"

#include <elf.h>

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

enum {
  DOS_NEW_HEADER = 0x3c, // u32, where the PE header is
  COFF_HEADER = 20,
  SECTION_SIZE = 40,
  SECTION_NAME = 8,
  SYMBOL_SIZE = 18,
  PE32 = 0x10b,
  PE32_PLUS = 0x20b,
  DLL_DYNAMIC_BASE = 0x40,
};
enum { SCN_EXECUTE = 0x20000000, SCN_READ = 0x40000000 };
#define SCN_WRITE UINT32_C(0x80000000)

struct section_header {
  char name[SECTION_NAME + 1];
  uint32_t mem_len, rva, file_len, file_off, flags;
};

static bool section_header(const struct pcln_image *img, uint64_t idx,
                           struct section_header *out) {
  const struct pcln_image_table *t = &img->tables.sections;
  uint8_t buf[SECTION_SIZE];
  if (idx >= t->n)
    return false;
  struct pcln_cursor c =
      pcln_image_cursor(img, t->off + idx * SECTION_SIZE, buf, SECTION_SIZE);
  const uint8_t *name = pcln_take(&c, SECTION_NAME);
  if (!name)
    return false;
  memcpy(out->name, name, SECTION_NAME);
  out->name[SECTION_NAME] = 0;
  out->mem_len = pcln_u32(&c);
  out->rva = pcln_u32(&c);
  out->file_len = pcln_u32(&c);
  out->file_off = pcln_u32(&c);
  pcln_skip(&c, 12); // relocations and line numbers of objects
  out->flags = pcln_u32(&c);
  return !c.failed;
}

// A name longer than its field is "/" and the decimal offset in the table of
// strings.
static void long_name(const struct pcln_image *img, const char *field,
                      char *out, size_t cap) {
  const struct pcln_image_table *strings = &img->tables.strings[0];
  uint64_t off = 0;
  for (const char *p = field + 1; *p >= '0' && *p <= '9'; p++)
    off = off * 10 + (unsigned)(*p - '0');
  if (off < strings->n)
    pcln_image_string(img, strings->off + off, strings->off + strings->n, out,
                      cap);
}

static bool next_section(const struct pcln_image *img,
                         struct pcln_section_iter *it,
                         struct pcln_section *out) {
  struct section_header s;
  if (!section_header(img, it->next++, &s))
    return false;
  memcpy(out->name, s.name, sizeof s.name);
  if (s.name[0] == '/' && s.name[1])
    long_name(img, s.name, out->name, sizeof out->name);
  out->va = img->image_base + s.rva;
  out->file_off = s.file_off;
  out->size = s.mem_len ? s.mem_len : s.file_len;
  // The file's part is padded to the file's alignment.
  out->file_len = s.file_len < out->size ? s.file_len : out->size;
  return true;
}

bool pcln_coff_symbol(const struct pcln_image *img, uint64_t idx,
                      struct pcln_coff_symbol *out) {
  const struct pcln_image_table *t = &img->tables.symbols[0];
  const struct pcln_image_table *strings = &img->tables.strings[0];
  uint8_t buf[SYMBOL_SIZE];
  const uint64_t off = t->off + idx * SYMBOL_SIZE;
  if (idx >= t->n)
    return false;
  struct pcln_cursor c = pcln_image_cursor(img, off, buf, SYMBOL_SIZE);
  const bool wide = img->format == PCLN_FORMAT_XCOFF && img->ptr_size == 8;
  out->value = wide ? pcln_u64(&c) : 0;
  const uint32_t zeros = wide ? 0 : pcln_u32(&c);
  const uint32_t string = pcln_u32(&c);
  if (!wide)
    out->value = pcln_u32(&c);
  out->section = pcln_u16(&c);
  out->type = pcln_u16(&c);
  out->class = pcln_u8(&c);
  out->n_aux = pcln_u8(&c);
  out->name_off = zeros ? off : strings->off + string;
  out->name_limit = zeros ? off + 8 : strings->off + strings->n;
  return !c.failed;
}

// Names that were given to symbols of the linker's own have no section.
static bool symbol(const struct pcln_image *img, unsigned table, uint64_t idx,
                   struct pcln_image_symbol *out) {
  struct pcln_coff_symbol s;
  if (table != 0 || !pcln_coff_symbol(img, idx, &s))
    return false;
  *out = (struct pcln_image_symbol){
      .name_off = s.name_off, .name_limit = s.name_limit, .skip = s.n_aux};
  if (s.section > 0 && s.section <= img->n_ranges) {
    out->va = img->ranges[s.section - 1].va + s.value;
    out->defined = true;
  }
  return true;
}

void pcln_coff_tables(struct pcln_image *img, uint64_t symbols, uint64_t n) {
  uint8_t buf[4];
  if (!symbols || n > img->len / SYMBOL_SIZE ||
      !pcln_image_has(img, img->base + symbols, n * SYMBOL_SIZE))
    return;
  img->tables.symbols[0] = (struct pcln_image_table){img->base + symbols, n};
  // The strings follow the symbols; their length, which counts its own four
  // bytes, comes first.
  const uint64_t off = img->base + symbols + n * SYMBOL_SIZE;
  struct pcln_cursor c = pcln_image_cursor(img, off, buf, sizeof buf);
  const uint32_t len = pcln_u32(&c);
  if (!c.failed && pcln_image_has(img, off, len))
    img->tables.strings[0] = (struct pcln_image_table){off, len};
}

static uint16_t elf_machine(uint16_t pe_machine) {
  static const struct {
    uint16_t pe, elf;
  } map[] = {
      {0x14c, EM_386},    {0x8664, EM_X86_64},    {0x1c0, EM_ARM},
      {0x1c4, EM_ARM},    {0xaa64, EM_AARCH64},   {0x5064, EM_RISCV},
      {0x5032, EM_RISCV}, {0x6264, EM_LOONGARCH},
  };
  for (size_t i = 0; i < sizeof map / sizeof *map; i++)
    if (map[i].pe == pe_machine)
      return map[i].elf;
  return EM_NONE;
}

// Reads pointer size and image base from the optional header, which no image
// lacks.
static bool read_optional(struct pcln_image *img, uint64_t off, uint16_t len) {
  uint8_t buf[72];
  if (len < sizeof buf)
    return false;
  struct pcln_cursor c = pcln_image_cursor(img, off, buf, sizeof buf);
  const uint16_t magic = pcln_u16(&c);
  if (magic != PE32 && magic != PE32_PLUS)
    return false;
  img->ptr_size = magic == PE32_PLUS ? 8 : 4;
  pcln_seek(&c, img->ptr_size == 8 ? 24 : 28);
  img->image_base = pcln_uint(&c, img->ptr_size);
  pcln_seek(&c, 70); // DllCharacteristics
  img->relocatable = pcln_u16(&c) & DLL_DYNAMIC_BASE;
  return !c.failed;
}

static enum pcln_status add_ranges(struct pcln_image *img,
                                   const struct pcln_sink *sink) {
  enum pcln_status status = PCLN_OK;
  for (uint64_t i = 0; i < img->tables.sections.n && status == PCLN_OK; i++) {
    struct section_header s;
    if (!section_header(img, i, &s))
      return pcln_image_fault(sink, PCLN_CORRUPT, "pe-section-table",
                              img->tables.sections.off,
                              "the section table runs past the end of the "
                              "file; is the file truncated?");
    const uint32_t mem = s.mem_len ? s.mem_len : s.file_len;
    const struct pcln_range r = {
        .va = img->image_base + s.rva,
        .file_off = s.file_off,
        .file_len = s.file_len < mem ? s.file_len : mem,
        .mem_len = mem,
        .flags = (uint8_t)((s.flags & SCN_READ ? PCLN_RANGE_READ : 0) |
                           (s.flags & SCN_WRITE ? PCLN_RANGE_WRITE : 0) |
                           (s.flags & SCN_EXECUTE ? PCLN_RANGE_EXEC : 0))};
    status = pcln_image_add_range(img, &r, sink);
  }
  return status;
}

static enum pcln_status open_pe(struct pcln_image *img,
                                const struct pcln_image_options *options,
                                const struct pcln_sink *sink) {
  (void)options;
  uint8_t buf[4 + COFF_HEADER];
  img->swap = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
  struct pcln_cursor c = pcln_image_cursor(img, DOS_NEW_HEADER, buf, 4);
  const uint64_t at = pcln_u32(&c);
  c = pcln_image_cursor(img, at, buf, sizeof buf);
  if (pcln_u32(&c) != 0x4550) // "PE\0\0": a program for DOS begins alike
    return PCLN_UNSUPPORTED;
  img->machine = elf_machine(pcln_u16(&c));
  const uint16_t n_sections = pcln_u16(&c);
  pcln_skip(&c, 4); // time
  const uint32_t symbols = pcln_u32(&c), n_symbols = pcln_u32(&c);
  const uint16_t optional_len = pcln_u16(&c);
  const uint64_t optional = at + sizeof buf;
  if (!read_optional(img, optional, optional_len))
    return pcln_image_fault(sink, PCLN_CORRUPT, "pe-header", optional,
                            "the PE header ends early, or is of an unknown "
                            "kind");
  img->tables.sections =
      (struct pcln_image_table){optional + optional_len, n_sections};
  pcln_coff_tables(img, symbols, n_symbols);
  return add_ranges(img, sink);
}

const struct pcln_image_ops pcln_image_pe = {
    .open = open_pe,
    .next_section = next_section,
    .symbol = symbol,
};
