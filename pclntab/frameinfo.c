// SPDX-License-Identifier: Apache-2.0
//
// One pc to its logical frames and to its unwind rule.
//
// Inlined calls. The inline-tree stream names, for each pc, the innermost call
// that was inlined there. Its record names the callee and `parentPc`, a pc at
// which the line, file and inline streams describe the place of the call, and
// so the next frame outward. Nothing else is stored, so the walk is one loop.
// `parentPc` may lie behind the function's last byte (docs/format.md, virtual
// pcs), so streams are read there as well. Tables of go1.12 to 1.19 have other
// records with the same meaning; those before say the place itself, and the
// number of the call around it. A table that lies can make the walk circular;
// it ends after PCLN_MAX_INLINE_DEPTH frames.
//
// Unwind rules. Most pcs need none: the CFA is SP plus pcsp plus the pushed
// return address. PCDATA_Unwind, which only our tables have, gives the number
// of a rule where that is not so.
//
// Called from signal handlers: no allocation, no locks, no stdio.
#include "table.h"

// --- Inlined calls ----------------------------------------------------------

// Record `idx` of a compact inline tree (format.h).
static enum pcln_status compact_inline_at(const struct pcln_table *t,
                                          struct pcln_span tree, uint32_t idx,
                                          struct pcln_inline *out) {
  struct pcln_compact r;
  if (!pcln_compact_at(tree, idx, t->swap, &r) ||
      r.callee >= t->callees.len / PCLN_CALLEE_SIZE)
    return PCLN_CORRUPT;
  const uint8_t *c = t->callees.ptr + (size_t)r.callee * PCLN_CALLEE_SIZE;
  const uint32_t line = pcln_load32(c + 4, t->swap);
  *out = (struct pcln_inline){
      .name_off = pcln_load32(c, t->swap),
      .start_line = (int32_t)(line & ((1u << PCLN_CALLEE_LINE_BITS) - 1)),
      .func_id = (uint8_t)(line >> PCLN_CALLEE_LINE_BITS),
      .by_pc = true,
      .parent_pc = r.parent_pc};
  return PCLN_OK;
}

enum pcln_status pcln_inline_at(const struct pcln_table *t,
                                const struct pcln_func *f, uint32_t idx,
                                struct pcln_inline *out) {
  struct pcln_span tree;
  const enum pcln_status status =
      pcln_funcdata(t, f, pcln_funcdata_inltree(t), &tree);
  if (status != PCLN_OK)
    // A stream with inline numbers but no tree to look them up in.
    return status == PCLN_NOT_FOUND && t->funcdata.ptr ? PCLN_CORRUPT : status;
  if (t->callees.ptr)
    return compact_inline_at(t, tree, idx, out);
  const unsigned size = pcln_inline_size(t);
  if (idx >= tree.len / size)
    return PCLN_CORRUPT;
  const uint8_t *r = tree.ptr + (size_t)idx * size;
  if (pcln_has_old_records(t))
    *out = (struct pcln_inline){.parent = (int32_t)pcln_load32(r, t->swap),
                                .file = (int32_t)pcln_load32(r + 4, t->swap),
                                .line = (int32_t)pcln_load32(r + 8, t->swap),
                                .name_off = pcln_load32(r + 12, t->swap)};
  else if (t->layout >= PCLN_GO_120)
    *out = (struct pcln_inline){.by_pc = true,
                                .func_id = r[0],
                                .name_off = pcln_load32(r + 4, t->swap),
                                .parent_pc = pcln_load32(r + 8, t->swap),
                                .start_line =
                                    (int32_t)pcln_load32(r + 12, t->swap)};
  else
    *out = (struct pcln_inline){.by_pc = true,
                                .func_id = r[2],
                                .name_off = pcln_load32(r + 12, t->swap),
                                .parent_pc = pcln_load32(r + 16, t->swap)};
  return PCLN_OK;
}

// Reads file, line and inline index at it->pc. In a table that comes without
// its funcdata inlined calls cannot be named, and count as none.
static enum pcln_status look_up(struct pcln_frame_iter *it) {
  const struct pcln_table *t = it->table;
  const uint32_t streams[PCLN_N_VALUES] = {
      it->func.pcfile, it->func.pcln,
      t->funcdata.ptr ? pcln_pcdata_stream(t, &it->func, pcln_pcdata_inltree(t))
                      : 0};
  int32_t values[PCLN_N_VALUES];
  const enum pcln_status status =
      pcln_values_at(t, &it->func, streams, it->pc, values);
  it->file = values[0];
  it->line = values[1];
  it->inl = values[2];
  return status;
}

// Fetches what a lookup in the function will read first.
static void prefetch(const struct pcln_table *t, const struct pcln_func *f) {
  const uint32_t streams[] = {f->pcfile, f->pcln,
                              pcln_pcdata_stream(t, f, pcln_pcdata_inltree(t))};
  const uint32_t data[] = {pcln_funcdata_inltree(t), PCLN_FUNCDATA_CHECKPOINTS};
  for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
    if (streams[i] < t->pctab.len)
      __builtin_prefetch(t->pctab.ptr + streams[i]);
  for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
    struct pcln_span s;
    if (pcln_funcdata(t, f, data[i], &s) == PCLN_OK)
      __builtin_prefetch(s.ptr);
  }
}

enum pcln_status pcln_frames_begin(const struct pcln_table *t, uint64_t pc,
                                   struct pcln_frame_iter *it) {
  it->table = t;
  it->pc = pc;
  it->depth = 0;
  it->status = pcln_find_func(t, pc, &it->func);
  if (it->status == PCLN_OK && it->func.hole)
    it->status = PCLN_NOT_FOUND;
  if (it->status == PCLN_OK) {
    prefetch(t, &it->func);
    it->status = look_up(it);
  }
  it->done = it->status != PCLN_OK;
  return it->status;
}

