// SPDX-License-Identifier: Apache-2.0
//
// The frame followed through sequences of neutral instructions, which no
// decoder had a hand in. Each line of a sequence is an instruction and the
// table's claim before it; what is to be found stands behind it.
#include "check_flow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WORD = 8, MAX = 40, NOTHING = -1 };

enum op {
  END,
  NOP,  // padding
  MOVE, // anything that touches no frame
  PUSH, // of any register
  PUSH_FP,
  POP,
  POP_FP,
  FP_IS_SP, // mov fp, sp
  ADD_SP,   // arg
  LEAVE,    // sp = fp + 8, fp = [fp]
  LOSE_SP,  // sp becomes something else
  ALIGN_SP,
  FP_IS_NEW, // fp becomes something else
  LOAD_FP,   // from somewhere in memory
  SP_OF_FP,  // lea sp, [fp + arg]
  NUMBER,    // the second temporary becomes arg
  TMP_LESS,  // the first becomes sp less the second
  SP_IS_TMP, // sp becomes the first
  SP_MORE,   // sp moves up by the second
  CALL,      // of one that returns
  CALL_GONE, // of one that is not seen to return
  JUMP,      // to instruction number arg
  BRANCH,
  SWITCH, // jump to a place not known
  RETURN,
  STOP,
  DATA,
};

// A claim: CFA = base + off; the caller's FP is at CFA + fp, or if that is 0 in
// its register.
struct line {
  enum op op;
  int arg;
  uint8_t cfa;
  int off, fp;
  int fault; // found here: an enum pcdis_fault, or NOTHING
};
#define SP(off) PCLN_CFA_SP, off
#define FP(off) PCLN_CFA_FP, off
#define NONE PCLN_CFA_NONE, 0

static struct pcdis_place place(enum pcdis_place_kind kind, int off) {
  return (struct pcdis_place){(uint8_t)kind, off};
}

static void set_step(struct pcdis_step *s, const struct line *l) {
  switch (l->op) {
  case END:
  case MOVE:
    break;
  case NOP:
    s->padding = true;
    break;
  case PUSH_FP:
    s->fp_store = place(PCDIS_SP, -WORD);
    s->sp = place(PCDIS_SP, -WORD);
    break;
  case PUSH:
    s->sp = place(PCDIS_SP, -WORD);
    break;
  case POP_FP:
    s->fp = place(PCDIS_SP_WORD, 0);
    s->sp = place(PCDIS_SP, WORD);
    break;
  case POP:
    s->sp = place(PCDIS_SP, WORD);
    break;
  case FP_IS_SP:
    s->fp = place(PCDIS_SP, 0);
    break;
  case ADD_SP:
    s->sp = place(PCDIS_SP, l->arg);
    break;
  case LEAVE:
    s->sp = place(PCDIS_FP, WORD);
    s->fp = place(PCDIS_FP_WORD, 0);
    break;
  case LOSE_SP:
    s->sp = place(PCDIS_OTHER, 0);
    break;
  case ALIGN_SP:
    s->sp = place(PCDIS_ALIGNED, 16);
    break;
  case FP_IS_NEW:
    s->fp = place(PCDIS_OTHER, 0);
    break;
  case LOAD_FP:
    s->fp = place(PCDIS_WORD, 0);
    break;
  case SP_OF_FP:
    s->sp = place(PCDIS_FP, l->arg);
    break;
  case NUMBER:
    s->tmp[1] = place(PCDIS_CONST, l->arg);
    break;
  case TMP_LESS:
    s->tmp[0] = place(PCDIS_SP_LESS, 0);
    break;
  case SP_IS_TMP:
    s->sp = place(PCDIS_TMP0, 0);
    break;
  case SP_MORE:
    s->sp = place(PCDIS_SP_MORE, 0);
    break;
  case CALL:
  case CALL_GONE:
    s->flow = PCDIS_CALL;
    break;
  case JUMP:
  case BRANCH:
    s->flow = l->op == JUMP ? PCDIS_JUMP : PCDIS_BRANCH;
    s->jumps = (uint32_t)l->arg;
    break;
  case SWITCH:
    s->flow = PCDIS_JUMP;
    s->indirect = true;
    break;
  case RETURN:
    s->flow = PCDIS_RETURN;
    break;
  case STOP:
    s->flow = PCDIS_STOP;
    s->padding = true;
    break;
  case DATA:
    s->flow = PCDIS_STOP;
    s->data = true;
    break;
  }
}

