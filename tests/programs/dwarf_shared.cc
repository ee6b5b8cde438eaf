// SPDX-License-Identifier: Apache-2.0
// See dwarf_subject.h. shared() is the same in two units: one copy is kept.
#include "dwarf_subject.h"

#include <algorithm>
#include <vector>

namespace ns {
inline int shared(int x) {
  std::vector<int> v;
  for (int i = 0; i < x; i++)
    v.push_back(i);
  std::sort(v.begin(), v.end());
  return v.empty() ? 0 : v.back();
}
} // namespace ns

extern "C" int shared_entry(int n) { return ns::shared(n) + mul(n, n); }
int never_called_either(int n) { return ns::shared(n) * 3; }
