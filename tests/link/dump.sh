#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pclntab-dump as users and scripts call it: answers that are addr2line's,
# statuses, output that fails, the other end of a pipe, a sidecar of another
# build, JSON of every action.
. "$(dirname "$0")/common.sh" "$@"
status() { # WANTED COMMAND
  local wanted=$1 got=0
  shift
  "$@" >out 2>err || got=$?
  [ $got = "$wanted" ] || { cat err; fail "status $got and not $wanted: $*"; }
}
table gold -g -O0 main.c part.c -Wl,--build-id -o prog

# Every byte of main and twice, with addr2line's options.
python3 - <<'END' >addresses
import subprocess
for line in subprocess.run(["nm", "-S", "prog"], text=True,
                           capture_output=True).stdout.splitlines():
    f = line.split()
    if len(f) == 4 and f[3] in ("main", "twice"):
        for i in range(int(f[1], 16)):
            print(f"{int(f[0], 16) + i:x}")
END
[ "$(wc -l <addresses)" -gt 20 ] || fail "no addresses"
for options in "" -f -fi -fip -fps -a -fiCsa -pafi; do
  addr2line -e prog $options <addresses | sed 's/ (discriminator [0-9]*)//' >want
  "$dump" -e prog $options <addresses >got
  diff want got >&2 || fail "not addr2line's answers: $options"
done

status 0 "$dump" --verify prog
status 0 "$dump" prog 0
grep -qx '??:0' out || fail "an unknown address"
status 2 "$dump" --lines
status 2 "$dump" --lines nowhere
status 2 "$dump" --lines main.c
status 1 "$dump" prog nonsense
status 1 "$dump" -e prog <&-
for action in header funcs lines calls unwind streams all rules stats verify; do
  status 0 "$dump" --$action --json prog
  python3 -m json.tool out >tree || fail "--$action: no JSON"
  grep -q "\"action\": \"$action\"" tree || fail "--$action: not named"
done
if "$dump" --all prog >/dev/full 2>err; then
  fail "a full disk is not noticed"
fi
grep -qF '[output]' err || fail "a full disk is not named"

# One question, one answer, while the pipe stays open.
coproc ANSWERS { "$dump" -f -e prog; }
for _ in 1 2 3; do
  head -1 addresses >&"${ANSWERS[1]}"
  read -r -t 10 answer <&"${ANSWERS[0]}" || fail "no answer through a pipe"
  [ "$answer" = main ] || [ "$answer" = twice ] || fail "answer: $answer"
  read -r -t 10 answer <&"${ANSWERS[0]}" || fail "half an answer"
done
exec {ANSWERS[1]}>&-
wait

# Found beside the program, unless made for another.
plain gold -g -O1 main.c part.c -Wl,--build-id -o other
"$link" --placement=sidecar other
status 0 "$dump" --header other
grep -q 'found_in=sidecar' out || fail "sidecar is not found"
cp other.pclntab plain.pclntab
plain gold -g -O0 main.c part.c -Wl,--build-id -o plain
status 1 "$dump" --header plain
grep -qF '[sidecar-build-id]' err || fail "another build's sidecar is taken"
status 0 "$dump" --header plain.pclntab

# A damaged table: reported, with status 1.
python3 - <<'END'
blob = bytearray(open("other.pclntab", "rb").read())
blob[len(blob) // 2] ^= 0x55
open("damaged", "wb").write(blob)
END
status 1 "$dump" --verify damaged
grep -q '^fault ' out || fail "no fault is told"
