// SPDX-License-Identifier: Apache-2.0
//
// The frame, followed through a function's code, and held against the table.
//
// State. Before each instruction the frame is what is known of a few places:
// what SP, FP, the link register and temporaries hold, and where the caller's
// FP and the return address are stored (struct pcdis_frame). Each is known
// exactly, as a distance from the CFA, or unknown. An instruction makes one
// frame of another by its neutral effects alone; nothing here knows a machine.
//
// Claims. The table's rule at an instruction says where the CFA, the caller's
// FP and the return address are: the frame agrees, or it contradicts, or it
// does not know and then takes the table's word for it ("held"), so that the
// code behind is checked again, if only against the row before. What is
// unknown accuses nobody.
//
// Paths. Where paths meet, what they do not agree on is unknown. That only ever
// happens to a fact once, and they are few, so each instruction is visited a
// few times at most and the walk ends. A frame that contradicts the claim where
// it arrives is refused and waits until nothing else is to be done; if another
// path has brought a frame that agrees by then, this one never existed: it came
// through a call that does not return. If not, it is a fault, said once for its
// row, and the walk goes on with what the code does, not with what the table
// says: so one wrong row is one finding. A call's way back is trusted as soon
// as the frame behind it agrees; where it does not, the callee must be seen to
// return.
//
// Unreachable code. Targets of jump tables and landing pads are reached by no
// path that can be seen here. They begin with the table's word, and with what
// the calls in the function know of a frame with the same rule. Where such code
// returns with a frame still there, the table was wrong about it.
#include "check_flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum standing {
  ABSENT,  // no path has come here
  AGREED,  // the frame and the claim
  REFUSED, // only frames that contradict the claim came
  FAULTY,  // the same, and that has been said
};

struct pcdis_node {
  struct pcdis_frame frame;
  uint8_t standing;
  bool queued;
  // At a row's first step: such a fault of the row has been reported.
  bool cfa_said, saved_said;
  bool data_said;
};

// A rule, and what the calls at which it holds have in common.
struct hint {
  const struct pcln_rule *rule;
  struct pcdis_frame frame;
  bool jump; // one of them is a jump
};
enum { N_HINTS = 8 };

struct run {
  const struct pcdis_walk_input *in;
  struct pcdis_check_stats *stats;
  struct pcdis_node *nodes;
  uint32_t *work, *refused;
  uint32_t n_work, n_refused;
  struct hint hints[N_HINTS];
  uint32_t n_hints;
  bool hinted;
  bool left; // a path has gone on behind the last step
};

// --- Values -----------------------------------------------------------------

static const struct pcdis_value unknown = {PCDIS_UNKNOWN, 0};
static const struct pcdis_value callers = {PCDIS_CALLERS, 0};
static const struct pcdis_value changed = {PCDIS_CHANGED, 0};

static struct pcdis_value at_frame(int64_t off) {
  return off == (int32_t)off ? (struct pcdis_value){PCDIS_FRAME, (int32_t)off}
                             : unknown;
}

static bool is_frame(struct pcdis_value v) { return v.held == PCDIS_FRAME; }

static bool same(struct pcdis_value a, struct pcdis_value b) {
  return a.held == b.held && a.off == b.off;
}

static struct pcdis_value plus(struct pcdis_value base, int32_t off) {
  return is_frame(base) ? at_frame((int64_t)base.off + off) : unknown;
}

// The address that a place names, in a register or in memory.
static struct pcdis_value address(const struct pcdis_frame *f,
                                  struct pcdis_place p) {
  switch (p.kind) {
  case PCDIS_SP:
  case PCDIS_SP_WORD:
    return plus(f->sp, p.off);
  case PCDIS_TMP0:
    return plus(f->tmp[0], p.off);
  case PCDIS_TMP1:
    return plus(f->tmp[1], p.off);
  default:
    return plus(f->fp, p.off);
  }
}

