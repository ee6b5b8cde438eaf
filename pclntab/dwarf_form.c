// SPDX-License-Identifier: Apache-2.0
//
// Attribute values: their bytes, and what they refer to (strings, addresses,
// other DIEs, range lists). A value is read as a plain number first; only who
// needs it asks what it stands for, so the walk pays for nothing else.
//
// Range lists skip what the linker discarded. A linker says so in one of many
// ways: address 0 (or 0 plus the addend, in gold), -1 or -2 in lld, 1 in old
// range lists. All lie outside the program's text, so that is the test.
#include "dwarf_info.h"

#include "dwarf_const.h"

int pcln_dw_form_size(unsigned form, struct pcln_dw_params p) {
  switch (form) {
  case DW_FORM_flag_present:
  case DW_FORM_implicit_const:
    return 0;
  case DW_FORM_data1:
  case DW_FORM_ref1:
  case DW_FORM_flag:
  case DW_FORM_strx1:
  case DW_FORM_addrx1:
    return 1;
  case DW_FORM_data2:
  case DW_FORM_ref2:
  case DW_FORM_strx2:
  case DW_FORM_addrx2:
    return 2;
  case DW_FORM_strx3:
  case DW_FORM_addrx3:
    return 3;
  case DW_FORM_data4:
  case DW_FORM_ref4:
  case DW_FORM_ref_sup4:
  case DW_FORM_strx4:
  case DW_FORM_addrx4:
    return 4;
  case DW_FORM_data8:
  case DW_FORM_ref8:
  case DW_FORM_ref_sig8:
  case DW_FORM_ref_sup8:
    return 8;
  case DW_FORM_data16:
    return 16;
  case DW_FORM_addr:
    return p.addr_size;
  case DW_FORM_ref_addr:
    return p.version == 2 ? p.addr_size : p.off_size;
  case DW_FORM_strp:
  case DW_FORM_line_strp:
  case DW_FORM_sec_offset:
  case DW_FORM_strp_sup:
  case DW_FORM_GNU_ref_alt:
  case DW_FORM_GNU_strp_alt:
    return p.off_size;
  case DW_FORM_block:
  case DW_FORM_block1:
  case DW_FORM_block2:
  case DW_FORM_block4:
  case DW_FORM_exprloc:
  case DW_FORM_string:
  case DW_FORM_indirect:
  case DW_FORM_sdata:
  case DW_FORM_udata:
  case DW_FORM_ref_udata:
  case DW_FORM_strx:
  case DW_FORM_addrx:
  case DW_FORM_loclistx:
  case DW_FORM_rnglistx:
  case DW_FORM_GNU_addr_index:
  case DW_FORM_GNU_str_index:
    return -1;
  default:
    return -2;
  }
}

// The form that DW_FORM_indirect names in the data; it cannot be one whose
// value is not in the data.
static unsigned indirect_form(struct pcln_cursor *c) {
  const uint64_t form = pcln_uleb(c);
  if (form <= UINT16_MAX && form != DW_FORM_indirect &&
      form != DW_FORM_implicit_const)
    return (unsigned)form;
  pcln_fail(c);
  return DW_FORM_flag_present;
}

static void skip_leb(struct pcln_cursor *c) {
  while (c->pos < c->end)
    if (!(*c->pos++ & 0x80))
      return;
  pcln_fail(c);
}

void pcln_dw_skip_form(struct pcln_cursor *c, unsigned form,
                       struct pcln_dw_params p) {
  if (form == DW_FORM_indirect)
    form = indirect_form(c);
  switch (form) {
  case DW_FORM_block1:
    pcln_skip(c, pcln_u8(c));
    return;
  case DW_FORM_block2:
    pcln_skip(c, pcln_u16(c));
    return;
  case DW_FORM_block4:
    pcln_skip(c, pcln_u32(c));
    return;
  case DW_FORM_block:
  case DW_FORM_exprloc:
    pcln_skip(c, pcln_uleb(c));
    return;
  case DW_FORM_string:
    pcln_cstr(c, NULL);
    return;
  default:
    break;
  }
  const int size = pcln_dw_form_size(form, p);
  if (size >= 0)
    pcln_skip(c, (unsigned)size);
  else if (size == -1)
    skip_leb(c); // what is left of those that vary
  else
    pcln_fail(c);
}

static uint64_t read_u24(struct pcln_cursor *c) {
  const uint8_t *p = pcln_take(c, 3);
  if (!p)
    return 0;
  const uint16_t probe = 1;
  const bool little = (*(const uint8_t *)&probe == 1) != c->swap;
  return little ? (uint64_t)(p[0] | p[1] << 8 | p[2] << 16)
                : (uint64_t)(p[2] | p[1] << 8 | p[0] << 16);
}

