// SPDX-License-Identifier: Apache-2.0
//
// Structs that are passed by value in memory. The copy stands among the
// arguments on the stack, which no map tells of: maps name variables. The
// callee therefore makes one of its own at its entry. Where it cannot (behind
// "...", or it was not compiled by this plug-in) the caller keeps what it
// passes: its own variable if nobody can change that meanwhile, else a copy.
#include "gc_internal.h"

#include <llvm/Analysis/CaptureTracking.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

namespace pclntab {

using namespace llvm;

namespace {

AllocaInst *make_copy(Function &f, Type *t) {
  BasicBlock &entry = f.getEntryBlock();
  IRBuilder<> b(&entry, entry.begin());
  AllocaInst *copy = b.CreateAlloca(t);
  copy->setAlignment(std::max(copy->getAlign(), Align(8)));
  return copy;
}

bool is_changed_by_others(const Value *memory) {
  auto *a = dyn_cast<AllocaInst>(getUnderlyingObject(memory));
#if LLVM_VERSION_MAJOR >= 21
  return a == nullptr || PointerMayBeCaptured(a, false);
#else
  return a == nullptr || PointerMayBeCaptured(a, false, true);
#endif
}

// Whether nobody but the caller keeps argument `i`.
bool is_callers(const CallBase &call, unsigned i) {
  const Function *callee = call.getCalledFunction();
  return callee == nullptr || callee->isDeclaration() ||
         i >= call.getFunctionType()->getNumParams();
}

// The copy lives as long as the call.
void bound_lifetime(AllocaInst *copy, CallInst *call, uint64_t size) {
  IRBuilder<> before(call), behind(call->getNextNode());
  before.SetCurrentDebugLocation(DebugLoc());
  behind.SetCurrentDebugLocation(DebugLoc());
#if LLVM_VERSION_MAJOR >= 22
  (void)size;
  before.CreateLifetimeStart(copy);
  behind.CreateLifetimeEnd(copy);
#else
  before.CreateLifetimeStart(copy, before.getInt64(size));
  behind.CreateLifetimeEnd(copy, behind.getInt64(size));
#endif
}

void copy_operand(CallBase *call, unsigned i, Type *t) {
  const DataLayout &dl = call->getModule()->getDataLayout();
  uint64_t size = dl.getTypeAllocSize(t);
  AllocaInst *copy = make_copy(*call->getFunction(), t);
  if (auto *c = dyn_cast<CallInst>(call))
    bound_lifetime(copy, c, size);
  IRBuilder<> b(call);
  b.SetCurrentDebugLocation(DebugLoc());
  b.CreateMemCpy(copy, copy->getAlign(), call->getArgOperand(i),
                 call->getParamAlign(i), size);
  call->setArgOperand(i, copy);
}

} // namespace

void copy_byval_arguments(Function &f) {
  const DataLayout &dl = f.getParent()->getDataLayout();
  for (Argument &a : f.args()) {
    Type *t = a.getParamByValType();
    if (t == nullptr || !layout_of(t, dl, true).any())
      continue;
    AllocaInst *copy = make_copy(f, t);
    a.replaceAllUsesWith(copy);
    BasicBlock &entry = f.getEntryBlock();
    IRBuilder<> b(&entry, entry.getFirstNonPHIOrDbgOrAlloca());
    b.SetCurrentDebugLocation(DebugLoc());
    b.CreateMemCpy(copy, copy->getAlign(), &a, a.getParamAlign(),
                   dl.getTypeAllocSize(t));
  }
}

void keep_byval_operands(Function &f) {
  const DataLayout &dl = f.getParent()->getDataLayout();
  SmallVector<CallBase *, 8> calls;
  for (Instruction &i : instructions(f))
    if (auto *c = dyn_cast<CallBase>(&i))
      if (!isa<IntrinsicInst>(c) && !c->isMustTailCall())
        calls.push_back(c);
  for (CallBase *c : calls)
    for (unsigned i = 0; i < c->arg_size(); i++) {
      Type *t = c->isByValArgument(i) ? c->getParamByValType(i) : nullptr;
      if (t != nullptr && layout_of(t, dl, true).any() && is_callers(*c, i) &&
          is_changed_by_others(c->getArgOperand(i)))
        copy_operand(c, i, t);
    }
}

} // namespace pclntab
