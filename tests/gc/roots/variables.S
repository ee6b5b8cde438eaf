/* SPDX-License-Identifier: Apache-2.0
 *
 * Variables with references, in static storage and in each thread's own:
 *   NAME_table  3 times {reference, scalar}
 *   NAME_text   {scalar, string}
 *   NAME_own    {scalar, reference}, thread-local
 * Assembled for a program and for a plug-in, whose names begin with NAME.
 */
#define PASTE2(a, b) a##b
#define PASTE(a, b) PASTE2(a, b)
#define TABLE PASTE(NAME, _table)
#define TEXT PASTE(NAME, _text)
#define OWN PASTE(NAME, _own)

	.macro variable name, size
	.globl	\name
	.type	\name, @object
	.size	\name, \size
	.p2align 3
\name:	.zero	\size
	.endm
	.macro root name, address, flags, n_words, repeat, codes
	.pushsection .debug_pclntab, "", %progbits
8880:	.short 0x4350
	.byte 1, 4
	.long 8889f - 8880b
	.quad \address
	.long \flags, \n_words, \repeat, 8882f - 8881f
	.byte \codes
	.p2align 2
8881:	.asciz "\name"
8882:	.p2align 2
8889:	.popsection
	.endm

	.data
	variable TABLE, 48
	.bss
	variable TEXT, 24
	.section .tbss, "awT", @nobits
	.zero 8
	.globl	OWN
	.type	OWN, @object
	.size	OWN, 16
	.p2align 3
OWN:	.zero	16

	root TABLE, TABLE, 0, 2, 3, 0b0110
	root TEXT, TEXT, 0, 3, 1, 0b001101
	root OWN, OWN@dtpoff, 1, 2, 1, 0b1001

#ifndef NO_CODE
	.text
	.globl	PASTE(NAME, _code)
	.type	PASTE(NAME, _code), @function
PASTE(NAME, _code):
	.cfi_startproc
	ret
	.cfi_endproc
	.size	PASTE(NAME, _code), . - PASTE(NAME, _code)
#endif
	.section .note.GNU-stack, "", @progbits
