// SPDX-License-Identifier: Apache-2.0
//
// Pointer maps: from a pc to the words of the frame that hold live pointers.
//
// A map is a header of two integers, the number of rows and the bits in each,
// and then the rows. What a row looks like has changed four times:
//
//   go1.2   one row and one integer, its bits; two bits a word (no pointer,
//           pointer, interface with methods, empty interface), in u32s of the
//           target's byte order
//   go1.3   rows; two bits a word (dead, scalar, pointer, item of several
//           words, whose kind the next word's bits say), in u32s
//   go1.4   as go1.3, but in bytes; rows still fill whole u32s
//   go1.5   one bit a word, live pointer or not; rows fill whole u32s
//   go1.7   rows fill whole bytes
//
// Ours are the last form, or with two bits a word the codes of go1.3 in rows of
// whole bytes, and in all but go-compatible tables compact
// (stackmap_compact.c): then the words at the end of a row may not be stored.
// So a row is described by four facts: what the bits mean, how long it is and
// how much of it is stored, and whether the four bytes of a u32 stand in
// reverse.
//
// Called from signal handlers and from a collector with the world stopped: no
// allocation, no locks, no stdio.
#include "stackmap.h"

#include "stackmap_compact.h"
#include "table.h"

// --- Forms ------------------------------------------------------------------

enum codes {
  CODES_ONE_BIT,
  CODES_TWO_BITS, // dead, scalar, pointer, multiword
  CODES_GO_12,    // none, pointer, iface, eface
};

struct form {
  uint8_t codes;
  uint8_t align;  // bytes that a row is a multiple of
  bool one_row;   // no number of rows before the bits
  bool reversed;  // u32s of the target's byte order
  uint8_t max_go; // last release
};

// Fills *out; false: the release is not known, and the candidates differ.
static bool form_of(const struct pcln_table *t, struct form *out) {
  static const struct form forms[] = {
      {CODES_GO_12, 4, true, true, 2},
      {CODES_TWO_BITS, 4, false, true, 3},
      {CODES_TWO_BITS, 4, false, false, 4},
      {CODES_ONE_BIT, 4, false, false, 6},
      {CODES_ONE_BIT, 1, false, false, 255},
  };
  const struct pcln_go_range r = pcln_go_range(t);
  size_t i = 0;
  while (r.lo > forms[i].max_go)
    i++;
  *out = forms[i];
  if (t->ours && t->stackmap_bits == 2)
    out->codes = CODES_TWO_BITS;
  return r.hi <= forms[i].max_go;
}

static bool target_is_big(const struct pcln_table *t) {
  return t->swap == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
}

static unsigned bits_per_word(uint8_t codes) {
  return codes == CODES_ONE_BIT ? 1 : 2;
}

// --- Maps and rows ----------------------------------------------------------

// The two integers before the rows.
static bool read_counts(struct pcln_cursor *c, const struct form *form,
                        int32_t *n, int32_t *n_bits) {
  *n = form->one_row ? 1 : (int32_t)pcln_u32(c);
  // A negative number of rows is a size, and nothing follows.
  *n_bits = *n < 0 ? 0 : (int32_t)pcln_u32(c);
  if (form->one_row && *n_bits < 0) {
    *n = *n_bits;
    *n_bits = 0;
  }
  return !c->failed;
}

static enum pcln_status compact_part(const struct pcln_compact_maps *m,
                                     enum pcln_map_part part,
                                     struct pcln_ptrmap *out) {
  const bool args = part == PCLN_MAP_ARGS;
  if (!(args ? m->has_args : m->has_locals))
    return PCLN_NOT_FOUND;
  *out = (struct pcln_ptrmap){.rows = args ? m->args : m->locals,
                              .n_rows = m->n_rows,
                              .n_words = args ? m->n_args : m->n_locals,
                              .n_stored = args ? m->n_args : m->n_stored,
                              .codes = CODES_TWO_BITS};
  out->row_len = (uint32_t)pcln_codes_len(out->n_stored);
  // Rows without bytes would begin where the arguments' do; who lists maps
  // tells them apart by their places.
  if (!args && !m->locals.len)
    out->rows.ptr = m->bytes.ptr;
  return PCLN_OK;
}

static enum pcln_status compact_ptrmap(const struct pcln_table *t,
                                       const struct pcln_func *f,
                                       enum pcln_map_part part,
                                       struct pcln_ptrmap *out) {
  struct pcln_compact_maps m;
  const enum pcln_status status = pcln_compact_maps(t, f, &m);
  return status == PCLN_OK ? compact_part(&m, part, out) : status;
}

