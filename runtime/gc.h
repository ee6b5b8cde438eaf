// SPDX-License-Identifier: Apache-2.0
//
// A precise garbage collector for C.
//
//   #include <pclntab/gc.h>
//
//   struct node { struct node gcref *left, *right; int key; };
//
//   struct node gcref *n = gc_new(struct node);
//
//   clang-19 -O2 -fpass-plugin=pclntab-gc.so -c tree.c
//   clang-19 tree.o -fuse-ld=gold -Wl,-plugin,pclntab-ld.so -lpclnrt
//
// References. A `gcref` pointer is in address space 1. The compiler's plug-in
// follows it through locals, arguments, structs and arrays on the stack,
// globals and thread-locals, and tells the table where each one is at every
// call; nothing is registered by hand. It may point anywhere into an object,
// and one past the end of an array. Memory from malloc is not looked at: see
// pclnrt_gc_add_root. A reference kept only as an integer, or in memory that
// the collector does not know, keeps nothing alive.
//
// When a collection may happen. At each allocation, at each poll (the plug-in
// puts one in loops and recursions that may run without an allocation), and in
// the functions below that say so. All threads must reach one of these: a
// thread that may block elsewhere says so with pclnrt_gc_foreign_begin.
//
// Objects do not move. They are zeroed when new.
//
// Threads. A thread takes part from its first allocation or
// pclnrt_gc_thread_begin on until it ends. Functions here may be called from
// any thread that takes part, never from a signal handler.
//
// Environment: PCLNTAB_DEBUG=key=value,... with
//   gctrace=1       a line per collection on standard error
//   gcstress=SEED   collect at every allocation; the seed picks which finalizer
//                   and which thread goes first. 0: off
//   gcstress_every=N  with gcstress: at every Nth allocation only
//   gcdead=1        overwrite dead words of frames with 0x6969696969696969
//   gcpoison=1      fill freed memory with 0x6b, and check it when it is reused
//   gcforeign=scan  scan frames without maps word by word (default: fatal);
//                   for one call: pclnrt_gc_scan_foreign
//   gcdangling=ignore  a reference to where no object is (default: fatal) is
//                   none; for unions of integers and references
//   gcgoal=PERCENT  as pclnrt_gc_set_goal
//   gclimit=BYTES   as pclnrt_gc_set_limit
//   gcthreads=N     threads that mark; default: processors, at most 4
#ifndef PCLNTAB_GC_H
#define PCLNTAB_GC_H

#include "pclntab.h"

#if defined PCLNRT_BUILDING // the runtime itself, by any compiler
#define gcref
#define PCLNRT_GC_ANNOTATE(text)
#elif defined __clang__
#define gcref __attribute__((address_space(1)))
#define PCLNRT_GC_ANNOTATE(text) __attribute__((annotate(text)))
#else
#error "gc.h needs clang: references are pointers in address space 1"
#endif

// Marks a function (declaration or definition) that neither allocates nor polls
// nor calls what does: calls to it need no map and cost nothing. A collection
// that meets such a call on the stack is a fatal error.
#define gc_leaf PCLNRT_GC_ANNOTATE("pclntab.leaf")

// A translation unit that includes this header must be compiled with the
// plug-in: it turns this record (kind 5) into kind 6, and the linker plugin
// refuses objects where it stands. See format.h, "Annotations".
#ifndef PCLNRT_BUILDING
__asm__(".pushsection .debug_pclntab,\"\",%progbits\n"
        "770: .short 0x4350\n .byte 1, 5\n .long 771f - 770b\n .quad 0\n"
        " .asciz \"" __BASE_FILE__ "\"\n .p2align 2\n771:\n"
        ".popsection\n"
        // Says the same where strip has taken the record away, and at run time.
        ".pushsection .note.pclntab.gc,\"a\",%note\n"
        " .p2align 2\n .long 8, 0, 2\n .asciz \"pclntab\"\n"
        ".popsection\n");
#endif

