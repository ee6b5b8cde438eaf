// SPDX-License-Identifier: Apache-2.0
//
// Which values of a function hold references, and what each was computed from.
//
// A value that is live across a call keeps its object alive through a copy of
// its *base* in the frame: an interior pointer that the optimiser made may
// point outside of the object, a base never does. Bases are what a program
// gets from elsewhere: arguments, loads, results of calls. A phi or select of
// values with different bases has a phi or select of the bases as its own; it
// is itself that one if nothing was added to a pointer on the way.
//
// Beside values of reference type these are followed:
//   pointers to ordinary memory that were cast from references, through
//   locals and through calls that may return what they got (strchr);
//   integers and vectors of them that are only moved: what the optimiser makes
//   of a short memcpy. In modules with unions also those that are moved among
//   other things, and those of which some bits were changed: the ABI passes
//   unions so, and programs keep tags in references. Each is its own base.
#include "gc_internal.h"

#include <llvm/ADT/SetVector.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

namespace pclntab {

using namespace llvm;

namespace {

bool is_scalar_pointer(const Value *v) { return v->getType()->isPointerTy(); }

// The operand that has the same object as `v`, or null.
Value *source(Value *v, bool *moved) {
  if (auto *g = dyn_cast<GEPOperator>(v)) {
    *moved = true;
    return g->getPointerOperand();
  }
  if (isa<BitCastInst>(v) || isa<FreezeInst>(v) || isa<AddrSpaceCastInst>(v))
    return cast<Instruction>(v)->getOperand(0);
  if (auto *c = dyn_cast<IntrinsicInst>(v)) {
    switch (c->getIntrinsicID()) {
    case Intrinsic::ptrmask:
    case Intrinsic::ptr_annotation:
      *moved = true;
      return c->getArgOperand(0);
    case Intrinsic::launder_invariant_group:
    case Intrinsic::strip_invariant_group:
    case Intrinsic::ssa_copy:
    case Intrinsic::expect:
      return c->getArgOperand(0);
    default:
      break;
    }
  }
  return nullptr;
}

bool is_word_integer(const Type *t) {
  if (auto *i = dyn_cast<IntegerType>(t))
    return i->getBitWidth() >= 64 && i->getBitWidth() % 64 == 0;
  auto *v = dyn_cast<FixedVectorType>(t);
  return v != nullptr && v->getElementType()->isIntegerTy() &&
         v->getPrimitiveSizeInBits().getFixedValue() % 64 == 0;
}

bool is_origin(const Value *v) {
  if (auto *c = dyn_cast<CallBase>(v))
    return !isa<IntrinsicInst>(v) && !c->isInlineAsm();
  return isa<Argument>(v) || isa<LoadInst>(v) || isa<ExtractValueInst>(v) ||
         isa<AtomicRMWInst>(v);
}

// Instructions that move an operand on into their result.
bool passes_on(const User *u) {
  return isa<PHINode>(u) || isa<SelectInst>(u) || isa<FreezeInst>(u) ||
         isa<BitCastInst>(u) || isa<InsertElementInst>(u) ||
         isa<ExtractElementInst>(u) || isa<ShuffleVectorInst>(u);
}

bool is_move(const Use &use, bool through_calls) {
  const User *u = use.getUser();
  if (auto *s = dyn_cast<StoreInst>(u))
    return s->getValueOperand() == use.get();
  if (auto *c = dyn_cast<CallBase>(u))
    return through_calls && c->isArgOperand(&use) && !isa<IntrinsicInst>(c);
  if (isa<ReturnInst>(u) || isa<InsertValueInst>(u))
    return through_calls;
  return passes_on(u);
}

// Sets or clears a tag.
bool is_tagging(const Value *v) {
  auto *b = dyn_cast<BinaryOperator>(v);
  auto *c = b == nullptr ? nullptr : dyn_cast<ConstantInt>(b->getOperand(1));
  if (c == nullptr)
    return false;
  switch (b->getOpcode()) {
  case Instruction::And:
  case Instruction::Or:
  case Instruction::Xor:
    return true;
  case Instruction::Add: {
    auto *p = dyn_cast<PHINode>(b->getOperand(0));
    bool counts = p != nullptr && is_contained(p->incoming_values(), b);
    return !counts && c->getValue().abs().ult(16);
  }
  default:
    return false;
  }
}

} // namespace

Values::Values(Function &f_, bool unions) : f(f_) {
  for (Argument &a : f.args())
    if (has_refs(a.getType()))
      track(&a);
  for (Instruction &i : instructions(f))
    if (has_refs(i.getType()) && !isa<AllocaInst>(i))
      track(&i);
  follow_casts();
  if (unions)
    find_union_words();
  else
    find_moved_integers();
  find_bases();
}

void Values::track(Value *v) {
  if (set.insert(v).second)
    list.push_back(v);
}

void Values::follow_casts() {
  SmallVector<Value *, 16> work;
  SmallPtrSet<const AllocaInst *, 8> holders;
  auto add = [&](Value *v) {
    if (!tracked(v) && !isa<Constant>(v)) {
      track(v);
      work.push_back(v);
    }
  };
  // Loads of pointers from a local that a cast was stored to.
  auto loads_of = [&](AllocaInst *a) {
    if (!holders.insert(a).second)
      return;
    for (Instruction &i : instructions(f))
      if (auto *l = dyn_cast<LoadInst>(&i))
        if (is_scalar_pointer(l) &&
            getUnderlyingObject(l->getPointerOperand()) == a)
          add(l);
  };
  for (Instruction &i : instructions(f)) {
    if (auto *c = dyn_cast<AddrSpaceCastInst>(&i))
      if (has_refs(c->getSrcTy()) && !has_refs(c->getType()))
        add(c);
    if (auto *c = dyn_cast<CallBase>(&i))
      if (is_scalar_pointer(c) && !is_ref(c->getType()) &&
          !isa<IntrinsicInst>(c) &&
          any_of(c->args(), [](const Use &u) { return is_ref(u->getType()); }))
        add(c);
  }
  while (!work.empty()) {
    Value *v = work.pop_back_val();
    for (const Use &use : v->uses()) {
      auto *u = cast<Instruction>(use.getUser());
      if (auto *s = dyn_cast<StoreInst>(u)) {
        if (s->getValueOperand() == v)
          if (auto *a = dyn_cast<AllocaInst>(
                  getUnderlyingObject(s->getPointerOperand())))
            loads_of(a);
      } else if (auto *c = dyn_cast<CallBase>(u)) {
        if (is_scalar_pointer(c) && c->isArgOperand(&use))
          add(c);
      } else if (isa<GetElementPtrInst>(u) || passes_on(u) ||
                 isa<InsertValueInst>(u) || isa<AddrSpaceCastInst>(u)) {
        add(u);
      } else if (isa<ExtractValueInst>(u) && is_scalar_pointer(u)) {
        add(u);
      }
    }
  }
}

void Values::find_union_words() {
  SmallVector<Value *, 16> work;
  auto add = [&](Value *v) {
    if (!is_word_integer(v->getType()) || isa<Constant>(v) || tracked(v))
      return;
    if (is_origin(v) || passes_on(cast<User>(v)) || is_tagging(v)) {
      track(v);
      work.push_back(v);
    }
  };
  for (Instruction &i : instructions(f))
    for (const Use &u : i.operands())
      if (!passes_on(&i) && is_move(u, true))
        add(u.get());
  while (!work.empty()) {
    auto *u = dyn_cast<Instruction>(work.pop_back_val());
    if (u != nullptr && (passes_on(u) || is_tagging(u)))
      for (Value *v : u->operands())
        add(v);
  }
}

void Values::find_moved_integers() {
  SetVector<Value *> moved;
  auto consider = [&](Value *v) {
    if (is_word_integer(v->getType()) && !tracked(v) &&
        (is_origin(v) || passes_on(dyn_cast<User>(v))) && !v->use_empty())
      moved.insert(v);
  };
  for (Argument &a : f.args())
    if (is_word_integer(a.getType()) && !a.use_empty())
      moved.insert(&a);
  for (Instruction &i : instructions(f))
    consider(&i);
  for (bool changed = true; changed;) {
    SmallVector<Value *, 16> others;
    for (Value *v : moved)
      for (const Use &u : v->uses())
        if (!is_move(u, false) ||
            (passes_on(u.getUser()) && !moved.contains(u.getUser()) &&
             !tracked(u.getUser()))) {
          others.push_back(v);
          break;
        }
    for (Value *v : others)
      moved.remove(v);
    changed = !others.empty();
  }
  for (Value *v : moved)
    track(v);
}

// Where `v` comes from: a phi, a select, a value that is its own base, or a
// constant.
Value *Values::root(Value *v) const {
  while (is_scalar_pointer(v) && !isa<Constant>(v)) {
    bool moved = false;
    Value *s = source(v, &moved);
    if (s == nullptr || !is_scalar_pointer(s) ||
        (!isa<Constant>(s) && !tracked(s)))
      break;
    v = s;
  }
  return v;
}

namespace {

// Whether `v` is a merge of pointers, which may have a base of its own.
bool is_merge(const Value *v) {
  return is_scalar_pointer(v) && (isa<PHINode>(v) || isa<SelectInst>(v));
}

SmallVector<Value *, 4> inputs(Value *merge) {
  if (auto *p = dyn_cast<PHINode>(merge))
    return {p->op_begin(), p->op_end()};
  auto *s = cast<SelectInst>(merge);
  return {s->getTrueValue(), s->getFalseValue()};
}

// True if `v` and its root are the same address.
bool unmoved(Value *v, const Value *r) {
  bool moved = false;
  while (v != r && !moved)
    v = source(v, &moved);
  return !moved;
}

} // namespace

void Values::find_bases() {
  SmallVector<Instruction *, 16> merges;
  for (Value *v : list)
    if (is_merge(v))
      merges.push_back(cast<Instruction>(v));

  // bases[m]: the one base of all inputs; m itself where they differ.
  for (bool changed = true; changed;) {
    changed = false;
    for (Instruction *m : merges) {
      if (bases.lookup(m) == m)
        continue;
      Value *one = nullptr;
      for (Value *in : inputs(m)) {
        Value *r = root(in);
        if (is_merge(r) && tracked(r))
          r = r == m ? nullptr : bases.lookup(r);
        if (r == nullptr || r == one)
          continue;
        one = one == nullptr ? r : m;
      }
      if (one != bases.lookup(m)) {
        bases[m] = one;
        changed = true;
      }
    }
  }

  // Of those that differ: the ones to which nothing was added.
  SmallPtrSet<Value *, 16> plain;
  for (Instruction *m : merges)
    if (bases.lookup(m) == m)
      plain.insert(m);
  for (bool changed = true; changed;) {
    changed = false;
    for (Instruction *m : merges)
      if (plain.contains(m) && !all_of(inputs(m), [&](Value *in) {
            Value *r = root(in);
            return unmoved(in, r) &&
                   (!(is_merge(r) && tracked(r)) || plain.contains(r));
          })) {
        plain.erase(m);
        changed = true;
      }
  }

  // The others get a merge of the bases.
  SmallVector<std::pair<Instruction *, Instruction *>, 8> made;
  for (Instruction *m : merges) {
    if (bases.lookup(m) != m || plain.contains(m))
      continue;
    Instruction *b = m->clone();
    b->setName("gc.base");
    b->insertBefore(m->getIterator());
    b->mutateType(PointerType::get(f.getContext(), kRefSpace));
    made.push_back({m, b});
  }
  for (auto [m, b] : made)
    bases[m] = b;
  // Merges of one of these alone.
  for (Instruction *m : merges)
    if (Value *b = bases.lookup(bases.lookup(m)))
      bases[m] = b;
  for (auto [m, b] : made) {
    auto *p = dyn_cast<PHINode>(m);
    for (unsigned i = 0; i < m->getNumOperands(); i++) {
      Value *in = m->getOperand(i);
      if (!in->getType()->isPointerTy())
        continue; // the condition of a select
      Value *from = base(in);
      if (from == nullptr)
        from = Constant::getNullValue(b->getType());
      if (from->getType() != b->getType()) {
        Instruction *at = p ? p->getIncomingBlock(i)->getTerminator() : b;
        from = IRBuilder<>(at).CreateAddrSpaceCast(from, b->getType());
      }
      b->setOperand(i, from);
    }
  }
}

Value *Values::base(Value *v) {
  Value *r = root(v);
  if (is_merge(r) && tracked(r)) {
    Value *b = bases.lookup(r);
    r = b == nullptr ? r : b;
  }
  return isa<Constant>(r) ? nullptr : r;
}

} // namespace pclntab