enum pcln_status pcln_ptrmap(const struct pcln_table *t,
                             const struct pcln_func *f, enum pcln_map_part part,
                             struct pcln_ptrmap *out) {
  if (pcln_has_compact_maps(t))
    return compact_ptrmap(t, f, part, out);
  struct pcln_span bytes;
  struct form form;
  const enum pcln_status status = pcln_funcdata_of(
      t, f, part == PCLN_MAP_ARGS ? PCLN_FD_ARGS_MAPS : PCLN_FD_LOCALS_MAPS,
      &bytes);
  if (status != PCLN_OK)
    return status;
  if (!form_of(t, &form))
    return PCLN_UNSUPPORTED;
  struct pcln_cursor c = pcln_cursor_at(bytes.ptr, bytes.len, t->swap);
  int32_t n, n_bits;
  if (!read_counts(&c, &form, &n, &n_bits))
    return PCLN_CORRUPT;
  struct pcln_ptrmap map = {.codes = form.codes,
                            .flip = form.reversed && target_is_big(t)};
  if (n < 0) {
    if (t->ours || t->layout > PCLN_GO_12)
      return PCLN_CORRUPT;
    map.conservative = 0 - (uint32_t)n;
  } else {
    const unsigned width = bits_per_word(form.codes);
    if (n_bits < 0 || (unsigned)n_bits % width != 0)
      return PCLN_CORRUPT;
    const uint32_t unit = form.align * 8u;
    map.n_rows = (uint32_t)n;
    map.n_words = map.n_stored = (uint32_t)n_bits / width;
    map.row_len = ((uint32_t)n_bits + unit - 1) / unit * form.align;
    map.rows.len = pcln_left(&c);
    map.rows.ptr = c.pos;
    if ((uint64_t)map.n_rows * map.row_len > map.rows.len)
      return PCLN_CORRUPT;
    map.rows.len = (size_t)map.n_rows * map.row_len;
  }
  *out = map;
  return PCLN_OK;
}

enum pcln_status pcln_ptrmap_row(const struct pcln_ptrmap *map, uint32_t idx,
                                 struct pcln_map_row *out) {
  if (idx >= map->n_rows)
    return PCLN_NOT_FOUND;
  *out =
      (struct pcln_map_row){.bits = map->rows.ptr + (size_t)idx * map->row_len,
                            .n_words = map->n_words,
                            .n_stored = map->n_stored,
                            .codes = map->codes,
                            .flip = map->flip};
  return PCLN_OK;
}

struct pcln_map_row pcln_two_bit_row(const uint8_t *codes, uint32_t n_words) {
  return (struct pcln_map_row){.bits = codes,
                               .n_words = n_words,
                               .n_stored = n_words,
                               .codes = CODES_TWO_BITS};
}

// --- Words ------------------------------------------------------------------

// The code of word `i`.
static unsigned code_at(const struct pcln_map_row *row, uint32_t i) {
  if (i >= row->n_stored)
    return PCLN_CODE_SCALAR;
  const unsigned width = bits_per_word(row->codes);
  const uint64_t bit = (uint64_t)i * width;
  const uint64_t byte = bit / 8 ^ (row->flip ? 3u : 0u);
  return row->bits[byte] >> bit % 8 & (width == 1 ? 1u : 3u);
}

// An item of several words: its kind, and how many.
static struct pcln_word multiword(const struct pcln_map_row *row, uint32_t i) {
  static const struct pcln_word kinds[] = {{.n = 2, .kind = PCLN_WORD_STRING},
                                           {.n = 3, .kind = PCLN_WORD_SLICE},
                                           {.n = 2, .kind = PCLN_WORD_IFACE},
                                           {.n = 2, .kind = PCLN_WORD_EFACE}};
  if (i + 1 >= row->n_stored) // cut off: its kind is not there
    return (struct pcln_word){.n = 1, .kind = PCLN_WORD_SCALAR};
  return kinds[code_at(row, i + 1)];
}

