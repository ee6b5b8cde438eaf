// SPDX-License-Identifier: Apache-2.0
//
// The release of Go, for programs without build information: those made before
// go1.13, and those that it was left out of. The runtime has it in a variable,
// runtime.buildVersion, a string that the linker sets. Without symbols that is
// still a pair of words in writable data: the address of text such as
// "go1.12.6", and the text's length. If all such pairs agree, that is it; if
// they do not (a program that has to do with Go's releases) none is believed.
#include "bytes.h"
#include "locate_private.h"

enum { SHORTEST = 5, LONGEST = 16, CHUNK = 4096 };

static const char *skip_digits(const char *p) {
  while (*p >= '0' && *p <= '9')
    p++;
  return p;
}

// "go1.", a number, and then perhaps ".n", "rcn" or "betan".
static bool is_release(const char *s) {
  if (strncmp(s, "go1.", 4) != 0)
    return false;
  const char *p = skip_digits(s + 4);
  if (p == s + 4)
    return false;
  if (*p == '.') {
    const char *end = skip_digits(++p);
    if (end == p)
      return false;
    p = end;
  }
  const size_t n = strncmp(p, "rc", 2) == 0     ? 2
                   : strncmp(p, "beta", 4) == 0 ? 4
                                                : 0;
  if (n) {
    const char *end = skip_digits(p + n);
    if (end == p + n)
      return false;
    p = end;
  }
  return *p == 0;
}

// Reads the string of `len` bytes at `va` if it is a release's name.
static bool read_release(const struct pcln_image *img, uint64_t va,
                         uint64_t len, char out[LONGEST + 1]) {
  if (len < SHORTEST || len > LONGEST ||
      pcln_image_read(img, va, out, (size_t)len) != len)
    return false;
  out[len] = 0;
  return is_release(out);
}

// Looks through a chunk for pairs; false: two disagree.
static bool look_through(const struct pcln_image *img, const uint8_t *bytes,
                         size_t len, char found[LONGEST + 1]) {
  char text[LONGEST + 1];
  struct pcln_cursor c = pcln_cursor_at(bytes, len, img->swap);
  uint64_t va = pcln_uint(&c, img->ptr_size);
  while (pcln_left(&c) >= img->ptr_size) {
    const uint64_t next = pcln_uint(&c, img->ptr_size);
    if (read_release(img, va, next, text)) {
      if (found[0] && strcmp(found, text) != 0)
        return false;
      memcpy(found, text, sizeof text);
    }
    va = next;
  }
  return true;
}

static bool search_range(const struct pcln_image *img,
                         const struct pcln_range *r, char found[LONGEST + 1]) {
  uint8_t buf[CHUNK];
  const unsigned p = img->ptr_size;
  // A chunk's last word is the next one's first, so that no pair is cut.
  for (uint64_t off = (0 - r->va) & (p - 1u); off < r->file_len;
       off += CHUNK - p) {
    // Packed words can only be read as loaded. Where relocations alone hold
    // the address, a walk over them for each chunk would take too long.
    const size_t n = img->format == PCLN_FORMAT_MACHO
                         ? pcln_image_load(img, r->va + off, buf, CHUNK)
                         : pcln_image_read(img, r->va + off, buf, CHUNK);
    if (!look_through(img, buf, n, found))
      return false;
  }
  return true;
}

static bool version_of_symbol(const struct pcln_image *img,
                              char found[LONGEST + 1]) {
  static const char *const name = "runtime.buildVersion";
  uint64_t va, text, len;
  return pcln_image_symbols(img, &name, 1, &va) &&
         pcln_image_word(img, va, &text) &&
         pcln_image_word(img, va + img->ptr_size, &len) &&
         read_release(img, text, len, found);
}

void pcln_build_version(const struct pcln_image *img, char *out, size_t cap) {
  char found[LONGEST + 1] = "";
  if (!version_of_symbol(img, found)) {
    found[0] = 0;
    for (uint32_t i = 0; i < img->n_ranges; i++)
      if (img->ranges[i].flags & PCLN_RANGE_WRITE &&
          !search_range(img, &img->ranges[i], found)) {
        found[0] = 0;
        break;
      }
  }
  const size_t n = strlen(found);
  memcpy(out, found, n < cap ? n + 1 : 0);
}
