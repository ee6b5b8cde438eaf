// SPDX-License-Identifier: Apache-2.0
//
// Prints the functions of a file as the symbol source finds them, one line
// each: "VA SIZE NAME", numbers in hexadecimal; then a line of counts. For
// functions.py to hold against other tools. Usage: list_functions FILE
#include "sources.h"

#include <inttypes.h>
#include <stdio.h>

static void print_report(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  fprintf(stderr, "list_functions: %s [%s]\n", r->text, r->fault);
}

int main(int argc, char **argv) {
  const struct pcln_sink sink = {.fn = print_report};
  const struct pcln_source_options o = {.threads = 1, .sink = &sink};
  struct pcln_source_stats s = {0};
  struct pcln_elf *elf;
  struct pcln_module m;
  if (argc != 2 || pcln_elf_open(argv[1], &sink, &elf) != PCLN_OK)
    return 2;
  pcln_module_init(&m);
  const enum pcln_status status = pcln_src_functions(elf, &m, &o, &s);
  for (size_t i = 0; i < m.n_funcs; i++)
    printf("%" PRIx64 " %x %s\n", m.funcs[i].va, m.funcs[i].size,
           m.funcs[i].name);
  printf("counts: %zu symbols, %zu named by them, %zu aliases, %zu ifuncs, "
         "%zu stubs, %zu from FDEs\n",
         s.symbols, s.from_symbols, s.aliases, s.ifuncs, s.plt_stubs,
         s.from_fdes);
  pcln_module_free(&m);
  pcln_elf_close(elf);
  return status == PCLN_OK ? 0 : 1;
}
