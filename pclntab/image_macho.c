// SPDX-License-Identifier: Apache-2.0
//
// Mach-O images, 32-bit and 64-bit, alone or as a slice of a universal file.
//
// A file is a list of load commands: segments with their sections, the symbol
// table, and, since 2020, chained fixups. Before those, the words of the file
// were link-time addresses, and the loader's list of them is of no interest
// here. With chained fixups each such word is packed: where it points to, and
// how far the next one is on the same page. Only by walking the page's chain
// from its start can one tell a packed word from a number.
#include "image_formats.h"

#include <elf.h>

enum {
  MAGIC_32 = 0xfeedface,
  MAGIC_64 = 0xfeedfacf,
  FAT_MAGIC_64 = 0xcafebabf,
  FAT_MAX = 64, // a Java class has a universal file's magic, and a version here
  LC_SEGMENT = 1,
  LC_SYMTAB = 2,
  LC_SEGMENT_64 = 0x19,
  FLAG_PIE = 0x200000,
  NAME_LEN = 16,
};
#define LC_CHAINED_FIXUPS UINT32_C(0x80000034)

static uint16_t elf_machine(uint32_t cpu) {
  switch (cpu) {
  case 7:
    return EM_386;
  case 0x01000007:
    return EM_X86_64;
  case 12:
    return EM_ARM;
  case 0x0100000c:
    return EM_AARCH64;
  case 18:
    return EM_PPC;
  case 0x01000012:
    return EM_PPC64;
  default:
    return EM_NONE;
  }
}

// --- Load commands ----------------------------------------------------------

struct command {
  uint64_t off; // bytes from the start of the source
  uint32_t kind, len;
};

// Reads the command at *off and moves behind it; false at the end, or where a
// command does not fit.
static bool next_command(const struct pcln_image *img, uint64_t *off,
                         struct command *out) {
  const struct pcln_image_table *t = &img->tables.sections;
  const uint64_t at = *off ? *off : t->off, end = t->off + t->n;
  uint8_t buf[8];
  if (end - at < sizeof buf)
    return false;
  struct pcln_cursor c = pcln_image_cursor(img, at, buf, sizeof buf);
  *out = (struct command){.off = at, .kind = pcln_u32(&c), .len = pcln_u32(&c)};
  if (c.failed || out->len < sizeof buf || out->len > end - at)
    return false;
  *off = at + out->len;
  return true;
}

static bool is_segment(const struct pcln_image *img, const struct command *c) {
  return c->kind == (img->ptr_size == 8 ? LC_SEGMENT_64 : LC_SEGMENT);
}

struct segment {
  struct pcln_range range;
  uint32_t n_sections;
  uint64_t sections; // bytes from the start of the source
};

static size_t segment_size(const struct pcln_image *img) {
  return img->ptr_size == 8 ? 72 : 56;
}

static bool read_segment(const struct pcln_image *img,
                         const struct command *cmd, struct segment *out) {
  uint8_t buf[72];
  const size_t size = segment_size(img);
  const unsigned p = img->ptr_size;
  if (cmd->len < size)
    return false;
  struct pcln_cursor c = pcln_image_cursor(img, cmd->off, buf, size);
  pcln_skip(&c, 8 + NAME_LEN);
  out->range.va = pcln_uint(&c, p);
  out->range.mem_len = pcln_uint(&c, p);
  const uint64_t off = pcln_uint(&c, p);
  out->range.file_off = img->base + off;
  out->range.file_len = off < img->len ? pcln_uint(&c, p) : 0;
  pcln_seek(&c, size - 12); // initial protection: bits are r, w, x from bit 0
  const uint32_t prot = pcln_u32(&c);
  out->range.flags = (uint8_t)((prot & 1 ? PCLN_RANGE_READ : 0) |
                               (prot & 2 ? PCLN_RANGE_WRITE : 0) |
                               (prot & 4 ? PCLN_RANGE_EXEC : 0));
  out->n_sections = pcln_u32(&c);
  out->sections = cmd->off + size;
  return !c.failed;
}

// --- Sections and symbols ---------------------------------------------------

static size_t section_size(const struct pcln_image *img) {
  return img->ptr_size == 8 ? 80 : 68;
}

