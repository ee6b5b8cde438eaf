// SPDX-License-Identifier: Apache-2.0
//
// Weak references: small objects whose one word, the reference, is hidden from
// marking. A list of all of them is looked at when marking is done, and those
// are cleared whose object was not reached: before finalizers are queued, so
// that nobody gets hold of an object whose finalizer is due.
//
// A weak reference that is itself garbage, or was cleared, leaves the list. The
// list is mapped memory and no root. Marking and clearing happen while the
// world is stopped, and the compiled code's references are precise at every
// place where it can be: so pclnrt_gc_weak_get is a plain load.
#include "collect.h"

struct gc_weak {
  uintptr_t target; // 0: gone
};

static struct {
  struct pclnrt_lock lock;
  struct gc_weak **list;
  size_t n, cap;
} weak;

enum { FIRST_CAP = 512 };

// With the lock.
static bool make_room(void) {
  if (weak.n < weak.cap)
    return true;
  const size_t cap = weak.cap ? 2 * weak.cap : FIRST_CAP;
  void *grown = weak.list
                    ? pclnrt_sys_remap(weak.list, weak.cap * sizeof *weak.list,
                                       cap * sizeof *weak.list)
                    : pclnrt_sys_map(cap * sizeof *weak.list);
  if (!grown)
    return false;
  weak.list = grown;
  weak.cap = cap;
  return true;
}

static bool add(struct gc_weak *w) {
  pclnrt_lock_take(&weak.lock);
  const bool room = make_room();
  if (room)
    weak.list[weak.n++] = w;
  pclnrt_lock_give(&weak.lock);
  return room;
}

struct gc_weak gcref *pclnrt_gc_weak_new(void gcref *obj) {
  struct pclnrt_thread *t = pclnrt_thread_here();
  if (!t)
    return NULL;
  // The caller may have no further use for obj, and the next line may collect.
  struct pclnrt_pin pin;
  pclnrt_pin(t, &pin, (uintptr_t)obj);
  struct gc_weak *w = pclnrt_gc_new_bytes(sizeof *w);
  pclnrt_unpin(t);
  if (!w || !add(w))
    return NULL;
  w->target = (uintptr_t)obj;
  return w;
}

void gcref *pclnrt_gc_weak_get(const struct gc_weak gcref *w) {
  return (void gcref *)w->target;
}

size_t pclnrt_weak_clear(void) {
  size_t n_cleared = 0, kept = 0;
  struct pclnrt_cell c;
  for (size_t i = 0; i < weak.n; i++) {
    struct gc_weak *w = weak.list[i];
    if (pclnrt_mark_misses((uintptr_t)w, &c))
      continue;
    if (pclnrt_mark_misses(w->target, &c)) {
      w->target = 0;
      n_cleared++;
    }
    if (w->target)
      weak.list[kept++] = w;
  }
  weak.n = kept;
  return n_cleared;
}