struct pcln_dw_value pcln_dw_read_value(struct pcln_cursor *c, unsigned form,
                                        struct pcln_dw_params p) {
  if (form == DW_FORM_indirect)
    form = indirect_form(c);
  struct pcln_dw_value v = {.form = (uint16_t)form};
  const int size = pcln_dw_form_size(form, p);
  switch (form) {
  case DW_FORM_flag_present:
    v.u = 1;
    return v;
  case DW_FORM_implicit_const: // the caller's plan has it
    return v;
  case DW_FORM_string:
    v.u = pcln_tell(c);
    pcln_cstr(c, NULL);
    return v;
  case DW_FORM_sdata:
    v.u = (uint64_t)pcln_sleb(c);
    return v;
  case DW_FORM_block:
  case DW_FORM_block1:
  case DW_FORM_block2:
  case DW_FORM_block4:
  case DW_FORM_exprloc:
  case DW_FORM_data16:
    pcln_dw_skip_form(c, form, p);
    return v;
  default:
    break;
  }
  if (size == 3)
    v.u = read_u24(c);
  else if (size > 0)
    v.u = pcln_uint(c, (unsigned)size);
  else if (size == -1)
    v.u = pcln_uleb(c);
  else
    pcln_fail(c);
  return v;
}

void pcln_dw_read_attrs(struct pcln_cursor *c, const struct pcln_dw_unit *u,
                        const struct pcln_dw_abbrev *ab,
                        struct pcln_dw_attrs *out) {
  out->have = 0;
  const struct pcln_dw_op *op = &u->abbrevs->ops[ab->op];
  for (const struct pcln_dw_op *end = op + ab->n_ops; op < end; op++) {
    if (op->slot == 0) {
      if (op->form == 0)
        pcln_skip(c, (uint32_t)op->arg);
      else
        pcln_dw_skip_form(c, op->form, u->params);
      continue;
    }
    const unsigned slot = op->slot - 1u;
    struct pcln_dw_value *v = &out->v[slot];
    v->form = op->form;
    if (op->form == DW_FORM_implicit_const)
      v->u = (uint64_t)(int64_t)op->arg;
    else if (op->arg)
      v->u = pcln_uint(c, (unsigned)op->arg);
    else
      *v = pcln_dw_read_value(c, op->form, u->params);
    out->have |= 1u << slot;
  }
}

// --- Strings, addresses, references -----------------------------------------

// pcln_dw_index() cut the section behind its last NUL.
static const char *string_in(const struct pcln_span *s, uint64_t off) {
  return off < s->len ? (const char *)s->ptr + off : NULL;
}

// Entry `idx` of a table of `size`-byte entries at `base` in a section.
static bool table_entry(const struct pcln_dw *dw, const struct pcln_span *s,
                        uint64_t base, uint64_t idx, unsigned size,
                        uint64_t *out) {
  if (base > s->len || idx >= (s->len - base) / size)
    return false;
  struct pcln_cursor c =
      pcln_cursor_at(s->ptr + base + idx * size, size, dw->sec.swap);
  *out = pcln_uint(&c, size);
  return true;
}

const char *pcln_dw_string(const struct pcln_dw *dw,
                           const struct pcln_dw_unit *u,
                           const struct pcln_dw_value *v) {
  uint64_t off;
  switch (v->form) {
  case DW_FORM_string: // read, so it ends inside the unit
    return (const char *)dw->sec.info.ptr + v->u;
  case DW_FORM_strp:
    return string_in(&dw->sec.str, v->u);
  case DW_FORM_line_strp:
    return string_in(&dw->sec.line_str, v->u);
  case DW_FORM_strx:
  case DW_FORM_strx1:
  case DW_FORM_strx2:
  case DW_FORM_strx3:
  case DW_FORM_strx4:
  case DW_FORM_GNU_str_index:
    if (table_entry(dw, &dw->sec.str_offsets, u->str_offsets_base, v->u,
                    u->params.off_size, &off))
      return string_in(&dw->sec.str, off);
    return NULL;
  default:
    return NULL;
  }
}

bool pcln_dw_address(const struct pcln_dw *dw, const struct pcln_dw_unit *u,
                     const struct pcln_dw_value *v, uint64_t *out) {
  switch (v->form) {
  case DW_FORM_addr:
    *out = v->u;
    return true;
  case DW_FORM_addrx:
  case DW_FORM_addrx1:
  case DW_FORM_addrx2:
  case DW_FORM_addrx3:
  case DW_FORM_addrx4:
  case DW_FORM_GNU_addr_index:
    return table_entry(dw, &dw->sec.addr, u->addr_base, v->u,
                       u->params.addr_size, out);
  default:
    return false;
  }
}

bool pcln_dw_reference(const struct pcln_dw_unit *u,
                       const struct pcln_dw_value *v, uint64_t *out) {
  switch (v->form) {
  case DW_FORM_ref1:
  case DW_FORM_ref2:
  case DW_FORM_ref4:
  case DW_FORM_ref8:
  case DW_FORM_ref_udata:
    if (v->u >= u->end - u->off)
      return false;
    *out = u->off + v->u;
    return true;
  case DW_FORM_ref_addr:
    *out = v->u;
    return true;
  default: // signatures of types, and supplementary files
    return false;
  }
}

// --- Ranges -----------------------------------------------------------------

