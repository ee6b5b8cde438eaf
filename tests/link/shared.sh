#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A shared object gets a table of its own, before and after strip.
. "$(dirname "$0")/common.sh" "$@"
for linker in $linkers; do
  table $linker -g -O1 -fPIC -shared part.c -o libpart.so
  sound libpart.so
  line_of libpart.so twice | grep -q 'part\.c:[56]$' || fail "$linker: line"
  table $linker -g main.c -L. -lpart -Wl,-rpath,"$tmp" -o prog
  sound prog
  ./prog | grep -qx 42 || fail "$linker"
  strip libpart.so prog
  ./prog | grep -qx 42 || fail "$linker, stripped"
  "$dump" --verify libpart.so
done
