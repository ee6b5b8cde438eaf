// SPDX-License-Identifier: Apache-2.0
//
// The roots of a table: that each can be read, that they are in order and have
// no word in common, and that their entries make sense. Where a variable is in
// the program is not the table's to know: the link checked that.
#include "verify.h"

#include "roots_table.h"

static void fault(struct pcln_verifier *v, const char *name, uint32_t idx,
                  const char *text) {
  pcln_fault(v, name, NULL, "roots",
             PCLN_ROOTS_HEADER + (uint64_t)idx * PCLN_ROOT_SIZE, text);
}

// One variable against the end of the one before it of its kind; *end moves.
static void check_root(struct pcln_verifier *v, const struct pcln_root *r,
                       uint64_t *end) {
  const uint64_t base = r->tls ? 0 : v->t->text_start;
  const uint64_t words = (uint64_t)r->n_words * r->repeat;
  // Below text start stands what is negative there: turn the order so that
  // plain comparison holds.
  const uint64_t off = (r->va - base) ^ (r->tls ? 0 : UINT64_C(1) << 63);
  if (words == 0 || words > (UINT64_MAX - off) / v->t->ptr_size) {
    fault(v, "root-size", r->idx,
          "a root has no words, or leaves the address space");
    return;
  }
  if (off < *end)
    fault(v, "root-overlap", r->idx,
          "a root begins before the root before it ends");
  *end = off + words * v->t->ptr_size;
  if (!pcln_codes_sound(r->codes.ptr, r->n_words))
    fault(v, "root-codes", r->idx,
          "an item of several words has no kind, or leaves the root");
}

void pcln_verify_roots(struct pcln_verifier *v) {
  struct pcln_root_iter it;
  struct pcln_root r;
  uint64_t end = 0;
  bool tls = false;
  pcln_roots_begin(v->t, &it);
  while (!pcln_verify_enough(v) && pcln_roots_next(&it, &r)) {
    const uint8_t *flags = v->t->roots.ptr + PCLN_ROOTS_HEADER +
                           (size_t)r.idx * PCLN_ROOT_SIZE + 20;
    if (pcln_load32(flags, v->t->swap) & ~(uint32_t)PCLN_ROOT_TLS)
      fault(v, "root-flags", r.idx, "a root's flags have no meaning");
    if (r.tls != tls)
      end = 0;
    if (tls && !r.tls)
      fault(v, "root-overlap", r.idx,
            "a root begins before the root before it ends");
    tls = r.tls;
    check_root(v, &r, &end);
    if (!pcln_verify_spend(v, r.codes.len))
      return;
  }
  if (it.status != PCLN_OK)
    fault(v, "roots-bounds", it.next,
          "a root or its entries lie outside of the roots");
  else if (v->t->roots.ptr && !it.n)
    fault(v, "roots-bounds", 0, "the roots are empty");
}
