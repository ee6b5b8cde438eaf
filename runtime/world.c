// SPDX-License-Identifier: Apache-2.0
//
// The threads that use the heap, and stopping all of them.
//
// A mutator can be stopped only where the table describes its frames: at a
// safepoint. So nobody interrupts it: the collecting thread sets
// pclnrt_gc_stop, and each mutator comes by itself, at a poll or an allocation,
// saves where it is, and waits. One that is in foreign code counts as stopped
// already, and finds the flag when it comes back. States, moves and locks are
// in collect.h.
//
// The two sides of each hand-over write one word and then read the other's: the
// collector its flag and then the state, the mutator its state and then the
// flag, all in sequentially consistent order. So at least one of them sees what
// the other wrote: either the mutator waits, or the collector waits for it.
//
// All waiting is on futexes, since the runtime takes no locks of libc: a
// mutator waits on the flag, the collector on the state of one mutator.
//
// A thread's record is found by the thread through one variable, and by the
// collector through a list. Records are mapped and reused, never unmapped.
#include "collect.h"

#include <pthread.h>
#include <signal.h>

enum {
  SPINS = 200,     // before a wait in the kernel
  LATE_MS = 1000,  // after which a thread that does not come is named
  ANSWER_MS = 200, // for its traceback
};

uint32_t pclnrt_gc_stop;
_Thread_local struct pclnrt_thread *pclnrt_this_thread
    __attribute__((tls_model("initial-exec")));

static struct {
  // The world's lock: taken in the order of asking, or a thread that collects
  // all the time would never let others in.
  _Atomic uint32_t next, serving;
  _Atomic uint32_t awaits_return; // a collector waits for threads to go on
  struct pclnrt_thread *threads, *free; // under the lock
  bool ready;                           // under the lock
  pthread_key_t key;      // its destructor takes a thread out when it ends
  _Atomic int stopped_by; // thread id; 0: the world runs
} world;

// --- Waiting -----------------------------------------------------------------

// gc.h shows compiled code a plain word.
static _Atomic uint32_t *stop_word(void) {
  return (_Atomic uint32_t *)&pclnrt_gc_stop;
}

static void lock_world(void) {
  const uint32_t mine = atomic_fetch_add(&world.next, 1);
  for (uint32_t seen; (seen = atomic_load(&world.serving)) != mine;)
    pclnrt_sys_wait(&world.serving, seen, 0);
}
static void unlock_world(void) {
  const uint32_t served = atomic_fetch_add(&world.serving, 1) + 1;
  if (atomic_load(&world.next) != served)
    pclnrt_sys_wake(&world.serving, INT32_MAX);
}

static bool stop_wanted(void) { return atomic_load(stop_word()); }

// --- Mutators ----------------------------------------------------------------

// Not running from here on.
static void leave(struct pclnrt_thread *t, const struct pclnrt_context *context,
                  enum pclnrt_thread_state state) {
  struct pclnrt_cursor here;
  pclnrt_cursor_init(&here, context->pc, context->sp, context->fp);
  t->stack_top = here.top;
  t->context = *context;
  t->tls_status = pclnrt_roots_tls_here(&t->tls);
  atomic_store(&t->state, state);
  if (stop_wanted())
    pclnrt_sys_wake(&t->state, 1);
}

// Running again, as soon as the world does.
static void come_back(struct pclnrt_thread *t) {
  const uint32_t away = atomic_load(&t->state);
  atomic_store(&t->returning, 1);
  for (;;) {
    atomic_store(&t->state, PCLNRT_THREAD_RUNNING);
    if (!stop_wanted())
      break;
    atomic_store(&t->state, away);
    pclnrt_sys_wake(&t->state, 1);
    while (stop_wanted())
      pclnrt_sys_wait(stop_word(), 1, 0);
  }
  atomic_store(&t->returning, 0);
  if (atomic_load(&world.awaits_return))
    pclnrt_sys_wake(&t->returning, 1);
}

// The targets of world_x86_64.S: `context` is that of the function's caller.
void pclnrt_poll_from(const struct pclnrt_context *context);
void pclnrt_foreign_from(const struct pclnrt_context *context);