// --- Following --------------------------------------------------------------

struct sequence {
  const struct line *lines;
  struct pcdis_step steps[MAX];
  struct pcdis_claim claims[MAX];
  uint32_t n;
  int found[MAX];
  unsigned n_found;
};

static bool returns(void *ctx, uint32_t i) {
  const struct sequence *s = ctx;
  return s->lines[i].op == CALL;
}

static void found(void *ctx, enum pcdis_fault fault, uint32_t i,
                  const struct pcdis_frame *f) {
  struct sequence *s = ctx;
  assert_non_null(f);
  assert_true(i < s->n);
  assert_int_equal(s->found[i], NOTHING);
  s->found[i] = (int)fault;
  s->n_found++;
}

static bool same_claim(const struct line *a, const struct line *b) {
  return a->cfa == b->cfa && a->off == b->off && a->fp == b->fp;
}

static struct sequence *make(const struct line *lines) {
  static struct sequence s;
  memset(&s, 0, sizeof s);
  s.lines = lines;
  for (; lines[s.n].op != END; s.n++) {
    const struct line *l = &lines[s.n];
    struct pcdis_claim *claim = &s.claims[s.n];
    assert_true(s.n < MAX);
    s.steps[s.n] =
        (struct pcdis_step){.off = s.n, .len = 1, .jumps = PCDIS_NO_STEP};
    set_step(&s.steps[s.n], l);
    claim->rule =
        (struct pcln_rule){.cfa = l->cfa,
                           .cfa_off = l->off,
                           .fp = l->fp ? PCLN_SAVE_CFA : PCLN_SAVE_SAME,
                           .fp_off = l->fp,
                           .ra = PCLN_SAVE_CFA,
                           .ra_off = -WORD};
    const bool fresh = s.n == 0 || !same_claim(l, l - 1);
    claim->cfa_row = fresh ? s.n : s.claims[s.n - 1].cfa_row;
    claim->saved_row = claim->cfa_row;
    s.found[s.n] = NOTHING;
  }
  return &s;
}

static struct pcdis_walk_input input(struct sequence *s) {
  return (struct pcdis_walk_input){.steps = s->steps,
                                   .claims = s->claims,
                                   .n = s->n,
                                   .ra_size = WORD,
                                   .returns = returns,
                                   .fault = found,
                                   .ctx = s};
}

static struct pcdis_check_stats follow(struct sequence *s,
                                       const struct pcdis_walk_input *in) {
  struct pcdis_walk walk = {.cap = 0};
  struct pcdis_check_stats stats = {.funcs = 0};
  assert_int_equal(pcdis_follow(&walk, in, &stats), PCLN_OK);
  pcdis_walk_free(&walk);
  for (uint32_t i = 0; i < s->n; i++)
    if (s->found[i] != s->lines[i].fault)
      fail_msg("at %u: want fault %d, got %d", i, s->lines[i].fault,
               s->found[i]);
  assert_int_equal(stats.funcs_full + stats.funcs_part + stats.funcs_none, 1);
  return stats;
}

static struct pcdis_check_stats check(const struct line *lines) {
  struct sequence *s = make(lines);
  const struct pcdis_walk_input in = input(s);
  return follow(s, &in);
}

// --- Sound sequences --------------------------------------------------------

#define OK NOTHING

