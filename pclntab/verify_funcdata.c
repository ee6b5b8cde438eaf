// SPDX-License-Identifier: Apache-2.0
//
// What a collector and a traceback take from a func record: its own fields,
// pointer maps, stack objects, arguments, defers and the wrapped function. The
// readers of these (stackmap.h, go_funcdata.h) check each read; here every one
// of them is asked once, so that none can fail later.
//
// What depends on the release of Go is passed over where that is not known.
// Tables of ours have such data only if their header says so.
#include "verify.h"

#include "go_funcdata.h"
#include "stackmap_compact.h"
#include "stackmap_pairs.h"

#include <string.h>

static void fault(struct pcln_verifier *v, const struct pcln_func *f,
                  const char *name, const char *text) {
  pcln_fault(v, name, f, "functab", f->rec_off, text);
}

// --- The record -------------------------------------------------------------

// Fields that nothing else in the table bounds.
static void check_fields(struct pcln_verifier *v, const struct pcln_func *f) {
  enum { ALL_FLAGS = PCLN_FLAG_TOPFRAME | PCLN_FLAG_SPWRITE | PCLN_FLAG_ASM };
  const struct pcln_table *t = v->t;
  const struct pcln_rec_layout *l = pcln_rec_layout(t);
  const uint8_t *r = t->functab.ptr + f->rec_off;
  const struct pcln_go_range release = pcln_go_range(t);
  // The count of FUNCDATA is all of the four bytes in the oldest.
  const bool has_id = release.lo >= 12;
  char id[PCLN_NAME_MAX];
  if (f->start_line < 0 || f->deferreturn > f->end - f->entry ||
      (f->args < 0 && f->args != PCLN_ARGS_UNKNOWN) ||
      (has_id && f->flags & ~ALL_FLAGS) ||
      (has_id && !(t->flags & PCLN_MODF_PACKED) && r[l->func_id + 2] != 0) ||
      (!t->ours && has_id && release.lo == release.hi &&
       strcmp(pcln_func_id_name(t, f->func_id, id, sizeof id), "unknown") == 0))
    fault(v, f, "record-fields",
          "a field of the func record has a value that it cannot have");
}

// --- Maps -------------------------------------------------------------------

static void check_map(struct pcln_verifier *v, const struct pcln_func *f,
                      enum pcln_map_part part, int32_t max) {
  struct pcln_ptrmap map;
  const enum pcln_status status = pcln_ptrmap(v->t, f, part, &map);
  if (status == PCLN_CORRUPT)
    fault(v, f, "funcdata-map",
          pcln_has_compact_maps(v->t)
              ? "the pointer maps behind the stream of row numbers are damaged"
              : "a pointer map lies outside of the area");
  else if (status == PCLN_OK && max >= (int64_t)map.n_rows &&
           (map.n_rows || (v->t->ours && map.n_words)))
    fault(v, f, "stackmap-row", "a row is asked for that a pointer map lacks");
}

// Two-bit rows, which only our tables have; a collector reads them as they are.
static void check_codes(struct pcln_verifier *v, const struct pcln_func *f,
                        enum pcln_map_part part) {
  struct pcln_ptrmap map;
  struct pcln_map_row row;
  if (v->t->stackmap_bits != 2 || pcln_ptrmap(v->t, f, part, &map) != PCLN_OK ||
      !pcln_verify_spend(v, map.rows.len + map.n_rows))
    return;
  for (uint32_t i = 0; pcln_ptrmap_row(&map, i, &row) == PCLN_OK; i++)
    if (!pcln_codes_sound(row.bits, row.n_stored)) {
      fault(v, f, "stackmap-codes",
            "an item of several words in a pointer map has no kind or is cut "
            "off");
      return;
    }
}

