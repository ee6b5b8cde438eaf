// SPDX-License-Identifier: Apache-2.0
//
// Prints the table function by function: positions, inlined calls, unwind
// rules, streams. Each record is independent of the one before it, with
// absolute addresses, so that grep and diff are of use.
//
// Positions are read by pcln_rows_next(), which decodes each stream once;
// nothing is looked up by pc.
#include "dump.h"

#include "stackmap_compact.h"
#include "table.h"

#include <stdio.h>
#include <string.h>

// --- Helpers ----------------------------------------------------------------

static const char *shown_file(const struct dump *d, const struct pcln_func *f,
                              int32_t file) {
  const char *name = pcln_file_name(&d->file->table, f, file);
  return name && d->options->basenames ? dump_basename(name) : name;
}

const char *dump_basename(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

static enum pcln_status worse(enum pcln_status a, enum pcln_status b) {
  return a != PCLN_OK ? a : b;
}

// --- Header -----------------------------------------------------------------

static void header_span(struct dump_out *o, const struct pcln_span *blob,
                        const char *name, const struct pcln_span *part) {
  if (!part->ptr)
    return;
  dump_begin(o, "part");
  dump_str(o, "name", name);
  if (part->ptr >= blob->ptr && part->ptr <= blob->ptr + blob->len)
    dump_named_hex(o, "offset", (uint64_t)(part->ptr - blob->ptr));
  dump_named_num(o, "bytes", (int64_t)part->len);
  dump_end(o);
}

static void header_build_id(struct dump_out *o, const struct pcln_span *id) {
  char text[2 * PCLN_BUILD_ID_MAX + 1] = "";
  for (size_t i = 0; i < id->len && i < PCLN_BUILD_ID_MAX; i++)
    snprintf(text + 2 * i, 3, "%02x", id->ptr[i]);
  if (id->len)
    dump_named_str(o, "build_id", text);
}

static const char *layout_name(enum pcln_layout layout) {
  static const char *const names[] = {[PCLN_GO_12] = "go1.2",
                                      [PCLN_GO_116] = "go1.16",
                                      [PCLN_GO_118] = "go1.18",
                                      [PCLN_GO_120] = "go1.20"};
  return names[layout];
}

static void header_image(struct dump_out *o, const struct pcln_image *img) {
  if (img->format == PCLN_FORMAT_NONE)
    return;
  dump_begin(o, "image");
  dump_named_str(o, "format", pcln_format_name(img->format));
  dump_named_num(o, "machine", img->machine);
  dump_named_num(o, "pointer_size", img->ptr_size);
  dump_named_str(o, "byte_order", img->big_endian ? "big" : "little");
  dump_named_bool(o, "position_independent", img->relocatable);
  dump_end(o);
}

// What a Go program says of its table outside of it.
static void header_go(struct dump_out *o, const struct pcln_location *l) {
  const struct {
    const char *name;
    uint64_t va;
  } parts[] = {{"buildinfo", l->build.va},
               {"moduledata", l->moduledata},
               {"gofunc", l->gofunc},
               {"rodata", l->rodata},
               {"findfunctab", l->findfunctab}};
  dump_begin(o, "go");
  if (l->build.version[0])
    dump_named_str(o, "version", l->build.version);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i].va)
      dump_named_hex(o, parts[i].name, parts[i].va);
  dump_end(o);
}

