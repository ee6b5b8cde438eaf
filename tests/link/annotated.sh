#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a compiler says of live words and variables, through each linker into the
# table, and out again by pclntab-dump: text, JSON, the report.
source=$(realpath "$(dirname "$0")/../..")
. "$source/tests/link/common.sh" "$@"
[ "$(uname -m)" = x86_64 ] || { echo "skipped: the subject is x86-64's"; exit 0; }
clang-19 -c "$source/tests/link/annotated.s" -o annotated.o
cat >expected <<'END'
CHECK:      func {{.*}} work frame=40
CHECK-NEXT: frame bytes=40 varp=-8 argp=0 maps=2 local_words=4
CHECK-NEXT: map [[#%#x,]] [[#%#x,AFTER:]] index=0 locals=0-1 local_scalars=2-3 derived=1@0
CHECK-NEXT: map [[#AFTER]] {{0x[0-9a-f]+}} index=1 locals=0 local_scalars=1-3
CHECK-NEXT: func
CHECK:      root {{0x[0-9a-f]+ 0x[0-9a-f]+}} list words=3 repeat=2 live=0,2 scalars=1
CHECK-NEXT: root 0x0 0x8 own thread_local=true words=1 repeat=1 live=0
CHECK-NOT:  root
END
for linker in $linkers; do
  for kind in -no-pie -pie; do
    table "$linker" $kind annotated.o -o prog
    "$dump" --maps prog | grep -v ^hole | FileCheck-19 expected
    "$dump" --header prog | grep -q '^part roots offset=' || fail "no part"
    "$dump" --verify prog >verdict || { cat verdict; fail "not sound"; }
  done
done
"$dump" --streams prog |
  FileCheck-19 <(echo 'CHECK: funcdata PointerPairs index=9')
"$dump" --stats prog >stats
grep -q '^size roots 58 ' stats || fail "no size of the roots"
if grep '^size other' stats; then fail "bytes that are nothing"; fi
"$dump" --json --all prog | python3 -c '
import json, jsonschema, sys
document = json.load(sys.stdin)
jsonschema.validate(document, json.load(open(sys.argv[1])))
assert [r["name"] for r in document["records"] if r["kind"] == "root"] == [
    "list", "own"]' "$source/docs/pclntab-dump.schema.json"
"$dump" --html prog >report.html
grep -q '</html>' report.html || fail "the report is cut off"
