// SPDX-License-Identifier: Apache-2.0
//
// The words of one frame, and of one variable: what each entry of a two-bit map
// means. Entries come four a byte, the lowest first:
//
//   dead       no root; with `poison_dead` it is overwritten
//   scalar     nothing
//   pointer    a root, unless it is null
//   string     a root if the length is not 0; its bytes hold no references
//   slice      a root if the capacity is not 0; one below the length is wrong
//   iface      {method table, data}, eface {type, data}: a root if a type is
//   eface      there and says that the data word is a reference
//
// A string of length 0 and a slice of capacity 0 may point behind the end of
// their object, that is, to the next one, which they must not keep. The entries
// of an item's further words are part of the item also where its first word is
// null: they are no entries by themselves.
//
// Most rows hold pointers only, so these are found 32 words at a time.
//
// A frame of July 2013's record knows less: how many bytes are variables, any
// of which may be a reference, and which words of the arguments are.
#include "roots_internal.h"

#define PCLNRT_BUILDING
#include "gc.h"

#include <string.h>

static const uintptr_t poison = (uintptr_t)UINT64_C(0x6969696969696969);

// --- Roots -------------------------------------------------------------------

// Volatile, here and below: no object of C is there.
PCLNRT_NO_SANITIZE static inline uintptr_t load(uint64_t addr) {
  return *(const volatile uintptr_t *)addr;
}

static inline void give(struct pclnrt_scan *s, uint64_t slot, uint64_t base,
                        enum pcln_word_kind kind) {
  const struct pclnrt_root root = {.slot = (uintptr_t *)slot,
                                   .base = (uintptr_t *)base,
                                   .kind = kind,
                                   .frame = &s->frame};
  s->stats->roots++;
  s->v->root(s->v->ctx, &root);
}

void pclnrt_frame_words(struct pclnrt_scan *s, uint64_t lo, uint64_t hi) {
  if (lo >= hi)
    return;
  s->stats->words += (hi - lo) / sizeof(uintptr_t);
  s->v->words(s->v->ctx, (uintptr_t *)lo, (uintptr_t *)hi, &s->frame);
}

static enum pcln_status fail(struct pclnrt_scan *s, const char *fault,
                             const char *text) {
  s->fault = fault;
  s->text = text;
  return PCLN_CORRUPT;
}

// --- Derived pointers --------------------------------------------------------

static uint64_t address_of(const struct pclnrt_pairs *p,
                           struct pcln_map_word word) {
  return (word.part == PCLN_MAP_LOCALS ? p->locals : p->args) +
         word.index * sizeof(uintptr_t);
}

// Before all other words of the frame, while the bases are as they were.
static enum pcln_status give_derived(struct pclnrt_scan *s) {
  struct pcln_derived_iter it = s->pairs->first;
  struct pcln_derived pair;
  while (pcln_derived_next(&it, &pair)) {
    const uint64_t slot = address_of(s->pairs, pair.derived);
    if (load(slot))
      give(s, slot, address_of(s->pairs, pair.base), PCLN_WORD_POINTER);
  }
  return it.status == PCLN_OK
             ? PCLN_OK
             : fail(s, "roots-map", "the derived pointers cannot be read");
}

static bool was_given(const struct pclnrt_scan *s, uint64_t addr) {
  if (!s->pairs)
    return false;
  struct pcln_derived_iter it = s->pairs->first;
  struct pcln_derived pair;
  while (pcln_derived_next(&it, &pair))
    if (address_of(s->pairs, pair.derived) == addr)
      return true;
  return false;
}

// --- Items -------------------------------------------------------------------

static bool is_boxed(const struct pclnrt_scan *s, const void *type) {
  if (s->v->boxed)
    return s->v->boxed(s->v->ctx, type);
  const struct pclnrt_gc_type *t = (const struct pclnrt_gc_type *)type;
  return t->size > sizeof(void *) || t->n_words > 0;
}

static void interface(struct pclnrt_scan *s, uint64_t addr,
                      enum pcln_word_kind kind) {
  uintptr_t type = load(addr);
  const uint64_t data = addr + sizeof(uintptr_t);
  if (type && kind == PCLN_WORD_IFACE)
    type = load(type);
  if (type && load(data) && is_boxed(s, (const void *)type))
    give(s, data, 0, kind);
}

