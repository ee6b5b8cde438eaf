// SPDX-License-Identifier: Apache-2.0
//
// The cursor: one step, one frame. And reading a stack that may lie.
//
// A step finds the rule for the pc, computes the canonical frame address, loads
// the caller's pc and frame pointer, and checks that the frame lies above the
// one before. The rule comes from the cache in the usual case, else from the
// module's table or converted rows. Every other outcome is a reason to stop;
// nothing is guessed.
//
// Stack memory. The cursor holds a range [lo, hi) that is known to be readable.
// A load outside of it asks the kernel, page by page from there upward
// (sys_linux.c). For the thread's own stack the answer is remembered, since
// that stack stays as long as the thread: `own_lo` is how far down it is known
// to be readable without a gap from its end. Its end is the end of the kernel's
// argument area for the main thread; for others the thread control block, which
// glibc and musl place above the first frame in the stack's own mapping. That a
// range is the thread's stack is proved by its being readable without a gap up
// to that end; guard pages are such gaps. Other stacks (sigaltstack,
// coroutines) may be unmapped at any time and are asked about in each walk.
//
// A CFA must be above the frame's sp and, on the thread's own stack, below its
// end. Only a signal frame leads to another stack, and so possibly downward;
// their number is limited so that a forged one cannot make the walk endless.
#include "internal.h"

#include "context_x86_64.h"

#include <stdint.h>

enum {
  FIRST_PROBE = 16, // pages
  MAX_PROBE = 1024,
  MAX_SIGNALS = 64,
};
// An address this far below the end of the main thread's stack is still that
// stack: the kernel keeps at least 128 MiB free for it.
static const uint64_t main_stack_max = UINT64_C(64) << 20;
// How far below its control block a thread's sp is looked for.
static const uint64_t thread_stack_max = UINT64_C(256) << 20;

static uint64_t main_top;            // written at set-up
static _Atomic uint64_t main_own_lo; // 0: nothing is known yet
static _Thread_local _Atomic uint64_t thread_own_lo
    __attribute__((tls_model("initial-exec"))); // else its first use allocates

#define NO_SANITIZE                                                            \
  __attribute__((no_sanitize("address", "undefined", "thread")))

const char *pclnrt_stop_text(enum pclnrt_stop stop) {
  switch (stop) {
#define STOP_CASE(name, text)                                                  \
  case name:                                                                   \
    return text;
    PCLNRT_STOP_LIST(STOP_CASE)
#undef STOP_CASE
  }
  return "unknown reason";
}

void pclnrt_unwind_init(void) { main_top = pclnrt_sys_main_stack_end(); }

// --- Stack memory ------------------------------------------------------------

static _Atomic uint64_t *own_lo(const struct pclnrt_cursor *c) {
  return c->top == main_top ? &main_own_lo : &thread_own_lo;
}

// Takes up the stack that sp is on. Afterwards [lo, hi) may be empty.
static void enter_stack(struct pclnrt_cursor *c) {
  const uint64_t sp = c->sp;
  const uint64_t tcb = (uint64_t)__builtin_thread_pointer();
  c->probe_pages = FIRST_PROBE;
  c->lo = c->hi = 0;
  if (sp < main_top && main_top - sp < main_stack_max)
    c->top = main_top;
  else if (sp < tcb && tcb - sp < thread_stack_max)
    c->top = tcb;
  else
    c->top = 0;
  if (!c->top)
    return;
  const uint64_t lo = atomic_load_explicit(own_lo(c), memory_order_relaxed);
  if (lo && sp >= lo) {
    c->lo = lo;
    c->hi = c->top;
  }
}

