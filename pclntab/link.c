// SPDX-License-Identifier: Apache-2.0
//
// The pipeline from a linked file to the table in it, in order. Each step is
// one function of another file; this one holds them together: options of the
// steps, their times, the checks between them, and one way out that frees
// everything.
//
// Only what can be read from the finished file goes into the table (see "The
// truth is the linked output" in docs/architecture.md), so this is also all
// that pclntab-link does.
#include "link.h"

#include "parallel.h"
#include "verify.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
  MAX_DEFAULT_THREADS = 8,
  VERIFY_PARTS = 32, // work items of the verifier
};

// One run.
struct run {
  const char *path;
  struct pcln_link_options o; // as given, with defaults resolved
  const struct pcln_sink *outer;
  struct pcln_sink sink; // names the file in every report
  struct pcln_link_stats *stats;
  struct pcln_elf *elf;
  struct pcln_module module;
  struct pcln_place place;
  uint8_t *bytes; // the table
  size_t len;
  double started, lap; // ms
};

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

// Stores the time since the last call.
static void lap(struct run *r, double *ms) {
  const double now = now_ms();
  *ms = now - r->lap;
  r->lap = now;
}

static void name_file(void *ctx, const struct pcln_report *report) {
  const struct run *r = ctx;
  struct pcln_report named = *report;
  if (!named.file)
    named.file = r->path;
  pcln_say(r->outer, &named);
}

static enum pcln_status say(const struct run *r, enum pcln_severity severity,
                            enum pcln_status status, const char *fault,
                            const char *text) {
  pcln_say(&r->sink, &(struct pcln_report){
                         .severity = severity, .fault = fault, .text = text});
  return status;
}

static unsigned default_threads(void) {
  const long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n < 1                     ? 1
         : n > MAX_DEFAULT_THREADS ? MAX_DEFAULT_THREADS
                                   : (unsigned)n;
}

// --- Checks -----------------------------------------------------------------

static bool has_debug(const struct pcln_elf *elf) {
  return pcln_elf_find(elf, ".debug_info") ||
         pcln_elf_find(elf, ".zdebug_info") ||
         pcln_elf_find(elf, ".debug_line") ||
         pcln_elf_find(elf, ".zdebug_line");
}

// A table made from a stripped file would silently be worse than expected, or
// than the one it replaces.
static enum pcln_status check_not_stripped(const struct run *r) {
  if (has_debug(r->elf) || r->o.allow_stripped)
    return PCLN_OK;
  if (r->o.expect_debug)
    return say(r, PCLN_ERROR, PCLN_UNSUPPORTED, "stripped-output",
               "the inputs have debug information and the output has none, so "
               "the table would have no lines; drop -s or -S and use the "
               "option strip-debug, or say allow-stripped");
  if (r->place.replaces)
    return say(r, PCLN_ERROR, PCLN_UNSUPPORTED, "stripped-replace",
               "the file has a table, and no debug information to make a new "
               "one from; keep it, or say allow-stripped");
  return say(r, PCLN_NOTE, PCLN_OK, "no-debug-info",
             "the file has no debug information: the table has functions and "
             "unwind rules, but no lines");
}

// Stack maps as stock LLVM emits them: linkers drop or do not relocate them,
// and nobody would notice. Where addresses are final they can be read.
static enum pcln_status check_stackmaps(const struct run *r) {
  const struct pcln_elf_section *s =
      pcln_elf_find(r->elf, PCLN_STACKMAPS_SECTION);
  const bool error = r->o.refuse_stackmaps;
  if (!s || !(s->flags & SHF_ALLOC) || (!error && r->elf->type == ET_EXEC))
    return PCLN_OK;
  return say(r, error ? PCLN_ERROR : PCLN_WARNING,
             error ? PCLN_UNSUPPORTED : PCLN_OK, "stackmaps-allocated",
             "an allocated .llvm_stackmaps is not read: linkers do not keep or "
             "relocate it as it needs; run pclntab-obj on the objects");
}

