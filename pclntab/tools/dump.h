// SPDX-License-Identifier: Apache-2.0
//
// Private to pclntab-dump: what its files share. Each file does one job; main
// and the options are in pclntab-dump.c.
#ifndef PCLNTAB_TOOLS_DUMP_H
#define PCLNTAB_TOOLS_DUMP_H

#include "disasm.h"
#include "elf_image.h"
#include "image.h"
#include "locate.h"
#include "pclntab.h"

// --- dump_options.c: the command line ---------------------------------------

enum dump_action {
  DUMP_NONE,
  DUMP_HEADER,
  DUMP_FUNCS,
  DUMP_LINES,
  DUMP_CALLS,
  DUMP_UNWIND,
  DUMP_STREAMS,
  DUMP_ALL,
  DUMP_RULES,
  DUMP_STATS,
  DUMP_MAPS,
  DUMP_BUILDINFO,
  DUMP_LOOKUP,
  DUMP_VERIFY,
  DUMP_SCAN,
  DUMP_DISASM,
  DUMP_DIFF,
  DUMP_HTML,
  DUMP_HELP,
  DUMP_VERSION,
};

enum { DUMP_MAX_MAPS = 16 };
struct dump_options {
  enum dump_action action;
  const char *path;
  const char *other_path; // of --diff: the file compared with `path`
  const char *output;     // null: standard output
  // Which functions; each may be null, and all that are given must agree.
  const char *func;    // name or glob
  const char *package; // glob
  const char *file;    // glob: a function with code from such a file
  bool has_range;      // functions that cover an address in lo <= va < hi
  uint64_t lo, hi;
  // What the file does not say, or says wrong.
  bool has_text_start;
  uint64_t text_start;
  const char *magic;               // version whose layout to take, e.g. "1.18"
  const char *maps[DUMP_MAX_MAPS]; // of --verify: OLD=NEW, as at the link
  size_t n_maps;
  bool json;
  bool demangle;
  // Of the lookup; each means what it means to addr2line.
  bool functions, inlines, pretty, basenames, addresses;
  bool return_addresses; // look up one byte before
  const char *section;   // addresses count from its start
  char *const *addrs;    // from the command line; none: standard input
  int n_addrs;
};

// Replaces arguments @FILE by the words in the file. What they then are lives
// to the end of the process. False: no memory.
bool dump_args_expand(int *argc, char ***argv);
// Fills *o. False: `why` holds the complaint, one sentence.
bool dump_options_parse(int argc, char *const *argv, struct dump_options *o,
                        char *why, size_t why_len);
// What --help prints.
const char *dump_options_help(void);

// --- dump_out.c: records, as text or JSON ------------------------------------

// A buffered writer to a descriptor. A record is one line in either format. A
// write that fails sets `error` (errno) and drops what follows.
enum { DUMP_OUT_CAP = 1 << 16 };
struct dump_progress { // see dump_progress()
  uint64_t next_ms;
  uint32_t calls;
  bool off, shown;
};
struct dump_out {
  int fd;
  bool json;
  bool any;   // a record was begun
  bool fresh; // an object was begun and has no member yet
  int error;
  struct dump_progress progress;
  size_t len;
  char buf[DUMP_OUT_CAP];
};

void dump_out_init(struct dump_out *o, int fd, bool json);
void dump_out_flush(struct dump_out *o);
// What stands around the records in JSON; nothing in text. Every document and
// record is described by docs/pclntab-dump.schema.json, which says when the
// version must rise: what is added here is added there.
enum { DUMP_JSON_VERSION = 2 };
void dump_document_begin(struct dump_out *o, const char *action,
                         const struct dump_options *options);
void dump_document_end(struct dump_out *o);

// One record: begin, fields in order, end. In text a field is its value alone,
// or `key=value` for the functions called dump_named_*.
void dump_begin(struct dump_out *o, const char *kind);
void dump_hex(struct dump_out *o, const char *key, uint64_t v);
void dump_str(struct dump_out *o, const char *key, const char *s);
// As dump_str(), for a part of a string.
void dump_str_len(struct dump_out *o, const char *key, const char *s,
                  size_t len);
void dump_named_str_len(struct dump_out *o, const char *key, const char *s,
                        size_t len);
