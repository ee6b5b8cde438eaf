// SPDX-License-Identifier: Apache-2.0
//
// Roots of a stack: from frame to frame, and what each of them is.
//
// Most frames have maps, and roots_frame.c reads them. What takes thought are
// the others. A run of frames without maps between two that have some is the
// runtime (a function of ours was called and now collects), foreign code
// (qsort, calling back), both (a finalizer without maps), or, at the outer end
// of the stack, what started the thread. Which it is shows only further out: a
// function that memset() was called by is the runtime's business, and so is
// memset()'s frame. So at the first frame of a run a copy of the cursor goes
// ahead, to the next frame that decides:
//
//   a frame with maps     all of them are foreign
//   the runtime's         all of them are the runtime's: it calls nothing that
//                         may hold references
//   pclnrt_gc_call_out    but for what it calls through this
//   the end of the stack  those of libc at the outer end started the thread
//
// Then a run is walked twice, which is why deciding each frame by itself was
// not done: that would be quadratic.
//
// Foreign frames also own what described callers pass to them on the stack,
// below all that the caller's map tells of.
#include "roots_internal.h"

struct walk {
  const struct pclnrt_root_visitor *v;
  struct pclnrt_root_stats *stats;
  const struct pcln_sink *sink;
  // Of the frames without maps that come next: so many are foreign, and then
  // so many are left out.
  uint64_t n_foreign, n_skip;
  // The frame before was foreign, or its record does not say how far its
  // arguments reach: `callee` is that frame.
  bool outgoing;
  struct pclnrt_scan callee;
  // Where the walk began, and what foreign frames need of the frames since.
  struct pclnrt_cursor start;
  bool has_saved;
  struct pclnrt_saved saved;
};

// --- Errors ------------------------------------------------------------------

// Reports the frame at `pc`. The sentence ends with the source position.
static enum pcln_status fail(const struct walk *w, uint64_t pc, bool exact,
                             enum pcln_status status, const char *fault,
                             const char *text) {
  char buf[512];
  struct pclnrt_out o = {.fd = -1, .buf = buf, .cap = sizeof buf - 1};
  struct pclnrt_symbols names;
  struct pclnrt_symbol name = {0};
  pclnrt_symbolize(&names, pc, exact);
  // The physical function is last; its position is that of the first.
  struct pclnrt_symbol inner = {0};
  while (pclnrt_symbols_next(&names, &name))
    if (!inner.file)
      inner = name;
  pclnrt_out_str(&o, text);
  if (inner.file) {
    pclnrt_out_str(&o, ", at ");
    pclnrt_out_str(&o, inner.file);
    pclnrt_out_str(&o, ":");
    pclnrt_out_dec(&o, inner.line);
  }
  buf[o.len] = 0;
  const struct pcln_report r = {.severity = PCLN_ERROR,
                                .fault = fault,
                                .file = name.module,
                                .func = name.func,
                                .func_off = name.entry ? pc - name.entry : 0,
                                .pc = pc,
                                .text = buf};
  pcln_say(w->sink, &r);
  return status;
}

static enum pcln_status fail_frame(const struct walk *w,
                                   const struct pclnrt_frame *f,
                                   enum pcln_status status, const char *fault,
                                   const char *text) {
  return fail(w, f->pc, f->exact, status, fault, text);
}

static enum pcln_status find_site(const struct walk *w,
                                  const struct pclnrt_frame *f,
                                  struct pclnrt_site *site) {
  // The kernel's trampoline is entered at its first byte.
  const enum pcln_status status =
      pclnrt_site_find(f->pc - !(f->exact || f->signal), site);
  if (__builtin_expect(status == PCLN_OK, 1))
    return status;
  return fail_frame(w, f, status, "roots-map",
                    status == PCLN_NOT_FOUND
                        ? "a frame of code that is in no module"
                        : "the pointer maps of the function cannot be read");
}

// --- The outermost frame ----------------------------------------------------

static bool find_rule(uint64_t key, struct pcln_rule *out) {
  const struct pclnrt_module *m = pclnrt_module_find(key);
  if (!m)
    return false;
  if (m->has_table)
    return pcln_unwind_at(&m->table, key, out) == PCLN_OK;
  *out =
      pclnrt_rules[pclnrt_rows_find(&m->rows, (uint32_t)(key - m->image.lo))];
  return true;
}

