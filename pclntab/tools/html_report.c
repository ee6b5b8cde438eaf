// SPDX-License-Identifier: Apache-2.0
//
// --html: one file that shows the table in a browser, without a network and
// without anything beside it. The page is report/, put into this program by
// cmake/EmbedReport.cmake; here its data is collected, compressed and placed in
// the page's middle. Compression is zlib's: every browser of today can undo it,
// and a report so becomes smaller than the table it shows.
#include "html.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "report.inc" // page_before, page_after

// --- Sections ---------------------------------------------------------------

// A section: length and bytes of its name, length and bytes of its content.
static void section(struct html_buf *out, const char *name,
                    const struct html_buf *content) {
  html_num(out, strlen(name));
  html_put(out, name, strlen(name));
  html_num(out, content->len);
  html_put(out, content->bytes, content->len);
  if (content->status != PCLN_OK)
    out->status = content->status;
}

static void strings_section(struct html_buf *out, const char *name,
                            const struct html_strings *s) {
  section(out, name, &s->bytes);
  if (html_strings_status(s) != PCLN_OK)
    out->status = html_strings_status(s);
}

static void funcs_section(struct html_buf *out, const struct html *h) {
  struct html_buf all = {0};
  html_num(&all, h->n_funcs);
  for (size_t i = 0; i < HTML_COLUMNS; i++) {
    html_put(&all, h->columns[i].bytes, h->columns[i].len);
    if (h->columns[i].status != PCLN_OK)
      all.status = h->columns[i].status;
  }
  section(out, "funcs", &all);
  html_free(&all);
}

static void bytes_section(struct html_buf *out, struct html *h) {
  struct html_buf all = {0};
  const enum pcln_status status =
      html_bytes_write(&h->bytes, &h->d->file->table, &all);
  if (status != PCLN_OK)
    all.status = status;
  section(out, "bytes", &all);
  html_free(&all);
}

static void collect(struct html *h, struct html_buf *out) {
  html_facts(h);
  html_functions(h);
  section(out, "facts", &h->facts);
  strings_section(out, "names", &h->names);
  strings_section(out, "files", &h->files);
  strings_section(out, "rules", &h->rules);
  funcs_section(out, h);
  section(out, "details", &h->details);
  section(out, "maps", &h->maps);
  bytes_section(out, h);
}

static void free_all(struct html *h) {
  html_strings_free(&h->names);
  html_strings_free(&h->files);
  html_strings_free(&h->rules);
  for (size_t i = 0; i < HTML_COLUMNS; i++)
    html_free(&h->columns[i]);
  html_free(&h->details);
  html_free(&h->facts);
  html_free(&h->maps);
  html_ids_free(&h->map_ids);
  html_bytes_free(&h->bytes);
}

// --- The page ---------------------------------------------------------------

static void put_base64(struct dump_out *o, const uint8_t *bytes, size_t len) {
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < len; i += 3) {
    const uint32_t b1 = i + 1 < len ? bytes[i + 1] : 0;
    const uint32_t b2 = i + 2 < len ? bytes[i + 2] : 0;
    const uint32_t v = (uint32_t)bytes[i] << 16 | b1 << 8 | b2;
    const char quad[] = {digits[v >> 18], digits[v >> 12 & 63],
                         i + 1 < len ? digits[v >> 6 & 63] : '=',
                         i + 2 < len ? digits[v & 63] : '='};
    dump_put(o, quad, sizeof quad);
  }
}

static enum pcln_status put_page(struct dump_out *o,
                                 const struct html_buf *data) {
  if (data->status != PCLN_OK)
    return data->status;
  uLongf len = compressBound(data->len);
  uint8_t *packed = malloc(len);
  if (!packed || compress2(packed, &len, data->bytes, data->len,
                           Z_DEFAULT_COMPRESSION) != Z_OK) {
    free(packed);
    return PCLN_NO_MEMORY;
  }
  dump_put(o, page_before, sizeof page_before - 1);
  put_base64(o, packed, len);
  dump_put(o, page_after, sizeof page_after - 1);
  free(packed);
  return PCLN_OK;
}

void html_unreadable(struct html *h, const struct pcln_func *f,
                     const char *region) {
  h->status = dump_unreadable(h->d, f, region);
}

static void say(const struct dump *d, enum pcln_status status) {
  struct pcln_report r = {.severity = PCLN_ERROR,
                          .fault = "report-failed",
                          .file = d->file->path,
                          .text = pcln_status_text(status)};
  if (status == PCLN_LIMIT) {
    r.fault = "report-too-large";
    r.text = "more than a browser can hold; --package, --func or --address "
             "choose a part";
  }
  pcln_say(d->sink, &r);
}

enum pcln_status dump_html(struct dump *d) {
  struct html h = {.d = d};
  struct html_buf data = {0};
  // Reports become records of the page's facts, never text in the page.
  d->errors->out = NULL;
  collect(&h, &data);
  enum pcln_status status = put_page(d->out, &data);
  if (status != PCLN_OK)
    say(d, status);
  else
    status = h.status;
  html_free(&data);
  free_all(&h);
  return status;
}
