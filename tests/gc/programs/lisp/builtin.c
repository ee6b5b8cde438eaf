// SPDX-License-Identifier: Apache-2.0
//
// The functions that programs find defined.
#include "lisp.h"
#include <math.h>

static ref second(ref args) { return car(cdr(args)); }
static ref third(ref args) { return car(cdr(cdr(args))); }

// --- Numbers -----------------------------------------------------------------

typedef long on_integers(long, long);
typedef double on_reals(double, double);

static ref fold(ref args, on_integers *f, on_reals *g) {
  ref x = car(args);
  for (args = cdr(args); args != nil; args = cdr(args)) {
    ref y = car(args);
    if (x->tag == INTEGER && y->tag == INTEGER)
      x = integer(f(x->is.integer, y->is.integer));
    else
      x = real(g(number(x), number(y)));
  }
  return x;
}

static long plus_i(long a, long b) { return a + b; }
static double plus_r(double a, double b) { return a + b; }
static long minus_i(long a, long b) { return a - b; }
static double minus_r(double a, double b) { return a - b; }
static long times_i(long a, long b) { return a * b; }
static double times_r(double a, double b) { return a * b; }

static ref plus(ref args) {
  return args == nil ? integer(0) : fold(args, plus_i, plus_r);
}
static ref minus(ref args) {
  return fold(cdr(args) == nil ? cons(integer(0), args) : args, minus_i,
              minus_r);
}
static ref times(ref args) {
  return args == nil ? integer(1) : fold(args, times_i, times_r);
}
static ref divide(ref args) {
  return real(number(car(args)) / number(second(args)));
}

static long divisor(ref args, const char *who) {
  long d = expect(second(args), INTEGER, who)->is.integer;
  if (d == 0)
    fail("%s: division by zero", who);
  return d;
}
static ref quotient(ref args) {
  long d = divisor(args, "quotient");
  return integer(expect(car(args), INTEGER, "quotient")->is.integer / d);
}
static ref remainder_of(ref args) {
  long d = divisor(args, "remainder");
  return integer(expect(car(args), INTEGER, "remainder")->is.integer % d);
}
static ref square_root(ref args) { return real(sqrt(number(car(args)))); }

static int order(ref args) {
  double a = number(car(args)), b = number(second(args));
  return (a > b) - (a < b);
}
static ref less(ref args) { return truth(order(args) < 0); }
static ref greater(ref args) { return truth(order(args) > 0); }
static ref at_most(ref args) { return truth(order(args) <= 0); }
static ref at_least(ref args) { return truth(order(args) >= 0); }
static ref same_number(ref args) { return truth(order(args) == 0); }

// --- Lists -------------------------------------------------------------------

static ref make_pair(ref args) { return cons(car(args), second(args)); }
static ref first_of(ref args) { return car(car(args)); }
static ref rest_of(ref args) { return cdr(car(args)); }
static ref set_car(ref args) {
  expect(car(args), PAIR, "set-car!")->is.pair.car = second(args);
  return nil;
}
static ref set_cdr(ref args) {
  expect(car(args), PAIR, "set-cdr!")->is.pair.cdr = second(args);
  return nil;
}
static ref list(ref args) { return args; }
static ref is_null(ref args) { return truth(car(args) == nil); }
static ref is_pair(ref args) { return truth(car(args)->tag == PAIR); }
static ref is_not(ref args) { return truth(car(args) == no); }
static ref is_equal(ref args) { return truth(equal(car(args), second(args))); }
static ref length(ref args) { return integer(list_len(car(args))); }

static ref reverse(ref args) {
  ref result = nil;
  for (ref l = car(args); l != nil; l = cdr(l))
    result = cons(car(l), result);
  return result;
}

static ref map(ref args) {
  ref function = car(args), result = nil;
  for (ref l = second(args); l != nil; l = cdr(l))
    result = cons(apply(function, list_of(1, car(l))), result);
  return reverse(list_of(1, result));
}

static ref apply_to(ref args) { return apply(car(args), second(args)); }

// Sorted by the C library, which calls back into the interpreter: a collection
// meets its frame, which has no map and room for words that were never written.
// So for that long such frames are scanned.
static ref comparison;

static int compare(const void *a, const void *b) {
  ref x = *(ref const *)a, y = *(ref const *)b;
  if (apply(comparison, list_of(2, x, y)) != no)
    return -1;
  return apply(comparison, list_of(2, y, x)) != no;
}

static ref sort(ref args) {
  long n = list_len(car(args)), i = 0;
  struct vector gcref *v = vector(n, nil)->is.vector;
  for (ref l = car(args); l != nil; l = cdr(l))
    v->items[i++] = car(l);
  ref outer = comparison;
  comparison = second(args);
  bool before = pclnrt_gc_scan_foreign(true);
  qsort(raw(v->items), (size_t)n, sizeof v->items[0], compare);
  pclnrt_gc_scan_foreign(before);
  comparison = outer;
  ref result = nil;
  while (i > 0)
    result = cons(v->items[--i], result);
  return result;
}

// --- Strings -----------------------------------------------------------------

static ref string_append(ref args) {
  size_t len = 0, at = 0;
  for (ref a = args; a != nil; a = cdr(a))
    len += expect(car(a), STRING, "string-append")->is.text->len;
  ref s = string(len);
  for (ref a = args; a != nil; a = cdr(a)) {
    struct text gcref *t = car(a)->is.text;
    memcpy(raw(s->is.text->bytes + at), raw(t->bytes), t->len);
    at += t->len;
  }
  return s;
}

