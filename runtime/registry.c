// SPDX-License-Identifier: Apache-2.0
//
// The modules of the process, found by pc without a lock.
//
// A module is described once, in memory that is never freed, and published by
// one store into `modules`. The constructor describes all that are loaded at
// start-up. A pc that is in none of them is shown to glibc's _dl_find_object,
// which is itself free of locks: if it names an object, that is registered on
// the spot, in whatever context we are; two threads that do so at once leave a
// duplicate, which is harmless.
//
// A module may be unloaded behind our back, and another one loaded at the same
// place. So a module is only used after _dl_find_object has given the same link
// map, extent and .eh_frame_hdr for the pc as when the module was registered
// (2 to 4 ns, measured), and if the build-id is the same. The program itself,
// libc and the module that holds this code stay for good and are not asked
// about. A number is never given to another module, so a cached rule of an
// unloaded one cannot be taken for a rule of its successor.
//
// Search. `index` is a sorted snapshot of the modules, replaced as a whole;
// modules registered since stand in no order behind it. When they become many,
// whoever registered the last one builds a new snapshot. Old snapshots stay
// mapped, since a reader may be inside; they are a few hundred bytes each.
#include "internal.h"

#include "context_x86_64.h"

#include <stdlib.h>
#include <string.h>

enum {
  TAIL_MAX = 16,     // modules outside the index before a new one is built
  PHDR_BYTES = 4096, // of an object found in a signal handler
  PATH_BYTES = 4096,
};

struct index {
  uint32_t n;       // entries
  uint32_t covered; // modules numbered below this are in it, or dead
  size_t mapped;    // bytes
  struct entry {
    uint64_t lo, hi; // code
    uint32_t number;
  } at[];
};

_Atomic uint64_t pclnrt_base[PCLNRT_MAX_MODULES];
static struct pclnrt_module *_Atomic modules[PCLNRT_MAX_MODULES];
static _Atomic uint32_t n_modules = 1; // number 0 is no module
static struct index *_Atomic snapshot;
static bool verify_tables; // PCLNTAB_DEBUG=verify=1; written at set-up

const struct pclnrt_module *pclnrt_module_get(uint32_t number) {
  return number < PCLNRT_MAX_MODULES
             ? atomic_load_explicit(&modules[number], memory_order_acquire)
             : NULL;
}

uint32_t pclnrt_module_count(void) {
  const uint32_t n = atomic_load_explicit(&n_modules, memory_order_acquire);
  return n < PCLNRT_MAX_MODULES ? n : PCLNRT_MAX_MODULES;
}

// --- Is it still there? ------------------------------------------------------

static bool is_dead(const struct pclnrt_module *m) {
  return atomic_load_explicit(&m->dead, memory_order_relaxed);
}

static void kill_module(const struct pclnrt_module *m) {
  struct pclnrt_module *own = (struct pclnrt_module *)m; // registry's to write
  atomic_store_explicit(&own->dead, true, memory_order_relaxed);
  atomic_store_explicit(&pclnrt_base[m->number], PCLNRT_NO_BASE,
                        memory_order_relaxed);
}

static bool same_load(const struct pclnrt_object *a,
                      const struct pclnrt_object *b) {
  return a->link_map == b->link_map && a->map_start == b->map_start &&
         a->map_end == b->map_end && a->eh_hdr == b->eh_hdr;
}

// A file that was built again is often laid out as before, and then loaded at
// the same place with the same addresses.
static bool same_build(const struct pclnrt_module *m) {
  return !m->live_id ||
         memcmp(m->live_id, m->build_id, m->image.build_id.len) == 0;
}

bool pclnrt_module_alive(const struct pclnrt_module *m, uint64_t pc) {
  if (is_dead(m))
    return false;
  if (m->permanent || !pclnrt_sys_can_find_object())
    return true;
  struct pclnrt_object now;
  if (pclnrt_sys_find_object(pc, &now) && same_load(&now, &m->id) &&
      same_build(m))
    return true;
  kill_module(m);
  return false;
}

// --- Reading a table ---------------------------------------------------------

// Keeps the name of the first fault. The reporter's strings live for its call
// only; fault names are constants by the rules of status.h's users.
static void keep_fault(void *ctx, const struct pcln_report *r) {
  const char **fault = (const char **)ctx;
  if (!*fault && r->severity == PCLN_ERROR)
    *fault = r->fault;
}