void dump_num(struct dump_out *o, const char *key, int64_t v);
void dump_named_hex(struct dump_out *o, const char *key, uint64_t v);
void dump_named_str(struct dump_out *o, const char *key, const char *s);
void dump_named_num(struct dump_out *o, const char *key, int64_t v);
void dump_named_bool(struct dump_out *o, const char *key, bool v);
// A number in hundredths.
void dump_named_hundredths(struct dump_out *o, const char *key, uint64_t v);
// `file:line`, or the two members "file" and "line"; a null file is `??`, and
// null. The named form puts `at=` before it.
void dump_position(struct dump_out *o, const char *file, int64_t line);
void dump_named_position(struct dump_out *o, const char *file, int64_t line);
void dump_end(struct dump_out *o);
// A whole record from a report: `kind` is "fault" for what a check found in the
// table, "error" for what stands in the place of records that could not be
// read.
void dump_report(struct dump_out *o, const char *kind,
                 const struct pcln_report *r);
// A member whose value is an array of objects; JSON only.
void dump_array_begin(struct dump_out *o, const char *key);
void dump_element_begin(struct dump_out *o, bool first);
void dump_element_end(struct dump_out *o);
void dump_array_end(struct dump_out *o);

// Free text, for the formats that are addr2line's. Control characters of a
// name are written as \xHH.
void dump_put(struct dump_out *o, const char *bytes, size_t len);
void dump_put_name(struct dump_out *o, const char *name);
void dump_put_num(struct dump_out *o, uint64_t v);
void dump_put_hex(struct dump_out *o, uint64_t v, unsigned digits);

// --- dump_progress.c: for who waits at a terminal
// -----------------------------

// `done` of `total` steps are done; to be called often, once for each function.
void dump_progress(struct dump_out *o, uint64_t done, uint64_t total);
void dump_progress_end(struct dump_out *o);

// --- dump_target.c: where the output goes ------------------------------------

struct dump_target {
  int fd;
  char *real, *temp; // null: `fd` is written directly
};
// Opens `path` for writing, or standard output if it is null. Returns an errno.
int dump_target_open(struct dump_target *t, const char *path);
// Closes it; what was written replaces what was there if `keep` is true.
// Returns an errno.
int dump_target_close(struct dump_target *t, bool keep);
// Whether the two paths lead to one file; either may be null.
bool dump_same_file(const char *a, const char *b);

// --- dump_names.c: demangling -----------------------------------------------

// Names as they are shown. Cached by address, because a table stores each name
// once. `demangle` is false: names are shown as they are.
struct dump_names {
  char *(*demangler)(const char *, char *, size_t *, int *);
  struct dump_name_slot *slots;
  size_t n_slots, n_used;
};
// PCLN_NOT_FOUND: this machine has no demangler.
PCLN_MUST_CHECK enum pcln_status dump_names_init(struct dump_names *names,
                                                 bool demangle);
void dump_names_free(struct dump_names *names);
// `name` demangled, or `name`. Lives as long as *names and `name` do.
const char *dump_name(struct dump_names *names, const char *name);

// --- dump_address.c: what stands for an address -----------------------------

struct dump_addresses {
  const struct pcln_table *table;
  uint64_t base;   // added to numbers
  uint32_t *slots; // functab index plus one, by the hash of the name
  size_t n_slots;
};
// The address in s[0, end): a hexadecimal number, a function's name, or both as
// NAME+OFFSET. *shown is what is repeated to the user: a number as it was
// given. False: it is none of them.
bool dump_address_parse(struct dump_addresses *a, const char *s,
                        const char *end, uint64_t *shown, uint64_t *va);
void dump_addresses_free(struct dump_addresses *a);

// --- dump_find.c: the table in a file ---------------------------------------

struct dump_file {
  const char *path;
  const char *where; // e.g. "segment", ".gopclntab", "scan", "sidecar"
  uint8_t *mapped;   // the whole file
  size_t mapped_len;
  struct pcln_image image; // of `mapped`; format PCLN_FORMAT_NONE: a bare table
  struct pcln_location location; // of the table in the image, if it is there
  struct pcln_elf *elf; // ELF files, for --verify and a sidecar; else null
  char *sidecar;        // path of the file beside it that holds the table
  uint8_t *sidecar_mapped;
  size_t sidecar_len;
  uint8_t *copy; // of a table that is read as it is when loaded
  bool reported; // that nothing was found
  struct pcln_table table;
  bool damaged;     // opened with what is inside: reported
  bool no_sections; // `elf` is needed and cannot be read: reported
};
// Finds and opens the table of the file `path`; `options` hold what the file
// does not say (text start, magic). PCLN_NOT_FOUND: reported.
PCLN_MUST_CHECK enum pcln_status
dump_file_open(struct dump_file *f, const char *path,
               const struct dump_options *options,
               const struct pcln_sink *sink);
