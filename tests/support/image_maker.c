// SPDX-License-Identifier: Apache-2.0
//
// One layout of the file serves all formats:
//
//   0        the format's headers
//   0x800    dynamic section, relocations or fixups, if any
//   0x1000   the table, with findfunctab and funcdata behind it
//   rw_off   data: moduledata, build information
//   behind   symbols, their strings, section headers: not loaded
#include "image_maker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct image_spec image_specs[IMAGE_N_SPECS] = {
    {.format = PCLN_FORMAT_ELF, .ptr_size = 8, .layout = PCLN_GO_120},
    {.format = PCLN_FORMAT_ELF, .ptr_size = 4, .layout = PCLN_GO_118},
    {.format = PCLN_FORMAT_ELF, .ptr_size = 8, .layout = PCLN_GO_116},
    {.format = PCLN_FORMAT_ELF,
     .ptr_size = 4,
     .layout = PCLN_GO_12,
     .big_endian = true},
    {.format = PCLN_FORMAT_ELF, .ptr_size = 8, .layout = PCLN_GO_12},
    {.format = PCLN_FORMAT_ELF,
     .ptr_size = 8,
     .layout = PCLN_GO_118,
     .big_endian = true},
    {.format = PCLN_FORMAT_ELF,
     .ptr_size = 8,
     .layout = PCLN_GO_120,
     .relocated = true},
    {.format = PCLN_FORMAT_ELF,
     .ptr_size = 4,
     .layout = PCLN_GO_120,
     .relocated = true},
    {.format = PCLN_FORMAT_ELF,
     .ptr_size = 8,
     .layout = PCLN_GO_116,
     .relocated = true,
     .old_strings = true},
    {.format = PCLN_FORMAT_PE, .ptr_size = 8, .layout = PCLN_GO_120},
    {.format = PCLN_FORMAT_PE,
     .ptr_size = 4,
     .layout = PCLN_GO_12,
     .old_strings = true},
    {.format = PCLN_FORMAT_MACHO, .ptr_size = 8, .layout = PCLN_GO_120},
    {.format = PCLN_FORMAT_MACHO,
     .ptr_size = 8,
     .layout = PCLN_GO_120,
     .relocated = true},
    {.format = PCLN_FORMAT_MACHO,
     .ptr_size = 8,
     .layout = PCLN_GO_120,
     .relocated = true,
     .universal = true},
    {.format = PCLN_FORMAT_MACHO, .ptr_size = 4, .layout = PCLN_GO_12},
    {.format = PCLN_FORMAT_MACHO,
     .ptr_size = 4,
     .layout = PCLN_GO_116,
     .big_endian = true},
    {.format = PCLN_FORMAT_XCOFF,
     .ptr_size = 8,
     .layout = PCLN_GO_120,
     .big_endian = true},
    {.format = PCLN_FORMAT_XCOFF,
     .ptr_size = 4,
     .layout = PCLN_GO_118,
     .big_endian = true,
     .old_strings = true},
};

struct maker {
  const struct image_spec *spec;
  struct made_image *out;
  size_t rw_len, n_funcs;
  size_t symbols, n_symbols, strings, strings_len; // offsets from base
  size_t end;                                      // of what was placed
  uint64_t relocs[64][2];                          // va, value
  size_t n_relocs;
};

static void put(struct maker *m, size_t off, unsigned size, uint64_t v) {
  uint8_t *p = m->out->bytes + m->out->base + off;
  if (m->out->base + off + size > IMAGE_MAX)
    abort();
  for (unsigned i = 0; i < size; i++)
    p[m->spec->big_endian ? size - 1 - i : i] = (uint8_t)(v >> (8 * i));
}

static void put_word(struct maker *m, size_t off, uint64_t v) {
  put(m, off, m->spec->ptr_size, v);
}

static void put_text(struct maker *m, size_t off, const char *s, size_t len) {
  if (m->out->base + off + len > IMAGE_MAX)
    abort();
  memcpy(m->out->bytes + m->out->base + off, s, len);
}

