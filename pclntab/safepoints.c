// SPDX-License-Identifier: Apache-2.0
//
// Safepoints into pointer maps.
//
// A compiler says where a word is as it sees the frame at the call: so many
// bytes from SP or FP. A map counts words from the frame's edges: locals down
// from the return address, arguments up from the CFA. What ties the two is the
// rule that CFI gave for the call: it says where the CFA is from SP or from FP.
//
//              SP           rule: CFA = SP + 48
//   low   |----+----+----+----+----+----|----+----   high
//         | -48 -40  -32  -24  -16 | RA | 0    8     bytes from the CFA
//           locals <---------------|    |--> arguments
//
// Where the CFA counts from FP and the word from SP (LLVM prefers SP even in
// frames that keep FP), the frame's size, which the compiler gives, ties them.
// In a realigned frame it is not a constant: then the whole map of the locals
// is counted from SP (PCDATA_LocalsSP), since nothing else in the frame is
// known to be at a fixed distance from its locals.
//
// A row holds from the return address before up to its own one (a lookup is at
// the return address minus one), so that neighbours with equal rows are one
// run of the stream.
//
// Nothing here guesses. What cannot be placed is an error: a reference that is
// in no map is an object freed while in use.
#include "safepoints.h"

#include "cfi.h"
#include "pairs.h"
#include "safepoints_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  SLICE_WORDS = 3,
  ITEM_WORDS = 2, // of the other items
  MAX_FRAME_WORDS = 1 << 22,
};

// How the frame is known at one call.
struct frame {
  bool cfa_from_fp;
  bool sp_known;  // cfa_sp is
  int32_t cfa_fp; // FP to CFA, if cfa_from_fp
  int32_t cfa_sp; // SP to CFA
};

// Where a word is: so many words from the CFA, or from SP.
struct slot {
  bool at_sp;
  int64_t at; // its first word
};

struct job {
  struct pcln_module *m;
  struct pcln_func_def *f;
  uint32_t first; // bytes from the function's first to f's
  struct pcln_arena *arena;
  const struct pcln_sink *sink;
  struct pcln_cfi_arch arch;
  const struct pcln_safepoint *points; // those inside of f
  size_t n;
  uint32_t at; // return address of the point at hand, from the function's first

  // The parts of the frame that the maps cover, in words.
  int64_t locals_lo, locals_hi; // from the CFA, or from SP if at_sp
  int64_t args_hi;              // from the CFA
  bool at_sp;                   // locals are counted from SP
  bool at_cfa;                  // locals are counted from the CFA

  uint8_t *cells;              // of one row
  struct pcln_row_pair *pairs; // of one row
  struct pcln_row_set rows;
  struct pcln_stream stream;
};

static enum pcln_status say(const struct job *j, enum pcln_status status,
                            const char *fault, const char *text) {
  pcln_say(j->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = fault,
                                          .func = j->f->name,
                                          .func_off = j->at,
                                          .text = text});
  return status;
}

// The same for a word at register + offset.
static enum pcln_status say_place(const struct job *j, unsigned reg,
                                  int32_t off, const char *fault,
                                  const char *why) {
  char text[200];
  snprintf(text, sizeof text,
           "a live word of this call is at DWARF register %u%+d: %s", reg, off,
           why);
  return say(j, PCLN_CORRUPT, fault, text);
}

// --- Frames -----------------------------------------------------------------

// Walks what CFI said of the function, call by call.
struct frame_walk {
  struct pcln_pairs pcsp, unwind;
  bool more_pcsp, more_unwind;
};

static void begin_walk(const struct job *j, struct frame_walk *w) {
  const struct pcln_func_def *f = j->f;
  *w = (struct frame_walk){.pcsp = pcln_pairs_at(f->pcsp, j->m->quantum)};
  w->more_pcsp = f->pcsp.ptr && pcln_pairs_next(&w->pcsp);
  if (f->n_pcdata <= PCLN_PCDATA_UNWIND || !f->pcdata[PCLN_PCDATA_UNWIND].ptr)
    return;
  w->unwind = pcln_pairs_at(f->pcdata[PCLN_PCDATA_UNWIND], j->m->quantum);
  w->more_unwind = pcln_pairs_next(&w->unwind);
}

