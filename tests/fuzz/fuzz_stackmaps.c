// SPDX-License-Identifier: Apache-2.0
//
// Stack maps of LLVM, and the funcdata that their readers take apart. The first
// byte of the input chooses: the rest is a section, for a module of a few
// functions; or it is the pairs, or the kept records, of one function. What a
// section makes of the module must encode into a table that is sound, and every
// walk must end inside of the bytes.
#include "src_stackmaps.h"
#include "stackmap_pairs.h"

#include <stdlib.h>

enum { X86_64 = 62, AARCH64 = 183, FUNCS = 4, FUNC_SIZE = 0x400 };
enum { BIG = 1, ARM = 2, PAIRS = 4, RECORDS = 8 };

static void add_funcs(struct pcln_module *m) {
  struct pcln_stream s;
  pcln_stream_init(&s, m->quantum);
  for (unsigned i = 0; i < FUNCS; i++) {
    struct pcln_func_def f = {.va = 0x1000 + i * FUNC_SIZE,
                              .size = FUNC_SIZE,
                              .cu = PCLN_NO_CU,
                              .name = i < 2 ? "f" : "g",
                              .args = PCLN_ARGS_UNKNOWN};
    pcln_stream_reset(&s);
    pcln_stream_add(&s, FUNC_SIZE, 16 * (int32_t)i);
    if (pcln_stream_end(&s, &m->arena, &f.pcsp) != PCLN_OK ||
        pcln_module_add_func(m, &f) != PCLN_OK)
      abort();
  }
  pcln_stream_free(&s);
}

static void walk_pairs(const struct pcln_table *t, const struct pcln_func *f,
                       uint64_t pc, bool sound) {
  struct pcln_stackmap m;
  struct pcln_derived_iter it;
  struct pcln_derived d;
  enum { LARGE = 1 << 12 }; // words, whose walk would be all that is done
  const enum pcln_status st = pcln_stackmap_at(t, f, pc, &m);
  if (st != PCLN_OK || m.locals.n_words > LARGE || m.args.n_words > LARGE)
    return;
  if (pcln_derived_begin(t, f, &m, &it) != PCLN_OK)
    return;
  while (pcln_derived_next(&it, &d)) {
    const struct pcln_map_row *row =
        d.base.part == PCLN_MAP_ARGS ? &m.args : &m.locals;
    if (sound && !pcln_word_live(row, d.base.index))
      abort();
  }
  if (sound && it.status != PCLN_OK)
    abort();
}

static void walk_records(const struct pcln_table *t, const struct pcln_func *f,
                         bool sound) {
  struct pcln_llvm_records it;
  struct pcln_llvm_record r;
  uint64_t value, sum = 0;
  if (pcln_llvm_records(t, f, &it) != PCLN_OK)
    return;
  while (pcln_llvm_records_next(&it, &r)) {
    struct pcln_llvm_statepoint s;
    (void)pcln_llvm_statepoint(&r, &s);
    for (unsigned i = 0; i < r.n_locations; i++) {
      const struct pcln_llvm_location l = pcln_llvm_location(&r, i);
      const bool found = l.kind == PCLN_LLVM_CONSTANT_INDEX &&
                         pcln_llvm_constant(&it, &l, &value) == PCLN_OK;
      if (sound && l.kind == PCLN_LLVM_CONSTANT_INDEX && !found)
        abort();
      sum += found ? value : l.reg;
    }
    for (unsigned i = 0; i < r.n_live_outs; i++)
      sum += pcln_llvm_live_out(&r, i).reg;
  }
  if (sound && it.status != PCLN_OK)
    abort();
  __asm__ volatile("" : : "r"(sum)); // the reads are made
}

static void walk_table(const struct pcln_module *m, bool sound) {
  const struct pcln_encode_options o = {.layout = PCLN_GO_120, .threads = 1};
  struct pcln_table t;
  struct pcln_func f;
  uint8_t *bytes;
  size_t len, read;
  if (pcln_encode(m, &o, NULL, &bytes, &len, NULL) != PCLN_OK)
    abort();
  if (pcln_open(&t, bytes, len, NULL, NULL) != PCLN_OK)
    abort();
  const enum pcln_status st = pcln_verify(&t, NULL);
  if (sound && st != PCLN_OK)
    abort();
  for (uint32_t i = 0; pcln_func_at(&t, i, &f) == PCLN_OK; i++) {
    const enum pcln_status pairs = pcln_derived_check(&t, &f, &read);
    if (sound && pairs == PCLN_CORRUPT)
      abort();
    for (uint64_t pc = f.entry; pc < f.end && pc < f.entry + 64; pc++)
      walk_pairs(&t, &f, pc, pairs == PCLN_OK);
    walk_records(&t, &f, sound);
  }
  free(bytes);
}

static void take_section(struct pcln_module *m, uint8_t *bytes, size_t len) {
  static char path[] = "fuzz";
  const bool host_is_big = __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__;
  struct pcln_source_stats stats = {0};
  struct pcln_elf elf = {
      .path = path, .swap = m->big_endian != host_is_big, .ptr_size = 8};
  struct pcln_stackmaps_job j = {
      .elf = &elf, .m = m, .stats = &stats, .section = PCLN_STACKMAPS_DEMOTED};
  const enum pcln_status st = pcln_stackmaps_finish(
      &j, pcln_stackmaps_read(&j, (struct pcln_span){bytes, len}));
  if (st == PCLN_OK)
    walk_table(m, true);
}

static void take_funcdata(struct pcln_module *m, uint8_t flags,
                          const uint8_t *bytes, size_t len) {
  static const uint8_t pointer[] = {PCLN_CODE_POINTER};
  const struct pcln_area area = {.reg = flags & ARM ? 31 : 7,
                                 .off = 8,
                                 .n_words = 1,
                                 .repeat = 3,
                                 .codes = pointer};
  const struct pcln_safepoint points[] = {
      {.ret_off = 8, .frame = PCLN_FRAME_VARIES, .areas = &area, .n_areas = 1},
      {.ret_off = 16, .frame = PCLN_FRAME_VARIES}};
  struct pcln_func_def *f = &m->funcs[FUNCS - 1];
  if (pcln_safepoints_place(m, f, points, 2, &m->arena, NULL) != PCLN_OK ||
      pcln_func_set_funcdata(f,
                             flags & PAIRS ? PCLN_FUNCDATA_POINTER_PAIRS
                                           : PCLN_FUNCDATA_LLVM_RECORDS,
                             (struct pcln_span){bytes, len},
                             &m->arena) != PCLN_OK)
    abort();
  walk_table(m, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  const uint8_t flags = data[0];
  struct pcln_module m;
  pcln_module_init(&m);
  m.machine = flags & ARM ? AARCH64 : X86_64;
  m.quantum = flags & ARM ? 4 : 1;
  m.big_endian = flags & BIG;
  add_funcs(&m);
  uint8_t *copy = malloc(size - 1);
  if (!copy)
    abort();
  memcpy(copy, data + 1, size - 1);
  if (flags & (PAIRS | RECORDS))
    take_funcdata(&m, flags, copy, size - 1);
  else
    take_section(&m, copy, size - 1);
  free(copy);
  pcln_module_free(&m);
  return 0;
}