enum pcln_status dump_header(struct dump *d) {
  const struct pcln_table *t = &d->file->table;
  const struct pcln_location *l = &d->file->location;
  struct dump_out *o = d->out;
  header_image(o, &d->file->image);
  if (l->va && !t->ours)
    header_go(o, l);
  dump_begin(o, "table");
  dump_named_str(o, "found_in", d->file->where);
  if (l->va)
    dump_named_hex(o, "address", l->va);
  dump_named_str(o, "layout", layout_name(t->layout));
  dump_named_bool(o, "module_header", t->ours);
  dump_named_num(o, "pointer_size", t->ptr_size);
  dump_named_num(o, "quantum", t->quantum);
  dump_named_bool(o, "byte_order_swapped", t->swap);
  dump_named_num(o, "functions", t->n_funcs);
  dump_named_hex(o, "text_start", t->text_start);
  dump_named_str(o, "text_start_from", pcln_text_from_name(l->text_from));
  dump_named_hex(o, "text_bytes", t->text_len);
  if (t->ours) {
    dump_named_hex(o, "header_va", t->header_va);
    dump_named_num(o, "machine", t->machine);
    dump_named_hex(o, "flags", t->flags);
    dump_named_num(o, "stackmap_bits", t->stackmap_bits);
    header_build_id(o, &t->build_id);
  }
  dump_end(o);
  const struct {
    const char *name;
    const struct pcln_span *span;
  } parts[] = {
      {"blob", &t->blob},         {"pclntab", &t->pclntab},
      {"funcnametab", &t->names}, {"cutab", &t->cutab},
      {"filetab", &t->files},     {"pctab", &t->pctab},
      {"functab", &t->functab},   {"funcdata", &t->funcdata},
      {"rules", &t->rules},       {"findfunctab", &t->findfunctab},
      {"callees", &t->callees},   {"roots", &t->roots},
  };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    header_span(o, &t->blob, parts[i].name, parts[i].span);
  return PCLN_OK;
}

// --- Positions --------------------------------------------------------------

static void line_record(struct dump *d, const struct pcln_func *f,
                        const struct pcln_row *row, const char *file) {
  dump_begin(d->out, "line");
  dump_hex(d->out, "lo", f->entry + row->lo);
  dump_hex(d->out, "hi", f->entry + row->hi);
  dump_position(d->out, file, row->line > 0 ? row->line : 0);
  if (row->inl >= 0)
    dump_named_num(d->out, "call", row->inl);
  dump_end(d->out);
}

static enum pcln_status func_lines(struct dump *d, const struct pcln_func *f) {
  struct pcln_row rows[64];
  struct pcln_rows it;
  int32_t last = -1;
  const char *file = NULL;
  pcln_rows_begin(&d->file->table, f, &it);
  for (size_t n; (n = pcln_rows_next(&it, rows, 64)) > 0;)
    for (size_t i = 0; i < n; i++) {
      if (rows[i].file < 0 && rows[i].line < 0)
        continue;
      if (rows[i].file != last)
        file = shown_file(d, f, rows[i].file);
      last = rows[i].file;
      line_record(d, f, &rows[i], file);
    }
  return it.status == PCLN_OK ? PCLN_OK : dump_unreadable(d, f, "pctab");
}

// --- Inlined calls ----------------------------------------------------------

static int32_t value_at(const struct pcln_table *t, const struct pcln_func *f,
                        uint32_t stream, uint32_t pc_off) {
  struct pcln_run run;
  const uint64_t pc = f->entry + pc_off;
  return stream && pcln_stream_find(t, f, stream, pc, &run) == PCLN_OK
             ? run.value
             : -1;
}

// The index of the last call: streams refer to all of them, also past the
// function's last byte, where the positions of calls stand.
static int32_t last_call(const struct pcln_table *t, uint32_t stream) {
  struct pcln_run_iter it;
  int32_t last = -1;
  pcln_runs_begin(t, stream, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);)
    if (run.value > last)
      last = run.value;
  return last;
}

// The place of a call and the call around it. Since go1.12 the streams say them
// at one pc.
static void resolve_call(const struct pcln_table *t, const struct pcln_func *f,
                         uint32_t stream, struct pcln_inline *call) {
  if (!call->by_pc)
    return;
  call->line = value_at(t, f, f->pcln, call->parent_pc);
  call->file = value_at(t, f, f->pcfile, call->parent_pc);
  call->parent = value_at(t, f, stream, call->parent_pc);
}