static enum pcln_status slice(struct pclnrt_scan *s, uint64_t addr) {
  const uintptr_t len = load(addr + sizeof(uintptr_t));
  const uintptr_t cap = load(addr + 2 * sizeof(uintptr_t));
  if (!load(addr))
    return PCLN_OK;
  if (cap < len)
    return fail(s, "roots-slice", "a slice's capacity is below its length");
  if (cap)
    give(s, addr, 0, PCLN_WORD_SLICE);
  return PCLN_OK;
}

PCLNRT_NO_SANITIZE static void dead(struct pclnrt_scan *s, uint64_t addr) {
  if (!s->poison)
    return;
  *(volatile uintptr_t *)addr = poison;
  s->stats->dead++;
}

static enum pcln_status item(struct pclnrt_scan *s, uint64_t addr,
                             enum pcln_word_kind kind) {
  switch (kind) {
  case PCLN_WORD_DEAD:
    dead(s, addr);
    return PCLN_OK;
  case PCLN_WORD_POINTER:
    if (load(addr) && !was_given(s, addr))
      give(s, addr, 0, kind);
    return PCLN_OK;
  case PCLN_WORD_STRING:
    if (load(addr) && load(addr + sizeof(uintptr_t)))
      give(s, addr, 0, kind);
    return PCLN_OK;
  case PCLN_WORD_SLICE:
    return slice(s, addr);
  case PCLN_WORD_IFACE:
  case PCLN_WORD_EFACE:
    interface(s, addr, kind);
    return PCLN_OK;
  case PCLN_WORD_NONE:
  case PCLN_WORD_SCALAR:
    break;
  }
  return PCLN_OK;
}

// --- Rows --------------------------------------------------------------------

