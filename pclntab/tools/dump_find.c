// SPDX-License-Identifier: Apache-2.0
//
// Finds and opens the table of a file: in an executable file of any format
// (locate.c), else in a sidecar beside it. A file of no such format is a bare
// table.
//
// A table of a position-independent program that is older than go1.18 holds
// addresses that only the loader makes; of such a one a relocated copy is
// opened. All others are read where they are, in the mapped file.
#include "dump.h"

#include "go_funcdata.h"

#include "scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void say(const struct dump_file *f, const struct pcln_sink *sink,
                const char *fault, const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = fault,
                                       .file = f->path,
                                       .text = text});
}

// Maps all of `path`. PCLN_IO: not reported; an empty file is absent bytes.
static enum pcln_status map_file(const char *path, uint8_t **bytes,
                                 size_t *len) {
  *bytes = NULL;
  *len = 0;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return PCLN_IO;
  struct stat st;
  enum pcln_status status = PCLN_IO;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
    status = PCLN_OK;
    if (st.st_size > 0) {
      void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
      if (p == MAP_FAILED) {
        status = PCLN_IO;
      } else {
        *bytes = p;
        *len = (size_t)st.st_size;
      }
    }
  }
  close(fd);
  return status;
}

// --- Opening ----------------------------------------------------------------

// What the command line knows better than the file.
static void override(const struct dump_options *options,
                     struct pcln_open_options *open) {
  unsigned minor;
  if (options->magic &&
      pcln_layout_of_version(options->magic, &open->layout, &minor)) {
    open->force_layout = true;
    open->go_minor = minor;
  }
}

// Opens the table, or what is inside of a damaged one. What a scan found is
// opened by its structure alone: its header was not what led there.
static enum pcln_status open_table(struct dump_file *f, struct pcln_span bytes,
                                   const struct pcln_open_options *open,
                                   const struct pcln_sink *sink) {
  enum pcln_status status = PCLN_NOT_FOUND;
  if (!f->damaged)
    status = pcln_open(&f->table, bytes.ptr, bytes.len, open, sink);
  if (status == PCLN_OK)
    pcln_infer_release(&f->table);
  if (status != PCLN_CORRUPT && status != PCLN_NOT_FOUND)
    return status;
  f->damaged = pcln_recover(&f->table, bytes.ptr, bytes.len, open, sink,
                            NULL) == PCLN_OK;
  return f->damaged ? PCLN_OK : status;
}

// A Go table without a program around it may not say where text starts.
static enum pcln_status open_bare(struct dump_file *f, struct pcln_span bytes,
                                  const struct dump_options *options,
                                  const struct pcln_sink *sink) {
  struct pcln_open_options open = {.text_start = options->text_start};
  override(options, &open);
  f->where = "file";
  const enum pcln_status status = open_table(f, bytes, &open, sink);
  if (status != PCLN_OK)
    return status;
  struct pcln_location *l = &f->location;
  const bool addresses = f->table.ours || f->table.layout < PCLN_GO_118;
  l->text_from = addresses ? PCLN_TEXT_TABLE : PCLN_TEXT_HEADER;
  if (addresses)
    return PCLN_OK;
  if (options->has_text_start) {
    f->table.text_start = options->text_start;
    l->text_from = PCLN_TEXT_OPTION;
  } else if (f->table.text_start == 0) {
    say(f, sink, "no-text-start",
        "the table's header does not say where text starts; name it with "
        "--text-start");
    f->reported = true;
    return PCLN_NOT_FOUND;
  }
  return PCLN_OK;
}

// The table's bytes as they are when loaded, where those in the file are not.
static enum pcln_status copy_relocated(struct dump_file *f,
                                       struct pcln_span *bytes) {
  f->copy = malloc(bytes->len);
  if (!f->copy)
    return PCLN_NO_MEMORY;
  const size_t got =
      pcln_image_load(&f->image, f->location.va, f->copy, bytes->len);
  *bytes = (struct pcln_span){f->copy, got};
  return PCLN_OK;
}

