// SPDX-License-Identifier: Apache-2.0
//
// Symbols that are not one sized function each: an IFUNC, aliases, code of an
// asm statement without a size, a function that does not return at its end.
// Linked with symbolizer_asm.s.
#include <stdio.h>
int f(void);
int h(void);
int k(void);
static int impl1(int x) { return x + 1; }
static int impl2(int x) { return x + 2; }
static int (*res(void))(int) { return k() ? impl1 : impl2; }
int fn(int) __attribute__((ifunc("res")));
int al(int x) { return x * 3; }
int al2(int) __attribute__((alias("al")));
int al3(int) __attribute__((weak, alias("al")));
void __attribute__((noreturn)) die(void) { __builtin_abort(); }
__attribute__((naked)) int nk(void) { __asm__("xor %eax,%eax\n ret"); }
__asm__(".text\n.globl raw\nraw: nop\n nop\n ret\n");
__attribute__((hot)) int hh(int x) { return x; }
__attribute__((cold)) int cc(int x) {
  if (x)
    die();
  return x;
}
static inline int in1(int x) { return al2(x) + al3(x); }
static inline int in2(int x) { return in1(x) + in1(x + 1); }
int main(int c, char **v) {
  int a[c + 1];
  a[0] = c;
  switch (c) {
  case 1:
    a[0] = 7;
    break;
  case 2:
    a[0] = 9;
    break;
  case 3:
    a[0] = 1;
    break;
  case 4:
    a[0] = 17;
    break;
  case 5:
    a[0] = 27;
    break;
  }
  printf("%d\n", fn(c) + in2(c) + nk() + hh(a[0]) + cc(0) + h());
  return f();
}
