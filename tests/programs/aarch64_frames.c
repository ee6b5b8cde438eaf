// SPDX-License-Identifier: Apache-2.0
//
// Frames of every kind that a C compiler makes on AArch64, without a library,
// so that it runs under an emulator wherever it was compiled.
typedef unsigned long word;

static volatile word sink;

__attribute__((noinline)) static void use(const void *p) { sink += (word)p; }

__attribute__((noinline)) static word leaf(word n) { return n * sink + 1; }

__attribute__((noinline)) static word recursive(word n) {
  return n < 2 ? leaf(n) : recursive(n - 1) + recursive(n - 2);
}

// Too large for one immediate.
__attribute__((noinline)) static word large(word n) {
  char buf[20000];
  use(buf);
  return recursive(n) + (word)buf[n];
}

__attribute__((noinline)) static word variable(word n) {
  char buf[n];
  use(buf);
  return recursive(n % 5) + sizeof buf;
}

__attribute__((noinline)) static word aligned(word n) {
  _Alignas(128) char buf[256];
  use(buf);
  return recursive(n) + ((word)buf & 127);
}

// More registers that the caller owns than there are, and vectors among them.
__attribute__((noinline)) static word many(word n) {
  word a[8];
  double d = 1;
  for (word i = 0; i < 8; i++) {
    a[i] = recursive(i % 4) + n;
    d = d * (double)a[i] + (double)leaf(i);
  }
  return a[0] + a[3] * a[5] + a[7] + (word)d;
}

__attribute__((noinline)) static word through(word (*f)(word), word n) {
  return f(n) + 1;
}

__attribute__((noinline)) static word eleven(word a, word b, word c, word d,
                                             word e, word f, word g, word h,
                                             word i, word j, word k) {
  return a + b + c + d + e + f + g + h + leaf(i) + j * k;
}

__attribute__((noreturn)) static void leave(void) {
  register word x8 __asm__("x8") = 94; // exit_group
  register word x0 __asm__("x0") = 0;
  __asm__ volatile("svc #0" : : "r"(x8), "r"(x0));
  __builtin_unreachable();
}

__attribute__((noreturn)) void _start(void) {
  static word (*const all[])(word) = {leaf,     recursive, large,
                                      variable, aligned,   many};
  for (word i = 0; i < 6; i++)
    sink += through(all[i], 14);
  sink += eleven(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
  leave();
}
