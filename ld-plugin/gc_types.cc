// SPDX-License-Identifier: Apache-2.0
//
// Which words of a value hold references, from its LLVM type. Pointers have
// lost the type that they point to, but a struct still shows the address space
// of each field, and the names of structs survive to the end: that is how
// strings, slices and interfaces are known.
//
// A union shows one of its members only. Each aligned word of it may then be a
// reference; collectors check words, so an integer there does no harm. So does
// a variable whose type is a struct without a name: clang makes one when the
// initialiser does not fit the declared type, which happens with unions.
#include "gc_internal.h"

#include "format.h"

#include <llvm/IR/DerivedTypes.h>

#include <algorithm>

namespace pclntab {

using namespace llvm;

namespace {

constexpr uint64_t kWord = 8;

struct Known {
  const char *name;
  uint8_t kind;
  unsigned words;
};
const Known known[] = {
    {"gc_string", PCLN_MULTI_STRING, 2},
    {"gc_slice", PCLN_MULTI_SLICE, 3},
    {"gc_iface", PCLN_MULTI_IFACE, 2},
    {"gc_eface", PCLN_MULTI_EFACE, 2},
};

// "struct.gc_string", or with the number that LLVM adds to tell types apart.
const Known *known_struct(const StructType *s) {
  if (!s->hasName())
    return nullptr;
  StringRef name = s->getName();
  if (!name.consume_front("struct.") && !name.consume_front("class."))
    return nullptr;
  for (const Known &k : known) {
    StringRef rest = name;
    if (rest.consume_front(k.name) && (rest.empty() || rest[0] == '.'))
      return &k;
  }
  return nullptr;
}

bool is_union(const StructType *s) {
  return s->hasName() && s->getName().starts_with("union.");
}

class Walk {
public:
  Walk(const DataLayout &dl_, Layout &out_) : dl(dl_), out(out_) {}

  void type(Type *t, uint64_t off) {
    if (is_ref(t))
      mark(off, PCLN_CODE_POINTER);
    else if (auto *s = dyn_cast<StructType>(t))
      struct_type(s, off);
    else if (auto *a = dyn_cast<ArrayType>(t))
      elements(a->getElementType(), a->getNumElements(), off);
    else if (auto *v = dyn_cast<FixedVectorType>(t))
      elements(v->getElementType(), v->getNumElements(), off);
  }

  void all(uint64_t off, uint64_t size) {
    for (uint64_t at = (off + kWord - 1) / kWord * kWord;
         at + kWord <= off + size; at += kWord)
      mark(at, PCLN_CODE_POINTER);
  }

private:
  void struct_type(StructType *s, uint64_t off) {
    if (s->isOpaque())
      return;
    const Known *k = known_struct(s);
    if (k != nullptr && off % kWord == 0) {
      mark(off, PCLN_CODE_MULTIWORD);
      mark(off + kWord, k->kind);
      if (k->words == 3)
        mark(off + 2 * kWord, PCLN_CODE_SCALAR);
      return;
    }
    if (is_union(s)) {
      all(off, dl.getTypeAllocSize(s));
      return;
    }
    const StructLayout *l = dl.getStructLayout(s);
    for (unsigned i = 0; i < s->getNumElements(); i++)
      type(s->getElementType(i), off + uint64_t(l->getElementOffset(i)));
  }

  void elements(Type *t, uint64_t n, uint64_t off) {
    if (!holds_words(t))
      return;
    uint64_t size = dl.getTypeAllocSize(t);
    for (uint64_t i = 0; i < n; i++)
      type(t, off + i * size);
  }

  // Spares the walk over long arrays of bytes.
  static bool holds_words(Type *t) {
    return has_refs(t) || isa<StructType>(t) || isa<ArrayType>(t);
  }

  void mark(uint64_t off, uint8_t entry) {
    if (off % kWord != 0) {
      out.unaligned = true;
      return;
    }
    size_t word = size_t(off / kWord);
    if (out.words.size() <= word)
      out.words.resize(word + 1, PCLN_CODE_SCALAR);
    out.words[word] = entry;
  }

