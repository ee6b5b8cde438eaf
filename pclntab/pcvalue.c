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
// so a lookup is linear in the function. Two things keep that cheap: functions
// with long streams carry checkpoints (FUNCDATA_Checkpoints), decoder states to
// start from; and the loop takes four pairs at once while they are all of
// one-byte varints, which nine in ten are, as sums over the lanes of a 64-bit
// word. The portable loop behind it decides everything else.
//
// A pc delta of 0 is refused: no writer makes one, and Go's own reader would
// take the next pair for the first.
//
// A stream may run on past the function's last byte (virtual pcs of inlined
// call sites), so nothing here knows the function's end.
//
// Called from signal handlers: no allocation, no locks, no stdio.
#include "table.h"

// --- Decoder ----------------------------------------------------------------

// The decoder between two pairs.
struct decoder {
  const uint8_t *pos, *end;
  uint32_t pc; // in quanta from the function's entry: where the next run begins
  int32_t value; // of the run before
  bool first;    // the next pair is the first
};

static inline int32_t add_wrapping(int32_t a, uint32_t b) {
  return (int32_t)((uint32_t)a + b);
}

// A varint of 32 bits; false when it is cut off or has more than 5 bytes.
static inline bool varint(const uint8_t **pos, const uint8_t *end,
                          uint32_t *out) {
  const uint8_t *p = *pos;
  if (p < end && *p < 0x80) {
    *out = *p;
    *pos = p + 1;
    return true;
  }
  struct pcln_cursor c = {.start = p, .pos = p, .end = end};
  *out = pcln_varint32(&c);
  *pos = c.pos;
  return !c.failed;
}

enum step { STEP_RUN, STEP_END, STEP_BAD };

// Decodes one pair: *next_pc is where its run ends; d->value its value. d->pc
// is left for the caller to move.
static inline enum step step(struct decoder *d, uint32_t *next_pc) {
  uint32_t value, delta;
  if (!varint(&d->pos, d->end, &value))
    return STEP_BAD;
  if (value == 0 && !d->first)
    return STEP_END;
  if (!varint(&d->pos, d->end, &delta) || delta == 0 ||
      delta > UINT32_MAX - d->pc)
    return STEP_BAD;
  d->first = false;
  d->value = add_wrapping(d->value, (uint32_t)pcln_unzigzag(value));
  *next_pc = d->pc + delta;
  return STEP_RUN;
}

// Passes groups of four pairs that all end at or before `target` (quanta).
// Each 16-bit lane of `w` is one pair: value delta in the low byte, pc delta in
// the high one. A group with a byte of 0 (terminator, or a fault) or above 0x7f
// (longer varint) is left to step().
static inline void skip_groups(struct decoder *d, uint32_t target) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  const uint64_t lanes = UINT64_C(0x0001000100010001);
  const uint64_t low = lanes * 0xff, high = lanes * 0x8080;
  while (d->end - d->pos >= 8) {
    const uint64_t w = pcln_load64(d->pos, false);
    // With all top bits clear, adding 0x7f sets the top bit of non-zero bytes.
    if ((w & high) != 0 || ((w + lanes * 0x7f7f) & high) != high)
      return;
    // The top lane of a product with `lanes` is the sum of all lanes.
    const uint32_t pcs = (uint32_t)((((w >> 8) & low) * lanes) >> 48);
    if (pcs > target - d->pc)
      return;
    const uint64_t u = w & low;
    // Zig-zag undone, plus 64 to keep a lane from borrowing: h + 64 for an even
    // number, -h - 1 + 64 for an odd one, h its upper six bits.
    const uint64_t biased = ((u >> 1) & low) ^ lanes * 64 ^ (u & lanes) * 127;
    const uint32_t sum = (uint32_t)((biased * lanes) >> 48) - 4 * 64;
    d->value = add_wrapping(d->value, sum);
    d->pc += pcs;
    d->pos += 8;
  }
#else
  (void)d;
  (void)target;
