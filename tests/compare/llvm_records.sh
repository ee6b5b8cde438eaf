#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# LLVM's records in a table, as pclntab-dump prints them, against what
# llvm-readobj says of the object from which they come.
#
#   llvm_records.sh SOURCE BUILD LLVM-VERSION
set -euo pipefail
src=$(realpath "${1:?source folder}") build=$(realpath "${2:?build folder}")
llvm=/usr/lib/llvm-${3:?version of LLVM}/bin
[ -x "$llvm/llc" ] || { echo "skipped: no LLVM $3 here"; exit 77; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
say() { /usr/bin/python3 "$src/tests/compare/llvm_records.py" "$@"; }

cat >main.c <<'C'
void *allocate(long n) { return (void *)n; }
void *deopt(long, void *);
long patched(long, long), any(long, long), plain(long);
void *keep[] = {deopt, patched, any, plain};
int main(void) { return !keep[0]; }
C
gcc -c main.c
for level in -O0 -O2; do
  "$llvm/opt" -passes=rewrite-statepoints-for-gc \
    "$src/tests/compare/llvm_records.ll" -o ir.bc
  "$llvm/llc" $level -relocation-model=pic -function-sections -filetype=obj ir.bc \
    -o ir.o
  "$build/pclntab-obj" -o fit.o ir.o
  gcc -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" main.o fit.o -o prog
  say readobj "$llvm" prog ir.o >wanted
  "$build/pclntab-dump" --maps --json prog >dump.json
  say json "$src/docs/pclntab-dump.schema.json" dump.json >read
  diff wanted read || fail "$level: records differ"
  [ "$(wc -l <wanted)" = 5 ] || { cat wanted; fail "$level: not five records"; }
  # Text has the same fields.
  "$build/pclntab-dump" --maps prog | sed -nE 's/^llvm 0x([0-9a-f]+) id=0x([0-9a-f]+)/\1 \2/p' |
    sed -E '/locations=/!s/$/ locations=/; s/ locations=([^ ]*)/ (\1)/
      /deopt=/!s/\)/) deopt=/; s/ deopt=([^ ]*)/ (\1)/
      /live_outs=/!s/$/ live_outs=/; s/ live_outs=([^ ]*)/ (\1)/' | sort >text
  sort read | diff - text || fail "$level: text"
done
for kind in '(r[0-9]+:' ',\[r[0-9]+[+-]' ',r[0-9]+[+-][0-9]+:' ',#-5:' \
  ',#81985529216486895:8' ',#-81985529216486895:8' 'fffffffffffffffe ' ') (r[0-9]+:'; do
  grep -qE -- "${kind/(/[(]}" wanted || fail "no record with $kind"
done
