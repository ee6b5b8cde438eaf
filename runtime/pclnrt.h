// SPDX-License-Identifier: Apache-2.0
//
// libpclnrt: tracebacks of the running process from its own tables.
//
// What it gives. A cursor that walks the frames of the calling thread, from
// here or from the registers that a signal handler received; the functions,
// files, lines and inlined calls of any program counter; the text of a
// traceback as Go prints it; and an optional handler that prints one when the
// process crashes.
//
// Where the facts come from. A module (the program or a shared object) that
// was linked with a pclntab is read through that table. A module without one
// (libc, say) is unwound by its .eh_frame, which is converted once, when the
// module becomes known, into the same rules; its names come from .dynsym.
//
// Signal handlers and threads. But for the three functions that say otherwise
// (pclnrt_refresh, pclnrt_crash_install and the two of its threads), everything
// here may be called from any thread and from any signal handler, also one that
// interrupted malloc, dlopen or this library: nothing here allocates with
// malloc, uses stdio, takes a lock or changes errno. Nothing is bound lazily:
// the first call behaves like every later one.
//
// Modules. All modules loaded at start-up are registered by a constructor. One
// that is loaded later (dlopen) is registered when a pc in it is first looked
// up, whatever the context; one that was unloaded is noticed on every use.
// This needs glibc 2.35 or newer; elsewhere call pclnrt_refresh() after every
// dlopen and dlclose. A module must stay loaded while a call that concerns a pc
// in it runs, which is so for every frame of a running thread.
//
// Memory safety. Stack memory is read only after it is known to be readable.
// A stack that was overwritten ends the walk with a reason; it cannot fault.
//
// Return addresses. A frame's `pc` is the address to return to, and so may
// already belong to the next line, inlined call or function; frames that a
// signal interrupted are `exact`. Pass both on to pclnrt_symbolize(), which
// subtracts one where that is needed. Printed offsets are those of the
// unadjusted pc.
#ifndef PCLNTAB_PCLNRT_H
#define PCLNTAB_PCLNRT_H

#include "pclntab.h"

