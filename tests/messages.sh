#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# docs/messages.md against the code: each name of a fault has its entry, each
# entry a fault, in alphabetical order, with an example that carries the name,
# a cause and a cure.
# Usage: messages.sh SOURCE BUILD
set -euo pipefail
cd "${1:?source folder}"
build=${2:?build folder}
doc=docs/messages.md
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

sed -n 's/^### //p' $doc >"$tmp/entries"
LC_ALL=C sort -cu "$tmp/entries"

# Names are strings of small words joined by hyphens. So are options, and a few
# other things.
{
  "$build/pclntab-link" --help
  "$build/pclntab-dump" --help
  "$build/pclntab-obj" --help
} | grep -oE -- '--[a-z]+(-[a-z]+)+' | sed 's/^--//' >"$tmp/others"
printf '%s\n' gc-leaf gc-leaf-function gnu-v3 initial-exec pclntab-described \
  pclntab-ld pclntab-link pclntab-lowered pclntab-obj pclntab-pending \
  pclntab-slot x86-64 set-up >>"$tmp/others"
grep -rhvE '^ *//' --include='*.[ch]' pclntab disasm ld-plugin runtime |
  grep -oE '"[a-z][a-z0-9]*(-[a-z0-9]+)+"' | tr -d '"' | sort -u |
  grep -vxFf "$tmp/others" >"$tmp/faults"
[ "$(wc -l <"$tmp/faults")" -gt 100 ]
if grep -vxFf "$tmp/entries" "$tmp/faults"; then
  echo "messages: no entry in $doc for these"
  exit 1
fi

bad=0
while read -r name; do
  grep -rqF "\"$name\"" --include='*.[ch]' pclntab disasm ld-plugin runtime ||
    { echo "messages: $name: no such fault"; bad=1; }
  text=$(awk -v h="### $name" '$0 == h { on = 1; next } /^##/ { on = 0 } on' $doc)
  case $text in
  *"[$name]"*Cause:*Cure:* | *"[$name]"*"Cause and cure:"*) ;;
  *"Reported by "*Cause:*Cure:*) ;; # a name in a result, in no line of text
  *) echo "messages: $name: no example, cause and cure"; bad=1 ;;
  esac
done <"$tmp/entries"
[ $bad = 0 ]
echo "messages: $(wc -l <"$tmp/entries") entries"
