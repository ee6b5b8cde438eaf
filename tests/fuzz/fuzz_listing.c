// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a table whose code is the same bytes: the listing of each
// function, and the check of all. The lines of a function follow each other up
// to its end, whatever the table says; the check ends. The seeds are those of
// fuzz_table; as there, the input's second half is a bare table's funcdata.
#include "disasm.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { X86_64 = 62, AARCH64 = 183, MAX_LINES = 5000 };

struct input {
  struct pcln_span bytes;
  uint64_t va; // of bytes.ptr[0]
};

// Beyond the bytes there is no code.
static struct pcln_span code_at(void *ctx, uint64_t va) {
  const struct input *in = ctx;
  const uint64_t off = va - in->va;
  if (off >= in->bytes.len)
    return (struct pcln_span){0};
  return (struct pcln_span){in->bytes.ptr + off, in->bytes.len - (size_t)off};
}

static void must(bool ok) {
  if (!ok)
    abort();
}

static void list(const struct pcln_table *t, const struct pcdis_code *code,
                 struct pcdis *d, const struct pcln_func *f) {
  struct pcdis_listing l;
  struct pcdis_line line;
  uint64_t va = f->entry;
  int n = 0;
  pcdis_listing_begin(&l, t, code, d, f, f->idx % 2 == 0);
  for (; n < MAX_LINES && pcdis_listing_next(&l, &line); n++) {
    must(line.va == va && va < f->end);
    va = line.bytes.ptr ? va + line.bytes.len : f->end;
  }
  must(n == MAX_LINES || f->entry >= f->end || va == f->end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const struct pcln_open_options options = {
      .text_start = 0x401000,
      .funcdata = {data + size / 2, size - size / 2},
      .funcdata_va = 0x500000};
  struct pcln_table t;
  struct pcdis *d;
  if (pcln_open(&t, data, size, &options, NULL) != PCLN_OK)
    return 0;
  struct input in = {{data, size}, t.text_start};
  const struct pcdis_code code = {
      .at = code_at, .ctx = &in, .machine = t.quantum == 4 ? AARCH64 : X86_64};
  must(pcdis_open(code.machine, false, &d) == PCLN_OK);
  for (uint32_t i = 0; i < t.n_funcs && i < 20; i++) {
    struct pcln_func f;
    if (pcln_func_at(&t, i, &f) == PCLN_OK)
      list(&t, &code, d, &f);
  }
  pcdis_close(d);
  const enum pcln_status status = pcdis_check(&t, &code, NULL, NULL);
  must(status == PCLN_OK || status == PCLN_CORRUPT ||
       status == PCLN_NO_MEMORY || status == PCLN_LIMIT);
  return 0;
}
