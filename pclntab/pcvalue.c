// SPDX-License-Identifier: Apache-2.0
//
// Line numbers, file numbers, stack depth and map numbers are all stored the
// same way: runs of a value and the pc it holds up to, each written as a
// difference from the run before. One run is a pair of varints, the value's
// difference (zig-zag) and the pc's (in quanta); a zero where a value's
// difference is due ends the stream, except in the first pair.
//
//   byte    02 0e   60 74    5f 01   00
//   run     0..14   14..130  130..131  end
//   value   0       48       0
//
// Decoding starts at the function's entry because a run carries no absolute pc,
// so a lookup is linear in the function. Three things keep that cheap.
// Functions with long streams carry checkpoints (FUNCDATA_Checkpoints), decoder
// states to start from. From there pairs are decoded one by one, with a short
// way for one-byte varints, which is all that most streams of depths and rules
// need. Streams of lines are longer and less regular: after a few pairs, whole
// blocks are summed at once where the machine has vectors (pcvalue_vector.h).
//
// A run without a pc is legal in Go's tables, whose assembler for s390x writes
// some: it changes the value before the next run. In ours it is refused.
//
// A stream may run on past the function's last byte (virtual pcs of inlined
// call sites), so nothing here knows the function's end.
//
// Called from signal handlers: no allocation, no locks, no stdio.
#include "pcvalue_step.h"
#include "pcvalue_vector.h"

// --- Checkpoints ------------------------------------------------------------

// Moves `d`, which is somewhere in `stream`, on to the last checkpoint at or
// before `target` (bytes from the entry). Without one, or where the checkpoints
// make no sense, `d` stays: they only save time.
static void use_checkpoint(const struct pcln_table *t,
                           const struct pcln_func *f, uint32_t stream,
                           uint32_t target, struct decoder *d) {
  struct pcln_span s;
  if (pcln_funcdata(t, f, PCLN_FUNCDATA_CHECKPOINTS, &s) != PCLN_OK ||
      s.len < 4)
    return;
  const uint32_t n = pcln_load32(s.ptr, t->swap);
  if (n > (s.len - 4) / PCLN_CHECKPOINT_STREAM)
    return;
  const uint8_t *row = s.ptr + 4, *entries = row + n * PCLN_CHECKPOINT_STREAM;
  const uint8_t *rows_end = entries;
  while (row < rows_end && pcln_load32(row, t->swap) != stream)
    row += PCLN_CHECKPOINT_STREAM;
  if (row == rows_end)
    return;
  const uint32_t first = pcln_load32(row + 4, t->swap);
  uint32_t count = pcln_load32(row + 8, t->swap);
  const size_t room = (size_t)(s.ptr + s.len - entries) / PCLN_CHECKPOINT_ENTRY;
  if (first > room || count > room - first)
    return;
  entries += (size_t)first * PCLN_CHECKPOINT_ENTRY;
  uint32_t lo = 0; // entries before lo are at or before the target
  while (lo < count) {
    const uint32_t mid = lo + (count - lo) / 2;
    if (pcln_load32(entries + (size_t)mid * PCLN_CHECKPOINT_ENTRY, t->swap) <=
        target)
      lo = mid + 1;
    else
      count = mid;
  }
  if (lo == 0)
    return;
  const uint8_t *e = entries + (size_t)(lo - 1) * PCLN_CHECKPOINT_ENTRY;
  const uint32_t pc = pcln_load32(e, t->swap) / t->quantum;
  const uint32_t byte_off = pcln_load32(e + 4, t->swap);
  if (pc <= d->pc || byte_off >= t->pctab.len - stream)
    return;
  d->pos = t->pctab.ptr + stream + byte_off;
  d->pc = pc;
  d->value = (int32_t)pcln_load32(e + 8, t->swap);
}

// --- Lookups ----------------------------------------------------------------

// Streams of depths and rules rarely have more; summing blocks would cost more
// than taking their pairs as they come.
enum { FEW_BYTES = 48 };

// One lookup on its way. Short streams end among the first pairs; others go on
// from a checkpoint.
struct lookup {
  struct decoder d;
  uint32_t goal; // quanta from the entry
  enum { OPEN, FOUND, ENDED, BAD } state;
  uint32_t next; // FOUND: the run is [d.pc, next), in quanta
};