  const DataLayout &dl;
  Layout &out;
};

// True if all elements of an array of `t` begin at a word.
bool repeats(Type *t, const DataLayout &dl) {
  return uint64_t(dl.getTypeAllocSize(t)) % kWord == 0;
}

} // namespace

bool is_ref(const Type *t) {
  return t->isPointerTy() && t->getPointerAddressSpace() == kRefSpace;
}

bool has_refs(const Type *t) {
  if (is_ref(t))
    return true;
  if (auto *a = dyn_cast<ArrayType>(t))
    return has_refs(a->getElementType());
  if (auto *v = dyn_cast<VectorType>(t))
    return has_refs(v->getElementType());
  if (auto *s = dyn_cast<StructType>(t))
    return any_of(s->elements(), [](Type *e) { return has_refs(e); });
  return false;
}

bool has_union(Type *t) {
  if (auto *a = dyn_cast<ArrayType>(t))
    return has_union(a->getElementType());
  auto *s = dyn_cast<StructType>(t);
  return s != nullptr && (is_union(s) || any_of(s->elements(), has_union));
}

Layout layout_of(Type *t, const DataLayout &dl, bool is_variable) {
  Layout l;
  if (!t->isSized() || t->isScalableTy())
    return l;
  while (auto *a = dyn_cast<ArrayType>(t)) {
    if (!repeats(a->getElementType(), dl) || a->getNumElements() == 0)
      break;
    l.repeat *= a->getNumElements();
    t = a->getElementType();
  }
  Walk walk(dl, l);
  auto *s = dyn_cast<StructType>(t);
  if (is_variable && s != nullptr && !s->hasName())
    walk.all(0, dl.getTypeAllocSize(t));
  else
    walk.type(t, 0);
  if (!l.any()) {
    l.repeat = 1;
  } else if (l.repeat > 1) {
    l.words.resize(size_t(dl.getTypeAllocSize(t) / kWord), PCLN_CODE_SCALAR);
    if (l.words.size() * l.repeat <= 32) { // short: one run of words
      SmallVector<uint8_t, 16> once = l.words;
      for (; l.repeat > 1; l.repeat--)
        l.words.append(once.begin(), once.end());
    }
  }
  return l;
}

Layout any_words(uint64_t bytes) {
  Layout l;
  l.words.assign(size_t(bytes / kWord), PCLN_CODE_POINTER);
  return l;
}

void widen(Layout &l, uint64_t size, uint64_t off, uint64_t bytes) {
  if (off % kWord != 0 && bytes <= kWord) {
    l.unaligned = true;
    return;
  }
  if (l.repeat > 1) { // words differ now: spell them out
    SmallVector<uint8_t, 16> once = l.words;
    for (; l.repeat > 1; l.repeat--)
      l.words.append(once.begin(), once.end());
  }
  size_t first = size_t((off + kWord - 1) / kWord);
  size_t last = size_t(std::min(off + bytes, size) / kWord);
  if (l.words.size() < last)
    l.words.resize(last, PCLN_CODE_SCALAR);
  for (size_t w = first; w < last; w++) {
    bool second = w > 0 && l.words[w - 1] == PCLN_CODE_MULTIWORD &&
                  (w < 2 || l.words[w - 2] != PCLN_CODE_MULTIWORD);
    if (l.words[w] == PCLN_CODE_SCALAR && !second)
      l.words[w] = PCLN_CODE_POINTER;
  }
}

std::vector<uint8_t> packed(const Layout &l) {
  std::vector<uint8_t> bytes((l.words.size() + 15) / 16 * 4, 0);
  for (size_t i = 0; i < l.words.size(); i++)
    bytes[i / 4] |= uint8_t(l.words[i] << (2 * (i % 4)));
  return bytes;
}

} // namespace pclntab
