// SPDX-License-Identifier: Apache-2.0
//
// What the plugin and pclntab-link print: reports and statistics. The one
// place of the pipeline that writes to standard error; on behalf of programs,
// never of a library's user.
#include "link.h"

#include <stdio.h>

// Writes one line by one call, so that lines of several threads stay whole.
static void print_report(void *ctx, const struct pcln_report *r) {
  static const char *const words[] = {"note", "warning", "error"};
  char func[600] = "", region[200] = "";
  if (r->func)
    snprintf(func, sizeof func, "%.500s+0x%llx: ", r->func,
             (unsigned long long)r->func_off);
  if (r->region)
    snprintf(region, sizeof region, " (%.120s+0x%llx)", r->region,
             (unsigned long long)r->region_off);
  fprintf(stderr, "%s: %s%s%s: %s%s%s [%s]\n", (const char *)ctx,
          r->file ? r->file : "", r->file ? ": " : "", words[r->severity], func,
          r->text ? r->text : "", region, r->fault ? r->fault : "");
}

struct pcln_sink pcln_stderr_sink(const char *program) {
  return (struct pcln_sink){.fn = print_report,
                            .ctx = (void *)(uintptr_t)program};
}

static void print_sources(const struct pcln_source_stats *s) {
  fprintf(stderr,
          "  sources     %zu functions from symbols, %zu from FDEs, %zu PLT "
          "stubs, %zu IFUNCs, %zu aliases\n"
          "              %zu FDEs, %zu rules, %zu rows not unwindable\n"
          "              %zu units, %zu line rows, %zu dead sequences, %zu "
          "inlined calls, %zu virtual pcs\n"
          "              %zu annotations (%zu discarded, %zu equal), %zu "
          "safepoints, %zu roots\n",
          s->from_symbols, s->from_fdes, s->plt_stubs, s->ifuncs, s->aliases,
          s->fdes, s->rules, s->not_unwindable_rows, s->cus, s->line_rows,
          s->dead_sequences, s->inlined_calls, s->virtual_pcs, s->annotations,
          s->annot_discarded, s->annot_duplicates, s->safepoints, s->roots);
  if (s->stackmap_tables)
    fprintf(stderr,
            "              %zu stack maps of LLVM: %zu functions (%zu "
            "discarded, %zu equal), %zu records (%zu kept)\n",
            s->stackmap_tables, s->stackmap_functions, s->stackmap_dropped,
            s->stackmap_copies, s->stackmap_records, s->stackmap_kept);
}

static void print_table(const struct pcln_encode_stats *t) {
  const double per_func =
      t->n_funcs ? (double)t->total / (double)t->n_funcs : 0;
  fprintf(stderr,
          "  table       %zu bytes, %zu functions (%.1f bytes each), %zu "
          "holes, %zu inlined calls\n"
          "              names %zu, files %zu, cutab %zu, pctab %zu (%zu "
          "streams, %zu distinct)\n"
          "              functab %zu, records %zu, funcdata %zu, callees %zu, "
          "findfunctab %zu, rules %zu, roots %zu\n",
          t->total, t->n_funcs, per_func, t->n_holes, t->n_inlines, t->names,
          t->files, t->cutab, t->pctab, t->n_streams, t->n_distinct_streams,
          t->functab, t->records, t->funcdata, t->callees, t->findfunctab,
          t->rules, t->roots);
}

void pcln_link_print_stats(const char *path, const struct pcln_link_stats *s) {
  fprintf(stderr, "pclntab: %s\n", path);
  print_sources(&s->sources);
  print_table(&s->table);
  fprintf(stderr,
          "  time        %.1f ms: open %.1f, functions %.1f, CFI %.1f, "
          "annotations %.1f, DWARF %.1f, encode %.1f, verify %.1f, write %.1f\n"
          "  memory      %.1f MB at the peak\n",
          s->ms_total, s->ms_open, s->ms_functions, s->ms_cfi, s->ms_annot,
          s->ms_dwarf, s->ms_encode, s->ms_verify, s->ms_write,
          (double)s->peak_rss / 1e6);
}
