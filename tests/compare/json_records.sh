#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What pclntab-dump prints of real files, text and JSON, against the schema that
# ships: our own tables, and Go's for several processors, both byte orders and
# both sizes of pointers.
#   json_records.sh SOURCE BUILD WORK
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2") work=$3
mkdir -p "$work"
work=$(realpath "$work")
files=()
for name in lua-gcc-O2-gold sqlite-gcc-O2-lld; do
  [ ! -e "$build/real/$name" ] || files+=("$build/real/$name")
done
[ ${#files[@]} -gt 0 ] || { echo "no real program is built"; exit 1; }

# The same folders as go_tables.sh, so that Go's library is compiled once.
cache=$build/compare/go
export GOPATH=$cache/gopath GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off
export CGO_ENABLED=0 GO111MODULE=on
for release in 1.21 1.23; do
  go=/usr/lib/go-$release/bin/go
  [ -x "$go" ] || { echo "go $release is not installed"; continue; }
  for arch in 386 arm64 mips s390x; do
    case $release-$arch in 1.21-arm64 | 1.23-[m3s]*) continue ;; esac
    (cd "$source/tests/compare/gosym" && GOARCH=$arch \
      GOCACHE=$cache/cache-go-$release "$go" build -buildvcs=false -o "$work/$arch-$release" .)
    files+=("$work/$arch-$release")
  done
done
# And a table with a byte changed in each of its streams: every record that can
# stand for what is not readable.
lua=$build/real/lua-gcc-O2-gold
cp "$lua" "$work/lua-damaged"
read -r at len < <(readelf -SW "$lua" | sed -nE \
  's/.* \.pclntab +PROGBITS +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) .*/\1 \2/p')
for ((i = 1; i < 64; i++)); do
  printf '\377' | dd of="$work/lua-damaged" bs=1 conv=notrunc status=none \
    seek=$((0x$at + i * 0x$len / 64))
done
files+=("$work/lua-damaged")
exec "$source/tests/compare/json_records.py" \
  "$source/docs/pclntab-dump.schema.json" "$build/pclntab-dump" "${files[@]}"
