// SPDX-License-Identifier: Apache-2.0
//
// What images of all formats have in common: the bytes of the source, loaded
// ranges, looking things up by name, and words as the loader makes them. What
// differs is behind pcln_image_ops, a file for each format.
//
// A file that is not in memory is read in pieces that fit on the stack; only
// searches read many.
#include "image.h"

#include "elf_header.h"
#include "image_formats.h"

const char *pcln_format_name(enum pcln_format format) {
  static const char *const names[] = {[PCLN_FORMAT_NONE] = "none",
                                      [PCLN_FORMAT_ELF] = "ELF",
                                      [PCLN_FORMAT_PE] = "PE",
                                      [PCLN_FORMAT_MACHO] = "Mach-O",
                                      [PCLN_FORMAT_XCOFF] = "XCOFF"};
  return names[format];
}

enum pcln_status pcln_image_fault(const struct pcln_sink *sink,
                                  enum pcln_status status, const char *name,
                                  uint64_t off, const char *text) {
  pcln_say(sink, &(struct pcln_report){
                     .severity = status == PCLN_OK ? PCLN_WARNING : PCLN_ERROR,
                     .fault = name,
                     .region = "file",
                     .region_off = off,
                     .text = text});
  return status;
}

void pcln_image_string(const struct pcln_image *img, uint64_t off,
                       uint64_t limit, char *out, size_t cap) {
  size_t len = off < limit && limit - off < cap ? (size_t)(limit - off) : cap;
  len = off < limit ? pcln_source_read(&img->source, off, out, len) : 0;
  const char *nul = memchr(out, 0, len);
  out[nul ? (size_t)(nul - out) : len < cap ? len : cap - 1] = 0;
}

// --- Opening ----------------------------------------------------------------

enum pcln_status pcln_image_add_range(struct pcln_image *img,
                                      const struct pcln_range *range,
                                      const struct pcln_sink *sink) {
  if (img->n_ranges == PCLN_MAX_RANGES)
    return pcln_image_fault(sink, PCLN_LIMIT, "image-ranges", range->file_off,
                            "the file loads more ranges than are handled");
  struct pcln_range r = *range;
  if (r.file_off > img->source.len)
    r.file_len = 0;
  else if (r.file_len > img->source.len - r.file_off)
    r.file_len = img->source.len - r.file_off;
  // Nothing is loaded past the end of the address space.
  if (r.file_len > UINT64_MAX - r.va)
    r.file_len = UINT64_MAX - r.va;
  img->ranges[img->n_ranges++] = r;
  return PCLN_OK;
}

static const struct pcln_image_ops *ops_of(const struct pcln_image *img) {
  static const struct pcln_image_ops *const ops[] = {
      [PCLN_FORMAT_ELF] = &pcln_image_elf,
      [PCLN_FORMAT_PE] = &pcln_image_pe,
      [PCLN_FORMAT_MACHO] = &pcln_image_macho,
      [PCLN_FORMAT_XCOFF] = &pcln_image_xcoff,
  };
  return ops[img->format];
}

static enum pcln_format format_of(const uint8_t *start, size_t len) {
  static const struct {
    enum pcln_format format;
    uint8_t len;
    char magic[5];
  } magics[] = {
      {PCLN_FORMAT_PE, 2, "MZ"},
      {PCLN_FORMAT_MACHO, 4, "\xce\xfa\xed\xfe"},
      {PCLN_FORMAT_MACHO, 4, "\xcf\xfa\xed\xfe"},
      {PCLN_FORMAT_MACHO, 4, "\xfe\xed\xfa\xce"},
      {PCLN_FORMAT_MACHO, 4, "\xfe\xed\xfa\xcf"},
      {PCLN_FORMAT_MACHO, 4, "\xca\xfe\xba\xbe"},
      {PCLN_FORMAT_MACHO, 4, "\xca\xfe\xba\xbf"},
      {PCLN_FORMAT_XCOFF, 2, "\x01\xdf"},
      {PCLN_FORMAT_XCOFF, 2, "\x01\xf7"},
  };
  if (pcln_is_elf(start, len))
    return PCLN_FORMAT_ELF;
  for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
    if (len >= magics[i].len && !memcmp(start, magics[i].magic, magics[i].len))
      return magics[i].format;
  return PCLN_FORMAT_NONE;
}

