// SPDX-License-Identifier: Apache-2.0
//
// The first stage, before the optimiser, while the unit is still as its author
// wrote it: descriptors of types for gc_type(), the mark that this unit was
// compiled with the plug-in, and which functions later stages have to do with.
// All functions of a unit that includes gc.h are: any of them may be on the
// stack during a collection.
#include "gc_internal.h"

#include "format.h"

#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/Instructions.h>
#include <llvm/Support/raw_ostream.h>

namespace pclntab {

using namespace llvm;

namespace {

// As gc.h writes it, and what becomes of it.
constexpr char kSource[] = ".short 0x4350\n .byte 1, 5\n";
constexpr char kSeen[] = ".short 0x4350\n .byte 1, 6\n";

// Turns the unit's record into the one that says "seen". False: none there.
bool mark_source(Module &m) {
  std::string text = m.getModuleInlineAsm();
  size_t at = text.find(kSource);
  if (at == std::string::npos)
    return false;
  for (; at != std::string::npos; at = text.find(kSource, at))
    text.replace(at, sizeof kSource - 1, kSeen);
  m.setModuleInlineAsm(text);
  return true;
}

// --- Type descriptors ---

Constant *bytes_global(Module &m, ArrayRef<uint8_t> bytes) {
  Constant *data = ConstantDataArray::get(m.getContext(), bytes);
  auto *g = new GlobalVariable(m, data->getType(), true,
                               GlobalValue::PrivateLinkage, data, "gc.codes");
  g->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  return g;
}

// struct pclnrt_gc_type of runtime/gc.h.
GlobalVariable *make_descriptor(Module &m, Type *t, Constant *name) {
  LLVMContext &c = m.getContext();
  const DataLayout &dl = m.getDataLayout();
  Layout l = layout_of(t, dl, false);
  if (l.unaligned)
    refuse(m, "a type of objects has a reference that is not aligned");
  if (l.repeat > 1) { // spelled out: descriptors do not repeat
    SmallVector<uint8_t, 16> once = l.words;
    for (; l.repeat > 1; l.repeat--)
      l.words.append(once.begin(), once.end());
  }
  uint64_t bits = 0;
  bool codes_only = l.words.size() > 64;
  for (size_t i = 0; i < l.words.size() && !codes_only; i++) {
    codes_only = l.words[i] == PCLN_CODE_MULTIWORD;
    if (l.words[i] == PCLN_CODE_POINTER)
      bits |= uint64_t(1) << i;
  }
  Type *i64 = Type::getInt64Ty(c), *i32 = Type::getInt32Ty(c);
  auto *ptr = PointerType::get(c, 0);
  Constant *codes =
      l.any() ? bytes_global(m, packed(l)) : ConstantPointerNull::get(ptr);
  auto *layout = StructType::get(i64, i64, i32, i32, ptr, ptr);
  Constant *init =
      ConstantStruct::get(layout, ConstantInt::get(i64, dl.getTypeAllocSize(t)),
                          ConstantInt::get(i64, codes_only ? 0 : bits),
                          ConstantInt::get(i32, l.words.size()),
                          ConstantInt::get(i32, codes_only), codes, name);
  return new GlobalVariable(m, layout, true, GlobalValue::PrivateLinkage, init,
                            "gc.type");
}

// In C++ the name comes from a template function: "...() [T = name]".
Constant *type_name(Module &m, Constant *name) {
  StringRef text;
  if (!getConstantStringInfo(name, text) || !text.ends_with("]"))
    return name;
  size_t at = text.find("[T = ");
  if (at == StringRef::npos)
    return name;
  StringRef t = text.substr(at + 5).drop_back();
  Constant *data = ConstantDataArray::getString(m.getContext(), t);
  return new GlobalVariable(m, data->getType(), true,
                            GlobalValue::PrivateLinkage, data, "gc.name");
}

// The type that the first argument shows: that of a variable which exists for
// this alone, or, in C++, of the elements that a pointer is moved by.
Type *probed_type(const Value *probe) {
  if (auto *g = dyn_cast<GlobalVariable>(probe))
    return g->getValueType();
  if (auto *g = dyn_cast<GetElementPtrInst>(probe))
    return g->getNumIndices() == 1 ? g->getSourceElementType() : nullptr;
  return nullptr;
}

void replace(CallBase *call, Constant *by) {
  call->replaceAllUsesWith(by);
  if (auto *invoke = dyn_cast<InvokeInst>(call)) {
    BranchInst::Create(invoke->getNormalDest(), invoke->getIterator());
    invoke->getUnwindDest()->removePredecessor(invoke->getParent());
  }
  call->eraseFromParent();
}

// gc_type(T) is a call with a probe of type T that nobody uses otherwise.
void make_types(Module &m) {
  Function *marker = m.getFunction("pclnrt_gc_type_needs_the_plugin");
  if (marker == nullptr)
    return;
  DenseMap<std::pair<Type *, Value *>, GlobalVariable *> made;
  SmallSetVector<Value *, 8> probes;
  for (User *u : make_early_inc_range(marker->users())) {
    auto *call = dyn_cast<CallBase>(u);
    bool ours = call != nullptr && call->arg_size() == 2;
    Type *t = ours ? probed_type(call->getArgOperand(0)) : nullptr;
    auto *name = ours ? dyn_cast<Constant>(call->getArgOperand(1)) : nullptr;
    if (t == nullptr || name == nullptr) {
      if (auto *i = dyn_cast<Instruction>(u))
        refuse(*i, "gc_type() is used otherwise than gc.h does");
      continue;
    }
    GlobalVariable *&g = made[{t, name}];
    if (g == nullptr)
      g = make_descriptor(m, t, type_name(m, name));
    probes.insert(call->getArgOperand(0));
    replace(call, g);
  }
  for (Value *p : probes) {
    if (!p->use_empty())
      continue;
    if (auto *g = dyn_cast<GlobalVariable>(p))
      g->eraseFromParent();
    else
      cast<Instruction>(p)->eraseFromParent();
  }
  if (marker->use_empty())
    marker->eraseFromParent();
}

// --- Memory of frames ---

// Arrays of bytes that are larger than this hold what they are called, if they
// are the program's: the optimiser makes such of parts of structs.
constexpr uint64_t kSmallBytes = 64;

// What alloca() gives has no type in C,
// and gets one here: every word of it may be a reference.
void mark_memory(Function &f) {
  const DataLayout &dl = f.getParent()->getDataLayout();
  LLVMContext &c = f.getContext();
  SmallVector<AllocaInst *, 4> untyped;
  for (Instruction &i : f.getEntryBlock())
    if (auto *a = dyn_cast<AllocaInst>(&i);
        a != nullptr && a->isStaticAlloca()) {
      Type *t = a->getAllocatedType();
      if (a->isArrayAllocation() && t->isIntegerTy(8))
        untyped.push_back(a);
      else if (t->isArrayTy() && t->getArrayElementType()->isIntegerTy(8) &&
               t->getArrayNumElements() > kSmallBytes)
        a->setMetadata(kBytes, MDNode::get(c, {}));
    }
  for (AllocaInst *a : untyped) {
    uint64_t bytes = a->getAllocationSize(dl)->getFixedValue();
    if (bytes < 8)
      continue;
    Type *t = ArrayType::get(PointerType::get(c, kRefSpace), (bytes + 7) / 8);
    auto *typed = new AllocaInst(t, a->getAddressSpace(), nullptr,
                                 a->getAlign(), "", a->getIterator());
    typed->takeName(a);
    a->replaceAllUsesWith(typed);
    a->eraseFromParent();
  }
}

// --- Functions ---

// gc_leaf is an annotation, which is lost at link time; attributes are not.
void keep_leaf_marks(Module &m) {
  auto *list = m.getGlobalVariable("llvm.global.annotations");
  if (list == nullptr || !list->hasInitializer())
    return;
  auto *entries = dyn_cast<ConstantArray>(list->getInitializer());
  if (entries == nullptr)
    return;
  for (Value *e : entries->operands()) {
    auto *entry = dyn_cast<ConstantStruct>(e);
    if (entry == nullptr || entry->getNumOperands() < 2)
      continue;
    auto *f = dyn_cast<Function>(entry->getOperand(0)->stripPointerCasts());
    auto *text =
        dyn_cast<GlobalVariable>(entry->getOperand(1)->stripPointerCasts());
    auto *data = text == nullptr || !text->hasInitializer()
                     ? nullptr
                     : dyn_cast<ConstantDataArray>(text->getInitializer());
    if (f == nullptr || data == nullptr || !data->isCString() ||
        data->getAsCString() != "pclntab.leaf")
      continue;
    f->addFnAttr(kLeaf);
    for (User *u : f->users())
      if (auto *call = dyn_cast<CallBase>(u))
        if (call->getCalledFunction() == f)
          call->addFnAttr(Attribute::get(m.getContext(), kLeaf));
  }
}

void mark_functions(Module &m) {
  for (Function &f : m)
    if (!f.isDeclaration() && !f.hasGC()) {
      f.setGC(kStrategy);
      f.addFnAttr(kPending);
    }
}

} // namespace

PreservedAnalyses Prepare::run(Module &m, ModuleAnalysisManager &) {
  if (!mark_source(m))
    return PreservedAnalyses::all();
  m.getOrInsertNamedMetadata(kUnit);
  if (pre_link)
    m.getOrInsertNamedMetadata(kPreLink);
  make_types(m);
  for (const Function &f : m)
    check_source(f);
  keep_leaf_marks(m);
  mark_functions(m);
  for (Function &f : m)
    if (!f.isDeclaration())
      mark_memory(f);
  keep_unions(m);
  hide_integers(m);
  return PreservedAnalyses::none();
}

void mark_unit(Module &m) {
  if (m.getNamedMetadata(kUnit) != nullptr)
    return;
  m.getOrInsertNamedMetadata(kUnit);
  std::string text;
  raw_string_ostream os(text);
  os << ".pushsection " PCLN_ANNOT_SECTION ",\"\",@progbits\n770: " << kSeen
     << " .long 771f - 770b\n .quad 0\n .asciz "
     << quoted(m.getSourceFileName())
     << "\n .p2align 2\n771:\n.popsection\n"
        ".pushsection " PCLN_GC_NOTE_SECTION ",\"a\",@note\n"
        " .p2align 2\n .long "
     << sizeof PCLN_SLOT_NOTE_NAME << ", 0, " << int(PCLN_GC_NOTE_TYPE)
     << "\n .asciz \"" PCLN_SLOT_NOTE_NAME "\"\n.popsection\n";
  os.flush();
  m.appendModuleInlineAsm(text);
}

namespace {

constexpr char kNonIntegral[] = "-ni:1";

} // namespace

void hide_integers(Module &m) {
  std::string s = m.getDataLayoutStr();
  if (m.getNamedMetadata(kUnit) != nullptr && !StringRef(s).contains("-ni:"))
    m.setDataLayout(s + kNonIntegral);
}

void unhide_integers(Module &m) {
  std::string s = m.getDataLayoutStr();
  if (StringRef(s).ends_with(kNonIntegral))
    m.setDataLayout(s.substr(0, s.size() - sizeof kNonIntegral + 1));
}

} // namespace pclntab
