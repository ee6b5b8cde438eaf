// SPDX-License-Identifier: Apache-2.0
//
// The second unit of symbolizer.cc: the same templates, perhaps with other
// flags.
#include "symbolizer.h"
#include <algorithm>
#include <string>
#include <vector>
int other(int x) {
  std::vector<std::string> v;
  for (int i = 0; i < x; i++)
    v.push_back(std::string(i, 'x'));
  std::stable_sort(v.begin(), v.end());
  return (int)v.size() + shared(x) + clampto(x, 7);
}
int user2(int x) { return shared(x) * 2; }
