// SPDX-License-Identifier: Apache-2.0
//
// Polls, and with them which functions may collect. A thread that wants to
// collect waits for all others, so no thread may run long without passing a
// safepoint: each iteration of a loop and each turn of a recursion must have
// one. Where the code has none by itself (a call that may collect on every way
// through), a poll is put: a load, a test and a branch that is never taken.
//
// At the back edge of a loop, unless it is known to end soon; at the entry of a
// function that may call itself, also through others that are not seen. Callees
// come first, because whether they collect decides about their callers' loops.
#include "gc_internal.h"

#include <llvm/ADT/SCCIterator.h>
#include <llvm/Analysis/CFG.h>
#include <llvm/Analysis/CallGraph.h>
#include <llvm/Analysis/LoopInfo.h>
#include <llvm/Analysis/ScalarEvolution.h>
#include <llvm/IR/DebugInfoMetadata.h>
#include <llvm/IR/Dominators.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/MDBuilder.h>
#include <llvm/Transforms/Utils/BasicBlockUtils.h>

namespace pclntab {

using namespace llvm;

namespace {

// Iterations that a loop may do without a poll.
constexpr unsigned kShortLoop = 256;

void insert_poll(Instruction *at) {
  Module &m = *at->getModule();
  LLVMContext &c = m.getContext();
  Type *i32 = Type::getInt32Ty(c);
  auto *stop = cast<GlobalVariable>(m.getOrInsertGlobal("pclnrt_gc_stop", i32));
  FunctionCallee poll =
      m.getOrInsertFunction("pclnrt_gc_poll", Type::getVoidTy(c));
  DebugLoc where = at->getDebugLoc();
  if (!where && at->getFunction()->getSubprogram() != nullptr)
    where = DILocation::get(c, 0, 0, at->getFunction()->getSubprogram());
  IRBuilder<> b(at);
  b.SetCurrentDebugLocation(where);
  LoadInst *load = b.CreateLoad(i32, stop);
  load->setAtomic(AtomicOrdering::Monotonic);
  load->setAlignment(Align(4));
  Value *wanted = b.CreateIsNotNull(load);
  Instruction *cold = SplitBlockAndInsertIfThen(
      wanted, at, false, MDBuilder(c).createBranchWeights(1, (1u << 20) - 1));
  CallInst *call = CallInst::Create(poll, "", cold->getIterator());
  call->setDebugLoc(where);
  call->addFnAttr(Attribute::Cold);
}

class FunctionPolls {
public:
  FunctionPolls(Function &f_, FunctionAnalysisManager &fam_,
                const Leaves &leaves_)
      : f(f_), fam(fam_), leaves(leaves_) {}

  // Where polls are needed. `recursive`: part of a cycle of calls.
  void find(bool recursive) {
    auto &dt = fam.getResult<DominatorTreeAnalysis>(f);
    auto &loops = fam.getResult<LoopAnalysis>(f);
    SmallPtrSet<BasicBlock *, 16> safe;
    for (BasicBlock &b : f)
      if (any_of(b, [&](Instruction &i) { return collects(i); }))
        safe.insert(&b);
    for (Loop *l : loops.getLoopsInPreorder())
      if (!is_short(*l))
        poll_loop(*l, safe, dt);
    poll_irreducible(dt);
    if ((recursive || comes_back()) && !safe_before_calls())
      at.insert(&*entry_point());
  }

  bool any() const { return !at.empty(); }
  void insert() {
    for (Instruction *i : at)
      insert_poll(i);
  }

private:
  bool collects(const Instruction &i) const {
    auto *c = dyn_cast<CallBase>(&i);
    return c != nullptr && leaves.kind(*c) == CallKind::safepoint;
  }

  bool is_short(Loop &l) {
    if (f.hasFnAttribute(Attribute::OptimizeNone))
      return false;
    unsigned n =
        fam.getResult<ScalarEvolutionAnalysis>(f).getSmallConstantMaxTripCount(
            &l);
    return n > 0 && n <= kShortLoop;
  }

