// SPDX-License-Identifier: Apache-2.0
//
// Prints what the CFI interpreter makes of a file, one line per row, for
// cfi_rows.py to hold against another reader:
//
//   fde LO HI [signal]
//   LO CFA RA FP         (numbers in hexadecimal, offsets in decimal)
//
// Usage: cfi_rows FILE SECTION
#include "bytes.h"
#include "cfi.h"
#include "elf_image.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_save(const char *what, uint8_t kind, int32_t off) {
  static const char *const names[] = {"same", "cfa", "sp", "fp", "undef"};
  if (kind == PCLN_SAVE_SAME || kind == PCLN_SAVE_UNDEFINED)
    printf(" %s=%s", what, names[kind]);
  else
    printf(" %s=[%s%+d]", what, names[kind], off);
}

static bool print_row(void *ctx, uint64_t lo, uint64_t hi,
                      const struct pcln_rule *r) {
  (void)ctx;
  (void)hi;
  const int words = r->reg & PCLN_RULE_REG_MASK;
  printf("%" PRIx64, lo);
  switch (r->cfa) {
  case PCLN_CFA_SP:
    printf(" sp%+d", r->cfa_off);
    break;
  case PCLN_CFA_FP:
    printf(" fp%+d", r->cfa_off);
    break;
  case PCLN_CFA_REG:
    printf(" r%d%+d", words, r->cfa_off);
    break;
  case PCLN_CFA_SP_DEREF:
    printf(" [sp%+d]+%dw", r->cfa_off, words);
    break;
  case PCLN_CFA_FP_DEREF:
    printf(" [fp%+d]+%dw", r->cfa_off, words);
    break;
  default:
    printf(" none\n");
    return true;
  }
  print_save("ra", r->ra, r->ra_off);
  print_save("fp", r->fp, r->fp_off);
  printf("\n");
  return true;
}

static void print_report(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  fprintf(stderr, "cfi_rows: %s+0x%" PRIx64 ": %s [%s]\n", r->region,
          r->region_off, r->text, r->fault);
}

static int print_section(struct pcln_elf *elf, const char *name,
                         const struct pcln_sink *sink) {
  const struct pcln_elf_section *sec = pcln_elf_find(elf, name);
  struct pcln_cfi_section s = {.machine = elf->machine,
                               .ptr_size = elf->ptr_size,
                               .swap = elf->swap,
                               .eh = strcmp(name, ".eh_frame") == 0};
  if (!sec)
    return 0;
  if (pcln_elf_content(elf, sec, sink, &s.bytes) != PCLN_OK)
    return 1;
  s.va = sec->va;
  size_t off = 0;
  for (;;) {
    struct pcln_cfi_fde fde;
    enum pcln_status status = pcln_cfi_next(&s, &off, &fde, sink);
    if (status == PCLN_NOT_FOUND)
      return 0;
    if (status != PCLN_OK)
      continue;
    printf("fde %" PRIx64 " %" PRIx64 "%s\n", fde.lo, fde.hi,
           fde.signal_frame ? " signal" : "");
    status = pcln_cfi_rows(&s, &fde, print_row, NULL, sink);
    if (status != PCLN_OK)
      printf("fault\n");
  }
}

int main(int argc, char **argv) {
  const struct pcln_sink sink = {.fn = print_report};
  struct pcln_elf *elf;
  if (argc != 3 || pcln_elf_open(argv[1], &sink, &elf) != PCLN_OK)
    return 2;
  const int status = print_section(elf, argv[2], &sink);
  pcln_elf_close(elf);
  return status;
}
