// SPDX-License-Identifier: Apache-2.0
//
// --disasm: machine code beside what the table says of it.
//
// Text is for reading: a heading for each function; a line with the position
// and its inlined calls where they change; then the instructions, with the
// unwind rule behind the one at which it changes, and the live words below a
// call. JSON has one record an instruction, each complete.
#include "dump.h"

#include "disasm.h"

#include <stdio.h>
#include <string.h>

// --- The code ---------------------------------------------------------------

static struct pcln_span code_at(void *ctx, uint64_t va) {
  return dump_code_at(ctx, va);
}

struct pcdis_code dump_code(struct dump_file *f) {
  const struct pcln_table *t = &f->table;
  return (struct pcdis_code){
      .at = code_at,
      .ctx = f,
      .machine = t->ours ? t->machine : f->image.machine,
      .big_endian = t->swap != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)};
}

// --- Words for what is live -------------------------------------------------

static const char *const word_kinds[] = {
    [PCLN_WORD_NONE] = "",         [PCLN_WORD_DEAD] = "",
    [PCLN_WORD_SCALAR] = "scalar", [PCLN_WORD_POINTER] = "pointer",
    [PCLN_WORD_STRING] = "string", [PCLN_WORD_SLICE] = "slice",
    [PCLN_WORD_IFACE] = "iface",   [PCLN_WORD_EFACE] = "eface",
};

// Where a word is, in the register that the frame is measured from, so that it
// can be found again in the operands, as in sp+0x18.
static const char *word_place(char *buf, size_t len,
                              const struct pcdis_line *line, int64_t cfa_off) {
  const struct pcln_rule *r = &line->rule;
  const bool sp =
      line->has_rule && (r->cfa == PCLN_CFA_SP_DELTA || r->cfa == PCLN_CFA_SP);
  const bool fp = line->has_rule && r->cfa == PCLN_CFA_FP;
  const int64_t off = sp || fp ? cfa_off + r->cfa_off : cfa_off;
  const char *base = sp ? "sp" : fp ? "fp" : "cfa";
  snprintf(buf, len, "%s%c0x%llx", base, off < 0 ? '-' : '+',
           (unsigned long long)(off < 0 ? -off : off));
  return buf;
}

struct live_walk {
  struct dump *d;
  const struct pcdis_line *line;
  unsigned n; // words shown so far
};

static void live_word(struct live_walk *w, const char *part, int32_t first_off,
                      const struct pcln_word *word) {
  struct dump_out *o = w->d->out;
  const int64_t off =
      first_off + (int64_t)word->index * w->d->file->table.ptr_size;
  char buf[40];
  if (w->line->live.placed)
    word_place(buf, sizeof buf, w->line, off);
  else
    snprintf(buf, sizeof buf, "%s[%u]", part, word->index);
  if (o->json) {
    dump_element_begin(o, w->n == 0);
    dump_str(o, "part", part);
    dump_str(o, "place", buf);
    dump_str(o, "type", word_kinds[word->kind]);
    dump_element_end(o);
  } else {
    dump_put(o, " ", 1);
    dump_put(o, buf, strlen(buf));
    if (word->kind != PCLN_WORD_POINTER) {
      dump_put(o, ":", 1);
      dump_put_name(o, word_kinds[word->kind]);
    }
  }
  w->n++;
}

static void live_row(struct live_walk *w, const char *part, int32_t first_off,
                     const struct pcln_map_row *row) {
  uint32_t next = 0;
  if (!row->bits)
    return;
  for (struct pcln_word word; pcln_words_next(row, &next, &word);)
    if (word.kind >= PCLN_WORD_POINTER)
      live_word(w, part, first_off, &word);
}

static unsigned live_words(struct dump *d, const struct pcdis_line *line) {
  struct live_walk w = {d, line, 0};
  live_row(&w, "local", line->live.locals_off, &line->live.locals);
  live_row(&w, "arg", line->live.args_off, &line->live.args);
  return w.n;
}

// --- Text -------------------------------------------------------------------

enum {
  CODE_COLUMN = 12, // where an instruction's bytes begin
  TEXT_COLUMN = 34, // its text
  NOTE_COLUMN = 78, // the unwind rule
};

static void put_str(struct dump_out *o, const char *s) {
  dump_put(o, s, strlen(s));
}

static void pad_to(struct dump_out *o, size_t from, size_t column) {
  static const char blanks[] = "                                        ";
  size_t n = column > from ? column - from : 1;
  for (size_t part; n > 0; n -= part) {
    part = n < sizeof blanks - 1 ? n : sizeof blanks - 1;
    dump_put(o, blanks, part);
  }
}

static const char *shown_path(const struct dump *d, const char *file) {
  return !file ? "??" : d->options->basenames ? dump_basename(file) : file;
}

