// SPDX-License-Identifier: Apache-2.0
//
// What frames that are described by directives (directives.S) keep alive, with
// the collector. The functions here say by a directive of their own that they
// hold no references, so what they know of objects keeps nothing. Numbers are
// those of the behaviours of Go's collector that are kept: A those of its
// record of July 2013, B those of two-bit maps. Usage: directives [scan], the
// latter with PCLNTAB_DEBUG=gcforeign=scan.
#include "seen.h"

#define PCLNRT_BUILDING // for its types: this is no code with references
#include "gc.h"

#include "funcdata.h"

typedef void call(void *arg);
typedef void holder(uintptr_t *words, call *fn, void *arg);
holder d_kinds, d_rows, d_empty, d_leaf, d_locals, d_nothing, d_second_arg,
    d_any_arg, d_counted_in_bits, d_string_arg;

// Compiled with -fno-inline, or main would say it for each of them.
#define HOLDS_NOTHING                                                          \
  FUNCDATA(1, long, 1, 0);                                                     \
  PCDATA(1, 0)

enum { N = 18, BUFFER = 320, MANY = 64 };
static uintptr_t w[N];
static struct seen seen;

// --- Objects
// ---------------------------------------------------------------------

static const struct pclnrt_gc_type node_type = {
    .size = 16, .pointers = 1, .n_words = 1, .name = "node"};
static const struct pclnrt_gc_type small_type = {.size = 8, .name = "long"};
static const struct pclnrt_gc_type pair_type = {.size = 16, .name = "pair"};
static const struct gc_itab small_tab = {&small_type}, pair_tab = {&pair_type};

static uintptr_t bytes(size_t n) { return (uintptr_t)pclnrt_gc_new_bytes(n); }

static uintptr_t node(uintptr_t child) {
  uintptr_t *n = pclnrt_gc_new(&node_type);
  if (!n)
    abort();
  *n = child;
  return (uintptr_t)n;
}

static bool alive(uintptr_t object) {
  void *first;
  return pclnrt_gc_object((void *)object, &first) != 0;
}

// Two objects, one directly behind the other.
static void neighbours(uintptr_t *a, uintptr_t *b) {
  uintptr_t all[MANY];
  void *first;
  for (int i = 0; i < MANY; i++)
    all[i] = bytes(BUFFER);
  for (int i = 0; i < MANY; i++)
    for (int k = 0; k < MANY; k++)
      if (all[k] == all[i] + pclnrt_gc_object((void *)all[i], &first)) {
        *a = all[i];
        *b = all[k];
        return;
      }
  abort();
}

// --- Collecting
// --------------------------------------------------------------------

// Frames of functions called pclnrt_* are the runtime's. The words are in the
// frame alone, until it puts them back.
void pclnrt_testing_collect(void *arg);
void pclnrt_testing_collect(void *arg) {
  (void)arg;
  memset(w, 0, sizeof w);
  pclnrt_gc_collect();
}

// Collects while a frame of `h` has the words.
static void collect_under(holder *h) {
  HOLDS_NOTHING;
  h(w, pclnrt_testing_collect, NULL);
  memset(w, 0, sizeof w);
}

void pclnrt_testing_look(void *arg);
void pclnrt_testing_look(void *arg) {
  struct pclnrt_cursor c;
  __builtin_unwind_init();
  memset(&seen, 0, sizeof seen);
  pclnrt_cursor_here(&c);
  look(&seen, &c, arg != NULL);
}

// --- Two-bit maps
// ------------------------------------------------------------------

// The items of d_kinds.
enum {
  DEAD = 0,
  SCALAR = 1,
  POINTER = 2,
  STRING = 3,
  IFACE = 5,
  EFACE = 7,
  SLICE = 14
};

