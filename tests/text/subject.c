// SPDX-License-Identifier: Apache-2.0
//
// A program that says what the tools must print of it: FileCheck reads the
// directives below against the output of pclntab-dump and against the report of
// the crash, and takes the line numbers from the place of the directive. It
// cannot be formatted: a directive is one line.
// clang-format off
#include "pclnrt.h"

static volatile int zero;

static inline __attribute__((always_inline)) int inner(volatile int *p) {
  *p = 1; // STORE
  // CRASH: SIGSEGV: segmentation violation
  // CRASH-NEXT: PC=0x{{[0-9a-f]+}} sigcode=1 addr=0x8
  // CRASH-EMPTY:
  // CRASH-NEXT: goroutine {{[0-9]+}} [running]:
  // CRASH-NEXT: inner(...)
  // CRASH-NEXT: {{^	}}{{.*}}subject.c:[[@LINE-6]]{{$}}
  // CRASH-NEXT: outer(...)
  // CRASH-NEXT: {{^	}}{{.*}}subject.c:[[@LINE+18]]{{( \+0x[0-9a-f]+)?$}}
  // CRASH-NEXT: main(...)
  // CRASH-NEXT: {{^	}}{{.*}}subject.c:[[@LINE+39]] +0x{{[0-9a-f]+$}}
  // CRASH: _start(...)
  return *p;
}

// FUNCS: func [[LO:0x[0-9a-f]+]] [[HI:0x[0-9a-f]+]] outer start_line=[[@LINE+1]]
__attribute__((noinline)) int outer(volatile int *p) {
  // LINES: func [[LO:0x[0-9a-f]+]] [[HI:0x[0-9a-f]+]] outer start_line=[[@LINE-1]]
  // LINES-NEXT: line [[LO]] 0x{{[0-9a-f]+}} {{.*/}}
  // LINES-SAME: subject.c:[[@LINE-19]] call=0
  // LINES-NOT: func
  // CALLS: func 0x{{[0-9a-f]+}} 0x{{[0-9a-f]+}} outer
  // CALLS-NEXT: call 0 inner at={{.*}}subject.c:[[@LINE+4]] parent=-1 {{.*}} start_line=[[@LINE-23]]
  // CALLS-NEXT: body 0x{{[0-9a-f]+}} 0x{{[0-9a-f]+}} call=0
  // UNWIND: func [[LO:0x[0-9a-f]+]] [[HI:0x[0-9a-f]+]] outer
  // UNWIND-NEXT: rule [[LO]] 0x{{[0-9a-f]+}} cfa=sp+8 fp=same ra=[cfa-8]
  int y = inner(p);
  // LOOKUP: inner at {{.*}}subject.c:[[@LINE-27]]
  // LOOKUP-NEXT: (inlined by) outer at {{.*}}subject.c:[[@LINE-2]]
  return y + zero;
}

// HEADER: image format=ELF machine=62 pointer_size=8 byte_order=little
// HEADER-SAME: position_independent=true
// HEADER-NEXT: table found_in=segment address={{0x[0-9a-f]+}} layout=go1.20
// HEADER-SAME: pointer_size=8 quantum=1
// STATS: count functions [[#N:]]
// STATS: size total [[#BYTES:]]
// STATS-SAME: percent=100.00 per_function=[[#div(BYTES,N)]].
// JSON: {"version":2,"action":"funcs"
// JSON: {"kind":"func","lo":"0x{{[0-9a-f]+}}","hi":"0x{{[0-9a-f]+}}","name":"outer"
// MISSING: pclntab-dump: {{.*}}: error: {{.*}}{{\[[a-z-]+\]$}}
// LINK: pclntab: {{.*}}prog{{$}}
// LINK-NEXT: sources {{.*}} functions from symbols
// LINK: time {{.*}} ms: open {{.*}} DWARF {{.*}} encode

int main(void) {
  if (pclnrt_crash_install(2) != PCLN_OK)
    return 1;
  return outer((volatile int *)8) + zero;
}

// DISASM: {{^}}outer [[LO:0x[0-9a-f]+]]..0x{{[0-9a-f]+$}}
// DISASM-NEXT: {{^ [^ ]*}}subject.c:[[@LINE-53]] in inner, inlined at {{[^ ]*}}subject.c:[[@LINE-27]] in outer{{$}}
// DISASM-NEXT: {{^ *[0-9a-f]+}} c70701000000 movl $1, (%rdi) ; cfa=sp+8 fp=same ra=[cfa-8]{{$}}
// DISASM: {{^ [^ ]*}}subject.c:[[@LINE-26]]{{$}}
// DISASM: (%rip), %eax # 0x{{[0-9a-f]+$}}
// DISASM: c3 retq{{$}}
// DISASM-NOT: {{.}}
// DISASM-MAIN: callq 0x{{[0-9a-f]+}} <outer>{{$}}
