// SPDX-License-Identifier: Apache-2.0
//
// An ELF file of any bytes: its functions and their unwind streams. What the
// sources call a success is sorted and disjoint, lies in executable sections,
// and has streams that end with their function.
#define _GNU_SOURCE
#include "bytes.h"
#include "sources.h"
#include "src_fdes.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char path[64];

static void remove_file(void) { unlink(path); }

static void write_file(const uint8_t *data, size_t len) {
  if (!path[0]) {
    snprintf(path, sizeof path, "/dev/shm/fuzz-functions-%ld", (long)getpid());
    atexit(remove_file);
  }
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  close(fd);
}

// Bytes that a stream covers.
static uint64_t stream_end(const struct pcln_module *m,
                           struct pcln_span stream) {
  struct pcln_cursor c = pcln_cursor_at(stream.ptr, stream.len, false);
  uint64_t end = 0;
  for (bool first = true; pcln_left(&c); first = false) {
    if (pcln_varint32(&c) == 0 && !first)
      break;
    const uint32_t pcs = pcln_varint32(&c);
    assert(!c.failed && pcs != 0);
    end += (uint64_t)pcs * m->quantum;
  }
  return end;
}

static void check_func(const struct pcln_elf *elf, const struct pcln_module *m,
                       const struct pcln_func_def *f) {
  const struct pcln_elf_section *sec = pcln_text_section(elf, f->va);
  assert(sec && f->size && f->name[0]);
  assert(f->va % m->quantum == 0 && f->size % m->quantum == 0);
  assert(!f->pcsp.ptr || stream_end(m, f->pcsp) == f->size);
  for (uint32_t i = 0; i < f->n_pcdata; i++)
    assert(!f->pcdata[i].ptr || stream_end(m, f->pcdata[i]) == f->size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
  const struct pcln_source_options o = {.threads = 1};
  struct pcln_source_stats stats = {0};
  struct pcln_elf *elf;
  struct pcln_module m;
  // Work grows with the code that FDEs claim to cover, not with the file.
  if (len > 1 << 16)
    return 0;
  write_file(data, len);
  if (pcln_elf_open(path, NULL, &elf) != PCLN_OK)
    return 0;
  pcln_module_init(&m);
  if (pcln_src_functions(elf, &m, &o, &stats) == PCLN_OK &&
      pcln_src_cfi(elf, &m, &o, &stats) == PCLN_OK) {
    for (size_t i = 0; i < m.n_funcs; i++) {
      check_func(elf, &m, &m.funcs[i]);
      assert(i == 0 ||
             m.funcs[i - 1].va + m.funcs[i - 1].size <= m.funcs[i].va);
    }
  }
  pcln_module_free(&m);
  pcln_elf_close(elf);
  return 0;
}