// What is known of the frame at the call that returns to p->ret_off.
static enum pcln_status frame_at(struct job *j, struct frame_walk *w,
                                 const struct pcln_safepoint *p,
                                 struct frame *out) {
  const uint32_t pc = p->ret_off - j->first - 1;
  const int32_t rule_idx = pcln_pairs_seek(&w->unwind, &w->more_unwind, pc);
  const int32_t depth = pcln_pairs_seek(&w->pcsp, &w->more_pcsp, pc);
  struct pcln_rule rule = {.cfa = PCLN_CFA_SP_DELTA};
  if (rule_idx >= 0 && (size_t)rule_idx < j->m->n_rules)
    rule = j->m->rules[rule_idx];
  *out = (struct frame){0};
  if (rule.cfa == PCLN_CFA_SP_DELTA && depth >= 0) {
    out->sp_known = true;
    out->cfa_sp = depth + j->arch.pushed_ra;
  } else if (rule.cfa == PCLN_CFA_SP) {
    out->sp_known = true;
    out->cfa_sp = rule.cfa_off;
  } else if (rule.cfa == PCLN_CFA_FP) {
    out->cfa_from_fp = true;
    out->cfa_fp = rule.cfa_off;
  } else {
    return say(j, PCLN_CORRUPT, "safepoint-cfa",
               "call frame information does not say where the frame of this "
               "call is, or in a way that only a debugger can follow");
  }
  if (p->frame == PCLN_FRAME_VARIES)
    return PCLN_OK;
  const int64_t size = (int64_t)p->frame + j->arch.pushed_ra;
  if (size > INT32_MAX / 2 || (out->sp_known && out->cfa_sp < size))
    return say(j, PCLN_CORRUPT, "safepoint-frame",
               "the compiler's frame is larger than the one that call frame "
               "information describes");
  if (!out->sp_known) {
    out->sp_known = true;
    out->cfa_sp = (int32_t)size;
  }
  return PCLN_OK;
}

// Where the word at register + off is.
static enum pcln_status locate(const struct job *j, const struct frame *frame,
                               unsigned reg, int32_t off, struct slot *out) {
  const int32_t p = j->m->ptr_size;
  int64_t at;
  *out = (struct slot){0};
  if (reg == j->arch.sp) {
    out->at_sp = !frame->sp_known;
    at = off - (int64_t)frame->cfa_sp;
    if (off < 0)
      return say_place(j, reg, off, "safepoint-place",
                       "that is below the stack pointer");
  } else if (reg == j->arch.fp && frame->cfa_from_fp) {
    at = off - (int64_t)frame->cfa_fp;
  } else if (reg == j->arch.fp) {
    return say_place(j, reg, off, "safepoint-place",
                     "call frame information does not say where the frame "
                     "pointer points");
  } else {
    return say_place(j, reg, off, "safepoint-register",
                     "the value of that register in this frame is not known "
                     "once it has made the call");
  }
  if (at % p != 0)
    return say_place(j, reg, off, "safepoint-align",
                     "that is not the address of a word");
  out->at = at / p;
  return PCLN_OK;
}

// Looks at all points in order. The frame is known where a collection may
// start.
static enum pcln_status
each_point(struct job *j,
           enum pcln_status (*look)(struct job *j, const struct frame *frame,
                                    const struct pcln_safepoint *p)) {
  struct frame_walk walk;
  enum pcln_status st = PCLN_OK;
  begin_walk(j, &walk);
  for (size_t i = 0; i < j->n && st == PCLN_OK; i++) {
    const struct pcln_safepoint *p = &j->points[i];
    struct frame frame = {0};
    j->at = p->ret_off;
    if (!(p->flags & PCLN_POINT_NO_COLLECT))
      st = frame_at(j, &walk, p, &frame);
    if (st == PCLN_OK)
      st = look(j, &frame, p);
  }
  return st;
}

