// SPDX-License-Identifier: Apache-2.0
//
// --diff: what changed from one table to another.
//
// Functions are matched by name. A name may stand for many (static functions of
// C, closures that a linker kept twice): of those, first the ones with the same
// content find each other, then those from the same file, then what is left,
// in the order of addresses. Each step sorts and walks two lists, so a table in
// which all functions have one name costs no more than any other.
//
// Tables of any kind can be compared, also one of this project with one of Go.
// Exit codes are those of diff(1).
#include "dump_diff.h"

#include <stdlib.h>
#include <string.h>

struct change {
  const struct dump_subject *a, *b; // null: added, removed
};

struct diff {
  struct dump_side sides[2];
  struct change *changes; // in no order at first
  size_t n_changes;
  uint64_t added, removed, changed, moved, same;
};

// --- Matching ---------------------------------------------------------------

static int by_name(const void *a, const void *b) {
  const struct dump_subject *x = a, *y = b;
  if (x->name_hash != y->name_hash)
    return x->name_hash < y->name_hash ? -1 : 1;
  const int order = x->name == y->name ? 0 : strcmp(x->name, y->name);
  return order ? order : (x->idx > y->idx) - (x->idx < y->idx);
}

// Matched ones last, so that they are passed by.
static int by_key(const void *a, const void *b) {
  const struct dump_subject *x = *(struct dump_subject *const *)a,
                            *y = *(struct dump_subject *const *)b;
  if (x->matched != y->matched)
    return x->matched ? 1 : -1;
  if (x->key != y->key)
    return x->key < y->key ? -1 : 1;
  return (x->idx > y->idx) - (x->idx < y->idx);
}

// Those of one name in one table. Pointers, because they are sorted again and
// again while changes already refer to what they lead to.
struct group {
  struct dump_subject **list;
  size_t n;
};

static size_t group_len(const struct dump_side *side, size_t at) {
  const struct dump_subject *s = &side->list[at];
  size_t n = 1;
  while (at + n < side->n && s[n].name_hash == s->name_hash &&
         (s[n].name == s->name || strcmp(s[n].name, s->name) == 0))
    n++;
  return n;
}

static bool same_lines(const struct dump_subject *a,
                       const struct dump_subject *b) {
  return a->lines.what == b->lines.what;
}

static bool trait_differs(const struct dump_subject *a,
                          const struct dump_subject *b,
                          const struct dump_trait *x,
                          const struct dump_trait *y) {
  return x->what != y->what || (a->size == b->size && x->where != y->where);
}

static void take_pair(struct diff *diff, struct dump_subject *a,
                      struct dump_subject *b) {
  a->matched = b->matched = true;
  if (a->content != b->content) {
    diff->changed++;
    diff->changes[diff->n_changes++] = (struct change){a, b};
  } else if (a->lo != b->lo || a->start_line != b->start_line) {
    diff->moved++;
  } else {
    diff->same++;
  }
}

enum step { BY_CONTENT, BY_FILE, BY_ORDER, N_STEPS };

static void set_keys(struct group *g, enum step step) {
  for (size_t i = 0; i < g->n; i++) {
    struct dump_subject *s = g->list[i];
    s->key = step == BY_CONTENT ? s->content
             : step == BY_FILE  ? s->file_hash
                                : 0;
  }
  qsort(g->list, g->n, sizeof *g->list, by_key);
}

static void match_step(struct diff *diff, struct group g[2], enum step step) {
  set_keys(&g[0], step);
  set_keys(&g[1], step);
  for (size_t i = 0, k = 0; i < g[0].n && k < g[1].n;) {
    struct dump_subject *a = g[0].list[i], *b = g[1].list[k];
    if (a->matched || b->matched)
      break;
    if (a->key == b->key)
      take_pair(diff, a, b);
    i += a->matched || a->key < b->key;
    k += b->matched || a->key > b->key;
  }
}

static void match_group(struct diff *diff, struct group g[2]) {
  if (g[0].n == 1 && g[1].n == 1) {
    take_pair(diff, g[0].list[0], g[1].list[0]);
    return;
  }
  for (unsigned step = BY_CONTENT; step < N_STEPS; step++)
    match_step(diff, g, (enum step)step);
}

static int compare_names(const struct dump_subject *a,
                         const struct dump_subject *b) {
  if (a->name_hash != b->name_hash)
    return a->name_hash < b->name_hash ? -1 : 1;
  return strcmp(a->name, b->name);
}

static void match_names(struct diff *diff, struct dump_subject **order[2]) {
  const struct dump_side *a = &diff->sides[0], *b = &diff->sides[1];
  for (size_t i = 0, k = 0; i < a->n && k < b->n;) {
    const int which = compare_names(&a->list[i], &b->list[k]);
    const size_t n = which <= 0 ? group_len(a, i) : 0;
    const size_t m = which >= 0 ? group_len(b, k) : 0;
    if (which == 0)
      match_group(diff,
                  (struct group[2]){{order[0] + i, n}, {order[1] + k, m}});
    i += n;
    k += m;
  }
}

