// SPDX-License-Identifier: Apache-2.0
//
// Finalizers: what is to be called once an object is unreachable.
//
// The order follows from one rule: everything that an object with a finalizer
// leads to is marked before marking ends, but not the object itself. What is
// then still unmarked and has a finalizer is led to by nothing alive and by no
// other object with a finalizer: it is due, together with all others like it.
// An object that another one leads to is marked, and its turn comes in a later
// cycle, when the other is gone. Objects that lead to themselves are always
// marked: a cycle with a finalizer in it stays for ever, since no order of its
// members would be right.
//
// An object that is due leaves the table and goes to a queue, which is a root,
// so that it and what it leads to is whole when its finalizer runs. From then
// on it is an object without a finalizer: if the finalizer makes it reachable
// again it lives on, and it may be given another.
//
// Who runs them. A thread of the collector's, which is a mutator; or the
// program, from its first call of pclnrt_gc_finalize on. Either keeps the
// object pinned while the finalizer runs, whatever that one's maps say.
//
// Room in the queue is made when a finalizer is set, so that a collection needs
// none.
#include "collect.h"

#include <pthread.h>
#include <signal.h>

struct entry {
  uintptr_t obj; // 0: none
  pclnrt_gc_finalizer *fn;
  void *arg;
};

static struct {
  struct pclnrt_lock lock;
  // Objects with finalizers: open addressing, linear probing.
  struct entry *table;
  size_t cap, n; // cap: a power of two, or 0
  // Those that are due, oldest first: queue[head .. tail).
  struct entry *queue;
  size_t queue_cap, head, tail;
  _Atomic uint64_t run;
  _Atomic bool by_program;    // pclnrt_gc_finalize was called
  _Atomic bool thread_made;   // there is a thread of ours
  _Atomic uint32_t due_round; // changes when more are due
} fin;

enum { FIRST_CAP = 256 };

// --- The table ---------------------------------------------------------------

