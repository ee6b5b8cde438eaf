#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# -r is left alone: the same bytes with and without the plugin, and the object
# links on.
. "$(dirname "$0")/common.sh" "$@"
for linker in $linkers; do
  plain $linker -g -c main.c part.c
  plain $linker -nostdlib -r main.o part.o -o plain.o
  table $linker -nostdlib -r main.o part.o -o whole.o
  cmp plain.o whole.o || fail "$linker -r differs"
  table $linker whole.o -o prog
  ./prog | grep -qx 42 || fail "$linker"
  sound prog
done
