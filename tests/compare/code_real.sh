#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tables of real programs against their code. As they are there is no finding,
# but for a fault of clang 19 that is in its call frame information as well: in
# the epilogues of four functions it says that SP moved two instructions after
# it did. Then every fault is planted somewhere, and found alone; and of random
# changes of single rows nearly all are found. The same for Lua on AArch64.
#
#   tests/compare/code_real.sh CODE_FAULTS BUILD
set -euo pipefail
code_faults=${1:?code_faults} build=${2:?build folder}
list=$build/real/list
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
bad=0
fail() {
  echo "code_real: $*"
  bad=1
}

clang_epilogues="_ZN12_GLOBAL__N_111InterpreterD2Ev
_ZN12_GLOBAL__N_14Heap8markFromEPNS_10HeapEntityE
_ZN12_GLOBAL__N_14HeapD2Ev
_ZN16JsonnetJsonValueD2Ev"

while read -r path program cc flags linker; do
  "$code_faults" check "$path" >"$out/check"
  echo "$program $cc $flags $linker: $(tail -1 "$out/check")"
  case $cc-$flags in
  clang-thinlto)
    [ "$(sed -n 's/^finding code-depth //p' "$out/check" | sort)" = \
      "$clang_epilogues" ] || fail "other findings: $(cat "$out/check")" ;;
  *) grep -q '^finding' "$out/check" &&
    fail "findings: $(head -5 "$out/check")" ;;
  esac
  # At least three quarters of the instructions are proven.
  awk '/^functions/ { exit !($(NF - 2) >= 0.75 * $(NF - 4)) }' "$out/check" ||
    fail "too little is proven"
  case $program-$cc-$flags-$linker in
  sqlite-gcc-O2fp-bfd | sqlite-gcc-O2-lld | lua-gcc-O2-gold | \
    lua-clang-O0-lld | jsonnet-gcc-O0-bfd | jsonnet-clang-thinlto-gold)
    "$code_faults" plant "$path" >"$out/plant" || fail "$(cat "$out/plant")"
    cat "$out/plant" >>"$out/all" ;;
  esac
done <"$list"

sed -n 's/^\(code-[a-z-]*\): \([0-9]*\)$/\1 \2/p' "$out/all" |
  awk '{ n[$1] += $2 } END { for (k in n) print k, n[k] }' | sort >"$out/sums"
cat "$out/sums"
[ "$(wc -l <"$out/sums")" -ge 17 ] || fail "faults are missing"
grep ' 0$' "$out/sums" && fail "never planted"

# AArch64, where nothing can be in the middle of an instruction.
for o in O0 O2; do
  aarch64-linux-gnu-gcc -$o -g -DLUA_USE_POSIX -o "$out/lua-$o" \
    $(ls "$build"/real/src/lua5.4/src/*.c | grep -v /luac.c) -lm
  "$build/pclntab-link" --move-phdrs "$out/lua-$o"
  "$code_faults" check "$out/lua-$o" >"$out/check"
  echo "lua aarch64 $o: $(tail -1 "$out/check")"
  grep '^finding' "$out/check" && fail "findings on AArch64"
  "$code_faults" plant "$out/lua-$o" >"$out/plant" || fail "$(cat "$out/plant")"
done

sqlite=$(awk '$2 == "sqlite" && $4 == "O2" { print $1; exit }' "$list")
"$code_faults" sweep "$sqlite" 200 1 | tee "$out/sweep" | tail -6
awk '/^found/ { exit !($2 >= 0.95 * $4) }' "$out/sweep" || fail "too few found"
exit $bad