// An address in data: stored, or left to the loader.
static void put_address(struct maker *m, size_t rw_off, uint64_t v) {
  const bool wide = m->spec->format == PCLN_FORMAT_MACHO && m->spec->relocated;
  if (!m->spec->relocated) {
    put_word(m, m->out->rw_off + rw_off, v);
    return;
  }
  m->relocs[m->n_relocs][0] = IMAGE_RW_VA + rw_off;
  m->relocs[m->n_relocs++][1] = v;
  put_word(m, m->out->rw_off + rw_off, wide ? v - IMAGE_RO_VA : 0);
}

// --- What a Go program says of itself ----------------------------------------

static void put_slice(struct maker *m, unsigned word, uint64_t ptr,
                      uint64_t len) {
  const size_t p = m->spec->ptr_size;
  put_address(m, IMAGE_MODULE_OFF + word * p, ptr);
  put_word(m, m->out->rw_off + IMAGE_MODULE_OFF + (word + 1) * p, len);
  put_word(m, m->out->rw_off + IMAGE_MODULE_OFF + (word + 2) * p, len);
}

static void put_field(struct maker *m, unsigned word, uint64_t va) {
  put_address(m, IMAGE_MODULE_OFF + word * m->spec->ptr_size, va);
}

static void put_module(struct maker *m) {
  const struct made *t = &m->out->table;
  const uint64_t va = m->out->table_va;
  const uint64_t text = IMAGE_TEXT_VA;
  const bool old = m->spec->layout == PCLN_GO_12;
  const uint64_t n = m->n_funcs;
  const unsigned minpc = old ? 10 : 20;
  if (old) {
    put_slice(m, 0, va, t->funcdata);
    put_slice(m, 3, va + t->functab, n + 1);
  } else {
    put_field(m, 0, va);
    put_slice(m, 1, va + t->names, 1);
    put_slice(m, 4, va + t->cutab, 1);
    put_slice(m, 7, va + t->files, 1);
    put_slice(m, 10, va + t->pctab, 1);
    put_slice(m, 13, va + t->functab, t->funcdata - t->functab);
    put_slice(m, 16, va + t->functab, n + 1);
  }
  put_field(m, old ? 9 : 19, va + t->findfunctab);
  put_field(m, minpc, text);
  put_field(m, minpc + 1, text + SAMPLE_TEXT_LEN);
  put_field(m, minpc + 2, text);
  put_field(m, minpc + 3, m->spec->no_text ? text : text + SAMPLE_TEXT_LEN);
  if (m->spec->layout < PCLN_GO_118)
    return;
  const unsigned rodata = m->spec->layout == PCLN_GO_118 ? 37 : 39;
  m->out->rodata_va = IMAGE_RO_VA + 0x600;
  m->out->gofunc_va = m->spec->inside ? va + t->funcdata : IMAGE_RO_VA + 0x640;
  put_field(m, rodata, m->out->rodata_va);
  put_field(m, rodata + 1, m->out->gofunc_va);
  if (m->spec->inside)
    put_field(m, rodata + 2, va + t->len);
}

static size_t put_string(struct maker *m, size_t off, const char *s,
                         size_t len) {
  const size_t rw = m->out->rw_off;
  put(m, rw + off, 1, len & 0x7f ? (len & 0x7f) | 0x80 : 0x80);
  put(m, rw + off + 1, 1, len >> 7);
  put_text(m, rw + off + 2, s, len);
  return off + 2 + len;
}

