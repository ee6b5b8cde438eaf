// SPDX-License-Identifier: Apache-2.0
//
// The plugin inside gold and GNU ld.
//
// The linker calls onload() with a vector of what it offers. Then, in order:
// the claim hook sees each input and says what is wrong with it while the
// linker can still name it; the all-symbols-read hook adds the object that
// reserves the program header; and when the output is written and closed, the
// handler of on_exit() gives it its table. Why there and not in the cleanup
// hook: that one also runs after a failed link, without being told, and
// cannot fail the link; an exit handler learns the exit status and can change
// it. (Measured on gold 1.16 and GNU ld 2.40, see docs/architecture.md.)
//
// The order of the vector differs between linkers (GNU ld puts the options
// last), so all of it is read before anything is done. Inputs are looked at
// through the descriptor, by our own ELF reader: GNU ld offers no calls for
// that, and this works the same in both. Objects that another plugin claimed,
// and those that link-time optimisation adds, are never offered; so what must
// be known of all code is read from the output.
//
// The interface is declared here, in the few parts that are used: its numbers
// are fixed, and the header of binutils carries another licence.
//
// mold calls plugins only for link-time optimisation and takes ours for the
// compiler's; it is refused with the way out.
#define _DEFAULT_SOURCE // on_exit
#include "finish.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

// --- The linker's interface -------------------------------------------------

enum { LDPS_OK = 0, LDPS_ERR = 3 };
enum { LDPL_ERROR = 2, LDPL_FATAL = 3 };
enum { LDPO_REL = 0 };
enum {
  LDPT_NULL = 0,
  LDPT_GOLD_VERSION = 2,
  LDPT_LINKER_OUTPUT = 3,
  LDPT_OPTION = 4,
  LDPT_REGISTER_CLAIM_FILE_HOOK = 5,
  LDPT_REGISTER_ALL_SYMBOLS_READ_HOOK = 6,
  LDPT_ADD_INPUT_FILE = 10,
  LDPT_MESSAGE = 11,
  LDPT_OUTPUT_NAME = 15,
  LDPT_GNU_LD_VERSION = 17,
};

struct ld_plugin_input_file {
  const char *name;
  int fd;
  off_t offset, filesize; // of an archive's member: within the archive
  void *handle;
};
typedef int (*claim_file_handler)(const struct ld_plugin_input_file *file,
                                  int *claimed);
typedef int (*all_symbols_read_handler)(void);

struct ld_plugin_tv {
  int tag;
  union {
    int val;
    const char *string;
    int (*register_claim_file)(claim_file_handler handler);
    int (*register_all_symbols_read)(all_symbols_read_handler handler);
    int (*add_input_file)(const char *path);
    int (*message)(int level, const char *format, ...);
  } u;
};

PCLN_API int onload(struct ld_plugin_tv *tv);

// --- State ------------------------------------------------------------------

// A process links once, and the linker calls hooks from one thread at a time.
static struct {
  struct pcln_link_options options;
  char *output;
  bool relocatable; // -r
  struct pcln_elf_target target;
  bool inputs_have_debug;
  struct pcln_annot_inputs annotations;
  bool linking; // inputs were read: not only -v or --verbose
  bool failed;  // a message of level error was given
  int (*add_input_file)(const char *path);
  int (*message)(int level, const char *format, ...);
} link_state = {.relocatable = false};

static void say_error(int level, const char *file, const char *text,
                      const char *fault) {
  link_state.failed = true;
  if (link_state.message)
    (void)link_state.message(level, "%s: %s: %s [%s]", PCLNLD_NAME, file, text,
                             fault);
  else
    fprintf(stderr, "%s: %s: error: %s [%s]\n", PCLNLD_NAME, file, text, fault);
}

// What is wrong with an input, by the linker's own voice, which makes the link
// fail.
static void report_input(void *ctx, const struct pcln_report *r) {
  char text[1400], func[600] = "";
  (void)ctx;
  if (r->func)
    snprintf(func, sizeof func, "%.500s+0x%llx: ", r->func,
             (unsigned long long)r->func_off);
  snprintf(text, sizeof text, "%s%.700s (%s+0x%llx)", func, r->text, r->region,
           (unsigned long long)r->region_off);
  say_error(LDPL_ERROR, r->file, text, r->fault);
}

// --- Hooks ------------------------------------------------------------------

