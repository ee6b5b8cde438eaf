#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The plug-in in opt and llc, for front ends: statepoints that LLVM's own pass
# made, and calls that ours lowers. A reference in a register, an llc without
# the plug-in, or a strip before the link ends with an error.
# Usage: plugin_ir.sh BUILD MAJOR
set -euo pipefail
build=$(realpath "${1:?build folder}") major=${2:?major version of LLVM}
. "$(dirname "$0")/common.sh"
source=$root/tests/gc/plugin/frontend.ll plugin=$build/llvm-$major/pclntab-gc.so
command -v "llc-$major" "opt-$major" >/dev/null && [ -f "$plugin" ] ||
  { echo "skipped: no LLVM $major here"; exit 77; }

# points IR: compiles it and prints the live words of its safepoints.
points() {
  llc-$major -load "$plugin" -relocation-model=pic -filetype=obj "$1" -o ir.o
  "$root/tests/gc/plugin_records.py" ir.o
}

opt-$major -load "$plugin" -passes=rewrite-statepoints-for-gc "$source" -S \
  -o theirs.ll
points theirs.ll >theirs.txt
FileCheck-19 --input-file=theirs.txt - <<'END'
CHECK:      gc-unit frontend.ll
CHECK-NEXT: safepoints f 3
CHECK-NEXT: f: flags=0 r7+[[A:[0-9]+]]:p{{$}}
CHECK-NEXT: f: flags=0 r7+[[N:[0-9]+]]:p r7+[[A]]:p{{$}}
CHECK-NEXT: f: flags=0 r7+{{[0-9]+}}:p r7+[[A]]:p{{$}}
END

# A poll at the entry, where one reference is live, and two at the first use.
opt-$major -load-pass-plugin="$plugin" -passes=pclntab-lower "$source" -S \
  -o ours.ll
points ours.ll >ours.txt
FileCheck-19 --input-file=ours.txt - <<'END'
CHECK:      gc-unit frontend.ll
CHECK-NEXT: safepoints f 4
CHECK-COUNT-1: pp{{$}}
CHECK-NOT:  pp{{$}}
END

refused() {
  local want=$1
  shift
  if "$@" -filetype=obj theirs.ll -o ir.o 2>err; then fail "compiled: $want"; fi
  grep -q "$want" err || { cat err; fail "$want"; }
}
refused "pclntab: in function 'f': a live reference is in a register" \
  llc-$major -O2 -load "$plugin" --fixup-allow-gcptr-in-csr \
  -max-registers-for-gc-values=4
refused "unsupported GC: pclntab" llc-$major

# A unit of variables alone, and one that has nothing to do with references.
cat >variable.ll <<'END'
target triple = "x86_64-pc-linux-gnu"
@kept = global ptr addrspace(1) null
END
printf '@other = global i32 1\ndefine i32 @one() {\n  ret i32 1\n}\n' >plain.ll
for unit in variable plain; do
  opt-$major -load-pass-plugin="$plugin" -passes=pclntab-lower $unit.ll -o unit.bc
  llc-$major -load "$plugin" -relocation-model=pic -filetype=obj unit.bc -o $unit.o
done
"$root/tests/gc/plugin_records.py" variable.o >variable.txt
printf 'root kept p\ngc-unit variable.ll\n' | diff - variable.txt ||
  fail "a unit of variables"
if readelf -SW plain.o | grep pclntab; then fail "a unit without references"; fi

# Stripped before the link, each kind of unit is an error that names it.
cat >main.c <<'C'
void *alloc(unsigned long n) { return (void *)n; }
void use(void *p) { (void)p; }
int main(void) { return 0; }
C
clang-$major -c main.c
points theirs.ll >theirs.txt
mv ir.o theirs.o
points ours.ll >ours.txt
mv ir.o ours.o
gold=(-fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so")
bfd=(-fuse-ld=bfd -Wl,-plugin,"$build/pclntab-ld.so")
lld=(--ld-path="$(command -v "ld.lld-$major")"
  -Wl,-mllvm,-load="$build/pclntab-ld.so")
for unit in theirs ours variable; do
  strip -g $unit.o -o stripped-$unit.o
  rm -f lib.a
  ar rc lib.a stripped-$unit.o
  cp lib.a libunit.a
  for name in gold bfd lld; do
    declare -n linker=$name
    runtime=("$build/libpclnrt.a" -lm -pthread)
    link=(clang-$major "${linker[@]}" -o prog main.o)
    "${link[@]}" $unit.o "${runtime[@]}" || fail "$name: $unit.o"
    for input in stripped-$unit.o "-Wl,--whole-archive lib.a -Wl,--no-whole-archive" \
      "-Wl,--whole-archive -L. -lunit -Wl,--no-whole-archive" \
      "-Wl,--whole-archive -L. -l:lib.a -Wl,--no-whole-archive"; do
      # shellcheck disable=SC2086
      if "${link[@]}" $input "${runtime[@]}" 2>err; then fail "$name: linked $unit, stripped"; fi
      grep -q '\[annot-removed\]' err || { cat err; fail "$name: $unit, stripped"; }
      grep -q "pclntab-ld: \(stripped-$unit\.o\|.*lib.*\.a[ (].*\): " err ||
        { cat err; fail "$name: which one is stripped"; }
    done
  done
done
echo "plugin_ir: LLVM $major: sound"
