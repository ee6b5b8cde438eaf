// SPDX-License-Identifier: Apache-2.0
//
// The table of any program, ours or Go's, read as an embedded profiler would:
// the file is not mapped but read through a callback, nothing is allocated, and
// memory does not grow with the program.
//
//   read-table FILE                 lists the functions
//   read-table FILE ADDRESS...      names each address: functions, files, lines
//
// Build: cc read-table.c $(pkg-config --cflags --libs pclntab) -o read-table
#include <pclntab/reader.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// The bytes: a file here; process_vm_readv() or ptrace elsewhere.
static size_t read_file(void *ctx, uint64_t off, void *buf, size_t len) {
  const ssize_t n = pread(*(int *)ctx, buf, len, (off_t)off);
  return n > 0 ? (size_t)n : 0;
}

// What is wrong is told once, to whoever wants to know.
static void report(void *ctx, const struct pcln_report *r) {
  fprintf(stderr, "%s: %s [%s]\n", (const char *)ctx, r->text, r->fault);
}

// Finds the table in the file and opens a reader on it.
static enum pcln_status open_table(struct pcln_reader *reader,
                                   const struct pcln_source *source,
                                   const struct pcln_sink *sink) {
  struct pcln_image image; // some 4 KB
  struct pcln_location where;
  struct pcln_reader_options options;
  enum pcln_status status = pcln_image_open(&image, source, NULL, sink);
  if (status != PCLN_OK)
    return status;
  status = pcln_locate(&image, NULL, sink, &where);
  if (status != PCLN_OK)
    return status;
  pcln_reader_located(&image, &where, &options);
  return pcln_reader_open(reader, source, where.file_off, where.len, &options,
                          sink);
}

// One function at a time fits in here; a huge one says PCLN_LIMIT, and how much
// it needs.
static uint8_t buffer[1 << 18];

static int list_functions(const struct pcln_reader *reader) {
  struct pcln_piece piece;
  struct pcln_func func;
  int failed = 0;
  for (uint32_t i = 0; i < reader->table.n_funcs; i++) {
    enum pcln_status status =
        pcln_reader_at(reader, i, 0, buffer, sizeof buffer, &piece);
    if (status == PCLN_OK)
      status = pcln_func_at(&piece.table, 0, &func);
    if (status != PCLN_OK)
      failed = 1;
    else if (!func.hole)
      printf("%#llx %s\n", (unsigned long long)func.entry, func.name);
  }
  return failed;
}

// The functions at `pc`, innermost first. In a table behind a reader or in one
// in memory, it is done alike.
static int name_address(const struct pcln_reader *reader, uint64_t pc) {
  struct pcln_piece piece;
  struct pcln_frame_iter it;
  struct pcln_frame frame;
  enum pcln_status status =
      pcln_reader_find(reader, pc, PCLN_READ_LINES | PCLN_READ_CALLS, buffer,
                       sizeof buffer, &piece);
  if (status == PCLN_OK)
    status = pcln_frames_begin(&piece.table, pc, &it);
  if (status != PCLN_OK) {
    printf("%#llx: %s\n", (unsigned long long)pc, pcln_status_text(status));
    return status != PCLN_NOT_FOUND;
  }
  printf("%#llx:", (unsigned long long)pc);
  while (pcln_frames_next(&it, &frame))
    printf(" %s at %s:%d", frame.func, frame.file ? frame.file : "?",
           (int)frame.line);
  printf("\n");
  return it.status != PCLN_OK;
}

int main(int argc, char **argv) {
  int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
  if (fd < 0) {
    fprintf(stderr, "usage: read-table FILE [ADDRESS...]\n");
    return 2;
  }
  const struct pcln_source source = {
      .read = read_file, .ctx = &fd, .len = (uint64_t)lseek(fd, 0, SEEK_END)};
  const struct pcln_sink sink = {report, argv[1]};
  struct pcln_reader reader;
  const enum pcln_status status = open_table(&reader, &source, &sink);
  if (status != PCLN_OK) {
    fprintf(stderr, "%s: %s\n", argv[1], pcln_status_text(status));
    return 2;
  }
  if (argc == 2)
    return list_functions(&reader);
  int failed = 0;
  for (int i = 2; i < argc; i++)
    failed |= name_address(&reader, strtoull(argv[i], NULL, 0));
  return failed;
}
