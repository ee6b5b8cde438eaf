#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Frames of Go programs against Go itself: stack maps, stack objects, arguments,
# defers, wrappers and depths of SP against the compiler's own listing (-S), on
# three architectures; the arguments of real tracebacks; and the parts of every
# name against debug/gosym. go_maps.py and go_names.py say how.
# Usage: go_maps.sh DUMP NAME_PARTS WORKDIR CACHES
set -eu
dump=$(realpath "$1") parts=$(realpath "$2") work=$3 caches=$4
here=$(realpath "$(dirname "$0")")
mkdir -p "$work" "$caches"
work=$(realpath "$work") caches=$(realpath "$caches")
export GOPATH=$caches/gopath GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off
export CGO_ENABLED=0 GO111MODULE=on

# build RELEASE ARCH FOLDER OUT FLAGS...: the caches are those of go_tables.sh
build() {
  (cd "$here/$3" && GOARCH=$2 GOCACHE=$caches/cache-go-$1 \
    "/usr/lib/go-$1/bin/go" build -o "$4" "${@:5}" .)
}
# names PROGRAM: package, receiver and function of every name
names() {
  local text
  text=$("$dump" --header "$1" | sed -n 's/.*text_start=0x\([0-9a-f]*\).*/\1/p')
  "$work/gosym" -names "$1" .gopclntab "$text" >"$1.gosym"
  cut -f1 "$1.gosym" | "$parts" >"$1.ours"
  "$here/go_names.py" "$1.gosym" "$1.ours"
}

tried=0
for target in 1.21:amd64 1.21:386 1.23:amd64 1.23:arm64; do
  release=${target%:*} arch=${target#*:}
  [ -x "/usr/lib/go-$release/bin/go" ] || { echo "no Go $release"; continue; }
  [ -e "$work/gosym" ] || build "$release" amd64 gosym "$work/gosym"
  program=$work/gomaps-$release-$arch
  flags=()
  for package in gomaps fmt sort strconv; do
    flags+=("-gcflags=$package=-S")
  done
  build "$release" "$arch" gomaps "$program" "${flags[@]}" >"$program.S" 2>&1
  echo "go$release $arch:"
  "$here/go_maps.py" listing "$dump" "$program" "$program.S" "$arch" \
    "${release#1.}"
  names "$program"
  case $arch in amd64 | 386)
    "$program" >"$program.out" 2>/dev/null
    "$here/go_maps.py" traceback "$dump" "$program" "$program.out" ;;
  esac
  tried=$((tried + 1))
done
[ "$tried" -gt 0 ] || { echo "skipped: no Go is installed"; exit 77; }
