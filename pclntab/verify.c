// SPDX-License-Identifier: Apache-2.0
//
// Every invariant of a table, each with a named fault (docs/messages.md).
//
// After PCLN_OK no lookup can answer PCLN_CORRUPT, and what it answers follows
// from the bytes alone: offsets lead into their regions, streams end, inline
// chains lead outward, hints do not mislead. The structure comes first, because
// functions are only read where functab and the records hold; a function whose
// record is wrong is reported and passed over, so one fault hides no other
// function's.
//
// Bare Go tables keep Go's weaker promises: functions may be empty, padding
// belongs to the function before it, a stream ends where the code does. What
// only our tables promise is checked in those alone and says so below.
//
// Reads each stream once for each function that uses it; a program of 20,000
// functions takes a few milliseconds. No allocation, no locks: the runtime
// verifies a module when it first sees it.
#include "verify.h"

#include "crc32c.h"

#include <limits.h>

void pcln_fault(struct pcln_verifier *v, const char *fault,
                const struct pcln_func *f, const char *region,
                uint64_t region_off, const char *text) {
  if (v->n_faults++ >= v->max_faults)
    return;
  pcln_say(v->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = fault,
                                          .func = f ? f->name : NULL,
                                          .pc = f ? f->entry : 0,
                                          .region = region,
                                          .region_off = region_off,
                                          .text = text});
}

bool pcln_verify_spend(struct pcln_verifier *v, uint64_t bytes) {
  if (v->budget < bytes) {
    if (!pcln_verify_enough(v))
      pcln_fault(v, "verify-work", NULL, "pclntab", 0,
                 "the table leads to the same bytes too often to be checked");
    v->n_faults = v->max_faults;
    v->seen.exhausted = true;
    return false;
  }
  v->budget -= bytes;
  return true;
}

// --- Module header ----------------------------------------------------------

static bool all_zero(const uint8_t *p, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (p[i])
      return false;
  return true;
}

// Parts stand in the order of their fields and do not overlap.
static void check_parts(struct pcln_verifier *v) {
  const struct pcln_table *t = v->t;
  const struct pcln_span parts[] = {t->pclntab, t->funcdata, t->findfunctab,
                                    t->rules,   t->roots,    t->callees};
  static const uint8_t fields[] = {PCLN_MOD_PCLNTAB,     PCLN_MOD_FUNCDATA,
                                   PCLN_MOD_FINDFUNCTAB, PCLN_MOD_RULES,
                                   PCLN_MOD_ROOTS,       PCLN_MOD_CALLEES};
  const uint8_t *end =
      t->blob.ptr +
      (t->flags & PCLN_MODF_ROOTS ? PCLN_MOD_SIZE_ROOTS : PCLN_MOD_SIZE);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (!parts[i].ptr)
      continue;
    if (parts[i].ptr < end)
      pcln_fault(v, "module-order", NULL, "module header", fields[i],
                 "a part of the table begins before the part before it ends");
    end = parts[i].ptr + parts[i].len;
  }
}

