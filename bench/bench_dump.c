// SPDX-License-Identifier: Apache-2.0
//
// How fast all of a table is read: functions listed and rows decoded a second,
// by the calls that a profiler or a dump would use, on one core. The table is
// that of any ELF file; the best of some runs counts, because noise only adds.
//
//   bench_dump FILE
#include "bench.h"

#include "pclntab.h"

enum { RUNS = 7, BATCH = 64 };

static volatile uint64_t sink; // so that nothing is optimised away

static struct pcln_table open_table(const struct bench_file *f) {
  static const char *const names[] = {".pclntab", ".gopclntab",
                                      ".data.rel.ro.gopclntab"};
  struct pcln_table t;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const Elf64_Shdr *s = bench_section(f, names[i]);
    if (s && pcln_open(&t, f->bytes + s->sh_offset, s->sh_size, NULL, NULL) ==
                 PCLN_OK)
      return t;
  }
  bench_die("no table in", "FILE");
  return t;
}

static uint64_t list_functions(const struct pcln_table *t) {
  struct pcln_func f;
  uint64_t sum = 0;
  for (uint32_t i = 0; i < t->n_funcs; i++)
    if (pcln_func_at(t, i, &f) == PCLN_OK)
      sum += f.entry + (uint8_t)f.name[0];
  sink = sum;
  return t->n_funcs;
}

static uint64_t walk_rows(const struct pcln_table *t) {
  struct pcln_func f;
  struct pcln_rows it;
  struct pcln_row rows[BATCH];
  uint64_t n_rows = 0, sum = 0;
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    if (pcln_func_at(t, i, &f) != PCLN_OK)
      continue;
    pcln_rows_begin(t, &f, &it);
    for (size_t n; (n = pcln_rows_next(&it, rows, BATCH)) > 0; n_rows += n)
      for (size_t j = 0; j < n; j++)
        sum += (uint32_t)(rows[j].line + rows[j].file + rows[j].inl);
  }
  sink = sum;
  return n_rows;
}

static void measure(const char *what, uint64_t (*fn)(const struct pcln_table *),
                    const struct pcln_table *t) {
  double best = 1e300;
  uint64_t n = 0;
  for (int run = 0; run < RUNS; run++) {
    const double start = bench_ms();
    n = fn(t);
    const double ms = bench_ms() - start;
    best = ms < best ? ms : best;
  }
  printf("%s %llu ms %.2f million_per_second %.2f\n", what,
         (unsigned long long)n, best, (double)n / best / 1e3);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: bench_dump FILE\n");
    return 2;
  }
  const struct bench_file f = bench_open(argv[1]);
  const struct pcln_table t = open_table(&f);
  measure("functions", list_functions, &t);
  measure("rows", walk_rows, &t);
  return 0;
}
