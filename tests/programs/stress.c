// SPDX-License-Identifier: Apache-2.0
//
// Walks at the worst moments: stress MODE COUNT PLUGIN.
//
//   malloc   a timer's handler walks while the program is in malloc and free
//   dlopen   ... while it loads and unloads PLUGIN
//   self     ... while it walks and prints tracebacks itself
//   threads  threads load and unload PLUGIN and walk through it, all at once
//
// COUNT is that of walks, or, for threads, of loads. Each walk must reach the
// outermost frame; in a handler, one in a hundred may end with a reason that
// docs/runtime.md names as possible anywhere. Exit status 0: so it was.
#include "pclnrt.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_FRAMES = 256, N_THREADS = 4, N_STOPS = 16 };

static atomic_ulong stops[N_STOPS];
static atomic_ulong n_walks, n_loads, n_errors;
static unsigned long limit;
static const char *plugin;

static void walk(struct pclnrt_cursor *c) {
  struct pclnrt_frame f;
  unsigned n = 0;
  while (n < MAX_FRAMES && pclnrt_step(c, &f))
    n++;
  atomic_fetch_add(&stops[c->stop], 1);
  atomic_fetch_add(&n_walks, 1);
}

// --- In a handler ------------------------------------------------------------

static timer_t timer;

static void arm_timer(void) {
  static unsigned ns;
  ns = ns * 1103515245 + 12345;
  const struct itimerspec once = {.it_value = {0, 15000 + (ns >> 16) % 30000}};
  timer_settime(timer, 0, &once, NULL);
}

static void on_timer(int sig, siginfo_t *info, void *ucontext) {
  (void)sig, (void)info;
  struct pclnrt_cursor c;
  pclnrt_cursor_ucontext(&c, ucontext);
  walk(&c);
  pclnrt_cursor_here(&c);
  walk(&c);
  char text[4096];
  pclnrt_cursor_ucontext(&c, ucontext);
  const size_t n = pclnrt_traceback_buf(text, sizeof text, &c);
  if (n < 20 || strncmp(text, "goroutine 1 [running]:\n", 23) != 0)
    atomic_fetch_add(&n_errors, 1);
  if (atomic_load(&n_walks) < limit)
    arm_timer();
}

static void start_timer(void) {
  struct sigaction act = {.sa_flags = SA_SIGINFO | SA_RESTART};
  act.sa_sigaction = on_timer;
  sigaction(SIGPROF, &act, NULL);
  struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGPROF};
  if (timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0) {
    perror("timer_create");
    exit(2);
  }
  arm_timer();
}

// --- What is interrupted -----------------------------------------------------

static void use_malloc(void) {
  void *p[64];
  for (size_t i = 0; i < 64; i++)
    p[i] = malloc((i * 797) % 70000);
  for (size_t i = 0; i < 64; i++)
    free(p[(i * 37) % 64]);
}

static int walk_here(void *arg) {
  (void)arg;
  struct pclnrt_cursor c;
  pclnrt_cursor_here(&c);
  walk(&c);
  return c.stop == PCLNRT_OUTERMOST;
}

typedef int (*plugin_fn)(int (*fn)(void *), void *arg);

static void use_plugin(void) {
  void *handle = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
  plugin_fn call;
  *(void **)&call = handle ? dlsym(handle, "plugin_call") : NULL;
  if (!call || !call(walk_here, NULL))
    atomic_fetch_add(&n_errors, 1);
  if (handle)
    dlclose(handle);
  atomic_fetch_add(&n_loads, 1);
}

static void use_ourselves(void) {
  struct pclnrt_cursor c;
  char text[4096];
  uint64_t pcs[MAX_FRAMES];
  pclnrt_cursor_here(&c);
  if (pclnrt_traceback_buf(text, sizeof text, &c) < 20 ||
      pclnrt_backtrace(pcs, MAX_FRAMES) < 3)
    atomic_fetch_add(&n_errors, 1);
}

static void *thread_main(void *arg) {
  const size_t me = (size_t)(uintptr_t)arg;
  while (atomic_load(&n_loads) < limit)
    if (me % 2)
      use_plugin();
    else
      walk_here(NULL);
  return NULL;
}

static void use_threads(void) {
  pthread_t t[N_THREADS];
  for (size_t i = 0; i < N_THREADS; i++)
    if (pthread_create(&t[i], NULL, thread_main, (void *)(uintptr_t)i) != 0)
      exit(2);
  for (size_t i = 0; i < N_THREADS; i++)
    pthread_join(t[i], NULL);
}

// --- Judging -----------------------------------------------------------------

static int judge(bool in_handler) {
  const unsigned long all = atomic_load(&n_walks);
  unsigned long excused = 0, wrong = 0;
  for (int i = 0; i < N_STOPS; i++) {
    const unsigned long n = atomic_load(&stops[i]);
    if (n == 0)
      continue;
    printf("%lu walks: %s\n", n, pclnrt_stop_text((enum pclnrt_stop)i));
    if (i == PCLNRT_NEEDS_REGISTER || i == PCLNRT_NOT_UNWINDABLE)
      excused += n;
    else if (i != PCLNRT_OUTERMOST)
      wrong += n;
  }
  printf("%lu errors\n", atomic_load(&n_errors));
  return wrong || atomic_load(&n_errors) ||
         excused > (in_handler ? all / 100 : 0);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*use)(void);
    bool in_handler;
  } modes[] = {{"malloc", use_malloc, true},
               {"dlopen", use_plugin, true},
               {"self", use_ourselves, true},
               {"threads", use_threads, false}};
  if (argc != 4)
    return 2;
  limit = strtoul(argv[2], NULL, 10);
  plugin = argv[3];
  for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
    if (strcmp(argv[1], modes[i].name) == 0) {
      if (modes[i].in_handler)
        start_timer();
      do
        modes[i].use();
      while (modes[i].in_handler && atomic_load(&n_walks) < limit);
      return judge(modes[i].in_handler);
    }
  return 2;
}
