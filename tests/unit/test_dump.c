// SPDX-License-Identifier: Apache-2.0
//
// pclntab-dump below its main(): the command line, the two formats, names, and
// every action on a table whose answers are known.
#define _GNU_SOURCE 1
#include "tools/dump.h"

#include "module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

// --- Command line -----------------------------------------------------------

static void options_are_accepted_or_refused_by_name(void **state) {
  (void)state;
  static const struct {
    const char *words;
    const char *why; // null: accepted
    enum dump_action action;
  } cases[] = {
      {"--lines a.out", NULL, DUMP_LINES},
      {"a.out --lines --func=m*", NULL, DUMP_LINES},
      {"-e a.out -Cfipsa 1 2", NULL, DUMP_LOOKUP},
      {"-e a.out", NULL, DUMP_LOOKUP},
      {"a.out 401000", NULL, DUMP_LOOKUP},
      {"--lookup a.out", NULL, DUMP_LOOKUP},
      {"--json --lookup a.out --return-addresses", NULL, DUMP_LOOKUP},
      {"--help", NULL, DUMP_HELP},
      {"--verify --verify a.out", NULL, DUMP_VERIFY},
      {"a.out", "no action; --help lists them", DUMP_NONE},
      {"--stats", "no file", DUMP_STATS},
      {"--stats --lines a.out", "more than one action: --lines", DUMP_STATS},
      {"--bogus a.out", "unknown option --bogus", DUMP_NONE},
      {"-fz a.out", "unknown option -z", DUMP_NONE},
      {"--lines a.out --func", "no argument for --func", DUMP_LINES},
      {"-e", "no argument for -e", DUMP_NONE},
      {"-h", NULL, DUMP_HELP},
      {"-V", NULL, DUMP_VERSION},
      {"--exe=a.out -j .text 10", NULL, DUMP_LOOKUP},
      {"-e a.out --demangle=auto 10", NULL, DUMP_LOOKUP},
      {"--diff a b -C -s --func=x", NULL, DUMP_DIFF},
      {"--lines a.out --address=0x10,021", NULL, DUMP_LINES},
      {"--header a --magic=1.20 --text-start=0x1000", NULL, DUMP_HEADER},
      {"-b elf64-x86-64 -e a.out 1",
       "-b has no meaning here, a file's format is found in it: elf64-x86-64",
       DUMP_NONE},
      {"-e a.out --demangle=java 1",
       "a style of demangling that is not known: java", DUMP_NONE},
      {"--lines --address=7,7 a", "not an address or a range: 7,7", DUMP_LINES},
      {"--lines --address=-7 a", "not an address or a range: -7", DUMP_LINES},
      {"--lines -j .text a", "-j has no meaning with --lines", DUMP_LINES},
      {"--diff a", "--diff needs two files", DUMP_DIFF},
      {"--lines a.out -f", "-f has no meaning with --lines", DUMP_LINES},
      {"--lines a.out 5", "an ADDRESS has no meaning with --lines", DUMP_LINES},
      {"--stats --func=x a", "--func has no meaning with --stats", DUMP_STATS},
      {"--json a.out 5 -p", "-p has no meaning with --lookup --json",
       DUMP_LOOKUP},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char words[100], *argv[16] = {(char[]){"pclntab-dump"}}, *save = NULL;
    int argc = 1;
    strcpy(words, cases[i].words);
    for (char *w = strtok_r(words, " ", &save); w;
         w = strtok_r(NULL, " ", &save))
      argv[argc++] = w;
    struct dump_options o;
    char why[100] = "";
    assert_int_equal(dump_options_parse(argc, argv, &o, why, sizeof why),
                     !cases[i].why);
    assert_string_equal(why, cases[i].why ? cases[i].why : "");
    assert_int_equal(o.action, cases[i].action);
  }
}

static void help_lists_every_long_option(void **state) {
  (void)state;
  static const char *const options[] = {
      "--header",    "--funcs",     "--lines",        "--calls",
      "--unwind",    "--streams",   "--all",          "--rules",
      "--stats",     "--lookup",    "--verify",       "--help",
      "--version",   "--json",      "--func=",        "--demangle",
      "--basenames", "--exe=",      "--functions",    "--inlines",
      "--addresses", "--basenames", "--pretty-print", "--return-addresses"};
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    assert_non_null(strstr(dump_options_help(), options[i]));
}

// --- Output -----------------------------------------------------------------

static struct dump_out out; // large

