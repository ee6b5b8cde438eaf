#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Roots of frames and variables that are described by hand (roots/*.S), found at
# run time: each linker, the runtime static and shared, static programs.
# Usage: roots.sh BUILD
. "$(dirname "$0")/../link/common.sh" "$@"
subjects=$(realpath "$OLDPWD/$(dirname "$0")/roots" 2>/dev/null ||
  realpath "$(dirname "$0")/roots")
root=$(realpath "$subjects/../../..")
flags="-g -O1 -Wall -Wextra -fPIC -I$root/pclntab -I$root/runtime -I$subjects"
for name in walk variables; do
  # Each call is a frame of its own.
  gcc $flags -fno-optimize-sibling-calls -c "$subjects/$name.c" -o $name.o
done
gcc $flags -c "$subjects/frames.S" -o frames.o
gcc $flags -DNAME=main -c "$subjects/variables.S" -o main_variables.o
gcc $flags -DNAME=plug -c "$subjects/variables.S" -o plug_variables.o

# A sound table, but that calls declared not to collect have no row, and for
# what libc's own code lacks (verified.sh).
checked() {
  "$dump" --verify "$1" >verify.log 2>&1 ||
    ! grep '^fault ' verify.log | grep -vE \
      '^fault (code-call-map error func=hold_leaf|code-(start|depth) error) ' ||
    fail "$1"
}

try() {
  timeout 30 "$@" || fail "$linker $kind: $*"
}

for linker in $linkers; do
  kind=plugin
  table $linker -shared plug_variables.o -o plug.so
  verified plug.so
  for kind in static shared no-pie static-program; do
    runtime=("$build/libpclnrt.a" -pthread)
    case $kind in
    shared) runtime=("$build/libpclnrt.so" "-Wl,-rpath,$build" -pthread) ;;
    no-pie) runtime+=(-no-pie) ;;
    # gcc leaves the search table out of static programs, and with it the way
    # to all call frame information: words of the runtime are looked at then.
    static-program) runtime+=(-static -Wl,--eh-frame-hdr) ;;
    esac
    table $linker walk.o frames.o "${runtime[@]}" -o walk
    checked walk
    try ./walk
    if [ $kind = static-program ]; then # which cannot load plug-ins
      table $linker variables.o main_variables.o "${runtime[@]}" \
        -Wl,--unresolved-symbols=ignore-in-object-files -o variables 2>log
      try ./variables
      continue
    fi
    table $linker variables.o main_variables.o "${runtime[@]}" -o variables
    verified variables
    strip variables
    try ./variables ./plug.so
  done
done
echo "roots: found"
