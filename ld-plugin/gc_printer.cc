// SPDX-License-Identifier: Apache-2.0
//
// The strategy "pclntab", and what it writes instead of .llvm_stackmaps: one
// record of each function with its safepoints (format.h,
// PCLN_ANNOT_SAFEPOINTS). Its section is not loaded and every linker resolves
// it; the linker plugin makes rows of the table of it.
//
// Two kinds of calls come here: those that this plug-in gave a bundle
// (gc_bundle.h), and statepoints that a front end made itself, whose live
// pointers are pairs of base and derived pointer in spill slots. Anything else
// that holds a reference has no place in the table, and ends the compilation.
//
// A function's record refers to a label of its own and not to its symbol: of
// several copies of an inline function (COMDAT) the linker keeps one, and the
// records of the others must vanish with them instead of speaking about it.
#include "gc_bundle.h"
#include "gc_internal.h"

#include "format.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/BinaryFormat/ELF.h>
#include <llvm/CodeGen/AsmPrinter.h>
#include <llvm/CodeGen/AsmPrinterHandler.h>
#include <llvm/CodeGen/GCMetadata.h>
#include <llvm/CodeGen/GCMetadataPrinter.h>
#include <llvm/CodeGen/MachineFunction.h>
#include <llvm/CodeGen/StackMaps.h>
#include <llvm/IR/GCStrategy.h>
#include <llvm/IR/LLVMContext.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCExpr.h>
#include <llvm/MC/MCSectionELF.h>
#include <llvm/MC/MCStreamer.h>
#include <llvm/MC/MCSymbol.h>

namespace pclntab {

using namespace llvm;

namespace {

class Strategy : public GCStrategy {
public:
  Strategy() {
    UseStatepoints = true;
    UseRS4GC = true; // front ends may let LLVM rewrite their code
    UsesMetadata = true;
  }
  std::optional<bool> isGCManagedPointer(const Type *t) const override {
    return is_ref(t);
  }
};

// First and end label of each function.
struct Extent {
  MCSymbol *begin, *end;
};
using Extents = DenseMap<const MCSymbol *, Extent>;

class Labels : public AsmPrinterHandler {
public:
  Labels(AsmPrinter &ap_, Extents &extents_) : ap(ap_), extents(extents_) {}

  void beginFunction(const MachineFunction *) override { begin = label(); }
  // Before tables of jumps, which are in another section.
  void markFunctionEnd() override {
    extents[ap.CurrentFnSym] = {begin, label()};
  }
  void endFunction(const MachineFunction *) override {}
  void endModule() override {}

private:
  MCSymbol *label() {
    MCSymbol *s = ap.OutContext.createTempSymbol("gc_func");
    ap.OutStreamer->emitLabel(s);
    return s;
  }

  AsmPrinter &ap;
  Extents &extents;
  MCSymbol *begin = nullptr;
};

// What one safepoint says, still as LLVM's locations.
struct FrameWords {
  uint16_t reg;
  int32_t off;
  uint32_t repeat;
  Layout layout;
};
struct Pair {
  StackMaps::Location base, derived;
};
struct Point {
  const MCExpr *ret = nullptr;
  uint16_t flags = 0;
  std::vector<FrameWords> areas;
  std::vector<Pair> pairs;
};

// Reads the locations of one call site. Its result is false, and `fault` says
// why, if a reference has no place that the table can express.
class Reader {
public:
  explicit Reader(const StackMaps::LocationVec &locs_) : locs(locs_) {}

  bool read(Point &out) {
    // Calling convention, flags, number of deoptimisation values.
    uint64_t cc, flags, n;
    if (!constant(cc) || !constant(flags) || !constant(n))
      return fail("the stack map is not that of a statepoint");
    size_t end = at + size_t(n);
    if (n > 0 && locs[at].Type == StackMaps::Location::Constant &&
        locs[at].Offset == kBundleMark) {
      if (!bundle(out))
        return false;
    } else if (n > 0) {
      return fail("deoptimisation values have no place in the table");
    }
    return at == end || n == 0 ? own_pairs(out)
                               : fail("a bundle of this plug-in is damaged");
  }

