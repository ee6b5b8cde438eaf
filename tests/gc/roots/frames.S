/* SPDX-License-Identifier: Apache-2.0
 *
 * Functions with pointer maps, each with a frame of its own shape. All but the
 * last two are called as f(words, fn, arg): they put words[] into their frame,
 * call fn(arg), and put the frame's words back.
 */
#include "records.inc"

	.macro enter_fp
	pushq	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	pushq	%r12
	.cfi_offset %r12, -24
	.endm
	.macro leave_fp
	leaq	-8(%rbp), %rsp
	popq	%r12
	popq	%rbp
	.cfi_def_cfa %rsp, 8
	ret
	.endm

/* Words 0 to 3: pointer, dead, scalar, pointer. */
	hold_words hold, 48, 8, 4
	area	RSP, 8, 4, 0b10010010
	finish	hold

/* Every kind, the slice across the 16th entry:
 *   0 dead, 1 scalar, 2 pointer, 3-4 string, 5-6 iface, 7-8 eface, 9 pointer,
 *   10 scalar, 11 dead, 12 dead, 13 scalar, 14-16 slice, 17 pointer */
	hold_words hold_kinds, 160, 0, 18
	area	RSP, 0, 18, 0b11100100, 0b11101100, 0b00011011, 0b01110100, 0b1001
	finish	hold_kinds

/* The frame found by rbp; its size is not constant. Words as in hold. */
	begin	hold_fp
	enter_fp
	subq	$40, %rsp
	movq	%rdi, %r12
	fill	0, 4
	movq	24(%rdi), %rax
	andq	$15, %rax
	leaq	64(%rax), %rcx
	andq	$-16, %rcx
	subq	%rcx, %rsp
	call_fn
.Lhold_fp_ret:
	.set i, 0
	.rept 4
	movq	-48+8*i(%rbp), %rax
	movq	%rax, 8*i(%r12)
	.set i, i + 1
	.endr
	leave_fp
	end	hold_fp
	only_point hold_fp, 0, 1
	area	RBP, -48, 4, 0b10010010
	finish	hold_fp

/* Realigned: only SP tells where the words are. Words as in hold. */
	begin	hold_aligned
	enter_fp
	subq	$120, %rsp
	andq	$-128, %rsp
	movq	%rdi, %r12
	fill	32, 4
	call_fn
.Lhold_aligned_ret:
	give_back 32, 4
	leave_fp
	end	hold_aligned
	only_point hold_aligned, 0, 1
	area	RSP, 32, 4, 0b10010010
	finish	hold_aligned

/* A pointer in the second word that the caller passes on the stack, which it
 * calls: hold_args(words, fn, arg), and in itself nothing. */
	begin	hold_args
	enter	32
	pushq	8(%rdi)
	.cfi_adjust_cfa_offset 8
	pushq	0(%rdi)
	.cfi_adjust_cfa_offset 8
	call	take_args
.Lhold_args_ret:
	popq	0(%r12)
	.cfi_adjust_cfa_offset -8
	popq	8(%r12)
	.cfi_adjust_cfa_offset -8
	leave_frame 32
	end	hold_args
	only_point hold_args, 0, 0
	finish	hold_args

	begin	take_args
	subq	$24, %rsp
	.cfi_adjust_cfa_offset 24
	call_fn
.Ltake_args_ret:
	addq	$24, %rsp
	.cfi_adjust_cfa_offset -24
	ret
	end	take_args
	only_point take_args, 0, 1
	area	RSP, 32, 2, 0b1001
	finish	take_args

/* Passes ~words[0], a pointer that is nowhere else, on the stack to fn: fn(arg,
 * .., 7th), and holds words[1], a pointer, above it. */
	begin	pass
	enter	32
	movq	8(%rdi), %rax
	movq	%rax, 16(%rsp)
	movq	0(%rdi), %rax
	notq	%rax
	movq	%rax, 0(%rsp)
	call_fn
.Lpass_ret:
	movq	16(%rsp), %rax
	movq	%rax, 8(%r12)
	leave_frame 32
	end	pass
	only_point pass, 0, 1
	area	RSP, 16, 1, 0b10
	finish	pass

/* Words 0 and 1: a base, and a pointer derived from it; 2: alone. */
	hold_words hold_pair, 48, 0, 3, n_pairs=1
	area	RSP, 0, 3, 0b101010
	pair	RSP, 0, 8
	finish	hold_pair

/* Word 1 is derived from word 0 in the first call, from 2 in the second. */
	begin	hold_pairs_in_turn
	enter	48
	fill	0, 3
	movq	%rsi, 24(%rsp)
	movq	%rdx, 32(%rsp)
	call_fn
