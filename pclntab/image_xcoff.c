// SPDX-License-Identifier: Apache-2.0
//
// XCOFF images, 64-bit and 32-bit: programs for AIX on PowerPC. They are COFF
// in big-endian byte order; symbols hold addresses, and the words of the file
// are those at its link-time address.
#include "image_formats.h"

#include <elf.h>

enum {
  MAGIC_32 = 0x1df,
  MAGIC_64 = 0x1f7,
  HEADER_32 = 20,
  HEADER_64 = 24,
  SECTION_32 = 40,
  SECTION_64 = 72,
  SECTION_NAME = 8,
};
enum { STYP_TEXT = 0x20, STYP_DATA = 0x40, STYP_BSS = 0x80 };
// Storage classes of symbols that stand for code or data.
enum { CLASS_EXT = 2, CLASS_HIDEXT = 107, CLASS_WEAKEXT = 111 };

struct section_header {
  char name[SECTION_NAME + 1];
  uint64_t va, size, file_off;
  uint32_t flags;
};

static bool section_header(const struct pcln_image *img, uint64_t idx,
                           struct section_header *out) {
  const size_t size = img->ptr_size == 8 ? SECTION_64 : SECTION_32;
  const struct pcln_image_table *t = &img->tables.sections;
  uint8_t buf[SECTION_64];
  if (idx >= t->n)
    return false;
  struct pcln_cursor c = pcln_image_cursor(img, t->off + idx * size, buf, size);
  const uint8_t *name = pcln_take(&c, SECTION_NAME);
  if (!name)
    return false;
  memcpy(out->name, name, SECTION_NAME);
  out->name[SECTION_NAME] = 0;
  (void)pcln_uint(&c, img->ptr_size); // physical address
  out->va = pcln_uint(&c, img->ptr_size);
  out->size = pcln_uint(&c, img->ptr_size);
  out->file_off = pcln_uint(&c, img->ptr_size);
  pcln_skip(&c, 2 * (uint64_t)img->ptr_size); // relocations, line numbers
  pcln_skip(&c, img->ptr_size == 8 ? 8 : 4);  // and how many
  out->flags = pcln_u32(&c);
  return !c.failed;
}

static bool is_loaded(const struct section_header *s) {
  return s->flags & (STYP_TEXT | STYP_DATA | STYP_BSS);
}

static bool next_section(const struct pcln_image *img,
                         struct pcln_section_iter *it,
                         struct pcln_section *out) {
  struct section_header s;
  if (!section_header(img, it->next++, &s))
    return false;
  memcpy(out->name, s.name, sizeof s.name);
  out->va = is_loaded(&s) ? s.va : 0;
  out->file_off = img->base + s.file_off;
  out->size = s.size;
  out->file_len = s.flags & STYP_BSS ? 0 : s.size;
  return true;
}

static bool symbol(const struct pcln_image *img, unsigned table, uint64_t idx,
                   struct pcln_image_symbol *out) {
  struct pcln_coff_symbol s;
  if (table != 0 || !pcln_coff_symbol(img, idx, &s))
    return false;
  *out = (struct pcln_image_symbol){
      .va = s.value,
      .name_off = s.name_off,
      .name_limit = s.name_limit,
      .skip = s.n_aux,
      .defined = s.section > 0 && s.section < 0x8000 &&
                 (s.class == CLASS_EXT || s.class == CLASS_HIDEXT ||
                  s.class == CLASS_WEAKEXT)};
  return true;
}

static enum pcln_status add_ranges(struct pcln_image *img,
                                   const struct pcln_sink *sink) {
  enum pcln_status status = PCLN_OK;
  for (uint64_t i = 0; i < img->tables.sections.n && status == PCLN_OK; i++) {
    struct section_header s;
    if (!section_header(img, i, &s))
      return pcln_image_fault(sink, PCLN_CORRUPT, "xcoff-section-table",
                              img->tables.sections.off,
                              "the section table runs past the end of the "
                              "file; is the file truncated?");
    if (!is_loaded(&s))
      continue;
    const struct pcln_range r = {
        .va = s.va,
        .file_off = img->base + s.file_off,
        .file_len = s.flags & STYP_BSS ? 0 : s.size,
        .mem_len = s.size,
        .flags = s.flags & STYP_TEXT ? PCLN_RANGE_READ | PCLN_RANGE_EXEC
                                     : PCLN_RANGE_READ | PCLN_RANGE_WRITE};
    status = pcln_image_add_range(img, &r, sink);
  }
  return status;
}

static enum pcln_status open_xcoff(struct pcln_image *img,
                                   const struct pcln_image_options *options,
                                   const struct pcln_sink *sink) {
  (void)options;
  uint8_t buf[HEADER_64];
  img->big_endian = true;
  img->swap = __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__;
  struct pcln_cursor c = pcln_image_cursor(img, img->base, buf, 2);
  img->ptr_size = pcln_u16(&c) == MAGIC_64 ? 8 : 4;
  img->machine = img->ptr_size == 8 ? EM_PPC64 : EM_PPC;
  const size_t size = img->ptr_size == 8 ? HEADER_64 : HEADER_32;
  c = pcln_image_cursor(img, img->base, buf, size);
  pcln_skip(&c, 2);
  const uint16_t n_sections = pcln_u16(&c);
  pcln_skip(&c, 4); // time
  const uint64_t symbols = pcln_uint(&c, img->ptr_size);
  uint32_t n_symbols = img->ptr_size == 8 ? 0 : pcln_u32(&c);
  const uint16_t optional_len = pcln_u16(&c);
  pcln_skip(&c, 2); // flags
  if (img->ptr_size == 8)
    n_symbols = pcln_u32(&c);
  if (c.failed)
    return pcln_image_fault(sink, PCLN_CORRUPT, "xcoff-header", img->base,
                            "the file ends inside its XCOFF header");
  img->tables.sections =
      (struct pcln_image_table){img->base + size + optional_len, n_sections};
  pcln_coff_tables(img, symbols, n_symbols);
  return add_ranges(img, sink);
}

const struct pcln_image_ops pcln_image_xcoff = {
    .open = open_xcoff,
    .next_section = next_section,
    .symbol = symbol,
};
