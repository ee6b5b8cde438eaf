// SPDX-License-Identifier: Apache-2.0
//
// The table into a linked file, all or nothing.
//
// Where things go is elf_plan.c's; this file carries it out. In place, the
// order of writes makes it safe: first everything that is new goes behind the
// file's end, where no header points; then the program header and, last, the
// place of the section headers are patched, each by one small write. Whatever
// fails, the old bytes of those headers are put back and the file is cut to
// its old length, so a failed run leaves the file as it was, and a killed one
// leaves a file that still runs.
//
// Replacing a table in place could not be safe, nor can taking sections out, so
// both are made in a copy beside the file, which then takes its name.
//
// The section headers are written anew behind the blob, with one more for the
// table: strip, objcopy and debuggers go by sections and would drop bytes that
// none covers. The old ones stay where they were, a few dead kilobytes.
#define _GNU_SOURCE // mkostemp
#include "elf_plan.h"

#include "bytes.h"
#include "elf_replace.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  TABLE_ALIGN = 64, // sh_addralign of the table's section
  MAX_NEW = 2,      // section headers that are added
};

// A section header to add.
struct new_section {
  const char *name;
  uint64_t va, file_off, size;
  uint32_t name_off; // in the table of section names
};

// One run of the writer.
struct writer {
  const struct pcln_elf *elf;
  const struct pcln_sink *sink;
  const struct pcln_link_options *o;
  struct pcln_elf_plan plan;
  const uint8_t *blob;
  size_t blob_len;
  int fd;         // the file itself, or the copy
  char *tmp_path; // the copy's name; null in place
  struct new_section add[MAX_NEW];
  size_t n_add;
  // What goes behind the blob, and where.
  uint8_t *phdrs, *names, *sections;
  // The headers as they were: the mapping may show what is written.
  uint8_t *old_phdrs, old_ehdr[sizeof(Elf64_Ehdr)];
  bool patched;
  size_t n_phdrs;
  uint64_t phdrs_off, names_off, names_len, sections_off, sections_len;
};

static enum pcln_status fail(const struct writer *w, enum pcln_status status,
                             const char *name, const char *text) {
  pcln_say(w->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = name,
                                          .file = w->elf->path,
                                          .text = text});
  return status;
}

static enum pcln_status no_memory(const struct writer *w) {
  return fail(w, PCLN_NO_MEMORY, "no-memory", pcln_status_text(PCLN_NO_MEMORY));
}

static enum pcln_status io_failed(const struct writer *w) {
  return fail(w, PCLN_IO, "file-write", strerror(errno));
}

static uint64_t align_up(uint64_t v, uint64_t align) {
  return (v + align - 1) & ~(align - 1);
}

// Stores an address, offset or size as wide as the file's class.
static void put_word(const struct pcln_elf *elf, uint8_t *p, uint64_t v) {
  if (elf->ptr_size == 8)
    pcln_store64(p, v, elf->swap);
  else
    pcln_store32(p, (uint32_t)v, elf->swap);
}

// --- Program headers --------------------------------------------------------

static uint64_t segment_len(const struct writer *w) {
  if (!w->plan.move_phdrs)
    return w->blob_len;
  return w->phdrs_off + w->n_phdrs * w->plan.fields->phdr_size -
         w->plan.file_off;
}

static void put_load(const struct writer *w, uint8_t *p) {
  const struct pcln_elf_fields *f = w->plan.fields;
  memset(p, 0, f->phdr_size);
  pcln_store32(p, PT_LOAD, w->elf->swap);
  pcln_store32(p + f->p_flags, PF_R, w->elf->swap);
  put_word(w->elf, p + f->p_off, w->plan.file_off);
  put_word(w->elf, p + f->p_va, w->plan.va);
  put_word(w->elf, p + f->p_pa, w->plan.va);
  put_word(w->elf, p + f->p_filesz, segment_len(w));
  put_word(w->elf, p + f->p_memsz, segment_len(w));
  put_word(w->elf, p + f->p_align, w->plan.align);
}