.Lhold_pairs_in_turn_ret:
	movq	32(%rsp), %rdi
	call	*24(%rsp)
.Lhold_pairs_in_turn_ret2:
	give_back 0, 3
	leave_frame 48
	end	hold_pairs_in_turn
	safepoints hold_pairs_in_turn, 2
	point	hold_pairs_in_turn, .Lhold_pairs_in_turn_ret, 0, 1, 1
	area	RSP, 0, 3, 0b101010
	pair	RSP, 0, 8
	point	hold_pairs_in_turn, .Lhold_pairs_in_turn_ret2, 0, 1, 1
	area	RSP, 0, 3, 0b101010
	pair	RSP, 16, 8
	finish	hold_pairs_in_turn

/* Declared not to collect. */
	begin	hold_leaf
	enter	32
	call_fn
.Lhold_leaf_ret:
	leave_frame 32
	end	hold_leaf
	only_point hold_leaf, NO_COLLECT, 0
	finish	hold_leaf

/* Two calls with other words live: first 0, then 1. */
	begin	hold_in_turn
	enter	32
	fill	0, 2
	movq	%rsi, 16(%rsp)
	movq	%rdx, 24(%rsp)
	call_fn
.Lhold_in_turn_ret:
	movq	24(%rsp), %rdi
	call	*16(%rsp)
.Lhold_in_turn_ret2:
	give_back 0, 2
	leave_frame 32
	end	hold_in_turn
	safepoints hold_in_turn, 2
	point	hold_in_turn, .Lhold_in_turn_ret, 0, 1
	area	RSP, 0, 2, 0b0010
	point	hold_in_turn, .Lhold_in_turn_ret2, 0, 1
	area	RSP, 0, 2, 0b1000
	finish	hold_in_turn

/* keep_in_R(~word, fn, arg): without a map, as compilers that know nothing of us
 * make them. It has the word in register R alone, and so has nobody. */
	.macro keeper reg
	begin	keep_in_\reg
	pushq	%\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %\reg, 0
	movq	%rdi, %\reg
	notq	%\reg
	xorl	%edi, %edi
	call_fn
	movq	%\reg, %rax
	popq	%\reg
	.cfi_adjust_cfa_offset -8
	ret
	end	keep_in_\reg
	.endm
	.irp	reg, rbx, rbp, r12, r13, r14, r15
	keeper	\reg
	.endr

/* With maps, and saves registers for its caller: save_registers(words, fn,
 * arg). */
	begin	save_registers
	.irp	reg, rbx, rbp, r12, r13, r14, r15
	pushq	%\reg
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %\reg, 0
	xorq	%\reg, %\reg
	.endr
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	xorl	%edi, %edi
	call_fn
.Lsave_registers_ret:
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	.irp	reg, r15, r14, r13, r12, rbp, rbx
	popq	%\reg
	.cfi_adjust_cfa_offset -8
	.endr
	ret
	end	save_registers
	only_point save_registers, 0, 0
	finish	save_registers

/* on_stack(words, fn, arg, top): `hold` on another stack, whose outermost
 * function it is. */
	begin	on_stack
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	movq	%rsp, %rbx
	.cfi_def_cfa_register %rbx
	leaq	-16(%rcx), %rsp
	leaq	.Lback(%rip), %rax
	movq	%rax, coroutine_back(%rip)
	pushq	$0
	jmp	coroutine
.Lback:
	movq	%rbx, %rsp
	.cfi_def_cfa_register %rsp
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	ret
	end	on_stack

	begin	coroutine
	enter	48
	fill	8, 4
	call_fn
.Lcoroutine_ret:
	give_back 8, 4
	movq	48(%rsp), %r12
	jmp	*coroutine_back(%rip)
	end	coroutine
	only_point coroutine, 0, 1
	area	RSP, 8, 4, 0b10010010
	finish	coroutine

/* Has maps, but is interrupted where none holds. */
	begin	trap
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	ud2
	call	.Lnothing
.Ltrap_ret:
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
.Lnothing:
	ret
	end	trap
	only_point trap, 0, 1
	area	RSP, 0, 1, 0b10
	finish	trap

/* no_cfi(fn, arg): nothing says how large its frame is. */
	.globl	no_cfi
	.type	no_cfi, @function
no_cfi:
	subq	$24, %rsp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax
	addq	$24, %rsp
	ret
	.size	no_cfi, . - no_cfi

	.local	coroutine_back
	.comm	coroutine_back, 8, 8
	.section .note.GNU-stack, "", @progbits
