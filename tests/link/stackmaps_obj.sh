#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pclntab-obj: what it changes and what not, archives, and that a run which fails
# for one file changes none.
. "$(dirname "$0")/common.sh" "$@"
obj=$build/pclntab-obj
cat >maps.s <<'S'
  .text
  .globl seen
  .type seen, @function
seen: ret
  .size seen, .-seen
  .type hidden, @function
hidden: ret
  .size hidden, .-hidden
  .section .llvm_stackmaps,"a"
  .quad seen
  .quad hidden
S
gcc -c maps.s part.c main.c
[ "$(readelf -rW maps.o | grep -c '\.text + 1$')" = 1 ] ||
  fail "the assembler names hidden by its own symbol already"
cp maps.o kept.o
"$obj" maps.o
readelf -SW maps.o | grep -E '\.debug_llvm_stackmaps +PROGBITS +0+ .* 00 +0 ' ||
  fail "not renamed, or allocated still"
readelf -SW maps.o | grep -qF .rela.debug_llvm_stackmaps ||
  fail "its relocations keep their name"
if readelf -SW maps.o | grep -qF ' .llvm_stackmaps'; then fail "still there"; fi
[ "$(readelf -rW maps.o | grep -c 'hidden + 0$')" = 1 ] ||
  fail "a relocation names a section still"
# Nothing else changed: other sections, symbols, relocations.
for what in -s "-p .text" "-r"; do
  # shellcheck disable=SC2086
  diff <(readelf -W $what kept.o | sed 's/\.text + 1$/hidden + 0/' |
    sed 's/\.llvm/.debug_llvm/; s/0x[0-9a-f]*//; s/000[0-9a-f]* R_X86/R_X86/' |
    sed 's/0000000000000000 *hidden/hidden/; s/0000000000000001 *hidden/hidden/') \
    <(readelf -W $what maps.o |
      sed 's/0x[0-9a-f]*//; s/000[0-9a-f]* R_X86/R_X86/' |
      sed 's/0000000000000001 *hidden/hidden/') || fail "readelf $what differs"
done
# Twice is once; a file without the section is not even written.
cp maps.o once.o
"$obj" maps.o
cmp maps.o once.o
touch -d 2001-01-01 part.o
"$obj" part.o
[ part.o -ot main.o ] || fail "part.o was written"
"$obj" -o out.o kept.o
cmp out.o once.o
"$obj" --output=plain.o part.o
cmp plain.o part.o
# Links and modes stay.
cp kept.o mode.o && chmod 640 mode.o && ln -s mode.o link.o
"$obj" link.o
[ -L link.o ] && [ "$(stat -c %a mode.o)" = 640 ] && cmp mode.o once.o

# Archives: long names, text among the members, the index.
cp kept.o a_very_long_name_of_an_object.o
echo text, of an odd length >notes
for ar in "ar rcs" "llvm-ar-19 rcs"; do
  rm -f lib.a
  $ar lib.a part.o a_very_long_name_of_an_object.o notes kept.o main.o
  nm -s lib.a 2>nm.log | sed -n '/^Archive index/,/^$/p' >index
  cp lib.a old.a
  "$obj" lib.a
  nm -s lib.a 2>nm.log | sed -n '/^Archive index/,/^$/p' | diff index -
  mkdir -p x && (cd x && ar x ../lib.a)
  cmp x/part.o part.o && cmp x/main.o main.o && cmp x/notes notes
  cmp x/kept.o once.o && cmp x/a_very_long_name_of_an_object.o once.o
  for linker in $linkers; do
    plain "$linker" main.o -Wl,-u,seen lib.a -o prog
    nm prog | grep -q ' seen$' || fail "$linker: the index does not lead to seen"
  done
done

# All or nothing, and exit statuses.
status() {
  local want=$1 got=0
  shift
  "$@" >log 2>&1 || got=$?
  [ "$got" = "$want" ] || { cat log; fail "status $got, not $want: $*"; }
}
cp kept.o first.o
head -c 700 kept.o >cut.o
status 1 "$obj" first.o cut.o
cmp first.o kept.o
status 2 "$obj" first.o nowhere.o
cmp first.o kept.o
plain bfd main.o part.o -o prog
refuses obj-type "$obj" prog
ar rcsT thin.a kept.o
refuses archive-thin "$obj" thin.a
head -c 1000 old.a >cut.a
refuses archive-damaged "$obj" cut.a
refuses elf-magic "$obj" main.c
: >empty.o
refuses elf-magic "$obj" empty.o
status 2 "$obj"
status 2 "$obj" --unknown first.o
status 2 "$obj" -o out.o first.o maps.o
mkdir locked && cp kept.o locked/ && chmod 555 locked
[ "$(id -u)" = 0 ] || status 2 "$obj" locked/kept.o
chmod 755 locked
status 0 "$obj" --help
status 0 "$obj" --version
[ -z "$(find . -name '*.pclntab-*')" ] || fail "copies were left behind"