// PT_PHDR says where the headers are.
static void put_phdr_phdr(const struct writer *w, uint8_t *p) {
  const struct pcln_elf_fields *f = w->plan.fields;
  const uint64_t va = w->plan.va + (w->phdrs_off - w->plan.file_off);
  put_word(w->elf, p + f->p_off, w->phdrs_off);
  put_word(w->elf, p + f->p_va, va);
  put_word(w->elf, p + f->p_pa, va);
  put_word(w->elf, p + f->p_filesz, w->n_phdrs * f->phdr_size);
  put_word(w->elf, p + f->p_memsz, w->n_phdrs * f->phdr_size);
}

// The new program headers: as before without the slot, and our PT_LOAD behind
// the last other one, since loaders want them in ascending order.
static enum pcln_status make_phdrs(struct writer *w) {
  const struct pcln_elf *elf = w->elf;
  const size_t size = w->plan.fields->phdr_size;
  const uint8_t *old = elf->bytes + w->plan.phoff;
  w->n_phdrs = elf->n_segments + (w->plan.has_slot ? 0 : 1);
  if (w->n_phdrs >= PN_XNUM)
    return fail(w, PCLN_LIMIT, "elf-segment-count",
                "the file has too many program headers");
  w->phdrs = malloc(w->n_phdrs * size);
  w->old_phdrs = malloc(elf->n_segments * size);
  if (!w->phdrs || !w->old_phdrs)
    return no_memory(w);
  memcpy(w->old_phdrs, old, elf->n_segments * size);
  memcpy(w->old_ehdr, elf->bytes, w->plan.fields->ehdr_size);
  w->phdrs_off = w->plan.phoff;
  if (w->plan.move_phdrs)
    w->phdrs_off = align_up(w->plan.file_off + w->blob_len, 8);
  size_t last_load = 0;
  for (size_t i = 0; i < elf->n_segments; i++)
    if (elf->segments[i].type == PT_LOAD &&
        !(w->plan.has_slot && i == w->plan.slot))
      last_load = i;
  uint8_t *p = w->phdrs;
  for (size_t i = 0; i < elf->n_segments; i++) {
    if (!(w->plan.has_slot && i == w->plan.slot)) {
      memcpy(p, old + i * size, size);
      if (w->plan.move_phdrs && elf->segments[i].type == PT_PHDR)
        put_phdr_phdr(w, p);
      p += size;
    }
    if (i == last_load) {
      put_load(w, p);
      p += size;
    }
  }
  return PCLN_OK;
}

// --- Section headers --------------------------------------------------------

// What is added: the table as one section, or for tools that expect a Go
// program, which read a section from Go's own header on, as two.
static void choose_sections(struct writer *w) {
  const struct pcln_elf_plan *plan = &w->plan;
  uint64_t head = w->blob_len;
  if (w->o->go_compat && w->blob_len >= PCLN_MOD_SIZE) {
    const uint32_t off = pcln_load32(w->blob + PCLN_MOD_PCLNTAB, w->elf->swap);
    if (off >= PCLN_MOD_SIZE && off < w->blob_len)
      head = off;
  }
  w->add[w->n_add++] =
      (struct new_section){PCLN_SECTION, plan->va, plan->file_off, head, 0};
  if (head < w->blob_len)
    w->add[w->n_add++] =
        (struct new_section){PCLN_SECTION_GO, plan->va + head,
                             plan->file_off + head, w->blob_len - head, 0};
}

// The offset of `name` in a table of names, also as the end of a longer one;
// `len` if it is not there.
static uint64_t find_name(const uint8_t *names, uint64_t len,
                          const char *name) {
  const size_t size = strlen(name) + 1;
  if (len < size)
    return len;
  for (uint64_t i = 0; i <= len - size; i++)
    if (names[i] == (uint8_t)name[0] && !memcmp(names + i, name, size))
      return i;
  return len;
}

static enum pcln_status make_names(struct writer *w) {
  const struct pcln_elf_section *s = &w->elf->sections[w->plan.shstrndx];
  uint64_t len = s->size;
  w->names = malloc((size_t)len + MAX_NEW * 16);
  if (!w->names)
    return no_memory(w);
  memcpy(w->names, w->elf->bytes + s->file_off, (size_t)len);
  for (size_t i = 0; i < w->n_add; i++) {
    const uint64_t at = find_name(w->names, len, w->add[i].name);
    w->add[i].name_off = (uint32_t)at;
    if (at == len) {
      const size_t size = strlen(w->add[i].name) + 1;
      memcpy(w->names + len, w->add[i].name, size);
      len += size;
    }
  }
  w->names_len = len;
  return PCLN_OK;
}