static bool read_section(const struct pcln_image *img, uint64_t off,
                         struct pcln_section *out) {
  enum { ZEROFILL = 1, GB_ZEROFILL = 12, THREAD_ZEROFILL = 18 };
  uint8_t buf[80];
  struct pcln_cursor c = pcln_image_cursor(img, off, buf, section_size(img));
  const uint8_t *name = pcln_take(&c, NAME_LEN);
  if (!name)
    return false;
  memcpy(out->name, name, NAME_LEN);
  out->name[NAME_LEN] = 0;
  pcln_skip(&c, NAME_LEN);
  out->va = pcln_uint(&c, img->ptr_size);
  out->size = pcln_uint(&c, img->ptr_size);
  out->file_off = img->base + pcln_u32(&c);
  pcln_skip(&c, 12); // alignment, relocations and how many
  const uint32_t type = pcln_u32(&c) & 0xff;
  const bool zeros =
      type == ZEROFILL || type == GB_ZEROFILL || type == THREAD_ZEROFILL;
  out->file_len = zeros ? 0 : out->size;
  return !c.failed;
}

// it->off is the command behind the segment that is walked, it->inner its next
// section and it->next how many are left of them.
static bool next_section(const struct pcln_image *img,
                         struct pcln_section_iter *it,
                         struct pcln_section *out) {
  struct command cmd;
  while (it->next == 0) {
    struct segment s;
    if (!next_command(img, &it->off, &cmd))
      return false;
    if (!is_segment(img, &cmd) || !read_segment(img, &cmd, &s))
      continue;
    const uint64_t fit = (cmd.len - segment_size(img)) / section_size(img);
    it->next = s.n_sections < fit ? s.n_sections : fit;
    it->inner = s.sections;
  }
  it->next--;
  it->inner += section_size(img);
  return read_section(img, it->inner - section_size(img), out);
}

static bool symbol(const struct pcln_image *img, unsigned table, uint64_t idx,
                   struct pcln_image_symbol *out) {
  enum { STAB = 0xe0, TYPE = 0x0e, IN_SECTION = 0x0e };
  const struct pcln_image_table *t = &img->tables.symbols[0];
  const struct pcln_image_table *strings = &img->tables.strings[0];
  const size_t size = 8 + (size_t)img->ptr_size;
  uint8_t buf[16];
  if (table != 0 || idx >= t->n)
    return false;
  struct pcln_cursor c = pcln_image_cursor(img, t->off + idx * size, buf, size);
  const uint32_t name = pcln_u32(&c);
  const uint8_t type = pcln_u8(&c);
  pcln_skip(&c, 3); // section, description
  *out = (struct pcln_image_symbol){.va = pcln_uint(&c, img->ptr_size),
                                    .name_off = strings->off + name,
                                    .name_limit = strings->off + strings->n,
                                    .defined = !(type & STAB) &&
                                               (type & TYPE) == IN_SECTION};
  return !c.failed;
}

// --- Opening ----------------------------------------------------------------

static void read_symtab(struct pcln_image *img, const struct command *cmd) {
  uint8_t buf[24];
  if (cmd->len < sizeof buf)
    return;
  struct pcln_cursor c = pcln_image_cursor(img, cmd->off, buf, sizeof buf);
  pcln_skip(&c, 8);
  const uint64_t symbols = img->base + pcln_u32(&c);
  const uint64_t n = pcln_u32(&c);
  const uint64_t strings = img->base + pcln_u32(&c);
  const uint64_t len = pcln_u32(&c);
  if (c.failed || !pcln_image_has(img, symbols, n * (8u + img->ptr_size)) ||
      !pcln_image_has(img, strings, len))
    return;
  img->tables.symbols[0] = (struct pcln_image_table){symbols, n};
  img->tables.strings[0] = (struct pcln_image_table){strings, len};
}

static void read_fixups(struct pcln_image *img, const struct command *cmd) {
  uint8_t buf[16];
  if (cmd->len < sizeof buf)
    return;
  struct pcln_cursor c = pcln_image_cursor(img, cmd->off, buf, sizeof buf);
  pcln_skip(&c, 8);
  const uint64_t off = img->base + pcln_u32(&c), len = pcln_u32(&c);
  if (!c.failed && pcln_image_has(img, off, len))
    img->tables.fixups = (struct pcln_image_table){off, len};
}

static enum pcln_status add_segment(struct pcln_image *img,
                                    const struct command *cmd,
                                    const struct pcln_sink *sink) {
  struct segment s;
  if (!read_segment(img, cmd, &s) || s.range.file_len == 0)
    return PCLN_OK;
  // The segment that begins with the file's header is what offsets count from.
  if (s.range.file_off == img->base)
    img->image_base = s.range.va;
  return pcln_image_add_range(img, &s.range, sink);
}

static enum pcln_status read_commands(struct pcln_image *img,
                                      const struct pcln_sink *sink) {
  struct command cmd;
  enum pcln_status status = PCLN_OK;
  for (uint64_t off = 0; status == PCLN_OK && next_command(img, &off, &cmd);) {
    if (is_segment(img, &cmd))
      status = add_segment(img, &cmd, sink);
    else if (cmd.kind == LC_SYMTAB)
      read_symtab(img, &cmd);
    else if (cmd.kind == LC_CHAINED_FIXUPS)
      read_fixups(img, &cmd);
  }
  return status;
}

