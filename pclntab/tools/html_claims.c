// SPDX-License-Identifier: Apache-2.0
//
// Says of each thing in the table whom it is for (html_bytes.c keeps account):
// a function's record, entry, name, streams and funcdata; the inlined functions
// that are named; files and the lists of them.
#include "html.h"

#include "stackmap_compact.h"
#include "table.h"

#include <string.h>

static void claim(struct html *h, const struct html_claim *by,
                  const uint8_t *at, uint64_t len) {
  const struct pcln_table *t = &h->d->file->table;
  if (html_claim_new(&h->bytes, t, at, by))
    html_claim(&h->bytes, t, at, len, by);
}

static void claim_stream(struct html *h, const struct html_claim *by,
                         uint32_t stream) {
  const struct pcln_table *t = &h->d->file->table;
  const uint8_t *at = t->pctab.ptr + stream;
  if (stream && stream < t->pctab.len && html_claim_new(&h->bytes, t, at, by))
    html_claim(&h->bytes, t, at, dump_stream_bytes(t, stream), by);
}

static void claim_text(struct html *h, const struct html_claim *by,
                       const char *text) {
  if (text)
    claim(h, by, (const uint8_t *)text, strlen(text) + 1);
}

// --- One function -----------------------------------------------------------

// The names of inlined functions; and in compact trees, whose records name them
// by number, these functions' records.
static void claim_callees(struct html *h, const struct pcln_func *f) {
  const struct pcln_table *t = &h->d->file->table;
  const int32_t last = html_last_call(h, f);
  for (int32_t i = 0; i <= last; i++) {
    struct pcln_inline call;
    if (pcln_inline_at(t, f, (uint32_t)i, &call) != PCLN_OK)
      return;
    const char *name = pcln_name_at(t, call.name_off);
    const struct html_claim by = {
        .owner = HTML_OWNER_NAME,
        .id = html_string(&h->names, dump_name(h->d->names, name))};
    claim_text(h, &by, name);
  }
}

static void claim_callee_records(struct html *h) {
  const struct pcln_table *t = &h->d->file->table;
  for (size_t at = 0; at + PCLN_CALLEE_SIZE <= t->callees.len;
       at += PCLN_CALLEE_SIZE) {
    const uint8_t *record = t->callees.ptr + at;
    const char *name = pcln_name_at(t, pcln_load32(record, t->swap));
    const struct html_claim by = {
        .owner = HTML_OWNER_NAME,
        .id = html_string(&h->names, name ? dump_name(h->d->names, name) : "")};
    claim(h, &by, record, PCLN_CALLEE_SIZE);
  }
}

static void claim_maps(struct html *h, const struct pcln_func *f,
                       const struct html_claim *by) {
  const struct pcln_table *t = &h->d->file->table;
  struct pcln_compact_maps maps;
  if (pcln_has_compact_maps(t) && pcln_compact_maps(t, f, &maps) == PCLN_OK)
    claim(h, by, maps.bytes.ptr, maps.bytes.len);
}

static void claim_funcdata(struct html *h, const struct pcln_func *f,
                           const struct html_claim *by) {
  struct html_claim open = *by;
  open.open = true; // no payload says how long it is
  for (uint32_t i = 0; i < f->n_funcdata; i++) {
    struct pcln_span s;
    if (pcln_funcdata(&h->d->file->table, f, i, &s) == PCLN_OK && s.len)
      claim(h, &open, s.ptr, 1);
  }
}

void html_claim_func(struct html *h, const struct pcln_func *f,
                     const struct html_claim *by) {
  const struct pcln_table *t = &h->d->file->table;
  const size_t entry = pcln_functab_entry_size(t);
  const uint64_t end = pcln_record_end(t, f);
  claim(h, by, t->functab.ptr + entry * f->idx, entry);
  if (end > f->rec_off && end <= t->functab.len)
    claim(h, by, t->functab.ptr + f->rec_off, end - f->rec_off);
  if (*f->name)
    claim_text(h, by, f->name);
  claim_stream(h, by, f->pcsp);
  claim_stream(h, by, f->pcfile);
  claim_stream(h, by, f->pcln);
  for (uint32_t i = 0; i < f->n_pcdata; i++)
    claim_stream(h, by, pcln_pcdata_stream(t, f, i));
  claim_maps(h, f, by);
  claim_funcdata(h, f, by);
  claim_callees(h, f);
}

// --- Files ------------------------------------------------------------------

// Before go1.16 the list is one for all, and its first entry is the count.
static const char *file_at(const struct pcln_table *t, size_t i) {
  const struct pcln_func all = {.cu_offset = 0};
  return pcln_file_name(t, &all, (int32_t)i);
}

void html_claim_shared(struct html *h) {
  const struct pcln_table *t = &h->d->file->table;
  for (size_t i = 0; i < t->cutab.len / 4 && i < INT32_MAX; i++) {
    const char *file = file_at(t, i);
    if (!file)
      continue;
    const struct html_claim by = {
        .owner = HTML_OWNER_FILE,
        .id = html_string(
            &h->files, h->d->options->basenames ? dump_basename(file) : file)};
    claim(h, &by, t->cutab.ptr + 4 * i, 4);
    claim_text(h, &by, file);
  }
  claim_callee_records(h);
}
