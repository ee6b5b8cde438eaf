// SPDX-License-Identifier: Apache-2.0
//
// The annotations of a linked file into the model: safepoints of functions,
// variables that hold references, units that were compiled without the plug-in.
//
// What a linker leaves. Sections .debug_pclntab of all objects stand one behind
// the other, and each record's address is relocated. Of a function or variable
// that the linker dropped (--gc-sections, a COMDAT copy, code that was folded)
// the record stays, with a tombstone for an address: 0 by GNU ld, lld and mold,
// in gold what the object had there, which is an offset in a section. GNU ld
// and gold may also let the record of a dropped COMDAT copy point at the copy
// that was kept. So
//   - a record with the address 0 describes something that is not there;
//   - equal records are one record, and records of one thing that differ are an
//     error, because only one of them can be true;
//   - the address alone proves nothing: a function must begin there, with the
//     name and the length that the record has, and a variable must lie in
//     memory that can be written.
// Offset 0 of thread-local storage is a place like any other; there the name
// decides, which the symbol table has.
//
// Folded code (lld --icf). Two functions with equal code may differ in what
// they keep alive. The record of the one that is gone is then compared to that
// of the function which has its name too.
#include "src_annot.h"

#include "stackmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct found_root {
  struct pcln_root_def def;
  const char *name;
  size_t off; // of the record, in bytes from the section's start
};

struct annot_job {
  struct pcln_elf *elf;
  struct pcln_module *m;
  struct pcln_source_stats *stats;
  const struct pcln_sink *sink;
  const struct pcln_elf_symbol **by_va; // made when first needed
  struct pcln_annot *safepoints;        // by function: the record that it has
  struct found_root *roots;
  size_t n_roots, cap_roots;
  struct pcln_annot_labels labels;
  struct pcln_annot_count count;
  size_t n_labels;         // met so far
  struct pcln_annot *gone; // records of functions that are not there
  size_t n_gone, cap_gone;
};

// --- Reports ----------------------------------------------------------------

enum pcln_status pcln_annot_say(const struct pcln_sink *sink, const char *func,
                                uint64_t func_off, const char *fault,
                                size_t off, const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = fault,
                                       .func = func,
                                       .func_off = func_off,
                                       .region = PCLN_ANNOT_SECTION,
                                       .region_off = off,
                                       .text = text});
  return PCLN_CORRUPT;
}

static enum pcln_status say(const struct annot_job *j, const char *func,
                            const char *fault, size_t off, const char *text) {
  return pcln_annot_say(j->sink, func, 0, fault, off, text);
}

// The function that an annotation's address leads to, for reports.
static const char *name_at(const struct annot_job *j, uint64_t va) {
  const struct pcln_func_def *f = pcln_module_find(j->m, va);
  return f ? f->name : NULL;
}

static enum pcln_status malformed(const struct annot_job *j, uint64_t va,
                                  const struct pcln_annot_fault *f) {
  return say(j, name_at(j, va), f->fault, f->off, f->text);
}

// --- Symbols ----------------------------------------------------------------

static int symbol_by_va(const void *a, const void *b) {
  const struct pcln_elf_symbol *const *x = a, *const *y = b;
  return ((*x)->va > (*y)->va) - ((*x)->va < (*y)->va);
}

static enum pcln_status sort_symbols(struct annot_job *j) {
  const size_t n = j->elf->n_symbols;
  if (j->by_va)
    return PCLN_OK;
  j->by_va = malloc((n + 1) * sizeof *j->by_va);
  if (!j->by_va)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < n; i++)
    j->by_va[i] = &j->elf->symbols[i];
  qsort(j->by_va, n, sizeof *j->by_va, symbol_by_va);
  return PCLN_OK;
}

// Whether `symbol` is `name`, or a version of it (name@VERSION).
static bool is_called(const char *symbol, const char *name) {
  const size_t len = strlen(name);
  return symbol && strncmp(symbol, name, len) == 0 &&
         (symbol[len] == 0 || symbol[len] == '@');
}

