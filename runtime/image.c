// SPDX-License-Identifier: Apache-2.0
//
// What a loaded object says of itself in memory: its extent, our table's
// segment, .eh_frame, the build-id and the dynamic symbols. Everything is found
// from the program headers, which every loadable file has; sections and the
// file itself may be gone.
//
// The bytes are those that the dynamic linker already trusted when it loaded
// the object; still every address is checked to lie inside a readable segment,
// since a packer or a broken tool may leave headers that lie.
#include "internal.h"

#include "bytes.h"

#include <elf.h>
#include <link.h>
#include <string.h>

typedef ElfW(Phdr) Phdr;

static Phdr phdr_at(const struct pclnrt_object *o, size_t i) {
  Phdr p;
  memcpy(&p, (const uint8_t *)o->phdrs + i * sizeof p, sizeof p);
  return p;
}

// The bytes from `addr` to the end of the readable segment that holds it.
// `addr` is that of the running process; absent: it is in no segment.
static struct pcln_span bytes_at(const struct pclnrt_object *o, uint64_t addr) {
  for (size_t i = 0; i < o->n_phdrs; i++) {
    Phdr p = phdr_at(o, i);
    uint64_t lo = o->bias + p.p_vaddr;
    if (p.p_type == PT_LOAD && (p.p_flags & PF_R) && addr >= lo &&
        addr - lo < p.p_memsz)
      return (struct pcln_span){(const uint8_t *)addr,
                                (size_t)(p.p_memsz - (addr - lo))};
  }
  return (struct pcln_span){NULL, 0};
}

// The same for a pointer in the dynamic section, which the dynamic linker has
// relocated in most objects but not in all (the vDSO).
static struct pcln_span bytes_at_either(const struct pclnrt_object *o,
                                        uint64_t addr) {
  struct pcln_span s = bytes_at(o, addr);
  return s.ptr ? s : bytes_at(o, o->bias + addr);
}

// --- Notes -------------------------------------------------------------------

static void read_notes(struct pcln_span notes, uint64_t align,
                       struct pclnrt_image *out) {
  struct pcln_cursor c = pcln_cursor_at(notes.ptr, notes.len, false);
  uint64_t round = align == 8 ? 7 : 3;
  while (pcln_left(&c) >= 12) {
    uint32_t name_len = pcln_u32(&c);
    uint32_t desc_len = pcln_u32(&c);
    uint32_t type = pcln_u32(&c);
    const uint8_t *name = pcln_take(&c, name_len);
    pcln_seek(&c, (pcln_tell(&c) + round) & ~round);
    const uint8_t *desc = pcln_take(&c, desc_len);
    if (c.failed)
      return;
    if (type == NT_GNU_BUILD_ID && name_len == 4 &&
        memcmp(name, "GNU", 4) == 0 && !out->build_id.ptr)
      out->build_id = (struct pcln_span){desc, desc_len};
    if (type == PCLN_GC_NOTE_TYPE && name_len == sizeof PCLN_SLOT_NOTE_NAME &&
        memcmp(name, PCLN_SLOT_NOTE_NAME, name_len) == 0)
      out->uses_gc = true;
    pcln_seek(&c, (pcln_tell(&c) + round) & ~round);
  }
}

// --- .eh_frame ---------------------------------------------------------------

// Reads a pointer of .eh_frame_hdr; 0: an encoding that linkers do not use.
static uint64_t read_encoded(struct pcln_cursor *c, uint8_t encoding,
                             uint64_t hdr) {
  uint64_t here = hdr + pcln_tell(c);
  uint64_t v;
  switch (encoding & 0x0f) {
  case 0x00: // absptr
  case 0x04: // udata8
  case 0x0c: // sdata8
    v = pcln_u64(c);
    break;
  case 0x03: // udata4
    v = pcln_u32(c);
    break;
  case 0x0b: // sdata4
    v = (uint64_t)(int64_t)(int32_t)pcln_u32(c);
    break;
  default:
    return 0;
  }
  switch (encoding & 0xf0) {
  case 0x00:
    return v;
  case 0x10: // pcrel
    return here + v;
  case 0x30: // datarel: from the header
    return hdr + v;
  default:
    return 0;
  }
}

