# SPDX-License-Identifier: Apache-2.0
#
# What the tests of linkers share. Each is run as `tests/link/NAME.sh BUILD` and
# sources this file with its arguments: strict mode, a folder of its own that
# goes away, the sources of a small program, and functions to link and to look.
set -euo pipefail
build=${1:?build folder}
. "$(dirname "${BASH_SOURCE[0]}")/../support/verified.sh"
plugin=$build/pclntab-ld.so link=$build/pclntab-link dump=$build/pclntab-dump
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
linkers="bfd gold lld"
# A second lld where there is one: its plug-in interface is an accident of its
# option parser, which a version may change.
if command -v ld.lld-22 >/dev/null; then linkers="$linkers lld-22"; fi
unset PCLNTAB_OPTIONS

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# plain LINKER ARGUMENTS: links without the plugin.
plain() {
  local linker=$1
  shift
  case $linker in
  lld) clang-19 --ld-path="$(command -v ld.lld-19)" "$@" ;;
  lld-*) clang-19 --ld-path="$(command -v "ld.$linker")" "$@" ;;
  *) gcc -fuse-ld="$linker" "$@" ;;
  esac
}

# The options that load the plugin into a linker.
load() {
  case $1 in
  lld*) echo "-Wl,-mllvm,-load=$plugin" ;;
  *) echo "-Wl,-plugin,$plugin" ;;
  esac
}

# table LINKER ARGUMENTS: links with the plugin.
table() {
  local linker=$1
  shift
  # shellcheck disable=SC2046
  plain "$linker" $(load "$linker") "$@"
}

# refuses FAULT COMMAND: the command fails, and its last words have that name.
refuses() {
  local fault=$1
  shift
  if "$@" >refused.log 2>&1; then
    fail "succeeded: $*"
  fi
  grep -qF "[$fault]" refused.log || {
    cat refused.log
    fail "no [$fault] from: $*"
  }
}

# sound FILE: it has one table, which is verified, in a segment of its own.
sound() {
  verified "$1"
  readelf -lW "$1" >segments.log
  awk '$1 == "LOAD" { if ($3 "" <= last "") exit 1; last = $3 }' segments.log ||
    fail "$1: segments are out of order"
  [ "$(readelf -SW "$1" | grep -cF ' .pclntab ')" = 1 ] ||
    fail "$1: not one section .pclntab"
}

# line_of FILE FUNCTION: file:line of the function's entry, by the table.
line_of() {
  local va
  va=$(nm "$1" | awk -v f="$2" '$3 == f { print $1; exit }')
  [ -n "$va" ] || fail "$1: no symbol $2"
  "$dump" -e "$1" "0x$va"
}

cat >main.c <<'C'
#include <stdio.h>
int twice(int x);
int unused(int x);
static inline int plus_one(int x) {
  return x + 1;
}
int main(int argc, char **argv) {
  (void)argv;
  int v = twice(20 + argc - 1) + plus_one(argc);
  printf("%d\n", v);
  return v != 42;
}
C
cat >part.c <<'C'
int unused(int x) {
  return x * 7;
}

__attribute__((noinline)) int twice(int x) {
  return 2 * x;
}

__attribute__((noinline)) int twice_too(int x) {
  return 2 * x;
}
C
