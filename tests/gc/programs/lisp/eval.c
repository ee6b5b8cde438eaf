// SPDX-License-Identifier: Apache-2.0
//
// The evaluator. A tail call goes round the loop of eval: what is left of the
// caller is garbage at once, so a loop of tail calls runs in constant memory
// if, and only if, no stale reference stays in a frame.
//
// An environment is a list of frames; a frame is a pair of a list of names and
// a list of values. Internal definitions go to the front of both.
#include "lisp.h"

enum form {
  QUOTE,
  IF,
  DEFINE,
  SET,
  LAMBDA,
  BEGIN,
  LET,
  LET_STAR,
  LETREC,
  COND,
  AND,
  OR,
  WHILE,
  TRY,
  N_FORMS
};
static const char *const form_names[N_FORMS] = {
    "quote", "if",     "define", "set!", "lambda", "begin", "let",
    "let*",  "letrec", "cond",   "and",  "or",     "while", "try"};
static ref forms[N_FORMS];
static ref symbol_else, symbol_arrow;

void forms_begin(void) {
  for (int i = 0; i < N_FORMS; i++)
    forms[i] = symbol(form_names[i], strlen(form_names[i]));
  symbol_else = symbol("else", 4);
  symbol_arrow = symbol("=>", 2);
}

static int form_of(ref head) {
  for (int i = 0; i < N_FORMS; i++)
    if (forms[i] == head)
      return i;
  return -1;
}

// --- Names -------------------------------------------------------------------

// The pair of the frame's values that belongs to the name; null: global.
static ref find(ref name, ref env) {
  for (; env != nil; env = env->is.pair.cdr) {
    ref names = env->is.pair.car->is.pair.car;
    ref values = env->is.pair.car->is.pair.cdr;
    for (; names->tag == PAIR; names = names->is.pair.cdr) {
      if (names->is.pair.car == name)
        return values;
      values = values->is.pair.cdr;
    }
  }
  return NULL;
}

static _Noreturn void unknown(ref name) {
  char text[64] = {0};
  size_t n = name->is.symbol.name->len;
  memcpy(text, raw(name->is.symbol.name->bytes), n < 63 ? n : 63);
  fail("%s is not defined", text);
}

static ref lookup(ref name, ref env) {
  ref at = find(name, env);
  if (at)
    return at->is.pair.car;
  if (!name->is.symbol.value)
    unknown(name);
  return name->is.symbol.value;
}

static void define(ref name, ref value, ref env) {
  expect(name, SYMBOL, "define");
  if (env == nil) {
    name->is.symbol.value = value;
    return;
  }
  ref frame = env->is.pair.car;
  frame->is.pair.car = cons(name, frame->is.pair.car);
  frame->is.pair.cdr = cons(value, frame->is.pair.cdr);
}

static void assign(ref name, ref value, ref env) {
  ref at = find(expect(name, SYMBOL, "set!"), env);
  if (at)
    at->is.pair.car = value;
  else if (name->is.symbol.value)
    name->is.symbol.value = value;
  else
    unknown(name);
}

static ref closure(ref params, ref body, ref env) {
  ref x = new_object(CLOSURE);
  x->is.closure.params = params;
  x->is.closure.body = body;
  x->is.closure.env = env;
  return x;
}

// --- Calls -------------------------------------------------------------------

static ref eval_list(ref list, ref env) {
  ref first = nil, last = nil;
  for (; list->tag == PAIR; list = list->is.pair.cdr) {
    ref pair = cons(eval(list->is.pair.car, env), nil);
    if (last == nil)
      first = pair;
    else
      last->is.pair.cdr = pair;
    last = pair;
  }
  return first;
}

// The environment of a closure's body.
static ref bind(ref function, ref args) {
  ref params = function->is.closure.params, p = params, a = args;
  for (; p->tag == PAIR && a->tag == PAIR; p = p->is.pair.cdr)
    a = a->is.pair.cdr;
  if (p->tag == SYMBOL) { // takes the rest, as a list
    long fixed = 0;
    ref names = nil, values = nil;
    for (ref q = params; q->tag == PAIR; q = q->is.pair.cdr, fixed++) {
      names = cons(q->is.pair.car, names);
      values = cons(args->is.pair.car, values);
      args = args->is.pair.cdr;
    }
    return cons(cons(cons(p, names), cons(args, values)),
                function->is.closure.env);
  }
  if (p != nil || a != nil)
    fail("call with %ld arguments of a function of %ld", list_len(args),
         list_len(params));
  return cons(cons(params, args), function->is.closure.env);
}

static ref run_builtin(ref function, ref args) {
  long n = list_len(args);
  if (n < function->is.builtin.min ||
      (function->is.builtin.max >= 0 && n > function->is.builtin.max))
    fail("%s: called with %ld arguments", function->is.builtin.name, n);
  return function->is.builtin.run(args);
}

// All but the last; that one is left to the caller's loop.
static ref but_last(ref body, ref env) {
  if (body == nil)
    return nil;
  for (; body->is.pair.cdr != nil; body = body->is.pair.cdr)
    eval(body->is.pair.car, env);
  return body->is.pair.car;
}

