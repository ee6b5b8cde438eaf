// SPDX-License-Identifier: Apache-2.0
//
// How much of a table is proved: changes one bit at a time, makes the checksum
// anew, and says which check finds it. What no check finds either means the
// same as before (the decoded models are equal), or is believed: nothing else
// in the file says the opposite. Prints a line for each region and the sum, and
// fails if more than PERCENT of the changes are believed.
//
//   mutate_table FILE SAMPLES PERCENT [-v]
#include "bytes.h"
#include "check_parts.h"
#include "crc32c.h"
#include "disasm.h"
#include "locate.h"
#include "table.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum outcome {
  OPENING,
  STRUCTURE, // from here on as enum pcln_step
  BYTES,
  SYMBOLS,
  DWARF,
  CFI,
  CODE,
  SAME,
  BELIEVED,
  N_OUTCOMES,
};
static const char *const outcomes[] = {"opening", "structure", "bytes",
                                       "symbols", "dwarf",     "cfi",
                                       "code",    "same",      "believed"};

struct subject {
  struct pcln_elf *elf; // null: the file is another format's
  struct pcln_image image;
  struct pcln_open_options options;
  uint8_t *bytes; // the table, a copy
  size_t len;
  struct pcln_table t;      // as found
  struct pcln_module model; // of it
  bool has_model;
};

static void die(const char *why) {
  fprintf(stderr, "mutate_table: %s\n", why);
  exit(2);
}

// Where a span of the file's own table lies in the copy.
static struct pcln_span moved(struct pcln_span s, const uint8_t *from,
                              const struct subject *to) {
  if (s.ptr && s.ptr >= from && s.ptr < from + to->len)
    s.ptr = to->bytes + (s.ptr - from);
  return s;
}

static void open_subject(struct subject *s, const char *path) {
  const int fd = open(path, O_RDONLY);
  struct stat st;
  if (fd < 0 || fstat(fd, &st) != 0)
    die("the file cannot be read");
  const uint8_t *file =
      mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (file == MAP_FAILED)
    die("the file cannot be mapped");
  const struct pcln_source source =
      pcln_source_memory(file, (size_t)st.st_size);
  struct pcln_location l;
  if (pcln_image_open(&s->image, &source, NULL, NULL) != PCLN_OK ||
      pcln_locate(&s->image, NULL, NULL, &l) != PCLN_OK)
    die("no table");
  pcln_location_options(&s->image, &l, &s->options);
  s->len = (size_t)l.len;
  s->bytes = malloc(s->len);
  if (!s->bytes)
    die("no memory");
  memcpy(s->bytes, file + l.file_off, s->len);
  s->options.funcdata = moved(s->options.funcdata, file + l.file_off, s);
  s->options.findfunctab = moved(s->options.findfunctab, file + l.file_off, s);
  if (s->image.format == PCLN_FORMAT_ELF &&
      pcln_elf_open(path, NULL, &s->elf) != PCLN_OK)
    die("the ELF file cannot be read");
}

static enum pcln_status open_table(const struct subject *s,
                                   struct pcln_table *t) {
  return pcln_open(t, s->bytes, s->len, &s->options, NULL);
}

// --- One change -------------------------------------------------------------

static struct pcln_span code_at(void *ctx, uint64_t va) {
  const struct subject *s = ctx;
  return pcln_image_at(&s->image, va);
}

static bool code_differs(struct subject *s, const struct pcln_table *t) {
  const struct pcdis_code code = {.at = code_at,
                                  .ctx = s,
                                  .machine = s->image.machine,
                                  .big_endian = s->image.big_endian};
  return pcdis_check(t, &code, NULL, NULL) == PCLN_CORRUPT;
}

static bool is_same(const struct subject *s, const struct pcln_table *t) {
  struct pcln_module m;
  pcln_module_init(&m);
  const bool same = s->has_model && pcln_decode(t, &m, NULL) == PCLN_OK &&
                    t->text_start == s->t.text_start &&
                    t->machine == s->t.machine && t->flags == s->t.flags &&
                    pcln_module_equal(&s->model, &m);
  pcln_module_free(&m);
  return same;
}

static enum outcome judge(struct subject *s) {
  struct pcln_table t;
  struct pcln_check_result r;
  if (open_table(s, &t) != PCLN_OK)
    return OPENING;
  if (pcln_verify(&t, NULL) != PCLN_OK)
    return STRUCTURE;
  if (pcln_check_elf(&t, NULL, NULL, NULL, &r) != PCLN_OK)
    return BYTES;
  if (is_same(s, &t))
    return SAME;
  if (s->elf && pcln_check_elf(&t, s->elf, NULL, NULL, &r) != PCLN_OK) {
    for (int i = 0; i < PCLN_N_STEPS; i++)
      if (r.steps[i].n_findings)
        return STRUCTURE + (enum outcome)i;
    die("the check could not run");
  }
  return code_differs(s, &t) ? CODE : BELIEVED;
}

