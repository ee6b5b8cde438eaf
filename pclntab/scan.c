// SPDX-License-Identifier: Apache-2.0
//
// Looks through bytes for tables, and opens damaged ones.
//
// A scan must pass most bytes at the speed of memory, so it asks two questions
// of each aligned place that cost nothing: is the word there a magic of Go's,
// in either byte order; or are the four bytes behind it two zeros, a quantum
// and a pointer size? Blocks of places are asked at once, without a branch, and
// only a block with a hit is looked at one by one. A hit is judged by
// scan_judge.c, which soon refuses what is no table.
//
// Called from anywhere: no allocation, no locks, no stdio.
#include "scan_judge.h"

#include "table.h"

#include <string.h>

// --- Checks by name ---------------------------------------------------------

const char *pcln_check_name(enum pcln_check check) {
#define NAME(name, weight, id, text) [name] = id,
  static const char *const names[] = {PCLN_CHECK_LIST(NAME)};
#undef NAME
  return names[check];
}

const char *pcln_check_text(enum pcln_check check) {
#define TEXT(name, weight, id, text) [name] = text,
  static const char *const texts[] = {PCLN_CHECK_LIST(TEXT)};
#undef TEXT
  return texts[check];
}

// --- Hits -------------------------------------------------------------------

#define BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

// Whether a header may begin where the word `w` is and `next` follows it, both
// read as little endian. Without branches, so that many are asked at once.
static inline uint32_t may_begin(uint32_t w, uint32_t next) {
  // fb, fa, f0 or f1 at either end of three bytes ff.
  const uint32_t magic = (w & 0xfffffffeu) == 0xfffffffau;
  const uint32_t magic2 = (w & 0xfffffffeu) == 0xfffffff0u;
  const uint32_t swapped = (w & 0xfeffffffu) == 0xfaffffffu;
  const uint32_t swapped2 = (w & 0xfeffffffu) == 0xf0ffffffu;
  // 00 00 q p: one bit of three, one bit of two.
  const uint32_t fixed = ((next & 0xf3f8ffffu) == 0) &
                         ((next & 0x0c000000u) != 0) &
                         ((next & 0x00070000u) != 0);
  return magic | magic2 | swapped | swapped2 | fixed;
}

static inline uint32_t word_at(const uint8_t *p) { return pcln_load32(p, BIG); }

static inline uint32_t hit_at(const uint8_t *p) {
  return may_begin(word_at(p), word_at(p + 4));
}

// The first place at or behind `at` where a header may begin; `len`: none.
static size_t next_hit(const uint8_t *bytes, size_t at, size_t len) {
  enum { BLOCK = 64 };
  while (at < len && len - at >= BLOCK + 4) {
    uint32_t any = 0;
    for (unsigned i = 0; i < BLOCK; i += 4)
      any |= hit_at(bytes + at + i);
    if (any)
      break;
    at += BLOCK;
  }
  for (; at < len && len - at >= PCLN_GO_HDR_WORDS; at += 4)
    if (hit_at(bytes + at))
      return at;
  return len;
}

// --- Our tables -------------------------------------------------------------

// {u32 offset; u32 length} at `at` of our header, as far as it is inside.
static struct pcln_span module_part(const uint8_t *b, size_t len, size_t at,
                                    bool swap) {
  const uint32_t off = pcln_load32(b + at, swap);
  const uint32_t n = pcln_load32(b + at + 4, swap);
  if (n == 0 || off < PCLN_MOD_SIZE || off >= len)
    return (struct pcln_span){0};
  return (struct pcln_span){b + off, n < len - off ? n : len - off};
}

// A table of ours: its header leads to Go's and tells of the parts behind it.
static bool judge_module(const uint8_t *b, size_t len, uint64_t *budget,
                         struct pcln_candidate *c) {
  if (len < PCLN_MOD_SIZE || memcmp(b, PCLN_MODULE_MAGIC, 8) != 0)
    return false;
  struct pcln_table known = {.ours = true};
  known.swap = b[PCLN_MOD_VERSION + BIG] == 0;
  known.flags = pcln_load32(b + PCLN_MOD_FLAGS, known.swap);
  const struct pcln_span inner =
      module_part(b, len, PCLN_MOD_PCLNTAB, known.swap);
  if (!inner.ptr ||
      !pcln_judge_inner(inner.ptr, inner.len, &known, NULL, budget, c))
    return false;
  struct pcln_table *t = &c->table;
  t->blob = (struct pcln_span){b, len};
  t->stackmap_bits = b[PCLN_MOD_STACKMAP_BITS];
  t->header_va = pcln_load64(b + PCLN_MOD_HEADER_VA, t->swap);
  t->text_start = pcln_load64(b + PCLN_MOD_TEXT_VA, t->swap);
  t->machine = pcln_load16(b + PCLN_MOD_MACHINE, t->swap);
  t->funcdata = module_part(b, len, PCLN_MOD_FUNCDATA, t->swap);
  t->findfunctab = module_part(b, len, PCLN_MOD_FINDFUNCTAB, t->swap);
  t->rules = module_part(b, len, PCLN_MOD_RULES, t->swap);
  if (t->flags & PCLN_MODF_ROOTS && len >= PCLN_MOD_SIZE_ROOTS)
    t->roots = module_part(b, len, PCLN_MOD_ROOTS, t->swap);
  const uint32_t callees = pcln_load32(b + PCLN_MOD_CALLEES, t->swap);
  if (callees >= PCLN_MOD_SIZE && callees < len)
    t->callees = (struct pcln_span){
        b + callees, (len - callees) / PCLN_CALLEE_SIZE * PCLN_CALLEE_SIZE};
  c->repaired |= pcln_open(&known, b, len, NULL, NULL) != PCLN_OK;
  return true;
}

