/* SPDX-License-Identifier: Apache-2.0
 *
 * The same by directives (funcdata.h): two-bit maps with every kind of entry,
 * and the record of July 2013. All are called as f(words, fn, arg): they put
 * words[] into their frame, from SP, call fn(arg), and put the words back.
 */
#include "funcdata.h"
#include "records.inc"

/* 0 dead, 1 scalar, 2 pointer, 3-4 string, 5-6 iface, 7-8 eface, 9 pointer,
 * 10 scalar, 11 dead, 12 dead, 13 scalar, 14-16 slice, 17 pointer; and three
 * words of the function's own, r12 in the last. */
	begin	d_kinds
	POINTER_MAPS 1, 21, "dspm0m2m3psddsm1spsss"
	PCDATA	1, 0
	enter	160
	fill	0, 18
	call_fn
	give_back 0, 18
	leave_frame 160
	end	d_kinds

/* fn is called twice: before the first PCDATA row 0 holds. */
	begin	d_rows
	POINTER_MAPS 1, 5, "pssss", "spsss"
	enter	32
	fill	0, 2
	movq	%rsi, 16(%rsp)
	movq	%rdx, 24(%rsp)
	call_fn
	movq	24(%rsp), %rdi
	PCDATA	1, 1
	call	*16(%rsp)
	give_back 0, 2
	leave_frame 32
	end	d_rows

/* A map without rows: there is nothing to scan. */
	begin	d_empty
	FUNCDATA 1, long, 0, 0
	enter	32
	fill	0, 4
	call_fn
	give_back 0, 4
	leave_frame 32
	end	d_empty

	begin	d_leaf
	POINTER_MAPS 1, 5, "sssss"
	PCDATA	1, -2
	enter	32
	call_fn
	leave_frame 32
	end	d_leaf

/* The record of 2013: of the frame's 7 words, the upper 4 (2, 3, SP's last and
 * r12) are variables. */
	begin	d_locals
	FUNCDATA 10, long, 32, 0
	enter	48
	fill	0, 4
	movq	0(%r12), %rax
	movq	%rax, 0(%rsp)
	movq	16(%r12), %rax
	movq	%rax, 24(%rsp)
	movq	$0, 16(%rsp)
	movq	$0, 32(%rsp)
	movq	$0, 40(%rsp)
	call_fn
	leave_frame 48
	end	d_locals

/* No record, no map: words[0] in the lowest word, words[1] in the highest. */
	begin	d_nothing
	enter	32
	movq	0(%rdi), %rax
	movq	%rax, 0(%rsp)
	movq	8(%rdi), %rax
	movq	%rax, 24(%rsp)
	call_fn
	leave_frame 32
	end	d_nothing

/* Calls a function with words[0] and words[1] on the stack. */
	.macro passes f, g
	begin	\f
	POINTER_MAPS 1, 7, "sssssss"
	PCDATA	1, 0
	enter	32
	pushq	8(%rdi)
	.cfi_adjust_cfa_offset 8
	pushq	0(%rdi)
	.cfi_adjust_cfa_offset 8
	call	\g
	addq	$16, %rsp
	.cfi_adjust_cfa_offset -16
	leave_frame 32
	end	\f
	.endm
	.macro calls
	subq	$24, %rsp
	.cfi_adjust_cfa_offset 24
	call_fn
	addq	$24, %rsp
	.cfi_adjust_cfa_offset -24
	ret
	.endm
	.macro takes g, values:vararg
	begin	\g
	FUNCDATA 10, long, \values
	calls
	end	\g
	.endm

/* Its arguments have a map: a string. */
	begin	d_takes_string
	POINTER_MAPS 0, 2, "m0"
	POINTER_MAPS 1, 3, "sss"
	PCDATA	1, 0
	calls
	end	d_takes_string

	passes	d_string_arg, d_takes_string
	passes	d_second_arg, d_takes_second
	passes	d_any_arg, d_takes_any
	passes	d_counted_in_bits, d_takes_bits
	takes	d_takes_second, 0, 1, 0b10
	takes	d_takes_any, 0, 0
	takes	d_takes_bits, 0, 2, 0b10

	.section .note.GNU-stack, "", @progbits
