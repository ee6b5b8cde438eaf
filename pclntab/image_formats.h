// SPDX-License-Identifier: Apache-2.0
//
// Private to image*.c: what image.c asks of each format's file, and how those
// read a file that may not be in memory.
#ifndef PCLNTAB_IMAGE_FORMATS_H
#define PCLNTAB_IMAGE_FORMATS_H

#include "bytes.h"
#include "image.h"

// A symbol as all formats have it. The name is looked at where it stands, so
// that a walk over a hundred thousand of them copies none.
struct pcln_image_symbol {
  uint64_t va;
  uint64_t name_off;   // bytes from the start of the source
  uint64_t name_limit; // the name ends before here at the latest
  uint8_t skip;        // records behind it that are no symbols
  bool defined;
};

// Calls come with a function of each kind for the image's format.
struct pcln_image_ops {
  // Fills what the format says. The image's `base` and `len` are set.
  enum pcln_status (*open)(struct pcln_image *img,
                           const struct pcln_image_options *options,
                           const struct pcln_sink *sink);
  bool (*next_section)(const struct pcln_image *img,
                       struct pcln_section_iter *it, struct pcln_section *out);
  // Symbol number `idx` of table `table`; false past the last.
  bool (*symbol)(const struct pcln_image *img, unsigned table, uint64_t idx,
                 struct pcln_image_symbol *out);
  // Applies relocations to `len` bytes that were read from `va`; null: the
  // stored words are what is loaded.
  void (*relocate)(const struct pcln_image *img, uint64_t va, uint8_t *bytes,
                   size_t len);
};
extern const struct pcln_image_ops pcln_image_elf, pcln_image_pe,
    pcln_image_macho, pcln_image_xcoff;

// Continues pcln_image_next_word() with the words that only an addend of a
// relocation holds.
bool pcln_image_next_addend(const struct pcln_image *img, uint64_t value,
                            struct pcln_word_iter *it, uint64_t *va);

// --- Reading ----------------------------------------------------------------

// `len` bytes at `off` of the source: in its memory, else read into `buf`;
// null if they are not all there.
static inline const uint8_t *pcln_image_view(const struct pcln_image *img,
                                             uint64_t off, void *buf,
                                             size_t len) {
  const struct pcln_source *s = &img->source;
  if (off > s->len || len > s->len - off)
    return NULL;
  if (s->bytes)
    return s->bytes + off;
  return pcln_source_read(s, off, buf, len) == len ? buf : NULL;
}

// A cursor over `len` bytes at `off`, which fails at its first read if they are
// not all there.
static inline struct pcln_cursor pcln_image_cursor(const struct pcln_image *img,
                                                   uint64_t off, void *buf,
                                                   size_t len) {
  return pcln_cursor_at(pcln_image_view(img, off, buf, len), len, img->swap);
}

static inline bool pcln_image_has(const struct pcln_image *img, uint64_t off,
                                  uint64_t len) {
  return off <= img->source.len && len <= img->source.len - off;
}

// Copies the string at `off`, which ends before `limit`, cut off to `cap`.
void pcln_image_string(const struct pcln_image *img, uint64_t off,
                       uint64_t limit, char *out, size_t cap);

// --- COFF: what PE and XCOFF share ------------------------------------------

struct pcln_coff_symbol {
  uint64_t value, name_off, name_limit;
  uint16_t section; // from 1 on; 0: undefined
  uint16_t type;
  uint8_t class, n_aux;
};
// Record number `idx` of the symbol table; false past the last.
bool pcln_coff_symbol(const struct pcln_image *img, uint64_t idx,
                      struct pcln_coff_symbol *out);
// Notes where `n` symbols and their strings are, if they are all there.
// `symbols` counts from the start of the image; 0: there are none.
void pcln_coff_tables(struct pcln_image *img, uint64_t symbols, uint64_t n);

// --- Opening ----------------------------------------------------------------

// Adds a range, clipped to the file. PCLN_LIMIT: there are too many, reported.
PCLN_MUST_CHECK enum pcln_status
pcln_image_add_range(struct pcln_image *img, const struct pcln_range *range,
                     const struct pcln_sink *sink);

// Reports and returns `status`; a warning where that is PCLN_OK.
enum pcln_status pcln_image_fault(const struct pcln_sink *sink,
                                  enum pcln_status status, const char *name,
                                  uint64_t off, const char *text);

#endif