// The CFA of the outermost frame, which no caller's sp tells. `c` stands there.
static bool outermost_cfa(const struct pclnrt_cursor *c, uint64_t key,
                          uint64_t *cfa) {
  struct pcln_rule r;
  if (!find_rule(key, &r))
    return false;
  const bool by_fp = r.cfa == PCLN_CFA_FP && !c->fp_lost;
  if (!by_fp && r.cfa != PCLN_CFA_SP && r.cfa != PCLN_CFA_SP_DELTA)
    return false;
  *cfa = (by_fp ? c->fp : c->sp) + (uint64_t)(int64_t)r.cfa_off;
  return *cfa > c->sp;
}

// --- Frames without maps -----------------------------------------------------

// Goes ahead from a frame of `kind`, `c` being at its caller, and sets
// n_foreign and n_skip.
static enum pcln_status look_ahead(struct walk *w, struct pclnrt_cursor c,
                                   enum pclnrt_site_kind kind) {
  uint64_t n = 0, n_start = 0; // frames passed; of them libc's at the end
  while (!pclnrt_site_described(kind)) {
    n++;
    n_start = kind == PCLNRT_SITE_START ? n_start + 1 : 0;
    if (kind == PCLNRT_SITE_RUNTIME || kind == PCLNRT_SITE_CALL_OUT) {
      w->n_skip = kind == PCLNRT_SITE_RUNTIME ? n : 1;
      w->n_foreign = n - w->n_skip;
      return PCLN_OK;
    }
    struct pclnrt_frame f;
    struct pclnrt_site site;
    if (!pclnrt_step(&c, &f)) {
      w->n_skip = n_start;
      w->n_foreign = n - n_start;
      return PCLN_OK; // if it was not the stack's end, the walk will tell
    }
    const enum pcln_status status = find_site(w, &f, &site);
    if (status != PCLN_OK)
      return status;
    kind = (enum pclnrt_site_kind)site.kind;
  }
  w->n_foreign = n;
  return PCLN_OK;
}

// The registers of an interrupted frame, which may hold what its code needs.
static void visit_registers(struct pclnrt_scan *s, const void *ucontext) {
  const greg_t *regs = ((const ucontext_t *)ucontext)->uc_mcontext.gregs;
  const uint64_t lo = (uint64_t)regs;
  pclnrt_frame_words(s, lo, lo + NGREG * sizeof *regs);
}

static enum pcln_status visit_unmapped(struct walk *w,
                                       const struct pclnrt_cursor *c,
                                       const struct pclnrt_frame *f,
                                       const struct pclnrt_site *site,
                                       const void *ucontext) {
  if (w->n_foreign + w->n_skip == 0) {
    const enum pcln_status status =
        look_ahead(w, *c, (enum pclnrt_site_kind)site->kind);
    if (status != PCLN_OK)
      return status;
  }
  w->outgoing = w->n_foreign > 0;
  if (!w->n_foreign) {
    w->n_skip--;
    return PCLN_OK;
  }
  w->n_foreign--;
  w->stats->foreign_frames++;
  w->callee = (struct pclnrt_scan){
      .v = w->v,
      .stats = w->stats,
      .frame = {f->pc, f->sp, f->cfa, site->table, site->func_idx, true}};
  if (!f->cfa && !outermost_cfa(c, f->pc - !f->exact, &w->callee.frame.cfa))
    return fail_frame(w, f, PCLN_NOT_FOUND, "roots-walk",
                      "the outermost frame has no known size");
  if (!w->has_saved)
    pclnrt_saved_begin(&w->saved, &w->start, w->v->registers);
  w->has_saved = true;
  pclnrt_saved_visit(&w->saved, &w->callee);
  if (ucontext)
    visit_registers(&w->callee, ucontext);
  // A handler may run on another stack than what it interrupted, and keeps
  // nothing in the kernel's frame.
  if (!f->signal)
    pclnrt_frame_words(&w->callee, f->sp, w->callee.frame.cfa);
  return PCLN_OK;
}

// --- Frames with maps --------------------------------------------------------

