#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Outputs that are laid out in other ways than by default, or stand in other
# places: large pages, no build-id, no RELRO, a version script, a folder with a
# blank; DWARF that dwz shared out, or that is not in the file.
. "$(dirname "$0")/common.sh" "$@"
echo '{ global: main; local: *; };' >version.map
mkdir "a folder"
for linker in $linkers; do
  for option in -z,max-page-size=0x200000 -z,common-page-size=0x10000 \
    --build-id=none -z,norelro -z,now --hash-style=sysv --no-eh-frame-hdr \
    --version-script,version.map; do
    table $linker -g -O1 main.c part.c -Wl,$option -o prog
    ./prog | grep -qx 42 || fail "$linker $option does not run"
    sound prog
    line_of prog main | grep -q 'main\.c:7$' || fail "$linker $option: line"
  done
  table $linker -g -O1 main.c part.c -o "a folder/the program"
  "./a folder/the program" | grep -qx 42 || fail "$linker: a blank in the path"
  "$dump" --verify "a folder/the program"

  table $linker -g -O1 main.c part.c -gsplit-dwarf -o prog 2>log
  grep -qF '[dwarf-split]' log || fail "$linker: no word on .dwo files"
  line_of prog main | grep -q 'main\.c:7$' || fail "$linker: split, line"
done

# What dwz moves into a partial unit is found there. It takes no file that has a
# table, so it comes first.
gcc -g -O2 -Wl,--build-id main.c part.c -o prog
"$link" prog 2>log
"$dump" --lines prog >before
dwz prog 2>log || fail "dwz: $(cat log)"
"$link" prog 2>log
"$dump" --lines prog >after
diff before after
