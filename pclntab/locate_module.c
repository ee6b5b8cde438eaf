// SPDX-License-Identifier: Apache-2.0
//
// moduledata is a struct of words whose first is the table's address. Its shape
// moved with the releases of Go, and no field says which release it is of. But
// it repeats what the table's header says: the slices of the table's parts
// begin where the header's offsets lead to. So many equalities identify the
// struct without a symbol, and a word that merely looks like the table's
// address is followed by other things.
//
// go1.5 to 1.15 (W is the number of a word):
//   W0 table {ptr, len, cap}  W3 functab {ptr, len = functions + 1, cap}
//   W9 findfunctab  W10 minpc  W11 maxpc
// go1.16 on:
//   W0 table  W1 names  W4 cutab  W7 files  W10 pctab  W13 functab with records
//   W16 functab {ptr, len = functions + 1, cap}  W19 findfunctab  W20 minpc
//   W21 maxpc  W22 text  W23 etext
// and then rodata and gofunc, which follow one another: go1.18 at W37, go1.20
// at W39, the development version of 2026 at W42. From go1.26 on gofunc lies
// inside of the table and epclntab follows it; that tells those apart.
#include "locate_private.h"

enum { WORDS = 64 };
struct words {
  uint64_t w[WORDS];
  size_t n;
};

static bool read_words(const struct pcln_image *img, uint64_t va,
                       struct words *out) {
  uint8_t buf[WORDS * 8];
  const size_t p = img->ptr_size;
  const size_t got = pcln_image_load(img, va, buf, WORDS * p);
  struct pcln_cursor c = pcln_cursor_at(buf, got, img->swap);
  for (out->n = 0; out->n < got / p; out->n++)
    out->w[out->n] = pcln_uint(&c, (unsigned)p);
  memset(out->w + out->n, 0, (WORDS - out->n) * sizeof *out->w);
  return out->n >= 24;
}

// Whether the slice that begins at word `i` is `len` long and no longer than
// its capacity.
static bool is_slice(const struct words *m, size_t i, uint64_t ptr,
                     uint64_t len) {
  return m->w[i] == ptr && m->w[i + 1] == len && m->w[i + 2] >= len;
}

static void findfunctab(const struct words *m, size_t i, size_t minpc,
                        struct pcln_moduledata *out) {
  const uint64_t span = m->w[minpc + 1] - m->w[minpc];
  const uint64_t n_buckets =
      (span + PCLN_FINDFUNC_BUCKET - 1) / PCLN_FINDFUNC_BUCKET;
  const uint64_t n_sub =
      (span + PCLN_FINDFUNC_SUBBUCKET - 1) / PCLN_FINDFUNC_SUBBUCKET;
  if (m->w[minpc] >= m->w[minpc + 1])
    return;
  out->findfunctab = m->w[i];
  out->findfunctab_len = 4 * n_buckets + n_sub;
}

static bool matches_old(const struct words *m, uint64_t table,
                        const struct pcln_headers *h,
                        struct pcln_moduledata *out) {
  if (m->w[1] > m->w[2] || m->w[1] < h->functab.off ||
      !is_slice(m, 3, table + h->functab.off, (uint64_t)h->t.n_funcs + 1))
    return false;
  out->table_end = table + m->w[1];
  findfunctab(m, 9, 10, out);
  return true;
}

// rodata and gofunc of go1.18 on.
static void find_areas(const struct pcln_image *img, const struct words *m,
                       uint64_t table, const struct pcln_headers *h,
                       struct pcln_moduledata *out) {
  static const size_t inside[] = {42, 39}; // where gofunc is in the table
  size_t rodata = h->t.layout == PCLN_GO_118 ? 37 : 39;
  for (size_t i = 0; i < sizeof inside / sizeof *inside; i++) {
    const uint64_t gofunc = m->w[inside[i] + 1], end = m->w[inside[i] + 2];
    if (h->t.layout == PCLN_GO_120 && gofunc > table && gofunc <= end &&
        pcln_image_range(img, gofunc) == pcln_image_range(img, table)) {
      rodata = inside[i];
      if (out->findfunctab > gofunc && out->findfunctab <= end)
        out->table_end = end;
      break;
    }
  }
  if (pcln_image_range(img, m->w[rodata + 1])) {
    out->rodata = m->w[rodata];
    out->gofunc = m->w[rodata + 1];
  }
}

static bool matches_new(const struct pcln_image *img, const struct words *m,
                        uint64_t table, const struct pcln_headers *h,
                        struct pcln_moduledata *out) {
  const uint64_t functab = table + h->functab.off;
  if (m->w[1] != table + h->names.off || m->w[4] != table + h->cutab.off ||
      m->w[7] != table + h->files.off || m->w[10] != table + h->pctab.off ||
      m->w[13] != functab ||
      !is_slice(m, 16, functab, (uint64_t)h->t.n_funcs + 1) ||
      m->w[22] >= m->w[23])
    return false;
  out->text = m->w[22];
  if (m->w[14] <= h->functab.len)
    out->table_end = functab + m->w[14];
  findfunctab(m, 19, 20, out);
  if (h->t.layout >= PCLN_GO_118)
    find_areas(img, m, table, h, out);
  return true;
}

static bool matches(const struct pcln_image *img, uint64_t va, uint64_t table,
                    const struct pcln_headers *h, struct pcln_moduledata *out) {
  struct words m;
  if (!read_words(img, va, &m) || m.w[0] != table)
    return false;
  *out = (struct pcln_moduledata){.va = va};
  return h->t.layout == PCLN_GO_12 ? matches_old(&m, table, h, out)
                                   : matches_new(img, &m, table, h, out);
}

size_t pcln_moduledata_places(const struct pcln_image *img, uint64_t *vas) {
  static const char *const sections[] = {".go.module", "__go_module"};
  static const char *const symbol = "runtime.firstmoduledata";
  size_t n = 0;
  struct pcln_section s;
  for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
    if (pcln_image_find_section(img, sections[i], &s) == PCLN_OK)
      vas[n++] = s.va;
  if (n == 0 && pcln_image_symbols(img, &symbol, 1, vas))
    n++;
  return n;
}

// Each candidate costs a walk over all relocations. A real file has a handful
// of words that hold the table's address; one that has more was made to keep
// us busy.
enum { MAX_TRIES = 32 };

bool pcln_moduledata_find(const struct pcln_image *img, uint64_t table,
                          const struct pcln_headers *h,
                          struct pcln_moduledata *out) {
  uint64_t vas[PCLN_MODULEDATA_PLACES], va;
  const size_t n = pcln_moduledata_places(img, vas);
  for (size_t i = 0; i < n; i++)
    if (matches(img, vas[i], table, h, out))
      return true;
  struct pcln_word_iter it = {0};
  for (unsigned i = 0;
       i < MAX_TRIES && pcln_image_next_word(img, table, &it, &va); i++)
    if (matches(img, va, table, h, out))
      return true;
  return false;
}
