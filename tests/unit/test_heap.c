// SPDX-License-Identifier: Apache-2.0
//
// The heap against a model: a graph of objects of every kind, changed at
// random, collected now and then. The model knows which objects can be reached;
// after each collection the heap must have those and no others, each with what
// was written into it. Then the edges: sizes, addresses, options, limits.
#include "small_collector.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

// --- Types -------------------------------------------------------------------

#define TYPE(bytes, bits, words)                                               \
  { .size = bytes, .pointers = bits, .n_words = words, .name = "t" }

static const struct pclnrt_gc_type types[] = {
    TYPE(8, 1, 1),   TYPE(16, 3, 2),      TYPE(24, 5, 3),   TYPE(80, 0x201, 10),
    TYPE(144, 2, 2), TYPE(1024, 1, 1),    TYPE(2000, 2, 2), TYPE(40000, 3, 2),
    TYPE(12, 0, 0),  TYPE(96, 0xfff, 12),
};
enum { N_TYPES = sizeof types / sizeof *types };

// --- The model ---------------------------------------------------------------

enum { N_OBJECTS = 4000, N_ROOTS = 40, MAX_REFS = 24 };

struct model_object {
  uintptr_t start; // 0: no object
  size_t len;      // bytes asked for
  uint32_t n_refs;
  size_t ref_off[MAX_REFS];
  int target[MAX_REFS]; // -1: null
  bool slack;           // one past the end belongs to it
  uint8_t fill;         // of the bytes that are no references
  bool reached;
};
static struct {
  struct model_object objects[N_OBJECTS];
  int n;
  uintptr_t roots[N_ROOTS];
  int root_target[N_ROOTS];
  uint64_t random;
} m;

static uint32_t random_below(uint32_t n) {
  m.random = m.random * UINT64_C(6364136223846793005) + 1442695040888963407;
  return (uint32_t)((m.random >> 33) % n);
}

// Whether byte `off` of the object belongs to one of its references.
static bool in_ref(const struct model_object *o, size_t off) {
  for (uint32_t i = 0; i < o->n_refs; i++)
    if (off - o->ref_off[i] < sizeof(uintptr_t))
      return true;
  return false;
}

static void add_refs(struct model_object *o, const struct pclnrt_gc_type *type,
                     size_t off) {
  for (uint32_t i = 0; i < type->n_words && o->n_refs < MAX_REFS; i++)
    if (type->pointers >> i & 1)
      o->ref_off[o->n_refs++] = off + i * sizeof(uintptr_t);
}

// Bytes up to this many are filled and checked; of larger objects the ends.
enum { CHECKED = 300 };

static void each_checked(const struct model_object *o, bool set) {
  for (size_t i = 0; i < o->len; i++) {
    if (i >= CHECKED && i + CHECKED < o->len)
      i = o->len - CHECKED;
    uint8_t *byte = (uint8_t *)o->start + i;
    if (in_ref(o, i))
      continue;
    if (set) {
      assert_int_equal(*byte, 0);
      *byte = o->fill;
    } else {
      assert_int_equal(*byte, o->fill);
    }
  }
}

static void *make(struct model_object *o) {
  const struct pclnrt_gc_type *type = &types[random_below(N_TYPES)];
  const struct pclnrt_gc_type *elem = &types[random_below(4)];
  const uint32_t n = random_below(4);
  size_t off;
  o->slack = true;
  switch (random_below(6)) {
  case 0:
    o->len = random_below(8) ? random_below(200) : random_below(200000);
    return pclnrt_gc_new_bytes(o->len);
  case 1:
    o->len = n * type->size;
    for (uint32_t i = 0; i < n; i++)
      add_refs(o, type, i * type->size);
    return random_below(2) ? pclnrt_gc_new_array(type, n)
                           : pclnrt_gc_new_array16(type, n);
  case 2:
    off = (type->size + 7) & ~(size_t)7;
    o->len = off + n * elem->size;
    add_refs(o, type, 0);
    for (uint32_t i = 0; i < n; i++)
      add_refs(o, elem, off + i * elem->size);
    return random_below(2) ? pclnrt_gc_new_flex(type, elem, off, n)
                           : pclnrt_gc_new_flex16(type, elem, off, n);
  default:
    type = &types[random_below(4)];
    o->len = type->size;
    o->slack = false;
    add_refs(o, type, 0);
    return pclnrt_gc_new(type);
  }
}

