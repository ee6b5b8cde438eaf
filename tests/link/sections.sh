#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the linker drops or folds is not in the table, and what it keeps is:
# --gc-sections, identical code folding, relocations kept by -q.
. "$(dirname "$0")/common.sh" "$@"
flags="-g -O1 -ffunction-sections -fdata-sections"
for linker in $linkers; do
  table $linker $flags main.c part.c -Wl,--gc-sections -o prog
  ./prog | grep -qx 42 || fail "$linker --gc-sections"
  sound prog
  "$dump" --funcs prog >funcs
  grep -qw twice funcs || fail "$linker: twice is missing"
  ! grep -qw unused funcs || fail "$linker: unused is there"

  table $linker $flags main.c part.c -Wl,-q -o prog
  ./prog | grep -qx 42 || fail "$linker -q"
  sound prog
  cp prog small
  PCLNTAB_OPTIONS=strip-debug table $linker $flags main.c part.c -Wl,-q -o small
  ./small | grep -qx 42 || fail "$linker -q strip-debug"
  sound small
  readelf -aW small 2>&1 | grep Warn | grep -v 'alignment 16' && fail "$linker"

  [ $linker = bfd ] && continue # does not fold
  table $linker $flags main.c part.c -Wl,--icf=all -Wl,-u,twice_too -o prog
  ./prog | grep -qx 42 || fail "$linker --icf"
  sound prog
  line_of prog twice | grep -q 'part\.c:\([569]\|10\)$' || fail "$linker: folded line"
done
true
