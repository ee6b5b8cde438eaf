// SPDX-License-Identifier: Apache-2.0
//
// CIEs and FDEs: the records around the programs.
//
// .eh_frame and .debug_frame differ in what an id is, how an FDE names its CIE
// and how addresses are written; everything else is shared. A CIE is read anew
// for each of its FDEs: that takes some 30 ns, and remembering it would need
// memory that a signal handler does not have.
#include "cfi_internal.h"

#include <elf.h>

// --- Architectures ----------------------------------------------------------

bool pcln_cfi_arch(uint16_t machine, struct pcln_cfi_arch *out) {
  switch (machine) {
  case EM_X86_64:
    *out = (struct pcln_cfi_arch){
        .sp = 7, .fp = 6, .ra = 16, .pushed_ra = 8, .quantum = 1};
    return true;
  case EM_386:
    *out = (struct pcln_cfi_arch){
        .sp = 4, .fp = 5, .ra = 8, .pushed_ra = 4, .quantum = 1};
    return true;
  case EM_AARCH64:
    *out = (struct pcln_cfi_arch){.sp = 31, .fp = 29, .ra = 30, .quantum = 4};
    return true;
  default:
    return false;
  }
}

// --- Entries ----------------------------------------------------------------

enum pcln_status pcln_cfi_problem(struct cfi_problem *p,
                                  enum pcln_status status, size_t off,
                                  const char *fault, const char *text) {
  *p = (struct cfi_problem){
      .status = status, .fault = fault, .text = text, .off = off};
  return status;
}

enum pcln_status pcln_cfi_report(const struct pcln_cfi_section *s,
                                 const struct cfi_problem *p,
                                 const struct pcln_sink *sink) {
  pcln_say(sink,
           &(struct pcln_report){.severity = PCLN_WARNING,
                                 .fault = p->fault,
                                 .region = s->eh ? ".eh_frame" : ".debug_frame",
                                 .region_off = p->off,
                                 .text = p->text});
  return p->status;
}

// Zero words between entries are what crtend.o leaves where other objects were
// linked behind it; in a running process, where the section's length may be a
// guess, they end it.
static bool skip_terminators(const struct pcln_cfi_section *s, size_t *off) {
  while (s->bytes.len - *off >= 4) {
    if (pcln_load32(s->bytes.ptr + *off, s->swap) != 0)
      return true;
    if (s->live)
      return false;
    *off += 4;
  }
  return *off < s->bytes.len;
}

enum pcln_status pcln_cfi_read_entry(const struct pcln_cfi_section *s,
                                     size_t off, struct cfi_entry *e,
                                     struct cfi_problem *p) {
  *e = (struct cfi_entry){.off = off, .next = s->bytes.len};
  struct pcln_cursor c = pcln_cursor_at(s->bytes.ptr, s->bytes.len, s->swap);
  pcln_seek(&c, off);
  uint64_t len = pcln_u32(&c);
  const bool wide = len == 0xffffffff;
  if (wide)
    len = pcln_u64(&c);
  if (c.failed || len > pcln_left(&c))
    return pcln_cfi_problem(
        p, PCLN_CORRUPT, off, "cfi-length",
        "an entry is longer than what is left of its section");
  e->next = pcln_tell(&c) + (size_t)len;
  c.end = c.pos + len;
  const size_t id_off = pcln_tell(&c);
  const unsigned id_size = wide && !s->eh ? 8 : 4;
  const uint64_t id = pcln_uint(&c, id_size);
  if (c.failed)
    return pcln_cfi_problem(p, PCLN_CORRUPT, off, "cfi-length",
                            "an entry is too short for its id");
  if (s->eh) {
    e->is_cie = id == 0;
    e->cie_off = id_off - (size_t)id;
  } else {
    e->is_cie = id == (wide ? UINT64_MAX : UINT32_MAX);
    e->cie_off = (size_t)id;
  }
  if (!e->is_cie && (s->eh ? id > id_off : id >= s->bytes.len))
    return pcln_cfi_problem(p, PCLN_CORRUPT, off, "cfi-cie-pointer",
                            "an FDE names a CIE outside the section");
  e->body = c;
  return PCLN_OK;
}

