// SPDX-License-Identifier: Apache-2.0
#include "table_maker.h"

#include "bytes.h"
#include "crc32c.h"

#include <stdlib.h>

// --- Bytes ------------------------------------------------------------------

void make_patch(struct made *m, size_t at, unsigned size, uint64_t value) {
  if (at + size > sizeof m->bytes)
    abort();
  for (unsigned i = 0; i < size; i++) {
    const unsigned shift = 8 * (m->big_endian ? size - 1 - i : i);
    m->bytes[at + i] = (uint8_t)(value >> shift);
  }
}

static void put(struct made *m, unsigned size, uint64_t value) {
  make_patch(m, m->len, size, value);
  m->len += size;
}

static void put_bytes(struct made *m, const void *bytes, size_t len) {
  for (size_t i = 0; i < len; i++)
    put(m, 1, ((const uint8_t *)bytes)[i]);
}

static size_t put_string(struct made *m, const char *s) {
  const size_t at = m->len;
  put_bytes(m, s, strlen(s) + 1);
  return at;
}

static void align(struct made *m, size_t to) {
  while (m->len % to)
    put(m, 1, 0);
}

// --- Streams ----------------------------------------------------------------

// Writes the stream; 0 for none. With `every`, adds a checkpoint before each
// `every`th pair but the first to `points` (12 bytes each); returns the stream.
static size_t put_stream(struct made *m, const struct make_spec *spec,
                         const struct make_run *run, uint32_t every,
                         uint32_t (*points)[3], uint32_t *n_points) {
  if (!run)
    return 0;
  const size_t at = m->len;
  uint32_t pc = 0;
  int32_t value = -1;
  for (uint32_t i = 0; run[i].end; i++) {
    uint8_t buf[10];
    if (every && i && i % every == 0) {
      points[*n_points][0] = pc;
      points[*n_points][1] = (uint32_t)(m->len - at);
      points[(*n_points)++][2] = (uint32_t)value;
    }
    const uint32_t delta = (uint32_t)run[i].value - (uint32_t)value;
    size_t n = pcln_put_varint32(buf, pcln_zigzag((int32_t)delta));
    n += pcln_put_varint32(buf + n, (run[i].end - pc) / spec->quantum);
    put_bytes(m, buf, n);
    value = run[i].value;
    pc = run[i].end;
  }
  put(m, 1, 0);
  return at;
}

// --- Parts ------------------------------------------------------------------

struct maker {
  const struct make_spec *s;
  struct made *m;
  bool old; // before go1.18: pointers
  uint64_t name[MAKE_FUNCS];
  uint64_t inline_name[MAKE_FUNCS];
  uint64_t n_files;
  uint64_t funcdata_off[MAKE_FUNCS][PCLN_FUNCDATA_CHECKPOINTS + 1];
  uint32_t (*points)[3];
  uint32_t n_points[MAKE_FUNCS], first_point[MAKE_FUNCS];
};

static uint32_t n_inlines(const struct make_func *f) {
  uint32_t n = 0;
  while (f->inlines && f->inlines[n].name)
    n++;
  return n;
}

static uint32_t n_pcdata(const struct make_func *f) {
  uint32_t n = f->n_pcdata;
  for (uint32_t i = 0; i < MAKE_PCDATA; i++)
    if (f->pcdata[i] && n <= i)
      n = i + 1;
  return n;
}

static uint32_t inltree_index(const struct maker *k) {
  return k->s->layout == PCLN_GO_12 ? 4 : PCLN_FUNCDATA_INLTREE;
}

static uint32_t n_funcdata(const struct maker *k, const struct make_func *f) {
  if (f->checkpoint_every)
    return PCLN_FUNCDATA_CHECKPOINTS + 1;
  return n_inlines(f) ? inltree_index(k) + 1 : 0;
}

// Functab comes before its records, names before both: offsets are patched in
// where they are known later.
static void put_names(struct maker *k) {
  k->m->names = k->m->len;
  const size_t base = k->s->layout == PCLN_GO_12 ? k->m->pclntab : k->m->len;
  put_string(k->m, "");
  for (size_t i = 0; i < k->s->n_funcs; i++) {
    const char *name = k->s->funcs[i].name;
    k->name[i] = name ? put_string(k->m, name) - base : 0;
  }
  for (size_t i = 0; i < k->s->n_funcs; i++) {
    const struct make_func *f = &k->s->funcs[i];
    k->inline_name[i] = k->m->len - base;
    for (uint32_t j = 0; j < n_inlines(f); j++)
      put_string(k->m, f->inlines[j].name);
  }
}

