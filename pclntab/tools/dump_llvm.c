// SPDX-License-Identifier: Apache-2.0
//
// Prints the records of LLVM's stack maps that a function keeps
// (stackmap_llvm.h): deoptimisation values, and what a stackmap or patchpoint
// recorded. A place is written as in assembler: `r7` is the register of that
// DWARF number, `r7+16` the address, `[r7+16]` what is in memory there, `#5` a
// constant; behind the colon stands the size of the value in bytes.
#include "dump_words.h"

#include "stackmap_llvm.h"

#include <stdio.h>

// Adds location `i`. False: it is a constant that is not there.
static bool put_location(struct dump_text *t,
                         const struct pcln_llvm_records *it,
                         const struct pcln_llvm_record *r, unsigned i) {
  const struct pcln_llvm_location l = pcln_llvm_location(r, i);
  uint64_t constant;
  char text[48] = "";
  switch ((enum pcln_llvm_kind)l.kind) {
  case PCLN_LLVM_REGISTER:
    snprintf(text, sizeof text, "r%u:%u", l.reg, l.size);
    break;
  case PCLN_LLVM_DIRECT:
    snprintf(text, sizeof text, "r%u%+d:%u", l.reg, l.off, l.size);
    break;
  case PCLN_LLVM_INDIRECT:
    snprintf(text, sizeof text, "[r%u%+d]:%u", l.reg, l.off, l.size);
    break;
  case PCLN_LLVM_CONSTANT:
    snprintf(text, sizeof text, "#%d:%u", l.off, l.size);
    break;
  case PCLN_LLVM_CONSTANT_INDEX:
    if (pcln_llvm_constant(it, &l, &constant) != PCLN_OK)
      return false;
    snprintf(text, sizeof text, "#%lld:%u", (long long)constant, l.size);
    break;
  }
  dump_text_put(t, t->len ? "," : "");
  dump_text_put(t, text);
  return true;
}

// The field `name`: locations from `lo` to before `hi`.
static bool list_locations(struct dump *d, struct dump_text *t,
                           const char *name, const struct pcln_llvm_records *it,
                           const struct pcln_llvm_record *r, uint32_t lo,
                           uint32_t hi) {
  dump_text_clear(t);
  for (uint32_t i = lo; i < hi; i++)
    if (!put_location(t, it, r, i))
      return false;
  if (t->len)
    dump_named_str(d->out, name, t->s);
  return true;
}

static void list_live_outs(struct dump *d, struct dump_text *t,
                           const struct pcln_llvm_record *r) {
  char text[32];
  dump_text_clear(t);
  for (unsigned i = 0; i < r->n_live_outs; i++) {
    const struct pcln_llvm_live_out l = pcln_llvm_live_out(r, i);
    snprintf(text, sizeof text, "%sr%u:%u", i ? "," : "", l.reg, l.size);
    dump_text_put(t, text);
  }
  if (t->len)
    dump_named_str(d->out, "live_outs", t->s);
}

static bool llvm_record(struct dump *d, const struct pcln_func *f,
                        const struct pcln_llvm_records *it,
                        const struct pcln_llvm_record *r, struct dump_text *t) {
  struct pcln_llvm_statepoint s;
  dump_begin(d->out, "llvm");
  dump_hex(d->out, "pc", f->entry + r->pc_off);
  dump_named_hex(d->out, "id", r->id);
  bool ok = list_locations(d, t, "locations", it, r, 0, r->n_locations);
  if (ok && pcln_llvm_statepoint(r, &s))
    ok = list_locations(d, t, "deopt", it, r, PCLN_LLVM_DEOPT, s.pairs);
  list_live_outs(d, t, r);
  dump_end(d->out);
  return ok;
}

enum pcln_status dump_func_llvm(struct dump *d, const struct pcln_func *f,
                                struct dump_text *t) {
  struct pcln_llvm_records it = {0};
  struct pcln_llvm_record r;
  enum pcln_status status = pcln_llvm_records(&d->file->table, f, &it);
  if (status == PCLN_NOT_FOUND)
    return PCLN_OK;
  while (status == PCLN_OK && pcln_llvm_records_next(&it, &r)) {
    d->map_words += (uint64_t)r.n_locations + r.n_live_outs + 1;
    if (d->map_words > dump_map_words_limit(d) ||
        !llvm_record(d, f, &it, &r, t))
      status = PCLN_CORRUPT;
  }
  return status == PCLN_OK && it.status == PCLN_OK
             ? PCLN_OK
             : dump_unreadable(d, f, "funcdata");
}
