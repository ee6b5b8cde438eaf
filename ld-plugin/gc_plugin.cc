// SPDX-License-Identifier: Apache-2.0
//
// The LLVM plug-in: a precise collector for C and C++, by -fpass-plugin. It
// registers
//
//   Prepare   at the start of the pipeline (gc_prepare.cc)
//   Lower     behind the optimiser: safepoints, polls, slots, globals
//   the strategy "pclntab" and its printer, which write the safepoints of each
//   function into .debug_pclntab (gc_printer.cc)
//
// With LTO, Prepare runs in the compiler and Lower in the linker, whose LLVM
// must have loaded the plug-in too. If it has not, "unknown GC strategy" ends
// the link: functions carry the strategy's name from Prepare on, so nothing
// can be compiled without its maps.
//
// Passes are also there by name, for `opt -load-pass-plugin`: pclntab-prepare
// and pclntab-lower.
#include "gc_internal.h"

#include <llvm/Passes/PassBuilder.h>
#if __has_include(<llvm/Plugins/PassPlugin.h>)
#include <llvm/Plugins/PassPlugin.h>
#else
#include <llvm/Passes/PassPlugin.h>
#endif

namespace pclntab {

using namespace llvm;

namespace {

// Keeps the optimiser from making integers of references, where Prepare ran in
// another process.
struct Hide : PassInfoMixin<Hide> {
  PreservedAnalyses run(Module &m, ModuleAnalysisManager &) {
    hide_integers(m);
    return PreservedAnalyses::all();
  }
  static bool isRequired() { return true; }
};

// The end of a pipeline that may be the compiler's share of LTO: what is left
// is then for the linker.
struct LowerUnlessPreLink : PassInfoMixin<LowerUnlessPreLink> {
  PreservedAnalyses run(Module &m, ModuleAnalysisManager &am) {
    if (NamedMDNode *n = m.getNamedMetadata(kPreLink)) {
      n->eraseFromParent();
      unhide_integers(m);
      return PreservedAnalyses::none();
    }
    return Lower().run(m, am);
  }
  static bool isRequired() { return true; }
};

// What clang tells the linker by these flags, it also tells us: this module
// goes into LTO. ThinLTO's share of the linker has no place for passes at -O0;
// nothing is optimised there either, so safepoints are placed now.
struct PrepareUnit : PassInfoMixin<PrepareUnit> {
  explicit PrepareUnit(OptimizationLevel level_) : level(level_) {}
  PreservedAnalyses run(Module &m, ModuleAnalysisManager &am) {
    bool full = m.getModuleFlag("ThinLTO") != nullptr;
    bool thin = !full && m.getModuleFlag("EnableSplitLTOUnit") != nullptr;
    return Prepare(full || (thin && level != OptimizationLevel::O0)).run(m, am);
  }
  static bool isRequired() { return true; }
  OptimizationLevel level;
};

void add_callbacks(PassBuilder &pb) {
  pb.registerPipelineStartEPCallback(
      [](ModulePassManager &pm, OptimizationLevel level) {
        pm.addPass(PrepareUnit(level));
      });
  pb.registerFullLinkTimeOptimizationEarlyEPCallback(
      [](ModulePassManager &pm, OptimizationLevel) { pm.addPass(Hide()); });
  pb.registerFullLinkTimeOptimizationLastEPCallback(
      [](ModulePassManager &pm, OptimizationLevel) { pm.addPass(Lower()); });
#if LLVM_VERSION_MAJOR >= 20
  pb.registerPipelineEarlySimplificationEPCallback(
      [](ModulePassManager &pm, OptimizationLevel, ThinOrFullLTOPhase) {
        pm.addPass(Hide());
      });
  pb.registerOptimizerLastEPCallback(
      [](ModulePassManager &pm, OptimizationLevel, ThinOrFullLTOPhase) {
        pm.addPass(LowerUnlessPreLink());
      });
#else
  pb.registerPipelineEarlySimplificationEPCallback(
      [](ModulePassManager &pm, OptimizationLevel) { pm.addPass(Hide()); });
  pb.registerOptimizerLastEPCallback(
      [](ModulePassManager &pm, OptimizationLevel) {
        pm.addPass(LowerUnlessPreLink());
      });
#endif
  pb.registerPipelineParsingCallback(
      [](StringRef name, ModulePassManager &pm,
         ArrayRef<PassBuilder::PipelineElement>) {
        if (name == "pclntab-prepare")
          pm.addPass(Prepare(false));
        else if (name == "pclntab-lower")
          pm.addPass(Lower(true));
        else
          return false;
        return true;
      });
}

} // namespace

PreservedAnalyses Lower::run(Module &m, ModuleAnalysisManager &am) {
  unhide_integers(m);
  bool has_code = any_of(m, is_ours);
  if (!has_code && !asked && m.getNamedMetadata(kUnit) == nullptr)
    return PreservedAnalyses::all();
  auto &fam = am.getResult<FunctionAnalysisManagerModuleProxy>(m).getManager();
  bool unions = release_unions(m);
  Leaves leaves;
  place_polls(m, fam, leaves);
  for (Function &f : m)
    if (is_ours(f))
      lower_function(f, fam, leaves, unions);
  if (describe_globals(m) || has_code)
    mark_unit(m);
  return PreservedAnalyses::none();
}

} // namespace pclntab

// Weak as LLVM asks, and seen outside although all else here is hidden.
extern "C" __attribute__((weak, visibility("default")))
llvm::PassPluginLibraryInfo
llvmGetPassPluginInfo() {
  return {LLVM_PLUGIN_API_VERSION, "pclntab-gc", LLVM_VERSION_STRING,
          pclntab::add_callbacks};
}