#ifdef __cplusplus
extern "C" {
#endif

// --- Types -------------------------------------------------------------------

// What the collector knows of a type. Made by the compiler's plug-in.
struct pclnrt_gc_type {
  uint64_t size;        // bytes
  uint64_t pointers;    // bit i: word i is a plain reference; only words below
                        // 64, only if `codes_only` is not set
  uint32_t n_words;     // words up to the last that may hold a reference
  uint32_t codes_only;  // 1: look at `codes`: more than 64 words, or strings,
                        // slices or interfaces
  const uint8_t *codes; // two-bit entries of n_words words (format.h)
  const char *name;     // as in the source, "struct node"
};

// Types with a meaning of their own, recognised by their names: a string of
// length 0 and a slice of capacity 0 keep nothing alive, a string's bytes are
// not looked at, and an interface's data is a reference only if its type says
// so (it has references, or is larger than a pointer).
struct gc_string {
  char gcref *data;
  size_t len;
};
struct gc_slice {
  void gcref *data;
  size_t len, cap;
};
struct gc_itab {
  const struct pclnrt_gc_type *type;
};
struct gc_iface {
  const struct gc_itab *tab;
  void gcref *data;
};
struct gc_eface {
  const struct pclnrt_gc_type *type;
  void gcref *data;
};

// The descriptor of type T, a constant. The plug-in replaces the call by it;
// without the plug-in, the link ends with the name that says so.
const struct pclnrt_gc_type *pclnrt_gc_type_needs_the_plugin(const void *probe,
                                                             const char *name);
#ifdef __cplusplus
extern "C++" {
// No variable, so that T may be any class: pointer arithmetic shows the type.
template <class T>
inline const struct pclnrt_gc_type *pclnrt_gc_type_of(const T *none = nullptr) {
  return pclnrt_gc_type_needs_the_plugin(none + 1, __PRETTY_FUNCTION__);
}
}
#define gc_type(T) pclnrt_gc_type_of<T>()
#else
#define gc_type(T)                                                             \
  __extension__({                                                              \
    static __typeof__(T) pclnrt_gc_probe;                                      \
    pclnrt_gc_type_needs_the_plugin(&pclnrt_gc_probe, #T);                     \
  })
#endif

// --- Allocation --------------------------------------------------------------

// A new T; an array of n T; a T whose flexible array member `member` has n
// elements; n bytes without references. Null: memory or the limit is exhausted,
// also after a collection, or the size overflows.
#define gc_new(T) ((T gcref *)pclnrt_gc_new(gc_type(T)))
#define gc_new_array(T, n)                                                     \
  ((T gcref *)(__alignof__(T) > 8 ? pclnrt_gc_new_array16                      \
                                  : pclnrt_gc_new_array)(gc_type(T), (n)))
#define gc_new_flex(T, member, n)                                              \
  ((T gcref *)(__alignof__(T) > 8 ? pclnrt_gc_new_flex16                       \
                                  : pclnrt_gc_new_flex)(                       \
      gc_type(T), gc_type(__typeof__(((T *)0)->member[0])),                    \
      __builtin_offsetof(T, member), (n)))
#define gc_new_bytes(n) ((void gcref *)pclnrt_gc_new_bytes(n))

PCLN_API void gcref *pclnrt_gc_new(const struct pclnrt_gc_type *type);
PCLN_API void gcref *pclnrt_gc_new_array(const struct pclnrt_gc_type *type,
                                         size_t n);
// `elem` repeats from byte `off` on, n times; `type` describes what is before.
PCLN_API void gcref *pclnrt_gc_new_flex(const struct pclnrt_gc_type *type,
                                        const struct pclnrt_gc_type *elem,
                                        size_t off, size_t n);
// The same for types that must be aligned to 16 bytes, not 8. Bytes always are.
PCLN_API void gcref *pclnrt_gc_new_array16(const struct pclnrt_gc_type *type,
                                           size_t n);
PCLN_API void gcref *pclnrt_gc_new_flex16(const struct pclnrt_gc_type *type,
                                          const struct pclnrt_gc_type *elem,
                                          size_t off, size_t n);
PCLN_API void gcref *pclnrt_gc_new_bytes(size_t n);

// The bytes of the object that `p` points into, as allocated (rounded up), and
// its first byte. 0 and null: p is no reference to a live object.
PCLN_API size_t pclnrt_gc_object(const void gcref *p, void gcref **first);

// --- Collecting --------------------------------------------------------------

// Collects now, and returns when all of it is swept. Finalizers run later.
PCLN_API void pclnrt_gc_collect(void);
// A poll, as the plug-in inserts it when pclnrt_gc_stop is not 0.
PCLN_API void pclnrt_gc_poll(void);
PCLN_API extern uint32_t pclnrt_gc_stop;

// The heap may grow by so many percent of what was live before the next
// collection (default 100). Returns the previous goal; < 0: never collect but
// at the limit and on request.
PCLN_API int pclnrt_gc_set_goal(int percent);
// The most bytes that objects may take, 0 (default): no limit. Returns the
// previous limit.
PCLN_API size_t pclnrt_gc_set_limit(size_t bytes);
// Gives free memory back to the system now. Collections do so by and by.
PCLN_API size_t pclnrt_gc_trim(void);

struct pclnrt_gc_stats {
  uint64_t n_collections;
  uint64_t allocated_bytes, allocated_objects; // since the start
  uint64_t live_bytes, live_objects;           // after the last collection
  uint64_t heap_bytes;                         // mapped for objects now
  uint64_t peak_heap_bytes;
  uint64_t returned_bytes; // given back to the system so far
  uint64_t pause_ns_total, pause_ns_max;
  // Pauses by length: [i] counts those of 2^i to 2^(i+1) microseconds, [0] also
  // shorter ones.
  uint64_t pauses[24];
  uint64_t mark_ns, sweep_ns;           // all threads together
  uint64_t frames, root_words, root_ns; // scanned in all collections
  uint64_t foreign_frames;              // scanned word by word
  uint64_t finalizers_run, weak_cleared;
};
PCLN_API void pclnrt_gc_get_stats(struct pclnrt_gc_stats *out);

// Walks the whole heap with the world stopped and checks every invariant; every
// reference in every live object leads to a live object or to none. Returns the
// number of faults, each reported to `sink` (which may be null).
PCLN_API size_t pclnrt_gc_check(const struct pcln_sink *sink);

// --- Finalizers and weak references ------------------------------------------

// Once `obj` (its first byte) is unreachable, `fn(obj, arg)` is called, once,
// on the thread that calls pclnrt_gc_finalize or on the collector's own; it may
// make obj reachable again, and may set a finalizer anew. All objects that obj
// leads to stay until it ran. Of objects that lead to one another, the ones
// that no other finalizable object leads to go first; a cycle of them is never
// finalized and never freed. Null `fn` takes it away. PCLN_NOT_FOUND: obj is
// not the first byte of an object. PCLN_NO_MEMORY.
typedef void pclnrt_gc_finalizer(void gcref *obj, void *arg);
PCLN_API PCLN_MUST_CHECK enum pcln_status
pclnrt_gc_set_finalizer(void gcref *obj, pclnrt_gc_finalizer *fn, void *arg);
// Runs finalizers that are due, here and now. Returns how many. From the first
// call on the program runs them so; without it they run on a thread of the
// collector's, which starts when the first is due.
PCLN_API size_t pclnrt_gc_finalize(void);

// A weak reference: an object of the collector's that does not keep `obj`
// alive. Cleared before obj's finalizer runs. Null: out of memory.
struct gc_weak;
PCLN_API struct gc_weak gcref *pclnrt_gc_weak_new(void gcref *obj);
// The object, or null when it is gone.
PCLN_API void gcref *pclnrt_gc_weak_get(const struct gc_weak gcref *weak);

// --- Memory that the compiler does not see -----------------------------------

// Every word of p[0 .. len) may hold a reference until it is removed; for
// memory from malloc or mmap. Words are checked, so they may hold anything.
// PCLN_NO_MEMORY; PCLN_NOT_FOUND: was not added.
PCLN_API PCLN_MUST_CHECK enum pcln_status pclnrt_gc_add_root(void *p,
                                                             size_t len);
PCLN_API PCLN_MUST_CHECK enum pcln_status pclnrt_gc_remove_root(void *p);

// Whether collections take each word of this thread's frames without maps for a
// reference (true), or end the process where such a word may be one that keeps
// an object alive (false, the default). Returns what held before, to be put
// back behind a call of code that was compiled elsewhere and calls back, or
// where a longjmp or an exception that left it arrives:
//
//   bool before = pclnrt_gc_scan_foreign(true);
//   qsort(...);
//   pclnrt_gc_scan_foreign(before);
//
// Out of memory, for a thread that takes no part yet: nothing changes.
PCLN_API bool pclnrt_gc_scan_foreign(bool scan);

// --- Threads -----------------------------------------------------------------

// Takes part from here on; done by itself at the first allocation. A thread's
// end takes it out by itself. PCLN_NO_MEMORY.
PCLN_API PCLN_MUST_CHECK enum pcln_status pclnrt_gc_thread_begin(void);
PCLN_API void pclnrt_gc_thread_end(void);

// Between the two, the thread runs or blocks in code that touches no reference
// (a system call, a lock): collections do not wait for it. References that it
// holds stay. pclnrt_gc_foreign_end waits for a running collection.
PCLN_API void pclnrt_gc_foreign_begin(void);
PCLN_API void pclnrt_gc_foreign_end(void);

#ifdef __cplusplus
}
#endif
#endif
