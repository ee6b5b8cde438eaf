// SPDX-License-Identifier: Apache-2.0
//
// The frame of one function: a slot for each reference that is live across a
// call, and on each call the list of slots and areas that hold live words. The
// collector does not move objects, so values stay where the optimiser has them;
// the slot is a copy that nobody reads but the collector.
//
// A call with an operand bundle "deopt" is lowered by LLVM like a statepoint,
// whatever its arguments are, and an alloca in the bundle appears in the stack
// map as register and offset. That needs no rewriting of calls and results,
// which gc.statepoint would.
//
// A slot is written where the reference is defined, or before each safepoint
// that needs it, whichever runs less often. References that are never live
// together share a slot.
#include "gc_bundle.h"
#include "gc_internal.h"

#include "format.h"

#include <llvm/Analysis/BlockFrequencyInfo.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>
#include <llvm/Transforms/Utils/Local.h>

namespace pclntab {

using namespace llvm;

namespace {

// Where a reference that is kept may be stored: one word of the common array,
// or memory of its own for vectors and aggregates.
struct Slot {
  bool common = false;
  unsigned word = 0; // in the array
  unsigned area = 0; // among `own`
};

class Frame {
public:
  Frame(Function &f_, FunctionAnalysisManager &fam_, const Leaves &leaves_,
        bool unions_)
      : f(f_), fam(fam_), leaves(leaves_), unions(unions_),
        plain(f_.hasFnAttribute(Attribute::OptimizeNone)),
        jumps(returns_twice(f_)) {}

  void lower() {
    copy_byval_arguments(f);
    keep_byval_operands(f);
    EliminateUnreachableBlocks(f);
    split_invokes();
    Values values(f, unions);
    check_function(f, values);
    find_points();
    if (points.empty())
      return;
    check_frame(f);
    Liveness live(f, values, points);
    Areas areas(f, values, points);
    fam.invalidate(f, PreservedAnalyses::none());
    assign_slots(live);
    make_slots(live);
    for (unsigned b = 0; b < live.bases.size(); b++)
      store_base(live.bases[b], b);
    if (jumps)
      clear_slots();
    areas.clear_at_begin(leaves);
    for (size_t i = 0; i < points.size(); i++)
      add_bundle(points[i], areas, areas.alive[i]);
  }

private:
  // So that the result of an invoke has a place of its own to be stored at.
  void split_invokes() {
    SmallVector<InvokeInst *, 8> split;
    for (Instruction &i : instructions(f))
      if (auto *v = dyn_cast<InvokeInst>(&i))
        if (!v->getType()->isVoidTy() && !v->use_empty() &&
            v->getNormalDest()->getSinglePredecessor() == nullptr)
          split.push_back(v);
    for (InvokeInst *v : split)
      SplitEdge(v->getParent(), v->getNormalDest());
  }

  void find_points() {
    for (Instruction &i : instructions(f)) {
      auto *call = dyn_cast<CallBase>(&i);
      if (call == nullptr)
        continue;
      CallKind kind = leaves.kind(*call);
      if (kind != CallKind::plain)
        points.push_back({call, kind, {}});
    }
  }

  static bool is_word(const Value *v) {
    return v->getType()->isPointerTy() || v->getType()->isIntegerTy(64);
  }

  // Colours the interference graph in the order of definitions.
  void assign_slots(const Liveness &live) {
    size_t n = live.bases.size();
    std::vector<SmallVector<unsigned, 8>> others(n);
    for (auto [a, b] : live.interfere)
      others[std::max(a, b)].push_back(std::min(a, b));
    slots.resize(n);
    for (unsigned i = 0; i < n; i++) {
      if (!is_word(live.bases[i])) {
        slots[i].area = n_own++;
        continue;
      }
      slots[i].common = true;
      slots[i].word = plain || jumps ? n_words : free_word(others[i]);
      n_words = std::max(n_words, slots[i].word + 1);
    }
  }

  unsigned free_word(const SmallVectorImpl<unsigned> &others) const {
    BitVector taken(n_words + 1);
    for (unsigned o : others)
      if (slots[o].common)
        taken.set(slots[o].word);
    return unsigned(taken.find_first_unset());
  }

  AllocaInst *make_alloca(Type *t) {
    BasicBlock &entry = f.getEntryBlock();
    IRBuilder<> b(&entry, entry.begin());
    AllocaInst *a = b.CreateAlloca(t, nullptr, "gc.slots");
    a->setAlignment(std::max(a->getAlign(), Align(8)));
    return a;
  }

  void make_slots(const Liveness &live) {
    own.resize(n_own);
    for (unsigned i = 0; i < live.bases.size(); i++)
      if (!slots[i].common)
        own[slots[i].area] = make_own(live.bases[i]->getType());
    if (n_words > 0)
      words = make_alloca(
          ArrayType::get(PointerType::get(f.getContext(), kRefSpace), n_words));
  }

  Area make_own(Type *t) {
    const DataLayout &dl = f.getParent()->getDataLayout();
    Layout l = layout_of(t, dl, true);
    if (!has_refs(t))
      l = any_words(dl.getTypeAllocSize(t));
    return {make_alloca(t), std::move(l)};
  }

  // With setjmp a slot may be listed on a way on which it was not stored. Done
  // after the stores, to stand before those of arguments.
  void clear_slots() {
    const DataLayout &dl = f.getParent()->getDataLayout();
    BasicBlock &entry = f.getEntryBlock();
    IRBuilder<> b(&entry, entry.getFirstNonPHIOrDbgOrAlloca());
    auto clear = [&](AllocaInst *a) {
      b.CreateMemSet(a, b.getInt8(0),
                     dl.getTypeAllocSize(a->getAllocatedType()), a->getAlign());
    };
    if (words != nullptr)
      clear(words);
    for (Area &a : own)
      clear(a.memory);
  }