static void read_eh_hdr(const struct pclnrt_object *o, uint64_t addr,
                        struct pclnrt_image *out) {
  enum { USUAL_COUNT = 0x03, USUAL_TABLE = 0x3b }; // udata4; datarel sdata4
  struct pcln_span s = bytes_at(o, addr);
  struct pcln_cursor c = pcln_cursor_at(s.ptr, s.len, false);
  uint8_t version = pcln_u8(&c);
  uint8_t encoding = pcln_u8(&c);
  const uint8_t count = pcln_u8(&c), table = pcln_u8(&c);
  uint64_t eh_frame = read_encoded(&c, encoding, addr);
  if (c.failed || version != 1 || !eh_frame)
    return;
  out->eh_frame = bytes_at(o, eh_frame);
  if (count != USUAL_COUNT || table != USUAL_TABLE)
    return;
  const uint64_t len = (uint64_t)pcln_u32(&c) * 8;
  const uint8_t *entries = pcln_take(&c, len);
  out->eh_hdr = addr;
  if (entries)
    out->eh_table = (struct pcln_span){entries, (size_t)len};
}

// --- Dynamic symbols ---------------------------------------------------------

// How many symbols a DT_GNU_HASH table covers: one past the last of the chains.
static uint32_t gnu_hash_count(struct pcln_span s) {
  struct pcln_cursor c = pcln_cursor_at(s.ptr, s.len, false);
  uint32_t n_buckets = pcln_u32(&c);
  uint32_t first = pcln_u32(&c);
  uint32_t n_bloom = pcln_u32(&c);
  pcln_skip(&c, 4 + (uint64_t)n_bloom * sizeof(ElfW(Addr)));
  uint32_t last = 0;
  for (uint32_t i = 0; i < n_buckets && !c.failed; i++) {
    uint32_t b = pcln_u32(&c);
    last = b > last ? b : last;
  }
  if (c.failed || last < first)
    return first;
  pcln_skip(&c, (uint64_t)(last - first) * 4);
  while (!c.failed) {
    last++;
    if (pcln_u32(&c) & 1) // the end of its chain
      break;
  }
  return c.failed ? 0 : last;
}

static uint32_t sysv_hash_count(struct pcln_span s) {
  struct pcln_cursor c = pcln_cursor_at(s.ptr, s.len, false);
  pcln_skip(&c, 4);
  uint32_t n_chain = pcln_u32(&c);
  return c.failed ? 0 : n_chain;
}

static void read_dynamic(const struct pclnrt_object *o, uint64_t addr,
                         struct pclnrt_image *out) {
  struct pcln_span dyn = bytes_at(o, addr);
  struct pcln_span symtab = {NULL, 0}, strtab = {NULL, 0};
  uint64_t strtab_len = 0;
  uint32_t n = 0;
  for (size_t at = 0; at + sizeof(ElfW(Dyn)) <= dyn.len;
       at += sizeof(ElfW(Dyn))) {
    ElfW(Dyn) d;
    memcpy(&d, dyn.ptr + at, sizeof d);
    if (d.d_tag == DT_NULL)
      break;
    if (d.d_tag == DT_SYMTAB)
      symtab = bytes_at_either(o, d.d_un.d_ptr);
    else if (d.d_tag == DT_STRTAB)
      strtab = bytes_at_either(o, d.d_un.d_ptr);
    else if (d.d_tag == DT_STRSZ)
      strtab_len = d.d_un.d_val;
    else if (d.d_tag == DT_HASH)
      n = sysv_hash_count(bytes_at_either(o, d.d_un.d_ptr));
    else if (d.d_tag == DT_GNU_HASH && n == 0)
      n = gnu_hash_count(bytes_at_either(o, d.d_un.d_ptr));
  }
  if (!symtab.ptr || !strtab.ptr || strtab_len > strtab.len ||
      n > symtab.len / sizeof(ElfW(Sym)))
    return;
  out->symtab = symtab.ptr;
  out->n_syms = n;
  out->strtab = (struct pcln_span){strtab.ptr, (size_t)strtab_len};
}

