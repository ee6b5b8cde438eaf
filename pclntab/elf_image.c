// SPDX-License-Identifier: Apache-2.0
//
// One ELF file in memory, for every class and byte order.
//
// The file is mapped privately and never copied: names, symbol names and
// section contents point into the mapping. What is decoded at opening is only
// what everybody needs: headers, sections, segments, symbols (one array), the
// build-id. A 60 MB program opens in a few milliseconds.
//
// Why not libelf: it hands out structs that it has checked in part, converts
// whole sections on first use, and at its present version cannot decompress
// zstd. Each table here is one loop over a bounded cursor, and every offset
// that is stored has been checked: sections lie in the file, string tables end
// in NUL and symbol names lie inside them. So users read without checks.
// Segments are the exception: files made by `--only-keep-debug` keep segments
// whose bytes are gone, so pcln_elf_at() clips and elf_write.c checks.
//
// Symbols of relocatable objects are not read: they have no addresses yet, and
// the linker plugin opens thousands of such files for their sections alone.
#include "elf_image.h"

#include "bytes.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#ifndef ELFCOMPRESS_ZSTD
#define ELFCOMPRESS_ZSTD 2
#endif

// A byte of input cannot stand for more than this many bytes of output: zlib
// reaches 1032, zstd about 43,000 with a block of 128 KB in three bytes. Keeps
// a lying size from reserving the machine's memory.
enum { MAX_EXPANSION = 1 << 16 };

struct pcln_elf_private {
  void *map; // page aligned; `bytes` may begin behind it
  size_t map_len;
  struct pcln_span *inflated; // by section; absent until asked for
};

// Reports and returns `status`. `off` counts from the start of the file.
static enum pcln_status fault(const struct pcln_elf *elf,
                              const struct pcln_sink *sink,
                              enum pcln_status status, const char *name,
                              uint64_t off, const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = name,
                                       .file = elf->path,
                                       .region = off ? "file" : NULL,
                                       .region_off = off,
                                       .text = text});
  return status;
}

static enum pcln_status no_memory(const struct pcln_elf *elf,
                                  const struct pcln_sink *sink) {
  return fault(elf, sink, PCLN_NO_MEMORY, "no-memory", 0,
               pcln_status_text(PCLN_NO_MEMORY));
}

static struct pcln_cursor file_cursor(const struct pcln_elf *elf, uint64_t off,
                                      uint64_t len) {
  struct pcln_cursor c = pcln_cursor_at(elf->bytes, elf->len, elf->swap);
  pcln_seek(&c, off);
  if (len > pcln_left(&c))
    pcln_fail(&c);
  else
    c.end = c.pos + len;
  return c;
}

// An address, offset or size: as wide as the file's class.
static uint64_t word(const struct pcln_elf *elf, struct pcln_cursor *c) {
  return elf->ptr_size == 8 ? pcln_u64(c) : pcln_u32(c);
}

static bool in_file(const struct pcln_elf *elf, uint64_t off, uint64_t len) {
  return off <= elf->len && len <= elf->len - off;
}

// --- Header -----------------------------------------------------------------

static enum pcln_status read_header(struct pcln_elf *elf,
                                    struct pcln_elf_header *h,
                                    const struct pcln_sink *sink) {
  if (!pcln_is_elf(elf->bytes, elf->len))
    return fault(elf, sink, PCLN_UNSUPPORTED, "elf-magic", 0,
                 "this is not an ELF file");
  if (!pcln_elf_read_ident(elf->bytes, h))
    return fault(elf, sink, PCLN_CORRUPT, "elf-ident", EI_CLASS,
                 "class, byte order or version of the ELF file is unknown");
  elf->ptr_size = h->ptr_size;
  elf->big_endian = h->big_endian;
  elf->swap = h->swap;
  struct pcln_cursor c = file_cursor(elf, 0, elf->len);
  if (!pcln_elf_read_header(&c, h))
    return fault(elf, sink, PCLN_CORRUPT, "elf-header", elf->len,
                 "the file ends inside its ELF header");
  elf->type = h->type;
  elf->machine = h->machine;
  elf->flags = h->flags;
  return PCLN_OK;
}

// --- Sections ---------------------------------------------------------------

