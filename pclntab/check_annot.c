// SPDX-License-Identifier: Apache-2.0
//
// The table's pointer maps, pairs and variables against what the compiler said
// of them: the records of .debug_pclntab, which stay in the file until it is
// stripped. The table is all that a collector has; so a bit that is lost on the
// way into it is an object that is freed while in use.
//
// This goes the other way than the linker side. There a place, register and
// offset, becomes a word of a map (safepoints.c). Here the reader's functions
// are asked for the map at the return address and for the unwind rule there, as
// a collector would, and each of the record's places is looked for in what they
// answer. Taking a record apart is the one thing that both share.
//
// A word that no record mentions must not be live, and must not be called dead
// either: dead words may be overwritten. Records of code and variables that the
// linker left out are counted, not compared: nothing at their address has their
// name.
#include "annot.h"
#include "cfi.h"
#include "check_parts.h"
#include "roots_table.h"
#include "stackmap_pairs.h"
#include "table.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What a word of a frame is: the kind of the item that it belongs to, and its
// number in the item.
struct cell {
  uint8_t kind; // enum pcln_word_kind
  uint8_t part;
  bool said; // by the record
};

struct job {
  struct pcln_check_run *run;
  const struct pcln_table *t;
  const struct pcln_elf *elf;
  struct pcln_cfi_arch arch;
  struct cell *want; // words of the locals and then the arguments
  size_t cap;
  uint8_t *seen; // for each root of the table: a record is about it
};

// One call, as the table describes it.
struct point {
  const struct pcln_safepoint *said;
  const struct pcln_func *f;
  uint32_t off; // return address minus one, from the entry
  struct pcln_stackmap map;
  struct pcln_rule rule;
};

static const char *const kind_names[] = {
    [PCLN_WORD_NONE] = "no pointer",   [PCLN_WORD_DEAD] = "dead",
    [PCLN_WORD_SCALAR] = "no pointer", [PCLN_WORD_POINTER] = "a pointer",
    [PCLN_WORD_STRING] = "a string",   [PCLN_WORD_SLICE] = "a slice",
    [PCLN_WORD_IFACE] = "an iface",    [PCLN_WORD_EFACE] = "an eface",
};

#define SAY(j, name, f, off, ...)                                              \
  pcln_check_say((j)->run, name, f, off, "functab", (f)->rec_off, __VA_ARGS__)

// --- Symbols ----------------------------------------------------------------

// Whether `symbol` is `name`, or a version of it.
static bool is_called(const char *symbol, const char *name) {
  const size_t len = strlen(name);
  return symbol && strncmp(symbol, name, len) == 0 &&
         (symbol[len] == 0 || symbol[len] == '@');
}

static bool has_symbol(const struct job *j, uint64_t va, const char *name,
                       bool tls) {
  for (size_t i = 0; i < j->elf->n_symbols; i++) {
    const struct pcln_elf_symbol *s = &j->elf->symbols[i];
    if (s->va == va && s->shndx != SHN_UNDEF && (s->type == STT_TLS) == tls &&
        is_called(s->name, name))
      return true;
  }
  return false;
}

// --- Places -----------------------------------------------------------------

// The words of the frame count from 0: those of the locals, then those of the
// arguments.
static uint32_t n_words(const struct point *p) {
  return p->map.locals.n_words + p->map.args.n_words;
}

// The word at register + off; false: the maps do not have it.
static bool find_word(const struct job *j, const struct point *p, unsigned reg,
                      int64_t off, uint32_t *word) {
  const struct pcln_stackmap *m = &p->map;
  const bool from_fp = p->rule.cfa == PCLN_CFA_FP;
  const int64_t size = j->t->ptr_size;
  int64_t at = off; // from the CFA, or from SP
  bool at_sp = false;
  if (reg == j->arch.sp && !from_fp)
    at -= p->rule.cfa_off;
  else if (reg == j->arch.sp && p->said->frame != PCLN_FRAME_VARIES)
    at -= (int64_t)p->said->frame + j->arch.pushed_ra;
  else if (reg == j->arch.sp)
    at_sp = true;
  else if (reg == j->arch.fp && from_fp)
    at -= p->rule.cfa_off;
  else
    return false;
  const bool is_arg = !at_sp && at >= 0;
  if (!is_arg && at_sp != m->locals_at_sp)
    return false;
  at -= is_arg ? m->args_off : m->locals_off;
  const uint32_t n = is_arg ? m->args.n_words : m->locals.n_words;
  if (at < 0 || at % size || at / size >= n)
    return false;
  *word = (uint32_t)(at / size) + (is_arg ? m->locals.n_words : 0);
  return true;
}