// A pointer into the object: its start, the middle, or one past its end.
static uintptr_t pointer_into(const struct model_object *o) {
  switch (random_below(4)) {
  case 0:
    return o->len ? o->start + random_below((uint32_t)o->len) : o->start;
  case 1:
    return o->slack ? o->start + o->len : o->start;
  default:
    return o->start;
  }
}

static void set_ref(struct model_object *o, uint32_t ref, int target) {
  o->target[ref] = target;
  *(uintptr_t *)(o->start + o->ref_off[ref]) =
      target < 0 ? 0 : pointer_into(&m.objects[target]);
}

static void reach(int i) {
  struct model_object *o = &m.objects[i];
  if (o->reached)
    return;
  o->reached = true;
  for (uint32_t r = 0; r < o->n_refs; r++)
    if (o->target[r] >= 0)
      reach(o->target[r]);
}

static void on_cell(void *ctx, struct pclnrt_cell c) {
  struct pclnrt_layout l;
  pclnrt_heap_layout(c, &l);
  (void)l;
  ++*(size_t *)ctx;
}

// What the model reaches is there, whole; the rest is forgotten.
static void compare(void) {
  size_t n_reached = 0, n_cells = 0;
  for (int i = 0; i < m.n; i++)
    m.objects[i].reached = false;
  for (int i = 0; i < N_ROOTS; i++)
    if (m.root_target[i] >= 0)
      reach(m.root_target[i]);
  small_collect();
  for (int i = 0; i < m.n; i++) {
    struct model_object *o = &m.objects[i];
    if (!o->start)
      continue;
    struct pclnrt_cell c;
    void *first = NULL;
    assert_int_equal(pclnrt_heap_object(o->start, &c), o->reached);
    if (!o->reached) {
      o->start = 0;
      continue;
    }
    n_reached++;
    assert_true(pclnrt_gc_object((void *)pointer_into(o), &first) >= o->len);
    assert_ptr_equal(first, (void *)o->start);
    each_checked(o, false);
  }
  assert_int_equal(small_collector.marked_objects, n_reached);
  if (random_below(2))
    pclnrt_heap_sweep_some(random_below(50));
  else
    pclnrt_heap_begin_mark(); // also finishes the sweep
  if (random_below(2)) {
    pclnrt_heap_begin_mark();
    pclnrt_heap_each(on_cell, &n_cells, false);
    assert_int_equal(n_cells, n_reached);
    assert_int_equal(pclnrt_heap_check(NULL), 0);
  }
}

static int free_entry(void) {
  for (int tries = 0; tries < 100; tries++) {
    const int i = (int)random_below(N_OBJECTS);
    if (!m.objects[i].start)
      return i;
  }
  return -1;
}

static int any_reached(void) {
  const int root = (int)random_below(N_ROOTS);
  int i = m.root_target[root];
  while (i >= 0 && random_below(4)) {
    const struct model_object *o = &m.objects[i];
    const int next = o->n_refs ? o->target[random_below(o->n_refs)] : -1;
    if (next < 0)
      break;
    i = next;
  }
  return i;
}

static void one_step(void) {
  const int i = free_entry();
  if (i < 0) {
    m.root_target[random_below(N_ROOTS)] = -1;
    return;
  }
  struct model_object *o = &m.objects[i];
  *o = (struct model_object){.fill = (uint8_t)(random_below(255) + 1)};
  o->start = (uintptr_t)make(o);
  assert_true(o->start);
  for (uint32_t r = 0; r < o->n_refs; r++)
    assert_int_equal(*(uintptr_t *)(o->start + o->ref_off[r]), 0);
  each_checked(o, true);
  for (uint32_t r = 0; r < o->n_refs; r++)
    set_ref(o, r, random_below(3) ? any_reached() : -1);
  const int root = (int)random_below(N_ROOTS);
  m.root_target[root] = i;
  m.roots[root] = pointer_into(o);
  if (!random_below(3)) {
    const int other = any_reached();
    struct model_object *p = other < 0 ? NULL : &m.objects[other];
    if (p && p->n_refs)
      set_ref(p, random_below(p->n_refs), i);
  }
}

