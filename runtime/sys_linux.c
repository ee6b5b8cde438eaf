// SPDX-License-Identifier: Apache-2.0
//
// The runtime's only way to the system: memory, files, signals, threads, and
// the dynamic linker's view of what is loaded.
//
// System calls are raw (context_*.S): libc's wrappers write errno, which
// belongs to the code that a signal handler interrupted. What comes from libc
// is bound when the program starts (the library is built with -fno-plt and
// linked with -z now), so that no symbol is resolved inside a handler.
//
// Whether memory is readable is asked of the kernel, by a system call that
// copies 8 bytes from the address and then fails for another reason:
// rt_sigprocmask with a `how` that does not exist. It has no side effect and no
// sandbox forbids it, which process_vm_readv, the obvious way, cannot claim;
// and for single pages it takes a quarter of the time (117 against 531 ns).
#include "internal.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

long pclnrt_syscall(long number, long a, long b, long c, long d, long e,
                    long f);

// Kernel results from -4095 to -1 are errors.
static bool failed(long result) { return result < 0 && result > -4096; }

// --- Memory ------------------------------------------------------------------

enum { MAP_FLAGS = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE };

#ifdef __SANITIZE_THREAD__
// It must see memory come and go, or what two threads map at one place one
// after the other is a race to it.
static long map(size_t len) {
  return (long)mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_FLAGS, -1, 0);
}
static void unmap(void *mem, size_t len) { munmap(mem, len); }
#else
static long map(size_t len) {
  return pclnrt_syscall(SYS_mmap, 0, (long)len, PROT_READ | PROT_WRITE,
                        MAP_FLAGS, -1, 0);
}
static void unmap(void *mem, size_t len) {
  pclnrt_syscall(SYS_munmap, (long)mem, (long)len, 0, 0, 0, 0);
}
#endif

void *pclnrt_sys_map(size_t len) {
  const long p = map(len);
  return failed(p) ? NULL : (void *)p;
}

void pclnrt_sys_unmap(void *mem, size_t len) { unmap(mem, len); }

void *pclnrt_sys_remap(void *mem, size_t old_len, size_t new_len) {
  void *grown = pclnrt_sys_map(new_len);
  if (!grown)
    return NULL;
  memcpy(grown, mem, old_len < new_len ? old_len : new_len);
  pclnrt_sys_unmap(mem, old_len);
  return grown;
}

bool pclnrt_sys_guard(void *mem) {
  return !failed(
      pclnrt_syscall(SYS_mprotect, (long)mem, PCLNRT_PAGE, PROT_NONE, 0, 0, 0));
}

void *pclnrt_sys_reserve(size_t len) {
  const long p =
      pclnrt_syscall(SYS_mmap, 0, (long)len, PROT_NONE, MAP_FLAGS, -1, 0);
  return failed(p) ? NULL : (void *)p;
}

bool pclnrt_sys_commit(void *mem, size_t len) {
  return !failed(pclnrt_syscall(SYS_mprotect, (long)mem, (long)len,
                                PROT_READ | PROT_WRITE, 0, 0, 0));
}

bool pclnrt_sys_forget(void *mem, size_t len) {
  return !failed(pclnrt_syscall(SYS_madvise, (long)mem, (long)len,
                                MADV_DONTNEED, 0, 0, 0));
}

void pclnrt_sys_prefer_huge(void *mem, size_t len) {
  pclnrt_syscall(SYS_madvise, (long)mem, (long)len, MADV_HUGEPAGE, 0, 0, 0);
}

void pclnrt_sys_make_huge(void *mem, size_t len) {
#ifndef MADV_COLLAPSE
  enum { MADV_COLLAPSE = 25 }; // Linux 6.1
#endif
  pclnrt_sys_prefer_huge(mem, len);
  pclnrt_syscall(SYS_madvise, (long)mem, (long)len, MADV_COLLAPSE, 0, 0, 0);
}

// The first number of /proc/self/statm: pages of addresses in use.
static uint64_t pages_in_use(void) {
  char text[64];
  const long fd = pclnrt_syscall(SYS_openat, AT_FDCWD, (long)"/proc/self/statm",
                                 O_RDONLY | O_CLOEXEC, 0, 0, 0);
  if (failed(fd))
    return 0;
  const long n = pclnrt_syscall(SYS_read, fd, (long)text, sizeof text, 0, 0, 0);
  pclnrt_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
  uint64_t pages = 0;
  for (long i = 0; i < n && text[i] >= '0' && text[i] <= '9'; i++)
    pages = pages * 10 + (uint64_t)(text[i] - '0');
  return pages;
}

