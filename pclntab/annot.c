// SPDX-License-Identifier: Apache-2.0
//
// Taking annotations apart. Two levels: the header that all records have, whose
// length leads to the next record, and what each kind has behind it.
//
// A record is checked to its last byte: a length that does not fit, padding
// that is not zero and entries without a meaning are faults, because a producer
// and a reader that differ about the layout would otherwise be found out by a
// root that is missing.
#include "annot.h"

#include "stackmap.h"

#include "bytes.h"
#include "elf_image.h"

enum { ALIGN = 4 }; // of records, and of strings and entries in them

// --- Records ----------------------------------------------------------------

static bool bad(struct pcln_annot_fault *f, const char *fault, const char *text,
                size_t off) {
  *f = (struct pcln_annot_fault){.fault = fault, .text = text, .off = off};
  return false;
}

struct pcln_annot_walk pcln_annot_begin(struct pcln_span section,
                                        uint8_t ptr_size, bool swap) {
  return (struct pcln_annot_walk){
      .bytes = section, .ptr_size = ptr_size, .swap = swap};
}

static bool all_zero(const uint8_t *p, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (p[i])
      return false;
  return true;
}

// Linkers fill with zeros what a section's alignment leaves between two
// objects' records; a record never begins with zeros.
static void skip_padding(struct pcln_annot_walk *w) {
  while (w->bytes.len - w->pos >= ALIGN &&
         all_zero(w->bytes.ptr + w->pos, ALIGN))
    w->pos += ALIGN;
}

bool pcln_annot_is_section(const char *name) {
  return !strcmp(name, PCLN_ANNOT_SECTION) || !strcmp(name, ".zdebug_pclntab");
}

// What the header must be.
static bool check_header(const struct pcln_annot_walk *w, uint16_t mark,
                         uint8_t version, uint8_t kind, uint32_t len,
                         struct pcln_annot_fault *f) {
  if (mark == __builtin_bswap16(PCLN_ANNOT_MARK))
    return bad(f, "annot-order",
               "an annotation has the other byte order than the file", w->pos);
  if (mark != PCLN_ANNOT_MARK)
    return bad(f, "annot-mark", "no annotation begins here", w->pos);
  if (version != PCLN_ANNOT_VERSION)
    return bad(f, "annot-version",
               "an annotation of a version that is not known; this pclntab is "
               "older than what compiled the object",
               w->pos + 2);
  if (kind < PCLN_ANNOT_FUNCDATA || kind > PCLN_ANNOT_GC_UNIT)
    return bad(f, "annot-kind", "an annotation of no known kind",
               w->pos + PCLN_ANNOT_KIND);
  if (len < PCLN_ANNOT_HEADER || len % ALIGN || len > w->bytes.len - w->pos)
    return bad(f, "annot-length",
               "the length of an annotation is impossible here",
               w->pos + PCLN_ANNOT_LEN);
  return true;
}

bool pcln_annot_next(struct pcln_annot_walk *w, struct pcln_annot *out) {
  if (w->fault.fault)
    return false;
  skip_padding(w);
  if (w->pos == w->bytes.len)
    return false;
  const uint8_t *at = w->bytes.ptr + w->pos;
  struct pcln_cursor c = pcln_cursor_at(at, w->bytes.len - w->pos, w->swap);
  const uint16_t mark = pcln_u16(&c);
  const uint8_t version = pcln_u8(&c), kind = pcln_u8(&c);
  const uint32_t len = pcln_u32(&c);
  const uint64_t address = pcln_uint(&c, w->ptr_size);
  if (c.failed)
    return bad(&w->fault, "annot-length", "an annotation is cut off", w->pos);
  if (!check_header(w, mark, version, kind, len, &w->fault))
    return false;
  if (!all_zero(at + PCLN_ANNOT_ADDRESS + w->ptr_size, 8u - w->ptr_size))
    return bad(&w->fault, "annot-content",
               "the bytes behind an annotation's address are not zero",
               w->pos + PCLN_ANNOT_ADDRESS + w->ptr_size);
  *out = (struct pcln_annot){
      .kind = kind,
      .off = w->pos,
      .address = address,
      .body = {at + PCLN_ANNOT_HEADER, len - PCLN_ANNOT_HEADER},
      .swap = w->swap};
  w->pos += len;
  return true;
}

enum pcln_status pcln_annot_each(struct pcln_elf *elf,
                                 const struct pcln_elf_section *section,
                                 const struct pcln_sink *sink,
                                 struct pcln_annot_taker *taker) {
  struct pcln_span bytes;
  struct pcln_annot a;
  enum pcln_status st = pcln_elf_content(elf, section, sink, &bytes);
  if (st != PCLN_OK)
    return st;
  struct pcln_annot_walk w = pcln_annot_begin(bytes, elf->ptr_size, elf->swap);
  while (st == PCLN_OK && pcln_annot_next(&w, &a))
    st = taker->take(taker->ctx, &a);
  taker->fault = w.fault;
  return st;
}