// --- Instructions -----------------------------------------------------------

// SP, moved by the number in the second temporary register.
static struct pcdis_value sum_of(const struct pcdis_frame *f, int sign) {
  const struct pcdis_value by = f->tmp[1];
  if (!is_frame(f->sp) || by.held != PCDIS_NUMBER)
    return unknown;
  return at_frame((int64_t)f->sp.off + sign * (int64_t)by.off);
}

// What a register that holds `old`, whose caller's value is stored at `slot`,
// holds after `p` went into it.
static struct pcdis_value become(const struct pcdis_frame *f,
                                 struct pcdis_value old,
                                 struct pcdis_value slot,
                                 struct pcdis_place p) {
  switch ((enum pcdis_place_kind)p.kind) {
  case PCDIS_SAME:
    return old;
  case PCDIS_SP:
  case PCDIS_FP:
  case PCDIS_TMP0:
  case PCDIS_TMP1:
    return address(f, p);
  case PCDIS_SP_LESS:
  case PCDIS_SP_MORE:
    return sum_of(f, p.kind == PCDIS_SP_LESS ? -1 : 1);
  case PCDIS_CONST:
    return (struct pcdis_value){PCDIS_NUMBER, p.off};
  case PCDIS_SP_WORD:
  case PCDIS_FP_WORD: {
    const struct pcdis_value from = address(f, p);
    if (!is_frame(from) || slot.held == PCDIS_UNKNOWN)
      return unknown;
    return same(from, slot) ? callers : changed;
  }
  case PCDIS_ALIGNED:
  case PCDIS_WORD: // perhaps restored, by an address that is not followed
    return unknown;
  case PCDIS_OTHER:
    break;
  }
  return changed;
}

// What is known of a slot after SP moved. A slot that was given up, below SP,
// and is above it again may have been written by pushes in between.
static struct pcdis_value uncovered(struct pcdis_value slot,
                                    struct pcdis_value old_sp,
                                    struct pcdis_value new_sp) {
  if (!is_frame(slot) || !is_frame(old_sp) || slot.off >= old_sp.off)
    return slot;
  return is_frame(new_sp) && slot.off < new_sp.off ? slot : unknown;
}

// The slot after a register that holds `value` was stored at `p`. What is
// stored once more, to align the stack, stays where it was first.

static struct pcdis_value stored(const struct pcdis_frame *f,
                                 struct pcdis_value slot,
                                 struct pcdis_value value,
                                 struct pcdis_place p) {
  if (p.kind == PCDIS_SAME)
    return slot;
  const struct pcdis_value to = address(f, p);
  if (value.held == PCDIS_CALLERS)
    return is_frame(slot) && is_frame(f->sp) && slot.off >= f->sp.off ? slot
                                                                      : to;
  return is_frame(to) && !same(to, slot) ? slot : unknown;
}

static struct pcdis_value frame_only(struct pcdis_value v) {
  return is_frame(v) ? v : unknown;
}

static struct pcdis_value followed(struct pcdis_value v) {
  return v.held == PCDIS_NUMBER ? v : frame_only(v);
}

static struct pcdis_value no_number(struct pcdis_value v) {
  return v.held == PCDIS_NUMBER ? changed : v;
}

// The frame behind the step.
static struct pcdis_frame apply(const struct pcdis_frame *f,
                                const struct pcdis_step *s) {
  struct pcdis_frame out = *f;
  out.sp = frame_only(become(f, f->sp, changed, s->sp));
  for (int k = 0; k < PCDIS_N_TMP; k++)
    out.tmp[k] = followed(become(f, f->tmp[k], changed, s->tmp[k]));
  out.fp = no_number(become(f, f->fp, f->fp_slot, s->fp));
  out.ra = no_number(become(f, f->ra, f->ra_slot, s->ra));
  out.fp_slot =
      stored(f, uncovered(f->fp_slot, f->sp, out.sp), f->fp, s->fp_store);
  out.ra_slot =
      stored(f, uncovered(f->ra_slot, f->sp, out.sp), f->ra, s->ra_store);
  return out;
}

