#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What people read: the dump of a program, its crash report once it is stripped,
# the plugin's statistics and an error, each held by FileCheck against the
# directives in subject.c.
#   text.sh SOURCE-DIR BUILD-DIR
set -euo pipefail
source=$1 build=$2
subject=$source/tests/text/subject.c
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"

check() { # check PREFIX: standard input against the directives of that prefix
  FileCheck-19 --check-prefix="$1" "$subject"
}

gcc -O2 -g -I"$source/pclntab" -I"$source/runtime" "$subject" \
  "$build/libpclnrt.a" -Wl,-plugin,"$build/pclntab-ld.so",-plugin-opt,stats \
  -o prog 2>&1 | check LINK
dump=$build/pclntab-dump
"$dump" --header prog | check HEADER
"$dump" --funcs --func=outer prog | check FUNCS
"$dump" --lines --func=outer prog | check LINES
"$dump" --calls --func=outer prog | check CALLS
"$dump" --unwind --func=outer prog | check UNWIND
"$dump" --disasm=outer prog | check DISASM
"$dump" --disasm=main prog | check DISASM-MAIN
"$dump" --stats prog | check STATS
"$dump" --json --funcs prog | check JSON
"$dump" --lines --func=outer prog | awk '$1 == "line" { print $2 }' >addresses
"$dump" -e prog -f -i -p <addresses | check LOOKUP
! "$dump" --header "$subject" 2>error || exit 1
check MISSING <error
strip prog
! ./prog 2>report || exit 1
check CRASH <report
