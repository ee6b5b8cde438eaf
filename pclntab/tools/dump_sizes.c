// SPDX-License-Identifier: Apache-2.0
//
// What the bytes of a table are spent on.
//
// Sums of lengths do not add up to a table's size: streams and names are
// shared, one may be the tail of another, and before go1.16 records, names and
// streams stand mixed, with no region of their own. So each byte is painted
// with the component that uses it first, and the painted bytes are counted:
// what comes out adds up by construction, whatever the table. What no function
// refers to goes to the region that it stands in, or is padding.
//
// Funcdata has no stored length: a payload is counted up to where the next one
// that some function refers to begins.
#include "dump_sizes.h"

#include "stackmap_compact.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum part {
  PART_NONE,
  PART_MODULE_HEADER,
  PART_HEADER,
  PART_NAMES,
  PART_CUTAB,
  PART_FILES,
  PART_PCSP,
  PART_PCFILE,
  PART_PCLN,
  PART_PCDATA, // + index
  PART_MORE_PCDATA = PART_PCDATA + 8,
  PART_MAPS,  // compact pointer maps
  PART_PCTAB, // what no function refers to
  PART_FUNCTAB,
  PART_RECORDS,
  PART_FUNCDATA, // + index
  PART_MORE_FUNCDATA = PART_FUNCDATA + 12,
  PART_FINDFUNC,
  PART_RULES,
  PART_ROOTS,
  PART_CALLEES,
  PART_PADDING,
  PART_OTHER,
  N_PARTS,
};
_Static_assert((int)N_PARTS <= (int)DUMP_MAX_PARTS, "too many components");

static const char *const part_names[N_PARTS] = {
    [PART_MODULE_HEADER] = "module_header",
    [PART_HEADER] = "header",
    [PART_NAMES] = "funcnametab",
    [PART_CUTAB] = "cutab",
    [PART_FILES] = "filetab",
    [PART_PCSP] = "pctab.pcsp",
    [PART_PCFILE] = "pctab.pcfile",
    [PART_PCLN] = "pctab.pcln",
    [PART_MORE_PCDATA] = "pctab.pcdata_more",
    [PART_MAPS] = "pctab.pointer_maps",
    [PART_PCTAB] = "pctab.unused",
    [PART_FUNCTAB] = "functab",
    [PART_RECORDS] = "records",
    [PART_MORE_FUNCDATA] = "funcdata.more",
    [PART_FINDFUNC] = "findfunctab",
    [PART_RULES] = "rules",
    [PART_ROOTS] = "roots",
    [PART_CALLEES] = "callees",
    [PART_PADDING] = "padding",
    [PART_OTHER] = "other",
};

struct payload { // of funcdata
  const uint8_t *at;
  uint8_t part;
};

// A table in which a hundred thousand functions share a stream of a megabyte
// was made to keep us busy. What real ones share would make them half as long
// again.
enum { BUDGET_TIMES = 64 };

struct painter {
  const struct pcln_table *t;
  uint8_t *map; // enum part of each byte of the blob
  uint64_t fresh, shared;
  uint64_t budget; // bytes that may still be painted
  struct payload *payloads;
  size_t n_payloads, cap;
};

// --- Painting ---------------------------------------------------------------

static void paint(struct painter *p, const uint8_t *at, uint64_t len,
                  unsigned part) {
  const struct pcln_span *blob = &p->t->blob;
  if (!at || at < blob->ptr || at >= blob->ptr + blob->len)
    return;
  const size_t off = (size_t)(at - blob->ptr);
  if (len > blob->len - off)
    len = blob->len - off;
  p->budget -= len < p->budget ? len : p->budget;
  if (p->budget == 0)
    return;
  for (uint8_t *m = p->map + off, *end = m + len; m < end; m++) {
    if (*m == PART_NONE) {
      *m = (uint8_t)part;
      p->fresh++;
    } else {
      p->shared++;
    }
  }
}

static void paint_span(struct painter *p, const struct pcln_span *span,
                       unsigned part) {
  paint(p, span->ptr, span->len, part);
}

static void paint_stream(struct painter *p, uint32_t stream, unsigned part) {
  if (stream && stream < p->t->pctab.len && p->budget > 0)
    paint(p, p->t->pctab.ptr + stream, dump_stream_bytes(p->t, stream), part);
}

