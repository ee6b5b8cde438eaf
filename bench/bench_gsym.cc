// SPDX-License-Identifier: Apache-2.0
//
// The same as bench_lookup.c for GSYM, with LLVM's own reader.
//
//   bench_gsym GSYM FILE LOOKUPS      FILE is what GSYM was converted from
#include "bench.h"

#include "llvm/DebugInfo/GSYM/GsymReader.h"
#include "llvm/DebugInfo/GSYM/LookupResult.h"

static volatile uint64_t sink;

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: bench_gsym GSYM FILE LOOKUPS\n");
    return 2;
  }
  bench_file f = bench_open(argv[2]);
  bench_result r = {};
  r.lookups = strtoull(argv[3], nullptr, 10);
  double start = bench_ms();
  auto reader = llvm::gsym::GsymReader::openFile(argv[1]);
  if (!reader)
    bench_die("does not open", argv[1]);
  r.setup_ms = bench_ms() - start;
  for (int timed = 0; timed < 2; timed++) { // once to warm up, as for the rest
    r.found = r.frames = 0;
    start = bench_ms();
    for (uint64_t i = 0; i < r.lookups; i++) {
      auto got = reader->lookup(bench_pc(&f, i));
      if (!got) {
        llvm::consumeError(got.takeError());
        continue;
      }
      r.found++;
      r.frames += got->Locations.size();
      for (const auto &l : got->Locations)
        sink =
            sink + l.Line + (uintptr_t)l.Name.data() + (uintptr_t)l.Base.data();
    }
    r.ms = bench_ms() - start;
  }
  bench_print("gsym", &r);
  return 0;
}
