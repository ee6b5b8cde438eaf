// SPDX-License-Identifier: Apache-2.0
//
// Units, the walk over their DIEs, and names.
//
// The walk visits every DIE of a unit once, in order, with a stack that holds
// for each open DIE the function or inlined call it lies in. Subtrees that
// cannot hold code are skipped by DW_AT_sibling where the compiler wrote one.
// A function that the linker discarded, or whose kept copy another unit
// describes, makes its whole subtree "dead": the addresses of inlined calls in
// it are not looked at, since a discarded address may be any small number.
//
// Names are not touched by the walk. Of the inlined calls in a program only
// those in kept functions are asked for a name, and most share few origins, so
// pcln_dw_find_name() remembers by offset.
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

enum pcln_status pcln_dw_index(struct pcln_dw *dw,
                               struct pcln_dw_fault *fault) {
  const struct pcln_span *info = &dw->sec.info;
  cut_strings(&dw->sec.str);
  cut_strings(&dw->sec.line_str);
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

// A cursor over one unit whose positions are section offsets.
static struct pcln_cursor unit_cursor(const struct pcln_dw *dw,
                                      const struct pcln_dw_unit *u,
                                      uint64_t off) {
  struct pcln_cursor c =
      pcln_cursor_at(dw->sec.info.ptr, dw->sec.info.len, dw->sec.swap);
  c.end = c.start + u->end;
  c.pos = c.start + off;
  return c;
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

static uint64_t number(const struct pcln_dw_attrs *a, enum pcln_dw_slot slot,
                       uint64_t otherwise) {
  return pcln_dw_has(a, slot) ? a->v[slot].u : otherwise;
}

// From the unit DIE's attributes into the unit.
static void take_unit(const struct pcln_dw *dw, struct pcln_dw_unit *u,
                      const struct pcln_dw_attrs *a) {
  u->str_offsets_base =
      number(a, PCLN_DW_STR_OFFSETS_BASE, u->str_offsets_base);
  u->addr_base = number(a, PCLN_DW_ADDR_BASE, u->addr_base);
  u->rnglists_base = number(a, PCLN_DW_RNGLISTS_BASE, 0);
  u->stmt_list = number(a, PCLN_DW_STMT_LIST, PCLN_DW_NONE);
  u->c_family = c_family(number(a, PCLN_DW_LANGUAGE, 0));
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
  struct pcln_cursor c = unit_cursor(dw, u, u->die);
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

// --- The walk ---------------------------------------------------------------

void pcln_dw_tree_free(struct pcln_dw_tree *t) {
  free(t->nodes);
  free(t->pieces);
  free(t->stack);
}

static bool covers(const struct pcln_module *m, size_t i, uint64_t va) {
  return i < m->n_funcs && va - m->funcs[i].va < m->funcs[i].size;
}

size_t pcln_dw_func_at(const struct pcln_module *m, uint64_t va, size_t *hint) {
  if (covers(m, *hint, va))
    return *hint;
  if (covers(m, *hint + 1, va))
    return ++*hint;
  size_t i = pcln_module_lower_bound(m, va);
  if (i > 0 && covers(m, i - 1, va))
    i--;
  return *hint = i;
}

enum {
  OUTSIDE = 0xfffffffd,  // stack: not in a function
  DEAD = 0xfffffffe,     // stack: in a function that does not matter
  MAX_NESTING = 1 << 16, // open DIEs
};

// A walk in progress.
struct walk {
  const struct pcln_dw *dw;
  const struct pcln_dw_unit *unit;
  uint32_t unit_idx;
  const struct pcln_dw_funcs *funcs;
  struct pcln_dw_tree *t;
  struct pcln_dw_notes *notes;
  struct pcln_dw_fault *fault;
  struct pcln_cursor c;
  struct pcln_dw_attrs attrs; // of the DIE at hand
  size_t depth;
};

static enum pcln_status limit(struct walk *w, uint64_t off) {
  pcln_dw_corrupt(w->fault, "dwarf-limit", region, off,
                  "the unit asks for more work than its size explains");
  return w->fault->status = PCLN_LIMIT;
}

static enum pcln_status add_piece(struct walk *w,
                                  const struct pcln_dw_piece *p) {
  struct pcln_dw_tree *t = w->t;
  if (t->n_pieces >= UINT32_MAX)
    return limit(w, pcln_tell(&w->c));
  if (!pcln_dw_grow(&t->pieces, &t->cap_pieces, t->n_pieces, sizeof *t->pieces))
    return pcln_dw_no_memory(w->fault);
  t->pieces[t->n_pieces++] = *p;
  return PCLN_OK;
}

// The parts of [lo, hi) in functions of this unit become pieces of `node`.
static enum pcln_status add_range(struct walk *w, uint64_t lo, uint64_t hi,
                                  uint32_t node) {
  const struct pcln_module *m = w->funcs->module;
  for (size_t i = pcln_dw_func_at(m, lo, &w->t->hint);
       i < m->n_funcs && m->funcs[i].va < hi; i++) {
    w->t->work++;
    if (w->funcs->owner[i] != w->unit_idx)
      continue;
    const struct pcln_func_def *f = &m->funcs[i];
    const uint64_t from = lo > f->va ? lo - f->va : 0;
    const uint64_t to = hi - f->va < f->size ? hi - f->va : f->size;
    enum pcln_status st =
        add_piece(w, &(struct pcln_dw_piece){.slot = w->funcs->slot[i],
                                             .lo = (uint32_t)from,
                                             .hi = (uint32_t)to,
                                             .node = node});
    if (st != PCLN_OK)
      return st;
  }
  return PCLN_OK;
}

static enum pcln_status add_ranges(struct walk *w, uint64_t die,
                                   uint32_t node) {
  struct pcln_dw_ranges it;
  pcln_dw_ranges_begin(&it, w->dw, w->unit, &w->attrs);
  uint64_t lo, hi;
  enum pcln_status st = PCLN_OK;
  while (st == PCLN_OK && pcln_dw_ranges_next(&it, &lo, &hi)) {
    st = add_range(w, lo, hi, node);
    if (w->t->work + it.work > w->dw->budget)
      return limit(w, die);
  }
  w->t->work += it.work;
  if (st == PCLN_OK && it.c.failed)
    return pcln_dw_corrupt(w->fault, "dwarf-ranges", region, die,
                           "the DIE's range list is malformed or outside its "
                           "section");
  return st;
}

static enum pcln_status add_node(struct walk *w,
                                 const struct pcln_dw_node *node) {
  struct pcln_dw_tree *t = w->t;
  if (t->n_nodes >= OUTSIDE)
    return limit(w, node->decl);
  if (!pcln_dw_grow(&t->nodes, &t->cap_nodes, t->n_nodes, sizeof *t->nodes))
    return pcln_dw_no_memory(w->fault);
  t->nodes[t->n_nodes++] = *node;
  return PCLN_OK;
}

// *inner: what the DIE's children lie in.
static enum pcln_status enter_function(struct walk *w, uint64_t die,
                                       uint32_t *inner) {
  const uint32_t node = (uint32_t)w->t->n_nodes;
  const size_t pieces = w->t->n_pieces;
  *inner = DEAD;
  enum pcln_status st = add_ranges(w, die, node);
  if (st != PCLN_OK || w->t->n_pieces == pieces)
    return st;
  *inner = node;
  return add_node(w,
                  &(struct pcln_dw_node){.decl = die, .parent = PCLN_DW_ROOT});
}

static enum pcln_status enter_inlined(struct walk *w, uint64_t die,
                                      uint32_t outer, uint32_t *inner) {
  *inner = outer;
  if (outer >= OUTSIDE)
    return PCLN_OK;
  const struct pcln_dw_attrs *a = &w->attrs;
  struct pcln_dw_node node = {
      .decl = die,
      .parent = outer,
      .depth = w->t->nodes[outer].depth + 1,
      .call_file = (uint32_t)number(a, PCLN_DW_CALL_FILE, 0),
      .call_line = (uint32_t)number(a, PCLN_DW_CALL_LINE, 0)};
  if (node.depth > PCLN_DW_MAX_INLINE) {
    pcln_dw_note(w->notes, PCLN_DW_NOTE_DEEP, die);
    return PCLN_OK;
  }
  if (pcln_dw_has(a, PCLN_DW_ORIGIN)) {
    const struct pcln_dw_value *v = &a->v[PCLN_DW_ORIGIN];
    if (v->form == DW_FORM_GNU_ref_alt || v->form == DW_FORM_ref_sup4 ||
        v->form == DW_FORM_ref_sup8) {
      pcln_dw_note(w->notes, PCLN_DW_NOTE_ALT, die);
      node.decl = PCLN_DW_NONE;
    } else if (!pcln_dw_reference(w->unit, v, &node.decl)) {
      node.decl = PCLN_DW_NONE;
    }
  }
  *inner = (uint32_t)w->t->n_nodes;
  enum pcln_status st = add_node(w, &node);
  return st == PCLN_OK ? add_ranges(w, die, *inner) : st;
}

// Moves behind the subtree of the DIE whose attributes begin at the cursor;
// false: its end is not known.
static bool skip_subtree(struct walk *w, const struct pcln_dw_abbrev *ab) {
  if (!ab->sibling_form)
    return false;
  struct pcln_cursor c = w->c;
  pcln_skip(&c, ab->sibling_at);
  const struct pcln_dw_value v =
      pcln_dw_read_value(&c, ab->sibling_form, w->unit->params);
  uint64_t to;
  if (c.failed || !pcln_dw_reference(w->unit, &v, &to) ||
      to <= pcln_tell(&w->c) || to > w->unit->end)
    return false;
  w->c.pos = w->c.start + to;
  return true;
}

static void skip_attrs(struct walk *w, const struct pcln_dw_abbrev *ab) {
  if (ab->fixed >= 0) {
    pcln_skip(&w->c, (uint32_t)ab->fixed);
    return;
  }
  const struct pcln_dw_op *op = &w->unit->abbrevs->ops[ab->op];
  for (const struct pcln_dw_op *end = op + ab->n_ops; op < end; op++) {
    if (op->form == 0)
      pcln_skip(&w->c, (uint32_t)op->arg);
    else
      pcln_dw_skip_form(&w->c, op->form, w->unit->params);
  }
}

static enum pcln_status open_die(struct walk *w, uint64_t die, uint32_t node) {
  struct pcln_dw_tree *t = w->t;
  if (w->depth >= MAX_NESTING) {
    pcln_dw_corrupt(w->fault, "dwarf-depth", region, die,
                    "DIEs are nested too deeply");
    return w->fault->status = PCLN_LIMIT;
  }
  if (!pcln_dw_grow(&t->stack, &t->cap_stack, w->depth, sizeof *t->stack))
    return pcln_dw_no_memory(w->fault);
  t->stack[w->depth++] = node;
  return PCLN_OK;
}

// One DIE, whose abbreviation code has been read.
static enum pcln_status visit(struct walk *w, uint64_t die,
                              const struct pcln_dw_abbrev *ab) {
  const uint32_t outer = w->depth ? w->t->stack[w->depth - 1] : OUTSIDE;
  uint32_t inner = outer;
  enum pcln_status st = PCLN_OK;
  switch (ab->kind) {
  case PCLN_DW_OPAQUE:
  case PCLN_DW_CLASS:
    if ((ab->kind == PCLN_DW_OPAQUE ||
         (outer == OUTSIDE && w->unit->c_family)) &&
        skip_subtree(w, ab))
      return PCLN_OK;
    skip_attrs(w, ab);
    break;
  case PCLN_DW_SUBPROGRAM:
    pcln_dw_read_attrs(&w->c, w->unit, ab, &w->attrs);
    st = enter_function(w, die, &inner);
    break;
  case PCLN_DW_INLINED:
    pcln_dw_read_attrs(&w->c, w->unit, ab, &w->attrs);
    st = enter_inlined(w, die, outer, &inner);
    break;
  default:
    skip_attrs(w, ab);
  }
  if (st == PCLN_OK && w->c.failed)
    return pcln_dw_corrupt(w->fault, "dwarf-form", region, die,
                           "the DIE runs past the end of its unit");
  return st == PCLN_OK && ab->children ? open_die(w, die, inner) : st;
}

enum pcln_status pcln_dw_walk(const struct pcln_dw *dw, uint32_t idx,
                              const struct pcln_dw_funcs *funcs,
                              struct pcln_dw_tree *t,
                              struct pcln_dw_notes *notes,
                              struct pcln_dw_fault *fault) {
  const struct pcln_dw_unit *u = &dw->units[idx];
  struct walk w = {.dw = dw,
                   .unit = u,
                   .unit_idx = idx,
                   .funcs = funcs,
                   .t = t,
                   .notes = notes,
                   .fault = fault,
                   .c = unit_cursor(dw, u, u->die)};
  t->n_nodes = t->n_pieces = 0;
  t->work = 0;
  while (pcln_left(&w.c)) {
    const uint64_t die = pcln_tell(&w.c);
    const uint64_t code = pcln_uleb(&w.c);
    if (code == 0) {
      if (w.depth <= 1) // the unit DIE's last child, or padding
        break;
      w.depth--;
      continue;
    }
    const struct pcln_dw_abbrev *ab = pcln_dw_abbrev(u->abbrevs, code);
    if (!ab)
      return pcln_dw_corrupt(fault, "dwarf-abbrev", region, die,
                             "the DIE's abbreviation is not in its table");
    enum pcln_status st = visit(&w, die, ab);
    if (st != PCLN_OK)
      return st;
    if (w.depth == 0) // a unit DIE without children
      break;
  }
  return PCLN_OK;
}

// --- Names ------------------------------------------------------------------

enum { MAX_CHAIN = 16 }; // compilers write two: origin, then specification

// Reads the DIE at `off`; moves *u to its unit. False: not a function.
static bool read_function(const struct pcln_dw *dw,
                          const struct pcln_dw_unit **u, uint64_t off,
                          struct pcln_dw_attrs *a, uint64_t *work) {
  if (off < (*u)->die || off >= (*u)->end) {
    const struct pcln_dw_unit *other = pcln_dw_unit_at(dw, off);
    if (!other)
      return false;
    *u = other;
  }
  if ((*u)->abbrevs->fault.status != PCLN_OK)
    return false;
  struct pcln_cursor c = unit_cursor(dw, *u, off);
  const struct pcln_dw_abbrev *ab =
      pcln_dw_abbrev((*u)->abbrevs, pcln_uleb(&c));
  if (!ab || (ab->kind != PCLN_DW_SUBPROGRAM && ab->kind != PCLN_DW_INLINED))
    return false;
  pcln_dw_read_attrs(&c, *u, ab, a);
  *work += 1 + (pcln_tell(&c) - off) / 64;
  return !c.failed;
}

static const char *name_in(const struct pcln_dw *dw,
                           const struct pcln_dw_unit *u,
                           const struct pcln_dw_attrs *a,
                           enum pcln_dw_slot slot, bool *alt) {
  if (!pcln_dw_has(a, slot))
    return NULL;
  *alt |= a->v[slot].form == DW_FORM_GNU_strp_alt ||
          a->v[slot].form == DW_FORM_strp_sup;
  return pcln_dw_string(dw, u, &a->v[slot]);
}

static struct pcln_dw_name chase(const struct pcln_dw *dw,
                                 const struct pcln_dw_unit *u, uint64_t off,
                                 uint64_t *work) {
  struct pcln_dw_name found = {0};
  const char *linkage = NULL;
  struct pcln_dw_attrs a;
  for (int hops = 0; hops < MAX_CHAIN; hops++) {
    if (!read_function(dw, &u, off, &a, work))
      break;
    if (!linkage)
      linkage = name_in(dw, u, &a, PCLN_DW_LINKAGE, &found.alt);
    if (!found.name)
      found.name = name_in(dw, u, &a, PCLN_DW_NAME, &found.alt);
    if (found.line == 0)
      found.line = (int32_t)number(&a, PCLN_DW_DECL_LINE, 0);
    if (linkage && found.line)
      break;
    // With both, the specification is the nearer: it is this DIE's own.
    const enum pcln_dw_slot next =
        pcln_dw_has(&a, PCLN_DW_SPEC) ? PCLN_DW_SPEC : PCLN_DW_ORIGIN;
    if (!pcln_dw_has(&a, next) || !pcln_dw_reference(u, &a.v[next], &off))
      break;
  }
  if (linkage)
    found.name = linkage;
  if (found.name) // others will read it, again and again
    *work += strlen(found.name) / 16;
  return found;
}

struct pcln_dw_name pcln_dw_find_name(const struct pcln_dw *dw,
                                      const struct pcln_dw_unit *u,
                                      uint64_t off, struct pcln_dw_names *names,
                                      struct pcln_dw_notes *notes) {
  struct pcln_dw_name found = {0};
  if (off != PCLN_DW_NONE) {
    const size_t slot =
        (size_t)(off * UINT64_C(0x9e3779b97f4a7c15) >> 52) % PCLN_DW_NAME_CACHE;
    if (names->entry[slot].key != off + 1) {
      uint64_t work = 0;
      names->entry[slot].value = chase(dw, u, off, &work);
      names->entry[slot].work = work;
      names->entry[slot].key = off + 1;
    }
    found = names->entry[slot].value;
    names->work += names->entry[slot].work;
  }
  if (!found.name)
    pcln_dw_note(notes, found.alt ? PCLN_DW_NOTE_ALT : PCLN_DW_NOTE_NO_NAME,
                 off != PCLN_DW_NONE ? off : u->off);
  return found;
}
