#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Each linker, each kind of output: it runs, its table is sound and names the
# right lines, no relocation was added, and strip, eu-strip and objcopy keep it.
. "$(dirname "$0")/common.sh" "$@"
for linker in $linkers; do
  for kind in -pie -no-pie -static -static-pie; do
    pic=-fPIE
    [ $kind = -no-pie ] && pic=-fno-pie
    if [ "$linker$kind" = gold-static-pie ]; then
      echo "skipped: gold does not know --no-dynamic-linker"
      continue
    fi
    plain $linker -g -O1 $pic $kind main.c part.c -o plain
    table $linker -g -O1 $pic $kind main.c part.c -o prog
    ./prog | grep -qx 42 || fail "$linker $kind does not run"
    sound prog
    line_of prog twice | grep -q 'part\.c:[56]$' || fail "$linker $kind: line"
    readelf -rW plain | grep -c R_ >relocs.plain || true
    readelf -rW prog | grep -c R_ >relocs.table || true
    cmp relocs.plain relocs.table || fail "$linker $kind: relocations"
    strip -o stripped prog
    eu-strip -o eu prog
    objcopy --strip-all prog all
    objcopy --strip-debug prog debug
    for copy in stripped eu all debug; do
      ./$copy | grep -qx 42 || fail "$linker $kind $copy does not run"
      verified $copy
      cmp <("$dump" --lines prog) <("$dump" --lines $copy) ||
        fail "$linker $kind: $copy has another table"
    done
    objcopy --only-keep-debug prog prog.debug
    cp prog again
    "$link" again
    cmp prog again || fail "$linker $kind: the second run differs"
  done
done
