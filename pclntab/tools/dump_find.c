// SPDX-License-Identifier: Apache-2.0
//
// Finds the table in a file: as the runtime does, by the magic at the start of
// a loaded segment; where a program has no such segment, by the names of
// sections (Go's programs), then in a sidecar beside it. A file that is no ELF
// file is a bare table.
#include "dump.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENT_LOAD = 1 }; // ELF's PT_LOAD

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

// Our own tables: a loaded segment begins with the module header.
static enum pcln_status find_segment(struct dump_file *f,
                                     const struct pcln_sink *sink) {
  for (size_t i = 0; i < f->elf->n_segments; i++) {
    const struct pcln_elf_segment *s = &f->elf->segments[i];
    if (s->type != SEGMENT_LOAD)
      continue;
    const struct pcln_span bytes = pcln_elf_at(f->elf, s->va);
    if (bytes.len < sizeof PCLN_MODULE_MAGIC ||
        memcmp(bytes.ptr, PCLN_MODULE_MAGIC, sizeof PCLN_MODULE_MAGIC) != 0)
      continue;
    f->where = "segment";
    return pcln_open(&f->table, bytes.ptr, bytes.len, NULL, sink);
  }
  return PCLN_NOT_FOUND;
}

static enum pcln_status find_section(struct dump_file *f,
                                     const struct pcln_sink *sink) {
  static const char *const names[] = {PCLN_SECTION, PCLN_SECTION_GO,
                                      ".data.rel.ro" PCLN_SECTION_GO};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const struct pcln_elf_section *s = pcln_elf_find(f->elf, names[i]);
    if (!s)
      continue;
    struct pcln_span bytes;
    enum pcln_status status = pcln_elf_content(f->elf, s, sink, &bytes);
    if (status != PCLN_OK || !bytes.ptr)
      return status == PCLN_OK ? PCLN_NOT_FOUND : status;
    struct pcln_open_options options;
    dump_go_options(f->elf, bytes, s->va, &options);
    f->where = names[i];
    return pcln_open(&f->table, bytes.ptr, bytes.len, &options, sink);
  }
  return PCLN_NOT_FOUND;
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
  const enum pcln_status status =
      pcln_open(&f->table, f->sidecar_mapped, f->sidecar_len, NULL, sink);
  const struct pcln_span *a = &f->table.build_id, *b = &f->elf->build_id;
  if (status == PCLN_OK &&
      (a->len != b->len || (a->len && memcmp(a->ptr, b->ptr, a->len) != 0))) {
    say(f, sink, "sidecar-build-id",
        "the sidecar beside it was made for another build");
    return PCLN_CORRUPT;
  }
  return status;
}

static enum pcln_status find_in_elf(struct dump_file *f,
                                    const struct pcln_sink *sink) {
  static enum pcln_status (*const places[])(struct dump_file *,
                                            const struct pcln_sink *) = {
      find_segment, find_section, find_sidecar};
  enum pcln_status status = PCLN_NOT_FOUND;
  for (size_t i = 0;
       i < sizeof places / sizeof *places && status == PCLN_NOT_FOUND; i++)
    status = places[i](f, sink);
  return status;
}

static enum pcln_status open_any(struct dump_file *f,
                                 const struct pcln_sink *sink) {
  enum pcln_status status = map_file(f->path, &f->mapped, &f->mapped_len);
  if (status != PCLN_OK) {
    say(f, sink, "file-unreadable", "the file cannot be read");
    return status;
  }
  const struct pcln_source source =
      pcln_source_memory(f->mapped, f->mapped_len);
  status = pcln_image_open(&f->image, &source, NULL, sink);
  if (status == PCLN_UNSUPPORTED) {
    f->where = "file";
    return f->mapped
               ? pcln_open(&f->table, f->mapped, f->mapped_len, NULL, sink)
               : PCLN_NOT_FOUND;
  }
  if (status == PCLN_OK)
    status = pcln_elf_open(f->path, sink, &f->elf);
  return status == PCLN_OK ? find_in_elf(f, sink) : status;
}

enum pcln_status dump_file_open(struct dump_file *f, const char *path,
                                const struct dump_options *options,
                                const struct pcln_sink *sink) {
  (void)options;
  *f = (struct dump_file){.path = path};
  const enum pcln_status status = open_any(f, sink);
  if (status == PCLN_NOT_FOUND)
    say(f, sink, "no-table", "the file has no pclntab, and none is beside it");
  else if (status == PCLN_UNSUPPORTED)
    say(f, sink, "table-unsupported", pcln_status_text(status));
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
  *f = (struct dump_file){0};
}

struct pcln_span dump_code_at(const struct dump_file *f, uint64_t va) {
  return pcln_image_at(&f->image, va);
}

bool dump_section_va(const struct dump_file *f, const char *name,
                     uint64_t *va) {
  const struct pcln_elf_section *s =
      f->elf ? pcln_elf_find(f->elf, name) : NULL;
  *va = s ? s->va : 0;
  return s;
}