enum pcln_status pcln_image_open(struct pcln_image *img,
                                 const struct pcln_source *source,
                                 const struct pcln_image_options *options,
                                 const struct pcln_sink *sink) {
  static const struct pcln_image_options none;
  uint8_t start[EI_NIDENT];
  const size_t len = pcln_source_read(source, 0, start, sizeof start);
  *img = (struct pcln_image){.source = *source, .len = source->len};
  img->format = format_of(start, len);
  if (img->format == PCLN_FORMAT_NONE)
    return PCLN_UNSUPPORTED;
  const enum pcln_status status =
      ops_of(img)->open(img, options ? options : &none, sink);
  if (status == PCLN_UNSUPPORTED)
    *img = (struct pcln_image){.source = *source, .len = source->len};
  return status;
}

// --- Sections and symbols ---------------------------------------------------

bool pcln_image_next_section(const struct pcln_image *img,
                             struct pcln_section_iter *it,
                             struct pcln_section *out) {
  return img->format != PCLN_FORMAT_NONE &&
         ops_of(img)->next_section(img, it, out);
}

enum pcln_status pcln_image_find_section(const struct pcln_image *img,
                                         const char *name,
                                         struct pcln_section *out) {
  struct pcln_section_iter it = {0};
  for (struct pcln_section s; pcln_image_next_section(img, &it, &s);)
    if (strcmp(s.name, name) == 0) {
      *out = s;
      return PCLN_OK;
    }
  return PCLN_NOT_FOUND;
}

enum { SYMBOL_NAME_MAX = 64 }; // of the names that are asked for

// The place of the symbol's name in `names`, or `n`.
static size_t name_index(const struct pcln_image *img,
                         const struct pcln_image_symbol *s,
                         const char *const *names, size_t n) {
  char buf[SYMBOL_NAME_MAX];
  size_t len = sizeof buf;
  if (s->name_off >= s->name_limit)
    return n;
  if (len > s->name_limit - s->name_off)
    len = (size_t)(s->name_limit - s->name_off);
  const char *name = (const char *)pcln_image_view(img, s->name_off, buf, len);
  if (!name)
    return n;
  if (*name == '_') {
    name++;
    len--;
  }
  for (size_t i = 0; i < n; i++) {
    // The name that is asked for ends in NUL, so what compares equal does too;
    // a name that fills its field has none.
    const size_t want = strlen(names[i]);
    if (want <= len && memcmp(name, names[i], want) == 0 &&
        (want == len || !name[want]))
      return i;
  }
  return n;
}

size_t pcln_image_symbols(const struct pcln_image *img,
                          const char *const *names, size_t n, uint64_t *vas) {
  size_t found = 0;
  for (size_t i = 0; i < n; i++)
    vas[i] = PCLN_NO_VA;
  if (img->format == PCLN_FORMAT_NONE)
    return 0;
  struct pcln_image_symbol s;
  for (unsigned table = 0; table < 2; table++)
    for (uint64_t i = 0; found < n && ops_of(img)->symbol(img, table, i, &s);
         i += s.skip + 1u) {
      if (!s.defined)
        continue;
      const size_t at = name_index(img, &s, names, n);
      if (at < n && vas[at] == PCLN_NO_VA) {
        vas[at] = s.va;
        found++;
      }
    }
  return found;
}

// --- Loaded bytes -----------------------------------------------------------

const struct pcln_range *pcln_image_range(const struct pcln_image *img,
                                          uint64_t va) {
  for (uint32_t i = 0; i < img->n_ranges; i++) {
    const struct pcln_range *r = &img->ranges[i];
    if (va >= r->va && va - r->va < r->file_len)
      return r;
  }
  return NULL;
}

struct pcln_span pcln_image_at(const struct pcln_image *img, uint64_t va) {
  const struct pcln_range *r =
      img->source.bytes ? pcln_image_range(img, va) : NULL;
  if (!r)
    return (struct pcln_span){0};
  const uint64_t skip = va - r->va;
  return (struct pcln_span){img->source.bytes + r->file_off + skip,
                            (size_t)(r->file_len - skip)};
}

