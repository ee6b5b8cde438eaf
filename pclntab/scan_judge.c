// SPDX-License-Identifier: Apache-2.0
//
// Is there a table at this place, and where are its parts?
//
// The order of proof. functab proves itself: its pcs ascend, and the record to
// which an entry leads begins with the pc of that entry. So functab is looked
// at first, where the header says it is, or else wherever it is. Once it is
// known, records give offsets into the other regions, and each region is proved
// by what a sample of functions leads to in it:
//
//   funcnametab  names that begin behind a NUL, are printable and end
//   pctab        streams that end with their function
//   cutab        numbers that lead to the beginnings of
//   filetab      file names
//
// A header word whose region does not prove itself is searched for between its
// neighbours. So the header is needed for little: any one word of it may be
// wrong, and the magic too.
//
// Where the magic is none of Go's, all layouts are tried in both byte orders;
// 1.18 and 1.20, which differ in the size of records alone, are told apart by
// records standing one behind the other.
//
// Every search is paid for from a budget. Called from anywhere: no allocation.
#include "scan_judge.h"

#include "pcvalue_step.h"

#include <string.h>

enum {
  SAMPLES = 16,       // functions that prove a region
  PROOF = 8,          // functab entries that prove it, where it is searched for
  MAX_NAME = 1 << 14, // longer names are not believed
  MAX_ALIGN = 64,     // of names behind the header
};

struct judge {
  const uint8_t *bytes;
  size_t len;
  uint64_t *budget;
  uint64_t header_len;
  uint64_t w[6]; // from the table's start: names, cutab, files, pctab, functab
  uint64_t counted; // functions, as the header says
  uint64_t header_text;
  struct pcln_candidate *c;
};
enum { W_NAMES, W_CUTAB, W_FILES, W_PCTAB, W_FUNCTAB, N_REGIONS };

static void note(struct judge *j, enum pcln_check check, bool held) {
  uint32_t *set = held ? &j->c->held : &j->c->failed;
  *set |= 1u << check;
}

// False: the search is not worth what is left.
static bool pay(struct judge *j, uint64_t cost) {
  if (cost > *j->budget)
    return false;
  *j->budget -= cost;
  return true;
}

// --- functab ----------------------------------------------------------------

// A functab pc as it is stored.
static uint64_t raw_pc(const struct pcln_table *t, size_t i) {
  const uint8_t *p = t->functab.ptr + i * pcln_functab_entry_size(t);
  return t->layout >= PCLN_GO_118 ? pcln_load32(p, t->swap)
                                  : pcln_load_ptr(t, p);
}

// Whether entry `i`, all of which is inside, leads to a record of its pc.
static bool record_fits(const struct pcln_table *t, size_t i) {
  const uint64_t rec = pcln_functab_rec(t, i);
  const struct pcln_rec_layout *l = pcln_rec_layout(t);
  if (t->functab.len < l->size || rec > t->functab.len - l->size ||
      rec < (i + 1) * pcln_functab_entry_size(t))
    return false;
  const uint8_t *r = t->functab.ptr + rec;
  const uint64_t entry =
      l->entry_size == 8 ? pcln_load64(r, t->swap) : pcln_load32(r, t->swap);
  return entry == raw_pc(t, i) || entry == PCLN_NO_RECORD_ENTRY;
}

// Entries of which there is room, with the half behind them.
static size_t functab_room(const struct pcln_table *t) {
  const size_t entry = pcln_functab_entry_size(t);
  return t->functab.len < entry / 2 ? 0 : (t->functab.len - entry / 2) / entry;
}

// How many entries from the first on are sound, up to `max`.
static size_t sound_entries(const struct pcln_table *t, size_t max) {
  const size_t room = functab_room(t);
  size_t n = 0;
  while (n < room && n < max && record_fits(t, n) &&
         raw_pc(t, n + 1) >= raw_pc(t, n))
    n++;
  return n;
}

static void set_functab(struct judge *j, uint64_t off) {
  j->c->table.functab = (struct pcln_span){j->bytes + off, j->len - off};
}

