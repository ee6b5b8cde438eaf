#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A go-compatible table warns of code that readers of Go programs cannot unwind:
# with a frame, without a frame pointer. The table is made all the same.
. "$(dirname "$0")/common.sh" "$@"
for linker in bfd gold; do
  for flags in -fno-omit-frame-pointer -fomit-frame-pointer; do
    table $linker -g -O1 $flags main.c part.c -Wl,-plugin-opt,go-compat \
      -o prog 2>log
    ./prog | grep -qx 42 || fail "$linker $flags"
    readelf -SW prog >sections.log # a pipe to grep -q would break early
    grep -qF ' .gopclntab ' sections.log || fail "$linker: no section"
    "$dump" --verify prog
    warned=$(grep -c '\[go-compat-frame-pointer\]' log || true)
    case $flags in
    -fno-*) [ "$warned" = 0 ] || { cat log; fail "$linker: warned"; } ;;
    *) [ "$warned" = 1 ] || { cat log; fail "$linker: no warning"; } ;;
    esac
  done
done
