#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Every known way of losing a reference on the way from the compiler to the
# collector ends with an error that has a name: at compile time, in the link, or
# at the first collection. The program here reads what only a variable of
# another object refers to, after a collection.
here=$(realpath "$(dirname "$0")")
set -euo pipefail
build=$(realpath "${1:?build folder}")
. "$here/common.sh"
plugin=$build/pclntab-ld.so runtime="$build/libpclnrt.a -lm -pthread"
compiler=-fpass-plugin=$build/llvm-19/pclntab-gc.so

cat >node.h <<'C'
#include <pclntab/gc.h>
struct node {
  struct node gcref *next;
  long value;
};
C
cat >keep.c <<'C'
#include "node.h"
static struct node gcref *kept;
void keep(long value) {
  kept = gc_new(struct node);
  kept->value = value;
}
long look(void) { return kept->value; }
struct node gcref *push(struct node gcref *list, long value) {
  struct node gcref *n = gc_new(struct node);
  struct node gcref *m = gc_new(struct node);
  m->value = value;
  n->next = list;
  n->value = m->value;
  return n;
}
C
cat >main.c <<'C'
#include "node.h"
void keep(long value);
long look(void);
int main(void) {
  keep(7);
  pclnrt_gc_collect();
  for (int i = 0; i < 100; i++)
    if (!gc_new(struct node))
      return 2;
  return look() == 7 ? 0 : 99;
}
C
cat >stack.c <<'C'
#include "node.h"
struct node gcref *push(struct node gcref *list, long value);
int main(void) {
  struct node gcref *list = 0;
  for (long i = 0; i < 50; i++)
    list = push(list, i);
  long sum = 0;
  for (; list; list = list->next)
    sum += list->value;
  return sum == 1225 ? 0 : 99;
}
C
gc() { clang-19 -O2 -Iinclude "$compiler" "$@"; }
gc -c keep.c main.c stack.c
export PCLNTAB_DEBUG=$stress

load() { # LINKER: its options
  case $1 in
  lld) echo "--ld-path=$(command -v ld.lld-19) -Wl,-mllvm,-load=$plugin" ;;
  *) echo "-fuse-ld=$1 -Wl,-plugin,$plugin" ;;
  esac
}
# shellcheck disable=SC2046,SC2086
table() { # LINKER ARGUMENTS
  local linker=$1
  shift
  clang-19 $(load "$linker") "$@" $runtime
}

# fails NAME COMMAND: it ends with that fault's name, whatever else it says, and
# not with a wrong answer.
fails() {
  local name=$1 status=0
  shift
  "$@" >log 2>&1 || status=$?
  [ $status != 0 ] && [ $status != 99 ] || { cat log; fail "$name: status $status: $*"; }
  grep -qF "[$name]" log || { cat log; fail "no [$name]: $*"; }
}

for linker in bfd gold lld; do
  table $linker main.o keep.o -o prog
  ./prog || fail "$linker: the program itself"
  table $linker stack.o keep.o -o prog
  ./prog || fail "$linker: the program itself"

  # Compiled without the flag.
  clang-19 -O2 -Iinclude -c keep.c -o plain.o
  fails annot-gc-source table $linker main.o plain.o -o prog
  # Annotations removed from an object; as by strip, and by name.
  strip -g keep.o -o stripped.o
  fails annot-removed table $linker main.o stripped.o -o prog
  objcopy -R .debug_pclntab -R .rela.debug_pclntab keep.o dropped.o
  fails annot-removed table $linker main.o dropped.o -o prog
  # Dropped by the link.
  for strip in -s -Wl,-S; do
    fails stripped-output table $linker main.o keep.o $strip -o prog
    PCLNTAB_OPTIONS=allow-stripped table $linker main.o keep.o $strip -o prog
    fails gc-no-table ./prog
  done
done

# By a linker script.
echo 'SECTIONS { /DISCARD/ : { *(.debug_pclntab) } } INSERT AFTER .bss;' >drop.ld
for linker in bfd lld; do
  fails annot-stripped table $linker -Wl,-T,drop.ld main.o keep.o -o prog