static void every_kind_keeps_alive(void) {
  HOLDS_NOTHING;
  const uintptr_t dead = bytes(8), scalar = bytes(8), pointer = bytes(8),
                  string = bytes(8), iface = bytes(16), eface = bytes(16),
                  slice = bytes(8), slack = bytes(8);
  const uintptr_t words[N] = {
      [DEAD] = dead,       [SCALAR] = scalar,
      [POINTER] = pointer, [STRING] = string,
      [STRING + 1] = 8,    [IFACE] = (uintptr_t)&pair_tab,
      [IFACE + 1] = iface, [EFACE] = (uintptr_t)&pair_type,
      [EFACE + 1] = eface, [10] = slack,
      [SLICE] = slice,     [SLICE + 1] = 1,
      [SLICE + 2] = 8};
  memcpy(w, words, sizeof w);
  collect_under(d_kinds);
  CHECK(!alive(dead) && !alive(scalar) && !alive(slack));
  CHECK(alive(pointer) && alive(string) && alive(slice));
  CHECK(alive(iface) && alive(eface)); // B5: the box of two words
}

// B1, B2
static void what_is_empty_keeps_nothing(void) {
  HOLDS_NOTHING;
  uintptr_t a, b, c, d;
  neighbours(&a, &b);
  neighbours(&c, &d);
  w[POINTER] = a;
  w[STRING] = b;
  w[9] = c;
  w[SLICE] = d;
  collect_under(d_kinds);
  CHECK(alive(a) && !alive(b) && alive(c) && !alive(d));
}

// B3
static void what_is_not_empty_keeps_it(void) {
  HOLDS_NOTHING;
  const uintptr_t a = bytes(BUFFER), b = bytes(BUFFER);
  w[STRING] = a;
  w[STRING + 1] = 1;
  w[SLICE] = b;
  w[SLICE + 2] = 1;
  collect_under(d_kinds);
  CHECK(alive(a) && alive(b));
}

// B5, B6
static void values_in_interfaces_keep_nothing(void) {
  HOLDS_NOTHING;
  const uintptr_t in_eface = bytes(8), in_iface = bytes(8), kept = bytes(8);
  w[EFACE] = (uintptr_t)&small_type;
  w[EFACE + 1] = in_eface;
  w[IFACE] = (uintptr_t)&small_tab;
  w[IFACE + 1] = in_iface;
  w[POINTER] = kept;
  collect_under(d_kinds);
  CHECK(!alive(in_eface) && !alive(in_iface) && alive(kept));
  const uintptr_t typeless = bytes(8);
  w[EFACE + 1] = w[IFACE + 1] = typeless;
  collect_under(d_kinds);
  CHECK(!alive(typeless));
}

// B10
static void bytes_of_a_string_are_not_looked_at(void) {
  HOLDS_NOTHING;
  const uintptr_t child = node(0), parent = node(child);
  w[STRING] = parent;
  w[STRING + 1] = 16;
  collect_under(d_kinds);
  CHECK(alive(parent) && !alive(child));
  const uintptr_t second = node(0), first = node(second);
  w[POINTER] = first;
  collect_under(d_kinds);
  CHECK(alive(first) && alive(second));
}

// B12: an empty tail points behind its buffer, where an object with a child
// stands. To keep that object without scanning it would free the child.
static void tails_of_strings(void) {
  HOLDS_NOTHING;
  enum { ROUNDS = 200 };
  for (int i = 0; i < ROUNDS; i++) {
    uintptr_t buffer, behind;
    neighbours(&buffer, &behind);
    const uintptr_t child = node(0), object = node(child);
    w[STRING] = behind;
    w[9] = object;
    w[POINTER] = buffer;
    collect_under(d_kinds);
    CHECK(alive(child) && alive(object) && alive(buffer) && !alive(behind));
  }
}