// Copies one section header with its new numbers and place.
static void put_kept_section(const struct writer *w, size_t i, uint8_t *p) {
  const struct pcln_elf *elf = w->elf;
  const struct pcln_elf_fields *f = w->plan.fields;
  const struct pcln_elf_section *s = &elf->sections[i];
  memcpy(p, elf->bytes + w->plan.shoff + i * f->shdr_size, f->shdr_size);
  put_word(elf, p + f->sh_off, w->plan.new_off[i]);
  if (i == w->plan.shstrndx) {
    put_word(elf, p + f->sh_off, w->names_off);
    put_word(elf, p + f->sh_size, w->names_len);
  }
  // The slot has done its work; readelf warns of notes aligned to 16.
  if (s->type == SHT_NOTE && !strcmp(s->name, PCLN_SLOT_SECTION)) {
    const uint64_t pad = s->file_off == w->plan.note_off ? w->plan.note_pad : 0;
    put_word(elf, p + f->sh_off, s->file_off - pad);
    put_word(elf, p + f->sh_va, s->va - pad);
    put_word(elf, p + f->sh_size, s->size + pad);
    put_word(elf, p + f->sh_align, 4);
  }
  if (s->link < elf->n_sections)
    pcln_store32(p + f->sh_link, w->plan.new_idx[s->link], elf->swap);
  const bool info_is_section =
      s->flags & SHF_INFO_LINK || s->type == SHT_REL || s->type == SHT_RELA;
  if (info_is_section && s->info < elf->n_sections)
    pcln_store32(p + f->sh_info, w->plan.new_idx[s->info], elf->swap);
}

static void put_new_section(const struct writer *w, const struct new_section *s,
                            uint8_t *p) {
  const struct pcln_elf_fields *f = w->plan.fields;
  pcln_store32(p, s->name_off, w->elf->swap);
  pcln_store32(p + 4, SHT_PROGBITS, w->elf->swap);
  put_word(w->elf, p + f->sh_flags, SHF_ALLOC);
  put_word(w->elf, p + f->sh_va, s->va);
  put_word(w->elf, p + f->sh_off, s->file_off);
  put_word(w->elf, p + f->sh_size, s->size);
  put_word(w->elf, p + f->sh_align, s == w->add ? TABLE_ALIGN : 1);
}

// The null section: holds the numbers that do not fit the file header.
static void put_null_section(const struct writer *w, size_t n, uint8_t *p) {
  const struct pcln_elf_fields *f = w->plan.fields;
  const uint32_t names = w->plan.new_idx[w->plan.shstrndx];
  memcpy(p, w->elf->bytes + w->plan.shoff, f->shdr_size);
  put_word(w->elf, p + f->sh_size, n >= SHN_LORESERVE ? n : 0);
  pcln_store32(p + f->sh_link, names >= SHN_LORESERVE ? names : 0,
               w->elf->swap);
  pcln_store32(p + f->sh_info, 0, w->elf->swap);
}

static enum pcln_status make_sections(struct writer *w) {
  const size_t size = w->plan.fields->shdr_size;
  if (!w->plan.shoff || !w->plan.shstrndx)
    return PCLN_OK; // a file without section headers stays so
  choose_sections(w);
  enum pcln_status st = make_names(w);
  if (st != PCLN_OK)
    return st;
  const size_t n = w->plan.n_kept + w->n_add;
  w->names_off = w->plan.file_off + segment_len(w);
  w->sections_off = align_up(w->names_off + w->names_len, 8);
  w->sections_len = n * size;
  w->sections = calloc(n, size);
  if (!w->sections)
    return no_memory(w);
  uint8_t *p = w->sections;
  for (size_t i = 0; i < w->elf->n_sections; i++) {
    if (w->plan.drop[i])
      continue;
    if (i == 0)
      put_null_section(w, n, p);
    else
      put_kept_section(w, i, p);
    p += size;
  }
  for (size_t i = 0; i < w->n_add; i++, p += size)
    put_new_section(w, &w->add[i], p);
  return PCLN_OK;
}

