// SPDX-License-Identifier: Apache-2.0
//
// Members of archives in a link by lld. gold and GNU ld show their plugins each
// member that they link; lld shows nothing, and which members it takes only it
// knows. What is wrong with a member that is not linked is no error: so members
// are not looked at before the link, and a fault is found in the output, where
// nobody knows any more from which member it came.
//
// When that has happened, and only then, the archives are read after all, and
// the members that have such a fault are named in notes.
#include "finish.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct pcln_sink silent = {0};

static void say_note(void *ctx, const struct pcln_report *r) {
  const struct pcln_sink to_stderr = pcln_stderr_sink(PCLNLD_NAME);
  struct pcln_report note = *r;
  (void)ctx;
  note.severity = PCLN_NOTE;
  pcln_say(&to_stderr, &note);
}

static enum pcln_status inspect_member(void *ctx, const char *name,
                                       uint64_t off, uint64_t len,
                                       uint8_t **out, size_t *out_len) {
  const int *fd = ctx;
  const struct pcln_sink notes = {.fn = say_note};
  struct pcln_annot_inputs annotations = {0};
  struct pclnld_input in;
  *out = NULL;
  *out_len = 0;
  const enum pcln_status st =
      pclnld_inspect(name, *fd, off, len, &annotations, &notes, &in);
  pcln_annot_inputs_free(&annotations);
  return st == PCLN_UNSUPPORTED ? PCLN_OK : st; // no object
}

void pclnld_name_members(const char *path) {
  struct stat sb;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_size > 0) {
    const size_t len = (size_t)sb.st_size;
    uint8_t *unchanged;
    size_t unchanged_len;
    void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes != MAP_FAILED) {
      // Of a thin or damaged archive nothing can be said.
      if (pcln_is_archive(bytes, len) &&
          pcln_archive_rewrite(path, bytes, len, inspect_member, &fd, &silent,
                               &unchanged, &unchanged_len) == PCLN_OK)
        free(unchanged);
      munmap(bytes, len);
    }
  }
  close(fd);
}
