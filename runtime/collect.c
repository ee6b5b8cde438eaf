// SPDX-License-Identifier: Apache-2.0
//
// One collection, in order, and what asks for one.
//
// All of it but sweeping happens while the world is stopped: the sweep of the
// last cycle is finished (what nobody allocated from since), roots are marked,
// everything they lead to is marked, finalizers and weak references are looked
// after, and the heap is told that what has no mark is free. Then the world
// runs, and blocks are swept when they are next allocated from.
#include "collect.h"

enum { MANY = 64 }; // blocks, swept at a time

enum why {
  IF_DUE,    // another thread may have collected meanwhile
  REQUESTED, // by the program, or there is no memory
  CHECKING,  // and with every invariant checked
};
struct request {
  enum why why;
  size_t size; // that is asked for
  const struct pcln_sink *sink;
  size_t faults;
  bool finalizers; // some are due
};

// --- The cycle ---------------------------------------------------------------

static uint64_t since(uint64_t *start) {
  const uint64_t now = pclnrt_sys_now_ns();
  const uint64_t ns = now - *start;
  *start = now;
  return ns;
}

static void mark(struct pclnrt_cycle *c) {
  uint64_t start = pclnrt_sys_now_ns();
  pclnrt_mark_begin();
  pclnrt_collect_roots(&c->roots);
  c->root_ns = since(&start);
  pclnrt_finalize_mark();
  pclnrt_mark_drain();
  pclnrt_collect_foreign();
  c->weak = pclnrt_weak_clear();
  c->finalizers = pclnrt_finalize_queue();
  pclnrt_mark_drain();
  pclnrt_mark_end(&c->mark);
}

// World stopped, since c->start.
static void cycle(struct pclnrt_cycle *c, struct request *r) {
  uint64_t start = pclnrt_sys_now_ns();
  c->before_bytes = pclnrt_pace_used();
  pclnrt_heap_begin_mark();
  c->sweep_ns = since(&start);
  if (r->why == CHECKING)
    r->faults = pclnrt_heap_check(r->sink);
  const struct pcln_sink silent = {0};
  if (r->why == CHECKING)
    pclnrt_mark_sink = r->sink ? r->sink : &silent;
  mark(c);
  pclnrt_mark_sink = NULL;
  r->faults += c->mark.faults;
  r->finalizers = c->finalizers != 0;
  pclnrt_heap_begin_sweep();
  c->end = pclnrt_sys_now_ns();
  pclnrt_pace_done(c);
}

static void collect(const struct pclnrt_context *context, void *arg) {
  struct request *r = arg;
  struct pclnrt_cycle c = {0};
  c.stop_ns = pclnrt_world_stop(context);
  c.start = pclnrt_sys_now_ns() - c.stop_ns;
  if (r->why != IF_DUE || pclnrt_pace_due(r->size))
    cycle(&c, r);
  pclnrt_world_start();
}

// The caller takes part. Everything that may wait or call libc comes before and
// after the world is stopped.
static void run(struct request *r) {
  pclnrt_mark_prepare();
  pclnrt_with_context(collect, r);
  if (r->finalizers)
    pclnrt_finalize_start();
  pclnrt_heap_release(pclnrt_pace_keep());
}

static void sweep_all(void) {
  const uint64_t start = pclnrt_sys_now_ns();
  while (pclnrt_heap_sweep_some(MANY))
    pclnrt_gc_poll();
  pclnrt_pace_swept(pclnrt_sys_now_ns() - start);
}

// --- Who asks for it ---------------------------------------------------------

bool pclnrt_collect_enter(size_t size) {
  if (!pclnrt_thread_here())
    return false;
  struct request r = {.why = IF_DUE, .size = size};
  if (pclnrt_pace_stress()) {
    r.why = REQUESTED;
    // Who comes first after the stop is what seeds differ in.
    if (pclnrt_pace_random() & 1)
      pclnrt_sys_yield();
  } else if (!pclnrt_pace_due(size)) {
    pclnrt_gc_poll();
    return true;
  }
  run(&r);
  return pclnrt_pace_fits(size);
}

bool pclnrt_collect_exhausted(size_t size) {
  const uint64_t before = pclnrt_pace_used();
  struct request r = {.why = REQUESTED};
  run(&r);
  sweep_all();
  const uint64_t after = pclnrt_pace_used();
  return after < before && before - after >= size;
}

void pclnrt_gc_collect(void) {
  struct request r = {.why = REQUESTED};
  if (!pclnrt_thread_here())
    return;
  run(&r);
  sweep_all();
  pclnrt_heap_release(pclnrt_pace_keep());
}

size_t pclnrt_gc_check(const struct pcln_sink *sink) {
  struct request r = {.why = CHECKING, .sink = sink};
  if (pclnrt_thread_here())
    run(&r);
  return r.faults;
}

size_t pclnrt_gc_trim(void) {
  if (!pclnrt_thread_here())
    return 0;
  sweep_all();
  return pclnrt_heap_release(0);
}

enum pcln_status pclnrt_collect_init(void) {
  pclnrt_heap_options.poison = pclnrt_gc_options.poison;
  pclnrt_heap_options.stress = pclnrt_gc_options.stress;
  pclnrt_pace_init();
  return pclnrt_heap_init();
}

void pclnrt_collect_in_child(void) {
  pclnrt_queue_in_child();
  pclnrt_finalize_in_child();
}
