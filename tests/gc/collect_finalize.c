// SPDX-License-Identifier: Apache-2.0
//
// Finalizers: once, in order, never in cycles, again after resurrection; by the
// program or by the collector's thread. Weak references.
#include "collect_support.h"

#include <pthread.h>
#include <unistd.h>

// Values of finalized nodes, in order.
static size_t seen[4096];
static _Atomic size_t n_seen;

static void note(void *obj, void *arg) {
  (void)arg;
  seen[n_seen] = ((struct node *)obj)->value;
  n_seen++; // last: another thread may wait for it
}

static struct node *noted(size_t value) {
  struct node *n = new_node(value);
  assert_int_equal(pclnrt_gc_set_finalizer(n, note, NULL), PCLN_OK);
  return n;
}

static int begin(void **state) {
  (void)state;
  memset(roots, 0, sizeof roots);
  pclnrt_gc_finalize();
  n_seen = 0;
  return 0;
}

static size_t collect_and_finalize(void) {
  pclnrt_gc_collect();
  return pclnrt_gc_finalize();
}

// --- The program runs them ---------------------------------------------------

static void runs_once_when_unreachable(void **state) {
  (void)state;
  roots[0] = noted(1);
  assert_int_equal(collect_and_finalize(), 0);
  roots[0] = NULL;
  assert_int_equal(collect_and_finalize(), 1);
  assert_int_equal(seen[0], 1);
  assert_int_equal(collect_and_finalize(), 0);
  assert_int_equal(live_now(), 0);
}

static void needs_the_first_byte_of_an_object(void **state) {
  (void)state;
  struct node *n = new_node(1);
  roots[0] = n;
  int local;
  assert_int_equal(pclnrt_gc_set_finalizer(&n->value, note, NULL),
                   PCLN_NOT_FOUND);
  assert_int_equal(pclnrt_gc_set_finalizer(&local, note, NULL), PCLN_NOT_FOUND);
  void **array = pclnrt_gc_new_array(&ref_type, 10);
  assert_int_equal(pclnrt_gc_set_finalizer(array, note, NULL), PCLN_OK);
  assert_int_equal(pclnrt_gc_set_finalizer(array + 1, note, NULL),
                   PCLN_NOT_FOUND);
  assert_int_equal(pclnrt_gc_set_finalizer(array, NULL, NULL), PCLN_OK);
}

static void null_takes_it_away_and_the_last_one_counts(void **state) {
  (void)state;
  struct node *n = noted(1);
  assert_int_equal(pclnrt_gc_set_finalizer(n, NULL, NULL), PCLN_OK);
  assert_int_equal(pclnrt_gc_set_finalizer(n, NULL, NULL), PCLN_OK);
  n = noted(2);
  assert_int_equal(pclnrt_gc_set_finalizer(n, note, NULL), PCLN_OK);
  assert_int_equal(collect_and_finalize(), 1);
  assert_int_equal(seen[0], 2);
}

static void what_leads_to_others_goes_first(void **state) {
  (void)state;
  // 1 -> plain -> 2 -> 3, and 4 -> 3
  struct node *three = noted(3);
  struct node *two = noted(2);
  two->left = three;
  struct node *plain = new_node(0);
  plain->right = two;
  struct node *one = noted(1);
  one->left = plain;
  struct node *four = noted(4);
  four->left = three;
  assert_int_equal(collect_and_finalize(), 2);
  assert_int_equal(seen[0] + seen[1], 1 + 4);
  assert_int_equal(stats_now().live_objects, 5);
  assert_int_equal(collect_and_finalize(), 1);
  assert_int_equal(seen[2], 2);
  assert_int_equal(collect_and_finalize(), 1);
  assert_int_equal(seen[3], 3);
  assert_int_equal(live_now(), 0);
}

static void cycles_are_never_finalized(void **state) {
  (void)state;
  struct node *a = noted(1), *b = noted(2);
  a->left = b;
  b->left = a;
  struct node *self = noted(3);
  self->right = self;
  struct node *before = noted(4); // leads into the cycle, but is not in it
  before->left = a;
  for (int i = 0; i < 3; i++)
    assert_int_equal(collect_and_finalize(), i == 0);
  assert_int_equal(seen[0], 4);
  assert_int_equal(live_now(), 3);
  a->left = NULL; // for the tests that follow
  self->right = NULL;
  assert_int_equal(collect_and_finalize(), 2);
  assert_int_equal(collect_and_finalize(), 1);
}

static void resurrect(void *obj, void *arg) {
  note(obj, arg);
  roots[7] = obj;
}

