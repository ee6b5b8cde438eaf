// SPDX-License-Identifier: Apache-2.0
//
// Prints what a collector and a traceback know of a function's frame: which
// words hold live pointers at which pcs, the objects among its locals, its
// arguments and its deferred calls.
//
// Places are distances from the two ends of a frame that Go knows: the locals
// end at "varp", the arguments begin at "argp". A word's number counts from the
// first one of its map. Records follow each other in order of pcs.
//
// Functions share maps, and streams return to them, so a damaged table can ask
// for far more words than it has bytes. What is walked is therefore counted; a
// real table needs a small part of the limit.
#include "dump.h"
#include "dump_words.h"

#include "bytes.h"
#include "stackmap_pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- Places ------------------------------------------------------------------

// As varp-40 or argp+8.
static const char *place(char *buf, size_t len, int32_t off) {
  snprintf(buf, len, off < 0 ? "varp%d" : "argp+%d", off);
  return buf;
}

// --- Live words -------------------------------------------------------------

struct maps {
  struct pcln_ptrmap locals, args; // no rows where the function has none
  bool any;
};

static enum pcln_status read_map(struct dump *d, const struct pcln_func *f,
                                 enum pcln_map_part part,
                                 struct pcln_ptrmap *out, bool *any) {
  const enum pcln_status status = pcln_ptrmap(&d->file->table, f, part, out);
  if (status == PCLN_OK) {
    *any = true;
    return PCLN_OK;
  }
  *out = (struct pcln_ptrmap){0};
  if (status == PCLN_UNSUPPORTED)
    dump_release_unknown(d);
  return status == PCLN_CORRUPT ? PCLN_CORRUPT : PCLN_OK;
}

// Row `idx`, or none where the map has no words. False: it lacks the row.
static bool get_row(const struct pcln_ptrmap *map, uint32_t idx,
                    struct pcln_map_row *out) {
  *out = (struct pcln_map_row){0};
  return map->n_words == 0 || pcln_ptrmap_row(map, idx, out) == PCLN_OK;
}

static void derived_word(char *buf, size_t len, const struct pcln_map_word *w) {
  snprintf(buf, len, w->part == PCLN_MAP_ARGS ? "a%u" : "%u", w->index);
}

// Derived pointers, each with its base: "4@2,a1@3"; arguments' words have an a.
static bool derived_field(struct dump *d, const struct pcln_func *f,
                          uint32_t row, struct dump_text *t) {
  const struct pcln_stackmap map = {.idx = row};
  struct pcln_derived_iter it;
  struct pcln_derived pair;
  char word[16];
  const enum pcln_status status =
      pcln_derived_begin(&d->file->table, f, &map, &it);
  if (status != PCLN_OK)
    return status == PCLN_NOT_FOUND;
  dump_text_clear(t);
  while (pcln_derived_next(&it, &pair)) {
    dump_text_put(t, t->len ? "," : "");
    derived_word(word, sizeof word, &pair.derived);
    dump_text_put(t, word);
    dump_text_put(t, "@");
    derived_word(word, sizeof word, &pair.base);
    dump_text_put(t, word);
  }
  if (t->len)
    dump_named_str(d->out, "derived", t->s);
  return it.status == PCLN_OK;
}

static bool map_record(struct dump *d, const struct pcln_func *f,
                       const struct maps *m, const struct pcln_run *run,
                       struct dump_text *t) {
  const uint32_t idx = run->value < 0 ? 0 : (uint32_t)run->value;
  const uint64_t hi = f->entry + run->hi;
  struct pcln_map_row locals, args;
  if (run->value < -1) // go1.14 and older: no map holds here
    return run->value == -2;
  if (!get_row(&m->locals, idx, &locals) || !get_row(&m->args, idx, &args))
    return false;
  dump_begin(d->out, "map");
  dump_hex(d->out, "lo", f->entry + run->lo);
  dump_hex(d->out, "hi", hi < f->end ? hi : f->end);
  dump_named_num(d->out, "index", run->value);
  dump_words_fields(d->out, t, &locals, "locals", "local_scalars");
  dump_words_fields(d->out, t, &args, "args", "arg_scalars");
  const bool derived = derived_field(d, f, idx, t);
  dump_end(d->out);
  return derived;
}

