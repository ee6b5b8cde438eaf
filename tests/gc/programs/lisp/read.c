// SPDX-License-Identifier: Apache-2.0
//
// From text to expressions. The text is the collector's; the reader holds
// pointers into its middle only.
#include "lisp.h"
#include <ctype.h>

static int peek(struct reader *r) {
  while (r->at < r->end && (isspace((unsigned char)*r->at) || *r->at == ';')) {
    if (*r->at == ';')
      while (r->at < r->end && *r->at != '\n')
        r->at++;
    else
      r->at++;
  }
  return r->at < r->end ? *r->at : -1;
}

static ref read_list(struct reader *r) {
  ref first = nil, last = nil;
  r->at++;
  for (;;) {
    int c = peek(r);
    if (c == -1)
      fail("read: list without an end");
    if (c == ')') {
      r->at++;
      return first;
    }
    ref x = read_expr(r);
    if (x->tag == SYMBOL && x->is.symbol.name->len == 1 &&
        x->is.symbol.name->bytes[0] == '.' && last != nil) {
      last->is.pair.cdr = read_expr(r);
      continue;
    }
    ref pair = cons(x, nil);
    if (last == nil)
      first = pair;
    else
      last->is.pair.cdr = pair;
    last = pair;
  }
}

static ref read_string(struct reader *r) {
  char line[1000];
  size_t n = 0;
  for (r->at++; r->at < r->end && *r->at != '"'; r->at++) {
    char c = *r->at;
    if (c == '\\' && r->at + 1 < r->end) {
      c = *++r->at;
      c = c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
    if (n == sizeof line)
      fail("read: string of over %zu bytes", sizeof line);
    line[n++] = c;
  }
  if (r->at == r->end)
    fail("read: string without an end");
  r->at++;
  return string_of(line, n);
}

static ref read_word(struct reader *r) {
  char word[100], *stop;
  size_t n = 0;
  while (r->at < r->end && !isspace((unsigned char)*r->at) &&
         !strchr("()\";'", *r->at)) {
    if (n == sizeof word - 1)
      fail("read: word of over %zu bytes", sizeof word - 1);
    word[n++] = *r->at++;
  }
  word[n] = 0;
  if (!strcmp(word, "#t"))
    return yes;
  if (!strcmp(word, "#f"))
    return no;
  bool digit =
      isdigit((unsigned char)word[0]) ||
      ((word[0] == '-' || word[0] == '.') && isdigit((unsigned char)word[1]));
  if (!digit)
    return symbol(word, n);
  long i = strtol(word, &stop, 10);
  if (!*stop)
    return integer(i);
  double d = strtod(word, &stop);
  if (*stop)
    fail("read: %s is not a number", word);
  return real(d);
}

ref read_expr(struct reader *r) {
  switch (peek(r)) {
  case -1:
    return NULL;
  case '(':
    return read_list(r);
  case ')':
    r->at++;
    fail("read: unexpected )");
  case '"':
    return read_string(r);
  case '\'': {
    r->at++;
    ref x = read_expr(r);
    if (!x)
      fail("read: nothing to quote");
    return list_of(2, symbol("quote", 5), x);
  }
  default:
    return read_word(r);
  }
}