static void proves_pushes_and_pops(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH, 0, SP(8), 0, OK},   {ADD_SP, -24, SP(16), 0, OK},
      {CALL, 0, SP(40), 0, OK},  {ADD_SP, 24, SP(40), 0, OK},
      {POP, 0, SP(16), 0, OK},   {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  const struct pcdis_check_stats stats = check(lines);
  assert_int_equal(stats.insns, 6);
  assert_int_equal(stats.insns_proven, 6);
  assert_int_equal(stats.funcs_full, 1);
}

static void proves_frame_pointers(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH_FP, 0, SP(8), 0, OK},    {FP_IS_SP, 0, SP(16), -16, OK},
      {LOSE_SP, 0, FP(16), -16, OK}, {CALL, 0, FP(16), -16, OK},
      {LEAVE, 0, FP(16), -16, OK},   {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  assert_int_equal(check(lines).insns_proven, 6);
}

static void proves_a_stack_that_is_aligned_and_left_by_fp(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH_FP, 0, SP(8), 0, OK},      {FP_IS_SP, 0, SP(16), -16, OK},
      {PUSH, 0, FP(16), -16, OK},      {ALIGN_SP, 0, FP(16), -16, OK},
      {SP_OF_FP, -8, FP(16), -16, OK}, {POP, 0, FP(16), -16, OK},
      {POP_FP, 0, SP(16), -16, OK},    {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  assert_int_equal(check(lines).insns_proven, 8);
}

// Go on AArch64, where no immediate is large enough.
static void proves_frames_of_a_size_in_a_register(void **state) {
  (void)state;
  static const struct line lines[] = {
      {NUMBER, 8000, SP(8), 0, OK},    {TMP_LESS, 0, SP(8), 0, OK},
      {SP_IS_TMP, 0, SP(8), 0, OK},    {CALL, 0, SP(8008), 0, OK},
      {NUMBER, 8000, SP(8008), 0, OK}, {SP_MORE, 0, SP(8008), 0, OK},
      {RETURN, 0, SP(8), 0, OK},       {END, 0, NONE, 0, NOTHING}};
  assert_int_equal(check(lines).insns_proven, 7);
  static const struct line wrong[] = {
      {NUMBER, 8000, SP(8), 0, OK}, {TMP_LESS, 0, SP(8), 0, OK},
      {SP_IS_TMP, 0, SP(8), 0, OK}, {CALL, 0, SP(8016), 0, PCDIS_FAULT_CFA},
      {STOP, 0, SP(8016), 0, OK},   {END, 0, NONE, 0, NOTHING}};
  check(wrong);
}

// GCC leaves the rule for FP in force behind the pop: the word is still there.
static void believes_a_slot_below_sp(void **state) {
  (void)state;
  static const struct line lines[] = {{PUSH_FP, 0, SP(8), 0, OK},
                                      {FP_IS_NEW, 0, SP(16), -16, OK},
                                      {POP_FP, 0, SP(16), -16, OK},
                                      {RETURN, 0, SP(8), -16, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  check(lines);
}

static void a_second_store_of_fp_moves_no_slot(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH_FP, 0, SP(8), 0, OK},   {PUSH_FP, 0, SP(16), -16, OK},
      {CALL, 0, SP(24), -16, OK},   {POP, 0, SP(24), -16, OK},
      {POP_FP, 0, SP(16), -16, OK}, {RETURN, 0, SP(8), -16, OK},
      {END, 0, NONE, 0, NOTHING}};
  check(lines);
}

