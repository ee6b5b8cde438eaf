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

# of KIND NAME: where --streams says that work's stream or funcdata is.
of() {
  "$dump" --streams --func=work sound |
    sed -n "s/^$1 $2 index=[0-9]* offset=\(0x[0-9a-f]*\).*/\1/p"
}
maps=$(of funcdata LocalsPointerMaps) pairs=$(of funcdata PointerPairs)
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

# The map: two counts, then rows of a byte: 0b01011010 and 0b01010110.
plants map-word funcdata $((maps + 9)) ^03      # a pointer becomes a scalar
plants map-word funcdata $((maps + 9)) ^02      # a pointer becomes dead
plants "funcdata-pairs map-word" funcdata $((maps + 8)) ^02 # that of a pair
plants map-word funcdata $((maps + 9)) ^0c      # a scalar becomes a pointer
plants map-word funcdata $((maps + 9)) ^40      # a scalar becomes dead
plants stackmap-codes funcdata $((maps + 9)) ^80 # an item that is cut off
plants "code-map-row map-point stackmap-row" funcdata "$maps" 01 # one row
plants "funcdata-map funcdata-pairs map-point" funcdata "$maps" ff ff
# The numbers of the rows: 0 up to the first call, 1, -2.
plants map-point pctab "$rows" 01 ^00 06 # -2, 1, -2
plants "code-call-map map-point" pctab "$rows" ^00 ^00 01 ^00 01 # 0, -1, -2
plants "code-call-map map-point stackmap-index" pctab "$rows" 03 ^00 08
# One pair, of row 0: word 0 is the base, 1 the derived pointer.
plants map-pair funcdata $((pairs + 2)) 01 00
plants "funcdata-pairs map-pair" funcdata $((pairs + 2)) 09
plants map-pair funcdata "$pairs" 00
# The variables: records of 24 bytes behind the count, entries behind those.
plants "root-missing root-unsaid" roots 8 ^08
plants "root-missing root-unsaid" roots 16 ^01
plants "root-codes root-missing root-unsaid" roots 56 ff
plants root-flags roots 28 02
plants "bytes-unreached root-missing roots-bounds" roots 0 09
# What the compiler said: the place of the first call's first word.
plants map-place annotations 52 88
