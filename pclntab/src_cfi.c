// SPDX-License-Identifier: Apache-2.0
//
// Call frame information into the streams pcsp and PCDATA_Unwind of every
// function.
//
// Functions and FDEs are both sorted and disjoint, but neither follows the
// other: an FDE may span several functions (PLT, assembler files), a function
// several FDEs. So rows and functions are merged in one ascending walk, which
// cuts each row at the ends of functions, and what no row covers becomes -1.
//
// A row whose CFA is counted from SP goes into pcsp, as SP's drop since entry;
// that is what every reader of Go tables expects there. PCDATA_Unwind is -1 as
// long as the rest is as at entry (frame pointer untouched, return address
// where the call left it). Else it is the number of a rule, and a rule that
// goes with pcsp carries no offset of its own: {SP_DELTA, FP at CFA-16} is one
// rule for all depths. That keeps a program's rules few and the streams short.
// Both streams -1 means: not unwindable here.
//
// lld writes no CFI for its PLT, and no linker for that of IFUNCs in a static
// program. A profiler meets these stubs often, so theirs is read off their few
// instructions: nothing but a push changes SP.
#include "sources.h"
#include "src_fdes.h"

#include <elf.h>
#include <string.h>

enum { CACHE_SIZE = 64 }; // rules whose number is at hand; a power of two

struct cfi_job {
  struct pcln_elf *elf;
  struct pcln_module *m;
  struct pcln_source_stats *stats;
  const struct pcln_sink *user_sink;
  struct pcln_sink sink; // adds file and function to the reports of cfi.c
  struct pcln_cfi_arch arch;
  enum pcln_status status; // of the walk; it ends when not OK

  const struct pcln_fde_range *range; // its rows are being read
  size_t func;                        // rows go to this function
  bool has_rows;                      // and it got some
  struct pcln_stream pcsp, unwind;    // of this function

  struct pcln_rule cached[CACHE_SIZE];
  int32_t cached_idx[CACHE_SIZE]; // -1: empty
};

static void report_with_names(void *ctx, const struct pcln_report *report) {
  const struct cfi_job *j = ctx;
  struct pcln_report r = *report;
  const struct pcln_func_def *f =
      j->range ? pcln_module_find(j->m, j->range->lo) : NULL;
  r.file = j->elf->path;
  r.func = f ? f->name : NULL;
  pcln_say(j->user_sink, &r);
}

// --- Rules ------------------------------------------------------------------

static size_t rule_slot(const struct pcln_rule *r) {
  const uint32_t x = (uint32_t)r->cfa ^ (uint32_t)r->fp << 3 ^
                     (uint32_t)r->ra << 6 ^ (uint32_t)r->cfa_off << 1 ^
                     (uint32_t)r->fp_off << 2 ^ (uint32_t)r->ra_off ^ r->reg;
  return (x ^ x >> 6) & (CACHE_SIZE - 1);
}

static int32_t rule_number(struct cfi_job *j, const struct pcln_rule *r) {
  const size_t slot = rule_slot(r);
  if (j->cached_idx[slot] >= 0 && pcln_rule_equal(&j->cached[slot], r))
    return j->cached_idx[slot];
  uint32_t idx = 0;
  const enum pcln_status status = pcln_module_rule(j->m, r, &idx);
  if (status != PCLN_OK) {
    j->status = status;
    return -1;
  }
  j->cached[slot] = *r;
  j->cached_idx[slot] = (int32_t)idx;
  return (int32_t)idx;
}

// Where a link register is saved, frames of all sizes keep FP and RA at the
// same distance from one end: GCC's from SP, LLVM's from the CFA. Naming the
// nearer end makes one rule of them.
static void name_nearer_end(const struct cfi_job *j, int32_t cfa_off,
                            uint8_t *kind, int32_t *off) {
  const int64_t from_sp = (int64_t)cfa_off + *off;
  if (j->arch.pushed_ra || *kind != PCLN_SAVE_CFA || from_sp < 0 ||
      from_sp >= -(int64_t)*off)
    return;
  *kind = PCLN_SAVE_SP;
  *off = (int32_t)from_sp;
}