static void put_position(struct dump *d, const char *file, int32_t line) {
  dump_put_name(d->out, shown_path(d, file));
  if (line > 0) {
    put_str(d->out, ":");
    dump_put_num(d->out, (uint64_t)line);
  }
}

static void text_heading(struct dump *d, const struct pcln_func *f) {
  struct dump_out *o = d->out;
  put_str(o, "\n");
  if (f->hole)
    put_str(o, "(hole)");
  else
    dump_put_name(o, dump_name(d->names, f->name));
  put_str(o, "  ");
  dump_put_hex(o, f->entry, 1);
  put_str(o, "..");
  dump_put_hex(o, f->end, 1);
  put_str(o, "\n");
}

// What a listing in text remembers from line to line.
enum { MAX_CHAIN = 16 };
struct text_state {
  const struct pcln_func *func;
  struct pcln_rule rule;
  bool had_rule;
  const uint8_t *padding; // the last line's bytes, if it was padding
  size_t padding_len;
  unsigned left_out; // lines with the same bytes behind it
  // The chain of the inlined call `inl`: only its innermost position changes
  // from line to line, and finding the others is what costs.
  int32_t inl;
  unsigned n_chain;
  struct pcln_frame chain[MAX_CHAIN];
};

// What is deeper than MAX_CHAIN is cut off, in the text alone.
static void find_chain(struct dump *d, const struct pcdis_line *line,
                       struct text_state *s) {
  struct pcln_frame_iter it;
  s->n_chain = 0;
  s->inl = line->row.inl;
  if (pcln_frames_begin(&d->file->table, line->va, &it) != PCLN_OK)
    return;
  while (s->n_chain < MAX_CHAIN && pcln_frames_next(&it, &s->chain[s->n_chain]))
    s->n_chain++;
}

// "  a.c:12", or "  a.c:3 in inner, inlined at a.c:12 in outer".
static void text_position(struct dump *d, const struct pcdis_line *line,
                          struct text_state *s) {
  const struct pcln_row *row = &line->row;
  if (row->line < 0 && row->file < 0)
    return;
  put_str(d->out, "  ");
  put_position(d, pcln_file_name(&d->file->table, s->func, row->file),
               row->line);
  if (row->inl >= 0 && row->inl != s->inl)
    find_chain(d, line, s);
  for (unsigned i = 0; row->inl >= 0 && i < s->n_chain; i++) {
    if (i > 0) {
      put_str(d->out, ", inlined at ");
      put_position(d, s->chain[i].file, s->chain[i].line);
    }
    put_str(d->out, " in ");
    dump_put_name(d->out, dump_name(d->names, s->chain[i].func));
  }
  put_str(d->out, "\n");
}

// Appends what of the rule is not as it was on the line before.
static void text_rule(struct dump *d, const struct pcdis_line *line,
                      struct pcln_rule *last, bool *had) {
  struct dump_out *o = d->out;
  const struct pcln_rule *r = &line->rule;
  char buf[40];
  if (!line->has_rule || r->cfa == PCLN_CFA_NONE) {
    put_str(o, "; no unwind rule");
    *had = false;
    return;
  }
  put_str(o, ";");
  if (!*had || r->cfa != last->cfa || r->cfa_off != last->cfa_off ||
      r->reg != last->reg) {
    put_str(o, " cfa=");
    put_str(o, dump_cfa_text(buf, sizeof buf, r));
  }
  if (!*had || r->fp != last->fp || r->fp_off != last->fp_off) {
    put_str(o, " fp=");
    put_str(o, dump_save_text(buf, sizeof buf, r->fp, r->fp_off, "same"));
  }
  if (!*had || r->ra != last->ra || r->ra_off != last->ra_off) {
    put_str(o, " ra=");
    put_str(o, dump_save_text(buf, sizeof buf, r->ra, r->ra_off, "lr"));
  }
  *had = true;
  *last = *r;
}

// The bytes as they stand in the file; an instruction that is a word, as that.
static size_t put_code(struct dump_out *o, const struct pcdis_line *line,
                       bool words) {
  static const char hex[] = "0123456789abcdef";
  const size_t n = line->bytes.len;
  const bool word = words && n == 4;
  char buf[64];
  for (size_t i = 0; i < n && i < sizeof buf / 2; i++) {
    const uint8_t byte = line->bytes.ptr[word ? n - 1 - i : i];
    buf[2 * i] = hex[byte >> 4];
    buf[2 * i + 1] = hex[byte & 15];
  }
  dump_put(o, buf, 2 * n);
  return 2 * n;
}

static size_t put_address(struct dump_out *o, uint64_t va) {
  char buf[16];
  size_t n = sizeof buf;
  do
    buf[--n] = "0123456789abcdef"[va & 15];
  while (va >>= 4);
  const size_t used = sizeof buf - n;
  pad_to(o, 0, used < 8 ? 10 - used : 2);
  dump_put(o, buf + n, used);
  return (used < 8 ? 10 - used : 2) + used;
}