bool pcln_cfi_read_encoded(const struct pcln_cfi_section *s, uint8_t enc,
                           uint8_t addr_size, struct pcln_cursor *c,
                           uint64_t *out) {
  uint64_t v;
  const uint64_t place = s->va + pcln_tell(c);
  uint8_t format = enc & 0x0f, base = enc & 0x70;
  if (base == CFI_PE_ALIGNED) {
    pcln_skip(c, -place & (addr_size - 1u));
    format = CFI_PE_ABSPTR;
    base = 0;
  }
  switch (format) {
  case CFI_PE_ABSPTR:
  case CFI_PE_SIGNED:
    v = pcln_uint(c, addr_size);
    break;
  case CFI_PE_ULEB128:
    v = pcln_uleb(c);
    break;
  case CFI_PE_SLEB128:
    v = (uint64_t)pcln_sleb(c);
    break;
  case CFI_PE_UDATA2:
    v = pcln_u16(c);
    break;
  case CFI_PE_SDATA2:
    v = (uint64_t)(int64_t)(int16_t)pcln_u16(c);
    break;
  case CFI_PE_UDATA4:
    v = pcln_u32(c);
    break;
  case CFI_PE_SDATA4:
    v = (uint64_t)(int64_t)(int32_t)pcln_u32(c);
    break;
  case CFI_PE_UDATA8:
  case CFI_PE_SDATA8:
    v = pcln_u64(c);
    break;
  default:
    return false;
  }
  if (v && base == CFI_PE_PCREL) // 0 is a null pointer, whatever its base
    v += place;
  else if (v && base == CFI_PE_TEXTREL && s->text_va)
    v += s->text_va;
  else if (v && base == CFI_PE_DATAREL && s->data_va)
    v += s->data_va;
  else if (v && base)
    return false;
  *out = v & cfi_address_mask(addr_size);
  return true;
}

// Augmentation letters behind 'z'; data in `c`. False: the encoding of the
// FDE's addresses cannot be known.
static bool read_augmentation(const struct pcln_cfi_section *s,
                              const char *letters, struct pcln_cursor *c,
                              struct cfi_cie *cie) {
  for (; *letters; letters++) {
    uint64_t ignored;
    uint8_t enc;
    switch (*letters) {
    case 'L':
      pcln_u8(c);
      break;
    case 'P': // skipped: only its length matters
      enc = pcln_u8(c);
      enc = (enc & 0x70) == CFI_PE_ALIGNED || enc == CFI_PE_OMIT ? enc
                                                                 : enc & 0x0f;
      if (enc != CFI_PE_OMIT &&
          !pcln_cfi_read_encoded(s, enc, cie->addr_size, c, &ignored))
        return false;
      break;
    case 'R':
      cie->fde_enc = pcln_u8(c);
      break;
    case 'S':
      cie->signal_frame = true;
      break;
    case 'B': // AArch64: return addresses are signed with the B key
    case 'G': // AArch64: the stack frame is tagged
      break;
    default: // unknown data: harmless unless the address encoding follows
      return !strchr(letters, 'R');
    }
  }
  return !c->failed;
}

static enum pcln_status read_cie(const struct pcln_cfi_section *s, size_t off,
                                 struct cfi_cie *cie, struct cfi_problem *p) {
  struct cfi_entry e;
  enum pcln_status status = pcln_cfi_read_entry(s, off, &e, p);
  if (status != PCLN_OK)
    return status;
  if (!e.is_cie)
    return pcln_cfi_problem(p, PCLN_CORRUPT, off, "cfi-cie-pointer",
                            "an FDE names an entry that is no CIE");
  struct pcln_cursor *c = &e.body;
  *cie = (struct cfi_cie){.addr_size = s->ptr_size};
  const uint8_t version = pcln_u8(c);
  if (version != 1 && version != 3 && version != 4)
    return pcln_cfi_problem(p, PCLN_UNSUPPORTED, off, "cfi-version",
                            "a CIE has an unknown version");
  const char *aug = pcln_cstr(c, NULL);
  if (aug && aug[0] == 'e' && aug[1] == 'h') { // GCC 2: a pointer, unused
    pcln_skip(c, s->ptr_size);
    aug += 2;
  }
  if (version == 4) {
    cie->addr_size = pcln_u8(c);
    cie->seg_size = pcln_u8(c);
  }
  cie->code_align = pcln_uleb(c);
  cie->data_align = pcln_sleb(c);
  cie->ra = version == 1 ? pcln_u8(c) : pcln_uleb(c);
  if (c->failed || (cie->addr_size != 4 && cie->addr_size != 8) ||
      cie->seg_size > 8)
    return pcln_cfi_problem(p, PCLN_CORRUPT, off, "cfi-cie",
                            "a CIE is malformed");
  if (aug[0] == 'z') {
    const uint64_t len = pcln_uleb(c);
    struct pcln_cursor data = *c;
    pcln_skip(c, len);
    data.end = c->pos;
    if (c->failed || !read_augmentation(s, aug + 1, &data, cie))
      return pcln_cfi_problem(p, c->failed ? PCLN_CORRUPT : PCLN_UNSUPPORTED,
                              off, "cfi-augmentation",
                              "the augmentation data of a CIE cannot be read");
    cie->augmented = true;
  } else if (aug[0]) {
    return pcln_cfi_problem(p, PCLN_UNSUPPORTED, off, "cfi-augmentation",
                            "a CIE has an unknown augmentation");
  }
  cie->insns = *c;
  return PCLN_OK;
}