static void put_build(struct maker *m) {
  static const char mark[17] = "0123456789abcdef";
  const size_t rw = m->out->rw_off, p = m->spec->ptr_size;
  char lines[1024];
  const int len =
      snprintf(lines, sizeof lines, "%s%s%s", mark, IMAGE_BUILD_LINES, mark);
  put_text(m, rw + IMAGE_BUILD_OFF, "\xff Go buildinf:", 14);
  put(m, rw + IMAGE_BUILD_OFF + 14, 1, p);
  if (!m->spec->old_strings) {
    put(m, rw + IMAGE_BUILD_OFF + 15, 1, 2);
    const size_t at = put_string(m, IMAGE_BUILD_OFF + 32, IMAGE_GO_VERSION, 8);
    put_string(m, at, lines, (size_t)len);
    return;
  }
  put(m, rw + IMAGE_BUILD_OFF + 15, 1, m->spec->big_endian);
  put_address(m, IMAGE_BUILD_OFF + 16, IMAGE_RW_VA + IMAGE_BUILD_OFF + 48);
  put_address(m, IMAGE_BUILD_OFF + 16 + p, IMAGE_RW_VA + IMAGE_BUILD_OFF + 64);
  put_address(m, IMAGE_BUILD_OFF + 48, IMAGE_RW_VA + IMAGE_BUILD_OFF + 80);
  put_word(m, rw + IMAGE_BUILD_OFF + 48 + p, 8);
  put_address(m, IMAGE_BUILD_OFF + 64, IMAGE_RW_VA + IMAGE_BUILD_OFF + 96);
  put_word(m, rw + IMAGE_BUILD_OFF + 64 + p, (uint64_t)len);
  put_text(m, rw + IMAGE_BUILD_OFF + 80, IMAGE_GO_VERSION, 8);
  put_text(m, rw + IMAGE_BUILD_OFF + 96, lines, (size_t)len);
}

// Variables that hold strings, across the border of two pages of 4 KB less a
// word too.
static void put_releases(struct maker *m) {
  const size_t places[] = {0xff8, 0x900};
  const size_t p = m->spec->ptr_size;
  for (size_t i = 0; i < 2 && m->spec->releases[i]; i++) {
    const char *text = m->spec->releases[i];
    const size_t at = 0x980 + 0x20 * i;
    put_address(m, places[i], IMAGE_RW_VA + at);
    put_word(m, m->out->rw_off + places[i] + p, strlen(text));
    put_text(m, m->out->rw_off + at, text, strlen(text));
  }
}

// --- Strings and symbols -----------------------------------------------------
static const struct {
  const char *name;
  bool text; // else the table
} symbols[] = {{"runtime.pclntab", false}, {"runtime.text", true}};
enum { N_SYMBOLS = 2 };

// Appends a name; returns its offset in the strings.
static size_t add_name(struct maker *m, const char *name) {
  const size_t at = m->strings_len;
  put_text(m, m->strings + at, name, strlen(name) + 1);
  m->strings_len += strlen(name) + 1;
  return at;
}

static uint64_t symbol_va(const struct maker *m, size_t i) {
  return symbols[i].text ? IMAGE_TEXT_VA : m->out->table_va;
}

// --- ELF ---------------------------------------------------------------------
static void elf_phdr(struct maker *m, size_t at, uint32_t type, uint32_t flags,
                     size_t off, uint64_t va, size_t len) {
  const unsigned p = m->spec->ptr_size;
  const bool wide = p == 8;
  put(m, at, 4, type);
  put(m, wide ? at + 4 : at + 24, 4, flags);
  put_word(m, at + (wide ? 8 : 4), off);
  put_word(m, at + (wide ? 16 : 8), va);
  put_word(m, at + (wide ? 32 : 16), len);
  put_word(m, at + (wide ? 40 : 20), len);
}

static void elf_shdr(struct maker *m, size_t at, size_t name, uint32_t type,
                     uint64_t va, size_t off, size_t len, uint32_t link) {
  const unsigned p = m->spec->ptr_size;
  put(m, at, 4, name);
  put(m, at + 4, 4, type);
  put_word(m, at + 8, va ? 2 : 0);
  put_word(m, at + 8 + p, va);
  put_word(m, at + 8 + 2 * p, off);
  put_word(m, at + 8 + 3 * p, len);
  put(m, at + 8 + 4 * p, 4, link);
}

