// SPDX-License-Identifier: Apache-2.0
//
// Prints the variables in static storage that hold references. The table has
// their places alone; names come from the file's symbols, where it has some.
#include "dump.h"
#include "dump_words.h"

#include "roots_table.h"

#include <elf.h>
#include <stdlib.h>

// The symbols of an ELF file that are variables, by place.
struct variables {
  const struct pcln_elf_symbol **at;
  size_t n;
};

static bool is_tls(const struct pcln_elf_symbol *s) {
  return s->type == STT_TLS;
}

static int by_place(const void *a, const void *b) {
  const struct pcln_elf_symbol *const *x = a, *const *y = b;
  if (is_tls(*x) != is_tls(*y))
    return is_tls(*x) ? 1 : -1;
  if ((*x)->va != (*y)->va)
    return (*x)->va < (*y)->va ? -1 : 1;
  return (*x < *y) - (*x > *y); // of several the last in the file
}

static enum pcln_status find_variables(struct dump *d, struct variables *v) {
  struct dump_file *f = d->file;
  // Names are a help; a file whose symbols cannot be read has none.
  if (f->image.format == PCLN_FORMAT_ELF && !f->elf &&
      pcln_elf_open(f->path, NULL, &f->elf) != PCLN_OK)
    f->elf = NULL;
  const size_t n = f->elf ? f->elf->n_symbols : 0;
  v->at = malloc((n + 1) * sizeof *v->at);
  if (!v->at)
    return PCLN_NO_MEMORY;
  for (size_t i = 0; i < n; i++) {
    const struct pcln_elf_symbol *s = &f->elf->symbols[i];
    if (s->shndx != SHN_UNDEF && (s->type == STT_OBJECT || is_tls(s)))
      v->at[v->n++] = s;
  }
  if (v->n)
    qsort(v->at, v->n, sizeof *v->at, by_place);
  return PCLN_OK;
}

// The variable that covers the root's first word, or null.
static const struct pcln_elf_symbol *find(const struct variables *v,
                                          const struct pcln_root *root) {
  size_t lo = 0, hi = v->n; // those before lo begin at or before the root
  while (lo < hi) {
    const size_t mid = lo + (hi - lo) / 2;
    const struct pcln_elf_symbol *s = v->at[mid];
    if (is_tls(s) != root->tls ? !is_tls(s) : s->va <= root->va)
      lo = mid + 1;
    else
      hi = mid;
  }
  const struct pcln_elf_symbol *s = lo ? v->at[lo - 1] : NULL;
  return s && is_tls(s) == root->tls && root->va - s->va < s->size ? s : NULL;
}

static void root_record(struct dump *d, const struct pcln_root *root,
                        const struct pcln_elf_symbol *s, struct dump_text *t) {
  const struct pcln_map_row row = pcln_root_row(root);
  const uint64_t len =
      (uint64_t)root->n_words * root->repeat * d->file->table.ptr_size;
  dump_begin(d->out, "root");
  dump_hex(d->out, "lo", root->va);
  dump_hex(d->out, "hi", root->va + len);
  if (s) {
    dump_str(d->out, "name", dump_name(d->names, s->name));
    if (root->va != s->va)
      dump_named_hex(d->out, "offset", root->va - s->va);
  }
  if (root->tls)
    dump_named_bool(d->out, "thread_local", true);
  dump_named_num(d->out, "words", root->n_words);
  dump_named_num(d->out, "repeat", root->repeat);
  dump_words_fields(d->out, t, &row, "live", "scalars");
  dump_end(d->out);
}

// Filters are about functions, and a range about their addresses.
static bool wanted(const struct dump *d) {
  const struct dump_options *o = d->options;
  return d->file->table.roots.ptr && !o->func && !o->package && !o->file &&
         !o->has_range;
}

enum pcln_status dump_roots(struct dump *d) {
  struct variables v = {0};
  struct dump_text t = {0};
  struct pcln_root_iter it;
  struct pcln_root root;
  if (!wanted(d))
    return PCLN_OK;
  enum pcln_status status = find_variables(d, &v);
  if (status == PCLN_OK) {
    pcln_roots_begin(&d->file->table, &it);
    while (pcln_roots_next(&it, &root)) {
      // Records share their entries; see dump_maps.c.
      d->map_words += root.n_words;
      if (d->map_words > dump_map_words_limit(d))
        it = (struct pcln_root_iter){.status = PCLN_CORRUPT};
      else
        root_record(d, &root, find(&v, &root), &t);
    }
    status = t.failed ? PCLN_NO_MEMORY : it.status;
  }
  free(v.at);
  free(t.s);
  if (status == PCLN_CORRUPT)
    pcln_say(d->sink, &(struct pcln_report){
                          .severity = PCLN_ERROR,
                          .fault = "record-unreadable",
                          .file = d->file->path,
                          .region = "roots",
                          .text = "cannot be decoded; --verify says what is "
                                  "wrong"});
  return status;
}