// --- Claims -----------------------------------------------------------------

enum { NO_FAULT = -1 };

static void take_word(struct pcdis_frame *f, enum pcdis_excuse why) {
  if (f->excuse == PCDIS_N_EXCUSES)
    f->excuse = (uint8_t)why;
}

static int check_cfa(const struct pcln_rule *rule, struct pcdis_frame *f) {
  struct pcdis_value *base;
  switch (rule->cfa) {
  case PCLN_CFA_SP_DELTA:
  case PCLN_CFA_SP:
    base = &f->sp;
    break;
  case PCLN_CFA_FP:
    base = &f->fp;
    break;
  default: // says nothing, or what only the memory of a process can tell
    return NO_FAULT;
  }
  const struct pcdis_value claimed = at_frame(-(int64_t)rule->cfa_off);
  if (is_frame(*base))
    return same(*base, claimed) ? NO_FAULT : PCDIS_FAULT_CFA;
  if (base->held == PCDIS_CALLERS)
    return PCDIS_FAULT_CFA;
  *base = claimed;
  take_word(f, PCDIS_EXCUSE_LOST);
  return NO_FAULT;
}

// Where a rule says that a register of the caller is: an address, or unknown.
static struct pcdis_value claimed_slot(const struct pcdis_frame *f,
                                       uint8_t kind, int32_t off) {
  switch (kind) {
  case PCLN_SAVE_CFA:
    return at_frame(off);
  case PCLN_SAVE_SP:
    return plus(f->sp, off);
  case PCLN_SAVE_FP:
    return plus(f->fp, off);
  }
  return unknown;
}

// Whether the claim agrees with what the register and its slot hold. A register
// that changed without being stored anywhere that was seen may have been kept
// in another one, or may be of no use to a function that does not return.
static bool check_saved(const struct pcdis_frame *f, uint8_t kind, int32_t off,
                        struct pcdis_value *reg, struct pcdis_value *slot) {
  if (kind == PCLN_SAVE_SAME) {
    if (is_frame(*reg) || (reg->held == PCDIS_CHANGED && is_frame(*slot)))
      return false;
    if (reg->held == PCDIS_UNKNOWN)
      *reg = callers;
    return true;
  }
  const struct pcdis_value claimed = claimed_slot(f, kind, off);
  if (!is_frame(claimed))
    return true;
  if (slot->held != PCDIS_UNKNOWN)
    return same(*slot, claimed);
  *slot = claimed;
  return true;
}

// The fault that the claim is, or NO_FAULT; then the frame also has what only
// the claim knows.
static int check_claim(const struct pcdis_walk_input *in,
                       const struct pcln_rule *rule, struct pcdis_frame *f) {
  struct pcdis_frame filled = *f;
  // The outermost frame has no caller whose registers could be wrong.
  if (rule->cfa == PCLN_CFA_NONE || rule->ra == PCLN_SAVE_UNDEFINED)
    return NO_FAULT;
  if (check_cfa(rule, &filled) != NO_FAULT)
    return PCDIS_FAULT_CFA;
  if (!in->cfa_only) {
    if (!check_saved(&filled, rule->fp, rule->fp_off, &filled.fp,
                     &filled.fp_slot))
      return PCDIS_FAULT_FP;
    if (!check_saved(&filled, rule->ra, rule->ra_off, &filled.ra,
                     &filled.ra_slot))
      return PCDIS_FAULT_RA;
  }
  *f = filled;
  return NO_FAULT;
}

// Whether a step is code for sure, and not there for nothing.
static bool is_code(const struct pcdis_step *s) {
  return !s->padding && !s->data;
}

// --- Paths ------------------------------------------------------------------