bool pcln_words_next(const struct pcln_map_row *row, uint32_t *next,
                     struct pcln_word *out) {
  static const uint8_t one_bit[] = {PCLN_WORD_NONE, PCLN_WORD_POINTER};
  static const uint8_t two_bits[] = {PCLN_WORD_DEAD, PCLN_WORD_SCALAR,
                                     PCLN_WORD_POINTER};
  static const uint8_t go_12[] = {PCLN_WORD_NONE, PCLN_WORD_POINTER,
                                  PCLN_WORD_IFACE, PCLN_WORD_EFACE};
  const uint32_t i = *next;
  if (!row->bits || i >= row->n_words)
    return false;
  const unsigned code = code_at(row, i);
  struct pcln_word w = {.n = 1};
  if (row->codes == CODES_ONE_BIT) {
    w.kind = one_bit[code];
  } else if (row->codes == CODES_GO_12) {
    w.kind = go_12[code];
    w.n = code >= 2 ? 2 : 1;
  } else if (code < 3) {
    w.kind = two_bits[code];
  } else {
    w = multiword(row, i);
  }
  if (w.n > row->n_words - i)
    w.n = (uint8_t)(row->n_words - i);
  w.index = i;
  *next = i + w.n;
  *out = w;
  return true;
}

bool pcln_codes_sound(const uint8_t *codes, uint32_t n_words) {
  const struct pcln_map_row row = pcln_two_bit_row(codes, n_words);
  for (uint32_t i = 0; i < n_words; i++) {
    if (code_at(&row, i) != PCLN_CODE_MULTIWORD)
      continue;
    if (++i >= n_words)
      return false;
    if (code_at(&row, i) != PCLN_MULTI_SLICE)
      continue;
    if (++i >= n_words || code_at(&row, i) > PCLN_CODE_SCALAR)
      return false;
  }
  return true;
}

bool pcln_word_live(const struct pcln_map_row *row, uint32_t i) {
  if (!row->bits || i >= row->n_words)
    return false;
  if (i >= row->n_stored)
    return false;
  if (row->codes == CODES_ONE_BIT)
    return code_at(row, i);
  struct pcln_word w;
  for (uint32_t next = 0; pcln_words_next(row, &next, &w);)
    if (next > i)
      return w.kind >= PCLN_WORD_POINTER;
  return false;
}

// --- Frame geometry ---------------------------------------------------------

enum { // ELF e_machine
  MACHINE_386 = 3,
  MACHINE_PPC64 = 21,
  MACHINE_X86_64 = 62,
  MACHINE_AARCH64 = 183,
};

// The machine that a bare table is for; false: several come into question.
static bool machine_of(const struct pcln_table *t, uint16_t *machine) {
  *machine = t->machine;
  if (t->machine || t->quantum == 2) // s390x and riscv64 have like frames
    return true;
  if (t->quantum == 1)
    *machine = t->ptr_size == 8 ? MACHINE_X86_64 : MACHINE_386;
  return t->quantum == 1 || t->ptr_size == 4; // arm and mips have like frames
}

// Whether Go stores the caller's frame pointer above the locals of a frame that
// is not empty. A frame is empty where SP is as it was at entry.
static bool has_frame_pointer(const struct pcln_table *t, uint16_t machine,
                              const struct pcln_func *f, uint64_t pc) {
  enum { FIRST_GO = 7 }; // release that began to, on amd64
  if (machine != MACHINE_AARCH64 &&
      (machine != MACHINE_X86_64 || pcln_go_range(t).hi < FIRST_GO))
    return false;
  struct pcln_run run;
  return pcln_run_at(t, f, f->pcsp, pc, &run) == PCLN_OK && run.value > 0;
}

bool pcln_frame_layout(const struct pcln_table *t, const struct pcln_func *f,
                       uint64_t pc, int32_t *varp_off, int32_t *argp_off) {
  enum { PPC64_LINK_AREA = 32 };
  uint16_t machine;
  const int32_t ra = pcln_pushed_ra(t), p = t->ptr_size;
  *varp_off = -ra;
  *argp_off = 0;
  if (t->ours)
    return true;
  if (!machine_of(t, &machine))
    return false;
  if (has_frame_pointer(t, machine, f, pc))
    *varp_off -= p;
  if (!ra)
    *argp_off = machine == MACHINE_PPC64 ? PPC64_LINK_AREA : p;
  return true;
}

// --- Live words at a pc -----------------------------------------------------

// Both maps of a function, or why there is none, by enum pcln_map_part.
struct both {
  struct pcln_ptrmap map[2];
  enum pcln_status status[2];
};

