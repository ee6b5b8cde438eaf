// SPDX-License-Identifier: Apache-2.0
//
// --buildinfo: what a Go program says of its build, in the order in which it
// says it, as `go version -m` does.
#include "dump.h"

#include "buildinfo.h"

static void line_record(struct dump_out *o, const struct pcln_build_line *l) {
  static const char *const kinds[] = {"path",    "module",  "dep",
                                      "replace", "setting", "other"};
  static const char *const module_fields[] = {"path", "version", "sum"};
  dump_begin(o, kinds[l->kind]);
  if (l->kind == PCLN_BUILD_SETTING) {
    dump_str(o, "key", l->fields[0]);
    dump_str(o, "value", l->fields[1]);
  } else if (l->kind == PCLN_BUILD_OTHER) {
    dump_str(o, "line", l->fields[0]);
  } else {
    for (size_t i = 0; i < 3 && (i == 0 || l->fields[i][0]); i++)
      dump_str(o, module_fields[i], l->fields[i]);
  }
  if (l->cut)
    dump_named_bool(o, "cut", true);
  dump_end(o);
}

enum pcln_status dump_buildinfo(struct dump *d) {
  static char line[1 << 16]; // compiler flags can be long
  const struct pcln_image *img = &d->file->image;
  struct pcln_buildinfo info;
  const enum pcln_status status = pcln_buildinfo_find(img, &info, d->sink);
  if (status == PCLN_NOT_FOUND)
    pcln_say(d->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                            .fault = "no-buildinfo",
                                            .file = d->file->path,
                                            .text = "the program carries no "
                                                    "build information of "
                                                    "Go"});
  if (status != PCLN_OK)
    return status;
  dump_begin(d->out, "go");
  dump_named_str(d->out, "version", info.version);
  dump_end(d->out);
  uint64_t off = 0;
  for (struct pcln_build_line l;
       pcln_buildinfo_next(img, &info, &off, line, sizeof line, &l);)
    line_record(d->out, &l);
  return PCLN_OK;
}
