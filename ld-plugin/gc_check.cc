// SPDX-License-Identifier: Apache-2.0
//
// Diagnostics: what a program does with references that neither types nor this
// plug-in can follow. Each is an error at compile time, because what it would
// be otherwise is an object that is freed while it is in use.
#include "gc_internal.h"

#include "format.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/Demangle/Demangle.h>
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

constexpr uint64_t kStackAlignment = 16; // that calls keep to

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

// What `p` may point into. At -O0 pointers are kept in local variables.
SmallSetVector<const Value *, 4> objects(const Value *p) {
  SmallSetVector<const Value *, 4> found;
  SmallPtrSet<const Value *, 8> seen;
  SmallVector<const Value *, 4> work{p};
  while (!work.empty()) {
    SmallVector<const Value *, 4> under;
    getUnderlyingObjects(work.pop_back_val(), under, nullptr, 16);
    for (const Value *o : under) {
      if (!seen.insert(o).second)
        continue;
      auto *l = dyn_cast<LoadInst>(o);
      auto *a = l ? dyn_cast<AllocaInst>(l->getPointerOperand()) : nullptr;
      if (a == nullptr)
        found.insert(o);
      else
        for (const User *u : a->users())
          if (auto *s = dyn_cast<StoreInst>(u);
              s && s->getPointerOperand() == a)
            work.push_back(s->getValueOperand());
    }
  }
  return found;
}

// Whether a reference is among the bytes that `m` copies from a variable.
bool copies_refs(const MemTransferInst &m, const DataLayout &dl) {
  const Value *from = m.getRawSource();
  APInt off(dl.getIndexTypeSizeInBits(from->getType()), 0);
  from = from->stripAndAccumulateConstantOffsets(dl, off, true);
  Type *t = nullptr;
  if (auto *a = dyn_cast<AllocaInst>(from))
    t = a->getAllocatedType();
  else if (auto *g = dyn_cast<GlobalVariable>(from))
    t = g->isConstant() ? nullptr : g->getValueType();
  auto *len = dyn_cast<ConstantInt>(m.getLength());
  if (t == nullptr || !has_refs(t) || len == nullptr)
    return false;
  Layout l = layout_of(t, dl, false);
  for (uint64_t w = (off.getLimitedValue() + 7) / 8;
       8 * w + 8 <= off.getLimitedValue() + len->getLimitedValue() && l.any();
       w++)
    if (l.words[w % l.words.size()] != PCLN_CODE_SCALAR)
      return true;
  return false;
}

// What comes back as setjmp does, and collects nothing.
bool is_known_to_return_twice(const CallBase &c) {
  static const char *const names[] = {"setjmp",      "_setjmp", "sigsetjmp",
                                      "__sigsetjmp", "vfork",   "getcontext",
                                      "savectx"};
  const Function *callee = c.getCalledFunction();
  return callee != nullptr && callee->isDeclaration() &&
         is_contained(names, callee->getName());
}

class Checker {
public:
  Checker(Function &f_, const Values &values_)
      : f(f_), values(values_), dl(f.getParent()->getDataLayout()) {}

