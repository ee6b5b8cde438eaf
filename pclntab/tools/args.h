// SPDX-License-Identifier: Apache-2.0
//
// The command line of the programs that change files: pclntab-link and
// pclntab-obj.
#ifndef PCLNTAB_TOOLS_ARGS_H
#define PCLNTAB_TOOLS_ARGS_H

enum { EXIT_FAULTS = 1, EXIT_CANNOT_RUN = 2 };

struct tool {
  const char *name;
  void (*print_help)(void);
  // Takes the option `arg`; `next` is the word behind it, or null. Returns how
  // many words that were, 0: there is no such option, negative: it has said
  // what is wrong with it.
  int (*option)(void *ctx, const char *arg, const char *next);
  void *ctx;
};

// Says what is wrong with the command line. Returns EXIT_CANNOT_RUN.
int tool_usage_error(const struct tool *tool, const char *about,
                     const char *what);
// Reads the options in front of and between the files, which move to the start
// of argv; *n_files of them, at least one. Negative: go on, else the exit
// status.
int tool_args(const struct tool *tool, int argc, char **argv, int *n_files);

#endif