  const char *fault = "";

private:
  bool fail(const char *what) {
    fault = what;
    return false;
  }

  bool constant(uint64_t &v) {
    if (at >= locs.size() || locs[at].Type != StackMaps::Location::Constant)
      return false;
    v = uint64_t(int64_t(locs[at++].Offset));
    return true;
  }

  bool bundle(Point &out) {
    uint64_t mark, flags, n;
    if (!constant(mark) || !constant(flags) || !constant(n))
      return fail("a bundle of this plug-in is damaged");
    out.flags = uint16_t(flags);
    for (; n > 0; n--)
      if (!area(out))
        return false;
    return true;
  }

  bool area(Point &out) {
    uint64_t n_words, repeat, group = 0;
    if (!constant(n_words) || !constant(repeat))
      return fail("a bundle of this plug-in is damaged");
    Layout l;
    l.repeat = repeat;
    for (size_t i = 0; i < n_words; i++) {
      if (i % kBundleEntries == 0 && !constant(group))
        return fail("a bundle of this plug-in is damaged");
      l.words.push_back(uint8_t(group >> (2 * (i % kBundleEntries)) & 3));
    }
    if (at >= locs.size() || locs[at].Type != StackMaps::Location::Direct)
      return fail("memory with references is at no fixed place in the frame "
                  "(AddressSanitizer moves it: -mllvm -asan-stack=0)");
    out.areas.push_back({locs[at].Reg, locs[at].Offset, uint32_t(repeat), l});
    at++;
    return true;
  }

  // gc.statepoint of a front end: base and derived pointer, each in memory.
  bool own_pairs(Point &out) {
    while (at < locs.size()) {
      if (locs[at].Type == StackMaps::Location::Constant) { // null
        at += 2;
        continue;
      }
      if (locs[at].Type == StackMaps::Location::Direct)
        return fail("an alloca with references among the live values of a "
                    "statepoint: its words are not known");
      if (at + 1 >= locs.size() || !in_memory(locs[at]) ||
          !in_memory(locs[at + 1]))
        return fail("a live reference is in a register");
      pair(out, locs[at], locs[at + 1]);
      at += 2;
    }
    return true;
  }

  static bool in_memory(const StackMaps::Location &l) {
    return l.Type == StackMaps::Location::Indirect && l.Size == 8;
  }

  static void pair(Point &out, const StackMaps::Location &base,
                   const StackMaps::Location &derived) {
    Layout one;
    one.words.push_back(PCLN_CODE_POINTER);
    auto add = [&](const StackMaps::Location &l) {
      for (const FrameWords &w : out.areas)
        if (w.reg == l.Reg && w.off == l.Offset)
          return;
      out.areas.push_back({l.Reg, l.Offset, 1, one});
    };
    add(base);
    if (base.Reg == derived.Reg && base.Offset == derived.Offset)
      return;
    add(derived);
    out.pairs.push_back({base, derived});
  }

  const StackMaps::LocationVec &locs;
  size_t at = 0;
};

class Printer : public GCMetadataPrinter {
public:
  void beginAssembly(Module &m, GCModuleInfo &, AsmPrinter &ap) override {
    for (const Function &f : m)
      if (!f.isDeclaration() && f.hasFnAttribute(kPending))
        refuse(f, "function '" + f.getName() +
                      "' has reached the code generator without safepoints: "
                      "the plug-in was not loaded where optimisation ended");
    // A front end's unit that LLVM's own pass has rewritten. Assembly of the
    // module is printed after this.
    if (any_of(m, [](const Function &f) {
          return !f.isDeclaration() && f.hasGC() && f.getGC() == kStrategy;
        }))
      mark_unit(m);
    ap.addAsmPrinterHandler(std::make_unique<Labels>(ap, extents));
  }

