#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A program of size on the collector. Built at -O2, at -O0, at -Os and with
# sanitizers, each with another linker; run as it is, on a larger input, and
# with a collection at every allocation, freed memory filled and dead words of
# frames overwritten. What it prints is what the same source prints with malloc,
# and the collector must have had work to do.
#
#   programs.sh BUILD PROGRAM [CLANG]    CLANG: its release, 19 or 22
set -euo pipefail
build=$(realpath "${1:?build folder}") program=${2:?program}
clang=${3:-19}
. "$(dirname "$0")/common.sh"

# Arguments of a small run, under stress, and of a larger one.
case $program in
binary_trees) small=6 large=13 ;;
cache) small="300 60 50" large="200000 20000 50000" ;;
churn) small="1500 64" large="1000000 4096" ;;
deep) small="20 20 1" large="20000 400000 2" ;;
graph) small="25 2" large="4000 30" ;;
hamt) small="250 4" large="60000 32" ;;
json) small=900 large=2000000 ;;
lisp) small="$lisp/words.lisp" large="$lisp/words.lisp -- 3" ;;
symbolic) small=2 large=20000 ;;
threads) small="3 9 2 2" large="4 2000 6 3" ;;
unions) small=400 large=300000 ;;
*) fail "no such program: $program" ;;
esac
if [ "$program" = lisp ]; then
  large="$lisp/mandelbrot.lisp $lisp/primes.lisp $lisp/queens.lisp $large"
fi

debug=gcforeign=fatal

compile -O1 -DUSE_MALLOC $(sources "$program") -o oracle -lm -pthread
./oracle $small >small.expected
./oracle $large >large.expected

# same NAME EXPECTED COMMAND: the command prints that, and says nothing else.
same() {
  local name=$1 expected=$2
  shift 2
  local status=0
  ALLOC_REPORT=1 timeout 60 "$@" >out 2>err || status=$?
  [ $status = 0 ] || { cat out err; fail "$name: status $status"; }
  cmp out "$expected" || fail "$name: another result than with malloc"
  if grep -v '^report ' err; then fail "$name: unexpected output"; fi
  [ "$(value collections)" -gt 0 ] || [ "${document-}" ] || fail "$name: nothing was collected"
}

# both NAME EXECUTABLE: small under stress with every check, and large.
both() {
  PCLNTAB_DEBUG=$debug,$stress same "$1 under stress" small.expected "$2" $small
  # The C library's qsort, from which the interpreter is called back.
  [ $program != lisp ] || [ "$(value foreign)" -gt 0 ] ||
    fail "$1: no frame without a map was met"
  PCLNTAB_DEBUG=$debug same "$1" large.expected "$2" $large
}

variant O2 gold -O2
both "-O2, gold" ./program-O2
variant O0 bfd -O0
both "-O0, GNU ld" ./program-O0
variant Os lld -Os
both "-Os, lld" ./program-Os

# Documents as others wrote them, one of them of some size.
if [ "$program" = json ]; then
  "$build/pclntab-dump" --json --lines program-O2 >dump.json
  for document in dump.json "$root"/docs/*.json; do
    ./oracle "$document" >document.expected
    same "$document" document.expected ./program-O2 "$document"
  done
fi

# With sanitizers everything is slower: the small input alone. ASan's own places
# for variables on the stack are none that a frame's map could name.
# They come with the release of clang that the other tests use.
[ "$clang" = 19 ] || { echo "programs: $program: all the same" && exit; }
for sanitizer in address thread; do
  [ -f "$build/libpclnrt_$sanitizer.a" ] || fail "no runtime with $sanitizer"
  variant $sanitizer lld -O1 -g -fsanitize=$sanitizer -mllvm -asan-stack=0 \
    -Wno-unused-command-line-argument
  PCLNTAB_DEBUG=$debug,gcstress=1,gcstress_every=3 same "$sanitizer" \
    small.expected ./program-$sanitizer $small
done
echo "programs: $program: all the same"