// Decodes pairs until the goal is reached, or `limit`; one pair at least. Not
// for the first pair of a stream.
static inline void advance(struct lookup *l, const uint8_t *limit) {
  struct decoder d = l->d;
  const uint32_t goal = l->goal;
  const uint8_t *last = d.end - d.pos < 2 ? d.pos : d.end - 1;
  const uint8_t *safe = limit < last ? limit : last;
  uint32_t next;
  for (;;) {
    // Pairs of one-byte varints; both bytes from 1 to 0x7f, in one test.
    while (d.pos < safe) {
      const uint32_t w =
          pcln_load16(d.pos, __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__);
      if (((w - 0x0101) | w) & 0x8080)
        break;
      next = d.pc + (w >> 8);
      d.pos += 2;
      d.value = add_wrapping(d.value, (uint32_t)pcln_unzigzag(w & 0x7f));
      if (goal < next)
        goto found;
      d.pc = next;
    }
    if (d.pos >= limit) {
      l->d = d;
      return;
    }
    if (!step_wide(&d, &next)) {
      l->d = d; // a copy in memory, so that `d` stays in registers
      const enum step s = step(&l->d, &next);
      d = l->d;
      if (s != STEP_RUN) {
        l->state = s == STEP_END ? ENDED : BAD;
        return;
      }
    }
    if (goal < next)
      goto found;
    d.pc = next;
  }
found:
  l->d = d;
  l->next = next;
  l->state = FOUND;
}

// Begins the lookup of `target` bytes from the entry and decodes about the
// first `few` bytes, one pair at least.
static void begin(const struct pcln_table *t, uint32_t stream, uint32_t target,
                  unsigned few, struct lookup *l) {
  l->goal = t->quantum == 1 ? target : target / t->quantum;
  l->d = (struct decoder){.value = -1, .first = true, .strict = t->ours};
  l->state = ENDED; // an absent stream
  if (stream == 0)
    return;
  l->state = BAD;
  if (stream >= t->pctab.len)
    return;
  l->d.pos = t->pctab.ptr + stream;
  l->d.end = t->pctab.ptr + t->pctab.len;
  const uint8_t *limit = l->d.end - l->d.pos < few ? l->d.end : l->d.pos + few;
  const enum step s = step(&l->d, &l->next);
  if (s != STEP_RUN) {
    l->state = s == STEP_END ? ENDED : BAD;
    return;
  }
  l->state = l->goal < l->next ? FOUND : OPEN;
  if (l->state == FOUND)
    return;
  l->d.pc = l->next;
  if (l->d.pos < limit)
    advance(l, limit);
}

// Moves an open lookup near its goal.
static void jump(const struct pcln_table *t, const struct pcln_func *f,
                 uint32_t stream, uint32_t target, struct lookup *l) {
  if (l->state == OPEN && t->ours && f->n_funcdata > PCLN_FUNCDATA_CHECKPOINTS)
    use_checkpoint(t, f, stream, target, &l->d);
}

// A run's end in bytes from the entry. That of a damaged table may lie behind
// all pcs; the run then has all that are left, for every reader alike.
static uint32_t end_in_bytes(uint32_t quanta, uint32_t quantum) {
  return quanta > UINT32_MAX / quantum ? UINT32_MAX : quanta * quantum;
}

// Ends a lookup. PCLN_NOT_FOUND: *out is filled as well, with the value -1 and
// the pcs behind the stream's end.
static enum pcln_status finish(const struct pcln_table *t, struct lookup *l,
                               struct pcln_run *out) {
  while (l->state == OPEN) {
    enum skip skip;
    do
      skip = skip_block(&l->d, l->goal);
    while (skip == SKIPPED);
    const size_t n = skip == SKIP_TOO_FAR ? 16 : 1;
    const size_t left = (size_t)(l->d.end - l->d.pos);
    if (left == 0)
      return PCLN_CORRUPT;
    advance(l, l->d.pos + (n < left ? n : left));
  }
  if (l->state == BAD)
    return PCLN_CORRUPT;
  const uint32_t q = t->quantum;
  if (l->state == ENDED) {
    *out = (struct pcln_run){.lo = l->d.pc * q, .hi = UINT32_MAX, .value = -1};
    return PCLN_NOT_FOUND;
  }
  *out = (struct pcln_run){
      .lo = l->d.pc * q, .hi = end_in_bytes(l->next, q), .value = l->d.value};
  return PCLN_OK;
}

enum pcln_status pcln_run_at(const struct pcln_table *t,
                             const struct pcln_func *f, uint32_t stream,
                             uint64_t pc, struct pcln_run *out) {
  const uint64_t target = pc - f->entry;
  if (pc < f->entry || target > UINT32_MAX) {
    *out = (struct pcln_run){.lo = 0, .hi = UINT32_MAX, .value = -1};
    return PCLN_NOT_FOUND;
  }
  struct lookup l;
  begin(t, stream, (uint32_t)target, FEW_BYTES, &l);
  jump(t, f, stream, (uint32_t)target, &l);
  return finish(t, &l, out);
}

