// SPDX-License-Identifier: Apache-2.0
//
// One unit's functions: line rows and inlined calls into streams.
//
// Lines. For each function the rows of the sequences that cover it, as runs of
// (file, line). Where sequences overlap, the one that ends first is asked, as
// llvm-symbolizer does; it is the yardstick for every choice here.
//
// Inlined calls. dwarf_pieces.c finds the innermost at each pc.
//
// Call positions. A reader finds the caller of an inlined call at `parent_pc`:
// a pc at which the table gives the call's file, line and enclosing inlined
// call. Often the function has one: the caller's own code around the call.
// Where it has none, a virtual pc behind the function's last byte gets that
// position (docs/format.md). So a position is looked for before one is made,
// by one pass over all runs with a hash of the wanted positions.
#include "dwarf_build.h"

#include <stdlib.h>
#include <string.h>

void pcln_dw_builder_free(struct pcln_dw_builder *b) {
  pcln_dw_tree_free(&b->tree);
  pcln_dw_lines_free(&b->lines);
  pcln_stream_free(&b->pcln);
  pcln_stream_free(&b->pcfile);
  pcln_stream_free(&b->inltree);
  free(b->names);
  free(b->file_no);
  free(b->files);
  free(b->file_hash);
  free(b->sorted);
  free(b->scratch);
  free(b->first_piece);
  free(b->node_no);
  free(b->pos);
  free(b->inner);
  free(b->heap);
  free(b->inl);
  free(b->calls);
  free(b->call_hash);
  free(b->unplaced);
}

// A unit being built.
struct unit {
  const struct pcln_dw_build *job;
  const struct pcln_dw_unit *u;
  struct pcln_dw_builder *b;
  struct pcln_dw_fault *fault;
  uint32_t cu_idx;
  bool lined; // it has a line table
};

// Charges work; fails once the unit asks for more than the input explains.
static enum pcln_status spend(struct unit *w, uint64_t work) {
  w->b->work += work;
  if (w->b->work <= w->job->dw->budget)
    return PCLN_OK;
  pcln_dw_corrupt(w->fault, "dwarf-limit", ".debug_info", w->u->off,
                  "the unit asks for more work than its size explains");
  return w->fault->status = PCLN_LIMIT;
}

static size_t pow2_at_least(size_t n) {
  size_t p = 16;
  while (p < n)
    p *= 2;
  return p;
}

// --- Files ------------------------------------------------------------------

// -ffile-prefix-map: the last map that matches.
static const char *map_prefix(const struct unit *w, const char *path,
                              size_t len) {
  const struct pcln_source_options *o = w->job->options;
  for (size_t i = o->n_maps; i-- > 0;) {
    const size_t from = strlen(o->maps[i].from);
    if (from > len || memcmp(path, o->maps[i].from, from) != 0)
      continue;
    const size_t to = strlen(o->maps[i].to);
    char *mapped = pcln_arena_alloc(w->b->arena, to + len - from + 1);
    if (!mapped)
      return NULL;
    memcpy(mapped, o->maps[i].to, to);
    memcpy(mapped + to, path + from, len - from + 1);
    return mapped;
  }
  return path;
}

// The number of the path in the unit's list, added if new. Two numbers of a
// line table often name one file (version 5 has the primary file twice).
static bool number_path(struct pcln_dw_builder *b, const char *path,
                        uint32_t *no) {
  uint32_t h = 2166136261u;
  for (const char *p = path; *p; p++)
    h = (h ^ (uint8_t)*p) * 16777619u;
  size_t i = h & b->file_mask;
  for (; b->file_hash[i]; i = (i + 1) & b->file_mask) {
    *no = b->file_hash[i] - 1;
    if (strcmp(b->files[*no], path) == 0)
      return true;
  }
  if (!PCLN_DW_GROW(b, files))
    return false;
  *no = (uint32_t)b->n_files;
  b->files[b->n_files++] = path;
  b->file_hash[i] = *no + 1;
  return true;
}

