// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a section of call frame information. The first byte chooses the
// section's kind, the rest is its content. Checked, beside memory safety: rows
// ascend, touch, cover their FDE, and name only what format.h allows.
#include "bytes.h"
#include "cfi.h"

#include <elf.h>
#include <stdlib.h>

struct check {
  uint64_t pos;
  size_t n;
};

static bool check_row(void *ctx, uint64_t lo, uint64_t hi,
                      const struct pcln_rule *r) {
  struct check *c = ctx;
  const unsigned reg = r->reg & PCLN_RULE_REG_MASK;
  if (lo != c->pos || hi <= lo)
    abort();
  if (r->cfa > PCLN_CFA_FP_DEREF || r->fp > PCLN_SAVE_UNDEFINED ||
      r->ra > PCLN_SAVE_UNDEFINED || r->cfa == PCLN_CFA_SP_DELTA)
    abort();
  if (reg && r->cfa != PCLN_CFA_REG && r->cfa < PCLN_CFA_SP_DEREF)
    abort();
  c->pos = hi;
  c->n++;
  return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint16_t machines[] = {EM_X86_64, EM_386, EM_AARCH64, EM_PPC};
  // Rows that depend on pc cost one evaluation each; few such FDEs say all.
  enum { MAX_FDES = 64, MAX_RANGE = 1 << 14 };
  if (size < 1)
    return 0;
  const uint8_t kind = data[0];
  const struct pcln_cfi_section s = {
      .bytes = {.ptr = data + 1, .len = size - 1},
      .va = kind & 1 ? 0x401000 : 0,
      .machine = machines[kind >> 1 & 3],
      .ptr_size = kind & 8 ? 4 : 8,
      .swap = kind & 16,
      .eh = kind & 32,
      .live = kind & 64};
  size_t off = 0;
  struct pcln_cfi_fde fde;
  for (unsigned n = 0; n < MAX_FDES; n++) {
    const size_t before = off;
    enum pcln_status status = pcln_cfi_next(&s, &off, &fde, NULL);
    if (status == PCLN_NOT_FOUND)
      break;
    if (off <= before || off > s.bytes.len)
      abort();
    if (status != PCLN_OK)
      continue;
    struct pcln_cfi_fde again;
    if (pcln_cfi_at(&s, fde.off, &again) != PCLN_OK || again.lo != fde.lo ||
        again.hi != fde.hi || fde.lo > fde.hi)
      abort();
    if (fde.hi - fde.lo > MAX_RANGE && fde.hi - fde.lo <= 1 << 20)
      continue;
    struct check c = {.pos = fde.lo};
    status = pcln_cfi_rows(&s, &fde, check_row, &c, NULL);
    if (c.pos != fde.hi)
      abort();
  }
  return 0;
}