static void begin(bool json) {
  const int fd = memfd_create("out", 0);
  assert_true(fd >= 0);
  dump_out_init(&out, fd, json);
}

// What was written; the caller frees it.
static char *written(void) {
  dump_out_flush(&out);
  assert_int_equal(out.error, 0);
  const off_t len = lseek(out.fd, 0, SEEK_END);
  char *text = calloc(1, (size_t)len + 1);
  assert_int_equal(pread(out.fd, text, (size_t)len, 0), len);
  close(out.fd);
  return text;
}

static void expect(const char *want) {
  char *text = written();
  assert_string_equal(text, want);
  free(text);
}

static const struct {
  const char *name, *text, *json;
} strings[] = {
    {"main", "main", "\"main\""},
    {"", "\"\"", "\"\""},
    {"a b", "\"a b\"", "\"a b\""},
    {"q\"\\", "\"q\\\"\\\\\"", "\"q\\\"\\\\\""},
    {"n\n\t\001\177", "\"n\\n\\t\\x01\\x7f\"", "\"n\\n\\t\\u0001\\u007f\""},
    {"caf\303\251", "\"caf\303\251\"", "\"caf\303\251\""},
    {"bad\303", "\"bad\\xc3\"", "\"bad\\udcc3\""},
    {"\355\240\200", "\"\\xed\\xa0\\x80\"", "\"\\udced\\udca0\\udc80\""},
    {"\300\200\364\220\200\200", "\"\\xc0\\x80\\xf4\\x90\\x80\\x80\"",
     "\"\\udcc0\\udc80\\udcf4\\udc90\\udc80\\udc80\""},
    {"\360\237\220\271", "\"\360\237\220\271\"", "\"\360\237\220\271\""},
};

static void strange_strings_are_escaped(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
    char want[200];
    begin(false);
    dump_begin(&out, "x");
    dump_str(&out, "s", strings[i].name);
    dump_end(&out);
    snprintf(want, sizeof want, "x %s\n", strings[i].text);
    expect(want);
    begin(true);
    dump_begin(&out, "x");
    dump_str(&out, "s", strings[i].name);
    dump_end(&out);
    snprintf(want, sizeof want, "\n{\"kind\":\"x\",\"s\":%s}", strings[i].json);
    expect(want);
  }
}

static void numbers_keep_their_extremes(void **state) {
  (void)state;
  begin(false);
  dump_begin(&out, "x");
  dump_hex(&out, "a", 0);
  dump_hex(&out, "b", UINT64_MAX);
  dump_num(&out, "c", INT64_MIN);
  dump_named_num(&out, "d", INT64_MAX);
  dump_named_hundredths(&out, "e", 12305);
  dump_named_hex(&out, "f", 0x10);
  dump_end(&out);
  dump_put_hex(&out, 0x1139, 16);
  expect("x 0x0 0xffffffffffffffff -9223372036854775808 d=9223372036854775807 "
         "e=123.05 f=0x10\n0x0000000000001139");
}

static void output_larger_than_the_buffer_is_whole(void **state) {
  (void)state;
  const size_t n = 3 * DUMP_OUT_CAP + 5;
  char *name = malloc(n + 1);
  memset(name, 'a', n);
  name[n] = 0;
  begin(false);
  dump_put_name(&out, "x");
  dump_put_name(&out, name);
  char *text = written();
  assert_int_equal(strlen(text), n + 1);
  assert_string_equal(text + 1, name);
  free(text);
  free(name);
}

static void failed_write_is_remembered(void **state) {
  (void)state;
  dump_out_init(&out, -1, false);
  dump_put_name(&out, "x");
  dump_out_flush(&out);
  assert_int_not_equal(out.error, 0);
}

// --- Names ------------------------------------------------------------------

static void names_are_demangled(void **state) {
  (void)state;
  static const struct {
    const char *name, *shown;
  } cases[] = {
      {"_Z3fooi", "foo(int)"},
      {"_Z3fooi@plt", "foo(int)@plt"},
      {"_ZN1a1bEv.cold", "a::b() [clone .cold]"},
      {"main", "main"},
      {"i", "i"}, // not the type "int"
      {"_Zgarbage", "_Zgarbage"},
      {"", ""},
  };
  struct dump_names names;
  if (dump_names_init(&names, true) == PCLN_NOT_FOUND) {
    print_message("no C++ runtime library on this machine\n");
    skip();
  }
  for (int pass = 0; pass < 2; pass++) // the second from the cache
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
      assert_string_equal(dump_name(&names, cases[i].name), cases[i].shown);
  char many[3000][8]; // the cache grows
  for (int i = 0; i < 3000; i++) {
    snprintf(many[i], sizeof many[i], "_Z1%cv", 'a' + i % 26);
    const char want[] = {(char)('a' + i % 26), '(', ')', 0};
    assert_string_equal(dump_name(&names, many[i]), want);
  }
  dump_names_free(&names);
}

