// SPDX-License-Identifier: Apache-2.0
//
// Calls and what the table ties to them: pointer maps, deferred calls, inlined
// calls.
//
// A collector can only run while a function waits for a call to return, so each
// call in a function with pointer maps needs a row of them at its return
// address minus one, and a row that no call has is of no use. Which calls need
// none:
//
//   - those at which PCDATA_UnsafePoint (in go1.13 and 1.14 the stream that it
//     grew out of) says that nothing may stop the program;
//   - in Go's tables, all of assembly, and where there is one row alone: the
//     runtime takes row 0 where the stream says nothing
//     (stkframe.getStackMap), which assembler and compiler count on;
//   - in Go's tables before those said so by UnsafePoint, calls that the
//     compiler makes behind the language's back: of write barriers, of what
//     copies and clears memory, of what grows the stack in the prologue; in
//     some releases also of panics, which do not come back, and the one of
//     deferreturn that a recovered panic goes on at.
//
// In this project's tables only the first counts, and the number -2, which may
// be left out at a stream's end: no collection starts there; -1 says that
// nothing is known. There a row in force
// where no call is, is a finding as well; in Go's the entry's row may be one.
#include "check_run.h"

#include "stackmap.h"

#include <string.h>

struct maps {
  struct pcln_ptrmap args, locals;
  bool has_args, has_locals;
  bool laid_out;     // varp_off is known
  int32_t varp_off;  // CFA to the end of the locals
  bool size_checked; // of the locals, at a call
};

// --- Streams by what they mean ----------------------------------------------

static uint32_t stream_of(const struct pcdis_checker *c,
                          enum pcln_pcdata_kind kind) {
  const uint32_t index = pcln_pcdata_index(c->t, kind);
  return index == PCLN_NO_INDEX ? 0 : pcln_pcdata_stream(c->t, &c->func, index);
}

// The stream that says -2 where nothing may stop the program.
static uint32_t unsafe_stream(const struct pcdis_checker *c) {
  const bool own =
      pcln_pcdata_index(c->t, PCLN_PD_UNSAFE_POINT) != PCLN_NO_INDEX;
  return stream_of(c, own ? PCLN_PD_UNSAFE_POINT : PCLN_PD_REGMAP);
}

// --- One call ---------------------------------------------------------------

// Whether the callee is of those that Go's compiler calls without a row.
static bool never_collects(const struct pcdis_checker *c,
                           const struct pcdis_step *call) {
  static const char *const names[] = {
      "runtime.deferreturn",    "runtime.duffcopy",     "runtime.duffzero",
      "runtime.gcWriteBarrier", "runtime.morestack",    "runtime.panic",
      "runtime.typedmemclr",    "runtime.typedmemmove", "runtime.wbMove",
      "runtime.wbZero"};
  struct pcln_func f;
  if (call->indirect || pcln_find_func(c->t, call->target, &f) != PCLN_OK)
    return false;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strncmp(f.name, names[i], strlen(names[i])) == 0)
      return true;
  return false;
}

static bool has_one_row(const struct maps *m) {
  return (!m->has_args || m->args.n_rows == 1) &&
         (!m->has_locals || m->locals.n_rows == 1);
}

static bool needs_row(const struct pcdis_checker *c, const struct maps *m,
                      const struct pcdis_step *call, int32_t index,
                      int32_t unsafe) {
  if (unsafe <= -2 || (c->t->ours && index == PCLN_STACKMAP_NO_SAFEPOINT))
    return false;
  if (c->t->ours || index >= 0)
    return true;
  return !has_one_row(m) && !c->assembly && !never_collects(c, call);
}

// Words from the first one of row `index` that says something up to the locals'
// end. A row of ours has the words of the function's largest frame, and says of
// those that the frame does not have at this call that they are scalars.
static int64_t words_used(const struct pcdis_checker *c, const struct maps *m,
                          int32_t index) {
  struct pcln_map_row row;
  struct pcln_word w;
  uint32_t next = 0;
  if (!c->t->ours || c->t->stackmap_bits != 2 ||
      pcln_ptrmap_row(&m->locals, (uint32_t)index, &row) != PCLN_OK)
    return m->locals.n_words;
  while (pcln_words_next(&row, &next, &w))
    if (w.kind != PCLN_WORD_SCALAR)
      return row.n_words - w.index;
  return 0;
}

// The locals lie between SP at the call and their end.
static void check_size(struct pcdis_checker *c, struct maps *m,
                       const struct pcdis_step *call, int32_t index) {
  const struct pcdis_claim *claim = &c->body.claims[call - c->body.steps];
  const uint8_t cfa = claim->rule.cfa;
  if (m->size_checked || !m->has_locals ||
      (cfa != PCLN_CFA_SP_DELTA && cfa != PCLN_CFA_SP))
    return;
  if (!m->laid_out) {
    int32_t argp_off;
    m->laid_out = pcln_frame_layout(c->t, &c->func, c->func.entry + call->off,
                                    &m->varp_off, &argp_off);
    m->size_checked = !m->laid_out;
  }
  const int64_t len = words_used(c, m, index) * c->t->ptr_size;
  const int64_t room = (int64_t)claim->rule.cfa_off + m->varp_off;
  if (!m->laid_out || len == 0 || len <= room)
    return;
  m->size_checked = true;
  pcdis_say_map(c, "code-map-size", call->off, m->locals.rows.ptr,
                "the map of the locals has %lld bytes, but the frame has "
                "%lld for them at this call",
                (long long)len, (long long)room);
}

