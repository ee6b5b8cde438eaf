// SPDX-License-Identifier: Apache-2.0
//
// Frames of every shape that a C compiler makes: none, large, with variable
// size, realigned, with early exits, calls that do not return, tail calls. No
// library is needed, so that any cross compiler can build it.
typedef __SIZE_TYPE__ size_t;

void use(volatile void *p);
void __attribute__((noreturn)) stop(int why);
extern int (*callback)(int);
int (*callback)(int);

void __attribute__((noinline)) use(volatile void *p) { (void)p; }

int leaf(int x) { return x * 3 + 1; }

int large_frame(int n) {
  char buf[5000];
  use(buf);
  return buf[n % 5000];
}

int variable_frame(size_t n) {
  char *p = __builtin_alloca(n);
  char q[n + 1];
  use(p);
  use(q);
  return p[0] + q[n / 2];
}

int realigned(int n) {
  _Alignas(128) char buf[256];
  use(buf);
  return buf[n & 255] + leaf(n);
}

int realigned_variable(int n) {
  _Alignas(64) char buf[64];
  char *p = __builtin_alloca((size_t)n);
  use(buf);
  use(p);
  return buf[n & 63] + p[0];
}

int many_registers(const int *a, int n) {
  int s[12] = {0};
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 12; k++)
      s[k] += a[i * 12 + k] * callback(s[(k + 1) % 12]);
  int total = 0;
  for (int k = 0; k < 12; k++)
    total += s[k];
  return total;
}

int early_exit(int n) {
  if (n < 10)
    return n;
  int v = callback(n);
  if (v == 3)
    stop(v);
  for (int i = 0; i < n; i++)
    v += callback(i);
  return v;
}

int tail(int n) { return callback(n + 1); }

int recursive(int n) { return n < 2 ? 1 : recursive(n - 1) + recursive(n - 2); }

int many_arguments(int a, int b, int c, int d, int e, int f, int g, int h,
                   int i, int j) {
  return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + j;
}

int pass_many(int n) {
  return many_arguments(n, callback(n), n + 1, n + 2, n + 3, n + 4, n + 5,
                        n + 6, n + 7, callback(n + 8)) +
         callback(n);
}

void stop(int why) {
  for (;;)
    use(&why);
}
