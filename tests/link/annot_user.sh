#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# FUNCDATA and PCDATA of a user's own, from C and from assembler files, by both
# assemblers: read back in the running program, and by no means lost on the way
# through compressed sections, --gc-sections and COMDAT groups.
. "$(dirname "$0")/common.sh" "$@"
src=$(cd "$(dirname "$0")/../.." && pwd)
flags="-g -I$src/pclntab -I$src/runtime -Wa,-I$src/pclntab"
cat >user.S <<'S'
#include "funcdata.h"
	.text
	.globl	by_hand
	.type	by_hand, %function
by_hand:
	.cfi_startproc
	FUNCDATA 12, long, 1, 2, 3
	FUNCDATA 14, bits, 0, 3, 33
	FUNCDATA_BEGIN 15
	.byte 9
	.asciz "tail"
	FUNCDATA_END
	PCDATA 16, 42
	subq	$8, %rsp
	.cfi_def_cfa_offset 16
	PCDATA 16, -7
	call	seen
	PCDATA 16, 1000000
	call	seen
	addq	$8, %rsp
	.cfi_def_cfa_offset 8
	ret
	.cfi_endproc
	.size by_hand, .-by_hand
	.section .note.GNU-stack,"",%progbits
S
sed 's/#include "funcdata.h"/.include "funcdata.inc"/' user.S >plain.s
cat >user.h <<'C'
// The linker keeps one of the copies, one with optimisation on, per object.
#include "funcdata.h"
#ifdef __clang__
#define ALONE __attribute__((noinline))
#else
#define ALONE __attribute__((noipa))
#endif
extern "C" void seen(void);
ALONE inline void shared() {
  FUNCDATA(13, asciz, "shared");
  PCDATA(31, 8);
  seen();
  PCDATA(31, -1);
}
C
echo '#include "user.h"
void other() { shared(); }' >other.cc
cat >user.cc <<'C'
#include "user.h"
#include "pclnrt.h"
#include <stdio.h>
#include <string.h>
extern "C" void by_hand(void);
void other();
enum { NUMBER = 17 };
static int calls, faults;
#define CHECK(x) ((x) ? 0 : (faults++, printf("line %d: %s\n", __LINE__, #x)))

static void check_data(const struct pcln_table *t, const struct pcln_func *f,
                       uint32_t index, const void *want, size_t len) {
  struct pcln_span s;
  CHECK(pcln_funcdata(t, f, index, &s) == PCLN_OK && s.len >= len &&
        !memcmp(s.ptr, want, len));
}

// Called from each place; what is known of its caller, at this call.
extern "C" void seen(void) {
  static const struct {
    const char *name;
    uint32_t index;
    int32_t value;
  } want[] = {{"by_hand", 16, -7},     {"by_hand", 16, 1000000},
              {"_Z4in_cv", NUMBER, 5}, {"_Z6sharedv", 31, 8},
              {"_Z6sharedv", 31, 8}};
  const uint64_t pc = (uint64_t)__builtin_return_address(0) - 1;
  const struct pcln_table *t = pclnrt_find_table(pc);
  struct pcln_func f;
  int32_t v = 0;
  if (!t || pcln_find_func(t, pc, &f) != PCLN_OK) {
    CHECK(!"a table");
    return;
  }
  CHECK(!strcmp(f.name, want[calls].name));
  CHECK(pcln_pcdata_at(t, &f, want[calls].index, pc, &v) == PCLN_OK);
  CHECK(v == want[calls].value);
  CHECK(pcln_pcdata_at(t, &f, want[calls].index, f.entry, &v) == PCLN_OK);
  CHECK(v == (calls < 2 ? 42 : -1));
  static const uint32_t longs[] = {1, 2, 3};
  static const uint64_t bits = 1 | 1 << 3 | UINT64_C(1) << 33;
  if (calls < 2) {
    check_data(t, &f, 12, longs, sizeof longs);
    check_data(t, &f, 14, &bits, sizeof bits);
    check_data(t, &f, 15, "\011tail", 6);
  } else {
    check_data(t, &f, 13, calls == 2 ? "in C" : "shared", 5);
  }
  calls++;
}

ALONE int in_c() {
  FUNCDATA(13, asciz, "in C");
  PCDATA(NUMBER, 5);
  seen();
  PCDATA(NUMBER, -1);
  return calls;
}
ALONE void nobody() {
  FUNCDATA(12, byte, 1);
  PCDATA(16, 9);
  seen();
}

int main() {
  by_hand();
  in_c();
  shared();
  other();
  CHECK(calls == 5);
  return faults != 0;
}
C

run() {
  local name=$1
  shift
  "$@" "$build/libpclnrt.a" -pthread -o prog || fail "$name: link"
  ./prog || fail "$name: run"
  sound prog
}

for o in "gcc -O0" "gcc -O2" "clang-19 -O0" "clang-19 -O2"; do
  for as in user.S plain.s; do
    ${o% *} $flags -c $as -o hand.o
    $o $flags -c user.cc -o user.o
    $o $flags -c other.cc -o other.o
    run "gold $o $as" table gold hand.o user.o other.o -lstdc++
  done
done
for linker in $linkers; do
  for more in -gz=none "-gz=zlib -Wl,--compress-debug-sections=zlib" -ffunction-sections; do
    gcc $flags -O2 ${more%% *} -c user.S -o hand.o
    gcc $flags -O2 ${more%% *} -c user.cc -o user.o
    gcc $flags -O2 ${more%% *} -c other.cc -o other.o
    run "$linker $more" table "$linker" ${more#* } -pie -Wl,--gc-sections \
      hand.o user.o other.o -lstdc++
  done
done
# Link-time optimisation: records of code that no plugin was offered.
for o in "bfd gcc" "lld clang-19"; do
  # shellcheck disable=SC2086
  set -- $o
  $2 $flags -O2 -c user.S -o hand.o
  $2 $flags -O2 -flto -c user.cc -o user.o
  $2 $flags -O2 -flto -c other.cc -o other.o
  run "$1 -flto" table "$1" -flto -O2 hand.o user.o other.o -lstdc++
done
# mold loads no plugin of ours; a sidecar has the table.
if command -v mold >/dev/null; then
  gcc $flags -O2 -ffunction-sections -c user.S -o hand.o
  gcc $flags -O2 -ffunction-sections -c user.cc -o user.o
  gcc $flags -O2 -ffunction-sections -c other.cc -o other.o
  gcc -B/usr/libexec/mold -fuse-ld=mold -Wl,--build-id,--gc-sections hand.o \
    user.o other.o "$build/libpclnrt.a" -pthread -lstdc++ -o prog
  "$link" --placement=sidecar prog
  ./prog || fail mold
fi