static void sync_roots(void) {
  for (int i = 0; i < N_ROOTS; i++)
    if (m.root_target[i] < 0)
      m.roots[i] = 0;
}

static void run_model(uint64_t seed, int steps) {
  memset(&m, 0, sizeof m);
  m.random = seed;
  m.n = N_OBJECTS;
  memset(m.root_target, -1, sizeof m.root_target);
  small_collect_all();
  small_collector.roots = m.roots;
  small_collector.n_roots = N_ROOTS;
  for (int i = 0; i < steps; i++) {
    one_step();
    sync_roots();
    if (!random_below(500))
      compare();
  }
  compare();
  small_collect_all();
  pclnrt_heap_begin_mark();
  size_t left = 0;
  pclnrt_heap_each(on_cell, &left, false);
  assert_int_equal(left, 0);
  assert_int_equal(pclnrt_pages_used, 0);
}

static void heap_keeps_what_the_model_reaches(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 5; seed++)
    run_model(seed, 12000);
}

static void heap_keeps_it_with_poison_and_stress(void **state) {
  (void)state;
  // What was freed without poison is not filled: give it away.
  small_collect_all();
  pclnrt_heap_release(0);
  pclnrt_heap_options = (struct pclnrt_heap_options){true, false};
  run_model(6, 12000);
  pclnrt_heap_options.stress = true;
  run_model(7, 12000);
  pclnrt_heap_options = (struct pclnrt_heap_options){false, false};
}

// --- Sizes -------------------------------------------------------------------

static void class_is_large_enough_and_wastes_little(void **state) {
  (void)state;
  pclnrt_classes_init();
  for (uint32_t i = 1; i < PCLNRT_CLASSES; i++)
    assert_true(pclnrt_class_sizes[i - 1] < pclnrt_class_sizes[i]);
  for (size_t size = 0; size <= PCLNRT_SMALL_MAX; size++) {
    const uint32_t class = pclnrt_class_of(size);
    const size_t got = pclnrt_class_sizes[class];
    assert_true(got >= size);
    if (class)
      assert_true(pclnrt_class_sizes[class - 1] < (size + 15) / 8 * 8);
    if (size % 16 == 0)
      assert_int_equal(got % 16, 0);
    // An eighth; of which few fit into a block, what they leave.
    if (size > 64 && size < 8192)
      assert_true(got * 7 <= size * 8 + 7 * 16);
  }
  for (uint32_t i = 0; i < PCLNRT_CLASSES; i++) // no long tails
    assert_true(PCLNRT_BLOCK % pclnrt_class_sizes[i] <= PCLNRT_BLOCK / 80);
}

static void reciprocal_is_exact_at_every_offset(void **state) {
  (void)state;
  small_collect_all();
  for (uint32_t i = 0; i < PCLNRT_CLASSES; i++) {
    const struct pclnrt_bin *bin = &pclnrt_bins_bytes[i];
    for (uint64_t off = 0; off < PCLNRT_BLOCK; off++)
      if (off * bin->reciprocal >> 32 != off / bin->cell_size)
        fail_msg("size %u offset %lu", bin->cell_size, (unsigned long)off);
  }
}

