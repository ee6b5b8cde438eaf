#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Garbage that stays: none with the collector, at any level of optimisation that
# tells live from dead, where Boehm's keeps it in the same run of the same
# source. Usage: retention.sh BUILD
set -euo pipefail
build=$(realpath "${1:?build folder}") program=retention
. "$(dirname "$0")/common.sh"

# With the collector's own headers, and Boehm's for the other build.
clang-19 -O2 -DUSE_BOEHM "$programs/retention.c" -o boehm -lgc -pthread
timeout 60 ./boehm >boehm.out
for level in -O1 -O2 -O3; do
  variant "${level#-}" gold "$level"
  timeout 60 "./program${level}" >out
  echo "kept with $level, ours | Boehm's"
  paste -d'|' out boehm.out
  [ "$(wc -l <out)" = 6 ] || fail "not every case has run"
  if grep -v ' 0 of ' out; then fail "garbage is kept"; fi
done
grep -q ' [1-9][0-9]* of ' boehm.out || fail "Boehm's keeps nothing either"
