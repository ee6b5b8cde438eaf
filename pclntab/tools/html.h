// SPDX-License-Identifier: Apache-2.0
//
// Private to the HTML report: how its data is made. The report is one page
// (report/) with the table's content as a block of bytes in it: sections, each
// a name and a sequence of numbers or strings, compressed, in base64. Nothing
// of the input ever stands in the page as text, so that no name, however it is
// spelled, can become markup or code; the page's script takes the block apart
// and shows names as text nodes.
//
// Numbers are written as varints (ULEB128), signed ones zig-zag coded. What a
// section holds is said where it is written, and read in the same order by
// report/data.js.
#ifndef PCLNTAB_TOOLS_HTML_H
#define PCLNTAB_TOOLS_HTML_H

#include "dump.h"

// --- html_data.c: bytes, numbers for keys, strings --------------------------

// Bytes that grow. What cannot be added sets `status` and is dropped, as is
// what follows: PCLN_NO_MEMORY, or PCLN_LIMIT above HTML_MAX_BYTES. A page
// holds its data as one string, and browsers limit the length of these to about
// that.
enum { HTML_MAX_BYTES = 1 << 29 };
struct html_buf {
  uint8_t *bytes;
  size_t len, cap;
  enum pcln_status status;
};
void html_put(struct html_buf *b, const void *bytes, size_t len);
void html_num(struct html_buf *b, uint64_t v);
void html_signed(struct html_buf *b, int64_t v);
void html_free(struct html_buf *b);

// Keys to values, which begin as 0.
struct html_ids {
  struct html_slot *slots;
  size_t n, cap;
  bool failed;
};
// The key's value, to be read and set until the next call; null: no memory.
uint32_t *html_id(struct html_ids *ids, uint64_t key);
void html_ids_free(struct html_ids *ids);

// Distinct strings, numbered from 0, which is the empty one.
struct html_strings {
  struct html_ids by_address; // a table stores each name once: asked first
  struct html_ids by_hash;
  struct html_buf bytes;  // each string with its NUL
  struct html_buf starts; // size_t, where each begins in `bytes`
  uint32_t n;
};
// The number of `text`; null is the empty string. What html_string() gets must
// stay where it is to the end, html_text() takes any.
uint32_t html_string(struct html_strings *s, const char *text);
uint32_t html_text(struct html_strings *s, const char *text);
enum pcln_status html_strings_status(const struct html_strings *s);
void html_strings_free(struct html_strings *s);

// --- html_bytes.c: whom each byte of the table is for -----------------------

// The page has the same list.
enum html_owner {
  HTML_OWNER_NONE,       // padding, and what serves the table as a whole
  HTML_OWNER_FUNC,       // one function: its number in the report
  HTML_OWNER_GROUP,      // functions of one package or file: any of them
  HTML_OWNER_SEVERAL,    // functions of several
  HTML_OWNER_NAME,       // a name that no selected function has
  HTML_OWNER_FILE,       // a file
  HTML_OWNER_UNSELECTED, // functions that the filters left out
};

struct html_claim {
  uint32_t owner, id;
  uint32_t group; // of a function: equal for those of one package or file
  bool open;      // up to the next claim
};
struct html_bytes {
  struct html_claim *claims;
  size_t n, cap;
  uint32_t *map; // of each byte of the table: its claim, plus one
  bool failed;
};
// Claims a place that others may claim as well: a thing that is stored once.
// False: somebody had it, so it is now shared; or it is outside of the table.
// True: html_claim() must follow, with the length.
bool html_claim_new(struct html_bytes *b, const struct pcln_table *t,
                    const uint8_t *at, const struct html_claim *by);
void html_claim(struct html_bytes *b, const struct pcln_table *t,
                const uint8_t *at, uint64_t len, const struct html_claim *by);
// Writes the section "bytes": every byte of the table once.
PCLN_MUST_CHECK enum pcln_status html_bytes_write(struct html_bytes *b,
                                                  const struct pcln_table *t,
                                                  struct html_buf *out);
void html_bytes_free(struct html_bytes *b);

// --- The report while it is made ---------------------------------------------

// What is said of each function; see html_funcs.c.
enum { HTML_COLUMNS = 17 };

struct html {
  struct dump *d;
  struct html_strings names; // of functions, packages and receivers
  struct html_strings files;
  struct html_strings rules; // unwind rules in words
  struct html_buf columns[HTML_COLUMNS];
  struct html_buf details;
  struct html_bytes bytes;
  struct html_buf facts; // JSON
  struct html_buf maps;  // html_maps.c
  struct html_ids map_ids;
  uint64_t map_words;
  uint32_t n_maps, n_funcs;
  enum pcln_status status; // PCLN_CORRUPT: a part could not be read
};
// Reports what cannot be read of the function, and sets h->status.
void html_unreadable(struct html *h, const struct pcln_func *f,
                     const char *region);

// --- html_funcs.c: the functions of the report ------------------------------

// Collects the functions that the filters select, with their details, and
// claims the bytes of all.
void html_functions(struct html *h);

// --- html_code.c: what is said of a function's pcs --------------------------

struct html_rows {
  uint32_t n;    // rows with a position
  uint32_t file; // of the first one that is not inlined; 0: none
};
// Each appends to h->details what it is called after.
void html_rows(struct html *h, const struct pcln_func *f,
               struct html_rows *out);
void html_calls(struct html *h, const struct pcln_func *f);
void html_rules(struct html *h, const struct pcln_func *f);
// The runs of a stream inside the function; the greatest value, or -1.
int32_t html_stream(struct html *h, const struct pcln_func *f, uint32_t stream);

// The number of the function's last inlined call that can be named, or -1.
int32_t html_last_call(const struct html *h, const struct pcln_func *f);

// --- html_maps.c: live words, stack objects, arguments ----------------------

// Appends to h->details what is known of the function's frame.
void html_frame(struct html *h, const struct pcln_func *f);

// --- html_claims.c ----------------------------------------------------------

// Claims what the function, or hole, uses. `by` says who that is.
void html_claim_func(struct html *h, const struct pcln_func *f,
                     const struct html_claim *by);
// Claims what no single function has: files, lists of files, and the records of
// inlined functions.
void html_claim_shared(struct html *h);

// --- html_facts.c -----------------------------------------------------------

// Makes h->facts: what other actions say of the file, as their JSON.
void html_facts(struct html *h);

#endif