static bool same_build_id(struct pcln_span a, struct pcln_span b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

// What makes an opened table that of this module; null: all is well.
static const char *table_mismatch(const struct pclnrt_module *m,
                                  const struct pcln_table *t, bool sidecar) {
  const struct pclnrt_image *image = &m->image;
  if (!t->ours || t->swap || t->ptr_size != sizeof(void *) ||
      t->machine != PCLNRT_MACHINE)
    return "table-machine";
  if (!sidecar && image->bias + t->header_va != (uint64_t)t->blob.ptr)
    return "table-address";
  // Without a build-id an embedded table is known by its address; a file
  // beside the program is not.
  if (sidecar ? image->build_id.len == 0 ||
                    !same_build_id(image->build_id, t->build_id)
              : t->build_id.len && image->build_id.len &&
                    !same_build_id(image->build_id, t->build_id))
    return "table-build-id";
  const uint64_t lo = image->bias + t->text_start;
  if (lo < image->lo || lo > image->hi || t->text_len > image->hi - lo)
    return "table-text";
  return NULL;
}

// Opens `blob` as the table of `m`. An embedded table was verified when it was
// written and is as trustworthy as the code beside it, so only its headers are
// checked (lookups check bounds anyway); a sidecar is verified whole.
static bool open_table(struct pclnrt_module *m, struct pcln_span blob,
                       bool sidecar) {
  struct pcln_table t;
  const char *fault = NULL;
  const struct pcln_sink sink = {keep_fault, (void *)&fault};
  enum pcln_status status = pcln_open(&t, blob.ptr, blob.len, NULL, &sink);
  if (status == PCLN_OK) {
    fault = table_mismatch(m, &t, sidecar);
    status = fault ? PCLN_CORRUPT : PCLN_OK;
  }
  if (status == PCLN_OK && (sidecar || verify_tables))
    status = pcln_verify(&t, &sink);
  m->table_status = status;
  m->table_fault = fault;
  if (status != PCLN_OK)
    return false;
  t.text_start += m->image.bias;
  m->table = t;
  m->has_table = true;
  return true;
}

// FILE.pclntab beside the module. Set-up: opens files. Not inlined, so that its
// path is not on the stack of handlers.
__attribute__((noinline)) static bool open_sidecar(struct pclnrt_module *m) {
  static const char suffix[] = ".pclntab";
  char path[PATH_BYTES];
  const size_t len = strlen(m->id.path);
  m->sidecar_looked = true;
  // The vDSO has a name, but is no file.
  if (!memchr(m->id.path, '/', len) || len + sizeof suffix > sizeof path)
    return false;
  memcpy(path, m->id.path, len);
  memcpy(path + len, suffix, sizeof suffix);
  struct pcln_span file;
  const enum pcln_status status = pclnrt_sys_map_file(path, &file);
  if (status == PCLN_NOT_FOUND)
    return false;
  if (status != PCLN_OK) {
    m->table_status = status;
    return false;
  }
  if (open_table(m, file, true))
    return true;
  pclnrt_sys_unmap((void *)file.ptr, file.len);
  return false;
}

// --- .eh_frame ---------------------------------------------------------------

// Another load of the same file has the same rows, since they hold no address.
static bool borrow_rows(struct pclnrt_module *m) {
  for (uint32_t i = 1; i < pclnrt_module_count(); i++) {
    const struct pclnrt_module *o = pclnrt_module_get(i);
    if (!o || !o->rows.n || m->image.build_id.len == 0 ||
        o->image.text_hi - o->image.lo != m->image.text_hi - m->image.lo ||
        !same_build_id(o->image.build_id, m->image.build_id))
      continue;
    m->rows = o->rows;
    return true;
  }
  return false;
}

static void convert_eh_frame(struct pclnrt_module *m) {
  const struct pcln_span live = m->image.eh_frame;
  if (!live.ptr || borrow_rows(m))
    return;
  struct pcln_span bytes = live;
  void *copy = NULL;
  if (!m->permanent) {
    // The conversion takes milliseconds, during which the module could be
    // unloaded if all that led here was a stray word on the stack.
    copy = pclnrt_sys_map(live.len);
    if (!copy || !pclnrt_sys_copy(copy, (uint64_t)live.ptr, live.len))
      bytes.ptr = NULL;
    else
      bytes.ptr = (const uint8_t *)copy;
  }
  // On failure there are no rows, and a walk that comes here says "no info".
  if (bytes.ptr && pclnrt_rows_build(bytes, (uint64_t)live.ptr, m->image.lo,
                                     m->image.text_hi, &m->rows) != PCLN_OK)
    m->rows.n = 0;
  if (copy)
    pclnrt_sys_unmap(copy, live.len);
}

// --- The index ---------------------------------------------------------------

static void insert_entry(struct index *x, const struct pclnrt_module *m) {
  uint32_t i = x->n++;
  for (; i > 0 && x->at[i - 1].lo > m->image.text_lo; i--)
    x->at[i] = x->at[i - 1];
  x->at[i] = (struct entry){m->image.text_lo, m->image.text_hi, m->number};
}

static void build_index(void) {
  struct index *old = atomic_load_explicit(&snapshot, memory_order_acquire);
  const uint32_t covered = pclnrt_module_count();
  const size_t mapped =
      sizeof(struct index) + (size_t)covered * sizeof(struct entry);
  struct index *x = (struct index *)pclnrt_sys_map(mapped);
  if (!x)
    return; // the old one still serves, with a longer tail
  x->mapped = mapped;
  x->covered = covered;
  for (uint32_t i = 1; i < covered; i++) {
    const struct pclnrt_module *m = pclnrt_module_get(i);
    if (!m) { // taken by a thread that has not published it yet
      x->covered = i;
      break;
    }
    if (pclnrt_module_alive(m, m->image.text_lo))
      insert_entry(x, m);
  }
  if (!atomic_compare_exchange_strong(&snapshot, &old, x))
    pclnrt_sys_unmap(x, mapped); // someone else's, at most as old, is there
}

static const struct pclnrt_module *find_indexed(const struct index *x,
                                                uint64_t pc) {
  uint32_t lo = 0, n = x->n;
  while (n > 0) { // entries below `lo` begin at or before pc
    const uint32_t half = n / 2;
    if (x->at[lo + half].lo <= pc) {
      lo += half + 1;
      n -= half + 1;
    } else {
      n = half;
    }
  }
  return lo > 0 && pc < x->at[lo - 1].hi
             ? pclnrt_module_get(x->at[lo - 1].number)
             : NULL;
}

static const struct pclnrt_module *find_known(uint64_t pc) {
  const struct index *x = atomic_load_explicit(&snapshot, memory_order_acquire);
  if (x) {
    const struct pclnrt_module *m = find_indexed(x, pc);
    if (m && pclnrt_module_alive(m, pc))
      return m;
  }
  const uint32_t n = pclnrt_module_count();
  for (uint32_t i = x ? x->covered : 1; i < n; i++) {
    const struct pclnrt_module *m = pclnrt_module_get(i);
    if (m && pc >= m->image.text_lo && pc < m->image.text_hi &&
        pclnrt_module_alive(m, pc))
      return m;
  }
  return NULL;
}

// --- Registering -------------------------------------------------------------

// Gives the module its number and makes it visible. False: all are taken.
static bool publish(struct pclnrt_module *m) {
  uint32_t number = atomic_load_explicit(&n_modules, memory_order_relaxed);
  do {
    if (number >= PCLNRT_MAX_MODULES)
      return false;
  } while (!atomic_compare_exchange_weak(&n_modules, &number, number + 1));
  m->number = number;
  atomic_store_explicit(&pclnrt_base[number], m->image.lo + !m->permanent,
                        memory_order_relaxed);
  atomic_store_explicit(&modules[number], m, memory_order_release);
  const struct index *x = atomic_load_explicit(&snapshot, memory_order_acquire);
  if (number - (x ? x->covered : 1) >= TAIL_MAX)
    build_index();
  return true;
}

static bool image_holds(const struct pclnrt_image *image, uint64_t addr) {
  return addr >= image->lo && addr < image->hi;
}

// Whether nobody can unload what covers `o`: the program, libc, ourselves.
static bool stays_loaded(const struct pclnrt_object *o,
                         const struct pclnrt_image *image) {
  return o->is_program || image_holds(image, (uint64_t)&snapshot) ||
         image_holds(image, (uint64_t)&memcpy);
}

bool pclnrt_module_is_libc(const struct pclnrt_module *m) {
  // Not memcpy, which sanitizers replace.
  return !m->id.is_program && image_holds(&m->image, (uint64_t)&getenv);
}

// Later loads are compared with it when this one is long gone. One of a length
// that no linker makes is as good as none.
static void keep_build_id(struct pclnrt_module *m) {
  struct pcln_span *id = &m->image.build_id;
  if (id->len > sizeof m->build_id)
    id->len = 0;
  if (id->len) {
    memcpy(m->build_id, id->ptr, id->len);
    // The first page has the ELF header and is there in every object.
    const uint64_t end = (uint64_t)id->ptr + id->len;
    if (end - m->id.map_start <= PCLNRT_PAGE)
      m->live_id = id->ptr;
  }
  id->ptr = m->build_id;
}

// Describes and publishes `o`. `may_open`: outside of signal handlers.
static const struct pclnrt_module *
register_object(const struct pclnrt_object *o, bool may_open) {
  struct pclnrt_image image;
  if (pclnrt_image_read(o, &image) != PCLN_OK)
    return NULL;
  const size_t path_len = strlen(o->path) + 1;
  const size_t mapped = sizeof(struct pclnrt_module) + path_len;
  struct pclnrt_module *m = (struct pclnrt_module *)pclnrt_sys_map(mapped);
  if (!m)
    return NULL;
  memcpy(m + 1, o->path, path_len);
  m->id = *o;
  m->id.phdrs = NULL; // may not outlive this call
  m->id.path = (const char *)(m + 1);
  m->image = image;
  keep_build_id(m);
  m->permanent = stays_loaded(o, &image);
  m->table_status = PCLN_NOT_FOUND;
  if (!(image.blob.ptr && open_table(m, image.blob, false)) &&
      !(may_open && open_sidecar(m)))
    convert_eh_frame(m);
  if (publish(m))
    return m;
  pclnrt_sys_unmap(m, mapped);
  return NULL;
}

// Memory for what is read before a module has any of its own. From the system,
// since the stack of a handler may be small.
struct scratch {
  _Alignas(8) char phdrs[PHDR_BYTES];
  char path[PATH_BYTES];
};

// The object that covers `pc`, of which nothing is known yet.
static const struct pclnrt_module *discover(uint64_t pc) {
  struct pclnrt_object o = {0};
  if (!pclnrt_sys_find_object(pc, &o))
    return NULL;
  struct scratch *s = (struct scratch *)pclnrt_sys_map(sizeof *s);
  if (!s)
    return NULL;
  const struct pclnrt_module *m = NULL;
  if (pclnrt_sys_object_details(&o, s->phdrs, sizeof s->phdrs, s->path,
                                sizeof s->path)) {
    o.is_program = s->path[0] == 0;
    if (o.is_program && !pclnrt_sys_program_path(s->path, sizeof s->path))
      s->path[0] = 0;
    m = register_object(&o, false);
  }
  pclnrt_sys_unmap(s, sizeof *s);
  return m;
}

const struct pclnrt_module *pclnrt_module_find(uint64_t pc) {
  const struct pclnrt_module *m = find_known(pc);
  if (m)
    return m;
  m = discover(pc);
  return m && pc >= m->image.text_lo && pc < m->image.text_hi ? m : NULL;
}

// --- Set-up ------------------------------------------------------------------

static const struct pclnrt_module *
find_registered(const struct pclnrt_object *o, uint64_t lo) {
  for (uint32_t i = pclnrt_module_count(); i-- > 1;) {
    const struct pclnrt_module *m = pclnrt_module_get(i);
    if (m && !is_dead(m) && m->image.lo == lo && m->id.bias == o->bias &&
        same_load(&m->id, o))
      return m;
  }
  return NULL;
}

const struct pclnrt_module *
pclnrt_module_of_object(const struct pclnrt_object *o) {
  struct pclnrt_image image;
  return pclnrt_image_read(o, &image) == PCLN_OK ? find_registered(o, image.lo)
                                                 : NULL;
}

static void on_object(void *ctx, const struct pclnrt_object *listed) {
  char program[PATH_BYTES];
  struct pclnrt_object o = *listed;
  (void)ctx;
  o.is_program = o.path[0] == 0;
  if (o.is_program && pclnrt_sys_program_path(program, sizeof program))
    o.path = program;
  struct pclnrt_image image;
  if (pclnrt_image_read(&o, &image) != PCLN_OK)
    return;
  const struct pclnrt_module *known = find_registered(&o, image.lo);
  if (known && (known->has_table || known->sidecar_looked))
    return;
  // A module that a signal handler registered: look for its sidecar now.
  if (register_object(&o, true) && known)
    kill_module(known);
}

void pclnrt_refresh(void) {
  for (uint32_t i = 1; i < pclnrt_module_count(); i++) {
    const struct pclnrt_module *m = pclnrt_module_get(i);
    if (m)
      (void)pclnrt_module_alive(m, m->image.text_lo);
  }
  pclnrt_sys_each_object(on_object, NULL);
  build_index();
}

// Before other constructors, some of which may crash.
__attribute__((constructor(101))) static void set_up(void) {
  const char *debug = getenv("PCLNTAB_DEBUG");
  verify_tables = debug && strstr(debug, "verify=1");
  pclnrt_unwind_init();
  pclnrt_refresh();
}

const struct pcln_table *pclnrt_find_table(uint64_t pc) {
  const struct pclnrt_module *m = pclnrt_module_find(pc);
  return m && m->has_table && pc - m->table.text_start < m->table.text_len
             ? &m->table
             : NULL;
}

bool pclnrt_module_at(size_t i, struct pclnrt_module_info *out) {
  for (uint32_t number = 1; number < pclnrt_module_count(); number++) {
    const struct pclnrt_module *m = pclnrt_module_get(number);
    if (!m || !pclnrt_module_alive(m, m->image.text_lo) || i-- > 0)
      continue;
    *out = (struct pclnrt_module_info){
        .path = m->id.path,
        .lo = m->image.lo,
        .hi = m->image.hi,
        .table = m->has_table ? &m->table : NULL,
        .table_status = m->table_status,
        .table_fault = m->table_fault,
        .n_rows = m->rows.n,
    };
    return true;
  }
  return false;
}
