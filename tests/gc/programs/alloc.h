// SPDX-License-Identifier: Apache-2.0
//
// One source, three kinds of memory. A program is written against gc.h; this
// header gives the same names to builds that need no plug-in, so that results
// can be compared with them and times set side by side:
//
//   (nothing)     our collector
//   USE_MALLOC    malloc; gc_free frees, which programs call where they know
//                 that an object is dead. The oracle for results
//   USE_BOEHM     the Boehm-Demers-Weiser collector
//
// alloc_start comes first in main and alloc_end last; with ALLOC_REPORT in the
// environment the latter writes what the collector did, one line on standard
// error, `key=value` by `key=value`.
//
// A reference goes to the C library as `raw(p)`, for the length of a call that
// neither allocates here nor calls back.
#ifndef ALLOC_H
#define ALLOC_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if !defined USE_MALLOC && !defined USE_BOEHM
#include <pclntab/gc.h>
#else
#define gcref
#define gc_leaf
static inline void pclnrt_gc_foreign_begin(void) {}
static inline void pclnrt_gc_foreign_end(void) {}
static inline bool pclnrt_gc_scan_foreign(bool scan) { return scan; }
#endif

#define raw(p) ((void *)(p))

#if defined USE_MALLOC
#define ALLOC_KIND "malloc"
#define ALLOC_WORDS(n) calloc(1, (n))
#define ALLOC_BYTES(n) calloc(1, (n))
#define gc_free(p) free(p)
static inline void alloc_start(void) {}
static inline void alloc_end(void) {}
static inline void pclnrt_gc_collect(void) {}

#elif defined USE_BOEHM
#define GC_THREADS
#include <gc.h>
#define ALLOC_KIND "boehm"
#define ALLOC_WORDS(n) GC_MALLOC(n)
#define ALLOC_BYTES(n) memset(GC_MALLOC_ATOMIC(n), 0, (n))
#define gc_free(p) ((void)(p))
static inline void pclnrt_gc_collect(void) { GC_gcollect(); }

#else
#define ALLOC_KIND "pclntab"
#define gc_free(p) ((void)0)
#endif

#if defined USE_MALLOC || defined USE_BOEHM
// Null if n * size + head overflows, as of memory that is exhausted.
static inline void *alloc_words(size_t head, size_t size, size_t n) {
  size_t bytes;
  if (__builtin_mul_overflow(size, n, &bytes) ||
      __builtin_add_overflow(head, bytes, &bytes))
    return NULL;
  return ALLOC_WORDS(bytes);
}
#define gc_new(T) ((T *)ALLOC_WORDS(sizeof(T)))
#define gc_new_array(T, n) ((T *)alloc_words(0, sizeof(T), (n)))
#define gc_new_flex(T, member, n)                                              \
  ((T *)alloc_words(offsetof(T, member), sizeof(((T *)0)->member[0]), (n)))
static inline void *gc_new_bytes(size_t n) { return ALLOC_BYTES(n ? n : 1); }
#endif

// The object, or the end of the program: for programs without a use for an
// error.
static inline void gcref *have(void gcref *p) {
  if (!p) {
    fputs("out of memory\n", stderr);
    exit(3);
  }
  return p;
}

// Weak references and finalizers, for programs that count what is gone.
#if defined USE_BOEHM
struct gc_weak {
  void *object;
};
static inline struct gc_weak *pclnrt_gc_weak_new(void *object) {
  struct gc_weak *w = GC_MALLOC_ATOMIC(sizeof *w);
  w->object = object;
  GC_general_register_disappearing_link(&w->object, object);
  return w;
}
static inline void *pclnrt_gc_weak_get(const struct gc_weak *w) {
  return w->object;
}
static inline int
pclnrt_gc_set_finalizer(void *object, void (*run)(void *, void *), void *arg) {
  GC_register_finalizer_no_order(object, run, arg, NULL, NULL);
  return 0;
}
static inline size_t pclnrt_gc_finalize(void) {
  return (size_t)GC_invoke_finalizers();
}
#endif

// Boehm's collector does not look at thread-local variables.
#if defined USE_BOEHM
#define alloc_thread_begin(v) GC_add_roots(&(v), &(v) + 1)
#define alloc_thread_end(v) GC_remove_roots(&(v), &(v) + 1)
#else
#define alloc_thread_begin(v) ((void)0)
#define alloc_thread_end(v) ((void)0)
#endif

#if defined USE_BOEHM
static struct { uint64_t begun, total, longest, n; } alloc_pauses;

static inline uint64_t alloc_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void alloc_on_event(GC_EventType event) {
  if (event == GC_EVENT_PRE_STOP_WORLD)
    alloc_pauses.begun = alloc_ns();
  if (event != GC_EVENT_POST_START_WORLD)
    return;
  uint64_t pause = alloc_ns() - alloc_pauses.begun;
  alloc_pauses.n++;
  alloc_pauses.total += pause;
  if (pause > alloc_pauses.longest)
    alloc_pauses.longest = pause;
}

static inline void alloc_start(void) {
  GC_set_finalize_on_demand(1);
  GC_INIT();
  GC_set_on_collection_event(alloc_on_event);
}

static inline void alloc_end(void) {
  if (getenv("ALLOC_REPORT"))
    fprintf(stderr, "report collections=%llu pause_max_us=%llu pause_us=%llu\n",
            (unsigned long long)alloc_pauses.n,
            (unsigned long long)alloc_pauses.longest / 1000,
            (unsigned long long)alloc_pauses.total / 1000);
}

#elif !defined USE_MALLOC
static inline void alloc_start(void) {}

static inline void alloc_end(void) {
  if (!getenv("ALLOC_REPORT"))
    return;
  struct pclnrt_gc_stats s;
  pclnrt_gc_get_stats(&s);
  fprintf(stderr, "report collections=%llu pause_max_us=%llu pause_us=%llu",
          (unsigned long long)s.n_collections,
          (unsigned long long)s.pause_ns_max / 1000,
          (unsigned long long)s.pause_ns_total / 1000);
  fprintf(stderr,
          " objects=%llu bytes=%llu mark_us=%llu sweep_us=%llu frames=%llu"
          " root_ns=%llu peak_heap=%llu returned=%llu foreign=%llu pauses=",
          (unsigned long long)s.allocated_objects,
          (unsigned long long)s.allocated_bytes,
          (unsigned long long)s.mark_ns / 1000,
          (unsigned long long)s.sweep_ns / 1000, (unsigned long long)s.frames,
          (unsigned long long)s.root_ns, (unsigned long long)s.peak_heap_bytes,
          (unsigned long long)s.returned_bytes,
          (unsigned long long)s.foreign_frames);
  for (size_t i = 0; i < sizeof s.pauses / sizeof s.pauses[0]; i++)
    fprintf(stderr, i ? ",%llu" : "%llu", (unsigned long long)s.pauses[i]);
  fputc('\n', stderr);
}
#endif

// Numbers that are the same everywhere: results depend on them.
struct alloc_random {
  uint64_t state;
};
static inline uint32_t alloc_random(struct alloc_random *r) {
  r->state = r->state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(r->state >> 32) & 0x3fffffff; // as 63-bit integers can
}

// The first argument as a number, or `otherwise`.
static inline long alloc_size(int argc, char **argv, int i, long otherwise) {
  return argc > i ? atol(argv[i]) : otherwise;
}
#endif
