#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the compiler's plug-in writes, through every linker: of copies of COMDAT
# functions and variables one counts, what --gc-sections drops is gone, link-time
# optimisation loses nothing, and equal code is folded only where it keeps the
# same references. The programs run with a collection at each allocation.
src=$(realpath "$(dirname "$0")/../..")
. "$src/tests/link/common.sh" "$@"
gc=$build/llvm-19/pclntab-gc.so
[ -e "$gc" ] || { echo "skipped: no $gc"; exit 0; }
cat >shared.h <<'C'
#include "gc.h"
struct node {
  struct node gcref *next;
  long key;
};
void use(struct node gcref *n);
inline struct node gcref *kept;           // one of the copies is
inline thread_local struct node gcref *own; // linked, of these three
__attribute__((noinline)) inline struct node gcref *grow(struct node gcref *n) {
  struct node gcref *m = gc_new(struct node);
  m->next = n;
  m->key = n ? n->key + 1 : 1;
  use(m);
  use(n);
  return m;
}
C
cat >a.cc <<'C'
#include "shared.h"
static struct node gcref *dropped_var;
static thread_local struct node gcref *first;
static thread_local struct node gcref *dropped_own;
__attribute__((noinline, used)) void dropped(struct node gcref *n) {
  dropped_var = grow(n);
  dropped_own = grow(dropped_var);
  use(n);
}
long other(void);
int main() {
  first = grow(nullptr);
  kept = grow(first);
  own = kept;
  return other() == 4 && first->key == 1 && own->key == 3 && !first->next ? 0 : 1;
}
C
cat >b.cc <<'C'
#include "shared.h"
void use(struct node gcref *n) { asm volatile("" ::: "memory"); }
long other(void) {
  own = grow(own);
  kept = grow(grow(kept));
  return kept->key;
}
C
sed -i 's/(struct node gcref \*n) { asm/(struct node gcref *) { asm/' b.cc
flags="-g -std=c++17 -I$src/pclntab -I$src/runtime -ffunction-sections
  -fdata-sections"
compile() {
  # shellcheck disable=SC2086
  clang-19 $flags -fpass-plugin="$gc" -c "$@"
}
run() {
  local what=$1
  shift
  "$@" "$build/libpclnrt.a" -pthread -lstdc++ -o prog || fail "$what: link"
  PCLNTAB_DEBUG=gcstress=1 ./prog || fail "$what: run"
  "$dump" --maps prog | grep ^root >roots
}
roots() { awk -v OFS=, '{ print $4 }' roots | sort | xargs; }

