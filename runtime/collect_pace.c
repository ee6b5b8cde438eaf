// SPDX-License-Identifier: Apache-2.0
//
// When to collect, and what is told about it: the goal, the limit, statistics,
// the line of gctrace, stress.
//
// A collection costs about as much as there is live; so the next one comes when
// as much as a share of that (the goal) was allocated since. The work of
// collecting for each byte allocated is then the same whatever the size of the
// heap. Below FLOOR nothing is collected: small programs need none. A floor of
// 1 MiB instead of 4 costs a third more time where the heap is just as small as
// that, and saves 3 MiB where it would be smaller.
//
// The limit is on what objects take: live after the last collection, and
// allocated since. Near it collections come more often, and what does not fit
// after one is refused.
#include "collect.h"

enum {
  FLOOR = 4 << 20, // bytes
  RUN = 40 << 10,  // that a thread may take before it is counted
};
static const uint64_t mega = 1 << 20;

static struct {
  struct pclnrt_lock lock; // of `stats`
  struct pclnrt_gc_stats stats;
  _Atomic int goal;
  _Atomic size_t limit;
  _Atomic uint64_t live; // bytes, after the last collection
  uint64_t start_ns;     // of the program, nearly
  unsigned processors;
  _Atomic uint64_t n_stress, random;
} pace;

void pclnrt_pace_init(void) {
  atomic_store(&pace.goal, pclnrt_gc_options.goal);
  atomic_store(&pace.limit, pclnrt_gc_options.limit);
  atomic_store(&pace.random, pclnrt_gc_options.seed);
  pace.start_ns = pclnrt_sys_now_ns();
  pace.processors = pclnrt_sys_processors();
}

// --- When --------------------------------------------------------------------

// How much may be allocated until the next collection.
static uint64_t room(void) {
  const int goal = atomic_load_explicit(&pace.goal, memory_order_relaxed);
  const uint64_t live = atomic_load_explicit(&pace.live, memory_order_relaxed);
  if (goal < 0)
    return UINT64_MAX;
  const uint64_t share = live / 100 * (uint64_t)goal;
  return share < FLOOR ? FLOOR : share;
}

uint64_t pclnrt_pace_used(void) {
  return atomic_load_explicit(&pace.live, memory_order_relaxed) +
         pclnrt_heap_since_mark();
}

bool pclnrt_pace_fits(size_t size) {
  const size_t limit = atomic_load_explicit(&pace.limit, memory_order_relaxed);
  const uint64_t used = pclnrt_pace_used();
  const uint64_t taken = size < RUN ? RUN : size;
  return !limit || (used <= limit && taken <= limit - used);
}

// Whether the heap is as large as the goal says before so much was allocated,
// since not every block is full. That is close enough when a sixteenth is left.
static bool spread(uint64_t since, uint64_t max) {
  return since >= max - max / 16 && max != UINT64_MAX &&
         pclnrt_heap_in_blocks() >=
             max + atomic_load_explicit(&pace.live, memory_order_relaxed);
}

bool pclnrt_pace_due(size_t size) {
  const uint64_t since = pclnrt_heap_since_mark();
  const uint64_t max = room();
  return since >= max || size > max - since || spread(since, max) ||
         !pclnrt_pace_fits(size);
}

size_t pclnrt_pace_keep(void) {
  const uint64_t keep = room();
  return keep == UINT64_MAX ? SIZE_MAX : keep;
}

int pclnrt_gc_set_goal(int percent) {
  return pclnrt_thread_here()
             ? atomic_exchange(&pace.goal, percent < 0 ? -1 : percent)
             : -1;
}

size_t pclnrt_gc_set_limit(size_t bytes) {
  return pclnrt_thread_here() ? atomic_exchange(&pace.limit, bytes) : 0;
}

// --- Stress ------------------------------------------------------------------

