// SPDX-License-Identifier: Apache-2.0
//
// x86-64: the caller's registers into the unwinder, and raw system calls. Both
// need what C cannot name: the stack pointer as it is before the call, and the
// registers of the kernel's convention. The rest of what is particular to this
// machine is in context_x86_64.h.

	.text

// Calls TARGET(arg1, [arg2,] caller's pc, sp and fp) as a tail call, so that
// the walk starts in the caller and no frame of ours is below it.

// void pclnrt_cursor_here(struct pclnrt_cursor *c)
	.globl	pclnrt_cursor_here
	.type	pclnrt_cursor_here, @function
	.p2align 4
pclnrt_cursor_here:
	.cfi_startproc
	endbr64
	movq	(%rsp), %rsi
	leaq	8(%rsp), %rdx
	movq	%rbp, %rcx
	jmp	pclnrt_cursor_init
	.cfi_endproc
	.size	pclnrt_cursor_here, . - pclnrt_cursor_here

// size_t pclnrt_backtrace(uint64_t *pcs, size_t n)
	.globl	pclnrt_backtrace
	.type	pclnrt_backtrace, @function
	.p2align 4
pclnrt_backtrace:
	.cfi_startproc
	endbr64
	movq	(%rsp), %rdx
	leaq	8(%rsp), %rcx
	movq	%rbp, %r8
	jmp	pclnrt_backtrace_from
	.cfi_endproc
	.size	pclnrt_backtrace, . - pclnrt_backtrace

// long pclnrt_syscall(long number, long a, long b, long c, long d, long e,
//                     long f)
// Returns what the kernel returns: -errno on failure. libc's syscall() would
// write errno, which belongs to the code that a signal interrupted.
	.globl	pclnrt_syscall
	.hidden	pclnrt_syscall
	.type	pclnrt_syscall, @function
	.p2align 4
pclnrt_syscall:
	.cfi_startproc
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsi
	movq	%rcx, %rdx
	movq	%r8, %r10
	movq	%r9, %r8
	movq	8(%rsp), %r9
	syscall
	ret
	.cfi_endproc
	.size	pclnrt_syscall, . - pclnrt_syscall

	.section .note.GNU-stack, "", @progbits
