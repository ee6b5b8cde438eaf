#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Random programs (random_program.py) with a collection at every allocation,
# freed memory filled and dead words overwritten: each prints what the same
# source prints with malloc. Usage: random.sh BUILD [FIRST [LAST]], the seeds;
# run more than the few of the test after a change of the plug-in.
set -euo pipefail
build=$(realpath "${1:?build folder}") first=${2:-1} last=${3:-6}
. "$(dirname "$0")/common.sh"
generator=$root/tests/gc/random_program.py
gc=$build/llvm-19/pclntab-gc.so

for seed in $(seq "$first" "$last"); do
  python3 "$generator" "$seed" >program.c
  clang-19 -w -O1 -DUSE_MALLOC program.c -o oracle
  ./oracle >expected
  for level in O0 O1 O2 O3 Os; do
    name="seed $seed, -$level"
    clang-19 -w -$level -Iinclude -fpass-plugin="$gc" -c program.c ||
      fail "$name: compilation"
    clang-19 program.o -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" \
      "$build/libpclnrt.a" -pthread -o program || fail "$name: link"
    PCLNTAB_DEBUG=$stress timeout 60 ./program >out || fail "$name: run"
    cmp out expected || fail "$name: another result than with malloc"
  done
done
echo "random: seeds $first to $last print the same"