// Reads the record of the inlined call `it->inl` into the frame and moves
// outward.
static enum pcln_status inlined_frame(struct pcln_frame_iter *it,
                                      struct pcln_frame *out) {
  struct pcln_inline rec;
  const enum pcln_status status =
      pcln_inline_at(it->table, &it->func, (uint32_t)it->inl, &rec);
  if (status != PCLN_OK)
    return status;
  out->func = pcln_name_at(it->table, rec.name_off);
  if (!out->func)
    return PCLN_CORRUPT;
  out->start_line = rec.start_line;
  out->func_id = rec.func_id;
  out->inlined = true;
  if (!rec.by_pc) {
    it->file = rec.file;
    it->line = rec.line;
    it->inl = rec.parent;
    return PCLN_OK;
  }
  it->pc = it->func.entry + rec.parent_pc;
  return look_up(it);
}

bool pcln_frames_next(struct pcln_frame_iter *it, struct pcln_frame *out) {
  if (it->done)
    return false;
  struct pcln_frame f = {.func = it->func.name,
                         .file = pcln_file_name(it->table, &it->func, it->file),
                         .line = it->line > 0 ? it->line : 0,
                         .start_line = it->func.start_line,
                         .func_id = it->func.func_id};
  if (it->inl < 0)
    it->done = true;
  else
    it->status = ++it->depth < PCLN_MAX_INLINE_DEPTH ? inlined_frame(it, &f)
                                                     : PCLN_CORRUPT;
  if (it->status != PCLN_OK) {
    it->done = true;
    return false;
  }
  *out = f;
  return true;
}

// --- Unwind rules -----------------------------------------------------------

enum pcln_status pcln_rule_get(const struct pcln_table *t, uint32_t idx,
                               struct pcln_rule *out) {
  if (idx >= t->rules.len / PCLN_RULE_SIZE)
    return PCLN_NOT_FOUND;
  const uint8_t *r = t->rules.ptr + (size_t)idx * PCLN_RULE_SIZE;
  _Static_assert(sizeof *out == PCLN_RULE_SIZE, "stored as in memory");
  if (!t->swap) { // one load and one store, which the next reader need not join
    memcpy(out, r, sizeof *out);
    return PCLN_OK;
  }
  *out = (struct pcln_rule){
      .cfa = r[0],
      .fp = r[1],
      .ra = r[2],
      .reg = r[3],
      .cfa_off = (int32_t)pcln_load32(r + 4, t->swap),
      .fp_off = (int32_t)pcln_load32(r + 8, t->swap),
      .ra_off = (int32_t)pcln_load32(r + 12, t->swap),
  };
  return PCLN_OK;
}

enum pcln_status pcln_rule_base(const struct pcln_table *t, int32_t unwind,
                                struct pcln_rule *out) {
  if (unwind != -1)
    return unwind < 0 || pcln_rule_get(t, (uint32_t)unwind, out) != PCLN_OK
               ? PCLN_CORRUPT
               : PCLN_OK;
  const int32_t ra = pcln_pushed_ra(t);
  *out = (struct pcln_rule){.cfa = PCLN_CFA_SP_DELTA,
                            .fp = PCLN_SAVE_SAME,
                            .ra = ra ? PCLN_SAVE_CFA : PCLN_SAVE_SAME,
                            .ra_off = -ra};
  return PCLN_OK;
}

void pcln_rule_depth(const struct pcln_table *t, int32_t pcsp,
                     struct pcln_rule *rule) {
  if (pcsp == -1)
    *rule = (struct pcln_rule){.cfa = PCLN_CFA_NONE};
  else
    rule->cfa_off = (int32_t)((uint32_t)pcsp + (uint32_t)pcln_pushed_ra(t));
}

static void narrow(struct pcln_run *r, const struct pcln_run *by) {
  r->lo = by->lo > r->lo ? by->lo : r->lo;
  r->hi = by->hi < r->hi ? by->hi : r->hi;
}

enum pcln_status pcln_rule_at(const struct pcln_table *t,
                              const struct pcln_func *f, uint64_t pc,
                              struct pcln_rule *out, struct pcln_run *range) {
  const uint64_t size = f->end - f->entry;
  if (pc < f->entry || pc >= f->end)
    return PCLN_NOT_FOUND;
  struct pcln_run run, part;
  struct pcln_rule rule;
  run = (struct pcln_run){.hi = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX,
                          .value = -1};
  const uint32_t unwind =
      t->ours ? pcln_pcdata_stream(t, f, PCLN_PCDATA_UNWIND) : 0;
  if (unwind) {
    if (pcln_run_at(t, f, unwind, pc, &part) == PCLN_CORRUPT)
      return PCLN_CORRUPT;
    narrow(&run, &part);
    run.value = part.value;
  }
  if (pcln_rule_base(t, run.value, &rule) != PCLN_OK)
    return PCLN_CORRUPT;
  if (rule.cfa == PCLN_CFA_SP_DELTA) {
    if (pcln_run_at(t, f, f->pcsp, pc, &part) == PCLN_CORRUPT)
      return PCLN_CORRUPT;
    narrow(&run, &part);
    pcln_rule_depth(t, part.value, &rule);
  }
  *out = rule;
  if (range)
    *range = run;
  return PCLN_OK;
}

enum pcln_status pcln_unwind_at(const struct pcln_table *t, uint64_t pc,
                                struct pcln_rule *out) {
  struct pcln_func f;
  const enum pcln_status status = pcln_find_frame(t, pc, &f);
  if (status != PCLN_OK)
    return status;
  return f.hole ? PCLN_NOT_FOUND : pcln_rule_at(t, &f, pc, out, NULL);
}