// Entries of up to 32 words from byte `at` of a row of `len` bytes.
static inline uint64_t chunk(const uint8_t *bits, size_t at, size_t len) {
  uint64_t entries = 0;
  memcpy(&entries, bits + at, len - at < 8 ? len - at : 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  entries = __builtin_bswap64(entries);
#endif
  return entries;
}

// A row of single words, where only pointers matter.
static inline void pointers(struct pclnrt_scan *s, const uint8_t *bits,
                            uint32_t n_words, uint64_t addr) {
  const size_t len = (n_words + 3) / 4;
  for (size_t at = 0; at < len; at += 8, addr += 32 * sizeof(uintptr_t)) {
    const uint64_t entries = chunk(bits, at, len);
    uint64_t found = entries >> 1 & ~entries & UINT64_C(0x5555555555555555);
    for (; found; found &= found - 1) {
      const uint64_t slot =
          addr + (unsigned)__builtin_ctzll(found) / 2 * sizeof(uintptr_t);
      if (load(slot))
        give(s, slot, 0, PCLN_WORD_POINTER);
    }
  }
}

// Any row. Words below `lo` are not the frame's at this pc: rows of a function
// are as long as its largest frame.
static enum pcln_status items(struct pclnrt_scan *s,
                              const struct pcln_map_row *row, uint64_t addr,
                              uint64_t lo) {
  struct pcln_word w;
  enum pcln_status status = PCLN_OK;
  for (uint32_t next = 0;
       status == PCLN_OK && pcln_words_next(row, &next, &w);) {
    const uint64_t at = addr + w.index * sizeof(uintptr_t);
    if (at >= lo)
      status = item(s, at, (enum pcln_word_kind)w.kind);
    else if (w.kind >= PCLN_WORD_POINTER)
      status = fail(s, "roots-frame",
                    "the map has a live word below the frame's stack pointer");
  }
  return status;
}

static inline enum pcln_status row(struct pclnrt_scan *s,
                                   const struct pclnrt_site *site,
                                   const uint8_t *bits, uint32_t n_words,
                                   uint64_t addr) {
  if (site->plain && !s->pairs && !s->poison && addr >= s->frame.sp) {
    pointers(s, bits, n_words, addr);
    return PCLN_OK;
  }
  const struct pcln_map_row generic = pcln_two_bit_row(bits, n_words);
  return items(s, &generic, addr, s->frame.sp);
}

// `len` bytes up to `end`, as far as they are the frame's.
static void all_locals(struct pclnrt_scan *s, uint32_t len, uint64_t end) {
  const uint64_t lo = end - len;
  pclnrt_frame_words(s, lo < s->frame.sp ? s->frame.sp : lo, end);
}

enum pcln_status pclnrt_frame_variable(struct pclnrt_scan *s,
                                       const struct pcln_map_row *codes,
                                       uint64_t addr, uint32_t repeat) {
  enum pcln_status status = PCLN_OK;
  const bool plain = !pclnrt_row_has_items(codes);
  for (uint32_t i = 0; i < repeat && status == PCLN_OK; i++) {
    if (plain)
      pointers(s, codes->bits, codes->n_words, addr);
    else
      status = items(s, codes, addr, 0);
    addr += codes->n_words * sizeof(uintptr_t);
  }
  return status;
}

static enum pcln_status visit_rows(struct pclnrt_scan *s,
                                   const struct pclnrt_site *site,
                                   uint64_t locals, uint64_t args) {
  enum pcln_status status = PCLN_OK;
  if (site->locals)
    status = row(s, site, site->locals, site->n_locals, locals);
  else
    all_locals(s, site->n_locals, locals);
  if (status != PCLN_OK || !site->n_args)
    return status;
  if (site->args)
    return row(s, site, site->args, site->n_args, args);
  pclnrt_frame_words(s, args, args + site->n_args * sizeof(uintptr_t));
  return PCLN_OK;
}

__attribute__((noinline)) static enum pcln_status
visit_with_pairs(struct pclnrt_scan *s, const struct pclnrt_site *site,
                 uint64_t locals, uint64_t args) {
  const struct pcln_stackmap map = {.idx = site->row};
  struct pclnrt_pairs pairs = {.locals = locals, .args = args};
  struct pcln_func f;
  if (pcln_func_at(site->table, site->func_idx, &f) != PCLN_OK ||
      pcln_derived_begin(site->table, &f, &map, &pairs.first) != PCLN_OK)
    return fail(s, "roots-map", "the derived pointers cannot be read");
  s->pairs = &pairs;
  enum pcln_status status = give_derived(s);
  if (status == PCLN_OK)
    status = visit_rows(s, site, locals, args);
  s->pairs = NULL;
  return status;
}

enum pcln_status pclnrt_frame_maps(struct pclnrt_scan *s,
                                   const struct pclnrt_site *site) {
  const uint64_t cfa = s->frame.cfa;
  const uint64_t locals = pclnrt_site_locals(site, s->frame.sp, cfa);
  const uint64_t args = cfa + (uint64_t)(int64_t)site->args_off;
  return site->pairs ? visit_with_pairs(s, site, locals, args)
                     : visit_rows(s, site, locals, args);
}

// --- The record of 2013 ------------------------------------------------------

static void record_args(struct pclnrt_scan *s, const struct pclnrt_site *site) {
  const uint64_t args = s->frame.cfa + (uint64_t)(int64_t)site->args_off;
  uint64_t end = args + site->n_args * sizeof(uintptr_t);
  if (s->limit && end > s->limit)
    end = s->limit;
  if (!site->args) {
    if (site->n_args != PCLNRT_ARGS_UNKNOWN)
      pclnrt_frame_words(s, args, end);
    return;
  }
  for (uint64_t at = args, i = 0; at < end; at += sizeof(uintptr_t), i++)
    if (site->args[i / 8] >> i % 8 & 1 && load(at))
      give(s, at, 0, PCLN_WORD_POINTER);
}

void pclnrt_frame_record(struct pclnrt_scan *s,
                         const struct pclnrt_site *site) {
  const uint64_t varp = s->frame.cfa + (uint64_t)(int64_t)site->locals_off;
  // A function that was interrupted before it had its frame.
  const bool no_frame =
      s->exact && (varp < s->frame.sp || varp - s->frame.sp < site->n_locals);
  if (!no_frame)
    all_locals(s, site->n_locals, varp);
  record_args(s, site);
}

// --- What a frame passes to a callee without maps ----------------------------

void pclnrt_frame_outgoing(struct pclnrt_scan *callee,
                           const struct pclnrt_site *caller, uint64_t sp,
                           uint64_t cfa) {
  uint64_t end = pclnrt_site_locals(caller, sp, cfa);
  if (caller->locals) {
    const struct pcln_map_row row_of =
        pcln_two_bit_row(caller->locals, caller->n_locals);
    struct pcln_word w;
    uint32_t next = 0, n = 0; // words that nothing is said of
    while (pcln_words_next(&row_of, &next, &w) && w.kind == PCLN_WORD_SCALAR)
      n = next;
    end += n * sizeof(uintptr_t);
  } else {
    end -= caller->n_locals;
  }
  pclnrt_frame_words(callee, sp, end);
}
