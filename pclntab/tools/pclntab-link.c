// SPDX-License-Identifier: Apache-2.0
//
// pclntab-link: gives a linked program or shared object its table, whatever
// linked it. The plugin does the same at the end of a link.
#include "args.h"
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "pclntab-link";

static void print_help(void) {
  printf("Usage: pclntab-link [OPTION]... FILE...\n"
         "Makes the table of each linked FILE from its symbols, call frame "
         "information and\nDWARF, and puts it into FILE or beside it.\n\n"
         "Actions:\n"
         "  --help                    print this and exit\n"
         "  --version                 print the version and exit\n\n"
         "Options:\n%s\n"
         "Exit status: 0 done, 1 a FILE has faults or cannot take a table, 2 "
         "could not run.\n",
         pcln_link_options_help());
}

// One file; its exit status.
static int finish(const char *path, const struct pcln_link_options *o,
                  const struct pcln_sink *sink) {
  struct pcln_link_stats stats;
  const enum pcln_status st = pcln_link_file(path, o, sink, &stats);
  if (st == PCLN_OK && o->stats)
    pcln_link_print_stats(path, &stats);
  if (st == PCLN_IO || st == PCLN_NO_MEMORY)
    return EXIT_CANNOT_RUN;
  return st == PCLN_OK ? EXIT_SUCCESS : EXIT_FAULTS;
}

struct job {
  struct pcln_link_options options;
  struct pcln_sink sink;
};

static int take_option(void *ctx, const char *arg, const char *next) {
  struct job *job = ctx;
  (void)next;
  if (strncmp(arg, "--", 2) != 0)
    return 0;
  return pcln_link_option(&job->options, arg + 2, &job->sink) == PCLN_OK ? 1
                                                                         : -1;
}

int main(int argc, char **argv) {
  struct job job = {.sink = pcln_stderr_sink(program)};
  const struct tool tool = {program, print_help, take_option, &job};
  int n_files;
  pcln_link_options_init(&job.options);
  int status = tool_args(&tool, argc, argv, &n_files);
  if (status < 0 && n_files > 1 && job.options.sidecar_path)
    status = tool_usage_error(&tool, "--sidecar=PATH needs a single FILE", "");
  if (status < 0) {
    status = EXIT_SUCCESS;
    for (int i = 0; i < n_files; i++) {
      const int one = finish(argv[i], &job.options, &job.sink);
      status = one > status ? one : status;
    }
  }
  pcln_link_options_free(&job.options);
  return status;
}
