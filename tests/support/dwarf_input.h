// SPDX-License-Identifier: Apache-2.0
//
// DWARF sections packed into one string of bytes, for the fuzzer and for the
// tests that truncate and damage them: one byte of flags (bit 0: the other byte
// order), then for each section a 32-bit length and its bytes, in the order of
// struct pcln_dw_sections. What is missing at the end is absent.
#ifndef PCLNTAB_TESTS_DWARF_INPUT_H
#define PCLNTAB_TESTS_DWARF_INPUT_H

#include "dwarf_build.h"

static inline struct pcln_dw_sections dwarf_input_read(const uint8_t *data,
                                                       size_t size) {
  struct pcln_dw_sections s = {0};
  struct pcln_span *const spans[] = {&s.info, &s.abbrev,   &s.line,
                                     &s.str,  &s.line_str, &s.str_offsets,
                                     &s.addr, &s.ranges,   &s.rnglists};
  struct pcln_cursor c = pcln_cursor_at(data, size, false);
  s.swap = pcln_u8(&c) & 1;
  for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
    size_t len = pcln_u32(&c);
    if (len > pcln_left(&c))
      len = pcln_left(&c);
    *spans[i] = (struct pcln_span){.ptr = c.pos, .len = len};
    pcln_skip(&c, len);
  }
  return s;
}

// A module of `n` functions of `size` bytes, side by side from `va` on.
static inline enum pcln_status dwarf_input_module(struct pcln_module *m,
                                                  uint64_t va, uint32_t size,
                                                  unsigned n) {
  enum pcln_status st = PCLN_OK;
  pcln_module_init(m);
  for (unsigned i = 0; i < n && st == PCLN_OK; i++)
    st = pcln_module_add_func(
        m, &(struct pcln_func_def){.va = va + (uint64_t)i * size,
                                   .size = size,
                                   .cu = PCLN_NO_CU,
                                   .args = PCLN_ARGS_UNKNOWN,
                                   .name = "f"});
  return st == PCLN_OK ? pcln_module_sort(m, NULL) : st;
}

#endif
