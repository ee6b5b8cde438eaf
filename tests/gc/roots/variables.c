// SPDX-License-Identifier: Apache-2.0
//
// Roots in variables (variables.S): of the program and of a plug-in that is
// loaded, used and unloaded while others know of it. Usage: variables [PLUGIN]
#include "seen.h"

#include <dlfcn.h>
#include <pthread.h>

#define REF(n) ((uintptr_t)0x7e57000000000000 + (n)*0x1000)

extern uintptr_t main_table[6], main_text[3];
extern _Thread_local uintptr_t main_own[2];

static struct seen seen;

static void note_variable(void *ctx, const struct pclnrt_root *r) {
  (void)ctx;
  if (seen.n_roots == MAX_SEEN)
    abort();
  CHECK(!r->base && r->frame->table && !r->frame->sp);
  seen.roots[seen.n_roots++] =
      (struct seen_root){.value = *r->slot, .slot = r->slot, .kind = r->kind};
}

// Dead words of variables are not poisoned: their owners need not be dead.
static const struct pclnrt_root_visitor visitor = {.root = note_variable,
                                                   .poison_dead = true};
static const struct pcln_sink sink = {note_report, &seen};

static void look_at_globals(void) {
  memset(&seen, 0, sizeof seen);
  CHECK(pclnrt_roots_globals(&visitor, &seen.stats, &sink) == PCLN_OK);
  CHECK(seen.stats.roots == seen.n_roots);
}

static void look_at_tls(const struct pclnrt_tls_blocks *blocks) {
  memset(&seen, 0, sizeof seen);
  CHECK(pclnrt_roots_tls(blocks, &visitor, &seen.stats, &sink) == PCLN_OK);
}

static bool saw(const uintptr_t *slot, uintptr_t value,
                enum pcln_word_kind kind) {
  for (size_t i = 0; i < seen.n_roots; i++)
    if (seen.roots[i].slot == slot)
      return seen.roots[i].value == value && seen.roots[i].kind == kind;
  return false;
}

static void globals(void) {
  for (unsigned i = 0; i < 6; i++)
    main_table[i] = REF(i);
  main_text[0] = REF(7);
  main_text[1] = REF(8);
  look_at_globals(); // the string is empty
  CHECK(seen.n_roots == 3);
  for (int i = 0; i < 6; i += 2)
    CHECK(saw(&main_table[i], REF(i), PCLN_WORD_POINTER));
  main_text[2] = 1;
  main_table[2] = 0;
  look_at_globals();
  CHECK(seen.n_roots == 3);
  CHECK(saw(&main_text[1], REF(8), PCLN_WORD_STRING));
  main_table[2] = REF(2);
}

// --- Threads -----------------------------------------------------------------

static struct pclnrt_tls_blocks here, there;
static struct pthread_barrier { pthread_barrier_t ready, go; } at;
static uintptr_t *theirs;

static void *other_thread(void *arg) {
  main_own[0] = REF(20);
  main_own[1] = REF(21);
  theirs = main_own;
  CHECK(pclnrt_roots_tls_here(&there) == PCLN_OK);
  pthread_barrier_wait(&at.ready);
  pthread_barrier_wait(&at.go);
  return arg;
}

static void threads(void) {
  pthread_t t;
  main_own[0] = REF(10);
  main_own[1] = REF(11);
  CHECK(pclnrt_roots_tls_here(&here) == PCLN_OK);
  CHECK(here.n == 1 && here.of[0].block);
  look_at_tls(&here);
  CHECK(seen.n_roots == 1 && saw(&main_own[1], REF(11), PCLN_WORD_POINTER));
  pthread_barrier_init(&at.ready, NULL, 2);
  pthread_barrier_init(&at.go, NULL, 2);
  CHECK(pthread_create(&t, NULL, other_thread, NULL) == 0);
  pthread_barrier_wait(&at.ready);
  look_at_tls(&there);
  CHECK(seen.n_roots == 1 && saw(&theirs[1], REF(21), PCLN_WORD_POINTER));
  pthread_barrier_wait(&at.go);
  pthread_join(t, NULL);
}

// --- A plug-in
// -----------------------------------------------------------------

static void unloaded(void) {
  look_at_globals();
  CHECK(seen.n_roots == 4);
  look_at_tls(&here); // of before
  CHECK(seen.n_roots == 1 && saw(&main_own[1], REF(11), PCLN_WORD_POINTER));
  CHECK(pclnrt_roots_tls_here(&here) == PCLN_OK);
  CHECK(here.n == 1);
}

static void plugin(const char *path) {
  void *handle = dlopen(path, RTLD_NOW);
  if (!handle) {
    fprintf(stderr, "%s\n", dlerror());
    failures++;
    return;
  }
  uintptr_t *table = dlsym(handle, "plug_table");
  table[4] = REF(30);
  // Nobody has looked up a pc in it.
  CHECK(pclnrt_roots_tls_here(&here) == PCLN_OK);
  look_at_globals();
  CHECK(seen.n_roots == 5 && saw(&table[4], REF(30), PCLN_WORD_POINTER));
  // Its thread-local variables come into being when they are first used.
  CHECK(here.n == 2);
  uintptr_t *own = dlsym(handle, "plug_own");
  own[1] = REF(31);
  CHECK(pclnrt_roots_tls_here(&here) == PCLN_OK);
  look_at_tls(&here);
  CHECK(seen.n_roots == 2 && saw(&own[1], REF(31), PCLN_WORD_POINTER));
  CHECK(dlclose(handle) == 0);
  CHECK(!dlopen(path, RTLD_NOW | RTLD_NOLOAD));
  unloaded();
}

int main(int argc, char **argv) {
  globals();
  threads();
  if (argc > 1)
    for (int i = 0; i < 3; i++)
      plugin(argv[1]);
  return failures != 0;
}
