// SPDX-License-Identifier: Apache-2.0
//
// The model's memory and its invariants: arenas, streams in their table
// encoding, functions sorted and disjoint, distinct rules.
//
// A stream is encoded while it is built (see pclntab/module.h for why). The
// encoding is Go's: pairs (value delta zig-zag, pc delta in quanta) as varints,
// value -1 and pc 0 before the first pair, a zero byte behind the last. A run
// is held back until its successor differs, so that equal neighbours join.
#include "module.h"

#include "bytes.h"
#include "pairs.h"
#include "stackmap.h"

#include <stdlib.h>
#include <string.h>

// --- Arena ------------------------------------------------------------------

struct pcln_arena_block {
  struct pcln_arena_block *next;
};

enum { ARENA_BLOCK = 256 * 1024 }; // bytes; larger requests get their own block

void *pcln_arena_alloc(struct pcln_arena *arena, size_t len) {
  if (len > SIZE_MAX - 64)
    return NULL;
  len = (len + 7) & ~(size_t)7;
  if (len > (size_t)(arena->end - arena->pos) || !arena->pos) {
    const size_t head = (sizeof(struct pcln_arena_block) + 7) & ~(size_t)7;
    const bool own = len > ARENA_BLOCK / 4;
    const size_t room = own ? len : ARENA_BLOCK;
    struct pcln_arena_block *b = malloc(head + room);
    if (!b)
      return NULL;
    b->next = arena->head;
    arena->head = b;
    if (own) // keep filling the block in use
      return (uint8_t *)b + head;
    arena->pos = (uint8_t *)b + head;
    arena->end = arena->pos + room;
  }
  void *p = arena->pos;
  arena->pos += len;
  return p;
}

char *pcln_arena_strdup(struct pcln_arena *arena, const char *s, size_t len) {
  char *copy = pcln_arena_alloc(arena, len + 1);
  if (!copy)
    return NULL;
  memcpy(copy, s, len);
  copy[len] = 0;
  return copy;
}

void pcln_arena_free(struct pcln_arena *arena) {
  for (struct pcln_arena_block *b = arena->head; b;) {
    struct pcln_arena_block *next = b->next;
    free(b);
    b = next;
  }
  *arena = (struct pcln_arena){0};
}

// --- Streams ----------------------------------------------------------------

void pcln_stream_init(struct pcln_stream *s, unsigned quantum) {
  *s = (struct pcln_stream){.quantum = quantum};
  pcln_stream_reset(s);
}

void pcln_stream_free(struct pcln_stream *s) {
  free(s->buf);
  *s = (struct pcln_stream){0};
}

void pcln_stream_reset(struct pcln_stream *s) {
  s->len = 0;
  s->pc = s->pending_end = 0;
  s->pending = s->last = -1;
  s->no_memory = false;
}

// Writes the pending run.
static void stream_flush(struct pcln_stream *s) {
  if (s->pending_end == s->pc)
    return;
  if (s->cap - s->len < 16) {
    size_t cap = s->cap ? s->cap * 2 : 256;
    uint8_t *buf = realloc(s->buf, cap);
    if (!buf) {
      s->no_memory = true;
      return;
    }
    s->buf = buf;
    s->cap = cap;
  }
  // Differences wrap at 32 bits, as every reader's arithmetic does.
  const int32_t delta = (int32_t)((uint32_t)s->pending - (uint32_t)s->last);
  s->len += pcln_put_varint32(s->buf + s->len, pcln_zigzag(delta));
  s->len +=
      pcln_put_varint32(s->buf + s->len, (s->pending_end - s->pc) / s->quantum);
  s->last = s->pending;
  s->pc = s->pending_end;
}

void pcln_stream_add(struct pcln_stream *s, uint32_t end_off, int32_t value) {
  if (end_off <= s->pending_end)
    return;
  if (value != s->pending) {
    stream_flush(s);
    s->pending = value;
  }
  s->pending_end = end_off;
}

enum pcln_status pcln_stream_end(struct pcln_stream *s,
                                 struct pcln_arena *arena,
                                 struct pcln_span *out) {
  *out = (struct pcln_span){0};
  if (s->len == 0 && s->pending == -1)
    return PCLN_OK; // nothing but "no value"
  stream_flush(s);
  if (s->no_memory)
    return PCLN_NO_MEMORY;
  uint8_t *copy = pcln_arena_alloc(arena, s->len + 1);
  if (!copy)
    return PCLN_NO_MEMORY;
  memcpy(copy, s->buf, s->len);
  copy[s->len] = 0;
  *out = (struct pcln_span){.ptr = copy, .len = s->len + 1};
  return PCLN_OK;
}

// --- Functions --------------------------------------------------------------

void pcln_module_init(struct pcln_module *m) {
  *m = (struct pcln_module){.ptr_size = 8, .quantum = 1};
}

