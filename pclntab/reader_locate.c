// SPDX-License-Identifier: Apache-2.0
//
// What a reader is told of a table that was located in an image. A file of its
// own, so that who has the table's place already does not link the search.
#include "reader.h"

// The bytes from address `va` on, as far as the file has them.
static struct pcln_reader_part part_at(const struct pcln_image *img,
                                       uint64_t va) {
  const struct pcln_range *r = va ? pcln_image_range(img, va) : NULL;
  if (!r || va - r->va >= r->file_len)
    return (struct pcln_reader_part){0};
  return (struct pcln_reader_part){r->file_off + (va - r->va),
                                   r->file_len - (va - r->va)};
}

void pcln_reader_located(const struct pcln_image *img,
                         const struct pcln_location *location,
                         struct pcln_reader_options *out) {
  *out =
      (struct pcln_reader_options){.open = {.text_start = location->text_start,
                                            .go_minor = location->go_minor,
                                            .machine = img->machine},
                                   .funcdata = part_at(img, location->gofunc)};
  const struct pcln_range *r = pcln_image_range(img, location->va);
  // Funcdata of tables before go1.18 is read-only data, as the table is.
  if (location->text_from == PCLN_TEXT_TABLE && r) {
    out->open.funcdata_va = r->va;
    out->funcdata = part_at(img, r->va);
  }
}
