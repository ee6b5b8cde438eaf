// SPDX-License-Identifier: Apache-2.0
//
// The input is a section .debug_pclntab. It is put into an ELF file with two
// functions and a variable, once as an object and once as a linked file, and
// read as the plugin reads the one and the pipeline the other, each with the
// other's records to count against.
#define _GNU_SOURCE
#include "src_annot.h"

#include "bytes.h"

#include <elf.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT = 0x1000, DATA = 0x2000, SIZE = 0x40, LIMIT = 1 << 16 };

struct file {
  Elf64_Ehdr head;
  Elf64_Phdr segments[3];
  Elf64_Shdr sections[7];
  Elf64_Sym symbols[5];
  Elf64_Rela relas[2];
  char names[128];
};

static const char k_names[] = "\0.debug_pclntab\0.text\0.symtab\0.strtab\0"
                              ".rela.debug_pclntab\0.note.gnu.gold-version\0"
                              "f\0g\0v\0t";
enum { // offsets in it
  N_ANNOT = 1,
  N_TEXT = 16,
  N_SYMTAB = 22,
  N_STRTAB = 30,
  N_RELA = 38,
  N_GOLD = 58,
  N_F = 81,
  N_G = 83,
  N_V = 85,
  N_T = 87
};

static void make_sections(struct file *x, size_t len, bool gold) {
  Elf64_Shdr *s = x->sections;
  s[1] = (Elf64_Shdr){.sh_name = N_ANNOT,
                      .sh_type = SHT_PROGBITS,
                      .sh_offset = sizeof *x,
                      .sh_size = len};
  s[2] = (Elf64_Shdr){.sh_name = N_TEXT,
                      .sh_type = SHT_NOBITS,
                      .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                      .sh_addr = TEXT,
                      .sh_size = 2 * SIZE};
  s[3] = (Elf64_Shdr){.sh_name = N_SYMTAB,
                      .sh_type = SHT_SYMTAB,
                      .sh_offset = offsetof(struct file, symbols),
                      .sh_size = sizeof x->symbols,
                      .sh_link = 4,
                      .sh_entsize = sizeof *x->symbols};
  s[4] = (Elf64_Shdr){.sh_name = N_STRTAB,
                      .sh_type = SHT_STRTAB,
                      .sh_offset = offsetof(struct file, names),
                      .sh_size = sizeof x->names};
  s[5] = (Elf64_Shdr){.sh_name = N_RELA,
                      .sh_type = SHT_RELA,
                      .sh_offset = offsetof(struct file, relas),
                      .sh_size = sizeof x->relas,
                      .sh_link = 3,
                      .sh_info = 1,
                      .sh_entsize = sizeof *x->relas};
  s[6] = (Elf64_Shdr){.sh_name = gold ? N_GOLD : N_TEXT,
                      .sh_type = SHT_NOTE,
                      .sh_offset = offsetof(struct file, names)};
}

static void make_file(struct file *x, size_t len, uint16_t type, bool gold) {
  const uint64_t text = type == ET_REL ? 0 : TEXT;
  *x = (struct file){
      .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
               .e_type = type,
               .e_machine = EM_X86_64,
               .e_version = 1,
               .e_phoff = offsetof(struct file, segments),
               .e_shoff = offsetof(struct file, sections),
               .e_ehsize = sizeof(Elf64_Ehdr),
               .e_phentsize = sizeof(Elf64_Phdr),
               .e_phnum = type == ET_REL ? 0 : 3,
               .e_shentsize = sizeof(Elf64_Shdr),
               .e_shnum = 7,
               .e_shstrndx = 4},
      .segments =
          {{.p_type = PT_LOAD,
            .p_flags = 5,
            .p_vaddr = TEXT,
            .p_memsz = 2 * SIZE},
           {.p_type = PT_LOAD, .p_flags = 6, .p_vaddr = DATA, .p_memsz = SIZE},
           {.p_type = PT_TLS, .p_flags = 4, .p_vaddr = DATA, .p_memsz = SIZE}},
      .symbols = {{0},
                  {N_F, STT_FUNC, 0, 2, text, SIZE},
                  {N_G, STT_FUNC, 0, 2, text + SIZE, SIZE},
                  {N_V, STT_OBJECT, 0, 1, DATA, SIZE},
                  {N_T, STT_TLS, 0, 1, 0, SIZE}},
      .relas = {{PCLN_ANNOT_ADDRESS, ELF64_R_INFO(1, 1), 0},
                {PCLN_ANNOT_ADDRESS + 24, ELF64_R_INFO(2, 1), 4}}};
  memcpy(x->names, k_names, sizeof k_names);
  make_sections(x, len, gold);
}

