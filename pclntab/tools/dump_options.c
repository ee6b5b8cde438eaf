// SPDX-License-Identifier: Apache-2.0
//
// The command line of pclntab-dump. One action per run; what has no meaning
// for the action is refused by name rather than ignored. The options of the
// lookup have addr2line's names, so that a script can call either; that is why
// the list of functions is --funcs and that of inlined calls is --calls.
#include "dump.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { // getopt's values of options without a letter
  OPT_JSON = 256,
  OPT_FUNC,
  OPT_PACKAGE,
  OPT_FILE,
  OPT_ADDRESS,
  OPT_TEXT_START,
  OPT_PREFIX_MAP,
  OPT_MAGIC,
  OPT_RETURN,
  OPT_ACTION, // + enum dump_action
};

#define ACTION(name, action)                                                   \
  { name, no_argument, NULL, OPT_ACTION + (action) }
static const struct option long_options[] = {
    ACTION("header", DUMP_HEADER),
    ACTION("funcs", DUMP_FUNCS),
    ACTION("lines", DUMP_LINES),
    ACTION("calls", DUMP_CALLS),
    ACTION("unwind", DUMP_UNWIND),
    ACTION("streams", DUMP_STREAMS),
    ACTION("all", DUMP_ALL),
    ACTION("rules", DUMP_RULES),
    ACTION("stats", DUMP_STATS),
    ACTION("maps", DUMP_MAPS),
    ACTION("buildinfo", DUMP_BUILDINFO),
    ACTION("lookup", DUMP_LOOKUP),
    ACTION("verify", DUMP_VERIFY),
    ACTION("scan", DUMP_SCAN),
    {"disasm", optional_argument, NULL, OPT_ACTION + DUMP_DISASM},
    ACTION("diff", DUMP_DIFF),
    ACTION("html", DUMP_HTML),
    ACTION("help", DUMP_HELP),
    ACTION("version", DUMP_VERSION),
    {"json", no_argument, NULL, OPT_JSON},
    {"func", required_argument, NULL, OPT_FUNC},
    {"package", required_argument, NULL, OPT_PACKAGE},
    {"file", required_argument, NULL, OPT_FILE},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"text-start", required_argument, NULL, OPT_TEXT_START},
    {"file-prefix-map", required_argument, NULL, OPT_PREFIX_MAP},
    {"magic", required_argument, NULL, OPT_MAGIC},
    {"output", required_argument, NULL, 'o'},
    {"return-addresses", no_argument, NULL, OPT_RETURN},
    {"exe", required_argument, NULL, 'e'},
    {"functions", no_argument, NULL, 'f'},
    {"inlines", no_argument, NULL, 'i'},
    {"pretty-print", no_argument, NULL, 'p'},
    {"basenames", no_argument, NULL, 's'},
    {"demangle", optional_argument, NULL, 'C'},
    {"section", required_argument, NULL, 'j'},
    {"target", required_argument, NULL, 'b'},
    {"addresses", no_argument, NULL, 'a'},
    {NULL, 0, NULL, 0},
};
#undef ACTION

static bool complain(char *why, size_t why_len, const char *text,
                     const char *detail) {
  snprintf(why, why_len, "%s%s", text, detail);
  return false;
}

// The option that getopt stopped at, as the user wrote it.
static bool complain_option(char *why, size_t why_len, const char *text,
                            char *const *argv) {
  const char letter[] = {'-', (char)optopt, 0};
  const bool is_letter = optopt > 0 && optopt < 128;
  return complain(why, why_len, text, is_letter ? letter : argv[optind - 1]);
}

static const char *action_name(enum dump_action action) {
  for (const struct option *l = long_options; l->name; l++)
    if (l->val == OPT_ACTION + (int)action)
      return l->name;
  return "";
}

// A number as C writes it. False: `text` is none.
static bool number(const char *text, const char **end, uint64_t *out) {
  char *stop;
  errno = 0;
  *out = strtoull(text, &stop, 0);
  *end = stop;
  return stop != text && errno == 0 && *text != '-' && *text != '+';
}

// "LO" or "LO,HI".
static bool take_range(struct dump_options *o, const char *text) {
  const char *end;
  o->has_range = number(text, &end, &o->lo);
  o->hi = o->lo + 1;
  if (o->has_range && *end == ',')
    o->has_range = number(end + 1, &end, &o->hi);
  return o->has_range && !*end && o->lo < o->hi;
}

// What is wrong with an option; the order of `take_why`.
enum take_result {
  TAKEN,
  TAKE_UNKNOWN,
  TAKE_BAD_VALUE,
  TAKE_BAD_VERSION,
  TAKE_BAD_STYLE,
  TAKE_BAD_MAP,
  TAKE_TARGET,
};

static const char *const take_why[] = {
    [TAKE_BAD_VALUE] = "not an address or a range: ",
    [TAKE_BAD_VERSION] = "not a version of Go: ",
    [TAKE_BAD_STYLE] = "a style of demangling that is not known: ",
    [TAKE_BAD_MAP] = "not OLD=NEW, or one too many: ",
    [TAKE_TARGET] = "-b has no meaning here, a file's format is found in it: ",
};

static enum take_result take_style(struct dump_options *o, const char *style) {
  static const char *const styles[] = {"auto", "gnu-v3"};
  o->demangle = true;
  for (size_t i = 0; style && i < sizeof styles / sizeof *styles; i++)
    if (strcmp(style, styles[i]) == 0)
      return TAKEN;
  return style ? TAKE_BAD_STYLE : TAKEN;
}

static bool take_map(struct dump_options *o, const char *map) {
  if (o->n_maps == DUMP_MAX_MAPS || !strchr(map, '='))
    return false;
  o->maps[o->n_maps++] = map;
  return true;
}

