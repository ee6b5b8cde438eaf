// SPDX-License-Identifier: Apache-2.0
//
// elf_write.c with a dummy table on real programs: each linker and kind of
// program runs afterwards, survives strip and eu-strip with its table, a second
// run gives the same bytes, and a failure leaves the file as it was.
#define _GNU_SOURCE // asprintf
#include "link.h"

#include "bytes.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>

#include <cmocka.h>

static char dir[] = "/tmp/elf-write-XXXXXX";
static char last_fault[64];

static void remember(void *ctx, const struct pcln_report *r) {
  (void)ctx;
  snprintf(last_fault, sizeof last_fault, "%s", r->fault);
}
static const struct pcln_sink sink = {.fn = remember};

// Runs a shell command in the test's folder; its exit status.
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...) {
  va_list args;
  char *line, *whole;
  va_start(args, format);
  assert_true(vasprintf(&line, format, args) > 0);
  va_end(args);
  assert_true(asprintf(&whole, "cd %s && {\n%s\n} >log 2>&1", dir, line) > 0);
  const int status = system(whole);
  free(line);
  free(whole);
  return status;
}

static const char *in_dir(const char *name) {
  static char path[4][64];
  static unsigned next;
  char *p = path[next++ % 4];
  snprintf(p, 64, "%s/%s", dir, name);
  return p;
}

static uint8_t *slurp(const char *name, size_t *len) {
  const int fd = open(in_dir(name), O_RDONLY);
  struct stat sb;
  assert_true(fd >= 0 && fstat(fd, &sb) == 0);
  *len = (size_t)sb.st_size;
  uint8_t *bytes = malloc(*len);
  assert_int_equal(read(fd, bytes, *len), *len);
  close(fd);
  return bytes;
}

static bool same_file(const char *a, const char *b) {
  return run("cmp %s %s", a, b) == 0;
}

// Embeds a table of `len` bytes that has nothing but a module header.
static enum pcln_status embed(const char *name, size_t len,
                              const struct pcln_link_options *o) {
  struct pcln_elf *elf;
  struct pcln_place place;
  enum pcln_status st = pcln_elf_open(in_dir(name), &sink, &elf);
  if (st != PCLN_OK)
    return st;
  st = pcln_elf_place(elf, o, &sink, &place);
  if (st == PCLN_OK) {
    uint8_t *blob = calloc(1, len);
    memset(blob, 0xa5, len);
    memcpy(blob, PCLN_MODULE_MAGIC, 8);
    pcln_store64(blob + PCLN_MOD_HEADER_VA, place.va, false);
    pcln_store32(blob + PCLN_MOD_PCLNTAB, PCLN_MOD_SIZE, false);
    st = pcln_elf_embed(elf, &place, blob, len, o, &sink);
    free(blob);
  }
  pcln_elf_close(elf);
  return st;
}

// Every PT_NOTE reads as notes with known owners to its very end, as programs
// that look for their build-id read it.
static void expect_sound_notes(const struct pcln_elf *elf) {
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    if (p->type != PT_NOTE)
      continue;
    const uint32_t mask = p->align == 8 ? 7 : 3;
    struct pcln_cursor c =
        pcln_cursor_at(elf->bytes + p->off, (size_t)p->filesz, elf->swap);
    while (pcln_left(&c)) {
      const uint32_t name_len = pcln_u32(&c), desc_len = pcln_u32(&c);
      pcln_skip(&c, 4);
      const char *name = (const char *)pcln_take(&c, name_len);
      assert_non_null(name);
      assert_true(!strcmp(name, "GNU") || !strcmp(name, PCLN_SLOT_NOTE_NAME));
      pcln_skip(&c, (mask + 1 - (pcln_tell(&c) & mask)) & mask);
      pcln_skip(&c, desc_len);
      pcln_skip(&c, (mask + 1 - (pcln_tell(&c) & mask)) & mask);
      assert_false(c.failed);
    }
  }
}

