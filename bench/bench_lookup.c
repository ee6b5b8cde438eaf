// SPDX-License-Identifier: Apache-2.0
//
// Nanoseconds from a random pc to function, file, line and inlined chain: this
// project's table, libbacktrace and libdw, on the same file and the same pcs.
// Linked at a fixed address, because libbacktrace adds this process's load
// address to that of the file it is given.
//
//   bench_lookup pclntab|libbacktrace|libdw FILE LOOKUPS
#include "bench.h"

#include "pclntab.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>

#ifdef HAVE_LIBBACKTRACE
#include "backtrace.h"
#endif

// Results go here, so that no lookup can be optimised away.
static volatile uint64_t sink;

static uint64_t pclntab_lookup(const struct pcln_table *t, uint64_t pc) {
  struct pcln_frame_iter it;
  struct pcln_frame frame;
  uint64_t n = 0;
  if (pcln_frames_begin(t, pc, &it) != PCLN_OK)
    return 0;
  while (pcln_frames_next(&it, &frame)) {
    sink +=
        (uint64_t)frame.line + (uintptr_t)frame.func + (uintptr_t)frame.file;
    n++;
  }
  return n;
}

static void run_pclntab(const struct bench_file *f, struct bench_result *r) {
  const Elf64_Shdr *s = bench_section(f, ".pclntab");
  if (!s)
    bench_die("linked without the plugin", "pclntab");
  struct pcln_table t;
  double start = bench_ms();
  if (pcln_open(&t, f->bytes + s->sh_offset, s->sh_size, NULL, NULL) != PCLN_OK)
    bench_die("table does not open", "pclntab");
  r->setup_ms = bench_ms() - start;
  for (int timed = 0; timed < 2; timed++) { // the first touches the pages
    r->found = r->frames = 0;
    start = bench_ms();
    for (uint64_t i = 0; i < r->lookups; i++) {
      uint64_t n = pclntab_lookup(&t, bench_pc(f, i));
      r->found += n != 0;
      r->frames += n;
    }
    r->ms = bench_ms() - start;
  }
}

#ifdef HAVE_LIBBACKTRACE
static int on_frame(void *data, uintptr_t pc, const char *file, int line,
                    const char *func) {
  (void)pc;
  if (func || file)
    ++*(uint64_t *)data;
  sink += (uint64_t)line + (uintptr_t)func + (uintptr_t)file;
  return 0;
}
static void on_error(void *data, const char *msg, int errnum) {
  (void)data, (void)msg, (void)errnum;
}

static void run_libbacktrace(const char *path, const struct bench_file *f,
                             struct bench_result *r) {
  double start = bench_ms();
  struct backtrace_state *state =
      backtrace_create_state(path, 0, on_error, NULL);
  uint64_t n = 0;
  backtrace_pcinfo(state, bench_pc(f, 0), on_frame, on_error, &n);
  r->setup_ms = bench_ms() - start;
  // It reads a unit when first asked about it: that is set-up too, so that
  // what is timed below is the lookup alone.
  for (uint64_t i = 0; i < r->lookups; i++)
    backtrace_pcinfo(state, bench_pc(f, i), on_frame, on_error, &n);
  r->setup_ms = bench_ms() - start;
  start = bench_ms();
  for (uint64_t i = 0; i < r->lookups; i++) {
    n = 0;
    backtrace_pcinfo(state, bench_pc(f, i), on_frame, on_error, &n);
    r->found += n != 0;
    r->frames += n;
  }
  r->ms = bench_ms() - start;
}
#endif

static void libdw_lookup(Dwfl_Module *mod, uint64_t pc, uint64_t *n) {
  Dwarf_Addr bias;
  Dwarf_Die *cu = dwfl_module_addrdie(mod, pc, &bias);
  const char *name = dwfl_module_addrname(mod, pc);
  Dwfl_Line *line = dwfl_module_getsrc(mod, pc);
  int number = 0;
  const char *file =
      line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;
  sink += (uint64_t)number + (uintptr_t)file + (uintptr_t)name;
  *n += name || file;
  if (!cu)
    return;
  Dwarf_Die *scopes;
  int n_scopes = dwarf_getscopes(cu, pc - bias, &scopes);
  if (n_scopes <= 0)
    return;
  Dwarf_Die *inner;
  int n_inner = dwarf_getscopes_die(&scopes[0], &inner);
  for (int i = 0; i < n_inner; i++) {
    if (dwarf_tag(&inner[i]) != DW_TAG_inlined_subroutine)
      continue;
    Dwarf_Attribute a;
    Dwarf_Word at = 0;
    dwarf_formudata(dwarf_attr(&inner[i], DW_AT_call_line, &a), &at);
    sink += at + (uintptr_t)dwarf_diename(&inner[i]);
    ++*n;
  }
  if (n_inner > 0)
    free(inner);
  free(scopes);
}

static void run_libdw(const char *path, const struct bench_file *f,
                      struct bench_result *r) {
  static const Dwfl_Callbacks callbacks = {
      .find_debuginfo = dwfl_standard_find_debuginfo,
      .section_address = dwfl_offline_section_address,
      .find_elf = dwfl_build_id_find_elf,
  };
  double start = bench_ms();
  Dwfl *dwfl = dwfl_begin(&callbacks);
  Dwfl_Module *mod = dwfl_report_elf(dwfl, "", path, -1, 0, false);
  if (!mod)
    bench_die("does not open", "libdw");
  dwfl_report_end(dwfl, NULL, NULL);
  uint64_t n = 0;
  for (uint64_t i = 0; i < r->lookups; i++) // reads the units, as above
    libdw_lookup(mod, bench_pc(f, i), &n);
  r->setup_ms = bench_ms() - start;
  start = bench_ms();
  for (uint64_t i = 0; i < r->lookups; i++) {
    n = 0;
    libdw_lookup(mod, bench_pc(f, i), &n);
    r->found += n != 0;
    r->frames += n;
  }
  r->ms = bench_ms() - start;
  dwfl_end(dwfl);
}

int main(int argc, char **argv) {
  if (argc != 4) {
    fprintf(stderr, "usage: bench_lookup PEER FILE LOOKUPS\n");
    return 2;
  }
  struct bench_file f = bench_open(argv[2]);
  struct bench_result r = {.lookups = strtoull(argv[3], NULL, 10)};
  if (!strcmp(argv[1], "pclntab"))
    run_pclntab(&f, &r);
#ifdef HAVE_LIBBACKTRACE
  else if (!strcmp(argv[1], "libbacktrace"))
    run_libbacktrace(argv[2], &f, &r);
#endif
  else if (!strcmp(argv[1], "libdw"))
    run_libdw(argv[2], &f, &r);
  else
    bench_die("no such peer here", argv[1]);
  bench_print(argv[1], &r);
  return 0;
}