// What the symbol table says of a place: of thread-local storage, or of all
// else.
enum place {
  PLACE_NAMED,   // something of that name is there
  PLACE_OTHER,   // something else is
  PLACE_UNKNOWN, // no symbol begins there; local ones may have been dropped
};

// by_va is made.
static enum place symbol_at(const struct annot_job *j, uint64_t va,
                            const char *name, bool tls) {
  enum place place = PLACE_UNKNOWN;
  size_t lo = 0, hi = j->elf->n_symbols;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (j->by_va[mid]->va < va)
      lo = mid + 1;
    else
      hi = mid;
  }
  for (; lo < j->elf->n_symbols && j->by_va[lo]->va == va; lo++) {
    const struct pcln_elf_symbol *s = j->by_va[lo];
    if (s->shndx == SHN_UNDEF || (s->type == STT_TLS) != tls)
      continue;
    if (is_called(s->name, name))
      return PLACE_NAMED;
    if (s->size) // and not the mark of a section's or the program's end
      place = PLACE_OTHER;
  }
  return place;
}

// --- Safepoints -------------------------------------------------------------

// Appends to what is known of functions that are not in the file.
static enum pcln_status note_gone(struct annot_job *j,
                                  const struct pcln_annot *a) {
  if (j->n_gone == j->cap_gone) {
    const size_t cap = j->cap_gone ? j->cap_gone * 2 : 256;
    struct pcln_annot *grown = realloc(j->gone, cap * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    j->gone = grown;
    j->cap_gone = cap;
  }
  j->gone[j->n_gone++] = *a;
  j->stats->annot_discarded++;
  return PCLN_OK;
}

// The bytes of a record of safepoints behind the function's name: the points.
static struct pcln_span points_of(const struct pcln_annot *a,
                                  const struct pcln_annot_safepoints *s) {
  const size_t at = (size_t)((const uint8_t *)s->name - a->body.ptr) +
                    (strlen(s->name) + sizeof(uint32_t)) / sizeof(uint32_t) *
                        sizeof(uint32_t);
  return (struct pcln_span){a->body.ptr + at, a->body.len - at};
}

// Whether two functions, which have the same length, keep the same references
// at the same calls, whatever their names.
static bool same_points(const struct pcln_annot *a,
                        const struct pcln_annot_safepoints *as,
                        const struct pcln_annot *b,
                        const struct pcln_annot_safepoints *bs) {
  const struct pcln_span x = points_of(a, as), y = points_of(b, bs);
  return as->frame == bs->frame && x.len == y.len &&
         memcmp(x.ptr, y.ptr, x.len) == 0;
}

static enum pcln_status say_folded(const struct annot_job *j, const char *name,
                                   size_t off) {
  return say(j, name, "annot-folded", off,
             "the linker folded the function into another whose code is the "
             "same and whose references are not; link with --icf=none");
}

// A function that is described already: a COMDAT copy, or one that gold folded
// into another.
static enum pcln_status add_again(struct annot_job *j,
                                  const struct pcln_annot *known,
                                  const struct pcln_annot *a,
                                  const struct pcln_annot_safepoints *s) {
  struct pcln_annot_safepoints first;
  struct pcln_annot_fault fault;
  bool no_memory;
  if (!pcln_annot_safepoints(known, NULL, &first, &fault, &no_memory))
    return PCLN_CORRUPT; // cannot be: it was read before
  if (same_points(known, &first, a, s)) {
    j->stats->annot_duplicates++;
    return PCLN_OK;
  }
  if (strcmp(first.name, s->name) != 0)
    return say_folded(j, s->name, a->off);
  return say(j, s->name, "annot-conflict", a->off,
             "two objects describe the function's safepoints differently; "
             "compile both with the same options");
}

// Whether the record and the function found at its address are about the same
// thing. The name may be any that the function has.
static enum pcln_status is_about(struct annot_job *j, const char *name,
                                 uint32_t size, const struct pcln_func_def *f,
                                 bool *yes) {
  // Functions that have others inside of them are several entries.
  const struct pcln_func_def *last =
      size ? pcln_module_find(j->m, f->va + size - 1) : NULL;
  *yes = false;
  if (!last || last->va + last->size != f->va + size ||
      (last != f && (!last->name || !is_called(last->name, f->name))))
    return PCLN_OK;
  // Where local symbols were dropped (-x), the length has to do.
  *yes = is_called(f->name, name) || (f->name && strstr(f->name, PCLN_UNNAMED));
  if (*yes)
    return PCLN_OK;
  const enum pcln_status st = sort_symbols(j);
  if (st == PCLN_OK)
    *yes = symbol_at(j, f->va, name, false) == PLACE_NAMED;
  return st;
}

// A text with the record's own name for the function, which the report's
// function need not have.
static enum pcln_status not_about(const struct annot_job *j,
                                  const struct pcln_annot *a,
                                  const struct pcln_annot_safepoints *s,
                                  const struct pcln_func_def *f) {
  char text[700];
  if (!f)
    snprintf(text, sizeof text,
             "safepoints of %.500s, of %u bytes, but no function begins at "
             "their address 0x%llx",
             s->name, s->size, (unsigned long long)a->address);
  else
    snprintf(text, sizeof text,
             "safepoints of %.500s, of %u bytes, but the function at their "
             "address 0x%llx has another name or length (%u bytes)",
             s->name, s->size, (unsigned long long)a->address, f->size);
  return say(j, s->name, "annot-function", a->off, text);
}

static bool is_gold(const struct pcln_elf *elf) {
  return pcln_elf_find(elf, ".note.gnu.gold-version") != NULL;
}

static enum pcln_status add_safepoints(struct annot_job *j,
                                       const struct pcln_annot *a) {
  struct pcln_annot_safepoints s;
  struct pcln_annot_fault fault;
  bool no_memory = false, about = false;
  if (!pcln_annot_safepoints(a, &j->m->arena, &s, &fault, &no_memory))
    return no_memory ? PCLN_NO_MEMORY : malformed(j, a->address, &fault);
  if (a->address == 0)
    return note_gone(j, a);
  struct pcln_func_def *f = pcln_module_find(j->m, a->address);
  if (f && f->va != a->address)
    f = NULL;
  enum pcln_status st = f ? is_about(j, s.name, s.size, f, &about) : PCLN_OK;
  if (st != PCLN_OK)
    return st;
  if (!about)
    return is_gold(j->elf) ? note_gone(j, a) : not_about(j, a, &s, f);
  struct pcln_annot *known = &j->safepoints[f - j->m->funcs];
  if (known->body.ptr)
    return add_again(j, known, a, &s);
  *known = *a;
  j->stats->safepoints += s.n_points;
  return pcln_safepoints_place(j->m, f, s.points, s.n_points, &j->m->arena,
                               j->sink);
}

// --- Variables --------------------------------------------------------------

// The record's bytes lie in memory that the program can write, or in the
// module's thread-local storage.
static bool in_storage(const struct pcln_elf *elf,
                       const struct pcln_root_def *r) {
  const uint64_t words = (uint64_t)r->n_words * r->repeat;
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    const bool tls = r->flags & PCLN_ROOT_TLS;
    const uint64_t lo = tls ? 0 : p->va;
    if (p->type != (tls ? PT_TLS : PT_LOAD) || (!tls && !(p->flags & PF_W)) ||
        r->off < lo || r->off - lo > p->memsz)
      continue;
    if (words <= (p->memsz - (r->off - lo)) / elf->ptr_size)
      return true;
  }
  return false;
}