// Asks for the pages from `addr` on and adjusts [lo, hi). The kernel's answer
// for the first 8 bytes of a page is that for the page.
static void probe(struct pclnrt_cursor *c, uint64_t addr) {
  uint64_t page = addr & -(uint64_t)PCLNRT_PAGE;
  const uint64_t known =
      c->top ? atomic_load_explicit(own_lo(c), memory_order_relaxed) : 0;
  if (page != c->hi)
    c->lo = page;
  for (uint32_t i = 0; i < c->probe_pages; i++) {
    if (c->top && page >= (known ? known : c->top)) {
      page = c->top;
      break;
    }
    if (!pclnrt_sys_readable(page))
      break;
    page += PCLNRT_PAGE;
  }
  c->hi = page;
  if (c->probe_pages < MAX_PROBE)
    c->probe_pages *= 2;
  if (c->top && c->hi >= c->top && (!known || c->lo < known))
    atomic_store_explicit(own_lo(c), c->lo, memory_order_relaxed);
}

static bool in_window(const struct pclnrt_cursor *c, uint64_t addr) {
  return addr >= c->lo && addr < c->hi && c->hi - addr >= 8;
}

__attribute__((noinline)) static bool make_readable(struct pclnrt_cursor *c,
                                                    uint64_t addr) {
  if (c->vouched || addr > UINT64_MAX - 2 * PCLNRT_PAGE)
    return false;
  if (c->top && addr >= c->top)
    return false; // beyond the thread's first frame
  probe(c, addr);
  if (addr >= c->lo && addr < c->hi && !in_window(c, addr))
    probe(c, c->hi); // the word straddles two pages
  return in_window(c, addr);
}

NO_SANITIZE static inline bool load(struct pclnrt_cursor *c, uint64_t addr,
                                    uint64_t *out) {
  if (__builtin_expect(!in_window(c, addr), 0) && !make_readable(c, addr))
    return false;
  // Frames of other functions: no object of C is there, hence volatile.
  *out = *(const volatile uint64_t *)addr;
  return true;
}

// --- Rules -------------------------------------------------------------------

static void remember(const struct pclnrt_module *m, uint64_t key,
                     const struct pcln_rule *rule, uint32_t number) {
  const uint64_t word = pclnrt_rule_word(rule, number) |
                        (uint64_t)m->number << PCLNRT_WORD_MODULE |
                        (key - m->image.lo);
  atomic_store_explicit(pclnrt_cache_slot(key), word, memory_order_release);
}

// Whether a cache word is about `key`, in a module that may be unloaded but
// was not.
static bool word_holds(uint64_t key, uint64_t word) {
  const struct pclnrt_module *m = pclnrt_module_get(pclnrt_word_module(word));
  return m && m->image.lo + (uint32_t)word == key &&
         pclnrt_module_alive(m, key);
}

// Cold: from the module's table or rows. *tmp holds a rule that got no number.
__attribute__((noinline)) static const struct pcln_rule *
find_rule_cold(uint64_t key, uint64_t word, struct pcln_rule *tmp) {
  if (word_holds(key, word))
    return pclnrt_word_rule(word, tmp);
  const struct pclnrt_module *m = pclnrt_module_find(key);
  if (!m)
    return NULL;
  uint32_t number;
  if (m->has_table) {
    if (pcln_unwind_at(&m->table, key, tmp) != PCLN_OK)
      return NULL;
    // The number of pushed bytes is part of cfa_off by now.
    if (tmp->cfa == PCLN_CFA_SP_DELTA)
      tmp->cfa = PCLN_CFA_SP;
    number = pclnrt_rule_number(tmp);
    if (number == 0)
      return tmp;
  } else {
    number = pclnrt_rows_find(&m->rows, (uint32_t)(key - m->image.lo));
    if (number == 0)
      return NULL;
  }
  remember(m, key, &pclnrt_rules[number], number);
  return &pclnrt_rules[number];
}

static inline const struct pcln_rule *find_rule(uint64_t key,
                                                struct pcln_rule *tmp) {
  const uint64_t word =
      atomic_load_explicit(pclnrt_cache_slot(key), memory_order_acquire);
  const uint64_t base = atomic_load_explicit(
      &pclnrt_base[pclnrt_word_module(word)], memory_order_relaxed);
  if (__builtin_expect(base && base + (uint32_t)word == key, 1))
    return pclnrt_word_rule(word, tmp);
  return find_rule_cold(key, word, tmp);
}

