// SPDX-License-Identifier: Apache-2.0
//
// PCLNTAB_DEBUG=key=value,...: what of it concerns the collector. Read once,
// when the first thread takes part. What is not understood is said, since an
// option that silently does nothing costs somebody an afternoon; keys that are
// not the collector's ("verify") are left to those whose they are.
#include "collect.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 64, USUAL_THREADS = 4 };

struct pclnrt_gc_options pclnrt_gc_options;

// A value: text[0 .. len).
struct value {
  const char *text;
  size_t len;
};

// Decimal, or hexadecimal after 0x; a suffix K, M or G multiplies.
static bool number(struct value v, uint64_t *out) {
  char *end;
  if (v.len == 0 || v.text[0] == '-' || v.text[0] == '+')
    return false;
  *out = strtoull(v.text, &end, 0);
  unsigned shift = 0;
  switch (end < v.text + v.len ? *end : 0) {
  case 'K':
    shift = 10;
    break;
  case 'M':
    shift = 20;
    break;
  case 'G':
    shift = 30;
    break;
  }
  if (*out > UINT64_MAX >> shift)
    return false;
  *out <<= shift;
  return end + (shift != 0) == v.text + v.len;
}

static bool flag(struct value v, bool *out) {
  uint64_t n;
  if (!number(v, &n) || n > 1)
    return false;
  *out = n;
  return true;
}

static bool is(struct value v, const char *text) {
  return v.len == strlen(text) && memcmp(v.text, text, v.len) == 0;
}

static bool set_foreign(struct value v) {
  pclnrt_gc_options.scan_foreign = is(v, "scan");
  return is(v, "scan") || is(v, "fatal");
}
static bool set_dangling(struct value v) {
  pclnrt_gc_options.ignore_dangling = is(v, "ignore");
  return is(v, "ignore") || is(v, "fatal");
}
static bool set_trace(struct value v) {
  return flag(v, &pclnrt_gc_options.trace);
}
static bool set_dead(struct value v) {
  return flag(v, &pclnrt_gc_options.dead);
}
static bool set_poison(struct value v) {
  return flag(v, &pclnrt_gc_options.poison);
}
static bool set_stress(struct value v) {
  if (!number(v, &pclnrt_gc_options.seed))
    return false;
  pclnrt_gc_options.stress = pclnrt_gc_options.seed != 0;
  return true;
}
static bool set_stress_every(struct value v) {
  uint64_t n;
  if (!number(v, &n) || n == 0)
    return false;
  pclnrt_gc_options.stress_every = n;
  return true;
}
static bool set_goal(struct value v) {
  uint64_t n;
  if (is(v, "-1") || is(v, "off")) {
    pclnrt_gc_options.goal = -1;
    return true;
  }
  if (!number(v, &n) || n > INT32_MAX)
    return false;
  pclnrt_gc_options.goal = (int)n;
  return true;
}
static bool set_limit(struct value v) {
  uint64_t n;
  if (!number(v, &n))
    return false;
  pclnrt_gc_options.limit = n;
  return true;
}
static bool set_threads(struct value v) {
  uint64_t n;
  if (!number(v, &n) || n == 0 || n > MAX_THREADS)
    return false;
  pclnrt_gc_options.threads = (unsigned)n;
  return true;
}

static const struct {
  const char *key;
  bool (*set)(struct value v);
} keys[] = {
    {"gctrace", set_trace},     {"gcstress", set_stress},
    {"gcdead", set_dead},       {"gcstress_every", set_stress_every},
    {"gcpoison", set_poison},   {"gcforeign", set_foreign},
    {"gcgoal", set_goal},       {"gclimit", set_limit},
    {"gcthreads", set_threads}, {"gcdangling", set_dangling},
};
enum { N_KEYS = sizeof keys / sizeof *keys };

static void refuse(const char *setting, size_t len) {
  struct pclnrt_report r;
  pclnrt_report_begin(&r, "warning");
  pclnrt_out_str(&r.out, "PCLNTAB_DEBUG: not understood, left out: ");
  for (size_t i = 0; i < len; i++)
    pclnrt_out_str(&r.out, (const char[]){setting[i], 0});
  pclnrt_report_end(&r, "gc-option");
}

// One "key=value".
static void read_setting(const char *setting, size_t len) {
  const char *equals = memchr(setting, '=', len);
  const struct value key = {setting, equals ? (size_t)(equals - setting) : len};
  const struct value value = {equals ? equals + 1 : "",
                              equals ? len - key.len - 1 : 0};
  for (size_t i = 0; i < N_KEYS; i++)
    if (is(key, keys[i].key)) {
      if (!keys[i].set(value))
        refuse(setting, len);
      return;
    }
  if (len >= 2 && memcmp(setting, "gc", 2) == 0)
    refuse(setting, len);
}

void pclnrt_gc_options_read(void) {
  const unsigned processors = pclnrt_sys_processors();
  pclnrt_gc_options = (struct pclnrt_gc_options){
      .stress_every = 1,
      .goal = 100,
      .threads = processors < USUAL_THREADS ? processors : USUAL_THREADS};
  const char *p = getenv("PCLNTAB_DEBUG");
  while (p && *p) {
    const size_t len = strcspn(p, ",");
    if (len)
      read_setting(p, len);
    p += len + (p[len] == ',');
  }
}
