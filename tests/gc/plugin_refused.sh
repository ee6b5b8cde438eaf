#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Each thing that cannot be followed is an error at its line, at -O0 and -O2 or
# at the level named.
# Usage: plugin_refused.sh BUILD MAJOR
set -euo pipefail
build=$(realpath "${1:?build folder}") major=${2:?major version of LLVM}
. "$(dirname "$0")/common.sh"
source=$root/tests/gc/plugin/refused.c plugin=$build/llvm-$major/pclntab-gc.so
command -v "clang-$major" >/dev/null && [ -f "$plugin" ] ||
  { echo "skipped: no LLVM $major here"; exit 77; }

n=0
while IFS=: read -r line text; do
  n=$((n + 1)) levels=${text##*// WANT} want=${text##*// WANT*: }
  levels=${levels%%:*}
  language=
  [ $n -lt 12 ] || language="-x c++ -std=c++20"
  for level in ${levels:--O0 -O2}; do
    if clang-$major $language $level -g -Iinclude -fpass-plugin="$plugin" -DCASE=$n \
      -c "$source" -o refused.o 2>err; then
      fail "case $n compiled: $want"
    fi
    grep -q "pclntab: .*$want" err || { cat err; fail "case $n: $want"; }
    # Of variables LLVM has no position.
    case $want in "'"*) continue ;; esac
    grep -q "refused.c:$line:" err || { cat err; fail "case $n: line $line"; }
  done
done < <(grep -n '// WANT' "$source")
[ "$n" -ge 14 ] || fail "only $n cases"
# What may be permitted.
clang-$major -O2 -Iinclude -fplugin="$plugin" -fpass-plugin="$plugin" \
  -mllvm -pclntab-gc-allow-inttoptr -DCASE=2 -c "$source" -o refused.o
# Without a case there is nothing to refuse.
clang-$major -O2 -Iinclude -fpass-plugin="$plugin" -c "$source" -o refused.o
echo "plugin_refused: LLVM $major: $n cases"
