#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The command line of pclntab-dump: what is refused and by which name, exit
# codes, -o, response files, and that each action says something of a program.
#   cli.sh SOURCE-DIR BUILD-DIR
set -euo pipefail
source=$(realpath "$1") build=$(realpath "$2")
dump=$build/pclntab-dump
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
failed=0
fail() { echo "cli.sh: $*"; failed=1; }

# expect CODE NAME ARGUMENT...: the exit code, and the name in brackets at the
# end of the last line on standard error (-: nothing is there)
expect() {
  local code=$1 name=$2 got=0
  shift 2
  "$dump" "$@" >out 2>err </dev/null || got=$?
  [ $got = "$code" ] || fail "exit code $got, not $code: $*"
  if [ "$name" = - ]; then
    [ ! -s err ] || fail "a complaint: $*: $(cat err)"
  else
    tail -1 err | grep -qF "[$name]" || fail "no [$name]: $*: $(cat err)"
  fi
}
# says TEXT: the last complaint has it
says() { grep -qF -- "$1" err || fail "does not say: $1: $(cat err)"; }

printf 'int f(int x) { return x * 3; }\nint main(void) { return f(-1); }\n' >p.c
gcc -O1 -g p.c -Wl,-plugin,"$build/pclntab-ld.so" -o prog
gcc -O1 p.c -o plain
cp prog damaged
# The byte in the middle of the table: a checksum that no longer holds.
table=$("$dump" --header prog | awk '$1 == "image" || $1 == "part" { next }
  { for (i = 2; i <= NF; i++) if (sub(/^address=/, "", $i)) print $i }')
place=$(readelf -SW prog | sed -nE \
  's/.* \.pclntab +PROGBITS +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) .*/\1 \2/p')
[ -n "$table" ] && [ -n "$place" ] || fail "no table in the program"
printf '\377' | dd of=damaged bs=1 conv=notrunc status=none \
  seek=$((0x${place% *} + 0x${place#* } / 2))

# --- Three lists of options: the program's, --help's, the manual's ---
options=$(sed -nE 's/^ *(ACTION\(|\{)"([a-z][a-z-]*)",.*/\2/p' \
  "$source/pclntab/tools/dump_options.c" | grep -v '^target$')
[ "$(wc -w <<<"$options")" -gt 35 ] || fail "the program's options: $options"
"$dump" --help >help
for option in $options; do
  grep -qE -- "(^|[ ,])--$option([]=[ ]|\[|$)" help || fail "--help: no --$option"
  grep -qF -- "\\-\\-${option//-/\\-}" "$source/docs/man/pclntab-dump.1" ||
    fail "no --$option in the manual"
done
grep -oE -- '--[a-z]+(-[a-z]+)*' help | sort -u | sed 's/^--//' >named
grep -vxF "$options" named && fail "--help names options that are none"
# Each kind of record of the schema has its line in the manual.
sed -nE 's/.*"kind": \{"const": "([a-z]+)"\}.*/\1/p' \
  "$source/docs/pclntab-dump.schema.json" | sort -u | grep -vx address |
  while read -r kind; do
    grep -qF '\fB'"$kind"'\fR' "$source/docs/man/pclntab-dump.1" ||
      echo "$kind"
  done >undescribed
[ ! -s undescribed ] || fail "records not in the manual: $(xargs <undescribed)"

# --- Refused ---
expect 2 usage
expect 2 usage prog
says "no action; --help lists them"
expect 2 usage --funcs
says "no file"
expect 2 usage --funcs --lines prog
says "more than one action: --lines"
expect 2 usage --nonsense prog
says "unknown option --nonsense"
expect 2 usage --funcs prog -z
says "unknown option -z"
expect 2 usage --funcs --func
says "no argument for --func"
expect 2 usage --funcs prog 0x10
says "an ADDRESS has no meaning with --funcs"
expect 2 usage --diff prog
says "--diff needs two files"
expect 2 usage --lines --address=x prog
expect 2 usage --lines --address=5,5 prog
expect 2 usage --header --text-start=12z prog
expect 2 usage --header --magic=2.0 prog
expect 2 usage --stats --func=f prog
expect 2 usage --json -f -e prog 0
expect 2 usage -b elf64-x86-64 -e prog 0
says "-b has no meaning here"
expect 2 usage -e prog --demangle=java 0
says "java"
expect 2 usage --html --json prog
for option in -f -i -p -a -j.text --return-addresses; do
  expect 2 usage --funcs $option prog
done
expect 2 file-unreadable --funcs nonexistent
expect 2 file-unreadable --funcs .
expect 2 no-table --funcs plain
expect 2 no-table --diff prog plain
expect 2 no-section -j .nonsense -e prog 0

# --- Exit codes of what runs ---
for action in header funcs lines calls maps unwind streams all rules stats \
  scan; do
  expect 0 - --$action prog
  [ -s out ] || [ $action = maps ] || fail "--$action says nothing"
  expect 0 - --$action --json prog
  python3 -m json.tool out >/dev/null || fail "--$action --json is no JSON"
done
expect 0 - --verify prog
expect 0 - --disasm=f prog
expect 0 - --diff prog prog
expect 0 - --help
[ "$(wc -L <out)" -le 80 ] || fail "--help is wider than 80 columns"
expect 0 - -h
expect 0 - --version
grep -q '^pclntab-dump [0-9]' out || fail "--version says: $(cat out)"
expect 0 - -v
f=$("$dump" --funcs --func=f prog | awk '{ print $2 }')
expect 0 - -e prog "$f"
expect 0 - prog "$f"
expect 0 - --lookup prog f
expect 0 - -e prog ffffffffffff # unknown is no fault
expect 1 bad-address -e prog nonsense
grep -qx '??:0' out || fail "an input that is no address has no answer"
got=0
"$dump" --verify damaged >out 2>err || got=$?
[ $got = 1 ] || fail "--verify of a damaged table: exit code $got"

# --- -o ---
"$dump" --funcs prog >want
expect 0 - --funcs prog -o made
cmp want made || fail "-o differs from standard output"
[ ! -s out ] || fail "-o leaves something on standard output"
[ "$(stat -c %a made)" = "$(touch new; stat -c %a new)" ] ||
  fail "-o: permissions of a new file"
chmod 600 made
expect 0 - --header prog --output=made
[ "$(stat -c %a made)" = 600 ] || fail "-o: permissions change"
ln -s made link
expect 0 - --funcs prog -o link
[ -L link ] && cmp want made || fail "-o: a link is replaced"
cp prog copy
for input in copy ./copy "$tmp/copy"; do
  expect 2 output-is-input --funcs copy -o "$input"
done
expect 2 output-is-input --diff prog copy -o copy
cmp prog copy || fail "-o: the input was changed"
expect 2 output --funcs prog -o no/such/folder
expect 2 output --lines prog -o /dev/full
expect 2 no-table --funcs plain -o not-made
[ ! -e not-made ] || fail "-o: a file after a failure"
expect 2 usage --funcs prog -o not-made 0x10
[ ! -e not-made ] || fail "-o: a file after a usage error"
expect 0 - --funcs prog -o /dev/null
expect 1 bad-address -e prog nonsense -o answers
grep -qx '??:0' answers || fail "-o: nothing where there were faults"
compgen -G '*.??????' >/dev/null && fail "-o: temporary files are left"
# A run that is stopped leaves what was there.
cp made before
mkfifo pipe
"$dump" -e prog -o made <pipe &
exec 3>pipe
for _ in $(seq 50); do
  compgen -G 'made.??????' >/dev/null && break
  sleep 0.1
done
kill $!
wait $! && fail "a stopped run succeeds"
exec 3>&-
cmp before made || fail "-o: a stopped run changes the file"
! compgen -G 'made.??????' >/dev/null || fail "-o: a stopped run leaves a file"

# --- Progress: at a terminal, after two seconds, unless the output is there ---
seq 1 20000 | sed 's/.*/.globl f&\n.type f&,@function\nf&:nop\n.size f&,1/' >many.s
printf '.globl main\n.type main,@function\nmain:ret\n.size main,1\n' >>many.s
gcc many.s -Wl,-plugin,"$build/pclntab-ld.so" \
  -Wl,-plugin-opt,allow-stripped -o many 2>/dev/null
slow="'$dump' --funcs many | { sleep 3; cat >/dev/null; }"
script -qec "$slow" /dev/null >screen
grep -qE 'pclntab-dump: +[0-9]+ %' screen || fail "no progress at a terminal"
script -qec "'$dump' --funcs many | cat >/dev/null" /dev/null >screen
[ ! -s screen ] || fail "progress of a short run"
bash -c "$slow" 2>screen
[ ! -s screen ] || fail "progress without a terminal"

# --- Response files ---
"$dump" --funcs --func='*' prog >want
printf -- '--funcs\n"prog"  --func=%s' "'*'" >arguments
expect 0 - @arguments
cmp want out || fail "a response file differs from its words"
printf '@arguments' >nested
expect 0 - @nested
cmp want out || fail "a response file in a response file"
printf '@itself x' >itself
expect 2 file-unreadable @itself # and it ends

[ $failed = 0 ]
echo "cli.sh: sound"
