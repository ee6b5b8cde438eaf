// SPDX-License-Identifier: Apache-2.0
//
// Finishing a linked file: from its metadata to the table inside it. What the
// linker plugin and pclntab-link share: options, pipeline, reports.
#ifndef PCLNTAB_LINK_H
#define PCLNTAB_LINK_H

#include "elf_archive.h" // for the plugin
#include "sources.h"

enum pcln_placement {
  PCLN_PLACE_AUTO,     // embedded where a slot is reserved, else a sidecar
  PCLN_PLACE_EMBEDDED, // a segment of the file itself
  PCLN_PLACE_SIDECAR,  // FILE.pclntab beside it
  PCLN_PLACE_NONE,     // build and check the table, write nothing
};

struct pcln_link_options {
  enum pcln_placement placement;
  char *sidecar_path; // null: the file's path plus ".pclntab"
  bool strip_debug;   // drop .debug_* from the finished file
  bool move_phdrs;    // no slot: move the program headers instead of failing
  bool go_compat;
  bool allow_stripped; // debug information or symbols are gone: go on
  // Set by the plugin: the inputs had DWARF; an output with allocated
  // .llvm_stackmaps, which linkers do not treat as it needs, is refused.
  bool expect_debug, refuse_stackmaps;
  const struct pcln_annot_inputs *annotations; // of the inputs; or null
  bool stats;
  bool verify; // verify the encoded table before it is written
  enum pcln_layout layout;
  unsigned threads; // 0: one per processor, at most 8
  struct pcln_prefix_map *maps;
  size_t n_maps;
};

void pcln_link_options_init(struct pcln_link_options *o);
void pcln_link_options_free(struct pcln_link_options *o);
// One option as `name` or `name=value`; the same words in -plugin-opt,
// PCLNTAB_OPTIONS (separated by commas) and, with "--" before, pclntab-link.
// An unknown name or value is reported: PCLN_UNSUPPORTED.
PCLN_MUST_CHECK enum pcln_status pcln_link_option(struct pcln_link_options *o,
                                                  const char *option,
                                                  const struct pcln_sink *sink);
// The option list for --help: one line each, constant.
const char *pcln_link_options_help(void);

struct pcln_link_stats {
  struct pcln_source_stats sources;
  struct pcln_encode_stats table;
  double ms_open, ms_functions, ms_cfi, ms_annot, ms_dwarf, ms_encode,
      ms_verify, ms_write, ms_total;
  size_t peak_rss; // bytes
};

// Builds the table of `path` and places it. On any failure the file is as it
// was before, or, for the plugin, the plugin removes it. `stats` may be null.
PCLN_MUST_CHECK enum pcln_status
pcln_link_file(const char *path, const struct pcln_link_options *o,
               const struct pcln_sink *sink, struct pcln_link_stats *stats);
// Prints stats to standard error, as the option `stats` asks.
void pcln_link_print_stats(const char *path, const struct pcln_link_stats *s);
// A sink that prints to stderr as "PROGRAM: FILE: error: FUNC+0xOFF: TEXT
// [fault]". `program` must outlive it.
struct pcln_sink pcln_stderr_sink(const char *program);

// What to do about a file without a slot.
#define PCLN_NO_SLOT_TEXT                                                      \
  "no program header is reserved for the table: the link had no plugin, or a " \
  "linker script drops .note.pclntab; correct that, or ask for a sidecar "     \
  "file or move-phdrs"
#define PCLN_NO_BUILD_ID_TEXT                                                  \
  "a sidecar is tied to its program by the build-id, and this file has none; " \
  "link with --build-id"

// --- link_go_compat.c -------------------------------------------------------

// Warns (go-compat-frame-pointer) if functions of the finished model have
// frames but keep no frame pointer, which readers of Go programs rely on.
void pcln_check_frame_pointers(const struct pcln_module *m,
                               const struct pcln_sink *sink);

// --- elf_write.c ------------------------------------------------------------

// Where the blob will go, known before it is encoded.
struct pcln_place {
  uint64_t va, file_off;
  bool replaces; // an earlier table of ours is replaced
  bool has_slot; // a program header is free for us (or the old table's)
};
PCLN_MUST_CHECK enum pcln_status
pcln_elf_place(const struct pcln_elf *elf, const struct pcln_link_options *o,
               const struct pcln_sink *sink, struct pcln_place *out);
// Appends the blob and patches the headers, append first, headers last.
PCLN_MUST_CHECK enum pcln_status
pcln_elf_embed(const struct pcln_elf *elf, const struct pcln_place *place,
               const uint8_t *bytes, size_t len,
               const struct pcln_link_options *o, const struct pcln_sink *sink);
PCLN_MUST_CHECK enum pcln_status pcln_elf_sidecar(const struct pcln_elf *elf,
                                                  const char *path,
                                                  const uint8_t *bytes,
                                                  size_t len,
                                                  const struct pcln_sink *sink);
// What an object must say to be linked with others.
struct pcln_elf_target {
  uint16_t machine; // e_machine; 0: not known
  uint8_t ptr_size;
  bool big_endian;
  uint32_t flags; // e_flags: the ABI, on some machines
};
// Writes the relocatable object whose note section reserves the program header
// to descriptor `fd`.
PCLN_MUST_CHECK enum pcln_status
pcln_elf_slot_object(int fd, const struct pcln_elf_target *target);

#endif