for o in "-O0 -O0" "-O2 -O2" "-O0 -O2" "-O2 -O0"; do # copies that differ, too
  compile ${o% *} a.cc
  compile ${o#* } b.cc
  for linker in $linkers; do
    run "$linker $o" table "$linker" -no-pie a.o b.o
    [ "$(roots)" = "_ZL11dropped_own _ZL11dropped_var _ZL5first kept own" ] ||
      [ "${o% *}" = -O2 ] || { cat roots; fail "$linker $o: roots"; }
    run "$linker $o --gc-sections" table "$linker" -Wl,--gc-sections a.o b.o
    [ "$(roots)" = "_ZL5first kept own" ] || { cat roots; fail "$linker $o"; }
    "$dump" --funcs prog | grep -w dropped && fail "$linker: not dropped"
  done
done

# Without local symbols: the same, or not at all.
compile -O0 a.cc
for linker in $linkers; do
  if [ "$linker" = gold ]; then
    refuses annot-symbol table gold -Wl,-x a.o b.o "$build/libpclnrt.a" \
      -pthread -lstdc++ -o prog
  else
    run "$linker -x" table "$linker" -Wl,-x a.o b.o
    [ "$(wc -l <roots)" = 5 ] || { cat roots; fail "$linker -x"; }
  fi
done

# An archive, whose members are objects like others; and one member is not
# linked.
echo 'struct node; int never;' >never.cc
compile -O2 never.cc
ar rc lib.a b.o never.o
for linker in $linkers; do
  run "$linker archive" table "$linker" a.o lib.a
done
# Objects linked into one before.
for linker in bfd lld; do
  plain $linker -r -nostdlib a.o b.o -o both.o
  run "$linker -r" table $linker both.o
done
# Link-time optimisation: the linker's compiler needs the plug-in as well.
compile -O2 -flto a.cc
compile -O2 -flto b.cc
run "lld -flto" table lld -flto a.o b.o -Wl,--load-pass-plugin="$gc" ||
  fail lto
# A variable of a shared library that a program takes by a copy relocation.
cat >lib.c <<'C'
#include "gc.h"
struct node { struct node gcref *next; };
struct node gcref *pair[2];
void fill(void) {
  pair[1] = gc_new(struct node);
  pair[1]->next = gc_new(struct node);
}
C
cat >exe.c <<'C'
#include "gc.h"
struct node { struct node gcref *next; };
extern struct node gcref *pair[2];
void fill(void);
int main(void) {
  fill();
  for (int i = 0; i < 100; i++)
    gc_new(struct node);
  return !pair[1]->next || pair[1]->next->next;
}
C
gcflags="-g -O1 -I$src/pclntab -I$src/runtime -fpass-plugin=$gc"
clang-19 $gcflags -fPIC -c lib.c
clang-19 $gcflags -fno-pic -c exe.c
for linker in $linkers; do
  table "$linker" -shared lib.o -o libpair.so
  for how in ./libpair.so "-L. -lpair"; do
    table "$linker" -no-pie exe.o $how "$build/libpclnrt.a" -rdynamic -pthread \
      -Wl,-rpath,"$PWD" -o prog
    readelf -rW prog | grep COPY >/dev/null || fail "$linker: no copy"
    PCLNTAB_DEBUG=gcstress=1,gcpoison=1 ./prog || fail "$linker $how: copy"
    "$dump" --maps prog | grep '^root .* pair words=2 ' >/dev/null ||
      fail "$linker $how: no root for the copy"
  done
done

# Functions with equal code, of which one keeps its argument.
cat >fold.S <<'S'
	.macro function name, areas
	.section .text.\name,"ax",%progbits
	.globl \name
	.type \name,%function
\name:
	.cfi_startproc
	subq $24,%rsp
	.cfi_def_cfa_offset 32
	movq %rdi,8(%rsp)
	call use_it
.Lret_\name:
	addq $24,%rsp
	.cfi_def_cfa_offset 8
	ret
.Lend_\name:
	.cfi_endproc
	.size \name,.-\name
	.section .debug_pclntab,"",%progbits
1:	.short 0x4350
	.byte 1,3
	.long 2f-1b
	.quad \name
	.long .Lend_\name-\name,1,3f-4f,24
4:	.asciz "\name"
3:	.p2align 2
	.long .Lret_\name-\name
	.short 0,\areas,0,0
	.rept \areas
	.short 7,0
	.long 8,1,1,2
	.endr
2:
	.endm
	function one,1
	function other,OTHER
	.section .note.GNU-stack,"",%progbits
S
echo 'void one(long), other(long);
void use_it(void) {}
int main(void) { one(0); other(0); }' >main.c
for linker in $linkers; do
  [ "$linker" = bfd ] && continue # does not fold
  gcc -DOTHER=1 -c fold.S
  table "$linker" -Wl,--icf=all main.c fold.o -o prog
  [ "$(nm prog | awk '$3 == "one" || $3 == "other" { print $1 }' | uniq |
    wc -l)" = 1 ] || fail "$linker does not fold"
  sound prog
  gcc -DOTHER=0 -c fold.S
  refuses annot-folded table "$linker" -Wl,--icf=all main.c fold.o -o prog
  table "$linker" main.c fold.o -o prog
done
true