static void elf_sections(struct maker *m) {
  const bool wide = m->spec->ptr_size == 8;
  const size_t shsize = wide ? 64 : 40, sym = wide ? 24 : 16;
  m->symbols = m->end;
  m->n_symbols = m->spec->no_symbols ? 0 : N_SYMBOLS;
  m->strings = m->symbols + (1 + m->n_symbols) * sym;
  m->strings_len = 1;
  for (size_t i = 0; i < m->n_symbols; i++) {
    const size_t at = m->symbols + (i + 1) * sym;
    put(m, at, 4, add_name(m, symbols[i].name));
    put(m, wide ? at + 6 : at + 14, 2, 1); // section
    put_word(m, wide ? at + 8 : at + 4, symbol_va(m, i));
  }
  const size_t name =
      add_name(m, m->spec->relocated ? ".data.rel.ro.gopclntab" : ".gopclntab");
  const size_t symtab = add_name(m, ".symtab"), str = add_name(m, ".strtab");
  const size_t at = (m->strings + m->strings_len + 7) & ~(size_t)7;
  elf_shdr(m, at + shsize, name, 1, m->out->table_va, IMAGE_TABLE_OFF,
           m->out->table.len, 0);
  elf_shdr(m, at + 2 * shsize, symtab, 2, 0, m->symbols,
           (1 + m->n_symbols) * sym, 3);
  elf_shdr(m, at + 3 * shsize, str, 3, 0, m->strings, m->strings_len, 0);
  put_word(m, wide ? 40 : 32, at);
  put(m, wide ? 58 : 46, 2, shsize);
  put(m, wide ? 60 : 48, 2, 4);
  put(m, wide ? 62 : 50, 2, 3);
  m->end = at + 4 * shsize;
}

static void elf_relocations(struct maker *m) {
  const unsigned p = m->spec->ptr_size;
  const size_t at = 0x840;
  for (size_t i = 0; i < m->n_relocs; i++) {
    put_word(m, at + 3 * p * i, m->relocs[i][0]);
    put_word(m, at + 3 * p * i + p, p == 8 ? 1027 : 8); // RELATIVE
    put_word(m, at + 3 * p * i + 2 * p, m->relocs[i][1]);
  }
  put_word(m, 0x800, 7); // DT_RELA
  put_word(m, 0x800 + p, IMAGE_RO_VA + at);
  put_word(m, 0x800 + 2 * p, 8); // DT_RELASZ
  put_word(m, 0x800 + 3 * p, 3 * p * m->n_relocs);
}

static void make_elf(struct maker *m) {
  const bool wide = m->spec->ptr_size == 8;
  const size_t phoff = wide ? 64 : 52, phsize = wide ? 56 : 32;
  put_text(m, 0, "\177ELF", 4);
  put(m, 4, 1, wide ? 2 : 1);
  put(m, 5, 1, m->spec->big_endian ? 2 : 1);
  put(m, 6, 1, 1);
  put(m, 16, 2, m->spec->relocated ? 3 : 2);
  put(m, 18, 2, wide ? 183 : 3);
  put_word(m, wide ? 32 : 28, phoff);
  put(m, wide ? 54 : 42, 2, phsize);
  put(m, wide ? 56 : 44, 2, 3);
  elf_phdr(m, phoff, 1, 4, 0, IMAGE_RO_VA, m->out->rw_off);
  elf_phdr(m, phoff + phsize, 1, 6, m->out->rw_off, IMAGE_RW_VA, m->rw_len);
  elf_phdr(m, phoff + 2 * phsize, 2, 6, 0x800, IMAGE_RO_VA + 0x800, 0x40);
  if (m->spec->relocated)
    elf_relocations(m);
  if (!m->spec->no_sections)
    elf_sections(m);
}

