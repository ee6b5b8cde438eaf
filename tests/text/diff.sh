#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# --diff on two versions of a program, on one program from two linkers, between
# kinds of tables, and on 100,000 functions.
#   diff.sh SOURCE-DIR BUILD-DIR
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
dump=$build/pclntab-dump
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
fail() { echo "diff.sh: $*"; exit 1; }
check() { FileCheck-19 --check-prefix="$1" "$source/tests/text/diff_subject.c"; }
differs() { # differs CODE FILE OTHER [OPTION...]: what it says is in `out`
  local code=$1 got=0
  shift
  "$dump" --diff "$@" >out || got=$?
  [ $got = "$code" ] || fail "exit code $got, not $code: $*: $(cat out)"
}
link() { # link NAME LINKER DEFINES...
  local name=$1 linker=$2
  shift 2
  gcc -O1 -g "$@" -c "$source/tests/text/diff_subject.c" -o "$name-1.o"
  gcc -O1 -g "$@" -DSECOND -c "$source/tests/text/diff_subject.c" \
    -o "$name-2.o"
  gcc "$name-1.o" "$name-2.o" -fuse-ld="$linker" \
    -Wl,-plugin,"$build/pclntab-ld.so" -o "$name"
}

link old gold
link new gold -DNEW
differs 1 old new
check DIFF <out
differs 1 old new --func=line_only
check FILTERED <out
differs 1 old new --json
check JSON <out
differs 0 old new --func=below
differs 0 old old
grep -vE '^(component total|summary) ' out && fail "a file differs from itself"

# The same objects from another linker: everything moves, nothing changes.
link other bfd
differs 1 old other
grep -E '^(added|removed|changed) ' out | grep -vE ' (_init|_fini|_start|.*@plt|.*[pP][lL][tT].*|.*\.init.*|.*\.fini.*|.*\.text.*)( |$)' &&
  fail "two linkers"
differs 1 new old # the other way round
grep -q '^removed .* only_new$' out || fail "the other way round"

# A sidecar, and a table of Go's layout.
cp old bare
strip bare
"$build/pclntab-link" --placement=sidecar old 2>/dev/null || true
gcc old-1.o old-2.o -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" \
  -Wl,-plugin-opt,go-compat -o go 2>/dev/null
differs 1 old go
grep -E '^(added|removed|changed) ' out && fail "a go-compatible table"
differs 0 old bare
differs 2 old "$source/tests/text/diff_subject.c" 2>/dev/null

# 100,000 functions, and half as many more.
many() { # many NAME COUNT
  { echo ".text"; seq 1 "$2" | awk '{ name = "f" $1
      print ".type " name ",@function\n" name ":.cfi_startproc\nnop\nret\n" \
        ".cfi_endproc\n.size " name ",.-" name }'
    echo '.globl main
.type main,@function
main:ret
.size main,.-main'; } >"$1.s"
  gcc "$1.s" -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" \
    -Wl,-plugin-opt,allow-stripped -o "$1" 2>/dev/null
}
many many 100000
many more 150000
start=$(date +%s%N)
differs 1 many more --func='f*'
ms=$((($(date +%s%N) - start) / 1000000))
grep -qE '^summary functions_a=10000[01] functions_b=15000[01] removed=0 added=50000 changed=0 ' out ||
  fail "100,000 functions: $(tail -1 out)"
[ $ms -lt 5000 ] || fail "100,000 functions took $ms ms"
echo "diff.sh: sound; 250,000 functions in $ms ms"
