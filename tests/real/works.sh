#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Shows that a program linked with the plugin is still that program: it passes
# a quick test of its own, before and after strip, its table is sound, and the
# stripped copy's table is the same.
#
#   tests/real/works.sh BUILD PROGRAM     after tests/real/build.sh BUILD
set -u
build=${1:?build folder} program=${2:?program}
dump=$build/pclntab-dump
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0
fail() {
  echo "FAILED: $*"
  failed=$((failed + 1))
}

quick_sqlite() {
  local got
  got=$("$1" :memory: <<'SQL'
create table t(a integer primary key, b text);
with recursive n(i) as (select 1 union all select i+1 from n where i<5000)
  insert into t select i, printf('row %d', i) from n;
create index tb on t(b);
select count(*), sum(a), max(b) from t where b like 'row 4%';
create virtual table f using fts5(x);
insert into f select b from t;
select count(*) from f where f match '42';
select json_extract('{"a":[1,{"b":7}]}', '$.a[1].b');
pragma integrity_check;
SQL
  ) || return 1
  [ "$got" = "$(printf '1111|4544899|row 4999\n1\n7\nok')" ] ||
    { echo "$got"; return 1; }
}

quick_lua() {
  cat >"$tmp/t.lua" <<'LUA'
local t = {}
for i = 1, 20000 do t[i] = (i * 7919) % 20011 end
table.sort(t)
for i = 2, #t do assert(t[i - 1] <= t[i]) end
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
assert(co() + co() + co() == 6)
local ok, e = pcall(function() local x = nil; return x.y end)
assert(not ok and e:find("index a nil value"), e)
local s = ("%5.2f|%s|%q"):format(math.pi, "x", "a\nb"):gsub("%d", "#")
assert(collectgarbage("count") > 0 and s)
for i = 1, 200 do t = { t, string.rep("x", i) } end
collectgarbage()
print("fine")
LUA
  [ "$("$1" "$tmp/t.lua")" = fine ]
}

quick_jsonnet() {
  local got
  got=$("$1" -S -e 'local f(n) = if n < 2 then n else f(n-1) + f(n-2);
    std.join(",", [std.toString(f(i)) for i in std.range(0, 15)])') || return 1
  [ "$got" = "0,1,1,2,3,5,8,13,21,34,55,89,144,233,377,610" ] || return 1
  # A thrown and caught exception.
  "$1" -e 'local a = { b: error "thrown" }; a.b' 2>"$tmp/err" && return 1
  grep -q 'RUNTIME ERROR: thrown' "$tmp/err" || return 1
  "$1" -e '{ a: }' 2>"$tmp/err" && return 1
  grep -q 'STATIC ERROR' "$tmp/err"
}

# sound FILE CHECKS: that many checks find nothing. clang 19's ThinLTO leaves
# four epilogues of jsonnet without their CFI; they are named in
# tests/compare/code_real.sh, and all that may be found.
sound() {
  local found=''
  "$dump" --verify "$1" >"$tmp/out" 2>&1 && [ -z "$known" ] &&
    [ "$(grep -c '^checked .* findings=0$' "$tmp/out")" = "$2" ] && return
  found=$(sed -n 's/^found //p' "$tmp/out")
  [ -n "$known" ] && [ "$found" = "$known" ] &&
    [ "$(grep -c '^checked .* findings=0$' "$tmp/out")" = $(($2 - 1)) ]
}

n=0
while read -r exe p cc flags linker; do
  [ "$p" = "$program" ] || continue
  n=$((n + 1))
  what="$p, $cc -$flags, $linker"
  "quick_$p" "$exe" || fail "$what: its own test"
  case $p-$cc-$flags in
  jsonnet-clang-thinlto) known='code-depth count=4' ;;
  *) known='' ;;
  esac
  # Structure, bytes, symbols, DWARF, CFI and code.
  sound "$exe" 6 || { grep -v '^excused' "$tmp/out" | head; fail "$what: table unsound"; }
  strip -o "$tmp/stripped" "$exe" || fail "$what: strip"
  "quick_$p" "$tmp/stripped" || fail "$what: its own test after strip"
  # Neither symbols nor DWARF are left.
  sound "$tmp/stripped" 4 ||
    { grep -v '^excused' "$tmp/out" | head; fail "$what: table unsound after strip"; }
done <"$build/real/list"
[ "$n" -gt 0 ] || fail "no build of $program"
echo "$program: $n builds, $failed failures"
[ "$failed" = 0 ]