// Whether a functab begins at `off`, by its first entries: of `proof` of them
// at most one in four may be damaged, none if `whole`.
static bool functab_at(struct judge *j, uint64_t off, size_t proof,
                       bool whole) {
  if (off < j->header_len || off >= j->len)
    return false;
  set_functab(j, off);
  const struct pcln_table *t = &j->c->table;
  if (functab_room(t) < proof)
    return false;
  size_t bad = 0;
  for (size_t i = 0; i < proof; i++) {
    bad += !record_fits(t, i) || raw_pc(t, i + 1) < raw_pc(t, i);
    if (bad > (whole ? 0 : proof / 4))
      return false;
  }
  return raw_pc(t, 0) != raw_pc(t, proof);
}

// Whether the three fixed bytes and the magic leave any doubt.
static bool header_is_plain(const struct judge *j) {
  const uint32_t all = 1u << PCLN_CHECK_MAGIC | 1u << PCLN_CHECK_PADDING |
                       1u << PCLN_CHECK_QUANTUM | 1u << PCLN_CHECK_PTR_SIZE;
  return (j->c->held & all) == all;
}

// Finds functab: where the header says, or else anywhere behind it. A small
// table is believed only if its header is as it should be.
static bool find_functab(struct judge *j, bool search) {
  const uint64_t said = j->w[W_FUNCTAB];
  const bool small = header_is_plain(j) && j->counted && j->counted < PROOF;
  const size_t few = small ? (size_t)j->counted : PROOF;
  if (functab_at(j, said, few, small))
    return true;
  if (!search || j->c->table.layout == PCLN_GO_12 ||
      !pay(j, j->len - j->header_len))
    return false;
  for (uint64_t off = (j->header_len + 3) & ~UINT64_C(3); off < j->len;
       off += 4)
    if (functab_at(j, off, PROOF, true)) {
      j->w[W_FUNCTAB] = off;
      return true;
    }
  return false;
}

// Whether all pcs up to the end marker ascend.
static bool pcs_ascend(const struct pcln_table *t, uint64_t n) {
  for (size_t i = 0; i < n; i++)
    if (raw_pc(t, i + 1) < raw_pc(t, i))
      return false;
  return true;
}

// The number of functions: the header's, if the last ones are sound as well or
// their records merely lie behind the end of the bytes; else as many as are
// sound from the first on.
static void count_functions(struct judge *j) {
  struct pcln_table *t = &j->c->table;
  const size_t room = functab_room(t);
  const size_t max = room < UINT32_MAX ? room : UINT32_MAX;
  const size_t sound = *j->budget ? sound_entries(t, max) : 0;
  bool said = j->counted > 0 && j->counted <= max && j->counted >= sound;
  unsigned fits = 0;
  pay(j, sound < *j->budget ? sound : *j->budget);
  for (unsigned i = 0; said && i < SAMPLES; i++)
    fits += record_fits(t, (size_t)((j->counted - 1) * i / (SAMPLES - 1)));
  said = said && (fits >= SAMPLES * 3 / 4 ||
                  (sound >= PROOF && pcs_ascend(t, j->counted)));
  t->n_funcs = (uint32_t)(said ? j->counted : sound);
  note(j, PCLN_CHECK_COUNT, said);
  note(j, PCLN_CHECK_FUNCTAB, sound == t->n_funcs);
}

// --- Samples ----------------------------------------------------------------

// The record of sample `i`, or null.
static const uint8_t *sample(const struct judge *j, unsigned i, size_t *idx) {
  const struct pcln_table *t = &j->c->table;
  if (t->n_funcs == 0 || (i > 0 && i >= t->n_funcs))
    return NULL;
  *idx = t->n_funcs <= SAMPLES
             ? i
             : (size_t)((uint64_t)(t->n_funcs - 1) * i / (SAMPLES - 1));
  return record_fits(t, *idx) ? t->functab.ptr + pcln_functab_rec(t, *idx)
                              : NULL;
}

static uint32_t field(const struct pcln_table *t, const uint8_t *rec,
                      unsigned which) {
  return pcln_load32(rec + pcln_rec_layout(t)->entry_size + which, t->swap);
}

