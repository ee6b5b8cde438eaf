// SPDX-License-Identifier: Apache-2.0
//
// Names for the stubs of procedure linkage tables.
//
// A stub loads an address from a slot of the GOT and jumps there; a dynamic
// relocation on that slot names the function. So a stub is recognised by its
// machine code, which gives the slot, and the slot's relocation gives the name.
// That holds for every layout that linkers have: lazy and not, .plt.sec with
// its landing pads, .plt.got, the 32-byte header of mold. Counting entries
// instead, as one reads elsewhere, would need to know each linker's layout.
//
// The exception are the entries of a lazy .plt beside a .plt.sec: they push the
// number of their relocation, which leads to the slot as well.
//
// One function per architecture knows the bytes, at the top of this file.
#include "src_plt.h"

#include "bytes.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  STEP = 8,              // bytes; stubs begin at multiples, or of 4 on AArch64
  NO_SYMBOL_NAME = 1024, // longest symbol name that is worth a stub's name
};

// --- Architectures ----------------------------------------------------------

// What a stub's code refers to.
struct ref {
  enum { REF_NONE, REF_SLOT, REF_INDEX } kind;
  uint64_t value; // address of the GOT slot, or number of the relocation
};

// x86: [endbr64] [mov $n, %r11d] [bnd] jmp *slot(%rip), or mov slot(%rip), %r11
// (retpolines); [endbr64] push $n ahead of a jump to the first entry. `got` is
// the base that the 32-bit position-independent form adds.
static struct ref ref_x86(const uint8_t *p, size_t left, uint64_t va,
                          uint64_t got, bool is64) {
  size_t i = 0;
  if (left >= 4 && p[0] == 0xf3 && p[1] == 0x0f && p[2] == 0x1e &&
      (p[3] == 0xfa || p[3] == 0xfb))
    i = 4;
  if (left - i >= 6 && p[i] == 0x41 && p[i + 1] == 0xbb)
    i += 6;
  if (left - i >= 5 && p[i] == 0x68)
    return (struct ref){REF_INDEX, pcln_load32(p + i + 1, false)};
  if (left - i >= 1 && p[i] == 0xf2)
    i++;
  const bool retpoline = left - i >= 7 && is64 && p[i] == 0x4c &&
                         p[i + 1] == 0x8b && p[i + 2] == 0x1d;
  i += retpoline;
  if (left - i < 6 || (!retpoline && p[i] != 0xff))
    return (struct ref){0};
  const uint32_t disp = pcln_load32(p + i + 2, false);
  if (is64 && (retpoline || p[i + 1] == 0x25))
    return (struct ref){REF_SLOT, va + i + 6 + (uint64_t)(int32_t)disp};
  if (!is64 && p[i + 1] == 0x25)
    return (struct ref){REF_SLOT, disp};
  if (!is64 && p[i + 1] == 0xa3 && got)
    return (struct ref){REF_SLOT, (uint32_t)(got + disp)};
  return (struct ref){0};
}

// AArch64: [bti c] adrp x16, page; ldr x17, [x16, #offset].
static struct ref ref_aarch64(const uint8_t *p, size_t left, uint64_t va) {
  // Instructions are little-endian whatever the data's byte order.
  const bool swap = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
  size_t i = left >= 4 && pcln_load32(p, swap) == 0xd503245f ? 4 : 0;
  if (left - i < 8)
    return (struct ref){0};
  const uint32_t adrp = pcln_load32(p + i, swap);
  const uint32_t ldr = pcln_load32(p + i + 4, swap);
  if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
    return (struct ref){0};
  const uint64_t pages = (uint64_t)(adrp >> 29 & 3) | (adrp >> 5 & 0x7ffff)
                                                          << 2;
  const uint64_t page = (pages ^ UINT64_C(0x100000)) - UINT64_C(0x100000);
  return (struct ref){REF_SLOT, ((va + i) & ~UINT64_C(0xfff)) + (page << 12) +
                                    (uint64_t)(ldr >> 10 & 0xfff) * 8};
}

