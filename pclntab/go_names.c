// SPDX-License-Identifier: Apache-2.0
//
// Taking Go's linkage names apart.
//
// A name is a path and then pieces between dots. Two things make that harder
// than it looks. Type arguments and types without a name stand in it as they
// are written, with dots, slashes, brackets, spaces and quoted tags inside; so
// brackets are skipped as a whole, quotes in them as well. And nothing marks
// where the function ends and what the compiler hung on it begins; so that is
// told by the shapes of the pieces that the compiler makes (`func1`, `1`,
// `gowrap2`, `-fm`).
//
// In an import path dots of the last element, quotes and bytes that are not
// printable ASCII are escaped (`gopkg.in/yaml%2ev3.Marshal`), so the first dot
// behind the last slash ends the path.
//
// Called from signal handlers: no allocation, no locks, no stdio.
#include "go_names.h"

#include <string.h>

// --- Pieces -----------------------------------------------------------------

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_open(char c) { return c == '(' || c == '[' || c == '{'; }
static bool is_close(char c) { return c == ')' || c == ']' || c == '}'; }

// Behind the quoted string at `s`, or at `end`.
static const char *skip_quoted(const char *s, const char *end) {
  const char quote = *s++;
  for (; s < end && *s != quote; s++)
    if (*s == '\\' && quote == '"' && s + 1 < end)
      s++;
  return s < end ? s + 1 : end;
}

// Behind the bracket that closes the one at `s`, or at `end`: what follows a
// bracket that nothing closes is not looked at again, so time stays linear.
static const char *skip_brackets(const char *s, const char *end) {
  unsigned depth = 0;
  for (const char *p = s; p < end;) {
    if (*p == '"' || *p == '`') {
      p = skip_quoted(p, end);
      continue;
    }
    depth += is_open(*p);
    depth -= is_close(*p);
    p++;
    if (depth == 0)
      return p;
  }
  return end;
}

// The first `c` outside of brackets, or `end`.
static const char *find_outside(const char *s, const char *end, char c) {
  while (s < end && *s != c)
    s = is_open(*s) ? skip_brackets(s, end) : s + 1;
  return s;
}

static bool starts_with(const char *s, const char *end, const char *prefix) {
  const size_t len = strlen(prefix);
  return (size_t)(end - s) >= len && memcmp(s, prefix, len) == 0;
}

static bool all_digits(const char *s, const char *end) {
  if (s == end)
    return false;
  while (s < end && is_digit(*s))
    s++;
  return s == end;
}

static struct pcln_str piece(const char *s, const char *end) {
  return (struct pcln_str){.ptr = s, .len = (size_t)(end - s)};
}

// --- What the compiler hangs on a name --------------------------------------

// Marks that begin a piece of their own, before a number.
static const struct {
  const char *mark;
  enum pcln_name_kind kind;
} numbered[] = {
    {"func", PCLN_NAME_CLOSURE},
    {"", PCLN_NAME_CLOSURE},
    {"gowrap", PCLN_NAME_GO_WRAP},
    {"deferwrap", PCLN_NAME_DEFER_WRAP},
};

// Marks inside a piece, before anything.
static const struct {
  const char *mark;
  enum pcln_name_kind kind;
} attached[] = {
    {"-fm", PCLN_NAME_METHOD_VALUE},
    {"-range", PCLN_NAME_RANGE_BODY},
    {"\xc2\xb7"
     "dwrap",
     PCLN_NAME_DEFER_WRAP}, // a middle dot
};

// Whether the piece is one that only the compiler makes. A `-range` or `-fm`
// may follow the number.
static bool is_mark(const char *s, const char *end, enum pcln_name_kind *kind) {
  const char *dash = find_outside(s, end, '-');
  for (size_t i = 0; i < sizeof numbered / sizeof *numbered; i++)
    if (starts_with(s, end, numbered[i].mark) &&
        all_digits(s + strlen(numbered[i].mark), dash)) {
      *kind = numbered[i].kind;
      return true;
    }
  if (piece(s, end).len == 4 && starts_with(s, end, "abi0"))
    *kind = PCLN_NAME_ABI_WRAPPER;
  else if (piece(s, end).len == 11 && starts_with(s, end, "abiinternal"))
    *kind = PCLN_NAME_ABI_WRAPPER;
  else
    return false;
  return true;
}

