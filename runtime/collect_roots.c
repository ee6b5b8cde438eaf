// SPDX-License-Identifier: Apache-2.0
//
// Where marking starts: variables in static storage and of each thread, the
// frames of each thread, what functions of the runtime hold, and memory that
// the program named (pclnrt_gc_add_root).
//
// Frames without maps. A function that no compiler described may hold a
// reference that nobody else holds. By default that is an error and not a
// reason to guess: when everything else is marked, a word of such a frame that
// leads to an object without a mark ends the process, naming the function. A
// word that leads to a marked object, or to none, is nothing: it may be a
// reference, but not one that decides.
//
// With gcforeign=scan, or where its thread has asked for it, such a frame is
// scanned word by word. What it holds in registers is among its words, wherever
// the functions that it called have saved them: roots.h, "Registers".
#include "collect.h"

#include <string.h>

// A growing array in mapped memory.
struct ranges {
  struct range *of;
  size_t n, cap;
};
struct range {
  uintptr_t *lo, *hi;
  struct pclnrt_root_frame frame;
  const struct pclnrt_thread *thread;
};

static struct {
  struct pclnrt_lock lock;
  struct ranges ranges; // added by the program; `frame` and `thread` unused
} added;
static struct ranges foreign; // of this cycle, to look at when all is marked
bool pclnrt_test_no_stacks;

static bool ranges_add(struct ranges *r, struct range range) {
  if (r->n == r->cap) {
    const size_t len = r->cap * sizeof *r->of;
    const size_t more = len ? 2 * len : 16 * PCLNRT_PAGE;
    void *grown =
        r->of ? pclnrt_sys_remap(r->of, len, more) : pclnrt_sys_map(more);
    if (!grown)
      return false;
    r->of = grown;
    r->cap = more / sizeof *r->of;
  }
  r->of[r->n++] = range;
  return true;
}

// --- Visiting ----------------------------------------------------------------

// One walk.
struct walk {
  const struct pclnrt_thread *thread; // null: variables
};

static void on_root(void *ctx, const struct pclnrt_root *root) {
  (void)ctx;
  const uintptr_t word = root->base ? *root->base : *root->slot;
  if (root->kind == PCLN_WORD_STRING)
    pclnrt_mark_string(word, root);
  else
    pclnrt_mark_precise(word, root);
}

// Other functions' frames, and memory that the sanitizers may have fenced off.
__attribute__((no_sanitize("address", "thread"))) static void
mark_range(const uintptr_t *lo, const uintptr_t *hi) {
  for (; lo < hi; lo++)
    pclnrt_mark_maybe(*(const volatile uintptr_t *)lo);
}

static void on_words(void *ctx, uintptr_t *lo, uintptr_t *hi,
                     const struct pclnrt_root_frame *frame) {
  struct walk *walk = ctx;
  if (!frame->foreign || pclnrt_gc_options.scan_foreign ||
      walk->thread->scan_foreign) {
    mark_range(lo, hi);
    return;
  }
  const struct range range = {lo, hi, *frame, walk->thread};
  if (!ranges_add(&foreign, range))
    pclnrt_gc_fatal("gc-memory", "no memory to remember a frame without maps",
                    (uintptr_t)lo, (size_t)(hi - lo) * sizeof *lo);
}

static void check(enum pcln_status status, const char *what,
                  const struct pclnrt_thread *t) {
  if (status == PCLN_OK)
    return;
  struct pclnrt_report r;
  pclnrt_report_begin(&r, NULL);
  pclnrt_out_str(&r.out, what);
  if (t) {
    pclnrt_out_str(&r.out, " of thread ");
    pclnrt_out_dec(&r.out, t->id);
  }
  pclnrt_out_str(&r.out, " cannot be read in full: ");
  pclnrt_out_str(&r.out, pcln_status_text(status));
  pclnrt_report_end(&r, "gc-roots");
  pclnrt_gc_die(t);
}

// --- Threads -----------------------------------------------------------------

// The visitor's registers begin with FP.
_Static_assert(offsetof(struct pclnrt_context, regs) ==
                   offsetof(struct pclnrt_context, fp) + sizeof(uint64_t),
               "the registers that a callee preserves stand in a row");

static void mark_thread(const struct pclnrt_thread *t,
                        struct pclnrt_root_visitor *v,
                        struct pclnrt_root_stats *stats) {
  for (const struct pclnrt_pin *pin = t->pins; pin; pin = pin->next)
    pclnrt_mark_maybe(pin->ref);
  check(t->tls_status, "the thread-local variables", t);
  check(pclnrt_roots_tls(&t->tls, v, stats, &pclnrt_gc_stderr),
        "the thread-local variables", t);
  if (!t->context.pc || pclnrt_test_no_stacks)
    return;
  struct walk walk = {.thread = t};
  v->ctx = &walk;
  v->registers = (const uintptr_t *)&t->context.fp;
  struct pclnrt_cursor c;
  pclnrt_thread_cursor(t, &c);
  check(pclnrt_roots_stack(&c, v, stats, &pclnrt_gc_stderr), "the stack", t);
}

