// SPDX-License-Identifier: Apache-2.0
//
// Line tables: headers of all versions, and the line number program.
//
// Rows: what is asked of them later is the position of an address, which is the
// last row at or below it. So a row at the same address as its predecessor
// replaces it, and a row that repeats the predecessor's file and line is not
// kept: rows made for columns, views and statement flags, which are about half,
// vanish while they are read. A row takes 12 bytes.
//
// A sequence that starts outside the program's text describes code that the
// linker discarded; its rows are decoded but not kept.
#include "dwarf_line.h"

#include "dwarf_const.h"

#include <stdlib.h>
#include <string.h>

static const char region[] = ".debug_line";

void pcln_dw_lines_free(struct pcln_dw_lines *t) {
  free(t->dirs);
  free(t->files);
  free(t->rows);
  free(t->seqs);
}

// --- Header -----------------------------------------------------------------

static bool add_dir(struct pcln_dw_lines *t, const char *dir) {
  if (!pcln_dw_grow(&t->dirs, &t->cap_dirs, t->n_dirs, sizeof *t->dirs))
    return false;
  t->dirs[t->n_dirs++] = dir;
  return true;
}

static bool add_file(struct pcln_dw_lines *t, const char *name, uint64_t dir) {
  if (!pcln_dw_grow(&t->files, &t->cap_files, t->n_files, sizeof *t->files))
    return false;
  t->files[t->n_files++] = (struct pcln_dw_file){.name = name, .dir = dir};
  return true;
}

static enum pcln_status bad_header(const struct pcln_dw_lines *t,
                                   struct pcln_dw_fault *f, const char *text) {
  return pcln_dw_corrupt(f, "dwarf-line-header", region, t->off, text);
}

// Versions 2 to 4: strings up to an empty one.
static enum pcln_status read_old_names(struct pcln_dw_lines *t,
                                       struct pcln_cursor *c,
                                       struct pcln_dw_fault *fault) {
  for (const char *s; (s = pcln_cstr(c, NULL)) && *s;)
    if (!add_dir(t, s))
      return pcln_dw_no_memory(fault);
  for (const char *s; (s = pcln_cstr(c, NULL)) && *s;) {
    const uint64_t dir = pcln_uleb(c);
    pcln_uleb(c); // time
    pcln_uleb(c); // length
    if (!add_file(t, s, dir))
      return pcln_dw_no_memory(fault);
  }
  return PCLN_OK;
}

struct content {
  uint64_t type;
  uint16_t form;
};

// Version 5: a list of entries in a format that comes first. `is_dir` says
// which list is filled.
static enum pcln_status read_entries(struct pcln_dw_lines *t,
                                     const struct pcln_dw_unit *unit,
                                     struct pcln_cursor *c, bool is_dir,
                                     struct pcln_dw_fault *fault) {
  struct content content[256];
  const unsigned n_content = pcln_u8(c);
  uint64_t least = 0; // bytes an entry has at least
  for (unsigned i = 0; i < n_content; i++) {
    content[i].type = pcln_uleb(c);
    const uint64_t form = pcln_uleb(c);
    const int size =
        form <= UINT16_MAX ? pcln_dw_form_size((unsigned)form, t->params) : -2;
    if (size == -2 || form == DW_FORM_implicit_const)
      return bad_header(t, fault, "a file entry has an unknown form");
    content[i].form = (uint16_t)form;
    least += size < 0 ? 1 : (unsigned)size;
  }
  const uint64_t n = pcln_uleb(c);
  if (n && (least == 0 || n > pcln_left(c) / least))
    return bad_header(t, fault, "more file entries than the header holds");
  for (uint64_t k = 0; k < n && !c->failed; k++) {
    const char *path = NULL;
    uint64_t dir = 0;
    for (unsigned i = 0; i < n_content; i++) {
      struct pcln_dw_value v =
          pcln_dw_read_value(c, content[i].form, t->params);
      if (content[i].type == DW_LNCT_directory_index)
        dir = v.u;
      else if (content[i].type == DW_LNCT_path && !c->failed)
        path = v.form == DW_FORM_string ? (const char *)c->start + v.u
                                        : pcln_dw_string(t->dw, unit, &v);
    }
    if (!(is_dir ? add_dir(t, path) : add_file(t, path, dir)))
      return pcln_dw_no_memory(fault);
  }
  return PCLN_OK;
}

