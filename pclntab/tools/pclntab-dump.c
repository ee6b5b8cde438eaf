// SPDX-License-Identifier: Apache-2.0
//
// pclntab-dump: prints, looks up and verifies the pclntab of a file. The list
// of steps; each action is in a file of its own (dump.h lists them).
#include "dump.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_SOUND = 0, EXIT_FAULTS = 1, EXIT_NOT_RUN = 2 };

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
    [DUMP_MAPS] = {"maps", dump_functions},
    [DUMP_UNWIND] = {"unwind", dump_functions},
    [DUMP_STREAMS] = {"streams", dump_functions},
    [DUMP_ALL] = {"all", all},
    [DUMP_RULES] = {"rules", dump_rules},
    [DUMP_STATS] = {"stats", dump_stats},
    [DUMP_BUILDINFO] = {"buildinfo", dump_buildinfo},
    [DUMP_LOOKUP] = {"lookup", dump_lookup},
    [DUMP_SCAN] = {"scan", dump_scan},
    [DUMP_DISASM] = {"disasm", dump_disasm},
    [DUMP_VERIFY] = {"verify", dump_verify},
    [DUMP_DIFF] = {"diff", dump_diff},
    [DUMP_HTML] = {"html", dump_html},
};

// --- Main -------------------------------------------------------------------

static int complain(const char *path, const char *text, const char *name) {
  fprintf(stderr, "pclntab-dump: %s%serror: %s [%s]\n", path ? path : "",
          path ? ": " : "", text, name);
  return EXIT_NOT_RUN;
}

static int exit_code(const struct dump *d, enum pcln_status status) {
  if (d->options->action == DUMP_DIFF) // as diff(1)
    return status != PCLN_OK ? EXIT_NOT_RUN : d->differs;
  switch (status) {
  case PCLN_OK:
    return EXIT_SOUND;
  case PCLN_NOT_FOUND:
  case PCLN_UNSUPPORTED:
  case PCLN_NO_MEMORY:
  case PCLN_IO:
    return EXIT_NOT_RUN;
  default:
    return EXIT_FAULTS;
  }
}

// The document of the action, written to `fd`.
static int run(struct dump *d, int fd) {
  const struct action *action = &actions[d->options->action];
  dump_out_init(d->out, fd, d->options->json);
  dump_document_begin(d->out, action->name, d->options);
  // Answers to addresses are addr2line's, and nothing else stands among them.
  if (d->options->action != DUMP_LOOKUP || d->options->json)
    dump_errors_begin(d->errors, d->out);
  enum pcln_status status = d->opened;
  if (status == PCLN_OK)
    status = action->run(d);
  if (status == PCLN_OK && d->file->damaged)
    status = PCLN_CORRUPT;
  dump_document_end(d->out);
  dump_out_flush(d->out);
  dump_progress_end(d->out);
  return exit_code(d, status);
}

// The same, to the file that is asked for; it is left alone unless all of the
// new one was written.
static int run_to_target(struct dump *d) {
  const struct dump_options *o = d->options;
  const char *shown = o->output ? o->output : "standard output";
  struct dump_target target;
  if (dump_same_file(o->output, o->path) ||
      dump_same_file(o->output, o->other_path) ||
      dump_same_file(o->output, d->file->sidecar))
    return complain(shown, "the output would replace the input",
                    "output-is-input");
  int error = dump_target_open(&target, o->output);
  int result = EXIT_NOT_RUN;
  if (error == 0) {
    result = run(d, target.fd);
    error = d->out->error;
  }
  const int close_error =
      dump_target_close(&target, error == 0 && result != EXIT_NOT_RUN);
  if (error == 0)
    error = close_error;
  return error ? complain(shown, strerror(error), "output") : result;
}

static int run_with_names(const struct dump_options *options,
                          struct dump_file *file, enum pcln_status opened,
                          struct dump_errors *errors) {
  static struct dump_out out; // large
  const struct pcln_sink sink = {dump_errors_take, errors};
  struct dump_names names;
  if (dump_names_init(&names, options->demangle) != PCLN_OK)
    return complain(NULL, "-C: no C++ runtime library to demangle with",
                    "no-demangler");
  struct dump d = {.options = options,
                   .file = file,
                   .names = &names,
                   .out = &out,
                   .sink = &sink,
                   .errors = errors,
                   .opened = opened};
  const int result = run_to_target(&d);
  dump_names_free(&names);
  return result;
}

int main(int argc, char **argv) {
  struct dump_options options;
  char why[256];
  if (!dump_args_expand(&argc, &argv))
    return complain(NULL, pcln_status_text(PCLN_NO_MEMORY), "no-memory");
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
  static struct dump_errors errors; // large
  const struct pcln_sink sink = {dump_errors_take, &errors};
  struct dump_file file = {.path = options.path};
  enum pcln_status status = PCLN_OK;
  errors.path = options.path;
  if (options.action != DUMP_SCAN) // that one finds tables by itself
    status = dump_file_open(&file, options.path, &options, &sink);
  const int result = run_with_names(&options, &file, status, &errors);
  if (status == PCLN_OK && options.action != DUMP_SCAN)
    dump_file_close(&file);
  return result;
}