static void paint_name(struct painter *p, const char *name) {
  paint(p, (const uint8_t *)name, strlen(name) + 1, PART_NAMES);
}

// --- Funcdata ---------------------------------------------------------------

static bool add_payload(struct painter *p, const uint8_t *at, unsigned part) {
  if (p->n_payloads == p->cap) {
    const size_t cap = p->cap ? 2 * p->cap : 4096;
    struct payload *more = realloc(p->payloads, cap * sizeof *more);
    if (!more)
      return false;
    p->payloads = more;
    p->cap = cap;
  }
  p->payloads[p->n_payloads++] = (struct payload){at, (uint8_t)part};
  return true;
}

static bool add_payloads(struct painter *p, const struct pcln_func *f) {
  for (uint32_t i = 0; i < f->n_funcdata; i++) {
    struct pcln_span span;
    const unsigned part = i < PART_MORE_FUNCDATA - PART_FUNCDATA
                              ? PART_FUNCDATA + i
                              : (unsigned)PART_MORE_FUNCDATA;
    if (pcln_funcdata(p->t, f, i, &span) == PCLN_OK && span.len > 0 &&
        !add_payload(p, span.ptr, part))
      return false;
  }
  return true;
}

static int by_address(const void *a, const void *b) {
  const struct payload *x = a, *y = b;
  if (x->at != y->at)
    return x->at < y->at ? -1 : 1;
  return (x->part > y->part) - (x->part < y->part);
}

// Counts each distinct payload, in the blob by painting it. The one that comes
// last outside of the blob has no end that is known, and is left out.
static void count_payloads(struct painter *p, uint64_t outside[N_PARTS]) {
  const struct pcln_span *area = &p->t->funcdata;
  if (p->n_payloads)
    qsort(p->payloads, p->n_payloads, sizeof *p->payloads, by_address);
  const uint8_t *blob_end = p->t->blob.ptr + p->t->blob.len;
  for (size_t i = 0; i < p->n_payloads; i++) {
    const struct payload *at = &p->payloads[i];
    if (i > 0 && at->at == at[-1].at)
      continue;
    size_t next = i + 1;
    while (next < p->n_payloads && p->payloads[next].at == at->at)
      next++;
    const bool last = next == p->n_payloads;
    const uint8_t *end = last ? area->ptr + area->len : p->payloads[next].at;
    if (at->at >= p->t->blob.ptr && at->at < blob_end)
      paint(p, at->at, (uint64_t)(end - at->at), at->part);
    else if (!last)
      outside[at->part] += (uint64_t)(end - at->at);
  }
}

// --- Functions --------------------------------------------------------------

static void paint_calls(struct painter *p, const struct pcln_func *f) {
  const uint32_t stream = pcln_pcdata_stream(p->t, f, PCLN_PCDATA_INLTREE);
  struct pcln_run_iter it;
  int32_t last = -1;
  if (!stream)
    return;
  pcln_runs_begin(p->t, stream, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);)
    last = run.value > last ? run.value : last;
  struct pcln_inline call;
  for (uint32_t i = 0; (int64_t)i <= last; i++) {
    if (pcln_inline_at(p->t, f, i, &call) != PCLN_OK)
      return;
    const char *name = pcln_name_at(p->t, call.name_off);
    if (name)
      paint_name(p, name);
  }
}

static void paint_maps(struct painter *p, const struct pcln_func *f) {
  struct pcln_compact_maps maps;
  if (pcln_has_compact_maps(p->t) && p->budget > 0 &&
      pcln_compact_maps(p->t, f, &maps) == PCLN_OK)
    paint_span(p, &maps.bytes, PART_MAPS);
}

static void paint_func(struct painter *p, const struct pcln_func *f) {
  const struct pcln_table *t = p->t;
  const uint64_t end = pcln_record_end(t, f);
  if (end > f->rec_off)
    paint(p, t->functab.ptr + f->rec_off, end - f->rec_off, PART_RECORDS);
  if (f->hole)
    return;
  paint_name(p, f->name);
  paint_stream(p, f->pcsp, PART_PCSP);
  paint_stream(p, f->pcfile, PART_PCFILE);
  paint_stream(p, f->pcln, PART_PCLN);
  for (uint32_t i = 0; i < f->n_pcdata; i++)
    paint_stream(p, pcln_pcdata_stream(t, f, i),
                 i < PART_MORE_PCDATA - PART_PCDATA ? PART_PCDATA + i
                                                    : PART_MORE_PCDATA);
  paint_maps(p, f);
  paint_calls(p, f);
}

