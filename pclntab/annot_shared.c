// SPDX-License-Identifier: Apache-2.0
//
// Variables that move. A program that is not position-independent takes a
// variable of a shared library by a copy relocation: the dynamic linker then
// gives it a place in the program, which the library uses as well, and the
// place that the library's table names is never looked at again. So the
// program's table lists the copy; what is in it, the library's table says.
#include "annot_inputs.h"

#include "bytes.h"
#include "roots_table.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

// --- Libraries --------------------------------------------------------------

static enum pcln_status append(struct pcln_annot_inputs *in,
                               const struct pcln_elf_symbol *s,
                               const struct pcln_root *r) {
  if (in->n_shared == in->cap_shared) {
    const size_t cap = in->cap_shared ? in->cap_shared * 2 : 16;
    struct pcln_annot_shared *grown = realloc(in->shared, cap * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    in->shared = grown;
    in->cap_shared = cap;
  }
  const char *name = pcln_arena_strdup(&in->arena, s->name, strlen(s->name));
  const char *codes =
      pcln_arena_strdup(&in->arena, (const char *)r->codes.ptr, r->codes.len);
  if (!name || !codes)
    return PCLN_NO_MEMORY;
  in->shared[in->n_shared++] =
      (struct pcln_annot_shared){.name = name,
                                 .off = r->va - s->va,
                                 .n_words = r->n_words,
                                 .repeat = r->repeat,
                                 .codes = (const uint8_t *)codes};
  return PCLN_OK;
}

// Every name that the library gives to the variable.
static enum pcln_status add_root(struct pcln_annot_inputs *in,
                                 const struct pcln_elf *library,
                                 const struct pcln_root *r) {
  enum pcln_status st = PCLN_OK;
  for (size_t i = 0; i < library->n_symbols && st == PCLN_OK; i++) {
    const struct pcln_elf_symbol *s = &library->symbols[i];
    if (s->dynamic && s->type == STT_OBJECT && s->shndx != SHN_UNDEF &&
        r->va >= s->va && r->va - s->va < s->size)
      st = append(in, s, r);
  }
  return st;
}

enum pcln_status pcln_annot_inputs_add_shared(struct pcln_annot_inputs *in,
                                              struct pcln_elf *library) {
  const struct pcln_elf_section *sec = pcln_elf_find(library, PCLN_SECTION);
  struct pcln_span bytes;
  struct pcln_table t;
  struct pcln_root_iter it;
  struct pcln_root r;
  // A library without a table, or with a damaged one, is reported where it is
  // made or used.
  if (!sec || pcln_elf_content(library, sec, NULL, &bytes) != PCLN_OK ||
      pcln_open(&t, bytes.ptr, bytes.len, NULL, NULL) != PCLN_OK)
    return PCLN_OK;
  enum pcln_status st = PCLN_OK;
  pcln_roots_begin(&t, &it);
  while (st == PCLN_OK && pcln_roots_next(&it, &r))
    if (!r.tls)
      st = add_root(in, library, &r);
  return st;
}

// --- Copies -----------------------------------------------------------------

// The machine's number of a copy relocation; 0: not known.
static uint32_t copy_type(uint16_t machine) {
  switch (machine) {
  case EM_386:
    return R_386_COPY;
  case EM_X86_64:
    return R_X86_64_COPY;
  case EM_AARCH64:
    return R_AARCH64_COPY;
  default:
    return 0;
  }
}

// The symbol that has the value `va` and is called so.
static bool is_name(const struct pcln_elf *elf, uint64_t va, const char *name) {
  for (size_t i = 0; i < elf->n_symbols; i++)
    if (elf->symbols[i].va == va && elf->symbols[i].dynamic &&
        strcmp(elf->symbols[i].name, name) == 0)
      return true;
  return false;
}

static enum pcln_status copy_at(const struct pcln_elf *elf,
                                const struct pcln_annot_inputs *in, uint64_t va,
                                pcln_annot_copy_fn fn, void *ctx) {
  enum pcln_status st = PCLN_OK;
  for (size_t i = 0; i < in->n_shared && st == PCLN_OK; i++)
    if (is_name(elf, va, in->shared[i].name))
      st = fn(ctx, &in->shared[i], va + in->shared[i].off);
  return st;
}

enum pcln_status pcln_annot_copies(struct pcln_elf *elf,
                                   const struct pcln_annot_inputs *in,
                                   const struct pcln_sink *sink,
                                   pcln_annot_copy_fn fn, void *ctx) {
  const unsigned p = elf->ptr_size;
  enum pcln_status st = PCLN_OK;
  for (size_t i = 1; i < elf->n_sections && in->n_shared && st == PCLN_OK;
       i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    const bool rela = s->type == SHT_RELA;
    struct pcln_span bytes;
    if ((!rela && s->type != SHT_REL) || !(s->flags & SHF_ALLOC))
      continue;
    st = pcln_elf_content(elf, s, sink, &bytes);
    if (st != PCLN_OK)
      break;
    struct pcln_cursor c = pcln_cursor_at(bytes.ptr, bytes.len, elf->swap);
    while (st == PCLN_OK && pcln_left(&c) >= p * (rela ? 3u : 2u)) {
      const uint64_t va = pcln_uint(&c, p), info = pcln_uint(&c, p);
      const uint32_t type = p == 8 ? (uint32_t)info : (uint8_t)info;
      if (rela)
        (void)pcln_uint(&c, p);
      if (type && type == copy_type(elf->machine))
        st = copy_at(elf, in, va, fn, ctx);
    }
  }
  return st;
}