// --- Actions on a known table -----------------------------------------------

// 0x1000 main   file 0, lines 10 11 11 12; square inlined at 0x1020..0x1030,
//               called in line 11
// 0x1040 foo    nothing known
// 0x1050 hole
// 0x1060 end    line 7 of an unknown file
struct fixture {
  struct pcln_module m;
  struct dump_file file;
  struct dump_names names;
  struct dump_options options;
  uint8_t *bytes;
  unsigned faults;
};

static void count_fault(void *ctx, const struct pcln_report *r) {
  struct fixture *x = ctx;
  assert_non_null(r->fault);
  x->faults++;
}

struct run {
  uint32_t end;
  int32_t value;
};

static struct pcln_span stream(struct fixture *x, const struct run *runs) {
  struct pcln_stream s;
  struct pcln_span span;
  pcln_stream_init(&s, 1);
  for (; runs->end; runs++)
    pcln_stream_add(&s, runs->end, runs->value);
  assert_int_equal(pcln_stream_end(&s, &x->m.arena, &span), PCLN_OK);
  pcln_stream_free(&s);
  return span;
}
#define STREAM(x, ...) stream(x, (const struct run[]){__VA_ARGS__, {0, 0}})

static void add_functions(struct fixture *x) {
  static struct pcln_inline_def square = {
      .name = "_Z6squarei", .parent_pc = 0x18, .start_line = 2};
  struct pcln_func_def f = {
      .va = 0x1000,
      .size = 0x40,
      .name = "main",
      .start_line = 9,
      .args = PCLN_ARGS_UNKNOWN,
      .pcsp = STREAM(x, {1, 0}, {0x3f, 8}, {0x40, 0}),
      .pcfile = STREAM(x, {0x20, 0}, {0x30, 1}, {0x40, 0}),
      .pcln = STREAM(x, {0x10, 10}, {0x20, 11}, {0x30, 3}, {0x40, 12}),
      .inlines = &square,
      .n_inlines = 1};
  const struct pcln_span calls = STREAM(x, {0x20, -1}, {0x30, 0}, {0x40, -1});
  assert_int_equal(
      pcln_func_set_pcdata(&f, PCLN_PCDATA_INLTREE, calls, &x->m.arena),
      PCLN_OK);
  assert_int_equal(pcln_module_add_func(&x->m, &f), PCLN_OK);
  f = (struct pcln_func_def){.va = 0x1040,
                             .size = 0x10,
                             .cu = PCLN_NO_CU,
                             .name = "_Z3fooi",
                             .args = PCLN_ARGS_UNKNOWN};
  assert_int_equal(pcln_module_add_func(&x->m, &f), PCLN_OK);
  f = (struct pcln_func_def){.va = 0x1060,
                             .size = 4,
                             .name = "end",
                             .args = 8,
                             .pcfile = STREAM(x, {4, 2}),
                             .pcln = STREAM(x, {4, 7})};
  assert_int_equal(pcln_module_add_func(&x->m, &f), PCLN_OK);
}

static void setup(struct fixture *x) {
  static const char *files[] = {"/src/my main.c", "/src/square.h", NULL};
  static struct pcln_cu_def cu = {.files = files, .n_files = 3};
  *x = (struct fixture){0};
  pcln_module_init(&x->m);
  x->m.machine = 62;
  x->m.cus = &cu;
  x->m.n_cus = 1;
  add_functions(x);
  size_t len;
  const struct pcln_encode_options o = {.layout = PCLN_GO_120, .threads = 1};
  assert_int_equal(pcln_encode(&x->m, &o, NULL, &x->bytes, &len, NULL),
                   PCLN_OK);
  x->file = (struct dump_file){.path = "known", .where = "test"};
  assert_int_equal(pcln_open(&x->file.table, x->bytes, len, NULL, NULL),
                   PCLN_OK);
  x->options = (struct dump_options){.action = DUMP_FUNCS, .path = "known"};
}

static void teardown(struct fixture *x) {
  x->m.cus = NULL;
  pcln_module_free(&x->m);
  free(x->bytes);
}