static enum pcln_status call_records(struct dump *d, const struct pcln_func *f,
                                     uint32_t stream) {
  const struct pcln_table *t = &d->file->table;
  const int32_t last = last_call(t, stream);
  for (int32_t i = 0; i <= last; i++) {
    struct pcln_inline call;
    const enum pcln_status status = pcln_inline_at(t, f, (uint32_t)i, &call);
    const char *name =
        status == PCLN_OK ? pcln_name_at(t, call.name_off) : NULL;
    if (!name)
      return dump_unreadable(d, f, "funcdata");
    resolve_call(t, f, stream, &call);
    dump_begin(d->out, "call");
    dump_num(d->out, "index", i);
    dump_str(d->out, "name", dump_name(d->names, name));
    dump_named_position(d->out, shown_file(d, f, call.file),
                        call.line > 0 ? call.line : 0);
    dump_named_num(d->out, "parent", call.parent);
    if (call.by_pc)
      dump_named_num(d->out, "parent_pc", call.parent_pc);
    if (call.start_line)
      dump_named_num(d->out, "start_line", call.start_line);
    dump_end(d->out);
  }
  return PCLN_OK;
}

static enum pcln_status func_calls(struct dump *d, const struct pcln_func *f) {
  const struct pcln_table *t = &d->file->table;
  const uint32_t stream = pcln_pcdata_stream(t, f, pcln_pcdata_inltree(t));
  if (pcln_pcdata_inltree(t) == PCLN_NO_INDEX && f->n_pcdata > 1)
    dump_release_unknown(d);
  if (!stream || !t->funcdata.ptr)
    return PCLN_OK; // nothing inlined, or no tree to name it
  const enum pcln_status status = call_records(d, f, stream);
  struct pcln_run_iter it;
  pcln_runs_begin(t, stream, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);) {
    if (run.value < 0 || run.lo >= f->end - f->entry)
      continue; // nothing inlined, or virtual pcs
    const uint64_t hi = f->entry + run.hi;
    dump_begin(d->out, "body");
    dump_hex(d->out, "lo", f->entry + run.lo);
    dump_hex(d->out, "hi", hi < f->end ? hi : f->end);
    dump_named_num(d->out, "call", run.value);
    dump_end(d->out);
  }
  return it.status == PCLN_OK ? status
                              : worse(status, dump_unreadable(d, f, "pctab"));
}

// --- Unwind rules -----------------------------------------------------------

static const char *place(char *buf, size_t len, const char *base, int32_t off,
                         bool deref) {
  char offset[16] = "";
  if (off)
    snprintf(offset, sizeof offset, "%+d", off);
  snprintf(buf, len, deref ? "[%s%s]" : "%s%s", base, offset);
  return buf;
}

// The words added to a loaded CFA, behind what is in `buf`.
static const char *add_words(char *buf, size_t len, const struct pcln_rule *r) {
  const unsigned words = r->reg & PCLN_RULE_REG_MASK;
  const size_t used = strlen(buf);
  if (words)
    snprintf(buf + used, len - used, "+%uw", words);
  return buf;
}

const char *dump_cfa_text(char *buf, size_t len, const struct pcln_rule *r) {
  char reg[16];
  switch (r->cfa) {
  case PCLN_CFA_NONE:
    return "none";
  case PCLN_CFA_SP_DELTA:
  case PCLN_CFA_SP:
    return place(buf, len, "sp", r->cfa_off, false);
  case PCLN_CFA_FP:
    return place(buf, len, "fp", r->cfa_off, false);
  case PCLN_CFA_REG:
    snprintf(reg, sizeof reg, "reg%d", r->reg & PCLN_RULE_REG_MASK);
    return place(buf, len, reg, r->cfa_off, false);
  case PCLN_CFA_SP_DEREF:
    place(buf, len, "sp", r->cfa_off, true);
    return add_words(buf, len, r);
  case PCLN_CFA_FP_DEREF:
    place(buf, len, "fp", r->cfa_off, true);
    return add_words(buf, len, r);
  default:
    return "unknown";
  }
}

