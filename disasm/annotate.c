// SPDX-License-Identifier: Apache-2.0
//
// The listing: a function's instructions, each with what the table says of it.
// Lines are data; whoever prints them decides what they look like.
//
// Four things are walked side by side: the code, the rows of positions, the
// unwind rules and the pointer maps. Positions come from one walk over their
// streams. Rules and maps change rarely, so they are looked up where the last
// one ends. Nothing the table says moves the walk through the code: a table
// that is wrong spoils its own columns only.
#include "disasm.h"

#include <string.h>

// --- The table's columns ----------------------------------------------------

static bool same_position(const struct pcln_row *a, const struct pcln_row *b) {
  return a->file == b->file && a->line == b->line && a->inl == b->inl;
}

static void note_position(struct pcdis_listing *l, uint32_t off,
                          struct pcdis_line *out) {
  while (l->row.hi <= off && pcln_rows_next(&l->rows, &l->row, 1) == 1)
    continue;
  if (l->rows.status != PCLN_OK)
    l->status = l->rows.status;
  out->row = l->row;
  out->new_position = off == 0 || !same_position(&l->row, &l->shown);
  l->shown = l->row;
}

static bool same_rule(const struct pcln_rule *a, const struct pcln_rule *b) {
  return a->cfa == b->cfa && a->fp == b->fp && a->ra == b->ra &&
         a->reg == b->reg && a->cfa_off == b->cfa_off &&
         a->fp_off == b->fp_off && a->ra_off == b->ra_off;
}

// PCLN_NOT_FOUND is no rule from here to the function's end.
static void note_rule(struct pcdis_listing *l, uint32_t off,
                      struct pcdis_line *out) {
  const struct pcln_rule before = l->rule;
  const bool had = l->has_rule;
  if (off >= l->rule_range.hi && !l->func.hole) {
    const enum pcln_status status =
        pcln_rule_at(l->table, &l->func, l->va, &l->rule, &l->rule_range);
    l->has_rule = status == PCLN_OK;
    l->has_live = false; // words are placed by the frame
    if (status != PCLN_OK)
      l->rule_range.hi = UINT32_MAX;
    if (status != PCLN_OK && status != PCLN_NOT_FOUND)
      l->status = status;
  }
  out->has_rule = l->has_rule;
  out->rule = l->rule;
  out->new_rule =
      l->has_rule ? off == 0 || !had || !same_rule(&before, &l->rule) : had;
}

// A return address minus one is the call's last byte.
static void note_live(struct pcdis_listing *l, struct pcdis_line *out) {
  out->safepoint = false;
  if (!l->has_maps || !out->is_insn || out->insn.flow != PCDIS_CALL)
    return;
  const uint64_t pc = out->va + out->insn.len - 1;
  const uint32_t off = (uint32_t)(pc - l->func.entry);
  enum pcln_status status = PCLN_OK;
  // The same row, in the same frame, is in the same place.
  if (!l->has_live || off < l->live.range.lo || off >= l->live.range.hi)
    status = pcln_stackmap_at(l->table, &l->func, pc, &l->live);
  l->has_live = out->safepoint = status == PCLN_OK;
  out->live = l->live;
  if (status == PCLN_CORRUPT)
    l->status = status;
}

// --- The code's columns -----------------------------------------------------

static void note_name(struct pcdis_listing *l, struct pcdis_line *out) {
  const struct pcdis_insn *insn = &out->insn;
  const uint64_t va = insn->target ? insn->target : insn->refers;
  struct pcln_func f;
  out->name = NULL;
  if (!va || !l->text)
    return;
  if (va >= l->func.entry && va < l->func.end && !l->func.hole) {
    out->name = l->func.name;
    out->name_off = va - l->func.entry;
  } else if (pcln_find_func(l->table, va, &f) == PCLN_OK && !f.hole) {
    out->name = f.name;
    out->name_off = va - f.entry;
  }
}

// Bytes that begin no instruction: so many that what follows may be one again.
static uint32_t data_len(const struct pcdis_listing *l) {
  const uint64_t quantum = l->table->quantum, va = l->va;
  const uint64_t next = quantum > 1 ? (va / quantum + 1) * quantum : va + 1;
  const uint64_t len = next - va;
  return (uint32_t)(len < l->bytes.len ? len : l->bytes.len);
}

static void data_text(struct pcdis_line *out) {
  static const char hex[] = "0123456789abcdef";
  char *p = out->insn.text;
  memcpy(p, ".byte", 5);
  p += 5;
  for (size_t i = 0; i < out->bytes.len; i++) {
    *p++ = i ? ',' : ' ';
    *p++ = '0';
    *p++ = 'x';
    *p++ = hex[out->bytes.ptr[i] >> 4];
    *p++ = hex[out->bytes.ptr[i] & 15];
  }
  *p = 0;
}

static void note_code(struct pcdis_listing *l, struct pcdis_line *out) {
  out->va = l->va;
  out->is_insn = false;
  out->bytes = l->bytes;
  out->name = NULL;
  if (!l->bytes.ptr)
    return;
  out->is_insn = pcdis_decode(l->decoder, l->bytes.ptr, l->bytes.len, l->va,
                              l->text, &out->insn) == PCLN_OK;
  out->bytes.len = out->is_insn ? out->insn.len : data_len(l);
  if (out->is_insn)
    note_name(l, out);
  else if (l->text)
    data_text(out);
}

// --- Entry ------------------------------------------------------------------

void pcdis_listing_begin(struct pcdis_listing *l, const struct pcln_table *t,
                         const struct pcdis_code *code, struct pcdis *d,
                         const struct pcln_func *f, bool text) {
  struct pcln_ptrmap map;
  memset(l, 0, sizeof *l);
  l->table = t;
  l->decoder = d;
  l->func = *f;
  l->text = text;
  l->va = f->entry;
  l->bytes = code->at(code->ctx, f->entry);
  if (l->bytes.len > f->end - f->entry)
    l->bytes.len = (size_t)(f->end - f->entry);
  if (l->bytes.len == 0)
    l->bytes.ptr = NULL;
  pcln_rows_begin(t, f, &l->rows);
  l->row = (struct pcln_row){0, 0, -1, -1, -1};
  l->has_maps =
      !f->hole && (pcln_ptrmap(t, f, PCLN_MAP_ARGS, &map) == PCLN_OK ||
                   pcln_ptrmap(t, f, PCLN_MAP_LOCALS, &map) == PCLN_OK);
}

bool pcdis_listing_next(struct pcdis_listing *l, struct pcdis_line *out) {
  if (l->va >= l->func.end)
    return false;
  const uint32_t off = (uint32_t)(l->va - l->func.entry);
  note_code(l, out);
  note_position(l, off, out);
  note_rule(l, off, out);
  note_live(l, out);
  if (l->bytes.ptr && out->bytes.len < l->bytes.len) {
    l->va += out->bytes.len;
    l->bytes.ptr += out->bytes.len;
    l->bytes.len -= out->bytes.len;
  } else {
    // The last one, or what is behind the last byte that is stored.
    l->va = l->bytes.ptr ? l->va + out->bytes.len : l->func.end;
    l->bytes = (struct pcln_span){0};
  }
  return true;
}
