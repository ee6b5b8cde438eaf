// SPDX-License-Identifier: Apache-2.0
#include "frame_table.h"

#include "bytes.h"
#include "table.h"

#include <stdlib.h>

static bool swapped(const struct frame_spec *s) {
  return s->big_endian == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
}

void frame_put(const struct frame_spec *spec, struct frame_bytes *b,
               unsigned size, uint64_t v) {
  if (b->len + size > FRAME_MAX)
    abort();
  for (unsigned i = 0; i < size; i++)
    b->b[b->len + (spec->big_endian ? size - 1 - i : i)] =
        (uint8_t)(v >> (8 * i));
  b->len += size;
}

static struct pcln_span block(const uint8_t *bytes, size_t len) {
  uint8_t *p = malloc(len ? len : 1);
  if (!p)
    abort();
  memcpy(p, bytes, len);
  return (struct pcln_span){p, len};
}

// Appends the stream; its offset, or 0 if there is none.
static uint32_t put_stream(struct frame_bytes *tab, const struct pcln_run *run,
                           unsigned quantum) {
  const size_t at = tab->len;
  int32_t value = -1;
  uint32_t pc = 0;
  if (!run)
    return 0;
  for (; run->hi; run++) {
    if (tab->len + 11 > FRAME_MAX)
      abort();
    const uint32_t delta = (uint32_t)run->value - (uint32_t)value;
    tab->len +=
        pcln_put_varint32(tab->b + tab->len, pcln_zigzag((int32_t)delta));
    tab->len += pcln_put_varint32(tab->b + tab->len, (run->hi - pc) / quantum);
    value = run->value;
    pc = run->hi;
  }
  tab->b[tab->len++] = 0;
  return (uint32_t)at;
}

static uint32_t count(const struct frame_spec *s, bool funcdata) {
  uint32_t n = 0;
  for (uint32_t i = 0; i < FRAME_INDICES; i++)
    if (funcdata ? s->funcdata[i].len > 0 : s->pcdata[i] != NULL)
      n = i + 1;
  return n;
}

static void put_funcdata(const struct frame_spec *s, struct frame_table *m,
                         struct frame_bytes *record, uint8_t *area,
                         size_t *len) {
  const bool old = s->layout < PCLN_GO_118;
  if (old)
    while (m->f.n_funcdata && record->len % m->t.ptr_size)
      frame_put(s, record, 1, 0);
  for (uint32_t i = 0; i < m->f.n_funcdata; i++) {
    const struct frame_bytes *b = &s->funcdata[i];
    m->at[i] = *len;
    memcpy(area + *len, b->b, b->len);
    *len += b->len;
    if (old)
      frame_put(s, record, m->t.ptr_size,
                b->len ? FRAME_FUNCDATA_VA + m->at[i] : 0);
    else
      frame_put(s, record, 4, b->len ? m->at[i] : PCLN_NO_FUNCDATA);
  }
}

void frame_table_make(const struct frame_spec *spec, struct frame_table *out) {
  struct frame_bytes record = {.len = 0}, tab = {.len = 1};
  uint8_t area[FRAME_INDICES * FRAME_MAX];
  size_t len = 0;
  *out = (struct frame_table){
      .t = {.layout = spec->layout,
            .ptr_size = spec->ptr_size ? spec->ptr_size : 8,
            .quantum = spec->quantum ? spec->quantum : 1,
            .swap = swapped(spec),
            .ours = spec->ours,
            .stackmap_bits = spec->stackmap_bits,
            .flags = spec->flags,
            .go_minor = spec->go_minor,
            .machine = spec->machine,
            .n_funcs = 1,
            .text_start = FRAME_ENTRY,
            .text_len = FRAME_SIZE,
            .funcdata_va = FRAME_FUNCDATA_VA},
      .f = {.entry = FRAME_ENTRY,
            .end = FRAME_ENTRY + FRAME_SIZE,
            .name = "f",
            .n_pcdata = count(spec, false),
            .n_funcdata = count(spec, true)}};
  record.len = pcln_rec_layout(&out->t)->size; // read elsewhere
  out->f.pcsp = put_stream(&tab, spec->pcsp, out->t.quantum);
  for (uint32_t i = 0; i < out->f.n_pcdata; i++) {
    frame_put(spec, &record, 4,
              put_stream(&tab, spec->pcdata[i], out->t.quantum));
    if (i == PCLN_PCDATA_STACKMAP)
      for (size_t k = 0; k < spec->maps.len; k++)
        frame_put(spec, &tab, 1, spec->maps.b[k]);
  }
  put_funcdata(spec, out, &record, area, &len);
  out->t.functab = block(record.b, record.len);
  out->t.pctab = block(tab.b, tab.len);
  out->t.funcdata = block(area, len);
  if (spec->rodata.len)
    out->t.rodata = block(spec->rodata.b, spec->rodata.len);
}

void frame_table_free(struct frame_table *m) {
  free((void *)(uintptr_t)m->t.functab.ptr);
  free((void *)(uintptr_t)m->t.pctab.ptr);
  free((void *)(uintptr_t)m->t.funcdata.ptr);
  free((void *)(uintptr_t)m->t.rodata.ptr);
}
