// SPDX-License-Identifier: Apache-2.0
//
// The plugin inside lld, which has no plugin interface but loads any shared
// object that -mllvm -load=FILE names, for passes of its optimiser.
//
// That happens while lld reads its options: too late to add an input to this
// link, and lld ends by _exit(), so there is no last word either. So the
// constructor of this object runs the same linker again, with the same
// arguments and the object that reserves the program header behind them, waits
// for it, gives the output its table, and ends the process with the linker's
// status. In the second linker, which loads this object too, an environment
// variable with its parent's process number says that there is nothing to do.
//
// Rejected: exec() in place of a child (nobody would be left when lld ends by
// _exit()); an option file beside the object instead of PCLNTAB_OPTIONS (one
// installation serves many builds).
//
// The arguments are read only to learn the output's name and kind; lld itself
// reads them for the link. In any other process (opt, clang, gold, a debugger)
// the constructor does nothing.
#define _GNU_SOURCE
#include "finish.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUARD "PCLNTAB_LLD_PARENT" // process number of the waiting linker

enum { MAX_NESTING = 20 }; // response files within response files

// The linker's arguments, response files expanded.
struct words {
  char **word;
  size_t n, cap;
  bool failed; // no memory, or a file that cannot be read
};

static void add_word(struct words *w, const char *s, size_t len) {
  if (w->n == w->cap) {
    const size_t cap = w->cap ? w->cap * 2 : 64;
    char **grown = realloc(w->word, cap * sizeof *grown);
    if (!grown) {
      w->failed = true;
      return;
    }
    w->word = grown;
    w->cap = cap;
  }
  w->word[w->n] = strndup(s, len);
  if (w->word[w->n])
    w->n++;
  else
    w->failed = true;
}

static void free_words(struct words *w) {
  for (size_t i = 0; i < w->n; i++)
    free(w->word[i]);
  free(w->word);
}

// --- Response files ---------------------------------------------------------

static char *read_text(const char *path) {
  FILE *f = fopen(path, "re");
  char *text = NULL;
  size_t len = 0, cap = 0;
  if (!f)
    return NULL;
  for (;;) {
    if (cap - len < 4096) {
      char *grown = realloc(text, cap = cap * 2 + 8192);
      if (!grown)
        break;
      text = grown;
    }
    const size_t n = fread(text + len, 1, cap - len - 1, f);
    if (!n) {
      fclose(f);
      text[len] = 0;
      return text;
    }
    len += n;
  }
  free(text);
  fclose(f);
  return NULL;
}

static void expand(struct words *w, const char *arg, unsigned depth);

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Splits as a POSIX shell would: blanks, both quotes, backslashes. `out` has
// room for the text.
static void split(struct words *w, const char *p, char *out, unsigned depth) {
  while (*p) {
    while (is_space(*p))
      p++;
    if (!*p)
      return;
    size_t n = 0;
    char quote = 0;
    for (; *p && (quote || !is_space(*p)); p++) {
      if (quote && *p == quote)
        quote = 0;
      else if (!quote && (*p == '"' || *p == '\''))
        quote = *p;
      else if (*p == '\\' && quote != '\'' && p[1])
        out[n++] = *++p;
      else
        out[n++] = *p;
    }
    out[n] = 0;
    char *copy = strndup(out, n); // `out` is used again below
    if (!copy) {
      w->failed = true;
      return;
    }
    expand(w, copy, depth);
    free(copy);
  }
}

// Adds an argument, or what the response file that it names holds. A name that
// is no file stays an argument, as in lld.
static void expand(struct words *w, const char *arg, unsigned depth) {
  char *text = NULL;
  if (arg[0] == '@' && depth < MAX_NESTING)
    text = read_text(arg + 1);
  if (!text) {
    add_word(w, arg, strlen(arg));
    return;
  }
  char *room = malloc(strlen(text) + 1);
  if (room)
    split(w, text, room, depth + 1);
  else
    w->failed = true;
  free(room);
  free(text);
}

// --- What the link is -------------------------------------------------------

struct job {
  const char *output; // points into words, or a constant
  bool relocatable, strips;
  struct words words;
  struct pcln_elf_target target; // of the first input
  bool has_debug, failed;        // inputs; `failed`: one has a fault
  struct pcln_annot_inputs annotations;
};

static bool one_of(const char *s, const char *const *set) {
  for (; *set; set++)
    if (!strcmp(s, *set))
      return true;
  return false;
}