static void joins_paths(void **state) {
  (void)state;
  static const struct line lines[] = {
      {BRANCH, 3, SP(8), 0, OK}, {PUSH, 0, SP(8), 0, OK},
      {JUMP, 4, SP(16), 0, OK},  {PUSH, 0, SP(8), 0, OK},
      {MOVE, 0, SP(16), 0, OK},  {BRANCH, 4, SP(16), 0, OK},
      {POP, 0, SP(16), 0, OK},   {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  assert_int_equal(check(lines).insns_proven, 8);
}

// --- What is excused --------------------------------------------------------

static void what_follows_a_call_that_never_returns_is_another_path(void **s) {
  (void)s;
  static const struct line lines[] = {
      {BRANCH, 4, SP(8), 0, OK},     {PUSH, 0, SP(8), 0, OK},
      {CALL_GONE, 0, SP(16), 0, OK}, {NOP, 0, SP(16), 0, OK},
      {MOVE, 0, SP(8), 0, OK},       {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  const struct pcdis_check_stats stats = check(lines);
  assert_int_equal(stats.excused[PCDIS_EXCUSE_MERGE], 1);
  assert_int_equal(stats.insns_proven, stats.insns);
}

// The same where the code behind the call is reached in no other way.
static void such_code_begins_with_the_table(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH, 0, SP(8), 0, OK},       {SWITCH, 0, SP(16), 0, OK},
      {CALL_GONE, 0, SP(16), 0, OK}, {NOP, 0, SP(16), 0, OK},
      {MOVE, 0, SP(8), 0, OK},       {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  const struct pcdis_check_stats stats = check(lines);
  assert_int_equal(stats.excused[PCDIS_EXCUSE_NORETURN], 1);
  assert_int_equal(stats.insns_held, 4);
}

static void targets_of_jump_tables_begin_with_the_table(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH, 0, SP(8), 0, OK},   {SWITCH, 0, SP(16), 0, OK},
      {MOVE, 0, SP(16), 0, OK},  {POP, 0, SP(16), 0, OK},
      {RETURN, 0, SP(8), 0, OK}, {END, 0, NONE, 0, NOTHING}};
  const struct pcdis_check_stats stats = check(lines);
  assert_int_equal(stats.excused[PCDIS_EXCUSE_JUMP], 3);
  assert_int_equal(stats.insns_proven, 2);
  assert_int_equal(stats.funcs_part, 1);
}

static void a_part_begins_with_the_table(void **state) {
  (void)state;
  static const struct line lines[] = {{MOVE, 0, SP(48), 0, OK},
                                      {CALL_GONE, 0, SP(48), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  struct sequence *s = make(lines);
  struct pcdis_walk_input in = input(s);
  in.part = true;
  assert_int_equal(follow(s, &in).excused[PCDIS_EXCUSE_PART], 2);
}

static void a_lost_stack_pointer_is_taken_from_the_table(void **state) {
  (void)state;
  static const struct line lines[] = {{LOSE_SP, 0, SP(8), 0, OK},
                                      {PUSH, 0, SP(32), 0, OK},
                                      {STOP, 0, SP(40), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  assert_int_equal(check(lines).excused[PCDIS_EXCUSE_LOST], 2);
}

// FP that is loaded from memory, or that was stored nowhere, may be right.
static void a_changed_fp_may_be_unchanged(void **state) {
  (void)state;
  static const struct line loaded[] = {
      {PUSH_FP, 0, SP(8), 0, OK},    {FP_IS_NEW, 0, SP(16), -16, OK},
      {LOAD_FP, 0, SP(16), -16, OK}, {POP, 0, SP(16), 0, OK},
      {RETURN, 0, SP(8), 0, OK},     {END, 0, NONE, 0, NOTHING}};
  static const struct line kept[] = {{FP_IS_NEW, 0, SP(8), 0, OK},
                                     {RETURN, 0, SP(8), 0, OK},
                                     {END, 0, NONE, 0, NOTHING}};
  check(loaded);
  check(kept);
}

static void functions_without_rules_are_counted(void **state) {
  (void)state;
  static const struct line lines[] = {{PUSH, 0, NONE, 0, OK},
                                      {RETURN, 0, NONE, 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  const struct pcdis_check_stats stats = check(lines);
  assert_int_equal(stats.excused[PCDIS_EXCUSE_NO_RULE], 2);
  assert_int_equal(stats.funcs_none, 1);
}

static void data_that_nothing_runs_into_is_counted(void **state) {
  (void)state;
  static const struct line lines[] = {{JUMP, 2, SP(8), 0, OK},
                                      {DATA, 0, SP(8), 0, OK},
                                      {RETURN, 0, SP(8), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  assert_int_equal(check(lines).excused[PCDIS_EXCUSE_DATA], 1);
}

static void stacks_that_move_behind_the_tables_back(void **state) {
  (void)state;
  static const struct line lines[] = {{ADD_SP, -64, SP(8), 0, OK},
                                      {CALL, 0, SP(8), 0, OK},
                                      {ADD_SP, 64, SP(8), 0, OK},
                                      {RETURN, 0, SP(8), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  struct sequence *s = make(lines);
  struct pcdis_walk_input in = input(s);
  in.cfa_only = in.moves_stack = true;
  assert_int_equal(follow(s, &in).excused[PCDIS_EXCUSE_SP_WRITE], 3);
}

static void moves_of_sp_in_two_halves(void **state) {
  (void)state;
  static const struct line lines[] = {{ADD_SP, -4112, SP(8), 0, OK},
                                      {ADD_SP, 16, SP(4120), 0, OK},
                                      {ADD_SP, 4096, SP(4120), 0, OK},
                                      {RETURN, 0, SP(8), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  struct sequence *s = make(lines);
  struct pcdis_walk_input in = input(s);
  in.cfa_only = true;
  assert_int_equal(follow(s, &in).excused[PCDIS_EXCUSE_SPLIT], 1);
}

// --- Faults -----------------------------------------------------------------

static void a_row_that_begins_early_is_said_once(void **state) {
  (void)state;
  static const struct line lines[] = {
      {MOVE, 0, SP(8), 0, OK},   {PUSH, 0, SP(16), 0, PCDIS_FAULT_CFA},
      {CALL, 0, SP(16), 0, OK},  {POP, 0, SP(16), 0, OK},
      {RETURN, 0, SP(8), 0, OK}, {END, 0, NONE, 0, NOTHING}};
  assert_int_equal(check(lines).insns_proven, 4);
}

static void a_row_that_begins_late_is_said_once(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH, 0, SP(8), 0, OK},   {MOVE, 0, SP(8), 0, PCDIS_FAULT_CFA},
      {MOVE, 0, SP(8), 0, OK},   {CALL, 0, SP(16), 0, OK},
      {POP, 0, SP(16), 0, OK},   {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  check(lines);
}

static void a_row_behind_a_call_that_returns(void **state) {
  (void)state;
  static const struct line lines[] = {{PUSH, 0, SP(8), 0, OK},
                                      {CALL, 0, SP(16), 0, OK},
                                      {POP, 0, SP(8), 0, PCDIS_FAULT_CFA},
                                      {RETURN, 0, SP(8), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  // The row of the return is the wrong one, and right again at the return.
  check(lines);
}

static void a_base_that_is_not_set_up_yet(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH_FP, 0, SP(8), 0, OK},
      {FP_IS_SP, 0, FP(16), -16, PCDIS_FAULT_CFA},
      {LEAVE, 0, FP(16), -16, OK},
      {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  check(lines);
}

static void another_place_for_fp(void **state) {
  (void)state;
  static const struct line elsewhere[] = {
      {PUSH_FP, 0, SP(8), 0, OK},
      {FP_IS_NEW, 0, SP(16), -24, PCDIS_FAULT_FP},
      {POP_FP, 0, SP(16), -24, OK},
      {RETURN, 0, SP(8), 0, OK},
      {END, 0, NONE, 0, NOTHING}};
  static const struct line unchanged[] = {{PUSH_FP, 0, SP(8), 0, OK},
                                          {FP_IS_NEW, 0, SP(16), -16, OK},
                                          {MOVE, 0, SP(16), 0, PCDIS_FAULT_FP},
                                          {POP_FP, 0, SP(16), 0, OK},
                                          {RETURN, 0, SP(8), 0, OK},
                                          {END, 0, NONE, 0, NOTHING}};
  static const struct line never[] = {{PUSH, 0, SP(8), 0, OK},
                                      {MOVE, 0, SP(16), -16, PCDIS_FAULT_FP},
                                      {POP, 0, SP(16), -16, OK},
                                      {RETURN, 0, SP(8), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  check(elsewhere);
  check(unchanged);
  check(never);
}

static void another_place_for_the_return_address(void **state) {
  (void)state;
  static const struct line lines[] = {{MOVE, 0, SP(8), 0, PCDIS_FAULT_RA},
                                      {RETURN, 0, SP(8), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  struct sequence *s = make(lines);
  const struct pcdis_walk_input in = input(s);
  s->claims[0].rule.ra_off = s->claims[1].rule.ra_off = -16;
  follow(s, &in);
}

// A machine with a link register: a call overwrites it.
static void a_link_register_that_a_call_overwrote(void **state) {
  (void)state;
  static const struct line lines[] = {{ADD_SP, -16, SP(0), 0, OK},
                                      {CALL, 0, SP(16), 0, OK},
                                      {MOVE, 0, SP(16), 0, PCDIS_FAULT_RA},
                                      {ADD_SP, 16, SP(16), 0, OK},
                                      {RETURN, 0, SP(0), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  struct sequence *s = make(lines);
  struct pcdis_walk_input in = input(s);
  in.ra_size = 0;
  for (uint32_t i = 0; i < s->n; i++)
    s->claims[i].rule.ra = PCLN_SAVE_SAME;
  s->claims[1].rule.ra = PCLN_SAVE_CFA;
  s->claims[1].rule.ra_off = -16;
  s->claims[2].saved_row = s->claims[3].saved_row = 2;
  s->steps[0].ra_store = place(PCDIS_SP, -16);
  s->steps[1].ra = place(PCDIS_OTHER, 0);
  s->steps[3].ra = place(PCDIS_SP_WORD, 0);
  follow(s, &in);
}

static void a_return_with_a_frame_by_the_table(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH, 0, SP(8), 0, OK},
      {SWITCH, 0, SP(16), 0, OK},
      {MOVE, 0, SP(24), 0, OK},
      {RETURN, 0, SP(24), 0, PCDIS_FAULT_RETURN},
      {END, 0, NONE, 0, NOTHING}};
  check(lines);
}

// Which of two rows is wrong cannot be told where nothing is proven; the second
// is said, and the code goes on with the one behind.
static void rows_that_do_not_follow_from_each_other(void **state) {
  (void)state;
  static const struct line lines[] = {
      {PUSH, 0, SP(8), 0, OK},   {SWITCH, 0, SP(16), 0, OK},
      {MOVE, 0, SP(16), 0, OK},  {MOVE, 0, SP(24), 0, PCDIS_FAULT_CFA},
      {MOVE, 0, SP(16), 0, OK},  {POP, 0, SP(16), 0, OK},
      {RETURN, 0, SP(8), 0, OK}, {END, 0, NONE, 0, NOTHING}};
  check(lines);
}

static void code_that_runs_into_data(void **state) {
  (void)state;
  static const struct line lines[] = {{MOVE, 0, SP(8), 0, OK},
                                      {DATA, 0, SP(8), 0, PCDIS_FAULT_DATA},
                                      {RETURN, 0, SP(8), 0, OK},
                                      {END, 0, NONE, 0, NOTHING}};
  check(lines);
}

static void code_that_goes_on_behind_its_end(void **state) {
  (void)state;
  static const struct line lines[] = {{BRANCH, 0, SP(8), 0, OK},
                                      {MOVE, 0, SP(8), 0, PCDIS_FAULT_END},
                                      {END, 0, NONE, 0, NOTHING}};
  check(lines);
}

// --- Any sequence -----------------------------------------------------------

static void count_fault(void *ctx, enum pcdis_fault fault, uint32_t i,
                        const struct pcdis_frame *f) {
  struct sequence *s = ctx;
  (void)fault;
  assert_non_null(f);
  assert_true(i < s->n);
  s->n_found++;
}

// Whatever the code and the claims: it ends, and says no more than two faults
// for each row and one for the end.
static void ends_on_random_sequences(void **state) {
  (void)state;
  enum { N = 24, ROUNDS = 20000 };
  uint32_t seed = 1;
  for (int round = 0; round < ROUNDS; round++) {
    struct line lines[N + 1] = {{END, 0, NONE, 0, NOTHING}};
    for (int i = 0; i < N; i++) {
      seed = seed * 1664525 + 1013904223;
      const uint32_t r = seed >> 8;
      lines[i] = (struct line){
          (enum op)(1 + r % (DATA)),
          (int)(r / 64 % N),
          (uint8_t)(r / 4096 % 4 == 1 ? PCLN_CFA_FP : PCLN_CFA_SP),
          (int)(8 + r / 1024 % 3 * 8),
          0,
          NOTHING};
    }
    struct sequence *s = make(lines);
    struct pcdis_walk_input in = input(s);
    in.fault = count_fault;
    struct pcdis_walk walk = {.cap = 0};
    struct pcdis_check_stats stats = {.funcs = 0};
    assert_int_equal(pcdis_follow(&walk, &in, &stats), PCLN_OK);
    assert_true(s->n_found <= 2 * N + 1);
    assert_true(stats.insns_proven + stats.insns_held <= stats.insns);
    pcdis_walk_free(&walk);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(proves_pushes_and_pops),
      cmocka_unit_test(proves_frame_pointers),
      cmocka_unit_test(proves_a_stack_that_is_aligned_and_left_by_fp),
      cmocka_unit_test(proves_frames_of_a_size_in_a_register),
      cmocka_unit_test(believes_a_slot_below_sp),
      cmocka_unit_test(a_second_store_of_fp_moves_no_slot),
      cmocka_unit_test(joins_paths),
      cmocka_unit_test(what_follows_a_call_that_never_returns_is_another_path),
      cmocka_unit_test(such_code_begins_with_the_table),
      cmocka_unit_test(targets_of_jump_tables_begin_with_the_table),
      cmocka_unit_test(a_part_begins_with_the_table),
      cmocka_unit_test(a_lost_stack_pointer_is_taken_from_the_table),
      cmocka_unit_test(a_changed_fp_may_be_unchanged),
      cmocka_unit_test(functions_without_rules_are_counted),
      cmocka_unit_test(data_that_nothing_runs_into_is_counted),
      cmocka_unit_test(stacks_that_move_behind_the_tables_back),
      cmocka_unit_test(moves_of_sp_in_two_halves),
      cmocka_unit_test(a_row_that_begins_early_is_said_once),
      cmocka_unit_test(a_row_that_begins_late_is_said_once),
      cmocka_unit_test(a_row_behind_a_call_that_returns),
      cmocka_unit_test(a_base_that_is_not_set_up_yet),
      cmocka_unit_test(another_place_for_fp),
      cmocka_unit_test(another_place_for_the_return_address),
      cmocka_unit_test(a_link_register_that_a_call_overwrote),
      cmocka_unit_test(a_return_with_a_frame_by_the_table),
      cmocka_unit_test(rows_that_do_not_follow_from_each_other),
      cmocka_unit_test(code_that_runs_into_data),
      cmocka_unit_test(code_that_goes_on_behind_its_end),
      cmocka_unit_test(ends_on_random_sequences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
