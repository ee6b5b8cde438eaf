// SPDX-License-Identifier: Apache-2.0
//
// The parts of the plugin that do not depend on how the linker loaded it.
#define _GNU_SOURCE // memfd_create
#include "finish.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool annotations_failed; // a process links once

bool pclnld_annotations_failed(void) { return annotations_failed; }

static bool starts_with(const char *s, const char *prefix) {
  return !strncmp(s, prefix, strlen(prefix));
}

// Notes are for people who run pclntab-link; a build's output stays quiet.
static void report(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  annotations_failed |=
      r->severity == PCLN_ERROR && starts_with(r->fault, "annot-");
  const struct pcln_sink to_stderr = pcln_stderr_sink(PCLNLD_NAME);
  if (r->severity != PCLN_NOTE)
    pcln_say(&to_stderr, r);
}
const struct pcln_sink pclnld_sink = {.fn = report};

enum pcln_status pclnld_options_init(struct pcln_link_options *o) {
  pcln_link_options_init(o);
  o->placement = PCLN_PLACE_EMBEDDED;
  o->refuse_stackmaps = true;
  const char *env = getenv("PCLNTAB_OPTIONS");
  char *copy = env ? strdup(env) : NULL, *rest = copy;
  if (env && !copy)
    return PCLN_NO_MEMORY;
  enum pcln_status st = PCLN_OK;
  for (char *word; st == PCLN_OK && (word = strsep(&rest, ","));)
    if (*word)
      st = pcln_link_option(o, word, &pclnld_sink);
  free(copy);
  return st;
}

bool pclnld_wants_slot(const struct pcln_link_options *o) {
  return o->placement == PCLN_PLACE_EMBEDDED || o->placement == PCLN_PLACE_AUTO;
}

enum pcln_status pclnld_slot_object(const struct pcln_elf_target *target,
                                    int *fd, char path[PCLNLD_PATH_MAX]) {
  struct pcln_elf_target t = *target;
  struct pcln_elf *self;
  if (!t.machine &&
      pcln_elf_open("/proc/self/exe", &pclnld_sink, &self) == PCLN_OK) {
    t = (struct pcln_elf_target){self->machine, self->ptr_size,
                                 self->big_endian, self->flags};
    pcln_elf_close(self);
  }
  *fd = memfd_create("pclntab-slot", 0); // children inherit it
  snprintf(path, PCLNLD_PATH_MAX, "/proc/self/fd/%d", *fd);
  enum pcln_status st = PCLN_IO;
  if (*fd >= 0 && access(path, R_OK) == 0)
    st = pcln_elf_slot_object(*fd, &t);
  if (st != PCLN_OK)
    pcln_say(&pclnld_sink,
             &(struct pcln_report){.severity = PCLN_ERROR,
                                   .fault = "file-write",
                                   .file = "/proc/self/fd",
                                   .text = "the object that reserves the "
                                           "program header cannot be made; is "
                                           "/proc mounted?"});
  return st;
}

int pclnld_finish(const char *output, const struct pcln_link_options *o) {
  struct stat sb;
  if (stat(output, &sb) == 0 && !S_ISREG(sb.st_mode))
    return 0;
  struct pcln_link_stats stats;
  if (pcln_link_file(output, o, &pclnld_sink, &stats) == PCLN_OK) {
    if (o->stats)
      pcln_link_print_stats(output, &stats);
    return 0;
  }
  // A program without its table must not pass for one with it.
  if (unlink(output) < 0 && errno != ENOENT)
    pcln_say(&pclnld_sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                                 .fault = "file-write",
                                                 .file = output,
                                                 .text = strerror(errno)});
  return 1;
}

enum pcln_status pclnld_inspect(const char *name, int fd, uint64_t off,
                                uint64_t len,
                                struct pcln_annot_inputs *annotations,
                                const struct pcln_sink *sink,
                                struct pclnld_input *out) {
  static const struct pcln_sink silent = {0};
  struct pcln_elf *elf;
  *out = (struct pclnld_input){0};
  // What is wrong with an input is the linker's to say.
  const enum pcln_status st =
      pcln_elf_open_range(name, fd, off, len, &silent, &elf);
  if (st != PCLN_OK)
    return st;
  out->target = (struct pcln_elf_target){elf->machine, elf->ptr_size,
                                         elf->big_endian, elf->flags};
  out->relocatable = elf->type == ET_REL;
  for (size_t i = 1; i < elf->n_sections; i++) {
    const struct pcln_elf_section *s = &elf->sections[i];
    if (starts_with(s->name, ".debug_info") ||
        starts_with(s->name, ".zdebug_info") ||
        starts_with(s->name, ".debug_line"))
      out->has_debug = true;
    if (s->flags & SHF_ALLOC && !strcmp(s->name, ".llvm_stackmaps"))
      out->has_allocated_stackmaps = true;
  }
  if (out->relocatable)
    out->bad_annotations =
        pcln_annot_inputs_add(annotations, elf, name, sink) != PCLN_OK;
  else
    out->bad_annotations =
        pcln_annot_inputs_add_shared(annotations, elf) != PCLN_OK;
  pcln_elf_close(elf);
  return PCLN_OK;
}
