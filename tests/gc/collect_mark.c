// SPDX-License-Identifier: Apache-2.0
//
// What is kept and what is freed: plain references, interior ones, arrays,
// flexible arrays, strings, slices, interfaces; large objects in pieces; lists
// of work that run out of memory.
#include "collect_support.h"

// --- Plain references --------------------------------------------------------

static void keeps_what_roots_lead_to(void **state) {
  (void)state;
  roots[0] = new_node(1);
  ((struct node *)roots[0])->left = new_node(2);
  new_node(3);
  assert_int_equal(live_now(), 2);
  assert_int_equal(((struct node *)roots[0])->left->value, 2);
  roots[0] = NULL;
  assert_int_equal(live_now(), 0);
}

static void frees_cycles(void **state) {
  (void)state;
  roots[0] = new_node(0);
  struct node *n = roots[0];
  for (size_t i = 1; i < 1000; i++) {
    n->right = new_node(i);
    n->right->left = n;
    n = n->right;
  }
  n->right = roots[0];
  assert_int_equal(live_now(), 1000);
  roots[0] = NULL;
  assert_int_equal(live_now(), 0);
}

static void interior_references_keep_the_object(void **state) {
  (void)state;
  struct node *n = new_node(7);
  roots[0] = &n->value;
  assert_int_equal(live_now(), 1);
  char *bytes = pclnrt_gc_new_bytes(100);
  roots[0] = bytes + 100; // one past the end
  assert_int_equal(live_now(), 1);
  struct node *large = pclnrt_gc_new_array(&node_type, 100000);
  large[99999].left = new_node(8);
  roots[0] = &large[50000].value;
  assert_int_equal(live_now(), 2);
}

static struct node *tree(int depth) {
  // Children first: the test has no other way to keep what it makes.
  struct node *n = new_node((size_t)depth);
  if (depth) {
    n->left = tree(depth - 1);
    n->right = tree(depth - 1);
  }
  return n;
}
static size_t sum(const struct node *n) {
  return n ? n->value + sum(n->left) + sum(n->right) : 0;
}

static void deep_and_wide(void **state) {
  (void)state;
  pclnrt_gc_set_goal(-1);
  roots[0] = tree(16);
  const size_t before = sum(roots[0]);
  assert_int_equal(live_now(), (1 << 17) - 1);
  assert_int_equal(sum(roots[0]), before);
  struct node *list = NULL;
  for (size_t i = 0; i < 1000000; i++) {
    struct node *n = new_node(i);
    n->right = list;
    list = n;
  }
  roots[1] = list;
  assert_int_equal(live_now(), 1000000 + (1 << 17) - 1);
  pclnrt_gc_set_goal(100);
}

// --- Types -------------------------------------------------------------------

static void arrays_of_references(void **state) {
  (void)state;
  pclnrt_gc_set_goal(-1);
  for (size_t n = 1; n < 300000; n = n * 7 + 1) {
    void **a = pclnrt_gc_new_array(&ref_type, n);
    for (size_t i = 0; i < n; i += 3)
      a[i] = new_node(i);
    roots[0] = a;
    assert_int_equal(live_now(), 1 + (n + 2) / 3);
    for (size_t i = 0; i < n; i += 3)
      assert_int_equal(((struct node *)a[i])->value, i);
  }
  pclnrt_gc_set_goal(100);
}

static void arrays_of_structs_across_pieces(void **state) {
  (void)state;
  struct odd {
    size_t pad[2];
    struct node *n;
    size_t pad2[2];
  };
  static const struct pclnrt_gc_type odd_type = {
      .size = sizeof(struct odd), .pointers = 4, .n_words = 3, .name = "odd"};
  enum { N = 100000 };
  pclnrt_gc_set_goal(-1);
  struct odd *a = pclnrt_gc_new_array(&odd_type, N);
  for (size_t i = 0; i < N; i++) {
    a[i].n = new_node(i);
    a[i].pad[1] = a[i].pad2[0] = (size_t)new_node(0); // no references
  }
  roots[0] = a;
  assert_int_equal(live_now(), 1 + N);
  pclnrt_gc_set_goal(100);
}

static void flexible_arrays(void **state) {
  (void)state;
  struct vec {
    struct node *head;
    size_t n;
    struct node *of[];
  };
  static const struct pclnrt_gc_type vec_type = {
      .size = sizeof(struct vec), .pointers = 1, .n_words = 1, .name = "vec"};
  for (size_t n = 0; n < 40000; n = n * 5 + 1) {
    struct vec *v =
        pclnrt_gc_new_flex(&vec_type, &ref_type, offsetof(struct vec, of), n);
    roots[0] = v;
    v->head = new_node(1);
    for (size_t i = 0; i < n; i++)
      v->of[i] = new_node(i);
    assert_int_equal(live_now(), 2 + n);
  }
}

// One of each kind: string, slice, iface, eface, and a plain one behind.
struct kinds {
  struct gc_string string;
  struct gc_slice slice;
  struct gc_iface iface;
  struct gc_eface eface;
  struct node *last;
};
enum { S = PCLN_CODE_SCALAR, P = PCLN_CODE_POINTER, M = PCLN_CODE_MULTIWORD };
#define FOUR(a, b, c, d) ((a) | (b) << 2 | (c) << 4 | (d) << 6)
static const uint8_t kinds_codes[] = {
    FOUR(M, PCLN_MULTI_STRING, M, PCLN_MULTI_SLICE),
    FOUR(S, M, PCLN_MULTI_IFACE, M), FOUR(PCLN_MULTI_EFACE, P, 0, 0)};
