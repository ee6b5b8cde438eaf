#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Link-time optimisation of GCC and clang beside our plugin: the code that it
# makes, which no plugin is shown, is in the table.
. "$(dirname "$0")/common.sh" "$@"
try() {
  ./prog | grep -qx 42 || fail "$*: does not run"
  sound prog
  line_of prog twice | grep -q 'part\.c:[5-7]$' || fail "$*: line of twice"
  line_of prog main | grep -q 'main\.c:[0-9]' || fail "$*: line of main"
  rm prog
}
for linker in bfd gold; do
  for flags in -flto '-flto -ffat-lto-objects' '-flto=2 -static'; do
    table $linker -g -O2 $flags main.c part.c -o prog
    try gcc $linker "$flags"
  done
done
for flags in -flto -flto=thin '-flto -static' '-flto=thin -Wl,--lto-O3'; do
  table lld -g -O2 $flags main.c part.c -o prog
  try clang lld "$flags"
done
if [ -e /usr/lib/llvm-19/lib/LLVMgold.so ]; then
  for linker in bfd gold; do
    clang-19 -g -O2 -flto -fuse-ld=$linker $(load $linker) main.c part.c -o prog
    try clang $linker
  done
else
  echo "skipped: LLVMgold.so is not installed"
fi
