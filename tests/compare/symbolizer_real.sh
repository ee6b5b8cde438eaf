#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The real programs that tests/real/build.sh linked with the plugin, compared
# with llvm-symbolizer: at 100,000 instructions, or all if there are fewer, for
# each program, compiler and flags; at 20,000 where only the linker is another.
#
#   symbolizer_real.sh SOURCE BUILD
set -euo pipefail
src=$(cd "${1:?source folder}" && pwd)
build=$(cd "${2:?build folder}" && pwd)
faults=0 n=0 last=
while read -r path program cc flags linker; do
  sample=20000
  [ "$program-$cc-$flags" = "$last" ] || sample=100000
  last=$program-$cc-$flags
  n=$((n + 1))
  python3 "$src/tests/compare/symbolizer.py" --dump "$build/pclntab-dump" \
    --sample $sample --seed $n "$path" </dev/null || faults=$((faults + 1))
done <"$build/real/list"
echo "$n programs, $faults with unexplained differences"
[ $n -gt 0 ] && [ $faults = 0 ]
