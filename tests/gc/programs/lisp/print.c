// SPDX-License-Identifier: Apache-2.0
//
// From values to text.
#include "lisp.h"

static void add(struct printer *p, const char *bytes, size_t len) {
  if (p->room - p->len < len) {
    size_t room = 2 * (p->len + len);
    char gcref *more = have(gc_new_bytes(room));
    if (p->len)
      memcpy(raw(more), raw(p->bytes), p->len);
    gc_free(p->bytes);
    p->bytes = more;
    p->room = room;
  }
  memcpy(raw(p->bytes + p->len), bytes, len);
  p->len += len;
}

static void addf(struct printer *p, const char *format, ...) {
  char line[100];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  add(p, line, (size_t)n);
}

// A text byte by byte: `add` may allocate, and takes no reference.
static void add_text(struct printer *p, const struct text gcref *t,
                     bool quoted) {
  for (size_t i = 0; i < t->len; i++) {
    char c = t->bytes[i];
    if (quoted && (c == '"' || c == '\\' || c == '\n'))
      addf(p, "\\%c", c == '\n' ? 'n' : c);
    else
      add(p, &c, 1);
  }
}

static void print_list(struct printer *p, ref x, bool quoted) {
  add(p, "(", 1);
  print(p, x->is.pair.car, quoted);
  for (x = x->is.pair.cdr; x->tag == PAIR; x = x->is.pair.cdr) {
    add(p, " ", 1);
    print(p, x->is.pair.car, quoted);
  }
  if (x != nil) {
    add(p, " . ", 3);
    print(p, x, quoted);
  }
  add(p, ")", 1);
}

static void print_vector(struct printer *p, const struct vector gcref *v,
                         bool quoted) {
  add(p, "#(", 2);
  for (long i = 0; i < v->n; i++) {
    add(p, " ", i > 0);
    print(p, v->items[i], quoted);
  }
  add(p, ")", 1);
}

void print(struct printer *p, ref x, bool quoted) {
  switch (x->tag) {
  case NIL:
    add(p, "()", 2);
    break;
  case BOOLEAN:
    addf(p, "%s", x == yes ? "#t" : "#f");
    break;
  case INTEGER:
    addf(p, "%ld", x->is.integer);
    break;
  case REAL:
    addf(p, "%.10g", x->is.real);
    break;
  case SYMBOL:
    add_text(p, x->is.symbol.name, false);
    break;
  case STRING:
    addf(p, "%s", quoted ? "\"" : "");
    add_text(p, x->is.text, quoted);
    addf(p, "%s", quoted ? "\"" : "");
    break;
  case PAIR:
    print_list(p, x, quoted);
    break;
  case VECTOR:
    print_vector(p, x->is.vector, quoted);
    break;
  case CLOSURE:
    add(p, "#<closure>", 10);
    break;
  case BUILTIN:
    addf(p, "#<builtin %s>", x->is.builtin.name);
    break;
  case TABLE:
    addf(p, "#<table of %zu>", x->is.table->n);
    break;
  }
}

ref printed(ref x, bool quoted) {
  struct printer p = {NULL, 0, 0};
  print(&p, x, quoted);
  ref s = string(p.len);
  if (p.len)
    memcpy(raw(s->is.text->bytes), raw(p.bytes), p.len);
  gc_free(p.bytes);
  return s;
}
