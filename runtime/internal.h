// SPDX-License-Identifier: Apache-2.0
//
// What the files of the runtime share. Functions are listed under the file
// that defines them. Everything but what says "set-up" may run in a signal
// handler: no malloc, no stdio, no locks, errno untouched.
//
// How data is published. Readers take no lock and cannot be stopped, since the
// reader may be a handler on top of the writer. So shared data only grows:
// it is filled first and then published by one atomic store or compare and
// exchange with release order; readers load with acquire order. Two writers of
// the same thing both succeed; the loser's copy is wasted, never wrong.
// Published memory is never unmapped.
#ifndef PCLNRT_INTERNAL_H
#define PCLNRT_INTERNAL_H

#include "pclnrt.h"

#include <stdatomic.h>
#include <stddef.h>

// Declared hidden, and not only defined so: else each use goes through the GOT.
#pragma GCC visibility push(hidden)

// --- sys_linux.c: the only system calls --------------------------------------

enum { PCLNRT_PAGE = 4096 }; // the smallest page; larger ones are multiples

// Zeroed private memory, or null.
void *pclnrt_sys_map(size_t len);
// Grows or shrinks memory from pclnrt_sys_map; null: it stays as it was.
void *pclnrt_sys_remap(void *mem, size_t old_len, size_t new_len);
void pclnrt_sys_unmap(void *mem, size_t len);
// Makes the lowest page of memory from pclnrt_sys_map a guard page.
bool pclnrt_sys_guard(void *mem);
// Addresses without memory behind them, or null; then memory (zeroed, if new)
// for a part of them; then none again, the addresses kept. False: no memory.
void *pclnrt_sys_reserve(size_t len);
bool pclnrt_sys_commit(void *mem, size_t len);
bool pclnrt_sys_forget(void *mem, size_t len);
// Asks for huge pages behind it, where the system has them: for what will be
// touched; or for what has been too, whose pages are replaced.
void pclnrt_sys_prefer_huge(void *mem, size_t len);
void pclnrt_sys_make_huge(void *mem, size_t len);
// Bytes of addresses that the process may still take (RLIMIT_AS); UINT64_MAX:
// no limit.
uint64_t pclnrt_sys_addresses_left(void);
// Whether the 8 bytes at `addr`, which lie in one page, can be read.
bool pclnrt_sys_readable(uint64_t addr);
// Copies memory that may vanish meanwhile; false: not all of it was readable.
bool pclnrt_sys_copy(void *to, uint64_t from, size_t len);
// Maps a whole file for reading; PCLN_NOT_FOUND: there is none.
PCLN_MUST_CHECK enum pcln_status pclnrt_sys_map_file(const char *path,
                                                     struct pcln_span *out);
// The program's path into buf[0 .. len) with a NUL; false: unknown, or longer.
bool pclnrt_sys_program_path(char *buf, size_t len);
// Writes all bytes, or gives up on an error.
void pclnrt_sys_write(int fd, const char *bytes, size_t len);
int pclnrt_sys_thread_id(void);
bool pclnrt_sys_is_main_thread(void);
void pclnrt_sys_sleep_ms(unsigned ms);
// Blocks while *word is `value`, at most `ms` milliseconds (0: for ever); may
// return earlier. Wakes up to n threads that wait so.
void pclnrt_sys_wait(_Atomic uint32_t *word, uint32_t value, unsigned ms);
void pclnrt_sys_wake(_Atomic uint32_t *word, int n);
// Sends a signal to one thread of this process.
void pclnrt_sys_signal_thread(int id, int sig);
void pclnrt_sys_yield(void);
// Nanoseconds of a clock that only runs forward.
uint64_t pclnrt_sys_now_ns(void);
// Processors that this process may run on; at least 1.
unsigned pclnrt_sys_processors(void);
// Queues the signal `info` (a siginfo_t) describes for the calling thread.
void pclnrt_sys_requeue(int sig, void *info);