// Options whose value is the next argument, which must not be taken for an
// option. Those that lld also takes joined need no entry for that form.
static bool takes_value(const char *s) {
  static const char *const names[] = {"-mllvm",
                                      "--mllvm",
                                      "-plugin",
                                      "--plugin",
                                      "-z",
                                      "-m",
                                      "-L",
                                      "-l",
                                      "-T",
                                      "-e",
                                      "-u",
                                      "-h",
                                      "-soname",
                                      "--soname",
                                      "-rpath",
                                      "--rpath",
                                      "--script",
                                      "-y",
                                      "-b",
                                      "--format",
                                      "-R",
                                      "--entry",
                                      "--undefined",
                                      "-dynamic-linker",
                                      "--dynamic-linker",
                                      "-Map",
                                      "--Map",
                                      NULL};
  return one_of(s, names);
}

static void read_job(struct job *job) {
  static const char *const relocatable[] = {"-r", "-relocatable",
                                            "--relocatable", NULL};
  static const char *const strips[] = {
      "-s", "-S", "-strip-all", "--strip-all", "-strip-debug", "--strip-debug",
      NULL};
  char **w = job->words.word;
  job->output = "a.out";
  for (size_t i = 1; i < job->words.n; i++) {
    const char *s = w[i], *next = i + 1 < job->words.n ? w[i + 1] : NULL;
    if (takes_value(s)) {
      i++;
    } else if ((!strcmp(s, "-o") || !strcmp(s, "--output")) && next) {
      job->output = next;
      i++;
    } else if (!strncmp(s, "--output=", 9)) {
      job->output = s + 9;
    } else if (!strncmp(s, "-o", 2) && s[2] &&
               strncmp(s, "-orphan-handling", 16)) {
      job->output = s + 2;
    }
    job->relocatable |= one_of(s, relocatable);
    job->strips |= one_of(s, strips);
  }
}

// What is known of an input. An archive may have DWARF; so it counts as if. Its
// members are not looked at, see lld_archives.c.
static void inspect_input(struct job *job, const char *path) {
  char magic[8] = "";
  struct pclnld_input in = {0};
  struct stat sb;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (fstat(fd, &sb) == 0 && S_ISREG(sb.st_mode) &&
      pread(fd, magic, sizeof magic, 0) == sizeof magic) {
    if (!memcmp(magic, "!<arch>\n", 8) || !memcmp(magic, "!<thin>\n", 8))
      job->has_debug = true;
    else if (pclnld_inspect(path, fd, 0, (uint64_t)sb.st_size,
                            &job->annotations, &pclnld_sink, &in) == PCLN_OK) {
      job->has_debug |= in.relocatable && in.has_debug;
      job->failed |= in.bad_annotations;
      if (!job->target.machine) // the reserving object's is the first one's
        job->target = in.target;
    }
  }
  close(fd);
}

// The value of an option of one letter, joined or in the next word; null: it is
// another word.
static const char *value_of(const struct job *job, size_t i, char letter) {
  const char *s = job->words.word[i];
  if (s[0] != '-' || s[1] != letter)
    return NULL;
  return s[2] ? s + 2 : i + 1 < job->words.n ? job->words.word[i + 1] : NULL;
}

// The library that -l names, in the first folder of -L that has it with that
// suffix. A name behind a colon is the whole name.
static bool find_library(const struct job *job, const char *name,
                         const char *suffix, char path[PATH_MAX]) {
  const bool whole = name[0] == ':';
  for (size_t i = 1; i < job->words.n; i++) {
    const char *dir = value_of(job, i, 'L');
    if (dir &&
        snprintf(path, PATH_MAX, "%s/%s%s%s", dir, whole ? "" : "lib",
                 name + whole, whole ? "" : suffix) < PATH_MAX &&
        access(path, R_OK) == 0)
      return true;
  }
  return false;
}

static void inspect_inputs(struct job *job) {
  char path[PATH_MAX];
  for (size_t i = 1; i < job->words.n; i++) {
    const char *library = value_of(job, i, 'l');
    if (library && find_library(job, library, ".so", path))
      inspect_input(job, path);
    else if (!library && job->words.word[i][0] != '-')
      inspect_input(job, job->words.word[i]);
  }
}

static void name_members(const struct job *job) {
  char path[PATH_MAX];
  for (size_t i = 1; i < job->words.n; i++) {
    const char *library = value_of(job, i, 'l');
    if (library && find_library(job, library, ".a", path))
      pclnld_name_members(path);
    else if (!library && job->words.word[i][0] != '-')
      pclnld_name_members(job->words.word[i]);
  }
}

// --- The second linker ------------------------------------------------------

static volatile pid_t child;

static void pass_on(int signal_number) {
  const int saved = errno;
  if (child > 0)
    kill(child, signal_number);
  errno = saved;
}