// The fields behind header_length; leaves *c behind the names.
static enum pcln_status read_fields(struct pcln_dw_lines *t,
                                    const struct pcln_dw_unit *unit,
                                    struct pcln_cursor *c,
                                    struct pcln_dw_fault *fault) {
  t->min_inst = pcln_u8(c);
  t->max_ops = t->params.version >= 4 ? pcln_u8(c) : 1;
  pcln_u8(c); // default_is_stmt: rows count whether statement or not
  t->line_base = (int8_t)pcln_u8(c);
  t->line_range = pcln_u8(c);
  t->opcode_base = pcln_u8(c);
  for (unsigned i = 1; i < t->opcode_base; i++)
    t->op_len[i] = pcln_u8(c);
  if (!c->failed && (t->line_range == 0 || t->opcode_base == 0))
    return bad_header(t, fault, "line_range or opcode_base is 0");
  if (t->max_ops == 0)
    t->max_ops = 1;
  enum pcln_status st;
  if (t->params.version < 5)
    st = read_old_names(t, c, fault);
  else if ((st = read_entries(t, unit, c, true, fault)) == PCLN_OK)
    st = read_entries(t, unit, c, false, fault);
  if (st == PCLN_OK && c->failed)
    st = bad_header(t, fault, "the header is longer than it says");
  return st;
}

enum pcln_status pcln_dw_lines_header(const struct pcln_dw *dw,
                                      const struct pcln_dw_unit *unit,
                                      struct pcln_dw_lines *t,
                                      struct pcln_dw_fault *fault) {
  const struct pcln_span *s = &dw->sec.line;
  t->dw = dw;
  t->off = unit->stmt_list;
  t->n_dirs = t->n_files = t->n_rows = t->n_seqs = 0;
  t->n_program_rows = t->dead_sequences = 0;
  t->work = 0;
  struct pcln_cursor c = pcln_cursor_at(s->ptr, s->len, dw->sec.swap);
  pcln_seek(&c, t->off);
  uint64_t len = pcln_u32(&c);
  t->params.off_size = len == 0xffffffff ? 8 : 4;
  if (t->params.off_size == 8)
    len = pcln_u64(&c);
  if (c.failed || len > pcln_left(&c))
    return bad_header(t, fault, "the line table runs past the section");
  c.end = c.pos + len;
  t->work = len / 4;
  const unsigned version = pcln_u16(&c);
  if (!c.failed && (version < 2 || version > 5)) {
    pcln_dw_corrupt(fault, "dwarf-version", region, t->off,
                    "the line table's version is not 2 to 5");
    return fault->status = PCLN_UNSUPPORTED;
  }
  t->params.version = (uint8_t)version;
  t->params.addr_size = unit->params.addr_size;
  if (version >= 5) {
    const uint8_t addr_size = pcln_u8(&c);
    pcln_u8(&c); // segment selector size
    if (!c.failed && addr_size != unit->params.addr_size)
      return bad_header(t, fault, "address sizes of table and unit differ");
  }
  const uint64_t header_len = pcln_uint(&c, t->params.off_size);
  if (c.failed || header_len > pcln_left(&c))
    return bad_header(t, fault, "the header is longer than the table");
  t->program = c;
  t->program.pos += header_len;
  c.end = t->program.pos;
  return read_fields(t, unit, &c, fault);
}

// --- Program ----------------------------------------------------------------

// The state machine, and the sequence being collected.
struct machine {
  struct pcln_dw_lines *t;
  struct pcln_dw_notes *notes;
  uint64_t va;
  uint32_t op_index, file, line;
  bool open;   // a row of the sequence has been seen
  bool live;   // and its code is part of the program
  bool failed; // out of memory
  struct pcln_dw_seq seq;
};

static void advance(struct machine *m, uint64_t ops) {
  const struct pcln_dw_lines *t = m->t;
  if (t->max_ops > 1) {
    const uint64_t total = m->op_index + ops;
    m->op_index = (uint32_t)(total % t->max_ops);
    ops = total / t->max_ops;
  }
  m->va += ops * t->min_inst;
}

static void begin_seq(struct machine *m) {
  m->open = true;
  m->live = !pcln_dw_dead(m->t->dw, m->va);
  m->seq = (struct pcln_dw_seq){
      .lo = m->va, .hi = m->va, .row = (uint32_t)m->t->n_rows};
}

