// SPDX-License-Identifier: Apache-2.0
//
// What the files of the collector share: threads and the stopped world, the
// cycle, marking, finalizers, pacing, options. The heap itself is heap.h.
//
// Threads. A mutator is RUNNING, STOPPED (at a safepoint, its context saved) or
// FOREIGN (in code that touches no reference, its context saved). Only its own
// thread changes its state, by these moves:
//
//   RUNNING -> STOPPED   at a safepoint, when the world is to stop
//   RUNNING -> FOREIGN   pclnrt_gc_foreign_begin, and while waiting for a lock
//                        that may be held while the world is stopped
//   STOPPED -> RUNNING   the world runs again
//   FOREIGN -> RUNNING   pclnrt_gc_foreign_end, if the world runs
//
// The world is stopped while the collecting thread holds the world's lock,
// pclnrt_gc_stop is 1 and no other thread is RUNNING. The collecting thread is
// itself STOPPED then, its context saved like every other's.
//
// Locks. The world's lock is taken by threads that are not RUNNING, so that
// whoever holds it can stop the others. The other locks (struct pclnrt_lock)
// are taken by running threads for a few instructions, with no safepoint while
// they are held: when the world is stopped, they are all free.
#ifndef PCLNRT_COLLECT_H
#define PCLNRT_COLLECT_H

#include "heap.h"
#include "lock.h"
#include "roots.h"

#pragma GCC visibility push(hidden)

// --- gc_options.c ------------------------------------------------------------

// Of PCLNTAB_DEBUG; see gc.h.
struct pclnrt_gc_options {
  bool trace, dead, poison, scan_foreign, ignore_dangling;
  bool stress;
  uint64_t seed;         // of stress
  uint64_t stress_every; // at least 1
  int goal;              // percent
  size_t limit;          // bytes; 0: none
  unsigned threads;      // that mark; at least 1
};
// Final once a thread takes part.
extern struct pclnrt_gc_options pclnrt_gc_options;
// Set-up: reads the environment. What is not understood is reported on standard
// error and left out.
void pclnrt_gc_options_read(void);

// --- world.c -----------------------------------------------------------------

// The registers of a mutator that is not running; the layout is also that of
// world_x86_64.S.
enum { PCLNRT_CALLEE_SAVED = 5 };
struct pclnrt_context {
  uint64_t pc, sp, fp;                 // pc is a return address; 0: no frames
  uintptr_t regs[PCLNRT_CALLEE_SAVED]; // that the callee must preserve
};
// Calls fn(context of this call, arg).
void pclnrt_with_context(void (*fn)(const struct pclnrt_context *context,
                                    void *arg),
                         void *arg);

enum pclnrt_thread_state {
  PCLNRT_THREAD_RUNNING,
  PCLNRT_THREAD_STOPPED,
  PCLNRT_THREAD_FOREIGN,
};

// A reference that a function of the runtime holds while it may collect: a
// variable of it, in the thread's list while it stands.
struct pclnrt_pin {
  uintptr_t ref;
  struct pclnrt_pin *next;
};

struct pclnrt_thread {
  struct pclnrt_thread *next;    // of the world's list, or of the free records
  _Atomic uint32_t state;        // enum pclnrt_thread_state
  _Atomic uint32_t returning;    // wants to be RUNNING again
  int id;                        // the system's
  uint32_t n_foreign;            // depth of pclnrt_gc_foreign_begin
  bool scan_foreign;             // pclnrt_gc_scan_foreign
  enum pcln_status tls_status;   // of finding out `tls`
  struct pclnrt_context context; // while it does not run
  uint64_t stack_top; // end of the stack that context.sp is on; 0: unknown
  struct pclnrt_tls_blocks tls;
  struct pclnrt_pin *pins;
};

// The record of this thread, or null: it does not take part.
extern _Thread_local struct pclnrt_thread *pclnrt_this_thread
    __attribute__((tls_model("initial-exec")));
// The same, taking part from here on. Null: no memory.
struct pclnrt_thread *pclnrt_thread_here(void);

static inline void pclnrt_pin(struct pclnrt_thread *t, struct pclnrt_pin *pin,
                              uintptr_t ref) {
  *pin = (struct pclnrt_pin){ref, t->pins};
  t->pins = pin;
}
static inline void pclnrt_unpin(struct pclnrt_thread *t) {
  t->pins = t->pins->next;
}

// Stops all other threads. `context` is the caller's. Returns the time from the
// request until all had stopped, in ns; waiting for another thread's stop is
// not counted.
uint64_t pclnrt_world_stop(const struct pclnrt_context *context);
void pclnrt_world_start(void);
// Whether the calling thread stopped the world.
bool pclnrt_world_is_mine(void);
// World stopped: all threads that take part.
struct pclnrt_thread *pclnrt_world_threads(void);

// --- collect.c: one cycle ----------------------------------------------------

// Before the first thread takes part, with the world's lock.
PCLN_MUST_CHECK enum pcln_status pclnrt_collect_init(void);
// In the child of a fork: threads of the collector are gone.
void pclnrt_collect_in_child(void);

// --- collect_roots.c ---------------------------------------------------------

// World stopped: marks what all roots lead to.
void pclnrt_collect_roots(struct pclnrt_root_stats *stats);
// World stopped, all marked: what only a frame without maps leads to is fatal.
void pclnrt_collect_foreign(void);

// --- collect_mark.c ----------------------------------------------------------

