#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The code in the documents: C compiles without a warning, assembler assembles
# by both assemblers, commands run. README's is used by install.sh, the worked
# examples in hex are read by unit tests, those of manual pages by gc/man.sh.
#
#   docs.sh BUILD
here=$(realpath "$(dirname "$0")")
set -euo pipefail
build=$(realpath "${1:?build folder}")
. "$here/gc/common.sh"
docs=$root/docs
ln -s "$root/pclntab/funcdata.inc" include/pclntab/

# block FILE N: the Nth fenced block.
block() {
  awk -v want="$2" '/^```/ { if (on) { if (n == want) exit; on = 0 }
      else { on = 1; n++ } next }
    on && n == want' "$docs/$1"
}

# statements DECLARATIONS FILE N: the block as a function's body, its #include
# in front.
statements() {
  block "$2" "$3" | grep '^#include' || true
  printf '#include <stdio.h>\n#include <stdlib.h>\n%s\n' "$1"
  echo 'int example(void); int example(void) {'
  block "$2" "$3" | grep -v '^#include' | sed 's/^  \.\.\.;$/    return 1;/'
  echo 'return 0; }'
}

warnings="-Wall -Wextra -Werror -Wno-unused-variable -Wno-unused-but-set-variable"
compiles() {
  # shellcheck disable=SC2086
  "$@" $warnings -Iinclude -Iinclude/pclntab -O1 -c example.c ||
    { cat example.c; fail "$* of the block above"; }
}
collected="clang-19 -fpass-plugin=$build/llvm-19/pclntab-gc.so"

# --- gc.md ---------------------------------------------------------------------

{ block gc.md 1 | sed '$d'; echo 'struct node gcref *make(void);'
  echo 'struct node gcref *make(void) {'; block gc.md 1 | tail -1; echo 'return n; }'
} >example.c
compiles $collected
statements '#include <unistd.h>
#include <pclntab/gc.h>
static char buf[64]; static int fd; static ssize_t n;' gc.md 3 >example.c
compiles $collected
statements '#include <pclntab/gc.h>
extern void *base; extern size_t n, size; int compare(const void *, const void *);
' gc.md 4 >example.c
compiles $collected
statements '#include <pclntab/roots.h>
#include <stdint.h>
extern void *me; void on_root(void *, const struct pclnrt_root *);
void on_words(void *, uintptr_t *, uintptr_t *, const struct pclnrt_root_frame *);
extern uint64_t pc, sp, fp, end_of_stack; extern struct pcln_sink sink;
extern struct pclnrt_tls_blocks blocks;' gc.md 6 >example.c
compiles gcc

# The line of the trace, with each number a 1.
cat >example.c <<'C'
#include <pclntab/gc.h>
int main(void) {
  for (int i = 0; i < 3; i++)
    pclnrt_gc_collect();
}
C
compiles $collected
clang-19 example.o -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" \
  "$build/libpclnrt.a" -lm -pthread -o example
PCLNTAB_DEBUG=gctrace=1 ./example 2>trace
[ "$(sed 's/[0-9.][0-9.]*/1/g' trace | sort -u)" = \
  "$(block gc.md 5 | sed 's/[0-9.][0-9.]*/1/g')" ] || { cat trace; fail "gctrace=1"; }

# --- annotations.md ------------------------------------------------------------

for compiler in gcc clang-19; do
  { echo '#include <pclntab/funcdata.h>'; block annotations.md 1; } >asm.S
  $compiler -Iinclude -c asm.S || fail "$compiler: the directives"
  { echo '.include "pclntab/funcdata.inc"'; block annotations.md 1; } >asm.s
  $compiler -Iinclude -c asm.s || fail "$compiler: the directives, not preprocessed"
  { echo '#include <pclntab/funcdata.h>'; block annotations.md 3
    printf 'ret\n.cfi_endproc\n.globl walk\n.type walk, @function\n.size walk, .-walk\n'
  } | sed 's/^walk:/walk: .cfi_startproc\n/' >map.S
  $compiler -Iinclude -c map.S || fail "$compiler: the pointer map"
  { echo '#include <pclntab/funcdata.h>'
    echo 'enum { STATE_PARSING = 7 }; void work(void); void parse(void);'
    block annotations.md 2; } >example.c
  compiles $compiler
done
cat >main.c <<'C'
void parse(void), walk(void);
void work(void) {}
void collect(void) {}
int main(void) { return 0; }
void (*keep[])(void) = {parse, walk};
C
gcc -fuse-ld=gold -Wl,-plugin,"$build/pclntab-ld.so" -fPIE -pie main.c example.o map.o -o prog
"$build/pclntab-dump" --maps --func=walk prog >out
grep -q ' index=0 locals=1 local_scalars=2$' out || { cat out; fail "the map's words"; }

# --- runtime.md, reader.md, verify.md ------------------------------------------

statements 'extern void *ucontext;' runtime.md 1 >example.c
compiles gcc
statements '#include <pclntab/roots.h>
extern struct pclnrt_root_visitor visitor; extern struct pclnrt_root_stats stats;
extern struct pcln_sink sink; extern struct pclnrt_tls_blocks blocks;' \
  runtime.md 2 >example.c
compiles gcc
find='#include <pclntab/pclntab.h>
extern const void *bytes; extern size_t len; extern uint64_t pc;'
statements "$find" reader.md 1 | sed 's/^  return;/  return 1;/' >example.c
compiles gcc
statements "$find
#include <pclntab/reader.h>
extern struct pcln_reader reader; extern uint8_t buf[256];
extern struct pcln_frame_iter it;" reader.md 3 >example.c
compiles gcc -Wno-unused-result
statements '#include <pclntab/reader.h>
extern struct pcln_image image; extern struct pcln_source source;
extern struct pcln_location where; extern struct pcln_open_options options;
extern struct pcln_reader_options reading;' reader.md 4 >example.c
compiles gcc -Wno-unused-result
statements 'extern struct pcln_table table; extern struct pcln_sink sink;' \
  verify.md 3 >example.c
compiles gcc

# --- llvm-stackmaps.md ---------------------------------------------------------

# The commands, each line behind its $.
commands() {
  block llvm-stackmaps.md "$1" | sed -n 's/^\$ //p' | sed 's|LIBDIR|lib|g' >commands
  [ -s commands ] || fail "llvm-stackmaps.md: no commands"
  bash -eux commands >log 2>&1 || { cat log; fail "llvm-stackmaps.md, block $1"; }
}
mkdir -p lib/pclntab
ln -s "$build/pclntab-ld.so" lib/pclntab/
ln -s "$build/llvm-19" lib/pclntab/19
export PATH=$build:/usr/lib/llvm-19/bin:$PATH
cat >main.c <<'C'
void *f(void *), *(*keep)(void *) = f, *alloc(long);
void use(void *);
void *alloc(long n) { return (void *)n; }
void use(void *p) { (void)p; }
int main(void) { return keep == 0; }
C
gcc -c main.c
ir=$root/tests/gc/plugin/frontend.ll
sed 's/gc "pclntab"/gc "statepoint-example"/' "$ir" >module.ll
commands 1
"$build/pclntab-dump" --maps --func=f prog >out
grep -q '^map .* locals=' out || fail "llvm-stackmaps.md: no map in the program"
cp "$ir" module.ll
commands 2
"$root/tests/gc/plugin_records.py" module.o >out
grep -q '^safepoints f ' out || fail "llvm-stackmaps.md: no safepoints in the object"
echo "the documents' code: sound"