static enum pcln_status open_located(struct dump_file *f,
                                     const struct dump_options *options,
                                     const struct pcln_sink *sink) {
  const struct pcln_location *l = &f->location;
  struct pcln_span bytes = {f->mapped + l->file_off, (size_t)l->len};
  struct pcln_open_options open;
  pcln_location_options(&f->image, l, &open);
  override(options, &open);
  f->where = l->found_in == PCLN_FOUND_SEGMENT      ? "segment"
             : l->found_in == PCLN_FOUND_MODULEDATA ? "moduledata"
             : l->found_in == PCLN_FOUND_SCAN       ? "scan"
                                                    : l->name;
  if (l->relocated && l->text_from == PCLN_TEXT_TABLE) {
    const enum pcln_status status = copy_relocated(f, &bytes);
    if (status != PCLN_OK)
      return status;
  }
  const enum pcln_status status = open_table(f, bytes, &open, sink);
  if (status == PCLN_OK && l->text_from == PCLN_TEXT_OPTION)
    f->table.text_start = l->text_start; // also if it is 0
  return status;
}

// A sidecar belongs to the file if it has the same build-id.
static enum pcln_status find_sidecar(struct dump_file *f,
                                     const struct pcln_sink *sink) {
  const size_t len = strlen(f->path) + sizeof ".pclntab";
  f->sidecar = malloc(len);
  if (!f->sidecar)
    return PCLN_NO_MEMORY;
  snprintf(f->sidecar, len, "%s.pclntab", f->path);
  if (map_file(f->sidecar, &f->sidecar_mapped, &f->sidecar_len) != PCLN_OK)
    return PCLN_NOT_FOUND;
  f->where = "sidecar";
  f->location.text_from = PCLN_TEXT_TABLE;
  const struct pcln_span bytes = {f->sidecar_mapped, f->sidecar_len};
  enum pcln_status status = open_table(f, bytes, NULL, sink);
  if (status == PCLN_OK && f->image.format == PCLN_FORMAT_ELF && !f->elf)
    status = pcln_elf_open(f->path, sink, &f->elf);
  if (status != PCLN_OK)
    return status;
  const struct pcln_span *a = &f->table.build_id;
  const struct pcln_span b = f->elf ? f->elf->build_id : (struct pcln_span){0};
  if (a->len != b.len || (a->len && memcmp(a->ptr, b.ptr, a->len) != 0)) {
    say(f, sink, "sidecar-build-id",
        "the sidecar beside it was made for another build");
    return PCLN_CORRUPT;
  }
  return PCLN_OK;
}

// --- A scan, where nothing leads to the table --------------------------------

// The best candidate in the file, or none that convinces. Of a table that is
// cut off before functab there is a header with a magic, and not much more.
static bool best_candidate(const struct dump_file *f,
                           struct pcln_candidate *best) {
  enum { CONVINCING = 60 };
  struct pcln_scan scan;
  struct pcln_candidate c;
  best->confidence = 0;
  pcln_scan_begin(&scan, f->mapped, f->mapped_len);
  while (pcln_scan_next(&scan, &c))
    if (c.confidence > best->confidence)
      *best = c;
  return best->confidence >= CONVINCING ||
         (best->confidence > 0 && best->held >> PCLN_CHECK_MAGIC & 1);
}

// The address at which the byte `off` of the file is loaded.
static bool address_of(const struct pcln_image *img, uint64_t off,
                       uint64_t *va) {
  for (uint32_t i = 0; i < img->n_ranges; i++) {
    const struct pcln_range *r = &img->ranges[i];
    *va = r->va + (off - r->file_off);
    if (off >= r->file_off && off - r->file_off < r->file_len)
      return true;
  }
  return false;
}

// PCLN_NOT_FOUND: not reported, unless f->reported.
static enum pcln_status find_by_scan(struct dump_file *f,
                                     const struct dump_options *options,
                                     const struct pcln_sink *sink) {
  struct pcln_candidate c;
  struct pcln_locate_options locate = {.has_text_start =
                                           options->has_text_start,
                                       .text_start = options->text_start};
  if (!best_candidate(f, &c))
    return PCLN_NOT_FOUND;
  pcln_say(sink,
           &(struct pcln_report){
               .severity = PCLN_WARNING,
               .fault = "found-by-scan",
               .file = f->path,
               .region = "file",
               .region_off = c.off,
               .text = "no header, section or symbol leads to a table; a scan "
                       "found one by its structure"});
  f->damaged = true;
  locate.found = &c.table;
  if (!f->image.n_ranges || !address_of(&f->image, c.off, &locate.found_va))
    return open_bare(
        f, (struct pcln_span){f->mapped + c.off, f->mapped_len - (size_t)c.off},
        options, sink);
  const enum pcln_status status =
      pcln_locate(&f->image, &locate, sink, &f->location);
  f->reported = status == PCLN_NOT_FOUND;
  return status == PCLN_OK ? open_located(f, options, sink) : status;
}