// The header of AArch64's .plt has a stub's code behind this first
// instruction, which saves what the resolver needs.
static bool is_header(uint16_t machine, const uint8_t *p, size_t left) {
  const bool swap = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
  if (machine != EM_AARCH64 || left < 8)
    return false;
  const uint32_t stp = 0xa9bf7bf0; // stp x16, x30, [sp, #-16]!
  return pcln_load32(p, swap) == stp || pcln_load32(p + 4, swap) == stp;
}

static struct ref ref_at(uint16_t machine, const uint8_t *p, size_t left,
                         uint64_t va, uint64_t got) {
  switch (machine) {
  case EM_X86_64:
  case EM_386:
    return ref_x86(p, left, va, got, machine == EM_X86_64);
  case EM_AARCH64:
    return ref_aarch64(p, left, va);
  default:
    return (struct ref){0};
  }
}

// --- Finding stubs ----------------------------------------------------------

struct found {
  uint64_t va, slot;
  uint32_t size;
  const char *name; // null until its relocation is met
};

struct plt_job {
  struct pcln_elf *elf;
  struct pcln_arena *arena;
  const struct pcln_sink *sink;
  const char *(*name_at)(void *ctx, uint64_t va);
  void *ctx;
  uint64_t got;
  struct pcln_span jmprel; // relocations that lazy entries count
  uint64_t jmprel_entsize;
  struct found *found; // by slot, once all are there
  size_t n, cap;
};

static enum pcln_status add_found(struct plt_job *j, const struct found *f) {
  if (j->n == j->cap) {
    const size_t cap = j->cap ? j->cap * 2 : 256;
    struct found *v = realloc(j->found, cap * sizeof *v);
    if (!v)
      return PCLN_NO_MEMORY;
    j->found = v;
    j->cap = cap;
  }
  j->found[j->n++] = *f;
  return PCLN_OK;
}

// The slot that relocation number `idx` of the lazy table is about; 0: none.
static uint64_t slot_of_index(const struct plt_job *j, uint64_t idx) {
  if (j->elf->machine == EM_386) // pushes the offset, not the number
    idx /= j->jmprel_entsize ? j->jmprel_entsize : 1;
  struct pcln_cursor c =
      pcln_cursor_at(j->jmprel.ptr, j->jmprel.len, j->elf->swap);
  pcln_seek(&c, idx * j->jmprel_entsize);
  return pcln_uint(&c, j->elf->ptr_size);
}

// Stubs of one section. A stub reaches to the next; what stands before the
// first one of a .plt is the entry of the lazy resolver.
static enum pcln_status scan_section(struct plt_job *j,
                                     const struct pcln_elf_section *sec) {
  struct pcln_span text;
  enum pcln_status status = pcln_elf_content(j->elf, sec, j->sink, &text);
  if (status != PCLN_OK || !text.ptr)
    return status;
  const uint16_t machine = j->elf->machine;
  const size_t step = machine == EM_AARCH64 ? 4 : STEP;
  const size_t first = j->n;
  size_t pos = is_header(machine, text.ptr, text.len) ? 32 : 0;
  for (; pos < text.len && status == PCLN_OK; pos += step) {
    const uint64_t va = sec->va + pos;
    const struct ref r =
        ref_at(machine, text.ptr + pos, text.len - pos, va, j->got);
    if (r.kind == REF_NONE)
      continue;
    const uint64_t slot =
        r.kind == REF_SLOT ? r.value : slot_of_index(j, r.value);
    if (j->n > first)
      j->found[j->n - 1].size = (uint32_t)(va - j->found[j->n - 1].va);
    else if (va > sec->va && strcmp(sec->name, ".plt") == 0)
      status = add_found(j, &(struct found){.va = sec->va,
                                            .size = (uint32_t)pos,
                                            .name = "PLT0@plt"});
    if (status == PCLN_OK)
      status = add_found(j, &(struct found){.va = va, .slot = slot});
    if (machine == EM_AARCH64)
      pos += 8; // the landing pad's stub must not be found twice
  }
  if (j->n > first && !j->found[j->n - 1].size)
    j->found[j->n - 1].size =
        (uint32_t)(sec->va + text.len - j->found[j->n - 1].va);
  return status;
}

