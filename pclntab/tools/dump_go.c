// SPDX-License-Identifier: Apache-2.0
//
// A Go program keeps part of what its table means outside of the table: where
// text begins (since go1.18, and from 1.26 on nowhere else), where funcdata
// lies, and the findfunctab. The linker's record of them is the runtime's
// "moduledata", whose first word is the address of the table; so it can be
// found in a stripped program too, by looking for that word. In an unstripped
// one the symbols say it more plainly and are asked first.
//
// In a position-independent program these words are relocations. Some
// architectures also store the value in place, others do not; so a word is what
// the relocation at its address says, else what is stored.
#include "dump.h"

#include "bytes.h"

#include <string.h>

// Words of moduledata, counted in pointers. Offsets of the releases are in
// docs/format.md, "Go's own programs".
enum {
  MD_TABLE = 0,
  MD_FINDFUNCTAB = 19, // go1.16 on
  MD_TEXT = 22,        // go1.16 on
  MD_GOFUNC_118 = 38,
  MD_GOFUNC_120 = 40,
};

struct go_image {
  struct pcln_elf *elf;
  struct pcln_span relas; // the dynamic relocations with addends
  uint64_t moduledata;    // address; 0: not found
  unsigned tries;         // candidates for moduledata that were looked at
};

// Each candidate costs a walk over all relocations. A real file has a handful
// of words that hold the table's address; one that has more was made to keep
// us busy.
enum { MAX_TRIES = 100 };

static const struct pcln_elf_symbol *find_symbol(const struct pcln_elf *elf,
                                                 const char *name) {
  for (size_t i = 0; i < elf->n_symbols; i++)
    if (strcmp(elf->symbols[i].name, name) == 0)
      return &elf->symbols[i];
  return NULL;
}

static uint64_t symbol_va(const struct pcln_elf *elf, const char *name) {
  const struct pcln_elf_symbol *s = find_symbol(elf, name);
  return s ? s->va : 0;
}

// --- Relocated words --------------------------------------------------------

struct rela {
  uint64_t va, addend;
};

static bool next_rela(const struct go_image *g, struct pcln_cursor *c,
                      struct rela *out) {
  const unsigned p = g->elf->ptr_size;
  out->va = pcln_uint(c, p);
  (void)pcln_uint(c, p); // symbol and type: only RELATIVE ones matter here
  out->addend = pcln_uint(c, p);
  return !c->failed;
}

static struct pcln_cursor relas(const struct go_image *g) {
  return pcln_cursor_at(g->relas.ptr, g->relas.len, g->elf->swap);
}

static uint64_t word_at(const struct go_image *g, uint64_t va) {
  struct pcln_cursor c = relas(g);
  for (struct rela r; next_rela(g, &c, &r);)
    if (r.va == va)
      return r.addend;
  const struct pcln_span bytes = pcln_elf_at(g->elf, va);
  c = pcln_cursor_at(bytes.ptr, bytes.len, g->elf->swap);
  return pcln_uint(&c, g->elf->ptr_size);
}

static uint64_t module_word(const struct go_image *g, unsigned word) {
  return word_at(g, g->moduledata + (uint64_t)word * g->elf->ptr_size);
}

// --- moduledata -------------------------------------------------------------

// The address of text's first byte, if moduledata is at `va`; else 0. A word
// that merely looks like the table's address is followed by other things.
static uint64_t text_of(struct go_image *g, uint64_t va, uint64_t table) {
  const struct go_image at = {
      .elf = g->elf, .relas = g->relas, .moduledata = va};
  if (g->tries++ >= MAX_TRIES)
    return 0;
  if (module_word(&at, MD_TABLE) != table)
    return 0;
  const uint64_t text = module_word(&at, MD_TEXT);
  const uint64_t etext = module_word(&at, MD_TEXT + 1);
  return text < etext && pcln_elf_at(g->elf, text).ptr ? text : 0;
}

