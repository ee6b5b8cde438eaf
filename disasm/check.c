// SPDX-License-Identifier: Apache-2.0
//
// A table held against the machine code that it describes.
//
// pcln_verify() proves that a table can be read; it cannot know whether what is
// read there is true. This can, for what code itself shows: where instructions
// begin and what they do to the frame. Function by function: its bytes become
// steps (check_code.c), the rules of its rows are laid beside them (here), the
// frame is followed through them (check_flow.c), then rows, calls and maps are
// looked at (check_rows.c, check_calls.c). Nothing is kept from one function to
// the next but a note on each callee that was asked whether it returns.
//
// The aim is that a finding is a fault. So wherever code can do what this
// cannot follow, it says nothing, and counts that under an excuse; the counts
// are part of the result, because "no findings" is worth what was proven.
#include "check_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// --- Reports ----------------------------------------------------------------

// Where in pctab the pair begins that says what `stream` says at `off`. Of very
// many findings only the first are placed so well.
enum { MAX_PLACED = 1000 };
static uint64_t pair_at(const struct pcdis_checker *c, uint32_t stream,
                        uint32_t off) {
  const struct pcln_table *t = c->t;
  struct pcln_run_iter it;
  struct pcln_run run;
  if (c->stats->findings > MAX_PLACED)
    return stream;
  pcln_runs_begin(t, stream, &it);
  const uint8_t *pair = it.pos;
  while (pcln_runs_next(&it, &run) && run.hi <= off)
    pair = it.pos;
  return pair ? (uint64_t)(pair - t->pctab.ptr) : stream;
}

static void say(struct pcdis_checker *c, struct pcln_report r,
                const char *format, va_list args) {
  char text[200];
  vsnprintf(text, sizeof text, format, args);
  c->stats->findings++;
  r.severity = PCLN_ERROR;
  r.func = c->func.name;
  r.text = text;
  pcln_say(c->sink, &r);
}

void pcdis_say_row(struct pcdis_checker *c, const char *fault, uint32_t off,
                   uint32_t stream, const char *format, ...) {
  const struct pcln_report r = {.fault = fault,
                                .func_off = off,
                                .region = "pctab",
                                .region_off = pair_at(c, stream, off)};
  va_list args;
  va_start(args, format);
  say(c, r, format, args);
  va_end(args);
}

void pcdis_say_record(struct pcdis_checker *c, const char *fault, uint32_t off,
                      const char *format, ...) {
  const struct pcln_report r = {.fault = fault,
                                .func_off = off,
                                .region = "functab",
                                .region_off = c->func.rec_off};
  va_list args;
  va_start(args, format);
  say(c, r, format, args);
  va_end(args);
}

void pcdis_say_map(struct pcdis_checker *c, const char *fault, uint32_t off,
                   const uint8_t *at, const char *format, ...) {
  struct pcln_report r = {.fault = fault, .func_off = off};
  if (pcln_has_compact_maps(c->t)) {
    r.region = "pctab";
    r.region_off = (uint64_t)(at - c->t->pctab.ptr);
  } else {
    r.region = "funcdata";
    r.region_off = (uint64_t)(at - c->t->funcdata.ptr);
  }
  va_list args;
  va_start(args, format);
  say(c, r, format, args);
  va_end(args);
}

// --- The frame's faults -----------------------------------------------------

enum { PLACE_MAX = 48 };

static const char *distance(char out[PLACE_MAX], const char *base,
                            int64_t off) {
  snprintf(out, PLACE_MAX, "%s%+lld", base, (long long)off);
  return out;
}

