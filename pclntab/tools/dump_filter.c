// SPDX-License-Identifier: Apache-2.0
//
// Which functions an action is about. Every filter that is given must agree. A
// hole has no name, so it passes only where no filter asks for one.
#include "dump.h"

#include <fnmatch.h>
#include <string.h>

static bool name_matches(struct dump *d, const char *name) {
  const char *glob = d->options->func;
  const char *shown = dump_name(d->names, name);
  return strcmp(glob, name) == 0 || fnmatch(glob, name, 0) == 0 ||
         (shown != name &&
          (strcmp(glob, shown) == 0 || fnmatch(glob, shown, 0) == 0));
}

bool dump_selects(struct dump *d, const struct pcln_func *f) {
  const struct dump_options *o = d->options;
  if (o->has_range && (f->entry >= o->hi || f->end <= o->lo))
    return false;
  if (f->hole)
    return !o->func;
  return !o->func || name_matches(d, f->name);
}
