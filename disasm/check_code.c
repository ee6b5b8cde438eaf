// SPDX-License-Identifier: Apache-2.0
//
// A function's bytes into steps.
//
// Most functions are instructions from their first byte to their last, and are
// read in one pass. Some have data in between: jump tables, literals, tables of
// hand-written assembly. Read as instructions, data gives nonsense, and may
// throw what stands behind it out of step. The signs are bytes that no
// instruction begins with, one that runs past the function's end, or a jump
// into the middle of one. Such a function is read again the slow way: first
// what its own jumps lead to, from the entry on, which is code for sure; then
// what is left, as code if it decodes up to the next sure byte, and as "loose"
// all the same: nothing is held against it unless the code leads there.
#include "check_code.h"

#include <stdlib.h>
#include <string.h>

// --- Space ------------------------------------------------------------------

static bool grow(void **p, size_t n, size_t size) {
  void *q = realloc(*p, n * size);
  if (q)
    *p = q;
  return q != NULL;
}

static enum pcln_status reserve_steps(struct pcdis_body *b, size_t n) {
  if (n <= b->cap)
    return PCLN_OK;
  const size_t cap = n * 2;
  if (!grow((void **)&b->steps, cap, sizeof *b->steps) ||
      !grow((void **)&b->claims, cap, sizeof *b->claims))
    return PCLN_NO_MEMORY;
  b->cap = cap;
  return PCLN_OK;
}

static enum pcln_status reserve_bytes(struct pcdis_body *b, uint32_t size) {
  if (size > b->cap_size) {
    if (!grow((void **)&b->at, size, sizeof *b->at))
      return PCLN_NO_MEMORY;
    b->cap_size = size;
  }
  memset(b->at, 0, size * sizeof *b->at);
  b->size = size;
  b->n = 0;
  b->cut = false;
  return PCLN_OK;
}

void pcdis_body_free(struct pcdis_body *b) {
  free(b->steps);
  free(b->claims);
  free(b->at);
  *b = (struct pcdis_body){.n = 0};
}

// --- One instruction --------------------------------------------------------

static struct pcdis_step step_of(const struct pcdis_insn *i, uint32_t off) {
  return (struct pcdis_step){.off = off,
                             .jumps = PCDIS_NO_STEP,
                             .target = i->target,
                             .sp = i->sp,
                             .fp = i->fp,
                             .ra = i->ra,
                             .tmp = {i->tmp[0], i->tmp[1]},
                             .fp_store = i->fp_store,
                             .ra_store = i->ra_store,
                             .len = (uint16_t)i->len,
                             .flow = i->flow,
                             .indirect = i->indirect,
                             .padding = i->padding};
}

struct reading {
  struct pcdis *decoder;
  struct pcdis_body *body;
  struct pcln_span code; // may go on behind the function
  uint64_t va;
};

// The instruction at `off`; false: there is none, or it runs past the end.
static bool decode(const struct reading *r, uint32_t off,
                   struct pcdis_step *out) {
  struct pcdis_insn i;
  const uint32_t left = r->body->size - off;
  if (pcdis_decode(r->decoder, r->code.ptr + off, left, r->va + off, false,
                   &i) != PCLN_OK ||
      i.len > left)
    return false;
  *out = step_of(&i, off);
  return true;
}

// Bytes that are no instruction.
static struct pcdis_step data_at(uint32_t off, uint32_t len) {
  return (struct pcdis_step){.off = off,
                             .jumps = PCDIS_NO_STEP,
                             .len = (uint16_t)len,
                             .flow = PCDIS_STOP,
                             .data = true};
}

static enum pcln_status append(struct pcdis_body *b,
                               const struct pcdis_step *s) {
  const enum pcln_status status = reserve_steps(b, b->n + 1);
  if (status != PCLN_OK)
    return status;
  b->steps[b->n++] = *s;
  b->at[s->off] = (uint32_t)b->n;
  return PCLN_OK;
}

// Whether the step has a target in the function; *off is it.
static bool target_off(const struct reading *r, const struct pcdis_step *s,
                       uint32_t *off) {
  if (s->flow == PCDIS_NEXT || s->flow >= PCDIS_RETURN || s->indirect ||
      s->target - r->va >= r->body->size)
    return false;
  *off = (uint32_t)(s->target - r->va);
  return true;
}

// Finds the steps that jumps lead to. False: one leads into the middle of a
// step.
static bool find_targets(const struct reading *r) {
  bool all = true;
  for (size_t i = 0; i < r->body->n; i++) {
    struct pcdis_step *s = &r->body->steps[i];
    uint32_t off;
    if (!target_off(r, s, &off))
      continue;
    if (r->body->at[off])
      s->jumps = r->body->at[off] - 1;
    else if (s->flow != PCDIS_CALL)
      all = false;
  }
  return all;
}

// --- In one pass ------------------------------------------------------------

// Zeros are how some linkers (mold) fill what alignment leaves free.
static bool is_fill(const uint8_t *p, uint32_t len) {
  while (len && !*p)
    p++, len--;
  return !len;
}

