// SPDX-License-Identifier: Apache-2.0
//
// Accounts for every byte of a table: something leads to it, and only one kind
// of thing does.
//
// A map has a mark for each byte: of what it is a part, and whether that
// begins here. The walk over the functions claims for each what its record
// leads to, by the same rules as a reader: strings up to their NUL, streams up
// to their terminator. What is already claimed from the same start on is
// shared, which the format means; what begins elsewhere inside of it is an
// overlap, since no writer ends one thing in the middle of another. What is
// left unclaimed must be padding: zero, and in our tables where a part is
// aligned, and no longer than that takes.
//
// So a damaged offset shows twice, by what it leads to and by what nothing
// leads to any more. What lies outside of the table (Go's funcdata,
// findfunctab before go1.26) is not accounted for.
#include "bytes.h"
#include "check_parts.h"
#include "pairs.h"
#include "roots_table.h"
#include "stackmap_compact.h"
#include "stackmap_pairs.h"
#include "table.h"

#include <stdlib.h>
#include <string.h>

// What a byte is a part of.
enum kind {
  NOTHING,
  HEADER,
  NAME,
  UNIT, // an entry of cutab
  FILE_NAME,
  STREAM,
  MAPS, // compact pointer maps
  FUNCTAB,
  RECORD,
  FUNCDATA,
  FINDFUNC,
  RULE,
  CALLEE,
  ROOT,
  FIRST = 0x80, // the byte begins it
};

static const char *const kind_names[] = {
    [NOTHING] = "nothing",
    [HEADER] = "a header",
    [NAME] = "a name",
    [UNIT] = "a unit's list of files",
    [FILE_NAME] = "a file",
    [STREAM] = "a stream",
    [MAPS] = "pointer maps",
    [FUNCTAB] = "functab",
    [RECORD] = "a func record",
    [FUNCDATA] = "funcdata",
    [FINDFUNC] = "findfunctab",
    [RULE] = "a rule",
    [CALLEE] = "an inlined function",
    [ROOT] = "a root",
};

struct map {
  struct pcln_check_run *run;
  const struct pcln_table *t;
  const uint8_t *base; // the table's byte 0
  size_t len;
  uint8_t *marks;
  // Of ours: where parts of the table begin, so that padding ends there.
  const uint8_t *parts[12];
  size_t n_parts;
};

// --- Regions ----------------------------------------------------------------

// The region that holds a byte, for reports; innermost first.
static const char *region_of(const struct map *m, size_t off, size_t *in) {
  const struct pcln_table *t = m->t;
  const struct {
    const char *name;
    struct pcln_span span;
  } regions[] = {
      {"cutab", t->cutab},
      {"filetab", t->files},
      {"funcnametab", t->names},
      {"functab", t->functab},
      {"pctab", t->pctab},
      {"funcdata", t->funcdata},
      {"findfunctab", t->findfunctab},
      {"rules", t->rules},
      {"roots", t->roots},
      {"callees", t->callees},
  };
  const uint8_t *p = m->base + off;
  // Before go1.16 the regions are the whole table.
  for (size_t i = 0;
       t->layout > PCLN_GO_12 && i < sizeof regions / sizeof *regions; i++) {
    const struct pcln_span s = regions[i].span;
    if (!s.ptr || p < s.ptr || p >= s.ptr + s.len)
      continue;
    *in = (size_t)(p - s.ptr);
    return regions[i].name;
  }
  *in = off;
  return "table";
}

// --- Claims -----------------------------------------------------------------

static bool in_table(const struct map *m, const uint8_t *p) {
  return p >= m->base && p < m->base + m->len;
}

static void say_overlap(struct map *m, const struct pcln_func *f, size_t off,
                        enum kind kind, size_t at) {
  size_t in;
  const char *region = region_of(m, off, &in);
  pcln_check_say(m->run, "bytes-overlap", f, 0, region, in,
                 "%s begins here and overlaps %s", kind_names[kind],
                 kind_names[m->marks[at] & ~FIRST]);
}