// The model's number for a number of the line table; -1: no such file.
static enum pcln_status file_number(struct unit *w, uint32_t number,
                                    int32_t *out) {
  struct pcln_dw_builder *b = w->b;
  const struct pcln_dw_file *f =
      w->lined ? pcln_dw_line_file(&b->lines, number) : NULL;
  *out = -1;
  if (!f) {
    if (w->lined)
      pcln_dw_note(&b->notes, PCLN_DW_NOTE_NO_FILE, w->u->stmt_list);
    return PCLN_OK;
  }
  uint32_t *known = &b->file_no[f - b->lines.files];
  if (*known == 0) {
    size_t len;
    uint32_t no;
    const char *path =
        pcln_dw_line_path(&b->lines, f, w->u->comp_dir, b->arena, &len);
    if (path)
      path = map_prefix(w, path, len);
    if (!path || !number_path(b, path, &no))
      return pcln_dw_no_memory(w->fault);
    *known = no + 1;
    *out = (int32_t)no;
    return spend(w, len / 16);
  }
  *out = (int32_t)(*known - 1);
  return PCLN_OK;
}

static bool begin_files(struct pcln_dw_builder *b, size_t n) {
  b->n_files = 0;
  const size_t slots = pow2_at_least(2 * n);
  if (!PCLN_DW_RESERVE(b, file_no, n + 1) ||
      !PCLN_DW_RESERVE(b, file_hash, slots))
    return false;
  b->file_mask = slots - 1;
  memset(b->file_no, 0, n * sizeof *b->file_no);
  memset(b->file_hash, 0, slots * sizeof *b->file_hash);
  return true;
}

// --- Lines ------------------------------------------------------------------