// --- Which words the maps cover ---------------------------------------------

// Words of the return address, which lie between locals and arguments.
static int64_t ra_words(const struct job *j) {
  return j->arch.pushed_ra / j->m->ptr_size;
}

// Makes the maps cover `n` words from `slot` on.
static enum pcln_status cover(struct job *j, const struct slot *slot, int64_t n,
                              unsigned reg, int32_t off) {
  const int64_t end = slot->at + n;
  if (slot->at < -MAX_FRAME_WORDS || end > MAX_FRAME_WORDS)
    return say_place(j, reg, off, "safepoint-place",
                     "that is further away than any frame reaches");
  if (!slot->at_sp && slot->at >= 0) {
    j->args_hi = end > j->args_hi ? end : j->args_hi;
    return PCLN_OK;
  }
  if (!slot->at_sp && end > -ra_words(j))
    return say_place(j, reg, off, "safepoint-place",
                     "that is where the frame keeps its return address");
  const bool first = !j->at_sp && !j->at_cfa;
  j->at_sp |= slot->at_sp;
  j->at_cfa |= !slot->at_sp;
  if (j->at_sp && j->at_cfa)
    return say_place(j, reg, off, "safepoint-mixed",
                     "in a realigned frame that is at no constant distance "
                     "from the function's other live words");
  if (first) {
    j->locals_lo = slot->at;
    j->locals_hi = slot->at_sp ? end : -ra_words(j);
  }
  j->locals_lo = slot->at < j->locals_lo ? slot->at : j->locals_lo;
  j->locals_hi = end > j->locals_hi ? end : j->locals_hi;
  return PCLN_OK;
}

static enum pcln_status cover_area(struct job *j, const struct frame *frame,
                                   const struct pcln_area *a) {
  const uint64_t n = (uint64_t)a->n_words * a->repeat;
  struct slot slot;
  if (n > MAX_FRAME_WORDS)
    return say_place(j, a->reg, a->off, "safepoint-place",
                     "the words that begin there are more than any frame has");
  const enum pcln_status st = locate(j, frame, a->reg, a->off, &slot);
  return st == PCLN_OK && n ? cover(j, &slot, (int64_t)n, a->reg, a->off) : st;
}

static enum pcln_status cover_point(struct job *j, const struct frame *frame,
                                    const struct pcln_safepoint *p) {
  enum pcln_status st = PCLN_OK;
  if (p->flags & PCLN_POINT_NO_COLLECT)
    return PCLN_OK;
  for (uint32_t k = 0; k < p->n_areas && st == PCLN_OK; k++)
    st = cover_area(j, frame, &p->areas[k]);
  return st;
}

// --- Rows -------------------------------------------------------------------

static unsigned code_of(const struct pcln_area *a, uint32_t i) {
  return a->codes[i / 4] >> i % 4 * 2 & 3;
}

// The cell of a word that is slot->at. Its part of the frame is covered.
static uint8_t *cell_at(const struct job *j, const struct slot *slot) {
  if (!slot->at_sp && slot->at >= 0)
    return j->cells + j->rows.n_locals + slot->at;
  return j->cells + (slot->at - j->locals_lo);
}

static enum pcln_status set_cell(const struct job *j, const struct pcln_area *a,
                                 uint8_t *cell, unsigned value) {
  value |= PCLN_CELL_SAID;
  if (*cell && *cell != value)
    return say_place(j, a->reg, a->off, "safepoint-overlap",
                     "it shares a word with another variable that says "
                     "something else of it");
  *cell = (uint8_t)value;
  return PCLN_OK;
}

