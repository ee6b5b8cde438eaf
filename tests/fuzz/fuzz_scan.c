// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a file that may hold tables, and as a table that is damaged:
// what is found lies inside, and is asked everything. The seeds are those of
// fuzz_table.
#include "scan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok) {
  if (!ok)
    abort();
}

static void inside(const struct pcln_span *part, const uint8_t *data,
                   size_t size) {
  if (part->len > 0)
    must(part->ptr >= data && part->ptr + part->len <= data + size);
}

static void ask(const struct pcln_table *t) {
  struct pcln_row rows[16];
  struct pcln_rows it;
  struct pcln_frame_iter frames;
  struct pcln_frame frame;
  size_t chars = 0;
  for (uint32_t i = 0; i < t->n_funcs && i < 40; i++) {
    struct pcln_func f;
    if (pcln_func_at(t, i, &f) != PCLN_OK)
      continue;
    chars += strlen(f.name);
    pcln_rows_begin(t, &f, &it);
    for (size_t n, sum = 0; sum < 300 && (n = pcln_rows_next(&it, rows, 16));
         sum += n)
      for (size_t k = 0; k < n; k++) {
        const char *file = pcln_file_name(t, &f, rows[k].file);
        must(rows[k].lo < rows[k].hi);
        chars += file ? strlen(file) : 0;
      }
    if (pcln_frames_begin(t, f.entry, &frames) == PCLN_OK)
      while (pcln_frames_next(&frames, &frame))
        chars += strlen(frame.func);
  }
  must(chars < SIZE_MAX / 2);
}

static void check(const struct pcln_candidate *c, const uint8_t *data,
                  size_t size) {
  const struct pcln_table *t = &c->table;
  must((c->held & c->failed) == 0 && c->confidence <= 100);
  inside(&t->names, data, size);
  inside(&t->cutab, data, size);
  inside(&t->files, data, size);
  inside(&t->pctab, data, size);
  inside(&t->functab, data, size);
  must(t->names.len == 0 || t->names.ptr[t->names.len - 1] == 0);
  must(t->files.len == 0 || t->files.ptr[t->files.len - 1] == 0);
  ask(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *bytes = malloc(size ? size : 1); // ends where its allocation does
  struct pcln_scan s;
  struct pcln_candidate c;
  struct pcln_table t;
  uint64_t last = 0;
  must(bytes != NULL);
  memcpy(bytes, data, size);
  pcln_scan_begin(&s, bytes, size);
  while (pcln_scan_next(&s, &c)) {
    must(c.off < size && s.at > last);
    last = s.at;
    check(&c, bytes, size);
  }
  const struct pcln_open_options o = {.force_layout = size % 2,
                                      .layout = (enum pcln_layout)(size % 4)};
  if (pcln_recover(&t, bytes, size, &o, NULL, &c) == PCLN_OK) {
    check(&c, bytes, size);
    ask(&t);
  }
  free(bytes);
  return 0;
}
