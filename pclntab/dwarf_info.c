// SPDX-License-Identifier: Apache-2.0
//
// Units: their headers, which are few and read first, one after another, and
// their unit DIEs, which say where a unit's code, lines and tables are. And the
// little that all files of the DWARF source share: faults, notes, arrays.
#include "dwarf_info.h"

#include "dwarf_const.h"

#include <stdlib.h>
#include <string.h>

static const char region[] = ".debug_info";

// --- Faults, notes, memory --------------------------------------------------

enum pcln_status pcln_dw_corrupt(struct pcln_dw_fault *f, const char *fault,
                                 const char *in, uint64_t off,
                                 const char *text) {
  *f = (struct pcln_dw_fault){.status = PCLN_CORRUPT,
                              .fault = fault,
                              .region = in,
                              .off = off,
                              .text = text};
  return PCLN_CORRUPT;
}

enum pcln_status pcln_dw_no_memory(struct pcln_dw_fault *f) {
  *f = (struct pcln_dw_fault){.status = PCLN_NO_MEMORY,
                              .fault = "no-memory",
                              .text = "out of memory while reading DWARF"};
  return PCLN_NO_MEMORY;
}

void pcln_dw_note(struct pcln_dw_notes *n, enum pcln_dw_note id, uint64_t off) {
  if (n->count[id]++ == 0 || off < n->first[id])
    n->first[id] = off;
}

bool pcln_dw_grow(void *array, size_t *cap, size_t n, size_t elem) {
  if (n < *cap)
    return true;
  const size_t grown = *cap ? *cap * 2 : 64;
  if (grown > SIZE_MAX / 2 / elem)
    return false;
  void *p;
  memcpy(&p, array, sizeof p); // its type is the caller's
  p = realloc(p, grown * elem);
  if (!p)
    return false;
  memcpy(array, &p, sizeof p);
  *cap = grown;
  return true;
}

// --- Units ------------------------------------------------------------------

// The length field that begins a unit; leaves the cursor behind it.
static uint64_t unit_length(struct pcln_cursor *c, uint8_t *off_size) {
  const uint64_t len = pcln_u32(c);
  *off_size = 4;
  if (len < 0xfffffff0)
    return len;
  *off_size = 8;
  if (len == 0xffffffff)
    return pcln_u64(c);
  pcln_fail(c);
  return 0;
}

static enum pcln_status unsupported(struct pcln_dw_fault *f, const char *fault,
                                    uint64_t off, const char *text) {
  pcln_dw_corrupt(f, fault, region, off, text);
  return f->status = PCLN_UNSUPPORTED;
}

// The rest of a header, behind the length.
static enum pcln_status read_header(struct pcln_cursor *c,
                                    struct pcln_dw_unit *u,
                                    struct pcln_dw_fault *fault) {
  struct pcln_dw_params *p = &u->params;
  const uint16_t version = pcln_u16(c);
  if (version < 2 || version > 5)
    return c->failed ? PCLN_OK
                     : unsupported(fault, "dwarf-version", u->off,
                                   "the unit's DWARF version is not 2 to 5");
  p->version = (uint8_t)version;
  uint8_t type = DW_UT_compile;
  if (version >= 5) {
    type = pcln_u8(c);
    p->addr_size = pcln_u8(c);
    u->abbrev_off = pcln_uint(c, p->off_size);
  } else {
    u->abbrev_off = pcln_uint(c, p->off_size);
    p->addr_size = pcln_u8(c);
  }
  if (type == DW_UT_skeleton || type == DW_UT_split_compile)
    pcln_u64(c); // DWO id
  u->skip = type == DW_UT_type || type == DW_UT_split_type;
  if (u->skip) {
    pcln_u64(c); // signature
    pcln_uint(c, p->off_size);
  }
  if (!c->failed && p->addr_size != 4 && p->addr_size != 8)
    return unsupported(fault, "dwarf-addr-size", u->off,
                       "the unit's addresses are neither 4 nor 8 bytes");
  return PCLN_OK;
}