static struct pcln_elf_section read_section(const struct pcln_elf *elf,
                                            struct pcln_cursor *c,
                                            uint32_t *name_off) {
  const struct pcln_elf_shdr h = pcln_elf_read_shdr(c, elf->ptr_size);
  *name_off = h.name;
  return (struct pcln_elf_section){.name = "",
                                   .type = h.type,
                                   .flags = h.flags,
                                   .va = h.va,
                                   .file_off = h.off,
                                   .size = h.size,
                                   .link = h.link,
                                   .info = h.info,
                                   .align = h.align,
                                   .entsize = h.entsize};
}

// Checks where the table lies and resolves numbers too large for the header,
// which the null section then holds.
static enum pcln_status check_section_table(struct pcln_elf *elf,
                                            struct pcln_elf_header *t,
                                            const struct pcln_sink *sink) {
  const size_t size = pcln_elf_shdr_size(elf->ptr_size);
  if (t->shentsize != size || !in_file(elf, t->shoff, size))
    return fault(elf, sink, PCLN_CORRUPT, "elf-section-table", t->shoff,
                 "the section header table has a wrong entry size or lies "
                 "outside the file; is the file truncated?");
  struct pcln_cursor c = file_cursor(elf, t->shoff, size);
  const struct pcln_elf_shdr null = pcln_elf_read_shdr(&c, elf->ptr_size);
  const uint64_t n = pcln_elf_wide_numbers(t, &null);
  if (n > (elf->len - t->shoff) / size || n > UINT32_MAX)
    return fault(elf, sink, PCLN_CORRUPT, "elf-section-table", t->shoff,
                 "the section header table runs past the end of the file; is "
                 "the file truncated?");
  t->shnum = (uint32_t)n;
  return PCLN_OK;
}

// A string table's bytes; corrupt unless it lies in the file and ends in NUL.
static enum pcln_status string_table(const struct pcln_elf *elf, uint32_t idx,
                                     const struct pcln_sink *sink,
                                     struct pcln_span *out) {
  *out = (struct pcln_span){0};
  if (idx < elf->n_sections) {
    const struct pcln_elf_section *s = &elf->sections[idx];
    if (s->type == SHT_STRTAB && s->size &&
        in_file(elf, s->file_off, s->size)) {
      *out = (struct pcln_span){elf->bytes + s->file_off, (size_t)s->size};
      if (out->ptr[out->len - 1] == 0)
        return PCLN_OK;
    }
  }
  return fault(elf, sink, PCLN_CORRUPT, "elf-string-table", 0,
               "a string table is missing, lies outside the file or does not "
               "end in NUL");
}

static enum pcln_status name_sections(struct pcln_elf *elf,
                                      const struct pcln_elf_header *t,
                                      const uint32_t *name_offs,
                                      const struct pcln_sink *sink) {
  struct pcln_span names;
  if (t->shstrndx == SHN_UNDEF)
    return PCLN_OK;
  enum pcln_status st = string_table(elf, t->shstrndx, sink, &names);
  if (st != PCLN_OK)
    return st;
  for (size_t i = 0; i < elf->n_sections; i++) {
    if (name_offs[i] >= names.len)
      return fault(elf, sink, PCLN_CORRUPT, "elf-section-name", t->shoff,
                   "a section's name lies outside the table of names");
    elf->sections[i].name = (const char *)names.ptr + name_offs[i];
  }
  return PCLN_OK;
}

