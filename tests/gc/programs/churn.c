// SPDX-License-Identifier: Apache-2.0
//
// Allocation and little else: objects of many sizes, most of which die young,
// some of which stay for a while in a window that is overwritten at random.
// Arguments: objects to allocate, slots of the window.
#include "alloc.h"

struct item {
  struct item gcref *before; // what stood in its slot, until that is replaced
  uint32_t n, sum;
  uint32_t data[];
};

static struct item gcref *make(struct alloc_random *r, uint32_t stamp) {
  uint32_t shape = alloc_random(r), n = shape & 15;
  if ((shape & 0xff00) == 0) // one of 256 is long
    n = shape >> 16 & 1023;
  struct item gcref *it = have(gc_new_flex(struct item, data, n));
  it->n = n;
  it->sum = stamp;
  if (n) {
    it->data[0] = shape;
    it->data[n - 1] = stamp;
  }
  return it;
}

// Puts `it` into its slot; what stood there stays alive through it, but not
// what stood there before that.
static void place(struct item gcref *gcref *slot, struct item gcref *it) {
  struct item gcref *old = *slot;
  if (old) {
    gc_free(old->before);
    old->before = NULL;
    it->before = old;
    it->sum += old->sum & 0xff;
  }
  *slot = it;
}

int main(int argc, char **argv) {
  alloc_start();
  long n = alloc_size(argc, argv, 1, 100000);
  uint32_t slots = (uint32_t)alloc_size(argc, argv, 2, 1 << 12);
  struct alloc_random r = {7};
  struct item gcref *gcref *window =
      have(gc_new_array(struct item gcref *, slots));
  uint64_t check = 0;
  for (long i = 0; i < n; i++) {
    struct item gcref *it = make(&r, (uint32_t)i);
    uint32_t where = alloc_random(&r);
    check = check * 31 + it->n + (it->n ? it->data[it->n - 1] : 0);
    if ((where & 3) == 0)
      place(&window[(where >> 2) % slots], it);
    else
      gc_free(it);
  }
  for (uint32_t i = 0; i < slots; i++)
    for (struct item gcref *it = window[i]; it; it = it->before)
      check = check * 31 + it->sum;
  printf("%ld objects, %u slots: %016llx\n", n, slots,
         (unsigned long long)check);
  alloc_end();
  return 0;
}
