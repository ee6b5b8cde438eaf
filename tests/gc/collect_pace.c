// SPDX-License-Identifier: Apache-2.0
//
// When collections happen, and what is told of them: goal, limit, statistics,
// memory given back, stress mode, the trace line. Some of it is set by
// PCLNTAB_DEBUG; the program runs itself again for that.
#include "collect_support.h"

#include <pthread.h>
#include <unistd.h>

static size_t resident(void) {
  size_t size, pages = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  assert_non_null(f);
  assert_int_equal(fscanf(f, "%zu %zu", &size, &pages), 2);
  fclose(f);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void garbage(size_t bytes) {
  for (size_t done = 0; done < bytes; done += sizeof(struct node))
    new_node(done);
}

static void list_of(size_t n) {
  roots[0] = NULL;
  for (size_t i = 0; i < n; i++) {
    struct node *node = new_node(i);
    node->left = roots[0];
    roots[0] = node;
  }
}

// --- The goal ----------------------------------------------------------------

static void collects_as_the_goal_says(void **state) {
  (void)state;
  // Twelve million bytes live; so at 100 %, one collection for each twelve
  // million bytes of garbage.
  assert_int_equal(pclnrt_gc_set_goal(100), 100);
  list_of(500000);
  pclnrt_gc_collect();
  uint64_t before = stats_now().n_collections;
  garbage(100 << 20);
  assert_in_range(stats_now().n_collections - before, 7, 10);
  assert_int_equal(pclnrt_gc_set_goal(300), 100);
  pclnrt_gc_collect();
  before = stats_now().n_collections;
  garbage(100 << 20);
  assert_in_range(stats_now().n_collections - before, 1, 3);
  assert_int_equal(pclnrt_gc_set_goal(-7), 300);
  before = stats_now().n_collections;
  garbage(100 << 20);
  assert_int_equal(stats_now().n_collections, before);
  assert_int_equal(pclnrt_gc_set_goal(100), -1);
}

// Five of nine objects die and leave their cells all over the heap, which then
// is larger than the goal before anything is allocated: so a collection comes a
// sixteenth earlier than it would have.
static void a_heap_of_holes_is_collected_earlier(void **state) {
  (void)state;
  enum { N = 900000 };
  list_of(N);
  struct node *last = roots[0];
  for (size_t i = 1; i < N; i++)
    if (i % 9 < 4)
      last = last->left;
    else
      last->left = last->left->left;
  pclnrt_gc_collect();
  const struct pclnrt_gc_stats before = stats_now();
  assert_true(before.heap_bytes > 2 * before.live_bytes);
  size_t bytes = 0;
  for (; stats_now().n_collections == before.n_collections; bytes += 24000)
    garbage(24000);
  assert_in_range(bytes, before.live_bytes / 32 * 29,
                  before.live_bytes / 32 * 31);
}

static void small_heaps_are_left_alone(void **state) {
  (void)state;
  pclnrt_gc_collect();
  const uint64_t before = stats_now().n_collections;
  garbage(3 << 20);
  assert_int_equal(stats_now().n_collections, before);
}

// --- The limit ---------------------------------------------------------------

static void the_limit_refuses_and_recovers(void **state) {
  (void)state;
  enum { LIMIT = 8 << 20 };
  assert_int_equal(pclnrt_gc_set_limit(LIMIT), 0);
  size_t n = 0;
  for (struct node *node; (node = pclnrt_gc_new(&node_type)); n++) {
    node->left = roots[0];
    roots[0] = node;
  }
  assert_in_range(n * sizeof(struct node), LIMIT * 95 / 100, LIMIT);
  assert_null(pclnrt_gc_new_bytes(1 << 20));
  assert_null(pclnrt_gc_new_array(&ref_type, 1 << 20));
  size_t found = 0;
  for (struct node *node = roots[0]; node; node = node->left)
    found++;
  assert_int_equal(found, n);
  roots[0] = NULL;
  garbage(32 << 20); // garbage never reaches it
  roots[0] = pclnrt_gc_new_bytes(5 << 20);
  assert_non_null(roots[0]);
  assert_null(pclnrt_gc_new_bytes(5 << 20));
  roots[0] = NULL;
  assert_non_null(pclnrt_gc_new_bytes(5 << 20)); // collects by itself
  assert_int_equal(pclnrt_gc_set_limit(0), LIMIT);
}

static void impossible_sizes_are_refused(void **state) {
  (void)state;
  assert_null(pclnrt_gc_new_bytes(SIZE_MAX));
  assert_null(pclnrt_gc_new_array(&node_type, SIZE_MAX / 8));
  assert_null(pclnrt_gc_new_bytes(SIZE_MAX / 4));
  assert_null(pclnrt_gc_new_flex(&node_type, &ref_type, 24, SIZE_MAX / 8));
  new_node(1);
}

// --- Statistics --------------------------------------------------------------

static void statistics_count(void **state) {
  (void)state;
  pclnrt_gc_set_goal(-1);
  pclnrt_gc_collect();
  const struct pclnrt_gc_stats a = stats_now();
  list_of(1000);
  garbage(9000 * sizeof(struct node));
  pclnrt_gc_collect();
  const struct pclnrt_gc_stats b = stats_now();
  assert_int_equal(b.n_collections, a.n_collections + 1);
  assert_int_equal(b.allocated_objects - a.allocated_objects, 10000);
  assert_int_equal(b.allocated_bytes - a.allocated_bytes,
                   10000 * sizeof(struct node));
  assert_int_equal(b.live_objects, 1000);
  assert_int_equal(b.live_bytes, 1000 * sizeof(struct node));
  assert_true(b.heap_bytes >= b.live_bytes &&
              b.peak_heap_bytes >= b.heap_bytes);
  assert_true(b.pause_ns_max >= (b.pause_ns_total - a.pause_ns_total));
  uint64_t n_pauses = 0;
  for (size_t i = 0; i < 24; i++)
    n_pauses += b.pauses[i];
  assert_int_equal(n_pauses, b.n_collections);
  assert_true(b.mark_ns > a.mark_ns && b.root_ns > a.root_ns);
  assert_true(b.root_words - a.root_words >= N_ROOTS);
  pclnrt_gc_set_goal(100);
}

static void memory_is_given_back(void **state) {
  (void)state;
  pclnrt_gc_set_goal(-1);
  pclnrt_gc_collect();
  pclnrt_gc_trim();
  const size_t before = resident();
  list_of(4000000); // 96 MB
  assert_true(resident() > before + (80 << 20));
  roots[0] = NULL;
  pclnrt_gc_collect();
  pclnrt_gc_trim();
  assert_true(resident() < before + (16 << 20));
  assert_true(stats_now().returned_bytes > 80 << 20);
  pclnrt_gc_set_goal(100);
  list_of(2000000);
  roots[0] = NULL;
  for (int i = 0; i < 4; i++)
    pclnrt_gc_collect(); // by themselves, too
  assert_true(resident() < before + (20 << 20));
}

// --- Subjects: what the environment sets
// --------------------------------------

static void work(void) {
  for (int round = 0; round < 4; round++) {
    list_of(500);
    garbage(500 * sizeof(struct node));
    size_t n = 0;
    for (struct node *node = roots[0]; node; node = node->left)
      n++;
    if (n != 500)
      abort();
  }
}

static _Atomic bool busy;
static void *compute(void *arg) {
  (void)arg;
  if (pclnrt_gc_thread_begin() != PCLN_OK)
    abort();
  const uint64_t start = pclnrt_sys_now_ns();
  atomic_store(&busy, true);
  while (pclnrt_sys_now_ns() - start < UINT64_C(1500000000))
    ;
  pclnrt_gc_poll();
  return NULL;
}

static void be_late(void) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, compute, NULL) != 0)
    abort();
  while (!atomic_load(&busy))
    ;
  pclnrt_gc_collect();
  pclnrt_gc_foreign_begin();
  pthread_join(thread, NULL);
  pclnrt_gc_foreign_end();
}

