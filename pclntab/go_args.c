// SPDX-License-Identifier: Apache-2.0
//
// The smaller payloads of a function: how its arguments are printed, where its
// open-coded defers keep their state, what it wraps, and how large its frame
// is. Each is a few bytes without a stored length, so each is read with a
// cursor that ends where the funcdata does.
//
// Called from signal handlers: no allocation, no locks, no stdio.
#include "go_funcdata.h"

#include "table.h"

// --- Arguments --------------------------------------------------------------

enum { // bytes of ArgInfo that are no offset
  ARG_END_OF_ALL = 0xff,
  ARG_BEGIN = 0xfe,
  ARG_END = 0xfd,
  ARG_MORE = 0xfc,
  ARG_TOO_FAR = 0xfb,
};

// More bytes than Go's compiler ever writes, ten values five levels deep. A
// payload without an end must not lead through all funcdata behind it.
enum { MAX_ARG_INFO = 256 };

// The bitmap of the values that are live, `at` bytes into the payload, and the
// offset from which on values have a bit in it.
static enum pcln_status arg_liveness(const struct pcln_table *t,
                                     const struct pcln_func *f, int32_t at,
                                     struct pcln_arg_iter *it) {
  struct pcln_span info;
  it->first_slot = UINT8_MAX;
  const enum pcln_status status =
      pcln_funcdata_of(t, f, PCLN_FD_ARG_LIVE, &info);
  if (status != PCLN_OK)
    return status == PCLN_CORRUPT ? PCLN_CORRUPT : PCLN_OK;
  if (info.len == 0)
    return PCLN_CORRUPT;
  it->first_slot = info.ptr[0];
  if (at <= 0)
    return PCLN_OK; // all are live
  if ((size_t)at > info.len)
    return PCLN_CORRUPT;
  it->live = (struct pcln_span){info.ptr + at, info.len - (size_t)at};
  return PCLN_OK;
}

enum pcln_status pcln_args_begin_live(const struct pcln_table *t,
                                      const struct pcln_func *f,
                                      int32_t live_index,
                                      struct pcln_arg_iter *it) {
  struct pcln_span info;
  *it = (struct pcln_arg_iter){.done = true};
  it->status = pcln_funcdata_of(t, f, PCLN_FD_ARG_INFO, &info);
  if (it->status != PCLN_OK)
    return it->status;
  it->pos = info.ptr;
  it->end = info.ptr + (info.len < MAX_ARG_INFO ? info.len : MAX_ARG_INFO);
  it->status = arg_liveness(t, f, live_index, it);
  it->done = it->status != PCLN_OK;
  return it->status;
}

enum pcln_status pcln_args_begin(const struct pcln_table *t,
                                 const struct pcln_func *f, uint64_t pc,
                                 struct pcln_arg_iter *it) {
  int32_t live = -1;
  *it = (struct pcln_arg_iter){.done = true, .status = PCLN_CORRUPT};
  if (pcln_pcdata_at(t, f, pcln_pcdata_index(t, PCLN_PD_ARG_LIVE), pc, &live) !=
      PCLN_OK)
    return PCLN_CORRUPT;
  return pcln_args_begin_live(t, f, live, it);
}

// Reads a value, whose first byte is its offset.
static bool arg_value(struct pcln_arg_iter *it, uint8_t off,
                      struct pcln_arg *out) {
  if (it->pos == it->end)
    return false;
  const uint8_t size = *it->pos++;
  if (size != 1 && size != 2 && size != 4 && size != 8)
    return false;
  out->op = PCLN_ARG_VALUE;
  out->off = off;
  out->size = size;
  out->live = true;
  if (off < it->first_slot)
    return true;
  const uint8_t slot = it->slot++;
  if (it->live.ptr) {
    if (slot / 8u >= it->live.len)
      return false;
    out->live = it->live.ptr[slot / 8] >> slot % 8 & 1;
  }
  return true;
}

