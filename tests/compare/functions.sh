#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Function ranges and names: what hand-written assembler must become, then
# whole files of each linker against llvm-symbolizer and llvm-objdump.
# Usage: functions.sh SOURCE BUILD
set -eu
src=$1/tests build=$2
out=$build/compare/functions
rm -rf "$out" && mkdir -p "$out"

gcc -shared "$src/programs/function_cases.S" -o "$out/cases.so"
"$build/list_functions" "$out/cases.so" >"$out/cases.txt"
# From sized_outer on, as offsets from it; the early start is signal_return's.
base=$(sed -n 's/ .* sized_outer$//p' "$out/cases.txt" | head -n 1)
while read -r va size name; do
  [ "$va" = counts: ] || echo "$(printf %x $((0x$va - 0x$base))) $size $name"
done <"$out/cases.txt" | sed -n '/^0 /,/^84 /p' >"$out/cases.got"
text=$(llvm-readelf-19 -SW "$out/cases.so" |
  sed -n 's/.* \.text *PROGBITS *\([0-9a-f]*\) .*/\1/p')
unnamed=$(printf %x $((0x$base - 0x$text + 0x50)))
behind=$(printf %x $((0x$base - 0x$text + 0x84)))
cat >"$out/cases.want" <<END
0 3 sized_outer
3 2 sized_inner
5 3 sized_outer
10 2 unsized_typed
20 3 untyped_global
30 3 same_place_longer
40 2 overlapping_first
42 3 overlapping_second
50 2 .text+0x$unnamed
60 a signal_return
78 1 last_unsized
84 2 .text+0x$behind
END
diff "$out/cases.want" "$out/cases.got"

c=$src/programs/function_subject.c
for ld in bfd gold lld mold; do
  case $ld in
  lld) cc=clang-19 ;; # gcc knows no versioned name of the linker
  *) cc=gcc ;;
  esac
  $cc -O2 -fuse-ld=$ld "$c" -o "$out/lazy-$ld"
  $cc -O2 -g -ffunction-sections -fcf-protection -fuse-ld=$ld -Wl,-z,now "$c" \
    -o "$out/now-$ld"
  $cc -O2 -fuse-ld=$ld -no-pie -fno-pie "$c" -o "$out/fixed-$ld"
done
gcc -O2 -fcf-protection -Wl,-z,ibtplt "$c" -o "$out/ibt-bfd"
gcc -O2 -static "$c" -o "$out/static-bfd"
clang-19 -O2 -fuse-ld=lld -Wl,-z,retpolineplt "$c" -o "$out/retpoline-lld"
strip "$out/lazy-bfd" -o "$out/stripped-bfd"
# An IFUNC's stub has a name no more, but is no hole.
strip "$out/static-bfd" -o "$out/unnamed-bfd"
[ "$("$build/list_functions" "$out/unnamed-bfd" | grep -c ' \.plt+0x')" -gt 20 ]
cross="-fuse-ld=lld -shared -nostdlib -fPIC -w -O1"
clang-19 --target=i386-linux-gnu $cross "$src/programs/cfi_subject.c" \
  -o "$out/i386-lld"
clang-19 --target=aarch64-linux-gnu $cross "$src/programs/cfi_subject.c" \
  -o "$out/aarch64-lld"
clang-19 --target=aarch64-linux-gnu $cross -mbranch-protection=standard \
  -Wl,-z,force-bti "$src/programs/cfi_subject.c" -o "$out/aarch64bti-lld"
libraries=
for lib in /lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libstdc++.so.6; do
  if [ -e $lib ]; then libraries="$libraries $lib"; else echo "no $lib here"; fi
done
exec python3 "$src/compare/functions.py" "$build/list_functions" \
  llvm-symbolizer-19 llvm-objdump-19 llvm-readelf-19 "$out/cases.so" \
  "$out"/*-* $libraries "$build/pclntab-link"