static enum pcln_status read_unit(struct pcln_cursor *c, struct pcln_dw_unit *u,
                                  struct pcln_dw_fault *fault) {
  *u = (struct pcln_dw_unit){.off = pcln_tell(c), .stmt_list = PCLN_DW_NONE};
  const uint64_t len = unit_length(c, &u->params.off_size);
  if (c->failed || len > pcln_left(c))
    return pcln_dw_corrupt(fault, "dwarf-unit-length", region, u->off,
                           "the unit runs past the end of the section");
  struct pcln_cursor body = *c;
  body.end = body.pos + len;
  pcln_skip(c, len);
  u->end = pcln_tell(c);
  enum pcln_status st = read_header(&body, u, fault);
  if (st != PCLN_OK)
    return st;
  u->die = pcln_tell(&body);
  if (body.failed)
    return pcln_dw_corrupt(fault, "dwarf-unit-length", region, u->off,
                           "the unit is shorter than its header");
  // Where a unit does not say, its tables begin behind one header.
  const uint64_t head = u->params.version < 5     ? 0
                        : u->params.off_size == 8 ? 16
                                                  : 8;
  u->str_offsets_base = u->addr_base = head;
  return PCLN_OK;
}

// Cuts a string section behind its last NUL, so that any offset inside is a
// string.
static void cut_strings(struct pcln_span *s) {
  while (s->len && s->ptr[s->len - 1] != 0)
    s->len--;
}

// Whether strings may be so long that reading one again for each use counts. A
// look at each block, since the section is large and this would be rare.
static bool has_long_strings(const struct pcln_span *s) {
  enum { BLOCK = 8 * 1024 };
  for (size_t at = 0; s->len - at > BLOCK; at += BLOCK)
    if (!memchr(s->ptr + at, 0, BLOCK))
      return true;
  return false;
}

enum pcln_status pcln_dw_index(struct pcln_dw *dw,
                               struct pcln_dw_fault *fault) {
  const struct pcln_span *info = &dw->sec.info;
  cut_strings(&dw->sec.str);
  cut_strings(&dw->sec.line_str);
  dw->long_names = has_long_strings(&dw->sec.str);
  struct pcln_cursor c = pcln_cursor_at(info->ptr, info->len, dw->sec.swap);
  size_t cap = 0;
  while (pcln_left(&c)) {
    if (!pcln_dw_grow(&dw->units, &cap, dw->n_units, sizeof *dw->units))
      return pcln_dw_no_memory(fault);
    enum pcln_status st = read_unit(&c, &dw->units[dw->n_units], fault);
    if (st != PCLN_OK)
      return st;
    dw->n_units++;
  }
  return PCLN_OK;
}

static int unit_by_table(const void *a, const void *b) {
  const struct pcln_dw_unit *x = *(struct pcln_dw_unit *const *)a;
  const struct pcln_dw_unit *y = *(struct pcln_dw_unit *const *)b;
  if (x->abbrev_off != y->abbrev_off)
    return x->abbrev_off < y->abbrev_off ? -1 : 1;
  const int params = memcmp(&x->params, &y->params, sizeof x->params);
  return params ? params : (x->off > y->off) - (x->off < y->off);
}

enum pcln_status pcln_dw_plan_abbrevs(struct pcln_dw *dw) {
  struct pcln_dw_unit **order = calloc(dw->n_units + 1, sizeof *order);
  dw->tables = calloc(dw->n_units + 1, sizeof *dw->tables);
  if (!order || !dw->tables) {
    free(order);
    return PCLN_NO_MEMORY;
  }
  for (size_t i = 0; i < dw->n_units; i++)
    order[i] = &dw->units[i];
  qsort(order, dw->n_units, sizeof *order, unit_by_table);
  for (size_t i = 0; i < dw->n_units; i++) {
    struct pcln_dw_unit *u = order[i];
    struct pcln_dw_abbrevs *t = &dw->tables[dw->n_tables];
    if (dw->n_tables == 0 || t[-1].off != u->abbrev_off ||
        memcmp(&t[-1].params, &u->params, sizeof u->params)) {
      *t = (struct pcln_dw_abbrevs){.off = u->abbrev_off, .params = u->params};
      dw->n_tables++;
    }
    u->abbrevs = &dw->tables[dw->n_tables - 1];
  }
  free(order);
  return PCLN_OK;
}

