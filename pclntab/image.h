// SPDX-License-Identifier: Apache-2.0
//
// An executable file of any format, read without an allocation: ELF, PE,
// Mach-O (also universal files) and XCOFF. What a reader of tables needs of
// one: which machine it is for, what is loaded where, sections and symbols by
// name, and the words that the loader would have put into memory.
//
// Where the bytes come from. A source is the whole file in memory, or a
// function that reads parts of it. Only for the former are there spans that
// point into it; everything else works for both, and reads in small pieces.
//
// Addresses are link-time addresses: those of symbols and of `pcln_open()`. For
// PE they include the preferred image base.
//
// Relocations. In a position-independent program a word that holds an address
// may be stored as 0, or encoded, and be made only by the loader. "Loaded"
// bytes and words are what the loader makes of them at a bias of 0. Words whose
// stored value already is the link-time address (PE, XCOFF, Mach-O without
// chained fixups, ELF REL and RELR) need nothing done.
//
// Nothing here allocates, prints, locks or keeps state outside its arguments.
// Untrusted files make functions fail, never fault or run long: what is walked
// is bounded by the file's length.
#ifndef PCLNTAB_IMAGE_H
#define PCLNTAB_IMAGE_H

#include "pclntab.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- Bytes of a file --------------------------------------------------------

struct pcln_source {
  const uint8_t *bytes; // the file in memory; null: `read` is asked
  // Reads `len` bytes from `off` bytes behind the file's start into `buf`.
  // Returns the number of bytes read; less than `len` is an error or the end.
  size_t (*read)(void *ctx, uint64_t off, void *buf, size_t len);
  void *ctx;
  uint64_t len; // of the whole file
};

static inline struct pcln_source pcln_source_memory(const void *bytes,
                                                    size_t len) {
  // All members, since C++ warns of those left out.
  const struct pcln_source source = {(const uint8_t *)bytes, NULL, NULL, len};
  return source;
}

// Copies bytes from `off` on into `buf`; returns how many of `len` there were.
PCLN_API size_t pcln_source_read(const struct pcln_source *source, uint64_t off,
                                 void *buf, size_t len);

// --- An image ---------------------------------------------------------------

enum pcln_format {
  PCLN_FORMAT_NONE, // no executable file: a bare table
  PCLN_FORMAT_ELF,
  PCLN_FORMAT_PE,
  PCLN_FORMAT_MACHO,
  PCLN_FORMAT_XCOFF,
};
// "ELF", "PE", "Mach-O", "XCOFF" or "none".
PCLN_API const char *pcln_format_name(enum pcln_format format);

// What is loaded: `file_len` bytes of the file, then zeros up to `mem_len`.
enum { PCLN_RANGE_READ = 4, PCLN_RANGE_WRITE = 2, PCLN_RANGE_EXEC = 1 };
struct pcln_range {
  uint64_t va;
  uint64_t file_off; // bytes from the start of the source
  uint64_t file_len, mem_len;
  uint8_t flags; // PCLN_RANGE_*
};

// A table of records inside the file.
struct pcln_image_table {
  uint64_t off; // bytes from the start of the source
  uint64_t n;   // records, or bytes where the records differ in size
};

// As many as Windows loads sections.
enum { PCLN_MAX_RANGES = 96 };

// An opened image, about 4 KB. The caller owns it and what the source reads
// from. All fields are read-only.
struct pcln_image {
  struct pcln_source source;
  uint64_t base, len; // the image in the source: a universal file has several
  enum pcln_format format;
  uint16_t machine; // ELF e_machine, whatever the format; 0: unknown
  uint8_t ptr_size; // 4 or 8
  bool swap;        // its byte order is not this machine's
  bool big_endian;
  bool relocatable;    // a PIE or shared object: words may need the loader
  uint64_t image_base; // PE: preferred address of its first byte
  uint32_t n_ranges;
  struct pcln_range ranges[PCLN_MAX_RANGES];
  // Where the format's own tables are; for image_*.c.
  struct {
    struct pcln_image_table sections, section_names;
    struct pcln_image_table symbols[2], strings[2];
    struct pcln_image_table relas, rels, dynsyms;
    struct pcln_image_table fixups;
  } tables;
};

