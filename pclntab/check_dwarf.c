// SPDX-License-Identifier: Apache-2.0
//
// Positions and inlined calls of the table against the file's DWARF, pc by pc.
//
// The DWARF source of the linker side fills a model that has the table's own
// functions; then both sides are the same kind of streams, and one walk over
// the runs of both compares what each says at every pc: file, line, and the
// chain of inlined calls with the place of each call. Numbers of files and of
// calls are each side's own, so they are compared by what they stand for.
//
// At a pc of Go's both may differ and neither be wrong; the known ways are in
// go_excuse(), and counted.
#include "bytes.h"
#include "check_parts.h"
#include "pairs.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

// --- One side ---------------------------------------------------------------

// A position; file is null and line -1 where nothing is said.
struct position {
  const char *file;
  int32_t line, inl; // inl: the innermost inlined call, or -1
};

struct call {
  const char *name;
  int32_t start_line;
  uint8_t func_id;
  uint32_t parent_pc; // bytes from the entry
  struct position at; // of the call; inl: the call around it
};

// What one side says of a function.
struct side {
  struct pcln_span lines, files, inlines;
  const struct pcln_table *t; // the table's side
  const struct pcln_func *f;
  const struct pcln_cu_def *cu; // DWARF's side; null: no files
  struct call *calls;
  uint32_t n_calls, cap_calls;
};

struct placing {
  uint32_t pc, call;
};

// Memory for all functions.
struct compare {
  struct pcln_check_run *run;
  struct pcln_module *m;
  struct side table, dwarf;
  uint32_t *equal;       // by call of the table: number of DWARF's call + 1
  struct placing *order; // calls by parent_pc
  size_t cap_equal, cap_order;
  uint32_t size;    // of the function, in bytes
  bool generated;   // it is Go's, and its own code is the compiler's
  bool empty_runs;  // the table's lines have runs of no bytes
  bool calls_known; // the table's inlined calls can be read
  // The file names that were compared last.
  const char *same_table, *same_dwarf;
};

static const char *file_name(const struct side *s, int32_t number) {
  if (number < 0)
    return NULL;
  if (s->t)
    return pcln_file_name(s->t, s->f, number);
  return s->cu && (uint32_t)number < s->cu->n_files ? s->cu->files[number]
                                                    : NULL;
}

// --- Walking a side's streams -----------------------------------------------

struct cursor {
  struct pcln_pairs p;
  bool ended;
  uint32_t lo, hi; // bytes from the entry: where the value holds
  int32_t value;
};

struct walk {
  const struct side *side;
  struct cursor line, file, inl;
};

static void cursor_seek(struct cursor *c, uint32_t at) {
  while (!c->ended && at >= c->hi) {
    if (pcln_pairs_next(&c->p)) {
      c->lo = c->p.lo;
      c->hi = c->p.hi;
      c->value = c->p.value;
    } else {
      c->ended = true;
    }
  }
  if (c->ended && at >= c->hi) {
    c->lo = c->hi;
    c->hi = UINT32_MAX;
    c->value = -1;
  }
}

static struct cursor cursor_at(struct pcln_span stream, uint32_t quantum) {
  struct cursor c = {
      .p = pcln_pairs_at(stream, quantum), .ended = !stream.ptr, .value = -1};
  c.p.empty_runs = true;
  return c;
}

static struct walk walk_begin(const struct side *s, uint32_t quantum) {
  return (struct walk){.side = s,
                       .line = cursor_at(s->lines, quantum),
                       .file = cursor_at(s->files, quantum),
                       .inl = cursor_at(s->inlines, quantum)};
}

static uint32_t min32(uint32_t a, uint32_t b) { return a < b ? a : b; }

// What the side says at `at`; the calls come in ascending order. *hi: up to
// where it says the same.
static struct position walk_to(struct walk *w, uint32_t at, uint32_t *hi) {
  cursor_seek(&w->line, at);
  cursor_seek(&w->file, at);
  cursor_seek(&w->inl, at);
  *hi = min32(w->line.hi, min32(w->file.hi, w->inl.hi));
  return (struct position){.file = file_name(w->side, w->file.value),
                           .line = w->line.value,
                           .inl = w->inl.value};
}