size_t pcln_image_read(const struct pcln_image *img, uint64_t va, void *buf,
                       size_t len) {
  const struct pcln_range *r = pcln_image_range(img, va);
  if (!r)
    return 0;
  const uint64_t skip = va - r->va, left = r->file_len - skip;
  return pcln_source_read(&img->source, r->file_off + skip, buf,
                          len < left ? len : (size_t)left);
}

// The bytes from `va` on that are loaded as zeros: no file holds them.
static uint64_t zeros_at(const struct pcln_image *img, uint64_t va) {
  for (uint32_t i = 0; i < img->n_ranges; i++) {
    const struct pcln_range *r = &img->ranges[i];
    if (va >= r->va && va - r->va >= r->file_len && va - r->va < r->mem_len)
      return r->mem_len - (va - r->va);
  }
  return 0;
}

size_t pcln_image_load(const struct pcln_image *img, uint64_t va, void *buf,
                       size_t len) {
  const size_t got = pcln_image_read(img, va, buf, len);
  if (got && ops_of(img)->relocate)
    ops_of(img)->relocate(img, va, buf, got);
  if (got)
    return got;
  const uint64_t zeros = zeros_at(img, va);
  memset(buf, 0, len < zeros ? len : (size_t)zeros);
  return len < zeros ? len : (size_t)zeros;
}

bool pcln_image_relocates(const struct pcln_image *img, uint64_t va,
                          uint64_t len) {
  (void)len;
  const struct pcln_range *r = pcln_image_range(img, va);
  return r && r->flags & PCLN_RANGE_WRITE &&
         (img->tables.relas.n || img->tables.rels.n || img->tables.fixups.n);
}

bool pcln_image_word(const struct pcln_image *img, uint64_t va, uint64_t *out) {
  uint8_t buf[8];
  if (pcln_image_load(img, va, buf, img->ptr_size) != img->ptr_size)
    return false;
  *out = img->ptr_size == 8 ? pcln_load64(buf, img->swap)
                            : pcln_load32(buf, img->swap);
  return true;
}

// --- Searching for a word ---------------------------------------------------

enum { CHUNK = 4096 };

// The bytes of a chunk of range `r` from `off` on, as they are to be compared:
// loaded where each word may be encoded, else as stored.
static const uint8_t *chunk_at(const struct pcln_image *img,
                               const struct pcln_range *r, uint64_t off,
                               uint8_t *buf, size_t len) {
  if (!img->tables.fixups.n)
    return pcln_image_view(img, r->file_off + off, buf, len);
  return pcln_image_load(img, r->va + off, buf, len) == len ? buf : NULL;
}

// Looks for `value` in the range from it->off on.
static bool search_range(const struct pcln_image *img,
                         const struct pcln_range *r, uint64_t value,
                         struct pcln_word_iter *it, uint64_t *va) {
  uint8_t buf[CHUNK];
  const unsigned p = img->ptr_size;
  while (r->file_len - it->off >= p) {
    const uint64_t left = r->file_len - it->off;
    const size_t len = left < sizeof buf ? (size_t)(left / p * p) : sizeof buf;
    const uint8_t *bytes = chunk_at(img, r, it->off, buf, len);
    for (size_t i = 0; bytes && i < len; i += p) {
      const uint64_t word = p == 8 ? pcln_load64(bytes + i, img->swap)
                                   : pcln_load32(bytes + i, img->swap);
      if (word == value) {
        *va = r->va + it->off + i;
        it->off += i + p;
        return true;
      }
    }
    it->off += len;
  }
  return false;
}

bool pcln_image_next_word(const struct pcln_image *img, uint64_t value,
                          struct pcln_word_iter *it, uint64_t *va) {
  for (; it->range < img->n_ranges; it->range++, it->off = 0) {
    const struct pcln_range *r = &img->ranges[it->range];
    // Words are aligned in memory, not in the file.
    const uint64_t skip = (0 - r->va) & (img->ptr_size - 1u);
    if (!(r->flags & PCLN_RANGE_WRITE) || r->file_len < skip)
      continue;
    if (it->off < skip)
      it->off = skip;
    if (search_range(img, r, value, it, va))
      return true;
  }
  return img->format == PCLN_FORMAT_ELF &&
         pcln_image_next_addend(img, value, it, va);
}
