#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# One program in every shape that DWARF takes: versions 2 to 5, 32- and 64-bit,
# type units, partial units, split, compressed, LTO, sections and functions
# discarded or folded by each linker. For each instruction the table must say
# what llvm-symbolizer says. Usage: dwarf_forms.sh SOURCE BUILD [NAME...]
set -u
src=${1:?source folder} build=${2:?build folder}
shift 2
only=" $* "
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cp -r "$src"/tests/programs/dwarf_* "$tmp"
cd "$tmp" || exit 2
failed=0 n=0 programs=()

# form NAME COMPILER FLAGS [LINK-FLAGS [COMMAND]]: builds NAME; the command gets
# it as its argument before the table is made.
form() {
  local name=$1 cc=$2 flags=$3 ld=${4:-} post=${5:-} cxx
  [ "$only" = "  " ] || [[ $only == *" $name "* ]] || return
  n=$((n + 1))
  cxx=${cc/gcc/g++}
  cxx=${cxx/clang/clang++}
  # shellcheck disable=SC2086
  { $cc $flags -c dwarf_main.c -o main.o &&
    $cxx $flags -c dwarf_sub/types.cc -o types.o &&
    $cxx $flags -c dwarf_shared.cc -o shared.o &&
    $cxx $flags -Wl,--build-id $ld main.o types.o shared.o -o "$name" &&
    { [ -z "$post" ] || $post "$name"; } &&
    "$build/pclntab-link" --placement=sidecar "$name"; } >log 2>&1 || {
    cat log
    echo "FAILED: $name cannot be built"
    failed=1
    return
  }
  programs+=("$name")
}

for cc in gcc clang-19; do
  for v in 2 3 4 5; do
    form $cc-v$v $cc "-O2 -gdwarf-$v"
    form $cc-v$v-O0 $cc "-O0 -gdwarf-$v"
  done
  for ld in bfd gold lld; do
    use="-fuse-ld=$ld"
    [ $ld = lld ] && use="-B/usr/lib/llvm-19/bin $use"
    for v in 4 5; do
      form $cc-v$v-sections-$ld $cc \
        "-O2 -gdwarf-$v -ffunction-sections -fdata-sections" \
        "$use -Wl,--gc-sections"
    done
  done
  form $cc-types-5 $cc "-O2 -gdwarf-5 -fdebug-types-section"
  form $cc-types-4 $cc "-O2 -gdwarf-4 -fdebug-types-section"
  form $cc-64-5 $cc "-O2 -gdwarf-5 -gdwarf64"
  form $cc-64-4 $cc "-O2 -gdwarf-4 -gdwarf64"
  form $cc-fixed $cc "-O2 -g -fno-pie" "-no-pie"
  form $cc-compressed $cc "-O2 -g -gz" "-gz"
  form $cc-g1 $cc "-O2 -g1"
  form $cc-Os $cc "-Os -g"
  form $cc-O3 $cc "-O3 -g -funroll-loops"
  form $cc-lto $cc "-O2 -g -flto"
done
form clang-gmlt clang-19 "-O2 -gmlt"
form clang-folded clang-19 "-O2 -g -ffunction-sections" \
  "-fuse-ld=lld -Wl,--icf=all"
form gcc-folded gcc "-O2 -g -ffunction-sections" "-fuse-ld=gold -Wl,--icf=all"
form gcc-no-loc gcc "-O2 -g -gno-as-loc-support"
form gcc-partial-5 gcc "-O2 -gdwarf-5" "" dwz
form gcc-partial-4 gcc "-O2 -gdwarf-4" "" dwz
# Split DWARF: llvm-symbolizer does without the .dwo files as well, once they
# are gone. (-fsplit-dwarf-inlining keeps short names in the program.)
lose_dwo() { rm -f ./*.dwo; }
form gcc-split-5 gcc "-O2 -gdwarf-5 -gsplit-dwarf" "" lose_dwo
form clang-split-4 clang-19 "-O2 -gdwarf-4 -gsplit-dwarf" "" lose_dwo

if [ ${#programs[@]} -gt 0 ]; then
  python3 "$src/tests/compare/symbolizer.py" --dump "$build/pclntab-dump" \
    "${programs[@]}" || failed=1
fi
echo "forms: $n"
exit $failed