static bool is_hole(const struct pcln_table *t, const uint8_t *rec) {
  const unsigned at = pcln_rec_layout(t)->cu_offset;
  return at && pcln_load32(rec + at, t->swap) == PCLN_NO_CU;
}

static uint64_t size_of(const struct pcln_table *t, size_t idx) {
  return raw_pc(t, idx + 1) - raw_pc(t, idx);
}

// Whether a string begins `off` bytes into the region, behind a NUL or at its
// start, is printable and ends. Before go1.16 strings stand between other
// things, and need no NUL before them.
static bool string_at(const struct judge *j, uint64_t region, uint64_t off) {
  const uint64_t at = region + off;
  if (region >= j->len || off >= j->len - region ||
      (off > 0 && j->bytes[at - 1] != 0 && j->c->table.layout != PCLN_GO_12))
    return false;
  const size_t max = j->len - at < MAX_NAME ? j->len - (size_t)at : MAX_NAME;
  size_t n = 0;
  while (n < max && j->bytes[at + n] >= ' ' && j->bytes[at + n] != 0x7f)
    n++;
  return n < max && j->bytes[at + n] == 0;
}

// --- Regions, each proved by the samples ------------------------------------

// Offsets of strings are from the table's byte 0 before go1.16.
static uint64_t string_base(const struct judge *j, uint64_t region) {
  return j->c->table.layout == PCLN_GO_12 ? 0 : region;
}

// Regions stand behind the header; before go1.16 they are all of the table.
static bool is_behind(const struct judge *j, uint64_t region) {
  return region >= j->header_len || j->c->table.layout == PCLN_GO_12;
}

static bool names_fit(const struct judge *j, uint64_t names) {
  const struct pcln_table *t = &j->c->table;
  unsigned n = 0;
  size_t idx;
  for (unsigned i = 0; i < SAMPLES; i++) {
    const uint8_t *rec = sample(j, i, &idx);
    if (!rec || is_hole(t, rec))
      continue;
    if (!is_behind(j, names) ||
        !string_at(j, string_base(j, names), field(t, rec, PCLN_REC_NAME)))
      return false;
    n++;
  }
  return n > 0;
}

// Where the stream ends, in bytes from the function's entry; 0: it is not
// sound. At most `limit` bytes from the entry are decoded. Runs without a pc,
// which are rare, count as unsound: two bytes before every stream is what looks
// like one.
static uint64_t stream_end(const struct judge *j, uint64_t at, uint64_t limit) {
  struct decoder d = {.value = -1, .first = true, .strict = true};
  const uint64_t quantum = j->c->table.quantum;
  if (at >= j->len)
    return 0;
  d.pos = j->bytes + at;
  d.end = j->bytes + j->len;
  for (uint32_t next; d.pc * quantum <= limit; d.pc = next) {
    const enum step s = step(&d, &next);
    if (s != STEP_RUN)
      return s == STEP_END ? d.pc * quantum : 0;
  }
  return d.pc * quantum;
}

// Whether the streams of a function end where it does, but for padding behind
// it, and all at the same pc. In our tables those of positions may go on.
static bool ends_fit(const struct judge *j, uint64_t pctab, const uint8_t *rec,
                     uint64_t size) {
  enum { MAX_PADDING = 64 };
  const struct pcln_table *t = &j->c->table;
  const uint64_t end =
      stream_end(j, pctab + field(t, rec, PCLN_REC_PCSP), size);
  if (end == 0 || end > size || size - end >= MAX_PADDING)
    return false;
  for (unsigned which = PCLN_REC_PCFILE; which <= PCLN_REC_PCLN; which += 4) {
    const uint32_t stream = field(t, rec, which);
    const uint64_t other = stream ? stream_end(j, pctab + stream, size) : end;
    if (other != end && !(t->ours && other > end))
      return false;
  }
  return true;
}