// --- Inlined calls ----------------------------------------------------------

static bool reserve(void *array, size_t *cap, size_t n, size_t size) {
  if (n <= *cap)
    return true;
  void *old, *p;
  memcpy(&old, array, sizeof old);
  p = realloc(old, 2 * n * size);
  if (!p)
    return false;
  memcpy(array, &p, sizeof p);
  *cap = 2 * n;
  return true;
}

static bool reserve_calls(struct side *s, size_t n) {
  size_t cap = s->cap_calls;
  const bool ok = reserve(&s->calls, &cap, n, sizeof *s->calls);
  s->cap_calls = (uint32_t)cap;
  return ok;
}

static int by_pc(const void *a, const void *b) {
  const struct placing *x = a, *y = b;
  return (x->pc > y->pc) - (x->pc < y->pc);
}

// Finds the position of each of the side's calls, in one walk.
static bool place_calls(struct compare *c, struct side *s) {
  if (s->n_calls == 0)
    return true;
  if (!reserve(&c->order, &c->cap_order, s->n_calls, sizeof *c->order))
    return false;
  for (uint32_t i = 0; i < s->n_calls; i++)
    c->order[i] = (struct placing){s->calls[i].parent_pc, i};
  qsort(c->order, s->n_calls, sizeof *c->order, by_pc);
  struct walk w = walk_begin(s, c->m->quantum);
  for (uint32_t i = 0; i < s->n_calls; i++) {
    struct call *call = &s->calls[c->order[i].call];
    uint32_t unused;
    call->at = walk_to(&w, call->parent_pc, &unused);
    // A chain leads to smaller numbers, so it ends.
    if (call->at.inl >= (int32_t)c->order[i].call)
      call->at.inl = -1;
  }
  return true;
}

static int32_t max_value(struct pcln_span stream, uint32_t quantum) {
  struct pcln_pairs p = pcln_pairs_at(stream, quantum);
  int32_t max = -1;
  p.empty_runs = true;
  while (stream.ptr && pcln_pairs_next(&p))
    if (p.value > max)
      max = p.value;
  return max;
}

static bool has_empty_run(struct pcln_span stream, uint32_t quantum) {
  struct pcln_pairs p = pcln_pairs_at(stream, quantum);
  while (stream.ptr && pcln_pairs_next(&p))
    ;
  return p.c.failed;
}

// --- Sides ------------------------------------------------------------------

// PCLN_NOT_FOUND: the table names calls that it does not have.
static enum pcln_status set_table_side(struct compare *c,
                                       const struct pcln_func *f) {
  const struct pcln_table *t = c->run->t;
  struct side *s = &c->table;
  s->t = t;
  s->f = f;
  s->lines = pcln_check_stream(t, f->pcln);
  s->files = pcln_check_stream(t, f->pcfile);
  s->inlines =
      pcln_check_stream(t, pcln_pcdata_stream(t, f, pcln_pcdata_inltree(t)));
  c->empty_runs = has_empty_run(s->lines, t->quantum);
  const int32_t max = max_value(s->inlines, t->quantum);
  s->n_calls = 0;
  for (int32_t i = 0; i <= max; i++) {
    struct pcln_inline rec;
    if (pcln_inline_at(t, f, (uint32_t)i, &rec) != PCLN_OK)
      return PCLN_NOT_FOUND;
    if (!reserve_calls(s, s->n_calls + 1))
      return PCLN_NO_MEMORY;
    s->calls[s->n_calls++] =
        (struct call){.name = pcln_name_at(t, rec.name_off),
                      .start_line = rec.start_line,
                      .func_id = rec.func_id,
                      .parent_pc = rec.parent_pc};
  }
  return place_calls(c, s) ? PCLN_OK : PCLN_NO_MEMORY;
}