static enum pcln_status read_sections(struct pcln_elf *elf,
                                      struct pcln_elf_header *t,
                                      const struct pcln_sink *sink) {
  if (!t->shoff) {
    t->phnum = t->phnum == PN_XNUM ? 0 : t->phnum;
    return PCLN_OK;
  }
  enum pcln_status st = check_section_table(elf, t, sink);
  if (st != PCLN_OK || !t->shnum)
    return st;
  elf->sections = calloc(t->shnum, sizeof *elf->sections);
  elf->priv->inflated = calloc(t->shnum, sizeof *elf->priv->inflated);
  uint32_t *name_offs = calloc(t->shnum, sizeof *name_offs);
  if (!elf->sections || !elf->priv->inflated || !name_offs) {
    free(name_offs);
    return no_memory(elf, sink);
  }
  elf->n_sections = t->shnum;
  struct pcln_cursor c =
      file_cursor(elf, t->shoff, (uint64_t)t->shnum * t->shentsize);
  for (uint32_t i = 0; i < t->shnum; i++) {
    struct pcln_elf_section *s = &elf->sections[i];
    *s = read_section(elf, &c, &name_offs[i]);
    s->idx = i;
    // Has no bytes; the first one's fields may hold the large numbers of
    // check_section_table().
    if (i == 0 || s->type == SHT_NULL)
      *s = (struct pcln_elf_section){.name = "", .idx = i};
    if (s->type != SHT_NOBITS && !in_file(elf, s->file_off, s->size) &&
        st == PCLN_OK)
      st = fault(elf, sink, PCLN_CORRUPT, "elf-section-bounds", s->file_off,
                 "a section lies outside the file; is the file truncated?");
  }
  if (st == PCLN_OK)
    st = name_sections(elf, t, name_offs, sink);
  free(name_offs);
  return st;
}

// --- Segments ---------------------------------------------------------------

static enum pcln_status read_segments(struct pcln_elf *elf,
                                      const struct pcln_elf_header *t,
                                      const struct pcln_sink *sink) {
  const size_t size = pcln_elf_phdr_size(elf->ptr_size);
  if (!t->phnum)
    return PCLN_OK;
  if (t->phentsize != size || t->phoff > elf->len ||
      t->phnum > (elf->len - t->phoff) / size)
    return fault(elf, sink, PCLN_CORRUPT, "elf-segment-table", t->phoff,
                 "the program header table has a wrong entry size or lies "
                 "outside the file");
  elf->segments = calloc(t->phnum, sizeof *elf->segments);
  if (!elf->segments)
    return no_memory(elf, sink);
  elf->n_segments = t->phnum;
  struct pcln_cursor c = file_cursor(elf, t->phoff, (uint64_t)t->phnum * size);
  for (uint32_t i = 0; i < t->phnum; i++)
    elf->segments[i] = pcln_elf_read_phdr(&c, elf->ptr_size);
  return PCLN_OK;
}

// --- Symbols ----------------------------------------------------------------

static struct pcln_elf_symbol read_symbol(const struct pcln_elf *elf,
                                          struct pcln_cursor *c,
                                          uint32_t *name_off) {
  const struct pcln_elf_sym s = pcln_elf_read_sym(c, elf->ptr_size);
  *name_off = s.name;
  return (struct pcln_elf_symbol){.name = "",
                                  .va = s.va,
                                  .size = s.size,
                                  .shndx = s.shndx,
                                  .type = s.info & 0xf,
                                  .bind = s.info >> 4,
                                  .visibility = s.other & 3};
}

// The table of section numbers too large for a symbol's own field.
static struct pcln_cursor wide_indices(const struct pcln_elf *elf,
                                       const struct pcln_elf_section *symtab) {
  for (size_t i = 1; i < elf->n_sections; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (s->type == SHT_SYMTAB_SHNDX && s->link == symtab->idx)
      return file_cursor(elf, s->file_off, s->size);
  }
  return pcln_cursor_at(NULL, 0, elf->swap);
}

// Appends the symbols of one table, without its null symbol.
static enum pcln_status read_symbols_of(struct pcln_elf *elf,
                                        const struct pcln_elf_section *sec,
                                        const struct pcln_sink *sink) {
  struct pcln_span names;
  enum pcln_status st = string_table(elf, sec->link, sink, &names);
  if (st != PCLN_OK)
    return st;
  const size_t size = pcln_elf_sym_size(elf->ptr_size);
  struct pcln_cursor c = file_cursor(elf, sec->file_off, sec->size);
  struct pcln_cursor wide = wide_indices(elf, sec);
  pcln_skip(&c, size);
  pcln_skip(&wide, 4);
  while (pcln_left(&c) >= size) {
    uint32_t name_off;
    struct pcln_elf_symbol s = read_symbol(elf, &c, &name_off);
    const uint32_t wide_idx = pcln_u32(&wide);
    if (s.shndx == SHN_XINDEX)
      s.shndx = wide_idx;
    if (name_off >= names.len)
      return fault(elf, sink, PCLN_CORRUPT, "elf-symbol-name",
                   (uint64_t)(c.pos - elf->bytes) - size,
                   "a symbol's name lies outside its string table");
    s.name = (const char *)names.ptr + name_off;
    s.dynamic = sec->type == SHT_DYNSYM;
    elf->symbols[elf->n_symbols++] = s;
  }
  return PCLN_OK;
}