// --- Parts of records -------------------------------------------------------

static struct pcln_cursor body_of(const struct pcln_annot *a) {
  return pcln_cursor_at(a->body.ptr, a->body.len, a->swap);
}

static bool bad_content(const struct pcln_annot *a, const struct pcln_cursor *c,
                        struct pcln_annot_fault *f, const char *text) {
  return bad(f, "annot-content", text,
             a->off + PCLN_ANNOT_HEADER + pcln_tell(c));
}

// `len` bytes and zeros up to the next multiple of 4; null, with the cursor
// failed, otherwise.
static const uint8_t *take_padded(struct pcln_cursor *c, uint64_t len) {
  const uint8_t *p = pcln_take(c, len);
  const size_t pad = (size_t)(-len % ALIGN);
  const uint8_t *zeros = pcln_take(c, pad);
  if (!p || !zeros || !all_zero(zeros, pad)) {
    pcln_fail(c);
    return NULL;
  }
  return p;
}

// A string of `len` bytes, its NUL the last and only one.
static const char *take_name(struct pcln_cursor *c, uint64_t len) {
  const uint8_t *p = take_padded(c, len);
  if (!p || len < 2 || memchr(p, 0, (size_t)len) != p + len - 1) {
    pcln_fail(c);
    return NULL;
  }
  return (const char *)p;
}

// Two-bit entries of `n` words.
static const uint8_t *take_codes(struct pcln_cursor *c, uint32_t n) {
  const uint8_t *p = take_padded(c, pcln_codes_len(n));
  if (p && pcln_codes_sound(p, n))
    return p;
  pcln_fail(c);
  return NULL;
}

// --- Variables and units ----------------------------------------------------

bool pcln_annot_root(const struct pcln_annot *a, struct pcln_annot_root *out,
                     struct pcln_annot_fault *fault) {
  struct pcln_cursor c = body_of(a);
  struct pcln_annot_root r = {.flags = pcln_u32(&c)};
  r.n_words = pcln_u32(&c);
  r.repeat = pcln_u32(&c);
  const uint32_t name_len = pcln_u32(&c);
  r.codes = take_codes(&c, r.n_words);
  if (!r.codes)
    return bad_content(a, &c, fault,
                       "the entries of a variable leave its annotation, or "
                       "have no meaning");
  r.name = take_name(&c, name_len);
  if (!r.name || pcln_left(&c))
    return bad_content(a, &c, fault,
                       "the name of a variable does not end its annotation");
  if (r.flags & ~(uint32_t)PCLN_ROOT_TLS || !r.n_words || !r.repeat)
    return bad_content(a, &c, fault,
                       "a variable has no words, or flags without a meaning");
  *out = r;
  return true;
}

bool pcln_annot_unit(const struct pcln_annot *a, const char **name,
                     struct pcln_annot_fault *fault) {
  struct pcln_cursor c = body_of(a);
  size_t len = 0;
  *name = pcln_cstr(&c, &len);
  if (*name && pcln_left(&c) < ALIGN && all_zero(c.pos, pcln_left(&c)))
    return true;
  return bad_content(a, &c, fault,
                     "the file name of a translation unit does not end its "
                     "annotation");
}

// --- Users' data ------------------------------------------------------------

bool pcln_annot_funcdata(const struct pcln_annot *a,
                         struct pcln_annot_funcdata *out,
                         struct pcln_annot_fault *fault) {
  struct pcln_cursor c = body_of(a);
  out->index = pcln_u32(&c);
  out->payload.len = pcln_u32(&c);
  const size_t at = a->off + PCLN_ANNOT_HEADER + pcln_tell(&c);
  out->payload.ptr = take_padded(&c, out->payload.len);
  if (!out->payload.ptr || pcln_left(&c))
    return bad_content(a, &c, fault,
                       "the length of a FUNCDATA is not that of its payload");
  const char *name, *text;
  text = pcln_annot_bad_funcdata(out->index, out->payload, a->swap, &name);
  return text ? bad(fault, name, text, at) : true;
}

bool pcln_annot_pcdata(const struct pcln_annot *a,
                       struct pcln_annot_pcdata *out,
                       struct pcln_annot_fault *fault) {
  struct pcln_cursor c = body_of(a);
  out->index = pcln_u32(&c);
  out->value = (int32_t)pcln_u32(&c);
  if (c.failed || pcln_left(&c))
    return bad_content(a, &c, fault, "a PCDATA is not an index and a value");
  const char *name, *text;
  text = pcln_annot_bad_pcdata(out->index, out->value, &name);
  return text ? bad(fault, name, text, a->off + PCLN_ANNOT_HEADER) : true;
}