static void meet_value(struct pcdis_value *a, struct pcdis_value b,
                       bool *moved) {
  if (a->held != PCDIS_UNKNOWN && !same(*a, b)) {
    *a = unknown;
    *moved = true;
  }
}

// Leaves in *a what both know. True: that is less than before, or better
// founded.
static bool meet(struct pcdis_frame *a, const struct pcdis_frame *b) {
  bool moved = false;
  meet_value(&a->sp, b->sp, &moved);
  for (int k = 0; k < PCDIS_N_TMP; k++)
    meet_value(&a->tmp[k], b->tmp[k], &moved);
  meet_value(&a->fp, b->fp, &moved);
  meet_value(&a->ra, b->ra, &moved);
  meet_value(&a->fp_slot, b->fp_slot, &moved);
  meet_value(&a->ra_slot, b->ra_slot, &moved);
  if (b->excuse == PCDIS_N_EXCUSES && a->excuse != PCDIS_N_EXCUSES) {
    a->excuse = PCDIS_N_EXCUSES;
    moved = true;
  }
  if (b->call == PCDIS_NO_STEP && a->call != PCDIS_NO_STEP) {
    a->call = PCDIS_NO_STEP;
    moved = true;
  }
  return moved;
}

static void enqueue(struct run *r, uint32_t i) {
  if (r->nodes[i].queued)
    return;
  r->nodes[i].queued = true;
  r->work[r->n_work++] = i;
}

static void refuse(struct run *r, uint32_t i, const struct pcdis_frame *f) {
  struct pcdis_node *node = &r->nodes[i];
  switch ((enum standing)node->standing) {
  case ABSENT:
    node->standing = REFUSED;
    node->frame = *f;
    assert(r->n_refused < r->in->n);
    r->refused[r->n_refused++] = i;
    break;
  case REFUSED: // the better founded of the two
    if (node->frame.call != PCDIS_NO_STEP && f->call == PCDIS_NO_STEP)
      node->frame = *f;
    break;
  case AGREED:
    r->stats->excused[PCDIS_EXCUSE_MERGE]++;
    break;
  case FAULTY:
    break;
  }
}

// The first step from `i` on, through padding, where the claim does not
// contradict *f, which then has what only that claim knows; or else the one
// that is no padding. Rows begin anywhere in padding, and nothing depends on
// them there.
static uint32_t pass_padding(const struct run *r, uint32_t i,
                             struct pcdis_frame *f, bool *agrees) {
  for (;; i++) {
    const struct pcdis_step *s = &r->in->steps[i];
    *agrees = check_claim(r->in, &r->in->claims[i].rule, f) == NO_FAULT;
    if (*agrees || !s->padding || s->flow != PCDIS_NEXT || i + 1 == r->in->n)
      return i;
  }
}

// A path brings the frame `f` to step `i`.
static void arrive(struct run *r, uint32_t i, struct pcdis_frame f) {
  bool agrees;
  i = pass_padding(r, i, &f, &agrees);
  struct pcdis_node *node = &r->nodes[i];
  if (!agrees) {
    // A trap that is run into counts; one behind a call is there in case.
    const struct pcdis_step *s = &r->in->steps[i];
    if (is_code(s) ||
        (s->flow == PCDIS_STOP && !s->data && f.call == PCDIS_NO_STEP))
      refuse(r, i, &f);
    return;
  }
  // Padding behind a call tells nothing of the call.
  if (r->in->claims[i].rule.cfa != PCLN_CFA_NONE && !r->in->steps[i].padding)
    f.call = PCDIS_NO_STEP;
  f.disputed = false;
  if (node->standing == AGREED) {
    if (!meet(&node->frame, &f))
      return;
  } else {
    node->standing = AGREED;
    node->frame = f;
  }
  enqueue(r, i);
}