// What the two streams say for a row.
static void stream_values(struct cfi_job *j, const struct pcln_rule *rule,
                          int32_t *pcsp, int32_t *unwind) {
  const int32_t pushed = j->arch.pushed_ra;
  struct pcln_rule r = *rule;
  *pcsp = *unwind = -1;
  if (r.cfa == PCLN_CFA_NONE)
    return;
  if (r.cfa == PCLN_CFA_SP && r.cfa_off >= pushed) {
    *pcsp = r.cfa_off - pushed;
    name_nearer_end(j, r.cfa_off, &r.fp, &r.fp_off);
    name_nearer_end(j, r.cfa_off, &r.ra, &r.ra_off);
    r.cfa = PCLN_CFA_SP_DELTA;
    r.cfa_off = 0;
    const bool ra_default = pushed
                                ? r.ra == PCLN_SAVE_CFA && r.ra_off == -pushed
                                : r.ra == PCLN_SAVE_SAME;
    if (ra_default && r.fp == PCLN_SAVE_SAME && r.reg == 0)
      return;
  }
  *unwind = rule_number(j, &r);
}

// --- Stubs without CFI -------------------------------------------------------

// The code at `va`, to the end of its section; absent: not in the file.
static struct pcln_span code_at(struct cfi_job *j, uint64_t va) {
  for (size_t i = 0; i < j->elf->n_sections; i++) {
    const struct pcln_elf_section *sec = &j->elf->sections[i];
    struct pcln_span text;
    if (!(sec->flags & SHF_EXECINSTR) || va < sec->va ||
        va - sec->va >= sec->size ||
        pcln_elf_content(j->elf, sec, j->user_sink, &text) != PCLN_OK ||
        va - sec->va >= text.len)
      continue;
    return (struct pcln_span){text.ptr + (va - sec->va),
                              (size_t)(text.len - (va - sec->va))};
  }
  return (struct pcln_span){NULL, 0};
}

static uint32_t landing_pad(struct pcln_span code) {
  static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
  return code.len >= 4 && memcmp(code.ptr, endbr64, 4) == 0 ? 4 : 0;
}

// Bytes of an x86-64 stub up to the end of its push, or to its own end.
static uint32_t until_pushed(struct pcln_span code, uint32_t size) {
  uint32_t at = landing_pad(code);
  if (at + 1 < code.len && code.ptr[at] == 0xf2)
    at++; // bnd
  if (at + 1 < code.len && code.ptr[at] == 0xff && code.ptr[at + 1] == 0x25)
    at += 6; // jmp *slot(%rip)
  if (at < code.len && code.ptr[at] == 0x68 && at + 5 < size)
    return at + 5; // push $n
  return size;
}

static bool is_stub(const struct pcln_func_def *f) {
  const size_t len = strlen(f->name);
  return len > 4 && strcmp(f->name + len - 4, "@plt") == 0;
}

// A stub is entered by a call, or with the number of its slot pushed.
static void add_stub(struct cfi_job *j, const struct pcln_func_def *f) {
  const struct pcln_span code = code_at(j, f->va);
  if (j->elf->machine != EM_X86_64 || !code.ptr)
    return;
  if (strcmp(f->name, "PLT0@plt") == 0) {
    const bool pushes = code.len > 6 && code.ptr[0] == 0xff &&
                        code.ptr[1] == 0x35; // push GOT+8(%rip)
    if (!pushes || f->size < 6)
      return;
    pcln_stream_add(&j->pcsp, 6, 8);
    pcln_stream_add(&j->pcsp, f->size, 16);
    return;
  }
  const uint32_t pushed = until_pushed(code, f->size);
  pcln_stream_add(&j->pcsp, pushed, 0);
  pcln_stream_add(&j->pcsp, f->size, 8);
}

// --- Streams ----------------------------------------------------------------

static void end_func(struct cfi_job *j) {
  struct pcln_func_def *f = &j->m->funcs[j->func];
  struct pcln_span pcsp, unwind;
  if (!j->has_rows && is_stub(f))
    add_stub(j, f);
  j->has_rows = false;
  // To the last byte, so that a reader finds a value wherever it asks.
  pcln_stream_add(&j->pcsp, f->size, -1);
  pcln_stream_add(&j->unwind, f->size, -1);
  enum pcln_status status = pcln_stream_end(&j->pcsp, &j->m->arena, &pcsp);
  if (status == PCLN_OK)
    status = pcln_stream_end(&j->unwind, &j->m->arena, &unwind);
  if (status == PCLN_OK && unwind.ptr)
    status = pcln_func_set_pcdata(f, PCLN_PCDATA_UNWIND, unwind, &j->m->arena);
  if (status == PCLN_OK)
    f->pcsp = pcsp;
  else
    j->status = status;
  pcln_stream_reset(&j->pcsp);
  pcln_stream_reset(&j->unwind);
  j->func++;
}