// The file has one read-only segment with the table, which its section names.
static void expect_table(const char *name, size_t len) {
  struct pcln_elf *elf;
  assert_int_equal(pcln_elf_open(in_dir(name), &sink, &elf), PCLN_OK);
  const struct pcln_elf_section *s = pcln_elf_find(elf, PCLN_SECTION);
  assert_non_null(s);
  assert_int_equal(s->flags, SHF_ALLOC);
  assert_int_equal(s->size, len);
  size_t n = 0;
  uint64_t last_va = 0;
  for (size_t i = 0; i < elf->n_segments; i++) {
    const struct pcln_elf_segment *p = &elf->segments[i];
    if (p->type != PT_LOAD)
      continue;
    assert_true(p->va >= last_va);
    assert_int_equal(p->va % p->align, p->off % p->align);
    last_va = p->va + p->memsz;
    if (p->va != s->va)
      continue;
    n++;
    assert_int_equal(p->flags, PF_R);
    assert_true(p->filesz >= len && p->memsz == p->filesz);
    assert_memory_equal(elf->bytes + p->off, PCLN_MODULE_MAGIC, 8);
    for (size_t k = PCLN_MOD_SIZE; k < len; k++)
      assert_int_equal(elf->bytes[p->off + k], 0xa5);
  }
  assert_int_equal(n, 1);
  expect_sound_notes(elf);
  pcln_elf_close(elf);
}

static int set_up(void **state) {
  (void)state;
  assert_non_null(mkdtemp(dir));
  const int fd = open(in_dir("slot.o"), O_WRONLY | O_CREAT, 0644);
  assert_int_equal(pcln_elf_slot_object(
                       fd, &(struct pcln_elf_target){EM_X86_64, 8, false, 0}),
                   PCLN_OK);
  close(fd);
  assert_int_equal(
      run("cat > a.c <<'E'\n#include <stdio.h>\n#include <stdlib.h>\n"
          "static char bss[1 << 20];\n"
          "_Thread_local int tls = 3;\n"
          "#ifdef SO\nint answer(void) { return 42 + bss[7]; }\n#else\n"
          "int main(void) { char *p = malloc(1 << 20); p[5] = 1;"
          " printf(\"%%d\\n\", 42 + bss[9] + tls - 3); return p[5] - 1; }\n"
          "#endif\nE\n"
          "cat > user.c <<'E'\nint answer(void);\n"
          "int main(void) { return answer() != 42; }\nE\n"),
      0);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  return getenv("KEEP") ? 0 : run("rm -rf %s", dir);
}

// LLVM's folder is where ld.lld has its plain name, which gcc looks for.
#define GCC "gcc -B/usr/lib/llvm-19/bin "
static const char *const linkers[] = {"bfd", "gold", "lld"};
static const struct {
  const char *name, *flags;
} kinds[] = {
    {"pie", "-pie -fPIE"},
    {"exec", "-no-pie -fno-pie"},
    {"static", "-static"},
    {"static-pie", "-static-pie -fPIE"},
    {"shared", "-shared -fPIC -DSO"},
    // One program header less: gold pads before the note.
    {"norelro", "-pie -fPIE -Wl,-z,norelro"},
};
enum { N_LINKERS = 3, N_KINDS = 6 };

static bool build(const char *out, const char *linker, size_t kind,
                  const char *slot) {
  // gold does not know gcc's --no-dynamic-linker.
  if (!strcmp(linker, "gold") && !strcmp(kinds[kind].name, "static-pie"))
    return false;
  assert_int_equal(run(GCC "-g -O1 -fuse-ld=%s %s a.c %s -o %s", linker,
                       kinds[kind].flags, slot, out),
                   0);
  return true;
}

static int works(const char *name, size_t kind) {
  if (strcmp(kinds[kind].name, "shared"))
    return run("./%s | grep -qx 42", name);
  return run("cp %s liba.so && gcc user.c -L. -la -Wl,-rpath,. -o user && "
             "./user",
             name);
}

