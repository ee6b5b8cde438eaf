// SPDX-License-Identifier: Apache-2.0
// See dwarf_subject.h. In a folder of its own, for paths that lead upwards.
#include "../dwarf_subject.h"

#include <algorithm>
#include <string>
#include <vector>

namespace ns {
namespace {
template <class T> T sq(T x) { return x * x; }
struct S {
  std::vector<int> v;
  std::string s;
  S(int n) : v(n, 3), s("hello") {}
  int sum() const {
    int t = 0;
    for (auto i : v)
      t += sq(i);
    return t;
  }
  virtual ~S() {}
};
} // namespace

inline int shared(int x) {
  std::vector<int> v;
  for (int i = 0; i < x; i++)
    v.push_back(i);
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : v.back();
}
} // namespace ns

extern "C" int types_entry(int n) {
  struct Local {
    int k;
    __attribute__((noinline)) int go() { return mul(k, 7); }
  } l{n};
  ns::S s(n);
  auto f = [&](int q) { return q + s.sum() + l.go(); };
  try {
    if (n > 90)
      throw n;
  } catch (int e) {
    return e;
  }
  return f(n) + ns::shared(n);
}