// The rule of the cursor's frame, or null. The trampoline that the kernel
// returns to from a handler is entered at its first byte, so "minus one" may be
// outside of it.
static inline const struct pcln_rule *frame_rule(struct pclnrt_cursor *c,
                                                 struct pcln_rule *tmp) {
  const struct pcln_rule *r = find_rule(c->pc - !c->exact, tmp);
  if (__builtin_expect(!r || r->cfa == PCLN_CFA_NONE, 0) && !c->exact) {
    const struct pcln_rule *at = find_rule(c->pc, tmp);
    if (at && (at->reg & PCLN_RULE_SIGNAL))
      return at;
    return r ? find_rule(c->pc - 1, tmp) : NULL;
  }
  return r;
}

// --- One step ----------------------------------------------------------------

static bool stop(struct pclnrt_cursor *c, enum pclnrt_stop why) {
  c->stop = (uint8_t)why;
  return false;
}

// Replaces the address in *cfa by what is stored there, plus the rule's words.
static bool load_cfa(struct pclnrt_cursor *c, const struct pcln_rule *r,
                     uint64_t *cfa) {
  if (!load(c, *cfa, cfa))
    return stop(c, PCLNRT_STACK_UNREADABLE);
  *cfa += (r->reg & PCLN_RULE_REG_MASK) * sizeof(void *);
  return true;
}

static inline bool find_cfa(struct pclnrt_cursor *c, const struct pcln_rule *r,
                            uint64_t *cfa) {
  const uint64_t off = (uint64_t)(int64_t)r->cfa_off;
  switch ((enum pcln_cfa_kind)r->cfa) {
  case PCLN_CFA_SP:
    *cfa = c->sp + off;
    return true;
  case PCLN_CFA_FP:
  case PCLN_CFA_FP_DEREF:
    if (c->fp_lost)
      return stop(c, PCLNRT_LOST_FP);
    *cfa = c->fp + off;
    return r->cfa == PCLN_CFA_FP || load_cfa(c, r, cfa);
  case PCLN_CFA_SP_DEREF:
    *cfa = c->sp + off;
    return load_cfa(c, r, cfa);
  case PCLN_CFA_REG:
    if (!c->ucontext ||
        !pclnrt_uc_dwarf(c->ucontext, r->reg & (PCLN_RULE_SIGNAL - 1u), cfa))
      return stop(c, PCLNRT_NEEDS_REGISTER);
    *cfa += off;
    return true;
  case PCLN_CFA_SP_DELTA:
  case PCLN_CFA_NONE:
    break;
  }
  return stop(c, PCLNRT_NOT_UNWINDABLE);
}

// Loads what a rule saved at `kind` + `off`; false: it cannot be had.
static inline bool saved(struct pclnrt_cursor *c, uint8_t kind, int32_t off,
                         uint64_t cfa, uint64_t *out) {
  uint64_t addr = (uint64_t)(int64_t)off;
  if (kind == PCLN_SAVE_CFA)
    addr += cfa;
  else if (kind == PCLN_SAVE_SP)
    addr += c->sp;
  else if (c->fp_lost)
    return false;
  else
    addr += c->fp;
  return load(c, addr, out);
}

// A handler's caller was interrupted: its registers are in the signal frame.
static bool cross_signal(struct pclnrt_cursor *c, uint64_t sigframe) {
  if (++c->n_signals > MAX_SIGNALS)
    return stop(c, PCLNRT_SIGNAL_LIMIT);
  // Its first and last word stand for the context: it is smaller than a page.
  uint64_t word;
  const uint64_t uc = sigframe + PCLNRT_SIGFRAME_UCONTEXT;
  const uint64_t end = uc + offsetof(ucontext_t, uc_mcontext) +
                       sizeof(((ucontext_t *)0)->uc_mcontext.gregs) - 8;
  if (!load(c, uc, &word) || !load(c, end, &word))
    return stop(c, PCLNRT_STACK_UNREADABLE);
  c->exact = true;
  if (!c->vouched)
    enter_stack(c);
  return true;
}

