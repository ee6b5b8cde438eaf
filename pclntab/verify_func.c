// SPDX-License-Identifier: Apache-2.0
//
// Everything that one func record leads to: its streams, the values in them,
// the inline tree and the checkpoints. verify.c has the table as a whole.
//
// A stream is decoded here pair by pair and not with pcln_runs_next(), to tell
// apart the ways in which it can be wrong, and because the checkpoints are held
// against the decoder's plain state.
//
// Inline chains. A record's parentPc names the enclosing call by what the
// inline stream says there. A chain must end, and shall be short enough for the
// frame walk. Records stand behind the records of their enclosing calls, in
// Go's compiler as in our encoder's input, so one rule proves both: the
// enclosing call has a smaller number. Depths then are known in the order of
// the numbers.
#include "verify.h"

#include "go_funcdata.h"

// --- Streams ----------------------------------------------------------------

// One decoded pair.
struct pair {
  uint32_t lo, hi; // bytes from the function's entry
  int32_t before, value;
  uint32_t off; // bytes from the stream's start to the pair
};

// Walks a stream; the caller gets each pair, and false at the end.
struct walk {
  struct pcln_cursor c;
  uint32_t quantum;
  bool empty_runs; // are allowed
  struct pair p;
  const char *fault, *text; // null: none so far
};

static bool walk_fail(struct walk *w, const char *fault, const char *text) {
  w->fault = fault;
  w->text = text;
  return false;
}

static bool walk_next(struct walk *w) {
  struct pair *p = &w->p;
  const bool first = p->hi == 0;
  p->off = (uint32_t)pcln_tell(&w->c);
  const uint32_t value = pcln_varint32(&w->c);
  if (!w->c.failed && value == 0 && !first)
    return false;
  const uint32_t delta = pcln_varint32(&w->c);
  if (w->c.failed)
    return walk_fail(w, "pcvalue-end",
                     "the stream has no end, or a number of more than 32 bits");
  if (delta == 0 && (first || !w->empty_runs))
    return walk_fail(w, "pcvalue-pc-delta", "a run of the stream is empty");
  p->lo = p->hi;
  if (delta > (UINT32_MAX - p->lo) / w->quantum)
    return walk_fail(w, "pcvalue-range",
                     "the stream runs over more than 4 GiB of code");
  p->before = p->value;
  p->hi = p->lo + delta * w->quantum;
  p->value = (int32_t)((uint32_t)p->value + (uint32_t)pcln_unzigzag(value));
  return true;
}

// Go's assembler for s390x leaves runs without a pc behind, which every reader
// of Go's steps over.
static struct walk walk_from(const struct pcln_table *t, uint32_t stream) {
  return (struct walk){.c = pcln_cursor_at(t->pctab.ptr + stream,
                                           t->pctab.len - stream, t->swap),
                       .quantum = t->quantum,
                       .empty_runs = !t->ours,
                       .p = {.value = -1}};
}

// What the values of a stream mean.
struct range {
  const char *fault, *text;
  int64_t lo, hi; // lo <= value < hi
};

// What a look at all of a stream gives.
struct seen {
  uint32_t end; // bytes from the entry; 0: the stream is absent or wrong
  uint32_t len; // bytes
  int32_t max;  // value; -1: none above
  bool empty_runs;
};

static struct seen check_stream(struct pcln_verifier *v,
                                const struct pcln_func *f, uint32_t stream,
                                const struct range *range) {
  struct seen seen = {.max = -1};
  if (stream == 0)
    return seen;
  if (stream >= v->t->pctab.len) {
    pcln_fault(v, "pcvalue-offset", f, "pctab", stream,
               "a stream lies outside of pctab");
    return seen;
  }
  struct walk w = walk_from(v->t, stream);
  bool told = false;
  v->seen.streams++;
  while (walk_next(&w)) {
    if (w.p.value > seen.max)
      seen.max = w.p.value;
    seen.empty_runs |= w.p.lo == w.p.hi;
    if (!told && (w.p.value < range->lo || w.p.value >= range->hi)) {
      pcln_fault(v, range->fault, f, "pctab", stream + w.p.off, range->text);
      told = true; // the values of one stream tend to be wrong together
    }
  }
  if (w.fault)
    pcln_fault(v, w.fault, f, "pctab", stream + w.p.off, w.text);
  else
    seen.end = w.p.hi;
  seen.len = (uint32_t)pcln_tell(&w.c);
  if (!pcln_verify_spend(v, seen.len))
    seen.end = 0;
  return seen;
}