static void add_unmatched(struct diff *diff) {
  const struct dump_side *a = &diff->sides[0], *b = &diff->sides[1];
  for (size_t i = 0; i < a->n; i++)
    if (!a->list[i].matched) {
      diff->removed++;
      diff->changes[diff->n_changes++] = (struct change){&a->list[i], NULL};
    }
  for (size_t k = 0; k < b->n; k++)
    if (!b->list[k].matched) {
      diff->added++;
      diff->changes[diff->n_changes++] = (struct change){NULL, &b->list[k]};
    }
}

// The list of a side in the order of names, and pointers to its elements.
static struct dump_subject **sort_side(struct dump_side *side) {
  struct dump_subject **order = calloc(side->n + 1, sizeof *order);
  qsort(side->list, side->n, sizeof *side->list, by_name);
  for (size_t i = 0; order && i < side->n; i++)
    order[i] = &side->list[i];
  return order;
}

static enum pcln_status match_all(struct diff *diff) {
  struct dump_subject **order[2] = {sort_side(&diff->sides[0]),
                                    sort_side(&diff->sides[1])};
  diff->changes =
      calloc(diff->sides[0].n + diff->sides[1].n + 1, sizeof *diff->changes);
  const bool ok = order[0] && order[1] && diff->changes;
  if (ok) {
    match_names(diff, order);
    add_unmatched(diff);
  }
  free(order[0]);
  free(order[1]);
  return ok ? PCLN_OK : PCLN_NO_MEMORY;
}

// --- Records of functions ---------------------------------------------------

static int by_shown_order(const void *a, const void *b) {
  const struct change *x = a, *y = b;
  const struct dump_subject *s = x->a ? x->a : x->b, *t = y->a ? y->a : y->b;
  const int order = strcmp(s->name, t->name);
  if (order)
    return order;
  if (s->lo != t->lo)
    return s->lo < t->lo ? -1 : 1;
  return (x->a == NULL) - (y->a == NULL);
}

static void one_sided(struct dump *d, const char *kind,
                      const struct dump_subject *s) {
  dump_begin(d->out, kind);
  dump_hex(d->out, "lo", s->lo);
  dump_hex(d->out, "hi", s->lo + s->size);
  dump_str(d->out, "name", dump_name(d->names, s->name));
  dump_end(d->out);
}

// Words behind each other, with commas.
static void add_word(char *words, size_t len, bool add, const char *word) {
  const size_t used = strlen(words);
  if (add && used + strlen(word) + 2 <= len) {
    if (used)
      strcat(words, ",");
    strcat(words, word);
  }
}

static void pair_of_numbers(struct dump_out *o, const char *key_a,
                            const char *key_b, int64_t a, int64_t b) {
  if (a == b)
    return;
  dump_named_num(o, key_a, a);
  dump_named_num(o, key_b, b);
}

static void changed_record(struct dump *d, const struct dump_subject *a,
                           const struct dump_subject *b) {
  char what[64] = "";
  add_word(what, sizeof what, a->size != b->size, "size");
  add_word(what, sizeof what, trait_differs(a, b, &a->frame, &b->frame),
           "frame");
  add_word(what, sizeof what,
           !same_lines(a, b) || trait_differs(a, b, &a->lines, &b->lines),
           "lines");
  add_word(what, sizeof what, trait_differs(a, b, &a->calls, &b->calls),
           "calls");
  add_word(what, sizeof what, a->args != b->args, "args");
  add_word(what, sizeof what, trait_differs(a, b, &a->maps, &b->maps), "maps");
  dump_begin(d->out, "changed");
  dump_hex(d->out, "lo_a", a->lo);
  dump_hex(d->out, "lo_b", b->lo);
  dump_str(d->out, "name", dump_name(d->names, a->name));
  dump_named_str(d->out, "what", what);
  pair_of_numbers(d->out, "size_a", "size_b", (int64_t)a->size,
                  (int64_t)b->size);
  pair_of_numbers(d->out, "frame_a", "frame_b", a->frame_bytes, b->frame_bytes);
  pair_of_numbers(d->out, "calls_a", "calls_b", a->n_calls, b->n_calls);
  pair_of_numbers(d->out, "args_a", "args_b", a->args, b->args);
  dump_end(d->out);
}

static void function_records(struct dump *d, struct diff *diff) {
  if (diff->n_changes)
    qsort(diff->changes, diff->n_changes, sizeof *diff->changes,
          by_shown_order);
  for (size_t i = 0; i < diff->n_changes; i++) {
    const struct change *c = &diff->changes[i];
    if (c->a && c->b)
      changed_record(d, c->a, c->b);
    else
      one_sided(d, c->a ? "removed" : "added", c->a ? c->a : c->b);
  }
}

// --- Records of sizes -------------------------------------------------------

static void sizes_fields(struct dump_out *o, uint64_t a, uint64_t b) {
  dump_named_num(o, "bytes_a", (int64_t)a);
  dump_named_num(o, "bytes_b", (int64_t)b);
  dump_named_num(o, "delta", (int64_t)(b - a));
}