static void an_object_may_come_back(void **state) {
  (void)state;
  struct node *n = new_node(9);
  n->left = new_node(10);
  assert_int_equal(pclnrt_gc_set_finalizer(n, resurrect, NULL), PCLN_OK);
  assert_int_equal(collect_and_finalize(), 1);
  assert_ptr_equal(roots[7], n);
  assert_int_equal(live_now(), 2);
  assert_int_equal(n->left->value, 10);
  roots[7] = NULL; // and go without another call
  assert_int_equal(collect_and_finalize(), 0);
  assert_int_equal(live_now(), 0);
}

static void again(void *obj, void *arg) {
  note(obj, arg);
  if (--*(int *)arg)
    assert_int_equal(pclnrt_gc_set_finalizer(obj, again, arg), PCLN_OK);
}

static void may_be_set_anew(void **state) {
  (void)state;
  int left = 3;
  assert_int_equal(pclnrt_gc_set_finalizer(new_node(5), again, &left), PCLN_OK);
  for (size_t i = 1; i <= 3; i++) {
    assert_int_equal(collect_and_finalize(), 1);
    assert_int_equal(n_seen, i);
  }
  assert_int_equal(collect_and_finalize(), 0);
  assert_int_equal(live_now(), 0);
}

static void collects(void *obj, void *arg) {
  struct node *n = obj;
  for (int i = 0; i < 3; i++) {
    pclnrt_gc_collect();
    pclnrt_gc_finalize(); // nested
    new_node(77);
  }
  assert_int_equal(n->left->value, 12);
  note(obj, arg);
}

static void may_collect_and_nest(void **state) {
  (void)state;
  for (size_t i = 0; i < 5; i++) {
    struct node *n = new_node(i);
    n->left = new_node(12);
    assert_int_equal(pclnrt_gc_set_finalizer(n, collects, NULL), PCLN_OK);
  }
  pclnrt_gc_collect();
  size_t n = pclnrt_gc_finalize();
  assert_in_range(n, 1, 5);
  assert_int_equal(n_seen, 5);
}

static void many(void **state) {
  (void)state;
  enum { N = 4000 };
  for (size_t i = 0; i < N; i++)
    roots[i % 1000] = noted(i);
  const size_t n = collect_and_finalize();
  assert_int_equal(n, N - 1000);
  memset(roots, 0, sizeof roots);
  assert_int_equal(collect_and_finalize(), 1000);
  size_t total = 0;
  for (size_t i = 0; i < N; i++)
    total += seen[i];
  assert_int_equal(total, N * (N - 1) / 2);
  assert_int_equal(live_now(), 0);
}

// Each entry that leaves the table moves others: all of them are found again.
static void found_among_others(void **state) {
  (void)state;
  static struct node *nodes[1000];
  for (size_t i = 0; i < 1000; i++)
    nodes[i] = roots[i] = noted(i);
  for (size_t i = 0; i < 1000; i += 2)
    assert_int_equal(pclnrt_gc_set_finalizer(nodes[i], NULL, NULL), PCLN_OK);
  for (size_t i = 1; i < 1000; i += 2)
    assert_int_equal(pclnrt_gc_set_finalizer(nodes[i], note, NULL), PCLN_OK);
  memset(roots, 0, sizeof roots);
  assert_int_equal(collect_and_finalize(), 500);
  for (size_t i = 0; i < 500; i++)
    assert_int_equal(seen[i] % 2, 1);
}

// The queue is filled and emptied, and holds some all the time.
static size_t n_to_make;
static void makes_the_next(void *obj, void *arg) {
  note(obj, arg);
  if (n_to_make > 0) {
    n_to_make--;
    assert_int_equal(
        pclnrt_gc_set_finalizer(new_node(n_seen), makes_the_next, NULL),
        PCLN_OK);
    if (n_to_make % 100 == 0)
      pclnrt_gc_collect();
  }
}
static void round_after_round(void **state) {
  (void)state;
  n_to_make = 3000;
  for (size_t i = 0; i < 200; i++)
    assert_int_equal(pclnrt_gc_set_finalizer(new_node(i), makes_the_next, NULL),
                     PCLN_OK);
  while (collect_and_finalize())
    ;
  assert_int_equal(n_seen, 3200);
}

// --- The collector's thread --------------------------------------------------

static pthread_t finalizer;
static void note_thread(void *obj, void *arg) {
  finalizer = pthread_self();
  pclnrt_gc_collect(); // it is a mutator
  note(obj, arg);
}