static enum pcln_status set_dwarf_side(struct compare *c,
                                       const struct pcln_func_def *d) {
  struct side *s = &c->dwarf;
  s->cu = d->cu == PCLN_NO_CU ? NULL : &c->m->cus[d->cu];
  s->lines = d->pcln;
  s->files = d->pcfile;
  s->inlines = d->n_pcdata > PCLN_PCDATA_INLTREE
                   ? d->pcdata[PCLN_PCDATA_INLTREE]
                   : (struct pcln_span){0};
  if (!reserve_calls(s, d->n_inlines))
    return PCLN_NO_MEMORY;
  s->n_calls = d->n_inlines;
  for (uint32_t i = 0; i < d->n_inlines; i++)
    s->calls[i] = (struct call){.name = d->inlines[i].name,
                                .start_line = d->inlines[i].start_line,
                                .func_id = d->inlines[i].func_id,
                                .parent_pc = d->inlines[i].parent_pc};
  return place_calls(c, s) ? PCLN_OK : PCLN_NO_MEMORY;
}

// --- Comparing --------------------------------------------------------------

// Go's units have the folder ".", which its table leaves out.
static bool same_file(struct compare *c, const char *table, const char *dwarf) {
  if (!table || !dwarf)
    return table == dwarf;
  if (table == c->same_table && dwarf == c->same_dwarf)
    return true;
  const bool go_dot = !c->run->t->ours && strncmp(dwarf, "./", 2) == 0;
  if (strcmp(table, dwarf) != 0 && !(go_dot && strcmp(table, dwarf + 2) == 0))
    return false;
  c->same_table = table;
  c->same_dwarf = dwarf;
  return true;
}

static const char *shown(const char *name) { return name ? name : "??"; }

// One pc at which both sides have been asked.
struct place {
  const struct pcln_func *f;
  uint32_t off; // bytes from the entry
};

static void say_position(struct compare *c, const struct place *p,
                         const char *name, uint32_t stream,
                         const struct position *t, const struct position *d) {
  pcln_check_say(c->run, name, p->f, p->off, "pctab", stream,
                 "the table says %s:%d, DWARF says %s:%d", shown(t->file),
                 t->line, shown(d->file), d->line);
}

// The last runs of the position before a pc and behind it.
static uint32_t position_lo(const struct walk *w) {
  return w->line.lo > w->file.lo ? w->line.lo : w->file.lo;
}
static uint32_t position_hi(const struct walk *w) {
  return min32(w->line.hi, w->file.hi);
}

// The assembler's list has items of no bytes, such as marks of inlined calls,
// and instructions without a position, such as padding before a loop. Those go
// on with the position before, which is that of the last item in the table, but
// that of the last item with bytes in DWARF. So the table changes where DWARF
// goes on; and from the next change on, of either, they agree again.
static bool is_without_position(struct compare *c, const struct walk *t,
                                const struct walk *d,
                                const struct position *table,
                                const struct position *dwarf) {
  const uint32_t t_hi = position_hi(t), d_hi = position_hi(d);
  struct walk after;
  struct position next;
  uint32_t unused;
  if (position_lo(t) <= position_lo(d) && dwarf->line != -1)
    return false;
  if (t_hi < d_hi) { // the table comes back to the position that DWARF kept
    after = *t;
    next = walk_to(&after, t_hi, &unused);
    return next.line == dwarf->line && same_file(c, next.file, dwarf->file);
  }
  if (t_hi > d_hi) { // DWARF comes to the table's position, and keeps step
    after = *d;
    next = walk_to(&after, d_hi, &unused);
    return next.line == table->line && same_file(c, table->file, next.file) &&
           position_hi(&after) == t_hi;
  }
  return true;
}

static bool is_generated(const struct position *table) {
  return table->file && strcmp(table->file, "<autogenerated>") == 0;
}

// Why a Go table and its DWARF may differ here; PCLN_N_EXCUSES: they may not.
//
// Since go1.22 DWARF leaves out the rows of code that the compiler made, until
// go1.14 the inlined calls of functions that it made. Until
// go1.14 a function's rows end with one of line 1 of the unit's first file, at
// the pc of the row before. The assembler for s390x counts instructions of no
// bytes in a few functions of package math, whose streams have runs of no
// bytes; their DWARF is behind by one instruction.
static enum pcln_excuse go_excuse(struct compare *c, const struct walk *t,
                                  const struct walk *d,
                                  const struct position *table,
                                  const struct position *dwarf) {
  if (c->run->t->ours)
    return PCLN_N_EXCUSES;
  if (dwarf->line == -1 && is_generated(table))
    return PCLN_EXCUSE_GENERATED;
  if (c->empty_runs)
    return PCLN_EXCUSE_EMPTY_RUNS;
  if (c->run->t->layout == PCLN_GO_12 && dwarf->line == 1 &&
      position_hi(d) >= c->size)
    return PCLN_EXCUSE_LAST_ROW;
  return is_without_position(c, t, d, table, dwarf) ? PCLN_EXCUSE_NO_POSITION
                                                    : PCLN_N_EXCUSES;
}