static void sizes_that_overflow_are_refused(void **state) {
  (void)state;
  small_collect_all();
  const uint64_t collected = small_collector.n_collected;
  assert_null(pclnrt_gc_new_bytes(SIZE_MAX));
  assert_null(pclnrt_gc_new_bytes((size_t)PTRDIFF_MAX + 1));
  assert_null(pclnrt_gc_new_array(&types[1], SIZE_MAX / 16 + 1));
  assert_null(pclnrt_gc_new_array(&types[1], SIZE_MAX / 16));
  assert_null(pclnrt_gc_new_array16(&types[1], SIZE_MAX / 16));
  assert_null(pclnrt_gc_new_flex16(&types[1], &types[0], 16, SIZE_MAX / 8));
  assert_null(pclnrt_gc_new_flex(&types[1], &types[0], 16, SIZE_MAX / 8 + 1));
  assert_null(pclnrt_gc_new_flex(&types[1], &types[0], 16, SIZE_MAX / 8));
  assert_int_equal(small_collector.n_collected, collected);
}

static void objects_are_aligned(void **state) {
  (void)state;
  small_collect_all();
  for (size_t n = 0; n < 40000; n = n * 9 / 8 + 1) {
    assert_int_equal((uintptr_t)pclnrt_gc_new_bytes(n) % 16, 0);
    assert_int_equal((uintptr_t)pclnrt_gc_new_array16(&types[1], n) % 16, 0);
    assert_int_equal(
        (uintptr_t)pclnrt_gc_new_flex16(&types[1], &types[0], 16, n) % 16, 0);
    assert_int_equal(
        (uintptr_t)pclnrt_gc_new_flex(&types[1], &types[0], 16, n) % 8, 0);
    assert_int_equal((uintptr_t)pclnrt_gc_new_array(&types[2], n) % 8, 0);
  }
  for (int i = 0; i < N_TYPES; i++)
    assert_int_equal(
        (uintptr_t)pclnrt_gc_new(&types[i]) % (types[i].size % 16 ? 8 : 16), 0);
  small_collect_all();
}

static void a_node_takes_its_size(void **state) {
  (void)state;
  small_collect_all();
  void *first;
  assert_int_equal(pclnrt_gc_object(pclnrt_gc_new(&types[1]), &first), 16);
  assert_int_equal(pclnrt_gc_object(pclnrt_gc_new(&types[2]), &first), 24);
  small_collect_all();
}

// --- Looking up --------------------------------------------------------------

static void words_that_are_no_references_find_nothing(void **state) {
  (void)state;
  small_collect_all();
  struct pclnrt_cell c;
  void *first;
  char *p = pclnrt_gc_new_bytes(2600);
  const uintptr_t block = (uintptr_t)p & ~(uintptr_t)(PCLNRT_BLOCK - 1);
  const uintptr_t words[] = {0,
                             1,
                             8,
                             UINTPTR_MAX,
                             (uintptr_t)&c,
                             (uintptr_t)p + 2 * 2608,
                             pclnrt_heap.base - 1,
                             pclnrt_heap.base + pclnrt_heap.used,
                             block + PCLNRT_BLOCK -
                                 1, // the tail behind the last cell
                             (uintptr_t)pclnrt_heap.blocks,
                             (uintptr_t)pclnrt_heap.bits};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    assert_int_equal(pclnrt_gc_object((void *)words[i], &first), 0);
    assert_null(first);
  }
  for (size_t off = 0; off <= 2600; off++) {
    assert_true(pclnrt_gc_object(p + off, &first) >= 2600);
    assert_ptr_equal(first, p);
  }
  small_collect_all();
  assert_int_equal(pclnrt_gc_object(p, &first), 0);
}

static void large_object_is_found_from_each_byte(void **state) {
  (void)state;
  small_collect_all();
  void *first;
  const size_t n = 5 * PCLNRT_BLOCK - 100;
  char *p = pclnrt_gc_new_array(&types[1], n / 16);
  for (size_t off = 0; off <= n / 16 * 16; off += 4001) {
    assert_true(pclnrt_gc_object(p + off, &first) >= n / 16 * 16);
    assert_ptr_equal(first, p);
  }
  assert_int_equal(pclnrt_gc_object(p + 5 * PCLNRT_BLOCK - 17, &first), 0);
  small_collect_all();
}

// --- Types beyond number -----------------------------------------------------