static size_t hash(uintptr_t obj) {
  return (size_t)((obj >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 20);
}

// Where obj is, or would be.
static struct entry *slot_of(uintptr_t obj) {
  size_t i = hash(obj) & (fin.cap - 1);
  while (fin.table[i].obj && fin.table[i].obj != obj)
    i = (i + 1) & (fin.cap - 1);
  return &fin.table[i];
}

// Takes an entry out, moving up those that were displaced by it.
static void take_out(struct entry *e) {
  const size_t mask = fin.cap - 1;
  size_t hole = (size_t)(e - fin.table);
  for (size_t i = (hole + 1) & mask; fin.table[i].obj; i = (i + 1) & mask) {
    const size_t home = hash(fin.table[i].obj) & mask;
    if (((i - home) & mask) >= ((i - hole) & mask)) {
      fin.table[hole] = fin.table[i];
      hole = i;
    }
  }
  fin.table[hole] = (struct entry){0};
  fin.n--;
}

static bool grow_table(void) {
  const struct entry *old = fin.table;
  const size_t old_cap = fin.cap;
  struct entry *grown =
      pclnrt_sys_map((old_cap ? 2 * old_cap : FIRST_CAP) * sizeof *grown);
  if (!grown)
    return false;
  fin.table = grown;
  fin.cap = old_cap ? 2 * old_cap : FIRST_CAP;
  for (size_t i = 0; i < old_cap; i++)
    if (old[i].obj)
      *slot_of(old[i].obj) = old[i];
  if (old)
    pclnrt_sys_unmap((void *)(uintptr_t)old, old_cap * sizeof *old);
  return true;
}

// Room for one more, here and in the queue.
static bool make_room(void) {
  if (fin.n + 1 > fin.cap / 2 && !grow_table())
    return false;
  const size_t n_due = fin.tail - fin.head;
  if (n_due + fin.n + 1 <= fin.queue_cap)
    return true;
  const size_t cap = 2 * (n_due + fin.n + FIRST_CAP);
  struct entry *grown = pclnrt_sys_map(cap * sizeof *grown);
  if (!grown)
    return false;
  for (size_t i = 0; i < n_due; i++)
    grown[i] = fin.queue[fin.head + i];
  if (fin.queue)
    pclnrt_sys_unmap(fin.queue, fin.queue_cap * sizeof *grown);
  fin.queue = grown;
  fin.queue_cap = cap;
  fin.head = 0;
  fin.tail = n_due;
  return true;
}

// With the lock.
static enum pcln_status set(struct entry entry) {
  struct entry *e = fin.cap ? slot_of(entry.obj) : NULL;
  if (!entry.fn) {
    if (e && e->obj)
      take_out(e);
    return PCLN_OK;
  }
  if (!e || !e->obj) {
    if (!make_room())
      return PCLN_NO_MEMORY;
    e = slot_of(entry.obj);
    fin.n++;
  }
  *e = entry;
  return PCLN_OK;
}

enum pcln_status pclnrt_gc_set_finalizer(void gcref *obj,
                                         pclnrt_gc_finalizer *fn, void *arg) {
  struct pclnrt_cell c;
  struct pclnrt_layout l;
  if (!pclnrt_thread_here())
    return PCLN_NO_MEMORY;
  if (!pclnrt_heap_object((uintptr_t)obj, &c))
    return PCLN_NOT_FOUND;
  pclnrt_heap_layout(c, &l);
  if (l.start != (uintptr_t)obj)
    return PCLN_NOT_FOUND;
  pclnrt_lock_take(&fin.lock);
  const enum pcln_status status = set((struct entry){(uintptr_t)obj, fn, arg});
  pclnrt_lock_give(&fin.lock);
  return status;
}

// --- A cycle's part ----------------------------------------------------------

void pclnrt_finalize_mark(void) {
  for (size_t i = 0; i < fin.cap; i++)
    if (fin.table[i].obj)
      pclnrt_mark_children(fin.table[i].obj);
  for (size_t i = fin.head; i < fin.tail; i++)
    pclnrt_mark_maybe(fin.queue[i].obj);
}

static void enqueue(struct entry e) {
  if (fin.tail == fin.queue_cap) {
    const size_t n_due = fin.tail - fin.head;
    for (size_t i = 0; i < n_due; i++)
      fin.queue[i] = fin.queue[fin.head + i];
    fin.head = 0;
    fin.tail = n_due;
  }
  fin.queue[fin.tail++] = e;
}

// Stress mode: nobody may rely on an order that is not promised.
static void shuffle(size_t from) {
  for (size_t i = fin.tail; i > from + 1; i--) {
    const size_t other = from + pclnrt_pace_random() % (i - from);
    const struct entry e = fin.queue[i - 1];
    fin.queue[i - 1] = fin.queue[other];
    fin.queue[other] = e;
  }
}

size_t pclnrt_finalize_queue(void) {
  size_t n = 0;
  struct pclnrt_cell c;
  // Taking one out moves others, not yet looked at, into its place, and some
  // from the table's start to its end: never one to where this has been.
  for (size_t i = 0; i < fin.cap;) {
    const struct entry e = fin.table[i];
    if (!e.obj || !pclnrt_mark_misses(e.obj, &c)) {
      i++;
      continue;
    }
    take_out(&fin.table[i]);
    enqueue(e);
    n++;
  }
  if (pclnrt_gc_options.stress)
    shuffle(fin.tail - n);
  for (size_t i = fin.tail - n; i < fin.tail; i++)
    pclnrt_mark_maybe(fin.queue[i].obj);
  if (n)
    atomic_fetch_add(&fin.due_round, 1);
  return n;
}

// --- Running them ------------------------------------------------------------

static size_t run_due(struct pclnrt_thread *t) {
  size_t n = 0;
  for (;; n++) {
    struct pclnrt_pin pin;
    struct entry e = {0};
    pclnrt_lock_take(&fin.lock);
    if (fin.head < fin.tail) {
      e = fin.queue[fin.head++];
      pclnrt_pin(t, &pin, e.obj);
    }
    pclnrt_lock_give(&fin.lock);
    if (!e.fn)
      return n;
    pclnrt_gc_call_out(e.fn, (void *)e.obj, e.arg);
    pclnrt_unpin(t);
    atomic_fetch_add(&fin.run, 1);
  }
}

size_t pclnrt_gc_finalize(void) {
  struct pclnrt_thread *t = pclnrt_thread_here();
  atomic_store(&fin.by_program, true);
  return t ? run_due(t) : 0;
}

// Named as the runtime's, so that its frame is known for what it is.
void *pclnrt_finalizer_main(void *arg);
void *pclnrt_finalizer_main(void *arg) {
  (void)arg;
  struct pclnrt_thread *t = pclnrt_thread_here();
  while (t) {
    const uint32_t seen = atomic_load(&fin.due_round);
    if (!atomic_load(&fin.by_program))
      run_due(t);
    pclnrt_gc_foreign_begin();
    pclnrt_sys_wait(&fin.due_round, seen, 0);
    pclnrt_gc_foreign_end();
  }
  return NULL;
}

static void make_thread(void) {
  pthread_t thread;
  pthread_attr_t attr;
  sigset_t all, before;
  if (pthread_attr_init(&attr) != 0)
    return;
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  // Failing, it is tried again when the next are due.
  if (pthread_create(&thread, &attr, pclnrt_finalizer_main, NULL) != 0)
    atomic_store(&fin.thread_made, false);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
}

void pclnrt_finalize_start(void) {
  if (atomic_load(&fin.by_program))
    return;
  if (!atomic_exchange(&fin.thread_made, true))
    make_thread();
  else
    pclnrt_sys_wake(&fin.due_round, 1);
}

uint64_t pclnrt_finalize_count(void) { return atomic_load(&fin.run); }

void pclnrt_finalize_in_child(void) { atomic_store(&fin.thread_made, false); }
