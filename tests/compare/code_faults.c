// SPDX-License-Identifier: Apache-2.0
//
// The check of machine code on a real program, whose table is sound, and then
// with one fault planted in it: exactly that fault is to be found, in that
// function, and nothing else. A fault is planted in the model that the table
// decodes to, which is then encoded again, or in the bytes of the code.
//
//   code_faults check ELF          the findings of the table as it is
//   code_faults plant ELF          each fault once, if the program has a place
//   code_faults sweep ELF N SEED   N random changes by one row or 8 bytes: what
//                                  share is found
//
// Where ELF's own unwind information is wrong, the findings of the table as it
// is are left out of what follows.
#include "disasm.h"
#include "elf_image.h"
#include "module.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FINDINGS = 200, MAX_RUNS = 20000 };

static void die(const char *what) {
  fprintf(stderr, "code_faults: %s\n", what);
  exit(2);
}

static void need(bool ok, const char *what) {
  if (!ok)
    die(what);
}

// --- One check --------------------------------------------------------------

struct finding {
  char name[24], func[120];
  uint64_t off;
};
struct findings {
  struct finding at[MAX_FINDINGS];
  size_t n;
};

static void keep(void *ctx, const struct pcln_report *r) {
  struct findings *f = ctx;
  need(r->fault && r->text && f->n < MAX_FINDINGS, "too many findings");
  struct finding *at = &f->at[f->n++];
  snprintf(at->name, sizeof at->name, "%s", r->fault);
  snprintf(at->func, sizeof at->func, "%s", r->func ? r->func : "");
  at->off = r->func_off;
}

static struct pcln_elf *elf;
static struct findings baseline;
static struct pcdis *decoder;

// What is changed of the code: a copy of a segment, or bytes that are missing.
static struct {
  uint64_t va;
  bool missing;  // what is at `va`
  uint8_t *copy; // of the segment's bytes from `base` on
  uint64_t base;
  size_t copy_len;
} patch;
static uint16_t machine;

static struct pcln_span code_at(void *ctx, uint64_t va) {
  (void)ctx;
  struct pcln_span s = pcln_elf_at(elf, va);
  if (patch.missing && va == patch.va)
    return (struct pcln_span){.ptr = NULL};
  if (patch.copy && va - patch.base < patch.copy_len)
    return (struct pcln_span){patch.copy + (va - patch.base),
                              patch.copy_len - (va - patch.base)};
  return s;
}

static void patch_code(uint64_t va, uint8_t byte) {
  size_t i = 0;
  while (i < elf->n_segments &&
         (elf->segments[i].type != PT_LOAD ||
          va - elf->segments[i].va >= elf->segments[i].filesz))
    i++;
  need(i < elf->n_segments, "no code to patch");
  patch.base = elf->segments[i].va;
  patch.copy_len = elf->segments[i].filesz;
  patch.copy = malloc(patch.copy_len);
  need(patch.copy, "no memory");
  memcpy(patch.copy, pcln_elf_at(elf, patch.base).ptr, patch.copy_len);
  patch.copy[va - patch.base] = byte;
}

static void unpatch(void) {
  free(patch.copy);
  memset(&patch, 0, sizeof patch);
}

static struct findings *check(const struct pcln_table *t,
                              struct pcdis_check_stats *stats) {
  static struct findings f;
  f.n = 0;
  const struct pcdis_code code = {.at = code_at, .machine = machine};
  const struct pcln_sink sink = {keep, &f};
  const enum pcln_status status = pcdis_check(t, &code, stats, &sink);
  need(status == PCLN_OK || status == PCLN_CORRUPT ||
           status == PCLN_UNSUPPORTED,
       "the check failed");
  need((status == PCLN_OK) == (f.n == 0), "status and findings differ");
  return &f;
}

static bool in_baseline(const struct finding *f) {
  for (size_t i = 0; i < baseline.n; i++)
    if (strcmp(baseline.at[i].name, f->name) == 0 &&
        strcmp(baseline.at[i].func, f->func) == 0 &&
        baseline.at[i].off == f->off)
      return true;
  return false;
}

// --- Streams ----------------------------------------------------------------

