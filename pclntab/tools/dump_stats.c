// SPDX-License-Identifier: Apache-2.0
//
// What a table spends its bytes on, and how much of the program's text it
// describes. Sizes of components add up to the whole (dump_sizes.c). Streams
// are shared by content, within and between kinds, so each distinct one is
// counted once, for the first kind that uses it, beside the number of its uses.
#include "dump_sizes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void size_records(struct dump_out *o, const struct dump_sizes *sizes,
                         uint64_t functions) {
  const struct whole whole = {.bytes = sizes->total, .functions = functions};
  for (size_t i = 0; i < sizes->n_parts; i++)
    size_record(o, sizes->parts[i].name, sizes->parts[i].bytes, &whole);
  size_record(o, "total", sizes->total, &whole);
  for (size_t i = 0; i < sizes->n_outside; i++) {
    dump_begin(o, "outside");
    dump_str(o, "part", sizes->outside[i].name);
    dump_num(o, "bytes", (int64_t)sizes->outside[i].bytes);
    dump_end(o);
  }
  dump_begin(o, "shared");
  dump_num(o, "bytes", (int64_t)sizes->shared);
  dump_end(o);
}

// --- What is biggest --------------------------------------------------------

enum { N_BIGGEST = 10 };

static void biggest_records(struct dump *d, const char *what,
                            struct dump_tally *tally) {
  dump_tally_sort(tally);
  for (size_t i = 0; i < tally->n && i < N_BIGGEST; i++) {
    const struct dump_tally_entry *e = &tally->entries[i];
    dump_begin(d->out, "biggest");
    dump_str(d->out, "what", what);
    dump_str_len(d->out, "name", e->name, e->len);
    dump_named_num(d->out, "bytes", (int64_t)e->bytes[1]);
    dump_named_num(d->out, "functions", (int64_t)e->functions[1]);
    dump_end(d->out);
  }
}

static bool count_in(struct dump_tally *tally, const char *name, size_t len,
                     uint64_t bytes) {
  struct dump_tally_entry *e = dump_tally_at(tally, name, len);
  if (!e)
    return false;
  e->bytes[1] += bytes;
  e->functions[1]++;
  return true;
}

static enum pcln_status biggest(struct dump *d,
                                const struct dump_sizes *sizes) {
  const struct pcln_table *t = &d->file->table;
  struct dump_tally functions = {0}, packages = {0}, files = {0};
  bool ok = true;
  for (uint32_t i = 0; i < t->n_funcs && ok; i++) {
    struct pcln_func f;
    if (pcln_func_at(t, i, &f) != PCLN_OK || f.hole)
      continue;
    const char *file = dump_func_file(t, &f);
    const uint64_t bytes = sizes->func_bytes[i];
    ok = count_in(&functions, f.name, strlen(f.name), bytes) &&
         (t->ours || dump_tally_package(&packages, &f, 1, bytes)) &&
         (!file || count_in(&files, file, strlen(file), bytes));
  }
  if (ok) {
    biggest_records(d, "function", &functions);
    biggest_records(d, "package", &packages);
    biggest_records(d, "file", &files);
  }
  dump_tally_free(&functions);
  dump_tally_free(&packages);
  dump_tally_free(&files);
  return ok ? PCLN_OK : PCLN_NO_MEMORY;
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
    char name[PCLN_NAME_MAX];
    if (kinds[k].uses == 0)
      continue;
    dump_begin(d->out, "streams");
    if (k < KIND_PCDATA) {
      dump_str(d->out, "stream", names[k]);
    } else {
      const uint32_t index = k - KIND_PCDATA;
      dump_str(d->out, "stream",
               pcln_pcdata_name(&d->file->table, index, name, sizeof name));
      dump_named_num(d->out, "index", index);
    }
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

// What cannot be read is reported, counts as nothing, and makes *damaged true.
static enum pcln_status read_functions(struct dump *d,
                                       struct coverage *coverage,
                                       struct uses *uses, bool *damaged) {
  const struct pcln_table *t = &d->file->table;
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    struct pcln_func f;
    if (pcln_func_at(t, i, &f) != PCLN_OK) {
      f = (struct pcln_func){.idx = i};
      *damaged |= dump_unreadable(d, &f, "functab") != PCLN_OK;
      continue;
    }
    cover(coverage, t, &f);
    if (!f.hole && !add_uses(uses, t, &f))
      return PCLN_NO_MEMORY;
  }
  return PCLN_OK;
}

enum pcln_status dump_stats(struct dump *d) {
  const struct pcln_table *t = &d->file->table;
  struct uses uses = {0};
  struct coverage coverage = {0};
  struct dump_sizes sizes = {0};
  bool damaged = false;
  enum pcln_status status = read_functions(d, &coverage, &uses, &damaged);
  if (status == PCLN_OK)
    status = dump_sizes_measure(t, &sizes);
  if (status == PCLN_OK) {
    coverage_records(d->out, &coverage);
    size_records(d->out, &sizes, coverage.functions);
    stream_records(d, &uses);
    status = biggest(d, &sizes);
  }
  if (status != PCLN_OK)
    pcln_say(d->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                            .fault = "stats-failed",
                                            .file = d->file->path,
                                            .text = pcln_status_text(status)});
  dump_sizes_free(&sizes);
  free(uses.list);
  return status == PCLN_OK && damaged ? PCLN_CORRUPT : status;
}