enum pcln_status pcln_cfi_read_fde(const struct pcln_cfi_section *s,
                                   struct cfi_entry *e, struct cfi_cie *cie,
                                   struct pcln_cfi_fde *out,
                                   struct cfi_problem *p) {
  if (e->is_cie)
    return pcln_cfi_problem(p, PCLN_CORRUPT, e->off, "cfi-fde",
                            "there is a CIE where an FDE should be");
  enum pcln_status status = read_cie(s, e->cie_off, cie, p);
  if (status != PCLN_OK)
    return status;
  struct pcln_cursor *c = &e->body;
  uint64_t lo = 0, size = 0;
  const uint8_t enc = s->eh ? cie->fde_enc : CFI_PE_ABSPTR;
  pcln_skip(c, cie->seg_size);
  if ((enc & CFI_PE_INDIRECT) ||
      !pcln_cfi_read_encoded(s, enc, cie->addr_size, c, &lo) ||
      !pcln_cfi_read_encoded(s, enc & 0x0f, cie->addr_size, c, &size))
    return pcln_cfi_problem(
        p, PCLN_UNSUPPORTED, e->off, "cfi-encoding",
        "the address encoding of an FDE cannot be followed");
  if (cie->augmented)
    pcln_skip(c, pcln_uleb(c));
  if (c->failed)
    return pcln_cfi_problem(p, PCLN_CORRUPT, e->off, "cfi-fde",
                            "an FDE is malformed");
  if (size > cfi_address_mask(cie->addr_size) - lo)
    return pcln_cfi_problem(p, PCLN_CORRUPT, e->off, "cfi-range",
                            "an FDE runs past the end of the address space");
  *out = (struct pcln_cfi_fde){.lo = lo,
                               .hi = lo + size,
                               .off = e->off,
                               .cie_off = e->cie_off,
                               .signal_frame = cie->signal_frame};
  return PCLN_OK;
}

// --- Walking ----------------------------------------------------------------

enum pcln_status pcln_cfi_next(const struct pcln_cfi_section *s, size_t *off,
                               struct pcln_cfi_fde *out,
                               const struct pcln_sink *sink) {
  struct cfi_problem p;
  struct cfi_entry e;
  struct cfi_cie cie;
  while (*off < s->bytes.len) {
    if (!skip_terminators(s, off))
      break;
    enum pcln_status status = pcln_cfi_read_entry(s, *off, &e, &p);
    *off = e.next;
    if (status == PCLN_OK && e.is_cie)
      continue;
    if (status == PCLN_OK)
      status = pcln_cfi_read_fde(s, &e, &cie, out, &p);
    return status == PCLN_OK ? status : pcln_cfi_report(s, &p, sink);
  }
  *off = s->bytes.len;
  return PCLN_NOT_FOUND;
}

enum pcln_status pcln_cfi_at(const struct pcln_cfi_section *s, size_t off,
                             struct pcln_cfi_fde *out) {
  struct cfi_problem p;
  struct cfi_entry e;
  struct cfi_cie cie;
  enum pcln_status status = pcln_cfi_read_entry(s, off, &e, &p);
  if (status != PCLN_OK)
    return status;
  return e.is_cie ? PCLN_NOT_FOUND : pcln_cfi_read_fde(s, &e, &cie, out, &p);
}