// What the caller may move (text_start) is read from the bytes again.
static void check_module_header(struct pcln_verifier *v) {
  const struct pcln_table *t = v->t;
  const uint8_t *h = t->blob.ptr;
  if (pcln_load32(h + PCLN_MOD_CHECKSUM, t->swap) !=
      pcln_blob_checksum(h, t->blob.len))
    pcln_fault(v, "checksum", NULL, "module header", PCLN_MOD_CHECKSUM,
               "the table's bytes are not those that were written");
  if (t->stackmap_bits > 2 ||
      (t->flags & ~(uint32_t)(PCLN_MODF_GO_COMPAT | PCLN_MODF_PACKED |
                              PCLN_MODF_ROOTS | PCLN_MODF_COMPACT_MAPS)) ||
      (t->flags & PCLN_MODF_COMPACT_MAPS && t->stackmap_bits != 2) ||
      (t->flags & PCLN_MODF_ROOTS &&
       !all_zero(h + PCLN_MOD_ROOTS + 8,
                 PCLN_MOD_SIZE_ROOTS - PCLN_MOD_ROOTS - 8)) ||
      !all_zero(h + PCLN_MOD_RESERVED, PCLN_MOD_CALLEES - PCLN_MOD_RESERVED) ||
      !all_zero(h + PCLN_MOD_BUILD_ID + t->build_id.len,
                PCLN_BUILD_ID_MAX - t->build_id.len))
    pcln_fault(v, "module-fields", NULL, "module header", PCLN_MOD_FLAGS,
               "flags, stack map bits or reserved bytes have no meaning");
  if (pcln_load64(h + PCLN_MOD_TEXT_LEN, t->swap) != t->text_len)
    pcln_fault(v, "module-text", NULL, "module header", PCLN_MOD_TEXT_LEN,
               "the length of the text is not functab's end marker");
  const uint64_t header_text =
      pcln_load_ptr(t, t->pclntab.ptr + PCLN_GO_HDR_WORDS +
                           (size_t)PCLN_GO_WORD_TEXT_START * t->ptr_size);
  const uint64_t text_va = pcln_load64(h + PCLN_MOD_TEXT_VA, t->swap);
  if (header_text != (t->flags & PCLN_MODF_GO_COMPAT ? text_va : 0))
    pcln_fault(v, "module-text", NULL, "pclntab", PCLN_GO_HDR_WORDS,
               "textStart is not what the module header's flags call for");
  check_parts(v);
}

// --- Regions ----------------------------------------------------------------

// From go1.16 on, names and files are regions of their own, which
// pcln_open() shortened to their last NUL. Padding behind it is zero, so
// anything left over is a string that does not end.
static void check_strings(struct pcln_verifier *v) {
  const struct pcln_table *t = v->t;
  if (t->layout == PCLN_GO_12)
    return;
  if (t->names.ptr + t->names.len != t->cutab.ptr)
    pcln_fault(v, "names-end", NULL, "funcnametab", t->names.len,
               "the last function name does not end");
  if (t->files.ptr + t->files.len != t->pctab.ptr)
    pcln_fault(v, "files-end", NULL, "filetab", t->files.len,
               "the last file name does not end");
}

// Every entry of cutab, used or not, has no file or a name.
static void check_cutab(struct pcln_verifier *v) {
  const struct pcln_table *t = v->t;
  const size_t n = t->cutab.len / 4;
  for (size_t i = t->layout == PCLN_GO_12 ? 1 : 0; i < n; i++) {
    const uint32_t off = pcln_load32(t->cutab.ptr + 4 * i, t->swap);
    if (off != PCLN_NO_FILE && off >= t->files.len) {
      pcln_fault(v, "file-offset", NULL, "cutab", 4 * i,
                 "a file's name lies outside of filetab");
      if (pcln_verify_enough(v))
        return;
    }
  }
}

// Padding (alignment) is what may follow the last rule within 16 bytes; a
// part's length is exact, so none is allowed.
static void check_rules(struct pcln_verifier *v) {
  const struct pcln_table *t = v->t;
  if (t->rules.len % PCLN_RULE_SIZE)
    pcln_fault(v, "rules-length", NULL, "rules", t->rules.len,
               "the unwind rules end inside a rule");
  struct pcln_rule r;
  for (uint32_t i = 0; pcln_rule_get(t, i, &r) == PCLN_OK; i++) {
    const uint64_t off = (uint64_t)i * PCLN_RULE_SIZE;
    if (r.cfa > PCLN_CFA_FP_DEREF || r.fp > PCLN_SAVE_UNDEFINED ||
        r.ra > PCLN_SAVE_UNDEFINED)
      pcln_fault(v, "rule-kind", NULL, "rules", off,
                 "an unwind rule is of no known kind");
    else if (((r.reg & PCLN_RULE_REG_MASK) && r.cfa < PCLN_CFA_REG) ||
             (r.cfa == PCLN_CFA_SP_DELTA && r.cfa_off != 0))
      pcln_fault(v, "rule-fields", NULL, "rules", off,
                 "an unwind rule sets a field that its kind does not have");
    if (pcln_verify_enough(v))
      return;
  }
}

