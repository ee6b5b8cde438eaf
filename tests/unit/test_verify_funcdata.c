// SPDX-License-Identifier: Apache-2.0
//
// What a collector and a traceback take from a record: each fault of it is
// planted in a sound function, and named.
#include "frame_table.h"
#include "verify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { X86_64 = 62 };

static const struct pcln_run pcsp[] = {{0, 0x100, 24}, {0, 0, 0}};
static const struct pcln_run rows[] = {{0, 0x100, 1}, {0, 0, 0}};

// A map of two rows of three words.
static void put_map(const struct frame_spec *s, struct frame_bytes *b) {
  frame_put(s, b, 4, 2);
  frame_put(s, b, 4, 3);
  frame_put(s, b, 1, 5);
  frame_put(s, b, 1, 2);
}

// A function of go1.23 with everything: two maps, an object, arguments, defers.
static struct frame_spec sound_spec(void) {
  struct frame_spec s = {.layout = PCLN_GO_120,
                         .go_minor = 23,
                         .machine = X86_64,
                         .pcsp = pcsp,
                         .pcdata = {[PCLN_PCDATA_STACKMAP] = rows}};
  put_map(&s, &s.funcdata[PCLN_FUNCDATA_ARGS_MAPS]);
  put_map(&s, &s.funcdata[PCLN_FUNCDATA_LOCALS_MAPS]);
  struct frame_bytes *b = &s.funcdata[PCLN_FUNCDATA_ARG_INFO];
  frame_put(&s, b, 1, 0);
  frame_put(&s, b, 1, 8);
  frame_put(&s, b, 1, 0xff); // the end
  b = &s.funcdata[PCLN_FUNCDATA_OPEN_DEFERS];
  frame_put(&s, b, 1, 0x10);
  frame_put(&s, b, 1, 0x18);
  return s;
}

struct faults {
  char first[32];
  unsigned n;
};

static void take(void *ctx, const struct pcln_report *r) {
  struct faults *f = ctx;
  if (f->n++ == 0)
    strncpy(f->first, r->fault, sizeof f->first - 1);
}

static void assert_fault(const struct frame_spec *s, int32_t max_row,
                         const char *want) {
  struct faults f = {.n = 0};
  struct frame_table m;
  const struct pcln_sink sink = {take, &f};
  frame_table_make(s, &m);
  struct pcln_verifier v = {
      .t = &m.t, .sink = &sink, .max_faults = 100, .budget = 1000};
  pcln_verify_funcdata(&v, &m.f, max_row);
  frame_table_free(&m);
  assert_string_equal(f.first, want);
  assert_true(f.n <= 2); // both maps may be wrong in one way
}

static void sound_funcdata_has_no_fault(void **state) {
  (void)state;
  const struct frame_spec s = sound_spec();
  assert_fault(&s, 1, "");
}

static void a_row_that_a_map_lacks_is_found(void **state) {
  (void)state;
  const struct frame_spec s = sound_spec();
  assert_fault(&s, 2, "stackmap-row");
}

static void a_map_that_does_not_fit_is_found(void **state) {
  (void)state;
  struct frame_spec s = sound_spec();
  s.funcdata[PCLN_FUNCDATA_LOCALS_MAPS].b[1] = 0x40; // 16,386 rows
  assert_fault(&s, 1, "funcdata-map");
}

static void objects_that_do_not_fit_are_found(void **state) {
  (void)state;
  struct frame_spec s = sound_spec();
  frame_put(&s, &s.funcdata[PCLN_FUNCDATA_STACK_OBJECTS], 8, 1000);
  assert_fault(&s, 1, "funcdata-objects");
}

static void arguments_without_an_end_are_found(void **state) {
  (void)state;
  struct frame_spec s = sound_spec();
  s.funcdata[PCLN_FUNCDATA_ARG_INFO].len = 2;
  memset(&s.funcdata[PCLN_FUNCDATA_OPEN_DEFERS], 0, sizeof s.funcdata[0]);
  assert_fault(&s, 1, "funcdata-args");
}

static void defers_that_do_not_end_are_found(void **state) {
  (void)state;
  struct frame_spec s = sound_spec();
  struct frame_bytes *b = &s.funcdata[PCLN_FUNCDATA_OPEN_DEFERS];
  b->len = 0;
  frame_put(&s, b, 8, UINT64_MAX); // a number of more than 32 bits
  assert_fault(&s, 1, "funcdata-defers");
}

static void what_is_wrapped_is_a_function(void **state) {
  (void)state;
  struct frame_spec s = sound_spec();
  frame_put(&s, &s.funcdata[PCLN_FUNCDATA_WRAP_INFO], 4, 4);
  assert_fault(&s, 1, "funcdata-wrapped");
}

// Our table: locals of two rows of three words, of which two are stored.
static struct frame_spec compact_spec(void) {
  static const uint8_t maps[] = {2 << 2 | 1, 1 << 3 | 2, 0x09, 0x06};
  struct frame_spec s = {.layout = PCLN_GO_120,
                         .ours = true,
                         .stackmap_bits = 2,
                         .flags = PCLN_MODF_COMPACT_MAPS,
                         .machine = X86_64,
                         .pcsp = pcsp,
                         .pcdata = {[PCLN_PCDATA_STACKMAP] = rows}};
  memcpy(s.maps.b, maps, sizeof maps);
  s.maps.len = sizeof maps;
  return s;
}

static void faults_of_compact_maps_are_found(void **state) {
  (void)state;
  struct frame_spec s = compact_spec();
  assert_fault(&s, 1, "");
  assert_fault(&s, 2, "stackmap-row");
  s.maps.b[1]++; // a third row
  assert_fault(&s, 1, "funcdata-map");
  s.maps.b[1] = 1 << 3; // none
  assert_fault(&s, 0, "stackmap-row");
  s = compact_spec();
  s.maps.len = 0;
  assert_fault(&s, 1, "funcdata-map");
  s = compact_spec();
  s.maps.b[3] = 0x0e; // a string that ends behind what is stored
  assert_fault(&s, 1, "stackmap-codes");
  s = compact_spec();
  put_map(&s, &s.funcdata[PCLN_FUNCDATA_LOCALS_MAPS]);
  assert_fault(&s, 1, "funcdata-map");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sound_funcdata_has_no_fault),
      cmocka_unit_test(a_row_that_a_map_lacks_is_found),
      cmocka_unit_test(a_map_that_does_not_fit_is_found),
      cmocka_unit_test(faults_of_compact_maps_are_found),
      cmocka_unit_test(objects_that_do_not_fit_are_found),
      cmocka_unit_test(arguments_without_an_end_are_found),
      cmocka_unit_test(defers_that_do_not_end_are_found),
      cmocka_unit_test(what_is_wrapped_is_a_function),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
