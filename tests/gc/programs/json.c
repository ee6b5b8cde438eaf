// SPDX-License-Identifier: Apache-2.0
//
// A JSON parser and printer. Reads a document (the argument: a file, or a
// number of bytes to make one of), prints it in short and in full, reads both
// again and holds them against the first. The text lies in the collector's
// memory and is known by pointers into its middle alone; syntax errors leave
// the recursion by longjmp.
#include "alloc.h"
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>

struct text {
  size_t len;
  char bytes[];
};
struct json;
struct array {
  size_t n;
  struct json gcref *items[];
};
struct member {
  struct text gcref *name;
  struct json gcref *value;
};
struct object {
  size_t n;
  struct member members[];
};

enum kind {
  NULL_VALUE,
  FALSE_VALUE,
  TRUE_VALUE,
  NUMBER,
  STRING,
  ARRAY,
  OBJECT
};
struct json {
  enum kind kind;
  union {
    double number;
    struct text gcref *string;
    struct array gcref *array;
    struct object gcref *object;
  } is;
};

// --- Text that grows ---------------------------------------------------------

struct buffer {
  char gcref *bytes;
  size_t len, room;
};

static void reserve(struct buffer *b, size_t more) {
  if (b->room - b->len >= more)
    return;
  size_t room = (b->len + more) * 2;
  char gcref *bytes = have(gc_new_bytes(room));
  if (b->len)
    memcpy(raw(bytes), raw(b->bytes), b->len);
  gc_free(b->bytes);
  b->bytes = bytes;
  b->room = room;
}

static void add(struct buffer *b, const char *s, size_t len) {
  reserve(b, len);
  memcpy(raw(b->bytes + b->len), s, len);
  b->len += len;
}

static void addf(struct buffer *b, const char *format, ...) {
  char line[64];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  add(b, line, (size_t)n);
}

// --- Reading -----------------------------------------------------------------

struct parser {
  const char gcref *at, *end; // nothing else leads to the text
  jmp_buf failed;
  const char *why;
  int depth;
};

_Noreturn static void fail(struct parser *p, const char *why) {
  p->why = why;
  longjmp(p->failed, 1);
}

gc_leaf static int peek(struct parser *p) {
  while (p->at < p->end && isspace((unsigned char)*p->at))
    p->at++;
  return p->at < p->end ? *p->at : -1;
}

static void expect(struct parser *p, const char *word) {
  for (; *word; word++, p->at++)
    if (p->at == p->end || *p->at != *word)
      fail(p, "unknown word");
}

static struct json gcref *new_json(enum kind kind) {
  struct json gcref *j = have(gc_new(struct json));
  j->kind = kind;
  return j;
}

static struct json gcref *number(struct parser *p) {
  char digits[64];
  size_t n = 0;
  while (p->at < p->end && n < sizeof digits - 1 &&
         strchr("+-.0123456789eE", *p->at))
    digits[n++] = *p->at++;
  digits[n] = 0;
  char *stop;
  struct json gcref *j = new_json(NUMBER);
  j->is.number = strtod(digits, &stop);
  if (n == 0 || *stop)
    fail(p, "not a number");
  return j;
}

static void utf8(struct buffer *b, unsigned c) {
  if (c < 0x80)
    addf(b, "%c", (int)c);
  else if (c < 0x800)
    addf(b, "%c%c", (int)(0xc0 | c >> 6), (int)(0x80 | (c & 63)));
  else
    addf(b, "%c%c%c", (int)(0xe0 | c >> 12), (int)(0x80 | (c >> 6 & 63)),
         (int)(0x80 | (c & 63)));
}

static void escape(struct parser *p, struct buffer *b) {
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  if (p->at == p->end)
    fail(p, "text ends in an escape");
  char c = *p->at++;
  const char *known = strchr(from, c);
  if (c && known) {
    add(b, &to[known - from], 1);
    return;
  }
  if (c != 'u' || p->end - p->at < 4)
    fail(p, "unknown escape");
  char hex[5] = {p->at[0], p->at[1], p->at[2], p->at[3], 0};
  char *stop;
  utf8(b, (unsigned)strtoul(hex, &stop, 16));
  if (*stop)
    fail(p, "not four hexadecimal digits");
  p->at += 4;
}

static struct text gcref *text(struct parser *p) {
  struct buffer b = {NULL, 0, 0};
  p->at++;
  for (;;) {
    const char gcref *from = p->at;
    while (p->at < p->end && *p->at != '"' && *p->at != '\\')
      p->at++;
    add(&b, raw(from), (size_t)(p->at - from));
    if (p->at == p->end)
      fail(p, "text without an end");
    if (*p->at++ == '"')
      break;
    escape(p, &b);
  }
  struct text gcref *t = have(gc_new_flex(struct text, bytes, b.len));
  t->len = b.len;
  if (b.len)
    memcpy(raw(t->bytes), raw(b.bytes), b.len);
  gc_free(b.bytes);
  return t;
}

