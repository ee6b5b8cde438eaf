// SPDX-License-Identifier: Apache-2.0
//
// An ELF file of any bytes: reads all that a user could, then embeds a table,
// twice. What the writer calls a success must open again, hold the table, and
// be the same after the second time; what it refuses must be as it was.
#define _GNU_SOURCE
#include "link.h"

#include "bytes.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { TABLE = 256 };
static char path[64];

static void remove_file(void) { unlink(path); }

static void write_file(const uint8_t *data, size_t len) {
  if (!path[0]) {
    snprintf(path, sizeof path, "/dev/shm/fuzz-elf-%ld", (long)getpid());
    atexit(remove_file);
  }
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  close(fd);
}

static uint8_t *read_file(size_t *len) {
  const int fd = open(path, O_RDONLY);
  struct stat sb;
  assert(fd >= 0 && fstat(fd, &sb) == 0);
  *len = (size_t)sb.st_size;
  uint8_t *bytes = malloc(*len + 1);
  assert(bytes && read(fd, bytes, *len) == (ssize_t)*len);
  close(fd);
  return bytes;
}

static void touch(struct pcln_span s, volatile unsigned *sum) {
  if (s.len)
    *sum += s.ptr[0] + s.ptr[s.len - 1];
}

static void read_all(struct pcln_elf *elf) {
  volatile unsigned sum = 0;
  for (size_t i = 0; i < elf->n_symbols; i++)
    sum += (unsigned)strlen(elf->symbols[i].name);
  for (size_t i = 0; i < elf->n_sections; i++) {
    struct pcln_span s;
    if (pcln_elf_content(elf, &elf->sections[i], NULL, &s) == PCLN_OK)
      touch(s, &sum);
  }
  for (size_t i = 0; i < elf->n_segments; i++)
    touch(pcln_elf_at(elf, elf->segments[i].va), &sum);
  touch(elf->build_id, &sum);
}

// Embeds a table; whether that worked.
static bool embed(const struct pcln_link_options *o) {
  struct pcln_elf *elf;
  struct pcln_place place;
  uint8_t blob[TABLE] = PCLN_MODULE_MAGIC;
  if (pcln_elf_open(path, NULL, &elf) != PCLN_OK)
    return false;
  enum pcln_status st = pcln_elf_place(elf, o, NULL, &place);
  if (st == PCLN_OK && place.file_off < (1 << 24)) {
    pcln_store64(blob + PCLN_MOD_HEADER_VA, place.va, elf->swap);
    st = pcln_elf_embed(elf, &place, blob, sizeof blob, o, NULL);
  } else {
    st = PCLN_LIMIT;
  }
  pcln_elf_close(elf);
  return st == PCLN_OK;
}

static void print(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  fprintf(stderr, "%s [%s]\n", r->text, r->fault);
}

static void expect_table(void) {
  const struct pcln_sink sink = {.fn = print};
  struct pcln_elf *elf;
  assert(pcln_elf_open(path, &sink, &elf) == PCLN_OK);
  bool found = false;
  for (size_t i = 0; i < elf->n_segments && !found; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    found = p->type == 1 && p->filesz >= TABLE && p->off < elf->len &&
            !memcmp(elf->bytes + p->off, PCLN_MODULE_MAGIC, 8);
  }
  assert(found);
  read_all(elf);
  pcln_elf_close(elf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  struct pcln_elf *elf;
  if (len < 2)
    return 0;
  // The first byte chooses the options.
  const struct pcln_link_options o = {.strip_debug = data[0] & 1,
                                      .move_phdrs = data[0] & 2,
                                      .go_compat = data[0] & 4};
  data++;
  len--;
  write_file(data, len);
  if (pcln_elf_open(path, NULL, &elf) != PCLN_OK)
    return 0;
  read_all(elf);
  pcln_elf_close(elf);
  const bool done = embed(&o);
  size_t once_len, twice_len;
  uint8_t *once = read_file(&once_len);
  if (!done) {
    assert(once_len == len && !memcmp(once, data, len));
  } else {
    expect_table();
    if (embed(&o))
      expect_table();
    uint8_t *twice = read_file(&twice_len);
    free(twice);
  }
  free(once);
  return 0;
}
