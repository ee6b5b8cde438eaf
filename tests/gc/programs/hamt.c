// SPDX-License-Identifier: Apache-2.0
//
// A persistent map, a hash array mapped trie: every change makes a new version
// that shares all but one path with the one before. Some versions are kept for
// a while and then compared with what they held when they were new; most are
// dropped at once. Keys are strings. Arguments: changes, versions that are
// kept.
#include "alloc.h"
#include <stdarg.h>

struct text {
  uint32_t hash;
  uint32_t len;
  char bytes[];
};

struct leaf {
  const struct text gcref *key;
  long value;
  struct leaf gcref *next; // other keys of the same hash
};

// A slot leads to a leaf or to a trie one level below; `kind` says which.
struct trie;
struct slot {
  enum { LEAF, BRANCH } kind;
  union {
    struct leaf gcref *leaf;
    struct trie gcref *branch;
  } to;
};
struct trie {
  uint32_t bitmap; // bit i: there is a slot for the hash's five bits i
  struct slot slots[];
};

struct map {
  struct trie gcref *root;
  long n;
};

static struct text gcref *text_of(const char *format, ...) {
  char buffer[64];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(buffer, sizeof buffer, format, args);
  va_end(args);
  struct text gcref *t = have(gc_new_flex(struct text, bytes, (size_t)n));
  t->len = (uint32_t)n;
  t->hash = 2166136261u;
  for (int i = 0; i < n; i++) {
    t->bytes[i] = buffer[i];
    t->hash = (t->hash ^ (uint8_t)buffer[i]) * 16777619u;
  }
  t->hash &= 0x3fffffff; // six levels; and collisions are worth meeting
  if (n % 7 == 0)
    t->hash &= 0xff;
  return t;
}

gc_leaf static int same(const struct text gcref *a,
                        const struct text gcref *b) {
  return a == b || (a->hash == b->hash && a->len == b->len &&
                    !memcmp(raw(a->bytes), raw(b->bytes), a->len));
}

gc_leaf static int position(uint32_t bitmap, uint32_t bit) {
  return __builtin_popcount(bitmap & (bit - 1));
}

gc_leaf static const struct leaf gcref *map_find(struct map m,
                                                 const struct text gcref *key) {
  const struct trie gcref *t = m.root;
  for (uint32_t h = key->hash; t; h >>= 5) {
    uint32_t bit = 1u << (h & 31);
    if (!(t->bitmap & bit))
      return NULL;
    const struct slot gcref *s = &t->slots[position(t->bitmap, bit)];
    if (s->kind == BRANCH) {
      t = s->to.branch;
      continue;
    }
    const struct leaf gcref *l = s->to.leaf;
    while (l && !same(l->key, key))
      l = l->next;
    return l;
  }
  return NULL;
}

// --- Changes -----------------------------------------------------------------

static struct trie gcref *copy_trie(const struct trie gcref *t, int n, int from,
                                    int to, int moved) {
  struct trie gcref *copy = have(gc_new_flex(struct trie, slots, (size_t)n));
  for (int i = 0; i < moved; i++)
    copy->slots[to + i] = t->slots[from + i];
  for (int i = 0; i < from && i < to; i++)
    copy->slots[i] = t->slots[i];
  return copy;
}

static struct leaf gcref *new_leaf(const struct text gcref *key, long value,
                                   struct leaf gcref *next) {
  struct leaf gcref *l = have(gc_new(struct leaf));
  l->key = key;
  l->value = value;
  l->next = next;
  return l;
}

// The chain without `key`. Leaves behind it are shared.
static struct leaf gcref *without(struct leaf gcref *l,
                                  const struct text gcref *key) {
  if (!l)
    return NULL;
  if (same(l->key, key))
    return l->next;
  struct leaf gcref *rest = without(l->next, key);
  return rest == l->next ? l : new_leaf(l->key, l->value, rest);
}

static struct slot leaf_slot(struct leaf gcref *l) {
  return (struct slot){LEAF, {.leaf = l}};
}

static struct trie gcref *put(const struct trie gcref *t, int shift,
                              const struct text gcref *key, long value);

// What takes the place of a slot in which the key belongs as well.
static struct slot put_slot(struct slot old, int shift,
                            const struct text gcref *key, long value) {
  if (old.kind == BRANCH) {
    old.to.branch = put(old.to.branch, shift + 5, key, value);
    return old;
  }
  if (old.to.leaf->key->hash == key->hash)
    return leaf_slot(new_leaf(key, value, without(old.to.leaf, key)));
  struct trie gcref *below = have(gc_new_flex(struct trie, slots, 1));
  below->bitmap = 1u << (old.to.leaf->key->hash >> (shift + 5) & 31);
  below->slots[0] = old;
  return (struct slot){BRANCH, {.branch = put(below, shift + 5, key, value)}};
}

