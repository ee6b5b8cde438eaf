#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Where pclntab-link puts the table: sidecar, embedded, moved program headers,
# nowhere; what strip-debug leaves; options by -plugin-opt.
. "$(dirname "$0")/common.sh" "$@"
for linker in $linkers mold; do
  plain $linker -g -O1 main.c part.c -Wl,--build-id -o prog
  cp prog before
  "$link" prog 2>log
  grep -q '\[no-slot-sidecar\]' log || fail "$linker: no note"
  cmp prog before || fail "$linker: a sidecar changed the program"
  "$dump" --verify prog.pclntab
  line_of prog twice | grep -q 'part\.c:[56]$' || fail "$linker: sidecar's line"
  rm prog.pclntab
  "$link" --sidecar=elsewhere prog
  "$dump" --verify elsewhere
  "$link" --placement=none prog
  [ ! -e prog.pclntab ] || fail "$linker: none is not none"
  refuses no-slot "$link" --placement=embedded prog
  refuses option-conflict "$link" --placement=sidecar --strip-debug prog
  cmp prog before || fail "$linker: refused, but changed"
  for kind in -no-pie -static -pie; do
    plain $linker -g -O1 $kind main.c part.c -o moved
    "$link" --move-phdrs moved
    sound moved
    ./moved | grep -qx 42 || fail "$linker $kind: moved headers do not run"
    gdb -batch -ex 'break twice' -ex run -ex bt moved >log 2>&1
    grep -q 'twice (x=.*20) at part.c:6' log || { cat log; fail "$linker: gdb"; }
  done
done
plain bfd -g main.c part.c -Wl,--build-id=none -o prog
refuses sidecar-no-build-id "$link" prog
for linker in bfd gold; do
  table $linker -g main.c part.c -Wl,-plugin-opt,strip-debug \
    -Wl,-plugin-opt,stats -Wl,-plugin-opt,file-prefix-map="$tmp"=/src -o prog \
    2>log
  grep -q 'functions from symbols' log || fail "$linker: no stats"
  sound prog
  ./prog | grep -qx 42 || fail "$linker strip-debug"
  readelf -SW prog >sections.log # a broken pipe would pass for "none found"
  ! grep -q debug_ sections.log || fail "$linker: debug sections stay"
  line_of prog twice | grep -qx '/src/part\.c:[56]' || fail "$linker: prefix map"
done
