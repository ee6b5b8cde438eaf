// SPDX-License-Identifier: Apache-2.0
//
// Pointer chasing: a cache that drops what was used least recently, made of a
// hash table of chains and a ring of all entries, so that each use rewires
// pointers all over a heap that stays large; and a long list that is walked in
// another order than it was made in. Arguments: operations, entries, nodes of
// the list.
#include "alloc.h"

struct entry {
  struct entry gcref *chain; // of the same bucket
  struct entry gcref *newer, *older;
  uint64_t key;
  uint64_t gcref *value; // of its own, without references
};

struct cache {
  struct entry gcref *gcref *buckets;
  struct entry gcref *ring; // newer: the oldest, older: the newest
  size_t n_buckets, n, most;
  uint64_t hits, misses, check;
};

gc_leaf static uint64_t mix(uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdu;
  x ^= x >> 33;
  return x;
}

static struct cache gcref *cache_new(size_t most) {
  struct cache gcref *c = have(gc_new(struct cache));
  c->most = most;
  c->n_buckets = 1;
  while (c->n_buckets < most)
    c->n_buckets *= 2;
  c->buckets = have(gc_new_array(struct entry gcref *, c->n_buckets));
  c->ring = have(gc_new(struct entry));
  c->ring->newer = c->ring->older = c->ring;
  return c;
}

gc_leaf static void unlink_entry(struct entry gcref *e) {
  e->newer->older = e->older;
  e->older->newer = e->newer;
}

gc_leaf static void make_newest(struct cache gcref *c, struct entry gcref *e) {
  struct entry gcref *ring = c->ring;
  e->newer = ring;
  e->older = ring->older;
  ring->older->newer = e;
  ring->older = e;
}

gc_leaf static struct entry gcref *gcref *bucket(struct cache gcref *c,
                                                 uint64_t key) {
  return &c->buckets[mix(key) & (c->n_buckets - 1)];
}

gc_leaf static struct entry gcref *find(struct cache gcref *c, uint64_t key) {
  struct entry gcref *e = *bucket(c, key);
  while (e && e->key != key)
    e = e->chain;
  return e;
}

static void evict(struct cache gcref *c) {
  struct entry gcref *e = c->ring->newer;
  struct entry gcref *gcref *at = bucket(c, e->key);
  while (*at != e)
    at = &(*at)->chain;
  *at = e->chain;
  unlink_entry(e);
  c->check = c->check * 31 + e->key;
  c->n--;
  gc_free(e->value);
  gc_free(e);
}

static void use(struct cache gcref *c, uint64_t key) {
  struct entry gcref *e = find(c, key);
  if (e) {
    c->hits++;
    e->value[0]++;
    unlink_entry(e);
    make_newest(c, e);
    return;
  }
  c->misses++;
  if (c->n == c->most)
    evict(c);
  e = have(gc_new(struct entry));
  e->key = key;
  e->value = have(gc_new_bytes(4 * sizeof(uint64_t)));
  e->value[0] = key;
  struct entry gcref *gcref *at = bucket(c, key);
  e->chain = *at;
  *at = e;
  make_newest(c, e);
  c->n++;
}

struct node {
  struct node gcref *next;
  uint64_t number;
};

// A list through all nodes in the order of a random permutation.
static struct node gcref *scattered_list(size_t n, struct alloc_random *r) {
  struct node gcref *gcref *all = have(gc_new_array(struct node gcref *, n));
  for (size_t i = 0; i < n; i++) {
    all[i] = have(gc_new(struct node));
    all[i]->number = i;
  }
  for (size_t i = n; i > 1; i--) {
    size_t k = alloc_random(r) % i;
    struct node gcref *moved = all[i - 1];
    all[i - 1] = all[k];
    all[k] = moved;
  }
  for (size_t i = 0; i + 1 < n; i++)
    all[i]->next = all[i + 1];
  struct node gcref *first = n ? all[0] : NULL;
  gc_free(all);
  return first;
}

gc_leaf static uint64_t walk(const struct node gcref *list) {
  uint64_t check = 0;
  for (; list; list = list->next)
    check = check * 31 + list->number;
  return check;
}

int main(int argc, char **argv) {
  alloc_start();
  long n = alloc_size(argc, argv, 1, 20000);
  size_t most = (size_t)alloc_size(argc, argv, 2, 2000);
  size_t nodes = (size_t)alloc_size(argc, argv, 3, 5000);
  struct alloc_random r = {11};
  struct node gcref *list = scattered_list(nodes, &r);
  struct cache gcref *c = cache_new(most);
  uint64_t check = 0;
  for (long i = 0; i < n; i++) {
    // Two draws, the smaller of which wins: some keys are asked for often.
    uint64_t a = alloc_random(&r) % (2 * most), b = alloc_random(&r) % most;
    use(c, a < b ? a : b + a);
    if (i % (n / 8 + 1) == 0)
      check += walk(list);
  }
  for (struct entry gcref *e = c->ring->newer; e != c->ring; e = e->newer)
    check = check * 31 + e->value[0];
  printf("%ld uses, %llu hits, %llu misses: %016llx %016llx\n", n,
         (unsigned long long)c->hits, (unsigned long long)c->misses,
         (unsigned long long)c->check, (unsigned long long)check);
  alloc_end();
  return 0;
}
