// SPDX-License-Identifier: Apache-2.0
//
// The DWARF source: gets the sections out of the ELF file. What is done with
// them is in dwarf_units.c, which needs no ELF.
#include "dwarf_build.h"

static enum pcln_status get(struct pcln_elf *elf, const char *name,
                            const struct pcln_sink *sink,
                            struct pcln_span *out) {
  enum pcln_status st = pcln_elf_debug(elf, name, sink, out);
  if (st != PCLN_OK)
    *out = (struct pcln_span){0};
  return st == PCLN_NOT_FOUND ? PCLN_OK : st;
}

enum pcln_status pcln_src_dwarf(struct pcln_elf *elf, struct pcln_module *m,
                                const struct pcln_source_options *o,
                                struct pcln_source_stats *stats) {
  struct pcln_dw_sections s = {.swap = elf->swap};
  const struct {
    const char *name;
    struct pcln_span *span;
  } wanted[] = {
      {".debug_info", &s.info},         {".debug_abbrev", &s.abbrev},
      {".debug_line", &s.line},         {".debug_str", &s.str},
      {".debug_line_str", &s.line_str}, {".debug_str_offsets", &s.str_offsets},
      {".debug_addr", &s.addr},         {".debug_ranges", &s.ranges},
      {".debug_rnglists", &s.rnglists},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    enum pcln_status st = get(elf, wanted[i].name, o->sink, wanted[i].span);
    if (st != PCLN_OK)
      return st;
  }
  return pcln_dwarf_add(&s, elf->path, m, o, stats);
}
