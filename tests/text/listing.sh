#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The listing of one Go program on three systems and two processors, held by the
# directives in it; then what is said where there is no decoder, and no code.
#   listing.sh SOURCE BUILD WORK
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2") work=$3
mkdir -p "$work"
work=$(realpath "$work")
dump=$build/pclntab-dump
cache=$build/compare/go
export GOPATH=$cache/gopath GOFLAGS=-mod=mod GOTOOLCHAIN=local GOPROXY=off
export CGO_ENABLED=0 GO111MODULE=on GOCACHE=$cache/cache-go-1.23
go=/usr/lib/go-1.23/bin/go
cd "$source/tests/text/listing"

# The compiler's own word on what is live at the call, which the directives use.
"$go" build -gcflags=-live -o "$work/live" . 2>&1 |
  grep -E 'live at call to (collect|twice): p q$'

for target in linux-amd64 linux-arm64 windows-amd64 darwin-amd64 darwin-arm64; do
  GOOS=${target%-*} GOARCH=${target#*-} "$go" build -o "$work/$target" .
  case $target in
  *-amd64) patterns=(-DCALL=callq -DCFA=sp+8 '-DRA=[cfa-8]') ;;
  *) patterns=(-DCALL=bl -DCFA=sp -DRA=lr) ;;
  esac
  "$dump" --disasm='main.[km]*' "$work/$target" >"$work/$target.txt"
  FileCheck-19 "${patterns[@]}" main.go <"$work/$target.txt"
  "$dump" --json --disasm='main.[km]*' "$work/$target" >"$work/$target.json"
  python3 - "$source/docs/pclntab-dump.schema.json" "$work/$target.json" <<'PY'
import json, sys
import jsonschema
schema, document = (json.load(open(name)) for name in sys.argv[1:])
jsonschema.validate(document, schema)
records = [r for r in document["records"] if r["kind"] == "insn"]
assert sum("frames" in r for r in records) > 0 and \
    sum(bool(r.get("live")) for r in records) > 0
# Without a gap, each instruction behind the one before it.
for a, b in zip(records, records[1:]):
    end = int(a["va"], 16) + len(a["bytes"]) // 2
    assert end == int(b["va"], 16) or b["cfa"] in ("sp", "sp+8"), b
PY
  echo "$target: $(wc -l <"$work/$target.txt") lines"
done

GOARCH=s390x "$go" build -o "$work/s390x" .
set +e
"$dump" --disasm "$work/s390x" >/dev/null 2>"$work/error"
[ $? = 2 ] || { echo "no decoder: another exit status"; exit 1; }
set -e
grep -q 'no decoder for machine 22 (s390x); .* x86-64 and AArch64 \[no-decoder\]' \
  "$work/error"
