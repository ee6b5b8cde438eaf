// SPDX-License-Identifier: Apache-2.0
//
// The run of a fuzz target that the test suite makes: the same inputs on every
// machine, after every change.
//
// libFuzzer picks inputs by the coverage that earlier ones reached. That finds
// most, but any change of the code leads to other inputs: a test made so fails
// now and then for what was wrong before, and not for what was changed. So a
// test runs the inputs that are committed, seeds and past findings alike, and a
// number of changed copies that follow from those alone. Looking for new ones
// is for a person, or a machine with time (cmake/fuzz_tests.cmake).
//
//   run_<entry> --fixed=<changed copies> --artifact=<file> <files, folders...>
//
// libFuzzer's main() calls LLVMFuzzerInitialize() first, which takes such a
// command line over and does not return. An input that fails is left in the
// artifact, to be tried with run_<entry> <artifact>.
#include <dirent.h>
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
  MAX_SEEDS = 4096,
  MAX_LEN = 1 << 20, // of a seed
  MAX_CHANGED = 1 << 13,
  MAX_EDITS = 8,
  MAX_SECONDS = 20, // for one input
};

struct seed {
  char *path;
  uint8_t *bytes;
  size_t len;
};

static struct seed seeds[MAX_SEEDS];
static size_t n_seeds;

// --- An input that fails ----------------------------------------------------

static const uint8_t *current;
static size_t current_len;
static const char *artifact;

// Called in a dying process, or in a signal handler.
static void save_current(void) {
  static const char text[] = "fixed_run: the failing input is in ";
  const int fd = open(artifact, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0 || write(fd, current, current_len) < 0 ||
      write(STDERR_FILENO, text, sizeof text - 1) < 0 ||
      write(STDERR_FILENO, artifact, strlen(artifact)) < 0 ||
      write(STDERR_FILENO, "\n", 1) < 0)
    _exit(2);
}

static void on_signal(int sig) {
  save_current();
  signal(sig, SIG_DFL);
  raise(sig);
}

static void run(const uint8_t *bytes, size_t len) {
  uint8_t *copy = malloc(len); // the bound is exact, for the sanitizer
  if (len && !copy)
    abort();
  if (len)
    memcpy(copy, bytes, len);
  current = copy;
  current_len = len;
  alarm(MAX_SECONDS);
  LLVMFuzzerTestOneInput(copy, len);
  alarm(0);
  free(copy);
}

// --- Seeds ------------------------------------------------------------------

static void die(const char *path) {
  perror(path);
  exit(2);
}

static void add_file(const char *path) {
  static uint8_t buf[MAX_LEN];
  FILE *f = fopen(path, "rb");
  if (!f || n_seeds == MAX_SEEDS)
    die(path);
  struct seed *s = &seeds[n_seeds++];
  s->len = fread(buf, 1, sizeof buf, f);
  fclose(f);
  s->path = strdup(path);
  s->bytes = malloc(s->len + 1);
  if (!s->path || !s->bytes)
    die(path);
  memcpy(s->bytes, buf, s->len);
}

static void add_path(const char *path) {
  struct stat st;
  struct dirent **names;
  if (stat(path, &st) != 0)
    die(path);
  if (!S_ISDIR(st.st_mode)) {
    add_file(path);
    return;
  }
  // In the order of names: that of the folder differs between file systems.
  const int n = scandir(path, &names, NULL, NULL);
  if (n < 0)
    die(path);
  for (int i = 0; i < n; i++) {
    char full[4096];
    if (names[i]->d_name[0] != '.') {
      snprintf(full, sizeof full, "%s/%s", path, names[i]->d_name);
      add_file(full);
    }
    free(names[i]);
  }
  free(names);
}

static int by_name(const void *a, const void *b) {
  const struct seed *x = a, *y = b;
  const char *nx = strrchr(x->path, '/'), *ny = strrchr(y->path, '/');
  return strcmp(nx ? nx : x->path, ny ? ny : y->path);
}

// --- Changed copies ---------------------------------------------------------

static uint64_t random_state;

static uint32_t random32(void) { // splitmix64
  uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
  return (uint32_t)(z ^ z >> 31);
}