static enum pcln_status read_symbols(struct pcln_elf *elf,
                                     const struct pcln_sink *sink) {
  const uint32_t types[] = {SHT_SYMTAB, SHT_DYNSYM};
  const struct pcln_elf_section *tables[2] = {0};
  uint64_t n = 0;
  for (size_t k = 0; k < 2; k++)
    for (size_t i = 1; i < elf->n_sections && !tables[k]; i++)
      if (elf->sections[i].type == types[k]) {
        tables[k] = &elf->sections[i];
        if (tables[k]->entsize != pcln_elf_sym_size(elf->ptr_size))
          return fault(elf, sink, PCLN_CORRUPT, "elf-symbol-table",
                       tables[k]->file_off,
                       "a symbol table's entry size is wrong");
        n += tables[k]->size / pcln_elf_sym_size(elf->ptr_size);
      }
  if (!n)
    return PCLN_OK;
  elf->symbols = malloc((size_t)n * sizeof *elf->symbols);
  if (!elf->symbols)
    return no_memory(elf, sink);
  enum pcln_status st = PCLN_OK;
  for (size_t k = 0; k < 2 && st == PCLN_OK; k++)
    if (tables[k] && tables[k]->size)
      st = read_symbols_of(elf, tables[k], sink);
  return st;
}

// --- Build-id ---------------------------------------------------------------

// Looks for the GNU build-id in a run of notes. Malformed notes end the run:
// they are nobody's concern but their owner's.
static bool find_build_id(struct pcln_elf *elf, uint64_t off, uint64_t len,
                          uint64_t align) {
  struct pcln_cursor c = file_cursor(elf, off, len);
  const uint64_t mask = align == 8 ? 7 : 3;
  while (pcln_left(&c) >= 12) {
    const uint32_t name_len = pcln_u32(&c), desc_len = pcln_u32(&c);
    const uint32_t type = pcln_u32(&c);
    const uint8_t *name = pcln_take(&c, name_len);
    pcln_skip(&c, (mask + 1 - (pcln_tell(&c) & mask)) & mask);
    const uint8_t *desc = pcln_take(&c, desc_len);
    if (c.failed)
      return false;
    if (type == NT_GNU_BUILD_ID && name_len == 4 && !memcmp(name, "GNU", 4) &&
        desc_len) {
      elf->build_id = (struct pcln_span){desc, desc_len};
      return true;
    }
    const size_t pad = (mask + 1 - (pcln_tell(&c) & mask)) & mask;
    pcln_skip(&c, pad < pcln_left(&c) ? pad : pcln_left(&c));
  }
  return false;
}

static void read_build_id(struct pcln_elf *elf) {
  for (size_t i = 0; i < elf->n_sections; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (s->type == SHT_NOTE &&
        find_build_id(elf, s->file_off, s->size, s->align))
      return;
  }
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    if (p->type == PT_NOTE && find_build_id(elf, p->off, p->filesz, p->align))
      return;
  }
}

// --- Contents ---------------------------------------------------------------

static bool inflate_zlib(struct pcln_span in, uint8_t *out, size_t len) {
  uLongf got = len;
  return uncompress(out, &got, in.ptr, in.len) == Z_OK && got == len;
}

static bool inflate_zstd(struct pcln_span in, uint8_t *out, size_t len) {
  return ZSTD_decompress(out, len, in.ptr, in.len) == len;
}