static void begin_list(struct pcln_dw_ranges *it,
                       const struct pcln_dw_value *v) {
  const struct pcln_dw_unit *u = it->unit;
  const bool v5 = u->params.version >= 5;
  const struct pcln_span *s = v5 ? &it->dw->sec.rnglists : &it->dw->sec.ranges;
  it->region = v5 ? ".debug_rnglists" : ".debug_ranges";
  it->c = pcln_cursor_at(s->ptr, s->len, it->dw->sec.swap);
  it->listed = true;
  it->base = u->base;
  uint64_t off = v->u;
  if (v->form == DW_FORM_rnglistx) {
    if (!table_entry(it->dw, s, u->rnglists_base, v->u, u->params.off_size,
                     &off) ||
        off > s->len - u->rnglists_base) {
      pcln_fail(&it->c);
      return;
    }
    off += u->rnglists_base;
  }
  pcln_seek(&it->c, off);
  if (pcln_left(&it->c) == 0)
    pcln_fail(&it->c);
}

void pcln_dw_ranges_begin(struct pcln_dw_ranges *it, const struct pcln_dw *dw,
                          const struct pcln_dw_unit *u,
                          const struct pcln_dw_attrs *a) {
  *it = (struct pcln_dw_ranges){.dw = dw, .unit = u, .region = ".debug_info"};
  if (pcln_dw_has(a, PCLN_DW_LOW_PC) && pcln_dw_has(a, PCLN_DW_HIGH_PC)) {
    const struct pcln_dw_value *high = &a->v[PCLN_DW_HIGH_PC];
    if (!pcln_dw_address(dw, u, &a->v[PCLN_DW_LOW_PC], &it->lo))
      return;
    // Of class address it is an end, of class constant a length.
    if (!pcln_dw_address(dw, u, high, &it->hi))
      it->hi = it->lo + high->u;
    it->single = true;
  } else if (pcln_dw_has(a, PCLN_DW_RANGES)) {
    begin_list(it, &a->v[PCLN_DW_RANGES]);
  }
}

// .debug_ranges: pairs of addresses. False: the end.
static bool next_pair(struct pcln_dw_ranges *it, bool *is_range) {
  const unsigned size = it->unit->params.addr_size;
  const uint64_t max = size == 8 ? UINT64_MAX : UINT32_MAX;
  const uint64_t a = pcln_uint(&it->c, size), b = pcln_uint(&it->c, size);
  if (it->c.failed || (a == 0 && b == 0))
    return false;
  *is_range = a != max;
  if (a == max) {
    it->base = b;
  } else {
    it->lo = it->base + a;
    it->hi = it->base + b;
  }
  return true;
}

static uint64_t indexed(struct pcln_dw_ranges *it) {
  const struct pcln_dw_value v = {.u = pcln_uleb(&it->c),
                                  .form = DW_FORM_addrx};
  uint64_t va = 0;
  if (!pcln_dw_address(it->dw, it->unit, &v, &va))
    pcln_fail(&it->c);
  return va;
}

static void set_base(struct pcln_dw_ranges *it, uint64_t base) {
  it->base = base;
  it->base_dead = pcln_dw_dead(it->dw, base);
}

// .debug_rnglists: tagged entries. False: the end.
static bool next_entry(struct pcln_dw_ranges *it, bool *is_range) {
  const unsigned size = it->unit->params.addr_size;
  struct pcln_cursor *c = &it->c;
  *is_range = true;
  switch (pcln_u8(c)) {
  case DW_RLE_end_of_list:
    return false;
  case DW_RLE_base_addressx:
    *is_range = false;
    set_base(it, indexed(it));
    break;
  case DW_RLE_base_address:
    *is_range = false;
    set_base(it, pcln_uint(c, size));
    break;
  case DW_RLE_startx_endx:
    it->lo = indexed(it);
    it->hi = indexed(it);
    break;
  case DW_RLE_startx_length:
    it->lo = indexed(it);
    it->hi = it->lo + pcln_uleb(c);
    break;
  case DW_RLE_offset_pair:
    it->lo = it->base + pcln_uleb(c);
    it->hi = it->base + pcln_uleb(c);
    *is_range = !it->base_dead;
    break;
  case DW_RLE_start_end:
    it->lo = pcln_uint(c, size);
    it->hi = pcln_uint(c, size);
    break;
  case DW_RLE_start_length:
    it->lo = pcln_uint(c, size);
    it->hi = it->lo + pcln_uleb(c);
    break;
  default:
    pcln_fail(c);
  }
  return !c->failed;
}

bool pcln_dw_ranges_next(struct pcln_dw_ranges *it, uint64_t *lo,
                         uint64_t *hi) {
  for (;;) {
    bool is_range = it->single;
    if (it->listed) {
      it->work++;
      if (!(it->unit->params.version >= 5 ? next_entry(it, &is_range)
                                          : next_pair(it, &is_range)))
        return false;
    } else if (!it->single) {
      return false;
    }
    it->single = false;
    if (!is_range || it->lo >= it->hi || pcln_dw_dead(it->dw, it->lo))
      continue;
    *lo = it->lo;
    *hi = it->hi;
    return true;
  }
}
