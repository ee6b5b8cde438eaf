// SPDX-License-Identifier: Apache-2.0
//
// The operand bundle "deopt" of a call that may collect, as gc_frame.cc writes
// it and gc_printer.cc finds it again in LLVM's stack maps:
//
//   kBundleMark, flags (PCLN_POINT_*), number of areas; then for each area
//   words, repeat, entries in groups of kBundleEntries (lowest first), alloca
//
// All but the alloca are i32 constants below 2^31, because LLVM keeps wider
// ones in a pool that a printer cannot see.
#ifndef PCLNTAB_GC_BUNDLE_H
#define PCLNTAB_GC_BUNDLE_H

namespace pclntab {

enum { kBundleMark = 0x50434c4e, kBundleEntries = 12 };

} // namespace pclntab

#endif