struct pcln_image_options {
  // Of a universal file, the slice for this machine (ELF e_machine); 0: the
  // first. PCLN_NOT_FOUND if it has none.
  uint16_t machine;
};

// Opens the executable file in `source`. `options` and `sink` may be null.
// PCLN_OK: *img is filled. A damaged section or symbol table is a warning: what
// is loaded can still be read. PCLN_UNSUPPORTED: none of the formats, not
// reported. PCLN_CORRUPT, PCLN_LIMIT, PCLN_NOT_FOUND: reported.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_image_open(struct pcln_image *img, const struct pcln_source *source,
                const struct pcln_image_options *options,
                const struct pcln_sink *sink);

// --- Sections and symbols ---------------------------------------------------

enum { PCLN_SECTION_NAME_MAX = 64 };
struct pcln_section {
  char name[PCLN_SECTION_NAME_MAX]; // cut off if longer
  uint64_t va;                      // 0 if it is not loaded
  uint64_t file_off;                // bytes from the start of the source
  uint64_t size;                    // in memory
  uint64_t file_len;                // of them in the file
};

// Walks the sections: start with a zeroed iterator. False: no more. Of Mach-O
// the name is the section's own, without its segment's.
struct pcln_section_iter {
  uint64_t next;       // number of the next record
  uint64_t off, inner; // of Mach-O: the load command and the section in it
};
PCLN_API bool pcln_image_next_section(const struct pcln_image *img,
                                      struct pcln_section_iter *it,
                                      struct pcln_section *out);
// The first section called `name`. PCLN_NOT_FOUND: *out is unchanged.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pcln_image_find_section(const struct pcln_image *img, const char *name,
                        struct pcln_section *out);

#define PCLN_NO_VA UINT64_MAX
// Looks up `n` symbols by name in one walk over the symbol tables: vas[i] is
// the address of names[i], or PCLN_NO_VA. Returns how many were found. An
// underscore before the file's name is ignored, as Mach-O and 32-bit PE have.
PCLN_API size_t pcln_image_symbols(const struct pcln_image *img,
                                   const char *const *names, size_t n,
                                   uint64_t *vas);

// --- Loaded bytes -----------------------------------------------------------

// The range whose bytes in the file cover `va`, or null.
PCLN_API const struct pcln_range *pcln_image_range(const struct pcln_image *img,
                                                   uint64_t va);

// The file's bytes at `va`, to the end of what is stored there; absent if
// there are none, and for a source that is not in memory.
PCLN_API struct pcln_span pcln_image_at(const struct pcln_image *img,
                                        uint64_t va);

// Copies the file's bytes at `va` into `buf`; returns how many of `len` there
// were.
PCLN_API size_t pcln_image_read(const struct pcln_image *img, uint64_t va,
                                void *buf, size_t len);

// As pcln_image_read(), and applies the relocations of whole words inside. What
// is loaded as zeros, and not in the file, is zeros.
PCLN_API size_t pcln_image_load(const struct pcln_image *img, uint64_t va,
                                void *buf, size_t len);
// Whether pcln_image_load() may give other bytes there than pcln_image_read().
PCLN_API bool pcln_image_relocates(const struct pcln_image *img, uint64_t va,
                                   uint64_t len);

// The loaded word, of pointer size, at `va`. False: nothing is loaded there.
PCLN_API bool pcln_image_word(const struct pcln_image *img, uint64_t va,
                              uint64_t *out);

// Walks the addresses of writable data, aligned for a word, at which the loaded
// word is `value`. Start with a zeroed iterator. False: no more. An address may
// come twice.
struct pcln_word_iter {
  uint32_t range; // index of the range that is searched
  uint64_t off;   // bytes from its start
  uint64_t rela;  // then: the next relocation
};
PCLN_API bool pcln_image_next_word(const struct pcln_image *img, uint64_t value,
                                   struct pcln_word_iter *it, uint64_t *va);

#ifdef __cplusplus
}
#endif
#endif