ref apply(ref function, ref args) {
  if (function->tag == BUILTIN)
    return run_builtin(function, args);
  expect(function, CLOSURE, "apply");
  ref env = bind(function, args);
  return eval(but_last(function->is.closure.body, env), env);
}

// --- Forms -------------------------------------------------------------------

// What eval goes on with: an expression in an environment, or a value.
struct step {
  ref x, env;
  bool done;
};

static struct step done(ref value) { return (struct step){value, NULL, true}; }
static struct step go_on(ref x, ref env) {
  return (struct step){x, env, false};
}
static struct step body(ref list, ref env) {
  return go_on(but_last(list, env), env);
}

static struct step eval_define(ref rest, ref env) {
  ref target = car(rest);
  if (target->tag == PAIR)
    define(car(target), closure(cdr(target), cdr(rest), env), env);
  else
    define(target, eval(car(cdr(rest)), env), env);
  return done(nil);
}

static ref map_list(ref (*f)(ref), ref list) {
  return list == nil ? nil : cons(f(car(list)), map_list(f, cdr(list)));
}

static struct step named_let(ref name, ref rest, ref env) {
  ref names = map_list(car, car(rest));
  ref values = eval_list(map_list(car, map_list(cdr, car(rest))), env);
  ref inner = cons(cons(list_of(1, name), list_of(1, nil)), env);
  ref function = closure(names, cdr(rest), inner);
  assign(name, function, inner);
  ref frame = bind(function, values);
  return body(cdr(rest), frame);
}

// Bindings see the names before them if `sequential`, all if `recursive`.
static struct step eval_let(ref rest, ref env, bool sequential) {
  if (car(rest)->tag == SYMBOL)
    return named_let(car(rest), cdr(rest), env);
  ref inner = cons(cons(nil, nil), env);
  for (ref b = car(rest); b != nil; b = cdr(b))
    define(car(car(b)), eval(car(cdr(car(b))), sequential ? inner : env),
           inner);
  return body(cdr(rest), inner);
}

static struct step eval_cond(ref clauses, ref env) {
  for (; clauses != nil; clauses = cdr(clauses)) {
    ref clause = car(clauses);
    ref test = car(clause) == symbol_else ? yes : eval(car(clause), env);
    if (test == no)
      continue;
    if (cdr(clause) == nil)
      return done(test);
    if (car(cdr(clause)) == symbol_arrow)
      return done(apply(eval(car(cdr(cdr(clause))), env), list_of(1, test)));
    return body(cdr(clause), env);
  }
  return done(nil);
}

static struct step eval_and_or(ref list, ref env, bool stop_at) {
  if (list == nil)
    return done(truth(!stop_at));
  for (; cdr(list) != nil; list = cdr(list)) {
    ref x = eval(car(list), env);
    if ((x != no) == stop_at)
      return done(x);
  }
  return go_on(car(list), env);
}

// (try EXPR HANDLER): the handler is called with the message.
static struct step eval_try(ref rest, ref env) {
  struct handler here;
  here.outer = handlers;
  here.scan_foreign = pclnrt_gc_scan_foreign(true);
  pclnrt_gc_scan_foreign(here.scan_foreign);
  if (setjmp(here.jump)) {
    handlers = here.outer;
    pclnrt_gc_scan_foreign(here.scan_foreign);
    ref message = failure;
    failure = nil;
    return done(apply(eval(car(cdr(rest)), env), list_of(1, message)));
  }
  handlers = &here;
  ref x = eval(car(rest), env);
  handlers = here.outer;
  return done(x);
}

static struct step eval_form(enum form form, ref rest, ref env) {
  switch (form) {
  case QUOTE:
    return done(car(rest));
  case IF:
    if (eval(car(rest), env) != no)
      return go_on(car(cdr(rest)), env);
    rest = cdr(cdr(rest));
    return rest == nil ? done(nil) : go_on(car(rest), env);
  case DEFINE:
    return eval_define(rest, env);
  case SET:
    assign(car(rest), eval(car(cdr(rest)), env), env);
    return done(nil);
  case LAMBDA:
    return done(closure(car(rest), cdr(rest), env));
  case BEGIN:
    return body(rest, env);
  case LET:
    return eval_let(rest, env, false);
  case LET_STAR:
  case LETREC:
    return eval_let(rest, env, true);
  case COND:
    return eval_cond(rest, env);
  case AND:
    return eval_and_or(rest, env, false);
  case OR:
    return eval_and_or(rest, env, true);
  case WHILE:
    while (eval(car(rest), env) != no)
      eval(but_last(cdr(rest), env), env);
    return done(nil);
  default:
    return eval_try(rest, env);
  }
}

ref eval(ref x, ref env) {
  for (;;) {
    if (x->tag == SYMBOL)
      return lookup(x, env);
    if (x->tag != PAIR)
      return x;
    ref head = x->is.pair.car;
    int form = head->tag == SYMBOL ? form_of(head) : -1;
    if (form >= 0) {
      struct step s = eval_form((enum form)form, x->is.pair.cdr, env);
      if (s.done)
        return s.x;
      x = s.x;
      env = s.env;
      continue;
    }
    ref function = eval(head, env), args = eval_list(x->is.pair.cdr, env);
    if (function->tag != CLOSURE)
      return apply(function, args);
    env = bind(function, args);
    x = but_last(function->is.closure.body, env);
  }
}
