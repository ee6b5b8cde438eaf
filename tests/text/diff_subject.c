// SPDX-License-Identifier: Apache-2.0
//
// One program in two versions, and what --diff says of them. Compiled four
// times: main and a second file, old and new (-DNEW). The directives are in the
// order of the output, by name.
// clang-format off
#include <stdio.h>

#define KEEP __attribute__((noinline, used))
static volatile int sink;

// DIFF-NOT: alike
// DIFF: changed 0x{{[0-9a-f]+}} 0x{{[0-9a-f]+}} args_and_size what=size,frame,lines{{.*}} size_a=[[#]] size_b=[[#]] frame_a=[[#]] frame_b=[[#]]
// DIFF-NOT: below
// DIFF: changed {{.*}} inlines what={{.*}}calls {{.*}}calls_a=0 calls_b=1
// DIFF: changed {{.*}} line_only what=lines{{$}}
// DIFF-NOT: moved
// DIFF: added 0x{{[0-9a-f]+}} 0x{{[0-9a-f]+}} only_new
// DIFF: removed 0x{{[0-9a-f]+}} 0x{{[0-9a-f]+}} only_old
// DIFF: changed {{.*}} twice what={{.*}}size
// DIFF-NOT: changed {{.*}} twice
// DIFF: code file {{.*}}diff_subject.c bytes_a=[[#A:]] bytes_b=[[#B:]] delta={{[0-9]+}}
// DIFF: component {{[a-z.A-Z]+}} bytes_a={{.*}} delta=
// DIFF: component total bytes_a=[[#TA:]] bytes_b=[[#TB:]] delta={{[-0-9]+}}
// DIFF: summary functions_a=[[#N:]] functions_b=[[#]] removed=1 added=1 changed=4 moved=[[#]] same=[[#]]

// FILTERED-NOT: component
// FILTERED: changed {{.*}} line_only what=lines
// FILTERED-NOT: changed
// FILTERED: summary functions_a=1 functions_b=1 removed=0 added=0 changed=1

// JSON: {"version":2,"action":"diff","path":"old","other_path":"new","records":[
// JSON: {"kind":"changed","lo_a":"0x{{.*}}","name":"line_only","what":"lines"}

// The same static function in both files; in the second one it changes.
static KEEP int twice(int x) {
#if defined SECOND && defined NEW
  sink = 5;
#endif
  return x * 7 + sink;
}

#ifdef SECOND
int second(int x) { return twice(x); }
#else

KEEP void alike(void) { sink = 1; }

#ifdef NEW
KEEP int args_and_size(int n) {
  volatile char room[200];
  room[n] = 1;
  return room[n + 1] + sink;
}
#else
KEEP int args_and_size(int n) { return n + 4; }
#endif

static inline __attribute__((always_inline)) int inlined(int x) {
  return x + sink;
}
KEEP int inlines(int x) {
#ifdef NEW
  return inlined(x);
#else
  return x - sink;
#endif
}

KEEP int line_only(int x) {
#ifdef NEW

  return x * 3;
#else
  return x * 3;
#endif
}

#ifdef NEW
KEEP void only_new(void) { sink = 3; }
#else
KEEP void only_old(void) { sink = 3; }
#endif

int second(int x);
// All that stands below is further down in the new file.
#ifdef NEW
#line 500 "below.c"
#else
#line 100 "below.c"
#endif
KEEP int below(int x) {
  if (x > 3)
    sink = 3;
  return x + inlined(x);
}
int main(void) {
  alike();
  return args_and_size(1) + inlines(2) + line_only(3) + twice(4) + second(5) +
         below(6);
}
#endif
