#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs a finished build into a folder of its own and uses it from there as
# a stranger would: by find_package and pclntab_link_target() with each linker,
# by pkg-config, and by the commands and programs that README.md shows.
#
#   tests/install.sh SOURCE BUILD
set -euo pipefail
src=$(realpath "${1:?source folder}") build=$(realpath "${2:?build folder}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
prefix=$tmp/prefix
fail() {
  echo "FAILED: $*" >&2
  exit 1
}
cmake --install "$build" --prefix "$prefix" >"$tmp/install.log" ||
  { cat "$tmp/install.log"; fail "install"; }
export PATH=$prefix/bin:$PATH

# --- README: its program, its commands, what it says they print ----------------

# blocks LANGUAGE: the README's fenced blocks of that language, with the prefix
# changed to where it is installed here.
blocks() {
  awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next }
    on && $0 == "```" { on = 0; print "" ; next } on' "$src/README.md" |
    sed "s|/usr/local|$prefix|g"
}
mkdir "$tmp/readme" && cd "$tmp/readme"
# Three C blocks: hello.c, statements that go into a function, list.c.
blocks c | awk '/^#include <pclntab/ { n++ } { print > ("block" n ".c") }'
mv block1.c hello.c
mv block3.c list.c
{
  echo '#include <stdio.h>'
  grep '^#include' block2.c
  echo 'int main(void) {'
  grep -v '^#include' block2.c
  echo 'return n > 0 && n < 64 ? 0 : 1; }'
} >runtime.c
# The compiler looks where an installed one would without being told.
export CPATH=$prefix/include LIBRARY_PATH=$prefix/lib LD_LIBRARY_PATH=$prefix/lib
# gcc finds ld.lld and ld.mold by these names.
export PATH=/usr/lib/llvm-19/bin:$PATH
blocks sh >commands
bash -euxo pipefail commands >out 2>&1 || { cat out; fail "README's commands"; }
for text in 'SIGSEGV' 'first(...)' 'sum(...)' 'main(...)' 'hello.c:'; do
  grep -qF "$text" out || { cat out; fail "README: no $text in the traceback"; }
done
[ "$(grep -c '^last value 9999999, was collected, heap within 16 MB$' out)" = 3 ] ||
  { cat out; fail "README's collected list"; }
gcc -O2 -g -Wno-unused-result runtime.c -fuse-ld=gold \
  -Wl,-plugin,"$prefix/lib/pclntab/pclntab-ld.so" -lpclnrt -o runtime
strip runtime
./runtime >out 2>&1 || { cat out; fail "README's runtime example"; }
grep -q 'main at .*runtime\.c:' out || { cat out; fail "README's walk"; }

# The schema that comes with pclntab-dump describes what it prints.
for action in header funcs lines stats verify; do
  pclntab-dump --json --$action runtime >dump.json
  /usr/bin/python3 -c 'import json, jsonschema, sys
jsonschema.validate(json.load(open("dump.json")), json.load(open(sys.argv[1])))
' "$prefix/share/pclntab/pclntab-dump.schema.json" ||
    fail "--json --$action is not what the schema says"
done

# Options: the README's table is that of the program.
sed -nE 's/^\| `([a-z-]+)[`=].*/\1/p' "$src/README.md" | sort >documented
pclntab-link --help | grep -oE -- '--[a-z-]+' | sed 's|^--||' | sort -u >known
missing=$(comm -23 documented known | xargs)
[ -z "$missing" ] || fail "README's options unknown to pclntab-link: $missing"
for f in $(grep -oE '\]\(([a-zA-Z/.-]+)\)' "$src/README.md" | tr -d '])('); do
  [ -e "$src/$f" ] || fail "README links to $f, which is not there"
done

# --- CMake and pkg-config ------------------------------------------------------

mkdir "$tmp/user" && cd "$tmp/user"
cp ../readme/hello.c .
blocks cmake | sed '1i cmake_minimum_required(VERSION 3.25)\
project(user C)' >CMakeLists.txt
for linker in bfd gold lld mold; do
  case $linker in
  lld) flags="-fuse-ld=lld -B/usr/lib/llvm-19/bin" ;;
  *) flags="-fuse-ld=$linker" ;;
  esac
  cmake -S . -B "$linker" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_EXE_LINKER_FLAGS="$flags" \
    >cmake.log 2>&1 || { cat cmake.log; fail "cmake with $linker"; }
  cmake --build "$linker" >cmake.log 2>&1 ||
    { cat cmake.log; fail "building with $linker"; }
  (cd "$linker" && ctest) >out 2>&1 || { cat out; fail "ctest with $linker"; }
  grep -q 'hello.pclntab .*Passed' out ||
    { cat out; fail "no sound table from $linker by way of CMake"; }
done
# The test is one that can fail.
printf 'X' | dd of=bfd/hello bs=1 conv=notrunc status=none \
  seek=$((0x$(readelf -SW bfd/hello |
    sed -nE 's/.* \.pclntab +PROGBITS +[0-9a-f]+ ([0-9a-f]+).*/\1/p') + 300))