// The path goes on behind step `i`, with the frame `f`.
static void fall_through(struct run *r, uint32_t i,
                         const struct pcdis_frame *f) {
  if (i + 1 < r->in->n)
    arrive(r, i + 1, *f);
  else if (f->call == PCDIS_NO_STEP && !r->left) {
    r->left = true;
    r->in->fault(r->in->ctx, PCDIS_FAULT_END, i, f);
  }
}

static void visit_return(struct run *r, uint32_t i) {
  const struct pcdis_frame *f = &r->nodes[i].frame;
  bool *said = &r->nodes[r->in->claims[i].cfa_row].cfa_said;
  if (f->excuse == PCDIS_N_EXCUSES || !is_frame(f->sp) ||
      f->sp.off == -r->in->ra_size || *said)
    return;
  if (r->in->moves_stack) {
    r->stats->excused[PCDIS_EXCUSE_SP_WRITE]++;
    return;
  }
  *said = true;
  r->in->fault(r->in->ctx, PCDIS_FAULT_RETURN, i, f);
}

static void visit_call(struct run *r, uint32_t i) {
  const struct pcdis_step *s = &r->in->steps[i];
  struct pcdis_frame f = apply(&r->nodes[i].frame, s);
  // A call of the next instruction, to learn the pc: nothing comes back.
  if (s->jumps == i + 1)
    f.sp = plus(f.sp, -r->in->ra_size);
  else
    f.call = i;
  fall_through(r, i, &f);
}

static void visit(struct run *r, uint32_t i) {
  const struct pcdis_step *s = &r->in->steps[i];
  struct pcdis_frame f;
  if (s->data) {
    if (r->nodes[i].frame.call == PCDIS_NO_STEP && !r->nodes[i].data_said) {
      r->nodes[i].data_said = true;
      r->in->fault(r->in->ctx, PCDIS_FAULT_DATA, i, &r->nodes[i].frame);
    }
    return;
  }
  switch ((enum pcdis_flow)s->flow) {
  case PCDIS_CALL:
    visit_call(r, i);
    return;
  case PCDIS_RETURN:
    visit_return(r, i);
    return;
  case PCDIS_STOP:
    return;
  case PCDIS_NEXT:
  case PCDIS_JUMP:
  case PCDIS_BRANCH:
    break;
  }
  f = apply(&r->nodes[i].frame, s);
  if (s->flow != PCDIS_NEXT && s->jumps != PCDIS_NO_STEP)
    arrive(r, s->jumps, f);
  if (s->flow != PCDIS_JUMP)
    fall_through(r, i, &f);
}

static void drain(struct run *r) {
  while (r->n_work) {
    const uint32_t i = r->work[--r->n_work];
    r->nodes[i].queued = false;
    visit(r, i);
  }
}

// --- Beginnings -------------------------------------------------------------

static struct pcdis_frame entry_frame(const struct pcdis_walk_input *in) {
  const bool pushed = in->ra_size != 0;
  return (struct pcdis_frame){
      .sp = at_frame(-in->ra_size),
      .fp = callers,
      .ra = pushed ? changed : callers,
      .fp_slot = changed,
      .ra_slot = pushed ? at_frame(-in->ra_size) : changed,
      .excuse = PCDIS_N_EXCUSES,
      .call = PCDIS_NO_STEP,
  };
}

static bool equal_rules(const struct pcln_rule *a, const struct pcln_rule *b) {
  return memcmp(a, b, sizeof *a) == 0;
}

static struct hint *find_hint(struct run *r, const struct pcln_rule *rule) {
  for (uint32_t k = 0; k < r->n_hints; k++)
    if (equal_rules(r->hints[k].rule, rule))
      return &r->hints[k];
  return NULL;
}

