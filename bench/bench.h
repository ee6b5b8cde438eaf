// SPDX-License-Identifier: Apache-2.0
//
// What the lookup benchmarks share, in C and C++: the text section of a file,
// a clock, and the same random pcs for every peer.
#ifndef PCLNTAB_BENCH_H
#define PCLNTAB_BENCH_H

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct bench_file {
  const uint8_t *bytes;
  size_t len;
  uint64_t text_va, text_len;
};

// Processor time, since everything timed here runs on one thread.
static inline double bench_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static inline void bench_die(const char *what, const char *name) {
  fprintf(stderr, "bench: %s: %s\n", name, what);
  exit(2);
}

// The section `name`, of a 64-bit file that we have just linked ourselves; so
// unlike everything in the library this trusts what it reads.
static inline const Elf64_Shdr *bench_section(const struct bench_file *f,
                                              const char *name) {
  const Elf64_Ehdr *e = (const Elf64_Ehdr *)(const void *)f->bytes;
  const Elf64_Shdr *s =
      (const Elf64_Shdr *)(const void *)(f->bytes + e->e_shoff);
  const char *names = (const char *)f->bytes + s[e->e_shstrndx].sh_offset;
  for (unsigned i = 0; i < e->e_shnum; i++)
    if (!strcmp(names + s[i].sh_name, name))
      return &s[i];
  return NULL;
}

static inline struct bench_file bench_open(const char *path) {
  struct bench_file f = {0};
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &st) != 0)
    bench_die("cannot open", path);
  f.len = (size_t)st.st_size;
  f.bytes = (const uint8_t *)mmap(NULL, f.len, PROT_READ, MAP_PRIVATE, fd, 0);
  if (f.bytes == MAP_FAILED)
    bench_die("cannot map", path);
  close(fd);
  const Elf64_Shdr *text = bench_section(&f, ".text");
  if (!text)
    bench_die("no .text", path);
  f.text_va = text->sh_addr;
  f.text_len = text->sh_size;
  return f;
}

// The pcs: splitmix64 from a fixed seed, uniform over .text.
static inline uint64_t bench_pc(const struct bench_file *f, uint64_t i) {
  uint64_t z = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return f->text_va + (z ^ (z >> 31)) % f->text_len;
}

// One line of results, read by bench/run: what was found must be comparable.
struct bench_result {
  double setup_ms, ms;
  uint64_t lookups, found, frames;
};
static inline void bench_print(const char *peer, const struct bench_result *r) {
  printf("%s setup_ms %.2f ns %.1f found %.4f frames %.3f\n", peer, r->setup_ms,
         r->ms * 1e6 / (double)r->lookups,
         (double)r->found / (double)r->lookups,
         (double)r->frames / (double)(r->found ? r->found : 1));
}

#endif
