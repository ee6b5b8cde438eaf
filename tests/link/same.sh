#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The same inputs give the same bytes, whatever the number of threads and
# whether the plugin or pclntab-link made the table.
. "$(dirname "$0")/common.sh" "$@"
for linker in $linkers; do
  for threads in 1 2 7; do
    PCLNTAB_OPTIONS=threads=$threads table $linker -g -O2 main.c part.c \
      -o prog
    mv prog prog.$threads
  done
  cmp prog.1 prog.2
  cmp prog.1 prog.7
  cp prog.1 again
  "$link" --threads=3 again
  cmp prog.1 again
done
