// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a table: opens them, verifies them, and asks everything that can
// be asked. Nothing may read outside of the bytes; what is called sound must
// answer, and answer the same by every way to ask.
//
// The checksum is made right first, since no fuzzer finds one by chance, and
// the verifier's later checks would never run. For a bare Go table, the input's
// second half serves as its funcdata. The seeds are the tables of
// tests/support/sample_table.h, the sidecar of a small C program and the second
// example of docs/format.md.
#include "bytes.h"
#include "crc32c.h"
#include "pclntab.h"
#include "stackmap.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
  if (!ok)
    abort();
}

// Whether walking a stream and looking up in it agree, where it is sound.
static void check_stream(const struct pcln_table *t, const struct pcln_func *f,
                         uint32_t stream, bool sound) {
  struct pcln_run_iter it;
  struct pcln_run run, found;
  pcln_runs_begin(t, stream, &it);
  for (int n = 0; n < 300 && pcln_runs_next(&it, &run); n++) {
    must(run.lo < run.hi);
    const enum pcln_status status =
        pcln_stream_find(t, f, stream, f->entry + run.lo, &found);
    if (sound)
      must(status == PCLN_OK && memcmp(&found, &run, sizeof run) == 0);
  }
  must(it.status == PCLN_OK || (it.status == PCLN_CORRUPT && !sound));
}

static void check_pc(const struct pcln_table *t, const struct pcln_func *f,
                     uint64_t pc, bool sound) {
  struct pcln_frame_iter it;
  struct pcln_frame frame;
  struct pcln_rule rule;
  struct pcln_run range;
  struct pcln_stackmap map;
  if (pcln_stackmap_at(t, f, pc, &map) == PCLN_OK)
    must(map.range.lo <= pc - f->entry && pc - f->entry < map.range.hi);
  enum pcln_status status = pcln_rule_at(t, f, pc, &rule, &range);
  if (sound)
    must(status == PCLN_OK);
  if (sound)
    must(range.lo <= pc - f->entry && pc - f->entry < range.hi);
  status = pcln_frames_begin(t, pc, &it);
  if (sound)
    must(status == (f->hole ? PCLN_NOT_FOUND : PCLN_OK));
  size_t chars = 0;
  int n = 0;
  for (; pcln_frames_next(&it, &frame); n++)
    chars += strlen(frame.func) + (frame.file ? strlen(frame.file) : 0);
  must(n <= PCLN_MAX_INLINE_DEPTH && chars < SIZE_MAX / 2);
  if (sound && !f->hole)
    must(it.status == PCLN_OK);
}

static void check_func(const struct pcln_table *t, uint32_t idx, bool sound) {
  struct pcln_func f, again;
  struct pcln_span span;
  const enum pcln_status status = pcln_func_at(t, idx, &f);
  if (sound)
    must(status == PCLN_OK);
  if (status != PCLN_OK)
    return;
  must(strlen(f.name) < SIZE_MAX / 2);
  for (uint32_t i = 0; i < 12; i++) {
    const enum pcln_status s = pcln_funcdata(t, &f, i, &span);
    if (sound)
      must(s != PCLN_CORRUPT);
    check_stream(t, &f, pcln_pcdata_stream(t, &f, i), sound && !f.hole);
  }
  check_stream(t, &f, f.pcsp, sound && !f.hole);
  check_stream(t, &f, f.pcfile, sound && !f.hole);
  check_stream(t, &f, f.pcln, sound && !f.hole);
  // Twenty pcs at most, counted and not compared: an unsound function may end
  // before it begins, and a sound one where the address space does.
  const uint64_t len = f.end - f.entry, step = len / 20 + 1;
  for (uint64_t n = 0; n < 20 && n * step < len; n++) {
    const uint64_t pc = f.entry + n * step;
    if (sound)
      must(pcln_find_func(t, pc, &again) == PCLN_OK && pc >= again.entry &&
           pc < again.end);
    check_pc(t, &f, pc, sound);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // A copy that ends where its allocation does, and may be changed.
  uint8_t *bytes = malloc(size ? size : 1);
  must(bytes != NULL);
  memcpy(bytes, data, size);
  struct pcln_table t;
  const struct pcln_open_options o = {
      .funcdata = {bytes + size / 2, size - size / 2},
      .funcdata_va = 0x500000,
      .go_minor = size % 3 ? 0 : 12};
  if (pcln_open(&t, bytes, size, &o, NULL) == PCLN_OK) {
    if (t.ours) {
      const uint32_t crc = pcln_blob_checksum(bytes, t.blob.len);
      const uint32_t stored = t.swap ? __builtin_bswap32(crc) : crc;
      memcpy(bytes + PCLN_MOD_CHECKSUM, &stored, sizeof stored);
    }
    const bool sound = pcln_verify(&t, NULL) == PCLN_OK;
    for (uint32_t i = 0; i < t.n_funcs && i < 40; i++)
      check_func(&t, i, sound);
  }
  free(bytes);
  return 0;
}
