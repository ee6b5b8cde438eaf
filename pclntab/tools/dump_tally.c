// SPDX-License-Identifier: Apache-2.0
//
// Sums by name, in a hash table of which nothing is ever removed: entries stand
// in an array in the order of their arrival, slots hold their numbers. Hashes
// decide places only, never the order of output.
#include "dump_sizes.h"

#include "go_names.h"

#include <stdlib.h>
#include <string.h>

uint64_t dump_hash(uint64_t seed, const void *bytes, size_t len) {
  const uint8_t *p = bytes;
  uint64_t h = seed ^ (len * UINT64_C(0x9e3779b97f4a7c15));
  for (; len >= 8; len -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    h = (h ^ word) * UINT64_C(0xff51afd7ed558ccd);
    h ^= h >> 32;
  }
  for (; len > 0; len--, p++)
    h = (h ^ *p) * UINT64_C(0x100000001b3);
  h ^= h >> 33;
  h *= UINT64_C(0xc4ceb9fe1a85ec53);
  return h ^ h >> 29;
}

static uint32_t *find_slot(const struct dump_tally *t, const char *name,
                           size_t len) {
  size_t i = (size_t)dump_hash(0, name, len) & (t->n_slots - 1);
  for (; t->slots[i]; i = (i + 1) & (t->n_slots - 1)) {
    const struct dump_tally_entry *e = &t->entries[t->slots[i] - 1];
    if (e->len == len && memcmp(e->name, name, len) == 0)
      break;
  }
  return &t->slots[i];
}

// Keeps the slots at most half full.
static bool grow(struct dump_tally *t) {
  const size_t n_slots = t->n_slots ? 2 * t->n_slots : 256;
  uint32_t *slots = calloc(n_slots, sizeof *slots);
  struct dump_tally_entry *entries =
      realloc(t->entries, n_slots / 2 * sizeof *entries);
  if (entries)
    t->entries = entries;
  if (!slots || !entries) {
    free(slots);
    return false;
  }
  free(t->slots);
  t->slots = slots;
  t->n_slots = n_slots;
  for (uint32_t i = 0; i < t->n; i++)
    *find_slot(t, t->entries[i].name, t->entries[i].len) = i + 1;
  return true;
}

struct dump_tally_entry *dump_tally_at(struct dump_tally *t, const char *name,
                                       size_t len) {
  if (2 * t->n >= t->n_slots && !grow(t))
    return NULL;
  uint32_t *slot = find_slot(t, name, len);
  if (!*slot) {
    t->entries[t->n] = (struct dump_tally_entry){.name = name, .len = len};
    *slot = (uint32_t)++t->n;
  }
  return &t->entries[*slot - 1];
}

void dump_tally_free(struct dump_tally *t) {
  free(t->entries);
  free(t->slots);
  *t = (struct dump_tally){0};
}

static uint64_t weight(const struct dump_tally_entry *e) {
  const int64_t delta = (int64_t)(e->bytes[1] - e->bytes[0]);
  return delta < 0 ? 0 - (uint64_t)delta : (uint64_t)delta;
}

static int by_weight(const void *a, const void *b) {
  const struct dump_tally_entry *x = a, *y = b;
  const uint64_t wx = weight(x), wy = weight(y);
  if (wx != wy)
    return wx > wy ? -1 : 1;
  const int order = memcmp(x->name, y->name, x->len < y->len ? x->len : y->len);
  return order ? order : (x->len > y->len) - (x->len < y->len);
}

void dump_tally_sort(struct dump_tally *t) {
  if (t->n > 1)
    qsort(t->entries, t->n, sizeof *t->entries, by_weight);
}

bool dump_tally_package(struct dump_tally *t, const struct pcln_func *f,
                        unsigned side, uint64_t bytes) {
  struct pcln_name_parts parts;
  pcln_name_split(f->name, &parts);
  const bool has = parts.package.len > 0;
  struct dump_tally_entry *e =
      dump_tally_at(t, has ? parts.package.ptr : "", parts.package.len);
  if (!e)
    return false;
  e->bytes[side] += bytes;
  e->functions[side]++;
  return true;
}