// --- COFF: PE and XCOFF ------------------------------------------------------
static void coff_symbols(struct maker *m, bool xcoff) {
  const bool wide = xcoff && m->spec->ptr_size == 8;
  m->symbols = m->end;
  m->n_symbols = 1 + N_SYMBOLS; // the first is followed by one that is none
  m->strings = m->symbols + m->n_symbols * 18;
  m->strings_len = 4;
  for (size_t i = 0; i < N_SYMBOLS; i++) {
    const size_t at = m->symbols + (i ? i + 1 : 0) * 18;
    const uint64_t va = symbol_va(m, i);
    const unsigned section = symbols[i].text ? 3 : 1;
    const uint64_t base = symbols[i].text ? IMAGE_TEXT_VA : IMAGE_RO_VA;
    if (wide)
      put(m, at, 8, va);
    put(m, wide ? at + 8 : at + 4, 4, add_name(m, symbols[i].name));
    if (!wide)
      put(m, at + 8, 4, xcoff ? va : va - base);
    put(m, at + 12, 2, section);
    put(m, at + 16, 1, 2);      // external
    put(m, at + 17, 1, i == 0); // auxiliary records
  }
  // What stands behind the first looks like a symbol, and is none.
  const size_t aux = m->symbols + 18;
  memcpy(m->out->bytes + m->out->base + aux,
         m->out->bytes + m->out->base + aux + 18, 18);
  put(m, wide ? aux : aux + 8, 4, 0x10);
  put(m, m->strings, 4, m->strings_len);
  m->end = m->strings + m->strings_len;
}

static void pe_section(struct maker *m, size_t at, const char *name,
                       uint32_t flags, size_t off, uint64_t va, size_t len) {
  put_text(m, at, name, strlen(name));
  put(m, at + 8, 4, len);
  put(m, at + 12, 4, va - 0x200000);
  put(m, at + 16, 4, off ? len : 0);
  put(m, at + 20, 4, off);
  put(m, at + 36, 4, flags);
}

static void make_pe(struct maker *m) {
  const bool wide = m->spec->ptr_size == 8;
  const size_t at = 0x80, optional = at + 24, sections = optional + 112;
  put_text(m, 0, "MZ", 2);
  put(m, 0x3c, 4, at);
  put_text(m, at, "PE\0", 4);
  put(m, at + 4, 2, wide ? 0x8664 : 0x14c);
  put(m, at + 6, 2, 3);
  put(m, at + 20, 2, 112);
  put(m, optional, 2, wide ? 0x20b : 0x10b);
  put_word(m, optional + (wide ? 24 : 28), 0x200000);
  // The file's first bytes are loaded too, but belong to no section.
  pe_section(m, sections, ".rdata", 0x40000040, 0x200, IMAGE_RO_VA + 0x200,
             m->out->rw_off - 0x200);
  pe_section(m, sections + 40, ".data", 0xc0000040, m->out->rw_off, IMAGE_RW_VA,
             m->rw_len);
  pe_section(m, sections + 80, ".text", 0x60000020, 0, IMAGE_TEXT_VA,
             SAMPLE_TEXT_LEN);
  if (m->spec->no_symbols)
    return;
  const size_t symtab = m->end;
  coff_symbols(m, false);
  // Relative to their section.
  put(m, symtab + 8, 4, m->out->table_va - IMAGE_RO_VA - 0x200);
  put(m, at + 12, 4, symtab);
  put(m, at + 16, 4, m->n_symbols);
}

static void xcoff_section(struct maker *m, size_t at, const char *name,
                          uint32_t flags, size_t off, uint64_t va, size_t len) {
  const unsigned p = m->spec->ptr_size;
  put_text(m, at, name, strlen(name));
  put_word(m, at + 8, va);
  put_word(m, at + 8 + p, va);
  put_word(m, at + 8 + 2 * p, len);
  put_word(m, at + 8 + 3 * p, off);
  put(m, at + (p == 8 ? 64 : 36), 4, flags);
}