void pcln_module_free(struct pcln_module *m) {
  for (size_t i = 0; i < m->n_workers; i++)
    pcln_arena_free(&m->workers[i]);
  free(m->workers);
  free(m->funcs);
  free(m->rules);
  free(m->roots);
  pcln_arena_free(&m->arena);
  *m = (struct pcln_module){0};
}

enum pcln_status pcln_module_workers(struct pcln_module *m, size_t n) {
  struct pcln_arena *w = calloc(n, sizeof *w);
  if (!w)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < m->n_workers; i++)
    pcln_arena_free(&m->workers[i]);
  free(m->workers);
  m->workers = w;
  m->n_workers = n;
  return PCLN_OK;
}

enum pcln_status pcln_module_add_func(struct pcln_module *m,
                                      const struct pcln_func_def *f) {
  if (m->n_funcs == m->cap_funcs) {
    size_t cap = m->cap_funcs ? m->cap_funcs * 2 : 1024;
    struct pcln_func_def *funcs = realloc(m->funcs, cap * sizeof *funcs);
    if (!funcs)
      return PCLN_NO_MEMORY;
    m->funcs = funcs;
    m->cap_funcs = cap;
  }
  m->funcs[m->n_funcs++] = *f;
  return PCLN_OK;
}

static int func_by_va(const void *a, const void *b) {
  const struct pcln_func_def *x = a, *y = b;
  return (x->va > y->va) - (x->va < y->va);
}

enum pcln_status pcln_module_sort(struct pcln_module *m,
                                  const struct pcln_sink *sink) {
  bool sorted = true;
  for (size_t i = 1; i < m->n_funcs && sorted; i++)
    sorted = m->funcs[i - 1].va <= m->funcs[i].va;
  if (!sorted)
    qsort(m->funcs, m->n_funcs, sizeof *m->funcs, func_by_va);
  for (size_t i = 0; i < m->n_funcs; i++) {
    const struct pcln_func_def *f = &m->funcs[i];
    if (f->size && (i + 1 == m->n_funcs || f[1].va - f->va >= f->size))
      continue;
    pcln_say(sink, &(struct pcln_report){
                       .severity = PCLN_ERROR,
                       .fault = "func-overlap",
                       .func = f->name,
                       .text = "the function is empty or runs into the next"});
    return PCLN_CORRUPT;
  }
  return PCLN_OK;
}