static const struct pclnrt_gc_type kinds_type = {.size = sizeof(struct kinds),
                                                 .n_words = 10,
                                                 .codes_only = 1,
                                                 .codes = kinds_codes,
                                                 .name = "kinds"};
static const struct pclnrt_gc_type small_type = {
    .size = 4, .name = "small"}; // fits into the data word
static const struct pclnrt_gc_type box_type = {.size = 24, .name = "box"};

static void items_of_several_words(void **state) {
  (void)state;
  struct kinds *k = pclnrt_gc_new(&kinds_type);
  roots[0] = k;
  k->last = new_node(1);
  assert_int_equal(live_now(), 2);

  // A string's bytes are kept and not looked at; of length 0, not kept.
  void **bytes = pclnrt_gc_new_array(&ref_type, 4);
  bytes[1] = new_node(2);
  k->string = (struct gc_string){(char *)bytes, 0};
  assert_int_equal(live_now(), 2);
  bytes = pclnrt_gc_new_array(&ref_type, 4);
  bytes[1] = new_node(2);
  k->string = (struct gc_string){(char *)bytes, 1};
  assert_int_equal(live_now(), 3);
  k->string = (struct gc_string){0};

  // A slice is kept unless its capacity is 0.
  k->slice = (struct gc_slice){new_node(3), 0, 0};
  assert_int_equal(live_now(), 2);
  k->slice = (struct gc_slice){new_node(3), 0, 1};
  assert_int_equal(live_now(), 3);
  k->slice = (struct gc_slice){0};

  // The data word of an interface is a reference if its type says so.
  static const struct gc_itab box = {&box_type}, small = {&small_type},
                              ref = {&ref_type};
  k->iface = (struct gc_iface){&small, new_node(4)};
  k->eface = (struct gc_eface){&small_type, new_node(5)};
  assert_int_equal(live_now(), 2);
  k->iface = (struct gc_iface){&box, pclnrt_gc_new_bytes(24)};
  k->eface = (struct gc_eface){&ref_type, new_node(5)};
  assert_int_equal(live_now(), 4);
  k->iface = (struct gc_iface){NULL, new_node(6)};
  k->eface = (struct gc_eface){NULL, new_node(7)};
  assert_int_equal(live_now(), 2);
  k->iface = (struct gc_iface){&ref, new_node(8)};
  assert_int_equal(live_now(), 3);
}

// Kept by a string first, and then found to be more: what it leads to must not
// be lost.
static void a_string_into_an_object_with_references(void **state) {
  (void)state;
  struct kinds *k = pclnrt_gc_new(&kinds_type);
  struct node *n = new_node(1);
  n->left = new_node(2);
  k->string = (struct gc_string){(char *)n, 4};
  k->last = n;
  roots[0] = k;
  assert_int_equal(live_now(), 3);
  assert_int_equal(k->last->left->value, 2);
  k->last = NULL;
  assert_int_equal(live_now(), 2);
}

// --- Without memory for the list ---------------------------------------------

static void a_list_that_overflows(void **state) {
  (void)state;
  pclnrt_gc_set_goal(-1);
  enum { N = 20000 };
  void **a = pclnrt_gc_new_array(&ref_type, N);
  roots[0] = a;
  for (size_t i = 0; i < N; i++) {
    struct node *n = new_node(i);
    a[i] = n;
    n->left = new_node(i);
    n->left->right = new_node(i);
  }
  // The test of the test: work does not fit into the one chunk of the marker.
  for (unsigned chunks = 1; chunks < 4; chunks++) {
    pclnrt_test_chunks = chunks;
    assert_int_equal(live_now(), 1 + 3 * N);
  }
  pclnrt_test_chunks = 0;
  assert_int_equal(pclnrt_gc_check(NULL), 0);
  for (size_t i = 0; i < N; i++)
    assert_int_equal(((struct node *)a[i])->left->right->value, i);
  pclnrt_gc_set_goal(100);
}

// --- Roots that come and go --------------------------------------------------

static void added_memory_is_a_root(void **state) {
  (void)state;
  void **mine = malloc(64);
  mine[3] = new_node(1);
  assert_int_equal(pclnrt_gc_remove_root(mine), PCLN_NOT_FOUND);
  assert_int_equal(pclnrt_gc_add_root(mine, 64), PCLN_OK);
  memset(mine, 0xff, 24); // anything
  assert_int_equal(live_now(), 1);
  assert_int_equal(pclnrt_gc_remove_root(mine), PCLN_OK);
  assert_int_equal(live_now(), 0);
  free(mine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_teardown(name, nothing_left)
  const struct CMUnitTest tests[] = {
      TEST(keeps_what_roots_lead_to),
      TEST(frees_cycles),
      TEST(interior_references_keep_the_object),
      TEST(deep_and_wide),
      TEST(arrays_of_references),
      TEST(arrays_of_structs_across_pieces),
      TEST(flexible_arrays),
      TEST(items_of_several_words),
      TEST(a_string_into_an_object_with_references),
      TEST(a_list_that_overflows),
      TEST(added_memory_is_a_root),
  };
  return cmocka_run_group_tests(tests, collect_setup, NULL);
}