static void end_seq(struct machine *m, uint64_t hi) {
  struct pcln_dw_lines *t = m->t;
  if (!m->open)
    return;
  m->open = false;
  if (!m->live) {
    t->dead_sequences++;
    return;
  }
  m->seq.hi = hi;
  m->seq.n_rows = (uint32_t)t->n_rows - m->seq.row;
  if (hi <= m->seq.lo)
    return;
  if (!pcln_dw_grow(&t->seqs, &t->cap_seqs, t->n_seqs, sizeof *t->seqs)) {
    m->failed = true;
    return;
  }
  t->seqs[t->n_seqs++] = m->seq;
}

// Room for a row, and the sequence in a state to take it.
static bool row_slow(struct machine *m) {
  struct pcln_dw_lines *t = m->t;
  if (m->open && m->live) {
    const uint64_t last = m->seq.lo + t->rows[t->n_rows - 1].off;
    if (m->va < last || m->va - m->seq.lo > UINT32_MAX) {
      pcln_dw_note(m->notes, PCLN_DW_NOTE_ORDER, t->off);
      end_seq(m, last);
    }
  }
  if (!m->open)
    begin_seq(m);
  if (t->n_rows >= UINT32_MAX ||
      !pcln_dw_grow(&t->rows, &t->cap_rows, t->n_rows, sizeof *t->rows)) {
    m->failed = true;
    return false;
  }
  return m->live;
}

// Inlined into the interpreter: a call for each row is a tenth of its time.
__attribute__((always_inline)) static inline void add_row(struct machine *m) {
  struct pcln_dw_lines *t = m->t;
  if (m->open && !m->live)
    return;
  struct pcln_dw_row *last = NULL;
  if (m->open && t->n_rows > m->seq.row)
    last = &t->rows[t->n_rows - 1];
  uint64_t off = m->va - m->seq.lo;
  if (!last || off < last->off || off > UINT32_MAX ||
      t->n_rows == t->cap_rows) {
    if (!row_slow(m))
      return;
    off = m->va - m->seq.lo;
    last = t->n_rows > m->seq.row ? &t->rows[t->n_rows - 1] : NULL;
  }
  t->n_program_rows++;
  if (last && last->off == off) {
    last->file = m->file;
    last->line = m->line;
  } else if (!last || last->file != m->file || last->line != m->line) {
    t->rows[t->n_rows++] = (struct pcln_dw_row){
        .off = (uint32_t)off, .file = m->file, .line = m->line};
  }
}

static void reset(struct machine *m) {
  m->va = 0;
  m->op_index = 0;
  m->file = m->line = 1;
}

static enum pcln_status extended(struct machine *m, struct pcln_cursor *c,
                                 struct pcln_dw_fault *fault) {
  const uint64_t len = pcln_uleb(c);
  struct pcln_cursor body = *c;
  const size_t at = pcln_tell(c);
  pcln_skip(c, len);
  if (c->failed || len == 0)
    return pcln_dw_corrupt(fault, "dwarf-line-program", region, at,
                           "an extended opcode runs past the table");
  body.end = c->pos;
  switch (pcln_u8(&body)) {
  case DW_LNE_end_sequence:
    end_seq(m, m->va);
    reset(m);
    break;
  case DW_LNE_set_address:
    m->va = pcln_uint(&body, (unsigned)pcln_left(&body));
    m->op_index = 0;
    break;
  case DW_LNE_define_file: {
    const char *name = pcln_cstr(&body, NULL);
    if (!add_file(m->t, name, pcln_uleb(&body)))
      m->failed = true;
    break;
  }
  default: // discriminators and vendors' own
    break;
  }
  if (body.failed)
    return pcln_dw_corrupt(fault, "dwarf-line-program", region, at,
                           "an extended opcode is shorter than its operands");
  return PCLN_OK;
}