struct runs {
  struct pcln_run at[MAX_RUNS];
  size_t n;
};

static void runs_of(const struct pcln_table *t, struct pcln_span s,
                    struct runs *out) {
  struct pcln_run_iter it;
  out->n = 0;
  if (!s.ptr)
    return;
  pcln_runs_begin(t, (uint32_t)(s.ptr - t->pctab.ptr), &it);
  while (out->n < MAX_RUNS && pcln_runs_next(&it, &out->at[out->n]))
    out->n++;
}

static struct pcln_span span_of(struct pcln_module *m, const struct runs *r) {
  struct pcln_stream s;
  struct pcln_span out;
  pcln_stream_init(&s, m->quantum);
  for (size_t i = 0; i < r->n; i++)
    pcln_stream_add(&s, r->at[i].hi, r->at[i].value);
  need(pcln_stream_end(&s, &m->arena, &out) == PCLN_OK, "no stream");
  pcln_stream_free(&s);
  return out;
}

// --- Instructions -----------------------------------------------------------

static struct pcdis_insn insn_at(uint64_t va) {
  struct pcdis_insn i;
  const struct pcln_span s = pcln_elf_at(elf, va);
  if (!s.ptr || pcdis_decode(decoder, s.ptr, s.len, va, false, &i) != PCLN_OK)
    memset(&i, 0, sizeof i);
  return i;
}

// The last instruction of the function; of length 0 if its bytes are not whole.
static struct pcdis_insn last_insn(const struct pcln_func_def *f) {
  struct pcdis_insn i = {.len = 0};
  for (uint64_t va = f->va; va < f->va + f->size; va += i.len) {
    i = insn_at(va);
    if (!i.len || i.va + i.len > f->va + f->size)
      return (struct pcdis_insn){.len = 0};
  }
  return i;
}

enum { MAX_CALLS = 8 };
struct calls {
  struct pcdis_insn at[MAX_CALLS];
  size_t n; // may be more
};
static void calls_of(const struct pcln_func_def *f, struct calls *out) {
  struct pcdis_insn i;
  out->n = 0;
  for (uint64_t va = f->va; va < f->va + f->size; va += i.len) {
    i = insn_at(va);
    if (!i.len)
      return;
    if (i.flow == PCDIS_CALL && out->n++ < MAX_CALLS)
      out->at[out->n - 1] = i;
  }
}

// --- Faults, each planted in a function that has a place for it -------------

struct plant {
  const struct pcln_table *t;
  struct pcln_module *m;
  struct pcln_func_def *f;
  size_t i; // of the function
};

static bool named(const struct pcln_func_def *f) {
  return !strstr(f->name, "@plt") && !strstr(f->name, ".cold") &&
         !strstr(f->name, "+0x") && f->name[0] != '_';
}

// The rule of unwind run `k`; null: it has none.
static struct pcln_rule *rule_of(const struct plant *p, const struct runs *r,
                                 size_t k) {
  return k < r->n && r->at[k].value >= 0 ? &p->m->rules[r->at[k].value] : NULL;
}

// Gives unwind run `k` the rule `rule`.
static bool set_rule(struct plant *p, struct runs *r, size_t k,
                     struct pcln_rule rule) {
  uint32_t idx;
  need(pcln_module_rule(p->m, &rule, &idx) == PCLN_OK, "no rule");
  r->at[k].value = (int32_t)idx;
  need(pcln_func_set_pcdata(p->f, PCLN_PCDATA_UNWIND, span_of(p->m, r),
                            &p->m->arena) == PCLN_OK,
       "no stream");
  return true;
}

static struct pcln_span unwind_of(const struct pcln_func_def *f) {
  return f->n_pcdata > PCLN_PCDATA_UNWIND ? f->pcdata[PCLN_PCDATA_UNWIND]
                                          : (struct pcln_span){.ptr = NULL};
}

static struct runs runs;

static bool plant_depth(struct plant *p) {
  runs_of(p->t, p->f->pcsp, &runs);
  if (runs.n < 3 || runs.at[1].value <= 0)
    return false;
  runs.at[1].value += 8;
  p->f->pcsp = span_of(p->m, &runs);
  return true;
}

