// SPDX-License-Identifier: Apache-2.0
//
// A collector that is not ours, over our roots: it copies every object that is
// reached to another place at each allocation, and overwrites the old ones. So
// a reference that no map names is read as garbage right after, and a derived
// pointer without its base leads nowhere. The compiled functions it is for are
// in the files beside.
#include "roots.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct object {
  struct object *moved; // where it is now; null: here
  struct object *next;
  uint64_t value;
};

enum { MAX_OBJECTS = 4096 };
static struct object halves[2][MAX_OBJECTS], *space = halves[0];
static size_t n_objects;
static uint64_t n_collections, n_roots, n_derived;

struct object *allocate(uint64_t value);
void look(void *p);
int personality(void);
struct object *build(uint64_t n);
uint64_t sum(struct object *list);
uint64_t derived(uint64_t which);
uint64_t many(void);
uint64_t aligned(void);
uint64_t variable(uint64_t n);
uint64_t framed(void);
uint64_t passed(void);
uint64_t use_shared(void);
uint64_t share_too(void);
uint64_t deopt(uint64_t n);
uint64_t by_hand(void);

// --- Moving -----------------------------------------------------------------

static struct object *to;
static size_t n_to;

static struct object *move(struct object *o) {
  if (!o)
    return NULL;
  if (o < space || o >= space + n_objects) {
    fprintf(stderr, "mover: %p is no object\n", (void *)o);
    abort();
  }
  if (!o->moved) {
    to[n_to] = *o;
    o->moved = &to[n_to++];
  }
  return o->moved;
}

static void take_root(void *ctx, const struct pclnrt_root *root) {
  (void)ctx;
  n_roots++;
  if (root->base && root->base != root->slot) {
    const uintptr_t off = *root->slot - *root->base;
    *root->slot = (uintptr_t)move((struct object *)*root->base) + off;
    n_derived++;
  } else {
    *root->slot = (uintptr_t)move((struct object *)*root->slot);
  }
}

static void skip_words(void *ctx, uintptr_t *lo, uintptr_t *hi,
                       const struct pclnrt_root_frame *frame) {
  (void)ctx, (void)lo, (void)hi, (void)frame; // frames of this file
}

static void say(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  fprintf(stderr, "mover: %s: %s [%s]\n", r->func ? r->func : "", r->text,
          r->fault);
}

static void collect(void) {
  const struct pclnrt_root_visitor visitor = {.root = take_root,
                                              .words = skip_words};
  const struct pcln_sink sink = {.fn = say};
  struct pclnrt_root_stats stats = {0};
  struct pclnrt_cursor cursor;
  to = space == halves[0] ? halves[1] : halves[0];
  n_to = 0;
  pclnrt_cursor_here(&cursor);
  if (pclnrt_roots_stack(&cursor, &visitor, &stats, &sink) != PCLN_OK)
    abort();
  for (size_t i = 0; i < n_to; i++)
    to[i].next = move(to[i].next);
  for (size_t i = 0; i < n_to; i++)
    to[i].moved = NULL;
  memset(space, 0xdb, n_objects * sizeof *space);
  space = to;
  n_objects = n_to;
  n_collections++;
}

// --- What compiled code calls -----------------------------------------------

__attribute__((noinline)) struct object *allocate(uint64_t value) {
  collect();
  if (n_objects == MAX_OBJECTS)
    abort();
  struct object *o = &space[n_objects++];
  *o = (struct object){.value = value};
  return o;
}

void look(void *p) { memset(p, 0x5a, 8); }

int personality(void) { abort(); }

static int check(const char *what, uint64_t got, uint64_t want) {
  if (got != want)
    fprintf(stderr, "mover: %s: %" PRIu64 ", not %" PRIu64 "\n", what, got,
            want);
  return got != want;
}

int main(void) {
  int bad = 0;
  bad |= check("sum", sum(build(100)), 5050);
  bad |= check("derived 0", derived(0), 30);
  bad |= check("derived 1", derived(1), 50);
  bad |= check("many", many(), 255);
  bad |= check("aligned", aligned(), 300);
  bad |= check("variable", variable(5), 700);
  bad |= check("framed", framed(), 1100);
  bad |= check("passed", passed(), 1500);
  bad |= check("shared", use_shared() + share_too(), 1800);
  bad |= check("deopt", deopt(1), 42);
  bad |= check("by hand", by_hand(), 7000);
  printf("%" PRIu64 " collections, %" PRIu64 " roots, %" PRIu64 " derived\n",
         n_collections, n_roots, n_derived);
  return bad || n_derived == 0;
}