// Whether the record's address is a tombstone. Where that cannot be told, for
// the symbol that would tell was dropped, it is an error: a root too few frees
// what is in use, and one too many reads another variable's words.
static enum pcln_status is_gone(struct annot_job *j, const struct pcln_annot *a,
                                const char *name, const struct pcln_root_def *r,
                                bool *gone) {
  const bool tls = r->flags & PCLN_ROOT_TLS;
  *gone = r->off == 0 && !tls;
  if (*gone || (!is_gold(j->elf) && !(r->off == 0 && tls)))
    return PCLN_OK;
  const enum pcln_status st = sort_symbols(j);
  if (st != PCLN_OK)
    return st;
  const enum place place = symbol_at(j, r->off, name, tls);
  *gone = place == PLACE_OTHER || !in_storage(j->elf, r);
  if (place != PLACE_UNKNOWN || *gone)
    return PCLN_OK;
  return say(j, name, "annot-symbol", a->off,
             "whether the linker kept the variable is not known without its "
             "symbol; link without -x, --discard-all and -s");
}

static enum pcln_status append_root(struct annot_job *j,
                                    const struct found_root *found) {
  if (j->n_roots == j->cap_roots) {
    const size_t cap = j->cap_roots ? j->cap_roots * 2 : 64;
    struct found_root *grown = realloc(j->roots, cap * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    j->roots = grown;
    j->cap_roots = cap;
  }
  j->roots[j->n_roots++] = *found;
  return PCLN_OK;
}

// The copy of a shared library's variable.
static enum pcln_status
add_copy(void *ctx, const struct pcln_annot_shared *root, uint64_t va) {
  const struct found_root found = {.def = {.off = va,
                                           .n_words = root->n_words,
                                           .repeat = root->repeat,
                                           .codes = root->codes},
                                   .name = root->name};
  return append_root(ctx, &found);
}

static enum pcln_status add_root(struct annot_job *j,
                                 const struct pcln_annot *a) {
  struct pcln_annot_root r;
  struct pcln_annot_fault fault;
  bool gone = false;
  if (!pcln_annot_root(a, &r, &fault))
    return malformed(j, 0, &fault);
  const struct found_root found = {.def = {.off = a->address,
                                           .n_words = r.n_words,
                                           .repeat = r.repeat,
                                           .flags = r.flags,
                                           .codes = r.codes},
                                   .name = r.name,
                                   .off = a->off};
  const enum pcln_status st = is_gone(j, a, r.name, &found.def, &gone);
  if (st != PCLN_OK)
    return st;
  if (gone) {
    j->stats->annot_discarded++;
    return PCLN_OK;
  }
  if (!in_storage(j->elf, &found.def))
    return say(j, r.name, "annot-variable", a->off,
               "the variable is not in memory that the program can write");
  return append_root(j, &found);
}

static int root_by_place(const void *x, const void *y) {
  const struct found_root *a = x, *b = y;
  if (a->def.flags != b->def.flags)
    return a->def.flags < b->def.flags ? -1 : 1;
  if (a->def.off != b->def.off)
    return a->def.off < b->def.off ? -1 : 1;
  return (a->off > b->off) - (a->off < b->off);
}

static bool same_root(const struct pcln_root_def *a,
                      const struct pcln_root_def *b) {
  return a->off == b->off && a->flags == b->flags && a->n_words == b->n_words &&
         a->repeat == b->repeat &&
         memcmp(a->codes, b->codes, pcln_codes_len(a->n_words)) == 0;
}

// Sorted, equal ones are dropped and the rest go to the model.
static enum pcln_status finish_roots(struct annot_job *j) {
  const struct found_root *last = NULL;
  if (j->n_roots)
    qsort(j->roots, j->n_roots, sizeof *j->roots, root_by_place);
  for (size_t i = 0; i < j->n_roots; i++) {
    const struct found_root *r = &j->roots[i];
    if (last && same_root(&last->def, &r->def)) {
      j->stats->annot_duplicates++;
      continue;
    }
    if (last && last->def.flags == r->def.flags &&
        r->def.off - last->def.off <
            (uint64_t)last->def.n_words * last->def.repeat * j->elf->ptr_size)
      return say(j, r->name, "annot-conflict", r->off,
                 "two records describe the variable differently");
    const enum pcln_status st = pcln_module_add_root(j->m, &r->def);
    if (st != PCLN_OK)
      return st;
    last = r;
    j->stats->roots++;
  }
  return PCLN_OK;
}

// --- Units ------------------------------------------------------------------

static enum pcln_status add_unit(struct annot_job *j,
                                 const struct pcln_annot *a) {
  const char *name;
  struct pcln_annot_fault fault;
  char text[700];
  if (!pcln_annot_unit(a, &name, &fault))
    return malformed(j, 0, &fault);
  if (a->kind == PCLN_ANNOT_GC_UNIT) {
    // Also of a file without any map: that is how the runtime tells it from one
    // whose annotations were dropped.
    j->m->stackmap_bits = 2;
    j->stats->gc_units++;
    return PCLN_OK;
  }
  snprintf(text, sizeof text,
           "%.500s uses gcref but was compiled without "
           "-fpass-plugin=pclntab-gc.so",
           name);
  return say(j, NULL, "annot-gc-source", a->off, text);
}

// --- Directives -------------------------------------------------------------

static enum pcln_status add_label(struct annot_job *j,
                                  const struct pcln_annot *a) {
  bool gone = a->address == 0;
  if (is_gold(j->elf)) {
    if (!j->count.labels)
      return say(j, name_at(j, a->address), "annot-gold", a->off,
                 "gold does not say which code it dropped, so that a FUNCDATA "
                 "or PCDATA may be of code that is gone; link with the plugin "
                 "and no directives in code that is optimised at link time, or "
                 "with another linker");
    gone = a->address == j->count.labels[j->n_labels++]->addend;
  }
  if (gone) {
    j->stats->annot_discarded++;
    return PCLN_OK;
  }
  return pcln_annot_add_label(&j->labels, j->m, a, j->sink);
}

// --- Folded code ------------------------------------------------------------

struct named_record {
  struct pcln_annot_safepoints s;
  const struct pcln_annot *a;
};

static int record_by_name(const void *x, const void *y) {
  const struct named_record *a = x, *b = y;
  return strcmp(a->s.name, b->s.name);
}

// A symbol of the name of a function that is gone stands at function `f`. Its
// safepoints are then those of `f`, or `f` is not the function that is gone
// but one of the same name with a record of its own.
static enum pcln_status check_folded(const struct annot_job *j,
                                     const struct named_record *gone,
                                     const struct pcln_func_def *f) {
  const struct pcln_annot *known = &j->safepoints[f - j->m->funcs];
  struct pcln_annot_safepoints s;
  struct pcln_annot_fault fault;
  bool no_memory;
  if (f->size != gone->s.size)
    return PCLN_OK;
  if (known->body.ptr) {
    if (!pcln_annot_safepoints(known, NULL, &s, &fault, &no_memory) ||
        strcmp(s.name, gone->s.name) == 0)
      return PCLN_OK;
    if (same_points(known, &s, gone->a, &gone->s))
      return PCLN_OK;
  }
  return say_folded(j, gone->s.name, gone->a->off);
}

static enum pcln_status check_gone(const struct annot_job *j) {
  enum pcln_status st = PCLN_OK;
  if (!j->n_gone)
    return PCLN_OK;
  struct named_record *sorted = malloc(j->n_gone * sizeof *sorted);
  if (!sorted)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < j->n_gone; i++) {
    struct pcln_annot_fault fault;
    bool no_memory;
    sorted[i].a = &j->gone[i];
    if (!pcln_annot_safepoints(&j->gone[i], NULL, &sorted[i].s, &fault,
                               &no_memory))
      st = PCLN_CORRUPT; // cannot be: it was read before
  }
  qsort(sorted, j->n_gone, sizeof *sorted, record_by_name);
  for (size_t i = 0; i < j->elf->n_symbols && st == PCLN_OK; i++) {
    const struct pcln_elf_symbol *sym = &j->elf->symbols[i];
    if (sym->type != STT_FUNC || sym->shndx == SHN_UNDEF)
      continue;
    const struct named_record key = {.s = {.name = sym->name}};
    const struct named_record *hit =
        bsearch(&key, sorted, j->n_gone, sizeof *sorted, record_by_name);
    const struct pcln_func_def *f =
        hit ? pcln_module_find(j->m, sym->va) : NULL;
    if (f && f->va == sym->va)
      st = check_folded(j, hit, f);
  }
  free(sorted);
  return st;
}

