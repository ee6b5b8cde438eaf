// SPDX-License-Identifier: Apache-2.0
//
// Modules: found, refused, replaced, forgotten. Usage: test_registry PLUGIN
// PLUGIN_WITH_TABLE PCLNTAB_LINK. Works on copies of the two shared objects in
// a folder of its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "internal.h"

static const char *plain, *with_table, *pclntab_link;
static char folder[] = "/tmp/pclnrt-registry-XXXXXX";

// --- Files -------------------------------------------------------------------

struct file {
  uint8_t *bytes;
  size_t len;
};

static struct file read_file(const char *path) {
  struct file f;
  FILE *in = fopen(path, "rb");
  assert_non_null(in);
  fseek(in, 0, SEEK_END);
  f.len = (size_t)ftell(in);
  rewind(in);
  f.bytes = (uint8_t *)malloc(f.len);
  assert_int_equal(fread(f.bytes, 1, f.len, in), f.len);
  fclose(in);
  return f;
}

// Writes a new file `name` in the folder; returns its path, to be freed.
static char *write_file(const char *name, const struct file *f) {
  char path[256];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *out = fopen(path, "wb");
  assert_non_null(out);
  assert_int_equal(fwrite(f->bytes, 1, f->len, out), f->len);
  fclose(out);
  return strdup(path);
}

static char *copy_file(const char *name, const char *from) {
  struct file f = read_file(from);
  char *path = write_file(name, &f);
  free(f.bytes);
  return path;
}

// --- A loaded copy -----------------------------------------------------------

struct loaded {
  void *handle;
  uint64_t pc; // of plugin_call
  int (*call)(int (*fn)(void *), void *arg);
};