// Where the table goes, before time is spent on making it.
static enum pcln_status choose_place(struct run *r) {
  struct pcln_link_options *o = &r->o;
  if (o->placement == PCLN_PLACE_EMBEDDED || o->placement == PCLN_PLACE_AUTO) {
    const enum pcln_status st = pcln_elf_place(r->elf, o, &r->sink, &r->place);
    if (st != PCLN_OK)
      return st;
    const bool room = r->place.has_slot || o->move_phdrs;
    if (!room && o->placement == PCLN_PLACE_EMBEDDED)
      return say(r, PCLN_ERROR, PCLN_UNSUPPORTED, "no-slot", PCLN_NO_SLOT_TEXT);
    if (!room)
      (void)say(r, PCLN_NOTE, PCLN_OK, "no-slot-sidecar",
                "no program header is reserved for the table; it goes to a "
                "sidecar file");
    o->placement = room ? PCLN_PLACE_EMBEDDED : PCLN_PLACE_SIDECAR;
  }
  if (o->placement != PCLN_PLACE_EMBEDDED) {
    r->place = (struct pcln_place){0};
    if (o->strip_debug)
      return say(r, PCLN_ERROR, PCLN_UNSUPPORTED, "option-conflict",
                 "strip-debug needs a table that is embedded; run strip after "
                 "the sidecar file is made");
  }
  if (o->placement == PCLN_PLACE_SIDECAR && !r->elf->build_id.len)
    return say(r, PCLN_ERROR, PCLN_UNSUPPORTED, "sidecar-no-build-id",
               PCLN_NO_BUILD_ID_TEXT);
  const enum pcln_status st = check_stackmaps(r);
  return st == PCLN_OK ? check_not_stripped(r) : st;
}

// --- Steps ------------------------------------------------------------------

static enum pcln_status fill_model(struct run *r) {
  const struct pcln_source_options so = {.threads = r->o.threads,
                                         .maps = r->o.maps,
                                         .n_maps = r->o.n_maps,
                                         .annotations = r->o.annotations,
                                         .allow_stripped = r->o.allow_stripped,
                                         .sink = &r->sink};
  struct pcln_module *m = &r->module;
  struct pcln_source_stats *stats = &r->stats->sources;
  // Ranges and names, from symbols, PLT and FDEs; sorted.
  enum pcln_status st = pcln_src_functions(r->elf, m, &so, stats);
  lap(r, &r->stats->ms_functions);
  // How each is unwound.
  if (st == PCLN_OK)
    st = pcln_src_cfi(r->elf, m, &so, stats);
  lap(r, &r->stats->ms_cfi);
  // What a collector needs, and what users attached.
  if (st == PCLN_OK)
    st = pcln_src_annot(r->elf, m, &so, stats);
  if (st == PCLN_OK)
    st = pcln_src_stackmaps(r->elf, m, &so, stats);
  lap(r, &r->stats->ms_annot);
  // Lines, inlined calls, declarations.
  if (st == PCLN_OK)
    st = pcln_src_dwarf(r->elf, m, &so, stats);
  lap(r, &r->stats->ms_dwarf);
  if (st == PCLN_OK && r->o.go_compat)
    pcln_check_frame_pointers(m, &r->sink);
  const size_t id_len = r->elf->build_id.len;
  if (id_len && id_len <= PCLN_BUILD_ID_MAX) {
    memcpy(m->build_id, r->elf->build_id.ptr, id_len);
    m->build_id_len = (uint32_t)id_len;
  } else if (id_len && st == PCLN_OK) {
    st = say(r, PCLN_ERROR, PCLN_LIMIT, "build-id-length",
             "the build-id is longer than 32 bytes");
  }
  return st;
}

static enum pcln_status encode(struct run *r) {
  const struct pcln_encode_options eo = {.layout = r->o.layout,
                                         .go_compat = r->o.go_compat,
                                         .header_va = r->place.va,
                                         .threads = r->o.threads};
  const enum pcln_status st = pcln_encode(&r->module, &eo, &r->sink, &r->bytes,
                                          &r->len, &r->stats->table);
  lap(r, &r->stats->ms_encode);
  return st;
}

struct verify_job {
  const struct pcln_table *table;
  const struct pcln_sink *sink;
  unsigned n_parts;
  enum pcln_status status[VERIFY_PARTS];
};

