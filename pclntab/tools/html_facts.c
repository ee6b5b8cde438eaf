// SPDX-License-Identifier: Apache-2.0
//
// What the report says of the file as a whole is what other actions say of it:
// they run once more, as with --json, into memory, and the page reads their
// records. So the report cannot come to say something else than they do.
#define _GNU_SOURCE // memfd_create
#include "html.h"

#include "buildinfo.h"
#include "table.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void put_text(struct html_buf *b, const char *text) {
  html_put(b, text, strlen(text));
}

// Appends all that was written to `fd`.
static bool take(struct html_buf *b, int fd) {
  uint8_t block[1 << 14];
  for (off_t at = 0;;) {
    const ssize_t n = pread(fd, block, sizeof block, at);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return n == 0;
    html_put(b, block, (size_t)n);
    at += n;
  }
}

// The options that say which functions the report is about.
static enum pcln_status filters(struct dump *d) {
  const struct dump_options *o = d->options;
  const struct {
    const char *option, *value;
  } given[] = {
      {"--func", o->func}, {"--package", o->package}, {"--file", o->file}};
  for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
    if (!given[i].value)
      continue;
    dump_begin(d->out, "filter");
    dump_str(d->out, "option", given[i].option);
    dump_str(d->out, "value", given[i].value);
    dump_end(d->out);
  }
  if (o->has_range) {
    dump_begin(d->out, "range");
    dump_hex(d->out, "lo", o->lo);
    dump_hex(d->out, "hi", o->hi);
    dump_end(d->out);
  }
  return PCLN_OK;
}

// --- What the numbers in records mean ----------------------------------------

static void field(struct dump *d, const char *name, unsigned offset,
                  unsigned bytes) {
  if (bytes == 0)
    return;
  dump_begin(d->out, "field");
  dump_str(d->out, "name", name);
  dump_num(d->out, "offset", offset);
  dump_num(d->out, "bytes", bytes);
  dump_end(d->out);
}

// The fixed part of a record, field by field.
static void fields(struct dump *d) {
  const struct pcln_table *t = &d->file->table;
  const struct pcln_rec_layout *l = pcln_rec_layout(t);
  const unsigned e = l->entry_size;
  field(d, t->layout >= PCLN_GO_118 ? "entryOff" : "entry", 0, e);
  field(d, "nameOff", e + PCLN_REC_NAME, 4);
  field(d, "args", e + PCLN_REC_ARGS, 4);
  field(d, "deferreturn", e + PCLN_REC_DEFERRETURN, 4);
  field(d, "pcsp", e + PCLN_REC_PCSP, 4);
  field(d, "pcfile", e + PCLN_REC_PCFILE, 4);
  field(d, "pcln", e + PCLN_REC_PCLN, 4);
  field(d, "npcdata", e + PCLN_REC_NPCDATA, 4);
  field(d, "cuOffset", l->cu_offset, l->cu_offset ? 4 : 0);
  field(d, "startLine", l->start_line, l->start_line ? 4 : 0);
  if (pcln_has_old_records(t)) {
    field(d, "nfuncdata", l->func_id, 4);
    return;
  }
  field(d, "funcID", l->func_id, 1);
  field(d, "flag", l->func_id + 1u, 1);
  field(d, "pad", l->func_id + 2u, 1);
  field(d, "nfuncdata", l->func_id + 3u, 1);
}

static void number(struct dump *d, const char *of, unsigned i,
                   const char *name) {
  dump_begin(d->out, "number");
  dump_str(d->out, "of", of);
  dump_num(d->out, "index", i);
  dump_str(d->out, "name", name);
  dump_end(d->out);
}

static enum pcln_status layout(struct dump *d) {
  enum { N_DATA = 16, N_IDS = 32, N_FLAGS = 8 };
  const struct pcln_table *t = &d->file->table;
  const uint32_t maps = pcln_pcdata_index(t, PCLN_PD_STACKMAP);
  char name[PCLN_NAME_MAX];
  dump_begin(d->out, "record");
  dump_num(d->out, "fixed_bytes", pcln_rec_layout(t)->size);
  dump_num(d->out, "funcdata_bytes", pcln_funcdata_size(t));
  dump_named_bool(d->out, "packed", t->flags & PCLN_MODF_PACKED);
  dump_named_bool(d->out, "big_endian",
                  t->swap == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__));
  dump_num(d->out, "stackmaps", maps == PCLN_NO_INDEX ? -1 : (int64_t)maps);
  dump_end(d->out);
  fields(d);
  for (unsigned i = 0; i < N_DATA; i++) {
    number(d, "pcdata", i, pcln_pcdata_name(t, i, name, sizeof name));
    number(d, "funcdata", i, pcln_funcdata_name(t, i, name, sizeof name));
  }
  for (unsigned i = 1; i < N_IDS; i++)
    number(d, "func_id", i,
           pcln_func_id_name(t, (uint8_t)i, name, sizeof name));
  for (unsigned i = 1; i < N_FLAGS; i++)
    number(d, "flags", i, pcln_flags_name((uint8_t)i, name, sizeof name));
  return PCLN_OK;
}

// --- All ---------------------------------------------------------------------

// One action's document, as a member of the facts.
static void add(struct html *h, const char *name,
                enum pcln_status (*run)(struct dump *d)) {
  static struct dump_out out; // large
  struct dump_options options = *h->d->options;
  struct dump sub = *h->d;
  const int fd = memfd_create("report", MFD_CLOEXEC);
  if (fd < 0) {
    h->facts.status = PCLN_IO;
    return;
  }
  options.json = true;
  sub.options = &options;
  sub.out = &out;
  dump_out_init(&out, fd, true);
  dump_document_begin(&out, name, &options);
  dump_errors_begin(h->d->errors, &out);
  if (run(&sub) == PCLN_CORRUPT)
    h->status = PCLN_CORRUPT;
  h->d->errors->out = NULL;
  h->d->errors->n_kept = 0;
  dump_document_end(&out);
  dump_out_flush(&out);
  put_text(&h->facts, h->facts.len ? ",\"" : "{\"");
  put_text(&h->facts, name);
  put_text(&h->facts, "\":");
  if (out.error || !take(&h->facts, fd))
    h->facts.status = PCLN_IO;
  close(fd);
}

void html_facts(struct html *h) {
  struct pcln_buildinfo info;
  add(h, "filters", filters);
  add(h, "layout", layout);
  add(h, "header", dump_header);
  // Only Go's programs have it; that another has none is nothing to report.
  if (pcln_buildinfo_find(&h->d->file->image, &info, NULL) == PCLN_OK)
    add(h, "buildinfo", dump_buildinfo);
  add(h, "stats", dump_stats);
  add(h, "verify", dump_verify);
  add(h, "roots", dump_roots);
  put_text(&h->facts, "}");
}