static void seal(struct subject *s) {
  if (s->t.ours)
    pcln_store32(s->bytes + PCLN_MOD_CHECKSUM,
                 pcln_blob_checksum(s->bytes, (size_t)s->t.blob.len),
                 s->t.swap);
}

static enum outcome try_change(struct subject *s, size_t off, uint8_t bit) {
  s->bytes[off] ^= bit;
  seal(s);
  const enum outcome outcome = judge(s);
  s->bytes[off] ^= bit;
  seal(s);
  return outcome;
}

// --- All of them ------------------------------------------------------------

static const char *const regions[] = {
    "header",  "funcnametab", "cutab",       "filetab", "pctab",   "functab",
    "records", "funcdata",    "findfunctab", "rules",   "callees", "all"};
enum { N_REGIONS = sizeof regions / sizeof *regions };

static bool holds(struct pcln_span s, const uint8_t *p) {
  return s.ptr && p >= s.ptr && p < s.ptr + s.len;
}

static unsigned region_of(const struct subject *s, size_t off) {
  const struct pcln_table *t = &s->t;
  const uint8_t *p = s->bytes + off;
  const struct pcln_span spans[] = {t->cutab, t->files, t->names};
  static const unsigned numbers[] = {2, 3, 1};
  const struct pcln_span behind[] = {t->funcdata, t->findfunctab, t->rules,
                                     t->callees};
  for (unsigned i = 0; i < 4; i++)
    if (holds(behind[i], p))
      return 7 + i;
  for (unsigned i = 0; i < 3 && t->layout > PCLN_GO_12; i++)
    if (holds(spans[i], p))
      return numbers[i];
  if (holds(t->functab, p) && t->layout > PCLN_GO_12) {
    const size_t entries = t->n_funcs * pcln_functab_entry_size(t) + 4;
    return p < t->functab.ptr + entries ? 5 : 6;
  }
  return holds(t->pctab, p) && t->layout > PCLN_GO_12 ? 4 : 0;
}

static uint64_t next_random(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return *state >> 33;
}

static unsigned long counts[N_REGIONS][N_OUTCOMES];

static void print_counts(void) {
  printf("%-12s", "region");
  for (int o = 0; o < N_OUTCOMES; o++)
    printf(" %9s", outcomes[o]);
  printf("\n");
  for (unsigned r = 0; r < N_REGIONS; r++) {
    unsigned long sum = 0;
    for (int o = 0; o < N_OUTCOMES; o++)
      sum += counts[r][o];
    if (!sum)
      continue;
    printf("%-12s", regions[r]);
    for (int o = 0; o < N_OUTCOMES; o++)
      printf(" %9lu", counts[r][o]);
    printf("\n");
  }
}

int main(int argc, char **argv) {
  if (argc < 4)
    die("usage: mutate_table FILE SAMPLES PERCENT [-v]");
  static struct subject s;
  open_subject(&s, argv[1]);
  if (open_table(&s, &s.t) != PCLN_OK)
    die("the table cannot be opened");
  // The model borrows the bytes, so it gets a copy that does not change.
  struct subject original = s;
  struct pcln_table unchanged;
  original.bytes = malloc(s.len);
  if (!original.bytes)
    die("no memory");
  memcpy(original.bytes, s.bytes, s.len);
  original.options.funcdata = moved(s.options.funcdata, s.bytes, &original);
  pcln_module_init(&s.model);
  s.has_model = open_table(&original, &unchanged) == PCLN_OK &&
                pcln_decode(&unchanged, &s.model, NULL) == PCLN_OK;
  if (judge(&s) != (s.has_model ? SAME : BELIEVED))
    die("the table is not sound to begin with");
  const unsigned long samples = strtoul(argv[2], NULL, 10);
  uint64_t state = 1;
  for (unsigned long i = 0; i < samples; i++) {
    const size_t off = next_random(&state) % s.t.blob.len;
    const uint8_t bit = (uint8_t)(1u << next_random(&state) % 8);
    const enum outcome o = try_change(&s, off, bit);
    const unsigned r = region_of(&s, off);
    counts[r][o]++;
    counts[N_REGIONS - 1][o]++;
    if (argc > 4 && o == BELIEVED)
      printf("believed: %s 0x%zx bit 0x%02x\n", regions[r], off, bit);
  }
  print_counts();
  const unsigned long believed = counts[N_REGIONS - 1][BELIEVED];
  printf("%.2f%% believed\n", 100.0 * (double)believed / (double)samples);
  return 100.0 * (double)believed > strtod(argv[3], NULL) * (double)samples;
}