// --- Inline trees -----------------------------------------------------------

struct inline_check {
  const struct pcln_func *f;
  uint32_t stream; // of inline numbers
  uint32_t cost;   // bytes that one lookup in it may read
  uint64_t limit;  // parentPc is below: bytes from the entry
  // Depths of the first records, outermost 1. Later ones, which only functions
  // of rare size have, are counted by walking.
  uint8_t depth[1024];
};

// The number of the call that encloses record `idx`, or -1; -2 after a fault.
static int32_t enclosing(struct pcln_verifier *v, struct inline_check *c,
                         uint32_t idx) {
  const struct pcln_func *f = c->f;
  struct pcln_inline rec;
  struct pcln_run run;
  if (pcln_inline_at(v->t, f, idx, &rec) != PCLN_OK) {
    pcln_fault(v, "inline-bounds", f, "funcdata", 0,
               "a record of the inline tree lies outside of the area");
    return -2;
  }
  if (!pcln_name_at(v->t, rec.name_off)) {
    pcln_fault(v, "inline-name", f, "funcdata", 0,
               "an inlined function's name lies outside of funcnametab");
    return -2;
  }
  if (rec.by_pc && rec.parent_pc >= c->limit) {
    pcln_fault(v, "inline-parent-pc", f, "funcdata", 0,
               "an inlined call has a parentPc that no line belongs to");
    return -2;
  }
  if (!pcln_verify_spend(v, c->cost))
    return -2;
  enum pcln_status status = PCLN_OK;
  run.value = rec.parent < -1 ? INT32_MAX : rec.parent;
  if (rec.by_pc)
    status = pcln_run_at(v->t, f, c->stream, f->entry + rec.parent_pc, &run);
  if (status == PCLN_CORRUPT || run.value >= (int64_t)idx) {
    pcln_fault(v, "inline-parent", f, "funcdata", 0,
               "an inlined call is not behind the call that encloses it");
    return -2;
  }
  return run.value;
}

// The number of calls from record `idx` to the function itself; 0: a fault.
static unsigned chain_depth(struct pcln_verifier *v, struct inline_check *c,
                            uint32_t idx) {
  enum { KNOWN = sizeof c->depth };
  unsigned n = 0;
  for (int32_t i = (int32_t)idx; i >= 0; n++) {
    if (i < KNOWN && (uint32_t)i < idx)
      return n + c->depth[i];
    i = enclosing(v, c, (uint32_t)i);
    if (i == -2)
      return 0;
    if (n >= PCLN_MAX_INLINE_DEPTH)
      return n;
  }
  return n;
}

// `inl` is what the inline stream holds, `lines` where the line stream ends.
static void check_inline_tree(struct pcln_verifier *v,
                              const struct pcln_func *f, uint32_t stream,
                              const struct seen *inl, uint32_t lines) {
  const uint64_t size = f->end - f->entry;
  struct inline_check c = {.f = f,
                           .stream = stream,
                           .cost = inl->len,
                           .limit = lines > size ? lines : size};
  for (uint32_t i = 0; (int64_t)i <= inl->max; i++) {
    v->seen.inlined_calls++;
    const unsigned depth = chain_depth(v, &c, i);
    if (depth == 0)
      return; // one fault for each tree: the rest rests on it
    // The function itself is a frame too.
    if (depth >= PCLN_MAX_INLINE_DEPTH) {
      pcln_fault(v, "inline-depth", f, "funcdata", 0,
                 "inlined calls are nested too deeply");
      return;
    }
    if (i < sizeof c.depth)
      c.depth[i] = (uint8_t)depth;
  }
}

// --- Checkpoints ------------------------------------------------------------

static bool is_stream_of(const struct pcln_table *t, const struct pcln_func *f,
                         uint32_t stream) {
  if (stream == 0)
    return false;
  if (stream == f->pcsp || stream == f->pcfile || stream == f->pcln)
    return true;
  for (uint32_t i = 0; i < f->n_pcdata; i++)
    if (pcln_pcdata_stream(t, f, i) == stream)
      return true;
  return false;
}

