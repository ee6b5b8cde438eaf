// SPDX-License-Identifier: Apache-2.0
#include "go_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOT "\xc2\xb7"

// Names that Go 1.13 to 1.26 wrote, but for the damaged ones.
static const struct {
  const char *name, *package, *receiver, *args, *function, *suffix;
  bool pointer;
  enum pcln_name_kind kind;
} cases[] = {
    {"main.main", "main", "", "", "main", "", false, PCLN_NAME_PLAIN},
    {"net/http.(*Transport).dialConn", "net/http", "Transport", "", "dialConn",
     "", true, PCLN_NAME_PLAIN},
    {"reflect.Value.Kind", "reflect", "Value", "", "Kind", "", false,
     PCLN_NAME_PLAIN},
    {"gopkg.in/yaml%2ev3.Marshal", "gopkg.in/yaml%2ev3", "", "", "Marshal", "",
     false, PCLN_NAME_PLAIN},
    {"example.com/a.b/c%2ed.(*T).m", "example.com/a.b/c%2ed", "T", "", "m", "",
     true, PCLN_NAME_PLAIN},
    // Type arguments.
    {"slices.Index[go.shape.[]int,go.shape.int]", "slices", "",
     "go.shape.[]int,go.shape.int", "Index", "", false, PCLN_NAME_PLAIN},
    {"sync/atomic.(*Pointer[go.shape.struct { net/http.a int }]).Load",
     "sync/atomic", "Pointer", "go.shape.struct { net/http.a int }", "Load", "",
     true, PCLN_NAME_PLAIN},
    {"main.(*T[go.shape.struct { A int \"json:\\\"x]\\\\\\\".\\\"\" }]).Put."
     "func1",
     "main", "T", "go.shape.struct { A int \"json:\\\"x]\\\\\\\".\\\"\" }",
     "Put", ".func1", true, PCLN_NAME_CLOSURE},
    {"main.T[...].Get", "main", "T", "...", "Get", "", false, PCLN_NAME_PLAIN},
    // What the compiler hangs on a name.
    {"main.f.func1", "main", "", "", "f", ".func1", false, PCLN_NAME_CLOSURE},
    {"main.f.func1.2.3", "main", "", "", "f", ".func1.2.3", false,
     PCLN_NAME_CLOSURE},
    {"main.F[go.shape.int].func2", "main", "", "go.shape.int", "F", ".func2",
     false, PCLN_NAME_CLOSURE},
    {"main.glob..func1", "main", "", "", "glob", "..func1", false,
     PCLN_NAME_CLOSURE},
    {"main.(*R).Ptr-fm", "main", "R", "", "Ptr", "-fm", true,
     PCLN_NAME_METHOD_VALUE},
    {"a/b.(*p).on-fm.(*p).on.func1", "a/b", "p", "", "on", "-fm.(*p).on.func1",
     true, PCLN_NAME_CLOSURE},
    {"main.f.gowrap12", "main", "", "", "f", ".gowrap12", false,
     PCLN_NAME_GO_WRAP},
    {"main.(*T).m.deferwrap1", "main", "T", "", "m", ".deferwrap1", true,
     PCLN_NAME_DEFER_WRAP},
    {"main.f" DOT "dwrap" DOT "4", "main", "", "", "f", DOT "dwrap" DOT "4",
     false, PCLN_NAME_DEFER_WRAP},
    {"main.f-range1", "main", "", "", "f", "-range1", false,
     PCLN_NAME_RANGE_BODY},
    {"main.f.func1-range2", "main", "", "", "f", ".func1-range2", false,
     PCLN_NAME_RANGE_BODY},
    {"runtime.memmove.abi0", "runtime", "", "", "memmove", ".abi0", false,
     PCLN_NAME_ABI_WRAPPER},
    // Initialisers, whose first piece cannot be a type.
    {"main.init", "main", "", "", "init", "", false, PCLN_NAME_PLAIN},
    {"main.init.0", "main", "", "", "init.0", "", false, PCLN_NAME_PLAIN},
    {"main.init.0.func1", "main", "", "", "init.0", ".func1", false,
     PCLN_NAME_CLOSURE},
    {"os.init.OnceValue[go.shape.interface { Error() string }].func2.1", "os",
     "", "", "init",
     ".OnceValue[go.shape.interface { Error() string }].func2.1", false,
     PCLN_NAME_CLOSURE},
    {"x509.valid.(*graph).parents.func1", "x509", "", "", "valid",
     ".(*graph).parents.func1", false, PCLN_NAME_CLOSURE},
    {"hmac.New.Unwrap[go.shape.interface {}].func1", "hmac", "", "", "New",
     ".Unwrap[go.shape.interface {}].func1", false, PCLN_NAME_CLOSURE},
    {"unicode.map.init.0", "unicode", "", "", "map.init.0", "", false,
     PCLN_NAME_PLAIN},
    {"net.(*resolverConfig).init-fm", "net", "resolverConfig", "", "init",
     "-fm", true, PCLN_NAME_METHOD_VALUE},
    // Without a package.
    {"type:.eq.net/http.Header", "", "net/http.Header", "", "eq", "", false,
     PCLN_NAME_TYPE_FUNC},
    {"type..hash.[2]interface {}", "", "[2]interface {}", "", "hash", "", false,
     PCLN_NAME_TYPE_FUNC},
    {"go:(*struct { main.R; Z []string }).Val", "",
     "struct { main.R; Z []string }", "", "Val", "", true, PCLN_NAME_COMPILER},
    {"go.struct { main.R }.Val", "", "struct { main.R }", "", "Val", "", false,
     PCLN_NAME_COMPILER},
    {"go:buildid", "", "", "", "buildid", "", false, PCLN_NAME_COMPILER},
    {"go/ast.Walk", "go/ast", "", "", "Walk", "", false, PCLN_NAME_PLAIN},
    {"_rt0_amd64_linux", "", "", "", "_rt0_amd64_linux", "", false,
     PCLN_NAME_FOREIGN},
    {"main._Cfunc_puts", "main", "", "", "_Cfunc_puts", "", false,
     PCLN_NAME_PLAIN},
    {"x_cgo_init", "", "", "", "x_cgo_init", "", false, PCLN_NAME_FOREIGN},
    // Damaged: something sensible, and nothing outside of the name.
    {"", "", "", "", "", "", false, PCLN_NAME_FOREIGN},
    {".", "", "", "", ".", "", false, PCLN_NAME_FOREIGN},
    {"main.", "", "", "", "main.", "", false, PCLN_NAME_FOREIGN},
    {"type:.", "", "", "", "type:.", "", false, PCLN_NAME_FOREIGN},
    {"go:", "", "", "", "go:", "", false, PCLN_NAME_FOREIGN},
    {"main.f[", "main", "", "", "f[", "", false, PCLN_NAME_PLAIN},
    {"main.(*T.m", "main", "", "", "(*T.m", "", false, PCLN_NAME_PLAIN},
    {"main..inittask", "main", "", "", ".inittask", "", false, PCLN_NAME_PLAIN},
    {"main.T.", "main", "", "", "T", ".", false, PCLN_NAME_CLOSURE},
    {"main.f]", "main", "", "", "f]", "", false, PCLN_NAME_PLAIN},
};

