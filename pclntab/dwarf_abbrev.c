// SPDX-License-Identifier: Apache-2.0
//
// Abbreviation tables, compiled. Most DIEs are types, variables and call sites
// that nobody here reads, and walking over them is most of the time spent on
// .debug_info. So each abbreviation becomes a plan: how many bytes to skip if
// all its forms have fixed sizes, else a list of steps in which only the
// attributes of interest are single out. A plan depends on the unit's address
// and offset size, so a table is decoded once for each distinct combination.
//
// The plan also bounds hostile input: an abbreviation may list any number of
// attributes that occupy no bytes, and any number of one-byte DIEs may use it;
// merged into skips, and each slot kept once, they cost nothing.
#include "dwarf_info.h"

#include "dwarf_const.h"

#include <stdlib.h>
#include <string.h>

static const char region[] = ".debug_abbrev";

static int slot_of(uint64_t attr) {
  switch (attr) {
  case DW_AT_low_pc:
    return PCLN_DW_LOW_PC;
  case DW_AT_high_pc:
    return PCLN_DW_HIGH_PC;
  case DW_AT_ranges:
    return PCLN_DW_RANGES;
  case DW_AT_call_file:
    return PCLN_DW_CALL_FILE;
  case DW_AT_call_line:
    return PCLN_DW_CALL_LINE;
  case DW_AT_abstract_origin:
    return PCLN_DW_ORIGIN;
  case DW_AT_specification:
    return PCLN_DW_SPEC;
  case DW_AT_name:
    return PCLN_DW_NAME;
  case DW_AT_linkage_name:
  case DW_AT_MIPS_linkage_name:
    return PCLN_DW_LINKAGE;
  case DW_AT_decl_line:
    return PCLN_DW_DECL_LINE;
  case DW_AT_stmt_list:
    return PCLN_DW_STMT_LIST;
  case DW_AT_comp_dir:
    return PCLN_DW_COMP_DIR;
  case DW_AT_language:
    return PCLN_DW_LANGUAGE;
  case DW_AT_str_offsets_base:
    return PCLN_DW_STR_OFFSETS_BASE;
  case DW_AT_addr_base:
  case DW_AT_GNU_addr_base:
    return PCLN_DW_ADDR_BASE;
  case DW_AT_rnglists_base:
    return PCLN_DW_RNGLISTS_BASE;
  case DW_AT_dwo_name:
  case DW_AT_GNU_dwo_name:
    return PCLN_DW_DWO_NAME;
  default:
    return -1;
  }
}

static enum pcln_dw_kind kind_of(uint64_t tag) {
  switch (tag) {
  case DW_TAG_compile_unit:
  case DW_TAG_partial_unit:
  case DW_TAG_skeleton_unit:
  case DW_TAG_type_unit:
    return PCLN_DW_UNIT;
  case DW_TAG_subprogram:
    return PCLN_DW_SUBPROGRAM;
  case DW_TAG_inlined_subroutine:
    return PCLN_DW_INLINED;
  case DW_TAG_class_type:
  case DW_TAG_structure_type:
  case DW_TAG_union_type:
    return PCLN_DW_CLASS;
  case DW_TAG_array_type:
  case DW_TAG_enumeration_type:
  case DW_TAG_subroutine_type:
    return PCLN_DW_OPAQUE;
  default:
    return PCLN_DW_PLAIN;
  }
}

// A table under construction.
struct maker {
  struct pcln_dw_abbrevs *t;
  struct pcln_cursor c;
  size_t cap_abbrev, n_ops, cap_ops;
  uint32_t seen; // slots of the abbreviation at hand
  uint64_t size; // bytes of its attributes so far, while all are fixed
  bool fixed;
};

static bool push_op(struct maker *m, struct pcln_dw_abbrev *ab, unsigned slot,
                    unsigned form, int32_t arg) {
  if (slot == 0 && form == 0 && ab->n_ops) { // join neighbouring skips
    struct pcln_dw_op *last = &m->t->ops[m->n_ops - 1];
    if (last->slot == 0 && last->form == 0 && last->arg < INT32_MAX - arg) {
      last->arg += arg;
      return true;
    }
  }
  if (!pcln_dw_grow(&m->t->ops, &m->cap_ops, m->n_ops, sizeof *m->t->ops))
    return false;
  m->t->ops[m->n_ops++] = (struct pcln_dw_op){
      .slot = (uint16_t)slot, .form = (uint16_t)form, .arg = arg};
  ab->n_ops++;
  return true;
}

static int32_t clamp32(int64_t v) {
  return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}

