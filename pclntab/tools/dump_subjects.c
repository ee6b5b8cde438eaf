// SPDX-License-Identifier: Apache-2.0
//
// What a function is, for --diff: hashes of its rows, rules, inlined calls and
// maps. Every stream is decoded once, so the cost is that of reading the table.
#include "dump_diff.h"

#include "stackmap.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

struct reader {
  struct dump_side *side;
  const struct pcln_table *t;
  struct dump_tally *files, *packages;
  int32_t *bases; // line of each inlined call's first row
  size_t n_bases;
};

static uint64_t mix(uint64_t h, uint64_t v) {
  h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
  return h ^ h >> 32;
}

static void add_value(struct dump_trait *trait, uint64_t value, uint32_t hi) {
  trait->what = mix(trait->what, value);
  trait->where = mix(mix(trait->where, value), hi);
}

// --- Lines ------------------------------------------------------------------

// The first line of the function (-1) or of one of its inlined calls, to which
// the others are relative. Null: no memory. No function has calls past the last
// one here; in a damaged table they are taken together.
enum { MAX_CALLS = 1 << 20 };
static int32_t *base_line(struct reader *r, int32_t call) {
  const size_t at = call < -1 || call >= MAX_CALLS ? 0 : (size_t)(call + 1);
  if (at >= r->n_bases) {
    const size_t n = at + 64;
    int32_t *more = realloc(r->bases, n * sizeof *more);
    if (!more)
      return NULL;
    for (size_t i = r->n_bases; i < n; i++)
      more[i] = INT32_MIN;
    r->bases = more;
    r->n_bases = n;
  }
  return &r->bases[at];
}

struct position { // of the row before
  int32_t file, call;
  uint64_t file_hash, value;
  struct dump_tally_entry *sum;
};

static bool enter_file(struct reader *r, const struct pcln_func *f,
                       int32_t file, struct position *p) {
  const char *name = pcln_file_name(r->t, f, file);
  p->file = file;
  p->sum = NULL;
  p->file_hash = 0;
  if (!name)
    return true;
  if (r->side->d->options->basenames)
    name = dump_basename(name);
  const size_t len = strlen(name);
  p->file_hash = dump_hash(1, name, len);
  p->sum = dump_tally_at(r->files, name, len);
  return p->sum;
}

static bool add_row(struct reader *r, const struct pcln_func *f,
                    const struct pcln_row *row, struct position *p,
                    struct dump_subject *s) {
  if (row->file != p->file && !enter_file(r, f, row->file, p))
    return false;
  int32_t *base = base_line(r, row->inl);
  if (!base)
    return false;
  if (*base == INT32_MIN && row->line >= 0) {
    *base = row->line;
    if (row->inl < 0)
      s->file_hash = p->file_hash;
  }
  if (p->sum)
    p->sum->bytes[r->side->side] += row->hi - row->lo;
  const uint64_t value =
      row->line < 0 ? 0
                    : mix(p->file_hash, (uint64_t)((int64_t)row->line - *base));
  if (value != p->value || row->inl != p->call)
    s->lines.what = mix(s->lines.what, value);
  s->lines.where = mix(mix(s->lines.where, value), row->hi);
  s->calls.where = mix(mix(s->calls.where, (uint32_t)row->inl), row->hi);
  p->value = value;
  p->call = row->inl;
  return true;
}

static enum pcln_status read_lines(struct reader *r, const struct pcln_func *f,
                                   struct dump_subject *s) {
  struct position p = {.file = -2, .call = -2};
  struct pcln_rows rows;
  struct pcln_row row[64];
  int32_t last = -1;
  for (size_t i = 0; i < r->n_bases; i++)
    r->bases[i] = INT32_MIN;
  pcln_rows_begin(r->t, f, &rows);
  for (size_t n; (n = pcln_rows_next(&rows, row, 64)) > 0;)
    for (size_t i = 0; i < n; i++) {
      if (!add_row(r, f, &row[i], &p, s))
        return PCLN_NO_MEMORY;
      last = row[i].inl > last ? row[i].inl : last;
    }
  s->n_calls = (uint32_t)(last + 1);
  return rows.status;
}

// --- Inlined calls ----------------------------------------------------------

static enum pcln_status read_calls(const struct pcln_table *t,
                                   const struct pcln_func *f,
                                   struct dump_subject *s) {
  struct pcln_inline call;
  for (uint32_t i = 0; i < s->n_calls; i++) {
    const enum pcln_status status = pcln_inline_at(t, f, i, &call);
    if (status == PCLN_NOT_FOUND)
      return PCLN_OK; // a table without its funcdata
    const char *name =
        status == PCLN_OK ? pcln_name_at(t, call.name_off) : NULL;
    if (!name)
      return PCLN_CORRUPT;
    add_value(&s->calls, dump_hash(2, name, strlen(name)), call.parent_pc);
  }
  return PCLN_OK;
}

// --- Frame ------------------------------------------------------------------

static void read_depth(const struct pcln_table *t, const struct pcln_func *f,
                       struct dump_subject *s) {
  struct pcln_run_iter it;
  if (!f->pcsp)
    return;
  pcln_runs_begin(t, f->pcsp, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);) {
    add_value(&s->frame, (uint32_t)run.value, run.hi);
    if (run.value > 0 && (uint32_t)run.value > s->frame_bytes)
      s->frame_bytes = (uint32_t)run.value;
  }
}

