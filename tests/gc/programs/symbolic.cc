// SPDX-License-Identifier: Apache-2.0
//
// C++: derivatives of formulas, simplified and evaluated. Errors are exceptions
// that pass through frames with references and with destructors; references
// live in templates, lambdas, small objects on the stack and thread-local
// variables. Formulas are the collector's, plain structs, since `this` of a
// member function cannot lead to its memory. Argument: rounds.
#include "alloc.h"
#include <cmath>
#include <stdexcept>
#include <thread>

namespace {

enum class Kind { number, variable, sum, product, power };

struct Formula {
  Kind kind;
  int exponent; // power
  double value; // number
  const Formula gcref *left, *right;
};
using Ref = const Formula gcref *;

// References in an object with a destructor, which uses them.
class Scope {
public:
  explicit Scope(Ref f) : formula(f) { depth++; }
  Scope(const Scope &) = delete;
  Scope &operator=(const Scope &) = delete;
  ~Scope() {
    depth--;
    checksum = checksum * 31 + (unsigned)formula->kind;
  }
  static thread_local int depth;
  static thread_local uint64_t checksum;

private:
  Ref formula;
};
thread_local int Scope::depth;
thread_local uint64_t Scope::checksum;
thread_local Ref latest;

template <class... Rest> Ref make(Kind kind, Rest... rest) {
  auto f = static_cast<Formula gcref *>(have(gc_new(Formula)));
  f->kind = kind;
  [[maybe_unused]] auto set = [f](auto x) {
    if constexpr (std::is_same_v<decltype(x), double>)
      f->value = x;
    else if constexpr (std::is_same_v<decltype(x), int>)
      f->exponent = x;
    else
      (f->left ? f->right : f->left) = x;
  };
  (set(rest), ...);
  latest = f;
  return f;
}

Ref number(double value) { return make(Kind::number, value); }
bool is(Ref f, double value) {
  return f->kind == Kind::number && !(f->value < value) && !(f->value > value);
}

Ref sum(Ref a, Ref b) {
  if (is(a, 0))
    return b;
  if (is(b, 0))
    return a;
  if (a->kind == Kind::number && b->kind == Kind::number)
    return number(a->value + b->value);
  return make(Kind::sum, a, b);
}

Ref product(Ref a, Ref b) {
  if (is(a, 0) || is(b, 1))
    return a;
  if (is(b, 0) || is(a, 1))
    return b;
  if (a->kind == Kind::number && b->kind == Kind::number)
    return number(a->value * b->value);
  return make(Kind::product, a, b);
}

Ref power(Ref a, int exponent) {
  if (exponent == 0)
    return number(1);
  return exponent == 1 ? a : make(Kind::power, a, exponent);
}

Ref derivative(Ref f) {
  Scope scope(f);
  switch (f->kind) {
  case Kind::number:
    return number(0);
  case Kind::variable:
    return number(1);
  case Kind::sum:
    return sum(derivative(f->left), derivative(f->right));
  case Kind::product:
    return sum(product(derivative(f->left), f->right),
               product(f->left, derivative(f->right)));
  case Kind::power:
    return product(
        product(number(f->exponent), power(f->left, f->exponent - 1)),
        derivative(f->left));
  }
  throw std::logic_error("no such kind");
}

// Thrown by value: what is thrown lies in memory that the collector does not
// know, so it carries numbers and not references.
struct TooLarge {
  double value;
  int depth;
};

double evaluate(Ref f, double x) {
  Scope scope(f);
  double v = 0;
  switch (f->kind) {
  case Kind::number:
    v = f->value;
    break;
  case Kind::variable:
    v = x;
    break;
  case Kind::sum:
    v = evaluate(f->left, x) + evaluate(f->right, x);
    break;
  case Kind::product:
    v = evaluate(f->left, x) * evaluate(f->right, x);
    break;
  case Kind::power:
    v = std::pow(evaluate(f->left, x), f->exponent);
    break;
  }
  // Allocates while the exception's frames are still there.
  if (std::fabs(number(v)->value) > 1e9)
    throw TooLarge{v, Scope::depth};
  return v;
}

// What `f` gives, or the other one if that throws; both live across the throw.
template <class F, class G> auto attempt(F f, G otherwise) {
  try {
    return f();
  } catch (const TooLarge &e) {
    return otherwise(e);
  }
}

Ref random_formula(struct alloc_random &r, int depth) {
  switch (depth > 0 ? alloc_random(&r) % 5 : alloc_random(&r) % 2) {
  case 0:
    return number(alloc_random(&r) % 9);
  case 1:
    return make(Kind::variable);
  case 2: {
    Ref left = random_formula(r, depth - 1);
    return sum(left, random_formula(r, depth - 1));
  }
  case 3: {
    Ref left = random_formula(r, depth - 1);
    return product(left, random_formula(r, depth - 1));
  }
  default: {
    Ref base = random_formula(r, depth - 1);
    return power(base, (int)(alloc_random(&r) % 4));
  }
  }
}

double round_of(struct alloc_random &r) {
  Ref f = random_formula(r, 5);
  Ref d = derivative(f), dd = derivative(d);
  double total = 0;
  for (double x : {0.5, 3.0, 250.0}) {
    total += attempt([=] { return evaluate(dd, x) + evaluate(d, x); },
                     [=](const TooLarge &e) {
                       return std::log(std::fabs(e.value)) + e.depth +
                              attempt([=] { return evaluate(f, 1); },
                                      [](const TooLarge &) { return 1.0; });
                     });
    if (Scope::depth != 0)
      throw std::logic_error("a destructor did not run");
  }
  return total;
}

} // namespace

int main(int argc, char **argv) {
  alloc_start();
  long rounds = alloc_size(argc, argv, 1, 100);
  struct alloc_random r {
    29
  };
  double total = 0;
  for (long i = 0; i < rounds; i++)
    total = total * 0.5 + round_of(r);
  double other = 0;
  std::thread thread([&other] {
    struct alloc_random own {
      31
    };
    for (int i = 0; i < 3; i++)
      other += round_of(own);
  });
  pclnrt_gc_foreign_begin();
  thread.join();
  pclnrt_gc_foreign_end();
  std::printf("%ld rounds: %.9g %.9g %016llx %d\n", rounds, total, other,
              (unsigned long long)Scope::checksum, (int)latest->kind);
  alloc_end();
  return 0;
}
