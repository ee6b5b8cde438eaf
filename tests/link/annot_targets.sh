#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The same directives for other machines: both byte orders, both pointer sizes,
# instructions of one, two and four bytes. What is read back is what was
# written.
src=$(realpath "$(dirname "$0")/../..")
. "$src/tests/link/common.sh" "$@"
cat >f.S <<'S'
#include "funcdata.h"
	.text
	.globl _start
	.type _start,%function
_start:
	FUNCDATA 12, long, 0x01020304, 5
	FUNCDATA 10, long, 8, 33, 1, 1
	POINTER_MAPS 1, 5, "ppsm0", "ddpdd"
	PCDATA 1, 0
	INSN
	PCDATA 1, 1
	PCDATA 16, 70000
	INSN
	.size _start,.-_start
	.globl _gone
	.section .text.gone,"ax",%progbits
	.type _gone,%function
_gone:
	INSN
	FUNCDATA 12, long, 7
	INSN
	.size _gone,.-_gone
S
cat >expected <<'END'
CHECK:      pointer_maps offset={{0x[0-9a-f]*}} bytes=6
CHECK:      funcdata {{.*}}index=10
CHECK:      funcdata {{.*}}index=12
CHECK-NOT:  index=12
END
while read -r target emulation insn order; do
  clang-19 --target="$target" -I"$src/pclntab" -DINSN="$insn" -c f.S -o f.o
  "ld.lld-19" -m "$emulation" --gc-sections --build-id f.o -o prog
  "$link" --placement=sidecar prog 2>log || { cat log; fail "$target"; }
  "$dump" --verify prog.pclntab >verdict || { cat verdict; fail "$target"; }
  "$dump" --streams prog.pclntab >streams
  FileCheck-19 expected <streams || { cat streams; fail "$target"; }
  "$dump" --maps prog.pclntab >maps
  grep -q 'map .*index=0 locals=0-1' maps || { cat maps; fail "$target: row 0"; }
  grep -q 'map .*index=1 locals=2' maps || { cat maps; fail "$target: row 1"; }
  python3 - "$order" <<'PY' || fail "$target: bytes"
import struct, sys
order = sys.argv[1]
table = open('prog.pclntab', 'rb').read()
assert bytes.fromhex('1502da002000') in table
for words in ((0x01020304, 5), (8, 2, 1, 1)):
    assert struct.pack(order + '%dI' % len(words), *words) in table, words
PY
  rm prog prog.pclntab
done <<'LIST'
x86_64-linux-gnu elf_x86_64 nop <
aarch64-linux-gnu aarch64linux nop <
i386-linux-gnu elf_i386 nop <
s390x-linux-gnu elf64_s390 nopr >
powerpc64-linux-gnu elf64ppc nop >
powerpc-linux-gnu elf32ppc nop >
LIST
true