// In a table with compact maps nobody reads others.
static void check_no_other_maps(struct pcln_verifier *v,
                                const struct pcln_func *f) {
  struct pcln_span s;
  if (!pcln_has_compact_maps(v->t))
    return;
  for (uint32_t i = PCLN_FUNCDATA_ARGS_MAPS; i <= PCLN_FUNCDATA_LOCALS_MAPS;
       i++)
    if (pcln_funcdata(v->t, f, i, &s) != PCLN_NOT_FOUND)
      fault(v, f, "funcdata-map",
            "a pointer map in a form that the table does not have");
}

static void check_gc(struct pcln_verifier *v, const struct pcln_func *f) {
  enum { GC_HEADER = 8 };
  struct pcln_span s;
  if (v->t->ours && pcln_funcdata(v->t, f, PCLN_FUNCDATA_GC, &s) == PCLN_OK &&
      s.len < GC_HEADER)
    fault(v, f, "funcdata-gc", "the record of locals and arguments is cut off");
}

static void check_pairs(struct pcln_verifier *v, const struct pcln_func *f) {
  size_t len;
  if (pcln_derived_check(v->t, f, &len) == PCLN_CORRUPT)
    fault(v, f, "funcdata-pairs",
          "the pairs of bases and derived pointers are damaged");
  (void)pcln_verify_spend(v, len);
}

static void check_objects(struct pcln_verifier *v, const struct pcln_func *f) {
  struct pcln_objects objects;
  struct pcln_object object;
  enum pcln_status status = pcln_objects(v->t, f, &objects);
  if (status == PCLN_OK && !pcln_verify_spend(v, objects.n))
    return;
  for (uint32_t i = 0; status == PCLN_OK && i < objects.n; i++)
    status = pcln_object_at(v->t, &objects, i, &object);
  if (status == PCLN_CORRUPT)
    fault(v, f, "funcdata-objects",
          "a stack object or its mask lies outside of the area");
}

// --- Traceback --------------------------------------------------------------

static void check_arguments(struct pcln_verifier *v,
                            const struct pcln_func *f) {
  struct pcln_arg_iter it;
  struct pcln_arg arg;
  enum pcln_status status = pcln_args_begin(v->t, f, f->entry, &it);
  if (status == PCLN_OK) {
    while (pcln_args_next(&it, &arg))
      ;
    status = it.status;
  }
  if (status == PCLN_CORRUPT)
    fault(v, f, "funcdata-args", "the description of the arguments is damaged");
}

static void check_defers(struct pcln_verifier *v, const struct pcln_func *f) {
  struct pcln_open_defers defers;
  if (pcln_open_defers(v->t, f, &defers) == PCLN_CORRUPT)
    fault(v, f, "funcdata-defers", "the description of the defers is damaged");
}

static void check_wrapped(struct pcln_verifier *v, const struct pcln_func *f) {
  struct pcln_func g;
  uint64_t entry;
  const enum pcln_status status = pcln_wrapped(v->t, f, &entry);
  if (status == PCLN_CORRUPT ||
      (status == PCLN_OK &&
       (pcln_find_func(v->t, entry, &g) != PCLN_OK || g.entry != entry)))
    fault(v, f, "funcdata-wrapped",
          "the function wraps something that is no function");
}

// --- Interface --------------------------------------------------------------

void pcln_verify_funcdata(struct pcln_verifier *v, const struct pcln_func *f,
                          int32_t max_row) {
  check_fields(v, f);
  check_gc(v, f);
  if (v->t->ours && !v->t->stackmap_bits)
    return;
  check_no_other_maps(v, f);
  check_map(v, f, PCLN_MAP_ARGS, max_row);
  check_map(v, f, PCLN_MAP_LOCALS, max_row);
  check_codes(v, f, PCLN_MAP_ARGS);
  check_codes(v, f, PCLN_MAP_LOCALS);
  check_pairs(v, f);
  check_objects(v, f);
  check_arguments(v, f);
  check_defers(v, f);
  check_wrapped(v, f);
}