uint64_t pclnrt_sys_addresses_left(void) {
  struct rlimit limit;
  if (failed(
          pclnrt_syscall(SYS_prlimit64, 0, RLIMIT_AS, 0, (long)&limit, 0, 0)) ||
      limit.rlim_cur == RLIM_INFINITY)
    return UINT64_MAX;
  const uint64_t used = pages_in_use() * (uint64_t)getpagesize();
  return used < limit.rlim_cur ? limit.rlim_cur - used : 0;
}

bool pclnrt_sys_readable(uint64_t addr) {
  // The size is that of the kernel's signal set; the call looks at it first,
  // then at the memory, then at `how`.
  return pclnrt_syscall(SYS_rt_sigprocmask, -1, (long)addr, 0, 8, 0, 0) ==
         -EINVAL;
}

bool pclnrt_sys_copy(void *to, uint64_t from, size_t len) {
  struct iovec local = {to, len};
  struct iovec remote = {(void *)from, len};
  long pid = pclnrt_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
  long n = pclnrt_syscall(SYS_process_vm_readv, pid, (long)&local, 1,
                          (long)&remote, 1, 0);
  if (n == (long)len)
    return true;
  if (n != -EPERM && n != -ENOSYS)
    return false;
  // Forbidden by a sandbox: ask page by page. Memory that vanishes between the
  // question and the copy is then a fault, as it is for any reader.
  for (uint64_t page = from & ~(uint64_t)7; page < from + len;
       page = (page | (PCLNRT_PAGE - 1)) + 1)
    if (!pclnrt_sys_readable(page))
      return false;
  memcpy(to, (const void *)from, len);
  return true;
}

// --- Files -------------------------------------------------------------------

enum pcln_status pclnrt_sys_map_file(const char *path, struct pcln_span *out) {
  long fd = pclnrt_syscall(SYS_openat, AT_FDCWD, (long)path,
                           O_RDONLY | O_CLOEXEC, 0, 0, 0);
  if (failed(fd))
    return fd == -ENOENT || fd == -ENOTDIR ? PCLN_NOT_FOUND : PCLN_IO;
  enum pcln_status status = PCLN_IO;
  struct stat st;
  if (!failed(pclnrt_syscall(SYS_fstat, fd, (long)&st, 0, 0, 0, 0)) &&
      S_ISREG(st.st_mode) && st.st_size > 0) {
    long p =
        pclnrt_syscall(SYS_mmap, 0, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (!failed(p)) {
      *out = (struct pcln_span){(const uint8_t *)p, (size_t)st.st_size};
      status = PCLN_OK;
    }
  }
  pclnrt_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
  return status;
}

bool pclnrt_sys_program_path(char *buf, size_t len) {
  long n = pclnrt_syscall(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe",
                          (long)buf, (long)len, 0, 0);
  if (failed(n) || (size_t)n >= len)
    return false;
  buf[n] = 0;
  return true;
}

void pclnrt_sys_write(int fd, const char *bytes, size_t len) {
  while (len) {
    long n = pclnrt_syscall(SYS_write, fd, (long)bytes, (long)len, 0, 0, 0);
    if (n == -EINTR)
      continue;
    if (n <= 0)
      return;
    bytes += n;
    len -= (size_t)n;
  }
}

// --- Threads and signals -----------------------------------------------------

int pclnrt_sys_thread_id(void) {
  return (int)pclnrt_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
}

bool pclnrt_sys_is_main_thread(void) {
  return pclnrt_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0) == pclnrt_sys_thread_id();
}

void pclnrt_sys_sleep_ms(unsigned ms) {
  struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
  pclnrt_syscall(SYS_nanosleep, (long)&t, 0, 0, 0, 0, 0);
}

void pclnrt_sys_wait(_Atomic uint32_t *word, uint32_t value, unsigned ms) {
  const struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
  pclnrt_syscall(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, (long)value,
                 ms ? (long)&t : 0, 0, 0);
}

void pclnrt_sys_wake(_Atomic uint32_t *word, int n) {
  pclnrt_syscall(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, n, 0, 0, 0);
}

void pclnrt_sys_signal_thread(int id, int sig) {
  const long pid = pclnrt_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
  pclnrt_syscall(SYS_tgkill, pid, id, sig, 0, 0, 0);
}