static void assert_part(struct pcln_str got, const char *want,
                        const char *name) {
  if (got.len != strlen(want) || memcmp(got.ptr ? got.ptr : "", want, got.len))
    fail_msg("%s: part '%.*s', not '%s'", name, (int)got.len,
             got.ptr ? got.ptr : "", want);
}

static void names_are_taken_apart(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct pcln_name_parts p;
    pcln_name_split(cases[i].name, &p);
    assert_part(p.package, cases[i].package, cases[i].name);
    assert_part(p.receiver, cases[i].receiver, cases[i].name);
    assert_part(p.type_args, cases[i].args, cases[i].name);
    assert_part(p.function, cases[i].function, cases[i].name);
    assert_part(p.suffix, cases[i].suffix, cases[i].name);
    assert_int_equal(p.pointer, cases[i].pointer);
    assert_string_equal(pcln_name_kind_text(p.kind),
                        pcln_name_kind_text(cases[i].kind));
  }
}

static void assert_inside(struct pcln_str s, const char *name, size_t len) {
  if (s.len)
    assert_true(s.ptr >= name && s.ptr + s.len <= name + len);
}

// Splits a copy that ends where the heap block does, for the sanitizer.
static void split_copy(const char *bytes, size_t len) {
  char *name = malloc(len + 1);
  struct pcln_name_parts p;
  assert_non_null(name);
  memcpy(name, bytes, len);
  name[len] = '\0';
  pcln_name_split(name, &p);
  len = strlen(name);
  assert_inside(p.package, name, len);
  assert_inside(p.receiver, name, len);
  assert_inside(p.type_args, name, len);
  assert_inside(p.function, name, len);
  assert_inside(p.suffix, name, len);
  assert_true(len == 0 || p.function.len > 0);
  free(name);
}

static void prefixes_and_changed_bytes_stay_inside(void **state) {
  (void)state;
  static const char bytes[] = {'.', '[', ']', '(', '"', '-', '1', '\xc2'};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char copy[128];
    const size_t len = strlen(cases[i].name);
    assert_true(len < sizeof copy);
    for (size_t n = 0; n <= len; n++)
      split_copy(cases[i].name, n);
    for (size_t at = 0; at < len; at++)
      for (size_t b = 0; b < sizeof bytes; b++) {
        memcpy(copy, cases[i].name, len);
        copy[at] = bytes[b];
        split_copy(copy, len);
      }
  }
}

static void splitting_takes_linear_time(void **state) {
  (void)state;
  enum { LEN = 1 << 22 }; // squared, this would take hours
  static const char fill[] = {'(', '[', '.', '-', '"', 'f', '/'};
  char *name = malloc(LEN + 1);
  assert_non_null(name);
  for (size_t i = 0; i < sizeof fill; i++) {
    struct pcln_name_parts p;
    memset(name, fill[i], LEN);
    memcpy(name, "a.b.", 4);
    name[LEN] = '\0';
    pcln_name_split(name, &p);
    assert_true(p.function.len <= LEN);
  }
  free(name);
}

static void package_paths_are_unescaped(void **state) {
  (void)state;
  static const struct {
    const char *escaped, *want;
  } paths[] = {{"gopkg.in/yaml%2ev3", "gopkg.in/yaml.v3"},
               {"a%22b", "a\"b"},
               {"%e4%b8%96", "\xe4\xb8\x96"},
               {"a%2", "a%2"},
               {"a%zz", "a%zz"},
               {"a%00b", "a%00b"}, // no NUL in a C string
               {"", ""}};
  char buf[32];
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    const struct pcln_str s = {paths[i].escaped, strlen(paths[i].escaped)};
    assert_int_equal(pcln_package_path(s, buf, sizeof buf),
                     strlen(paths[i].want));
    assert_string_equal(buf, paths[i].want);
  }
  const struct pcln_str s = {"a%2eb", 5};
  assert_int_equal(pcln_package_path(s, buf, 3), 2);
  assert_string_equal(buf, "a.");
  assert_int_equal(pcln_package_path(s, buf, 0), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_are_taken_apart),
      cmocka_unit_test(prefixes_and_changed_bytes_stay_inside),
      cmocka_unit_test(splitting_takes_linear_time),
      cmocka_unit_test(package_paths_are_unescaped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