static bool next_arg(struct pcln_arg_iter *it, struct pcln_arg *out) {
  if (it->pos == it->end)
    return false;
  const uint8_t byte = *it->pos++;
  switch (byte) {
  case ARG_END_OF_ALL:
    it->done = true;
    return it->depth == 0;
  case ARG_BEGIN:
    out->op = PCLN_ARG_BEGIN;
    return ++it->depth != 0;
  case ARG_END:
    out->op = PCLN_ARG_END;
    return it->depth-- != 0;
  case ARG_MORE:
    out->op = PCLN_ARG_MORE;
    return true;
  case ARG_TOO_FAR:
    out->op = PCLN_ARG_TOO_FAR;
    return true;
  default:
    return arg_value(it, byte, out);
  }
}

bool pcln_args_next(struct pcln_arg_iter *it, struct pcln_arg *out) {
  struct pcln_arg arg = {0};
  if (it->done)
    return false;
  if (!next_arg(it, &arg)) {
    it->done = true;
    it->status = PCLN_CORRUPT;
  }
  if (it->done)
    return false;
  *out = arg;
  return true;
}

// --- Open-coded defers ------------------------------------------------------

// go1.14 to go1.17: each defer, the last one first, has the size of its
// arguments, its closure, and the number and places of its arguments.
static void read_defers_14(struct pcln_cursor *c, struct pcln_open_defers *d) {
  for (uint32_t i = d->n; i-- > 0 && !c->failed;) {
    (void)pcln_varint32(c);
    d->closure_off[i] = pcln_varint32(c);
    for (uint32_t args = pcln_varint32(c); args > 0 && !c->failed; args--)
      for (int field = 0; field < 3; field++)
        (void)pcln_varint32(c);
  }
}

enum pcln_status pcln_open_defers(const struct pcln_table *t,
                                  const struct pcln_func *f,
                                  struct pcln_open_defers *out) {
  enum { FIRST_PLAIN = 18, FIRST_UNCOUNTED = 22 }; // releases
  struct pcln_span bytes;
  const struct pcln_go_range r = pcln_go_range(t);
  const enum pcln_status status =
      pcln_funcdata_of(t, f, PCLN_FD_OPEN_DEFERS, &bytes);
  if (status != PCLN_OK)
    return status;
  if (r.lo < FIRST_UNCOUNTED && r.hi >= FIRST_UNCOUNTED)
    return PCLN_UNSUPPORTED;
  struct pcln_cursor c = pcln_cursor_at(bytes.ptr, bytes.len, t->swap);
  struct pcln_open_defers d = {0};
  if (r.hi < FIRST_PLAIN)
    (void)pcln_varint32(&c); // most bytes of arguments
  d.bits_off = pcln_varint32(&c);
  d.counted = r.hi < FIRST_UNCOUNTED;
  d.n = d.counted ? pcln_varint32(&c) : 0;
  if (d.n > PCLN_MAX_OPEN_DEFERS)
    return PCLN_CORRUPT;
  if (!d.counted)
    d.closure_off[0] = pcln_varint32(&c);
  else if (r.hi < FIRST_PLAIN)
    read_defers_14(&c, &d);
  else
    for (uint32_t i = d.n; i-- > 0;)
      d.closure_off[i] = pcln_varint32(&c);
  if (c.failed)
    return PCLN_CORRUPT;
  *out = d;
  return PCLN_OK;
}

// --- Wrappers and frames ----------------------------------------------------

enum pcln_status pcln_wrapped(const struct pcln_table *t,
                              const struct pcln_func *f, uint64_t *entry) {
  struct pcln_span bytes;
  const enum pcln_status status =
      pcln_funcdata_of(t, f, PCLN_FD_WRAP_INFO, &bytes);
  if (status != PCLN_OK)
    return status;
  if (bytes.len < 4)
    return PCLN_CORRUPT;
  *entry = t->text_start + pcln_load32(bytes.ptr, t->swap);
  return PCLN_OK;
}

enum pcln_status pcln_frame_size(const struct pcln_table *t,
                                 const struct pcln_func *f, uint32_t *out) {
  struct pcln_run_iter it;
  int32_t most = 0;
  if (!f->pcsp)
    return PCLN_NOT_FOUND;
  pcln_runs_begin(t, f->pcsp, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);)
    if (run.value > most)
      most = run.value;
  if (it.status != PCLN_OK)
    return it.status;
  *out = (uint32_t)most;
  return PCLN_OK;
}
