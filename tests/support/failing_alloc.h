// SPDX-License-Identifier: Apache-2.0
//
// malloc, calloc and realloc that fail when told to, for tests that are linked
// with -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc. Include once.
#ifndef PCLNTAB_TESTS_FAILING_ALLOC_H
#define PCLNTAB_TESTS_FAILING_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

// The allocation that fails, counting down from here; negative: none does.
static long failing_alloc_countdown = -1;

static bool failing_alloc_now(void) {
  return failing_alloc_countdown >= 0 && failing_alloc_countdown-- == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size) {
  return failing_alloc_now() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t n, size_t size) {
  return failing_alloc_now() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t size) {
  return failing_alloc_now() ? NULL : __real_realloc(p, size);
}

#endif