static void types_beyond_the_table_share_blocks(void **state) {
  (void)state;
  enum { MANY = PCLNRT_TYPED_BINS_FULL + 200 };
  static struct pclnrt_gc_type many[MANY];
  uintptr_t *root = calloc(MANY, sizeof *root);
  small_collect_all();
  small_collector.roots = root;
  small_collector.n_roots = MANY;
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < MANY; i++) {
      many[i] = (struct pclnrt_gc_type)TYPE(32, 1, 1);
      uintptr_t *p = pclnrt_gc_new(&many[i]);
      assert_non_null(p);
      p[0] = i ? root[i - 1] : 0;
      p[3] = (uintptr_t)i;
      root[i] = (uintptr_t)p;
    }
    memset(root, 0, (MANY - 1) * sizeof *root); // the last leads to all
    small_collect();
    assert_int_equal(small_collector.marked_objects, MANY);
    assert_int_equal(small_collector.n_exhausted, 0);
  }
  uintptr_t *p = (uintptr_t *)root[MANY - 1];
  for (int i = MANY; i-- > 0; p = (uintptr_t *)p[0])
    assert_int_equal(p[3], i);
  assert_null(p);
  small_collect_all();
  free(root);
}

// --- Shapes ------------------------------------------------------------------

static enum pclnrt_cell_kind kind_of(const void *p) {
  struct pclnrt_cell c = {0};
  assert_true(pclnrt_heap_find((uintptr_t)p, &c));
  return c.block->kind;
}

// Makes many objects of a shape, each of which leads to the one before by word
// `ref`. The first have headers; the last do if they must.
static void check_shape(const struct pclnrt_gc_type *type,
                        const struct pclnrt_gc_type *elem, size_t n, size_t ref,
                        enum pclnrt_cell_kind last) {
  enum { MANY = 8000 };
  uintptr_t root = 0;
  small_collect_all();
  small_collector.roots = &root;
  small_collector.n_roots = 1;
  for (int i = 0; i < MANY; i++) {
    uintptr_t *p = type ? pclnrt_gc_new_flex(type, elem, type->size, n)
                        : pclnrt_gc_new_array(elem, n);
    void *first;
    const size_t len = (type ? type->size : 0) + n * elem->size;
    assert_true(pclnrt_gc_object((uint8_t *)p + len, &first) > len);
    assert_ptr_equal(first, p);
    if (i == 0)
      assert_int_equal(kind_of(p), PCLNRT_CELL_HEADED);
    p[ref] = root;
    root = (uintptr_t)p;
  }
  assert_int_equal(kind_of((void *)root), last);
  small_collect();
  assert_int_equal(small_collector.marked_objects, MANY);
  pclnrt_heap_begin_mark();
  assert_int_equal(pclnrt_heap_check(NULL), 0);
  small_collect_all();
}

static void objects_of_a_shape_lose_their_headers(void **state) {
  (void)state;
  static const struct pclnrt_gc_type link = TYPE(16, 1, 1),
                                     number = {.size = 4}, word = TYPE(8, 1, 1),
                                     pair = TYPE(24, 5, 3),
                                     wide = TYPE(600, 1, 1);
  const enum pclnrt_cell_kind typed = PCLNRT_CELL_TYPED,
                              headed = PCLNRT_CELL_HEADED;
  check_shape(&link, &number, 3, 0, typed);
  check_shape(&link, &pair, 2, 7, typed); // the last word of both elements
  check_shape(NULL, &word, 3, 2, typed);
  check_shape(NULL, &word, 63, 62, typed);
  check_shape(NULL, &word, 64, 63, headed); // 65 words with the slack
  check_shape(NULL, &wide, 1, 0, headed);
}

static void without_headers_objects_are_as_aligned(void **state) {
  (void)state;
  static const struct pclnrt_gc_type pair = TYPE(16, 1, 1);
  const void *array = NULL, *flex = NULL;
  for (int i = 0; i < 8000; i++) {
    array = pclnrt_gc_new_array16(&pair, 1); // 17 bytes with the slack
    flex = pclnrt_gc_new_flex16(&pair, &pair, 16, 1);
    assert_int_equal((uintptr_t)array % 16, 0);
    assert_int_equal((uintptr_t)flex % 16, 0);
  }
  assert_int_equal(kind_of(array), PCLNRT_CELL_TYPED);
  assert_int_equal(kind_of(flex), PCLNRT_CELL_TYPED);
  small_collect_all();
}

