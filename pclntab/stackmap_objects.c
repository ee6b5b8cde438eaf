// SPDX-License-Identifier: Apache-2.0
//
// Stack objects: address-taken locals, which a collector scans only if a live
// pointer leads to them.
//
// The funcdata is a word, the number of objects, and then records. What an
// object's words are was first said by its type's descriptor (to go1.16), then
// by the address of a bit mask (go1.17), and is now an offset to that mask from
// moduledata's rodata. Descriptors and masks before go1.18 lie among the
// program's constants, where the funcdata itself is, so its area is where they
// are looked for.
//
// A mask has a bit for each word of the part that can hold pointers. Very large
// types had a GC program there instead (to go1.23), which is not read.
//
// Called from a collector with the world stopped: no allocation, no locks, no
// stdio.
#include "stackmap.h"

#include "table.h"

enum form {
  FORM_TYPE,    // {word off; word type}
  FORM_ADDRESS, // {i32 off, size, ptr_len; word mask}
  FORM_OFFSET,  // {i32 off, size, ptr_len; u32 mask}
};

static bool form_of(const struct pcln_table *t, uint8_t *form) {
  enum { LAST_TYPE = 16, LAST_ADDRESS = 17 }; // releases
  const struct pcln_go_range r = pcln_go_range(t);
  if (r.lo > LAST_ADDRESS)
    *form = FORM_OFFSET;
  else if (r.lo > LAST_TYPE)
    *form = FORM_ADDRESS;
  else
    *form = FORM_TYPE;
  return r.lo > LAST_ADDRESS || r.hi <= LAST_TYPE || r.lo == LAST_ADDRESS;
}

static size_t record_size(const struct pcln_table *t, uint8_t form) {
  const size_t p = t->ptr_size;
  switch (form) {
  case FORM_TYPE:
    return 2 * p;
  case FORM_ADDRESS:
    return p == 8 ? 24 : 16; // a pointer is aligned
  default:
    return 16;
  }
}

enum pcln_status pcln_objects(const struct pcln_table *t,
                              const struct pcln_func *f,
                              struct pcln_objects *out) {
  struct pcln_span bytes;
  struct pcln_objects o = {0};
  const enum pcln_status status =
      pcln_funcdata_of(t, f, PCLN_FD_STACK_OBJECTS, &bytes);
  if (status != PCLN_OK)
    return status;
  if (!form_of(t, &o.form))
    return PCLN_UNSUPPORTED;
  struct pcln_cursor c = pcln_cursor_at(bytes.ptr, bytes.len, t->swap);
  const uint64_t n = pcln_uint(&c, t->ptr_size);
  const size_t size = record_size(t, o.form);
  if (c.failed || n > pcln_left(&c) / size)
    return PCLN_CORRUPT;
  o.n = (uint32_t)n;
  o.records = (struct pcln_span){.ptr = c.pos, .len = (size_t)n * size};
  *out = o;
  return n > UINT32_MAX ? PCLN_CORRUPT : PCLN_OK;
}

// --- Masks ------------------------------------------------------------------

// What stands at link-time address `va`: in the area of funcdata, or elsewhere
// in the program if the caller can tell. Absent if neither knows.
static struct pcln_span constants_at(const struct pcln_table *t, uint64_t va) {
  const uint64_t off = va - t->funcdata_va;
  if (va != 0 && off < t->funcdata.len)
    return (struct pcln_span){.ptr = t->funcdata.ptr + off,
                              .len = t->funcdata.len - (size_t)off};
  return va != 0 && t->at ? t->at(t->at_ctx, va) : (struct pcln_span){0};
}

// Cuts `mask` to the bits of the object. False: they are not all there.
static bool cut_mask(const struct pcln_table *t, struct pcln_span *mask,
                     uint32_t ptr_len) {
  const uint64_t words = ((uint64_t)ptr_len + t->ptr_size - 1) / t->ptr_size;
  const uint64_t len = (words + 7) / 8;
  if (len > mask->len)
    return false;
  mask->len = (size_t)len;
  return true;
}

// Reads size and mask from the type's descriptor, where the descriptor is at
// hand: {word size, ptr_len; u32 hash; u8 tflag, align, field_align, kind;
// word algorithms, mask; ...}.
static enum pcln_status read_type(const struct pcln_table *t,
                                  struct pcln_object *o) {
  enum { KIND_PROGRAM = 0x40 };
  const struct pcln_span type = constants_at(t, o->type_va);
  if (!type.ptr)
    return PCLN_OK;
  struct pcln_cursor c = pcln_cursor_at(type.ptr, type.len, t->swap);
  const uint64_t size = pcln_uint(&c, t->ptr_size);
  const uint64_t ptr_len = pcln_uint(&c, t->ptr_size);
  pcln_skip(&c, 7);
  o->program = pcln_u8(&c) & KIND_PROGRAM;
  (void)pcln_uint(&c, t->ptr_size);
  const struct pcln_span mask = constants_at(t, pcln_uint(&c, t->ptr_size));
  if (c.failed || size > INT32_MAX || ptr_len > size)
    return PCLN_CORRUPT;
  o->size = (uint32_t)size;
  o->ptr_len = (uint32_t)ptr_len;
  if (o->program || !mask.ptr)
    return PCLN_OK;
  o->mask = mask;
  return cut_mask(t, &o->mask, o->ptr_len) ? PCLN_OK : PCLN_CORRUPT;
}

// --- Records ----------------------------------------------------------------

enum pcln_status pcln_object_at(const struct pcln_table *t,
                                const struct pcln_objects *objects,
                                uint32_t idx, struct pcln_object *out) {
  if (idx >= objects->n)
    return PCLN_NOT_FOUND;
  const size_t size = record_size(t, objects->form);
  struct pcln_cursor c =
      pcln_cursor_at(objects->records.ptr + idx * size, size, t->swap);
  struct pcln_object o = {0};
  if (objects->form == FORM_TYPE) {
    o.off = (int32_t)pcln_uint(&c, t->ptr_size);
    o.type_va = pcln_uint(&c, t->ptr_size);
    const enum pcln_status status = read_type(t, &o);
    if (status == PCLN_OK)
      *out = o;
    return status;
  }
  o.off = (int32_t)pcln_u32(&c);
  o.size = pcln_u32(&c);
  const int32_t ptr_len = (int32_t)pcln_u32(&c);
  o.program = ptr_len < 0;
  o.ptr_len = ptr_len < 0 ? 0 - (uint32_t)ptr_len : (uint32_t)ptr_len;
  if (objects->form == FORM_ADDRESS) {
    pcln_skip(&c, t->ptr_size == 8 ? 4 : 0);
    o.mask = constants_at(t, pcln_uint(&c, t->ptr_size));
  } else {
    const uint32_t off = pcln_u32(&c);
    if (t->rodata.ptr && off > t->rodata.len)
      return PCLN_CORRUPT;
    if (t->rodata.ptr)
      o.mask = (struct pcln_span){.ptr = t->rodata.ptr + off,
                                  .len = t->rodata.len - off};
  }
  if (o.program)
    o.mask = (struct pcln_span){0};
  if (o.ptr_len > o.size || (o.mask.ptr && !cut_mask(t, &o.mask, o.ptr_len)))
    return PCLN_CORRUPT;
  *out = o;
  return PCLN_OK;
}
