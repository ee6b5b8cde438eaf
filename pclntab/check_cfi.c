// SPDX-License-Identifier: Apache-2.0
//
// Unwind rules of the table against the file's .eh_frame and .debug_frame, pc
// by pc.
//
// The CFI source of the linker side fills a model that has the table's own
// functions. At each run of pcs the whole rule is compared, whatever streams
// and rule numbers make it up on either side. Go's tables have but the
// distance from SP to the frame's end, so of Go's .debug_frame that is
// compared alone.
//
// A function of which the file's CFI says nothing is passed over: .debug_frame
// may have been stripped, .eh_frame never has all of Go's functions.
#include "cfi.h"
#include "check_parts.h"
#include "pairs.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct compare {
  struct pcln_check_run *run;
  const struct pcln_module *m;
  int32_t pushed; // bytes of a return address that a call pushes
};

// --- The CFI's side ---------------------------------------------------------

struct stream {
  struct pcln_pairs p;
  bool ended;
  int32_t value;
  uint32_t hi; // bytes from the entry
};

static struct stream stream_at(struct pcln_span bytes, uint32_t quantum) {
  return (struct stream){
      .p = pcln_pairs_at(bytes, quantum), .ended = !bytes.ptr, .value = -1};
}

static int32_t stream_to(struct stream *s, uint32_t at) {
  while (!s->ended && at >= s->hi) {
    s->ended = !pcln_pairs_next(&s->p);
    s->hi = s->p.hi;
    s->value = s->p.value;
  }
  if (s->ended && at >= s->hi) {
    s->hi = UINT32_MAX;
    s->value = -1;
  }
  return s->value;
}

// The rule that the two streams stand for (format.h), in the form that
// pcln_rule_at() gives the table's.
static struct pcln_rule rule_of(const struct compare *c, int32_t pcsp,
                                int32_t unwind) {
  struct pcln_rule r = {.cfa = PCLN_CFA_SP_DELTA};
  if (unwind >= 0 && (size_t)unwind < c->m->n_rules) {
    r = c->m->rules[unwind];
  } else if (c->pushed) {
    r.ra = PCLN_SAVE_CFA;
    r.ra_off = -c->pushed;
  }
  if (r.cfa != PCLN_CFA_SP_DELTA)
    return r;
  if (pcsp < 0)
    return (struct pcln_rule){.cfa = PCLN_CFA_NONE};
  r.cfa_off = pcsp + c->pushed;
  return r;
}

// --- Comparing --------------------------------------------------------------

// A CFA or a saved register as text: "SP+16", "*(CFA-8)".
struct shown {
  char text[48];
};

static struct shown show_cfa(const struct pcln_rule *r) {
  static const char *const forms[] = {
      [PCLN_CFA_NONE] = "nothing",      [PCLN_CFA_SP_DELTA] = "SP%+d",
      [PCLN_CFA_SP] = "SP%+d",          [PCLN_CFA_FP] = "FP%+d",
      [PCLN_CFA_REG] = "a register%+d", [PCLN_CFA_SP_DEREF] = "*(SP%+d)",
      [PCLN_CFA_FP_DEREF] = "*(FP%+d)",
  };
  struct shown s;
  const char *form = r->cfa <= PCLN_CFA_FP_DEREF ? forms[r->cfa] : "?";
  const char *at = strchr(form, '%');
  if (at)
    snprintf(s.text, sizeof s.text, "%.*s%+d%s", (int)(at - form), form,
             r->cfa_off, at + 3);
  else
    snprintf(s.text, sizeof s.text, "%s", form);
  return s;
}

static struct shown show_save(uint8_t kind, int32_t off, const char *same) {
  static const char *const bases[] = {
      [PCLN_SAVE_CFA] = "CFA", [PCLN_SAVE_SP] = "SP", [PCLN_SAVE_FP] = "FP"};
  struct shown s;
  if (kind == PCLN_SAVE_SAME || kind > PCLN_SAVE_FP)
    snprintf(s.text, sizeof s.text, "%s",
             kind == PCLN_SAVE_SAME ? same : "lost");
  else
    snprintf(s.text, sizeof s.text, "*(%s%+d)", bases[kind], off);
  return s;
}

static struct shown show_frame(const struct pcln_rule *r) {
  struct shown s;
  snprintf(s.text, sizeof s.text, "%s",
           r->reg & PCLN_RULE_SIGNAL ? "a signal's" : "a call's");
  return s;
}

static void say(const struct compare *c, const struct pcln_func *f,
                uint32_t off, const char *name, const char *what,
                struct shown table, struct shown cfi) {
  const uint32_t unwind =
      c->run->t->ours ? pcln_pcdata_stream(c->run->t, f, PCLN_PCDATA_UNWIND)
                      : 0;
  pcln_check_say(c->run, name, f, off, "pctab", unwind ? unwind : f->pcsp,
                 "%s: the table says %s, the CFI says %s", what, table.text,
                 cfi.text);
}