static struct loaded load(const char *path) {
  struct loaded l = {.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
  if (!l.handle)
    fail_msg("%s", dlerror());
  *(void **)&l.call = dlsym(l.handle, "plugin_call");
  assert_non_null(l.call);
  l.pc = (uint64_t)(uintptr_t)l.call;
  return l;
}

// The copies have few build-ids, so a module is made to be forgotten before
// another copy may be loaded in its place.
static void unload(const struct loaded *l) {
  dlclose(l->handle);
  assert_null(pclnrt_module_find(l->pc));
}

static bool find_info(uint64_t pc, struct pclnrt_module_info *out) {
  for (size_t i = 0; pclnrt_module_at(i, out); i++)
    if (pc >= out->lo && pc < out->hi)
      return true;
  return false;
}

static int walk_here(void *arg) {
  (void)arg;
  struct pclnrt_cursor c;
  struct pclnrt_frame f;
  pclnrt_cursor_here(&c);
  while (pclnrt_step(&c, &f))
    ;
  return c.stop;
}

static void check_walk(const struct loaded *l) {
  assert_int_equal(l->call(walk_here, NULL), PCLNRT_OUTERMOST);
}

// --- Tests -------------------------------------------------------------------

static void start_up_modules_are_known(void **state) {
  (void)state;
  struct pclnrt_module_info m;
  assert_true(pclnrt_module_at(0, &m));
  assert_non_null(strstr(m.path, "/test_registry")); // the program comes first
  assert_true(find_info((uint64_t)(uintptr_t)&qsort, &m));
  assert_non_null(strstr(m.path, "/libc.so"));
  assert_null(m.table);
  assert_int_equal(m.table_status, PCLN_NOT_FOUND);
  assert_true(m.n_rows > 1000);
}

static void a_loaded_object_is_found_by_its_pc(void **state) {
  (void)state;
  char *path = copy_file("found.so", plain);
  struct pclnrt_module_info m;
  struct loaded l = load(path);
  assert_false(find_info(l.pc, &m));
  check_walk(&l);
  assert_true(find_info(l.pc, &m));
  assert_string_equal(m.path, path);
  assert_null(m.table);
  assert_true(m.n_rows > 0);
  unload(&l);
  assert_false(find_info(l.pc, &m));
  // Again, at the same place or another: a new module with the same rows.
  l = load(path);
  check_walk(&l);
  assert_true(find_info(l.pc, &m));
  unload(&l);
  free(path);
}

static void an_embedded_table_is_used(void **state) {
  (void)state;
  char *path = copy_file("embedded.so", with_table);
  struct loaded l = load(path);
  check_walk(&l);
  struct pclnrt_module_info m;
  assert_true(find_info(l.pc, &m));
  assert_non_null(m.table);
  assert_int_equal(m.table_status, PCLN_OK);
  assert_int_equal(m.n_rows, 0);
  assert_ptr_equal(pclnrt_find_table(l.pc), m.table);
  struct pclnrt_symbols symbols;
  struct pclnrt_symbol s;
  pclnrt_symbolize(&symbols, l.pc, true);
  assert_true(pclnrt_symbols_next(&symbols, &s));
  assert_string_equal(s.func, "plugin_call");
  assert_non_null(strstr(s.file, "plugin.c"));
  assert_true(s.line > 0);
  unload(&l);
  free(path);
}

// Changes to an embedded table, by offset in the module header, and what is
// then said of it.
static const struct damage {
  const char *name;
  size_t off;
  uint8_t change; // added to the byte there
  enum pcln_status status;
  const char *fault; // null: any
} damages[] = {
    {"version.so", PCLN_MOD_VERSION, 1, PCLN_UNSUPPORTED, NULL},
    {"length.so", PCLN_MOD_BLOB_LEN + 3, 1, PCLN_CORRUPT, NULL},
    {"machine.so", PCLN_MOD_MACHINE, 1, PCLN_CORRUPT, "table-machine"},
    {"address.so", PCLN_MOD_HEADER_VA + 1, 16, PCLN_CORRUPT, "table-address"},
    {"build-id.so", PCLN_MOD_BUILD_ID, 1, PCLN_CORRUPT, "table-build-id"},
    {"text.so", PCLN_MOD_TEXT_VA + 3, 1, PCLN_CORRUPT, "table-text"},
};

static void damaged_tables_are_refused(void **state) {
  (void)state;
  // All stay loaded: they have one build-id, and must not stand at one place.
  void *handles[sizeof damages / sizeof *damages];
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
    const struct damage *d = &damages[i];
    struct file f = read_file(with_table);
    uint8_t *table = (uint8_t *)memmem(f.bytes, f.len, PCLN_MODULE_MAGIC, 8);
    assert_non_null(table);
    table[d->off] = (uint8_t)(table[d->off] + d->change);
    char *path = write_file(d->name, &f);
    struct loaded l = load(path);
    check_walk(&l); // by .eh_frame
    struct pclnrt_module_info m;
    assert_true(find_info(l.pc, &m));
    if (m.table || m.n_rows == 0 || m.table_status != d->status ||
        (d->fault && (!m.table_fault || strcmp(m.table_fault, d->fault))))
      fail_msg("%s: status %d, fault %s", d->name, m.table_status,
               m.table_fault ? m.table_fault : "none");
    handles[i] = l.handle;
    free(path);
    free(f.bytes);
  }
  for (size_t i = 0; i < sizeof damages / sizeof *damages; i++)
    dlclose(handles[i]);
}

// Loads two builds with the same layout in turn, mostly at the same place.
static void a_new_build_at_the_same_place_is_noticed(void **state) {
  (void)state;
  struct file f = read_file(plain);
  char *first = write_file("build1.so", &f);
  static const uint8_t note[] = {4, 0, 0, 0, 20,  0,   0,   0,
                                 3, 0, 0, 0, 'G', 'N', 'U', 0};
  uint8_t *id = (uint8_t *)memmem(f.bytes, f.len, note, sizeof note);
  assert_non_null(id);
  id[sizeof note] ^= 1;
  char *second = write_file("build2.so", &f);
  for (int i = 0; i < 6; i++) {
    struct pclnrt_module_info m;
    const char *path = i % 2 ? second : first;
    struct loaded l = load(path);
    check_walk(&l);
    check_walk(&l);
    assert_true(find_info(l.pc, &m));
    assert_string_equal(m.path, path);
    dlclose(l.handle);
  }
  free(first);
  free(second);
  free(f.bytes);
}

