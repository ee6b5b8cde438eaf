// SPDX-License-Identifier: Apache-2.0
//
// Memory of the frame that holds references: locals whose address is taken,
// arrays, structs, at -O0 every variable. Which words do is told by the type of
// the alloca, and by what the function stores there: a word that is written as
// a reference is one, whatever the type calls it (members of unions, buffers of
// bytes, what the optimiser made of a struct).
//
// Alive is such memory between its lifetime markers, where the optimiser left
// them, else always. It is cleared when its life begins, so that what was there
// before keeps nothing alive; words that only may be references are left, as
// that costs more than it gains.
#include "gc_internal.h"

#include "format.h"

#include <llvm/ADT/PostOrderIterator.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/CFG.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

#include <numeric>

namespace pclntab {

using namespace llvm;

namespace {

// Areas of more words are cleared by memset.
constexpr size_t kWordStores = 12;

// Bytes of an alloca, 0 if that is not constant.
uint64_t size_of(const AllocaInst &a, const DataLayout &dl) {
  auto size = a.getAllocationSize(dl);
  return size && !size->isScalable() ? size->getFixedValue() : 0;
}

// Memory that the optimiser or the ABI may have typed, not the program. Arrays
// of bytes may be the program's own, and then are no references.
bool is_raw(const AllocaInst &a) {
  Type *t = a.getAllocatedType();
  while (auto *a = dyn_cast<ArrayType>(t))
    t = a->getElementType();
  if (auto *s = dyn_cast<StructType>(t))
    return !s->hasName();
  return (t->isIntegerTy() && !a.hasMetadata(kBytes)) || t->isVectorTy();
}

#if LLVM_VERSION_MAJOR >= 20
using Offsets = SmallMapVector<Value *, APInt, 4>;
#else
using Offsets = MapVector<Value *, APInt>;
#endif

// Looks for words of one alloca that are written as references.
class Writes {
public:
  Writes(AllocaInst &a, const Values &values_, Layout &layout_)
      : values(values_), layout(layout_),
        dl(a.getFunction()->getParent()->getDataLayout()), size(size_of(a, dl)),
        typed(layout_.any()), raw(!typed && is_raw(a)) {
    visit(&a, {0, 0});
    while (!work.empty()) {
      auto [v, place] = work.pop_back_val();
      for (const Use &u : v->uses())
        use(u, place);
    }
  }

private:
  // Bytes from the alloca's start, and 0 or a step that may be added often.
  struct Place {
    uint64_t off, step;
  };

  void visit(Value *v, Place p) {
    auto [it, fresh] = seen.insert({v, p});
    if (!fresh) {
      uint64_t gap =
          std::max(it->second.off, p.off) - std::min(it->second.off, p.off);
      uint64_t step = std::gcd(std::gcd(it->second.step, p.step), gap);
      if (step == it->second.step)
        return;
      it->second = p = {p.off % step, step};
    }
    work.push_back({v, p});
  }

  void use(const Use &u, Place p) {
    auto *i = cast<Instruction>(u.getUser());
    if (auto *s = dyn_cast<StoreInst>(i)) {
      if (s->getValueOperand() == u.get())
        kept_in(s->getPointerOperand(), p);
      else if (values.tracked(s->getValueOperand()))
        written(p, dl.getTypeStoreSize(s->getValueOperand()->getType()));
    } else if (auto *x = dyn_cast<AtomicRMWInst>(i)) {
      if (values.tracked(x->getValOperand()))
        written(p, dl.getTypeStoreSize(x->getValOperand()->getType()));
    } else if (auto *x = dyn_cast<AtomicCmpXchgInst>(i)) {
      if (values.tracked(x->getNewValOperand()))
        written(p, dl.getTypeStoreSize(x->getNewValOperand()->getType()));
    } else if (auto *g = dyn_cast<GetElementPtrInst>(i)) {
      visit(g, moved(*g, p));
    } else if (isa<PHINode>(i) || isa<SelectInst>(i) || isa<BitCastInst>(i) ||
               isa<FreezeInst>(i)) {
      visit(i, p);
    } else if (auto *m = dyn_cast<MemTransferInst>(i)) {
      if (m->getRawDest() == u.get() && may_copy_refs(*m))
        written(p, length(*m));
    }
  }

  // The pointer is kept in a local variable: at -O0 each is.
  void kept_in(Value *variable, Place p) {
    if (isa<AllocaInst>(variable))
      for (User *u : variable->users())
        if (isa<LoadInst>(u) && u->getType()->isPointerTy())
          visit(u, p);
  }

