// SPDX-License-Identifier: Apache-2.0
//
// Finds the blob by its section, else by its magic at a multiple of 16 in
// writable data, where the linkers put it, and then elsewhere. Strings are
// copied out in small pieces; what is kept of them is where they stand.
#include "buildinfo.h"

#include "bytes.h"

enum {
  ALIGN = 16,
  PTR_SIZE = 14, // u8; 0 or any where strings are inline
  FLAGS = 15,
  FLAG_BIG_ENDIAN = 1,
  FLAG_INLINE = 2,
  POINTERS = 16,
  STRINGS = 32,
  MARK_LEN = 16,     // bytes before and behind the lines
  CHUNK = 4096,      // of a search
  LENGTH_BYTES = 10, // of a varint
};
static const uint8_t magic[PTR_SIZE] = "\xff Go buildinf:";

static enum pcln_status corrupt(const struct pcln_sink *sink, uint64_t va,
                                const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = "buildinfo",
                                       .region = "address",
                                       .region_off = va,
                                       .text = text});
  return PCLN_CORRUPT;
}

// --- Finding ----------------------------------------------------------------

static bool is_blob(const struct pcln_image *img, uint64_t va) {
  uint8_t buf[sizeof magic];
  return pcln_image_read(img, va, buf, sizeof buf) == sizeof buf &&
         memcmp(buf, magic, sizeof buf) == 0;
}

static bool search_range(const struct pcln_image *img,
                         const struct pcln_range *r, uint64_t *va) {
  uint8_t buf[CHUNK];
  uint64_t off = (0 - r->va) & (ALIGN - 1);
  while (off < r->file_len) {
    const size_t n = pcln_image_read(img, r->va + off, buf, sizeof buf);
    for (size_t i = 0; i + sizeof magic <= n; i += ALIGN)
      if (memcmp(buf + i, magic, sizeof magic) == 0) {
        *va = r->va + off + i;
        return true;
      }
    off += sizeof buf;
  }
  return false;
}

static bool find_blob(const struct pcln_image *img, uint64_t *va) {
  static const char *const names[] = {".go.buildinfo", "__go_buildinfo"};
  struct pcln_section s;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (pcln_image_find_section(img, names[i], &s) == PCLN_OK &&
        is_blob(img, s.va)) {
      *va = s.va;
      return true;
    }
  for (unsigned writable = 1; writable < 2; writable--)
    for (uint32_t i = 0; i < img->n_ranges; i++) {
      const struct pcln_range *r = &img->ranges[i];
      if (!(r->flags & PCLN_RANGE_WRITE) == !writable &&
          search_range(img, r, va))
        return true;
    }
  return false;
}

// --- Strings ----------------------------------------------------------------

struct string {
  uint64_t va, len;
};

// A length and then the bytes, at *va, which moves behind them.
static bool inline_string(const struct pcln_image *img, uint64_t *va,
                          struct string *out) {
  uint8_t buf[LENGTH_BYTES];
  const size_t n = pcln_image_read(img, *va, buf, sizeof buf);
  struct pcln_cursor c = pcln_cursor_at(buf, n, false);
  out->len = pcln_uleb(&c);
  out->va = *va + pcln_tell(&c);
  *va = out->va + out->len;
  return !c.failed;
}

// A pointer to {pointer to bytes; length}.
static bool pointed_string(const struct pcln_image *img, uint64_t va,
                           struct string *out) {
  uint64_t at;
  if (!pcln_image_word(img, va, &at))
    return false;
  if (at == 0) { // none was given to the linker
    *out = (struct string){0};
    return true;
  }
  return pcln_image_word(img, at, &out->va) &&
         pcln_image_word(img, at + img->ptr_size, &out->len);
}

// Where the string is in the file; false: not all of it is.
static bool in_file(const struct pcln_image *img, const struct string *s,
                    uint64_t *off) {
  const struct pcln_range *r = pcln_image_range(img, s->va);
  *off = 0;
  if (s->len == 0)
    return true;
  if (!r || s->len > r->file_len - (s->va - r->va))
    return false;
  *off = r->file_off + (s->va - r->va);
  return true;
}

// The lines stand between two marks, of 16 bytes each.
static void lines_of(const struct pcln_image *img, uint64_t off, uint64_t len,
                     struct pcln_buildinfo *out) {
  char last;
  if (len <= 2 * MARK_LEN ||
      pcln_source_read(&img->source, off + len - MARK_LEN - 1, &last, 1) != 1 ||
      last != '\n')
    return;
  out->lines_off = off + MARK_LEN;
  out->lines_len = len - 2 * MARK_LEN;
}