  // --- Stores ---

  uint64_t frequency(const BasicBlock *b) {
    if (plain)
      return 1;
    return fam.getResult<BlockFrequencyAnalysis>(f)
        .getBlockFreq(b)
        .getFrequency();
  }

  // The first place at which `v` can be stored.
  BasicBlock::iterator behind(Value *v) {
    BasicBlock &entry = f.getEntryBlock();
    if (isa<Argument>(v))
      return entry.getFirstNonPHIOrDbgOrAlloca();
    auto *i = cast<Instruction>(v);
    if (auto *invoke = dyn_cast<InvokeInst>(i))
      return invoke->getNormalDest()->getFirstInsertionPt();
    if (isa<PHINode>(i))
      return i->getParent()->getFirstInsertionPt();
    return std::next(i->getIterator());
  }

  void store_base(Value *v, unsigned n) {
    SmallVector<Instruction *, 8> at;
    uint64_t sum = 0;
    for (Safepoint &p : points)
      if (is_contained(p.bases, n)) {
        at.push_back(p.call);
        sum += std::min(frequency(p.call->getParent()), ~sum);
      }
    BasicBlock::iterator def = behind(v);
    if (jumps || frequency(def->getParent()) <= sum) {
      store(v, n, def);
      return;
    }
    for (Instruction *i : at)
      store(v, n, i->getIterator());
  }

  void store(Value *v, unsigned n, BasicBlock::iterator at) {
    IRBuilder<> b(at->getParent(), at);
    b.SetCurrentDebugLocation(DebugLoc());
    const Slot &s = slots[n];
    Value *place = s.common ? b.CreateConstInBoundsGEP2_64(
                                  words->getAllocatedType(), words, 0, s.word)
                            : own[s.area].memory;
    b.CreateAlignedStore(v, place, Align(8));
  }

  // --- Bundles ---

  void add_area(std::vector<Value *> &ops, const Layout &l, Value *memory) {
    IRBuilder<> b(f.getContext());
    ops.push_back(b.getInt32(uint32_t(l.words.size())));
    ops.push_back(b.getInt32(uint32_t(l.repeat)));
    for (size_t i = 0; i < l.words.size(); i += kBundleEntries) {
      uint32_t group = 0;
      for (size_t k = i; k < l.words.size() && k < i + kBundleEntries; k++)
        group |= uint32_t(l.words[k]) << (2 * (k - i));
      ops.push_back(b.getInt32(group));
    }
    ops.push_back(memory);
  }

  void add_bundle(Safepoint &p, const Areas &areas,
                  const SmallVectorImpl<unsigned> &alive) {
    IRBuilder<> b(f.getContext());
    bool leaf = p.kind == CallKind::declared_leaf;
    std::vector<Value *> ops{b.getInt32(kBundleMark),
                             b.getInt32(leaf ? PCLN_POINT_NO_COLLECT : 0),
                             nullptr};
    uint32_t n = 0;
    auto add = [&](const Layout &l, Value *memory) {
      add_area(ops, l, memory);
      n++;
    };
    if (!leaf) {
      Layout common;
      common.words.assign(n_words, PCLN_CODE_DEAD);
      bool any = false;
      for (unsigned i : p.bases)
        if (slots[i].common) {
          common.words[slots[i].word] = PCLN_CODE_POINTER;
          any = true;
        }
      if (any)
        add(common, words);
      for (unsigned i : p.bases)
        if (!slots[i].common)
          add(own[slots[i].area].layout, own[slots[i].area].memory);
      for (unsigned i : alive)
        add(areas.all[i].layout, areas.all[i].memory);
    }
    ops[2] = b.getInt32(n);
    replace(p, OperandBundleDef("deopt", ops));
  }

  static void replace(Safepoint &p, OperandBundleDef bundle) {
    CallBase *old = p.call;
    CallBase *made = CallBase::addOperandBundle(
        old, LLVMContext::OB_deopt, std::move(bundle), old->getIterator());
    made->copyMetadata(*old);
    made->takeName(old);
    made->removeFnAttr(Attribute::Memory);
    if (auto *c = dyn_cast<CallInst>(made))
      c->setTailCallKind(CallInst::TCK_None);
    old->replaceAllUsesWith(made);
    old->eraseFromParent();
    p.call = made;
  }

  Function &f;
  FunctionAnalysisManager &fam;
  const Leaves &leaves;
  bool unions; // the module has some
  bool plain;  // -O0: slots are not shared
  bool jumps;  // calls setjmp
  std::vector<Safepoint> points;
  std::vector<Slot> slots; // of each base
  unsigned n_words = 0, n_own = 0;
  AllocaInst *words = nullptr;
  std::vector<Area> own;
};

} // namespace

bool is_ours(const Function &f) {
  if (f.isDeclaration() || !f.hasGC() || f.getGC() != kStrategy ||
      f.hasFnAttribute(kLowered))
    return false;
  return none_of(instructions(f), [](const Instruction &i) {
    auto *c = dyn_cast<IntrinsicInst>(&i);
    return c != nullptr &&
           c->getIntrinsicID() == Intrinsic::experimental_gc_statepoint;
  });
}

void lower_function(Function &f, FunctionAnalysisManager &fam,
                    const Leaves &leaves, bool unions) {
  Frame(f, fam, leaves, unions).lower();
  f.removeFnAttr(kPending);
  f.addFnAttr(kLowered);
}

} // namespace pclntab
