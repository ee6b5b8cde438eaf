// SPDX-License-Identifier: Apache-2.0
//
// Whom each byte of the table is for, so that the report's treemap can say it
// exactly: every byte is counted once, and the sum is the table's size.
//
// What a byte is (a name, a stream of lines, a record) is what --stats says:
// dump_sizes.c paints the table with components. Here it is painted a second
// time, with those who use the bytes. Most things are stored once for all who
// need them, so a place is claimed again and again; it then belongs to nobody
// alone, but to the functions of one group (package or file) or of several.
// That is what a reader of a treemap needs to know: dropping one of those
// functions would not make the table smaller.
#include "html.h"

#include "dump_sizes.h"

#include <stdlib.h>
#include <string.h>

// --- Claims -----------------------------------------------------------------

static bool reserve(struct html_bytes *b, const struct pcln_table *t) {
  if (!b->map)
    b->map = calloc(t->blob.len + 1, sizeof *b->map);
  if (b->n == b->cap) {
    const size_t cap = b->cap ? b->cap * 2 : 4096;
    struct html_claim *claims = realloc(b->claims, cap * sizeof *claims);
    if (claims) {
      b->claims = claims;
      b->cap = cap;
    }
  }
  b->failed |= !b->map || b->n == b->cap;
  return !b->failed;
}

// A further claim: whose the bytes are now. A name is the function's, if there
// is one, wherever else that is inlined.
static void share(struct html_claim *c, const struct html_claim *by) {
  if (c->owner == HTML_OWNER_SEVERAL || by->owner == HTML_OWNER_NAME ||
      (c->owner == by->owner && c->id == by->id))
    return;
  if (c->owner == HTML_OWNER_NAME) {
    *c = *by;
    return;
  }
  const bool grouped =
      by->owner == HTML_OWNER_FUNC && c->group == by->group &&
      (c->owner == HTML_OWNER_FUNC || c->owner == HTML_OWNER_GROUP);
  c->owner = grouped ? HTML_OWNER_GROUP : HTML_OWNER_SEVERAL;
}

bool html_claim_new(struct html_bytes *b, const struct pcln_table *t,
                    const uint8_t *at, const struct html_claim *by) {
  // Funcdata of a bare Go table lies outside of it.
  if (at < t->blob.ptr || at >= t->blob.ptr + t->blob.len || !reserve(b, t))
    return false;
  const uint32_t had = b->map[at - t->blob.ptr];
  if (had)
    share(&b->claims[had - 1], by);
  return !had;
}

void html_claim(struct html_bytes *b, const struct pcln_table *t,
                const uint8_t *at, uint64_t len, const struct html_claim *by) {
  if (!reserve(b, t))
    return;
  const size_t off = (size_t)(at - t->blob.ptr);
  if (len > t->blob.len - off)
    len = t->blob.len - off;
  b->claims[b->n++] = *by;
  uint32_t last = 0;
  for (uint32_t *m = b->map + off, *end = m + len; m < end; m++) {
    if (!*m)
      *m = (uint32_t)b->n;
    else if (*m != last) // the tail of this is another's
      share(&b->claims[*m - 1], by);
    last = *m;
  }
}

void html_bytes_free(struct html_bytes *b) {
  free(b->claims);
  free(b->map);
  *b = (struct html_bytes){0};
}

// --- The section ------------------------------------------------------------

static void put_names(struct html_buf *out, const struct pcln_table *t) {
  char name[DUMP_PART_NAME];
  for (unsigned i = 1; *dump_sizes_name(t, name, sizeof name, i); i++)
    html_put(out, name, strlen(name) + 1);
  html_put(out, "", 1);
}

static void put_run(struct html_buf *out, unsigned component,
                    const struct html_claim *claim, uint64_t len) {
  html_num(out, len);
  html_num(out, component - 1);
  html_num(out, claim->owner);
  html_num(out, claim->id);
}

// The names of the components, each with its NUL, up to an empty one. Then for
// each run of bytes: length, component, owner, the owner's number; up to the
// end of the section.
enum pcln_status html_bytes_write(struct html_bytes *b,
                                  const struct pcln_table *t,
                                  struct html_buf *out) {
  static const struct html_claim nobody = {.owner = HTML_OWNER_NONE};
  struct dump_sizes sizes;
  if (b->failed || (!b->map && !reserve(b, t)))
    return PCLN_NO_MEMORY;
  const enum pcln_status status = dump_sizes_measure(t, &sizes);
  if (status != PCLN_OK)
    return status;
  put_names(out, t);
  uint32_t claim = 0;
  for (size_t lo = 0, hi; lo < t->blob.len; lo = hi) {
    const uint8_t component = sizes.map[lo];
    const bool goes_on = claim && b->claims[claim - 1].open && lo > 0 &&
                         sizes.map[lo - 1] == component && !b->map[lo];
    if (!goes_on)
      claim = b->map[lo];
    for (hi = lo + 1; hi < t->blob.len && b->map[hi] == b->map[lo] &&
                      sizes.map[hi] == component;)
      hi++;
    put_run(out, component, claim ? &b->claims[claim - 1] : &nobody, hi - lo);
  }
  dump_sizes_free(&sizes);
  return PCLN_OK;
}