static ref substring(ref args) {
  struct text gcref *t = expect(car(args), STRING, "substring")->is.text;
  long from = expect(second(args), INTEGER, "substring")->is.integer;
  long to = expect(third(args), INTEGER, "substring")->is.integer;
  if (from < 0 || to < from || (size_t)to > t->len)
    fail("substring: %ld to %ld of %zu", from, to, t->len);
  ref s = string((size_t)(to - from));
  memcpy(raw(s->is.text->bytes), raw(t->bytes + from), (size_t)(to - from));
  return s;
}

static ref string_length(ref args) {
  return integer(
      (long)expect(car(args), STRING, "string-length")->is.text->len);
}
static ref to_string(ref args) { return printed(car(args), false); }
static ref string_to_symbol(ref args) {
  char name[64];
  struct text gcref *t = expect(car(args), STRING, "string->symbol")->is.text;
  size_t n = t->len < sizeof name ? t->len : sizeof name;
  memcpy(name, raw(t->bytes), n);
  return symbol(name, n);
}

static ref display(ref args) {
  for (; args != nil; args = cdr(args)) {
    ref s = printed(car(args), false);
    fwrite(raw(s->is.text->bytes), 1, s->is.text->len, stdout);
  }
  return nil;
}
static ref write_out(ref args) {
  ref s = printed(car(args), true);
  fwrite(raw(s->is.text->bytes), 1, s->is.text->len, stdout);
  return nil;
}
static ref error(ref args) { fail_with(printed(car(args), false)); }

// --- Vectors and tables ------------------------------------------------------

static ref make_vector(ref args) {
  return vector(expect(car(args), INTEGER, "make-vector")->is.integer,
                second(args));
}
static ref gcref *item(ref args, const char *who) {
  struct vector gcref *v = expect(car(args), VECTOR, who)->is.vector;
  long i = expect(second(args), INTEGER, who)->is.integer;
  if (i < 0 || i >= v->n)
    fail("%s: item %ld of %ld", who, i, v->n);
  return &v->items[i];
}
static ref vector_ref(ref args) { return *item(args, "vector-ref"); }
static ref vector_set(ref args) {
  *item(args, "vector-set!") = third(args);
  return nil;
}
static ref vector_length(ref args) {
  return integer(expect(car(args), VECTOR, "vector-length")->is.vector->n);
}
static ref make_table(ref args) {
  (void)args;
  return table_new();
}
static ref table_ref(ref args) {
  ref x = table_get(car(args), second(args));
  return x ? x : no;
}
static ref table_set(ref args) {
  table_put(car(args), second(args), third(args));
  return nil;
}
static ref keys(ref args) { return table_keys(car(args)); }
static ref collect(ref args) {
  (void)args;
  pclnrt_gc_collect();
  return nil;
}

static const struct {
  const char *name;
  builtin_fn *run;
  int min, max;
} builtins[] = {
    {"+", plus, 0, -1},
    {"-", minus, 1, -1},
    {"*", times, 0, -1},
    {"/", divide, 2, 2},
    {"quotient", quotient, 2, 2},
    {"remainder", remainder_of, 2, 2},
    {"sqrt", square_root, 1, 1},
    {"<", less, 2, 2},
    {">", greater, 2, 2},
    {"<=", at_most, 2, 2},
    {">=", at_least, 2, 2},
    {"=", same_number, 2, 2},
    {"cons", make_pair, 2, 2},
    {"car", first_of, 1, 1},
    {"cdr", rest_of, 1, 1},
    {"set-car!", set_car, 2, 2},
    {"set-cdr!", set_cdr, 2, 2},
    {"list", list, 0, -1},
    {"null?", is_null, 1, 1},
    {"pair?", is_pair, 1, 1},
    {"not", is_not, 1, 1},
    {"equal?", is_equal, 2, 2},
    {"length", length, 1, 1},
    {"reverse", reverse, 1, 1},
    {"map", map, 2, 2},
    {"apply", apply_to, 2, 2},
    {"sort", sort, 2, 2},
    {"string-append", string_append, 0, -1},
    {"substring", substring, 3, 3},
    {"string-length", string_length, 1, 1},
    {"->string", to_string, 1, 1},
    {"string->symbol", string_to_symbol, 1, 1},
    {"display", display, 0, -1},
    {"write", write_out, 1, 1},
    {"error", error, 1, 1},
    {"make-vector", make_vector, 2, 2},
    {"vector-ref", vector_ref, 2, 2},
    {"vector-set!", vector_set, 3, 3},
    {"vector-length", vector_length, 1, 1},
    {"make-table", make_table, 0, 0},
    {"table-ref", table_ref, 2, 2},
    {"table-set!", table_set, 3, 3},
    {"table-keys", keys, 1, 1},
    {"collect", collect, 0, 0},
};

void builtins_begin(void) {
  for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++) {
    ref x = new_object(BUILTIN);
    x->is.builtin.run = builtins[i].run;
    x->is.builtin.name = builtins[i].name;
    x->is.builtin.min = builtins[i].min;
    x->is.builtin.max = builtins[i].max;
    symbol(builtins[i].name, strlen(builtins[i].name))->is.symbol.value = x;
  }
}
