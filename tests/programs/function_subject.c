// SPDX-License-Identifier: Apache-2.0
//
// What compilers and linkers make functions of: aliases, IFUNCs, cold parts,
// static and weak functions, calls and addresses that need a PLT.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int implementation(int x) { return x + 3; }
static int (*resolver(void))(int) { return implementation; }
int chosen(int x) __attribute__((ifunc("resolver")));

int original(int x) { return x * 7; }
extern __typeof__(original) alias_a __attribute__((alias("original")));
extern __typeof__(original) alias_b __attribute__((weak, alias("original")));

static int compare(const void *a, const void *b) {
  return *(const int *)a - *(const int *)b;
}

__attribute__((cold, noinline)) static void unlikely_end(const char *why) {
  fprintf(stderr, "%s\n", why);
  exit(3);
}

__attribute__((noinline)) int with_cold_part(int n) {
  if (__builtin_expect(n > 1000, 0)) {
    printf("large: %d\n", n);
    unlikely_end("too large");
  }
  return n * 2;
}

int main(int argc, char **argv) {
  int v[4] = {3, argc, 1, (int)strlen(argv[0])};
  int (*volatile put)(const char *) = puts; // an address that is taken
  qsort(v, 4, sizeof v[0], compare);
  put("sorted");
  return with_cold_part(v[3]) ==
         chosen(original(v[0])) + alias_a(1) + alias_b(2);
}
