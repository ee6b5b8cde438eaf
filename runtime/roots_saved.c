// SPDX-License-Identifier: Apache-2.0
//
// Registers of foreign frames. A compiler that knows nothing of references may
// keep one in a register across a call; the callee gives the register back, and
// may have put it into its own frame meanwhile. That frame can be one with maps
// (which say nothing of saved registers), or the runtime's, of which no word is
// looked at. So before a foreign frame is visited, the frames further in are
// gone through for the places where they saved registers, as call frame
// information says for debuggers and exceptions. Compiled code with maps never
// has a reference in such a register during a call, so walks without foreign
// frames need nothing of this and pay nothing.
//
// The interpreter of CFI follows three registers, which is all that unwinding
// needs; here it runs once for each of the others, some 2 us for a frame. The
// result is kept by pc. Where CFI is missing, or says it in a way that a rule
// cannot, any word of the frame may be the saved register, and all are visited.
#include "roots_internal.h"

#include "cfi.h"
#include "context_x86_64.h"
#include "roots_cache.h"

#include <string.h>

static const uint8_t registers[] = PCLNRT_SAVED_REGISTERS;
enum { N = PCLNRT_N_SAVED_REGISTERS };

// Bytes from the CFA to where each register is saved; 0: it is not.
struct places {
  int32_t off[N];
  bool unknown;
};

// --- Finding them ------------------------------------------------------------

static int32_t entry_word(struct pcln_span table, size_t i, unsigned word) {
  int32_t v;
  memcpy(&v, table.ptr + i * 8 + word * 4, sizeof v);
  return v;
}

// The offset in .eh_frame of the FDE that begins last before `key`.
static bool search_table(const struct pclnrt_image *image, uint64_t key,
                         size_t *off) {
  const int64_t at = (int64_t)(key - image->eh_hdr);
  size_t lo = 0, hi = image->eh_table.len / 8;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (entry_word(image->eh_table, mid, 0) <= at)
      lo = mid + 1;
    else
      hi = mid;
  }
  if (lo == 0)
    return false;
  const uint64_t fde =
      image->eh_hdr + (uint64_t)(int64_t)entry_word(image->eh_table, lo - 1, 1);
  *off = (size_t)(fde - (uint64_t)image->eh_frame.ptr);
  return *off < image->eh_frame.len;
}

static bool find_fde(const struct pclnrt_image *image,
                     const struct pcln_cfi_section *s, uint64_t key,
                     struct pcln_cfi_fde *fde) {
  size_t off = 0;
  if (image->eh_table.ptr)
    return search_table(image, key, &off) &&
           pcln_cfi_at(s, off, fde) == PCLN_OK && key >= fde->lo &&
           key < fde->hi;
  enum pcln_status status;
  while ((status = pcln_cfi_next(s, &off, fde, NULL)) != PCLN_NOT_FOUND)
    if (status == PCLN_OK && key >= fde->lo && key < fde->hi)
      return true;
  return false;
}

struct wanted {
  uint64_t key;
  struct pcln_rule rule;
};

static bool on_row(void *ctx, uint64_t lo, uint64_t hi,
                   const struct pcln_rule *rule) {
  struct wanted *w = (struct wanted *)ctx;
  if (w->key >= lo && w->key < hi)
    w->rule = *rule;
  return w->key >= hi;
}