  Place moved(GetElementPtrInst &g, Place p) const {
    unsigned bits = dl.getIndexTypeSizeInBits(g.getType());
    Offsets var;
    APInt fixed(bits, 0);
    if (!g.getType()->isPointerTy() || !g.collectOffset(dl, bits, var, fixed))
      return {0, 1};
    uint64_t step = p.step;
    for (auto &[index, scale] : var)
      step = std::gcd(step, scale.abs().getLimitedValue());
    int64_t off = int64_t(p.off) + fixed.getSExtValue();
    if (step != 0)
      off = (off % int64_t(step) + int64_t(step)) % int64_t(step);
    return {uint64_t(off), step};
  }
  uint64_t length(const MemTransferInst &m) const {
    auto *n = dyn_cast<ConstantInt>(m.getLength());
    return n == nullptr ? size : n->getLimitedValue();
  }

  // Whether the copy may bring references to words that show none: its source
  // has some by its type, or neither type says anything.
  bool may_copy_refs(const MemTransferInst &m) const {
    const Value *from = getUnderlyingObject(m.getRawSource());
    if (auto *g = dyn_cast<GlobalVariable>(from))
      return !g->isConstant() && !typed && has_refs(g->getValueType());
    auto *a = dyn_cast<AllocaInst>(from);
    if (a != nullptr && has_refs(a->getAllocatedType()))
      return !typed;
    return raw && (a == nullptr || is_raw(*a));
  }

  void written(Place p, uint64_t bytes) {
    if (p.step == 0) {
      if (p.off < size)
        widen(layout, size, p.off, bytes);
      return;
    }
    for (uint64_t off = p.off % p.step; off < size; off += p.step)
      if (off % 8 == 0 || p.step >= 8)
        widen(layout, size, off, bytes);
  }