// Whether that is so for nearly all samples. Assembler code may have another
// order of things.
static bool streams_fit(const struct judge *j, uint64_t pctab) {
  const struct pcln_table *t = &j->c->table;
  unsigned n = 0, bad = 0;
  size_t idx;
  for (unsigned i = 0; i < SAMPLES; i++) {
    const uint8_t *rec = sample(j, i, &idx);
    if (!rec || field(t, rec, PCLN_REC_PCSP) == 0)
      continue;
    bad += !ends_fit(j, pctab, rec, size_of(t, idx));
    n++;
    if (bad > SAMPLES / 4)
      return false;
  }
  return n > 0 && bad * 4 <= n;
}

static bool pctab_fits(const struct judge *j, uint64_t pctab) {
  return pctab < j->len && is_behind(j, pctab) && streams_fit(j, pctab);
}

// Streams that end with their function in one quantum end far before or behind
// it in the others.
static bool pctab_fits_any_quantum(struct judge *j, uint64_t pctab) {
  struct pcln_table *t = &j->c->table;
  const uint8_t said = t->quantum;
  if (j->c->held >> PCLN_CHECK_QUANTUM & 1 && pctab_fits(j, pctab))
    return true;
  for (t->quantum = 4; t->quantum > 0; t->quantum /= 2)
    if (pctab_fits(j, pctab)) {
      j->c->held &= ~(1u << PCLN_CHECK_QUANTUM);
      note(j, PCLN_CHECK_QUANTUM, false);
      j->c->repaired = true;
      return true;
    }
  t->quantum = said;
  return false;
}

// Whether the first file of the samples leads through `cutab` to a string of
// `files`.
static bool files_fit(const struct judge *j, uint64_t cutab, uint64_t files,
                      uint64_t pctab) {
  const struct pcln_table *t = &j->c->table;
  unsigned n = 0;
  size_t idx;
  for (unsigned i = 0; i < SAMPLES; i++) {
    const uint8_t *rec = sample(j, i, &idx);
    const uint32_t stream = rec ? field(t, rec, PCLN_REC_PCFILE) : 0;
    struct decoder d = {.value = -1, .first = true};
    uint32_t next;
    if (stream == 0 || is_hole(t, rec) || pctab + stream >= j->len)
      continue;
    d.pos = j->bytes + pctab + stream;
    d.end = j->bytes + j->len;
    if (step(&d, &next) != STEP_RUN || d.value < 0)
      continue;
    const unsigned cu = pcln_rec_layout(t)->cu_offset;
    const uint64_t slot =
        (uint32_t)d.value + (cu ? (uint64_t)pcln_load32(rec + cu, t->swap) : 0);
    if (!is_behind(j, cutab) || !is_behind(j, files) || cutab >= j->len ||
        slot >= (j->len - cutab) / 4)
      return false;
    const uint32_t off = pcln_load32(j->bytes + cutab + slot * 4, t->swap);
    if (off == PCLN_NO_FILE)
      continue;
    if (!string_at(j, string_base(j, files), off))
      return false;
    n++;
  }
  return n > 0;
}

// --- Searching for a region -------------------------------------------------

// Names follow the header, aligned to no more than this.
static bool search_names(struct judge *j) {
  for (uint64_t at = j->header_len; at <= j->header_len + MAX_ALIGN; at++)
    if (names_fit(j, at)) {
      j->w[W_NAMES] = at;
      return true;
    }
  return false;
}

// Byte 0 of pctab is 0.
static bool search_pctab(struct judge *j) {
  const uint64_t lo = j->header_len, hi = j->w[W_FUNCTAB];
  if (hi <= lo || !pay(j, 4 * (hi - lo)))
    return false;
  for (uint64_t at = lo; at < hi; at++)
    if (j->bytes[at] == 0 && pctab_fits(j, at)) {
      j->w[W_PCTAB] = at;
      return true;
    }
  return false;
}

