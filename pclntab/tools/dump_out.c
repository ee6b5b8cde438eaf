// SPDX-License-Identifier: Apache-2.0
//
// Writes records as text or as JSON. Both formats come from one sequence of
// calls, so they cannot come to differ in what they say. A record is one line
// in either, so that two dumps can be compared line by line.
//
// A dump of a large program is millions of records. stdio's formatting costs
// more than decoding the table, so numbers and strings are formatted here,
// straight into the buffer.
//
// Text. Fields are separated by one space. A string that is empty or holds a
// space, a quote, a backslash, `=` at its start or a byte that is no printable
// ASCII is put between quotes, escaped as in C, bytes of UTF-8 left as they
// are; so a line can always be taken apart again.
//
// JSON. Addresses are strings, because many readers keep numbers as doubles.
// Names are bytes that need not be UTF-8: a byte that is not part of a sound
// sequence becomes the escape \udcXX, as Python's "surrogateescape" does.
#define _GNU_SOURCE 1 // stpcpy
#include "dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// --- Buffer -----------------------------------------------------------------

void dump_out_init(struct dump_out *o, int fd, bool json) {
  o->fd = fd;
  o->json = json;
  o->any = false;
  o->fresh = false;
  o->error = 0;
  o->progress = (struct dump_progress){0};
  o->len = 0;
}

void dump_out_flush(struct dump_out *o) {
  size_t done = 0;
  while (done < o->len && !o->error) {
    ssize_t n = write(o->fd, o->buf + done, o->len - done);
    if (n >= 0)
      done += (size_t)n;
    else if (errno != EINTR)
      o->error = errno;
  }
  o->len = 0;
}

// Makes room for `n` bytes, n <= DUMP_OUT_CAP.
static inline char *reserve(struct dump_out *o, size_t n) {
  if (n > DUMP_OUT_CAP - o->len)
    dump_out_flush(o);
  return o->buf + o->len;
}

void dump_put(struct dump_out *o, const char *bytes, size_t len) {
  while (len > 0) {
    size_t n = len < DUMP_OUT_CAP ? len : DUMP_OUT_CAP;
    memcpy(reserve(o, n), bytes, n);
    o->len += n;
    bytes += n;
    len -= n;
  }
}

static inline void put_char(struct dump_out *o, char c) {
  *reserve(o, 1) = c;
  o->len++;
}

static inline void put_cstr(struct dump_out *o, const char *s) {
  dump_put(o, s, strlen(s));
}

// What a number takes at most, with a sign, quotes and 0x.
enum { NUMBER_ROOM = 24 };

static const char hex_digits[16] = "0123456789abcdef";

// Writes a number to `p`; returns its end.
static inline char *num_to(char *p, uint64_t v) {
  char digits[20];
  size_t n = sizeof digits;
  do
    digits[--n] = (char)('0' + v % 10);
  while (v /= 10);
  memcpy(p, digits + n, sizeof digits - n);
  return p + (sizeof digits - n);
}

