// SPDX-License-Identifier: Apache-2.0
//
// Which functions a linked file has: ranges and names.
//
// Symbols say it best, then the stubs of the PLT, then call frame information.
// All symbols of code become candidates, sorted by address. What remains to be
// decided is who owns an address that several claim:
//
//  - Names of one address (aliases): the largest size wins, among equals a
//    typed symbol, then the last in the symbol table. That is the choice of
//    LLVM's symbolizer, so both name a function alike. The others are counted.
//  - A symbol without size reaches to the next symbol, the end of the FDE that
//    covers it, the start of the next FDE or the end of its section, whichever
//    comes first. Padding at its end that no FDE covers is not the function's.
//  - A symbol inside another's range: from its address on the later one owns
//    the bytes up to its end; what is left behind that is the outer one's
//    again, as a range of its own with the same name. So no address is lost,
//    and an entry point in the middle of assembler code gets its own name.
//  - Labels (no type, no size) inside a sized function, or local ones inside an
//    FDE that begins at another symbol, are jump targets, not functions.
//  - The FDE of a signal trampoline begins one byte before the symbol, because
//    unwinders look a return address up one byte early. So does the function.
//
// Code that no symbol and no stub covers but an FDE does (stripped files,
// internal functions) is named after its place: ".text+0x1240", the section
// and the offset from its start, which are the same on every run.
//
// Everything else (padding, unknown bytes) stays out; the encoder makes it a
// hole with its own entry.
#include "sources.h"
#include "src_fdes.h"
#include "src_padding.h"
#include "src_plt.h"
#include "src_sort.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

// One claim to an address range.
struct claim {
  uint64_t va, end; // end == va: a symbol without size
  const char *name;
  uint32_t order; // place in the symbol table: later ones win
  uint32_t shndx;
  bool dynamic, typed, local, ifunc, stub;
};

struct claims {
  struct claim *v;
  size_t n, cap;
};

struct job {
  struct pcln_elf *elf;
  struct pcln_module *m;
  const struct pcln_sink *sink;
  struct pcln_source_stats *stats;
  struct pcln_fde_list fdes;
  struct claims claims;
  struct pcln_plt_stubs plt;
  size_t *open;    // stack of claims whose range goes on
  size_t next_fde; // the first whose function is not added
  uint64_t done;   // functions are added up to here
};

static enum pcln_status add_claim(struct claims *cs, const struct claim *c) {
  if (cs->n == cs->cap) {
    const size_t cap = cs->cap ? cs->cap * 2 : 4096;
    struct claim *v = realloc(cs->v, cap * sizeof *v);
    if (!v)
      return PCLN_NO_MEMORY;
    cs->v = v;
    cs->cap = cap;
  }
  cs->v[cs->n++] = *c;
  return PCLN_OK;
}

// --- Symbols ----------------------------------------------------------------

// Marks that are no names: mapping symbols ($x, $d.1) and assembler locals.
static bool is_mark(const char *name) {
  if (name[0] == '.' && name[1] == 'L')
    return true;
  return name[0] == '$' && name[1] && strchr("adtx", name[1]) &&
         (!name[2] || name[2] == '.');
}

static bool is_code(const struct pcln_elf *elf,
                    const struct pcln_elf_symbol *s) {
  if (s->type != STT_FUNC && s->type != STT_GNU_IFUNC && s->type != STT_NOTYPE)
    return false;
  if (s->va == 0 || s->shndx == SHN_UNDEF || s->shndx >= elf->n_sections ||
      !s->name[0])
    return false;
  const struct pcln_elf_section *sec = &elf->sections[s->shndx];
  const uint64_t want = SHF_ALLOC | SHF_EXECINSTR;
  if ((sec->flags & want) != want || s->va < sec->va ||
      s->va - sec->va >= sec->size)
    return false;
  return s->type != STT_NOTYPE || !is_mark(s->name);
}

// The name without the mark of a default version: GNU ld writes foo@@V1 into
// .symtab for what the program calls foo. foo@V0 stays: it is another function.
static const char *plain_name(struct job *j, const char *name) {
  const char *at = strstr(name, "@@");
  return at && at != name
             ? pcln_arena_strdup(&j->m->arena, name, (size_t)(at - name))
             : name;
}