// True: the thing at `p` is claimed already, from its beginning on.
static bool is_claimed(const struct map *m, const uint8_t *p, enum kind kind) {
  return in_table(m, p) && m->marks[p - m->base] == (FIRST | (uint8_t)kind);
}

// Claims `len` bytes at `p`, which are inside of the table, for `f`, which may
// be null.
static void claim(struct map *m, const struct pcln_func *f, const uint8_t *p,
                  size_t len, enum kind kind) {
  if (!in_table(m, p) || len == 0 || is_claimed(m, p, kind))
    return;
  const size_t off = (size_t)(p - m->base);
  if (len > m->len - off)
    len = m->len - off;
  for (size_t i = off; i < off + len; i++)
    if (m->marks[i]) {
      say_overlap(m, f, off, kind, i);
      return;
    }
  memset(m->marks + off, kind, len);
  m->marks[off] |= FIRST;
}

static void claim_string(struct map *m, const struct pcln_func *f,
                         const char *s, enum kind kind) {
  if (s && !is_claimed(m, (const uint8_t *)s, kind))
    claim(m, f, (const uint8_t *)s, strlen(s) + 1, kind);
}

static void claim_span(struct map *m, struct pcln_span s, enum kind kind) {
  if (s.ptr)
    claim(m, NULL, s.ptr, s.len, kind);
}

// --- What a function leads to -----------------------------------------------

static struct pcln_pairs pairs_of(const struct map *m, uint32_t stream) {
  struct pcln_pairs p =
      pcln_pairs_at(pcln_check_stream(m->t, stream), m->t->quantum);
  p.empty_runs = !m->t->ours;
  return p;
}

// A stream that does not end is not claimed; the structure's check reports it.
static void claim_stream(struct map *m, const struct pcln_func *f,
                         uint32_t stream) {
  struct pcln_pairs p = pairs_of(m, stream);
  if (stream == 0 || stream >= m->t->pctab.len ||
      is_claimed(m, p.c.start, STREAM))
    return;
  while (pcln_pairs_next(&p))
    ;
  if (!p.c.failed)
    claim(m, f, p.c.start, pcln_tell(&p.c), STREAM);
}

// The files that the function uses, and their entries of cutab. Go's units list
// all their files, so there cutab is claimed as a whole.
static void claim_files(struct map *m, const struct pcln_func *f) {
  struct pcln_pairs p = pairs_of(m, f->pcfile);
  if (!m->t->ours || f->pcfile == 0)
    return;
  while (pcln_pairs_next(&p)) {
    const uint64_t slot = (uint64_t)f->cu_offset + (uint32_t)p.value;
    if (p.value < 0 || slot >= m->t->cutab.len / 4)
      continue;
    claim(m, f, m->t->cutab.ptr + 4 * slot, 4, UNIT);
    claim_string(m, f, pcln_file_name(m->t, f, p.value), FILE_NAME);
  }
}

static void claim_rules(struct map *m, const struct pcln_func *f,
                        uint32_t stream) {
  struct pcln_pairs p = pairs_of(m, stream);
  if (stream == 0)
    return;
  while (pcln_pairs_next(&p))
    if (p.value >= 0 && (size_t)p.value < m->t->rules.len / PCLN_RULE_SIZE)
      claim(m, f, m->t->rules.ptr + (size_t)p.value * PCLN_RULE_SIZE,
            PCLN_RULE_SIZE, RULE);
}

// Bytes of a tree whose last used record is `last`, and the callees that it
// names.
static size_t claim_tree(struct map *m, const struct pcln_func *f,
                         struct pcln_span tree, uint32_t last) {
  const struct pcln_table *t = m->t;
  if (!t->callees.ptr)
    return ((size_t)last + 1) * pcln_inline_size(t);
  const bool wide_callee = tree.ptr[0] & PCLN_INLINE_WIDE_CALLEE;
  const size_t size =
      (wide_callee ? 4u : 2u) + (tree.ptr[0] & PCLN_INLINE_WIDE_PC ? 4u : 2u);
  for (uint32_t i = 0; i <= last; i++) {
    const uint8_t *r = tree.ptr + 1 + i * size;
    const size_t n =
        wide_callee ? pcln_load32(r, t->swap) : pcln_load16(r, t->swap);
    claim(m, f, t->callees.ptr + n * PCLN_CALLEE_SIZE, PCLN_CALLEE_SIZE,
          CALLEE);
  }
  return 1 + ((size_t)last + 1) * size;
}

