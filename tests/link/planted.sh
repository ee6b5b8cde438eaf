#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One fault at a time in what a program says of its references: --verify finds
# it, by its name, and nothing else.
source=$(realpath "$(dirname "$0")/../..")
. "$source/tests/link/common.sh" "$@"
[ "$(uname -m)" = x86_64 ] || { echo "skipped: the subject is x86-64's"; exit 0; }
export dump
clang-19 -c "$source/tests/link/annotated.s" -o annotated.o
table gold annotated.o -o sound
"$dump" --verify sound >verdict || { cat verdict; fail "not sound"; }

# of KIND [NAME]: where --streams says that work's stream, funcdata or maps are.
of() {
  "$dump" --streams --func=work sound |
    sed -n "s/^$1 ${2:+$2 index=[0-9]* }offset=\(0x[0-9a-f]*\).*/\1/p"
}
maps=$(of pointer_maps) pairs=$(of funcdata PointerPairs)
rows=$(of stream StackMapIndex)

# plants "FAULTS" WHERE OFFSET BYTES: exactly these are found.
plants() {
  local faults=$1
  shift
  cp sound broken
  python3 "$source/tests/support/plant.py" broken "$@"
  if "$dump" --verify broken >verdict; then fail "sound: $*"; fi
  local got
  got=$(sed -n 's/^found \([^ ]*\) .*/\1/p' verdict | sort | xargs)
  [ "$got" = "$faults" ] || { cat verdict; fail "$got and not $faults: $*"; }
}

# The maps: two words of four are stored, two rows of a byte, 0b1010 and 0b0110.
plants map-word pctab $((maps + 3)) ^03      # a pointer becomes a scalar
plants map-word pctab $((maps + 3)) ^02      # a pointer becomes dead
plants "bytes-unreached funcdata-pairs map-word" pctab $((maps + 2)) ^02 # of a pair
plants map-word pctab $((maps + 3)) ^0c      # a scalar becomes a pointer
plants map-word pctab $((maps + 3)) ^04      # a scalar becomes dead
plants stackmap-codes pctab $((maps + 3)) ^08 # an item that is cut off
plants "bytes-unreached code-map-row map-point stackmap-row" \
  pctab $((maps + 1)) 11 # one row
plants "bytes-unreached funcdata-map funcdata-pairs map-point" \
  pctab $((maps + 1)) 17 ff # many rows
plants "map-word" pctab $((maps + 1)) 1a # one word more is left out
# The numbers of the rows: 0 up to the first call, 1.
plants map-point pctab "$rows" 01 ^00 06 # -2, 1
plants "code-call-map map-point" pctab "$rows" ^00 ^00 01 # 0, -1
plants "code-call-map map-point stackmap-index" pctab "$rows" 03 ^00 08
plants "code-safepoint map-point" pctab "$rows" ^00 ^00 ^00 04 # row 1 ends before its call
plants pcvalue-length pctab "$rows" ^00 ^00 ^00 40 # or behind the function
# One pair, of row 0: word 0 is the base, 1 the derived pointer.
plants map-pair funcdata $((pairs + 2)) 01 00
plants "bytes-unreached funcdata-pairs map-pair" funcdata $((pairs + 2)) 09
plants map-pair funcdata "$pairs" 00
# The variables: records of 24 bytes behind the count, entries behind those.
plants "root-missing root-unsaid" roots 8 ^08
plants "root-missing root-unsaid" roots 16 ^01
plants "root-codes root-missing root-unsaid" roots 56 ff
plants root-flags roots 28 02
plants "bytes-unreached root-missing roots-bounds" roots 0 09
# What the compiler said: the place of the first call's first word.
plants map-place annotations 52 88
