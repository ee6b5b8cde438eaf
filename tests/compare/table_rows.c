// SPDX-License-Identifier: Apache-2.0
//
// Prints what this project's reader says of the Go table in an ELF file, in the
// formats of the oracles beside it: "rows" as gosym/main.go, "frames" as
// gosubject/main.go. Both look each pc up on its own, as a traceback would.
// The table is verified first; a fault is an error.
//
//   table_rows rows   ELF TEXT FUNCDATA FINDFUNCTAB
//   table_rows frames ELF TEXT FUNCDATA FINDFUNCTAB START END STEP
//
// TEXT, FUNCDATA and FINDFUNCTAB are the addresses of runtime.text, go:func.*
// and runtime.findfunctab; all numbers are hexadecimal. Each may be 0: text
// start is then taken from the header, inlined calls are not read, and functab
// is searched.
#include "elf_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_report(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  fprintf(stderr, "table_rows: %s: %s+0x%llx: %s [%s]\n",
          r->func ? r->func : "-", r->region ? r->region : "-",
          (unsigned long long)r->region_off, r->text, r->fault);
}

static uint64_t hex(const char *s) { return strtoull(s, NULL, 16); }

static int fail(const char *what) {
  fprintf(stderr, "table_rows: %s\n", what);
  return 1;
}

// --- Rows -------------------------------------------------------------------

static int32_t value_at(const struct pcln_table *t, const struct pcln_func *f,
                        uint32_t stream, uint64_t pc) {
  struct pcln_run run;
  return pcln_stream_find(t, f, stream, pc, &run) == PCLN_OK ? run.value : -1;
}

static int print_rows(const struct pcln_table *t) {
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    struct pcln_func at, f;
    if (pcln_func_at(t, i, &at) != PCLN_OK)
      return fail("no function");
    printf("F %llx %llx %s\n", (unsigned long long)at.entry,
           (unsigned long long)at.end, at.name);
    int32_t last_line = 0;
    const char *last_file = "none";
    for (uint64_t pc = at.entry; pc < at.end; pc += t->quantum) {
      if (pcln_find_func(t, pc, &f) != PCLN_OK || f.idx != i)
        return fail("a pc is not found in its function");
      const int32_t line = value_at(t, &f, f.pcln, pc);
      const char *file = pcln_file_name(t, &f, value_at(t, &f, f.pcfile, pc));
      if (!file)
        file = "";
      if (line != last_line || strcmp(file, last_file) != 0)
        printf("L %llx %d %s\n", (unsigned long long)pc, line, file);
      last_line = line;
      last_file = file;
    }
  }
  return 0;
}

// --- Frames -----------------------------------------------------------------

// The number of wrappers differs from release to release; this function has it.
static int wrapper_id(const struct pcln_table *t) {
  struct pcln_func f;
  for (uint32_t i = 0; pcln_func_at(t, i, &f) == PCLN_OK; i++)
    if (strcmp(f.name, "runtime.deferreturn") == 0)
      return f.func_id;
  return -1;
}

// As Go prints a name: without what stands in the outermost brackets; and the
// name at offset 0 as none, which only the runtime does.
static size_t put_name(const struct pcln_table *t, const char *name,
                       char *out) {
  const char *open = strchr(name, '['), *close = strrchr(name, ']');
  if ((const uint8_t *)name == t->names.ptr)
    name = "";
  if (open && close > open)
    return (size_t)sprintf(out, "%.*s[...]%s", (int)(open - name), name,
                           close + 1);
  return (size_t)sprintf(out, "%s", name);
}

static int print_frames(const struct pcln_table *t, uint64_t lo, uint64_t hi,
                        uint64_t step) {
  static char text[1 << 18], last[1 << 18];
  const int wrapper = wrapper_id(t);
  for (uint64_t pc = lo; pc < hi; pc += step) {
    struct pcln_frame_iter it;
    struct pcln_frame f;
    struct pcln_func next;
    size_t n = 0;
    if (pcln_find_func(t, pc + 1, &next) == PCLN_OK && next.entry == pc + 1)
      continue; // the oracle cannot be asked
    if (pcln_frames_begin(t, pc, &it) != PCLN_OK)
      return fail("a pc has no frames");
    const bool inlined = it.inl >= 0;
    while (pcln_frames_next(&it, &f)) {
      if (n + strlen(f.func) + (f.file ? strlen(f.file) : 0) > sizeof text / 2)
        return fail("a chain is too long");
      if (inlined && f.func_id == wrapper)
        continue;
      if (n)
        text[n++] = '|';
      n += put_name(t, f.func, text + n);
      n += (size_t)sprintf(text + n, " %d %s", f.line, f.file ? f.file : "?");
    }
    if (it.status != PCLN_OK)
      return fail("a chain is corrupt");
    if (strcmp(text, last) != 0)
      printf("%llx %s\n", (unsigned long long)pc, text);
    strcpy(last, text);
  }
  return 0;
}

int main(int argc, char **argv) {
  const bool rows = argc == 6 && strcmp(argv[1], "rows") == 0;
  const bool frames = argc == 9 && strcmp(argv[1], "frames") == 0;
  if (!rows && !frames)
    return fail("see the top of table_rows.c");
  const struct pcln_sink sink = {.fn = print_report};
  struct pcln_elf *elf;
  if (pcln_elf_open(argv[2], &sink, &elf) != PCLN_OK)
    return fail("cannot open the file");
  const struct pcln_elf_section *sec = pcln_elf_find(elf, PCLN_SECTION_GO);
  struct pcln_span bytes;
  if (!sec || pcln_elf_content(elf, sec, &sink, &bytes) != PCLN_OK)
    return fail("no .gopclntab");
  struct pcln_open_options o = {.text_start = hex(argv[3]),
                                .funcdata_va = hex(argv[4])};
  if (hex(argv[4]))
    o.funcdata = pcln_elf_at(elf, hex(argv[4]));
  if (hex(argv[5]))
    o.findfunctab = pcln_elf_at(elf, hex(argv[5]));
  struct pcln_table t;
  int rc;
  if (pcln_open(&t, bytes.ptr, bytes.len, &o, &sink) != PCLN_OK ||
      pcln_verify(&t, &sink) != PCLN_OK)
    rc = fail("the table is not sound");
  else if (rows)
    rc = print_rows(&t);
  else
    rc = print_frames(&t, hex(argv[6]), hex(argv[7]), hex(argv[8]));
  pcln_elf_close(elf);
  return rc;
}
