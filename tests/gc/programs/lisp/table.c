// SPDX-License-Identifier: Apache-2.0
//
// Hash tables: open addressing, grown to twice the size at half full.
#include "lisp.h"

static size_t hash(ref key) {
  uint64_t h = key->tag;
  if (key->tag == INTEGER)
    h = (uint64_t)key->is.integer * 0x9e3779b97f4a7c15u;
  else if (key->tag == STRING || key->tag == SYMBOL) {
    struct text gcref *t =
        key->tag == STRING ? key->is.text : key->is.symbol.name;
    h = 14695981039346656037u;
    for (size_t i = 0; i < t->len; i++)
      h = (h ^ (unsigned char)t->bytes[i]) * 1099511628211u;
  } else
    fail("table: a key must be an integer, a string or a symbol");
  return (size_t)(h ^ h >> 29);
}

// The slot of the key, or the free one where it belongs: its key is null.
static ref gcref *find(struct table gcref *t, ref key) {
  for (size_t i = hash(key);; i++) {
    ref gcref *slot = &t->slots[2 * (i & (t->room - 1))];
    if (!slot[0] || equal(slot[0], key))
      return slot;
  }
}

ref table_new(void) {
  ref x = new_object(TABLE);
  struct table gcref *t = have(gc_new(struct table));
  t->room = 8;
  t->slots = have(gc_new_array(ref, 2 * t->room));
  x->is.table = t;
  return x;
}

ref table_get(ref table, ref key) {
  return find(expect(table, TABLE, "table-ref")->is.table, key)[1];
}

static void grow(struct table gcref *t) {
  ref gcref *old = t->slots;
  size_t n = t->room;
  t->room *= 2;
  t->slots = have(gc_new_array(ref, 2 * t->room));
  for (size_t i = 0; i < n; i++) {
    if (!old[2 * i])
      continue;
    ref gcref *slot = find(t, old[2 * i]);
    slot[0] = old[2 * i];
    slot[1] = old[2 * i + 1];
  }
  gc_free(old);
}

void table_put(ref table, ref key, ref value) {
  struct table gcref *t = expect(table, TABLE, "table-set!")->is.table;
  if (2 * t->n >= t->room)
    grow(t);
  ref gcref *slot = find(t, key);
  t->n += !slot[0];
  slot[0] = key;
  slot[1] = value;
}

ref table_keys(ref table) {
  struct table gcref *t = expect(table, TABLE, "table-keys")->is.table;
  ref keys = nil;
  for (size_t i = 0; i < t->room; i++)
    if (t->slots[2 * i])
      keys = cons(t->slots[2 * i], keys);
  return keys;
}