// Characters of dump_put_hex().
static size_t put_hex(struct dump_out *o, uint64_t v) {
  dump_put_hex(o, v, 1);
  return 2 + (v ? (67 - (size_t)__builtin_clzll(v)) / 4 : 1);
}

// " <name+0x10>", and "  # 0x4000" before it if the text does not show it. The
// number of characters.
static size_t put_target(struct dump *d, const struct pcdis_line *line) {
  struct dump_out *o = d->out;
  size_t used = 0;
  if (line->is_insn && !line->insn.target && line->insn.refers) {
    put_str(o, "  # ");
    used += 4 + put_hex(o, line->insn.refers);
  }
  if (!line->name)
    return used;
  const char *name = dump_name(d->names, line->name);
  put_str(o, " <");
  dump_put_name(o, name);
  used += strlen(name) + 3;
  if (line->name_off) {
    put_str(o, "+");
    used += 1 + put_hex(o, line->name_off);
  }
  put_str(o, ">");
  return used;
}

static void text_live(struct dump *d, const struct pcdis_line *line) {
  pad_to(d->out, 0, TEXT_COLUMN);
  put_str(d->out, "; live:");
  if (live_words(d, line) == 0)
    put_str(d->out, " nothing");
  put_str(d->out, "\n");
}

static bool repeats(const struct text_state *s, const struct pcdis_line *line) {
  return s->padding && line->is_insn && !line->new_position &&
         !line->new_rule && line->bytes.len == s->padding_len &&
         memcmp(s->padding, line->bytes.ptr, s->padding_len) == 0;
}

static void text_left_out(struct dump *d, struct text_state *s) {
  if (!s->left_out)
    return;
  pad_to(d->out, 0, CODE_COLUMN);
  put_str(d->out, "... ");
  dump_put_num(d->out, s->left_out);
  put_str(d->out, " more\n");
  s->left_out = 0;
}

static void text_line(struct dump *d, const struct pcdis_line *line,
                      struct text_state *s) {
  struct dump_out *o = d->out;
  if (repeats(s, line)) {
    s->left_out++;
    return;
  }
  text_left_out(d, s);
  s->padding = line->is_insn && line->insn.padding ? line->bytes.ptr : NULL;
  s->padding_len = line->bytes.len;
  if (line->new_position)
    text_position(d, line, s);
  size_t at = put_address(o, line->va);
  if (!line->bytes.ptr) {
    put_str(o, "  no code is stored from here on\n");
    return;
  }
  pad_to(o, at, CODE_COLUMN);
  at = at < CODE_COLUMN ? CODE_COLUMN : at + 1;
  at += put_code(o, line, d->file->table.quantum == 4);
  pad_to(o, at, TEXT_COLUMN);
  at = at < TEXT_COLUMN ? TEXT_COLUMN : at + 1;
  put_str(o, line->insn.text);
  at += strlen(line->insn.text) + put_target(d, line);
  if (line->new_rule) {
    pad_to(o, at, NOTE_COLUMN);
    text_rule(d, line, &s->rule, &s->had_rule);
  }
  put_str(o, "\n");
  if (line->safepoint)
    text_live(d, line);
}

// --- JSON -------------------------------------------------------------------

static void json_heading(struct dump *d, const struct pcln_func *f) {
  dump_begin(d->out, f->hole ? "hole" : "func");
  dump_hex(d->out, "lo", f->entry);
  dump_hex(d->out, "hi", f->end);
  if (!f->hole)
    dump_str(d->out, "name", dump_name(d->names, f->name));
  dump_end(d->out);
}

static void json_frames(struct dump *d, const struct pcdis_line *line) {
  struct pcln_frame_iter it;
  struct pcln_frame frame;
  if (line->row.inl < 0 ||
      pcln_frames_begin(&d->file->table, line->va, &it) != PCLN_OK)
    return;
  bool first = true;
  dump_array_begin(d->out, "frames");
  for (; pcln_frames_next(&it, &frame); first = false) {
    dump_element_begin(d->out, first);
    dump_str(d->out, "func", dump_name(d->names, frame.func));
    dump_position(d->out, frame.file ? shown_path(d, frame.file) : NULL,
                  frame.line);
    dump_element_end(d->out);
  }
  dump_array_end(d->out);
}

