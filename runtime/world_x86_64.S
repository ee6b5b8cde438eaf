// SPDX-License-Identifier: Apache-2.0
//
// x86-64: where a thread stands when it comes to a safepoint. The registers are
// those of the caller of these functions, as they will be when it goes on, so
// that the walk over its frames starts in the caller, whose frame stays, and
// not in a function of the runtime that has returned by then.

	.text

// Calls TARGET(context, arg) with the caller's registers, where `context` is
// world.c's struct pclnrt_context and `arg` is what the caller passes as its
// second argument.
	.macro WITH_CONTEXT target
	.cfi_startproc
	endbr64
	subq	$72, %rsp
	.cfi_adjust_cfa_offset 72
	movq	72(%rsp), %rax
	leaq	80(%rsp), %rdx
	movq	%rax, (%rsp)
	movq	%rdx, 8(%rsp)
	movq	%rbp, 16(%rsp)
	movq	%rbx, 24(%rsp)
	movq	%r12, 32(%rsp)
	movq	%r13, 40(%rsp)
	movq	%r14, 48(%rsp)
	movq	%r15, 56(%rsp)
	movq	%rdi, %rax
	movq	%rsp, %rdi
	call	\target
	addq	$72, %rsp
	.cfi_adjust_cfa_offset -72
	ret
	.cfi_endproc
	.endm

// void pclnrt_with_context(void (*fn)(const struct pclnrt_context *, void *),
//                          void *arg)
	.globl	pclnrt_with_context
	.hidden	pclnrt_with_context
	.type	pclnrt_with_context, @function
	.p2align 4
pclnrt_with_context:
	WITH_CONTEXT *%rax
	.size	pclnrt_with_context, . - pclnrt_with_context

// void pclnrt_gc_poll(void)
	.globl	pclnrt_gc_poll
	.type	pclnrt_gc_poll, @function
	.p2align 4
pclnrt_gc_poll:
	WITH_CONTEXT pclnrt_poll_from
	.size	pclnrt_gc_poll, . - pclnrt_gc_poll

// void pclnrt_gc_foreign_begin(void)
	.globl	pclnrt_gc_foreign_begin
	.type	pclnrt_gc_foreign_begin, @function
	.p2align 4
pclnrt_gc_foreign_begin:
	WITH_CONTEXT pclnrt_foreign_from
	.size	pclnrt_gc_foreign_begin, . - pclnrt_gc_foreign_begin

	.section .note.GNU-stack, "", @progbits