static bool plant_cfa(struct plant *p) {
  runs_of(p->t, unwind_of(p->f), &runs);
  for (size_t k = 1; k < runs.n; k++) {
    const struct pcln_rule *rule = rule_of(p, &runs, k);
    if (rule && rule->cfa == PCLN_CFA_FP) {
      struct pcln_rule other = *rule;
      other.cfa_off += 8;
      return set_rule(p, &runs, k, other);
    }
  }
  return false;
}

static bool plant_fp(struct plant *p) {
  runs_of(p->t, unwind_of(p->f), &runs);
  const struct pcln_rule *rule = rule_of(p, &runs, 1);
  if (!rule || rule->fp != PCLN_SAVE_CFA || rule->cfa > PCLN_CFA_FP)
    return false;
  struct pcln_rule other = *rule;
  other.fp_off -= 8;
  return set_rule(p, &runs, 1, other);
}

static bool plant_ra(struct plant *p) {
  runs_of(p->t, unwind_of(p->f), &runs);
  const struct pcln_rule *rule = rule_of(p, &runs, 1);
  if (!rule || rule->ra != PCLN_SAVE_CFA || rule->cfa > PCLN_CFA_FP)
    return false;
  struct pcln_rule other = *rule;
  other.ra_off -= 8;
  return set_rule(p, &runs, 1, other);
}

static bool plant_row(struct plant *p) {
  if (p->m->quantum > 1)
    return false;
  runs_of(p->t, p->f->pcln, &runs);
  if (runs.n < 3 || p->f->n_inlines)
    return false;
  const uint32_t at = runs.at[0].hi;
  if (insn_at(p->f->va + at).len < 2 || runs.at[1].hi <= at + 1)
    return false;
  runs.at[0].hi++;
  p->f->pcln = span_of(p->m, &runs);
  return true;
}

// Whether all of the function's code is reached without a call that might not
// come back, and without a jump table.
static bool is_simple(const struct pcln_func_def *f) {
  struct pcdis_insn i;
  for (uint64_t va = f->va; va < f->va + f->size; va += i.len) {
    i = insn_at(va);
    if (!i.len || i.flow == PCDIS_CALL || i.indirect)
      return false;
  }
  return true;
}

// (Where instructions have one length nothing can be in the middle of them, and
// nearly any bytes are one.)

// The next function takes the last byte of this one, in the middle of its last
// instruction.
static bool plant_start(struct plant *p) {
  if (p->m->quantum > 1)
    return false;
  if (p->i + 1 == p->m->n_funcs)
    return false;
  struct pcln_func_def *next = p->f + 1;
  const struct pcdis_insn last = last_insn(p->f);
  if (next->va != p->f->va + p->f->size || last.len < 3 || !is_simple(p->f) ||
      strstr(p->f->name, "@plt") || strstr(next->name, "@plt"))
    return false;
  p->f->size--;
  next->va--;
  next->size++;
  p->f = next;
  return true;
}

static bool plant_end(struct plant *p) {
  if (p->m->quantum > 1)
    return false;
  const struct pcdis_insn last = last_insn(p->f);
  if (p->i + 1 == p->m->n_funcs || p->f[1].va == p->f->va + p->f->size ||
      last.flow != PCDIS_JUMP || last.len < 2 || !is_simple(p->f))
    return false;
  p->f->size--;
  return true;
}

static bool plant_bytes(struct plant *p) {
  if (p->m->quantum > 1)
    return false;
  enum { NO_INSTRUCTION = 0x06 };
  const struct pcdis_insn first = insn_at(p->f->va);
  if (first.flow != PCDIS_NEXT || insn_at(p->f->va + first.len).len < 3)
    return false;
  patch_code(p->f->va + first.len, NO_INSTRUCTION);
  return true;
}

static bool plant_missing(struct plant *p) {
  patch.missing = true;
  patch.va = p->f->va;
  return true;
}

