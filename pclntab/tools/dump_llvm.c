// SPDX-License-Identifier: Apache-2.0
//
// Prints the records of LLVM's stack maps that a function keeps
// (stackmap_llvm.h): deoptimisation values, and what a stackmap or patchpoint
// recorded. A place is written as in assembler: `r7` is the register of that
// DWARF number, `r7+16` the address, `[r7+16]` what is in memory there, `#5` a
// constant; behind the colon stands the size of the value in bytes.
#include "dump_words.h"

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

bool dump_llvm_locations(struct dump_text *t,
                         const struct pcln_llvm_records *it,
                         const struct pcln_llvm_record *r, uint32_t lo,
                         uint32_t hi) {
  bool ok = true;
  dump_text_clear(t);
  for (uint32_t i = lo; i < hi && ok; i++)
    ok = put_location(t, it, r, i);
  return ok;
}

void dump_llvm_live_outs(struct dump_text *t,
                         const struct pcln_llvm_record *r) {
  char text[32];
  dump_text_clear(t);
  for (unsigned i = 0; i < r->n_live_outs; i++) {
    const struct pcln_llvm_live_out l = pcln_llvm_live_out(r, i);
    snprintf(text, sizeof text, "%sr%u:%u", i ? "," : "", l.reg, l.size);
    dump_text_put(t, text);
  }
}

static void text_field(struct dump *d, const char *name,
                       const struct dump_text *t) {
  if (t->len)
    dump_named_str(d->out, name, t->s);
}

static bool llvm_record(struct dump *d, const struct pcln_func *f,
                        const struct pcln_llvm_records *it,
                        const struct pcln_llvm_record *r, struct dump_text *t) {
  struct pcln_llvm_statepoint s;
  dump_begin(d->out, "llvm");
  dump_hex(d->out, "pc", f->entry + r->pc_off);
  dump_named_hex(d->out, "id", r->id);
  bool ok = dump_llvm_locations(t, it, r, 0, r->n_locations);
  text_field(d, "locations", t);
  if (ok && pcln_llvm_statepoint(r, &s)) {
    ok = dump_llvm_locations(t, it, r, PCLN_LLVM_DEOPT, s.pairs);
    text_field(d, "deopt", t);
  }
  dump_llvm_live_outs(t, r);
  text_field(d, "live_outs", t);
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
