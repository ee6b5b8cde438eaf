// SPDX-License-Identifier: Apache-2.0
//
// Variables and a frame with references of each kind, for the report to show.
#include <pclntab/gc.h>

struct node {
  struct node gcref *next;
  long value;
};
struct node gcref *first;
static struct node gcref *ring[8];
_Thread_local struct node gcref *mine;
static struct pair {
  struct node gcref *node;
  long n;
} pairs[300];
struct {
  int n;
  struct gc_string names[3];
  struct gc_slice all;
  struct gc_iface iface;
  struct gc_eface eface;
} book;

long use(long n);
__attribute__((noinline)) long use(long n) {
  struct node gcref *local[4] = {0};
  struct gc_slice s = {0};
  for (long i = 0; i < n; i++) {
    struct node gcref *x = gc_new(struct node);
    x->next = first;
    first = mine = ring[i & 7] = local[i & 3] = x;
    pairs[i % 300].node = x;
    s = (struct gc_slice){x, 1, 1};
    book.all = s;
    pclnrt_gc_collect();
  }
  return local[0] ? local[0]->value : 0;
}
