// SPDX-License-Identifier: Apache-2.0
//
// Archives in the form of System V and GNU ar.
//
//   "!<arch>\n", then members, each at an even offset:
//     60 bytes of text: name 16, date 12, owner 6, group 6, mode 8, size 10,
//     "`\n"; then the content
//   "/"        the index: how many symbols, the offsets of the members that
//              define them (u32, big endian), their names
//   "/SYM64/"  the same with u64
//   "//"       long names, each ended by "/\n"; "/123" names one by its offset
//   "name/"    a member
//
// Changed members have other sizes, so all that follow move, and the offsets in
// the index with them. Everything else is copied as it is.
#include "elf_archive.h"

#include "bytes.h"

#include <stdio.h>
#include <stdlib.h>

static const char k_magic[] = "!<arch>\n", k_thin[] = "!<thin>\n";

enum {
  MAGIC_SIZE = 8,
  HEADER_SIZE = 60,
  NAME_SIZE = 16,
  SIZE_OFF = 48,
  SIZE_LEN = 10,
  END_OFF = 58,
  MAX_NAME = 256,
};

// A member and where it goes.
struct member {
  uint64_t at, new_at; // of its header
  uint64_t size;       // of its content
  uint8_t *changed;    // null: its content stays
  size_t changed_len;
};

struct archive {
  const char *path;
  const uint8_t *bytes;
  size_t len;
  const struct pcln_sink *sink;
  struct pcln_span long_names;
  struct member *members;
  size_t n, cap;
};

static enum pcln_status say(const struct archive *a, enum pcln_status status,
                            const char *fault, uint64_t at, const char *text) {
  pcln_say(a->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = fault,
                                          .file = a->path,
                                          .region = "file",
                                          .region_off = at,
                                          .text = text});
  return status;
}

bool pcln_is_archive(const uint8_t *bytes, size_t len) {
  return len >= MAGIC_SIZE && (memcmp(bytes, k_magic, MAGIC_SIZE) == 0 ||
                               memcmp(bytes, k_thin, MAGIC_SIZE) == 0);
}

// --- Reading ----------------------------------------------------------------

// A decimal number, with blanks behind it; false: it is none.
static bool number(const uint8_t *p, size_t len, uint64_t *out) {
  size_t i = 0;
  uint64_t v = 0;
  for (; i < len && p[i] >= '0' && p[i] <= '9'; i++)
    v = v * 10 + (p[i] - '0');
  *out = v;
  if (i == 0)
    return false;
  for (; i < len; i++)
    if (p[i] != ' ')
      return false;
  return true;
}

static bool is_named(const uint8_t *header, const char *name) {
  const size_t len = strlen(name);
  return memcmp(header, name, len) == 0 && header[len] == ' ';
}

static bool is_index(const uint8_t *header) {
  return is_named(header, "/") || is_named(header, "/SYM64/");
}

// For reports: archive(member).
static void name_of(const struct archive *a, const uint8_t *header, char *out,
                    size_t size) {
  const uint8_t *name = header;
  size_t max = NAME_SIZE, len = 0;
  uint64_t at;
  if (header[0] == '/' && number(header + 1, NAME_SIZE - 1, &at) &&
      at < a->long_names.len) {
    name = a->long_names.ptr + at;
    max = a->long_names.len - (size_t)at;
  }
  while (len < max && len < MAX_NAME && name[len] != '/' && name[len] != '\n')
    len++;
  snprintf(out, size, "%s(%.*s)", a->path, (int)len, (const char *)name);
}

static enum pcln_status add_member(struct archive *a, const struct member *m) {
  if (a->n == a->cap) {
    const size_t cap = a->cap ? a->cap * 2 : 64;
    struct member *members = realloc(a->members, cap * sizeof *members);
    if (!members)
      return PCLN_NO_MEMORY;
    a->members = members;
    a->cap = cap;
  }
  a->members[a->n++] = *m;
  return PCLN_OK;
}

// Reads the member at `at`, lets `fn` change it, and moves *at behind it.
static enum pcln_status read_member(struct archive *a, pcln_member_fn fn,
                                    void *ctx, uint64_t *at) {
  struct member m = {.at = *at};
  const uint8_t *h = a->bytes + *at;
  if (a->len - *at < HEADER_SIZE || memcmp(h + END_OFF, "`\n", 2) != 0 ||
      !number(h + SIZE_OFF, SIZE_LEN, &m.size) ||
      m.size > a->len - *at - HEADER_SIZE)
    return say(a, PCLN_CORRUPT, "archive-damaged", *at,
               "a member of the archive has a malformed header");
  if (memcmp(h, "__.SYMDEF", 9) == 0 || memcmp(h, "#1/", 3) == 0)
    return say(a, PCLN_UNSUPPORTED, "archive-form", *at,
               "the archive has BSD's form; make it with GNU or LLVM ar");
  const uint64_t content = *at + HEADER_SIZE;
  enum pcln_status st = PCLN_OK;
  if (is_named(h, "//")) {
    a->long_names = (struct pcln_span){a->bytes + content, (size_t)m.size};
  } else if (!is_index(h)) {
    char name[MAX_NAME * 4];
    name_of(a, h, name, sizeof name);
    st = fn(ctx, name, content, m.size, &m.changed, &m.changed_len);
  }
  *at = content + m.size + m.size % 2;
  if (st == PCLN_OK)
    st = add_member(a, &m);
  if (st != PCLN_OK)
    free(m.changed);
  return st;
}

