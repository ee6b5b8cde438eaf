// SPDX-License-Identifier: Apache-2.0
//
// Looks addresses up: what addr2line does, at the speed of the table. The text
// is addr2line's byte for byte where the options are (but for discriminators,
// which the table does not hold), so that scripts need not know the difference.
//
// Standard input is read in large pieces and split here. Before each read, the
// answers so far are written: a program that sends one address and waits for
// the answer gets it, and one that sends a million does not pay for it.
#include "dump.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
  // Longer lines are not addresses. Power of two larger than any line.
  INPUT_CAP = 1 << 16,
};

struct lookup {
  struct dump *d;
  struct dump_addresses addresses;
};

// --- Text -------------------------------------------------------------------

static void put_text(struct dump_out *o, const char *s) {
  dump_put(o, s, strlen(s));
}

static void put_frame(struct dump *d, const struct pcln_frame *frame) {
  const struct dump_options *opt = d->options;
  struct dump_out *o = d->out;
  if (opt->functions) {
    dump_put_name(o, dump_name(d->names, frame->func));
    put_text(o, opt->pretty ? " at " : "\n");
  }
  const char *file = frame->file ? frame->file : "??";
  dump_put_name(o, opt->basenames ? dump_basename(file) : file);
  put_text(o, ":");
  if (frame->line > 0)
    dump_put_num(o, (uint64_t)frame->line);
  else
    put_text(o, "?");
  put_text(o, "\n");
}

static void put_unknown(struct dump *d) {
  if (d->options->functions)
    put_text(d->out, d->options->pretty ? "?? " : "??\n");
  put_text(d->out, "??:0\n");
}

static void put_address(struct dump *d, uint64_t va) {
  dump_put_hex(d->out, va, 2u * d->file->table.ptr_size);
  put_text(d->out, d->options->pretty ? ": " : "\n");
}

static enum pcln_status text_answer(struct dump *d, uint64_t shown,
                                    struct pcln_frame_iter *it) {
  struct pcln_frame frame;
  bool first = true;
  if (d->options->addresses)
    put_address(d, shown);
  while (pcln_frames_next(it, &frame)) {
    if (!first && d->options->pretty)
      put_text(d->out, " (inlined by) ");
    put_frame(d, &frame);
    first = false;
    if (!d->options->inlines)
      break;
  }
  if (first)
    put_unknown(d);
  return it->status;
}

// --- JSON -------------------------------------------------------------------

static enum pcln_status json_answer(struct dump *d, uint64_t va,
                                    struct pcln_frame_iter *it) {
  struct dump_out *o = d->out;
  struct pcln_frame frame;
  bool first = true;
  dump_begin(o, "address");
  dump_hex(o, "address", va);
  if (it->status == PCLN_OK)
    dump_hex(o, "entry", it->func.entry);
  dump_array_begin(o, "frames");
  while (pcln_frames_next(it, &frame)) {
    const char *file = frame.file && d->options->basenames
                           ? dump_basename(frame.file)
                           : frame.file;
    dump_element_begin(o, first);
    first = false;
    dump_str(o, "func", dump_name(d->names, frame.func));
    dump_position(o, file, frame.line);
    dump_num(o, "start_line", frame.start_line);
    dump_named_bool(o, "inlined", frame.inlined);
    dump_element_end(o);
  }
  dump_array_end(o);
  dump_end(o);
  return it->status;
}

// --- One address ------------------------------------------------------------

static enum pcln_status report(struct dump *d, const char *fault,
                               const char *func, uint64_t func_off,
                               const char *text) {
  pcln_say(d->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = fault,
                                          .file = d->file->path,
                                          .func = func,
                                          .func_off = func_off,
                                          .text = text});
  return PCLN_CORRUPT;
}

// `shown` is what the user gave for the address `va`.
static enum pcln_status look_up(struct dump *d, uint64_t shown, uint64_t va) {
  struct pcln_frame_iter it;
  const uint64_t pc = va - (d->options->return_addresses ? 1 : 0);
  // The iterator is sound, and at its end, whatever the status.
  enum pcln_status status = pcln_frames_begin(&d->file->table, pc, &it);
  status =
      d->options->json ? json_answer(d, va, &it) : text_answer(d, shown, &it);
  if (status != PCLN_CORRUPT)
    return PCLN_OK;
  return report(d, "record-unreadable", it.func.name, pc - it.func.entry,
                "cannot be decoded; --verify says what is wrong");
}

// An input that is no address is answered as an unknown one, so that answers
// stay in step with the input.
static enum pcln_status answer(struct lookup *l, const char *s,
                               const char *end) {
  struct dump *d = l->d;
  uint64_t shown = 0, va = 0;
  if (dump_address_parse(&l->addresses, s, end, &shown, &va))
    return look_up(d, shown, va);
  struct pcln_frame_iter none = {.done = true, .status = PCLN_NOT_FOUND};
  if (d->options->json)
    (void)json_answer(d, 0, &none);
  else
    (void)text_answer(d, 0, &none);
  return report(d, "bad-address", NULL, 0,
                "an input is neither a hexadecimal number nor a function");
}

// --- Standard input ---------------------------------------------------------

static enum pcln_status keep(enum pcln_status worst, enum pcln_status status) {
  return worst != PCLN_OK ? worst : status;
}

// Answers the whole lines in buf[0, len); returns the bytes they took.
static size_t answer_lines(struct lookup *l, const char *buf, size_t len,
                           enum pcln_status *worst) {
  const char *line = buf, *end = buf + len, *newline;
  while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
    *worst = keep(*worst, answer(l, line, newline));
    line = newline + 1;
  }
  return (size_t)(line - buf);
}

static enum pcln_status answer_stdin(struct lookup *l) {
  struct dump *d = l->d;
  static char buf[INPUT_CAP];
  enum pcln_status worst = PCLN_OK;
  size_t len = 0;
  while (!d->out->error) {
    dump_out_flush(d->out);
    const ssize_t n = read(STDIN_FILENO, buf + len, sizeof buf - len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return keep(worst, report(d, "input-unreadable", NULL, 0,
                                "standard input cannot be read"));
    if (n == 0)
      break;
    len += (size_t)n;
    const size_t used = answer_lines(l, buf, len, &worst);
    len -= used;
    memmove(buf, buf + used, len);
    if (len == sizeof buf)
      return keep(worst, report(d, "bad-address", NULL, 0,
                                "a line of standard input does not end"));
  }
  return len ? keep(worst, answer(l, buf, buf + len)) : worst;
}

enum pcln_status dump_lookup(struct dump *d) {
  struct lookup l = {.d = d, .addresses = {.table = &d->file->table}};
  const char *section = d->options->section;
  enum pcln_status worst = PCLN_OK;
  if (section && !dump_section_va(d->file, section, &l.addresses.base)) {
    (void)report(d, "no-section", NULL, 0,
                 "the file has no section of the name given with -j");
    return PCLN_NOT_FOUND;
  }
  for (int i = 0; i < d->options->n_addrs; i++) {
    const char *s = d->options->addrs[i];
    worst = keep(worst, answer(&l, s, s + strlen(s)));
  }
  if (d->options->n_addrs == 0)
    worst = answer_stdin(&l);
  dump_addresses_free(&l.addresses);
  return worst;
}