static void claim_inlined(struct map *m, const struct pcln_func *f,
                          uint32_t stream) {
  struct pcln_pairs p = pairs_of(m, stream);
  struct pcln_span tree;
  int32_t max = -1;
  if (stream == 0)
    return;
  while (pcln_pairs_next(&p))
    if (p.value > max)
      max = p.value;
  uint32_t n = 0;
  struct pcln_inline rec;
  for (; (int64_t)n <= max && pcln_inline_at(m->t, f, n, &rec) == PCLN_OK; n++)
    claim_string(m, f, pcln_name_at(m->t, rec.name_off), NAME);
  if (n &&
      pcln_funcdata(m->t, f, pcln_funcdata_inltree(m->t), &tree) == PCLN_OK)
    claim(m, f, tree.ptr, claim_tree(m, f, tree, n - 1), FUNCDATA);
}

static size_t checkpoints_len(const struct map *m, struct pcln_span s) {
  struct pcln_cursor c = pcln_cursor_at(s.ptr, s.len, m->t->swap);
  const uint32_t n = pcln_u32(&c);
  uint64_t entries = 0;
  for (uint32_t i = 0; i < n && !c.failed; i++) {
    (void)pcln_u32(&c);
    const uint64_t first = pcln_u32(&c), end = first + pcln_u32(&c);
    if (end > entries)
      entries = end;
  }
  const uint64_t len = pcln_tell(&c) + entries * PCLN_CHECKPOINT_ENTRY;
  return c.failed || len > s.len ? 0 : (size_t)len;
}

// Bytes of a payload that is not the inline tree; 1 where only its beginning
// is known: it is completed later.
static size_t payload_len(const struct map *m, const struct pcln_func *f,
                          uint32_t index, struct pcln_span s) {
  size_t len;
  if (!m->t->ours)
    return 1;
  if (index == PCLN_FUNCDATA_CHECKPOINTS)
    return checkpoints_len(m, s);
  if (index == PCLN_FUNCDATA_POINTER_PAIRS)
    return pcln_derived_check(m->t, f, &len) == PCLN_OK ? len : 0;
  return 1;
}

static void claim_funcdata(struct map *m, const struct pcln_func *f) {
  struct pcln_span s;
  for (uint32_t i = 0; i < f->n_funcdata; i++)
    if (i != pcln_funcdata_inltree(m->t) &&
        pcln_funcdata(m->t, f, i, &s) == PCLN_OK && s.len)
      claim(m, f, s.ptr, payload_len(m, f, i, s), FUNCDATA);
}

static void claim_maps(struct map *m, const struct pcln_func *f) {
  struct pcln_compact_maps maps;
  if (pcln_has_compact_maps(m->t) &&
      pcln_compact_maps(m->t, f, &maps) == PCLN_OK)
    claim(m, f, maps.bytes.ptr, maps.bytes.len, MAPS);
}

// The record, but for the padding before its FUNCDATA.
static void claim_record(struct map *m, const struct pcln_func *f) {
  const struct pcln_table *t = m->t;
  const uint8_t *r = t->functab.ptr + f->rec_off;
  const bool shared =
      t->ours && f->hole && pcln_load32(r, t->swap) == PCLN_NO_RECORD_ENTRY;
  const uint64_t funcdata = pcln_funcdata_array(t, f);
  const uint64_t fixed =
      pcln_rec_layout(t)->size +
      4 * (uint64_t)pcln_n_slots(t, f->pcdata_mask, f->n_pcdata);
  if (is_claimed(m, r, RECORD)) {
    if (!shared)
      say_overlap(m, f, (size_t)(r - m->base), RECORD, (size_t)(r - m->base));
    return;
  }
  claim(m, f, r, (size_t)fixed, RECORD);
  claim(m, f, t->functab.ptr + funcdata,
        (size_t)(pcln_record_end(t, f) - funcdata), RECORD);
}

