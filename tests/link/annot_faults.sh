#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Annotations that cannot be right: each is refused by its name, with the
# object, the function and the offset, by every linker; and by pclntab-link,
# which has no objects, with the linked file.
src=$(realpath "$(dirname "$0")/../..")
. "$src/tests/link/common.sh" "$@"
echo 'int main(void) { return 0; }' >main.c
gcc -g -c main.c

# object BODY: bad.o with a function `bad` that begins with it.
object() {
  printf '#include "funcdata.h"\n\t.text\n\t.globl bad\n\t.type bad,%%function\nbad:\n%s\n\tret\n\t.size bad,.-bad\n%s\n\t.section .note.GNU-stack,"",%%progbits\n' \
    "$1" "${2:-}" >bad.S
  gcc -I"$src/pclntab" -c bad.S -o bad.o
}

# faulty NAME WHERE BODY [AFTER]: links of such an object end with that fault,
# and with that text before it.
faulty() {
  local fault=$1 where=$2
  object "$3" "${4:-}"
  for linker in $linkers; do
    refuses "$fault" table "$linker" main.o bad.o -o prog
    grep -F "[$fault]" refused.log | grep "bad\.o: .*$where" >/dev/null ||
      { cat refused.log; fail "$fault: does not name $where"; }
    [ ! -e prog ] || fail "$fault: $linker left an output"
  done
  plain bfd -Wl,--build-id main.o bad.o -o prog
  refuses "$fault" "$link" --placement=sidecar prog
  [ ! -e prog.pclntab ] || fail "$fault: left a sidecar"
  rm prog
}

# record KIND BODY: a record of that kind for `bad`.
record() {
  printf '\t.section .debug_pclntab,"",%%progbits\n1:\t.short 0x4350\n\t.byte 1, %s\n\t.long 2f-1b\n\t.quad bad\n%s\n\t.p2align 2\n2:\n' "$1" "$2"
}

faulty annot-index 'bad+0x0: .*yours are 12 to 15' ' FUNCDATA 3, long, 1'
faulty annot-index 'bad+0x0: .*yours are 16 to 31' ' PCDATA 32, 1'
faulty annot-index 'bad+0x1: ' ' nop
 PCDATA 5, 1'
faulty annot-twice 'bad+0x0: ' ' FUNCDATA 12, long, 1
 FUNCDATA 12, long, 2'
faulty annot-content 'bad+0x0: .*0x18' ' FUNCDATA 1, long, 1, 8'
faulty annot-content 'bad+0x0: .*item of several words' \
  ' POINTER_MAPS 1, 2, "pm"'
faulty annot-content 'bad+0x0: .*no payload' ' FUNCDATA_BEGIN 13
 FUNCDATA_END'
faulty annot-content 'bad+0x0: .*0x18' ' FUNCDATA 10, long, 8, 70, 1'
faulty annot-content 'bad+0x0: ' ' PCDATA 1, -3'
faulty annot-content 'bad+0x0: .*safepoint is malformed' ' nop' \
  "$(record 3 ' .long 2, 1, 4, 8
 .asciz "bad"
 .long 1
 .short 0, 9, 0, 0')"
faulty annot-content 'variable has no words' ' nop' \
  "$(record 4 ' .long 0, 1, 0, 2
 .byte 2, 0, 0, 0
 .asciz "v"')"
faulty annot-gc-source 'tree\.c uses gcref' ' nop' \
  "$(record 5 ' .asciz "tree.c"' | sed 's/quad bad/quad 0/')"
faulty annot-kind '0x3' ' nop' "$(record 7 ' .long 0')"
faulty annot-length '0x4' ' nop' "$(record 2 ' .long 16, 1' | sed 's/2f-1b/2f-1b-2/')"
faulty annot-length 'cut off' ' nop' ' .section .debug_pclntab,"",%progbits
 .long 0x01014350'
faulty annot-mark '' ' nop' "$(record 2 ' .long 16, 1' | sed 's/0x4350/0x4351/')"
faulty annot-order '' ' nop' "$(record 2 ' .long 16, 1' | sed 's/0x4350/0x5043/')"
faulty annot-version '' ' nop' "$(record 2 ' .long 16, 1' | sed 's/.byte 1,/.byte 2,/')"

# What only the linked file tells.
for linker in $linkers; do
  object ' PCDATA 1, 2
 POINTER_MAPS 1, 1, "p", "d"'
  refuses annot-row table "$linker" main.o bad.o -o prog
  object ' PCDATA 1, 0'
  refuses annot-row table "$linker" main.o bad.o -o prog
  object ' PCDATA 16, 2
 PCDATA 16, 3'
  refuses annot-twice table "$linker" main.o bad.o -o prog
  object ' nop' "$(record 3 ' .long 9, 0, 4, 8
 .asciz "bad"')"
  [ "$linker" = gold ] || refuses annot-function table "$linker" main.o bad.o -o prog
  object ' nop' "$(record 4 ' .long 0, 1, 1, 4
 .byte 2, 0, 0, 0
 .asciz "bad"')"
  [ "$linker" = gold ] || refuses annot-variable table "$linker" main.o bad.o -o prog
done

# gold says nothing of what it dropped; without the plugin nobody knows.
object ' FUNCDATA 12, long, 1'
plain gold main.o bad.o -o prog
refuses annot-gold "$link" --placement=none prog
# A function that is gone, whose record has, in gold, the address of one that is
# not: the plugin has seen the object, and knows.
for linker in $linkers; do
  keep="-pie main.o bad.o -Wl,--gc-sections,-u,bad"
  table "$linker" $keep -o prog
  cat >gone.S <<S
#include "funcdata.h"
	.section .text.gone,"ax",%progbits
	.type gone,%function
gone:
	.zero 0x$(nm prog | awk '$3 == "bad" { print $1 }')
	FUNCDATA 12, long, 77
	nop
	.size gone,.-gone
	.section .note.GNU-stack,"",%progbits
S
  gcc -I"$src/pclntab" -c gone.S
  table "$linker" $keep gone.o -o prog
  sound prog
  "$dump" --streams prog | grep 'index=12 ' >kept
  [ "$(wc -l <kept)" = 1 ] || { cat kept; fail "$linker: not one"; }
done

# Stripped at the link. No DWARF, whose loss is reported first.
gcc -c main.c
for linker in $linkers; do
  for how in -s -S; do
    refuses annot-stripped table "$linker" -Wl,$how main.o bad.o -o prog
    PCLNTAB_OPTIONS=allow-stripped table "$linker" -Wl,$how main.o bad.o \
      -o prog 2>log
    grep -q 'warning.*\[annot-stripped\]' log || { cat log; fail "no warning"; }
  done
done
# Discarded by a script, which keeps the rest.
echo 'SECTIONS { /DISCARD/ : { *(.debug_pclntab) } } INSERT BEFORE .text;' >no.ld
for linker in $linkers; do
  [ "$linker" = gold ] || # replaces its layout by any script
    refuses annot-stripped table "$linker" main.o bad.o -Wl,-T,no.ld -o prog
done
true
