// SPDX-License-Identifier: Apache-2.0
//
// What the collector says on standard error, and how it ends the process: what
// is known first, then one constant sentence, the fault's name in brackets, and
// the traceback of the thread concerned. No stdio and no allocation: the world
// is stopped, and whatever is wrong may be wrong with memory.
#include "collect.h"

#include <stdlib.h>

void pclnrt_report_begin(struct pclnrt_report *r, const char *severity) {
  r->out = (struct pclnrt_out){.fd = 2, .buf = r->buf, .cap = sizeof r->buf};
  pclnrt_out_str(&r->out, "pclnrt: ");
  if (severity) {
    pclnrt_out_str(&r->out, severity);
    pclnrt_out_str(&r->out, ": ");
  }
}

void pclnrt_report_end(struct pclnrt_report *r, const char *fault) {
  pclnrt_out_str(&r->out, " [");
  pclnrt_out_str(&r->out, fault);
  pclnrt_out_str(&r->out, "]\n");
  pclnrt_out_flush(&r->out);
}

static void on_report(void *ctx, const struct pcln_report *report) {
  (void)ctx;
  struct pclnrt_report r;
  pclnrt_report_begin(&r, NULL);
  if (report->file && *report->file) {
    pclnrt_out_str(&r.out, report->file);
    pclnrt_out_str(&r.out, ": ");
  }
  if (report->func) {
    pclnrt_out_str(&r.out, report->func);
    pclnrt_out_str(&r.out, ": ");
  }
  pclnrt_out_str(&r.out, report->text ? report->text : "");
  pclnrt_report_end(&r, report->fault ? report->fault : "gc");
}

const struct pcln_sink pclnrt_gc_stderr = {on_report, NULL};

void pclnrt_thread_cursor(const struct pclnrt_thread *t,
                          struct pclnrt_cursor *out) {
  const struct pclnrt_context *c = &t->context;
  pclnrt_cursor_regs(out, c->pc, c->sp, c->fp);
  // Else it is another thread's stack to the unwinder, and asked about page by
  // page.
  if (t->stack_top)
    pclnrt_cursor_stack(out, c->sp, t->stack_top);
}

void pclnrt_gc_die(const struct pclnrt_thread *t) {
  struct pclnrt_cursor c;
  if (t)
    pclnrt_thread_cursor(t, &c);
  else
    pclnrt_cursor_here(&c);
  pclnrt_traceback_fd(2, &c);
  abort();
}

void pclnrt_gc_fatal(const char *fault, const char *text, uintptr_t address,
                     size_t size) {
  struct pclnrt_report r;
  pclnrt_report_begin(&r, NULL);
  pclnrt_out_str(&r.out, text);
  pclnrt_out_str(&r.out, " (");
  pclnrt_out_hex(&r.out, address);
  pclnrt_out_str(&r.out, ", ");
  pclnrt_out_dec(&r.out, (int64_t)size);
  pclnrt_out_str(&r.out, " bytes)");
  pclnrt_report_end(&r, fault);
  pclnrt_gc_die(NULL);
}