static void claim_function(struct map *m, const struct pcln_func *f) {
  const struct pcln_table *t = m->t;
  claim_record(m, f);
  if (f->hole)
    return;
  claim_string(m, f, f->name, NAME);
  claim_stream(m, f, f->pcsp);
  claim_stream(m, f, f->pcfile);
  claim_stream(m, f, f->pcln);
  for (uint32_t i = 0; i < f->n_pcdata; i++)
    claim_stream(m, f, pcln_pcdata_stream(t, f, i));
  claim_maps(m, f);
  claim_files(m, f);
  if (t->ours)
    claim_rules(m, f, pcln_pcdata_stream(t, f, PCLN_PCDATA_UNWIND));
  claim_inlined(m, f, pcln_pcdata_stream(t, f, pcln_pcdata_inltree(t)));
  claim_funcdata(m, f);
}

// --- What is there once -----------------------------------------------------

static void claim_units(struct map *m) {
  const struct pcln_table *t = m->t;
  if (t->ours) { // entry 0 is "no file"
    claim(m, NULL, t->cutab.ptr, 4, UNIT);
    return;
  }
  claim_span(m, t->cutab, UNIT);
  for (size_t i = t->layout == PCLN_GO_12 ? 1 : 0; i < t->cutab.len / 4; i++) {
    const uint32_t off = pcln_load32(t->cutab.ptr + 4 * i, t->swap);
    if (off < t->files.len)
      claim_string(m, NULL, (const char *)t->files.ptr + off, FILE_NAME);
  }
}

static void claim_fixed(struct map *m) {
  static const uint8_t n_words[] = {1, 7, 8, 8}; // by layout
  const struct pcln_table *t = m->t;
  const size_t entry = pcln_functab_entry_size(t);
  const size_t functab = t->n_funcs * entry + entry / 2;
  if (t->ours)
    claim(m, NULL, m->base,
          t->flags & PCLN_MODF_ROOTS ? PCLN_MOD_SIZE_ROOTS : PCLN_MOD_SIZE,
          HEADER);
  claim(m, NULL, t->pclntab.ptr,
        PCLN_GO_HDR_WORDS + (size_t)n_words[t->layout] * t->ptr_size, HEADER);
  claim(m, NULL, t->functab.ptr, functab, FUNCTAB);
  if (t->layout == PCLN_GO_12) // where the files are
    claim(m, NULL, t->functab.ptr + functab, 4, HEADER);
  claim_units(m);
  if (t->findfunctab.ptr && t->n_funcs)
    claim(m, NULL, t->findfunctab.ptr, (size_t)pcln_findfunc_size(t), FINDFUNC);
  if (!t->ours)
    return;
  // What offset 0 stands for in each.
  claim_string(m, NULL, (const char *)t->names.ptr, NAME);
  claim_string(m, NULL, (const char *)t->files.ptr, FILE_NAME);
  struct pcln_pairs p = pcln_pairs_at(t->pctab, 1);
  while (pcln_pairs_next(&p))
    ;
  if (!p.c.failed)
    claim(m, NULL, t->pctab.ptr, pcln_tell(&p.c), STREAM);
}

// Variables with references: the count, each record, and the entries, which
// variables of one shape share.
static void claim_roots(struct map *m) {
  const struct pcln_table *t = m->t;
  struct pcln_root_iter it;
  struct pcln_root root;
  if (!t->roots.ptr)
    return;
  claim(m, NULL, t->roots.ptr, PCLN_ROOTS_HEADER, ROOT);
  pcln_roots_begin(t, &it);
  while (pcln_roots_next(&it, &root)) {
    claim(m, NULL,
          t->roots.ptr + PCLN_ROOTS_HEADER + (size_t)root.idx * PCLN_ROOT_SIZE,
          PCLN_ROOT_SIZE, ROOT);
    claim(m, NULL, root.codes.ptr, root.codes.len, ROOT);
  }
}

