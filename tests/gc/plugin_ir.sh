#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The plug-in in opt and llc, for front ends: statepoints that LLVM's own pass
# made, and calls that ours lowers. A reference in a register, or an llc
# without the plug-in, ends with an error. Usage: plugin_ir.sh BUILD MAJOR
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
CHECK:      safepoints f 3
CHECK-NEXT: f: flags=0 r7+[[A:[0-9]+]]:p{{$}}
CHECK-NEXT: f: flags=0 r7+[[N:[0-9]+]]:p r7+[[A]]:p{{$}}
CHECK-NEXT: f: flags=0 r7+{{[0-9]+}}:p r7+[[A]]:p{{$}}
END

# A poll at the entry, where one reference is live, and two at the first use.
opt-$major -load-pass-plugin="$plugin" -passes=pclntab-lower "$source" -S \
  -o ours.ll
points ours.ll >ours.txt
FileCheck-19 --input-file=ours.txt - <<'END'
CHECK:      safepoints f 4
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
echo "plugin_ir: LLVM $major: sound"