// Collects what calls and jumps to unknown places know of their frames: that is
// where landing pads and the targets of jump tables are reached from.
static void gather_hints(struct run *r) {
  if (r->hinted)
    return;
  r->hinted = true;
  for (uint32_t i = 0; i < r->in->n; i++) {
    const struct pcdis_step *s = &r->in->steps[i];
    if (r->nodes[i].standing != AGREED ||
        !(s->flow == PCDIS_CALL || (s->flow == PCDIS_JUMP && s->indirect)))
      continue;
    struct hint *h = find_hint(r, &r->in->claims[i].rule);
    if (h)
      meet(&h->frame, &r->nodes[i].frame);
    else if (r->n_hints < N_HINTS) {
      h = &r->hints[r->n_hints++];
      h->rule = &r->in->claims[i].rule;
      h->frame = r->nodes[i].frame;
    }
    if (h && s->flow == PCDIS_JUMP)
      h->jump = true;
  }
}

// Begins at step `i` with the table's word, because of `why`.
static void begin_at(struct run *r, uint32_t i, enum pcdis_excuse why) {
  gather_hints(r);
  const struct hint *h = find_hint(r, &r->in->claims[i].rule);
  struct pcdis_frame f = {.call = PCDIS_NO_STEP};
  if (h)
    f = h->frame;
  if (h && h->jump && why == PCDIS_EXCUSE_SEEDED)
    why = PCDIS_EXCUSE_JUMP;
  f.excuse = (uint8_t)why;
  r->nodes[i].standing = ABSENT;
  arrive(r, i, f);
}

static void begin_entry(struct run *r) {
  struct pcdis_frame f = entry_frame(r->in);
  // GCC begins a part whose first byte would be a landing pad with a byte of
  // padding that is never reached.
  if (r->in->part && r->in->steps[0].padding)
    return;
  if (r->in->part && check_claim(r->in, &r->in->claims[0].rule, &f) != NO_FAULT)
    begin_at(r, 0, PCDIS_EXCUSE_PART);
  else
    arrive(r, 0, entry_frame(r->in));
  drain(r);
}

// --- Frames that were refused -----------------------------------------------

static bool proven(const struct pcdis_frame *f) {
  return f->excuse == PCDIS_N_EXCUSES;
}

// Goes on with a frame that the claim contradicts.
static void accept(struct run *r, uint32_t i) {
  struct pcdis_node *node = &r->nodes[i];
  node->standing = FAULTY;
  node->frame.call = PCDIS_NO_STEP;
  node->frame.disputed = !proven(&node->frame);
  enqueue(r, i);
}

// The fault that step `i` was refused for, and whether its row's was reported.
static int fault_of(const struct run *r, uint32_t i, bool **said) {
  const struct pcdis_claim *claim = &r->in->claims[i];
  struct pcdis_frame f = r->nodes[i].frame;
  const int fault = check_claim(r->in, &claim->rule, &f);
  *said = fault == PCDIS_FAULT_CFA ? &r->nodes[claim->cfa_row].cfa_said
                                   : &r->nodes[claim->saved_row].saved_said;
  return fault;
}

// Go's assembler for AArch64 makes two instructions of an addition to SP whose
// number one cannot hold, and one row of both, which is wrong between them.
// (Its authors found the same by crashes: golang/go issue 73259.)
static bool is_split(const struct run *r, uint32_t i) {
  const struct pcdis_step *s = &r->in->steps[i];
  return r->in->cfa_only && i > 0 && s->sp.kind == PCDIS_SP && s->sp.off > 0 &&
         s[-1].sp.kind == PCDIS_SP && s[-1].sp.off > 0 &&
         r->in->claims[i].cfa_row != i;
}

