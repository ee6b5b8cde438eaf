#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Rows of the CFI interpreter against llvm-dwarfdump's: on what two compilers
# make of one file, for four targets, both kinds of section and both sizes of
# DWARF; on hand-written CFI; and on the libraries of this system, which hold
# assembler code by many hands. Usage: cfi.sh SOURCE BUILD
set -eu
src=$1/tests build=$2
out=$build/compare/cfi
rm -rf "$out" && mkdir -p "$out"
c=$src/programs/cfi_subject.c
flags="-shared -nostdlib -fPIC -w"

for opt in -O0 -O2 "-O2 -fno-omit-frame-pointer" "-Os -mavx2" \
  "-O2 -g -fno-asynchronous-unwind-tables -gdwarf-3" \
  "-O2 -g -fno-asynchronous-unwind-tables -gdwarf-5"; do
  n=$(echo "$opt" | tr -d ' ')
  gcc $flags $opt "$c" -o "$out/gcc$n.so"
  clang-19 $flags $opt "$c" -o "$out/clang$n.so"
done
gcc $flags -O2 -g -fno-asynchronous-unwind-tables -gdwarf64 -gdwarf-4 "$c" \
  -o "$out/gcc-dwarf64.so"
gcc -shared "$src/programs/cfi_cases.S" -o "$out/cases.so"
for target in i386 aarch64 aarch64_be; do
  for opt in -O0 "-O2 -funwind-tables" "-O2 -mbranch-protection=pac-ret" \
    "-Os -g -fno-asynchronous-unwind-tables -fno-unwind-tables"; do
    case $target$opt in i386*-mbranch*) continue ;; esac
    clang-19 --target=$target-linux-gnu -fuse-ld=lld $flags $opt "$c" \
      -o "$out/$target$(echo "$opt" | tr -d ' ').so"
  done
done

system=
for lib in libc.so.6 ld-linux-x86-64.so.2 libstdc++.so.6 libcrypto.so.3 \
  libgcc_s.so.1 libm.so.6; do
  path=/lib/x86_64-linux-gnu/$lib
  [ -e "$path" ] || path=/usr$path
  if [ -e "$path" ]; then system="$system $path"; else echo "no $lib here"; fi
done
exec python3 "$src/compare/cfi_rows.py" "$build/cfi_rows" llvm-dwarfdump-19 \
  "$out"/*.so /bin/bash $system