// Takes an option that is no action.
static enum take_result take(struct dump_options *o, int c) {
  const char *end = "";
  enum pcln_layout layout;
  switch (c) {
  case OPT_JSON:
    o->json = true;
    break;
  case OPT_FUNC:
    o->func = optarg;
    break;
  case OPT_PACKAGE:
    o->package = optarg;
    break;
  case OPT_FILE:
    o->file = optarg;
    break;
  case OPT_ADDRESS:
    return take_range(o, optarg) ? TAKEN : TAKE_BAD_VALUE;
  case OPT_TEXT_START:
    o->has_text_start = number(optarg, &end, &o->text_start);
    return o->has_text_start && !*end ? TAKEN : TAKE_BAD_VALUE;
  case OPT_PREFIX_MAP:
    return take_map(o, optarg) ? TAKEN : TAKE_BAD_MAP;
  case OPT_MAGIC:
    o->magic = optarg;
    return pcln_layout_of_version(optarg, &layout, NULL) ? TAKEN
                                                         : TAKE_BAD_VERSION;
  case OPT_RETURN:
    o->return_addresses = true;
    break;
  case 'o':
    o->output = optarg;
    break;
  case 'e':
    o->path = optarg;
    break;
  case 'f':
    o->functions = true;
    break;
  case 'i':
    o->inlines = true;
    break;
  case 'p':
    o->pretty = true;
    break;
  case 's':
    o->basenames = true;
    break;
  case 'C':
    return take_style(o, optarg);
  case 'j':
    o->section = optarg;
    break;
  case 'b':
    return TAKE_TARGET;
  case 'a':
    o->addresses = true;
    break;
  default:
    return TAKE_UNKNOWN;
  }
  return TAKEN;
}

// Whether every option that was given has a meaning with the action.
static bool check_meaning(const struct dump_options *o, char *why,
                          size_t why_len) {
  const bool lookup = o->action == DUMP_LOOKUP;
  const enum dump_action a = o->action;
  const bool per_func = (a >= DUMP_FUNCS && a <= DUMP_ALL) || a == DUMP_MAPS ||
                        a == DUMP_DISASM || a == DUMP_DIFF || a == DUMP_HTML;
  const bool names = per_func || lookup;
  const bool reads = a != DUMP_SCAN;
  const struct {
    const char *option;
    bool given, allowed;
  } uses[] = {
      {"--func", o->func, per_func},
      {"--package", o->package, per_func},
      {"--file", o->file, per_func},
      {"--address", o->has_range, per_func},
      {"--text-start", o->has_text_start, reads},
      {"--file-prefix-map", o->n_maps > 0, a == DUMP_VERIFY},
      {"--magic", o->magic, reads},
      {"--json", o->json, a != DUMP_HTML},
      {"-C", o->demangle, names},
      {"-s", o->basenames, names},
      {"-f", o->functions, lookup && !o->json},
      {"-i", o->inlines, lookup && !o->json},
      {"-p", o->pretty, lookup && !o->json},
      {"-a", o->addresses, lookup && !o->json},
      {"--return-addresses", o->return_addresses, lookup},
      {"-j", o->section, lookup},
      {"an ADDRESS", o->n_addrs > 0, lookup},
  };
  for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
    if (uses[i].given && !uses[i].allowed) {
      snprintf(why, why_len, "%s has no meaning with --%s%s", uses[i].option,
               action_name(o->action), lookup && o->json ? " --json" : "");
      return false;
    }
  return true;
}

bool dump_options_parse(int argc, char *const *argv, struct dump_options *o,
                        char *why, size_t why_len) {
  *o = (struct dump_options){.action = DUMP_NONE};
  opterr = 0;
  optind = 0; // glibc: also forgets a scan before this one
  int c;
  while ((c = getopt_long(argc, argv, ":o:e:j:b:fipsCahvHV", long_options,
                          NULL)) != -1) {
    if (c == ':')
      return complain_option(why, why_len, "no argument for ", argv);
    if (c == 'h' || c == 'H')
      c = OPT_ACTION + DUMP_HELP;
    if (c == 'v' || c == 'V')
      c = OPT_ACTION + DUMP_VERSION;
    if (c < OPT_ACTION) {
      const enum take_result taken = take(o, c);
      if (taken == TAKE_UNKNOWN)
        return complain_option(why, why_len, "unknown option ", argv);
      if (taken != TAKEN)
        return complain(why, why_len, take_why[taken], optarg);
      continue;
    }
    if (o->action != DUMP_NONE && (int)o->action != c - OPT_ACTION)
      return complain(why, why_len, "more than one action: --",
                      action_name((enum dump_action)(c - OPT_ACTION)));
    o->action = (enum dump_action)(c - OPT_ACTION);
    if (o->action == DUMP_DISASM && optarg)
      o->func = optarg;
  }
  if (o->action == DUMP_HELP || o->action == DUMP_VERSION)
    return true;
  const bool by_e = o->path;
  if (!by_e && optind < argc)
    o->path = argv[optind++];
  if (o->action == DUMP_DIFF && optind < argc)
    o->other_path = argv[optind++];
  o->addrs = argv + optind;
  o->n_addrs = argc - optind;
  if (o->action == DUMP_NONE && (by_e || o->n_addrs > 0))
    o->action = DUMP_LOOKUP;
  if (o->action == DUMP_NONE)
    return complain(why, why_len, "no action; --help lists them", "");
  if (!o->path)
    return complain(why, why_len, "no file", "");
  if (o->action == DUMP_DIFF && !o->other_path)
    return complain(why, why_len, "--diff needs two files", "");
  return check_meaning(o, why, why_len);
}
