// SPDX-License-Identifier: Apache-2.0
//
// Prints, for each return address on standard input (hexadecimal), the live
// pointers that a table names there, as a collector would ask for them. The
// table is a file of its own (a sidecar, or the content of .pclntab).
//
//   401136 cfa-24 cfa-16>cfa-8 sp+16
//
// "a>b": b was derived from a. "none": no pointer lives. "unsafe": no
// collection may start there. "unknown": the function has no maps.
#include "stackmap_pairs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_TABLE = 64 << 20 };

static void print_word(const struct pcln_stackmap *m, struct pcln_map_word w,
                       unsigned ptr_size) {
  const bool local = w.part == PCLN_MAP_LOCALS;
  const int32_t off =
      (local ? m->locals_off : m->args_off) + (int32_t)(w.index * ptr_size);
  printf("%s%+" PRId32, local && m->locals_at_sp ? "sp" : "cfa", off);
}

static unsigned print_row(const struct pcln_stackmap *m,
                          enum pcln_map_part part, unsigned ptr_size) {
  const struct pcln_map_row *row =
      part == PCLN_MAP_LOCALS ? &m->locals : &m->args;
  struct pcln_word w;
  unsigned n = 0;
  for (uint32_t next = 0; pcln_words_next(row, &next, &w);) {
    if (w.kind < PCLN_WORD_POINTER)
      continue;
    putchar(' ');
    print_word(m, (struct pcln_map_word){part, w.index}, ptr_size);
    n++;
  }
  return n;
}

static bool print_pairs(const struct pcln_table *t, const struct pcln_func *f,
                        const struct pcln_stackmap *m) {
  struct pcln_derived_iter it;
  struct pcln_derived d;
  const enum pcln_status st = pcln_derived_begin(t, f, m, &it);
  if (st != PCLN_OK)
    return st == PCLN_NOT_FOUND;
  while (pcln_derived_next(&it, &d)) {
    putchar(' ');
    print_word(m, d.base, t->ptr_size);
    putchar('>');
    print_word(m, d.derived, t->ptr_size);
  }
  return it.status == PCLN_OK;
}

static bool print_at(const struct pcln_table *t, uint64_t ret) {
  struct pcln_func f;
  struct pcln_stackmap m;
  int32_t row;
  printf("%" PRIx64, ret);
  if (pcln_find_func(t, ret - 1, &f) != PCLN_OK || f.hole) {
    puts(" nowhere");
    return true;
  }
  const enum pcln_status st = pcln_stackmap_at(t, &f, ret - 1, &m);
  if (st == PCLN_NOT_FOUND) {
    const bool unsafe =
        pcln_pcdata_at(t, &f, PCLN_PCDATA_STACKMAP, ret - 1, &row) == PCLN_OK &&
        row == PCLN_STACKMAP_NO_SAFEPOINT;
    puts(unsafe ? " unsafe" : " unknown");
    return true;
  }
  if (st != PCLN_OK || !m.placed)
    return false;
  unsigned n = print_row(&m, PCLN_MAP_LOCALS, t->ptr_size);
  n += print_row(&m, PCLN_MAP_ARGS, t->ptr_size);
  if (n == 0)
    fputs(" none", stdout);
  const bool ok = print_pairs(t, &f, &m);
  putchar('\n');
  return ok;
}

int main(int argc, char **argv) {
  FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
  uint8_t *bytes = file ? malloc(MAX_TABLE) : NULL;
  struct pcln_table t;
  if (!bytes)
    return 2;
  const size_t len = fread(bytes, 1, MAX_TABLE, file);
  fclose(file);
  if (pcln_open(&t, bytes, len, NULL, NULL) != PCLN_OK ||
      pcln_verify(&t, NULL) != PCLN_OK) {
    fprintf(stderr, "live_words: %s: no sound table\n", argv[1]);
    return 1;
  }
  int status = 0;
  for (uint64_t ret; scanf("%" SCNx64, &ret) == 1;)
    if (!print_at(&t, ret))
      status = 1;
  free(bytes);
  return status;
}