  void poll_loop(Loop &l, const SmallPtrSetImpl<BasicBlock *> &safe,
                 const DominatorTree &dt) {
    SmallVector<BasicBlock *, 4> latches;
    l.getLoopLatches(latches);
    for (BasicBlock *latch : latches)
      if (none_of(l.blocks(), [&](BasicBlock *b) {
            return safe.contains(b) && dt.dominates(b, latch);
          }))
        at.insert(latch->getTerminator());
  }

  // Cycles with more than one entry, which are no loops.
  void poll_irreducible(const DominatorTree &dt) {
    SmallVector<std::pair<const BasicBlock *, const BasicBlock *>, 8> edges;
    FindFunctionBackedges(f, edges);
    for (auto [from, to] : edges)
      if (!dt.dominates(to, from))
        at.insert(const_cast<Instruction *>(from->getTerminator()));
  }

  // Whether code that is not seen may call this function again.
  bool comes_back() const {
    if (f.doesNotRecurse() || (f.hasLocalLinkage() && !f.hasAddressTaken()))
      return false;
    return any_of(instructions(f), [&](const Instruction &i) {
      if (!collects(i))
        return false;
      const Function *callee = cast<CallBase>(i).getCalledFunction();
      return callee == nullptr || (callee->isDeclaration() &&
                                   !callee->getName().starts_with("pclnrt_"));
    });
  }

  // True if an allocation comes before every call that may lead back here.
  bool safe_before_calls() const {
    for (const Instruction &i : f.getEntryBlock())
      if (collects(i)) {
        const Function *callee = cast<CallBase>(i).getCalledFunction();
        return callee != nullptr &&
               callee->getName().starts_with("pclnrt_gc_new");
      }
    return false;
  }

  BasicBlock::iterator entry_point() const {
    return f.getEntryBlock().getFirstNonPHIOrDbgOrAlloca();
  }

  Function &f;
  FunctionAnalysisManager &fam;
  const Leaves &leaves;
  SmallPtrSet<Instruction *, 8> at;
};

// Constant-size allocas to the top of the entry block, so that code may be put
// behind all of them.
void gather_allocas(Function &f) {
  BasicBlock &entry = f.getEntryBlock();
  auto top = entry.getFirstNonPHIOrDbgOrAlloca();
  for (Instruction &i : make_early_inc_range(make_range(top, entry.end())))
    if (auto *a = dyn_cast<AllocaInst>(&i))
      if (a->isStaticAlloca())
        a->moveBefore(entry, top);
}

// Whether a collection may happen in `f` or below: a call in the place of f's
// own frame (musttail) is no safepoint of f's, but may be one of its caller's.
bool has_safepoint(const Function &f, const Leaves &leaves) {
  return any_of(instructions(f), [&](const Instruction &i) {
    auto *c = dyn_cast<CallBase>(&i);
    return c != nullptr && leaves.may_collect(*c);
  });
}

} // namespace

void place_polls(Module &m, FunctionAnalysisManager &fam, Leaves &leaves) {
  CallGraph graph(m);
  SmallVector<std::pair<Function *, bool>, 32> order;
  for (auto it = scc_begin(&graph); !it.isAtEnd(); ++it)
    for (CallGraphNode *node : *it)
      if (Function *f = node->getFunction())
        if (!f->isDeclaration())
          order.push_back({f, it.hasCycle()});
  for (auto [f, recursive] : order) {
    bool polls = false;
    if (is_ours(*f) && !f->hasFnAttribute(kLeaf)) {
      gather_allocas(*f);
      FunctionPolls p(*f, fam, leaves);
      p.find(recursive);
      polls = p.any();
      p.insert();
      if (polls) {
        f->removeFnAttr(Attribute::Memory); // it calls and loads now
        fam.invalidate(*f, PreservedAnalyses::none());
      }
    }
    if (!polls && !recursive && f->hasExactDefinition() &&
        !has_safepoint(*f, leaves))
      leaves.add(f);
  }
}

} // namespace pclntab