static void say_cfa(struct pcdis_checker *c, const struct pcdis_step *s,
                    const struct pcln_rule *rule, const struct pcdis_frame *f) {
  char said[PLACE_MAX], made[PLACE_MAX];
  const bool by_fp = rule->cfa == PCLN_CFA_FP;
  const char *base = by_fp ? "FP" : "SP";
  const struct pcdis_value v = by_fp ? f->fp : f->sp;
  distance(said, base, rule->cfa_off);
  if (v.held == PCDIS_FRAME)
    distance(made, base, -(int64_t)v.off);
  else
    snprintf(made, sizeof made, "elsewhere, FP being the caller's");
  const bool depth = rule->cfa == PCLN_CFA_SP_DELTA;
  pcdis_say_row(c, depth ? "code-depth" : "code-cfa", s->off,
                depth ? c->func.pcsp : c->unwind,
                "the table has the frame's end at %s, the code at %s", said,
                made);
}

static const char *place_name(char out[PLACE_MAX], uint8_t kind, int32_t off) {
  switch (kind) {
  case PCLN_SAVE_SAME:
    return "in its register";
  case PCLN_SAVE_CFA:
    return distance(out, "at CFA", off);
  case PCLN_SAVE_SP:
    return distance(out, "at SP", off);
  case PCLN_SAVE_FP:
    return distance(out, "at FP", off);
  }
  return "nowhere";
}

static void say_saved(struct pcdis_checker *c, const struct pcdis_step *s,
                      const char *fault, const char *what, uint8_t kind,
                      int32_t off, struct pcdis_value reg,
                      struct pcdis_value slot) {
  char said[PLACE_MAX], made[PLACE_MAX];
  const char *real = "elsewhere";
  if (slot.held == PCDIS_FRAME)
    real = distance(made, "at CFA", slot.off);
  else if (reg.held == PCDIS_CALLERS)
    real = "in its register";
  pcdis_say_row(c, fault, s->off, c->unwind ? c->unwind : c->func.pcsp,
                "the table has %s %s, the code %s", what,
                place_name(said, kind, off), real);
}

// Whether only call frame information told of the function, so that it has the
// name of its place. It begins and ends where that says something, not where
// the code does.
static bool is_unnamed(const struct pcln_func *f) {
  return strstr(f->name, PCLN_UNNAMED);
}

// Zeros, with which a linker (mold) fills what lies between sections, end up in
// the function before them if its symbol has no size.
static bool is_fill(const struct pcdis_checker *c, uint32_t off) {
  const struct pcln_span code = c->code->at(c->code->ctx, c->func.entry + off);
  return code.len > 0 && code.ptr[0] == 0;
}

static void say_data(struct pcdis_checker *c, const struct pcdis_step *s) {
  struct pcln_func next;
  if (c->body.cut && s == &c->body.steps[c->body.n - 1] && is_fill(c, s->off))
    return;
  if (!c->body.cut || s != &c->body.steps[c->body.n - 1])
    pcdis_say_record(c, "code-bytes", s->off,
                     "the code runs into bytes that are no instruction");
  else if (pcln_func_at(c->t, c->func.idx + 1, &next) == PCLN_OK && !next.hole)
    c->torn = c->func.end;
  else if (!is_unnamed(&c->func))
    pcdis_say_record(c, "code-end", s->off,
                     "the function ends inside an instruction");
}

// What follows the function and is no function, is it code? Padding is what a
// path that cannot be taken runs into, such as one behind a call that does not
// return; code there belongs to somebody.
static void say_end(struct pcdis_checker *c, const struct pcdis_step *s) {
  struct pcln_func next;
  struct pcdis_insn insn;
  c->falls_into = c->func.end;
  if (is_unnamed(&c->func))
    return;

  if (pcln_func_at(c->t, c->func.idx + 1, &next) != PCLN_OK || !next.hole)
    return;
  const struct pcln_span code = c->code->at(c->code->ctx, next.entry);
  if (!code.ptr ||
      pcdis_decode(c->decoder, code.ptr, code.len, next.entry, false, &insn) !=
          PCLN_OK ||
      insn.padding)
    return;
  pcdis_say_record(c, "code-end", s->off,
                   "the code goes on behind the function's last byte, where "
                   "the table has no function");
}

