// SPDX-License-Identifier: Apache-2.0
//
// What the numbers of FUNCDATA and PCDATA mean when a user writes them: which
// are free, which have a form that is held to it, and which the linker makes
// itself. A number that nobody may use is an error and not ignored: who wrote
// it expects something of it.
#include "annot.h"

#include "bytes.h"
#include "stackmap.h"

// --- Funcdata ---------------------------------------------------------------

// Go's layout with two bits a word: i32 rows; i32 bits of each; rows of whole
// bytes.
static const char *bad_maps(struct pcln_cursor c) {
  const int32_t n = (int32_t)pcln_u32(&c), n_bits = (int32_t)pcln_u32(&c);
  if (c.failed || n < 0 || n_bits < 0 || n_bits % 2)
    return "a pointer map does not begin with its number of rows and the bits "
           "of each, which are two for each word";
  const uint32_t n_words = (uint32_t)n_bits / 2;
  const size_t row = pcln_codes_len(n_words);
  if ((uint64_t)(uint32_t)n * row != pcln_left(&c))
    return "the rows of a pointer map are not as many bytes as it says";
  for (int32_t i = 0; i < n && row; i++)
    if (!pcln_codes_sound(pcln_take(&c, row), n_words))
      return "a row of a pointer map has an item of several words without its "
             "kind, or one that leaves the row";
  return NULL;
}

// {u32 locals; u32 nptrs; u32 ptrs[]}; the Go compiler of the time stored in
// nptrs the number of bits, its runtime read it as a number of words.
static const char *bad_gc(struct pcln_cursor c) {
  (void)pcln_u32(&c);
  const uint64_t n = pcln_u32(&c);
  const uint64_t words = pcln_left(&c) / 4;
  if (c.failed || pcln_left(&c) % 4 || (n != words && (n + 31) / 32 != words))
    return "a record of locals and arguments is not {locals, number, bitmap}, "
           "the number that of the bitmap's words or bits";
  return NULL;
}

// Pairs of offset and size, and the codes between them, up to the end mark.
static const char *bad_arg_info(struct pcln_cursor c) {
  enum { END = 0xff, FIRST_CODE = 0xfb };
  for (;;) {
    const uint8_t op = pcln_u8(&c);
    if (op == END && !c.failed && !pcln_left(&c))
      return NULL;
    if (op < FIRST_CODE)
      (void)pcln_u8(&c);
    if (c.failed || op == END)
      return "a description of arguments does not end with 0xff";
  }
}

// Varints, the last of them 0; the rest is checked against the maps when the
// table is verified.
static const char *bad_pairs(struct pcln_span payload) {
  return payload.ptr[payload.len - 1] ? "a list of pointer pairs does not end "
                                        "with 0"
                                      : NULL;
}

const char *pcln_annot_bad_funcdata(uint32_t index, struct pcln_span payload,
                                    bool swap, const char **fault) {
  const struct pcln_cursor c = pcln_cursor_at(payload.ptr, payload.len, swap);
  *fault = "annot-content";
  if (!payload.len)
    return "a FUNCDATA has no payload";
  switch (index) {
  case PCLN_FUNCDATA_ARGS_MAPS:
  case PCLN_FUNCDATA_LOCALS_MAPS:
    return bad_maps(c);
  case PCLN_FUNCDATA_ARG_INFO:
    return bad_arg_info(c);
  case PCLN_FUNCDATA_ARG_LIVE:
    return NULL;
  case PCLN_FUNCDATA_POINTER_PAIRS:
    return bad_pairs(payload);
  case PCLN_FUNCDATA_GC:
    return bad_gc(c);
  default:
    if (index >= PCLN_FUNCDATA_USER && index <= PCLN_FUNCDATA_USER_LAST)
      return NULL;
    *fault = "annot-index";
    return "a FUNCDATA has a number that is the linker's or has no meaning; "
           "yours are 12 to 15";
  }
}

// --- Pcdata -----------------------------------------------------------------

const char *pcln_annot_bad_pcdata(uint32_t index, int32_t value,
                                  const char **fault) {
  enum { LOWEST_UNSAFE = -5 };
  static const char *const text = "a PCDATA has a value that its number does "
                                  "not know";
  *fault = "annot-content";
  switch (index) {
  case PCLN_PCDATA_UNSAFE_POINT:
    return value < LOWEST_UNSAFE || value > -1 ? text : NULL;
  case PCLN_PCDATA_STACKMAP:
    return value < PCLN_STACKMAP_NO_SAFEPOINT ? text : NULL;
  case PCLN_PCDATA_ARGLIVE:
    return value < -1 ? text : NULL;
  case PCLN_PCDATA_PANICBOUNDS:
    return NULL;
  default:
    if (index >= PCLN_PCDATA_USER && index <= PCLN_PCDATA_USER_LAST)
      return NULL;
    *fault = "annot-index";
    return "a PCDATA has a number that is the linker's or has no meaning; "
           "yours are 16 to 31";
  }
}