static enum pcln_status open_slice(struct pcln_image *img,
                                   const struct pcln_sink *sink) {
  uint8_t buf[32];
  struct pcln_cursor c = pcln_image_cursor(img, img->base, buf, 4);
  uint32_t magic = pcln_u32(&c);
  if (magic != MAGIC_32 && magic != MAGIC_64) {
    img->swap = true;
    magic = __builtin_bswap32(magic);
  }
  if (c.failed || (magic != MAGIC_32 && magic != MAGIC_64))
    return pcln_image_fault(sink, PCLN_CORRUPT, "macho-slice", img->base,
                            "the universal file's slice is no Mach-O file");
  img->ptr_size = magic == MAGIC_64 ? 8 : 4;
  img->big_endian = img->swap == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  const size_t size = img->ptr_size == 8 ? 32 : 28;
  c = pcln_image_cursor(img, img->base, buf, size);
  pcln_skip(&c, 4);
  img->machine = elf_machine(pcln_u32(&c));
  pcln_skip(&c, 12); // kind of cpu, file type, number of commands
  const uint64_t len = pcln_u32(&c);
  img->relocatable = pcln_u32(&c) & FLAG_PIE;
  if (c.failed || !pcln_image_has(img, img->base + size, len))
    return pcln_image_fault(sink, PCLN_CORRUPT, "macho-header", img->base,
                            "the file ends inside its load commands; is the "
                            "file truncated?");
  img->tables.sections = (struct pcln_image_table){img->base + size, len};
  return read_commands(img, sink);
}

// --- Universal files --------------------------------------------------------

// Moves the image to the slice for `machine`, or the first.
static enum pcln_status choose_slice(struct pcln_image *img, uint16_t machine,
                                     const struct pcln_sink *sink) {
  uint8_t buf[32];
  img->swap = __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__; // always big-endian
  struct pcln_cursor c = pcln_image_cursor(img, 0, buf, 8);
  const bool wide = pcln_u32(&c) == FAT_MAGIC_64;
  const uint32_t n = pcln_u32(&c);
  const size_t size = wide ? 32 : 20;
  if (n > FAT_MAX)
    return PCLN_UNSUPPORTED;
  for (uint32_t i = 0; i < n; i++) {
    c = pcln_image_cursor(img, 8 + i * size, buf, size);
    const uint16_t cpu = elf_machine(pcln_u32(&c));
    pcln_skip(&c, 4);
    const uint64_t off = pcln_uint(&c, wide ? 8 : 4);
    const uint64_t len = pcln_uint(&c, wide ? 8 : 4);
    if (c.failed || !pcln_image_has(img, off, len))
      return pcln_image_fault(sink, PCLN_CORRUPT, "macho-slice", 8 + i * size,
                              "a slice of the universal file lies outside it");
    if (machine && cpu != machine)
      continue;
    img->base = off;
    img->len = len;
    img->swap = false;
    return PCLN_OK;
  }
  return pcln_image_fault(sink, PCLN_NOT_FOUND, "macho-no-slice", 0,
                          "the universal file has no slice for the machine");
}

static enum pcln_status open_macho(struct pcln_image *img,
                                   const struct pcln_image_options *options,
                                   const struct pcln_sink *sink) {
  uint8_t buf[4];
  const uint8_t *magic = pcln_image_view(img, 0, buf, sizeof buf);
  enum pcln_status status = PCLN_OK;
  if (magic && magic[0] == 0xca)
    status = choose_slice(img, options->machine, sink);
  return status == PCLN_OK ? open_slice(img, sink) : status;
}

// --- Chained fixups ---------------------------------------------------------

enum {
  PTR_ARM64E = 1,
  PTR_64 = 2,
  PTR_64_OFFSET = 6,
  PTR_ARM64E_USERLAND = 9,
  PTR_ARM64E_USERLAND24 = 12,
  NO_CHAIN = 0xffff,
  SEGMENTS_MAX = 256,
};

// How one segment's words are chained.
struct chains {
  uint64_t va; // of the segment
  uint32_t page_size, format, n_pages;
  uint64_t starts; // u16[n_pages], bytes from the start of the source
};

