#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The examples of the manual pages, compiled and linked as the pages say, print
# what the pages say, also with a collection at every allocation.
here=$(realpath "$(dirname "$0")")
set -euo pipefail
build=$(realpath "${1:?build folder}")
. "$here/common.sh"
for page in pclnrt_gc.3 pclnrt_roots.3; do
  python3 "$root/tests/man.py" "$root" --examples $page .
  for level in -O0 -O2; do
    clang-19 $level -Wall -Wextra -Werror -Iinclude \
      -fpass-plugin="$build/llvm-19/pclntab-gc.so" -c example.c
    clang-19 example.o -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" \
      "$build/libpclnrt.a" -lm -pthread -o example
    ./example >out
    diff printed out || fail "$page $level"
    PCLNTAB_DEBUG=$stress ./example >out
    diff printed out || fail "$page $level under stress"
  done
done