static void a_shape_with_codes_keeps_its_headers(void **state) {
  (void)state;
  static const uint8_t codes[] = {PCLN_CODE_POINTER};
  static const struct pclnrt_gc_type coded = {
      .size = 8, .pointers = 1, .n_words = 1, .codes_only = 1, .codes = codes};
  for (int i = 0; i < 8000; i++)
    assert_int_equal(kind_of(pclnrt_gc_new_array(&coded, 3)),
                     PCLNRT_CELL_HEADED);
  small_collect_all();
}

// --- Options, memory back ----------------------------------------------------

static void stress_enters_at_each_allocation(void **state) {
  (void)state;
  small_collect_all();
  pclnrt_heap_options.stress = true;
  const uint64_t before = small_collector.n_entered;
  for (int i = 0; i < 100; i++) {
    assert_non_null(pclnrt_gc_new(&types[1]));
    assert_non_null(pclnrt_gc_new_bytes(10));
    assert_non_null(pclnrt_gc_new_array(&types[1], 2));
  }
  assert_true(small_collector.n_entered - before >= 300);
  pclnrt_heap_options.stress = false;
  small_collector.refuse = true;
  small_collect();
  assert_null(pclnrt_gc_new(&types[1]));
  assert_null(pclnrt_gc_new_bytes(10));
  small_collect_all();
}

static void write_to_a_freed_object_is_fatal(void **state) {
  (void)state;
  SMALL_SKIP_WHERE_ASAN_FINDS_IT();
  small_collect_all();
  pclnrt_heap_release(0);
  pclnrt_heap_options.poison = true;
  for (int large = 0; large < 2; large++) {
    const size_t n = large ? 100000 : 40;
    char *keep = pclnrt_gc_new_bytes(n);
    volatile char *p = pclnrt_gc_new_bytes(n);
    uintptr_t root = (uintptr_t)keep;
    small_collector.roots = &root;
    small_collector.n_roots = 1;
    small_collect();
    pclnrt_heap_begin_mark(); // sweeps
    assert_int_equal(p[8], 0x6b);
    p[17] = 1;
    jmp_buf fatal;
    small_collector.fatal = &fatal;
    if (!setjmp(fatal)) {
      for (int i = 0; i < 10000; i++)
        pclnrt_gc_new_bytes(n);
      fail();
    }
    assert_string_equal(small_collector.fault, "heap-freed-write");
    assert_true((uintptr_t)p + 17 - small_collector.fault_address < 8);
    p[17] = 0x6b;
    small_collect_all();
  }
  pclnrt_heap_release(0);
  pclnrt_heap_options.poison = false;
}

static void free_blocks_go_back_and_come_again(void **state) {
  (void)state;
  enum { N = 40, SIZE = 300000 };
  uintptr_t roots[N];
  small_collect_all();
  for (int i = 0; i < N; i++) {
    roots[i] = (uintptr_t)pclnrt_gc_new_bytes(SIZE);
    memset((void *)roots[i], 1, SIZE);
  }
  for (int i = 0; i < N; i += 2)
    roots[i] = 0;
  small_collector.roots = roots;
  small_collector.n_roots = N;
  small_collect();
  while (pclnrt_heap_sweep_some(7))
    ;
  struct pclnrt_heap_stats before, after;
  pclnrt_heap_get_stats(&before);
  const size_t dirty = (size_t)pclnrt_pages_dirty * PCLNRT_BLOCK;
  assert_true(dirty >= N / 2 * SIZE);
  assert_int_equal(pclnrt_heap_release(dirty / 2 / PCLNRT_BLOCK * PCLNRT_BLOCK),
                   dirty - dirty / 2 / PCLNRT_BLOCK * PCLNRT_BLOCK);
  pclnrt_heap_release(0);
  assert_int_equal(pclnrt_pages_dirty, 0);
  assert_int_equal(pclnrt_heap_release(0), 0);
  pclnrt_heap_get_stats(&after);
  assert_int_equal(after.returned_bytes - before.returned_bytes, dirty);
  for (int i = 1; i < N; i += 2)
    assert_int_equal(((char *)roots[i])[SIZE - 1], 1);
  for (int i = 0; i < N; i += 2) {
    const char *p = pclnrt_gc_new_bytes(SIZE);
    for (int k = 0; k < SIZE; k++)
      assert_int_equal(p[k], 0);
  }
  pclnrt_heap_get_stats(&after);
  assert_true(after.peak_heap_bytes >= after.heap_bytes);
  small_collect_all();
}

