// SPDX-License-Identifier: Apache-2.0
//
// What every function of this project says about its outcome, and how faults
// are reported. Included by pclntab.h; a user includes that.
//
// A status is few-valued: what the caller would do next. The detail goes into
// a report, made once, where most is known; callers pass the status up in
// silence. Libraries never print, exit, abort, or leave a result in errno.
#ifndef PCLNTAB_STATUS_H
#define PCLNTAB_STATUS_H

#include <stdint.h>

#if defined(__GNUC__)
#define PCLN_API __attribute__((visibility("default")))
#define PCLN_MUST_CHECK __attribute__((warn_unused_result))
#else
#define PCLN_API
#define PCLN_MUST_CHECK
#endif

#define PCLN_STATUS_LIST(X)                                                    \
  X(PCLN_OK, "ok")                                                             \
  X(PCLN_NOT_FOUND, "not found: there is nothing to find")                     \
  X(PCLN_UNSUPPORTED, "valid input that is not handled")                       \
  X(PCLN_CORRUPT, "input contradicts its format")                              \
  X(PCLN_LIMIT, "a size exceeds what the format or this build can hold")       \
  X(PCLN_NO_MEMORY, "out of memory")                                           \
  X(PCLN_IO, "a file could not be read or written")

#define PCLN_STATUS_ENUM(name, text) name,
enum pcln_status { PCLN_STATUS_LIST(PCLN_STATUS_ENUM) };
#undef PCLN_STATUS_ENUM

enum pcln_severity { PCLN_NOTE, PCLN_WARNING, PCLN_ERROR };

// One finding. Strings belong to the reporter and live for the call only; any
// may be null where it does not apply.
struct pcln_report {
  enum pcln_severity severity;
  const char *fault;   // stable name, e.g. "func-order"; see docs/messages.md
  const char *file;    // the file or archive(member) it is about
  const char *func;    // the function it is about
  uint64_t func_off;   // bytes from that function's entry
  uint64_t pc;         // the address it is about, as in pclntab.h; 0: none
  const char *region;  // section or part of the table, e.g. "pctab"
  uint64_t region_off; // bytes from that region's start
  const char *text;    // one sentence, no newline
};

// Where reports go. `fn` may be null: reports are dropped, statuses remain.
struct pcln_sink {
  void (*fn)(void *ctx, const struct pcln_report *report);
  void *ctx;
};

// Hands `r` to the sink, which may be a null pointer or have a null `fn`.
static inline void pcln_say(const struct pcln_sink *sink,
                            const struct pcln_report *r) {
  if (sink && sink->fn)
    sink->fn(sink->ctx, r);
}

// The sentence for a status; a constant string, never null.
PCLN_API const char *pcln_status_text(enum pcln_status status);

#endif