static enum pcln_status
run(struct fixture *x, enum pcln_status (*action)(struct dump *), bool json) {
  const struct pcln_sink sink = {count_fault, x};
  struct dump d = {.options = &x->options,
                   .file = &x->file,
                   .names = &x->names,
                   .out = &out,
                   .sink = &sink};
  begin(json);
  return action(&d);
}

static void functions_are_printed(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  static const struct {
    enum dump_action action;
    const char *func;
    bool basenames;
    const char *want;
  } cases[] = {
      {DUMP_FUNCS, NULL, false,
       "func 0x1000 0x1040 main start_line=9 frame=8\n"
       "func 0x1040 0x1050 _Z3fooi\n"
       "hole 0x1050 0x1060\n"
       "func 0x1060 0x1064 end args=8\n"},
      {DUMP_FUNCS, "*oo*", false, "func 0x1040 0x1050 _Z3fooi\n"},
      {DUMP_FUNCS, "nothing", false, ""},
      {DUMP_LINES, "main", false,
       "func 0x1000 0x1040 main start_line=9 frame=8\n"
       "line 0x1000 0x1010 \"/src/my main.c\":10\n"
       "line 0x1010 0x1020 \"/src/my main.c\":11\n"
       "line 0x1020 0x1030 /src/square.h:3 call=0\n"
       "line 0x1030 0x1040 \"/src/my main.c\":12\n"},
      {DUMP_LINES, "end", true,
       "func 0x1060 0x1064 end args=8\n"
       "line 0x1060 0x1064 ??:7\n"},
      {DUMP_CALLS, "main", true,
       "func 0x1000 0x1040 main start_line=9 frame=8\n"
       "call 0 _Z6squarei at=\"my main.c\":11 parent=-1 parent_pc=24 "
       "start_line=2\n"
       "body 0x1020 0x1030 call=0\n"},
      {DUMP_UNWIND, "main", false,
       "func 0x1000 0x1040 main start_line=9 frame=8\n"
       "rule 0x1000 0x1001 cfa=sp+8 fp=same ra=[cfa-8]\n"
       "rule 0x1001 0x103f cfa=sp+16 fp=same ra=[cfa-8]\n"
       "rule 0x103f 0x1040 cfa=sp+8 fp=same ra=[cfa-8]\n"},
      {DUMP_UNWIND, "end", false,
       "func 0x1060 0x1064 end args=8\n"
       "rule 0x1060 0x1064 cfa=none\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    x.options.action = cases[i].action;
    x.options.func = cases[i].func;
    x.options.basenames = cases[i].basenames;
    assert_int_equal(run(&x, dump_functions, false), PCLN_OK);
    expect(cases[i].want);
  }
  assert_int_equal(x.faults, 0);
  teardown(&x);
}

static void filters_choose_by_file_and_package(void **state) {
  (void)state;
  static const struct {
    const char *file, *package, *want;
  } cases[] = {
      {"/src/my main.c", NULL,
       "func 0x1000 0x1040 main start_line=9 frame=8\n"},
      {"square.h", NULL, "func 0x1000 0x1040 main start_line=9 frame=8\n"},
      {"*.h", NULL, "func 0x1000 0x1040 main start_line=9 frame=8\n"},
      {"src/*", NULL, ""}, // with a slash the whole path counts
      {"other.c", NULL, ""},
      {NULL, "*", ""}, // the names are not Go's
  };
  struct fixture x;
  setup(&x);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    x.options.file = cases[i].file;
    x.options.package = cases[i].package;
    assert_int_equal(run(&x, dump_functions, false), PCLN_OK);
    expect(cases[i].want);
  }
  teardown(&x);
}

static void streams_are_printed_as_stored(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  x.options.action = DUMP_STREAMS;
  x.options.func = "main";
  assert_int_equal(run(&x, dump_functions, false), PCLN_OK);
  char *text = written();
  assert_non_null(strstr(text, "stream pcsp offset=0x"));
  assert_non_null(strstr(text, "\nrun pcsp 1 63 8\n"));
  assert_non_null(strstr(text, "\nrun InlTreeIndex 32 48 0\n"));
  free(text);
  teardown(&x);
}

static void unreadable_records_are_reported_and_passed_by(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  struct pcln_table *t = &x.file.table;
  t->pctab.len = 2; // no stream ends any more
  x.options.action = DUMP_ALL;
  assert_int_equal(run(&x, dump_functions, false), PCLN_CORRUPT);
  assert_true(x.faults > 1);
  char *text = written();
  assert_non_null(strstr(text, "end args=8"));
  free(text);
  teardown(&x);
}