static void compare_positions(struct compare *c, const struct place *p,
                              const struct walk *tw, const struct walk *dw,
                              const struct position *t,
                              const struct position *d) {
  const bool line = t->line == d->line;
  if (line && same_file(c, t->file, d->file))
    return;
  const enum pcln_excuse excuse = go_excuse(c, tw, dw, t, d);
  if (excuse < PCLN_N_EXCUSES)
    c->run->excused[excuse]++;
  else if (line)
    say_position(c, p, "dwarf-file", p->f->pcfile, t, d);
  else
    say_position(c, p, "dwarf-line", p->f->pcln, t, d);
}

// Before go1.20 the table has no such lines. Go's DWARF leaves them out of
// functions that are the compiler's and of those that were inlined elsewhere.
static bool same_start(struct compare *c, int32_t table, int32_t dwarf) {
  if (c->run->t->layout < PCLN_GO_120 || table == dwarf)
    return true;
  if (c->run->t->ours || dwarf != 0)
    return false;
  c->run->excused[PCLN_EXCUSE_START]++;
  return true;
}

static const struct call *call_of(const struct side *s, int32_t inl) {
  return inl >= 0 && (uint32_t)inl < s->n_calls ? &s->calls[inl] : NULL;
}

// Compares the inlined calls around a pc, from the innermost outward. Chains
// that agree are remembered.
static void compare_calls(struct compare *c, const struct place *p, int32_t t,
                          int32_t d) {
  const struct call *a = call_of(&c->table, t), *b = call_of(&c->dwarf, d);
  const struct pcln_func *f = p->f;
  const char *name = NULL;
  const uint32_t stream =
      pcln_pcdata_stream(c->run->t, f, pcln_pcdata_inltree(c->run->t));
  for (; a && b &&
         c->equal[a - c->table.calls] != (uint32_t)(b - c->dwarf.calls) + 1;
       a = call_of(&c->table, a->at.inl), b = call_of(&c->dwarf, b->at.inl)) {
    if (!a->name || !b->name || strcmp(a->name, b->name) != 0) {
      pcln_check_say(c->run, "dwarf-inlined", f, p->off, "pctab", stream,
                     "the table says %s is inlined here, DWARF says %s",
                     shown(a->name), shown(b->name));
      return;
    }
    if (a->at.line != b->at.line || !same_file(c, a->at.file, b->at.file)) {
      pcln_check_say(c->run, "dwarf-call", f, p->off, "pctab", stream,
                     "the table says %s is called at %s:%d, DWARF says %s:%d",
                     a->name, shown(a->at.file), a->at.line, shown(b->at.file),
                     b->at.line);
      return;
    }
    if (c->run->t->ours && a->func_id != b->func_id) {
      pcln_check_say(c->run, "dwarf-inlined", f, p->off, "pctab", stream,
                     "%s is inlined here, with the function identifier %u of "
                     "Go, which no C function has",
                     a->name, a->func_id);
      return;
    }
    if (!same_start(c, a->start_line, b->start_line))
      name = a->name;
  }
  if (a && !b && c->generated && c->dwarf.n_calls == 0) {
    c->run->excused[PCLN_EXCUSE_GENERATED]++;
    return;
  }
  if (!a != !b) {
    pcln_check_say(c->run, "dwarf-inlined", f, p->off, "pctab", stream,
                   a ? "the table says %s is inlined here, DWARF does not"
                     : "DWARF says %s is inlined here, the table does not",
                   shown(a ? a->name : b->name));
    return;
  }
  if (name)
    pcln_check_say(c->run, "dwarf-start-line", f, p->off, "funcdata", 0,
                   "%s is inlined here, and begins at another line in DWARF",
                   name);
  if (t >= 0)
    c->equal[t] = (uint32_t)d + 1;
}