// The runs of a kind of PCDATA inside of the function: of its stream, or, where
// there is none, one run of -1.
struct runs {
  struct pcln_run_iter it;
  uint32_t stream, size;
  bool done;
};

static struct runs runs_of(const struct pcln_table *t,
                           const struct pcln_func *f,
                           enum pcln_pcdata_kind kind) {
  const uint32_t index = pcln_pcdata_index(t, kind);
  struct runs r = {.size = (uint32_t)(f->end - f->entry)};
  r.stream = index == PCLN_NO_INDEX ? 0 : pcln_pcdata_stream(t, f, index);
  pcln_runs_begin(t, r.stream, &r.it);
  return r;
}

static bool next_run(struct runs *r, struct pcln_run *run) {
  if (r->stream)
    return pcln_runs_next(&r->it, run) && run->lo < r->size;
  *run = (struct pcln_run){.hi = r->size, .value = -1};
  const bool first = !r->done && r->size > 0;
  r->done = true;
  return first;
}

// A map for each run of the stream that numbers them; for the whole function
// where there is no such stream.
static enum pcln_status map_records(struct dump *d, const struct pcln_func *f,
                                    const struct maps *m, struct dump_text *t) {
  const struct pcln_table *table = &d->file->table;
  struct runs runs = runs_of(table, f, PCLN_PD_STACKMAP);
  for (struct pcln_run run; next_run(&runs, &run);) {
    d->map_words += (uint64_t)m->locals.n_words + m->args.n_words;
    if (d->map_words > dump_map_words_limit(d) || !map_record(d, f, m, &run, t))
      return dump_unreadable(d, f, "funcdata");
  }
  return runs.it.status == PCLN_OK ? PCLN_OK : dump_unreadable(d, f, "pctab");
}

// --- Stack objects ----------------------------------------------------------

static bool mask_bit(const struct pcln_span *mask, uint64_t i) {
  return mask->ptr[i / 8] >> i % 8 & 1;
}

// The words of the object that can hold pointers.
static void list_mask(struct dump_text *t, const struct pcln_object *o,
                      unsigned ptr_size) {
  const uint64_t n = o->ptr_len / ptr_size;
  dump_text_clear(t);
  for (uint64_t i = 0, from; i < n; i++) {
    if (!mask_bit(&o->mask, i))
      continue;
    for (from = i; i + 1 < n && mask_bit(&o->mask, i + 1);)
      i++;
    dump_text_range(t, (uint32_t)from, (uint32_t)i, "");
  }
}

static enum pcln_status object_records(struct dump *d,
                                       const struct pcln_func *f,
                                       const struct pcln_objects *objects,
                                       struct dump_text *t) {
  const struct pcln_table *table = &d->file->table;
  struct pcln_object o;
  char buf[32];
  for (uint32_t i = 0; i < objects->n; i++) {
    if (pcln_object_at(table, objects, i, &o) != PCLN_OK)
      return dump_unreadable(d, f, "funcdata");
    d->map_words += o.mask.len * 8 + 1;
    if (d->map_words > dump_map_words_limit(d))
      return dump_unreadable(d, f, "funcdata");
    dump_begin(d->out, "object");
    dump_str(d->out, "at", place(buf, sizeof buf, o.off));
    if (o.size) {
      dump_named_num(d->out, "bytes", o.size);
      dump_named_num(d->out, "pointer_bytes", o.ptr_len);
    }
    if (o.mask.ptr) {
      list_mask(t, &o, table->ptr_size);
      dump_named_str(d->out, "pointers", t->s);
    }
    if (o.program)
      dump_named_bool(d->out, "program", true);
    if (o.type_va)
      dump_named_hex(d->out, "type", o.type_va);
    dump_end(d->out);
  }
  return PCLN_OK;
}

// --- Arguments --------------------------------------------------------------

// "0:8,{8:8,16:4?},..." : offset and size of each value; `?` behind those that
// may not hold the argument any more.
static bool list_args(struct dump_text *t, struct pcln_arg_iter *it) {
  struct pcln_arg a;
  char value[16];
  bool first = true;
  dump_text_clear(t);
  while (pcln_args_next(it, &a)) {
    if (!first && a.op != PCLN_ARG_END)
      dump_text_put(t, ",");
    first = a.op == PCLN_ARG_BEGIN;
    snprintf(value, sizeof value, "%u:%u%s", a.off, a.size, a.live ? "" : "?");
    dump_text_put(t, a.op == PCLN_ARG_BEGIN     ? "{"
                     : a.op == PCLN_ARG_END     ? "}"
                     : a.op == PCLN_ARG_MORE    ? "..."
                     : a.op == PCLN_ARG_TOO_FAR ? "_"
                                                : value);
  }
  return it->status == PCLN_OK;
}