static void stats_add_up(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  x.options.action = DUMP_STATS;
  assert_int_equal(run(&x, dump_stats, false), PCLN_OK);
  char *text = written(), *save = NULL, part[40];
  unsigned long bytes, sum = 0, total = 0;
  assert_non_null(strstr(text, "count functions 3\ncount holes 1\n"
                               "count inlined_calls 1\n"
                               "text functions 84 percent=84.00\n"
                               "text holes 16 percent=16.00\n"
                               "text with_line 68 percent=80.95\n"
                               "text unwindable 64 percent=76.19\n"));
  for (char *l = strtok_r(text, "\n", &save); l;
       l = strtok_r(NULL, "\n", &save))
    if (sscanf(l, "size %39s %lu", part, &bytes) == 2) {
      if (strcmp(part, "total") == 0)
        total = bytes;
      else
        sum += bytes;
    }
  assert_int_equal(sum, total);
  assert_int_equal(total, x.file.table.blob.len);
  free(text);
  teardown(&x);
}

static void lookup_prints_as_addr2line_does(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  static const struct {
    const char *flags, *address, *want;
  } cases[] = {
      {"", "0x1005", "/src/my main.c:10\n"},
      {"", "1020", "/src/square.h:3\n"},
      {"", "  0X1030\r", "/src/my main.c:12\n"},
      {"f", "1020", "_Z6squarei\n/src/square.h:3\n"},
      {"fs", "1020", "_Z6squarei\nsquare.h:3\n"},
      {"i", "1020", "/src/square.h:3\n/src/my main.c:11\n"},
      {"fip", "102f",
       "_Z6squarei at /src/square.h:3\n"
       " (inlined by) main at /src/my main.c:11\n"},
      {"afp", "1030", "0x0000000000001030: main at /src/my main.c:12\n"},
      {"a", "1030", "0x0000000000001030\n/src/my main.c:12\n"},
      {"r", "1030", "/src/square.h:3\n"},
      {"ar", "1030", "0x0000000000001030\n/src/square.h:3\n"},
      {"f", "1045", "_Z3fooi\n??:?\n"},
      {"f", "1060", "end\n??:7\n"},
      {"f", "1055", "??\n??:0\n"}, // a hole
      {"fp", "ffffffffffffffff", "?? ??:0\n"},
      {"f", "fff", "??\n??:0\n"},
      {"f", "1064", "??\n??:0\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *flags = cases[i].flags;
    char *addrs[] = {(char *)(uintptr_t)cases[i].address};
    x.options = (struct dump_options){.action = DUMP_LOOKUP,
                                      .functions = strchr(flags, 'f'),
                                      .inlines = strchr(flags, 'i'),
                                      .pretty = strchr(flags, 'p'),
                                      .basenames = strchr(flags, 's'),
                                      .addresses = strchr(flags, 'a'),
                                      .return_addresses = strchr(flags, 'r'),
                                      .addrs = addrs,
                                      .n_addrs = 1};
    assert_int_equal(run(&x, dump_lookup, false), PCLN_OK);
    expect(cases[i].want);
  }
  assert_int_equal(x.faults, 0);
  teardown(&x);
}

static void addresses_are_numbers_names_or_both(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  static const struct {
    const char *input;
    uint64_t shown, va; // 0: refused
  } cases[] = {
      {"10", 0x10, 0x110},
      {" 0X1f\r", 0x1f, 0x11f},
      {"ffffffffffffffff", UINT64_MAX, 0xff},
      {"main", 0x1000, 0x1000},
      {"main+4", 0x1004, 0x1004},
      {"main+0x10", 0x1010, 0x1010},
      {"main+010", 0x1008, 0x1008},
      {" main + 4 ", 0x1004, 0x1004},
      {"_Z3fooi+0", 0x1040, 0x1040},
      {"", 0, 0},
      {"0x", 0, 0},
      {"10000000000000000", 0, 0},
      {"mai", 0, 0},
      {"main+", 0, 0},
      {"main+x", 0, 0},
      {"main+4z", 0, 0},
      {"main+-4", 0, 0},
      {"+4", 0, 0},
      {"nobody+4", 0, 0},
  };
  struct dump_addresses a = {.table = &x.file.table, .base = 0x100};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t shown = 0, va = 0;
    const char *s = cases[i].input;
    assert_int_equal(dump_address_parse(&a, s, s + strlen(s), &shown, &va),
                     cases[i].va != 0);
    if (cases[i].va) {
      assert_int_equal(shown, cases[i].shown);
      assert_int_equal(va, cases[i].va);
    }
  }
  dump_addresses_free(&a);
  teardown(&x);
}

