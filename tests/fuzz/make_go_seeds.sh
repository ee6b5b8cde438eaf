#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the seeds of fuzz_table, fuzz_reader and fuzz_scan that are real Go
# tables: of one small program, for several processors and by each Go that is
# here, cut down to the program's own functions (cut_go_table.py). The seeds are
# kept in the repository, so that a run does not depend on compilers.
# Usage: make_go_seeds.sh FOLDER
set -eu
out=$(realpath "${1:?folder}")
here=$(realpath "$(dirname "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOFLAGS=-trimpath GOTOOLCHAIN=local GOPROXY=off CGO_ENABLED=0
export GO111MODULE=on GOCACHE=${GOCACHE:-$work/cache}
cat >go.mod <<'M'
module seed

go 1.21
M
cat >main.go <<'G'
package main

import "os"

type list struct {
	next *list
	v    int
}

func add(a, b int) int {
	if a > b {
		return a + b
	}
	return mul(a, b) + 1
}

func mul(a, b int) (r int) {
	for ; b > 0; b-- {
		r += a
	}
	return
}

//go:noinline
func sum(l *list) (s int) {
	defer func() { s++ }()
	for ; l != nil; l = l.next {
		s += add(l.v, s)
	}
	return
}

func leaf() int

func main() {
	os.Exit(sum(&list{nil, 3}) + mul(len(os.Args), 2))
}
G
sed -i '/^func leaf/d' main.go
for go in /usr/lib/go-1.2[1-9]/bin/go; do
  for arch in amd64 386 arm64 mips s390x riscv64; do
    GOOS=linux GOARCH=$arch "$go" build -o program .
    name=$(basename "$(dirname "$(dirname "$go")")")-$arch
    "$here/cut_go_table.py" program main. "$out/$name"
    if grep -aq -e "$work" -e "$HOME/" "$out/$name"; then
      echo "$name: names a folder of this machine" >&2
      exit 1
    fi
  done
done