// Two kinds are the same sum; which of them a frame has depends on where the
// table keeps the distance.
static uint8_t cfa_kind(const struct pcln_rule *r) {
  return r->cfa == PCLN_CFA_SP_DELTA ? PCLN_CFA_SP : r->cfa;
}

static void compare_rules(const struct compare *c, const struct pcln_func *f,
                          uint32_t off, const struct pcln_rule *t,
                          const struct pcln_rule *d) {
  if (cfa_kind(t) != cfa_kind(d) || t->cfa_off != d->cfa_off ||
      (t->reg & PCLN_RULE_REG_MASK) != (d->reg & PCLN_RULE_REG_MASK)) {
    say(c, f, off, "cfi-rule-cfa", "canonical frame address", show_cfa(t),
        show_cfa(d));
    return; // the rest is relative to it
  }
  if (!c->run->t->ours || t->cfa == PCLN_CFA_NONE)
    return;
  if (t->fp != d->fp || t->fp_off != d->fp_off)
    say(c, f, off, "cfi-rule-fp", "the caller's frame pointer",
        show_save(t->fp, t->fp_off, "unchanged"),
        show_save(d->fp, d->fp_off, "unchanged"));
  if (t->ra != d->ra || t->ra_off != d->ra_off)
    say(c, f, off, "cfi-rule-ra", "return address",
        show_save(t->ra, t->ra_off, "in the link register"),
        show_save(d->ra, d->ra_off, "in the link register"));
  if ((t->reg ^ d->reg) & PCLN_RULE_SIGNAL)
    say(c, f, off, "cfi-rule-signal", "kind of frame", show_frame(t),
        show_frame(d));
}

static struct pcln_span unwind_of(const struct pcln_func_def *d) {
  return d->n_pcdata > PCLN_PCDATA_UNWIND ? d->pcdata[PCLN_PCDATA_UNWIND]
                                          : (struct pcln_span){0};
}

static void compare_function(const struct compare *c, uint32_t idx,
                             const struct pcln_func_def *d) {
  const struct pcln_table *t = c->run->t;
  struct pcln_func f;
  if ((!d->pcsp.ptr && !unwind_of(d).ptr) ||
      pcln_func_at(t, idx, &f) != PCLN_OK)
    return;
  struct stream pcsp = stream_at(d->pcsp, c->m->quantum);
  struct stream unwind = stream_at(unwind_of(d), c->m->quantum);
  c->run->step->n_functions++;
  if (t->ours && f.flags != d->flags)
    pcln_check_say(c->run, "cfi-flags", &f, 0, "functab", f.rec_off,
                   "the flags are 0x%x, by the CFI they are 0x%x", f.flags,
                   d->flags);
  for (uint32_t off = 0, hi; off < d->size; off = hi) {
    struct pcln_rule rule;
    struct pcln_run range;
    if (pcln_rule_at(t, &f, f.entry + off, &rule, &range) != PCLN_OK)
      return; // reported by the check of the structure
    const struct pcln_rule want =
        rule_of(c, stream_to(&pcsp, off), stream_to(&unwind, off));
    hi = range.hi < pcsp.hi ? range.hi : pcsp.hi;
    hi = hi < unwind.hi ? hi : unwind.hi;
    c->run->step->n_items++;
    compare_rules(c, &f, off, &rule, &want);
  }
}

// --- Interface --------------------------------------------------------------

enum pcln_status pcln_check_cfi(struct pcln_check_run *run) {
  struct pcln_source_stats stats = {0};
  const struct pcln_source_options o = {.threads = run->o.threads};
  struct pcln_cfi_arch arch;
  struct pcln_module m;
  uint32_t *idx = NULL;
  if (!pcln_cfi_arch(run->elf->machine, &arch))
    return pcln_check_skip(run, "call frame information of this machine is "
                                "not interpreted");
  pcln_module_init(&m);
  enum pcln_status status = pcln_check_functions(run, &m, &idx);
  if (status == PCLN_OK)
    status = pcln_src_cfi(run->elf, &m, &o, &stats);
  if (status == PCLN_CORRUPT)
    status = pcln_check_skip(run, "the file's call frame information is "
                                  "damaged");
  else if (status == PCLN_OK && stats.fdes == 0)
    status = pcln_check_skip(run, "the file has no call frame information");
  else if (status == PCLN_OK)
    for (size_t i = 0; i < m.n_funcs; i++)
      compare_function(
          &(struct compare){.run = run, .m = &m, .pushed = arch.pushed_ra},
          idx[i], &m.funcs[i]);
  free(idx);
  pcln_module_free(&m);
  return status;
}
