// SPDX-License-Identifier: Apache-2.0
//
// Diagnostics: what a program does with references that neither types nor this
// plug-in can follow. Each is an error at compile time, because what it would
// be otherwise is an object that is freed while it is in use.
#include "gc_internal.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/Support/CommandLine.h>

namespace pclntab {

using namespace llvm;

namespace {

cl::opt<bool> allow_inttoptr(
    "pclntab-gc-allow-inttoptr",
    cl::desc("References may be made of integers: the program keeps them "
             "alive by other means"));

void report(const Function &f, const DiagnosticLocation &at, const Twine &what,
            DiagnosticSeverity severity) {
  f.getContext().diagnose(
      DiagnosticInfoUnsupported(f, "pclntab: " + what, at, severity));
}

// Memory that the collector never looks at.
bool is_foreign_memory(const Value *object) {
  auto *c = dyn_cast<CallBase>(object);
  const Function *f = c == nullptr ? nullptr : c->getCalledFunction();
  if (f == nullptr)
    return false;
  static const char *const names[] = {
      "malloc",        "calloc",         "realloc", "reallocarray",
      "aligned_alloc", "posix_memalign", "mmap",    "__cxa_allocate_exception",
      "_Znwm",         "_Znam"};
  return is_contained(names, f->getName());
}

class Checker {
public:
  Checker(Function &f_, const Values &values_)
      : f(f_), values(values_), dl(f.getParent()->getDataLayout()) {}

  void run() {
    for (Instruction &i : instructions(f)) {
      if (auto *a = dyn_cast<AllocaInst>(&i))
        alloca(*a);
      else if (auto *s = dyn_cast<StoreInst>(&i))
        store(*s);
      else if (auto *c = dyn_cast<IntToPtrInst>(&i))
        from_integer(*c);
      else if (auto *c = dyn_cast<CallBase>(&i))
        call(*c);
      else if (auto *r = dyn_cast<ReturnInst>(&i))
        leave(*r);
      else if (has_refs(i.getType()) && i.getType()->isScalableTy())
        refuse(i, "vectors of references with a size that is not constant");
    }
  }

private:
  void alloca(const AllocaInst &a) {
    Layout l = layout_of(a.getAllocatedType(), dl, false);
    if (l.unaligned)
      refuse(a, "a packed variable has a reference that is not aligned");
    if (has_refs(a.getAllocatedType()) && !a.isStaticAlloca())
      refuse(a, "an array of references on the stack has no constant size; "
                "allocate it with gc_new_array");
    if (a.isUsedWithInAlloca() && l.any())
      refuse(a, "arguments with references are built in place (inalloca)");
  }

  void store(const StoreInst &s) {
    const Value *v = s.getValueOperand();
    bool ref = has_refs(v->getType());
    if (isa<Constant>(v) || (!ref && !values.is_cast(v)) ||
        !(ref || v->getType()->isPointerTy()))
      return;
    const Value *to = getUnderlyingObject(s.getPointerOperand());
    if (auto *a = dyn_cast<AllocaInst>(to)) {
      if (!a->isStaticAlloca())
        refuse(s, "a reference is stored to stack memory of variable size");
      return;
    }
    if (is_foreign_memory(to)) {
      refuse(s, "a reference is stored to memory that the collector does not "
                "look at; allocate it with gc_new, or see pclnrt_gc_add_root");
      return;
    }
    auto *g = dyn_cast<GlobalVariable>(to);
    if (g != nullptr ? g->isDeclaration() &&
                           !layout_of(g->getValueType(), dl, true).any()
                     : !ref)
      refuse(s, "a reference that was cast to an ordinary pointer is stored "
                "where the collector does not look");
  }

  void from_integer(const IntToPtrInst &c) {
    if (has_refs(c.getType()) && !isa<Constant>(c.getOperand(0)) &&
        !allow_inttoptr)
      refuse(c, "a reference is made of an integer, which keeps nothing alive "
                "(permitted by -fplugin=PLUG-IN -mllvm "
                "-pclntab-gc-allow-inttoptr)");
  }

  void call(const CallBase &c) {
    if (isa<CallBrInst>(c) && has_refs(c.getType()))
      refuse(c, "asm goto has a reference as its output");
    if (f.hasFnAttribute(kLeaf) && collects(c))
      refuse(c, "a function that is declared gc_leaf calls one that collects");
    if (c.getOperandBundle(LLVMContext::OB_deopt))
      refuse(c, "a call has deoptimisation values already");
  }

  static bool collects(const CallBase &c) {
    const Function *callee = c.getCalledFunction();
    return callee != nullptr && !c.hasFnAttr(kLeaf) &&
           (callee->getName().starts_with("pclnrt_gc_new") ||
            callee->getName() == "pclnrt_gc_collect" ||
            callee->getName() == "pclnrt_gc_poll");
  }

  // A caller that gave no reference does not know that it got one.
  void leave(const ReturnInst &r) {
    const Value *v = r.getReturnValue();
    if (v == nullptr || !v->getType()->isPointerTy() || !values.is_cast(v) ||
        isa<Argument>(v) || isa<CallBase>(v))
      return;
    if (none_of(f.args(),
                [](const Argument &a) { return has_refs(a.getType()); }))
      warn(r, "a reference is returned as an ordinary pointer, which does not "
              "keep it alive in the caller");
  }

  Function &f;
  const Values &values;
  const DataLayout &dl;
};

} // namespace

void refuse(const Instruction &at, const Twine &what) {
  report(*at.getFunction(), at.getDebugLoc(), what, DS_Error);
}

void refuse(const Function &f, const Twine &what) {
  report(f, DiagnosticLocation(f.getSubprogram()), what, DS_Error);
}

void refuse(const Module &m, const Twine &what) {
  m.getContext().emitError("pclntab: " + what);
}

void warn(const Instruction &at, const Twine &what) {
  report(*at.getFunction(), at.getDebugLoc(), what, DS_Warning);
}

void check_alignment(const Function &f) {
  for (const Instruction &i : instructions(f))
    if (auto *s = dyn_cast<StoreInst>(&i))
      if (is_ref(s->getValueOperand()->getType()) && s->getAlign() < Align(8))
        refuse(i, "a reference is stored to a place that is not aligned");
}

void check_function(Function &f, const Values &values) {
  Checker(f, values).run();
}

} // namespace pclntab
