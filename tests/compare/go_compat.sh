#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Gives a real program of ours, pclntab-dump, a go-compatible table and has
# Go's debug/gosym of every installed release read it: the same functions and
# holes, and the same file and line for every byte of the text, as our reader
# gives, in the go1.20 and the go1.18 layout. Then looks lines up the other way
# round, from file and line to pc, which fails as a whole if one function's
# stream surprises Go's reader.
# Usage: go_compat.sh PCLNTAB_LINK PROGRAM TABLE_ROWS WORKDIR
set -eu
link=$(realpath "$1") program=$(realpath "$2") rows=$(realpath "$3") work=$4
here=$(realpath "$(dirname "$0")")
mkdir -p "$work"
work=$(realpath "$work")
export GOPATH=$work/gopath GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off
export CGO_ENABLED=0 GO111MODULE=on

releases=$(ls -d /usr/lib/go-1.2[1-9]/bin/go 2>/dev/null) || true
[ -n "$releases" ] || { echo "skipped: no Go 1.21 or later is installed"; exit 77; }

for layout in 1.20 1.18; do
  cp "$program" "$work/program"
  "$link" --go-compat --go-version=$layout --placement=embedded --move-phdrs \
    "$work/program"
  "$work/program" --help >/dev/null # still runs
  "$rows" rows "$work/program" 0 0 0 >"$work/want"
  # Text start: the entry of the table's first function.
  text=$(awk '$1 == "F" { print $2; exit }' "$work/want")
  for go in $releases; do
    name=gosym-$(basename "$(dirname "$(dirname "$go")")")
    (cd "$here/gosym" && GOCACHE=$work/cache-$name "$go" build \
      -o "$work/$name" .)
    "$work/$name" "$work/program" .gopclntab "$text" >"$work/got"
    cmp "$work/want" "$work/got" ||
      { diff "$work/want" "$work/got" | head -20; exit 1; }
    # A line of main's own file, back to a pc that has it.
    line=$(awk '$1 == "F" { on = $4 == "main" } on && $1 == "L" && $3 > 0 &&
      $4 ~ /pclntab-dump\.c$/ { print $4, $3; exit }' "$work/want")
    "$work/$name" -pc "$work/program" .gopclntab "$text" $line >"$work/pc"
    read -r pc file no <"$work/pc"
    [ "$file $no" = "$line" ] || { echo "line to pc: $line gives $pc $file $no"; exit 1; }
    echo "$layout, $name: $(grep -c '^F .* .' "$work/got") functions and holes," \
      "$(grep -c '^L' "$work/got") rows; $line is at $pc"
  done
  [ "$(grep -c '^F .* main$' "$work/want")" = 1 ]
done
