// SPDX-License-Identifier: Apache-2.0
//
// The command line of the programs that change files.
#include "args.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tool_usage_error(const struct tool *tool, const char *about,
                     const char *what) {
  fprintf(stderr, "%s: error: %s%s; see --help [usage]\n", tool->name, about,
          what);
  return EXIT_CANNOT_RUN;
}

int tool_args(const struct tool *tool, int argc, char **argv, int *n_files) {
  bool only_files = false;
  *n_files = 0;
  for (int i = 1; i < argc; i++) {
    char *arg = argv[i];
    if (only_files || arg[0] != '-' || !arg[1]) {
      argv[(*n_files)++] = arg;
    } else if (!strcmp(arg, "--")) {
      only_files = true;
    } else if (!strcmp(arg, "--help") || !strcmp(arg, "-h")) {
      tool->print_help();
      return EXIT_SUCCESS;
    } else if (!strcmp(arg, "--version")) {
      printf("%s %s\n", tool->name, PCLNTAB_VERSION);
      return EXIT_SUCCESS;
    } else {
      const int n =
          tool->option(tool->ctx, arg, i + 1 < argc ? argv[i + 1] : NULL);
      if (n == 0)
        return tool_usage_error(tool, "there is no option ", arg);
      if (n < 0)
        return EXIT_CANNOT_RUN;
      i += n - 1;
    }
  }
  return *n_files ? -1 : tool_usage_error(tool, "no FILE given", "");
}