static bool read_chains(const struct pcln_image *img, uint64_t starts_off,
                        uint32_t segment, struct chains *out) {
  const struct pcln_image_table *t = &img->tables.fixups;
  uint8_t buf[22];
  struct pcln_cursor c = pcln_image_cursor(
      img, t->off + starts_off + 4 + 4 * (uint64_t)segment, buf, 4);
  const uint32_t info = pcln_u32(&c);
  if (info == 0)
    return false;
  const uint64_t at = t->off + starts_off + info;
  c = pcln_image_cursor(img, at, buf, sizeof buf);
  pcln_skip(&c, 4);
  out->page_size = pcln_u16(&c);
  out->format = pcln_u16(&c);
  out->va = img->image_base + pcln_u64(&c);
  pcln_skip(&c, 4);
  out->n_pages = pcln_u16(&c);
  out->starts = at + sizeof buf;
  return !c.failed && out->page_size != 0 &&
         pcln_image_has(img, out->starts, 2 * (uint64_t)out->n_pages);
}

// What a packed word stands for, and how many bytes on the next one is; 0: it
// is the page's last.
static uint64_t unpack(const struct pcln_image *img, uint32_t format,
                       uint64_t raw, uint32_t *next) {
  if (format == PTR_64 || format == PTR_64_OFFSET) {
    *next = (uint32_t)(raw >> 51 & 0xfff) * 4;
    const uint64_t target = raw & 0xfffffffff;
    if (raw >> 63) // bound to another library's symbol
      return 0;
    return (raw >> 36 & 0xff) << 56 |
           (target + (format == PTR_64_OFFSET ? img->image_base : 0));
  }
  *next = (uint32_t)(raw >> 51 & 0x7ff) * 8;
  if (raw >> 62 & 1)
    return 0;
  if (raw >> 63) // signed when loaded; always an offset
    return img->image_base + (raw & 0xffffffff);
  const uint64_t target = raw & 0x7ffffffffff;
  return (raw >> 43 & 0xff) << 56 |
         (target + (format == PTR_ARM64E ? 0 : img->image_base));
}

static bool is_known_format(uint32_t format) {
  return format == PTR_ARM64E || format == PTR_64 || format == PTR_64_OFFSET ||
         format == PTR_ARM64E_USERLAND || format == PTR_ARM64E_USERLAND24;
}

// The stored word at `va`, which may lie before the bytes that are relocated.
static bool stored_word(const struct pcln_image *img, uint64_t va,
                        uint64_t *out) {
  uint8_t buf[8];
  if (pcln_image_read(img, va, buf, sizeof buf) != sizeof buf)
    return false;
  *out = pcln_load64(buf, img->swap);
  return true;
}

static void relocate_page(const struct pcln_image *img, const struct chains *s,
                          uint32_t page, uint64_t va, uint8_t *bytes,
                          size_t len) {
  uint8_t buf[2];
  struct pcln_cursor c =
      pcln_image_cursor(img, s->starts + 2 * (uint64_t)page, buf, sizeof buf);
  uint32_t off = pcln_u16(&c), next = 0;
  const uint64_t page_va = s->va + (uint64_t)page * s->page_size;
  if (c.failed || off == NO_CHAIN)
    return;
  for (; off < s->page_size; off += next) {
    const uint64_t at = page_va + off;
    uint64_t raw;
    if (!stored_word(img, at, &raw) || (at > va && at - va > len - 8))
      return;
    const uint64_t value = unpack(img, s->format, raw, &next);
    if (at >= va)
      pcln_store64(bytes + (at - va), value, img->swap);
    if (next == 0)
      return;
  }
}

static void relocate(const struct pcln_image *img, uint64_t va, uint8_t *bytes,
                     size_t len) {
  const struct pcln_image_table *t = &img->tables.fixups;
  uint8_t buf[12];
  if (t->n < 28 || len < 8 || img->ptr_size != 8)
    return;
  struct pcln_cursor c = pcln_image_cursor(img, t->off, buf, 8);
  pcln_skip(&c, 4); // version
  const uint32_t starts = pcln_u32(&c);
  c = pcln_image_cursor(img, t->off + starts, buf, 4);
  uint32_t n = pcln_u32(&c);
  n = n < SEGMENTS_MAX ? n : SEGMENTS_MAX;
  for (uint32_t i = 0; i < n; i++) {
    struct chains s;
    if (!read_chains(img, starts, i, &s) || !is_known_format(s.format))
      continue;
    const uint64_t end = s.va + (uint64_t)s.n_pages * s.page_size;
    if (va + len <= s.va || va >= end)
      continue;
    uint64_t page = va > s.va ? (va - s.va) / s.page_size : 0;
    for (; page < s.n_pages && s.va + page * s.page_size < va + len; page++)
      relocate_page(img, &s, (uint32_t)page, va, bytes, len);
    return; // the bytes are in one segment; none has two lists
  }
}

const struct pcln_image_ops pcln_image_macho = {
    .open = open_macho,
    .next_section = next_section,
    .symbol = symbol,
    .relocate = relocate,
};