// Whether the instruction at `off` runs past the function's end; *out is what
// the function has of it.
static bool cut_off(const struct reading *r, uint32_t off,
                    struct pcdis_step *out) {
  struct pcdis_insn i;
  const uint32_t left = r->body->size - off;
  if (pcdis_decode(r->decoder, r->code.ptr + off, r->code.len - off,
                   r->va + off, false, &i) != PCLN_OK ||
      i.len <= left || is_fill(r->code.ptr + off, left))
    return false;
  *out = data_at(off, left);
  r->body->cut = true;
  return true;
}

// PCLN_NOT_FOUND: there is data among the code.

static enum pcln_status read_plain(const struct reading *r) {
  struct pcdis_step s;
  for (uint32_t off = 0; off < r->body->size; off += s.len) {
    if (!decode(r, off, &s) && !cut_off(r, off, &s))
      return PCLN_NOT_FOUND;
    const enum pcln_status status = append(r->body, &s);
    if (status != PCLN_OK)
      return status;
  }
  return find_targets(r) ? PCLN_OK : PCLN_NOT_FOUND;
}

// --- By the jumps -----------------------------------------------------------
// body->at holds what each byte is: a mark or, for the first byte of a sure
// instruction, its length + 2.

enum { FREE = 0, INSIDE = 1, FIRST = 2 };

static bool is_free(const struct pcdis_body *b, uint32_t off, uint32_t len) {
  for (uint32_t k = 0; k < len; k++)
    if (b->at[off + k] != FREE)
      return false;
  return true;
}

static void mark(struct pcdis_body *b, const struct pcdis_step *s) {
  b->at[s->off] = FIRST + (uint32_t)s->len;
  for (uint32_t k = 1; k < s->len; k++)
    b->at[s->off + k] = INSIDE;
}

// Follows the code from `off`, and keeps for later, in `todo`, where it jumps;
// each byte is a target once at most. Returns the new number of those.
static uint32_t follow(const struct reading *r, uint32_t off, uint32_t *todo,
                       uint32_t n_todo, uint32_t cap) {
  struct pcdis_step s;
  while (off < r->body->size && decode(r, off, &s) &&
         is_free(r->body, off, s.len)) {
    uint32_t to;
    mark(r->body, &s);
    if (s.flow != PCDIS_CALL && target_off(r, &s, &to) &&
        r->body->at[to] == FREE && n_todo < cap)
      todo[n_todo++] = to;
    if (s.flow == PCDIS_JUMP || s.flow == PCDIS_RETURN || s.flow == PCDIS_STOP)
      break;
    off += s.len;
  }
  return n_todo;
}

static enum pcln_status mark_sure(const struct reading *r) {
  // A jump has two bytes or more.
  const uint32_t cap = r->body->size / 2 + 1;
  uint32_t *todo = malloc(cap * sizeof *todo);
  if (!todo)
    return PCLN_NO_MEMORY;
  uint32_t n = 0;
  todo[n++] = 0;
  while (n) {
    const uint32_t off = todo[--n];
    if (r->body->at[off] == FREE)
      n = follow(r, off, todo, n, cap);
  }
  free(todo);
  return PCLN_OK;
}

// What no jump leads to, from `off` to the sure instruction at `end`.
static enum pcln_status append_gap(const struct reading *r, uint32_t off,
                                   uint32_t end) {
  struct pcdis_body *b = r->body;
  struct pcdis_step s;
  enum pcln_status status = PCLN_OK;
  while (off < end && status == PCLN_OK) {
    const bool sound = decode(r, off, &s) && s.len <= end - off;
    s.loose = true;
    const uint32_t left = end - off;
    const uint32_t step = left < b->quantum ? left : b->quantum;
    if (!sound)
      s = data_at(off, step);
    status = append(b, &s);
    off += sound ? s.len : step;
  }
  return status;
}

static enum pcln_status read_by_jumps(const struct reading *r) {
  struct pcdis_body *b = r->body;
  memset(b->at, 0, b->size * sizeof *b->at);
  b->n = 0;
  b->cut = false;
  enum pcln_status status = mark_sure(r);
  for (uint32_t off = 0; off < b->size && status == PCLN_OK;) {
    const uint32_t what = b->at[off];
    struct pcdis_step s;
    if (what >= FIRST && decode(r, off, &s)) {
      memset(b->at + off, 0, s.len * sizeof *b->at);
      status = append(b, &s);
      off += s.len;
      continue;
    }
    uint32_t end = off;
    while (end < b->size && b->at[end] == FREE)
      end++;
    status = append_gap(r, off, end);
    off = end;
  }
  find_targets(r);
  return status;
}

enum pcln_status pcdis_read_body(struct pcdis *decoder, struct pcdis_body *body,
                                 struct pcln_span code, uint32_t size,
                                 uint64_t va) {
  const struct reading r = {
      .decoder = decoder, .body = body, .code = code, .va = va};
  enum pcln_status status = reserve_bytes(body, size);
  if (status == PCLN_OK)
    status = read_plain(&r);
  return status == PCLN_NOT_FOUND ? read_by_jumps(&r) : status;
}

const struct pcdis_step *pcdis_step_at(const struct pcdis_body *b,
                                       uint32_t off) {
  enum { LONGEST = 15 };
  for (uint32_t k = 0; k < LONGEST && k <= off; k++)
    if (b->at[off - k]) {
      const struct pcdis_step *s = &b->steps[b->at[off - k] - 1];
      return k < s->len ? s : NULL;
    }
  return NULL;
}