  void run() {
    find_named();
    for (Instruction &i : instructions(f)) {
      if (auto *a = dyn_cast<AllocaInst>(&i))
        alloca(*a);
      else if (auto *s = dyn_cast<StoreInst>(&i))
        store(*s);
      else if (auto *c = dyn_cast<IntToPtrInst>(&i))
        from_integer(*c);
      else if (auto *m = dyn_cast<MemTransferInst>(&i))
        copy(*m);
      else if (auto *c = dyn_cast<CallBase>(&i))
        call(*c);
      else if (auto *r = dyn_cast<ReturnInst>(&i))
        leave(*r);
      else if (has_refs(i.getType()) && i.getType()->isScalableTy())
        refuse(i, "vectors of references with a size that is not constant");
    }
  }

private:
  // Memory that the program itself tells the collector of.
  void find_named() {
    for (const Instruction &i : instructions(f))
      if (auto *c = dyn_cast<CallBase>(&i))
        if (const Function *callee = c->getCalledFunction();
            callee != nullptr && callee->getName() == "pclnrt_gc_add_root")
          for (const Value *o : objects(c->getArgOperand(0)))
            named.insert(o);
  }

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
    if (check_place(s, s.getPointerOperand()))
      return;
    const Value *to = getUnderlyingObject(s.getPointerOperand());
    if (isa<AllocaInst>(to))
      return;
    auto *g = dyn_cast<GlobalVariable>(to);
    if (g != nullptr ? g->isDeclaration() &&
                           !layout_of(g->getValueType(), dl, true).any()
                     : !ref)
      refuse(s, "a reference that was cast to an ordinary pointer is stored "
                "where the collector does not look");
  }

  void copy(const MemTransferInst &m) {
    if (copies_refs(m, dl))
      check_place(m, m.getRawDest());
  }

  // True if references to `place` are none, and said so.
  bool check_place(const Instruction &i, const Value *place) {
    for (const Value *to : objects(place)) {
      if (named.contains(to))
        continue;
      auto *a = dyn_cast<AllocaInst>(to);
      if (a != nullptr && !a->isStaticAlloca()) {
        refuse(i, "a reference is stored to stack memory of variable size");
        return true;
      }
      if (is_foreign_memory(to)) {
        refuse(i, "a reference is stored to memory that the collector does not "
                  "look at; allocate it with gc_new, or see "
                  "pclnrt_gc_add_root");
        return true;
      }
    }
    return false;
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
    if (c.hasFnAttr(Attribute::ReturnsTwice) && !isa<IntrinsicInst>(c) &&
        !is_known_to_return_twice(c))
      refuse(c, "a call that returns twice may collect, and has no map");
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
  SmallPtrSet<const Value *, 4> named;
};

// The class whose objects a call of __cxa_throw throws, by the name of its type
// information; null: another call, or a type that is not known here.
Type *thrown_class(const CallBase &c) {
  const Function *callee = c.getCalledFunction();
  if (callee == nullptr || callee->getName() != "__cxa_throw" ||
      c.arg_size() < 2)
    return nullptr;
  std::string name =
      demangle(c.getArgOperand(1)->stripPointerCasts()->getName().str());
  StringRef rest = name;
  if (!rest.consume_front("typeinfo for "))
    return nullptr;
  Type *t = StructType::getTypeByName(c.getContext(), ("struct." + rest).str());
  return t != nullptr ? t
                      : StructType::getTypeByName(c.getContext(),
                                                  ("class." + rest).str());
}

bool holds_refs(const Instruction &i) {
  auto *a = dyn_cast<AllocaInst>(&i);
  return has_refs(i.getType()) ||
         (a != nullptr && has_refs(a->getAllocatedType()));
}

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

void check_source(const Function &f) {
  for (const Instruction &i : instructions(f)) {
    if (auto *s = dyn_cast<StoreInst>(&i))
      if (is_ref(s->getValueOperand()->getType()) && s->getAlign() < Align(8))
        refuse(i, "a reference is stored to a place that is not aligned");
    if (auto *c = dyn_cast<CallBase>(&i))
      if (Type *t = thrown_class(*c); t != nullptr && has_refs(t))
        refuse(i, "an object with references is thrown: the collector does not "
                  "look at it");
    if (f.hasFnAttribute(Attribute::PresplitCoroutine) && holds_refs(i)) {
      refuse(i, "a coroutine has references: the collector does not look at "
                "the memory that is its frame");
      return;
    }
  }
}

void check_frame(const Function &f) {
  const AllocaInst *aligned = nullptr;
  bool varies = false;
  for (const Instruction &i : instructions(f))
    if (auto *a = dyn_cast<AllocaInst>(&i)) {
      varies |= !a->isStaticAlloca();
      if (a->isStaticAlloca() && a->getAlign() > Align(kStackAlignment))
        aligned = a;
    }
  if (varies && aligned != nullptr)
    refuse(*aligned, "a variable that is aligned to more than 16 bytes, in a "
                     "frame of variable size: no map can name places in it");
}

void check_function(Function &f, const Values &values) {
  Checker(f, values).run();
}

} // namespace pclntab
