// SPDX-License-Identifier: Apache-2.0
//
// Errors of the program that is interpreted.
#include "lisp.h"

struct handler *handlers;
ref failure;

void fail_with(ref message) {
  failure = message;
  longjmp(handlers->jump, 1);
}

// `format` is printf's, without references: %s of a C string.
void fail(const char *format, ...) {
  char line[200];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  if (n < 0 || (size_t)n >= sizeof line)
    n = sizeof line - 1;
  fail_with(string_of(line, (size_t)n));
}