uint64_t pclnrt_pace_random(void) { // splitmix64
  uint64_t z = atomic_fetch_add(&pace.random, UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return z ^ z >> 31;
}

bool pclnrt_pace_stress(void) {
  return pclnrt_gc_options.stress &&
         atomic_fetch_add(&pace.n_stress, 1) % pclnrt_gc_options.stress_every ==
             0;
}

// --- The trace line ----------------------------------------------------------

// v / unit with `digits` decimals.
static void out_fixed(struct pclnrt_out *o, uint64_t v, uint64_t unit,
                      int digits) {
  pclnrt_out_dec(o, (int64_t)(v / unit));
  pclnrt_out_str(o, ".");
  for (uint64_t rest = v % unit; digits-- > 0; rest = rest * 10 % unit)
    pclnrt_out_dec(o, (int64_t)(rest * 10 / unit));
}

static void out_ms(struct pclnrt_out *o, uint64_t ns, const char *then) {
  out_fixed(o, ns, 1000000, 3);
  pclnrt_out_str(o, then);
}

static void out_count(struct pclnrt_out *o, uint64_t n, const char *then) {
  pclnrt_out_dec(o, (int64_t)n);
  pclnrt_out_str(o, then);
}

// gc 3 @0.123s 2%: 0.010+0.005+0.020+1.200 ms, 7->2 MB, 4 MB goal, 2 threads,
// 45 frames, 123 roots, 0 foreign frames
static void trace(const struct pclnrt_cycle *c) {
  char buf[256];
  struct pclnrt_out o = {.fd = 2, .buf = buf, .cap = sizeof buf};
  const uint64_t since = c->end - pace.start_ns;
  const uint64_t known = c->stop_ns + c->sweep_ns + c->root_ns;
  const uint64_t pause = c->end - c->start;
  pclnrt_out_str(&o, "gc ");
  out_count(&o, pace.stats.n_collections, " @");
  out_fixed(&o, since, 1000000000, 3);
  pclnrt_out_str(&o, "s ");
  out_count(&o, pace.stats.mark_ns * 100 / (since * pace.processors + 1),
            "%: ");
  out_ms(&o, c->stop_ns, "+");
  out_ms(&o, c->sweep_ns, "+");
  out_ms(&o, c->root_ns, "+");
  out_ms(&o, pause > known ? pause - known : 0, " ms, ");
  out_count(&o, c->before_bytes / mega, "->");
  out_count(&o, c->mark.live_bytes / mega, " MB, ");
  if (atomic_load(&pace.goal) < 0)
    pclnrt_out_str(&o, "no");
  else
    out_count(&o, (c->mark.live_bytes + room()) / mega, " MB");
  pclnrt_out_str(&o, " goal, ");
  out_count(&o, c->mark.n_threads, " threads, ");
  out_count(&o, c->roots.frames, " frames, ");
  out_count(&o, c->roots.roots + c->roots.words, " roots, ");
  out_count(&o, c->roots.foreign_frames, " foreign frames");
  if (c->finalizers)
    out_count((pclnrt_out_str(&o, ", "), &o), c->finalizers, " finalizers due");
  if (c->weak)
    out_count((pclnrt_out_str(&o, ", "), &o), c->weak, " weak cleared");
  pclnrt_out_str(&o, "\n");
  pclnrt_out_flush(&o);
}

// --- Statistics --------------------------------------------------------------

static unsigned pause_bucket(uint64_t ns) {
  const uint64_t us = ns / 1000;
  const unsigned log = us ? 63 - (unsigned)__builtin_clzll(us) : 0;
  const unsigned last =
      sizeof pace.stats.pauses / sizeof *pace.stats.pauses - 1;
  return log < last ? log : last;
}

void pclnrt_pace_done(const struct pclnrt_cycle *c) {
  struct pclnrt_gc_stats *s = &pace.stats;
  const uint64_t pause = c->end - c->start;
  pclnrt_lock_take(&pace.lock);
  s->n_collections++;
  s->live_bytes = c->mark.live_bytes;
  s->live_objects = c->mark.live_objects;
  s->pause_ns_total += pause;
  if (pause > s->pause_ns_max)
    s->pause_ns_max = pause;
  s->pauses[pause_bucket(pause)]++;
  s->mark_ns += c->mark.ns;
  s->sweep_ns += c->sweep_ns;
  s->root_ns += c->root_ns;
  s->frames += c->roots.frames;
  s->root_words += c->roots.roots + c->roots.words;
  s->foreign_frames += c->roots.foreign_frames;
  s->weak_cleared += c->weak;
  pclnrt_lock_give(&pace.lock);
  atomic_store(&pace.live, c->mark.live_bytes);
  if (pclnrt_gc_options.trace)
    trace(c);
}

void pclnrt_pace_swept(uint64_t ns) {
  pclnrt_lock_take(&pace.lock);
  pace.stats.sweep_ns += ns;
  pclnrt_lock_give(&pace.lock);
}

void pclnrt_gc_get_stats(struct pclnrt_gc_stats *out) {
  struct pclnrt_heap_stats heap = {0};
  pclnrt_heap_get_stats(&heap);
  pclnrt_lock_take(&pace.lock);
  *out = pace.stats;
  pclnrt_lock_give(&pace.lock);
  out->allocated_bytes = heap.allocated_bytes;
  out->allocated_objects = heap.allocated_objects;
  out->heap_bytes = heap.heap_bytes;
  out->peak_heap_bytes = heap.peak_heap_bytes;
  out->returned_bytes = heap.returned_bytes;
  out->finalizers_run = pclnrt_finalize_count();
}