static void make_sidecar(const char *path) {
  char command[1024];
  snprintf(command, sizeof command, "'%s' --placement=sidecar '%s'",
           pclntab_link, path);
  assert_int_equal(system(command), 0);
}

static void refresh_finds_sidecars(void **state) {
  (void)state;
  char *path = copy_file("sidecar.so", plain);
  make_sidecar(path);
  struct loaded l = load(path);
  struct pclnrt_module_info m;
  check_walk(&l);
  assert_true(find_info(l.pc, &m));
  assert_null(m.table); // a lookup opens no file
  pclnrt_refresh();
  assert_true(find_info(l.pc, &m));
  assert_non_null(m.table);
  check_walk(&l);
  pclnrt_refresh(); // no second one
  size_t n = 0;
  for (size_t i = 0; pclnrt_module_at(i, &m); i++)
    n += l.pc >= m.lo && l.pc < m.hi;
  assert_int_equal(n, 1);
  unload(&l);
  free(path);
}

static void sidecars_of_other_files_are_refused(void **state) {
  (void)state;
  char *path = copy_file("other.so", with_table);
  make_sidecar(path);
  char *own = copy_file("mine.so", plain);
  free(copy_file("mine.so.pclntab",
                 strcat(strcpy(malloc(300), path), ".pclntab")));
  struct loaded l = load(own);
  struct pclnrt_module_info m;
  pclnrt_refresh();
  assert_true(find_info(l.pc, &m));
  assert_null(m.table);
  assert_int_equal(m.table_status, PCLN_CORRUPT);
  assert_string_equal(m.table_fault, "table-build-id");
  check_walk(&l);
  unload(&l);
  free(path);
  free(own);
}

static void damaged_sidecars_are_refused(void **state) {
  (void)state;
  char *path = copy_file("damaged.so", plain);
  make_sidecar(path);
  char *sidecar = (char *)malloc(strlen(path) + 16);
  sprintf(sidecar, "%s.pclntab", path);
  struct file f = read_file(sidecar);
  f.bytes[f.len / 2] ^= 0x20; // headers are sound: the checksum tells
  FILE *out = fopen(sidecar, "wb");
  assert_int_equal(fwrite(f.bytes, 1, f.len, out), f.len);
  fclose(out);
  struct loaded l = load(path);
  struct pclnrt_module_info m;
  pclnrt_refresh();
  assert_true(find_info(l.pc, &m));
  assert_null(m.table);
  assert_int_equal(m.table_status, PCLN_CORRUPT);
  assert_non_null(m.table_fault);
  check_walk(&l);
  unload(&l);
  free(f.bytes);
  free(path);
  free(sidecar);
}

static void many_loads_do_not_exhaust_the_registry(void **state) {
  (void)state;
  char *path = copy_file("again.so", plain);
  for (int i = 0; i < 300; i++) {
    struct loaded l = load(path);
    check_walk(&l);
    dlclose(l.handle);
    if (i % 3 == 0) // noticed as unloaded; else perhaps at the same place again
      assert_null(pclnrt_module_find(l.pc));
  }
  free(path);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  return system(command);
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  plain = argv[1];
  with_table = argv[2];
  pclntab_link = argv[3];
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(start_up_modules_are_known),
      cmocka_unit_test(a_loaded_object_is_found_by_its_pc),
      cmocka_unit_test(an_embedded_table_is_used),
      cmocka_unit_test(damaged_tables_are_refused),
      cmocka_unit_test(a_new_build_at_the_same_place_is_noticed),
      cmocka_unit_test(refresh_finds_sidecars),
      cmocka_unit_test(sidecars_of_other_files_are_refused),
      cmocka_unit_test(damaged_sidecars_are_refused),
      cmocka_unit_test(many_loads_do_not_exhaust_the_registry),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
