#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The hook inside lld passes on signals and exit statuses, and leaves other
# programs that load it alone.
. "$(dirname "$0")/common.sh" "$@"
load="-mllvm -load=$plugin"
gcc -g -c main.c part.c
mkfifo never # a linker that reads it waits
ld.lld-19 $load never main.o -o prog 2>log &
linker=$!
for ((i = 0; i < 100; i++)); do
  pgrep -P $linker >child && break
  sleep 0.1
done
kill -TERM $linker
status=0
wait $linker || status=$?
[ $status = $((128 + 15)) ] || fail "status $status after SIGTERM"
for ((i = 0; i < 100; i++)); do
  kill -0 "$(cat child)" 2>/dev/null || break
  sleep 0.1
done
! kill -0 "$(cat child)" 2>/dev/null || fail "the second linker lives on"
[ ! -e prog ] || fail "an output of a link that was killed"
status=0
ld.lld-19 $load main.o -o prog 2>log || status=$?
[ $status = 1 ] || fail "status $status of a failed link"
[ "$(grep -c 'undefined symbol: twice' log)" = 1 ] || fail "said twice"
# Not a linker: nothing happens.
clang-19 -S -emit-llvm part.c -o part.ll
opt-19 -load="$plugin" -S part.ll -o again.ll
grep -q '@twice' again.ll
# An earlier output is replaced; without a link it stays as it was.
table lld main.o part.o -o prog
cp prog before
ld.lld-19 $load --version -o prog >log
cmp prog before
touch -d yesterday prog
table lld main.o part.o -o prog
cmp prog before
