// SPDX-License-Identifier: Apache-2.0
#include "small_collector.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct small_collector small_collector;

// --- Marking -----------------------------------------------------------------

static struct pclnrt_cell *stack;
static size_t n_stack, cap_stack;

static void mark_word(uintptr_t word) {
  struct pclnrt_cell c;
  if (!pclnrt_heap_find(word, &c) || !pclnrt_cell_allocated(c) ||
      !pclnrt_cell_mark(c, 0))
    return;
  small_collector.marked_bytes += pclnrt_cell_size(c.block);
  small_collector.marked_objects++;
  if (n_stack == cap_stack) {
    cap_stack = cap_stack ? 2 * cap_stack : 1024;
    stack = realloc(stack, cap_stack * sizeof *stack);
    if (!stack)
      abort();
  }
  stack[n_stack++] = c;
}

static void scan_one(const struct pclnrt_gc_type *type, uintptr_t start) {
  for (uint32_t i = 0; i < type->n_words; i++)
    if (type->pointers >> i & 1)
      mark_word(((const uintptr_t *)start)[i]);
}

static void scan(struct pclnrt_cell c) {
  struct pclnrt_layout l;
  pclnrt_heap_layout(c, &l);
  if (l.type)
    scan_one(l.type, l.start);
  for (size_t i = 0; i < l.n_elem; i++)
    scan_one(l.elem, l.start + l.elem_off + i * l.elem->size);
}

void small_collect(void) {
  struct small_collector *s = &small_collector;
  pclnrt_heap_begin_mark();
  s->marked_bytes = s->marked_objects = 0;
  for (size_t i = 0; i < s->n_roots; i++)
    mark_word(s->roots[i]);
  while (n_stack)
    scan(stack[--n_stack]);
  pclnrt_heap_begin_sweep();
  s->n_collected++;
}

void small_collect_all(void) {
  small_collector = (struct small_collector){0};
  if (pclnrt_heap_init() != PCLN_OK)
    abort();
  small_collect();
  while (pclnrt_heap_sweep_some(1000))
    ;
  free(stack);
  stack = NULL;
  cap_stack = 0;
}

// --- What the heap asks of a collector ---------------------------------------

bool pclnrt_collect_enter(size_t size) {
  struct small_collector *s = &small_collector;
  (void)size;
  if (!pclnrt_cache_present() &&
      (pclnrt_heap_init() != PCLN_OK || !pclnrt_cache_begin()))
    return false;
  const uint64_t n = __atomic_add_fetch(&s->n_entered, 1, __ATOMIC_RELAXED);
  if (s->refuse)
    return false;
  if (s->every && n % s->every == 0)
    small_collect();
  return true;
}

bool pclnrt_collect_exhausted(size_t size) {
  (void)size;
  small_collector.n_exhausted++;
  small_collect();
  return true;
}

void pclnrt_gc_fatal(const char *fault, const char *text, uintptr_t address,
                     size_t size) {
  if (small_collector.fatal) {
    small_collector.fault = fault;
    small_collector.fault_address = address;
    longjmp(*small_collector.fatal, 1);
  }
  fprintf(stderr, "%s %#lx (%zu bytes) [%s]\n", text, (unsigned long)address,
          size, fault);
  abort();
}
