// SPDX-License-Identifier: Apache-2.0
//
// pclntab-obj: makes object files, and archives of them, fit to be linked.
//
// All files are read and changed in memory first, then written beside the old
// ones, and only then they take their names: a run that fails for one of them
// changes none.
#include "args.h"
#include "elf_archive.h"
#include "elf_demote.h"
#include "elf_replace.h"
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char program[] = "pclntab-obj";

// One FILE.
struct input {
  const char *path;
  int fd;
  const uint8_t *bytes; // mapped; null: not yet, or it is empty
  size_t len;
  uint8_t *changed; // null: it stays as it is
  size_t changed_len;
  const struct pcln_sink *sink;
  struct pcln_replacement replacement;
};

static void print_help(void) {
  printf("Usage: pclntab-obj [OPTION]... FILE...\n"
         "Makes LLVM's stack maps in each FILE, an object or an archive of "
         "objects, a section\nthat every linker keeps and relocates.\n\n"
         "Actions:\n"
         "  --help                    print this and exit\n"
         "  --version                 print the version and exit\n\n"
         "Options:\n"
         "  -o, --output=PATH         write there; FILE stays as it is\n\n"
         "Exit status: 0 done, 1 a FILE has faults, 2 could not run. If it is "
         "not 0, no FILE\nwas changed.\n");
}

// --- Files ------------------------------------------------------------------

static enum pcln_status io_failed(const struct input *in) {
  pcln_say(in->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                           .fault = "file-read",
                                           .file = in->path,
                                           .text = strerror(errno)});
  return PCLN_IO;
}

static enum pcln_status open_input(struct input *in) {
  struct stat sb;
  in->fd = open(in->path, O_RDONLY | O_CLOEXEC);
  if (in->fd < 0 || fstat(in->fd, &sb) < 0)
    return io_failed(in);
  in->len = (size_t)sb.st_size;
  if (in->len == 0)
    return PCLN_OK; // no ELF file: said when it is opened as one
  void *map = mmap(NULL, in->len, PROT_READ, MAP_PRIVATE, in->fd, 0);
  if (map == MAP_FAILED)
    return io_failed(in);
  in->bytes = map;
  return PCLN_OK;
}

static void close_input(struct input *in) {
  if (in->bytes)
    munmap((void *)(uintptr_t)in->bytes, in->len);
  if (in->fd >= 0)
    close(in->fd);
  free(in->changed);
  pcln_replace_end(&in->replacement);
}

// --- Objects ----------------------------------------------------------------

static enum pcln_status demote(const struct input *in, const char *name,
                               uint64_t off, uint64_t len, uint8_t **out,
                               size_t *out_len) {
  struct pcln_elf *elf = NULL;
  enum pcln_status st =
      pcln_elf_open_range(name, in->fd, off, len, in->sink, &elf);
  if (st == PCLN_OK)
    st = pcln_elf_demote(elf, in->sink, out, out_len);
  pcln_elf_close(elf);
  return st;
}

// A member of an archive. Those that are no ELF objects (bitcode, text) are not
// this program's business.
static enum pcln_status demote_member(void *ctx, const char *name, uint64_t off,
                                      uint64_t len, uint8_t **out,
                                      size_t *out_len) {
  const struct input *in = ctx;
  struct pcln_cursor c = pcln_cursor_at(in->bytes + off, (size_t)len, false);
  *out = NULL;
  if (!pcln_is_elf(c.pos, pcln_left(&c)))
    return PCLN_OK;
  return demote(in, name, off, len, out, out_len);
}

static enum pcln_status change(struct input *in) {
  const enum pcln_status st = open_input(in);
  if (st != PCLN_OK)
    return st;
  if (in->bytes && pcln_is_archive(in->bytes, in->len))
    return pcln_archive_rewrite(in->path, in->bytes, in->len, demote_member, in,
                                in->sink, &in->changed, &in->changed_len);
  return demote(in, in->path, 0, in->len, &in->changed, &in->changed_len);
}

// --- Steps ------------------------------------------------------------------

// Copies beside what they replace: of what changed, or, with a path to write
// to, of the one input in any case.
static enum pcln_status write_copy(struct input *in, const char *output) {
  if (!in->changed && !output)
    return PCLN_OK;
  return pcln_replace_begin(&in->replacement, output ? output : in->path,
                            in->changed ? in->changed : in->bytes,
                            in->changed ? in->changed_len : in->len, in->sink);
}

static enum pcln_status run(struct input *inputs, size_t n,
                            const char *output) {
  enum pcln_status worst = PCLN_OK, st = PCLN_OK;
  for (size_t i = 0; i < n; i++) { // all of them, to report what each has
    st = change(&inputs[i]);
    worst = st == PCLN_OK ? worst : st;
  }
  if (worst != PCLN_OK)
    return worst;
  for (size_t i = 0; i < n && st == PCLN_OK; i++)
    st = write_copy(&inputs[i], output);
  for (size_t i = 0; i < n && st == PCLN_OK; i++)
    if (inputs[i].replacement.tmp)
      st = pcln_replace_commit(&inputs[i].replacement, inputs[i].sink);
  return st;
}

static int run_files(char **paths, int n_paths, const char *output) {
  const struct pcln_sink sink = pcln_stderr_sink(program);
  const size_t n = (size_t)n_paths;
  struct input *inputs = calloc(n, sizeof *inputs);
  if (!inputs)
    return EXIT_CANNOT_RUN;
  for (size_t i = 0; i < n; i++)
    inputs[i] = (struct input){.path = paths[i], .fd = -1, .sink = &sink};
  const enum pcln_status st = run(inputs, n, output);
  for (size_t i = 0; i < n; i++)
    close_input(&inputs[i]);
  free(inputs);
  if (st == PCLN_IO || st == PCLN_NO_MEMORY)
    return EXIT_CANNOT_RUN;
  return st == PCLN_OK ? EXIT_SUCCESS : EXIT_FAULTS;
}

static int take_option(void *ctx, const char *arg, const char *next) {
  const char **output = ctx;
  if (!strncmp(arg, "--output=", 9) && arg[9]) {
    *output = arg + 9;
    return 1;
  }
  if (strcmp(arg, "-o") != 0 || !next)
    return 0;
  *output = next;
  return 2;
}

int main(int argc, char **argv) {
  const char *output = NULL;
  const struct tool tool = {program, print_help, take_option, &output};
  int n_files;
  const int status = tool_args(&tool, argc, argv, &n_files);
  if (status >= 0)
    return status;
  if (output && n_files > 1)
    return tool_usage_error(&tool, "--output=PATH needs a single FILE", "");
  return run_files(argv, n_files, output);
}