// Whether a jump leads to lo <= va < hi.
static bool is_target(const struct pcln_func_def *f, uint64_t lo, uint64_t hi) {
  struct pcdis_insn i;
  for (uint64_t va = f->va; va < f->va + f->size; va += i.len) {
    i = insn_at(va);
    if (!i.len || ((i.flow == PCDIS_BRANCH || i.flow == PCDIS_JUMP) &&
                   !i.indirect && i.target >= lo && i.target < hi))
      return true;
  }
  return false;
}

// A block that only a jump table leads to, which moves no SP and returns.
static bool plant_return(struct plant *p) {
  struct pcdis_insn i = {.len = 0};
  uint64_t block = 0;
  bool table = false;
  runs_of(p->t, p->f->pcsp, &runs);
  if (runs.n != 1 || runs.at[0].value != 0 || unwind_of(p->f).ptr)
    return false;
  for (uint64_t va = p->f->va; va < p->f->va + p->f->size; va += i.len) {
    i = insn_at(va);
    if (!i.len || i.sp.kind == PCDIS_OTHER)
      return false;
    table |= i.flow == PCDIS_JUMP && i.indirect;
    if (i.flow == PCDIS_BRANCH || i.flow == PCDIS_CALL) {
      block = 0;
    } else if (i.flow == PCDIS_RETURN && table && block && block != va &&
               !is_target(p->f, block, va + i.len)) {
      runs = (struct runs){.n = 3};
      runs.at[0] = (struct pcln_run){0, (uint32_t)(block - p->f->va), 0};
      runs.at[1] = (struct pcln_run){0, (uint32_t)(va + i.len - p->f->va), 8};
      runs.at[2] = (struct pcln_run){0, p->f->size, 0};
      p->f->pcsp = span_of(p->m, &runs);
      return true;
    } else if (i.flow == PCDIS_JUMP || i.flow == PCDIS_RETURN) {
      block = va + i.len;
    }
  }
  return false;
}

static bool plant_defer(struct plant *p) {
  const struct pcdis_insn first = insn_at(p->f->va);
  if (!first.len || insn_at(p->f->va + first.len).flow == PCDIS_CALL)
    return false;
  p->f->deferreturn = first.len;
  return true;
}

static bool plant_inline(struct plant *p) {
  const struct pcdis_insn first = insn_at(p->f->va);
  if (!p->f->n_inlines || first.len < 2)
    return false;
  p->f->inlines[0].parent_pc = 1;
  return true;
}

// --- Pointer maps -----------------------------------------------------------

static void put32(uint8_t *p, uint32_t v) {
  for (int i = 0; i < 4; i++)
    p[i] = (uint8_t)(v >> 8 * i);
}

// Gives the function `n` rows of maps of `words` words, no pointer in them.
static void add_maps(struct plant *p, uint32_t n, uint32_t words) {
  const size_t len = 8 + (size_t)n * ((words + 7) / 8);
  uint8_t *bytes = pcln_arena_alloc(&p->m->arena, len);
  need(bytes, "no memory");
  memset(bytes, 0, len);
  put32(bytes, n);
  put32(bytes + 4, words);
  p->m->stackmap_bits = 1;
  const uint32_t kinds[] = {PCLN_FUNCDATA_ARGS_MAPS, PCLN_FUNCDATA_LOCALS_MAPS};
  for (int k = 0; k < 2; k++)
    need(pcln_func_set_funcdata(p->f, kinds[k], (struct pcln_span){bytes, len},
                                &p->m->arena) == PCLN_OK,
         "no funcdata");
}

// Row `value` for the call alone, `otherwise` elsewhere.
static void set_index(struct plant *p, const struct pcdis_insn *call,
                      int32_t value, int32_t otherwise) {
  const uint32_t off = (uint32_t)(call->va - p->f->va);
  runs = (struct runs){.n = 3};
  runs.at[0] = (struct pcln_run){0, off, otherwise};
  runs.at[1] = (struct pcln_run){0, off + call->len, value};
  runs.at[2] = (struct pcln_run){0, p->f->size, otherwise};
  need(pcln_func_set_pcdata(p->f, PCLN_PCDATA_STACKMAP, span_of(p->m, &runs),
                            &p->m->arena) == PCLN_OK,
       "no stream");
}