// cutab is all that stands before filetab and can be numbers of file names; but
// zeros that align it could be, too. Regions are aligned alike.
static bool search_cutab(struct judge *j) {
  const struct pcln_table *t = &j->c->table;
  const uint64_t files = j->w[W_FILES];
  const uint64_t len = j->w[W_PCTAB] - files; // of the names
  const uint64_t bits = j->w[W_NAMES] | files | j->w[W_PCTAB];
  const uint64_t align = bits % 32 == 0 ? 32 : 4;
  if (files >= j->w[W_PCTAB] || files < j->header_len ||
      !pay(j, files - j->header_len))
    return false;
  uint64_t at = files & ~UINT64_C(3);
  for (; at >= j->header_len + 4; at -= 4) {
    const uint32_t off = pcln_load32(j->bytes + at - 4, t->swap);
    if (off != PCLN_NO_FILE && (off >= len || !string_at(j, files, off)))
      break;
  }
  if (at < j->header_len + 4)
    return false;
  // The last name's last letter is in the word before, and its NUL behind that.
  while (j->bytes[at - 1] == 0)
    at--;
  at = (at + 1 + align - 1) & ~(align - 1);
  if (!files_fit(j, at, files, j->w[W_PCTAB]))
    return false;
  j->w[W_CUTAB] = at;
  return true;
}

// The numbers in cutab differ from each other as the names' places do.
static bool search_filetab(struct judge *j) {
  const uint64_t lo = j->header_len, hi = j->w[W_PCTAB];
  if (hi <= lo || !pay(j, 4 * (hi - lo)))
    return false;
  for (uint64_t at = lo; at < hi; at++)
    if (files_fit(j, j->w[W_CUTAB], at, j->w[W_PCTAB])) {
      j->w[W_FILES] = at;
      return true;
    }
  return false;
}

// --- The header -------------------------------------------------------------

// Before go1.16 the file table's offset stands behind functab.
static void read_file_table(struct judge *j) {
  struct pcln_table *t = &j->c->table;
  struct pcln_cursor c = pcln_cursor_at(j->bytes, j->len, t->swap);
  pcln_seek(&c, j->w[W_FUNCTAB] +
                    t->n_funcs * (uint64_t)pcln_functab_entry_size(t) +
                    t->ptr_size);
  j->w[W_CUTAB] = pcln_u32(&c);
  if (c.failed || j->w[W_CUTAB] >= j->len)
    j->w[W_CUTAB] = UINT64_MAX;
  note(j, PCLN_CHECK_OFFSETS, j->w[W_CUTAB] != UINT64_MAX);
  j->w[W_PCTAB] = j->w[W_FILES] = j->w[W_NAMES] = 0;
}

// Reads the words as those of the table's layout. False: they are cut off.
static bool read_words(struct judge *j) {
  static const uint8_t n_words[] = {1, 7, 8, 8}; // by layout
  const struct pcln_table *t = &j->c->table;
  const unsigned n = n_words[t->layout];
  uint64_t w[PCLN_GO_N_WORDS];
  struct pcln_cursor c = pcln_cursor_at(j->bytes, j->len, t->swap);
  j->header_len = PCLN_GO_HDR_WORDS + (uint64_t)n * t->ptr_size;
  pcln_seek(&c, PCLN_GO_HDR_WORDS);
  for (unsigned i = 0; i < n; i++)
    w[i] = pcln_uint(&c, t->ptr_size);
  if (c.failed)
    return false;
  j->counted = w[PCLN_GO_WORD_NFUNC];
  j->header_text = t->layout >= PCLN_GO_118 ? w[PCLN_GO_WORD_TEXT_START] : 0;
  for (unsigned i = 0; i < N_REGIONS; i++)
    j->w[i] = t->layout == PCLN_GO_12 ? j->header_len : w[n - N_REGIONS + i];
  return true;
}

// How many of the regions' offsets stand in order behind the one before.
static unsigned words_in_order(const struct judge *j) {
  unsigned n = 0;
  uint64_t prev = j->header_len;
  for (unsigned i = 0; i < N_REGIONS; i++)
    if (j->w[i] >= prev && j->w[i] < j->len) {
      prev = j->w[i] + 1;
      n++;
    }
  return n;
}

// Whether the header is that of a table, without looking further: enough to
// search for a functab that is not where the header says. Without a magic, all
// else must be as in every table: names behind the header, regions in order.
static bool header_convinces(const struct judge *j) {
  if (j->c->held >> PCLN_CHECK_MAGIC & 1)
    return header_is_plain(j) && words_in_order(j) >= N_REGIONS - 2;
  return words_in_order(j) >= N_REGIONS - 1 && j->w[W_NAMES] >= j->header_len &&
         j->w[W_NAMES] <= j->header_len + MAX_ALIGN && j->counted >= PROOF &&
         j->counted < j->len / PCLN_GO_FUNCTAB_ENTRY;
}