static struct both both_maps(const struct pcln_table *t,
                             const struct pcln_func *f) {
  struct both b;
  struct pcln_compact_maps m;
  const bool compact = pcln_has_compact_maps(t);
  const enum pcln_status status =
      compact ? pcln_compact_maps(t, f, &m) : PCLN_OK;
  for (int i = 0; i < 2; i++) {
    const enum pcln_map_part part = (enum pcln_map_part)i;
    b.status[i] = status;
    if (status == PCLN_OK)
      b.status[i] = compact ? compact_part(&m, part, &b.map[i])
                            : pcln_ptrmap(t, f, part, &b.map[i]);
  }
  return b;
}

// The row of the part that holds, if there is such a map and it has words.
static enum pcln_status part_row(const struct both *b, enum pcln_map_part part,
                                 uint32_t idx, struct pcln_map_row *row) {
  const struct pcln_ptrmap *map = &b->map[part];
  const enum pcln_status status = b->status[part];
  if (status != PCLN_OK || map->conservative || map->n_words == 0)
    return status;
  return pcln_ptrmap_row(map, idx, row) == PCLN_OK ? PCLN_OK : PCLN_CORRUPT;
}

// In the releases with a map for each instruction, go1.11 to go1.14, and in
// ours the number where there is none. No collection may find the program
// there.
enum { NO_MAP_HERE = PCLN_STACKMAP_NO_SAFEPOINT };

// The row number that holds at `pc`, and for which pcs.
static enum pcln_status row_at(const struct pcln_table *t,
                               const struct pcln_func *f, uint64_t pc,
                               struct pcln_run *run) {
  const uint32_t index = pcln_pcdata_index(t, PCLN_PD_STACKMAP);
  const uint32_t stream =
      index == PCLN_NO_INDEX ? 0 : pcln_pcdata_stream(t, f, index);
  const enum pcln_status status = pcln_run_at(t, f, stream, pc, run);
  if (status == PCLN_NOT_FOUND)
    run->value = pcln_pcdata_behind(t, f, index);
  if (status == PCLN_CORRUPT || run->value < NO_MAP_HERE)
    return PCLN_CORRUPT;
  // At its first instruction a function has the map of its entry, even if that
  // instruction is a call with another one.
  if (pc == f->entry && run->value != -1)
    *run = (struct pcln_run){.lo = 0, .hi = t->quantum, .value = -1};
  return run->value == NO_MAP_HERE ? PCLN_NOT_FOUND : PCLN_OK;
}

// Where the rows of `m` begin.
static enum pcln_status place_rows(const struct pcln_table *t,
                                   const struct pcln_func *f, uint64_t pc,
                                   struct pcln_stackmap *m) {
  int32_t varp_off, argp_off, at_sp = -1;
  m->placed = pcln_frame_layout(t, f, pc, &varp_off, &argp_off);
  if (!m->placed)
    return PCLN_OK;
  m->args_off = argp_off;
  m->locals_off =
      (int32_t)((uint32_t)varp_off - m->locals.n_words * t->ptr_size);
  if (t->ours &&
      pcln_pcdata_at(t, f, PCLN_PCDATA_LOCALS_SP, pc, &at_sp) != PCLN_OK)
    return PCLN_CORRUPT;
  if (at_sp < 0)
    return at_sp == -1 ? PCLN_OK : PCLN_CORRUPT;
  m->locals_at_sp = true;
  m->locals_off = at_sp;
  return PCLN_OK;
}

enum pcln_status pcln_stackmap_at(const struct pcln_table *t,
                                  const struct pcln_func *f, uint64_t pc,
                                  struct pcln_stackmap *out) {
  struct pcln_stackmap m = {0};
  if (pc < f->entry || pc >= f->end)
    return PCLN_NOT_FOUND;
  const enum pcln_status status = row_at(t, f, pc, &m.range);
  if (status != PCLN_OK)
    return status;
  m.index = m.range.value;
  m.idx = m.index < 0 ? 0 : (uint32_t)m.index;
  const struct both b = both_maps(t, f);
  const enum pcln_status locals =
      part_row(&b, PCLN_MAP_LOCALS, m.idx, &m.locals);
  const enum pcln_status args = part_row(&b, PCLN_MAP_ARGS, m.idx, &m.args);
  if (locals == PCLN_OK)
    m.conservative = b.map[PCLN_MAP_LOCALS].conservative;
  if (locals != PCLN_OK && locals != PCLN_NOT_FOUND)
    return locals;
  if (args != PCLN_OK && (args != PCLN_NOT_FOUND || locals != PCLN_OK))
    return args;
  if (place_rows(t, f, pc, &m) != PCLN_OK)
    return PCLN_CORRUPT;
  *out = m;
  return PCLN_OK;
}
