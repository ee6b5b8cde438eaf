#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Walks in real programs against libunwind's: each build of tests/real at work,
# with unwind_preload.c inside. Prints stops and agreement.
#
#   tests/compare/unwind_real.sh BUILD     after tests/real/build.sh BUILD
set -u
build=${1:?build folder}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
preload=$build/libunwind_preload.so
failed=0 n=0 stops=0 equal=0

work_sqlite() {
  "$1" :memory: >/dev/null <<'SQL'
create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i+1 from n where i<60000)
  insert into t select i, printf('row %d', i) from n;
create index tb on t(b);
select count(*), sum(a), max(b) from t where b like 'row 4%';
select sum(length(b)) from (select b from t order by b desc);
SQL
}
work_lua() {
  cat >"$tmp/w.lua" <<'LUA'
local t = {}
for i = 1, 60000 do t[i] = (i * 7919) % 60013 end
table.sort(t, function(a, b) return a > b end)
for i = 1, 20000 do t[i] = ("%d %s"):format(i, "x"):gsub("%d", "#") end
LUA
  "$1" "$tmp/w.lua" >/dev/null
}
work_jsonnet() {
  "$1" -S -e 'local f(n) = if n < 2 then n else f(n-1) + f(n-2);
    std.toString(f(19))' >/dev/null
}

while read -r exe program cc flags linker; do
  n=$((n + 1))
  : >"$tmp/report"
  PCLNRT_COMPARE_OUT=$tmp/report LD_BIND_NOW=1 LD_PRELOAD=$preload \
    "work_$program" "$exe" || { echo "FAILED: $exe does not work"; failed=1; }
  read -r s _ _ _ e _ < <(grep ' stops, ' "$tmp/report")
  stops=$((stops + ${s:-0})) equal=$((equal + ${e:-0}))
  grep ' known: ' "$tmp/report" | sed "s|^|$program, $cc -$flags, $linker: |"
  if ! grep -qx 'status 0' "$tmp/report"; then
    echo "FAILED: $program, $cc -$flags, $linker:"
    cat "$tmp/report"
    failed=1
  fi
done <"$build/real/list"
echo "$n builds, $stops stops, $equal equal walks"
[ "$failed" = 0 ] && [ "$n" -gt 0 ] && [ "$stops" -gt 2000 ]
