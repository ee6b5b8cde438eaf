// SPDX-License-Identifier: Apache-2.0
//
// Unions. LLVM knows one member of a union and takes the others for the same
// bytes, so whether a word of it is a reference is nowhere to be seen: each may
// be one (gc_types.cc). That is easy in memory, and hard once the optimiser
// has taken a local apart: into the halves that an int member shows, into a
// double, into an integer of which bits are tested. Some of these are no longer
// words that can be kept.
//
// So before the optimiser runs, each local with a union in it is named by an
// llvm.var.annotation. It costs nothing and captures nothing, loads and stores
// are still optimised away, but whoever would split the variable or put it into
// registers sees a use that it does not understand, and leaves it whole. What
// is left of the program's words in registers are integers of the words' size:
// gc_values.cc follows these, in modules that have unions.
#include "gc_internal.h"

#include <llvm/IR/Constants.h>
#include <llvm/IR/IRBuilder.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>

namespace pclntab {

using namespace llvm;

namespace {

constexpr char kUnions[] = "pclntab.unions";
// Where others have a line number.
constexpr uint32_t kMark = 0x50434c55;

bool is_mark(const Instruction &i) {
  auto *c = dyn_cast<IntrinsicInst>(&i);
  if (c == nullptr || c->getIntrinsicID() != Intrinsic::var_annotation)
    return false;
  auto *line = dyn_cast<ConstantInt>(c->getArgOperand(3));
  return line != nullptr && line->equalsInt(kMark);
}

void keep_whole(AllocaInst &a) {
  IRBuilder<> b(a.getParent(), a.getParent()->getFirstNonPHIOrDbgOrAlloca());
  b.SetCurrentDebugLocation(DebugLoc());
  Constant *null = ConstantPointerNull::get(b.getPtrTy());
  CallInst *c =
      b.CreateIntrinsic(Intrinsic::var_annotation, {b.getPtrTy(), b.getPtrTy()},
                        {&a, null, null, b.getInt32(kMark), null});
#if LLVM_VERSION_MAJOR >= 21
  c->addParamAttr(
      0, Attribute::getWithCaptureInfo(b.getContext(), CaptureInfo::none()));
#else
  c->addParamAttr(0, Attribute::NoCapture);
#endif
}

bool any_union(const Module &m) {
  return any_of(m.getIdentifiedStructTypes(),
                [](StructType *s) { return has_union(s); });
}

} // namespace

void keep_unions(Module &m) {
  if (!any_union(m))
    return;
  m.getOrInsertNamedMetadata(kUnions);
  for (Function &f : m) {
    if (f.isDeclaration() || f.hasFnAttribute(Attribute::OptimizeNone))
      continue;
    SmallVector<AllocaInst *, 8> found;
    for (Instruction &i : f.getEntryBlock())
      if (auto *a = dyn_cast<AllocaInst>(&i))
        if (a->isStaticAlloca() && has_union(a->getAllocatedType()))
          found.push_back(a);
    for (AllocaInst *a : found)
      keep_whole(*a);
  }
}

bool release_unions(Module &m) {
  for (Function &f : m)
    for (Instruction &i : make_early_inc_range(instructions(f)))
      if (is_mark(i))
        i.eraseFromParent();
  // A front end's module did not pass the first stage.
  return m.getNamedMetadata(kUnions) != nullptr || any_union(m);
}

} // namespace pclntab