static void embedded_table_runs_and_survives_strip(void **state) {
  (void)state;
  struct pcln_link_options o = {0};
  for (size_t l = 0; l < N_LINKERS; l++)
    for (size_t k = 0; k < N_KINDS; k++) {
      if (!build("prog", linkers[l], k, "slot.o"))
        continue;
      print_message("%s %s\n", linkers[l], kinds[k].name);
      assert_int_equal(run("readelf -rW prog > rel0"), 0);
      assert_int_equal(embed("prog", 5000, &o), PCLN_OK);
      expect_table("prog", 5000);
      assert_int_equal(works("prog", k), 0);
      assert_int_equal(run("readelf -rW prog > rel1"), 0);
      assert_true(same_file("rel0", "rel1"));
      assert_int_equal(run("cp prog once"), 0);
      assert_int_equal(embed("prog", 5000, &o), PCLN_OK);
      assert_true(same_file("prog", "once"));
      const char *const strips[] = {"strip -o out prog", "eu-strip -o out prog",
                                    "objcopy --strip-all prog out",
                                    "objcopy --strip-debug prog out",
                                    "strip -o tmp prog && strip -o out tmp"};
      for (size_t i = 0; i < sizeof strips / sizeof *strips; i++) {
        assert_int_equal(run("%s", strips[i]), 0);
        expect_table("out", 5000);
        assert_int_equal(works("out", k), 0);
        // The table of a stripped file can be replaced as well.
        assert_int_equal(embed("out", 7000, &o), PCLN_OK);
        expect_table("out", 7000);
        assert_int_equal(works("out", k), 0);
      }
      assert_int_equal(run("objcopy --only-keep-debug prog out"), 0);
      assert_int_equal(run("readelf -SW out | grep -q 'pclntab.*NOBITS'"), 0);
      assert_int_equal(embed("out", 7000, &o), PCLN_UNSUPPORTED);
      assert_string_equal(last_fault, "elf-debug-file");
    }
}

static void strip_debug_shrinks_the_file(void **state) {
  (void)state;
  struct pcln_link_options o = {.strip_debug = true};
  for (size_t l = 0; l < N_LINKERS; l++)
    for (size_t k = 0; k < N_KINDS; k++) {
      if (!build("prog", linkers[l], k, "slot.o"))
        continue;
      size_t before, after;
      free(slurp("prog", &before));
      assert_int_equal(run("nm prog > nm0;"
                           "readelf -aW prog 2>&1 | grep Warn | sort -u > w0"),
                       0);
      assert_int_equal(embed("prog", 600, &o), PCLN_OK);
      free(slurp("prog", &after));
      assert_true(after < before);
      expect_table("prog", 600);
      assert_int_equal(works("prog", k), 0);
      assert_int_equal(run("nm prog > nm1"), 0);
      assert_true(same_file("nm0", "nm1"));
      assert_int_not_equal(run("readelf -SW prog | grep debug_"), 0);
      // readelf finds no more fault with it than with the linker's work.
      assert_int_equal(run("readelf -aW prog 2>&1 | grep Warn | sort -u > w1;"
                           "sort -u w0 w1 > w2; cmp w0 w2"),
                       0);
    }
}

static void moved_program_headers_run(void **state) {
  (void)state;
  struct pcln_link_options o = {0};
  for (size_t l = 0; l < N_LINKERS; l++)
    for (size_t k = 0; k < N_KINDS; k++) {
      if (!build("prog", linkers[l], k, ""))
        continue;
      assert_int_equal(run("cp prog before"), 0);
      o.move_phdrs = false;
      assert_int_equal(embed("prog", 5000, &o), PCLN_UNSUPPORTED);
      assert_string_equal(last_fault, "no-slot");
      assert_true(same_file("prog", "before"));
      o.move_phdrs = true;
      assert_int_equal(embed("prog", 5000, &o), PCLN_OK);
      expect_table("prog", 5000);
      assert_int_equal(works("prog", k), 0);
      assert_int_equal(run("cp prog once"), 0);
      o.move_phdrs = false; // they stay moved
      assert_int_equal(embed("prog", 5000, &o), PCLN_OK);
      assert_true(same_file("prog", "once"));
    }
}

static void failed_write_leaves_the_file_as_it_was(void **state) {
  (void)state;
  const struct pcln_link_options o = {0}, strip = {.strip_debug = true};
  assert_true(build("prog", "bfd", 0, "slot.o"));
  assert_int_equal(run("cp prog before"), 0);
  size_t len;
  free(slurp("prog", &len));
  struct rlimit old, limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, SIG_IGN);
  for (size_t room = 0; room < 5000 + 2000; room += 500) {
    limit = (struct rlimit){len + room, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const enum pcln_status st = embed("prog", 10000, &o);
    limit.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    const enum pcln_status st2 = embed("prog", 10000, &strip);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(st, PCLN_IO);
    assert_int_equal(st2, PCLN_IO);
    assert_string_equal(last_fault, "file-write");
    assert_true(same_file("prog", "before"));
    assert_int_not_equal(run("ls prog.pclntab*"), 0);
  }
}