#endif
}

// --- Checkpoints ------------------------------------------------------------

// Moves `d`, at the start of `stream`, to the last checkpoint at or before
// `target` (bytes from the entry). Without one, or where the checkpoints make
// no sense, `d` stays: they only save time.
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
  const uint32_t byte_off = pcln_load32(e + 4, t->swap);
  if (byte_off == 0 || byte_off >= (size_t)(d->end - d->pos))
    return;
  d->pos += byte_off;
  d->pc = pcln_load32(e, t->swap) / t->quantum;
  d->value = (int32_t)pcln_load32(e + 8, t->swap);
  d->first = false;
}

// --- Lookups ----------------------------------------------------------------

// The run that covers `target` bytes from the entry. PCLN_NOT_FOUND: *out is
// filled as well, with the value -1 and the pcs behind the stream's end.
static enum pcln_status find_run(const struct pcln_table *t,
                                 const struct pcln_func *f, uint32_t stream,
                                 uint32_t target, struct pcln_run *out) {
  if (stream == 0 || stream >= t->pctab.len) {
    *out = (struct pcln_run){.lo = 0, .hi = UINT32_MAX, .value = -1};
    return stream == 0 ? PCLN_NOT_FOUND : PCLN_CORRUPT;
  }
  struct decoder d = {.pos = t->pctab.ptr + stream,
                      .end = t->pctab.ptr + t->pctab.len,
                      .value = -1,
                      .first = true};
  if (t->ours && f->n_funcdata > PCLN_FUNCDATA_CHECKPOINTS)
    use_checkpoint(t, f, stream, target, &d);
  const uint32_t q = t->quantum;
  const uint32_t goal = q == 1 ? target : target / q;
  if (!d.first)
    skip_groups(&d, goal);
  for (;;) {
    uint32_t next;
    switch (step(&d, &next)) {
    case STEP_BAD:
      return PCLN_CORRUPT;
    case STEP_END:
      *out = (struct pcln_run){.lo = d.pc * q, .hi = UINT32_MAX, .value = -1};
      return PCLN_NOT_FOUND;
    case STEP_RUN:
      break;
    }
    if (goal < next) {
      *out =
          (struct pcln_run){.lo = d.pc * q, .hi = next * q, .value = d.value};
      return PCLN_OK;
    }
    d.pc = next;
    skip_groups(&d, goal);
  }
}

enum pcln_status pcln_run_at(const struct pcln_table *t,
                             const struct pcln_func *f, uint32_t stream,
                             uint64_t pc, struct pcln_run *out) {
  const uint64_t target = pc - f->entry;
  if (pc < f->entry || target > UINT32_MAX) {
    *out = (struct pcln_run){.lo = 0, .hi = UINT32_MAX, .value = -1};
    return PCLN_NOT_FOUND;
  }
  return find_run(t, f, stream, (uint32_t)target, out);
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
  *it = (struct pcln_run_iter){
      .value = -1, .quantum = t->quantum, .first = true, .status = PCLN_OK};
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
                      .first = it->first};
  uint32_t next;
  const enum step s = step(&d, &next);
  if (s != STEP_RUN || next > UINT32_MAX / it->quantum) {
    it->status = s == STEP_END ? PCLN_OK : PCLN_CORRUPT;
    it->pos = NULL; // a further call finds nothing
    return false;
  }
  *out = (struct pcln_run){
      .lo = it->pc_off, .hi = next * it->quantum, .value = d.value};
  it->pos = d.pos;
  it->pc_off = out->hi;
  it->value = d.value;
  it->first = false;
  return true;
}

uint32_t pcln_pcdata_stream(const struct pcln_table *t,
                            const struct pcln_func *f, uint32_t index) {
  if (index >= f->n_pcdata)
    return 0;
  const uint64_t at =
      (uint64_t)f->rec_off + pcln_rec_layout(t)->size + 4 * (uint64_t)index;
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
  *value = run.value;
  return PCLN_OK;
}
