// SPDX-License-Identifier: Apache-2.0
//
// Values and the table of symbols.
#include "lisp.h"

ref nil, yes, no;

// Symbols by name, in chains; static storage that leads to all of them.
enum { BUCKETS = 256, SMALL = 64 };
struct bucket {
  struct bucket gcref *next;
  ref symbol;
};
static struct bucket gcref *symbols[BUCKETS];
static ref small_integers[SMALL];

ref new_object(enum tag tag) {
  ref x = have(gc_new(struct object));
  x->tag = tag;
  return x;
}

void values_begin(void) {
  nil = new_object(NIL);
  yes = new_object(BOOLEAN);
  no = new_object(BOOLEAN);
}

ref integer(long n) {
  bool small = n >= 0 && n < SMALL;
  if (small && small_integers[n])
    return small_integers[n];
  ref x = new_object(INTEGER);
  x->is.integer = n;
  if (small)
    small_integers[n] = x;
  return x;
}

ref real(double n) {
  ref x = new_object(REAL);
  x->is.real = n;
  return x;
}

ref truth(bool is) { return is ? yes : no; }

ref cons(ref first, ref rest) {
  ref x = new_object(PAIR);
  x->is.pair.car = first;
  x->is.pair.cdr = rest;
  return x;
}

ref expect(ref x, enum tag tag, const char *who) {
  static const char *const names[] = {
      "the empty list", "a boolean", "an integer", "a real",
      "a symbol",       "a string",  "a pair",     "a closure",
      "a builtin",      "a vector",  "a table"};
  if (x->tag != tag)
    fail("%s: expected %s, got %s", who, names[tag], names[x->tag]);
  return x;
}

ref car(ref pair) { return expect(pair, PAIR, "car")->is.pair.car; }
ref cdr(ref pair) { return expect(pair, PAIR, "cdr")->is.pair.cdr; }

// A list of the n references that follow.
ref list_of(int n, ...) {
  va_list args;
  va_start(args, n);
  ref first = nil, last = nil;
  for (int i = 0; i < n; i++) {
    ref pair = cons(va_arg(args, ref), nil);
    if (last == nil)
      first = pair;
    else
      last->is.pair.cdr = pair;
    last = pair;
  }
  va_end(args);
  return first;
}

ref string(size_t len) {
  ref x = new_object(STRING);
  x->is.text = have(gc_new_flex(struct text, bytes, len + 1));
  x->is.text->len = len;
  return x;
}

ref string_of(const char *bytes, size_t len) {
  ref x = string(len);
  memcpy(raw(x->is.text->bytes), bytes, len);
  return x;
}

ref symbol(const char *name, size_t len) {
  unsigned hash = 5381;
  for (size_t i = 0; i < len; i++)
    hash = hash * 33 + (unsigned char)name[i];
  for (struct bucket gcref *b = symbols[hash % BUCKETS]; b; b = b->next) {
    struct text gcref *t = b->symbol->is.symbol.name;
    if (t->len == len && !memcmp(raw(t->bytes), name, len))
      return b->symbol;
  }
  ref x = new_object(SYMBOL);
  x->is.symbol.name = string_of(name, len)->is.text;
  struct bucket gcref *b = have(gc_new(struct bucket));
  b->symbol = x;
  b->next = symbols[hash % BUCKETS];
  symbols[hash % BUCKETS] = b;
  return x;
}

ref vector(long n, ref fill) {
  ref x = new_object(VECTOR);
  if (n < 0)
    fail("vector: negative length");
  x->is.vector = have(gc_new_flex(struct vector, items, (size_t)n));
  x->is.vector->n = n;
  for (long i = 0; i < n; i++)
    x->is.vector->items[i] = fill;
  return x;
}

double number(ref x) {
  if (x->tag == REAL)
    return x->is.real;
  return (double)expect(x, INTEGER, "number")->is.integer;
}

gc_leaf static bool same_text(const struct text gcref *a,
                              const struct text gcref *b) {
  return a->len == b->len && !memcmp(raw(a->bytes), raw(b->bytes), a->len);
}

bool equal(ref a, ref b) {
  for (;;) {
    if (a == b)
      return true;
    if (a->tag != b->tag)
      return false;
    switch (a->tag) {
    case INTEGER:
      return a->is.integer == b->is.integer;
    case REAL:
      return !(a->is.real < b->is.real) && !(a->is.real > b->is.real);
    case STRING:
      return same_text(a->is.text, b->is.text);
    case PAIR:
      if (!equal(a->is.pair.car, b->is.pair.car))
        return false;
      a = a->is.pair.cdr;
      b = b->is.pair.cdr;
      continue;
    default:
      return false;
    }
  }
}

long list_len(ref list) {
  long n = 0;
  for (; list->tag == PAIR; list = list->is.pair.cdr)
    n++;
  return n;
}