static const int passed[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
enum { N_PASSED = sizeof passed / sizeof *passed };

// Runs the linker again and waits; its wait status, or negative.
static int run_linker(int argc, char **argv, const char *slot) {
  char **args = calloc((size_t)argc + 2, sizeof *args);
  char guard[32];
  struct sigaction old[N_PASSED];
  if (!args)
    return -1;
  memcpy(args, argv, (size_t)argc * sizeof *args);
  args[argc] = (char *)(uintptr_t)slot; // may be null
  snprintf(guard, sizeof guard, "%ld", (long)getpid());
  if (setenv(GUARD, guard, 1) != 0)
    return -1;
  const pid_t parent = getpid();
  child = fork();
  if (child == 0) {
    // A linker whose parent was killed writes an output without a table.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
      execv("/proc/self/exe", args);
    _exit(127);
  }
  for (size_t i = 0; i < N_PASSED; i++) {
    sigaction(passed[i], &(struct sigaction){.sa_handler = pass_on}, &old[i]);
    if (old[i].sa_handler == SIG_IGN) // the child ignores it too
      sigaction(passed[i], &old[i], NULL);
  }
  int status = -1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  for (size_t i = 0; i < N_PASSED; i++)
    sigaction(passed[i], &old[i], NULL);
  unsetenv(GUARD);
  free(args);
  return status;
}

// Ends this process as the linker ended.
static _Noreturn void end_like(int status) {
  if (status >= 0 && WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  _exit(status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

// Whether a file is now another than `before`, or has other content.
static bool was_written(const char *path, const struct stat *before) {
  struct stat now;
  return stat(path, &now) == 0 &&
         (now.st_ino != before->st_ino || now.st_dev != before->st_dev ||
          now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
          now.st_mtim.tv_nsec != before->st_mtim.tv_nsec);
}

static _Noreturn void link_and_finish(int argc, char **argv, struct job *job,
                                      struct pcln_link_options *o) {
  int fd;
  char path[PCLNLD_PATH_MAX], *slot = NULL;
  struct stat before = {0};
  inspect_inputs(job);
  if (job->failed)
    _exit(1);
  if (pclnld_wants_slot(o)) {
    slot = path;
    if (pclnld_slot_object(&job->target, &fd, path) != PCLN_OK)
      _exit(1);
  }
  if (stat(job->output, &before) < 0)
    before = (struct stat){0};
  o->expect_debug = job->strips && job->has_debug;
  o->annotations = &job->annotations;
  const int status = run_linker(argc, argv, slot);
  if (status != 0)
    end_like(status);
  // --help and --version write no output.
  int failed = 0;
  if (was_written(job->output, &before))
    failed = pclnld_finish(job->output, o);
  if (failed && pclnld_annotations_failed())
    name_members(job);
  _exit(failed);
}

// --- Loading ----------------------------------------------------------------

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

// Whether this process is lld for ELF: the program by its executable, the kind
// by the name it was called by, or by -flavor.
static bool in_elf_lld(int argc, char **argv) {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n < 0 || argc < 1 || !argv || !argv[0])
    return false;
  path[n] = 0;
  if (!strstr(base_name(path), "lld"))
    return false;
  if (argc > 2 && (!strcmp(argv[1], "-flavor") || !strcmp(argv[1], "--flavor")))
    return !strcmp(argv[2], "gnu") || !strcmp(argv[2], "ld") ||
           !strncmp(argv[2], "ld.lld", 6);
  const char *name = base_name(argv[0]);
  return !strncmp(name, "ld.lld", 6) || !strcmp(name, "ld") ||
         strstr(name, "-ld.lld") != NULL;
}

// Whether this is the linker that run_linker() started.
static bool is_second_linker(void) {
  const char *guard = getenv(GUARD);
  return guard && strtol(guard, NULL, 10) == (long)getppid();
}

__attribute__((constructor)) static void on_load(int argc, char **argv) {
  if (!in_elf_lld(argc, argv) || is_second_linker())
    return;
  struct job job = {0};
  struct pcln_link_options o;
  if (pclnld_options_init(&o) != PCLN_OK)
    _exit(1);
  for (int i = 0; i < argc; i++)
    expand(&job.words, argv[i], 0);
  if (job.words.failed) {
    fprintf(stderr, "%s: error: out of memory [no-memory]\n", PCLNLD_NAME);
    _exit(1);
  }
  read_job(&job);
  if (!job.relocatable) // -r: this linker goes on, and does it all
    link_and_finish(argc, argv, &job, &o);
  free_words(&job.words);
  pcln_link_options_free(&o);
}