static enum pcln_status read_attr(struct maker *m, struct pcln_dw_abbrev *ab,
                                  uint64_t attr, uint64_t form) {
  const int64_t implicit =
      form == DW_FORM_implicit_const ? pcln_sleb(&m->c) : 0;
  const int size =
      form <= UINT16_MAX ? pcln_dw_form_size((unsigned)form, m->t->params) : -2;
  if (size == -2)
    return pcln_dw_corrupt(&m->t->fault, "dwarf-form", region,
                           m->t->off + pcln_tell(&m->c),
                           "an attribute has an unknown form");
  if (attr == DW_AT_sibling && m->fixed && form <= UINT8_MAX) {
    ab->sibling_form = (uint8_t)form;
    ab->sibling_at = (uint32_t)m->size;
  }
  const bool reads = ab->kind == PCLN_DW_SUBPROGRAM ||
                     ab->kind == PCLN_DW_INLINED || ab->kind == PCLN_DW_UNIT;
  const int slot = reads ? slot_of(attr) : -1;
  bool ok = true;
  if (slot >= 0 && !(m->seen >> slot & 1)) {
    m->seen |= 1u << slot;
    const bool plain = size == 1 || size == 2 || size == 4 || size == 8;
    const int32_t arg = form == DW_FORM_implicit_const ? clamp32(implicit)
                        : plain                        ? size
                                                       : 0;
    ok = push_op(m, ab, (unsigned)slot + 1, (unsigned)form, arg);
  } else if (size > 0) {
    ok = push_op(m, ab, 0, 0, size);
  } else if (size < 0) {
    ok = push_op(m, ab, 0, (unsigned)form, 0);
  }
  if (size < 0)
    m->fixed = false;
  else
    m->size += (unsigned)size;
  return ok ? PCLN_OK : pcln_dw_no_memory(&m->t->fault);
}

static enum pcln_status read_abbrev(struct maker *m, uint64_t code) {
  if (!pcln_dw_grow(&m->t->abbrev, &m->cap_abbrev, m->t->n,
                    sizeof *m->t->abbrev))
    return pcln_dw_no_memory(&m->t->fault);
  const uint64_t tag = pcln_uleb(&m->c);
  struct pcln_dw_abbrev *ab = &m->t->abbrev[m->t->n++];
  *ab = (struct pcln_dw_abbrev){.code = code,
                                .op = (uint32_t)m->n_ops,
                                .tag = (uint16_t)tag,
                                .kind = (uint8_t)kind_of(tag),
                                .children = pcln_u8(&m->c) != 0,
                                .fixed = -1};
  m->seen = 0;
  m->size = 0;
  m->fixed = true;
  for (;;) {
    const uint64_t attr = pcln_uleb(&m->c);
    const uint64_t form = pcln_uleb(&m->c);
    if (m->c.failed)
      return pcln_dw_corrupt(&m->t->fault, "dwarf-abbrev", region, m->t->off,
                             "the abbreviation table runs past the section");
    if (attr == 0 && form == 0)
      break;
    enum pcln_status st = read_attr(m, ab, attr, form);
    if (st != PCLN_OK)
      return st;
  }
  if (m->fixed && m->size <= INT32_MAX)
    ab->fixed = (int32_t)m->size;
  return PCLN_OK;
}

static int by_code(const void *a, const void *b) {
  const struct pcln_dw_abbrev *x = a, *y = b;
  return (x->code > y->code) - (x->code < y->code);
}

void pcln_dw_abbrevs_read(const struct pcln_dw_sections *s,
                          struct pcln_dw_abbrevs *t) {
  struct maker m = {.t = t};
  if (t->off >= s->abbrev.len) {
    pcln_dw_corrupt(&t->fault, "dwarf-abbrev", region, t->off,
                    "the abbreviation table lies outside the section");
    return;
  }
  m.c = pcln_cursor_at(s->abbrev.ptr + t->off, s->abbrev.len - t->off, s->swap);
  t->dense = true;
  // At least one, so that an abbreviation without steps has a place, too.
  if (!pcln_dw_grow(&t->ops, &m.cap_ops, 0, sizeof *t->ops)) {
    pcln_dw_no_memory(&t->fault);
    return;
  }
  for (uint64_t code; (code = pcln_uleb(&m.c)) != 0;) {
    t->dense &= code == t->n + 1;
    if (read_abbrev(&m, code) != PCLN_OK)
      break;
  }
  t->len = pcln_tell(&m.c);
  // A section that ends instead of the last zero is accepted, as elsewhere.
  if (!t->dense && t->fault.status == PCLN_OK)
    qsort(t->abbrev, t->n, sizeof *t->abbrev, by_code);
}

void pcln_dw_abbrevs_free(struct pcln_dw_abbrevs *t) {
  free(t->abbrev);
  free(t->ops);
}

const struct pcln_dw_abbrev *
pcln_dw_abbrev_sparse(const struct pcln_dw_abbrevs *t, uint64_t code) {
  size_t lo = 0, hi = t->n;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (t->abbrev[mid].code < code)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < t->n && t->abbrev[lo].code == code ? &t->abbrev[lo] : NULL;
}
