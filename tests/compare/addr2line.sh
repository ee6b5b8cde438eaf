#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Lookups of pclntab-dump are addr2line's byte for byte: real programs, every
# combination of addr2line's flags, every form of an input.
#   addr2line.sh BUILD WORK
#
# What is compared is the text. In two facts the tools differ on purpose: a
# table has no discriminators, and it names functions by their symbols, where
# addr2line takes DWARF's names, which lack the suffix of a clone and, for C++
# functions of one file, everything but the last word. So functions with a
# suffix are left out, and of C++ the places at which the two disagree; where
# they do, compare/symbolizer holds us to llvm-symbolizer.
set -euo pipefail
build=$(realpath "$1") work=$2
mkdir -p "$work"
cd "$work"
dump=$build/pclntab-dump
flags=(a C f i p s)

theirs() { addr2line "$@" | sed -E 's/ \(discriminator [0-9]+\)$//'; }
fail() { echo "$*"; exit 1; }
same() { cmp -s want got || { (diff want got || true) | head -20; fail "$@"; }; }

# places PROGRAM N: N addresses at which a row begins, picked evenly, each with
# its function
places() {
  "$dump" --lines "$1" | awk -v n="$2" '
    $1 == "func" { name = $4; ok = $4 !~ /[.@"]/ }
    $1 == "line" && ok { at[m++] = $2 " " name }
    END { for (i = 0; i < n; i++) print at[int(i * m / n)] }'
}

# all_flags PROGRAM MUST: every combination of the flags with the bits MUST
all_flags() {
  local mask i options count=0
  for ((mask = 0; mask < 1 << ${#flags[@]}; mask++)); do
    (((mask & $2) == $2)) || continue
    options=-e
    for ((i = 0; i < ${#flags[@]}; i++)); do
      ((mask >> i & 1)) && options=-${flags[i]}${options#-}
    done
    theirs "$options" "$1" <places >want
    "$dump" "$options" "$1" <places >got
    same "$options $1"
    count=$((count + 1))
  done
  echo "$(basename "$1"): $(wc -l <places) places, $count combinations of flags"
}

c=$build/real/lua-gcc-O2-gold
places "$c" 2000 | cut -d' ' -f1 >places
all_flags "$c" 0

cxx=$build/real/jsonnet-gcc-O2-bfd
by_place() { awk '/^0x[0-9a-f]+$/ { if (line) print line; line = $0; next }
  { line = line "\t" $0 } END { print line }' "$1"; }
places "$cxx" 2000 >all
cut -d' ' -f1 all >places
theirs -afi -e "$cxx" <places >want
"$dump" -afi -e "$cxx" <places >got
# All of a function in which they disagree somewhere: addr2line's answers also
# depend on what it was asked before.
join -v1 <(sort all) <(comm -12 <(by_place want | sort) \
  <(by_place got | sort) | cut -f1 | sed 's/^0x0*/0x/' | sort) |
  cut -d' ' -f2 | sort -u >disagree
awk 'NR == FNR { bad[$1] = 1; next } !($2 in bad) { print $1 }' disagree all \
  >places
[ "$(wc -l <places)" -gt 1200 ] || fail "only $(wc -l <places) places agree"
# With -C, and with -i, without which the answers depend on each other more.
all_flags "$cxx" $((2 | 8))

# Forms of an input, each alone in the arguments.
f=$("$dump" --funcs --func=luaV_execute "$c" | awk '{ print $2 }')
text=$(readelf -SW "$c" | sed -nE 's/.* \.text +PROGBITS +([0-9a-f]+) .*/\1/p')
places "$c" 100 | while read -r place _; do
  printf '%x\n' $((place - 0x$text))
done >offsets
for options in "-j .text -afi -e $c" "--section=.text -pf --exe=$c"; do
  theirs $options <offsets >want
  "$dump" $options <offsets >got
  same "$options"
done
for form in luaV_execute luaV_execute+4 luaV_execute+0x40 'luaV_execute + 8' \
  lua_newstate+010 ${f#0x} 0X${f#0x} "  $f  " 00000${f#0x} 0; do
  theirs -afi -e "$c" "$form" >want
  "$dump" -afi -e "$c" "$form" >got
  same "input '$form'"
  echo "$form" | theirs -afi -e "$c" >want
  echo "$form" | "$dump" -afi -e "$c" >got
  same "input '$form' on standard input"
done
printf -- '-afi\t-e "%s"\n%s \\%s "luaV_execute + 8"' "$c" "$f" "$f" >response
theirs @response >want
"$dump" @response >got
same "response file"
for options in "--addresses --functions --inlines" "--pretty-print --basenames" \
  "--demangle --functions -i" "--demangle=auto -fi" "--demangle=gnu-v3 -fi"; do
  head -100 places | theirs -e "$cxx" $options >want
  head -100 places | "$dump" -e "$cxx" $options >got
  same "$options"
done
echo "forms of input: same"