static inline char *signed_to(char *p, int64_t v) {
  if (v < 0)
    *p++ = '-';
  return num_to(p, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static inline char *hex_to(char *p, uint64_t v, unsigned digits) {
  unsigned n = v ? (unsigned)(67 - __builtin_clzll(v)) / 4 : 1;
  if (n < digits)
    n = digits;
  *p++ = '0';
  *p++ = 'x';
  for (unsigned i = n; i-- > 0;)
    *p++ = hex_digits[(v >> (4 * i)) & 15];
  return p;
}

void dump_put_num(struct dump_out *o, uint64_t v) {
  char *p = reserve(o, NUMBER_ROOM);
  o->len += (size_t)(num_to(p, v) - p);
}

void dump_put_hex(struct dump_out *o, uint64_t v, unsigned digits) {
  char *p = reserve(o, NUMBER_ROOM);
  o->len += (size_t)(hex_to(p, v, digits) - p);
}

// --- Strings ----------------------------------------------------------------

// Bytes that no output shows bare: control characters, and what starts or ends
// a string or an escape.
static inline bool is_control(uint8_t c) { return c < 0x20 || c == 0x7f; }

void dump_put_name(struct dump_out *o, const char *name) {
  for (const char *p = name;; p++) {
    if (!is_control((uint8_t)*p))
      continue;
    dump_put(o, name, (size_t)(p - name));
    if (!*p)
      return;
    const char escape[] = {'\\', 'x', hex_digits[(uint8_t)*p >> 4],
                           hex_digits[*p & 15]};
    dump_put(o, escape, sizeof escape);
    name = p + 1;
  }
}

// Length of the sound UTF-8 sequence at `s` (NUL-terminated), or 0. Overlong
// forms, surrogates and values past U+10FFFF are not sound.
static size_t utf8_len(const uint8_t *s) {
  const uint8_t c = s[0];
  if (c < 0x80)
    return 1;
  const size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
  if (c < 0xc2 || c > 0xf4)
    return 0;
  const uint8_t lo = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
  const uint8_t hi = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
  if (s[1] < lo || s[1] > hi)
    return 0;
  for (size_t i = 2; i < n; i++)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  return n;
}

// Writes one byte that cannot stand for itself.
static void put_escape(struct dump_out *o, uint8_t c) {
  static const char named[] = "\b\t\n\f\r\"\\";
  static const char letter[] = "btnfr\"\\";
  const char *at = c ? strchr(named, c) : NULL;
  put_char(o, '\\');
  if (at) {
    put_char(o, letter[at - named]);
    return;
  }
  if (o->json)
    put_cstr(o, c < 0x80 ? "u00" : "udc");
  else
    put_char(o, 'x');
  put_char(o, hex_digits[c >> 4]);
  put_char(o, hex_digits[c & 15]);
}

// Bytes that stand for themselves between quotes, in either format.
static inline bool is_plain(uint8_t c) {
  return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static void put_quoted(struct dump_out *o, const char *s) {
  const uint8_t *p = (const uint8_t *)s, *from = p;
  put_char(o, '"');
  for (;;) {
    while (is_plain(*p))
      p++;
    const size_t n = *p < 0x80 ? 0 : utf8_len(p);
    if (n) {
      p += n;
      continue;
    }
    dump_put(o, (const char *)from, (size_t)(p - from));
    if (!*p)
      break;
    put_escape(o, *p++);
    from = p;
  }
  put_char(o, '"');
}

// Whether `s` can stand in text without quotes; *len is its length then.
static bool is_bare(const char *s, size_t *len) {
  const uint8_t *p = (const uint8_t *)s;
  while (*p != ' ' && is_plain(*p))
    p++;
  *len = (size_t)(p - (const uint8_t *)s);
  return !*p && *len > 0 && *s != '=';
}

static void put_string(struct dump_out *o, const char *s) {
  size_t len;
  if (!o->json && is_bare(s, &len))
    dump_put(o, s, len);
  else
    put_quoted(o, s);
}

// --- Records ----------------------------------------------------------------

// Keys and kinds are short words of this program. What is behind them is
// written into the same room.
enum { KEY_ROOM = 64 };

// Writes what stands before a field's value to `p`; returns its end.
static inline char *key_to(struct dump_out *o, char *p, const char *key,
                           bool named) {
  if (o->json) {
    if (!o->fresh)
      *p++ = ',';
    o->fresh = false;
    *p++ = '"';
    p = stpcpy(p, key);
    *p++ = '"';
    *p++ = ':';
    return p;
  }
  *p++ = ' ';
  if (named) {
    p = stpcpy(p, key);
    *p++ = '=';
  }
  return p;
}

static inline void set_end(struct dump_out *o, const char *end) {
  o->len = (size_t)(end - o->buf);
}

static void put_key(struct dump_out *o, const char *key, bool named) {
  set_end(o, key_to(o, reserve(o, KEY_ROOM), key, named));
}

void dump_begin(struct dump_out *o, const char *kind) {
  char *p = reserve(o, KEY_ROOM);
  if (o->json) {
    p = stpcpy(p, o->any ? ",\n{\"kind\":\"" : "\n{\"kind\":\"");
    o->any = true;
  }
  p = stpcpy(p, kind);
  if (o->json)
    *p++ = '"';
  set_end(o, p);
}

void dump_end(struct dump_out *o) { put_char(o, o->json ? '}' : '\n'); }

static void hex_field(struct dump_out *o, const char *key, bool named,
                      uint64_t v) {
  char *p = key_to(o, reserve(o, KEY_ROOM + NUMBER_ROOM), key, named);
  if (o->json)
    *p++ = '"';
  p = hex_to(p, v, 1);
  if (o->json)
    *p++ = '"';
  set_end(o, p);
}

void dump_hex(struct dump_out *o, const char *key, uint64_t v) {
  hex_field(o, key, false, v);
}
void dump_named_hex(struct dump_out *o, const char *key, uint64_t v) {
  hex_field(o, key, true, v);
}

static void num_field(struct dump_out *o, const char *key, bool named,
                      int64_t v) {
  char *p = key_to(o, reserve(o, KEY_ROOM + NUMBER_ROOM), key, named);
  set_end(o, signed_to(p, v));
}

void dump_num(struct dump_out *o, const char *key, int64_t v) {
  num_field(o, key, false, v);
}
void dump_named_num(struct dump_out *o, const char *key, int64_t v) {
  num_field(o, key, true, v);
}

void dump_str(struct dump_out *o, const char *key, const char *s) {
  put_key(o, key, false);
  put_string(o, s);
}
void dump_named_str(struct dump_out *o, const char *key, const char *s) {
  put_key(o, key, true);
  put_string(o, s);
}

static void str_len_field(struct dump_out *o, const char *key, bool named,
                          const char *s, size_t len) {
  char buf[256];
  char *copy = len < sizeof buf ? buf : malloc(len + 1);
  if (!copy) {
    o->error = ENOMEM;
    return;
  }
  memcpy(copy, s, len);
  copy[len] = 0;
  put_key(o, key, named);
  put_string(o, copy);
  if (copy != buf)
    free(copy);
}

void dump_str_len(struct dump_out *o, const char *key, const char *s,
                  size_t len) {
  str_len_field(o, key, false, s, len);
}
void dump_named_str_len(struct dump_out *o, const char *key, const char *s,
                        size_t len) {
  str_len_field(o, key, true, s, len);
}

void dump_named_bool(struct dump_out *o, const char *key, bool v) {
  put_key(o, key, true);
  put_cstr(o, v ? "true" : "false");
}

void dump_named_hundredths(struct dump_out *o, const char *key, uint64_t v) {
  put_key(o, key, true);
  dump_put_num(o, v / 100);
  put_char(o, '.');
  put_char(o, (char)('0' + v / 10 % 10));
  put_char(o, (char)('0' + v % 10));
}

static void position(struct dump_out *o, const char *file, int64_t line) {
  if (o->json) {
    put_key(o, "file", false);
    if (file)
      put_quoted(o, file);
    else
      put_cstr(o, "null");
    num_field(o, "line", false, line);
    return;
  }
  put_string(o, file ? file : "??");
  char *p = reserve(o, NUMBER_ROOM);
  *p++ = ':';
  set_end(o, signed_to(p, line));
}

void dump_position(struct dump_out *o, const char *file, int64_t line) {
  if (!o->json)
    put_char(o, ' ');
  position(o, file, line);
}
void dump_named_position(struct dump_out *o, const char *file, int64_t line) {
  if (!o->json)
    put_cstr(o, " at=");
  position(o, file, line);
}

void dump_report(struct dump_out *o, const char *kind,
                 const struct pcln_report *r) {
  static const char *const severities[] = {"note", "warning", "error"};
  dump_begin(o, kind);
  dump_str(o, "name", r->fault);
  dump_str(o, "severity", severities[r->severity]);
  if (r->pc)
    dump_named_hex(o, "pc", r->pc);
  if (r->func) {
    dump_named_str(o, "func", r->func);
    dump_named_hex(o, "func_offset", r->func_off);
  }
  if (r->region) {
    dump_named_str(o, "region", r->region);
    dump_named_hex(o, "region_offset", r->region_off);
  }
  dump_named_str(o, "text", r->text);
  dump_end(o);
}

// --- JSON only --------------------------------------------------------------

void dump_array_begin(struct dump_out *o, const char *key) {
  put_key(o, key, true);
  put_char(o, '[');
}

void dump_element_begin(struct dump_out *o, bool first) {
  put_cstr(o, first ? "{" : ",{");
  o->fresh = true;
}
void dump_element_end(struct dump_out *o) { put_char(o, '}'); }
void dump_array_end(struct dump_out *o) { put_char(o, ']'); }

void dump_document_begin(struct dump_out *o, const char *action,
                         const struct dump_options *options) {
  if (!o->json)
    return;
  put_cstr(o, "{\"version\":");
  dump_put_num(o, DUMP_JSON_VERSION);
  put_cstr(o, ",\"action\":");
  put_quoted(o, action);
  put_cstr(o, ",\"path\":");
  put_quoted(o, options->path);
  if (options->other_path) {
    put_cstr(o, ",\"other_path\":");
    put_quoted(o, options->other_path);
  }
  put_cstr(o, ",\"records\":[");
}

void dump_document_end(struct dump_out *o) {
  if (o->json)
    put_cstr(o, "\n]}\n");
}