// --- Putting it together ----------------------------------------------------

// The end of region `i`: the start of the next, functab's end the table's.
static uint64_t region_end(const struct judge *j, unsigned i) {
  uint64_t end = j->len;
  for (unsigned k = 0; k < N_REGIONS; k++)
    if (j->w[k] > j->w[i] && j->w[k] < end)
      end = j->w[k];
  return end;
}

static struct pcln_span region(const struct judge *j, unsigned i) {
  const uint64_t off = j->w[i];
  if (off > j->len)
    return (struct pcln_span){j->bytes, 0};
  const uint64_t end =
      j->c->table.layout == PCLN_GO_12 ? j->len : region_end(j, i);
  return (struct pcln_span){j->bytes + off, (size_t)(end - off)};
}

static struct pcln_span ending(struct pcln_span s) {
  while (s.len && s.ptr[s.len - 1] != 0)
    s.len--;
  return s;
}

// Regions that did not prove themselves have UINT64_MAX for an offset.
static void set_regions(struct judge *j) {
  struct pcln_table *t = &j->c->table;
  t->names = ending(region(j, W_NAMES));
  t->files = ending(region(j, W_FILES));
  t->pctab = region(j, W_PCTAB);
  t->cutab = region(j, W_CUTAB);
  if (t->layout == PCLN_GO_12 && t->cutab.len >= 4) {
    const uint64_t slots = pcln_load32(t->cutab.ptr, t->swap);
    if (slots * 4 < t->cutab.len)
      t->cutab.len = (size_t)slots * 4;
  }
  if (t->n_funcs == 0) {
    t->functab = region(j, W_FUNCTAB);
    return;
  }
  t->text_start = t->layout >= PCLN_GO_118 ? j->header_text : raw_pc(t, 0);
  t->text_len = pcln_functab_pc(t, t->n_funcs);
}

// Proves names, streams and files, and searches for what does not prove itself.
static void find_regions(struct judge *j) {
  const struct pcln_table *t = &j->c->table;
  const bool old = t->layout == PCLN_GO_12;
  bool repaired = false;
  bool ok = names_fit(j, j->w[W_NAMES]);
  if (!ok && !old)
    repaired |= ok = search_names(j);
  note(j, PCLN_CHECK_NAMES, ok);
  if (!ok)
    j->w[W_NAMES] = UINT64_MAX;

  ok = pctab_fits_any_quantum(j, j->w[W_PCTAB]);
  if (!ok && !old)
    repaired |= ok = search_pctab(j);
  note(j, PCLN_CHECK_STREAMS, ok);
  if (!ok)
    j->w[W_PCTAB] = UINT64_MAX;
  if (!old)
    note(j, PCLN_CHECK_PCTAB, ok && j->bytes[j->w[W_PCTAB]] == 0);

  if (ok) {
    ok = files_fit(j, j->w[W_CUTAB], j->w[W_FILES], j->w[W_PCTAB]);
    if (!ok && !old)
      repaired |= ok = search_cutab(j) || search_filetab(j);
    note(j, PCLN_CHECK_FILES, ok);
  }
  if (!ok)
    j->w[W_CUTAB] = j->w[W_FILES] = UINT64_MAX;
  j->c->repaired |= repaired;
}

// Whether records stand one behind the other, as their counts of entries say.
// This alone tells 1.18 from 1.20. Before 1.16 other things stand between them.
static bool records_touch(const struct pcln_table *t) {
  unsigned n = 0, touch = 0;
  for (uint32_t i = 0; i < SAMPLES && i + 1 < t->n_funcs; i++) {
    struct pcln_func f, next;
    if (pcln_func_at(t, i, &f) != PCLN_OK ||
        pcln_func_at(t, i + 1, &next) != PCLN_OK || next.rec_off <= f.rec_off)
      continue; // a record that several share
    const uint64_t align = t->ours ? 4 : t->ptr_size;
    const uint64_t end = (pcln_record_end(t, &f) + align - 1) & ~(align - 1);
    touch +=
        t->layout == PCLN_GO_12 ? next.rec_off >= end : next.rec_off == end;
    n++;
  }
  return touch * 2 >= n;
}