static void put_files(struct maker *k) {
  struct made *m = k->m;
  const char *const *files = k->s->files;
  uint64_t off[64];
  size_t base = m->len, n = 0;
  if (k->s->layout != PCLN_GO_12) { // cutab first, patched below
    m->cutab = m->len;
    for (; files && files[n]; n++)
      put(m, 4, 0);
    m->files = base = m->len;
  } else {
    m->files = base;
    base = m->pclntab;
    while (files && files[n])
      n++;
  }
  for (size_t i = 0; i < n; i++)
    off[i] = *files[i] ? put_string(m, files[i]) - base : PCLN_NO_FILE;
  if (k->s->layout == PCLN_GO_12) {
    align(m, 4);
    m->cutab = m->len;
    put(m, 4, n + 1);
    for (size_t i = 0; i < n; i++)
      put(m, 4, 0);
  }
  const size_t slot = m->cutab + (k->s->layout == PCLN_GO_12 ? 4 : 0);
  for (size_t i = 0; i < n; i++)
    make_patch(m, slot + 4 * i, 4, off[i]);
  k->n_files = n;
}

static void put_pctab(struct maker *k) {
  struct made *m = k->m;
  uint32_t total = 0;
  m->pctab = m->len;
  put(m, 1, 0);
  for (size_t i = 0; i < k->s->n_funcs; i++) {
    const struct make_func *f = &k->s->funcs[i];
    m->pcsp[i] = put_stream(m, k->s, f->pcsp, 0, NULL, NULL);
    m->pcfile[i] = put_stream(m, k->s, f->pcfile, 0, NULL, NULL);
    k->first_point[i] = total;
    m->pcln[i] =
        put_stream(m, k->s, f->pcln, f->checkpoint_every, k->points, &total);
    k->n_points[i] = total - k->first_point[i];
    for (uint32_t j = 0; j < MAKE_PCDATA; j++)
      m->pcdata[i][j] = put_stream(m, k->s, f->pcdata[j], 0, NULL, NULL);
  }
}

// Funcdata offsets are known before the area is written: trees and checkpoints
// have fixed sizes.
static void place_funcdata(struct maker *k) {
  const size_t rec = k->s->layout == PCLN_GO_120 ? 16 : 20;
  uint64_t off = 4; // so that no offset is 0
  for (size_t i = 0; i < k->s->n_funcs; i++) {
    const struct make_func *f = &k->s->funcs[i];
    for (size_t j = 0; j <= PCLN_FUNCDATA_CHECKPOINTS; j++)
      k->funcdata_off[i][j] = UINT64_MAX;
    if (n_inlines(f)) {
      k->funcdata_off[i][inltree_index(k)] = off;
      off += n_inlines(f) * rec;
    }
    if (f->checkpoint_every) {
      k->funcdata_off[i][PCLN_FUNCDATA_CHECKPOINTS] = off;
      off += 4 + PCLN_CHECKPOINT_STREAM +
             (uint64_t)k->n_points[i] * PCLN_CHECKPOINT_ENTRY;
    }
  }
}

static uint64_t stream_off(const struct maker *k, size_t at) {
  const size_t base = k->s->layout == PCLN_GO_12 ? k->m->pclntab : k->m->pctab;
  return at ? at - base : 0;
}

static void put_record(struct maker *k, size_t i) {
  struct made *m = k->m;
  const struct make_spec *s = k->s;
  const struct make_func *f = &s->funcs[i];
  const unsigned p = s->ptr_size;
  align(m, k->old ? p : 4);
  m->rec[i] = m->len;
  if (k->old)
    put(m, p, s->text_va + f->off);
  else
    put(m, 4, f->name || !s->ours ? f->off : PCLN_NO_RECORD_ENTRY);
  put(m, 4, k->name[i]);
  put(m, 4, (uint32_t)f->args);
  put(m, 4, f->deferreturn);
  put(m, 4, stream_off(k, m->pcsp[i]));
  put(m, 4, stream_off(k, m->pcfile[i]));
  put(m, 4, stream_off(k, m->pcln[i]));
  put(m, 4, n_pcdata(f));
  if (s->layout >= PCLN_GO_116)
    put(m, 4, f->name ? f->cu_offset : PCLN_NO_CU);
  if (s->layout >= PCLN_GO_120)
    put(m, 4, (uint32_t)f->start_line);
  put(m, 1, f->func_id);
  put(m, 1, f->flags);
  put(m, 1, 0);
  put(m, 1, n_funcdata(k, f));
  for (uint32_t j = 0; j < n_pcdata(f); j++)
    put(m, 4, stream_off(k, m->pcdata[i][j]));
  if (k->old && n_funcdata(k, f))
    align(m, p);
  for (uint32_t j = 0; j < n_funcdata(k, f); j++) {
    const uint64_t off = k->funcdata_off[i][j];
    const bool none = off == UINT64_MAX;
    if (k->old)
      put(m, p, none ? 0 : MAKE_FUNCDATA_VA + off);
    else
      put(m, 4, none ? PCLN_NO_FUNCDATA : off);
  }
}