// Holds `count` entries against the plain decoder, both in ascending order.
static const char *entries_fault(struct pcln_verifier *v, uint32_t stream,
                                 const uint8_t *e, uint32_t count) {
  const struct pcln_table *t = v->t;
  struct walk w = walk_from(t, stream);
  uint64_t last = 0;
  for (uint32_t i = 0; i < count; i++, e += PCLN_CHECKPOINT_ENTRY) {
    const uint32_t off = pcln_load32(e + 4, t->swap);
    if (off <= last)
      return "checkpoint-order";
    last = off;
    do
      if (!walk_next(&w))
        return "checkpoint-state";
    while (w.p.off < off);
    if (w.p.off != off || w.p.lo != pcln_load32(e, t->swap) ||
        w.p.before != (int32_t)pcln_load32(e + 8, t->swap))
      return "checkpoint-state";
  }
  (void)pcln_verify_spend(v, pcln_tell(&w.c));
  return NULL;
}

static void check_checkpoints(struct pcln_verifier *v,
                              const struct pcln_func *f) {
  const struct pcln_table *t = v->t;
  struct pcln_span s;
  if (pcln_funcdata(t, f, PCLN_FUNCDATA_CHECKPOINTS, &s) != PCLN_OK)
    return;
  struct pcln_cursor c = pcln_cursor_at(s.ptr, s.len, t->swap);
  const uint32_t n = pcln_u32(&c);
  const uint8_t *rows = pcln_take(&c, (uint64_t)n * PCLN_CHECKPOINT_STREAM);
  const uint64_t base = (uint64_t)(s.ptr - t->funcdata.ptr);
  const size_t room = pcln_left(&c) / PCLN_CHECKPOINT_ENTRY;
  const char *fault = rows ? NULL : "checkpoint-bounds";
  for (uint32_t i = 0; i < n && !fault; i++) {
    if (!pcln_verify_spend(v, f->n_pcdata + 1))
      return;
    const uint8_t *row = rows + (size_t)i * PCLN_CHECKPOINT_STREAM;
    const uint32_t stream = pcln_load32(row, t->swap);
    const uint32_t first = pcln_load32(row + 4, t->swap);
    const uint32_t count = pcln_load32(row + 8, t->swap);
    if (first > room || count > room - first)
      fault = "checkpoint-bounds";
    else if (!is_stream_of(t, f, stream) || stream >= t->pctab.len)
      fault = "checkpoint-stream";
    else
      fault = entries_fault(
          v, stream, c.pos + (size_t)first * PCLN_CHECKPOINT_ENTRY, count);
  }
  if (fault)
    pcln_fault(v, fault, f, "funcdata", base,
               "the function's checkpoints are not those of its streams");
}

// --- The function -----------------------------------------------------------

// All streams of a function end at the same pc, the end of its code; but those
// of positions may go on together, for virtual pcs. In our tables that is where
// the function ends, in Go's padding may follow. `end`: where the streams seen
// so far do, in bytes from the entry; 0: not known yet.
static void check_end(struct pcln_verifier *v, const struct pcln_func *f,
                      uint32_t stream, const struct seen *seen, uint32_t *end) {
  if (!seen->end || seen->empty_runs)
    return;
  if (v->t->ours && seen->end < f->end - f->entry)
    pcln_fault(v, "pcvalue-short", f, "pctab", stream,
               "a stream ends before its function does");
  else if (*end && *end != seen->end)
    pcln_fault(v, "pcvalue-length", f, "pctab", stream,
               "a stream does not end where the function's others do");
  else
    *end = seen->end;
}

// In front of compact maps it may end earlier: no row holds from there on.
static void check_end_of_rows(struct pcln_verifier *v,
                              const struct pcln_func *f, uint32_t stream,
                              const struct seen *seen, uint32_t size) {
  if (seen->end > size)
    pcln_fault(v, "pcvalue-length", f, "pctab", stream,
               "a stream does not end where the function's others do");
}

// Files count from 1 in tables before go1.16, and slot 0 of cutab is the count.
static struct range file_range(const struct pcln_table *t,
                               const struct pcln_func *f) {
  const int64_t n = (int64_t)(t->cutab.len / 4);
  const int64_t first = t->layout == PCLN_GO_12 ? 0 : f->cu_offset;
  return (struct range){"file-number",
                        "a file number is not in the unit's list", -1,
                        n > first ? n - first : 0};
}