void pcln_dw_free(struct pcln_dw *dw) {
  for (size_t i = 0; i < dw->n_tables; i++)
    pcln_dw_abbrevs_free(&dw->tables[i]);
  free(dw->tables);
  free(dw->units);
}

const struct pcln_dw_unit *pcln_dw_unit_at(const struct pcln_dw *dw,
                                           uint64_t off) {
  size_t lo = 0, hi = dw->n_units;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (dw->units[mid].end <= off)
      lo = mid + 1;
    else
      hi = mid;
  }
  const struct pcln_dw_unit *u = &dw->units[lo];
  return lo < dw->n_units && off >= u->die ? u : NULL;
}

// DW_LANG_C89, C, C_plus_plus, C99 and the later C and C++ editions.
static bool c_family(uint64_t language) {
  switch (language) {
  case 0x01:
  case 0x02:
  case 0x04:
  case 0x0c:
  case 0x1a:
  case 0x1d:
  case 0x21:
  case 0x2b:
  case 0x2c:
  case 0x3a:
  case 0x3e:
    return true;
  default:
    return false;
  }
}

// From the unit DIE's attributes into the unit.
static void take_unit(const struct pcln_dw *dw, struct pcln_dw_unit *u,
                      const struct pcln_dw_attrs *a) {
  u->str_offsets_base =
      pcln_dw_number(a, PCLN_DW_STR_OFFSETS_BASE, u->str_offsets_base);
  u->addr_base = pcln_dw_number(a, PCLN_DW_ADDR_BASE, u->addr_base);
  u->rnglists_base = pcln_dw_number(a, PCLN_DW_RNGLISTS_BASE, 0);
  u->stmt_list = pcln_dw_number(a, PCLN_DW_STMT_LIST, PCLN_DW_NONE);
  u->c_family = c_family(pcln_dw_number(a, PCLN_DW_LANGUAGE, 0));
  if (pcln_dw_has(a, PCLN_DW_COMP_DIR))
    u->comp_dir = pcln_dw_string(dw, u, &a->v[PCLN_DW_COMP_DIR]);
  if (pcln_dw_has(a, PCLN_DW_LOW_PC))
    (void)pcln_dw_address(dw, u, &a->v[PCLN_DW_LOW_PC], &u->base);
  u->has_pcs =
      pcln_dw_has(a, PCLN_DW_RANGES) ||
      (pcln_dw_has(a, PCLN_DW_LOW_PC) && pcln_dw_has(a, PCLN_DW_HIGH_PC));
}

enum pcln_status pcln_dw_unit_die(const struct pcln_dw *dw,
                                  struct pcln_dw_unit *u,
                                  struct pcln_dw_attrs *attrs,
                                  struct pcln_dw_notes *notes,
                                  struct pcln_dw_fault *fault) {
  attrs->have = 0;
  if (u->abbrevs->fault.status != PCLN_OK) {
    *fault = u->abbrevs->fault;
    return fault->status;
  }
  struct pcln_cursor c = pcln_dw_unit_cursor(dw, u, u->die);
  const uint64_t code = pcln_uleb(&c);
  if (code == 0) { // an empty unit, or padding
    u->skip = true;
    return PCLN_OK;
  }
  const struct pcln_dw_abbrev *ab = pcln_dw_abbrev(u->abbrevs, code);
  if (!ab || ab->kind != PCLN_DW_UNIT)
    return pcln_dw_corrupt(fault, "dwarf-abbrev", region, u->die,
                           "the unit does not begin with a unit DIE");
  pcln_dw_read_attrs(&c, u, ab, attrs);
  if (c.failed)
    return pcln_dw_corrupt(fault, "dwarf-form", region, u->die,
                           "the unit DIE runs past the end of its unit");
  u->skip |= ab->tag == DW_TAG_type_unit;
  u->partial = ab->tag == DW_TAG_partial_unit;
  take_unit(dw, u, attrs);
  if (pcln_dw_has(attrs, PCLN_DW_DWO_NAME))
    pcln_dw_note(notes, PCLN_DW_NOTE_SPLIT, u->off);
  return PCLN_OK;
}