// Where the frame of the caller ends; 0: there is none.
static uint64_t caller_end(struct pclnrt_cursor c) {
  struct pclnrt_frame f;
  return pclnrt_step(&c, &f) ? f.cfa : 0;
}

static enum pcln_status visit_record(const struct pclnrt_cursor *c,
                                     const struct pclnrt_site *site,
                                     struct pclnrt_scan *s,
                                     const void *ucontext) {
  s->limit = caller_end(*c);
  if (ucontext)
    visit_registers(s, ucontext);
  pclnrt_frame_record(s, site);
  return PCLN_OK;
}

static enum pcln_status visit_described(struct walk *w,
                                        const struct pclnrt_cursor *c,
                                        const struct pclnrt_frame *f,
                                        const struct pclnrt_site *site,
                                        const void *ucontext) {
  struct pclnrt_scan s = {
      .v = w->v,
      .stats = w->stats,
      .exact = f->exact,
      .poison = w->v->poison_dead,
      .frame = {f->pc, f->sp, f->cfa, site->table, site->func_idx, false}};
  if (site->kind == PCLNRT_SITE_NO_SAFEPOINT)
    return fail_frame(w, f, PCLN_NOT_FOUND, "roots-no-safepoint",
                      "the call was declared not to collect, but did");
  if (f->exact && site->kind == PCLNRT_SITE_MAPS)
    return fail_frame(w, f, PCLN_NOT_FOUND, "roots-interrupted",
                      "the function was interrupted where no map holds");
  if (!f->cfa && !outermost_cfa(c, f->pc - !f->exact, &s.frame.cfa))
    return fail_frame(w, f, PCLN_NOT_FOUND, "roots-walk",
                      "the outermost frame has no known size");
  if (w->outgoing)
    pclnrt_frame_outgoing(&w->callee, site, f->sp, s.frame.cfa);
  w->outgoing = site->kind == PCLNRT_SITE_RECORD &&
                site->n_args == PCLNRT_ARGS_UNKNOWN && !site->args;
  const enum pcln_status status = site->kind == PCLNRT_SITE_MAPS
                                      ? pclnrt_frame_maps(&s, site)
                                      : visit_record(c, site, &s, ucontext);
  if (w->outgoing)
    w->callee = s;
  return status == PCLN_OK ? status : fail_frame(w, f, status, s.fault, s.text);
}

// --- The interface -----------------------------------------------------------

static enum pcln_status visit_frame(struct walk *w,
                                    const struct pclnrt_cursor *c,
                                    const struct pclnrt_frame *f,
                                    const void *ucontext) {
  struct pclnrt_site site;
  const enum pcln_status status = find_site(w, f, &site);
  if (status != PCLN_OK)
    return status;
  w->stats->frames++;
  if (pclnrt_site_described((enum pclnrt_site_kind)site.kind))
    return visit_described(w, c, f, &site, ucontext);
  return visit_unmapped(w, c, f, &site, ucontext);
}

enum pcln_status pclnrt_roots_stack(struct pclnrt_cursor *c,
                                    const struct pclnrt_root_visitor *v,
                                    struct pclnrt_root_stats *stats,
                                    const struct pcln_sink *sink) {
  struct walk w; // not initialised as a whole: most walks need little of it
  struct pclnrt_frame f;
  w.v = v;
  w.stats = stats;
  w.sink = sink;
  w.n_foreign = w.n_skip = 0;
  w.outgoing = w.has_saved = false;
  w.start = *c;
  for (;;) {
    const void *ucontext = c->ucontext;
    if (!pclnrt_step(c, &f))
      break;
    const enum pcln_status status = visit_frame(&w, c, &f, ucontext);
    if (status != PCLN_OK)
      return status;
  }
  if (c->stop == PCLNRT_OUTERMOST)
    return PCLN_OK;
  return fail(&w, c->pc, c->exact, PCLN_NOT_FOUND, "roots-walk",
              pclnrt_stop_text((enum pclnrt_stop)c->stop));
}

__attribute__((noinline)) void pclnrt_gc_call_out(void (*fn)(void *a, void *b),
                                                  void *a, void *b) {
  fn(a, b);
  __asm__ volatile(""); // or the call would be a jump, and this no frame
}
