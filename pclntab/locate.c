// SPDX-License-Identifier: Apache-2.0
//
// Finding the table: each place in turn, until one holds a header that makes
// sense. What it means is then asked of moduledata (locate_module.c), of
// symbols and of the build information.
//
// A header makes sense if pcln_read_headers() accepts it and functab agrees
// with the records it leads to: the pc of an entry is repeated in its record.
// Of several that a scan finds, the one that moduledata points to is the
// program's own; a program may carry others as data.
#include "locate.h"

#include "locate_private.h"

static const char *const section_names[] = {PCLN_SECTION, PCLN_SECTION_GO,
                                            ".data.rel.ro" PCLN_SECTION_GO,
                                            "__gopclntab"};

const char *pcln_text_from_name(enum pcln_text_from from) {
  static const char *const names[] = {
      [PCLN_TEXT_UNKNOWN] = "unknown",       [PCLN_TEXT_TABLE] = "table",
      [PCLN_TEXT_SYMBOL] = "runtime.text",   [PCLN_TEXT_HEADER] = "header",
      [PCLN_TEXT_MODULEDATA] = "moduledata", [PCLN_TEXT_OPTION] = "option"};
  return names[from];
}

// --- Is this a table? -------------------------------------------------------

static bool is_ours(const struct pcln_image *img, uint64_t va) {
  uint8_t buf[sizeof PCLN_MODULE_MAGIC];
  return pcln_image_read(img, va, buf, sizeof buf) == sizeof buf &&
         memcmp(buf, PCLN_MODULE_MAGIC, sizeof buf) == 0;
}

// A word of functab or of a record, as it is when loaded.
static bool load_uint(const struct pcln_image *img, uint64_t va, unsigned size,
                      uint64_t *out) {
  uint8_t buf[4];
  if (size == img->ptr_size)
    return pcln_image_word(img, va, out);
  if (size != sizeof buf ||
      pcln_image_read(img, va, buf, sizeof buf) != sizeof buf)
    return false;
  *out = pcln_load32(buf, img->swap);
  return true;
}

// Whether functab entry `i` and its record name the same pc.
static bool record_agrees(const struct pcln_image *img, uint64_t va,
                          const struct pcln_headers *h, uint64_t i) {
  const unsigned half = (unsigned)pcln_functab_entry_size(&h->t) / 2;
  const uint64_t functab = va + h->functab.off;
  uint64_t pc, rec, entry;
  if (!load_uint(img, functab + 2 * i * half, half, &pc) ||
      !load_uint(img, functab + (2 * i + 1) * half, half, &rec))
    return false;
  rec += h->t.layout == PCLN_GO_12 ? va : functab;
  return load_uint(img, rec, half, &entry) && entry == pc;
}

struct place {
  const struct pcln_image *img;
  uint64_t va;
};

static size_t peek_image(void *ctx, uint64_t off, void *buf, size_t len) {
  const struct place *at = ctx;
  return pcln_image_read(at->img, at->va + off, buf, len);
}

// Reads the headers of the table at `va`, of at most `len` bytes; false: it is
// none, or none that this image's machine could use.
static bool read_table(const struct pcln_image *img, uint64_t va, uint64_t len,
                       const struct pcln_locate_options *options,
                       struct pcln_headers *h) {
  struct place at = {img, va};
  const struct pcln_peek in = {peek_image, &at, len};
  const struct pcln_open_options open = {.force_layout = options->force_layout,
                                         .layout = options->layout};
  if (pcln_read_headers(&in, &open, NULL, h) != PCLN_OK)
    return false;
  return h->t.ptr_size == img->ptr_size && h->t.swap == img->swap;
}

static bool is_sound(const struct pcln_image *img, uint64_t va,
                     const struct pcln_headers *h) {
  const uint64_t n = h->t.n_funcs;
  return n > 0 && record_agrees(img, va, h, 0) &&
         record_agrees(img, va, h, n / 2) && record_agrees(img, va, h, n - 1);
}

// --- Places -----------------------------------------------------------------

struct search {
  const struct pcln_image *img;
  const struct pcln_locate_options *options;
  struct pcln_location *out;
  struct pcln_headers headers;   // of what was found
  struct pcln_moduledata module; // its moduledata, if `has_module`
  bool has_module;
  bool ours;
  unsigned n_read; // headers that could be read, sound or not
};