static void find_cold(const struct pclnrt_module *m, uint64_t key,
                      struct places *out) {
  struct pcln_cfi_section s = {.bytes = m->image.eh_frame,
                               .va = (uint64_t)m->image.eh_frame.ptr,
                               .machine = PCLNRT_MACHINE,
                               .ptr_size = sizeof(void *),
                               .eh = true,
                               .live = true};
  struct pcln_cfi_fde fde;
  *out = (struct places){.unknown = !s.bytes.ptr ||
                                    !find_fde(&m->image, &s, key, &fde)};
  for (int i = 0; i < N && !out->unknown; i++) {
    struct wanted w = {.key = key, .rule = {.cfa = PCLN_CFA_NONE}};
    s.track = registers[i];
    // A program that is malformed further on has given its sound rows.
    if (pcln_cfi_rows(&s, &fde, on_row, &w, NULL) != PCLN_OK &&
        w.rule.cfa == PCLN_CFA_NONE)
      out->unknown = true;
    else if (w.rule.fp == PCLN_SAVE_CFA && w.rule.cfa != PCLN_CFA_NONE)
      out->off[i] = w.rule.fp_off;
    else
      out->unknown = w.rule.fp != PCLN_SAVE_SAME || w.rule.cfa == PCLN_CFA_NONE;
  }
}

// Words: key; the places, two in each; whether they are unknown, and above it
// the module's number.
enum { KEY, PLACES, REST = PLACES + (N + 1) / 2 };
_Static_assert((int)REST < (int)PCLNRT_KEPT_WORDS,
               "a machine with more registers");
static pclnrt_kept_table kept;

static void find_saved(uint64_t key, struct places *out) {
  uint64_t w[PCLNRT_KEPT_WORDS];
  const struct pclnrt_module *m = NULL;
  if (pclnrt_kept_get(kept, key, w))
    m = pclnrt_module_get((uint32_t)(w[REST] >> 1));
  if (m && pclnrt_module_alive(m, key)) {
    memcpy(out->off, &w[PLACES], sizeof out->off);
    out->unknown = w[REST] & 1;
    return;
  }
  m = pclnrt_module_find(key);
  if (!m) {
    *out = (struct places){.unknown = true};
    return;
  }
  find_cold(m, key, out);
  memset(w, 0, sizeof w);
  w[KEY] = key;
  memcpy(&w[PLACES], out->off, sizeof out->off);
  w[REST] = (uint64_t)m->number << 1 | out->unknown;
  pclnrt_kept_put(kept, w);
}

// --- Walking up to a foreign frame -------------------------------------------

void pclnrt_saved_begin(struct pclnrt_saved *r,
                        const struct pclnrt_cursor *start,
                        const uintptr_t *values) {
  *r = (struct pclnrt_saved){.c = *start};
  for (int i = 0; i < N && values; i++)
    r->at[i] = (uint64_t)&values[i];
}

// All registers are where an interrupted frame left them.
static void from_context(struct pclnrt_saved *r) {
  for (int i = 0; i < N; i++)
    r->at[i] = (uint64_t)pclnrt_uc_place(r->c.ucontext, registers[i]);
}

// The frame at r->f is left for its caller, whose registers are now where it
// saved them. `s` is the foreign frame that this is for.
static void leave(struct pclnrt_saved *r, struct pclnrt_scan *s) {
  struct places places;
  if (r->f.signal || !r->f.cfa)
    return;
  find_saved(r->f.pc - !r->f.exact, &places);
  if (places.unknown)
    pclnrt_frame_words(s, r->f.sp, r->f.cfa);
  for (int i = 0; i < N; i++)
    if (places.off[i])
      r->at[i] = r->f.cfa + (uint64_t)(int64_t)places.off[i];
}

void pclnrt_saved_visit(struct pclnrt_saved *r, struct pclnrt_scan *s) {
  for (;;) {
    if (r->inside && r->f.sp == s->frame.sp && r->f.pc == s->frame.pc)
      break;
    if (r->inside)
      leave(r, s);
    if (r->c.ucontext)
      from_context(r);
    if (!pclnrt_step(&r->c, &r->f))
      return; // the walk itself reports it
    r->inside = true;
  }
  for (int i = 0; i < N; i++)
    if (r->at[i] != r->visited[i]) {
      r->visited[i] = r->at[i];
      pclnrt_frame_words(s, r->at[i], r->at[i] + sizeof(uintptr_t));
    }
}