// --- Sections ---------------------------------------------------------------

static enum pcln_status add_record(struct annot_job *j,
                                   const struct pcln_annot *a) {
  j->stats->annotations++;
  switch (a->kind) {
  case PCLN_ANNOT_SAFEPOINTS:
    return add_safepoints(j, a);
  case PCLN_ANNOT_ROOT:
    return add_root(j, a);
  case PCLN_ANNOT_GC_SOURCE:
  case PCLN_ANNOT_GC_UNIT:
    return add_unit(j, a);
  default:
    return add_label(j, a);
  }
}

static enum pcln_status add_section(struct annot_job *j,
                                    const struct pcln_elf_section *sec) {
  struct pcln_span bytes;
  struct pcln_annot a;
  enum pcln_status st = pcln_elf_content(j->elf, sec, j->sink, &bytes);
  if (st != PCLN_OK)
    return st;
  struct pcln_annot_walk w =
      pcln_annot_begin(bytes, j->elf->ptr_size, j->elf->swap);
  while (st == PCLN_OK && pcln_annot_next(&w, &a))
    st = add_record(j, &a);
  if (st == PCLN_OK && w.fault.fault)
    st = malformed(j, 0, &w.fault);
  return st;
}

// --- What was lost ----------------------------------------------------------

static bool root_at(const struct annot_job *j, uint64_t va) {
  for (size_t i = 0; i < j->n_roots; i++)
    if (j->roots[i].def.off == va)
      return true;
  return false;
}

