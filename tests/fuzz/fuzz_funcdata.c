// SPDX-License-Identifier: Apache-2.0
//
// One function whose PCDATA, FUNCDATA, name and masks are the input. Its table
// is made here, each part in a heap block of its own size; the first bytes of
// the input choose the layout, the release and how the rest is divided. Nothing
// may be read outside of a part, and every walk must end.
#include "go_names.h"
#include "stackmap.h"

#include "table.h"

#include <stdlib.h>

enum { HEADER = 16, PCDATA = 5, FUNCDATA = 9, LIMIT = 1 << 16 };

static struct pcln_span block(const uint8_t **data, size_t *size, size_t len) {
  if (len > *size)
    len = *size;
  uint8_t *p = malloc(len ? len : 1);
  if (!p)
    abort();
  memcpy(p, *data, len);
  *data += len;
  *size -= len;
  return (struct pcln_span){p, len};
}

static struct pcln_table table_of(const uint8_t *h) {
  static const uint16_t machines[] = {0, 3, 21, 40, 62, 183};
  return (struct pcln_table){
      .layout = (enum pcln_layout)(h[0] & 3),
      .ptr_size = h[0] & 4 ? 4 : 8,
      .swap = h[0] & 8,
      .ours = (h[0] & 16) && (h[0] & 2), // from go1.18 on
      .quantum = (uint8_t)(1 << (h[0] >> 5) % 3),
      .stackmap_bits = h[1] & 3,
      .flags = h[1] & 4 ? PCLN_MODF_COMPACT_MAPS : 0u,
      .go_minor = h[2] % 30,
      .machine = machines[h[3] % (sizeof machines / sizeof *machines)],
      .n_funcs = 1,
      .text_start = 0x1000,
      .text_len = 0x1000,
      .funcdata_va = h[4] ? 0x10000 : 0};
}

static void read_maps(const struct pcln_table *t, const struct pcln_func *f) {
  static const enum pcln_map_part parts[] = {PCLN_MAP_ARGS, PCLN_MAP_LOCALS};
  for (size_t i = 0; i < 2; i++) {
    struct pcln_ptrmap map;
    struct pcln_map_row row;
    struct pcln_word w;
    if (pcln_ptrmap(t, f, parts[i], &map) != PCLN_OK)
      continue;
    if (map.n_stored > map.n_words ||
        (uint64_t)map.n_rows * map.row_len > map.rows.len)
      abort();
    if (map.n_words > LIMIT) // most of them are not stored
      continue;
    for (uint32_t r = 0; r < 8 && pcln_ptrmap_row(&map, r, &row) == PCLN_OK;
         r++) {
      uint32_t words = 0;
      for (uint32_t next = 0; pcln_words_next(&row, &next, &w);)
        if (w.index + w.n > row.n_words || words++ > row.n_words)
          abort();
      if (row.n_words && pcln_word_live(&row, row.n_words))
        abort();
    }
  }
  for (uint64_t pc = f->entry; pc < f->end; pc += 1 + (pc - f->entry) / 4) {
    struct pcln_stackmap at;
    if (pcln_stackmap_at(t, f, pc, &at) == PCLN_OK &&
        (pc - f->entry < at.range.lo || pc - f->entry >= at.range.hi))
      abort();
  }
}

static void read_rest(const struct pcln_table *t, const struct pcln_func *f) {
  struct pcln_objects objects;
  struct pcln_object o;
  struct pcln_open_defers d;
  struct pcln_arg_iter args;
  struct pcln_arg a;
  struct pcln_inline inl;
  uint64_t entry;
  uint32_t size;
  unsigned n = 0;
  if (pcln_objects(t, f, &objects) == PCLN_OK)
    for (uint32_t i = 0; i < objects.n && i < LIMIT; i++)
      if (pcln_object_at(t, &objects, i, &o) == PCLN_OK && o.mask.len)
        n += o.mask.ptr[o.mask.len - 1];
  for (uint64_t pc = f->entry; pc < f->end; pc += 0x101)
    if (pcln_args_begin(t, f, pc, &args) == PCLN_OK)
      for (unsigned k = 0; pcln_args_next(&args, &a); k++)
        if (k > 256)
          abort();
  if (pcln_open_defers(t, f, &d) == PCLN_OK && d.n > PCLN_MAX_OPEN_DEFERS)
    abort();
  (void)!pcln_wrapped(t, f, &entry);
  (void)!pcln_frame_size(t, f, &size);
  for (uint32_t i = 0; i < 4; i++)
    (void)!pcln_inline_at(t, f, i, &inl);
}

static void read_names(const struct pcln_table *t, const struct pcln_span s) {
  char *name = malloc(s.len + 1);
  char buf[PCLN_NAME_MAX];
  struct pcln_name_parts p;
  if (!name)
    abort();
  memcpy(name, s.ptr, s.len);
  name[s.len] = '\0';
  pcln_name_split(name, &p);
  if (*name && !p.function.len)
    abort();
  (void)pcln_package_path(p.package, buf, sizeof buf);
  free(name);
  for (uint32_t i = 0; i < 12; i++) {
    const size_t len = s.len % (PCLN_NAME_MAX + 1);
    (void)pcln_pcdata_name(t, i, buf, len);
    (void)pcln_funcdata_name(t, i, buf, len);
    (void)pcln_func_id_name(t, (uint8_t)(i + s.len), buf, len);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < HEADER)
    return 0;
  const uint8_t *h = data;
  struct pcln_table t = table_of(h);
  data += HEADER;
  size -= HEADER;
  t.functab = block(&data, &size,
                    pcln_rec_layout(&t)->size + 4 * PCDATA +
                        (size_t)FUNCDATA * t.ptr_size + 4);
  t.pctab = block(&data, &size, h[5]);
  t.rodata = block(&data, &size, h[6]);
  const struct pcln_span name = block(&data, &size, h[7]);
  t.funcdata = block(&data, &size, size);
  struct pcln_func f = {.entry = 0x1000,
                        .end = 0x2000,
                        .name = "f",
                        .pcsp = h[8],
                        .n_pcdata = h[9] % (PCDATA + 1),
                        .n_funcdata = h[10] % (FUNCDATA + 1)};
  if (pcln_record_end(&t, &f) <= t.functab.len) {
    read_maps(&t, &f);
    read_rest(&t, &f);
  }
  read_names(&t, name);
  free((void *)(uintptr_t)t.functab.ptr);
  free((void *)(uintptr_t)t.pctab.ptr);
  free((void *)(uintptr_t)t.rodata.ptr);
  free((void *)(uintptr_t)t.funcdata.ptr);
  free((void *)(uintptr_t)name.ptr);
  return 0;
}
