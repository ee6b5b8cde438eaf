// SPDX-License-Identifier: Apache-2.0
//
// Bytes, numbers for keys, and strings: what the report's data is put together
// with. Failed allocations stick, so that makers of sections need not check
// each number they write; dump_html() checks once at the end.
#include "html.h"

#include <stdlib.h>
#include <string.h>

// --- Bytes ------------------------------------------------------------------

static bool grow(struct html_buf *b, size_t len) {
  if (b->status == PCLN_OK && len > HTML_MAX_BYTES - b->len)
    b->status = PCLN_LIMIT;
  if (b->status != PCLN_OK)
    return false;
  size_t cap = b->cap ? b->cap : 4096;
  while (cap < b->len + len)
    cap *= 2;
  uint8_t *bytes = realloc(b->bytes, cap);
  if (!bytes) {
    b->status = PCLN_NO_MEMORY;
    return false;
  }
  b->bytes = bytes;
  b->cap = cap;
  return true;
}

void html_put(struct html_buf *b, const void *bytes, size_t len) {
  if (len == 0 || (len > b->cap - b->len && !grow(b, len)))
    return;
  memcpy(b->bytes + b->len, bytes, len);
  b->len += len;
}

void html_num(struct html_buf *b, uint64_t v) {
  enum { MAX = 10 };
  if (MAX > b->cap - b->len && !grow(b, MAX))
    return;
  uint8_t *p = b->bytes + b->len;
  for (; v >= 0x80; v >>= 7)
    *p++ = (uint8_t)(v | 0x80);
  *p++ = (uint8_t)v;
  b->len = (size_t)(p - b->bytes);
}

void html_signed(struct html_buf *b, int64_t v) {
  html_num(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

void html_free(struct html_buf *b) {
  free(b->bytes);
  *b = (struct html_buf){0};
}

// --- Numbers for keys -------------------------------------------------------

struct html_slot {
  uint64_t key;
  uint32_t value;
  bool used;
};

static struct html_slot *slot_of(struct html_slot *slots, size_t cap,
                                 uint64_t key) {
  uint64_t h = key * UINT64_C(0x9e3779b97f4a7c15);
  size_t i = (size_t)(h ^ h >> 32) & (cap - 1);
  while (slots[i].used && slots[i].key != key)
    i = (i + 1) & (cap - 1);
  return &slots[i];
}

static bool ids_grow(struct html_ids *ids) {
  const size_t cap = ids->cap ? ids->cap * 2 : 1024;
  struct html_slot *slots = calloc(cap, sizeof *slots);
  if (!slots)
    return false;
  for (size_t i = 0; i < ids->cap; i++)
    if (ids->slots[i].used)
      *slot_of(slots, cap, ids->slots[i].key) = ids->slots[i];
  free(ids->slots);
  ids->slots = slots;
  ids->cap = cap;
  return true;
}

uint32_t *html_id(struct html_ids *ids, uint64_t key) {
  if (ids->n >= ids->cap / 2 && !ids_grow(ids)) {
    ids->failed = true;
    return NULL;
  }
  struct html_slot *s = slot_of(ids->slots, ids->cap, key);
  if (!s->used) {
    *s = (struct html_slot){.key = key, .used = true};
    ids->n++;
  }
  return &s->value;
}

void html_ids_free(struct html_ids *ids) {
  free(ids->slots);
  *ids = (struct html_ids){0};
}

// --- Strings ----------------------------------------------------------------

static const char *string_at(const struct html_strings *s, uint32_t id) {
  size_t start;
  memcpy(&start, s->starts.bytes + id * sizeof start, sizeof start);
  return (const char *)s->bytes.bytes + start;
}

static void append(struct html_strings *s, const char *text) {
  const size_t start = s->bytes.len;
  html_put(&s->starts, &start, sizeof start);
  html_put(&s->bytes, text, strlen(text) + 1);
  s->n++;
}

static uint64_t hash(const char *text) { // FNV-1a
  uint64_t h = UINT64_C(0xcbf29ce484222325);
  for (; *text; text++)
    h = (h ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
  return h;
}

static bool begin(struct html_strings *s, const char *text) {
  if (s->n == 0)
    append(s, "");
  return text && *text && s->bytes.status == PCLN_OK &&
         s->starts.status == PCLN_OK;
}

// Strings of the same hash take the next free keys.
uint32_t html_text(struct html_strings *s, const char *text) {
  if (!begin(s, text))
    return 0;
  for (uint64_t key = hash(text);; key++) {
    uint32_t *id = html_id(&s->by_hash, key);
    if (!id)
      return 0;
    if (*id == 0) {
      append(s, text);
      return *id = s->n - 1;
    }
    if (strcmp(string_at(s, *id), text) == 0)
      return *id;
  }
}

uint32_t html_string(struct html_strings *s, const char *text) {
  if (!begin(s, text))
    return 0;
  uint32_t *known = html_id(&s->by_address, (uintptr_t)text);
  if (!known)
    return 0;
  if (*known == 0)
    *known = html_text(s, text);
  return *known;
}

enum pcln_status html_strings_status(const struct html_strings *s) {
  if (s->by_address.failed || s->by_hash.failed)
    return PCLN_NO_MEMORY;
  return s->bytes.status != PCLN_OK ? s->bytes.status : s->starts.status;
}

void html_strings_free(struct html_strings *s) {
  html_ids_free(&s->by_address);
  html_ids_free(&s->by_hash);
  html_free(&s->bytes);
  html_free(&s->starts);
}