// One repetition of an area.
static enum pcln_status set_cells(const struct job *j,
                                  const struct pcln_area *a, uint8_t *cells) {
  enum pcln_status st = PCLN_OK;
  for (uint32_t i = 0; i < a->n_words && st == PCLN_OK;) {
    if (code_of(a, i) != PCLN_CODE_MULTIWORD) {
      st = set_cell(j, a, &cells[i], code_of(a, i));
      i++;
      continue;
    }
    const bool has_kind = i + 1 < a->n_words;
    const unsigned kind = has_kind ? code_of(a, i + 1) : 0;
    const uint32_t n = kind == PCLN_MULTI_SLICE ? SLICE_WORDS : ITEM_WORDS;
    if (!has_kind || n > a->n_words - i)
      return say_place(j, a->reg, a->off, "safepoint-item",
                       "a string, slice or interface in it is cut off");
    for (uint32_t k = 0; k < n && st == PCLN_OK; k++)
      st = set_cell(j, a, &cells[i + k],
                    code_of(a, i + k) |
                        (1 + kind * SLICE_WORDS + k) * PCLN_CELL_ITEM);
    i += n;
  }
  return st;
}

static enum pcln_status set_area(const struct job *j, const struct frame *frame,
                                 const struct pcln_area *a) {
  struct slot slot;
  enum pcln_status st = locate(j, frame, a->reg, a->off, &slot);
  if (st != PCLN_OK || (uint64_t)a->n_words * a->repeat == 0)
    return st;
  uint8_t *cell = cell_at(j, &slot);
  for (uint32_t r = 0; r < a->repeat && st == PCLN_OK; r++)
    st = set_cells(j, a, cell + (size_t)r * a->n_words);
  return st;
}

// The number, in its row, of a word that must be a live pointer.
static enum pcln_status pair_word(const struct job *j,
                                  const struct frame *frame, unsigned reg,
                                  int32_t off, uint32_t *word) {
  struct slot slot;
  const enum pcln_status st = locate(j, frame, reg, off, &slot);
  if (st != PCLN_OK)
    return st;
  const bool is_arg = !slot.at_sp && slot.at >= 0;
  const bool covered = is_arg ? slot.at < j->args_hi
                              : slot.at_sp == j->at_sp &&
                                    slot.at >= j->locals_lo &&
                                    slot.at < j->locals_hi;
  const uint8_t *cell = covered ? cell_at(j, &slot) : NULL;
  if (!cell || *cell != (PCLN_CELL_SAID | PCLN_CODE_POINTER))
    return say_place(j, reg, off, "safepoint-pair",
                     "a pair of a base and a derived pointer names it, but no "
                     "variable says that it is a pointer");
  *word = (uint32_t)(cell - j->cells);
  return PCLN_OK;
}

// Sorted, so that equal sets are equal rows; derived words are told once.
static int pair_order(const void *a, const void *b) {
  const struct pcln_row_pair *x = a, *y = b;
  if (x->derived != y->derived)
    return x->derived < y->derived ? -1 : 1;
  return (x->base > y->base) - (x->base < y->base);
}

static enum pcln_status set_pairs(struct job *j, const struct frame *frame,
                                  const struct pcln_safepoint *p,
                                  uint32_t *n_pairs) {
  struct pcln_row_pair *pairs = j->pairs;
  uint32_t n = 0;
  for (uint32_t i = 0; i < p->n_pairs; i++) {
    const struct pcln_pair *in = &p->pairs[i];
    struct pcln_row_pair pair;
    enum pcln_status st =
        pair_word(j, frame, in->base_reg, in->base_off, &pair.base);
    if (st == PCLN_OK)
      st = pair_word(j, frame, in->reg, in->off, &pair.derived);
    if (st != PCLN_OK)
      return st;
    if (pair.base != pair.derived)
      pairs[n++] = pair;
  }
  if (n)
    qsort(pairs, n, sizeof *pairs, pair_order);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n; i++)
    if (kept == 0 || pair_order(&pairs[kept - 1], &pairs[i]) != 0)
      pairs[kept++] = pairs[i];
  *n_pairs = kept;
  return PCLN_OK;
}

