// SPDX-License-Identifier: Apache-2.0
//
// pclntab-dump: prints, looks up and verifies the pclntab of a file. The list
// of steps; each action is in a file of its own (dump.h lists them).
#include "dump.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_SOUND = 0, EXIT_FAULTS = 1, EXIT_NOT_RUN = 2 };

static const char *const severities[] = {"note", "warning", "error"};

// --- Reports ----------------------------------------------------------------

// "pclntab-dump: FILE: error: FUNC+0xOFF: TEXT at 0xREGION_OFF [fault]"
static void print_report(void *ctx, const struct pcln_report *r) {
  const char *path = ctx;
  fprintf(stderr, "pclntab-dump: %s: %s: ", r->file ? r->file : path,
          severities[r->severity]);
  if (r->func)
    fprintf(stderr, "%s+0x%llx: ", r->func, (unsigned long long)r->func_off);
  fprintf(stderr, "%s", r->text);
  if (r->region)
    fprintf(stderr, " (%s+0x%llx)", r->region,
            (unsigned long long)r->region_off);
  fprintf(stderr, " [%s]\n", r->fault);
}

// --- Actions ----------------------------------------------------------------

static enum pcln_status all(struct dump *d) {
  const enum pcln_status status = dump_header(d);
  return status == PCLN_OK ? dump_functions(d) : status;
}

struct action {
  const char *name;
  enum pcln_status (*run)(struct dump *d);
};
static const struct action actions[] = {
    [DUMP_HEADER] = {"header", dump_header},
    [DUMP_FUNCS] = {"funcs", dump_functions},
    [DUMP_LINES] = {"lines", dump_functions},
    [DUMP_CALLS] = {"calls", dump_functions},
    [DUMP_UNWIND] = {"unwind", dump_functions},
    [DUMP_STREAMS] = {"streams", dump_functions},
    [DUMP_ALL] = {"all", all},
    [DUMP_RULES] = {"rules", dump_rules},
    [DUMP_STATS] = {"stats", dump_stats},
    [DUMP_LOOKUP] = {"lookup", dump_lookup},
    [DUMP_VERIFY] = {"verify", dump_verify},
};

// --- Main -------------------------------------------------------------------

static int complain(const char *path, const char *text, const char *name) {
  fprintf(stderr, "pclntab-dump: %s%serror: %s [%s]\n", path ? path : "",
          path ? ": " : "", text, name);
  return EXIT_NOT_RUN;
}

static int run(const struct dump_options *options, struct dump_file *file,
               const struct pcln_sink *sink) {
  static struct dump_out out; // large
  struct dump_names names;
  if (dump_names_init(&names, options->demangle) != PCLN_OK)
    return complain(NULL, "-C: no C++ runtime library to demangle with",
                    "no-demangler");
  struct dump d = {options, file, &names, &out, sink};
  const struct action *action = &actions[options->action];
  dump_out_init(&out, STDOUT_FILENO, options->json);
  dump_document_begin(&out, action->name, options->path);
  const enum pcln_status status = action->run(&d);
  dump_document_end(&out);
  dump_out_flush(&out);
  dump_names_free(&names);
  if (out.error)
    return complain("standard output", strerror(out.error), "output");
  return status == PCLN_OK ? EXIT_SOUND : EXIT_FAULTS;
}

int main(int argc, char **argv) {
  struct dump_options options;
  char why[256];
  if (!dump_options_parse(argc, argv, &options, why, sizeof why))
    return complain(NULL, why, "usage");
  if (options.action == DUMP_HELP) {
    fputs(dump_options_help(), stdout);
    return fflush(stdout) ? EXIT_NOT_RUN : EXIT_SOUND;
  }
  if (options.action == DUMP_VERSION) {
    puts("pclntab-dump " PCLNTAB_VERSION);
    return fflush(stdout) ? EXIT_NOT_RUN : EXIT_SOUND;
  }
  const struct pcln_sink sink = {print_report, (void *)(uintptr_t)options.path};
  struct dump_file file;
  const enum pcln_status status =
      dump_file_open(&file, options.path, &options, &sink);
  if (status != PCLN_OK)
    return status == PCLN_CORRUPT ? EXIT_FAULTS : EXIT_NOT_RUN;
  const int result = run(&options, &file, &sink);
  dump_file_close(&file);
  return result;
}