static int subject(const char *name) {
  collect_setup(NULL);
  if (strcmp(name, "work") == 0) {
    work();
    if (pclnrt_gc_check(NULL))
      return 1;
  } else if (strcmp(name, "trace") == 0) {
    roots[0] = pclnrt_gc_weak_new(new_node(1));
    roots[1] = pclnrt_gc_new_bytes(3000000);
    pclnrt_gc_collect();
  } else if (strcmp(name, "dangling") == 0) {
    static const struct pclnrt_gc_type type = {
        .size = 24, .pointers = 1, .n_words = 1, .name = "other"};
    new_node(0);
    const uintptr_t lost = (uintptr_t)new_node(1);
    pclnrt_gc_collect();
    struct node *holder = roots[0] = pclnrt_gc_new(&type);
    holder->left = (struct node *)(lost + 8);
    roots[1] = new_node(2);
    pclnrt_gc_collect();
  } else if (strcmp(name, "late") == 0) {
    be_late();
  } else if (strcmp(name, "slice") == 0) {
    static const uint8_t codes[] = {3 | 1 << 2 | 1 << 4};
    static const struct pclnrt_gc_type type = {.size = 24,
                                               .n_words = 3,
                                               .codes_only = 1,
                                               .codes = codes,
                                               .name = "slice"};
    struct gc_slice *s = roots[0] = pclnrt_gc_new(&type);
    *s = (struct gc_slice){new_node(1), 3, 2};
    pclnrt_gc_collect();
  }
  printf("%lu collections\n", (unsigned long)stats_now().n_collections);
  return 0;
}