// --- functab ----------------------------------------------------------------

// Returns whether the functions can be told apart at all.
static bool check_functab_order(struct pcln_verifier *v) {
  const struct pcln_table *t = v->t;
  const unsigned n_before = v->n_faults;
  if (t->ours && t->n_funcs && pcln_functab_pc(t, 0) != 0)
    pcln_fault(v, "func-order", NULL, "functab", 0,
               "the first function does not begin where the text does");
  for (size_t i = 0; i < t->n_funcs; i++) {
    const uint64_t pc = pcln_functab_pc(t, i), next = pcln_functab_pc(t, i + 1);
    if (next > pc && next - pc > UINT32_MAX)
      pcln_fault(v, "func-size", NULL, "functab",
                 i * pcln_functab_entry_size(t),
                 "a function has more than 4 GiB");
    if (next > pc || (next == pc && !t->ours))
      continue; // a Go function may be empty, ours are not
    pcln_fault(v, "func-order", NULL, "functab", i * pcln_functab_entry_size(t),
               "functab's pcs do not ascend");
    if (pcln_verify_enough(v))
      break;
  }
  return v->n_faults == n_before;
}

// The first sub-bucket byte that misleads is reported; a table whose shape is
// wrong is not read.
static void check_findfunctab(struct pcln_verifier *v) {
  const struct pcln_table *t = v->t;
  if (!t->findfunctab.ptr || !t->n_funcs)
    return;
  const uint64_t first = pcln_functab_pc(t, 0), len = t->text_len - first;
  const uint64_t n_sub =
      (len + PCLN_FINDFUNC_SUBBUCKET - 1) / PCLN_FINDFUNC_SUBBUCKET;
  const uint64_t size = pcln_findfunc_size(t);
  // Go's own is told by an address alone, so there the span may be longer.
  if (t->ours ? t->findfunctab.len != size : t->findfunctab.len < size) {
    pcln_fault(v, "findfunc-length", NULL, "findfunctab", t->findfunctab.len,
               "findfunctab's length does not fit the text");
    return;
  }
  uint32_t idx = 0, base = 0;
  const uint8_t *p = t->findfunctab.ptr;
  for (uint64_t s = 0; s < n_sub; s++) {
    const uint64_t at = s / PCLN_FINDFUNC_NSUB * PCLN_FINDFUNC_RECORD;
    const uint64_t sub = at + 4 + s % PCLN_FINDFUNC_NSUB;
    while (idx + 1 < t->n_funcs && pcln_functab_pc(t, (size_t)idx + 1) <=
                                       first + s * PCLN_FINDFUNC_SUBBUCKET)
      idx++;
    if (s % PCLN_FINDFUNC_NSUB == 0)
      base = idx;
    // A step that does not fit becomes 255; Go's linker makes no such table.
    const uint32_t step = idx - base < UINT8_MAX ? idx - base : UINT8_MAX;
    if (pcln_load32(p + at, t->swap) == base && p[sub] == step)
      continue;
    pcln_fault(v, "findfunc-index", NULL, "findfunctab", sub,
               "findfunctab does not lead to the function that it is to find");
    return;
  }
}