static bool is_plt(const struct pcln_elf_section *sec) {
  return sec->flags & SHF_EXECINSTR && sec->type == SHT_PROGBITS &&
         (strncmp(sec->name, ".plt", 4) == 0 || !strcmp(sec->name, ".iplt"));
}

// --- Naming them ------------------------------------------------------------

static int found_order(const void *x, const void *y) {
  const struct found *a = x, *b = y;
  if (a->slot != b->slot)
    return a->slot < b->slot ? -1 : 1;
  return (a->va > b->va) - (a->va < b->va);
}

static struct found *first_at_slot(const struct plt_job *j, uint64_t slot) {
  size_t lo = 0, hi = j->n;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (j->found[mid].slot < slot)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < j->n && j->found[lo].slot == slot ? &j->found[lo] : NULL;
}

// Name of symbol `idx` of the table in section `symtab`; null: none.
static const char *symbol_name(struct plt_job *j, uint32_t symtab,
                               uint64_t idx) {
  struct pcln_span syms, strs;
  if (idx == 0 || symtab == 0 || symtab >= j->elf->n_sections)
    return NULL;
  const struct pcln_elf_section *sec = &j->elf->sections[symtab];
  if (sec->link >= j->elf->n_sections ||
      pcln_elf_content(j->elf, sec, j->sink, &syms) != PCLN_OK ||
      pcln_elf_content(j->elf, &j->elf->sections[sec->link], j->sink, &strs) !=
          PCLN_OK)
    return NULL;
  struct pcln_cursor c = pcln_cursor_at(syms.ptr, syms.len, j->elf->swap);
  pcln_seek(&c, idx * (j->elf->ptr_size == 8 ? sizeof(Elf64_Sym)
                                             : sizeof(Elf32_Sym)));
  const uint32_t off = pcln_u32(&c);
  struct pcln_cursor s = pcln_cursor_at(strs.ptr, strs.len, j->elf->swap);
  pcln_seek(&s, off);
  const char *name = c.failed || s.failed ? NULL : pcln_cstr(&s, NULL);
  return name && name[0] ? name : NULL;
}

// "name@plt" for every stub of the slot.
static enum pcln_status name_slot(struct plt_job *j, struct found *f,
                                  const char *name) {
  char buf[NO_SYMBOL_NAME + 8];
  if (!name)
    return PCLN_OK;
  const int len = snprintf(buf, sizeof buf, "%.*s@plt", NO_SYMBOL_NAME, name);
  const char *copy = pcln_arena_strdup(j->arena, buf, (size_t)len);
  if (!copy)
    return PCLN_NO_MEMORY;
  for (const uint64_t slot = f->slot; f < j->found + j->n && f->slot == slot;
       f++)
    f->name = copy;
  return PCLN_OK;
}