static bool is_described(void *ctx, const struct pcln_annot_input *in,
                         const struct pcln_elf_symbol *symbol) {
  const struct annot_job *j = ctx;
  if (in->kind == PCLN_ANNOT_ROOT)
    return root_at(j, symbol->va);
  const struct pcln_func_def *f = pcln_module_find(j->m, symbol->va);
  if (!f || f->va != symbol->va)
    return true; // of another kind, or not code at all
  const size_t idx = (size_t)(f - j->m->funcs);
  return pcln_annot_is_label(in->kind)
             ? pcln_annot_has_label(&j->labels, idx, in->kind, in->index)
             : j->safepoints[idx].body.ptr != NULL;
}

// --- The whole --------------------------------------------------------------

enum pcln_status pcln_src_annot(struct pcln_elf *elf, struct pcln_module *m,
                                const struct pcln_source_options *o,
                                struct pcln_source_stats *stats) {
  struct annot_job j = {.elf = elf, .m = m, .stats = stats, .sink = o->sink};
  enum pcln_status st = PCLN_OK;
  j.safepoints = calloc(m->n_funcs + 1, sizeof *j.safepoints);
  if (!j.safepoints)
    return PCLN_NO_MEMORY;
  st = pcln_annot_count(&j.count, elf, o->annotations, o->sink);
  for (size_t i = 1; i < elf->n_sections && st == PCLN_OK; i++)
    if (pcln_annot_is_section(elf->sections[i].name))
      st = add_section(&j, &elf->sections[i]);
  if (st == PCLN_OK && o->annotations)
    st = pcln_annot_copies(elf, o->annotations, o->sink, add_copy, &j);
  if (st == PCLN_OK)
    st = finish_roots(&j);
  if (st == PCLN_OK)
    st = pcln_annot_place_labels(&j.labels, m, stats, o->sink);
  if (st == PCLN_OK)
    st = check_gone(&j);
  const struct pcln_annot_described described = {.is = is_described, .ctx = &j};
  if (st == PCLN_OK)
    st = pcln_annot_check_lost(&j.count, elf, &described, o);
  // Where there are no annotations at all, the link stripped them, which is
  // allowed on request; a program that then collects ends with an error.
  if (st == PCLN_OK && pcln_annot_notes(elf) > stats->gc_units &&
      (stats->annotations || !o->allow_stripped))
    st = say(&j, NULL, "annot-removed", 0,
             "some of its objects use references and have no annotations that "
             "say where they are; link the objects as they were compiled");
  pcln_annot_count_free(&j.count);
  free(j.by_va);
  free(j.safepoints);
  free(j.roots);
  free(j.labels.list);
  free(j.gone);
  return st;
}
