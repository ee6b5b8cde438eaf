#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Reads the tables of real Go binaries and compares with Go's own readers:
# debug/gosym for every function and the position of every pc, on five
# architectures, and the runtime of the program itself for the chain of inlined
# calls at every pc. No difference is allowed.
# Usage: go_tables.sh TABLE_ROWS WORKDIR
set -eu
rows=$(realpath "$1") work=$2
here=$(realpath "$(dirname "$0")")
mkdir -p "$work"
work=$(realpath "$work")
export GOPATH=$work/gopath GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off
export CGO_ENABLED=0 GO111MODULE=on

releases=$(for go in /usr/lib/go-1.2[1-9]/bin/go; do
  [ -x "$go" ] && echo "$go"
done) || true
[ -n "$releases" ] || { echo "skipped: no Go 1.21 or later is installed"; exit 77; }

# build GO ARCH PACKAGE OUT: each release keeps its own cache
build() {
  local flags=()
  # The runtime's own expansion of inlined calls is not meant for programs.
  case $1 in */go-1.2[12]/*) ;; *) flags=(-ldflags=-checklinkname=0) ;; esac
  (cd "$here/$3" && GOARCH=$2 GOCACHE=$work/cache-$(basename "$(dirname \
    "$(dirname "$1")")") "$1" build -o "$4" "${flags[@]}" .)
}
# symbol FILE NAME: its address
symbol() {
  readelf -sW "$1" | awk -v name="$2" '$8 == name { print $2; found = 1; exit }
    END { exit !found }'
}
same() {
  cmp "$1" "$2" || { diff "$1" "$2" | head -20; exit 1; }
}

# rows FILE: every function and position, with and without findfunctab
compare_rows() {
  local text funcdata hint
  text=$(symbol "$1" runtime.text)
  funcdata=$(symbol "$1" 'go:func.*')
  "$gosym" "$1" .gopclntab "$text" >"$1.want"
  for hint in "$(symbol "$1" runtime.findfunctab)" 0; do
    "$rows" rows "$1" "$text" "$funcdata" "$hint" >"$1.got"
    same "$1.want" "$1.got"
  done
  echo "$(basename "$1"): $(grep -c ^F "$1.want") functions," \
    "$(grep -c ^L "$1.want") rows"
}

first=$(echo "$releases" | head -1)
gosym=$work/gosym
build "$first" amd64 gosym "$gosym"
for arch in 386 arm64 mips s390x; do
  build "$first" $arch gosym "$work/gosym-$arch"
  compare_rows "$work/gosym-$arch"
done

for go in $releases; do
  subject=$work/gosubject-$(basename "$(dirname "$(dirname "$go")")")
  build "$go" amd64 gosubject "$subject"
  compare_rows "$subject"
  # Inlined calls: the last pc has no successor to ask the runtime about.
  text=$(symbol "$subject" runtime.text)
  end=$(printf %x $((0x$(symbol "$subject" runtime.etext) - 1)))
  "$subject" "$text" "$end" 1 >"$subject.want"
  "$rows" frames "$subject" "$text" "$(symbol "$subject" 'go:func.*')" \
    "$(symbol "$subject" runtime.findfunctab)" "$text" "$end" 1 >"$subject.got"
  same "$subject.want" "$subject.got"
  echo "$(basename "$subject"): $(wc -l <"$subject.want") positions," \
    "$(grep -c '|' "$subject.want") of them inlined"
done