static enum pcln_status args_record(struct dump *d, const struct pcln_func *f,
                                    const struct pcln_run *run,
                                    struct dump_text *t) {
  const uint64_t hi = f->entry + run->hi;
  struct pcln_arg_iter it;
  const enum pcln_status status =
      pcln_args_begin_live(&d->file->table, f, run->value, &it);
  if (status == PCLN_NOT_FOUND || status == PCLN_UNSUPPORTED)
    return PCLN_NOT_FOUND;
  if (status != PCLN_OK || !list_args(t, &it))
    return dump_unreadable(d, f, "funcdata");
  if (!t->len)
    return PCLN_NOT_FOUND; // it has no arguments
  dump_begin(d->out, "arguments");
  dump_hex(d->out, "lo", f->entry + run->lo);
  dump_hex(d->out, "hi", hi < f->end ? hi : f->end);
  dump_str(d->out, "values", t->s);
  dump_end(d->out);
  return PCLN_OK;
}

static enum pcln_status args_records(struct dump *d, const struct pcln_func *f,
                                     struct dump_text *t) {
  const struct pcln_table *table = &d->file->table;
  struct runs runs = runs_of(table, f, PCLN_PD_ARG_LIVE);
  for (struct pcln_run run; next_run(&runs, &run);) {
    const enum pcln_status status = args_record(d, f, &run, t);
    if (status != PCLN_OK)
      return status == PCLN_NOT_FOUND ? PCLN_OK : status;
  }
  return runs.it.status == PCLN_OK ? PCLN_OK : dump_unreadable(d, f, "pctab");
}

// --- The record of July 2013 ------------------------------------------------

// Its bitmap has a bit for each word of the arguments; compilers counted it in
// bits or in words of 32, so it is read as far as the arguments go.
static enum pcln_status gc_record(struct dump *d, const struct pcln_func *f,
                                  struct dump_text *t) {
  const struct pcln_table *table = &d->file->table;
  struct pcln_span s;
  const enum pcln_status status =
      table->ours ? pcln_funcdata(table, f, PCLN_FUNCDATA_GC, &s)
                  : PCLN_NOT_FOUND;
  if (status == PCLN_NOT_FOUND)
    return PCLN_OK;
  struct pcln_cursor c = pcln_cursor_at(s.ptr, s.len, table->swap);
  const uint32_t locals = pcln_u32(&c), n = pcln_u32(&c);
  if (status != PCLN_OK || c.failed)
    return dump_unreadable(d, f, "funcdata");
  dump_begin(d->out, "gc");
  dump_named_num(d->out, "locals", locals);
  dump_named_num(d->out, "bitmap", n);
  const uint32_t n_args = f->args < 0 ? 0 : (uint32_t)f->args / table->ptr_size;
  uint32_t bits = 0;
  dump_text_clear(t);
  for (uint32_t i = 0; i < n_args && i / 32 < n && !c.failed; i++) {
    bits = i % 32 ? bits >> 1 : pcln_u32(&c);
    if (bits & 1)
      dump_text_range(t, i, i, "");
  }
  if (t->len)
    dump_named_str(d->out, "args", t->s);
  dump_end(d->out);
  return c.failed ? dump_unreadable(d, f, "funcdata") : PCLN_OK;
}

// --- Deferred calls, wrapped functions --------------------------------------