// Not by libc's functions, which sanitizers make do nothing.
static bool lock_memory(const void *p, size_t len, bool on) {
  return syscall(on ? SYS_mlock : SYS_munlock, p, len) == 0;
}

static void blocks_that_the_system_does_not_take_stay_dirty(void **state) {
  (void)state;
  enum { SIZE = 3 * PCLNRT_BLOCK };
  small_collect_all();
  pclnrt_heap_release(0);
  char *p = pclnrt_gc_new_bytes(SIZE - 16);
  memset(p, 1, SIZE - 16);
  if (!lock_memory(p, SIZE, true)) {
    print_message("skipped: memory cannot be locked\n");
    skip();
  }
  small_collect_all();
  assert_int_equal(pclnrt_pages_dirty, 3);
  assert_int_equal(pclnrt_heap_release(0), 0);
  assert_int_equal(pclnrt_pages_dirty, 3);
  const char *again = pclnrt_gc_new_bytes(SIZE - 16);
  assert_ptr_equal(again, p);
  for (int i = 0; i < SIZE - 16; i++)
    assert_int_equal(again[i], 0);
  lock_memory(p, SIZE, false);
  small_collect_all();
}

static void statistics_count_what_was_allocated(void **state) {
  (void)state;
  small_collect_all();
  struct pclnrt_heap_stats before, after;
  pclnrt_heap_begin_mark();
  pclnrt_heap_get_stats(&before);
  for (int i = 0; i < 10000; i++)
    pclnrt_gc_new(&types[2]);
  for (int i = 0; i < 10; i++)
    pclnrt_gc_new_bytes(100000 - 1);
  pclnrt_heap_begin_mark();
  pclnrt_heap_get_stats(&after);
  assert_int_equal(after.allocated_objects - before.allocated_objects, 10010);
  assert_int_equal(after.allocated_bytes - before.allocated_bytes,
                   240000 + 1000000);
  assert_int_equal(pclnrt_heap_since_mark(), 1240000);
  small_collect_all();
  assert_int_equal(pclnrt_heap_since_mark(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(heap_keeps_what_the_model_reaches),
      cmocka_unit_test(heap_keeps_it_with_poison_and_stress),
      cmocka_unit_test(class_is_large_enough_and_wastes_little),
      cmocka_unit_test(reciprocal_is_exact_at_every_offset),
      cmocka_unit_test(sizes_that_overflow_are_refused),
      cmocka_unit_test(objects_are_aligned),
      cmocka_unit_test(a_node_takes_its_size),
      cmocka_unit_test(words_that_are_no_references_find_nothing),
      cmocka_unit_test(large_object_is_found_from_each_byte),
      cmocka_unit_test(stress_enters_at_each_allocation),
      cmocka_unit_test(write_to_a_freed_object_is_fatal),
      cmocka_unit_test(free_blocks_go_back_and_come_again),
      cmocka_unit_test(blocks_that_the_system_does_not_take_stay_dirty),
      cmocka_unit_test(statistics_count_what_was_allocated),
      cmocka_unit_test(objects_of_a_shape_lose_their_headers),
      cmocka_unit_test(without_headers_objects_are_as_aligned),
      cmocka_unit_test(a_shape_with_codes_keeps_its_headers),
      // Takes all the types that there are.
      cmocka_unit_test(types_beyond_the_table_share_blocks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
