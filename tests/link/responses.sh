#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Response files, nested and quoted, and every way to name the output.
. "$(dirname "$0")/common.sh" "$@"
mkdir 'a dir'
gcc -g -O1 -c part.c -o 'a dir/part.o'
gcc -g -O1 -c main.c
for linker in $linkers; do
  echo '"a dir/part.o" @inner' >outer
  echo "main.o '-o' prog\\ 1" >inner
  rm -f prog*
  table $linker -Wl,@outer
  './prog 1' | grep -qx 42 || fail "$linker: response file"
  sound 'prog 1'
  [ ! -e a.out ] || fail "$linker wrote a.out too"
  table $linker main.o 'a dir/part.o'
  sound a.out
  rm a.out
done
# lld's own command line, where the hook reads what lld reads.
load="-mllvm -load=$plugin"
for form in '-o out' -oout --output=out '--output out'; do
  rm -f out
  echo "$load main.o 'a dir/part.o' -e main -lc -L/lib/x86_64-linux-gnu -pie" \
    "-dynamic-linker /lib64/ld-linux-x86-64.so.2 $form" >response
  ld.lld-19 @response
  sound out
done
# Nothing is linked: nothing is done, and the status is the linker's.
ld.lld-19 $load --version >log
grep -q LLD log
ld.lld-19 $load --help >log
grep -q USAGE log
if ld.lld-19 $load nowhere.o -o out2 2>log; then fail "nowhere.o"; fi
grep -q nowhere.o log
[ ! -e out2 ]
