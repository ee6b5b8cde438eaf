#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Where pclntab-dump finds the table and text start of Go programs, for systems
# and processors of every format, stripped, without section headers, and linked
# in each way; against `go tool nm`, and --buildinfo against `go version -m`.
# Usage: go_images.sh PCLNTAB_DUMP WORKDIR (cross|linked|buildinfo)
set -euo pipefail
dump=$(realpath "$1") work=$2 part=$3
go=/usr/lib/go-1.23/bin/go
mkdir -p "$work"
cd "$work"
work=$PWD
export GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off GO111MODULE=on
export GOCACHE=$work/cache CGO_ENABLED=0
mkdir -p prog
cat >prog/go.mod <<'MOD'
module example.com/prog

go 1.21
MOD
cat >prog/main.go <<'GO'
package main

import "C"

func main() { println("here") }
GO
faults=0

# field NAME: of the line "table" or "go" on standard input
field() { sed -nE "s/^(table|go) .*\b$1=([^ ]*).*/\2/p" | head -1; }

# expect FILE FOUND_IN TEXT_FROM TEXT
expect() {
  local header got
  header=$("$dump" --header "$1") || { faults=$((faults + 1)); return; }
  got="$(field found_in <<<"$header") $(field text_start_from <<<"$header")"
  got+=" $(($(field text_start <<<"$header")))"
  echo "$(basename "$1"): $got"
  [ "$got" = "$2 $3 $((0x$4))" ] ||
    { echo "  expected: $2 $3 $((0x$4))"; faults=$((faults + 1)); }
  [ "$(field version <<<"$header")" = "$("$go" env GOVERSION)" ] ||
    { echo "  another version"; faults=$((faults + 1)); }
}

text_of() { "$go" tool nm "$1" | awk '$3 == "runtime.text" { print $1 }'; }

# build NAME OPTIONS...: NAME, and NAME.stripped without symbols
build() {
  local name=$1
  shift
  (cd prog && "$go" build "$@" -o "$work/$name" .)
  (cd prog && "$go" build "$@" -ldflags="-s -w ${LDFLAGS:-}" \
    -o "$work/$name.stripped" .)
}

cross() { # GOOS GOARCH FOUND_IN FOUND_IN_STRIPPED
  local name=$1-$2
  sed -i '/import "C"/d' prog/main.go
  GOOS=$1 GOARCH=$2 build "$name"
  expect "$work/$name" "$3" runtime.text "$(text_of "$name")"
  expect "$work/$name.stripped" "$4" header "$(text_of "$name")"
}

# The same without section headers.
bare() {
  local text=$2
  llvm-strip-19 --strip-sections -o "$1.bare" "$1"
  expect "$work/$1.bare" scan header "$text"
}

case $part in
cross)
  cross windows 386 runtime.pclntab scan
  cross darwin arm64 __gopclntab __gopclntab
  cross aix ppc64 runtime.pclntab scan
  cross linux mips .gopclntab .gopclntab
  bare linux-mips.stripped "$(text_of linux-mips)"
  ;;
linked)
  export CGO_ENABLED=1
  relro=.data.rel.ro.gopclntab
  LDFLAGS=-linkmode=internal build internal -ldflags=-linkmode=internal
  expect "$work/internal" .gopclntab runtime.text "$(text_of internal)"
  bare internal.stripped "$(text_of internal)"
  LDFLAGS=-linkmode=external build pie -buildmode=pie -ldflags=-linkmode=external
  expect "$work/pie" runtime.pclntab runtime.text "$(text_of pie)"
  build shared -buildmode=c-shared
  expect "$work/shared" runtime.pclntab runtime.text "$(text_of shared)"
  strip -o shared.strip shared
  expect "$work/shared.strip" scan header "$(text_of shared)"
  bare shared.strip "$(text_of shared)"
  # The table alone, and one that does not say where text starts.
  llvm-objcopy-19 --dump-section .gopclntab=table internal
  text=$(text_of internal)
  [ "$("$dump" --header table | field text_start_from)" = header ] &&
    printf '%08d' 0 | tr 0 '\0' | dd of=table bs=1 seek=24 conv=notrunc status=none
  "$dump" --header table 2>report && status=0 || status=$?
  if [ $status != 2 ] || ! grep -qF '[no-text-start]' report; then
    echo "table: status $status without text start"
    faults=$((faults + 1))
  fi
  if [ "$("$dump" --header --text-start=0x$text table |
    sed -nE 's/.* text_start=([^ ]*) text_start_from=([^ ]*) .*/\1 \2/p')" != \
    "$(printf '0x%x option' 0x$text)" ]; then
    echo "table: --text-start is not taken"
    faults=$((faults + 1))
  fi
  # Relocations without the value in place.
  CGO_ENABLED=0
  sed -i '/import "C"/d' prog/main.go
  GOOS=linux GOARCH=arm64 build arm64 -buildmode=pie
  expect "$work/arm64" $relro runtime.text "$(text_of arm64)"
  expect "$work/arm64.stripped" $relro header "$(text_of arm64)"
  bare arm64.stripped "$(text_of arm64)"
  ;;
buildinfo)
  for program in /usr/bin/age /usr/bin/direnv /usr/bin/fzf "$go" \
    /usr/lib/go-1.21/bin/go /usr/lib/go-1.23/pkg/tool/linux_amd64/compile; do
    "$go" version -m "$program" | tail -n +2 | sed 's/\t*$//' >want
    "$dump" --buildinfo --json "$program" | python3 -c '
import json, sys
words = {"module": "mod", "replace": "=>", "path": "path", "dep": "dep"}
for r in json.load(sys.stdin)["records"]:
    if r["kind"] == "setting":
        print("\tbuild\t%s=%s" % (r["key"], r["value"]))
    elif r["kind"] in words:
        fields = [r.get(k, "") for k in ("path", "version", "sum")]
        print("\t" + "\t".join([words[r["kind"]]] + fields).rstrip("\t"))' >got
    echo "$program: $(wc -l <want) lines"
    diff want got || faults=$((faults + 1))
    version=$("$go" version "$program" | sed 's/.*: //')
    [ "$("$dump" --buildinfo "$program" | field version)" = "$version" ] ||
      { echo "  another version than $version"; faults=$((faults + 1)); }
  done
  ;;
esac
[ $faults = 0 ] || { echo "go_images: $faults faults"; exit 1; }
