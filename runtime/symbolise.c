// SPDX-License-Identifier: Apache-2.0
//
// Names of a pc: from the module's table, with inlined calls; else the nearest
// dynamic symbol; else the module and an offset in it.
//
// May run in a signal handler. Names are linkage names: demangling C++ needs
// memory without bound, which a handler does not have.
#include "internal.h"

enum { STATE_DONE, STATE_ONE, STATE_TABLE };

static void from_dynsym(struct pclnrt_symbols *s, const struct pclnrt_module *m,
                        uint64_t key) {
  s->next.func = pclnrt_image_symbol(&m->image, key, &s->next.entry);
}

void pclnrt_symbolize(struct pclnrt_symbols *s, uint64_t pc, bool exact) {
  const uint64_t key = pc - !exact;
  *s = (struct pclnrt_symbols){.state = STATE_ONE};
  const struct pclnrt_module *m = pclnrt_module_find(key);
  if (!m)
    return;
  s->next.module = m->id.path;
  s->next.module_off = pc - m->id.bias;
  if (!m->has_table) {
    from_dynsym(s, m, key);
    return;
  }
  enum pcln_status status = pcln_frames_begin(&m->table, key, &s->frames);
  // A signal trampoline is entered at its first byte (unwind.c, frame_rule).
  if (status == PCLN_NOT_FOUND && !exact)
    status = pcln_frames_begin(&m->table, pc, &s->frames);
  if (status != PCLN_OK) {
    from_dynsym(s, m, key);
    return;
  }
  s->next.entry = s->frames.func.entry;
  s->state = STATE_TABLE;
}

bool pclnrt_symbols_next(struct pclnrt_symbols *s, struct pclnrt_symbol *out) {
  if (s->state == STATE_DONE)
    return false;
  struct pcln_frame f;
  if (s->state == STATE_TABLE) {
    if (!pcln_frames_next(&s->frames, &f)) {
      s->state = STATE_DONE;
      return false;
    }
    s->next.func = f.func;
    s->next.file = f.file;
    s->next.line = f.line;
    s->next.start_line = f.start_line;
    s->next.inlined = f.inlined;
  } else {
    s->state = STATE_DONE;
  }
  *out = s->next;
  return true;
}