const char *dump_save_text(char *buf, size_t len, uint8_t kind, int32_t off,
                           const char *same) {
  switch (kind) {
  case PCLN_SAVE_SAME:
    return same;
  case PCLN_SAVE_CFA:
    return place(buf, len, "cfa", off, true);
  case PCLN_SAVE_SP:
    return place(buf, len, "sp", off, true);
  case PCLN_SAVE_FP:
    return place(buf, len, "fp", off, true);
  case PCLN_SAVE_UNDEFINED:
    return "undefined";
  default:
    return "unknown";
  }
}

static void rule_fields(struct dump_out *o, const struct pcln_rule *r) {
  char buf[40];
  dump_named_str(o, "cfa", dump_cfa_text(buf, sizeof buf, r));
  if (r->cfa == PCLN_CFA_NONE)
    return;
  dump_named_str(o, "fp",
                 dump_save_text(buf, sizeof buf, r->fp, r->fp_off, "same"));
  dump_named_str(o, "ra",
                 dump_save_text(buf, sizeof buf, r->ra, r->ra_off, "lr"));
  if (r->reg & PCLN_RULE_SIGNAL)
    dump_named_bool(o, "signal", true);
}

static enum pcln_status func_unwind(struct dump *d, const struct pcln_func *f) {
  for (uint64_t pc = f->entry; pc < f->end;) {
    struct pcln_rule rule;
    struct pcln_run range = {0, 0, 0};
    const enum pcln_status status =
        pcln_rule_at(&d->file->table, f, pc, &rule, &range);
    if (status == PCLN_NOT_FOUND)
      return PCLN_OK; // nothing is said from here on
    if (status != PCLN_OK || range.hi <= pc - f->entry)
      return dump_unreadable(d, f, "pctab");
    const uint64_t hi = f->entry + range.hi;
    dump_begin(d->out, "rule");
    dump_hex(d->out, "lo", pc);
    dump_hex(d->out, "hi", hi < f->end ? hi : f->end);
    rule_fields(d->out, &rule);
    dump_end(d->out);
    pc = hi;
  }
  return PCLN_OK;
}

enum pcln_status dump_rules(struct dump *d) {
  struct pcln_rule rule;
  enum pcln_status status = PCLN_OK;
  for (uint32_t i = 0; status == PCLN_OK; i++) {
    status = pcln_rule_get(&d->file->table, i, &rule);
    if (status != PCLN_OK)
      break;
    dump_begin(d->out, "rule");
    dump_num(d->out, "index", i);
    if (rule.cfa == PCLN_CFA_SP_DELTA)
      dump_named_bool(d->out, "pcsp", true);
    rule_fields(d->out, &rule);
    dump_end(d->out);
  }
  return status == PCLN_NOT_FOUND ? PCLN_OK : status;
}

// --- Streams ----------------------------------------------------------------

// `index` is that of PCDATA, or -1.
static enum pcln_status stream_records(struct dump *d,
                                       const struct pcln_func *f,
                                       const char *name, int64_t index,
                                       uint32_t stream) {
  struct pcln_run_iter it;
  if (!stream)
    return PCLN_OK;
  dump_begin(d->out, "stream");
  dump_str(d->out, "name", name);
  if (index >= 0)
    dump_named_num(d->out, "index", index);
  dump_named_hex(d->out, "offset", stream);
  dump_end(d->out);
  pcln_runs_begin(&d->file->table, stream, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);) {
    dump_begin(d->out, "run");
    dump_str(d->out, "stream", name);
    dump_num(d->out, "lo", run.lo);
    dump_num(d->out, "hi", run.hi);
    dump_num(d->out, "value", run.value);
    dump_end(d->out);
  }
  return it.status == PCLN_OK ? PCLN_OK : dump_unreadable(d, f, "pctab");
}

// Compact pointer maps, which stand behind the stream of row numbers.
static enum pcln_status maps_record(struct dump *d, const struct pcln_func *f) {
  const struct pcln_table *t = &d->file->table;
  struct pcln_compact_maps maps;
  if (!pcln_has_compact_maps(t))
    return PCLN_OK;
  const enum pcln_status status = pcln_compact_maps(t, f, &maps);
  if (status == PCLN_NOT_FOUND)
    return PCLN_OK;
  if (status != PCLN_OK)
    return dump_unreadable(d, f, "pctab");
  dump_begin(d->out, "pointer_maps");
  dump_named_hex(d->out, "offset", (uint64_t)(maps.bytes.ptr - t->pctab.ptr));
  dump_named_num(d->out, "bytes", (int64_t)maps.bytes.len);
  dump_end(d->out);
  return PCLN_OK;
}