  const Values &values;
  Layout &layout;
  const DataLayout &dl;
  uint64_t size;
  bool typed; // its type shows references
  bool raw;   // its type says nothing
  DenseMap<Value *, Place> seen;
  SmallVector<std::pair<Value *, Place>, 8> work;
};

bool is_lifetime(const Instruction &i, bool *begins) {
  auto *c = dyn_cast<IntrinsicInst>(&i);
  if (c == nullptr)
    return false;
  *begins = c->getIntrinsicID() == Intrinsic::lifetime_start;
  return *begins || c->getIntrinsicID() == Intrinsic::lifetime_end;
}

// The pointer is the last argument; a size stands before it up to LLVM 21.
const AllocaInst *marked_alloca(const Instruction &i) {
  auto &c = cast<CallBase>(i);
  return dyn_cast<AllocaInst>(
      c.getArgOperand(c.arg_size() - 1)->stripPointerCasts());
}

} // namespace

Areas::Areas(Function &f_, const Values &values,
             const std::vector<Safepoint> &points)
    : f(f_) {
  find(values);
  find_lifetimes();
  find_alive(points);
}

void Areas::find(const Values &values) {
  const DataLayout &dl = f.getParent()->getDataLayout();
  for (Instruction &i : f.getEntryBlock()) {
    auto *a = dyn_cast<AllocaInst>(&i);
    if (a == nullptr || !a->isStaticAlloca() || a->isSwiftError())
      continue;
    uint64_t size = size_of(*a, dl),
             one = dl.getTypeAllocSize(a->getAllocatedType());
    if (size == 0)
      continue;
    Layout l = layout_of(a->getAllocatedType(), dl, true);
    if (size > one && l.any()) {
      l.words.resize(size_t(one / 8), PCLN_CODE_SCALAR);
      l.repeat *= size / one;
    }
    Writes(*a, values, l);
    if (!l.any())
      continue;
    number[a] = unsigned(all.size());
    all.push_back({a, std::move(l)});
  }
}

void Areas::find_lifetimes() {
  marked.resize(unsigned(all.size()));
  SmallVector<Instruction *, 8> drop;
  bool jumps = returns_twice(f);
  for (Instruction &i : instructions(f)) {
    bool begins = false;
    if (!is_lifetime(i, &begins))
      continue;
    auto it = number.find(marked_alloca(i));
    if (it == number.end())
      continue;
    if (jumps) { // it may come alive again by longjmp
      drop.push_back(&i);
      continue;
    }
    markers[&i] = begins;
    if (begins)
      marked.set(it->second);
  }
  for (Instruction *i : drop)
    i->eraseFromParent();
}

void Areas::step(const Instruction &i, Set &now) const {
  auto it = markers.find(const_cast<Instruction *>(&i));
  if (it == markers.end())
    return;
  unsigned n = number.lookup(marked_alloca(i));
  if (it->second)
    now.set(n);
  else if (marked.test(n))
    now.reset(n);
}

// Walks forward to what is alive at the end of each block: on some way there,
// or on all of them.
DenseMap<const BasicBlock *, BitVector> Areas::solve(bool on_all) const {
  DenseMap<const BasicBlock *, Set> out;
  ReversePostOrderTraversal<Function *> order(&f);
  for (bool changed = true; changed;) {
    changed = false;
    for (BasicBlock *b : order) {
      Set now = at_entry(*b, out, on_all);
      for (Instruction &i : *b)
        step(i, now);
      Set &old = out[b];
      if (old.size() != now.size() || old != now) {
        old = std::move(now);
        changed = true;
      }
    }
  }
  return out;
}

BitVector Areas::at_entry(const BasicBlock &b,
                          const DenseMap<const BasicBlock *, Set> &out,
                          bool on_all) const {
  Set now(unsigned(all.size()), true);
  now.reset(marked);
  bool first = true;
  for (const BasicBlock *p : predecessors(&b)) {
    auto it = out.find(p);
    if (it == out.end())
      continue; // not walked yet
    if (first || !on_all)
      now |= it->second;
    else
      now &= it->second;
    first = false;
  }
  return now;
}

// A lifetime that begins on some of the ways to a place only would leave the
// others with memory that was never cleared. Such an area lives always.
void Areas::drop_unclear_lifetimes() {
  auto some = solve(false), every = solve(true);
  Set unclear(unsigned(all.size()));
  for (BasicBlock &b : f) {
    Set a = at_entry(b, some, false), c = at_entry(b, every, true);
    unclear |= a ^= c;
  }
  for (auto it = markers.begin(); it != markers.end();) {
    if (!unclear.test(number.lookup(marked_alloca(*it->first)))) {
      ++it;
      continue;
    }
    it->first->eraseFromParent();
    it = markers.erase(it);
  }
  marked.reset(unclear);
}

void Areas::find_alive(const std::vector<Safepoint> &points) {
  alive.resize(points.size());
  if (all.empty())
    return;
  drop_unclear_lifetimes();
  auto out = solve(false);
  DenseMap<const Instruction *, size_t> at;
  for (size_t i = 0; i < points.size(); i++)
    at[points[i].call] = i;
  for (BasicBlock &b : f) {
    Set now = at_entry(b, out, false);
    for (Instruction &i : b) {
      step(i, now);
      if (auto it = at.find(&i); it != at.end())
        for (unsigned n : now.set_bits())
          alive[it->second].push_back(n);
    }
  }
}

namespace {

// True if all of `a` is written behind `from` before anything may collect.
bool is_written_soon(AllocaInst *a, BasicBlock::iterator from, uint64_t size,
                     const Leaves &leaves) {
  const DataLayout &dl = a->getFunction()->getParent()->getDataLayout();
  for (auto it = from; it != from->getParent()->end(); ++it) {
    if (auto *s = dyn_cast<StoreInst>(&*it)) {
      if (s->getPointerOperand() == a &&
          dl.getTypeStoreSize(s->getValueOperand()->getType()) >= size)
        return true;
    } else if (auto *m = dyn_cast<MemIntrinsic>(&*it)) {
      auto *n = dyn_cast<ConstantInt>(m->getLength());
      if (m->getRawDest() == a && n != nullptr && n->getLimitedValue() >= size)
        return true;
    } else if (auto *c = dyn_cast<CallBase>(&*it)) {
      if (leaves.kind(*c) == CallKind::safepoint)
        return false;
    }
  }
  return false;
}

// Stores null to each word that may be a reference.
void clear(const Area &area, BasicBlock::iterator at) {
  AllocaInst *a = area.memory;
  const DataLayout &dl = a->getFunction()->getParent()->getDataLayout();
  const auto &words = area.layout.words;
  IRBuilder<> b(at->getParent(), at);
  b.SetCurrentDebugLocation(DebugLoc());
  if (area.layout.repeat > 1 || words.size() > kWordStores) {
    b.CreateMemSet(a, b.getInt8(0), size_of(*a, dl), a->getAlign());
    return;
  }
  Constant *null = Constant::getNullValue(b.getPtrTy(kRefSpace));
  for (size_t w = 0; w < words.size(); w++)
    if (words[w] != PCLN_CODE_SCALAR ||
        (w > 0 && words[w - 1] == PCLN_CODE_MULTIWORD))
      b.CreateAlignedStore(null, b.CreateConstGEP1_64(b.getInt64Ty(), a, w),
                           Align(8));
}

} // namespace

void Areas::clear_at_begin(const Leaves &leaves) {
  const DataLayout &dl = f.getParent()->getDataLayout();
  auto clear_unless_written = [&](unsigned n, BasicBlock::iterator at) {
    AllocaInst *a = all[n].memory;
    if (!is_written_soon(a, at, size_of(*a, dl), leaves))
      clear(all[n], at);
  };
  for (auto [marker, begins] : markers)
    if (begins)
      clear_unless_written(number.lookup(marked_alloca(*marker)),
                           std::next(marker->getIterator()));
  for (unsigned n = 0; n < all.size(); n++)
    if (!marked.test(n))
      clear_unless_written(n, f.getEntryBlock().getFirstNonPHIOrDbgOrAlloca());
}

} // namespace pclntab
