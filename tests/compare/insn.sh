#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The decoders against llvm-objdump on every instruction of real programs and of
# random bytes: boundaries, flow, targets, registers written; the listing of Go
# programs against Go's own; and the x86-64 decoder against the processor.
#   insn.sh SOURCE BUILD WORK
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2") work=$3
mkdir -p "$work"
work=$(realpath "$work")
dump=llvm-objdump-19

against() { # against MACHINE MOST-WRONG FILE
  printf '%s: ' "$(basename "$3")"
  "$dump" -d ${4:+"$4"} "$3" | "$build/insn_objdump" "$1" "$2"
}

# Compilers' code: nothing may differ.
for name in sqlite-gcc-O2-gold lua-clang-O2-lld; do
  [ ! -e "$build/real/$name" ] || against x86-64 0 "$build/real/$name"
done
against x86-64 0 "$(command -v gdb)"
# Assembly for every extension, with tables of data among it, where nobody can
# tell what llvm-objdump takes for instructions.
against x86-64 10 /usr/lib/x86_64-linux-gnu/libcrypto.so.3

cache=$build/compare/go
export GOPATH=$cache/gopath GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off
export CGO_ENABLED=0 GO111MODULE=on
for arch in amd64 arm64; do
  go=/usr/lib/go-1.23/bin/go
  (cd "$source/tests/compare/gosym" && GOARCH=$arch \
    GOCACHE=$cache/cache-go-1.23 "$go" build -o "$work/$arch" .)
done
for arch in amd64 arm64; do
  printf '%s, positions: ' $arch
  "$source/tests/compare/insn_go.py" "$go" "$build/pclntab-dump" "$work/$arch"
done
against x86-64 0 "$work/amd64"
against aarch64 0 "$work/arm64" --mattr=+all

# The decoder against the processor, which is the last word on SP and FP.
step() {
  printf '%s: ' "$(basename "$2")"
  timeout 100 "$build/insn_step" "$@" >"$work/step" || { cat "$work/step"; exit 1; }
  tail -1 "$work/step"
}
step 30000 "$(command -v bash)" -c 'for i in 1 2 3; do [[ $i =~ 2 ]]; done'
step 30000 "$(command -v gdb)" --version
step 40000 "$work/amd64"

# The same for AArch64, by the processor that QEMU is: Go's code, and C's with
# every kind of frame.
emulate() { # emulate STEPS NAME FILE
  printf '%s: ' "$2"
  { GODEBUG=asyncpreemptoff=1 timeout 60 qemu-aarch64 -singlestep \
    -d cpu,nochain -D /dev/stderr "$3" 2>&1 >/dev/null || true; } |
    "$build/insn_qemu" "$3" "$1"
}
emulate 60000 "Go under QEMU" "$work/arm64"
for flags in -O0 "-O2 -fno-omit-frame-pointer" \
  "-O2 -fomit-frame-pointer -mbranch-protection=standard"; do
  clang-19 --target=aarch64-linux-gnu $flags -ffreestanding -fno-builtin \
    -nostdlib -static -fuse-ld=lld -B/usr/lib/llvm-19/bin \
    "$source/tests/programs/aarch64_frames.c" -o "$work/frames"
  emulate 60000 "C under QEMU, $flags" "$work/frames"
done

# Random bytes behind the beginnings of every kind of instruction. What differs
# there is known: jumps with an operand size prefix, which only AMD's processors
# make 16 bits wide, and VEX behind a prefix, which processors refuse.
python3 - "$work" <<'PY'
import random, sys
random.seed(1)
begin = [bytes.fromhex(h) for h in """0f 660f f30f f20f 480f 0f38 660f38 0f3a
    660f3a c5 c4 62 62f1 62f2 62f3 62f4 62f5 62f6 c4e1 c4e2 c4e3 c4e7 d5 48 66
    8fe8 8fe9 8fea 67 f3 f2 65""".split()] + 4 * [b""]
with open(sys.argv[1] + "/x.s", "w") as out:
    for i in range(40000):
        code = random.choice(begin) + random.randbytes(15)
        print("f%d: .byte %s" % (i, ",".join(map(str, code))), file=out)
with open(sys.argv[1] + "/a.s", "w") as out:
    for _ in range(300000):
        word = random.getrandbits(32)
        for at in 0, 5, 10, 16: # SP, FP and LR more often than others
            if random.random() < 0.4:
                word = word & ~(31 << at) | random.choice((20, 29, 30, 31)) << at
        print(".inst %#x" % word, file=out)
PY
llvm-mc-19 -triple=x86_64 -filetype=obj "$work/x.s" -o "$work/x.o"
llvm-mc-19 -triple=aarch64 -filetype=obj "$work/a.s" -o "$work/a.o"
against x86-64 250 "$work/x.o" | tail -1
against aarch64 0 "$work/a.o" --mattr=+all