void pclnrt_sys_yield(void) {
  pclnrt_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

uint64_t pclnrt_sys_now_ns(void) {
  struct timespec t = {0};
  clock_gettime(CLOCK_MONOTONIC, &t); // libc's: no system call
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

unsigned pclnrt_sys_processors(void) {
  uint64_t mask[16] = {0}; // 1024 processors
  const long len = pclnrt_syscall(SYS_sched_getaffinity, 0, sizeof mask,
                                  (long)mask, 0, 0, 0);
  unsigned n = 0;
  for (long i = 0; i < len / 8; i++)
    n += (unsigned)__builtin_popcountll(mask[i]);
  return n ? n : 1;
}

void pclnrt_sys_requeue(int sig, void *info) {
  long pid = pclnrt_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
  long tid = pclnrt_sys_thread_id();
  // With its siginfo, so that a core dump tells the address that was at fault.
  if (failed(pclnrt_syscall(SYS_rt_tgsigqueueinfo, pid, tid, sig, (long)info, 0,
                            0)))
    pclnrt_syscall(SYS_tgkill, pid, tid, sig, 0, 0, 0);
}

// --- Loaded objects ----------------------------------------------------------

#ifdef DLFO_STRUCT_HAS_EH_DBASE // glibc 2.35 and newer declare it
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

bool pclnrt_sys_can_find_object(void) { return _dl_find_object; }

bool pclnrt_sys_find_object(uint64_t pc, struct pclnrt_object *out) {
  struct dl_find_object found;
  if (!_dl_find_object || _dl_find_object((void *)pc, &found) != 0)
    return false;
  out->link_map = (uint64_t)found.dlfo_link_map;
  out->map_start = (uint64_t)found.dlfo_map_start;
  out->map_end = (uint64_t)found.dlfo_map_end;
  out->eh_hdr = (uint64_t)found.dlfo_eh_frame;
  return true;
}
#else
bool pclnrt_sys_can_find_object(void) { return false; }

bool pclnrt_sys_find_object(uint64_t pc, struct pclnrt_object *out) {
  (void)pc, (void)out;
  return false;
}
#endif

// Copies a string that may vanish; false: it did, or is too long.
static bool copy_string(char *to, size_t len, uint64_t from) {
  for (size_t done = 0; done < len;) {
    size_t n = PCLNRT_PAGE - (from + done) % PCLNRT_PAGE; // to the page's end
    if (n > len - done)
      n = len - done;
    if (!pclnrt_sys_copy(to + done, from + done, n))
      return false;
    if (memchr(to + done, 0, n))
      return true;
    done += n;
  }
  return false;
}

bool pclnrt_sys_object_details(struct pclnrt_object *o, void *phdr_buf,
                               size_t phdr_len, char *path_buf,
                               size_t path_len) {
  struct {
    uint64_t addr, name; // as link.h's public struct link_map begins
  } map;
  ElfW(Ehdr) ehdr;
  if (!o->link_map || !pclnrt_sys_copy(&map, o->link_map, sizeof map) ||
      !copy_string(path_buf, path_len, map.name) ||
      !pclnrt_sys_copy(&ehdr, o->map_start, sizeof ehdr))
    return false;
  size_t len = (size_t)ehdr.e_phnum * sizeof(ElfW(Phdr));
  if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) != 0 ||
      ehdr.e_phentsize != sizeof(ElfW(Phdr)) || len > phdr_len ||
      !pclnrt_sys_copy(phdr_buf, o->map_start + ehdr.e_phoff, len))
    return false;
  o->bias = map.addr;
  o->phdrs = phdr_buf;
  o->n_phdrs = ehdr.e_phnum;
  o->path = path_buf;
  return true;
}

struct each {
  void (*fn)(void *ctx, const struct pclnrt_object *o);
  void *ctx;
};

// All fields of `info` are there: glibc has had them since 2.4, musl always.
static int on_object(struct dl_phdr_info *info, size_t size, void *arg) {
  (void)size;
  const struct each *each = (const struct each *)arg;
  struct pclnrt_object o = {.bias = info->dlpi_addr,
                            .phdrs = info->dlpi_phdr,
                            .n_phdrs = info->dlpi_phnum,
                            .path = info->dlpi_name ? info->dlpi_name : ""};
  o.tls_block = (uint64_t)info->dlpi_tls_data;
  for (size_t i = 0; i < o.n_phdrs; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD) {
      pclnrt_sys_find_object(o.bias + info->dlpi_phdr[i].p_vaddr, &o);
      break;
    }
  each->fn(each->ctx, &o);
  return 0;
}

void pclnrt_sys_each_object(void (*fn)(void *ctx,
                                       const struct pclnrt_object *o),
                            void *ctx) {
  struct each each = {fn, ctx};
  dl_iterate_phdr(on_object, &each);
}

static int read_generation(struct dl_phdr_info *info, size_t size, void *arg) {
  (void)size;
  *(uint64_t *)arg = info->dlpi_adds + info->dlpi_subs;
  return 1;
}

uint64_t pclnrt_sys_load_generation(void) {
  uint64_t generation = 0;
  dl_iterate_phdr(read_generation, &generation);
  return generation;
}

uint64_t pclnrt_sys_main_stack_end(void) {
  // The kernel puts these random bytes above the arguments and the environment
  // of the program, which stand above its first frame.
  return (uint64_t)getauxval(AT_RANDOM);
}