static size_t below(size_t n) { return n ? random32() % n : 0; }

struct input {
  uint8_t bytes[MAX_CHANGED];
  size_t len;
};

static void cut(struct input *in, size_t at, size_t n) {
  memmove(in->bytes + at, in->bytes + at + n, in->len - at - n);
  in->len -= n;
}

static void put(struct input *in, size_t at, const uint8_t *from, size_t n) {
  uint8_t copy[64]; // `from` may be in what moves
  if (n > sizeof copy)
    n = sizeof copy;
  if (n > sizeof in->bytes - in->len)
    return;
  memcpy(copy, from, n);
  memmove(in->bytes + at + n, in->bytes + at, in->len - at);
  memcpy(in->bytes + at, copy, n);
  in->len += n;
}

// A number that lies at some border, over 1, 2, 4 or 8 bytes.
static void set_number(struct input *in, size_t at) {
  static const uint64_t numbers[] = {
      0,          1,          2,          7,          16,       0x7f,
      0x80,       0xff,       0x7fff,     0x8000,     0xffff,   0x7fffffff,
      0x80000000, 0xfffffffe, 0xffffffff, UINT64_MAX, INT64_MAX};
  uint64_t n = numbers[below(sizeof numbers / sizeof *numbers)];
  const size_t width = (size_t)1 << below(4);
  if (below(2))
    n = __builtin_bswap64(n) >> (64 - 8 * width);
  if (width <= in->len - at)
    memcpy(in->bytes + at, &n, width);
}

static void edit(struct input *in) {
  const size_t at = below(in->len);
  const size_t n = in->len ? below(in->len - at < 64 ? in->len - at : 64) : 0;
  const struct seed *other = &seeds[below(n_seeds)];
  const size_t from = below(other->len);
  static const uint8_t ones[64] = {[0 ... 63] = 0xff};
  switch (below(in->len ? 8 : 1)) {
  case 0:
    put(in, at, other->bytes + from, below(other->len - from + 1));
    return;
  case 1:
    cut(in, at, n);
    return;
  case 2:
    put(in, at, in->bytes + below(in->len - n), n);
    return;
  case 3:
    put(in, at, ones, 1 + below(10)); // varints grow
    return;
  case 4:
    set_number(in, at);
    return;
  case 5:
    in->bytes[at] = (uint8_t)(in->bytes[at] + below(9) - 4);
    return;
  case 6:
    in->bytes[at] = (uint8_t)random32();
    return;
  default:
    in->bytes[at] ^= (uint8_t)(1u << below(8));
    return;
  }
}

static void run_changed(size_t number) {
  static struct input in;
  const struct seed *s = &seeds[number % n_seeds];
  random_state = number;
  in.len = s->len < sizeof in.bytes ? s->len : sizeof in.bytes;
  memcpy(in.bytes, s->bytes, in.len);
  for (size_t n = 1 + below(MAX_EDITS); n > 0; n--)
    edit(&in);
  run(in.bytes, in.len);
}

// --- The run ----------------------------------------------------------------

static const char *value_of(const char *arg, const char *option) {
  const size_t n = strlen(option);
  return strncmp(arg, option, n) == 0 ? arg + n : NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  static const int signals[] = {SIGABRT, SIGALRM};
  const char *runs = *argc > 2 ? value_of((*argv)[1], "--fixed=") : NULL;
  if (!runs)
    return 0; // libFuzzer's own command line
  artifact = value_of((*argv)[2], "--artifact=");
  if (!artifact)
    die("--artifact");
  for (int i = 3; i < *argc; i++)
    add_path((*argv)[i]);
  qsort(seeds, n_seeds, sizeof *seeds, by_name);
  __sanitizer_set_death_callback(save_current);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    signal(signals[i], on_signal);
  run(NULL, 0);
  for (size_t i = 0; i < n_seeds; i++)
    run(seeds[i].bytes, seeds[i].len);
  const size_t n = n_seeds ? strtoul(runs, NULL, 10) : 0;
  for (size_t i = 0; i < n; i++)
    run_changed(i);
  printf("%zu committed inputs and %zu changed copies\n", n_seeds, n);
  exit(0);
}
