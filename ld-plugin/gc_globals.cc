// SPDX-License-Identifier: Apache-2.0
//
// Variables in static storage: one record in .debug_pclntab for each that holds
// references (format.h, PCLN_ANNOT_ROOT). They are module-level assembly, since
// a unit may have variables and no function, and so no printer. What assembly
// names must stay under its name: llvm.compiler.used.
#include "gc_internal.h"

#include "format.h"

#include <llvm/ADT/SmallString.h>
#include <llvm/Analysis/ValueTracking.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/IntrinsicInst.h>
#include <llvm/IR/Mangler.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Transforms/Utils/ModuleUtils.h>

namespace pclntab {

using namespace llvm;

namespace {

// Words of variables to which references are stored although their types show
// none there.
class Stored {
public:
  explicit Stored(Module &m) {
    const DataLayout &dl = m.getDataLayout();
    for (Function &f : m)
      for (Instruction &i : instructions(f))
        if (auto *s = dyn_cast<StoreInst>(&i)) {
          Type *t = s->getValueOperand()->getType();
          if (has_refs(t))
            add(s->getPointerOperand(), dl.getTypeStoreSize(t), dl);
        } else if (auto *m = dyn_cast<MemTransferInst>(&i)) {
          auto *len = dyn_cast<ConstantInt>(m->getLength());
          if (len != nullptr && comes_from_refs(*m))
            add(m->getRawDest(), len->getLimitedValue(), dl);
        }
  }

  void apply(const GlobalVariable &g, const DataLayout &dl, Layout &l) const {
    auto it = places.find(&g);
    if (it == places.end())
      return;
    uint64_t size = dl.getTypeAllocSize(g.getValueType());
    for (auto [off, bytes] : it->second)
      widen(l, size, off, bytes);
  }

private:
  // A short memcpy is no store at -O0.
  static bool comes_from_refs(const MemTransferInst &m) {
    auto *a = dyn_cast<AllocaInst>(getUnderlyingObject(m.getRawSource()));
    return a != nullptr && has_refs(a->getAllocatedType());
  }

  void add(const Value *p, uint64_t bytes, const DataLayout &dl) {
    auto *g = dyn_cast<GlobalVariable>(getUnderlyingObject(p));
    if (g == nullptr)
      return;
    uint64_t size = dl.getTypeAllocSize(g->getValueType());
    APInt off(dl.getIndexTypeSizeInBits(p->getType()), 0);
    const Value *object = p->stripAndAccumulateConstantOffsets(dl, off, true);
    if (object != g) { // somewhere in it
      if (!has_refs(g->getValueType()))
        places[g].push_back({0, size});
      return;
    }
    places[g].push_back({off.getLimitedValue(), bytes});
  }

  DenseMap<const GlobalVariable *, std::vector<std::pair<uint64_t, uint64_t>>>
      places;
};

bool is_candidate(const GlobalVariable &g) {
  return !g.isDeclaration() && !g.hasAvailableExternallyLinkage() &&
         !g.isConstant() && !g.getName().starts_with("llvm.") &&
         !g.hasAttribute(kDescribed) && g.getAddressSpace() == 0;
}

void write_record(raw_ostream &os, const GlobalVariable &g, const Layout &l) {
  SmallString<64> name;
  Mangler().getNameWithPrefix(name, &g, false);
  bool tls = g.isThreadLocal();
  os << "770: .short " << int(PCLN_ANNOT_MARK) << "\n .byte "
     << int(PCLN_ANNOT_VERSION) << ", " << int(PCLN_ANNOT_ROOT)
     << "\n .long 771f - 770b\n .quad " << quoted(name)
     << (tls ? "@DTPOFF" : "") << "\n .long " << (tls ? PCLN_ROOT_TLS : 0)
     << ", " << l.words.size() << ", " << l.repeat << ", " << name.size() + 1
     << "\n";
  for (uint8_t b : packed(l))
    os << " .byte " << unsigned(b) << "\n";
  os << " .asciz " << quoted(name) << "\n .p2align 2\n771:\n";
}

} // namespace

std::string quoted(StringRef text) {
  std::string s = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\')
      s += '\\';
    s += c;
  }
  return s + "\"";
}

bool describe_globals(Module &m) {
  const DataLayout &dl = m.getDataLayout();
  Stored stored(m);
  std::string text;
  raw_string_ostream os(text);
  SmallVector<GlobalValue *, 8> used;
  for (GlobalVariable &g : m.globals()) {
    if (!is_candidate(g))
      continue;
    Layout l = layout_of(g.getValueType(), dl, true);
    stored.apply(g, dl, l);
    if (l.unaligned)
      refuse(m, "variable '" + g.getName() +
                    "' has a reference that is not aligned");
    if (!l.any())
      continue;
    write_record(os, g, l);
    g.addAttribute(kDescribed);
    used.push_back(&g);
  }
  if (used.empty())
    return false;
  os.flush();
  m.appendModuleInlineAsm(".pushsection .debug_pclntab,\"\",@progbits\n" +
                          text + ".popsection\n");
  appendToCompilerUsed(m, used);
  return true;
}

} // namespace pclntab
