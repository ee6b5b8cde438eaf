#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# LLVM's statepoints from IR to the table and the running program: a front end
# that leaves them to RewriteStatepointsForGC, and one that writes them itself.
# Each linker, PIE, no-PIE and static, always with --gc-sections. What the table
# names is compared with what other tools read from the objects
# (compare/llvm_stackmaps.py); what runs is a collector that moves every object
# at each allocation.
#
#   stackmaps.sh BUILD LLVM-VERSION
. "$(dirname "$0")/common.sh" "$@"
version=$2
llvm=/usr/lib/llvm-$version/bin
here=$(cd "$OLDPWD" && realpath "$(dirname "$0")")
root=$here/../..
[ -x "$llvm/llc" ] || { echo "no LLVM $version here"; exit 77; }

# compile NAME TARGET OPTIONS: NAME.ll to NAME.o.
compile() {
  "$llvm/opt" -passes=always-inline,rewrite-statepoints-for-gc \
    "$here/stackmaps/$1.ll" -o "$1.bc"
  "$llvm/llc" -relocation-model=pic -function-sections -filetype=obj \
    -mtriple="$2" "${@:3}" "$1.bc" -o "$1.o"
}

# live_as_expected FILE TABLE OBJECT...: at every statepoint.
live_as_expected() {
  "$root/tests/compare/llvm_stackmaps.py" "$llvm" "$1" "${@:3}" >said
  [ "$(wc -l <said)" -ge "$points" ] || fail "$1: too few statepoints"
  cut -d' ' -f1 said | "$build/live_words" "$2" >read
  for f in said read; do
    awk '{ n = split($0, w, " "); printf "%s", w[1]; delete w[1]
      k = asorti_words(w, n); print k }
      function asorti_words(w, n,   i, j, t, s) {
        for (i = 3; i <= n; i++)
          for (j = i; j > 2 && w[j - 1] > w[j]; j--) {
            t = w[j]; w[j] = w[j - 1]; w[j - 1] = t
          }
        for (i = 2; i <= n; i++) s = s " " w[i]
        return s
      }' $f >$f.sorted
  done
  diff said.sorted read.sorted >diff.log || { cat diff.log; fail "$1"; }
}

gcc -O1 -g -fPIC -I"$root/pclntab" -I"$root/runtime" -c "$here/stackmaps/mover.c"
for level in -O2 -O0; do
  for name in front other hand; do
    compile $name x86_64-linux-gnu $level
    cp $name.o kept_$name.o
  done
  points=38
  for linker in $linkers; do
    refuses stackmaps-allocated table "$linker" -no-pie mover.o front.o other.o hand.o \
      "$build/libpclnrt.a" -o prog
  done
  "$build/pclntab-obj" front.o other.o hand.o
  for linker in $linkers; do
    for kind in -pie -no-pie -static; do
      table "$linker" $kind -Wl,--gc-sections mover.o front.o other.o hand.o \
        "$build/libpclnrt.a" -o prog
      timeout 20 ./prog >out || fail "$linker $kind $level: the program"
      if nm prog | grep -q nobody_calls; then
        fail "$linker $kind: a function that nobody calls is in the program"
      fi
      objcopy -O binary -j .pclntab prog prog.table
      live_as_expected prog prog.table kept_front.o kept_other.o kept_hand.o
      strip prog
      timeout 20 ./prog >out || fail "$linker $kind $level: stripped"
    done
  done
  # mold has no plugin interface for us: the table beside the program.
  gcc -fuse-ld=mold -pie -Wl,--gc-sections,--build-id mover.o front.o other.o \
    hand.o "$build/libpclnrt.a" -o prog
  "$link" prog 2>log || { cat log; fail "mold"; }
  live_as_expected prog prog.pclntab kept_front.o kept_other.o kept_hand.o
  timeout 20 ./prog >out || fail "mold: the program"
  grep -q ' 0 derived' out && fail "no derived pointer was met"
done

# Copies that say the same are one; what LLVM said beyond pointers is kept.
table bfd -Wl,--gc-sections -Wl,-plugin-opt,stats mover.o front.o other.o hand.o \
  "$build/libpclnrt.a" -o prog 2>log
grep -q '3 stack maps of LLVM: .*(1 discarded, 1 equal), .* (1 kept)' log ||
  { cat log; fail "functions are counted wrong"; }

# Not demoted, without the plugin: where addresses are final it can be read.
gcc -no-pie -Wl,--build-id mover.o kept_front.o kept_other.o kept_hand.o \
  "$build/libpclnrt.a" -o prog
"$link" prog 2>log
points=41
live_as_expected prog prog.pclntab kept_front.o kept_other.o kept_hand.o

# AArch64: no program is run.
cat >start.s <<'S'
  .globl _start, allocate, look, personality
_start: ret
allocate: ret
look: ret
personality: ret
S
"$llvm/llvm-mc" -triple=aarch64-linux-gnu -filetype=obj start.s -o start.o
for level in -O2 -O0; do
  for name in front other hand; do
    compile $name aarch64-linux-gnu $level
    cp $name.o kept_$name.o
  done
  "$build/pclntab-obj" front.o other.o hand.o
  "$llvm/ld.lld" --build-id -m aarch64linux start.o front.o other.o hand.o -o prog
  "$link" prog 2>log || { cat log; fail "AArch64"; }
  live_as_expected prog prog.pclntab kept_front.o kept_other.o kept_hand.o
done