// --- Safepoints -------------------------------------------------------------

// What a walk over the points has room for; null: it only counts.
struct points_out {
  struct pcln_area *areas;
  struct pcln_pair *pairs;
  size_t n_areas, n_pairs;
  uint32_t frame; // of every point
};

static bool take_area(struct pcln_cursor *c, struct points_out *out) {
  struct pcln_area area = {.reg = pcln_u16(c)};
  const uint16_t zero = pcln_u16(c);
  area.off = (int32_t)pcln_u32(c);
  area.n_words = pcln_u32(c);
  area.repeat = pcln_u32(c);
  area.codes = take_codes(c, area.n_words);
  if (!area.codes || zero || !area.n_words || !area.repeat)
    return false;
  if (out->areas)
    out->areas[out->n_areas] = area;
  out->n_areas++;
  return true;
}

static bool take_pair(struct pcln_cursor *c, struct points_out *out) {
  struct pcln_pair pair = {.base_reg = pcln_u16(c)};
  pair.reg = pcln_u16(c);
  pair.base_off = (int32_t)pcln_u32(c);
  pair.off = (int32_t)pcln_u32(c);
  if (out->pairs)
    out->pairs[out->n_pairs] = pair;
  out->n_pairs++;
  return !c->failed;
}

// One point. Its areas and pairs go behind those of the points before.
static bool take_point(struct pcln_cursor *c, struct points_out *out,
                       struct pcln_safepoint *point) {
  *point = (struct pcln_safepoint){.ret_off = pcln_u32(c)};
  point->flags = pcln_u16(c);
  point->n_areas = pcln_u16(c);
  point->n_pairs = pcln_u16(c);
  if (pcln_u16(c) != 0 || point->flags & ~(unsigned)PCLN_POINT_NO_COLLECT)
    return false;
  if (out->areas)
    point->areas = out->areas + out->n_areas;
  if (out->pairs)
    point->pairs = out->pairs + out->n_pairs;
  for (uint32_t i = 0; i < point->n_areas; i++)
    if (!take_area(c, out))
      return false;
  for (uint32_t i = 0; i < point->n_pairs; i++)
    if (!take_pair(c, out))
      return false;
  return !c->failed;
}

// Walks all points, storing them if `points` is not null.
static bool walk_points(const struct pcln_annot *a, struct pcln_cursor c,
                        size_t n, uint32_t size, struct points_out *out,
                        struct pcln_safepoint *points,
                        struct pcln_annot_fault *fault) {
  uint32_t last = 0;
  for (size_t i = 0; i < n; i++) {
    const struct pcln_cursor before = c;
    struct pcln_safepoint point;
    if (!take_point(&c, out, &point))
      return bad_content(a, &before, fault, "a safepoint is malformed");
    if (point.ret_off <= last || point.ret_off > size)
      return bad_content(a, &before, fault,
                         "a safepoint is outside of its function, or not "
                         "behind the one before");
    last = point.ret_off;
    point.frame = out->frame;
    if (points)
      points[i] = point;
  }
  if (pcln_left(&c))
    return bad_content(a, &c, fault, "bytes follow the last safepoint");
  return true;
}

bool pcln_annot_safepoints(const struct pcln_annot *a, struct pcln_arena *arena,
                           struct pcln_annot_safepoints *out,
                           struct pcln_annot_fault *fault, bool *no_memory) {
  struct pcln_cursor c = body_of(a);
  struct pcln_annot_safepoints s = {.size = pcln_u32(&c)};
  s.n_points = pcln_u32(&c);
  const uint32_t name_len = pcln_u32(&c);
  s.frame = pcln_u32(&c);
  s.name = take_name(&c, name_len);
  if (!s.name)
    return bad_content(a, &c, fault,
                       "the name of a function leaves its annotation");
  struct points_out count = {0};
  if (!walk_points(a, c, s.n_points, s.size, &count, NULL, fault))
    return false;
  s.n_areas = count.n_areas;
  s.n_pairs = count.n_pairs;
  *no_memory = false;
  if (arena) {
    struct points_out room = {.frame = s.frame};
    s.points = pcln_arena_alloc(arena, (s.n_points + 1) * sizeof *s.points);
    room.areas = pcln_arena_alloc(arena, (s.n_areas + 1) * sizeof *room.areas);
    room.pairs = pcln_arena_alloc(arena, (s.n_pairs + 1) * sizeof *room.pairs);
    *no_memory = !s.points || !room.areas || !room.pairs;
    if (*no_memory ||
        !walk_points(a, c, s.n_points, s.size, &room, s.points, fault))
      return false;
  }
  *out = s;
  return true;
}