static void code_records(struct dump *d, const char *what,
                         struct dump_tally *tally) {
  dump_tally_sort(tally);
  for (size_t i = 0; i < tally->n; i++) {
    const struct dump_tally_entry *e = &tally->entries[i];
    if (e->bytes[0] == e->bytes[1])
      continue;
    dump_begin(d->out, "code");
    dump_str(d->out, "what", what);
    dump_str_len(d->out, "name", e->name, e->len);
    sizes_fields(d->out, e->bytes[0], e->bytes[1]);
    dump_end(d->out);
  }
}

static bool add_parts(struct dump_tally *tally, const struct dump_sizes *sizes,
                      unsigned side) {
  for (size_t i = 0; i < sizes->n_parts; i++) {
    const struct dump_part *part = &sizes->parts[i];
    struct dump_tally_entry *e =
        dump_tally_at(tally, part->name, strlen(part->name));
    if (!e)
      return false;
    e->bytes[side] += part->bytes;
  }
  return true;
}

// Components that differ in size, and their total.
static enum pcln_status component_records(struct dump *d,
                                          struct dump_sizes sizes[2]) {
  struct dump_tally tally = {0};
  const bool ok =
      add_parts(&tally, &sizes[0], 0) && add_parts(&tally, &sizes[1], 1);
  dump_tally_sort(&tally);
  for (size_t i = 0; ok && i < tally.n; i++) {
    const struct dump_tally_entry *e = &tally.entries[i];
    if (e->bytes[0] == e->bytes[1])
      continue;
    d->differs = true;
    dump_begin(d->out, "component");
    dump_str_len(d->out, "part", e->name, e->len);
    sizes_fields(d->out, e->bytes[0], e->bytes[1]);
    dump_end(d->out);
  }
  dump_tally_free(&tally);
  dump_begin(d->out, "component");
  dump_str(d->out, "part", "total");
  sizes_fields(d->out, sizes[0].total, sizes[1].total);
  dump_end(d->out);
  return ok ? PCLN_OK : PCLN_NO_MEMORY;
}

static enum pcln_status table_records(struct dump *d, struct diff *diff) {
  struct dump_sizes sizes[2] = {0};
  enum pcln_status status = PCLN_OK;
  for (unsigned i = 0; i < 2 && status == PCLN_OK; i++)
    status = dump_sizes_measure(&diff->sides[i].d->file->table, &sizes[i]);
  if (status == PCLN_OK)
    status = component_records(d, sizes);
  dump_sizes_free(&sizes[0]);
  dump_sizes_free(&sizes[1]);
  return status;
}

static void summary_record(struct dump *d, const struct diff *diff) {
  dump_begin(d->out, "summary");
  dump_named_num(d->out, "functions_a", (int64_t)diff->sides[0].n);
  dump_named_num(d->out, "functions_b", (int64_t)diff->sides[1].n);
  dump_named_num(d->out, "removed", (int64_t)diff->removed);
  dump_named_num(d->out, "added", (int64_t)diff->added);
  dump_named_num(d->out, "changed", (int64_t)diff->changed);
  dump_named_num(d->out, "moved", (int64_t)diff->moved);
  dump_named_num(d->out, "same", (int64_t)diff->same);
  dump_named_num(d->out, "text_a", (int64_t)diff->sides[0].text);
  dump_named_num(d->out, "text_b", (int64_t)diff->sides[1].text);
  dump_end(d->out);
}

// --- The action -------------------------------------------------------------

static bool filtered(const struct dump_options *o) {
  return o->func || o->package || o->file || o->has_range;
}

static enum pcln_status compare(struct dump *d, struct diff *diff) {
  struct dump_tally files = {0}, packages = {0};
  enum pcln_status status = dump_subjects(&diff->sides[0], &files, &packages);
  if (status == PCLN_OK)
    status = dump_subjects(&diff->sides[1], &files, &packages);
  if (status == PCLN_OK)
    status = match_all(diff);
  if (status == PCLN_OK) {
    function_records(d, diff);
    code_records(d, "package", &packages);
    code_records(d, "file", &files);
    d->differs = diff->n_changes > 0;
    if (!filtered(d->options)) // of all functions together
      status = table_records(d, diff);
    summary_record(d, diff);
  }
  dump_tally_free(&packages);
  dump_tally_free(&files);
  return status;
}

enum pcln_status dump_diff(struct dump *d) {
  struct dump_file other;
  enum pcln_status status =
      dump_file_open(&other, d->options->other_path, d->options, d->sink);
  if (status != PCLN_OK)
    return status;
  struct dump second = *d;
  second.file = &other;
  struct diff diff = {
      .sides = {{.d = d, .side = 0}, {.d = &second, .side = 1}}};
  status = compare(d, &diff);
  if (status == PCLN_NO_MEMORY)
    pcln_say(d->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                            .fault = "no-memory",
                                            .file = d->file->path,
                                            .text = pcln_status_text(status)});
  free(diff.sides[0].list);
  free(diff.sides[1].list);
  free(diff.changes);
  dump_file_close(&other);
  return status;
}
