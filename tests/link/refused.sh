#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What is refused, with the way out: mold, allocated stack maps, a layout
# without a slot, relocatable and damaged files.
. "$(dirname "$0")/common.sh" "$@"
# mold calls a plugin only if an input needs link-time optimisation.
gcc -g -O2 -flto -c main.c part.c
if gcc -fuse-ld=mold -flto main.o part.o -o prog -Wl,-plugin,"$plugin" \
  2>log; then
  fail "mold links with the plugin"
fi
grep -q 'pclntab-link.*\[plugin-mold\]' log || { cat log; fail mold; }
printf '.section .llvm_stackmaps,"a"\n.quad 0\n' >maps.s
gcc -c maps.s
for linker in $linkers; do
  refuses stackmaps-allocated table $linker -g main.c part.c maps.o -o prog
  [ ! -e prog ] || fail "$linker left an output"
  objcopy --rename-section \
    .llvm_stackmaps=.debug_llvm_stackmaps,contents,readonly,debug maps.o ok.o
  table $linker -g main.c part.c ok.o -o prog
  sound prog
  rm prog
  [ $linker = gold ] && continue # replaces its layout by any script
  echo 'SECTIONS { /DISCARD/ : { *(.note.pclntab) } } INSERT BEFORE .text;' \
    >no.ld
  refuses no-slot table $linker -g main.c part.c -Wl,-T,no.ld -o prog
  [ ! -e prog ] || fail "$linker left an output"
done
refuses elf-type "$link" maps.o
refuses elf-magic "$link" main.c
refuses elf-magic "$link" /dev/null
refuses file-read "$link" nowhere
table bfd -g main.c part.c -o prog
objcopy --only-keep-debug prog prog.debug
refuses elf-debug-file "$link" prog.debug
strip prog
refuses stripped-replace "$link" prog
sound prog
