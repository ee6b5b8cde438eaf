// SPDX-License-Identifier: Apache-2.0
//
// The text of a traceback, as Go prints it.
//
// Text goes through a small buffer on the caller's stack to a descriptor, or
// straight into the user's. There is no stdio: this runs in signal handlers
// that interrupted it. Tools that read Go's tracebacks read ours: each frame is
// "name(...)", then a tab, file:line and, for the physical frame, the offset
// from its entry.
#include "internal.h"

#include "context_x86_64.h"

#include <string.h>

enum { MAX_FRAMES = 100 }; // Go's limit

// --- Output ------------------------------------------------------------------

void pclnrt_out_flush(struct pclnrt_out *o) {
  if (o->fd < 0)
    return;
  pclnrt_sys_write(o->fd, o->buf, o->len);
  o->len = 0;
}

static void out_bytes(struct pclnrt_out *o, const char *s, size_t len) {
  o->total += len;
  while (len) {
    if (o->len == o->cap) {
      if (o->fd < 0)
        return; // the rest is only counted
      pclnrt_out_flush(o);
    }
    const size_t n = len < o->cap - o->len ? len : o->cap - o->len;
    memcpy(o->buf + o->len, s, n);
    o->len += n;
    s += n;
    len -= n;
  }
}

void pclnrt_out_str(struct pclnrt_out *o, const char *s) {
  out_bytes(o, s, strlen(s));
}

static void out_unsigned(struct pclnrt_out *o, uint64_t v, unsigned base) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[v % base];
    v /= base;
  } while (v);
  out_bytes(o, digits + at, sizeof digits - at);
}

void pclnrt_out_dec(struct pclnrt_out *o, int64_t v) {
  if (v < 0)
    pclnrt_out_str(o, "-");
  out_unsigned(o, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10);
}

void pclnrt_out_hex(struct pclnrt_out *o, uint64_t v) {
  pclnrt_out_str(o, "0x");
  out_unsigned(o, v, 16);
}

// --- Frames ------------------------------------------------------------------

static const char *base_name(const char *path) {
  const char *base = path;
  for (; *path; path++)
    if (*path == '/')
      base = path + 1;
  return base;
}

static void out_name(struct pclnrt_out *o, const struct pclnrt_symbol *s,
                     const struct pclnrt_frame *f) {
  if (s->func && *s->func) {
    pclnrt_out_str(o, s->func);
  } else if (f->signal) {
    pclnrt_out_str(o, "signal_trampoline");
  } else if (s->module) {
    pclnrt_out_str(o, base_name(s->module));
    pclnrt_out_str(o, "+");
    pclnrt_out_hex(o, s->module_off);
  } else {
    pclnrt_out_str(o, "??");
  }
  pclnrt_out_str(o, "(...)\n");
}

static void out_symbol(struct pclnrt_out *o, const struct pclnrt_symbol *s,
                       const struct pclnrt_frame *f) {
  out_name(o, s, f);
  pclnrt_out_str(o, "\t");
  pclnrt_out_str(o, s->file ? s->file : s->module ? s->module : "?");
  pclnrt_out_str(o, ":");
  pclnrt_out_dec(o, s->file ? s->line : 0);
  if (!s->inlined) {
    // Without an entry the address itself is all there is to tell.
    const uint64_t from = s->entry ? s->entry : 0;
    if (f->pc > from && (from || !s->module)) {
      pclnrt_out_str(o, " +");
      pclnrt_out_hex(o, f->pc - from);
    }
  }
  pclnrt_out_str(o, "\n");
}

static void out_frame(struct pclnrt_out *o, const struct pclnrt_frame *f) {
  struct pclnrt_symbols symbols;
  struct pclnrt_symbol s;
  pclnrt_symbolize(&symbols, f->pc, f->exact);
  while (pclnrt_symbols_next(&symbols, &s))
    out_symbol(o, &s, f);
}

static void out_header(struct pclnrt_out *o) {
  pclnrt_out_str(o, "goroutine ");
  pclnrt_out_dec(o, pclnrt_sys_is_main_thread() ? 1 : pclnrt_sys_thread_id());
  pclnrt_out_str(o, " [running]:\n");
}

void pclnrt_traceback_out(struct pclnrt_out *o, struct pclnrt_cursor *c) {
  out_header(o);
  struct pclnrt_frame f;
  for (unsigned n = 0; pclnrt_step(c, &f); n++) {
    if (n == MAX_FRAMES) {
      pclnrt_out_str(o, "...additional frames elided...\n");
      return;
    }
    out_frame(o, &f);
  }
  if (c->stop != PCLNRT_OUTERMOST) {
    pclnrt_out_str(o, "[traceback ends: ");
    pclnrt_out_str(o, pclnrt_stop_text((enum pclnrt_stop)c->stop));
    pclnrt_out_str(o, "]\n");
  }
}

void pclnrt_traceback_fd(int fd, struct pclnrt_cursor *c) {
  char buf[512];
  struct pclnrt_out o = {.fd = fd, .buf = buf, .cap = sizeof buf};
  pclnrt_traceback_out(&o, c);
  pclnrt_out_flush(&o);
}

size_t pclnrt_traceback_buf(char *buf, size_t len, struct pclnrt_cursor *c) {
  struct pclnrt_out o = {.fd = -1, .buf = buf, .cap = len ? len - 1 : 0};
  pclnrt_traceback_out(&o, c);
  if (len)
    buf[o.len] = 0;
  return o.total;
}