// Where in the piece an attached mark begins, or `end`.
static const char *find_attached(const char *s, const char *end,
                                 enum pcln_name_kind *kind) {
  while (s < end) {
    for (size_t i = 0; i < sizeof attached / sizeof *attached; i++)
      if (starts_with(s, end, attached[i].mark)) {
        *kind = attached[i].kind;
        return s;
      }
    s = is_open(*s) ? skip_brackets(s, end) : s + 1;
  }
  return end;
}

// The kind by the last mark in a suffix.
static enum pcln_name_kind suffix_kind(const char *s, const char *end) {
  enum pcln_name_kind kind = PCLN_NAME_CLOSURE;
  for (const char *from = s; from < end;) {
    const char *dot = find_outside(from, end, '.');
    (void)is_mark(from, dot, &kind);
    for (const char *at = from; at < dot;) {
      at = find_attached(at, dot, &kind);
      at += at < dot;
    }
    from = dot < end ? dot + 1 : end;
  }
  return kind;
}

// --- Behind the package -----------------------------------------------------

// A cursor over the pieces between dots.
struct pieces {
  const char *s, *end; // the piece
  const char *all_end;
};

static bool next_piece(struct pieces *p) {
  if (p->end >= p->all_end)
    return false;
  p->s = p->end + 1;
  p->end = find_outside(p->s, p->all_end, '.');
  return true;
}

// Takes type arguments off the end of a piece.
static struct pcln_str without_args(struct pcln_str s,
                                    struct pcln_name_parts *out) {
  const char *end = s.ptr + s.len;
  const char *open = s.ptr;
  for (; open < end && *open != '['; open++)
    if (is_open(*open))
      return s; // a type without a name
  if (open == end || open == s.ptr || end[-1] != ']')
    return s;
  out->type_args = piece(open + 1, end - 1);
  return piece(s.ptr, open);
}

// "(*T[args])", "T[args]", "struct { ... }".
static void set_receiver(struct pcln_str s, struct pcln_name_parts *out) {
  if (s.len >= 2 && s.ptr[0] == '(' && s.ptr[s.len - 1] == ')') {
    s = piece(s.ptr + 1, s.ptr + s.len - 1);
    if (s.len && *s.ptr == '*') {
      out->pointer = true;
      s = piece(s.ptr + 1, s.ptr + s.len);
    }
  }
  out->receiver = without_args(s, out);
}

// Names whose first piece cannot be a type: `init` may not be declared as one,
// `map` is a keyword and nothing precedes the two dots of `glob..`.
static bool is_initialiser(const char *s, const char *end) {
  const size_t len = (size_t)(end - s);
  return (len == 4 && memcmp(s, "init", 4) == 0) ||
         (len == 3 && memcmp(s, "map", 3) == 0) ||
         (len == 4 && memcmp(s, "glob", 4) == 0);
}

// `init`, `init.0`, `map.init.0`, `glob.`: the end of such a function's name.
static const char *initialiser_end(struct pieces p) {
  const char *end = p.end;
  if (starts_with(p.s, p.end, "map"))
    while (next_piece(&p) &&
           (starts_with(p.s, p.end, "init") || all_digits(p.s, p.end)))
      end = p.end;
  else if (starts_with(p.s, p.end, "init") && next_piece(&p) &&
           all_digits(p.s, p.end))
    end = p.end;
  return end;
}

// Sets function and suffix: the function is from `s` to `end`, at most.
static void set_function(const char *s, const char *end, const char *all_end,
                         struct pcln_name_parts *out) {
  enum pcln_name_kind kind;
  const char *cut = find_attached(s, end, &kind);
  if (cut == s)
    cut = end;
  out->function = without_args(piece(s, cut), out);
  out->suffix = piece(cut, all_end);
  if (out->suffix.len)
    out->kind = suffix_kind(cut + (*cut == '.'), all_end);
}

// Whether the piece can be a method's name: a method has no type arguments of
// its own. What else stands behind a function is of a function inlined into it.
static bool is_method(const char *s, const char *end) {
  enum pcln_name_kind kind;
  return s < end && !is_open(*s) && end[-1] != ']' && !is_mark(s, end, &kind);
}

