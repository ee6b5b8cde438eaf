// SPDX-License-Identifier: Apache-2.0
//
// --scan: the places in any file that look like a table, with the reasons, and
// what to say on the command line so that the other actions read it.
//
// It runs without a table having been found, on whatever the file is. Where it
// is an executable, offsets are also given as addresses.
#include "dump.h"

#include "scan.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static enum pcln_status unreadable(const struct dump *d) {
  pcln_say(d->sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                          .fault = "file-unreadable",
                                          .file = d->options->path,
                                          .text = "the file cannot be read"});
  return PCLN_IO;
}

// --- Records ----------------------------------------------------------------

// The address at which the byte `off` of the file is loaded.
static bool address_of(const struct pcln_image *img, uint64_t off,
                       uint64_t *va) {
  for (uint32_t i = 0; i < img->n_ranges; i++) {
    const struct pcln_range *r = &img->ranges[i];
    if (off >= r->file_off && off - r->file_off < r->file_len) {
      *va = r->va + (off - r->file_off);
      return true;
    }
  }
  return false;
}

static void candidate(struct dump_out *o, const struct pcln_image *img,
                      const struct pcln_candidate *c) {
  const struct pcln_table *t = &c->table;
  const bool big = t->swap != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
  uint64_t va;
  dump_begin(o, "candidate");
  dump_hex(o, "offset", c->off);
  if (address_of(img, c->off, &va))
    dump_named_hex(o, "address", va);
  dump_named_num(o, "confidence", c->confidence);
  dump_named_str(o, "layout", pcln_layout_name(t->layout));
  dump_named_str(o, "byte_order", big ? "big" : "little");
  dump_named_num(o, "pointer_size", t->ptr_size);
  dump_named_num(o, "quantum", t->quantum);
  dump_named_num(o, "functions", t->n_funcs);
  dump_named_hex(o, "text_start", t->text_start);
  dump_named_bool(o, "repaired", c->repaired);
  dump_end(o);
}

static void reasons(struct dump_out *o, const struct pcln_candidate *c) {
  for (unsigned i = 0; i < PCLN_N_CHECKS; i++) {
    const bool held = c->held >> i & 1;
    if (!held && !(c->failed >> i & 1))
      continue; // not known
    dump_begin(o, "check");
    dump_hex(o, "offset", c->off);
    dump_str(o, "name", pcln_check_name((enum pcln_check)i));
    dump_named_bool(o, "held", held);
    dump_named_str(o, "text", pcln_check_text((enum pcln_check)i));
    dump_end(o);
  }
}

static void advice(struct dump_out *o, const struct pcln_candidate *c,
                   const char *option, const char *value, const char *why) {
  char text[64];
  snprintf(text, sizeof text, "%s=%s", option, value);
  dump_begin(o, "option");
  dump_hex(o, "offset", c->off);
  dump_str(o, "option", text);
  dump_named_str(o, "text", why);
  dump_end(o);
}

// What the other actions are to be told.
static void options(struct dump_out *o, const struct pcln_candidate *c) {
  const struct pcln_table *t = &c->table;
  if (c->failed >> PCLN_CHECK_MAGIC & 1)
    advice(o, c, "--magic", pcln_layout_name(t->layout) + 2,
           "the magic does not tell the layout");
  if (t->layout >= PCLN_GO_118 && t->text_start == 0)
    advice(o, c, "--text-start", "ADDRESS",
           "the table does not tell where text begins; the file may");
}

// --- The scan ---------------------------------------------------------------

static bool scan(struct dump *d, const uint8_t *bytes, size_t len) {
  const struct pcln_source source = pcln_source_memory(bytes, len);
  struct pcln_image img;
  struct pcln_scan s;
  struct pcln_candidate c;
  bool any = false;
  if (pcln_image_open(&img, &source, NULL, NULL) != PCLN_OK)
    img.n_ranges = 0;
  pcln_scan_begin(&s, bytes, len);
  while (pcln_scan_next(&s, &c)) {
    any = true;
    candidate(d->out, &img, &c);
    reasons(d->out, &c);
    options(d->out, &c);
  }
  return any;
}

enum pcln_status dump_scan(struct dump *d) {
  const int fd = open(d->options->path, O_RDONLY | O_CLOEXEC);
  struct stat st;
  if (fd < 0)
    return unreadable(d);
  const bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  const size_t len = regular ? (size_t)st.st_size : 0;
  void *bytes =
      len ? mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
  close(fd);
  if (!regular || (len > 0 && bytes == MAP_FAILED))
    return unreadable(d);
  const bool any = len > 0 && scan(d, bytes, len);
  if (len > 0)
    munmap(bytes, len);
  if (!any)
    pcln_say(d->sink,
             &(struct pcln_report){.severity = PCLN_ERROR,
                                   .fault = "no-candidate",
                                   .file = d->options->path,
                                   .text = "nothing in it is like a table"});
  return any ? PCLN_OK : PCLN_NOT_FOUND;
}