// One relocation section: those of its entries that are about a stub's slot.
static enum pcln_status match_relocations(struct plt_job *j,
                                          const struct pcln_elf_section *sec) {
  struct pcln_span bytes;
  enum pcln_status status = pcln_elf_content(j->elf, sec, j->sink, &bytes);
  if (status != PCLN_OK || !bytes.ptr || !j->n)
    return status;
  const uint8_t p = j->elf->ptr_size;
  const bool rela = sec->type == SHT_RELA;
  uint64_t lo = 0; // the lowest slot; resolver entries, with slot 0, come first
  for (size_t i = 0; i < j->n && !lo; i++)
    lo = j->found[i].slot;
  const uint64_t hi = j->found[j->n - 1].slot;
  struct pcln_cursor c = pcln_cursor_at(bytes.ptr, bytes.len, j->elf->swap);
  while (pcln_left(&c) >= p * (rela ? 3u : 2u) && status == PCLN_OK) {
    const uint64_t slot = pcln_uint(&c, p), info = pcln_uint(&c, p);
    uint64_t addend = rela ? pcln_uint(&c, p) : 0;
    if (slot < lo || slot > hi)
      continue;
    struct found *f = first_at_slot(j, slot);
    if (!f || f->name)
      continue;
    const char *name =
        symbol_name(j, sec->link, p == 8 ? info >> 32 : info >> 8);
    if (!name && !rela) {
      const struct pcln_span at = pcln_elf_at(j->elf, slot);
      if (at.len >= p)
        addend = p == 8 ? pcln_load64(at.ptr, j->elf->swap)
                        : pcln_load32(at.ptr, j->elf->swap);
    }
    status = name_slot(j, f, name ? name : j->name_at(j->ctx, addend));
  }
  return status;
}

static enum pcln_status scan_sections(struct plt_job *j) {
  const struct pcln_elf *elf = j->elf;
  enum pcln_status status = PCLN_OK;
  for (size_t i = 1; i < elf->n_sections && status == PCLN_OK; i++) {
    const struct pcln_elf_section *sec = &elf->sections[i];
    if (is_plt(sec))
      status = scan_section(j, sec);
  }
  if (status != PCLN_OK || !j->n)
    return status;
  qsort(j->found, j->n, sizeof *j->found, found_order);
  for (size_t i = 1; i < elf->n_sections && status == PCLN_OK; i++) {
    const struct pcln_elf_section *sec = &elf->sections[i];
    if ((sec->type == SHT_RELA || sec->type == SHT_REL) &&
        sec->flags & SHF_ALLOC)
      status = match_relocations(j, sec);
  }
  return status;
}

// What lazy entries count, and what 32-bit stubs are relative to.
static enum pcln_status find_tables(struct plt_job *j) {
  const struct pcln_elf_section *got = pcln_elf_find(j->elf, ".got.plt");
  if (!got)
    got = pcln_elf_find(j->elf, ".got");
  j->got = got ? got->va : 0;
  const struct pcln_elf_section *rel = pcln_elf_find(j->elf, ".rela.plt");
  if (!rel)
    rel = pcln_elf_find(j->elf, ".rel.plt");
  if (!rel)
    return PCLN_OK;
  j->jmprel_entsize =
      (uint64_t)j->elf->ptr_size * (rel->type == SHT_RELA ? 3 : 2);
  return pcln_elf_content(j->elf, rel, j->sink, &j->jmprel);
}

// --- Interface --------------------------------------------------------------

enum pcln_status pcln_src_plt(struct pcln_elf *elf, struct pcln_arena *arena,
                              const char *(*name_at)(void *ctx, uint64_t va),
                              void *ctx, const struct pcln_sink *sink,
                              struct pcln_plt_stubs *out) {
  struct plt_job j = {
      .elf = elf, .arena = arena, .sink = sink, .name_at = name_at, .ctx = ctx};
  *out = (struct pcln_plt_stubs){0};
  enum pcln_status status = find_tables(&j);
  if (status == PCLN_OK)
    status = scan_sections(&j);
  if (status == PCLN_OK && j.n) {
    out->stubs = malloc(j.n * sizeof *out->stubs);
    if (!out->stubs)
      status = PCLN_NO_MEMORY;
  }
  for (size_t i = 0; i < j.n && out->stubs; i++) {
    const struct found *f = &j.found[i];
    if (f->size)
      out->stubs[out->n++] =
          (struct pcln_plt_stub){.va = f->va, .size = f->size, .name = f->name};
  }
  free(j.found);
  return status;
}