static bool sym_covers(const ElfW(Sym) * s, uint64_t va) {
  unsigned type = s->st_info & 0xf; // the same in both classes
  return (type == STT_FUNC || type == STT_GNU_IFUNC) &&
         s->st_shndx != SHN_UNDEF && va >= s->st_value &&
         (va - s->st_value < s->st_size || va == s->st_value);
}

static size_t leading_underscores(const char *s) {
  size_t n = 0;
  while (s[n] == '_')
    n++;
  return n;
}

// A linear search: the hash tables are by name, and a sorted copy would cost
// memory in every process for what only a printed traceback needs.
const char *pclnrt_image_symbol(const struct pclnrt_image *image, uint64_t pc,
                                uint64_t *entry) {
  uint64_t va = pc - image->bias;
  const char *best = NULL;
  for (uint32_t i = 0; i < image->n_syms; i++) {
    ElfW(Sym) s;
    memcpy(&s, image->symtab + i * sizeof s, sizeof s);
    if (!sym_covers(&s, va) || s.st_name >= image->strtab.len)
      continue;
    const char *name = (const char *)image->strtab.ptr + s.st_name;
    if (!memchr(name, 0, image->strtab.len - s.st_name))
      continue;
    // Of aliases, the one for users: fork, not __libc_fork.
    if (best && leading_underscores(best) <= leading_underscores(name))
      continue;
    best = name;
    *entry = image->bias + s.st_value;
  }
  return best;
}

// --- The whole ---------------------------------------------------------------

static void read_load(const struct pclnrt_object *o, const Phdr *p,
                      struct pclnrt_image *out) {
  uint64_t lo = o->bias + p->p_vaddr, hi = lo + p->p_memsz;
  if (p->p_memsz == 0 || hi < lo)
    return;
  out->lo = lo < out->lo ? lo : out->lo;
  out->hi = hi > out->hi ? hi : out->hi;
  if (p->p_flags & PF_X) {
    out->text_lo = lo < out->text_lo ? lo : out->text_lo;
    out->text_hi = hi > out->text_hi ? hi : out->text_hi;
  }
  if ((p->p_flags & PF_R) && p->p_filesz >= PCLN_MOD_SIZE &&
      memcmp((const void *)lo, PCLN_MODULE_MAGIC, 8) == 0)
    out->blob = (struct pcln_span){(const uint8_t *)lo, (size_t)p->p_filesz};
}

enum pcln_status pclnrt_image_read(const struct pclnrt_object *o,
                                   struct pclnrt_image *out) {
  *out = (struct pclnrt_image){
      .lo = UINT64_MAX, .text_lo = UINT64_MAX, .bias = o->bias};
  for (size_t i = 0; i < o->n_phdrs; i++) {
    Phdr p = phdr_at(o, i);
    uint64_t addr = o->bias + p.p_vaddr;
    if (p.p_type == PT_LOAD) {
      read_load(o, &p, out);
    } else if (p.p_type == PT_NOTE) {
      struct pcln_span s = bytes_at(o, addr);
      if (s.len > p.p_memsz)
        s.len = (size_t)p.p_memsz;
      read_notes(s, p.p_align, out);
    } else if (p.p_type == PT_GNU_EH_FRAME) {
      read_eh_hdr(o, addr, out);
    } else if (p.p_type == PT_DYNAMIC) {
      read_dynamic(o, addr, out);
    }
  }
  // Without code there may still be a table, of variables with references.
  if (out->text_lo >= out->text_hi && out->blob.ptr)
    out->text_lo = out->text_hi = out->lo;
  // Offsets from `lo` are kept in 32 bits.
  return out->text_lo <= out->text_hi && out->hi - out->lo <= UINT32_MAX
             ? PCLN_OK
             : PCLN_UNSUPPORTED;
}
