// SPDX-License-Identifier: Apache-2.0
//
// Where the table goes in a linked file, and what must move for it.
//
// A segment needs a program header, and program headers stand at the file's
// start with no room behind them. So the linker plugin adds an object with a
// note of our own, of an alignment nobody else uses: gold, GNU ld and lld give
// it a PT_NOTE of its own, and that program header becomes the table's PT_LOAD.
// No other layout changes, so nothing that was linked has to be moved.
//
// The segment's address lies above every other segment's end, on a page of its
// own, and is congruent to the file offset modulo the page size, as loaders
// demand. The offset is the end of the file: no padding to the next page.
//
// Without a slot, on request, the whole table of program headers moves behind
// the blob. Kernels before 5.18 tell a program the address of its program
// headers as "load address + e_phoff", so address minus offset must then be
// that of the first segment: the file gets a gap (sparse) where .bss is.
#include "elf_plan.h"

#include "bytes.h"

#include <elf.h>
#include <stddef.h>
#include <stdlib.h>

enum {
  MIN_PAGE = 4096,
  BLOB_ALIGN = 64, // of the file offset: one cache line
  NOTE_ALIGN = 16, // of the reserving note
};
#define MAX_GAP (UINT64_C(1) << 32) // bytes of sparse file for moved headers

#define FIELDS(bits)                                                           \
  {                                                                            \
    .ehdr_size = sizeof(Elf##bits##_Ehdr),                                     \
    .phdr_size = sizeof(Elf##bits##_Phdr),                                     \
    .shdr_size = sizeof(Elf##bits##_Shdr),                                     \
    .sym_size = sizeof(Elf##bits##_Sym),                                       \
    .e_phoff = offsetof(Elf##bits##_Ehdr, e_phoff),                            \
    .e_shoff = offsetof(Elf##bits##_Ehdr, e_shoff),                            \
    .e_phnum = offsetof(Elf##bits##_Ehdr, e_phnum),                            \
    .e_shnum = offsetof(Elf##bits##_Ehdr, e_shnum),                            \
    .e_shstrndx = offsetof(Elf##bits##_Ehdr, e_shstrndx),                      \
    .p_flags = offsetof(Elf##bits##_Phdr, p_flags),                            \
    .p_off = offsetof(Elf##bits##_Phdr, p_offset),                             \
    .p_va = offsetof(Elf##bits##_Phdr, p_vaddr),                               \
    .p_pa = offsetof(Elf##bits##_Phdr, p_paddr),                               \
    .p_filesz = offsetof(Elf##bits##_Phdr, p_filesz),                          \
    .p_memsz = offsetof(Elf##bits##_Phdr, p_memsz),                            \
    .p_align = offsetof(Elf##bits##_Phdr, p_align),                            \
    .sh_flags = offsetof(Elf##bits##_Shdr, sh_flags),                          \
    .sh_va = offsetof(Elf##bits##_Shdr, sh_addr),                              \
    .sh_off = offsetof(Elf##bits##_Shdr, sh_offset),                           \
    .sh_size = offsetof(Elf##bits##_Shdr, sh_size),                            \
    .sh_link = offsetof(Elf##bits##_Shdr, sh_link),                            \
    .sh_info = offsetof(Elf##bits##_Shdr, sh_info),                            \
    .sh_align = offsetof(Elf##bits##_Shdr, sh_addralign),                      \
    .st_shndx = offsetof(Elf##bits##_Sym, st_shndx),                           \
  }
static const struct pcln_elf_fields fields32 = FIELDS(32);
static const struct pcln_elf_fields fields64 = FIELDS(64);

static enum pcln_status fault(const struct pcln_elf *elf,
                              const struct pcln_sink *sink,
                              enum pcln_status status, const char *name,
                              const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = name,
                                       .file = elf->path,
                                       .text = text});
  return status;
}

static uint64_t align_up(uint64_t v, uint64_t align) {
  return (v + align - 1) & ~(align - 1);
}

bool pcln_elf_is_debug(const struct pcln_elf_section *s) {
  static const char *const prefixes[] = {".debug_", ".zdebug_", ".gdb_index",
                                         ".rel.debug_", ".rela.debug_"};
  if (s->flags & SHF_ALLOC)
    return false;
  for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
    if (!strncmp(s->name, prefixes[i], strlen(prefixes[i])))
      return true;
  return false;
}

// --- What the file is -------------------------------------------------------

static uint64_t field(const struct pcln_elf *elf, uint8_t off, unsigned size) {
  struct pcln_cursor c = pcln_cursor_at(elf->bytes, elf->len, elf->swap);
  pcln_seek(&c, off);
  return pcln_uint(&c, size);
}

static void read_offsets(const struct pcln_elf *elf,
                         struct pcln_elf_plan *plan) {
  plan->fields = elf->ptr_size == 8 ? &fields64 : &fields32;
  plan->phoff = field(elf, plan->fields->e_phoff, elf->ptr_size);
  plan->shoff = field(elf, plan->fields->e_shoff, elf->ptr_size);
  plan->shstrndx = (uint32_t)field(elf, plan->fields->e_shstrndx, 2);
  if (!elf->n_sections) {
    plan->shoff = plan->shstrndx = 0;
  } else if (plan->shstrndx == SHN_XINDEX) { // checked by pcln_elf_open()
    struct pcln_cursor c = pcln_cursor_at(elf->bytes, elf->len, elf->swap);
    pcln_seek(&c, plan->shoff + plan->fields->sh_link);
    plan->shstrndx = pcln_u32(&c);
  }
}

static enum pcln_status check_kind(const struct pcln_elf *elf,
                                   const struct pcln_sink *sink) {
  if (elf->type != ET_EXEC && elf->type != ET_DYN)
    return fault(elf, sink, PCLN_UNSUPPORTED, "elf-type",
                 "only a linked program or shared object can take a table");
  size_t n_loads = 0;
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    if (p->type != PT_LOAD)
      continue;
    n_loads++;
    if (p->off > elf->len || p->filesz > elf->len - p->off ||
        p->memsz > UINT64_MAX - p->va)
      return fault(elf, sink, PCLN_CORRUPT, "elf-segment-bounds",
                   "a segment lies outside the file; is the file truncated, or "
                   "a file of debug information alone?");
    if (p->align & (p->align - 1))
      return fault(elf, sink, PCLN_CORRUPT, "elf-segment-align",
                   "a segment's alignment is not a power of two");
  }
  for (size_t i = 1; i < elf->n_sections; i++)
    if (elf->sections[i].flags & SHF_EXECINSTR &&
        elf->sections[i].type == SHT_NOBITS)
      return fault(elf, sink, PCLN_UNSUPPORTED, "elf-debug-file",
                   "this file holds debug information alone; name the program "
                   "it belongs to");
  if (!n_loads)
    return fault(elf, sink, PCLN_UNSUPPORTED, "elf-type",
                 "the file has no segment that is loaded");
  return PCLN_OK;
}

// The headers that are patched must be nobody else's bytes.
static enum pcln_status check_headers(const struct pcln_elf *elf,
                                      const struct pcln_elf_plan *plan,
                                      const struct pcln_sink *sink) {
  const uint64_t end = plan->phoff + elf->n_segments * plan->fields->phdr_size;
  bool sound = plan->phoff >= plan->fields->ehdr_size;
  for (size_t i = 1; i < elf->n_sections && sound; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (s->type == SHT_NOBITS || !s->size)
      continue;
    const bool in_header = s->file_off < plan->fields->ehdr_size;
    const bool in_phdrs =
        s->file_off < end && s->file_off + s->size > plan->phoff;
    sound = !in_header && !in_phdrs;
  }
  return sound ? PCLN_OK
               : fault(elf, sink, PCLN_CORRUPT, "elf-headers-overlap",
                       "the program headers lie in the file header or in a "
                       "section");
}

// --- The slot ---------------------------------------------------------------

// A segment that an earlier run made: it begins with our module header, which
// repeats the segment's address.
static bool is_our_table(const struct pcln_elf *elf,
                         const struct pcln_elf_segment *p) {
  if (p->type != PT_LOAD || p->filesz < PCLN_MOD_SIZE)
    return false;
  struct pcln_cursor c = pcln_cursor_at(elf->bytes, elf->len, elf->swap);
  pcln_seek(&c, p->off);
  const uint8_t *magic = pcln_take(&c, 8);
  pcln_skip(&c, PCLN_MOD_HEADER_VA - 8);
  return magic && !memcmp(magic, PCLN_MODULE_MAGIC, 8) &&
         pcln_u64(&c) == p->va && !c.failed;
}

// A PT_NOTE that holds our note and no other.
static bool is_slot(const struct pcln_elf *elf,
                    const struct pcln_elf_segment *p) {
  const uint32_t name_len = sizeof PCLN_SLOT_NOTE_NAME;
  if (p->type != PT_NOTE || p->filesz < 12 + name_len ||
      p->filesz > 12 + name_len + 16)
    return false;
  struct pcln_cursor c = pcln_cursor_at(elf->bytes, elf->len, elf->swap);
  pcln_seek(&c, p->off);
  const bool sizes = pcln_u32(&c) == name_len && pcln_u32(&c) == 0;
  const bool type = pcln_u32(&c) == PCLN_SLOT_NOTE_TYPE;
  const uint8_t *name = pcln_take(&c, name_len);
  return sizes && type && name && !memcmp(name, PCLN_SLOT_NOTE_NAME, name_len);
}

static void find_slot(const struct pcln_elf *elf,
                      const struct pcln_link_options *o,
                      struct pcln_elf_plan *plan) {
  for (size_t pass = 0; pass < 2 && !plan->has_slot; pass++)
    for (size_t i = 0; i < elf->n_segments && !plan->has_slot; i++)
      if (pass == 0 ? is_our_table(elf, &elf->segments[i])
                    : is_slot(elf, &elf->segments[i])) {
        plan->slot = i;
        plan->has_slot = true;
        plan->replaces = pass == 0;
      }
  // Headers that an earlier run moved go with the table that is replaced.
  plan->move_phdrs =
      plan->has_slot
          ? plan->replaces && plan->phoff >= elf->segments[plan->slot].off
          : o->move_phdrs;
}

// gold puts the reserving note between others, after padding to its alignment,
// and spans all of them with one PT_NOTE. Readers of that segment take padding
// for a note and lose their way: the build-id behind it would be hidden. So the
// padding becomes part of our note, as its descriptor.
static void find_note_padding(const struct pcln_elf *elf,
                              struct pcln_elf_plan *plan) {
  if (!plan->has_slot || plan->replaces)
    return;
  const uint64_t at = elf->segments[plan->slot].off;
  uint64_t before = 0; // where the last section in front of it ends
  bool spanned = false;
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    spanned |= p->type == PT_NOTE && p->off < at && p->filesz > at - p->off;
  }
  for (size_t i = 1; i < elf->n_sections; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (s->type == SHT_NOTE && s->file_off < at &&
        s->file_off + s->size > before)
      before = s->file_off + s->size;
  }
  plan->note_off = at;
  if (!spanned || before > at || at - before >= NOTE_ALIGN || at - before < 4)
    return;
  for (uint64_t off = before; off < at; off++)
    if (elf->bytes[off])
      return;
  plan->note_pad = (at - before) & ~UINT64_C(3);
}

// --- Sections: what stays ---------------------------------------------------

// Whether `s` describes the table that is replaced.
static bool is_old_table(const struct pcln_elf *elf,
                         const struct pcln_elf_plan *plan,
                         const struct pcln_elf_section *s) {
  if (!plan->replaces || !(s->flags & SHF_ALLOC))
    return false;
  const struct pcln_elf_segment *p = &elf->segments[plan->slot];
  return s->va >= p->va && s->va - p->va < p->memsz;
}

static void number_sections(const struct pcln_elf *elf,
                            const struct pcln_link_options *o,
                            struct pcln_elf_plan *plan) {
  uint32_t next = 0;
  for (size_t i = 0; i < elf->n_sections; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    plan->drop[i] = i && (is_old_table(elf, plan, s) ||
                          (o->strip_debug && pcln_elf_is_debug(s)));
    plan->new_idx[i] = plan->drop[i] ? 0 : next++;
    plan->new_off[i] = s->file_off;
  }
  plan->n_kept = next;
}

// The end of what is loaded or must stay for another reason; the table that is
// replaced aside.
static uint64_t loaded_end(const struct pcln_elf *elf,
                           const struct pcln_elf_plan *plan) {
  uint64_t end = plan->fields->ehdr_size;
  if (!plan->move_phdrs)
    end = plan->phoff + elf->n_segments * plan->fields->phdr_size;
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    if (!(plan->replaces && i == plan->slot) && p->type != PT_PHDR &&
        p->filesz && p->off + p->filesz > end && p->off + p->filesz <= elf->len)
      end = p->off + p->filesz;
  }
  return end;
}

// Whether nothing but our own work and the tables that we write anew lies
// behind the old blob: then a second run only replaces the file's end, and
// gives the same bytes as the first.
static bool old_table_is_last(const struct pcln_elf *elf,
                              const struct pcln_elf_plan *plan) {
  const uint64_t off = elf->segments[plan->slot].off;
  for (size_t i = 1; i < elf->n_sections; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (!plan->drop[i] && i != plan->shstrndx && s->type != SHT_NOBITS &&
        s->file_off + s->size > off)
      return false;
  }
  return loaded_end(elf, plan) <= off;
}

static int by_offset(const void *a, const void *b) {
  const struct pcln_elf_section *x = *(const struct pcln_elf_section *const *)a;
  const struct pcln_elf_section *y = *(const struct pcln_elf_section *const *)b;
  if (x->file_off != y->file_off)
    return x->file_off < y->file_off ? -1 : 1;
  return (x->idx > y->idx) - (x->idx < y->idx);
}

// Closes up the kept sections behind the prefix; returns where they end.
static enum pcln_status close_up(const struct pcln_elf *elf,
                                 struct pcln_elf_plan *plan, uint64_t *end) {
  const struct pcln_elf_section **order =
      malloc((elf->n_sections + 1) * sizeof *order);
  if (!order)
    return PCLN_NO_MEMORY;
  size_t n = 0;
  for (size_t i = 1; i < elf->n_sections; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (!plan->drop[i] && i != plan->shstrndx && s->type != SHT_NOBITS &&
        s->file_off >= plan->prefix)
      order[n++] = s;
  }
  qsort(order, n, sizeof *order, by_offset);
  *end = plan->prefix;
  for (size_t i = 0; i < n; i++) {
    const uint64_t a = order[i]->align;
    if (a > 1 && !(a & (a - 1)) && a <= MIN_PAGE)
      *end = align_up(*end, a);
    plan->new_off[order[i]->idx] = *end;
    *end += order[i]->size;
  }
  free(order);
  return PCLN_OK;
}

// Decides between in place and rewritten; *body_end: where the blob may go.
static enum pcln_status plan_body(const struct pcln_elf *elf,
                                  const struct pcln_link_options *o,
                                  struct pcln_elf_plan *plan,
                                  uint64_t *body_end) {
  *body_end = elf->len;
  plan->drop = calloc(elf->n_sections + 1, sizeof *plan->drop);
  plan->new_idx = calloc(elf->n_sections + 1, sizeof *plan->new_idx);
  plan->new_off = calloc(elf->n_sections + 1, sizeof *plan->new_off);
  if (!plan->drop || !plan->new_idx || !plan->new_off)
    return PCLN_NO_MEMORY;
  number_sections(elf, o, plan);
  plan->rewrite = plan->replaces || o->strip_debug;
  if (!plan->rewrite)
    return PCLN_OK;
  if (plan->replaces && !o->strip_debug && old_table_is_last(elf, plan)) {
    *body_end = plan->prefix = elf->segments[plan->slot].off;
    return PCLN_OK;
  }
  plan->prefix = loaded_end(elf, plan);
  return close_up(elf, plan, body_end);
}

// --- The address ------------------------------------------------------------

static enum pcln_status plan_address(const struct pcln_elf *elf,
                                     const struct pcln_sink *sink,
                                     uint64_t body_end,
                                     struct pcln_elf_plan *plan) {
  const struct pcln_elf_segment *first = NULL;
  uint64_t va_end = 0;
  plan->align = MIN_PAGE;
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    if (p->type != PT_LOAD || (plan->replaces && i == plan->slot))
      continue;
    if (!first)
      first = p;
    if (p->va + p->memsz > va_end)
      va_end = p->va + p->memsz;
    if (p->align > plan->align)
      plan->align = p->align;
  }
  const uint64_t top = elf->ptr_size == 8 ? UINT64_MAX : UINT32_MAX;
  if (!first || va_end > top - 2 * plan->align)
    return fault(elf, sink, PCLN_LIMIT, "elf-address-space",
                 "no address is left above the file's segments");
  plan->file_off = align_up(body_end, BLOB_ALIGN);
  plan->va = align_up(va_end, plan->align);
  if (!plan->move_phdrs) {
    plan->va += plan->file_off & (plan->align - 1);
    return PCLN_OK;
  }
  const uint64_t bias = first->va - first->off;
  const uint64_t off = plan->va - bias;
  if (plan->va < bias || off > body_end + MAX_GAP)
    return fault(elf, sink, PCLN_LIMIT, "elf-move-phdrs",
                 "the program headers cannot move: the segments are too far "
                 "apart; link with the plugin, or use a sidecar");
  if (off > plan->file_off)
    plan->file_off = off;
  plan->file_off = align_up(plan->file_off, plan->align);
  plan->va = plan->file_off + bias;
  return PCLN_OK;
}

enum pcln_status pcln_elf_plan_make(const struct pcln_elf *elf,
                                    const struct pcln_link_options *o,
                                    const struct pcln_sink *sink,
                                    struct pcln_elf_plan *plan) {
  *plan = (struct pcln_elf_plan){0};
  uint64_t body_end = 0;
  read_offsets(elf, plan);
  enum pcln_status st = check_kind(elf, sink);
  if (st == PCLN_OK)
    st = check_headers(elf, plan, sink);
  if (st == PCLN_OK)
    find_slot(elf, o, plan);
  if (st == PCLN_OK)
    find_note_padding(elf, plan);
  if (st == PCLN_OK)
    st = plan_body(elf, o, plan, &body_end);
  if (st == PCLN_NO_MEMORY)
    return fault(elf, sink, st, "no-memory", pcln_status_text(st));
  if (st == PCLN_OK)
    st = plan_address(elf, sink, body_end, plan);
  return st;
}

void pcln_elf_plan_free(struct pcln_elf_plan *plan) {
  free(plan->drop);
  free(plan->new_idx);
  free(plan->new_off);
  *plan = (struct pcln_elf_plan){0};
}