static bool paint_functions(struct painter *p, uint32_t *func_bytes) {
  const struct pcln_table *t = p->t;
  const size_t entry = pcln_functab_entry_size(t);
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    struct pcln_func f;
    if (pcln_func_at(t, i, &f) != PCLN_OK)
      continue;
    p->fresh = 0;
    paint_func(p, &f);
    func_bytes[i] = (uint32_t)(p->fresh + entry);
    if (!f.hole && !add_payloads(p, &f))
      return false;
  }
  return true;
}

// --- Regions ----------------------------------------------------------------

static size_t header_len(const struct pcln_table *t) {
  const size_t words = t->layout >= PCLN_GO_118   ? PCLN_GO_N_WORDS
                       : t->layout == PCLN_GO_116 ? PCLN_GO_N_WORDS - 1
                                                  : 1;
  return PCLN_GO_HDR_WORDS + words * t->ptr_size;
}

// Before go1.16 a table of files is a count, which counts itself, and offsets
// of names from the table's start.
static void paint_old_files(struct painter *p) {
  const struct pcln_table *t = p->t;
  paint_span(p, &t->cutab, PART_FILES);
  for (size_t i = 4; i + 4 <= t->cutab.len; i += 4) {
    const uint32_t off = pcln_load32(t->cutab.ptr + i, t->swap);
    if (off < t->files.len)
      paint(p, t->files.ptr + off, strlen((const char *)t->files.ptr + off) + 1,
            PART_FILES);
  }
}

// Go stores the length of a findfunctab nowhere. Its last record ends after the
// last byte that is used.
static uint64_t findfunctab_len(const struct pcln_table *t) {
  const uint64_t rest = t->text_len % PCLN_FINDFUNC_BUCKET;
  const uint64_t subs =
      (rest + PCLN_FINDFUNC_SUBBUCKET - 1) / PCLN_FINDFUNC_SUBBUCKET;
  return t->text_len / PCLN_FINDFUNC_BUCKET * PCLN_FINDFUNC_RECORD +
         (rest ? 4 + subs : 0);
}

static bool in_blob(const struct pcln_table *t, const struct pcln_span *part) {
  return part->ptr && part->ptr >= t->blob.ptr &&
         part->ptr < t->blob.ptr + t->blob.len;
}

static void paint_headers(struct painter *p) {
  const struct pcln_table *t = p->t;
  const size_t entry = pcln_functab_entry_size(t);
  if (t->ours)
    paint(p, t->blob.ptr,
          t->flags & PCLN_MODF_ROOTS ? PCLN_MOD_SIZE_ROOTS : PCLN_MOD_SIZE,
          PART_MODULE_HEADER);
  paint(p, t->pclntab.ptr, header_len(t), PART_HEADER);
  // After the last entry the end marker, half an entry.
  paint(p, t->functab.ptr, t->n_funcs * entry + entry / 2, PART_FUNCTAB);
  if (t->layout == PCLN_GO_12) {
    paint(p, t->functab.ptr + t->n_funcs * entry + entry / 2, 4, PART_FUNCTAB);
    paint_old_files(p);
  }
  // Before funcdata, which goes on to the end, since go1.26.
  if (in_blob(t, &t->findfunctab))
    paint(p, t->findfunctab.ptr,
          t->ours ? t->findfunctab.len : findfunctab_len(t), PART_FINDFUNC);
}

// What is left of regions. Padding behind a region is none of its bytes.
static void paint_regions(struct painter *p) {
  const struct pcln_table *t = p->t;
  if (t->layout != PCLN_GO_12) {
    paint_span(p, &t->names, PART_NAMES);
    paint_span(p, &t->cutab, PART_CUTAB);
    paint_span(p, &t->files, PART_FILES);
    paint_span(p, &t->pctab, PART_PCTAB);
  }
  if (!t->ours)
    return;
  paint_span(p, &t->rules, PART_RULES);
  paint_span(p, &t->roots, PART_ROOTS);
  paint_span(p, &t->callees, PART_CALLEES);
}

