#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# How much of a table of ours is proved: of all changes of one bit, made in the
# tables of real programs, no more than one in a hundred may be believed.
# Usage: mutate.sh BUILD
set -euo pipefail
build=${1:?build folder}
n=0
while read -r exe program cc flags linker; do
  case $program-$cc-$flags-$linker in
  sqlite-gcc-O2-gold | jsonnet-clang-O2-lld | lua-gcc-O2-bfd) ;;
  *) continue ;;
  esac
  echo "$program, $cc -$flags, $linker"
  "$build/mutate_table" "$exe" 120 1
  n=$((n + 1))
done <"$build/real/list"
[ "$n" -gt 0 ] || { echo "no program to change"; exit 1; }
