#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The bytes in tests/support/insn_cases.h against llvm-mc, which assembles the
# text beside them.
#   insn_cases.sh SOURCE
set -euo pipefail
cases=${1:?source folder}/tests/support/insn_cases.h
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# check ARRAY TRIPLE [ATTRIBUTES]: each line in a section of its own, so that
# distances from `.` are as they are in the table.
check() {
  awk -v array="$1" '$0 ~ array { on = 1 } on && /^};/ { exit } on' "$cases" |
    sed -nE 's/^ *\{"(.*)", "([0-9a-f]+)", ".*"\},$/\2|\1/p' >"$tmp/cases"
  cut -d'|' -f2- "$tmp/cases" | awk '{ print ".section s" NR ",\"ax\"\n" $0 }' \
    >"$tmp/in.s"
  llvm-mc-19 -triple="$2" ${3:+-mattr=$3} -filetype=obj "$tmp/in.s" -o "$tmp/o"
  llvm-readobj-19 --sections --section-data "$tmp/o" |
    awk '/Name: s[0-9]/ { name = $2 }
         /SectionData/ && name { on = 1; hex = ""; next }
         /^ *\)/ && on { print substr(name, 2), hex; on = 0; name = "" }
         on { line = $0; sub(/^ *[0-9A-F]*: /, "", line)
              sub(/  *\|.*$/, "", line); gsub(/ /, "", line)
              hex = hex tolower(line) }' | sort -n | cut -d' ' -f2 >"$tmp/got"
  cut -d'|' -f1 "$tmp/cases" >"$tmp/want"
  diff "$tmp/want" "$tmp/got"
  echo "$1: $(wc -l <"$tmp/want") instructions"
  [ "$(wc -l <"$tmp/want")" -gt 100 ]
}
check x86_64_cases x86_64
check aarch64_cases aarch64 +all