// Makes the caller the cursor's frame.
static inline bool advance(struct pclnrt_cursor *c, const struct pcln_rule *r) {
  uint64_t cfa, ra, fp = c->fp;
  bool fp_lost = c->fp_lost;
  if (!find_cfa(c, r, &cfa))
    return false;
  const bool signal = r->reg & PCLN_RULE_SIGNAL;
  if (__builtin_expect(cfa <= c->sp && !signal, 0))
    return stop(c, PCLNRT_CFA_ORDER);
  if (r->ra == PCLN_SAVE_UNDEFINED)
    return stop(c, PCLNRT_OUTERMOST);
  if (r->ra == PCLN_SAVE_SAME)
    return stop(c, PCLNRT_NEEDS_REGISTER);
  if (!saved(c, r->ra, r->ra_off, cfa, &ra))
    return stop(c, r->ra == PCLN_SAVE_FP && c->fp_lost
                       ? PCLNRT_LOST_FP
                       : PCLNRT_STACK_UNREADABLE);
  // GCC does not say that "leave" has restored FP where that was saved relative
  // to FP itself (realigned stacks), so this load may follow the caller's FP to
  // anywhere. The caller is found all the same, if not by FP.
  if (r->fp != PCLN_SAVE_SAME)
    fp_lost =
        r->fp == PCLN_SAVE_UNDEFINED || !saved(c, r->fp, r->fp_off, cfa, &fp);
  if (__builtin_expect(ra == 0, 0))
    return stop(c, PCLNRT_OUTERMOST);
  const uint64_t sigframe = c->sp;
  c->pc = ra;
  c->sp = cfa;
  c->fp = fp;
  c->fp_lost = fp_lost;
  c->exact = false;
  c->ucontext = NULL;
  if (__builtin_expect(signal, 0)) {
    // The context is read before enter_stack() forgets its stack.
    c->ucontext = (const void *)(sigframe + PCLNRT_SIGFRAME_UCONTEXT);
    return cross_signal(c, sigframe);
  }
  return true;
}

// Execution stands where no code is known. If the word at sp is a return
// address into a known module, something called a bad pointer.
static bool leave_bad_call(struct pclnrt_cursor *c) {
  uint64_t ra;
  if (!c->exact || !c->ucontext || pclnrt_module_find(c->pc) ||
      !load(c, c->sp, &ra) || !pclnrt_module_find(ra - 1))
    return stop(c, PCLNRT_NO_INFO);
  c->pc = ra;
  c->sp += PCLNRT_PUSHED_RA;
  c->exact = false;
  c->ucontext = NULL;
  return true;
}

// --- The usual step ----------------------------------------------------------

// What a walk changes from frame to frame, apart from the cursor so that it can
// stay in registers.
struct regs {
  uint64_t pc, sp, fp;
};

// The step over most frames: a cached, packed rule, and saved words in memory
// known to be readable. False: *r is as it was, and to_caller() takes the step
// or says why there is none. Without this, a frame costs 10 ns and not 6: the
// cursor's fields go through memory, and the rule is one more load in the chain
// from each frame's pc to the next.
NO_SANITIZE static inline bool step_fast(struct regs *r, uint64_t lo,
                                         uint64_t len) {
  const uint64_t key = r->pc - 1;
  const uint64_t word =
      atomic_load_explicit(pclnrt_cache_slot(key), memory_order_acquire);
  const uint64_t base = atomic_load_explicit(
      &pclnrt_base[pclnrt_word_module(word)], memory_order_relaxed);
  if (base + (uint32_t)word != key || word & PCLNRT_WORD_NUMBERED)
    return false;
  const uint64_t packed = word >> PCLNRT_WORD_RULE;
  const uint64_t from = packed & PCLNRT_PACKED_BY_FP ? r->fp : r->sp;
  const uint64_t cfa = from + (packed & PCLNRT_PACKED_CFA_MASK) * 8;
  const uint64_t fp_words =
      packed >> PCLNRT_PACKED_FP_SHIFT & PCLNRT_PACKED_FP_MASK;
  if (cfa <= r->sp || cfa - 8 - lo > len || cfa - fp_words * 8 < lo)
    return false;
  const uint64_t ra = *(const volatile uint64_t *)(cfa - 8);
  if (ra == 0)
    return false;
  if (fp_words)
    r->fp = *(const volatile uint64_t *)(cfa - fp_words * 8);
  r->pc = ra;
  r->sp = cfa;
  return true;
}