static enum pcln_status
claim_symbol(struct job *j, const struct pcln_elf_symbol *s, uint32_t order) {
  const struct pcln_elf_section *sec = &j->elf->sections[s->shndx];
  const uint64_t room = sec->va + sec->size - s->va;
  const struct claim c = {.va = s->va,
                          .end = s->va + (s->size < room ? s->size : room),
                          .name = plain_name(j, s->name),
                          .order = order,
                          .shndx = s->shndx,
                          .dynamic = s->dynamic,
                          .typed = s->type != STT_NOTYPE,
                          .local = s->bind == STB_LOCAL,
                          .ifunc = s->type == STT_GNU_IFUNC};
  j->stats->symbols++;
  return c.name ? add_claim(&j->claims, &c) : PCLN_NO_MEMORY;
}

static enum pcln_status claim_symbols(struct job *j) {
  for (size_t i = 0; i < j->elf->n_symbols; i++) {
    const struct pcln_elf_symbol *s = &j->elf->symbols[i];
    if (!is_code(j->elf, s))
      continue;
    enum pcln_status status = claim_symbol(j, s, (uint32_t)i);
    if (status != PCLN_OK)
      return status;
  }
  return PCLN_OK;
}

// Whether `a` names an address better than `b`.
static bool is_better(const struct claim *a, const struct claim *b) {
  if (a->dynamic != b->dynamic)
    return b->dynamic;
  if (a->end != b->end)
    return a->end > b->end;
  if (a->typed != b->typed)
    return a->typed;
  return a->order > b->order;
}

// Sorts, and keeps one claim for each address. What .dynsym repeats of .symtab
// is no alias.
static enum pcln_status choose_names(struct job *j) {
  struct claims *cs = &j->claims;
  struct pcln_va_key *keys = malloc((cs->n + 1) * sizeof *keys);
  struct claim *best = malloc((cs->n + 1) * sizeof *best);
  enum pcln_status status = PCLN_NO_MEMORY;
  size_t n = 0;
  for (size_t i = 0; i < cs->n && keys; i++)
    keys[i] = (struct pcln_va_key){.va = cs->v[i].va, .idx = (uint32_t)i};
  if (keys && best)
    status = pcln_sort_keys(keys, cs->n);
  for (size_t i = 0; i < cs->n && status == PCLN_OK; i++) {
    const struct claim *c = &cs->v[keys[i].idx];
    if (n == 0 || best[n - 1].va != c->va) {
      best[n++] = *c;
      continue;
    }
    const bool better = is_better(c, &best[n - 1]);
    const struct claim *loser = better ? &best[n - 1] : c;
    if (!loser->dynamic || (better ? c : &best[n - 1])->dynamic)
      j->stats->aliases++;
    if (better)
      best[n - 1] = *c;
  }
  free(keys);
  if (status == PCLN_OK) {
    free(cs->v);
    *cs = (struct claims){.v = best, .n = n, .cap = cs->n + 1};
  } else {
    free(best);
  }
  return status;
}

// A name for code at `va`, such as ".text+0x1240".
static const char *place_name(struct job *j, const struct pcln_elf_section *sec,
                              uint64_t va) {
  char name[128], digits[16];
  size_t n = 0, len = strnlen(sec->name, 96);
  memcpy(name, sec->name, len);
  memcpy(name + len, PCLN_UNNAMED, sizeof PCLN_UNNAMED - 1);
  for (uint64_t v = va - sec->va; v || n == 0; v >>= 4)
    digits[n++] = "0123456789abcdef"[v & 15];
  for (len += 3; n > 0;)
    name[len++] = digits[--n];
  return pcln_arena_strdup(&j->m->arena, name, len);
}

// --- Stubs ------------------------------------------------------------------

// The symbol at exactly `va`.
static const char *name_at(void *ctx, uint64_t va) {
  const struct claims *cs = ctx;
  size_t lo = 0, hi = cs->n;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (cs->v[mid].va < va)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < cs->n && cs->v[lo].va == va ? cs->v[lo].name : NULL;
}

static enum pcln_status claim_stubs(struct job *j) {
  enum pcln_status status =
      pcln_src_plt(j->elf, &j->m->arena, name_at, &j->claims, j->sink, &j->plt);
  for (size_t i = 0; i < j->plt.n && status == PCLN_OK; i++) {
    const struct pcln_plt_stub *s = &j->plt.stubs[i];
    const struct pcln_elf_section *sec = pcln_text_section(j->elf, s->va);
    if (!sec)
      continue;
    const char *name = s->name ? s->name : place_name(j, sec, s->va);
    if (!name)
      return PCLN_NO_MEMORY;
    status = add_claim(&j->claims, &(struct claim){.va = s->va,
                                                   .end = s->va + s->size,
                                                   .name = name,
                                                   .shndx = sec->idx,
                                                   .typed = true,
                                                   .stub = true});
  }
  return status;
}