static bool calls_number(struct plant *p, size_t n, struct calls *calls) {
  calls_of(p->f, calls);
  return calls->n == n && named(p->f);
}

static bool plant_call_map(struct plant *p) {
  struct calls calls;
  if (!calls_number(p, 2, &calls))
    return false;
  add_maps(p, 1, 0);
  set_index(p, &calls.at[0], 0, -1);
  return true;
}

static bool plant_map_row(struct plant *p) {
  struct calls calls;
  if (!calls_number(p, 1, &calls))
    return false;
  add_maps(p, 1, 0);
  set_index(p, &calls.at[0], 1, -1);
  return true;
}

static bool plant_map_size(struct plant *p) {
  struct calls calls;
  runs_of(p->t, p->f->pcsp, &runs);
  if (runs.n < 3 || !calls_number(p, 1, &calls) || unwind_of(p->f).ptr)
    return false;
  add_maps(p, 1, 4000);
  set_index(p, &calls.at[0], 0, -1);
  return true;
}

static bool plant_safepoint(struct plant *p) {
  struct calls calls;
  if (!calls_number(p, 1, &calls))
    return false;
  const uint32_t before = (uint32_t)(calls.at[0].va - p->f->va);
  if (before == 0)
    return false;
  add_maps(p, 2, 0);
  set_index(p, &calls.at[0], 0, -1);
  runs.at[0].value = 1;
  need(pcln_func_set_pcdata(p->f, PCLN_PCDATA_STACKMAP, span_of(p->m, &runs),
                            &p->m->arena) == PCLN_OK,
       "no stream");
  return true;
}

// Sound maps, for the other side.
static bool plant_sound_maps(struct plant *p) {
  struct calls calls;
  if (!calls_number(p, 1, &calls))
    return false;
  add_maps(p, 1, 0);
  set_index(p, &calls.at[0], 0, -1);
  return true;
}

static bool plant_machine(struct plant *p) {
  (void)p;
  machine = EM_386;
  return true;
}

static const struct {
  const char *name; // "" for none
  bool (*plant)(struct plant *p);
  bool any; // in any function, also those whose name says that they are odd
} faults[] = {
    {"code-bytes", plant_bytes, false},
    {"code-call-map", plant_call_map, false},
    {"code-cfa", plant_cfa, false},
    {"code-defer", plant_defer, false},
    {"code-depth", plant_depth, false},
    {"code-end", plant_end, false},
    {"code-fp", plant_fp, false},
    {"code-inline", plant_inline, false},
    {"code-machine", plant_machine, false},
    {"code-map-row", plant_map_row, false},
    {"code-map-size", plant_map_size, false},
    {"code-missing", plant_missing, false},
    {"code-ra", plant_ra, false},
    {"code-return", plant_return, false},
    {"code-row", plant_row, false},
    {"code-safepoint", plant_safepoint, false},
    {"code-start", plant_start, true},
    {"", plant_sound_maps, false},
};
enum { N_FAULTS = sizeof faults / sizeof *faults };

// --- Planting ---------------------------------------------------------------

static struct pcln_table open_table(const uint8_t *bytes, size_t len) {
  struct pcln_table t;
  need(pcln_open(&t, bytes, len, NULL, NULL) == PCLN_OK, "no table");
  return t;
}

// Whether the findings are one of that name, in that function.
static bool as_planted(const struct findings *f, const char *name,
                       const char *func) {
  size_t n = 0;
  bool right = true;
  for (size_t i = 0; i < f->n; i++)
    if (!in_baseline(&f->at[i])) {
      n++;
      right &= strcmp(f->at[i].name, name) == 0 &&
               (!*f->at[i].func || strncmp(f->at[i].func, func, 119) == 0);
    }
  return right && n == (*name ? 1 : 0);
}

static void print_findings(const struct findings *f) {
  for (size_t i = 0; i < f->n; i++)
    if (!in_baseline(&f->at[i]))
      printf("  %s %s+0x%llx\n", f->at[i].name, f->at[i].func,
             (unsigned long long)f->at[i].off);
}