enum pcln_status pcln_behind_stream(const struct pcln_table *t,
                                    const struct pcln_func *f, uint32_t stream,
                                    uint32_t *off) {
  struct lookup l;
  struct pcln_run run;
  begin(t, stream, UINT32_MAX, FEW_BYTES, &l);
  jump(t, f, stream, UINT32_MAX, &l);
  if (finish(t, &l, &run) != PCLN_NOT_FOUND || stream == 0)
    return PCLN_CORRUPT;
  *off = (uint32_t)(l.d.pos - t->pctab.ptr);
  return PCLN_OK;
}

enum pcln_status pcln_values_at(const struct pcln_table *t,
                                const struct pcln_func *f,
                                const uint32_t streams[PCLN_N_VALUES],
                                uint64_t pc, int32_t values[PCLN_N_VALUES]) {
  const uint64_t target = pc - f->entry;
  struct lookup l[PCLN_N_VALUES];
  if (pc < f->entry || target > UINT32_MAX) {
    for (int i = 0; i < PCLN_N_VALUES; i++)
      values[i] = -1;
    return PCLN_OK;
  }
  for (int i = 0; i < PCLN_N_VALUES; i++) {
    begin(t, streams[i], (uint32_t)target, 0, &l[i]);
    jump(t, f, streams[i], (uint32_t)target, &l[i]);
    __builtin_prefetch(l[i].d.pos);
  }
  for (int i = 0; i < PCLN_N_VALUES; i++) {
    struct pcln_run run;
    if (finish(t, &l[i], &run) == PCLN_CORRUPT)
      return PCLN_CORRUPT;
    values[i] = run.value;
  }
  return PCLN_OK;
}

enum pcln_status pcln_stream_find(const struct pcln_table *t,
                                  const struct pcln_func *f, uint32_t stream,
                                  uint64_t pc, struct pcln_run *out) {
  struct pcln_run run;
  const enum pcln_status status = pcln_run_at(t, f, stream, pc, &run);
  if (status == PCLN_OK)
    *out = run;
  return status;
}

void pcln_runs_begin(const struct pcln_table *t, uint32_t stream,
                     struct pcln_run_iter *it) {
  *it = (struct pcln_run_iter){.value = -1,
                               .quantum = t->quantum,
                               .first = true,
                               .strict = t->ours,
                               .status = PCLN_OK};
  if (stream == 0)
    return; // absent: no runs
  if (stream >= t->pctab.len) {
    it->status = PCLN_CORRUPT;
    return;
  }
  it->pos = t->pctab.ptr + stream;
  it->end = t->pctab.ptr + t->pctab.len;
}

bool pcln_runs_next(struct pcln_run_iter *it, struct pcln_run *out) {
  if (!it->pos)
    return false;
  struct decoder d = {.pos = it->pos,
                      .end = it->end,
                      .pc = it->pc_off / it->quantum,
                      .value = it->value,
                      .first = it->first,
                      .strict = it->strict};
  uint32_t next;
  const enum step s = step(&d, &next);
  if (s != STEP_RUN) {
    it->status = s == STEP_END ? PCLN_OK : PCLN_CORRUPT;
    it->pos = NULL; // a further call finds nothing
    return false;
  }
  *out = (struct pcln_run){.lo = it->pc_off,
                           .hi = end_in_bytes(next, it->quantum),
                           .value = d.value};
  it->pos = d.pos;
  if (next > UINT32_MAX / it->quantum) { // what follows has no pc
    it->status = PCLN_CORRUPT;
    it->pos = NULL;
  }
  it->pc_off = out->hi;
  it->value = d.value;
  it->first = false;
  return true;
}

uint32_t pcln_pcdata_stream(const struct pcln_table *t,
                            const struct pcln_func *f, uint32_t index) {
  uint32_t slot;
  if (index >= f->n_pcdata || !pcln_slot(t, f->pcdata_mask, index, &slot))
    return 0;
  const uint64_t at =
      (uint64_t)f->rec_off + pcln_rec_layout(t)->size + 4 * (uint64_t)slot;
  if (at + 4 > t->functab.len)
    return 0;
  return pcln_load32(t->functab.ptr + at, t->swap);
}

enum pcln_status pcln_pcdata_at(const struct pcln_table *t,
                                const struct pcln_func *f, uint32_t index,
                                uint64_t pc, int32_t *value) {
  struct pcln_run run;
  const enum pcln_status status =
      pcln_run_at(t, f, pcln_pcdata_stream(t, f, index), pc, &run);
  if (status != PCLN_OK && status != PCLN_NOT_FOUND)
    return status;
  *value = status == PCLN_OK ? run.value : pcln_pcdata_behind(t, f, index);
  return PCLN_OK;
}
