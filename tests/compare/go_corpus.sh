#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pclntab-dump on real Go programs of every format, processor and Go version
# that can be had (go_corpus.list, and Debian's own): functions and rows are
# those that Go's debug/gosym reads, and each table of go1.9 and later is sound.
# No difference is allowed. Usage: go_corpus.sh PCLNTAB_DUMP WORKDIR
set -euo pipefail
dump=$(realpath "$1") work=$2
here=$(realpath "$(dirname "$0")")
cache=${PCLNTAB_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pclntab}/npm
mkdir -p "$work"
work=$(realpath "$work")
export GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off GO111MODULE=on
export CGO_ENABLED=0 GOCACHE=$work/cache
# Its debug/gosym lets itself be asked for rows; later ones take a linker flag.
(cd "$here/gocorpus" && /usr/lib/go-1.21/bin/go build -o "$work/gocorpus" .)

programs=()
while read -r package _; do
  case $package in \#* | '') continue ;; esac
  name=${package#@} name=${name/\//-} name=${name/@/-}
  if [ ! -d "$work/$name" ]; then
    mkdir "$work/$name.part"
    tar -xzf "$cache/$name.tgz" -C "$work/$name.part" --strip-components=1
    mv "$work/$name.part" "$work/$name"
  fi
  # A package may hold several, and small scripts beside them.
  found=$(find "$work/$name" -type f -size +500k ! -name '*.*js' ! -name '*.wasm' |
    sort)
  [ -n "$found" ] || { echo "$name: no program in the package"; exit 1; }
  mapfile -t -O "${#programs[@]}" programs <<<"$found"
done <"$here/go_corpus.list"
for program in /usr/bin/age /usr/bin/fzf /usr/bin/direnv; do
  programs+=("$program")
done
programs+=(/usr/lib/go-1.2[13]/bin/go)

# one PROGRAM
one() {
  local verdict
  "$gocorpus" "$dump" "$1" || exit 1
  # Frames and DWARF of go1.7 are not understood well enough for a verdict.
  case $1 in */bazel-ibazel-0.0.1/*) return ;; esac
  verdict=$("$dump" --verify "$1") ||
    { echo "$1: $(tail -3 <<<"$verdict")"; exit 1; }
}
export -f one
export gocorpus=$work/gocorpus dump
printf '%s\0' "${programs[@]}" |
  xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' _ | sed "s|$work/||" |
  tee "$work/result"
awk '{ f += $2; r += $4 } END { printf "%d programs, %d functions, %d rows\n",
  NR, f, r }' "$work/result"