static void make_xcoff(struct maker *m) {
  const bool wide = m->spec->ptr_size == 8;
  const size_t header = wide ? 24 : 20, section = wide ? 72 : 40;
  put(m, 0, 2, wide ? 0x1f7 : 0x1df);
  put(m, 2, 2, 3);
  xcoff_section(m, header, ".text", 0x20, 0x200, IMAGE_RO_VA + 0x200,
                m->out->rw_off - 0x200);
  xcoff_section(m, header + section, ".data", 0x40, m->out->rw_off, IMAGE_RW_VA,
                m->rw_len);
  xcoff_section(m, header + 2 * section, ".bss", 0x80, 0, 0x900000, 0x100);
  if (m->spec->no_symbols)
    return;
  put_word(m, 8, m->end);
  coff_symbols(m, true);
  put(m, wide ? 20 : 12, 4, m->n_symbols);
}

// --- Mach-O
// -------------------------------------------------------------------
static size_t macho_segment(struct maker *m, size_t at, const char *section,
                            size_t off, uint64_t va, size_t len,
                            uint32_t prot) {
  const bool wide = m->spec->ptr_size == 8;
  const unsigned p = m->spec->ptr_size;
  const size_t head = wide ? 72 : 56, sec = wide ? 80 : 68;
  const size_t size = head + (section ? sec : 0);
  put(m, at, 4, wide ? 0x19 : 1);
  put(m, at + 4, 4, size);
  put_word(m, at + 24, va);
  put_word(m, at + 24 + p, len);
  put_word(m, at + 24 + 2 * p, off);
  put_word(m, at + 24 + 3 * p, len);
  put(m, at + head - 12, 4, prot);
  put(m, at + head - 8, 4, section != NULL);
  if (section) {
    put_text(m, at + head, section, strlen(section));
    put_word(m, at + head + 32, m->out->table_va);
    put_word(m, at + head + 32 + p, m->out->table.len);
    put(m, at + head + 32 + 2 * p, 4, IMAGE_TABLE_OFF);
  }
  return at + size;
}

// One page of chained words, in the order of their addresses.
static void macho_fixups(struct maker *m, size_t at) {
  put(m, at, 4, 0x80000034);
  put(m, at + 4, 4, 16);
  put(m, at + 8, 4, 0x800);
  put(m, at + 12, 4, 0x100);
  put(m, 0x804, 4, 0x20); // starts
  put(m, 0x820, 4, 2);    // segments
  put(m, 0x828, 4, 0x20); // of the second, from the starts
  const size_t s = 0x840;
  put(m, s + 4, 2, 0x4000); // page size
  put(m, s + 6, 2, 6);      // 64 bits, offsets from the image
  put(m, s + 8, 8, IMAGE_RW_VA - IMAGE_RO_VA);
  put(m, s + 20, 2, 1);
  uint64_t last = UINT64_MAX;
  for (uint64_t off = 0; off < m->rw_len; off++)
    for (size_t i = 0; i < m->n_relocs; i++)
      if (m->relocs[i][0] == IMAGE_RW_VA + off) {
        const uint64_t target = m->relocs[i][1] - IMAGE_RO_VA;
        put(m, m->out->rw_off + off, 8, target);
        if (last == UINT64_MAX) {
          put(m, s + 22, 2, off);
        } else {
          uint64_t before;
          memcpy(&before, m->out->bytes + m->out->base + m->out->rw_off + last,
                 8);
          put(m, m->out->rw_off + last, 8, before | ((off - last) / 4) << 51);
        }
        last = off;
      }
}

