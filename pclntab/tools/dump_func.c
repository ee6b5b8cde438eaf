// SPDX-License-Identifier: Apache-2.0
//
// The record of one function: what its func record says, in words where Go has
// words for it. Package and receiver are read off the name, which only Go's
// names allow.
#include "dump.h"

#include "go_funcdata.h"
#include "go_names.h"
#include "table.h"

enum pcln_status dump_unreadable(const struct dump *d,
                                 const struct pcln_func *f,
                                 const char *region) {
  // Of a function that cannot be read at all, the place in functab is known.
  const size_t entry = pcln_functab_entry_size(&d->file->table);
  pcln_say(d->sink,
           &(struct pcln_report){
               .severity = PCLN_ERROR,
               .fault = "record-unreadable",
               .file = d->file->path,
               .func = f->name,
               .region = region,
               .region_off = f->name ? 0 : f->idx * (uint64_t)entry,
               .text = "cannot be decoded; --verify says what is wrong"});
  return PCLN_CORRUPT;
}

void dump_release_unknown(struct dump *d) {
  if (d->release_noted)
    return;
  d->release_noted = true;
  pcln_say(d->sink, &(struct pcln_report){
                        .severity = PCLN_WARNING,
                        .fault = "release-unknown",
                        .file = d->file->path,
                        .text = "the Go release that made the table is not "
                                "known; what its numbers mean is left out"});
}

// "package" and "receiver" of a Go function; nothing for other names.
static void name_fields(struct dump_out *o, const char *name) {
  enum { STAR = 1, MAX = 1024 };
  char text[MAX];
  struct pcln_name_parts parts;
  pcln_name_split(name, &parts);
  if (parts.package.len) {
    pcln_package_path(parts.package, text, sizeof text);
    dump_named_str(o, "package", text);
  }
  if (!parts.receiver.len || parts.kind == PCLN_NAME_TYPE_FUNC)
    return;
  // The star stands before the type in the name, if there is one.
  dump_named_str_len(o, "receiver",
                     parts.receiver.ptr - (parts.pointer ? STAR : 0),
                     parts.receiver.len + (parts.pointer ? STAR : 0));
}

static void number_fields(struct dump_out *o, const struct pcln_table *t,
                          const struct pcln_func *f) {
  char name[PCLN_NAME_MAX];
  uint32_t frame;
  if (f->start_line)
    dump_named_num(o, "start_line", f->start_line);
  if (f->args != PCLN_ARGS_UNKNOWN)
    dump_named_num(o, "args", f->args);
  if (pcln_frame_size(t, f, &frame) == PCLN_OK)
    dump_named_num(o, "frame", frame);
  if (f->deferreturn)
    dump_named_hex(o, "deferreturn", f->deferreturn);
  if (f->func_id) {
    dump_named_num(o, "func_id", f->func_id);
    dump_named_str(o, "func_id_name",
                   pcln_func_id_name(t, f->func_id, name, sizeof name));
  }
  if (f->flags) {
    dump_named_hex(o, "flags", f->flags);
    dump_named_str(o, "flag_names",
                   pcln_flags_name(f->flags, name, sizeof name));
  }
}

void dump_func_record(struct dump *d, const struct pcln_func *f) {
  const struct pcln_table *t = &d->file->table;
  struct dump_out *o = d->out;
  dump_begin(o, f->hole ? "hole" : "func");
  dump_hex(o, "lo", f->entry);
  dump_hex(o, "hi", f->end);
  if (!f->hole) {
    dump_str(o, "name", dump_name(d->names, f->name));
    if (!t->ours)
      name_fields(o, f->name);
    number_fields(o, t, f);
  }
  dump_end(o);
}
