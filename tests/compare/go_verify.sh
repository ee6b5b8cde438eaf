#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# --verify on Go programs that still have symbols, DWARF and CFI: those that
# go_tables.sh built, of several processors and releases. Every check that is
# there for the processor runs and finds nothing. Then how much of such a table
# is proved: of all changes of one bit no more than PERCENT may be believed.
# Usage: go_verify.sh PCLNTAB_DUMP MUTATE_TABLE WORKDIR_OF_GO_TABLES
set -euo pipefail
dump=$(realpath "$1") mutate=$(realpath "$2") work=$3
PERCENT=8 # arguments, identifiers and PCDATA of Go's, which nothing else repeats
[ -d "$work" ] || { echo "skipped: go_tables.sh built nothing"; exit 77; }
n=0
for program in "$work"/gosym-* "$work"/gosubject-*; do
  case $program in *.want | *.got) continue ;; esac
  out=$("$dump" --verify "$program") || { echo "$program"; echo "$out"; exit 1; }
  for check in structure bytes symbols dwarf; do
    grep -q "^checked $check .* findings=0$" <<<"$out" ||
      { echo "$program: $check did not run"; echo "$out"; exit 1; }
  done
  n=$((n + 1))
done
[ "$n" -ge 5 ] || { echo "only $n programs"; exit 1; }
echo "$n programs"
for program in "$work"/gosubject-go-1.2[0-9]; do
  "$mutate" "$program" 150 "$PERCENT"
done