// First of all tests, since the program takes over with its first call.
static void a_thread_runs_them(void **state) {
  (void)state;
  n_seen = 0;
  for (size_t round = 1; round <= 3; round++) {
    assert_int_equal(
        pclnrt_gc_set_finalizer(new_node(round), note_thread, NULL), PCLN_OK);
    pclnrt_gc_collect();
    pclnrt_gc_foreign_begin();
    for (int i = 0; i < 4000 && n_seen < round; i++)
      usleep(1000);
    pclnrt_gc_foreign_end();
    assert_int_equal(n_seen, round);
    assert_int_equal(seen[round - 1], round);
    assert_false(pthread_equal(finalizer, pthread_self()));
  }
}

// --- Weak references ---------------------------------------------------------

static void weak_references_keep_nothing(void **state) {
  (void)state;
  struct node *n = new_node(1);
  roots[0] = n;
  struct gc_weak *w = pclnrt_gc_weak_new(n);
  roots[1] = w;
  pclnrt_gc_collect();
  assert_ptr_equal(pclnrt_gc_weak_get(w), n);
  const uint64_t before = stats_now().weak_cleared;
  roots[0] = NULL;
  assert_int_equal(live_now(), 1);
  assert_null(pclnrt_gc_weak_get(w));
  assert_int_equal(stats_now().weak_cleared, before + 1);
}

static void weak_references_are_garbage_too(void **state) {
  (void)state;
  roots[0] = new_node(1);
  for (int i = 0; i < 10000; i++)
    assert_non_null(pclnrt_gc_weak_new(roots[0]));
  assert_int_equal(live_now(), 1);
  roots[1] = pclnrt_gc_weak_new(NULL);
  pclnrt_gc_collect();
  assert_null(pclnrt_gc_weak_get(roots[1]));
}

// The memory of one that was dropped is another object's soon.
static void dropped_weak_references_are_forgotten(void **state) {
  (void)state;
  enum { N = 1000 };
  roots[N] = new_node(1);
  for (int i = 0; i < N; i++)
    assert_non_null(pclnrt_gc_weak_new(roots[N]));
  pclnrt_gc_collect();
  for (int i = 0; i < N; i++) {
    uintptr_t *other = pclnrt_gc_new_bytes(sizeof *other);
    *other = (uintptr_t)new_node(1); // bytes: keeps nothing
    roots[i] = other;
  }
  pclnrt_gc_collect();
  for (int i = 0; i < N; i++)
    assert_int_not_equal(*(uintptr_t *)roots[i], 0);
}

// One that is made keeps its object until it is there.
static void a_new_weak_reference_is_to_an_object(void **state) {
  (void)state;
  pclnrt_gc_options.stress = true;
  struct node *n = new_node(1);
  roots[0] = pclnrt_gc_weak_new(n); // collects, and nothing else has n
  pclnrt_gc_options.stress = false;
  void *first;
  assert_ptr_equal(pclnrt_gc_weak_get(roots[0]), n);
  assert_int_not_equal(pclnrt_gc_object(n, &first), 0);
}

static void look(void *obj, void *arg) {
  note(obj, arg);
  assert_null(pclnrt_gc_weak_get(roots[1])); // cleared before
  assert_non_null(pclnrt_gc_weak_get(roots[2]));
  roots[3] = pclnrt_gc_weak_new(obj);
  assert_ptr_equal(pclnrt_gc_weak_get(roots[3]), obj);
}

static void weak_references_and_finalizers(void **state) {
  (void)state;
  struct node *n = new_node(1);
  n->left = new_node(2);
  assert_int_equal(pclnrt_gc_set_finalizer(n, look, NULL), PCLN_OK);
  roots[1] = pclnrt_gc_weak_new(n);
  roots[2] = pclnrt_gc_weak_new(n->left); // stays until the finalizer ran
  assert_int_equal(collect_and_finalize(), 1);
  pclnrt_gc_collect();
  assert_null(pclnrt_gc_weak_get(roots[2]));
  assert_null(pclnrt_gc_weak_get(roots[3]));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, nothing_left)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_thread_runs_them),
      TEST(runs_once_when_unreachable),
      TEST(needs_the_first_byte_of_an_object),
      TEST(null_takes_it_away_and_the_last_one_counts),
      TEST(what_leads_to_others_goes_first),
      TEST(cycles_are_never_finalized),
      TEST(an_object_may_come_back),
      TEST(may_be_set_anew),
      TEST(may_collect_and_nest),
      TEST(found_among_others),
      TEST(round_after_round),
      TEST(dropped_weak_references_are_forgotten),
      TEST(a_new_weak_reference_is_to_an_object),
      TEST(many),
      TEST(weak_references_keep_nothing),
      TEST(weak_references_are_garbage_too),
      TEST(weak_references_and_finalizers),
  };
  return cmocka_run_group_tests(tests, collect_setup, NULL);
}