void pclnrt_poll_from(const struct pclnrt_context *context) {
  struct pclnrt_thread *t = pclnrt_this_thread;
  if (!t || !stop_wanted() || atomic_load(&t->state) != PCLNRT_THREAD_RUNNING)
    return;
  leave(t, context, PCLNRT_THREAD_STOPPED);
  come_back(t);
}

void pclnrt_foreign_from(const struct pclnrt_context *context) {
  struct pclnrt_thread *t = pclnrt_thread_here();
  if (t && t->n_foreign++ == 0)
    leave(t, context, PCLNRT_THREAD_FOREIGN);
}

void pclnrt_gc_foreign_end(void) {
  struct pclnrt_thread *t = pclnrt_this_thread;
  if (t && t->n_foreign && --t->n_foreign == 0)
    come_back(t);
}

// --- Coming and going --------------------------------------------------------

// Without a context there are no frames to look at.
static void leave_for_lock(struct pclnrt_thread *t) {
  const struct pclnrt_context none = {0};
  leave(t, &none, PCLNRT_THREAD_FOREIGN);
  lock_world();
}

static void unlink_thread(struct pclnrt_thread *t) {
  struct pclnrt_thread **link = &world.threads;
  while (*link != t)
    link = &(*link)->next;
  *link = t->next;
  t->next = world.free;
  world.free = t;
}

void pclnrt_gc_thread_end(void) {
  struct pclnrt_thread *t = pclnrt_this_thread;
  if (!t)
    return;
  if (t->n_foreign) {
    t->n_foreign = 0;
    come_back(t);
  }
  pclnrt_cache_end();
  leave_for_lock(t);
  unlink_thread(t);
  pclnrt_this_thread = NULL;
  unlock_world();
  pthread_setspecific(world.key, NULL);
}

static void on_thread_exit(void *record) {
  (void)record;
  pclnrt_gc_thread_end();
}

// A child has only the thread that forked. The stacks of the others are still
// mapped, but nobody will ever return to their frames: what only they kept is
// garbage. Their caches are flushed by the next collection as ever.
static void before_fork(const struct pclnrt_context *context, void *arg) {
  (void)arg;
  pclnrt_world_stop(context);
}
static void on_fork(void) { pclnrt_with_context(before_fork, NULL); }
static void in_child(void) {
  struct pclnrt_thread *me = pclnrt_this_thread;
  for (struct pclnrt_thread *t = world.threads, *next; t; t = next) {
    next = t->next;
    if (t == me) {
      t->id = pclnrt_sys_thread_id();
      continue;
    }
    unlink_thread(t);
  }
  // Nobody is in the queue for the lock, which this thread holds.
  atomic_store(&world.next, atomic_load(&world.serving) + 1);
  pclnrt_collect_in_child();
  pclnrt_world_start();
}

// With the world's lock.
static bool get_ready(void) {
  if (world.ready)
    return true;
  pclnrt_gc_options_read();
  if (pclnrt_collect_init() != PCLN_OK ||
      pthread_key_create(&world.key, on_thread_exit) != 0 ||
      pthread_atfork(on_fork, pclnrt_world_start, in_child) != 0)
    return false;
  world.ready = true;
  return true;
}

static struct pclnrt_thread *new_record(void) {
  struct pclnrt_thread *t = world.free;
  if (!t)
    return pclnrt_sys_map(sizeof *t);
  world.free = t->next;
  *t = (struct pclnrt_thread){0};
  return t;
}

__attribute__((noinline)) static struct pclnrt_thread *attach(void) {
  struct pclnrt_thread *t = NULL;
  lock_world();
  if (get_ready() && (t = new_record())) {
    t->id = pclnrt_sys_thread_id();
    t->next = world.threads;
    world.threads = t;
    pclnrt_this_thread = t;
  }
  unlock_world();
  // The key's destructor runs at the thread's end only if a value is set.
  if (t && (pthread_setspecific(world.key, t) != 0 || !pclnrt_cache_begin())) {
    pclnrt_gc_thread_end();
    return NULL;
  }
  return t;
}

struct pclnrt_thread *pclnrt_thread_here(void) {
  struct pclnrt_thread *t = pclnrt_this_thread;
  return __builtin_expect(t != NULL, 1) ? t : attach();
}