static int seq_by_end(const void *a, const void *b) {
  const struct pcln_dw_seq *x = a, *y = b;
  if (x->hi != y->hi)
    return x->hi < y->hi ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

static void sort_seqs(struct pcln_dw_lines *t) {
  for (size_t i = 1; i < t->n_seqs; i++)
    if (t->seqs[i - 1].hi > t->seqs[i].hi) {
      qsort(t->seqs, t->n_seqs, sizeof *t->seqs, seq_by_end);
      return;
    }
}

static enum pcln_status read_lines(struct unit *w) {
  struct pcln_dw_builder *b = w->b;
  w->lined = w->u->stmt_list != PCLN_DW_NONE;
  b->seq = 0;
  if (!w->lined) {
    b->n_files = 0;
    b->lines.n_seqs = 0;
    return PCLN_OK;
  }
  enum pcln_status st =
      pcln_dw_lines_header(w->job->dw, w->u, &b->lines, w->fault);
  if (st == PCLN_OK)
    st = pcln_dw_lines_run(&b->lines, &b->notes, w->fault);
  if (st == PCLN_OK)
    st = spend(w, b->lines.work);
  if (st != PCLN_OK)
    return st;
  b->line_rows += b->lines.n_program_rows;
  b->dead_sequences += b->lines.dead_sequences;
  sort_seqs(&b->lines);
  return begin_files(b, b->lines.n_files) ? PCLN_OK
                                          : pcln_dw_no_memory(w->fault);
}

static bool add_pos(struct pcln_dw_builder *b, uint64_t end, int32_t file,
                    int32_t line) {
  if (!PCLN_DW_GROW(b, pos))
    return false;
  b->pos[b->n_pos++] =
      (struct pcln_dw_pos){.end = (uint32_t)end, .file = file, .line = line};
  return true;
}

// The last row of `s` at or below `off`; its first row is at 0.
static size_t row_at(const struct pcln_dw_lines *t, const struct pcln_dw_seq *s,
                     uint64_t off) {
  size_t lo = s->row, hi = lo + s->n_rows;
  while (hi - lo > 1) {
    const size_t mid = lo + (hi - lo) / 2;
    if (t->rows[mid].off <= off)
      lo = mid;
    else
      hi = mid;
  }
  return lo;
}

// The rows of `s` over [from, to), part of function `f`.
static enum pcln_status add_rows(struct unit *w, const struct pcln_dw_seq *s,
                                 const struct pcln_func_def *f, uint64_t from,
                                 uint64_t to) {
  const struct pcln_dw_lines *t = &w->b->lines;
  const size_t end = s->row + (size_t)s->n_rows;
  uint32_t last_file = 0;
  int32_t file = -1;
  bool known = false;
  for (size_t i = row_at(t, s, from - s->lo); i < end; i++) {
    const struct pcln_dw_row *r = &t->rows[i];
    const uint64_t next = i + 1 < end ? s->lo + r[1].off : s->hi;
    if (!known || r->file != last_file) {
      enum pcln_status st = file_number(w, r->file, &file);
      if (st != PCLN_OK)
        return st;
      last_file = r->file;
      known = true;
    }
    if (!add_pos(w->b, (next < to ? next : to) - f->va, file, (int32_t)r->line))
      return pcln_dw_no_memory(w->fault);
    if (next >= to)
      break;
  }
  return PCLN_OK;
}

// Fills b->pos with runs that cover the whole function.
static enum pcln_status find_positions(struct unit *w,
                                       const struct pcln_func_def *f) {
  struct pcln_dw_builder *b = w->b;
  const struct pcln_dw_lines *t = &b->lines;
  const uint64_t end = f->va + f->size;
  uint64_t at = f->va;
  b->n_pos = 0;
  while (b->seq < t->n_seqs && t->seqs[b->seq].hi <= at)
    b->seq++;
  for (size_t i = b->seq; i < t->n_seqs && at < end; i++) {
    const struct pcln_dw_seq *s = &t->seqs[i];
    if (s->lo >= end)
      break;
    if (s->hi <= at)
      continue;
    if (s->lo > at && !add_pos(b, s->lo - f->va, -1, -1))
      return pcln_dw_no_memory(w->fault);
    const uint64_t from = s->lo > at ? s->lo : at;
    at = s->hi < end ? s->hi : end;
    enum pcln_status st = add_rows(w, s, f, from, at);
    if (st != PCLN_OK)
      return st;
  }
  if (at < end && !add_pos(b, f->size, -1, -1))
    return pcln_dw_no_memory(w->fault);
  return PCLN_OK;
}

// --- Inlined calls: numbers and call positions ------------------------------

// The number of the inlined call `node`, given with its outer calls' if new: an
// outer call's number is the lower. -1: a function itself.
static enum pcln_status number_node(struct unit *w, uint32_t node,
                                    int32_t *out) {
  struct pcln_dw_builder *b = w->b;
  const struct pcln_dw_node *nodes = b->tree.nodes;
  uint32_t path[PCLN_DW_MAX_INLINE + 1];
  unsigned n = 0;
  while (node != PCLN_DW_ROOT && nodes[node].parent != PCLN_DW_ROOT &&
         b->node_no[node].stamp != b->stamp) {
    path[n++] = node;
    node = nodes[node].parent;
  }
  while (n--) {
    if (!PCLN_DW_GROW(b, inl))
      return pcln_dw_no_memory(w->fault);
    node = path[n];
    b->node_no[node].stamp = b->stamp;
    b->node_no[node].inl = (int32_t)b->n_inl;
    b->inl[b->n_inl++] = (struct pcln_dw_inl){.node = node};
  }
  *out = node == PCLN_DW_ROOT || nodes[node].parent == PCLN_DW_ROOT
             ? -1
             : b->node_no[node].inl;
  return PCLN_OK;
}

static enum pcln_status number_inlined(struct unit *w) {
  struct pcln_dw_builder *b = w->b;
  b->n_inl = b->n_calls = 0;
  b->stamp++;
  for (size_t i = 0; i < b->n_inner; i++) {
    enum pcln_status st = number_node(w, b->inner[i].node, &b->inner[i].inl);
    if (st != PCLN_OK)
      return st;
  }
  return PCLN_OK;
}

// The hash slot of a position: its call, or where it would be.
static uint32_t *call_slot(struct pcln_dw_builder *b, int32_t file,
                           int32_t line, int32_t inl) {
  const uint32_t h = ((uint32_t)line * 0x9e3779b1u) ^
                     ((uint32_t)inl * 0x85ebca6bu) ^
                     ((uint32_t)file * 0xc2b2ae35u);
  size_t i = (h ^ h >> 15) & b->call_mask;
  for (; b->call_hash[i]; i = (i + 1) & b->call_mask) {
    const struct pcln_dw_call *c = &b->calls[b->call_hash[i] - 1];
    if (c->line == line && c->inl == inl && c->file == file)
      break;
  }
  return &b->call_hash[i];
}

// Collects the distinct call positions of the function.
static enum pcln_status collect_calls(struct unit *w) {
  struct pcln_dw_builder *b = w->b;
  const struct pcln_dw_node *nodes = b->tree.nodes;
  const size_t slots = pow2_at_least(2 * b->n_inl);
  if (!PCLN_DW_RESERVE(b, call_hash, slots))
    return pcln_dw_no_memory(w->fault);
  b->call_mask = slots - 1;
  memset(b->call_hash, 0, slots * sizeof *b->call_hash);
  for (size_t i = 0; i < b->n_inl; i++) {
    const struct pcln_dw_node *node = &nodes[b->inl[i].node];
    struct pcln_dw_call c = {
        .line = (int32_t)node->call_line, .inl = -1, .pc = PCLN_DW_ROOT};
    if (nodes[node->parent].parent != PCLN_DW_ROOT)
      c.inl = b->node_no[node->parent].inl;
    enum pcln_status st = file_number(w, node->call_file, &c.file);
    if (st != PCLN_OK)
      return st;
    uint32_t *slot = call_slot(b, c.file, c.line, c.inl);
    if (*slot == 0) {
      if (!PCLN_DW_GROW(b, calls))
        return pcln_dw_no_memory(w->fault);
      b->calls[b->n_calls++] = c;
      *slot = (uint32_t)b->n_calls;
    }
    b->inl[i].call = *slot - 1;
  }
  return PCLN_OK;
}

// Gives calls the first real pc that has their position.
static void place_calls(struct pcln_dw_builder *b) {
  uint32_t at = 0;
  for (size_t i = 0, k = 0; i < b->n_pos && k < b->n_inner;) {
    const struct pcln_dw_pos *p = &b->pos[i];
    const struct pcln_dw_inner *in = &b->inner[k];
    const uint32_t slot = *call_slot(b, p->file, p->line, in->inl);
    if (slot && b->calls[slot - 1].pc == PCLN_DW_ROOT)
      b->calls[slot - 1].pc = at;
    at = p->end < in->end ? p->end : in->end;
    i += p->end == at;
    k += in->end == at;
  }
}

// --- Streams ----------------------------------------------------------------

// pc deltas are counted in quanta; a run that ends inside one is longer.
static uint32_t round_up(const struct unit *w, uint32_t off) {
  const uint32_t q = w->job->module->quantum;
  return (off + q - 1) / q * q;
}

static int by_position(const void *a, const void *b) {
  const struct pcln_dw_call *x = *(struct pcln_dw_call *const *)a;
  const struct pcln_dw_call *y = *(struct pcln_dw_call *const *)b;
  if (x->file != y->file)
    return x->file < y->file ? -1 : 1;
  if (x->inl != y->inl)
    return x->inl < y->inl ? -1 : 1;
  return (x->line > y->line) - (x->line < y->line);
}

// Calls that no real pc stands for get virtual ones from `size` on, sorted so
// that neighbours share what they can: a run goes on while its value does.
static enum pcln_status add_virtual(struct unit *w, uint32_t size) {
  struct pcln_dw_builder *b = w->b;
  const uint32_t q = w->job->module->quantum;
  uint64_t pc = round_up(w, size);
  size_t n = 0;
  if (!PCLN_DW_RESERVE(b, unplaced, b->n_calls))
    return pcln_dw_no_memory(w->fault);
  for (size_t i = 0; i < b->n_calls; i++)
    if (b->calls[i].pc == PCLN_DW_ROOT)
      b->unplaced[n++] = &b->calls[i];
  qsort(b->unplaced, n, sizeof *b->unplaced, by_position);
  if (pc + (uint64_t)n * q > INT32_MAX) {
    pcln_dw_corrupt(w->fault, "dwarf-limit", ".debug_info", w->u->off,
                    "a function is too long for its inlined calls");
    return w->fault->status = PCLN_LIMIT;
  }
  for (size_t i = 0; i < n; i++) {
    struct pcln_dw_call *c = b->unplaced[i];
    c->pc = (uint32_t)pc;
    pc += q;
    pcln_stream_add(&b->pcln, (uint32_t)pc, c->line);
    pcln_stream_add(&b->pcfile, (uint32_t)pc, c->file);
    pcln_stream_add(&b->inltree, (uint32_t)pc, c->inl);
  }
  b->virtual_pcs += n;
  return PCLN_OK;
}

static enum pcln_status make_inlines(struct unit *w, struct pcln_func_def *f) {
  struct pcln_dw_builder *b = w->b;
  f->inlines = pcln_arena_alloc(b->arena, b->n_inl * sizeof *f->inlines);
  if (!f->inlines)
    return pcln_dw_no_memory(w->fault);
  f->n_inlines = (uint32_t)b->n_inl;
  b->inlined_calls += b->n_inl;
  for (size_t i = 0; i < b->n_inl; i++) {
    const struct pcln_dw_name name =
        pcln_dw_find_name(w->job->dw, w->u, b->tree.nodes[b->inl[i].node].decl,
                          b->names, &b->notes);
    f->inlines[i] =
        (struct pcln_inline_def){.name = name.name ? name.name : "??",
                                 .parent_pc = b->calls[b->inl[i].call].pc,
                                 .start_line = name.line};
  }
  return PCLN_OK;
}

static enum pcln_status make_streams(struct unit *w, struct pcln_func_def *f) {
  struct pcln_dw_builder *b = w->b;
  pcln_stream_reset(&b->pcln);
  pcln_stream_reset(&b->pcfile);
  pcln_stream_reset(&b->inltree);
  for (size_t i = 0; i < b->n_pos; i++) {
    const uint32_t end = round_up(w, b->pos[i].end);
    pcln_stream_add(&b->pcln, end, b->pos[i].line);
    pcln_stream_add(&b->pcfile, end, b->pos[i].file);
  }
  struct pcln_span inltree = {0};
  enum pcln_status st = PCLN_OK;
  if (b->n_inl) {
    for (size_t i = 0; i < b->n_inner; i++)
      pcln_stream_add(&b->inltree, round_up(w, b->inner[i].end),
                      b->inner[i].inl);
    st = add_virtual(w, f->size);
    if (st != PCLN_OK)
      return st;
    st = make_inlines(w, f);
  }
  if (st == PCLN_OK)
    st = pcln_stream_end(&b->pcln, b->arena, &f->pcln);
  if (st == PCLN_OK)
    st = pcln_stream_end(&b->pcfile, b->arena, &f->pcfile);
  if (st == PCLN_OK)
    st = pcln_stream_end(&b->inltree, b->arena, &inltree);
  if (st == PCLN_OK && inltree.ptr)
    st = pcln_func_set_pcdata(f, PCLN_PCDATA_INLTREE, inltree, b->arena);
  return st == PCLN_NO_MEMORY ? pcln_dw_no_memory(w->fault) : st;
}

// --- Functions --------------------------------------------------------------

// A name made of section and offset, for code without a symbol; no linkage name
// has a plus.
static bool made_up(const char *name) { return strchr(name, '+') != NULL; }

// What the DIE of the function says of it: the one around the first code that
// lies in any.
static void describe(struct unit *w, struct pcln_func_def *f) {
  struct pcln_dw_builder *b = w->b;
  for (size_t i = 0; i < b->n_inner; i++) {
    uint32_t node = b->inner[i].node;
    if (node == PCLN_DW_ROOT)
      continue;
    while (b->tree.nodes[node].parent != PCLN_DW_ROOT)
      node = b->tree.nodes[node].parent;
    // The name is the symbol's, so a missing one is nothing to note.
    struct pcln_dw_notes unused = {0};
    const struct pcln_dw_name name = pcln_dw_find_name(
        w->job->dw, w->u, b->tree.nodes[node].decl, b->names, &unused);
    f->start_line = name.line;
    if (i == 0 && name.name && made_up(f->name))
      f->name = name.name;
    return;
  }
}

static enum pcln_status build_func(struct unit *w, struct pcln_func_def *f,
                                   struct pcln_dw_piece *p, size_t n) {
  struct pcln_dw_builder *b = w->b;
  enum pcln_status st = find_positions(w, f);
  if (st != PCLN_OK)
    return st;
  if (!pcln_dw_find_inner(b, p, n, f->size))
    return pcln_dw_no_memory(w->fault);
  st = number_inlined(w);
  if (st == PCLN_OK && b->n_inl) {
    st = collect_calls(w);
    if (st == PCLN_OK)
      place_calls(b);
  }
  if (st != PCLN_OK)
    return st;
  describe(w, f);
  f->cu = w->cu_idx;
  return make_streams(w, f);
}

static enum pcln_status begin_nodes(struct unit *w) {
  struct pcln_dw_builder *b = w->b;
  const size_t n = b->tree.n_nodes;
  const size_t cap = b->cap_node_no;
  if (!PCLN_DW_RESERVE(b, node_no, n))
    return pcln_dw_no_memory(w->fault);
  if (b->cap_node_no != cap) // stamps are old ones otherwise
    memset(b->node_no, 0, b->cap_node_no * sizeof *b->node_no);
  return PCLN_OK;
}

static enum pcln_status end_files(struct unit *w, struct pcln_cu_def *cu) {
  const struct pcln_dw_builder *b = w->b;
  *cu = (struct pcln_cu_def){.n_files = (uint32_t)b->n_files};
  if (b->n_files == 0)
    return PCLN_OK;
  cu->files = pcln_arena_alloc(b->arena, b->n_files * sizeof *cu->files);
  if (!cu->files)
    return pcln_dw_no_memory(w->fault);
  memcpy(cu->files, b->files, b->n_files * sizeof *cu->files);
  return PCLN_OK;
}

enum pcln_status pcln_dw_build_unit(const struct pcln_dw_build *job,
                                    uint32_t idx, const uint32_t *func,
                                    size_t n, uint32_t cu_idx,
                                    struct pcln_cu_def *cu,
                                    struct pcln_dw_builder *b,
                                    struct pcln_dw_fault *fault) {
  struct unit w = {.job = job,
                   .u = &job->dw->units[idx],
                   .b = b,
                   .fault = fault,
                   .cu_idx = cu_idx};
  enum pcln_status st =
      pcln_dw_walk(job->dw, idx, &job->funcs, &b->tree, &b->notes, fault);
  b->work = b->tree.work;
  b->names->work = 0;
  if (st == PCLN_OK)
    st = read_lines(&w);
  if (st == PCLN_OK)
    st = pcln_dw_group_pieces(b, n) ? PCLN_OK : pcln_dw_no_memory(fault);
  if (st == PCLN_OK)
    st = begin_nodes(&w);
  for (size_t i = 0; i < n && st == PCLN_OK; i++) {
    const uint32_t first = b->first_piece[i];
    st = build_func(&w, &job->module->funcs[func[i]], &b->sorted[first],
                    b->first_piece[i + 1] - first);
    if (st == PCLN_OK)
      st = spend(&w, b->names->work + b->n_inl);
    b->names->work = 0;
  }
  return st == PCLN_OK ? end_files(&w, cu) : st;
}