static void make_macho(struct maker *m) {
  const bool wide = m->spec->ptr_size == 8;
  const size_t header = wide ? 32 : 28, sym = wide ? 16 : 12;
  put(m, 0, 4, wide ? 0xfeedfacf : 0xfeedface);
  put(m, 4, 4, m->spec->big_endian ? 18 : wide ? 0x0100000c : 7);
  put(m, 24, 4, m->spec->relocated ? 0x200000 : 0);
  size_t at =
      macho_segment(m, header, m->spec->no_sections ? NULL : "__gopclntab", 0,
                    IMAGE_RO_VA, m->out->rw_off, 1);
  at = macho_segment(m, at, NULL, m->out->rw_off, IMAGE_RW_VA, m->rw_len, 3);
  if (!m->spec->no_symbols) {
    m->symbols = m->end;
    m->strings = m->symbols + N_SYMBOLS * sym;
    m->strings_len = 1;
    for (size_t i = 0; i < N_SYMBOLS; i++) {
      char name[32];
      snprintf(name, sizeof name, "_%s", symbols[i].name);
      put(m, m->symbols + i * sym, 4, add_name(m, name));
      put(m, m->symbols + i * sym + 4, 1, 0xe);
      put_word(m, m->symbols + i * sym + 8, symbol_va(m, i));
    }
    m->end = m->strings + m->strings_len;
    put(m, at, 4, 2);
    put(m, at + 4, 4, 24);
    put(m, at + 8, 4, m->symbols);
    put(m, at + 12, 4, N_SYMBOLS);
    put(m, at + 16, 4, m->strings);
    put(m, at + 20, 4, m->strings_len);
    at += 24;
  }
  if (m->spec->relocated) {
    macho_fixups(m, at);
    at += 16;
  }
  put(m, 20, 4, at - header);
}

// The header of a universal file, whose second slice is the image. The first
// is as good as empty.
static void make_universal(struct maker *m) {
  static const uint32_t words[] = {0xcafebabe, 2, 12, 0, 0x100, 0x10, 0};
  const uint32_t second[] = {0x0100000c, 0, (uint32_t)m->out->base,
                             (uint32_t)(m->out->len - m->out->base), 0};
  for (size_t i = 0; i < 12; i++) {
    const uint32_t v = i < 7 ? words[i] : second[i - 7];
    for (unsigned k = 0; k < 4; k++)
      m->out->bytes[4 * i + k] = (uint8_t)(v >> (24 - 8 * k));
  }
}

// --- All ---------------------------------------------------------------------
void make_image(const struct image_spec *spec, struct made_image *out) {
  static void (*const formats[])(struct maker *) = {
      [PCLN_FORMAT_ELF] = make_elf,
      [PCLN_FORMAT_PE] = make_pe,
      [PCLN_FORMAT_MACHO] = make_macho,
      [PCLN_FORMAT_XCOFF] = make_xcoff};
  struct maker m = {.spec = spec, .out = out, .rw_len = 0x1100};
  const struct make_spec table =
      sample_spec(spec->layout, spec->ptr_size, 1, spec->big_endian, false);
  memset(out, 0, sizeof *out);
  make_table(&table, &out->table);
  m.n_funcs = table.n_funcs;
  if (spec->no_header_text && spec->layout >= PCLN_GO_118)
    make_patch(&out->table, 8 + 2 * (size_t)spec->ptr_size, spec->ptr_size, 0);
  out->base = spec->universal ? 0x1000 : 0;
  out->rw_off = (IMAGE_TABLE_OFF + out->table.len + 0xfff) & ~(size_t)0xfff;
  out->table_va = IMAGE_RO_VA + IMAGE_TABLE_OFF;
  out->module_va = IMAGE_RW_VA + IMAGE_MODULE_OFF;
  m.end = out->rw_off + m.rw_len;
  put_text(&m, IMAGE_TABLE_OFF, (const char *)out->table.bytes, out->table.len);
  if (!spec->no_module)
    put_module(&m);
  if (spec->releases[0])
    put_releases(&m);
  else
    put_build(&m);
  put_address(&m, IMAGE_WORD_OFF, out->table_va);
  formats[spec->format](&m);
  out->len = out->base + m.end;
  if (spec->universal)
    make_universal(&m);
}