// Reads the compression header: kind (ELFCOMPRESS_*), size, and what follows.
static bool compression_header(const struct pcln_elf *elf,
                               const struct pcln_elf_section *sec,
                               uint32_t *kind, uint64_t *size,
                               struct pcln_span *in) {
  struct pcln_cursor c = file_cursor(elf, sec->file_off, sec->size);
  if (sec->flags & SHF_COMPRESSED) {
    *kind = pcln_u32(&c);
    if (elf->ptr_size == 8)
      pcln_skip(&c, 4);
    *size = word(elf, &c);
    (void)word(elf, &c); // alignment of the content
  } else {               // .zdebug_*: "ZLIB" and a big-endian size
    const uint8_t *magic = pcln_take(&c, 4);
    c.swap = __BYTE_ORDER__ != __ORDER_BIG_ENDIAN__;
    *kind = magic && !memcmp(magic, "ZLIB", 4) ? ELFCOMPRESS_ZLIB : 0;
    *size = pcln_u64(&c);
  }
  *in = (struct pcln_span){c.pos, pcln_left(&c)};
  return !c.failed;
}

static enum pcln_status decompress(struct pcln_elf *elf,
                                   const struct pcln_elf_section *sec,
                                   const struct pcln_sink *sink,
                                   struct pcln_span *out) {
  uint32_t kind = 0;
  uint64_t size = 0;
  struct pcln_span in;
  bool sound = compression_header(elf, sec, &kind, &size, &in) &&
               size / MAX_EXPANSION <= in.len;
  if (sound && kind != ELFCOMPRESS_ZLIB && kind != ELFCOMPRESS_ZSTD)
    return fault(elf, sink, PCLN_UNSUPPORTED, "elf-compression-kind",
                 sec->file_off,
                 "a section is compressed in a way that is neither zlib nor "
                 "zstd");
  uint8_t *buf = NULL;
  if (sound) {
    buf = malloc(size ? (size_t)size : 1);
    if (!buf)
      return no_memory(elf, sink);
    sound = kind == ELFCOMPRESS_ZLIB ? inflate_zlib(in, buf, (size_t)size)
                                     : inflate_zstd(in, buf, (size_t)size);
  }
  if (!sound) {
    free(buf);
    return fault(elf, sink, PCLN_CORRUPT, "elf-compressed", sec->file_off,
                 "a compressed section does not decompress to its stated size");
  }
  *out = elf->priv->inflated[sec->idx] = (struct pcln_span){buf, (size_t)size};
  return PCLN_OK;
}

enum pcln_status pcln_elf_content(struct pcln_elf *elf,
                                  const struct pcln_elf_section *sec,
                                  const struct pcln_sink *sink,
                                  struct pcln_span *out) {
  *out = (struct pcln_span){0};
  if (sec->type == SHT_NOBITS || sec->type == SHT_NULL)
    return PCLN_OK;
  if (elf->priv->inflated[sec->idx].ptr) {
    *out = elf->priv->inflated[sec->idx];
    return PCLN_OK;
  }
  if (sec->flags & SHF_COMPRESSED || !strncmp(sec->name, ".zdebug_", 8))
    return decompress(elf, sec, sink, out);
  *out = (struct pcln_span){elf->bytes + sec->file_off, (size_t)sec->size};
  return PCLN_OK;
}

const struct pcln_elf_section *pcln_elf_find(const struct pcln_elf *elf,
                                             const char *name) {
  for (size_t i = 1; i < elf->n_sections; i++)
    if (!strcmp(elf->sections[i].name, name))
      return &elf->sections[i];
  return NULL;
}

// Whether `name` is `.zdebug_x` to the `.debug_x` asked for.
static bool is_z_name(const char *name, const char *debug_name) {
  return name[0] == '.' && name[1] == 'z' && !strcmp(name + 2, debug_name + 1);
}

enum pcln_status pcln_elf_debug(struct pcln_elf *elf, const char *name,
                                const struct pcln_sink *sink,
                                struct pcln_span *out) {
  *out = (struct pcln_span){0};
  const struct pcln_elf_section *s = pcln_elf_find(elf, name);
  for (size_t i = 1; i < elf->n_sections && !s; i++)
    if (is_z_name(elf->sections[i].name, name))
      s = &elf->sections[i];
  return s ? pcln_elf_content(elf, s, sink, out) : PCLN_NOT_FOUND;
}

