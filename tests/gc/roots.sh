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
gcc $flags -fno-optimize-sibling-calls -fno-inline -c "$subjects/directives.c"
gcc $flags -c "$subjects/frames.S" -o frames.o
gcc $flags -c "$subjects/directives.S" -o described.o
gcc $flags -DNAME=main -c "$subjects/variables.S" -o main_variables.o
gcc $flags -DNAME=plug -c "$subjects/variables.S" -o plug_variables.o
gcc $flags -DNAME=plug -DNO_CODE -c "$subjects/variables.S" -o data.o

try() {
  timeout 30 "$@" || fail "$linker $kind: $*"
}

for linker in $linkers; do
  kind=plugin
  table $linker -shared plug_variables.o -o plug.so
  verified plug.so
  table $linker -shared -nostdlib data.o -o data.so # variables alone
  kind=directives
  table $linker directives.o described.o "$build/libpclnrt.a" -pthread -o prog
  # Two functions leave it at row 0, which the check of code asks about.
  "$dump" --verify prog >verify.log ||
    ! grep '^fault ' verify.log | grep -vE 'code-call-map .*func=d_(rows|empty) ' ||
    fail "$linker: directives"
  try ./prog
  PCLNTAB_DEBUG=gcforeign=scan try ./prog scan
  # What nobody described holds the only reference: fatal, by name.
  if ./prog scan >refused.log 2>&1; then fail "$linker: a foreign frame"; fi
  grep -q 'frame of d_nothing.* the only reference.*\[gc-foreign\]' refused.log ||
    { cat refused.log; fail "$linker: which frame?"; }
  kinds="static shared"
  case $linker in bfd | lld) kinds="$kinds no-pie static-program" ;; esac
  for kind in $kinds; do
    runtime=("$build/libpclnrt.a" -pthread)
    case $kind in
    shared) runtime=("$build/libpclnrt.so" "-Wl,-rpath,$build" -pthread) ;;
    no-pie) runtime+=(-no-pie) ;;
    # gcc leaves the search table out of static programs, and with it the way
    # to all call frame information: words of the runtime are looked at then.
    static-program) runtime+=(-static -Wl,--eh-frame-hdr) ;;
    esac
    table $linker walk.o frames.o "${runtime[@]}" -o walk
    try ./walk
    if [ $kind = static-program ]; then # which cannot load plug-ins
      table $linker variables.o main_variables.o "${runtime[@]}" \
        -Wl,--unresolved-symbols=ignore-in-object-files -o variables 2>log
      try ./variables
      continue
    fi
    table $linker variables.o main_variables.o "${runtime[@]}" -o variables
    if [ $kind = static ]; then verified walk && verified variables; fi
    strip variables
    try ./variables ./plug.so
    try ./variables ./data.so
  done
done
# Several threads at once, also under the thread sanitizer; frames of code that
# the address sanitizer has laid out.
linker=gold
for kind in plain thread address; do
  runtime=$build/libpclnrt_$kind.a options=(-fsanitize=$kind) subject=walk
  case $kind in
  plain) runtime=$build/libpclnrt.a options=() ;&
  thread) subject=parallel ;;
  esac
  table $linker $flags -fno-optimize-sibling-calls "${options[@]}" \
    "$subjects/$subject.c" frames.o "$runtime" -pthread -o prog
  try ./prog
done

# Rows that a map lacks; a map that is only a size, for which there is the
# record; the same number twice.
bad() {
  printf '#include "funcdata.h"\n.text\n.globl f\n.type f, @function\nf:\n' >bad.S
  printf '%s\n' "${@:2}" 'call f' ret '.size f, . - f' >>bad.S
  gcc $flags -c bad.S
  for linker in $linkers; do
    refuses "$1" table $linker -shared bad.o -o bad.so
    grep -qF 'f' refused.log || fail "$linker: $1: which function?"
  done
}
bad annot-row 'POINTER_MAPS 1, 1, "p"' 'PCDATA 1, 1'
bad annot-content 'FUNCDATA 1, long, -16, 0'
bad annot-twice 'FUNCDATA 10, long, 8, 0' 'FUNCDATA 10, long, 16, 0'
echo "roots: found"
