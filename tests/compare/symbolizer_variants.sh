#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The small programs tests/programs/symbolizer* compiled and linked in several
# ways, each compared with llvm-symbolizer at every instruction. What
# dwarf_forms.sh does not have: code of the C++ library with calls inlined many
# deep, units that differ in flags, versions or in having DWARF at all, symbols
# that are no sized functions, static programs.
#
#   symbolizer_variants.sh SOURCE BUILD
set -euo pipefail
src=$(cd "${1:?source folder}" && pwd)/tests
build=$(cd "${2:?build folder}" && pwd)
out=$build/compare/symbolizer
rm -rf "$out"
mkdir -p "$out"
cd "$out"
dump=$build/pclntab-dump
fail() {
  echo "FAILED: $*"
  exit 1
}
. "$src/support/verified.sh"
lld="-fuse-ld=lld -B/usr/lib/llvm-19/bin"
gc="-ffunction-sections -Wl,--gc-sections"

# variant NAME 'COMPILER FLAGS' 'FLAGS OF THE FIRST UNIT' ['OF THE SECOND']
# Flags of units are for compiling, the others for linking as well. CHECK are
# options of the comparison.
variant() {
  local name=$1 cc=$2 p=$src/programs first=$3 second=${4-$3}
  mkdir "$name"
  (cd "$name"
   $cc -w $first -c "$p/symbolizer.cc" -o a.o
   $cc -w $second -c "$p/symbolizer_other.cc" -o b.o
   $cc a.o b.o -o prog) >"$name/log" 2>&1 ||
    { cat "$name/log"; echo "$name: does not build"; return 1; }
  finish "$name"
}
# The same for the C program.
symbols() {
  local name=$1 cc=$2 p=$src/programs
  mkdir "$name"
  $cc -w -g "$p/symbolizer_symbols.c" "$p/symbolizer_asm.s" -o "$name/prog"
  finish "$name"
}
finish() {
  (cd "$1"
   mv prog "$1"
   "$build/pclntab-link" --placement=sidecar "$1"
   verified "$1"
   python3 "$src/compare/symbolizer.py" --dump "$build/pclntab-dump" \
     ${CHECK-} "$1") >"$1/result" 2>&1 && tail -1 "$1/result" ||
    { cat "$1/result"; echo "$1: FAILED"; return 1; }
}

faults=0 running=0
# Two at a time.
try() {
  if [ "$running" -ge 2 ]; then
    wait -n || faults=$((faults + 1))
    running=$((running - 1))
  fi
  "$@" &
  running=$((running + 1))
}

try variant gcc-O2 g++ "-g -O2"
try variant gcc-Og "g++ $gc" "-g -Og -gno-column-info"
try variant gcc-lto "g++ -O2 -flto -fuse-ld=gold" "-g -O2"
try variant gcc-mixed "g++ -fuse-ld=gold" "-g -O0" "-g -O3 -gdwarf-4"
CHECK="--undescribed --min-lines 0" try variant gcc-half g++ "-O2" "-g -O2"
try variant clang-types "clang++-19 $lld $gc -Wl,--icf=all" \
  "-g -O2 -fdebug-types-section -gz=zstd"
try variant clang-thinlto "clang++-19 $lld -O2 -flto=thin" "-g -O2"
try variant clang-mixed clang++-19 "-g -O2 -gdwarf64" "-gmlt -O3 -gdwarf-3"
CHECK="--min-lines 0.3"
for cc in gcc clang-19; do
  try symbols "$cc-symbols-O0" "$cc -O0"
  try symbols "$cc-symbols-O2" "$cc -O2 -fuse-ld=gold"
  CHECK="--undescribed --min-lines 0" \
    try symbols "$cc-symbols-static" "$cc -O2 -static-pie -fPIE $lld"
done
# A unit in several sections without a list of its ranges.
CHECK="--undescribed --min-lines 0.3" \
  try symbols gcc-symbols-dwarf2 "gcc -O2 -gdwarf-2 -gstrict-dwarf"
while [ "$running" -gt 0 ]; do
  wait -n || faults=$((faults + 1))
  running=$((running - 1))
done
[ "$faults" = 0 ] || { echo "$faults variants failed"; exit 1; }
