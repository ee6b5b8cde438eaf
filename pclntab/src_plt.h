// SPDX-License-Identifier: Apache-2.0
//
// Private: the stubs of procedure linkage tables, which linkers make without
// symbols.
#ifndef PCLNTAB_SRC_PLT_H
#define PCLNTAB_SRC_PLT_H

#include "elf_image.h"
#include "module.h"

struct pcln_plt_stub {
  uint64_t va;
  uint32_t size;
  // "printf@plt"; of the lazy resolver's entry "PLT0@plt". Null: unknown, such
  // as an IFUNC's where symbols are stripped.
  const char *name;
};
struct pcln_plt_stubs {
  struct pcln_plt_stub *stubs;
  size_t n, cap;
};

// Finds every stub. `name_at` gives the function at an address, or null: an
// IFUNC's slot names its resolver so. Names live in `arena`; *out is freed with
// free(out->stubs), also after a failure.
PCLN_MUST_CHECK enum pcln_status
pcln_src_plt(struct pcln_elf *elf, struct pcln_arena *arena,
             const char *(*name_at)(void *ctx, uint64_t va), void *ctx,
             const struct pcln_sink *sink, struct pcln_plt_stubs *out);

#endif
