// SPDX-License-Identifier: Apache-2.0
//
// LLVM's records, read from its section or from FUNCDATA_LlvmRecords. The
// latter keeps them as LLVM wrote them, so that who knows the one knows the
// other, and one reader serves both.
#include "stackmap_llvm.h"

#include "bytes.h"
#include "table.h"

enum {
  LOCATION_SIZE = 12,
  LIVE_OUT_SIZE = 4,
  STATEPOINT_CONSTANTS = 3,
  MAX_STATEPOINT_FLAGS = 3,
};

static void align_8(struct pcln_cursor *c) { pcln_skip(c, -pcln_tell(c) & 7); }

bool pcln_llvm_record_read(struct pcln_cursor *c,
                           struct pcln_llvm_record *out) {
  struct pcln_llvm_record r = {.swap = c->swap};
  const uint8_t *start = c->pos;
  r.id = pcln_u64(c);
  r.pc_off = pcln_u32(c);
  if (pcln_u16(c) != 0)
    pcln_fail(c);
  r.n_locations = pcln_u16(c);
  r.locations = pcln_take(c, (uint64_t)r.n_locations * LOCATION_SIZE);
  align_8(c);
  if (pcln_u16(c) != 0)
    pcln_fail(c);
  r.n_live_outs = pcln_u16(c);
  r.live_outs = pcln_take(c, (uint64_t)r.n_live_outs * LIVE_OUT_SIZE);
  align_8(c);
  if (c->failed)
    return false;
  r.bytes = (struct pcln_span){start, (size_t)(c->pos - start)};
  for (unsigned i = 0; i < r.n_locations; i++) {
    const unsigned kind = pcln_llvm_location(&r, i).kind;
    if (kind < PCLN_LLVM_REGISTER || kind > PCLN_LLVM_CONSTANT_INDEX) {
      pcln_fail(c);
      return false;
    }
  }
  *out = r;
  return true;
}

struct pcln_llvm_location pcln_llvm_location(const struct pcln_llvm_record *r,
                                             unsigned i) {
  const uint8_t *l = r->locations + (size_t)i * LOCATION_SIZE;
  return (struct pcln_llvm_location){.kind = l[0],
                                     .size = pcln_load16(l + 2, r->swap),
                                     .reg = pcln_load16(l + 4, r->swap),
                                     .off =
                                         (int32_t)pcln_load32(l + 8, r->swap)};
}

struct pcln_llvm_live_out pcln_llvm_live_out(const struct pcln_llvm_record *r,
                                             unsigned i) {
  const uint8_t *l = r->live_outs + (size_t)i * LIVE_OUT_SIZE;
  return (struct pcln_llvm_live_out){.reg = pcln_load16(l, r->swap),
                                     .size = l[3]};
}

// Statepoints and other records are told apart by shape alone: the id is the
// front end's to choose.
bool pcln_llvm_statepoint(const struct pcln_llvm_record *r,
                          struct pcln_llvm_statepoint *out) {
  int32_t head[STATEPOINT_CONSTANTS];
  if (r->n_locations < STATEPOINT_CONSTANTS || r->n_live_outs != 0)
    return false;
  for (unsigned i = 0; i < STATEPOINT_CONSTANTS; i++) {
    const struct pcln_llvm_location l = pcln_llvm_location(r, i);
    if (l.kind != PCLN_LLVM_CONSTANT)
      return false;
    head[i] = l.off;
  }
  if (head[0] < 0 || head[1] < 0 || head[1] > MAX_STATEPOINT_FLAGS ||
      head[2] < 0 || head[2] > r->n_locations - STATEPOINT_CONSTANTS)
    return false;
  struct pcln_llvm_statepoint s = {.n_deopt = (uint32_t)head[2],
                                   .pairs =
                                       STATEPOINT_CONSTANTS + (uint32_t)head[2],
                                   .allocas = r->n_locations};
  while (s.allocas > s.pairs &&
         pcln_llvm_location(r, s.allocas - 1).kind == PCLN_LLVM_DIRECT)
    s.allocas--;
  if ((s.allocas - s.pairs) % 2 != 0)
    return false;
  s.n_pairs = (s.allocas - s.pairs) / 2;
  *out = s;
  return true;
}

// --- FUNCDATA_LlvmRecords ---------------------------------------------------

enum pcln_status pcln_llvm_records(const struct pcln_table *t,
                                   const struct pcln_func *f,
                                   struct pcln_llvm_records *it) {
  struct pcln_span bytes;
  if (!t->ours)
    return PCLN_NOT_FOUND;
  const enum pcln_status status =
      pcln_funcdata(t, f, PCLN_FUNCDATA_LLVM_RECORDS, &bytes);
  if (status != PCLN_OK)
    return status;
  struct pcln_cursor c = pcln_cursor_at(bytes.ptr, bytes.len, t->swap);
  const uint32_t n = pcln_u32(&c);
  const uint64_t len = (uint64_t)pcln_u32(&c) * 8;
  const uint8_t *constants = pcln_take(&c, len);
  if (c.failed)
    return PCLN_CORRUPT;
  *it = (struct pcln_llvm_records){.start = c.start,
                                   .pos = c.pos,
                                   .end = c.end,
                                   .swap = c.swap,
                                   .left = n,
                                   .constants = {constants, (size_t)len}};
  return PCLN_OK;
}

bool pcln_llvm_records_next(struct pcln_llvm_records *it,
                            struct pcln_llvm_record *out) {
  struct pcln_cursor c = {
      .start = it->start, .pos = it->pos, .end = it->end, .swap = it->swap};
  return it->left && pcln_step_end(pcln_llvm_record_read(&c, out), &c, &it->pos,
                                   &it->left, &it->status);
}

enum pcln_status pcln_llvm_constant(const struct pcln_llvm_records *it,
                                    const struct pcln_llvm_location *l,
                                    uint64_t *out) {
  if (l->off < 0 || (uint64_t)l->off >= it->constants.len / 8)
    return PCLN_CORRUPT;
  *out = pcln_load64(it->constants.ptr + (size_t)l->off * 8, it->swap);
  return PCLN_OK;
}