// A loaded object, as the dynamic linker describes it.
struct pclnrt_object {
  uint64_t bias;
  const void *phdrs; // program headers in memory; a user that may race with
  size_t n_phdrs;    // dlclose copies them first
  const char *path;  // as the dynamic linker has it: "" for the program
  bool is_program;   // registry.c's: set before the path is made a real one
  // pclnrt_sys_each_object: the calling thread's block of its thread-local
  // variables; 0: it has none, or none yet.
  uint64_t tls_block;
  // What tells one load of an object from the next; 0 where the system has
  // no pclnrt_sys_find_object.
  uint64_t link_map, map_start, map_end, eh_hdr;
};
// The loaded object that covers `pc`. *phdrs and *path are not set.
bool pclnrt_sys_find_object(uint64_t pc, struct pclnrt_object *out);
// Whether pclnrt_sys_find_object works on this system.
bool pclnrt_sys_can_find_object(void);
// Fills bias, program headers and path of an object that was just found, from
// memory that may vanish. The headers go to `phdr_buf`, the path to
// `path_buf`; false: it did vanish, or something does not fit.
bool pclnrt_sys_object_details(struct pclnrt_object *o, void *phdr_buf,
                               size_t phdr_len, char *path_buf,
                               size_t path_len);
// Set-up: calls `fn` for each loaded object; takes the dynamic linker's lock.
void pclnrt_sys_each_object(void (*fn)(void *ctx,
                                       const struct pclnrt_object *o),
                            void *ctx);
// Set-up: a number that changes when objects are loaded or unloaded.
uint64_t pclnrt_sys_load_generation(void);
// Set-up: an address at the very end of the main thread's stack.
uint64_t pclnrt_sys_main_stack_end(void);

// --- image.c: what a loaded object's headers say -----------------------------

struct pclnrt_image {
  uint64_t lo, hi;           // addresses of all segments
  uint64_t text_lo, text_hi; // of the executable ones
  uint64_t bias;
  struct pcln_span blob;     // bytes of our segment, or absent
  struct pcln_span eh_frame; // to the end of its segment, or absent
  // The search table of .eh_frame_hdr, in its usual form: sorted pairs of i32,
  // code and FDE, in bytes from eh_hdr. Absent: there is no such table.
  uint64_t eh_hdr;
  struct pcln_span eh_table;
  struct pcln_span build_id;
  bool uses_gc; // it has PCLN_GC_NOTE_TYPE
  // .dynsym, or absent
  const uint8_t *symtab;
  uint32_t n_syms;
  struct pcln_span strtab;
};
// PCLN_UNSUPPORTED: not an object that this runtime can describe.
PCLN_MUST_CHECK enum pcln_status
pclnrt_image_read(const struct pclnrt_object *o, struct pclnrt_image *out);
// The .dynsym function that covers `pc`, or null.
const char *pclnrt_image_symbol(const struct pclnrt_image *image, uint64_t pc,
                                uint64_t *entry);

// --- ehframe.c: rules for objects without a table ----------------------------

// Sorted rows: row i holds from off[i] to off[i + 1], bytes from the object's
// lowest address. 6 bytes a row, in two arrays.
struct pclnrt_rows {
  const uint32_t *off;
  const uint16_t *rule; // pclnrt_rules; 0: nothing is known
  uint32_t n;
};
// Converts the .eh_frame in `bytes`, which is (or is a copy of what is) at
// address `va`, for code in [lo, hi). Malformed entries are left out.
PCLN_MUST_CHECK enum pcln_status pclnrt_rows_build(struct pcln_span bytes,
                                                   uint64_t va, uint64_t lo,
                                                   uint64_t hi,
                                                   struct pclnrt_rows *out);
// The rule number at `off`; 0: none.
uint32_t pclnrt_rows_find(const struct pclnrt_rows *rows, uint32_t off);

// --- rules.c: distinct rules, and the cache from pc to rule ------------------

// A number that stands for the rule, the same for equal rules; 0: no room.
uint32_t pclnrt_rule_number(const struct pcln_rule *rule);

enum {
  PCLNRT_MAX_RULES = 1 << 16,
  PCLNRT_CACHE_BITS = 14,
  PCLNRT_MAX_MODULES = 1 << 14,
};
extern struct pcln_rule pclnrt_rules[PCLNRT_MAX_RULES];