static struct range pcdata_range(const struct pcln_table *t, uint32_t index) {
  // Of another compiler's streams nothing is known: every value is in range.
  struct range r = {.lo = INT32_MIN, .hi = (int64_t)INT32_MAX + 1};
  if (t->ours && index == PCLN_PCDATA_UNWIND)
    r = (struct range){"rule-number", "an unwind rule's number is too large",
                       -1, (int64_t)(t->rules.len / PCLN_RULE_SIZE)};
  else if (t->ours && index == PCLN_PCDATA_STACKMAP)
    r = (struct range){"stackmap-index",
                       "a number of a pointer map is below -2",
                       PCLN_STACKMAP_NO_SAFEPOINT, r.hi};
  else if (t->ours && index == PCLN_PCDATA_LOCALS_SP)
    r = (struct range){"stackmap-sp",
                       "the locals' map begins below the stack pointer", -1,
                       r.hi};
  else if (index == pcln_pcdata_inltree(t))
    r = (struct range){"inline-number", "an inlined call's number is negative",
                       -1, r.hi};
  return r;
}

static void check_funcdata(struct pcln_verifier *v, const struct pcln_func *f) {
  struct pcln_span s;
  for (uint32_t i = 0; i < f->n_funcdata; i++)
    if (pcln_funcdata(v->t, f, i, &s) == PCLN_CORRUPT)
      pcln_fault(v, "funcdata-offset", f, "functab", f->rec_off,
                 "a FUNCDATA of the function lies outside of the area");
}

void pcln_verify_func(struct pcln_verifier *v, const struct pcln_func *f) {
  const struct pcln_table *t = v->t;
  v->seen.functions++;
  // Go's assembler code may raise SP above its entry value.
  const struct range depths = {"pcsp-range", "a stack depth is negative",
                               t->ours ? -1 : INT32_MIN,
                               (int64_t)INT32_MAX + 1};
  const struct range lines = {"line-range", "a line number is negative",
                              t->ours ? -1 : INT32_MIN, (int64_t)INT32_MAX + 1};
  const struct range files = file_range(t, f);
  const struct seen pcsp = check_stream(v, f, f->pcsp, &depths);
  const struct seen pcfile = check_stream(v, f, f->pcfile, &files);
  const struct seen pcln = check_stream(v, f, f->pcln, &lines);
  const uint32_t q = t->quantum;
  const uint32_t size = (uint32_t)((f->end - f->entry + q - 1) / q * q);
  uint32_t code = t->ours ? size : 0, position = 0;
  check_end(v, f, f->pcsp, &pcsp, &code);
  check_end(v, f, f->pcfile, &pcfile, &position);
  check_end(v, f, f->pcln, &pcln, &position);
  const uint32_t maps = pcln_pcdata_index(t, PCLN_PD_STACKMAP);
  struct seen inl = {.max = -1};
  uint32_t inl_stream = 0;
  int32_t max_row = -1;
  for (uint32_t i = 0; i < f->n_pcdata && !pcln_verify_enough(v); i++) {
    const struct range range = pcdata_range(t, i);
    const uint32_t stream = pcln_pcdata_stream(t, f, i);
    const struct seen seen = check_stream(v, f, stream, &range);
    if (i == maps && t->flags & PCLN_MODF_COMPACT_MAPS)
      check_end_of_rows(v, f, stream, &seen, size);
    else
      check_end(v, f, stream, &seen,
                i == pcln_pcdata_inltree(t) ? &position : &code);
    if (i == maps)
      max_row = seen.max;
    if (i == pcln_pcdata_inltree(t)) {
      inl = seen;
      inl_stream = stream;
    }
  }
  if (code > size)
    pcln_fault(v, "pcvalue-length", f, "pctab", f->pcsp,
               "the streams go on behind their function");
  check_funcdata(v, f);
  pcln_verify_funcdata(v, f, max_row);
  if (t->ours)
    check_checkpoints(v, f);
  // A bare table without its funcdata has no tree to check.
  if (inl.max >= 0 && (t->ours || t->funcdata.ptr))
    check_inline_tree(v, f, inl_stream, &inl, pcln.end);
}