static int claim_file(const struct ld_plugin_input_file *file, int *claimed) {
  *claimed = 0;
  struct pclnld_input in;
  const struct pcln_sink sink = {.fn = report_input};
  char name[PATH_MAX + 40];
  snprintf(name, sizeof name,
           file->offset ? "%s (member at offset %lld)" : "%s", file->name,
           (long long)file->offset);
  if (file->offset < 0 || file->filesize <= 0 ||
      pclnld_inspect(name, file->fd, (uint64_t)file->offset,
                     (uint64_t)file->filesize, &link_state.annotations, &sink,
                     &in) != PCLN_OK)
    return LDPS_OK; // a script, an archive's index: the linker's business
  if (!link_state.target.machine)
    link_state.target = in.target;
  if (!in.relocatable || link_state.relocatable)
    return LDPS_OK;
  link_state.inputs_have_debug |= in.has_debug;
  if (in.has_allocated_stackmaps)
    say_error(LDPL_ERROR, name, PCLNLD_STACKMAPS_TEXT, "stackmaps-allocated");
  return LDPS_OK;
}

static int all_symbols_read(void) {
  link_state.linking = true;
  if (link_state.relocatable || link_state.failed ||
      !pclnld_wants_slot(&link_state.options))
    return LDPS_OK;
  // Stays open: gold opens the object after this hook.
  int fd;
  char path[PCLNLD_PATH_MAX];
  if (pclnld_slot_object(&link_state.target, &fd, path) != PCLN_OK ||
      link_state.add_input_file(path) != LDPS_OK) {
    say_error(LDPL_ERROR, path, "the linker does not take the reserving object",
              "plugin-add-file");
    return LDPS_ERR;
  }
  return LDPS_OK;
}

// The last step of the link: after it the process ends with its status.
static void at_exit(int status, void *unused) {
  (void)unused;
  if (status != 0 || !link_state.linking || link_state.relocatable ||
      link_state.failed)
    return;
  link_state.options.expect_debug = link_state.inputs_have_debug;
  link_state.options.annotations = &link_state.annotations;
  if (pclnld_finish(link_state.output, &link_state.options) != 0) {
    fflush(NULL); // _exit() does not
    _exit(1);
  }
  pcln_link_options_free(&link_state.options);
  pcln_annot_inputs_free(&link_state.annotations);
  free(link_state.output);
}

// --- Loading ----------------------------------------------------------------

// Whether this process is mold, by the name of its executable.
static bool in_mold(void) {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n < 0)
    return false;
  path[n] = 0;
  const char *slash = strrchr(path, '/');
  return strstr(slash ? slash : path, "mold") != NULL;
}

static int refuse(const char *text, const char *fault) {
  fprintf(stderr, "%s: error: %s [%s]\n", PCLNLD_NAME, text, fault);
  fflush(NULL);
  _exit(1);
}

int onload(struct ld_plugin_tv *tv) {
  if (in_mold())
    return refuse("mold cannot load this plugin (it takes every plugin for "
                  "the compiler's); link without it and run pclntab-link on "
                  "the output",
                  "plugin-mold");
  int (*register_claim)(claim_file_handler) = NULL;
  int (*register_symbols)(all_symbols_read_handler) = NULL;
  bool known_linker = false;
  enum pcln_status st = pclnld_options_init(&link_state.options);
  for (; tv->tag != LDPT_NULL; tv++) {
    switch (tv->tag) {
    case LDPT_GOLD_VERSION:
    case LDPT_GNU_LD_VERSION:
      known_linker = true;
      break;
    case LDPT_LINKER_OUTPUT:
      link_state.relocatable = tv->u.val == LDPO_REL;
      break;
    case LDPT_OPTION:
      if (st == PCLN_OK)
        st = pcln_link_option(&link_state.options, tv->u.string, &pclnld_sink);
      break;
    case LDPT_OUTPUT_NAME:
      free(link_state.output);
      link_state.output = strdup(tv->u.string);
      break;
    case LDPT_REGISTER_CLAIM_FILE_HOOK:
      register_claim = tv->u.register_claim_file;
      break;
    case LDPT_REGISTER_ALL_SYMBOLS_READ_HOOK:
      register_symbols = tv->u.register_all_symbols_read;
      break;
    case LDPT_ADD_INPUT_FILE:
      link_state.add_input_file = tv->u.add_input_file;
      break;
    case LDPT_MESSAGE:
      link_state.message = tv->u.message;
      break;
    default: // what a later linker offers
      break;
    }
  }
  if (!known_linker || !register_claim || !register_symbols ||
      !link_state.add_input_file || !link_state.output)
    return refuse("this linker is neither gold nor GNU ld, or too old; link "
                  "without the plugin and run pclntab-link on the output",
                  "plugin-linker");
  if (st != PCLN_OK) { // gold ignores what onload() returns
    say_error(LDPL_FATAL, "options", "see the line above", "option-bad");
    return LDPS_ERR;
  }
  if (register_claim(claim_file) != LDPS_OK ||
      register_symbols(all_symbols_read) != LDPS_OK ||
      on_exit(at_exit, NULL) != 0)
    return refuse("the linker refuses the plugin's hooks", "plugin-linker");
  return LDPS_OK;
}