static void go_compat_has_go_section(void **state) {
  (void)state;
  const struct pcln_link_options o = {.go_compat = true};
  assert_true(build("prog", "bfd", 0, "slot.o"));
  assert_int_equal(embed("prog", 5000, &o), PCLN_OK);
  struct pcln_elf *elf;
  assert_int_equal(pcln_elf_open(in_dir("prog"), &sink, &elf), PCLN_OK);
  const struct pcln_elf_section *head = pcln_elf_find(elf, PCLN_SECTION);
  const struct pcln_elf_section *go = pcln_elf_find(elf, PCLN_SECTION_GO);
  assert_int_equal(head->size, PCLN_MOD_SIZE);
  assert_int_equal(go->file_off, head->file_off + PCLN_MOD_SIZE);
  assert_int_equal(go->size, 5000 - PCLN_MOD_SIZE);
  pcln_elf_close(elf);
  assert_int_equal(works("prog", 0), 0);
}

static void slot_object_changes_nothing_else(void **state) {
  (void)state;
  const struct pcln_link_options o = {0};
  for (size_t l = 0; l < N_LINKERS; l++) {
    assert_int_equal(run(GCC "-DSO -shared -nostdlib -fPIC -fcf-protection a.c "
                             "-fuse-ld=%s -o x && " GCC
                             "-DSO -shared -nostdlib -fPIC -fcf-protection a.c "
                             "slot.o -fuse-ld=%s -o y",
                         linkers[l], linkers[l]),
                     0);
    assert_int_equal(embed("y", 5000, &o), PCLN_OK);
    // Stack flags and notes: property, ABI tag and whatever else there is.
    assert_int_equal(
        run("for f in x y; do { readelf -lW $f | grep GNU_STACK;"
            "  readelf -nW $f | grep -v 'Build ID' | grep -A3 Owner |"
            "  grep -v -e Owner -e pclntab -e '^--' -e Displaying -e '^$' | "
            "sort; } > $f.notes; done;"
            "grep -q IBT x.notes && diff x.notes y.notes"),
        0);
    assert_int_not_equal(run("readelf -nW y 2>&1 | grep -i warn"), 0);
  }
}

static void sidecar_needs_build_id(void **state) {
  (void)state;
  struct pcln_elf *elf;
  assert_int_equal(run("gcc a.c -Wl,--build-id=none -o x && gcc a.c"
                       " -Wl,--build-id -o y"),
                   0);
  assert_int_equal(pcln_elf_open(in_dir("x"), &sink, &elf), PCLN_OK);
  assert_int_equal(pcln_elf_sidecar(elf, in_dir("x.pclntab"),
                                    (const uint8_t *)"abc", 3, &sink),
                   PCLN_UNSUPPORTED);
  assert_string_equal(last_fault, "sidecar-no-build-id");
  pcln_elf_close(elf);
  assert_int_equal(pcln_elf_open(in_dir("y"), &sink, &elf), PCLN_OK);
  assert_int_equal(elf->build_id.len, 20);
  assert_int_equal(pcln_elf_sidecar(elf, in_dir("y.pclntab"),
                                    (const uint8_t *)"abc", 3, &sink),
                   PCLN_OK);
  pcln_elf_close(elf);
  assert_int_equal(run("test \"$(cat y.pclntab)\" = abc"), 0);
  assert_int_not_equal(run("ls x.pclntab*"), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(embedded_table_runs_and_survives_strip),
      cmocka_unit_test(strip_debug_shrinks_the_file),
      cmocka_unit_test(moved_program_headers_run),
      cmocka_unit_test(failed_write_leaves_the_file_as_it_was),
      cmocka_unit_test(go_compat_has_go_section),
      cmocka_unit_test(slot_object_changes_nothing_else),
      cmocka_unit_test(sidecar_needs_build_id),
  };
  return cmocka_run_group_tests_name("elf_write", tests, set_up, tear_down);
}