static void compare_runs(struct compare *c, const struct pcln_func *f,
                         uint32_t size) {
  struct walk t = walk_begin(&c->table, c->m->quantum);
  struct walk d = walk_begin(&c->dwarf, c->m->quantum);
  struct place p = {f, 0};
  uint32_t unused;
  const struct position first = walk_to(&t, 0, &unused);
  c->size = size;
  c->generated = !c->run->t->ours && is_generated(&first);
  for (uint32_t t_hi, d_hi; p.off < size; p.off = min32(t_hi, d_hi)) {
    const struct position x = walk_to(&t, p.off, &t_hi);
    const struct position y = walk_to(&d, p.off, &d_hi);
    c->run->step->n_items++;
    compare_positions(c, &p, &t, &d, &x, &y);
    if (c->calls_known)
      compare_calls(c, &p, x.inl, y.inl);
  }
}

static enum pcln_status compare_function(struct compare *c, uint32_t idx,
                                         const struct pcln_func_def *d) {
  struct pcln_func f;
  if (pcln_func_at(c->run->t, idx, &f) != PCLN_OK)
    return PCLN_OK;
  enum pcln_status status = set_table_side(c, &f);
  if (status == PCLN_NOT_FOUND)
    return PCLN_OK; // reported by the check of the structure
  if (status == PCLN_OK)
    status = set_dwarf_side(c, d);
  if (status != PCLN_OK)
    return status;
  if (!reserve(&c->equal, &c->cap_equal, c->table.n_calls, sizeof *c->equal))
    return PCLN_NO_MEMORY;
  if (c->table.n_calls)
    memset(c->equal, 0, c->table.n_calls * sizeof *c->equal);
  c->run->step->n_functions++;
  c->run->step->n_calls += c->table.n_calls;
  if (!same_start(c, f.start_line, d->start_line))
    pcln_check_say(c->run, "dwarf-start-line", &f, 0, "functab", f.rec_off,
                   "the table says it begins at line %d, DWARF says %d",
                   f.start_line, d->start_line);
  compare_runs(c, &f, d->size);
  return PCLN_OK;
}

// --- Interface --------------------------------------------------------------

static enum pcln_status compare_all(struct pcln_check_run *run,
                                    struct pcln_module *m,
                                    const uint32_t *idx) {
  struct compare c = {.run = run,
                      .m = m,
                      .calls_known =
                          pcln_pcdata_inltree(run->t) != UINT32_MAX &&
                          run->t->funcdata.ptr};
  enum pcln_status status = PCLN_OK;
  for (size_t i = 0; i < m->n_funcs && status == PCLN_OK; i++)
    status = compare_function(&c, idx[i], &m->funcs[i]);
  free(c.table.calls);
  free(c.dwarf.calls);
  free(c.equal);
  free(c.order);
  return status;
}

enum pcln_status pcln_check_dwarf(struct pcln_check_run *run) {
  struct pcln_source_stats stats = {0};
  const struct pcln_source_options o = {
      .threads = run->o.threads, .maps = run->o.maps, .n_maps = run->o.n_maps};
  struct pcln_module m;
  uint32_t *idx = NULL;
  pcln_module_init(&m);
  enum pcln_status status = pcln_check_functions(run, &m, &idx);
  if (status == PCLN_OK)
    status = pcln_src_dwarf(run->elf, &m, &o, &stats);
  if (status == PCLN_CORRUPT || status == PCLN_LIMIT ||
      status == PCLN_UNSUPPORTED)
    status = pcln_check_skip(run, "the file's DWARF is damaged, or of a kind "
                                  "that is not read");
  else if (status == PCLN_OK && stats.cus == 0)
    status = pcln_check_skip(run, "the file has no DWARF of its functions");
  else if (status == PCLN_OK)
    status = compare_all(run, &m, idx);
  free(idx);
  pcln_module_free(&m);
  return status;
}
