// SPDX-License-Identifier: Apache-2.0
//
// What a table spends its bytes on, and how much of the program's text it
// describes. Sizes of parts add up to the whole. Streams are shared by content,
// within and between kinds, so each distinct one is counted once, for the first
// kind that uses it, beside the number of its uses.
#include "dump.h"

#include "table.h"

#include <stdio.h>
#include <stdlib.h>

// --- Bytes of each part -----------------------------------------------------

static uint64_t hundredths(uint64_t part, uint64_t whole) {
  return whole ? part * 10000 / whole : 0;
}

// What the shares are taken of.
struct whole {
  uint64_t bytes, functions; // holes are not functions
};

static void size_record(struct dump_out *o, const char *part, uint64_t bytes,
                        const struct whole *of) {
  dump_begin(o, "size");
  dump_str(o, "part", part);
  dump_num(o, "bytes", (int64_t)bytes);
  dump_named_hundredths(o, "percent", hundredths(bytes, of->bytes));
  dump_named_hundredths(o, "per_function",
                        of->functions ? bytes * 100 / of->functions : 0);
  dump_end(o);
}

static void size_records(const struct dump *d, uint64_t functions) {
  const struct pcln_table *t = &d->file->table;
  const size_t entries =
      t->n_funcs * pcln_functab_entry_size(t) + pcln_functab_entry_size(t) / 2;
  const struct {
    const char *part;
    uint64_t bytes;
  } parts[] = {
      {"module_header", t->ours ? PCLN_MOD_SIZE : 0},
      {"funcnametab", t->names.len},
      {"cutab", t->cutab.len},
      {"filetab", t->files.len},
      {"pctab", t->pctab.len},
      {"functab", entries},
      {"records", t->functab.len - entries},
      // Of a bare Go table these lie elsewhere, without a length of their own.
      {"funcdata", t->ours ? t->funcdata.len : 0},
      {"findfunctab", t->ours ? t->findfunctab.len : 0},
      {"rules", t->rules.len},
      {"callees", t->callees.len},
  };
  const struct whole whole = {.bytes = t->blob.len, .functions = functions};
  uint64_t sum = 0;
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    size_record(d->out, parts[i].part, parts[i].bytes, &whole);
    sum += parts[i].bytes;
  }
  // Before go1.16 the parts overlap: names and files are spread over the table.
  size_record(d->out, "other", whole.bytes > sum ? whole.bytes - sum : 0,
              &whole);
  size_record(d->out, "total", whole.bytes, &whole);
}

// --- Streams ----------------------------------------------------------------

enum { // pcsp, pcfile, pcln, then PCDATA 0, 1, ...
  KIND_PCDATA = 3,
  MAX_KINDS = KIND_PCDATA + 16,
};

struct use {
  uint32_t stream, kind;
};

struct uses {
  struct use *list;
  size_t n, cap;
};

static bool add_use(struct uses *u, uint32_t kind, uint32_t stream) {
  if (stream == 0)
    return true;
  if (u->n == u->cap) {
    const size_t cap = u->cap ? u->cap * 2 : 4096;
    struct use *list = realloc(u->list, cap * sizeof *list);
    if (!list)
      return false;
    u->list = list;
    u->cap = cap;
  }
  u->list[u->n++] = (struct use){stream, kind};
  return true;
}

static bool add_uses(struct uses *u, const struct pcln_table *t,
                     const struct pcln_func *f) {
  bool ok = add_use(u, 0, f->pcsp) && add_use(u, 1, f->pcfile) &&
            add_use(u, 2, f->pcln);
  for (uint32_t i = 0; ok && i < f->n_pcdata && KIND_PCDATA + i < MAX_KINDS;
       i++)
    ok = add_use(u, KIND_PCDATA + i, pcln_pcdata_stream(t, f, i));
  return ok;
}

static int by_stream(const void *a, const void *b) {
  const struct use *x = a, *y = b;
  if (x->stream != y->stream)
    return x->stream < y->stream ? -1 : 1;
  return (x->kind > y->kind) - (x->kind < y->kind);
}

uint64_t dump_stream_bytes(const struct pcln_table *t, uint32_t stream) {
  struct pcln_run_iter it;
  struct pcln_run run;
  pcln_runs_begin(t, stream, &it);
  const uint8_t *start = it.pos, *end = start;
  while (pcln_runs_next(&it, &run))
    end = it.pos;
  return start ? (uint64_t)(end - start) + 1 : 0; // and its terminator
}

