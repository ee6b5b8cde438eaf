#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A link that fails leaves no output; so does one whose options are wrong or
# whose table cannot be made.
. "$(dirname "$0")/common.sh" "$@"
# What configure scripts ask a linker goes as without the plugin.
for linker in bfd gold; do
  for ask in -v -V --version --verbose --print-output-format --help; do
    status=0 expected=0
    ld.$linker $ask >expected 2>&1 || expected=$?
    ld.$linker -plugin "$plugin" $ask >log 2>&1 || status=$?
    [ $status = $expected ] || { cat log; fail "$linker $ask: $status"; }
    ! grep -q pclntab-ld: log || { cat log; fail "$linker $ask"; }
  done
done
for linker in $linkers; do
  rm -f prog
  if table $linker -g main.c -o prog 2>log; then
    fail "$linker links undefined symbols"
  fi
  grep -q twice log || fail "$linker does not name the symbol"
  [ ! -e prog ] || fail "$linker left an output of a failed link"

  for option in nonsense threads=many threads placement=moon stats=1; do
    export PCLNTAB_OPTIONS=$option
    fault=option-value
    [ $option = nonsense ] && fault=option-unknown
    refuses $fault table $linker -g main.c part.c -o prog
    [ ! -e prog ] || fail "$linker $option left an output"
  done
  unset PCLNTAB_OPTIONS

  # The linkers' own -s takes away what the table is made of.
  for strip in -s -Wl,-S; do
    refuses stripped-output table $linker -g $strip main.c part.c -o prog
    [ ! -e prog ] || fail "$linker $strip left an output"
    PCLNTAB_OPTIONS=allow-stripped table $linker -g $strip main.c part.c -o prog
    ./prog | grep -qx 42 || fail "$linker $strip"
    "$dump" --verify prog
    rm prog
  done
  # Without debug information there is nothing to miss.
  table $linker main.c part.c -s -o prog
  "$dump" --verify prog
  # An output that is no file stays what it is.
  table $linker -g main.c part.c -o /dev/null
  [ -c /dev/null ] || fail "/dev/null is gone"
done
