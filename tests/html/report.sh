#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The HTML report in Chromium, of SQLite with our table, of a Go program, and of
# a program with references of each kind.
#   report.sh BUILD      with what tests/real/build.sh made
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
build=$(realpath "${1:?build folder}")
# Optimised, so that calls are inlined.
sqlite=$(awk '$2 == "sqlite" && $4 == "O2" { print $1; exit }' "$build/real/list")
go=/usr/lib/go-1.21/bin/gofmt
for needed in "$sqlite" "$go" "$(command -v chromium)"; do
  [ -x "$needed" ] || { echo "report.sh: something is missing: run scripts/deps"; exit 1; }
done
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

# From C by the plug-in, and from IR: derived pointers, records of LLVM's.
mkdir -p include/pclntab
ln -s "$root"/pclntab/*.h "$root"/runtime/*.h include/pclntab/
rm include/pclntab/link.h # private; <link.h> is the system's
clang-19 -O1 -g -fPIC -Iinclude -fpass-plugin="$build/llvm-19/pclntab-gc.so" \
  -c "$here/references.c"
gcc -O1 -g -fPIC -I"$root/pclntab" -I"$root/runtime" \
  -c "$root/tests/link/stackmaps/mover.c"
llvm=/usr/lib/llvm-19/bin
for ir in link/stackmaps/front link/stackmaps/other link/stackmaps/hand \
  compare/llvm_records; do
  "$llvm/opt" -passes=always-inline,rewrite-statepoints-for-gc \
    "$root/tests/$ir.ll" -o ir.bc
  "$llvm/llc" -relocation-model=pic -function-sections -filetype=obj ir.bc \
    -o "$(basename "$ir").o"
done
objcopy --redefine-sym deopt=deopt_too llvm_records.o
"$build/pclntab-obj" front.o other.o hand.o llvm_records.o
gcc -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" ./*.o "$build/libpclnrt.a" \
  -lm -pthread -o references

timeout 150 python3 "$here/report.py" "$build/pclntab-dump" references \
  "$sqlite" "$go"