static void standard(struct machine *m, struct pcln_cursor *c, uint8_t op) {
  switch (op) {
  case DW_LNS_copy:
    add_row(m);
    break;
  case DW_LNS_advance_pc:
    advance(m, pcln_uleb(c));
    break;
  case DW_LNS_advance_line:
    m->line += (uint32_t)pcln_sleb(c);
    break;
  case DW_LNS_set_file:
    m->file = (uint32_t)pcln_uleb(c);
    break;
  case DW_LNS_set_column:
  case DW_LNS_set_isa:
    pcln_uleb(c);
    break;
  case DW_LNS_const_add_pc:
    advance(m, (255u - m->t->opcode_base) / m->t->line_range);
    break;
  case DW_LNS_fixed_advance_pc:
    m->va += pcln_u16(c);
    m->op_index = 0;
    break;
  case DW_LNS_negate_stmt:
  case DW_LNS_set_basic_block:
  case DW_LNS_set_prologue_end:
  case DW_LNS_set_epilogue_begin:
    break;
  default:
    for (unsigned i = 0; i < m->t->op_len[op]; i++)
      pcln_uleb(c);
  }
}

enum pcln_status pcln_dw_lines_run(struct pcln_dw_lines *t,
                                   struct pcln_dw_notes *notes,
                                   struct pcln_dw_fault *fault) {
  struct machine m = {.t = t, .notes = notes};
  struct pcln_cursor c = t->program;
  // Special opcodes are most of a program: divide once for each, here.
  uint8_t pc_step[256];
  uint32_t line_step[256];
  for (unsigned op = t->opcode_base; op < 256; op++) {
    pc_step[op] = (uint8_t)((op - t->opcode_base) / t->line_range);
    line_step[op] =
        (uint32_t)(t->line_base + (int)((op - t->opcode_base) % t->line_range));
  }
  reset(&m);
  while (c.pos < c.end) {
    const uint8_t op = *c.pos++;
    if (op >= t->opcode_base) {
      advance(&m, pc_step[op]);
      m.line += line_step[op];
      add_row(&m);
    } else if (op == 0) {
      enum pcln_status st = extended(&m, &c, fault);
      if (st != PCLN_OK)
        return st;
    } else {
      standard(&m, &c, op);
    }
    if (m.failed)
      return pcln_dw_no_memory(fault);
  }
  if (c.failed)
    return pcln_dw_corrupt(fault, "dwarf-line-program", region, t->off,
                           "the line program ends inside an opcode");
  // A program that ends without end_sequence: the last row's extent is unknown.
  if (m.open)
    end_seq(&m, m.live ? m.seq.lo + t->rows[t->n_rows - 1].off : 0);
  return m.failed ? pcln_dw_no_memory(fault) : PCLN_OK;
}

// --- Paths ------------------------------------------------------------------

// Directory `number`, or null: none.
static const char *dir_of(const struct pcln_dw_lines *t, uint64_t number) {
  const uint64_t i = t->params.version >= 5 ? number : number - 1;
  return i < t->n_dirs ? t->dirs[i] : NULL;
}

// Appends `s` to the path of `n` bytes at `out`, with one slash between; `out`
// null: only counts.
static size_t append(char *out, size_t n, char last, const char *s) {
  if (n && last == '/')
    while (*s == '/')
      s++;
  else if (n && *s != '/') {
    if (out)
      out[n] = '/';
    n++;
  }
  const size_t len = strlen(s);
  if (out)
    memcpy(out + n, s, len);
  return n + len;
}

const char *pcln_dw_line_path(const struct pcln_dw_lines *t,
                              const struct pcln_dw_file *f,
                              const char *comp_dir, struct pcln_arena *arena,
                              size_t *len) {
  const char *parts[3];
  unsigned n_parts = 0;
  const char *dir = dir_of(t, f->dir);
  *len = strlen(f->name);
  if (f->name[0] == '/')
    return f->name;
  // In version 5 directory 0 is where the unit was compiled, whatever it says.
  const bool whole =
      (dir && dir[0] == '/') || (t->params.version >= 5 && f->dir == 0);
  if (!whole && comp_dir && *comp_dir)
    parts[n_parts++] = comp_dir;
  if (dir && *dir)
    parts[n_parts++] = dir;
  if (n_parts == 0)
    return f->name;
  parts[n_parts++] = f->name;
  size_t n = 0;
  char last = 0;
  for (unsigned i = 0; i < n_parts; i++) {
    n = append(NULL, n, last, parts[i]);
    const size_t part = strlen(parts[i]);
    last = part ? parts[i][part - 1] : last;
  }
  char *path = pcln_arena_alloc(arena, n + 1);
  if (!path)
    return NULL;
  n = 0;
  for (unsigned i = 0; i < n_parts; i++)
    n = append(path, n, n ? path[n - 1] : 0, parts[i]);
  path[n] = 0;
  *len = n;
  return path;
}
