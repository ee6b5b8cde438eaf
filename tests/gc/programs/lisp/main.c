// SPDX-License-Identifier: Apache-2.0
//
// lisp FILE... [-- SIZE]: runs the files in turn; SIZE is the value of `size`
// in them (default 0: what they take for small).
#include "lisp.h"

static ref read_file(const char *name) {
  FILE *f = fopen(name, "r");
  if (!f || fseek(f, 0, SEEK_END)) {
    perror(name);
    exit(2);
  }
  long len = ftell(f);
  rewind(f);
  ref s = string((size_t)len);
  size_t got = fread(raw(s->is.text->bytes), 1, (size_t)len, f);
  fclose(f);
  if (got != (size_t)len)
    exit(2);
  return s;
}

static void run(const char *name) {
  ref source = read_file(name);
  struct reader r = {source->is.text->bytes,
                     source->is.text->bytes + source->is.text->len};
  for (ref x; (x = read_expr(&r));)
    eval(x, nil);
}

static int run_all(char **names, int n) {
  static struct handler last;
  if (setjmp(last.jump)) {
    printf("error: %s\n", (char *)raw(failure->is.text->bytes));
    return 1;
  }
  handlers = &last;
  for (int i = 0; i < n; i++)
    run(names[i]);
  return 0;
}

int main(int argc, char **argv) {
  alloc_start();
  values_begin();
  forms_begin();
  builtins_begin();
  int n = argc - 1;
  long size = 0;
  if (n > 2 && !strcmp(argv[n - 1], "--")) {
    n -= 2;
    size = atol(argv[n + 2]);
  }
  symbol("size", 4)->is.symbol.value = integer(size);
  int status = run_all(argv + 1, n);
  alloc_end();
  return status;
}