static void say_fault(void *ctx, enum pcdis_fault fault, uint32_t i,
                      const struct pcdis_frame *f) {
  struct pcdis_checker *c = ctx;
  const struct pcdis_step *s = &c->body.steps[i];
  const struct pcln_rule *rule = &c->body.claims[i].rule;
  switch (fault) {
  case PCDIS_FAULT_CFA:
    say_cfa(c, s, rule, f);
    break;
  case PCDIS_FAULT_FP:
    say_saved(c, s, "code-fp", "the caller's frame pointer", rule->fp,
              rule->fp_off, f->fp, f->fp_slot);
    break;
  case PCDIS_FAULT_RA:
    say_saved(c, s, "code-ra", "the return address", rule->ra, rule->ra_off,
              f->ra, f->ra_slot);
    break;
  case PCDIS_FAULT_RETURN:
    pcdis_say_row(c, "code-return", s->off,
                  c->unwind ? c->unwind : c->func.pcsp,
                  "the function returns, but by the table %lld bytes of its "
                  "frame are still there",
                  (long long)(-(int64_t)f->sp.off - pcln_pushed_ra(c->t)));
    break;
  case PCDIS_FAULT_DATA:
    say_data(c, s);
    break;
  case PCDIS_FAULT_END:
    say_end(c, s);
    break;
  }
}

// --- Whether a callee returns -----------------------------------------------

enum { RETURNS_UNKNOWN, RETURNS, RETURNS_NOT_SEEN };

// Whether the function at `va` has a return, or jumps to one that has. What
// only ends in calls, loops or jumps to unknown places is not seen to return.
static bool seen_to_return(struct pcdis_checker *c, uint64_t va,
                           unsigned depth) {
  struct pcln_func f;
  struct pcdis_insn insn;
  if (depth == 0 || pcln_find_func(c->t, va, &f) != PCLN_OK || f.hole)
    return false;
  uint8_t *note = &c->returns[f.idx];
  if (*note != RETURNS_UNKNOWN)
    return *note == RETURNS;
  *note = RETURNS_NOT_SEEN;
  const struct pcln_span code = c->code->at(c->code->ctx, f.entry);
  const uint64_t size = f.end - f.entry < code.len ? f.end - f.entry : code.len;
  for (uint64_t off = 0; off < size; off += insn.len) {
    if (pcdis_decode(c->decoder, code.ptr + off, size - off, f.entry + off,
                     false, &insn) != PCLN_OK)
      break;
    const bool tail = insn.flow == PCDIS_JUMP && !insn.indirect &&
                      insn.target - f.entry >= f.end - f.entry;
    if (insn.flow == PCDIS_RETURN ||
        (tail && seen_to_return(c, insn.target, depth - 1))) {
      *note = RETURNS;
      return true;
    }
  }
  return false;
}

static bool call_returns(void *ctx, uint32_t i) {
  enum { MAX_DEPTH = 4 };
  struct pcdis_checker *c = ctx;
  const struct pcdis_step *s = &c->body.steps[i];
  return !s->indirect && seen_to_return(c, s->target, MAX_DEPTH);
}

// --- One function -----------------------------------------------------------

// Lays the rules beside the steps.
static enum pcln_status set_claims(struct pcdis_checker *c) {
  struct pcdis_values pcsp, unwind;
  struct pcln_rule rule = {.cfa = PCLN_CFA_NONE};
  uint32_t depth_row = 0, idx_row = 0;
  pcdis_values_begin(&pcsp, c->t, c->func.pcsp);
  pcdis_values_begin(&unwind, c->t, c->unwind);
  for (uint32_t i = 0; i < c->body.n; i++) {
    bool deeper = i == 0, other = i == 0;
    const int32_t depth = pcdis_values_at(&pcsp, c->body.steps[i].off, &deeper);
    const int32_t idx = pcdis_values_at(&unwind, c->body.steps[i].off, &other);
    depth_row = deeper ? i : depth_row;
    idx_row = other ? i : idx_row;
    if (deeper || other) {
      if (pcln_rule_base(c->t, idx, &rule) != PCLN_OK)
        return PCLN_CORRUPT;
      if (rule.cfa == PCLN_CFA_SP_DELTA)
        pcln_rule_depth(c->t, depth, &rule);
    }
    c->body.claims[i] = (struct pcdis_claim){
        .rule = rule,
        .cfa_row = rule.cfa == PCLN_CFA_SP_DELTA ? depth_row : idx_row,
        .saved_row = idx_row};
  }
  return PCLN_OK;
}