// --- Ranges -----------------------------------------------------------------

// A label inside something that is a function already. `covered` is where the
// sized functions before it end, `known` the address of the symbol before it.
static bool is_label(const struct job *j, const struct claim *c,
                     uint64_t covered, uint64_t known) {
  if (c->typed || c->end != c->va)
    return false;
  if (c->va < covered)
    return true;
  const struct pcln_fde_range *r = pcln_fde_list_find(&j->fdes, c->va);
  return c->local && r && r->lo < c->va && known >= r->lo;
}

static void drop_labels(struct job *j) {
  struct claims *cs = &j->claims;
  uint64_t covered = 0, known = 0;
  size_t n = 0;
  for (size_t i = 0; i < cs->n; i++) {
    const struct claim c = cs->v[i];
    if (is_label(j, &c, covered, known))
      continue;
    if (c.end > covered)
      covered = c.end;
    known = c.va;
    cs->v[n++] = c;
  }
  cs->n = n;
}

// The end of a symbol without size, which reaches to `limit` at most.
static uint64_t find_end(struct job *j, const struct claim *c, uint64_t limit) {
  const struct pcln_fde_range *r = pcln_fde_list_next(&j->fdes, c->va);
  if (r && r->lo <= c->va)
    return r->hi < limit ? r->hi : limit;
  if (r && r->lo < limit)
    limit = r->lo; // a function whose symbol is missing
  const struct pcln_span code = pcln_elf_at(j->elf, c->va);
  if (limit <= c->va || code.len < limit - c->va)
    return limit;
  return c->va + pcln_without_padding(j->elf->machine, code.ptr,
                                      (size_t)(limit - c->va));
}

// Gives a symbol without size its end, and a signal trampoline its early start.
static void complete_ranges(struct job *j) {
  struct claims *cs = &j->claims;
  uint64_t covered = 0;
  for (size_t i = 0; i < cs->n; i++) {
    struct claim *c = &cs->v[i];
    const struct pcln_elf_section *sec = &j->elf->sections[c->shndx];
    const struct pcln_fde_range *r = pcln_fde_list_find(&j->fdes, c->va);
    if (c->end == c->va) {
      uint64_t limit = sec->va + sec->size;
      if (i + 1 < cs->n && c[1].va < limit)
        limit = c[1].va;
      if (c->va < covered && covered < limit)
        c->end = r && r->hi < covered ? r->hi : covered;
      else
        c->end = find_end(j, c, limit);
    }
    if (r && r->signal_frame && r->lo >= covered && r->lo >= sec->va &&
        c->va - r->lo <= 16)
      c->va = r->lo;
    if (c->end > covered)
      covered = c->end;
  }
}

// Damaged files may claim half an instruction; no pc can express that.
static enum pcln_status append_func(struct job *j, uint64_t lo, uint64_t hi,
                                    const char *name) {
  const uint64_t quantum = j->m->quantum;
  lo += -lo % quantum;
  hi -= hi % quantum;
  if (lo >= hi)
    return PCLN_OK;
  if (hi - lo > UINT32_MAX) {
    pcln_say(j->sink,
             &(struct pcln_report){.severity = PCLN_ERROR,
                                   .fault = "func-size",
                                   .file = j->elf->path,
                                   .func = name,
                                   .text = "a function is larger than 4 GiB"});
    return PCLN_LIMIT;
  }
  return pcln_module_add_func(
      j->m, &(struct pcln_func_def){.va = lo,
                                    .size = (uint32_t)(hi - lo),
                                    .cu = PCLN_NO_CU,
                                    .name = name,
                                    .args = PCLN_ARGS_UNKNOWN});
}

// Functions that only call frame information knows, in [lo, hi), which no
// symbol and no stub covers. Only the start of an FDE begins a function: what
// one covers behind a named function's end is that function's padding.
static enum pcln_status add_unnamed(struct job *j, uint64_t lo, uint64_t hi) {
  for (; j->next_fde < j->fdes.n; j->next_fde++) {
    const struct pcln_fde_range *r = &j->fdes.ranges[j->next_fde];
    if (r->lo >= hi)
      break;
    const struct pcln_elf_section *sec = pcln_text_section(j->elf, r->lo);
    if (r->lo < lo || !sec)
      continue;
    uint64_t end = r->hi < hi ? r->hi : hi;
    if (end - sec->va > sec->size)
      end = sec->va + sec->size;
    const char *name = place_name(j, sec, r->lo);
    j->stats->from_fdes++;
    enum pcln_status status =
        name ? append_func(j, r->lo, end, name) : PCLN_NO_MEMORY;
    if (status != PCLN_OK)
      return status;
  }
  return PCLN_OK;
}

