// SPDX-License-Identifier: Apache-2.0
//
// The object that reserves a program header: one note of ours.
//
// Linkers give notes of one alignment one PT_NOTE. Ours asks for 16, which no
// other note uses, so gold, GNU ld and lld make a PT_NOTE for it alone, and the
// table's segment takes that program header over after the link. The note
// itself (20 bytes) stays in the program as what it is.
//
// The object must not change the program otherwise. It has an empty
// .note.GNU-stack, else the stack would become executable; and where a
// property is the intersection of all inputs (CET, BTI), it claims every such
// property, having no code that could break it.
#include "link.h"

#include "bytes.h"

#include <elf.h>
#include <unistd.h>

#ifndef GNU_PROPERTY_X86_FEATURE_1_AND
#define GNU_PROPERTY_X86_FEATURE_1_AND 0xc0000002U
#endif
#ifndef GNU_PROPERTY_AARCH64_FEATURE_1_AND
#define GNU_PROPERTY_AARCH64_FEATURE_1_AND 0xc0000000U
#endif
#ifndef NT_GNU_PROPERTY_TYPE_0
#define NT_GNU_PROPERTY_TYPE_0 5
#endif

enum { MAX_OBJECT = 1024, SLOT_ALIGN = 16 };

// The object as it grows.
struct object {
  uint8_t bytes[MAX_OBJECT];
  size_t len;
  uint8_t ptr_size;
  bool swap;
};

static void put16(struct object *o, uint16_t v) {
  pcln_store16(o->bytes + o->len, v, o->swap);
  o->len += 2;
}
static void put32(struct object *o, uint32_t v) {
  pcln_store32(o->bytes + o->len, v, o->swap);
  o->len += 4;
}
static void put_word(struct object *o, uint64_t v) {
  if (o->ptr_size == 4) {
    put32(o, (uint32_t)v);
    return;
  }
  pcln_store64(o->bytes + o->len, v, o->swap);
  o->len += 8;
}
static void put_bytes(struct object *o, const void *p, size_t n) {
  memcpy(o->bytes + o->len, p, n);
  o->len += n;
}
static void put_align(struct object *o, size_t align) {
  while (o->len % align)
    o->bytes[o->len++] = 0;
}

static void put_note(struct object *o, const char *name, size_t name_size,
                     uint32_t type, uint32_t desc_len) {
  put32(o, (uint32_t)name_size);
  put32(o, desc_len);
  put32(o, type);
  put_bytes(o, name, name_size);
  put_align(o, 4);
}

// The property note of machines that have one; nothing for others.
static void put_property(struct object *o, uint16_t machine) {
  uint32_t kind, bits;
  if (machine == EM_X86_64 || machine == EM_386) {
    kind = GNU_PROPERTY_X86_FEATURE_1_AND;
    bits = 0xf; // IBT, SHSTK, LAM_U48, LAM_U57
  } else if (machine == EM_AARCH64) {
    kind = GNU_PROPERTY_AARCH64_FEATURE_1_AND;
    bits = 0x7; // BTI, PAC, GCS
  } else {
    return;
  }
  put_note(o, "GNU", 4, NT_GNU_PROPERTY_TYPE_0, o->ptr_size == 8 ? 16 : 12);
  put32(o, kind);
  put32(o, 4);
  put32(o, bits);
  put_align(o, o->ptr_size);
}

static void put_section(struct object *o, uint32_t name, uint32_t type,
                        uint64_t flags, uint64_t off, uint64_t size,
                        uint64_t align) {
  put32(o, name);
  put32(o, type);
  put_word(o, flags);
  put_word(o, 0);
  put_word(o, off);
  put_word(o, size);
  put32(o, 0);
  put32(o, 0);
  put_word(o, align);
  put_word(o, 0);
}

static void put_header(struct object *o, const struct pcln_elf_target *target,
                       uint64_t shoff, uint16_t n_sections) {
  const bool wide = o->ptr_size == 8;
  put16(o, ET_REL);
  put16(o, target->machine);
  put32(o, EV_CURRENT);
  put_word(o, 0); // e_entry
  put_word(o, 0); // e_phoff
  put_word(o, shoff);
  put32(o, target->flags);
  put16(o, wide ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr));
  put16(o, 0);
  put16(o, 0);
  put16(o, wide ? sizeof(Elf64_Shdr) : sizeof(Elf32_Shdr));
  put16(o, n_sections);
  put16(o, (uint16_t)(n_sections - 1)); // names are the last section
}

enum pcln_status pcln_elf_slot_object(int fd,
                                      const struct pcln_elf_target *target) {
  static const char names[] = "\0" PCLN_SLOT_SECTION "\0.note.GNU-stack"
                              "\0.note.gnu.property\0.shstrtab";
  enum {
    NAME_SLOT = 1,
    NAME_STACK = NAME_SLOT + sizeof PCLN_SLOT_SECTION,
    NAME_PROPERTY = NAME_STACK + sizeof ".note.GNU-stack",
    NAME_NAMES = NAME_PROPERTY + sizeof ".note.gnu.property",
  };
  struct object o = {.ptr_size = target->ptr_size,
                     .swap = target->big_endian !=
                             (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)};
  const uint8_t ident[EI_NIDENT] = {
      0x7f,
      'E',
      'L',
      'F',
      target->ptr_size == 8 ? ELFCLASS64 : ELFCLASS32,
      target->big_endian ? ELFDATA2MSB : ELFDATA2LSB,
      EV_CURRENT,
      ELFOSABI_NONE};
  put_bytes(&o, ident, sizeof ident);
  const size_t header = o.len;
  put_header(&o, target, 0, 0); // again when the offsets are known
  put_align(&o, SLOT_ALIGN);
  const size_t slot = o.len;
  put_note(&o, PCLN_SLOT_NOTE_NAME, sizeof PCLN_SLOT_NOTE_NAME,
           PCLN_SLOT_NOTE_TYPE, 0);
  const size_t slot_end = o.len;
  put_align(&o, 8);
  const size_t property = o.len;
  put_property(&o, target->machine);
  const size_t property_end = o.len;
  put_bytes(&o, names, sizeof names);
  const size_t names_end = o.len;
  put_align(&o, 8);
  const size_t shoff = o.len;
  const bool has_property = property_end > property;
  put_section(&o, 0, SHT_NULL, 0, 0, 0, 0);
  put_section(&o, NAME_SLOT, SHT_NOTE, SHF_ALLOC, slot, slot_end - slot,
              SLOT_ALIGN);
  put_section(&o, NAME_STACK, SHT_PROGBITS, 0, slot_end, 0, 1);
  if (has_property)
    put_section(&o, NAME_PROPERTY, SHT_NOTE, SHF_ALLOC, property,
                property_end - property, target->ptr_size);
  put_section(&o, NAME_NAMES, SHT_STRTAB, 0, property_end,
              names_end - property_end, 1);
  const size_t end = o.len;
  o.len = header;
  put_header(&o, target, shoff, has_property ? 5 : 4);
  for (size_t done = 0; done < end;) {
    const ssize_t n = write(fd, o.bytes + done, end - done);
    if (n <= 0)
      return PCLN_IO;
    done += (size_t)n;
  }
  return PCLN_OK;
}