static enum pcln_status defers_record(struct dump *d, const struct pcln_func *f,
                                      struct dump_text *t) {
  struct pcln_open_defers defers;
  char buf[32];
  const enum pcln_status status = pcln_open_defers(&d->file->table, f, &defers);
  if (status == PCLN_CORRUPT)
    return dump_unreadable(d, f, "funcdata");
  if (status == PCLN_UNSUPPORTED)
    dump_release_unknown(d);
  if (status != PCLN_OK)
    return PCLN_OK;
  dump_text_clear(t);
  for (uint32_t i = 0; i < (defers.counted ? defers.n : 1); i++) {
    snprintf(buf, sizeof buf, "%svarp-%u", i ? "," : "", defers.closure_off[i]);
    dump_text_put(t, buf);
  }
  dump_begin(d->out, "defers");
  snprintf(buf, sizeof buf, "varp-%u", defers.bits_off);
  dump_named_str(d->out, "bits", buf);
  if (defers.counted)
    dump_named_num(d->out, "count", defers.n);
  if (t->len)
    dump_named_str(d->out, "closures", t->s);
  dump_end(d->out);
  return PCLN_OK;
}

static enum pcln_status wraps_record(struct dump *d,
                                     const struct pcln_func *f) {
  struct pcln_func wrapped;
  uint64_t entry;
  const enum pcln_status status = pcln_wrapped(&d->file->table, f, &entry);
  if (status == PCLN_CORRUPT)
    return dump_unreadable(d, f, "funcdata");
  if (status != PCLN_OK)
    return PCLN_OK;
  dump_begin(d->out, "wraps");
  dump_hex(d->out, "entry", entry);
  if (pcln_find_func(&d->file->table, entry, &wrapped) == PCLN_OK)
    dump_str(d->out, "name", dump_name(d->names, wrapped.name));
  dump_end(d->out);
  return PCLN_OK;
}

// --- One function -----------------------------------------------------------

// The first pc at which the frame is there.
static uint64_t framed_pc(const struct pcln_table *t,
                          const struct pcln_func *f) {
  struct pcln_run_iter it;
  pcln_runs_begin(t, f->pcsp, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);)
    if (run.value > 0)
      return f->entry + run.lo;
  return f->entry;
}

// Where the frame's parts are, as distances from the CFA, and how much there is
// to say of the function.
static void frame_record(struct dump *d, const struct pcln_func *f,
                         const struct maps *m,
                         const struct pcln_objects *objects) {
  const uint32_t rows =
      m->locals.n_rows > m->args.n_rows ? m->locals.n_rows : m->args.n_rows;
  const struct pcln_table *t = &d->file->table;
  uint32_t size;
  int32_t varp, argp;
  dump_begin(d->out, "frame");
  if (pcln_frame_size(t, f, &size) == PCLN_OK)
    dump_named_num(d->out, "bytes", size);
  if (pcln_frame_layout(t, f, framed_pc(t, f), &varp, &argp)) {
    dump_named_num(d->out, "varp", varp);
    dump_named_num(d->out, "argp", argp);
  }
  dump_named_num(d->out, "maps", rows);
  dump_named_num(d->out, "local_words", m->locals.n_words);
  dump_named_num(d->out, "arg_words", m->args.n_words);
  dump_named_num(d->out, "objects", objects->n);
  if (m->locals.conservative)
    dump_named_num(d->out, "conservative", m->locals.conservative);
  dump_end(d->out);
}

static enum pcln_status worse(enum pcln_status a, enum pcln_status b) {
  return a != PCLN_OK ? a : b;
}

enum pcln_status dump_func_maps(struct dump *d, const struct pcln_func *f) {
  struct maps m = {0};
  struct pcln_objects objects = {0};
  struct dump_text t = {0};
  enum pcln_status status =
      worse(read_map(d, f, PCLN_MAP_LOCALS, &m.locals, &m.any),
            read_map(d, f, PCLN_MAP_ARGS, &m.args, &m.any));
  const enum pcln_status found = pcln_objects(&d->file->table, f, &objects);
  if (status == PCLN_CORRUPT || found == PCLN_CORRUPT)
    status = dump_unreadable(d, f, "funcdata");
  if (found == PCLN_UNSUPPORTED)
    dump_release_unknown(d);
  if (m.any || objects.n)
    frame_record(d, f, &m, &objects);
  if (m.any)
    status = worse(status, map_records(d, f, &m, &t));
  status = worse(status, object_records(d, f, &objects, &t));
  status = worse(status, gc_record(d, f, &t));
  status = worse(status, dump_func_llvm(d, f, &t));
  status = worse(status, args_records(d, f, &t));
  status = worse(status, defers_record(d, f, &t));
  status = worse(status, wraps_record(d, f));
  free(t.s);
  return t.failed ? PCLN_NO_MEMORY : status;
}