// Adds a named function; those come in ascending order.
static enum pcln_status add_func(struct job *j, uint64_t lo, uint64_t hi,
                                 const char *name) {
  enum pcln_status status = add_unnamed(j, j->done, lo);
  j->done = hi;
  return status == PCLN_OK ? append_func(j, lo, hi, name) : status;
}

static void count_claim(struct job *j, const struct claim *c) {
  if (c->stub)
    j->stats->plt_stubs++;
  else
    j->stats->from_symbols++;
  if (c->ifunc)
    j->stats->ifuncs++;
}

// Adds what the open claims own of [*pos, va), innermost first, and forgets
// those that end there.
static enum pcln_status close_until(struct job *j, size_t *n_open,
                                    uint64_t *pos, uint64_t va) {
  while (*n_open) {
    const struct claim *c = &j->claims.v[j->open[*n_open - 1]];
    const uint64_t end = c->end < va ? c->end : va;
    if (*pos < end) {
      enum pcln_status status = add_func(j, *pos, end, c->name);
      if (status != PCLN_OK)
        return status;
      *pos = end;
    }
    if (c->end > va)
      return PCLN_OK;
    --*n_open;
  }
  return PCLN_OK;
}

static enum pcln_status add_claimed(struct job *j) {
  size_t n_open = 0;
  uint64_t pos = 0;
  j->open = malloc((j->claims.n + 1) * sizeof *j->open);
  if (!j->open)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < j->claims.n; i++) {
    const struct claim *c = &j->claims.v[i];
    enum pcln_status status = close_until(j, &n_open, &pos, c->va);
    if (status != PCLN_OK)
      return status;
    if (c->end <= c->va)
      continue;
    pos = c->va;
    j->open[n_open++] = i;
    count_claim(j, c);
  }
  enum pcln_status status = close_until(j, &n_open, &pos, UINT64_MAX);
  return status == PCLN_OK ? add_unnamed(j, j->done, UINT64_MAX) : status;
}

// --- Interface --------------------------------------------------------------

// What of the file the model repeats.
static enum pcln_status describe(struct job *j) {
  const struct pcln_elf *elf = j->elf;
  struct pcln_cfi_arch arch;
  if (elf->n_sections <= 1) {
    pcln_say(j->sink, &(struct pcln_report){
                          .severity = PCLN_ERROR,
                          .fault = "func-no-sections",
                          .file = elf->path,
                          .text = "the file has no section headers, which are "
                                  "needed to find its code"});
    return PCLN_UNSUPPORTED;
  }
  j->m->machine = elf->machine;
  j->m->ptr_size = elf->ptr_size;
  j->m->big_endian = elf->big_endian;
  j->m->quantum = pcln_cfi_arch(elf->machine, &arch) ? arch.quantum : 1;
  j->m->build_id_len = 0;
  if (elf->build_id.ptr && elf->build_id.len <= PCLN_BUILD_ID_MAX) {
    j->m->build_id_len = (uint32_t)elf->build_id.len;
    memcpy(j->m->build_id, elf->build_id.ptr, elf->build_id.len);
  }
  return PCLN_OK;
}

static enum pcln_status find_functions(struct job *j) {
  enum pcln_status status = describe(j);
  if (status == PCLN_OK)
    status = pcln_fde_list_read(j->elf, j->sink, &j->fdes);
  if (status == PCLN_OK)
    status = claim_symbols(j);
  if (status != PCLN_OK)
    return status;
  status = choose_names(j);
  if (status == PCLN_OK)
    status = claim_stubs(j);
  if (status == PCLN_OK && j->plt.n)
    status = choose_names(j);
  if (status != PCLN_OK)
    return status;
  drop_labels(j);
  complete_ranges(j);
  status = add_claimed(j);
  return status == PCLN_OK ? pcln_module_sort(j->m, j->sink) : status;
}

enum pcln_status pcln_src_functions(struct pcln_elf *elf, struct pcln_module *m,
                                    const struct pcln_source_options *o,
                                    struct pcln_source_stats *stats) {
  struct job j = {.elf = elf, .m = m, .sink = o->sink, .stats = stats};
  enum pcln_status status = find_functions(&j);
  pcln_fde_list_free(&j.fdes);
  free(j.claims.v);
  free(j.plt.stubs);
  free(j.open);
  return status;
}