(cd bfd && ctest) >out 2>&1 && { cat out; fail "a damaged table passed"; }

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
unset CPATH LIBRARY_PATH LD_LIBRARY_PATH
gcc -O2 -g hello.c $(pkg-config --cflags pclnrt) -fuse-ld=bfd \
  -Wl,-plugin,"$(pkg-config --variable=plugin pclnrt)" \
  $(pkg-config --static --libs pclnrt) -o by-pkg-config
pclntab-dump --verify by-pkg-config >out 2>&1 || { cat out; fail pkg-config; }

# The reader's example: what it lists is what the dump lists, of a program of
# ours and of one of Go's, and it names main.
gcc -O2 -Wall -Wextra -Werror "$src/examples/read-table.c" \
  $(pkg-config --cflags --libs pclntab) -o read-table
for program in ./by-pkg-config /usr/lib/go-1.21/bin/gofmt; do
  [ -x "$program" ] || { echo "no $program: not read"; continue; }
  ./read-table "$program" | sort >listed || fail "read-table $program"
  pclntab-dump --funcs "$program" |
    awk '$1 == "func" { print $2, $4 }' | sort >wanted
  # The dump puts names with blanks and the like between quotes.
  grep -v '"' wanted | cmp - <(awk '{ print $1, $2 }' listed |
    grep -Fxf <(grep -v '"' wanted)) || fail "read-table lists $program"
  [ "$(wc -l <listed)" = "$(wc -l <wanted)" ] || fail "read-table lists $program"
done
main=$(nm by-pkg-config | awk '$3 == "main" { print "0x" $1 }')
./read-table by-pkg-config "$main" | grep -q ' main at .*hello\.c:' ||
  fail "read-table names main"
./read-table by-pkg-config 0x1 | grep -q 'not found' ||
  fail "read-table and an address outside"

# Each header by itself, in C and in C++; the collector's is for clang alone.
for header in "$prefix"/include/pclntab/*.h; do
  compiler=gcc
  [ "${header##*/}" != gc.h ] || compiler=clang-19
  for language in c c++; do
    echo "#include <pclntab/$(basename "$header")>" |
      $compiler -x $language -Wall -Wextra -Werror $(pkg-config --cflags pclntab) \
        -fsyntax-only - || fail "$(basename "$header") in $language"
  done
done

# The library behind it.
mkdir "$tmp/check" && cd "$tmp/check"
cat >main.c <<'EOF'
#include <pclntab/check.h>
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
  static unsigned char bytes[1 << 20];
  struct pcln_table table;
  struct pcln_check_result result;
  FILE *f = argc > 2 ? fopen(argv[2], "rb") : NULL;
  size_t len = f ? fread(bytes, 1, sizeof bytes, f) : 0;
  if (pcln_open(&table, bytes, len, NULL, NULL) != PCLN_OK ||
      pcln_check_file(&table, argv[1], NULL, NULL, &result) != PCLN_OK)
    return 1;
  for (int i = 0; i < PCLN_N_STEPS; i++)
    printf("%s %s\n", pcln_step_name((enum pcln_step)i),
           result.steps[i].skipped ? result.steps[i].skipped : "ran");
  return 0;
}
EOF
cat >CMakeLists.txt <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(check C)
find_package(pclntab REQUIRED)
add_executable(check main.c)
target_link_libraries(check PRIVATE pclntab::pclntab_check)
EOF
{ cmake -S . -B build -G Ninja -DCMAKE_PREFIX_PATH="$prefix" &&
  cmake --build build; } >cmake.log 2>&1 || { cat cmake.log; fail "check.h"; }
pclntab-link --placement=sidecar --sidecar=hello.pclntab ../user/gold/hello
build/check ../user/gold/hello hello.pclntab >out || fail "pcln_check_file"
[ "$(grep -c ' ran$' out)" = 5 ] || { cat out; fail "a check did not run"; }
# The disassembler.
mkdir "$tmp/disasm" && cd "$tmp/disasm"
cat >main.c <<'EOF'
#include <pclntab/disasm.h>
#include <stdio.h>
int main(void) {
  static const uint8_t code[] = {0x55, 0xc3};
  struct pcdis *d;
  struct pcdis_insn insn;
  if (pcdis_open(62, false, &d) != PCLN_OK ||
      pcdis_decode(d, code, sizeof code, 0x1000, true, &insn) != PCLN_OK)
    return 1;
  puts(insn.text);
  pcdis_close(d);
  return insn.sp.kind != PCDIS_SP || insn.sp.off != -8;
}
EOF
cat >CMakeLists.txt <<'EOF'
cmake_minimum_required(VERSION 3.25)
project(disasm C)
find_package(pclntab REQUIRED)
add_executable(disasm main.c)
target_link_libraries(disasm PRIVATE pclntab::pclntab_disasm)
EOF
{ cmake -S . -B build -G Ninja -DCMAKE_PREFIX_PATH="$prefix" &&
  cmake --build build; } >cmake.log 2>&1 || { cat cmake.log; fail "disasm.h"; }
[ "$(build/disasm)" = "pushq %rbp" ] || fail "pcdis_decode"
echo "installed, and used by README, CMake and pkg-config"