enum pcln_status pcln_buildinfo_find(const struct pcln_image *img,
                                     struct pcln_buildinfo *out,
                                     const struct pcln_sink *sink) {
  struct string version, lines;
  uint64_t va, version_off, off;
  uint8_t head[POINTERS];
  if (!find_blob(img, &va))
    return PCLN_NOT_FOUND;
  if (pcln_image_read(img, va, head, sizeof head) != sizeof head)
    return corrupt(sink, va, "the build information is cut off");
  bool sound;
  if (head[FLAGS] & FLAG_INLINE) {
    uint64_t at = va + STRINGS;
    sound =
        inline_string(img, &at, &version) && inline_string(img, &at, &lines);
  } else {
    sound = head[PTR_SIZE] == img->ptr_size &&
            (head[FLAGS] & FLAG_BIG_ENDIAN) == img->big_endian &&
            pointed_string(img, va + POINTERS, &version) &&
            pointed_string(img, va + POINTERS + img->ptr_size, &lines);
  }
  if (!sound || !in_file(img, &version, &version_off) ||
      !in_file(img, &lines, &off))
    return corrupt(sink, va,
                   "the build information's strings lie outside of "
                   "what is loaded");
  *out = (struct pcln_buildinfo){.va = va};
  const size_t n = version.len < sizeof out->version - 1
                       ? (size_t)version.len
                       : sizeof out->version - 1;
  out->version[pcln_source_read(&img->source, version_off, out->version, n)] =
      0;
  lines_of(img, off, lines.len, out);
  return PCLN_OK;
}

// --- Lines ------------------------------------------------------------------

// Cuts off and returns what stands before `end` in *text, or all of it.
static char *take_field(char **text, char end) {
  char *field = *text, *at = strchr(field, end);
  *text = at ? at + 1 : field + strlen(field);
  if (at)
    *at = 0;
  return field;
}

static void split(char *line, struct pcln_build_line *out) {
  static const char *const words[] = {"path", "mod", "dep", "=>", "build"};
  size_t kind = 0;
  size_t len = strcspn(line, "\t");
  while (kind < PCLN_BUILD_OTHER &&
         (strlen(words[kind]) != len || memcmp(line, words[kind], len) != 0))
    kind++;
  out->kind = (enum pcln_build_kind)kind;
  out->fields[0] = out->fields[1] = out->fields[2] = "";
  if (kind == PCLN_BUILD_OTHER || !line[len]) {
    out->kind = PCLN_BUILD_OTHER;
    out->fields[0] = line;
    return;
  }
  char *rest = line + len + 1;
  // A key that itself holds an equals sign is quoted.
  const bool setting = kind == PCLN_BUILD_SETTING;
  if (setting && *rest == '"') {
    char *end = rest + 1;
    while (*end && *end != '"')
      end += *end == '\\' && end[1] ? 2 : 1;
    out->fields[0] = rest;
    rest = *end && end[1] == '=' ? end + 1 : rest + strlen(rest);
    if (*rest)
      *rest++ = 0;
    out->fields[1] = rest;
    return;
  }
  for (size_t i = 0; i < (setting ? 2 : 3); i++)
    out->fields[i] =
        setting && i == 1 ? rest : take_field(&rest, setting ? '=' : '\t');
}

bool pcln_buildinfo_next(const struct pcln_image *img,
                         const struct pcln_buildinfo *info, uint64_t *off,
                         char *buf, size_t cap, struct pcln_build_line *out) {
  if (*off >= info->lines_len || cap < 2)
    return false;
  const uint64_t left = info->lines_len - *off;
  const size_t want = left < cap - 1 ? (size_t)left : cap - 1;
  const size_t n =
      pcln_source_read(&img->source, info->lines_off + *off, buf, want);
  if (n == 0)
    return false;
  buf[n] = 0;
  char *end = memchr(buf, '\n', n);
  out->cut = !end;
  if (end)
    *end = 0;
  *off += end ? (uint64_t)(end - buf) + 1 : n;
  // What was too long is passed by.
  for (char c = 0; !end && c != '\n' && *off < info->lines_len; ++*off)
    if (pcln_source_read(&img->source, info->lines_off + *off, &c, 1) != 1)
      return false;
  split(buf, out);
  return true;
}