done
# In a relocatable link on the way, of one of the objects.
ld -r main.o stripped.o -o both.o
fails annot-removed table gold both.o -o prog

# Linked without the plugin: the program, a shared object, or by hand.
# shellcheck disable=SC2086
clang-19 main.o keep.o $runtime -o prog
fails gc-no-table ./prog
gc -fPIC -shared keep.c -o libkeep.so
table gold main.o -L. -lkeep -Wl,-rpath,"$PWD" -o prog
fails gc-no-table ./prog
# shellcheck disable=SC2086
clang-19 main.o stripped.o $runtime -o prog
fails annot-removed "$build/pclntab-link" prog

# A frame that nobody described, and that holds the only reference: of code that
# does not include gc.h.
cat >between.c <<'C'
typedef __attribute__((address_space(1))) void *ref;
ref push(ref list, long value);
__attribute__((noinline)) ref twice(ref list, long value) {
  ref one = push(0, value);
  ref two = push(list, value);
  __asm__ volatile("" ::"r"(one));
  return two;
}
C
clang-19 -O2 -c between.c
sed 's/push(list, i)/twice(list, i)/; s/^struct node gcref \*push/struct node gcref *twice/' \
  stack.c >through.c
gc -c through.c
table gold through.o between.o keep.o -o prog
fails gc-foreign ./prog
PCLNTAB_DEBUG=$stress,gcforeign=scan ./prog || fail "frames without maps, scanned"

# Scanned around the calls that need it, and in no other.
sed 's/list = twice(list, i);/{\
  bool before = pclnrt_gc_scan_foreign(i < SCANNED);\
  list = twice(list, i);\
  if (before || pclnrt_gc_scan_foreign(before) != (i < SCANNED))\
    return 99;\
}/' through.c >scanned.c
for n in 49 50; do
  gc -DSCANNED=$n -c scanned.c -o scanned$n.o
  table gold scanned$n.o between.o keep.o -o prog$n
done
fails gc-foreign ./prog49
./prog50 || fail "frames without maps, scanned around a call"

# Copies of an inline function, of which the linker keeps one.
cat >shared.h <<'C'
#include "node.h"
inline __attribute__((noinline)) long both(struct node gcref *a, long v) {
  struct node gcref *b = gc_new(struct node);
  b->value = v;
  struct node gcref *c = gc_new(struct node);
  c->value = 1;
  return a->value + b->value + c->value;
}
C
cat >one.cc <<'C'
#include "shared.h"
long other(struct node gcref *a);
int main() {
  struct node gcref *a = gc_new(struct node);
  a->value = 1;
  return both(a, 2) + other(a) == 9 ? 0 : 99;
}
C
cat >two.cc <<'C'
#include "shared.h"
long other(struct node gcref *a) { return both(a, 3); }
C
cc() { clang++-19 -Iinclude "$@"; }
cc -O2 "$compiler" -c one.cc two.cc
cc -O0 "$compiler" -c two.cc -o slow.o
for linker in bfd gold lld; do
  for pair in "one.o two.o" "two.o one.o" "one.o slow.o" "slow.o one.o"; do
    # shellcheck disable=SC2086
    table $linker $pair -o prog
    ./prog || fail "$linker: copies from $pair"
  done
  strip -g two.o -o bare.o
  fails annot-removed table $linker bare.o one.o -o prog
  fails annot-removed table $linker one.o bare.o -o prog
  cc -O2 -c two.cc -o plain.o
  fails annot-gc-source table $linker plain.o one.o -o prog
done

# A live word in a register, and one at a place that the frame does not have.
[ "$(uname -m)" = x86_64 ] || exit 0
source=$root/tests/link/annotated.s
sed 's/^\t.short 7, 0$/\t.short 3, 0/' "$source" >register.s
sed 's/^\t.long 8, 1, 1$/\t.long -8, 1, 1/' "$source" >below.s
for subject in register:safepoint-register below:safepoint-place; do
  clang-19 -c "${subject%:*}.s"
  for linker in bfd gold lld; do
    fails "${subject#*:}" table $linker "${subject%:*}.o" -o prog
  done
done
