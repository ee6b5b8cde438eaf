// SPDX-License-Identifier: Apache-2.0
//
// The options of a link: one table, from which the parser and the help text
// are made, so that neither can know an option that the other does not. The
// same words serve -plugin-opt, PCLNTAB_OPTIONS and the command line.
#include "link.h"

#include <stdlib.h>
#include <string.h>

// What an option does to the set; `value` is null for one without.
typedef enum pcln_status (*apply_fn)(struct pcln_link_options *o,
                                     const char *value);

struct option {
  const char *name;
  bool has_value;
  apply_fn apply;
};

static enum pcln_status set_placement(struct pcln_link_options *o,
                                      const char *value) {
  static const char *const words[] = {"auto", "embedded", "sidecar", "none"};
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
    if (!strcmp(value, words[i])) {
      o->placement = (enum pcln_placement)i;
      return PCLN_OK;
    }
  return PCLN_UNSUPPORTED;
}

static enum pcln_status set_sidecar(struct pcln_link_options *o,
                                    const char *value) {
  char *copy = *value ? strdup(value) : NULL;
  if (!copy)
    return *value ? PCLN_NO_MEMORY : PCLN_UNSUPPORTED;
  free(o->sidecar_path);
  o->sidecar_path = copy;
  o->placement = PCLN_PLACE_SIDECAR;
  return PCLN_OK;
}

static enum pcln_status set_threads(struct pcln_link_options *o,
                                    const char *value) {
  char *end;
  const unsigned long n = strtoul(value, &end, 10);
  if (*value < '0' || *value > '9' || *end || n > 1024)
    return PCLN_UNSUPPORTED;
  o->threads = (unsigned)n;
  return PCLN_OK;
}

static enum pcln_status add_map(struct pcln_link_options *o,
                                const char *value) {
  const char *eq = strchr(value, '=');
  if (!eq)
    return PCLN_UNSUPPORTED;
  struct pcln_prefix_map *maps =
      realloc(o->maps, (o->n_maps + 1) * sizeof *maps);
  if (!maps)
    return PCLN_NO_MEMORY;
  o->maps = maps;
  char *from = strndup(value, (size_t)(eq - value)), *to = strdup(eq + 1);
  if (!from || !to) {
    free(from);
    free(to);
    return PCLN_NO_MEMORY;
  }
  maps[o->n_maps++] = (struct pcln_prefix_map){from, to};
  return PCLN_OK;
}

static enum pcln_status set_go_version(struct pcln_link_options *o,
                                       const char *value) {
  if (strcmp(value, "1.18") && strcmp(value, "1.20"))
    return PCLN_UNSUPPORTED;
  o->layout = strcmp(value, "1.18") ? PCLN_GO_120 : PCLN_GO_118;
  return PCLN_OK;
}

#define FLAG(function, field, state)                                           \
  static enum pcln_status function(struct pcln_link_options *o,                \
                                   const char *value) {                        \
    (void)value;                                                               \
    o->field = state;                                                          \
    return PCLN_OK;                                                            \
  }
FLAG(set_strip_debug, strip_debug, true)
FLAG(set_move_phdrs, move_phdrs, true)
FLAG(set_allow_stripped, allow_stripped, true)
FLAG(set_go_compat, go_compat, true)
FLAG(set_stats, stats, true)
FLAG(set_verify, verify, true)
FLAG(set_no_verify, verify, false)

static const struct option options[] = {
    {"placement", true, set_placement},
    {"sidecar", true, set_sidecar},
    {"strip-debug", false, set_strip_debug},
    {"move-phdrs", false, set_move_phdrs},
    {"allow-stripped", false, set_allow_stripped},
    {"file-prefix-map", true, add_map},
    {"go-compat", false, set_go_compat},
    {"go-version", true, set_go_version},
    {"threads", true, set_threads},
    {"stats", false, set_stats},
    {"verify", false, set_verify},
    {"no-verify", false, set_no_verify},
};

const char *pcln_link_options_help(void) {
  return "  --placement=WHERE         auto (default), embedded, sidecar or "
         "none\n"
         "  --sidecar=PATH            write the table to PATH\n"
         "  --strip-debug             drop .debug_* from the finished file\n"
         "  --move-phdrs              no slot: move the program headers\n"
         "  --allow-stripped          go on without debug information or "
         "symbols\n"
         "  --file-prefix-map=OLD=NEW replace a prefix of file names\n"
         "  --go-compat               name the table .gopclntab for Go's "
         "tools\n"
         "  --go-version=VERSION      layout of records: 1.20 (default) or "
         "1.18\n"
         "  --threads=N               threads; 0 (default): one per processor, "
         "at most 8\n"
         "  --stats                   print times and sizes\n"
         "  --verify, --no-verify     check the table before it is written "
         "(default)\n";
}

void pcln_link_options_init(struct pcln_link_options *o) {
  *o = (struct pcln_link_options){.verify = true, .layout = PCLN_GO_120};
}

void pcln_link_options_free(struct pcln_link_options *o) {
  for (size_t i = 0; i < o->n_maps; i++) {
    free((char *)(uintptr_t)o->maps[i].from);
    free((char *)(uintptr_t)o->maps[i].to);
  }
  free(o->maps);
  free(o->sidecar_path);
  *o = (struct pcln_link_options){0};
}

static enum pcln_status refuse(const struct pcln_sink *sink, const char *option,
                               const char *fault, const char *text) {
  pcln_say(sink, &(struct pcln_report){.severity = PCLN_ERROR,
                                       .fault = fault,
                                       .file = option,
                                       .text = text});
  return PCLN_UNSUPPORTED;
}

enum pcln_status pcln_link_option(struct pcln_link_options *o,
                                  const char *option,
                                  const struct pcln_sink *sink) {
  const char *eq = strchr(option, '=');
  const size_t len = eq ? (size_t)(eq - option) : strlen(option);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    const struct option *p = &options[i];
    if (strlen(p->name) != len || strncmp(p->name, option, len))
      continue;
    if (p->has_value != (eq != NULL))
      return refuse(sink, option, "option-value",
                    eq ? "this option takes no value"
                       : "this option needs a value: NAME=VALUE");
    const enum pcln_status st = p->apply(o, eq ? eq + 1 : NULL);
    if (st == PCLN_UNSUPPORTED)
      return refuse(sink, option, "option-value",
                    "this option does not take that value");
    return st;
  }
  return refuse(sink, option, "option-unknown", "there is no such option");
}
