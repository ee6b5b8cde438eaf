// SPDX-License-Identifier: Apache-2.0
//
// FUNCDATA and PCDATA: what an assembler file, or inline assembly in C, tells
// the linker about a function, to be read back at run time or to guide a
// collector. docs/annotations.md is the manual.
//
//   FUNCDATA attaches bytes to the function in which it stands.
//   PCDATA sets a value that holds from this instruction on, up to the next
//   PCDATA of the same number or the function's end; -1 before the first.
//
// In files that the preprocessor sees (.S), after #include "funcdata.h":
//
//   FUNCDATA 12, long, 1, 2, 3           any data directive, without its dot
//   FUNCDATA 12, bits, 0, 3, 17          64 bits, of which these are set
//   FUNCDATA 13, asciz, "a string"
//   FUNCDATA_BEGIN 14                    whatever stands up to
//     .long 7                            FUNCDATA_END
//   FUNCDATA_END
//   POINTER_MAPS 1, 4, "dpsd", "ddpd"    words of the frame: see below
//   PCDATA 16, 42
//
// In other assembler files: .include "funcdata.inc", which defines the same.
//
// In C, inside a function:
//
//   FUNCDATA(12, long, 1, 2, 3);
//   PCDATA(16, 42);                      numbers known at compile time
//
// A call that a PCDATA is about stands behind it: a caller's pc is looked up at
// its return address minus one, which is inside of the call. An instruction of
// the function must follow each directive. A C function that is inlined takes
// its directives along; mark it noinline where that is not meant.
//
// Numbers for users: FUNCDATA 12 to 15, PCDATA 16 to 31. Others that may be
// written, with the form that is checked: FUNCDATA 0 and 1 (maps of arguments
// and locals), 5, 6, 9, 10; PCDATA 0, 1 (row of the maps), 3, 4.
//
// POINTER_MAPS takes the FUNCDATA's number, the words of a row and the rows, a
// letter for each word: d dead, s scalar, p pointer; m begins an item of
// several words, and the letter behind it says which: 0 string, 1 slice (whose
// third word is s), 2 interface with methods, 3 empty interface. The words of
// the locals (1) end below the return address, those of the arguments (0) begin
// above it; the first letter is the lowest word.
//
// Nothing of this is in the program's memory before the link is finished: the
// directives go to a section of debug information, .debug_pclntab.
#ifndef PCLNTAB_FUNCDATA_H
#define PCLNTAB_FUNCDATA_H

#ifdef __ASSEMBLER__
// clang-format off

.ifndef PCLN_POINTER_SIZE
.set PCLN_POINTER_SIZE, __SIZEOF_POINTER__
.endif
#include "funcdata.inc"
// clang-format on

#else // C

#if __SIZEOF_POINTER__ == 8
#define PCLN_ASM_ADDRESS(label) ".quad " label "\n"
#else
#define PCLN_ASM_ADDRESS(label) ".long " label ", 0\n"
#endif

// The record of format.h, "Annotations", of a kind, around a body. "?": in the
// group of the function's section, so that the linker drops both together.
#define PCLN_ASM_RECORD(kind, body)                                            \
  "770:\n.pushsection .debug_pclntab,\"?\",%%progbits\n"                       \
  "771: .short 0x4350\n.byte 1, " kind                                         \
  "\n.long 772f - 771b\n" PCLN_ASM_ADDRESS("770b") body "772:\n.popsection"

#define FUNCDATA(index, directive, ...)                                        \
  __asm__ volatile(PCLN_ASM_RECORD("1",                                        \
                                   ".long %c0, 774f - 773f\n773: ." #directive \
                                   " " #__VA_ARGS__ "\n774: .p2align 2\n")     \
                   :                                                           \
                   : "i"(index)                                                \
                   : "memory")
#define PCDATA(index, value)                                                   \
  __asm__ volatile(PCLN_ASM_RECORD("2", ".long %c0, %c1\n")                    \
                   :                                                           \
                   : "i"(index), "i"(value)                                    \
                   : "memory")

#endif
#endif
