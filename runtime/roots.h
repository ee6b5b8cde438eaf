// SPDX-License-Identifier: Apache-2.0
//
// Roots: every word outside of the heap that holds a live reference, found
// through the tables. For any collector: ours (collect.c) is one user. Slots
// may be rewritten, so a moving collector can use it too.
//
// Who may be looked at. The calling thread (a cursor from pclnrt_cursor_here),
// or one that is stopped at a safepoint (a cursor from its saved registers).
// A frame of compiled code is described only at the return address of a call
// that may collect, so every frame must stand at one.
//
// Frames without maps. Functions of modules or objects that no compiler
// described (libc's qsort between two of ours) go to `words` as a whole, with
// what described callers pass to them on the stack; what to do with them is the
// collector's decision. Left out are the frames of the runtime (functions
// called pclnrt_*, and whatever they call but through pclnrt_gc_call_out), and
// libc's at the outer end of a stack, which start the thread: they hold no
// reference that the runtime does not know of.
//
// Registers. A frame without maps may keep a reference in a register that its
// callees save; where, call frame information tells. Of those that no frame of
// the walk has saved, the visitor gives the values; or whoever makes the cursor
// stores them in its own frame, with which the walk begins
// (__builtin_unwind_init() does it).
//
// But for pclnrt_roots_tls_here, nothing here allocates, locks or prints, so it
// may run while the world is stopped; different stacks may be visited by
// different threads at once. Any doubt ends the walk with a status other than
// PCLN_OK and one report: a missed root is a freed live object.
#ifndef PCLNTAB_ROOTS_H
#define PCLNTAB_ROOTS_H

#include "pclnrt.h"
#include "stackmap.h"

#ifdef __cplusplus
extern "C" {
#endif

// Where a root is.
struct pclnrt_root_frame {
  uint64_t pc, sp, cfa;           // sp at the call; 0 for variables
  const struct pcln_table *table; // null: of no table
  uint32_t func_idx; // frames with a table: the function, for pcln_func_at()
  bool foreign;      // no maps
};

struct pclnrt_root {
  uintptr_t *slot; // holds the reference, which is not null
  // Holds the pointer from which *slot was derived; null: *slot is itself a
  // base, or an interior pointer that stands alone. The derived pointers of a
  // frame come before its other words, so while *base is as the program left
  // it: a moving collector makes *slot base' + (*slot - *base), and gets the
  // base's own slot later.
  uintptr_t *base;
  enum pcln_word_kind kind; // POINTER: scan the object. STRING: keep its bytes,
                            // do not look into them. SLICE, IFACE, EFACE: scan
  const struct pclnrt_root_frame *frame;
};

struct pclnrt_root_visitor {
  void *ctx;
  void (*root)(void *ctx, const struct pclnrt_root *root);
  // Words that may be anything: of a frame without maps, or one that its
  // FUNCDATA_GC or an old map calls conservative.
  void (*words)(void *ctx, uintptr_t *lo, uintptr_t *hi,
                const struct pclnrt_root_frame *frame);
  // The values, where the walk begins, of the registers that callees save, in
  // the order of PCLNRT_SAVED_REGISTERS (context_x86_64.h: rbp, rbx, r12 to
  // r15); null: the first frame has stored them.
  const uintptr_t *registers;
  // Whether the data word of an interface of this type is a reference; null:
  // `type` is a struct pclnrt_gc_type.
  bool (*boxed)(void *ctx, const void *type);
  // Store 0x6969696969696969 into dead words of frames (gcdead=1).
  bool poison_dead;
};

// What was seen. The caller zeroes it; counts are added.
struct pclnrt_root_stats {
  uint64_t frames, foreign_frames, roots, words, dead;
};

// Every frame from the cursor to the thread's outermost one. `sink` gets the
// one report. PCLN_NOT_FOUND: the unwinder stopped before the outermost frame,
// or a frame stands where no collection may start. PCLN_CORRUPT: a map cannot
// be read, or a slice has a capacity below its length.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pclnrt_roots_stack(struct pclnrt_cursor *c, const struct pclnrt_root_visitor *v,
                   struct pclnrt_root_stats *stats,
                   const struct pcln_sink *sink);

// Every variable in static storage, of all loaded modules with a table.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pclnrt_roots_globals(const struct pclnrt_root_visitor *v,
                     struct pclnrt_root_stats *stats,
                     const struct pcln_sink *sink);

// Thread-local variables. Each thread finds out where its own are
// (pclnrt_roots_tls_here, which takes the dynamic linker's lock and may be slow
// once after a dlopen), before it stops; another thread may then visit them.
// It also registers modules loaded since, whose variables in static storage
// pclnrt_roots_globals would not know of otherwise.
enum { PCLNRT_TLS_MODULES = 32 };
struct pclnrt_tls_blocks { // the caller owns it, zeroed at first
  uint64_t generation;
  uint32_t n;
  struct {
    const struct pcln_table *table;
    uintptr_t block; // 0: the thread has not used it yet
  } of[PCLNRT_TLS_MODULES];
};
// PCLN_LIMIT: more modules have thread-local roots than there is room for.
PCLN_API PCLN_MUST_CHECK enum pcln_status
pclnrt_roots_tls_here(struct pclnrt_tls_blocks *blocks);
PCLN_API PCLN_MUST_CHECK enum pcln_status
pclnrt_roots_tls(const struct pclnrt_tls_blocks *blocks,
                 const struct pclnrt_root_visitor *v,
                 struct pclnrt_root_stats *stats, const struct pcln_sink *sink);

// Calls fn(a, b). Every call by which a runtime leaves for code that may hold
// references (a finalizer) goes through it, so that frames of that code are not
// taken for the runtime's.
PCLN_API void pclnrt_gc_call_out(void (*fn)(void *a, void *b), void *a,
                                 void *b);

#ifdef __cplusplus
}
#endif
#endif
