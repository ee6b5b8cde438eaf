// SPDX-License-Identifier: Apache-2.0
//
// Response files: an argument @FILE stands for the words in FILE, as for
// addr2line and the other tools of GNU binutils. A list of addresses may be
// longer than a command line. Words are separated by white space; quotes of
// either kind hold it together, and a backslash takes the next character as it
// is. An @FILE that cannot be read is an argument like any other.
#include "dump.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Files that name files, each of which costs a read. A file that names itself
// ends here.
enum { MAX_FILES = 1000 };

struct words {
  char **list;
  size_t n, cap;
  bool failed; // no memory
};

static void add(struct words *w, char *word) {
  if (w->n == w->cap) {
    const size_t cap = w->cap ? 2 * w->cap : 64;
    char **list = realloc(w->list, cap * sizeof *list);
    if (!list) {
      w->failed = true;
      return;
    }
    w->list = list;
    w->cap = cap;
  }
  w->list[w->n++] = word;
}

// All of the file with a NUL behind it; null: it cannot be read.
static char *read_file(const char *path) {
  struct stat st;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return NULL;
  char *text = NULL;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
    text = malloc((size_t)st.st_size + 1);
  size_t len = 0;
  for (ssize_t n = 1;
       text && n > 0 && len<(size_t)st.st_size; len += n> 0 ? (size_t)n : 0)
    n = read(fd, text + len, (size_t)st.st_size - len);
  if (text)
    text[len] = 0;
  close(fd);
  return text;
}

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Takes the word at *at, in place; *at then is behind it. Null: no more words.
static char *take_word(char **at) {
  char *p = *at, quote = 0;
  while (is_space(*p))
    p++;
  char *word = p, *to = p;
  if (!*p)
    return NULL;
  for (; *p && (quote || !is_space(*p)); p++) {
    if (*p == '\\' && p[1])
      *to++ = *++p;
    else if (quote ? *p == quote : (*p == '\'' || *p == '"'))
      quote = quote ? 0 : *p;
    else
      *to++ = *p;
  }
  *at = *p ? p + 1 : p;
  *to = 0;
  return word;
}

static void expand(struct words *w, char *arg, unsigned *n_files) {
  char *text =
      arg[0] == '@' && *n_files < MAX_FILES ? read_file(arg + 1) : NULL;
  if (!text) {
    add(w, arg);
    return;
  }
  ++*n_files;
  for (char *word; (word = take_word(&text)) && !w->failed;)
    expand(w, word, n_files);
}

bool dump_args_expand(int *argc, char ***argv) {
  static struct words w; // all of it is in use until the process ends
  unsigned n_files = 0;
  for (int i = 0; i < *argc; i++)
    expand(&w, (*argv)[i], &n_files);
  add(&w, NULL);
  if (w.failed || w.n > (size_t)INT32_MAX)
    return false;
  *argc = (int)w.n - 1;
  *argv = w.list;
  return true;
}
