// SPDX-License-Identifier: Apache-2.0
//
// What both ways into a linker share: options, the reserving object, and the
// end of a link. Private to ld-plugin/.
#ifndef PCLNTAB_LD_PLUGIN_FINISH_H
#define PCLNTAB_LD_PLUGIN_FINISH_H

#include "link.h"

// The name in front of every message.
#define PCLNLD_NAME "pclntab-ld"

// Where reports go: standard error, without notes.
extern const struct pcln_sink pclnld_sink;

// Sets the plugin's defaults, then the options in the environment variable
// PCLNTAB_OPTIONS, separated by commas. A bad one is reported.
PCLN_MUST_CHECK enum pcln_status
pclnld_options_init(struct pcln_link_options *o);

// Whether the link needs the reserving object.
bool pclnld_wants_slot(const struct pcln_link_options *o);

// Makes the object that reserves the program header. `path` names it for this
// process and its children as long as `*fd`, which the caller owns, is open: it
// has no name in the file system, so nothing is left behind by a linker that is
// killed. A target that is not known is this machine's.
enum { PCLNLD_PATH_MAX = 64 };
PCLN_MUST_CHECK enum pcln_status
pclnld_slot_object(const struct pcln_elf_target *target, int *fd,
                   char path[PCLNLD_PATH_MAX]);

// Gives the linked file its table; the process's exit status: 0, or 1 after a
// failure, which has been reported, and for which `output` has been removed.
// An output that is not a regular file (/dev/null) is left alone.
PCLN_MUST_CHECK int pclnld_finish(const char *output,
                                  const struct pcln_link_options *o);

// What the plugin wants to know of one input.
struct pclnld_input {
  struct pcln_elf_target target;
  bool relocatable; // an object, not a shared library
  bool has_debug;
  bool has_allocated_stackmaps;
  bool bad_annotations; // which has been reported
};
// Reads `len` bytes at `off` of `fd`. PCLN_UNSUPPORTED: not ELF. What is wrong
// with the file is the linker's to say, and is not reported. Annotations of an
// object are checked, with reports to `sink`, and added to `annotations`.
PCLN_MUST_CHECK enum pcln_status
pclnld_inspect(const char *name, int fd, uint64_t off, uint64_t len,
               struct pcln_annot_inputs *annotations,
               const struct pcln_sink *sink, struct pclnld_input *out);
// Whether a report of pclnld_sink was about annotations.
bool pclnld_annotations_failed(void);
// Names the members of the archive `path` whose annotations have a fault, in
// notes. Another file, or one that cannot be read: does nothing.
void pclnld_name_members(const char *path);

// What to do about allocated stack maps.
#define PCLNLD_STACKMAPS_TEXT                                                  \
  "the object has an allocated .llvm_stackmaps, which linkers drop or leave "  \
  "unrelocated; run pclntab-obj on it before the link"

#endif