// The rest of a name behind its package.
static void split_rest(const char *s, const char *end,
                       struct pcln_name_parts *out) {
  enum pcln_name_kind kind;
  struct pieces p = {s, find_outside(s, end, '.'), end};
  struct pieces method = p;
  if (p.s == p.end) { // main..inittask: nothing written in the source
    out->function = piece(s, end);
    return;
  }
  if (is_initialiser(p.s, p.end)) {
    set_function(s, initialiser_end(p), end, out);
  } else if (!next_piece(&method) || !is_method(method.s, method.end) ||
             find_attached(p.s, p.end, &kind) != p.end) {
    set_function(s, p.end, end, out);
  } else {
    set_receiver(piece(p.s, p.end), out);
    set_function(method.s, method.end, end, out);
  }
}

// --- The whole name ---------------------------------------------------------

// "type:.eq.T" since go1.20, "type..eq.T" before.
static bool split_type_func(const char *name, const char *end,
                            struct pcln_name_parts *out) {
  static const char *const prefixes[] = {"type:.", "type.."};
  for (size_t i = 0; i < 2; i++) {
    if (!starts_with(name, end, prefixes[i]))
      continue;
    const char *s = name + strlen(prefixes[i]);
    const char *dot = find_outside(s, end, '.');
    out->kind = PCLN_NAME_TYPE_FUNC;
    out->function = piece(s, dot);
    if (dot < end)
      out->receiver = piece(dot + 1, end);
    return out->function.len > 0;
  }
  return false;
}

// "go:struct {...}.Method" since go1.20, "go.struct" before; "go:buildid".
static bool split_compiler(const char *name, const char *end,
                           struct pcln_name_parts *out) {
  const bool is_new = starts_with(name, end, "go:");
  if (!is_new && !starts_with(name, end, "go.struct {") &&
      !starts_with(name, end, "go.(*struct {"))
    return false;
  split_rest(name + 3, end, out);
  out->kind = PCLN_NAME_COMPILER;
  return out->function.len > 0;
}

// The dot behind the import path, or `end`: the first one behind the last slash
// before any bracket.
static const char *package_end(const char *name, const char *end) {
  const char *from = name;
  for (const char *p = name; p < end && !is_open(*p); p++)
    if (*p == '/')
      from = p + 1;
  const char *dot = from;
  while (dot < end && *dot != '.' && !is_open(*dot))
    dot++;
  return dot < end && *dot == '.' ? dot : end;
}

void pcln_name_split(const char *name, struct pcln_name_parts *out) {
  const char *end = name + strlen(name);
  struct pcln_name_parts parts = {.kind = PCLN_NAME_PLAIN};
  if (split_type_func(name, end, &parts) || split_compiler(name, end, &parts)) {
    *out = parts;
    return;
  }
  const char *dot = package_end(name, end);
  parts = (struct pcln_name_parts){.kind = PCLN_NAME_PLAIN};
  if (dot == end || dot == name || dot + 1 == end) {
    parts.function = piece(name, end);
    parts.kind = PCLN_NAME_FOREIGN;
  } else {
    parts.package = piece(name, dot);
    split_rest(dot + 1, end, &parts);
  }
  *out = parts;
}

const char *pcln_name_kind_text(enum pcln_name_kind kind) {
  static const char *const texts[] = {
      [PCLN_NAME_PLAIN] = "plain",
      [PCLN_NAME_CLOSURE] = "closure",
      [PCLN_NAME_METHOD_VALUE] = "method value",
      [PCLN_NAME_RANGE_BODY] = "range body",
      [PCLN_NAME_GO_WRAP] = "go wrapper",
      [PCLN_NAME_DEFER_WRAP] = "defer wrapper",
      [PCLN_NAME_ABI_WRAPPER] = "abi wrapper",
      [PCLN_NAME_TYPE_FUNC] = "type function",
      [PCLN_NAME_COMPILER] = "compiler",
      [PCLN_NAME_FOREIGN] = "foreign",
  };
  return (unsigned)kind < sizeof texts / sizeof *texts ? texts[kind] : "";
}

// --- Import paths -----------------------------------------------------------

static int hex_digit(char c) {
  if (is_digit(c))
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t pcln_package_path(struct pcln_str package, char *buf, size_t len) {
  size_t n = 0;
  for (size_t i = 0; i < package.len && n + 1 < len; i++) {
    char c = package.ptr[i];
    if (c == '%' && package.len - i > 2) {
      const int hi = hex_digit(package.ptr[i + 1]);
      const int lo = hex_digit(package.ptr[i + 2]);
      if (hi >= 0 && lo >= 0 && (hi | lo)) {
        c = (char)(hi * 16 + lo);
        i += 2;
      }
    }
    buf[n++] = c;
  }
  if (len)
    buf[n] = '\0';
  return n;
}
