// SPDX-License-Identifier: Apache-2.0
//
// Images: opening, sections, symbols, relocated words, the table, and the build
// information. Whole files would be large inputs; so the first byte chooses
// between the bytes that follow, as they are, and one of the images made by
// hand, to which the rest is applied as changes {offset, value}. Each is read
// from memory and through a callback, and both must come to the same.
#include "image_maker.h"
#include "locate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct held {
  const uint8_t *bytes;
  size_t len;
};

static size_t read_held(void *ctx, uint64_t off, void *buf, size_t len) {
  const struct held *h = ctx;
  if (off > h->len || len > h->len - off)
    abort();
  memcpy(buf, h->bytes + off, len);
  return len;
}

static void count(void *ctx, const struct pcln_report *r) {
  if (!r->fault || !r->text)
    abort();
  ++*(unsigned *)ctx;
}

static enum pcln_status visit(const struct pcln_source *source,
                              struct pcln_location *l) {
  unsigned faults = 0;
  const struct pcln_sink sink = {.fn = count, .ctx = &faults};
  struct pcln_image img;
  enum pcln_status status = pcln_image_open(&img, source, NULL, &sink);
  if (status != PCLN_OK)
    return status;
  struct pcln_section_iter it = {0};
  struct pcln_section s;
  volatile uint64_t sum = 0;
  while (pcln_image_next_section(&img, &it, &s))
    sum += strlen(s.name);
  status = pcln_locate(&img, NULL, &sink, l);
  if (status == PCLN_OK &&
      (l->file_off > source->len || l->len > source->len - l->file_off))
    abort();
  struct pcln_buildinfo info;
  struct pcln_build_line line;
  char buf[64];
  uint64_t off = 0;
  if (pcln_buildinfo_find(&img, &info, &sink) == PCLN_OK)
    while (pcln_buildinfo_next(&img, &info, &off, buf, sizeof buf, &line))
      sum += strlen(line.fields[0]) + strlen(line.fields[1]);
  if (status == PCLN_OK && source->bytes) {
    struct pcln_open_options options;
    struct pcln_table t;
    struct pcln_func f;
    pcln_location_options(&img, l, &options);
    if (pcln_open(&t, source->bytes + l->file_off, (size_t)l->len, &options,
                  NULL) == PCLN_OK)
      sum += pcln_find_func(&t, SAMPLE_TEXT, &f);
  }
  return status;
}

static void both_ways(const uint8_t *bytes, size_t len) {
  struct held h = {bytes, len};
  const struct pcln_source memory = pcln_source_memory(bytes, len);
  const struct pcln_source callback = {
      .read = read_held, .ctx = &h, .len = len};
  struct pcln_location a = {.va = 0}, b = {.va = 0};
  if (visit(&memory, &a) != visit(&callback, &b) || a.va != b.va ||
      a.len != b.len || a.text_start != b.text_start ||
      a.moduledata != b.moduledata || a.gofunc != b.gofunc)
    abort();
}

static const struct made_image *base_image(size_t i) {
  static struct made_image *images[IMAGE_N_SPECS];
  if (!images[i]) {
    images[i] = malloc(sizeof *images[i]);
    if (!images[i])
      abort();
    make_image(&image_specs[i], images[i]);
  }
  return images[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0)
    return 0;
  const size_t spec = data[0];
  data++;
  size--;
  const struct made_image *base =
      spec < IMAGE_N_SPECS ? base_image(spec) : NULL;
  const size_t len = base ? base->len : size;
  // Of its exact size, so that a read behind it is seen.
  uint8_t *bytes = malloc(len ? len : 1);
  if (!bytes)
    abort();
  memcpy(bytes, base ? base->bytes : data, len);
  for (size_t i = 0; base && i + 3 <= size; i += 3)
    bytes[(data[i] | (size_t)data[i + 1] << 8) % len] = data[i + 2];
  both_ways(bytes, len);
  free(bytes);
  return 0;
}
