// SPDX-License-Identifier: Apache-2.0
//
// Several threads that allocate, each for itself and for the others: messages
// go through queues under locks, blocking is declared to the collector, every
// thread keeps a tree in a thread-local variable, and threads come and go.
// Arguments: threads, messages per thread, depth of the trees, generations.
#include "alloc.h"

struct tree {
  struct tree gcref *left, *right;
};
struct message {
  struct message gcref *next;
  struct tree gcref *load;
  long from, number;
  long payload[3];
};
struct queue {
  struct message gcref *first, *last;
  long n;
};

enum { MOST = 16 };

// Locks cannot live in the collector's memory only because nothing would
// destroy them; what they protect does.
static struct mailbox {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  struct queue gcref *queue;
} boxes[MOST];
static long n_threads, n_messages;
static unsigned depth;

static __thread struct tree gcref *mine;
static __thread struct {
  long sent;
  struct message gcref *latest;
} state;

static struct tree gcref *grow(unsigned d) {
  struct tree gcref *t = have(gc_new(struct tree));
  if (d > 0) {
    t->left = grow(d - 1);
    t->right = grow(d - 1);
  }
  return t;
}

static long fell(struct tree gcref *t) {
  if (!t)
    return 0;
  long n = 1 + fell(t->left) + fell(t->right);
  gc_free(t);
  return n;
}

// Begin and end of blocking stand in the frame that blocks.
static void lock(struct mailbox *b) {
  pclnrt_gc_foreign_begin();
  pthread_mutex_lock(&b->lock);
  pclnrt_gc_foreign_end();
}

static void await(struct mailbox *b) {
  pclnrt_gc_foreign_begin();
  pthread_cond_wait(&b->changed, &b->lock);
  pclnrt_gc_foreign_end();
}

static void send(struct mailbox *b, struct message gcref *m) {
  lock(b);
  struct queue gcref *q = b->queue;
  if (q->last)
    q->last->next = m;
  else
    q->first = m;
  q->last = m;
  q->n++;
  pthread_cond_signal(&b->changed);
  pthread_mutex_unlock(&b->lock);
}

static struct message gcref *receive(struct mailbox *b) {
  lock(b);
  while (b->queue->n == 0)
    await(b);
  struct queue gcref *q = b->queue;
  struct message gcref *m = q->first;
  q->first = m->next;
  if (!q->first)
    q->last = NULL;
  m->next = NULL;
  q->n--;
  pthread_mutex_unlock(&b->lock);
  return m;
}

// What a thread has seen; sums, so that the order in which messages arrive does
// not matter. Made by pthread_create's caller, not the collector's.
struct worker {
  pthread_t thread;
  long id;
  uint64_t check, nodes;
};

static struct message gcref *make_message(long from) {
  struct message gcref *m = have(gc_new(struct message));
  m->from = from;
  m->number = state.sent++;
  m->load = grow((unsigned)m->number % (depth + 1));
  for (int i = 0; i < 3; i++)
    m->payload[i] = from * 1000 + m->number + i;
  return m;
}

static void take(struct worker *w, struct message gcref *m) {
  for (int i = 0; i < 3; i++)
    if (m->payload[i] != m->from * 1000 + m->number + i) {
      fputs("a message has changed on its way\n", stderr);
      exit(1);
    }
  w->check += (uint64_t)(m->from + 1) * (uint64_t)(m->number + 7);
  w->nodes += (uint64_t)fell(m->load);
  m->load = NULL;
  if (state.latest)
    gc_free(state.latest);
  state.latest = m;
}

// Sends to all in turn and receives as many messages as it is sent; the number
// is known, so nobody waits forever.
static void *work(void *arg) {
  struct worker *w = arg;
  alloc_thread_begin(mine);
  alloc_thread_begin(state);
  mine = grow(depth);
  for (long i = 0; i < n_messages; i++) {
    struct message gcref *m = make_message(w->id);
    send(&boxes[(w->id + i) % n_threads], m);
    if (i % 4 == 0) {
      struct tree gcref *old = mine;
      mine = grow(depth);
      w->nodes += (uint64_t)fell(old);
    }
    take(w, receive(&boxes[w->id]));
  }
  w->nodes += (uint64_t)fell(mine);
  mine = NULL;
  gc_free(state.latest);
  state.latest = NULL;
  alloc_thread_end(mine);
  alloc_thread_end(state);
  return NULL;
}

static void join(pthread_t thread) {
  pclnrt_gc_foreign_begin();
  pthread_join(thread, NULL);
  pclnrt_gc_foreign_end();
}

static void generation(uint64_t *check, uint64_t *nodes) {
  struct worker workers[MOST] = {0};
  for (long i = 0; i < n_threads; i++) {
    workers[i].id = i;
    if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
      exit(3);
  }
  for (long i = 0; i < n_threads; i++) {
    join(workers[i].thread);
    *check += workers[i].check;
    *nodes += workers[i].nodes;
  }
}

int main(int argc, char **argv) {
  alloc_start();
  n_threads = alloc_size(argc, argv, 1, 4);
  n_messages = alloc_size(argc, argv, 2, 200);
  depth = (unsigned)alloc_size(argc, argv, 3, 4);
  long generations = alloc_size(argc, argv, 4, 2);
  if (n_threads < 1 || n_threads > MOST)
    return 2;
  n_messages -= n_messages % n_threads; // as many come as go
  for (long i = 0; i < n_threads; i++) {
    pthread_mutex_init(&boxes[i].lock, NULL);
    pthread_cond_init(&boxes[i].changed, NULL);
    boxes[i].queue = have(gc_new(struct queue));
  }
  uint64_t check = 0, nodes = 0;
  for (long i = 0; i < generations; i++)
    generation(&check, &nodes);
  printf("%ld threads, %ld messages, %llu nodes: %016llx\n", n_threads,
         n_messages, (unsigned long long)nodes, (unsigned long long)check);
  alloc_end();
  return 0;
}