static void verify_part(void *ctx, size_t part, unsigned worker) {
  struct verify_job *job = ctx;
  (void)worker;
  job->status[part] =
      pcln_verify_part(job->table, (unsigned)part, job->n_parts, job->sink);
}

static enum pcln_status verify_parts(const struct run *r,
                                     const struct pcln_table *t) {
  struct verify_job job = {.table = t, .sink = &r->sink, .n_parts = 1};
  if (r->o.threads > 1)
    job.n_parts = VERIFY_PARTS;
  pcln_parallel(r->o.threads, job.n_parts, verify_part, &job);
  enum pcln_status st = PCLN_OK;
  for (unsigned i = 0; i < job.n_parts && st == PCLN_OK; i++)
    st = job.status[i];
  return st;
}

// Our own work is held to what everybody's is: no table leaves unverified.
static enum pcln_status verify(struct run *r) {
  struct pcln_table t;
  enum pcln_status st = PCLN_OK;
  if (r->o.verify) {
    st = pcln_open(&t, r->bytes, r->len, NULL, &r->sink);
    if (st == PCLN_OK)
      st = verify_parts(r, &t);
    if (st == PCLN_NOT_FOUND)
      st = PCLN_CORRUPT;
  }
  lap(r, &r->stats->ms_verify);
  return st;
}

static enum pcln_status write_sidecar(struct run *r) {
  if (r->o.sidecar_path)
    return pcln_elf_sidecar(r->elf, r->o.sidecar_path, r->bytes, r->len,
                            &r->sink);
  const size_t size = strlen(r->path) + sizeof ".pclntab";
  char *path = malloc(size);
  if (!path)
    return say(r, PCLN_ERROR, PCLN_NO_MEMORY, "no-memory",
               pcln_status_text(PCLN_NO_MEMORY));
  snprintf(path, size, "%s.pclntab", r->path);
  const enum pcln_status st =
      pcln_elf_sidecar(r->elf, path, r->bytes, r->len, &r->sink);
  free(path);
  return st;
}

static enum pcln_status write_table(struct run *r) {
  enum pcln_status st = PCLN_OK;
  if (r->o.placement == PCLN_PLACE_EMBEDDED)
    st = pcln_elf_embed(r->elf, &r->place, r->bytes, r->len, &r->o, &r->sink);
  else if (r->o.placement == PCLN_PLACE_SIDECAR)
    st = write_sidecar(r);
  lap(r, &r->stats->ms_write);
  return st;
}

static void finish_stats(struct run *r) {
  struct rusage usage;
  r->stats->ms_total = now_ms() - r->started;
  if (getrusage(RUSAGE_SELF, &usage) == 0)
    r->stats->peak_rss = (size_t)usage.ru_maxrss * 1024;
}

enum pcln_status pcln_link_file(const char *path,
                                const struct pcln_link_options *o,
                                const struct pcln_sink *sink,
                                struct pcln_link_stats *stats) {
  struct pcln_link_stats own_stats;
  struct run r = {.path = path,
                  .o = *o,
                  .outer = sink,
                  .stats = stats ? stats : &own_stats,
                  .started = now_ms()};
  r.sink = (struct pcln_sink){.fn = name_file, .ctx = &r};
  r.lap = r.started;
  *r.stats = (struct pcln_link_stats){0};
  if (!r.o.threads)
    r.o.threads = default_threads();
  pcln_module_init(&r.module);

  enum pcln_status st = pcln_elf_open(path, &r.sink, &r.elf);
  // Early: a file that cannot take a table costs no time.
  if (st == PCLN_OK)
    st = choose_place(&r);
  lap(&r, &r.stats->ms_open);
  if (st == PCLN_OK)
    st = fill_model(&r);
  if (st == PCLN_OK)
    st = encode(&r);
  if (st == PCLN_OK)
    st = verify(&r);
  // All or nothing, see elf_write.c.
  if (st == PCLN_OK)
    st = write_table(&r);

  free(r.bytes);
  pcln_module_free(&r.module);
  pcln_elf_close(r.elf); // last: the model borrows its strings
  finish_stats(&r);
  return st;
}
