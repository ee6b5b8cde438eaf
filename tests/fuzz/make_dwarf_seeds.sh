#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Makes the seeds of fuzz_dwarf: one small program as several compilers and
# options describe it. Usage: make_dwarf_seeds.sh FOLDER. The seeds are kept in
# the repository, so that a run does not depend on compilers.
set -eu
out=$(realpath "${1:?folder}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cat >s.c <<'C'
static inline __attribute__((always_inline)) int mul(int a, int b) {
  int r = 0;
  while (b--)
    r += a;
  return r;
}
static inline __attribute__((always_inline)) int add(int a, int b) {
  return a > b ? a + b : mul(a, b) + 1;
}
struct list { struct list *next; int v; };
__attribute__((noinline)) int sum(struct list *l) {
  int s = 0;
  for (; l; l = l->next)
    s += add(l->v, s);
  return s;
}
void _start(void) { struct list l = {0, 3}; sum(&l); __builtin_trap(); }
C
sections=(info abbrev line str line_str str_offsets addr ranges rnglists)
seed() { # name, compiler and options
  local name=$1
  shift
  "$@" -w -fdebug-prefix-map="$work"=/s -ffreestanding -nostdlib -static \
    -no-pie -fno-pie -fcf-protection=none -fno-asynchronous-unwind-tables \
    -Wl,--build-id=none -Wl,-Ttext=0x1000 s.c -o prog
  printf '\0' >"$out/$name"
  for s in "${sections[@]}"; do
    rm -f part
    objcopy --dump-section ".debug_$s=part" prog /dev/null 2>/dev/null || true
    [ -f part ] || : >part
    perl -e 'print pack("V", -s "part")' >>"$out/$name"
    cat part >>"$out/$name"
  done
}
seed gcc-2 gcc -O2 -gdwarf-2
seed gcc-4 gcc -O2 -gdwarf-4 -ffunction-sections
seed gcc-5 gcc -O2 -gdwarf-5 -ffunction-sections
seed gcc-5-64 gcc -O2 -gdwarf-5 -gdwarf64
seed clang-3 clang-19 -O2 -gdwarf-3
seed clang-5 clang-19 -O2 -gdwarf-5 -ffunction-sections
seed clang-5-split clang-19 -O2 -gdwarf-5 -gsplit-dwarf -fsplit-dwarf-inlining
seed clang-4-gmlt clang-19 -O2 -gdwarf-4 -gmlt