// Takes the table at `va` if it is one; `len` bounds it, 0: by what is stored.
static bool take(struct search *s, uint64_t va, uint64_t len,
                 enum pcln_found_in found_in, const char *name) {
  const struct pcln_range *r = pcln_image_range(s->img, va);
  if (!r)
    return false;
  const uint64_t skip = va - r->va, left = r->file_len - skip;
  if (len == 0 || len > left)
    len = left;
  s->ours = is_ours(s->img, va);
  if (!s->ours) {
    if (!read_table(s->img, va, len, s->options, &s->headers))
      return false;
    s->n_read++;
    if (!is_sound(s->img, va, &s->headers))
      return false;
  }
  *s->out = (struct pcln_location){.found_in = found_in,
                                   .va = va,
                                   .len = len,
                                   .file_off = r->file_off + skip,
                                   .sound = true};
  const size_t n = strlen(name);
  memcpy(s->out->name, name, n < sizeof s->out->name ? n + 1 : 0);
  return true;
}

static struct pcln_extent extent_of(const struct pcln_table *t,
                                    struct pcln_span part) {
  if (!part.ptr || part.len == 0)
    return (struct pcln_extent){0};
  return (struct pcln_extent){(uint64_t)(part.ptr - t->pclntab.ptr), part.len};
}

// The table that the caller found.
static bool by_caller(struct search *s) {
  const struct pcln_table *t = s->options->found;
  const struct pcln_range *r =
      t ? pcln_image_range(s->img, s->options->found_va) : NULL;
  if (!r)
    return false;
  const uint64_t skip = s->options->found_va - r->va;
  s->ours = t->ours;
  s->headers = (struct pcln_headers){.t = *t,
                                     .pclntab = extent_of(t, t->pclntab),
                                     .names = extent_of(t, t->names),
                                     .cutab = extent_of(t, t->cutab),
                                     .files = extent_of(t, t->files),
                                     .pctab = extent_of(t, t->pctab),
                                     .functab = extent_of(t, t->functab)};
  *s->out = (struct pcln_location){.found_in = PCLN_FOUND_SCAN,
                                   .va = s->options->found_va,
                                   .len = r->file_len - skip,
                                   .file_off = r->file_off + skip,
                                   .sound = true};
  return true;
}

static bool by_segment(struct search *s) {
  for (uint32_t i = 0; i < s->img->n_ranges; i++)
    if (is_ours(s->img, s->img->ranges[i].va) &&
        take(s, s->img->ranges[i].va, 0, PCLN_FOUND_SEGMENT, ""))
      return true;
  return false;
}

static bool by_section(struct search *s) {
  struct pcln_section sec;
  for (size_t i = 0; i < sizeof section_names / sizeof *section_names; i++)
    if (pcln_image_find_section(s->img, section_names[i], &sec) == PCLN_OK &&
        take(s, sec.va, sec.file_len, PCLN_FOUND_SECTION, section_names[i]))
      return true;
  return false;
}

static bool by_symbol(struct search *s) {
  static const char *const names[] = {"runtime.pclntab", "runtime.epclntab"};
  uint64_t vas[2];
  pcln_image_symbols(s->img, names, 2, vas);
  const uint64_t len =
      vas[1] != PCLN_NO_VA && vas[1] > vas[0] ? vas[1] - vas[0] : 0;
  return vas[0] != PCLN_NO_VA &&
         take(s, vas[0], len, PCLN_FOUND_SYMBOL, names[0]);
}

static bool by_moduledata(struct search *s) {
  uint64_t candidates[PCLN_MODULEDATA_PLACES], table;
  const size_t n = pcln_moduledata_places(s->img, candidates);
  for (size_t i = 0; i < n; i++)
    if (pcln_image_word(s->img, candidates[i], &table) &&
        take(s, table, 0, PCLN_FOUND_MODULEDATA, ""))
      return true;
  return false;
}

// --- Scanning ---------------------------------------------------------------

static bool is_magic(uint32_t v) {
  return v == PCLN_GO_MAGIC_12 || v == PCLN_GO_MAGIC_116 ||
         v == PCLN_GO_MAGIC_118 || v == PCLN_GO_MAGIC_120;
}

// Whether the first 8 bytes of a header are at `p`.
static bool is_start(const struct pcln_image *img, const uint8_t *p) {
  const uint8_t q = p[PCLN_GO_HDR_QUANTUM];
  return p[3 - 3 * img->big_endian] == 0xff &&
         is_magic(pcln_load32(p, img->swap)) && !p[4] && !p[5] &&
         (q == 1 || q == 2 || q == 4) &&
         p[PCLN_GO_HDR_PTRSIZE] == img->ptr_size;
}

// The next address in the range, from `off` bytes on, where a header may begin.
static bool next_start(const struct pcln_image *img, const struct pcln_range *r,
                       uint64_t *off) {
  enum { CHUNK = 4096, STEP = 4 };
  uint8_t buf[CHUNK];
  while (*off < r->file_len) {
    const struct pcln_span s = pcln_image_at(img, r->va + *off);
    const uint8_t *p = s.ptr ? s.ptr : buf;
    const size_t n =
        s.ptr ? s.len : pcln_image_read(img, r->va + *off, buf, CHUNK);
    size_t i = 0;
    for (; i + PCLN_GO_HDR_WORDS <= n; i += STEP)
      if (is_start(img, p + i)) {
        *off += i;
        return true;
      }
    // A header that the chunk's end cuts is looked at again.
    *off = n < PCLN_GO_HDR_WORDS ? r->file_len : *off + i;
  }
  return false;
}

