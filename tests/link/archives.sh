#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Archive members, thin archives, COMDAT functions and inlined C++.
. "$(dirname "$0")/common.sh" "$@"
cat >head.h <<'C'
template <class T> struct box {
  T value;
  __attribute__((noinline)) T get() const {
    return value; // line 4
  }
};
C
printf '#include "head.h"\nint one() { return box<int>{1}.get(); }\n' >one.cc
printf '#include "head.h"\nint one();\nint main() {\n  return %s;\n}\n' \
  'one() + box<int>{1}.get() - 2' >two.cc
gcc -g -O1 -c part.c
ar rc libpart.a part.o
ar rcT libthin.a part.o
for linker in $linkers; do
  for lib in part thin; do
    table $linker -g -O1 main.c -L. -l$lib -o prog
    ./prog | grep -qx 42 || fail "$linker lib$lib"
    sound prog
    line_of prog twice | grep -q 'part\.c:[56]$' || fail "$linker lib$lib: line"
  done
  table $linker -g -O1 -ffunction-sections one.cc two.cc -lstdc++ -o prog
  ./prog || fail "$linker COMDAT"
  sound prog
  [ "$("$dump" --funcs prog | grep -c _ZNK3boxIiE3getEv)" = 1 ] ||
    fail "$linker: a COMDAT function is not there once"
  line_of prog _ZNK3boxIiE3getEv | grep -q 'head\.h:[34]$' || fail "$linker: line"
done
