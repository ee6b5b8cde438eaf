// SPDX-License-Identifier: Apache-2.0
//
// Takes the Go names on standard input apart, one a line: prints each with
// package, receiver as the name has it, function, suffix and kind, with tabs
// between them.
#include "go_names.h"

#include <stdio.h>
#include <string.h>

static void put(struct pcln_str s) {
  printf("%.*s\t", (int)s.len, s.ptr ? s.ptr : "");
}

// Type arguments stand behind the receiver, or behind the function if there is
// no receiver.
static void put_args(const struct pcln_name_parts *p, bool here) {
  if (here && p->type_args.len)
    printf("[%.*s]", (int)p->type_args.len, p->type_args.ptr);
}

int main(void) {
  static char line[1 << 16];
  while (fgets(line, sizeof line, stdin)) {
    struct pcln_name_parts p;
    line[strcspn(line, "\n")] = '\0';
    pcln_name_split(line, &p);
    const bool method = p.receiver.len > 0;
    printf("%s\t", line);
    put(p.package);
    printf(p.pointer ? "(*%.*s" : "%.*s", (int)p.receiver.len,
           p.receiver.ptr ? p.receiver.ptr : "");
    put_args(&p, method);
    printf(p.pointer ? ")\t" : "\t");
    printf("%.*s", (int)p.function.len, p.function.ptr);
    put_args(&p, !method);
    printf("\t");
    put(p.suffix);
    puts(pcln_name_kind_text(p.kind));
  }
  return 0;
}
