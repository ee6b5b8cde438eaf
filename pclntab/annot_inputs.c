// SPDX-License-Identifier: Apache-2.0
//
// Annotations of one relocatable object. Records are checked as in the linked
// file; beside that each must have its address relocated, and the relocation
// tells in which function it is, also for directives, which carry no name.
#include "annot_inputs.h"

#include "bytes.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A relocation of the section's, and what it leads to.
struct reloc {
  uint64_t off;    // of the relocated word
  uint64_t addend; // 0 where it stands in the word
  uint32_t symbol;
};

// One object during its check.
struct object {
  struct pcln_annot_inputs *inputs;
  struct pcln_elf *elf;
  const char *name; // in the arena of `inputs`
  const struct pcln_sink *sink;
  struct pcln_span symtab, strtab;
  struct reloc *relocs; // of the section being read, by offset
  size_t n_relocs;
  const char *group; // signature of its group, in the arena; or null
  size_t first;      // of its records among all
  size_t n_units;    // that the compiler's plug-in has seen
};

static enum pcln_status say(const struct object *o, const char *func,
                            uint64_t func_off, const char *fault, size_t off,
                            const char *text) {
  pcln_say(o->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = fault,
                                          .file = o->name,
                                          .func = func,
                                          .func_off = func_off,
                                          .region = PCLN_ANNOT_SECTION,
                                          .region_off = off,
                                          .text = text});
  return PCLN_CORRUPT;
}

uint64_t pcln_annot_hash(const struct pcln_annot *a) {
  uint64_t h = UINT64_C(0xcbf29ce484222325) ^ a->kind; // FNV-1a
  for (size_t i = 0; i < a->body.len; i++)
    h = (h ^ a->body.ptr[i]) * UINT64_C(0x100000001b3);
  return h;
}

void pcln_annot_inputs_free(struct pcln_annot_inputs *inputs) {
  free(inputs->list);
  free(inputs->shared);
  pcln_arena_free(&inputs->arena);
  *inputs = (struct pcln_annot_inputs){0};
}

static char *keep(struct object *o, const char *s) {
  return pcln_arena_strdup(&o->inputs->arena, s, strlen(s));
}

// --- Symbols and relocations ------------------------------------------------

static bool read_symbol(const struct object *o, uint64_t i,
                        struct pcln_elf_sym *out) {
  const size_t size = pcln_elf_sym_size(o->elf->ptr_size);
  struct pcln_cursor c =
      pcln_cursor_at(o->symtab.ptr, o->symtab.len, o->elf->swap);
  if (i >= o->symtab.len / size)
    return false;
  pcln_seek(&c, i * size);
  *out = pcln_elf_read_sym(&c, o->elf->ptr_size);
  return !c.failed;
}

static const char *symbol_name(const struct object *o,
                               const struct pcln_elf_sym *s) {
  struct pcln_cursor c =
      pcln_cursor_at(o->strtab.ptr, o->strtab.len, o->elf->swap);
  pcln_seek(&c, s->name);
  return pcln_cstr(&c, NULL);
}

static enum pcln_status read_symtab(struct object *o) {
  for (size_t i = 1; i < o->elf->n_sections; i++) {
    const struct pcln_elf_section *s = &o->elf->sections[i];
    if (s->type != SHT_SYMTAB || s->link >= o->elf->n_sections)
      continue;
    const enum pcln_status st =
        pcln_elf_content(o->elf, s, o->sink, &o->symtab);
    return st != PCLN_OK ? st
                         : pcln_elf_content(o->elf, &o->elf->sections[s->link],
                                            o->sink, &o->strtab);
  }
  return PCLN_OK;
}

static int reloc_by_off(const void *x, const void *y) {
  const struct reloc *a = x, *b = y;
  return (a->off > b->off) - (a->off < b->off);
}