// Plants fault `k` in the first function from number `from` on that has a place
// for it. 0: found as it should be; 1: not; 2: no place.
static int plant_one(const struct pcln_table *t, size_t k, size_t from) {
  struct pcln_module m;
  pcln_module_init(&m);
  need(pcln_decode(t, &m, NULL) == PCLN_OK, "the table cannot be decoded");
  struct plant p = {.t = t, .m = &m};
  for (p.i = from; p.i < m.n_funcs; p.i++) {
    p.f = &m.funcs[p.i];
    if ((faults[k].any || named(p.f)) && faults[k].plant(&p))
      break;
  }
  int result = 2;
  if (p.i < m.n_funcs) {
    const struct pcln_encode_options o = {
        .layout = t->layout, .header_va = t->header_va, .threads = 1};
    uint8_t *bytes;
    size_t len;
    need(pcln_encode(&m, &o, NULL, &bytes, &len, NULL) == PCLN_OK,
         "the table cannot be encoded");
    const struct pcln_table other = open_table(bytes, len);
    const struct findings *f = check(&other, NULL);
    result = as_planted(f, faults[k].name, p.f->name) ? 0 : 1;
    if (result) {
      printf("FAULT: planted %s in %s, found %zu:\n", faults[k].name, p.f->name,
             f->n);
      print_findings(f);
    }
    free(bytes);
  }
  unpatch();
  machine = elf->machine;
  pcln_module_free(&m);
  return result;
}

static int plant_all(const struct pcln_table *t) {
  int bad = 0;

  for (size_t k = 0; k < N_FAULTS; k++) {
    // Three places, apart from each other.
    int n = 0;
    for (size_t third = 0; third < 3; third++) {
      const int result = plant_one(t, k, t->n_funcs / 6 * third);
      n += result == 0;
      bad += result == 1;
    }
    printf("%s: %d\n", *faults[k].name ? faults[k].name : "sound maps", n);
  }
  return bad != 0;
}

// --- Sweeping ---------------------------------------------------------------

static uint64_t rnd_state;
static size_t rnd(size_t below) {
  rnd_state += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t z = rnd_state;
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return (size_t)((z ^ (z >> 31)) % below);
}

enum kind { LATER, EARLIER, DEEPER, RULE, N_KINDS };
static const char *const kinds[N_KINDS] = {"rows of pcsp one instruction later",
                                           "rows of pcsp one earlier",
                                           "depths 8 larger", "rules 8 larger"};

// The start of the instruction before the one at `off`.
static uint32_t before(const struct pcln_func_def *f, uint32_t off) {
  uint32_t last = 0;
  for (uint32_t at = 0; at < off;) {
    last = at;
    const uint32_t len = insn_at(f->va + at).len;
    at += len ? len : 1;
  }
  return last;
}

static bool change_row(struct plant *p, enum kind kind) {
  runs_of(p->t, p->f->pcsp, &runs);
  if (runs.n < 2)
    return false;
  const size_t k = rnd(runs.n - 1);
  struct pcln_run *r = &runs.at[k];
  uint32_t hi = r->hi;
  if (kind == DEEPER)
    runs.at[k + rnd(2)].value += 8;
  else if (kind == LATER)
    hi += insn_at(p->f->va + hi).len;
  else
    hi = before(p->f, hi);
  // What changes hands must be code.
  const uint32_t first = hi < r->hi ? hi : r->hi;
  if (kind != DEEPER && insn_at(p->f->va + first).padding)
    return false;
  if (kind != DEEPER && (hi <= r->lo || hi >= r[1].hi || hi == r->hi))
    return false;
  r->hi = hi;
  p->f->pcsp = span_of(p->m, &runs);
  return true;
}

static bool change_rule(struct plant *p) {
  runs_of(p->t, unwind_of(p->f), &runs);
  if (runs.n == 0)
    return false;
  const size_t k = rnd(runs.n);
  const struct pcln_rule *rule = rule_of(p, &runs, k);
  if (!rule)
    return false;
  struct pcln_rule other = *rule;
  const size_t what = rnd(3);
  if (what == 0 && rule->cfa != PCLN_CFA_SP_DELTA)
    other.cfa_off += 8;
  else if (what == 1 && rule->fp != PCLN_SAVE_SAME)
    other.fp_off += 8;
  else if (rule->ra == PCLN_SAVE_CFA)
    other.ra_off += 8;
  else
    return false;
  return set_rule(p, &runs, k, other);
}

