// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE // mkostemp
#include "elf_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum pcln_status failed(const char *path, const struct pcln_sink *sink,
                               enum pcln_status status) {
  const bool io = status == PCLN_IO;
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = io ? "file-write" : "no-memory",
                                       .file = path,
                                       .text = io ? strerror(errno)
                                                  : pcln_status_text(status)});
  return status;
}

bool pcln_write_all(int fd, const void *bytes, size_t len, uint64_t off) {
  const uint8_t *p = bytes;
  while (len) {
    const ssize_t n = pwrite(fd, p, len, (off_t)off);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    p += n;
    off += (uint64_t)n;
    len -= (size_t)n;
  }
  return true;
}

// The new file's owner and mode: those of the one it replaces.
static bool set_mode(int fd, const struct stat *old) {
  if (!old) {
    const mode_t mask = umask(0);
    umask(mask);
    return fchmod(fd, 0666 & ~mask) == 0;
  }
  if (fchown(fd, old->st_uid, old->st_gid) < 0)
    errno = 0;
  return fchmod(fd, old->st_mode & 07777) == 0;
}

static enum pcln_status make_names(struct pcln_replacement *r,
                                   const char *path) {
  r->path = realpath(path, NULL);
  if (!r->path)
    r->path = strdup(path); // a new file
  const size_t len =
      strlen(path) + (r->path ? strlen(r->path) : 0) + sizeof ".pclntab-XXXXXX";
  r->tmp = malloc(len);
  if (!r->path || !r->tmp)
    return PCLN_NO_MEMORY;
  snprintf(r->tmp, len, "%s.pclntab-XXXXXX", r->path);
  return PCLN_OK;
}

enum pcln_status pcln_replace_begin(struct pcln_replacement *r,
                                    const char *path, const void *bytes,
                                    size_t len, const struct pcln_sink *sink) {
  struct stat sb;
  *r = (struct pcln_replacement){0};
  enum pcln_status st = make_names(r, path);
  if (st != PCLN_OK) {
    free(r->tmp);
    r->tmp = NULL;
    return failed(path, sink, st);
  }
  const bool exists = stat(r->path, &sb) == 0;
  const int fd = mkostemp(r->tmp, O_CLOEXEC);
  if (fd < 0) {
    st = failed(path, sink, PCLN_IO);
    free(r->tmp);
    r->tmp = NULL;
    return st;
  }
  if (!pcln_write_all(fd, bytes, len, 0) || !set_mode(fd, exists ? &sb : NULL))
    st = failed(path, sink, PCLN_IO);
  if (close(fd) < 0 && st == PCLN_OK)
    st = failed(path, sink, PCLN_IO);
  return st;
}

enum pcln_status pcln_replace_commit(struct pcln_replacement *r,
                                     const struct pcln_sink *sink) {
  if (rename(r->tmp, r->path) < 0)
    return failed(r->path, sink, PCLN_IO);
  free(r->tmp);
  r->tmp = NULL;
  return PCLN_OK;
}

void pcln_replace_end(struct pcln_replacement *r) {
  if (r->tmp)
    unlink(r->tmp);
  free(r->tmp);
  free(r->path);
  *r = (struct pcln_replacement){0};
}