static void check_call(struct pcdis_checker *c, struct maps *m,
                       const struct pcdis_step *call, int32_t index,
                       int32_t unsafe) {
  c->stats->calls++;
  if (!needs_row(c, m, call, index, unsafe)) {
    c->stats->excused[PCDIS_EXCUSE_LEAF_CALL]++;
    return;
  }
  if (index < 0) {
    const uint32_t stream = stream_of(c, PCLN_PD_STACKMAP);
    pcdis_say_row(c, "code-call-map", call->off, stream,
                  "the call has no row in the function's pointer maps");
    return;
  }
  if ((m->has_args && (uint32_t)index >= m->args.n_rows) ||
      (m->has_locals && (uint32_t)index >= m->locals.n_rows)) {
    pcdis_say_row(c, "code-map-row", call->off, stream_of(c, PCLN_PD_STACKMAP),
                  "the call has row %d, which the pointer maps do not have",
                  index);
    return;
  }
  c->stats->calls_mapped++;
  check_size(c, m, call, index);
}

// --- A function's calls -----------------------------------------------------

static void check_maps(struct pcdis_checker *c, struct maps *m) {
  struct pcdis_values index, unsafe;
  bool fresh;
  pcdis_values_begin(&index, c->t, stream_of(c, PCLN_PD_STACKMAP));
  pcdis_values_begin(&unsafe, c->t, unsafe_stream(c));
  for (size_t i = 0; i < c->body.n; i++) {
    const struct pcdis_step *s = &c->body.steps[i];
    if (s->flow != PCDIS_CALL || s->loose)
      continue;
    const uint32_t last = s->off + s->len - 1u;
    int32_t row = pcdis_values_at(&index, last, &fresh);
    if (!index.any)
      row = pcln_pcdata_behind(c->t, &c->func, PCLN_PCDATA_STACKMAP);
    check_call(c, m, s, row, pcdis_values_at(&unsafe, last, &fresh));
  }
}

// Each row of ours that is in force is so at a call.
static void check_safepoints(struct pcdis_checker *c) {
  const uint32_t stream = stream_of(c, PCLN_PD_STACKMAP);
  struct pcln_run_iter it;
  struct pcln_run run;
  size_t i = 0;
  if (!stream)
    return;
  pcln_runs_begin(c->t, stream, &it);
  while (pcln_runs_next(&it, &run) && run.lo < c->body.size) {
    bool called = false;
    for (; i < c->body.n; i++) {
      const struct pcdis_step *s = &c->body.steps[i];
      if (s->off + s->len > run.hi)
        break;
      called |= s->flow == PCDIS_CALL;
    }
    if (run.value >= 0 && !called)
      pcdis_say_row(c, "code-safepoint", run.lo, stream,
                    "row %d of the pointer maps is in force where no call is",
                    run.value);
  }
}

// Arguments are counted in bytes, maps in words. Before go1.18 the maps of
// assembly had twice the words.
static void check_args(struct pcdis_checker *c, const struct maps *m) {
  const int64_t word = c->t->ptr_size;
  const int64_t len = (int64_t)m->args.n_words * word;
  if (!m->has_args || c->func.args < 0 || c->assembly ||
      len <= (c->func.args + word - 1) / word * word)
    return;
  pcdis_say_map(c, "code-map-size", 0, m->args.rows.ptr,
                "the map of the arguments has %lld bytes, but there are "
                "%d of them",
                (long long)len, c->func.args);
}

// --- Deferred and inlined calls ---------------------------------------------

static void check_defer(struct pcdis_checker *c) {
  const uint32_t off = c->func.deferreturn;
  // In the field's place go1.2 to 1.11 have another one.
  if (off == 0 || pcln_go_range(c->t).lo < 12)
    return;
  const struct pcdis_step *s =
      off < c->body.size ? pcdis_step_at(&c->body, off) : NULL;
  // Until go1.13 it is where the relocation of the call is.
  const bool within = !c->t->ours && pcln_go_range(c->t).lo <= 13;
  if (!s || (s->off != off && !within) || s->flow != PCDIS_CALL)
    pcdis_say_record(c, "code-defer", off,
                     "a panic that was recovered goes on at a place that is no "
                     "call");
}

static void check_inlines(struct pcdis_checker *c) {
  const uint32_t index = pcln_pcdata_inltree(c->t);
  const uint32_t stream =
      index == UINT32_MAX ? 0 : pcln_pcdata_stream(c->t, &c->func, index);
  struct pcln_run_iter it;
  struct pcln_run run;
  struct pcln_inline call;
  if (!stream)
    return;
  pcln_runs_begin(c->t, stream, &it);
  while (pcln_runs_next(&it, &run)) {
    if (run.value < 0 ||
        pcln_inline_at(c->t, &c->func, (uint32_t)run.value, &call) != PCLN_OK ||
        call.parent_pc >= c->body.size)
      continue;
    const struct pcdis_step *s = pcdis_step_at(&c->body, call.parent_pc);
    if (s && s->off != call.parent_pc && !s->data && !s->loose) {
      pcdis_say_row(c, "code-inline", run.lo, stream,
                    "the call that is inlined here stands at +0x%x, inside an "
                    "instruction",
                    call.parent_pc);
      return;
    }
  }
}

void pcdis_check_calls(struct pcdis_checker *c) {
  struct maps m = {.laid_out = false};
  m.has_args = pcln_ptrmap(c->t, &c->func, PCLN_MAP_ARGS, &m.args) == PCLN_OK;
  m.has_locals =
      pcln_ptrmap(c->t, &c->func, PCLN_MAP_LOCALS, &m.locals) == PCLN_OK;
  if (m.has_args || m.has_locals) {
    check_maps(c, &m);
    check_args(c, &m);
    if (c->t->ours)
      check_safepoints(c);
  }
  check_defer(c);
  check_inlines(c);
}