static struct json gcref *value(struct parser *p);

// Lists that are read grow by doubling; the last copy fits.
static struct array gcref *fit(struct array gcref *old, size_t room) {
  struct array gcref *a = have(gc_new_flex(struct array, items, room));
  for (size_t i = 0; old && i < old->n && i < room; i++)
    a->items[i] = old->items[i];
  a->n = old ? old->n : 0;
  gc_free(old);
  return a;
}

static struct json gcref *array(struct parser *p) {
  struct array gcref *a = NULL;
  size_t room = 0;
  p->at++;
  if (peek(p) != ']') {
    do {
      struct json gcref *item = value(p);
      if (!a || a->n == room)
        a = fit(a, room = room ? room * 2 : 4);
      a->items[a->n++] = item;
    } while (peek(p) == ',' && p->at++);
  }
  if (peek(p) != ']')
    fail(p, "array without an end");
  p->at++;
  struct json gcref *j = new_json(ARRAY);
  j->is.array = fit(a, a ? a->n : 0);
  return j;
}

static struct object gcref *fit_object(struct object gcref *old, size_t room) {
  struct object gcref *o = have(gc_new_flex(struct object, members, room));
  for (size_t i = 0; old && i < old->n && i < room; i++)
    o->members[i] = old->members[i];
  o->n = old ? old->n : 0;
  gc_free(old);
  return o;
}

static struct member member(struct parser *p) {
  if (peek(p) != '"')
    fail(p, "a member needs a name");
  struct member m;
  m.name = text(p);
  if (peek(p) != ':')
    fail(p, "a member needs a colon");
  p->at++;
  m.value = value(p);
  return m;
}

static struct json gcref *object(struct parser *p) {
  struct object gcref *o = NULL;
  size_t room = 0;
  p->at++;
  if (peek(p) != '}') {
    do {
      struct member m = member(p);
      if (!o || o->n == room)
        o = fit_object(o, room = room ? room * 2 : 4);
      o->members[o->n++] = m;
    } while (peek(p) == ',' && p->at++);
  }
  if (peek(p) != '}')
    fail(p, "object without an end");
  p->at++;
  struct json gcref *j = new_json(OBJECT);
  j->is.object = fit_object(o, o ? o->n : 0);
  return j;
}

static struct json gcref *string(struct parser *p) {
  struct json gcref *j = new_json(STRING);
  j->is.string = text(p);
  return j;
}

static struct json gcref *word(struct parser *p, enum kind kind,
                               const char *spelling) {
  expect(p, spelling);
  return new_json(kind);
}

static struct json gcref *value(struct parser *p) {
  if (++p->depth > 1000)
    fail(p, "too deep");
  int c = peek(p);
  struct json gcref *j = c == '{'   ? object(p)
                         : c == '[' ? array(p)
                         : c == '"' ? string(p)
                         : c == 'n' ? word(p, NULL_VALUE, "null")
                         : c == 'f' ? word(p, FALSE_VALUE, "false")
                         : c == 't' ? word(p, TRUE_VALUE, "true")
                                    : number(p);
  p->depth--;
  return j;
}

// Null: a syntax error, in *why.
static struct json gcref *parse(const char gcref *bytes, size_t len,
                                const char **why) {
  struct parser p = {.at = bytes, .end = bytes + len};
  if (setjmp(p.failed)) {
    *why = p.why;
    return NULL;
  }
  struct json gcref *j = value(&p);
  if (peek(&p) != -1)
    fail(&p, "text after the end");
  return j;
}

// --- Printing ----------------------------------------------------------------

static void print_text(struct buffer *b, const struct text gcref *t) {
  add(b, "\"", 1);
  for (size_t i = 0; i < t->len; i++) {
    char c = t->bytes[i];
    if (c == '"' || c == '\\')
      addf(b, "\\%c", c);
    else if ((unsigned char)c < 32)
      addf(b, "\\u%04x", (unsigned)c);
    else
      add(b, &c, 1);
  }
  add(b, "\"", 1);
}

static void line(struct buffer *b, int indent) {
  if (indent >= 0)
    addf(b, "\n%*s", indent, "");
}

// `indent` < 0: in short, without any space.
static void print(struct buffer *b, const struct json gcref *j, int indent) {
  static const char *const words[] = {"null", "false", "true"};
  int inner = indent < 0 ? indent : indent + 1;
  switch (j->kind) {
  case NUMBER:
    addf(b, "%.17g", j->is.number);
    break;
  case STRING:
    print_text(b, j->is.string);
    break;
  case ARRAY:
    add(b, "[", 1);
    for (size_t i = 0; i < j->is.array->n; i++) {
      add(b, ",", i > 0);
      line(b, inner);
      print(b, j->is.array->items[i], inner);
    }
    line(b, indent);
    add(b, "]", 1);
    break;
  case OBJECT:
    add(b, "{", 1);
    for (size_t i = 0; i < j->is.object->n; i++) {
      add(b, ",", i > 0);
      line(b, inner);
      print_text(b, j->is.object->members[i].name);
      add(b, ":", 1);
      print(b, j->is.object->members[i].value, inner);
    }
    line(b, indent);
    add(b, "}", 1);
    break;
  default:
    addf(b, "%s", words[j->kind]);
  }
}