struct pcln_span pcln_elf_at(const struct pcln_elf *elf, uint64_t va) {
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    if (p->type != PT_LOAD || va < p->va || va - p->va >= p->filesz)
      continue;
    const uint64_t skip = va - p->va;
    if (p->off > elf->len || skip >= elf->len - p->off)
      continue;
    const uint64_t in_segment = p->filesz - skip;
    const uint64_t to_end = elf->len - p->off - skip;
    return (struct pcln_span){
        elf->bytes + p->off + skip,
        (size_t)(in_segment < to_end ? in_segment : to_end)};
  }
  return (struct pcln_span){0};
}

// --- Opening ----------------------------------------------------------------

static enum pcln_status map_range(struct pcln_elf *elf, int fd, uint64_t off,
                                  uint64_t len, const struct pcln_sink *sink) {
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  const uint64_t lead = off % page;
  if (len == 0)
    return fault(elf, sink, PCLN_UNSUPPORTED, "elf-magic", 0,
                 "the file is empty");
  if (len > SIZE_MAX - lead || off > (uint64_t)INT64_MAX - len)
    return fault(elf, sink, PCLN_LIMIT, "file-size", 0,
                 "the file is too large for this machine");
  void *map = mmap(NULL, (size_t)(lead + len), PROT_READ, MAP_PRIVATE, fd,
                   (off_t)(off - lead));
  if (map == MAP_FAILED)
    return fault(elf, sink, PCLN_IO, "file-read", off, strerror(errno));
  elf->priv->map = map;
  elf->priv->map_len = (size_t)(lead + len);
  elf->bytes = (const uint8_t *)map + lead;
  elf->len = (size_t)len;
  return PCLN_OK;
}

static enum pcln_status parse(struct pcln_elf *elf,
                              const struct pcln_sink *sink) {
  struct pcln_elf_header t = {0};
  enum pcln_status st = read_header(elf, &t, sink);
  if (st == PCLN_OK)
    st = read_sections(elf, &t, sink);
  if (st == PCLN_OK)
    st = read_segments(elf, &t, sink);
  if (st == PCLN_OK && elf->type != ET_REL)
    st = read_symbols(elf, sink);
  if (st == PCLN_OK)
    read_build_id(elf);
  return st;
}

enum pcln_status pcln_elf_open_range(const char *name, int fd, uint64_t off,
                                     uint64_t len, const struct pcln_sink *sink,
                                     struct pcln_elf **out) {
  *out = NULL;
  struct pcln_elf *elf = calloc(1, sizeof *elf);
  if (!elf)
    return PCLN_NO_MEMORY;
  elf->path = strdup(name);
  elf->priv = calloc(1, sizeof *elf->priv);
  enum pcln_status st = elf->path && elf->priv ? PCLN_OK : no_memory(elf, sink);
  if (st == PCLN_OK)
    st = map_range(elf, fd, off, len, sink);
  if (st == PCLN_OK)
    st = parse(elf, sink);
  if (st != PCLN_OK) {
    pcln_elf_close(elf);
    return st;
  }
  *out = elf;
  return PCLN_OK;
}

enum pcln_status pcln_elf_open(const char *path, const struct pcln_sink *sink,
                               struct pcln_elf **out) {
  *out = NULL;
  struct pcln_elf named = {.path = (char *)(uintptr_t)path};
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat sb;
  if (fd < 0 || fstat(fd, &sb) < 0) {
    enum pcln_status st =
        fault(&named, sink, PCLN_IO, "file-read", 0, strerror(errno));
    if (fd >= 0)
      close(fd);
    return st;
  }
  if (!S_ISREG(sb.st_mode)) {
    close(fd);
    return fault(&named, sink, PCLN_UNSUPPORTED, "elf-magic", 0,
                 "this is not a regular file");
  }
  enum pcln_status st =
      pcln_elf_open_range(path, fd, 0, (uint64_t)sb.st_size, sink, out);
  close(fd);
  return st;
}

void pcln_elf_close(struct pcln_elf *elf) {
  if (!elf)
    return;
  if (elf->priv) {
    for (size_t i = 0; i < elf->n_sections; i++)
      free((void *)(uintptr_t)elf->priv->inflated[i].ptr);
    free(elf->priv->inflated);
    if (elf->priv->map)
      munmap(elf->priv->map, elf->priv->map_len);
  }
  free(elf->priv);
  free(elf->sections);
  free(elf->segments);
  free(elf->symbols);
  free(elf->path);
  free(elf);
}