// As varp-24 or argp+8; with realigned frames sp+16.
static const char *word_name(const struct job *j, const struct point *p,
                             uint32_t word, char *buf, size_t len) {
  const uint32_t n = p->map.locals.n_words;
  const int64_t size = j->t->ptr_size;
  if (word >= n)
    snprintf(buf, len, "argp+%lld", (long long)((word - n) * size));
  else if (p->map.locals_at_sp)
    snprintf(buf, len, "sp+%lld", (long long)(p->map.locals_off + word * size));
  else
    snprintf(buf, len, "varp-%lld", (long long)((n - word) * size));
  return buf;
}

// --- What the record says ---------------------------------------------------

static void spread(struct cell *cells, const struct pcln_map_row *row,
                   bool said) {
  struct pcln_word w;
  for (uint32_t next = 0; pcln_words_next(row, &next, &w);)
    for (uint8_t i = 0; i < w.n; i++)
      cells[w.index + i] = (struct cell){w.kind, i, said};
}

// Enters an area; false: the maps do not cover it, which is reported.
static bool want_area(struct job *j, const struct point *p,
                      const struct pcln_area *a) {
  const struct pcln_map_row row = pcln_two_bit_row(a->codes, a->n_words);
  const uint64_t n = (uint64_t)a->n_words * a->repeat;
  const int64_t size = j->t->ptr_size;
  uint32_t first, last;
  struct pcln_word w;
  bool live = false;
  for (uint32_t next = 0; pcln_words_next(&row, &next, &w);)
    live |= w.kind >= PCLN_WORD_POINTER;
  if (n == 0)
    return true;
  if (n > n_words(p) || !find_word(j, p, a->reg, a->off, &first) ||
      !find_word(j, p, a->reg, a->off + ((int64_t)n - 1) * size, &last) ||
      last - first != n - 1) {
    if (live)
      SAY(j, "map-place", p->f, p->off,
          "the maps do not have the %llu words from register %u%+d on that "
          "the compiler calls live",
          (unsigned long long)n, a->reg, a->off);
    return !live;
  }
  for (uint32_t i = 0; i < a->repeat; i++)
    spread(j->want + first + (size_t)i * a->n_words, &row, true);
  return true;
}