enum pcln_status pclnrt_gc_thread_begin(void) {
  return pclnrt_thread_here() ? PCLN_OK : PCLN_NO_MEMORY;
}

// --- A thread that does not come ---------------------------------------------

// Only the thread itself knows its registers: it is interrupted, once, by a
// signal that is ignored where nobody handles it.
static _Atomic uint32_t answered;

static void on_late(int number, siginfo_t *info, void *ucontext) {
  (void)number, (void)info;
  struct pclnrt_cursor c;
  pclnrt_cursor_ucontext(&c, ucontext);
  pclnrt_traceback_fd(2, &c);
  atomic_store(&answered, 1);
  pclnrt_sys_wake(&answered, 1);
}

static void name_late(const struct pclnrt_thread *t) {
  struct pclnrt_report r;
  pclnrt_report_begin(&r, "warning");
  pclnrt_out_str(&r.out, "a collection has been waiting for thread ");
  pclnrt_out_dec(&r.out, t->id);
  pclnrt_out_str(&r.out, " for 1 s: it neither allocates nor polls nor called "
                         "pclnrt_gc_foreign_begin");
  pclnrt_report_end(&r, "late-safepoint");
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
  struct sigaction before;
  act.sa_sigaction = on_late;
  atomic_store(&answered, 0);
  if (sigaction(SIGURG, &act, &before) != 0)
    return;
  pclnrt_sys_signal_thread(t->id, SIGURG);
  if (!atomic_load(&answered))
    pclnrt_sys_wait(&answered, 0, ANSWER_MS);
  sigaction(SIGURG, &before, NULL);
}

// --- Stopping the world ------------------------------------------------------

static bool runs(struct pclnrt_thread *t) {
  return atomic_load(&t->state) == PCLNRT_THREAD_RUNNING;
}

static void await(struct pclnrt_thread *t) {
  for (unsigned i = 0; i < SPINS && runs(t); i++)
    __builtin_ia32_pause();
  const uint64_t start = pclnrt_sys_now_ns();
  bool named = false;
  while (runs(t)) {
    pclnrt_sys_wait(&t->state, PCLNRT_THREAD_RUNNING, LATE_MS);
    if (runs(t) && !named &&
        pclnrt_sys_now_ns() - start >= LATE_MS * UINT64_C(1000000)) {
      name_late(t);
      named = true;
    }
  }
}

// Those that the last stop held up get on before the next: else a thread that
// collects all the time would be the only one to run.
static void let_return(struct pclnrt_thread *t) {
  if (!atomic_load(&t->returning))
    return;
  atomic_store(&world.awaits_return, 1);
  while (atomic_load(&t->returning))
    pclnrt_sys_wait(&t->returning, 1, LATE_MS);
  atomic_store(&world.awaits_return, 0);
}

uint64_t pclnrt_world_stop(const struct pclnrt_context *context) {
  struct pclnrt_thread *me = pclnrt_this_thread;
  if (me && me->n_foreign == 0)
    leave(me, context, PCLNRT_THREAD_STOPPED);
  lock_world();
  for (struct pclnrt_thread *t = world.threads; t; t = t->next)
    let_return(t);
  const uint64_t start = pclnrt_sys_now_ns();
  atomic_store(stop_word(), 1);
  for (struct pclnrt_thread *t = world.threads; t; t = t->next)
    if (t != me)
      await(t);
  atomic_store(&world.stopped_by, pclnrt_sys_thread_id());
  return pclnrt_sys_now_ns() - start;
}

void pclnrt_world_start(void) {
  struct pclnrt_thread *me = pclnrt_this_thread;
  atomic_store(&world.stopped_by, 0);
  atomic_store(stop_word(), 0);
  pclnrt_sys_wake(stop_word(), INT32_MAX);
  unlock_world();
  if (me && me->n_foreign == 0)
    come_back(me);
}

bool pclnrt_world_is_mine(void) {
  return atomic_load(&world.stopped_by) == pclnrt_sys_thread_id();
}

struct pclnrt_thread *pclnrt_world_threads(void) {
  return world.threads;
}
