// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a table behind a callback: each function that can be brought
// over answers as it does in the table in memory. The seeds are those of
// fuzz_table; as there, the input's second half is a bare table's funcdata.
#include "piece_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
  if (!ok)
    abort();
}

struct input {
  const uint8_t *bytes;
  size_t len;
};

static size_t read_input(void *ctx, uint64_t off, void *buf, size_t len) {
  const struct input *in = ctx;
  must(off < in->len && len <= in->len - off);
  memcpy(buf, in->bytes + off, len);
  return len;
}

// Lookups in memory may begin at checkpoints, behind what is damaged.
static bool may_differ(const struct pcln_table *t, uint32_t idx) {
  struct pcln_func f;
  return t->ours && pcln_func_at(t, idx, &f) == PCLN_OK &&
         f.n_funcdata > PCLN_FUNCDATA_CHECKPOINTS;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input in = {data, size};
  const struct pcln_source source = {
      .read = read_input, .ctx = &in, .len = size};
  const unsigned minor = size % 3 ? 0 : 12;
  const struct pcln_reader_options ro = {
      .open = {.funcdata_va = 0x500000, .go_minor = minor},
      .funcdata = {size / 2, size - size / 2}};
  const struct pcln_open_options o = {
      .funcdata = {data + size / 2, size - size / 2},
      .funcdata_va = 0x500000,
      .go_minor = minor};
  struct pcln_table t;
  struct pcln_reader r;
  const enum pcln_status opened = pcln_open(&t, data, size, &o, NULL);
  must(pcln_reader_open(&r, &source, 0, size, &ro, NULL) == opened);
  if (opened != PCLN_OK)
    return 0;
  for (uint32_t i = 0; i < t.n_funcs && i < 20; i++) {
    struct pcln_piece piece;
    uint8_t *buf;
    if (fetch_piece(&r, i, &buf, &piece) == PCLN_OK && !may_differ(&t, i))
      must(piece_differs(&t, &piece, i) == NULL);
    free(buf);
  }
  return 0;
}