static void count_map(const struct painter *p, uint64_t bytes[N_PARTS]) {
  const struct pcln_span *blob = &p->t->blob;
  for (size_t i = 0; i < blob->len; i++) {
    if (p->map[i] == PART_NONE)
      p->map[i] = blob->ptr[i] == 0 ? PART_PADDING : PART_OTHER;
    bytes[p->map[i]]++;
  }
}

// --- Results ----------------------------------------------------------------

// `name` with the region before it; the number where it has no name.
static void numbered_name(char *buf, size_t len, const char *region,
                          const char *name, const char *prefix,
                          unsigned index) {
  if (strcmp(name, "unknown") == 0)
    snprintf(buf, len, "%s.%s%u", region, prefix, index);
  else
    snprintf(buf, len, "%s.%s", region, name);
}

const char *dump_sizes_name(const struct pcln_table *t, char *buf, size_t len,
                            unsigned part) {
  char name[PCLN_NAME_MAX];
  const unsigned pcdata = part - PART_PCDATA, funcdata = part - PART_FUNCDATA;
  if (part >= N_PARTS || part == PART_NONE)
    snprintf(buf, len, "%s", "");
  else if (part_names[part])
    snprintf(buf, len, "%s", part_names[part]);
  else if (part < PART_MORE_PCDATA)
    numbered_name(buf, len, "pctab",
                  pcln_pcdata_name(t, pcdata, name, sizeof name), "pcdata",
                  pcdata);
  else
    numbered_name(buf, len, "funcdata",
                  pcln_funcdata_name(t, funcdata, name, sizeof name), "",
                  funcdata);
  return buf;
}

static size_t list_parts(const struct pcln_table *t,
                         const uint64_t bytes[N_PARTS], struct dump_part *out) {
  size_t n = 0;
  for (unsigned part = PART_NONE + 1; part < N_PARTS; part++) {
    if (!bytes[part])
      continue;
    dump_sizes_name(t, out[n].name, sizeof out[n].name, part);
    out[n++].bytes = bytes[part];
  }
  return n;
}

static enum pcln_status measure(struct painter *p, struct dump_sizes *out) {
  uint64_t inside[N_PARTS] = {0}, outside[N_PARTS] = {0};
  const struct pcln_table *t = p->t;
  paint_headers(p);
  p->shared = 0;
  if (!paint_functions(p, out->func_bytes))
    return PCLN_NO_MEMORY;
  out->shared = p->shared;
  count_payloads(p, outside);
  paint_regions(p);
  count_map(p, inside);
  if (t->findfunctab.ptr && !in_blob(t, &t->findfunctab))
    outside[PART_FINDFUNC] = findfunctab_len(t);
  out->n_parts = list_parts(t, inside, out->parts);
  out->n_outside = list_parts(t, outside, out->outside);
  out->total = t->blob.len;
  return PCLN_OK;
}

enum pcln_status dump_sizes_measure(const struct pcln_table *t,
                                    struct dump_sizes *out) {
  struct painter p = {.t = t, .budget = t->blob.len * BUDGET_TIMES};
  *out = (struct dump_sizes){0};
  p.map = calloc(t->blob.len + 1, 1);
  out->func_bytes = calloc((size_t)t->n_funcs + 1, sizeof *out->func_bytes);
  enum pcln_status status = PCLN_NO_MEMORY;
  if (p.map && out->func_bytes)
    status = measure(&p, out);
  out->map = p.map;
  free(p.payloads);
  if (status != PCLN_OK)
    dump_sizes_free(out);
  return status;
}

const char *dump_func_file(const struct pcln_table *t,
                           const struct pcln_func *f) {
  struct pcln_rows rows;
  struct pcln_row row[16];
  pcln_rows_begin(t, f, &rows);
  for (size_t n; (n = pcln_rows_next(&rows, row, 16)) > 0;)
    for (size_t i = 0; i < n; i++)
      if (row[i].inl < 0 && row[i].file >= 0)
        return pcln_file_name(t, f, row[i].file);
  return NULL;
}

void dump_sizes_free(struct dump_sizes *sizes) {
  free(sizes->func_bytes);
  free(sizes->map);
  *sizes = (struct dump_sizes){0};
}
