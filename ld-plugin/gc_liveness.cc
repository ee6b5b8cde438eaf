// SPDX-License-Identifier: Apache-2.0
//
// Which references are live across each call that may collect: the classic
// backward walk over values, whose result is then read as bases. A base need
// not be live itself: it is kept where anything computed from it is.
//
// Also live across a call, although nothing uses them later, are arguments that
// the callee does not describe in its own frame: behind the "..." of a
// variadic function, references passed as ordinary pointers, and whatever is
// given to the runtime.
//
// A function that calls setjmp may continue there again after any later call:
// what was live at it stays live at all safepoints that it can reach. Then
// slots are not shared.
#include "gc_internal.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/CFG.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

namespace pclntab {

using namespace llvm;

namespace {

bool is_setjmp(const Instruction &i) {
  auto *c = dyn_cast<CallBase>(&i);
  return c != nullptr && (c->hasFnAttr(Attribute::ReturnsTwice) ||
                          c->getIntrinsicID() == Intrinsic::eh_sjlj_setjmp);
}

class Flow {
public:
  Flow(Function &f_, const Values &values_) : f(f_), values(values_) {
    for (Value *v : values.all())
      number[v] = unsigned(number.size());
    solve();
  }

  BitVector out_of(const BasicBlock &b) const {
    BitVector live(number.size());
    for (const BasicBlock *s : successors(&b)) {
      live |= in.lookup(s);
      for (const PHINode &p : s->phis())
        use(live, p.getIncomingValueForBlock(&b));
    }
    return live;
  }

  // `live` behind i becomes `live` before it.
  void step(const Instruction &i, BitVector &live) const {
    kill(live, &i);
    if (!isa<PHINode>(i))
      for (const Use &u : i.operands())
        use(live, u.get());
  }

  void kill(BitVector &live, const Value *v) const {
    if (auto it = number.find(v); it != number.end())
      live.reset(it->second);
  }
  void use(BitVector &live, const Value *v) const {
    if (auto it = number.find(v); it != number.end())
      live.set(it->second);
  }

private:
  void solve() {
    for (BasicBlock &b : f)
      in[&b].resize(unsigned(number.size()));
    if (number.empty())
      return;
    for (bool changed = true; changed;) {
      changed = false;
      for (BasicBlock *b : post_order(&f)) {
        BitVector live = out_of(*b);
        for (Instruction &i : reverse(*b))
          step(i, live);
        if (live != in[b]) {
          in[b] = std::move(live);
          changed = true;
        }
      }
    }
  }

  Function &f;
  const Values &values;
  DenseMap<const Value *, unsigned> number;
  DenseMap<const BasicBlock *, BitVector> in;
};

// Arguments that only the caller keeps.
void keep_arguments(const CallBase &call, const Flow &flow,
                    const Values &values, BitVector &live) {
  const Function *callee = call.getCalledFunction();
  bool runtime = callee != nullptr && callee->getName().starts_with("pclnrt_");
  unsigned fixed = call.getFunctionType()->getNumParams();
  for (unsigned i = 0; i < call.arg_size(); i++) {
    const Value *v = call.getArgOperand(i);
    if (i >= fixed || runtime || values.is_cast(v))
      flow.use(live, v);
  }
}

class Collector {
public:
  Collector(Function &f_, Values &values_, Liveness &out_)
      : f(f_), values(values_), out(out_), flow(f_, values_) {}

  void run(std::vector<Safepoint> &points) {
    DenseMap<const CallBase *, Safepoint *> at;
    for (Safepoint &p : points)
      at[p.call] = &p;
    for (BasicBlock &b : f) {
      BitVector live = flow.out_of(b);
      for (Instruction &i : reverse(b)) {
        auto *call = dyn_cast<CallBase>(&i);
        Safepoint *p = call == nullptr ? nullptr : at.lookup(call);
        if (p != nullptr && p->kind == CallKind::safepoint) {
          flow.kill(live, call);
          BitVector across = live;
          keep_arguments(*call, flow, values, across);
          p->bases = to_bases(across);
        }
        if (is_setjmp(i))
          at_setjmp.push_back({&i, to_bases(live)});
        flow.step(i, live);
      }
    }
    keep_from_setjmp(points);
    for (BasicBlock &b : f)
      find_conflicts(b);
    for (Safepoint &p : points)
      conflict_all(p.bases);
  }

private:
  SmallVector<unsigned, 8> to_bases(const BitVector &live) {
    SmallVector<unsigned, 8> found;
    for (unsigned i : live.set_bits())
      if (Value *b = values.base(values.all()[i])) {
        out.bases.insert(b);
        found.push_back(number(b));
      }
    sort(found);
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
  }

  // Of `live` only the bases that some safepoint keeps.
  SmallVector<unsigned, 8> kept(const BitVector &live) {
    SmallVector<unsigned, 8> found;
    for (unsigned i : live.set_bits()) {
      Value *b = values.base(values.all()[i]);
      if (b != nullptr && out.bases.contains(b))
        found.push_back(number(b));
    }
    return found;
  }

  unsigned number(Value *b) {
    return numbers.insert({b, unsigned(numbers.size())}).first->second;
  }

  void keep_from_setjmp(std::vector<Safepoint> &points) {
    for (auto &[jump, bases] : at_setjmp)
      for (Safepoint &p : points)
        if (isPotentiallyReachable(jump, p.call)) {
          p.bases.append(bases.begin(), bases.end());
          sort(p.bases);
          p.bases.erase(std::unique(p.bases.begin(), p.bases.end()),
                        p.bases.end());
        }
  }

  void conflict(unsigned a, unsigned b) {
    if (a != b)
      out.interfere.insert({std::min(a, b), std::max(a, b)});
  }
  void conflict_all(const SmallVectorImpl<unsigned> &set) {
    for (size_t i = 0; i < set.size(); i++)
      for (size_t k = i + 1; k < set.size(); k++)
        conflict(set[i], set[k]);
  }

  // What is live where a base is defined, which is where it may be stored.
  void find_conflicts(BasicBlock &b) {
    BitVector live = flow.out_of(b);
    auto define = [&](Value *v) {
      if (out.bases.contains(v))
        for (unsigned other : kept(live))
          conflict(number(v), other);
    };
    for (Instruction &i : reverse(b)) {
      define(&i);
      flow.step(i, live);
    }
    if (b.isEntryBlock())
      for (Argument &a : f.args())
        define(&a);
  }

  Function &f;
  Values &values;
  Liveness &out;
  Flow flow;
  DenseMap<Value *, unsigned> numbers;
  std::vector<std::pair<const Instruction *, SmallVector<unsigned, 8>>>
      at_setjmp;
};

} // namespace

bool returns_twice(const Function &f) {
  return any_of(instructions(f), is_setjmp);
}

Liveness::Liveness(Function &f, Values &values,
                   std::vector<Safepoint> &points) {
  Collector(f, values, *this).run(points);
}

} // namespace pclntab