static struct pcln_elf *open_file(const struct file *x, const uint8_t *data,
                                  size_t len) {
  struct pcln_elf *elf = NULL;
  const int fd = memfd_create("fuzz", 0);
  if (fd < 0 || write(fd, x, sizeof *x) != (ssize_t)sizeof *x ||
      write(fd, data, len) != (ssize_t)len ||
      pcln_elf_open_range("fuzz", fd, 0, sizeof *x + len, NULL, &elf) !=
          PCLN_OK)
    abort();
  close(fd);
  return elf;
}

static void link_file(struct pcln_elf *elf,
                      const struct pcln_annot_inputs *inputs) {
  struct pcln_module m;
  struct pcln_source_stats stats = {0};
  const struct pcln_source_options o = {.threads = 1, .annotations = inputs};
  static const char *const names[] = {"f", "g"};
  struct pcln_stream s;
  pcln_module_init(&m);
  m.machine = EM_X86_64;
  pcln_stream_init(&s, 1);
  for (unsigned i = 0; i < 2; i++) {
    struct pcln_func_def f = {.va = TEXT + i * SIZE,
                              .size = SIZE,
                              .cu = PCLN_NO_CU,
                              .name = names[i],
                              .args = PCLN_ARGS_UNKNOWN};
    pcln_stream_reset(&s);
    pcln_stream_add(&s, 4, 0);
    pcln_stream_add(&s, SIZE, 24);
    if (pcln_stream_end(&s, &m.arena, &f.pcsp) != PCLN_OK ||
        pcln_module_add_func(&m, &f) != PCLN_OK)
      abort();
  }
  if (pcln_src_annot(elf, &m, &o, &stats) == PCLN_OK) {
    const struct pcln_encode_options eo = {.layout = PCLN_GO_120, .threads = 1};
    uint8_t *bytes;
    size_t len;
    struct pcln_table t;
    // What was taken makes a table, and a sound one but for what only the
    // verifier knows of (pairs).
    if (pcln_encode(&m, &eo, NULL, &bytes, &len, NULL) == PCLN_OK) {
      if (pcln_open(&t, bytes, len, NULL, NULL) != PCLN_OK)
        abort();
      (void)pcln_verify(&t, NULL);
      free(bytes);
    }
  }
  pcln_stream_free(&s);
  pcln_module_free(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 1 || size > LIMIT)
    return 0;
  const bool gold = data[0] & 1, counted = data[0] & 2;
  struct file x;
  struct pcln_annot_inputs inputs = {0};
  make_file(&x, size - 1, ET_REL, gold);
  struct pcln_elf *object = open_file(&x, data + 1, size - 1);
  (void)!pcln_annot_inputs_add(&inputs, object, "fuzz.o", NULL);
  make_file(&x, size - 1, ET_EXEC, gold);
  struct pcln_elf *linked = open_file(&x, data + 1, size - 1);
  link_file(linked, counted ? &inputs : NULL);
  pcln_elf_close(linked);
  pcln_elf_close(object);
  pcln_annot_inputs_free(&inputs);
  return 0;
}
