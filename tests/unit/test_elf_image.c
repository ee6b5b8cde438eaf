// SPDX-License-Identifier: Apache-2.0
//
// elf_image.c on this program itself, whose answers are known, on every
// compression that the tools write, and on damaged copies.
#define _GNU_SOURCE // memfd_create
#include "elf_image.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *self = "/proc/self/exe";
static char last_fault[64];

static void remember(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  snprintf(last_fault, sizeof last_fault, "%s", r->fault);
}
static const struct pcln_sink sink = {.fn = remember};

static uint8_t *slurp(const char *path, size_t *len) {
  const int fd = open(path, O_RDONLY);
  struct stat sb;
  assert_true(fd >= 0 && fstat(fd, &sb) == 0);
  *len = (size_t)sb.st_size;
  uint8_t *bytes = malloc(*len);
  assert_int_equal(read(fd, bytes, *len), *len);
  close(fd);
  return bytes;
}

// Opens `len` bytes from memory, reads all that a user could, and closes.
static enum pcln_status visit(int fd, const uint8_t *bytes, size_t len) {
  assert_int_equal(ftruncate(fd, 0), 0);
  assert_int_equal(pwrite(fd, bytes, len, 0), len);
  struct pcln_elf *elf;
  last_fault[0] = 0;
  enum pcln_status st = pcln_elf_open_range("memory", fd, 0, len, &sink, &elf);
  if (st != PCLN_OK) {
    assert_null(elf);
    assert_true(last_fault[0]);
    return st;
  }
  volatile size_t sum = 0;
  for (size_t i = 0; i < elf->n_symbols; i++)
    sum += strlen(elf->symbols[i].name);
  for (size_t i = 0; i < elf->n_sections; i++) {
    struct pcln_span s;
    sum += strlen(elf->sections[i].name);
    if (pcln_elf_content(elf, &elf->sections[i], &sink, &s) == PCLN_OK && s.len)
      sum += s.ptr[0] + s.ptr[s.len - 1];
  }
  for (size_t i = 0; i < elf->n_segments; i++) {
    struct pcln_span s = pcln_elf_at(elf, elf->segments[i].va);
    if (s.ptr)
      sum += s.ptr[0] + s.ptr[s.len - 1];
  }
  if (elf->build_id.ptr)
    sum += elf->build_id.ptr[elf->build_id.len - 1];
  pcln_elf_close(elf);
  return st;
}

static void elf_image_reads_this_program(void **state) {
  (void)state;
  struct pcln_elf *elf;
  assert_int_equal(pcln_elf_open(self, &sink, &elf), PCLN_OK);
  assert_int_equal(elf->ptr_size, sizeof(void *));
  assert_false(elf->swap);
  const struct pcln_elf_section *text = pcln_elf_find(elf, ".text");
  assert_non_null(text);
  assert_true(text->flags & SHF_EXECINSTR);
  const struct pcln_elf_symbol *main_sym = NULL;
  for (size_t i = 0; i < elf->n_symbols; i++)
    if (!strcmp(elf->symbols[i].name, "main"))
      main_sym = &elf->symbols[i];
  assert_non_null(main_sym);
  assert_int_equal(main_sym->type, STT_FUNC);
  assert_int_equal(main_sym->shndx, text->idx);
  struct pcln_span content, mapped = pcln_elf_at(elf, text->va);
  assert_int_equal(pcln_elf_content(elf, text, &sink, &content), PCLN_OK);
  assert_ptr_equal(content.ptr, mapped.ptr);
  assert_true(mapped.len >= content.len);
  assert_null(pcln_elf_at(elf, UINT64_MAX).ptr);
  assert_null(pcln_elf_find(elf, ".no.such.section"));
  pcln_elf_close(elf);
}

