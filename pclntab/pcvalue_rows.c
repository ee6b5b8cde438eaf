// SPDX-License-Identifier: Apache-2.0
//
// All positions of a function in one walk: the streams of files, lines and
// inlined calls side by side.
//
// A row ends where any of the three values changes. Lines change most: between
// two changes of the file or of the inlined call there are several rows of
// lines, so the loop decodes lines alone up to `held`, where the nearer of the
// other two runs ends, and looks at those streams only there.
//
// Lengths of varints cannot be predicted, and a mispredicted branch costs as
// much as decoding several pairs. So pairs go through step_wide(), which has no
// branch on them; step() takes the first pair, the last ones of the table and
// everything unusual.
//
// A stream that turns out malformed is like one that ended: its value is -1
// from there on, and the status says so. Who prints a damaged table so still
// shows what the other streams say.
//
// Called from anywhere: no allocation, no locks, no stdio.
#include "pcvalue_step.h"

// Beyond every pc of a function: the stream says nothing more.
#define NEVER UINT32_MAX

static enum pcln_status stream_begin(const struct pcln_table *t,
                                     uint32_t stream,
                                     struct pcln_row_stream *s) {
  *s = (struct pcln_row_stream){.next = NEVER, .value = -1};
  if (stream == 0)
    return PCLN_OK; // absent
  if (stream >= t->pctab.len)
    return PCLN_CORRUPT;
  s->pos = t->pctab.ptr + stream;
  s->end = t->pctab.ptr + t->pctab.len;
  s->next = 0;
  return PCLN_OK;
}

// The pair that step_wide() left.
static __attribute__((noinline)) enum pcln_status
stream_slow(struct pcln_row_stream *s, bool strict) {
  struct decoder d = {.pos = s->pos,
                      .end = s->end,
                      .pc = s->next,
                      .value = s->value,
                      .first = s->next == 0,
                      .strict = strict};
  const enum step got = step(&d, &s->next);
  s->pos = d.pos;
  s->value = d.value;
  if (got == STEP_RUN)
    return PCLN_OK;
  *s = (struct pcln_row_stream){.next = NEVER, .value = -1};
  return got == STEP_END ? PCLN_OK : PCLN_CORRUPT;
}

static inline enum pcln_status stream_next(struct pcln_row_stream *s,
                                           bool strict) {
  struct decoder d = {
      .pos = s->pos, .end = s->end, .pc = s->next, .value = s->value};
  uint32_t next;
  if (s->next == 0 || !step_wide(&d, &next))
    return stream_slow(s, strict);
  s->pos = d.pos;
  s->value = d.value;
  s->next = next;
  return PCLN_OK;
}

// Moves the stream on to the run that covers `pc`.
static inline enum pcln_status stream_to(struct pcln_row_stream *s, uint32_t pc,
                                         bool strict) {
  enum pcln_status status = PCLN_OK;
  while (s->next <= pc && status == PCLN_OK)
    status = stream_next(s, strict);
  return status;
}

static inline uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

void pcln_rows_begin(const struct pcln_table *t, const struct pcln_func *f,
                     struct pcln_rows *it) {
  const uint64_t size = f->end - f->entry;
  const uint32_t inl = pcln_pcdata_stream(t, f, pcln_pcdata_inltree(t));
  *it = (struct pcln_rows){.quantum = t->quantum, .strict = t->ours};
  it->end_off = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
  it->end = it->end_off / it->quantum + (it->end_off % it->quantum != 0);
  const enum pcln_status status[] = {stream_begin(t, f->pcfile, &it->file),
                                     stream_begin(t, f->pcln, &it->line),
                                     stream_begin(t, inl, &it->inl)};
  for (size_t i = 0; i < sizeof status / sizeof *status; i++)
    if (status[i] != PCLN_OK)
      it->status = status[i];
}

size_t pcln_rows_next(struct pcln_rows *it, struct pcln_row *rows, size_t n) {
  struct pcln_row_stream line = it->line; // so that it stays in registers
  enum pcln_status status = PCLN_OK;
  const uint32_t quantum = it->quantum, end = it->end;
  uint32_t at = it->at, held = it->held;
  int32_t file = it->file.value, inl = it->inl.value;
  size_t i = 0;
  for (; i < n && at < end; i++) {
    if (at >= held) {
      status |= stream_to(&it->file, at, it->strict) |
                stream_to(&it->inl, at, it->strict);
      held = least(least(it->file.next, it->inl.next), end);
      file = it->file.value;
      inl = it->inl.value;
    }
    if (line.next <= at)
      status |= stream_to(&line, at, it->strict);
    const uint32_t hi = least(line.next, held);
    rows[i] = (struct pcln_row){.lo = at * quantum,
                                .hi = hi < end ? hi * quantum : it->end_off,
                                .file = file,
                                .line = line.value,
                                .inl = inl};
    at = hi;
  }
  it->line = line;
  it->at = at;
  it->held = held;
  if (status != PCLN_OK)
    it->status = PCLN_CORRUPT;
  return i;
}