static void json_code(struct dump *d, const struct pcdis_line *line) {
  static const char *const flows[] = {
      [PCDIS_NEXT] = "next",     [PCDIS_CALL] = "call",
      [PCDIS_JUMP] = "jump",     [PCDIS_BRANCH] = "branch",
      [PCDIS_RETURN] = "return", [PCDIS_STOP] = "stop"};
  static const char hex[] = "0123456789abcdef";
  struct dump_out *o = d->out;
  char bytes[64];
  size_t n = 0;
  for (size_t i = 0; i < line->bytes.len && n + 2 < sizeof bytes; i++) {
    bytes[n++] = hex[line->bytes.ptr[i] >> 4];
    bytes[n++] = hex[line->bytes.ptr[i] & 15];
  }
  bytes[n] = 0;
  dump_str(o, "bytes", bytes);
  dump_str(o, "text", line->insn.text);
  if (!line->is_insn)
    return;
  dump_str(o, "flow", flows[line->insn.flow]);
  if (line->insn.target)
    dump_hex(o, "target", line->insn.target);
  if (line->insn.refers)
    dump_hex(o, "refers", line->insn.refers);
  if (line->name) {
    dump_str(o, "symbol", dump_name(d->names, line->name));
    dump_hex(o, "symbol_offset", line->name_off);
  }
}

static void json_rule(struct dump *d, const struct pcdis_line *line) {
  const struct pcln_rule *r = &line->rule;
  char buf[40];
  dump_str(d->out, "cfa",
           line->has_rule ? dump_cfa_text(buf, sizeof buf, r) : "none");
  if (!line->has_rule || r->cfa == PCLN_CFA_NONE)
    return;
  dump_str(d->out, "fp",
           dump_save_text(buf, sizeof buf, r->fp, r->fp_off, "same"));
  dump_str(d->out, "ra",
           dump_save_text(buf, sizeof buf, r->ra, r->ra_off, "lr"));
}

static void json_line(struct dump *d, const struct pcln_func *f,
                      const struct pcdis_line *line) {
  struct dump_out *o = d->out;
  const char *file = pcln_file_name(&d->file->table, f, line->row.file);
  dump_begin(o, !line->bytes.ptr ? "absent" : line->is_insn ? "insn" : "data");
  dump_hex(o, "va", line->va);
  if (line->bytes.ptr)
    json_code(d, line);
  dump_position(o, file ? shown_path(d, file) : NULL,
                line->row.line > 0 ? line->row.line : 0);
  json_frames(d, line);
  json_rule(d, line);
  if (line->safepoint) {
    dump_array_begin(o, "live");
    live_words(d, line);
    dump_array_end(o);
  }
  dump_end(o);
}

// --- The action -------------------------------------------------------------

static enum pcln_status fault(struct dump *d, const char *func,
                              const char *name, const char *text) {
  pcln_say(d->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = name,
                                          .file = d->file->path,
                                          .func = func,
                                          .text = text});
  return PCLN_CORRUPT;
}

static enum pcln_status one_function(struct dump *d, struct pcdis *decoder,
                                     const struct pcln_func *f) {
  const struct pcdis_code code = dump_code(d->file);
  struct pcdis_listing l;
  struct pcdis_line line;
  struct text_state state = {.func = f, .inl = -1};
  pcdis_listing_begin(&l, &d->file->table, &code, decoder, f, true);
  if (d->options->json)
    json_heading(d, f);
  else
    text_heading(d, f);
  while (!d->out->error && pcdis_listing_next(&l, &line))
    if (d->options->json)
      json_line(d, f, &line);
    else
      text_line(d, &line, &state);
  text_left_out(d, &state);
  if (l.status == PCLN_OK)
    return PCLN_OK;
  return fault(d, f->name, "record-unreadable",
               "cannot be decoded; --verify says what is wrong");
}

static enum pcln_status open_decoder(struct dump *d, struct pcdis **out) {
  const struct pcdis_code code = dump_code(d->file);
  char text[128];
  const enum pcln_status status =
      pcdis_open(code.machine, code.big_endian, out);
  if (status == PCLN_UNSUPPORTED) {
    snprintf(text, sizeof text,
             "no decoder for machine %u (%s); there are those for %s",
             code.machine, pcdis_machine_name(code.machine), pcdis_machines());
    (void)fault(d, NULL, "no-decoder", text);
  }
  return status;
}

enum pcln_status dump_disasm(struct dump *d) {
  const struct pcln_table *t = &d->file->table;
  struct pcdis *decoder;
  enum pcln_status worst = open_decoder(d, &decoder);
  if (worst != PCLN_OK)
    return worst;
  for (uint32_t i = 0; i < t->n_funcs && !d->out->error; i++) {
    dump_progress(d->out, i, t->n_funcs);
    struct pcln_func f;
    enum pcln_status status = pcln_func_at(t, i, &f);
    if (status != PCLN_OK)
      status = fault(d, NULL, "record-unreadable",
                     "cannot be decoded; --verify says what is wrong");
    else if (dump_selects(d, &f))
      status = one_function(d, decoder, &f);
    if (status != PCLN_OK)
      worst = status;
  }
  pcdis_close(decoder);
  return worst;
}