// A file made to keep us busy has more headers than a program, each of which
// costs a few walks over all relocations, and a sound one a search for its
// moduledata.
enum { MAX_READ = 128, MAX_SOUND = 8 };

static bool by_scan(struct search *s) {
  struct search best = {0};
  struct pcln_location found, best_found = {0};
  unsigned n_read = 0, n_sound = 0;
  for (uint32_t i = 0; i < s->img->n_ranges; i++) {
    const struct pcln_range *r = &s->img->ranges[i];
    uint64_t off = (0 - r->va) & 3;
    for (; n_read < MAX_READ && n_sound < MAX_SOUND &&
           next_start(s->img, r, &off);
         off += 4) {
      struct search next = {
          .img = s->img, .options = s->options, .out = &found};
      const bool sound = take(&next, r->va + off, 0, PCLN_FOUND_SCAN, "");
      n_read += next.n_read;
      n_sound += sound;
      if (!sound)
        continue;
      next.has_module =
          pcln_moduledata_find(s->img, found.va, &next.headers, &next.module);
      if (!best.img || next.has_module > best.has_module ||
          (next.has_module == best.has_module &&
           next.headers.t.n_funcs > best.headers.t.n_funcs)) {
        best = next;
        best_found = found;
      }
    }
  }
  if (!best.img)
    return false;
  *s->out = best_found;
  best.out = s->out;
  *s = best;
  return true;
}

// The section that has the table's name, whatever is in it.
static bool by_name_alone(struct search *s) {
  struct pcln_section sec;
  for (size_t i = 0; i < sizeof section_names / sizeof *section_names; i++) {
    if (pcln_image_find_section(s->img, section_names[i], &sec) != PCLN_OK ||
        sec.file_len == 0 || sec.file_off >= s->img->source.len)
      continue;
    const uint64_t left = s->img->source.len - sec.file_off;
    *s->out =
        (struct pcln_location){.found_in = PCLN_FOUND_SECTION,
                               .va = sec.va,
                               .len = sec.file_len < left ? sec.file_len : left,
                               .file_off = sec.file_off};
    memcpy(s->out->name, sec.name, sizeof sec.name);
    return true;
  }
  return false;
}

// --- What the table means ---------------------------------------------------

enum { SYM_TEXT, SYM_GOFUNC, SYM_GOFUNC_118, SYM_FINDFUNCTAB, N_SYMS };

static void ask_symbols(const struct pcln_image *img, uint64_t *vas) {
  static const char *const names[] = {
      [SYM_TEXT] = "runtime.text",
      [SYM_GOFUNC] = "go:func.*",
      [SYM_GOFUNC_118] = "go.func.*",
      [SYM_FINDFUNCTAB] = "runtime.findfunctab",
  };
  pcln_image_symbols(img, names, N_SYMS, vas);
}

static void set_text(struct pcln_location *out, uint64_t va,
                     enum pcln_text_from from) {
  if (va && va != PCLN_NO_VA && out->text_from == PCLN_TEXT_UNKNOWN) {
    out->text_start = va;
    out->text_from = from;
  }
}

static enum pcln_status find_text(const struct search *s,
                                  const uint64_t *symbols,
                                  const struct pcln_sink *sink) {
  struct pcln_location *out = s->out;
  const struct pcln_locate_options *o = s->options;
  uint64_t header = 0;
  (void)pcln_image_word(s->img,
                        out->va + PCLN_GO_HDR_WORDS +
                            (uint64_t)PCLN_GO_WORD_TEXT_START *
                                s->img->ptr_size,
                        &header);
  set_text(out, symbols[SYM_TEXT], PCLN_TEXT_SYMBOL);
  set_text(out, header, PCLN_TEXT_HEADER);
  if (s->has_module)
    set_text(out, s->module.text, PCLN_TEXT_MODULEDATA);
  if (o->has_text_start && out->text_from != PCLN_TEXT_UNKNOWN &&
      out->text_start != o->text_start)
    pcln_say(sink, &(struct pcln_report){
                       .severity = PCLN_NOTE,
                       .fault = "text-start-differs",
                       .region = "address",
                       .region_off = out->text_start,
                       .text = "the file itself says that text starts "
                               "elsewhere; taken from --text-start"});
  if (o->has_text_start) {
    out->text_start = o->text_start;
    out->text_from = PCLN_TEXT_OPTION;
  }
  if (out->text_from != PCLN_TEXT_UNKNOWN)
    return PCLN_OK;
  pcln_say(sink, &(struct pcln_report){
                     .severity = PCLN_ERROR,
                     .fault = "no-text-start",
                     .region = "address",
                     .region_off = out->va,
                     .text = "the table is here, but neither a symbol, nor its "
                             "header, nor moduledata says where text starts; "
                             "name it with --text-start"});
  return PCLN_NOT_FOUND;
}