// Whether the function may be entered with a frame. Compilers move what is
// seldom run out of a function, and name it after it; without a symbol it is
// named after its place. The first entry of a procedure linkage table is
// entered from the others. And one that begins in the middle of another's code,
// at an inner symbol, is entered from there.
static bool is_part(const struct pcdis_checker *c) {
  const char *name = c->func.name;
  return strstr(name, ".cold") || strstr(name, "@plt") ||
         is_unnamed(&c->func) || c->falls_into == c->func.entry;
}

static bool is_assembly(const struct pcdis_checker *c) {
  struct pcln_run run;
  if (c->t->ours || c->t->layout >= PCLN_GO_118)
    return c->func.flags & PCLN_FLAG_ASM;
  if (pcln_stream_find(c->t, &c->func, c->func.pcfile, c->func.entry, &run) !=
      PCLN_OK)
    return false;
  const char *file = pcln_file_name(c->t, &c->func, run.value);
  const size_t len = file ? strlen(file) : 0;
  return len > 2 && strcmp(file + len - 2, ".s") == 0;
}

// Whether the function may move SP behind the table's back, as Go's assembler
// lets functions do that change stacks. Their records say so since go1.17.
static bool moves_stack(const struct pcdis_checker *c) {
  if (c->t->ours)
    return false;
  return c->func.flags & PCLN_FLAG_SPWRITE ||
         (c->t->layout < PCLN_GO_118 && c->assembly);
}

static bool is_signal_frame(const struct pcdis_checker *c) {
  for (size_t i = 0; i < c->body.n; i++)
    if (c->body.claims[i].rule.reg & PCLN_RULE_SIGNAL)
      return true;
  return false;
}

static enum pcln_status follow_frame(struct pcdis_checker *c) {
  const struct pcdis_walk_input in = {.steps = c->body.steps,
                                      .claims = c->body.claims,
                                      .n = (uint32_t)c->body.n,
                                      .ra_size = pcln_pushed_ra(c->t),
                                      .cfa_only = !c->t->ours,
                                      .moves_stack = moves_stack(c),
                                      .part = is_part(c),
                                      .returns = call_returns,
                                      .fault = say_fault,
                                      .ctx = c};
  if (is_signal_frame(c)) {
    c->stats->funcs_none++;
    c->stats->excused[PCDIS_EXCUSE_SIGNAL]++;
    return PCLN_OK;
  }
  return pcdis_follow(&c->walk, &in, c->stats);
}

static enum pcln_status check_func(struct pcdis_checker *c) {
  const struct pcln_func *f = &c->func;
  const struct pcln_span code = c->code->at(c->code->ctx, f->entry);
  if (!code.ptr || code.len < f->end - f->entry ||
      f->end - f->entry > UINT32_MAX) {
    pcdis_say_record(c, "code-missing", 0,
                     "the file has no bytes for the function");
    return PCLN_OK;
  }
  const uint32_t size = (uint32_t)(f->end - f->entry);
  if (size < c->t->quantum) // a mark, such as go:textfipsend
    return PCLN_OK;
  c->stats->funcs++;
  if (c->torn == f->entry && !is_unnamed(f)) {
    // Whatever else is wrong with it is so because of that.
    pcdis_say_record(c, "code-start", 0,
                     "the function begins inside an instruction of what is "
                     "before it");
    c->stats->funcs_none++;
    return PCLN_OK;
  }
  c->unwind = c->t->ours ? pcln_pcdata_stream(c->t, f, PCLN_PCDATA_UNWIND) : 0;
  c->assembly = is_assembly(c);
  c->body.quantum = c->t->quantum;
  enum pcln_status status =
      pcdis_read_body(c->decoder, &c->body, code, size, f->entry);
  if (status == PCLN_OK)
    status = set_claims(c);
  if (status == PCLN_OK)
    status = follow_frame(c);
  if (status != PCLN_OK)
    return status;
  pcdis_check_rows(c);
  pcdis_check_calls(c);
  return PCLN_OK;
}