// --- Anywhere ---------------------------------------------------------------

static enum pcln_status find_in_image(struct dump_file *f,
                                      const struct dump_options *options,
                                      const struct pcln_sink *sink) {
  struct pcln_locate_options locate = {.has_text_start =
                                           options->has_text_start,
                                       .text_start = options->text_start};
  if (options->magic)
    locate.force_layout =
        pcln_layout_of_version(options->magic, &locate.layout, NULL);
  // Symbols of ELF, DWARF and CFI are held against the table by these alone; of
  // a file whose sections are damaged they go without. That is told, and a
  // report is a report for all that, but a verification is none.
  const bool verifies =
      options->action == DUMP_VERIFY || options->action == DUMP_HTML;
  if (f->image.format == PCLN_FORMAT_ELF && verifies)
    f->no_sections = pcln_elf_open(f->path, sink, &f->elf) != PCLN_OK &&
                     options->action == DUMP_VERIFY;
  enum pcln_status status = pcln_locate(&f->image, &locate, sink, &f->location);
  if (status == PCLN_OK && f->location.sound)
    return open_located(f, options, sink);
  const bool named = status == PCLN_OK; // a section has the table's name
  f->reported = f->location.sound;      // found, but not where text starts
  if (status == PCLN_NOT_FOUND && !f->reported)
    status = find_sidecar(f, sink);
  if (named || (status == PCLN_NOT_FOUND && !f->reported))
    status = find_by_scan(f, options, sink);
  return named && status == PCLN_NOT_FOUND && !f->reported
             ? open_located(f, options, sink) // which says what is wrong
             : status;
}

static enum pcln_status open_any(struct dump_file *f,
                                 const struct dump_options *options,
                                 const struct pcln_sink *sink) {
  enum pcln_status status = map_file(f->path, &f->mapped, &f->mapped_len);
  if (status != PCLN_OK) {
    say(f, sink, "file-unreadable", "the file cannot be read");
    return status;
  }
  const struct pcln_source source =
      pcln_source_memory(f->mapped, f->mapped_len);
  status = pcln_image_open(&f->image, &source, NULL, sink);
  if (status == PCLN_OK)
    return find_in_image(f, options, sink);
  const bool bare = status == PCLN_UNSUPPORTED;
  if (bare) // else a damaged image
    status = open_bare(f, (struct pcln_span){f->mapped, f->mapped_len}, options,
                       sink);
  const enum pcln_status scanned = status == PCLN_OK || f->reported
                                       ? PCLN_NOT_FOUND
                                       : find_by_scan(f, options, sink);
  return scanned == PCLN_NOT_FOUND ? status : scanned;
}

enum pcln_status dump_file_open(struct dump_file *f, const char *path,
                                const struct dump_options *options,
                                const struct pcln_sink *sink) {
  *f = (struct dump_file){.path = path};
  const enum pcln_status status = open_any(f, options, sink);
  if (status == PCLN_NOT_FOUND && !f->reported)
    say(f, sink, "no-table", "the file has no pclntab, and none is beside it");
  else if (status == PCLN_UNSUPPORTED)
    say(f, sink, "table-unsupported", pcln_status_text(status));
  f->damaged |= f->no_sections;
  if (status != PCLN_OK)
    dump_file_close(f);
  return status;
}

void dump_file_close(struct dump_file *f) {
  pcln_elf_close(f->elf);
  if (f->mapped)
    munmap(f->mapped, f->mapped_len);
  if (f->sidecar_mapped)
    munmap(f->sidecar_mapped, f->sidecar_len);
  free(f->sidecar);
  free(f->copy);
  *f = (struct dump_file){0};
}

struct pcln_span dump_code_at(const struct dump_file *f, uint64_t va) {
  return pcln_image_at(&f->image, va);
}

bool dump_section_va(const struct dump_file *f, const char *name,
                     uint64_t *va) {
  struct pcln_section s = {.va = 0};
  const bool found = pcln_image_find_section(&f->image, name, &s) == PCLN_OK;
  *va = s.va;
  return found;
}