// --- The copy ---------------------------------------------------------------

// Gives the symbols of a table the new numbers of their sections. A symbol of
// a dropped section becomes a null symbol: relocations count symbols, so none
// may vanish.
static enum pcln_status renumber_symbols(const struct writer *w,
                                         const struct pcln_elf_section *s) {
  const struct pcln_elf_fields *f = w->plan.fields;
  const uint8_t *old = w->elf->bytes + s->file_off;
  uint8_t *copy = NULL;
  for (uint64_t at = 0; at + f->sym_size <= s->size; at += f->sym_size) {
    const uint32_t idx = pcln_load16(old + at + f->st_shndx, w->elf->swap);
    if (idx == 0 || idx >= SHN_LORESERVE || idx >= w->elf->n_sections ||
        (w->plan.new_idx[idx] == idx && !w->plan.drop[idx]))
      continue;
    if (!copy) {
      copy = malloc((size_t)s->size);
      if (!copy)
        return no_memory(w);
      memcpy(copy, old, (size_t)s->size);
    }
    if (w->plan.drop[idx])
      memset(copy + at, 0, f->sym_size);
    else
      pcln_store16(copy + at + f->st_shndx, (uint16_t)w->plan.new_idx[idx],
                   w->elf->swap);
  }
  const bool ok = !copy || pcln_write_all(w->fd, copy, (size_t)s->size,
                                          w->plan.new_off[s->idx]);
  free(copy);
  return ok ? PCLN_OK : io_failed(w);
}

// Prefix and kept sections into the copy.
static enum pcln_status write_body(const struct writer *w) {
  const struct pcln_elf *elf = w->elf;
  if (!pcln_write_all(w->fd, elf->bytes, (size_t)w->plan.prefix, 0))
    return io_failed(w);
  for (size_t i = 1; i < elf->n_sections; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (w->plan.drop[i] || i == w->plan.shstrndx || s->type == SHT_NOBITS)
      continue;
    if (s->type == SHT_SYMTAB_SHNDX && w->o->strip_debug)
      return fail(w, PCLN_UNSUPPORTED, "strip-debug-sections",
                  "strip-debug does not handle files of more than 65,000 "
                  "sections");
    if (s->file_off >= w->plan.prefix &&
        !pcln_write_all(w->fd, elf->bytes + s->file_off, (size_t)s->size,
                        w->plan.new_off[i]))
      return io_failed(w);
    if (s->type == SHT_SYMTAB || s->type == SHT_DYNSYM) {
      enum pcln_status st = renumber_symbols(w, s);
      if (st != PCLN_OK)
        return st;
    }
  }
  return PCLN_OK;
}

static enum pcln_status open_output(struct writer *w) {
  if (!w->plan.rewrite) {
    w->fd = open(w->elf->path, O_RDWR | O_CLOEXEC);
    return w->fd < 0 ? io_failed(w) : PCLN_OK;
  }
  struct stat sb;
  if (stat(w->elf->path, &sb) < 0)
    return io_failed(w);
  // Through symbolic links to the file itself, so that the link stays.
  char *real = realpath(w->elf->path, NULL);
  if (!real)
    return io_failed(w);
  const size_t len = strlen(real) + sizeof ".pclntab-XXXXXX";
  w->tmp_path = malloc(len);
  if (w->tmp_path)
    snprintf(w->tmp_path, len, "%s.pclntab-XXXXXX", real);
  free(real);
  if (!w->tmp_path)
    return no_memory(w);
  w->fd = mkostemp(w->tmp_path, O_CLOEXEC);
  if (w->fd < 0) {
    free(w->tmp_path);
    w->tmp_path = NULL;
    return io_failed(w);
  }
  // The owner stays where that is allowed; the mode must.
  if (fchown(w->fd, sb.st_uid, sb.st_gid) < 0)
    errno = 0;
  if (fchmod(w->fd, sb.st_mode & 07777) < 0)
    return io_failed(w);
  return write_body(w);
}

// --- Writing ----------------------------------------------------------------