// One word for a pc and its rule, so that a reader never sees halves of two
// writes:
//   bits 0 to 31   bytes from the module's lowest address
//   bits 32 to 47  the rule, packed or by number
//   bits 48 to 61  the module's number
//   bit 63         the rule is a number of pclnrt_rules
// A packed rule says what nearly all frames need, and saves a load that the
// next frame's pc would wait for: bits 0 to 10 cfa_off in words, 11 to 14 how
// many words below the CFA the caller's FP is saved (0: not saved), 15 whether
// the CFA is found by FP and not SP. The return address is below the CFA.
enum {
  PCLNRT_WORD_RULE = 32,
  PCLNRT_WORD_MODULE = 48,
  PCLNRT_PACKED_CFA_MASK = 0x7ff,
  PCLNRT_PACKED_FP_SHIFT = 11,
  PCLNRT_PACKED_FP_MASK = 0xf,
  PCLNRT_PACKED_BY_FP = 1 << 15,
};
#define PCLNRT_WORD_NUMBERED (UINT64_C(1) << 63)
extern _Atomic uint64_t pclnrt_cache[1 << PCLNRT_CACHE_BITS];
static inline uint32_t pclnrt_word_module(uint64_t word) {
  return (uint32_t)(word >> PCLNRT_WORD_MODULE) & (PCLNRT_MAX_MODULES - 1);
}
// The low bits of addresses of code are mixed well enough by themselves.
static inline _Atomic uint64_t *pclnrt_cache_slot(uint64_t key) {
  return &pclnrt_cache[(key + 1) & ((1 << PCLNRT_CACHE_BITS) - 1)];
}
// The cache word, without module and offset.
uint64_t pclnrt_rule_word(const struct pcln_rule *rule, uint32_t number);
// The rule in a word; a packed one is written to *tmp.
const struct pcln_rule *pclnrt_word_rule(uint64_t word, struct pcln_rule *tmp);

// --- registry.c: loaded modules ----------------------------------------------

struct pclnrt_module {
  uint32_t number;
  bool permanent;            // never unloaded: no need to ask
  bool has_table;            // else rows
  bool sidecar_looked;       // for FILE.pclntab
  atomic_bool dead;          // was unloaded, or replaced by another description
  atomic_bool published;     // the other fields are final
  struct pclnrt_object id;   // path: owned; program headers: not set
  struct pclnrt_image image; // build_id: in the next field, to outlive it
  uint8_t build_id[PCLN_BUILD_ID_MAX];
  const uint8_t *live_id; // where it is in the loaded object, if it may be read
                          // there without knowing which object that is
  struct pcln_table table; // text_start is that of the running process
  struct pclnrt_rows rows;
  enum pcln_status table_status;
  const char *table_fault;
};

// By module number: lowest address; plus 1, so that the fast path misses, if
// the module may be unloaded; PCLNRT_NO_BASE for none and for dead ones.
#define PCLNRT_NO_BASE (UINT64_C(1) << 63)
extern _Atomic uint64_t pclnrt_base[PCLNRT_MAX_MODULES];

// The module whose code covers `pc`, registered now if it is new; or null.
const struct pclnrt_module *pclnrt_module_find(uint64_t pc);
// Whether a module that may be unloaded is still the one that was registered.
bool pclnrt_module_alive(const struct pclnrt_module *m, uint64_t pc);
const struct pclnrt_module *pclnrt_module_get(uint32_t number);
// Set-up: the module that was registered for the object; or null.
const struct pclnrt_module *
pclnrt_module_of_object(const struct pclnrt_object *o);
// Module numbers are below it; not each of them is a module.
uint32_t pclnrt_module_count(void);
// Whether it is the shared libc.
bool pclnrt_module_is_libc(const struct pclnrt_module *m);

// --- unwind.c ----------------------------------------------------------------

// The two entries of context_x86_64.S end here.
void pclnrt_cursor_init(struct pclnrt_cursor *c, uint64_t pc, uint64_t sp,
                        uint64_t fp);
size_t pclnrt_backtrace_from(uint64_t *pcs, size_t n, uint64_t pc, uint64_t sp,
                             uint64_t fp);
// Set-up: learns where the main thread's stack ends.
void pclnrt_unwind_init(void);

// --- traceback.c -------------------------------------------------------------

// Text to a descriptor, or to a buffer.
struct pclnrt_out {
  int fd;    // < 0: to buf alone
  char *buf; // of `cap` bytes
  size_t cap, len;
  size_t total; // bytes that were to be written
};
void pclnrt_out_str(struct pclnrt_out *o, const char *s);
void pclnrt_out_dec(struct pclnrt_out *o, int64_t v);
void pclnrt_out_hex(struct pclnrt_out *o, uint64_t v); // with 0x
void pclnrt_out_flush(struct pclnrt_out *o);
void pclnrt_traceback_out(struct pclnrt_out *o, struct pclnrt_cursor *c);

// --- For benchmarks and tests only -------------------------------------------

// Forgets the rule of every pc.
PCLN_API void pclnrt_test_empty_cache(void);
// Forgets what frames are, by pc.
PCLN_API void pclnrt_test_empty_sites(void);

#pragma GCC visibility pop
#endif