static bool sweep_one(const struct pcln_table *t, enum kind kind, bool *found,
                      char *where, size_t where_len) {
  struct pcln_module m;
  pcln_module_init(&m);
  need(pcln_decode(t, &m, NULL) == PCLN_OK, "the table cannot be decoded");
  struct plant p = {.t = t, .m = &m};
  p.i = rnd(m.n_funcs);
  p.f = &m.funcs[p.i];
  const bool changed = kind == RULE ? change_rule(&p) : change_row(&p, kind);
  if (changed) {
    const struct pcln_encode_options o = {
        .layout = t->layout, .header_va = t->header_va, .threads = 1};
    uint8_t *bytes;
    size_t len;
    need(pcln_encode(&m, &o, NULL, &bytes, &len, NULL) == PCLN_OK,
         "the table cannot be encoded");
    const struct pcln_table other = open_table(bytes, len);
    const struct findings *f = check(&other, NULL);
    *found = false;
    for (size_t i = 0; i < f->n; i++)
      *found |= !in_baseline(&f->at[i]);
    snprintf(where, where_len, "%s", p.f->name);
    free(bytes);
  }
  pcln_module_free(&m);
  return changed;
}

static void sweep(const struct pcln_table *t, int n, uint64_t seed) {
  int made[N_KINDS] = {0}, found[N_KINDS] = {0}, all = 0, all_found = 0;
  rnd_state = seed;
  for (int tries = 0; all < n && tries < 20 * n; tries++) {
    const enum kind kind = (enum kind)rnd(N_KINDS);
    bool hit;
    char where[160];
    if (!sweep_one(t, kind, &hit, where, sizeof where))
      continue;
    made[kind]++, all++;
    found[kind] += hit, all_found += hit;
    if (!hit)
      printf("missed: %s in %s\n", kinds[kind], where);
  }
  for (int k = 0; k < N_KINDS; k++)
    printf("%s: %d of %d\n", kinds[k], found[k], made[k]);
  printf("found %d of %d\n", all_found, all);
}

static void print_baseline(const struct pcdis_check_stats *s) {
  for (size_t i = 0; i < baseline.n; i++)
    printf("finding %s %s\n", baseline.at[i].name, baseline.at[i].func);
  printf("functions %llu full %llu part %llu none %llu; instructions %llu "
         "proven %llu held %llu\n",
         (unsigned long long)s->funcs, (unsigned long long)s->funcs_full,
         (unsigned long long)s->funcs_part, (unsigned long long)s->funcs_none,
         (unsigned long long)s->insns, (unsigned long long)s->insns_proven,
         (unsigned long long)s->insns_held);
}

int main(int argc, char **argv) {
  need(argc >= 3,
       "usage: code_faults check ELF | plant ELF | sweep ELF N SEED");
  need(pcln_elf_open(argv[2], NULL, &elf) == PCLN_OK, "not an ELF file");
  const struct pcln_elf_section *sec = pcln_elf_find(elf, PCLN_SECTION);
  struct pcln_span bytes;
  need(sec && pcln_elf_content(elf, sec, NULL, &bytes) == PCLN_OK,
       "no section of a table");
  machine = elf->machine;
  need(pcdis_open(machine, false, &decoder) == PCLN_OK, "no decoder");
  const struct pcln_table t = open_table(bytes.ptr, bytes.len);
  struct pcdis_check_stats stats;
  baseline = *check(&t, &stats);
  int result = 0;
  if (strcmp(argv[1], "sweep") == 0 && argc == 5)
    sweep(&t, atoi(argv[3]), strtoull(argv[4], NULL, 0));
  else if (strcmp(argv[1], "plant") == 0)
    result = plant_all(&t);
  else
    print_baseline(&stats);

  pcdis_close(decoder);
  pcln_elf_close(elf);
  return result;
}