// Payloads have no stored length; only where they begin can be said: as an
// offset into the area of funcdata, before go1.18 as an address.
static void funcdata_record(struct dump *d, const struct pcln_func *f,
                            uint32_t index) {
  const struct pcln_table *t = &d->file->table;
  const bool old = t->layout < PCLN_GO_118;
  char name[PCLN_NAME_MAX];
  struct pcln_span s;
  if (pcln_funcdata(t, f, index, &s) != PCLN_OK)
    return;
  dump_begin(d->out, "funcdata");
  dump_str(d->out, "name", pcln_funcdata_name(t, index, name, sizeof name));
  dump_named_num(d->out, "index", index);
  if (old) // no record is packed
    dump_named_hex(d->out, "address",
                   pcln_load_ptr(t, t->functab.ptr + pcln_funcdata_array(t, f) +
                                        (size_t)index * t->ptr_size));
  else
    dump_named_hex(d->out, "offset", (uint64_t)(s.ptr - t->funcdata.ptr));
  dump_end(d->out);
}

static enum pcln_status func_streams(struct dump *d,
                                     const struct pcln_func *f) {
  const struct pcln_table *t = &d->file->table;
  enum pcln_status status = stream_records(d, f, "pcsp", -1, f->pcsp);
  status = worse(status, stream_records(d, f, "pcfile", -1, f->pcfile));
  status = worse(status, stream_records(d, f, "pcln", -1, f->pcln));
  for (uint32_t i = 0; i < f->n_pcdata; i++) {
    char name[PCLN_NAME_MAX];
    const uint32_t stream = pcln_pcdata_stream(t, f, i);
    if (!stream)
      continue;
    pcln_pcdata_name(t, i, name, sizeof name);
    status = worse(status, stream_records(d, f, name, i, stream));
  }
  status = worse(status, maps_record(d, f));
  for (uint32_t i = 0; i < f->n_funcdata; i++)
    funcdata_record(d, f, i);
  return status;
}

// --- All functions ----------------------------------------------------------

static enum pcln_status one_function(struct dump *d,
                                     const struct pcln_func *f) {
  const enum dump_action a = d->options->action;
  enum pcln_status status = PCLN_OK;
  dump_func_record(d, f);
  if (f->hole)
    return PCLN_OK;
  if (a == DUMP_LINES || a == DUMP_ALL)
    status = worse(status, func_lines(d, f));
  if (a == DUMP_CALLS || a == DUMP_ALL)
    status = worse(status, func_calls(d, f));
  if (a == DUMP_MAPS || a == DUMP_ALL)
    status = worse(status, dump_func_maps(d, f));
  if (a == DUMP_UNWIND || a == DUMP_ALL)
    status = worse(status, func_unwind(d, f));
  if (a == DUMP_STREAMS)
    status = worse(status, func_streams(d, f));
  return status;
}

enum pcln_status dump_functions(struct dump *d) {
  const struct pcln_table *t = &d->file->table;
  enum pcln_status worst = PCLN_OK;
  for (uint32_t i = 0; i < t->n_funcs && !d->out->error; i++) {
    dump_progress(d->out, i, t->n_funcs);
    struct pcln_func f;
    const enum pcln_status status = pcln_func_at(t, i, &f);
    if (status != PCLN_OK) {
      f = (struct pcln_func){.name = NULL, .idx = i};
      worst = worse(worst, dump_unreadable(d, &f, "functab"));
      continue;
    }
    if (dump_selects(d, &f))
      worst = worse(worst, one_function(d, &f));
  }
  if (d->options->action == DUMP_MAPS || d->options->action == DUMP_ALL)
    worst = worse(worst, dump_roots(d));
  return worst;
}