// --- Between functions ------------------------------------------------------

// A hole is padding, up to the next function. Where the last of it runs into
// the function, that begins too late. Other holes are code that nobody
// described, or what lies between sections: nothing can be said of those.
static void check_hole(struct pcdis_checker *c) {
  const struct pcln_func *f = &c->func;
  const struct pcln_span code = c->code->at(c->code->ctx, f->entry);
  const uint64_t size = f->end - f->entry;
  struct pcdis_insn insn = {.padding = true};
  for (uint64_t off = 0; off < size && off < code.len; off += insn.len) {
    if (!insn.padding ||
        pcdis_decode(c->decoder, code.ptr + off, code.len - off, f->entry + off,
                     false, &insn) != PCLN_OK)
      return;
    if (off > 0 && off + insn.len > size && code.ptr[off])
      c->torn = f->end;
  }
}

// --- The whole --------------------------------------------------------------

static enum pcln_status check_all(struct pcdis_checker *c) {
  enum pcln_status status = PCLN_OK;
  for (uint32_t i = 0; i < c->t->n_funcs && status == PCLN_OK; i++) {
    status = pcln_func_at(c->t, i, &c->func);
    // Each byte is looked at once, whatever the table says.
    if (status != PCLN_OK || c->func.entry < c->checked)
      continue;
    c->checked = c->func.end;
    if (c->func.hole)
      check_hole(c);
    else
      status = check_func(c);
  }
  if (status == PCLN_OK && c->stats->findings)
    status = PCLN_CORRUPT;
  return status;
}

static void say_machine(const struct pcln_sink *sink) {
  const struct pcln_report r = {
      .severity = PCLN_NOTE,
      .fault = "code-machine",
      .text = "code of this machine cannot be decoded, so the table was not "
              "held against it"};
  pcln_say(sink, &r);
}

enum pcln_status pcdis_check(const struct pcln_table *t,
                             const struct pcdis_code *code,
                             struct pcdis_check_stats *stats,
                             const struct pcln_sink *sink) {
  struct pcdis_check_stats own;
  struct pcdis_checker c = {
      .t = t, .code = code, .stats = stats ? stats : &own, .sink = sink};
  memset(c.stats, 0, sizeof *c.stats);
  enum pcln_status status =
      pcdis_open(code->machine, code->big_endian, &c.decoder);
  if (status == PCLN_UNSUPPORTED)
    say_machine(sink);
  if (status != PCLN_OK)
    return status;
  c.returns = calloc(t->n_funcs ? t->n_funcs : 1, 1);
  status = c.returns ? check_all(&c) : PCLN_NO_MEMORY;
  free(c.returns);
  pcdis_body_free(&c.body);
  pcdis_walk_free(&c.walk);
  pcdis_close(c.decoder);
  return status;
}

#define EXCUSE_WORD(name, word, text) word,
#define EXCUSE_TEXT(name, word, text) text,
const char *pcdis_excuse_word(enum pcdis_excuse e) {
  static const char *const words[] = {PCDIS_EXCUSE_LIST(EXCUSE_WORD)};
  return words[e];
}
const char *pcdis_excuse_text(enum pcdis_excuse e) {
  static const char *const texts[] = {PCDIS_EXCUSE_LIST(EXCUSE_TEXT)};
  return texts[e];
}
