// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as DWARF sections: no fault, no quadratic time, and if they are
// accepted, a module that holds what it promises (inlined calls lead outward
// and end). Input: see tests/support/dwarf_input.h. The seeds are small
// programs linked at 0x1000, made by tests/fuzz/make_dwarf_seeds.sh.
#include "dwarf_input.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The value of a stream at `pc`; -1 behind its end.
static int32_t value_at(const struct pcln_module *m, struct pcln_span s,
                        uint32_t pc) {
  struct pcln_cursor c = pcln_cursor_at(s.ptr, s.len, false);
  int32_t value = -1;
  for (uint64_t at = 0; pcln_left(&c) > 1;) {
    value =
        (int32_t)((uint32_t)value + (uint32_t)pcln_unzigzag(pcln_varint32(&c)));
    at += (uint64_t)pcln_varint32(&c) * m->quantum;
    if (pc < at)
      return value;
  }
  return -1;
}

// An inlined call's position lies in an inlined call with a lower number.
static void check_func(const struct pcln_module *m,
                       const struct pcln_func_def *f) {
  if (f->cu != PCLN_NO_CU && f->cu >= m->n_cus)
    abort();
  for (uint32_t i = 0; i < f->n_inlines && i < 64; i++) {
    if (!f->inlines[i].name || f->n_pcdata <= PCLN_PCDATA_INLTREE)
      abort();
    const int32_t outer =
        value_at(m, f->pcdata[PCLN_PCDATA_INLTREE], f->inlines[i].parent_pc);
    if (outer < -1 || outer >= (int32_t)i)
      abort();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const struct pcln_dw_sections s = dwarf_input_read(data, size);
  struct pcln_module m;
  const struct pcln_prefix_map map = {.from = "/tmp", .to = "."};
  const struct pcln_source_options o = {
      .threads = 1, .maps = &map, .n_maps = 1};
  struct pcln_source_stats stats = {0};
  if (dwarf_input_module(&m, 0x1000, 0x40, 64) != PCLN_OK)
    abort();
  if (pcln_dwarf_add(&s, "fuzz", &m, &o, &stats) == PCLN_OK)
    for (size_t i = 0; i < m.n_funcs; i++)
      check_func(&m, &m.funcs[i]);
  pcln_module_free(&m);
  return 0;
}