static void stream_records(struct dump *d, struct uses *u) {
  struct {
    uint64_t uses, distinct, bytes;
  } kinds[MAX_KINDS] = {0};
  if (u->n)
    qsort(u->list, u->n, sizeof *u->list, by_stream);
  for (size_t i = 0; i < u->n; i++) {
    const struct use *use = &u->list[i];
    kinds[use->kind].uses++;
    if (i > 0 && use->stream == use[-1].stream)
      continue;
    kinds[use->kind].distinct++;
    kinds[use->kind].bytes += dump_stream_bytes(&d->file->table, use->stream);
  }
  static const char *const names[] = {"pcsp", "pcfile", "pcln"};
  for (uint32_t k = 0; k < MAX_KINDS; k++) {
    char name[24];
    snprintf(name, sizeof name, "pcdata%u", k - KIND_PCDATA);
    if (kinds[k].uses == 0)
      continue;
    dump_begin(d->out, "streams");
    dump_str(d->out, "stream", k < KIND_PCDATA ? names[k] : name);
    dump_named_num(d->out, "uses", (int64_t)kinds[k].uses);
    dump_named_num(d->out, "distinct", (int64_t)kinds[k].distinct);
    dump_named_num(d->out, "bytes", (int64_t)kinds[k].bytes);
    dump_end(d->out);
  }
}

// --- Coverage ---------------------------------------------------------------

struct coverage { // counts, and bytes of text
  uint64_t functions, holes, calls;
  uint64_t in_functions, in_holes, with_line, unwindable;
};

static uint64_t line_bytes(const struct pcln_table *t,
                           const struct pcln_func *f) {
  struct pcln_run_iter it;
  const uint64_t size = f->end - f->entry;
  uint64_t sum = 0;
  if (f->pcln == 0)
    return 0;
  pcln_runs_begin(t, f->pcln, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run) && run.lo < size;)
    if (run.value > 0)
      sum += (run.hi < size ? run.hi : size) - run.lo;
  return sum;
}

static uint64_t unwindable_bytes(const struct pcln_table *t,
                                 const struct pcln_func *f) {
  uint64_t sum = 0;
  for (uint64_t pc = f->entry; pc < f->end;) {
    struct pcln_rule rule;
    struct pcln_run range;
    if (pcln_rule_at(t, f, pc, &rule, &range) != PCLN_OK ||
        range.hi <= pc - f->entry)
      break;
    const uint64_t hi =
        f->entry + range.hi < f->end ? f->entry + range.hi : f->end;
    if (rule.cfa != PCLN_CFA_NONE)
      sum += hi - pc;
    pc = hi;
  }
  return sum;
}

static uint64_t call_count(const struct pcln_table *t,
                           const struct pcln_func *f) {
  const uint32_t stream = pcln_pcdata_stream(t, f, PCLN_PCDATA_INLTREE);
  struct pcln_run_iter it;
  int32_t last = -1;
  if (stream == 0)
    return 0;
  pcln_runs_begin(t, stream, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);)
    if (run.value > last)
      last = run.value;
  return (uint64_t)((int64_t)last + 1);
}

static void cover(struct coverage *c, const struct pcln_table *t,
                  const struct pcln_func *f) {
  const uint64_t size = f->end - f->entry;
  if (f->hole) {
    c->holes++;
    c->in_holes += size;
    return;
  }
  c->functions++;
  c->in_functions += size;
  c->calls += call_count(t, f);
  c->with_line += line_bytes(t, f);
  c->unwindable += unwindable_bytes(t, f);
}

static void count_record(struct dump_out *o, const char *what, uint64_t n) {
  dump_begin(o, "count");
  dump_str(o, "what", what);
  dump_num(o, "value", (int64_t)n);
  dump_end(o);
}

static void text_record(struct dump_out *o, const char *what, uint64_t bytes,
                        uint64_t whole) {
  dump_begin(o, "text");
  dump_str(o, "what", what);
  dump_num(o, "bytes", (int64_t)bytes);
  dump_named_hundredths(o, "percent", hundredths(bytes, whole));
  dump_end(o);
}

static void coverage_records(struct dump_out *o, const struct coverage *c) {
  const uint64_t text = c->in_functions + c->in_holes;
  count_record(o, "functions", c->functions);
  count_record(o, "holes", c->holes);
  count_record(o, "inlined_calls", c->calls);
  text_record(o, "functions", c->in_functions, text);
  text_record(o, "holes", c->in_holes, text);
  text_record(o, "with_line", c->with_line, c->in_functions);
  text_record(o, "unwindable", c->unwindable, c->in_functions);
}

enum pcln_status dump_stats(struct dump *d) {
  const struct pcln_table *t = &d->file->table;
  struct uses uses = {0};
  struct coverage coverage = {0};
  enum pcln_status status = PCLN_OK;
  for (uint32_t i = 0; i < t->n_funcs && status == PCLN_OK; i++) {
    struct pcln_func f;
    status = pcln_func_at(t, i, &f);
    if (status != PCLN_OK)
      break;
    cover(&coverage, t, &f);
    if (!f.hole && !add_uses(&uses, t, &f))
      status = PCLN_NO_MEMORY;
  }
  if (status == PCLN_OK) {
    coverage_records(d->out, &coverage);
    size_records(d, coverage.functions);
    stream_records(d, &uses);
  } else {
    pcln_say(d->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                            .fault = "stats-failed",
                                            .file = d->file->path,
                                            .text = pcln_status_text(status)});
  }
  free(uses.list);
  return status;
}