static enum pcln_status add_row(struct job *j, const struct frame *frame,
                                const struct pcln_safepoint *p, int32_t *row) {
  enum pcln_status st = PCLN_OK;
  uint32_t n_pairs = 0;
  memset(j->cells, 0, (size_t)j->rows.n_locals + j->rows.n_args);
  for (uint32_t k = 0; k < p->n_areas && st == PCLN_OK; k++)
    st = set_area(j, frame, &p->areas[k]);
  if (st == PCLN_OK)
    st = set_pairs(j, frame, p, &n_pairs);
  if (st != PCLN_OK)
    return st;
  st = pcln_row_set_add(&j->rows, j->cells, j->pairs, n_pairs, row);
  if (st == PCLN_LIMIT)
    return say(j, st, "limit-safepoints",
               "the function's pointer maps exceed 256 MiB");
  return st;
}

static enum pcln_status add_point(struct job *j, const struct frame *frame,
                                  const struct pcln_safepoint *p) {
  int32_t row = PCLN_STACKMAP_NO_SAFEPOINT;
  enum pcln_status st = PCLN_OK;
  if (!(p->flags & PCLN_POINT_NO_COLLECT))
    st = add_row(j, frame, p, &row);
  pcln_stream_add(&j->stream, p->ret_off - j->first, row);
  return st;
}

// --- Into the function ------------------------------------------------------

// A stream that says `value` for the whole function.
static enum pcln_status set_constant(struct job *j, uint32_t index,
                                     int32_t value) {
  struct pcln_span span;
  pcln_stream_reset(&j->stream);
  pcln_stream_add(&j->stream, j->f->size, value);
  const enum pcln_status st = pcln_stream_end(&j->stream, j->arena, &span);
  return st == PCLN_OK ? pcln_func_set_pcdata(j->f, index, span, j->arena) : st;
}

static enum pcln_status store(struct job *j) {
  struct pcln_span locals, args, pairs, stream;
  const bool host_is_big = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
  enum pcln_status st =
      pcln_row_set_emit(&j->rows, j->m->big_endian != host_is_big, j->arena,
                        &locals, &args, &pairs);
  if (st == PCLN_OK)
    st = pcln_stream_end(&j->stream, j->arena, &stream);
  if (st == PCLN_OK)
    st = pcln_func_set_pcdata(j->f, PCLN_PCDATA_STACKMAP, stream, j->arena);
  if (st == PCLN_OK)
    st = pcln_func_set_funcdata(j->f, PCLN_FUNCDATA_LOCALS_MAPS, locals,
                                j->arena);
  if (st == PCLN_OK && args.ptr)
    st = pcln_func_set_funcdata(j->f, PCLN_FUNCDATA_ARGS_MAPS, args, j->arena);
  if (st == PCLN_OK && pairs.ptr)
    st = pcln_func_set_funcdata(j->f, PCLN_FUNCDATA_POINTER_PAIRS, pairs,
                                j->arena);
  if (st == PCLN_OK && j->at_sp)
    st = set_constant(j, PCLN_PCDATA_LOCALS_SP,
                      (int32_t)(j->locals_lo * j->m->ptr_size));
  return st;
}

static bool has_maps(const struct pcln_func_def *f) {
  static const uint32_t maps[] = {PCLN_FUNCDATA_ARGS_MAPS,
                                  PCLN_FUNCDATA_LOCALS_MAPS,
                                  PCLN_FUNCDATA_POINTER_PAIRS};
  for (size_t i = 0; i < sizeof maps / sizeof *maps; i++)
    if (maps[i] < f->n_funcdata && f->funcdata[maps[i]].ptr)
      return true;
  return f->n_pcdata > PCLN_PCDATA_STACKMAP &&
         f->pcdata[PCLN_PCDATA_STACKMAP].ptr;
}