#ifdef __cplusplus
extern "C" {
#endif

// --- Walking the stack -------------------------------------------------------

// Why a walk ended.
#define PCLNRT_STOP_LIST(X)                                                    \
  X(PCLNRT_RUNNING, "the walk has not ended")                                  \
  X(PCLNRT_OUTERMOST, "outermost frame")                                       \
  X(PCLNRT_NO_INFO, "no table and no CFI cover the pc")                        \
  X(PCLNRT_NOT_UNWINDABLE, "the pc is marked as not unwindable")               \
  X(PCLNRT_STACK_UNREADABLE, "stack memory is not readable")                   \
  X(PCLNRT_CFA_ORDER, "the caller's frame is not above its callee's")          \
  X(PCLNRT_NEEDS_REGISTER, "the rule needs a register that is not known")      \
  X(PCLNRT_LOST_FP, "the rule needs a frame pointer that was not saved")       \
  X(PCLNRT_SIGNAL_LIMIT, "too many signal frames")

#define PCLNRT_STOP_ENUM(name, text) name,
enum pclnrt_stop { PCLNRT_STOP_LIST(PCLNRT_STOP_ENUM) };
#undef PCLNRT_STOP_ENUM

// The sentence for a reason; a constant string, never null.
PCLN_API const char *pclnrt_stop_text(enum pclnrt_stop stop);

// A place in a walk. The caller owns it; no cleanup is needed. Start it with
// one of the three functions below. Of its fields a user reads only `stop`.
struct pclnrt_cursor {
  uint64_t pc, sp, fp;  // of the frame that the next step yields
  uint64_t lo, hi;      // stack memory known to be readable: lo <= a < hi
  uint64_t top;         // end of the thread's own stack; 0: on another stack
  const void *ucontext; // all registers of an exact frame, or null
  uint32_t probe_pages; // to test when the walk leaves [lo, hi)
  uint16_t n_signals;   // signal frames crossed
  bool exact;           // pc is where execution stands, not a return address
  bool fp_lost;         // fp is not the frame's
  bool vouched;         // the caller named the stack: nothing is tested
  uint8_t stop;         // enum pclnrt_stop
};

// One physical frame.
struct pclnrt_frame {
  uint64_t pc;
  uint64_t sp;  // in the frame, at pc
  uint64_t cfa; // the caller's sp after return; 0: the walk ends here
  bool exact;   // pc is no return address: look it up as it is
  bool signal;  // the frame by which the kernel called a handler; its caller
                // was interrupted
};

// Starts at the caller of this function: the first frame's pc is behind this
// call.
PCLN_API void pclnrt_cursor_here(struct pclnrt_cursor *c);

// Starts at the registers that a signal handler got as its third argument (a
// ucontext_t). They must stay valid during the walk. The first frame is exact.
// Where its pc is not in any module's code and the word at sp is a return
// address into one, a call through a bad pointer is assumed: the caller is the
// next frame. `ucontext` is void so that this header needs no signal.h.
PCLN_API void pclnrt_cursor_ucontext(struct pclnrt_cursor *c,
                                     const void *ucontext);

// Starts at registers saved by a context switch: `pc` is a return address.
PCLN_API void pclnrt_cursor_regs(struct pclnrt_cursor *c, uint64_t pc,
                                 uint64_t sp, uint64_t fp);

// Says that lo <= a < hi is a stack, readable while the walk lasts, and that
// the walk stays on it. For runtimes that own their stacks: it saves the test
// of readability on each walk. Call it right after the start.
PCLN_API void pclnrt_cursor_stack(struct pclnrt_cursor *c, uint64_t lo,
                                  uint64_t hi);

// True: *f is the next frame, from the innermost out. False: the walk ended,
// and c->stop says why; *f is as it was.
PCLN_API bool pclnrt_step(struct pclnrt_cursor *c, struct pclnrt_frame *f);

// Writes the return addresses of the callers into pcs[0 .. n), the innermost
// first, beginning with the caller of this function. Returns how many. All are
// return addresses but those that a signal interrupted; their pc is stored
// plus one, so that "minus one" is right for all (as runtime.Callers does).
PCLN_API size_t pclnrt_backtrace(uint64_t *pcs, size_t n);

// The same from a signal handler's ucontext.
PCLN_API size_t pclnrt_backtrace_ucontext(uint64_t *pcs, size_t n,
                                          const void *ucontext);

// --- Names of a pc -----------------------------------------------------------

// One logical frame: a function, or a call inlined into it. Strings live as
// long as the module is loaded.
struct pclnrt_symbol {
  const char *func;    // linkage name; null: unknown
  const char *file;    // source file; null: unknown
  int32_t line;        // 0: unknown
  int32_t start_line;  // of func; 0: unknown
  bool inlined;        // its body stands inside the next symbol's function
  uint64_t entry;      // address of the physical function; 0: unknown
  const char *module;  // path of the module; null: pc is in none
  uint64_t module_off; // pc minus the module's load bias
};

struct pclnrt_symbols {
  struct pcln_frame_iter frames;
  struct pclnrt_symbol next;
  uint8_t state;
};

// Walks the logical frames at `pc`, innermost first. There is always at least
// one, if only with nulls.
PCLN_API void pclnrt_symbolize(struct pclnrt_symbols *s, uint64_t pc,
                               bool exact);
PCLN_API bool pclnrt_symbols_next(struct pclnrt_symbols *s,
                                  struct pclnrt_symbol *out);

// The table that covers `pc`, its text_start moved to the running process, or
// null. It lives as long as the module is loaded.
PCLN_API const struct pcln_table *pclnrt_find_table(uint64_t pc);

// --- Text --------------------------------------------------------------------

// As Go prints it:
//
//   goroutine 1 [running]:
//   parse(...)
//       /src/parse.c:112 +0x2c
//   main(...)
//       /src/main.c:9 +0x51
//
// (with a tab before the file). The number is 1 for the main thread and the
// thread id for others. Only a physical frame has an offset; calls inlined into
// it stand before it without. A function of a module without a table shows its
// .dynsym name or MODULE+0xOFF, and the module's path with line 0. After 100
// physical frames: "...additional frames elided...". A walk that ended
// otherwise than at the outermost frame says why on a last line in brackets.

// Writes the traceback that starts at `c` to a descriptor.
PCLN_API void pclnrt_traceback_fd(int fd, struct pclnrt_cursor *c);

// Writes it to buf[0 .. len), always with a NUL if len > 0. Returns the bytes
// that the whole text has without the NUL; a value >= len means it was cut.
PCLN_API size_t pclnrt_traceback_buf(char *buf, size_t len,
                                     struct pclnrt_cursor *c);

// --- Modules -----------------------------------------------------------------

// Registers modules loaded since, looks for their sidecar files (FILE.pclntab)
// and forgets unloaded ones. Not for signal handlers: it opens files and takes
// the dynamic linker's lock.
PCLN_API void pclnrt_refresh(void);

struct pclnrt_module_info {
  const char *path;
  uint64_t lo, hi;                // addresses of the loaded module
  const struct pcln_table *table; // null: none
  // Why there is no table: PCLN_NOT_FOUND none in the module; else what was
  // wrong with it. PCLN_OK with a table.
  enum pcln_status table_status;
  const char *table_fault; // stable name of the fault, or null
  size_t n_rows;           // of rules converted from .eh_frame; 0 with a table
};
// The module number `i`, in order of registration. False past the last.
PCLN_API bool pclnrt_module_at(size_t i, struct pclnrt_module_info *out);

// --- Crash handler -----------------------------------------------------------

// Installs a handler for SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL and SIGQUIT
// that writes the signal, the traceback of the thread that got it and its
// registers to descriptor `fd`, and then lets the signal take the course it had
// before (core dump and exit status included). Signals that are ignored stay
// so. Gives the calling thread an alternate stack, so that a stack overflow can
// be reported. Not for signal handlers. PCLN_IO: the system refused; nothing
// was changed. A second call only changes `fd`.
PCLN_API PCLN_MUST_CHECK enum pcln_status pclnrt_crash_install(int fd);

// Gives the calling thread an alternate signal stack (64 KiB, with a guard
// page) if it has none, and takes it away again. Other threads than the one
// that called pclnrt_crash_install need it for stack overflows only. Not for
// signal handlers. PCLN_NO_MEMORY, PCLN_IO.
PCLN_API PCLN_MUST_CHECK enum pcln_status pclnrt_crash_thread_begin(void);
PCLN_API void pclnrt_crash_thread_end(void);

#ifdef __cplusplus
}
#endif
#endif
