// SPDX-License-Identifier: Apache-2.0
//
// C++ for comparisons of lines and inlined calls: templates and lambdas several
// calls deep, exceptions, two vtables with thunks, code that two units share.
// Compiled with symbolizer_other.cc in many ways; see tests/compare.
#include "symbolizer.h"
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>
namespace {
struct Node {
  std::string name;
  std::vector<std::unique_ptr<Node>> kids;
  int v = 0;
  int sum() const {
    int s = v;
    for (auto &k : kids)
      s += k->sum();
    return s;
  }
};
std::unique_ptr<Node> make(int d) {
  auto n = std::make_unique<Node>();
  n->v = d;
  n->name = std::to_string(d);
  if (d > 0)
    for (int i = 0; i < 2; i++)
      n->kids.push_back(make(d - 1));
  return n;
}
} // namespace
struct Base {
  virtual ~Base() {}
  virtual int f(int) = 0;
};
struct Base2 {
  virtual ~Base2() {}
  virtual int g(int) = 0;
};
struct D : Base, Base2 {
  int f(int x) override { return twice(x); }
  int g(int x) override { return clampto(x, 3); }
};
int main(int argc, char **argv) {
  std::map<std::string, int> m;
  for (int i = 0; i < argc; i++)
    m[argv[i]]++;
  auto n = make(4);
  std::vector<int> v;
  for (auto &p : m)
    v.push_back(p.second + n->sum());
  std::sort(v.begin(), v.end(), [](int a, int b) { return a > b; });
  std::function<int(int)> fn = [&](int x) { return x + v[0]; };
  try {
    if (argc > 1)
      throw std::runtime_error("x");
  } catch (const std::exception &e) {
    std::cout << e.what() << "\n";
  }
  D d;
  Base *b = &d;
  Base2 *b2 = &d;
  std::printf("%d %d %d %d\n", fn(3), b->f(argc), b2->g(argc), other(argc));
  return 0;
}