void pclnrt_collect_roots(struct pclnrt_root_stats *stats) {
  struct walk walk = {0};
  struct pclnrt_root_visitor v = {.ctx = &walk,
                                  .root = on_root,
                                  .words = on_words,
                                  .poison_dead = pclnrt_gc_options.dead};
  foreign.n = 0;
  check(pclnrt_roots_globals(&v, stats, &pclnrt_gc_stderr), "the variables",
        NULL);
  for (size_t i = 0; i < added.ranges.n; i++) {
    const struct range *r = &added.ranges.of[i];
    mark_range(r->lo, r->hi);
    stats->words += (uint64_t)(r->hi - r->lo);
  }
  for (const struct pclnrt_thread *t = pclnrt_world_threads(); t; t = t->next)
    mark_thread(t, &v, stats);
}

// --- Frames without maps -----------------------------------------------------

static void out_function(struct pclnrt_out *o, uint64_t pc) {
  struct pclnrt_symbols symbols;
  struct pclnrt_symbol s;
  pclnrt_symbolize(&symbols, pc, false);
  while (pclnrt_symbols_next(&symbols, &s))
    if (!s.inlined)
      break;
  pclnrt_out_str(o, s.func ? s.func : "a function");
  if (s.entry) {
    pclnrt_out_str(o, "+");
    pclnrt_out_hex(o, pc - s.entry);
  }
  pclnrt_out_str(o, " in ");
  pclnrt_out_str(o, s.module && *s.module ? s.module : "the program");
}

_Noreturn static void die_of(const struct range *r, const uintptr_t *slot,
                             struct pclnrt_cell cell) {
  struct pclnrt_report report;
  struct pclnrt_out *o = &report.out;
  pclnrt_report_begin(&report, NULL);
  pclnrt_out_str(o, "the frame of ");
  out_function(o, r->frame.pc);
  if ((uintptr_t)slot >= r->frame.sp && (uintptr_t)slot < r->frame.cfa) {
    pclnrt_out_str(o, " holds at sp+");
    pclnrt_out_hex(o, (uintptr_t)slot - r->frame.sp);
  } else {
    pclnrt_out_str(o, " holds in a register");
  }
  pclnrt_out_str(o, " the only reference to the object at ");
  pclnrt_out_hex(o, pclnrt_cell_start(cell));
  if (cell.block->type) {
    pclnrt_out_str(o, ", ");
    pclnrt_out_str(o, cell.block->type->name);
  }
  pclnrt_out_str(o, ", and no compiler described that frame: compile it with "
                    "the plug-in, keep a reference in the caller, or have "
                    "such frames scanned: pclnrt_gc_scan_foreign around the "
                    "call, or PCLNTAB_DEBUG=gcforeign=scan");
  pclnrt_report_end(&report, "gc-foreign");
  pclnrt_gc_die(r->thread);
}

__attribute__((no_sanitize("address", "thread"))) static void
look_at(const struct range *r) {
  struct pclnrt_cell cell;
  for (const uintptr_t *w = r->lo; w < r->hi; w++)
    if (pclnrt_mark_misses(*(const volatile uintptr_t *)w, &cell))
      die_of(r, w, cell);
}

void pclnrt_collect_foreign(void) {
  for (size_t i = 0; i < foreign.n; i++)
    look_at(&foreign.of[i]);
}

bool pclnrt_gc_scan_foreign(bool scan) {
  struct pclnrt_thread *t = pclnrt_thread_here();
  const bool before = t && t->scan_foreign;
  if (t)
    t->scan_foreign = scan;
  return before;
}

// --- Memory that the program names -------------------------------------------

enum pcln_status pclnrt_gc_add_root(void *p, size_t len) {
  if (!pclnrt_thread_here())
    return PCLN_NO_MEMORY;
  const uintptr_t lo = ((uintptr_t)p + 7) & ~(uintptr_t)7;
  const uintptr_t hi = ((uintptr_t)p + len) & ~(uintptr_t)7;
  const struct range range = {.lo = (uintptr_t *)lo,
                              .hi = (uintptr_t *)(hi < lo ? lo : hi)};
  pclnrt_lock_take(&added.lock);
  const bool done = ranges_add(&added.ranges, range);
  pclnrt_lock_give(&added.lock);
  return done ? PCLN_OK : PCLN_NO_MEMORY;
}

enum pcln_status pclnrt_gc_remove_root(void *p) {
  uintptr_t *lo = (uintptr_t *)(((uintptr_t)p + 7) & ~(uintptr_t)7);
  enum pcln_status status = PCLN_NOT_FOUND;
  pclnrt_lock_take(&added.lock);
  for (size_t i = added.ranges.n; i-- > 0 && status != PCLN_OK;)
    if (added.ranges.of[i].lo == lo) {
      added.ranges.of[i] = added.ranges.of[--added.ranges.n];
      status = PCLN_OK;
    }
  pclnrt_lock_give(&added.lock);
  return status;
}