static void response_files_are_expanded(void **state) {
  (void)state;
  static const char text[] = "-a 'b c'\t\"d\\\"e\" f\\ g\n\n''h @/nonexistent ";
  static const char *const want[] = {"x",   "-a", "b c",           "d\"e",
                                     "f g", "h",  "@/nonexistent", "y"};
  char name[40];
  const int fd = memfd_create("arguments", 0);
  assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
  snprintf(name, sizeof name, "@/proc/self/fd/%d", fd);
  char *list[] = {(char[]){"x"}, name, (char[]){"y"}, NULL}, **argv = list;
  int argc = 3;
  assert_true(dump_args_expand(&argc, &argv));
  assert_int_equal(argc, sizeof want / sizeof *want);
  for (int i = 0; i < argc; i++)
    assert_string_equal(argv[i], want[i]);
  assert_null(argv[argc]);
  close(fd);
}

static void lookup_in_json_has_every_frame(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  char *addrs[] = {(char[]){"1020"}, (char[]){"1055"}};
  x.options = (struct dump_options){
      .action = DUMP_LOOKUP, .json = true, .addrs = addrs, .n_addrs = 2};
  assert_int_equal(run(&x, dump_lookup, true), PCLN_OK);
  expect("\n{\"kind\":\"address\",\"address\":\"0x1020\",\"entry\":\"0x1000\","
         "\"frames\":[{\"func\":\"_Z6squarei\",\"file\":\"/src/square.h\","
         "\"line\":3,\"start_line\":2,\"inlined\":true},"
         "{\"func\":\"main\",\"file\":\"/src/my main.c\",\"line\":11,"
         "\"start_line\":9,\"inlined\":false}]},"
         "\n{\"kind\":\"address\",\"address\":\"0x1055\",\"frames\":[]}");
  teardown(&x);
}

static void lookup_answers_each_line_of_input(void **state) {
  (void)state;
  struct fixture x;
  setup(&x);
  static const char input[] = "1005\n\nbogus\n0x10000000000000000\n1030";
  const int saved = dup(STDIN_FILENO), fd = memfd_create("in", 0);
  assert_int_equal(write(fd, input, sizeof input - 1), sizeof input - 1);
  assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
  assert_true(dup2(fd, STDIN_FILENO) >= 0);
  x.options = (struct dump_options){.action = DUMP_LOOKUP};
  assert_int_equal(run(&x, dump_lookup, false), PCLN_CORRUPT);
  assert_true(dup2(saved, STDIN_FILENO) >= 0);
  close(saved);
  close(fd);
  expect("/src/my main.c:10\n??:0\n??:0\n??:0\n/src/my main.c:12\n");
  assert_int_equal(x.faults, 3);
  teardown(&x);
}

static void document_is_whole_json(void **state) {
  (void)state;
  begin(true);
  const struct dump_options o = {.path = "a \"b\""};
  dump_document_begin(&out, "funcs", &o);
  dump_document_end(&out);
  expect("{\"version\":2,\"action\":\"funcs\",\"path\":\"a \\\"b\\\"\","
         "\"records\":[\n]}\n");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(options_are_accepted_or_refused_by_name),
      cmocka_unit_test(help_lists_every_long_option),
      cmocka_unit_test(strange_strings_are_escaped),
      cmocka_unit_test(numbers_keep_their_extremes),
      cmocka_unit_test(output_larger_than_the_buffer_is_whole),
      cmocka_unit_test(failed_write_is_remembered),
      cmocka_unit_test(names_are_demangled),
      cmocka_unit_test(functions_are_printed),
      cmocka_unit_test(filters_choose_by_file_and_package),
      cmocka_unit_test(streams_are_printed_as_stored),
      cmocka_unit_test(unreadable_records_are_reported_and_passed_by),
      cmocka_unit_test(stats_add_up),
      cmocka_unit_test(lookup_prints_as_addr2line_does),
      cmocka_unit_test(addresses_are_numbers_names_or_both),
      cmocka_unit_test(response_files_are_expanded),
      cmocka_unit_test(lookup_in_json_has_every_frame),
      cmocka_unit_test(lookup_answers_each_line_of_input),
      cmocka_unit_test(document_is_whole_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
