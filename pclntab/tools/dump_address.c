// SPDX-License-Identifier: Apache-2.0
//
// What a user gives for an address: a hexadecimal number, with -j one that
// counts from a section's start, or a function's name, with or without an
// offset behind it (in C's notation, as tracebacks print it). A name that also
// is a hexadecimal number, as "add", is the number, unless an offset follows.
//
// Names are looked for in an index that is made when the first one comes. Of
// functions with the same name the first by address is meant, as addr2line
// takes the first symbol.
#define _GNU_SOURCE 1 // memrchr
#include "dump.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

// --- Numbers ----------------------------------------------------------------

static int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A hexadecimal number, with or without 0x.
static bool parse_hex(const char *s, const char *end, uint64_t *out) {
  if (end - s > 2 && s[0] == '0' && (s[1] | 0x20) == 'x')
    s += 2;
  uint64_t v = 0;
  if (s == end)
    return false;
  for (; s < end; s++) {
    const int digit = hex_value(*s);
    if (digit < 0 || v >> 60)
      return false;
    v = v << 4 | (uint64_t)digit;
  }
  *out = v;
  return true;
}

// A number in C's notation.
static bool parse_offset(const char *s, const char *end, uint64_t *out) {
  char text[32], *stop;
  const size_t len = (size_t)(end - s);
  if (len == 0 || len >= sizeof text || hex_value(*s) < 0)
    return false;
  memcpy(text, s, len);
  text[len] = 0;
  errno = 0;
  *out = strtoull(text, &stop, 0);
  return !*stop && errno == 0;
}

// --- Names ------------------------------------------------------------------

static uint32_t *find_slot(struct dump_addresses *a, const char *name,
                           size_t len) {
  struct pcln_func f;
  size_t i = (size_t)dump_hash(0, name, len) & (a->n_slots - 1);
  for (; a->slots[i]; i = (i + 1) & (a->n_slots - 1))
    if (pcln_func_at(a->table, a->slots[i] - 1, &f) == PCLN_OK &&
        strncmp(f.name, name, len) == 0 && !f.name[len])
      break;
  return &a->slots[i];
}

// At most half of the slots are used.
static bool make_index(struct dump_addresses *a) {
  const struct pcln_table *t = a->table;
  struct pcln_func f;
  size_t n = 64;
  while (n / 2 < t->n_funcs)
    n *= 2;
  a->slots = calloc(n, sizeof *a->slots);
  if (!a->slots)
    return false;
  a->n_slots = n;
  for (uint32_t i = 0; i < t->n_funcs; i++) {
    if (pcln_func_at(t, i, &f) != PCLN_OK || f.hole)
      continue;
    uint32_t *slot = find_slot(a, f.name, strlen(f.name));
    if (!*slot)
      *slot = i + 1;
  }
  return true;
}

static bool find_name(struct dump_addresses *a, const char *name,
                      const char *end, uint64_t *va) {
  struct pcln_func f;
  if (name == end || (!a->slots && !make_index(a)))
    return false;
  const uint32_t slot = *find_slot(a, name, (size_t)(end - name));
  if (!slot || pcln_func_at(a->table, slot - 1, &f) != PCLN_OK)
    return false;
  *va = f.entry;
  return true;
}

// NAME+OFFSET, with or without white space around the sign.
static bool find_offset(struct dump_addresses *a, const char *s,
                        const char *end, uint64_t *va) {
  const char *plus = memrchr(s, '+', (size_t)(end - s));
  uint64_t offset;
  if (!plus)
    return false;
  const char *name_end = plus, *number = plus + 1;
  while (name_end > s && is_space(name_end[-1]))
    name_end--;
  while (number < end && is_space(*number))
    number++;
  if (!parse_offset(number, end, &offset) || !find_name(a, s, name_end, va))
    return false;
  *va += offset;
  return true;
}

// --- One input --------------------------------------------------------------

bool dump_address_parse(struct dump_addresses *a, const char *s,
                        const char *end, uint64_t *shown, uint64_t *va) {
  while (s < end && is_space(*s))
    s++;
  while (s < end && is_space(end[-1]))
    end--;
  if (parse_hex(s, end, shown)) {
    *va = *shown + a->base;
    return true;
  }
  // A C++ name may have a plus sign of its own.
  const bool found = find_name(a, s, end, va) || find_offset(a, s, end, va);
  *shown = *va;
  return found;
}

void dump_addresses_free(struct dump_addresses *a) {
  free(a->slots);
  *a = (struct dump_addresses){0};
}
