// SPDX-License-Identifier: Apache-2.0
//
// A symbol without size says nothing of where its function ends, and the bytes
// before the next one are often there for alignment alone. They are recognised
// from the end backwards, since nothing but a disassembler could come from the
// front. Where the last instruction ends in bytes that look like padding (an
// immediate of 0x90), the function may end within it, which no lookup of an
// instruction's first byte can notice.
#include "src_padding.h"

#include <elf.h>
#include <stdbool.h>
#include <string.h>

// x86: the forms that GNU as and LLVM write; prefixes make them longer.
static const struct {
  uint8_t len, bytes[8];
} x86[] = {
    {8, {0x0f, 0x1f, 0x84}},
    {7, {0x0f, 0x1f, 0x80}},
    {5, {0x0f, 0x1f, 0x44}},
    {4, {0x0f, 0x1f, 0x40}},
    {3, {0x0f, 0x1f, 0x00}},
    {1, {0x90}},
    {1, {0xcc}},
};

static size_t x86_before(const uint8_t *p, size_t len) {
  for (size_t i = 0; i < sizeof x86 / sizeof *x86; i++) {
    size_t n = x86[i].len;
    if (len < n || memcmp(p + len - n, x86[i].bytes, n) != 0)
      continue;
    if (x86[i].bytes[0] != 0xcc) // data16, cs
      while (n < len && (p[len - n - 1] == 0x66 || p[len - n - 1] == 0x2e))
        n++;
    return n;
  }
  return 0;
}

// AArch64: whole words, nop or zero. Instructions are little-endian always.
static size_t aarch64_before(const uint8_t *p, size_t len) {
  static const uint8_t words[2][4] = {{0x1f, 0x20, 0x03, 0xd5}, {0}};
  for (size_t i = 0; i < 2; i++)
    if (len >= 4 && memcmp(p + len - 4, words[i], 4) == 0)
      return 4;
  return 0;
}

size_t pcln_without_padding(uint16_t machine, const uint8_t *p, size_t len) {
  const bool is_x86 = machine == EM_X86_64 || machine == EM_386;
  size_t left = len, n = 0;
  if (!is_x86 && machine != EM_AARCH64)
    return len;
  do {
    left -= n;
    n = is_x86 ? x86_before(p, left) : aarch64_before(p, left);
  } while (n);
  return left ? left : len;
}
