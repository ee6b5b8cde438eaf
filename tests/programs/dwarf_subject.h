// SPDX-License-Identifier: Apache-2.0
//
// A small program with what is hard to describe: code inlined from a header,
// into several units, into itself; a function that several units define; cold
// parts, local classes, discarded functions. tests/compare/dwarf_forms.sh
// builds it in many ways.
static inline __attribute__((always_inline)) int mul(int a, int b) {
  int r = 0;
  while (b--)
    r += a;
  return r;
}
#ifdef __cplusplus
extern "C" {
#endif
int types_entry(int n);
int shared_entry(int n);
#ifdef __cplusplus
}
#endif
