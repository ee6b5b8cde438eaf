#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Maps with one pointer bit cleared are caught; see broken_maps.py. Programs of
# size, with and without optimisation.
here=$(realpath "$(dirname "$0")")
set -euo pipefail
build=$(realpath "${1:?build folder}")
. "$here/common.sh"
export dump=$build/pclntab-dump

# broken PROGRAM N ARGUMENTS
broken() {
  program=$1
  local n=$2 level
  shift 2
  compile -O1 -DUSE_MALLOC $(sources "$program") -o oracle -lm -pthread
  ./oracle "$@" >expected
  for level in O0 O2; do
    variant $level gold -$level
    mv "program-$level" "$program-$level"
    python3 "$here/broken_maps.py" "$program-$level" "$n" 1 expected "$@" |
      tee -a results
  done
}
broken binary_trees 8 4
broken graph 10 25 2
broken hamt 8 100 2
by_runs=$(awk '{ n += $(NF - 6) } END { print n }' results)
[ "$by_runs" -ge 3 ] || fail "only $by_runs were found by a run"