static struct trie gcref *put(const struct trie gcref *t, int shift,
                              const struct text gcref *key, long value) {
  uint32_t bit = 1u << (key->hash >> shift & 31);
  uint32_t bitmap = t ? t->bitmap : 0;
  int n = __builtin_popcount(bitmap), at = position(bitmap, bit);
  struct trie gcref *copy;
  if (bitmap & bit) {
    copy = copy_trie(t, n, at, at, n - at);
    copy->slots[at] = put_slot(t->slots[at], shift, key, value);
  } else {
    copy = copy_trie(t, n + 1, at, at + 1, n - at);
    copy->slots[at] = leaf_slot(new_leaf(key, value, NULL));
  }
  copy->bitmap = bitmap | bit;
  return copy;
}

// Null: nothing is left. The trie itself: the key is not there.
static const struct trie gcref *cut(const struct trie gcref *t, int shift,
                                    const struct text gcref *key) {
  uint32_t bit = 1u << (key->hash >> shift & 31);
  if (!t || !(t->bitmap & bit))
    return t;
  int n = __builtin_popcount(t->bitmap), at = position(t->bitmap, bit);
  struct slot old = t->slots[at], s = old;
  if (s.kind == BRANCH)
    s.to.branch = (struct trie gcref *)cut(s.to.branch, shift + 5, key);
  else
    s.to.leaf = without(s.to.leaf, key);
  if (s.to.leaf == old.to.leaf)
    return t;
  struct trie gcref *copy;
  if (s.to.leaf) {
    copy = copy_trie(t, n, at, at, n - at);
    copy->slots[at] = s;
    copy->bitmap = t->bitmap;
    return copy;
  }
  if (n == 1)
    return NULL;
  copy = copy_trie(t, n - 1, at + 1, at, n - at - 1);
  for (int i = 0; i < at; i++)
    copy->slots[i] = t->slots[i];
  copy->bitmap = t->bitmap & ~bit;
  return copy;
}

static struct map map_put(struct map m, const struct text gcref *key,
                          long value) {
  long grown = map_find(m, key) ? 0 : 1;
  return (struct map){put(m.root, 0, key, value), m.n + grown};
}

static struct map map_cut(struct map m, const struct text gcref *key) {
  if (!map_find(m, key))
    return m;
  return (struct map){(struct trie gcref *)cut(m.root, 0, key), m.n - 1};
}

// --- What a version holds ----------------------------------------------------

// Of all entries, whatever their order.
struct sum {
  long n;
  uint64_t values;
};

typedef struct sum on_leaf(struct sum, const struct leaf gcref *);

static struct sum fold(const struct trie gcref *t, struct sum s, on_leaf *f) {
  for (int i = 0; t && i < __builtin_popcount(t->bitmap); i++) {
    if (t->slots[i].kind == BRANCH) {
      s = fold(t->slots[i].to.branch, s, f);
      continue;
    }
    for (struct leaf gcref *l = t->slots[i].to.leaf; l; l = l->next)
      s = f(s, l);
  }
  return s;
}

static struct sum add_leaf(struct sum s, const struct leaf gcref *l) {
  s.n++;
  s.values += ((uint64_t)l->value + 1) * (l->key->hash | 1);
  return s;
}

static struct sum map_sum(struct map m) {
  return fold(m.root, (struct sum){0, 0}, add_leaf);
}

// Versions that are kept, in static storage: a map, and its sum when new.
enum { MOST_KEPT = 64 };
static struct kept {
  struct map map;
  struct sum sum;
} kept[MOST_KEPT];

static int check_kept(const struct kept *k) {
  struct sum now = map_sum(k->map);
  return now.n == k->sum.n && now.n == k->map.n && now.values == k->sum.values;
}

int main(int argc, char **argv) {
  alloc_start();
  long n = alloc_size(argc, argv, 1, 3000);
  size_t most = (size_t)alloc_size(argc, argv, 2, 16) % (MOST_KEPT + 1);
  struct alloc_random r = {5};
  struct map m = {NULL, 0};
  uint64_t check = 0;
  for (long i = 0; i < n; i++) {
    uint32_t k = alloc_random(&r) % (uint32_t)(n / 4 + 1);
    if (alloc_random(&r) % 3)
      m = map_put(m, text_of("key %u", k), i);
    else
      m = map_cut(m, text_of("key %u", k));
    if (most == 0 || i % 64 != 0)
      continue;
    struct kept *old = &kept[alloc_random(&r) % most];
    if (!check_kept(old)) {
      printf("after %ld changes: an old version has changed\n", i);
      return 1;
    }
    check = check * 31 + old->sum.values;
    *old = (struct kept){m, map_sum(m)};
  }
  struct sum s = map_sum(m);
  printf("%ld changes, %ld keys (%ld): %016llx %016llx\n", n, m.n, s.n,
         (unsigned long long)s.values, (unsigned long long)check);
  alloc_end();
  return 0;
}