static enum pcln_status allocate(struct job *j) {
  uint32_t max_pairs = 0;
  const enum pcln_status st = pcln_row_set_init(
      &j->rows, (uint32_t)(j->locals_hi - j->locals_lo), (uint32_t)j->args_hi);
  if (st != PCLN_OK)
    return st;
  for (size_t i = 0; i < j->n; i++)
    if (j->points[i].n_pairs > max_pairs)
      max_pairs = j->points[i].n_pairs;
  j->cells = malloc((size_t)j->rows.n_locals + j->rows.n_args + 1);
  j->pairs = malloc((max_pairs + (size_t)1) * sizeof *j->pairs);
  return j->cells && j->pairs ? PCLN_OK : PCLN_NO_MEMORY;
}

// The points inside of j->f.
static enum pcln_status place(struct job *j) {
  j->at = j->first;
  if (has_maps(j->f))
    return say(j, PCLN_CORRUPT, "safepoint-twice",
               "the function has pointer maps from elsewhere already");
  pcln_stream_init(&j->stream, j->m->quantum);
  enum pcln_status st = each_point(j, cover_point);
  if (st == PCLN_OK)
    st = allocate(j);
  if (st == PCLN_OK)
    st = each_point(j, add_point);
  if (st == PCLN_OK) {
    pcln_stream_add(&j->stream, j->f->size, PCLN_STACKMAP_NO_SAFEPOINT);
    st = store(j);
  }
  pcln_stream_free(&j->stream);
  pcln_row_set_free(&j->rows);
  free(j->cells);
  free(j->pairs);
  return st;
}

// --- Interface --------------------------------------------------------------

// The entry that holds the call before `ret_off`; null: it is not the
// function's. Code behind a symbol inside the function is an entry of its own,
// of the same name.
static struct pcln_func_def *entry_of(const struct pcln_module *m,
                                      struct pcln_func_def *f,
                                      uint32_t ret_off) {
  struct pcln_func_def *g =
      ret_off ? pcln_module_find(m, f->va + ret_off - 1) : NULL;
  return g && g->name && f->name && strcmp(g->name, f->name) == 0 ? g : NULL;
}

// Fills `part`, whose points are the first `n` of `points` that lie in one
// entry.
static enum pcln_status take_part(struct pcln_func_def *f,
                                  const struct pcln_safepoint *points, size_t n,
                                  struct job *part) {
  part->points = points;
  part->at = n ? points[0].ret_off : 0;
  part->f = n ? entry_of(part->m, f, part->at) : f;
  if (!part->f) {
    part->f = f;
    return say(part, PCLN_CORRUPT, "safepoint-outside",
               "a safepoint lies outside of its function");
  }
  part->first = (uint32_t)(part->f->va - f->va);
  for (; part->n < n; part->n++) {
    const uint32_t ret_off = points[part->n].ret_off;
    if (entry_of(part->m, f, ret_off) != part->f)
      break;
    part->at = ret_off;
    if ((ret_off - part->first) % part->m->quantum != 0)
      return say(part, PCLN_CORRUPT, "safepoint-outside",
                 "a safepoint lies inside of an instruction");
    if (part->n && ret_off <= points[part->n - 1].ret_off)
      return say(part, PCLN_CORRUPT, "safepoint-order",
                 "the function's safepoints do not ascend");
  }
  return PCLN_OK;
}

enum pcln_status pcln_safepoints_place(struct pcln_module *m,
                                       struct pcln_func_def *f,
                                       const struct pcln_safepoint *points,
                                       size_t n, struct pcln_arena *arena,
                                       const struct pcln_sink *sink) {
  const struct job j = {.m = m, .f = f, .arena = arena, .sink = sink};
  struct pcln_cfi_arch arch;
  if (!pcln_cfi_arch(m->machine, &arch))
    return say(&j, PCLN_UNSUPPORTED, "safepoint-machine",
               "where SP and FP are is not known for this machine");
  m->stackmap_bits = 2;
  do { // once without points, too
    struct job part = j;
    part.arch = arch;
    enum pcln_status st = take_part(f, points, n, &part);
    if (st == PCLN_OK)
      st = place(&part);
    if (st != PCLN_OK)
      return st;
    n -= part.n;
    if (n)
      points += part.n;
  } while (n);
  return PCLN_OK;
}