static void weigh(struct pcln_candidate *c) {
#define WEIGHT(name, weight, id, text) [name] = weight,
  static const uint8_t weights[] = {PCLN_CHECK_LIST(WEIGHT)};
#undef WEIGHT
  unsigned sum = 0;
  for (unsigned i = 0; i < PCLN_N_CHECKS; i++)
    if (c->held >> i & 1)
      sum += weights[i];
  // Before go1.16 there is no region of streams to check.
  c->confidence = c->table.layout == PCLN_GO_12
                      ? sum * 100 / (100u - weights[PCLN_CHECK_PCTAB])
                      : sum;
}

// --- One shape --------------------------------------------------------------

// Where functab is cut off or lost, a header that is sound otherwise will do.
static bool judge_header_only(struct judge *j) {
  if (!(j->c->held >> PCLN_CHECK_MAGIC & 1) ||
      words_in_order(j) < N_REGIONS - 1 || j->counted == 0)
    return false;
  j->c->table.n_funcs = 0;
  note(j, PCLN_CHECK_FUNCTAB, false);
  note(j, PCLN_CHECK_OFFSETS, false);
  j->c->repaired = true;
  set_regions(j);
  weigh(j->c);
  return true;
}

// Judges the bytes as a table of c->table's layout, byte order and pointer
// size. c->held has what the fixed bytes say.
static bool judge_shape(struct judge *j, bool search) {
  j->c->table.blob = j->c->table.pclntab = (struct pcln_span){j->bytes, j->len};
  if (!read_words(j))
    return false;
  const bool in_order = words_in_order(j) == N_REGIONS;
  const uint64_t said = j->w[W_FUNCTAB];
  if (!find_functab(j, search && header_convinces(j)))
    return search && judge_header_only(j);
  count_functions(j);
  // A functab found far from a header that does not even count it is another's.
  if (j->c->table.n_funcs == 0 ||
      (said != j->w[W_FUNCTAB] && !header_is_plain(j) &&
       !(j->c->held >> PCLN_CHECK_COUNT & 1)))
    return false;
  j->c->repaired |=
      said != j->w[W_FUNCTAB] || !(j->c->held >> PCLN_CHECK_COUNT & 1);
  if (j->c->table.layout == PCLN_GO_12)
    read_file_table(j);
  const uint64_t before[] = {j->w[W_NAMES], j->w[W_CUTAB], j->w[W_FILES],
                             j->w[W_PCTAB]};
  find_regions(j);
  if (j->c->table.layout != PCLN_GO_12)
    note(j, PCLN_CHECK_OFFSETS,
         in_order && said == j->w[W_FUNCTAB] &&
             memcmp(before, j->w, sizeof before) == 0);
  set_regions(j);
  note(j, PCLN_CHECK_RECORDS, records_touch(&j->c->table));
  weigh(j->c);
  return true;
}

// --- All shapes -------------------------------------------------------------

static bool go_magic(uint32_t magic, enum pcln_layout *layout) {
  static const uint32_t magics[] = {
      [PCLN_GO_12] = (uint32_t)PCLN_GO_MAGIC_12,
      [PCLN_GO_116] = (uint32_t)PCLN_GO_MAGIC_116,
      [PCLN_GO_118] = (uint32_t)PCLN_GO_MAGIC_118,
      [PCLN_GO_120] = (uint32_t)PCLN_GO_MAGIC_120,
  };
  for (unsigned i = 0; i < 4; i++)
    if (magic == magics[i]) {
      *layout = (enum pcln_layout)i;
      return true;
    }
  return false;
}

// What the fixed bytes say.
struct fixed {
  bool magic, ptr_size, quantum, swap;
  enum pcln_layout layout;
};