// World running: makes threads, if the heap is large enough.
void pclnrt_mark_prepare(void);
// World stopped, in this order: begin, words, drain, more words, drain, end.
void pclnrt_mark_begin(void);
// Of a root: what it leads to, and all that this leads to. `where`: the slot.
void pclnrt_mark_precise(uintptr_t word, const struct pclnrt_root *root);
// The object itself, not what it leads to, as a string's bytes.
void pclnrt_mark_string(uintptr_t word, const struct pclnrt_root *root);
// May be anything.
void pclnrt_mark_maybe(uintptr_t word);
// What the object leads to, but not the object.
void pclnrt_mark_children(uintptr_t object);
// Whether `word` leads into an object that is not marked.
bool pclnrt_mark_misses(uintptr_t word, struct pclnrt_cell *out);
// Until nothing is left to scan.
void pclnrt_mark_drain(void);

struct pclnrt_mark_result {
  uint64_t live_bytes, live_objects, ns; // ns: of all threads together
  unsigned n_threads;
  size_t faults; // references that lead to no object
};
void pclnrt_mark_end(struct pclnrt_mark_result *out);
// References that lead to no object are reported and counted, not fatal, while
// this is set.
extern const struct pcln_sink *pclnrt_mark_sink;

// --- collect_queue.c: work for several marking threads -----------------------

// What is to be scanned, in chunks: a marker fills its own and hands full ones
// over. Memory for it may run out: the object is then marked and not scanned,
// and the marker must walk the heap for such.
enum { PCLNRT_MARK_CHUNK = 1022 };
struct pclnrt_mark_chunk {
  struct pclnrt_mark_chunk *next;
  size_t n;
  uintptr_t entries[PCLNRT_MARK_CHUNK];
};
struct pclnrt_mark_chunk *pclnrt_queue_new(void); // null: no memory
void pclnrt_queue_free(struct pclnrt_mark_chunk *chunk);
void pclnrt_queue_put(struct pclnrt_mark_chunk *chunk);
// A chunk with work; waits while others may still produce some. Null: all of
// the `n_markers` have nothing left.
struct pclnrt_mark_chunk *pclnrt_queue_take(unsigned n_markers);
// Whether some marker waits for work.
bool pclnrt_queue_wanted(void);
// World running: makes threads for up to n markers.
void pclnrt_queue_threads(unsigned n);
// How many markers there can be; at least 1.
unsigned pclnrt_queue_have(void);
// World stopped. Runs fn(0) here and fn(1) to fn(n - 1) on threads of the
// collector, and returns when all did.
void pclnrt_queue_run(void (*fn)(unsigned marker), unsigned n);
void pclnrt_queue_in_child(void);

// --- finalize.c, weak.c ------------------------------------------------------

// World stopped. First: all that objects with finalizers lead to is marked, and
// so are the objects whose finalizers are due.
void pclnrt_finalize_mark(void);
// After marking: moves unmarked ones to those that are due, and marks them.
// Returns how many.
size_t pclnrt_finalize_queue(void);
// World running: sees to it that those that are due are run.
void pclnrt_finalize_start(void);
uint64_t pclnrt_finalize_count(void); // run so far
void pclnrt_finalize_in_child(void);

// World stopped, after marking and before pclnrt_finalize_queue: clears weak
// references to unmarked objects. Returns how many.
size_t pclnrt_weak_clear(void);

// --- collect_pace.c ----------------------------------------------------------

struct pclnrt_cycle {
  uint64_t start, end;   // of the pause, in ns of the monotonic clock
  uint64_t stop_ns;      // until all threads had stopped
  uint64_t sweep_ns;     // finishing the last cycle's sweep
  uint64_t root_ns;      // scanning roots
  uint64_t before_bytes; // in use before it
  struct pclnrt_mark_result mark;
  struct pclnrt_root_stats roots;
  size_t finalizers, weak;
};
void pclnrt_pace_init(void);
// Whether it is time to collect, `size` bytes being asked for.
bool pclnrt_pace_due(size_t size);
// Bytes that objects take: live ones of the last cycle, and all since.
uint64_t pclnrt_pace_used(void);
// Whether `size` bytes more fit under the limit.
bool pclnrt_pace_fits(size_t size);
// Whether this allocation is one at which stress mode collects.
bool pclnrt_pace_stress(void);
// Stress mode: a number that the seed picks.
uint64_t pclnrt_pace_random(void);
// World stopped, at the end of a cycle.
void pclnrt_pace_done(const struct pclnrt_cycle *cycle);
// Bytes of free memory that are worth keeping until the next collection.
size_t pclnrt_pace_keep(void);
// World running: so much time went into sweeping.
void pclnrt_pace_swept(uint64_t ns);

// --- collect_report.c --------------------------------------------------------

// A sink that writes each report as a line on standard error.
extern const struct pcln_sink pclnrt_gc_stderr;
// A line of a report: "pclnrt: ", "warning: " if `severity` is that and not
// null, what the caller writes to `out`, the fault's name.
struct pclnrt_report {
  struct pclnrt_out out;
  char buf[512];
};
void pclnrt_report_begin(struct pclnrt_report *r, const char *severity);
void pclnrt_report_end(struct pclnrt_report *r, const char *fault);
// Ends the process, with the traceback of `t` (null: of the caller).
_Noreturn void pclnrt_gc_die(const struct pclnrt_thread *t);
// A cursor at the innermost frame of a thread that does not run.
void pclnrt_thread_cursor(const struct pclnrt_thread *t,
                          struct pclnrt_cursor *out);

// --- For tests only ----------------------------------------------------------

// No thread's stack is looked at: for tests whose own frames have no maps.
PCLN_API extern bool pclnrt_test_no_stacks;
// How many chunks of marking work may exist; 0: no limit.
PCLN_API extern unsigned pclnrt_test_chunks;

#pragma GCC visibility pop
#endif
