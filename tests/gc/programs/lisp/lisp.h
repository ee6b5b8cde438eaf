// SPDX-License-Identifier: Apache-2.0
//
// A Lisp interpreter of some size, as a program that is collected: every value
// is an object of the collector's, references live in the C frames of a
// recursive evaluator, in globals, in unions and in variadic calls, and errors
// leave it all by longjmp.
//
// The language: Scheme's core (define, lambda, if, cond, let, let*, letrec,
// named let, begin, set!, and, or, quote, while), proper tail calls, integers,
// reals, strings, vectors, hash tables, sort, and (try EXPR HANDLER).
#ifndef LISP_H
#define LISP_H

#include "../alloc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>

enum tag {
  NIL,
  BOOLEAN,
  INTEGER,
  REAL,
  SYMBOL,
  STRING,
  PAIR,
  CLOSURE,
  BUILTIN,
  VECTOR,
  TABLE
};

typedef struct object gcref *ref;
typedef ref builtin_fn(ref args);

struct text {
  size_t len;
  char bytes[]; // and a zero
};

struct vector {
  long n;
  ref items[];
};

struct table { // open addressing; keys and values in turn
  size_t n, room;
  ref gcref *slots;
};

struct object {
  enum tag tag;
  union {
    double real;
    long integer;
    struct text gcref *text;
    struct vector gcref *vector;
    struct table gcref *table;
    struct {
      ref car, cdr;
    } pair;
    struct {
      struct text gcref *name;
      ref value; // global; null: none
    } symbol;
    struct {
      ref params, body, env; // env: list of (names . values)
    } closure;
    struct {
      builtin_fn *run;
      const char *name;
      int min, max; // arguments; max < 0: any number
    } builtin;
  } is;
};

// value.c
extern ref nil, yes, no;
void values_begin(void);
ref new_object(enum tag tag);
ref integer(long n);
ref real(double n);
ref truth(bool yes);
ref cons(ref car, ref cdr);
ref car(ref pair);
ref cdr(ref pair);
ref list_of(int n, ...);
ref symbol(const char *name, size_t len);
ref string(size_t len); // zeroed
ref string_of(const char *bytes, size_t len);
ref vector(long n, ref fill);
bool equal(ref a, ref b);
long list_len(ref list);
double number(ref x);
ref expect(ref x, enum tag tag, const char *who);

// table.c
ref table_new(void);
ref table_get(ref table, ref key); // null: not there
void table_put(ref table, ref key, ref value);
ref table_keys(ref table);

// read.c: the next expression; null: the text has ended
struct reader {
  const char gcref *at, *end;
};
ref read_expr(struct reader *r);

// print.c
struct printer {
  char gcref *bytes;
  size_t len, room;
};
void print(struct printer *p, ref x, bool quoted);
ref printed(ref x, bool quoted); // as a string

// eval.c
ref eval(ref x, ref env);
ref apply(ref function, ref args);
void forms_begin(void);

// builtin.c
void builtins_begin(void);

// error.c: what a try, or the main program, waits for
struct handler {
  jmp_buf jump;
  struct handler *outer;
  bool scan_foreign; // what held there, see pclnrt_gc_scan_foreign
};
extern struct handler *handlers;
extern ref failure; // the message, a string
_Noreturn void fail(const char *format, ...);
_Noreturn void fail_with(ref message);
#endif