static struct fixed read_fixed(const uint8_t *b) {
  struct fixed f = {.magic = true};
  if (!go_magic(pcln_load32(b, false), &f.layout)) {
    f.swap = true;
    f.magic = go_magic(pcln_load32(b, true), &f.layout);
  }
  const uint8_t q = b[PCLN_GO_HDR_QUANTUM], p = b[PCLN_GO_HDR_PTRSIZE];
  f.quantum = q == 1 || q == 2 || q == 4;
  f.ptr_size = p == 4 || p == 8;
  return f;
}

// Judges one shape, and keeps it if it is the best so far.
static void try_shape(struct judge *j, const struct fixed *f,
                      const struct pcln_table *shape, bool search,
                      struct pcln_candidate *best) {
  struct pcln_candidate c = {.table = *shape};
  j->c = &c;
  note(j, PCLN_CHECK_MAGIC,
       f->magic && f->layout == shape->layout && f->swap == shape->swap);
  note(j, PCLN_CHECK_PADDING, j->bytes[4] == 0 && j->bytes[5] == 0);
  note(j, PCLN_CHECK_QUANTUM, f->quantum);
  note(j, PCLN_CHECK_PTR_SIZE, f->ptr_size);
  c.repaired = c.failed != 0;
  if (judge_shape(j, search) && c.confidence > best->confidence)
    *best = c;
}

// Whether the fixed bytes are worth a look: a magic with at most one byte wrong
// behind it, or none wrong without it.
static bool worth_a_look(const struct fixed *f, const uint8_t *b) {
  const bool padding = b[4] == 0 && b[5] == 0;
  const unsigned held = (unsigned)f->quantum + f->ptr_size + padding;
  return held == 3 || (f->magic && held == 2);
}

// Every layout, byte order and pointer size that the fixed bytes leave open.
static void try_shapes(struct judge *j, const struct fixed *f,
                       const struct pcln_table *known,
                       const enum pcln_layout *forced, bool search,
                       struct pcln_candidate *best) {
  const bool fixed_order = f->magic || known->ours;
  for (unsigned i = 0; i < 4 * 2 * 2; i++) {
    struct pcln_table shape = *known;
    shape.layout = (enum pcln_layout)(3 - i % 4);
    shape.swap = i / 4 % 2;
    shape.ptr_size = i / 8 ? 4 : 8;
    shape.quantum = f->quantum ? j->bytes[PCLN_GO_HDR_QUANTUM] : 1;
    if ((forced && shape.layout != *forced) ||
        (fixed_order && shape.swap != (known->ours ? known->swap : f->swap)) ||
        (f->ptr_size && shape.ptr_size != j->bytes[PCLN_GO_HDR_PTRSIZE]))
      continue;
    try_shape(j, f, &shape, search, best);
  }
}

bool pcln_judge_inner(const uint8_t *bytes, size_t len,
                      const struct pcln_table *known,
                      const enum pcln_layout *forced, uint64_t *budget,
                      struct pcln_candidate *out) {
  enum { CONVINCING = 90 };
  struct judge j = {.bytes = bytes, .len = len, .budget = budget};
  struct pcln_candidate best = {.confidence = 0};
  if (len < PCLN_GO_HDR_WORDS)
    return false;
  const struct fixed f = read_fixed(bytes);
  if (!forced && !known->ours && !worth_a_look(&f, bytes))
    return false;
  // The magic is right in all but a few tables, so what it says comes first.
  if (!forced && f.magic)
    try_shapes(&j, &f, known, &f.layout, false, &best);
  if (best.confidence < CONVINCING)
    try_shapes(&j, &f, known, forced, false, &best);
  if (best.confidence == 0)
    try_shapes(&j, &f, known,
               forced    ? forced
               : f.magic ? &f.layout
                         : NULL,
               true, &best);
  if (best.confidence == 0)
    return false;
  *out = best;
  return true;
}

bool pcln_judge(const uint8_t *bytes, size_t len,
                const enum pcln_layout *forced, uint64_t *budget,
                struct pcln_candidate *out) {
  const struct pcln_table none = {.ours = false};
  return pcln_judge_inner(bytes, len, &none, forced, budget, out);
}
