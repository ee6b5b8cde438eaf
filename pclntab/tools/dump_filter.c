// SPDX-License-Identifier: Apache-2.0
//
// Which functions an action is about. Every filter that is given must agree. A
// hole has neither name nor code, so it passes only where no filter asks for
// one.
//
// A glob is that of fnmatch(): `*` also stands for slashes. A file matches by
// its whole path, or, if the glob has no slash, by what stands behind the last
// one. Packages are matched as they are written in sources (gopkg.in/yaml.v3).
#include "dump.h"

#include "go_names.h"
#include "table.h"

#include <fnmatch.h>
#include <string.h>

static bool matches(const char *glob, const char *s) {
  return strcmp(glob, s) == 0 || fnmatch(glob, s, 0) == 0;
}

static bool name_matches(struct dump *d, const char *name) {
  const char *glob = d->options->func;
  const char *shown = dump_name(d->names, name);
  return matches(glob, name) || (shown != name && matches(glob, shown));
}

// C and C++ have no packages; the names of their functions would be misread.
static bool package_matches(struct dump *d, const char *name) {
  enum { MAX = 1024 };
  char path[MAX];
  struct pcln_name_parts parts;
  if (d->file->table.ours)
    return false;
  pcln_name_split(name, &parts);
  pcln_package_path(parts.package, path, sizeof path);
  return matches(d->options->package, path);
}

static bool file_matches(const char *glob, const char *path) {
  return matches(glob, path) ||
         (!strchr(glob, '/') && matches(glob, dump_basename(path)));
}

// Any file of the function's own code or of code inlined into it. Places of
// inlined calls, which may be in yet another file, are in the stream as well.
static bool has_file(const struct dump *d, const struct pcln_func *f) {
  const struct pcln_table *t = &d->file->table;
  struct pcln_run_iter it;
  const char *last = NULL;
  pcln_runs_begin(t, f->pcfile, &it);
  for (struct pcln_run run; pcln_runs_next(&it, &run);) {
    const char *path = pcln_file_name(t, f, run.value);
    if (path && path != last && file_matches(d->options->file, path))
      return true;
    last = path;
  }
  return false;
}

bool dump_selects(struct dump *d, const struct pcln_func *f) {
  const struct dump_options *o = d->options;
  if (o->has_range && (f->entry >= o->hi || f->end <= o->lo))
    return false;
  if (f->hole)
    return !o->func && !o->package && !o->file;
  return (!o->func || name_matches(d, f->name)) &&
         (!o->package || package_matches(d, f->name)) &&
         (!o->file || has_file(d, f));
}