static uint64_t known(uint64_t va) { return va == PCLN_NO_VA ? 0 : va; }

static void find_parts(const struct search *s, const uint64_t *symbols) {
  struct pcln_location *out = s->out;
  // Older releases have the symbol too, but count nothing from it.
  if (s->headers.t.layout >= PCLN_GO_118) {
    out->gofunc = known(symbols[SYM_GOFUNC]);
    if (!out->gofunc)
      out->gofunc = known(symbols[SYM_GOFUNC_118]);
  }
  out->findfunctab = known(symbols[SYM_FINDFUNCTAB]);
  if (!s->has_module)
    return;
  const struct pcln_moduledata *m = &s->module;
  out->moduledata = m->va;
  out->rodata = m->rodata;
  if (!out->gofunc)
    out->gofunc = m->gofunc;
  if (!out->findfunctab)
    out->findfunctab = m->findfunctab;
  out->findfunctab_len = m->findfunctab_len;
  if (m->table_end > out->va && m->table_end - out->va < out->len)
    out->len = m->table_end - out->va;
}

static void find_version(const struct search *s) {
  struct pcln_buildinfo *b = &s->out->build;
  enum pcln_layout layout;
  unsigned minor;
  if (pcln_buildinfo_find(s->img, b, NULL) != PCLN_OK)
    *b = (struct pcln_buildinfo){0};
  if (!b->version[0])
    pcln_build_version(s->img, b->version, sizeof b->version);
  const char *go = strstr(b->version, "go1."); // also "devel go1.22-..."
  if (go && pcln_layout_of_version(go, &layout, &minor))
    s->out->go_minor = minor;
}

static enum pcln_status describe(struct search *s,
                                 const struct pcln_sink *sink) {
  uint64_t symbols[N_SYMS];
  if (s->ours) {
    s->out->text_from = PCLN_TEXT_TABLE;
    return PCLN_OK;
  }
  if (!s->has_module)
    s->has_module =
        pcln_moduledata_find(s->img, s->out->va, &s->headers, &s->module);
  ask_symbols(s->img, symbols);
  find_parts(s, symbols);
  find_version(s);
  s->out->relocated = pcln_image_relocates(s->img, s->out->va, s->out->len);
  if (s->headers.t.layout >= PCLN_GO_118)
    return find_text(s, symbols, sink);
  s->out->text_from = PCLN_TEXT_TABLE;
  return PCLN_OK;
}

enum pcln_status pcln_locate(const struct pcln_image *img,
                             const struct pcln_locate_options *options,
                             const struct pcln_sink *sink,
                             struct pcln_location *out) {
  static const struct pcln_locate_options none;
  static bool (*const places[])(struct search *) = {
      by_caller, by_segment, by_section, by_symbol, by_moduledata, by_scan};
  struct search s = {
      .img = img, .options = options ? options : &none, .out = out};
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (places[i](&s))
      return describe(&s, sink);
  return by_name_alone(&s) ? PCLN_OK : PCLN_NOT_FOUND;
}

// --- For pcln_open() --------------------------------------------------------

static struct pcln_span at(const struct pcln_image *img, uint64_t va) {
  return va ? pcln_image_at(img, va) : (struct pcln_span){0};
}

static struct pcln_span at_address(void *ctx, uint64_t va) {
  return pcln_image_at(ctx, va);
}

// Funcdata of tables before go1.18 is read-only data, as the table is, and
// nearly always in the same range.
static void old_funcdata(const struct pcln_image *img, uint64_t table,
                         struct pcln_open_options *out) {
  const struct pcln_range *r = pcln_image_range(img, table);
  out->at = at_address;
  out->at_ctx = (void *)(uintptr_t)img;
  if (r) {
    out->funcdata = pcln_image_at(img, r->va);
    out->funcdata_va = r->va;
  }
}

void pcln_location_options(const struct pcln_image *img,
                           const struct pcln_location *location,
                           struct pcln_open_options *out) {
  *out = (struct pcln_open_options){
      .text_start = location->text_start,
      .go_minor = location->go_minor,
      .machine = img->machine,
      .funcdata = at(img, location->gofunc),
      .rodata = at(img, location->rodata),
      .findfunctab = at(img, location->findfunctab),
  };
  if (location->findfunctab_len &&
      location->findfunctab_len < out->findfunctab.len)
    out->findfunctab.len = (size_t)location->findfunctab_len;
  if (location->text_from == PCLN_TEXT_TABLE)
    old_funcdata(img, location->va, out);
}