size_t pcln_module_lower_bound(const struct pcln_module *m, uint64_t va) {
  size_t lo = 0, hi = m->n_funcs;
  while (lo < hi) {
    size_t mid = lo + (hi - lo) / 2;
    if (m->funcs[mid].va < va)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo;
}

struct pcln_func_def *pcln_module_find(const struct pcln_module *m,
                                       uint64_t va) {
  size_t i = pcln_module_lower_bound(m, va);
  if (i < m->n_funcs && m->funcs[i].va == va)
    return &m->funcs[i];
  if (i == 0)
    return NULL;
  struct pcln_func_def *f = &m->funcs[i - 1];
  return va - f->va < f->size ? f : NULL;
}

// Sets spans[index], growing the array (absent entries between) in `arena`.
static enum pcln_status set_span(struct pcln_span **spans, uint32_t *n,
                                 uint32_t index, struct pcln_span span,
                                 struct pcln_arena *arena) {
  if (index >= *n) {
    struct pcln_span *grown =
        pcln_arena_alloc(arena, ((size_t)index + 1) * sizeof *grown);
    if (!grown)
      return PCLN_NO_MEMORY;
    if (*n)
      memcpy(grown, *spans, *n * sizeof *grown);
    memset(grown + *n, 0, ((size_t)index + 1 - *n) * sizeof *grown);
    *spans = grown;
    *n = index + 1;
  }
  (*spans)[index] = span;
  return PCLN_OK;
}

enum pcln_status pcln_func_set_pcdata(struct pcln_func_def *f, uint32_t index,
                                      struct pcln_span stream,
                                      struct pcln_arena *arena) {
  return set_span(&f->pcdata, &f->n_pcdata, index, stream, arena);
}

enum pcln_status pcln_func_set_funcdata(struct pcln_func_def *f, uint32_t index,
                                        struct pcln_span bytes,
                                        struct pcln_arena *arena) {
  return set_span(&f->funcdata, &f->n_funcdata, index, bytes, arena);
}

// --- Rules ------------------------------------------------------------------

// Linear: a module has a few dozen distinct rules, and callers keep the last.
enum pcln_status pcln_module_rule(struct pcln_module *m,
                                  const struct pcln_rule *rule, uint32_t *idx) {
  for (size_t i = 0; i < m->n_rules; i++) {
    const struct pcln_rule *r = &m->rules[i];
    if (r->cfa == rule->cfa && r->fp == rule->fp && r->ra == rule->ra &&
        r->reg == rule->reg && r->cfa_off == rule->cfa_off &&
        r->fp_off == rule->fp_off && r->ra_off == rule->ra_off) {
      *idx = (uint32_t)i;
      return PCLN_OK;
    }
  }
  if (m->n_rules == m->cap_rules) {
    size_t cap = m->cap_rules ? m->cap_rules * 2 : 64;
    struct pcln_rule *rules = realloc(m->rules, cap * sizeof *rules);
    if (!rules)
      return PCLN_NO_MEMORY;
    m->rules = rules;
    m->cap_rules = cap;
  }
  *idx = (uint32_t)m->n_rules;
  m->rules[m->n_rules++] = *rule;
  return PCLN_OK;
}

// --- Roots ------------------------------------------------------------------

enum pcln_status pcln_module_add_root(struct pcln_module *m,
                                      const struct pcln_root_def *root) {
  if (m->n_roots == m->cap_roots) {
    const size_t cap = m->cap_roots ? m->cap_roots * 2 : 64;
    struct pcln_root_def *roots = realloc(m->roots, cap * sizeof *roots);
    if (!roots)
      return PCLN_NO_MEMORY;
    m->roots = roots;
    m->cap_roots = cap;
  }
  m->roots[m->n_roots++] = *root;
  return PCLN_OK;
}

static int root_by_place(const void *a, const void *b) {
  const struct pcln_root_def *x = a, *y = b;
  if (x->flags != y->flags)
    return x->flags < y->flags ? -1 : 1;
  return (x->off > y->off) - (x->off < y->off);
}

struct pcln_root_def *pcln_module_roots_sorted(const struct pcln_module *m) {
  struct pcln_root_def *sorted = malloc((m->n_roots + 1) * sizeof *sorted);
  if (sorted && m->n_roots) {
    memcpy(sorted, m->roots, m->n_roots * sizeof *sorted);
    qsort(sorted, m->n_roots, sizeof *sorted, root_by_place);
  }
  return sorted;
}

// --- Comparing --------------------------------------------------------------

static bool same_string(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_bytes(struct pcln_span a, struct pcln_span b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

// Funcdata has no length of its own in a table, so that what was read back may
// end in the padding before its neighbour.
static bool same_payload(struct pcln_span a, struct pcln_span b) {
  enum { MAX_PADDING = 7 };
  if (a.len > b.len)
    return same_payload(b, a);
  if ((a.len == 0) != (b.len == 0) || b.len - a.len > MAX_PADDING)
    return false;
  for (size_t i = a.len; i < b.len; i++)
    if (b.ptr[i])
      return false;
  return a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0;
}

// What a stream's value stands for, so that numbers which only order tells
// apart can be compared: a file name, a rule, or null.
typedef const void *(*meaning_fn)(const struct pcln_module *m,
                                  const struct pcln_func_def *f, int32_t value);

static const void *file_meaning(const struct pcln_module *m,
                                const struct pcln_func_def *f, int32_t value) {
  if (value < 0 || f->cu >= m->n_cus ||
      (uint32_t)value >= m->cus[f->cu].n_files)
    return NULL;
  return m->cus[f->cu].files[value];
}

static const void *rule_meaning(const struct pcln_module *m,
                                const struct pcln_func_def *f, int32_t value) {
  (void)f;
  return value < 0 || (size_t)value >= m->n_rules ? NULL : &m->rules[value];
}

static bool same_rule(const void *x, const void *y) {
  const struct pcln_rule *a = x, *b = y;
  return a == b ||
         (a && b && a->cfa == b->cfa && a->fp == b->fp && a->ra == b->ra &&
          a->reg == b->reg && a->cfa_off == b->cfa_off &&
          a->fp_off == b->fp_off && a->ra_off == b->ra_off);
}

static bool same_file(const void *x, const void *y) {
  return same_string(x, y);
}

// A stream of one of the two models.
struct side {
  const struct pcln_module *m;
  const struct pcln_func_def *f;
  struct pcln_span stream;
};

// A walk over a stream's runs by meaning; ends with null up to UINT32_MAX.
struct meaning_walk {
  const struct side *side;
  struct pcln_pairs pairs;
  uint32_t hi;
  const void *meaning;
};

static void next_meaning(struct meaning_walk *w, meaning_fn meaning) {
  const bool more = w->side->stream.ptr && pcln_pairs_next(&w->pairs);
  w->hi = more ? w->pairs.hi : UINT32_MAX;
  w->meaning = more ? meaning(w->side->m, w->side->f, w->pairs.value) : NULL;
}

// Whether two streams mean the same at each pc; null and no run are the same.
static bool same_meaning(const struct side *a, const struct side *b,
                         meaning_fn meaning,
                         bool (*same)(const void *, const void *)) {
  struct meaning_walk x = {.side = a,
                           .pairs = pcln_pairs_at(a->stream, a->m->quantum)};
  struct meaning_walk y = {.side = b,
                           .pairs = pcln_pairs_at(b->stream, b->m->quantum)};
  next_meaning(&x, meaning);
  next_meaning(&y, meaning);
  for (;;) {
    if (!same(x.meaning, y.meaning))
      return false;
    if (x.hi == y.hi && x.hi == UINT32_MAX)
      return true;
    const bool step_x = x.hi <= y.hi, step_y = y.hi <= x.hi;
    if (step_x)
      next_meaning(&x, meaning);
    if (step_y)
      next_meaning(&y, meaning);
  }
}

static struct pcln_span span_at(const struct pcln_span *spans, uint32_t n,
                                uint32_t i) {
  return i < n ? spans[i] : (struct pcln_span){0};
}

static bool same_streams(const struct pcln_module *a,
                         const struct pcln_func_def *f,
                         const struct pcln_module *b,
                         const struct pcln_func_def *g) {
  struct side x = {.m = a, .f = f, .stream = f->pcfile};
  struct side y = {.m = b, .f = g, .stream = g->pcfile};
  if (!same_bytes(f->pcsp, g->pcsp) || !same_bytes(f->pcln, g->pcln) ||
      !same_meaning(&x, &y, file_meaning, same_file))
    return false;
  const uint32_t n = f->n_pcdata > g->n_pcdata ? f->n_pcdata : g->n_pcdata;
  for (uint32_t i = 0; i < n; i++) {
    x.stream = span_at(f->pcdata, f->n_pcdata, i);
    y.stream = span_at(g->pcdata, g->n_pcdata, i);
    if (i == PCLN_PCDATA_UNWIND ? !same_meaning(&x, &y, rule_meaning, same_rule)
                                : !same_bytes(x.stream, y.stream))
      return false;
  }
  return true;
}

static bool same_inlines(const struct pcln_func_def *f,
                         const struct pcln_func_def *g) {
  if (f->n_inlines != g->n_inlines)
    return false;
  for (uint32_t i = 0; i < f->n_inlines; i++) {
    const struct pcln_inline_def *a = &f->inlines[i], *b = &g->inlines[i];
    if (!same_string(a->name, b->name) || a->parent_pc != b->parent_pc ||
        a->start_line != b->start_line || a->func_id != b->func_id)
      return false;
  }
  return true;
}

static bool same_func(const struct pcln_module *a,
                      const struct pcln_func_def *f,
                      const struct pcln_module *b,
                      const struct pcln_func_def *g) {
  if (f->va != g->va || f->size != g->size || !same_string(f->name, g->name) ||
      f->start_line != g->start_line || f->args != g->args ||
      f->deferreturn != g->deferreturn || f->func_id != g->func_id ||
      f->flags != g->flags)
    return false;
  const uint32_t n =
      f->n_funcdata > g->n_funcdata ? f->n_funcdata : g->n_funcdata;
  for (uint32_t i = 0; i < n; i++)
    if (!same_payload(span_at(f->funcdata, f->n_funcdata, i),
                      span_at(g->funcdata, g->n_funcdata, i)))
      return false;
  return same_streams(a, f, b, g) && same_inlines(f, g);
}

static bool same_root(const struct pcln_root_def *a,
                      const struct pcln_root_def *b) {
  return a->off == b->off && a->n_words == b->n_words &&
         a->repeat == b->repeat && a->flags == b->flags &&
         memcmp(a->codes, b->codes, pcln_codes_len(a->n_words)) == 0;
}

static bool same_roots(const struct pcln_module *a,
                       const struct pcln_module *b) {
  if (a->n_roots != b->n_roots)
    return false;
  struct pcln_root_def *x = pcln_module_roots_sorted(a);
  struct pcln_root_def *y = pcln_module_roots_sorted(b);
  bool same = x && y;
  for (size_t i = 0; i < a->n_roots && same; i++)
    same = same_root(&x[i], &y[i]);
  free(x);
  free(y);
  return same;
}

bool pcln_module_equal(const struct pcln_module *a,
                       const struct pcln_module *b) {
  if (a->ptr_size != b->ptr_size || a->quantum != b->quantum ||
      a->big_endian != b->big_endian || a->machine != b->machine ||
      a->stackmap_bits != b->stackmap_bits ||
      a->build_id_len != b->build_id_len ||
      memcmp(a->build_id, b->build_id, a->build_id_len) != 0 ||
      a->n_funcs != b->n_funcs)
    return false;
  for (size_t i = 0; i < a->n_funcs; i++)
    if (!same_func(a, &a->funcs[i], b, &b->funcs[i]))
      return false;
  return same_roots(a, b);
}