// The record stands behind functab's array and repeats the entry.
static bool check_record(struct pcln_verifier *v, uint32_t idx,
                         struct pcln_func *f) {
  const struct pcln_table *t = v->t;
  const uint64_t rec = pcln_functab_rec(t, idx);
  const uint64_t at = idx * (uint64_t)pcln_functab_entry_size(t);
  const struct pcln_rec_layout *l = pcln_rec_layout(t);
  const uint64_t array = t->n_funcs * (uint64_t)pcln_functab_entry_size(t) +
                         pcln_functab_entry_size(t) / 2;
  if (rec < array || rec > t->functab.len || l->size > t->functab.len - rec) {
    pcln_fault(v, "record-bounds", NULL, "functab", at,
               "the func record lies outside of its region");
    return false;
  }
  const uint8_t *r = t->functab.ptr + rec;
  if (pcln_func_at(t, idx, f) != PCLN_OK) {
    const uint32_t name =
        pcln_load32(r + l->entry_size + PCLN_REC_NAME, t->swap);
    if (!pcln_is_hole(t, r) && name >= t->names.len)
      pcln_fault(v, "name-offset", NULL, "functab", rec,
                 "a function's name lies outside of funcnametab");
    else
      pcln_fault(v, "record-bounds", NULL, "functab", rec,
                 "the func record's lists lie outside of its region");
    return false;
  }
  uint64_t entry, want;
  if (t->layout >= PCLN_GO_118) {
    entry = pcln_load32(r, t->swap);
    // All holes of a table of ours may share one record, which has no pc.
    const bool shared = t->ours && f->hole && entry == PCLN_NO_RECORD_ENTRY;
    want = shared ? entry : pcln_functab_pc(t, idx);
  } else {
    entry = pcln_load_ptr(t, r);
    want = pcln_load_ptr(t, t->functab.ptr + at);
  }
  if (entry != want)
    pcln_fault(v, "record-entry", f, "functab", rec,
               "the func record's entry is not functab's pc");
  return true;
}

static bool is_blank(const struct pcln_func *f) {
  return !(f->pcsp | f->pcfile | f->pcln | f->n_pcdata | f->n_funcdata);
}

static void check_functions(struct pcln_verifier *v, uint32_t first,
                            uint32_t end) {
  struct pcln_func f;
  for (uint32_t i = first; i < end && !pcln_verify_enough(v); i++) {
    if (!check_record(v, i, &f))
      continue;
    if (!f.hole)
      pcln_verify_func(v, &f);
    else if (!is_blank(&f))
      pcln_fault(v, "hole-record", NULL, "functab", f.rec_off,
                 "the record of a hole describes code");
  }
}

static struct pcln_verifier verifier(const struct pcln_table *t,
                                     const struct pcln_sink *sink,
                                     unsigned max_faults) {
  // Sound tables need less than 30 bytes for each of theirs.
  enum { BUDGET_PER_BYTE = 1024, BUDGET_MIN = 1 << 24 };
  return (struct pcln_verifier){
      .t = t,
      .sink = sink,
      .max_faults = max_faults,
      .budget = (uint64_t)t->pclntab.len * BUDGET_PER_BYTE + BUDGET_MIN};
}

static void verify_part(struct pcln_verifier *v, unsigned part,
                        unsigned n_parts) {
  const struct pcln_table *t = v->t;
  const struct pcln_sink *sink = v->sink;
  const uint32_t first = (uint32_t)((uint64_t)t->n_funcs * part / n_parts);
  const uint32_t end = (uint32_t)((uint64_t)t->n_funcs * (part + 1) / n_parts);
  if (part == 0) {
    if (t->ours)
      check_module_header(v);
    check_strings(v);
    check_cutab(v);
    check_rules(v);
    pcln_verify_roots(v);
  } else {
    v->sink = NULL; // the first part reports this
  }
  const bool in_order = check_functab_order(v);
  v->sink = sink;
  if (in_order && part == 0)
    check_findfunctab(v);
  if (in_order)
    check_functions(v, first, end);
}

enum pcln_status pcln_verify_part(const struct pcln_table *t, unsigned part,
                                  unsigned n_parts,
                                  const struct pcln_sink *sink) {
  struct pcln_verifier v = verifier(t, sink, PCLN_MAX_FAULTS);
  verify_part(&v, part, n_parts);
  return v.n_faults ? PCLN_CORRUPT : PCLN_OK;
}

void pcln_verify_all(const struct pcln_table *t, const struct pcln_sink *sink,
                     struct pcln_verified *seen) {
  struct pcln_verifier v = verifier(t, sink, UINT_MAX);
  verify_part(&v, 0, 1);
  *seen = v.seen;
}

enum pcln_status pcln_verify(const struct pcln_table *t,
                             const struct pcln_sink *sink) {
  return pcln_verify_part(t, 0, 1, sink);
}
