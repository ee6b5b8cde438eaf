#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Random programs (random_program.py) with a collection at every allocation,
# freed memory filled and dead words overwritten: each prints what the same
# source prints with malloc. Usage: random.sh BUILD [FIRST [LAST]], the seeds;
# run more than the few of the test after a change of the plug-in.
set -euo pipefail
build=$(realpath "${1:?build folder}") first=${2:-1} last=${3:-5}
. "$(dirname "$0")/common.sh"
generator=$root/tests/gc/random_program.py

for seed in $(seq "$first" "$last"); do
  python3 "$generator" "$seed" >program.c
  # Each release of LLVM in turn.
  major=19
  if ((seed % 2 == 0)) && [ -f "$build/llvm-22/pclntab-gc.so" ]; then
    major=22
  fi
  gc=$build/llvm-$major/pclntab-gc.so
  clang=("clang-$major" -x c) # the linker's options name no language
  [ "$(head -1 program.c)" = "// C" ] || clang=("clang++-$major" -x c++)
  "${clang[@]}" -w -O1 -DUSE_MALLOC program.c -pthread -o oracle
  ./oracle >expected
  for level in O0 O1 O2 O3 Os; do
    name="seed $seed, LLVM $major, -$level"
    "${clang[@]}" -w -$level -Iinclude -fpass-plugin="$gc" -c program.c ||
      fail "$name: compilation"
    "${clang[0]}" program.o -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" \
      "$build/libpclnrt.a" -pthread -o program || fail "$name: link"
    PCLNTAB_DEBUG=$stress timeout 60 ./program >out || fail "$name: run"
    cmp out expected || fail "$name: another result than with malloc"
  done
done
echo "random: seeds $first to $last print the same"