// Its output, both streams; returns the wait status.
static int run_subject(const char *debug, const char *name, char *out,
                       size_t len) {
  char command[512], self[256];
  const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  assert_true(n > 0);
  self[n] = 0;
  snprintf(command, sizeof command, "PCLNTAB_DEBUG=%s '%s' %s 2>&1", debug,
           self, name);
  FILE *f = popen(command, "r");
  assert_non_null(f);
  const size_t got = fread(out, 1, len - 1, f);
  out[got] = 0;
  return pclose(f);
}

static unsigned long collections_of(const char *debug) {
  char out[4096];
  const int status = run_subject(debug, "work", out, sizeof out);
  if (status != 0)
    fail_msg("%s: status %d: %s", debug, status, out);
  return strtoul(out, NULL, 10);
}

static void stress_collects_at_every_allocation(void **state) {
  (void)state;
  assert_int_equal(collections_of("gcstress=0"), 1); // that of the check
  // The fixture allocates nothing: 4000 nodes, and the check.
  assert_int_equal(collections_of("gcstress=7"), 4001);
  assert_int_equal(collections_of("gcstress=8,gcstress_every=10"), 401);
  assert_int_equal(collections_of("gcstress=1,gcpoison=1,gcdead=1"), 4001);
}

static void options_are_read(void **state) {
  (void)state;
  char out[4096];
  assert_int_equal(run_subject("gctrace=1,gcthreads=1,gcgoal=50,gclimit=64M",
                               "trace", out, sizeof out),
                   0);
  assert_non_null(strstr(out, "gc 1 @0."));
  assert_non_null(strstr(out, " ms, 2->2 MB, 6 MB goal, 1 threads, "));
  assert_non_null(strstr(out, "1 weak cleared\n"));
  assert_int_equal(run_subject("gctrace=maybe,gcnosuch=1,verify=0,gclimit=1X",
                               "work", out, sizeof out),
                   0);
  assert_non_null(strstr(out, "left out: gctrace=maybe [gc-option]"));
  assert_non_null(strstr(out, "left out: gcnosuch=1 [gc-option]"));
  assert_non_null(strstr(out, "left out: gclimit=1X [gc-option]"));
  assert_null(strstr(out, "verify"));
  assert_int_equal(run_subject("gclimit=1000", "work", out, sizeof out) == 0,
                   0);
}

static void faults_are_fatal(void **state) {
  (void)state;
  char out[8192];
  assert_int_not_equal(run_subject("gctrace=0", "dangling", out, sizeof out),
                       0);
  assert_non_null(strstr(out, "[gc-dangling]\n"));
  assert_int_equal(
      run_subject("gcdangling=ignore", "dangling", out, sizeof out), 0);
  assert_int_not_equal(run_subject("gctrace=0", "slice", out, sizeof out), 0);
  assert_non_null(strstr(out, "[gc-slice]\n"));
}

static void a_thread_that_does_not_come_is_named(void **state) {
  (void)state;
  char out[8192];
  assert_int_equal(run_subject("gctrace=0", "late", out, sizeof out), 0);
  const char *line = strstr(out, "has been waiting for thread ");
  assert_non_null(line);
  assert_non_null(strstr(line, "[late-safepoint]\ngoroutine "));
  assert_non_null(strstr(out, "1 collections"));
}

int main(int argc, char **argv) {
  if (argc > 1)
    return subject(argv[1]);
#define TEST(name) cmocka_unit_test_teardown(name, nothing_left)
  const struct CMUnitTest tests[] = {
      TEST(collects_as_the_goal_says),
      TEST(a_heap_of_holes_is_collected_earlier),
      TEST(small_heaps_are_left_alone),
      TEST(the_limit_refuses_and_recovers),
      TEST(impossible_sizes_are_refused),
      TEST(statistics_count),
      TEST(memory_is_given_back),
      TEST(stress_collects_at_every_allocation),
      TEST(options_are_read),
      TEST(faults_are_fatal),
      TEST(a_thread_that_does_not_come_is_named),
  };
  return cmocka_run_group_tests(tests, collect_setup, NULL);
}
