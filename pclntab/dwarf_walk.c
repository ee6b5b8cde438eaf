// SPDX-License-Identifier: Apache-2.0
//
// The walk over a unit's DIEs: functions, inlined calls, and where their code
// is.
//
// Every DIE is visited once, in order, with a stack that holds for each open
// DIE the function or inlined call it lies in. Subtrees that cannot hold code
// are skipped by DW_AT_sibling where the compiler wrote one. A class can hold
// code if it is local to a function (GCC puts its methods there), so in C++
// only classes outside functions are skipped.
//
// A function that the linker discarded, or whose kept copy another unit
// describes, makes its whole subtree "dead": the addresses of inlined calls in
// it are not looked at, since a discarded address may be any small number.
//
// Names are not touched here; see dwarf_names.c.
#include "dwarf_info.h"

#include "dwarf_const.h"

#include <stdlib.h>

static const char region[] = ".debug_info";

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
      .call_file = (uint32_t)pcln_dw_number(a, PCLN_DW_CALL_FILE, 0),
      .call_line = (uint32_t)pcln_dw_number(a, PCLN_DW_CALL_LINE, 0)};
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
                   .c = pcln_dw_unit_cursor(dw, u, u->die)};
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