static enum pcln_status make_room(struct job *j, size_t n) {
  if (n > j->cap) {
    struct cell *grown = realloc(j->want, 2 * n * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    j->want = grown;
    j->cap = 2 * n;
  }
  memset(j->want, 0, n * sizeof *j->want);
  return PCLN_OK;
}

// --- Words ------------------------------------------------------------------

static bool is_live(const struct cell *c) {
  return c->kind >= PCLN_WORD_POINTER;
}

// Whether the table may say `got` of a word of which the record says `want`.
static bool agree(const struct cell *want, const struct cell *got) {
  if (is_live(want) || is_live(got))
    return want->kind == got->kind && want->part == got->part;
  return got->kind != PCLN_WORD_DEAD ||
         (want->said && want->kind == PCLN_WORD_DEAD);
}

// Compares a part of the frame that begins at word `from`; false: reported.
static bool compare_row(struct job *j, const struct point *p,
                        const struct pcln_map_row *row, uint32_t from) {
  struct pcln_word w;
  char buf[40];
  for (uint32_t next = 0; pcln_words_next(row, &next, &w);)
    for (uint8_t i = 0; i < w.n; i++) {
      const uint32_t word = from + w.index + i;
      const struct cell got = {w.kind, i, true}, *want = &j->want[word];
      if (agree(want, &got))
        continue;
      SAY(j, "map-word", p->f, p->off,
          "the compiler says that %s holds %s at this call, the table says %s",
          word_name(j, p, word, buf, sizeof buf), kind_names[want->kind],
          kind_names[got.kind]);
      return false;
    }
  return true;
}

// --- Pairs ------------------------------------------------------------------

static uint32_t word_of(const struct point *p, const struct pcln_map_word *w) {
  return w->index + (w->part == PCLN_MAP_ARGS ? p->map.locals.n_words : 0);
}

// Whether the table has the pair.
static bool has_pair(const struct job *j, const struct point *p, uint32_t base,
                     uint32_t derived) {
  struct pcln_derived_iter it;
  struct pcln_derived pair;
  if (pcln_derived_begin(j->t, p->f, &p->map, &it) != PCLN_OK)
    return false;
  while (pcln_derived_next(&it, &pair))
    if (word_of(p, &pair.base) == base && word_of(p, &pair.derived) == derived)
      return true;
  return false;
}

// Whether the record has it.
static bool says_pair(const struct job *j, const struct point *p,
                      const struct pcln_derived *pair) {
  uint32_t base, derived;
  for (uint32_t i = 0; i < p->said->n_pairs; i++) {
    const struct pcln_pair *s = &p->said->pairs[i];
    if (find_word(j, p, s->base_reg, s->base_off, &base) &&
        find_word(j, p, s->reg, s->off, &derived) &&
        base == word_of(p, &pair->base) &&
        derived == word_of(p, &pair->derived))
      return true;
  }
  return false;
}

static void compare_pairs(struct job *j, const struct point *p) {
  struct pcln_derived_iter it;
  struct pcln_derived pair;
  bool same = true;
  for (uint32_t i = 0; i < p->said->n_pairs && same; i++) {
    const struct pcln_pair *s = &p->said->pairs[i];
    uint32_t base, derived;
    same = find_word(j, p, s->base_reg, s->base_off, &base) &&
           find_word(j, p, s->reg, s->off, &derived) &&
           (base == derived || has_pair(j, p, base, derived));
  }
  if (same && pcln_derived_begin(j->t, p->f, &p->map, &it) == PCLN_OK)
    while (same && pcln_derived_next(&it, &pair))
      same = says_pair(j, p, &pair);
  if (!same)
    SAY(j, "map-pair", p->f, p->off,
        "the table has other pairs of bases and derived pointers at this call "
        "than the compiler");
}

// --- Safepoints -------------------------------------------------------------

static enum pcln_status compare_point(struct job *j, struct point *p) {
  const uint64_t pc = p->f->entry + p->off;
  const bool none = p->said->flags & PCLN_POINT_NO_COLLECT;
  int32_t index;
  if (pcln_pcdata_at(j->t, p->f, PCLN_PCDATA_STACKMAP, pc, &index) != PCLN_OK)
    return PCLN_OK; // the structure's check reports it
  j->run->step->n_calls++;
  if (none || index < 0) {
    if (!none || index != PCLN_STACKMAP_NO_SAFEPOINT)
      SAY(j, "map-point", p->f, p->off,
          none ? "the compiler says that this call cannot collect, the table "
                 "has row %d for it"
               : "the compiler describes this call, the table has %d in the "
                 "place of a row",
          index);
    return PCLN_OK;
  }
  if (pcln_stackmap_at(j->t, p->f, pc, &p->map) != PCLN_OK ||
      pcln_rule_at(j->t, p->f, pc, &p->rule, NULL) != PCLN_OK) {
    SAY(j, "map-point", p->f, p->off,
        "the compiler describes this call, the table has no map or no rule "
        "there");
    return PCLN_OK;
  }
  const enum pcln_status status = make_room(j, n_words(p));
  if (status != PCLN_OK)
    return status;
  for (uint32_t i = 0; i < p->said->n_areas; i++)
    if (!want_area(j, p, &p->said->areas[i]))
      return PCLN_OK;
  if (compare_row(j, p, &p->map.locals, 0) &&
      compare_row(j, p, &p->map.args, p->map.locals.n_words))
    compare_pairs(j, p);
  return PCLN_OK;
}

static enum pcln_status
compare_function(struct job *j, const struct pcln_annot *a,
                 const struct pcln_annot_safepoints *s) {
  struct pcln_func f;
  enum pcln_status status = PCLN_OK;
  if (pcln_find_func(j->t, a->address, &f) != PCLN_OK ||
      f.entry != a->address || f.hole ||
      (!is_called(f.name, s->name) &&
       !has_symbol(j, f.entry, s->name, false))) {
    j->run->excused[PCLN_EXCUSE_GONE]++;
    return PCLN_OK;
  }
  j->run->step->n_functions++;
  for (size_t i = 0; i < s->n_points && status == PCLN_OK; i++) {
    // Code behind a symbol inside the function is an entry of its own.
    const uint64_t pc = a->address + s->points[i].ret_off - 1;
    struct pcln_func g;
    if (pcln_find_func(j->t, pc, &g) != PCLN_OK || g.hole ||
        strcmp(g.name, f.name) != 0) {
      SAY(j, "map-point", &f, pc - f.entry,
          "the compiler describes a call outside of the function");
      return PCLN_OK;
    }
    struct point p = {
        .said = &s->points[i], .f = &g, .off = (uint32_t)(pc - g.entry)};
    status = compare_point(j, &p);
  }
  return status;
}

// --- Variables --------------------------------------------------------------

static bool same_root(const struct pcln_root *r, const struct pcln_annot *a,
                      const struct pcln_annot_root *s) {
  return r->va == a->address && r->tls == !!(s->flags & PCLN_ROOT_TLS) &&
         r->n_words == s->n_words && r->repeat == s->repeat &&
         memcmp(r->codes.ptr, s->codes, r->codes.len) == 0;
}

static void compare_root(struct job *j, const struct pcln_annot *a,
                         const struct pcln_annot_root *s) {
  struct pcln_root_iter it;
  struct pcln_root r;
  const bool tls = s->flags & PCLN_ROOT_TLS;
  pcln_roots_begin(j->t, &it);
  while (pcln_roots_next(&it, &r))
    if (same_root(&r, a, s)) {
      j->seen[r.idx] = 1;
      return;
    }
  if (has_symbol(j, a->address, s->name, tls))
    pcln_check_say_at(j->run, "root-missing", tls ? 0 : a->address, s->name,
                      "the table does not have this variable's references as "
                      "the compiler described them");
  else
    j->run->excused[PCLN_EXCUSE_GONE]++;
}

static void check_unsaid_roots(struct job *j) {
  struct pcln_root_iter it;
  struct pcln_root r;
  pcln_roots_begin(j->t, &it);
  for (; pcln_roots_next(&it, &r); j->run->step->n_items++)
    if (!j->seen[r.idx])
      pcln_check_say(j->run, "root-unsaid", NULL, 0, "roots",
                     PCLN_ROOTS_HEADER + (uint64_t)r.idx * PCLN_ROOT_SIZE,
                     "no compiler described a variable with references at "
                     "0x%llx as it stands here",
                     (unsigned long long)r.va);
}

// --- Records ----------------------------------------------------------------

// A record that cannot be read is no fault of the table's; the link refuses it.
static enum pcln_status compare_record(void *job, const struct pcln_annot *a) {
  struct job *j = job;
  struct pcln_arena arena = {0};
  struct pcln_annot_safepoints s;
  struct pcln_annot_root r;
  struct pcln_annot_fault fault;
  bool no_memory = false;
  enum pcln_status status = PCLN_OK;
  if (a->kind == PCLN_ANNOT_SAFEPOINTS &&
      pcln_annot_safepoints(a, &arena, &s, &fault, &no_memory))
    status = compare_function(j, a, &s);
  else if (a->kind == PCLN_ANNOT_ROOT && pcln_annot_root(a, &r, &fault))
    compare_root(j, a, &r);
  pcln_arena_free(&arena);
  return no_memory ? PCLN_NO_MEMORY : status;
}

enum pcln_status pcln_check_annot(struct pcln_check_run *run) {
  struct job j = {.run = run, .t = run->t, .elf = run->elf};
  enum pcln_status status = PCLN_OK;
  bool any = false;
  for (size_t i = 1; i < j.elf->n_sections; i++)
    any |= pcln_annot_is_section(j.elf->sections[i].name);
  if (!any || !j.t->ours)
    return pcln_check_skip(run, "the file has no annotations");
  if (!pcln_cfi_arch(j.t->machine, &j.arch))
    return pcln_check_skip(run, "the machine's registers are not known");
  struct pcln_root_iter it;
  pcln_roots_begin(j.t, &it);
  j.seen = calloc((size_t)it.n + 1, 1);
  if (!j.seen)
    return PCLN_NO_MEMORY;
  struct pcln_annot_taker taker = {.take = compare_record, .ctx = &j};
  for (size_t i = 1; i < j.elf->n_sections && status == PCLN_OK; i++)
    if (pcln_annot_is_section(j.elf->sections[i].name) &&
        pcln_annot_each(run->elf, &j.elf->sections[i], NULL, &taker) ==
            PCLN_NO_MEMORY) // what is unreadable is no fault of the table's
      status = PCLN_NO_MEMORY;
  if (status == PCLN_OK)
    check_unsaid_roots(&j);
  free(j.seen);
  free(j.want);
  return status;
}