// `rule` holds in the current function from `lo` up to `hi`.
static void add_row(struct cfi_job *j, uint64_t lo, uint64_t hi,
                    const struct pcln_rule *rule) {
  struct pcln_func_def *f = &j->m->funcs[j->func];
  const uint32_t quantum = j->m->quantum;
  const uint32_t from = (uint32_t)(lo - f->va) / quantum * quantum;
  const uint32_t to = (uint32_t)(hi - f->va) / quantum * quantum;
  int32_t pcsp, unwind;
  stream_values(j, rule, &pcsp, &unwind);
  j->has_rows = true;
  pcln_stream_add(&j->pcsp, from, -1);
  pcln_stream_add(&j->unwind, from, -1);
  pcln_stream_add(&j->pcsp, to, pcsp);
  pcln_stream_add(&j->unwind, to, unwind);
  if (rule->cfa == PCLN_CFA_NONE)
    j->stats->not_unwindable_rows++;
  else if (rule->ra == PCLN_SAVE_UNDEFINED && lo == f->va)
    f->flags |= PCLN_FLAG_TOPFRAME;
}

static bool take_row(void *ctx, uint64_t lo, uint64_t hi,
                     const struct pcln_rule *rule) {
  struct cfi_job *j = ctx;
  if (lo < j->range->lo)
    lo = j->range->lo;
  if (hi > j->range->hi)
    hi = j->range->hi;
  while (lo < hi && j->func < j->m->n_funcs && j->status == PCLN_OK) {
    const struct pcln_func_def *f = &j->m->funcs[j->func];
    const uint64_t end = f->va + f->size;
    if (end <= lo) {
      end_func(j);
      continue;
    }
    if (f->va > lo)
      lo = f->va; // code of no function
    const uint64_t to = hi < end ? hi : end;
    if (lo < to)
      add_row(j, lo, to, rule);
    lo = to > lo ? to : hi;
  }
  return j->status == PCLN_OK;
}

// --- Interface --------------------------------------------------------------

static enum pcln_status walk(struct cfi_job *j,
                             const struct pcln_fde_list *fdes) {
  for (size_t i = 0; i < fdes->n && j->status == PCLN_OK; i++) {
    const struct pcln_fde_range *r = j->range = &fdes->ranges[i];
    const struct pcln_cfi_fde fde = {
        .lo = r->fde_lo, .hi = r->fde_hi, .off = r->off};
    // A malformed program has been reported, and has its row NONE.
    const enum pcln_status ignored =
        pcln_cfi_rows(&fdes->sections[r->section], &fde, take_row, j, &j->sink);
    (void)ignored;
  }
  while (j->func < j->m->n_funcs && j->status == PCLN_OK)
    end_func(j);
  return j->status;
}

enum pcln_status pcln_src_cfi(struct pcln_elf *elf, struct pcln_module *m,
                              const struct pcln_source_options *o,
                              struct pcln_source_stats *stats) {
  struct pcln_fde_list fdes;
  struct cfi_job j = {.elf = elf, .m = m, .stats = stats, .user_sink = o->sink};
  j.sink = (struct pcln_sink){.fn = report_with_names, .ctx = &j};
  memset(j.cached_idx, -1, sizeof j.cached_idx);
  if (!pcln_cfi_arch(elf->machine, &j.arch)) {
    report_with_names(
        &j, &(struct pcln_report){
                .severity = PCLN_WARNING,
                .fault = "cfi-machine",
                .text = "no unwind rules are known for this machine"});
    return PCLN_OK;
  }
  pcln_stream_init(&j.pcsp, m->quantum);
  pcln_stream_init(&j.unwind, m->quantum);
  enum pcln_status status = pcln_fde_list_read(elf, NULL, &fdes);
  if (status == PCLN_OK)
    status = walk(&j, &fdes);
  stats->fdes = fdes.n_fdes;
  stats->rules = m->n_rules;
  pcln_stream_free(&j.pcsp);
  pcln_stream_free(&j.unwind);
  pcln_fde_list_free(&fdes);
  return status;
}