// --- The load ----------------------------------------------------------------

static void count(const struct json gcref *j, long counts[7]) {
  counts[j->kind]++;
  if (j->kind == ARRAY)
    for (size_t i = 0; i < j->is.array->n; i++)
      count(j->is.array->items[i], counts);
  if (j->kind == OBJECT)
    for (size_t i = 0; i < j->is.object->n; i++)
      count(j->is.object->members[i].value, counts);
}

static void make_value(struct buffer *b, struct alloc_random *r, int depth) {
  static const char *const plain[] = {"null", "false", "true", "\"\"", "[]"};
  uint32_t what = alloc_random(r) % (depth > 0 ? 16 : 11);
  if (what < 5)
    addf(b, "%s", plain[what]);
  else if (what < 8) {
    addf(b, "%d.", (int)alloc_random(r) % 1000);
    addf(b, "%u", alloc_random(r) % 100);
  } else if (what < 11)
    addf(b, "\"t\\n%u \\u00e9\"", alloc_random(r) % 10000);
  else {
    uint32_t n = 1 + alloc_random(r) % 8;
    add(b, what < 13 ? "[" : "{", 1);
    for (uint32_t i = 0; i < n; i++) {
      add(b, ", ", i ? 2 : 0);
      if (what >= 13)
        addf(b, "\"name%u\" : ", alloc_random(r) % 50);
      make_value(b, r, depth - 1);
    }
    add(b, what < 13 ? "]" : "}", 1);
  }
}

static struct buffer make_document(size_t len) {
  struct buffer b = {NULL, 0, 0};
  struct alloc_random r = {13};
  add(&b, "[", 1);
  while (b.len < len) {
    make_value(&b, &r, 6);
    add(&b, ",\n", 2);
  }
  add(&b, "0]", 2);
  return b;
}

static struct buffer read_file(const char *name) {
  struct buffer b = {NULL, 0, 0};
  FILE *f = fopen(name, "r");
  if (!f) {
    perror(name);
    exit(2);
  }
  char block[4096];
  for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;)
    add(&b, block, n);
  fclose(f);
  return b;
}

static struct json gcref *must_parse(struct buffer b) {
  const char *why = NULL;
  struct json gcref *j = parse(b.bytes, b.len, &why);
  if (!j) {
    printf("syntax error: %s\n", why);
    exit(1);
  }
  return j;
}

static struct buffer printed(const struct json gcref *j, int indent) {
  struct buffer b = {NULL, 0, 0};
  print(&b, j, indent);
  return b;
}

gc_leaf static uint64_t check_of(struct buffer b) {
  uint64_t h = 14695981039346656037u;
  for (size_t i = 0; i < b.len; i++)
    h = (h ^ (unsigned char)b.bytes[i]) * 1099511628211u;
  return h;
}

static void refuse(const char *document) {
  struct buffer b = {NULL, 0, 0};
  addf(&b, "%s", document);
  const char *why = "nothing";
  if (parse(b.bytes, b.len, &why))
    why = "no error";
  printf("%s: %s\n", document, why);
}

int main(int argc, char **argv) {
  alloc_start();
  const char *what = argc > 1 ? argv[1] : "20000";
  int made = isdigit((unsigned char)what[0]);
  struct buffer source =
      made ? make_document(strtoul(what, NULL, 10)) : read_file(what);
  struct json gcref *j = must_parse(source);
  gc_free(source.bytes);
  source.bytes = NULL;
  long counts[7] = {0};
  count(j, counts);
  for (int i = 0; i < 7; i++)
    printf("%ld%c", counts[i], i < 6 ? ' ' : '\n');
  struct buffer brief = printed(j, -1), full = printed(j, 0);
  struct buffer again = printed(must_parse(full), -1);
  if (brief.len != again.len || check_of(brief) != check_of(again)) {
    puts("what was printed in full reads otherwise");
    return 1;
  }
  printf("%zu and %zu bytes: %016llx %016llx\n", brief.len, full.len,
         (unsigned long long)check_of(brief),
         (unsigned long long)check_of(full));
  static const char *const wrong[] = {"[1, 2", "{\"a\" 1}", "\"abc", "[tru]",
                                      "[1] x", "\"\\q\"",   "-"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    refuse(wrong[i]);
  alloc_end();
  return 0;
}
