// SPDX-License-Identifier: Apache-2.0
//
// pclntab-link: gives a linked program or shared object its table, whatever
// linked it. The plugin does the same at the end of a link.
#include "link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = "pclntab-link";

enum { EXIT_FAULTS = 1, EXIT_CANNOT_RUN = 2 };

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

static int usage_error(const char *what, const char *about) {
  fprintf(stderr, "%s: error: %s%s; see --help [usage]\n", program, about,
          what);
  return EXIT_CANNOT_RUN;
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

// Reads the options in front of and between the files, which move to the
// start of argv; *n_files of them. Negative: go on, else the exit status.
static int read_options(int argc, char **argv, struct pcln_link_options *o,
                        const struct pcln_sink *sink, int *n_files) {
  bool only_files = false;
  *n_files = 0;
  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i];
    if (only_files || arg[0] != '-' || !arg[1]) {
      argv[(*n_files)++] = argv[i];
    } else if (!strcmp(arg, "--")) {
      only_files = true;
    } else if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
      print_help();
      return EXIT_SUCCESS;
    } else if (!strcmp(arg, "--version")) {
      printf("pclntab-link %s\n", PCLNTAB_VERSION);
      return EXIT_SUCCESS;
    } else if (strncmp(arg, "--", 2)) {
      return usage_error(arg, "there is no option ");
    } else if (pcln_link_option(o, arg + 2, sink) != PCLN_OK) {
      return EXIT_CANNOT_RUN;
    }
  }
  return -1;
}

int main(int argc, char **argv) {
  const struct pcln_sink sink = pcln_stderr_sink(program);
  struct pcln_link_options o;
  int n_files;
  pcln_link_options_init(&o);
  int status = read_options(argc, argv, &o, &sink, &n_files);
  if (status < 0 && !n_files)
    status = usage_error("no FILE given", "");
  if (status < 0 && n_files > 1 && o.sidecar_path)
    status = usage_error("--sidecar=PATH needs a single FILE", "");
  if (status < 0) {
    status = EXIT_SUCCESS;
    for (int i = 0; i < n_files; i++) {
      const int one = finish(argv[i], &o, &sink);
      status = one > status ? one : status;
    }
  }
  pcln_link_options_free(&o);
  return status;
}