// A payload of unknown length reaches up to the next one.
static void complete_funcdata(struct map *m) {
  const struct pcln_span s = m->t->funcdata;
  if (!in_table(m, s.ptr))
    return;
  const size_t off = (size_t)(s.ptr - m->base);
  const size_t end = off + (s.len < m->len - off ? s.len : m->len - off);
  for (size_t i = off; i < end; i++)
    for (size_t k = i + 1;
         m->marks[i] == (FIRST | FUNCDATA) && k < end && !m->marks[k]; k++)
      m->marks[k] = FUNCDATA;
}

// --- What is left -----------------------------------------------------------

static bool is_zero(const uint8_t *p, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (p[i])
      return false;
  return true;
}

static void set_parts(struct map *m) {
  const struct pcln_table *t = m->t;
  const struct pcln_span parts[] = {
      t->pclntab,  t->names,       t->cutab, t->files, t->pctab,  t->functab,
      t->funcdata, t->findfunctab, t->rules, t->roots, t->callees};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (parts[i].ptr)
      m->parts[m->n_parts++] = parts[i].ptr;
  m->parts[m->n_parts++] = m->base + m->len;
}

// Padding stands before what is aligned: a part, or a payload of funcdata.
static bool is_padding(const struct map *m, size_t off, size_t len) {
  enum { MAX_ALIGN = 8 };
  const uint8_t *end = m->base + off + len;
  if (!is_zero(m->base + off, len))
    return false;
  if (!m->t->ours)
    return true;
  if (len >= MAX_ALIGN)
    return false;
  for (size_t i = 0; i < m->n_parts; i++)
    if (end == m->parts[i])
      return true;
  return m->marks[off + len] == (FIRST | FUNCDATA);
}

// Without its funcdata, or its release, a table's inlined functions and so what
// their names are for is not known.
static bool is_unknown_name(const struct map *m, size_t off, size_t len) {
  const struct pcln_span names = m->t->names;
  const uint8_t *p = m->base + off;
  if (m->t->ours || p < names.ptr || p >= names.ptr + names.len ||
      (m->t->funcdata.ptr && pcln_pcdata_inltree(m->t) != UINT32_MAX))
    return false;
  for (size_t i = 0; i < len; i++)
    if (p[i] && p[i] < ' ')
      return false;
  return p[len - 1] == 0;
}

static void check_left(struct map *m) {
  for (size_t off = 0, end; off < m->len; off = end) {
    end = off + 1;
    if (m->marks[off])
      continue;
    while (end < m->len && !m->marks[end])
      end++;
    if (is_padding(m, off, end - off))
      continue;
    if (is_unknown_name(m, off, end - off)) {
      m->run->excused[PCLN_EXCUSE_NAMES] += end - off;
      continue;
    }
    size_t in;
    const char *region = region_of(m, off, &in);
    pcln_check_say(m->run, "bytes-unreached", NULL, 0, region, in,
                   "nothing leads to these %zu bytes", end - off);
  }
}

// --- Interface --------------------------------------------------------------

enum pcln_status pcln_check_bytes(struct pcln_check_run *run) {
  const struct pcln_table *t = run->t;
  struct map m = {.run = run,
                  .t = t,
                  .base = t->blob.ptr,
                  .len = t->blob.len,
                  .marks = calloc(t->blob.len + 1, 1)};
  if (!m.marks)
    return PCLN_NO_MEMORY;
  set_parts(&m);
  claim_fixed(&m);
  claim_roots(&m);
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    struct pcln_func f;
    if (pcln_func_at(t, i, &f) != PCLN_OK)
      continue; // reported by the check of the structure
    run->step->n_functions += !f.hole;
    claim_function(&m, &f);
  }
  for (size_t i = 0; i < t->callees.len / PCLN_CALLEE_SIZE; i++) {
    const uint8_t *callee = t->callees.ptr + i * PCLN_CALLEE_SIZE;
    claim_string(&m, NULL, pcln_name_at(t, pcln_load32(callee, t->swap)), NAME);
  }
  complete_funcdata(&m);
  check_left(&m);
  run->step->n_items = m.len;
  free(m.marks);
  return PCLN_OK;
}
