#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Each way in which C and C++ hold a reference across a call, at each level of
# optimisation and with LTO (of the corners, which are many programs, some), under a collection at every allocation. The oracle
# is the same source with malloc. Usage: plugin_run.sh BUILD MAJOR
set -euo pipefail
build=$(realpath "${1:?build folder}") major=${2:?major version of LLVM}
programs=$(realpath "$(dirname "$0")/plugin")
. "$(dirname "$0")/common.sh"
sources=$(realpath "$root/tests/gc/plugin")
plugin=$build/llvm-$major/pclntab-gc.so
command -v "clang-$major" >/dev/null && [ -f "$plugin" ] ||
  { echo "skipped: no LLVM $major here"; exit 77; }

gold=(-fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so")
lld=(--ld-path="$(command -v "ld.lld-$major")"
  -Wl,-mllvm,-load="$build/pclntab-ld.so" -Wl,--load-pass-plugin="$plugin")

# try COMPILER SOURCE LINKER OPTIONS: builds, runs, compares.
try() {
  local compiler=$1 source=$2 use=$3
  shift 3
  local -n linker=$use
  "$compiler" "$@" -g -Iinclude -fpass-plugin="$plugin" -c "$sources/$source" \
    -o test.o
  "$compiler" "$@" test.o "${linker[@]}" "$build/libpclnrt.a" -pthread -o test
  PCLNTAB_DEBUG=$stress timeout 20 ./test >out ||
    fail "$source $* $use: status $?"
  diff "$source.expected" out || fail "$source $* $use: another result"
}

clang-$major -O1 -DUSE_MALLOC "$sources/features.c" -o oracle
./oracle >features.c.expected
clang++-$major -O1 -DUSE_MALLOC "$sources/exceptions.cc" -o oracle
./oracle >exceptions.cc.expected
for level in -O0 -O1 -O2 -O3 -Os; do
  try clang-$major features.c gold $level
  try clang++-$major exceptions.cc gold $level
done
for lto in full thin; do
  for level in -O0 -O2; do
    try clang-$major features.c lld $level -flto=$lto
  done
  try clang++-$major exceptions.cc lld -O2 -flto=$lto
done

# Each case of corners.c alone.
for case in $(grep -oP 'CASE == \K\d+' "$sources/corners.c"); do
  clang-$major -O1 -DUSE_MALLOC -DCASE=$case "$sources/corners.c" -o oracle
  ./oracle >corners.c.expected
  for level in -O0 -O2 -Os; do
    try clang-$major corners.c gold $level -DCASE=$case
  done
  try clang-$major corners.c lld -O2 -DCASE=$case -flto=full
done

# A linker without the plug-in must not produce anything.
clang-$major -flto -O2 -Iinclude -fpass-plugin="$plugin" \
  -c "$sources/features.c" -o test.o
rm -f test
if clang-$major -flto test.o "${lld[0]}" "$build/libpclnrt.a" -pthread \
  -o test >err 2>&1; then
  fail "linked with LTO and without the plug-in"
fi
grep -q "unsupported GC: pclntab" err || { cat err; fail "another error"; }
echo "plugin_run: LLVM $major: all the same"
