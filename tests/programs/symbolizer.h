// SPDX-License-Identifier: Apache-2.0
//
// Shared by the two units of symbolizer.cc; each compiles its own copies.
#ifndef SYMBOLIZER_H
#define SYMBOLIZER_H
template <class T> inline T twice(T x) { return x + x; }
template <class T> T clampto(T x, T hi) {
  if (x > hi)
    return hi;
  return twice(x);
}
int other(int);
template <class T> __attribute__((noinline)) T shared(T x) {
  T s = 0;
  for (T i = 0; i < x; i++)
    s += clampto(i, T(9));
  return s;
}
#endif