// B7, B8
static void poison(void) {
  HOLDS_NOTHING;
  const uintptr_t words[N] = {1, 2, 0, 0, 5, 0, 7, 0, 9, 0, 11, 12, 13, 14};
  memcpy(w, words, sizeof w);
  d_kinds(w, pclnrt_testing_look, NULL);
  CHECK(seen.status == PCLN_OK && seen.stats.dead == 0);
  CHECK(memcmp(w, words, sizeof w) == 0);
  d_kinds(w, pclnrt_testing_look, w);
  CHECK(seen.status == PCLN_OK && seen.stats.dead == 3);
  for (int i = 0; i < N; i++)
    CHECK(w[i] == (i == DEAD || i == 11 || i == 12
                       ? (uintptr_t)0x6969696969696969
                       : words[i]));
  memset(w, 0, sizeof w);
}

// B11. A row that the map lacks, and a negative number of rows, are refused at
// the link.
static void rows(void) {
  HOLDS_NOTHING;
  static uintptr_t a, b;
  a = bytes(8);
  b = bytes(8);
  w[0] = a;
  w[1] = b;
  d_rows(w, pclnrt_testing_look, NULL); // what was seen last is kept
  CHECK(seen.status == PCLN_OK && seen.n_roots == 1);
  CHECK(has_root(&seen, b, PCLN_WORD_POINTER, "d_rows"));
  memset(w, 0, sizeof w);
  w[0] = a;
  w[1] = b;
  collect_under(d_rows); // row 0, and then row 1
  CHECK(alive(a) == false && alive(b) == false);
  const uintptr_t c = bytes(8);
  w[0] = w[1] = w[2] = w[3] = c;
  collect_under(d_empty);
  CHECK(!alive(c));
  d_leaf(w, pclnrt_testing_look, NULL);
  CHECK(seen.status == PCLN_NOT_FOUND);
  CHECK(!strcmp(seen.fault, "roots-no-safepoint"));
}

// --- The record of 2013
// -----------------------------------------------------------

// A1
static void locals(void) {
  HOLDS_NOTHING;
  // In no register, which a caller might save where arguments may be.
  static volatile uintptr_t low, high;
  low = bytes(8);
  high = bytes(8);
  w[0] = low;
  w[2] = high;
  collect_under(d_locals);
  CHECK(!alive(low) && alive(high));
}

// A3; A4: nothing says which arguments there are, so all that the caller may
// have passed is kept. And the number that counts bits, not words.
static void arguments(void) {
  HOLDS_NOTHING;
  static holder *const by_bitmap[] = {d_second_arg, d_counted_in_bits};
  for (int i = 0; i < 2; i++) {
    const uintptr_t first = bytes(8), second = bytes(8);
    w[0] = first;
    w[1] = second;
    collect_under(by_bitmap[i]);
    CHECK(!alive(first) && alive(second));
  }
  const uintptr_t first = bytes(8), second = bytes(8);
  w[0] = first;
  w[1] = second;
  collect_under(d_any_arg);
  CHECK(alive(first) && alive(second));
}

// Items of several words, in a map of the arguments.
static void mapped_arguments(void) {
  HOLDS_NOTHING;
  for (uintptr_t len = 0; len < 2; len++) {
    const uintptr_t data = bytes(8);
    w[0] = data;
    w[1] = len;
    collect_under(d_string_arg);
    CHECK(alive(data) == (len != 0));
  }
}

// A2
static void no_record(void) {
  HOLDS_NOTHING;
  const uintptr_t low = bytes(8), high = bytes(8);
  w[0] = low;
  w[1] = high;
  collect_under(d_nothing);
  CHECK(alive(low) && alive(high));
}

int main(int argc, char **argv) {
  HOLDS_NOTHING;
  (void)argv;
  pclnrt_gc_set_goal(-1); // at our request alone
  if (argc > 1) {
    no_record();
    return failures != 0;
  }
  every_kind_keeps_alive();
  what_is_empty_keeps_nothing();
  what_is_not_empty_keeps_it();
  values_in_interfaces_keep_nothing();
  bytes_of_a_string_are_not_looked_at();
  tails_of_strings();
  poison();
  rows();
  locals();
  arguments();
  mapped_arguments();
  return failures != 0;
}
