// SPDX-License-Identifier: Apache-2.0
//
// The functions of the report. What the list of functions shows and sorts by
// is kept in columns, so that the page has arrays of numbers after one pass;
// all else of a function stands in its details, one after the other, which the
// page decodes for the function that is looked at.
#include "html.h"

#include "go_names.h"
#include "table.h"

#include <string.h>

enum { MAX_PIECE = 1024 }; // bytes of a package's path or a receiver's name

enum column {
  COL_SKIPPED, // functab entries left out before it
  COL_GAP,     // bytes from the end of the one before (or text start), signed
  COL_SIZE,    // bytes
  COL_HOLE,    // 1: a hole
  COL_NAME,    // numbers of strings: as shown,
  COL_PACKAGE,
  COL_RECEIVER,
  COL_LINKAGE, // and the linkage name if that is another
  COL_OWN,     // bytes of the name before the function's own part
  COL_ARGS,    // signed
  COL_FRAME,   // bytes plus one; 0: unknown
  COL_START_LINE,
  COL_FUNC_ID,
  COL_FLAGS,
  COL_ROWS,    // positions
  COL_FILE,    // of the first position that is not inlined
  COL_DETAILS, // bytes
};

struct place { // where the last function ended
  uint32_t idx;
  uint64_t pc;
};

// --- Details ----------------------------------------------------------------

// Pctab offsets of PCDATA 0, 1, ... plus one, each with the stream's runs; up
// to a 0. A stream that is absent has the offset 0. Of inlined calls and unwind
// rules the runs are known already.
static void pcdata(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  for (uint32_t i = 0; i < f->n_pcdata; i++) {
    const uint32_t stream = pcln_pcdata_stream(t, f, i);
    const bool known =
        i == pcln_pcdata_inltree(t) || (t->ours && i == PCLN_PCDATA_UNWIND);
    html_num(&h->details, (uint64_t)stream + 1);
    html_stream(h, f, known ? 0 : stream);
  }
  html_num(&h->details, 0);
}

// The number of FUNCDATA, then their offsets in the funcdata area plus one; 0:
// absent.
static void funcdata(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  html_num(&h->details, f->n_funcdata);
  for (uint32_t i = 0; i < f->n_funcdata; i++) {
    struct pcln_span s;
    const bool there = pcln_funcdata(t, f, i, &s) == PCLN_OK;
    html_num(&h->details, there ? (uint64_t)(s.ptr - t->funcdata.ptr) + 1 : 0);
  }
}

// The record: its offset in functab, and its bytes.
static void record(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  uint64_t end = pcln_record_end(t, f);
  if (end < f->rec_off || end > t->functab.len)
    end = f->rec_off;
  html_num(&h->details, f->rec_off);
  html_num(&h->details, end - f->rec_off);
  html_put(&h->details, t->functab.ptr + f->rec_off,
           (size_t)(end - f->rec_off));
}

// --- One function -----------------------------------------------------------

static void put(struct html *h, enum column c, uint64_t v) {
  html_num(&h->columns[c], v);
}

static void put_signed(struct html *h, enum column c, int64_t v) {
  html_signed(&h->columns[c], v);
}

static uint32_t piece(struct html *h, struct pcln_str s) {
  char text[MAX_PIECE];
  const size_t len = s.len < sizeof text ? s.len : sizeof text - 1;
  memcpy(text, s.ptr, len);
  text[len] = 0;
  return html_text(&h->names, text);
}

// The parts of a Go function's name; others are not taken apart. Returns the
// package's number.
static uint32_t put_parts(struct html *h, const char *name) {
  struct pcln_name_parts parts = {0};
  char path[MAX_PIECE];
  uint32_t package = 0;
  if (!h->d->file->table.ours)
    pcln_name_split(name, &parts);
  if (parts.package.len) {
    pcln_package_path(parts.package, path, sizeof path);
    package = html_text(&h->names, path);
  }
  put(h, COL_PACKAGE, package);
  put(h, COL_RECEIVER, parts.receiver.len ? piece(h, parts.receiver) : 0);
  put(h, COL_OWN,
      parts.package.len ? (uint64_t)(parts.function.ptr - name) : 0);
  return package;
}

// Returns what the function is grouped by: its package, or its first file.
static uint32_t put_names(struct html *h, const struct pcln_func *f,
                          uint32_t file) {
  const char *shown = dump_name(h->d->names, f->name);
  put(h, COL_NAME, html_string(&h->names, shown));
  put(h, COL_LINKAGE, shown == f->name ? 0 : html_string(&h->names, f->name));
  const uint32_t package = put_parts(h, f->name);
  return package ? package << 1 | 1 : file << 1;
}

// A function or hole of the report; *by becomes who it is.
static void add(struct html *h, const struct pcln_func *f, struct place *last,
                struct html_claim *by) {
  const size_t start = h->details.len;
  struct html_rows rows;
  html_rows(h, f, &rows);
  html_calls(h, f);
  const int32_t frame = html_stream(h, f, f->pcsp);
  html_rules(h, f);
  pcdata(h, f);
  funcdata(h, f);
  record(h, f);
  html_frame(h, f);
  put(h, COL_SKIPPED, f->idx - last->idx);
  put_signed(h, COL_GAP, (int64_t)(f->entry - last->pc));
  put(h, COL_SIZE, f->end - f->entry);
  put(h, COL_HOLE, f->hole);
  const uint32_t group = put_names(h, f, rows.file);
  put_signed(h, COL_ARGS, f->args);
  put(h, COL_FRAME, (uint64_t)((int64_t)frame + 1));
  put_signed(h, COL_START_LINE, f->start_line);
  put(h, COL_FUNC_ID, f->func_id);
  put(h, COL_FLAGS, f->flags);
  put(h, COL_ROWS, rows.n);
  put(h, COL_FILE, rows.file);
  put(h, COL_DETAILS, h->details.len - start);
  *last = (struct place){f->idx + 1, f->end};
  *by = (struct html_claim){
      .owner = HTML_OWNER_FUNC, .id = h->n_funcs++, .group = group};
}

void html_functions(struct html *h) {
  const struct pcln_table *t = &h->d->file->table;
  struct place last = {0, t->text_start};
  // A damaged table can repeat a long stream for each function; what does not
  // fit into a page need not be read to its end.
  for (uint32_t i = 0; i < t->n_funcs && h->details.status == PCLN_OK; i++) {
    dump_progress(h->d->out, i, t->n_funcs);
    struct pcln_func f;
    struct html_claim by = {.owner = HTML_OWNER_UNSELECTED};
    if (pcln_func_at(t, i, &f) != PCLN_OK) {
      f = (struct pcln_func){.name = NULL};
      html_unreadable(h, &f, "functab");
      continue;
    }
    if (dump_selects(h->d, &f))
      add(h, &f, &last, &by);
    html_claim_func(h, &f, &by);
  }
  html_claim_shared(h);
}
