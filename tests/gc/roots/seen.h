// SPDX-License-Identifier: Apache-2.0
//
// A collector that only looks: it notes each root and each word that it is
// shown, with the function, for the tests to compare.
#ifndef TEST_ROOTS_SEEN_H
#define TEST_ROOTS_SEEN_H

#include "roots.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
#define CHECK(x)                                                               \
  do {                                                                         \
    if (!(x)) {                                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                  \
      failures++;                                                              \
    }                                                                          \
  } while (0)

enum { MAX_SEEN = 64, MAX_WORDS = 8192 };
struct seen {
  struct pclnrt_root_stats stats;
  enum pcln_status status;
  size_t n_roots, n_words;
  struct seen_root {
    uintptr_t value;
    uintptr_t *slot, *base;
    enum pcln_word_kind kind;
    char func[64];
  } roots[MAX_SEEN];
  struct seen_word {
    uintptr_t value;
    char func[64]; // "libc" for functions of no table
    bool foreign;
  } words[MAX_WORDS];
  struct pclnrt_cursor cursor; // where it began
  // The report, if one was made.
  char fault[64], func[64], file[64], text[256];
};

static inline void name_of(const struct pclnrt_root_frame *f, char *buf,
                           size_t len) {
  struct pcln_func func;
  if (f->table && pcln_func_at(f->table, f->func_idx, &func) == PCLN_OK)
    snprintf(buf, len, "%s", func.name);
  else
    snprintf(buf, len, "libc");
}

static inline void note_root(void *ctx, const struct pclnrt_root *r) {
  struct seen *s = ctx;
  if (s->n_roots == MAX_SEEN)
    abort();
  struct seen_root *n = &s->roots[s->n_roots++];
  *n = (struct seen_root){
      .value = *r->slot, .slot = r->slot, .base = r->base, .kind = r->kind};
  name_of(r->frame, n->func, sizeof n->func);
}

// Words of frames that are none of its objects.
__attribute__((no_sanitize("address", "thread"))) static inline void
note_words(void *ctx, uintptr_t *lo, uintptr_t *hi,
           const struct pclnrt_root_frame *frame) {
  struct seen *s = ctx;
  for (; lo < hi; lo++) {
    if (s->n_words == MAX_WORDS)
      abort();
    struct seen_word *n = &s->words[s->n_words++];
    n->value = *(volatile uintptr_t *)lo;
    n->foreign = frame->foreign;
    name_of(frame, n->func, sizeof n->func);
  }
}

static inline void note_report(void *ctx, const struct pcln_report *r) {
  struct seen *s = ctx;
  CHECK(!s->fault[0]); // made once
  snprintf(s->fault, sizeof s->fault, "%s", r->fault);
  snprintf(s->func, sizeof s->func, "%s", r->func ? r->func : "");
  snprintf(s->file, sizeof s->file, "%s", r->file ? r->file : "");
  snprintf(s->text, sizeof s->text, "%s", r->text);
}

static inline void look_with(struct seen *s, struct pclnrt_cursor *c,
                             bool poison, const uintptr_t *registers) {
  const struct pclnrt_root_visitor v = {.ctx = s,
                                        .root = note_root,
                                        .words = note_words,
                                        .registers = registers,
                                        .poison_dead = poison};
  const struct pcln_sink sink = {note_report, s};
  s->status = pclnrt_roots_stack(c, &v, &s->stats, &sink);
}

static inline void look(struct seen *s, struct pclnrt_cursor *c, bool poison) {
  look_with(s, c, poison, NULL);
}

static inline bool has_root(const struct seen *s, uintptr_t value,
                            enum pcln_word_kind kind, const char *func) {
  for (size_t i = 0; i < s->n_roots; i++)
    if (s->roots[i].value == value && s->roots[i].kind == kind &&
        !strcmp(s->roots[i].func, func))
      return true;
  return false;
}

// Whether a word of the function's frame (null: of any) has the value.
static inline bool has_word(const struct seen *s, uintptr_t value,
                            const char *func) {
  for (size_t i = 0; i < s->n_words; i++)
    if (s->words[i].value == value &&
        (!func || !strcmp(s->words[i].func, func)))
      return true;
  return false;
}

static inline bool has_frame(const struct seen *s, const char *func) {
  for (size_t i = 0; i < s->n_words; i++)
    if (!strcmp(s->words[i].func, func))
      return true;
  return false;
}

#endif
