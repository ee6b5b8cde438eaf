// SPDX-License-Identifier: Apache-2.0
//
// References across calls that throw: in frames that are unwound, that clean
// up, and that catch. USE_MALLOC: what is right.
#ifdef USE_MALLOC
#define gcref
#include <cstdlib>
template <class T> T *fresh() { return (T *)calloc(1, sizeof(T)); }
#else
#include <pclntab/gc.h>
template <class T> T gcref *fresh() { return gc_new(T); }
#endif
#include <cstdio>

namespace {

struct Node {
  Node gcref *next;
  long key;
};
using Ref = Node gcref *;

Ref make(long key, Ref next = nullptr) {
  Ref n = fresh<Node>();
  n->key = key;
  n->next = next;
  for (int i = 0; i < 3; i++)
    fresh<Node>()->key = -1000;
  return n;
}
Ref (*volatile make_indirectly)(long, Ref) = make;

long destroyed;

struct Holder {
  Ref held;
  explicit Holder(long k) : held(make_indirectly(k, nullptr)) {}
  ~Holder() {
    make_indirectly(0, nullptr);
    destroyed += held->key;
  }
};

void fail(int depth, Ref r) {
  Holder h(depth);
  if (depth == 0)
    throw int(r->key);
  fail(depth - 1, make_indirectly(r->key + 1, r));
}

long caught(int depth) {
  Ref mine = make_indirectly(100, nullptr);
  long sum = 0;
  try {
    Ref inner = make_indirectly(7, mine);
    fail(depth, inner);
    sum += inner->key;
  } catch (int k) {
    Ref after = make_indirectly(k, mine);
    make_indirectly(0, nullptr);
    sum += after->key + after->next->key;
  }
  return sum + mine->key;
}

struct Wide {
  virtual ~Wide() = default;
  virtual Ref get(long k) const { return make_indirectly(k, nullptr); }
};
struct Wider : Wide {
  Ref member = make_indirectly(50, nullptr);
  Ref get(long k) const override { return make_indirectly(k, member); }
};

long lambdas(const Wide &w) {
  Ref captured = w.get(3);
  auto by_value = [captured](long k) {
    return make_indirectly(k, captured)->next->key;
  };
  auto by_reference = [&captured](long k) {
    captured = make_indirectly(k, captured);
  };
  long s = by_value(1);
  by_reference(2);
  make_indirectly(0, nullptr);
  return s + captured->key + captured->next->key +
         (captured->next->next != nullptr ? captured->next->next->key : 0);
}

} // namespace

int main() {
  printf("caught %ld\n", caught(5));
  printf("destroyed %ld\n", destroyed);
  printf("lambdas %ld %ld\n", lambdas(Wide()), lambdas(Wider()));
}