void dump_file_close(struct dump_file *f);
// The file's bytes at link-time address `va`, up to the end of what is stored
// there; absent where the file has none (a sidecar and a bare table have none).
struct pcln_span dump_code_at(const struct dump_file *f, uint64_t va);
// The link-time address of the section `name`; false: there is none.
bool dump_section_va(const struct dump_file *f, const char *name, uint64_t *va);
// The same for disasm.h; lives as long as *f.
struct pcdis_code dump_code(struct dump_file *f);
// What a Go binary tells of the table at address `va` outside of it.
void dump_go_options(struct pcln_elf *elf, struct pcln_span table, uint64_t va,
                     struct pcln_open_options *out);

// --- dump_errors.c: reports, on standard error and in the output -------------

enum { DUMP_MAX_KEPT = 16 };
struct dump_kept {
  struct pcln_report report;
  char strings[512];
};
struct dump_errors {
  const char *path;
  struct dump_out *out; // null: the output has not begun
  bool any;             // something worse than a note was reported
  unsigned n_kept;
  struct dump_kept kept[DUMP_MAX_KEPT];
};
// The sink; `ctx` is a struct dump_errors.
void dump_errors_take(void *ctx, const struct pcln_report *r);
// From here on reports become records of `out`, those kept so far first.
void dump_errors_begin(struct dump_errors *e, struct dump_out *out);

// --- The actions, a file each ------------------------------------------------

struct dump {
  const struct dump_options *options;
  struct dump_file *file;
  struct dump_names *names;
  struct dump_out *out;
  const struct pcln_sink *sink;
  struct dump_errors *errors;
  enum pcln_status opened; // what dump_file_open() said
  bool differs;            // set by --diff
  bool release_noted;      // by dump_release_unknown()
  uint64_t map_words;      // walked so far; dump_maps.c limits it
};
// Each returns PCLN_CORRUPT when it met a fault, which it reported; it goes on
// behind it as far as it can.
PCLN_MUST_CHECK enum pcln_status dump_header(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_functions(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_rules(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_stats(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_buildinfo(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_lookup(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_verify(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_scan(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_disasm(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_diff(struct dump *d);
PCLN_MUST_CHECK enum pcln_status dump_html(struct dump *d);
// An unwind rule in words: where the CFA is, and where a register is saved that
// is else `same`. In `buf`, where 40 bytes are enough, or a constant.
const char *dump_cfa_text(char *buf, size_t len, const struct pcln_rule *r);
const char *dump_save_text(char *buf, size_t len, uint8_t kind, int32_t off,
                           const char *same);
// Bytes of a stream with its terminator; 0 if it is absent.
uint64_t dump_stream_bytes(const struct pcln_table *t, uint32_t stream);
// A hash of bytes; the same in every run.
uint64_t dump_hash(uint64_t seed, const void *bytes, size_t len);
// The records of one function: dump_func.c, dump_maps.c.
void dump_func_record(struct dump *d, const struct pcln_func *f);
PCLN_MUST_CHECK enum pcln_status dump_func_maps(struct dump *d,
                                                const struct pcln_func *f);
// The records of the variables that hold references: dump_roots.c.
PCLN_MUST_CHECK enum pcln_status dump_roots(struct dump *d);
// Reports a stream or record that the reader refused; PCLN_CORRUPT.
enum pcln_status dump_unreadable(const struct dump *d,
                                 const struct pcln_func *f, const char *region);
// Warns, once, that something is left out because its form depends on a release
// of Go that is not known.
void dump_release_unknown(struct dump *d);
// What stands behind the last slash.
const char *dump_basename(const char *path);
// Whether the filters let the function pass.
bool dump_selects(struct dump *d, const struct pcln_func *f);

#endif