// --- Scanning ---------------------------------------------------------------

// Sixteen times the bytes, so that a table with every word of its header
// damaged can be put together in any file.
static uint64_t budget_for(size_t len) {
  return (uint64_t)len * 16 + (1 << 20);
}

void pcln_scan_begin(struct pcln_scan *s, const void *bytes, size_t len) {
  *s = (struct pcln_scan){
      .bytes = bytes, .len = bytes ? len : 0, .budget = budget_for(len)};
}

// Judges what begins at `at`: one of our tables, if its header is before it.
static bool judge_at(struct pcln_scan *s, size_t at,
                     struct pcln_candidate *out) {
  if (at >= PCLN_MOD_SIZE) {
    const size_t module = at - PCLN_MOD_SIZE;
    if (judge_module(s->bytes + module, s->len - module, &s->budget, out)) {
      out->off = module;
      return true;
    }
  }
  if (!pcln_judge(s->bytes + at, s->len - at, NULL, &s->budget, out))
    return false;
  out->off = at;
  return true;
}

// Bytes from the table's start that no other table can begin in.
static size_t extent(const struct pcln_table *t) {
  const size_t header = (size_t)(t->functab.ptr - t->pclntab.ptr);
  return header + t->n_funcs * pcln_functab_entry_size(t);
}

bool pcln_scan_next(struct pcln_scan *s, struct pcln_candidate *out) {
  enum { CERTAIN = 80 };
  for (;;) {
    const size_t at = next_hit(s->bytes, s->at, s->len);
    if (at >= s->len) {
      s->at = s->len;
      return false;
    }
    s->at = at + 4;
    if (!judge_at(s, at, out))
      continue;
    const size_t past = extent(&out->table) & ~(size_t)3;
    if (out->confidence >= CERTAIN && past > 4)
      s->at = at + past;
    return true;
  }
}

// --- Recovering -------------------------------------------------------------

static void warn(const struct pcln_sink *sink, const char *fault,
                 const char *region, uint64_t off, const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_WARNING,
                                       .fault = fault,
                                       .region = region,
                                       .region_off = off,
                                       .text = text});
}

// Says what of the table was not where or what its header says.
static void say_repairs(const struct pcln_candidate *c,
                        const struct pcln_sink *sink) {
  const uint32_t f = c->failed;
  const struct pcln_table *t = &c->table;
  if (f >> PCLN_CHECK_MAGIC & 1)
    warn(sink, "header-magic", "pclntab", 0,
         "the magic is none of Go's, or not that of the table's layout");
  if (f & (1u << PCLN_CHECK_PADDING | 1u << PCLN_CHECK_QUANTUM |
           1u << PCLN_CHECK_PTR_SIZE))
    warn(sink, "header-fields", "pclntab", 4,
         "padding, quantum or pointer size cannot be right");
  if (t->n_funcs == 0)
    warn(sink, "functab-bounds", "functab", 0,
         "functab is cut off: no function can be read");
  else if (f >> PCLN_CHECK_COUNT & 1)
    warn(sink, "functab-bounds", "pclntab", PCLN_GO_HDR_WORDS,
         "the header counts other functions than functab has");
  if (f >> PCLN_CHECK_OFFSETS & 1)
    warn(sink, "header-order", "pclntab", PCLN_GO_HDR_WORDS,
         "a region is not where the header says");
  if (f >> PCLN_CHECK_NAMES & 1 && t->names.len == 0)
    warn(sink, "header-order", "funcnametab", 0, "names cannot be found");
  if (f >> PCLN_CHECK_STREAMS & 1 && t->pctab.len == 0)
    warn(sink, "header-order", "pctab", 0, "streams cannot be found");
  if (f >> PCLN_CHECK_FILES & 1 && t->cutab.len == 0)
    warn(sink, "header-order", "filetab", 0, "file names cannot be found");
}

enum pcln_status pcln_recover(struct pcln_table *t, const void *bytes,
                              size_t len,
                              const struct pcln_open_options *options,
                              const struct pcln_sink *sink,
                              struct pcln_candidate *why) {
  static const struct pcln_open_options none;
  const struct pcln_open_options *o = options ? options : &none;
  uint64_t budget = budget_for(len);
  struct pcln_candidate c;
  if (!bytes || (!judge_module(bytes, len, &budget, &c) &&
                 !pcln_judge(bytes, len, o->force_layout ? &o->layout : NULL,
                             &budget, &c)))
    return PCLN_NOT_FOUND;
  if (c.table.ours)
    warn(sink, "module-part", "module header", PCLN_MOD_PCLNTAB,
         "the table is cut off, or its header is damaged");
  say_repairs(&c, sink);
  c.off = 0;
  if (!c.table.ours) {
    c.table.funcdata = o->funcdata;
    c.table.funcdata_va = o->funcdata_va;
    c.table.findfunctab = o->findfunctab;
    c.table.go_minor = o->go_minor;
    c.table.machine = o->machine;
    c.table.rodata = o->rodata;
    c.table.at = o->at;
    c.table.at_ctx = o->at_ctx;
    if (c.table.layout >= PCLN_GO_118 && o->text_start)
      c.table.text_start = o->text_start;
  }
  *t = c.table;
  if (why)
    *why = c;
  return PCLN_OK;
}
