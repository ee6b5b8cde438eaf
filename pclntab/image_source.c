// SPDX-License-Identifier: Apache-2.0
//
// Bytes from memory or from a callback. A file of its own, so that who links
// reader.c into a profiler does not link the readers of executable files.
#include "image.h"

#include <string.h>

size_t pcln_source_read(const struct pcln_source *source, uint64_t off,
                        void *buf, size_t len) {
  if (off >= source->len)
    return 0;
  if (len > source->len - off)
    len = (size_t)(source->len - off);
  if (!source->bytes) {
    const size_t got =
        source->read ? source->read(source->ctx, off, buf, len) : 0;
    return got < len ? got : len;
  }
  memcpy(buf, source->bytes + off, len);
  return len;
}
