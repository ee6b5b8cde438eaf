#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The HTML report in Chromium, of SQLite with our table and of a Go program.
#   report.sh BUILD      with what tests/real/build.sh made
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=${1:?build folder}
# Optimised, so that calls are inlined.
sqlite=$(awk '$2 == "sqlite" && $4 == "O2" { print $1; exit }' "$build/real/list")
go=/usr/lib/go-1.21/bin/gofmt
for needed in "$sqlite" "$go" "$(command -v chromium)"; do
  [ -x "$needed" ] || { echo "report.sh: something is missing: run scripts/deps"; exit 1; }
done
exec timeout 150 python3 "$here/report.py" "$build/pclntab-dump" "$sqlite" "$go"