static void settle(struct run *r, uint32_t i) {
  const struct pcdis_frame *f = &r->nodes[i].frame;
  bool *said;
  if (r->nodes[i].standing != REFUSED)
    return;
  const int fault = fault_of(r, i, &said);
  if (*said) {
    accept(r, i);
  } else if (f->call != PCDIS_NO_STEP && !r->in->returns(r->in->ctx, f->call)) {
    r->stats->excused[PCDIS_EXCUSE_NORETURN]++;
    begin_at(r, i, PCDIS_EXCUSE_SEEDED);
  } else if (r->in->moves_stack) {
    begin_at(r, i, PCDIS_EXCUSE_SP_WRITE);
  } else if (f->disputed) {
    // This row and the one that was said cannot both be right, by the code
    // between them. Which is wrong is not known, so it was said of the first.
    begin_at(r, i, (enum pcdis_excuse)f->excuse);
  } else if (is_split(r, i)) {
    r->stats->excused[PCDIS_EXCUSE_SPLIT]++;
    accept(r, i);
  } else {
    *said = true;
    r->in->fault(r->in->ctx, (enum pcdis_fault)fault, i, f);
    accept(r, i);
  }
}

static void settle_all(struct run *r) {
  for (uint32_t k = 0; k < r->n_refused; k++) {
    settle(r, r->refused[k]);
    drain(r);
  }
  r->n_refused = 0;
}

// --- The whole --------------------------------------------------------------

// Whether a step that no path reached is worth a beginning of its own.
static bool worth_beginning(const struct pcdis_step *s) {
  return is_code(s) && !s->loose;
}

static void count(struct run *r) {
  struct pcdis_check_stats *stats = r->stats;
  uint64_t n = 0, proven = 0;
  for (uint32_t i = 0; i < r->in->n; i++) {
    const struct pcdis_node *node = &r->nodes[i];
    const uint8_t cfa = r->in->claims[i].rule.cfa;
    if (node->standing == ABSENT && !worth_beginning(&r->in->steps[i])) {
      if (!r->in->steps[i].padding)
        stats->excused[PCDIS_EXCUSE_DATA]++;
      continue;
    }
    n++;
    if (cfa == PCLN_CFA_NONE)
      stats->excused[PCDIS_EXCUSE_NO_RULE]++;
    else if (cfa > PCLN_CFA_FP)
      stats->excused[PCDIS_EXCUSE_DEREF]++;
    else if (node->standing == AGREED && node->frame.excuse == PCDIS_N_EXCUSES)
      proven++;
    else if (node->standing == AGREED) {
      stats->insns_held++;
      stats->excused[node->frame.excuse]++;
    }
  }
  stats->insns += n;
  stats->insns_proven += proven;
  stats->funcs_full += n && proven == n;
  stats->funcs_part += proven && proven < n;
  stats->funcs_none += !proven;
}

static enum pcln_status reserve(struct pcdis_walk *walk, uint32_t n) {
  if (n > walk->cap) {
    pcdis_walk_free(walk);
    walk->nodes = malloc(n * sizeof *walk->nodes);
    walk->work = malloc(n * sizeof *walk->work);
    walk->refused = malloc(n * sizeof *walk->refused);
    if (!walk->nodes || !walk->work || !walk->refused)
      return PCLN_NO_MEMORY;
    walk->cap = n;
  }
  memset(walk->nodes, 0, n * sizeof *walk->nodes);
  return PCLN_OK;
}

enum pcln_status pcdis_follow(struct pcdis_walk *walk,
                              const struct pcdis_walk_input *in,
                              struct pcdis_check_stats *stats) {
  const enum pcln_status status = reserve(walk, in->n);
  struct run r = {.in = in,
                  .stats = stats,
                  .nodes = walk->nodes,
                  .work = walk->work,
                  .refused = walk->refused};
  if (status != PCLN_OK || in->n == 0)
    return status;
  begin_entry(&r);
  settle_all(&r);
  for (uint32_t i = 0; i < in->n; i++)
    if (r.nodes[i].standing == ABSENT && worth_beginning(&in->steps[i])) {
      begin_at(&r, i, PCDIS_EXCUSE_SEEDED);
      drain(&r);
      settle_all(&r);
    }
  count(&r);
  return PCLN_OK;
}

void pcdis_walk_free(struct pcdis_walk *walk) {
  free(walk->nodes);
  free(walk->work);
  free(walk->refused);
  *walk = (struct pcdis_walk){.cap = 0};
}
