// SPDX-License-Identifier: Apache-2.0
//
// Graphs full of cycles that change all the time: random edges come and go,
// whole regions are dropped, strongly connected components are found by
// recursion (Tarjan), nodes are sorted by the C library, and a graph of the
// components is made, each of whose nodes must be a component of its own.
// Arguments: nodes, rounds.
#include "alloc.h"

struct edges; // a growing array
struct node {
  struct edges gcref *out;
  struct node gcref *below; // on the stack of Tarjan's algorithm
  int id, index, low, component;
  int on_stack, degree;
};

struct edges {
  struct edges gcref *rest; // full ones, older
  int n, room;
  struct node gcref *to[];
};

struct graph {
  int n;
  struct node gcref *nodes[];
};

static void add_edge(struct node gcref *from, struct node gcref *to) {
  struct edges gcref *e = from->out;
  if (!e || e->n == e->room) {
    int room = e ? e->room * 2 : 2;
    struct edges gcref *more =
        have(gc_new_flex(struct edges, to, (size_t)room));
    more->room = room;
    more->rest = e;
    from->out = e = more;
  }
  e->to[e->n++] = to;
  from->degree++;
}

static void drop_edges(struct node gcref *n) {
  for (struct edges gcref *e = n->out; e;) {
    struct edges gcref *rest = e->rest;
    gc_free(e);
    e = rest;
  }
  n->out = NULL;
  n->degree = 0;
}

static struct node gcref *new_node(int id) {
  struct node gcref *n = have(gc_new(struct node));
  n->id = id;
  return n;
}

static struct graph gcref *new_graph(int n) {
  struct graph gcref *g = have(gc_new_flex(struct graph, nodes, (size_t)n));
  g->n = n;
  for (int i = 0; i < n; i++)
    g->nodes[i] = new_node(i);
  return g;
}

static struct node gcref *any(struct graph gcref *g, struct alloc_random *r) {
  return g->nodes[alloc_random(r) % (uint32_t)g->n];
}

// --- Components --------------------------------------------------------------

// What a search knows; on the C stack, with references in a struct.
struct search {
  struct node gcref *top;
  int next_index, n_components;
};

static void visit(struct search *s, struct node gcref *v) {
  v->index = v->low = ++s->next_index;
  v->below = s->top;
  s->top = v;
  v->on_stack = 1;
  for (struct edges gcref *e = v->out; e; e = e->rest) {
    for (int i = 0; i < e->n; i++) {
      struct node gcref *w = e->to[i];
      if (!w->index)
        visit(s, w);
      if (w->on_stack && w->low < v->low)
        v->low = w->low;
    }
  }
  if (v->low != v->index)
    return;
  struct node gcref *w;
  do {
    w = s->top;
    s->top = w->below;
    w->below = NULL;
    w->on_stack = 0;
    w->component = s->n_components;
  } while (w != v);
  s->n_components++;
}

static int components(struct graph gcref *g) {
  struct search s = {NULL, 0, 0};
  for (int i = 0; i < g->n; i++)
    g->nodes[i]->index = 0;
  for (int i = 0; i < g->n; i++)
    if (!g->nodes[i]->index)
      visit(&s, g->nodes[i]);
  return s.n_components;
}

// The graph of the components. No cycle is left, so each node of it is a
// component of its own.
static struct graph gcref *contract(struct graph gcref *g, int n) {
  struct graph gcref *c = new_graph(n);
  for (int i = 0; i < g->n; i++) {
    struct node gcref *from = c->nodes[g->nodes[i]->component];
    for (struct edges gcref *e = g->nodes[i]->out; e; e = e->rest)
      for (int k = 0; k < e->n; k++)
        if (e->to[k]->component != from->id)
          add_edge(from, c->nodes[e->to[k]->component]);
  }
  return c;
}

// --- Order -------------------------------------------------------------------

// Called back by the C library, whose frame has no map, so it does not
// allocate.
static int by_degree(const void *a, const void *b) {
  const struct node gcref *x = *(struct node gcref *const *)a;
  const struct node gcref *y = *(struct node gcref *const *)b;
  int less = x->degree != y->degree ? x->degree < y->degree : x->id < y->id;
  return x == y ? 0 : less ? -1 : 1;
}

static uint64_t order_check(struct graph gcref *g) {
  struct graph gcref *sorted =
      have(gc_new_flex(struct graph, nodes, (size_t)g->n));
  sorted->n = g->n;
  for (int i = 0; i < g->n; i++)
    sorted->nodes[i] = g->nodes[i];
  qsort(raw(sorted->nodes), (size_t)sorted->n, sizeof sorted->nodes[0],
        by_degree);
  uint64_t check = 0;
  for (int i = 0; i < g->n; i++)
    check = check * 31 + (uint64_t)sorted->nodes[i]->id;
  gc_free(sorted);
  return check;
}

// --- The load ----------------------------------------------------------------

static void change(struct graph gcref *g, struct alloc_random *r) {
  for (int i = 0; i < g->n; i++) {
    struct node gcref *from = any(g, r);
    add_edge(from, any(g, r));
  }
  for (int i = 0; i < g->n / 3; i++)
    drop_edges(any(g, r));
  // A region in which everything leads to everything, and which nothing leads
  // to from outside: garbage as soon as it is made.
  struct node gcref *ring = new_node(-1), *last = ring;
  for (int i = 0; i < 50; i++) {
    struct node gcref *n = new_node(-2 - i);
    add_edge(last, n);
    add_edge(n, ring);
    last = n;
  }
}

int main(int argc, char **argv) {
  alloc_start();
  struct alloc_random r = {3};
  struct graph gcref *g = new_graph((int)alloc_size(argc, argv, 1, 200));
  long rounds = alloc_size(argc, argv, 2, 10);
  uint64_t check = 0;
  for (long i = 0; i < rounds; i++) {
    change(g, &r);
    int n = components(g);
    struct graph gcref *c = contract(g, n);
    int again = components(c);
    if (again != n) {
      printf("round %ld: %d components, %d contracted\n", i, n, again);
      return 1;
    }
    check = check * 31 + order_check(g) + (uint64_t)n;
  }
  printf("%d nodes, %ld rounds, %d components: %016llx\n", g->n, rounds,
         components(g), (unsigned long long)check);
  alloc_end();
  return 0;
}