static unsigned functab_width(const struct maker *k) {
  return k->old ? k->s->ptr_size : 4;
}

// functab, with the offsets of the records still 0.
static void put_functab(struct maker *k) {
  struct made *m = k->m;
  const unsigned w = functab_width(k);
  const uint64_t base = k->old ? k->s->text_va : 0;
  m->functab = m->len;
  for (size_t i = 0; i < k->s->n_funcs; i++) {
    put(m, w, base + k->s->funcs[i].off);
    put(m, w, 0);
  }
  put(m, w, base + k->s->text_len);
  if (k->s->layout == PCLN_GO_12)
    put(m, 4, 0); // the file table's offset, still 0
}

static void put_records(struct maker *k) {
  struct made *m = k->m;
  const unsigned w = functab_width(k);
  const size_t base = k->s->layout == PCLN_GO_12 ? m->pclntab : m->functab;
  m->records = m->len;
  for (size_t i = 0; i < k->s->n_funcs; i++) {
    put_record(k, i);
    make_patch(m, m->functab + (2 * i + 1) * w, w, m->rec[i] - base);
  }
}

static void put_funcdata(struct maker *k) {
  struct made *m = k->m;
  m->funcdata = m->len;
  put(m, 4, 0);
  for (size_t i = 0; i < k->s->n_funcs; i++) {
    const struct make_func *f = &k->s->funcs[i];
    uint64_t name = k->inline_name[i];
    m->tree[i] = n_inlines(f) ? m->len : 0;
    for (uint32_t j = 0; j < n_inlines(f); j++) {
      const struct make_inline *r = &f->inlines[j];
      if (k->s->layout == PCLN_GO_120) {
        put(m, 1, r->func_id);
        put(m, 3, 0);
        put(m, 4, name);
        put(m, 4, r->parent_pc);
        put(m, 4, (uint32_t)r->start_line);
      } else {
        put(m, 2, 0xffff);
        put(m, 1, r->func_id);
        put(m, 1, 0);
        put(m, 4, 77); // file and line of the call: not for this reader
        put(m, 4, 77);
        put(m, 4, name);
        put(m, 4, r->parent_pc);
      }
      name += strlen(r->name) + 1;
    }
    if (!f->checkpoint_every)
      continue;
    m->checkpoints[i] = m->len;
    put(m, 4, 1);
    put(m, 4, stream_off(k, m->pcln[i]));
    put(m, 4, 0);
    put(m, 4, k->n_points[i]);
    for (uint32_t j = 0; j < k->n_points[i]; j++)
      for (int w = 0; w < 3; w++)
        put(m, 4, k->points[k->first_point[i] + j][w]);
  }
  m->funcdata_len = m->len - m->funcdata;
}

static void put_findfunctab(struct maker *k) {
  struct made *m = k->m;
  const struct make_spec *s = k->s;
  const uint32_t first = s->n_funcs ? s->funcs[0].off : 0;
  m->findfunctab = m->len;
  size_t idx = 0, bucket_idx = 0;
  for (uint32_t off = first; off < s->text_len; off += 256) {
    while (idx + 1 < s->n_funcs && s->funcs[idx + 1].off <= off)
      idx++;
    if ((off - first) % PCLN_FINDFUNC_BUCKET == 0) {
      bucket_idx = idx;
      put(m, 4, idx);
    }
    put(m, 1, idx - bucket_idx < 255 ? idx - bucket_idx : 255);
  }
  m->findfunctab_len = m->len - m->findfunctab;
}

static void put_rules(struct maker *k) {
  struct made *m = k->m;
  m->rules = m->len;
  for (size_t i = 0; i < k->s->n_rules; i++) {
    const struct pcln_rule *r = &k->s->rules[i];
    const uint8_t head[4] = {r->cfa, r->fp, r->ra, r->reg};
    put_bytes(m, head, 4);
    put(m, 4, (uint32_t)r->cfa_off);
    put(m, 4, (uint32_t)r->fp_off);
    put(m, 4, (uint32_t)r->ra_off);
  }
}

// --- The whole --------------------------------------------------------------