// Compresses the debug sections with objcopy and compares each content with
// the uncompressed one.
static void elf_image_decompresses(void **state) {
  (void)state;
  const char *kinds[] = {"zlib-gnu", "zlib-gabi", "zstd"};
  for (size_t k = 0; k < 3; k++) {
    char out[] = "/tmp/elf-image-XXXXXX", cmd[256];
    close(mkstemp(out));
    snprintf(cmd, sizeof cmd, "objcopy --compress-debug-sections=%s %s %s",
             kinds[k], realpath(self, (char[PATH_MAX]){0}), out);
    if (system(cmd) != 0) {
      print_message("objcopy cannot write %s\n", kinds[k]);
      unlink(out);
      continue;
    }
    struct pcln_elf *plain, *packed;
    assert_int_equal(pcln_elf_open(self, &sink, &plain), PCLN_OK);
    assert_int_equal(pcln_elf_open(out, &sink, &packed), PCLN_OK);
    const char *names[] = {".debug_info", ".debug_line", ".debug_str"};
    for (size_t i = 0; i < 3; i++) {
      struct pcln_span a, b;
      assert_int_equal(pcln_elf_debug(plain, names[i], &sink, &a), PCLN_OK);
      assert_int_equal(pcln_elf_debug(packed, names[i], &sink, &b), PCLN_OK);
      assert_int_equal(a.len, b.len);
      assert_memory_equal(a.ptr, b.ptr, a.len);
      assert_int_equal(pcln_elf_debug(packed, names[i], &sink, &a), PCLN_OK);
      assert_ptr_equal(a.ptr, b.ptr); // kept, not inflated again
    }
    struct pcln_span none;
    assert_int_equal(pcln_elf_debug(packed, ".debug_none", &sink, &none),
                     PCLN_NOT_FOUND);
    pcln_elf_close(plain);
    pcln_elf_close(packed);
    unlink(out);
  }
}

static void elf_image_names_what_is_wrong(void **state) {
  (void)state;
  size_t len;
  uint8_t *good = slurp(self, &len);
  const int fd = memfd_create("elf", 0);
  assert_true(fd >= 0);
  Elf64_Ehdr h;
  memcpy(&h, good, sizeof h);
  const struct {
    size_t at, n;
    uint64_t value;
    const char *fault;
  } cases[] = {
      {0, 1, 0, "elf-magic"},
      {EI_CLASS, 1, 9, "elf-ident"},
      {EI_DATA, 1, 9, "elf-ident"},
      {offsetof(Elf64_Ehdr, e_shoff), 8, len, "elf-section-table"},
      {offsetof(Elf64_Ehdr, e_shentsize), 2, 1, "elf-section-table"},
      {offsetof(Elf64_Ehdr, e_shnum), 2, 60000, "elf-section-table"},
      {offsetof(Elf64_Ehdr, e_shstrndx), 2, 1, "elf-string-table"},
      {offsetof(Elf64_Ehdr, e_phoff), 8, len, "elf-segment-table"},
      {offsetof(Elf64_Ehdr, e_phentsize), 2, 1, "elf-segment-table"},
      {h.e_shoff + 64, 4, 0x7fffffff, "elf-section-name"},
      {h.e_shoff + 64 + offsetof(Elf64_Shdr, sh_offset), 8, len + 1,
       "elf-section-bounds"},
      {h.e_shoff + 64 + offsetof(Elf64_Shdr, sh_size), 8, UINT64_MAX,
       "elf-section-bounds"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint8_t saved[8];
    memcpy(saved, good + cases[i].at, 8);
    memcpy(good + cases[i].at, &cases[i].value, cases[i].n);
    assert_int_not_equal(visit(fd, good, len), PCLN_OK);
    assert_string_equal(last_fault, cases[i].fault);
    memcpy(good + cases[i].at, saved, 8);
  }
  assert_int_equal(visit(fd, good, len), PCLN_OK);
  close(fd);
  free(good);
}

static void elf_image_survives_damage(void **state) {
  (void)state;
  size_t len;
  uint8_t *good = slurp(self, &len);
  const int fd = memfd_create("elf", 0);
  Elf64_Ehdr h;
  memcpy(&h, good, sizeof h);
  for (size_t n = 1; n < len; n += n < 1024 ? 7 : 4099)
    assert_int_not_equal(visit(fd, good, n), PCLN_OK);
  // Each byte of the file header, the program headers and section headers.
  const size_t ends[][2] = {{0, sizeof h + h.e_phnum * sizeof(Elf64_Phdr)},
                            {h.e_shoff, len}};
  for (size_t k = 0; k < 2; k++)
    for (size_t i = ends[k][0]; i < ends[k][1]; i += 3) {
      good[i] ^= 0xff;
      (void)visit(fd, good, len);
      good[i] ^= 0xff;
    }
  close(fd);
  free(good);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elf_image_reads_this_program),
      cmocka_unit_test(elf_image_decompresses),
      cmocka_unit_test(elf_image_names_what_is_wrong),
      cmocka_unit_test(elf_image_survives_damage),
  };
  return cmocka_run_group_tests_name("elf_image", tests, NULL, NULL);
}