static bool may_go_fast(const struct pclnrt_cursor *c) {
  return !c->exact && !c->fp_lost && c->hi - c->lo >= 8;
}

// To the caller; *signal: whether the frame left was a signal frame.
static inline bool to_caller(struct pclnrt_cursor *c, bool *signal) {
  *signal = false;
  struct regs fast = {c->pc, c->sp, c->fp};
  if (may_go_fast(c) && step_fast(&fast, c->lo, c->hi - c->lo - 8)) {
    c->pc = fast.pc;
    c->sp = fast.sp;
    c->fp = fast.fp;
    return true;
  }
  struct pcln_rule tmp;
  const struct pcln_rule *r = frame_rule(c, &tmp);
  if (__builtin_expect(!r, 0))
    return leave_bad_call(c);
  *signal = r->reg & PCLN_RULE_SIGNAL;
  return advance(c, r);
}

// --- The interface -----------------------------------------------------------

void pclnrt_cursor_init(struct pclnrt_cursor *c, uint64_t pc, uint64_t sp,
                        uint64_t fp) {
  *c = (struct pclnrt_cursor){.pc = pc, .sp = sp, .fp = fp};
  enter_stack(c);
}

void pclnrt_cursor_regs(struct pclnrt_cursor *c, uint64_t pc, uint64_t sp,
                        uint64_t fp) {
  pclnrt_cursor_init(c, pc, sp, fp);
}

void pclnrt_cursor_ucontext(struct pclnrt_cursor *c, const void *ucontext) {
  pclnrt_cursor_init(c, pclnrt_uc_pc(ucontext), pclnrt_uc_sp(ucontext),
                     pclnrt_uc_fp(ucontext));
  c->ucontext = ucontext;
  c->exact = true;
}

void pclnrt_cursor_stack(struct pclnrt_cursor *c, uint64_t lo, uint64_t hi) {
  c->lo = lo;
  c->hi = hi;
  c->top = 0;
  c->vouched = true;
}

bool pclnrt_step(struct pclnrt_cursor *c, struct pclnrt_frame *f) {
  if (c->stop != PCLNRT_RUNNING)
    return false;
  *f = (struct pclnrt_frame){.pc = c->pc, .sp = c->sp, .exact = c->exact};
  if (to_caller(c, &f->signal))
    f->cfa = c->sp;
  return true;
}

static size_t collect(struct pclnrt_cursor *c, uint64_t *restrict pcs,
                      size_t n) {
  size_t i = 0;
  while (i < n) {
    pcs[i++] = c->pc + c->exact;
    bool signal;
    if (!to_caller(c, &signal))
      break;
    if (!may_go_fast(c))
      continue;
    struct regs r = {c->pc, c->sp, c->fp};
    for (; i < n; i++) {
      const uint64_t pc = r.pc;
      if (!step_fast(&r, c->lo, c->hi - c->lo - 8))
        break;
      pcs[i] = pc;
    }
    c->pc = r.pc;
    c->sp = r.sp;
    c->fp = r.fp;
  }
  return i;
}

size_t pclnrt_backtrace_from(uint64_t *pcs, size_t n, uint64_t pc, uint64_t sp,
                             uint64_t fp) {
  struct pclnrt_cursor c;
  pclnrt_cursor_init(&c, pc, sp, fp);
  return collect(&c, pcs, n);
}

size_t pclnrt_backtrace_ucontext(uint64_t *pcs, size_t n,
                                 const void *ucontext) {
  struct pclnrt_cursor c;
  pclnrt_cursor_ucontext(&c, ucontext);
  return collect(&c, pcs, n);
}