  bool emitStackMaps(StackMaps &sm, AsmPrinter &ap) override {
    MCSection *section =
        ap.OutContext.getELFSection(PCLN_ANNOT_SECTION, ELF::SHT_PROGBITS, 0);
    ap.OutStreamer->switchSection(section);
    auto site = sm.getCSInfos().begin();
    for (auto &[symbol, info] : sm.getFnInfos()) {
      std::vector<Point> points;
      for (uint64_t i = 0; i < info.RecordCount; i++, ++site)
        points.push_back(read(*site, *symbol, ap));
      emit_function(*symbol, frame_size(info.StackSize), points, ap);
    }
    sm.reset();
    extents.clear();
    return true;
  }

private:
  static Point read(const StackMaps::CallsiteInfo &site, const MCSymbol &symbol,
                    AsmPrinter &ap) {
    Point p;
    p.ret = site.CSOffsetExpr;
    Reader r(site.Locations);
    if (!r.read(p))
      ap.OutContext.reportError(SMLoc(), "pclntab: in function '" +
                                             symbol.getName() +
                                             "': " + r.fault);
    return p;
  }

  // LLVM has no number for a frame of varying size.
  static uint32_t frame_size(uint64_t bytes) {
    return bytes < PCLN_FRAME_VARIES ? uint32_t(bytes) : PCLN_FRAME_VARIES;
  }
  void emit_function(const MCSymbol &symbol, uint32_t frame,
                     const std::vector<Point> &points, AsmPrinter &ap) {
    MCStreamer &os = *ap.OutStreamer;
    auto it = extents.find(&symbol);
    if (it == extents.end()) {
      ap.OutContext.reportError(SMLoc(), "pclntab: function '" +
                                             symbol.getName() +
                                             "' has no known extent");
      return;
    }
    MCSymbol *start = ap.OutContext.createTempSymbol("gc_record");
    MCSymbol *end = ap.OutContext.createTempSymbol("gc_record_end");
    os.emitLabel(start);
    os.emitInt16(PCLN_ANNOT_MARK);
    os.emitInt8(PCLN_ANNOT_VERSION);
    os.emitInt8(PCLN_ANNOT_SAFEPOINTS);
    os.emitAbsoluteSymbolDiff(end, start, 4);
    os.emitSymbolValue(it->second.begin, 8);
    os.emitAbsoluteSymbolDiff(it->second.end, it->second.begin, 4);
    os.emitInt32(uint32_t(points.size()));
    os.emitInt32(uint32_t(symbol.getName().size() + 1));
    os.emitInt32(frame);
    os.emitBytes(symbol.getName());
    os.emitZeros(4 - symbol.getName().size() % 4);
    for (const Point &p : points)
      emit_point(p, os);
    os.emitLabel(end);
  }

  static void emit_point(const Point &p, MCStreamer &os) {
    os.emitValue(p.ret, 4);
    os.emitInt16(p.flags);
    os.emitInt16(uint16_t(p.areas.size()));
    os.emitInt16(uint16_t(p.pairs.size()));
    os.emitInt16(0);
    for (const FrameWords &w : p.areas) {
      os.emitInt16(w.reg);
      os.emitInt16(0);
      os.emitInt32(uint32_t(w.off));
      os.emitInt32(uint32_t(w.layout.words.size()));
      os.emitInt32(w.repeat);
      std::vector<uint8_t> codes = packed(w.layout);
      os.emitBytes(toStringRef(codes));
    }
    for (const Pair &pair : p.pairs) {
      os.emitInt16(pair.base.Reg);
      os.emitInt16(pair.derived.Reg);
      os.emitInt32(uint32_t(pair.base.Offset));
      os.emitInt32(uint32_t(pair.derived.Offset));
    }
  }

  Extents extents;
};

GCRegistry::Add<Strategy> strategy(kStrategy, "roots in a pclntab");
GCMetadataPrinterRegistry::Add<Printer> printer(kStrategy,
                                                "records in .debug_pclntab");

} // namespace
} // namespace pclntab