// Rules by what they say: their numbers differ from table to table.
static enum pcln_status read_rules(const struct pcln_table *t,
                                   const struct pcln_func *f,
                                   struct dump_subject *s) {
  const uint32_t stream =
      t->ours ? pcln_pcdata_stream(t, f, PCLN_PCDATA_UNWIND) : 0;
  struct pcln_run_iter it;
  if (!stream)
    return PCLN_OK;
  pcln_runs_begin(t, stream, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);) {
    struct pcln_rule rule = {0};
    if (run.value >= 0 &&
        pcln_rule_get(t, (uint32_t)run.value, &rule) != PCLN_OK)
      return PCLN_CORRUPT;
    uint64_t value = mix((uint64_t)(run.value >= 0), rule.cfa);
    value = mix(mix(mix(value, rule.fp), rule.ra), rule.reg);
    value = mix(mix(value, (uint32_t)rule.cfa_off), (uint32_t)rule.fp_off);
    add_value(&s->frame, mix(value, (uint32_t)rule.ra_off), run.hi);
  }
  return PCLN_OK;
}

// --- Maps -------------------------------------------------------------------

static void read_payloads(const struct pcln_table *t, const struct pcln_func *f,
                          struct dump_subject *s) {
  struct pcln_objects objects;
  for (unsigned part = PCLN_MAP_ARGS; part <= PCLN_MAP_LOCALS; part++) {
    struct pcln_ptrmap map;
    if (pcln_ptrmap(t, f, (enum pcln_map_part)part, &map) != PCLN_OK)
      continue;
    s->maps.what = mix(s->maps.what, map.n_words);
    s->maps.what =
        mix(s->maps.what, dump_hash(part, map.rows.ptr, map.rows.len));
  }
  if (pcln_objects(t, f, &objects) != PCLN_OK)
    return;
  struct pcln_object o;
  for (uint32_t i = 0; pcln_object_at(t, &objects, i, &o) == PCLN_OK; i++)
    s->maps.what =
        mix(mix(mix(s->maps.what, (uint32_t)o.off), o.size), o.ptr_len);
}

static void read_maps(const struct pcln_table *t, const struct pcln_func *f,
                      struct dump_subject *s) {
  for (uint32_t i = 0; i < f->n_pcdata; i++) {
    const uint32_t stream = pcln_pcdata_stream(t, f, i);
    struct pcln_run_iter it;
    if (!stream || i == PCLN_PCDATA_INLTREE ||
        (t->ours && i == PCLN_PCDATA_UNWIND))
      continue;
    pcln_runs_begin(t, stream, &it);
    s->maps.what = mix(s->maps.what, i);
    for (struct pcln_run run; pcln_runs_next(&it, &run);)
      add_value(&s->maps, (uint32_t)run.value, run.hi);
  }
}

// --- Functions --------------------------------------------------------------

static uint64_t content(const struct dump_subject *s) {
  const uint64_t parts[] = {s->size,       s->frame.where,   s->lines.where,
                            s->lines.what, s->calls.where,   s->maps.where,
                            s->maps.what,  (uint32_t)s->args};
  return dump_hash(3, parts, sizeof parts);
}

static enum pcln_status read_subject(struct reader *r,
                                     const struct pcln_func *f,
                                     struct dump_subject *s) {
  *s =
      (struct dump_subject){.name = f->name,
                            .name_hash = dump_hash(0, f->name, strlen(f->name)),
                            .lo = f->entry,
                            .size = f->end - f->entry,
                            .args = f->args,
                            .start_line = f->start_line,
                            .idx = f->idx};
  enum pcln_status status = read_lines(r, f, s);
  if (status == PCLN_OK)
    status = read_calls(r->t, f, s);
  read_depth(r->t, f, s);
  if (status == PCLN_OK)
    status = read_rules(r->t, f, s);
  read_maps(r->t, f, s);
  read_payloads(r->t, f, s);
  if (!r->t->ours &&
      !dump_tally_package(r->packages, f, r->side->side, s->size))
    status = PCLN_NO_MEMORY;
  s->content = content(s);
  return status;
}

static enum pcln_status unreadable(const struct dump *d, const char *func) {
  pcln_say(d->sink,
           &(struct pcln_report){
               .severity = PCLN_ERROR,
               .fault = "record-unreadable",
               .file = d->file->path,
               .func = func,
               .text = "cannot be decoded; --verify says what is wrong"});
  return PCLN_CORRUPT;
}

enum pcln_status dump_subjects(struct dump_side *side, struct dump_tally *files,
                               struct dump_tally *packages) {
  const struct pcln_table *t = &side->d->file->table;
  struct reader r = {
      .side = side, .t = t, .files = files, .packages = packages};
  enum pcln_status worst = PCLN_OK;
  side->list = calloc((size_t)t->n_funcs + 1, sizeof *side->list);
  if (!side->list)
    return PCLN_NO_MEMORY;
  for (uint32_t i = 0; i < t->n_funcs && worst != PCLN_NO_MEMORY; i++) {
    struct pcln_func f = {0};
    enum pcln_status status = pcln_func_at(t, i, &f);
    if (status == PCLN_OK && (f.hole || !dump_selects(side->d, &f)))
      continue;
    if (status == PCLN_OK)
      status = read_subject(&r, &f, &side->list[side->n]);
    if (status == PCLN_OK)
      side->text += side->list[side->n++].size;
    else if (status == PCLN_NO_MEMORY || worst == PCLN_OK)
      worst = status == PCLN_NO_MEMORY ? status : unreadable(side->d, f.name);
  }
  free(r.bases);
  return worst;
}
