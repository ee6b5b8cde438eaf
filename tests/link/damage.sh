#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Truncated and flipped inputs: a named fault or a sound table, never a crash,
# and a file that was refused is as it was.
. "$(dirname "$0")/common.sh" "$@"
plain bfd -g -O1 main.c part.c -Wl,--build-id -o good
size=$(stat -c %s good)
try() {
  cp bad before
  status=0
  "$link" --placement=sidecar bad 2>log || status=$?
  cmp bad before || fail "$1: the input was changed"
  case $status in
  0) "$dump" --verify bad.pclntab >/dev/null || fail "$1: unsound table" ;;
  1) grep -q '\[[a-z-]*\]$' log || { cat log; fail "$1: no named fault"; }
    [ ! -e bad.pclntab ] || fail "$1: left a sidecar" ;;
  *) cat log; fail "$1: status $status" ;;
  esac
  rm -f bad.pclntab
}
for ((n = 1; n < size; n += size / 40)); do
  head -c $n good >bad
  try "first $n bytes"
done
RANDOM=7
for ((i = 0; i < 150; i++)); do
  cp good bad
  at=$(((RANDOM * 32768 + RANDOM) % size))
  printf "\\x$(printf %x $((RANDOM % 256)))" |
    dd of=bad bs=1 seek=$at conv=notrunc status=none
  try "byte $at"
done