// Puts the pclntab at the current end; m->pclntab is set.
static void put_pclntab(struct maker *k) {
  static const uint32_t magic[] = {PCLN_GO_MAGIC_12, PCLN_GO_MAGIC_116,
                                   PCLN_GO_MAGIC_118, PCLN_GO_MAGIC_120};
  static const size_t n_words[] = {1, 7, 8, 8};
  struct made *m = k->m;
  const struct make_spec *s = k->s;
  const unsigned p = s->ptr_size;
  put(m, 4, magic[s->layout]);
  put(m, 2, 0);
  put(m, 1, s->quantum);
  put(m, 1, p);
  const size_t words = m->len;
  m->len += n_words[s->layout] * p;
  if (s->layout == PCLN_GO_12)
    put_functab(k); // directly behind the header; what it leads to is not
  put_names(k);
  align(m, 4);
  put_files(k);
  put_pctab(k);
  place_funcdata(k);
  align(m, p);
  if (s->layout != PCLN_GO_12)
    put_functab(k);
  put_records(k);
  const uint64_t w18[] = {s->n_funcs,
                          k->n_files,
                          s->ours ? 0 : s->text_va,
                          m->names - m->pclntab,
                          m->cutab - m->pclntab,
                          m->files - m->pclntab,
                          m->pctab - m->pclntab,
                          m->functab - m->pclntab};
  size_t w = 0;
  for (size_t i = 0; w < n_words[s->layout]; i++)
    if (s->layout != PCLN_GO_116 || i != PCLN_GO_WORD_TEXT_START)
      make_patch(m, words + w++ * p, p, w18[i]);
  if (s->layout == PCLN_GO_12)
    make_patch(m, m->functab + (2 * s->n_funcs + 1) * p, 4,
               m->cutab - m->pclntab);
}

static void put_module_header(struct maker *k, size_t pclntab_len) {
  struct made *m = k->m;
  memcpy(m->bytes, PCLN_MODULE_MAGIC, 8);
  make_patch(m, PCLN_MOD_VERSION, 2, PCLN_MODULE_VERSION);
  make_patch(m, PCLN_MOD_PTRSIZE, 1, k->s->ptr_size);
  make_patch(m, PCLN_MOD_BLOB_LEN, 8, m->len);
  make_patch(m, PCLN_MOD_HEADER_VA, 8, k->s->text_va + 0x100000);
  make_patch(m, PCLN_MOD_TEXT_VA, 8, k->s->text_va);
  make_patch(m, PCLN_MOD_TEXT_LEN, 8, k->s->text_len);
  const size_t parts[][2] = {{m->pclntab, pclntab_len},
                             {m->funcdata, m->funcdata_len},
                             {m->findfunctab, m->findfunctab_len},
                             {m->rules, k->s->n_rules * PCLN_RULE_SIZE}};
  for (size_t i = 0; i < 4; i++) {
    make_patch(m, PCLN_MOD_PCLNTAB + 8 * i, 4, parts[i][0]);
    make_patch(m, PCLN_MOD_PCLNTAB + 8 * i + 4, 4, parts[i][1]);
  }
  make_patch(m, PCLN_MOD_MACHINE, 2, k->s->machine);
  make_patch(m, PCLN_MOD_BUILD_ID_LEN, 4, 3);
  memcpy(m->bytes + PCLN_MOD_BUILD_ID, "\1\2\3", 3);
}

void make_seal(struct made *m) {
  make_patch(m, PCLN_MOD_CHECKSUM, 4, pcln_blob_checksum(m->bytes, m->len));
}

void make_table(const struct make_spec *spec, struct made *out) {
  struct maker *k = calloc(1, sizeof *k);
  uint32_t(*points)[3] = calloc(MAKE_MAX / 16, sizeof *points);
  if (!k || !points || spec->n_funcs > MAKE_FUNCS)
    abort();
  memset(out, 0, sizeof *out);
  *k = (struct maker){
      .s = spec, .m = out, .old = spec->layout < PCLN_GO_118, .points = points};
  out->big_endian = spec->big_endian;
  out->ours = spec->ours;
  out->ptr_size = spec->ptr_size;
  out->pclntab = out->len = spec->ours ? PCLN_MOD_SIZE : 0;
  put_pclntab(k);
  const size_t pclntab_end = out->len;
  align(out, 8);
  put_funcdata(k);
  put_findfunctab(k);
  align(out, 4);
  put_rules(k);
  if (spec->ours) {
    put_module_header(k, pclntab_end - out->pclntab);
    make_seal(out);
  }
  out->options = (struct pcln_open_options){
      .funcdata = {out->bytes + out->funcdata, out->funcdata_len},
      .funcdata_va = MAKE_FUNCDATA_VA,
      .findfunctab = {out->bytes + out->findfunctab, out->findfunctab_len},
      // The numbers and records that the maker writes in that layout.
      .go_minor = spec->layout == PCLN_GO_12 ? 13 : 0};
  free(points);
  free(k);
}
