// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a table, held against any bytes as code. Nothing may read
// outside of either, and it must end: the table is not verified first, so that
// its functions overlap, its streams lie and its rules contradict each other.
//
// The last byte chooses the machine. The code is the same bytes backwards,
// again and again, so that rows and instructions do not come from the same
// place.
#include "bytes.h"
#include "disasm.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct code {
  const uint8_t *bytes;
  size_t len;
  uint64_t va;
};

static struct pcln_span code_at(void *ctx, uint64_t va) {
  const struct code *c = ctx;
  const uint64_t off = va - c->va;
  if (off >= c->len)
    return (struct pcln_span){.ptr = NULL};
  return (struct pcln_span){c->bytes + off, c->len - off};
}

static void keep(void *ctx, const struct pcln_report *r) {
  size_t *n = ctx;
  if (!r->fault || !r->text || strlen(r->text) > 200)
    abort();
  ++*n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  enum { REPEATS = 8 };
  struct pcln_table t;
  struct pcdis_check_stats stats;
  if (size == 0 || pcln_open(&t, data, size, NULL, NULL) != PCLN_OK)
    return 0;
  uint8_t *bytes = malloc(size * REPEATS);
  if (!bytes)
    return 0;
  for (size_t i = 0; i < size * REPEATS; i++)
    bytes[i] = data[(size * REPEATS - i) % size];
  struct code c = {bytes, size * REPEATS, t.text_start};
  const struct pcdis_code code = {.at = code_at,
                                  .ctx = &c,
                                  .machine = data[size - 1] & 1 ? EM_AARCH64
                                                                : EM_X86_64};
  size_t n = 0;
  const struct pcln_sink sink = {keep, &n};
  const enum pcln_status status = pcdis_check(&t, &code, &stats, &sink);
  if (status == PCLN_OK && n)
    abort();
  if (stats.insns_proven + stats.insns_held > stats.insns ||
      stats.findings != n)
    abort();
  free(bytes);
  return 0;
}