// --- Writing ----------------------------------------------------------------

static uint64_t new_size(const struct member *m) {
  return m->changed ? m->changed_len : m->size;
}

// Where each member goes; the size of the whole.
static uint64_t place(struct archive *a) {
  uint64_t at = MAGIC_SIZE;
  for (size_t i = 0; i < a->n; i++) {
    const uint64_t size = new_size(&a->members[i]);
    a->members[i].new_at = at;
    at += HEADER_SIZE + size + size % 2;
  }
  return at;
}

// The new place of the member whose header was at `at`; 0: there is none.
static uint64_t moved(const struct archive *a, uint64_t at) {
  size_t lo = 0, hi = a->n;
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    if (a->members[mid].at < at)
      lo = mid + 1;
    else
      hi = mid;
  }
  return lo < a->n && a->members[lo].at == at ? a->members[lo].new_at : 0;
}

// The index with new offsets, in place.
static enum pcln_status move_index(const struct archive *a, uint8_t *index,
                                   uint64_t size, unsigned width, uint64_t at) {
  const bool swap = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  struct pcln_cursor c = pcln_cursor_at(index, size, swap);
  const uint64_t n = pcln_uint(&c, width);
  if (c.failed || n > pcln_left(&c) / width)
    return say(a, PCLN_CORRUPT, "archive-damaged", at,
               "the archive's index has more symbols than bytes");
  for (uint64_t i = 0; i < n; i++) {
    uint8_t *entry = index + (i + 1) * width;
    const uint64_t to = moved(a, pcln_uint(&c, width));
    if (to == 0)
      return say(a, PCLN_CORRUPT, "archive-damaged", at,
                 "the archive's index leads to no member");
    if (width == 4 && to > UINT32_MAX)
      return say(a, PCLN_LIMIT, "archive-size", at,
                 "the archive would exceed what its index can name; make it "
                 "anew from the changed objects");
    if (width == 4)
      pcln_store32(entry, (uint32_t)to, swap);
    else
      pcln_store64(entry, to, swap);
  }
  return PCLN_OK;
}

static enum pcln_status write_member(const struct archive *a,
                                     const struct member *m, uint8_t *out) {
  const uint8_t *old = a->bytes + m->at;
  const uint64_t size = new_size(m);
  uint8_t *content = out + HEADER_SIZE;
  char digits[24];
  memcpy(out, old, HEADER_SIZE);
  const int n = snprintf(digits, sizeof digits, "%-*llu", SIZE_LEN,
                         (unsigned long long)size);
  if (n != SIZE_LEN)
    return say(a, PCLN_LIMIT, "archive-size", m->at,
               "a member of the archive would exceed what its header can say");
  memcpy(out + SIZE_OFF, digits, SIZE_LEN);
  memcpy(content, m->changed ? m->changed : old + HEADER_SIZE, (size_t)size);
  if (size % 2)
    content[size] = '\n';
  if (!is_index(old))
    return PCLN_OK;
  return move_index(a, content, size, is_named(old, "/") ? 4 : 8, m->at);
}

static enum pcln_status write_archive(struct archive *a, uint8_t **out,
                                      size_t *out_len) {
  const uint64_t len = place(a);
  uint8_t *bytes = malloc((size_t)len);
  if (!bytes)
    return PCLN_NO_MEMORY;
  enum pcln_status st = PCLN_OK;
  memcpy(bytes, k_magic, MAGIC_SIZE);
  for (size_t i = 0; i < a->n && st == PCLN_OK; i++)
    st = write_member(a, &a->members[i], bytes + a->members[i].new_at);
  if (st != PCLN_OK) {
    free(bytes);
    return st;
  }
  *out = bytes;
  *out_len = (size_t)len;
  return PCLN_OK;
}

// --- Interface --------------------------------------------------------------

enum pcln_status pcln_archive_rewrite(const char *path, const uint8_t *bytes,
                                      size_t len, pcln_member_fn fn, void *ctx,
                                      const struct pcln_sink *sink,
                                      uint8_t **out, size_t *out_len) {
  struct archive a = {.path = path, .bytes = bytes, .len = len, .sink = sink};
  enum pcln_status st = PCLN_OK;
  bool changed = false;
  *out = NULL;
  *out_len = 0;
  if (memcmp(bytes, k_thin, MAGIC_SIZE) == 0)
    return say(&a, PCLN_UNSUPPORTED, "archive-thin", 0,
               "a thin archive has no members of its own; name its objects");
  for (uint64_t at = MAGIC_SIZE; at < len && st == PCLN_OK;)
    st = read_member(&a, fn, ctx, &at);
  for (size_t i = 0; i < a.n; i++)
    changed |= a.members[i].changed != NULL;
  if (st == PCLN_OK && changed)
    st = write_archive(&a, out, out_len);
  for (size_t i = 0; i < a.n; i++)
    free(a.members[i].changed);
  free(a.members);
  return st;
}
