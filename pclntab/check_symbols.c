// SPDX-License-Identifier: Apache-2.0
//
// The table's functions against those that the linker side's source finds in
// the file: symbols, PLT stubs and code that only FDEs know. Both lists ascend
// and neither overlaps itself, so one walk over both compares begin, end and
// name of each.
//
// Go's tables are compared with the symbols as they are: a function there
// reaches up to the next one, padding included, and Go's linker gives a few
// symbols other names than the table.
#include "check_parts.h"
#include "src_sort.h"

#include <elf.h>

#include <stdlib.h>
#include <string.h>

// --- Ours -------------------------------------------------------------------

static void compare(struct pcln_check_run *run, const struct pcln_func *f,
                    const struct pcln_func_def *s) {
  const uint64_t end = s->va + s->size;
  run->step->n_functions++;
  // DWARF may have named what has no symbol.
  if (!strstr(s->name, PCLN_UNNAMED) && strcmp(f->name, s->name) != 0)
    pcln_check_say(run, "symbol-name", f, 0, "functab", f->rec_off,
                   "the symbol at this address is %s", s->name);
  if (end != f->end)
    pcln_check_say(run, "symbol-end", f, 0, "functab", f->rec_off,
                   "the table has %llu bytes of it, the file %llu",
                   (unsigned long long)(f->end - f->entry),
                   (unsigned long long)s->size);
  // What no source of a linked file says of a C function.
  if (f->args != s->args || f->deferreturn != s->deferreturn ||
      f->func_id != s->func_id)
    pcln_check_say(run, "symbol-fields", f, 0, "functab", f->rec_off,
                   "arguments, deferreturn or function identifier are not "
                   "those of a C function");
}

static void say_missing(struct pcln_check_run *run, uint64_t va,
                        const char *name) {
  pcln_check_say_at(run, "symbol-missing", va, name,
                    "the table does not have this function");
}

static void say_extra(struct pcln_check_run *run, const struct pcln_func *f) {
  pcln_check_say(run, "symbol-extra", f, 0, "functab", f->rec_off,
                 "the file has no function that begins here");
}

// Walks both lists.
static void compare_lists(struct pcln_check_run *run,
                          const struct pcln_module *m) {
  const struct pcln_table *t = run->t;
  size_t k = 0;
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    struct pcln_func f;
    if (pcln_func_at(t, i, &f) != PCLN_OK || f.hole || f.end <= f.entry)
      continue;
    for (; k < m->n_funcs && m->funcs[k].va < f.entry; k++)
      say_missing(run, m->funcs[k].va, m->funcs[k].name);
    if (k < m->n_funcs && m->funcs[k].va == f.entry)
      compare(run, &f, &m->funcs[k++]);
    else
      say_extra(run, &f);
  }
  for (; k < m->n_funcs; k++)
    say_missing(run, m->funcs[k].va, m->funcs[k].name);
}

static enum pcln_status check_ours(struct pcln_check_run *run) {
  struct pcln_source_stats stats = {0};
  const struct pcln_source_options o = {.threads = run->o.threads};
  struct pcln_module m;
  pcln_module_init(&m);
  enum pcln_status status = pcln_src_functions(run->elf, &m, &o, &stats);
  if (status == PCLN_OK) {
    run->step->n_items = m.n_funcs;
    compare_lists(run, &m);
  } else if (status != PCLN_NO_MEMORY) {
    status = pcln_check_skip(run, "the file's symbols cannot be read");
  }
  pcln_module_free(&m);
  return status;
}

// --- Go's -------------------------------------------------------------------

// The symbol's name has what tells two calling conventions apart at its end,
// and a plain dot for the middle one.
static bool same_go_name(const char *table, const char *symbol) {
  for (; *table && *symbol; table++, symbol++) {
    if (*table == *symbol)
      continue;
    if (*symbol != '.' || memcmp(table, "\xc2\xb7", 2) != 0)
      return false;
    table++;
  }
  return !*table && (!*symbol || strcmp(symbol, ".abi0") == 0 ||
                     strcmp(symbol, ".abiinternal") == 0);
}

struct symbols {
  struct pcln_va_key *keys; // functions, by address
  size_t n;
};

static enum pcln_status find_symbols(const struct pcln_check_run *run,
                                     struct symbols *s) {
  const struct pcln_elf *elf = run->elf;
  const uint64_t lo = run->t->text_start, hi = lo + run->t->text_len;
  s->n = 0;
  s->keys = malloc((elf->n_symbols + 1) * sizeof *s->keys);
  if (!s->keys)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < elf->n_symbols; i++) {
    const struct pcln_elf_symbol *sym = &elf->symbols[i];
    if (sym->type == STT_FUNC && sym->shndx != SHN_UNDEF && sym->va >= lo &&
        sym->va < hi)
      s->keys[s->n++] = (struct pcln_va_key){sym->va, (uint32_t)i};
  }
  return pcln_sort_keys(s->keys, s->n);
}

// Compares a function with the symbols at its entry, which begin at key `k`.
// Returns the key behind them.
static size_t compare_go(struct pcln_check_run *run, const struct pcln_func *f,
                         const struct symbols *s, size_t k) {
  const struct pcln_elf_symbol *last = NULL, *same = NULL;
  for (; k < s->n && s->keys[k].va == f->entry; k++) {
    last = &run->elf->symbols[s->keys[k].idx];
    if (same_go_name(f->name, last->name))
      same = last;
  }
  if (!last) {
    say_extra(run, f);
    return k;
  }
  run->step->n_functions++;
  if (!same)
    pcln_check_say(run, "symbol-name", f, 0, "functab", f->rec_off,
                   "the symbol at this address is %s", last->name);
  else if (same->size > f->end - f->entry)
    pcln_check_say(run, "symbol-end", f, 0, "functab", f->rec_off,
                   "the table has %llu bytes of it, the file %llu",
                   (unsigned long long)(f->end - f->entry),
                   (unsigned long long)same->size);
  return k;
}

static size_t pass_by(struct pcln_check_run *run, const struct symbols *s,
                      size_t k, uint64_t until) {
  for (; k < s->n && s->keys[k].va < until; k++) {
    const struct pcln_elf_symbol *sym = &run->elf->symbols[s->keys[k].idx];
    if (sym->size == 0)
      run->excused[PCLN_EXCUSE_NO_SIZE]++;
    else
      say_missing(run, sym->va, sym->name);
  }
  return k;
}

static enum pcln_status check_go(struct pcln_check_run *run) {
  const struct pcln_table *t = run->t;
  struct symbols s;
  enum pcln_status status = find_symbols(run, &s);
  size_t k = 0;
  run->step->n_items = s.n;
  for (uint32_t i = 0; i < t->n_funcs && status == PCLN_OK; i++) {
    struct pcln_func f;
    if (pcln_func_at(t, i, &f) != PCLN_OK || f.hole || f.end <= f.entry)
      continue;
    k = pass_by(run, &s, k, f.entry);
    k = compare_go(run, &f, &s, k);
  }
  if (status == PCLN_OK)
    (void)pass_by(run, &s, k, UINT64_MAX);
  free(s.keys);
  return status;
}

// --- Interface --------------------------------------------------------------

static bool has_symbol_table(const struct pcln_elf *elf) {
  for (size_t i = 0; i < elf->n_symbols; i++)
    if (!elf->symbols[i].dynamic)
      return true;
  return false;
}

enum pcln_status pcln_check_symbols(struct pcln_check_run *run) {
  if (!has_symbol_table(run->elf))
    return pcln_check_skip(run, "the file has no symbol table");
  return run->t->ours ? check_ours(run) : check_go(run);
}