// Everything that no header points to yet.
static enum pcln_status write_new(const struct writer *w) {
  if (!pcln_write_all(w->fd, w->blob, w->blob_len, w->plan.file_off) ||
      (w->plan.move_phdrs &&
       !pcln_write_all(w->fd, w->phdrs, w->n_phdrs * w->plan.fields->phdr_size,
                       w->phdrs_off)) ||
      !pcln_write_all(w->fd, w->names, (size_t)w->names_len, w->names_off) ||
      !pcln_write_all(w->fd, w->sections, (size_t)w->sections_len,
                      w->sections_off))
    return io_failed(w);
  return PCLN_OK;
}

// The reserving note with `pad` bytes of descriptor, from that much earlier on;
// with 0: as it was.
static bool write_note(const struct writer *w, uint64_t pad) {
  uint8_t note[12 + sizeof PCLN_SLOT_NOTE_NAME + 16] = {0};
  const size_t len = 12 + sizeof PCLN_SLOT_NOTE_NAME;
  const uint64_t total = len + w->plan.note_pad;
  uint8_t *p = note + (w->plan.note_pad - pad); // zeros: padding
  pcln_store32(p, sizeof PCLN_SLOT_NOTE_NAME, w->elf->swap);
  pcln_store32(p + 4, (uint32_t)pad, w->elf->swap);
  pcln_store32(p + 8, PCLN_SLOT_NOTE_TYPE, w->elf->swap);
  memcpy(p + 12, PCLN_SLOT_NOTE_NAME, sizeof PCLN_SLOT_NOTE_NAME);
  return !w->plan.note_pad ||
         pcln_write_all(w->fd, note, total,
                        w->plan.note_off - w->plan.note_pad);
}

// The headers. Whichever write is the last that succeeds, the file is sound.
static enum pcln_status patch_headers(struct writer *w) {
  const struct pcln_elf_fields *f = w->plan.fields;
  uint8_t ehdr[sizeof(Elf64_Ehdr)];
  memcpy(ehdr, w->old_ehdr, sizeof ehdr);
  put_word(w->elf, ehdr + f->e_phoff, w->phdrs_off);
  pcln_store16(ehdr + f->e_phnum, (uint16_t)w->n_phdrs, w->elf->swap);
  if (w->sections_len) {
    const size_t n = w->plan.n_kept + w->n_add;
    const uint32_t names = w->plan.new_idx[w->plan.shstrndx];
    put_word(w->elf, ehdr + f->e_shoff, w->sections_off);
    pcln_store16(ehdr + f->e_shnum, n < SHN_LORESERVE ? (uint16_t)n : 0,
                 w->elf->swap);
    pcln_store16(ehdr + f->e_shstrndx,
                 names < SHN_LORESERVE ? (uint16_t)names : SHN_XINDEX,
                 w->elf->swap);
  }
  w->patched = true;
  if (!write_note(w, w->plan.note_pad))
    return io_failed(w);
  if (!w->plan.move_phdrs &&
      !pcln_write_all(w->fd, w->phdrs, w->n_phdrs * f->phdr_size,
                      w->plan.phoff))
    return io_failed(w);
  return pcln_write_all(w->fd, ehdr, f->ehdr_size, 0) ? PCLN_OK : io_failed(w);
}

// Puts a file that was written in place back as it was.
static void undo(const struct writer *w) {
  const struct pcln_elf_fields *f = w->plan.fields;
  bool ok = true;
  if (w->patched)
    ok = pcln_write_all(w->fd, w->old_ehdr, f->ehdr_size, 0) &&
         pcln_write_all(w->fd, w->old_phdrs, w->elf->n_segments * f->phdr_size,
                        w->plan.phoff) &&
         write_note(w, 0);
  if (!ok || ftruncate(w->fd, (off_t)w->elf->len) < 0)
    (void)fail(w, PCLN_IO, "file-undo",
               "the file could not be put back as it was; link it again");
}

// Sections that overlap, or that need one which was dropped, make a copy that
// nobody could read; then it must not take the file's place.
static enum pcln_status check_copy(const struct writer *w) {
  struct pcln_elf *copy;
  const enum pcln_status st = pcln_elf_open(w->tmp_path, NULL, &copy);
  pcln_elf_close(copy);
  return st == PCLN_OK || st == PCLN_NO_MEMORY
             ? st
             : fail(w, PCLN_CORRUPT, "elf-rewrite",
                    "the file cannot be rewritten: its sections overlap or "
                    "depend on debug sections");
}

