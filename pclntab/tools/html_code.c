// SPDX-License-Identifier: Apache-2.0
//
// What the table says of the pcs of one function, for the report: positions,
// inlined calls, unwind rules, streams. Each is a list of stretches of code,
// with lengths and differences in place of addresses, because small numbers
// take one byte and compress well; no stretch is empty, so the length 0 ends
// the list. The page adds them up.
#include "html.h"

#include "table.h"

#include <stdio.h>

// --- Positions --------------------------------------------------------------

enum { ROWS = 64 }; // decoded at once

// The number of a file, under the name that is to be shown.
static uint32_t shown_file(struct html *h, const struct pcln_func *f,
                           int32_t file) {
  const char *name = pcln_file_name(&h->d->file->table, f, file);
  if (name && h->d->options->basenames)
    name = dump_basename(name);
  return html_string(&h->files, name);
}

// The same, asked for again only when the table's number changes.
struct file_memo {
  int32_t file;
  uint32_t id;
};

static uint32_t file_id(struct html *h, const struct pcln_func *f,
                        struct file_memo *memo, int32_t file) {
  if (file != memo->file) {
    memo->file = file;
    memo->id = shown_file(h, f, file);
  }
  return memo->id;
}

static void put_row(struct html_buf *out, const struct pcln_row *r,
                    const struct pcln_row *last, uint32_t file,
                    uint32_t last_file) {
  const int64_t line = (int64_t)r->line - last->line;
  const uint64_t zigzag = ((uint64_t)line << 1) ^ (uint64_t)(line >> 63);
  const bool new_file = file != last_file, new_call = r->inl != last->inl;
  html_num(out, r->hi - r->lo);
  html_num(out, zigzag << 2 | (unsigned)new_call << 1 | new_file);
  if (new_file)
    html_num(out, file);
  if (new_call)
    html_num(out, (uint64_t)((int64_t)r->inl + 1));
}

// A row: its length; the zig-zag coded difference to the last line, shifted by
// 2, with bit 0 if the file and bit 1 if the call is not that of the last row;
// then these, if so: the file's number, the call's plus one.
void html_rows(struct html *h, const struct pcln_func *f,
               struct html_rows *out) {
  struct pcln_row rows[ROWS], last = {.inl = -1};
  struct pcln_rows it;
  struct file_memo memo = {.file = -1};
  uint32_t last_file = 0;
  *out = (struct html_rows){0};
  pcln_rows_begin(&h->d->file->table, f, &it);
  for (size_t n; (n = pcln_rows_next(&it, rows, ROWS)) > 0;)
    for (size_t i = 0; i < n; i++) {
      const uint32_t file = file_id(h, f, &memo, rows[i].file);
      put_row(&h->details, &rows[i], &last, file, last_file);
      if (rows[i].file >= 0 || rows[i].line >= 0)
        out->n++;
      if (!out->file && rows[i].inl < 0)
        out->file = file;
      last_file = file;
      last = rows[i];
    }
  if (it.status != PCLN_OK)
    html_unreadable(h, f, "pctab");
  html_num(&h->details, 0);
}

// --- Inlined calls ----------------------------------------------------------

int32_t html_last_call(const struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  const uint32_t stream = pcln_pcdata_stream(t, f, pcln_pcdata_inltree(t));
  struct pcln_run_iter it;
  int32_t last = -1;
  if (!stream || !t->funcdata.ptr)
    return -1; // nothing inlined, or no tree to name it
  pcln_runs_begin(t, stream, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);)
    if (run.value > last)
      last = run.value;
  return last;
}

// A call: a 1, the function's name, where it was called (enclosing call plus
// one, file, line), the line of its declaration, parentPc.
static bool put_call(struct html *h, const struct pcln_func *f, uint32_t idx) {
  const struct pcln_table *t = &h->d->file->table;
  struct pcln_inline call;
  if (pcln_inline_at(t, f, idx, &call) != PCLN_OK)
    return false;
  const char *name = pcln_name_at(t, call.name_off);
  const uint32_t streams[PCLN_N_VALUES] = {
      f->pcfile, f->pcln, pcln_pcdata_stream(t, f, pcln_pcdata_inltree(t))};
  int32_t at[PCLN_N_VALUES];
  if (!name)
    return false;
  if (!call.by_pc) {
    at[0] = call.file;
    at[1] = call.line;
    at[2] = call.parent;
  } else if (pcln_values_at(t, f, streams, f->entry + call.parent_pc, at) !=
             PCLN_OK) {
    return false;
  }
  html_num(&h->details, 1);
  html_num(&h->details, html_string(&h->names, dump_name(h->d->names, name)));
  html_num(&h->details, (uint64_t)((int64_t)at[2] + 1));
  html_num(&h->details, shown_file(h, f, at[0]));
  html_signed(&h->details, at[1]);
  html_signed(&h->details, call.start_line);
  html_num(&h->details, call.parent_pc);
  return true;
}

// The calls, up to a 0.
void html_calls(struct html *h, const struct pcln_func *f) {
  const int32_t last = html_last_call(h, f);
  for (int32_t i = 0; i <= last; i++) {
    if (!put_call(h, f, (uint32_t)i)) {
      html_unreadable(h, f, "funcdata");
      break;
    }
  }
  html_num(&h->details, 0);
}

// --- Unwind rules -----------------------------------------------------------

static uint32_t rule_id(struct html *h, const struct pcln_rule *r) {
  enum { MAX = 40 };
  char cfa[MAX], fp[MAX], ra[MAX], text[4 * MAX];
  if (r->cfa == PCLN_CFA_NONE)
    return html_text(&h->rules, "none");
  snprintf(text, sizeof text, "cfa=%s fp=%s ra=%s%s",
           dump_cfa_text(cfa, sizeof cfa, r),
           dump_save_text(fp, sizeof fp, r->fp, r->fp_off, "same"),
           dump_save_text(ra, sizeof ra, r->ra, r->ra_off, "lr"),
           r->reg & PCLN_RULE_SIGNAL ? " signal" : "");
  return html_text(&h->rules, text);
}

// Lengths and numbers of rules.
void html_rules(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  for (uint64_t pc = f->entry; pc < f->end;) {
    struct pcln_rule rule;
    struct pcln_run range = {0, 0, 0};
    const enum pcln_status status = pcln_rule_at(t, f, pc, &rule, &range);
    if (status == PCLN_NOT_FOUND)
      break; // nothing is said from here on
    if (status != PCLN_OK || range.hi <= pc - f->entry) {
      html_unreadable(h, f, "pctab");
      break;
    }
    const uint64_t end = f->entry + range.hi;
    const uint64_t hi = end < f->end ? end : f->end;
    html_num(&h->details, hi - pc);
    html_num(&h->details, rule_id(h, &rule));
    pc = hi;
  }
  html_num(&h->details, 0);
}

// --- Streams ----------------------------------------------------------------

// Lengths and differences of the value.
int32_t html_stream(struct html *h, const struct pcln_func *f,
                    uint32_t stream) {
  const uint64_t size = f->end - f->entry;
  struct pcln_run_iter it;
  int32_t last = 0, max = -1;
  if (stream) {
    pcln_runs_begin(&h->d->file->table, stream, &it);
    for (struct pcln_run run; pcln_runs_next(&it, &run) && run.lo < size;) {
      html_num(&h->details, (run.hi < size ? run.hi : size) - run.lo);
      html_signed(&h->details, (int64_t)run.value - last);
      last = run.value;
      max = last > max ? last : max;
    }
    if (it.status != PCLN_OK)
      html_unreadable(h, f, "pctab");
  }
  html_num(&h->details, 0);
  return max;
}