static uint64_t scan_section(struct go_image *g,
                             const struct pcln_elf_section *s, uint64_t table) {
  const unsigned p = g->elf->ptr_size;
  const struct pcln_span bytes = pcln_elf_at(g->elf, s->va);
  const size_t len = bytes.len < s->size ? bytes.len : (size_t)s->size;
  struct pcln_cursor c = pcln_cursor_at(bytes.ptr, len, g->elf->swap);
  for (size_t off = 0; pcln_left(&c) >= p; off += p)
    if (pcln_uint(&c, p) == table && text_of(g, s->va + off, table))
      return s->va + off;
  return 0;
}

static uint64_t find_moduledata(struct go_image *g, uint64_t table) {
  static const char *const names[] = {".go.module", ".noptrdata", ".data"};
  const uint64_t known = symbol_va(g->elf, "runtime.firstmoduledata");
  if (known && text_of(g, known, table))
    return known;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const struct pcln_elf_section *s = pcln_elf_find(g->elf, names[i]);
    const uint64_t va = s ? scan_section(g, s, table) : 0;
    if (va)
      return va;
  }
  struct pcln_cursor c = relas(g);
  for (struct rela r; next_rela(g, &c, &r);)
    if (r.addend == table && text_of(g, r.va, table))
      return r.va;
  return 0;
}

// --- What the table's reader needs ------------------------------------------

static uint64_t find_text(const struct go_image *g, uint64_t header_word) {
  const uint64_t text = symbol_va(g->elf, "runtime.text");
  if (text)
    return text;
  if (g->moduledata)
    return module_word(g, MD_TEXT);
  return word_at(g, header_word);
}

static uint64_t find_gofunc(const struct go_image *g, uint32_t magic) {
  static const char *const names[] = {"go:func.*", "go.func.*"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const uint64_t va = symbol_va(g->elf, names[i]);
    if (va)
      return va;
  }
  if (!g->moduledata)
    return 0;
  return module_word(g, magic == PCLN_GO_MAGIC_118 ? MD_GOFUNC_118
                                                   : MD_GOFUNC_120);
}

static struct pcln_span at_nonzero(const struct pcln_elf *elf, uint64_t va) {
  return va ? pcln_elf_at(elf, va) : (struct pcln_span){0};
}

static struct pcln_span find_relas(const struct pcln_elf *elf) {
  const struct pcln_elf_section *s = pcln_elf_find(elf, ".rela.dyn");
  if (!s)
    s = pcln_elf_find(elf, ".rela"); // Go's own linker
  struct pcln_span bytes = s ? pcln_elf_at(elf, s->va) : (struct pcln_span){0};
  if (s && bytes.len > s->size)
    bytes.len = (size_t)s->size;
  return bytes;
}

void dump_go_options(struct pcln_elf *elf, struct pcln_span table, uint64_t va,
                     struct pcln_open_options *out) {
  *out = (struct pcln_open_options){0};
  struct pcln_cursor c = pcln_cursor_at(table.ptr, table.len, elf->swap);
  const uint32_t magic = pcln_u32(&c);
  if (magic != PCLN_GO_MAGIC_118 && magic != PCLN_GO_MAGIC_120) {
    // Older tables hold addresses: of text, and of funcdata among constants.
    const struct pcln_elf_section *rodata = pcln_elf_find(elf, ".rodata");
    out->funcdata_va = rodata ? rodata->va : 0;
    out->funcdata = at_nonzero(elf, out->funcdata_va);
    return;
  }
  struct go_image g = {.elf = elf, .relas = find_relas(elf)};
  g.moduledata = find_moduledata(&g, va);
  out->text_start =
      find_text(&g, va + PCLN_GO_HDR_WORDS +
                        (uint64_t)PCLN_GO_WORD_TEXT_START * elf->ptr_size);
  out->funcdata = at_nonzero(elf, find_gofunc(&g, magic));
  out->findfunctab =
      at_nonzero(elf, g.moduledata ? module_word(&g, MD_FINDFUNCTAB) : 0);
}