// Reads the relocations of section `sec`, sorted.
static enum pcln_status read_relocs(struct object *o,
                                    const struct pcln_elf_section *sec) {
  const unsigned p = o->elf->ptr_size;
  free(o->relocs);
  o->relocs = NULL;
  o->n_relocs = 0;
  for (size_t i = 1; i < o->elf->n_sections; i++) {
    const struct pcln_elf_section *s = &o->elf->sections[i];
    const bool rela = s->type == SHT_RELA;
    struct pcln_span bytes;
    if ((!rela && s->type != SHT_REL) || s->info != sec->idx)
      continue;
    const enum pcln_status st = pcln_elf_content(o->elf, s, o->sink, &bytes);
    if (st != PCLN_OK)
      return st;
    const size_t n = bytes.len / (p * (rela ? 3u : 2u));
    struct reloc *grown =
        realloc(o->relocs, (o->n_relocs + n + 1) * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    o->relocs = grown;
    struct pcln_cursor c = pcln_cursor_at(bytes.ptr, bytes.len, o->elf->swap);
    for (size_t k = 0; k < n; k++) {
      struct reloc *r = &o->relocs[o->n_relocs++];
      r->off = pcln_uint(&c, p);
      const uint64_t info = pcln_uint(&c, p);
      r->symbol = (uint32_t)(p == 8 ? info >> 32 : info >> 8);
      r->addend = rela ? pcln_uint(&c, p) : 0;
    }
  }
  if (o->n_relocs)
    qsort(o->relocs, o->n_relocs, sizeof *o->relocs, reloc_by_off);
  return PCLN_OK;
}

static const struct reloc *reloc_at(const struct object *o, uint64_t off) {
  const struct reloc key = {.off = off};
  return o->n_relocs
             ? bsearch(&key, o->relocs, o->n_relocs, sizeof key, reloc_by_off)
             : NULL;
}

// Whether the group of section `g` has section `idx` in it, and is COMDAT.
static bool in_group(const struct object *o, struct pcln_span g, uint32_t idx) {
  struct pcln_cursor c = pcln_cursor_at(g.ptr, g.len, o->elf->swap);
  if (!(pcln_u32(&c) & GRP_COMDAT))
    return false;
  while (pcln_left(&c) >= 4)
    if (pcln_u32(&c) == idx)
      return true;
  return false;
}

// Finds the group that section `sec` belongs to.
static enum pcln_status find_group(struct object *o,
                                   const struct pcln_elf_section *sec) {
  o->group = NULL;
  for (size_t i = 1; i < o->elf->n_sections && sec->flags & SHF_GROUP; i++) {
    const struct pcln_elf_section *s = &o->elf->sections[i];
    struct pcln_span g;
    struct pcln_elf_sym sym;
    if (s->type != SHT_GROUP)
      continue;
    const enum pcln_status st = pcln_elf_content(o->elf, s, o->sink, &g);
    if (st != PCLN_OK)
      return st;
    if (!in_group(o, g, sec->idx))
      continue;
    const char *name =
        read_symbol(o, s->info, &sym) ? symbol_name(o, &sym) : "";
    o->group = keep(o, name ? name : "");
    return o->group ? PCLN_OK : PCLN_NO_MEMORY;
  }
  return PCLN_OK;
}

// Where a record's address leads: the section and the bytes from its start, and
// the function there, if there is one.
struct target {
  uint16_t section;
  uint64_t at, func_off;
  const char *func;
  uint32_t size;
};

static struct target find_target(const struct object *o, const struct reloc *r,
                                 uint64_t addend) {
  struct target t = {0};
  struct pcln_elf_sym s, f;
  if (!r || !read_symbol(o, r->symbol, &s))
    return t;
  t.section = s.shndx;
  t.at = s.va + addend;
  for (uint64_t i = 1; read_symbol(o, i, &f); i++) {
    if ((f.info & 0xf) != STT_FUNC || f.shndx != t.section || t.at < f.va ||
        t.at - f.va >= f.size)
      continue;
    t.func = symbol_name(o, &f);
    t.func_off = t.at - f.va;
    t.size = f.size > UINT32_MAX ? 0 : (uint32_t)f.size;
    break;
  }
  return t;
}

// --- Records ----------------------------------------------------------------

static enum pcln_status append(struct object *o,
                               const struct pcln_annot_input *in) {
  struct pcln_annot_inputs *all = o->inputs;
  if (all->n == all->cap) {
    const size_t cap = all->cap ? all->cap * 2 : 256;
    struct pcln_annot_input *grown = realloc(all->list, cap * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    all->list = grown;
    all->cap = cap;
  }
  all->list[all->n++] = *in;
  return PCLN_OK;
}

// A unit that the plug-in did not see.
static enum pcln_status refuse_unit(const struct object *o,
                                    const struct pcln_annot *a,
                                    const char *unit) {
  char text[700];
  snprintf(text, sizeof text,
           "%.500s uses gcref but was compiled without "
           "-fpass-plugin=pclntab-gc.so",
           unit);
  return say(o, NULL, 0, "annot-gc-source", a->off, text);
}

// Fills what the record itself says.
static enum pcln_status read_body(struct object *o, const struct pcln_annot *a,
                                  const struct target *t,
                                  struct pcln_annot_input *in) {
  struct pcln_annot_fault fault;
  struct pcln_annot_safepoints s;
  struct pcln_annot_root r;
  struct pcln_annot_funcdata fd;
  struct pcln_annot_pcdata pd;
  const char *unit;
  bool ok = false, no_memory = false;
  in->name = t->func;
  in->size = t->size;
  in->place = (uint64_t)t->section << 48 ^ (t->at - t->func_off);
  switch (a->kind) {
  case PCLN_ANNOT_FUNCDATA:
    ok = pcln_annot_funcdata(a, &fd, &fault);
    in->index = ok ? fd.index : 0;
    break;
  case PCLN_ANNOT_PCDATA:
    ok = pcln_annot_pcdata(a, &pd, &fault);
    in->index = ok ? pd.index : 0;
    break;
  case PCLN_ANNOT_SAFEPOINTS:
    ok = pcln_annot_safepoints(a, NULL, &s, &fault, &no_memory);
    in->name = ok ? s.name : NULL;
    in->size = ok ? s.size : 0;
    break;
  case PCLN_ANNOT_ROOT:
    ok = pcln_annot_root(a, &r, &fault);
    in->name = ok ? r.name : NULL;
    break;
  default:
    ok = pcln_annot_unit(a, &unit, &fault);
    if (ok && a->kind == PCLN_ANNOT_GC_SOURCE)
      return refuse_unit(o, a, unit);
  }
  return ok ? PCLN_OK
            : say(o, t->func, t->func_off, fault.fault, fault.off, fault.text);
}

static enum pcln_status add_record(void *object, const struct pcln_annot *a) {
  struct object *o = object;
  const bool is_unit =
      a->kind == PCLN_ANNOT_GC_SOURCE || a->kind == PCLN_ANNOT_GC_UNIT;
  const struct reloc *r = reloc_at(o, a->off + PCLN_ANNOT_ADDRESS);
  const uint64_t addend = r ? r->addend + a->address : a->address;
  const struct target t = find_target(o, r, addend);
  struct pcln_annot_input in = {.hash = pcln_annot_hash(a),
                                .addend = addend,
                                .kind = a->kind,
                                .group = o->group,
                                .object = o->name};
  enum pcln_status st = read_body(o, a, &t, &in);
  o->n_units += st == PCLN_OK && is_unit;
  if (st != PCLN_OK || is_unit)
    return st;
  // What ld -r leaves of a COMDAT copy.
  if ((!r || !r->symbol) && addend == 0)
    return PCLN_OK;
  if (!r)
    return say(o, in.name, 0, "annot-address", a->off,
               "the address of an annotation is a number and not a symbol");
  if (pcln_annot_is_label(a->kind) && !t.func)
    return say(o, NULL, 0, "annot-address", a->off,
               "a FUNCDATA or PCDATA stands in no function that has a type and "
               "a size (.type, .size)");
  if (in.name)
    in.name = keep(o, in.name);
  return append(o, &in);
}

// --- A number twice ---------------------------------------------------------

static int same_number(const void *x, const void *y) {
  const struct pcln_annot_input *const *p = x, *const *q = y;
  const struct pcln_annot_input *a = *p, *b = *q;
  if (a->index != b->index)
    return a->index < b->index ? -1 : 1;
  return (a->place > b->place) - (a->place < b->place);
}

// One function has each FUNCDATA once. In the linked file equal ones may be
// copies of a COMDAT function; in an object they are a mistake.
static enum pcln_status check_twice(const struct object *o) {
  const size_t n = o->inputs->n - o->first;
  const struct pcln_annot_input **sorted = malloc((n + 1) * sizeof *sorted);
  enum pcln_status st = PCLN_OK;
  size_t k = 0;
  if (!sorted)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < n; i++)
    if (o->inputs->list[o->first + i].kind == PCLN_ANNOT_FUNCDATA)
      sorted[k++] = &o->inputs->list[o->first + i];
  qsort(sorted, k, sizeof *sorted, same_number);
  for (size_t i = 1; i < k && st == PCLN_OK; i++)
    if (same_number(&sorted[i - 1], &sorted[i]) == 0)
      st = say(o, sorted[i]->name, 0, "annot-twice", 0,
               "the function has this FUNCDATA twice");
  free(sorted);
  return st;
}

// --- Interface --------------------------------------------------------------

static enum pcln_status add_section(struct object *o,
                                    const struct pcln_elf_section *sec) {
  struct pcln_annot_taker taker = {.take = add_record, .ctx = o};
  enum pcln_status st = read_relocs(o, sec);
  if (st == PCLN_OK)
    st = find_group(o, sec);
  if (st == PCLN_OK)
    st = pcln_annot_each(o->elf, sec, o->sink, &taker);
  const struct pcln_annot_fault *f = &taker.fault;
  return st == PCLN_OK && f->fault ? say(o, NULL, 0, f->fault, f->off, f->text)
                                   : st;
}

size_t pcln_annot_notes(const struct pcln_elf *elf) {
  uint64_t len = 0;
  for (size_t i = 1; i < elf->n_sections; i++)
    if (elf->sections[i].type == SHT_NOTE &&
        !strcmp(elf->sections[i].name, PCLN_GC_NOTE_SECTION))
      len += elf->sections[i].size;
  return (size_t)(len / PCLN_GC_NOTE_SIZE);
}

// A unit without references has neither note nor record.
static enum pcln_status check_notes(struct object *o, const char *name) {
  if (pcln_annot_notes(o->elf) <= o->n_units)
    return PCLN_OK;
  o->name = name;
  return say(o, NULL, 0, "annot-removed", 0,
             "it uses references and something (strip, objcopy) has removed "
             "the annotations that say where they are; link the object as it "
             "was compiled");
}

enum pcln_status pcln_annot_inputs_add(struct pcln_annot_inputs *inputs,
                                       struct pcln_elf *object,
                                       const char *name,
                                       const struct pcln_sink *sink) {
  struct object o = {
      .inputs = inputs, .elf = object, .sink = sink, .first = inputs->n};
  enum pcln_status st = PCLN_OK;
  for (size_t i = 1; i < object->n_sections && st == PCLN_OK; i++) {
    const struct pcln_elf_section *sec = &object->sections[i];
    if (sec->type == SHT_REL || sec->type == SHT_RELA ||
        !pcln_annot_is_section(sec->name))
      continue;
    if (!o.name) { // most objects have none
      o.name = keep(&o, name);
      st = o.name ? read_symtab(&o) : PCLN_NO_MEMORY;
    }
    if (st == PCLN_OK)
      st = add_section(&o, sec);
  }
  if (st == PCLN_OK && inputs->n > o.first)
    st = check_twice(&o);
  if (st == PCLN_OK)
    st = check_notes(&o, name);
  free(o.relocs);
  return st;
}
