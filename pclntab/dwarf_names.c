// SPDX-License-Identifier: Apache-2.0
//
// Names of inlined functions: a DIE often has none of its own but refers to its
// abstract origin, and that to the declaration it specifies, perhaps in another
// unit (GCC's LTO). Only the inlined calls of kept functions are asked for
// their names, and most share few origins, so what was found is remembered.
#include "dwarf_info.h"

#include "dwarf_const.h"

#include <string.h>

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
  struct pcln_cursor c = pcln_dw_unit_cursor(dw, *u, off);
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
      found.line = (int32_t)pcln_dw_number(&a, PCLN_DW_DECL_LINE, 0);
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
  if (found.name && dw->long_names) // others will read it, again and again
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