// Closes the copy and gives it the file's name, or removes it.
static enum pcln_status finish_copy(struct writer *w, enum pcln_status st) {
  if (w->fd >= 0 && close(w->fd) < 0 && st == PCLN_OK)
    st = io_failed(w);
  if (st == PCLN_OK)
    st = check_copy(w);
  char *real = realpath(w->elf->path, NULL);
  if (st == PCLN_OK && (!real || rename(w->tmp_path, real) < 0))
    st = io_failed(w);
  if (st != PCLN_OK)
    unlink(w->tmp_path);
  free(real);
  free(w->tmp_path);
  return st;
}

static enum pcln_status finish_in_place(struct writer *w, enum pcln_status st) {
  if (w->fd < 0)
    return st;
  if (st != PCLN_OK)
    undo(w);
  if (close(w->fd) < 0 && st == PCLN_OK)
    st = io_failed(w);
  return st;
}

enum pcln_status pcln_elf_place(const struct pcln_elf *elf,
                                const struct pcln_link_options *o,
                                const struct pcln_sink *sink,
                                struct pcln_place *out) {
  struct pcln_elf_plan plan;
  enum pcln_status st = pcln_elf_plan_make(elf, o, sink, &plan);
  *out = (struct pcln_place){.va = plan.va,
                             .file_off = plan.file_off,
                             .replaces = plan.replaces,
                             .has_slot = plan.has_slot};
  pcln_elf_plan_free(&plan);
  return st;
}

enum pcln_status pcln_elf_embed(const struct pcln_elf *elf,
                                const struct pcln_place *place,
                                const uint8_t *bytes, size_t len,
                                const struct pcln_link_options *o,
                                const struct pcln_sink *sink) {
  struct writer w = {.elf = elf,
                     .sink = sink,
                     .o = o,
                     .blob = bytes,
                     .blob_len = len,
                     .fd = -1};
  enum pcln_status st = pcln_elf_plan_make(elf, o, sink, &w.plan);
  if (st == PCLN_OK &&
      (w.plan.va != place->va || w.plan.file_off != place->file_off))
    st = fail(&w, PCLN_CORRUPT, "elf-place",
              "the table was encoded for another place");
  if (st == PCLN_OK && !w.plan.has_slot && !w.plan.move_phdrs)
    st = fail(&w, PCLN_UNSUPPORTED, "no-slot", PCLN_NO_SLOT_TEXT);
  if (st == PCLN_OK && elf->ptr_size == 4 &&
      (w.plan.file_off + len > UINT32_MAX || w.plan.va + len > UINT32_MAX))
    st = fail(&w, PCLN_LIMIT, "elf-address-space",
              "the table does not fit into 32-bit addresses and offsets");
  if (st == PCLN_OK)
    st = make_phdrs(&w);
  if (st == PCLN_OK)
    st = make_sections(&w);
  if (st == PCLN_OK)
    st = open_output(&w);
  if (st == PCLN_OK)
    st = write_new(&w);
  if (st == PCLN_OK)
    st = patch_headers(&w);
  st = w.tmp_path ? finish_copy(&w, st) : finish_in_place(&w, st);
  free(w.phdrs);
  free(w.old_phdrs);
  free(w.names);
  free(w.sections);
  pcln_elf_plan_free(&w.plan);
  return st;
}

enum pcln_status pcln_elf_sidecar(const struct pcln_elf *elf, const char *path,
                                  const uint8_t *bytes, size_t len,
                                  const struct pcln_sink *sink) {
  if (!elf->build_id.len)
    return fail(&(struct writer){.elf = elf, .sink = sink}, PCLN_UNSUPPORTED,
                "sidecar-no-build-id", PCLN_NO_BUILD_ID_TEXT);
  struct pcln_replacement r;
  enum pcln_status st = pcln_replace_begin(&r, path, bytes, len, sink);
  if (st == PCLN_OK)
    st = pcln_replace_commit(&r, sink);
  pcln_replace_end(&r);
  return st;
}
