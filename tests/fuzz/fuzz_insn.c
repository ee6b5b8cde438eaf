// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as code: the first byte chooses the machine, the rest is decoded
// from its beginning to its end. An instruction lies within its bytes, and both
// decoders see no more than there is.
#include "insn.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pcdis_insn *insn, size_t len, uint64_t va) {
  if (insn->va != va || insn->len == 0 || insn->len > len || insn->len > 15 ||
      insn->flow > PCDIS_STOP || insn->sp.kind > PCDIS_OTHER ||
      insn->fp.kind > PCDIS_OTHER || insn->ra.kind > PCDIS_OTHER ||
      insn->fp_store.kind > PCDIS_TMP1 || insn->ra_store.kind > PCDIS_TMP1 ||
      insn->tmp[0].kind > PCDIS_OTHER || insn->tmp[1].kind > PCDIS_OTHER)
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  pcdis_decoder *const decode = data[0] & 1 ? pcdis_aarch64 : pcdis_x86_64;
  const size_t skip = data[0] & 1 ? 4 : 1;
  // A copy of the very size, so that a read past the end is seen.
  uint8_t *code = malloc(size - 1 ? size - 1 : 1);
  if (!code)
    return 0;
  memcpy(code, data + 1, size - 1);
  for (size_t at = 0; at < size - 1;) {
    struct pcdis_insn insn;
    const uint64_t va = 0x1000 + at;
    memset(&insn, 0xee, sizeof insn);
    if (!decode(code + at, size - 1 - at, va, &insn)) {
      at += skip;
      continue;
    }
    check(&insn, size - 1 - at, va);
    if (insn.text[0])
      abort();
    at += insn.len;
  }
  free(code);
  return 0;
}
